// SPDX-License-Identifier: MIT
/*
 * /proc: the registered tree (fs/synth.c), and folders of processes and threads by proc/'s tables (fs/procfs.h). Entries
 * of processes are not kept in the dentry cache: each walk asks again whether the process is there.
 */
#include "fs/procfs.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/synth.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#define NUMBERS_AT 0x10000 /* readdir positions: fixed names below, NUMBERS_AT + number above */

static const struct proc_pid_ops *pid_ops;
static struct synth_fs proc_fs = {.type = "proc", .magic = PROC_SUPER_MAGIC};
static struct synth_fs sys_fs = {.type = "sysfs", .magic = SYSFS_MAGIC};
static struct synth_fs cgroup_fs = {.type = "cgroup2", .magic = CGROUP2_SUPER_MAGIC};

/* What an inode of a process stands for. */
struct proc_inode {
    void *task;
    u64 key;
    const struct proc_entry *entry;
    bool is_process; /* /proc/PID itself, or "task" */
};

static struct proc_inode *pi_of(const struct inode *i)
{
    return i->private;
}

void *proc_inode_task(const struct inode *i, u64 *key)
{
    if (key)
        *key = pi_of(i)->key;
    return pi_of(i)->task;
}

void proc_set_pid_ops(const struct proc_pid_ops *ops)
{
    pid_ops = ops;
}

/* ---- files and links ------------------------------------------------------------------------------------------------- */

static int allowed(const struct proc_inode *p)
{
    return p->entry->permission ? p->entry->permission(p->task) : 0;
}

static int show_entry(struct file *f, struct seq_buf *s)
{
    const struct proc_inode *p = pi_of(f->inode);

    if (!pid_ops->alive(p->task))
        return -ESRCH;
    int err = allowed(p);
    return err ? err : p->entry->show ? p->entry->show(s, p->task, p->key) : -EINVAL;
}

static ssize_t write_entry(struct file *f, const char *text, size_t n)
{
    const struct proc_inode *p = pi_of(f->inode);

    if (!pid_ops->alive(p->task))
        return -ESRCH;
    return p->entry->write ? p->entry->write(p->task, p->key, text, n) : -EINVAL;
}

static const struct text_source entry_source = {show_entry, write_entry};

static ssize_t entry_read(struct file *f, struct uio *u, s64 *pos)
{
    return text_read(f, u, pos, &entry_source);
}

static ssize_t entry_write(struct file *f, struct uio *u, s64 *pos)
{
    return text_write(f, u, pos, &entry_source);
}

static int entry_open(struct inode *i, struct file *f)
{
    int err = allowed(pi_of(i));

    return err ? err : text_open(i, f);
}

static const struct file_ops entry_file_ops = {
    .open = entry_open, .release = text_release, .read = entry_read, .write = entry_write};

static int entry_follow(struct inode *i, const struct fs_view *v, struct path *out)
{
    const struct proc_inode *p = pi_of(i);
    int err = pid_ops->alive(p->task) ? allowed(p) : -ESRCH;

    return err ? err : p->entry->follow(p->task, p->key, v, out);
}

static ssize_t entry_readlink(struct inode *i, char *buf, size_t size)
{
    const struct proc_inode *p = pi_of(i);
    int err = allowed(p);

    return err ? err : p->entry->readlink(p->task, p->key, buf, size);
}

static void evict(struct inode *i)
{
    pid_ops->put(pi_of(i)->task);
}

static void release(struct inode *i)
{
    kfree(pi_of(i));
    synth_release_inode(i);
}

static int get_attr(struct inode *i, struct kstat *st)
{
    const struct proc_inode *p = pi_of(i);

    pid_ops->owner(p->task, &i->uid, &i->gid);
    if (p->entry && p->entry->mode_of)
        i->mode = (i->mode & S_IFMT) | p->entry->mode_of(p->task, p->key);
    st->uid = i->uid;
    st->gid = i->gid;
    st->mode = i->mode;
    return 0;
}

static int set_attr(struct inode *i, const struct inode_attr *a)
{
    (void)i;
    return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

#define COMMON .getattr = get_attr, .setattr = set_attr, .evict = evict, .release = release
static const struct inode_ops entry_ops = {COMMON};
static const struct inode_ops magic_ops = {COMMON, .follow = entry_follow};
static const struct inode_ops magic_text_ops = {COMMON, .follow = entry_follow, .readlink = entry_readlink};
static const struct inode_ops link_ops = {COMMON, .readlink = entry_readlink};

/* ---- folders --------------------------------------------------------------------------------------------------------- */

static const struct inode_ops folder_ops, numbered_ops;
static const struct file_ops folder_file_ops;

/* The folder "task" of a process. */
static const struct proc_entry task_folder = {.name = "task", .mode = S_IFDIR | 0555};

static const struct inode_ops *ops_of(const struct proc_entry *e, u32 mode)
{
    if (S_ISDIR(mode))
        return e && e->each ? &numbered_ops : &folder_ops;
    if (!S_ISLNK(mode))
        return &entry_ops;
    return !e->follow ? &link_ops : e->readlink ? &magic_text_ops : &magic_ops;
}

/* Takes over the reference to task. */
static int add_inode(struct inode *dir, struct dentry *d, void *task, u64 key, const struct proc_entry *e, u32 mode,
                     bool is_process)
{
    struct inode *i = synth_new_inode(dir->sb, mode, S_ISDIR(mode) ? INODE_NOCACHE : 0);
    struct proc_inode *p = kmalloc(sizeof(*p), MEM_WAIT);

    if (!i || !p) {
        if (i)
            synth_release_inode(i);
        kfree(p);
        pid_ops->put(task);
        return -ENOMEM;
    }
    *p = (struct proc_inode){task, key, e, is_process};
    i->private = p;
    i->ops = ops_of(e, mode);
    i->fops = S_ISDIR(mode) ? &folder_file_ops : e && e->fops ? e->fops : &entry_file_ops;
    pid_ops->owner(task, &i->uid, &i->gid);
    if (e && e->mode_of)
        i->mode = (i->mode & S_IFMT) | e->mode_of(task, key);
    dentry_instantiate(d, i);
    return 0;
}

/* The fixed names of a folder; NULL: it has none. */
static const struct proc_entry *names_of(const struct proc_inode *p)
{
    if (p->entry)
        return p->entry->children;
    return p->is_process ? pid_ops->process : pid_ops->thread;
}

static bool parse_number(const struct dname *n, u64 *out)
{
    u64 v = 0;

    if (!n->len || n->len > 10 || (n->s[0] == '0' && n->len > 1))
        return false;
    for (u32 i = 0; i < n->len; i++) {
        if (n->s[i] < '0' || n->s[i] > '9')
            return false;
        v = v * 10 + (u64)(n->s[i] - '0');
    }
    *out = v;
    return v <= 0x7fffffff;
}

/* The same task once more, for another inode of it. */
static void *task_again(const struct proc_inode *p)
{
    return pid_ops->again(p->task);
}

static int lookup_number(struct inode *dir, struct dentry *d, const struct proc_inode *p, u64 n)
{
    if (p->entry == &task_folder) {
        void *t = pid_ops->get_thread(p->task, (u32)n);
        return t ? add_inode(dir, d, t, 0, NULL, S_IFDIR | 0555, false) : -ENOENT;
    }
    if (!p->entry || !p->entry->next || p->entry->next(p->task, n) != n)
        return -ENOENT;
    return add_inode(dir, d, task_again(p), n, p->entry->each, p->entry->each->mode, false);
}

static int folder_lookup(struct inode *dir, struct dentry *d)
{
    const struct proc_inode *p = pi_of(dir);
    const struct proc_entry *e = names_of(p);
    u64 n;

    if (!pid_ops->alive(p->task))
        return -ENOENT;
    int err = p->entry ? allowed(p) : 0;
    if (err)
        return err;
    for (; e && e->name; e++)
        if (strlen(e->name) == d->name->len && !memcmp(e->name, d->name->s, d->name->len))
            return add_inode(dir, d, task_again(p), 0, e, e->mode, false);
    if (p->is_process && !p->entry && d->name->len == 4 && !memcmp(d->name->s, "task", 4))
        return add_inode(dir, d, task_again(p), 0, &task_folder, task_folder.mode, true);
    return parse_number(d->name, &n) ? lookup_number(dir, d, p, n) : -ENOENT; /* also for who would create it */
}

static u64 next_number(const struct proc_inode *p, u64 from)
{
    if (p->entry == &task_folder) {
        u32 tid = pid_ops->next_thread(p->task, (u32)from);
        return tid ? tid : ~0ul;
    }
    return p->entry && p->entry->next ? p->entry->next(p->task, from) : ~0ul;
}

static bool emit_number(struct dir_context *ctx, u64 n, u32 type)
{
    char name[24];
    int len = snprintf(name, sizeof(name), "%lu", n);

    return ctx->emit(ctx, name, (u32)len, (1ul << 32) + n, type, NUMBERS_AT + (s64)n + 1);
}

static bool emit_names(const struct proc_inode *p, struct dir_context *ctx)
{
    const struct proc_entry *e = names_of(p);
    s64 at = 2;

    for (; e && e->name; e++, at++) {
        if (at < ctx->pos)
            continue;
        if (!ctx->emit(ctx, e->name, (u32)strlen(e->name), (1ul << 33) + (u64)at, e->mode >> 12, at + 1))
            return false;
        ctx->pos = at + 1;
    }
    if (!p->is_process || p->entry || at < ctx->pos)
        return true;
    if (!ctx->emit(ctx, "task", 4, (1ul << 33) + (u64)at, S_IFDIR >> 12, at + 1))
        return false;
    ctx->pos = at + 1;
    return true;
}

static int folder_iterate(struct file *f, struct dir_context *ctx)
{
    const struct proc_inode *p = pi_of(f->inode);
    u32 type = p->entry && p->entry->each ? p->entry->each->mode >> 12 : S_IFDIR >> 12;
    u64 n;

    if (!pid_ops->alive(p->task))
        return -ENOENT;
    int err = p->entry ? allowed(p) : 0;
    if (err)
        return err;
    if (!dir_emit_dots(f, ctx) || !emit_names(p, ctx))
        return 0;
    ctx->pos = MAX(ctx->pos, (s64)NUMBERS_AT);
    while ((n = next_number(p, (u64)ctx->pos - NUMBERS_AT)) != ~0ul) {
        if (!emit_number(ctx, n, type))
            return 0;
        ctx->pos = NUMBERS_AT + (s64)n + 1;
    }
    return 0;
}

/* fd and fdinfo: a process may look at its own, whoever the folder belongs to since it changed its IDs. */
static int numbered_permission(struct inode *i, int mask, const struct fs_cred *c)
{
    int err = generic_permission(i, mask, c);

    return err && pid_ops->is_caller(pi_of(i)->task) ? 0 : err;
}

static const struct inode_ops folder_ops = {COMMON, .lookup = folder_lookup};
static const struct inode_ops numbered_ops = {COMMON, .lookup = folder_lookup, .permission = numbered_permission};
static const struct file_ops folder_file_ops = {.iterate = folder_iterate, .seek = generic_folder_seek};

void *proc_folder_task(const struct file *f)
{
    if (f->ops != &folder_file_ops)
        return NULL;
    const struct proc_inode *p = pi_of(f->inode);
    return p->is_process && !p->entry ? p->task : NULL;
}

/* ---- the root: processes by number ----------------------------------------------------------------------------------- */

static int root_lookup(struct inode *dir, struct dentry *d)
{
    u64 n;
    void *task = pid_ops && parse_number(d->name, &n) ? pid_ops->get((u32)n) : NULL;

    return task ? add_inode(dir, d, task, 0, NULL, S_IFDIR | 0555, true) : -ENOENT;
}

static int root_iterate(struct file *f, struct dir_context *ctx)
{
    u32 n;

    (void)f;
    ctx->pos = MAX(ctx->pos, (s64)NUMBERS_AT + 1);
    while (pid_ops && (n = pid_ops->next((u32)(ctx->pos - NUMBERS_AT)))) {
        if (!emit_number(ctx, n, S_IFDIR >> 12))
            return 0;
        ctx->pos = NUMBERS_AT + (s64)n + 1;
    }
    return 0;
}

static ssize_t self_text(char *buf, size_t size)
{
    char text[24];
    u32 n = pid_ops ? pid_ops->self(false) : 0;
    size_t len = (size_t)snprintf(text, sizeof(text), "%u", n);

    if (!n)
        return -ENOENT;
    memcpy(buf, text, MIN(len, size));
    return (ssize_t)MIN(len, size);
}

static ssize_t thread_self_text(char *buf, size_t size)
{
    char text[48];
    u32 n = pid_ops ? pid_ops->self(false) : 0;
    size_t len = (size_t)snprintf(text, sizeof(text), "%u/task/%u", n, n ? pid_ops->self(true) : 0);

    if (!n)
        return -ENOENT;
    memcpy(buf, text, MIN(len, size));
    return (ssize_t)MIN(len, size);
}

/* ---- registration ---------------------------------------------------------------------------------------------------- */

int proc_register(const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg),
                  ssize_t (*write)(const char *text, size_t n, void *arg), void *arg)
{
    return synth_add_file(&proc_fs, path, mode & 07777, show, write, arg);
}

int sysfs_register(const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg),
                   ssize_t (*write)(const char *text, size_t n, void *arg), void *arg)
{
    return synth_add_file(&sys_fs, path, mode & 07777, show, write, arg);
}

int cgroup_register(const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg), void *arg)
{
    return synth_add_file(&cgroup_fs, path, mode & 07777, show, NULL, arg);
}

int sysfs_symlink(const char *path, const char *target)
{
    return synth_add_link(&sys_fs, path, target);
}

int sysfs_mkdir(const char *path)
{
    return synth_add_dir(&sys_fs, path, 0555, NULL);
}

int proc_mkdir(const char *path, u32 mode)
{
    return synth_add_dir(&proc_fs, path, mode & 07777, NULL);
}

int proc_symlink(const char *path, const char *target)
{
    return synth_add_link(&proc_fs, path, target);
}

int procfs_make(const char *options, struct super **out)
{
    (void)options;
    return synth_make(&proc_fs, out);
}

int sysfs_make(const char *options, struct super **out)
{
    (void)options;
    return synth_make(&sys_fs, out);
}

int cgroup2_make(const char *options, struct super **out)
{
    (void)options;
    return synth_make(&cgroup_fs, out);
}

void procfs_init(void)
{
    struct synth_node *root;

    if (synth_add_link(&proc_fs, "self", NULL) || synth_add_link(&proc_fs, "thread-self", NULL))
        panic("no memory for /proc");
    root = proc_fs.root;
    root->lookup = root_lookup;
    root->iterate = root_iterate;
    root->children->readlink = self_text;
    root->children->next->readlink = thread_self_text;
}
