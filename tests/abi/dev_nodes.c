// SPDX-License-Identifier: MIT
/*
 * Devices: /dev/null, zero, full, random, urandom, tty, the descriptors' names, /dev/shm.
 */
#include "tests/abi/util.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

static char buf[8192], other[8192];

static int is_device(const char *path, int major, int minor, mode_t mode)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(major, minor) &&
           (st.st_mode & 0777) == mode;
}

static void nodes(void)
{
    CHECK(is_device("/dev/null", 1, 3, 0666), "/dev/null is 1:3, for all");
    CHECK(is_device("/dev/zero", 1, 5, 0666), "/dev/zero is 1:5");
    CHECK(is_device("/dev/full", 1, 7, 0666), "/dev/full is 1:7");
    CHECK(is_device("/dev/random", 1, 8, 0666), "/dev/random is 1:8");
    CHECK(is_device("/dev/urandom", 1, 9, 0666), "/dev/urandom is 1:9");
    CHECK(is_device("/dev/tty", 5, 0, 0666), "/dev/tty is 5:0");
}

static void null(void)
{
    int fd = open("/dev/null", O_RDWR);
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    CHECK(read(fd, buf, 100) == 0, "/dev/null is at its end");
    CHECK(write(fd, buf, 8192) == 8192 && write(fd, at_addr(8), 100) == 100, "and takes everything unseen");
    CHECK(lseek(fd, 500, SEEK_SET) >= 0, "it can be sought");
    CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT), "and is always ready");
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL, "it cannot be truncated");
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV, "nor mapped");
    CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, buf), ENOTTY, "and is no terminal");
    close(fd);
    fd = open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0600);
    CHECK(fd >= 0, "O_CREAT and O_TRUNC do no harm");
    close(fd);
}

static int zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return 0;
    return 1;
}

static void zeros(void)
{
    int fd = open("/dev/zero", O_RDWR);
    memset(buf, 1, sizeof buf);
    CHECK(read(fd, buf, sizeof buf) == sizeof buf && zero(buf, sizeof buf), "/dev/zero gives zeros");
    CHECK(write(fd, buf, 100) == 100, "and takes everything");
    CHECK_ERRNO(read(fd, at_addr(8), 100), EFAULT, "but needs a place for them");
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED && zero(p, 2 * PAGE) && (p[5] = 1), "mapped private it is memory");
    munmap(p, 2 * PAGE);
    close(fd);
    fd = open("/dev/full", O_RDWR);
    memset(buf, 1, 100);
    CHECK(read(fd, buf, 100) == 100 && zero(buf, 100), "/dev/full gives zeros");
    CHECK_ERRNO(write(fd, buf, 1), ENOSPC, "and takes nothing");
    close(fd);
}

static void random_devices(void)
{
    static const char *const names[] = {"/dev/random", "/dev/urandom"};
    int good = 1, written = 1;
    for (int i = 0; i < 2; i++) {
        int fd = open(names[i], O_RDWR);
        good &=
            read(fd, buf, 4096) == 4096 && read(fd, other, 4096) == 4096 && memcmp(buf, other, 4096) && !zero(buf, 16);
        written &= write(fd, "seed", 4) == 4;
        struct pollfd p = {fd, POLLIN, 0};
        good &= poll(&p, 1, 0) == 1;
        close(fd);
    }
    CHECK(good, "/dev/random and /dev/urandom give other bytes each time, at once");
    CHECK(written, "they take bytes");
}

static void descriptors(void)
{
    char path[64], target[64] = "";
    struct stat a, b;
    put_text("f", "content");
    int fd = open("f", O_RDWR);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    CHECK(stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino, "/dev/fd/N is the descriptor's file");
    CHECK(readlink("/dev/fd", target, sizeof target) > 0 && !strncmp(target, "/proc/self/fd", 13),
          "/dev/fd is /proc/self/fd");
    CHECK(lstat("/dev/stdin", &a) == 0 && S_ISLNK(a.st_mode) && lstat("/dev/stdout", &a) == 0 &&
              lstat("/dev/stderr", &a) == 0,
          "/dev/stdin, stdout and stderr are symlinks");
    read(fd, buf, 3);
    int again = open(path, O_RDWR);
    CHECK(again >= 0 && lseek(again, 0, SEEK_CUR) == 0, "opening it opens the file anew");
    close(again);
    close(fd);
    CHECK_ERRNO(open(path, O_RDWR), ENOENT, "a closed one is not there");
}

static void shared_memory(void)
{
    struct stat st;
    if (stat("/dev/shm", &st) < 0) {
        SKIP("/dev/shm is a directory for all, sticky", "no /dev/shm");
        SKIP("a file in it can be made, mapped and removed", "no /dev/shm");
        return;
    }
    CHECK(S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 01777, "/dev/shm is a directory for all, sticky");
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/abi-%d", getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    REQ(fd >= 0 && ftruncate(fd, PAGE) == 0);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[0] = 's';
    CHECK(pread(fd, buf, 1, 0) == 1 && buf[0] == 's' && unlink(path) == 0,
          "a file in it can be made, mapped and removed");
    munmap(p, PAGE);
    close(fd);
}

static void refusals(void)
{
    CHECK_ERRNO(open("/dev/absent", O_RDONLY), ENOENT, "a device that is not there");
    CHECK_ERRNO(open("/dev/null/x", O_RDONLY), ENOTDIR, "a name below a device");
    CHECK_ERRNO(open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR, "a device opened as a directory");
    CHECK_CHILD("a user may write /dev/null and read /dev/urandom", {
        drop_root();
        int fd = open("/dev/null", O_WRONLY);
        REQ(fd >= 0 && write(fd, "x", 1) == 1);
        fd = open("/dev/urandom", O_RDONLY);
        REQ(read(fd, buf, 8) == 8);
    });
    CHECK_CHILD("a user makes no devices", {
        drop_root();
        REQ(mknod("/dev/abi", S_IFCHR | 0600, makedev(1, 3)) == -1);
        REQ(errno == EACCES || errno == EPERM);
    });
}

int main(void)
{
    nodes();
    null();
    zeros();
    random_devices();
    descriptors();
    shared_memory();
    refusals();
    return tap_end();
}
