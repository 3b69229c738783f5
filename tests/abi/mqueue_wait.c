// SPDX-License-Identifier: MIT
/*
 * POSIX message queues: who waits and who is served; what fork, exec and close mean for a queue; many threads on two
 * CPUs that send, receive, ask to be told, and take names away.
 */
#include "tests/abi/mqueue.h"

#include <linux/mqueue.h>
#include <pthread.h>
#include <sys/resource.h>

static char buf[100];

static int make(int flags, long n)
{
    struct mq_attr a = {.mq_maxmsg = n, .mq_msgsize = 64};
    int q = OPEN("w", O_RDWR | O_CREAT | O_EXCL | flags, 0600, &a);
    REQ(q >= 0 && UNLINK("w") == 0);
    return q;
}

static void nonblock(int q, int on)
{
    struct mq_attr a = {.mq_flags = on ? O_NONBLOCK : 0};
    REQ(SETATTR(q, &a, NULL) == 0);
}

static long messages(int q)
{
    struct mq_attr a;
    REQ(SETATTR(q, NULL, &a) == 0);
    return a.mq_curmsgs;
}

static char state_of(pid_t pid)
{
    char path[64], stat[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, stat, sizeof stat - 1);
    close(fd);
    REQ(n > 0);
    stat[n] = 0;
    return strrchr(stat, ')')[2];
}

/* A child that does one thing once it has said so; it is asleep in that when this returns. Its status is for tap_wait. */
static pid_t asleep_in(int (*what)(int q, int arg), int q, int arg)
{
    int p[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (!pid) {
        close(p[0]);
        token_send(p[1]);
        close(p[1]);
        _exit(what(q, arg));
    }
    token_wait(p[0]);
    char c;
    REQ(read(p[0], &c, 0) == 0);
    close(p[0]), close(p[1]);
    while (state_of(pid) != 'S')
        sched_yield();
    return pid;
}

static int gets_this(int q, int prio)
{
    unsigned p = 77;
    return RECEIVE(q, buf, 64, &p) == 1 && p == (unsigned)prio ? 0 : 1;
}

static int puts_this(int q, int prio)
{
    return SEND(q, "s", 1, prio) == 0 ? 0 : 1;
}

static int polite_receiver(int q, int prio)
{
    return setpriority(PRIO_PROCESS, 0, 10) == 0 ? gets_this(q, prio) : 2;
}

static int interrupted(int q, int arg)
{
    (void)arg;
    return RECEIVE(q, buf, 64, NULL) == -1 && errno == EINTR ? 0 : 1;
}

static void handing_over(void)
{
    int q = make(0, 2);
    pid_t a = asleep_in(gets_this, q, 7);
    nonblock(q, 1);
    REQ(SEND(q, "x", 1, 7) == 0);
    CHECK(messages(q) == 0 && RECEIVE(q, buf, 64, NULL) == -1 && errno == EAGAIN, "a message for who waits is his");
    CHECK(tap_exited(tap_wait(a), 0), "he has it");
    nonblock(q, 0);
    a = asleep_in(gets_this, q, 1);
    pid_t b = asleep_in(gets_this, q, 2);
    REQ(SEND(q, "x", 1, 1) == 0 && SEND(q, "x", 1, 2) == 0);
    CHECK(tap_exited(tap_wait(a), 0) && tap_exited(tap_wait(b), 0), "of two who wait the first is served first");
    a = asleep_in(polite_receiver, q, 2);
    b = asleep_in(gets_this, q, 1);
    REQ(SEND(q, "x", 1, 1) == 0 && SEND(q, "x", 1, 2) == 0);
    CHECK(tap_exited(tap_wait(a), 0) && tap_exited(tap_wait(b), 0), "unless he is nicer");
    REQ(SEND(q, "x", 1, 5) == 0 && SEND(q, "x", 1, 4) == 0);
    a = asleep_in(puts_this, q, 3);
    b = asleep_in(puts_this, q, 6);
    CHECK(messages(q) == 2, "two wait to send to a full queue");
    CHECK(gets_this(q, 5) == 0 && messages(q) == 2 && tap_exited(tap_wait(a), 0), "one taken lets the first one in");
    CHECK(gets_this(q, 4) == 0 && tap_exited(tap_wait(b), 0) && gets_this(q, 6) == 0 && gets_this(q, 3) == 0,
          "and what they sent is in its order");
    close(q);
}

static void leaving(void)
{
    int q = make(0, 1);
    pid_t a = asleep_in(gets_this, q, 1), b = asleep_in(gets_this, q, 1);
    kill(a, SIGKILL);
    CHECK(tap_killed(tap_wait(a), SIGKILL), "one who waits is killed");
    REQ(SEND(q, "x", 1, 1) == 0);
    CHECK(tap_exited(tap_wait(b), 0), "the message is the next one's");
    REQ(SEND(q, "x", 1, 1) == 0);
    a = asleep_in(puts_this, q, 2);
    kill(a, SIGKILL);
    REQ(tap_killed(tap_wait(a), SIGKILL));
    CHECK(gets_this(q, 1) == 0 && messages(q) == 0, "what one sends who is killed waiting does not come");
    struct sigaction sa = {.sa_handler = SIG_IGN}, old;
    REQ(sigaction(SIGUSR1, &sa, &old) == 0);
    a = asleep_in(gets_this, q, 1);
    kill(a, SIGUSR1);
    msleep(5);
    REQ(SEND(q, "x", 1, 1) == 0);
    CHECK(tap_exited(tap_wait(a), 0), "an ignored signal does not end the wait");
    sigaction(SIGUSR1, &old, NULL);
    a = asleep_in(gets_this, q, 1);
    kill(a, SIGSTOP);
    REQ(waitpid(a, NULL, WUNTRACED) == a);
    kill(a, SIGCONT);
    REQ(SEND(q, "x", 1, 1) == 0);
    CHECK(tap_exited(tap_wait(a), 0), "nor does being stopped");
    close(q);
}

static void on_signal(int sig)
{
    (void)sig;
}

static void interrupting(void)
{
    int q = make(0, 1);
    struct sigaction sa = {.sa_handler = on_signal}, old;
    REQ(sigaction(SIGUSR1, &sa, &old) == 0);
    pid_t a = asleep_in(interrupted, q, 0);
    kill(a, SIGUSR1);
    CHECK(tap_exited(tap_wait(a), 0), "a handler without SA_RESTART does");
    sa.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &sa, NULL);
    a = asleep_in(gets_this, q, 3);
    kill(a, SIGUSR1);
    msleep(5);
    REQ(SEND(q, "x", 1, 3) == 0);
    CHECK(tap_exited(tap_wait(a), 0), "one with it does not");
    sigaction(SIGUSR1, &old, NULL);
    close(q);
}

/* ---- fork, exec, close ---- */

static int notify_owner(int q)
{
    char text[100] = "";
    REQ(pread(q, text, sizeof text - 1, 0) > 0);
    return atoi(strstr(text, "NOTIFY_PID:") + 11);
}

static void sharing(void)
{
    int q = make(0, 4);
    CHECK_CHILD("a child sets O_NONBLOCK", nonblock(q, 1));
    CHECK(RECEIVE(q, buf, 64, NULL) == -1 && errno == EAGAIN, "it is the description's");
    CHECK_CHILD("a child sends and closes", REQ(SEND(q, "x", 1, 2) == 0); close(q); exit(0));
    CHECK(gets_this(q, 2) == 0, "it came");
    pid_t a = tap_fork();
    if (!a) {
        close(1);
        execl("/proc/self/exe", "mqueue_wait", "is-closed", NULL);
        _exit(9);
    }
    CHECK(tap_exited(tap_wait(a), 0), "exec closes it");
    close(q);
}

static void telling(void)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM};
    int q = make(O_NONBLOCK, 4), p[2], done[2];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    nonblock(q, 0);
    pid_t a = asleep_in(gets_this, q, 1);
    nonblock(q, 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    REQ(NOTIFY(q, &ev) == 0 && SEND(q, "x", 1, 1) == 0);
    CHECK(tap_exited(tap_wait(a), 0) && notify_owner(q) == getpid(), "nobody is told while another one receives");
    REQ(sigpending(&set) == 0);
    CHECK(!sigismember(&set, SIGTERM) && NOTIFY(q, NULL) == 0, "no signal came");
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    make_pipe(p), make_pipe(done);
    a = tap_fork();
    if (!a) {
        REQ(fcntl(q, F_SETFD, 0) == 0 && dup2(p[0], 0) == 0 && dup2(done[1], 1) == 1 && NOTIFY(q, &ev) == 0);
        execl("/proc/self/exe", "mqueue_wait", "waits", NULL);
        _exit(9);
    }
    close(done[1]);
    token_wait(done[0]);
    CHECK(notify_owner(q) == a, "who keeps the descriptor through exec is the owner still");
    REQ(SEND(q, "x", 1, 1) == 0);
    CHECK(notify_owner(q) == 0 && gets_this(q, 1) == 0, "and told");
    token_send(p[1]);
    CHECK(tap_exited(tap_wait(a), 0), "but the new program gets no signal it did not ask for");
    close(p[0]), close(p[1]), close(done[0]);
    close(q);
}

/* ---- many at once ---- */

#define PAIRS 3
#define EACH 3000

static struct {
    int q;
    int seen[PAIRS * EACH];
} load;

static void *sender(void *arg)
{
    int first = (int)(intptr_t)arg;
    pin(first / EACH & 1);
    for (int i = first; i < first + EACH; i++) {
        if (SEND(load.q, (char *)&i, sizeof i, i % 5) != 0)
            return "a message was not sent";
    }
    return NULL;
}

static void *receiver(void *arg)
{
    int i;
    char in[64];
    pin((int)(intptr_t)arg & 1);
    for (int n = 0; n < EACH; n++) {
        if (RECEIVE(load.q, in, sizeof in, NULL) != sizeof i)
            return "a message did not come";
        memcpy(&i, in, sizeof i);
        __atomic_add_fetch(&load.seen[i], 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void exactly_once(long depth, const char *name)
{
    pthread_t t[2 * PAIRS];
    memset(&load, 0, sizeof load);
    load.q = make(0, depth);
    for (int i = 0; i < PAIRS; i++) {
        REQ(pthread_create(&t[2 * i], NULL, sender, (void *)(intptr_t)(i * EACH)) == 0);
        REQ(pthread_create(&t[2 * i + 1], NULL, receiver, (void *)(intptr_t)i) == 0);
    }
    int good = all_well(t, 2 * PAIRS);
    for (int i = 0; i < PAIRS * EACH; i++)
        good &= load.seen[i] == 1;
    CHECK(good && messages(load.q) == 0, name);
    close(load.q);
}

/* A time-out and a message that come together: either it is received, or it is still there. */
static void *late_sender(void *arg)
{
    pin(1);
    for (int i = 0; i < 400; i++) {
        int token;
        if (read((int)(intptr_t)arg, &token, sizeof token) != sizeof token || SEND(load.q, "x", 1, 0) != 0)
            return "failed";
    }
    return NULL;
}

static void time_out_against_message(void)
{
    pthread_t t;
    int p[2], good = 1;
    make_pipe(p);
    load.q = make(0, 1);
    pin(0);
    REQ(pthread_create(&t, NULL, late_sender, (void *)(intptr_t)p[0]) == 0);
    for (int i = 0; i < 400; i++) {
        struct timespec ts;
        REQ(write(p[1], &i, sizeof i) == sizeof i);
        clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_nsec += i % 100 * 2000;
        if (ts.tv_nsec >= 1000000000)
            ts.tv_nsec -= 1000000000, ts.tv_sec++;
        long n = syscall(SYS_mq_timedreceive, load.q, buf, 64, NULL, &ts);
        if (n < 0 && errno == ETIMEDOUT)
            n = RECEIVE(load.q, buf, 64, NULL);
        good &= n == 1;
    }
    CHECK(all_well(&t, 1) && good && messages(load.q) == 0, "a time-out loses no message");
    close(p[0]), close(p[1]), close(load.q);
}

static int stop;

static void *names(void *arg)
{
    struct mq_attr a = {.mq_maxmsg = 2, .mq_msgsize = 8};
    int made = 0;
    pin((int)(intptr_t)arg & 1);
    for (int i = 0; i < 1500; i++) {
        int q = OPEN("race", O_RDWR | O_CREAT | O_NONBLOCK | (i % 3 ? 0 : O_EXCL), 0600, &a);
        if (q < 0) {
            if (errno != EEXIST)
                return "cannot be opened";
            continue;
        }
        made++;
        if (SEND(q, "x", 1, 0) != 0 && errno != EAGAIN)
            return "cannot be sent to";
        if (i % 2 && UNLINK("race") != 0 && errno != ENOENT)
            return "cannot be removed";
        if (close(q) != 0)
            return "cannot be closed";
    }
    return made ? NULL : "never";
}

static void *asker(void *arg)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    pin((int)(intptr_t)arg & 1);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        if (NOTIFY(load.q, &ev) != 0 && errno != EBUSY)
            return "cannot be asked for";
        if (arg && NOTIFY(load.q, NULL) != 0)
            return "cannot be taken back";
    }
    return NULL;
}

static void racing(void)
{
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        REQ(pthread_create(&t[i], NULL, names, (void *)(intptr_t)i) == 0);
    CHECK(all_well(t, 3), "names made and taken by three");
    UNLINK("race");
    CHECK_ERRNO(OPEN("race", O_RDWR, 0, NULL), ENOENT, "none is left");
    REQ(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    load.q = make(O_NONBLOCK, 1);
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, asker, (void *)(intptr_t)i) == 0);
    int good = 1;
    for (int i = 0; i < 3000; i++)
        good &= SEND(load.q, "x", 1, 0) == 0 && RECEIVE(load.q, buf, 64, NULL) == 1;
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    CHECK(all_well(t, 2) && good, "notification asked for, taken back and sent at once");
    close(load.q);
}

/* What exec starts: see sharing() and telling(). */
static int again(const char *what)
{
    char c;
    tap_count = 0;
    if (!strcmp(what, "is-closed")) {
        for (int fd = 3; fd < 100; fd++)
            if (SETATTR(fd, NULL, NULL) == 0)
                return 1;
        return 0;
    }
    return write(1, "x", 1) == 1 && read(0, &c, 1) == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return again(argv[1]);
    handing_over();
    leaving();
    interrupting();
    sharing();
    telling();
    exactly_once(1, "every message comes once: a queue of one");
    exactly_once(4, "a queue of four");
    time_out_against_message();
    racing();
    return tap_end();
}
