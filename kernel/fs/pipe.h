/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs. */
#ifndef FS_PIPE_H
#define FS_PIPE_H

#include "fs/vfs.h"

#define PIPE_DEFAULT_SIZE 65536u
#define PIPE_SMALL_SIZE 8192u /* of a user's new pipes when they have taken a lot */

/* /proc/sys/fs: pipe-max-size, and pipe-user-pages-soft and -hard (0: none), which privileged users may exceed. */
extern u64 pipe_max_size, pipe_pages_soft, pipe_pages_hard;

int pipe_create(u32 flags, struct file **read_end, struct file **write_end); /* O_CLOEXEC is the caller's */
bool file_is_pipe(const struct file *f);
int pipe_get_size(struct file *f);                           /* F_GETPIPE_SZ; -EBADF: no pipe */
int pipe_set_size(struct file *f, u64 size, bool unlimited); /* F_SETPIPE_SZ: the new size, or an error */
bool pipe_is_broken(const struct file *f);                   /* a pipe without readers */
/* Copies up to n bytes, which stay until pipe_taken() says how many are to go; it must follow when the result is not an
 * error or 0 (no writer is left). Waits for the first byte unless nonblock. */
ssize_t pipe_take(struct file *f, void *buf, size_t n, bool nonblock);
void pipe_taken(struct file *f, size_t n);
/* Bytes that may be written, after waiting for some. -EAGAIN, -EPIPE, -ERESTARTSYS. Other writers may take the room. */
ssize_t pipe_wait_room(struct file *f, bool nonblock);
/* Copies up to n bytes without taking them; waits for the first unless nonblock. 0: no writer is left. */
ssize_t pipe_peek(struct file *f, void *buf, size_t n, bool nonblock);
extern const struct file_ops fifo_ops; /* of FIFO inodes */
u64 pipes_shrink(u64 want);            /* pages of empty pipes */

#endif
