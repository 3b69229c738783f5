// SPDX-License-Identifier: MIT
/*
 * /proc/PID: what memory is made of (smaps), what a process waits for (syscall, wchan), small files; and who may read what
 * of whom.
 */
#include "tests/abi/machine.h"

#include <sys/mman.h>

/* ---- smaps ---- */

static const char *const smaps_names[] = {
    "Size:",          "KernelPageSize:", "MMUPageSize:",     "Rss:",           "Pss:",
    "Pss_Dirty:",     "Shared_Clean:",   "Shared_Dirty:",    "Private_Clean:", "Private_Dirty:",
    "Referenced:",    "Anonymous:",      "LazyFree:",        "AnonHugePages:", "ShmemPmdMapped:",
    "FilePmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:", "Swap:",          "SwapPss:",
    "Locked:",        "THPeligible:",
};

/* The number of a field of the area that begins at `at`, in smaps; -1: there is none. */
static long of_area(const void *at, const char *name)
{
    char head[32];
    snprintf(head, sizeof head, "%08lx-", (unsigned long)at);
    const char *p = after(head);
    for (p = p ? strchr(p, '\n') + 1 : NULL; p && *p >= 'A' && *p <= 'Z'; p = strchr(p, '\n') + 1)
        if (strncmp(p, name, strlen(name)) == 0)
            return atol(p + strlen(name));
    return -1;
}

static void smaps(void)
{
    char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(p != MAP_FAILED && mprotect(p, PAGE, PROT_NONE) == 0); /* so that it has no neighbour */
    p += PAGE;
    char *empty = mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(empty != MAP_FAILED);
    memset(p, 1, 15 * PAGE);
    REQ(slurp("/proc/self/smaps") > 0);
    int good = 1;
    for (size_t i = 0; i < COUNT(smaps_names); i++)
        good &= of_area(p, smaps_names[i]) >= 0;
    CHECK(good, "smaps: all the fields");
    CHECK(of_area(p, "Size:") == 60 && of_area(p, "Rss:") == 60 && of_area(p, "Pss:") == 60 &&
              of_area(p, "Private_Dirty:") == 60 && of_area(p, "Anonymous:") == 60 && of_area(p, "Locked:") == 0,
          "anonymous memory: what was touched is private and dirty");
    CHECK(of_area(empty, "Rss:") == 0 && of_area(empty, "Size:") >= 64, "what was not, is not there");
    CHECK(after("VmFlags: rd wr mr mw me ") != NULL && of_area(p, "KernelPageSize:") == 4, "VmFlags");
    REQ(mlock(p, 2 * PAGE) == 0 && slurp("/proc/self/smaps") > 0);
    CHECK(of_area(p, "Locked:") == 8, "locked memory");
    REQ(munlock(p, 2 * PAGE) == 0);
    char *s = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQ(s != MAP_FAILED);
    memset(s, 1, 8 * PAGE);
    CHECK_CHILD("memory that two have counts half for each", {
        memset(s, 2, 8 * PAGE);
        REQ(slurp("/proc/self/smaps") > 0 && of_area(s, "Rss:") == 32 && of_area(s, "Pss:") == 16);
        REQ(of_area(s, "Shared_Dirty:") == 32 && of_area(s, "Private_Dirty:") == 0 && of_area(s, "Anonymous:") == 0);
    });
    CHECK_CHILD("a forked child shares what it has not written",
                { REQ(slurp("/proc/self/smaps") > 0 && of_area(p, "Rss:") == 60 && of_area(p, "Pss:") <= 60); });
    CHECK(slurp("/proc/self/smaps_rollup") > 0 && strstr(text, "[rollup]\n") && fields(text) == 6 && after("Rss: ") &&
              after("Pss_Anon: ") && after("Pss_File: ") && after("Pss_Shmem: ") && after("Private_Dirty: ") &&
              after("Locked: ") && !after("Size: "),
          "smaps_rollup: the sum");
    long rss = atol(after("Rss: ")), pss = atol(after("Pss: "));
    CHECK(rss >= 48 && pss > 0 && pss <= rss && strtol(after("Anonymous: "), NULL, 10) >= 16, "its numbers");
}

/* ---- what a process does ---- */

static const char *of(pid_t pid, const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return path;
}

static void sleeps(void)
{
    int p[2], ready[2];
    make_pipe(p);
    make_pipe(ready);
    pid_t pid = tap_fork();
    if (pid == 0) {
        char c[7];
        token_send(ready[1]);
        _exit(read(p[0], c, sizeof c) != 1);
    }
    token_wait(ready[0]);
    long nr = -1, a[6];
    unsigned long sp = 0, pc = 0;
    int n = 0;
    for (int i = 0; i < 2000 && (n != 9 || nr != SYS_read); i++) {
        msleep(1);
        slurp(of(pid, "syscall"));
        n = sscanf(text, "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &nr, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &sp,
                   &pc);
    }
    CHECK(n == 9 && nr == SYS_read && a[0] == p[0] && a[2] == 7 && sp && pc, "syscall: number, arguments, stack, code");
    CHECK(slurp(of(pid, "wchan")) > 0 && text[0] != '0' && !strchr(text, '\n'), "wchan: a name");
    token_send(p[1]);
    REQ(tap_wait(pid) == 0);
    CHECK(slurp("/proc/self/syscall") > 0 && atol(text) == SYS_read && fields(text) == 9, "one's own syscall");
    CHECK(slurp("/proc/self/wchan") == 1 && text[0] == '0', "one's own wchan");
}

/* ---- small files ---- */

static void namespaces(void)
{
    static const char *const names[] = {"cgroup",           "ipc",  "mnt",  "net", "pid",
                                        "pid_for_children", "time", "user", "uts", "time_for_children"};
    int good = 1;
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[64], link[64] = "", type[32];
        unsigned long number;
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        good &= readlink(path, link, sizeof link - 1) > 0 && sscanf(link, "%31[a-z]:[%lu]", type, &number) == 2;
        good &= strncmp(names[i], type, strlen(type)) == 0 && number > 4026531000;
    }
    CHECK(good, "ns: each link names its kind and a number");
}

static void small(void)
{
    CHECK(is_number("/proc/self/oom_adj") && is_number("/proc/self/oom_score_adj") && is_number("/proc/self/oom_score"),
          "oom_adj, oom_score_adj, oom_score");
    CHECK(is_number("/proc/self/timerslack_ns") && atol(text) > 0, "timerslack_ns");
    CHECK_CHILD("which is written", {
        put_text("/proc/self/timerslack_ns", "70000");
        REQ(slurp("/proc/self/timerslack_ns") > 0 && atol(text) == 70000 && prctl(PR_GET_TIMERSLACK) == 70000);
    });
    CHECK_CHILD("oom_adj is the older form of oom_score_adj", {
        put_text("/proc/self/oom_score_adj", "500");
        REQ(slurp("/proc/self/oom_adj") > 0 && atol(text) == 500 * 17 / 1000);
    });
    CHECK(slurp("/proc/self/projid_map") > 0 && fields(text) == 3 && slurp("/proc/self/uid_map") > 0 &&
              fields(text) == 3,
          "projid_map, uid_map");
    CHECK(slurp("/proc/self/cpuset") > 0 && text[0] == '/', "cpuset");
    CHECK(slurp("/proc/self/timens_offsets") > 0 && fields(after("monotonic")) == 2 && fields(after("boottime")) == 2,
          "timens_offsets");
    CHECK(slurp("/proc/self/mountstats") > 0 && strstr(text, " mounted on / with fstype "), "mountstats");
    CHECK(slurp("/proc/self/io") > 0 && after("rchar: ") && after("wchar: ") && after("syscr: ") && after("syscw: ") &&
              after("read_bytes: ") && after("write_bytes: ") && after("cancelled_write_bytes: "),
          "io: seven counters");
    CHECK_CHILD("which count", {
        REQ(slurp("/proc/self/io") > 0);
        long bytes = atol(after("wchar: ")), calls = atol(after("syscw: "));
        put_text("counted", "0123456789");
        REQ(slurp("/proc/self/io") > 0 && atol(after("wchar: ")) == bytes + 10 && atol(after("syscw: ")) == calls + 1);
    });
    CHECK(slurp("/proc/self/limits") > 0 && lines() == 17 && fields(after("Max open files")) == 3, "limits: sixteen");
    CHECK(slurp("/proc/self/personality") == 9 && slurp("/proc/self/coredump_filter") == 9,
          "personality, coredump_filter");
    CHECK(slurp("/proc/self/schedstat") > 0 && fields(text) == 3, "schedstat: three");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    pid_t pid = tap_fork();
    if (pid == 0)
        for (;;)
            pause();
    CHECK(slurp(path) > 0 && atoi(text) == pid, "children");
    kill(pid, SIGKILL);
    tap_wait(pid);
}

/* A thread may have ids of its own. */
static void *own_ids(void *arg)
{
    REQ(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0);
    *(volatile int *)arg = (int)syscall(SYS_gettid);
    while (pause())
        ;
    return NULL;
}

static void thread_ids(void)
{
    CHECK_CHILD("task/TID/status: the thread's own ids", {
        pthread_t t;
        volatile int tid = 0;
        char path[64];
        REQ(pthread_create(&t, NULL, own_ids, (void *)&tid) == 0);
        while (!tid)
            sched_yield();
        snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
        REQ(slurp(path) > 0 && atoi(after("Uid:\t")) == NOBODY && strtoul(after("CapEff:\t"), NULL, 16) == 0);
        REQ(slurp("/proc/self/status") > 0 && atoi(after("Uid:\t")) == 0);
    });
}

/* ---- who may look ---- */

static int refused(pid_t pid, const char *name, int err)
{
    char buf[64];
    int fd = open(of(pid, name), O_RDONLY | O_CLOEXEC);
    int got = fd < 0 ? errno : read(fd, buf, sizeof buf) < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (got != err)
        dprintf(1, "# %s: %d instead of %d\n", name, got, err);
    return got == err;
}

static int link_refused(pid_t pid, const char *name)
{
    char buf[64];
    return readlink(of(pid, name), buf, sizeof buf) == -1 && errno == EACCES;
}

/* The caller may not look into the process. */
static void look_at_other(pid_t pid, int listed)
{
    static const char *const closed[] = {"maps", "smaps", "smaps_rollup", "environ", "auxv", "mem", "io"};
    static const char *const open_to_all[] = {"stat",   "statm",  "status", "cmdline", "comm",      "cgroup",
                                              "limits", "mounts", "wchan",  "uid_map", "oom_score", "mountinfo"};
    for (size_t i = 0; i < COUNT(closed); i++)
        REQ(refused(pid, closed[i], EACCES));
    REQ(refused(pid, "syscall", listed ? EPERM : EACCES) && refused(pid, "personality", listed ? EPERM : EACCES));
    for (size_t i = 0; i < COUNT(open_to_all); i++)
        REQ(refused(pid, open_to_all[i], 0));
    REQ(link_refused(pid, "exe") && link_refused(pid, "cwd") && link_refused(pid, "root") &&
        link_refused(pid, "ns/pid"));
    if (!listed)
        REQ(FAILS(open(of(pid, "fd"), O_RDONLY | O_DIRECTORY), EACCES));
    REQ(FAILS(open(of(pid, "fd/0"), O_RDONLY), EACCES));
    REQ(slurp(of(pid, "wchan")) == 1 && text[0] == '0');
    REQ(slurp(of(pid, "stat")) > 0);
    unsigned long code = 9, end = 9, stack = 9;
    REQ(sscanf(strrchr(text, ')') + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u"
               " %*u %*d %*u %lu %lu %lu",
               &code, &end, &stack) == 3);
    REQ(code == 1 && end == 1 && stack == 0);
}

static void permissions(void)
{
    int ready[2];
    make_pipe(ready);
    pid_t root = getpid();
    CHECK_CHILD("a user may not look into root's process", {
        drop_root();
        look_at_other(root, 0);
    });
    pid_t pid = tap_fork();
    if (pid == 0) {
        drop_root();
        REQ(prctl(PR_SET_DUMPABLE, 1) == 0);
        token_send(ready[1]);
        for (;;)
            pause();
    }
    token_wait(ready[0]);
    CHECK_CHILD("nor root without CAP_SYS_PTRACE into a user's", look_at_other(pid, 1));
    CHECK_CHILD("one of the same user may", {
        drop_root();
        REQ(prctl(PR_SET_DUMPABLE, 1) == 0);
        REQ(refused(pid, "maps", 0) && refused(pid, "environ", 0) && refused(pid, "syscall", 0) &&
            refused(pid, "io", 0));
        char buf[64];
        REQ(readlink(of(pid, "cwd"), buf, sizeof buf) > 0 && readlink(of(pid, "ns/pid"), buf, sizeof buf) > 0);
    });
    CHECK_CHILD("not when that is not dumpable", {
        int up[2];
        make_pipe(up);
        drop_root();
        pid_t p = tap_fork();
        if (p == 0) {
            REQ(prctl(PR_SET_DUMPABLE, 0) == 0);
            token_send(up[1]);
            for (;;)
                pause();
        }
        token_wait(up[0]);
        REQ(refused(p, "environ", EACCES) && refused(p, "maps", EACCES) && link_refused(p, "exe"));
        struct stat st;
        REQ(stat(of(p, "stat"), &st) == 0 && st.st_uid == 0);
        kill(p, SIGKILL);
    });
    kill(pid, SIGKILL);
    tap_wait(pid);
}

static void modes(void)
{
    static const struct {
        const char *name;
        mode_t mode;
    } t[] = {
        {"auxv", 0400},          {"cgroup", 0444},      {"clear_refs", 0200}, {"cmdline", 0444},   {"comm", 0644},
        {"environ", 0400},       {"fd", 0500},          {"fdinfo", 0555},     {"io", 0400},        {"limits", 0444},
        {"loginuid", 0644},      {"maps", 0444},        {"mem", 0600},        {"mounts", 0444},    {"mountinfo", 0444},
        {"mountstats", 0400},    {"ns", 0511},          {"numa_maps", 0444},  {"oom_adj", 0644},   {"oom_score", 0444},
        {"oom_score_adj", 0644}, {"personality", 0400}, {"projid_map", 0644}, {"setgroups", 0644}, {"smaps", 0444},
        {"smaps_rollup", 0444},  {"stat", 0444},        {"statm", 0444},      {"status", 0444},    {"syscall", 0400},
        {"timerslack_ns", 0666}, {"uid_map", 0644},     {"wchan", 0444},      {"task", 0555},      {"timers", 0444},
    };
    int good = 1;
    for (size_t i = 0; i < COUNT(t); i++) {
        struct stat st;
        if (stat(of(getpid(), t[i].name), &st) != 0 || (st.st_mode & 07777) != t[i].mode) {
            dprintf(1, "# %s\n", t[i].name);
            good = 0;
        }
    }
    CHECK(good, "the modes of the files");
    CHECK(slurp("/proc/self/numa_maps") > 0 && strstr(text, " default ") && strstr(text, "N0="), "numa_maps");
    int fd = open("/proc/self/clear_refs", O_WRONLY);
    CHECK(fd >= 0 && write(fd, "1", 1) == 1, "clear_refs");
    CHECK_ERRNO(write(fd, "9", 1), EINVAL, "takes some numbers only");
    close(fd);
}

int main(void)
{
    smaps();
    sleeps();
    namespaces();
    small();
    thread_ids();
    permissions();
    modes();
    return tap_end();
}
