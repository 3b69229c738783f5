/* SPDX-License-Identifier: MIT */
/* Sets of sets: what epoll.c and epoll_nest.c share. */
#ifndef FS_EPOLL_NEST_H
#define FS_EPOLL_NEST_H

#include "fs/epoll.h"
#include "sched/mutex.h"

struct epoll {
    refcount_t refs;
    struct mutex lock;
    struct rb_root items; /* (lock) */
    struct spinlock ready_lock;
    struct list ready; /* (ready_lock) */
    u32 scans; /* (lock) one for each beginning and end: odd while somebody has taken the list to look through */
    struct waitq wait;      /* epoll_wait */
    struct waitq poll_wait; /* who polls the epoll itself */
    struct file *file;
    struct user_files *user;          /* who made it, and pays for its items; NULL: nobody counts */
    u64 checked;                      /* (nest_lock) number of the check for loops that looked at it last, ... */
    int checked_level, checked_depth; /* ... from where, and what it found */
};

struct epoll_item {
    struct rb_node node;    /* epoll.items */
    struct list ready_link; /* epoll.ready, or the list of a scan; self-linked: neither (ready_lock) */
    struct list file_link;  /* file.epoll_links (links_lock) */
    struct epoll *ep;
    struct file *file;
    u32 fd;
    struct epoll_event_k event; /* (lock) EPOLLERR and EPOLLHUP are in it, but for one that is disarmed */
    struct epoll_entry *entries;
    bool no_memory; /* an entry could not be made */
};

extern struct spinlock epoll_links_lock;
extern struct mutex epoll_nest_lock;

/* (epoll_nest_lock) -ELOOP: f, an epoll, may not be added to ep: a loop, or too many levels. */
int epoll_check_nesting(struct epoll *ep, struct file *f);
/* (epoll_nest_lock) After f was added to an epoll: may there be as many ways up from it, and from what is below it? */
bool epoll_ways_allowed(struct file *f);

#endif
