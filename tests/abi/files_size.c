// SPDX-License-Identifier: MIT
/*
 * The size of a file: truncate, ftruncate, fallocate, SEEK_DATA and SEEK_HOLE, blocks, fsync.
 */
#include "tests/abi/util.h"

#include <sys/mman.h>
#include <sys/statfs.h>

static int all_zero(int fd, off_t at, size_t len)
{
    static char buf[65536], zero[65536];
    memset(buf, 1, len);
    return pread(fd, buf, len, at) == (ssize_t)len && !memcmp(buf, zero, len);
}

static void truncating(void)
{
    char buf[16];
    int fd = open("t", O_RDWR | O_CREAT | O_TRUNC, 0644), ro = open("t", O_RDONLY);
    REQ(write(fd, "0123456789", 10) == 10);
    CHECK(ftruncate(fd, 4) == 0 && file_size("t") == 4, "ftruncate shrinks");
    CHECK(lseek(fd, 0, SEEK_CUR) == 10, "ftruncate leaves the position");
    CHECK(ftruncate(fd, 10) == 0 && pread(fd, buf, 10, 0) == 10 && !memcmp(buf, "0123\0\0\0\0\0\0", 10),
          "bytes cut off and given back are zeros");
    CHECK(truncate("t", 100000) == 0 && file_size("t") == 100000 && all_zero(fd, 4, 60000),
          "truncate grows with zeros");
    CHECK(ftruncate(fd, 0) == 0 && file_size("t") == 0, "ftruncate to nothing");
    CHECK_ERRNO(ftruncate(fd, -1), EINVAL, "a negative size");
    CHECK_ERRNO(truncate("t", -1), EINVAL, "a negative size by name");
    CHECK_ERRNO(ftruncate(ro, 0), EINVAL, "ftruncate needs a file open for writing");
    CHECK_ERRNO(ftruncate(-1, 0), EBADF, "ftruncate of -1");
    CHECK_ERRNO(truncate("absent", 0), ENOENT, "truncate of an absent file");
    CHECK_ERRNO(truncate(".", 0), EISDIR, "truncate of a directory");
    int p[2];
    make_pipe(p);
    CHECK_ERRNO(ftruncate(p[1], 0), EINVAL, "ftruncate of a pipe");
    close(p[0]);
    close(p[1]);
    close(fd);
    close(ro);
}

static void stale_bytes(void)
{
    static char fill[3 * 4096];
    memset(fill, 'x', sizeof fill);
    int fd = open("s", O_RDWR | O_CREAT | O_TRUNC, 0644);
    REQ(write(fd, fill, sizeof fill) == sizeof fill);
    CHECK(ftruncate(fd, 4100) == 0 && ftruncate(fd, 3 * PAGE) == 0 && all_zero(fd, 4100, 3 * PAGE - 4100),
          "shrink and grow inside pages reads zeros");
    REQ(pwrite(fd, fill, sizeof fill, 0) == sizeof fill && ftruncate(fd, 10) == 0);
    CHECK(pwrite(fd, "y", 1, 9000) == 1 && all_zero(fd, 10, 8990), "a write beyond a shrunk end leaves zeros between");
    close(fd);
}

static void holes(void)
{
    int fd = open("h", O_RDWR | O_CREAT | O_TRUNC, 0644);
    REQ(ftruncate(fd, 1 << 20) == 0 && pwrite(fd, "data", 4, 512 << 10) == 4);
    CHECK(lseek(fd, 0, SEEK_DATA) == 512 << 10, "SEEK_DATA finds the data behind a hole");
    CHECK(lseek(fd, 0, SEEK_HOLE) == 0, "SEEK_HOLE at a hole stays");
    CHECK(lseek(fd, 512 << 10, SEEK_HOLE) == (512 << 10) + PAGE, "SEEK_HOLE finds the end of the data");
    CHECK(lseek(fd, (512 << 10) + 10, SEEK_DATA) == (512 << 10) + 10, "SEEK_DATA inside data stays");
    CHECK_ERRNO(lseek(fd, (512 << 10) + PAGE, SEEK_DATA), ENXIO, "SEEK_DATA with no data left");
    CHECK_ERRNO(lseek(fd, 1 << 20, SEEK_DATA), ENXIO, "SEEK_DATA at the end");
    CHECK_ERRNO(lseek(fd, 1 << 20, SEEK_HOLE), ENXIO, "SEEK_HOLE at the end");
    CHECK_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO, "SEEK_DATA before the beginning");
    REQ(ftruncate(fd, 0) == 0 && pwrite(fd, "full", 4, 0) == 4);
    CHECK(lseek(fd, 0, SEEK_HOLE) == 4, "the end of the file is a hole");
    CHECK(lseek(fd, 2, SEEK_SET) == 2 && lseek(fd, 1, SEEK_DATA) == 1 && lseek(fd, 0, SEEK_CUR) == 1,
          "SEEK_DATA moves the position");
    close(fd);
}

static void sparse_costs_little(void)
{
    struct stat st;
    int fd = open("sp", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(ftruncate(fd, 1LL << 40) == 0 && fstat(fd, &st) == 0 && st.st_size == 1LL << 40 && st.st_blocks == 0,
          "a hole of 1 TiB takes no blocks");
    CHECK(pwrite(fd, "x", 1, (1LL << 40) - 1) == 1 && fstat(fd, &st) == 0 && st.st_blocks > 0 && st.st_blocks <= 64,
          "one byte at its end takes few");
    CHECK(all_zero(fd, 1LL << 39, 8192), "its middle reads zeros");
    CHECK(ftruncate(fd, 0) == 0 && fstat(fd, &st) == 0 && st.st_blocks == 0, "emptied, it takes none");
    close(fd);
}

static void allocating(void)
{
    struct stat st;
    int fd = open("fa", O_RDWR | O_CREAT | O_TRUNC, 0644), ro = open("fa", O_RDONLY);
    CHECK(fallocate(fd, 0, 0, 10000) == 0 && file_size("fa") == 10000, "fallocate grows the file");
    CHECK(fstat(fd, &st) == 0 && st.st_blocks >= 10000 / 512, "fallocate takes the blocks");
    CHECK(all_zero(fd, 0, 10000), "allocated space reads zeros");
    CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 50000) == 0 && file_size("fa") == 10000, "KEEP_SIZE keeps the size");
    CHECK(fallocate(fd, 0, 0, 5) == 0 && file_size("fa") == 10000, "fallocate never shrinks");
    static char fill[3 * 4096];
    memset(fill, 'x', sizeof fill);
    REQ(pwrite(fd, fill, sizeof fill, 0) == sizeof fill);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 5000) == 0 && all_zero(fd, 100, 5000),
          "PUNCH_HOLE makes zeros");
    char c[2];
    CHECK(pread(fd, c, 1, 99) == 1 && c[0] == 'x' && pread(fd, c, 1, 5100) == 1 && c[0] == 'x',
          "PUNCH_HOLE leaves the bytes beside");
    CHECK(file_size("fa") == 3 * PAGE, "PUNCH_HOLE keeps the size");
    char *map = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(map[2 * PAGE] == 'x' && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * PAGE, PAGE) == 0 &&
              map[2 * PAGE] == 0,
          "PUNCH_HOLE is seen by a mapping");
    munmap(map, 3 * PAGE);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP, "PUNCH_HOLE without KEEP_SIZE");
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL, "fallocate of no bytes");
    CHECK_ERRNO(fallocate(fd, 0, -1, 10), EINVAL, "fallocate at a negative offset");
    CHECK_ERRNO(fallocate(ro, 0, 0, 10), EBADF, "fallocate of a file open for reading");
    CHECK_ERRNO(fallocate(fd, 0, INT64_MAX - 5, 10), EFBIG, "fallocate past the largest offset");
    int p[2], d = open(".", O_RDONLY);
    make_pipe(p);
    CHECK_ERRNO(fallocate(p[1], 0, 0, 10), ESPIPE, "fallocate of a pipe");
    CHECK_ERRNO(fallocate(d, 0, 0, 10), EBADF, "fallocate of a directory open for reading");
    close(d);
    close(p[0]);
    close(p[1]);
    close(fd);
    close(ro);
}

static void syncing(void)
{
    int fd = open("fs", O_RDWR | O_CREAT | O_TRUNC, 0644), d = open(".", O_RDONLY), p[2];
    make_pipe(p);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0, "fsync and fdatasync of a file");
    CHECK(fsync(d) == 0, "fsync of a directory");
    CHECK_ERRNO(fsync(-1), EBADF, "fsync of -1");
    CHECK_ERRNO(fsync(p[0]), EINVAL, "fsync of a pipe");
    CHECK(syncfs(fd) == 0, "syncfs");
    CHECK_ERRNO(syncfs(-1), EBADF, "syncfs of -1");
    close(fd);
    close(d);
    close(p[0]);
    close(p[1]);
}

static void statfs_facts(void)
{
    struct statfs a, b;
    int fd = open(".", O_RDONLY);
    CHECK(statfs(".", &a) == 0 && a.f_bsize >= 512 && a.f_namelen == 255, "statfs: block size and longest name");
    CHECK(a.f_bfree <= a.f_blocks && a.f_bavail <= a.f_bfree, "statfs: free is within total");
    CHECK(fstatfs(fd, &b) == 0 && a.f_type == b.f_type && a.f_bsize == b.f_bsize, "fstatfs agrees");
    CHECK(statfs("/proc", &a) == 0 && a.f_type == 0x9fa0, "statfs of /proc tells procfs");
    CHECK_ERRNO(statfs("absent", &a), ENOENT, "statfs of an absent file");
    CHECK_ERRNO(fstatfs(-1, &a), EBADF, "fstatfs of -1");
    CHECK_ERRNO(statfs(".", at_addr(8)), EFAULT, "statfs into a bad address");
    close(fd);
}

int main(void)
{
    truncating();
    stale_bytes();
    holes();
    sparse_costs_little();
    allocating();
    syncing();
    statfs_facts();
    return tap_end();
}
