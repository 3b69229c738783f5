// SPDX-License-Identifier: MIT
/*
 * The control port: records out, commands in (boot_contract.h §4), and the machine's end.
 *
 * A kernel thread reads commands. "stop" signals the container and arms a timer, which queues the work that kills it.
 * The end: drain stdout, stderr and terminal, then the exit record, drain it, power off. Without a control port the
 * record goes to the kernel log, at a level that the console shows.
 */
#include "drivers/control.h"

#include "abi/errno.h"
#include "abi/signal.h"
#include "arch/boot.h"
#include "arch/hooks.h"
#include "arch/irq.h"
#include "boot_contract.h"
#include "drivers/json.h"
#include "drivers/port.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/page.h"
#include "sched/timer.h"

#define LINE_BYTES 1024

struct control_ops control_ops;

static struct port *ctl; /* set by the thread, or by the first record */
static struct timer grace_timer;
static struct work grace_work;

static struct port *control_port(void)
{
    struct port *p = READ_ONCE(ctl);
    if (!p) {
        p = port_get(PORT_CTL);
        WRITE_ONCE(ctl, p);
    }
    return p;
}

/* ---- records ---- */

static void send_line(char *line, size_t n)
{
    struct port *p = control_port();
    struct uio u;
    if (!p) {
        kinfo("control: %s", line);
        return;
    }
    line[n++] = '\n';
    uio_init_kernel(&u, line, n);
    (void)port_write(p, &u, false);
}

static void send_event(const char *name, const char *member, const char *text)
{
    if (!control_port())
        return; /* nobody reads it */
    char line[LINE_BYTES];
    size_t n = (size_t)snprintf(line, sizeof(line) - 2, "{\"event\":\"%s\",\"%s\":", name, member);
    json_put_string(line, sizeof(line) - 2, &n, text);
    line[n++] = '}';
    line[n] = '\0';
    send_line(line, n);
}

void control_report_boot(void)
{
    char line[LINE_BYTES];
    struct mem_stats s;
    mem_get_stats(&s);
    int n = snprintf(line, sizeof(line), "{\"event\":\"boot\",\"version\":\"%s\",\"cpus\":%u,\"memory\":%lu}",
                     SLIPWAY_VERSION, cpu_count, s.total_pages << PAGE_SHIFT);
    send_line(line, (size_t)n);
}

void control_report_pid1(const char *argv0)
{
    send_event("pid1", "argv0", argv0);
}

/* ---- the end ---- */

static void drain_streams(void)
{
    static const enum port_number outputs[] = {PORT_STDOUT, PORT_STDERR, PORT_TTY};
    for (u32 i = 0; i < ARRAY_SIZE(outputs); i++) {
        struct port *p = port_list_peek(outputs[i]);
        if (p)
            port_drain(p);
    }
}

/* The exit record, from a thread that may be dying with signals pending: those must not keep it from the host. */
static void send_last_line(char *line, size_t n)
{
    struct uio u;
    line[n++] = '\n';
    uio_init_kernel(&u, line, n);
    while (u.resid > 0 && port_write(ctl, &u, false) == -EINTR) {
        sleep_prepare(THREAD_SLEEP_UNINT);
        (void)sleep_until(clock_monotonic() + 1000000);
    }
}

static void __noreturn finish(char *line, size_t n)
{
    drain_streams();
    bool told = control_port() != NULL;
    if (!told)
        klog(LOG_WARN, "exit %s", line);
    else
        send_last_line(line, n);
    if (told)
        port_drain(ctl);
    arch_poweroff();
}

void control_exit_code(int code)
{
    char line[128];
    int n = snprintf(line, sizeof(line), "{\"event\":\"exit\",\"code\":%d}", code);
    finish(line, (size_t)n);
}

void control_exit_signal(int signo, bool core)
{
    char line[128];
    int n =
        snprintf(line, sizeof(line), "{\"event\":\"exit\",\"signal\":%d,\"core\":%s}", signo, core ? "true" : "false");
    finish(line, (size_t)n);
}

void control_exit_error(int code, const char *error)
{
    char line[LINE_BYTES];
    size_t n = (size_t)snprintf(line, sizeof(line), "{\"event\":\"exit\",\"code\":%d,\"error\":", code);
    json_put_string(line, sizeof(line) - 2, &n, error);
    line[n++] = '}';
    line[n] = '\0';
    finish(line, n);
}

void control_fatal(const char *message)
{
    klog(LOG_EMERG, "%s", message);
    send_event("fatal", "message", message);
    if (ctl)
        port_drain(ctl);
    arch_poweroff();
}

void hook_panic(const char *message)
{
    char line[LINE_BYTES];
    struct port *p = READ_ONCE(ctl);
    if (!p)
        p = port_list_peek(PORT_CTL);
    if (!p)
        return;
    size_t n = (size_t)snprintf(line, sizeof(line), "{\"event\":\"panic\",\"message\":");
    json_put_string(line, sizeof(line) - 4, &n, message);
    line[n++] = '}';
    line[n++] = '\n';
    port_write_polled(p, line, n);
}

/* ---- commands ---- */

static void grace_over(struct work *w)
{
    (void)w;
    if (control_ops.signal)
        (void)control_ops.signal(SIGKILL);
}

static void grace_expired(struct timer *t)
{
    (void)t;
    (void)work_queue(&grace_work);
}

static void command_signal(const char *line)
{
    s64 signo;
    if (json_get_int(line, "signo", &signo) && signo >= 1 && signo <= 64 && control_ops.signal)
        (void)control_ops.signal((int)signo);
}

static void command_stop(const char *line)
{
    s64 grace;
    if (!json_get_int(line, "grace_ms", &grace) || grace < 0 || grace > INT32_MAX)
        grace = 10000;
    timer_set(&grace_timer, clock_monotonic() + (u64)grace * 1000000);
    command_signal(line);
}

static void command_winsize(const char *line)
{
    s64 rows, cols;
    if (json_get_int(line, "rows", &rows) && json_get_int(line, "cols", &cols) && rows >= 0 && rows <= 65535 &&
        cols >= 0 && cols <= 65535 && control_ops.winsize)
        control_ops.winsize((u32)rows, (u32)cols);
}

static void run_command(const char *line)
{
    char cmd[16];
    if (!json_get_string(line, "cmd", cmd, sizeof(cmd)))
        return;
    if (strcmp(cmd, "signal") == 0)
        command_signal(line);
    else if (strcmp(cmd, "stop") == 0)
        command_stop(line);
    else if (strcmp(cmd, "winsize") == 0)
        command_winsize(line);
}

/* Lines longer than the buffer are skipped whole. */
static void control_thread(void *arg)
{
    static char line[SW_CTL_LINE_MAX];
    size_t n = 0;
    bool skip = false;
    struct port *p = control_port();
    (void)arg;
    control_report_boot();
    while (p) {
        struct uio u;
        uio_init_kernel(&u, line + n, sizeof(line) - 1 - n);
        ssize_t got = port_read(p, &u, false);
        if (got <= 0) { /* the host has closed: it may come back */
            thread_sleep_interruptible(clock_monotonic() + 100000000);
            continue;
        }
        n += (size_t)got;
        char *end;
        line[n] = '\0';
        while ((end = memchr(line, '\n', n))) {
            *end++ = '\0';
            if (!skip)
                run_command(line);
            skip = false;
            n -= (size_t)(end - line);
            memmove(line, end, n);
        }
        if (n == sizeof(line) - 1) {
            skip = true;
            n = 0;
        }
    }
    thread_exit();
}

void control_init(void)
{
    timer_init(&grace_timer, grace_expired);
    work_init(&grace_work, grace_over);
    if (port_devices_present() && !kthread_start(control_thread, NULL, "control"))
        kwarn("control: no memory for the command thread");
}
