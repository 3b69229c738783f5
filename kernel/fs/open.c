// SPDX-License-Identifier: MIT
/*
 * open(2): from a name to a file. Everything that can fail comes before the file is seen by anyone.
 *
 * With O_CREAT the parent is walked to; an existing last name is taken from the cache without its lock, anything else
 * under it, so that two creators cannot both make the file. A symlink as last name starts again from its directory.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/inotify.h"
#include "fs/namei.h"
#include "fs/pipe.h"
#include "fs/protected.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

#define VALID_FLAGS                                                                                          \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | FASYNC | \
     O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | __O_TMPFILE)
#define FLAGS_OF_OPENING (O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC)

struct opening {
    const struct fs_view *v;
    u32 flags, lookup;
    u32 mode;
    int may;      /* MAY_* to be checked */
    bool created; /* the caller's own: no permission check */
    bool exec;
};

/* ---- a resolved path ------------------------------------------------------------------------------------------------- */

static ssize_t path_only(struct file *f, struct uio *u, s64 *pos)
{
    (void)f, (void)u, (void)pos;
    return -EBADF;
}
static const struct file_ops path_ops = {.read = path_only, .write = path_only};

static int sock_open(struct inode *i, struct file *f)
{
    (void)i, (void)f;
    return -ENXIO;
}
const struct file_ops socket_inode_ops = {.open = sock_open};

static int check_type(const struct opening *o, const struct path *p)
{
    struct inode *i = p->dentry->inode;

    if (S_ISLNK(i->mode))
        return o->flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
    if (S_ISDIR(i->mode))
        return o->exec ? -EACCES : o->may & MAY_WRITE || (o->flags & O_CREAT) ? -EISDIR : 0;
    if (o->flags & O_DIRECTORY)
        return -ENOTDIR;
    if ((S_ISCHR(i->mode) || S_ISBLK(i->mode)) && (p->mnt->flags & MS_NODEV))
        return -EACCES;
    if (o->exec && (!S_ISREG(i->mode) || (p->mnt->flags & MS_NOEXEC)))
        return -EACCES;
    return 0;
}

static int check_open(const struct opening *o, const struct path *p)
{
    struct inode *i = p->dentry->inode;
    int err = check_type(o, p);

    if (!err && (o->may & MAY_WRITE) && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
        err = mount_may_write(p->mnt);
    if (!err && !o->created)
        err = inode_permission(i, o->may, o->v->cred);
    if (!err && (o->flags & O_NOATIME) && !inode_owner_or_capable(i, o->v->cred))
        err = -EPERM;
    return err;
}

static u32 mode_of(const struct opening *o, const struct inode *i)
{
    static const u32 by_access[] = {FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0};
    u32 m = by_access[o->flags & O_ACCMODE];

    m |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
    if (i->fops->seek == no_seek)
        m = (m & ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE)) | FMODE_STREAM;
    return m;
}

static int claim(const struct opening *o, struct file *f)
{
    int err = 0;

    if (o->exec && !(err = inode_claim(f->inode, -1)))
        f->fmode |= FMODE_EXEC;
    else if ((f->fmode & FMODE_WRITE) && S_ISREG(f->inode->mode) && !(err = inode_claim(f->inode, 1)))
        err = file_count_writer(f);
    return err;
}

static int truncate_opened(const struct opening *o, struct file *f)
{
    struct inode *i = f->inode;
    struct inode_attr a = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME};
    int err = 0;

    if (!(o->flags & O_TRUNC) || o->created || !S_ISREG(i->mode))
        return 0;
    /* O_RDONLY | O_TRUNC truncates too, but is not a writer afterwards. */
    if (!(f->fmode & FMODE_WRITER) && (err = inode_claim(i, 1)))
        return err;
    mutex_lock(&i->lock);
    a.mtime = a.ctime = time_now();
    if (i->ops->setattr) {
        inode_kill_suid(i, o->v->cred);
        err = i->ops->setattr(i, &a);
    }
    mutex_unlock(&i->lock);
    if (!err)
        inotify_file(f, IN_MODIFY);
    if (!(f->fmode & FMODE_WRITER))
        __atomic_sub_fetch(&i->write_count, 1, __ATOMIC_SEQ_CST);
    return err;
}

/* Takes over the references of *p, also on failure. */
static int open_path(const struct opening *o, const struct path *p, struct file **out)
{
    struct inode *i = p->dentry->inode;
    int err = o->flags & O_PATH ? 0 : check_open(o, p);
    struct file *f = err ? NULL : file_alloc();

    if (!f) {
        path_put(p);
        return err ? err : -ENFILE;
    }
    f->path = *p;
    f->inode = i;
    f->opener_uid = o->v->cred->fsuid;
    f->flags = o->flags & ~FLAGS_OF_OPENING;
    if (o->flags & O_PATH) {
        f->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
        f->fmode = FMODE_PATH;
        f->ops = &path_ops;
        *out = f;
        return 0;
    }
    f->ops = i->fops;
    f->fmode = mode_of(o, i);
    err = claim(o, f);
    if (!err && i->fops->open && (err = i->fops->open(i, f)))
        f->ops = &path_ops;     /* it was not opened, so it is not released */
    f->flags &= ~(u32)O_NOCTTY; /* which the terminal's open asks */
    if (!err) {
        f->fmode |= FMODE_OPENED;
        inotify_file(f, IN_OPEN);
        err = truncate_opened(o, f);
    }
    if (err) {
        file_put(f);
        return err;
    }
    *out = f;
    return 0;
}

/* ---- O_CREAT --------------------------------------------------------------------------------------------------------- */

/* Under the parent's lock: *d becomes positive, or an error. */
static int create_locked(struct opening *o, const struct parent_walk *pw, struct dentry *d)
{
    struct inode *dir = pw->dir.dentry->inode;
    int err = mount_may_write(pw->dir.mnt);

    if (!err)
        err = may_create(dir, o->v->cred);
    if (!err)
        err =
            dir->ops->create ? dir->ops->create(dir, d, S_IFREG | (o->mode & ~o->v->ctx->umask), o->v->cred) : -EACCES;
    if (!err) {
        o->created = true;
        inotify_name(dir, IN_CREATE, d->inode, d);
    }
    return err;
}

/* The last name as a path with references (a symlink as itself). */
static int find_or_create(struct opening *o, const struct parent_walk *pw, struct path *out)
{
    struct dentry *dir = pw->dir.dentry;
    int err = 0;

    rcu_read_lock();
    struct dentry *d = dcache_find(dir, pw->hash, pw->last, pw->len);
    if (d && !(dentry_inode(d) && dentry_get_live(d)))
        d = NULL;
    rcu_read_unlock();
    if (d && (!dentry_inode(d) || READ_ONCE(d->parent) != dir || !(dentry_flags(d) & D_HASHED))) {
        dentry_put(d);
        d = NULL;
    }
    if (!d) {
        mutex_lock(&dir->inode->lock);
        err = dir_lookup(dir, pw->last, pw->len, pw->hash, &d);
        if (!err && !d->inode && (err = create_locked(o, pw, d)))
            dentry_put(d);
        mutex_unlock(&dir->inode->lock);
    }
    if (err)
        return err;
    out->mnt = pw->dir.mnt;
    out->dentry = d;
    mount_get(out->mnt);
    if ((o->flags & O_EXCL) && !o->created) {
        path_put(out);
        return -EEXIST;
    }
    path_follow_mounts(out);
    return 0;
}

/* One round of O_CREAT. *link is NULL before; else, after it, *link is to be opened from pw->dir, which stays counted. */
static int open_create_step(struct opening *o, const struct path *base, const char *name, struct parent_walk *pw,
                            char **link, struct file **out)
{
    struct path p;
    int err = path_parent(o->v, base, name, o->lookup & ~(LOOKUP_FOLLOW | LOOKUP_DIRECTORY), pw);

    if (err)
        return err;
    if (pw->type != LAST_NAME || pw->slash)
        err = -EISDIR;
    if (!err)
        err = find_or_create(o, pw, &p);
    struct inode *i = err ? NULL : p.dentry->inode;
    if (i && S_ISLNK(i->mode) && !(o->flags & O_NOFOLLOW)) {
        const struct inode *dir = pw->dir.dentry->inode;
        if (o->lookup & LOOKUP_NO_SYMLINKS)
            err = -ELOOP;
        else if ((err = protected_follow(dir, i, o->v->cred)))
            ; /* EACCES */
        else if (i->ops->follow)
            err = -ENXIO; /* not a name: look it up as a whole */
        else if (i->link)
            err = (*link = kstrdup(i->link, MEM_WAIT)) ? 0 : -ENOMEM;
        else
            err = link_text(i, link);
        path_put(&p);
    } else if (!err && !o->created && (err = protected_create(pw->dir.dentry->inode, i, o->v->cred))) {
        path_put(&p);
    } else if (!err) {
        err = open_path(o, &p, out);
    }
    if (!*link)
        path_put(&pw->dir);
    return err;
}

static int open_magic(struct opening *o, const struct path *base, const char *name, struct file **out)
{
    struct path p;
    int err = path_lookup(o->v, base, name, o->lookup | LOOKUP_FOLLOW, &p);

    return err ? err : open_path(o, &p, out);
}

static int open_create(struct opening *o, const struct path *base, const char *name, struct file **out)
{
    struct parent_walk pw;
    struct path dir = {0};
    char *text = NULL;
    int err;

    for (u32 links = 0;; links++) {
        char *link = NULL;
        err = open_create_step(o, base, name, &pw, &link, out);
        if (err == -ENXIO && !*out)
            err = open_magic(o, base, name, out);
        if (dir.mnt)
            path_put(&dir);
        kfree(text);
        if (!link)
            return err;
        dir = pw.dir;
        base = &dir;
        name = text = link;
        if (links >= WALK_MAX_LINKS || !*name) {
            err = *name ? -ELOOP : -ENOENT;
            path_put(&dir);
            kfree(text);
            return err;
        }
    }
}

/* ---- O_TMPFILE ------------------------------------------------------------------------------------------------------- */

static int tmpfile_in(struct opening *o, const struct path *dir, struct file **out)
{
    struct inode *d = dir->dentry->inode, *i;
    int err = inode_permission(d, MAY_WRITE | MAY_EXEC, o->v->cred);

    if (!err)
        err = mount_may_write(dir->mnt);
    if (!err)
        err = d->ops->tmpfile ? d->ops->tmpfile(d, S_IFREG | (o->mode & 07777 & ~o->v->ctx->umask), o->v->cred, &i)
                              : -EOPNOTSUPP;
    if (err)
        return err;
    char name[24];
    int len = snprintf(name, sizeof(name), "#%lu", i->ino);
    struct path p = {dir->mnt, dentry_alloc(dir->dentry, dir->dentry->sb, name, (u32)len)};
    if (!p.dentry) {
        inode_put(i);
        return -ENOMEM;
    }
    if (!(o->flags & O_EXCL))
        i->flags |= INODE_LINKABLE;
    dentry_instantiate(p.dentry, i);
    p.dentry->flags |= D_UNLINKED;
    mount_get(p.mnt);
    o->created = true;
    o->flags &= ~(u32)O_DIRECTORY;
    err = open_path(o, &p, out);
    if (!err)
        (*out)->flags |= O_DIRECTORY; /* F_GETFL tells all of O_TMPFILE */
    return err;
}

static int open_tmpfile(struct opening *o, const struct path *base, const char *name, struct file **out)
{
    struct path dir;
    int err = path_lookup(o->v, base, name, o->lookup | LOOKUP_DIRECTORY, &dir);

    if (err)
        return err;
    err = tmpfile_in(o, &dir, out);
    path_put(&dir);
    return err;
}

/* ---- flags ----------------------------------------------------------------------------------------------------------- */

static int check_flags(struct opening *o)
{
    static const u8 access[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

    o->flags &= VALID_FLAGS;
    if (o->flags & O_PATH)
        o->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if ((o->flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
        return -EINVAL;
    if (o->flags & __O_TMPFILE) {
        if (!(o->flags & O_DIRECTORY) || (o->flags & O_ACCMODE) == O_RDONLY)
            return -EINVAL;
    }
    o->may = access[o->flags & O_ACCMODE];
    if (o->flags & O_TRUNC)
        o->may |= MAY_WRITE;
    o->lookup |= LOOKUP_FOLLOW;
    if ((o->flags & O_NOFOLLOW) || ((o->flags & O_CREAT) && (o->flags & O_EXCL)))
        o->lookup &= ~LOOKUP_FOLLOW;
    if (o->flags & O_DIRECTORY)
        o->lookup |= LOOKUP_DIRECTORY;
    o->mode &= 07777;
    return 0;
}

int file_open(const struct fs_view *v, const struct path *base, const char *name, u32 flags, u32 mode, u32 lookup,
              struct file **out)
{
    struct opening o = {.v = v, .flags = flags, .mode = mode, .lookup = lookup};
    struct path p;
    int err = check_flags(&o);

    *out = NULL;
    if (err)
        return err;
    if (o.flags & __O_TMPFILE)
        return open_tmpfile(&o, base, name, out);
    if (o.flags & O_CREAT)
        return open_create(&o, base, name, out);
    err = path_lookup(v, base, name, o.lookup, &p);
    return err ? err : open_path(&o, &p, out);
}

int file_open_path(const struct fs_view *v, const struct path *p, u32 flags, struct file **out)
{
    struct opening o = {.v = v, .flags = flags};
    int err = check_flags(&o);

    if (err)
        return err;
    path_get(p);
    return open_path(&o, p, out);
}

int file_open_exec(const struct fs_view *v, const struct path *base, const char *name, u32 lookup, struct file **out)
{
    struct opening o = {.v = v, .flags = O_RDONLY, .may = MAY_EXEC, .exec = true};
    struct path p;
    int err = path_lookup(v, base, name, lookup, &p);

    return err ? err : open_path(&o, &p, out);
}
