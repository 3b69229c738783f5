// SPDX-License-Identifier: MIT
/* System identity. uts_lock covers the two names. */
#include "proc/uts.h"

#include "arch/spinlock.h"
#include "lib/string.h"

static struct spinlock uts_lock = SPINLOCK_INIT(LOCK_IDS);
static struct new_utsname uts = {
    .sysname = "Linux",
    .nodename = "slipway",
    .release = SLIPWAY_VERSION,
    .version = "#1 SMP Slipway",
    .machine = "x86_64",
    .domainname = "(none)",
};

void uts_get(struct new_utsname *out)
{
    u64 flags = spin_lock_irqsave(&uts_lock);
    *out = uts;
    spin_unlock_irqrestore(&uts_lock, flags);
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
    set(uts.nodename, name, n);
}

void uts_set_domainname(const char *name, size_t n)
{
    set(uts.domainname, name, n);
}
