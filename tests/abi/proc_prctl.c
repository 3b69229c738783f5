// SPDX-License-Identifier: MIT
/*
 * prctl by a table of options and arguments, and what the options do.
 */
#include "tests/abi/util.h"

#include <elf.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#define PR_GET_MDWE 66
#endif
#ifndef PR_MDWE_NO_INHERIT
#define PR_MDWE_NO_INHERIT 2
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#define BAD 8 /* nothing is there */
static unsigned long room[64];

/* Each in a process of its own; want: the value, or minus the errno. */
static const struct {
    const char *name;
    int option;
    unsigned long a, b, c, d;
    int want;
} cases[] = {
    {"an option that is none", 12345, 0, 0, 0, 0, -EINVAL},
    {"SET_PDEATHSIG 0", PR_SET_PDEATHSIG, 0, 0, 0, 0, 0},
    {"SET_PDEATHSIG 64", PR_SET_PDEATHSIG, 64, 1, 1, 1, 0},
    {"SET_PDEATHSIG 65", PR_SET_PDEATHSIG, 65, 0, 0, 0, -EINVAL},
    {"SET_PDEATHSIG -1", PR_SET_PDEATHSIG, -1UL, 0, 0, 0, -EINVAL},
    {"GET_PDEATHSIG to nowhere", PR_GET_PDEATHSIG, BAD, 0, 0, 0, -EFAULT},
    {"SET_DUMPABLE 0", PR_SET_DUMPABLE, 0, 1, 1, 1, 0},
    {"SET_DUMPABLE 2", PR_SET_DUMPABLE, 2, 0, 0, 0, -EINVAL},
    {"GET_DUMPABLE", PR_GET_DUMPABLE, 1, 1, 1, 1, 1},
    {"GET_UNALIGN", PR_GET_UNALIGN, (unsigned long)room, 0, 0, 0, -EINVAL},
    {"SET_UNALIGN", PR_SET_UNALIGN, 0, 0, 0, 0, -EINVAL},
    {"GET_KEEPCAPS", PR_GET_KEEPCAPS, 1, 1, 1, 1, 0},
    {"SET_KEEPCAPS 2", PR_SET_KEEPCAPS, 2, 0, 0, 0, -EINVAL},
    {"GET_FPEMU", PR_GET_FPEMU, (unsigned long)room, 0, 0, 0, -EINVAL},
    {"GET_FPEXC", PR_GET_FPEXC, (unsigned long)room, 0, 0, 0, -EINVAL},
    {"GET_ENDIAN", PR_GET_ENDIAN, (unsigned long)room, 0, 0, 0, -EINVAL},
    {"GET_TIMING", PR_GET_TIMING, 0, 0, 0, 0, PR_TIMING_STATISTICAL},
    {"SET_TIMING statistical", PR_SET_TIMING, PR_TIMING_STATISTICAL, 0, 0, 0, 0},
    {"SET_TIMING exact", PR_SET_TIMING, PR_TIMING_TIMESTAMP, 0, 0, 0, -EINVAL},
    {"SET_NAME from nowhere", PR_SET_NAME, BAD, 0, 0, 0, -EFAULT},
    {"GET_NAME to nowhere", PR_GET_NAME, BAD, 0, 0, 0, -EFAULT},
    {"GET_SECCOMP", PR_GET_SECCOMP, 0, 0, 0, 0, 0},
    {"SET_SECCOMP, a mode that is none", PR_SET_SECCOMP, 77, 0, 0, 0, -EINVAL},
    {"CAPBSET_READ", PR_CAPBSET_READ, CAP_CHOWN, 1, 1, 1, 1},
    {"CAPBSET_READ of 64", PR_CAPBSET_READ, 64, 0, 0, 0, -EINVAL},
    {"CAPBSET_DROP of 64", PR_CAPBSET_DROP, 64, 0, 0, 0, -EINVAL},
    {"CAPBSET_DROP of 1 << 32", PR_CAPBSET_DROP, 1UL << 32, 0, 0, 0, -EINVAL},
    {"GET_TSC to nowhere", PR_GET_TSC, BAD, 0, 0, 0, -EFAULT},
    {"SET_TSC, a mode that is none", PR_SET_TSC, 3, 0, 0, 0, -EINVAL},
    {"SET_TSC, as it is", PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0, 0},
    {"GET_SECUREBITS", PR_GET_SECUREBITS, 1, 1, 1, 1, 0},
    {"SET_SECUREBITS, ones that are none", PR_SET_SECUREBITS, 1 << 12, 0, 0, 0, -EPERM},
    {"GET_TIMERSLACK", PR_GET_TIMERSLACK, 1, 1, 1, 1, 50000},
    {"SET_TIMERSLACK", PR_SET_TIMERSLACK, 1, 1, 1, 1, 0},
    {"TASK_PERF_EVENTS_DISABLE", PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0, 0},
    {"TASK_PERF_EVENTS_ENABLE", PR_TASK_PERF_EVENTS_ENABLE, 1, 1, 1, 1, 0},
    {"MCE_KILL_GET", PR_MCE_KILL_GET, 0, 0, 0, 0, PR_MCE_KILL_DEFAULT},
    {"MCE_KILL_GET with an argument", PR_MCE_KILL_GET, 0, 0, 0, 1, -EINVAL},
    {"MCE_KILL, clear", PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0, 0},
    {"MCE_KILL, clear with an argument", PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0, -EINVAL},
    {"MCE_KILL, set early", PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0, 0},
    {"MCE_KILL, set what is none", PR_MCE_KILL, PR_MCE_KILL_SET, 3, 0, 0, -EINVAL},
    {"MCE_KILL, a word that is none", PR_MCE_KILL, 2, 0, 0, 0, -EINVAL},
    {"MCE_KILL with a fourth argument", PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 1, 0, -EINVAL},
    {"SET_MM, the break", PR_SET_MM, PR_SET_MM_BRK, (unsigned long)room, 0, 0, -EPERM},
    {"SET_MM with a fifth argument", PR_SET_MM, PR_SET_MM_BRK, (unsigned long)room, 0, 1, -EINVAL},
    {"SET_MM, the size of its structure", PR_SET_MM, PR_SET_MM_MAP_SIZE, (unsigned long)room, 0, 0, 0},
    {"SET_PTRACER, any", PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0, -EINVAL},
    {"SET_CHILD_SUBREAPER", PR_SET_CHILD_SUBREAPER, 1, 1, 1, 1, 0},
    {"GET_CHILD_SUBREAPER to nowhere", PR_GET_CHILD_SUBREAPER, BAD, 0, 0, 0, -EFAULT},
    {"SET_NO_NEW_PRIVS 0", PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0, -EINVAL},
    {"SET_NO_NEW_PRIVS 2", PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0, -EINVAL},
    {"SET_NO_NEW_PRIVS with an argument", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1, -EINVAL},
    {"SET_NO_NEW_PRIVS", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0},
    {"GET_NO_NEW_PRIVS", PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0},
    {"GET_NO_NEW_PRIVS with an argument", PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0, -EINVAL},
    {"GET_TID_ADDRESS", PR_GET_TID_ADDRESS, (unsigned long)room, 1, 1, 1, 0},
    {"GET_TID_ADDRESS to nowhere", PR_GET_TID_ADDRESS, BAD, 0, 0, 0, -EFAULT},
    {"SET_THP_DISABLE", PR_SET_THP_DISABLE, 1, 0, 0, 0, 0},
    {"SET_THP_DISABLE with a fourth argument", PR_SET_THP_DISABLE, 1, 0, 1, 0, -EINVAL},
    {"GET_THP_DISABLE", PR_GET_THP_DISABLE, 0, 0, 0, 0, 0},
    {"GET_THP_DISABLE with an argument", PR_GET_THP_DISABLE, 1, 0, 0, 0, -EINVAL},
    {"MPX_ENABLE_MANAGEMENT", PR_MPX_ENABLE_MANAGEMENT, 0, 0, 0, 0, -EINVAL},
    {"SET_FP_MODE", PR_SET_FP_MODE, 0, 0, 0, 0, -EINVAL},
    {"CAP_AMBIENT, a word that is none", PR_CAP_AMBIENT, 9, 0, 0, 0, -EINVAL},
    {"CAP_AMBIENT, is set", PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0, 0},
    {"CAP_AMBIENT, is set of 64", PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0, -EINVAL},
    {"CAP_AMBIENT, is set with an argument", PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 1, 0, -EINVAL},
    {"CAP_AMBIENT, raise what is not inheritable", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0, -EPERM},
    {"CAP_AMBIENT, lower", PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_CHOWN, 0, 0, 0},
    {"CAP_AMBIENT, clear", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0},
    {"CAP_AMBIENT, clear with an argument", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0, -EINVAL},
    {"SVE_GET_VL", PR_SVE_GET_VL, 0, 0, 0, 0, -EINVAL},
    {"GET_SPECULATION_CTRL of what is none", PR_GET_SPECULATION_CTRL, 99, 0, 0, 0, -ENODEV},
    {"GET_SPECULATION_CTRL with an argument", PR_GET_SPECULATION_CTRL, 0, 1, 0, 0, -EINVAL},
    {"SET_SPECULATION_CTRL of what is none", PR_SET_SPECULATION_CTRL, 99, PR_SPEC_ENABLE, 0, 0, -ENODEV},
    {"SET_SPECULATION_CTRL with an argument", PR_SET_SPECULATION_CTRL, 0, PR_SPEC_ENABLE, 1, 0, -EINVAL},
    {"PAC_RESET_KEYS", PR_PAC_RESET_KEYS, 0, 0, 0, 0, -EINVAL},
    {"SET_TAGGED_ADDR_CTRL", PR_SET_TAGGED_ADDR_CTRL, 0, 0, 0, 0, -EINVAL},
    {"GET_TAGGED_ADDR_CTRL", PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0, -EINVAL},
    {"SET_IO_FLUSHER", PR_SET_IO_FLUSHER, 1, 0, 0, 0, -EPERM},
    {"GET_IO_FLUSHER", PR_GET_IO_FLUSHER, 0, 0, 0, 0, -EPERM},
    {"SET_SYSCALL_USER_DISPATCH, off", PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0, 0},
    {"SET_SYSCALL_USER_DISPATCH, off with an argument", PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 1, 0, 0,
     -EINVAL},
    {"SET_SYSCALL_USER_DISPATCH, a word that is none", PR_SET_SYSCALL_USER_DISPATCH, 7, 0, 0, 0, -EINVAL},
    {"SCHED_CORE, a word that is none", PR_SCHED_CORE, 77, 0, 0, 0, -EINVAL},
    {"SET_MDWE of nothing", PR_SET_MDWE, 0, 0, 0, 0, 0},
    {"SET_MDWE", PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0, 0},
    {"SET_MDWE of an unknown bit", PR_SET_MDWE, 8, 0, 0, 0, -EINVAL},
    {"SET_MDWE with an argument", PR_SET_MDWE, 1, 1, 0, 0, -EINVAL},
    {"SET_MDWE, not for children", PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT, 0, 0, 0, 0},
    {"SET_MDWE, not for children alone", PR_SET_MDWE, PR_MDWE_NO_INHERIT, 0, 0, 0, -EINVAL},
    {"GET_MDWE", PR_GET_MDWE, 0, 0, 0, 0, 0},
    {"GET_MDWE with an argument", PR_GET_MDWE, 1, 0, 0, 0, -EINVAL},
    {"SET_VMA, a word that is none", PR_SET_VMA, 1, (unsigned long)room, 0, 0, -EINVAL},
    {"SET_MEMORY_MERGE", PR_SET_MEMORY_MERGE, 1, 0, 0, 0, 0},
    {"GET_MEMORY_MERGE", PR_GET_MEMORY_MERGE, 0, 0, 0, 0, 0},
    {"GET_MEMORY_MERGE with an argument", PR_GET_MEMORY_MERGE, 0, 0, 0, 1, -EINVAL},
    {"GET_AUXV with a fourth argument", PR_GET_AUXV, (unsigned long)room, 8, 1, 0, -EINVAL},
    {"GET_AUXV to nowhere", PR_GET_AUXV, BAD, 8, 0, 0, -EFAULT},
    {"RISCV_V_GET_CONTROL", 70, 0, 0, 0, 0, -EINVAL},
};

static void table(void)
{
    int p[2];
    make_pipe(p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[96];
        int got = 9999;
        int status = CHILD({
            got = prctl(cases[i].option, cases[i].a, cases[i].b, cases[i].c, cases[i].d);
            got = got == -1 ? -errno : got;
            REQ(write(p[1], &got, sizeof got) == sizeof got);
        });
        REQ(status == 0 && read(p[0], &got, sizeof got) == sizeof got);
        snprintf(name, sizeof name, "prctl: %s", cases[i].name);
        tap_line(got == cases[i].want, name, __FILE__, (int)i, "prctl", got);
    }
}

/* ---- what they do ---- */

static void *other_name(void *out)
{
    char *name = out;
    REQ(prctl(PR_SET_NAME, "another thread, long") == 0 && prctl(PR_GET_NAME, name) == 0);
    REQ(prctl(PR_SET_TIMERSLACK, 777UL) == 0);
    return NULL;
}

static void *child_slack(void *out)
{
    *(long *)out = prctl(PR_GET_TIMERSLACK);
    return NULL;
}

static void names(void)
{
    char mine[16], before[16], theirs[16];
    pthread_t t;
    REQ(prctl(PR_GET_NAME, before) == 0 && pthread_create(&t, NULL, other_name, theirs) == 0 &&
        pthread_join(t, NULL) == 0);
    REQ(prctl(PR_GET_NAME, mine) == 0);
    CHECK(!strcmp(theirs, "another thread,") && !strcmp(mine, before), "prctl: a name is of one thread, 15 characters");
    long slack = 0;
    CHECK(prctl(PR_GET_TIMERSLACK) == 50000, "prctl: so is its timer slack");
    REQ(prctl(PR_SET_TIMERSLACK, 60000UL) == 0 && pthread_create(&t, NULL, child_slack, &slack) == 0 &&
        pthread_join(t, NULL) == 0);
    CHECK(slack == 60000, "prctl: a new thread has its maker's timer slack");
    CHECK_CHILD("prctl: which is then its default", {
        REQ(prctl(PR_GET_TIMERSLACK) == 60000 && prctl(PR_SET_TIMERSLACK, 1UL) == 0 && prctl(PR_GET_TIMERSLACK) == 1);
        REQ(prctl(PR_SET_TIMERSLACK, 0UL) == 0 && prctl(PR_GET_TIMERSLACK) == 60000);
    });
    REQ(prctl(PR_SET_TIMERSLACK, 0UL) == 0);
}

static int auxv_holds(const unsigned long *v, long n, unsigned long type, unsigned long value)
{
    for (long i = 0; i + 1 < n; i += 2)
        if (v[i] == type)
            return v[i + 1] == value;
    return 0;
}

static void auxv(void)
{
    unsigned long v[128], first[2] = {0, 0};
    long n = prctl(PR_GET_AUXV, v, sizeof v, 0, 0);
    CHECK(n > 0 && n % 16 == 0 && n <= (long)sizeof v, "prctl: GET_AUXV gives the length of the vector");
    CHECK(auxv_holds(v, n / 8, AT_PAGESZ, 4096) && auxv_holds(v, n / 8, AT_PHDR, getauxval(AT_PHDR)),
          "prctl: the vector is that of the start");
    CHECK(prctl(PR_GET_AUXV, first, 16, 0, 0) == n && first[0] == v[0] && first[1] == v[1],
          "prctl: as much of it as there is room for");
    CHECK(prctl(PR_GET_AUXV, NULL, 0, 0, 0) == n, "prctl: none");
}

static int maps_name(char *at, char *out)
{
    char line[512], want[32];
    FILE *f = fopen("/proc/self/maps", "r");
    int found = 0;
    snprintf(want, sizeof want, "%lx-", (long)at);
    out[0] = 0;
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, want, strlen(want))) {
            found = 1;
            sscanf(line, "%*s %*s %*s %*s %*s %127[^\n]", out);
        }
    if (f)
        fclose(f);
    return found;
}

static long name_area(void *p, size_t len, const char *name)
{
    return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, len, name);
}

/* Kernels are made with and without names of anonymous memory; Slipway has them. */
#define NAMED(fact, ...)                                                \
    do {                                                                \
        if (without)                                                    \
            SKIP(fact, "a kernel that does not name anonymous memory"); \
        else                                                            \
            CHECK_CHILD(fact, __VA_ARGS__);                             \
    } while (0)

static int is_named(char *at, const char *want)
{
    char name[128];
    return maps_name(at, name) && !strcmp(name, want);
}

static void area_names(void)
{
    char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0), *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int without = name_area(p, PAGE, NULL) < 0 && !own_machine();
    char longest[96];
    memset(longest, 'n', sizeof longest);
    longest[80] = 0;
    NAMED("prctl: SET_VMA names memory, and maps shows it", {
        REQ(name_area(p + 2 * PAGE, 2 * PAGE, "heap of mine") == 0 && is_named(p + 2 * PAGE, "[anon:heap of mine]"));
        REQ(CHILD(REQ(is_named(p + 2 * PAGE, "[anon:heap of mine]"))) == 0);
    });
    NAMED("prctl: SET_VMA makes several areas one", {
        char name[128];
        REQ(name_area(p + 2 * PAGE, 2 * PAGE, "mine") == 0 && name_area(p, 8 * PAGE, "all") == 0);
        REQ(is_named(p, "[anon:all]") && !maps_name(p + 2 * PAGE, name) && name_area(p, 8 * PAGE, NULL) == 0);
        REQ(!is_named(p, "[anon:all]"));
    });
    NAMED("prctl: SET_VMA takes 79 characters that are printed, and no brackets, backslash, dollar", {
        REQ(FAILS(name_area(p, PAGE, "brackets [no]"), EINVAL) && FAILS(name_area(p, PAGE, "a\tb"), EINVAL));
        REQ(FAILS(name_area(p, PAGE, longest), EINVAL) && (longest[79] = 0, name_area(p, PAGE, longest) == 0));
        REQ(name_area(p, PAGE, "") == 0 && FAILS(name_area(p, PAGE, at_addr(BAD)), EFAULT));
    });
    NAMED("prctl: SET_VMA of ranges that are none", {
        REQ(FAILS(name_area(p + 1, PAGE, "x"), EINVAL) && FAILS(name_area(p, opaque(-PAGE), "x"), EINVAL));
        REQ(name_area(p, 0, "x") == 0 && FAILS(name_area((char *)((unsigned long)cases & -PAGE), PAGE, "x"), EBADF));
    });
    NAMED("prctl: SET_VMA of shared memory",
          { REQ(name_area(s, PAGE, "common") == 0 && is_named(s, "[anon_shmem:common]")); });
    NAMED("prctl: SET_VMA over a hole names both sides", {
        REQ(munmap(p + 4 * PAGE, PAGE) == 0 && FAILS(name_area(p, 8 * PAGE, "holed"), ENOMEM));
        REQ(is_named(p, "[anon:holed]") && is_named(p + 5 * PAGE, "[anon:holed]"));
    });
}

static void mdwe(void)
{
    CHECK_CHILD("prctl: MDWE refuses what is writable and executable, and what becomes executable", {
        char *rx = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, ANON, -1, 0), *r = mmap(NULL, PAGE, PROT_READ, ANON, -1, 0);
        REQ(prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0 && prctl(PR_GET_MDWE, 0, 0, 0, 0) == 1);
        REQ(FAILS(mmap(NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0), EACCES));
        REQ(FAILS(mprotect(r, PAGE, PROT_READ | PROT_EXEC), EACCES) &&
            FAILS(mprotect(rx, PAGE, RW | PROT_EXEC), EACCES));
        REQ(mprotect(rx, PAGE, PROT_READ) == 0 && FAILS(mprotect(rx, PAGE, PROT_READ | PROT_EXEC), EACCES));
        REQ(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, ANON, -1, 0) != MAP_FAILED && mprotect(r, PAGE, RW) == 0);
        REQ(FAILS(prctl(PR_SET_MDWE, 0, 0, 0, 0), EPERM) && prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0);
        pid_t pid = fork();
        if (pid == 0)
            _exit(prctl(PR_GET_MDWE, 0, 0, 0, 0) == 1 && FAILS(mmap(NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0), EACCES)
                      ? 0
                      : 1);
        REQ(tap_wait(pid) == 0);
    });
    CHECK_CHILD("prctl: MDWE not for children", {
        REQ(prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT, 0, 0, 0) == 0);
        REQ(prctl(PR_GET_MDWE, 0, 0, 0, 0) == 3);
        pid_t pid = fork();
        if (pid == 0)
            _exit(prctl(PR_GET_MDWE, 0, 0, 0, 0));
        REQ(tap_wait(pid) == 0);
    });
}

static void inherited(void)
{
    CHECK_CHILD("prctl: MCE_KILL and THP_DISABLE are told back, and inherited", {
        REQ(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0 &&
            prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
        REQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_EARLY && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
        pid_t pid = fork();
        if (pid == 0)
            _exit(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_EARLY && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1
                      ? 0
                      : 1);
        REQ(tap_wait(pid) == 0);
        REQ(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0) == 0 &&
            prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_DEFAULT);
    });
    CHECK_CHILD("prctl: NO_NEW_PRIVS is inherited, PDEATHSIG and SUBREAPER are not", {
        int v = 1;
        REQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 &&
            prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            REQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_PDEATHSIG, &v) == 0 && v == 0);
            v = 1;
            REQ(prctl(PR_GET_CHILD_SUBREAPER, &v) == 0 && v == 0);
            _exit(0);
        }
        REQ(tap_wait(pid) == 0);
    });
    CHECK_CHILD("prctl: securebits: what is locked stays", {
        int bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
        REQ(prctl(PR_SET_SECUREBITS, bits) == 0 && FAILS(prctl(PR_SET_SECUREBITS, 0), EPERM));
        REQ(FAILS(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM) && prctl(PR_GET_SECUREBITS) == bits);
        REQ(prctl(PR_SET_SECUREBITS, bits | SECBIT_KEEP_CAPS_LOCKED) == 0 && FAILS(prctl(PR_SET_KEEPCAPS, 1), EPERM));
    });
    CHECK_CHILD("prctl: SET_MM's structure has 104 bytes", {
        unsigned size = 0;
        REQ(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0 && size == 104);
    });
}

int main(void)
{
    table();
    names();
    auxv();
    area_names();
    mdwe();
    inherited();
    return tap_end();
}
