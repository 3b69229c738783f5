/* SPDX-License-Identifier: MIT */
/* What assembly knows of C's structures; C asserts it. Included by both. */
#ifndef ARCH_ASM_OFFSETS_H
#define ARCH_ASM_OFFSETS_H

#define PERCPU_CURRENT 8
#define PERCPU_KERNEL_RSP 16
#define PERCPU_USER_RSP 24
#define PERCPU_STACK_GUARD 40
#define PERCPU_FPU_OWNER 56
#define PERCPU_SHIFT 7 /* log2 of sizeof(struct percpu) */

#define THREAD_WORK 0

#define FRAME_RDI 112
#define FRAME_ORIG_RAX 120
#define FRAME_RIP 128
#define FRAME_CS 136
#define FRAME_RFLAGS 144
#define FRAME_RSP 152
#define FRAME_SS 160
#define FRAME_SIZE 168
#define FRAME_RCX 88
#define FRAME_R11 48

#define SEL_BOOT_CS32 0x08
#define SEL_KERNEL_CS 0x10
#define SEL_KERNEL_SS 0x18
#define SEL_USER_CS32 0x23
#define SEL_USER_SS 0x2b
#define SEL_USER_CS 0x33
#define SEL_TSS 0x40
#define SEL_TLS_FIRST 0x63 /* three entries */
#define SEL_CPU_NUMBER 0x7b

#define TRAP_STUB_SIZE 16 /* bytes between the entries of two vectors */

#endif
