// SPDX-License-Identifier: MIT
/* signalfd: its set, what is told of a signal, whose signals they are, waiting, poll and epoll, fork. */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/time.h>

#define RT (SIGRTMIN + 3)
typedef struct signalfd_siginfo info_t;

static sigset_t set_of(int a, int b)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, a);
    if (b)
        sigaddset(&s, b);
    return s;
}

static int make(int a, int b, int flags)
{
    sigset_t s = set_of(a, b);
    int fd = signalfd(-1, &s, flags);
    REQ(fd >= 0);
    return fd;
}

static long raw(int fd, const void *set, size_t size, int flags)
{
    return syscall(SYS_signalfd4, fd, set, size, flags);
}

/* The signal that a read gives; 0: none. */
static int take(int fd, info_t *i)
{
    memset(i, 0xee, sizeof *i);
    return read(fd, i, sizeof *i) == sizeof *i ? (int)i->ssi_signo : 0;
}

static int ready(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    REQ(poll(&p, 1, 0) >= 0);
    return p.revents;
}

static void send_value(pid_t pid, int sig, int value)
{
    REQ(sigqueue(pid, sig, (union sigval){.sival_int = value}) == 0);
}

static void making(void)
{
    sigset_t s = set_of(SIGUSR1, 0);
    info_t i;
    int fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC), other = open("/dev/null", O_RDONLY);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK), "its flags");
    int plain = (int)syscall(SYS_signalfd, -1, &s, 8);
    CHECK(plain >= 0 && fcntl(plain, F_GETFD) == 0 && fcntl(plain, F_GETFL) == O_RDWR, "the call without flags");
    CHECK_ERRNO(raw(-1, &s, 8, 1), EINVAL, "an unknown flag");
    CHECK_ERRNO(raw(-1, &s, 4, 0), EINVAL, "a set of another size");
    CHECK_ERRNO(raw(-1, &s, 16, 0), EINVAL, "of a larger one");
    CHECK_ERRNO(raw(-1, at_addr(8), 8, 0), EFAULT, "no set");
    CHECK_ERRNO(raw(-1, at_addr(8), 4, 0), EINVAL, "whose size goes before");
    CHECK_ERRNO(raw(-1, at_addr(8), 8, 1), EFAULT, "and whose flags do not");
    CHECK_ERRNO(raw(999, &s, 8, 0), EBADF, "no file");
    CHECK_ERRNO(raw(-2, &s, 8, 0), EBADF, "nor one below -1");
    CHECK_ERRNO(raw(other, &s, 8, 0), EINVAL, "another kind of file");
    CHECK_ERRNO(read(fd, &i, sizeof i), EAGAIN, "a read of nothing");
    CHECK_ERRNO(read(fd, &i, sizeof i - 1), EINVAL, "a read of less than one");
    CHECK_ERRNO(write(fd, &i, sizeof i), EINVAL, "a write");
    CHECK_ERRNO(pread(fd, &i, sizeof i, 0), ESPIPE, "pread");
    close(fd), close(other), close(plain);
}

static void telling(void)
{
    info_t i, two[3];
    int fd = make(SIGUSR1, RT, SFD_NONBLOCK);
    kill(getpid(), SIGUSR1);
    CHECK(ready(fd) == POLLIN && take(fd, &i) == SIGUSR1 && i.ssi_code == SI_USER && i.ssi_errno == 0 &&
              (pid_t)i.ssi_pid == getpid() && i.ssi_uid == getuid(),
          "kill: who sent it");
    CHECK(!i.ssi_int && !i.ssi_ptr && !i.ssi_fd && !i.ssi_tid && !i.ssi_band && !i.ssi_overrun && !i.ssi_addr &&
              !i.__pad[0],
          "and all else is nothing");
    CHECK(ready(fd) == 0 && take(fd, &i) == 0, "it is taken");
    REQ(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) == 0);
    CHECK(take(fd, &i) == SIGUSR1 && i.ssi_code == SI_TKILL && (pid_t)i.ssi_pid == getpid(), "tgkill");
    send_value(getpid(), RT, 77);
    CHECK(take(fd, &i) == RT && i.ssi_code == SI_QUEUE && i.ssi_int == 77 && (pid_t)i.ssi_pid == getpid(), "sigqueue");
    for (int n = 1; n <= 3; n++)
        send_value(getpid(), RT, n);
    kill(getpid(), SIGUSR1);
    CHECK(read(fd, two, sizeof two - 1) == 2 * sizeof i && two[0].ssi_signo == SIGUSR1 && two[1].ssi_int == 1,
          "as many as fit, in order");
    CHECK(read(fd, two, sizeof two) == 2 * sizeof i && two[0].ssi_int == 2 && two[1].ssi_int == 3, "the rest");
    send_value(getpid(), RT, 5);
    CHECK_ERRNO(read(fd, at_addr(8), sizeof i), EFAULT, "a read into memory that is not there");
    CHECK(take(fd, &i) == 0, "takes the signal all the same");
    close(fd);
    fd = make(SIGSEGV, SIGCHLD, SFD_NONBLOCK);
    pid_t pid = tap_fork();
    if (pid == 0)
        _exit(7);
    siginfo_t w;
    REQ(waitid(P_PID, pid, &w, WEXITED) == 0);
    CHECK(take(fd, &i) == SIGCHLD && i.ssi_code == CLD_EXITED && i.ssi_status == 7 && (pid_t)i.ssi_pid == pid,
          "a child's end");
    kill(getpid(), SIGSEGV);
    CHECK(take(fd, &i) == SIGSEGV && i.ssi_code == SI_USER && (pid_t)i.ssi_pid == getpid(), "a fault that was sent");
    siginfo_t made = {.si_code = SEGV_MAPERR};
    made.si_addr = at_addr(0x1234000);
    REQ(syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &made) == 0);
    CHECK(take(fd, &i) == SIGSEGV && i.ssi_code == SEGV_MAPERR && i.ssi_addr == 0x1234000 && !i.ssi_pid,
          "a fault's address");
    close(fd);
}

static void timers(void)
{
    info_t i;
    timer_t t;
    int fd = make(RT, SIGALRM, SFD_NONBLOCK);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = RT};
    ev.sigev_value.sival_int = 99;
    REQ(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
    struct itimerspec v = {{0, 5000000}, {0, 5000000}};
    REQ(timer_settime(t, 0, &v, NULL) == 0);
    msleep(60);
    CHECK(take(fd, &i) == RT && i.ssi_code == SI_TIMER && i.ssi_int == 99 && i.ssi_overrun >= 5, "a POSIX timer's");
    REQ(ready(fd) == 0 || take(fd, &i) == RT);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(poll(&p, 1, 20000) == 1, "which is armed again by the read");
    timer_delete(t);
    alarm(0);
    struct itimerval it = {{0, 0}, {0, 1000}};
    setitimer(ITIMER_REAL, &it, NULL);
    p.fd = fd;
    while (poll(&p, 1, 20000) == 1 && take(fd, &i) != SIGALRM)
        ; /* what the other timer left behind is none of our concern */
    CHECK(i.ssi_signo == SIGALRM && i.ssi_code == SI_KERNEL, "an interval timer's");
    alarm(TAP_SECONDS);
    close(fd);
}

static void masks(void)
{
    info_t i;
    sigset_t s = set_of(SIGUSR2, 0), all;
    int fd = make(SIGUSR1, 0, SFD_NONBLOCK);
    kill(getpid(), SIGUSR2);
    CHECK(ready(fd) == 0 && take(fd, &i) == 0, "a signal of another set");
    CHECK(signalfd(fd, &s, 0) == fd && ready(fd) == POLLIN, "another set for the same file");
    CHECK(fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK), "whose flags stay");
    CHECK(take(fd, &i) == SIGUSR2, "finds it");
    sigfillset(&all);
    REQ(signalfd(fd, &all, 0) == fd);
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY);
    ssize_t n = read(info, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    char *at = strstr(text, "sigmask:");
    /* glibc's sigfillset leaves out its own two */
    CHECK(at && strtoul(at + 8, NULL, 16) == (~0ul & ~(1ul << 8 | 1ul << 18 | 3ul << 31)),
          "SIGKILL and SIGSTOP are never in it");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    CHECK(!strcmp(text, "anon_inode:[signalfd]"), "its name in /proc/self/fd");
    close(info), close(fd);
    fd = make(SIGWINCH, SIGCONT, SFD_NONBLOCK);
    s = set_of(SIGWINCH, 0);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    kill(getpid(), SIGWINCH);
    CHECK(take(fd, &i) == 0, "one that is neither blocked nor heeded does not come");
    close(fd);
}

/* ---- waiting ---- */

static int shared_fd;

static void *reads(void *arg)
{
    info_t i;
    (void)arg;
    return (void *)(long)(take(shared_fd, &i) ? i.ssi_int : -1);
}

static void *polls(void *arg)
{
    struct pollfd p = {shared_fd, POLLIN, 0};
    (void)arg;
    return (void *)(long)(poll(&p, 1, 20000) == 1);
}

static void *to_itself(void *arg)
{
    info_t i;
    (void)arg;
    REQ(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) == 0);
    token_send((int)(long)arg);
    msleep(30);
    REQ(ready(shared_fd) == POLLIN);
    return (void *)(long)take(shared_fd, &i);
}

static volatile sig_atomic_t hits;
static void on_hit(int sig)
{
    (void)sig;
    hits++;
}

static void waiting(void)
{
    pthread_t t[3];
    void *got;
    int p[2];
    long sum = 0;
    info_t i;
    shared_fd = make(RT, SIGUSR1, 0);
    for (int n = 0; n < 3; n++)
        REQ(pthread_create(&t[n], NULL, reads, NULL) == 0);
    msleep(20);
    for (int n = 1; n <= 3; n++)
        send_value(getpid(), RT, n);
    for (int n = 0; n < 3; n++) {
        pthread_join(t[n], &got);
        sum += (long)got;
    }
    CHECK(sum == 6, "three threads that wait take a signal each");
    REQ(pthread_create(&t[0], NULL, polls, NULL) == 0);
    msleep(20);
    kill(getpid(), SIGUSR1);
    pthread_join(t[0], &got);
    CHECK(got && take(shared_fd, &i) == SIGUSR1, "poll waits for one");
    fcntl(shared_fd, F_SETFL, O_NONBLOCK);
    make_pipe(p);
    REQ(pthread_create(&t[0], NULL, to_itself, (void *)(long)p[1]) == 0);
    token_wait(p[0]);
    int seen = ready(shared_fd) | take(shared_fd, &i);
    pthread_join(t[0], &got);
    CHECK(!seen && (long)got == SIGUSR1, "a thread's own signal is not another's");
    fcntl(shared_fd, F_SETFL, 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        struct sigaction sa = {.sa_handler = on_hit};
        sigaction(SIGALRM, &sa, NULL);
        struct itimerval every = {{0, 20000}, {0, 20000}};
        setitimer(ITIMER_REAL, &every, NULL);
        REQ(read(shared_fd, &i, sizeof i) < 0 && errno == EINTR && hits > 0);
        _exit(0);
    }
    CHECK(tap_wait(pid) == 0, "another signal ends a read with EINTR");
    close(shared_fd);
    /* a reader that waits hears of a new set */
    shared_fd = make(SIGUSR2, 0, 0);
    send_value(getpid(), RT, 8);
    REQ(pthread_create(&t[0], NULL, reads, NULL) == 0);
    msleep(20);
    sigset_t s = set_of(RT, 0);
    REQ(signalfd(shared_fd, &s, 0) == shared_fd);
    pthread_join(t[0], &got);
    CHECK((long)got == 8, "a reader that waits hears of another set");
    close(shared_fd), close(p[0]), close(p[1]);
}

/* ---- epoll and fork ---- */

static void edges(void)
{
    info_t i;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    int fd = make(RT, 0, SFD_NONBLOCK), ep = epoll_create1(0);
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 0, "epoll: nothing pending");
    send_value(getpid(), RT, 1);
    CHECK(epoll_wait(ep, &ev, 1, 20000) == 1 && ev.events == EPOLLIN && epoll_wait(ep, &ev, 1, 0) == 0, "one edge");
    send_value(getpid(), RT, 2);
    CHECK(epoll_wait(ep, &ev, 1, 20000) == 1, "and another");
    CHECK(take(fd, &i) == RT && take(fd, &i) == RT && !take(fd, &i), "for two signals");
    close(fd), close(ep);
}

static void forked(void)
{
    info_t i;
    int fd = make(RT, 0, SFD_NONBLOCK), ep = epoll_create1(0), p[2];
    struct epoll_event ev = {.events = EPOLLIN};
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
    send_value(getpid(), RT, 4);
    CHECK_CHILD("a child does not see its parent's signals", REQ(ready(fd) == 0 && take(fd, &i) == 0);
                send_value(getpid(), RT, 5); REQ(ready(fd) == POLLIN && take(fd, &i) == RT && i.ssi_int == 5));
    CHECK(take(fd, &i) == RT && i.ssi_int == 4, "which stay");
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) { /* the file's epoll entry waits on the parent's signals, and looks for the child's */
        send_value(getpid(), RT, 6);
        token_wait(p[0]);
        REQ(epoll_wait(ep, &ev, 1, 20000) == 1);
        REQ(take(fd, &i) == RT && i.ssi_int == 6);
        _exit(0);
    }
    send_value(getpid(), RT, 7);
    token_send(p[1]);
    CHECK(tap_wait(pid) == 0, "epoll after fork: woken by the one who added it, told of one's own");
    CHECK(take(fd, &i) == RT && i.ssi_int == 7, "(the parent's is still there)");
    close(p[0]), close(p[1]), close(fd), close(ep);
    /* the one who added it ends first */
    make_pipe(p);
    pid = tap_fork();
    if (pid == 0) {
        fd = make(RT, 0, SFD_NONBLOCK), ep = epoll_create1(0);
        REQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
        if (fork() == 0) {
            while (kill(getppid(), 0) == 0 && getppid() != 1)
                msleep(1);
            msleep(20);
            send_value(getpid(), RT, 9);
            epoll_wait(ep, &ev, 1, 0);
            REQ(take(fd, &i) == RT && i.ssi_int == 9);
            REQ(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
            send_value(getpid(), RT, 10);
            REQ(epoll_wait(ep, &ev, 1, 20000) == 1);
            close(fd);
            token_send(p[1]);
        }
        _exit(0);
    }
    REQ(tap_wait(pid) == 0);
    token_wait(p[0]);
    CHECK(1, "an epoll outlives the process that added the file");
    close(p[0]), close(p[1]);
}

/* Two processes: one sends as fast as it can, the other reads. */
static void together(void)
{
    info_t i;
    int fd = make(RT, 0, SFD_NONBLOCK), n = 0, order = 1;
    struct pollfd p = {fd, POLLIN, 0};
    pid_t me = getpid(), pid;
    pin(0);
    pid = tap_fork();
    if (pid == 0) {
        pin(1);
        for (int k = 0; k < 2000; k++)
            while (sigqueue(me, RT, (union sigval){.sival_int = k}) < 0)
                REQ(errno == EAGAIN);
        _exit(0);
    }
    while (n < 2000 && poll(&p, 1, 20000) == 1)
        while (take(fd, &i))
            order &= i.ssi_int == n++;
    CHECK(n == 2000 && order && tap_wait(pid) == 0, "two thousand signals come in order, none lost");
    close(fd);
}

int main(void)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1), sigaddset(&s, SIGUSR2), sigaddset(&s, RT), sigaddset(&s, SIGCHLD), sigaddset(&s, SIGSEGV);
    sigprocmask(SIG_BLOCK, &s, NULL);
    making();
    telling();
    sigaddset(&s, SIGALRM);
    sigprocmask(SIG_BLOCK, &s, NULL);
    timers();
    s = set_of(SIGALRM, 0);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    masks();
    waiting();
    edges();
    forked();
    together();
    return tap_end();
}
