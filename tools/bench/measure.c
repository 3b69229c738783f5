// SPDX-License-Identifier: MIT
/*
 * measure -k: the time stamp counter in kHz.
 * measure [-m MARK] [-t SECONDS] COMMAND...
 * Runs a command and prints a line `NANOSECONDS MAXRSS-KIB STATUS`, and after it the command's output. The time runs from
 * before the exec to its end, or with -m to the moment its output (stdout) contains MARK. With -m it then goes on reading until a line "DONE"
 * or for two more seconds, and kills the command. STATUS: exit code, 128+signal, `mark` or `timeout`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static char out[1 << 20];
static size_t filled;

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static pid_t start(char **argv, int *fd)
{
    int fds[2];
    pid_t pid;

    if (pipe(fds) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDONLY);

        dup2(null, 0);
        dup2(fds[1], 1);
        close(fds[0]);
        close(fds[1]);
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    close(fds[1]);
    *fd = fds[0];
    return pid;
}

/* Takes what has come, waiting until `deadline`; 0: end of output or deadline. */
static int take(int fd, long long deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    long long left = (deadline - now()) / 1000000;
    ssize_t n;

    if (left <= 0 || poll(&p, 1, left) <= 0 || filled >= sizeof(out) - 1)
        return 0;
    n = read(fd, out + filled, sizeof(out) - 1 - filled);
    if (n <= 0)
        return 0;
    filled += n;
    return 1;
}

static int print_khz(void)
{
    long long begin = now(), end;
    unsigned long long tsc = __rdtsc();

    usleep(200000);
    end = now();
    printf("%lld\n", (long long)((__rdtsc() - tsc) * 1000000.0 / (end - begin)));
    return 0;
}

int main(int argc, char **argv)
{
    const char *mark = NULL;
    long long begin, end = 0, limit = 120;
    char status[32] = "timeout";
    struct rusage usage;
    int opt, fd, st;
    pid_t pid;

    while ((opt = getopt(argc, argv, "+km:t:")) != -1)
        switch (opt) {
        case 'k':
            return print_khz();
        case 'm':
            mark = optarg;
            break;
        case 't':
            limit = atoi(optarg);
            break;
        default:
            return 2;
        }
    begin = now();
    pid = start(argv + optind, &fd);
    if (pid < 0)
        return 1;
    while (take(fd, begin + limit * 1000000000ll)) {
        if (!mark || end || !memmem(out, filled, mark, strlen(mark)))
            continue;
        end = now();
        break;
    }
    if (end) {
        strcpy(status, "mark");
        while (!memmem(out, filled, "DONE", 4) && take(fd, end + 2000000000ll))
            continue;
    }
    if (mark || now() - begin >= limit * 1000000000ll)
        kill(pid, SIGKILL);
    wait4(pid, &st, 0, &usage);
    if (!end) {
        end = now();
        if (end - begin < limit * 1000000000ll && !mark)
            snprintf(status, sizeof(status), "%d", WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st));
        else if (mark && end - begin < limit * 1000000000ll)
            strcpy(status, "ended");
    }
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("%lld %ld %s\n", end - begin, usage.ru_maxrss, status);
    fwrite(out, 1, filled, stdout);
    return 0;
}
