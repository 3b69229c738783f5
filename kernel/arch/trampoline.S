/* SPDX-License-Identifier: MIT */
/*
 * Where another CPU starts, in real mode: smp.c copies this to SMP_TRAMPOLINE, a page below 1 MiB. It enters 32-bit
 * mode and jumps into the image, to enter_long_mode of boot.S; until that CPU runs at the linked address it uses the
 * tables of trampoline_pgd, which map the first GiB one to one.
 */
#include "arch/asm_offsets.h"
#define TRAMPOLINE 0x8000
#define AT(x) (x - trampoline_start + TRAMPOLINE)

    .section .rodata
    .global trampoline_start, trampoline_end, trampoline_cr3, trampoline_features
    .balign 16
    .code16
trampoline_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl AT(gdtr)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $SEL_BOOT_CS32, $AT(protected)
    .code32
protected:
    movl $SEL_KERNEL_SS, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl AT(trampoline_features), %edi
    movl AT(trampoline_cr3), %eax
    movl $enter_long_mode, %ecx
    jmp *%ecx
    .balign 8
gdtr:
    .short 31
    .long boot_gdt - 0xffffffff80000000
    .balign 4
trampoline_cr3: .long 0
trampoline_features: .long 0
trampoline_end:

    .section .note.GNU-stack, "", @progbits
