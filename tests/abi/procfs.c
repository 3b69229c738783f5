// SPDX-License-Identifier: MIT
/*
 * /proc: the files of a process and of the system that programs read, and their formats.
 */
#include "tests/abi/util.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

static char text[65536];

/* Reads the file whole; its length or -1. */
static long slurp(const char *path)
{
    int fd = open(path, O_RDONLY);
    long len = 0;
    if (fd < 0)
        return -1;
    for (ssize_t n; (n = read(fd, text + len, sizeof text - 1 - len)) > 0;)
        len += n;
    text[len] = 0;
    close(fd);
    return len;
}

/* The text behind `key` on its line of the last file read, or NULL. */
static const char *field(const char *key)
{
    const char *p = text;
    while (p && strncmp(p, key, strlen(key)))
        p = (p = strchr(p, '\n')) ? p + 1 : NULL;
    return p ? p + strlen(key) : NULL;
}

static long number(const char *key)
{
    const char *p = field(key);
    return p ? atol(p) : -1;
}

static void links(void)
{
    char a[4096], b[4096], path[64];
    struct stat st, root;
    ssize_t n = readlink("/proc/self", a, sizeof a - 1);
    CHECK(n > 0 && (a[n] = 0, atoi(a) == getpid()), "/proc/self is the process's number");
    n = readlink("/proc/thread-self", a, sizeof a - 1);
    snprintf(path, sizeof path, "%d/task/%d", getpid(), getpid());
    CHECK(n > 0 && (a[n] = 0, !strcmp(a, path)), "/proc/thread-self");
    n = readlink("/proc/self/cwd", a, sizeof a - 1);
    CHECK(n > 0 && (a[n] = 0, getcwd(b, sizeof b)) && !strcmp(a, b), "cwd");
    n = readlink("/proc/self/root", a, sizeof a);
    CHECK(n == 1 && a[0] == '/' && stat("/proc/self/root", &st) == 0 && stat("/", &root) == 0 &&
              st.st_ino == root.st_ino,
          "root");
    n = readlink("/proc/self/exe", a, sizeof a - 1);
    CHECK(n > 0 && (a[n] = 0, a[0] == '/' && stat(a, &st) == 0) && stat("/proc/self/exe", &root) == 0 &&
              st.st_ino == root.st_ino,
          "exe");
    CHECK_CHILD("exe of a removed program", {
        copy_file("/proc/self/exe", "prog");
        execl("./prog", "prog", "removed", NULL);
    });
}

static int removed(void)
{
    char a[4096];
    REQ(unlink("prog") == 0);
    ssize_t n = readlink("/proc/self/exe", a, sizeof a - 1);
    REQ(n > 0);
    a[n] = 0;
    REQ(n > 15 && !strcmp(a + n - 15, "/prog (deleted)"));
    int fd = open("/proc/self/exe", O_RDONLY);
    REQ(fd >= 0 && read(fd, a, 4) == 4 && !memcmp(a, "\177ELF", 4));
    return 0;
}

static void descriptors(void)
{
    char path[64], target[4096];
    put_text("f", "0123456789");
    int fd = open("f", O_RDWR | O_APPEND), p[2], seen = 0, extra = 0;
    make_pipe(p);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, target, sizeof target - 1);
    CHECK(n > 2 && (target[n] = 0, !strcmp(target + n - 2, "/f")), "fd/N names the file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
    struct stat st;
    fstat(p[0], &st);
    n = readlink(path, target, sizeof target - 1);
    char want[64];
    snprintf(want, sizeof want, "pipe:[%lu]", (long)st.st_ino);
    CHECK(n > 0 && (target[n] = 0, !strcmp(target, want)), "or the pipe");
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            int k = atoi(e->d_name);
            seen += k == fd || k == p[0] || k == p[1] || k == dirfd(d);
            extra += fcntl(k, F_GETFD) < 0;
        }
    closedir(d);
    CHECK(seen == 4 && extra == 0, "the directory fd lists what is open and nothing else");
    lseek(fd, 4, SEEK_SET);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    CHECK(slurp(path) > 0 && number("pos:") == 4 && field("flags:") &&
              strtol(field("flags:"), NULL, 8) == (O_RDWR | O_APPEND | O_LARGEFILE | 0100000),
          "fdinfo tells position and flags");
    unlink("f");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, target, sizeof target - 1);
    CHECK(n > 10 && (target[n] = 0, !strcmp(target + n - 12, "/f (deleted)")), "a removed file is marked");
    close(fd);
    close(p[0]);
    close(p[1]);
}

static void strings(char **argv)
{
    size_t n = strlen(argv[0]) + 1;
    CHECK(slurp("/proc/self/cmdline") == (long)n && !memcmp(text, argv[0], n),
          "cmdline holds the arguments, each with its NUL");
    CHECK_CHILD("environ holds the environment", {
        char *a[] = {"x", "environ", NULL};
        char *e[] = {"ONE=1", "TWO=2", NULL};
        execve("/proc/self/exe", a, e);
    });
    prctl(PR_SET_NAME, "(odd) name");
    CHECK(slurp("/proc/self/comm") == 11 && !strcmp(text, "(odd) name\n"), "comm holds the name and a newline");
    int fd = open("/proc/self/comm", O_WRONLY);
    CHECK(write(fd, "written", 7) == 7 && slurp("/proc/self/comm") == 8 && !strcmp(text, "written\n"),
          "and can be written");
    close(fd);
}

static void stat_file(void)
{
    int pid, ppid, pgrp, session, tty, tpgid, threads;
    char name[64], state;
    unsigned long vsize;
    prctl(PR_SET_NAME, "a b) R 1");
    REQ(slurp("/proc/self/stat") > 0);
    char *open_paren = strchr(text, '('), *close_paren = strrchr(text, ')');
    CHECK(open_paren && close_paren && close_paren - open_paren == 9, "stat: the name in parentheses");
    snprintf(name, sizeof name, "%s", open_paren);
    REQ(sscanf(text, "%d", &pid) == 1);
    int n = sscanf(close_paren + 2, "%c %d %d %d %d %d", &state, &ppid, &pgrp, &session, &tty, &tpgid);
    CHECK(n == 6 && pid == getpid() && state == 'R' && ppid == getppid() && pgrp == getpgrp() && session == getsid(0),
          "stat: process, state, parent, group, session");
    n = sscanf(close_paren + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %*u %lu",
               &threads, &vsize);
    CHECK(n == 2 && threads == 1 && vsize > 100000, "stat: threads and size");
    int fields = 1;
    for (char *p = close_paren; *p; p++)
        fields += *p == ' ';
    CHECK(fields == 51, "stat: 52 fields");
    CHECK(slurp("/proc/self/statm") > 0 && sscanf(text, "%lu", &vsize) == 1 && vsize > 20, "statm");
    prctl(PR_SET_NAME, "plain");
}

static void status_file(void)
{
    REQ(slurp("/proc/self/status") > 0);
    CHECK(field("Name:\t") && !strncmp(field("Name:\t"), "plain\n", 6), "status: Name");
    CHECK(number("Pid:") == getpid() && number("Tgid:") == getpid() && number("PPid:") == getppid(),
          "status: Pid, Tgid, PPid");
    CHECK(field("State:\tR (running)") != NULL, "status: State");
    CHECK(number("Uid:") == 0 && number("Gid:") == 0 && number("Threads:") == 1, "status: Uid, Gid, Threads");
    CHECK(number("VmSize:") > 0 && number("VmRSS:") > 0 && number("VmRSS:") <= number("VmSize:"),
          "status: VmSize and VmRSS");
    CHECK(number("FDSize:") > 0 && field("Umask:") != NULL, "status: FDSize and Umask");
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR1);
    REQ(slurp("/proc/self/status") > 0);
    CHECK(field("SigBlk:\t") && strtoul(field("SigBlk:\t"), NULL, 16) == 1UL << (SIGUSR1 - 1), "status: SigBlk");
    CHECK(field("SigIgn:\t") && (strtoul(field("SigIgn:\t"), NULL, 16) & 1UL << (SIGUSR2 - 1)), "status: SigIgn");
    CHECK(field("SigPnd:\t") &&
              (strtoul(field("SigPnd:\t"), NULL, 16) | strtoul(field("ShdPnd:\t"), NULL, 16)) & 1UL << (SIGUSR1 - 1),
          "status: SigPnd or ShdPnd");
    CHECK(field("CapEff:\t") && strtoul(field("CapEff:\t"), NULL, 16) != 0, "status: CapEff");
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static void maps_file(void)
{
    int good = 1, stack = 0, heap = 0, code = 0;
    unsigned long last = 0, here = (unsigned long)maps_file, local = (unsigned long)&good;
    void *volatile grown = sbrk(PAGE);
    (void)grown;
    REQ(slurp("/proc/self/maps") > 0);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to, off, ino;
        unsigned maj, min;
        char rights[5];
        good &= sscanf(line, "%lx-%lx %4s %lx %x:%x %lu", &from, &to, rights, &off, &maj, &min, &ino) == 7 &&
                from < to && from >= last;
        last = to;
        stack |= strstr(line, "[stack]") && from <= local && local < to && !strcmp(rights, "rw-p");
        heap |= strstr(line, "[heap]") != NULL;
        code |= from <= here && here < to && !strcmp(rights, "r-xp") && ino != 0 && strchr(line, '/');
    }
    CHECK(good, "maps: seven fields a line, in order");
    CHECK(stack, "maps: the stack");
    CHECK(heap, "maps: the heap");
    CHECK(code, "maps: the program's code, with its file");
}

static void others(void)
{
    char path[64];
    int st;
    pid_t pid = tap_fork();
    if (pid == 0)
        for (;;)
            pause();
    msleep(10);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int i = 0; i < 2000 && slurp(path) > 0 && !strstr(text, ") S "); i++)
        msleep(10);
    CHECK(strstr(text, ") S ") != NULL, "a sleeping child is S");
    kill(pid, SIGSTOP);
    waitpid(pid, &st, WUNTRACED);
    CHECK(slurp(path) > 0 && strstr(text, ") T "), "a stopped one T");
    kill(pid, SIGKILL);
    siginfo_t si;
    waitid(P_PID, pid, &si, WEXITED | WNOWAIT);
    CHECK(slurp(path) > 0 && strstr(text, ") Z "), "a dead one Z");
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    CHECK(slurp(path) == 0, "its cmdline is empty");
    waitpid(pid, &st, 0);
    CHECK(!exists(path), "waited for it is gone");
    CHECK_ERRNO(open("/proc/99999999", O_RDONLY), ENOENT, "a process that is not there");
    int found = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; (e = readdir(d));)
        found |= atoi(e->d_name) == getpid();
    closedir(d);
    CHECK(found, "/proc lists the processes");
}

static void system_files(void)
{
    double up, idle;
    CHECK(slurp("/proc/meminfo") > 0 && number("MemTotal:") > 0 && number("MemFree:") >= 0 &&
              number("MemAvailable:") >= 0 && number("MemFree:") <= number("MemTotal:") && strstr(text, " kB\n"),
          "meminfo: MemTotal, MemFree, MemAvailable");
    CHECK(slurp("/proc/uptime") > 0 && sscanf(text, "%lf %lf", &up, &idle) == 2 && up > 0, "uptime: two numbers");
    CHECK(slurp("/proc/stat") > 0 && !strncmp(text, "cpu  ", 5) && field("cpu0 ") && number("btime") > 0 &&
              number("processes") > 0,
          "stat: cpu, cpu0, btime, processes");
    REQ(slurp("/proc/cpuinfo") > 0);
    int cpus = 0;
    for (char *p = text; (p = strstr(p, "processor\t:")); p++)
        cpus++;
    CHECK(cpus == get_nprocs() && field("model name\t:") && field("flags\t"), "cpuinfo: a block a processor");
    CHECK(slurp("/proc/version") > 0 && !strncmp(text, "Linux version ", 14), "version");
    CHECK(slurp("/proc/mounts") > 0 && strstr(text, " / ") && strstr(text, " /proc proc "),
          "mounts: the root and /proc");
    CHECK(slurp("/proc/filesystems") > 0 && strstr(text, "nodev\tproc\n") && strstr(text, "\ttmpfs\n"), "filesystems");
    CHECK(slurp("/proc/loadavg") > 0 && sscanf(text, "%lf %lf", &up, &idle) == 2, "loadavg");
    CHECK(slurp("/proc/sys/kernel/ostype") > 0 && !strcmp(text, "Linux\n"), "sys/kernel/ostype");
    CHECK(slurp("/proc/sys/kernel/pid_max") > 0 && atoi(text) > 1000, "sys/kernel/pid_max");
}

static void rules(void)
{
    CHECK_ERRNO(creat("/proc/self/absent", 0600), ENOENT, "nobody makes files in a process's directory");
    CHECK_ERRNO(mkdir("/proc/x", 0700), ENOENT, "nor directories in /proc");
    CHECK_ERRNO(unlink("/proc/self/stat"), EPERM, "nor removes anything");
    CHECK_CHILD("another user's exe and fd are closed to a user", {
        char p[64];
        char b[64];
        snprintf(p, sizeof p, "/proc/%d/exe", getppid());
        drop_root();
        REQ(readlink(p, b, sizeof b) == -1 && errno == EACCES);
    });
    int fd = open("/proc/self/stat", O_RDONLY);
    char a[64], b[64];
    CHECK(read(fd, a, 10) == 10 && lseek(fd, 0, SEEK_SET) == 0 && read(fd, b, 10) == 10 && !memcmp(a, b, 5),
          "a file can be read again");
    close(fd);
    struct stat st;
    CHECK(stat("/proc/self/status", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 && st.st_uid == 0,
          "sizes are told as 0");
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "removed"))
        return removed();
    if (argc == 2)
        return !(slurp("/proc/self/environ") == 12 && !memcmp(text, "ONE=1\0TWO=2", 12));
    links();
    descriptors();
    strings(argv);
    stat_file();
    status_file();
    maps_file();
    others();
    system_files();
    rules();
    return tap_end();
}
