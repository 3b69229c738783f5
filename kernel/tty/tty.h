/* SPDX-License-Identifier: MIT */
/*
 * Terminals: the N_TTY line discipline, termios, window size, job control. A driver (the console port; ptys) gives bytes
 * to tty_input() and takes them by ops->write.
 *
 * Life: made by its driver, counted by open files and the driver. A hang-up (vhangup, or the driver is gone) is the end of
 * the files that are open: their reads return 0, their writes -EIO. Unless the driver is gone, new ones can be opened.
 *
 * Locks: tty.lock (LOCK_TTY, mutex): termios, input buffer, flow control. tty.out_lock (LOCK_TTY_OUT, mutex): column and the
 * order of output. session and pgrp are under tasklist_lock, which comes before tty.lock in the order; so signals that
 * input causes are gathered under tty.lock and sent after it is released.
 */
#ifndef TTY_TTY_H
#define TTY_TTY_H

#include "abi/termios.h"
#include "fs/vfs.h"
#include "proc/process.h"

#define TTY_BUFFER 4096u /* input; a line is at most 4095 bytes */

struct tty;
struct tty_ops {
    /* Bytes taken; blocks interruptibly for room unless nonblock (-EAGAIN). -EINTR, -EIO. */
    ssize_t (*write)(struct tty *t, const u8 *buf, size_t n, bool nonblock);
    u32 (*out_ready)(struct tty *t, struct poll_table *pt); /* EPOLLOUT, EPOLLHUP */
    int (*drain)(struct tty *t);                            /* 0, -EINTR; NULL: what was written is out */
    /* All from here on may be NULL. */
    int (*opened)(struct tty *t);  /* (lock) a file more; an error: it may not be opened */
    void (*closed)(struct tty *t); /* (lock) the last file went */
    void (*termios_changed)(struct tty *t, const struct termios2 *old); /* (lock) */
    void (*unthrottle)(struct tty *t);                                  /* (lock) the input buffer has room again */
    void (*flush_output)(struct tty *t);                                /* (lock) what was written and not yet read */
    void (*event)(struct tty *t, u8 set, u8 clear);                     /* (lock) TIOCPKT_*, for packet mode */
    void (*release)(struct tty *t);                                     /* the last reference */
};

struct tty {
    refcount_t refs;
    const struct tty_ops *ops;
    void *driver;
    u64 dev; /* device number */
    struct mutex lock, out_lock;
    struct termios2 termios; /* (lock) */
    u32 initial_iflag;
    struct winsize winsize; /* (lock) */
    u32 hangups;            /* (lock) how often; files opened before the last one are dead */
    bool gone;              /* (lock) the driver is: none can be opened any more */
    bool stopped;           /* (lock) output stopped by XOFF or TCOOFF */
    bool held;              /* (lock) by TCOOFF: XON does not start it */
    bool exclusive;
    u32 open_count;             /* (lock) */
    struct pid *session, *pgrp; /* (tasklist) counted */

    /* input (lock): buf[tail..head) free-running; canonical mode hands out up to canon_head only */
    u8 buf[TTY_BUFFER];
    u8 line_end[TTY_BUFFER / 8]; /* bit: this byte ends a line (newline, EOL, or the mark that EOF leaves) */
    u32 tail, head, canon_head;
    bool literal_next, throttled;
    u32 erasing;            /* inside a \.../ of ECHOPRT */
    u32 column, line_start; /* (out_lock) output column; where the current input line began */
    bool out_stalled;       /* the holder of out_lock waits for the driver's room */
    u8 owed[8], owed_count; /* (out_lock) the rest of a character that the driver took in part */
    struct waitq read_wait, write_wait;
};

/* What an open file has of its terminal. */
struct tty_file {
    struct tty *tty;
    u32 hangups; /* the terminal's count at the opening */
};
static inline bool tty_file_dead(const struct tty_file *f)
{
    return READ_ONCE(f->tty->hangups) != f->hangups;
}

struct tty *tty_create(const struct tty_ops *ops, void *driver, u64 dev, u32 iflag); /* refs 1; NULL: no memory */
static inline void tty_get(struct tty *t)
{
    ref_get(&t->refs);
}
void tty_put(struct tty *t);
/* Input from the driver. Process context. Returns bytes taken: fewer when the buffer is full (see unthrottle). */
size_t tty_input(struct tty *t, const u8 *buf, size_t n);
void tty_hangup(struct tty *t, bool gone); /* process context */
int tty_set_winsize(struct tty *t, const struct winsize *w);
void tty_use_initial(struct tty *t); /* (lock) the settings of the beginning */

/* ldisc.c */
ssize_t ldisc_read(const struct tty_file *f, struct uio *u, bool nonblock);
u32 ldisc_input_ready(struct tty *t);       /* (lock) bytes that a read would get now */
bool ldisc_poll_ready(const struct tty *t); /* whether poll says so: VMIN without VTIME is waited for */
void ldisc_flush_input(struct tty *t);      /* (lock) */
void ldisc_flow(struct tty *t, bool stop);  /* (lock) output stops, or goes on unless it is held */
void ldisc_termios_changed(struct tty *t, const struct termios2 *old); /* (lock) */
/* output.c */
ssize_t tty_output(struct tty *t, const u8 *buf, size_t n, bool nonblock); /* OPOST; bytes of buf consumed, or error */
void tty_echo(struct tty *t, u8 c); /* (lock) as ECHOCTL says; dropped when there is no room */
void tty_echo_raw(struct tty *t, const char *s, size_t n);
/* jobctl.c */
int tty_check_change(struct tty *t, int sig); /* background process: 0, -EIO, -ERESTARTSYS (sig was sent) */
/* TIOCSCTTY for the calling process: 0, -EPERM. may_read: whether its file of t could be read. */
int tty_set_controlling(struct tty *t, bool may_read, bool steal);
struct tty *tty_controlling(void);       /* of the calling process; reference or NULL */
void tty_vhangup_self(void);             /* of its controlling terminal */
s32 tty_file_pgrp(const struct file *f); /* of the terminal that f is open on; 0: none */
s32 tty_pgrp_nr(struct tty *t);          /* foreground group, 0: none */
/* master: by the other side of a pair. -ENOIOCTLCMD (-515): not one of them. */
long tty_job_ioctl(struct tty *t, const struct file *f, bool master, u32 cmd, u64 arg);
/* ioctl.c */
long tty_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg);
/* tty.c */
extern const struct file_ops tty_file_ops;
int tty_open_file(struct tty *t, struct file *f); /* a reference is taken */

void tty_init(void); /* /dev/tty, /dev/console */
void tty_jobctl_init(void);
void tty_console_init(void);
/* console.c: stdin, stdout, stderr of PID 1 on the terminal port, which becomes its controlling terminal. Called by the
 * new session leader itself. */
int tty_console_open_stdio(struct file *out[3]);
void tty_console_winsize(u32 rows, u32 cols);

#endif
