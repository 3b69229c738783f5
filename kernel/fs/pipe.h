/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs. */
#ifndef FS_PIPE_H
#define FS_PIPE_H

#include "fs/vfs.h"

#define PIPE_DEFAULT_SIZE 65536u
#define PIPE_MAX_SIZE 1048576u

int pipe_create(u32 flags, struct file **read_end, struct file **write_end); /* O_CLOEXEC is the caller's */
bool file_is_pipe(const struct file *f);
int pipe_get_size(struct file *f);                           /* F_GETPIPE_SZ; -EBADF: no pipe */
int pipe_set_size(struct file *f, u64 size, bool unlimited); /* F_SETPIPE_SZ: the new size, or an error */
/* read and write with SPLICE_F_NONBLOCK. */
ssize_t pipe_read_now(struct file *f, struct uio *u);
ssize_t pipe_write_now(struct file *f, struct uio *u);
/* Copies up to n bytes without taking them; waits for the first unless nonblock. 0: no writer is left. */
ssize_t pipe_peek(struct file *f, void *buf, size_t n, bool nonblock);
extern const struct file_ops fifo_ops; /* of FIFO inodes */
u64 pipes_shrink(u64 want);            /* pages of empty pipes */

#endif
