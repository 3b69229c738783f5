/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks: flock(2) (owned by the open file), POSIX record locks (owned by a descriptor table, that is, a
 * process) and OFD locks (owned by the open file). One list an inode.
 */
#ifndef FS_LOCKS_H
#define FS_LOCKS_H

#include "fs/seq.h"
#include "fs/vfs.h"

struct lock_request {
    s64 start, end; /* inclusive; end S64_MAX: to the end */
    short type;     /* F_RDLCK, F_WRLCK, F_UNLCK */
    s32 pid;        /* of a POSIX lock, for F_GETLK; OFD: -1 */
};
/* owner: the fdtable (POSIX) or the file (OFD). wait: F_SETLKW. -EAGAIN, -EDEADLK, -ENOLCK, -ERESTARTSYS. */
int locks_set(struct file *f, const void *owner, const struct lock_request *r, bool wait);
/* r becomes the first conflicting lock, or type F_UNLCK. */
void locks_get(struct file *f, const void *owner, struct lock_request *r);
int locks_flock(struct file *f, int op, s32 pid);           /* LOCK_SH, LOCK_EX, LOCK_UN, | LOCK_NB */
void locks_remove_posix(struct file *f, const void *owner); /* close(2) by a process */
void locks_remove_file(struct file *f);                     /* the file's last reference */
void locks_free(struct inode *i);
int locks_show(struct seq_buf *s, void *arg); /* /proc/locks */

#endif
