// SPDX-License-Identifier: MIT
/*
 * Signals and threads: masks of each thread, signals to the process and to one thread, which thread takes them,
 * sigwait in a thread, stops of all threads, timers, interrupted calls of one thread only.
 */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/time.h>

static volatile pid_t taken_by;
static volatile int count;
static int go[2], back[2];

static pid_t my_tid(void)
{
    return syscall(SYS_gettid);
}

static void on_signal(int sig)
{
    (void)sig;
    taken_by = my_tid();
    __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
}

static void handle(int sig, int flags)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
    REQ(sigaction(sig, &sa, NULL) == 0);
}

static void mask(int how, int sig)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, sig);
    REQ(pthread_sigmask(how, &s, NULL) == 0);
}

static void wait_count(int n)
{
    for (int i = 0; i < 5000 && count < n; i++)
        msleep(1);
}

/* A thread that tells its id and then waits in read(2) for one byte; it restarts over signals. */
static void *reader(void *arg)
{
    pid_t tid = my_tid();
    char c;
    REQ(write(back[1], &tid, sizeof tid) == sizeof tid);
    while (read(go[0], &c, 1) < 0)
        REQ(errno == EINTR);
    return arg;
}

static pthread_t start_reader(pid_t *tid)
{
    pthread_t t;
    REQ(pthread_create(&t, NULL, reader, NULL) == 0);
    REQ(read(back[0], tid, sizeof *tid) == sizeof *tid);
    return t;
}

static void end_reader(pthread_t t)
{
    token_send(go[1]);
    pthread_join(t, NULL);
}

static void choosing(void)
{
    pid_t tid;
    handle(SIGUSR1, SA_RESTART);
    pthread_t t = start_reader(&tid);
    mask(SIG_BLOCK, SIGUSR1);
    count = 0;
    kill(getpid(), SIGUSR1);
    wait_count(1);
    CHECK(count == 1 && taken_by == tid, "a signal to the process goes to the thread that does not block it");
    mask(SIG_UNBLOCK, SIGUSR1);
    count = 0;
    syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
    wait_count(1);
    CHECK(count == 1 && taken_by == tid, "tgkill goes to its thread");
    count = 0;
    syscall(SYS_tgkill, getpid(), my_tid(), SIGUSR1);
    CHECK(count == 1 && taken_by == my_tid(), "tgkill of oneself comes before the call returns");
    count = 0;
    pthread_kill(t, SIGUSR1);
    wait_count(1);
    CHECK(count == 1 && taken_by == tid, "pthread_kill");
    end_reader(t);
}

static void *blocks_and_waits(void *arg)
{
    sigset_t s, p;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    siginfo_t si;
    (void)arg;
    long r = sigwaitinfo(&s, &si);
    sigpending(&p);
    return (void *)(r == SIGUSR2 && si.si_pid == getpid() && !sigismember(&p, SIGUSR2) ? 1L : 0L);
}

static void waiting(void)
{
    pthread_t t;
    void *ret;
    mask(SIG_BLOCK, SIGUSR2);
    REQ(pthread_create(&t, NULL, blocks_and_waits, NULL) == 0);
    msleep(10);
    kill(getpid(), SIGUSR2);
    pthread_join(t, &ret);
    CHECK(ret != NULL, "sigwaitinfo in a thread takes a signal to the process");
    sigset_t p;
    kill(getpid(), SIGUSR2);
    sigpending(&p);
    CHECK(sigismember(&p, SIGUSR2), "a signal that all threads block is pending for the process");
    REQ(pthread_create(&t, NULL, blocks_and_waits, NULL) == 0);
    pthread_join(t, &ret);
    CHECK(ret != NULL, "and is taken by a thread that comes to wait for it later");
    mask(SIG_UNBLOCK, SIGUSR2);
}

static void *own_pending(void *arg)
{
    sigset_t p;
    mask(SIG_BLOCK, SIGUSR1);
    syscall(SYS_tgkill, getpid(), my_tid(), SIGUSR1);
    sigpending(&p);
    (void)arg;
    return (void *)(long)sigismember(&p, SIGUSR1);
}

static void pending(void)
{
    pthread_t t;
    void *ret;
    sigset_t p;
    count = 0;
    mask(SIG_BLOCK, SIGUSR1);
    REQ(pthread_create(&t, NULL, own_pending, NULL) == 0);
    pthread_join(t, &ret);
    sigpending(&p);
    CHECK(ret != NULL && !sigismember(&p, SIGUSR1),
          "what is pending for a thread is not pending for others, and ends with it");
    mask(SIG_UNBLOCK, SIGUSR1);
    CHECK(count == 0, "nobody else handles it");
}

static void *inherited_mask(void *arg)
{
    sigset_t s;
    pthread_sigmask(SIG_BLOCK, NULL, &s);
    (void)arg;
    return (void *)(long)sigismember(&s, SIGHUP);
}

static void masks(void)
{
    pthread_t t;
    void *ret;
    sigset_t s;
    mask(SIG_BLOCK, SIGHUP);
    REQ(pthread_create(&t, NULL, inherited_mask, NULL) == 0);
    pthread_join(t, &ret);
    CHECK(ret != NULL, "a thread inherits the mask of its maker");
    mask(SIG_UNBLOCK, SIGHUP);
    pthread_sigmask(SIG_BLOCK, NULL, &s);
    CHECK(!sigismember(&s, SIGHUP), "and changes only its own");
}

/* Each thread counts; a stopped process counts no more. */
static volatile long ticks[2];

static void *counter(void *arg)
{
    pin((int)(long)arg);
    for (;;)
        ticks[(long)arg]++;
    return arg;
}

static void stopping(void)
{
    int p[2], st;
    long a[2], b[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        pthread_t t[2];
        for (long i = 0; i < 2; i++)
            REQ(pthread_create(&t[i], NULL, counter, (void *)i) == 0);
        for (;;) {
            long now[2] = {ticks[0], ticks[1]};
            REQ(write(p[1], now, sizeof now) == sizeof now);
            msleep(2);
        }
    }
    REQ(read(p[0], a, sizeof a) == sizeof a);
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st), "SIGSTOP stops a process with three threads");
    REQ(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
    while (read(p[0], a, sizeof a) > 0)
        ;
    msleep(20);
    CHECK(read(p[0], b, sizeof b) == -1 && errno == EAGAIN, "all of it");
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &st, WCONTINUED) == pid, "SIGCONT continues it");
    REQ(fcntl(p[0], F_SETFL, 0) == 0);
    for (int i = 0; i < 3; i++)
        REQ(read(p[0], b, sizeof b) == sizeof b);
    CHECK(b[0] >= a[0] && b[1] >= a[1], "all of it");
    kill(pid, SIGKILL);
    CHECK(tap_killed(tap_wait(pid), SIGKILL), "SIGKILL ends it");
    close(p[0]);
    close(p[1]);
}

static void interrupting(void)
{
    pid_t tid;
    handle(SIGUSR1, 0);
    pthread_t t = start_reader(&tid);
    mask(SIG_BLOCK, SIGUSR1);
    struct timespec ts = {0, 30000000};
    count = 0;
    for (int i = 0; i < 3; i++) {
        kill(getpid(), SIGUSR1);
        wait_count(i + 1);
    }
    int64_t began = now_ns();
    CHECK(nanosleep(&ts, NULL) == 0 && now_ns() - began >= 30000000 && count == 3,
          "a thread that blocks a signal is not interrupted");
    mask(SIG_UNBLOCK, SIGUSR1);
    end_reader(t);
}

static void *fatal(void *arg)
{
    raise(SIGTERM);
    return arg;
}

static void *exec_pending(void *arg)
{
    execl("/proc/self/exe", "x", "pending", NULL);
    return arg;
}

static void ends(void)
{
    CHECK(tap_killed(CHILD({
                         pthread_t t;
                         pthread_create(&t, NULL, fatal, NULL);
                         for (;;)
                             pause();
                     }),
                     SIGTERM),
          "a deadly signal to one thread ends all");
    CHECK_CHILD("a signal pending for the process stays over an exec by another thread", {
        pthread_t t;
        mask(SIG_BLOCK, SIGUSR1);
        kill(getpid(), SIGUSR1);
        pthread_create(&t, NULL, exec_pending, NULL);
        for (;;)
            pause();
    });
}

/* Two threads send each other signals while both go in and out of calls. */
static pthread_t pair[2];
static pthread_barrier_t both;

static void *sender(void *arg)
{
    long me = (long)arg;
    pin(me);
    pthread_barrier_wait(&both);
    for (int i = 0; i < 300; i++) {
        pthread_kill(pair[!me], SIGUSR1);
        getppid();
    }
    pthread_barrier_wait(&both);
    return NULL;
}

static void crossing(void)
{
    handle(SIGUSR1, SA_RESTART);
    pthread_barrier_init(&both, NULL, 2);
    count = 0;
    for (long i = 0; i < 2; i++)
        REQ(pthread_create(&pair[i], NULL, sender, (void *)i) == 0);
    CHECK(pthread_join(pair[0], NULL) == 0 && pthread_join(pair[1], NULL) == 0 && count > 0 && count <= 600,
          "two threads signal each other 300 times");
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "pending")) {
        sigset_t p;
        sigpending(&p);
        return !sigismember(&p, SIGUSR1);
    }
    make_pipe(go);
    make_pipe(back);
    choosing();
    waiting();
    pending();
    masks();
    stopping();
    interrupting();
    ends();
    crossing();
    return tap_end();
}
