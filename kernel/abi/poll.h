/* SPDX-License-Identifier: MIT */
/* poll(2), select(2), epoll(7), eventfd(2). */
#ifndef ABI_POLL_H
#define ABI_POLL_H

#ifdef SLIPWAY_HOST
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#else
#include <linux/eventpoll.h>
#include <linux/poll.h>

#define FD_SETSIZE 1024
typedef struct {
    unsigned long fds_bits[FD_SETSIZE / 64];
} fd_set;
_Static_assert(sizeof(fd_set) == 128, "fd_set");

#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC 02000000
#define EFD_NONBLOCK 04000
#endif
_Static_assert(sizeof(struct pollfd) == 8, "struct pollfd");
_Static_assert(sizeof(struct epoll_event) == 12, "struct epoll_event is packed on x86_64");

#endif
