// SPDX-License-Identifier: MIT
/* eventfd: counters and semaphores, what they refuse, waiting on both ends, poll. */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#define TOP 0xfffffffffffffffeull

static int put(int fd, uint64_t v)
{
    return write(fd, &v, 8) == 8;
}

/* What a read gives; -1: nothing now. */
static uint64_t take(int fd)
{
    uint64_t v;
    return read(fd, &v, 8) == 8 ? v : -1ull;
}

static short state(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    return poll(&p, 1, 0) >= 0 ? p.revents : -1;
}

static void counting(void)
{
    uint64_t v = 0, two[2] = {0, 77};
    int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK), "its flags");
    CHECK(take(fd) == 3, "the first value");
    CHECK_ERRNO(read(fd, &v, 8), EAGAIN, "a read takes all of it");
    CHECK(put(fd, 5) && put(fd, 7) && take(fd) == 12, "writes add up");
    CHECK(put(fd, 0), "a write of nothing");
    CHECK_ERRNO(read(fd, &v, 8), EAGAIN, "changes nothing");
    CHECK_ERRNO(read(fd, &v, 7), EINVAL, "a read of less than eight bytes");
    CHECK_ERRNO(write(fd, &v, 7), EINVAL, "a write of less");
    REQ(put(fd, 9));
    CHECK(read(fd, two, 16) == 8 && two[0] == 9 && two[1] == 77, "a longer read takes eight");
    REQ(put(fd, 6));
    struct iovec iov[2] = {{two, 4}, {(char *)two + 4, 4}};
    CHECK(readv(fd, iov, 2) == 8 && two[0] == 6, "readv in two parts");
    REQ(put(fd, 1));
    CHECK_ERRNO(read(fd, at_addr(8), 8), EFAULT, "a read into memory that is not there");
    CHECK_ERRNO(write(fd, at_addr(8), 8), EFAULT, "a write out of it");
    CHECK_ERRNO(pread(fd, &v, 8, 0), ESPIPE, "pread");
    CHECK_ERRNO(eventfd(0, 2), EINVAL, "an unknown flag");
    close(fd);
    fd = eventfd(0xffffffff, EFD_NONBLOCK);
    CHECK(take(fd) == 0xffffffff, "the largest first value");
    close(fd);
}

static void limits(void)
{
    uint64_t v = 1;
    int fd = eventfd(0, EFD_NONBLOCK);
    CHECK_ERRNO(write(fd, &(uint64_t){~0ull}, 8), EINVAL, "a write of all ones");
    CHECK(put(fd, TOP), "a write of the most there can be");
    CHECK(state(fd) == POLLIN, "then it is full");
    CHECK_ERRNO(write(fd, &v, 8), EAGAIN, "one more");
    CHECK(put(fd, 0), "but nothing more goes");
    CHECK(take(fd) == TOP && state(fd) == POLLOUT, "read it has room");
    REQ(put(fd, TOP - 1));
    CHECK(state(fd) == (POLLIN | POLLOUT), "room for one");
    CHECK_ERRNO(write(fd, &(uint64_t){2}, 8), EAGAIN, "is not room for two");
    CHECK(put(fd, 1) && take(fd) == TOP, "but for one");
    close(fd);
}

static void semaphores(void)
{
    uint64_t v;
    int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(put(fd, 1) && take(fd) == 1 && take(fd) == 1 && state(fd) == (POLLIN | POLLOUT) && take(fd) == 1,
          "EFD_SEMAPHORE: each read takes one");
    CHECK_ERRNO(read(fd, &v, 8), EAGAIN, "until there is none");
    close(fd);
}

/* ---- waiting ---- */

static void *reads(void *arg)
{
    return (void *)(long)take((int)(long)arg);
}

static void *writes(void *arg)
{
    return (void *)(long)put((int)(long)arg, 5);
}

static void waiting(void)
{
    int fd = eventfd(0, 0);
    pthread_t t[3];
    void *got;
    REQ(pthread_create(&t[0], NULL, reads, (void *)(long)fd) == 0);
    msleep(20);
    REQ(put(fd, 42));
    pthread_join(t[0], &got);
    CHECK((long)got == 42, "a read waits for a write");
    REQ(put(fd, TOP));
    REQ(pthread_create(&t[0], NULL, writes, (void *)(long)fd) == 0);
    msleep(20);
    CHECK(take(fd) == TOP, "(full)");
    pthread_join(t[0], &got);
    CHECK(got && take(fd) == 5, "a write waits for room");
    close(fd);
    fd = eventfd(0, EFD_SEMAPHORE);
    for (int i = 0; i < 3; i++)
        REQ(pthread_create(&t[i], NULL, reads, (void *)(long)fd) == 0);
    msleep(20);
    REQ(put(fd, 3));
    int sum = 0;
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], &got);
        sum += (int)(long)got;
    }
    CHECK(sum == 3, "one write lets three waiting readers of a semaphore go");
    CHECK_CHILD("a child shares the counter", REQ(put(fd, 1)));
    CHECK(take(fd) == 1, "and its parent sees it");
    close(fd);
}

/* Two who count as fast as they can: nothing is lost. */
#define EACH 2000

static void *counts(void *arg)
{
    pin(1);
    for (int i = 0; i < EACH; i++)
        REQ(put((int)(long)arg, 1));
    return NULL;
}

static void together(void)
{
    uint64_t sum = 0;
    int fd = eventfd(0, 0);
    pthread_t t[2];
    pin(0);
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, counts, (void *)(long)fd) == 0);
    while (sum < 2 * EACH)
        sum += take(fd);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    CHECK(sum == 2 * EACH && state(fd) == POLLOUT, "two writers, one reader: nothing is lost or counted twice");
    close(fd);
}

static void shown(void)
{
    char path[64], text[1024];
    int fd = eventfd(26, 0);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY);
    ssize_t n = read(info, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    char *at = strstr(text, "eventfd-count:");
    CHECK(at && strtoul(at + 14, NULL, 16) == 26, "the counter stands in /proc/self/fdinfo, in base 16");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    CHECK(!strcmp(text, "anon_inode:[eventfd]"), "its name in /proc/self/fd");
    CHECK(take(fd) == 26, "which takes nothing");
    close(info), close(fd);
}

int main(void)
{
    counting();
    limits();
    semaphores();
    waiting();
    together();
    shown();
    return tap_end();
}
