/* SPDX-License-Identifier: MIT */
/*
 * Credentials: immutable once installed, counted, replaced whole by their own thread only. The owner reads
 * current_cred() freely; others look under RCU (thread_cred). A change is cred_prepare → edit → cred_commit, or
 * cred_discard. Supplementary groups are a counted, sorted list shared between credentials.
 */
#ifndef PROC_CRED_H
#define PROC_CRED_H

#include "abi/prctl.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "sched/thread.h"
#include "sched/timer.h"

/* What is counted per real user, against its limits. Never freed while anything of the user lives. */
struct user {
    refcount_t refs;
    u32 uid;
    atomic_t threads;        /* RLIMIT_NPROC */
    atomic_t sigpending;     /* RLIMIT_SIGPENDING */
    atomic64_t mqueue_bytes; /* RLIMIT_MSGQUEUE */
    u64 locked_pages;        /* RLIMIT_MEMLOCK: of System V segments (atomic) */
    struct user_files files;
    struct user *next; /* hash chain (user.c: users_lock) */
};
struct user *user_find(u32 uid); /* reference, made when absent; NULL: no memory */
static inline struct user *user_get(struct user *u)
{
    ref_get(&u->refs);
    return u;
}
void user_put(struct user *u);
void user_init(void); /* fs/ counts by the user from now on */

struct group_list {
    refcount_t refs;
    u32 count;
    u32 gid[]; /* sorted */
};

struct cred {
    struct fs_cred fs; /* first: fsuid, fsgid, effective capabilities, groups (points into `groups`) */
    refcount_t refs;
    u32 uid, euid, suid;
    u32 gid, egid, sgid;
    u64 permitted, inheritable, bounding, ambient;
    u32 securebits;
    struct user *user; /* of uid */
    struct group_list *groups;
    struct rcu_head rcu;
};

#define CAP_ALL ((2ull << CAP_LAST_CAP) - 1)
/* What `docker run` leaves to root. */
#define CAP_CONTAINER                                                                                             \
    (1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FSETID | 1ull << CAP_FOWNER | 1ull << CAP_MKNOD | \
     1ull << CAP_NET_RAW | 1ull << CAP_SETGID | 1ull << CAP_SETUID | 1ull << CAP_SETFCAP | 1ull << CAP_SETPCAP |  \
     1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_SYS_CHROOT | 1ull << CAP_KILL | 1ull << CAP_AUDIT_WRITE)

static inline const struct cred *current_cred(void)
{
    return current_thread()->cred;
}
static inline const struct cred *thread_cred(const struct thread *t) /* inside an RCU read section */
{
    return load_acquire(&((struct thread *)(unsigned long)t)->cred);
}
static inline bool cred_capable(const struct cred *c, u32 cap)
{
    return fs_capable(&c->fs, cap);
}
static inline bool capable(u32 cap) /* of the calling thread */
{
    return cred_capable(current_cred(), cap);
}
void cred_get(const struct cred *c);
void cred_put(const struct cred *c); /* freed after a grace period */
/* For fs/: an opener's credentials held by a file. */
static inline struct cred *cred_of_fs(const struct fs_cred *c)
{
    return (struct cred *)(unsigned long)c;
}

struct cred *cred_prepare(void);                /* a private copy of current's; NULL: no memory */
void cred_commit(struct cred *c);               /* becomes current's; pdeathsig and dumpable follow as in Linux */
void cred_discard(struct cred *c);              /* a prepared one that is not wanted */
struct group_list *group_list_alloc(u32 count); /* refs 1; NULL: no memory */
void group_list_put(struct group_list *g);
/* Sorts g and makes it c's; takes over the reference. */
void cred_set_groups(struct cred *c, struct group_list *g);
/* root with the container's capabilities: the first process starts from it. */
struct cred *cred_boot(void);
/* execve: capabilities and ids after running a file with this mode and owner. *secure → AT_SECURE. */
struct inode;
int cred_exec(struct cred *c, const struct inode *file, bool nosuid, bool *secure);
/* The capability side of a change of uid (cap_emulate_setxuid). */
void cred_fix_caps(struct cred *c, const struct cred *old);

#endif
