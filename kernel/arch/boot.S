/* SPDX-License-Identifier: MIT */
/*
 * The three doors. All of them end in `common32`: 32-bit protected mode, paging off, %ebx what the loader passed,
 * %ebp the door (enum boot_door). It builds the first page tables, enters long mode and calls boot_main(door, info)
 * at the kernel's linked address.
 *
 * First tables: physical 0..4 GiB mapped at 0 (until paging_init) and at DIRECT_MAP, with 1 GiB pages when the CPU has
 * them, else by four page directories; the kernel image at KERNEL_BASE with 2 MiB pages, writable and executable until
 * paging_init splits it.
 */
#include "arch/asm_offsets.h"

#ifdef SLIPWAY_KASAN
#define BOOT_STACK_SIZE 32768
#else
#define BOOT_STACK_SIZE 16384
#endif
#define PHYS(x) ((x) - 0xffffffff80000000) /* of what is linked high: all but .multiboot2 and .boot.text */
#define DOOR_PVH 0
#define DOOR_LINUX64 1
#define DOOR_MULTIBOOT2 2

    .section .multiboot2, "a"
    .balign 8
mb2_header:
    .long 0xe85250d6, 0, mb2_header_end - mb2_header
    .long -(0xe85250d6 + (mb2_header_end - mb2_header))
    .balign 8
    .short 3, 0 /* entry address: without it GRUB enters e_entry in 32-bit mode */
    .long 12
    .long multiboot2_entry
    .balign 8
    .short 0, 0
    .long 8
mb2_header_end:

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18 /* name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad pvh_entry

    .section .boot.text, "ax"
    .code32
    .global pvh_entry
pvh_entry:
    xorl %ebp, %ebp
    jmp common32

    .global multiboot2_entry
multiboot2_entry:
    movl $DOOR_MULTIBOOT2, %ebp
    jmp common32

    /* Long mode with the loader's tables, %rsi = boot_params: back to 32 bits, then as the others. */
    .code64
    .global linux64_entry
linux64_entry:
    cli
    movl %esi, %ebx
    movl $DOOR_LINUX64, %ebp
    lgdt PHYS(boot_gdtr)
    movl $PHYS(boot_stack_top), %esp
    pushq $SEL_BOOT_CS32
    pushq $leave_long_mode
    lretq
    .code32
leave_long_mode:
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    movl $0xc0000080, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr

common32:
    cli
    cld
    rdtsc
    movl %eax, PHYS(boot_tsc)
    movl %edx, PHYS(boot_tsc) + 4
    lgdt PHYS(boot_gdtr)
    movl $SEL_KERNEL_SS, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $PHYS(boot_stack_top), %esp
    movl %ebx, %esi /* cpuid takes %ebx */

    movl $0x80000001, %eax
    cpuid
    movl %edx, %edi
    testl $(1 << 26), %edi
    jz small_pages
    movl $(0x80 | 0x63), PHYS(boot_pdpt_direct) /* P W A D PS */
    movl $(0x40000000 | 0x80 | 0x63), PHYS(boot_pdpt_direct) + 8
    movl $(0x80000000 | 0x80 | 0x63), PHYS(boot_pdpt_direct) + 16
    movl $(0xc0000000 | 0x80 | 0x63), PHYS(boot_pdpt_direct) + 24
    jmp tables_done
small_pages:
    xorl %ecx, %ecx
    movl $(0x80 | 0x63), %eax
1:  movl %eax, PHYS(boot_pd_direct)(, %ecx, 8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jne 1b
    movl $(PHYS(boot_pd_direct) + 0x63), PHYS(boot_pdpt_direct)
    movl $(PHYS(boot_pd_direct) + 0x1063), PHYS(boot_pdpt_direct) + 8
    movl $(PHYS(boot_pd_direct) + 0x2063), PHYS(boot_pdpt_direct) + 16
    movl $(PHYS(boot_pd_direct) + 0x3063), PHYS(boot_pdpt_direct) + 24
tables_done:
    movl $(PHYS(boot_pdpt_direct) + 0x63), PHYS(boot_pml4)
    movl $(PHYS(boot_pdpt_direct) + 0x63), PHYS(boot_pml4) + 273 * 8
    movl $(PHYS(boot_pdpt_kernel) + 0x63), PHYS(boot_pml4) + 511 * 8
    movl $(PHYS(boot_pd_kernel) + 0x63), PHYS(boot_pdpt_kernel) + 510 * 8
    movl $0x0000e3, PHYS(boot_pd_kernel)
    movl $0x2000e3, PHYS(boot_pd_kernel) + 8
    movl $0x4000e3, PHYS(boot_pd_kernel) + 16
    movl $0x6000e3, PHYS(boot_pd_kernel) + 24
    movl $0x8000e3, PHYS(boot_pd_kernel) + 32
    movl $0xa000e3, PHYS(boot_pd_kernel) + 40
    movl $0xc000e3, PHYS(boot_pd_kernel) + 48
    movl $0xe000e3, PHYS(boot_pd_kernel) + 56
#ifdef SLIPWAY_KASAN
    movl $31, %ecx /* slots 472..502: nothing is tracked there yet */
1:  movl $(PHYS(kasan_zero_pdpt) + 0x61), PHYS(boot_pml4) + 471 * 8(, %ecx, 8)
    loop 1b
    movl $(PHYS(kasan_image_pdpt) + 0x63), PHYS(boot_pml4) + 503 * 8
#endif
    movl $PHYS(boot_pml4), %eax

    /* %eax: page tables, %edi: CPUID 80000001h EDX. The other CPUs come here too (trampoline.S). */
    .global enter_long_mode
enter_long_mode:
    movl %eax, %cr3
    movl %cr4, %eax
    orl $(1 << 5), %eax /* PAE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $(1 << 8 | 1), %eax /* LME, SCE */
    testl $(1 << 20), %edi
    jz 1f
    orl $(1 << 11), %eax /* NXE */
1:  wrmsr
    movl %cr0, %eax
    andl $~(1 << 2 | 1 << 3 | 1 << 30 | 1 << 29), %eax /* EM, TS, CD, NW off */
    orl $(1 << 31 | 1 << 16 | 1 << 5 | 1 << 1), %eax   /* PG WP NE MP */
    movl %eax, %cr0
    ljmp $SEL_KERNEL_CS, $long_mode
    .code64
long_mode:
    movq $high, %rax
    jmp *%rax

    .section .entry.text, "ax"
high:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    cmpq $0, secondary_stack(%rip)
    jne secondary

    /* The boot CPU: a stack, %gs, and the guard value before any C. */
    leaq boot_stack_top(%rip), %rsp
    movl $1, %eax
    cpuid
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq $0x9e3779b97f4a7c15, %rdx
    mulq %rdx
    xorq %rdx, %rax
    movq %rax, %r8
    testl $(1 << 30), %ecx
    jz 1f
    rdrand %rax
    xorq %rax, %r8
1:  xorb %r8b, %r8b /* a NUL stops strings that run over */
    leaq percpu_area(%rip), %rdx
    movq %rdx, (%rdx)
    movq %r8, PERCPU_STACK_GUARD(%rdx)
    movl %edx, %eax
    shrq $32, %rdx
    movl $0xc0000101, %ecx /* GS base */
    wrmsr
    movl %ebp, %edi
    movl %esi, %esi
    xorl %ebp, %ebp
    call boot_main
    ud2

secondary:
    movq secondary_stack(%rip), %rsp
    movq secondary_percpu(%rip), %rdx
    movq %rdx, %rdi
    movl %edx, %eax
    shrq $32, %rdx
    movl $0xc0000101, %ecx
    wrmsr
    xorl %ebp, %ebp
    call smp_secondary_main
    ud2

    .data
    .balign 8
    .global boot_gdt, boot_gdtr, secondary_stack, secondary_percpu, boot_tsc
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 0x08: 32-bit code */
    .quad 0x00af9b000000ffff /* 0x10: 64-bit code */
    .quad 0x00cf93000000ffff /* 0x18: data */
boot_gdt_end:
boot_gdtr:
    .short boot_gdt_end - boot_gdt - 1
    .quad PHYS(boot_gdt)
    .balign 8
secondary_stack: .quad 0  /* not 0: a secondary CPU is coming up, and this is its stack */
secondary_percpu: .quad 0
boot_tsc: .quad 0

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
    .global boot_pml4, boot_pdpt_direct, boot_pd_kernel, boot_pdpt_kernel, boot_stack, boot_stack_top
boot_pml4: .skip 4096
boot_pdpt_direct: .skip 4096
boot_pd_direct: .skip 4 * 4096
boot_pdpt_kernel: .skip 4096
boot_pd_kernel: .skip 4096
boot_stack: .skip BOOT_STACK_SIZE
boot_stack_top:

#ifdef SLIPWAY_KASAN
/*
 * The sanitizer's shadow (kasan.h) as C finds it: zeros, read-only, and pages of its own for the image's 16 MiB, which begin
 * at fffffbfff0000000: slot 503, 511, 384, 0.
 */
    .global kasan_zero_pdpt, kasan_zero_pd, kasan_zero_pt
kasan_zero_page: .skip 4096
kasan_image_shadow: .skip 512 * 4096

    .section .data.page_aligned, "aw"
    .balign 4096
kasan_zero_pdpt:
    .rept 512
    .quad PHYS(kasan_zero_pd) + 0x61
    .endr
kasan_zero_pd:
    .rept 512
    .quad PHYS(kasan_zero_pt) + 0x61
    .endr
kasan_zero_pt:
    .rept 512
    .quad PHYS(kasan_zero_page) + 0x61
    .endr
kasan_image_pdpt:
    .rept 511
    .quad PHYS(kasan_zero_pd) + 0x61
    .endr
    .quad PHYS(kasan_image_pd) + 0x63
kasan_image_pd:
    .rept 384
    .quad PHYS(kasan_zero_pt) + 0x61
    .endr
    .quad PHYS(kasan_image_pt) + 0x63
    .rept 127
    .quad PHYS(kasan_zero_pt) + 0x61
    .endr
kasan_image_pt:
    page = 0
    .rept 512
    .quad PHYS(kasan_image_shadow) + page * 4096 + 0x63
    page = page + 1
    .endr
#endif

    .section .note.GNU-stack, "", @progbits
