// SPDX-License-Identifier: MIT
/*
 * getdents64: records, completeness, positions, and directories that change while they are read.
 */
#include "tests/abi/util.h"

#include <dirent.h>

struct record {
    uint64_t ino;
    int64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

static char buf[32768];

static long getdents(int fd, void *into, size_t size)
{
    return syscall(SYS_getdents64, fd, into, size);
}

/* Counts the entries of the directory named as `prefix` plus a number below `n`; each must come exactly once. */
static int complete(int fd, const char *prefix, int n, size_t size)
{
    static unsigned char seen[2000];
    memset(seen, 0, sizeof seen);
    int count = 0;
    for (long got; (got = getdents(fd, buf, size)) != 0;) {
        if (got < 0)
            return 0;
        for (long at = 0; at < got; at += ((struct record *)(buf + at))->len) {
            struct record *r = (struct record *)(buf + at);
            if (strncmp(r->name, prefix, strlen(prefix)))
                continue;
            int id = atoi(r->name + strlen(prefix));
            if (id >= n || seen[id]++)
                return 0;
            count++;
        }
    }
    return count == n;
}

static void fill(const char *dir, int n)
{
    char path[64];
    REQ(mkdir(dir, 0755) == 0);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/entry%d", dir, i);
        REQ(close(creat(path, 0600)) == 0);
    }
}

static void records(void)
{
    REQ(mkdir("r", 0755) == 0 && mkdir("r/dir", 0755) == 0 && symlink("x", "r/link") == 0 &&
        mkfifo("r/pipe", 0600) == 0);
    put_text("r/file", "");
    REQ(mknod("r/sock", S_IFSOCK | 0600, 0) == 0 && mknod("r/chr", S_IFCHR, 259) == 0);
    int fd = open("r", O_RDONLY), found = 0, types = 1, inodes = 1, shape = 1;
    long got = getdents(fd, buf, sizeof buf);
    for (long at = 0; at < got; at += ((struct record *)(buf + at))->len) {
        struct record *r = (struct record *)(buf + at);
        struct stat st;
        found++;
        shape &= r->len % 8 == 0 && r->len >= 19 + strlen(r->name) + 1;
        REQ(fstatat(fd, r->name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        types &= r->type == IFTODT(st.st_mode);
        inodes &= r->ino == st.st_ino;
    }
    CHECK(found == 8, "six entries, . and ..");
    CHECK(shape, "records are aligned to 8 and hold their names");
    CHECK(types, "d_type is the type stat tells");
    CHECK(inodes, "d_ino is the inode stat tells");
    CHECK(getdents(fd, buf, sizeof buf) == 0, "then the end");
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && getdents(fd, buf, sizeof buf) == got, "seeking to 0 starts again");
    close(fd);
}

static void errors(void)
{
    int dir = open("r", O_RDONLY), file = open("r/file", O_RDONLY);
    CHECK_ERRNO(getdents(dir, buf, 10), EINVAL, "a buffer too small for one record");
    CHECK_ERRNO(getdents(-1, buf, sizeof buf), EBADF, "getdents64 of -1");
    CHECK_ERRNO(getdents(file, buf, sizeof buf), ENOTDIR, "getdents64 of a file");
    CHECK_ERRNO(getdents(dir, at_addr(8), 4096), EFAULT, "getdents64 into a bad address");
    close(dir);
    REQ(mkdir("rm", 0755) == 0);
    dir = open("rm", O_RDONLY);
    REQ(rmdir("rm") == 0);
    CHECK_ERRNO(getdents(dir, buf, sizeof buf), ENOENT, "getdents64 of a removed directory");
    close(dir);
    close(file);
}

static void many(void)
{
    fill("m", 1000);
    int fd = open("m", O_RDONLY);
    CHECK(complete(fd, "entry", 1000, sizeof buf), "1000 entries come once each, in large pieces");
    lseek(fd, 0, SEEK_SET);
    CHECK(complete(fd, "entry", 1000, 100), "and in pieces of a few records");
    close(fd);
}

/* Remembers d_off of the i-th entry, seeks there later, and reads the entry that followed it. */
static void positions(void)
{
    DIR *d = opendir("m");
    long at[50];
    char next[50][32];
    for (int i = 0; i < 50; i++) {
        REQ(readdir(d));
        at[i] = telldir(d);
        strcpy(next[i], "");
    }
    int good = 1;
    for (int i = 49; i >= 0; i -= 7) {
        seekdir(d, at[i]);
        struct dirent *e = readdir(d);
        REQ(e);
        strcpy(next[i], e->d_name);
        seekdir(d, at[i]);
        e = readdir(d);
        good &= e && !strcmp(e->d_name, next[i]);
    }
    CHECK(good, "seekdir returns to where telldir was");
    closedir(d);
}

static void removed_while_read(void)
{
    fill("x", 500);
    char path[300];
    int fd = open("x", O_RDONLY), removed = 0, good = 1;
    for (long got; (got = getdents(fd, buf, 1024)) > 0;)
        for (long at = 0; at < got; at += ((struct record *)(buf + at))->len) {
            struct record *r = (struct record *)(buf + at);
            if (r->name[0] == '.')
                continue;
            snprintf(path, sizeof path, "x/%s", r->name);
            good &= unlink(path) == 0;
            removed++;
        }
    CHECK(good && removed == 500, "removing what was read loses and repeats nothing");
    close(fd);
    CHECK(rmdir("x") == 0, "then the directory is empty");
}

/* Entries that are there from the beginning to the end must come once, whatever happens to others. */
static void changed_while_read(void)
{
    fill("c", 300);
    char path[64];
    int fd = open("c", O_RDONLY), churn = 0;
    static unsigned char seen[300];
    int good = 1;
    for (long got; (got = getdents(fd, buf, 512)) > 0;) {
        for (long at = 0; at < got; at += ((struct record *)(buf + at))->len) {
            struct record *r = (struct record *)(buf + at);
            if (!strncmp(r->name, "entry", 5))
                good &= seen[atoi(r->name + 5)]++ == 0;
        }
        snprintf(path, sizeof path, "c/other%d", churn);
        REQ(churn >= 400 || close(creat(path, 0600)) == 0);
        snprintf(path, sizeof path, "c/other%d", churn - 3);
        unlink(path);
        churn++;
    }
    for (int i = 0; i < 300; i++)
        good &= seen[i] == 1;
    CHECK(good, "names made and removed meanwhile disturb no other");
    close(fd);
}

static void appears(void)
{
    REQ(mkdir("a", 0755) == 0);
    put_text("a/one", "");
    int fd = open("a", O_RDONLY);
    while (getdents(fd, buf, sizeof buf) > 0)
        ;
    put_text("a/two", "");
    lseek(fd, 0, SEEK_SET);
    long got = getdents(fd, buf, sizeof buf);
    CHECK(got > 0 && memmem(buf, got, "two", 4), "a new name is there after a rewind");
    REQ(unlink("a/one") == 0);
    lseek(fd, 0, SEEK_SET);
    got = getdents(fd, buf, sizeof buf);
    CHECK(got > 0 && !memmem(buf, got, "one", 4), "a removed name is not");
    close(fd);
}

int main(void)
{
    umask(0);
    records();
    errors();
    many();
    positions();
    removed_while_read();
    changed_while_read();
    appears();
    return tap_end();
}
