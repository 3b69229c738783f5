// SPDX-License-Identifier: MIT
/* inotify: which call makes which events, in which order, for a watched directory and for a watched file; flags of a
 * watch; what a read gives. Limits, life and races: inotify_life.c. */
#include "tests/abi/inotify.h"

#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static int in;

/* A fact: since the last one just these events came. */
#define EVENTS(want, name) CHECK(same_events(in, want), name)

static void renew(void)
{
    if (in)
        close(in);
    in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    REQ(in >= 0);
}

static int watch(const char *path, unsigned mask)
{
    int wd = inotify_add_watch(in, path, mask);
    REQ(wd > 0);
    return wd;
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0644);
    REQ(fd >= 0);
    return fd;
}

static void calls(void)
{
    char buf[64];
    CHECK_ERRNO(inotify_init1(1), EINVAL, "an unknown flag of inotify_init1");
    renew();
    CHECK(fcntl(in, F_GETFL) == (O_RDONLY | O_NONBLOCK) && fcntl(in, F_GETFD) == FD_CLOEXEC, "its flags");
    int fd = (int)syscall(SYS_inotify_init);
    CHECK(fd >= 0 && fcntl(fd, F_GETFL) == O_RDONLY && fcntl(fd, F_GETFD) == 0, "inotify_init sets none");
    close(fd);
    CHECK_ERRNO(read(in, buf, sizeof buf), EAGAIN, "nothing to read");
    CHECK_ERRNO(read(in, buf, 0), EAGAIN, "not even for a read of nothing");
    CHECK_ERRNO(write(in, "x", 1), EBADF, "it cannot be written");
    CHECK_ERRNO(pread(in, buf, sizeof buf, 0), ESPIPE, "it has no position");
    CHECK(lseek(in, 7, SEEK_SET) == 0, "lseek changes nothing");
    CHECK_ERRNO(ioctl(in, TIOCGWINSZ, buf), ENOTTY, "it is no terminal");
    CHECK_ERRNO(inotify_rm_watch(in, 1), EINVAL, "a watch that is not there is not removed");
    CHECK_ERRNO(inotify_rm_watch(in, -1), EINVAL, "nor is number -1");
    CHECK_ERRNO(inotify_rm_watch(99, 1), EBADF, "nor that of no file");
    CHECK_ERRNO(inotify_rm_watch(1, 1), EINVAL, "nor that of another file");
}

static void what_is_refused(void)
{
    int path_only = open_file(".", O_PATH);
    CHECK_ERRNO(inotify_add_watch(in, ".", 0), EINVAL, "a watch for nothing");
    CHECK_ERRNO(inotify_add_watch(in, ".", 0x10000), EINVAL, "for an unknown event");
    CHECK_ERRNO(inotify_add_watch(in, ".", IN_OPEN | 0x10000), EINVAL, "an unknown event beside a known one");
    CHECK_ERRNO(inotify_add_watch(in, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL, "MASK_ADD and MASK_CREATE");
    CHECK_ERRNO(inotify_add_watch(99, ".", IN_OPEN), EBADF, "for no file");
    CHECK_ERRNO(inotify_add_watch(path_only, ".", IN_OPEN), EBADF, "for a file opened with O_PATH");
    CHECK_ERRNO(inotify_add_watch(99, ".", 0), EINVAL, "the mask is looked at first");
    CHECK_ERRNO(inotify_add_watch(1, ".", IN_OPEN), EINVAL, "for a file that is no inotify");
    CHECK_ERRNO(inotify_add_watch(1, at_addr(8), IN_OPEN), EINVAL, "which is seen before the name");
    CHECK_ERRNO(inotify_add_watch(in, at_addr(8), IN_OPEN), EFAULT, "a name that is not there");
    CHECK_ERRNO(inotify_add_watch(in, "", IN_OPEN), ENOENT, "an empty name");
    CHECK_ERRNO(inotify_add_watch(in, "missing", IN_OPEN), ENOENT, "the name of nothing");
    put_text("plain", "");
    CHECK_ERRNO(inotify_add_watch(in, "plain", IN_OPEN | IN_ONLYDIR), ENOTDIR, "ONLYDIR and a file");
    REQ(mkdir("closed", 0333) == 0);
    CHECK_CHILD("what may not be read may not be watched", drop_root();
                REQ(FAILS(inotify_add_watch(in, "closed", IN_OPEN), EACCES)));
    CHECK(inotify_add_watch(in, "plain", IN_ONESHOT) > 0, "a watch for no event but with a flag");
    close(path_only);
    REQ(unlink("plain") == 0 && rmdir("closed") == 0);
}

static void files_in_a_directory(void)
{
    char c;
    renew();
    REQ(mkdir("d", 0755) == 0);
    CHECK(watch("d", IN_ALL_EVENTS) == 1, "the first watch is number 1");
    int fd = open_file("d/f", O_RDWR | O_CREAT);
    EVENTS("1:CREATE f; 1:OPEN f", "a file made");
    REQ(write(fd, "abc", 3) == 3 && write(fd, "d", 1) == 1);
    EVENTS("1:MODIFY f", "two writes, one event");
    REQ(write(fd, "", 0) == 0 && pread(fd, &c, 1, 100) == 0);
    EVENTS("", "a write of nothing, a read at the end");
    REQ(pread(fd, &c, 1, 0) == 1);
    EVENTS("1:ACCESS f", "a read");
    REQ(pwrite(fd, "x", 1, 9) == 1 && pread(fd, &c, 1, 9) == 1 && pwrite(fd, "x", 1, 9) == 1);
    EVENTS("1:MODIFY f; 1:ACCESS f; 1:MODIFY f", "what is not the same in a row is told again");
    REQ(ftruncate(fd, 3) == 0);
    EVENTS("1:MODIFY f", "ftruncate");
    REQ(ftruncate(fd, 3) == 0);
    EVENTS("1:MODIFY f", "to the same size");
    REQ(fallocate(fd, 0, 0, 100) == 0);
    EVENTS("1:MODIFY f", "fallocate");
    char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REQ(m != MAP_FAILED);
    m[0] = 'y';
    REQ(msync(m, PAGE, MS_SYNC) == 0 && munmap(m, PAGE) == 0 && fsync(fd) == 0);
    EVENTS("", "a mapping and what is written to it, fsync");
    int copy = dup(fd);
    close(copy);
    EVENTS("", "a copy of the descriptor closed");
    close(fd);
    EVENTS("1:CLOSE_WRITE f", "the file closed");
    close(open_file("d/f", O_RDONLY));
    EVENTS("1:OPEN f; 1:CLOSE_NOWRITE f", "opened for reading and closed");
    close(open_file("d/f", O_WRONLY | O_TRUNC));
    EVENTS("1:OPEN f; 1:MODIFY f; 1:CLOSE_WRITE f", "O_TRUNC");
    close(open_file("d/f", O_PATH));
    EVENTS("", "O_PATH");
    REQ(truncate("d/f", 5) == 0);
    EVENTS("1:MODIFY f", "truncate");
}

static void moving_bytes(void)
{
    int a = open_file("d/f", O_RDWR), b = open_file("d/g", O_RDWR | O_CREAT), p[2];
    struct iovec v = {"vec", 3};
    loff_t from = 0, to = 0;
    make_pipe(p);
    take_events(in);
    REQ(writev(a, &v, 1) == 3 && pwritev2(a, &v, 1, 0, 0) == 3);
    EVENTS("1:MODIFY f", "writev and pwritev2");
    REQ(sendfile(b, a, &from, 3) == 3);
    EVENTS("1:ACCESS f; 1:MODIFY g", "sendfile");
    from = 0;
    REQ(copy_file_range(a, &from, b, &to, 3, 0) == 3);
    EVENTS("1:ACCESS f; 1:MODIFY g", "copy_file_range");
    from = 0;
    REQ(splice(a, &from, p[1], NULL, 3, 0) == 3);
    EVENTS("1:ACCESS f", "splice out of a file");
    REQ(splice(p[0], NULL, b, &to, 3, 0) == 3);
    EVENTS("1:MODIFY g", "splice into one");
    close(a);
    close(b);
    close(p[0]);
    close(p[1]);
    EVENTS("1:CLOSE_WRITE f; 1:CLOSE_WRITE g", "both closed");
}

static void attributes(void)
{
    struct timespec ts[2] = {{1, 0}, {2, 0}};
    REQ(chmod("d/f", 0600) == 0);
    EVENTS("1:ATTRIB f", "chmod");
    REQ(chown("d/f", 1, 1) == 0);
    EVENTS("1:ATTRIB f", "chown");
    REQ(chown("d/f", -1, -1) == 0);
    EVENTS("", "chown to nobody");
    REQ(utimensat(AT_FDCWD, "d/f", ts, 0) == 0);
    EVENTS("1:ATTRIB f", "both times");
    ts[0].tv_nsec = UTIME_OMIT;
    REQ(utimensat(AT_FDCWD, "d/f", ts, 0) == 0);
    EVENTS("1:MODIFY f", "the time of writing alone");
    ts[0].tv_nsec = 0, ts[1].tv_nsec = UTIME_OMIT;
    REQ(utimensat(AT_FDCWD, "d/f", ts, 0) == 0);
    EVENTS("1:ACCESS f", "the time of reading alone");
    int set = setxattr("d/f", "user.x", "1", 1, 0) == 0; /* before 6.6 not on tmpfs */
    CHECK(same_events(in, set ? "1:ATTRIB f" : "") && set == (removexattr("d/f", "user.x") == 0),
          "an extended attribute");
    take_events(in);
    int fd = open_file("d/f", O_WRONLY);
    REQ(fchmod(fd, 06755) == 0);
    EVENTS("1:OPEN f; 1:ATTRIB f", "fchmod");
    CHECK_CHILD("a write by another takes set-user-ID away", drop_root(); REQ(write(fd, "x", 1) == 1));
    EVENTS("1:ATTRIB f; 1:MODIFY f", "which is told before the write");
    close(fd);
    take_events(in);
    REQ(chmod("d", 0700) == 0 && chmod("d", 0755) == 0);
    EVENTS("1:ATTRIB|ISDIR", "the directory's own mode");
}

static void names_in_a_directory(void)
{
    struct stat st;
    renew();
    watch("d", IN_ALL_EVENTS);
    REQ(mkdir("d/s", 0755) == 0);
    EVENTS("1:CREATE|ISDIR s", "mkdir");
    DIR *dir = opendir("d/s");
    REQ(dir && readdir(dir) && closedir(dir) == 0);
    EVENTS("1:OPEN|ISDIR s; 1:ACCESS|ISDIR s; 1:CLOSE_NOWRITE|ISDIR s", "a directory in it read");
    dir = opendir("d");
    REQ(dir && readdir(dir) && closedir(dir) == 0);
    EVENTS("1:OPEN|ISDIR; 1:ACCESS|ISDIR; 1:CLOSE_NOWRITE|ISDIR", "itself read");
    put_text("d/s/deep", "x");
    EVENTS("", "a file further down");
    REQ(unlink("d/s/deep") == 0 && rmdir("d/s") == 0);
    EVENTS("1:DELETE|ISDIR s", "rmdir");
    REQ(symlink("nowhere", "d/l") == 0 && mknod("d/p", S_IFIFO | 0600, 0) == 0 && link("d/f", "d/h") == 0);
    EVENTS("1:CREATE l; 1:CREATE p; 1:CREATE h", "symlink, mknod, link");
    REQ(unlink("d/l") == 0 && unlink("d/p") == 0 && unlink("d/h") == 0);
    EVENTS("1:DELETE l; 1:DELETE p; 1:DELETE h", "removed");
    REQ(lstat("d/f", &st) == 0 && access("d/f", R_OK) == 0);
    EVENTS("", "a look at a file");
    REQ(rename("d/f", "d/e") == 0);
    EVENTS("1:MOVED_FROM f; 1:MOVED_TO e", "a rename within");
    CHECK(last_cookie && cookies_match, "both with one cookie");
    unsigned cookie = last_cookie;
    REQ(rename("d/e", "e") == 0);
    EVENTS("1:MOVED_FROM e", "out of it");
    CHECK(last_cookie != cookie, "with another cookie");
    REQ(rename("e", "d/f") == 0);
    EVENTS("1:MOVED_TO f", "into it");
    put_text("d/g", "");
    take_events(in);
    REQ(rename("d/f", "d/g") == 0);
    EVENTS("1:MOVED_FROM f; 1:MOVED_TO g", "over another");
    put_text("d/f", "");
    REQ(mkdir("d/s", 0755) == 0);
    take_events(in);
    REQ(renameat2(AT_FDCWD, "d/f", AT_FDCWD, "d/s", RENAME_EXCHANGE) == 0);
    EVENTS("1:MOVED_FROM f; 1:MOVED_TO s; 1:MOVED_FROM|ISDIR s; 1:MOVED_TO|ISDIR f", "an exchange");
    REQ(rmdir("d/f") == 0 && rename("d/s", "d/f") == 0);
    take_events(in);
    CHECK(open("d/f", O_CREAT | O_EXCL, 0600) < 0 && mkdir("d/f", 0) < 0 && open("d/none", O_RDONLY) < 0, "what fails");
    EVENTS("", "makes no event");
}

static void files_themselves(void)
{
    renew();
    CHECK(watch("d/f", IN_ALL_EVENTS) == 1 && watch("d", IN_ALL_EVENTS) == 2, "a file and its directory watched");
    int fd = open_file("d/f", O_RDWR);
    EVENTS("2:OPEN f; 1:OPEN", "the directory is told first");
    REQ(write(fd, "x", 1) == 1 && fchmod(fd, 0640) == 0);
    EVENTS("2:MODIFY f; 1:MODIFY; 2:ATTRIB f; 1:ATTRIB", "then the file");
    REQ(link("d/f", "d/h") == 0);
    EVENTS("1:ATTRIB; 2:CREATE h", "link");
    REQ(unlink("d/h") == 0);
    EVENTS("1:ATTRIB; 2:DELETE h", "unlink of one name of two");
    REQ(rename("d/f", "d/e") == 0);
    EVENTS("2:MOVED_FROM f; 2:MOVED_TO e; 1:MOVE_SELF", "rename");
    put_text("d/o", "");
    take_events(in);
    REQ(rename("d/o", "d/e") == 0);
    EVENTS("2:MOVED_FROM o; 2:MOVED_TO e; 1:ATTRIB", "another renamed over it while it is open");
    REQ(write(fd, "x", 1) == 1);
    EVENTS("2:MODIFY e; 1:MODIFY", "it is still told of");
    close(fd);
    EVENTS("2:CLOSE_WRITE e; 1:CLOSE_WRITE; 1:DELETE_SELF; 1:IGNORED", "it ends with its last user");
    CHECK(watch("d/e", IN_ALL_EVENTS) == 3, "a number is not used again");
    REQ(unlink("d/e") == 0);
    EVENTS("3:ATTRIB; 3:DELETE_SELF; 3:IGNORED; 2:DELETE e", "unlink of the last name");
    CHECK_ERRNO(inotify_rm_watch(in, 3), EINVAL, "then the watch is gone");
    REQ(mkdir("d/s", 0755) == 0 && watch("d/s", IN_ALL_EVENTS) == 4);
    take_events(in);
    REQ(rename("d/s", "d/t") == 0);
    EVENTS("2:MOVED_FROM|ISDIR s; 2:MOVED_TO|ISDIR t; 4:MOVE_SELF", "a watched directory renamed");
    REQ(rmdir("d/t") == 0);
    EVENTS("4:DELETE_SELF; 4:IGNORED; 2:DELETE|ISDIR t", "and removed");
    put_text("d/f", "");
    put_text("d/e", "");
    REQ(watch("d/f", IN_ALL_EVENTS) == 5 && watch("d/e", IN_ALL_EVENTS) == 6);
    take_events(in);
    REQ(rename("d/f", "d/e") == 0);
    EVENTS("2:MOVED_FROM f; 2:MOVED_TO e; 6:ATTRIB; 5:MOVE_SELF; 6:DELETE_SELF; 6:IGNORED",
           "renamed over a watched one");
}

static void flags(void)
{
    renew();
    put_text("d/f", "");
    REQ(symlink("f", "d/l") == 0);
    int wd = watch("d/f", IN_OPEN);
    CHECK(watch("d/l", IN_OPEN) == wd, "a symbolic link is followed");
    int link_wd = watch("d/l", IN_ALL_EVENTS | IN_DONT_FOLLOW);
    CHECK(link_wd != wd, "DONT_FOLLOW");
    REQ(unlink("d/l") == 0);
    EVENTS("2:ATTRIB; 2:DELETE_SELF; 2:IGNORED", "watches the link itself");
    CHECK(watch("d/f", IN_ACCESS) == wd, "a second watch has the first one's number");
    close(open_file("d/f", O_RDONLY));
    EVENTS("", "and replaces its mask");
    CHECK(watch("d/f", IN_OPEN | IN_MASK_ADD) == wd, "MASK_ADD");
    close(open_file("d/f", O_RDONLY));
    EVENTS("1:OPEN", "adds to it");
    CHECK_ERRNO(inotify_add_watch(in, "d/f", IN_OPEN | IN_MASK_CREATE), EEXIST, "MASK_CREATE of what is watched");
    CHECK(watch("d", IN_OPEN | IN_MASK_CREATE | IN_ONESHOT | IN_ONLYDIR) == 3, "MASK_CREATE of what is not");
    close(open_file("d/f", O_RDONLY));
    EVENTS("3:OPEN f; 3:IGNORED; 1:OPEN", "ONESHOT: one event, then it is gone");
    close(open_file("d/f", O_RDONLY));
    EVENTS("1:OPEN", "for good");
    CHECK(inotify_rm_watch(in, wd) == 0, "a watch removed");
    EVENTS("1:IGNORED", "is told");
    CHECK(watch("d", IN_MODIFY | IN_CLOSE | IN_EXCL_UNLINK) == 4, "EXCL_UNLINK");
    int fd = open_file("d/f", O_WRONLY), tmp = open_file("d", O_TMPFILE | O_RDWR);
    REQ(unlink("d/f") == 0 && write(fd, "x", 1) == 1 && write(tmp, "x", 1) == 1);
    EVENTS("", "no word of files without a name");
    CHECK(watch("d", IN_MODIFY | IN_CLOSE | IN_OPEN) == 4, "without it");
    REQ(write(fd, "x", 1) == 1);
    close(fd);
    EVENTS("4:MODIFY f; 4:CLOSE_WRITE f", "they are told of by the name they had");
    close(tmp);
    take_events(in);
}

static void reading(void)
{
    struct inotify_event *e;
    char buf[256] __attribute__((aligned(8)));
    struct iovec v[2] = {{buf, 10}, {buf + 10, 22}}, w[2] = {{buf, 40}, {buf + 40, 40}};
    int n = -1;
    renew();
    watch("d", IN_CREATE | IN_DELETE);
    put_text("d/a", "");
    REQ(unlink("d/a") == 0);
    put_text("d/abcdefghijklmno", "");
    put_text("d/abcdefghijklmnop", "");
    CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 3 * 32 + 48, "FIONREAD: a name takes multiples of 16 bytes");
    CHECK_ERRNO(ioctl(in, FIONREAD, at_addr(8)), EFAULT, "FIONREAD to nowhere");
    CHECK_ERRNO(read(in, buf, 31), EINVAL, "a buffer too small for the next event");
    CHECK_ERRNO(read(in, buf, 0), EINVAL, "and one of nothing");
    CHECK(read(in, buf, 63) == 32, "as many events as fit whole");
    e = (void *)buf;
    CHECK(e->wd == 1 && e->mask == IN_CREATE && e->len == 16 && !memcmp(e->name, "a\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16),
          "a name is filled up with zeros");
    CHECK_ERRNO(readv(in, v, 2), EINVAL, "an event goes into one part of a vector");
    CHECK(readv(in, w, 2) == 32 && e->mask == IN_DELETE && !strcmp(e->name, "a"), "which is large enough");
    CHECK_ERRNO(read(in, at_addr(8), 100), EFAULT, "a read into memory that is not there");
    CHECK(read(in, buf, sizeof buf) == 48 && !strcmp(e->name, "abcdefghijklmnop"), "loses an event");
    struct pollfd p = {in, POLLIN | POLLOUT, 0};
    CHECK(poll(&p, 1, 0) == 0, "nothing more, says poll");
    put_text("d/b", "");
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN, "something, says poll");
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    REQ(chdir("d") == 0);
    put_text(name, "");
    REQ(unlink(name) == 0 && chdir("..") == 0);
    CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 32 + 2 * 272, "names of 255 bytes");
    CHECK(read(in, buf, 200) == 32, "are not begun when they do not fit");
    take_events(in);
}

int main(void)
{
    umask(022);
    calls();
    what_is_refused();
    files_in_a_directory();
    moving_bytes();
    attributes();
    names_in_a_directory();
    files_themselves();
    flags();
    reading();
    return tap_end();
}
