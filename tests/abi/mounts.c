// SPDX-License-Identifier: MIT
/*
 * mount, umount2, binds, moves, remounts, chroot and pivot_root, by a root with every capability (a machine started with
 * `privileged`), in folders of its own.
 */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/util.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#define PIVOT(a, b) syscall(SYS_pivot_root, a, b)

static char here[256];

/* The options of the last line of /proc/self/mounts for `where` below this folder; "": none. */
static const char *options_of(const char *where)
{
    static char found[256];
    char line[1024], path[600], at[512], options[256];
    snprintf(path, sizeof path, "%s/%s", here, where);
    FILE *f = fopen("/proc/self/mounts", "r");
    REQ(f);
    found[0] = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%*s %511s %*s %255s", at, options) == 2 && !strcmp(at, path))
            strcpy(found, options);
    fclose(f);
    return found;
}

static int has_option(const char *where, const char *option)
{
    char list[300], want[64];
    snprintf(list, sizeof list, ",%s,", options_of(where));
    snprintf(want, sizeof want, ",%s,", option);
    return strstr(list, want) != NULL;
}

static int new_tmpfs(const char *where)
{
    return (mkdir(where, 0755) == 0 || errno == EEXIST) && mount("none", where, "tmpfs", 0, NULL) == 0;
}

static void mounting(void)
{
    struct stat dir, top;
    REQ(mkdir("m", 0755) == 0 && stat("m", &dir) == 0);
    put_text("m/hidden", "below");
    CHECK(mount("none", "m", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=700") == 0, "mount a tmpfs");
    REQ(stat("m", &top) == 0);
    CHECK(top.st_dev != dir.st_dev && (top.st_mode & 07777) == 0700, "which has a device number and a mode of its own");
    CHECK(!exists("m/hidden"), "and hides what was there");
    CHECK(has_option("m", "nosuid") && has_option("m", "nodev") && has_option("m", "rw") && has_option("m", "relatime"),
          "its options stand in /proc/self/mounts");
    CHECK_ERRNO(rmdir("m"), EBUSY, "a mount point is not removed");
    CHECK_ERRNO(rename("m", "n"), EBUSY, "nor renamed");
    REQ(mkdir("n", 0755) == 0);
    CHECK_ERRNO(rename("n", "m"), EBUSY, "nor replaced");
    CHECK_ERRNO(rename("n", "m/n"), EXDEV, "rename into another file system");
    put_text("m/file", "x");
    CHECK_ERRNO(link("m/file", "file"), EXDEV, "link out of one");
    CHECK_ERRNO(umount2("m/file", 0), EINVAL, "umount of what is no mount point");
    CHECK_ERRNO(umount2("absent", 0), ENOENT, "umount of what is not there");
    CHECK_ERRNO(umount2("m", 64), EINVAL, "umount with an unknown flag");
    int fd = open("m/file", O_RDONLY);
    CHECK_ERRNO(umount2("m", 0), EBUSY, "umount while a file is open");
    close(fd);
    CHECK_CHILD("umount while somebody stands in it", {
        REQ(chdir("m") == 0);
        REQ(umount2("../m", 0) == -1 && errno == EBUSY);
    });
    CHECK_ERRNO(umount2("m", MNT_EXPIRE | MNT_DETACH), EINVAL, "MNT_EXPIRE with MNT_DETACH");
    CHECK_ERRNO(umount2("m", MNT_EXPIRE), EAGAIN, "MNT_EXPIRE the first time");
    CHECK(umount2("m", MNT_EXPIRE) == 0, "and the second");
    CHECK(file_is("m/hidden", "below") && !*options_of("m"), "umount uncovers what was there");
    CHECK(unlink("m/hidden") == 0 && rmdir("m") == 0 && rmdir("n") == 0, "and the folder can be removed");
}

static void refusing(void)
{
    REQ(mkdir("e", 0755) == 0);
    put_text("plain", "text");
    CHECK_ERRNO(mount("none", "e", "nosuchfs", 0, NULL), ENODEV, "an unknown type");
    CHECK_ERRNO(mount("none", "e", NULL, 0, NULL), EINVAL, "no type");
    CHECK_ERRNO(mount("none", "absent", "tmpfs", 0, NULL), ENOENT, "no such mount point");
    CHECK_ERRNO(mount("none", "plain", "tmpfs", 0, NULL), ENOTDIR, "a file system on a file");
    CHECK_ERRNO(mount("none", "e", "tmpfs", 0, "size=nonsense"), EINVAL, "an option that is none");
    CHECK_ERRNO(mount("none", "e", "tmpfs", MS_REMOUNT, NULL), EINVAL, "a remount of what is not mounted");
    CHECK_ERRNO(mount("absent", "e", NULL, MS_BIND, NULL), ENOENT, "a bind of nothing");
    CHECK_ERRNO(mount("plain", "e", NULL, MS_BIND, NULL), ENOTDIR, "a bind of a file on a folder");
    CHECK_ERRNO(mount("e", "plain", NULL, MS_BIND, NULL), ENOTDIR, "and of a folder on a file");
    CHECK_ERRNO(mount("e", "plain", NULL, MS_MOVE, NULL), EINVAL, "a move of what is no mount");
    CHECK_CHILD("a user may not mount", {
        drop_root();
        REQ(mount("none", "e", "tmpfs", 0, NULL) == -1 && errno == EPERM);
        REQ(umount2("e", 0) == -1 && errno == EPERM);
        REQ(mount("none", "absent", "tmpfs", 0, NULL) == -1 && errno == ENOENT);
        REQ(chroot("e") == -1 && errno == EPERM);
        REQ(PIVOT("e", "e") == -1 && errno == EPERM);
    });
    rmdir("e");
}

static void binding(void)
{
    REQ(mkdir("src", 0755) == 0 && mkdir("src/sub", 0755) == 0 && mkdir("dst", 0755) == 0);
    put_text("src/file", "one");
    put_text("target", "other");
    CHECK(mount("src", "dst", NULL, MS_BIND, NULL) == 0 && file_is("dst/file", "one"), "bind a folder");
    put_text("dst/file", "two");
    CHECK(file_is("src/file", "two"), "what is written on one side is seen on the other");
    CHECK_ERRNO(rename("dst/file", "src/moved"), EXDEV, "but a rename does not cross it");
    CHECK(mount("src/file", "target", NULL, MS_BIND, NULL) == 0 && file_is("target", "two"), "bind a file");
    CHECK_ERRNO(unlink("target"), EBUSY, "a covered file is not removed");
    CHECK(mount(NULL, "dst", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0 && has_option("dst", "ro"),
          "a bind made read-only");
    CHECK_ERRNO(open("dst/new", O_CREAT | O_WRONLY, 0644), EROFS, "writes nothing");
    CHECK_ERRNO(open("dst/file", O_WRONLY), EROFS, "not even into a file that is there");
    CHECK_ERRNO(mkdir("dst/newdir", 0755), EROFS, "makes no folder");
    CHECK_ERRNO(unlink("dst/file"), EROFS, "and removes nothing");
    put_text("src/new", "fine");
    CHECK(file_is("dst/new", "fine"), "the other side goes on");
    CHECK(umount2("target", 0) == 0 && umount2("dst", 0) == 0 && file_is("target", "other"), "unbinding");
    REQ(new_tmpfs("src/sub"));
    put_text("src/sub/inner", "deep");
    REQ(mount("src", "dst", NULL, MS_BIND, NULL) == 0);
    CHECK(!exists("dst/sub/inner"), "a bind does not take mounts below along");
    REQ(umount2("dst", 0) == 0);
    CHECK(mount("src", "dst", NULL, MS_BIND | MS_REC, NULL) == 0 && file_is("dst/sub/inner", "deep"), "MS_REC does");
    CHECK_ERRNO(umount2("dst", 0), EBUSY, "then there is a mount below");
    CHECK(umount2("dst", MNT_DETACH) == 0 && file_is("src/sub/inner", "deep"), "MNT_DETACH takes both");
    CHECK(!*options_of("dst/sub") && !*options_of("dst"), "out of /proc/self/mounts too");
    REQ(umount2("src/sub", 0) == 0);
}

static void detaching(void)
{
    char buf[16];
    REQ(new_tmpfs("lazy") && mkdir("lazy/sub", 0755) == 0 && new_tmpfs("lazy/sub"));
    put_text("lazy/file", "kept");
    put_text("lazy/sub/file", "kept too");
    int dir = open("lazy", O_RDONLY | O_DIRECTORY), sub = open("lazy/sub", O_RDONLY | O_DIRECTORY);
    CHECK(umount2("lazy", MNT_DETACH) == 0 && !exists("lazy/file"), "MNT_DETACH of a mount in use with another on it");
    int fd = openat(dir, "file", O_RDONLY);
    CHECK(fd >= 0 && read(fd, buf, 16) == 4, "who has it open goes on");
    close(fd);
    CHECK(faccessat(dir, "sub/file", F_OK, 0) == -1 && errno == ENOENT, "the other mount is not on it any more");
    fd = openat(sub, "file", O_RDONLY);
    CHECK(fd >= 0 && read(fd, buf, 16) == 8, "and goes on for who has it open");
    close(fd);
    CHECK_CHILD("nothing is mounted in a detached one", {
        REQ(fchdir(dir) == 0);
        REQ(mount("none", "sub", "tmpfs", 0, NULL) == -1 && (errno == EINVAL || errno == ENOENT));
        REQ(mount("sub", here, NULL, MS_BIND, NULL) == -1 && errno == EINVAL);
        REQ(umount2(".", 0) == -1 && errno == EINVAL);
    });
    close(dir);
    close(sub);
    CHECK(rmdir("lazy") == 0, "the mount point is free");
}

static void moving(void)
{
    REQ(new_tmpfs("old") && mkdir("new", 0755) == 0 && mkdir("old/in", 0755) == 0);
    put_text("old/file", "moves");
    CHECK_ERRNO(mount("old", "old/in", NULL, MS_MOVE, NULL), ELOOP, "a mount moved below itself");
    CHECK(mount("old", "new", NULL, MS_MOVE, NULL) == 0 && file_is("new/file", "moves") && !exists("old/file"),
          "MS_MOVE");
    CHECK(mount(NULL, "new", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0 && has_option("new", "ro"),
          "remounted read-only");
    CHECK_ERRNO(open("new/file", O_WRONLY), EROFS, "it cannot be written");
    CHECK(mount(NULL, "new", NULL, MS_REMOUNT | MS_NOATIME, "size=64k") == 0 && has_option("new", "rw") &&
              has_option("new", "noatime"),
          "remounted read-write, with another size");
    struct statfs st;
    REQ(statfs("new", &st) == 0);
    CHECK(st.f_blocks * st.f_bsize == 65536 && (st.f_flags & ST_NOATIME) && !(st.f_flags & ST_RDONLY),
          "as statfs says");
    CHECK(mount(NULL, "new", NULL, MS_REMOUNT, NULL) == 0 && has_option("new", "noatime"),
          "a remount that does not speak of access times leaves them");
    CHECK(new_tmpfs("new") && !exists("new/file") && umount2("new", 0) == 0 && file_is("new/file", "moves"),
          "a mount on a mount");
    CHECK(umount2("new", 0) == 0, "and the last");
}

static void roots(void)
{
    REQ(mkdir("jail", 0755) == 0 && mkdir("jail/in", 0755) == 0);
    put_text("jail/inside", "yes");
    CHECK_CHILD("chroot", {
        char cwd[512];
        REQ(chroot("jail") == 0 && file_is("/inside", "yes") && file_is("jail/inside", "yes"));
        REQ(chdir("/") == 0 && chdir("..") == 0 && file_is("inside", "yes"));
        REQ(getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/"));
    });
    CHECK_ERRNO(chroot("jail/inside"), ENOTDIR, "chroot to a file");
    CHECK_ERRNO(chroot("absent"), ENOENT, "to nothing");
    CHECK_ERRNO(PIVOT("absent", "absent"), ENOENT, "pivot_root to nothing");
    CHECK_ERRNO(PIVOT("jail/inside", "jail"), ENOTDIR, "to a file");
    CHECK_ERRNO(PIVOT("jail", "jail/in"), EBUSY, "to a folder of the same file system");
    REQ(new_tmpfs("elsewhere") && mkdir("elsewhere/in", 0755) == 0);
    CHECK_ERRNO(PIVOT("elsewhere", "jail"), EBUSY, "with a place for the old root outside");
    CHECK_ERRNO(PIVOT("elsewhere/in", "elsewhere/in"), EINVAL, "to what is no mount point");
    REQ(umount2("elsewhere", 0) == 0);
    CHECK_ERRNO(PIVOT("/", "/"), EBUSY, "to where we are");
}

/* Of several things that flags ask for, one is done. */
static void which_first(void)
{
    REQ(new_tmpfs("one") && mkdir("one/in", 0755) == 0 && mkdir("two", 0755) == 0 && mkdir("three", 0755) == 0);
    CHECK(mount("one", "two", NULL, MS_BIND | MS_PRIVATE, NULL) == 0 && exists("two/in"), "MS_BIND before MS_PRIVATE");
    CHECK(mount("one", "three", NULL, MS_BIND | MS_MOVE, NULL) == 0 && exists("three/in") && exists("one/in"),
          "and before MS_MOVE");
    REQ(umount("two") == 0 && umount("three") == 0);
    CHECK(mount(NULL, "one", NULL, MS_PRIVATE | MS_REC, NULL) == 0, "a kind of propagation");
    CHECK_ERRNO(mount(NULL, "one", NULL, MS_PRIVATE | MS_SLAVE, NULL), EINVAL, "two kinds");
    CHECK_ERRNO(mount(NULL, "one", NULL, MS_PRIVATE | MS_RDONLY, NULL), EINVAL, "with another flag");
    CHECK_ERRNO(mount(NULL, "one/in", NULL, MS_PRIVATE, NULL), EINVAL, "of what is no mount");
    REQ(umount("one") == 0 && rmdir("two") == 0 && rmdir("three") == 0);
}

/* A tree deeper than any path, which an umount must not take apart by recursion. */
static void deep(void)
{
    REQ(new_tmpfs("deep") && mkdir("deep/a", 0755) == 0);
    for (int i = 0; i < 2000; i++)
        REQ(mkdir("deep/b", 0755) == 0 && rename("deep/a", "deep/b/a") == 0 && rename("deep/b", "deep/a") == 0);
    CHECK(umount2("deep", 0) == 0, "umount of a tree of two thousand levels");
}

/* ---- a mount and a removal of the same folder at once: one of them succeeds ---- */

static pthread_barrier_t gate;
static int mounted[200];

static void *mounts_it(void *arg)
{
    pin(1);
    for (size_t i = 0; i < COUNT(mounted); i++) {
        pthread_barrier_wait(&gate);
        mounted[i] = mount("none", "contest", "tmpfs", 0, NULL) == 0;
        pthread_barrier_wait(&gate);
    }
    return arg;
}

static void racing(void)
{
    pthread_t t;
    int good = 1;
    REQ(pthread_barrier_init(&gate, NULL, 2) == 0 && pthread_create(&t, NULL, mounts_it, NULL) == 0);
    pin(0);
    for (size_t i = 0; i < COUNT(mounted); i++) {
        REQ(mkdir("contest", 0755) == 0);
        pthread_barrier_wait(&gate);
        int removed = rmdir("contest") == 0;
        pthread_barrier_wait(&gate);
        good &= removed != mounted[i];
        if (mounted[i])
            good &= umount2("contest", 0) == 0;
        if (!removed)
            REQ(rmdir("contest") == 0);
    }
    pthread_join(t, NULL);
    CHECK(good, "of a mount and a removal of the same folder one succeeds");
}

static int may_mount(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    return syscall(SYS_capget, &head, data) == 0 && (data[0].effective & TAP_CAP(CAP_SYS_ADMIN));
}

int main(void)
{
    if (!may_mount()) {
        SKIP("mounts", "this needs CAP_SYS_ADMIN");
        return tap_end();
    }
    REQ(getcwd(here, sizeof here));
    umask(022);
    mounting();
    refusing();
    binding();
    detaching();
    moving();
    roots();
    which_first();
    deep();
    racing();
    return tap_end();
}
