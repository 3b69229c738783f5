// SPDX-License-Identifier: MIT
/* User and group ids, supplementary groups, capabilities. */
#include "abi/errno.h"
#include "abi/limits.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "proc/cred.h"
#include "proc/process.h"
#include "syscall/sys.h"

#define KEEP ((u32)-1)

long sys_getuid(void)
{
    return current_cred()->uid;
}
long sys_geteuid(void)
{
    return current_cred()->euid;
}
long sys_getgid(void)
{
    return current_cred()->gid;
}
long sys_getegid(void)
{
    return current_cred()->egid;
}

static int put_three(uaddr_t a, uaddr_t b, uaddr_t c, u32 x, u32 y, u32 z)
{
    return put_user_u32(a, x) || put_user_u32(b, y) || put_user_u32(c, z) ? -EFAULT : 0;
}

long sys_getresuid(out_k ruid, out_k euid, out_k suid)
{
    const struct cred *c = current_cred();
    return put_three(ruid, euid, suid, c->uid, c->euid, c->suid);
}

long sys_getresgid(out_k rgid, out_k egid, out_k sgid)
{
    const struct cred *c = current_cred();
    return put_three(rgid, egid, sgid, c->gid, c->egid, c->sgid);
}

/* ---- users ---- */

/* Installs c with its new ids, or drops it. */
static long finish_uids(struct cred *c, int err)
{
    const struct cred *old = current_cred();
    if (!err && c->uid != old->uid) {
        struct user *u = user_find(c->uid);
        if (u) {
            user_put(c->user);
            c->user = u;
        } else {
            err = -EAGAIN;
        }
    }
    if (err) {
        cred_discard(c);
        return err;
    }
    c->fs.fsuid = c->euid;
    if (!(c->securebits & SECBIT_NO_SETUID_FIXUP))
        cred_fix_caps(c, old);
    cred_commit(c);
    return 0;
}

long sys_setuid(u32 uid)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    if (uid == KEEP)
        return finish_uids(c, -EINVAL);
    int err = 0;
    if (capable(CAP_SETUID))
        c->uid = c->suid = uid;
    else if (uid != c->uid && uid != c->suid)
        err = -EPERM;
    c->euid = uid;
    return finish_uids(c, err);
}

long sys_setreuid(u32 ruid, u32 euid)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    const struct cred *old = current_cred();
    bool any = capable(CAP_SETUID);
    if (ruid != KEEP && ruid != old->uid && ruid != old->euid && !any)
        return finish_uids(c, -EPERM);
    if (euid != KEEP && euid != old->uid && euid != old->euid && euid != old->suid && !any)
        return finish_uids(c, -EPERM);
    if (ruid != KEEP)
        c->uid = ruid;
    if (euid != KEEP)
        c->euid = euid;
    if (ruid != KEEP || (euid != KEEP && euid != old->uid))
        c->suid = c->euid;
    return finish_uids(c, 0);
}

static bool one_of_uids(const struct cred *c, u32 id)
{
    return id == KEEP || id == c->uid || id == c->euid || id == c->suid;
}

long sys_setresuid(u32 ruid, u32 euid, u32 suid)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    if (!capable(CAP_SETUID) && !(one_of_uids(c, ruid) && one_of_uids(c, euid) && one_of_uids(c, suid)))
        return finish_uids(c, -EPERM);
    if (ruid != KEEP)
        c->uid = ruid;
    if (euid != KEEP)
        c->euid = euid;
    if (suid != KEEP)
        c->suid = suid;
    return finish_uids(c, 0);
}

#define FS_CAPS                                                                                        \
    (1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | \
     1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MKNOD | 1ull << CAP_MAC_OVERRIDE)

long sys_setfsuid(u32 uid)
{
    const struct cred *old = current_cred();
    u32 was = old->fs.fsuid;
    bool may = uid == old->uid || uid == old->euid || uid == old->suid || uid == was || capable(CAP_SETUID);
    if (uid == KEEP || !may || uid == was)
        return was;
    struct cred *c = cred_prepare();
    if (!c)
        return was;
    c->fs.fsuid = uid;
    if (!(c->securebits & SECBIT_NO_SETUID_FIXUP)) {
        if (was == 0 && uid != 0)
            c->fs.caps &= ~FS_CAPS;
        if (was != 0 && uid == 0)
            c->fs.caps |= c->permitted & FS_CAPS;
    }
    cred_commit(c);
    return was;
}

/* ---- groups ---- */

static long finish_gids(struct cred *c, int err)
{
    if (err) {
        cred_discard(c);
        return err;
    }
    c->fs.fsgid = c->egid;
    cred_commit(c);
    return 0;
}

long sys_setgid(u32 gid)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    if (gid == KEEP)
        return finish_gids(c, -EINVAL);
    int err = 0;
    if (capable(CAP_SETGID))
        c->gid = c->sgid = gid;
    else if (gid != c->gid && gid != c->sgid)
        err = -EPERM;
    c->egid = gid;
    return finish_gids(c, err);
}

long sys_setregid(u32 rgid, u32 egid)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    const struct cred *old = current_cred();
    bool any = capable(CAP_SETGID);
    if (rgid != KEEP && rgid != old->gid && rgid != old->egid && !any)
        return finish_gids(c, -EPERM);
    if (egid != KEEP && egid != old->gid && egid != old->egid && egid != old->sgid && !any)
        return finish_gids(c, -EPERM);
    if (rgid != KEEP)
        c->gid = rgid;
    if (egid != KEEP)
        c->egid = egid;
    if (rgid != KEEP || (egid != KEEP && egid != old->gid))
        c->sgid = c->egid;
    return finish_gids(c, 0);
}

static bool one_of_gids(const struct cred *c, u32 id)
{
    return id == KEEP || id == c->gid || id == c->egid || id == c->sgid;
}

long sys_setresgid(u32 rgid, u32 egid, u32 sgid)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    if (!capable(CAP_SETGID) && !(one_of_gids(c, rgid) && one_of_gids(c, egid) && one_of_gids(c, sgid)))
        return finish_gids(c, -EPERM);
    if (rgid != KEEP)
        c->gid = rgid;
    if (egid != KEEP)
        c->egid = egid;
    if (sgid != KEEP)
        c->sgid = sgid;
    return finish_gids(c, 0);
}

long sys_setfsgid(u32 gid)
{
    const struct cred *old = current_cred();
    u32 was = old->fs.fsgid;
    bool may = gid == old->gid || gid == old->egid || gid == old->sgid || gid == was || capable(CAP_SETGID);
    if (gid == KEEP || !may || gid == was)
        return was;
    struct cred *c = cred_prepare();
    if (!c)
        return was;
    c->fs.fsgid = gid;
    cred_commit(c);
    return was;
}

long sys_getgroups(int count, out_k list)
{
    const struct cred *c = current_cred();
    int n = (int)c->fs.ngroups;
    if (count < 0)
        return -EINVAL;
    if (!count)
        return n;
    if (n > count)
        return -EINVAL;
    return copy_to_user(list, c->fs.groups, (size_t)n * sizeof(u32)) ? -EFAULT : n;
}

long sys_setgroups(int count, ptr_k list)
{
    if (!capable(CAP_SETGID))
        return -EPERM;
    if ((u32)count > NGROUPS_MAX)
        return -EINVAL;
    struct group_list *g = group_list_alloc((u32)count);
    if (!g)
        return -ENOMEM;
    int err = copy_from_user(g->gid, list, (size_t)count * sizeof(u32));
    for (int i = 0; i < count && !err; i++) {
        if (g->gid[i] == KEEP)
            err = -EINVAL;
    }
    struct cred *c = err ? NULL : cred_prepare();
    if (!c) {
        group_list_put(g);
        return err ? err : -ENOMEM;
    }
    cred_set_groups(c, g);
    cred_commit(c);
    return 0;
}

/* ---- capabilities ---- */

/* Words of the structure by its version; 0: unknown, and the header was told which one we prefer. */
static int cap_words(uaddr_t header, struct __user_cap_header_struct *h, u32 *words)
{
    if (copy_from_user(h, header, sizeof(*h)))
        return -EFAULT;
    switch (h->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        *words = _LINUX_CAPABILITY_U32S_1;
        return 0;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        *words = _LINUX_CAPABILITY_U32S_3;
        return 0;
    default:
        return put_user_u32(header, _LINUX_CAPABILITY_VERSION_3) ? -EFAULT : -EINVAL;
    }
}

static void fill_caps(struct __user_cap_data_struct d[2], const struct cred *c)
{
    for (u32 i = 0; i < 2; i++) {
        d[i].effective = (u32)(c->fs.caps >> 32 * i);
        d[i].permitted = (u32)(c->permitted >> 32 * i);
        d[i].inheritable = (u32)(c->inheritable >> 32 * i);
    }
}

long sys_capget(ptr_k header, out_k data)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct d[2];
    u32 words;
    int err = cap_words(header, &h, &words);
    if (err)
        return err == -EINVAL && !data ? 0 : err;
    if (h.pid < 0)
        return -EINVAL;
    if (h.pid && h.pid != current_thread()->tid) {
        struct thread *t = thread_find(h.pid);
        if (!t)
            return -ESRCH;
        rcu_read_lock();
        const struct cred *c = thread_cred(t);
        if (c)
            fill_caps(d, c);
        rcu_read_unlock();
        thread_put(t);
        if (!c)
            return -ESRCH;
    } else {
        fill_caps(d, current_cred());
    }
    return data ? copy_to_user(data, d, words * sizeof(d[0])) : 0;
}

/* Linux' cap_capset */
static int check_caps(const struct cred *old, u64 e, u64 p, u64 i)
{
    bool setpcap = cred_capable(old, CAP_SETPCAP);
    if (!setpcap && i & ~(old->inheritable | old->permitted))
        return -EPERM;
    if (i & ~(old->inheritable | old->bounding))
        return -EPERM;
    if (p & ~old->permitted || e & ~p)
        return -EPERM;
    return 0;
}

long sys_capset(ptr_k header, ptr_k data)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct d[2];
    u32 words;
    int err = cap_words(header, &h, &words);
    if (err)
        return err;
    if (h.pid && h.pid != current_thread()->tid)
        return -EPERM;
    memset(d, 0, sizeof(d));
    if (copy_from_user(d, data, words * sizeof(d[0])))
        return -EFAULT;
    u64 e = (d[0].effective | (u64)d[1].effective << 32) & CAP_ALL;
    u64 p = (d[0].permitted | (u64)d[1].permitted << 32) & CAP_ALL;
    u64 i = (d[0].inheritable | (u64)d[1].inheritable << 32) & CAP_ALL;
    err = check_caps(current_cred(), e, p, i);
    struct cred *c = err ? NULL : cred_prepare();
    if (!c)
        return err ? err : -ENOMEM;
    c->fs.caps = e;
    c->permitted = p;
    c->inheritable = i;
    c->ambient &= p & i;
    cred_commit(c);
    return 0;
}
