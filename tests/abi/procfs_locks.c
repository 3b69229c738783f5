// SPDX-License-Identifier: MIT
/* /proc/locks: record locks, OFD locks, flock, and who waits for one. */
#include "tests/abi/machine.h"

#include <sys/file.h>
#include <sys/sysmacros.h>

static struct stat st;

/* The line of this kind of lock on the file, behind its number and a colon; NULL: none. */
static const char *line_of(const char *kind)
{
    static char line[256];
    char file[64];
    const char *p = text;
    snprintf(file, sizeof file, " %02x:%02x:%lu ", major(st.st_dev), minor(st.st_dev), st.st_ino);
    REQ(slurp("/proc/locks") >= 0);
    while (*p) {
        size_t n = strcspn(p, "\n");
        const char *colon = memchr(p, ':', n);
        snprintf(line, sizeof line, "%.*s", (int)(n - (colon + 2 - p)), colon + 2);
        if (strncmp(line, kind, strlen(kind)) == 0 && strstr(line, file))
            return line;
        p += n + (p[n] == '\n');
    }
    return NULL;
}

/* The line is so, but for the file's name in it. */
static int is(const char *kind, const char *rest, pid_t pid, const char *range)
{
    char want[256];
    const char *got = line_of(kind);
    snprintf(want, sizeof want, "%s%s %d %02x:%02x:%lu %s", kind, rest, pid, major(st.st_dev), minor(st.st_dev),
             st.st_ino, range);
    if (got && strcmp(got, want) == 0)
        return 1;
    printf("# got '%s', wanted '%s'\n", got ? got : "nothing", want);
    return 0;
}

static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock f = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, cmd, &f);
}

int main(void)
{
    int fd = open("locked", O_RDWR | O_CREAT, 0600);
    REQ(fd >= 0 && fstat(fd, &st) == 0);
    CHECK(!line_of("POSIX") && !line_of("FLOCK") && !line_of("OFDLCK"), "none at first");
    REQ(lock(fd, F_SETLK, F_WRLCK, 10, 10) == 0);
    CHECK(is("POSIX ", " ADVISORY  WRITE", getpid(), "10 19"), "a record lock: whose, of what, from where to where");
    REQ(lock(fd, F_SETLK, F_RDLCK, 0, 0) == 0);
    CHECK(is("POSIX ", " ADVISORY  READ", getpid(), "0 EOF"), "one to the end, for reading");
    REQ(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK(!line_of("POSIX"), "given up");
    REQ(lock(fd, F_OFD_SETLK, F_WRLCK, 5, 1) == 0);
    CHECK(is("OFDLCK", " ADVISORY  WRITE", -1, "5 5"), "one of an open file is nobody's");
    REQ(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0) == 0 && flock(fd, LOCK_SH) == 0);
    CHECK(is("FLOCK ", " ADVISORY  READ", getpid(), "0 EOF"), "flock");
    REQ(flock(fd, LOCK_EX) == 0);
    CHECK(is("FLOCK ", " ADVISORY  WRITE", getpid(), "0 EOF"), "flock, exclusive");
    pid_t pid = tap_fork();
    if (pid == 0) {
        int other = open("locked", O_RDWR);
        REQ(other >= 0 && flock(other, LOCK_EX) == 0);
        _exit(0);
    }
    for (int i = 0; i < 1000 && !line_of("->"); i++)
        msleep(10);
    CHECK(is("-> FLOCK ", " ADVISORY  WRITE", pid, "0 EOF"), "who waits stands behind it");
    REQ(flock(fd, LOCK_UN) == 0 && tap_wait(pid) == 0);
    CHECK(!line_of("FLOCK") && !line_of("->"), "and is gone with its process");
    close(fd);
    return tap_end();
}
