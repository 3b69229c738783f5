// SPDX-License-Identifier: MIT
/* inotify: waiting, full queues, limits of the user, programs that are run, umount, /proc; watches that go while events
 * come. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/inotify.h"

#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int in;

static void renew(void)
{
    if (in)
        close(in);
    in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    REQ(in >= 0);
}

static long number_of(const char *path)
{
    char text[64] = "";
    int fd = open(path, O_RDONLY);
    REQ(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
    return atol(text);
}

static int limit_set(const char *path, long n)
{
    char text[32];
    int fd = open(path, O_WRONLY), len = snprintf(text, sizeof text, "%ld", n);
    int good = fd >= 0 && write(fd, text, len) == len;
    close(fd);
    return good;
}

#define LIMITS "/proc/sys/fs/inotify/"

static void waiting(void)
{
    struct inotify_event *e;
    char buf[512] __attribute__((aligned(8)));
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    int fd = inotify_init1(0), ep = epoll_create1(0);
    REQ(mkdir("w", 0755) == 0 && inotify_add_watch(fd, "w", IN_CREATE | IN_DELETE) == 1);
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 0, "epoll: nothing");
    pid_t pid = tap_fork();
    if (pid == 0) {
        msleep(20);
        REQ(mkdir("w/a", 0700) == 0);
        _exit(0);
    }
    e = (void *)buf;
    CHECK(read(fd, buf, sizeof buf) == 32 && e->mask == (IN_CREATE | IN_ISDIR), "a read waits");
    REQ(tap_wait(pid) == 0);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 0, "epoll: it was read");
    REQ(rmdir("w/a") == 0);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 1 && ev.events == EPOLLIN, "epoll: the next one");
    CHECK(epoll_wait(ep, &ev, 1, 0) == 0, "once, edge-triggered");
    REQ(mkdir("w/a", 0700) == 0 && rmdir("w/a") == 0);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 1, "and again");
    sigset_t io;
    sigemptyset(&io);
    sigaddset(&io, SIGIO);
    REQ(sigprocmask(SIG_BLOCK, &io, NULL) == 0 && fcntl(fd, F_SETOWN, getpid()) == 0);
    CHECK(fcntl(fd, F_SETFL, O_ASYNC) == 0 && fcntl(fd, F_GETFL) == O_ASYNC, "O_ASYNC");
    REQ(mkdir("w/a", 0700) == 0 && rmdir("w/a") == 0);
    CHECK(sigtimedwait(&io, NULL, &(struct timespec){20, 0}) == SIGIO, "a signal tells of an event");
    close(ep);
    close(fd);
}

static void full_queues(void)
{
    char name[32];
    int n = 0, lost = 0;
    long max = number_of(LIMITS "max_queued_events");
    renew();
    CHECK(max == 16384 || !own_machine(), "16384 events at most in a queue");
    REQ(inotify_add_watch(in, "w", IN_CREATE) == 1);
    for (long i = 0; i < max + 2; i++) {
        snprintf(name, sizeof name, "w/%ld", i % 2);
        REQ(mkdir(name, 0700) == 0 && rmdir(name) == 0);
    }
    static char buf[65536] __attribute__((aligned(8)));
    for (ssize_t got; (got = read(in, buf, sizeof buf)) > 0;)
        for (ssize_t at = 0; at < got; n++) {
            const struct inotify_event *e = (void *)(buf + at);
            lost = e->mask == IN_Q_OVERFLOW && e->wd == -1 && e->len == 0 && e->cookie == 0;
            at += sizeof(*e) + e->len;
        }
    CHECK(n == max + 1 && lost, "behind the last one that has room: IN_Q_OVERFLOW");
    REQ(mkdir("w/a", 0700) == 0 && rmdir("w/a") == 0);
    CHECK(same_events(in, "1:CREATE|ISDIR a"), "then there is room again");
}

static void limits(void)
{
    long instances = number_of(LIMITS "max_user_instances"), watches = number_of(LIMITS "max_user_watches");
    CHECK(instances == 128 || !own_machine(), "128 instances a user");
    CHECK(watches >= 8192 && watches <= 1048576, "so many watches");
    if (!own_machine()) {
        SKIP("more instances", "a setting of the whole machine");
        SKIP("more watches", "a setting of the whole machine");
        SKIP("a shorter queue", "a setting of the whole machine");
        return;
    }
    REQ(limit_set(LIMITS "max_user_instances", 3) && limit_set(LIMITS "max_user_watches", 2));
    CHECK_CHILD("more instances", drop_root(); REQ(inotify_init1(0) >= 0); int fd = inotify_init1(0);
                REQ(fd >= 0 && inotify_init1(0) >= 0 && FAILS(inotify_init1(0), EMFILE)); close(fd);
                REQ(inotify_init1(0) >= 0));
    CHECK_CHILD("more watches", drop_root(); int fd = inotify_init1(0); REQ(inotify_add_watch(fd, "/", IN_OPEN) == 1);
                REQ(inotify_add_watch(fd, "/proc", IN_OPEN) == 2);
                REQ(FAILS(inotify_add_watch(fd, "/dev", IN_OPEN), ENOSPC));
                REQ(inotify_add_watch(fd, "/proc", IN_CLOSE) == 2 && inotify_rm_watch(fd, 1) == 0);
                REQ(inotify_add_watch(fd, "/dev", IN_OPEN) == 3); close(fd); fd = inotify_init1(0);
                REQ(inotify_add_watch(fd, "/dev", IN_OPEN) == 1 && inotify_add_watch(fd, "/", IN_OPEN) == 2));
    REQ(limit_set(LIMITS "max_user_instances", instances) && limit_set(LIMITS "max_user_watches", watches));
    REQ(limit_set(LIMITS "max_queued_events", 1));
    renew();
    REQ(limit_set(LIMITS "max_queued_events", 16384) && inotify_add_watch(in, "w", IN_CREATE | IN_DELETE) == 1);
    REQ(mkdir("w/a", 0700) == 0 && rmdir("w/a") == 0);
    CHECK(same_events(in, "1:CREATE|ISDIR a; -1:Q_OVERFLOW"), "a shorter queue");
}

static void a_program_run(void)
{
    copy_file("/proc/self/exe", "w/program");
    renew();
    REQ(inotify_add_watch(in, "w/program", IN_ALL_EVENTS) == 1);
    CHECK_CHILD("a program that is run", execl("w/program", "program", "end", NULL); REQ(0));
    CHECK(same_events(in, "1:OPEN; 1:ACCESS; 1:CLOSE_NOWRITE"), "is opened, read and closed");
    REQ(unlink("w/program") == 0);
}

static void unmounting(void)
{
    struct stat st;
    char path[64], text[512] = "", want[128];
    renew();
    REQ(mkdir("m", 0755) == 0 && mount("none", "m", "tmpfs", 0, "") == 0);
    put_text("m/f", "");
    REQ(inotify_add_watch(in, "m/f", IN_OPEN) == 1 && stat("m/f", &st) == 0);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", in);
    int fd = open(path, O_RDONLY);
    REQ(read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
    snprintf(want, sizeof want, "inotify wd:1 ino:%lx sdev:%x mask:%x ignored_mask:0 ", st.st_ino,
             (unsigned)(st.st_dev >> 8 << 20 | (st.st_dev & 0xff)), IN_OPEN);
    CHECK(strstr(text, want), "a watch in /proc/self/fdinfo");
    if (!strstr(text, want))
        dprintf(1, "# want %s\n# got %s\n", want, text);
    snprintf(path, sizeof path, "/proc/self/fd/%d", in);
    CHECK(readlink(path, text, sizeof text) == 18 && !memcmp(text, "anon_inode:inotify", 18), "its name");
    CHECK(umount("m") == 0, "a watch does not keep a file system");
    CHECK(same_events(in, "1:UNMOUNT; 1:IGNORED"), "umount ends it");
    CHECK_ERRNO(inotify_rm_watch(in, 1), EINVAL, "it is gone");
    REQ(rmdir("m") == 0);
}

/* ---- races: an answer of some kind, and no event behind IN_IGNORED ---- */

static volatile int stop;

static void *changes(void *arg)
{
    (void)arg;
    pin(1);
    while (!stop) {
        put_text("w/x", "1");
        if (rename("w/x", "w/y") || chmod("w/y", 0600) || unlink("w/y"))
            return "a change failed";
    }
    return NULL;
}

static int none_after_ignored(int fd)
{
    static char buf[65536] __attribute__((aligned(8)));
    static char over[1 << 16];
    memset(over, 0, sizeof over);
    for (ssize_t got; (got = read(fd, buf, sizeof buf)) > 0;)
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *e = (void *)(buf + at);
            if (e->wd > 0 && over[e->wd & 0xffff])
                return 0;
            if (e->mask & IN_IGNORED)
                over[e->wd & 0xffff] = 1;
            at += sizeof(*e) + e->len;
        }
    return 1;
}

static void races(void)
{
    pthread_t t;
    int good = 1;
    renew();
    stop = 0;
    pin(0);
    REQ(pthread_create(&t, NULL, changes, NULL) == 0);
    for (int i = 0; i < 300 && good; i++) {
        int wd = inotify_add_watch(in, "w", IN_ALL_EVENTS | (i % 3 == 0 ? IN_ONESHOT : 0));
        int file = inotify_add_watch(in, "w/y", IN_ALL_EVENTS), other = inotify_init1(IN_NONBLOCK);
        REQ(wd > 0 && other >= 0 && (file > 0 || errno == ENOENT));
        inotify_add_watch(other, "w", IN_ALL_EVENTS);
        inotify_add_watch(other, "w/x", IN_ALL_EVENTS);
        if (i % 2)
            sched_yield();
        inotify_rm_watch(in, wd);
        close(other);
        good &= none_after_ignored(in);
    }
    stop = 1;
    CHECK(all_well(&t, 1), "files change while watches come and go");
    CHECK_OWN(good, "nothing comes behind IN_IGNORED"); /* Linux may be late: fsnotify tells without the mark's lock */
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 0;
    umask(022);
    waiting();
    full_queues();
    limits();
    a_program_run();
    unmounting();
    races();
    return tap_end();
}
