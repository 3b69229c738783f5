/* SPDX-License-Identifier: MIT */
/* ptrace(2): requests, options, events, and the "user area" that PEEKUSER and POKEUSER address. */
#ifndef ABI_PTRACE_H
#define ABI_PTRACE_H

#include "abi/elf.h"

#include <asm/ptrace-abi.h>
#include <linux/ptrace.h>

#define ABI_USER_SIZE 928ul      /* sizeof(struct user): after the debug registers two words that read as 0 */
#define ABI_USER_DEBUGREG 848ul  /* offsetof(struct user, u_debugreg) */
#define ABI_XSTATE_FEATURES 464u /* in NT_X86_XSTATE: the features the kernel uses (XCR0) */
_Static_assert(ABI_USER_SIZE - ABI_USER_DEBUGREG == 10 * 8, "u_debugreg and two words");
_Static_assert(sizeof(struct ptrace_syscall_info) == 88, "ptrace_syscall_info");

#endif
