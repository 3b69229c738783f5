// SPDX-License-Identifier: MIT
/*
 * Copies inside the kernel: sendfile, copy_file_range, splice and tee on files and pipes.
 */
#include "tests/abi/util.h"

#include <sys/resource.h>

#include <sys/sendfile.h>

enum { N = 100000 };
static unsigned char data[N], back[N];

static void sending(void)
{
    int in = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2];
    off_t off = 0;
    CHECK(sendfile(out, in, NULL, N + 50) == N && lseek(in, 0, SEEK_CUR) == N, "sendfile copies up to the end");
    CHECK(pread(out, back, N, 0) == N && !memcmp(back, data, N), "the copy is the same");
    CHECK(sendfile(out, in, NULL, 10) == 0, "sendfile at the end gives 0");
    REQ(ftruncate(out, 0) == 0 && lseek(out, 0, SEEK_SET) == 0);
    off = 5001;
    CHECK(sendfile(out, in, &off, 8000) == 8000 && off == 13001 && lseek(in, 0, SEEK_CUR) == N,
          "sendfile with an offset moves the offset, not the position");
    CHECK(pread(out, back, N, 0) == 8000 && !memcmp(back, data + 5001, 8000), "and copies from there");
    make_pipe(p);
    off = 0;
    CHECK(sendfile(p[1], in, &off, 3000) == 3000 && read(p[0], back, N) == 3000 && !memcmp(back, data, 3000),
          "sendfile to a pipe");
    CHECK_ERRNO(sendfile(out, p[0], &off, 10), ESPIPE, "sendfile with an offset from a pipe");
    CHECK_ERRNO(sendfile(in, in, NULL, 10), EBADF, "sendfile to a file open for reading");
    CHECK_ERRNO(sendfile(out, -1, NULL, 10), EBADF, "sendfile from -1");
    CHECK_ERRNO(sendfile(out, in, at_addr(8), 10), EFAULT, "sendfile with the offset at a bad address");
    off = -5;
    CHECK_ERRNO(sendfile(out, in, &off, 10), EINVAL, "sendfile from a negative offset");
    int app = open("out", O_WRONLY | O_APPEND);
    off = 0;
    CHECK_ERRNO(sendfile(app, in, &off, 10), EINVAL, "sendfile to a file open for appending");
    close(app);
    close(in);
    close(out);
    close(p[0]);
    close(p[1]);
}

static void ranges(void)
{
    int in = open("in", O_RDONLY), out = open("out2", O_RDWR | O_CREAT | O_TRUNC, 0600);
    off_t from = 100, to = 50;
    CHECK(copy_file_range(in, &from, out, &to, 60000, 0) == 60000 && from == 60100 && to == 60050,
          "copy_file_range copies and moves both offsets");
    CHECK(pread(out, back, N, 0) == 60050 && !memcmp(back + 50, data + 100, 60000) && !back[0] && !back[49],
          "the copy is the same, the gap before it zeros");
    CHECK(copy_file_range(in, NULL, out, NULL, 10, 0) == 10 && lseek(in, 0, SEEK_CUR) == 10,
          "without offsets it moves the positions");
    from = N;
    CHECK(copy_file_range(in, &from, out, NULL, 10, 0) == 0, "at the end it copies nothing");
    CHECK_ERRNO(copy_file_range(in, NULL, out, NULL, 10, 1), EINVAL, "copy_file_range with a flag");
    CHECK_ERRNO(copy_file_range(out, NULL, in, NULL, 10, 0), EBADF, "copy_file_range to a file open for reading");
    from = 0;
    to = 10;
    CHECK_ERRNO(copy_file_range(out, &from, out, &to, 100, 0), EINVAL, "overlapping ranges of one file");
    to = 200;
    CHECK(copy_file_range(out, &from, out, &to, 100, 0) == 100, "apart, one file serves as both");
    int d = open(".", O_RDONLY), p[2];
    make_pipe(p);
    CHECK_ERRNO(copy_file_range(d, NULL, out, NULL, 10, 0), EISDIR, "copy_file_range from a directory");
    CHECK_ERRNO(copy_file_range(p[0], NULL, out, NULL, 10, 0), EINVAL, "copy_file_range from a pipe");
    close(d);
    close(in);
    close(out);
    close(p[0]);
    close(p[1]);
}

static void splicing(void)
{
    int in = open("in", O_RDONLY), out = open("out3", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2], q[2];
    make_pipe(p);
    make_pipe(q);
    loff_t off = 12345;
    ssize_t n = splice(in, &off, p[1], NULL, 4000, 0);
    CHECK(n > 0 && n <= 4000 && off == 12345 + n, "splice from a file into a pipe");
    CHECK(tee(p[0], q[1], n, 0) == n, "tee from pipe to pipe");
    REQ(fcntl(q[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(splice(p[0], NULL, out, NULL, n, 0) == n && pread(out, back, N, 0) == n && !memcmp(back, data + 12345, n),
          "splice from a pipe into a file");
    CHECK(read(q[0], back, N) == n && !memcmp(back, data + 12345, n), "what tee copied is the same");
    CHECK_ERRNO(splice(in, NULL, out, NULL, 10, 0), EINVAL, "splice without a pipe");
    CHECK_ERRNO(splice(p[0], NULL, out, NULL, 10, SPLICE_F_NONBLOCK), EAGAIN, "splice from an empty pipe");
    CHECK_ERRNO(splice(p[0], &off, out, NULL, 10, 0), ESPIPE, "splice with an offset for the pipe");
    close(p[1]);
    CHECK(splice(p[0], NULL, out, NULL, 10, 0) == 0, "splice at the end of a pipe gives 0");
    close(in);
    close(out);
    close(p[0]);
    close(q[0]);
    close(q[1]);
}

/* What the target does not take stays in the pipe. */
static void splicing_in_part(void)
{
    char back[8192];
    int p[2], q[2];
    REQ(pipe(p) == 0 && pipe(q) == 0 && fcntl(q[0], F_SETPIPE_SZ, 4096) == 4096);
    REQ(write(p[1], data, 3000) == 3000 && write(p[1], data + 3000, 3000) == 3000);
    ssize_t n = splice(p[0], NULL, q[1], NULL, 6000, SPLICE_F_NONBLOCK);
    CHECK(n > 0 && n < 6000, "splice into a pipe with less room");
    REQ(read(q[0], back, n) == n && !memcmp(back, data, n));
    CHECK(read(p[0], back, sizeof back) == 6000 - n && !memcmp(back, data + n, 6000 - n),
          "the rest stays in the other");
    REQ(write(q[1], data, 4096) == 4096 && write(p[1], "more", 4) == 4);
    CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 4, SPLICE_F_NONBLOCK), EAGAIN, "splice into a full pipe");
    CHECK(read(p[0], back, 4) == 4 && !memcmp(back, "more", 4), "takes nothing");
    CHECK_CHILD("what RLIMIT_FSIZE leaves over stays in the pipe", {
        struct rlimit fsize = {100, 100};
        char rest[64];
        int out = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0644);
        REQ(out >= 0 && setrlimit(RLIMIT_FSIZE, &fsize) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        REQ(write(p[1], data, 130) == 130);
        REQ(splice(p[0], NULL, out, NULL, 130, 0) == 100);
        REQ(read(p[0], rest, sizeof rest) == 30 && !memcmp(rest, data + 100, 30));
    });
    close(p[1]);
    REQ(read(q[0], back, sizeof back) == 4096);
    CHECK(splice(p[0], NULL, q[1], NULL, 10, 0) == 0, "splice from a pipe that has ended into one with room");
    REQ(pipe2(p, O_DIRECT) == 0 && write(p[1], "one", 3) == 3 && write(p[1], "second", 6) == 6);
    CHECK(splice(p[0], NULL, q[1], NULL, 2, 0) == 2 && read(p[0], back, 64) == 1 && back[0] == 'e',
          "splice takes the beginning of a packet");
    CHECK(read(p[0], back, 64) == 6 && !memcmp(back, "second", 6), "and nothing of the next");
    for (int i = 0; i < 2; i++)
        close(p[i]), close(q[i]);
}

int main(void)
{
    for (int i = 0; i < N; i++)
        data[i] = i * 13 + i / 257;
    put_file("in", data, N);
    sending();
    ranges();
    splicing();
    splicing_in_part();
    return tap_end();
}
