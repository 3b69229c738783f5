// SPDX-License-Identifier: MIT
/*
 * Extended attributes of tmpfs: read from the archive's records until the first change, which takes them all over into a
 * list. Name spaces and rights are checked by fs/xattr.c.
 */
#include "abi/errno.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/xattr.h>

static ssize_t give(const void *value, u32 len, void *buf, size_t size)
{
    if (size && size < len)
        return -ERANGE;
    if (size)
        memcpy(buf, value, len);
    return len;
}

static struct archive_inode records_of(const struct tmpfs_inode *ti)
{
    return (struct archive_inode){.xattrs = ti->arch_xattrs, .xattr_len = ti->arch_xattr_len};
}

static struct tmpfs_xattr **find(struct tmpfs_inode *ti, const char *name)
{
    struct tmpfs_xattr **p = &ti->xattrs;

    while (*p && strcmp((*p)->name, name) != 0)
        p = &(*p)->next;
    return p;
}

static ssize_t get_locked(struct tmpfs_inode *ti, const char *name, void *buf, size_t size)
{
    struct archive_inode a = records_of(ti);
    struct archive_xattr x;
    u32 off = 0;
    int r;

    if (ti->xattrs_own) {
        struct tmpfs_xattr *own = *find(ti, name);
        return own ? give(own->value, own->size, buf, size) : -ENODATA;
    }
    while (!(r = archive_next_xattr(&a, &off, &x)))
        if (x.name_len == strlen(name) && !memcmp(x.name, name, x.name_len))
            return give(x.value, x.value_len, buf, size);
    return r < 0 ? r : -ENODATA;
}

ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    struct tmpfs_inode *ti = tmpfs_i(i);

    if (ti->xattrs_own && !READ_ONCE(ti->xattrs))
        return -ENODATA;
    mutex_lock(&i->lock);
    ssize_t n = get_locked(ti, name, buf, size);
    mutex_unlock(&i->lock);
    return n;
}

static void append_name(const char *name, u32 len, char *buf, size_t size, size_t *at)
{
    if (*at + len + 1 <= size) {
        memcpy(buf + *at, name, len);
        buf[*at + len] = 0;
    }
    *at += len + 1ul;
}

ssize_t tmpfs_listxattr(struct inode *i, char *buf, size_t size)
{
    struct tmpfs_inode *ti = tmpfs_i(i);
    struct archive_inode a = records_of(ti);
    struct archive_xattr x;
    size_t at = 0;
    u32 off = 0;

    mutex_lock(&i->lock);
    if (ti->xattrs_own)
        for (struct tmpfs_xattr *e = ti->xattrs; e; e = e->next)
            append_name(e->name, (u32)strlen(e->name), buf, size, &at);
    else
        while (!archive_next_xattr(&a, &off, &x))
            append_name(x.name, x.name_len, buf, size, &at);
    mutex_unlock(&i->lock);
    return size && at > size ? -ERANGE : (ssize_t)at;
}

static struct tmpfs_xattr *make(const char *name, u32 name_len, const void *v, u32 size)
{
    struct tmpfs_xattr *e = kmalloc(sizeof(*e) + size + name_len + 1ul, MEM_WAIT);

    if (!e)
        return NULL;
    e->next = NULL;
    e->size = size;
    memcpy(e->value, v, size);
    e->name = (char *)e->value + size;
    memcpy(e->name, name, name_len);
    e->name[name_len] = 0;
    return e;
}

void tmpfs_free_xattrs(struct tmpfs_inode *ti)
{
    while (ti->xattrs) {
        struct tmpfs_xattr *e = ti->xattrs;
        ti->xattrs = e->next;
        kfree(e);
    }
}

int tmpfs_copy_xattrs(struct tmpfs_inode *ti, const struct archive_inode *a)
{
    struct tmpfs_xattr **end = &ti->xattrs;
    struct archive_xattr x;
    u32 off = 0;
    int r;

    tmpfs_free_xattrs(ti);
    while (!(r = archive_next_xattr(a, &off, &x))) {
        *end = make(x.name, x.name_len, x.value, x.value_len);
        if (!*end)
            r = -ENOMEM;
        if (r)
            break;
        end = &(*end)->next;
    }
    if (r < 0) {
        tmpfs_free_xattrs(ti);
        return r;
    }
    ti->xattrs_own = true;
    return 0;
}

int tmpfs_setxattr(struct inode *i, const char *name, const void *v, size_t n, int flags)
{
    struct tmpfs_inode *ti = tmpfs_i(i);
    struct archive_inode a = records_of(ti);
    int err = ti->xattrs_own ? 0 : tmpfs_copy_xattrs(ti, &a);

    if (err)
        return err;
    struct tmpfs_xattr **p = find(ti, name), *old = *p, *e = NULL;
    if (old && (flags & XATTR_CREATE))
        return -EEXIST;
    if (!old && (!v || (flags & XATTR_REPLACE)))
        return -ENODATA;
    if (v && !(e = make(name, (u32)strlen(name), v, (u32)n)))
        return -ENOMEM;
    tmpfs_dirty(i);
    if (e) {
        e->next = old ? old->next : NULL;
        *p = e;
    } else {
        *p = old->next;
    }
    kfree(old);
    inode_touch(i, ATTR_CTIME);
    return 0;
}
