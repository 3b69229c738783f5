// SPDX-License-Identifier: MIT
/* The command line as docker spells it, and what it makes of a boot record. */
#include "imgtool/commands.h"
#include "imgtool/options.h"
#include "imgtool/spec.h"
#include "initramfs-builder/tree.h"
#include "kernel/boot_contract.h"
#include "oci/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct options o;
static struct oci_error err;

/* Parses "imgtool run ..." from words. */
static int parse(const struct command *c, const char *words)
{
    static char copy[512], *argv[64];
    int argc = 0;
    char *save;

    options_clear(&o);
    err.msg[0] = 0;
    snprintf(copy, sizeof(copy), "%s", words);
    argv[argc++] = (char *)"x";
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    return options_parse(c, argc, argv, &o, &err);
}

static void run_line(const char *words)
{
    if (parse(&command_run, words) < 0)
        fail_msg("%s: %s", words, err.msg);
}

static void refused(const char *words, const char *text)
{
    assert_int_equal(parse(&command_run, words), -1);
    if (!strstr(err.msg, text))
        fail_msg("\"%s\" lacks \"%s\"", err.msg, text);
}

static void docker_s_spellings(void **state)
{
    (void)state;
    run_line("-it -e A=1 -eB=2 --env C=3 --env=D=4 -e=E -w/tmp img sh -c ls --not-ours -i");
    assert_true(o.tty && o.interactive);
    assert_int_equal(o.env.count, 5);
    assert_string_equal(o.env.items[1], "B=2");
    assert_string_equal(o.env.items[3], "D=4");
    assert_string_equal(o.env.items[4], "E");
    assert_string_equal(o.cwd, "/tmp");
    assert_int_equal(o.operand_count, 6);
    assert_string_equal(o.operands[4], "--not-ours");
    assert_null(o.operands[6]);
    run_line("--init=false --tls-verify=false --interactive -h name -- img -x");
    assert_false(o.init || o.oci.tls_verify);
    assert_true(o.interactive);
    assert_string_equal(o.hostname, "name");
    assert_string_equal(o.operands[1], "-x");
    run_line("-itu 1:2 img");
    assert_string_equal(o.user, "1:2");
    run_line("--entrypoint= img");
    assert_string_equal(o.entrypoint, "");
}

static void numbers_and_units(void **state)
{
    (void)state;
    run_line("-m 512m --cpus 1.5 --timeout 300ms --stop-timeout 2 --debug img");
    assert_int_equal(o.memory, 512 << 20);
    assert_int_equal(o.cpus, 2);
    assert_int_equal(o.timeout_ms, 300);
    assert_int_equal(o.stop_timeout_ms, 2000);
    assert_int_equal(o.debug_port, 1234);
    run_line("-m2g --cpus=4 --timeout=1.5h --machine q35 --debug=99 --max-entries 7 --max-output=3k img");
    assert_true(o.memory == 2ull << 30);
    assert_int_equal(o.timeout_ms, 5400000);
    assert_int_equal(o.machine, MACHINE_Q35);
    assert_int_equal(o.debug_port, 99);
    assert_int_equal(o.oci.limits.entries, 7);
    assert_int_equal(o.oci.limits.output_bytes, 3072);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refused("", "run needs REF|FILE: usage: imgtool run");
    refused("--bogus img", "run --bogus: unknown option");
    refused("-iz img", "run -iz: unknown option");
    refused("-e", "run -e: needs a value");
    refused("--env", "run --env: needs a value");
    refused("--init=maybe img", "run --init: \"maybe\" is not true or false");
    refused("--cpus 0 img", "is not a number of CPUs");
    refused("--cpus nan img", "is not a number of CPUs");
    refused("--cpus 0x2 img", "is not a number of CPUs");
    refused("-m 0 img", "is not a size");
    refused("-m 12q img", "run -m: \"12q\" is not a size");
    refused("--memory=12q img", "run --memory: \"12q\" is not a size");
    refused("-tm 12q img", "run -m: \"12q\" is not a size");
    refused("--timeout 5d img", "is not a duration");
    refused("--timeout inf img", "is not a duration");
    refused("--machine pc img", "is not microvm or q35");
    refused("--debug=0 img", "is not a port");
    refused("--max-entries x img", "run --max-entries: \"x\" is not a number");
    assert_int_equal(parse(&command_pull, "a b"), -1);
    assert_non_null(strstr(err.msg, "pull b: one operand too many"));
    assert_int_equal(parse(&command_pull, "-m 5m a"), -1);
    assert_int_equal(parse(&command_build, "img -o vm.elf"), 0); /* options may follow */
    assert_string_equal(o.output, "vm.elf");
}

static void ports_are_checked(void **state)
{
    static const char *const good[] = {"80", "8080:80", "127.0.0.1:8080:80", "127.0.0.1::80", "53:53/udp", "1-5:1-5"};
    static const char *const bad[] = {"", "x", "0", "65536", "80/xyz", "a:80", "80:", "5-1:5-1", "1:2:3:", "-5", "8 0"};
    struct spec_overrides over;

    (void)state;
    for (size_t n = 0; n < sizeof(good) / sizeof(good[0]); n++) {
        run_line("img");
        oci_list_add(&o.ports, good[n]);
        if (spec_overrides_new(&o, &over, &err) < 0)
            fail_msg("%s", err.msg);
        spec_overrides_clear(&over);
    }
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        run_line("img");
        oci_list_add(&o.ports, bad[n]);
        if (spec_overrides_new(&o, &over, &err) == 0)
            fail_msg("\"%s\" was taken", bad[n]);
        spec_overrides_clear(&over);
    }
}

/* ---- records ----------------------------------------------------------------------------------------------- */

static struct oci_container *container(void)
{
    struct oci_container *c = calloc(1, sizeof(*c));

    oci_list_add(&c->argv, "/bin/a");
    oci_list_add(&c->argv, "");
    oci_list_add(&c->env, "PATH=/bin");
    oci_list_add(&c->env, "HOME=/root");
    c->cwd = strdup("/");
    c->hostname = strdup("host");
    c->stop_signal = 3;
    c->user.groups = calloc(2, sizeof(uint32_t));
    c->user.groups[1] = 5;
    c->user.group_count = 2;
    c->user.gid = 7;
    c->ports = calloc(1, sizeof(*c->ports));
    c->ports[0] = (struct oci_port){80, 6};
    c->port_count = 1;
    return c;
}

/* container -> record -> container */
static struct oci_container *through_a_record(uint32_t *flags)
{
    struct oci_container *c = container(), *back = NULL;
    struct record r;

    assert_int_equal(spec_record(c, &o, 99, &r, &err), 0);
    if (spec_read(r.data, r.size, &back, flags, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t n = 0; n < r.size; n++) { /* cut short anywhere it is an error, not a crash */
        struct oci_container *cut = NULL;
        uint32_t ignored;
        struct oci_error e;
        void *copy = malloc(n + 1);
        memcpy(copy, r.data, n);
        assert_int_equal(spec_read(copy, n, &cut, &ignored, &e), -1);
        free(copy);
    }
    record_free(&r);
    oci_container_free(c);
    return back;
}

static void record_carries_everything(void **state)
{
    struct oci_container *c;
    uint32_t flags;

    (void)state;
    run_line("-it --init img");
    c = through_a_record(&flags);
    assert_int_equal(flags, SW_FLAG_TTY | SW_FLAG_INIT | SW_FLAG_STDIN_OPEN);
    assert_int_equal(c->argv.count, 2);
    assert_string_equal(c->argv.items[1], "");
    assert_string_equal(c->env.items[1], "HOME=/root");
    assert_string_equal(c->cwd, "/");
    assert_string_equal(c->hostname, "host");
    assert_int_equal(c->stop_signal, 3);
    assert_int_equal(c->user.gid, 7);
    assert_int_equal(c->user.group_count, 2);
    assert_int_equal(c->user.groups[1], 5);
    assert_int_equal(c->port_count, 1);
    assert_int_equal(c->ports[0].port, 80);
    assert_int_equal(c->ports[0].protocol, 6);
    oci_container_free(c);
}

static const char *variable(const struct oci_container *c, const char *name)
{
    for (size_t n = 0; n < c->env.count; n++)
        if (!strncmp(c->env.items[n], name, strlen(name)))
            return c->env.items[n] + strlen(name);
    return NULL;
}

static void overrides_lie_over_a_record(void **state)
{
    struct tree *tree = tree_new();
    struct tree_inode *passwd = tree_inode_new(S_IFREG | 0644), *etc = tree_inode_new(S_IFDIR | 0755);
    struct spec_overrides over;
    struct tree_entry *dir;
    struct oci_container *c;
    uint32_t flags;

    (void)state;
    tree_link(tree_root(tree), "etc", 3, etc, &dir);
    passwd->blob = strdup("u:x:12:34::/home/u:/bin/sh\n");
    passwd->size = strlen(passwd->blob);
    tree_link(dir, "passwd", 6, passwd, NULL);
    setenv("SLIPWAY_TEST", "own", 1);
    run_line("-t -u u -h other -w /tmp -e X=1 -e PATH -e SLIPWAY_TEST -e NOT_THERE -e HOME=/h --stop-signal INT img "
             "cmd arg");
    unsetenv("PATH_");
    c = through_a_record(&flags);
    assert_int_equal(spec_overrides_new(&o, &over, &err), 0);
    if (spec_apply(c, &over.oci, tree, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(c->argv.count, 2);
    assert_string_equal(c->argv.items[0], "cmd");
    assert_string_equal(variable(c, "X="), "1");
    assert_string_equal(variable(c, "SLIPWAY_TEST="), "own");
    assert_null(variable(c, "NOT_THERE="));
    assert_string_equal(variable(c, "HOME="), "/h");
    assert_string_equal(variable(c, "TERM="), "xterm");
    assert_string_equal(variable(c, "HOSTNAME="), "other");
    assert_string_equal(variable(c, "PATH="), getenv("PATH"));
    assert_int_equal(c->user.uid, 12);
    assert_int_equal(c->user.gid, 34);
    assert_string_equal(c->cwd, "/tmp");
    assert_int_equal(c->stop_signal, 2);
    oci_container_free(c);
    spec_overrides_clear(&over);
    run_line("-u nobody img");
    c = through_a_record(&flags);
    assert_int_equal(spec_overrides_new(&o, &over, &err), 0);
    assert_int_equal(spec_apply(c, &over.oci, tree, &err), -1);
    oci_container_free(c);
    spec_overrides_clear(&over);
    tree_free(tree);
}

static void env_files_are_read(void **state)
{
    char path[] = "/tmp/slipway-test-env-XXXXXX";
    struct spec_overrides over;
    int fd = mkstemp(path);
    char line[64];

    (void)state;
    dprintf(fd, "# comment\n\nA=1 2\n  B=x\r\nC\n");
    snprintf(line, sizeof(line), "-e Z=9 --env-file %s img", path);
    run_line(line);
    assert_int_equal(spec_overrides_new(&o, &over, &err), 0);
    assert_int_equal(over.oci.env_count, 4);
    assert_string_equal(over.oci.env[0], "A=1 2");
    assert_string_equal(over.oci.env[1], "B=x");
    assert_string_equal(over.oci.env[2], "C");
    assert_string_equal(over.oci.env[3], "Z=9");
    spec_overrides_clear(&over);
    dprintf(fd, "not a name=1\n");
    assert_int_equal(spec_overrides_new(&o, &over, &err), -1);
    assert_non_null(strstr(err.msg, "is not NAME=VALUE"));
    spec_overrides_clear(&over);
    close(fd);
    unlink(path);
}

static int finish(void **state)
{
    (void)state;
    options_clear(&o);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(docker_s_spellings),        cmocka_unit_test(numbers_and_units),
        cmocka_unit_test(mistakes_are_named),        cmocka_unit_test(ports_are_checked),
        cmocka_unit_test(record_carries_everything), cmocka_unit_test(overrides_lie_over_a_record),
        cmocka_unit_test(env_files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, finish);
}
