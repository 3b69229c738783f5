// SPDX-License-Identifier: MIT
/*
 * /sys: CPUs with their topology and caches, the one node of memory, the loopback interface, and settings that are facts
 * here. Formats: Documentation/ABI/{stable,testing}/sysfs-* of Linux. Each CPU is a core of one package; what its caches
 * are, it says itself (CPUID leaf 4).
 */
#include "arch/cpu.h"
#include "arch/percpu.h"
#include "fs/procfs.h"
#include "fs/synth.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/page.h"

static void must(int err)
{
    if (err)
        panic("no memory for /sys");
}

static int show_text(struct seq_buf *s, void *arg)
{
    seq_puts(s, arg);
    return 0;
}

static void add_text(const char *path, const char *text)
{
    must(sysfs_register(path, 0444, show_text, NULL, (void *)(unsigned long)text));
}

/* ---- sets of CPUs ---------------------------------------------------------------------------------------------------- */

#define ALL_CPUS (~0u) /* as a set; any other number: that CPU alone */

static u64 mask_of(u32 set)
{
    if (set != ALL_CPUS)
        return 1ull << set;
    return cpu_count >= 64 ? ~0ull : (1ull << cpu_count) - 1;
}

static int show_mask(struct seq_buf *s, void *arg)
{
    u64 mask = mask_of((u32)(unsigned long)arg);

    if (cpu_count > 32)
        seq_printf(s, "%0*x,%08x\n", (int)(cpu_count - 32 + 3) / 4, (u32)(mask >> 32), (u32)mask);
    else
        seq_printf(s, "%0*x\n", (int)(cpu_count + 3) / 4, (u32)mask);
    return 0;
}

static int show_list(struct seq_buf *s, void *arg)
{
    u32 set = (u32)(unsigned long)arg;

    if (set != ALL_CPUS)
        seq_printf(s, "%u\n", set);
    else if (cpu_count > 1)
        seq_printf(s, "0-%u\n", cpu_count - 1);
    else
        seq_puts(s, "0\n");
    return 0;
}

static int show_number(struct seq_buf *s, void *arg)
{
    seq_printf(s, "%lu\n", (unsigned long)arg);
    return 0;
}

static void add_for(u32 cpu, const char *name, int (*show)(struct seq_buf *s, void *arg), unsigned long arg)
{
    char path[96];

    snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/%s", cpu, name);
    must(sysfs_register(path, 0444, show, NULL, (void *)arg));
}

static void add_topology(u32 cpu)
{
    static const struct {
        const char *cpus, *list;
        bool all;
    } sets[] = {
        {"topology/thread_siblings", "topology/thread_siblings_list", false},
        {"topology/core_cpus", "topology/core_cpus_list", false},
        {"topology/cluster_cpus", "topology/cluster_cpus_list", false},
        {"topology/core_siblings", "topology/core_siblings_list", true},
        {"topology/die_cpus", "topology/die_cpus_list", true},
        {"topology/package_cpus", "topology/package_cpus_list", true},
    };

    for (u32 i = 0; i < ARRAY_SIZE(sets); i++) {
        add_for(cpu, sets[i].cpus, show_mask, sets[i].all ? ALL_CPUS : cpu);
        add_for(cpu, sets[i].list, show_list, sets[i].all ? ALL_CPUS : cpu);
    }
    add_for(cpu, "topology/core_id", show_number, cpu);
    add_for(cpu, "topology/cluster_id", show_number, cpu);
    add_for(cpu, "topology/die_id", show_number, 0);
    add_for(cpu, "topology/physical_package_id", show_number, 0);
}

/* ---- caches ---------------------------------------------------------------------------------------------------------- */

#define MAX_CACHES 8u

struct cache {
    u32 type, level, line, partitions, ways, sets;
    bool shared; /* by all CPUs */
};

static bool get_cache(u32 index, struct cache *c)
{
    u32 r[4];

    if (cpu.max_leaf < 4 || index >= MAX_CACHES)
        return false;
    cpuid(4, index, r);
    *c = (struct cache){
        .type = r[0] & 31,
        .level = r[0] >> 5 & 7,
        .line = (r[1] & 0xfff) + 1,
        .partitions = (r[1] >> 12 & 0x3ff) + 1,
        .ways = (r[1] >> 22) + 1,
        .sets = r[2] + 1,
    };
    c->shared = c->level >= 3;
    return c->type >= 1 && c->type <= 3;
}

enum cache_fact { CACHE_LEVEL, CACHE_TYPE, CACHE_SIZE, CACHE_LINE, CACHE_WAYS, CACHE_SETS, CACHE_PARTITIONS };

/* arg: index and enum cache_fact */
static int show_cache(struct seq_buf *s, void *arg)
{
    static const char *const types[] = {"", "Data", "Instruction", "Unified"};
    unsigned long what = (unsigned long)arg;
    struct cache c;

    if (!get_cache((u32)(what >> 8), &c))
        return 0;
    const u32 facts[] = {
        [CACHE_LEVEL] = c.level,           [CACHE_LINE] = c.line, [CACHE_WAYS] = c.ways, [CACHE_SETS] = c.sets,
        [CACHE_PARTITIONS] = c.partitions,
    };
    what &= 0xff;
    if (what == CACHE_TYPE)
        seq_printf(s, "%s\n", types[c.type]);
    else if (what == CACHE_SIZE)
        seq_printf(s, "%uK\n", c.line * c.partitions * c.ways * c.sets / 1024);
    else
        seq_printf(s, "%u\n", facts[what]);
    return 0;
}

static void add_caches(u32 cpu)
{
    static const struct {
        const char *name;
        enum cache_fact fact;
    } files[] = {
        {"level", CACHE_LEVEL},
        {"type", CACHE_TYPE},
        {"size", CACHE_SIZE},
        {"coherency_line_size", CACHE_LINE},
        {"ways_of_associativity", CACHE_WAYS},
        {"number_of_sets", CACHE_SETS},
        {"physical_line_partition", CACHE_PARTITIONS},
    };
    struct cache c;
    char name[48];

    for (u32 i = 0; get_cache(i, &c); i++) {
        for (u32 f = 0; f < ARRAY_SIZE(files); f++) {
            snprintf(name, sizeof(name), "cache/index%u/%s", i, files[f].name);
            add_for(cpu, name, show_cache, i << 8 | files[f].fact);
        }
        snprintf(name, sizeof(name), "cache/index%u/id", i);
        add_for(cpu, name, show_number, c.shared ? 0 : cpu);
        snprintf(name, sizeof(name), "cache/index%u/shared_cpu_map", i);
        add_for(cpu, name, show_mask, c.shared ? ALL_CPUS : cpu);
        snprintf(name, sizeof(name), "cache/index%u/shared_cpu_list", i);
        add_for(cpu, name, show_list, c.shared ? ALL_CPUS : cpu);
    }
}

static const char *const cpu_names[] = {"online", "possible", "present"};

static void add_cpus(void)
{
    char path[64];

    for (u32 i = 0; i < ARRAY_SIZE(cpu_names); i++) {
        snprintf(path, sizeof(path), "devices/system/cpu/%s", cpu_names[i]);
        must(sysfs_register(path, 0444, show_list, NULL, (void *)(unsigned long)ALL_CPUS));
    }
    must(sysfs_register("devices/system/cpu/kernel_max", 0444, show_number, NULL, (void *)(MAX_CPUS - 1ul)));
    for (u32 cpu = 0; cpu < cpu_count; cpu++) {
        add_for(cpu, "online", show_number, 1);
        add_topology(cpu);
        add_caches(cpu);
        snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/node0", cpu);
        must(sysfs_symlink(path, "../../node/node0"));
    }
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

static void kib(struct seq_buf *s, const char *name, u64 pages)
{
    seq_printf(s, "Node 0 %s:%*s%8lu kB\n", name, MAX(1, 15 - (int)strlen(name)), "", pages * (PAGE_SIZE / 1024));
}

static int show_node_meminfo(struct seq_buf *s, void *arg)
{
    struct mem_stats m;

    (void)arg;
    mem_get_stats(&m);
    u64 files = m.cache_pages + m.shmem_pages;
    kib(s, "MemTotal", m.total_pages);
    kib(s, "MemFree", m.free_pages);
    kib(s, "MemUsed", m.total_pages - m.free_pages);
    kib(s, "SwapCached", 0);
    kib(s, "Active", m.anon_pages + files / 2);
    kib(s, "Inactive", files / 2);
    kib(s, "Unevictable", 0);
    kib(s, "Mlocked", 0);
    kib(s, "Dirty", 0);
    kib(s, "Writeback", 0);
    kib(s, "FilePages", files);
    kib(s, "Mapped", m.cache_pages);
    kib(s, "AnonPages", m.anon_pages);
    kib(s, "Shmem", m.shmem_pages);
    kib(s, "KernelStack", m.kstack_pages);
    kib(s, "PageTables", m.pgtable_pages);
    kib(s, "Slab", m.slab_pages);
    kib(s, "SReclaimable", 0);
    kib(s, "SUnreclaim", m.slab_pages);
    seq_puts(s, "Node 0 HugePages_Total:     0\nNode 0 HugePages_Free:      0\nNode 0 HugePages_Surp:      0\n");
    return 0;
}

static void add_node(void)
{
    static const char *const names[] = {"online", "possible", "has_cpu", "has_memory", "has_normal_memory"};
    char path[64];

    for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), "devices/system/node/%s", names[i]);
        add_text(path, "0\n");
    }
    must(sysfs_register("devices/system/node/node0/cpumap", 0444, show_mask, NULL, (void *)(unsigned long)ALL_CPUS));
    must(sysfs_register("devices/system/node/node0/cpulist", 0444, show_list, NULL, (void *)(unsigned long)ALL_CPUS));
    must(sysfs_register("devices/system/node/node0/meminfo", 0444, show_node_meminfo, NULL, NULL));
    for (u32 cpu = 0; cpu < cpu_count; cpu++) {
        static char targets[MAX_CPUS][20]; /* the tree keeps the pointer */
        snprintf(targets[cpu], sizeof(targets[cpu]), "../../cpu/cpu%u", cpu);
        snprintf(path, sizeof(path), "devices/system/node/node0/cpu%u", cpu);
        must(sysfs_symlink(path, targets[cpu]));
    }
}

/* ---- facts ----------------------------------------------------------------------------------------------------------- */

#define LO "devices/virtual/net/lo/"
#define THP "kernel/mm/transparent_hugepage/"
#define HUGE "kernel/mm/hugepages/hugepages-2048kB/"

static const struct {
    const char *path, *text;
} texts[] = {
    {"devices/system/cpu/offline", "\n"},
    {"devices/system/cpu/isolated", "\n"},
    {"devices/system/cpu/smt/active", "0\n"},
    {"devices/system/cpu/smt/control", "notsupported\n"},
    {"devices/system/node/node0/distance", "10\n"},
    {"devices/system/node/node0/numastat",
     "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\nother_node 0\n"},
    {LO "addr_assign_type", "0\n"},
    {LO "addr_len", "6\n"},
    {LO "address", "00:00:00:00:00:00\n"},
    {LO "broadcast", "00:00:00:00:00:00\n"},
    {LO "carrier", "1\n"},
    {LO "carrier_changes", "0\n"},
    {LO "dev_id", "0x0\n"},
    {LO "dev_port", "0\n"},
    {LO "dormant", "0\n"},
    {LO "flags", "0x9\n"},
    {LO "ifalias", "\n"},
    {LO "ifindex", "1\n"},
    {LO "iflink", "1\n"},
    {LO "link_mode", "0\n"},
    {LO "mtu", "65536\n"},
    {LO "netdev_group", "0\n"},
    {LO "operstate", "unknown\n"},
    {LO "tx_queue_len", "1000\n"},
    {LO "type", "772\n"},
    {LO "uevent", "INTERFACE=lo\nIFINDEX=1\n"},
    {THP "enabled", "[always] madvise never\n"},
    {THP "defrag", "[always] defer defer+madvise madvise never\n"},
    {THP "hpage_pmd_size", "2097152\n"},
    {THP "shmem_enabled", "always within_size advise [never] deny force\n"},
    {THP "use_zero_page", "0\n"},
    {THP "khugepaged/defrag", "0\n"},
    {THP "khugepaged/pages_to_scan", "4096\n"},
    {THP "khugepaged/pages_collapsed", "0\n"},
    {THP "khugepaged/full_scans", "0\n"},
    {THP "khugepaged/scan_sleep_millisecs", "10000\n"},
    {THP "khugepaged/alloc_sleep_millisecs", "60000\n"},
    {THP "khugepaged/max_ptes_none", "511\n"},
    {HUGE "nr_hugepages", "0\n"},
    {HUGE "free_hugepages", "0\n"},
    {HUGE "resv_hugepages", "0\n"},
    {HUGE "surplus_hugepages", "0\n"},
    {HUGE "nr_overcommit_hugepages", "0\n"},
    {HUGE "nr_hugepages_mempolicy", "0\n"},
    {"kernel/mm/ksm/run", "0\n"},
    {"kernel/address_bits", "64\n"},
    {"kernel/cpu_byteorder", "little\n"},
    {"kernel/fscaps", "1\n"},
    {"kernel/profiling", "0\n"},
    {"kernel/uevent_seqnum", "0\n"},
    {"kernel/rcu_expedited", "0\n"},
    {"kernel/rcu_normal", "0\n"},
    {"power/state", "\n"},
};

static void add_statistics(void)
{
    static const char *const names[] = {
        "collisions",
        "multicast",
        "rx_bytes",
        "rx_compressed",
        "rx_crc_errors",
        "rx_dropped",
        "rx_errors",
        "rx_fifo_errors",
        "rx_frame_errors",
        "rx_length_errors",
        "rx_packets",
        "rx_missed_errors",
        "rx_over_errors",
        "tx_bytes",
        "tx_aborted_errors",
        "tx_compressed",
        "tx_dropped",
        "tx_carrier_errors",
        "tx_errors",
        "tx_fifo_errors",
        "tx_packets",
        "tx_window_errors",
        "tx_heartbeat_errors",
    };
    char path[64];

    for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), LO "statistics/%s", names[i]);
        add_text(path, "0\n");
    }
}

void sysfs_populate(void)
{
    static const char *const folders[] = {"fs/cgroup",  "class/tty",       "class/mem",    "block",
                                          "bus",        "module",          "dev/char",     "dev/block",
                                          "firmware",   "kernel/security", "kernel/debug", "devices/platform",
                                          "class/block"};

    add_cpus();
    add_node();
    for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
        add_text(texts[i].path, texts[i].text);
    add_statistics();
    must(sysfs_symlink("class/net/lo", "../../devices/virtual/net/lo"));
    for (u32 i = 0; i < ARRAY_SIZE(folders); i++)
        must(sysfs_mkdir(folders[i]));
}
