// SPDX-License-Identifier: MIT
/*
 * The root served in place: removing, replacing and moving archived names. What was removed does not shine through.
 */
#include "tests/abi/serve.h"

#include <dirent.h>
#include <ftw.h>

/* How many names the directory has, . and .. apart. */
static int names_in(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

static void removing(void)
{
    int fd = open("gone", O_RDONLY);
    CHECK(unlink("gone") == 0 && !exists("gone"), "an archived name is removed");
    CHECK_ERRNO(open("gone", O_RDONLY), ENOENT, "and stays so");
    CHECK_ERRNO(unlink("gone"), ENOENT, "removing it again");
    CHECK_ERRNO(open("sym", O_RDONLY), ENOENT, "an archived symlink to it dangles");
    churn_memory();
    CHECK(file_text(fd, 0, 5000, "name.."), "an open descriptor still reads it");
    close(fd);
    CHECK(unlink("again") == 0, "another one");
    put_text("again", "made anew");
    CHECK(file_is("again", "made anew"), "and made anew it has only the new content");
    CHECK(unlink("sym") == 0 && symlink("again", "sym") == 0 && file_is("sym", "made anew"), "a symlink is replaced");
}

static void moving(void)
{
    CHECK(rename("moved", "elsewhere") == 0 && !exists("moved") && file_whole("elsewhere", 5000, "name.."),
          "an archived file moves with its content");
    put_text("fresh", "fresh");
    CHECK(rename("fresh", "over") == 0 && file_is("over", "fresh"), "rename over an archived file");
    CHECK(rename("source", "again") == 0 && file_whole("again", 5000, "name.."),
          "rename of an archived file over a new one");
    struct stat st;
    CHECK(unlink("link.1") == 0 && stat("link.2", &st) == 0 && st.st_nlink == 1 && file_whole("link.2", 5000, "name.."),
          "a hard link outlives its first name");
}

static void partly(void)
{
    CHECK(names_in("full") == 4, "four names in an archived directory");
    CHECK(unlink("full/b") == 0 && names_in("full") == 3, "three after one is removed");
    put_text("full/new", "");
    CHECK(names_in("full") == 4 && exists("full/a") && exists("full/sub/leaf"), "four with a new one");
    CHECK_ERRNO(rmdir("full"), ENOTEMPTY, "rmdir of an archived directory in use");
    CHECK_ERRNO(rmdir("full/sub"), ENOTEMPTY, "whose names nobody has looked up");
    CHECK(unlink("full/a") == 0 && unlink("full/c") == 0 && unlink("full/new") == 0 && unlink("full/sub/leaf") == 0 &&
              rmdir("full/sub") == 0 && names_in("full") == 0,
          "emptied name by name");
    CHECK(rmdir("full") == 0 && !exists("full"), "it goes");
    CHECK(mkdir("full", 0755) == 0 && names_in("full") == 0, "made anew it is empty");
    CHECK_ERRNO(open("full/a", O_RDONLY), ENOENT, "and no archived name shines through");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void whole(void)
{
    int dir = open("whole/x/y", O_RDONLY);
    CHECK(nftw("whole", remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 && !exists("whole"), "a whole tree is removed");
    CHECK_ERRNO(openat(dir, "a", O_RDONLY), ENOENT, "a directory held open has no names left");
    close(dir);
    CHECK(mkdir("whole", 0755) == 0 && mkdir("whole/x", 0755) == 0 && names_in("whole/x") == 0,
          "the same names made anew");
    CHECK_ERRNO(open("whole/x/y/a", O_RDONLY), ENOENT, "are empty");
}

static void directories(void)
{
    CHECK(rename("move", "away") == 0 && !exists("move"), "an archived directory moves");
    CHECK(file_whole("away/a", 10, "move..") && file_whole("away/in/leaf", 10, "move.."), "with names never looked up");
    CHECK(names_in("away") == 3, "all of them");
    CHECK_ERRNO(open("move/a", O_RDONLY), ENOENT, "the old path is gone");
    CHECK(mkdir("move", 0755) == 0 && names_in("move") == 0, "a new directory of the old name is empty");
    struct stat st, up;
    CHECK(stat("away/in/..", &st) == 0 && stat("away", &up) == 0 && st.st_ino == up.st_ino,
          ".. leads to the new place");
    CHECK(rename("away/in", "move/in") == 0 && file_whole("move/in/leaf", 10, "move.."), "a part of it moves on");
    CHECK(stat("away", &up) == 0 && up.st_nlink == 2 && names_in("away") == 2, "and is missing there");
}

int main(void)
{
    umask(022);
    serve_enter("names");
    removing();
    moving();
    partly();
    whole();
    directories();
    return tap_end();
}
