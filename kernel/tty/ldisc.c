// SPDX-License-Identifier: MIT
/*
 * The line discipline's input side: mapping, signals, canonical editing, and reading by lines or by VMIN/VTIME.
 *
 * buf is a ring with free-running indices tail <= canon_head <= head. Canonical mode edits between canon_head and head;
 * a line end moves canon_head to head. line_end marks bytes that end a line; an EOF character is stored as a marked
 * EOF_MARK, which a read swallows. All of it under tty.lock; readers wait without it.
 */
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "arch/clock.h"
#include "lib/string.h"
#include "tty/tty.h"

#define EOF_MARK 0 /* with its line_end bit; a real NUL can end a line only as VEOL, see ends_line */

#define L(t, f) ((t)->termios.c_lflag & (f))
#define I(t, f) ((t)->termios.c_iflag & (f))
#define CC(t, n) ((t)->termios.c_cc[n])

static bool is_char(const struct tty *t, u8 c, u32 n)
{
    return c == CC(t, n) && CC(t, n) != 0; /* 0 is _POSIX_VDISABLE */
}

static bool marked(const struct tty *t, u32 at)
{
    at %= TTY_BUFFER;
    return t->line_end[at / 8] >> (at % 8) & 1;
}

static void store(struct tty *t, u8 c, bool mark)
{
    u32 at = t->head++ % TTY_BUFFER;
    t->buf[at] = c;
    if (mark)
        t->line_end[at / 8] |= (u8)(1 << (at % 8));
    else
        t->line_end[at / 8] &= (u8) ~(1 << (at % 8));
}

/* Input is made into lines here. EXTPROC: the other side has done all of it. */
static bool by_lines(const struct tty *t)
{
    return (t->termios.c_lflag & (ICANON | EXTPROC)) == ICANON;
}

static u32 room(const struct tty *t)
{
    return TTY_BUFFER - (t->head - t->tail);
}

/* ---- erasing (lock) ---- */

static bool continues_utf8(const struct tty *t, u8 c)
{
    return I(t, IUTF8) && (c & 0xc0) == 0x80;
}

/* Columns that the characters from canon_head to `to` take, to find how far a tab goes back. */
static u32 width_until(const struct tty *t, u32 to)
{
    u32 col = 0;
    for (u32 i = t->canon_head; i != to; i++) {
        u8 c = t->buf[i % TTY_BUFFER];
        if (c == '\t')
            col = (col | 7) + 1;
        else if (c < ' ' || c == 0x7f)
            col += L(t, ECHOCTL) ? 2 : 0;
        else if (!continues_utf8(t, c))
            col++;
    }
    return col;
}

static void echo_erased(struct tty *t, u32 before)
{
    for (u32 n = before - width_until(t, t->head); n > 0; n--)
        tty_echo_raw(t, "\b \b", 3);
}

static void erase_char(struct tty *t)
{
    u32 before = width_until(t, t->head);
    do
        t->head--;
    while (t->head != t->canon_head && continues_utf8(t, t->buf[t->head % TTY_BUFFER]));
    if (L(t, ECHO) && L(t, ECHOE))
        echo_erased(t, before);
    else if (L(t, ECHO))
        tty_echo(t, CC(t, VERASE));
}

static bool is_word_char(u8 c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty *t)
{
    bool seen = false;
    u32 before = width_until(t, t->head);
    while (t->head != t->canon_head) {
        bool word = is_word_char(t->buf[(t->head - 1) % TTY_BUFFER]);
        if (seen && !word)
            break;
        seen |= word;
        t->head--;
    }
    if (L(t, ECHO) && L(t, ECHOE))
        echo_erased(t, before);
    else if (L(t, ECHO))
        tty_echo(t, CC(t, VWERASE));
}

static void erase_line(struct tty *t)
{
    u32 before = width_until(t, t->head);
    t->head = t->canon_head;
    if (!L(t, ECHO))
        return;
    if (L(t, ECHOK) && L(t, ECHOKE) && L(t, ECHOE)) {
        echo_erased(t, before);
        return;
    }
    tty_echo(t, CC(t, VKILL));
    if (L(t, ECHOK))
        tty_echo_raw(t, "\n", 1);
}

static void reprint(struct tty *t)
{
    tty_echo(t, CC(t, VREPRINT));
    tty_echo_raw(t, "\n", 1);
    for (u32 i = t->canon_head; i != t->head; i++)
        tty_echo(t, t->buf[i % TTY_BUFFER]);
}

/* ---- one character (lock) ---- */

/* The signal of an ISIG character, 0: none. */
static int signal_of(const struct tty *t, u8 c)
{
    if (!L(t, ISIG))
        return 0;
    return is_char(t, c, VINTR) ? SIGINT : is_char(t, c, VQUIT) ? SIGQUIT : is_char(t, c, VSUSP) ? SIGTSTP : 0;
}

static void unthrottle(struct tty *t)
{
    if (!t->throttled)
        return;
    WRITE_ONCE(t->throttled, false);
    if (t->ops->unthrottle)
        t->ops->unthrottle(t);
}

void ldisc_flush_input(struct tty *t)
{
    t->tail = t->canon_head = t->head;
    t->literal_next = false;
    unthrottle(t);
    if (t->ops->event)
        t->ops->event(t, TIOCPKT_FLUSHREAD, 0);
}

static void flush_for_signal(struct tty *t)
{
    if (L(t, NOFLSH))
        return;
    if (t->ops->flush_output)
        t->ops->flush_output(t);
    ldisc_flush_input(t);
}

void ldisc_flow(struct tty *t, bool stop)
{
    if (t->stopped == stop || (t->held && !stop))
        return;
    WRITE_ONCE(t->stopped, stop);
    if (t->ops->event)
        t->ops->event(t, stop ? TIOCPKT_STOP : TIOCPKT_START, TIOCPKT_STOP | TIOCPKT_START);
    waitq_wake_all(&t->write_wait);
}

/* true: swallowed. */
static bool flow_control(struct tty *t, u8 c)
{
    if (!I(t, IXON))
        return false;
    if (is_char(t, c, VSTART) || is_char(t, c, VSTOP)) {
        ldisc_flow(t, !is_char(t, c, VSTART));
        return true;
    }
    if (I(t, IXANY) || signal_of(t, c))
        ldisc_flow(t, false);
    return false;
}

static void finish_line(struct tty *t, u8 c)
{
    store(t, c, true);
    t->canon_head = t->head;
    waitq_wake_poll(&t->read_wait, EPOLLIN | EPOLLRDNORM);
}

/* Editing and line ends of canonical mode; true: done with c. */
static bool canonical_special(struct tty *t, u8 c)
{
    bool empty = t->head == t->canon_head, iexten = L(t, IEXTEN);
    if (is_char(t, c, VERASE) || is_char(t, c, VKILL) || (iexten && is_char(t, c, VWERASE))) {
        if (empty)
            return true;
        if (is_char(t, c, VERASE))
            erase_char(t);
        else if (is_char(t, c, VKILL))
            erase_line(t);
        else
            erase_word(t);
        return true;
    }
    if (iexten && is_char(t, c, VLNEXT)) {
        t->literal_next = true;
        if (L(t, ECHO) && L(t, ECHOCTL))
            tty_echo_raw(t, "^\b", 2);
        return true;
    }
    if (iexten && L(t, ECHO) && is_char(t, c, VREPRINT)) {
        reprint(t);
        return true;
    }
    if (c == '\n') {
        if (L(t, ECHO) || L(t, ECHONL))
            tty_echo_raw(t, "\n", 1);
        finish_line(t, c);
        return true;
    }
    if (is_char(t, c, VEOF)) {
        finish_line(t, EOF_MARK);
        return true;
    }
    if (is_char(t, c, VEOL) || (iexten && is_char(t, c, VEOL2))) {
        if (L(t, ECHO))
            tty_echo(t, c);
        finish_line(t, c);
        return true;
    }
    return false;
}

static void plain_char(struct tty *t, u8 c)
{
    /* In canonical mode the last place is kept for the line end; what does not fit is dropped with a bell. */
    if (by_lines(t) && room(t) <= 1) {
        if (I(t, IMAXBEL))
            tty_echo_raw(t, "\a", 1);
        return;
    }
    if (L(t, ECHO) && !L(t, EXTPROC))
        tty_echo(t, c);
    store(t, c, false);
    if (!by_lines(t)) {
        t->canon_head = t->head;
        waitq_wake_poll(&t->read_wait, EPOLLIN | EPOLLRDNORM);
    }
}

/* Returns a signal to be sent, or 0. */
static int input_char(struct tty *t, u8 c)
{
    if (I(t, ISTRIP))
        c &= 0x7f;
    if (I(t, IUCLC) && L(t, IEXTEN) && c >= 'A' && c <= 'Z')
        c = (u8)(c + 32);
    if (L(t, EXTPROC) || t->literal_next) {
        t->literal_next = false;
        plain_char(t, c);
        return 0;
    }
    if (flow_control(t, c))
        return 0;
    int sig = signal_of(t, c);
    if (sig) {
        flush_for_signal(t);
        if (L(t, ECHO))
            tty_echo(t, c);
        return sig;
    }
    if (c == '\r') {
        if (I(t, IGNCR))
            return 0;
        if (I(t, ICRNL))
            c = '\n';
    } else if (c == '\n' && I(t, INLCR)) {
        c = '\r';
    }
    if (!L(t, ICANON) || !canonical_special(t, c))
        plain_char(t, c);
    return 0;
}

/* A full buffer takes nothing but what can empty it: in canonical mode without a complete line, editing characters. */
static bool can_take(const struct tty *t)
{
    return room(t) > (by_lines(t) ? 1 : 0) || (by_lines(t) && t->canon_head == t->tail);
}

size_t tty_input(struct tty *t, const u8 *buf, size_t n)
{
    size_t i = 0;
    u64 signals = 0;
    mutex_lock(&t->lock);
    for (; i < n && can_take(t); i++) {
        int sig = input_char(t, buf[i]);
        if (sig)
            signals |= SIGBIT(sig);
    }
    t->throttled = i < n;
    mutex_unlock(&t->lock);
    s32 pgid = signals ? tty_pgrp_nr(t) : 0;
    for (int sig = 1; signals && pgid; sig++, signals >>= 1) {
        if (signals & 1)
            (void)signal_send_group(pgid, sig, NULL);
    }
    return i;
}

/* ---- reading ---- */

/* Copies out at most n bytes of what may be read now: one line in canonical mode. *eof: an EOF mark ended it (lock). */
static size_t take(struct tty *t, u8 *out, size_t n, bool *end_of_line)
{
    size_t got = 0;
    bool canon = by_lines(t);
    *end_of_line = false;
    while (got < n && t->tail != t->canon_head) {
        u32 at = t->tail++;
        u8 c = t->buf[at % TTY_BUFFER];
        bool end = canon && marked(t, at);
        if (!(end && c == EOF_MARK))
            out[got++] = c;
        if (end) {
            *end_of_line = true;
            break;
        }
    }
    /* A line of exactly n bytes ended by EOF: the mark goes with it, or the next read would see an end of file. */
    if (canon && !*end_of_line && got > 0 && t->tail != t->canon_head && marked(t, t->tail) &&
        t->buf[t->tail % TTY_BUFFER] == EOF_MARK) {
        t->tail++;
        *end_of_line = true;
    }
    return got;
}

u32 ldisc_input_ready(struct tty *t)
{
    u32 n = t->canon_head - t->tail;
    if (!by_lines(t))
        return n;
    for (u32 i = t->tail; i != t->canon_head; i++) {
        if (marked(t, i) && t->buf[i % TTY_BUFFER] == EOF_MARK)
            n--;
    }
    return n;
}

bool ldisc_poll_ready(const struct tty *t)
{
    u32 n = READ_ONCE(t->canon_head) - READ_ONCE(t->tail), vmin = CC(t, VMIN);
    return n >= (by_lines(t) || CC(t, VTIME) || !vmin ? 1 : vmin);
}

static bool readable(const struct tty_file *f)
{
    return READ_ONCE(f->tty->tail) != READ_ONCE(f->tty->canon_head) || tty_file_dead(f);
}

void ldisc_termios_changed(struct tty *t, const struct termios2 *old)
{
    if ((old->c_iflag & IXON) && !I(t, IXON))
        ldisc_flow(t, false);
    if (!((old->c_lflag ^ t->termios.c_lflag) & (ICANON | EXTPROC)))
        return;
    t->literal_next = false;
    /* What was typed so far becomes readable: as bytes, or as one unfinished line that a read may take. */
    t->canon_head = t->head;
    memset(t->line_end, 0, sizeof(t->line_end));
    if (L(t, ICANON) && t->tail != t->head) {
        u32 last = (t->head - 1) % TTY_BUFFER;
        t->line_end[last / 8] |= (u8)(1 << (last % 8));
    }
    waitq_wake_all(&t->read_wait);
}

/* Waits for input until the deadline. 0: something (or hang-up), -ETIMEDOUT, -EAGAIN, -ERESTARTSYS. */
static int wait_input(const struct tty_file *f, ns_t deadline, bool nonblock)
{
    if (readable(f))
        return 0;
    if (nonblock)
        return -EAGAIN;
    int err = wait_event_deadline(&f->tty->read_wait, readable(f), deadline);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* One take with a user copy outside the lock. Bytes, or -EFAULT; *end as take()'s. */
static ssize_t take_to(struct tty *t, struct uio *u, bool *end)
{
    u8 buf[256];
    mutex_lock(&t->lock);
    size_t n = take(t, buf, MIN(u->resid, sizeof(buf)), end);
    if (room(t) >= TTY_BUFFER / 2)
        unthrottle(t);
    mutex_unlock(&t->lock);
    return uio_copy_to(u, buf, n) == n ? (ssize_t)n : -EFAULT;
}

static ssize_t read_line(const struct tty_file *f, struct uio *u, bool nonblock)
{
    ssize_t done = 0;
    bool end = false;
    while (u->resid > 0 && !end) {
        int err = wait_input(f, NS_FOREVER, nonblock || done);
        if (err)
            return done ? done : err;
        if (tty_file_dead(f))
            return done;
        ssize_t n = take_to(f->tty, u, &end);
        if (n < 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

/* VMIN and VTIME: POSIX' four cases. */
static ssize_t read_raw(const struct tty_file *f, struct uio *u, bool nonblock, u32 vmin, u32 vtime)
{
    ssize_t done = 0;
    bool end;
    ns_t tenths = (ns_t)vtime * 100000000, deadline = NS_FOREVER;
    if (vmin == 0)
        deadline = clock_monotonic() + tenths;
    for (;;) {
        if (vmin > 0 && vtime > 0 && done > 0)
            deadline = clock_monotonic() + tenths;
        bool enough = done > 0 && (u32)done >= vmin;
        int err = wait_input(f, deadline, nonblock || enough || (vmin == 0 && vtime == 0));
        if (err) {
            if (done || err == -ETIMEDOUT || (err == -EAGAIN && vmin == 0 && vtime == 0 && !nonblock))
                return done;
            return err;
        }
        if (tty_file_dead(f))
            return done;
        ssize_t n = take_to(f->tty, u, &end);
        if (n < 0)
            return done ? done : n;
        done += n;
        if (u->resid == 0 || (vmin == 0 && done > 0 && !readable(f)))
            return done;
    }
}

ssize_t ldisc_read(const struct tty_file *f, struct uio *u, bool nonblock)
{
    struct tty *t = f->tty;
    if (u->resid == 0)
        return 0;
    if (by_lines(t))
        return read_line(f, u, nonblock);
    bool lines = L(t, ICANON); /* then VMIN and VTIME mean nothing */
    return read_raw(f, u, nonblock, lines ? 1 : CC(t, VMIN), lines ? 0 : CC(t, VTIME));
}
