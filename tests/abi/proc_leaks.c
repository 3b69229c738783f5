// SPDX-License-Identifier: MIT
/* What a process may not learn of another through /proc, and what it must not leave behind when it ends. */
#include "tests/abi/util.h"

#include <linux/sched.h>
#include <pthread.h>
#include <sys/mman.h>

static char path[128], text[8192];

static const char *of_process(int pid, const char *name)
{
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return path;
}

static int refused(int pid, const char *name)
{
    int fd = open(of_process(pid, name), O_RDONLY);
    return fd < 0 && errno == EACCES;
}

static void secrets(void)
{
    int me = getpid();
    CHECK_CHILD("another user's memory, environment and descriptors are not shown", {
        drop_root();
        REQ(refused(me, "maps") && refused(me, "auxv") && refused(me, "environ") && refused(me, "mem"));
        REQ(refused(me, "fd"));
        REQ(readlink(of_process(me, "cwd"), text, sizeof text) == -1 && errno == EACCES);
        REQ(readlink(of_process(me, "exe"), text, sizeof text) == -1 && errno == EACCES);
        REQ(readlink(of_process(me, "root"), text, sizeof text) == -1 && errno == EACCES);
    });
    CHECK_CHILD("its state is", {
        drop_root();
        REQ(!refused(me, "stat") && !refused(me, "status") && !refused(me, "cmdline") && !refused(me, "comm"));
    });
}

static int after_exec(void)
{
    token_send(1);
    token_wait(0);
    return 0;
}

/* A descriptor of the memory before exec does not reach the memory after it. */
static void memory_across_exec(void)
{
    int in[2], out[2];
    make_pipe(in);
    make_pipe(out);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_wait(in[0]);
        REQ(dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1);
        execl("/proc/self/exe", "x", "after", NULL);
        _exit(1);
    }
    int fd = open(of_process(pid, "mem"), O_RDWR);
    REQ(fd >= 0);
    CHECK(pread(fd, text, 16, (off_t)(uintptr_t)after_exec) == 16 && !memcmp(text, (void *)(uintptr_t)after_exec, 16),
          "a parent reads its child's memory");
    token_send(in[1]);
    token_wait(out[0]);
    CHECK(pread(fd, text, 16, (off_t)(uintptr_t)after_exec) <= 0, "but not that of the program it has become");
    CHECK(pwrite(fd, text, 1, (off_t)(uintptr_t)text) <= 0, "which it cannot write either");
    close(fd);
    token_send(in[1]);
    REQ(tap_wait(pid) == 0);
    close(in[0]), close(in[1]), close(out[0]), close(out[1]);
}

static void owners(void)
{
    CHECK_CHILD("a pipe belongs to who makes it, and can be opened again", {
        struct stat st;
        int p[2];
        drop_root();
        make_pipe(p);
        REQ(fstat(p[1], &st) == 0 && st.st_uid == NOBODY && st.st_gid == NOBODY);
        REQ(prctl(PR_SET_DUMPABLE, 1) == 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", p[1]);
        REQ(open(path, O_WRONLY) >= 0);
    });
    CHECK_CHILD("after a change of IDs a process's own folder is root's", {
        struct stat st;
        drop_root();
        REQ(stat("/proc/self/fd", &st) == 0 && st.st_uid == 0);
        REQ(open("/proc/self/fd", O_RDONLY) >= 0); /* it may look at itself all the same */
    });
}

/* ---- what is left ---- */

static long queued_signals(void)
{
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *at = strstr(text, "SigQ:");
    return at ? atol(at + 5) : -1;
}

/* Linux counts the signals of a user: this one's are ours alone. They may go a little after their process. */
static int signals_go(void)
{
    REQ(setuid(54321) == 0);
    long before = queued_signals();
    for (int i = 0; i < 30; i++) {
        pid_t pid = tap_fork();
        if (pid == 0) {
            sigset_t all;
            sigfillset(&all);
            sigprocmask(SIG_BLOCK, &all, NULL);
            for (;;)
                pause();
        }
        kill(pid, SIGTERM);
        kill(pid, SIGKILL);
        tap_wait(pid);
    }
    for (int i = 0; i < 1000 && queued_signals() != before; i++)
        usleep(10000);
    return queued_signals() == before;
}

/* Asks a queue to tell it, and ends with a signal pending: the queue stays open, for the table of files is shared. */
static void ask_and_end(int q)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    long before = queued_signals();
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        if (syscall(SYS_mq_notify, q, &ev) || sigqueue(getpid(), SIGRTMIN, (union sigval){0}))
            _exit(1);
        _exit(queued_signals() != before + 1);
    }
    REQ(tap_exited(tap_wait(pid), 0));
}

static int askers_go(void)
{
    REQ(setuid(54322) == 0);
    long before = queued_signals();
    for (int i = 0; i < 5; i++) {
        int q = (int)syscall(SYS_mq_open, "leak", O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
        REQ(q >= 0 && syscall(SYS_mq_unlink, "leak") == 0);
        ask_and_end(q);
        close(q);
        for (int n = 0; n < 1000 && queued_signals() != before; n++)
            usleep(10000);
        REQ(queued_signals() == before);
    }
    return 1;
}

static void signals_left(void)
{
    CHECK_CHILD("pending signals go with their process", { REQ(signals_go()); });
    CHECK_CHILD("those of one that a message queue was to tell, at the latest with the queue", { REQ(askers_go()); });
}

static void *sleeps(void *arg)
{
    char *m = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    m[0] = 1;
    for (;;)
        pause();
    return arg;
}

static void descriptors_left(void)
{
    int late = 0;
    for (int i = 0; i < 60; i++) {
        int p[2];
        char c;
        REQ(pipe2(p, O_NONBLOCK) == 0);
        pid_t pid = tap_fork();
        if (pid == 0) {
            pthread_t t;
            for (int j = 0; j < 4; j++)
                pthread_create(&t, NULL, sleeps, NULL);
            _exit(0);
        }
        close(p[1]);
        tap_wait(pid);
        late += read(p[0], &c, 1) != 0;
        close(p[0]);
    }
    CHECK(late == 0, "who has waited for a process of five threads finds its descriptors closed");
}

static void odd_ends(void)
{
    CHECK_CHILD("an exit signal that there is not is not sent", {
        for (long sig = 65; sig < 256; sig += 19) {
            long pid = syscall(SYS_clone, sig, 0, 0, 0, 0);
            if (pid == 0)
                _exit(0);
            REQ(pid > 0 && waitpid((pid_t)pid, NULL, __WALL) == pid);
        }
    });
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc == 2)
        return after_exec();
    secrets();
    memory_across_exec();
    owners();
    signals_left();
    descriptors_left();
    odd_ends();
    return tap_end();
}
