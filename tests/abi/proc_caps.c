// SPDX-License-Identifier: MIT
/*
 * Capabilities: what a container's root has and lacks, capget and capset, what changes of user and exec do to them,
 * files that carry them.
 */
#include "tests/abi/util.h"

#include <linux/securebits.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/time.h>
#include <sys/xattr.h>

struct caps {
    uint64_t effective, permitted, inheritable;
};

static struct caps get(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    REQ(syscall(SYS_capget, &head, d) == 0);
    return (struct caps){d[0].effective | (uint64_t)d[1].effective << 32,
                         d[0].permitted | (uint64_t)d[1].permitted << 32,
                         d[0].inheritable | (uint64_t)d[1].inheritable << 32};
}

static int set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{effective, permitted, inheritable},
                                          {effective >> 32, permitted >> 32, inheritable >> 32}};
    return syscall(SYS_capset, &head, d);
}

static void container(void)
{
    struct caps c = get();
    CHECK(c.permitted == TAP_CAPS && c.effective == TAP_CAPS && c.inheritable == 0,
          "root of a container has fourteen capabilities");
    CHECK(prctl(PR_CAPBSET_READ, CAP_CHOWN) == 1 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 0,
          "and no more in its bounding set");
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 99), EINVAL, "a capability that is none");
}

static void refused(void)
{
    struct timeval tv;
    gettimeofday(&tv, NULL);
    CHECK_ERRNO(mount("none", "/", "tmpfs", 0, NULL), EPERM, "mount");
    CHECK_ERRNO(umount2("/", 0), EPERM, "umount2");
    CHECK_ERRNO(unshare(CLONE_NEWNS), EPERM, "unshare of the mounts");
    CHECK_ERRNO(unshare(CLONE_NEWPID), EPERM, "unshare of the processes");
    CHECK_ERRNO(reboot(RB_AUTOBOOT), EPERM, "reboot");
    CHECK_ERRNO(sethostname("x", 1), EPERM, "sethostname");
    CHECK_ERRNO(syscall(SYS_setdomainname, "x", 1), EPERM, "setdomainname");
    CHECK_ERRNO(settimeofday(&tv, NULL), EPERM, "settimeofday");
    CHECK_ERRNO(syscall(SYS_pivot_root, "/", "/"), EPERM, "pivot_root");
    CHECK_ERRNO(syscall(SYS_vhangup), EPERM, "vhangup");
}

static void changing(void)
{
    CHECK_CHILD("a capability can be laid down and taken up while it is permitted", {
        uint64_t some = TAP_CAPS & ~TAP_CAP(CAP_CHOWN);
        put_text("own", "");
        REQ(set(some, TAP_CAPS, 0) == 0);
        REQ(chown("own", 5, 5) == -1 && errno == EPERM);
        REQ(set(TAP_CAPS, TAP_CAPS, 0) == 0 && chown("own", 5, 5) == 0);
    });
    CHECK_CHILD("given up it does not come back", {
        REQ(set(0, 0, 0) == 0);
        REQ(set(TAP_CAP(CAP_CHOWN), TAP_CAP(CAP_CHOWN), 0) == -1 && errno == EPERM);
    });
    CHECK_CHILD("effective without permitted", REQ(set(TAP_CAP(CAP_SYS_ADMIN), TAP_CAPS, 0) == -1 && errno == EPERM));
    struct __user_cap_header_struct head = {0x12345678, 0};
    CHECK(syscall(SYS_capget, &head, NULL) == 0 && head.version == _LINUX_CAPABILITY_VERSION_3,
          "an unknown version is answered with the one in use");
    head = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0x7ffffff};
    struct __user_cap_data_struct d[2];
    CHECK_ERRNO(syscall(SYS_capget, &head, d), ESRCH, "capget of nobody");
    head.pid = getppid();
    CHECK_ERRNO(syscall(SYS_capset, &head, d), EPERM, "capset of another process");
}

static void users(void)
{
    CHECK_CHILD("leaving root loses all", {
        REQ(setresuid(5, 5, 5) == 0);
        struct caps c = get();
        REQ(c.permitted == 0 && c.effective == 0);
    });
    CHECK_CHILD("with root as the saved id the permitted stay, and come back into effect", {
        REQ(setresuid(5, 5, 0) == 0);
        REQ(get().permitted == TAP_CAPS && get().effective == 0);
        REQ(setresuid(-1, 0, -1) == 0 && get().effective == TAP_CAPS);
    });
    CHECK_CHILD("PR_SET_KEEPCAPS keeps the permitted", {
        REQ(prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(5, 5, 5) == 0);
        REQ(get().permitted == TAP_CAPS && get().effective == 0);
        REQ(set(TAP_CAP(CAP_CHOWN), TAP_CAPS, 0) == 0 && chown("own", 6, 6) == 0);
    });
    CHECK_CHILD("an exec by a user loses what was kept", {
        REQ(prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(5, 5, 5) == 0);
        execl("./prog", "x", "0", NULL);
    });
    CHECK_CHILD("an exec by root has the bounding set", {
        char want[32];
        REQ(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0) == 0);
        snprintf(want, sizeof want, "%llx", TAP_CAPS & ~TAP_CAP(CAP_CHOWN));
        execl("./prog", "x", want, NULL);
    });
    CHECK_CHILD("ambient ones outlive an exec by a user", {
        uint64_t chown_cap = TAP_CAP(CAP_CHOWN);
        REQ(prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(5, 5, 5) == 0 && set(chown_cap, chown_cap, chown_cap) == 0);
        REQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0);
        execl("./prog", "x", "1", NULL);
    });
    CHECK_CHILD("an ambient one must be permitted and inheritable",
                { REQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == -1 && errno == EPERM); });
    CHECK_CHILD("SECBIT_NOROOT needs a capability a container's root has", {
        REQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0 && prctl(PR_GET_SECUREBITS) == SECBIT_NOROOT);
        execl("./prog", "x", "0", NULL);
    });
}

static void files(void)
{
    struct vfs_cap_data v = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
    v.data[0].permitted = TAP_CAP(CAP_NET_BIND_SERVICE) | TAP_CAP(CAP_CHOWN);
    char want[32], buf[64];
    snprintf(want, sizeof want, "%llx", TAP_CAP(CAP_NET_BIND_SERVICE) | TAP_CAP(CAP_CHOWN));
    CHECK(setxattr("prog", "security.capability", &v, XATTR_CAPS_SZ_2, 0) == 0 &&
              getxattr("prog", "security.capability", buf, 64) == XATTR_CAPS_SZ_2,
          "a program is given capabilities");
    CHECK_CHILD("a user who runs it has them", {
        drop_root();
        execl("./prog", "x", want, NULL);
    });
    CHECK_CHILD("not after no_new_privs", {
        drop_root();
        REQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        execl("./prog", "x", "0", NULL);
    });
    CHECK_CHILD("a capability outside the bounding set makes the exec fail", {
        REQ(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0) == 0);
        drop_root();
        REQ(execl("./prog", "x", want, NULL) == -1 && errno == EPERM);
    });
    CHECK_CHILD("a user gives none", {
        drop_root();
        REQ(setxattr("prog", "security.capability", &v, XATTR_CAPS_SZ_2, 0) == -1 && errno == EPERM);
    });
    CHECK(chmod("prog", 0777) == 0 && getxattr("prog", "security.capability", buf, 64) > 0, "chmod leaves them");
    CHECK_CHILD("a write by a user takes them away", {
        drop_root();
        int fd = open("prog", O_WRONLY | O_APPEND);
        REQ(fd >= 0 && write(fd, "x", 1) == 1);
    });
    CHECK_ERRNO(getxattr("prog", "security.capability", buf, 64), ENODATA, "they are gone");
    CHECK(setxattr("prog", "security.capability", &v, XATTR_CAPS_SZ_2, 0) == 0 && chown("prog", 1, 1) == 0, "chown");
    CHECK_ERRNO(getxattr("prog", "security.capability", buf, 64), ENODATA, "takes them away too");
    v.magic_etc = 0x09000000;
    CHECK_ERRNO(setxattr("prog", "security.capability", &v, XATTR_CAPS_SZ_2, 0), EINVAL,
                "an unknown revision is refused");
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        struct caps c = get();
        uint64_t want = strtoull(argv[1], NULL, 16);
        return c.permitted != want || c.effective != want;
    }
    umask(0);
    REQ(chmod(".", 0755) == 0);
    copy_file("/proc/self/exe", "prog");
    REQ(chmod("prog", 0755) == 0);
    container();
    refused();
    changing();
    users();
    files();
    return tap_end();
}
