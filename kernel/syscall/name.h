/* SPDX-License-Identifier: MIT */
/* A path or another string from user space, in kernel memory for the time of a call. */
#ifndef SYSCALL_NAME_H
#define SYSCALL_NAME_H

#include "abi/errno.h"
#include "abi/limits.h"
#include "arch/usercopy.h"
#include "mem/slab.h"

#define NAME_INLINE 256

struct name {
    char *s;
    char small[NAME_INLINE]; /* most paths fit */
};

/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM; then name_put. */
static inline int name_get(struct name *n, uaddr_t p)
{
    n->s = n->small;
    ssize_t len = copy_string_from_user(n->small, p, sizeof(n->small));
    if (len != -ENAMETOOLONG)
        return len < 0 ? (int)len : 0;
    n->s = kmalloc(PATH_MAX, MEM_WAIT);
    if (!n->s)
        return -ENOMEM;
    len = copy_string_from_user(n->s, p, PATH_MAX);
    if (len < 0)
        kfree(n->s);
    return len < 0 ? (int)len : 0;
}

static inline void name_put(struct name *n)
{
    if (n->s != n->small)
        kfree(n->s);
}

#endif
