// SPDX-License-Identifier: MIT
/*
 * The host's side of a running guest: streams, signals, stop, time limit, endings. QEMU is played by this very program,
 * started again through $SLIPWAY_QEMU: it finds the sockets on its command line as QEMU does, and acts out the scenario
 * named in $FAKE_GUEST.
 */
#include "imgtool/guest.h"
#include "imgtool/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FLOOD (6u << 20)

/* ---- the guest --------------------------------------------------------------------------------------------- */

static struct {
    int control, in, out, err, tty, uart;
} ports = {-1, -1, -1, -1, -1, -1};

static void find_port(const char *argument)
{
    static const struct {
        const char *id;
        int *fd;
    } ids[] = {{"slipway.ctl", &ports.control}, {"slipway.stdin", &ports.in}, {"slipway.stdout", &ports.out},
               {"slipway.stderr", &ports.err},  {"slipway.tty", &ports.tty},  {"uart", &ports.uart}};

    for (size_t n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
        char format[64];
        int fd;
        snprintf(format, sizeof(format), "socket,id=%s,fd=%%d", ids[n].id);
        if (sscanf(argument, format, &fd) == 1)
            *ids[n].fd = fd;
    }
}

static void say(int fd, const char *text)
{
    size_t len = strlen(text);

    if (write(fd, text, len) != (ssize_t)len)
        _exit(1);
}

static uint8_t pattern(uint64_t n)
{
    return (uint8_t)(n * 2654435761u >> 13);
}

static void flood(int fd, uint64_t size)
{
    uint8_t piece[5000];

    for (uint64_t at = 0; at < size;) {
        size_t len = sizeof(piece) < size - at ? sizeof(piece) : (size_t)(size - at);
        ssize_t n;
        for (size_t k = 0; k < len; k++)
            piece[k] = pattern(at + k);
        n = write(fd, piece, len);
        if (n <= 0)
            _exit(1);
        at += (uint64_t)n;
    }
}

static void copy(int from, int to)
{
    char data[3000];
    ssize_t n;

    while ((n = read(from, data, sizeof(data))) > 0)
        for (ssize_t at = 0; at < n;)
            at += write(to, data + at, (size_t)(n - at));
}

/* Repeats the commands it gets on stdout until one contains `last`. */
static void repeat_commands(int to, const char *last)
{
    FILE *control = fdopen(dup(ports.control), "r");
    char line[4096];

    while (control && fgets(line, sizeof(line), control)) {
        say(to, line);
        if (strstr(line, last))
            break;
    }
}

static void play_endings(const char *scenario)
{
    if (!strcmp(scenario, "exit7")) {
        say(ports.out, "out\n");
        say(ports.err, "err\n");
        say(ports.control, "{\"event\":\"boot\",\"cpus\":1}\n{\"event\":\"pid1\"}\n{\"event\":\"exit\",\"code\":7}\n");
    } else if (!strcmp(scenario, "signal9")) {
        say(ports.control, "{\"event\":\"exit\",\"signal\":9,\"core\":false}\n");
    } else if (!strcmp(scenario, "notfound")) {
        say(ports.control, "{\"event\":\"exit\",\"code\":127,\"error\":\"/nope: not found\"}\n");
    } else if (!strcmp(scenario, "panic")) {
        say(ports.uart, "some line\nPANIC: boo\n rip 0x1\n");
        say(ports.control, "{\"event\":\"panic\",\"message\":\"boo\\nhoo\"}\n");
    } else if (!strcmp(scenario, "fatal")) {
        say(ports.control, "{\"event\":\"fatal\",\"message\":\"not enough memory\"}\n");
    } else if (!strcmp(scenario, "silent")) {
        say(ports.uart, "first\nlast \x1b[1mwords\n\n");
    } else if (!strcmp(scenario, "qemu-error")) {
        say(2, "qemu: cannot do it\n");
    } else if (!strcmp(scenario, "garbage")) {
        char line[9000];
        memset(line, '{', sizeof(line));
        memcpy(line + sizeof(line) - 2, "\n", 2);
        say(ports.control, line);
        say(ports.control,
            "hello\n[1]\n{\"event\":5}\n{\"event\":\"exit\",\"code\":\"x\"}\n{\"event\":\"exit\",\"code\":999}\n");
        say(ports.control, "{\"event\":\"exit\",\"code\":3}\n{\"event\":\"exit\",\"code\":4}\n");
    } else if (!strcmp(scenario, "linger")) {
        say(ports.control, "{\"event\":\"exit\",\"code\":5}\n");
        pause();
    }
}

static void play(const char *scenario)
{
    play_endings(scenario);
    if (!strcmp(scenario, "cat")) {
        copy(ports.in, ports.out);
        say(ports.control, "{\"event\":\"exit\",\"code\":0}\n");
    } else if (!strcmp(scenario, "flood")) {
        flood(ports.out, FLOOD);
        say(ports.control, "{\"event\":\"exit\",\"code\":0}\n");
    } else if (!strcmp(scenario, "yes")) {
        for (;;)
            flood(ports.out, 5000);
    } else if (!strcmp(scenario, "hang")) {
        char pid[16];
        snprintf(pid, sizeof(pid), "%d\n", getpid());
        say(ports.out, pid);
        pause();
    } else if (!strcmp(scenario, "deaf")) { /* reads not even commands, writes without end */
        for (;;)
            flood(ports.out, FLOOD);
    } else if (!strcmp(scenario,
                       "chatty")) { /* byte by byte, as a UART does: the socket's buffer holds but a few hundred */
        for (int n = 0; n < 20000; n++)
            say(ports.uart, n % 50 ? "x" : "\n");
        say(ports.control, "{\"event\":\"exit\",\"code\":7}\n");
    } else if (!strcmp(scenario, "signals")) {
        say(ports.out, "ready\n");
        repeat_commands(ports.out, "\"signo\":12");
        say(ports.control, "{\"event\":\"exit\",\"code\":0}\n");
    } else if (!strcmp(scenario, "stop")) {
        say(ports.out, "ready\n");
        repeat_commands(ports.out, "stop");
        say(ports.control, "{\"event\":\"exit\",\"signal\":15}\n");
    } else if (!strcmp(scenario, "tty")) {
        repeat_commands(ports.tty, "winsize");
        copy(ports.tty, ports.tty);
    } else if (!strcmp(scenario, "tty-once")) {
        char key;
        repeat_commands(ports.tty, "winsize");
        while (read(ports.tty, &key, 1) == 1 && key != 'q')
            (void)!write(ports.tty, &key, 1);
        say(ports.control, "{\"event\":\"exit\",\"code\":9}\n");
    }
}

static int fake_guest(int argc, char **argv)
{
    for (int n = 1; n < argc; n++)
        find_port(argv[n]);
    const char *scenario = getenv("FAKE_GUEST");
    play(scenario ? scenario : "");
    return 0;
}

/* ---- running one ------------------------------------------------------------------------------------------- */

struct session {
    pid_t pid;
    int in, out, err; /* our ends */
};

static struct relay_config plain(void)
{
    return (struct relay_config){.name = "test", .log_fd = -1, .stop_signal = SIGTERM, .grace_ms = 10000};
}

__attribute__((noreturn)) static void child(const struct relay_config *relay)
{
    static const struct oci_list none;
    struct guest_config config = {.machine = MACHINE_MICROVM,
                                  .accel = "tcg",
                                  .memory = 64 << 20,
                                  .cpus = 1,
                                  .kernel_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
                                  .initrd_fd = -1,
                                  .cmdline = "",
                                  .tty = relay->tty,
                                  .interactive = relay->interactive,
                                  .extra = &none};
    struct oci_error err = {""};
    struct guest guest;
    int code;

    relay_prepare();
    code = guest_start(&config, &guest, &err);
    if (code == 0) {
        code = relay_run(relay, &guest, &err);
        guest_end(&guest);
    }
    if (*err.msg)
        dprintf(2, "imgtool: %s\n", err.msg);
    _exit(code < 0 ? 125 : code);
}

/* output: standard output instead of a pipe; -1: the pipe. */
static struct session start_with_output(const char *scenario, struct relay_config relay, int output)
{
    int in[2], out[2], err[2];
    struct session s;

    setenv("FAKE_GUEST", scenario, 1);
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    s.pid = fork();
    if (s.pid == 0) {
        dup2(in[0], 0);
        dup2(output >= 0 ? output : out[1], 1);
        dup2(err[1], 2);
        close(in[1]);
        close(out[0]);
        close(err[0]);
        child(&relay);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    s.in = in[1];
    s.out = out[0];
    s.err = err[0];
    return s;
}

static struct session start(const char *scenario, struct relay_config relay)
{
    return start_with_output(scenario, relay, -1);
}

static void read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while (len + 1 < size && (n = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = 0;
}

static int finish(struct session *s)
{
    int status;

    close(s->in);
    close(s->out);
    close(s->err);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(const char *scenario, char *out, char *err)
{
    struct session s = start(scenario, plain());

    read_all(s.out, out, 4096);
    read_all(s.err, err, 4096);
    return finish(&s);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- tests ------------------------------------------------------------------------------------------------- */

static void endings_become_codes(void **state)
{
    static const struct {
        const char *scenario;
        int code;
        const char *out, *err;
    } table[] = {
        {"exit7", 7, "out\n", "err\n"},
        {"signal9", 137, "", ""},
        {"notfound", 127, "", "imgtool: run test: /nope: not found\n"},
        {"panic", 125, "", "some line\nPANIC: boo\n rip 0x1\nimgtool: run test: kernel panic: boo\\x0ahoo\n"},
        {"fatal", 125, "", "imgtool: run test: the kernel refused to boot: not enough memory\n"},
        {"silent", 125, "", "imgtool: run test: the virtual machine ended without an exit record: last [1mwords\n"},
        {"qemu-error", 125, "", "imgtool: run test: QEMU did not start the machine: qemu: cannot do it\n"},
        {"garbage", 3, "", ""},
        {"linger", 5, "", ""},
    };

    (void)state;
    for (size_t n = 0; n < sizeof(table) / sizeof(table[0]); n++) {
        char out[4096], err[4096];
        assert_int_equal(run(table[n].scenario, out, err), table[n].code);
        assert_string_equal(out, table[n].out);
        assert_string_equal(err, table[n].err);
    }
}

static void input_reaches_the_guest_whole(void **state)
{
    struct relay_config relay = plain();
    struct session s;
    uint8_t *back = malloc(FLOOD + 1);
    pid_t writer;
    uint64_t at = 0;
    ssize_t n;

    (void)state;
    relay.interactive = true;
    s = start("cat", relay);
    writer = fork();
    if (writer == 0) {
        flood(s.in, FLOOD);
        _exit(0);
    }
    close(s.in);
    while ((n = read(s.out, back + at, FLOOD + 1 - at)) > 0)
        at += (uint64_t)n;
    assert_int_equal(at, FLOOD);
    for (at = 0; at < FLOOD; at++)
        assert_int_equal(back[at], pattern(at));
    waitpid(writer, NULL, 0);
    assert_int_equal(finish(&s), 0);
    free(back);
}

static void stalled_reader_loses_nothing(void **state)
{
    struct session s = start("flood", plain());
    uint8_t data[7001];
    uint64_t at = 0;
    ssize_t n;

    (void)state;
    usleep(300000);
    while ((n = read(s.out, data, sizeof(data))) > 0)
        for (ssize_t k = 0; k < n; k++, at++)
            assert_int_equal(data[k], pattern(at));
    assert_int_equal(at, FLOOD);
    assert_int_equal(finish(&s), 0);
}

static void reader_that_goes_away_ends_it(void **state)
{
    struct session s = start("yes", plain());
    char data[100];

    (void)state;
    assert_true(read(s.out, data, sizeof(data)) > 0);
    close(s.out);
    s.out = -1;
    assert_int_equal(finish(&s), 141);
}

static void output_that_cannot_be_written_is_an_error(void **state)
{
    struct session s;
    char text[4096];
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    s = start_with_output("exit7", plain(), full);
    close(full);
    read_all(s.err, text, sizeof(text));
    assert_non_null(strstr(text, "imgtool: write standard output: No space left on device\n"));
    assert_int_equal(finish(&s), 125);
}

static void signals_are_forwarded(void **state)
{
    static const int order[] = {SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    struct session s = start("signals", plain());
    FILE *out = fdopen(dup(s.out), "r");
    char line[256], expected[64];

    (void)state;
    assert_non_null(fgets(line, sizeof(line), out));
    for (size_t n = 0; n < sizeof(order) / sizeof(order[0]); n++) {
        kill(s.pid, order[n]);
        snprintf(expected, sizeof(expected), "{\"cmd\":\"signal\",\"signo\":%d}\n", order[n]);
        assert_non_null(fgets(line, sizeof(line), out));
        assert_string_equal(line, expected);
    }
    fclose(out);
    assert_int_equal(finish(&s), 0);
}

static void term_is_a_stop(void **state)
{
    struct relay_config relay = plain();
    struct session s;
    FILE *out;
    char line[256];

    (void)state;
    relay.stop_signal = SIGQUIT;
    relay.grace_ms = 1500;
    s = start("stop", relay);
    out = fdopen(dup(s.out), "r");
    assert_non_null(fgets(line, sizeof(line), out));
    kill(s.pid, SIGTERM);
    assert_non_null(fgets(line, sizeof(line), out));
    assert_string_equal(line, "{\"cmd\":\"stop\",\"signo\":3,\"grace_ms\":1500}\n");
    fclose(out);
    assert_int_equal(finish(&s), 143);
}

static void guest_that_does_not_stop_is_killed(void **state)
{
    struct relay_config relay = plain();
    struct session s;
    char line[64];
    double before;

    (void)state;
    relay.grace_ms = 100;
    s = start("hang", relay);
    assert_true(read(s.out, line, sizeof(line)) > 0);
    before = seconds();
    kill(s.pid, SIGTERM);
    assert_int_equal(finish(&s), 137);
    assert_true(seconds() - before > 0.1 && seconds() - before < 8);
}

static void time_limit_is_124(void **state)
{
    struct relay_config relay = plain();
    struct session s;
    char text[64];

    (void)state;
    relay.timeout_ms = 200;
    s = start("hang", relay);
    read_all(s.out, text, sizeof(text));
    assert_int_equal(finish(&s), 124);
    s = start("deaf", relay); /* nobody reads either: the end must come all the same */
    assert_int_equal(waitpid(s.pid, NULL, WNOHANG), 0);
    usleep(1500000);
    assert_int_equal(finish(&s), 124);
}

static void qemu_dies_with_us(void **state)
{
    struct session s = start("hang", plain());
    char line[64] = "";
    int status;
    pid_t qemu;

    (void)state;
    assert_true(read(s.out, line, sizeof(line) - 1) > 0);
    qemu = (pid_t)strtol(line, NULL, 10);
    assert_true(qemu > 1 && kill(qemu, 0) == 0);
    kill(s.pid, SIGKILL);
    waitpid(s.pid, &status, 0);
    for (int n = 0; n < 100 && kill(qemu, 0) == 0; n++) {
        char path[64], stat[512] = "";
        int fd;
        snprintf(path, sizeof(path), "/proc/%d/stat", qemu);
        fd = open(path, O_RDONLY);
        if (fd < 0 || read(fd, stat, sizeof(stat) - 1) <= 0 || strstr(stat, ") Z"))
            break; /* gone, or nobody has reaped it yet */
        close(fd);
        usleep(20000);
        assert_true(n < 99);
    }
    close(s.in);
    close(s.out);
    close(s.err);
}

static void missing_qemu_is_named(void **state)
{
    const char *qemu = getenv("SLIPWAY_QEMU");
    char out[4096], err[4096], *self = strdup(qemu ? qemu : "");

    (void)state;
    setenv("SLIPWAY_QEMU", "/nonexistent/qemu", 1);
    assert_int_equal(run("exit7", out, err), 125);
    assert_string_equal(err,
                        "imgtool: run /nonexistent/qemu: it is not installed; the package qemu-system-x86 has it\n");
    setenv("SLIPWAY_QEMU", self, 1);
    free(self);
}

static void log_is_shown_when_asked(void **state)
{
    struct relay_config relay = plain();
    struct session s;
    char text[4096];

    (void)state;
    relay.show_log = true;
    s = start("silent", relay);
    read_all(s.err, text, sizeof(text));
    assert_non_null(strstr(text, "first\nlast"));
    assert_int_equal(finish(&s), 125);
}

static void log_is_read_whoever_wants_it(void **state)
{
    struct relay_config relay = plain();
    struct session s = start("chatty", relay);

    (void)state;
    assert_int_equal(finish(&s), 7);
    relay.show_log = true;
    s = start("chatty", relay);
    close(s.err); /* a reader that is gone */
    s.err = -1;
    assert_int_equal(finish(&s), 7);
}

/* ---- with a terminal --------------------------------------------------------------------------------------- */

static pid_t start_on_terminal(const char *scenario, int *terminal)
{
    struct winsize size = {.ws_row = 33, .ws_col = 101};
    struct relay_config relay = plain();
    pid_t pid;

    relay.tty = relay.interactive = true;
    setenv("FAKE_GUEST", scenario, 1);
    pid = forkpty(terminal, NULL, NULL, &size);
    if (pid == 0)
        child(&relay);
    return pid;
}

static void expect(int fd, const char *text)
{
    char seen[4096] = "";
    size_t len = 0;
    ssize_t n;

    while (!strstr(seen, text)) {
        n = read(fd, seen + len, sizeof(seen) - 1 - len);
        if (n <= 0)
            fail_msg("\"%s\" lacks \"%s\"", seen, text);
        len += (size_t)n;
        seen[len] = 0;
    }
}

static void terminal_is_raw_and_has_a_size(void **state)
{
    struct winsize size = {.ws_row = 20, .ws_col = 40};
    struct termios raw;
    int terminal, status;
    pid_t pid = start_on_terminal("tty-once", &terminal);

    (void)state;
    expect(terminal, "{\"cmd\":\"winsize\",\"rows\":33,\"cols\":101}\n");
    assert_int_equal(tcgetattr(terminal, &raw), 0);
    assert_false(raw.c_lflag & (ICANON | ECHO | ISIG));
    assert_int_equal(write(terminal, "\x03zz", 3), 3); /* an interrupt key is a byte like another */
    expect(terminal, "\x03zz");
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    assert_int_equal(write(terminal, "q", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 9 << 8);
    assert_int_equal(tcgetattr(terminal, &raw), 0);
    assert_true(raw.c_lflag & ICANON);
    close(terminal);
}

static void third_interrupt_kills(void **state)
{
    struct relay_config relay = plain();
    int terminal, status;
    pid_t pid;

    (void)state;
    setenv("FAKE_GUEST", "hang", 1);
    pid = forkpty(&terminal, NULL, NULL, NULL);
    if (pid == 0)
        child(&relay);
    expect(terminal, "\n"); /* it runs: its pid */
    assert_int_equal(write(terminal, "\x03", 1), 1);
    usleep(100000);
    assert_int_equal(write(terminal, "\x03", 1), 1);
    expect(terminal, "a third Ctrl-C kills it");
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    assert_int_equal(write(terminal, "\x03", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 137 << 8);
    close(terminal);
}

static void terminal_is_asked_for(void **state)
{
    struct relay_config relay = plain();
    struct session s;
    char text[4096];

    (void)state;
    relay.tty = relay.interactive = true;
    s = start("tty", relay);
    read_all(s.err, text, sizeof(text));
    assert_string_equal(text, "imgtool: run test: -t with -i needs a terminal as standard input\n");
    assert_int_equal(finish(&s), 125);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endings_become_codes),
        cmocka_unit_test(input_reaches_the_guest_whole),
        cmocka_unit_test(stalled_reader_loses_nothing),
        cmocka_unit_test(reader_that_goes_away_ends_it),
        cmocka_unit_test(output_that_cannot_be_written_is_an_error),
        cmocka_unit_test(signals_are_forwarded),
        cmocka_unit_test(term_is_a_stop),
        cmocka_unit_test(guest_that_does_not_stop_is_killed),
        cmocka_unit_test(time_limit_is_124),
        cmocka_unit_test(qemu_dies_with_us),
        cmocka_unit_test(missing_qemu_is_named),
        cmocka_unit_test(log_is_shown_when_asked),
        cmocka_unit_test(log_is_read_whoever_wants_it),
        cmocka_unit_test(terminal_is_raw_and_has_a_size),
        cmocka_unit_test(third_interrupt_kills),
        cmocka_unit_test(terminal_is_asked_for),
    };
    char self[4096];
    ssize_t len;

    if (argc > 1 && !strcmp(argv[1], "-M"))
        return fake_guest(argc, argv);
    len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[len > 0 ? len : 0] = 0;
    setenv("SLIPWAY_QEMU", self, 1);
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
