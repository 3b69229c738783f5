// SPDX-License-Identifier: MIT
/*
 * The root served in place: reading files, directories, links and attributes as they stand in the archive.
 */
#include "tests/abi/serve.h"

#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static void contents(void)
{
    CHECK(file_whole("page1", 4096, "page1."), "a file of one page");
    CHECK(file_whole("page4", 16384, "page4."), "a file of four pages");
    CHECK(file_whole("tail", 10000, "tail.."), "a file with a tail page");
    CHECK(file_whole("small", 100, "small."), "a small file");
    CHECK(file_whole("one", 1, "one..."), "a file of one byte");
    CHECK(file_whole("edge", 4095, "edge.."), "a file one byte short of a page");
    CHECK(file_whole("over", 4097, "over.."), "a file one byte longer than a page");
    CHECK(file_whole("big", 1 << 20, "big..."), "a file of 1 MiB");
    CHECK(file_whole("empty", 0, ""), "an empty file");
    CHECK(file_whole("big", 1 << 20, "big..."), "1 MiB again");
}

static void ends(void)
{
    char buf[200];
    int fd = open("small", O_RDONLY);
    CHECK(pread(fd, buf, 200, 60) == 40 && is_text(buf, 60, 40, "small."), "a read stops at the end of a small file");
    CHECK(pread(fd, buf, 200, 100) == 0 && pread(fd, buf, 200, 5000) == 0, "behind it there is nothing");
    close(fd);
    fd = open("tail", O_RDONLY);
    CHECK(pread(fd, buf, 200, 9900) == 100 && is_text(buf, 9900, 100, "tail.."),
          "a read stops at the end of a tail page");
    CHECK(lseek(fd, 0, SEEK_END) == 10000 && read(fd, buf, 1) == 0, "SEEK_END");
    CHECK(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_HOLE) == 10000, "all of it is data");
    close(fd);
    fd = open("empty", O_RDONLY);
    CHECK(read(fd, buf, 10) == 0, "an empty file ends at once");
    close(fd);
}

static void ways(void)
{
    static char a[5000], b[3000];
    struct iovec v[2] = {{a, 5000}, {b, 3000}};
    int fd = open("page4", O_RDONLY), out = open("/dev/null", O_WRONLY), p[2];
    CHECK(preadv(fd, v, 2, 4093) == 8000 && is_text(a, 4093, 5000, "page4.") && is_text(b, 9093, 3000, "page4."),
          "preadv across pages");
    off_t off = 1;
    CHECK(sendfile(out, fd, &off, 1 << 20) == 16383, "sendfile of the rest");
    make_pipe(p);
    off = 8190;
    CHECK(sendfile(p[1], fd, &off, 100) == 100 && read(p[0], a, 200) == 100 && is_text(a, 8190, 100, "page4."),
          "sendfile across a page into a pipe");
    char *m = mmap(NULL, 16384, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(m != MAP_FAILED && is_text(m, 0, 16384, "page4."), "mmap");
    char *n = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 8192);
    CHECK(n != MAP_FAILED && is_text(n, 8192, 4096, "page4."), "mmap at an offset");
    CHECK(write(p[1], m + 4000, 200) == 200 && read(p[0], a, 200) == 200 && is_text(a, 4000, 200, "page4."),
          "write(2) from a mapping");
    munmap(m, 16384);
    munmap(n, 4096);
    close(fd);
    close(out);
    close(p[0]);
    close(p[1]);
}

static void zeros(void)
{
    int fd = open("sparse", O_RDONLY);
    char end[4];
    CHECK(file_zero(fd, 0, 300000), "300,000 zeros");
    CHECK(pread(fd, end, 4, 300000) == 3 && !memcmp(end, "end", 3), "and what stands behind them");
    close(fd);
}

static void links(void)
{
    struct stat a, b, c;
    char buf[32];
    CHECK(stat("hard1", &a) == 0 && stat("hard2", &b) == 0 && stat("deep/a/hard3", &c) == 0 && a.st_ino == b.st_ino &&
              b.st_ino == c.st_ino && a.st_nlink == 3,
          "three names of a hard link are one inode");
    CHECK(file_whole("hard1", 5000, "hard..") && file_whole("deep/a/hard3", 5000, "hard.."), "with one content");
    CHECK(readlink("link", buf, 32) == 5 && !memcmp(buf, "small", 5) && file_whole("link", 100, "small."), "a symlink");
    CHECK(file_whole("deep/up", 4096, "page1."), "a symlink with ..");
    CHECK_ERRNO(open("dangling", O_RDONLY), ENOENT, "a dangling symlink");
    CHECK(file_whole("dirlink/b/c/leaf", 20, "leaf.."), "a symlink to a directory");
    CHECK(lstat("link", &a) == 0 && S_ISLNK(a.st_mode) && a.st_size == 5, "lstat of a symlink");
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
    return atoi((*a)->d_name + 1) - atoi((*b)->d_name + 1);
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void directories(void)
{
    struct dirent **list;
    char path[300], text[16];
    int n = scandir("dir", &list, visible, by_number), good = n == 300;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "dir/%s", list[i]->d_name);
        snprintf(text, sizeof text, "%d\n", i);
        good &= file_is(path, text) && list[i]->d_type == DT_REG;
    }
    CHECK(good, "a directory of 300 files, each with its content");
    CHECK(scandir("none", &list, visible, alphasort) == 0, "an empty directory");
    struct stat a, b;
    CHECK(stat("deep/a/b/c", &a) == 0 && stat("deep/a/b/c/..", &b) == 0 && a.st_nlink == 2 && b.st_nlink == 3,
          "link counts of directories");
    CHECK_ERRNO(stat("dir/f300", &a), ENOENT, "a name that is not there");
    CHECK_ERRNO(stat("dir/f", &a), ENOENT, "the beginning of a name");
    CHECK_ERRNO(stat("dir/f1x", &a), ENOENT, "a name and more");
    CHECK_ERRNO(stat("small/x", &a), ENOTDIR, "a name below a file");
    CHECK_ERRNO(stat("none/x", &a), ENOENT, "a name in the empty directory");
    CHECK(stat("deep/../deep/./a/../../small", &a) == 0, "a path with dots");
    CHECK_ERRNO(stat("/.slipway-index", &a), ENOENT, "the archive's index is not a file of the root");
}

static void attributes(void)
{
    struct stat st;
    CHECK(stat("mode", &st) == 0 && (st.st_mode & 07777) == 04751 && st.st_mtim.tv_sec == 1000000000, "mode and time");
    CHECK(st.st_uid == 0 && st.st_gid == 0 && st.st_size == 10 && st.st_nlink == 1, "owner, size, links");
    CHECK(stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode), "a FIFO");
    int fd = open("fifo", O_RDWR | O_NONBLOCK);
    char c;
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && read(fd, &c, 1) == 1, "which works");
    close(fd);
    CHECK(stat("big", &st) == 0 && st.st_blocks >= 2048, "blocks of a file of 1 MiB");
}

/* Two processes read the same file at once and see the same bytes. */
static void together(void)
{
    pid_t pid = tap_fork();
    if (pid == 0) {
        pin(1);
        REQ(file_whole("big", 1 << 20, "big..."));
        _exit(0);
    }
    pin(0);
    CHECK(file_whole("big", 1 << 20, "big...") && tap_wait(pid) == 0, "two processes read one file");
}

int main(void)
{
    serve_enter("read");
    contents();
    ends();
    ways();
    zeros();
    links();
    directories();
    attributes();
    together();
    return tap_end();
}
