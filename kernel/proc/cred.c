// SPDX-License-Identifier: MIT
/*
 * Credentials: life, change, and the rules of capabilities(7) at setuid and execve. See cred.h.
 */
#include "proc/cred.h"

#include "abi/errno.h"
#include "abi/stat.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "proc/ptrace.h"

static SLAB_CACHE(cred_cache, "cred", struct cred);

struct group_list *group_list_alloc(u32 count)
{
    struct group_list *g = kmalloc(sizeof(*g) + count * sizeof(u32), MEM_WAIT);
    if (g) {
        ref_init(&g->refs);
        g->count = count;
    }
    return g;
}

void group_list_put(struct group_list *g)
{
    if (g && ref_put(&g->refs))
        kfree(g);
}

/* Heap sort: setgroups takes up to 65536 numbers of the user's choice. */
static void sift_down(u32 *v, u32 i, u32 n)
{
    for (u32 child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && v[child + 1] > v[child])
            child++;
        if (v[i] >= v[child])
            return;
        u32 x = v[i];
        v[i] = v[child];
        v[child] = x;
    }
}

static void sort(u32 *v, u32 n)
{
    for (u32 i = n / 2; i-- > 0;)
        sift_down(v, i, n);
    for (u32 end = n; end-- > 1;) {
        u32 x = v[0];
        v[0] = v[end];
        v[end] = x;
        sift_down(v, 0, end);
    }
}

void cred_set_groups(struct cred *c, struct group_list *g)
{
    sort(g->gid, g->count);
    group_list_put(c->groups);
    c->groups = g;
    c->fs.groups = g->gid;
    c->fs.ngroups = g->count;
}

static void cred_free(struct cred *c)
{
    group_list_put(c->groups);
    user_put(c->user);
    slab_free(&cred_cache, c);
}

static void cred_free_rcu(struct rcu_head *h)
{
    cred_free(container_of(h, struct cred, rcu));
}

void cred_get(const struct cred *c)
{
    ref_get(&((struct cred *)(unsigned long)c)->refs);
}

void cred_put(const struct cred *c)
{
    struct cred *m = (struct cred *)(unsigned long)c;
    if (m && ref_put(&m->refs))
        rcu_call(&m->rcu, cred_free_rcu);
}

struct cred *cred_prepare(void)
{
    struct cred *c = slab_alloc(&cred_cache, MEM_WAIT);
    if (!c)
        return NULL;
    memcpy(c, current_cred(), sizeof(*c));
    ref_init(&c->refs);
    if (c->groups)
        ref_get(&c->groups->refs);
    user_get(c->user);
    return c;
}

void cred_discard(struct cred *c)
{
    if (c)
        cred_free(c);
}

/* Processes that lost or gained rights are not dumpable, and forget their wish to hear of their parent's death. */
static void note_changed_ids(const struct cred *old, const struct cred *new)
{
    struct thread *t = current_thread();
    if (old->euid == new->euid && old->egid == new->egid && old->fs.fsuid == new->fs.fsuid &&
        old->fs.fsgid == new->fs.fsgid && !(new->permitted & ~old->permitted))
        return;
    current_process()->dumpable = 0;
    t->sig->pdeath_signal = 0;
}

void cred_commit(struct cred *c)
{
    struct thread *t = current_thread();
    const struct cred *old = t->cred;
    note_changed_ids(old, c);
    if (old->user != c->user) {
        atomic_sub(&old->user->threads, 1);
        atomic_add(&c->user->threads, 1);
    }
    store_release(&t->cred, c);
    cred_put(old);
}

struct cred *cred_boot(void)
{
    struct cred *c = slab_alloc(&cred_cache, MEM_WAIT | MEM_ZERO);
    struct group_list *g = group_list_alloc(0);
    struct user *u = user_find(0);
    if (!c || !g || !u)
        panic("no memory for the first credentials");
    ref_init(&c->refs);
    c->groups = g;
    c->fs.groups = g->gid;
    c->user = u;
    c->fs.caps = c->permitted = c->bounding = CAP_CONTAINER;
    return c;
}

/* Linux security/commoncap.c, cap_emulate_setxuid */
void cred_fix_caps(struct cred *c, const struct cred *old)
{
    bool had_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
    if (had_root && c->uid != 0 && c->euid != 0 && c->suid != 0) {
        if (!(old->securebits & SECBIT_KEEP_CAPS)) {
            c->permitted = 0;
            c->fs.caps = 0;
        }
        c->ambient = 0;
    }
    if (old->euid == 0 && c->euid != 0)
        c->fs.caps = 0;
    if (old->euid != 0 && c->euid == 0)
        c->fs.caps = c->permitted;
}

/* ---- execve ---- */

struct file_caps {
    u64 permitted, inheritable;
    bool effective; /* the program need not take up what it gets */
    bool any;
};

/* security.capability of a file; out stays empty when there is none, or none of this machine's root. -EINVAL: broken. */
static int get_file_caps(const struct inode *file, struct file_caps *out)
{
    struct vfs_ns_cap_data d = {0};
    struct inode *i = (struct inode *)(unsigned long)file;
    ssize_t n = i->ops && i->ops->getxattr ? i->ops->getxattr(i, "security.capability", &d, sizeof(d)) : -ENODATA;
    if (n == -ENODATA || n == -EOPNOTSUPP)
        return 0;
    if (n < (ssize_t)sizeof(u32))
        return n < 0 && n != -ERANGE ? (int)n : -EINVAL;
    u32 revision = d.magic_etc & VFS_CAP_REVISION_MASK;
    bool v1 = revision == VFS_CAP_REVISION_1 && n == XATTR_CAPS_SZ_1;
    if (!v1 && !(revision == VFS_CAP_REVISION_2 && n == XATTR_CAPS_SZ_2) &&
        !(revision == VFS_CAP_REVISION_3 && n == XATTR_CAPS_SZ_3))
        return -EINVAL;
    if (revision == VFS_CAP_REVISION_3 && d.rootid)
        return 0;
    out->permitted = (d.data[0].permitted | (v1 ? 0 : (u64)d.data[1].permitted << 32)) & CAP_ALL;
    out->inheritable = (d.data[0].inheritable | (v1 ? 0 : (u64)d.data[1].inheritable << 32)) & CAP_ALL;
    out->effective = d.magic_etc & VFS_CAP_FLAGS_EFFECTIVE;
    out->any = true;
    return 0;
}

static void exec_ids(struct cred *c, const struct inode *file)
{
    if (current_thread()->no_new_privs || !(file->mode & (S_ISUID | S_ISGID)))
        return;
    struct inode *i = (struct inode *)(unsigned long)file;
    mutex_lock(&i->lock); /* mode and owner as one: chown(2) changes both */
    if (i->mode & S_ISUID)
        c->euid = i->uid;
    if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        c->egid = i->gid;
    mutex_unlock(&i->lock);
}

/* Could another process change directory and root under a program that has more rights than it? */
static bool shares_view(const struct thread *me)
{
    struct process *p = me->process;
    const struct thread *t;
    u32 own = 0;
    if (!READ_ONCE(me->fs->across)) /* most: what counts references for a moment is no sharing */
        return false;
    u64 flags = spin_lock_irqsave(&p->siglock);
    list_for_each (t, &p->threads, process_link)
        own += t->fs == me->fs;
    spin_unlock_irqrestore(&p->siglock, flags);
    return ref_read(&me->fs->refs) > own;
}

/* The permitted set as the file gives it. -EPERM: a file that takes for granted what it cannot get does not run. */
static int permitted_by_file(struct cred *c, const struct file_caps *f)
{
    c->permitted = (f->permitted & c->bounding) | (f->inheritable & c->inheritable);
    return f->effective && (f->permitted & ~c->permitted) ? -EPERM : 0;
}

/* Root runs every file as if it had all capabilities; a set-user-ID program of root's with its own, only by root. */
static void permitted_to_root(struct cred *c, struct file_caps *f)
{
    bool real = c->uid == 0, effective = c->euid == 0;
    if ((c->securebits & SECBIT_NOROOT) || (!real && (!effective || f->any)))
        return;
    c->permitted = c->bounding | c->inheritable;
    if (effective)
        f->effective = true;
}

/* Linux security/commoncap.c, cap_bprm_creds_from_file */
int cred_exec(struct cred *c, const struct inode *file, bool nosuid, bool *secure)
{
    const struct cred *old = current_cred();
    const struct thread *me = current_thread();
    struct file_caps f = {0};
    if (!nosuid)
        exec_ids(c, file);
    int err = nosuid ? 0 : get_file_caps(file, &f);
    if (!err)
        err = permitted_by_file(c, &f);
    if (err)
        return err;
    permitted_to_root(c, &f);
    bool changed = c->euid != old->euid || !cred_in_group(&old->fs, c->egid);
    bool gained = c->permitted & ~old->permitted;
    if ((changed || gained) &&
        (me->no_new_privs || shares_view(me) || ptrace_exec_unsafe())) { /* no more than there was */
        if (me->no_new_privs || !capable(CAP_SETUID)) {
            c->euid = c->uid;
            c->egid = c->gid;
        }
        c->permitted &= old->permitted;
    }
    c->suid = c->fs.fsuid = c->euid;
    c->sgid = c->fs.fsgid = c->egid;
    if (f.any || changed)
        c->ambient = 0;
    c->permitted |= c->ambient;
    c->fs.caps = f.effective ? c->permitted : c->ambient;
    c->securebits &= ~SECBIT_KEEP_CAPS;
    *secure = changed || c->euid != old->uid || c->egid != old->gid ||
              (c->uid != 0 && (f.effective || (c->permitted & ~c->ambient)));
    return 0;
}
