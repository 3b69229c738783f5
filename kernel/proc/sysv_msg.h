/* SPDX-License-Identifier: MIT */
/* System V message queues: sys_msg.c is their thin door. */
#ifndef PROC_SYSV_MSG_H
#define PROC_SYSV_MSG_H

#include "proc/ipc.h"

struct ipc_message {
    struct list link;
    s64 type;
    size_t size;
    u8 text[];
};
struct ipc_message *msg_alloc(s64 type, size_t size); /* NULL: no memory; kfree() */
int msg_check_size(size_t size);                      /* -EINVAL: more than sys/kernel/msgmax */
int msg_get(s32 key, u32 flags);
int msg_send(int id, struct ipc_message *m, u32 flags); /* takes m over on success only */
/* The first that fits `type` and the MSG_* flags, to be kfree()d. -E2BIG (it stays), -ENOMSG, -EIDRM … */
int msg_receive(int id, size_t room, s64 type, u32 flags, struct ipc_message **out);
int msg_stat(int id, int cmd, struct msqid64_ds *out); /* IPC_STAT, MSG_STAT, MSG_STAT_ANY: 0 or the id */
int msg_set(int id, const struct msqid64_ds *ds);
int msg_remove(int id);
int msg_info(int cmd, struct msginfo *out); /* the last slot */

#endif
