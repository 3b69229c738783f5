/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous I/O, io_setup(2): contexts, their rings of events, and requests that wait for a file to be ready.
 * syscall/sys_aio.c takes the requests apart and does what can be done at once.
 */
#ifndef PROC_AIO_H
#define PROC_AIO_H

#include "abi/aio.h"
#include "fs/vfs.h"

struct aio_ctx;
/* One request under way: has a place in the ring. Filled by aio_begin. */
struct aio_request {
    struct aio_ctx *ctx;  /* counted */
    struct file *eventfd; /* to be signalled at the end; counted, or NULL */
    u64 obj, data;        /* of the event */
};

int aio_setup(u32 events, uaddr_t *out);        /* -EINVAL, -EAGAIN, -ENOMEM */
int aio_destroy(uaddr_t at);                    /* -EINVAL; waits for what is under way */
int aio_find(uaddr_t at, struct aio_ctx **out); /* of the calling process: a reference, or -EINVAL */
void aio_put(struct aio_ctx *ctx);
u32 aio_ring_size(const struct aio_ctx *ctx);

/* -EAGAIN: no place. Then aio_complete or aio_forget. */
int aio_begin(struct aio_ctx *ctx, struct aio_request *r);
void aio_complete(struct aio_request *r, s64 result); /* process context */
void aio_forget(struct aio_request *r);               /* it never began */
/* Completes when one of `events` is there; takes r over on success. -EINVAL: f cannot be waited for. -ENOMEM */
int aio_poll(const struct aio_request *r, struct file *f, u32 events);
int aio_cancel(struct aio_ctx *ctx, u64 obj); /* -EINPROGRESS: its event comes, -EINVAL: none such */
/* At least `min` events, at most `max`, to user space: how many, or -EFAULT, -EINTR, -EINVAL (destroyed) before the first. */
long aio_get_events(struct aio_ctx *ctx, s64 min, s64 max, uaddr_t events, ns_t deadline);
void aio_init(void); /* /proc/sys/fs/aio-nr, aio-max-nr */

#endif
