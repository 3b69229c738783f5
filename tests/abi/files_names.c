// SPDX-License-Identifier: MIT
/*
 * Names: link, unlink, rename, symlink, mkdir, rmdir, mknod, and what each refuses.
 */
#include "tests/abi/util.h"

#include <sys/sysmacros.h>

static struct stat st_of(const char *path)
{
    struct stat st = {0};
    lstat(path, &st);
    return st;
}

static void linking(void)
{
    put_text("f", "file");
    REQ(mkdir("d", 0755) == 0 && symlink("f", "s") == 0 && symlink("nowhere", "dangling") == 0);
    CHECK(link("f", "g") == 0 && st_of("f").st_ino == st_of("g").st_ino && st_of("f").st_nlink == 2,
          "link makes a second name of one inode");
    put_text("g", "changed");
    CHECK(file_is("f", "changed"), "a write by one name is read by the other");
    CHECK_ERRNO(link("f", "g"), EEXIST, "link onto an existing name");
    CHECK_ERRNO(link("absent", "h"), ENOENT, "link of an absent file");
    CHECK_ERRNO(link("d", "h"), EPERM, "link of a directory");
    CHECK_ERRNO(link("f", "absent/h"), ENOENT, "link into an absent directory");
    CHECK_ERRNO(link("f", "f/h"), ENOTDIR, "link below a file");
    CHECK_ERRNO(link("f", "h/"), ENOENT, "link to a name with a slash at its end");
    CHECK_ERRNO(link("f", "/dev/abi-xdev"), EXDEV, "link across file systems");
    CHECK(link("s", "s2") == 0 && S_ISLNK(st_of("s2").st_mode), "link of a symlink links the symlink");
    CHECK(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW) == 0 && st_of("s3").st_ino == st_of("f").st_ino,
          "AT_SYMLINK_FOLLOW links its target");
    CHECK_ERRNO(linkat(AT_FDCWD, "f", AT_FDCWD, "s4", 1), EINVAL, "linkat with an unknown flag");
    CHECK_ERRNO(link("f", "dangling"), EEXIST, "link onto a dangling symlink");
    CHECK(unlink("s3") == 0 && unlink("g") == 0 && st_of("f").st_nlink == 1, "unlink lowers the link count");
}

static void unlinking(void)
{
    struct stat st;
    char buf[8];
    put_text("u", "still");
    int fd = open("u", O_RDWR);
    CHECK(unlink("u") == 0 && !exists("u"), "unlink removes the name");
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && read(fd, buf, 8) == 5, "an open file outlives its name");
    CHECK(pwrite(fd, "X", 1, 0) == 1 && pread(fd, buf, 8, 0) == 5 && !memcmp(buf, "Xtill", 5), "and takes writes");
    put_text("u", "new");
    CHECK(fstat(fd, &st) == 0 && st.st_ino != st_of("u").st_ino, "a new file of that name is another");
    close(fd);
    CHECK_ERRNO(unlink("absent"), ENOENT, "unlink of an absent file");
    CHECK_ERRNO(unlink("d"), EISDIR, "unlink of a directory");
    CHECK_ERRNO(unlink("u/"), ENOTDIR, "unlink of a file with a slash at its end");
    CHECK_ERRNO(unlink("u/x"), ENOTDIR, "unlink below a file");
    CHECK_ERRNO(unlink(""), ENOENT, "unlink of the empty name");
    CHECK_ERRNO(unlinkat(AT_FDCWD, "u", 1), EINVAL, "unlinkat with an unknown flag");
    CHECK_ERRNO(unlinkat(AT_FDCWD, "u", AT_REMOVEDIR), ENOTDIR, "AT_REMOVEDIR on a file");
    CHECK(unlink("s2") == 0 && exists("f"), "unlink of a symlink leaves its target");
}

static void directories(void)
{
    CHECK(mkdir("m", 0751) == 0 && (st_of("m").st_mode & 07777) == 0751, "mkdir makes a directory with its mode");
    CHECK(st_of("m").st_nlink == 2, "an empty directory has two links");
    CHECK(mkdir("m/sub", 0700) == 0 && st_of("m").st_nlink == 3, "each subdirectory adds one");
    CHECK_ERRNO(mkdir("m", 0700), EEXIST, "mkdir of an existing directory");
    CHECK_ERRNO(mkdir("f", 0700), EEXIST, "mkdir of an existing file");
    CHECK_ERRNO(mkdir("dangling", 0700), EEXIST, "mkdir of a dangling symlink");
    CHECK_ERRNO(mkdir("absent/x", 0700), ENOENT, "mkdir in an absent directory");
    CHECK_ERRNO(mkdir("f/x", 0700), ENOTDIR, "mkdir below a file");
    CHECK_ERRNO(mkdir(".", 0700), EEXIST, "mkdir of .");
    CHECK(mkdir("slash/", 0700) == 0 && rmdir("slash/") == 0, "mkdir and rmdir take a slash at the end");
    CHECK_ERRNO(rmdir("m"), ENOTEMPTY, "rmdir of a directory in use");
    CHECK_ERRNO(rmdir("m/."), EINVAL, "rmdir of .");
    CHECK_ERRNO(rmdir("m/sub/.."), ENOTEMPTY, "rmdir of ..");
    CHECK_ERRNO(rmdir("/"), EBUSY, "rmdir of the root");
    CHECK_ERRNO(rmdir("f"), ENOTDIR, "rmdir of a file");
    CHECK_ERRNO(rmdir("s"), ENOTDIR, "rmdir of a symlink");
    CHECK_ERRNO(rmdir("absent"), ENOENT, "rmdir of an absent name");
    int fd = open("m/sub", O_RDONLY);
    struct stat st;
    CHECK(unlinkat(fd, "../sub", AT_REMOVEDIR) == 0 && st_of("m").st_nlink == 2, "rmdir takes the link away");
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0, "an open directory outlives its name");
    CHECK_ERRNO(mkdirat(fd, "x", 0700), ENOENT, "but takes no new names");
    close(fd);
}

static void symlinks(void)
{
    char buf[64];
    CHECK(symlink("some/where", "l") == 0 && st_of("l").st_size == 10 && S_ISLNK(st_of("l").st_mode),
          "symlink makes a link as long as its target");
    CHECK((st_of("l").st_mode & 07777) == 0777, "its mode is 0777");
    CHECK(readlink("l", buf, sizeof buf) == 10 && !memcmp(buf, "some/where", 10), "readlink gives the target");
    CHECK(readlink("l", buf, 4) == 4 && !memcmp(buf, "some", 4), "readlink cuts what does not fit");
    CHECK_ERRNO(readlink("l", buf, 0), EINVAL, "readlink into no bytes");
    CHECK_ERRNO(readlink("f", buf, 8), EINVAL, "readlink of a file");
    CHECK_ERRNO(readlink("absent", buf, 8), ENOENT, "readlink of an absent name");
    CHECK_ERRNO(readlink("l", at_addr(8), 8), EFAULT, "readlink into a bad address");
    CHECK_ERRNO(symlink("x", "l"), EEXIST, "symlink onto an existing name");
    CHECK_ERRNO(symlink("", "e"), ENOENT, "a symlink to nothing");
    char longest[4097];
    memset(longest, 'a', 4096);
    longest[4096] = 0;
    CHECK_ERRNO(symlink(longest, "e"), ENAMETOOLONG, "a target of 4096 bytes");
    longest[4000] = 0;
    CHECK(symlink(longest, "long") == 0 && st_of("long").st_size == 4000, "a target of 4000 bytes");
}

static void renaming(void)
{
    put_text("r1", "one");
    put_text("r2", "two");
    ino_t ino = st_of("r1").st_ino;
    CHECK(rename("r1", "r3") == 0 && !exists("r1") && st_of("r3").st_ino == ino, "rename moves the inode");
    CHECK(rename("r3", "r2") == 0 && file_is("r2", "one"), "rename replaces a file");
    REQ(link("r2", "r4") == 0);
    CHECK(rename("r2", "r4") == 0 && exists("r2") && exists("r4"), "rename of two names of one inode does nothing");
    CHECK(rename("r2", "r2") == 0 && exists("r2"), "rename onto itself");
    REQ(mkdir("da", 0755) == 0 && mkdir("db", 0755) == 0 && mkdir("da/in", 0755) == 0);
    CHECK(rename("da", "db") == 0 && exists("db/in"), "rename replaces an empty directory");
    REQ(mkdir("dc", 0755) == 0);
    CHECK_ERRNO(rename("dc", "db"), ENOTEMPTY, "rename onto a directory in use");
    CHECK_ERRNO(rename("r2", "dc"), EISDIR, "rename of a file onto a directory");
    CHECK_ERRNO(rename("dc", "r2"), ENOTDIR, "rename of a directory onto a file");
    CHECK_ERRNO(rename("db", "db/in/x"), EINVAL, "rename of a directory into itself");
    CHECK_ERRNO(rename("db/in", "db"), ENOTEMPTY, "rename of a directory onto its parent");
    CHECK_ERRNO(rename("absent", "x"), ENOENT, "rename of an absent name");
    CHECK_ERRNO(rename("r2", "absent/x"), ENOENT, "rename into an absent directory");
    CHECK_ERRNO(rename("dc/.", "x"), EBUSY, "rename of .");
    CHECK_ERRNO(rename("r2", "x/"), ENOTDIR, "rename of a file to a name with a slash at its end");
    CHECK_ERRNO(rename("r2", "/proc/x"), EXDEV, "rename across file systems");
    CHECK(rename("dc/", "dd/") == 0 && exists("dd"), "directories may carry a slash at the end");
    CHECK(rename("s", "s5") == 0 && S_ISLNK(st_of("s5").st_mode), "rename of a symlink moves the symlink");
    struct stat up, parent;
    CHECK(rename("db/in", "dd/in") == 0 && stat("dd/in/..", &up) == 0 && stat("dd", &parent) == 0 &&
              up.st_ino == parent.st_ino && st_of("db").st_nlink == 2 && st_of("dd").st_nlink == 3,
          "a directory that moves gets its new parent as ..");
}

static int renameat2_(const char *a, const char *b, unsigned flags)
{
    return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

static void renaming2(void)
{
    put_text("n1", "one");
    put_text("n2", "two");
    CHECK_ERRNO(renameat2_("n1", "n2", RENAME_NOREPLACE), EEXIST, "RENAME_NOREPLACE onto an existing name");
    CHECK(renameat2_("n1", "n3", RENAME_NOREPLACE) == 0 && exists("n3"), "RENAME_NOREPLACE to a new name");
    CHECK(renameat2_("n2", "n3", RENAME_EXCHANGE) == 0 && file_is("n2", "one") && file_is("n3", "two"),
          "RENAME_EXCHANGE of two files");
    CHECK(renameat2_("n2", "dd", RENAME_EXCHANGE) == 0 && exists("n2/in") && file_is("dd", "one"),
          "RENAME_EXCHANGE of a file and a directory");
    CHECK_ERRNO(renameat2_("n3", "absent", RENAME_EXCHANGE), ENOENT, "RENAME_EXCHANGE with an absent name");
    CHECK_ERRNO(renameat2_("n3", "x", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL, "both flags at once");
    CHECK_ERRNO(renameat2_("n3", "x", 0x100), EINVAL, "an unknown flag");
}

static void nodes(void)
{
    CHECK(mknod("nf", S_IFREG | 0600, 0) == 0 && S_ISREG(st_of("nf").st_mode), "mknod of a file");
    CHECK(mknod("nz", 0600, 0) == 0 && S_ISREG(st_of("nz").st_mode), "mknod without a type makes a file");
    CHECK(mknod("np", S_IFIFO | 0600, 0) == 0 && S_ISFIFO(st_of("np").st_mode), "mknod of a FIFO");
    CHECK(mkfifo("np2", 0644) == 0, "mkfifo");
    CHECK(mknod("ns", S_IFSOCK | 0600, 0) == 0 && S_ISSOCK(st_of("ns").st_mode), "mknod of a socket");
    CHECK_ERRNO(open("ns", O_RDWR), ENXIO, "open of a socket's name");
    CHECK(mknod("nc", S_IFCHR | 0600, makedev(1, 3)) == 0 && st_of("nc").st_rdev == makedev(1, 3), "mknod of a device");
    char c;
    int fd = open("nc", O_RDWR);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && read(fd, &c, 1) == 0, "a device node 1:3 is /dev/null");
    close(fd);
    CHECK(mknod("nx", S_IFCHR | 0600, makedev(240, 77)) == 0, "mknod of a device nobody serves");
    CHECK_ERRNO(open("nx", O_RDWR), ENXIO, "its open");
    CHECK_ERRNO(mknod("nd", S_IFDIR | 0700, 0), EPERM, "mknod of a directory");
    CHECK_ERRNO(mknod("nf", S_IFREG | 0600, 0), EEXIST, "mknod of an existing name");
    CHECK_ERRNO(mknod("ne", S_IFLNK | 0600, 0), EINVAL, "mknod of a symlink");
    CHECK(chmod(".", 0777) == 0, "let anybody write here");
    CHECK_CHILD("mknod of a device needs root", {
        drop_root();
        REQ(mknod("user", S_IFCHR | 0600, makedev(1, 3)) == -1 && errno == EPERM);
        REQ(mknod("userpipe", S_IFIFO | 0600, 0) == 0);
    });
}

int main(void)
{
    umask(0);
    linking();
    unlinking();
    directories();
    symlinks();
    renaming();
    renaming2();
    nodes();
    return tap_end();
}
