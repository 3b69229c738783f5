// SPDX-License-Identifier: MIT
/* /proc/PID/mounts and mountinfo: proc(5). */
#include "abi/limits.h"
#include "abi/stat.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/seq.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

static void show_flags(struct seq_buf *s, u32 flags)
{
    static const struct {
        u32 flag;
        const char *text;
    } names[] = {{MS_NOSUID, ",nosuid"},
                 {MS_NODEV, ",nodev"},
                 {MS_NOEXEC, ",noexec"},
                 {MS_NOATIME, ",noatime"},
                 {MS_NODIRATIME, ",nodiratime"}};

    for (u32 i = 0; i < ARRAY_SIZE(names); i++)
        if (flags & names[i].flag)
            seq_puts(s, names[i].text);
    if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
        seq_puts(s, ",relatime");
    if (flags & MS_NOSYMFOLLOW)
        seq_puts(s, ",nosymfollow");
}

struct showing {
    struct seq_buf *s;
    const struct fs_view *v;
    char *buf; /* PATH_MAX */
    void (*show)(struct seq_buf *s, const struct mount *m, const char *path);
};

static void show_one(const struct mount *m, void *arg)
{
    struct showing *w = arg;
    struct path at = {(struct mount *)(u64)m, m->root};
    char *text;

    if (!path_to_string(w->v, &at, w->buf, PATH_MAX, &text) && *text == '/')
        w->show(w->s, m, text);
}

static void for_each_shown(struct seq_buf *s, const struct fs_view *v,
                           void (*show)(struct seq_buf *s, const struct mount *m, const char *path))
{
    struct showing w = {s, v, kmalloc(PATH_MAX, MEM_WAIT), show};

    if (!w.buf)
        return;
    mount_for_each(v->ctx->mounts, show_one, &w);
    kfree(w.buf);
}

static void show_super_flags(struct seq_buf *s, u32 flags)
{
    if (flags & MS_SYNCHRONOUS)
        seq_puts(s, ",sync");
    if (flags & MS_DIRSYNC)
        seq_puts(s, ",dirsync");
    if (flags & MS_LAZYTIME)
        seq_puts(s, ",lazytime");
}

static void show_super_options(struct seq_buf *s, const struct mount *m)
{
    if (m->sb->ops->show_options)
        m->sb->ops->show_options(m->sb, s);
}

static void show_line(struct seq_buf *s, const struct mount *m, const char *path)
{
    seq_escape(s, m->source, " \t\n#");
    seq_putc(s, ' ');
    seq_escape(s, path, " \t\n#");
    seq_printf(s, " %s ", m->sb->type);
    seq_puts(s, mount_may_write(m) ? "ro" : "rw");
    show_super_flags(s, m->sb->flags);
    show_flags(s, m->flags);
    show_super_options(s, m);
    seq_puts(s, " 0 0\n");
}

static void show_root_of_bind(struct seq_buf *s, const struct mount *m)
{
    char *buf = kmalloc(PATH_MAX, MEM_WAIT);

    if (!buf)
        return;
    char *at = buf + PATH_MAX - 1;
    *at = 0;
    if (nsfs_ns(m->root->inode)) {
        seq_printf(s, "%s:[%lu]", m->root->name->s, m->root->inode->ino);
        kfree(buf);
        return;
    }
    for (const struct dentry *d = m->root; d->parent != d && at - buf > d->name->len; d = d->parent) {
        at -= d->name->len;
        memcpy(at, d->name->s, d->name->len);
        *--at = '/';
    }
    seq_escape(s, *at ? at : "/", " \t\n\\");
    kfree(buf);
}

static void show_info_line(struct seq_buf *s, const struct mount *m, const char *path)
{
    seq_printf(s, "%d %d %u:%u ", m->id, m->parent == m ? 1 : m->parent->id, dev_major(m->sb->dev),
               dev_minor(m->sb->dev));
    show_root_of_bind(s, m);
    seq_putc(s, ' ');
    seq_escape(s, path, " \t\n\\");
    seq_putc(s, ' ');
    seq_puts(s, m->flags & MS_RDONLY ? "ro" : "rw");
    show_flags(s, m->flags);
    seq_printf(s, "%s - %s ", m->flags & MS_UNBINDABLE ? " unbindable" : "", m->sb->type);
    seq_escape(s, m->source, " \t\n\\");
    seq_puts(s, m->sb->flags & MS_RDONLY ? " ro" : " rw");
    show_super_flags(s, m->sb->flags);
    show_super_options(s, m);
    seq_putc(s, '\n');
}

void mount_show(struct seq_buf *s, const struct fs_view *v)
{
    for_each_shown(s, v, show_line);
}

static void show_stats_line(struct seq_buf *s, const struct mount *m, const char *path)
{
    seq_puts(s, "device ");
    seq_escape(s, m->source, " \t\n\\");
    seq_puts(s, " mounted on ");
    seq_escape(s, path, " \t\n\\");
    seq_printf(s, " with fstype %s\n", m->sb->type);
}

void mount_show_stats(struct seq_buf *s, const struct fs_view *v)
{
    for_each_shown(s, v, show_stats_line);
}

void mount_show_info(struct seq_buf *s, const struct fs_view *v)
{
    for_each_shown(s, v, show_info_line);
}
