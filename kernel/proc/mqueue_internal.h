/* SPDX-License-Identifier: MIT */
/* What mqueue.c and mqueue_fs.c share. */
#ifndef PROC_MQUEUE_INTERNAL_H
#define PROC_MQUEUE_INTERNAL_H

#include "lib/rbtree.h"
#include "proc/mqueue.h"
#include "proc/process.h"

struct mqueue {
    struct inode vfs;
    struct spinlock lock; /* LOCK_MQUEUE */
    u64 max_messages, max_size;
    struct rb_root messages; /* (lock) the highest priority first, of equals the oldest */
    u64 count, bytes;        /* (lock) of them */
    struct list senders;     /* (lock) struct mq_waiter: while it is full; the most urgent thread first */
    struct list receivers;   /* (lock) … while it is empty */
    struct waitq poll;       /* poll and epoll: nobody else waits here */

    struct process *notify_owner; /* (lock) counted; NULL: nobody asked */
    struct sigevent notify;       /* (lock) */
    u32 notify_exec_id;           /* (lock) what program of the owner asked */

    struct user *user; /* who pays `charge` of RLIMIT_MSGQUEUE; counted */
    u64 charge;

    const struct dname *name; /* (the directory's lock) */
    struct rb_node by_name;   /* (the directory's lock) */
    struct list by_age;       /* (the directory's lock) */
    u64 pos;                  /* in the directory */
};

extern const struct file_ops mqueue_file_ops;
/* How much of RLIMIT_MSGQUEUE a queue takes: everything that may come to lie in it. false: more than can be counted. */
bool mq_cost(u64 max_messages, u64 max_size, u64 *out);
void mq_setup(struct mqueue *q, u64 max_messages, u64 max_size);
void mq_end(struct mqueue *q); /* the last user went */

#endif
