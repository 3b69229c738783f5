/* SPDX-License-Identifier: MIT */
/* System V IPC: shmget(2), semget(2), msgget(2) and their kin. */
#ifndef ABI_IPC_H
#define ABI_IPC_H

#include <linux/ipc.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/shm.h>

#define SHM_DEST 01000 /* in shm_perm.mode: goes with its last attachment */
#define SHM_LOCKED 02000

_Static_assert(sizeof(struct ipc64_perm) == 48, "struct ipc64_perm");
_Static_assert(sizeof(struct shmid64_ds) == 112, "struct shmid64_ds");
_Static_assert(sizeof(struct semid64_ds) == 104, "struct semid64_ds");
_Static_assert(sizeof(struct msqid64_ds) == 120, "struct msqid64_ds");

#endif
