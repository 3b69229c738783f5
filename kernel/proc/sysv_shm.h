/* SPDX-License-Identifier: MIT */
/* System V shared memory: sys_ipc.c is its thin door. */
#ifndef PROC_SYSV_SHM_H
#define PROC_SYSV_SHM_H

#include "proc/ipc.h"

int shm_get(s32 key, u64 size, u32 flags);
int shm_attach(int id, uaddr_t addr, u32 flags, uaddr_t *out);
int shm_detach(uaddr_t addr);
int shm_stat(int id, int cmd, struct shmid64_ds *out); /* IPC_STAT, SHM_STAT, SHM_STAT_ANY: 0 or the id */
int shm_set(int id, const struct shmid64_ds *ds);
int shm_remove(int id);
int shm_lock(int id, bool on);
int shm_limits(struct shminfo64 *out); /* the last slot */
int shm_info(struct shm_info *out);    /* the last slot */

#endif
