// SPDX-License-Identifier: MIT
/* Files of /proc that describe the machine, by their form: fields, names, units. */
#include "tests/abi/machine.h"

#include <sys/sysinfo.h>

static void memory(void)
{
    CHECK(slurp("/proc/vmstat") > 0 && names_and_numbers(), "vmstat: names and numbers");
    static const char *const names[] = {"nr_free_pages ",
                                        "nr_anon_pages ",
                                        "nr_mapped ",
                                        "nr_file_pages ",
                                        "nr_dirty ",
                                        "nr_writeback ",
                                        "nr_shmem ",
                                        "pgpgin ",
                                        "pgpgout ",
                                        "pswpin ",
                                        "pswpout ",
                                        "pgfault ",
                                        "pgmajfault ",
                                        "pgfree ",
                                        "oom_kill ",
                                        "pgactivate ",
                                        "nr_slab_unreclaimable "};
    int good = 1;
    for (size_t i = 0; i < COUNT(names); i++)
        good &= after(names[i]) != NULL;
    CHECK(good, "vmstat: what vmstat, sar and monitors look for");
    CHECK(slurp("/proc/buddyinfo") > 0 && fields(text) == 15 && !strncmp(text, "Node 0, zone ", 13),
          "buddyinfo: eleven orders a zone");
    CHECK(slurp("/proc/zoneinfo") > 0 && after("Node 0, zone ") && after("  pages free ") &&
              after("        managed ") && after("  pagesets") && after("      nr_free_pages "),
          "zoneinfo");
    CHECK(slurp("/proc/pagetypeinfo") < 0 ||
              (after("Page block order: ") && after("Node    0, zone ") && after("Number of blocks type ")),
          "pagetypeinfo");
}

static void processors(void)
{
    int n = get_nprocs();
    CHECK(slurp("/proc/softirqs") > 0 && fields(text) >= n && fields(after("       TIMER:")) >= n &&
              fields(after("         RCU:")) >= n && lines() == 11,
          "softirqs: ten kinds");
    CHECK(slurp("/proc/interrupts") > 0 && fields(text) == n && lines() > 1, "interrupts: a column a CPU");
    CHECK(slurp("/proc/stat") > 0 && fields(text) == 11 && fields(after("cpu0 ")) == 10 && after("intr ") &&
              after("ctxt ") && after("btime ") && after("processes ") && after("procs_running ") &&
              after("procs_blocked ") && after("softirq ") && fields(after("softirq ")) == 11,
          "stat: CPUs with ten times, and the sums");
    CHECK(slurp("/proc/loadavg") > 0 && fields(text) == 5 && strchr(text, '/'), "loadavg: five fields");
}

static void devices(void)
{
    CHECK(slurp("/proc/partitions") > 0 && !strncmp(text, "major minor  #blocks  name\n\n", 28), "partitions");
    CHECK(slurp("/proc/diskstats") >= 0 && (!text[0] || fields(text) >= 14), "diskstats");
    CHECK(slurp("/proc/devices") > 0 && after("Character devices:\n") && after("  1 mem\n") &&
              after("Block devices:\n"),
          "devices");
    CHECK(slurp("/proc/filesystems") > 0 && after("nodev\tproc\n") && after("nodev\ttmpfs\n"), "filesystems");
    CHECK(slurp("/proc/swaps") > 0 && !strncmp(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", 41),
          "swaps");
    CHECK(slurp("/proc/cgroups") > 0 && !strncmp(text, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n", 43) &&
              fields(after("memory\t")) == 3,
          "cgroups");
    CHECK(slurp("/proc/pressure/cpu") > 0 && !strncmp(text, "some avg10=", 11) && after("full avg10=") && lines() == 2,
          "pressure/cpu");
    CHECK(slurp("/proc/pressure/memory") > 0 && lines() == 2 && fields(text) == 5, "pressure/memory");
    CHECK(slurp("/proc/pressure/io") > 0 && lines() == 2, "pressure/io");
    CHECK(slurp("/proc/execdomains") > 0 && !strncmp(text, "0-0\tLinux", 9), "execdomains");
    CHECK(slurp("/proc/consoles") >= 0 && slurp("/proc/misc") >= 0 && slurp("/proc/locks") >= 0,
          "consoles, misc, locks");
}

static const char *const numbers[] = {
    "kernel/cap_last_cap",
    "kernel/dmesg_restrict",
    "kernel/kptr_restrict",
    "kernel/ngroups_max",
    "kernel/overflowuid",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/perf_event_paranoid",
    "kernel/pid_max",
    "kernel/threads-max",
    "kernel/randomize_va_space",
    "kernel/sched_rt_period_us",
    "kernel/sched_rt_runtime_us",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/tainted",
    "kernel/unprivileged_bpf_disabled",
    "kernel/core_uses_pid",
    "kernel/core_pipe_limit",
    "kernel/io_uring_disabled",
    "kernel/sched_autogroup_enabled",
    "kernel/numa_balancing",
    "vm/dirty_background_bytes",
    "vm/dirty_background_ratio",
    "vm/dirty_bytes",
    "vm/dirty_ratio",
    "vm/dirty_expire_centisecs",
    "vm/dirty_writeback_centisecs",
    "vm/max_map_count",
    "vm/min_free_kbytes",
    "vm/mmap_min_addr",
    "vm/nr_hugepages",
    "vm/overcommit_memory",
    "vm/overcommit_ratio",
    "vm/overcommit_kbytes",
    "vm/page-cluster",
    "vm/panic_on_oom",
    "vm/swappiness",
    "vm/vfs_cache_pressure",
    "vm/zone_reclaim_mode",
    "vm/oom_kill_allocating_task",
    "vm/unprivileged_userfaultfd",
    "vm/nr_overcommit_hugepages",
    "vm/hugetlb_shm_group",
    "vm/legacy_va_layout",
    "vm/laptop_mode",
    "vm/watermark_scale_factor",
    "fs/aio-max-nr",
    "fs/aio-nr",
    "fs/file-max",
    "fs/nr_open",
    "fs/pipe-max-size",
    "fs/suid_dumpable",
    "fs/lease-break-time",
    "fs/leases-enable",
    "fs/mount-max",
    "fs/overflowuid",
    "net/core/somaxconn",
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/core/rmem_default",
    "net/core/netdev_max_backlog",
    "net/core/busy_poll",
    "net/unix/max_dgram_qlen",
    "user/max_user_namespaces",
};

static void settings(void)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char path[128];
        snprintf(path, sizeof path, "/proc/sys/%s", numbers[i]);
        if (!own_machine() && !strncmp(numbers[i], "net/core/", 9))
            continue; /* a network namespace has none of them */
        if (!is_number(path))
            dprintf(1, "# %s\n", path);
        REQ(is_number(path));
    }
    CHECK(1, "settings that are a number");
    CHECK(slurp("/proc/sys/kernel/printk") > 0 && fields(text) == 4 && slurp("/proc/sys/kernel/sem") > 0 &&
              fields(text) == 4 && slurp("/proc/sys/fs/file-nr") > 0 && fields(text) == 3 &&
              slurp("/proc/sys/fs/inode-nr") > 0 && fields(text) == 2 && slurp("/proc/sys/fs/inode-state") > 0 &&
              fields(text) == 7 && slurp("/proc/sys/fs/dentry-state") > 0 && fields(text) == 6,
          "and several");
    CHECK(slurp("/proc/sys/kernel/random/uuid") == 37 && text[8] == '-' && text[14] == '4' &&
              slurp("/proc/sys/kernel/random/boot_id") == 37,
          "random/uuid, boot_id");
}

/* Lines of the text format of Prometheus: comments, or name{labels} value. */
static int is_metrics(void)
{
    for (char *p = text; *p; p = strchr(p, '\n') + 1) {
        char *end = strchr(p, '\n'), *value;
        if (!end)
            return 0;
        if (!strncmp(p, "# HELP ", 7) || !strncmp(p, "# TYPE ", 7))
            continue;
        for (value = end; value > p && value[-1] != ' '; value--)
            ;
        char *stop;
        (void)strtod(value, &stop);
        if (value <= p + 1 || stop != end || !isalpha((unsigned char)*p))
            return 0;
    }
    return text[0] != 0;
}

static void metrics(void)
{
    if (own_machine())
        CHECK(slurp("/proc/metrics") > 0 && is_metrics() && after("slipway_memory_total_bytes ") &&
                  after("slipway_cpu_seconds_total{cpu=\"0\",mode=\"user\"} "),
              "metrics, in the text format of Prometheus");
    else
        SKIP("metrics, in the text format of Prometheus", "Linux has none");
}

int main(void)
{
    memory();
    processors();
    devices();
    settings();
    metrics();
    return tap_end();
}
