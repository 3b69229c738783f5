// SPDX-License-Identifier: MIT
/* Calls on files that few programs make: old ways to set times, advice, write-back by range, attributes of links and of
 * descriptors, pages given to a pipe. */
#include "tests/abi/util.h"

#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <utime.h>

static int times_are(const char *path, long atime, long mtime)
{
    struct stat st;
    return lstat(path, &st) == 0 && st.st_atime == atime && st.st_mtime == mtime;
}

static void times(void)
{
    put_text("t", "x");
    struct utimbuf old = {1000, 2000};
    struct timeval tv[2] = {{3000, 500000}, {4000, 250000}};
    struct stat st;
    CHECK(syscall(SYS_utime, "t", &old) == 0 && times_are("t", 1000, 2000), "utime: both times");
    time_t before = time(NULL);
    CHECK(syscall(SYS_utime, "t", NULL) == 0 && stat("t", &st) == 0 && st.st_mtime >= before,
          "utime without times: now");
    CHECK_ERRNO(syscall(SYS_utime, "none", &old), ENOENT, "utime: no such file");
    CHECK_ERRNO(syscall(SYS_utime, "t", at_addr(8)), EFAULT, "utime: a bad address");
    CHECK(syscall(SYS_utimes, "t", tv) == 0 && stat("t", &st) == 0 && st.st_atim.tv_nsec == 500000000 &&
              times_are("t", 3000, 4000),
          "utimes: microseconds");
    tv[1].tv_usec = 1000000;
    CHECK_ERRNO(syscall(SYS_utimes, "t", tv), EINVAL, "utimes: a second of microseconds");
    tv[1].tv_usec = -1;
    CHECK_ERRNO(syscall(SYS_utimes, "t", tv), EINVAL, "utimes: less than none");
    tv[1] = (struct timeval){6000, 0};
    REQ(mkdir("td", 0755) == 0);
    put_text("td/f", "x");
    int dir = open("td", O_RDONLY | O_DIRECTORY);
    CHECK(syscall(SYS_futimesat, dir, "f", tv) == 0 && times_are("td/f", 3000, 6000), "futimesat: by a directory");
    CHECK(syscall(SYS_futimesat, dir, NULL, tv) == 0 && times_are("td", 3000, 6000),
          "futimesat: the descriptor itself");
    CHECK_ERRNO(syscall(SYS_futimesat, -1, "f", tv), EBADF, "futimesat: a bad descriptor");
    CHECK_CHILD("a stranger may not set times", {
        REQ(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        REQ(syscall(SYS_utime, "t", &old) == -1 && errno == EPERM);
        REQ(syscall(SYS_utime, "t", NULL) == -1 && errno == EACCES);
    });
    put_text("td/g", "other");
    int here = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(syscall(SYS_renameat, dir, "g", here, "moved") == 0 && file_is("moved", "other"),
          "renameat: between directories");
    CHECK_ERRNO(syscall(SYS_renameat, dir, "g", here, "moved"), ENOENT, "renameat: gone");
    CHECK_ERRNO(syscall(SYS_renameat, -1, "moved", here, "x"), EBADF, "renameat: a bad descriptor");
    close(dir), close(here);
}

static void advice(void)
{
    int p[2], dir = open(".", O_RDONLY | O_DIRECTORY);
    put_text("a", "some text");
    int fd = open("a", O_RDWR), wo = open("a", O_WRONLY);
    REQ(pipe(p) == 0);
    for (int i = 0; i < 6; i++)
        REQ(syscall(SYS_fadvise64, fd, 0, 0, i) == 0);
    CHECK(file_is("a", "some text"), "fadvise64: every advice leaves the file as it is");
    CHECK_ERRNO(syscall(SYS_fadvise64, fd, 0, 0, 6), EINVAL, "fadvise64: no such advice");
    CHECK_ERRNO(syscall(SYS_fadvise64, fd, 0, -1L, 0), EINVAL, "fadvise64: a negative length");
    CHECK_ERRNO(syscall(SYS_fadvise64, p[0], 0, 0, 0), ESPIPE, "fadvise64: a pipe");
    CHECK_ERRNO(syscall(SYS_fadvise64, -1, 0, 0, 0), EBADF, "fadvise64: a bad descriptor");
    CHECK(syscall(SYS_readahead, fd, 0L, 4096L) == 0, "readahead");
    CHECK_ERRNO(syscall(SYS_readahead, wo, 0L, 4096L), EBADF, "readahead: not open for reading");
    CHECK_ERRNO(syscall(SYS_readahead, p[0], 0L, 4096L), EINVAL, "readahead: a pipe");
    CHECK_ERRNO(syscall(SYS_readahead, dir, 0L, 4096L), EINVAL, "readahead: a directory");
    CHECK(syscall(SYS_sync_file_range, fd, 0L, 0L, 7) == 0, "sync_file_range: all of it, in all ways");
    CHECK(syscall(SYS_sync_file_range, wo, 0L, 4096L, 2) == 0, "sync_file_range: open for writing only");
    CHECK_ERRNO(syscall(SYS_sync_file_range, fd, 0L, 0L, 8), EINVAL, "sync_file_range: an unknown flag");
    CHECK_ERRNO(syscall(SYS_sync_file_range, fd, -1L, 0L, 0), EINVAL, "sync_file_range: a negative offset");
    CHECK_ERRNO(syscall(SYS_sync_file_range, fd, 1L, -1L, 0), EINVAL, "sync_file_range: a negative count");
    CHECK_ERRNO(syscall(SYS_sync_file_range, p[0], 0L, 0L, 0), ESPIPE, "sync_file_range: a pipe");
    CHECK_ERRNO(syscall(SYS_sync_file_range, -1, 0L, 0L, 0), EBADF, "sync_file_range: a bad descriptor");
    close(fd), close(wo), close(p[0]), close(p[1]), close(dir);
}

#define CAPS "security.capability"
/* A version 2 capability with cap_net_raw in the permitted set. */
static const unsigned char caps[20] = {1, 0, 0, 2, 0, 0x20};

/* User attributes are not everyone's (tmpfs has them since 6.6), those of file capabilities are. */
static void attributes(void)
{
    char value[64], list[256];
    put_text("x", "x");
    REQ(symlink("x", "xl") == 0);
    int fd = open("x", O_RDWR), path = open("x", O_PATH);
    CHECK(fsetxattr(fd, CAPS, caps, sizeof caps, XATTR_CREATE) == 0, "fsetxattr: made");
    CHECK_ERRNO(fsetxattr(fd, CAPS, caps, sizeof caps, XATTR_CREATE), EEXIST, "fsetxattr: there already");
    CHECK(fgetxattr(fd, CAPS, value, sizeof value) == 20 && memcmp(value, caps, 20) == 0, "fgetxattr: its bytes");
    CHECK(fgetxattr(fd, CAPS, NULL, 0) == 20, "fgetxattr: its size");
    CHECK_ERRNO(fgetxattr(fd, CAPS, value, 3), ERANGE, "fgetxattr: too small a buffer");
    CHECK_ERRNO(fgetxattr(fd, "security.none", value, sizeof value), ENODATA, "fgetxattr: none such");
    CHECK_ERRNO(fgetxattr(fd, "nonsense", value, sizeof value), EOPNOTSUPP, "fgetxattr: no such name space");
    CHECK_ERRNO(fgetxattr(path, CAPS, value, sizeof value), EBADF, "fgetxattr: O_PATH");
    CHECK(flistxattr(fd, list, sizeof list) == sizeof CAPS && strcmp(list, CAPS) == 0, "flistxattr: its name");
    CHECK(flistxattr(fd, NULL, 0) == sizeof CAPS, "flistxattr: the size");
    CHECK_ERRNO(flistxattr(fd, list, 2), ERANGE, "flistxattr: too small a buffer");
    CHECK(getxattr("xl", CAPS, value, sizeof value) == 20, "getxattr follows a link");
    CHECK_ERRNO(lgetxattr("xl", CAPS, value, sizeof value), ENODATA, "lgetxattr does not");
    CHECK(llistxattr("xl", list, sizeof list) == 0, "llistxattr: a link without any");
    CHECK(llistxattr("x", list, sizeof list) == sizeof CAPS, "llistxattr: of the file");
    CHECK(lgetxattr("x", CAPS, value, sizeof value) == 20, "lgetxattr: of the file");
    CHECK_ERRNO(lremovexattr("xl", CAPS), ENODATA, "lremovexattr: of a link without any");
    CHECK(lremovexattr("x", CAPS) == 0, "lremovexattr");
    CHECK_ERRNO(fremovexattr(fd, CAPS), ENODATA, "fremovexattr: it is gone");
    REQ(fsetxattr(fd, CAPS, caps, sizeof caps, 0) == 0);
    CHECK(fremovexattr(fd, CAPS) == 0 && flistxattr(fd, list, sizeof list) == 0, "fremovexattr");
    CHECK_ERRNO(fremovexattr(-1, CAPS), EBADF, "fremovexattr: a bad descriptor");
    CHECK_ERRNO(lgetxattr("none", CAPS, value, 1), ENOENT, "lgetxattr: no such file");
    close(fd), close(path);
}

static void pages_to_a_pipe(void)
{
    int p[2], fd = open("a", O_RDWR);
    char one[] = "hello ", two[] = "world", buf[64] = "";
    struct iovec v[2] = {{one, 6}, {two, 5}}, in = {buf, sizeof buf}, bad = {at_addr(8), 4};
    REQ(pipe(p) == 0);
    CHECK(vmsplice(p[1], v, 2, 0) == 11, "vmsplice: into a pipe");
    CHECK(read(p[0], buf, sizeof buf) == 11 && memcmp(buf, "hello world", 11) == 0, "and out by read");
    REQ(write(p[1], "back", 4) == 4);
    CHECK(vmsplice(p[0], &in, 1, 0) == 4 && memcmp(buf, "back", 4) == 0, "vmsplice: out of a pipe");
    CHECK(vmsplice(p[1], v, 0, 0) == 0, "vmsplice: nothing");
    CHECK_ERRNO(vmsplice(p[1], v, 2, 0x100), EINVAL, "vmsplice: an unknown flag");
    CHECK_ERRNO(vmsplice(fd, v, 1, 0), EBADF, "vmsplice: a file");
    CHECK_ERRNO(vmsplice(p[1], &bad, 1, 0), EFAULT, "vmsplice: a bad address");
    CHECK_ERRNO(vmsplice(p[1], v, 1025, 0), EINVAL, "vmsplice: too many pieces");
    REQ(fcntl(p[1], F_SETPIPE_SZ, PAGE) == PAGE);
    static char page[PAGE] __attribute__((aligned(PAGE)));
    struct iovec full = {page, PAGE};
    REQ(vmsplice(p[1], &full, 1, 0) == PAGE);
    CHECK_ERRNO(vmsplice(p[1], v, 1, SPLICE_F_NONBLOCK), EAGAIN, "vmsplice: SPLICE_F_NONBLOCK and a full pipe");
    close(p[0]);
    CHECK_CHILD("vmsplice: nobody reads: SIGPIPE", {
        pid_t pid = tap_fork();
        if (pid == 0) {
            vmsplice(p[1], v, 1, 0);
            _exit(0);
        }
        REQ(WTERMSIG(tap_wait(pid)) == SIGPIPE);
        signal(SIGPIPE, SIG_IGN);
        REQ(vmsplice(p[1], v, 1, 0) == -1 && errno == EPIPE);
    });
    close(p[1]), close(fd);
}

int main(void)
{
    times();
    advice();
    attributes();
    pages_to_a_pipe();
    return tap_end();
}
