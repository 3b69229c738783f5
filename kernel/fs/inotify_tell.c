// SPDX-License-Identifier: MIT
/*
 * inotify: from what happens to those who watch. A directory hears of what is in it, by name, before the thing itself is
 * told of. Who tells holds what the event is about: a reference to the dentry, the directory's lock, or both. Life and
 * locks: fs/inotify_internal.h.
 */
#include "abi/stat.h"
#include "fs/inotify_internal.h"
#include "fs/mount.h"
#include "lib/printf.h"

#define SELF_ENDS (IN_DELETE_SELF | IN_MOVE_SELF) /* of a directory these come without IN_ISDIR */

static u32 last_cookie;

struct told {
    u32 mask; /* one event, and IN_ISDIR */
    u32 cookie;
    u32 len;
    const char *name;
    bool unlinked; /* the file has lost this name */
};

/* In a read section. A watch for one event ends with it. */
static void tell(struct inode *i, const struct told *t, struct inotify_watch **gone)
{
    struct inotify_watch *w = load_acquire(&i->watches);

    for (; w; w = load_acquire(&w->next)) {
        u32 mask = READ_ONCE(w->mask);
        if (!(mask & t->mask & IN_ALL_EVENTS) || (t->unlinked && (mask & IN_EXCL_UNLINK)))
            continue;
        inotify_push(w, t->mask, t->name, t->len, t->cookie, mask & IN_ONESHOT);
        if (mask & IN_ONESHOT) {
            spin_lock(&inotify_watch_lock);
            inotify_unlink(w, gone);
            spin_unlock(&inotify_watch_lock);
        }
    }
}

static void tell_one(struct inode *i, const struct told *t)
{
    struct inotify_watch *gone = NULL;

    rcu_read_lock();
    tell(i, t, &gone);
    rcu_read_unlock();
    inotify_let_go(gone);
}

static u32 dir_bit(const struct inode *i)
{
    return S_ISDIR(i->mode) ? IN_ISDIR : 0;
}

/* Name and directory of d at one time. In a read section; NULL: it is in none. */
static struct inode *place_of(const struct dentry *d, const struct dname **name)
{
    const struct dentry *parent;
    u32 seq;

    do {
        seq = seq_read_begin(&walk_seq);
        parent = READ_ONCE(d->parent);
        *name = load_acquire(&d->name);
    } while (seq_read_retry(&walk_seq, seq));
    return parent == d ? NULL : dentry_inode(parent);
}

void inotify_tell_dentry(struct dentry *d, u32 mask)
{
    struct inode *i = d->inode;
    struct told t = {.mask = mask | dir_bit(i), .unlinked = dentry_flags(d) & D_UNLINKED};
    struct inotify_watch *gone = NULL;
    const struct dname *name;
    char number[24];

    rcu_read_lock();
    struct inode *dir = place_of(d, &name);
    if (dir && READ_ONCE(dir->watches)) {
        t.name = name->s;
        t.len = name->len;
        if (!t.len) { /* made by O_TMPFILE */
            t.len = (u32)snprintf(number, sizeof(number), "#%lu", i->ino);
            t.name = number;
        }
        tell(dir, &t, &gone);
    }
    t.name = "";
    t.len = 0;
    tell(i, &t, &gone);
    rcu_read_unlock();
    inotify_let_go(gone);
}

void inotify_tell_inode(struct inode *i, u32 mask)
{
    const struct told t = {.mask = mask | (mask & SELF_ENDS ? 0 : dir_bit(i)), .name = ""};

    tell_one(i, &t);
}

void inotify_tell_name(struct inode *dir, u32 mask, const struct inode *what, const char *name, u32 len, u32 cookie)
{
    const struct told t = {.mask = mask | dir_bit(what), .cookie = cookie, .name = name, .len = len};

    tell_one(dir, &t);
}

void inotify_tell_moved(struct inode *from, const char *name, u32 len, struct inode *to, const char *new_name,
                        u32 new_len, struct inode *what, struct inode *replaced)
{
    u32 cookie;

    do
        cookie = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);
    while (!cookie);
    inotify_tell_name(from, IN_MOVED_FROM, what, name, len, cookie);
    inotify_tell_name(to, IN_MOVED_TO, what, new_name, new_len, cookie);
    if (replaced)
        inotify_tell_inode(replaced, IN_ATTRIB);
    inotify_tell_inode(what, IN_MOVE_SELF);
}

/* ---- the end of an inode ----------------------------------------------------------------------------------------------- */

/* watch_lock held. */
static void end_watch(struct inotify_watch *w, u32 mask, struct inotify_watch **gone)
{
    inotify_unlink(w, gone);
    inotify_push(w, mask & (w->mask | IN_UNMOUNT), "", 0, 0, true);
}

/* Its watches go with the last user of its last name; the caller counts it. */
void inotify_tell_unnamed(struct inode *i)
{
    struct inotify_watch *gone = NULL;

    if (READ_ONCE(i->nlink))
        return;
    spin_lock(&inotify_watch_lock);
    while (i->watches)
        end_watch(i->watches, IN_DELETE_SELF, &gone);
    spin_unlock(&inotify_watch_lock);
    inotify_let_go(gone);
}

void inotify_tell_unmounted(struct super *sb)
{
    struct inotify_watch *gone = NULL;

    spin_lock(&inotify_watch_lock);
    while (!list_empty(&sb->watches))
        end_watch(list_first(&sb->watches, struct inotify_watch, in_super), IN_UNMOUNT, &gone);
    spin_unlock(&inotify_watch_lock);
    inotify_let_go(gone);
}
