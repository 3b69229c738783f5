// SPDX-License-Identifier: MIT
/*
 * Names and files under two threads on two CPUs: what one call promises holds whatever the other does.
 */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/mman.h>

enum { ROUNDS = 60 };
static pthread_barrier_t gate;

struct pair {
    int (*act)(int who, int round);
    int who, wins;
};

/* Rounds of the last race, at least one; each race takes about half a second at most and goes no further than the one
 * before, whose files it may need. The first thread decides before both meet. */
static int rounds = ROUNDS;
static volatile int over;
static int64_t deadline;

static void *racer(void *arg)
{
    struct pair *p = arg;
    int i;
    pin(p->who);
    for (i = 0;; i++) {
        if (p->who == 0)
            over = i >= rounds || (i > 0 && now_ns() > deadline);
        pthread_barrier_wait(&gate);
        if (over)
            break;
        p->wins += p->act(p->who, i);
        pthread_barrier_wait(&gate);
    }
    return (void *)(long)i;
}

/* Runs `act` in two threads at once, `rounds` times; the number of successes of both. */
static int race(int (*act)(int, int))
{
    struct pair p[2] = {{act, 0, 0}, {act, 1, 0}};
    pthread_t t[2];
    void *done;
    deadline = now_ns() + 500000000;
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, racer, &p[i]) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], &done);
    rounds = (int)(long)done;
    return p[0].wins + p[1].wins;
}

/* True when as many succeeded as `each` a round. */
static int won(int (*act)(int, int), int each)
{
    int wins = race(act);
    return wins == each * rounds;
}

static int make_exclusive(int who, int i)
{
    char name[32];
    (void)who;
    snprintf(name, sizeof name, "x%d", i);
    int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd >= 0)
        close(fd);
    else
        REQ(errno == EEXIST);
    return fd >= 0;
}

static int remove_one(int who, int i)
{
    char name[32];
    (void)who;
    snprintf(name, sizeof name, "x%d", i);
    int r = unlink(name);
    REQ(r == 0 || errno == ENOENT);
    return r == 0;
}

static int make_dir(int who, int i)
{
    char name[32];
    (void)who;
    snprintf(name, sizeof name, "d%d", i);
    int r = mkdir(name, 0700);
    REQ(r == 0 || errno == EEXIST);
    return r == 0;
}

static int fill_or_remove(int who, int i)
{
    char name[32], in[40];
    snprintf(name, sizeof name, "d%d", i);
    snprintf(in, sizeof in, "d%d/f", i);
    if (who)
        return rmdir(name) == 0;
    int fd = open(in, O_CREAT | O_RDWR, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int link_or_rename(int who, int i)
{
    char from[32], to[32];
    snprintf(from, sizeof from, "n%d", i);
    snprintf(to, sizeof to, "m%d.%d", i, who);
    return rename(from, to) == 0;
}

static int cross_rename(int who, int i)
{
    (void)i;
    return rename(who ? "A/b" : "B/a", who ? "B/a/b" : "A/b/a") == 0;
}

static int append_byte(int who, int i)
{
    (void)i;
    static int fd[2] = {-1, -1};
    if (fd[who] < 0)
        fd[who] = open("append", O_WRONLY | O_APPEND);
    return write(fd[who], who ? "b" : "a", 1) == 1;
}

static int shared_file = -1;

static int shared_write(int who, int i)
{
    char rec[8];
    (void)i;
    memset(rec, 'a' + who, sizeof rec);
    return write(shared_file, rec, sizeof rec) == sizeof rec;
}

static void creation(void)
{
    CHECK(won(make_exclusive, 1), "O_CREAT|O_EXCL has one winner");
    CHECK(won(remove_one, 1), "unlink has one winner");
    CHECK(won(make_dir, 1), "mkdir has one winner");
    CHECK(won(fill_or_remove, 1), "a directory is either filled or removed");
    for (int i = 0; i < ROUNDS; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d", i);
        put_text(name, "");
    }
    CHECK(won(link_or_rename, 1), "rename of one name has one winner");
}

static void directories(void)
{
    REQ(mkdir("A", 0700) == 0 && mkdir("B", 0700) == 0 && mkdir("A/b", 0700) == 0 && mkdir("B/a", 0700) == 0);
    CHECK(race(cross_rename) == 1, "two directories never move into each other");
}

static void writes(void)
{
    REQ(close(creat("append", 0600)) == 0);
    CHECK(won(append_byte, 2) && file_size("append") == 2 * rounds, "no append overwrites another");
    shared_file = open("shared", O_RDWR | O_CREAT, 0600);
    CHECK(won(shared_write, 2) && file_size("shared") == 16 * rounds,
          "writes through one open file take turns at the position");
    char rec[8];
    int whole = 1;
    lseek(shared_file, 0, SEEK_SET);
    while (read(shared_file, rec, 8) == 8)
        whole &= !memcmp(rec, "aaaaaaaa", 8) || !memcmp(rec, "bbbbbbbb", 8);
    CHECK(whole, "and none is torn");
    close(shared_file);
}

/* While one thread replaces a name by rename, the other must always find it, whole. */
static volatile int stop;

static void *replacer(void *arg)
{
    (void)arg;
    pin(1);
    for (int i = 0; i < 300; i++) {
        put_text("tmp", i & 1 ? "odd-odd" : "even-even");
        REQ(rename("tmp", "target") == 0);
    }
    stop = 1;
    return NULL;
}

static void replacing(void)
{
    put_text("target", "odd-odd");
    pthread_t t;
    int good = 1;
    REQ(pthread_create(&t, NULL, replacer, NULL) == 0);
    pin(0);
    while (!stop) {
        char buf[16];
        int fd = open("target", O_RDONLY);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
        good &= (n == 7 && !memcmp(buf, "odd-odd", 7)) || (n == 9 && !memcmp(buf, "even-even", 9));
        close(fd);
    }
    pthread_join(t, NULL);
    CHECK(good, "a name replaced by rename is never missing or half");
}

/* One truncates and extends, the other reads: each byte is the one written or zero, never another file's. */
static void *resizer(void *arg)
{
    int fd = *(int *)arg;
    char full[8192];
    memset(full, 'D', sizeof full);
    pin(1);
    for (int i = 0; i < 200; i++)
        REQ(ftruncate(fd, 0) == 0 && pwrite(fd, full, sizeof full, 4096) == sizeof full);
    stop = 1;
    return NULL;
}

static void resizing(void)
{
    int fd = open("resize", O_RDWR | O_CREAT, 0600), good = 1;
    char buf[16384];
    pthread_t t;
    stop = 0;
    REQ(pthread_create(&t, NULL, resizer, &fd) == 0);
    while (!stop) {
        ssize_t n = pread(fd, buf, sizeof buf, 0);
        for (ssize_t i = 0; i < n; i += 64)
            good &= buf[i] == 0 || (i >= 4096 && buf[i] == 'D');
        good &= n >= 0 && n <= 12288;
    }
    pthread_join(t, NULL);
    CHECK(good, "reads beside truncation see data or zeros");
    close(fd);
}

int main(void)
{
    umask(0);
    pthread_barrier_init(&gate, NULL, 2);
    creation();
    directories();
    writes();
    replacing();
    resizing();
    return tap_end();
}
