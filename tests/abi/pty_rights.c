// SPDX-License-Identifier: MIT
/* Who may make a terminal its own, and what a master in packet mode hears of what is done to its slave. */
#include "tests/abi/pty.h"

#include <signal.h>

static void owning(void)
{
    CHECK_CHILD("TIOCSCTTY by a descriptor that only writes is not for everyone", {
        struct pair p = open_pair();
        int w = open_slave(p.m, O_WRONLY);
        REQ(w >= 0 && setsid() == getpid());
        drop_root();
        REQ(FAILS(ioctl(w, TIOCSCTTY, 0), EPERM) && FAILS(open("/dev/tty", O_RDONLY), ENXIO));
        REQ(ioctl(p.s, TIOCSCTTY, 0) == 0 && ioctl(w, TIOCSCTTY, 0) == 0);
    });
    CHECK_CHILD("opening to write only does not do it either", {
        struct pair p = open_pair();
        char name[32];
        snprintf(name, sizeof name, "/dev/pts/%d", p.nr);
        REQ(setsid() == getpid() && open(name, O_WRONLY) >= 0 && FAILS(open("/dev/tty", O_RDONLY), ENXIO));
        REQ(open(name, O_RDWR) >= 0 && open("/dev/tty", O_RDONLY) >= 0);
    });
}

/* The byte of a packet that is no data; -1: there is none. */
static int status(int m)
{
    unsigned char b[8];
    return poll_now(m) & POLLPRI && read(m, b, sizeof b) == 1 ? b[0] : -1;
}

static void packets(void)
{
    struct pair p = open_pair();
    int on = 1;
    REQ(ioctl(p.m, TIOCPKT, &on) == 0);
    CHECK(status(p.m) == -1, "nothing has happened");
    REQ(ioctl(p.s, TCFLSH, TCIFLUSH) == 0);
    CHECK(status(p.m) == TIOCPKT_FLUSHREAD, "packet mode: TCIFLUSH");
    REQ(ioctl(p.s, TCFLSH, TCOFLUSH) == 0);
    CHECK(status(p.m) == TIOCPKT_FLUSHWRITE, "TCOFLUSH");
    REQ(ioctl(p.s, TCFLSH, TCIOFLUSH) == 0);
    CHECK(status(p.m) == (TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE), "both");
    REQ(ioctl(p.s, TCXONC, TCOOFF) == 0);
    CHECK(status(p.m) == TIOCPKT_STOP, "output is stopped");
    REQ(ioctl(p.s, TCXONC, TCOOFF) == 0);
    CHECK(status(p.m) == -1, "not again");
    REQ(ioctl(p.s, TCXONC, TCOON) == 0);
    CHECK(status(p.m) == TIOCPKT_START, "and goes on");
    CHECK(status(p.m) == -1, "each is told once");
    close_pair(p);
}

static void flushing(void)
{
    static char text[12000];
    struct pair p = open_pair();
    set_raw(p.s);
    memset(text, 'x', sizeof text);
    REQ(fcntl(p.s, F_SETFL, O_NONBLOCK) == 0);
    ssize_t n = 0, r;
    while ((r = write(p.s, text, sizeof text)) > 0)
        n += r;
    REQ(n > 4096);
    REQ(ioctl(p.s, TCFLSH, TCOFLUSH) == 0);
    REQ(fcntl(p.m, F_SETFL, O_NONBLOCK) == 0);
    ssize_t got = 0;
    while ((r = read(p.m, text, sizeof text)) > 0)
        got += r;
    CHECK(got < n, "TCOFLUSH: what was written and not read is gone, but for what had reached the reader's side");
    close_pair(p);
}

int main(void)
{
    owning();
    packets();
    flushing();
    return tap_end();
}
