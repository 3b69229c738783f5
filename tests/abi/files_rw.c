// SPDX-License-Identifier: MIT
/*
 * read, write and their positioned and vectored forms, and lseek, on regular files.
 */
#include "tests/abi/util.h"

#include <sys/uio.h>

static void positions(void)
{
    char buf[32];
    int fd = open("p", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_CUR) == 10, "write moves the position");
    CHECK(read(fd, buf, 4) == 0, "read at the end gives 0");
    CHECK(lseek(fd, 2, SEEK_SET) == 2 && read(fd, buf, 3) == 3 && !memcmp(buf, "234", 3), "read from a position");
    CHECK(lseek(fd, -2, SEEK_CUR) == 3 && lseek(fd, -1, SEEK_END) == 9, "SEEK_CUR and SEEK_END take negatives");
    CHECK(read(fd, buf, 32) == 1 && buf[0] == '9', "a read across the end is short");
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL, "a negative position");
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL, "an unknown whence");
    CHECK(lseek(fd, 100, SEEK_SET) == 100 && read(fd, buf, 1) == 0 && file_size("p") == 10,
          "seeking past the end changes nothing by itself");
    CHECK(write(fd, "z", 1) == 1 && file_size("p") == 101, "a write past the end makes a gap");
    CHECK(pread(fd, buf, 32, 60) == 32 && !memcmp(buf, (char[32]){0}, 32), "the gap reads zeros");
    CHECK(read(fd, buf, 0) == 0 && write(fd, buf, 0) == 0, "zero bytes succeed");
    CHECK_ERRNO(lseek(fd, INT64_MAX, SEEK_CUR), EINVAL, "a position that overflows");
    close(fd);
}

static void positioned(void)
{
    char buf[16];
    int fd = open("q", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(pwrite(fd, "abcdef", 6, 2) == 6 && lseek(fd, 0, SEEK_CUR) == 0, "pwrite leaves the position");
    CHECK(pread(fd, buf, 3, 4) == 3 && !memcmp(buf, "cde", 3) && lseek(fd, 0, SEEK_CUR) == 0,
          "pread leaves the position");
    CHECK_ERRNO(pread(fd, buf, 1, -1), EINVAL, "pread at a negative offset");
    CHECK_ERRNO(pwrite(fd, buf, 1, -1), EINVAL, "pwrite at a negative offset");
    CHECK(pread(fd, buf, 1, 1000) == 0, "pread past the end gives 0");
    int p[2];
    make_pipe(p);
    CHECK_ERRNO(pread(p[0], buf, 1, 0), ESPIPE, "pread of a pipe");
    CHECK_ERRNO(pwrite(p[1], buf, 1, 0), ESPIPE, "pwrite to a pipe");
    CHECK_ERRNO(lseek(p[0], 0, SEEK_CUR), ESPIPE, "lseek of a pipe");
    close(p[0]);
    close(p[1]);
    close(fd);
}

static void vectors(void)
{
    char a[3], b[4];
    struct iovec out[3] = {{"one", 3}, {"", 0}, {"four", 4}}, in[2] = {{a, 3}, {b, 4}};
    int fd = open("v", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(writev(fd, out, 3) == 7 && file_is("v", "onefour"), "writev gathers");
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 2) == 7 && !memcmp(a, "one", 3) && !memcmp(b, "four", 4),
          "readv scatters");
    CHECK(preadv(fd, in, 2, 1) == 6 && !memcmp(a, "nef", 3), "preadv at an offset");
    CHECK(pwritev(fd, out, 3, 1) == 7 && file_is("v", "oonefour"), "pwritev at an offset");
    CHECK(readv(fd, in, 0) == 0, "no vectors, no bytes");
    CHECK_ERRNO(readv(fd, in, opaque(-1)), EINVAL, "a negative number of vectors");
    CHECK_ERRNO(syscall(SYS_readv, fd, in, 1025), EINVAL, "more than 1024 vectors");
    struct iovec neg = {a, (size_t)-1}, bad[2] = {{a, 3}, {at_addr(8), 4}};
    CHECK_ERRNO(readv(fd, &neg, 1), EINVAL, "a vector of negative length");
    CHECK_ERRNO(syscall(SYS_readv, fd, at_addr(8), 1), EFAULT, "vectors at a bad address");
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, bad, 2) == 3, "a bad second buffer makes a short readv");
    close(fd);
}

static void flags2(void)
{
    char a[8];
    struct iovec io = {a, 2};
    int fd = open("v2", O_RDWR | O_CREAT | O_TRUNC, 0644);
    REQ(write(fd, "abcdef", 6) == 6 && lseek(fd, 1, SEEK_SET) == 1);
    CHECK(preadv2(fd, &io, 1, -1, 0) == 2 && !memcmp(a, "bc", 2) && lseek(fd, 0, SEEK_CUR) == 3,
          "preadv2 at -1 uses and moves the position");
    CHECK(preadv2(fd, &io, 1, 0, 0) == 2 && !memcmp(a, "ab", 2), "preadv2 at an offset");
    io = (struct iovec){"XY", 2};
    CHECK(pwritev2(fd, &io, 1, 0, RWF_APPEND) == 2 && file_is("v2", "abcdefXY"), "RWF_APPEND appends");
    CHECK_ERRNO(pwritev2(fd, &io, 1, 0, 0x40000000), EOPNOTSUPP, "an unknown RWF flag");
    CHECK(pwritev2(fd, &io, 1, 0, RWF_SYNC) == 2, "RWF_SYNC is taken");
    close(fd);
}

static void bad_descriptors(void)
{
    char c;
    struct iovec io = {&c, 1};
    CHECK_ERRNO(read(-1, &c, 1), EBADF, "read of -1");
    CHECK_ERRNO(write(9999, &c, 1), EBADF, "write to a descriptor never opened");
    CHECK_ERRNO(readv(-1, &io, 1), EBADF, "readv of -1");
    CHECK_ERRNO(pread(-1, &c, 1, 0), EBADF, "pread of -1");
    CHECK_ERRNO(lseek(-1, 0, SEEK_SET), EBADF, "lseek of -1");
}

static void bad_buffers(void)
{
    int fd = open("q", O_RDWR);
    CHECK_ERRNO(read(fd, at_addr(16), 4), EFAULT, "read into an unmapped address");
    CHECK_ERRNO(write(fd, at_addr(16), 4), EFAULT, "write from an unmapped address");
    CHECK_ERRNO(read(fd, at_addr(0xffff888000000000), 4), EFAULT, "read into a kernel address");
    CHECK(lseek(fd, 0, SEEK_CUR) == 0, "a failed read leaves the position");
    CHECK(lseek(fd, 0, SEEK_END) > 0 && read(fd, at_addr(16), 4) == 0, "at the end no buffer is touched");
    close(fd);
}

/* A block of 300,000 bytes whose value depends on the offset, written and read in pieces that straddle pages. */
static void large(void)
{
    enum { N = 300000 };
    static unsigned char w[N], r[N];
    for (int i = 0; i < N; i++)
        w[i] = i * 7 + i / 251;
    int fd = open("big", O_RDWR | O_CREAT | O_TRUNC, 0644), at = 0, step = 1, good = 1;
    for (; at < N; at += step, step = step * 3 + 1) {
        if (step > N - at)
            step = N - at;
        good &= write(fd, w + at, step) == step;
    }
    CHECK(good && file_size("big") == N, "300,000 bytes written in growing pieces");
    CHECK(pread(fd, r, N, 0) == N && !memcmp(r, w, N), "they read back in one piece");
    memset(r, 0, N);
    for (at = 0, good = 1; at < N; at += 4095)
        good &= pread(fd, r + at, at + 4095 < N ? 4095 : N - at, at) > 0;
    CHECK(good && !memcmp(r, w, N), "they read back in pieces of 4095");
    CHECK(pwrite(fd, "!", 1, 8191) == 1 && pread(fd, r, 3, 8190) == 3 && r[0] == w[8190] && r[1] == '!' &&
              r[2] == w[8192],
          "one byte at the end of a page leaves its neighbours");
    close(fd);
}

static void shared_position(void)
{
    put_text("s", "abcdefgh");
    int fd = open("s", O_RDONLY), other = open("s", O_RDONLY), copy = dup(fd);
    char c;
    CHECK(read(fd, &c, 1) == 1 && lseek(copy, 0, SEEK_CUR) == 1, "a duplicate shares the position");
    CHECK(lseek(other, 0, SEEK_CUR) == 0, "a second open has its own");
    CHECK_CHILD("a child shares the position", REQ(read(fd, &c, 1) == 1 && c == 'b'));
    CHECK(read(fd, &c, 1) == 1 && c == 'c', "and moves it for its parent");
    close(fd);
    close(other);
    close(copy);
}

/* Two processes append 200 records each of 16 bytes: none is lost or torn. */
static void append_race(void)
{
    enum { N = 200 };
    REQ(close(creat("race", 0644)) == 0);
    pid_t pid[2];
    for (int who = 0; who < 2; who++)
        if ((pid[who] = tap_fork()) == 0) {
            pin(who);
            int fd = open("race", O_WRONLY | O_APPEND);
            for (int i = 0; i < N; i++) {
                char rec[17];
                snprintf(rec, sizeof rec, "%c%014d\n", 'A' + who, i);
                REQ(write(fd, rec, 16) == 16);
            }
            _exit(0);
        }
    CHECK(tap_wait(pid[0]) + tap_wait(pid[1]) == 0 && file_size("race") == 2 * N * 16,
          "two appending processes lose nothing");
    FILE *f = fopen("race", "r");
    int next[2] = {0, 0}, good = 1;
    for (char rec[32]; fgets(rec, sizeof rec, f);) {
        int who = rec[0] - 'A';
        good &= (who == 0 || who == 1) && strlen(rec) == 16 && atoi(rec + 1) == next[who & 1]++;
    }
    CHECK(good && next[0] == N && next[1] == N, "each record is whole and in its writer's order");
    fclose(f);
}

int main(void)
{
    positions();
    positioned();
    vectors();
    flags2();
    bad_descriptors();
    bad_buffers();
    large();
    shared_position();
    append_race();
    return tap_end();
}
