/* SPDX-License-Identifier: MIT */
/* epoll(7): fs/epoll.c. */
#ifndef FS_EPOLL_H
#define FS_EPOLL_H

#include "fs/vfs.h"

struct epoll_event_k {
    u32 events;
    u64 data;
};
extern u64 epoll_max_watches; /* of a user: /proc/sys/fs/epoll/max_user_watches, which proc/ sets */
int epoll_create_file(u32 flags, struct file **out);
int epoll_control(struct file *ep, int op, struct file *f, u32 fd, const struct epoll_event_k *ev);
/* Up to max events (struct epoll_event) to `to`; deadline as sleep_until. Count, -EINTR, -EFAULT. */
int epoll_collect(struct file *ep, uaddr_t to, u32 max, ns_t deadline);
bool file_is_epoll(const struct file *f);
void epoll_file_released(struct file *f); /* f's last reference goes: it leaves every set */

/* kcmp(2): which file the nth item of descriptor fd watches; only to be compared. -EINVAL, -ENOENT. */
int epoll_target(struct file *epf, u32 fd, u32 nth, const void **out);

#endif
