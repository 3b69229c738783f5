// SPDX-License-Identifier: MIT
/*
 * The root served in place: changing archived files. "Hole" and "still in the archive" are different states: what was
 * cut off never comes back, what was not touched stays.
 */
#include "tests/abi/serve.h"

static void overwriting(void)
{
    char c;
    int fd = open("middle", O_RDWR);
    CHECK(pwrite(fd, "!", 1, 6000) == 1 && pread(fd, &c, 1, 6000) == 1 && c == '!', "one byte in the middle");
    CHECK(file_text(fd, 0, 6000, "page4.") && file_text(fd, 6001, 10383, "page4."), "leaves all others");
    close(fd);
    static char fill[16384];
    memset(fill, 'w', sizeof fill);
    fd = open("whole", O_RDWR);
    CHECK(write(fd, fill, sizeof fill) == sizeof fill && file_size("whole") == 16384, "a file overwritten whole");
    static char back[16384];
    CHECK(pread(fd, back, sizeof back, 0) == 16384 && !memcmp(back, fill, sizeof fill), "reads as written");
    close(fd);
}

static void cutting(void)
{
    int fd = open("trunc", O_RDWR);
    CHECK(ftruncate(fd, 5000) == 0 && file_size("trunc") == 5000 && file_text(fd, 0, 5000, "page4."), "shrink");
    CHECK(ftruncate(fd, 16384) == 0 && file_zero(fd, 5000, 11384), "grown again it reads zeros, never archive bytes");
    CHECK(file_text(fd, 0, 5000, "page4."), "what was left stays");
    CHECK(ftruncate(fd, 0) == 0 && ftruncate(fd, 8192) == 0 && file_zero(fd, 0, 8192), "emptied and grown: all zeros");
    close(fd);
    fd = open("rewrite", O_RDWR | O_TRUNC);
    CHECK(fd >= 0 && file_size("rewrite") == 0 && write(fd, "new", 3) == 3 && file_is("rewrite", "new"),
          "O_TRUNC and a write");
    CHECK(pwrite(fd, "x", 1, 9000) == 1 && file_zero(fd, 3, 8997), "the gap after it reads zeros");
    close(fd);
    fd = open("punch", O_RDWR);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192) == 0 && file_zero(fd, 4096, 8192),
          "a punched hole reads zeros");
    CHECK(file_text(fd, 0, 4096, "page4.") && file_text(fd, 12288, 4096, "page4."), "its neighbours stay");
    CHECK(lseek(fd, 0, SEEK_HOLE) == 4096 && lseek(fd, 4096, SEEK_DATA) == 12288, "SEEK_HOLE and SEEK_DATA tell it");
    close(fd);
}

/* The bytes behind a file's end in the archive belong to the next entry. */
static void growing(void)
{
    int fd = open("grow", O_RDWR);
    CHECK(ftruncate(fd, 20000) == 0 && file_text(fd, 0, 10000, "tail..") && file_zero(fd, 10000, 10000),
          "a tail page that grows continues with zeros");
    close(fd);
    fd = open("gap", O_RDWR);
    CHECK(pwrite(fd, "x", 1, 12000) == 1 && file_text(fd, 0, 10000, "tail..") && file_zero(fd, 10000, 2000),
          "a write behind a tail leaves zeros between");
    close(fd);
    fd = open("append", O_RDWR | O_APPEND);
    CHECK(write(fd, "tail", 4) == 4 && file_size("append") == 10004 && file_text(fd, 0, 10000, "tail.."),
          "append to a tail");
    char end[8];
    CHECK(pread(fd, end, 8, 10000) == 4 && !memcmp(end, "tail", 4), "and read it");
    close(fd);
    fd = open("smallgrow", O_RDWR);
    CHECK(ftruncate(fd, 5000) == 0 && file_text(fd, 0, 100, "small.") && file_zero(fd, 100, 4900),
          "a small file that grows continues with zeros");
    close(fd);
    fd = open("smallgap", O_RDWR);
    CHECK(pwrite(fd, "x", 1, 200) == 1 && file_text(fd, 0, 100, "small.") && file_zero(fd, 100, 100),
          "a write behind a small file leaves zeros between");
    close(fd);
    fd = open("smallappend", O_WRONLY | O_APPEND);
    CHECK(write(fd, "more", 4) == 4 && file_size("smallappend") == 104, "append to a small file");
    close(fd);
    put_text("empty", "no longer");
    CHECK(file_is("empty", "no longer"), "a write to an empty file");
}

static void hardlinked(void)
{
    struct stat a, b;
    int fd = open("hard", O_RDWR);
    CHECK(pwrite(fd, "!", 1, 0) == 1, "a write by one name");
    close(fd);
    char c;
    fd = open("hard.2", O_RDWR);
    CHECK(read(fd, &c, 1) == 1 && c == '!', "is read by the other");
    CHECK(ftruncate(fd, 10) == 0 && file_size("hard") == 10, "a size set by the other is seen by the one");
    CHECK(unlink("hard") == 0 && fstat(fd, &a) == 0 && a.st_nlink == 1, "one name removed leaves one");
    CHECK(link("hard.2", "hard.3") == 0 && stat("hard.3", &b) == 0 && b.st_ino == a.st_ino && b.st_nlink == 2,
          "a new name of an archived inode");
    close(fd);
}

static void attributes(void)
{
    struct stat st;
    struct timespec t[2] = {{5, 0}, {6, 0}};
    CHECK(chmod("attr", 0604) == 0 && chown("attr", 11, 12) == 0 && utimensat(AT_FDCWD, "attr", t, 0) == 0,
          "mode, owner and times of an archived file change");
    CHECK(stat("attr", &st) == 0 && (st.st_mode & 07777) == 0604 && st.st_uid == 11 && st.st_gid == 12 &&
              st.st_mtim.tv_sec == 6,
          "and are told by stat");
    CHECK(file_whole("attr", 50, "attr.."), "the content stays");
}

static void copying(void)
{
    int in = open("copy", O_RDONLY), out = open("copied", O_RDWR | O_CREAT, 0644);
    off_t from = 0, to = 0;
    CHECK(copy_file_range(in, &from, out, &to, 16384, 0) == 16384 && file_whole("copied", 16384, "page4."),
          "copy_file_range of an archived file");
    CHECK(pwrite(out, "!", 1, 0) == 1 && file_whole("copy", 16384, "page4."),
          "a change of the copy leaves the original");
    close(in);
    close(out);
}

/* Changed data must survive when memory is wanted: it cannot be read from the archive again. */
static void kept(void)
{
    churn_memory();
    churn_memory();
    int fd = open("middle", O_RDONLY);
    char c;
    CHECK(pread(fd, &c, 1, 6000) == 1 && c == '!' && file_text(fd, 0, 6000, "page4."),
          "a change outlives memory pressure");
    close(fd);
    fd = open("trunc", O_RDONLY);
    CHECK(file_zero(fd, 0, 8192), "zeros stay zeros");
    close(fd);
}

int main(void)
{
    umask(022);
    serve_enter("write");
    overwriting();
    cutting();
    growing();
    hardlinked();
    attributes();
    copying();
    kept();
    return tap_end();
}
