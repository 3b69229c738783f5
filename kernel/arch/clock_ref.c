// SPDX-License-Identifier: MIT
/*
 * References for the clock: CPUID, kvmclock, the local APIC's timer, the PIT, the CMOS clock.
 */
#include "arch/clock_ref.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "arch/smp.h"
#include "lib/printf.h"
#include "lib/string.h"

#define HV_FEATURES 0x40000001u
#define HV_TSC_KHZ 0x40000010u
#define KVM_CLOCKSOURCE2 8u
#define MSR_KVM_WALL_CLOCK 0x4b564d00
#define MSR_KVM_SYSTEM_TIME 0x4b564d01

#define PIT_HZ 1193182u
#define PIT_CH2 0x42
#define PIT_COMMAND 0x43
#define PORT_B 0x61

struct pvclock {
    u32 version, pad;
    u64 tsc_timestamp, system_time;
    u32 tsc_to_system_mul;
    s8 tsc_shift;
    u8 flags, pad2[2];
};
struct pvclock_wall {
    u32 version, sec, nsec;
};

static bool has_kvmclock(void)
{
    u32 r[4] = {0};
    if (cpu.kvm && cpu.hv_max_leaf >= HV_FEATURES)
        cpuid(HV_FEATURES, 0, r);
    return r[0] & KVM_CLOCKSOURCE2;
}

static u64 khz_to_mult(u64 khz)
{
    return (1000000ull << 32) / khz;
}

/* The hypervisor's own conversion; `ns` its time at TSC value `tsc`. False: it filled nothing in. */
static bool read_pvclock(struct pvclock *out)
{
    static volatile struct pvclock clk __aligned(32);
    wrmsr(MSR_KVM_SYSTEM_TIME, virt_to_phys((const void *)&clk) | 1);
    bool ok = clk.version && !(clk.version & 1) && clk.tsc_to_system_mul;
    *out = (struct pvclock){.tsc_timestamp = clk.tsc_timestamp,
                            .system_time = clk.system_time,
                            .tsc_to_system_mul = clk.tsc_to_system_mul,
                            .tsc_shift = clk.tsc_shift};
    wrmsr(MSR_KVM_SYSTEM_TIME, 0);
    return ok;
}

static u64 pvclock_mult(const struct pvclock *c)
{
    u64 mult = c->tsc_to_system_mul;
    return c->tsc_shift >= 0 ? mult << c->tsc_shift : mult >> -c->tsc_shift;
}

u64 clock_ref_told_mult(void)
{
    u32 r[4];
    if (cpu.hypervisor && !cpu.tcg && cpu.hv_max_leaf >= HV_TSC_KHZ) {
        cpuid(HV_TSC_KHZ, 0, r);
        if (r[0] >= 100000 && r[0] <= 100000000)
            return khz_to_mult(r[0]);
    }
    struct pvclock c;
    if (has_kvmclock() && read_pvclock(&c))
        return pvclock_mult(&c);
    if (!cpu.tcg && cpu.max_leaf >= 0x15) {
        cpuid(0x15, 0, r);
        if (r[0] && r[1] && r[2])
            return khz_to_mult((u64)r[2] * r[1] / r[0] / 1000);
    }
    return 0;
}

u32 clock_ref_apic_mhz(void)
{
    return cpu.tcg || cpu.kvm ? 1000 : 0;
}

enum clock_reference clock_ref_best(void)
{
    return clock_ref_apic_mhz() ? REF_APIC : REF_PIT;
}

ns_t clock_ref_range_ns(enum clock_reference r)
{
    return r == REF_PIT ? PIT_PERIOD_NS - 5000000 : 4000000000;
}

void clock_ref_start(enum clock_reference r)
{
    if (r == REF_APIC) {
        apic_timer_start(~0u);
        return;
    }
    outb(PORT_B, (inb(PORT_B) & ~2u) | 1); /* gate on, speaker off */
    outb(PIT_COMMAND, 0xb4);               /* channel 2, both bytes, rate generator */
    outb(PIT_CH2, 0);                      /* 65536 */
    outb(PIT_CH2, 0);
}

static u64 pit_elapsed(void)
{
    outb(PIT_COMMAND, 0x80);
    u32 low = inb(PIT_CH2);
    return -(low | (u32)inb(PIT_CH2) << 8) & 0xffff;
}

void clock_ref_sample(enum clock_reference r, struct clock_sample *s)
{
    u64 best = 0;
    s->width = ~0ull;
    for (u32 i = 0; i < 8; i++) {
        u64 before = rdtsc(), count = r == REF_PIT ? pit_elapsed() : ~0u - apic_timer_count(), after = rdtsc();
        if (after - before >= s->width)
            continue;
        s->width = after - before;
        s->tsc = before + s->width / 2;
        best = count;
    }
    s->ref_ns = r == REF_PIT ? best * 1000000000ull / PIT_HZ : best * 1000 / clock_ref_apic_mhz();
}

/* ---- the date --------------------------------------------------------------------------------------------------- */

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
enum {
    CMOS_SECOND = 0,
    CMOS_MINUTE = 2,
    CMOS_HOUR = 4,
    CMOS_DAY = 7,
    CMOS_MONTH = 8,
    CMOS_YEAR = 9,
    CMOS_A = 10,
    CMOS_B = 11
};
#define A_UPDATING 0x80
#define B_BINARY 4
#define B_24H 2

struct cmos_time {
    u8 second, minute, hour, day, month, year;
};

static u8 cmos_read(u8 reg)
{
    outb(CMOS_INDEX, reg);
    return inb(CMOS_DATA);
}

static void cmos_read_all(struct cmos_time *t)
{
    for (u64 until = clock_monotonic() + 2300000; cmos_read(CMOS_A) & A_UPDATING && clock_monotonic() < until;)
        cpu_relax();
    *t = (struct cmos_time){cmos_read(CMOS_SECOND), cmos_read(CMOS_MINUTE), cmos_read(CMOS_HOUR),
                            cmos_read(CMOS_DAY),    cmos_read(CMOS_MONTH),  cmos_read(CMOS_YEAR)};
}

static u32 from_bcd(u8 v, u8 b)
{
    return b & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static u64 days_since_1970(u32 year, u32 month, u32 day)
{
    u32 y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3; /* years from March */
    return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static ns_t cmos_wall(void)
{
    struct cmos_time a, t;
    cmos_read_all(&t);
    u32 tries = 0;
    do {
        a = t;
        cmos_read_all(&t);
    } while (memcmp(&a, &t, sizeof(t)) != 0 && ++tries < 5);
    u8 b = cmos_read(CMOS_B);
    u32 hour = from_bcd(t.hour & 0x7f, b);
    if (!(b & B_24H))
        hour = hour % 12 + (t.hour & 0x80 ? 12 : 0);
    u32 year = from_bcd(t.year, b), month = from_bcd(t.month, b), day = from_bcd(t.day, b);
    if (t.second == 0xff || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23)
        return 0; /* no clock there */
    year += year < 70 ? 2000 : 1900;
    u64 s =
        days_since_1970(year, month, day) * 86400 + hour * 3600 + from_bcd(t.minute, b) * 60 + from_bcd(t.second, b);
    return s * 1000000000ull;
}

static ns_t kvm_wall(void)
{
    static volatile struct pvclock_wall wall __aligned(16);
    struct pvclock c;
    if (!has_kvmclock() || !read_pvclock(&c))
        return 0;
    wrmsr(MSR_KVM_WALL_CLOCK, virt_to_phys((const void *)&wall));
    if (!wall.sec)
        return 0;
    u64 ticks = rdtsc() - c.tsc_timestamp;
    u64 since = c.system_time + (u64)((unsigned __int128)ticks * pvclock_mult(&c) >> 32);
    return wall.sec * 1000000000ull + wall.nsec + since;
}

ns_t clock_ref_wall(void)
{
    ns_t ns = kvm_wall();
    return ns ? ns : cmos_wall();
}
