/* SPDX-License-Identifier: MIT */
/* The names of uname(2) that can change. */
#ifndef PROC_UTS_H
#define PROC_UTS_H

#include "abi/utsname.h"
#include "lib/types.h"

void uts_get(struct new_utsname *out);
/* n <= __NEW_UTS_LEN; not terminated */
void uts_set_hostname(const char *name, size_t n);
void uts_set_domainname(const char *name, size_t n);

#endif
