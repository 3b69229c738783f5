/* SPDX-License-Identifier: MIT */
/*
 * The one description of "bytes to be moved" for read, readv, sendmsg, and kernel callers. It walks segments that are
 * all user or all kernel memory.
 *
 * The rule: a user copy may fault into the same file. So pin the page, drop every lock of number LOCK_MM or above and
 * every lock that a fault on a file mapping takes (inode.lock is allowed: faults take mapping locks only), then copy.
 */
#ifndef VM_UIO_H
#define VM_UIO_H

#include "lib/types.h"

struct fs_cred;
struct uio_seg {
    u64 base; /* uaddr_t, or kernel address */
    size_t len;
};
struct uio {
    const struct uio_seg *segs;
    u32 nsegs; /* remaining, the current one included */
    bool user;
    bool nowait;                  /* a pipe or a socket gives -EAGAIN (RWF_NOWAIT, SPLICE_F_NONBLOCK) */
    bool nofault;                 /* user copies do not fault pages in: short counts instead (see uio_fault_in) */
    size_t off;                   /* within segs[0] */
    size_t resid;                 /* bytes left in all */
    const struct fs_cred *writer; /* of a write: whose rights count; NULL: nobody's, and so none */
    struct uio_seg one;
    struct uio_seg *heap; /* uio_free frees it */
};

#define UIO_MAXIOV 1024
#define UIO_MAX_BYTES 0x7ffff000ul /* MAX_RW_COUNT */

/* One user buffer; lengths over UIO_MAX_BYTES are cut. -EFAULT when outside user space. */
int uio_init_user(struct uio *u, uaddr_t base, size_t len);
void uio_init_kernel(struct uio *u, void *base, size_t len);
/* Copies the iovec array in. -EINVAL (count, negative lengths), -EFAULT, -ENOMEM. Release by uio_free. */
int uio_init_iovec(struct uio *u, uaddr_t iov, u64 count);
void uio_free(struct uio *u);

/* Copy and advance; return the bytes moved: less than n only at a fault or at the end. */
size_t uio_copy_to(struct uio *u, const void *src, size_t n); /* kernel → uio (read) */
size_t uio_copy_from(struct uio *u, void *dst, size_t n);     /* uio → kernel (write) */
size_t uio_zero(struct uio *u, size_t n);
size_t uio_skip(struct uio *u, size_t n);
void uio_revert(struct uio *u, const struct uio *before); /* back to a saved copy */
/* Touches up to n bytes so that a nofault copy can make progress. for_write: the uio is written to. 0, -EFAULT. */
int uio_fault_in(const struct uio *u, size_t n, bool for_write);

#endif
