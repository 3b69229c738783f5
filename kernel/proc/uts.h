/* SPDX-License-Identifier: MIT */
/* The names of uname(2) that can change: those of the caller's namespace. */
#ifndef PROC_UTS_H
#define PROC_UTS_H

#include "abi/utsname.h"
#include "fs/nsfs.h"

struct uts_ns {
    struct ns ns;
    struct new_utsname names; /* (uts_lock) */
};
extern struct uts_ns uts_first;
struct uts_ns *uts_ns_copy(struct uts_ns *from); /* from NULL: the first. NULL: no memory */
static inline void uts_ns_get(struct uts_ns *u)  /* NULL: the first, which is not counted */
{
    if (u)
        ns_get(&u->ns);
}
static inline void uts_ns_put(struct uts_ns *u)
{
    if (u)
        ns_put(&u->ns);
}

void uts_get(struct new_utsname *out);
/* n <= __NEW_UTS_LEN; not terminated */
void uts_set_hostname(const char *name, size_t n);
void uts_set_domainname(const char *name, size_t n);

#endif
