// SPDX-License-Identifier: MIT
/* Namespaces of mounts and of the host's name: unshare, clone, setns, /proc/PID/ns; pivot_root inside one. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/util.h"

#include <linux/sched.h>
#include <sys/mount.h>

#define PIVOT(a, b) syscall(SYS_pivot_root, a, b)

/* The number in a link like "mnt:[4026531841]"; 0: it is not of this form. */
static unsigned long ns_number(const char *path, const char *kind)
{
    char text[64] = "", form[32];
    unsigned long n = 0;
    snprintf(form, sizeof form, "%s:[%%lu]", kind);
    return readlink(path, text, sizeof text - 1) > 0 && sscanf(text, form, &n) == 1 ? n : 0;
}

static unsigned long mnt_number(void)
{
    return ns_number("/proc/self/ns/mnt", "mnt");
}

static int same_host(const char *name)
{
    struct utsname u;
    return uname(&u) == 0 && !strcmp(u.nodename, name);
}

static void links(void)
{
    static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};
    char path[64];
    int good = 1;
    struct stat a, b;
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        unsigned long n = ns_number(path, kinds[i]);
        good &= n && stat(path, &a) == 0 && a.st_ino == n && S_ISREG(a.st_mode);
    }
    CHECK(good, "each is a link that tells its kind and its number, which is the file's");
    CHECK(stat("/proc/self/ns/uts", &a) == 0 && stat("/proc/1/ns/uts", &b) == 0 && a.st_ino == b.st_ino &&
              a.st_dev == b.st_dev,
          "two processes in one have the same file");
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &a) == 0 && a.st_ino == mnt_number(), "it can be opened");
    char c;
    CHECK_ERRNO(read(fd, &c, 1), EINVAL, "but not read");
    close(fd);
}

static void refused(void)
{
    int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC), none = open("/", O_RDONLY | O_CLOEXEC);
    CHECK_ERRNO(setns(99, 0), EBADF, "setns of no descriptor");
    CHECK_ERRNO(setns(none, 0), EINVAL, "of another file");
    CHECK_ERRNO(setns(fd, CLONE_NEWNS), EINVAL, "of another kind");
    CHECK(setns(fd, 0) == 0 && setns(fd, CLONE_NEWUTS) == 0, "of one's own");
    CHECK_CHILD("a user may not", drop_root(); REQ(FAILS(setns(fd, 0), EPERM)); REQ(FAILS(unshare(CLONE_NEWNS), EPERM));
                REQ(FAILS(unshare(CLONE_NEWUTS), EPERM)));
    CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL, "CLONE_NEWNS and CLONE_FS");
    close(fd);
    close(none);
}

static void host_names(void)
{
    struct utsname u;
    REQ(uname(&u) == 0);
    int before = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    unsigned long number = ns_number("/proc/self/ns/uts", "uts");
    CHECK_CHILD("CLONE_NEWUTS: a name of its own", REQ(unshare(CLONE_NEWUTS) == 0 && same_host(u.nodename));
                REQ(ns_number("/proc/self/ns/uts", "uts") != number);
                REQ(sethostname("other", 5) == 0 && same_host("other"));
                REQ(file_is("/proc/sys/kernel/hostname", "other\n")); REQ(CHILD(REQ(same_host("other"))) == 0);
                REQ(setns(before, CLONE_NEWUTS) == 0 && same_host(u.nodename)));
    CHECK(same_host(u.nodename) && ns_number("/proc/self/ns/uts", "uts") == number, "which nobody else has");
    long pid = syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        REQ(setdomainname("dom", 3) == 0 && sethostname("clone", 5) == 0);
        _exit(!same_host("clone"));
    }
    CHECK(tap_wait((pid_t)pid) == 0 && same_host(u.nodename), "one made by clone");
    close(before);
}

static void *stay(void *arg)
{
    token_wait(*(int *)arg);
    return NULL;
}

static void mounts(void)
{
    int to[2], from[2];
    unsigned long number = mnt_number();
    make_pipe(to);
    make_pipe(from);
    REQ(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
    int before = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), top = open("/", O_PATH | O_CLOEXEC);
    pid_t pid = tap_fork();
    if (pid == 0) {
        char cwd[512], again[512];
        REQ(getcwd(cwd, sizeof cwd) && unshare(CLONE_NEWNS) == 0 && mnt_number() != number && mnt_number());
        REQ(getcwd(again, sizeof again) && !strcmp(cwd, again));
        REQ(mount("none", "a", "tmpfs", 0, "") == 0 && mkdir("a/inner", 0700) == 0 && exists("a/inner"));
        token_send(from[1]);
        token_wait(to[0]);
        REQ(!exists("b/outer") && exists("a/inner"));
        REQ(CHILD(REQ(exists("a/inner") && umount("a") == 0)) == 0 && !exists("a/inner"));
        REQ(mount("none", "a", "tmpfs", 0, "") == 0);
        REQ(setns(before, CLONE_NEWNS) == 0 && mnt_number() == number);
        REQ(getcwd(again, sizeof again) && !strcmp(again, "/"));
        REQ(fchdir(top) == 0 && chroot(".") == 0 && chdir(cwd) == 0 && exists("b/outer")); /* the test may be in one */
        REQ(FAILS(umount("a"), EINVAL));
        _exit(0);
    }
    token_wait(from[0]);
    int hidden = !exists("a/inner");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
    unsigned long other = ns_number(path, "mnt");
    CHECK(other && other != number, "another process's namespace is seen");
    REQ(mount("none", "b", "tmpfs", 0, "") == 0 && mkdir("b/outer", 0700) == 0);
    token_send(to[1]);
    CHECK(tap_wait(pid) == 0 && hidden, "CLONE_NEWNS: what one mounts the other does not see; setns leads back");
    REQ(umount("b") == 0);
    CHECK(umount("b") < 0 && errno == EINVAL, "and nothing is left of it");
    CHECK_CHILD("who shares root and directory cannot go elsewhere", pthread_t t;
                REQ(pthread_create(&t, NULL, stay, &to[0]) == 0); REQ(FAILS(setns(before, CLONE_NEWNS), EINVAL));
                REQ(unshare(CLONE_FS) == 0 && setns(before, CLONE_NEWNS) == 0));
    long child = syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
        REQ(mnt_number() != number && pidfd >= 0);
        REQ(mount("none", "b", "tmpfs", 0, "") == 0);
        REQ(fchdir(top) == 0); /* a place in the other namespace: no mounting there */
        REQ(FAILS(mount("none", "tmp", "tmpfs", 0, ""), EINVAL));
        REQ(FAILS(setns(pidfd, 0), EINVAL) && setns(pidfd, CLONE_NEWNS | CLONE_NEWUTS) == 0 && mnt_number() == number);
        _exit(0);
    }
    CHECK(tap_wait((pid_t)child) == 0, "one made by clone; setns by a pidfd");
    close(before);
    close(top);
    REQ(rmdir("a") == 0 && rmdir("b") == 0);
}

static void new_roots(void)
{
    REQ(mkdir("new", 0755) == 0 && mkdir("plain", 0755) == 0);
    put_text("file", "");
    CHECK_CHILD("pivot_root: what it refuses", drop_root(); REQ(FAILS(PIVOT(".", "."), EPERM)));
    CHECK_CHILD("a root that is no mount, or not below, or the root itself", REQ(unshare(CLONE_NEWNS) == 0);
                REQ(FAILS(PIVOT("file", "new"), ENOTDIR)); REQ(FAILS(PIVOT("missing", "new"), ENOENT));
                REQ(FAILS(PIVOT("plain", "plain"), EBUSY)); REQ(mount("none", "new", "tmpfs", 0, "") == 0);
                REQ(mkdir("new/sub", 0755) == 0); REQ(FAILS(PIVOT("new", "plain"), EBUSY));
                REQ(FAILS(PIVOT("new/sub", "new/sub"), EINVAL));
                REQ(mount("none", "plain", "tmpfs", 0, "") == 0 && FAILS(PIVOT("new", "plain"), EINVAL)));
    CHECK_CHILD(
        "the root becomes another, for all who had it", REQ(unshare(CLONE_NEWNS) == 0); int up[2], down[2];
        char cwd[512], old[600]; make_pipe(up); make_pipe(down); REQ(getcwd(cwd, sizeof cwd)); pid_t pid = tap_fork();
        if (pid == 0) {
            REQ(chdir("/") == 0);
            token_send(up[1]);
            token_wait(down[0]);
            REQ(exists("/old") && exists("old") && !exists("/proc/self"));
            _exit(0);
        };
        token_wait(up[0]); REQ(mount("none", "new", "tmpfs", 0, "") == 0 && mkdir("new/old", 0700) == 0);
        REQ(PIVOT("new", "new/old") == 0); REQ(exists("/old/proc/self") && !exists("/proc"));
        snprintf(old, sizeof old, "/old%s/file", cwd); REQ(exists(old)); token_send(down[1]); REQ(tap_wait(pid) == 0);
        REQ(getcwd(old, sizeof old) && !strncmp(old, "/old", 4)); REQ(chdir("/") == 0);
        REQ(umount2("/old", MNT_DETACH) == 0 && !exists("/old/proc") && rmdir("/old") == 0));
    CHECK_CHILD("pivot_root(\".\", \".\")", REQ(unshare(CLONE_NEWNS) == 0 && mount("none", "new", "tmpfs", 0, "") == 0);
                REQ(chdir("new") == 0 && mkdir("here", 0700) == 0 && PIVOT(".", ".") == 0);
                REQ(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0 && exists("/here") && !exists("/proc")));
    CHECK(exists("/proc/self") && rmdir("new") == 0, "nothing of it is seen outside");
    REQ(rmdir("plain") == 0 && unlink("file") == 0);
}

static void how_many(void)
{
    char text[32] = "";
    int fd = open("/proc/sys/fs/mount-max", O_RDONLY);
    CHECK(read(fd, text, sizeof text - 1) > 0 && atol(text) == 100000, "100000 mounts in a namespace");
    close(fd);
    if (!own_machine()) {
        SKIP("one more", "a setting of the whole machine");
        return;
    }
    REQ(mkdir("m", 0755) == 0);
    CHECK_CHILD("one more", REQ(unshare(CLONE_NEWNS) == 0); put_text("/proc/sys/fs/mount-max", "3");
                int err = mount("none", "m", "tmpfs", 0, "") < 0 ? errno : 0;
                put_text("/proc/sys/fs/mount-max", "100000");
                REQ(err == ENOSPC && mount("none", "m", "tmpfs", 0, "") == 0));
    REQ(rmdir("m") == 0);
}

int main(void)
{
    links();
    refused();
    host_names();
    mounts();
    new_roots();
    how_many();
    return tap_end();
}
