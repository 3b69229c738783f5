// SPDX-License-Identifier: MIT
/* Limits of a user: pages of pipes, watches of epolls, locked System V segments; and what tells eventfds apart. */
#include "tests/abi/util.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/shm.h>

#define SOMEBODY 54321 /* who has nothing else on the host */
#define MIB (1 << 20)
#define MAX_SIZE "/proc/sys/fs/pipe-max-size"
#define SOFT "/proc/sys/fs/pipe-user-pages-soft"
#define HARD "/proc/sys/fs/pipe-user-pages-hard"
#define WATCHES "/proc/sys/fs/epoll/max_user_watches"

static int may_set;

static long long limit_of(const char *path)
{
    char buf[32] = {0};
    int fd = open(path, O_RDONLY);
    REQ(fd >= 0 && read(fd, buf, sizeof buf - 1) > 0);
    close(fd);
    return atoll(buf);
}

static int set_limit(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

static void become(int uid)
{
    REQ(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

/* ---- pipes ---- */

static void sizes(void)
{
    int p[2];
    REQ(pipe(p) == 0);
    CHECK(limit_of(MAX_SIZE) == MIB && limit_of(SOFT) == 16384 && limit_of(HARD) == 0, "the limits of pipes");
    CHECK(fcntl(p[1], F_SETPIPE_SZ, 0) == 4096, "the smallest pipe");
    CHECK_CHILD("the largest", {
        become(SOMEBODY);
        REQ(fcntl(p[1], F_SETPIPE_SZ, MIB) == MIB);
        REQ(fcntl(p[1], F_SETPIPE_SZ, MIB + 1) == -1 && errno == EPERM);
        REQ(fcntl(p[1], F_GETPIPE_SZ) == MIB);
    });
    CHECK_OWN(set_limit(MAX_SIZE, "100000\n") == 0 && limit_of(MAX_SIZE) == 131072, "pipe-max-size is rounded up");
    CHECK_OWN(fcntl(p[1], F_SETPIPE_SZ, 65536) == 65536 && fcntl(p[1], F_SETPIPE_SZ, 131072) == 131072 &&
                  fcntl(p[1], F_SETPIPE_SZ, 262144) == -1 && errno == EPERM,
              "and holds");
    CHECK_OWN(set_limit(MAX_SIZE, "1") == 0 && limit_of(MAX_SIZE) == 4096, "to a page");
    int q[2] = {-1, -1};
    CHECK_OWN(pipe(q) == 0 && fcntl(q[0], F_GETPIPE_SZ) == 4096, "which new pipes have then");
    CHECK_OWN(set_limit(MAX_SIZE, "x") == -1 && set_limit(MAX_SIZE, "3000000000") == -1, "what is no size");
    if (may_set)
        REQ(set_limit(MAX_SIZE, "1048576") == 0);
    for (int i = 0; i < 2; i++)
        close(p[i]), close(q[i]);
}

static void soft(void)
{
    CHECK_CHILD("a user's pipes take 64 MiB", {
        int p[70][2], n = 0;
        become(SOMEBODY);
        REQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){256, 256}) == 0);
        for (; n < 70; n++) {
            REQ(pipe(p[n]) == 0);
            if (fcntl(p[n][0], F_SETPIPE_SZ, MIB) < 0)
                break;
        }
        REQ(n == 64 && errno == EPERM);
        REQ(fcntl(p[64][0], F_GETPIPE_SZ) == 8192);
        REQ(fcntl(p[64][0], F_SETPIPE_SZ, 4096) == 4096);
        REQ(fcntl(p[64][0], F_SETPIPE_SZ, 8192) == -1 && errno == EPERM);
        REQ(fcntl(p[64][0], F_SETPIPE_SZ, 4000) == 4096);
        close(p[0][0]), close(p[0][1]);
        REQ(fcntl(p[64][0], F_SETPIPE_SZ, MIB / 2) == MIB / 2);
        REQ(pipe(p[0]) == 0 && fcntl(p[0][1], F_GETPIPE_SZ) == 65536);
    });
    CHECK_CHILD("which are given back", {
        int p[2];
        become(SOMEBODY);
        REQ(pipe(p) == 0 && fcntl(p[0], F_GETPIPE_SZ) == 65536);
    });
    if (may_set)
        REQ(set_limit(HARD, "24") == 0);
    int status = may_set ? CHILD({
        int p[2], q[2];
        become(SOMEBODY);
        REQ(pipe(p) == 0);
        REQ(pipe(q) == -1 && errno == ENFILE);
        REQ(fcntl(p[0], F_SETPIPE_SZ, 131072) == -1 && errno == EPERM);
        REQ(fcntl(p[0], F_SETPIPE_SZ, 4096) == 4096 && pipe(q) == 0);
    })
                         : -1;
    if (may_set)
        REQ(set_limit(HARD, "0") == 0);
    CHECK_OWN(status == 0, "no more than the hard limit's");
}

/* ---- epoll ---- */

static void watches(void)
{
    char was[32];
    snprintf(was, sizeof was, "%lld", limit_of(WATCHES));
    CHECK(atoll(was) > 1000, "so many files may be watched");
    if (may_set)
        REQ(set_limit(WATCHES, "5") == 0);
    int status = may_set ? CHILD({
        int p[2];
        struct epoll_event ev = {.events = EPOLLIN};
        become(SOMEBODY);
        int ep = epoll_create1(0);
        REQ(pipe(p) == 0 && ep >= 0);
        for (int i = 0; i < 5; i++)
            REQ(epoll_ctl(ep, EPOLL_CTL_ADD, i ? dup(p[0]) : p[0], &ev) == 0);
        REQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &ev) == -1 && errno == ENOSPC);
        REQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == -1 && errno == EEXIST);
        REQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev) == 0);
        int other = epoll_create1(0);
        REQ(epoll_ctl(other, EPOLL_CTL_ADD, p[0], &ev) == -1 && errno == ENOSPC);
        REQ(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], &ev) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &ev) == 0);
        close(p[1]);
        REQ(epoll_ctl(other, EPOLL_CTL_ADD, p[0], &ev) == 0);
        REQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == -1 && errno == ENOSPC);
        close(ep);
        REQ(epoll_ctl(other, EPOLL_CTL_DEL, p[0], &ev) == 0 && epoll_ctl(other, EPOLL_CTL_ADD, p[0], &ev) == 0);
    })
                         : -1;
    if (may_set)
        REQ(set_limit(WATCHES, was) == 0);
    CHECK_OWN(status == 0, "and no more, by a user, in all his epolls");
}

/* ---- shared memory ---- */

static int locked(int id)
{
    struct shmid_ds ds;
    REQ(shmctl(id, IPC_STAT, &ds) == 0);
    return ds.shm_perm.mode & SHM_LOCKED ? 1 : 0;
}

static void segments(void)
{
    CHECK_CHILD("SHM_LOCK counts against RLIMIT_MEMLOCK, by user", {
        become(SOMEBODY);
        REQ(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){65536, 65536}) == 0);
        int big = shmget(IPC_PRIVATE, 131072, 0600), half = shmget(IPC_PRIVATE, 32768, 0600);
        int whole = shmget(IPC_PRIVATE, 65536, 0600);
        REQ(big >= 0 && half >= 0 && whole >= 0);
        REQ(shmctl(big, SHM_LOCK, NULL) == -1 && errno == ENOMEM && !locked(big));
        REQ(shmctl(half, SHM_LOCK, NULL) == 0 && locked(half));
        REQ(shmctl(half, SHM_LOCK, NULL) == 0);
        REQ(shmctl(whole, SHM_LOCK, NULL) == -1 && errno == ENOMEM);
        REQ(CHILD(REQ(shmctl(whole, SHM_LOCK, NULL) == -1 && errno == ENOMEM)) == 0);
        REQ(shmctl(half, SHM_UNLOCK, NULL) == 0 && !locked(half) && shmctl(half, SHM_UNLOCK, NULL) == 0);
        REQ(shmctl(whole, SHM_LOCK, NULL) == 0);
        REQ(shmctl(half, SHM_LOCK, NULL) == -1 && errno == ENOMEM);
        REQ(shmctl(whole, IPC_RMID, NULL) == 0);
        REQ(shmctl(half, SHM_LOCK, NULL) == 0);
        REQ(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0}) == 0);
        REQ(shmctl(big, SHM_LOCK, NULL) == -1 && errno == EPERM);
        REQ(shmctl(half, SHM_UNLOCK, NULL) == 0);
        REQ(shmctl(half, IPC_RMID, NULL) == 0 && shmctl(big, IPC_RMID, NULL) == 0);
    });
}

/* ---- eventfd ---- */

static int id_of(int fd)
{
    char path[64], buf[512] = {0};
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY), id = -1;
    REQ(info >= 0 && read(info, buf, sizeof buf - 1) > 0);
    close(info);
    const char *line = strstr(buf, "\neventfd-id: ");
    return line && sscanf(line, "\neventfd-id: %d", &id) == 1 ? id : -1;
}

static void eventfds(void)
{
    int a = eventfd(0, 0), b = eventfd(0, 0), c = dup(a);
    CHECK(id_of(a) >= 0 && id_of(a) != id_of(b) && id_of(a) == id_of(c), "eventfd-id tells which is which");
}

int main(void)
{
    may_set = own_machine();
    sizes();
    soft();
    watches();
    segments();
    eventfds();
    return tap_end();
}
