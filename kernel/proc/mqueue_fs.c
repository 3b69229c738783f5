// SPDX-License-Identifier: MIT
/*
 * The mqueue file system: one folder, whose files are the message queues of the machine. There is one instance; every
 * mount shows it, and mq_open reaches it by a mount of its own that is in no table, so that queues need no /dev/mqueue.
 *
 * Life of a queue: made by mq_open, or by open or mknod below a mount; found by its name until mq_unlink or unlink takes
 * that; gone with the last descriptor, and with it what lies in it. Until then it counts against queues_max, and what
 * might come to lie in it against its maker's RLIMIT_MSGQUEUE.
 *
 * Locks: the folder's inode lock covers the names. limits are read as they are.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/types.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/ipc.h"
#include "proc/mqueue_internal.h"

#define MQUEUE_MAGIC 0x19800202
#define DIRENT_SIZE 20u /* what st_size of the folder counts a name, and of a queue always is, on Linux */
#define QUEUE_SIZE 80u
#define HARD_MESSAGES 65536ul /* for those with CAP_SYS_RESOURCE, and what the limits can be set to */
#define HARD_SIZE (16ul << 20)
#define OPEN_KEPT (~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC))

static SLAB_CACHE(queue_cache, "mqueue_inode", struct mqueue);
static u64 queues_max = 256, msg_max = 10, msgsize_max = 8192, msg_default = 10, msgsize_default = 8192;
static atomic_t queues;                        /* that there are, with a name or without */
static struct rb_root names;                   /* (the folder's lock) */
static struct list by_age = LIST_INIT(by_age); /* (the folder's lock) */
static u64 next_pos = 2;                       /* (the folder's lock) */
static struct mount inner;                     /* in no table; sb NULL: there is nothing yet */
static struct mutex make_lock = MUTEX_INIT(make_lock, LOCK_MOUNT);

static struct mqueue *queue_of(struct inode *i)
{
    return container_of(i, struct mqueue, vfs);
}

/* ---- names ---- */

static int compare(const char *s, u32 len, const struct mqueue *q)
{
    int c = memcmp(s, q->name->s, MIN(len, (u32)q->name->len));
    return c ? c : (int)len - (int)q->name->len;
}

static struct mqueue *find(const char *s, u32 len)
{
    struct rb_node *n = names.node;
    while (n) {
        struct mqueue *q = rb_entry(n, struct mqueue, by_name);
        int c = compare(s, len, q);
        if (!c)
            return q;
        n = c < 0 ? n->left : n->right;
    }
    return NULL;
}

static void add_name(struct mqueue *q)
{
    struct rb_node **link = &names.node, *parent = NULL;
    while (*link) {
        parent = *link;
        link = compare(q->name->s, q->name->len, rb_entry(parent, struct mqueue, by_name)) < 0 ? &parent->left
                                                                                               : &parent->right;
    }
    rb_link(&q->by_name, parent, link);
    rb_insert_fixup(&names, &q->by_name, NULL);
    list_add_tail(&by_age, &q->by_age);
    q->pos = next_pos++;
}

static void remove_name(struct mqueue *q)
{
    rb_erase(&names, &q->by_name, NULL);
    list_del(&q->by_age);
}

static void folder_changed(struct inode *dir, s64 size)
{
    dir->size += (u64)size;
    inode_touch(dir, ATTR_ATIME | ATTR_MTIME | ATTR_CTIME);
}

/* ---- making and ending ---- */

static int check_attr(u64 max_messages, u64 max_size)
{
    bool may_more = capable(CAP_SYS_RESOURCE);
    if ((s64)max_messages <= 0 || (s64)max_size <= 0)
        return -EINVAL;
    return max_messages > (may_more ? HARD_MESSAGES : msg_max) || max_size > (may_more ? HARD_SIZE : msgsize_max)
               ? -EINVAL
               : 0;
}

/* Against RLIMIT_MSGQUEUE of the caller's user. */
static int charge(struct mqueue *q, u64 bytes)
{
    struct user *u = user_get(current_cred()->user);
    if (atomic_add(&u->mqueue_bytes, bytes) > rlimit(RLIMIT_MSGQUEUE)) {
        atomic_sub(&u->mqueue_bytes, bytes);
        user_put(u);
        return -EMFILE;
    }
    q->user = u;
    q->charge = bytes;
    return 0;
}

static void uncharge(struct mqueue *q)
{
    atomic_sub(&q->user->mqueue_bytes, q->charge);
    user_put(q->user);
}

static int queue_setattr(struct inode *i, const struct inode_attr *a)
{
    if (a->valid & ATTR_SIZE)
        i->size = a->size; /* it says nothing */
    inode_apply_attr(i, a);
    return 0;
}

/* No one executes a queue, whatever its mode. */
static int queue_permission(struct inode *i, int mask, const struct fs_cred *c)
{
    return mask & MAY_EXEC ? -EACCES : generic_permission(i, mask, c);
}

static void queue_evict(struct inode *i)
{
    struct mqueue *q = queue_of(i);
    mq_end(q);
    uncharge(q);
    atomic_sub(&queues, 1);
}

static void queue_release(struct inode *i)
{
    dentry_free_name(queue_of(i)->name);
    slab_free(&queue_cache, queue_of(i));
}

static const struct inode_ops queue_ops = {
    .setattr = queue_setattr, .permission = queue_permission, .evict = queue_evict, .release = queue_release};

/* Not counted yet, and in no folder. */
static int make_queue(struct inode *dir, struct dentry *d, u32 mode, const struct mq_attr *attr,
                      const struct fs_cred *c, struct mqueue **out)
{
    u64 n = attr ? (u64)attr->mq_maxmsg : MIN(msg_max, msg_default), bytes;
    u64 size = attr ? (u64)attr->mq_msgsize : MIN(msgsize_max, msgsize_default);
    int err = check_attr(n, size);
    if (!err && !mq_cost(n, size, &bytes))
        err = -EOVERFLOW;
    if (err)
        return err;
    struct mqueue *q = slab_alloc(&queue_cache, MEM_WAIT | MEM_ZERO);
    if (!q)
        return -ENOMEM;
    err = dentry_prepare_name(d->name->s, d->name->len, &q->name);
    if (!err && (err = charge(q, bytes)))
        dentry_free_name(q->name);
    if (err) {
        slab_free(&queue_cache, q);
        return err;
    }
    inode_init(&q->vfs, dir->sb, mode);
    q->vfs.ino = super_new_ino(dir->sb);
    q->vfs.uid = c->fsuid;
    q->vfs.gid = c->fsgid;
    q->vfs.size = QUEUE_SIZE;
    q->vfs.ops = &queue_ops;
    q->vfs.fops = &mqueue_file_ops;
    mq_setup(q, n, size);
    *out = q;
    return 0;
}

/* d, a negative dentry below dir, whose lock is held, becomes a queue. */
static int create(struct inode *dir, struct dentry *d, u32 mode, const struct mq_attr *attr, const struct fs_cred *c)
{
    struct mqueue *q;
    if (atomic_add(&queues, 1) > queues_max && !capable(CAP_SYS_RESOURCE)) {
        atomic_sub(&queues, 1);
        return -ENOSPC;
    }
    int err = make_queue(dir, d, mode, attr, c, &q);
    if (err) {
        atomic_sub(&queues, 1);
        return err;
    }
    inode_get(&q->vfs); /* the name's */
    add_name(q);
    folder_changed(dir, DIRENT_SIZE);
    dentry_instantiate(d, &q->vfs);
    return 0;
}

/* ---- the folder ---- */

static int folder_lookup(struct inode *dir, struct dentry *d)
{
    struct mqueue *q = find(d->name->s, d->name->len);
    (void)dir;
    if (q) {
        inode_get(&q->vfs);
        dentry_instantiate(d, &q->vfs);
    }
    return 0;
}

static int folder_create(struct inode *dir, struct dentry *d, u32 mode, const struct fs_cred *c)
{
    return create(dir, d, mode, NULL, c);
}

static int folder_unlink(struct inode *dir, struct dentry *d)
{
    struct mqueue *q = queue_of(d->inode);
    remove_name(q);
    q->vfs.nlink--;
    inode_touch(&q->vfs, ATTR_CTIME);
    folder_changed(dir, -(s64)DIRENT_SIZE);
    inode_put(&q->vfs); /* the dentry has one */
    return 0;
}

static int folder_iterate(struct file *f, struct dir_context *ctx)
{
    const struct mqueue *q;
    if (!dir_emit_dots(f, ctx))
        return 0;
    list_for_each (q, &by_age, by_age) {
        if ((s64)q->pos < ctx->pos)
            continue;
        if (!ctx->emit(ctx, q->name->s, q->name->len, q->vfs.ino, S_IFREG >> 12, (s64)q->pos + 1))
            return 0;
        ctx->pos = (s64)q->pos + 1;
    }
    return 0;
}

static const struct inode_ops folder_ops = {.lookup = folder_lookup, .create = folder_create, .unlink = folder_unlink};
static const struct file_ops folder_file_ops = {.iterate = folder_iterate, .seek = generic_folder_seek};

static const struct super_ops super_ops;

/* ---- the instance ---- */

static struct inode *make_folder(struct super *sb)
{
    struct inode *i = kzalloc(sizeof(*i), MEM_WAIT);
    if (!i)
        return NULL;
    inode_init(i, sb, S_IFDIR | 01777);
    i->ino = super_new_ino(sb);
    i->nlink = 2;
    i->size = 2ul * DIRENT_SIZE;
    i->ops = &folder_ops;
    i->fops = &folder_file_ops;
    return i;
}

static int make_super(void)
{
    struct super *sb = super_alloc("mqueue", MQUEUE_MAGIC, &super_ops);
    struct inode *i = sb ? make_folder(sb) : NULL;
    struct dentry *root = i ? dentry_alloc(NULL, sb, "/", 1) : NULL;
    if (!root) {
        kfree(i);
        kfree(sb);
        return -ENOMEM;
    }
    dentry_instantiate(root, i);
    sb->root = root;
    ref_init(&inner.refs);
    inner.parent = &inner;
    inner.root = root;
    inner.id = 3;
    store_release(&inner.sb, sb);
    return 0;
}

/* The instance is there; it stays. */
static int need_super(void)
{
    int err = 0;
    if (load_acquire(&inner.sb))
        return 0;
    mutex_lock(&make_lock);
    if (!inner.sb)
        err = make_super();
    mutex_unlock(&make_lock);
    return err;
}

static int make_mount(const char *options, struct super **out)
{
    int err = *options ? -EINVAL : need_super();
    if (err)
        return err;
    super_get(inner.sb);
    *out = inner.sb;
    return 0;
}

/* ---- mq_open and mq_unlink ---- */

static int check_name(const char *name)
{
    if (!*name)
        return -ENOENT;
    return !strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/') ? -EACCES : 0;
}

/* The folder's lock is held. */
static int find_or_create(const struct fs_view *v, struct dentry *d, u32 flags, u32 mode, const struct mq_attr *attr)
{
    static const int access[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE};
    struct inode *dir = inner.root->inode;
    if (!d->inode) {
        int err = flags & O_CREAT ? may_create(dir, v->cred) : -ENOENT;
        return err ? err : create(dir, d, S_IFREG | (mode & 07777 & ~v->ctx->umask), attr, v->cred);
    }
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    return inode_permission(d->inode, access[flags & O_ACCMODE], v->cred);
}

/* Takes over the reference to d, also on failure. The permissions were asked for: a maker has all. */
static int open_queue(const struct fs_view *v, struct dentry *d, u32 flags, struct file **out)
{
    static const u32 by_access[] = {FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0};
    struct path p = {&inner, d};
    if ((flags & O_PATH) || (flags & O_DIRECT)) {
        int err = flags & O_PATH ? file_open_path(v, &p, O_PATH, out) : -EINVAL;
        dentry_put(d);
        return err;
    }
    struct file *f = file_alloc();
    if (!f) {
        dentry_put(d);
        return -ENFILE;
    }
    mount_get(&inner);
    f->path = p;
    f->inode = d->inode;
    f->ops = &mqueue_file_ops;
    f->flags = flags & OPEN_KEPT;
    f->opener_uid = v->cred->fsuid;
    f->fmode = by_access[flags & O_ACCMODE] | FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
    if ((f->fmode & FMODE_WRITE) && !inode_claim(f->inode, 1))
        (void)file_count_writer(f);
    *out = f;
    return 0;
}

int mq_open(const struct fs_view *v, const char *name, u32 flags, u32 mode, const struct mq_attr *attr,
            struct file **out)
{
    struct dentry *d;
    int err = check_name(name);
    if (!err)
        err = need_super();
    if (err)
        return err;
    struct dentry *root = inner.root;
    u32 len = (u32)strlen(name);
    mutex_lock(&root->inode->lock);
    err = dir_lookup(root, name, len, name_hash(name, len), &d);
    if (!err && (err = find_or_create(v, d, flags, mode, attr)))
        dentry_put(d);
    mutex_unlock(&root->inode->lock);
    return err ? err : open_queue(v, d, flags, out);
}

int mq_unlink(const struct fs_view *v, const char *name)
{
    int err = check_name(name);
    if (!err)
        err = need_super();
    if (err)
        return err;
    const struct path root = {&inner, inner.root};
    return vfs_unlink(v, &root, name);
}

void mq_init(void)
{
    static const struct {
        const char *path;
        struct ipc_limit limit;
    } limits[] = {
        {"sys/fs/mqueue/queues_max", {&queues_max, 0, INT32_MAX}},
        {"sys/fs/mqueue/msg_max", {&msg_max, 1, HARD_MESSAGES}},
        {"sys/fs/mqueue/msgsize_max", {&msgsize_max, 128, HARD_SIZE}},
        {"sys/fs/mqueue/msg_default", {&msg_default, 1, HARD_MESSAGES}},
        {"sys/fs/mqueue/msgsize_default", {&msgsize_default, 128, HARD_SIZE}},
    };
    for (u32 i = 0; i < ARRAY_SIZE(limits); i++)
        ipc_register_limit(limits[i].path, &limits[i].limit);
    mqueue_fs_make = make_mount;
}
