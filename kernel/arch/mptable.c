// SPDX-License-Identifier: MIT
/*
 * The MP table (MultiProcessor Specification 1.4), which microvm's firmware writes when ACPI is off, and Firecracker.
 */
#include "arch/acpi_tables.h"
#include "arch/ioapic.h"
#include "lib/string.h"

#define BIOS 0xf0000
#define BASE_MEMORY_END 0x9fc00 /* the last KiB below 640 KiB, when there is no extended BIOS data area */
#define MP_CPU 0
#define MP_IOAPIC 2
#define CPU_ENTRY 20
#define OTHER_ENTRY 8
#define ENABLED 1

struct mp_pointer {
    char signature[4];
    u32 config;
    u8 length, version, checksum, features[5];
};
struct mp_config {
    char signature[4];
    u16 length;
    u8 version, checksum;
    char oem[8], product[12];
    u32 oem_table;
    u16 oem_size, count;
    u32 lapic;
    u16 extended_length;
    u8 extended_checksum, reserved;
};
_Static_assert(sizeof(struct mp_pointer) == 16 && sizeof(struct mp_config) == 44, "MP table");

static const struct mp_config *find_config(void)
{
    const struct mp_pointer *p = firmware_scan_bios(BIOS, "_MP_", 4);
    if (!p)
        p = firmware_scan(BASE_MEMORY_END, 1024, "_MP_", 4);
    if (!p || !firmware_checksum_ok(p, sizeof(*p)))
        return NULL;
    const struct mp_config *c = firmware_map(p->config, sizeof(*c));
    if (!c || memcmp(c->signature, "PCMP", 4) != 0 || !firmware_checksum_ok(c, c->length))
        return NULL;
    return c;
}

static void for_each(u8 type, void (*fn)(const u8 *entry, void *arg), void *arg)
{
    const struct mp_config *c = find_config();
    if (!c)
        return;
    const u8 *p = (const u8 *)(c + 1), *end = (const u8 *)c + c->length;
    while (p + OTHER_ENTRY <= end) { /* microvm's firmware leaves `count` 0: the length tells */
        if (*p == MP_CPU && p + CPU_ENTRY > end)
            return;
        if (*p == type)
            fn(p, arg);
        p += *p == MP_CPU ? CPU_ENTRY : OTHER_ENTRY;
    }
}

struct cpu_visit {
    void (*cb)(u32 apic_id, void *arg);
    void *arg;
};

static void visit_cpu(const u8 *e, void *arg)
{
    struct cpu_visit *v = arg;
    if (e[3] & ENABLED)
        v->cb(e[1], v->arg);
}

void mptable_for_each_cpu(void (*cb)(u32 apic_id, void *arg), void *arg)
{
    struct cpu_visit v = {cb, arg};
    for_each(MP_CPU, visit_cpu, &v);
}

static void visit_ioapic(const u8 *e, void *arg)
{
    u32 *first = arg, base;
    memcpy(&base, e + 4, sizeof(base));
    if (e[3] & ENABLED)
        ioapic_add(base, *first);
    *first += 24;
}

void mptable_find_ioapics(void)
{
    u32 first = 0;
    for_each(MP_IOAPIC, visit_ioapic, &first);
}
