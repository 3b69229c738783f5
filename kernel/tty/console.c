// SPDX-License-Identifier: MIT
/*
 * /dev/console: the terminal over the terminal port (docker's -t), made at its first opening. A kernel thread moves input
 * from the port into the line discipline; when that is full it waits, so the host's writer waits too.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "drivers/control.h"
#include "drivers/port.h"
#include "lib/printf.h"
#include "tty/tty.h"

static struct mutex console_lock = MUTEX_INIT(console_lock, LOCK_TTY - 1);
static struct tty *console_tty; /* (console_lock) made once, never freed */
static struct port *console_port;
static struct waitq room_wait = WAITQ_INIT(room_wait);
static struct winsize early_winsize; /* before the terminal is opened */

static ssize_t console_write(struct tty *t, const u8 *buf, size_t n, bool nonblock)
{
    struct uio u;
    (void)t;
    uio_init_kernel(&u, (void *)buf, n);
    return port_write(console_port, &u, nonblock);
}

static u32 console_ready(struct tty *t, struct poll_table *pt)
{
    (void)t;
    return port_poll(console_port, pt) & (EPOLLOUT | EPOLLWRNORM | EPOLLHUP);
}

static int console_drain(struct tty *t)
{
    (void)t;
    return port_drain_interruptible(console_port);
}

static void console_unthrottle(struct tty *t)
{
    (void)t;
    waitq_wake_all(&room_wait);
}

static const struct tty_ops console_ops = {
    .write = console_write,
    .out_ready = console_ready,
    .drain = console_drain,
    .unthrottle = console_unthrottle,
};

static void input_thread(void *arg)
{
    struct tty *t = arg;
    u8 buf[256];
    for (;;) {
        struct uio u;
        uio_init_kernel(&u, buf, sizeof(buf));
        ssize_t n = port_read(console_port, &u, false);
        if (n == 0)
            break;
        for (size_t at = 0; n > 0 && at < (size_t)n;) {
            at += tty_input(t, buf + at, (size_t)n - at);
            if (at < (size_t)n)
                wait_event(&room_wait, !READ_ONCE(t->throttled));
        }
    }
    tty_hangup(t, true);
    thread_exit();
}

static struct tty *make_console(void)
{
    console_port = port_get(PORT_TTY);
    struct tty *t = console_port ? tty_create(&console_ops, NULL, makedev_k(5, 1), ICRNL | IXON | IUTF8) : NULL;
    if (!t)
        return NULL;
    t->winsize = early_winsize;
    if (!kthread_start(input_thread, t, "console")) {
        tty_put(t);
        return NULL;
    }
    return t;
}

static struct tty *console_get(bool wait_for_port)
{
    mutex_lock(&console_lock);
    if (!console_tty && (wait_for_port || port_list_peek(PORT_TTY)))
        console_tty = make_console();
    struct tty *t = console_tty;
    mutex_unlock(&console_lock);
    return t;
}

static int open_console(struct inode *i, struct file *f)
{
    (void)i;
    struct tty *t = console_get(false);
    return t ? tty_open_file(t, f) : -ENXIO;
}

static const struct file_ops console_file_ops = {.open = open_console};

int tty_console_open_stdio(struct file *out[3])
{
    struct tty *t = console_get(true);
    if (!t)
        return -ENXIO;
    struct fs_view v = {.ctx = current_thread()->fs, .cred = &kernel_cred, .fsize_limit = ~0ull};
    int err = file_open(&v, NULL, "/dev/console", O_RDWR, 0, LOOKUP_FOLLOW, &out[0]);
    if (err)
        return err;
    (void)tty_set_controlling(t, true, true);
    file_get(out[0]);
    file_get(out[0]);
    out[1] = out[2] = out[0];
    return 0;
}

void tty_console_winsize(u32 rows, u32 cols)
{
    struct winsize w = {.ws_row = (u16)rows, .ws_col = (u16)cols};
    mutex_lock(&console_lock);
    early_winsize = w;
    struct tty *t = console_tty;
    mutex_unlock(&console_lock);
    if (t)
        (void)tty_set_winsize(t, &w);
}

void tty_console_init(void)
{
    proc_hook_open_terminal = tty_console_open_stdio;
    control_ops.winsize = tty_console_winsize;
    (void)device_register("console", S_IFCHR | 0620, 5, 1, &console_file_ops, NULL);
}
