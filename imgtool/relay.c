// SPDX-License-Identifier: MIT
/*
 * The event loop beside a running guest.
 *
 * States. The guest runs until QEMU's process is gone (pidfd). What ends it: the guest itself, after its ending on the
 * control port (then QEMU has EXIT_PATIENCE to follow); the time limit; a stop whose grace period passed without an
 * end; a reader of our output that went away. After that only output is delivered that already lies in the sockets.
 * (Invariant 2 is why CAUSE_LATE, a QEMU that did not follow its guest's end, never shows.)
 *
 * Invariants:
 * 1. Nothing is read from a port that cannot be delivered: a stalled reader stalls the guest's writer, and only it.
 * 2. An ending that has arrived decides the exit code, whatever happens to QEMU afterwards. Output that could not be
 *    written (a full disk) is an error of its own and comes first.
 * 3. Without an ending the exit code is never 0.
 */
#include "imgtool/relay.h"

#include "imgtool/channel.h"
#include "imgtool/control.h"
#include "imgtool/log.h"
#include "imgtool/terminal.h"
#include "oci/error.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#define EXIT_PATIENCE_MS 2000     /* from the guest's ending to QEMU's */
#define STOP_PATIENCE_MS 2000     /* from the end of the grace period to our own kill */
#define DELIVERY_PATIENCE_MS 1000 /* for output of a guest that we killed */
#define INTERRUPT_SPAN_MS 3000    /* Ctrl-C again within this time is meant as a repetition */
#define NEVER INT64_MAX

#define EXIT_TIMEOUT 124
#define EXIT_KILLED 137
#define EXIT_BROKEN_PIPE 141

enum { INPUT, OUTPUT, ERROR, UART, MESSAGES, CHANNELS };
enum cause { CAUSE_NONE, CAUSE_TIMEOUT, CAUSE_KILLED, CAUSE_BROKEN_PIPE, CAUSE_LATE };

struct relay {
    const struct relay_config *config;
    struct guest *guest;
    struct channel channels[CHANNELS];
    struct control control;
    struct log uart, messages;
    int signals;
    bool ended;            /* QEMU is gone */
    bool closing;          /* the guest has told its ending */
    bool abandoned;        /* output that is left is not waited for */
    int write_error;       /* of our standard output or error, other than a reader that went away; 0: none */
    const char *unwritten; /* which of the two */
    enum cause cause;      /* why we killed it */
    int64_t kill_at;       /* when and */
    enum cause kill_cause; /* as what */
    int64_t timeout_at, abandon_at;
    int interrupts; /* Ctrl-C in a row, the last of them */
    int64_t interrupted_at;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- signals ----------------------------------------------------------------------------------------------- */

static void handled_signals(sigset_t *set)
{
    static const int list[] = {SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGWINCH};

    sigemptyset(set);
    for (size_t n = 0; n < sizeof(list) / sizeof(list[0]); n++)
        sigaddset(set, list[n]);
}

void relay_prepare(void)
{
    sigset_t set;

    handled_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void kill_guest(struct relay *r, enum cause cause)
{
    if (r->ended || r->cause != CAUSE_NONE)
        return;
    r->cause = cause;
    kill(r->guest->pid, SIGKILL);
}

static void kill_later(struct relay *r, int64_t delay_ms, enum cause cause)
{
    int64_t at = now_ms() + delay_ms;

    if (at < r->kill_at) {
        r->kill_at = at;
        r->kill_cause = cause;
    }
}

static void send_size(struct relay *r)
{
    unsigned rows, cols;

    if (r->config->tty && terminal_size(&rows, &cols))
        control_winsize(&r->control, rows, cols);
}

/* SIGTERM. The guest does the work; should it not answer, we kill it ourselves a little later. */
static void stop_guest(struct relay *r)
{
    control_stop(&r->control, r->config->stop_signal, r->config->grace_ms);
    kill_later(r, r->config->grace_ms + STOP_PATIENCE_MS, CAUSE_KILLED);
}

/* Ctrl-C at the terminal, forwarded already. The third in a row ends it, as it ends docker's client, whose container
 * would go on; ours cannot. SIGINT from a program (kill) is only forwarded. */
static void count_interrupt(struct relay *r)
{
    int64_t now = now_ms();

    r->interrupts = r->interrupts && now - r->interrupted_at <= INTERRUPT_SPAN_MS ? r->interrupts + 1 : 1;
    r->interrupted_at = now;
    if (r->interrupts == 2)
        dprintf(STDERR_FILENO, "imgtool: the container goes on; a third Ctrl-C kills it, SIGTERM stops it\n");
    else if (r->interrupts == 3)
        kill_guest(r, CAUSE_KILLED);
}

static void take_signal(struct relay *r, int signo)
{
    if (signo == SIGWINCH) {
        send_size(r);
    } else if (r->ended) { /* only a reader that does not read keeps us here */
        r->abandoned = true;
    } else if (signo == SIGTERM) {
        stop_guest(r);
    } else {
        control_signal(&r->control, signo);
    }
}

static void take_signals(struct relay *r)
{
    struct signalfd_siginfo info;

    while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
        take_signal(r, (int)info.ssi_signo);
        if (info.ssi_signo == SIGINT && info.ssi_code == SI_KERNEL)
            count_interrupt(r);
    }
}

/* ---- setting up -------------------------------------------------------------------------------------------- */

static const struct door nowhere = {.fd = -1};

/* Takes *port over. */
static int open_channel(struct relay *r, int which, int *port, struct door to)
{
    struct door from = door_of(TAKE_FD(*port));

    return channel_open(&r->channels[which], from, to);
}

static int open_input(struct relay *r)
{
    int result = channel_open(&r->channels[INPUT], door_open(STDIN_FILENO, false), door_of(TAKE_FD(r->guest->input)));

    r->channels[INPUT].half_close = true;
    return result;
}

static int open_log(struct relay *r)
{
    struct door to = r->config->show_log ? door_open(STDERR_FILENO, true) : nowhere;

    if (r->config->log_fd >= 0)
        to = door_open(r->config->log_fd, true);
    if (open_channel(r, UART, &r->guest->uart, to) < 0 || open_channel(r, MESSAGES, &r->guest->messages, nowhere) < 0)
        return -1;
    /* QEMU's UART makes the guest's processor wait for its reader, in a panic too. */
    r->channels[UART].must_read = r->channels[MESSAGES].must_read = true;
    r->channels[UART].tap = r->channels[MESSAGES].tap = log_tap;
    r->channels[UART].tap_arg = &r->uart;
    r->channels[MESSAGES].tap_arg = &r->messages;
    return 0;
}

static int open_streams(struct relay *r)
{
    if (r->guest->input >= 0 && open_input(r) < 0)
        return -1;
    if (open_channel(r, OUTPUT, &r->guest->output, door_open(STDOUT_FILENO, true)) < 0)
        return -1;
    if (r->guest->error >= 0 && open_channel(r, ERROR, &r->guest->error, door_open(STDERR_FILENO, true)) < 0)
        return -1;
    return open_log(r);
}

static int relay_open(struct relay *r, struct oci_error *err)
{
    sigset_t set;

    for (int n = 0; n < CHANNELS; n++)
        r->channels[n] = (struct channel){.from = nowhere, .to = nowhere, .done = true};
    control_open(&r->control, TAKE_FD(r->guest->control));
    handled_signals(&set);
    r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signals < 0)
        return oci_fail_errno(err, "watch", "signals", errno);
    if (open_streams(r) < 0)
        return oci_fail_memory(err, "relay", r->config->name);
    if (r->config->tty && r->config->interactive && !terminal_raw())
        return oci_fail(err, "run", r->config->name, "-t with -i needs a terminal as standard input");
    r->kill_at = r->abandon_at = NEVER;
    r->timeout_at = r->config->timeout_ms ? now_ms() + r->config->timeout_ms : NEVER;
    send_size(r);
    return 0;
}

static void relay_close(struct relay *r)
{
    terminal_restore();
    for (int n = 0; n < CHANNELS; n++)
        channel_close(&r->channels[n]);
    control_close(&r->control);
    if (r->signals >= 0)
        close(r->signals);
}

/* ---- the loop ---------------------------------------------------------------------------------------------- */

static int poll_delay(const struct relay *r)
{
    int64_t at = r->kill_at < r->timeout_at ? r->kill_at : r->timeout_at, left;

    if (r->ended || r->cause != CAUSE_NONE)
        at = r->abandon_at;
    if (at == NEVER)
        return -1;
    left = at - now_ms();
    return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left + 1;
}

static void wait_for_event(struct relay *r)
{
    struct pollfd set[CHANNELS + 3];
    unsigned count = 0;

    for (int n = 0; n < CHANNELS; n++)
        count += channel_poll(&r->channels[n], set + count);
    count += control_poll(&r->control, set + count);
    set[count++] = (struct pollfd){.fd = r->signals, .events = POLLIN};
    if (!r->ended)
        set[count++] = (struct pollfd){.fd = r->guest->pidfd, .events = POLLIN};
    poll(set, count, poll_delay(r));
}

static void check_process(struct relay *r)
{
    struct pollfd p = {.fd = r->guest->pidfd, .events = POLLIN};

    if (!r->ended && poll(&p, 1, 0) > 0) {
        while (waitpid(r->guest->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        r->guest->pid = -1;
        r->ended = true;
    }
}

static void check_deadlines(struct relay *r)
{
    int64_t now = now_ms();

    if (r->control.ending != ENDING_NONE && !r->closing) { /* from here on only QEMU itself can be late */
        r->closing = true;
        r->timeout_at = NEVER;
        r->kill_at = now + EXIT_PATIENCE_MS;
    }
    if (r->ended || r->cause != CAUSE_NONE)
        return;
    if (now >= r->timeout_at)
        kill_guest(r, CAUSE_TIMEOUT);
    else if (now >= r->kill_at)
        kill_guest(r, r->closing ? CAUSE_LATE : r->kill_cause);
}

/* Output of a guest we killed is delivered only as long as somebody takes it. */
static void check_abandon(struct relay *r)
{
    if (r->ended && r->cause != CAUSE_NONE && r->abandon_at == NEVER)
        r->abandon_at = now_ms() + DELIVERY_PATIENCE_MS;
    if (r->ended && now_ms() >= r->abandon_at)
        r->abandoned = true;
}

static void check_stream(struct relay *r, int which, const char *name)
{
    const struct channel *c = &r->channels[which];

    if (!c->broken)
        return;
    kill_guest(r, CAUSE_BROKEN_PIPE);
    if (c->error != EPIPE && !r->write_error) {
        r->write_error = c->error;
        r->unwritten = name;
    }
}

static void check_streams(struct relay *r)
{
    check_stream(r, OUTPUT, "standard output");
    check_stream(r, ERROR, "standard error");
    if (r->channels[INPUT].broken) /* the guest does not want more; what we hold is lost to it anyway */
        r->channels[INPUT].done = true;
}

/* All that the guest said has been delivered. QEMU's end closed its sockets, so each stream comes to its end. */
static bool is_over(const struct relay *r)
{
    if (!r->ended)
        return false;
    if (r->abandoned)
        return true;
    for (int n = OUTPUT; n < CHANNELS; n++)
        if (!r->channels[n].done)
            return false;
    return r->control.fd < 0;
}

static void run_loop(struct relay *r)
{
    while (!is_over(r)) {
        wait_for_event(r);
        take_signals(r);
        for (int n = r->ended ? OUTPUT : INPUT; n < CHANNELS; n++)
            channel_run(&r->channels[n]);
        control_run(&r->control);
        check_streams(r);
        check_deadlines(r);
        check_process(r);
        check_abandon(r);
        if (r->ended)
            r->channels[INPUT].done = true;
    }
}

/* ---- what it meant ----------------------------------------------------------------------------------------- */

static int fail_with_log(struct relay *r, const char *what, struct oci_error *err)
{
    const char *name = r->config->name, *text = r->control.message;
    char line[512] = "";

    if (!*text) {
        log_last_line(&r->uart, line, sizeof(line));
        if (!*line)
            log_last_line(&r->messages, line, sizeof(line));
        text = line;
    }
    return *text ? oci_fail(err, "run", name, "%s: %s", what, text) : oci_fail(err, "run", name, "%s", what);
}

/* No ending came and we did not kill it. When QEMU alone has spoken, there never was a machine. */
static int fail_without_ending(struct relay *r, struct oci_error *err)
{
    char line[512] = "";

    if (!r->control.booted)
        log_last_line(&r->uart, line, sizeof(line));
    if (!r->control.booted && !*line) {
        log_last_line(&r->messages, line, sizeof(line));
        if (*line)
            return oci_fail(err, "run", r->config->name, "QEMU did not start the machine: %s", line);
    }
    return fail_with_log(r, "the virtual machine ended without an exit record", err);
}

static int code_of(struct relay *r, struct oci_error *err)
{
    if (r->write_error)
        return oci_fail_errno(err, "write", r->unwritten, r->write_error);
    switch (r->control.ending) {
    case ENDING_CODE:
        if (*r->control.message)
            oci_fail(err, "run", r->config->name, "%s", r->control.message);
        return r->control.value;
    case ENDING_SIGNAL:
        return 128 + r->control.value;
    case ENDING_PANIC:
        return fail_with_log(r, "kernel panic", err);
    case ENDING_FATAL:
        return fail_with_log(r, "the kernel refused to boot", err);
    case ENDING_NONE:
        break;
    }
    switch (r->cause) {
    case CAUSE_TIMEOUT:
        return EXIT_TIMEOUT;
    case CAUSE_KILLED:
        return EXIT_KILLED;
    case CAUSE_BROKEN_PIPE:
        return EXIT_BROKEN_PIPE;
    case CAUSE_LATE:
    case CAUSE_NONE:
        break;
    }
    return fail_without_ending(r, err);
}

int relay_run(const struct relay_config *config, struct guest *g, struct oci_error *err)
{
    struct relay *r = calloc(1, sizeof(*r));
    int code;

    if (!r)
        return oci_fail_memory(err, "relay", config->name);
    r->config = config;
    r->guest = g;
    r->signals = -1;
    code = relay_open(r, err);
    if (code == 0) {
        run_loop(r);
        code = code_of(r, err);
    }
    relay_close(r);
    if (r->control.ending == ENDING_PANIC && !config->show_log)
        log_write(&r->uart, STDERR_FILENO);
    free(r);
    return code;
}
