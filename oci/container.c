// SPDX-License-Identifier: MIT
/*
 * From an image's configuration and the caller's overrides to what is run, by the rules of `docker run`:
 * - --entrypoint drops the image's Cmd; arguments replace it; nothing left to run is an error.
 * - The environment is PATH, HOSTNAME and (with a terminal) TERM, unless set; then -e's, then the image's that no -e
 *   names, verbatim and in order; then HOME, unless set to something.
 * - The hostname is -h, else the image's, else the first 12 digits of the image's ID (Docker: of the container's).
 */
#include "oci/error.h"
#include "oci/digest.h"
#include "oci/path.h"

#include <ctype.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>

static const char WHAT[] = "run image";
static const char DEFAULT_PATH[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct build {
    const struct oci_image *image;
    const struct oci_config *config;
    const struct oci_overrides *over;
    struct oci_container *c;
    struct oci_error *err;
};

static int fail_memory(struct build *b)
{
    return oci_fail_memory(b->err, WHAT, b->image->ref);
}

/* ---- arguments --------------------------------------------------------------------------------------------- */

static bool is_reset(const struct oci_list *entrypoint)
{
    return entrypoint->count == 1 && !*entrypoint->items[0];
}

bool oci_image_has_command(const struct oci_image *image)
{
    const struct oci_config *c = &image->config;

    return c->cmd.count > 0 || (c->entrypoint.count > 0 && !is_reset(&c->entrypoint));
}

int oci_fail_no_command(const struct oci_image *image, struct oci_error *err)
{
    return oci_fail(err, WHAT, image->ref, "no command: it has neither Entrypoint nor Cmd, and none was given");
}

static int build_argv(struct build *b)
{
    const struct oci_overrides *o = b->over;
    const struct oci_config *config = b->config;
    struct oci_list *argv = &b->c->argv;
    int error = 0;

    if (o->entrypoint && *o->entrypoint)
        error = oci_list_add(argv, o->entrypoint);
    else if (!o->entrypoint && !is_reset(&config->entrypoint))
        error = oci_list_copy(argv, &config->entrypoint);
    for (size_t n = 0; n < o->command_count && !error; n++)
        error = oci_list_add(argv, o->command[n]);
    if (!o->command_count && !o->entrypoint && !error)
        error = oci_list_copy(argv, &config->cmd);
    if (error)
        return fail_memory(b);
    if (argv->count == 0)
        return oci_fail_no_command(b->image, b->err);
    if (!*argv->items[0])
        return oci_fail(b->err, WHAT, b->image->ref, "the command's name is empty");
    return 0;
}

/* ---- environment ------------------------------------------------------------------------------------------- */

static size_t key_len(const char *variable)
{
    return strcspn(variable, "=");
}

static bool same_key(const char *a, const char *b)
{
    return key_len(a) == key_len(b) && memcmp(a, b, key_len(a)) == 0;
}

static char **find_key(const struct oci_list *list, const char *variable)
{
    for (size_t n = 0; n < list->count; n++) {
        if (same_key(list->items[n], variable))
            return &list->items[n];
    }
    return NULL;
}

static void remove_key(struct oci_list *list, const char *variable)
{
    char **at = find_key(list, variable);

    if (!at)
        return;
    free(*at);
    memmove(at, at + 1, (size_t)(list->items + list->count - at) * sizeof(*at));
    list->count--;
}

/* Sets one variable over the defaults, which are the first `defaults` of the list; a bare "NAME" removes. */
static int set_variable(struct oci_list *env, size_t *defaults, const char *variable)
{
    struct oci_list head = {.items = env->items, .count = *defaults};
    char **at = find_key(&head, variable), *copy;

    if (!variable[key_len(variable)]) {
        if (at) {
            remove_key(env, variable);
            --*defaults;
        }
        return 0;
    }
    if (!at)
        return oci_list_add(env, variable);
    copy = strdup(variable);
    if (!copy)
        return -1;
    free(*at);
    *at = copy;
    return 0;
}

/* The caller's -e and the image's Env in one list: the caller's first, then what it does not name. */
static int collect_env(struct build *b, struct oci_list *out)
{
    size_t given;

    for (size_t n = 0; n < b->over->env_count; n++) {
        const char *v = b->over->env[n], *own;

        if (key_len(v) == 0)
            return oci_fail(b->err, "set environment variable", v, "its name is empty");
        own = v[key_len(v)] ? NULL : getenv(v);
        if (oci_list_take(out, own ? oci_format("%s=%s", v, own) : strdup(v)) < 0)
            return fail_memory(b);
    }
    given = out->count;
    for (size_t n = 0; n < b->config->env.count; n++) {
        struct oci_list head = {.items = out->items, .count = given};
        if (!find_key(&head, b->config->env.items[n]) && oci_list_add(out, b->config->env.items[n]) < 0)
            return fail_memory(b);
    }
    return 0;
}

static int set_home(struct build *b)
{
    struct oci_list *env = &b->c->env;
    char **home = find_key(env, "HOME=");

    if (home && strcmp(*home, "HOME=") != 0)
        return 0;
    remove_key(env, "HOME=");
    return oci_list_take(env, oci_format("HOME=%s", b->c->user.home)) < 0 ? fail_memory(b) : 0;
}

static int build_env(struct build *b)
{
    struct oci_list wanted = {0}, *env = &b->c->env;
    int error = collect_env(b, &wanted);
    size_t defaults;

    if (!error &&
        (oci_list_add(env, DEFAULT_PATH) < 0 || oci_list_take(env, oci_format("HOSTNAME=%s", b->c->hostname)) < 0 ||
         (b->over->tty && oci_list_add(env, "TERM=xterm") < 0)))
        error = fail_memory(b);
    defaults = env->count;
    for (size_t n = 0; n < wanted.count && !error; n++) {
        if (set_variable(env, &defaults, wanted.items[n]) < 0)
            error = fail_memory(b);
    }
    oci_list_clear(&wanted);
    return error ? error : set_home(b);
}

/* ---- names and numbers ------------------------------------------------------------------------------------- */

static int build_hostname(struct build *b)
{
    const char *name = b->over->hostname ? b->over->hostname : b->config->hostname;
    const char *domain = b->over->domainname ? b->over->domainname : b->config->domainname;
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

    b->c->hostname = name && *name ? strdup(name) : strndup(digest_hex(b->image->id), 12);
    b->c->domainname = domain && *domain ? strdup(domain) : NULL;
    if (!b->c->hostname || (domain && *domain && !b->c->domainname))
        return fail_memory(b);
    if (strlen(b->c->hostname) > 64 || strspn(b->c->hostname, allowed) != strlen(b->c->hostname))
        return oci_fail(b->err, "use hostname", b->c->hostname, "1 to 64 letters, digits, '-', '.' and '_'");
    if (b->c->domainname &&
        (strlen(b->c->domainname) > 64 || strspn(b->c->domainname, allowed) != strlen(b->c->domainname)))
        return oci_fail(b->err, "use domain name", b->c->domainname, "1 to 64 letters, digits, '-', '.' and '_'");
    return 0;
}

static int build_cwd(struct build *b)
{
    const char *cwd = b->over->cwd && *b->over->cwd ? b->over->cwd : b->config->working_dir;

    if (cwd && *cwd && *cwd != '/')
        return oci_fail(b->err, "use working directory", cwd, "it is not an absolute path");
    b->c->cwd = path_clean(cwd ? cwd : "/");
    return b->c->cwd ? 0 : fail_memory(b);
}

static const struct {
    const char *name;
    int number;
} signal_names[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT}, {"IOT", SIGIOT},   {"BUS", SIGBUS},       {"FPE", SIGFPE},   {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},     {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"STKFLT", 16},    {"CHLD", SIGCHLD},     {"CLD", SIGCHLD},  {"CONT", SIGCONT},
    {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"POLL", SIGPOLL}, {"PWR", SIGPWR},       {"SYS", SIGSYS},
};

/* Digits only; -1 when not, or above max. */
static int parse_number(const char *text, int max)
{
    int n = 0;

    if (!*text || strlen(text) > 6 || text[strspn(text, "0123456789")])
        return -1;
    for (; *text; text++)
        n = n * 10 + (*text - '0');
    return n > max ? -1 : n;
}

/* RTMIN is 34: two of the kernel's real-time signals belong to libc, and Docker counts as libc does. */
int oci_signal_parse(const char *text)
{
    int n = parse_number(text, 64);

    if (n >= 0)
        return n ? n : -1;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (size_t k = 0; k < sizeof(signal_names) / sizeof(signal_names[0]); k++) {
        if (strcasecmp(text, signal_names[k].name) == 0)
            return signal_names[k].number;
    }
    if (strncasecmp(text, "RTMIN", 5) == 0 && (!text[5] || text[5] == '+'))
        n = text[5] ? parse_number(text + 6, 30) : 0;
    else if (strncasecmp(text, "RTMAX", 5) == 0 && (!text[5] || text[5] == '-'))
        n = text[5] ? 30 - parse_number(text + 6, 30) : 30;
    return n < 0 || n > 30 ? -1 : 34 + n;
}

static int build_stop(struct build *b)
{
    const char *text = b->over->stop_signal ? b->over->stop_signal : b->config->stop_signal;

    b->c->stop_timeout = b->config->stop_timeout;
    b->c->stop_signal = text && *text ? oci_signal_parse(text) : SIGTERM;
    return b->c->stop_signal < 0 ? oci_fail(b->err, "use stop signal", text, "there is no such signal") : 0;
}

/* ---- ports ------------------------------------------------------------------------------------------------- */

static int parse_protocol(const char *text)
{
    if (!*text || strcasecmp(text, "tcp") == 0)
        return IPPROTO_TCP;
    if (strcasecmp(text, "udp") == 0)
        return IPPROTO_UDP;
    return strcasecmp(text, "sctp") == 0 ? IPPROTO_SCTP : -1;
}

/* "80", "80/tcp", "8000-8010/udp". */
static int add_ports(struct build *b, const char *text)
{
    AUTO_FREE char *copy = strdup(text);
    char *slash = copy ? strchr(copy, '/') : NULL, *dash;
    int protocol, first, last;

    if (!copy)
        return fail_memory(b);
    if (slash)
        *slash++ = 0;
    dash = strchr(copy, '-');
    if (dash)
        *dash++ = 0;
    protocol = parse_protocol(slash ? slash : "");
    first = parse_number(copy, 65535);
    last = dash ? parse_number(dash, 65535) : first;
    if (protocol < 0 || first < 1 || last < first)
        return oci_fail(b->err, WHAT, b->image->ref, "it exposes '%.100s', which is no port", text);
    struct oci_port *grown = reallocarray(b->c->ports, b->c->port_count + (size_t)(last - first) + 1, sizeof(*grown));
    if (!grown)
        return fail_memory(b);
    b->c->ports = grown;
    for (int port = first; port <= last; port++)
        grown[b->c->port_count++] = (struct oci_port){.port = (uint16_t)port, .protocol = (uint8_t)protocol};
    return 0;
}

static int build_ports(struct build *b)
{
    for (size_t n = 0; n < b->config->exposed_ports.count; n++) {
        if (b->c->port_count > 3 * 65535)
            return oci_fail(b->err, WHAT, b->image->ref, "it exposes more ports than there are");
        if (add_ports(b, b->config->exposed_ports.items[n]) < 0)
            return -1;
    }
    return 0;
}

/* ---- the rest ---------------------------------------------------------------------------------------------- */

static int build_warning(struct build *b)
{
    const struct oci_config *c = b->config;
    const struct oci_healthcheck *h = &c->healthcheck;
    bool health = h->set && h->test.count && strcmp(h->test.items[0], "NONE") != 0;
    const char *fields[] = {
        health ? "Healthcheck" : NULL,
        c->mac_address && *c->mac_address ? "MacAddress" : NULL,
        c->network_disabled ? "NetworkDisabled" : NULL,
    };
    AUTO_FREE char *list = strdup("");

    for (size_t n = 0; n < sizeof(fields) / sizeof(fields[0]) && list; n++) {
        if (!fields[n])
            continue;
        char *longer = oci_format("%s%s%s", list, *list ? ", " : "", fields[n]);
        free(list);
        list = longer;
    }
    if (list && *list)
        b->c->warning = oci_format("image %s sets what Slipway does not honour: %s", b->image->ref, list);
    return list && (!*list || b->c->warning) ? 0 : fail_memory(b);
}

/* Volumes are plain directories here: the machine's root is writable, and gone with it. */
static int build_volumes(struct build *b)
{
    for (size_t n = 0; n < b->config->volumes.count; n++) {
        const char *path = b->config->volumes.items[n];
        if (*path != '/')
            return oci_fail(b->err, WHAT, b->image->ref, "the volume '%.200s' is not an absolute path", path);
        if (oci_list_take(&b->c->volumes, path_clean(path)) < 0)
            return fail_memory(b);
    }
    return 0;
}

void oci_container_free(struct oci_container *c)
{
    if (!c)
        return;
    oci_list_clear(&c->argv);
    oci_list_clear(&c->env);
    oci_list_clear(&c->volumes);
    oci_user_clear(&c->user);
    free(c->cwd);
    free(c->hostname);
    free(c->domainname);
    free(c->ports);
    free(c->warning);
    free(c);
}

int oci_container_new(const struct oci_image *image, struct tree *tree, const struct oci_overrides *over,
                      struct oci_container **out, struct oci_error *err)
{
    static const struct oci_overrides none;
    static int (*const steps[])(struct build *) = {build_argv, build_hostname, build_env,     build_cwd,
                                                   build_stop, build_ports,    build_volumes, build_warning};
    struct build b = {.image = image, .config = &image->config, .over = over ? over : &none, .err = err};
    const char *user = b.over->user ? b.over->user : image->config.user;

    b.c = calloc(1, sizeof(*b.c));
    if (!b.c)
        return fail_memory(&b);
    int error = oci_user_resolve(tree, user, &b.c->user, err);
    for (size_t n = 0; n < sizeof(steps) / sizeof(steps[0]) && !error; n++)
        error = steps[n](&b);
    if (error) {
        oci_container_free(b.c);
        return -1;
    }
    *out = b.c;
    return 0;
}
