// SPDX-License-Identifier: MIT
/*
 * splice, tee, vmsplice, sendfile, copy_file_range: what each refuses, in which order, and what is left where it was when
 * one ends early: positions, what is in the pipe, SIGPIPE.
 */
#include "tests/abi/util.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static volatile sig_atomic_t pipes_broken;
static void broken(int sig)
{
    (void)sig;
    pipes_broken++;
}

static int waiting(int fd)
{
    int n = -1;
    REQ(ioctl(fd, FIONREAD, &n) == 0);
    return n;
}

static void empty(int fd)
{
    static char buf[65536];
    while (waiting(fd) > 0)
        REQ(read(fd, buf, sizeof buf) > 0);
}

static void splice_refuses(void)
{
    int p[2], q[2], r = open("data", O_RDONLY), w = open("data", O_WRONLY), a = open("data", O_WRONLY | O_APPEND);
    int dir = open(".", O_RDONLY | O_DIRECTORY), path = open("data", O_PATH), null = open("/dev/null", O_RDWR);
    off_t off = 0, neg = -1;
    make_pipe(p);
    make_pipe(q);
    CHECK_ERRNO(splice(r, NULL, p[1], NULL, 1, 16), EINVAL, "splice: an unknown flag");
    CHECK_ERRNO(splice(-1, NULL, p[1], NULL, 1, 0), EBADF, "splice: from -1");
    CHECK_ERRNO(splice(r, NULL, -1, NULL, 1, 0), EBADF, "splice: to -1");
    CHECK(splice(-1, NULL, -1, NULL, 0, 0) == 0, "splice: nothing, and not even descriptors");
    CHECK(splice(r, NULL, p[1], NULL, 0, 16) == 0, "splice: nothing, with an unknown flag");
    CHECK_ERRNO(splice(w, NULL, p[1], NULL, 1, 0), EBADF, "splice: from a file open for writing");
    CHECK_ERRNO(splice(p[0], NULL, r, NULL, 1, 0), EBADF, "splice: to a file open for reading");
    CHECK_ERRNO(splice(p[1], NULL, w, NULL, 1, 0), EBADF, "splice: from the end of a pipe to write to");
    CHECK_ERRNO(splice(r, NULL, p[0], NULL, 1, 0), EBADF, "splice: to the end of a pipe to read from");
    CHECK_ERRNO(splice(path, NULL, p[1], NULL, 1, 0), EBADF, "splice: O_PATH");
    CHECK_ERRNO(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL, "splice: a pipe into itself");
    CHECK_ERRNO(splice(dir, NULL, p[1], NULL, 1, 0), EINVAL, "splice: from a directory");
    CHECK_ERRNO(splice(p[0], NULL, a, NULL, 1, 0), EINVAL, "splice: to a file open for appending");
    CHECK_ERRNO(splice(p[0], NULL, q[1], &off, 1, 0), ESPIPE, "splice: an offset of the pipe to go to");
    CHECK_ERRNO(splice(r, &neg, p[1], NULL, 1, 0), EINVAL, "splice: a negative offset");
    CHECK_ERRNO(splice(r, at_addr(8), p[1], NULL, 1, 0), EFAULT, "splice: an offset at a bad address");
    CHECK_ERRNO(splice(p[0], NULL, w, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN, "splice: an empty pipe, not to wait");
    CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN, "splice: of two pipes, not to wait");
    REQ(write(p[1], "abc", 3) == 3);
    CHECK(splice(p[0], NULL, null, NULL, 9, 0) == 3, "splice to /dev/null takes what there is");
    REQ(write(p[1], "abc", 3) == 3);
    off = 5;
    CHECK(splice(p[0], NULL, w, &off, 2, SPLICE_F_MOVE | SPLICE_F_MORE) == 2 && off == 7 && lseek(w, 0, SEEK_CUR) == 0,
          "splice to an offset moves it, not the position");
    CHECK(waiting(p[0]) == 1, "and leaves the rest");
    empty(p[0]);
    lseek(r, 0, SEEK_END);
    CHECK(splice(r, NULL, p[1], NULL, 1, 0) == 0, "splice at the end of a file gives 0");
    off = 1 << 30;
    CHECK(splice(r, &off, p[1], NULL, 1, 0) == 0 && off == 1 << 30, "and far behind it");
    int zero = open("/dev/zero", O_RDONLY);
    CHECK(splice(zero, NULL, p[1], NULL, 5000, 0) == 5000 && waiting(p[0]) == 5000, "splice from /dev/zero");
    int fds[] = {r, w, a, dir, path, null, zero, p[0], p[1], q[0], q[1]};
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

static void splice_breaks(void)
{
    int p[2], q[2], r = open("data", O_RDONLY);
    signal(SIGPIPE, broken);
    make_pipe(p);
    close(p[0]);
    CHECK_ERRNO(splice(r, NULL, p[1], NULL, 3, 0), EPIPE, "splice into a pipe nobody reads");
    CHECK(pipes_broken == 1, "raises SIGPIPE");
    CHECK(lseek(r, 0, SEEK_CUR) == 0, "and reads nothing of the file");
    CHECK_ERRNO(sendfile(p[1], r, NULL, 3), EPIPE, "sendfile likewise");
    CHECK(pipes_broken == 2 && lseek(r, 0, SEEK_CUR) == 0, "with SIGPIPE");
    struct iovec v = {"abc", 3};
    CHECK_ERRNO(vmsplice(p[1], &v, 1, 0), EPIPE, "vmsplice likewise");
    CHECK(pipes_broken == 3, "with SIGPIPE too");
    make_pipe(q);
    REQ(write(q[1], "abc", 3) == 3);
    CHECK_ERRNO(tee(q[0], p[1], 3, 0), EPIPE, "tee likewise");
    CHECK(pipes_broken == 4 && waiting(q[0]) == 3, "with SIGPIPE, and what was to be copied stays");
    CHECK_ERRNO(splice(q[0], NULL, p[1], NULL, 3, 0), EPIPE, "splice of two pipes likewise");
    CHECK(pipes_broken == 5 && waiting(q[0]) == 3, "and takes nothing");
    int s[2];
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    close(s[1]);
    CHECK_ERRNO(splice(q[0], NULL, s[0], NULL, 3, 0), EPIPE, "splice into a socket whose other end is gone");
    CHECK_ERRNO(sendfile(s[0], r, NULL, 3), EPIPE, "sendfile into it");
    close(p[1]);
    close(q[0]);
    close(q[1]);
    close(s[0]);
    close(r);
    signal(SIGPIPE, SIG_DFL);
}

static void sockets(void)
{
    int p[2], s[2], r = open("data", O_RDONLY);
    char buf[32] = "";
    make_pipe(p);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(splice(r, NULL, p[1], NULL, 6, 0) == 6 && splice(p[0], NULL, s[0], NULL, 6, 0) == 6 &&
              read(s[1], buf, 32) == 6 && memcmp(buf, "012345", 6) == 0,
          "splice from a file by a pipe to a socket");
    REQ(write(s[1], "answer", 6) == 6);
    CHECK(splice(s[0], NULL, p[1], NULL, 32, 0) == 6 && read(p[0], buf, 32) == 6 && memcmp(buf, "answer", 6) == 0,
          "splice from a socket into a pipe takes what there is");
    CHECK_ERRNO(splice(s[0], NULL, p[1], NULL, 32, SPLICE_F_NONBLOCK), EAGAIN,
                "splice from an empty socket, not to wait");
    CHECK_ERRNO(splice(s[0], &(off_t){0}, p[1], NULL, 1, 0), EINVAL, "splice: an offset of a socket");
    CHECK(sendfile(s[0], r, &(off_t){1}, 4) == 4 && read(s[1], buf, 32) == 4 && memcmp(buf, "1234", 4) == 0,
          "sendfile to a socket");
    shutdown(s[1], SHUT_WR);
    CHECK(splice(s[0], NULL, p[1], NULL, 32, 0) == 0, "splice from a socket at its end gives 0");
    close(p[0]);
    close(p[1]);
    close(s[0]);
    close(s[1]);
    close(r);
}

static void teeing(void)
{
    int p[2], q[2], r = open("data", O_RDONLY);
    char buf[16];
    make_pipe(p);
    make_pipe(q);
    CHECK_ERRNO(tee(p[0], q[1], 1, 16), EINVAL, "tee: an unknown flag");
    CHECK_ERRNO(tee(r, q[1], 1, 0), EINVAL, "tee: from a file");
    CHECK_ERRNO(tee(p[0], p[1], 1, 0), EINVAL, "tee: a pipe into itself");
    CHECK_ERRNO(tee(p[1], q[1], 1, 0), EBADF, "tee: from the end to write to");
    CHECK_ERRNO(tee(p[0], q[0], 1, 0), EBADF, "tee: to the end to read from");
    CHECK(tee(-1, -1, 0, 0) == 0, "tee: nothing, and not even descriptors");
    CHECK_ERRNO(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK), EAGAIN, "tee: an empty pipe, not to wait");
    REQ(write(p[1], "abcdef", 6) == 6);
    CHECK(tee(p[0], q[1], 3, 0) == 3 && read(q[0], buf, 16) == 3 && memcmp(buf, "abc", 3) == 0 && waiting(p[0]) == 6,
          "tee copies the beginning and leaves all of it");
    REQ(fcntl(q[1], F_SETPIPE_SZ, 4096) == 4096);
    static char page[4096];
    REQ(write(q[1], page, 4096) == 4096);
    CHECK_ERRNO(tee(p[0], q[1], 6, SPLICE_F_NONBLOCK), EAGAIN, "tee into a full pipe, not to wait");
    close(p[1]);
    empty(p[0]);
    empty(q[0]);
    CHECK(tee(p[0], q[1], 1, 0) == 0, "tee of a pipe at its end gives 0");
    close(p[0]);
    close(q[0]);
    close(q[1]);
    close(r);
}

static void vmsplicing(void)
{
    int p[2];
    char a[8] = "", b[8] = "";
    struct iovec v[2] = {{"abc", 3}, {"defg", 4}}, in[2] = {{a, 2}, {b, 8}};
    make_pipe(p);
    CHECK(vmsplice(p[1], v, 2, SPLICE_F_GIFT) == 7 && waiting(p[0]) == 7, "vmsplice gathers");
    CHECK(vmsplice(p[0], in, 2, 0) == 7 && memcmp(a, "ab", 2) == 0 && memcmp(b, "cdefg", 5) == 0, "and scatters");
    CHECK_ERRNO(vmsplice(p[0], in, 2, SPLICE_F_NONBLOCK), EAGAIN, "vmsplice out of an empty pipe, not to wait");
    CHECK_ERRNO(vmsplice(-1, v, 1, 0), EBADF, "vmsplice: -1");
    CHECK(vmsplice(p[1], v, 0, 0) == 0, "vmsplice: no pieces");
    struct iovec bad[2] = {{"abc", 3}, {at_addr(8), 4}};
    CHECK(vmsplice(p[1], bad, 2, 0) == 3 && waiting(p[0]) == 3, "vmsplice: a bad second piece makes it short");
    empty(p[0]);
    static _Alignas(4096) char big[1 << 20];
    struct iovec all = {big, sizeof big};
    CHECK(vmsplice(p[1], &all, 1, 0) == 65536, "vmsplice fills the pipe, and does not wait for the rest");
    CHECK_ERRNO(vmsplice(p[1], &all, 1, SPLICE_F_NONBLOCK), EAGAIN, "vmsplice into a full one, not to wait");
    close(p[0]);
    close(p[1]);
}

static void sending(void)
{
    int r = open("data", O_RDONLY), w = open("sent", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2];
    int dir = open(".", O_RDONLY | O_DIRECTORY), path = open("data", O_PATH);
    make_pipe(p);
    CHECK_ERRNO(sendfile(-1, r, NULL, 1), EBADF, "sendfile: to -1");
    CHECK_ERRNO(sendfile(w, path, NULL, 1), EBADF, "sendfile: from O_PATH");
    CHECK_ERRNO(sendfile(w, dir, NULL, 1), EINVAL, "sendfile: from a directory");
    CHECK(sendfile(w, r, NULL, 0) == 0, "sendfile: nothing");
    CHECK_ERRNO(sendfile(w, r, &(off_t){INT64_MAX}, 10), EINVAL, "sendfile: from the last byte there can be");
    CHECK(sendfile(w, r, &(off_t){1 << 30}, 10) == 0, "sendfile: from behind the end");
    lseek(w, 3, SEEK_SET);
    CHECK(sendfile(w, r, &(off_t){0}, 4) == 4 && lseek(w, 0, SEEK_CUR) == 7 && file_size("sent") == 7,
          "sendfile writes at the position of where it goes");
    CHECK(sendfile(r, w, NULL, 1) == -1 && errno == EBADF, "sendfile: to a file open for reading");
    lseek(w, 0, SEEK_SET);
    CHECK(sendfile(w, w, &(off_t){3}, 2) == 2 && lseek(w, 0, SEEK_CUR) == 2, "sendfile within one file");
    REQ(write(p[1], "abc", 3) == 3);
    lseek(w, 0, SEEK_SET);
    GIVES(sendfile(w, p[0], NULL, 3), EINVAL, "sendfile from a pipe");
    close(r);
    close(w);
    close(p[0]);
    close(p[1]);
    close(dir);
    close(path);
}

static void copying(void)
{
    int r = open("data", O_RDONLY), w = open("copied", O_RDWR | O_CREAT | O_TRUNC, 0600), rw = open("data", O_RDWR);
    int a = open("copied", O_WRONLY | O_APPEND), dir = open(".", O_RDONLY | O_DIRECTORY), wo = open("data", O_WRONLY);
    int proc = open("/proc/version", O_RDONLY), null = open("/dev/null", O_RDWR), p[2];
    off_t in, out;
    make_pipe(p);
    CHECK_ERRNO(copy_file_range(wo, NULL, w, NULL, 1, 0), EBADF, "copy_file_range: from a file open for writing");
    CHECK_ERRNO(copy_file_range(r, NULL, a, NULL, 1, 0), EBADF, "copy_file_range: to a file open for appending");
    CHECK_ERRNO(copy_file_range(r, NULL, dir, NULL, 1, 0), EISDIR, "copy_file_range: to a directory");
    CHECK_ERRNO(copy_file_range(r, NULL, p[1], NULL, 1, 0), EINVAL, "copy_file_range: to a pipe");
    CHECK_ERRNO(copy_file_range(r, NULL, null, NULL, 1, 0), EINVAL, "copy_file_range: to a device");
    CHECK_ERRNO(copy_file_range(-1, NULL, w, NULL, 1, 0), EBADF, "copy_file_range: from -1");
    CHECK_ERRNO(copy_file_range(proc, NULL, w, NULL, 10, 0), EXDEV,
                "copy_file_range: from another kind of file system");
    in = -1, out = 0;
    GIVES(copy_file_range(r, &in, w, &out, 1, 0), EOVERFLOW, "copy_file_range: a negative offset");
    in = 1, out = -1;
    GIVES(copy_file_range(r, &in, w, &out, 5, 0), EOVERFLOW, "copy_file_range: to a negative offset");
    in = INT64_MAX, out = 0;
    GIVES(copy_file_range(r, &in, w, &out, 5, 0), 0, "copy_file_range: from the last offset there is");
    in = -100, out = 0;
    GIVES(copy_file_range(r, &in, w, &out, 5, 0), EINVAL, "copy_file_range: a very negative offset");
    CHECK_ERRNO(copy_file_range(r, at_addr(8), w, NULL, 1, 0), EFAULT, "copy_file_range: an offset at a bad address");
    in = 1 << 30, out = 0;
    CHECK(copy_file_range(r, &in, w, &out, 5, 0) == 0 && in == 1 << 30 && out == 0, "copy_file_range: behind the end");
    in = 2, out = 5;
    CHECK(copy_file_range(r, &in, w, &out, 1000, 0) == 8 && in == 10 && out == 13 && file_size("copied") == 13,
          "copy_file_range: up to the end");
    in = 0, out = 4;
    CHECK_ERRNO(copy_file_range(rw, &in, rw, &out, 5, 0), EINVAL, "copy_file_range: overlapping");
    in = 0, out = 5;
    CHECK(copy_file_range(rw, &in, rw, &out, 5, 0) == 5 && file_is("data", "0123401234"),
          "copy_file_range: side by side");
    in = 8, out = 8;
    GIVES(copy_file_range(rw, &in, rw, &out, 100, 0), EINVAL, "copy_file_range: onto itself");
    in = 5, out = 12;
    CHECK(copy_file_range(rw, &in, rw, &out, 100, 0) == 5, "copy_file_range: overlapping only behind the end");
    CHECK(copy_file_range(r, NULL, w, NULL, 0, 0) == 0, "copy_file_range: nothing");
    int fds[] = {r, w, rw, a, dir, wo, proc, null, p[0], p[1]};
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

int main(void)
{
    put_text("data", "0123456789");
    splice_refuses();
    put_text("data", "0123456789");
    splice_breaks();
    sockets();
    teeing();
    vmsplicing();
    sending();
    copying();
    return tap_end();
}
