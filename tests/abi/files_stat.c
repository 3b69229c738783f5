// SPDX-License-Identifier: MIT
/*
 * Attributes: stat and its family, chmod, chown, utimensat, umask, extended attributes.
 */
#include "tests/abi/util.h"

#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>

static struct stat st_of(const char *path)
{
    struct stat st = {0};
    lstat(path, &st);
    return st;
}

static void stat_family(void)
{
    struct stat a, b;
    put_text("f", "12345");
    REQ(symlink("f", "l") == 0);
    int fd = open("f", O_RDONLY);
    CHECK(stat("f", &a) == 0 && S_ISREG(a.st_mode) && a.st_size == 5 && a.st_nlink == 1 && a.st_uid == 0, "stat");
    CHECK(a.st_blksize >= 512 && a.st_blocks > 0 && a.st_ino != 0, "block size, blocks and inode number are set");
    CHECK(fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev, "fstat agrees");
    CHECK(stat("l", &b) == 0 && b.st_ino == a.st_ino, "stat follows a symlink");
    CHECK(lstat("l", &b) == 0 && S_ISLNK(b.st_mode) && b.st_ino != a.st_ino, "lstat does not");
    CHECK(fstatat(AT_FDCWD, "l", &b, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(b.st_mode), "AT_SYMLINK_NOFOLLOW");
    CHECK(fstatat(fd, "", &b, AT_EMPTY_PATH) == 0 && b.st_ino == a.st_ino, "AT_EMPTY_PATH is the descriptor itself");
    CHECK_ERRNO(fstatat(fd, "", &b, 0), ENOENT, "the empty path without the flag");
    CHECK_ERRNO(fstatat(AT_FDCWD, "f", &b, 0x40000000), EINVAL, "an unknown flag");
    CHECK_ERRNO(fstatat(-1, "f", &b, 0), EBADF, "fstatat of a bad descriptor");
    CHECK_ERRNO(fstatat(fd, "x", &b, 0), ENOTDIR, "fstatat below a file");
    CHECK_ERRNO(syscall(SYS_fstat, -1, &b), EBADF, "fstat of -1");
    CHECK_ERRNO(syscall(SYS_stat, "f", at_addr(8)), EFAULT, "stat into a bad address");
    CHECK(stat("/dev/null", &b) == 0 && S_ISCHR(b.st_mode) && b.st_rdev == makedev(1, 3), "stat of a device");
    close(fd);
}

static void statx_facts(void)
{
    struct statx x;
    struct stat st = st_of("f");
    CHECK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x) == 0 && (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS,
          "statx fills the basic fields");
    CHECK(x.stx_ino == st.st_ino && x.stx_size == 5 && x.stx_mode == st.st_mode && x.stx_nlink == 1 &&
              x.stx_uid == st.st_uid && makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev,
          "statx agrees with stat");
    CHECK(x.stx_mtime.tv_sec == st.st_mtim.tv_sec && x.stx_mtime.tv_nsec == (unsigned)st.st_mtim.tv_nsec,
          "statx's times too");
    CHECK(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x) == 0 && S_ISLNK(x.stx_mode), "statx of a symlink");
    int fd = open("f", O_RDONLY);
    CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x) == 0 && x.stx_size == 5, "statx of a descriptor");
    close(fd);
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0, STATX__RESERVED, &x), EINVAL, "the reserved mask bit");
    CHECK_ERRNO(statx(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, STATX_TYPE, &x), EINVAL, "both sync flags at once");
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0x40000000, STATX_TYPE, &x), EINVAL, "an unknown statx flag");
    CHECK_ERRNO(statx(AT_FDCWD, "absent", 0, STATX_TYPE, &x), ENOENT, "statx of an absent file");
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0, STATX_TYPE, at_addr(8)), EFAULT, "statx into a bad address");
}

static void modes(void)
{
    int fd = open("f", O_RDONLY);
    CHECK(chmod("f", 06754) == 0 && (st_of("f").st_mode & 07777) == 06754, "chmod sets all twelve bits");
    CHECK(chmod("f", 0170644) == 0 && (st_of("f").st_mode) == (S_IFREG | 0644), "chmod leaves the type");
    CHECK(fchmod(fd, 0600) == 0 && (st_of("f").st_mode & 07777) == 0600, "fchmod");
    CHECK(chmod("l", 0640) == 0 && (st_of("f").st_mode & 07777) == 0640, "chmod follows a symlink");
    CHECK(fchmodat(AT_FDCWD, "f", 0644, 0) == 0 && (st_of("f").st_mode & 07777) == 0644, "fchmodat");
    CHECK_ERRNO(chmod("absent", 0600), ENOENT, "chmod of an absent file");
    CHECK_ERRNO(fchmod(-1, 0600), EBADF, "fchmod of -1");
    CHECK_CHILD("chmod of another's file", {
        drop_root();
        REQ(chmod("f", 0777) == -1 && errno == EPERM);
    });
    close(fd);
    REQ(mkdir("sg", 02777) == 0 && chown("sg", 0, 4242) == 0 && chmod("sg", 02777) == 0);
    put_text("sg/f", "x");
    REQ(mkdir("sg/d", 0755) == 0);
    CHECK(st_of("sg/f").st_gid == 4242, "a file in a set-group-ID directory gets its group");
    CHECK(st_of("sg/d").st_gid == 4242 && (st_of("sg/d").st_mode & S_ISGID), "a directory also inherits the bit");
    CHECK_CHILD("S_ISGID goes when the owner is not in the group", {
        REQ(chown("f", NOBODY, 4242) == 0);
        drop_root();
        REQ(chmod("f", 02755) == 0 && (st_of("f").st_mode & 07777) == 0755);
    });
    REQ(chown("f", 0, 0) == 0 && chmod("f", 0644) == 0);
}

static void masks(void)
{
    mode_t old = umask(027);
    CHECK(umask(027) == 027, "umask returns the one before");
    int fd = open("um", O_CREAT | O_RDWR, 0666);
    CHECK((st_of("um").st_mode & 07777) == 0640, "umask takes bits from a new file");
    close(fd);
    CHECK(mkdir("umd", 0777) == 0 && (st_of("umd").st_mode & 07777) == 0750, "and from a new directory");
    CHECK(mkfifo("ump", 0666) == 0 && (st_of("ump").st_mode & 07777) == 0640, "and from a new FIFO");
    CHECK(chmod("um", 0666) == 0 && (st_of("um").st_mode & 07777) == 0666, "but not from chmod");
    CHECK(umask(07777) == 027 && umask(0) == 0777, "umask keeps nine bits");
    CHECK_CHILD("a child's umask is its own", umask(077));
    CHECK(umask(old) == 0, "and not its parent's");
}

static void owners(void)
{
    struct stat st;
    REQ(chmod("f", 06755) == 0);
    CHECK(chown("f", 1000, 2000) == 0 && (st = st_of("f"), st.st_uid == 1000 && st.st_gid == 2000), "chown");
    CHECK((st.st_mode & 07777) == 0755, "chown takes the set-ID bits away, for root too");
    CHECK(chown("f", -1, 3000) == 0 && (st = st_of("f"), st.st_uid == 1000 && st.st_gid == 3000), "-1 keeps the owner");
    CHECK(chown("f", 70000, -1) == 0 && (st = st_of("f"), st.st_uid == 70000 && st.st_gid == 3000),
          "-1 keeps the group; owners have 32 bits");
    CHECK(lchown("l", 5, 6) == 0 && st_of("l").st_uid == 5 && st_of("f").st_uid == 70000, "lchown changes the symlink");
    int fd = open("f", O_RDONLY);
    CHECK(fchown(fd, 0, 0) == 0 && st_of("f").st_uid == 0, "fchown");
    CHECK(fchownat(fd, "", 7, 7, AT_EMPTY_PATH) == 0 && st_of("f").st_uid == 7, "fchownat with AT_EMPTY_PATH");
    close(fd);
    CHECK_ERRNO(fchownat(AT_FDCWD, "f", 0, 0, 0x40000000), EINVAL, "fchownat with an unknown flag");
    CHECK_ERRNO(chown("absent", 0, 0), ENOENT, "chown of an absent file");
    REQ(chown("f", NOBODY, NOBODY) == 0);
    CHECK_CHILD("an owner cannot give a file away", {
        drop_root();
        REQ(chown("f", 1, -1) == -1 && errno == EPERM);
        REQ(chown("f", -1, 1) == -1 && errno == EPERM);
        REQ(chown("f", NOBODY, NOBODY) == 0);
    });
    REQ(chown("f", 0, 0) == 0);
}

static int close_to_now(struct timespec t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return llabs((long long)(now.tv_sec - t.tv_sec)) <= 10;
}

static void times(void)
{
    struct timespec set[2] = {{1000000001, 5}, {1000000002, 999999999}}, omit[2] = {{7, 0}, {0, UTIME_OMIT}};
    struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}}, bad[2] = {{0, 1000000000}, {0, 0}};
    struct stat st;
    CHECK(utimensat(AT_FDCWD, "f", set, 0) == 0 &&
              (st = st_of("f"),
               st.st_atim.tv_sec == 1000000001 && st.st_mtim.tv_sec == 1000000002 && st.st_mtim.tv_nsec == 999999999),
          "utimensat sets both, in nanoseconds");
    CHECK(close_to_now(st.st_ctim), "and the change time is now");
    CHECK(utimensat(AT_FDCWD, "f", omit, 0) == 0 &&
              (st = st_of("f"), st.st_atim.tv_sec == 7 && st.st_mtim.tv_sec == 1000000002),
          "UTIME_OMIT leaves one");
    CHECK(utimensat(AT_FDCWD, "f", now, 0) == 0 &&
              (st = st_of("f"), close_to_now(st.st_atim) && st.st_mtim.tv_sec == 1000000002),
          "UTIME_NOW");
    CHECK(utimensat(AT_FDCWD, "l", set, AT_SYMLINK_NOFOLLOW) == 0 && st_of("l").st_mtim.tv_sec == 1000000002,
          "utimensat of a symlink");
    CHECK(utimensat(AT_FDCWD, "f", NULL, 0) == 0 && close_to_now(st_of("f").st_mtim), "no times mean now");
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL, "too many nanoseconds");
    CHECK_ERRNO(utimensat(AT_FDCWD, "absent", set, 0), ENOENT, "utimensat of an absent file");
    int fd = open("f", O_RDWR);
    CHECK(futimens(fd, set) == 0 && st_of("f").st_mtim.tv_sec == 1000000002, "futimens");
    CHECK(write(fd, "x", 1) == 1 && close_to_now(st_of("f").st_mtim), "a write sets the modification time");
    REQ(futimens(fd, set) == 0);
    CHECK(ftruncate(fd, 5) == 0 && close_to_now(st_of("f").st_mtim), "ftruncate to the same size too");
    close(fd);
    REQ(mkdir("td", 0755) == 0 && utimensat(AT_FDCWD, "td", set, 0) == 0);
    put_text("td/x", "");
    CHECK(close_to_now(st_of("td").st_mtim), "a new name sets the directory's");
    REQ(utimensat(AT_FDCWD, "td", set, 0) == 0 && unlink("td/x") == 0);
    CHECK(close_to_now(st_of("td").st_mtim), "a removed name too");
    REQ(chmod("f", 0666) == 0);
    CHECK_CHILD("who may write may set the times to now, not to others", {
        drop_root();
        REQ(utimensat(AT_FDCWD, "f", NULL, 0) == 0);
        REQ(utimensat(AT_FDCWD, "f", set, 0) == -1 && errno == EPERM);
    });
}

static void attributes(void)
{
    char buf[64];
    CHECK(setxattr("f", "user.a", "value", 5, 0) == 0 && getxattr("f", "user.a", buf, 64) == 5 &&
              !memcmp(buf, "value", 5),
          "setxattr and getxattr");
    CHECK(getxattr("f", "user.a", NULL, 0) == 5, "a size of 0 asks for the length");
    CHECK_ERRNO(getxattr("f", "user.a", buf, 3), ERANGE, "a value that does not fit");
    CHECK_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST, "XATTR_CREATE of an existing one");
    CHECK_ERRNO(setxattr("f", "user.b", "x", 1, XATTR_REPLACE), ENODATA, "XATTR_REPLACE of an absent one");
    CHECK_ERRNO(setxattr("f", "user.b", "x", 1, 4), EINVAL, "an unknown xattr flag");
    CHECK_ERRNO(setxattr("f", "nonsense", "x", 1, 0), EOPNOTSUPP, "a name without a known prefix");
    CHECK(setxattr("f", "user.bb", "", 0, 0) == 0 && getxattr("f", "user.bb", buf, 64) == 0, "an empty value");
    CHECK(listxattr("f", buf, 64) == 15 && memmem(buf, 15, "user.a", 7) && memmem(buf, 15, "user.bb", 8), "listxattr");
    CHECK_ERRNO(listxattr("f", buf, 5), ERANGE, "a list that does not fit");
    CHECK(removexattr("f", "user.a") == 0 && listxattr("f", NULL, 0) == 8, "removexattr");
    CHECK_ERRNO(getxattr("f", "user.a", buf, 64), ENODATA, "a removed attribute");
    CHECK_ERRNO(removexattr("f", "user.a"), ENODATA, "removing it again");
    CHECK_ERRNO(lsetxattr("l", "user.a", "x", 1, 0), EPERM, "user attributes on a symlink");
    CHECK_ERRNO(setxattr("f", "trusted.t", "x", 1, 0), EPERM, "a trusted attribute needs CAP_SYS_ADMIN");
    CHECK_CHILD("and is not seen without", {
        drop_root();
        REQ(getxattr("f", "trusted.t", buf, 64) == -1 && errno == ENODATA);
        REQ(listxattr("f", buf, 64) == 8);
    });
}

int main(void)
{
    umask(0);
    REQ(chmod(".", 0755) == 0);
    stat_family();
    statx_facts();
    modes();
    masks();
    owners();
    times();
    attributes();
    return tap_end();
}
