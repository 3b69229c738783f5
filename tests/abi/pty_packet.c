// SPDX-License-Identifier: MIT
/* Packet mode of a pseudo-terminal's master: what it is told of the slave, and EXTPROC, the mode that goes with it. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/pty.h"

#include <sys/epoll.h>

static struct pair open_packets(void)
{
    struct pair p = open_pair();
    int on = 1;
    REQ(ioctl(p.m, TIOCPKT, &on) == 0);
    return p;
}

/* The status that must come, or -1 for data; it is an event of its own until it was read. */
static int status(int m)
{
    unsigned char b[2];
    const int told = POLLPRI | POLLIN | POLLRDNORM;
    REQ((poll_wait(m, POLLIN | POLLPRI) & POLLPRI) && (poll_now(m) & told) == told);
    return read(m, b, sizeof b) == 1 && !(poll_now(m) & POLLPRI) ? b[0] : -1;
}

/* Exactly this data comes, in one packet or in several: a line's echo may come in pieces. */
static int gets_data(int m, const char *text)
{
    char buf[64], got[64];
    size_t n = 0, want = strlen(text);
    while (n < want && poll_wait(m, POLLIN) == POLLIN) {
        ssize_t r = read(m, buf, want - n + 1);
        if (r < 2 || buf[0] != TIOCPKT_DATA)
            return 0;
        memcpy(got + n, buf + 1, (size_t)r - 1);
        n += (size_t)r - 1;
    }
    return n == want && memcmp(got, text, n) == 0;
}

/* Waits for n bytes of data, which are not read: status that came before them is complete. */
static void wait_data(int m, int n)
{
    for (int have = 0; have < n; msleep(1))
        REQ(ioctl(m, FIONREAD, &have) == 0);
}

static void set_lflag(int fd, unsigned set, unsigned clear)
{
    struct termios t = get_termios(fd);
    t.c_lflag = (t.c_lflag & ~clear) | set;
    REQ(ioctl(fd, TCSETS, &t) == 0);
}

static void set_iflag(int fd, unsigned set, unsigned clear)
{
    struct termios t = get_termios(fd);
    t.c_iflag = (t.c_iflag & ~clear) | set;
    REQ(ioctl(fd, TCSETS, &t) == 0);
}

static void data(void)
{
    struct pair p = open_pair();
    int on = 1, off = 0, got = -1, n;
    char buf[16];
    CHECK(ioctl(p.m, TIOCGPKT, &got) == 0 && got == 0, "no packet mode at first");
    CHECK_ERRNO(ioctl(p.s, TIOCPKT, &on), ENOTTY, "TIOCPKT is the master's");
    CHECK_ERRNO(ioctl(p.s, TIOCGPKT, &got), ENOTTY, "TIOCGPKT too");
    CHECK_ERRNO(ioctl(p.m, TIOCPKT, NULL), EFAULT, "TIOCPKT of nothing");
    CHECK(ioctl(p.m, TIOCPKT, &on) == 0 && ioctl(p.m, TIOCGPKT, &got) == 0 && got == 1, "TIOCPKT");
    put(p.s, "abc");
    CHECK(poll_wait(p.m, POLLIN) == POLLIN && !(poll_now(p.m) & POLLPRI), "data is no event");
    CHECK(ioctl(p.m, FIONREAD, &n) == 0 && n == 3, "FIONREAD counts the data alone");
    CHECK(read(p.m, buf, 1) == 1 && buf[0] == TIOCPKT_DATA, "a read of one byte: the zero alone");
    CHECK(ioctl(p.m, FIONREAD, &n) == 0 && n == 3, "which takes no data");
    CHECK(read(p.m, buf, 2) == 2 && buf[0] == TIOCPKT_DATA && buf[1] == 'a', "of two: a byte behind the zero");
    CHECK(read(p.m, buf, sizeof buf) == 3 && buf[0] == 0 && buf[1] == 'b' && buf[2] == 'c', "the rest in the same way");
    fcntl(p.m, F_SETFL, O_RDWR | O_NONBLOCK);
    CHECK_ERRNO(read(p.m, buf, sizeof buf), EAGAIN, "nothing: EAGAIN");
    put(p.m, "k\n");
    CHECK(gets_data(p.m, "k\r\n"), "the echo is data");
    REQ(ioctl(p.m, TIOCPKT, &off) == 0);
    put(p.s, "z");
    CHECK(poll_wait(p.m, POLLIN) && read(p.m, buf, 2) == 1 && buf[0] == 'z', "packet mode off: data alone");
    REQ(ioctl(p.s, TCFLSH, TCIFLUSH) == 0 && ioctl(p.m, TIOCPKT, &on) == 0);
    CHECK(!(poll_now(p.m) & (POLLIN | POLLPRI)), "what happened meanwhile is not told");
    put(p.s, "d");
    close(p.s);
    CHECK(read(p.m, buf, sizeof buf) == 2 && buf[1] == 'd', "the slave's end: what is left");
    CHECK_ERRNO(read(p.m, buf, sizeof buf), EIO, "then EIO");
    close(p.m);
}

static void flushes(void)
{
    struct pair p = open_packets();
    struct termios t = get_termios(p.s);
    CHECK(ioctl(p.s, TCFLSH, TCIFLUSH) == 0 && status(p.m) == TIOCPKT_FLUSHREAD, "TCIFLUSH: FLUSHREAD");
    CHECK(ioctl(p.s, TCFLSH, TCOFLUSH) == 0 && status(p.m) == TIOCPKT_FLUSHWRITE, "TCOFLUSH: FLUSHWRITE");
    CHECK(ioctl(p.s, TCFLSH, TCIOFLUSH) == 0 && status(p.m) == (TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE),
          "TCIOFLUSH: both at once");
    CHECK(ioctl(p.s, TCSETSF, &t) == 0 && status(p.m) == TIOCPKT_FLUSHREAD, "TCSETSF: FLUSHREAD");
    CHECK_ERRNO(ioctl(p.s, TCFLSH, 3), EINVAL, "TCFLSH: EINVAL");
    CHECK(!(poll_now(p.m) & POLLPRI), "which tells nothing");
    put(p.m, "\003");
    wait_data(p.m, 2);
    CHECK(status(p.m) == (TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE), "^C: both");
    CHECK(gets_data(p.m, "^C"), "then its echo");
    set_lflag(p.s, NOFLSH, 0);
    put(p.m, "\003");
    CHECK(gets_data(p.m, "^C") && !(poll_now(p.m) & POLLPRI), "with NOFLSH: the echo alone");
    close_pair(p);
}

static void order(void)
{
    struct pair p = open_packets();
    char buf[16];
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN | EPOLLPRI | EPOLLET}, got;
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, p.m, &e) == 0);
    put(p.s, "ab");
    CHECK(epoll_wait(ep, &got, 1, 10000) == 1 && got.events == EPOLLIN, "data: EPOLLIN, an edge");
    REQ(ioctl(p.s, TCXONC, TCOOFF) == 0);
    CHECK(epoll_wait(ep, &got, 1, 10000) == 1 && got.events == (EPOLLIN | EPOLLPRI), "status: EPOLLPRI, another");
    CHECK(read(p.m, buf, 1) == 1 && buf[0] == TIOCPKT_STOP, "status goes before data");
    CHECK(read(p.m, buf, sizeof buf) == 3 && !memcmp(buf, "\0ab", 3), "which follows");
    REQ(ioctl(p.s, TCXONC, TCOON) == 0 && ioctl(p.s, TCFLSH, TCIFLUSH) == 0);
    CHECK(status(p.m) == (TIOCPKT_START | TIOCPKT_FLUSHREAD), "status that nobody read gathers");
    close(ep);
    close_pair(p);
}

static void flow(void)
{
    struct pair p = open_packets();
    CHECK(ioctl(p.s, TCXONC, TCOOFF) == 0 && status(p.m) == TIOCPKT_STOP, "TCOOFF: STOP");
    CHECK(ioctl(p.s, TCXONC, TCOOFF) == 0 && !(poll_now(p.m) & POLLPRI), "again: nothing");
    CHECK(ioctl(p.s, TCXONC, TCOON) == 0 && status(p.m) == TIOCPKT_START, "TCOON: START");
    put(p.m, "\023");
    CHECK(status(p.m) == TIOCPKT_STOP, "^S: STOP");
    put(p.m, "\021");
    CHECK(status(p.m) == TIOCPKT_START, "^Q: START");
    REQ(ioctl(p.s, TCXONC, TCOOFF) == 0 && ioctl(p.s, TCXONC, TCOON) == 0);
    CHECK(status(p.m) == TIOCPKT_START, "the last of the two counts");
    set_iflag(p.s, 0, IXON);
    CHECK(status(p.m) == TIOCPKT_NOSTOP, "IXON off: NOSTOP");
    set_iflag(p.s, IXON, 0);
    CHECK(status(p.m) == TIOCPKT_DOSTOP, "on: DOSTOP");
    set_char(p.s, VSTOP, 1);
    CHECK(status(p.m) == TIOCPKT_NOSTOP, "another VSTOP: NOSTOP");
    set_char(p.s, VSTART, 2);
    CHECK(!(poll_now(p.m) & POLLPRI), "VSTART too: nothing new");
    set_char(p.s, VSTOP, 023);
    set_char(p.s, VSTART, 021);
    CHECK(status(p.m) == TIOCPKT_DOSTOP, "the usual ones: DOSTOP");
    close_pair(p);
}

static void external(void)
{
    struct pair p = open_packets();
    int n;
    set_lflag(p.s, EXTPROC, 0);
    CHECK(status(p.m) == TIOCPKT_IOCTL, "EXTPROC: IOCTL");
    set_lflag(p.s, 0, ECHOK);
    CHECK(status(p.m) == TIOCPKT_IOCTL, "any change beside it");
    set_lflag(p.s, 0, 0);
    CHECK(status(p.m) == TIOCPKT_IOCTL, "or none");
    REQ(write(p.m, "a\177\003\r\026", 5) == 5);
    CHECK(poll_wait(p.s, POLLIN) & POLLIN, "bytes are readable before a line ends");
    CHECK(ioctl(p.s, FIONREAD, &n) == 0 && n == 5, "FIONREAD counts them");
    CHECK(reads(p.s, "a\177\003\r\026"), "nothing is edited, mapped, or a signal");
    CHECK(!(poll_now(p.m) & POLLIN), "or echoed");
    REQ(write(p.m, "l\nm", 3) == 3);
    CHECK(poll_wait(p.s, POLLIN) && reads(p.s, "l\nm"), "a line end ends no read");
    put(p.s, "o\n");
    CHECK(gets_data(p.m, "o\r\n"), "output is processed as ever");
    set_lflag(p.s, 0, EXTPROC);
    CHECK(status(p.m) == TIOCPKT_IOCTL, "and back: IOCTL");
    set_lflag(p.s, 0, ECHOE);
    CHECK(!(poll_now(p.m) & POLLPRI), "then nothing");
    put(p.m, "ab\177\n");
    CHECK(poll_wait(p.s, POLLIN) && reads(p.s, "a\n"), "lines are edited again");
    close_pair(p);
}

int main(void)
{
    data();
    flushes();
    order();
    flow();
    external();
    return tap_end();
}
