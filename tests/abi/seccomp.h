/* SPDX-License-Identifier: MIT */
/* Filters for the tests of seccomp(2). */
#ifndef ABI_SECCOMP_TEST_H
#define ABI_SECCOMP_TEST_H

#include "tests/abi/util.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_AT(off) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (off))
#define RET(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define ALLOW RET(SECCOMP_RET_ALLOW)
/* The call `nr` gives `value`, others go on. */
#define ON(nr, value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), RET(value)
#define FAIL(code) (SECCOMP_RET_ERRNO | (code))

static inline long attach(unsigned flags, const struct sock_filter *f, size_t n)
{
    struct sock_fprog prog = {n, (struct sock_filter *)f};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}
/* Attaches these instructions. */
#define ATTACH_FLAGS(flags, ...)                       \
    ({                                                 \
        const struct sock_filter f_[] = {__VA_ARGS__}; \
        attach(flags, f_, sizeof f_ / sizeof f_[0]);   \
    })
#define ATTACH(...) ATTACH_FLAGS(0, __VA_ARGS__)

/* From now on getppid() gives `value`, everything else is allowed. */
static inline long on_getppid(unsigned value)
{
    return ATTACH(LOAD(nr), ON(SYS_getppid, value), ALLOW);
}

static inline void no_new_privs(void)
{
    REQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

/* The value of a field of /proc/self/status (or of another file of its form), -1: there is none. */
static inline long status_field(const char *file, const char *name)
{
    char line[256];
    long v = -1;
    FILE *f = fopen(file, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            v = strtol(line + strlen(name) + 1, NULL, 10);
    if (f)
        fclose(f);
    return v;
}

#endif
