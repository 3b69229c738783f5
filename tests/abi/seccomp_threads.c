// SPDX-License-Identifier: MIT
/* seccomp(2) in a process of several threads: whom a filter binds, TSYNC, the death of one of them. */
#include "tests/abi/seccomp.h"

#define NCALLERS 3

/* Another thread that does as it is told: a word at a time, by two pipes. */
struct other {
    pthread_t thread;
    int to[2], from[2];
    volatile int tid;
};

static long answer(char what)
{
    switch (what) {
    case 'p': /* does getppid() fail, and how? */
        errno = 0;
        return syscall(SYS_getppid) == -1 ? errno : 0;
    case 'f': /* a filter of its own */
        return on_getppid(FAIL(91));
    case 'n':
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    case 'N':
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case 'm':
        return prctl(PR_GET_SECCOMP);
    case 's':
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    case 'k':
        return syscall(SYS_getpgid, 0);
    default:
        return -1;
    }
}

static void *obey(void *arg)
{
    struct other *o = arg;
    char c;
    o->tid = (int)syscall(SYS_gettid);
    token_send(o->from[1]);
    while (read(o->to[0], &c, 1) == 1 && c != 'q') {
        long v = answer(c);
        if (write(o->from[1], &v, sizeof v) != sizeof v)
            break;
    }
    return NULL;
}

static void start(struct other *o)
{
    make_pipe(o->to);
    make_pipe(o->from);
    REQ(pthread_create(&o->thread, NULL, obey, o) == 0);
    token_wait(o->from[0]);
}

static long tell(struct other *o, char what)
{
    long v = 0;
    REQ(write(o->to[1], &what, 1) == 1 && read(o->from[0], &v, sizeof v) == sizeof v);
    return v;
}

/* The file of status of that thread. */
static const char *status_of(const struct other *o)
{
    static char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", o->tid);
    return path;
}

static void alone(void)
{
    CHECK_CHILD("without TSYNC a filter binds its own thread alone", {
        struct other o;
        start(&o);
        no_new_privs();
        REQ(on_getppid(FAIL(90)) == 0 && answer('p') == 90 && tell(&o, 'p') == 0 && tell(&o, 'n') == 0);
        REQ(tell(&o, 'm') == 0 && status_field(status_of(&o), "Seccomp") == 0);
    });
    CHECK_CHILD("a new thread has its maker's", {
        struct other o;
        no_new_privs();
        REQ(on_getppid(FAIL(90)) == 0);
        start(&o);
        REQ(tell(&o, 'p') == 90 && tell(&o, 'n') == 1 && status_field(status_of(&o), "Seccomp_filters") == 1);
    });
}

static long sync_filter(unsigned flags)
{
    return ATTACH_FLAGS(SECCOMP_FILTER_FLAG_TSYNC | flags, LOAD(nr), ON(SYS_getppid, FAIL(95)), ALLOW);
}

static void tsync(void)
{
    CHECK_CHILD("TSYNC binds all threads, and no_new_privs goes with it", {
        struct other o;
        start(&o);
        no_new_privs();
        REQ(tell(&o, 'n') == 0 && sync_filter(0) == 0);
        REQ(answer('p') == 95 && tell(&o, 'p') == 95 && tell(&o, 'n') == 1 && tell(&o, 'm') == 2);
        REQ(status_field(status_of(&o), "Seccomp_filters") == 1 && status_field(status_of(&o), "Seccomp") == 2);
    });
    CHECK_CHILD("threads with fewer filters get all of the caller's", {
        struct other o;
        start(&o);
        no_new_privs();
        REQ(on_getppid(FAIL(90)) == 0 && ATTACH(ALLOW) == 0);
        REQ(ATTACH_FLAGS(SECCOMP_FILTER_FLAG_TSYNC, ALLOW) == 0);
        REQ(tell(&o, 'p') == 90 && status_field(status_of(&o), "Seccomp_filters") == 3);
        REQ(sync_filter(0) == 0 && tell(&o, 'p') == 95);
    });
    CHECK_CHILD("a thread with a filter of its own is named", {
        struct other o;
        start(&o);
        no_new_privs();
        REQ(tell(&o, 'N') == 0 && tell(&o, 'f') == 0);
        REQ(sync_filter(0) == o.tid);
        REQ(FAILS(sync_filter(SECCOMP_FILTER_FLAG_TSYNC_ESRCH), ESRCH));
        REQ(answer('p') == 0 && answer('m') == 0 && tell(&o, 'p') == 91);
    });
    CHECK_CHILD("one in the strict mode is, too", {
        struct other o;
        start(&o);
        no_new_privs();
        REQ(tell(&o, 's') == 0);
        REQ(sync_filter(0) == o.tid);
        _exit(0);
    });
    CHECK_CHILD("TSYNC_ESRCH alone asks for nothing", {
        no_new_privs();
        REQ(ATTACH_FLAGS(SECCOMP_FILTER_FLAG_TSYNC_ESRCH, ALLOW) == 0);
    });
}

static void death(void)
{
    CHECK_CHILD("KILL_THREAD ends one thread, the others go on", {
        struct other o;
        no_new_privs();
        REQ(ATTACH(LOAD(nr), ON(SYS_getpgid, SECCOMP_RET_KILL_THREAD), ALLOW) == 0);
        start(&o);
        REQ(write(o.to[1], "k", 1) == 1);
        while (syscall(SYS_tgkill, getpid(), o.tid, 0) == 0)
            sched_yield();
        REQ(errno == ESRCH && getppid() > 0);
    });
    CHECK_CHILD("the strict mode's end is of one thread", {
        struct other o;
        start(&o);
        REQ(tell(&o, 's') == 0 && write(o.to[1], "k", 1) == 1);
        while (syscall(SYS_tgkill, getpid(), o.tid, 0) == 0)
            sched_yield();
        REQ(errno == ESRCH && getppid() > 0);
    });
    CHECK(tap_killed(CHILD(struct other o; no_new_privs();
                           REQ(ATTACH(LOAD(nr), ON(SYS_getpgid, SECCOMP_RET_KILL_PROCESS), ALLOW) == 0); start(&o);
                           (void)tell(&o, 'k')),
                     SIGSYS),
          "KILL_PROCESS ends them all");
}

/* ---- races ---- */

static volatile int stop;

static void *call(void *arg)
{
    int bound = 0;
    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        int fails = answer('p') != 0;
        if (bound && !fails)
            return "a filter was lost";
        bound = fails;
    }
    return answer('p') == 95 ? NULL : "not bound at the end";
}

static void *make_threads(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        struct other o;
        start(&o);
        REQ(write(o.to[1], "q", 1) == 1 && pthread_join(o.thread, NULL) == 0);
        for (int i = 0; i < 2; i++)
            close(o.to[i]), close(o.from[i]);
    }
    (void)arg;
    struct other o;
    start(&o);
    return tell(&o, 'p') == 95 ? NULL : "a thread made meanwhile is not bound";
}

static void *exec(void *arg)
{
    execl("/proc/self/exe", "x", "quit", NULL);
    return arg;
}

static void races(void)
{
    CHECK_CHILD("TSYNC while threads call, come and go", {
        pthread_t t[NCALLERS + 1];
        no_new_privs();
        for (int i = 0; i < NCALLERS; i++)
            REQ(pthread_create(&t[i], NULL, call, NULL) == 0);
        REQ(pthread_create(&t[NCALLERS], NULL, make_threads, NULL) == 0);
        for (int i = 0; i < 60; i++)
            REQ(sync_filter(0) == 0);
        __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
        REQ(all_well(t, NCALLERS + 1));
    });
    CHECK_CHILD("TSYNC while another thread execs", {
        for (int i = 0; i < 20; i++) {
            int status = CHILD(pthread_t t; no_new_privs(); REQ(pthread_create(&t, NULL, exec, NULL) == 0);
                               for (;;) sync_filter(0));
            REQ(status == 0);
        }
    });
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 0;
    alone();
    tsync();
    death();
    races();
    return tap_end();
}
