/* SPDX-License-Identifier: MIT */
/*
 * The handlers of the system call table, one prototype a call: `long sys_<name>(…)`, a result or a negative errno. They
 * are thin: user pointers end here, in copies and iterators. Handlers that need the register frame use user_frame().
 */
#ifndef SYSCALL_SYS_H
#define SYSCALL_SYS_H

#include "arch/thread.h"
#include "sched/thread.h"
#include "syscall/types.h"

static inline struct trapframe *user_frame(void)
{
    return arch_user_frame(&current_thread()->arch);
}

#define SYS0(nr, name) long sys_##name(void);
#define SYS1(nr, name, t1, a1) long sys_##name(t1 a1);
#define SYS2(nr, name, t1, a1, t2, a2) long sys_##name(t1 a1, t2 a2);
#define SYS3(nr, name, t1, a1, t2, a2, t3, a3) long sys_##name(t1 a1, t2 a2, t3 a3);
#define SYS4(nr, name, t1, a1, t2, a2, t3, a3, t4, a4) long sys_##name(t1 a1, t2 a2, t3 a3, t4 a4);
#define SYS5(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) long sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5);
#define SYS6(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
    long sys_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6);
#define REFUSED(nr, name, reason)
#include "syscall/table.h"
#undef SYS0
#undef SYS1
#undef SYS2
#undef SYS3
#undef SYS4
#undef SYS5
#undef SYS6
#undef REFUSED

#endif
