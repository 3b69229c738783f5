// SPDX-License-Identifier: MIT
/*
 * Files of /proc about parts that a real machine has and this one has not, or has one of: block devices, zones of memory,
 * soft interrupts, modules; and settings that are facts here. Programs read them for their form, so each has all lines that
 * proc(5) and Linux promise. And /proc/metrics: the machine in the text format of Prometheus.
 */
#include "arch/clock.h"
#include "abi/time.h"
#include "fs/file.h"
#include "fs/locks.h"
#include "fs/procfs.h"
#include "fs/seq.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/page.h"
#include "proc/pid.h"
#include "proc/process.h"
#include "proc/procfs.h"
#include "sched/sched.h"

static int show_text(struct seq_buf *s, void *arg)
{
    seq_puts(s, arg);
    return 0;
}

/* ---- memory, by zones: there is one ---- */

#define ORDERS (MEM_MAX_ORDER + 1u)

static int show_buddyinfo(struct seq_buf *s, void *arg)
{
    u64 free[ORDERS];
    (void)arg;
    mem_free_blocks(free);
    seq_puts(s, "Node 0, zone   Normal ");
    for (u32 i = 0; i < ORDERS; i++)
        seq_printf(s, "%6lu ", free[i]);
    seq_putc(s, '\n');
    return 0;
}

static int show_pagetypeinfo(struct seq_buf *s, void *arg)
{
    static const char *const types[] = {"Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"};
    u64 free[ORDERS];
    (void)arg;
    mem_free_blocks(free);
    seq_puts(s, "Page block order: 9\nPages per block:  512\n\nFree pages count per migrate type at order ");
    for (u32 i = 0; i < ORDERS; i++)
        seq_printf(s, "%6u ", i);
    seq_putc(s, '\n');
    for (u32 t = 0; t < ARRAY_SIZE(types); t++) {
        seq_printf(s, "Node %4d, zone %8s, type %12s ", 0, "Normal", types[t]);
        for (u32 i = 0; i < ORDERS; i++)
            seq_printf(s, "%6lu ", t == 1 ? free[i] : 0);
        seq_putc(s, '\n');
    }
    seq_printf(s,
               "\nNumber of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate \n"
               "Node 0, zone   Normal            0 %12lu            0            0            0 \n",
               mem_total_pages() / 512);
    return 0;
}

/* Names of vmstat and zoneinfo with what is known of them. */
static void node_facts(struct seq_buf *s, const struct mem_stats *m, const char *indent)
{
    const struct {
        const char *name;
        u64 value;
    } facts[] = {
        {"nr_inactive_anon", 0},
        {"nr_active_anon", m->anon_pages + m->shmem_pages},
        {"nr_inactive_file", m->cache_pages / 2},
        {"nr_active_file", m->cache_pages - m->cache_pages / 2},
        {"nr_unevictable", 0},
        {"nr_slab_reclaimable", 0},
        {"nr_slab_unreclaimable", m->slab_pages},
        {"nr_isolated_anon", 0},
        {"nr_isolated_file", 0},
        {"workingset_nodes", 0},
        {"workingset_refault_anon", 0},
        {"workingset_refault_file", 0},
        {"workingset_activate_anon", 0},
        {"workingset_activate_file", 0},
        {"nr_anon_pages", m->anon_pages},
        {"nr_mapped", m->cache_pages},
        {"nr_file_pages", m->cache_pages + m->shmem_pages},
        {"nr_dirty", 0},
        {"nr_writeback", 0},
        {"nr_shmem", m->shmem_pages},
        {"nr_anon_transparent_hugepages", 0},
        {"nr_vmscan_write", 0},
        {"nr_vmscan_immediate_reclaim", 0},
        {"nr_dirtied", 0},
        {"nr_written", 0},
        {"nr_kernel_misc_reclaimable", 0},
        {"nr_kernel_stack", m->kstack_pages * (PAGE_SIZE / 1024)},
        {"nr_page_table_pages", m->pgtable_pages},
        {"nr_swapcached", 0},
    };
    for (u32 i = 0; i < ARRAY_SIZE(facts); i++)
        seq_printf(s, *indent ? "%s%-12s %lu\n" : "%s%s %lu\n", indent, facts[i].name, facts[i].value);
}

/* What is counted of events: nothing yet, so programs that show rates show none. */
static const char *const events[] = {
    "nr_dirty_threshold",
    "nr_dirty_background_threshold",
    "pgpgin",
    "pgpgout",
    "pswpin",
    "pswpout",
    "pgalloc_dma",
    "pgalloc_dma32",
    "pgalloc_normal",
    "pgalloc_movable",
    "pgfree",
    "pgactivate",
    "pgdeactivate",
    "pglazyfree",
    "pgfault",
    "pgmajfault",
    "pglazyfreed",
    "pgrefill",
    "pgreuse",
    "pgsteal_kswapd",
    "pgsteal_direct",
    "pgscan_kswapd",
    "pgscan_direct",
    "pgscan_direct_throttle",
    "pgscan_anon",
    "pgscan_file",
    "pgsteal_anon",
    "pgsteal_file",
    "pginodesteal",
    "slabs_scanned",
    "kswapd_inodesteal",
    "pageoutrun",
    "pgrotated",
    "drop_pagecache",
    "drop_slab",
    "oom_kill",
    "numa_pte_updates",
    "numa_hint_faults",
    "numa_hint_faults_local",
    "numa_pages_migrated",
    "pgmigrate_success",
    "pgmigrate_fail",
    "compact_migrate_scanned",
    "compact_free_scanned",
    "compact_isolated",
    "compact_stall",
    "compact_fail",
    "compact_success",
    "htlb_buddy_alloc_success",
    "htlb_buddy_alloc_fail",
    "unevictable_pgs_culled",
    "unevictable_pgs_scanned",
    "unevictable_pgs_rescued",
    "unevictable_pgs_mlocked",
    "unevictable_pgs_munlocked",
    "thp_fault_alloc",
    "thp_fault_fallback",
    "thp_collapse_alloc",
    "thp_collapse_alloc_failed",
    "thp_split_page",
    "thp_split_pmd",
    "thp_zero_page_alloc",
    "swap_ra",
    "swap_ra_hit",
};

static int show_vmstat(struct seq_buf *s, void *arg)
{
    struct mem_stats m;
    (void)arg;
    mem_get_stats(&m);
    seq_printf(s, "nr_free_pages %lu\nnr_zone_inactive_anon 0\nnr_zone_active_anon %lu\n", m.free_pages,
               m.anon_pages + m.shmem_pages);
    seq_printf(s, "nr_zone_inactive_file %lu\nnr_zone_active_file %lu\n", m.cache_pages / 2,
               m.cache_pages - m.cache_pages / 2);
    seq_puts(s, "nr_zone_unevictable 0\nnr_zone_write_pending 0\nnr_mlock 0\nnr_bounce 0\nnr_free_cma 0\nnuma_hit 0\n"
                "numa_miss 0\nnuma_foreign 0\nnuma_interleave 0\nnuma_local 0\nnuma_other 0\n");
    node_facts(s, &m, "");
    for (u32 i = 0; i < ARRAY_SIZE(events); i++)
        seq_printf(s, "%s 0\n", events[i]);
    return 0;
}

static int show_zoneinfo(struct seq_buf *s, void *arg)
{
    struct mem_stats m;
    (void)arg;
    mem_get_stats(&m);
    seq_puts(s, "Node 0, zone   Normal\n  per-node stats\n");
    node_facts(s, &m, "      ");
    seq_printf(s,
               "  pages free     %lu\n        boost    0\n        min      0\n        low      0\n        high     0\n",
               m.free_pages);
    seq_printf(s, "        spanned  %lu\n        present  %lu\n        managed  %lu\n        cma      0\n",
               m.total_pages, m.total_pages, m.total_pages);
    seq_puts(s, "        protection: (0, 0, 0, 0)\n");
    seq_printf(s, "      nr_free_pages %lu\n  pagesets\n", m.free_pages);
    for (u32 i = 0; i < cpu_count; i++)
        seq_printf(s, "    cpu: %u\n              count: 0\n              high:  128\n              batch: 32\n", i);
    seq_puts(s, "  node_unreclaimable:  0\n  start_pfn:           0\n");
    return 0;
}

/* ---- CPUs ---- */

static int show_softirqs(struct seq_buf *s, void *arg)
{
    static const char *const names[] = {"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
                                        "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};
    (void)arg;
    seq_printf(s, "%20s", "");
    for (u32 i = 0; i < cpu_count; i++)
        seq_printf(s, " CPU%-8u", i);
    seq_putc(s, '\n');
    for (u32 n = 0; n < ARRAY_SIZE(names); n++) {
        seq_printf(s, "%12s:", names[n]);
        for (u32 i = 0; i < cpu_count; i++)
            seq_printf(s, " %10u", 0u);
        seq_putc(s, '\n');
    }
    return 0;
}

/* ---- Prometheus ---- */

static void metric(struct seq_buf *s, const char *name, const char *type, const char *help)
{
    seq_printf(s, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct seq_buf *s, const char *name, const char *help, u64 v)
{
    metric(s, name, "gauge", help);
    seq_printf(s, "%s %lu\n", name, v);
}

static void put_seconds(struct seq_buf *s, ns_t ns)
{
    seq_printf(s, "%lu.%06lu\n", ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000);
}

static void cpu_metrics(struct seq_buf *s)
{
    static const char *const modes[] = {"user", "system", "idle"};
    metric(s, "slipway_cpu_seconds_total", "counter", "Time that each CPU spent, by mode.");
    for (u32 i = 0; i < cpu_count; i++) {
        ns_t t[3];
        cpu_times(i, &t[0], &t[1], &t[2]);
        for (u32 m = 0; m < ARRAY_SIZE(modes); m++) {
            seq_printf(s, "slipway_cpu_seconds_total{cpu=\"%u\",mode=\"%s\"} ", i, modes[m]);
            put_seconds(s, t[m]);
        }
    }
    metric(s, "slipway_context_switches_total", "counter", "Switches from one thread to another.");
    seq_printf(s, "slipway_context_switches_total %lu\n", sched_context_switches());
}

static void memory_metrics(struct seq_buf *s)
{
    struct mem_stats m;
    mem_get_stats(&m);
    const struct {
        const char *kind;
        u64 pages;
    } kinds[] = {
        {"free", m.free_pages},     {"anonymous", m.anon_pages},  {"cache", m.cache_pages},
        {"shared", m.shmem_pages},  {"slab", m.slab_pages},       {"page_tables", m.pgtable_pages},
        {"stacks", m.kstack_pages}, {"archive", m.archive_pages},
    };
    gauge(s, "slipway_memory_total_bytes", "Memory of the machine.", m.total_pages * PAGE_SIZE);
    metric(s, "slipway_memory_bytes", "gauge", "Memory by what it is used for.");
    for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
        seq_printf(s, "slipway_memory_bytes{kind=\"%s\"} %lu\n", kinds[i].kind, kinds[i].pages * PAGE_SIZE);
}

static void count_process(struct process *p, void *arg)
{
    (void)p;
    (*(u64 *)arg)++;
}

static int show_metrics(struct seq_buf *s, void *arg)
{
    u64 processes = 0;
    (void)arg;
    process_for_each(count_process, &processes);
    metric(s, "slipway_uptime_seconds", "gauge", "Time since the start.");
    seq_puts(s, "slipway_uptime_seconds ");
    put_seconds(s, clock_monotonic());
    gauge(s, "slipway_cpus", "CPUs that run.", cpu_count);
    cpu_metrics(s);
    memory_metrics(s);
    gauge(s, "slipway_processes", "Processes, ended ones that nobody waited for among them.", processes);
    gauge(s, "slipway_threads", "Threads of programs.", process_thread_total());
    gauge(s, "slipway_threads_runnable", "Threads that run or could.", sched_runnable_count());
    gauge(s, "slipway_open_files", "Open file descriptions.", file_count());
    return 0;
}

/* ---- facts ---- */

#define NO_PRESSURE "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"

static const struct {
    const char *path, *text;
} texts[] = {
    {"partitions", "major minor  #blocks  name\n\n"},
    {"diskstats", ""},
    {"modules", ""},
    {"crypto", ""},
    {"dma", " 4: cascade\n"},
    {"fb", ""},
    {"misc", ""},
    {"mdstat", "Personalities : \nunused devices: <none>\n"},
    {"consoles", ""},
    {"execdomains", "0-0\tLinux           \t[kernel]\n"},
    {"devices", "Character devices:\n  1 mem\n  4 tty\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n"
                " 10 misc\n136 pts\n\nBlock devices:\n"},
    {"cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\ncpu\t0\t1\t1\ncpuacct\t0\t1\t1\n"
                "blkio\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n"},
    {"pressure/cpu", NO_PRESSURE "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"pressure/memory", NO_PRESSURE "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"pressure/io", NO_PRESSURE "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"},
    {"sys/kernel/auto_msgmni", "0\n"},
    {"sys/kernel/core_pipe_limit", "0\n"},
    {"sys/kernel/hung_task_timeout_secs", "0\n"},
    {"sys/kernel/io_uring_disabled", "2\n"},
    {"sys/kernel/numa_balancing", "0\n"},
    {"sys/kernel/ns_last_pid", "0\n"},
    {"sys/kernel/panic_on_oops", "1\n"},
    {"sys/kernel/panic_on_warn", "0\n"},
    {"sys/kernel/perf_event_paranoid", "4\n"},
    {"sys/kernel/perf_event_max_sample_rate", "100000\n"},
    {"sys/kernel/perf_event_mlock_kb", "516\n"},
    {"sys/kernel/printk_ratelimit", "5\n"},
    {"sys/kernel/printk_ratelimit_burst", "10\n"},
    {"sys/kernel/sched_autogroup_enabled", "0\n"},
    {"sys/kernel/sched_rt_period_us", "1000000\n"},
    {"sys/kernel/sched_rt_runtime_us", "950000\n"},
    {"sys/kernel/sysctl_writes_strict", "1\n"},
    {"sys/kernel/sysrq", "1\n"},
    {"sys/kernel/timer_migration", "1\n"},
    {"sys/kernel/unprivileged_bpf_disabled", "2\n"},
    {"sys/kernel/random/urandom_min_reseed_secs", "60\n"},
    {"sys/kernel/random/write_wakeup_threshold", "256\n"},
    {"sys/kernel/watchdog", "0\n"},
    {"sys/kernel/yama/ptrace_scope", "0\n"},
    {"sys/vm/admin_reserve_kbytes", "8192\n"},
    {"sys/vm/user_reserve_kbytes", "131072\n"},
    {"sys/vm/compaction_proactiveness", "0\n"},
    {"sys/vm/dirty_background_bytes", "0\n"},
    {"sys/vm/dirty_background_ratio", "10\n"},
    {"sys/vm/dirty_bytes", "0\n"},
    {"sys/vm/dirty_expire_centisecs", "3000\n"},
    {"sys/vm/dirty_writeback_centisecs", "500\n"},
    {"sys/vm/extfrag_threshold", "500\n"},
    {"sys/vm/hugetlb_shm_group", "0\n"},
    {"sys/vm/laptop_mode", "0\n"},
    {"sys/vm/legacy_va_layout", "0\n"},
    {"sys/vm/lowmem_reserve_ratio", "256\t256\t32\t0\t0\n"},
    {"sys/vm/memfd_noexec", "0\n"},
    {"sys/vm/min_free_kbytes", "4096\n"},
    {"sys/vm/mmap_rnd_bits", "28\n"},
    {"sys/vm/nr_overcommit_hugepages", "0\n"},
    {"sys/vm/oom_dump_tasks", "0\n"},
    {"sys/vm/oom_kill_allocating_task", "0\n"},
    {"sys/vm/overcommit_kbytes", "0\n"},
    {"sys/vm/page-cluster", "0\n"},
    {"sys/vm/panic_on_oom", "0\n"},
    {"sys/vm/stat_interval", "1\n"},
    {"sys/vm/unprivileged_userfaultfd", "0\n"},
    {"sys/vm/vfs_cache_pressure", "100\n"},
    {"sys/vm/watermark_boost_factor", "0\n"},
    {"sys/vm/watermark_scale_factor", "10\n"},
    {"sys/vm/zone_reclaim_mode", "0\n"},
    {"sys/fs/dentry-state", "0\t0\t45\t0\t0\t0\n"},
    {"sys/fs/dir-notify-enable", "0\n"},
    {"sys/fs/inode-nr", "0\t0\n"},
    {"sys/fs/inode-state", "0\t0\t0\t0\t0\t0\t0\n"},
    {"sys/fs/lease-break-time", "45\n"},
    {"sys/fs/leases-enable", "0\n"},
    {"sys/fs/mount-max", "100000\n"},
    {"sys/fs/overflowuid", "65534\n"},
    {"sys/fs/overflowgid", "65534\n"},
    {"sys/fs/suid_dumpable", "0\n"},
    {"sys/net/core/netdev_max_backlog", "1000\n"},
    {"sys/net/core/default_qdisc", "pfifo_fast\n"},
    {"sys/net/core/busy_poll", "0\n"},
    {"sys/net/core/busy_read", "0\n"},
    {"sys/net/core/bpf_jit_enable", "0\n"},
    {"sys/user/max_user_namespaces", "0\n"},
    {"sys/user/max_pid_namespaces", "0\n"},
    {"sys/user/max_net_namespaces", "0\n"},
    {"sys/user/max_ipc_namespaces", "0\n"},
    {"sys/user/max_cgroup_namespaces", "0\n"},
    {"sys/user/max_time_namespaces", "0\n"},
};

void procfs_machine_init(void)
{
    static const struct {
        const char *path;
        u32 mode;
        int (*show)(struct seq_buf *s, void *arg);
    } files[] = {
        {"buddyinfo", 0444, show_buddyinfo}, {"pagetypeinfo", 0400, show_pagetypeinfo}, {"vmstat", 0444, show_vmstat},
        {"zoneinfo", 0444, show_zoneinfo},   {"softirqs", 0444, show_softirqs},         {"metrics", 0444, show_metrics},
        {"locks", 0444, locks_show},
    };
    for (u32 i = 0; i < ARRAY_SIZE(files); i++)
        proc_register(files[i].path, files[i].mode, files[i].show, NULL, NULL);
    for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
        proc_register(texts[i].path, 0444, show_text, NULL, (void *)(unsigned long)texts[i].text);
}
