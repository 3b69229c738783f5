// SPDX-License-Identifier: MIT
/*
 * What execve does to credentials: capabilities(7), "Transformation of capabilities during execve()", root and set-ID
 * programs, file capabilities, securebits, ambient capabilities, no_new_privs. Each fact runs ./prog, which is this program,
 * in a child that has made itself what the fact says; it tells by descriptor 9 what it has become.
 */
#include "tests/abi/util.h"

#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/xattr.h>

#define CAP_A TAP_CAP(CAP_CHOWN)
#define CAP_B TAP_CAP(CAP_KILL)
#define TELL 9

struct seen {
    uint64_t effective, permitted, inheritable, bounding, ambient;
    unsigned secure, uid, euid, suid, gid, egid, fsuid, bits;
    int err; /* of execve */
};

static void get_caps(struct seen *s)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    REQ(syscall(SYS_capget, &head, d) == 0);
    s->effective = d[0].effective | (uint64_t)d[1].effective << 32;
    s->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
    s->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
    for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
        if (prctl(PR_CAPBSET_READ, cap) == 1)
            s->bounding |= TAP_CAP(cap);
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
            s->ambient |= TAP_CAP(cap);
    }
}

static void tell(int err)
{
    struct seen s = {.err = err, .secure = getauxval(AT_SECURE), .gid = getgid(), .egid = getegid()};
    REQ(getresuid(&s.uid, &s.euid, &s.suid) == 0);
    get_caps(&s);
    s.fsuid = (unsigned)syscall(SYS_setfsuid, -1);
    s.bits = (unsigned)prctl(PR_GET_SECUREBITS);
    REQ(write(TELL, &s, sizeof s) == sizeof s);
}

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{effective, permitted, inheritable},
                                          {effective >> 32, permitted >> 32, inheritable >> 32}};
    return syscall(SYS_capset, &head, d);
}

static int drop_bounding(int cap)
{
    return prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int ambient(int cap)
{
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

/* A user with these permitted and inheritable, and nothing in effect. */
static void user_with(uint64_t permitted, uint64_t inheritable)
{
    REQ(prctl(PR_SET_KEEPCAPS, 1) == 0 && setgroups(0, NULL) == 0 && setresgid(5, 5, 5) == 0);
    REQ(setresuid(5, 5, 5) == 0 && set_caps(0, permitted, inheritable) == 0);
}

static void no_new_privs(void)
{
    REQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

/* Another process that has the file system's view (CLONE_FS) in common with this one, until it execs. */
static void share_view(void)
{
    int p[2];
    char c;
    make_pipe(p);
    long pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
    REQ(pid >= 0);
    if (pid == 0) {
        close(p[1]);
        _exit(read(p[0], &c, 1) != 0);
    }
}

static int pipe_of_child[2];

/* What the program `name` finds itself to be when the child has done `...`. */
#define RUN(name, ...)                                                                     \
    ({                                                                                     \
        struct seen seen_ = {0};                                                           \
        make_pipe(pipe_of_child);                                                          \
        int status_ = CHILD(REQ(dup2(pipe_of_child[1], TELL) == TELL); __VA_ARGS__;        \
                            execl((name), "prog", "tell", NULL); tell(errno); _exit(0));   \
        close(pipe_of_child[1]);                                                           \
        REQ(status_ == 0 && read(pipe_of_child[0], &seen_, sizeof seen_) == sizeof seen_); \
        close(pipe_of_child[0]);                                                           \
        seen_;                                                                             \
    })

/* A fresh copy of the program with this mode, owner and file capabilities (revision 2; effective or not). */
static void program(unsigned mode, int uid, int gid, uint64_t permitted, uint64_t inheritable, int effective)
{
    unlink("prog");
    copy_file("/proc/self/exe", "prog");
    REQ(chown("prog", uid, gid) == 0 && chmod("prog", mode) == 0);
    struct vfs_cap_data v = {.magic_etc = VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0)};
    v.data[0].permitted = permitted, v.data[1].permitted = permitted >> 32;
    v.data[0].inheritable = inheritable, v.data[1].inheritable = inheritable >> 32;
    if (permitted || inheritable || effective)
        REQ(setxattr("prog", "security.capability", &v, XATTR_CAPS_SZ_2, 0) == 0);
}

static int has(const struct seen *s, uint64_t effective, uint64_t permitted)
{
    return !s->err && s->effective == effective && s->permitted == permitted;
}

/* ---- root ---- */

static void root(void)
{
    program(0755, 0, 0, 0, 0, 0);
    struct seen s = RUN("./prog", (void)0);
    CHECK(has(&s, TAP_CAPS, TAP_CAPS) && s.inheritable == 0 && !s.secure, "root has the bounding set");
    s = RUN("./prog", REQ(set_caps(TAP_CAPS & ~CAP_A, TAP_CAPS & ~CAP_A, 0) == 0));
    CHECK(has(&s, TAP_CAPS, TAP_CAPS), "what it had laid down comes back");
    s = RUN("./prog", REQ(set_caps(TAP_CAPS & ~CAP_A, TAP_CAPS & ~CAP_A, 0) == 0); no_new_privs());
    CHECK(has(&s, TAP_CAPS & ~CAP_A, TAP_CAPS & ~CAP_A), "not with no_new_privs");
    s = RUN("./prog", REQ(set_caps(0, 0, 0) == 0); no_new_privs());
    CHECK(has(&s, 0, 0) && s.euid == 0, "nor when it had nothing");
    s = RUN("./prog", REQ(drop_bounding(CAP_CHOWN) == 0));
    CHECK(has(&s, TAP_CAPS & ~CAP_A, TAP_CAPS & ~CAP_A), "what the bounding set lacks is lost");
    s = RUN("./prog", REQ(set_caps(TAP_CAPS, TAP_CAPS, CAP_A) == 0 && drop_bounding(CAP_CHOWN) == 0));
    CHECK(has(&s, TAP_CAPS, TAP_CAPS) && s.inheritable == CAP_A, "but not if it is inheritable");
    s = RUN("./prog", REQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0));
    CHECK(has(&s, 0, 0) && s.bits == SECBIT_NOROOT, "SECBIT_NOROOT: root is nobody");
    s = RUN("./prog", REQ(seteuid(5) == 0));
    CHECK(has(&s, 0, TAP_CAPS) && s.secure && s.euid == 5 && s.suid == 5,
          "with the real id alone they are permitted, not in effect");
    s = RUN("./prog", REQ(setresuid(5, 0, 0) == 0));
    CHECK(has(&s, TAP_CAPS, TAP_CAPS) && s.secure, "with the effective id alone they are");
    s = RUN("./prog", REQ(setresuid(5, 5, 0) == 0));
    CHECK(has(&s, 0, 0) && s.suid == 5, "with the saved id alone, none, and that is gone");
}

/* ---- set-ID ---- */

static void set_id(void)
{
    program(04755, 0, 0, 0, 0, 0);
    struct seen s = RUN("./prog", user_with(0, 0));
    CHECK(has(&s, TAP_CAPS, TAP_CAPS) && s.uid == 5 && s.euid == 0 && s.suid == 0 && s.fsuid == 0 && s.secure,
          "a set-user-ID program of root's has all");
    s = RUN("./prog", user_with(0, 0); no_new_privs());
    CHECK(has(&s, 0, 0) && s.euid == 5 && !s.secure, "with no_new_privs it is like any other");
    s = RUN("./prog", drop_root(); share_view());
    CHECK(has(&s, 0, 0) && s.euid == NOBODY, "nor for one who shares the file system's view with another process");
    s = RUN("./prog", REQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0); user_with(0, 0));
    CHECK(has(&s, 0, 0) && s.euid == 0 && s.secure, "SECBIT_NOROOT: only the id");
    s = RUN("./prog", user_with(CAP_A, CAP_A); REQ(ambient(CAP_CHOWN) == 0));
    CHECK(has(&s, TAP_CAPS, TAP_CAPS) && s.ambient == 0, "ambient ones end with it");
    program(04755, 7, 7, 0, 0, 0);
    s = RUN("./prog", (void)0);
    CHECK(has(&s, 0, TAP_CAPS) && s.uid == 0 && s.euid == 7 && s.secure, "root who runs another's");
    s = RUN("./prog", user_with(0, 0));
    CHECK(has(&s, 0, 0) && s.uid == 5 && s.euid == 7 && s.suid == 7 && s.secure, "a user who runs another's");
    s = RUN("./prog", user_with(CAP_A, CAP_A); REQ(ambient(CAP_CHOWN) == 0));
    CHECK(has(&s, 0, 0) && s.ambient == 0, "ends ambient ones, too");
    program(02755, 0, 7, 0, 0, 0);
    s = RUN("./prog", user_with(CAP_A, CAP_A); REQ(ambient(CAP_CHOWN) == 0));
    CHECK(has(&s, 0, 0) && s.gid == 5 && s.egid == 7 && s.secure && !s.ambient, "so does a set-group-ID one");
    program(02745, 0, 7, 0, 0, 0);
    s = RUN("./prog", user_with(0, 0));
    CHECK(s.egid == 5 && !s.secure, "set-group-ID without execution by the group is none");
}

/* ---- file capabilities ---- */

static void files(void)
{
    program(0755, 0, 0, CAP_A, 0, 1);
    struct seen s = RUN("./prog", user_with(0, 0));
    CHECK(has(&s, CAP_A, CAP_A) && s.secure, "a program's own, in effect at once");
    s = RUN("./prog", user_with(0, 0); no_new_privs());
    CHECK(has(&s, 0, 0), "not with no_new_privs");
    s = RUN("./prog", user_with(CAP_A | CAP_B, 0); no_new_privs());
    CHECK(has(&s, CAP_A, CAP_A), "but for those one had");
    s = RUN("./prog", REQ(drop_bounding(CAP_CHOWN) == 0); user_with(0, 0));
    CHECK(s.err == EPERM, "it does not run when one of them is outside the bounding set");
    s = RUN("./prog", REQ(drop_bounding(CAP_CHOWN) == 0));
    CHECK(s.err == EPERM, "nor does root run it");
    s = RUN("./prog", (void)0);
    CHECK(has(&s, TAP_CAPS, TAP_CAPS) && !s.secure, "root has its own besides");
    s = RUN("./prog", REQ(seteuid(5) == 0));
    CHECK(has(&s, TAP_CAPS, TAP_CAPS), "root by the real id alone: the file says that they take effect");
    s = RUN("./prog", user_with(CAP_B, CAP_B); REQ(ambient(CAP_KILL) == 0));
    CHECK(has(&s, CAP_A, CAP_A) && !s.ambient, "ambient ones end with it");
    program(0755, 0, 0, CAP_A, 0, 0);
    s = RUN("./prog", user_with(0, 0));
    CHECK(has(&s, 0, CAP_A) && s.secure, "permitted only: the program takes them up itself");
    s = RUN("./prog", REQ(drop_bounding(CAP_CHOWN) == 0); user_with(0, 0));
    CHECK(has(&s, 0, 0) && !s.secure, "then it runs without those outside the bounding set");
    program(0755, 0, 0, 0, CAP_A, 1);
    s = RUN("./prog", user_with(CAP_A | CAP_B, CAP_A | CAP_B));
    CHECK(has(&s, CAP_A, CAP_A) && s.inheritable == (CAP_A | CAP_B), "inheritable of both: permitted");
    s = RUN("./prog", user_with(CAP_B, CAP_B));
    CHECK(has(&s, 0, 0), "of the file alone: not");
    s = RUN("./prog", REQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) == 0 && set_caps(TAP_CAPS, TAP_CAPS, CAP_A) == 0));
    CHECK(has(&s, CAP_A, CAP_A), "under SECBIT_NOROOT root has a program's own");
    program(0755, 0, 0, 0, 0, 1);
    s = RUN("./prog", user_with(CAP_A, CAP_A); REQ(ambient(CAP_CHOWN) == 0));
    CHECK(has(&s, 0, 0) && !s.ambient, "empty ones end ambient ones all the same");
    program(0755, 0, 0, 0, 0, 0);
    REQ(setxattr("prog", "security.capability", "", 0, 0) == 0);
    s = RUN("./prog", user_with(0, 0));
    CHECK(s.err == EINVAL, "a program with broken ones does not run");
    program(04755, 0, 0, CAP_A, 0, 1);
    s = RUN("./prog", user_with(0, 0));
    CHECK(has(&s, CAP_A, CAP_A) && s.euid == 0, "with set-user-ID root, a user has the file's alone");
    s = RUN("./prog", (void)0);
    CHECK(has(&s, TAP_CAPS, TAP_CAPS), "and root all");
}

static void revision3(void)
{
    struct vfs_ns_cap_data v = {.magic_etc = VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE};
    v.data[0].permitted = CAP_A;
    program(0755, 0, 0, 0, 0, 0);
    REQ(setxattr("prog", "security.capability", &v, sizeof v, 0) == 0);
    struct seen s = RUN("./prog", user_with(0, 0));
    CHECK(has(&s, CAP_A, CAP_A), "revision 3 of this machine's root");
    v.rootid = 1000;
    REQ(setxattr("prog", "security.capability", &v, sizeof v, 0) == 0);
    s = RUN("./prog", user_with(0, 0));
    CHECK(has(&s, 0, 0) && !s.secure, "of another's: as if there were none");
    s = RUN("./prog", user_with(CAP_A, CAP_A); REQ(ambient(CAP_CHOWN) == 0));
    CHECK(has(&s, CAP_A, CAP_A) && s.ambient == CAP_A, "ambient ones stay");
}

/* ---- ambient, keepcaps, securebits ---- */

static void bits(void)
{
    program(0755, 0, 0, 0, 0, 0);
    struct seen s = RUN("./prog", user_with(CAP_A | CAP_B, CAP_A); REQ(ambient(CAP_CHOWN) == 0));
    CHECK(has(&s, CAP_A, CAP_A) && s.ambient == CAP_A && s.inheritable == CAP_A && !s.secure, "ambient ones stay");
    s = RUN("./prog", user_with(CAP_A, CAP_A); REQ(ambient(CAP_CHOWN) == 0); no_new_privs());
    CHECK(has(&s, CAP_A, CAP_A) && s.ambient == CAP_A, "with no_new_privs as well");
    s = RUN("./prog", REQ(set_caps(TAP_CAPS, TAP_CAPS, CAP_A) == 0 && ambient(CAP_CHOWN) == 0); drop_root());
    CHECK(has(&s, 0, 0) && !s.ambient, "they end when root becomes a user");
    s = RUN("./prog", REQ(prctl(PR_SET_KEEPCAPS, 1) == 0));
    CHECK(s.bits == 0, "PR_SET_KEEPCAPS ends with exec");
    unsigned all = SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_KEEP_CAPS_LOCKED;
    s = RUN("./prog", REQ(prctl(PR_SET_SECUREBITS, all | SECBIT_KEEP_CAPS) == 0));
    CHECK(s.bits == all, "the other securebits and the locks stay");
    CHECK_CHILD("SECBIT_NO_SETUID_FIXUP: changes of ids leave capabilities alone", {
        struct seen now = {0};
        REQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0 && setresuid(5, 5, 5) == 0);
        get_caps(&now);
        REQ(has(&now, TAP_CAPS, TAP_CAPS));
    });
    CHECK_CHILD("locks: what is locked does not change, and no lock opens", {
        REQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) == 0);
        REQ(FAILS(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED), EPERM));
        REQ(FAILS(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM));
        REQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP) == 0);
        REQ(FAILS(prctl(PR_SET_SECUREBITS, 1 << 30), EPERM));
    });
    CHECK_CHILD("KEEP_CAPS locked: prctl cannot set it", {
        REQ(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED) == 0);
        REQ(FAILS(prctl(PR_SET_KEEPCAPS, 1), EPERM) && prctl(PR_GET_KEEPCAPS) == 0);
    });
    CHECK_CHILD("NO_CAP_AMBIENT_RAISE: none is raised, those there can be lowered", {
        REQ(set_caps(TAP_CAPS, TAP_CAPS, CAP_A | CAP_B) == 0 && ambient(CAP_CHOWN) == 0);
        REQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE) == 0 && FAILS(ambient(CAP_KILL), EPERM));
        REQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_CHOWN, 0, 0) == 0);
        REQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 0);
    });
    CHECK_CHILD("an ambient one goes with the permitted and the inheritable", {
        REQ(set_caps(TAP_CAPS, TAP_CAPS, CAP_A | CAP_B) == 0 && ambient(CAP_CHOWN) == 0 && ambient(CAP_KILL) == 0);
        REQ(set_caps(TAP_CAPS, TAP_CAPS, CAP_B) == 0);
        REQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 0);
        REQ(set_caps(TAP_CAPS & ~CAP_B, TAP_CAPS & ~CAP_B, CAP_B) == 0);
        REQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
    });
    CHECK_CHILD("inheritable: only of the permitted and the bounding set", {
        REQ(drop_bounding(CAP_CHOWN) == 0 && FAILS(set_caps(TAP_CAPS, TAP_CAPS, CAP_A), EPERM));
        REQ(set_caps(TAP_CAPS, TAP_CAPS, CAP_B) == 0);
        REQ(FAILS(set_caps(TAP_CAPS, TAP_CAPS, TAP_CAP(CAP_SYS_ADMIN)), EPERM));
    });
    CHECK_CHILD("the bounding set is for those with CAP_SETPCAP", {
        drop_root();
        REQ(FAILS(drop_bounding(CAP_CHOWN), EPERM) && FAILS(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM));
    });
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc == 2) {
        tell(0);
        return 0;
    }
    umask(0);
    REQ(chmod(".", 0755) == 0);
    root();
    set_id();
    files();
    revision3();
    bits();
    return tap_end();
}
