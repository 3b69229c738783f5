// SPDX-License-Identifier: MIT
/*
 * The do-nothing kernel: says Hello on the UART and halts. imgtool builds an image with it as with the real one, so its
 * time is what QEMU needs for a payload before any kernel runs. PVH enters it in 32-bit mode.
 */
    .code32
    .section .text
    .global _start
_start:
    mov $0x3f8, %dx
    mov $message, %esi
    mov $(message_end - message), %ecx
    rep outsb
1:  hlt
    jmp 1b
message:
    .ascii "Hello\nDONE\n"
message_end:

    .section .data
    .balign 8
    /* struct sw_archive_slot (kernel/boot_contract.h) */
    .quad 0x53415957504c4953, 0x31544f4c53484352, 0, 0

    .section .note, "a"
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long _start
