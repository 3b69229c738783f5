// SPDX-License-Identifier: MIT
/* System-wide files of /proc that describe processes, CPUs, memory and the kernel. Formats: proc(5). */
#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/prctl.h"
#include "abi/time.h"
#include "arch/boot.h"
#include "arch/clock.h"
#include "arch/irq.h"
#include "drivers/random.h"
#include "fs/epoll.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/file.h"
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "fs/protected.h"
#include "fs/seq.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/page.h"
#include "proc/aio.h"
#include "proc/cpu_flags.h"
#include "proc/ipc.h"
#include "proc/pid.h"
#include "proc/mqueue.h"
#include "proc/process.h"
#include "proc/procfs.h"
#include "proc/seccomp.h"
#include "proc/sigio.h"
#include "proc/uts.h"
#include "vm/mm.h"

#define TICK_NS (NSEC_PER_SEC / ABI_USER_HZ)

/* ---- memory ---- */

static void kib(struct seq_buf *s, const char *name, u64 pages)
{
    int pad = 15 - (int)strlen(name);
    seq_printf(s, "%s:%*s%8lu kB\n", name, pad > 0 ? pad : 1, "", pages * (PAGE_SIZE / 1024));
}

static int show_meminfo(struct seq_buf *s, void *arg)
{
    struct mem_stats m;
    (void)arg;
    mem_get_stats(&m);
    u64 cached = m.cache_pages + m.shmem_pages;
    kib(s, "MemTotal", m.total_pages);
    kib(s, "MemFree", m.free_pages);
    kib(s, "MemAvailable", m.free_pages + m.cache_pages / 2);
    kib(s, "Buffers", 0);
    kib(s, "Cached", cached);
    kib(s, "SwapCached", 0);
    kib(s, "Active", m.anon_pages + cached / 2);
    kib(s, "Inactive", cached / 2);
    kib(s, "Active(anon)", m.anon_pages);
    kib(s, "Inactive(anon)", 0);
    kib(s, "Active(file)", cached / 2);
    kib(s, "Inactive(file)", cached / 2);
    kib(s, "Unevictable", 0);
    kib(s, "Mlocked", 0);
    kib(s, "SwapTotal", 0);
    kib(s, "SwapFree", 0);
    kib(s, "Dirty", 0);
    kib(s, "Writeback", 0);
    kib(s, "AnonPages", m.anon_pages);
    kib(s, "Mapped", m.cache_pages);
    kib(s, "Shmem", m.shmem_pages);
    kib(s, "KReclaimable", 0);
    kib(s, "Slab", m.slab_pages);
    kib(s, "SReclaimable", 0);
    kib(s, "SUnreclaim", m.slab_pages);
    kib(s, "KernelStack", m.kstack_pages);
    kib(s, "PageTables", m.pgtable_pages);
    kib(s, "CommitLimit", vm_commit_limit());
    kib(s, "Committed_AS", vm_committed_pages());
    kib(s, "VmallocTotal", 34359738367ul / 4);
    kib(s, "VmallocUsed", 0);
    seq_puts(s, "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
                "HugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    return 0;
}

/* ---- CPUs ---- */

static void show_cpu(struct seq_buf *s, u32 id)
{
    u64 khz = clock_tsc_khz();
    u32 sig = cpu.leaf1_eax, family = sig >> 8 & 15, model = sig >> 4 & 15;
    if (family == 6 || family == 15)
        model |= sig >> 12 & 0xf0;
    if (family == 15)
        family += sig >> 20 & 0xff;
    seq_printf(s,
               "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
               id, cpu.vendor, family, model, cpu.brand, sig & 15);
    seq_printf(s, "cpu MHz\t\t: %lu.%03lu\ncache size\t: 512 KB\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\n",
               khz / 1000, khz % 1000, cpu_count, id);
    seq_printf(s, "cpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\n",
               cpu_count, percpu_area[id].apic_id, percpu_area[id].apic_id);
    seq_printf(s, "cpuid level\t: %u\nwp\t\t: yes\nflags\t\t:", cpu.max_leaf);
    cpu_flags_show(s);
    seq_printf(s, "\nbugs\t\t:\nbogomips\t: %lu.%02lu\nclflush size\t: 64\ncache_alignment\t: 64\n", khz / 500,
               khz / 5 % 100);
    seq_puts(s, "address sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n");
}

static int show_cpuinfo(struct seq_buf *s, void *arg)
{
    (void)arg;
    for (u32 i = 0; i < cpu_count; i++)
        show_cpu(s, i);
    return 0;
}

/* All, then each source. */
static void show_intr(struct seq_buf *s)
{
    u64 counts[MAX_CPUS], each[64], sum = 0;
    u32 vector, n = 0;
    const char *name;
    for (; n < ARRAY_SIZE(each) && irq_describe(n, &vector, &name, counts) == 0; n++) {
        each[n] = 0;
        for (u32 i = 0; i < cpu_count; i++)
            each[n] += counts[i];
        sum += each[n];
    }
    seq_printf(s, "intr %lu", sum);
    for (u32 i = 0; i < n; i++)
        seq_printf(s, " %lu", each[i]);
    seq_putc(s, '\n');
}

static int show_stat(struct seq_buf *s, void *arg)
{
    ns_t user, sys, idle, sum[3] = {0};
    (void)arg;
    for (u32 i = 0; i < cpu_count; i++) {
        cpu_times(i, &user, &sys, &idle);
        sum[0] += user, sum[1] += sys, sum[2] += idle;
    }
    seq_printf(s, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", sum[0] / TICK_NS, sum[1] / TICK_NS, sum[2] / TICK_NS);
    for (u32 i = 0; i < cpu_count; i++) {
        cpu_times(i, &user, &sys, &idle);
        seq_printf(s, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", i, user / TICK_NS, sys / TICK_NS, idle / TICK_NS);
    }
    ns_t boot = clock_realtime() - clock_monotonic();
    show_intr(s);
    seq_printf(s, "ctxt %lu\nbtime %lu\nprocesses %d\nprocs_running %u\nprocs_blocked 0\n", sched_context_switches(),
               boot / NSEC_PER_SEC, pid_last(), sched_runnable_count());
    seq_puts(s, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
    return 0;
}

static int show_interrupts(struct seq_buf *s, void *arg)
{
    u64 counts[MAX_CPUS];
    u32 vector;
    const char *name;
    (void)arg;
    seq_puts(s, "    ");
    for (u32 i = 0; i < cpu_count; i++)
        seq_printf(s, "       CPU%-3u", i);
    seq_putc(s, '\n');
    for (u32 idx = 0; irq_describe(idx, &vector, &name, counts) == 0; idx++) {
        seq_printf(s, "%3u:", vector);
        for (u32 i = 0; i < cpu_count; i++)
            seq_printf(s, " %12lu", counts[i]);
        seq_printf(s, "  %s\n", name);
    }
    return 0;
}

static int show_uptime(struct seq_buf *s, void *arg)
{
    ns_t now = clock_monotonic(), user, sys, idle, sum = 0;
    (void)arg;
    for (u32 i = 0; i < cpu_count; i++) {
        cpu_times(i, &user, &sys, &idle);
        sum += idle;
    }
    seq_printf(s, "%lu.%02lu %lu.%02lu\n", now / NSEC_PER_SEC, now % NSEC_PER_SEC / 10000000, sum / NSEC_PER_SEC,
               sum % NSEC_PER_SEC / 10000000);
    return 0;
}

static int show_loadavg(struct seq_buf *s, void *arg)
{
    (void)arg;
    for (u32 i = 0; i < 3; i++) {
        u64 v = sched_load_avg(i) + 327; /* round to hundredths */
        seq_printf(s, "%lu.%02lu ", v >> 16, (v & 0xffff) * 100 >> 16);
    }
    seq_printf(s, "%u/%u %d\n", sched_runnable_count(), process_thread_total(), pid_last());
    return 0;
}

/* ---- the kernel ---- */

static int show_version(struct seq_buf *s, void *arg)
{
    struct new_utsname u;
    (void)arg;
    uts_get(&u);
    seq_printf(s, "%s version %s (slipway) (gcc) %s\n", u.sysname, u.release, u.version);
    return 0;
}

static int show_cmdline(struct seq_buf *s, void *arg)
{
    (void)arg;
    seq_printf(s, "%s\n", boot_info.cmdline);
    return 0;
}

static int show_uts(struct seq_buf *s, void *arg)
{
    struct new_utsname u;
    uts_get(&u);
    seq_printf(s, "%s\n", (const char *)&u + (size_t)arg);
    return 0;
}

static ssize_t write_uts(const char *text, size_t n, void *arg)
{
    const char *end = memchr(text, '\n', n);
    size_t len = MIN(end ? (size_t)(end - text) : n, (size_t)__NEW_UTS_LEN);
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((size_t)arg == offsetof(struct new_utsname, nodename))
        uts_set_hostname(text, len);
    else
        uts_set_domainname(text, len);
    return (ssize_t)n;
}

static int show_text(struct seq_buf *s, void *arg)
{
    seq_printf(s, "%s\n", (const char *)arg);
    return 0;
}

static void put_uuid(struct seq_buf *s, const u8 *b)
{
    for (u32 i = 0; i < 16; i++)
        seq_printf(s, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
    seq_putc(s, '\n');
}

static void make_uuid(u8 *b)
{
    random_bytes(b, 16);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
}

static int show_uuid(struct seq_buf *s, void *arg)
{
    u8 b[16];
    (void)arg;
    make_uuid(b);
    put_uuid(s, b);
    return 0;
}

static int show_boot_id(struct seq_buf *s, void *arg)
{
    static u8 id[16];
    (void)arg;
    if (!id[6])
        make_uuid(id);
    put_uuid(s, id);
    return 0;
}

/* Settings that are facts here: one text each, not to be written. */
static const struct {
    const char *path, *text;
} texts[] = {
    {"sys/fs/nr_open", "1048576"},
    {"sys/kernel/cap_last_cap", "40"},
    {"sys/kernel/ngroups_max", "65536"},
    {"sys/kernel/core_pattern", "core"},
    {"sys/kernel/core_uses_pid", "0"},
    {"sys/kernel/overflowuid", "65534"},
    {"sys/kernel/overflowgid", "65534"},
    {"sys/kernel/randomize_va_space", "2"},
    {"sys/kernel/printk", "4\t4\t1\t7"},
    {"sys/kernel/dmesg_restrict", "0"},
    {"sys/kernel/kptr_restrict", "1"},
    {"sys/kernel/panic", "0"},
    {"sys/kernel/tainted", "0"},
    {"sys/kernel/sched_rr_timeslice_ms", "100"},
    {"sys/kernel/random/entropy_avail", "256"},
    {"sys/kernel/random/poolsize", "256"},
    {"sys/net/core/somaxconn", "4096"},
    {"sys/net/core/optmem_max", "20480"},
    {"sys/net/core/rmem_default", "212992"},
    {"sys/net/core/rmem_max", "212992"},
    {"sys/net/core/wmem_default", "212992"},
    {"sys/net/core/wmem_max", "212992"},
    {"sys/net/unix/max_dgram_qlen", "10"},
    {"sys/vm/mmap_min_addr", "65536"},
    {"sys/vm/swappiness", "60"},
    {"sys/vm/dirty_ratio", "20"},
    {"sys/vm/nr_hugepages", "0"},
};
_Static_assert(CAP_LAST_CAP == 40, "sys/kernel/cap_last_cap");

static void register_uts(const char *path, size_t field, bool writable)
{
    proc_register(path, writable ? 0644 : 0444, show_uts, writable ? write_uts : NULL, (void *)field);
}

static bool may_exceed_file_max(void)
{
    return capable(CAP_SYS_ADMIN);
}

static int show_file_nr(struct seq_buf *s, void *arg)
{
    (void)arg;
    seq_printf(s, "%lu\t0\t%lu\n", file_count(), file_max);
    return 0;
}

#define LINUX_INOTIFY_WATCH 1312u /* and one of inotify, whose inodes it counts twice: one percent */
#define LINUX_WATCH 184u /* bytes that Linux takes an epoll's watch to need: four percent of memory may be watches */

static int show_u64(struct seq_buf *s, void *arg)
{
    seq_printf(s, "%lu\n", READ_ONCE(*(u64 *)arg));
    return 0;
}

/* A power of two, of pages. */
static ssize_t write_pipe_max(const char *text, size_t n, void *arg)
{
    u64 v, size = PAGE_SIZE;
    struct ipc_limit l = {&v, 0, 1ul << 31};
    (void)arg;
    ssize_t done = ipc_write_limit(text, n, &l);
    while (done > 0 && size < v)
        size *= 2;
    if (done > 0)
        WRITE_ONCE(pipe_max_size, size);
    return done;
}

/* Limits of the whole machine, and of users; how many there are of files and watches is Linux's guess from the size of
 * memory. */
static void register_limits(void)
{
    static const struct {
        const char *path;
        struct ipc_limit limit;
    } limits[] = {
        {"sys/kernel/pid_max", {&pid_limit, PID_RESERVED + 1, PID_MAX}},
        {"sys/kernel/threads-max", {&threads_max, 20, PID_MAX}},
        {"sys/fs/mount-max", {&mount_max, 1, INT32_MAX}},
        {"sys/fs/file-max", {&file_max, 0, INT64_MAX}},
        {"sys/fs/inotify/max_queued_events", {&inotify_max_events, 0, INT32_MAX}},
        {"sys/fs/inotify/max_user_instances", {&inotify_max_instances, 0, INT32_MAX}},
        {"sys/fs/inotify/max_user_watches", {&inotify_max_watches, 0, INT32_MAX}},
        {"sys/fs/epoll/max_user_watches", {&epoll_max_watches, 0, INT64_MAX}},
        {"sys/fs/pipe-user-pages-soft", {&pipe_pages_soft, 0, INT64_MAX}},
        {"sys/fs/pipe-user-pages-hard", {&pipe_pages_hard, 0, INT64_MAX}},
        {"sys/vm/max_map_count", {&vm_max_areas, 0, INT32_MAX}},
        {"sys/vm/overcommit_memory", {&vm_overcommit, 0, 2}},
        {"sys/vm/overcommit_ratio", {&vm_overcommit_ratio, 0, INT32_MAX}},
    };
    file_max = MAX(mem_total_pages() * (PAGE_SIZE / 1024) / 10, 8192ul);
    epoll_max_watches = mem_total_pages() / 25 * PAGE_SIZE / LINUX_WATCH;
    inotify_max_watches = MIN(MAX(mem_total_pages() / 100 * PAGE_SIZE / LINUX_INOTIFY_WATCH, 8192ul), 1048576ul);
    proc_register("sys/fs/pipe-max-size", 0644, show_u64, write_pipe_max, &pipe_max_size);
    file_max_exempt = may_exceed_file_max;
    for (u32 i = 0; i < ARRAY_SIZE(limits); i++)
        ipc_register_limit(limits[i].path, &limits[i].limit);
    static const struct {
        const char *path;
        struct ipc_limit limit;
    } rules[] = {
        {"sys/fs/protected_hardlinks", {&fs_protected.hardlinks, 0, 1}},
        {"sys/fs/protected_symlinks", {&fs_protected.symlinks, 0, 1}},
        {"sys/fs/protected_fifos", {&fs_protected.fifos, 0, 2}},
        {"sys/fs/protected_regular", {&fs_protected.regular, 0, 2}},
    };
    for (u32 i = 0; i < ARRAY_SIZE(rules); i++)
        ipc_register_setting(rules[i].path, 0600, &rules[i].limit);
    proc_register("sys/fs/file-nr", 0444, show_file_nr, NULL, NULL);
}

void procfs_sys_init(void)
{
    static const struct {
        const char *path;
        int (*show)(struct seq_buf *s, void *arg);
    } files[] = {
        {"meminfo", show_meminfo},
        {"cpuinfo", show_cpuinfo},
        {"stat", show_stat},
        {"interrupts", show_interrupts},
        {"uptime", show_uptime},
        {"loadavg", show_loadavg},
        {"version", show_version},
        {"cmdline", show_cmdline},
        {"sys/kernel/random/uuid", show_uuid},
        {"sys/kernel/random/boot_id", show_boot_id},
    };
    for (u32 i = 0; i < ARRAY_SIZE(files); i++)
        proc_register(files[i].path, 0444, files[i].show, NULL, NULL);
    for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
        proc_register(texts[i].path, 0444, show_text, NULL, (void *)(unsigned long)texts[i].text);
    proc_register("swaps", 0444, show_text, NULL, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority");
    register_limits();
    procfs_machine_init();
    cgroup_init();
    shm_init();
    sem_init();
    msg_init();
    mq_init();
    aio_init();
    seccomp_init();
    sigio_init();
    register_uts("sys/kernel/ostype", offsetof(struct new_utsname, sysname), false);
    register_uts("sys/kernel/osrelease", offsetof(struct new_utsname, release), false);
    register_uts("sys/kernel/version", offsetof(struct new_utsname, version), false);
    register_uts("sys/kernel/hostname", offsetof(struct new_utsname, nodename), true);
    register_uts("sys/kernel/domainname", offsetof(struct new_utsname, domainname), true);
}
