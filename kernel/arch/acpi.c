// SPDX-License-Identifier: MIT
/*
 * ACPI and MP tables. Everything is bounds-checked against the table's own length, and a table with a bad checksum is
 * not there. Below 4 GiB tables are read through the direct map; the memory they lie in is reserved by the loader's map.
 *
 * There is no AML interpreter: of the DSDT only byte patterns are read, see acpi_aml.c.
 */
#include "arch/acpi.h"
#include "arch/acpi_tables.h"
#include "arch/boot.h"
#include "arch/ioapic.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "lib/printf.h"
#include "lib/string.h"

#define MAX_TABLE (1u << 20)

static const struct acpi_header *root; /* RSDT or XSDT; valid when root_known */
static u32 root_entry_size;            /* 4: RSDT, 8: XSDT */
static bool root_known;

static u16 get16(const u8 *p)
{
    u16 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static u32 get32(const u8 *p)
{
    u32 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static u64 get64(const u8 *p)
{
    u64 v;
    memcpy(&v, p, sizeof(v));
    return v;
}

bool firmware_checksum_ok(const void *p, size_t n)
{
    u8 sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = (u8)(sum + ((const u8 *)p)[i]);
    return sum == 0;
}

const void *firmware_map(paddr_t p, size_t len)
{
    if (p && p + len <= 4ul << 30)
        return phys_to_virt(p);
    return p ? mmio_map(p, len) : NULL;
}

/* A structure by its signature, of 4 bytes at least, on a 16-byte boundary in [start, start + size). */
const void *firmware_scan(paddr_t start, size_t size, const char *signature, size_t n)
{
    const char *p = phys_to_virt(start), *end = p + size - 32;
    u32 head;
    memcpy(&head, signature, sizeof(head));
    for (;; p += 16) {
        while (p <= end && *(const u32 *)(const void *)p != head)
            p += 16;
        if (p > end)
            return NULL;
        if (memcmp(p, signature, n) == 0)
            return p;
    }
}

/* The extended BIOS data area's first KiB, and the BIOS. */
const void *firmware_scan_bios(paddr_t bios, const char *signature, size_t n)
{
    u16 segment = get16(phys_to_virt(0x40e));
    const void *p = segment ? firmware_scan((paddr_t)segment << 4, 1024, signature, n) : NULL;
    return p ? p : firmware_scan(bios, 0x100000 - bios, signature, n);
}

static const struct acpi_header *table_at(paddr_t p)
{
    const struct acpi_header *h = firmware_map(p, sizeof(*h));
    if (!h || h->length < sizeof(*h) || h->length > MAX_TABLE)
        return NULL;
    h = firmware_map(p, h->length);
    return h && firmware_checksum_ok(h, h->length) ? h : NULL;
}

static void find_root(void)
{
    root_known = true;
    const u8 *rsdp = boot_info.rsdp ? firmware_map(boot_info.rsdp, 36) : firmware_scan_bios(0xe0000, "RSD PTR ", 8);
    if (!rsdp || memcmp(rsdp, "RSD PTR ", 8) != 0 || !firmware_checksum_ok(rsdp, 20))
        return;
    u64 xsdt = rsdp[15] >= 2 ? get64(rsdp + 24) : 0;
    root_entry_size = xsdt ? 8 : 4;
    root = table_at(xsdt ? xsdt : get32(rsdp + 16));
}

const void *acpi_find(const char signature[4], u32 *len)
{
    if (!root_known)
        find_root();
    u32 entries = root ? (root->length - (u32)sizeof(*root)) / root_entry_size : 0;
    for (u32 i = 0; i < entries; i++) {
        const u8 *e = (const u8 *)(root + 1) + i * root_entry_size;
        const struct acpi_header *h = table_at(root_entry_size == 8 ? get64(e) : get32(e));
        if (h && memcmp(h->signature, signature, 4) == 0) {
            *len = h->length;
            return h;
        }
    }
    return NULL;
}

/* ---- MADT ------------------------------------------------------------------------------------------------------- */

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };
#define MADT_ENTRIES 44
#define CPU_ENABLED 1u

typedef void (*madt_fn)(const u8 *entry, void *arg);

/* Calls fn for entries of one type that are at least `size` long. false: there is no MADT. */
static bool madt_for_each(u8 type, u8 size, madt_fn fn, void *arg)
{
    u32 len;
    const u8 *madt = acpi_find("APIC", &len);
    if (!madt)
        return false;
    for (u32 off = MADT_ENTRIES; off + 2 <= len && madt[off + 1] >= 2 && off + madt[off + 1] <= len;
         off += madt[off + 1])
        if (madt[off] == type && madt[off + 1] >= size)
            fn(madt + off, arg);
    return true;
}

struct cpu_visit {
    void (*cb)(u32 apic_id, void *arg);
    void *arg;
};

static void visit_lapic(const u8 *e, void *arg)
{
    struct cpu_visit *v = arg;
    if (get32(e + 4) & CPU_ENABLED && e[3] != 0xff)
        v->cb(e[3], v->arg);
}

static void visit_x2apic(const u8 *e, void *arg)
{
    struct cpu_visit *v = arg;
    if (get32(e + 8) & CPU_ENABLED)
        v->cb(get32(e + 4), v->arg);
}

void firmware_for_each_cpu(void (*cb)(u32 apic_id, void *arg), void *arg)
{
    struct cpu_visit v = {cb, arg};
    if (madt_for_each(MADT_LAPIC, 8, visit_lapic, &v))
        madt_for_each(MADT_X2APIC, 16, visit_x2apic, &v);
    else
        mptable_for_each_cpu(cb, arg);
}

static void visit_ioapic(const u8 *e, void *arg)
{
    (void)arg;
    ioapic_add(get32(e + 4), get32(e + 8));
}

void firmware_find_ioapics(void)
{
    if (!madt_for_each(MADT_IOAPIC, 12, visit_ioapic, NULL))
        mptable_find_ioapics();
}

struct override {
    u32 irq, gsi;
    u16 flags;
};

static void visit_override(const u8 *e, void *arg)
{
    struct override *o = arg;
    if (e[3] == o->irq) {
        o->gsi = get32(e + 4);
        o->flags = get16(e + 8);
    }
}

u32 irq_isa_to_gsi(u32 irq, bool *level, bool *active_low)
{
    struct override o = {irq, irq, 0};
    if (boot_info.rsdp) /* without ACPI every override is the bus's default */
        madt_for_each(MADT_OVERRIDE, 10, visit_override, &o);
    *active_low = (o.flags & 3) == 3;
    *level = (o.flags >> 2 & 3) == 3;
    return o.gsi;
}

/* ---- FADT, MCFG ------------------------------------------------------------------------------------------------- */

#define FADT_DSDT 40
#define FADT_PM1A_CONTROL 64
#define FADT_PM1B_CONTROL 68
#define FADT_FLAGS 112
#define FADT_RESET_REG 116
#define FADT_RESET_VALUE 128
#define FADT_X_DSDT 140
#define FADT_SLEEP_CONTROL 244
#define FLAG_RESET (1u << 10)
#define FLAG_HW_REDUCED (1u << 20)
#define SPACE_IO 1

const u8 *acpi_dsdt(u32 *len)
{
    u32 n;
    const u8 *fadt = acpi_find("FACP", &n);
    if (!fadt || n < FADT_DSDT + 4)
        return NULL;
    u64 p = n >= FADT_X_DSDT + 8 ? get64(fadt + FADT_X_DSDT) : 0;
    const struct acpi_header *h = table_at(p ? p : get32(fadt + FADT_DSDT));
    if (!h)
        return NULL;
    *len = h->length;
    return (const u8 *)h;
}

void acpi_power_info(struct acpi_power *p)
{
    u32 n;
    const u8 *fadt = acpi_find("FACP", &n);
    if (!fadt || n < FADT_FLAGS + 4)
        return;
    u32 flags = get32(fadt + FADT_FLAGS);
    if (!(flags & FLAG_HW_REDUCED)) {
        p->pm1a_control = (u16)get32(fadt + FADT_PM1A_CONTROL);
        p->pm1b_control = (u16)get32(fadt + FADT_PM1B_CONTROL);
    } else if (n >= FADT_SLEEP_CONTROL + 12) {
        p->sleep_is_io = fadt[FADT_SLEEP_CONTROL] == SPACE_IO;
        p->sleep_control = get64(fadt + FADT_SLEEP_CONTROL + 4);
    }
    if (flags & FLAG_RESET && n > FADT_RESET_VALUE) {
        p->reset_is_io = fadt[FADT_RESET_REG] == SPACE_IO;
        p->reset_address = get64(fadt + FADT_RESET_REG + 4);
        p->reset_value = fadt[FADT_RESET_VALUE];
    }
    p->s5_found = aml_find_s5(&p->sleep_type_a, &p->sleep_type_b);
}

bool acpi_pci_ecam(paddr_t *base, u32 *first_bus, u32 *last_bus)
{
    u32 n;
    const u8 *mcfg = acpi_find("MCFG", &n);
    for (u32 off = 44; mcfg && off + 16 <= n; off += 16) {
        const u8 *e = mcfg + off;
        if (get16(e + 8) != 0)
            continue;
        *base = get64(e);
        *first_bus = e[10];
        *last_bus = e[11];
        return true;
    }
    return false;
}
