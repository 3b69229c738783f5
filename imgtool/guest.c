// SPDX-License-Identifier: MIT
/*
 * Starts QEMU: its command line, its sockets, its process.
 *
 * The machine is tuned for a fast start: microvm without option ROMs, PIT, PIC and ACPI; devices are named on the
 * kernel's command line (QEMU does that). Streams are virtserialports over socketpairs: QEMU reads from one only when
 * the guest has room, and passes on the half-close at the end of input after the last byte. (Closing instead would make
 * QEMU drop what it has not yet read.)
 */
#include "imgtool/guest.h"

#include "kernel/boot_contract.h"
#include "oci/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEFAULT_QEMU "qemu-system-x86_64"
#define QEMU_PACKAGE "qemu-system-x86"

/* Parts that differ between the machines. */
static const struct {
    const char *machine, *serial, *rng;
} hardware[] = {
    [MACHINE_MICROVM] = {"microvm,acpi=off,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on",
                         "virtio-serial-device,max_ports=8", "virtio-rng-device"},
    [MACHINE_Q35] = {"q35,sata=off,smbus=off,usb=off,vmport=off", "virtio-serial-pci,max_ports=8", "virtio-rng-pci"},
};

const char *guest_qemu(void)
{
    const char *qemu = getenv("SLIPWAY_QEMU");

    return qemu && *qemu ? qemu : DEFAULT_QEMU;
}

/* ---- process ----------------------------------------------------------------------------------------------- */

static void child_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int n = 1; n < NSIG; n++)
        signal(n, SIG_DFL);
}

/* In the child; reports a failure's errno through `status`, which exec closes. */
__attribute__((noreturn)) static void child_run(char *const argv[], const int *keep, int messages, pid_t parent,
                                                int status)
{
    int null = open("/dev/null", O_RDONLY), error;

    child_signals();
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* died before the line above */
        _exit(127);
    for (; *keep >= 0; keep++)
        fcntl(*keep, F_SETFD, 0);
    if (null >= 0 && dup2(null, 0) >= 0 && dup2(messages, 1) >= 0 && dup2(messages, 2) >= 0)
        execvp(argv[0], argv);
    error = errno;
    (void)!write(status, &error, sizeof(error));
    _exit(127);
}

static int spawn_failed(const char *program, int error, struct oci_error *err)
{
    if (error == ENOENT)
        return oci_fail(err, "run", program, "it is not installed; the package %s has it", QEMU_PACKAGE);
    return oci_fail_errno(err, "run", program, error);
}

pid_t guest_spawn(char *const argv[], const int *keep, int messages, struct oci_error *err)
{
    pid_t parent = getpid(), child;
    int status[2], error = 0;

    if (pipe2(status, O_CLOEXEC) < 0)
        return oci_fail_errno(err, "run", argv[0], errno);
    child = fork();
    if (child == 0)
        child_run(argv, keep, messages, parent, status[1]);
    close(status[1]);
    if (child < 0)
        error = errno;
    else if (read(status[0], &error, sizeof(error)) <= 0)
        error = 0;
    close(status[0]);
    if (!error)
        return child;
    if (child > 0)
        waitpid(child, NULL, 0);
    return spawn_failed(argv[0], error, err);
}

/* ---- command line ------------------------------------------------------------------------------------------ */

struct line {
    struct oci_list args;
    bool failed;
    int keep[16]; /* descriptors QEMU gets */
    unsigned kept;
};

static void add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *format, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    if (oci_list_take(&l->args, text) < 0)
        l->failed = true;
}

static void add_option(struct line *l, const char *option, const char *value)
{
    add(l, "%s", option);
    add(l, "%s", value);
}

static void add_machine(struct line *l, const struct guest_config *c)
{
    add_option(l, "-M", hardware[c->machine].machine);
    add_option(l, "-accel", c->accel);
    add_option(l, "-cpu", "max");
    add(l, "-smp");
    add(l, "%u", c->cpus);
    add(l, "-m");
    add(l, "%lluM", (unsigned long long)(c->memory >> 20));
    for (const char *const *flag = (const char *const[]){"-nodefaults", "-no-user-config", "-no-reboot", NULL}; *flag;
         flag++)
        add(l, "%s", *flag);
    add_option(l, "-display", "none");
}

static void add_kernel(struct line *l, const struct guest_config *c)
{
    add(l, "-kernel");
    add(l, "/proc/self/fd/%d", c->kernel_fd);
    l->keep[l->kept++] = c->kernel_fd;
    if (c->initrd_fd >= 0) {
        add(l, "-initrd");
        add(l, "/proc/self/fd/%d", c->initrd_fd);
        l->keep[l->kept++] = c->initrd_fd;
    }
    if (*c->cmdline)
        add_option(l, "-append", c->cmdline);
    if (c->debug_port) {
        add(l, "-gdb");
        add(l, "tcp:127.0.0.1:%u", c->debug_port);
        add(l, "-S");
    }
}

/* A socketpair: QEMU's end goes onto the command line as a chardev, ours comes back; -1 with errno. */
static int add_chardev(struct line *l, const char *id)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    add(l, "-chardev");
    add(l, "socket,id=%s,fd=%d", id, ends[1]);
    l->keep[l->kept++] = ends[1];
    return ends[0];
}

static int add_port(struct line *l, const char *name, unsigned number)
{
    int fd = add_chardev(l, name);

    add(l, "-device");
    add(l, "virtserialport,chardev=%s,name=%s,nr=%u", name, name, number);
    return fd;
}

static bool add_streams(struct line *l, const struct guest_config *c, struct guest *g)
{
    add_option(l, "-device", hardware[c->machine].serial);
    g->control = add_port(l, SW_PORT_CTL, 1);
    if (c->tty) {
        g->output = add_port(l, SW_PORT_TTY, 5);
        if (c->interactive)
            g->input = fcntl(g->output, F_DUPFD_CLOEXEC, 3);
    } else {
        if (c->interactive)
            g->input = add_port(l, SW_PORT_STDIN, 2);
        g->output = add_port(l, SW_PORT_STDOUT, 3);
        g->error = add_port(l, SW_PORT_STDERR, 4);
    }
    add_option(l, "-device", hardware[c->machine].rng);
    g->uart = add_chardev(l, "uart");
    add_option(l, "-serial", "chardev:uart");
    return g->control >= 0 && g->output >= 0 && g->uart >= 0 && (g->error >= 0 || c->tty) &&
           (g->input >= 0 || !c->interactive);
}

/* QEMU's ends of the sockets; the kernel and the initrd are the caller's. */
static void close_kept(struct line *l, const struct guest_config *c)
{
    for (unsigned n = 0; n < l->kept; n++)
        if (l->keep[n] != c->kernel_fd && l->keep[n] != c->initrd_fd)
            close(l->keep[n]);
    oci_list_clear(&l->args);
}

/* ---- the guest --------------------------------------------------------------------------------------------- */

static int start(const struct guest_config *c, struct line *l, struct guest *g, struct oci_error *err)
{
    int messages[2];

    add(l, "%s", guest_qemu());
    add_machine(l, c);
    add_kernel(l, c);
    if (!add_streams(l, c, g) || pipe2(messages, O_CLOEXEC) < 0)
        return oci_fail_errno(err, "make sockets for", guest_qemu(), errno);
    for (size_t n = 0; n < c->extra->count; n++)
        add(l, "%s", c->extra->items[n]);
    l->keep[l->kept] = -1;
    g->messages = messages[0];
    fcntl(g->messages, F_SETFL, O_NONBLOCK);
    g->pid =
        l->failed ? oci_fail_memory(err, "run", guest_qemu()) : guest_spawn(l->args.items, l->keep, messages[1], err);
    close(messages[1]);
    if (g->pid < 0)
        return -1;
    g->pidfd = (int)syscall(SYS_pidfd_open, g->pid, 0);
    return g->pidfd < 0 ? oci_fail_errno(err, "watch", guest_qemu(), errno) : 0;
}

int guest_start(const struct guest_config *config, struct guest *g, struct oci_error *err)
{
    struct line l = {0};
    int result;

    *g = (struct guest){-1, -1, -1, -1, -1, -1, -1, -1};
    result = start(config, &l, g, err);
    close_kept(&l, config);
    if (result < 0)
        guest_end(g);
    return result;
}

void guest_end(struct guest *g)
{
    int *const fds[] = {&g->pidfd, &g->control, &g->input, &g->output, &g->error, &g->uart, &g->messages};

    if (g->pid > 0) {
        kill(g->pid, SIGKILL);
        while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        g->pid = -1;
    }
    for (size_t n = 0; n < sizeof(fds) / sizeof(fds[0]); n++) {
        if (*fds[n] >= 0)
            close(*fds[n]);
        *fds[n] = -1;
    }
}
