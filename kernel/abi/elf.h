/* SPDX-License-Identifier: MIT */
/* ELF files, core dumps, and the register set of ptrace(2). */
#ifndef ABI_ELF_H
#define ABI_ELF_H

#include <linux/elf.h>
#include <stddef.h>

#define ELF_MACHINE EM_X86_64
#ifndef PN_XNUM
#define PN_XNUM 0xffff
#endif

typedef struct {
    unsigned long a_type, a_val;
} Elf64_auxv_t;
_Static_assert(sizeof(Elf64_auxv_t) == 16, "auxv entry");

/* PTRACE_GETREGS, NT_PRSTATUS */
struct user_regs_struct {
    unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    unsigned long orig_rax, rip, cs, eflags, rsp, ss;
    unsigned long fs_base, gs_base, ds, es, fs, gs;
};
_Static_assert(sizeof(struct user_regs_struct) == 216, "user_regs_struct");
_Static_assert(offsetof(struct user_regs_struct, orig_rax) == 120, "user_regs_struct");
_Static_assert(offsetof(struct user_regs_struct, fs_base) == 168, "user_regs_struct");
_Static_assert(sizeof(Elf64_Ehdr) == 64 && sizeof(Elf64_Phdr) == 56, "ELF headers");

#endif
