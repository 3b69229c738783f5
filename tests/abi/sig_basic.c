// SPDX-License-Identifier: MIT
/*
 * Signals: sigaction and its flags, masks, pending, queues, order, sigsuspend, sigtimedwait, kill and its errors.
 */
#include "tests/abi/util.h"

#include <sys/time.h>
#include <ucontext.h>

static volatile sig_atomic_t count, last, depth, deepest;
static siginfo_t info;
static sigset_t during;

static void on_plain(int sig)
{
    last = sig;
    count++;
}

static void on_info(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    last = sig;
    info = *si;
    count++;
    sigprocmask(SIG_BLOCK, NULL, &during);
}

static void on_nested(int sig)
{
    if (++depth > deepest)
        deepest = depth;
    if (++count < 3)
        raise(sig);
    depth--;
}

static void handle(int sig, void (*fn)(int), int flags)
{
    struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};
    REQ(sigaction(sig, &sa, NULL) == 0);
}

static void handle_info(int sig, int flags)
{
    struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO | flags};
    REQ(sigaction(sig, &sa, NULL) == 0);
}

static void block(int sig)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, sig);
    REQ(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
}

static void unblock(int sig)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, sig);
    REQ(sigprocmask(SIG_UNBLOCK, &s, NULL) == 0);
}

static void actions(void)
{
    struct sigaction sa = {.sa_handler = on_plain, .sa_flags = SA_RESTART | SA_NODEFER}, old;
    sigaddset(&sa.sa_mask, SIGHUP);
    CHECK(sigaction(SIGUSR1, &sa, &old) == 0 && old.sa_handler == SIG_DFL, "sigaction returns the default first");
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == on_plain && sigismember(&old.sa_mask, SIGHUP) &&
              (old.sa_flags & (SA_RESTART | SA_NODEFER)) == (SA_RESTART | SA_NODEFER),
          "then what was set");
    CHECK_ERRNO(sigaction(SIGKILL, &sa, NULL), EINVAL, "SIGKILL has no handler");
    CHECK_ERRNO(sigaction(SIGSTOP, &sa, NULL), EINVAL, "nor SIGSTOP");
    CHECK(sigaction(SIGKILL, NULL, &old) == 0 && old.sa_handler == SIG_DFL, "but its action can be asked");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL, "signal 65");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL, "signal 0");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL, "a mask of a wrong size");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, 8L, NULL, 8), EFAULT, "an action at a bad address");
}

static void handlers(void)
{
    handle(SIGUSR1, on_plain, 0);
    count = 0;
    CHECK(raise(SIGUSR1) == 0 && count == 1 && last == SIGUSR1, "a handler runs before raise returns");
    count = 0;
    handle(SIGUSR1, on_nested, SA_NODEFER);
    raise(SIGUSR1);
    CHECK(count == 3 && deepest == 3, "SA_NODEFER nests");
    count = deepest = 0;
    handle(SIGUSR1, on_nested, 0);
    raise(SIGUSR1);
    CHECK(count == 3 && deepest == 1, "without it the next one waits for the handler's end");
    handle(SIGUSR1, on_plain, SA_RESETHAND);
    struct sigaction old;
    count = 0;
    raise(SIGUSR1);
    CHECK(count == 1 && sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL, "SA_RESETHAND works once");
    handle(SIGUSR1, SIG_IGN, 0);
    CHECK(raise(SIGUSR1) == 0, "ignored");
    struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    sigaddset(&sa.sa_mask, SIGHUP);
    sigaction(SIGUSR1, &sa, NULL);
    block(SIGUSR2);
    raise(SIGUSR1);
    CHECK(sigismember(&during, SIGUSR1) && sigismember(&during, SIGHUP) && sigismember(&during, SIGUSR2) &&
              !sigismember(&during, SIGTERM),
          "during a handler: its own signal, its mask, and the mask before");
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGHUP) && sigismember(&now, SIGUSR2),
          "afterwards the mask before");
    unblock(SIGUSR2);
}

static void sources(void)
{
    handle_info(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    CHECK(info.si_signo == SIGUSR1 && info.si_code == SI_USER && info.si_pid == getpid() && info.si_uid == 0,
          "kill: SI_USER");
    syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
    CHECK(info.si_code == SI_TKILL && info.si_pid == getpid(), "tgkill: SI_TKILL");
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 4711});
    CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == 4711 && info.si_pid == getpid(),
          "sigqueue: SI_QUEUE and its value");
    siginfo_t si = {.si_signo = SIGUSR1, .si_code = 5};
    CHECK_CHILD("nobody sends another a siginfo that looks like the kernel's",
                { REQ(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si) == -1 && errno == EPERM); });
    si.si_code = -77;
    CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &si) == 0 && info.si_code == -77,
          "rt_tgsigqueueinfo");
}

static void pending(void)
{
    sigset_t p;
    count = 0;
    handle_info(SIGUSR1, 0);
    handle_info(SIGRTMIN, 0);
    block(SIGUSR1);
    block(SIGRTMIN);
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i});
    CHECK(sigpending(&p) == 0 && sigismember(&p, SIGUSR1) && !sigismember(&p, SIGRTMIN) && count == 0,
          "blocked signals wait");
    unblock(SIGUSR1);
    CHECK(count == 1 && info.si_value.sival_int == 0, "a standard signal waits once, with its first value");
    count = 0;
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    unblock(SIGRTMIN);
    CHECK(count == 3 && info.si_value.sival_int == 2, "real-time signals queue, in their order");
    block(SIGUSR1);
    raise(SIGUSR1);
    handle(SIGUSR1, SIG_IGN, 0);
    sigpending(&p);
    CHECK(!sigismember(&p, SIGUSR1), "ignoring a signal drops the pending one");
    handle(SIGUSR1, on_plain, 0);
    unblock(SIGUSR1);
    block(SIGCONT);
    block(SIGTSTP);
    raise(SIGTSTP);
    raise(SIGCONT);
    sigpending(&p);
    CHECK(!sigismember(&p, SIGTSTP) && sigismember(&p, SIGCONT), "SIGCONT drops a pending stop");
    handle(SIGCONT, on_plain, 0);
    unblock(SIGCONT);
    unblock(SIGTSTP);
    CHECK_CHILD("a real-time limit is EAGAIN", {
        struct {
            unsigned long cur, max;
        } r = {5, 5};
        drop_root();
        REQ(syscall(SYS_setrlimit, 11, &r) == 0);
        block(SIGRTMIN + 1);
        int n = 0;
        while (n < 50 && sigqueue(getpid(), SIGRTMIN + 1, (union sigval){0}) == 0)
            n++;
        REQ(n <= 5 && errno == EAGAIN);
    });
}

static int order[8], orders;

static void on_order(int sig)
{
    order[orders++] = sig;
}

static void ordering(void)
{
    sigset_t all, old;
    sigfillset(&all);
    for (int s = 0; s < 3; s++) {
        struct sigaction sa = {.sa_handler = on_order, .sa_mask = all};
        sigaction((int[]){SIGUSR2, SIGRTMIN + 1, SIGUSR1}[s], &sa, NULL);
    }
    sigprocmask(SIG_BLOCK, &all, &old);
    raise(SIGRTMIN + 1);
    raise(SIGUSR2);
    raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(orders == 3 && order[0] == SIGUSR1 && order[1] == SIGUSR2 && order[2] == SIGRTMIN + 1,
          "lower numbers come first");
}

static void waiting(void)
{
    sigset_t set, none;
    siginfo_t si;
    struct timespec t = {0, 20000000}, zero = {0, 0};
    sigemptyset(&set);
    sigemptyset(&none);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 8});
    CHECK(sigwaitinfo(&set, &si) == SIGUSR2 && si.si_value.sival_int == 8, "sigwaitinfo takes a pending signal");
    int64_t began = now_ns();
    CHECK_ERRNO(sigtimedwait(&set, NULL, &t), EAGAIN, "sigtimedwait ends in time");
    CHECK(now_ns() - began >= 20000000, "and not before");
    CHECK_ERRNO(sigtimedwait(&set, NULL, &zero), EAGAIN, "no time: a look");
    t.tv_nsec = -1;
    CHECK_ERRNO(sigtimedwait(&set, NULL, &t), EINVAL, "a negative time");
    count = 0;
    handle(SIGUSR1, on_plain, 0);
    raise(SIGUSR1);
    CHECK_ERRNO(sigsuspend(&none), EINTR, "sigsuspend ends with EINTR");
    sigprocmask(SIG_BLOCK, NULL, &set);
    CHECK(count == 1 && sigismember(&set, SIGUSR1), "after the handler, with the old mask back");
    CHECK_CHILD("pause ends with EINTR", {
        handle(SIGALRM, on_plain, SA_RESTART);
        struct itimerval it = {{0, 20000}, {0, 20000}}; /* again and again: the first may come before the pause */
        setitimer(ITIMER_REAL, &it, NULL);
        REQ(pause() == -1 && errno == EINTR);
    });
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &none, 4), EINVAL, "sigsuspend with a mask of a wrong size");
    unblock(SIGUSR1);
    unblock(SIGUSR2);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 7, &none, NULL, 8), EINVAL, "an unknown way of masking");
    sigset_t all, now;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &set);
    sigprocmask(SIG_SETMASK, &set, &now);
    CHECK(!(((unsigned long *)&now)[0] & (1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1))),
          "SIGKILL and SIGSTOP cannot be blocked");
}

static void killing(void)
{
    CHECK_ERRNO(kill(0x7ffffff, 0), ESRCH, "kill of nobody");
    CHECK_ERRNO(kill(getpid(), 65), EINVAL, "kill with signal 65");
    CHECK_ERRNO(kill(getpid(), -1), EINVAL, "kill with a negative signal");
    CHECK(kill(getpid(), 0) == 0, "signal 0 only asks");
    CHECK_CHILD("root's process by another user", {
        pid_t p = getppid();
        drop_root();
        REQ(kill(p, SIGTERM) == -1 && errno == EPERM);
        REQ(kill(p, 0) == -1 && errno == EPERM);
    });
    CHECK_CHILD("one's own by the real or saved id", {
        pid_t c = fork();
        if (c == 0) {
            REQ(setresuid(5, 6, 7) == 0);
            for (;;)
                pause();
        }
        msleep(10);
        REQ(setresuid(7, 7, 7) == 0);
        while (kill(c, 0) < 0)
            msleep(1);
        REQ(kill(c, SIGTERM) == 0);
        REQ(tap_killed(tap_wait(c), SIGTERM));
    });
    CHECK_CHILD("SIGCONT goes to anyone of the session", {
        pid_t p = getppid();
        drop_root();
        REQ(kill(p, SIGCONT) == 0);
    });
    CHECK_CHILD("a signal to oneself arrives before kill returns", {
        handle(SIGUSR1, on_plain, 0);
        count = 0;
        kill(getpid(), SIGUSR1);
        REQ(count == 1);
    });
}

static void stopping(void)
{
    pid_t pid = tap_fork();
    int st;
    if (pid == 0) {
        handle(SIGCONT, on_plain, 0);
        handle(SIGTERM, on_plain, 0);
        count = 0;
        raise(SIGSTOP);
        _exit(count);
    }
    REQ(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st));
    kill(pid, SIGTERM);
    msleep(10);
    CHECK(waitpid(pid, &st, WNOHANG) == 0, "a stopped process handles nothing");
    kill(pid, SIGCONT);
    CHECK(tap_exited(tap_wait(pid), 2), "continued it handles SIGCONT and what waited");
    pid = tap_fork();
    if (pid == 0)
        raise(SIGSTOP);
    REQ(waitpid(pid, &st, WUNTRACED) == pid);
    kill(pid, SIGKILL);
    CHECK(tap_killed(tap_wait(pid), SIGKILL), "SIGKILL ends a stopped process");
    CHECK_CHILD("SIGCONT ends a stop even when blocked or ignored", {
        pid_t c = fork();
        if (c == 0) {
            block(SIGCONT);
            raise(SIGSTOP);
            _exit(0);
        }
        REQ(waitpid(c, &st, WUNTRACED) == c);
        kill(c, SIGCONT);
        REQ(tap_wait(c) == 0);
    });
}

static void defaults(void)
{
    static const int fatal[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                SIGFPE,  SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
                                SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS};
    static const int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    int good = 1;
    for (size_t i = 0; i < COUNT(fatal); i++)
        good &= tap_killed(CHILD({
                               handle(fatal[i], SIG_DFL, 0);
                               raise(fatal[i]);
                           }),
                           fatal[i]);
    CHECK(good, "signals that end a process by default");
    good = 1;
    for (size_t i = 0; i < COUNT(harmless); i++)
        good &= CHILD({
                    handle(harmless[i], SIG_DFL, 0);
                    raise(harmless[i]);
                }) == 0;
    CHECK(good, "signals that do nothing by default");
}

int main(void)
{
    actions();
    handlers();
    sources();
    pending();
    ordering();
    waiting();
    killing();
    stopping();
    defaults();
    return tap_end();
}
