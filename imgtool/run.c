// SPDX-License-Identifier: MIT
/*
 * imgtool run: an image, or a VM file built before, as `docker run` would run it.
 *
 * The VM of an image comes from the cache or goes there. Whatever the command line changes travels beside it in a small
 * second archive, so nothing is rebuilt; without changes there is none.
 */
#include "imgtool/accel.h"
#include "imgtool/commands.h"
#include "imgtool/compose.h"
#include "imgtool/elf.h"
#include "imgtool/guest.h"
#include "imgtool/progress.h"
#include "imgtool/relay.h"
#include "imgtool/spec.h"
#include "imgtool/vmcache.h"
#include "initramfs-builder/read.h"
#include "kernel/boot_contract.h"
#include "oci/error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MIB ((uint64_t)1 << 20)
#define PAGE_UP(n) (((n) + SW_PAGE - 1) & ~(uint64_t)(SW_PAGE - 1))
#define DEFAULT_GRACE_MS 10000
#define CMDLINE_LIMIT 1024       /* the kernel keeps 2048, and QEMU adds the devices */
#define SPARE_MEMORY (256 * MIB) /* beyond the image, when -m is not given */

struct run {
    const struct options *o;
    const char *name;
    struct oci_image *image; /* NULL: a VM file was given */
    struct vm_file vm;
    int overlay; /* second archive; -1: none */
    uint64_t overlay_size;
    bool tty, interactive;
    int stop_signal;
    int64_t grace_ms;
    uint64_t memory;
};

/* ---- what runs --------------------------------------------------------------------------------------------- */

/* ./FILE, ../FILE, /FILE: no reference looks like this. */
static bool is_path(const char *name)
{
    return *name == '/' || !strncmp(name, "./", 2) || !strncmp(name, "../", 3);
}

/* What is wrong with a path that open_elf did not take. */
static int fail_path(const char *path, struct oci_error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return oci_fail_errno(err, "run", path, errno);
    if (S_ISDIR(st.st_mode))
        return oci_fail(err, "run", path, "it is a directory; if an image in OCI layout, write oci:%s", path);
    return oci_fail(err, "run", path,
                    "it is not an ELF file made by `imgtool build`; if an image's archive, write oci-archive:%s or "
                    "docker-archive:%s",
                    path, path);
}

/* An existing ELF file is meant as one; anything else is a reference. The file, or -1. */
static int open_elf(const char *path)
{
    char magic[SELFMAG];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && !memcmp(magic, ELFMAG, SELFMAG))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int find_vm(struct run *r, struct oci_error *err)
{
    int fd = open_elf(r->name), result;
    struct kernel_image kernel;

    if (fd >= 0)
        return vm_open(fd, r->name, &r->vm, err);
    if (is_path(r->name))
        return fail_path(r->name, err);
    result = kernel_load(r->o->kernel, &kernel, err);
    if (result == 0)
        result = oci_pull(&r->o->oci, r->name, &r->image, err);
    if (result == 0)
        result = oci_image_has_command(r->image) || spec_overridden(r->o) ? 0 : oci_fail_no_command(r->image, err);
    if (result == 0)
        result = vmcache_open(r->o, r->image, &kernel, &r->vm, err);
    kernel_free(&kernel);
    progress_clear();
    return result;
}

/* ---- what the command line changes ------------------------------------------------------------------------- */

static int64_t wall_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The container as the VM's own record and the overrides make it. */
static int resolve(struct run *r, const struct archive_contents *vm, const struct oci_overrides *over,
                   struct oci_container **out, struct oci_error *err)
{
    uint32_t flags;

    if (r->image)
        return oci_container_new(r->image, vm->tree, over, out, err);
    if (spec_read(vm->record, vm->record_len, out, &flags, err) < 0)
        return -1;
    if (spec_apply(*out, over, vm->tree, err) == 0)
        return 0;
    oci_container_free(TAKE_PTR(*out));
    return -1;
}

static int make_overlay(struct run *r, struct archive_contents *vm, const struct options *effective,
                        const struct oci_overrides *over, struct oci_error *err)
{
    struct oci_container *container = NULL;
    struct record record = {0};
    struct stat st;
    int result = resolve(r, vm, over, &container, err);

    if (result == 0)
        result = spec_record(container, effective, wall_time(), &record, err);
    if (result == 0) {
        r->stop_signal = container->stop_signal;
        r->overlay = compose_overlay(vm->tree, container, &record, err);
        result = r->overlay < 0 || fstat(r->overlay, &st) < 0 ? -1 : 0;
        r->overlay_size = result == 0 ? (uint64_t)st.st_size : 0;
    }
    record_free(&record);
    oci_container_free(container);
    return result;
}

static int apply_overrides(struct run *r, const struct options *effective, struct oci_error *err)
{
    struct archive_contents vm;
    struct archive_error error = {""};
    struct spec_overrides over;
    int result = spec_overrides_new(effective, &over, err);

    if (result == 0 && spec_overridden(effective)) {
        result = archive_read(r->vm.fd, r->vm.archive_offset, r->vm.archive_size, &vm, &error);
        if (result == 0) {
            result = make_overlay(r, &vm, effective, &over.oci, err);
            archive_contents_free(&vm);
        } else {
            fail_archive(err, &error);
        }
    }
    spec_overrides_clear(&over);
    return result < 0 ? -1 : 0;
}

/* What the VM's own record says; the command line adds to it. */
static int read_record(struct run *r, struct options *effective, struct oci_error *err)
{
    struct archive_contents vm;
    struct archive_error error = {""};
    struct oci_container *container;
    uint32_t flags;
    int result;

    if (archive_read_record(r->vm.fd, r->vm.archive_offset, r->vm.archive_size, &vm, &error) < 0)
        return fail_archive(err, &error);
    result = spec_read(vm.record, vm.record_len, &container, &flags, err);
    archive_contents_free(&vm);
    if (result < 0)
        return -1;
    r->stop_signal = container->stop_signal;
    r->grace_ms = DEFAULT_GRACE_MS;
    oci_container_free(container);
    r->tty = effective->tty || flags & SW_FLAG_TTY;
    r->interactive = effective->interactive || flags & SW_FLAG_STDIN_OPEN;
    if (spec_overridden(effective)) { /* the second record replaces the first whole */
        effective->tty = r->tty;
        effective->interactive = r->interactive;
        effective->init = effective->init || flags & SW_FLAG_INIT;
    }
    return 0;
}

static int settle(struct run *r, struct oci_error *err)
{
    struct options effective = *r->o;

    if (read_record(r, &effective, err) < 0 || apply_overrides(r, &effective, err) < 0)
        return -1;
    if (r->image && r->image->config.stop_timeout >= 0)
        r->grace_ms = r->image->config.stop_timeout * 1000;
    if (r->o->stop_timeout_ms >= 0)
        r->grace_ms = r->o->stop_timeout_ms;
    if (r->tty && r->interactive && !isatty(STDIN_FILENO))
        return oci_fail(err, "run", r->name, "-t with -i needs a terminal as standard input");
    if (r->o->ports.count)
        fprintf(stderr, "imgtool: warning: -p: there is no network yet, so no port is published\n");
    return 0;
}

/* ---- the machine ------------------------------------------------------------------------------------------- */

/* RAM below the 32-bit hole, where everything a boot loader loads must lie. */
static uint64_t low_memory(enum machine machine, uint64_t memory)
{
    if (machine == MACHINE_Q35)
        return memory < 2816 * MIB ? memory : 2048 * MIB;
    return memory < 3072 * MIB ? memory : 3072 * MIB;
}

/* QEMU puts the second archive at the top of low memory without looking what is there, and on q35 the very top is its
 * own; so the sum must fit. */
static int place(struct run *r, struct oci_error *err)
{
    uint64_t needed = r->vm.high + PAGE_UP(r->overlay_size) + (r->o->machine == MACHINE_Q35 ? MIB : 64 << 10);
    uint64_t whole = (needed + MIB - 1) & ~(MIB - 1), low;

    r->memory = r->o->memory ? (r->o->memory + MIB - 1) & ~(MIB - 1) : whole + SPARE_MEMORY;
    low = low_memory(r->o->machine, r->memory);
    if (needed <= low)
        return 0;
    if (low == r->memory)
        return oci_fail(err, "run", r->name,
                        "-m gives %" PRIu64 " MiB, but kernel and image alone take %" PRIu64
                        " MiB; give at least -m %" PRIu64 "m",
                        r->memory / MIB, whole / MIB, whole / MIB);
    return oci_fail(
        err, "run", r->name,
        "kernel and image take %" PRIu64 " MiB, and this machine has %" PRIu64 " MiB below its 32-bit hole; %s",
        whole / MIB, low / MIB, r->o->machine == MACHINE_Q35 ? "use --machine microvm" : "make the image smaller");
}

static char *command_line(const struct options *o)
{
    /* The trace goes to the kernel's log, which is silent unless it has a console. */
    return oci_format("%s%s%s", o->strace ? "strace console=ttyS0" : "", o->strace && o->append ? " " : "",
                      o->append ? o->append : "");
}

/* *fd stays -1 without --log. */
static int open_log(const struct options *o, int *fd, struct oci_error *err)
{
    if (o->log)
        *fd = open(o->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return o->log && *fd < 0 ? oci_fail_errno(err, "write", o->log, errno) : 0;
}

static int boot(struct run *r, const char *accel, const char *cmdline, int log_fd, struct oci_error *err)
{
    struct guest_config config = {
        .machine = r->o->machine,
        .accel = accel,
        .memory = r->memory,
        .cpus = r->o->cpus ? r->o->cpus : 1,
        .kernel_fd = r->vm.fd,
        .initrd_fd = r->overlay,
        .cmdline = cmdline,
        .tty = r->tty,
        .interactive = r->interactive,
        .debug_port = r->o->debug_port,
        .extra = &r->o->qemu_args,
    };
    struct relay_config relay = {
        .name = r->name,
        .tty = r->tty,
        .interactive = r->interactive,
        .show_log = r->o->strace || strstr(cmdline, "console="),
        .log_fd = log_fd,
        .stop_signal = r->stop_signal,
        .grace_ms = r->grace_ms,
        .timeout_ms = r->o->timeout_ms,
    };
    struct guest guest;
    int code;

    if (r->o->debug_port)
        fprintf(stderr, "imgtool: waiting for gdb: target remote 127.0.0.1:%u\n", r->o->debug_port);
    relay_prepare();
    if (guest_start(&config, &guest, err) < 0)
        return -1;
    code = relay_run(&relay, &guest, err);
    guest_end(&guest);
    return code;
}

static int start(struct run *r, struct oci_error *err)
{
    AUTO_FREE char *cache = NULL, *cmdline = command_line(r->o);
    AUTO_CLOSE int log_fd = -1;
    const char *accel;

    if (place(r, err) < 0 || open_log(r->o, &log_fd, err) < 0 || oci_cache_dir(&r->o->oci, &cache, err) < 0)
        return -1;
    if (cmdline && strlen(cmdline) > CMDLINE_LIMIT)
        return oci_fail(err, "append", "to the kernel's command line", "it may have %d bytes", CMDLINE_LIMIT);
    accel = accel_choose(cache, err);
    if (!accel)
        return -1;
    return cmdline ? boot(r, accel, cmdline, log_fd, err) : oci_fail_memory(err, "run", r->name);
}

static int run(const struct command *self, const struct options *o, struct oci_error *err)
{
    struct run r = {.o = o, .name = o->operands[0], .vm.fd = -1, .overlay = -1};
    int code = -1;

    (void)self;
    if (find_vm(&r, err) == 0 && settle(&r, err) == 0) {
        oci_image_free(TAKE_PTR(r.image)); /* the cache may be pruned while the machine runs: it holds its own file */
        code = start(&r, err);
    }
    if (r.overlay >= 0)
        close(r.overlay);
    vm_close(&r.vm);
    oci_image_free(r.image);
    return code;
}

#define AT(field) offsetof(struct options, field)

static const struct option_row own[] = {
    {'m', "memory", OPTION_SIZE, AT(memory), "SIZE", "memory, such as 512m or 2g (default: the image and 256m)"},
    {0, "cpus", OPTION_CPUS, AT(cpus), "N", "number of CPUs (default 1)"},
    {0, "rm", OPTION_FLAG, AT(rm), NULL, "nothing is left of a machine anyway: accepted for docker's habit"},
    {0, "stop-timeout", OPTION_DURATION, AT(stop_timeout_ms), "TIME", "from stop signal to kill (default 10s)"},
    {0, "timeout", OPTION_DURATION, AT(timeout_ms), "TIME", "end the machine after this time, with code 124"},
    {0, "strace", OPTION_FLAG, AT(strace), NULL, "trace system calls to standard error"},
    {0, "kernel", OPTION_STRING, AT(kernel), "FILE", "kernel (default: the one installed)"},
    {0, "append", OPTION_STRING, AT(append), "TEXT", "add to the kernel's command line"},
    {0, "log", OPTION_STRING, AT(log), "FILE", "write the kernel's log to a file"},
    {0, "machine", OPTION_MACHINE, AT(machine), "TYPE", "microvm (default) or q35"},
    {0, "qemu-arg", OPTION_LIST, AT(qemu_args), "ARG", "pass an argument to QEMU (--qemu-arg -cpu --qemu-arg max)"},
    {0, "debug", OPTION_PORT, AT(debug_port), "PORT", "wait for gdb on a local port (default 1234)"},
    {0},
};
static const struct option_row *const tables[] = {options_container, own, options_source, options_common, NULL};

const struct command command_run = {
    .name = "run",
    .operands = "REF|FILE [COMMAND [ARG...]]",
    .summary = "run an image, or a file made by build, in a virtual machine",
    .tables = tables,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .stop_at_operand = true,
    .with_limits = true,
    .run = run,
};
