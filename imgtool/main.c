// SPDX-License-Identifier: MIT
/*
 * imgtool: container images become virtual machines. This file finds the subcommand and is the only one that prints an
 * error and exits with it.
 */
#include "imgtool/commands.h"
#include "imgtool/progress.h"
#include "imgtool/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef SLIPWAY_VERSION
#define SLIPWAY_VERSION "unknown"
#endif

static const struct command *const commands[] = {&command_pull,  &command_inspect, &command_cpio,
                                                 &command_build, &command_run,     &command_prune};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static int print_usage(FILE *to)
{
    fprintf(to, "Usage: imgtool COMMAND [OPTIONS] ...\n"
                "Turns container images into virtual machines.\n\nCommands:\n");
    for (size_t n = 0; n < COMMAND_COUNT; n++)
        fprintf(to, "  %-10s%s\n", commands[n]->name, commands[n]->summary);
    fprintf(to, "\n`imgtool COMMAND --help` says more; `imgtool --version` prints the version.\n");
    return to == stdout ? 0 : EXIT_TOOL;
}

/* A standard stream that is closed would be given to the next file we open. */
static void open_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* What was printed may still lie in stdio's buffer. `code` as it is, or EXIT_TOOL and a line. */
static int flush_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "imgtool: write standard output: %s\n", strerror(errno));
    return EXIT_TOOL;
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct oci_error err = {""};
    struct options o;
    int code = options_parse(c, argc, argv, &o, &err);

    if (code == 0) {
        o.oci.progress = progress_oci;
        if (o.help)
            options_help(c);
        else
            code = c->run(c, &o, &err);
    }
    progress_clear();
    options_clear(&o);
    if (*err.msg)
        fprintf(stderr, "imgtool: %s\n", err.msg);
    return code < 0 ? EXIT_TOOL : flush_output(code);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    open_standard_streams();
    if (!*name)
        return print_usage(stderr);
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))
        return flush_output(print_usage(stdout));
    if (!strcmp(name, "--version")) {
        printf("imgtool %s\n", SLIPWAY_VERSION);
        return flush_output(0);
    }
    for (size_t n = 0; n < COMMAND_COUNT; n++)
        if (!strcmp(name, commands[n]->name))
            return run_command(commands[n], argc - 1, argv + 1);
    fprintf(stderr, "imgtool: %s: there is no such command; `imgtool --help` lists them\n", name);
    return EXIT_TOOL;
}
