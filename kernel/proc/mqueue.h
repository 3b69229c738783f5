/* SPDX-License-Identifier: MIT */
/*
 * POSIX message queues, mq_overview(7). A queue is an inode of the mqueue file system (mqueue_fs.c), an mqd an open file
 * on it; what lies in the queue and who waits for it is mqueue.c. sys_mqueue.c is the thin door.
 */
#ifndef PROC_MQUEUE_H
#define PROC_MQUEUE_H

#include "abi/mqueue.h"
#include "abi/signal.h"
#include "fs/vfs.h"

/* ---- names (mqueue_fs.c) ---- */
/* `name` as the calls have it: without the slash of mq_overview(7). A file with the errors of mq_open(2), except EMFILE
 * for want of a descriptor; attr NULL: the defaults. */
int mq_open(const struct fs_view *v, const char *name, u32 flags, u32 mode, const struct mq_attr *attr,
            struct file **out);
int mq_unlink(const struct fs_view *v, const char *name);
void mq_init(void); /* /proc/sys/fs/mqueue, and the file system's type */

/* ---- queues (mqueue.c): f is a file of a queue (mq_is) ---- */
struct mq_message;
bool mq_is(const struct file *f);
struct mq_message *mq_message_alloc(u32 priority, size_t size); /* NULL: no memory */
void mq_message_free(struct mq_message *m);
int mq_message_fill(struct mq_message *m, struct uio *u); /* -EFAULT */
int mq_message_copy(const struct mq_message *m, struct uio *u);
u32 mq_message_priority(const struct mq_message *m);
size_t mq_message_size(const struct mq_message *m);
size_t mq_message_max(const struct file *f);
/* Deadlines are times of CLOCK_REALTIME, or NS_FOREVER. -EAGAIN, -ETIMEDOUT, -ERESTARTSYS; send takes m over on success. */
int mq_send(struct file *f, struct mq_message *m, ns_t deadline);
int mq_receive(struct file *f, ns_t deadline, struct mq_message **out);
int mq_notify(struct file *f, const struct sigevent *how); /* NULL: no more. -EBUSY. SIGEV_NONE or SIGEV_SIGNAL */
void mq_get_attr(struct file *f, struct mq_attr *out);
void mq_set_nonblock(struct file *f, bool on);

#endif
