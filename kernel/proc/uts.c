// SPDX-License-Identifier: MIT
/* System identity, one in each namespace. uts_lock covers the two names of all of them. */
#include "proc/uts.h"

#include "abi/sched.h"
#include "arch/spinlock.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/thread.h"

static struct spinlock uts_lock = SPINLOCK_INIT(LOCK_IDS);
struct uts_ns uts_first = {
    .ns = {.kind = CLONE_NEWUTS, .ino = 4026531838ul, .name = "uts"},
    .names = {.sysname = "Linux",
              .nodename = "slipway",
              .release = SLIPWAY_VERSION,
              .version = "#1 SMP Slipway",
              .machine = "x86_64",
              .domainname = "(none)"},
};

static void ns_free(struct ns *ns)
{
    kfree(container_of(ns, struct uts_ns, ns));
}

static void copy_names(struct uts_ns *from, struct new_utsname *out)
{
    u64 flags = spin_lock_irqsave(&uts_lock);
    *out = from->names;
    spin_unlock_irqrestore(&uts_lock, flags);
}

struct uts_ns *uts_ns_copy(struct uts_ns *from)
{
    struct uts_ns *n = kmalloc(sizeof(*n), MEM_WAIT);
    if (!n)
        return NULL;
    ns_init(&n->ns, CLONE_NEWUTS, "uts", ns_free);
    copy_names(from ? from : &uts_first, &n->names);
    return n;
}

static struct uts_ns *current_uts(void)
{
    struct uts_ns *u = current_thread()->uts;
    return u ? u : &uts_first;
}

void uts_get(struct new_utsname *out)
{
    copy_names(current_uts(), out);
}

static void set(char *field, const char *name, size_t n)
{
    u64 flags = spin_lock_irqsave(&uts_lock);
    memset(field, 0, __NEW_UTS_LEN + 1);
    memcpy(field, name, n);
    spin_unlock_irqrestore(&uts_lock, flags);
}

void uts_set_hostname(const char *name, size_t n)
{
    set(current_uts()->names.nodename, name, n);
}

void uts_set_domainname(const char *name, size_t n)
{
    set(current_uts()->names.domainname, name, n);
}
