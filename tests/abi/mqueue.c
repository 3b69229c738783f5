// SPDX-License-Identifier: MIT
/* POSIX message queues: names, permissions, attributes, order, limits, time-outs, notification, the mqueue files. */
#define TAP_KEEP_CAPABILITIES /* to mount; what queues may have is told without CAP_SYS_RESOURCE */
#include "tests/abi/mqueue.h"

#include <limits.h>
#include <linux/mqueue.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/time.h>

#define MSG_COST 96 /* what a message costs besides its text */

static char buf[20000], text[200];

static void drop_resource(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    REQ(syscall(SYS_capget, &head, data) == 0);
    data[0].effective &= ~(1u << CAP_SYS_RESOURCE);
    data[0].permitted &= ~(1u << CAP_SYS_RESOURCE);
    REQ(syscall(SYS_capset, &head, data) == 0);
}

static int make(const char *name, int flags, long n, long size)
{
    struct mq_attr a = {.mq_maxmsg = n, .mq_msgsize = size};
    int q = OPEN(name, O_RDWR | O_CREAT | O_EXCL | flags, 0600, &a);
    REQ(q >= 0);
    return q;
}

static void drop(int q, const char *name)
{
    close(q);
    REQ(UNLINK(name) == 0);
}

static struct mq_attr attr_of(int q)
{
    struct mq_attr a;
    memset(&a, 0x55, sizeof a);
    REQ(SETATTR(q, NULL, &a) == 0);
    return a;
}

static int is_attr(struct mq_attr a, long flags, long n, long size, long now)
{
    return a.mq_flags == flags && a.mq_maxmsg == n && a.mq_msgsize == size && a.mq_curmsgs == now;
}

/* Is it this one that comes? */
static int comes(int q, const char *what, unsigned prio)
{
    unsigned p = 77777;
    memset(buf, 0, 100);
    return RECEIVE(q, buf, sizeof buf, &p) == (long)strlen(what) && !strcmp(buf, what) && p == prio;
}

static const char *content(int fd)
{
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

static int shows(int fd, long size, int notify, int signo, int pid)
{
    char want[200];
    snprintf(want, sizeof want, "QSIZE:%-10ld NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", size, notify, signo, pid);
    return !strcmp(content(fd), want);
}

/* ---- names ---- */

static void naming(void)
{
    struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 64};
    char longest[NAME_MAX + 2], path[PATH_MAX + 2];
    CHECK_ERRNO(OPEN("q", O_RDWR, 0, NULL), ENOENT, "a name nobody has used");
    CHECK_ERRNO(UNLINK("q"), ENOENT, "nor is it removed");
    int q = OPEN("q", O_RDWR | O_CREAT, 0600, &a);
    CHECK(q >= 0 && is_attr(attr_of(q), 0, 3, 64, 0), "made with these attributes");
    CHECK(fcntl(q, F_GETFD) == FD_CLOEXEC && fcntl(q, F_GETFL) == O_RDWR, "always close-on-exec");
    CHECK_ERRNO(OPEN("q", O_RDWR | O_CREAT | O_EXCL, 0600, NULL), EEXIST, "not made again");
    a.mq_maxmsg = 0;
    int again = OPEN("q", O_RDWR | O_CREAT | O_NONBLOCK, 0600, &a);
    CHECK(again >= 0 && is_attr(attr_of(again), O_NONBLOCK, 3, 64, 0), "attributes count only for who makes it");
    CHECK(attr_of(q).mq_flags == 0, "and the flags are each descriptor's own");
    close(again);
    CHECK_ERRNO(OPEN("", O_RDWR | O_CREAT, 0600, NULL), ENOENT, "no name: what \"/\" is to the library");
    CHECK_ERRNO(OPEN("/q", O_RDWR, 0, NULL), EACCES, "a second slash");
    CHECK_ERRNO(OPEN("q/r", O_RDWR | O_CREAT, 0600, NULL), EACCES, "a slash within");
    CHECK_ERRNO(OPEN("q/", O_RDWR, 0, NULL), EACCES, "a slash at the end");
    CHECK_ERRNO(OPEN(".", O_RDWR, 0, NULL), EACCES, "the folder itself");
    CHECK_ERRNO(OPEN("..", O_RDWR, 0, NULL), EACCES, "what is above");
    CHECK_ERRNO(UNLINK("/q"), EACCES, "to remove: a slash");
    CHECK_ERRNO(UNLINK("."), EACCES, "to remove: the folder");
    CHECK_ERRNO(UNLINK(""), ENOENT, "to remove: no name");
    memset(longest, 'n', sizeof longest);
    longest[NAME_MAX + 1] = 0;
    CHECK_ERRNO(OPEN(longest, O_RDWR | O_CREAT, 0600, NULL), ENAMETOOLONG, "a name of 256 bytes");
    CHECK_ERRNO(UNLINK(longest), ENAMETOOLONG, "to remove: a name of 256 bytes");
    longest[NAME_MAX] = 0;
    int l = OPEN(longest, O_RDWR | O_CREAT, 0600, NULL);
    CHECK(l >= 0 && close(l) == 0 && UNLINK(longest) == 0, "one of 255");
    memset(path, 'n', sizeof path);
    path[PATH_MAX + 1] = 0;
    CHECK_ERRNO(OPEN(path, O_RDWR, 0, NULL), ENAMETOOLONG, "one longer than any path");
    int dots = OPEN("...", O_RDWR | O_CREAT, 0600, NULL);
    CHECK(dots >= 0 && close(dots) == 0 && UNLINK("...") == 0, "three dots are a name");
    CHECK_ERRNO(OPEN(at_addr(8), O_RDWR, 0, NULL), EFAULT, "a name that is nowhere");
    CHECK_ERRNO(OPEN("q", O_RDWR, 0, at_addr(8)), EFAULT, "attributes that are nowhere, needed or not");
    CHECK_ERRNO(UNLINK(at_addr(8)), EFAULT, "to remove: nowhere");
    REQ(readlink("/proc/self/fd/3", text, sizeof text) == 2 || q != 3);
    snprintf(path, sizeof path, "/proc/self/fd/%d", q);
    memset(text, 0, sizeof text);
    CHECK(readlink(path, text, sizeof text - 1) == 2 && !strcmp(text, "/q"), "its name in /proc/self/fd");
    drop(q, "q");
}

static void opening(void)
{
    struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 8};
    int q = make("q", 0, 1, 8);
    CHECK_ERRNO(OPEN("q", 3, 0, NULL), EINVAL, "the fourth access mode");
    CHECK_ERRNO(OPEN("q", O_RDWR | O_DIRECT, 0, NULL), EINVAL, "O_DIRECT");
    int r = OPEN("q", O_RDONLY, 0, NULL), w = OPEN("q", O_WRONLY, 0, NULL), p = OPEN("q", O_PATH, 0, NULL);
    REQ(r >= 0 && w >= 0 && p >= 0);
    CHECK_ERRNO(SEND(r, "x", 1, 0), EBADF, "to send through one that reads");
    CHECK_ERRNO(RECEIVE(w, buf, 8, NULL), EBADF, "to receive through one that writes");
    CHECK(SEND(w, "x", 1, 0) == 0 && RECEIVE(r, buf, 8, NULL) == 1, "and the other way round");
    CHECK_ERRNO(SEND(p, "x", 1, 0), EBADF, "O_PATH gives no queue");
    CHECK_ERRNO(SETATTR(p, NULL, &a), EBADF, "O_PATH: no attributes");
    close(r), close(w), close(p);
    int n = open("/dev/null", O_RDWR);
    CHECK_ERRNO(SEND(n, "x", 1, 0), EBADF, "to send to another file");
    CHECK_ERRNO(RECEIVE(n, buf, 8, NULL), EBADF, "to receive from another file");
    CHECK_ERRNO(NOTIFY(n, NULL), EBADF, "notification by another file");
    CHECK_ERRNO(SETATTR(n, NULL, &a), EBADF, "attributes of another file");
    CHECK_ERRNO(SEND(-1, "x", 1, 0), EBADF, "to send to none");
    CHECK_ERRNO(NOTIFY(99, NULL), EBADF, "notification by none");
    close(n);
    int again = OPEN("q", O_RDWR | O_TRUNC | O_APPEND, 0, NULL);
    CHECK(again >= 0 && fcntl(again, F_GETFL) == (O_RDWR | O_APPEND), "flags that mean nothing are kept");
    close(again);
    CHECK_CHILD("no descriptor is left", struct rlimit l = {3, 3}; REQ(setrlimit(RLIMIT_NOFILE, &l) == 0);
                REQ(OPEN("new", O_RDWR | O_CREAT, 0600, NULL) < 0 && errno == EMFILE);
                REQ(UNLINK("new") < 0 && errno == ENOENT));
    drop(q, "q");
}

static void permissions(void)
{
    umask(027);
    int q = OPEN("q", O_RDWR | O_CREAT, 07666, NULL);
    struct stat st;
    REQ(q >= 0 && fstat(q, &st) == 0);
    CHECK((st.st_mode & ~07000u) == (S_IFREG | 0640) && st.st_uid == 0 && st.st_gid == 0, "the mode, under the umask");
    umask(022);
    CHECK(fchmod(q, 0604) == 0, "fchmod");
    CHECK_CHILD("others may receive", drop_root(); REQ(OPEN("q", O_RDONLY, 0, NULL) >= 0);
                REQ(OPEN("q", O_WRONLY, 0, NULL) < 0 && errno == EACCES);
                REQ(OPEN("q", O_RDWR, 0, NULL) < 0 && errno == EACCES);
                REQ(OPEN("q", O_RDWR | O_CREAT, 0666, NULL) < 0 && errno == EACCES);
                REQ(UNLINK("q") < 0 && errno == EPERM));
    CHECK_CHILD("a new one without any permission is its maker's all the same", drop_root();
                int mine = OPEN("mine", O_RDWR | O_CREAT, 0, NULL);
                REQ(mine >= 0 && SEND(mine, "x", 1, 0) == 0 && RECEIVE(mine, buf, sizeof buf, NULL) == 1);
                REQ(OPEN("mine", O_RDONLY, 0, NULL) < 0 && errno == EACCES); REQ(UNLINK("mine") == 0));
    CHECK(fchown(q, NOBODY, NOBODY) == 0 && fchmod(q, 0200) == 0, "fchown");
    CHECK_CHILD("and its owner may remove it", drop_root(); REQ(OPEN("q", O_WRONLY, 0, NULL) >= 0);
                REQ(OPEN("q", O_RDONLY, 0, NULL) < 0 && errno == EACCES); REQ(UNLINK("q") == 0));
    CHECK(fstat(q, &st) == 0 && st.st_nlink == 0 && st.st_size == 80, "unlinked while it is open");
    CHECK(SEND(q, "still", 5, 1) == 0 && comes(q, "still", 1), "it works as before");
    snprintf(buf, 100, "/proc/self/fd/%d", q);
    memset(text, 0, sizeof text);
    CHECK(readlink(buf, text, sizeof text - 1) > 0 && !strcmp(text, "/q (deleted)"), "and is shown as deleted");
    int other = make("q", 0, 1, 8);
    CHECK(SEND(other, "x", 1, 0) == 0 && attr_of(q).mq_curmsgs == 0, "another one takes the name");
    drop(other, "q");
    close(q);
}

/* ---- attributes and limits ---- */

static int fails_with(long n, long size, int err)
{
    struct mq_attr a = {.mq_maxmsg = n, .mq_msgsize = size};
    return OPEN("never", O_RDWR | O_CREAT, 0600, &a) == -1 && errno == err;
}

static void attributes(void)
{
    CHECK(fails_with(0, 1, EINVAL) && fails_with(-1, 1, EINVAL) && fails_with(1, 0, EINVAL) &&
              fails_with(1, -1, EINVAL) && fails_with(LONG_MIN, LONG_MIN, EINVAL),
          "none, or fewer");
    CHECK_CHILD("more than the limits", drop_resource();
                REQ(fails_with(11, 1, EINVAL) && fails_with(1, 8193, EINVAL) && fails_with(LONG_MAX, 1, EINVAL)));
    CHECK_ERRNO(OPEN("never", O_RDWR, 0, NULL), ENOENT, "nothing was made");
    int q = OPEN("q", O_RDWR | O_CREAT, 0600, NULL);
    struct mq_attr a = attr_of(q), old;
    CHECK(is_attr(a, 0, 10, 8192, 0), "the defaults");
    a.mq_flags = O_NONBLOCK, a.mq_maxmsg = 5, a.mq_msgsize = 5, a.mq_curmsgs = 5;
    CHECK(SETATTR(q, &a, &old) == 0 && is_attr(old, 0, 10, 8192, 0), "the old ones come back");
    CHECK(is_attr(attr_of(q), O_NONBLOCK, 10, 8192, 0) && fcntl(q, F_GETFL) == (O_RDWR | O_NONBLOCK),
          "only O_NONBLOCK can be set");
    CHECK(fcntl(q, F_SETFL, 0) == 0 && attr_of(q).mq_flags == 0, "by fcntl as well");
    a.mq_flags = O_NONBLOCK | O_APPEND;
    CHECK_ERRNO(SETATTR(q, &a, &old), EINVAL, "another flag");
    CHECK_ERRNO(SETATTR(q, at_addr(8), NULL), EFAULT, "new ones from nowhere");
    CHECK_ERRNO(SETATTR(q, NULL, at_addr(8)), EFAULT, "old ones to nowhere");
    CHECK(SETATTR(q, NULL, NULL) == 0, "neither");
    drop(q, "q");
}

static int put(const char *path, const char *what)
{
    int fd = open(path, O_WRONLY);
    int done = fd >= 0 && write(fd, what, strlen(what)) == (ssize_t)strlen(what);
    close(fd);
    return done;
}

#define SYS "/proc/sys/fs/mqueue/"

static void limits(void)
{
    CHECK(file_is(SYS "queues_max", "256\n") && file_is(SYS "msg_max", "10\n") &&
              file_is(SYS "msgsize_max", "8192\n") && file_is(SYS "msg_default", "10\n") &&
              file_is(SYS "msgsize_default", "8192\n"),
          "/proc/sys/fs/mqueue");
    CHECK(!put(SYS "msg_max", "0\n") && !put(SYS "msg_max", "65537\n") && !put(SYS "msgsize_max", "127\n") &&
              !put(SYS "msgsize_max", "16777217\n") && !put(SYS "msg_default", "0\n") && !put(SYS "msg_default", "x\n"),
          "what they cannot be");
    REQ(put(SYS "msg_default", "4\n") && put(SYS "msgsize_default", "128\n"));
    int q = OPEN("q", O_RDWR | O_CREAT, 0600, NULL);
    CHECK(is_attr(attr_of(q), 0, 4, 128, 0), "defaults can be changed");
    drop(q, "q");
    REQ(put(SYS "msg_max", "3\n") && put(SYS "msgsize_max", "256\n") && put(SYS "msgsize_default", "9000\n"));
    q = OPEN("q", O_RDWR | O_CREAT, 0600, NULL);
    CHECK(is_attr(attr_of(q), 0, 3, 256, 0), "and do not go over the limits");
    drop(q, "q");
    CHECK_CHILD("which count for who lacks a capability", drop_resource();
                REQ(fails_with(4, 100, EINVAL) && fails_with(1, 257, EINVAL)); q = make("q", 0, 3, 256); drop(q, "q"));
    REQ(put(SYS "msg_max", "10\n") && put(SYS "msgsize_max", "8192\n") && put(SYS "msgsize_default", "8192\n") &&
        put(SYS "msg_default", "10\n"));
    q = make("one", 0, 1, 1);
    REQ(put(SYS "queues_max", "1\n"));
    CHECK_CHILD("no more queues than queues_max", drop_resource(); REQ(fails_with(1, 1, ENOSPC));
                REQ(OPEN("one", O_RDWR | O_CREAT, 0600, NULL) >= 0));
    REQ(UNLINK("one") == 0);
    CHECK_CHILD("an unlinked one counts", drop_resource(); REQ(fails_with(1, 1, ENOSPC)));
    close(q);
    CHECK_CHILD("until it is closed", drop_resource(); q = make("q", 0, 1, 1); drop(q, "q"));
    REQ(put(SYS "queues_max", "256\n"));
}

static int limit_to(long bytes)
{
    struct rlimit l = {bytes, bytes};
    return setrlimit(RLIMIT_MSGQUEUE, &l) == 0;
}

static void charging(void)
{
    CHECK_CHILD("RLIMIT_MSGQUEUE", drop_resource(); struct rlimit l; REQ(getrlimit(RLIMIT_MSGQUEUE, &l) == 0);
                REQ(l.rlim_cur == 819200 && l.rlim_max == 819200));
    CHECK_CHILD("a queue costs what may lie in it", drop_resource(); drop_root();
                REQ(limit_to(2 * (100 + MSG_COST) - 1) && fails_with(2, 100, EMFILE)); int q = make("q", 0, 1, 100);
                drop(q, "q"));
    CHECK_CHILD("to the byte", drop_resource(); drop_root(); REQ(limit_to(2 * (100 + MSG_COST)));
                int q = make("q", 0, 2, 100); REQ(OPEN("r", O_RDWR | O_CREAT, 0600, NULL) < 0 && errno == EMFILE);
                REQ(UNLINK("q") == 0); REQ(fails_with(1, 1, EMFILE)); close(q); q = make("q", 0, 2, 100); drop(q, "q"));
    CHECK_CHILD("all of a user's queues together, whoever holds them", drop_resource(); drop_root();
                REQ(limit_to(2 * (100 + MSG_COST))); int q = make("q", 0, 1, 100);
                REQ(CHILD(REQ(fails_with(2, 100, EMFILE)); int r = make("r", 0, 1, 100); drop(r, "r")) == 0);
                drop(q, "q"));
    CHECK_CHILD(
        "nine of the default size, not ten", drop_resource(); drop_root(); char name[8]; for (int i = 0; i < 9; i++) {
            snprintf(name, sizeof name, "n%d", i);
            REQ(OPEN(name, O_RDWR | O_CREAT, 0600, NULL) >= 0);
        } REQ(OPEN("n9", O_RDWR | O_CREAT, 0600, NULL) < 0 && errno == EMFILE);
        for (int i = 0; i < 9; i++) {
            snprintf(name, sizeof name, "n%d", i);
            REQ(UNLINK(name) == 0);
        });
}

/* ---- messages ---- */

static void order(void)
{
    int q = make("q", O_NONBLOCK, 8, 64);
    CHECK_ERRNO(RECEIVE(q, buf, 64, NULL), EAGAIN, "nothing has come");
    REQ(SEND(q, "low", 3, 0) == 0 && SEND(q, "mid a", 5, 5) == 0 && SEND(q, "high", 4, 32767) == 0 &&
        SEND(q, "mid b", 5, 5) == 0 && SEND(q, "", 0, 6) == 0);
    CHECK(attr_of(q).mq_curmsgs == 5 && shows(q, 17, 0, 0, 0), "five, of 17 bytes");
    CHECK(comes(q, "high", 32767) && comes(q, "", 6) && comes(q, "mid a", 5) && comes(q, "mid b", 5) &&
              comes(q, "low", 0),
          "by priority, then by age");
    CHECK(attr_of(q).mq_curmsgs == 0 && shows(q, 0, 0, 0, 0), "none is left");
    CHECK_ERRNO(SEND(q, "x", 1, 32768), EINVAL, "a priority too high");
    CHECK_ERRNO(SEND(99, "x", 1, 32768), EINVAL, "which is seen first");
    CHECK_ERRNO(SEND(q, buf, 65, 0), EMSGSIZE, "too long");
    CHECK_ERRNO(SEND(q, buf, ULONG_MAX, 0), EMSGSIZE, "much too long");
    CHECK_ERRNO(RECEIVE(q, buf, 63, NULL), EMSGSIZE, "too little room, though nothing is there");
    CHECK_ERRNO(SEND(q, at_addr(8), 1, 0), EFAULT, "from nowhere");
    CHECK(attr_of(q).mq_curmsgs == 0, "which sends nothing");
    CHECK(SEND(q, at_addr(8), 0, 0) == 0 && RECEIVE(q, buf, 64, NULL) == 0, "nothing, from nowhere");
    REQ(SEND(q, "x", 1, 0) == 0);
    CHECK_ERRNO(RECEIVE(q, at_addr(8), 64, NULL), EFAULT, "to nowhere");
    CHECK_ERRNO(RECEIVE(q, buf, 64, NULL), EAGAIN, "it is lost");
    REQ(SEND(q, "x", 1, 0) == 0);
    CHECK_ERRNO(RECEIVE(q, buf, 64, at_addr(8)), EFAULT, "the priority to nowhere");
    CHECK_ERRNO(RECEIVE(q, buf, 64, NULL), EAGAIN, "it is lost, too");
    REQ(SEND(q, "abc", 3, 0) == 0);
    CHECK(RECEIVE(q, buf, ULONG_MAX, NULL) == 3, "more room than there is memory");
    for (int i = 0; i < 8; i++)
        REQ(SEND(q, "x", 1, i) == 0);
    CHECK_ERRNO(SEND(q, "x", 1, 0), EAGAIN, "it is full");
    CHECK(comes(q, "x", 7) && SEND(q, "y", 1, 9) == 0 && comes(q, "y", 9), "one taken makes room for one");
    drop(q, "q");
}

static void long_ones(void)
{
    static char big[8192], got[8192];
    int q = make("q", O_NONBLOCK, 4, 8192), good = 1;
    for (unsigned i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 31 + i / 251);
    static const int sizes[] = {4000, 4040, 4056, 4088, 4096, 4097, 8000, 8136, 8191, 8192};
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        memset(got, 0, sizeof got);
        good &= SEND(q, big, sizes[i], 0) == 0 && RECEIVE(q, got, sizeof got, NULL) == sizes[i] &&
                !memcmp(big, got, sizes[i]);
    }
    CHECK(good, "messages of every size come whole");
    char *edge = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(edge != MAP_FAILED && munmap(edge + 2 * PAGE, PAGE) == 0);
    CHECK_ERRNO(SEND(q, edge + 1, 8192, 0), EFAULT, "its last byte is nowhere");
    CHECK(SEND(q, edge, 8192, 0) == 0, "all of it is there");
    CHECK_ERRNO(RECEIVE(q, edge + 1, 8192, NULL), EFAULT, "room for all but its last byte");
    CHECK(attr_of(q).mq_curmsgs == 0 && shows(q, 0, 0, 0, 0), "takes it all the same");
    munmap(edge, 2 * PAGE);
    drop(q, "q");
}

/* ---- time-outs ---- */

static struct timespec wall_in(long ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += ms % 1000 * 1000000;
    ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static void time_outs(void)
{
    int q = make("q", 0, 1, 64);
    struct timespec past = {1, 0}, bad = {1, 1000000000}, neg = {-1, 0}, negn = {1, -1}, soon;
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, q, buf, 64, NULL, &past), ETIMEDOUT, "receive: long past");
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, q, buf, 64, NULL, &bad), EINVAL, "receive: too many nanoseconds");
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, q, buf, 64, NULL, &neg), EINVAL, "receive: before time began");
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, q, buf, 64, NULL, &negn), EINVAL, "receive: negative nanoseconds");
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, q, buf, 64, NULL, at_addr(8)), EFAULT, "receive: nowhere");
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, -1, buf, 64, NULL, &bad), EINVAL, "receive: the time is looked at first");
    soon = wall_in(30);
    int64_t before = now_ns();
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, q, buf, 64, NULL, &soon), ETIMEDOUT, "receive: in 30 ms");
    CHECK(now_ns() - before > 25000000, "not sooner");
    CHECK(syscall(SYS_mq_timedsend, q, "x", 1, 0, &past) == 0, "there is room: no time is needed");
    CHECK_ERRNO(syscall(SYS_mq_timedsend, q, "x", 1, 0, &bad), EINVAL, "but it is looked at");
    CHECK_ERRNO(syscall(SYS_mq_timedsend, q, "x", 1, 0, &past), ETIMEDOUT, "send: long past");
    soon = wall_in(30);
    before = now_ns();
    CHECK_ERRNO(syscall(SYS_mq_timedsend, q, "y", 1, 0, &soon), ETIMEDOUT, "send: in 30 ms");
    CHECK(now_ns() - before > 25000000 && attr_of(q).mq_curmsgs == 1, "not sooner, and nothing was sent");
    CHECK(syscall(SYS_mq_timedreceive, q, buf, 64, NULL, &past) == 1 && buf[0] == 'x', "receive: what is there");
    int nb = OPEN("q", O_RDWR | O_NONBLOCK, 0, NULL);
    soon = wall_in(100000);
    CHECK_ERRNO(syscall(SYS_mq_timedreceive, nb, buf, 64, NULL, &soon), EAGAIN, "O_NONBLOCK does not wait");
    close(nb);
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 5000}, {0, 5000}}, off = {{0, 0}, {0, 0}};
    REQ(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    CHECK_ERRNO(RECEIVE(q, buf, 64, NULL), EINTR, "receive: interrupted");
    REQ(SEND(q, "x", 1, 0) == 0);
    CHECK_ERRNO(SEND(q, "y", 1, 0), EINTR, "send: interrupted");
    sa.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &sa, NULL);
    alarms = 0;
    soon = wall_in(50);
    CHECK_ERRNO(syscall(SYS_mq_timedsend, q, "y", 1, 0, &soon), ETIMEDOUT,
                "SA_RESTART goes on waiting to the same time");
    CHECK(alarms > 0, "having been interrupted");
    setitimer(ITIMER_REAL, &off, NULL);
    signal(SIGALRM, SIG_DFL);
    alarm(TAP_SECONDS);
    drop(q, "q");
}

/* ---- notification ---- */

static int told(int sig, int wait_ms, siginfo_t *si)
{
    sigset_t set;
    struct timespec ts = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    sigemptyset(&set);
    sigaddset(&set, sig);
    memset(si, 0, sizeof *si);
    return sigtimedwait(&set, si, &ts) == sig;
}

static void block(int sig)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static struct sigevent by_signal(int sig, int value)
{
    return (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig, .sigev_value.sival_int = value};
}

static void notification(void)
{
    struct sigevent ev = by_signal(SIGUSR1, 4711), none = {.sigev_notify = SIGEV_NONE};
    siginfo_t si;
    int q = make("q", O_NONBLOCK, 4, 64);
    block(SIGUSR1);
    CHECK(NOTIFY(q, &ev) == 0 && shows(q, 0, SIGEV_SIGNAL, SIGUSR1, getpid()), "asked for, and shown");
    CHECK_ERRNO(NOTIFY(q, &ev), EBUSY, "once");
    CHECK_CHILD("by one process", REQ(NOTIFY(q, &none) < 0 && errno == EBUSY); REQ(NOTIFY(q, NULL) == 0));
    CHECK(shows(q, 0, SIGEV_SIGNAL, SIGUSR1, getpid()), "others cannot take it back");
    CHECK_CHILD("a child sends", REQ(SEND(q, "x", 1, 0) == 0); exit(0));
    CHECK(told(SIGUSR1, 5000, &si) && si.si_code == SI_MESGQ && si.si_value.sival_int == 4711 && si.si_uid == 0 &&
              si.si_pid > getpid(),
          "the signal says who sent");
    CHECK(shows(q, 1, 0, 0, 0), "and it is told only once");
    CHECK(NOTIFY(q, &ev) == 0 && SEND(q, "y", 1, 0) == 0 && !told(SIGUSR1, 0, &si), "not when there was a message");
    CHECK(comes(q, "x", 0) && comes(q, "y", 0) && SEND(q, "z", 1, 0) == 0 && told(SIGUSR1, 0, &si) &&
              si.si_pid == getpid(),
          "but when it was empty");
    REQ(comes(q, "z", 0));
    CHECK(NOTIFY(q, &ev) == 0 && NOTIFY(q, NULL) == 0 && SEND(q, "x", 1, 0) == 0 && !told(SIGUSR1, 0, &si),
          "taken back");
    CHECK(NOTIFY(q, NULL) == 0, "taken back once more");
    REQ(comes(q, "x", 0));
    CHECK(NOTIFY(q, &none) == 0 && shows(q, 0, SIGEV_NONE, 0, getpid()), "SIGEV_NONE");
    CHECK_ERRNO(NOTIFY(q, &ev), EBUSY, "it counts");
    CHECK(SEND(q, "x", 1, 0) == 0 && comes(q, "x", 0) && NOTIFY(q, &ev) == 0, "until a message comes");
    int again = OPEN("q", O_RDWR, 0, NULL);
    CHECK(close(again) == 0 && shows(q, 0, 0, 0, 0), "closing any descriptor of the queue takes it back");
    REQ(NOTIFY(q, &ev) == 0);
    again = dup(q);
    CHECK(close(again) == 0 && NOTIFY(q, &ev) == 0, "a copied one as well");
    CHECK_CHILD("but not another process", close(q); exit(0));
    CHECK(shows(q, 0, SIGEV_SIGNAL, SIGUSR1, getpid()) && NOTIFY(q, NULL) == 0, "it is still there");
    CHECK_CHILD("one that ends without a word", REQ(NOTIFY(q, &ev) == 0));
    CHECK(NOTIFY(q, &ev) == 0, "is forgotten");
    ev = by_signal(0, 0);
    REQ(NOTIFY(q, NULL) == 0);
    CHECK(NOTIFY(q, &ev) == 0 && SEND(q, "x", 1, 0) == 0 && comes(q, "x", 0), "signal 0 says nothing");
    drop(q, "q");
}

static void notification_errors(void)
{
    int q = make("q", O_NONBLOCK, 4, 64), p[2];
    char cookie[NOTIFY_COOKIE_LEN] = "";
    struct sigevent ev = by_signal(65, 0);
    CHECK_ERRNO(NOTIFY(q, &ev), EINVAL, "no such signal");
    ev = by_signal(-1, 0);
    CHECK_ERRNO(NOTIFY(q, &ev), EINVAL, "a negative one");
    ev.sigev_notify = 3;
    CHECK_ERRNO(NOTIFY(q, &ev), EINVAL, "no such way");
    CHECK_ERRNO(NOTIFY(-1, &ev), EINVAL, "which is seen first");
    ev.sigev_notify = SIGEV_THREAD_ID;
    CHECK_ERRNO(NOTIFY(q, &ev), EINVAL, "nor to a thread");
    CHECK_ERRNO(NOTIFY(q, at_addr(8)), EFAULT, "from nowhere");
    ev = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_signo = 99, .sigev_value.sival_ptr = at_addr(8)};
    CHECK_ERRNO(NOTIFY(q, &ev), EFAULT, "SIGEV_THREAD: a cookie from nowhere");
    ev.sigev_value.sival_ptr = cookie;
    CHECK_ERRNO(NOTIFY(q, &ev), EBADF, "SIGEV_THREAD: no descriptor");
    make_pipe(p);
    ev.sigev_signo = p[0];
    CHECK_ERRNO(NOTIFY(q, &ev), ENOTSOCK, "SIGEV_THREAD: no socket");
    ev.sigev_signo = socket(AF_UNIX, SOCK_DGRAM, 0);
    REQ(ev.sigev_signo >= 0);
    CHECK_ERRNO(NOTIFY(q, &ev), EINVAL, "SIGEV_THREAD: another kind of socket");
    close(p[0]), close(p[1]), close(ev.sigev_signo);
    CHECK(shows(q, 0, 0, 0, 0), "nothing was asked for");
    drop(q, "q");
}

/* ---- as files ---- */

static void polling(void)
{
    int q = make("q", O_NONBLOCK, 2, 64), e = epoll_create1(0);
    struct pollfd p = {q, POLLIN | POLLOUT, 0};
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET}, got;
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "empty: it can be sent to");
    REQ(epoll_ctl(e, EPOLL_CTL_ADD, q, &ev) == 0);
    CHECK(epoll_wait(e, &got, 1, 0) == 1 && got.events == EPOLLOUT && epoll_wait(e, &got, 1, 0) == 0,
          "epoll says it once");
    REQ(SEND(q, "x", 1, 0) == 0);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT), "one message: both");
    CHECK(epoll_wait(e, &got, 1, 0) == 1 && got.events == (EPOLLIN | EPOLLOUT), "an edge");
    REQ(SEND(q, "x", 1, 0) == 0);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN, "full: it can be received from");
    CHECK(epoll_wait(e, &got, 1, 0) == 1 && got.events == EPOLLIN, "an edge for each message");
    REQ(comes(q, "x", 0));
    CHECK(epoll_wait(e, &got, 1, 0) == 1 && got.events == (EPOLLIN | EPOLLOUT), "an edge for each that is taken");
    int w[2];
    make_pipe(w);
    REQ(comes(q, "x", 0));
    p.events = POLLIN;
    pid_t pid = tap_fork();
    if (!pid) {
        token_send(w[1]);
        _exit(poll(&p, 1, 20000) == 1 && p.revents == POLLIN ? 0 : 1);
    }
    token_wait(w[0]);
    msleep(20);
    REQ(SEND(q, "x", 1, 0) == 0);
    CHECK(tap_exited(tap_wait(pid), 0), "poll waits for a message");
    close(e), close(w[0]), close(w[1]);
    drop(q, "q");
}

static void as_file(void)
{
    struct stat st;
    struct statfs sf;
    int q = make("q", O_NONBLOCK, 2, 64);
    REQ(fstat(q, &st) == 0 && fstatfs(q, &sf) == 0);
    CHECK(S_ISREG(st.st_mode) && st.st_size == 80 && st.st_nlink == 1 && st.st_blocks == 0, "a file of 80 bytes");
    CHECK(sf.f_type == 0x19800202 && sf.f_bsize == 4096 && sf.f_namelen == 255 && sf.f_blocks == 0, "of mqueue");
    CHECK(read(q, buf, 5) == 5 && read(q, buf + 5, 100) == 55 && read(q, buf, 100) == 0 && !memcmp(buf, "QSIZE", 5),
          "it can be read");
    CHECK(lseek(q, 0, SEEK_SET) == 0 && read(q, buf, 100) == 60 && lseek(q, 0, SEEK_END) == 80, "again from the start");
    CHECK_ERRNO(write(q, "x", 1), EINVAL, "not written");
    CHECK_ERRNO(pread(q, at_addr(8), 100, 0), EFAULT, "read to nowhere");
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, q, 0) == MAP_FAILED && errno == ENODEV, "not mapped");
    CHECK_ERRNO(fsync(q), EINVAL, "not synced");
    CHECK(ftruncate(q, 10) == 0 && fstat(q, &st) == 0 && st.st_size == 10 && shows(q, 0, 0, 0, 0),
          "its size says nothing");
    snprintf(buf, 100, "/proc/self/fd/%d", q);
    int again = open(buf, O_RDWR);
    CHECK(again >= 0 && SEND(again, "x", 1, 2) == 0 && comes(q, "x", 2), "opened again by /proc, it is a queue");
    close(again);
    drop(q, "q");
}

static int listed(const char *dir)
{
    char cmd[100];
    int n = 0;
    snprintf(cmd, sizeof cmd, "%s", dir);
    int fd = open(cmd, O_RDONLY | O_DIRECTORY);
    long got = syscall(SYS_getdents64, fd, buf, sizeof buf);
    for (long at = 0; at < got; at += *(unsigned short *)(buf + at + 16))
        n += buf[at + 19] != '.';
    close(fd);
    return n;
}

static void mounted(void)
{
    struct stat st;
    REQ(mkdir("m", 0755) == 0);
    CHECK_ERRNO(mount("q", "m", "mqueue", 0, "mode=700"), EINVAL, "it has no options");
    REQ(mount("q", "m", "mqueue", 0, NULL) == 0);
    REQ(stat("m", &st) == 0);
    CHECK(st.st_mode == (S_IFDIR | 01777) && st.st_size == 40 && st.st_nlink == 2, "the folder");
    int q = make("q", O_NONBLOCK, 2, 64);
    CHECK(stat("m", &st) == 0 && st.st_size == 60 && listed("m") == 1 && exists("m/q"), "a queue appears in it");
    int f = open("m/q", O_RDWR);
    CHECK(f >= 0 && SEND(f, "x", 1, 3) == 0 && comes(q, "x", 3), "opened by its path, it is a queue");
    CHECK(fcntl(f, F_GETFD) == 0, "without close-on-exec");
    close(f);
    REQ(mkdir("n", 0755) == 0 && mount("q", "n", "mqueue", 0, NULL) == 0);
    CHECK(exists("n/q"), "all mounts show the same");
    CHECK(unlink("m/q") == 0 && !exists("n/q"), "unlinked");
    CHECK_ERRNO(OPEN("q", O_RDWR, 0, NULL), ENOENT, "its name is gone");
    close(q);
    f = open("m/made", O_RDWR | O_CREAT | O_EXCL, 0644);
    CHECK(f >= 0 && is_attr(attr_of(f), 0, 10, 8192, 0), "made by open, with the defaults");
    CHECK(mknod("m/node", S_IFREG | 0600, 0) == 0 && (q = OPEN("node", O_RDWR, 0, NULL)) >= 0, "made by mknod");
    CHECK(listed("m") == 2, "both are listed");
    CHECK_ERRNO(mkdir("m/d", 0700), EPERM, "no folders");
    CHECK_ERRNO(symlink("x", "m/s"), EPERM, "no symlinks");
    CHECK_ERRNO(mknod("m/f", S_IFIFO | 0600, 0), EPERM, "no FIFOs");
    CHECK_ERRNO(link("m/made", "m/l"), EPERM, "no second names");
    CHECK_ERRNO(rename("m/made", "m/l"), EPERM, "no new ones");
    CHECK_ERRNO(open("m", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP, "none without");
    REQ(chmod("m/made", 0777) == 0);
    CHECK_ERRNO(access("m/made", X_OK), EACCES, "not executable, whatever the mode");
    CHECK(truncate("m/made", 0) == 0 && stat("m/made", &st) == 0 && st.st_size == 0, "truncated");
    close(f), close(q);
    CHECK(UNLINK("made") == 0 && UNLINK("node") == 0 && listed("n") == 0, "and removed by mq_unlink");
    CHECK(umount("m") == 0 && (q = make("q", 0, 1, 1)) >= 0 && exists("n/q") && umount("n") == 0, "umount");
    drop(q, "q");
    rmdir("m"), rmdir("n");
}

int main(void)
{
    naming();
    opening();
    permissions();
    attributes();
    limits();
    charging();
    order();
    long_ones();
    time_outs();
    notification();
    notification_errors();
    polling();
    as_file();
    mounted();
    return tap_end();
}
