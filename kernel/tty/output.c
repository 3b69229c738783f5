// SPDX-License-Identifier: MIT
/*
 * Output processing (OPOST) and echo. The column is kept for tabs and for erasing; processed bytes are gathered in a
 * small buffer, so that a line is one write to the driver.
 */
#include "abi/errno.h"
#include "arch/clock.h"
#include "lib/string.h"
#include "tty/tty.h"

#define GATHER 256u

struct gather {
    u8 buf[GATHER];
    u32 n;
};

static void put(struct gather *g, u8 c)
{
    g->buf[g->n++] = c;
}

static void put_tab(struct tty *t, struct gather *g, u32 oflag)
{
    u32 spaces = 8 - (t->column & 7);
    t->column += spaces;
    if ((oflag & TABDLY) != XTABS) {
        put(g, '\t');
        return;
    }
    while (spaces--)
        put(g, ' ');
}

static bool continues_utf8(u8 c)
{
    return (c & 0xc0) == 0x80;
}

static u8 to_upper(u8 c)
{
    return c >= 'a' && c <= 'z' ? (u8)(c - 32) : c;
}

/* One byte through OPOST; at most 8 bytes come out (out_lock). */
static void process(struct tty *t, struct gather *g, u8 c, u32 oflag)
{
    switch (c) {
    case '\n':
        if (oflag & ONLRET)
            t->column = 0;
        if (oflag & ONLCR) {
            put(g, '\r');
            t->column = 0;
        }
        put(g, '\n');
        return;
    case '\r':
        if ((oflag & ONOCR) && t->column == 0)
            return;
        if (oflag & OCRNL) {
            if (oflag & ONLRET)
                t->column = 0;
            put(g, '\n');
            return;
        }
        t->column = 0;
        put(g, c);
        return;
    case '\t':
        put_tab(t, g, oflag);
        return;
    case '\b':
        if (t->column > 0)
            t->column--;
        put(g, c);
        return;
    default:
        if (c >= ' ' && c != 0x7f && !continues_utf8(c))
            t->column++;
        put(g, oflag & OLCUC ? to_upper(c) : c);
    }
}

/* To the driver. A wait for room is told to those who echo: they hold tty.lock, and must neither wait nor keep ^C back. */
static ssize_t drive(struct tty *t, const u8 *buf, size_t n, bool nonblock)
{
    ssize_t r = t->ops->write(t, buf, n, true);
    if (r != -EAGAIN || nonblock)
        return r;
    WRITE_ONCE(t->out_stalled, true);
    r = t->ops->write(t, buf, n, false);
    WRITE_ONCE(t->out_stalled, false);
    return r;
}

/* All of it, or an error; *taken bytes have gone. */
static int drive_all(struct tty *t, const u8 *buf, u32 n, bool nonblock, u32 *taken)
{
    *taken = 0;
    while (*taken < n) {
        ssize_t r = drive(t, buf + *taken, n - *taken, nonblock);
        if (r < 0)
            return (int)r;
        *taken += (u32)r;
    }
    return 0;
}

static int pay_owed(struct tty *t, bool nonblock)
{
    u32 taken;
    int err = drive_all(t, t->owed, t->owed_count, nonblock, &taken);
    t->owed_count = (u8)(t->owed_count - taken);
    memmove(t->owed, t->owed + taken, t->owed_count);
    return err;
}

/* The driver stopped after `out` bytes of what buf became: goes the way again from that column, up to there. Returns the
 * bytes of buf that this was; of the last one a part may be owed. */
static size_t go_back(struct tty *t, const u8 *buf, u32 column, u32 oflag, u32 out)
{
    struct gather g = {.n = 0};
    size_t done = 0;
    t->column = column;
    while (g.n < out)
        process(t, &g, buf[done++], oflag);
    t->owed_count = (u8)(g.n - out);
    memcpy(t->owed, g.buf + out, t->owed_count);
    return done;
}

static ssize_t output_processed(struct tty *t, const u8 *buf, size_t n, u32 oflag, bool nonblock)
{
    size_t done = 0;
    while (done < n) {
        struct gather g = {.n = 0};
        size_t from = done;
        u32 column = t->column, taken;
        while (done < n && g.n + 8 <= GATHER)
            process(t, &g, buf[done++], oflag);
        int err = drive_all(t, g.buf, g.n, nonblock, &taken);
        if (err) {
            done = from + go_back(t, buf + from, column, oflag, taken);
            return done ? (ssize_t)done : err;
        }
    }
    return (ssize_t)done;
}

ssize_t tty_output(struct tty *t, const u8 *buf, size_t n, bool nonblock)
{
    int err = mutex_lock_interruptible(&t->out_lock);
    if (err)
        return -ERESTARTSYS;
    u32 oflag = READ_ONCE(t->termios.c_oflag);
    ssize_t r = pay_owed(t, nonblock);
    if (!r)
        r = oflag & OPOST ? output_processed(t, buf, n, oflag, nonblock) : drive(t, buf, n, nonblock);
    mutex_unlock(&t->out_lock);
    return r;
}

/* false: its holder waits for the host. */
static bool lock_for_echo(struct tty *t)
{
    while (!mutex_trylock(&t->out_lock)) {
        if (READ_ONCE(t->out_stalled))
            return false;
        sleep_prepare(THREAD_SLEEP_UNINT);
        (void)sleep_until(clock_monotonic() + 50000);
    }
    return true;
}

void tty_echo_raw(struct tty *t, const char *s, size_t n)
{
    struct gather g = {.n = 0};
    u32 oflag = t->termios.c_oflag, taken;
    if (!lock_for_echo(t))
        return;
    int err = pay_owed(t, true); /* no room: echo is lost, input is not held up */
    for (size_t i = 0; i < n && !err; i++) {
        if (oflag & OPOST)
            process(t, &g, (u8)s[i], oflag);
        else
            put(&g, (u8)s[i]);
        if (g.n + 8 > GATHER || i + 1 == n) {
            err = drive_all(t, g.buf, g.n, true, &taken);
            g.n = 0;
        }
    }
    mutex_unlock(&t->out_lock);
}

void tty_echo(struct tty *t, u8 c)
{
    u32 lflag = t->termios.c_lflag;
    bool control = (c < ' ' || c == 0x7f) && c != '\t' && c != '\n';
    char pair[2] = {'^', (char)(c ^ 0x40)};
    if ((lflag & ECHOCTL) && control)
        tty_echo_raw(t, pair, 2);
    else
        tty_echo_raw(t, (const char *)&c, 1);
}
