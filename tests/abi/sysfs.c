// SPDX-License-Identifier: MIT
/* /sys as programs read it: CPUs, memory, the loopback interface, huge pages, the cgroup. By form, not by value. */
#include "tests/abi/machine.h"

#include <dirent.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>

#define CPU "/sys/devices/system/cpu/"
#define NODE "/sys/devices/system/node/"

/* A list of numbers as "0", "0-3", "0,2-3". How many; -1: it is none. */
static int list_size(const char *path)
{
    int n = 0;
    if (slurp(path) <= 0)
        return -1;
    for (char *p = text; *p != '\n'; p += *p == ',') {
        char *end;
        long from = strtol(p, &end, 10), to = from;
        if (end == p)
            return -1;
        if (*end == '-')
            to = strtol(end + 1, &end, 10);
        if (to < from || (*end != ',' && *end != '\n'))
            return -1;
        n += (int)(to - from + 1);
        p = end;
    }
    return n;
}

/* Bits of a mask as "3", "ff,ffffffff"; -1: it is none. */
static int mask_size(const char *path)
{
    int n = 0;
    if (slurp(path) <= 0)
        return -1;
    for (const char *p = text; *p != '\n'; p++) {
        if (*p == ',')
            continue;
        if (!isxdigit((unsigned char)*p) || isupper((unsigned char)*p))
            return -1;
        n += __builtin_popcount((unsigned)strtoul((char[]){*p, 0}, NULL, 16));
    }
    return n;
}

static const char *of_cpu(int cpu, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, CPU "cpu%d/%s", cpu, name);
    return path;
}

static void cpus(void)
{
    int all = get_nprocs_conf(), folders = 0, good = 1;
    CHECK(list_size(CPU "online") == get_nprocs() && list_size(CPU "present") == all &&
              list_size(CPU "possible") >= all,
          "the CPUs online, present, possible");
    CHECK(slurp(CPU "offline") > 0 && slurp(CPU "isolated") > 0, "offline, isolated");
    CHECK(is_number(CPU "kernel_max") && atoi(text) + 1 >= all, "kernel_max");
    DIR *d = opendir(CPU);
    REQ(d);
    for (struct dirent *e; (e = readdir(d));)
        folders += strncmp(e->d_name, "cpu", 3) == 0 && isdigit((unsigned char)e->d_name[3]);
    closedir(d);
    CHECK(folders == all, "a folder for each");
    for (int i = 0; i < all; i++) {
        good &= is_number(of_cpu(i, "topology/core_id")) && is_number(of_cpu(i, "topology/physical_package_id"));
        good &=
            list_size(of_cpu(i, "topology/thread_siblings_list")) >= 1 &&
            mask_size(of_cpu(i, "topology/thread_siblings")) == list_size(of_cpu(i, "topology/thread_siblings_list"));
        good &= mask_size(of_cpu(i, "topology/core_siblings")) == list_size(of_cpu(i, "topology/package_cpus_list"));
        good &=
            list_size(of_cpu(i, "topology/core_cpus_list")) >= 1 && list_size(of_cpu(i, "topology/die_cpus_list")) >= 1;
    }
    CHECK(good, "topology: numbers, and siblings as masks and lists");
}

static void caches(void)
{
    char name[64];
    int n = 0, good = 1, data = 0;
    for (;; n++) {
        snprintf(name, sizeof name, "cache/index%d/", n);
        char *end = name + strlen(name);
        strcpy(end, "type");
        if (slurp(of_cpu(0, name)) < 0)
            break;
        good &= !strcmp(text, "Data\n") || !strcmp(text, "Instruction\n") || !strcmp(text, "Unified\n");
        data |= !strcmp(text, "Data\n") || !strcmp(text, "Unified\n");
        strcpy(end, "level");
        good &= is_number(of_cpu(0, name)) && atoi(text) >= 1 && atoi(text) <= 4;
        strcpy(end, "size");
        good &= slurp(of_cpu(0, name)) > 2 && text[strlen(text) - 2] == 'K';
        long size = atol(text), line = 1;
        static const char *const parts[] = {"coherency_line_size", "ways_of_associativity", "number_of_sets",
                                            "physical_line_partition"};
        for (size_t i = 0; i < COUNT(parts); i++) {
            strcpy(end, parts[i]);
            good &= is_number(of_cpu(0, name));
            line *= atol(text);
        }
        good &= line == size * 1024;
        strcpy(end, "shared_cpu_list");
        int shared = list_size(of_cpu(0, name));
        strcpy(end, "shared_cpu_map");
        good &= shared >= 1 && mask_size(of_cpu(0, name)) == shared;
    }
    CHECK(good && (n == 0 || data), "caches: type, level, size of their parts, who shares them");
}

static void node(void)
{
    CHECK(list_size(NODE "online") >= 1 && list_size(NODE "possible") >= 1 && list_size(NODE "has_memory") >= 1 &&
              list_size(NODE "has_cpu") >= 1,
          "nodes of memory");
    CHECK(list_size(NODE "node0/cpulist") >= 1 && mask_size(NODE "node0/cpumap") == list_size(NODE "node0/cpulist"),
          "the CPUs of node 0");
    CHECK(slurp(NODE "node0/distance") > 0 && atoi(text) == 10, "its distance to itself");
    CHECK(slurp(NODE "node0/meminfo") > 0 && after("Node 0 MemTotal:") && atol(after("Node 0 MemTotal:")) > 0 &&
              after("Node 0 MemFree:") && after("Node 0 FilePages:") && fields(after("Node 0 MemUsed:")) == 2,
          "its meminfo");
    CHECK(slurp(NODE "node0/numastat") > 0 && names_and_numbers() && lines() == 6, "its numastat");
    CHECK(access(NODE "node0/cpu0/topology/core_id", R_OK) == 0 && access(CPU "cpu0/node0/meminfo", R_OK) == 0,
          "links from one to the other");
}

static void interface(void)
{
    char link[128];
    ssize_t n = readlink("/sys/class/net/lo", link, sizeof link);
    CHECK(n > 0 && (link[n] = 0, !strcmp(link, "../../devices/virtual/net/lo")), "lo is a link to its device");
    CHECK(is_line("/sys/class/net/lo/address", "00:00:00:00:00:00") && is_line("/sys/class/net/lo/mtu", "65536") &&
              is_line("/sys/class/net/lo/type", "772") &&
              (is_line("/sys/class/net/lo/operstate", "unknown") ||
               (!own_machine() && is_line("/sys/class/net/lo/operstate", "down"))) &&
              is_line("/sys/class/net/lo/ifindex", "1") && is_line("/sys/class/net/lo/addr_len", "6"),
          "what it is");
    CHECK(slurp("/sys/class/net/lo/flags") > 0 && !strncmp(text, "0x", 2), "flags");
    CHECK(is_number("/sys/class/net/lo/statistics/rx_bytes") && is_number("/sys/class/net/lo/statistics/tx_packets"),
          "statistics");
}

static void memory(void)
{
    CHECK(slurp("/sys/kernel/mm/transparent_hugepage/enabled") > 0 && strchr(text, '[') && strstr(text, "madvise") &&
              strstr(text, "never"),
          "transparent_hugepage/enabled: one of three");
    CHECK(slurp("/sys/kernel/mm/transparent_hugepage/defrag") > 0 && strchr(text, '['), "defrag");
    CHECK(is_line("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152"), "hpage_pmd_size");
    CHECK(slurp("/sys/kernel/mm/transparent_hugepage/shmem_enabled") > 0 && strchr(text, '['), "shmem_enabled");
    CHECK(is_number("/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none"), "khugepaged");
    CHECK(is_number("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") &&
              is_number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"),
          "huge pages of 2 MiB");
    CHECK(is_line("/sys/kernel/address_bits", "64") && is_line("/sys/kernel/cpu_byteorder", "little"),
          "the architecture");
    CHECK(exists("/sys/block") && exists("/sys/class") && exists("/sys/bus") && exists("/sys/module") &&
              exists("/sys/dev/block") && exists("/sys/dev/char") && exists("/sys/firmware"),
          "the folders are there");
}

/* ---- the cgroup: a container's view, which the host's tests have not ---- */

#define CG "/sys/fs/cgroup/"

static int is_number_or_max(const char *path)
{
    return is_line(path, "max") || is_number(path);
}

static void cgroup(void)
{
    struct statfs fs;
    long quota = 0, period = 0;
    if (statfs("/sys/fs/cgroup", &fs) != 0 || fs.f_type != 0x63677270 || !exists(CG "memory.max")) {
        SKIP("the cgroup", "the root of the host has no limits");
        SKIP("its CPUs are the machine's", "the root of the host has no limits");
        return;
    }
    int good =
        slurp(CG "cgroup.controllers") > 0 && strstr(text, "cpu") && strstr(text, "memory") && strstr(text, "pids");
    good &= is_line(CG "cgroup.type", "domain") && slurp(CG "cgroup.events") > 0 && names_and_numbers();
    good &= slurp(CG "cgroup.procs") > 0 && lines() >= 1 && slurp(CG "cgroup.threads") > 0;
    good &= slurp(CG "cpu.max") > 0 && (!strncmp(text, "max ", 4) || sscanf(text, "%ld %ld", &quota, &period) == 2);
    good &= slurp(CG "cpu.stat") > 0 && names_and_numbers() && after("usage_usec ") && after("nr_throttled ");
    good &= is_number(CG "cpu.weight") && list_size(CG "cpuset.cpus.effective") == get_nprocs();
    good &= is_number_or_max(CG "memory.max") && is_number_or_max(CG "memory.high") && is_number(CG "memory.current");
    good &=
        is_number_or_max(CG "memory.swap.max") && is_number(CG "memory.swap.current") && is_number(CG "memory.peak");
    good &= slurp(CG "memory.stat") > 0 && names_and_numbers() && after("anon ") && after("inactive_file ");
    good &= slurp(CG "memory.events") > 0 && names_and_numbers() && after("oom_kill ");
    good &= is_number_or_max(CG "pids.max") && is_number(CG "pids.current") && atoi(text) >= 1;
    good &= slurp(CG "memory.pressure") > 0 && !strncmp(text, "some avg10=", 11);
    CHECK(good, "the cgroup");
    CHECK_OWN(slurp(CG "cpu.max") > 0 && sscanf(text, "%ld %ld", &quota, &period) == 2 &&
                  quota == get_nprocs() * period,
              "its CPUs are the machine's");
}

int main(void)
{
    cpus();
    caches();
    node();
    interface();
    memory();
    cgroup();
    return tap_end();
}
