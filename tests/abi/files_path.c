// SPDX-License-Identifier: MIT
/*
 * Path lookup: limits, loops, dots and slashes; the working directory and the root.
 */
#include "tests/abi/util.h"

#include <sys/statfs.h>

static void lengths(void)
{
    char name[300], path[5000];
    struct stat st;
    memset(name, 'n', sizeof name);
    name[255] = 0;
    int fd = creat(name, 0600);
    CHECK(fd >= 0 && stat(name, &st) == 0, "a name of 255 bytes");
    close(fd);
    unlink(name);
    memset(name, 'n', 256);
    name[256] = 0;
    CHECK_ERRNO(creat(name, 0600), ENAMETOOLONG, "a name of 256 bytes, made");
    CHECK_ERRNO(stat(name, &st), ENAMETOOLONG, "a name of 256 bytes, looked up");
    for (int i = 0; i < 4999; i += 2)
        memcpy(path + i, "./", 2);
    path[4095] = 0;
    CHECK(stat(path, &st) == 0, "a path of 4095 bytes");
    path[4095] = '/';
    path[4096] = 0;
    CHECK_ERRNO(stat(path, &st), ENAMETOOLONG, "a path of 4096 bytes");
    path[4999] = 0;
    CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG, "a path of 4999 bytes");
}

static void deep(void)
{
    int good = 1, depth = 0, top = open(".", O_RDONLY);
    for (; depth < 100; depth++)
        good &= mkdir("a-directory-name-of-some-forty-characters", 0755) == 0 &&
                chdir("a-directory-name-of-some-forty-characters") == 0;
    CHECK(good, "directories 100 deep, 4100 bytes of path");
    static char cwd[8192];
    CHECK_ERRNO(syscall(SYS_getcwd, cwd, sizeof cwd), ENAMETOOLONG, "getcwd there does not fit a path");
    CHECK(creat("x", 0600) >= 0 && unlink("x") == 0, "files can be made there");
    while (depth-- > 0)
        good &= chdir("..") == 0 && rmdir("a-directory-name-of-some-forty-characters") == 0;
    struct stat a, b;
    CHECK(good && fstat(top, &a) == 0 && stat(".", &b) == 0 && a.st_ino == b.st_ino, "the way back up by ..");
    close(top);
}

static void loops(void)
{
    struct stat st;
    char from[16], to[16];
    REQ(symlink("me", "me") == 0 && symlink("ping", "pong") == 0 && symlink("pong", "ping") == 0);
    CHECK_ERRNO(stat("me", &st), ELOOP, "a symlink to itself");
    CHECK_ERRNO(open("ping", O_RDONLY), ELOOP, "two symlinks in a circle");
    CHECK_ERRNO(stat("me/x", &st), ELOOP, "a circle before the last name");
    CHECK(lstat("me", &st) == 0, "lstat does not follow the last name");
    put_text("c0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(from, sizeof from, "c%d", i - 1);
        snprintf(to, sizeof to, "c%d", i);
        REQ(symlink(from, to) == 0);
    }
    CHECK(stat("c40", &st) == 0, "40 symlinks in a chain");
    CHECK_ERRNO(stat("c41", &st), ELOOP, "41 symlinks in a chain");
}

static void dots(void)
{
    struct stat here, st;
    REQ(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0 && symlink("d/e", "le") == 0 && stat(".", &here) == 0);
    put_text("f", "file");
    CHECK(stat("d/e/../..", &st) == 0 && st.st_ino == here.st_ino, ".. goes up");
    CHECK(stat("le/..", &st) == 0 && st.st_ino != here.st_ino, ".. after a symlink is the target's parent");
    CHECK(stat("/../../..", &st) == 0 && stat("/", &here) == 0 && st.st_ino == here.st_ino,
          ".. at the root is the root");
    CHECK(stat(".//d///e/./", &st) == 0 && S_ISDIR(st.st_mode), "slashes and dots add nothing");
    CHECK_ERRNO(stat("f/", &st), ENOTDIR, "a slash after a file");
    CHECK_ERRNO(stat("f/.", &st), ENOTDIR, "a dot after a file");
    CHECK_ERRNO(stat("f/..", &st), ENOTDIR, ".. after a file");
    CHECK_ERRNO(stat("absent/..", &st), ENOENT, ".. after an absent name");
    CHECK(lstat("le/", &st) == 0 && S_ISDIR(st.st_mode), "a slash after a symlink follows it");
    CHECK(lstat("le", &st) == 0 && S_ISLNK(st.st_mode), "lstat without the slash does not");
    REQ(symlink("f", "lf") == 0);
    CHECK_ERRNO(lstat("lf/", &st), ENOTDIR, "a slash after a symlink to a file");
    CHECK_ERRNO(stat("", &st), ENOENT, "the empty path");
    CHECK_ERRNO(stat(at_addr(8), &st), EFAULT, "a path at a bad address");
}

static void absolute_links(void)
{
    char cwd[4096], target[4200];
    struct stat a, b;
    REQ(getcwd(cwd, sizeof cwd));
    snprintf(target, sizeof target, "%s/d", cwd);
    REQ(symlink(target, "abs") == 0);
    CHECK(stat("abs/e", &a) == 0 && stat("d/e", &b) == 0 && a.st_ino == b.st_ino,
          "an absolute symlink starts at the root");
    REQ(symlink("../d/e", "d/up") == 0);
    CHECK(stat("d/up", &a) == 0 && a.st_ino == b.st_ino, "a relative symlink starts at its own directory");
}

static void working_directory(void)
{
    char top[4096], cwd[4096];
    struct stat st;
    REQ(getcwd(top, sizeof top));
    CHECK(syscall(SYS_getcwd, cwd, sizeof cwd) == (long)strlen(top) + 1, "getcwd returns the length with its NUL");
    CHECK_ERRNO(syscall(SYS_getcwd, cwd, strlen(top)), ERANGE, "getcwd into too few bytes");
    CHECK(chdir("d/e") == 0 && getcwd(cwd, sizeof cwd) && !strcmp(cwd + strlen(top), "/d/e"), "chdir goes down");
    CHECK(rename("../../d", "../../d2") == 0 && getcwd(cwd, sizeof cwd) && !strcmp(cwd + strlen(top), "/d2/e"),
          "getcwd follows a rename");
    REQ(rename("../../d2", "../../d") == 0);
    int up = open("..", O_RDONLY);
    CHECK(fchdir(up) == 0 && getcwd(cwd, sizeof cwd) && !strcmp(cwd + strlen(top), "/d"), "fchdir");
    close(up);
    REQ(chdir(top) == 0);
    CHECK_ERRNO(chdir("f"), ENOTDIR, "chdir to a file");
    CHECK_ERRNO(chdir("absent"), ENOENT, "chdir to an absent name");
    CHECK_ERRNO(chdir(""), ENOENT, "chdir to the empty name");
    CHECK_ERRNO(fchdir(-1), EBADF, "fchdir to -1");
    int fd = open("f", O_RDONLY);
    CHECK_ERRNO(fchdir(fd), ENOTDIR, "fchdir to a file");
    close(fd);
    CHECK_CHILD("a removed working directory", {
        REQ(mkdir("rm", 0755) == 0 && chdir("rm") == 0 && rmdir("../rm") == 0);
        REQ(syscall(SYS_getcwd, cwd, sizeof cwd) == -1 && errno == ENOENT);
        REQ(open("x", O_CREAT | O_RDWR, 0600) == -1 && errno == ENOENT);
        REQ(stat(".", &st) == 0 && st.st_nlink == 0);
        REQ(stat("..", &st) == 0);
    });
    CHECK_CHILD("a child's chdir is its own", REQ(chdir("/") == 0));
    CHECK(getcwd(cwd, sizeof cwd) && !strcmp(cwd, top), "and not its parent's");
}

static void new_root(void)
{
    char cwd[4096];
    struct stat inside, st;
    REQ(mkdir("jail", 0755) == 0 && mkdir("jail/sub", 0755) == 0 && symlink("/sub", "jail/abs") == 0);
    REQ(stat("jail/sub", &inside) == 0);
    CHECK_CHILD("chroot moves / and absolute symlinks", {
        REQ(chroot("jail") == 0 && chdir("/") == 0);
        REQ(stat("/sub", &st) == 0 && st.st_ino == inside.st_ino);
        REQ(stat("/abs", &st) == 0 && st.st_ino == inside.st_ino);
        REQ(getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/"));
        REQ(stat("/../../sub", &st) == 0 && st.st_ino == inside.st_ino);
    });
    CHECK_CHILD("a working directory outside the new root is unreachable", {
        REQ(chroot("jail") == 0);
        REQ(syscall(SYS_getcwd, cwd, sizeof cwd) > 0 && !strncmp(cwd, "(unreachable)", 13));
    });
    CHECK_CHILD("an open directory leads out of the root", {
        int out = open(".", O_RDONLY);
        REQ(chroot("jail") == 0 && fchdir(out) == 0);
        REQ(stat("jail", &st) == 0);
    });
    CHECK_ERRNO(chroot("f"), ENOTDIR, "chroot to a file");
    CHECK_ERRNO(chroot("absent"), ENOENT, "chroot to an absent name");
    CHECK_CHILD("chroot needs root", {
        drop_root();
        REQ(chroot("jail") == -1 && errno == EPERM);
    });
}

int main(void)
{
    umask(0);
    REQ(chmod(".", 0755) == 0);
    lengths();
    deep();
    loops();
    dots();
    absolute_links();
    working_directory();
    new_root();
    return tap_end();
}
