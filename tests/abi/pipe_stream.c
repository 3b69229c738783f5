// SPDX-License-Identifier: MIT
/*
 * Streams through pipes: a large amount unharmed, two writers at once, a chain of processes, many readers.
 */
#include "tests/abi/util.h"

#include <limits.h>

static uint32_t next_random(uint32_t *s)
{
    *s = *s * 1664525 + 1013904223;
    return *s >> 8;
}

static void sum(uint64_t *a, const unsigned char *p, long n)
{
    for (long i = 0; i < n; i++)
        *a = *a * 31 + p[i];
}

enum { TOTAL = 4 << 20 };

static void fill(unsigned char *p, long at, long n)
{
    for (long i = 0; i < n; i++)
        p[i] = (at + i) * 7 + ((at + i) >> 10);
}

/* Writes TOTAL bytes in pieces of changing size; the reader asks for other sizes. */
static void large(void)
{
    static unsigned char buf[80000], want[80000];
    int p[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        uint32_t seed = 1;
        pin(1);
        for (long at = 0; at < TOTAL;) {
            long n = 1 + next_random(&seed) % 70000;
            n = n > TOTAL - at ? TOTAL - at : n;
            fill(buf, at, n);
            REQ(write(p[1], buf, n) == n);
            at += n;
        }
        _exit(0);
    }
    close(p[1]);
    pin(0);
    uint32_t seed = 2;
    long at = 0;
    int good = 1;
    for (ssize_t n; (n = read(p[0], buf, 1 + next_random(&seed) % sizeof buf)) > 0; at += n) {
        fill(want, at, n);
        good &= !memcmp(buf, want, n);
    }
    CHECK(at == TOTAL && good, "4 MiB in pieces of all sizes arrive unharmed");
    CHECK(tap_wait(pid) == 0, "the writer wrote all");
    close(p[0]);
}

/* Records of PIPE_BUF bytes from two writers must not mix. */
static void two_writers(void)
{
    enum { RECORDS = 150 };
    static char rec[PIPE_BUF];
    int p[2], count[2] = {0, 0}, whole = 1;
    make_pipe(p);
    pid_t pid[2];
    for (int who = 0; who < 2; who++)
        if ((pid[who] = tap_fork()) == 0) {
            pin(who);
            memset(rec, 'A' + who, sizeof rec);
            for (int i = 0; i < RECORDS; i++)
                REQ(write(p[1], rec, sizeof rec) == sizeof rec);
            _exit(0);
        }
    close(p[1]);
    FILE *f = fdopen(p[0], "r");
    while (fread(rec, 1, sizeof rec, f) == sizeof rec) {
        whole &= (rec[0] == 'A' || rec[0] == 'B') && !memcmp(rec, rec + 1, sizeof rec - 1);
        count[rec[0] == 'B']++;
    }
    CHECK(whole, "writes of PIPE_BUF bytes do not mix");
    CHECK(count[0] == RECORDS && count[1] == RECORDS, "none is lost");
    CHECK(tap_wait(pid[0]) + tap_wait(pid[1]) == 0, "both writers finished");
    fclose(f);
}

/* Each byte goes to exactly one of two readers. */
static void two_readers(void)
{
    enum { BYTES = 20000 };
    int p[2], out[2];
    make_pipe(p);
    make_pipe(out);
    pid_t pid[2];
    for (int who = 0; who < 2; who++)
        if ((pid[who] = tap_fork()) == 0) {
            unsigned char b[97];
            long got[2] = {0, 0};
            close(p[1]);
            pin(who);
            for (ssize_t n; (n = read(p[0], b, sizeof b)) > 0;)
                for (ssize_t i = 0; i < n; i++) {
                    got[0]++;
                    got[1] += b[i];
                }
            REQ(write(out[1], got, sizeof got) == sizeof got);
            _exit(0);
        }
    close(p[0]);
    long want = 0, got[2], bytes = 0, total = 0;
    for (int i = 0; i < BYTES; i += 100) {
        unsigned char b[100];
        for (int j = 0; j < 100; j++)
            want += b[j] = i + j;
        REQ(write(p[1], b, 100) == 100);
    }
    close(p[1]);
    for (int i = 0; i < 2; i++) {
        REQ(read(out[0], got, sizeof got) == sizeof got);
        bytes += got[0];
        total += got[1];
    }
    CHECK(bytes == BYTES && total == want, "two readers share a stream without loss");
    CHECK(tap_wait(pid[0]) + tap_wait(pid[1]) == 0, "both readers saw its end");
    close(out[0]);
    close(out[1]);
}

/* cat | cat | cat | cat: each process copies its input to its output. */
static void chain(void)
{
    enum { LINKS = 4, BYTES = 1 << 18 };
    int first[2], in;
    static unsigned char buf[8192];
    pid_t pid[LINKS + 1];
    make_pipe(first);
    in = first[0];
    for (int i = 0; i < LINKS; i++) {
        int next[2];
        make_pipe(next);
        if ((pid[i] = tap_fork()) == 0) {
            close(first[1]);
            close(next[0]);
            for (ssize_t n; (n = read(in, buf, sizeof buf)) != 0;)
                REQ(n > 0 && write(next[1], buf, n) == n);
            _exit(0);
        }
        close(in);
        close(next[1]);
        in = next[0];
    }
    if ((pid[LINKS] = tap_fork()) == 0) {
        for (long at = 0; at < BYTES; at += sizeof buf) {
            fill(buf, at, sizeof buf);
            REQ(write(first[1], buf, sizeof buf) == sizeof buf);
        }
        _exit(0);
    }
    close(first[1]);
    uint64_t got = 0, want = 0;
    long bytes = 0;
    for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0; bytes += n)
        sum(&got, buf, n);
    for (long at = 0; at < BYTES; at += sizeof buf) {
        fill(buf, at, sizeof buf);
        sum(&want, buf, sizeof buf);
    }
    CHECK(bytes == BYTES && got == want, "a chain of four copying processes passes 256 KiB on");
    int good = 1;
    for (int i = 0; i <= LINKS; i++)
        good &= tap_wait(pid[i]) == 0;
    CHECK(good, "and all of them end");
    close(in);
}

/* A byte goes back and forth between two processes. */
static void round_trips(void)
{
    enum { TRIPS = 300 };
    int there[2], back[2], good = 1;
    make_pipe(there);
    make_pipe(back);
    pid_t pid = tap_fork();
    if (pid == 0) {
        unsigned char c;
        close(there[1]);
        while (read(there[0], &c, 1) == 1) {
            c ^= 0x5a;
            REQ(write(back[1], &c, 1) == 1);
        }
        _exit(0);
    }
    for (int i = 0; i < TRIPS; i++) {
        unsigned char c = i, d = 0;
        good &= write(there[1], &c, 1) == 1 && read(back[0], &d, 1) == 1 && d == (c ^ 0x5a);
    }
    close(there[1]);
    CHECK(good, "300 round trips between two processes");
    CHECK(tap_wait(pid) == 0, "the partner ends at the end of its input");
    close(there[0]);
    close(back[0]);
    close(back[1]);
}

static volatile sig_atomic_t broken;

static void on_sigpipe(int sig)
{
    (void)sig;
    broken++;
}

/* The reader goes while the writer waits with the rest. */
static void reader_goes(void)
{
    enum { MORE = 1 << 20 };
    static char big[MORE];
    char buf[PAGE];
    int fd[2];
    make_pipe(fd);
    signal(SIGPIPE, on_sigpipe);
    pid_t pid = tap_fork();
    if (pid == 0) {
        close(fd[1]);
        for (long n = 0, got; n < 100000; n += got)
            REQ((got = read(fd[0], buf, sizeof buf)) > 0);
        _exit(0);
    }
    close(fd[0]);
    ssize_t n = write(fd[1], big, MORE);
    CHECK(n >= 100000 && n < MORE, "what went in before the reader left counts as written");
    CHECK(broken == 1, "and the writer hears of it by a signal too");
    CHECK(write(fd[1], big, 1) == -1 && errno == EPIPE && broken == 2, "as with the next write");
    CHECK(tap_wait(pid) == 0, "the reader had what it wanted");
    signal(SIGPIPE, SIG_DFL);
    close(fd[1]);
}

int main(void)
{
    large();
    two_writers();
    two_readers();
    chain();
    round_trips();
    reader_goes();
    return tap_end();
}
