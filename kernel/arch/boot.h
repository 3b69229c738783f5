/* SPDX-License-Identifier: MIT */
/* What the boot loader passed, whichever door it came through; copied before low memory is reused. */
#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include "lib/types.h"

enum boot_door { DOOR_PVH, DOOR_LINUX64, DOOR_MULTIBOOT2 };
struct boot_range {
    paddr_t start, end; /* page-aligned inwards for RAM, outwards for reserved */
    u32 type;           /* E820: 1 RAM, others reserved */
};
#define BOOT_MAX_RANGES 64

struct boot_info {
    enum boot_door door;
    u32 range_count;
    struct boot_range ranges[BOOT_MAX_RANGES]; /* sorted, RAM never overlaps reserved */
    paddr_t initrd, initrd_size;               /* 0, 0: none */
    paddr_t rsdp;                              /* 0: scan */
    char cmdline[2048];
    u64 tsc_at_entry;
};
extern struct boot_info boot_info;
extern char _kernel_start[], _kernel_end[]; /* linker: the image in memory, .bss included */

/* `name=value` → value copied (truncated) into buf; `name` alone → "". false: absent. `nth` for repeated options. */
bool boot_option(const char *name, u32 nth, char *buf, size_t size);

/* The embedded archive's place, filled in by imgtool (boot_contract.h). */
extern struct sw_archive_slot archive_slot;

void kernel_main(void) __noreturn; /* main.c */

#endif
