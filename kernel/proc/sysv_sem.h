/* SPDX-License-Identifier: MIT */
/* System V semaphores: sys_sem.c is their thin door. */
#ifndef PROC_SYSV_SEM_H
#define PROC_SYSV_SEM_H

#include "proc/ipc.h"
#include "proc/process.h"

#define SEM_OPS_MAX 500u /* a call */
#define SEM_VALUE_MAX 32767
#define SEM_SET_MAX 32000u

int sem_get(s32 key, int count, u32 flags);
/* deadline: NS_FOREVER: none. -EAGAIN also when it has passed. */
int sem_operate(int id, struct sembuf *ops, u32 count, ns_t deadline);
int sem_stat(int id, int cmd, struct semid64_ds *out); /* IPC_STAT, SEM_STAT, SEM_STAT_ANY: 0 or the id */
int sem_set(int id, const struct semid64_ds *ds);
int sem_remove(int id);
int sem_ask(int id, u32 num, int cmd); /* GETVAL, GETPID, GETNCNT, GETZCNT */
int sem_set_value(int id, u32 num, int value);
int sem_all(int id, u16 *values, u32 count, bool set); /* count: what sem_count() told */
int sem_count(int id, u32 wanted);                     /* semaphores of the set */
int sem_info(int cmd, struct seminfo *out);            /* the last slot */
struct thread;
int sem_share(struct thread *child); /* CLONE_SYSVSEM: a new thread shares what the caller has to undo; -ENOMEM */
void sem_leave(struct thread *t);    /* its SEM_UNDO is done if it was the last that shares it */
u32 sem_ops_max(void);               /* of a call */

#endif
