// SPDX-License-Identifier: MIT
/*
 * Files: names in a deep path and in a directory of 100,000, blocks of tmpfs, and files of the image: read for the first
 * time after the boot, once more, and through a mapping. /blob is the image's: BLOBS files of BLOB_SIZE bytes.
 */
#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DEPTH 20
#define MANY 100000
#define FILE_SIZE (16u << 20)
#define BLOBS 5
#define BLOB_SIZE (4u << 20)
#define PAGE 4096u

static char block[65536];
static char dir[512]; /* where the names are */
static int big;       /* it is the directory of 100,000 */

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* A file that is there; another one each time in the big directory. */
static const char *some_name(void)
{
    static unsigned at;
    static char path[600];

    if (big)
        snprintf(path, sizeof(path), "%s/file-%u", dir, (at += 7919) % MANY);
    else if (!path[0] || strncmp(path, dir, strlen(dir)) != 0)
        snprintf(path, sizeof(path), "%s/file-0", dir);
    return path;
}

static const char *own_name(const char *name)
{
    static char path[2][600];
    char *p = path[name[0] == 'b'];

    snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

static void op_open_close(long n)
{
    while (n--) {
        int fd = open(some_name(), O_RDONLY);
        need(fd >= 0, "open");
        close(fd);
    }
}

static void op_stat(long n)
{
    struct stat st;

    while (n--)
        need(stat(some_name(), &st) == 0, "stat");
}

static void op_create_unlink(long n)
{
    const char *name = own_name("new");

    while (n--) {
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        need(fd >= 0, "create");
        close(fd);
        need(unlink(name) == 0, "unlink");
    }
}

static void op_rename(long n)
{
    const char *a = own_name("a"), *b = own_name("b");

    while (n--)
        need(rename(a, b) == 0 && rename(b, a) == 0, "rename");
}

/* All of the directory, once for each of n. */
static void op_readdir(long n)
{
    while (n--) {
        int fd = open(dir, O_RDONLY | O_DIRECTORY);
        ssize_t got, entries = 0;
        while ((got = syscall(SYS_getdents64, fd, block, sizeof(block))) > 0)
            for (char *p = block; p < block + got; p += ((struct dirent64 *)p)->d_reclen)
                entries++;
        need(got == 0 && entries >= MANY, "getdents64");
        close(fd);
    }
}

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    need(fd >= 0, path);
    close(fd);
}

static void set_up_deep(void)
{
    big = 0;
    strcpy(dir, "/tmp");
    for (int i = 0; i < DEPTH; i++) {
        sprintf(dir + strlen(dir), "/directory-%d", i);
        need(mkdir(dir, 0755) == 0, "mkdir");
    }
    touch(own_name("file-0"));
    touch(own_name("a"));
}

static void set_up_big(void)
{
    big = 1;
    strcpy(dir, "/tmp/big");
    need(mkdir(dir, 0755) == 0, "mkdir");
    for (int i = 0; i < MANY; i++) {
        char name[32];
        sprintf(name, "file-%d", i);
        touch(own_name(name));
    }
    touch(own_name("a"));
}

/* ---- blocks of tmpfs -------------------------------------------------------------------------------------------- */

static int file_fd;

static void set_up_file(void)
{
    file_fd = open("/tmp/blocks", O_RDWR | O_CREAT, 0600);
    for (size_t at = 0; at < FILE_SIZE; at += sizeof(block))
        need(write(file_fd, block, sizeof(block)) == (ssize_t)sizeof(block), "write");
}

static void blocks(long n, size_t size, int writes)
{
    static size_t at;

    while (n--) {
        if (at + size > FILE_SIZE)
            at = 0;
        ssize_t done = writes ? pwrite(file_fd, block, size, (off_t)at) : pread(file_fd, block, size, (off_t)at);
        need(done == (ssize_t)size, "block");
        at += size;
    }
}

static void op_write_4k(long n)
{
    blocks(n, 4096, 1);
}

static void op_read_4k(long n)
{
    blocks(n, 4096, 0);
}

static void op_write_64k(long n)
{
    blocks(n, 65536, 1);
}

static void op_read_64k(long n)
{
    blocks(n, 65536, 0);
}

/* ---- files of the image: each can be read for the first time only once ------------------------------------------- */

static volatile char touched;

static double read_blob(int i, int mapped)
{
    char path[32];
    struct stat st;

    sprintf(path, "/blob/%d", i);
    int fd = open(path, O_RDONLY);
    need(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)BLOB_SIZE, path);
    unsigned long long start = __rdtsc();
    if (mapped) {
        char *p = mmap(NULL, BLOB_SIZE, PROT_READ, MAP_SHARED, fd, 0);
        need(p != MAP_FAILED, "mmap");
        for (size_t at = 0; at < BLOB_SIZE; at += PAGE)
            touched = p[at];
        munmap(p, BLOB_SIZE);
    } else {
        while (read(fd, block, sizeof(block)) > 0)
            ;
    }
    unsigned long long cycles = __rdtsc() - start;
    close(fd);
    return (double)cycles * sizeof(block) / BLOB_SIZE;
}

/* 64 KiB of a blob, the median of all blobs. */
static void blobs(const char *name, int from, int mapped)
{
    double cycles[BLOBS];

    for (int i = 0; i < BLOBS; i++)
        cycles[i] = read_blob(from + i, mapped);
    qsort(cycles, BLOBS, sizeof(cycles[0]), bench_by_value);
    dprintf(1, "BENCH %s %.1f\n", name, cycles[BLOBS / 2]);
}

static const struct bench benches[] = {
    {"deep-open-close", op_open_close, 1, set_up_deep, NULL},
    {"deep-stat", op_stat, 1, NULL, NULL},
    {"deep-create-unlink", op_create_unlink, 1, NULL, NULL},
    {"deep-rename", op_rename, 2, NULL, NULL},
    {"big-open-close", op_open_close, 1, set_up_big, NULL},
    {"big-stat", op_stat, 1, NULL, NULL},
    {"big-create-unlink", op_create_unlink, 1, NULL, NULL},
    {"big-rename", op_rename, 2, NULL, NULL},
    {"big-readdir", op_readdir, MANY, NULL, NULL},
    {"tmpfs-write-4k", op_write_4k, 1, set_up_file, NULL},
    {"tmpfs-read-4k", op_read_4k, 1, NULL, NULL},
    {"tmpfs-write-64k", op_write_64k, 1, NULL, NULL},
    {"tmpfs-read-64k", op_read_64k, 1, NULL, NULL},
};

int main(int argc, char **argv)
{
    if (getpid() == 1) {
        mkdir("/tmp", 01777);
        /* Not for a container's PID 1, whose root is a tmpfs. */
        need(mount("tmpfs", "/tmp", "tmpfs", 0, "nr_inodes=0") == 0 || errno == EPERM, "mount");
        blobs("image-read-first", 0, 0);
        blobs("image-read-again", 0, 0);
        blobs("image-mmap-first", BLOBS, 1);
        blobs("image-mmap-again", BLOBS, 1);
    }
    return bench_main(benches, sizeof(benches) / sizeof(benches[0]), argc, argv);
}
