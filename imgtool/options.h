/* SPDX-License-Identifier: MIT */
/*
 * The command line, table-driven and spelled as docker's: -it, -e A=B, -eA=B, --env A=B, --env=A=B, --init=false, `--`.
 * Every subcommand has a table of the options it takes; all of them fill one struct options.
 */
#ifndef SLIPWAY_IMGTOOL_OPTIONS_H
#define SLIPWAY_IMGTOOL_OPTIONS_H

#include "oci/oci.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum machine { MACHINE_MICROVM, MACHINE_Q35 };

struct options {
    bool help;
    struct oci_options oci; /* tls_verify, refresh, offline, creds, limits */
    /* where from and to */
    const char *output, *kernel;
    bool json;
    /* the container */
    struct oci_list env, env_files, ports;
    const char *cwd, *user, *hostname, *entrypoint, *stop_signal;
    bool tty, interactive, init;
    bool rm;                 /* as docker has it; a machine leaves nothing anyway */
    int64_t stop_timeout_ms; /* -1: not given */
    /* the machine */
    uint64_t memory; /* bytes; 0: by the archive's size */
    unsigned cpus;   /* 0: one */
    enum machine machine;
    const char *append, *log;
    struct oci_list qemu_args;
    bool strace;
    unsigned debug_port; /* 0: no gdb stub */
    int64_t timeout_ms;  /* 0: none */
    int64_t unused_ms;   /* prune: what was used in this time stays */
    /* what is left */
    const char **operands;
    size_t operand_count;
};

enum option_kind {
    OPTION_FLAG,     /* bool; --name, --name=true|false */
    OPTION_STRING,   /* const char * */
    OPTION_LIST,     /* struct oci_list */
    OPTION_SIZE,     /* uint64_t: 64m, 2g; a bare number is bytes, as docker has it */
    OPTION_DURATION, /* int64_t, milliseconds: 10, 1.5, 300ms, 5m, 1h */
    OPTION_CPUS,     /* unsigned: 2; a fraction counts as a whole one */
    OPTION_MACHINE,  /* enum machine */
    OPTION_PORT,     /* unsigned; the value may be left out */
};

struct option_row {
    char letter; /* 0: none */
    const char *name;
    enum option_kind kind;
    size_t offset;     /* into struct options */
    const char *value; /* its name in --help */
    const char *help;
};

/* One subcommand's face. */
struct command {
    const char *name;
    const char *operands; /* "REF [COMMAND [ARG...]]" */
    const char *summary;
    const struct option_row *const *tables; /* NULL-terminated; a table ends with a row without name */
    size_t min_operands, max_operands;
    bool stop_at_operand; /* options end at the first operand, as docker run has it */
    bool with_limits;     /* --max-... of oci_limit_options */
    int (*run)(const struct command *self, const struct options *o, struct oci_error *err);
};

/* Parses argv[1..]; o is initialised. -1 with err. */
int options_parse(const struct command *c, int argc, char **argv, struct options *o, struct oci_error *err);
void options_clear(struct options *o);
void options_help(const struct command *c);

/* Tables shared by several commands. */
extern const struct option_row options_common[];    /* --help */
extern const struct option_row options_source[];    /* how images are found */
extern const struct option_row options_container[]; /* what runs in the image, and how */

#endif
