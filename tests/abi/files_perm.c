// SPDX-License-Identifier: MIT
/*
 * Who may do what: permission bits, directories, sticky, set-ID programs, access(2), changing credentials.
 */
#include "tests/abi/util.h"

#include <sys/resource.h>

#ifndef AT_EACCESS
#define AT_EACCESS 0x200
#endif

static void make_file(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    put_text(path, "data");
    REQ(chown(path, uid, gid) == 0 && chmod(path, mode) == 0);
}

static void make_dir(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    REQ(mkdir(path, 0700) == 0 && chown(path, uid, gid) == 0 && chmod(path, mode) == 0);
}

#define OPENS(path, flags)           \
    ({                               \
        int fd_ = open(path, flags); \
        if (fd_ >= 0)                \
            close(fd_);              \
        fd_ >= 0;                    \
    })
#define DENIED(call) ((call) == -1 && errno == EACCES)

static void classes(void)
{
    make_file("own", NOBODY, 0, 0400);
    make_file("grp", 0, NOBODY, 0040);
    make_file("oth", 0, 0, 0004);
    make_file("notown", NOBODY, NOBODY, 0077);
    make_file("notgrp", 0, NOBODY, 0707);
    CHECK_CHILD("the owner's bits count for the owner", {
        drop_root();
        REQ(OPENS("own", O_RDONLY));
        REQ(DENIED(open("own", O_WRONLY)));
    });
    CHECK_CHILD("the group's bits count for the group", {
        drop_root();
        REQ(OPENS("grp", O_RDONLY));
        REQ(DENIED(open("grp", O_WRONLY)));
    });
    CHECK_CHILD("the others' bits count for others", {
        drop_root();
        REQ(OPENS("oth", O_RDONLY));
        REQ(DENIED(open("oth", O_WRONLY)));
    });
    CHECK_CHILD("the first class that fits decides: the owner", {
        drop_root();
        REQ(DENIED(open("notown", O_RDONLY)));
    });
    CHECK_CHILD("the first class that fits decides: the group", {
        drop_root();
        REQ(DENIED(open("notgrp", O_RDONLY)));
    });
    gid_t extra = 7777;
    make_file("sup", 0, extra, 0040);
    CHECK_CHILD("supplementary groups count", {
        REQ(setgroups(1, &extra) == 0 && setresgid(1, 1, 1) == 0);
        REQ(setresuid(1, 1, 1) == 0);
        REQ(OPENS("sup", O_RDONLY));
    });
    CHECK(OPENS("notown", O_RDWR) && OPENS("own", O_RDWR), "root reads and writes everything");
}

static void directories(void)
{
    struct stat st;
    make_dir("dx", 0, 0, 0711);
    make_dir("dr", 0, 0, 0744);
    make_dir("dw", 0, 0, 0773);
    make_file("dx/f", 0, 0, 0644);
    make_file("dr/f", 0, 0, 0644);
    CHECK_CHILD("search without read: names can be used, not listed", {
        drop_root();
        REQ(OPENS("dx/f", O_RDONLY));
        REQ(DENIED(open("dx", O_RDONLY)));
    });
    CHECK_CHILD("read without search: names can be listed, not used", {
        drop_root();
        REQ(OPENS("dr", O_RDONLY));
        REQ(DENIED(stat("dr/f", &st)));
        REQ(DENIED(open("dr/f", O_RDONLY)));
        REQ(DENIED(chdir("dr")));
    });
    CHECK_CHILD("no write: no making, removing, renaming", {
        drop_root();
        REQ(DENIED(open("dx/new", O_CREAT | O_RDWR, 0600)));
        REQ(DENIED(unlink("dx/f")));
        REQ(DENIED(mkdir("dx/new", 0700)));
        REQ(DENIED(rename("dx/f", "dx/g")));
        REQ(DENIED(symlink("a", "dx/new")));
        REQ(DENIED(link("own", "dx/new")));
    });
    CHECK_CHILD("write and search: making and removing, even another's", {
        REQ(close(creat("dw/f", 0600)) == 0);
        drop_root();
        REQ(OPENS("dw/new", O_CREAT | O_RDWR | O_EXCL));
        REQ(unlink("dw/f") == 0);
        REQ(stat("dw/new", &st) == 0 && st.st_uid == NOBODY && st.st_gid == NOBODY);
    });
    CHECK_CHILD("an existing name comes before the missing right", {
        drop_root();
        REQ(mkdir("dx/f", 0700) == -1 && errno == EEXIST);
    });
    CHECK_CHILD("a directory that moves needs to be writable itself", {
        drop_root();
        REQ(mkdir("dw/own", 0500) == 0 && mkdir("dw/to", 0700) == 0);
        REQ(DENIED(rename("dw/own", "dw/to/own")));
        REQ(rename("dw/own", "dw/own2") == 0);
    });
}

static void sticky(void)
{
    make_dir("st", 0, 0, 01777);
    make_file("st/root", 0, 0, 0666);
    make_file("st/mine", NOBODY, 0, 0600);
    make_dir("st/rootdir", 0, 0, 0777);
    CHECK_CHILD("sticky: no removing of another's file", {
        drop_root();
        REQ(unlink("st/root") == -1 && errno == EPERM);
    });
    CHECK_CHILD("sticky: nor renaming it", {
        drop_root();
        REQ(rename("st/root", "st/x") == -1 && errno == EPERM);
    });
    CHECK_CHILD("sticky: nor replacing it", {
        drop_root();
        REQ(rename("st/mine", "st/root") == -1 && errno == EPERM);
    });
    CHECK_CHILD("sticky: nor its directories", {
        drop_root();
        REQ(rmdir("st/rootdir") == -1 && errno == EPERM);
    });
    CHECK_CHILD("sticky: one's own goes", {
        drop_root();
        REQ(rename("st/mine", "st/mine2") == 0 && unlink("st/mine2") == 0);
    });
    make_dir("st2", NOBODY, 0, 01755);
    make_file("st2/root", 0, 0, 0600);
    CHECK_CHILD("sticky: the directory's owner may remove all", {
        drop_root();
        REQ(unlink("st2/root") == 0);
    });
}

static int faccessat2_(const char *path, int mode, int flags)
{
    return syscall(SYS_faccessat2, AT_FDCWD, path, mode, flags);
}

static void access_call(void)
{
    make_file("ax", 0, 0, 0754);
    make_file("plain", 0, 0, 0600);
    CHECK(access("ax", R_OK | W_OK | X_OK) == 0 && access("plain", F_OK) == 0, "access for root");
    CHECK_ERRNO(access("plain", X_OK), EACCES, "root executes only what somebody may");
    CHECK(access("dx", X_OK) == 0, "root searches every directory");
    CHECK_ERRNO(access("absent", F_OK), ENOENT, "access of an absent file");
    CHECK_ERRNO(access("ax", 8), EINVAL, "an unknown mode");
    CHECK_ERRNO(faccessat2_("ax", R_OK, 0x40000000), EINVAL, "an unknown faccessat2 flag");
    CHECK_CHILD("access for others", {
        drop_root();
        REQ(access("ax", R_OK) == 0);
        REQ(DENIED(access("ax", W_OK)));
        REQ(DENIED(access("ax", X_OK)));
        REQ(access("plain", F_OK) == 0);
    });
    CHECK_CHILD("access asks for the real user, AT_EACCESS for the effective one", {
        REQ(setresuid(NOBODY, 0, 0) == 0);
        REQ(DENIED(access("plain", R_OK)));
        REQ(faccessat2_("plain", R_OK, AT_EACCESS) == 0);
        REQ(OPENS("plain", O_RDWR));
    });
    REQ(symlink("absent", "dang") == 0);
    CHECK_ERRNO(access("dang", F_OK), ENOENT, "access follows symlinks");
    CHECK(faccessat2_("dang", F_OK, AT_SYMLINK_NOFOLLOW) == 0, "AT_SYMLINK_NOFOLLOW does not");
}

static void executing(void)
{
    char *argv[] = {"ids", "exit7", NULL}, *envp[] = {NULL};
    copy_file("/proc/self/exe", "prog");
    REQ(chmod("prog", 0644) == 0);
    CHECK_CHILD("exec of a file nobody may execute", REQ(DENIED(execve("./prog", argv, envp))));
    REQ(chmod("prog", 0700) == 0);
    CHECK_CHILD("exec of root's program by another", {
        drop_root();
        REQ(DENIED(execve("./prog", argv, envp)));
    });
    REQ(chmod("prog", 0711) == 0);
    CHECK(tap_exited(CHILD({
                         drop_root();
                         execve("./prog", argv, envp);
                     }),
                     7),
          "exec needs no read permission");
    CHECK_CHILD("exec of a directory", REQ(DENIED(execve("dx", argv, envp))));
}

/* The program re-executed: reports its ids through the exit code of 0 when they are as told. */
static int check_ids(char **argv)
{
    uid_t r, e, s;
    gid_t gr, ge, gs;
    REQ(getresuid(&r, &e, &s) == 0 && getresgid(&gr, &ge, &gs) == 0);
    REQ(r == NOBODY && gr == NOBODY);
    REQ(e == (uid_t)atoi(argv[2]) && s == e && ge == (gid_t)atoi(argv[3]) && gs == ge);
    return 0;
}

static void set_id(void)
{
    char *both[] = {"ids", "check", "1234", "5678", NULL}, *none[] = {"ids", "check", "65534", "65534", NULL};
    char *envp[] = {NULL};
    REQ(chown("prog", 1234, 5678) == 0 && chmod("prog", 06755) == 0);
    CHECK_CHILD("exec of a set-ID program changes effective and saved ids", {
        drop_root();
        REQ(execve("./prog", both, envp) == 0);
    });
    CHECK_CHILD("after no_new_privs it does not", {
        drop_root();
        REQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        REQ(execve("./prog", none, envp) == 0);
    });
    CHECK_CHILD("a write by another takes the set-ID bits away", {
        REQ(chmod("prog", 06777) == 0);
        drop_root();
        int fd = open("prog", O_WRONLY | O_APPEND);
        struct stat st;
        REQ(write(fd, "", 1) == 1 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0777);
    });
}

static void credentials(void)
{
    uid_t r = -1, e = -1, s = -1;
    CHECK_CHILD("setuid by root sets all three", {
        REQ(setuid(5) == 0 && getresuid(&r, &e, &s) == 0);
        REQ(r == 5 && e == 5 && s == 5);
        REQ(setuid(0) == -1 && errno == EPERM);
    });
    CHECK_CHILD("seteuid goes away and comes back", {
        REQ(seteuid(5) == 0 && geteuid() == 5 && getuid() == 0);
        REQ(seteuid(0) == 0 && geteuid() == 0);
    });
    CHECK_CHILD("setreuid swaps",
                { REQ(setreuid(5, 6) == 0 && setreuid(6, 5) == 0 && getuid() == 6 && geteuid() == 5); });
    CHECK_CHILD("setresuid by a user: only among its three", {
        REQ(setresuid(1, 2, 3) == 0 && setresuid(3, 1, 2) == 0);
        REQ(setresuid(4, -1, -1) == -1 && errno == EPERM);
    });
    CHECK_CHILD("setresgid by a user: only among its three", {
        REQ(setresgid(1, 2, 3) == 0 && setuid(1) == 0);
        REQ(setresgid(3, 1, 2) == 0);
        REQ(setresgid(4, -1, -1) == -1 && errno == EPERM);
        REQ(setgid(1) == -1 && errno == EPERM && setgid(2) == 0 && getegid() == 2);
    });
    gid_t set[3] = {30, 10, 20}, got[8];
    CHECK_CHILD("setgroups and getgroups", {
        REQ(setgroups(3, set) == 0 && getgroups(0, NULL) == 3);
        REQ(getgroups(8, got) == 3 && got[0] + got[1] + got[2] == 60);
        REQ(getgroups(2, got) == -1 && errno == EINVAL);
        REQ(setgroups(0, NULL) == 0 && getgroups(0, NULL) == 0);
    });
    CHECK_CHILD("setgroups needs root", {
        drop_root();
        REQ(setgroups(3, set) == -1 && errno == EPERM);
    });
    CHECK_ERRNO(syscall(SYS_setgroups, 65537, set), EINVAL, "too many groups");
    CHECK_CHILD("setfsuid decides about files", {
        REQ(syscall(SYS_setfsuid, NOBODY) == 0);
        REQ(DENIED(open("plain", O_RDONLY)));
        REQ(geteuid() == 0);
    });
    CHECK_CHILD("root to user and back keeps what the effective id allows", {
        REQ(seteuid(NOBODY) == 0);
        REQ(DENIED(open("plain", O_RDONLY)));
        REQ(seteuid(0) == 0);
        REQ(OPENS("plain", O_RDONLY));
    });
}

static mode_t mode_after_write(void)
{
    struct stat st;
    int fd = open("suid", O_WRONLY);
    REQ(fd >= 0 && write(fd, "x", 1) == 1 && fstat(fd, &st) == 0);
    close(fd);
    return st.st_mode & 07777;
}

static void set_id_bits(void)
{
    put_text("suid", "text");
    REQ(chmod("suid", 06777) == 0);
    CHECK(mode_after_write() == 06777, "a write with CAP_FSETID keeps the set-ID bits");
    CHECK_CHILD("without it they go", {
        drop_root();
        REQ(mode_after_write() == 0777);
    });
    struct stat st;
    REQ(chmod("suid", 04755) == 0);
    CHECK_CHILD("a chown of nothing by a stranger changes nothing", {
        drop_root();
        (void)!chown("suid", -1, -1);
        REQ(stat("suid", &st) == 0 && (st.st_mode & 07777) == 04755);
    });
    REQ(chown("suid", 0, NOBODY) == 0 && chmod("suid", 02767) == 0);
    CHECK_CHILD("but for set-group-ID without execution by the group, of a group of one's own", {
        drop_root();
        REQ(mode_after_write() == 02767);
    });
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return strcmp(argv[1], "check") ? 7 : check_ids(argv);
    umask(0);
    REQ(chmod(".", 0755) == 0);
    classes();
    directories();
    sticky();
    access_call();
    executing();
    set_id();
    credentials();
    set_id_bits();
    return tap_end();
}
