// SPDX-License-Identifier: MIT
/*
 * execve: arguments and environment, their limits, the auxiliary vector, what an exec keeps and what it resets.
 */
#include "tests/abi/util.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>

static char self[4096];
static char *no_env[] = {NULL};

/* Re-executes this program; the wait status. */
static int run(char *const argv[], char *const envp[])
{
    return CHILD({
        execve(self, argv, envp);
        _exit(200 + errno % 50);
    });
}

static int run1(const char *what)
{
    char *argv[] = {"prog", (char *)what, NULL};
    return run(argv, no_env);
}

/* ---- what the re-executed program checks, by name ---- */

extern char **environ;

static int sees_args(int argc, char **argv)
{
    REQ(argc == 5 && !strcmp(argv[0], "name of its own") && !strcmp(argv[2], "") && !strcmp(argv[3], "a b\nc"));
    REQ(strlen(argv[4]) == 10000 && argv[5] == NULL);
    REQ(!strcmp(environ[0], "A=1") && !strcmp(environ[1], "not a pair") && !strcmp(environ[2], "A=2") && !environ[3]);
    REQ(argv[0] + strlen(argv[0]) + 1 == argv[1] && argv[4] + 10001 == environ[0]);
    return 0;
}

/* What stands behind the environment; glibc's getauxval(AT_HWCAP) gives another value than the kernel's. */
static uint64_t raw_auxval(uint64_t type)
{
    uint64_t *v = (uint64_t *)environ;
    while (*v++)
        ;
    while (v[0] != AT_NULL && v[0] != type)
        v += 2;
    return v[1];
}

static int sees_auxv(void)
{
    extern const ElfW(Ehdr) __ehdr_start;
    REQ(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100);
    REQ(getauxval(AT_PHENT) == sizeof(ElfW(Phdr)) && getauxval(AT_PHNUM) == __ehdr_start.e_phnum);
    REQ(getauxval(AT_PHDR) == (unsigned long)&__ehdr_start + __ehdr_start.e_phoff);
    REQ(getauxval(AT_ENTRY) == __ehdr_start.e_entry && getauxval(AT_BASE) == 0 && getauxval(AT_FLAGS) == 0);
    REQ(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() && getauxval(AT_GID) == getgid());
    REQ(getauxval(AT_SECURE) == 0 && getauxval(AT_RANDOM) != 0);
    REQ(!strcmp((char *)getauxval(AT_PLATFORM), "x86_64") && !strcmp((char *)getauxval(AT_EXECFN), self));
    REQ((raw_auxval(AT_HWCAP) & 0x06000001) == 0x06000001); /* FPU, SSE, SSE2 */
    unsigned char *r = (unsigned char *)getauxval(AT_RANDOM);
    unsigned any = 0;
    for (int i = 0; i < 16; i++)
        any |= r[i];
    REQ(any != 0);
    return 0;
}

static int sees_stack(char **argv)
{
    uintptr_t sp = (uintptr_t)(argv - 1);
    REQ(sp % 16 == 0 && *(long *)sp == 2);
    uint64_t *v = (uint64_t *)(environ);
    while (*v++)
        ;
    int null = 0;
    for (; v[0] != AT_NULL; v += 2)
        null++;
    REQ(null >= 15 && null < 40);
    return 0;
}

static int sees_fresh_state(void)
{
    struct sigaction sa;
    sigset_t set;
    stack_t ss;
    REQ(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
    REQ(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
    REQ(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGHUP) && !sigismember(&set, SIGINT));
    REQ(sigpending(&set) == 0 && sigismember(&set, SIGHUP));
    REQ(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_DISABLE);
    REQ(fcntl(100, F_GETFD) == 0 && fcntl(101, F_GETFD) == -1);
    REQ(umask(0) == 0135);
    char name[17] = "";
    REQ(prctl(PR_GET_NAME, name) == 0 && !strncmp(self + strlen(self) - strlen(name), name, 15));
    return 0;
}

static int sees_limits(void)
{
    struct rlimit r;
    REQ(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == 333 && getpriority(PRIO_PROCESS, 0) == 3);
    return 0;
}

/* ---- the facts ---- */

static void arguments(void)
{
    static char big[10001];
    memset(big, 'b', 10000);
    char *argv[] = {"name of its own", "args", "", "a b\nc", big, NULL}, *envp[] = {"A=1", "not a pair", "A=2", NULL};
    CHECK(run(argv, envp) == 0, "arguments and environment arrive verbatim, one after the other");
    CHECK(run1("auxv") == 0, "the auxiliary vector describes the program");
    CHECK(run1("stack") == 0, "the stack at entry is aligned and holds argc, argv, envp, auxv");
    char *none[] = {NULL};
    CHECK(tap_exited(run(none, no_env), 77), "an empty argv becomes one empty string");
    CHECK(tap_exited(CHILD(syscall(SYS_execve, self, NULL, NULL)), 77), "so does argv NULL");
}

static void limits(void)
{
    enum { MAX = 131072 };
    char *big = malloc(MAX + 1), *argv[40] = {"prog", "argc", NULL};
    memset(big, 'x', MAX);
    big[MAX] = 0;
    argv[2] = big;
    CHECK_ERRNO(execve(self, argv, no_env), E2BIG, "an argument of 128 KiB");
    big[MAX - 1] = 0;
    CHECK(tap_exited(run(argv, no_env), 3), "an argument one byte shorter");
    CHECK_CHILD("arguments beyond a quarter of the stack limit", {
        struct rlimit r = {1 << 20, 1 << 20};
        REQ(setrlimit(RLIMIT_STACK, &r) == 0);
        for (int i = 2; i < 6; i++)
            argv[i] = big;
        REQ(execve(self, argv, no_env) == -1 && errno == E2BIG);
    });
    for (int i = 2; i < 12; i++)
        argv[i] = big;
    CHECK(tap_exited(run(argv, no_env), 12), "1.3 MB of arguments within the usual limit");
    char **many = calloc(20003, sizeof *many);
    for (int i = 0; i < 20002; i++)
        many[i] = i < 2 ? (i ? "argc" : "prog") : "y";
    CHECK(tap_exited(run(many, no_env), 20002 % 256), "20,000 arguments");
    free(many);
    free(big);
}

static void refusals(void)
{
    char *argv[] = {"x", NULL};
    put_text("text", "no program at all\n");
    put_text("empty", "");
    put_text("elf", "\177ELF\2\1\1");
    REQ(chmod("text", 0755) == 0 && chmod("empty", 0755) == 0 && chmod("elf", 0755) == 0);
    CHECK_ERRNO(execve("text", argv, no_env), ENOEXEC, "a text file");
    CHECK_ERRNO(execve("empty", argv, no_env), ENOEXEC, "an empty file");
    CHECK_ERRNO(execve("elf", argv, no_env), ENOEXEC, "a file that only begins as a program");
    CHECK_ERRNO(execve("absent", argv, no_env), ENOENT, "an absent file");
    CHECK_ERRNO(execve("", argv, no_env), ENOENT, "an empty name");
    CHECK_ERRNO(execve("text/x", argv, no_env), ENOTDIR, "a name below a file");
    CHECK_ERRNO(execve(".", argv, no_env), EACCES, "a directory");
    CHECK_ERRNO(execve("/dev/null", argv, no_env), EACCES, "a device");
    REQ(chmod("text", 0644) == 0);
    CHECK_ERRNO(execve("text", argv, no_env), EACCES, "a file without x bits");
    CHECK_ERRNO(execve(at_addr(8), argv, no_env), EFAULT, "a name at a bad address");
    CHECK_ERRNO(execve(self, at_addr(8), no_env), EFAULT, "arguments at a bad address");
    char *bad[] = {"x", at_addr(8), NULL};
    CHECK_ERRNO(execve(self, bad, no_env), EFAULT, "one argument at a bad address");
    copy_file(self, "prog");
    int fd = open("prog", O_WRONLY);
    CHECK_ERRNO(execve("prog", argv, no_env), ETXTBSY, "a program open for writing");
    close(fd);
    struct sigaction sa;
    CHECK(sigaction(SIGALRM, NULL, &sa) == 0 && alarm(TAP_SECONDS) > 0, "a failed exec leaves everything as it was");
}

/* A copy of this program with one header field changed. */
static void headers(void)
{
    char *argv[] = {"x", NULL};
    ElfW(Ehdr) h;
    int fd = open("prog", O_RDWR);
    REQ(read(fd, &h, sizeof h) == sizeof h);
#define WITH(field, value)                                      \
    ({                                                          \
        ElfW(Ehdr) bad_ = h;                                    \
        bad_.field = value;                                     \
        int fd_ = open("prog", O_WRONLY);                       \
        REQ(pwrite(fd_, &bad_, sizeof bad_, 0) == sizeof bad_); \
        close(fd_);                                             \
        execve("prog", argv, no_env);                           \
    })
    close(fd);
    CHECK_ERRNO(WITH(e_machine, EM_AARCH64), ENOEXEC, "a program for another machine");
    CHECK_ERRNO(WITH(e_type, ET_REL), ENOEXEC, "an object file");
    CHECK_ERRNO(WITH(e_phnum, 0), ENOEXEC, "a program without segments");
    CHECK_ERRNO(WITH(e_phentsize, 40), ENOEXEC, "segment headers of a wrong size");
    CHECK_ERRNO(WITH(e_ident[0], 'x'), ENOEXEC, "a wrong magic");
}

static void nothing(int sig)
{
    (void)sig;
}

static void kept_and_reset(void)
{
    char *argv[] = {"prog", "state", NULL};
    CHECK_CHILD("an exec resets handlers, alternate stack and close-on-exec files; keeps mask, pending, ignored, umask",
                {
                    struct sigaction sa = {.sa_handler = nothing};
                    sigaction(SIGUSR1, &sa, NULL);
                    signal(SIGUSR2, SIG_IGN);
                    sigset_t s;
                    sigemptyset(&s);
                    sigaddset(&s, SIGHUP);
                    sigprocmask(SIG_BLOCK, &s, NULL);
                    raise(SIGHUP);
                    static char alt[16384];
                    stack_t ss = {alt, 0, sizeof alt};
                    REQ(sigaltstack(&ss, NULL) == 0);
                    REQ(dup2(1, 100) == 100 && dup3(1, 101, O_CLOEXEC) == 101);
                    umask(0135);
                    REQ(prctl(PR_SET_NAME, "other") == 0);
                    execve(self, argv, no_env);
                });
    argv[1] = "limits";
    CHECK_CHILD("it keeps limits and nice", {
        struct rlimit r = {333, 333};
        REQ(setrlimit(RLIMIT_NOFILE, &r) == 0 && setpriority(PRIO_PROCESS, 0, 3) == 0);
        execve(self, argv, no_env);
    });
    argv[1] = "alarm";
    CHECK_CHILD("it keeps an alarm", {
        alarm(1000);
        execve(self, argv, no_env);
    });
}

static void same_process(void)
{
    char num[16], *argv[] = {"prog", "pid", num, NULL};
    CHECK_CHILD("the process id stays", {
        snprintf(num, sizeof num, "%d", getpid());
        execve(self, argv, no_env);
    });
    char *twice[] = {"prog", "again", "20", NULL};
    CHECK_CHILD("exec twenty times in a row", execve(self, twice, no_env));
}

static void by_descriptor(void)
{
    char *argv[] = {"prog", "argc", NULL}, *zero[] = {"prog", "exit0", NULL};
    int fd = open(self, O_RDONLY | O_CLOEXEC), path = open(self, O_PATH), dir = open(".", O_RDONLY);
    CHECK(tap_exited(CHILD(syscall(SYS_execveat, fd, "", argv, no_env, AT_EMPTY_PATH)), 2), "execveat of a descriptor");
    CHECK(tap_exited(CHILD(syscall(SYS_execveat, path, "", argv, no_env, AT_EMPTY_PATH)), 2), "also an O_PATH one");
    copy_file(self, "prog");
    CHECK(tap_exited(CHILD(syscall(SYS_execveat, dir, "prog", zero, no_env, 0)), 0), "execveat below a directory");
    REQ(symlink("prog", "link") == 0);
    CHECK_ERRNO(syscall(SYS_execveat, dir, "link", argv, no_env, AT_SYMLINK_NOFOLLOW), ELOOP, "AT_SYMLINK_NOFOLLOW");
    CHECK_ERRNO(syscall(SYS_execveat, dir, "prog", argv, no_env, 0x8), EINVAL, "an unknown flag");
    CHECK_ERRNO(syscall(SYS_execveat, -1, "prog", argv, no_env, 0), EBADF, "a bad descriptor");
    CHECK(tap_exited(CHILD(execve("link", argv, no_env)), 2), "exec through a symlink");
    close(fd);
    close(path);
    close(dir);
}

/* Who may not read a program does not get at its memory either. */
static int sees_dumpable(int wanted)
{
    struct stat st;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != wanted || stat("/proc/self/status", &st) < 0 ||
           st.st_uid != (wanted ? geteuid() : 0);
}

static void dumpable(void)
{
    char *yes[] = {"prog", "dumpable", "1", NULL}, *no[] = {"prog", "dumpable", "0", NULL};
    copy_file(self, "hidden");
    REQ(chmod("hidden", 0711) == 0 && chmod(".", 0755) == 0);
    CHECK(tap_exited(CHILD(execve("hidden", yes, no_env)), 0), "a program is dumpable, for root in any case");
    CHECK_CHILD("for its user when it can be read", {
        REQ(chmod("hidden", 0755) == 0);
        drop_root();
        execve("hidden", yes, no_env);
    });
    CHECK_CHILD("and not when it can only be run", {
        REQ(chmod("hidden", 0711) == 0);
        drop_root();
        execve("hidden", no, no_env);
    });
    CHECK_CHILD("nor with two user ids", {
        REQ(chmod("hidden", 0755) == 0 && setresuid(NOBODY, 0, 0) == 0);
        execve("hidden", no, no_env);
    });
    CHECK_CHILD("the next program may be again", {
        REQ(chmod("hidden", 0711) == 0);
        drop_root();
        char *next[] = {"prog", "next", NULL};
        execve("hidden", next, no_env);
    });
}

static int child_main(int argc, char **argv)
{
    if (argc == 1)
        return argv[0][0] ? 1 : 77;
    if (!strcmp(argv[1], "args"))
        return sees_args(argc, argv);
    if (!strcmp(argv[1], "auxv"))
        return sees_auxv();
    if (!strcmp(argv[1], "stack"))
        return sees_stack(argv);
    if (!strcmp(argv[1], "argc"))
        return argc % 256;
    if (!strcmp(argv[1], "state"))
        return sees_fresh_state();
    if (!strcmp(argv[1], "limits"))
        return sees_limits();
    if (!strcmp(argv[1], "pid"))
        return getpid() != atoi(argv[2]);
    if (!strcmp(argv[1], "again") && strcmp(argv[2], "0")) {
        char num[16];
        snprintf(num, sizeof num, "%d", atoi(argv[2]) - 1);
        execve(self, (char *[]){"prog", "again", num, NULL}, no_env);
    }
    if (!strcmp(argv[1], "dumpable"))
        return sees_dumpable(atoi(argv[2]));
    if (!strcmp(argv[1], "next"))
        execve("prog", (char *[]){"prog", "dumpable", "1", NULL}, no_env);
    if (!strcmp(argv[1], "alarm"))
        return tap_alarm_before < 900;
    return 0;
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    REQ(n > 0);
    if (argc > 1 || !argv[0][0])
        return child_main(argc, argv);
    arguments();
    limits();
    refusals();
    headers();
    kept_and_reset();
    same_process();
    by_descriptor();
    dumpable();
    return tap_end();
}
