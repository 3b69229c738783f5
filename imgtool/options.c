// SPDX-License-Identifier: MIT
/*
 * The parser of the command line. A row of a table says where a value goes; a kind says how it is read. There is no
 * state outside the arguments' own place, struct cursor.
 */
#include "imgtool/options.h"

#include "oci/error.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 30
#define DEFAULT_DEBUG_PORT 1234
#define MAX_CPUS 255
#define MAX_SIZE (1ull << 50)

struct cursor {
    const struct command *command;
    char **argv;
    int argc, at;
    struct options *o;
    struct oci_error *err;
    char typed[64]; /* the option as the user wrote it, without its value */
};

#define AT(field) offsetof(struct options, field)

const struct option_row options_common[] = {
    {0, "help", OPTION_FLAG, AT(help), NULL, "print this and exit"},
    {0},
};

const struct option_row options_source[] = {
    {0, "tls-verify", OPTION_FLAG, AT(oci.tls_verify), NULL, "verify the registry's certificate (default true)"},
    {0, "creds", OPTION_STRING, AT(oci.creds), "USER:PASSWORD", "credentials for the registry (default: skopeo's own)"},
    {0, "offline", OPTION_FLAG, AT(oci.offline), NULL, "use nothing but the cache"},
    {0},
};

const struct option_row options_container[] = {
    {'e', "env", OPTION_LIST, AT(env), "NAME[=VALUE]", "set a variable; without a value take the caller's"},
    {0, "env-file", OPTION_LIST, AT(env_files), "FILE", "set variables from a file, one a line"},
    {'w', "workdir", OPTION_STRING, AT(cwd), "DIR", "working directory"},
    {'u', "user", OPTION_STRING, AT(user), "USER[:GROUP]", "names or numbers"},
    {'h', "hostname", OPTION_STRING, AT(hostname), "NAME", "host name"},
    {0, "entrypoint", OPTION_STRING, AT(entrypoint), "PROGRAM", "replace the image's entrypoint (\"\": none)"},
    {'t', "tty", OPTION_FLAG, AT(tty), NULL, "give the container a terminal"},
    {'i', "interactive", OPTION_FLAG, AT(interactive), NULL, "attach standard input"},
    {'p', "publish", OPTION_LIST, AT(ports), "[[IP:]HOST:]PORT[/PROTO]", "publish a port (not served yet)"},
    {0, "init", OPTION_FLAG, AT(init), NULL, "run a small init as PID 1 that forwards signals and reaps"},
    {0, "stop-signal", OPTION_STRING, AT(stop_signal), "SIGNAL", "signal that stops the container"},
    {0},
};

/* ---- values ------------------------------------------------------------------------------------------------ */

static int bad_value(const struct cursor *c, const char *value, const char *expected)
{
    return oci_fail(c->err, c->command->name, c->typed, "\"%s\" is not %s", value, expected);
}

static int read_flag(const struct cursor *c, const char *value, bool *to)
{
    if (!value || !strcmp(value, "true") || !strcmp(value, "1"))
        *to = true;
    else if (!strcmp(value, "false") || !strcmp(value, "0"))
        *to = false;
    else
        return bad_value(c, value, "true or false");
    return 0;
}

/* A decimal number with an optional fraction at the start of text; *end behind it. False: none. */
static bool read_decimal(const char *text, double *number, char **end)
{
    if (!isdigit((unsigned char)text[0]) && !(text[0] == '.' && isdigit((unsigned char)text[1])))
        return false;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) /* strtod would take it */
        return false;
    *number = strtod(text, end);
    return isfinite(*number);
}

/* ceil(3) without the mathematical library. */
static int64_t round_up(double number)
{
    int64_t whole = (int64_t)number;

    return (double)whole < number ? whole + 1 : whole;
}

static int read_duration(const struct cursor *c, const char *value, int64_t *to)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};
    double number;
    char *end;

    if (read_decimal(value, &number, &end))
        for (size_t n = 0; n < sizeof(units) / sizeof(units[0]); n++)
            if (!strcmp(end, units[n].unit) && number * units[n].ms < 1e15) {
                *to = round_up(number * units[n].ms);
                return 0;
            }
    return bad_value(c, value, "a duration such as 10, 1.5s, 300ms, 5m or 1h");
}

static int read_cpus(const struct cursor *c, const char *value, unsigned *to)
{
    double number;
    char *end;

    if (!read_decimal(value, &number, &end) || *end || number <= 0 || number > MAX_CPUS)
        return bad_value(c, value, "a number of CPUs from 1 to 255");
    *to = (unsigned)round_up(number);
    return 0;
}

static int read_size(const struct cursor *c, const char *value, uint64_t *to)
{
    if (oci_limit_parse(value, to) < 0 || *to == 0 || *to > MAX_SIZE)
        return bad_value(c, value, "a size such as 512m or 2g");
    return 0;
}

static int read_machine(const struct cursor *c, const char *value, enum machine *to)
{
    if (!strcmp(value, "microvm"))
        *to = MACHINE_MICROVM;
    else if (!strcmp(value, "q35"))
        *to = MACHINE_Q35;
    else
        return bad_value(c, value, "microvm or q35");
    return 0;
}

static int read_port(const struct cursor *c, const char *value, unsigned *to)
{
    char *end;
    unsigned long port;

    if (!value) {
        *to = DEFAULT_DEBUG_PORT;
        return 0;
    }
    port = strtoul(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || port == 0 || port > 65535)
        return bad_value(c, value, "a port");
    *to = (unsigned)port;
    return 0;
}

static bool value_is_optional(const struct option_row *row)
{
    return row->kind == OPTION_FLAG || row->kind == OPTION_PORT;
}

/* value: NULL only where it is optional. */
static int store(const struct cursor *c, const struct option_row *row, const char *value)
{
    void *to = (char *)c->o + row->offset;

    if (!value && !value_is_optional(row))
        return -1;
    switch (row->kind) {
    case OPTION_FLAG:
        return read_flag(c, value, to);
    case OPTION_STRING:
        *(const char **)to = value;
        return 0;
    case OPTION_LIST:
        return oci_list_add(to, value) < 0 ? oci_fail_memory(c->err, c->command->name, row->name) : 0;
    case OPTION_SIZE:
        return read_size(c, value, to);
    case OPTION_DURATION:
        return read_duration(c, value, to);
    case OPTION_CPUS:
        return read_cpus(c, value, to);
    case OPTION_MACHINE:
        return read_machine(c, value, to);
    case OPTION_PORT:
        return read_port(c, value, to);
    }
    return 0;
}

/* ---- arguments --------------------------------------------------------------------------------------------- */

static const struct option_row *find_row(const struct command *command, char letter, const char *name, size_t len)
{
    for (const struct option_row *const *t = command->tables; *t; t++)
        for (const struct option_row *row = *t; row->name; row++)
            if (name ? strlen(row->name) == len && !memcmp(row->name, name, len) : letter && row->letter == letter)
                return row;
    return NULL;
}

static int unknown(const struct cursor *c, const char *argument)
{
    return oci_fail(c->err, c->command->name, argument, "unknown option; `imgtool %s --help` lists them",
                    c->command->name);
}

/* The value of an option that has none attached: the next argument. */
static int next_value(struct cursor *c, const char *argument, const char **value)
{
    if (c->at >= c->argc)
        return oci_fail(c->err, c->command->name, argument, "needs a value");
    *value = c->argv[c->at++];
    return 0;
}

/* --max-NAME; 1: taken, 0: no such limit, -1: error. */
static int parse_limit(struct cursor *c, const char *argument, const char *name, size_t len, const char *value)
{
    for (const struct oci_limit_option *l = oci_limit_options; c->command->with_limits && l->name; l++) {
        if (strlen(l->name) != len || memcmp(l->name, name, len) != 0)
            continue;
        if (!value && next_value(c, argument, &value) < 0)
            return -1;
        if (oci_limit_parse(value, (uint64_t *)((char *)&c->o->oci.limits + l->offset)) < 0)
            return bad_value(c, value, "a number such as 1000, 64m or 2g");
        return 1;
    }
    return 0;
}

static int parse_long(struct cursor *c, const char *argument)
{
    const char *name = argument + 2, *value = strchr(name, '=');
    size_t len = value ? (size_t)(value - name) : strlen(name);
    const struct option_row *row = find_row(c->command, 0, name, len);

    snprintf(c->typed, sizeof(c->typed), "--%.*s", (int)len, name);
    value = value ? value + 1 : NULL;
    if (!row) {
        int taken = parse_limit(c, argument, name, len, value);
        return taken == 0 ? unknown(c, argument) : taken < 0 ? -1 : 0;
    }
    if (!value && !value_is_optional(row) && next_value(c, argument, &value) < 0)
        return -1;
    return store(c, row, value);
}

/* -it, -e A=B, -eA=B, -e=A=B. */
static int parse_short(struct cursor *c, const char *argument)
{
    for (const char *at = argument + 1; *at; at++) {
        const struct option_row *row = find_row(c->command, *at, NULL, 0);
        const char *value = at + 1;

        if (!row)
            return unknown(c, argument);
        snprintf(c->typed, sizeof(c->typed), "-%c", *at);
        if (value_is_optional(row) && *value != '=') {
            if (store(c, row, NULL) < 0)
                return -1;
            continue;
        }
        if (*value == '=')
            value++;
        else if (!*value && next_value(c, argument, &value) < 0)
            return -1;
        return store(c, row, value);
    }
    return 0;
}

/* "pull needs REF: usage: ..." */
static int fail_operands(const struct cursor *c)
{
    char needs[32];

    snprintf(needs, sizeof(needs), "needs %.*s", (int)strcspn(c->command->operands, " "), c->command->operands);
    return oci_fail(c->err, c->command->name, needs, "usage: imgtool %s [OPTIONS] %s", c->command->name,
                    c->command->operands);
}

static int check_operands(const struct cursor *c)
{
    if (c->o->help)
        return 0;
    if (c->o->operand_count < c->command->min_operands)
        return fail_operands(c);
    if (c->o->operand_count > c->command->max_operands)
        return oci_fail(c->err, c->command->name, c->o->operands[c->command->max_operands], "one operand too many");
    return 0;
}

int options_parse(const struct command *command, int argc, char **argv, struct options *o, struct oci_error *err)
{
    struct cursor c = {.command = command, .argv = argv, .argc = argc, .at = 1, .o = o, .err = err};
    bool options_end = false;

    *o = (struct options){.stop_timeout_ms = -1};
    oci_options_init(&o->oci);
    o->operands = calloc((size_t)argc + 1, sizeof(*o->operands));
    if (!o->operands)
        return oci_fail_memory(err, "read", "the command line");
    while (c.at < argc) {
        const char *argument = argv[c.at++];
        int result = 0;

        if (options_end || argument[0] != '-' || !argument[1]) {
            o->operands[o->operand_count++] = argument;
            options_end = options_end || command->stop_at_operand;
        } else if (!strcmp(argument, "--")) {
            options_end = true;
        } else {
            result = argument[1] == '-' ? parse_long(&c, argument) : parse_short(&c, argument);
        }
        if (result < 0)
            return -1;
    }
    return check_operands(&c);
}

void options_clear(struct options *o)
{
    oci_list_clear(&o->env);
    oci_list_clear(&o->env_files);
    oci_list_clear(&o->ports);
    oci_list_clear(&o->qemu_args);
    free(o->operands);
}

/* ---- help -------------------------------------------------------------------------------------------------- */

static void print_row(const char *left, const char *help)
{
    if (strlen(left) < HELP_COLUMN - 1)
        printf("%-*s%s\n", HELP_COLUMN, left, help);
    else
        printf("%s\n%*s%s\n", left, HELP_COLUMN, "", help);
}

static void print_option(const struct option_row *row)
{
    char left[96], letter[8] = "    ";

    if (row->letter)
        snprintf(letter, sizeof(letter), "-%c, ", row->letter);
    snprintf(left, sizeof(left),
             row->kind == OPTION_PORT ? "  %s--%s[=%s]"
             : row->value             ? "  %s--%s %s"
                                      : "  %s--%s",
             letter, row->name, row->value);
    print_row(left, row->help);
}

static void print_limits(void)
{
    printf("Limits:\n");
    for (const struct oci_limit_option *l = oci_limit_options; l->name; l++) {
        char left[96], right[192];
        snprintf(left, sizeof(left), "      --%s N", l->name);
        snprintf(right, sizeof(right), "%s (default %llu)", l->meaning, (unsigned long long)l->value);
        print_row(left, right);
    }
}

void options_help(const struct command *c)
{
    printf("Usage: imgtool %s [OPTIONS]%s%s\n%s\n\nOptions:\n", c->name, *c->operands ? " " : "", c->operands,
           c->summary);
    for (const struct option_row *const *t = c->tables; *t; t++)
        for (const struct option_row *row = *t; row->name; row++)
            print_option(row);
    if (c->with_limits)
        print_limits();
}
