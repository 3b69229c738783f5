// SPDX-License-Identifier: MIT
/* Instances of tmpfs: options, limits, umount; and the shrinker of copied pages. */
#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/seq.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

#define NO_LIMIT (~0ul)
#define TABLE_MAX 2048u

static struct tmpfs_super *root_super; /* the one that has copied pages; never unmounted */

bool tmpfs_charge(struct tmpfs_super *ts, u64 pages)
{
    if (ts->max_pages == NO_LIMIT)
        return true;
    if (atomic_add(&ts->pages, pages) <= ts->max_pages)
        return true;
    atomic_sub(&ts->pages, pages);
    return false;
}

void tmpfs_uncharge(struct tmpfs_super *ts, u64 pages)
{
    if (ts->max_pages != NO_LIMIT && pages)
        atomic_sub(&ts->pages, pages);
}

/* ---- copied pages ---------------------------------------------------------------------------------------------------- */

void tmpfs_note_copy(struct tmpfs_inode *ti)
{
    struct tmpfs_super *ts = tmpfs_s(ti->vfs.sb);

    if (!list_empty(&ti->link))
        return;
    spin_lock(&ts->lock);
    if (list_empty(&ti->link))
        list_add_tail(&ts->copies, &ti->link);
    spin_unlock(&ts->lock);
}

/* An inode with copies, counted and taken off the list. */
static struct tmpfs_inode *next_with_copies(struct tmpfs_super *ts)
{
    struct tmpfs_inode *ti, *tmp, *found = NULL;

    spin_lock(&ts->lock);
    list_for_each_safe (ti, tmp, &ts->copies, link) {
        if (ref_get_unless_zero(&ti->vfs.refs)) {
            list_del_init(&ti->link);
            found = ti;
            break;
        }
    }
    spin_unlock(&ts->lock);
    return found;
}

u64 tmpfs_shrink(u64 want)
{
    struct list kept = LIST_INIT(kept);
    struct tmpfs_super *ts = root_super;
    struct tmpfs_inode *ti;
    u64 done = 0;

    if (!ts)
        return 0;
    for (u32 scanned = 0; done < want && scanned < 4096 && (ti = next_with_copies(ts)); scanned++) {
        u64 n = data_drop_copies(ti);
        done += n;
        if (data_has_copies(ti))
            tmpfs_note_copy(ti); /* in use: back to the end */
        inode_put(&ti->vfs);
    }
    return done;
}

/* ---- options --------------------------------------------------------------------------------------------------------- */

/* Decimal or octal with k, m, g, or % of memory; in pages when `bytes`. */
static int parse_amount(const char *s, size_t len, bool bytes, u64 *out)
{
    static const char units[] = "kmg";
    char text[24];
    const char *end;
    struct mem_stats st;
    u64 v;

    if (len >= sizeof(text))
        return -EINVAL;
    memcpy(text, s, len);
    text[len] = 0;
    if (str_to_u64(text, 10, &v, &end))
        return -EINVAL;
    if (*end == '%') {
        mem_get_stats(&st);
        *out = st.total_pages * MIN(v, 100ul) / 100;
        return end[1] ? -EINVAL : 0;
    }
    const char *unit = strchr(units, *end | 32);
    if (unit) {
        v <<= 10 * (unit - units + 1);
        end++;
    }
    *out = bytes ? (v + PAGE_SIZE - 1) >> PAGE_SHIFT : v;
    return *end ? -EINVAL : 0;
}

static bool is_option(const char *s, size_t len, const char *name, const char **value, size_t *value_len)
{
    size_t n = strlen(name);

    if (len < n || memcmp(s, name, n) != 0)
        return false;
    *value = s + n;
    *value_len = len - n;
    return true;
}

static int octal(const char *s, size_t len, u32 *out)
{
    u32 v = 0;

    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '7')
            return -EINVAL;
        v = v << 3 | (u32)(s[i] - '0');
    }
    *out = v & 07777;
    return 0;
}

static int parse_option(struct tmpfs_super *ts, const char *s, size_t len)
{
    const char *v;
    size_t n;
    u64 amount = 0;
    int err = 0;

    if (is_option(s, len, "size=", &v, &n))
        err = parse_amount(v, n, true, &ts->max_pages);
    else if (is_option(s, len, "nr_blocks=", &v, &n))
        err = parse_amount(v, n, false, &ts->max_pages);
    else if (is_option(s, len, "nr_inodes=", &v, &n))
        err = parse_amount(v, n, false, &ts->max_inodes);
    else if (is_option(s, len, "mode=", &v, &n))
        err = octal(v, n, &ts->mode);
    else if (is_option(s, len, "uid=", &v, &n) && !(err = parse_amount(v, n, false, &amount)))
        ts->uid = (u32)amount;
    else if (is_option(s, len, "gid=", &v, &n) && !(err = parse_amount(v, n, false, &amount)))
        ts->gid = (u32)amount;
    else if (is_option(s, len, "huge=", &v, &n) || is_option(s, len, "mpol=", &v, &n) || !len)
        return 0;
    else
        err = -EINVAL;
    if (!ts->max_pages)
        ts->max_pages = NO_LIMIT; /* size=0: no limit, tmpfs(5) */
    if (!ts->max_inodes)
        ts->max_inodes = NO_LIMIT;
    return err;
}

static int parse_options(struct tmpfs_super *ts, const char *s)
{
    int err = 0;

    while (*s && !err) {
        const char *comma = strchr(s, ',');
        size_t len = comma ? (size_t)(comma - s) : strlen(s);
        err = parse_option(ts, s, len);
        s += len + (comma != NULL);
    }
    return err;
}

/* ---- operations ------------------------------------------------------------------------------------------------------ */

static int statfs(struct super *sb, struct kstatfs *st)
{
    struct tmpfs_super *ts = tmpfs_s(sb);
    struct mem_stats m;

    st->bsize = PAGE_SIZE;
    st->namelen = 255;
    mem_get_stats(&m);
    if (ts->max_pages == NO_LIMIT) { /* what is in the archive, and what memory is left */
        st->blocks = m.total_pages;
        st->bfree = st->bavail = m.free_pages;
    } else {
        st->blocks = ts->max_pages;
        st->bfree = st->bavail = ts->max_pages - MIN(atomic_read(&ts->pages), ts->max_pages);
    }
    st->files = ts->max_inodes == NO_LIMIT ? m.total_pages : ts->max_inodes;
    st->ffree = st->files - MIN(atomic_read(&ts->inodes), st->files);
    return 0;
}

static void show_options(struct super *sb, struct seq_buf *s)
{
    struct tmpfs_super *ts = tmpfs_s(sb);

    if (strcmp(sb->type, "tmpfs") != 0)
        return; /* what borrows the implementation shows what its original would */
    if (ts->max_pages != NO_LIMIT)
        seq_printf(s, ",size=%luk", ts->max_pages * (PAGE_SIZE / 1024));
    if (ts->mode != 01777)
        seq_printf(s, ",mode=%o", ts->mode);
    if (ts->uid)
        seq_printf(s, ",uid=%u", ts->uid);
    if (ts->gid)
        seq_printf(s, ",gid=%u", ts->gid);
}

/* All directories with names are counted, let their names go, and are then put: whatever the order, no inode_put ends a
 * directory that still has names, so nothing recurses, however deep the tree. */
static void drop_tree(struct super *sb)
{
    struct tmpfs_super *ts = tmpfs_s(sb);
    struct list held = LIST_INIT(held);
    struct tmpfs_inode *ti;

    while (!list_empty(&ts->dirs)) {
        ti = list_first(&ts->dirs, struct tmpfs_inode, link);
        inode_get(&ti->vfs);
        list_del(&ti->link);
        list_add_tail(&held, &ti->link);
    }
    list_for_each (ti, &held, link)
        tmpfs_dir_free(ti);
    while (!list_empty(&held)) {
        ti = list_first(&held, struct tmpfs_inode, link);
        list_del_init(&ti->link);
        inode_put(&ti->vfs);
    }
}

static void put_super(struct super *sb)
{
    struct tmpfs_super *ts = tmpfs_s(sb);

    rcu_synchronize(); /* inodes that are being freed point to the super */
    kfree(ts->table);
    kfree(ts->gone);
    kfree(ts);
}

static int remount(struct super *sb, const char *options)
{
    struct tmpfs_super probe = *tmpfs_s(sb);
    int err = parse_options(&probe, options);

    if (err)
        return err;
    if (probe.max_pages < atomic_read(&tmpfs_s(sb)->pages) || probe.max_inodes < atomic_read(&tmpfs_s(sb)->inodes))
        return -EINVAL;
    tmpfs_s(sb)->max_pages = probe.max_pages;
    tmpfs_s(sb)->max_inodes = probe.max_inodes;
    return 0;
}

static const struct super_ops tmpfs_super_ops = {
    .statfs = statfs, .drop = drop_tree, .put = put_super, .show_options = show_options, .remount = remount};

/* ---- making ---------------------------------------------------------------------------------------------------------- */

static struct super *alloc_super(const char *type, u32 magic)
{
    struct super *sb = super_alloc(type, magic, &tmpfs_super_ops);
    struct tmpfs_super *ts = sb ? kzalloc(sizeof(*ts), MEM_WAIT) : NULL;
    struct mem_stats st;

    if (!ts) {
        kfree(sb);
        return NULL;
    }
    mem_get_stats(&st);
    ts->sb = sb;
    ts->max_pages = ts->max_inodes = st.total_pages / 2;
    ts->mode = 01777;
    spin_init(&ts->lock, LOCK_LRU);
    list_init(&ts->dirs);
    list_init(&ts->copies);
    sb->private = ts;
    return sb;
}

static int set_root(struct super *sb, struct inode *i)
{
    sb->root = dentry_alloc(NULL, sb, "/", 1);
    if (!sb->root) {
        inode_put(i);
        return -ENOMEM;
    }
    dentry_instantiate(sb->root, i);
    return 0;
}

int tmpfs_make_typed(const char *type, u32 magic, const char *options, struct super **out)
{
    struct super *sb = alloc_super(type, magic);
    struct inode *i;

    if (!sb)
        return -ENOMEM;
    struct tmpfs_super *ts = tmpfs_s(sb);
    int err = parse_options(ts, options);
    if (!err)
        err = tmpfs_new(sb, S_IFDIR | ts->mode, NULL, &kernel_cred, &i);
    if (!err) {
        i->uid = ts->uid;
        i->gid = ts->gid;
        err = set_root(sb, i);
    }
    if (err) {
        super_put(sb);
        return err;
    }
    *out = sb;
    return 0;
}

int tmpfs_make(const char *options, struct super **out)
{
    return tmpfs_make_typed("tmpfs", TMPFS_MAGIC, options, out);
}

static int use_archive(struct tmpfs_super *ts, const struct archive *a)
{
    u32 size = 64;

    while (size < TABLE_MAX && size < a->inode_count / 4)
        size *= 2;
    ts->table = kcalloc(size, sizeof(*ts->table), MEM_WAIT);
    if (!ts->table)
        return -ENOMEM;
    ts->table_mask = size - 1;
    ts->archive = *a;
    atomic_set(&ts->sb->next_ino, a->inode_count);
    return 0;
}

int tmpfs_make_root(const struct archive *a, struct super **out)
{
    struct super *sb = alloc_super("tmpfs", TMPFS_MAGIC);
    struct inode *i;

    if (!sb)
        return -ENOMEM;
    struct tmpfs_super *ts = tmpfs_s(sb);
    ts->max_pages = ts->max_inodes = NO_LIMIT;
    ts->mode = 0755;
    root_super = ts;
    int err = a && a->indexed ? use_archive(ts, a) : 0;
    if (!err)
        err = a && a->indexed ? tmpfs_iget(sb, 0, &i) : tmpfs_new(sb, S_IFDIR | 0755, NULL, &kernel_cred, &i);
    if (!err)
        err = set_root(sb, i);
    *out = sb;
    return err;
}
