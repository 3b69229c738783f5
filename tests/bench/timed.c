// SPDX-License-Identifier: MIT
/*
 * Runs each line of /bench.list ("NAME PROGRAM ARGUMENT..."; \s in an argument is a blank) several
 * times, its output to /dev/null, and prints
 *     BENCH <name> <cycles from fork to wait, the median> <user ms> <kernel ms>
 * With bench=NAME on the kernel's command line only that line runs, and once: what it does is then done for the first time
 * after the boot.
 * Runs as PID 1 of both sides, from the same archive. DONE is the end.
 */
#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RUNS 5

static char *argv[64];
static int runs = RUNS;

static void split(char *line)
{
    int n = 0;

    for (char *word = strtok(line, " "); word && n < 63; word = strtok(NULL, " ")) {
        for (char *at; (at = strstr(word, "\\s"));) {
            *at = ' ';
            memmove(at + 1, at + 2, strlen(at + 2) + 1);
        }
        argv[n++] = word;
    }
    argv[n] = NULL;
}

static double run(struct rusage *use)
{
    unsigned long long start = __rdtsc();
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
        setenv("HOME", "/root", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        execv(argv[1], argv + 1);
        _exit(127);
    }
    need(pid > 0 && wait4(pid, &status, 0, use) == pid, "fork");
    if (status != 0) {
        dprintf(1, "BENCH-ERROR %s: status %x\n", argv[0], status);
        return 0;
    }
    return (double)(__rdtsc() - start);
}

static long ms(struct timeval t)
{
    return t.tv_sec * 1000 + t.tv_usec / 1000;
}

static void measure(char *line)
{
    double cycles[RUNS];
    struct rusage use;

    split(line);
    for (int i = 0; i < runs; i++)
        if ((cycles[i] = run(&use)) == 0)
            return;
    qsort(cycles, (size_t)runs, sizeof(cycles[0]), bench_by_value);
    dprintf(1, "BENCH %s %.0f %ld %ld\n", argv[0], cycles[runs / 2], ms(use.ru_utime), ms(use.ru_stime));
}

/* The line that the command line asks for, with its blank; "": all. */
static const char *chosen(void)
{
    static char words[4096];
    int fd = open("/proc/cmdline", O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, words, sizeof(words) - 2);
    char *at = n > 0 ? strstr(words, "bench=") : NULL;

    close(fd);
    if (!at)
        return "";
    at += strlen("bench=");
    strcpy(at + strcspn(at, " \n"), " ");
    runs = 1;
    return at;
}

int main(void)
{
    static char lines[65536];
    static const char *const mounts[][2] = {
        {"/proc", "proc"}, {"/dev", "devtmpfs"}, {"/sys", "sysfs"}, {"/tmp", "tmpfs"}};
    int fd = open("/bench.list", O_RDONLY);
    char *next = lines, *line;

    need(fd >= 0 && read(fd, lines, sizeof(lines) - 1) > 0, "/bench.list");
    close(fd);
    for (int i = 0; i < 4 && getpid() == 1; i++) {
        struct stat here, root;
        mkdir(mounts[i][0], 0755);
        if (stat(mounts[i][0], &here) == 0 && stat("/", &root) == 0 && here.st_dev == root.st_dev)
            mount(mounts[i][1], mounts[i][0], mounts[i][1], 0, NULL);
    }
    const char *only = chosen();
    while ((line = strsep(&next, "\n")))
        if (*line && strncmp(line, only, strlen(only)) == 0)
            measure(line);
    dprintf(1, "DONE\n");
    while (getpid() == 1)
        pause();
    return 0;
}
