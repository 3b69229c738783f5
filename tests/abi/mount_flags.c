// SPDX-License-Identifier: MIT
/*
 * The flags of mount and umount2, one by one: what each does, where it is shown (of the mount, of its file system), and
 * which combinations are refused. Namespaces as files that are bound; mount points that another namespace covers.
 */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/util.h"

#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#define SHOWN_SUPER (MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME)

/* What mountinfo says of a place below this folder. */
struct shown {
    int found;
    char root[128], options[128], tags[128], type[32], source[64], super[128];
};

static struct shown shown(const char *where)
{
    static char line[2048];
    char here[512], path[600], at[600];
    struct shown s = {0}, t;
    REQ(getcwd(here, sizeof here));
    snprintf(path, sizeof path, "%s/%s", here, where);
    FILE *f = fopen("/proc/self/mountinfo", "r");
    REQ(f);
    while (fgets(line, sizeof line, f)) {
        char *rest = strstr(line, " - ");
        memset(&t, 0, sizeof t);
        int n = sscanf(line, "%*d %*d %*s %127s %599s %127s %127[^\n]", t.root, at, t.options, t.tags);
        if (!rest || n < 4 || strcmp(at, path) != 0)
            continue;
        char *dash = strstr(t.tags, "- ");
        *dash = 0;
        REQ(sscanf(rest, " - %31s %63s %127s", t.type, t.source, t.super) == 3);
        t.found = 1;
        s = t;
    }
    fclose(f);
    return s;
}

static int begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static void each_flag(void)
{
    static const struct {
        const char *name;
        unsigned long flags;
        const char *options, *super; /* the beginning of it */
    } rows[] = {
        {"none", 0, "rw,relatime", "rw"},
        {"MS_RDONLY", MS_RDONLY, "ro,relatime", "ro"},
        {"MS_NOSUID, NODEV, NOEXEC", MS_NOSUID | MS_NODEV | MS_NOEXEC, "rw,nosuid,nodev,noexec,relatime", "rw"},
        {"MS_NOATIME", MS_NOATIME, "rw,noatime", "rw"},
        {"MS_NODIRATIME", MS_NODIRATIME, "rw,nodiratime,relatime", "rw"},
        {"MS_NOATIME, NODIRATIME", MS_NOATIME | MS_NODIRATIME, "rw,noatime,nodiratime", "rw"},
        {"MS_RELATIME", MS_RELATIME, "rw,relatime", "rw"},
        {"MS_RELATIME, NOATIME", MS_RELATIME | MS_NOATIME, "rw,noatime", "rw"},
        {"MS_STRICTATIME", MS_STRICTATIME, "rw", "rw"},
        {"MS_STRICTATIME, NOATIME", MS_STRICTATIME | MS_NOATIME, "rw", "rw"},
        {"MS_NOSYMFOLLOW", MS_NOSYMFOLLOW, "rw,relatime,nosymfollow", "rw"},
        {"MS_SYNCHRONOUS", MS_SYNCHRONOUS, "rw,relatime", "rw,sync"},
        {"MS_DIRSYNC", MS_DIRSYNC, "rw,relatime", "rw,dirsync"},
        {"MS_LAZYTIME", MS_LAZYTIME, "rw,relatime", "rw,lazytime"},
        {"all that a file system keeps", SHOWN_SUPER, "rw,relatime", "rw,sync,dirsync,lazytime"},
        {"MS_SILENT, I_VERSION, POSIXACL", MS_SILENT | MS_I_VERSION | MS_POSIXACL, "rw,relatime", "rw"},
        {"the number of old", MS_MGC_VAL | MS_NOSUID, "rw,nosuid,relatime", "rw"},
    };
    char name[128];
    for (unsigned i = 0; i < COUNT(rows); i++) {
        REQ(mount("src", "m", "tmpfs", rows[i].flags, "size=1m") == 0);
        struct shown s = shown("m");
        REQ(umount("m") == 0);
        snprintf(name, sizeof name, "mount: %s", rows[i].name);
        CHECK(!strcmp(s.options, rows[i].options) && begins(s.super, rows[i].super) && !strcmp(s.source, "src"), name);
    }
    for (unsigned i = 0; i < COUNT(rows) - 1; i++) {
        REQ(mount("src", "m", "tmpfs", MS_STRICTATIME | MS_NODEV, "") == 0);
        REQ(mount(NULL, "m", NULL, MS_REMOUNT | rows[i].flags, "") == 0);
        struct shown s = shown("m");
        const char *want = strstr(rows[i].options, ",relatime");
        int kept = !(rows[i].flags & (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME));
        char options[64];
        snprintf(options, sizeof options, "%s", rows[i].options);
        if (kept && want) /* access times as they were: strict */
            snprintf(options + (want - rows[i].options), 64 - (want - rows[i].options), "%s", want + 9);
        REQ(umount("m") == 0);
        snprintf(name, sizeof name, "remount: %s", rows[i].name);
        int super = rows[i].flags & MS_DIRSYNC ? begins(s.super, "rw") && !strstr(s.super, "dirsync")
                                               : begins(s.super, rows[i].super);
        CHECK(!strcmp(s.options, options) && super, name);
    }
    for (unsigned i = 0; i < COUNT(rows) - 1; i++) {
        REQ(mount("src", "m", "tmpfs", MS_STRICTATIME, "") == 0 && mount("m", "n", NULL, MS_BIND, NULL) == 0);
        REQ(mount(NULL, "n", NULL, MS_REMOUNT | MS_BIND | MS_RELATIME | rows[i].flags, "nonsense=7") == 0);
        struct shown m = shown("m"), n = shown("n");
        REQ(umount("n") == 0 && umount("m") == 0);
        snprintf(name, sizeof name, "remount of a bind: %s", rows[i].name);
        CHECK(!strcmp(n.options, rows[i].options) && !strcmp(m.options, "rw") &&
                  begins(m.super, "rw,") == begins(n.super, "rw,") && begins(n.super, "rw") && !strstr(n.super, "sync"),
              name);
    }
}

static void refusals(void)
{
    static const struct {
        const char *name, *source, *on, *type;
        unsigned long flags;
        const void *data;
        int err;
    } rows[] = {
        {"no type", "s", "m", NULL, 0, "", EINVAL},
        {"a type that is none", "s", "m", "nosuchfs", 0, "", ENODEV},
        {"an empty type", "s", "m", "", 0, "", ENODEV},
        {"a type out of nowhere", "s", "m", (const char *)8, 0, "", EFAULT},
        {"a source out of nowhere", (const char *)8, "m", "tmpfs", 0, "", EFAULT},
        {"data out of nowhere", "s", "m", "tmpfs", 0, (const void *)8, EFAULT},
        {"a place out of nowhere", "s", (const char *)8, "tmpfs", 0, "", EFAULT},
        {"an empty place", "s", "", "tmpfs", 0, "", ENOENT},
        {"an unknown option", "s", "m", "tmpfs", 0, "nonsense=7", EINVAL},
        {"MS_NOUSER", "s", "m", "tmpfs", 1ul << 31, "", EINVAL},
        {"on a file", "s", "f", "tmpfs", 0, "", ENOTDIR},
        {"below a file", "s", "f/x", "tmpfs", 0, "", ENOTDIR},
        {"a bind of nothing", NULL, "m", NULL, MS_BIND, NULL, EINVAL},
        {"a bind of an empty name", "", "m", NULL, MS_BIND, NULL, EINVAL},
        {"a bind of what is not there", "absent", "m", NULL, MS_BIND, NULL, ENOENT},
        {"a move of nothing", NULL, "m", NULL, MS_MOVE, NULL, EINVAL},
        {"a move of what is no mount", "n", "m", NULL, MS_MOVE, NULL, EINVAL},
        {"a remount of what is no mount", NULL, "m", NULL, MS_REMOUNT, NULL, EINVAL},
        {"a remount of its bind", NULL, "m", NULL, MS_REMOUNT | MS_BIND, NULL, EINVAL},
        {"propagation of what is no mount", NULL, "m", NULL, MS_PRIVATE, NULL, EINVAL},
        {"two kinds of it", NULL, "/", NULL, MS_PRIVATE | MS_SHARED, NULL, EINVAL},
        {"with another flag", NULL, "/", NULL, MS_PRIVATE | MS_NODEV, NULL, EINVAL},
    };
    char name[128];
    for (unsigned i = 0; i < COUNT(rows); i++) {
        snprintf(name, sizeof name, "mount: %s", rows[i].name);
        GIVES(syscall(SYS_mount, rows[i].source, rows[i].on, rows[i].type, rows[i].flags, rows[i].data), rows[i].err,
              name);
    }
    static const struct {
        const char *name, *on;
        int flags, err;
    } umounts[] = {
        {"an unknown flag", "m", 16, EINVAL},
        {"what is no mount", "n", 0, EINVAL},
        {"a file in a mount", "m/file", 0, EINVAL},
        {"what is not there", "absent", 0, ENOENT},
        {"a name out of nowhere", (const char *)8, 0, EFAULT},
        {"an empty name", "", 0, ENOENT},
        {"MNT_EXPIRE and MNT_DETACH", "m", MNT_EXPIRE | MNT_DETACH, EINVAL},
        {"MNT_EXPIRE and MNT_FORCE", "m", MNT_EXPIRE | MNT_FORCE, EINVAL},
        {"a link, not followed", "l", UMOUNT_NOFOLLOW, EINVAL},
        {"MNT_EXPIRE for the first time", "m", MNT_EXPIRE, EAGAIN},
        {"a link, followed", "l", MNT_FORCE, 0},
        {"once more", "m", 0, EINVAL},
    };
    REQ(mount("s", "m", "tmpfs", 0, "") == 0);
    put_text("m/file", "");
    for (unsigned i = 0; i < COUNT(umounts); i++) {
        snprintf(name, sizeof name, "umount2: %s", umounts[i].name);
        GIVES(syscall(SYS_umount2, umounts[i].on, umounts[i].flags), umounts[i].err, name);
    }
    REQ(mount("s", "m", "tmpfs", 0, "") == 0 && umount2("m", MNT_EXPIRE) < 0);
    put_text("m/file", "");
    CHECK_ERRNO(umount2("m", MNT_EXPIRE), EAGAIN, "MNT_EXPIRE after a use of the mount begins anew");
    REQ(umount("m") == 0);
}

static void read_only(void)
{
    struct statfs a, b;
    REQ(mount("s", "m", "tmpfs", 0, "") == 0 && mount("m", "n", NULL, MS_BIND, NULL) == 0);
    int fd = open("m/f", O_CREAT | O_RDWR, 0644);
    CHECK_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY, "a file is open for writing");
    CHECK(mount(NULL, "n", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0, "the other mount can become read-only");
    CHECK(write(fd, "x", 1) == 1 && FAILS(open("n/f", O_WRONLY), EROFS) && FAILS(mkdir("n/d", 0755), EROFS),
          "which concerns that mount alone");
    REQ(statfs("m", &a) == 0 && statfs("n", &b) == 0);
    CHECK(!(a.f_flags & ST_RDONLY) && (b.f_flags & ST_RDONLY), "as statfs says");
    CHECK_ERRNO(mount(NULL, "n", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY, "the file system cannot, by neither");
    CHECK(mkdir("m/d", 0755) == 0, "and stays as it was");
    close(fd);
    CHECK(mount(NULL, "n", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0 && FAILS(mkdir("m/e", 0755), EROFS) &&
              FAILS(open("m/f", O_WRONLY), EROFS) && FAILS(chmod("m/d", 0700), EROFS),
          "then it can, for both");
    struct shown m = shown("m"), n = shown("n");
    CHECK(begins(m.options, "rw") && begins(m.super, "ro") && begins(n.options, "ro") && begins(n.super, "ro"),
          "and mountinfo tells them apart");
    CHECK_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND, NULL) ? -1 : mkdir("m/e", 0755), EROFS,
                "a bind that may be written does not make its file system so");
    CHECK(mount(NULL, "m", NULL, MS_REMOUNT, NULL) == 0 && mkdir("m/e", 0755) == 0 && FAILS(mkdir("n/g", 0755), EROFS),
          "a remount does, and leaves the other mount");
    fd = open("m/f", O_RDONLY);
    CHECK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0, "who reads keeps nobody from it");
    close(fd);
    REQ(umount("n") == 0 && umount("m") == 0);
}

static void no_links(void)
{
    char buf[8];
    struct stat st;
    REQ(mount("s", "m", "tmpfs", MS_NOSYMFOLLOW, "") == 0);
    put_text("m/file", "x");
    REQ(symlink("file", "m/link") == 0 && symlink("m/file", "outside") == 0);
    CHECK(FAILS(open("m/link", O_RDONLY), ELOOP) && FAILS(stat("m/link", &st), ELOOP), "MS_NOSYMFOLLOW: not followed");
    CHECK(readlink("m/link", buf, 8) == 4 && lstat("m/link", &st) == 0 && file_is("outside", "x"),
          "but read, and passed outside");
    struct statfs s;
    REQ(statfs("m", &s) == 0);
    CHECK(s.f_flags & 0x2000, "as statfs says");
    REQ(umount("m") == 0 && unlink("outside") == 0);
}

static void unbindable(void)
{
    REQ(mount("s", "m", "tmpfs", 0, "") == 0 && mkdir("m/a", 0755) == 0 && mkdir("m/b", 0755) == 0);
    REQ(mount("s", "m/a", "tmpfs", 0, "") == 0 && mount("s", "m/b", "tmpfs", 0, "") == 0);
    REQ(mkdir("m/a/in", 0755) == 0 && mkdir("m/b/in", 0755) == 0);
    CHECK(mount(NULL, "m/a", NULL, MS_UNBINDABLE, NULL) == 0 && !strcmp(shown("m/a").tags, "unbindable "),
          "MS_UNBINDABLE is shown");
    CHECK_ERRNO(mount("m/a", "n", NULL, MS_BIND, NULL), EINVAL, "it cannot be bound");
    CHECK(mount("m", "n", NULL, MS_BIND | MS_REC, NULL) == 0 && exists("n/b/in") && !exists("n/a/in"),
          "nor with what it is in");
    REQ(umount2("n", MNT_DETACH) == 0);
    CHECK_CHILD("a copy of the namespace has it", REQ(unshare(CLONE_NEWNS) == 0 && exists("m/a/in")));
    CHECK(mount("m/a", "n", NULL, MS_MOVE, NULL) == 0 && exists("n/in") && umount("n") == 0, "it can be moved");
    CHECK(mount(NULL, "m", NULL, MS_UNBINDABLE | MS_REC, NULL) == 0 && !strcmp(shown("m/b").tags, "unbindable ") &&
              mount(NULL, "m", NULL, MS_PRIVATE | MS_REC, NULL) == 0 && !*shown("m/b").tags &&
              mount("m/b", "n", NULL, MS_BIND, NULL) == 0,
          "MS_REC; and back");
    REQ(umount("n") == 0 && umount2("m", MNT_DETACH) == 0);
}

static void files_of_namespaces(void)
{
    struct stat a, b;
    char text[64] = "";
    int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC), to[2], from[2];
    REQ(fd >= 0 && fstat(fd, &a) == 0);
    CHECK(ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWUTS, "NS_GET_NSTYPE");
    CHECK_ERRNO(ioctl(fd, NS_GET_PARENT), EINVAL, "NS_GET_PARENT of a kind without");
    uid_t uid = 7;
    CHECK_ERRNO(ioctl(fd, NS_GET_OWNER_UID, &uid), EINVAL, "NS_GET_OWNER_UID of another kind");
    CHECK_ERRNO(ioctl(fd, 0xb7ff), ENOTTY, "an unknown request");
    int user = ioctl(fd, NS_GET_USERNS), own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    CHECK(user >= 0 && fstat(user, &a) == 0 && fstat(own, &b) == 0 && a.st_ino == b.st_ino &&
              fcntl(user, F_GETFD) == FD_CLOEXEC && ioctl(user, NS_GET_NSTYPE) == CLONE_NEWUSER,
          "NS_GET_USERNS");
    CHECK(FAILS(ioctl(user, NS_GET_PARENT), EPERM) && FAILS(ioctl(user, NS_GET_USERNS), EPERM), "which has no parent");
    CHECK(ioctl(user, NS_GET_OWNER_UID, &uid) == 0 && uid == 0, "and an owner");
    CHECK_ERRNO(setns(user, 0), EINVAL, "nobody enters the user namespace he is in");
    close(user);
    close(own);
    struct statfs s;
    CHECK(fstatfs(fd, &s) == 0 && s.f_type == 0x6e736673, "the magic number");
    snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
    char name[64] = "", want[64];
    REQ(fstat(fd, &a) == 0 && readlink(text, name, sizeof name - 1) > 0);
    snprintf(want, sizeof want, "uts:[%lu]", (unsigned long)a.st_ino);
    CHECK(!strcmp(name, want), "the name of a descriptor");
    close(fd);

    make_pipe(to);
    make_pipe(from);
    put_text("ns", "");
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(unshare(CLONE_NEWUTS) == 0 && sethostname("kept", 4) == 0);
        token_send(from[1]);
        token_wait(to[0]);
        _exit(0);
    }
    token_wait(from[0]);
    snprintf(text, sizeof text, "/proc/%d/ns/uts", pid);
    CHECK(mount(text, "ns", NULL, MS_BIND, NULL) == 0 && stat("ns", &a) == 0, "one is bound");
    token_send(to[1]);
    REQ(tap_wait(pid) == 0);
    snprintf(want, sizeof want, "uts:[%lu]", (unsigned long)a.st_ino);
    CHECK(!strcmp(shown("ns").root, want) && !strcmp(shown("ns").type, "nsfs"), "mountinfo shows which");
    CHECK_CHILD("and it is entered by that when nobody is left in it", int in = open("ns", O_RDONLY | O_CLOEXEC);
                struct utsname u; REQ(setns(in, CLONE_NEWUTS) == 0 && uname(&u) == 0 && !strcmp(u.nodename, "kept")));
    REQ(umount("ns") == 0);
    CHECK_ERRNO(mount("/proc/self/ns/mnt", "ns", NULL, MS_BIND, NULL), EINVAL, "no mount namespace holds itself");
    REQ(unlink("ns") == 0);
}

static void elsewhere(void)
{
    int to[2], from[2];
    make_pipe(to);
    make_pipe(from);
    REQ(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0 && mkdir("r", 0755) == 0);
    put_text("g", "");
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(unshare(CLONE_NEWNS) == 0 && mount("s", "d", "tmpfs", 0, "") == 0 && mount("s", "e", "tmpfs", 0, "") == 0);
        REQ(mount("s", "r", "tmpfs", 0, "") == 0 && mkdir("r/in", 0755) == 0 &&
            mount("/proc/self/stat", "g", NULL, MS_BIND, NULL) == 0);
        REQ(FAILS(rmdir("d"), EBUSY) && FAILS(unlink("g"), EBUSY));
        int dir = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        token_send(from[1]);
        token_wait(to[0]);
        REQ(!exists("d") && !exists("g") && !shown("d").found && !shown("g").found && !shown("e").found);
        REQ(mkdirat(dir, "still", 0755) == 0);
        REQ(exists("r2/in") && !exists("r"));
        _exit(0);
    }
    token_wait(from[0]);
    CHECK(rmdir("d") == 0 && unlink("g") == 0, "a place that only another namespace covers can be removed");
    REQ(mkdir("e2", 0755) == 0);
    CHECK(rename("e2", "e") == 0, "and replaced");
    CHECK(rename("r", "r2") == 0, "and renamed");
    token_send(to[1]);
    CHECK(tap_wait(pid) == 0, "what covered it there is gone, or went along");
    REQ(rmdir("r2") == 0 && rmdir("e") == 0);
}

/* Namespaces by the hundred, nested and side by side; all of it goes with them. */
static void many(void)
{
    CHECK_CHILD(
        "hundreds of namespaces", for (int i = 0; i < 300; i++) {
            REQ(unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0);
            REQ(mount("s", "m", "tmpfs", 0, "size=64k") == 0);
            if (i % 3)
                REQ(umount2("m", MNT_DETACH) == 0);
        });
    CHECK(!shown("m").found && rmdir("m") == 0, "and nothing of them here");
}

int main(void)
{
    umask(022);
    REQ(mkdir("m", 0755) == 0 && mkdir("n", 0755) == 0 && symlink("m", "l") == 0);
    put_text("f", "");
    each_flag();
    refusals();
    read_only();
    no_links();
    unbindable();
    files_of_namespaces();
    elsewhere();
    many();
    REQ(rmdir("n") == 0 && unlink("l") == 0 && unlink("f") == 0);
    return tap_end();
}
