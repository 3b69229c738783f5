// SPDX-License-Identifier: MIT
/*
 * Rights that hang on files: what takes file capabilities and set-ID bits away, set-group-ID directories, who may set
 * what; the rules for links, FIFOs and files in directories that everybody may write to (/proc/sys/fs/protected_*).
 */
#include "tests/abi/util.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define CAPS "security.capability"
#define MODE(path) (mode_of(path))

static unsigned mode_of(const char *path)
{
    struct stat st;
    REQ(lstat(path, &st) == 0);
    return st.st_mode & 07777;
}

static gid_t group_of(const char *path)
{
    struct stat st;
    REQ(lstat(path, &st) == 0);
    return st.st_gid;
}

static struct vfs_ns_cap_data caps_data(unsigned revision)
{
    struct vfs_ns_cap_data v = {.magic_etc = revision};
    v.data[0].permitted = TAP_CAP(CAP_CHOWN);
    return v;
}

/* A fresh file with capabilities. */
static int with_caps(const char *path)
{
    struct vfs_ns_cap_data v = caps_data(VFS_CAP_REVISION_2);
    unlink(path);
    put_text(path, "0123456789");
    REQ(chmod(path, 0777) == 0 && setxattr(path, CAPS, &v, XATTR_CAPS_SZ_2, 0) == 0);
    int fd = open(path, O_RDWR);
    REQ(fd >= 0);
    return fd;
}

static int caps_left(const char *path)
{
    char buf[64];
    return getxattr(path, CAPS, buf, sizeof buf) > 0;
}

/* True when they are gone after `...`, which has the file as `fd` and "caps". */
#define TAKES(...)                      \
    ({                                  \
        int fd = with_caps("caps");     \
        REQ((__VA_ARGS__) >= 0);        \
        int gone_ = !caps_left("caps"); \
        close(fd);                      \
        gone_;                          \
    })

static void caps_go(void)
{
    CHECK(TAKES(write(fd, "x", 1)), "a write takes capabilities away, root's too");
    CHECK(!TAKES(write(fd, "x", 0)), "one of nothing does not");
    CHECK(TAKES(pwrite(fd, "x", 1, 5)), "pwrite does");
    CHECK(TAKES(ftruncate(fd, 3)), "ftruncate does");
    CHECK(TAKES(truncate("caps", 10)), "truncate to the same size does");
    CHECK(TAKES(open("caps", O_WRONLY | O_TRUNC)), "O_TRUNC does");
    CHECK(!TAKES(open("caps", O_WRONLY)), "opening for writing does not");
    CHECK(TAKES(fallocate(fd, 0, 0, 20)), "fallocate does");
    CHECK(TAKES(chown("caps", 0, 0)), "chown to the same does");
    CHECK(TAKES(chown("caps", -1, 7)), "a new group does");
    CHECK(!TAKES(chmod("caps", 0700)), "chmod does not");
    CHECK(!TAKES(rename("caps", "other") == 0 ? rename("other", "caps") : -1), "rename does not");
    CHECK(!TAKES(utimensat(AT_FDCWD, "caps", NULL, 0)), "new times do not");
    CHECK(!TAKES(link("caps", "caps2") == 0 ? unlink("caps2") : -1), "a link does not");
}

static void caps_set(void)
{
    struct vfs_ns_cap_data v = caps_data(VFS_CAP_REVISION_3), got = {0};
    with_caps("c");
    CHECK(setxattr("c", CAPS, &v, sizeof v, 0) == 0 && getxattr("c", CAPS, &got, sizeof got) == XATTR_CAPS_SZ_2 &&
              (got.magic_etc & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_2,
          "revision 3 of this machine's root is read as revision 2");
    v.rootid = 1000;
    CHECK(setxattr("c", CAPS, &v, sizeof v, 0) == 0 && getxattr("c", CAPS, &got, sizeof got) == XATTR_CAPS_SZ_3 &&
              got.rootid == 1000,
          "of another's as it is");
    CHECK_ERRNO(setxattr("c", CAPS, &v, sizeof v - 1, 0), EINVAL, "a size that is not the revision's");
    v.magic_etc = VFS_CAP_REVISION_2;
    CHECK_ERRNO(setxattr("c", CAPS, &v, sizeof v, 0), EINVAL, "nor the other's");
    v.magic_etc = VFS_CAP_REVISION_1;
    CHECK_ERRNO(setxattr("c", CAPS, &v, XATTR_CAPS_SZ_1, 0), EINVAL, "revision 1 is only read");
    CHECK(setxattr("c", CAPS, "", 0, 0) == 0 && getxattr("c", CAPS, NULL, 0) <= 0, "an empty one is taken");
    CHECK(chmod("c", 0777) == 0 && chown("c", NOBODY, NOBODY) == 0, "(the file is given away)");
    with_caps("d");
    REQ(chmod("d", 0777) == 0);
    CHECK_CHILD("without CAP_SETFCAP they are neither given nor removed", {
        struct vfs_ns_cap_data w = caps_data(VFS_CAP_REVISION_2);
        drop_root();
        REQ(FAILS(setxattr("c", CAPS, &w, XATTR_CAPS_SZ_2, 0), EPERM));
        REQ(FAILS(removexattr("d", CAPS), EPERM) && caps_left("d"));
    });
    CHECK(removexattr("d", CAPS) == 0 && !caps_left("d"), "root removes them");
    CHECK_ERRNO(removexattr("d", CAPS), ENODATA, "once");
}

static void acl(void)
{
    char buf[64];
    if (!own_machine()) {
        SKIP("access control lists are refused", "Linux's tmpfs may have them");
        SKIP("and none is there", "Linux's tmpfs may have them");
        return;
    }
    CHECK_ERRNO(setxattr("c", "system.posix_acl_access", "\2\0\0\0", 4, 0), EOPNOTSUPP,
                "access control lists are refused");
    CHECK_ERRNO(getxattr("c", "system.posix_acl_default", buf, sizeof buf), EOPNOTSUPP, "and none is there");
}

/* ---- set-group-ID ---- */

static void setgid_directory(void)
{
    REQ(mkdir("sg", 0777) == 0 && chown("sg", 0, 7) == 0 && chmod("sg", 02777) == 0);
    int fd = open("sg/f", O_CREAT | O_RDWR, 0666), tmp = open("sg", O_TMPFILE | O_RDWR, 0666);
    struct stat st;
    REQ(fd >= 0 && tmp >= 0 && fstat(tmp, &st) == 0);
    CHECK(group_of("sg/f") == 7 && MODE("sg/f") == 0666 && st.st_gid == 7, "files in it have its group");
    REQ(mkdir("sg/d", 0755) == 0 && mkdir("sg/d/e", 0700) == 0);
    CHECK(group_of("sg/d") == 7 && MODE("sg/d") == 02755 && group_of("sg/d/e") == 7 && MODE("sg/d/e") == 02700,
          "directories too, and pass it on");
    REQ(symlink("x", "sg/l") == 0 && mkfifo("sg/p", 0666) == 0 && mknod("sg/n", S_IFCHR | 0666, makedev(1, 3)) == 0);
    CHECK(group_of("sg/l") == 7 && group_of("sg/p") == 7 && group_of("sg/n") == 7, "whatever is made there");
    REQ(link("c", "sg/hard") == 0);
    CHECK(group_of("sg/hard") == NOBODY, "a link changes nothing");
    CHECK_CHILD("one who is not in the group makes no set-group-ID program of it", {
        drop_root();
        REQ(close(open("sg/s1", O_CREAT | O_RDWR, 02775)) == 0 && MODE("sg/s1") == 0775 && group_of("sg/s1") == 7);
        int t = open("sg", O_TMPFILE | O_RDWR, 02775);
        struct stat s;
        REQ(t >= 0 && fstat(t, &s) == 0 && (s.st_mode & 07777) == 0775);
        REQ(mknod("sg/s3", S_IFREG | 02775, 0) == 0 && MODE("sg/s3") == 0775);
    });
    CHECK_CHILD("one who is, does", {
        gid_t seven = 7;
        REQ(setgroups(1, &seven) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
            setresuid(NOBODY, NOBODY, NOBODY) == 0);
        REQ(close(open("sg/s4", O_CREAT | O_RDWR, 02775)) == 0 && MODE("sg/s4") == 02775);
        REQ(chmod("sg/s4", 02755) == 0 && MODE("sg/s4") == 02755);
    });
    CHECK_CHILD("chmod by one who is not: the bit is dropped without a word", {
        drop_root();
        REQ(chmod("sg/s1", 02755) == 0 && MODE("sg/s1") == 0755);
    });
}

/* ---- when set-ID bits go ---- */

static int file_with(unsigned mode)
{
    unlink("bits");
    put_text("bits", "0123456789");
    REQ(chown("bits", NOBODY, NOBODY) == 0 && chmod("bits", mode) == 0);
    int fd = open("bits", O_RDWR);
    REQ(fd >= 0);
    return fd;
}

/* The mode after a user, the owner, has done `...`. */
#define AFTER(mode, ...)                                       \
    ({                                                         \
        int fd = file_with(mode);                              \
        REQ(CHILD(drop_root(); REQ((__VA_ARGS__) >= 0)) == 0); \
        close(fd);                                             \
        MODE("bits");                                          \
    })

static void bits_go(void)
{
    CHECK(AFTER(06777, write(fd, "x", 1)) == 0777, "a write by a user: both bits go");
    CHECK(AFTER(06777, write(fd, "x", 0)) == 06777, "one of nothing changes nothing");
    CHECK(AFTER(06767, write(fd, "x", 1)) == 02767, "set-group-ID without execution stays, in one's own group");
    CHECK(AFTER(06777, ftruncate(fd, 5)) == 0777, "ftruncate");
    CHECK(AFTER(06777, truncate("bits", 5)) == 0777, "truncate");
    CHECK(AFTER(06777, open("bits", O_WRONLY | O_TRUNC)) == 0777, "O_TRUNC");
    CHECK(AFTER(06777, fallocate(fd, 0, 0, 20)) == 0777, "fallocate");
    CHECK(AFTER(06777, chown("bits", NOBODY, NOBODY)) == 0777, "chown by the owner");
    CHECK(AFTER(06777, chown("bits", -1, -1)) == 0777, "chown of nothing by the owner");
    CHECK(AFTER(07777, chmod("bits", 06711)) == 06711, "chmod sets what it says, in one's own group");
    int fd = file_with(06777);
    CHECK(write(fd, "x", 1) == 1 && ftruncate(fd, 1) == 0 && MODE("bits") == 06777, "with CAP_FSETID they stay");
    CHECK(chown("bits", 0, 0) == 0 && MODE("bits") == 0777, "chown by root takes them");
    REQ(chmod("bits", 06767) == 0);
    CHECK(chown("bits", 7, 7) == 0 && MODE("bits") == 02767, "but for set-group-ID without execution");
    close(fd);
    REQ(mkdir("bd", 0777) == 0 && chmod("bd", 06777) == 0);
    CHECK(chown("bd", 7, 7) == 0 && MODE("bd") == 06777, "directories keep theirs");
}

/* ---- protected_* ---- */

static int setting(const char *name)
{
    char path[64], buf[16] = "";
    snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", name);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, buf, sizeof buf - 1) <= 0)
        return -1;
    close(fd);
    return atoi(buf);
}

static int set(const char *name, int value)
{
    char path[64], buf[16];
    snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", name);
    int fd = open(path, O_WRONLY), n = snprintf(buf, sizeof buf, "%d\n", value);
    int good = fd >= 0 && write(fd, buf, n) == n;
    if (fd >= 0)
        close(fd);
    return good;
}

/* A directory like /tmp, and one that a group may write to. */
static void playground(void)
{
    REQ(mkdir("tmp", 0777) == 0 && chmod("tmp", 01777) == 0);
    REQ(mkdir("team", 0777) == 0 && chmod("team", 01775) == 0);
    put_text("secret", "s");
    put_text("open", "o");
    put_text("tmp/mine", "m");
    REQ(chmod("secret", 0600) == 0 && chmod("open", 0666) == 0 && chmod("tmp/mine", 0666) == 0);
    REQ(symlink("../open", "tmp/root-link") == 0 && symlink("../open", "team/root-link") == 0);
    REQ(symlink("../open", "tmp/their-link") == 0 && lchown("tmp/their-link", 1000, 1000) == 0);
    REQ(symlink("..", "tmp/their-dir") == 0 && lchown("tmp/their-dir", 1000, 1000) == 0);
    put_text("tmp/theirs", "t");
    put_text("team/theirs", "t");
    REQ(chmod("tmp/theirs", 0666) == 0 && chown("tmp/theirs", 1000, 1000) == 0);
    REQ(chmod("team/theirs", 0666) == 0 && chown("team/theirs", 1000, 1000) == 0);
    REQ(mkfifo("tmp/fifo", 0666) == 0 && chmod("tmp/fifo", 0666) == 0 && chown("tmp/fifo", 1000, 1000) == 0);
    REQ(mkfifo("team/fifo", 0666) == 0 && chmod("team/fifo", 0666) == 0 && chown("team/fifo", 1000, 1000) == 0);
}

/* A fact that holds while the setting has this value. */
#define WHILE(name_, value, fact, ...)                    \
    do {                                                  \
        if (own_machine())                                \
            REQ(set(name_, value));                       \
        if (setting(name_) == (value))                    \
            CHECK_CHILD(fact, __VA_ARGS__);               \
        else                                              \
            SKIP(fact, "a setting of the whole machine"); \
    } while (0)

static void hardlinks(void)
{
    WHILE("hardlinks", 1, "hardlinks: a user links what he can read and write", {
        drop_root();
        REQ(link("open", "tmp/l1") == 0);
    });
    WHILE("hardlinks", 1, "hardlinks: not what he cannot, nor anything but files", {
        REQ(chmod("tmp/theirs", 0644) == 0 && chmod("tmp/mine", 04777) == 0);
        drop_root();
        REQ(FAILS(link("secret", "tmp/l2"), EPERM) && FAILS(link("tmp/theirs", "tmp/l2"), EPERM));
        REQ(FAILS(link("tmp/fifo", "tmp/l2"), EPERM) && FAILS(link("tmp/mine", "tmp/l2"), EPERM));
        REQ(FAILS(link("tmp/root-link", "tmp/l2"), EPERM));
        REQ(symlink("x", "tmp/own") == 0 && link("tmp/own", "tmp/l3") == 0);
    });
    REQ(chmod("tmp/theirs", 0666) == 0);
    WHILE("hardlinks", 1, "hardlinks: root links everything", REQ(link("secret", "tmp/l4") == 0));
    WHILE("hardlinks", 0, "hardlinks 0: everybody does", {
        drop_root();
        REQ(link("secret", "tmp/l5") == 0);
    });
    (void)(own_machine() && set("hardlinks", 1));
}

static void symlinks(void)
{
    WHILE("symlinks", 1, "symlinks: another's, in a directory like /tmp, is not followed", {
        REQ(FAILS(open("tmp/their-link", O_RDONLY), EACCES));
        REQ(FAILS(open("tmp/their-link", O_RDWR | O_CREAT, 0600), EACCES));
        struct stat st;
        REQ(FAILS(stat("tmp/their-link", &st), EACCES) && lstat("tmp/their-link", &st) == 0);
        char buf[64];
        REQ(readlink("tmp/their-link", buf, sizeof buf) == 7);
    });
    WHILE("symlinks", 1, "symlinks: on the way to a name it is", REQ(open("tmp/their-dir/open", O_RDONLY) >= 0));
    WHILE("symlinks", 1, "symlinks: the directory owner's is, and one's own", {
        drop_root();
        REQ(open("tmp/root-link", O_RDONLY) >= 0);
        REQ(symlink("../open", "tmp/my-link") == 0 && open("tmp/my-link", O_RDONLY) >= 0);
    });
    WHILE("symlinks", 0, "symlinks 0: each is followed", REQ(open("tmp/their-link", O_RDONLY) >= 0));
    (void)(own_machine() && set("symlinks", 1));
}

static void creation(void)
{
    WHILE("regular", 1, "regular: O_CREAT does not open another's file in a directory like /tmp", {
        REQ(FAILS(open("tmp/theirs", O_CREAT | O_RDWR, 0600), EACCES));
        REQ(FAILS(open("tmp/theirs", O_CREAT | O_RDONLY, 0600), EACCES));
        REQ(FAILS(open("tmp/theirs", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST));
        REQ(open("tmp/theirs", O_RDWR) >= 0);
        REQ(open("team/theirs", O_CREAT | O_RDWR, 0600) >= 0);
        drop_root();
        REQ(open("tmp/root-link", O_CREAT | O_RDONLY, 0600) >= 0);
    });
    WHILE("regular", 2, "regular 2: nor in one that a group may write to",
          { REQ(FAILS(open("team/theirs", O_CREAT | O_RDWR, 0600), EACCES)); });
    WHILE("regular", 0, "regular 0: it does", REQ(open("tmp/theirs", O_CREAT | O_RDWR, 0600) >= 0));
    WHILE("fifos", 1, "fifos: nor another's FIFO", {
        REQ(FAILS(open("tmp/fifo", O_CREAT | O_RDWR, 0600), EACCES));
        REQ(open("tmp/fifo", O_RDWR) >= 0 && open("team/fifo", O_CREAT | O_RDWR, 0600) >= 0);
    });
    WHILE("fifos", 2, "fifos 2: nor in one that a group may write to",
          { REQ(FAILS(open("team/fifo", O_CREAT | O_RDWR, 0600), EACCES)); });
    WHILE("fifos", 0, "fifos 0: it does", REQ(open("tmp/fifo", O_CREAT | O_RDWR, 0600) >= 0));
    (void)(own_machine() && set("regular", 0) && set("fifos", 0));
}

static void settings(void)
{
    CHECK(setting("hardlinks") >= 0 && setting("symlinks") >= 0 && setting("fifos") >= 0 && setting("regular") >= 0,
          "the settings are there");
    CHECK_OWN(!set("hardlinks", 2) && !set("symlinks", 2) && !set("fifos", 3) && !set("regular", -1),
              "values they do not have");
    CHECK_CHILD("a user sets none", {
        drop_root();
        REQ(FAILS(open("/proc/sys/fs/protected_hardlinks", O_WRONLY), EACCES));
    });
}

int main(void)
{
    umask(0);
    REQ(chmod(".", 0777) == 0);
    caps_go();
    caps_set();
    acl();
    setgid_directory();
    bits_go();
    playground();
    settings();
    hardlinks();
    symlinks();
    creation();
    return tap_end();
}
