// SPDX-License-Identifier: MIT
/*
 * What the loader passed becomes boot_info. Everything is copied here, before anyone may reuse the memory it lies in;
 * of the initrd and the embedded archive only the place is noted. Addresses below 4 GiB are reachable through the
 * direct map from the first instruction on.
 */
#include "arch/boot.h"
#include "arch/early_console.h"
#include "arch/paging.h"
#include "arch/smp_boot.h"
#include "boot_contract.h"
#include "lib/printf.h"
#include "lib/string.h"
#include <asm/bootparam.h>

/* The hypervisor's start_info (Xen public headers, arch-x86/hvm/start_info.h). */
#define HVM_MAGIC 0x336ec578u
struct hvm_start_info {
    u32 magic, version, flags, nr_modules;
    u64 modlist_paddr, cmdline_paddr, rsdp_paddr;
    u64 memmap_paddr; /* from version 1 on */
    u32 memmap_entries, reserved;
};
struct hvm_module {
    u64 paddr, size, cmdline_paddr, reserved;
};
struct hvm_memmap_entry {
    u64 addr, size;
    u32 type, reserved;
};

/* Multiboot2 boot information (specification 2.0, section 3.6). */
struct mb2_info {
    u32 total_size, reserved;
};
struct mb2_tag {
    u32 type, size;
    u8 data[];
};
enum { MB2_END = 0, MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MMAP = 6, MB2_RSDP_OLD = 14, MB2_RSDP_NEW = 15 };
struct mb2_mmap {
    u32 entry_size, entry_version;
    u8 entries[];
};
struct mb2_mmap_entry {
    u64 addr, len;
    u32 type, reserved;
};

#define RAM 1u
#define LOW_LIMIT (4ul << 30)

struct boot_info boot_info;
extern u64 boot_tsc;
static u8 rsdp_copy[64] __aligned(16);

__attribute__((used, section(".data.slot"))) struct sw_archive_slot archive_slot = {SW_SLOT_MAGIC0, SW_SLOT_MAGIC1, 0,
                                                                                    0};

static __init const void *early_ptr(u64 p)
{
    return p && p < LOW_LIMIT ? phys_to_virt(p) : NULL;
}

static __init void set_cmdline(u64 p)
{
    const char *s = early_ptr(p);
    if (s)
        str_copy(boot_info.cmdline, s, sizeof(boot_info.cmdline));
}

/* Sorted by start. A full table loses the range: less RAM, never wrong RAM (reserved ranges that get lost would be; RAM
 * is what a loader's map says it is, so they only matter where they overlap). */
static __init void add_range(u64 start, u64 end, u32 type)
{
    struct boot_info *b = &boot_info;
    start = type == RAM ? ALIGN_UP(start, PAGE_SIZE) : ALIGN_DOWN(start, PAGE_SIZE);
    end = type == RAM ? ALIGN_DOWN(end, PAGE_SIZE) : ALIGN_UP(end, PAGE_SIZE);
    if (start >= end || b->range_count == BOOT_MAX_RANGES)
        return;
    u32 i = b->range_count++;
    for (; i > 0 && b->ranges[i - 1].start > start; i--)
        b->ranges[i] = b->ranges[i - 1];
    b->ranges[i] = (struct boot_range){start, end, type};
}

static __init void remove_range(u32 i)
{
    struct boot_info *b = &boot_info;
    b->range_count--;
    for (; i < b->range_count; i++)
        b->ranges[i] = b->ranges[i + 1];
}

/* Cuts [start, end) out of all RAM. */
static __init void cut_ram(u64 start, u64 end)
{
    struct boot_info *b = &boot_info;
    for (u32 i = 0; i < b->range_count;) {
        struct boot_range r = b->ranges[i];
        if (r.type != RAM || r.end <= start || r.start >= end) {
            i++;
            continue;
        }
        remove_range(i);
        if (r.start < start)
            add_range(r.start, start, RAM);
        if (r.end > end)
            add_range(end, r.end, RAM);
        i = 0;
    }
}

static __init void settle_ranges(void)
{
    for (u32 i = 0; i < boot_info.range_count; i++)
        if (boot_info.ranges[i].type != RAM)
            cut_ram(boot_info.ranges[i].start, boot_info.ranges[i].end);
    add_range(SMP_TRAMPOLINE, SMP_TRAMPOLINE + PAGE_SIZE, 2);
    cut_ram(0, PAGE_SIZE);
    cut_ram(SMP_TRAMPOLINE, SMP_TRAMPOLINE + PAGE_SIZE);
}

static __init void from_pvh(const void *info)
{
    struct hvm_start_info copy, *s = &copy;
    if (info)
        memcpy(&copy, info, sizeof(copy));
    if (!info || s->magic != HVM_MAGIC)
        panic("PVH entry without start_info");
    set_cmdline(s->cmdline_paddr);
    boot_info.rsdp = s->rsdp_paddr;
    struct hvm_module m;
    if (s->nr_modules && early_ptr(s->modlist_paddr)) {
        memcpy(&m, early_ptr(s->modlist_paddr), sizeof(m));
        boot_info.initrd = m.paddr;
        boot_info.initrd_size = m.size;
    }
    const u8 *map = s->version >= 1 ? early_ptr(s->memmap_paddr) : NULL;
    for (u32 i = 0; map && i < s->memmap_entries; i++) {
        struct hvm_memmap_entry e;
        memcpy(&e, map + i * sizeof(e), sizeof(e)); /* loaders align nothing */
        add_range(e.addr, e.addr + e.size, e.type);
    }
}

static __init void from_linux(const struct boot_params *p)
{
    if (!p)
        panic("Linux entry without boot_params");
    set_cmdline(p->hdr.cmd_line_ptr | (u64)p->ext_cmd_line_ptr << 32);
    boot_info.rsdp = p->acpi_rsdp_addr;
    boot_info.initrd = p->hdr.ramdisk_image | (u64)p->ext_ramdisk_image << 32;
    boot_info.initrd_size = p->hdr.ramdisk_size | (u64)p->ext_ramdisk_size << 32;
    for (u32 i = 0; i < p->e820_entries && i < E820_MAX_ENTRIES_ZEROPAGE; i++) {
        struct boot_e820_entry e;
        memcpy(&e, &p->e820_table[i], sizeof(e));
        add_range(e.addr, e.addr + e.size, e.type);
    }
}

static __init void mb2_mmap_tag(const struct mb2_tag *t)
{
    const struct mb2_mmap *m = (const void *)t->data;
    const u8 *end = (const u8 *)t + t->size;
    for (const u8 *p = m->entries; m->entry_size && p + sizeof(struct mb2_mmap_entry) <= end; p += m->entry_size) {
        struct mb2_mmap_entry e;
        memcpy(&e, p, sizeof(e));
        add_range(e.addr, e.addr + e.len, e.type);
    }
}

static __init void mb2_tag(const struct mb2_tag *t)
{
    u32 start_end[2];
    switch (t->type) {
    case MB2_CMDLINE:
        str_copy(boot_info.cmdline, (const char *)t->data, sizeof(boot_info.cmdline));
        break;
    case MB2_MODULE:
        memcpy(start_end, t->data, sizeof(start_end));
        if (!boot_info.initrd_size) {
            boot_info.initrd = start_end[0];
            boot_info.initrd_size = start_end[1] - start_end[0];
        }
        break;
    case MB2_MMAP:
        mb2_mmap_tag(t);
        break;
    case MB2_RSDP_OLD:
    case MB2_RSDP_NEW: /* the tag holds a copy of the table; so do we */
        memcpy(rsdp_copy, t->data, MIN(t->size - sizeof(*t), sizeof(rsdp_copy)));
        boot_info.rsdp = virt_to_phys(rsdp_copy);
        break;
    default:
        break;
    }
}

static __init void from_multiboot2(const struct mb2_info *info)
{
    if (!info)
        panic("multiboot2 entry without information");
    const u8 *p = (const u8 *)(info + 1), *end = (const u8 *)info + info->total_size;
    while (p + sizeof(struct mb2_tag) <= end) {
        const struct mb2_tag *t = (const void *)p;
        if (t->type == MB2_END || t->size < sizeof(*t))
            break;
        mb2_tag(t);
        p += ALIGN_UP(t->size, 8u);
    }
}

void boot_main(u32 door, u64 info) __noreturn;
__init void boot_main(u32 door, u64 info)
{
    klog_set_console(early_console_write); /* for panics: there is nothing else to tell them by yet */
    boot_info.door = door;
    boot_info.tsc_at_entry = boot_tsc;
    if (door == DOOR_PVH)
        from_pvh(early_ptr(info));
    else if (door == DOOR_LINUX64)
        from_linux(early_ptr(info));
    else
        from_multiboot2(early_ptr(info));
    settle_ranges();
    kernel_main();
}

/* Length of the word at s, if it is the option `name`: its value begins at *value (at its end when it has none). */
static bool match_option(const char *word, size_t len, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (len < n || memcmp(word, name, n) != 0 || (len > n && word[n] != '='))
        return false;
    *value = word + (len > n ? n + 1 : n);
    return true;
}

bool boot_option(const char *name, u32 nth, char *buf, size_t size)
{
    const char *p = boot_info.cmdline;
    for (;;) {
        while (*p == ' ')
            p++;
        if (!*p)
            return false;
        const char *end = p, *value;
        while (*end && *end != ' ')
            end++;
        if (match_option(p, (size_t)(end - p), name, &value) && nth-- == 0) {
            size_t n = MIN((size_t)(end - value), size - 1);
            memcpy(buf, value, n);
            buf[n] = '\0';
            return true;
        }
        p = end;
    }
}
