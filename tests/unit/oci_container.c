// SPDX-License-Identifier: MIT
/* Configs, users, what is run, and what a runtime adds to the tree. */
#include "initramfs-builder/tree.h"
#include "oci/config.h"
#include "oci/limits.h"
#include "tests/unit/oci_dump.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}"
#define CONFIG(body) "{\"architecture\":\"amd64\",\"os\":\"linux\"," ROOTFS ",\"config\":{" body "}}"

/* ---- configs ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *json;
    const char *error; /* NULL: good */
} configs[] = {
    {CONFIG(""), NULL},
    {"{" ROOTFS "}", NULL},
    {"{" ROOTFS ",\"config\":null,\"history\":null}", NULL},
    {"{\"os\":\"\",\"architecture\":\"\"," ROOTFS "}", NULL},
    {CONFIG("\"Cmd\":null,\"Entrypoint\":null,\"Env\":null,\"Labels\":null,\"Volumes\":null,\"User\":null"), NULL},
    {CONFIG("\"Cmd\":\"one string\""), NULL},
    {"{\"architecture\":\"amd64\",\"os\":\"linux\"}", "has no \"rootfs\""},
    {"{\"rootfs\":{\"type\":\"layers+base\",\"diff_ids\":[]}}", "rootfs.type is 'layers+base'"},
    {"{\"rootfs\":{\"diff_ids\":[\"sha256:" HEX "\"]}}", "rootfs.type is ''"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", "it has 0 diff_ids, the manifest has 1 layers"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"x\",\"y\"]}}", "it has 2 diff_ids"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../../x\"]}}", "hex digits"},
    {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[7]}}", "not an array of strings"},
    {"{\"architecture\":\"arm64\",\"os\":\"linux\"," ROOTFS "}", "the image is for linux/arm64, not linux/amd64"},
    {"{\"architecture\":\"amd64\",\"os\":\"windows\"," ROOTFS "}", "the image is for windows/amd64"},
    {CONFIG("\"Cmd\":[1]"), "\"Cmd\" is not an array of strings"},
    {CONFIG("\"Env\":{}"), "\"Env\" is not an array of strings"},
    {CONFIG("\"User\":7"), "\"User\" is not a string"},
    {CONFIG("\"Labels\":{\"a\":1}"), "label 'a' is not a string"},
    {CONFIG("\"Labels\":[]"), "\"Labels\" is not an object"},
    {CONFIG("\"ExposedPorts\":[]"), "\"ExposedPorts\" is not an object"},
    {CONFIG("\"Env\":[\"A=\\u0000\"]"), "invalid JSON"},
    {CONFIG("\"User\":\"a\",\"User\":\"root\""), "duplicate"},
    {"{" ROOTFS ",\"history\":[1]}", "an entry of \"history\" is not an object"},
    {"{" ROOTFS ",\"config\":[]}", "\"config\" is not an object"},
    {"nonsense", "invalid JSON"},
};

static void test_configs(void **state)
{
    struct oci_limits limits;

    (void)state;
    oci_limits_init(&limits);
    for (size_t n = 0; n < sizeof(configs) / sizeof(configs[0]); n++) {
        struct oci_error err = {.msg = ""};
        struct oci_config c;
        int error = config_parse(configs[n].json, strlen(configs[n].json), "SOURCE", 1, &limits, &c, &err);

        if (configs[n].error ? !error || !strstr(err.msg, configs[n].error) : error)
            fail_msg("%s: %s", configs[n].json, err.msg);
        config_clear(&c);
    }
    limits.manifest_bytes = 10;
    struct oci_error err = {.msg = ""};
    struct oci_config c;
    assert_int_equal(config_parse(configs[0].json, strlen(configs[0].json), "SOURCE", 1, &limits, &c, &err), -1);
    assert_non_null(strstr(err.msg, "--max-manifest"));
}

static void test_all_fields(void **state)
{
    static const char json[] =
        "{\"created\":\"C\",\"author\":\"A\",\"architecture\":\"amd64\",\"os\":\"linux\",\"variant\":\"v2\"," ROOTFS
        ",\"history\":[{\"created_by\":\"RUN x\",\"empty_layer\":true},{\"comment\":\"c\"}],\"config\":{"
        "\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":30000000000,\"Retries\":3},\"StopTimeout\":7,"
        "\"Labels\":{\"k\":\"v\"},\"Volumes\":{\"/data\":{}},\"ExposedPorts\":{\"80/"
        "tcp\":{}},\"StopSignal\":\"SIGINT\","
        "\"Hostname\":\"h\",\"Domainname\":\"d\",\"MacAddress\":\"m\",\"Shell\":[\"/bin/sh\"],\"OnBuild\":[\"RUN y\"],"
        "\"ArgsEscaped\":true,\"NetworkDisabled\":true,\"Tty\":true,\"OpenStdin\":true}}";
    struct oci_limits limits;
    struct oci_error err = {.msg = ""};
    struct oci_config c;

    (void)state;
    oci_limits_init(&limits);
    assert_int_equal(config_parse(json, strlen(json), "SOURCE", 1, &limits, &c, &err), 0);
    assert_string_equal(c.created, "C");
    assert_string_equal(c.author, "A");
    assert_string_equal(c.variant, "v2");
    assert_int_equal(c.history_count, 2);
    assert_true(c.history[0].empty_layer);
    assert_string_equal(c.history[0].created_by, "RUN x");
    assert_true(c.healthcheck.set);
    assert_int_equal(c.healthcheck.interval_ns, 30000000000);
    assert_int_equal(c.healthcheck.retries, 3);
    assert_int_equal(c.healthcheck.test.count, 2);
    assert_int_equal(c.stop_timeout, 7);
    assert_string_equal(c.labels[0].key, "k");
    assert_string_equal(c.labels[0].value, "v");
    assert_string_equal(c.volumes.items[0], "/data");
    assert_string_equal(c.exposed_ports.items[0], "80/tcp");
    assert_string_equal(c.stop_signal, "SIGINT");
    assert_string_equal(c.hostname, "h");
    assert_string_equal(c.domainname, "d");
    assert_string_equal(c.mac_address, "m");
    assert_string_equal(c.shell.items[0], "/bin/sh");
    assert_string_equal(c.on_build.items[0], "RUN y");
    assert_true(c.args_escaped && c.network_disabled && c.tty && c.open_stdin);
    assert_false(c.entrypoint.set);
    config_clear(&c);
}

/* ---- trees for the rest ------------------------------------------------------------------------------------ */

static struct tree_entry *add(struct tree *t, struct tree_entry *dir, const char *name, unsigned mode, const char *text)
{
    struct tree_inode *i = tree_inode_new(mode);
    struct tree_entry *e;

    if (S_ISLNK(mode))
        i->symlink = strdup(text);
    else if (S_ISREG(mode))
        i->blob = strdup(text);
    i->size = text ? strlen(text) : 0;
    assert_int_equal(tree_link(dir ? dir : tree_root(t), name, strlen(name), i, &e), 0);
    return e;
}

static const char PASSWD[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "\n"
                             "# a comment: it is a line like any other\n"
                             "  daemon:x:1:1::/usr/sbin:/bin/false  \n"
                             "broken\n"
                             "nonumber:x:abc:5::/x:\n"
                             "alice:x:1000:1001:Alice:/home/alice:/bin/sh\n"
                             "alias:x:1000:5::/home/alias:\n"
                             "nohome:x:1002:1002:::\n"
                             "short:x:1003:1003\n"
                             "4242:x:77:77::/named-like-a-number:\n"
                             "99999999999:x:0:0::/trap:\n"
                             "last:x:1004:1004::/last:/bin/sh";
static const char GROUP[] = "root:x:0:\n"
                            "daemon:x:1:alice\n"
                            "wheel:x:10:root,alice,bob\n"
                            "alice:x:1001:\n"
                            "primary:x:1001:alice\n"
                            "malice:x:66:xalice,alicex\n"
                            "bad:x:zz:alice\n"
                            "staff:x:50\n"
                            "video:x:44:alice";

static struct tree *users_tree(void)
{
    struct tree *t = tree_new();
    struct tree_entry *etc = add(t, NULL, "etc", S_IFDIR | 0755, NULL);

    add(t, etc, "passwd", S_IFREG | 0644, PASSWD);
    add(t, etc, "group", S_IFREG | 0644, GROUP);
    return t;
}

/* ---- users ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *spec;
    const char *result; /* "uid:gid groups home", or */
    const char *error;
} users[] = {
    {NULL, "0:0 0,10 /root", NULL},
    {"", "0:0 0,10 /root", NULL},
    {"root", "0:0 0,10 /root", NULL},
    {"alice", "1000:1001 1001,1,10,44 /home/alice", NULL},
    {"1000", "1000:1001 1001,1,10,44 /home/alice", NULL},
    {"alice:wheel", "1000:10 10 /home/alice", NULL},
    {"1000:50", "1000:50 50 /home/alice", NULL},
    {"1000:staff", "1000:50 50 /home/alice", NULL},
    {"alice:4711", "1000:4711 4711 /home/alice", NULL},
    {"alice:", "1000:1001 1001,1,10,44 /home/alice", NULL},
    {":wheel", "0:10 10 /root", NULL},
    {"alias", "1000:5 5 /home/alice", NULL}, /* HOME goes by the uid's first line */
    {"daemon", "1:1 1 /usr/sbin", NULL},
    {"nohome", "1002:1002 1002 /", NULL},
    {"short", "1003:1003 1003 /", NULL},
    {"last", "1004:1004 1004 /last", NULL},
    {"4711", "4711:0 0 /", NULL},
    {"4711:4712", "4711:4712 4712 /", NULL},
    {"4242", "4242:0 0 /", NULL}, /* a number is never a name */
    {"+5", "5:0 0 /", NULL},
    {"2147483647", "2147483647:0 0 /", NULL},
    {"2147483648", NULL, "the uid is not in the range 0-2147483647"},
    {"99999999999", NULL, "the uid is not in the range"},
    {"99999999999999999999999999999", NULL, "the uid is not in the range"},
    {"-1", NULL, "the uid is not in the range"},
    {"0:-1", NULL, "the gid is not in the range"},
    {"0:4294967296", NULL, "the gid is not in the range"},
    {"bob", NULL, "resolve user bob: the image's /etc/passwd has no user 'bob'"},
    {"nonumber", NULL, "has no user 'nonumber'"},
    {"alice:nogroup", NULL, "the image's /etc/group has no group 'nogroup'"},
    {"alice:bad", NULL, "has no group 'bad'"},
    {"0x10", NULL, "has no user '0x10'"},
    {"root ", NULL, "has no user 'root '"},
};

static char *user_text(const struct oci_user *u)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    fprintf(f, "%u:%u ", u->uid, u->gid);
    for (size_t n = 0; n < u->group_count; n++)
        fprintf(f, "%s%u", n ? "," : "", u->groups[n]);
    fprintf(f, " %s", u->home);
    fclose(f);
    return text;
}

static void test_users(void **state)
{
    struct tree *t = users_tree();

    (void)state;
    for (size_t n = 0; n < sizeof(users) / sizeof(users[0]); n++) {
        struct oci_error err = {.msg = ""};
        struct oci_user u;
        int error = oci_user_resolve(t, users[n].spec, &u, &err);
        char *text = error ? strdup("-") : user_text(&u);

        if (users[n].error ? !error || !strstr(err.msg, users[n].error) : strcmp(text, users[n].result) != 0)
            fail_msg("'%s': %s %s", users[n].spec, text, err.msg);
        free(text);
        oci_user_clear(&u);
    }
    tree_free(t);
}

static void test_users_without_files(void **state)
{
    struct tree *t = tree_new();
    struct oci_error err = {.msg = ""};
    struct oci_user u;

    (void)state;
    assert_int_equal(oci_user_resolve(t, "", &u, &err), 0);
    assert_int_equal(u.uid, 0);
    assert_string_equal(u.home, "/");
    oci_user_clear(&u);
    assert_int_equal(oci_user_resolve(t, "7:8", &u, &err), 0);
    oci_user_clear(&u);
    assert_int_equal(oci_user_resolve(t, "root", &u, &err), -1);
    /* passwd as a symlink leads inside the image; as a directory it is an error */
    struct tree_entry *etc = add(t, NULL, "etc", S_IFDIR | 0755, NULL);
    add(t, NULL, "real", S_IFREG | 0644, "u:x:5:6::/h:\n");
    add(t, etc, "passwd", S_IFLNK | 0777, "../../../real");
    assert_int_equal(oci_user_resolve(t, "u", &u, &err), 0);
    assert_int_equal(u.uid, 5);
    oci_user_clear(&u);
    add(t, etc, "group", S_IFDIR | 0755, NULL);
    assert_int_equal(oci_user_resolve(t, "u", &u, &err), -1);
    assert_non_null(strstr(err.msg, "/etc/group of the image: Is a directory"));
    tree_free(t);
}

/* ---- what is run ------------------------------------------------------------------------------------------- */

static void write_list(FILE *f, const char *what, const struct oci_list *list)
{
    fputs(what, f);
    for (size_t n = 0; n < list->count; n++)
        fprintf(f, "%s[%s]", n ? "," : "", list->items[n]);
    fputc('\n', f);
}

static char *container_text(const struct oci_container *c)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    write_list(f, "argv ", &c->argv);
    write_list(f, "env ", &c->env);
    fprintf(f, "cwd %s host %s%s%s signal %d\n", c->cwd, c->hostname, c->domainname ? "." : "",
            c->domainname ? c->domainname : "", c->stop_signal);
    for (size_t n = 0; n < c->port_count; n++)
        fprintf(f, "port %u/%u\n", c->ports[n].port, c->ports[n].protocol);
    if (c->volumes.count)
        write_list(f, "volumes ", &c->volumes);
    if (c->warning)
        fprintf(f, "warning %s\n", c->warning);
    fclose(f);
    return text;
}

#define STRINGS(...) (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)
#define PATH "[PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin]"
#define HOST "[HOSTNAME=fedcba987654]"
#define REST "cwd / host fedcba987654 signal 15\n"

static const struct {
    const char *config;
    struct oci_overrides over;
    const char *result; /* or */
    const char *error;
} runs[] = {
    {"\"Cmd\":[\"/a\",\"b\"]", {0}, "argv [/a],[b]\nenv " PATH "," HOST ",[HOME=/root]\n" REST, NULL},
    {"\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"]", {0}, "argv [/e],[c]\nenv " PATH "," HOST ",[HOME=/root]\n" REST, NULL},
    {"\"Entrypoint\":[\"/e\",\"f\"],\"Cmd\":[\"c\"]",
     {.command = STRINGS("x", "y")},
     "argv [/e],[f],[x],[y]\nenv " PATH "," HOST ",[HOME=/root]\n" REST,
     NULL},
    {"\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"]",
     {.entrypoint = "/n"},
     "argv [/n]\nenv " PATH "," HOST ",[HOME=/root]\n" REST,
     NULL},
    {"\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"]",
     {.command = STRINGS("x"), .entrypoint = ""},
     "argv [x]\nenv " PATH "," HOST ",[HOME=/root]\n" REST,
     NULL},
    {"\"Entrypoint\":[\"\"],\"Cmd\":[\"c\"]", {0}, "argv [c]\nenv " PATH "," HOST ",[HOME=/root]\n" REST, NULL},
    {"\"Entrypoint\":[],\"Cmd\":[]", {0}, NULL, "neither Entrypoint nor Cmd"},
    {"", {0}, NULL, "run image IMAGE: no command"},
    {"\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"]", {.entrypoint = ""}, NULL, "no command"},
    {"\"Cmd\":[\"\"]", {0}, NULL, "the command's name is empty"},
    /* the environment */
    {"\"Cmd\":[\"c\"],\"Env\":[\"PATH=/p\",\"A=1\",\"A=2\",\"B=x=y\",\"EMPTY=\",\"HOME=/h\",\"bare\"]",
     {0},
     "argv [c]\nenv [PATH=/p]," HOST ",[A=1],[A=2],[B=x=y],[EMPTY=],[HOME=/h]\n" REST,
     NULL},
    {"\"Cmd\":[\"c\"],\"Env\":[\"A=1\",\"B=1\",\"HOME=\"]",
     {.env = STRINGS("B=2", "C=3"), .tty = true},
     "argv [c]\nenv " PATH "," HOST ",[TERM=xterm],[B=2],[C=3],[A=1],[HOME=/root]\n" REST,
     NULL},
    {"\"Cmd\":[\"c\"],\"Env\":[\"A=1\",\"TERM=vt100\"]",
     {.env = STRINGS("SLIPWAY_SET", "SLIPWAY_UNSET", "A", "PATH"), .tty = true},
     "argv [c]\nenv " HOST ",[TERM=vt100],[SLIPWAY_SET=yes],[HOME=/root]\n" REST,
     NULL},
    {"\"Cmd\":[\"c\"]", {.env = STRINGS("=x")}, NULL, "its name is empty"},
    {"\"Cmd\":[\"c\"]", {.env = STRINGS("")}, NULL, "its name is empty"},
    /* user, directory, names, signal */
    {"\"Cmd\":[\"c\"],\"User\":\"alice\",\"WorkingDir\":\"/a/../b/./c/\",\"StopSignal\":\"SIGUSR1\"",
     {0},
     "argv [c]\nenv " PATH "," HOST ",[HOME=/home/alice]\ncwd /b/c host fedcba987654 signal 10\n",
     NULL},
    {"\"Cmd\":[\"c\"],\"User\":\"nobody\",\"WorkingDir\":\"rel\"",
     {.user = "4711", .cwd = "/w", .hostname = "web", .domainname = "example.org", .stop_signal = "9"},
     "argv [c]\nenv " PATH ",[HOSTNAME=web],[HOME=/]\ncwd /w host web.example.org signal 9\n",
     NULL},
    {"\"Cmd\":[\"c\"],\"Hostname\":\"img\"",
     {0},
     "argv [c]\nenv " PATH ",[HOSTNAME=img],[HOME=/root]\ncwd / host img signal 15\n",
     NULL},
    {"\"Cmd\":[\"c\"],\"User\":\"nobody\"", {0}, NULL, "has no user 'nobody'"},
    {"\"Cmd\":[\"c\"],\"WorkingDir\":\"rel\"", {0}, NULL, "use working directory rel: it is not an absolute"},
    {"\"Cmd\":[\"c\"],\"StopSignal\":\"SIGFOO\"", {0}, NULL, "use stop signal SIGFOO"},
    {"\"Cmd\":[\"c\"]", {.hostname = "a b"}, NULL, "use hostname a b"},
    {"\"Cmd\":[\"c\"]",
     {.hostname = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
     NULL,
     "use hostname"},
    {"\"Cmd\":[\"c\"]", {.domainname = "a/b"}, NULL, "use domain name"},
    /* ports, volumes, the warning */
    {"\"Cmd\":[\"c\"],\"ExposedPorts\":{\"80\":{},\"53/UDP\":{},\"9000-9002/tcp\":{},\"5/sctp\":{}},\"Volumes\":{\"/v/"
     "../d\":{}}",
     {0},
     "argv [c]\nenv " PATH "," HOST ",[HOME=/root]\n" REST
     "port 80/6\nport 53/17\nport 9000/6\nport 9001/6\nport 9002/6\nport 5/132\nvolumes [/d]\n",
     NULL},
    {"\"Cmd\":[\"c\"],\"ExposedPorts\":{\"0/tcp\":{}}", {0}, NULL, "it exposes '0/tcp', which is no port"},
    {"\"Cmd\":[\"c\"],\"ExposedPorts\":{\"70000\":{}}", {0}, NULL, "which is no port"},
    {"\"Cmd\":[\"c\"],\"ExposedPorts\":{\"9-8\":{}}", {0}, NULL, "which is no port"},
    {"\"Cmd\":[\"c\"],\"ExposedPorts\":{\"80/icmp\":{}}", {0}, NULL, "which is no port"},
    {"\"Cmd\":[\"c\"],\"Volumes\":{\"data\":{}}", {0}, NULL, "the volume 'data' is not an absolute path"},
    {"\"Cmd\":[\"c\"],\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]},\"MacAddress\":\"02:42\",\"NetworkDisabled\":true",
     {0},
     "argv [c]\nenv " PATH "," HOST ",[HOME=/root]\n" REST
     "warning image IMAGE sets what Slipway does not honour: Healthcheck, MacAddress, NetworkDisabled\n",
     NULL},
    {"\"Cmd\":[\"c\"],\"Healthcheck\":{\"Test\":[\"NONE\"]}",
     {0},
     "argv [c]\nenv " PATH "," HOST ",[HOME=/root]\n" REST,
     NULL},
};

static void run_one(size_t n, struct tree *t)
{
    struct oci_image image = {.ref = "IMAGE", .id = "sha256:fedcba9876543210"};
    struct oci_container *c = NULL;
    struct oci_limits limits;
    struct oci_error err = {.msg = ""};
    char json[2000], *text;
    int error;

    oci_limits_init(&limits);
    snprintf(json, sizeof(json), "{" ROOTFS ",\"config\":{%s}}", runs[n].config);
    assert_int_equal(config_parse(json, strlen(json), "SOURCE", 1, &limits, &image.config, &err), 0);
    error = oci_container_new(&image, t, &runs[n].over, &c, &err);
    text = error ? strdup("-") : container_text(c);
    if (runs[n].error ? !error || !strstr(err.msg, runs[n].error) : strcmp(text, runs[n].result) != 0)
        fail_msg("%s: wanted\n%s\ngot\n%s%s", runs[n].config, runs[n].result ? runs[n].result : runs[n].error, text,
                 err.msg);
    free(text);
    oci_container_free(c);
    config_clear(&image.config);
}

static void test_runs(void **state)
{
    struct tree *t = users_tree();

    (void)state;
    setenv("SLIPWAY_SET", "yes", 1);
    unsetenv("SLIPWAY_UNSET");
    unsetenv("A");
    unsetenv("PATH");
    for (size_t n = 0; n < sizeof(runs) / sizeof(runs[0]); n++)
        run_one(n, t);
    tree_free(t);
}

/* ---- the runtime's files ----------------------------------------------------------------------------------- */

static void check_file(struct tree *t, const char *path, const char *expected)
{
    struct tree_entry *e;
    char *data;
    size_t len;

    assert_int_equal(tree_resolve(t, path, 0, &e), 0);
    assert_int_equal(tree_read_file(t, e, 1 << 20, &data, &len), 0);
    assert_string_equal(data, expected);
    free(data);
}

static char volume[] = "/vol/data";

static void check_tree(struct tree *t, const struct oci_container *c, const char *expected)
{
    struct oci_error err = {.msg = ""};
    char *text;

    if (oci_runtime_files(t, c, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    text = dump_tree(t);
    assert_string_equal(text, expected);
    free(text);
}

static void test_runtime_files(void **state)
{
    struct tree *t = tree_new();
    char *volumes[] = {volume, NULL};
    struct oci_container c = {.hostname = "web", .cwd = "/srv/app", .volumes = {volumes, 1, true}};

    (void)state;
    check_tree(t, &c,
               "dev d\ndev/pts d\ndev/shm d\netc d\netc/hostname f=4\netc/hosts f=164\netc/mtab l=/proc/mounts\n"
               "etc/resolv.conf f=20\nproc d\nsrv d\nsrv/app d\nsys d\nvol d\nvol/data d\n");
    check_file(t, "/etc/hostname", "web\n");
    check_file(t, "/etc/resolv.conf", "nameserver 10.0.2.3\n");
    check_file(t, "/etc/hosts",
               "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
               "ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n127.0.1.1\tweb\n");
    tree_free(t);
}

/* What an image may put in the way: nothing is written through its links. */
static void test_runtime_hostile(void **state)
{
    struct tree *t = tree_new();
    struct oci_container c = {.hostname = "a.b", .domainname = "c", .cwd = "/run/app"};
    struct tree_entry *data = add(t, NULL, "data", S_IFDIR | 0755, NULL);
    struct tree_entry *etc = add(t, NULL, "etc", S_IFDIR | 0755, NULL);

    (void)state;
    add(t, data, "victim", S_IFREG | 0600, "secret");
    add(t, etc, "hosts", S_IFLNK | 0777, "/data/victim");
    add(t, etc, "hostname", S_IFLNK | 0777, "../../../../data/victim");
    add(t, etc, "resolv.conf", S_IFDIR | 0755, NULL);
    add(t, etc, "mtab", S_IFREG | 0644, "kept");
    add(t, NULL, "proc", S_IFLNK | 0777, "data");
    add(t, NULL, "dev", S_IFREG | 0644, "x");
    add(t, NULL, "run", S_IFLNK | 0777, "/var/run/");
    check_tree(t, &c,
               "data d\ndata/victim f=6 0600\ndev d\ndev/pts d\ndev/shm d\netc d\netc/hostname f=4\netc/hosts f=168\n"
               "etc/mtab f=4\netc/resolv.conf f=20\nproc d\nrun l=/var/run/\nsys d\nvar d\nvar/run d\nvar/run/app d\n");
    check_file(t, "/data/victim", "secret");
    tree_free(t);

    t = tree_new();
    add(t, NULL, "data", S_IFDIR | 0755, NULL);
    add(t, NULL, "etc", S_IFLNK | 0777, "data");
    c.cwd = "/";
    check_tree(
        t, &c,
        "data d\ndev d\ndev/pts d\ndev/shm d\netc d\netc/hostname f=4\netc/hosts f=168\netc/mtab l=/proc/mounts\n"
        "etc/resolv.conf f=20\nproc d\nsys d\n");
    tree_free(t);
}

static void test_runtime_errors(void **state)
{
    struct tree *t = tree_new();
    struct oci_container c = {.hostname = "h", .cwd = "/file/dir"};
    struct oci_error err = {.msg = ""};

    (void)state;
    add(t, NULL, "file", S_IFREG | 0644, "x");
    add(t, NULL, "loop", S_IFLNK | 0777, "loop");
    assert_int_equal(oci_runtime_files(t, &c, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "use working directory /file/dir: Not a directory (in the image)"));
    c.cwd = "/loop/x";
    assert_int_equal(oci_runtime_files(t, &c, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "Too many levels of symbolic links"));
    tree_free(t);
}

static void test_network(void **state)
{
    static const char *const servers[] = {"1.1.1.1", "::1"}, *const hosts[] = {"10.0.0.9 db"};
    struct oci_network net = {"10.0.2.15", servers, 2, hosts, 1};
    struct oci_container c = {.hostname = "h", .cwd = "/"};
    struct tree *t = tree_new();
    struct oci_error err = {.msg = ""};
    struct tree_entry *e;
    char *data;
    size_t len;

    (void)state;
    assert_int_equal(oci_runtime_files(t, &c, &net, &err), 0);
    check_file(t, "/etc/resolv.conf", "nameserver 1.1.1.1\nnameserver ::1\n");
    assert_int_equal(tree_resolve(t, "/etc/hosts", 0, &e), 0);
    assert_int_equal(tree_read_file(t, e, 1 << 20, &data, &len), 0);
    assert_non_null(strstr(data, "\n10.0.2.15\th\n10.0.0.9 db\n"));
    free(data);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configs),
        cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_users_without_files),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_runtime_files),
        cmocka_unit_test(test_runtime_hostile),
        cmocka_unit_test(test_runtime_errors),
        cmocka_unit_test(test_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
