// SPDX-License-Identifier: MIT
/* Stand-ins, until their owner is there: weak, so that a real handler replaces them at link time. */
#include "abi/errno.h"
#include "lib/printf.h"
#include "syscall/strace.h"
#include "syscall/sys.h"

static long missing(void)
{
    kinfo("%s: %s is missing", current_thread()->comm, syscall_name((u32)user_frame()->orig_rax));
    return -ENOSYS;
}
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define WEAK(name, ...)                                \
    __attribute__((weak)) long sys_##name(__VA_ARGS__) \
    {                                                  \
        return missing();                              \
    }
#define SYS0(nr, name) WEAK(name, void)
#define SYS1(nr, name, t1, a1) WEAK(name, t1 a1)
#define SYS2(nr, name, t1, a1, t2, a2) WEAK(name, t1 a1, t2 a2)
#define SYS3(nr, name, t1, a1, t2, a2, t3, a3) WEAK(name, t1 a1, t2 a2, t3 a3)
#define SYS4(nr, name, t1, a1, t2, a2, t3, a3, t4, a4) WEAK(name, t1 a1, t2 a2, t3 a3, t4 a4)
#define SYS5(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) WEAK(name, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5)
#define SYS6(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
    WEAK(name, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6)
#define REFUSED(nr, name, reason)
#include "syscall/table.h"
