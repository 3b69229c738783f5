// SPDX-License-Identifier: MIT
/*
 * From a path back to its name. Names and parents are read without locks, inside a read section of walk_seq.
 */
#include "abi/errno.h"
#include "fs/mount.h"
#include "lib/string.h"

struct text {
    char *buf, *at;
    bool full;
};

static void prepend(struct text *t, const char *s, size_t n)
{
    if ((size_t)(t->at - t->buf) < n) {
        t->full = true;
        return;
    }
    t->at -= n;
    memcpy(t->at, s, n);
}

/* Inside a read section of walk_seq. false: the root was not met. */
static bool prepend_names(struct text *t, const struct path *p, const struct path *root)
{
    const struct mount *m = p->mnt;
    const struct dentry *d = p->dentry;

    while (!(d == root->dentry && m == root->mnt) && !t->full) {
        if (d == m->root) {
            const struct mount *up = READ_ONCE(m->parent);
            if (up == m || !READ_ONCE(m->ns))
                return false;
            d = READ_ONCE(m->mountpoint);
            m = up;
            continue;
        }
        const struct dentry *parent = READ_ONCE(d->parent);
        if (parent == d)
            return false;
        const struct dname *n = load_acquire(&d->name);
        prepend(t, n->s, n->len);
        prepend(t, "/", 1);
        d = parent;
    }
    return true;
}

static int pseudo_to_string(struct text *t, const struct dentry *d, char **out)
{
    char digits[24];
    u32 n = sizeof(digits);

    if (d->flags & D_PSEUDO_INO) {
        u64 ino = d->inode->ino;
        digits[--n] = ']';
        do
            digits[--n] = (char)('0' + ino % 10);
        while (ino /= 10);
        digits[--n] = '[';
        digits[--n] = ':';
        prepend(t, digits + n, sizeof(digits) - n);
    }
    prepend(t, d->name->s, d->name->len);
    *out = t->at;
    return t->full ? -ENAMETOOLONG : 0;
}

bool path_is_deleted(const struct path *p)
{
    return dentry_flags(p->dentry) & D_UNLINKED;
}

static int to_string(const struct fs_view *v, const struct path *p, bool mark, char *buf, size_t size, char **out)
{
    struct path root = {mount_root, mount_root->root};
    bool pseudo = (dentry_flags(p->dentry) & D_PSEUDO) && p->dentry != p->mnt->root; /* else it is bound somewhere */
    struct text t;
    bool reached;
    u32 s;

    if (!size)
        return -ENAMETOOLONG;
    if (v)
        fs_context_get_paths(v->ctx, &root, NULL);
    do {
        t = (struct text){buf, buf + size, false};
        prepend(&t, "", 1);
        if (pseudo)
            break;
        if (path_is_deleted(p))
            prepend(&t, " (deleted)", 10);
        char *end = t.at;
        s = seq_read_begin(&walk_seq);
        reached = prepend_names(&t, p, &root);
        if (t.at == end)
            prepend(&t, "/", 1);
        if (!reached && mark)
            prepend(&t, "(unreachable)", 13);
    } while (seq_read_retry(&walk_seq, s));
    if (v)
        path_put(&root);
    if (pseudo)
        return pseudo_to_string(&t, p->dentry, out);
    *out = t.at;
    return t.full ? -ENAMETOOLONG : 0;
}

int path_to_string(const struct fs_view *v, const struct path *p, char *buf, size_t size, char **out)
{
    return to_string(v, p, true, buf, size, out);
}

int path_to_name(const struct fs_view *v, const struct path *p, char *buf, size_t size, char **out)
{
    return to_string(v, p, false, buf, size, out);
}
