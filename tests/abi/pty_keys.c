// SPDX-License-Identifier: MIT
/* The keys of a pseudo-terminal's master and TIOCSIG signal the foreground group of the slave. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/pty.h"

static volatile sig_atomic_t ints;

static void count(int sig)
{
    (void)sig;
    ints++;
}

int main(void)
{
    struct pair p = open_pair();
    CHECK_CHILD("^C and TIOCSIG", {
        signal(SIGINT, count);
        lead_session(p.s);
        put(p.m, "gone\003");
        wait_counted(SIGINT, &ints, 1);
        fcntl(p.s, F_SETFL, O_RDWR | O_NONBLOCK);
        char c;
        REQ(FAILS(read(p.s, &c, 1), EAGAIN));
        REQ(ioctl(p.m, TIOCSIG, SIGINT) == 0);
        wait_counted(SIGINT, &ints, 2);
        REQ(FAILS(ioctl(p.m, TIOCSIG, SIGTERM), EINVAL));
    });
    close_pair(p);
    return tap_end();
}
