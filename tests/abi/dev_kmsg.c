// SPDX-License-Identifier: MIT
/* /dev/kmsg: records of the kernel's log. */
#define TAP_KEEP_CAPABILITIES /* the log may be restricted */
#include "tests/abi/machine.h"

#include <sys/sysmacros.h>

#define RECORD 8192

/* A fact of the log, where it can be opened. */
#define CHECK_LOG(cond, name)                                \
    do {                                                     \
        if (fd < 0)                                          \
            SKIP(name, "there is no log that one may open"); \
        else                                                 \
            CHECK(cond, name);                               \
    } while (0)

/* priority,number,microseconds,flags;text */
static int is_record(const char *r, ssize_t n, unsigned long *prio, unsigned long *nr)
{
    unsigned long usec;
    int at = 0;
    return n > 0 && r[n - 1] == '\n' && sscanf(r, "%lu,%lu,%lu,%n", prio, nr, &usec, &at) == 3 && at &&
           strchr(r + at, ';') && strchr(r, '\n') == r + n - 1;
}

static void reading(int fd)
{
    char r[RECORD + 1];
    unsigned long prio, nr, before = 0;
    int n = 0, good = 1;
    ssize_t got;
    CHECK_LOG(lseek(fd, 0, SEEK_SET) == 0, "to the first record");
    CHECK_LOG(FAILS(read(fd, r, 4), EINVAL), "a record is read as a whole");
    while ((got = read(fd, r, RECORD)) > 0 || (got < 0 && errno == EPIPE)) {
        if (got < 0)
            continue;
        r[got] = 0;
        /* lines that go on, and what describes a record, begin with a blank */
        good &= sscanf(r, "%lu,%lu,", &prio, &nr) == 2 && strchr(r, ';') && (!n || nr > before);
        before = nr;
        n++;
    }
    int err = errno;
    CHECK_LOG(err == EAGAIN, "behind the last one there is nothing yet");
    CHECK_LOG(n > 0 && good, "each has a priority, a higher number than the one before, a text");
    CHECK_LOG(FAILS(lseek(fd, 5, SEEK_SET), ESPIPE), "positions are beginning and end");
    CHECK_LOG(FAILS(lseek(fd, 0, SEEK_CUR), EINVAL), "not here");
    CHECK_LOG(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_END) == 0 && read(fd, r, RECORD) == -1, "to the end");
}

static void writing(int fd)
{
    char r[RECORD + 1];
    unsigned long prio = 0, nr = 0;
    ssize_t got = -1;
    REQ(fd < 0 || lseek(fd, 0, SEEK_END) == 0);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_LOG(write(fd, "<14>a line of a test\n", 21) == 21 && poll(&p, 1, 5000) == 1 && (p.revents & POLLIN),
              "a record is written");
    for (int i = 0; i < 50; i++) { /* the kernel may say something, too */
        got = read(fd, r, RECORD);
        r[got > 0 ? got : 0] = 0;
        if (got <= 0 || strstr(r, "a line of a test"))
            break;
    }
    CHECK_LOG(is_record(r, got, &prio, &nr) && prio == 14 && strstr(r, ";a line of a test\n"), "and read");
    static char large[2000];
    memset(large, 'x', sizeof large);
    CHECK_LOG(FAILS(write(fd, large, sizeof large), EINVAL), "one that is too long is none");
}

int main(void)
{
    struct stat st;
    int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    REQ(fd >= 0 || !own_machine());
    CHECK_LOG(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 11), "/dev/kmsg is device 1:11");
    writing(fd); /* so that there is something */
    reading(fd);
    return tap_end();
}
