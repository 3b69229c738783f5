/* SPDX-License-Identifier: MIT */
/*
 * inotify, inside: an instance has watches and a queue of events; a watch joins an instance and an inode.
 *
 * Life of a watch: inotify_add ──► linked (in its inode's list, its instance's tree, its super's list; counts the inode)
 *   ──► unlinked by inotify_rm_watch, by its own first event (IN_ONESHOT), with the inode's last name, by umount, or with
 *   the instance ──► freed after a grace period.
 *
 * Who tells of an event walks the inode's list in an RCU read section, without a lock, and so may still stand on a watch
 * that is unlinked: its queue is there as long, for an instance too is freed after a grace period. That nothing follows
 * IN_IGNORED is the work of `over`, which is set in the same section of the queue's lock that puts that event there.
 *
 *   a file is written (RCU)                 inotify_rm_watch
 *   finds watch w in the inode's list
 *                                           watch_lock: unlinks w
 *                                           queue lock: w->over, IN_IGNORED
 *   queue lock: w->over, so no event
 *                                           inode_put, rcu_call(w)
 *   lets go of w                            (grace period) frees w
 *
 * Locks: watch_lock covers what is linked, of all instances; it is taken for changes only. The instance's lock, behind
 * it, covers the queue. Both are held for a few instructions; memory under them is asked for without waiting, and when
 * there is none the queue overflows.
 */
#ifndef FS_INOTIFY_INTERNAL_H
#define FS_INOTIFY_INTERNAL_H

#include "fs/inotify.h"
#include "lib/rbtree.h"

struct inotify_event_k { /* one that waits to be read */
    struct list link;
    s32 wd;
    u32 mask, cookie;
    u32 len; /* of the name, without its end */
    char name[];
};
struct inotify {
    struct spinlock lock;   /* LOCK_INOTIFY_QUEUE: the queue */
    struct list events;     /* (lock) */
    u64 count, bytes;       /* of events; as they are read (lock) */
    u64 max;                /* as it was when this was made */
    bool overflown, closed; /* the overflow waits in the queue; nobody will read any more (lock) */
    struct waitq wait;
    struct rb_root watches; /* by number (watch_lock) */
    s32 last_wd;            /* (watch_lock) */
    struct user_files *user;
    struct rcu_head rcu;
    struct inotify_event_k *overflow; /* there before it is needed */
};
struct inotify_watch {
    struct inotify *group;
    struct inode *inode;        /* counted while linked */
    struct inotify_watch *next; /* of the inode (watch_lock; RCU) */
    struct list in_super;       /* (watch_lock) */
    struct rb_node node;        /* (watch_lock) */
    s32 wd;
    u32 mask;                   /* events, IN_ONESHOT, IN_EXCL_UNLINK (watch_lock; read freely) */
    bool linked;                /* (watch_lock) */
    bool over;                  /* its IN_IGNORED is in the queue (group->lock) */
    struct inotify_watch *gone; /* unlinked, and to be let go of */
    struct rcu_head rcu;
};

extern struct spinlock inotify_watch_lock; /* LOCK_INOTIFY */

/* watch_lock held. Unlinks w, unless that is done, and puts it on a list for inotify_let_go, called without locks. */
void inotify_unlink(struct inotify_watch *w, struct inotify_watch **gone);
void inotify_let_go(struct inotify_watch *gone);

/* ---- the queue (fs/inotify_queue.c) ---- */
extern const struct file_ops inotify_file_ops;
int inotify_queue_init(struct inotify *g); /* -ENOMEM */
/* One event, and, when it is the last one of w, IN_IGNORED behind it. mask 0: only that. */
void inotify_push(struct inotify_watch *w, u32 mask, const char *name, u32 len, u32 cookie, bool last);
void inotify_queue_close(struct inotify *g);
void inotify_release(struct file *f);
void inotify_show(struct file *f, struct seq_buf *s);

#endif
