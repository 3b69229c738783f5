/* SPDX-License-Identifier: MIT */
/*
 * Copies from and to user memory; see usercopy.h. Each returns in %rax the bytes not done. A fault in the fast part of
 * a copy falls back to single bytes from the last whole block on, so that the count is exact.
 *
 * arch_copy_mode (copy.c): 0 eight bytes at a time, unrolled; 1 rep movsq; 2 rep movsb.
 */
#include "arch/asm_offsets.h"
#include "arch/extable.h"

.macro SMAP_SITE insn
.Lsite\@:
    \insn
    .pushsection .smap_sites, "a"
    .long .Lsite\@ - 0xffffffff80000000
    .popsection
.endm

/* One faulting instruction, with its fixup */
.macro TRY fixup, insn:vararg
.Ltry\@:
    \insn
    EXTABLE .Ltry\@, \fixup
.endm

    .text
/* size_t user_copy(void *dst %rdi, const void *src %rsi, size_t n %rdx) */
    .balign 16
    .global user_copy
user_copy:
    SMAP_SITE stac
    movq %rdx, %rcx
    cmpq $8, %rdx
    jb .Lbytes
    cmpq $64, %rdx
    jb .Lwords
    cmpl $1, arch_copy_mode(%rip)
    je .Lrep_words
    ja .Lbytes
.Lblock: /* %rcx bytes left, at least 64 */
    TRY .Lbytes, movq (%rsi), %r8
    TRY .Lbytes, movq 8(%rsi), %r9
    TRY .Lbytes, movq 16(%rsi), %r10
    TRY .Lbytes, movq 24(%rsi), %r11
    TRY .Lbytes, movq %r8, (%rdi)
    TRY .Lbytes, movq %r9, 8(%rdi)
    TRY .Lbytes, movq %r10, 16(%rdi)
    TRY .Lbytes, movq %r11, 24(%rdi)
    TRY .Lbytes, movq 32(%rsi), %r8
    TRY .Lbytes, movq 40(%rsi), %r9
    TRY .Lbytes, movq 48(%rsi), %r10
    TRY .Lbytes, movq 56(%rsi), %r11
    TRY .Lbytes, movq %r8, 32(%rdi)
    TRY .Lbytes, movq %r9, 40(%rdi)
    TRY .Lbytes, movq %r10, 48(%rdi)
    TRY .Lbytes, movq %r11, 56(%rdi)
    addq $64, %rsi
    addq $64, %rdi
    subq $64, %rcx
    cmpq $64, %rcx
    jae .Lblock
    cmpq $8, %rcx
    jb .Lbytes
.Lwords: /* 8 <= %rcx < 64 */
    TRY .Lbytes, movq (%rsi), %r8
    TRY .Lbytes, movq %r8, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rcx
    cmpq $8, %rcx
    jae .Lwords
.Lbytes: /* %rcx bytes left, possibly 0; also where faults of the parts above go on */
    testq %rcx, %rcx
    jz .Ldone
    TRY .Ldone, rep movsb
.Ldone:
    SMAP_SITE clac
    movq %rcx, %rax
    ret
.Lrep_words:
    movq %rdx, %r8
    andl $7, %r8d
    shrq $3, %rcx
    TRY .Lrep_words_fault, rep movsq
    movq %r8, %rcx
    jmp .Lbytes
.Lrep_words_fault:
    leaq (%r8, %rcx, 8), %rcx
    jmp .Lbytes

/* size_t user_clear(void *dst %rdi, size_t n %rsi) */
    .balign 16
    .global user_clear
user_clear:
    SMAP_SITE stac
    movq %rsi, %rcx
    xorl %eax, %eax
    cmpq $64, %rcx
    jb .Lclear_bytes
    cmpl $1, arch_copy_mode(%rip)
    ja .Lclear_bytes
.Lclear_block:
    TRY .Lclear_bytes, movq %rax, (%rdi)
    TRY .Lclear_bytes, movq %rax, 8(%rdi)
    TRY .Lclear_bytes, movq %rax, 16(%rdi)
    TRY .Lclear_bytes, movq %rax, 24(%rdi)
    TRY .Lclear_bytes, movq %rax, 32(%rdi)
    TRY .Lclear_bytes, movq %rax, 40(%rdi)
    TRY .Lclear_bytes, movq %rax, 48(%rdi)
    TRY .Lclear_bytes, movq %rax, 56(%rdi)
    addq $64, %rdi
    subq $64, %rcx
    cmpq $64, %rcx
    jae .Lclear_block
.Lclear_bytes:
    TRY .Ldone, rep stosb
    jmp .Ldone

/* ssize_t user_string(char *dst %rdi, const char *src %rsi, size_t size %rdx): bytes before the NUL; size: none found;
 * -14: fault. Reads byte by byte up to alignment, then eight at a time: an aligned word does not cross a page. */
    .balign 16
    .global user_string
user_string:
    SMAP_SITE stac
    xorl %eax, %eax
.Lstring_byte:
    cmpq %rdx, %rax
    jae .Lstring_done
    leaq (%rsi, %rax), %rcx
    testb $7, %cl
    jz .Lstring_word
.Lstring_one:
    TRY .Lstring_fault, movzbl (%rsi, %rax), %ecx
    movb %cl, (%rdi, %rax)
    testb %cl, %cl
    jz .Lstring_done
    incq %rax
    jmp .Lstring_byte
.Lstring_word:
    leaq 8(%rax), %rcx
    cmpq %rdx, %rcx
    ja .Lstring_one
    TRY .Lstring_fault, movq (%rsi, %rax), %r8
    movabsq $0x0101010101010101, %r9
    movq %r8, %rcx
    subq %r9, %rcx
    movq %r8, %r10
    notq %r10
    andq %r10, %rcx
    movabsq $0x8080808080808080, %r9
    testq %r9, %rcx
    jnz .Lstring_one
    movq %r8, (%rdi, %rax)
    addq $8, %rax
    jmp .Lstring_byte
.Lstring_fault:
    movq $-14, %rax
.Lstring_done:
    SMAP_SITE clac
    ret

/* int user_load_u32/u64(dst %rdi, src %rsi), user_store_u32/u64(dst %rdi, value %rsi): 0, -14 */
.macro SMALL name, moves:vararg
    .balign 16
    .global \name
\name:
    SMAP_SITE stac
    xorl %eax, %eax
    \moves
    SMAP_SITE clac
    ret
.endm
.macro LOAD32
    TRY .Lsmall_fault, movl (%rsi), %ecx
    movl %ecx, (%rdi)
.endm
.macro LOAD64
    TRY .Lsmall_fault, movq (%rsi), %rcx
    movq %rcx, (%rdi)
.endm
.macro STORE32
    TRY .Lsmall_fault, movl %esi, (%rdi)
.endm
.macro STORE64
    TRY .Lsmall_fault, movq %rsi, (%rdi)
.endm
    SMALL user_load_u32, LOAD32
    SMALL user_load_u64, LOAD64
    SMALL user_store_u32, STORE32
    SMALL user_store_u64, STORE64
.Lsmall_fault:
    SMAP_SITE clac
    movl $-14, %eax
    ret

/* int user_cas_u32(u32 *p %rdi, u32 expect %esi, u32 desired %edx, u32 *old %rcx): 0, -14 */
    .balign 16
    .global user_cas_u32
user_cas_u32:
    SMAP_SITE stac
    movl %esi, %eax
    TRY .Lsmall_fault, lock cmpxchgl %edx, (%rdi)
    SMAP_SITE clac
    movl %eax, (%rcx)
    xorl %eax, %eax
    ret

/* int user_xchg_u32, user_xadd_u32(u32 *p %rdi, u32 v %esi, u32 *old %rdx) */
    .balign 16
    .global user_xchg_u32
user_xchg_u32:
    SMAP_SITE stac
    TRY .Lsmall_fault, xchgl %esi, (%rdi)
    SMAP_SITE clac
    movl %esi, (%rdx)
    xorl %eax, %eax
    ret
    .global user_xadd_u32
user_xadd_u32:
    SMAP_SITE stac
    TRY .Lsmall_fault, lock xaddl %esi, (%rdi)
    SMAP_SITE clac
    movl %esi, (%rdx)
    xorl %eax, %eax
    ret

    .section .note.GNU-stack, "", @progbits
