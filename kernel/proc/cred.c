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

/* security.capability of a file. false: none, or not one that applies here. */
static bool file_caps(const struct inode *file, u64 *permitted, u64 *inheritable, bool *effective)
{
    struct vfs_ns_cap_data d;
    struct inode *i = (struct inode *)(unsigned long)file;
    if (!i->ops || !i->ops->getxattr)
        return false;
    ssize_t n = i->ops->getxattr(i, "security.capability", &d, sizeof(d));
    if (n < (ssize_t)sizeof(u32))
        return false;
    u32 revision = d.magic_etc & VFS_CAP_REVISION_MASK;
    bool v2 = revision == VFS_CAP_REVISION_2 && n == XATTR_CAPS_SZ_2;
    bool v3 = revision == VFS_CAP_REVISION_3 && n == XATTR_CAPS_SZ_3 && d.rootid == 0;
    bool v1 = revision == VFS_CAP_REVISION_1 && n == XATTR_CAPS_SZ_1;
    if (!v1 && !v2 && !v3)
        return false;
    *permitted = d.data[0].permitted | (v1 ? 0 : (u64)d.data[1].permitted << 32);
    *inheritable = d.data[0].inheritable | (v1 ? 0 : (u64)d.data[1].inheritable << 32);
    *effective = d.magic_etc & VFS_CAP_FLAGS_EFFECTIVE;
    return true;
}

static void exec_ids(struct cred *c, const struct inode *file, bool nosuid)
{
    if (nosuid || current_thread()->no_new_privs || !(file->mode & (S_ISUID | S_ISGID)))
        return;
    struct inode *i = (struct inode *)(unsigned long)file;
    mutex_lock(&i->lock); /* mode and owner as one: chown(2) changes both */
    if (i->mode & S_ISUID)
        c->euid = i->uid;
    if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        c->egid = i->gid;
    mutex_unlock(&i->lock);
}

static int exec_caps(struct cred *c, const struct cred *old, const struct inode *file, bool nosuid)
{
    u64 fp = 0, fi = 0;
    bool fe = false, from_file = !nosuid && !current_thread()->no_new_privs && file_caps(file, &fp, &fi, &fe);
    bool rooted = !(c->securebits & SECBIT_NOROOT) && (c->euid == 0 || c->uid == 0);
    /* A file that asks for what it cannot get does not run, or it would misbehave; but root gets what there is. */
    if (from_file && fe && !(rooted && c->uid == 0) && (fp & ~(((fp & c->bounding) | (fi & c->inheritable)))))
        return -EPERM;
    if (rooted && !(from_file && c->uid != 0)) {
        fp = fi = CAP_ALL;
        fe = c->euid == 0;
    }
    bool raises = from_file || c->euid != old->euid || c->egid != old->egid;
    if (raises)
        c->ambient = 0;
    c->permitted = (fp & c->bounding) | (fi & c->inheritable) | c->ambient;
    c->fs.caps = fe ? c->permitted : c->ambient;
    return 0;
}

int cred_exec(struct cred *c, const struct inode *file, bool nosuid, bool *secure)
{
    const struct cred *old = current_cred();
    exec_ids(c, file, nosuid);
    int err = exec_caps(c, old, file, nosuid);
    if (err)
        return err;
    bool ids = c->euid != c->uid || c->egid != c->gid;
    *secure = ids || (c->uid != 0 && ((c->permitted | c->fs.caps) & ~c->ambient));
    c->suid = c->fs.fsuid = c->euid;
    c->sgid = c->fs.fsgid = c->egid;
    c->securebits &= ~SECBIT_KEEP_CAPS;
    return 0;
}
