// SPDX-License-Identifier: MIT
/*
 * The two things wanted from the DSDT, found as byte patterns of AML: the sleep type of S5, a constant package, and the
 * virtio-mmio devices, whose _CRS is a constant buffer (ACPI 6.4: chapter 20, AML; section 6.4, resource descriptors).
 */
#include "arch/acpi.h"
#include "arch/acpi_tables.h"
#include "lib/string.h"

#define AML_NAME 0x08
#define AML_BYTE 0x0a
#define AML_PACKAGE 0x12
#define RES_MEMORY32_FIXED 0x86
#define RES_INTERRUPT 0x89
#define RES_END 0x79
#define DEVICE_SPAN 256 /* a virtio device's description is shorter */

static const u8 *find(const u8 *p, const u8 *end, const char *what, size_t n)
{
    for (; p + n <= end; p++)
        if (*p == (u8)*what && memcmp(p, what, n) == 0)
            return p;
    return NULL;
}

/* A small integer of a package; *p moves behind it. */
static u8 small_integer(const u8 **p)
{
    const u8 *q = *p;
    *p += q[0] == AML_BYTE ? 2 : 1;
    return q[0] == AML_BYTE ? q[1] : q[0]; /* ZeroOp, OneOp are their values */
}

bool aml_find_s5(u8 *type_a, u8 *type_b)
{
    u32 len;
    const u8 *p = acpi_dsdt(&len);
    if (!p)
        return false;
    const u8 *end = p + len;
    for (p += sizeof(struct acpi_header); (p = find(p, end, "_S5_", 4)) && p + 10 <= end; p += 4) {
        if (p[-1] != AML_NAME || p[4] != AML_PACKAGE)
            continue;
        const u8 *q = p + 5;
        q += 1 + (q[0] >> 6); /* package length */
        q++;                  /* number of elements */
        *type_a = small_integer(&q);
        *type_b = small_integer(&q);
        return true;
    }
    return false;
}

struct resources {
    paddr_t base;
    u64 size;
    u32 gsi;
};

/* Descriptors of a resource template; both must be there. */
static bool read_resources(const u8 *p, const u8 *end, struct resources *r)
{
    bool memory = false, interrupt = false;
    while (p + 3 <= end && *p != RES_END) {
        u32 n = *p & 0x80 ? 3u + (p[1] | p[2] << 8) : 1u + (*p & 7);
        if (p + n > end)
            break;
        u32 v[2];
        if (*p == RES_MEMORY32_FIXED && n >= 12) {
            memcpy(v, p + 4, sizeof(v));
            r->base = v[0];
            r->size = v[1];
            memory = true;
        } else if (*p == RES_INTERRUPT && n >= 9 && p[4] >= 1) {
            memcpy(&r->gsi, p + 5, sizeof(r->gsi));
            interrupt = true;
        }
        p += n;
    }
    return memory && interrupt;
}

void acpi_for_each_virtio_mmio(void (*cb)(paddr_t base, u64 size, u32 gsi, void *arg), void *arg)
{
    u32 len;
    const u8 *dsdt = acpi_dsdt(&len);
    if (!dsdt)
        return;
    const u8 *end = dsdt + len;
    for (const u8 *p = find(dsdt, end, "LNRO0005", 8); p; p = find(p + 8, end, "LNRO0005", 8)) {
        const u8 *limit = MIN(end, p + DEVICE_SPAN);
        const u8 *crs = find(p, limit, "_CRS", 4);
        const u8 *first = crs ? find(crs, limit, "\x86\x09\x00", 3) : NULL;
        struct resources r;
        if (first && read_resources(first, limit, &r))
            cb(r.base, r.size, r.gsi, arg);
    }
}
