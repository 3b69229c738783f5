// SPDX-License-Identifier: MIT
/*
 * PID 1 of the ABI tests, on the host's Linux and in Slipway alike:  runner DIR [NAME...]
 * Runs each program of DIR (or those named) in a folder of its own, with stdin at end of file and stderr joined to
 * stdout, and kills it after its time. Around a test's TAP stand two lines that tools/test reads:
 *     # begin NAME
 *     # end NAME exit=N|signal=N|timeout ms=N
 * Nothing of a test outlives it: as PID 1 the runner kills every process that is left.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_SECONDS 100
#define SCRATCH "/tmp/abi"

static const char *dir;

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void child(const char *name)
{
    char path[512];
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    if (null >= 0) {
        dup2(null, 0);
        if (null > 2)
            close(null);
    }
    dup2(1, 2);
    umask(022);
    snprintf(path, sizeof(path), "%s/%s", SCRATCH, name);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        dprintf(1, "# %s: %s\n", path, strerror(errno));
    if (chdir(path) < 0)
        dprintf(1, "# %s: %s\n", path, strerror(errno));
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    execl(path, path, (char *)NULL);
    dprintf(1, "not ok 1 - exec %s: %s\n", path, strerror(errno));
    _exit(127);
}

/* Waits for `pid` until `deadline`, reaping strangers; true: it ended, with *status. */
static int await(pid_t pid, long deadline, int *status)
{
    sigset_t chld;

    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    for (;;) {
        int st;
        pid_t got = waitpid(-1, &st, WNOHANG);
        long left = deadline - now_ms();

        if (got == pid) {
            *status = st;
            return 1;
        }
        if (got > 0)
            continue;
        if (left <= 0)
            return 0;
        struct timespec t = {left / 1000, left % 1000 * 1000000};
        sigtimedwait(&chld, NULL, &t);
    }
}

/* Ends what a test left behind. */
static void sweep(pid_t pid)
{
    kill(-pid, SIGKILL);
    if (getpid() == 1)
        kill(-1, SIGKILL);
    for (int i = 0; i < 100; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    printf("# processes are left that SIGKILL does not end\n");
}

static void run(const char *name)
{
    long start = now_ms();
    int status = 0;
    pid_t pid;

    dprintf(1, "# begin %s\n", name);
    pid = fork();
    if (pid == 0)
        child(name);
    if (pid < 0) {
        dprintf(1, "# end %s fork=%s\n", name, strerror(errno));
        return;
    }
    if (!await(pid, start + TEST_SECONDS * 1000L, &status))
        dprintf(1, "\n# end %s timeout ms=%ld\n", name, now_ms() - start);
    else if (WIFSIGNALED(status))
        dprintf(1, "\n# end %s signal=%d ms=%ld\n", name, WTERMSIG(status), now_ms() - start);
    else
        dprintf(1, "# end %s exit=%d ms=%ld\n", name, WEXITSTATUS(status), now_ms() - start);
    sweep(pid);
}

static int is_test(const struct dirent *d)
{
    return d->d_name[0] != '.' && strcmp(d->d_name, "runner") != 0;
}

int main(int argc, char **argv)
{
    struct dirent **list;
    sigset_t chld;
    int n;

    if (argc < 2)
        return 2;
    dir = argv[1];
    setsid(); /* as a container's PID 1: a session of its own */
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    mkdir("/tmp", 01777);
    mkdir(SCRATCH, 0755);
    for (int i = 2; i < argc; i++)
        run(argv[i]);
    if (argc == 2) {
        n = scandir(dir, &list, is_test, alphasort);
        if (n < 0) {
            dprintf(1, "# %s: %s\n", dir, strerror(errno));
            return 1;
        }
        for (int i = 0; i < n; i++)
            run(list[i]->d_name);
    }
    dprintf(1, "# all done\n");
    return 0;
}
