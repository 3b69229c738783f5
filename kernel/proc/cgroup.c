// SPDX-License-Identifier: MIT
/*
 * /sys/fs/cgroup: the machine as the one cgroup there is, with its own size as the limits (cgroup-v2.rst of Linux). What
 * language runtimes and monitors read to learn how many CPUs and how much memory they have. Nothing can be set: the mount
 * is read-only, as a container's is.
 */
#include "abi/time.h"
#include "fs/procfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/page.h"
#include "proc/pid.h"
#include "proc/process.h"
#include "proc/procfs.h"
#include "proc/procfs_task.h"
#include "sched/sched.h"

#define PERIOD_US 100000u /* of cpu.max */

/* ---- who ---- */

static int show_procs(struct seq_buf *s, void *arg)
{
    struct process *p;
    (void)arg;
    for (s32 pid = 1; (p = pid_next_process(pid)); process_put(p)) {
        pid = p->pid + 1;
        seq_printf(s, "%d\n", p->pid);
    }
    return 0;
}

static int show_threads(struct seq_buf *s, void *arg)
{
    struct process *p;
    (void)arg;
    for (s32 pid = 1; (p = pid_next_process(pid)); process_put(p)) {
        pid = p->pid + 1;
        for (u32 tid = 0; (tid = procfs_next_thread(p, tid + 1));)
            seq_printf(s, "%u\n", tid);
    }
    return 0;
}

static int show_pids_current(struct seq_buf *s, void *arg)
{
    (void)arg;
    seq_printf(s, "%u\n", process_thread_total());
    return 0;
}

static int show_pids_max(struct seq_buf *s, void *arg)
{
    (void)arg;
    seq_printf(s, "%lu\n", READ_ONCE(threads_max));
    return 0;
}

/* ---- CPUs ---- */

static int show_cpu_max(struct seq_buf *s, void *arg)
{
    (void)arg;
    seq_printf(s, "%u %u\n", cpu_count * PERIOD_US, PERIOD_US);
    return 0;
}

static int show_cpu_stat(struct seq_buf *s, void *arg)
{
    ns_t user, sys, idle, all_user = 0, all_sys = 0;
    (void)arg;
    for (u32 i = 0; i < cpu_count; i++) {
        cpu_times(i, &user, &sys, &idle);
        all_user += user;
        all_sys += sys;
    }
    seq_printf(s, "usage_usec %lu\nuser_usec %lu\nsystem_usec %lu\nnice_usec 0\ncore_sched.force_idle_usec 0\n",
               (all_user + all_sys) / 1000, all_user / 1000, all_sys / 1000);
    seq_puts(s, "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n");
    return 0;
}

static int show_cpus(struct seq_buf *s, void *arg)
{
    (void)arg;
    if (cpu_count > 1)
        seq_printf(s, "0-%u\n", cpu_count - 1);
    else
        seq_puts(s, "0\n");
    return 0;
}

/* ---- memory ---- */

static u64 used_bytes(const struct mem_stats *m)
{
    return (m->total_pages - m->free_pages) * PAGE_SIZE;
}

static int show_memory_max(struct seq_buf *s, void *arg)
{
    (void)arg;
    seq_printf(s, "%lu\n", mem_total_pages() * PAGE_SIZE);
    return 0;
}

static int show_memory_current(struct seq_buf *s, void *arg)
{
    struct mem_stats m;
    (void)arg;
    mem_get_stats(&m);
    seq_printf(s, "%lu\n", used_bytes(&m));
    return 0;
}

static int show_memory_peak(struct seq_buf *s, void *arg)
{
    static u64 peak; /* as seen by readers */
    struct mem_stats m;
    (void)arg;
    mem_get_stats(&m);
    u64 now = MAX(used_bytes(&m), READ_ONCE(peak));
    WRITE_ONCE(peak, now);
    seq_printf(s, "%lu\n", now);
    return 0;
}

static void put_bytes(struct seq_buf *s, const char *name, u64 pages)
{
    seq_printf(s, "%s %lu\n", name, pages * PAGE_SIZE);
}

static int show_memory_stat(struct seq_buf *s, void *arg)
{
    struct mem_stats m;
    (void)arg;
    mem_get_stats(&m);
    u64 files = m.cache_pages + m.shmem_pages;
    put_bytes(s, "anon", m.anon_pages);
    put_bytes(s, "file", files);
    put_bytes(s, "kernel", m.slab_pages + m.kstack_pages + m.pgtable_pages);
    put_bytes(s, "kernel_stack", m.kstack_pages);
    put_bytes(s, "pagetables", m.pgtable_pages);
    seq_puts(s, "sec_pagetables 0\npercpu 0\nsock 0\nvmalloc 0\n");
    put_bytes(s, "shmem", m.shmem_pages);
    seq_puts(s, "zswap 0\nzswapped 0\n");
    put_bytes(s, "file_mapped", m.cache_pages);
    seq_puts(s, "file_dirty 0\nfile_writeback 0\nswapcached 0\nanon_thp 0\nfile_thp 0\nshmem_thp 0\n");
    put_bytes(s, "inactive_anon", 0);
    put_bytes(s, "active_anon", m.anon_pages + m.shmem_pages);
    put_bytes(s, "inactive_file", m.cache_pages / 2);
    put_bytes(s, "active_file", m.cache_pages - m.cache_pages / 2);
    seq_puts(s, "unevictable 0\nslab_reclaimable 0\n");
    put_bytes(s, "slab_unreclaimable", m.slab_pages);
    put_bytes(s, "slab", m.slab_pages);
    seq_puts(s, "workingset_refault_anon 0\nworkingset_refault_file 0\npgfault 0\npgmajfault 0\npgrefill 0\npgscan 0\n"
                "pgsteal 0\npgactivate 0\npgdeactivate 0\nthp_fault_alloc 0\nthp_collapse_alloc 0\n");
    return 0;
}

/* ---- facts ---- */

static int show_text(struct seq_buf *s, void *arg)
{
    seq_puts(s, arg);
    return 0;
}

#define NO_PRESSURE "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"

static const struct {
    const char *path, *text;
} texts[] = {
    {"cgroup.controllers", "cpuset cpu io memory pids\n"},
    {"cgroup.type", "domain\n"},
    {"cgroup.subtree_control", ""},
    {"cgroup.events", "populated 1\nfrozen 0\n"},
    {"cgroup.freeze", "0\n"},
    {"cgroup.max.depth", "max\n"},
    {"cgroup.max.descendants", "max\n"},
    {"cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n"},
    {"cpu.max.burst", "0\n"},
    {"cpu.weight", "100\n"},
    {"cpu.weight.nice", "0\n"},
    {"cpu.idle", "0\n"},
    {"cpu.pressure", NO_PRESSURE},
    {"cpuset.cpus", "\n"},
    {"cpuset.cpus.partition", "member\n"},
    {"cpuset.mems", "\n"},
    {"cpuset.mems.effective", "0\n"},
    {"io.stat", ""},
    {"io.pressure", NO_PRESSURE},
    {"memory.min", "0\n"},
    {"memory.low", "0\n"},
    {"memory.high", "max\n"},
    {"memory.oom.group", "0\n"},
    {"memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"},
    {"memory.events.local", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"},
    {"memory.swap.current", "0\n"},
    {"memory.swap.max", "0\n"},
    {"memory.swap.high", "max\n"},
    {"memory.swap.events", "high 0\nmax 0\nfail 0\n"},
    {"memory.pressure", NO_PRESSURE},
    {"pids.events", "max 0\n"},
};

void cgroup_init(void)
{
    static const struct {
        const char *path;
        int (*show)(struct seq_buf *s, void *arg);
    } files[] = {
        {"cgroup.procs", show_procs},
        {"cgroup.threads", show_threads},
        {"cpu.max", show_cpu_max},
        {"cpu.stat", show_cpu_stat},
        {"cpuset.cpus.effective", show_cpus},
        {"memory.max", show_memory_max},
        {"memory.current", show_memory_current},
        {"memory.peak", show_memory_peak},
        {"memory.stat", show_memory_stat},
        {"pids.current", show_pids_current},
        {"pids.max", show_pids_max},
    };
    for (u32 i = 0; i < ARRAY_SIZE(files); i++)
        cgroup_register(files[i].path, 0444, files[i].show, NULL);
    for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
        cgroup_register(texts[i].path, 0444, show_text, (void *)(unsigned long)texts[i].text);
}
