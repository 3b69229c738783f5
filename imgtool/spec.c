// SPDX-License-Identifier: MIT
/*
 * Options, container and boot record. Where an image is known, oci_container_new has applied docker's rules already;
 * spec_apply follows them as far as a record allows: it no longer tells Entrypoint from Cmd, so a command given to a
 * finished VM replaces both.
 */
#include "imgtool/spec.h"

#include "kernel/boot_contract.h"
#include "oci/error.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>

static const char WHAT[] = "prepare";

/* ---- options ----------------------------------------------------------------------------------------------- */

/* One line of an --env-file: blank lines and comments say nothing, the rest is as after -e. */
static int add_env_line(struct oci_list *env, const char *path, char *line, struct oci_error *err)
{
    line += strspn(line, " \t");
    line[strcspn(line, "\r\n")] = 0;
    if (!*line || *line == '#')
        return 0;
    if (*line == '=' || memchr(line, ' ', strcspn(line, "=")))
        return oci_fail(err, "read env file", path, "\"%s\" is not NAME=VALUE", line);
    return oci_list_add(env, line) < 0 ? oci_fail_memory(err, "read env file", path) : 0;
}

static int add_env_file(struct oci_list *env, const char *path, struct oci_error *err)
{
    AUTO_FCLOSE FILE *f = fopen(path, "re");
    AUTO_FREE char *line = NULL;
    size_t cap = 0;

    if (!f)
        return oci_fail_errno(err, "read env file", path, errno);
    while (getline(&line, &cap, f) >= 0)
        if (add_env_line(env, path, line, err) < 0)
            return -1;
    return ferror(f) ? oci_fail_errno(err, "read env file", path, errno) : 0;
}

/* "80", "8000-8010": false when that is no range of ports. */
static bool is_port_range(const char *text, size_t len)
{
    unsigned long first, last;
    char copy[16], *end;

    if (len == 0 || len >= sizeof(copy) || !isdigit((unsigned char)text[0]))
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    first = last = strtoul(copy, &end, 10);
    if (*end == '-' && isdigit((unsigned char)end[1]))
        last = strtoul(end + 1, &end, 10);
    return end == copy + len && first >= 1 && first <= last && last <= 65535;
}

/* [[IP:]HOST:]PORT[/PROTO], ranges allowed; the host's port may be empty after an address. */
static int check_port(const char *text, struct oci_error *err)
{
    const char *slash = strchr(text, '/'), *end = slash ? slash : text + strlen(text);
    const char *colon = memrchr(text, ':', (size_t)(end - text)), *host;

    if (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0 && strcmp(slash, "/sctp") != 0)
        return oci_fail(err, "publish", text, "the protocol is none of tcp, udp, sctp");
    if (!is_port_range(colon ? colon + 1 : text, (size_t)(end - (colon ? colon + 1 : text))))
        return oci_fail(err, "publish", text, "the container's port is not a number from 1 to 65535");
    if (!colon)
        return 0;
    host = memrchr(text, ':', (size_t)(colon - text));
    if (host && colon == host + 1)
        return 0;
    if (!is_port_range(host ? host + 1 : text, (size_t)(colon - (host ? host + 1 : text))))
        return oci_fail(err, "publish", text, "the host's port is not a number from 1 to 65535");
    return 0;
}

int spec_overrides_new(const struct options *o, struct spec_overrides *over, struct oci_error *err)
{
    *over = (struct spec_overrides){0};
    for (size_t n = 0; n < o->env_files.count; n++)
        if (add_env_file(&over->env, o->env_files.items[n], err) < 0)
            return -1;
    for (size_t n = 0; n < o->env.count; n++)
        if (oci_list_add(&over->env, o->env.items[n]) < 0)
            return oci_fail_memory(err, WHAT, "the environment");
    for (size_t n = 0; n < o->ports.count; n++)
        if (check_port(o->ports.items[n], err) < 0)
            return -1;
    over->oci = (struct oci_overrides){
        .command = o->operands + 1,
        .command_count = o->operand_count - 1,
        .entrypoint = o->entrypoint,
        .env = (const char *const *)over->env.items,
        .env_count = over->env.count,
        .cwd = o->cwd,
        .user = o->user,
        .hostname = o->hostname,
        .stop_signal = o->stop_signal,
        .tty = o->tty,
    };
    return 0;
}

void spec_overrides_clear(struct spec_overrides *over)
{
    oci_list_clear(&over->env);
}

bool spec_overridden(const struct options *o)
{
    return o->operand_count > 1 || o->entrypoint || o->env.count || o->env_files.count || o->cwd || o->user ||
           o->hostname || o->stop_signal || o->tty || o->interactive || o->init;
}

/* ---- container to record ----------------------------------------------------------------------------------- */

static void add_list(struct record *r, uint32_t tag, const struct oci_list *list)
{
    for (size_t n = 0; n < list->count; n++)
        record_add_string(r, tag, list->items[n]);
}

static void add_user(struct record *r, const struct oci_user *user)
{
    record_add_u32(r, SW_REC_UID, user->uid);
    record_add_u32(r, SW_REC_GID, user->gid);
    for (size_t n = 0; n < user->group_count; n++)
        record_add_u32(r, SW_REC_GROUP, user->groups[n]);
}

static uint32_t record_flags(const struct options *o)
{
    return (o->tty ? SW_FLAG_TTY : 0) | (o->init ? SW_FLAG_INIT : 0) | (o->interactive ? SW_FLAG_STDIN_OPEN : 0);
}

int spec_record(const struct oci_container *c, const struct options *o, int64_t now_ns, struct record *r,
                struct oci_error *err)
{
    record_init(r);
    add_list(r, SW_REC_ARG, &c->argv);
    add_list(r, SW_REC_ENV, &c->env);
    record_add_string(r, SW_REC_CWD, c->cwd);
    add_user(r, &c->user);
    record_add_string(r, SW_REC_HOSTNAME, c->hostname);
    if (c->domainname)
        record_add_string(r, SW_REC_DOMAINNAME, c->domainname);
    record_add_u32(r, SW_REC_STOP_SIGNAL, (uint32_t)c->stop_signal);
    for (size_t n = 0; n < c->port_count; n++)
        record_add_u32(r, SW_REC_PORT, c->ports[n].port | (uint32_t)c->ports[n].protocol << 16);
    if (now_ns)
        record_add_i64(r, SW_REC_TIME, now_ns);
    record_add_u32(r, SW_REC_FLAGS, record_flags(o));
    return record_finish(r) < 0 ? oci_fail_memory(err, WHAT, "the boot record") : 0;
}

/* ---- record to container ----------------------------------------------------------------------------------- */

static int add_string_item(struct oci_list *list, const void *value, uint32_t len)
{
    return oci_list_take(list, strndup(value, len)) < 0 ? -ENOMEM : 0;
}

static int set_string(char **to, const void *value, uint32_t len)
{
    free(*to);
    *to = strndup(value, len);
    return *to ? 0 : -ENOMEM;
}

static int add_group(struct oci_user *user, uint32_t group)
{
    uint32_t *grown = reallocarray(user->groups, user->group_count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    user->groups = grown;
    grown[user->group_count++] = group;
    return 0;
}

static int add_port(struct oci_container *c, uint32_t port)
{
    struct oci_port *grown = reallocarray(c->ports, c->port_count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    c->ports = grown;
    grown[c->port_count++] = (struct oci_port){.port = (uint16_t)port, .protocol = (uint8_t)(port >> 16)};
    return 0;
}

struct reading {
    struct oci_container *container;
    uint32_t flags;
};

static int read_number(struct reading *r, uint32_t tag, uint32_t value)
{
    struct oci_container *c = r->container;

    switch (tag) {
    case SW_REC_UID:
        c->user.uid = value;
        return 0;
    case SW_REC_GID:
        c->user.gid = value;
        return 0;
    case SW_REC_GROUP:
        return add_group(&c->user, value);
    case SW_REC_STOP_SIGNAL:
        c->stop_signal = (int)value;
        return 0;
    case SW_REC_PORT:
        return add_port(c, value);
    case SW_REC_FLAGS:
        r->flags = value;
        return 0;
    default: /* what is newer than we are */
        return 0;
    }
}

static int read_item(uint32_t tag, const void *value, uint32_t len, void *arg)
{
    struct reading *r = arg;
    struct oci_container *c = r->container;
    uint32_t number;

    switch (tag) {
    case SW_REC_ARG:
        return add_string_item(&c->argv, value, len);
    case SW_REC_ENV:
        return add_string_item(&c->env, value, len);
    case SW_REC_CWD:
        return set_string(&c->cwd, value, len);
    case SW_REC_HOSTNAME:
        return set_string(&c->hostname, value, len);
    case SW_REC_DOMAINNAME:
        return set_string(&c->domainname, value, len);
    }
    if (len != sizeof(number))
        return 0;
    memcpy(&number, value, sizeof(number));
    return read_number(r, tag, number);
}

int spec_read(const void *record, size_t len, struct oci_container **out, uint32_t *flags, struct oci_error *err)
{
    struct oci_container *c = calloc(1, sizeof(*c));
    struct reading r = {.container = c};
    int error = c ? 0 : -ENOMEM;

    if (c) {
        c->stop_signal = SIGTERM;
        c->stop_timeout = -1;
        error = record_parse(record, len, read_item, &r);
    }
    if (!error && (c->argv.count == 0 || !c->cwd || !c->hostname || c->stop_signal < 1 || c->stop_signal > 64))
        error = -EINVAL;
    if (!error) {
        *out = c;
        *flags = r.flags;
        return 0;
    }
    oci_container_free(c);
    if (error == -EINVAL)
        return oci_fail(err, "read", "the boot record", "it is damaged");
    return oci_fail_memory(err, "read", "the boot record");
}

/* ---- overrides on a record --------------------------------------------------------------------------------- */

static int replace_argv(struct oci_container *c, const struct oci_overrides *over)
{
    bool entrypoint = over->entrypoint && *over->entrypoint;

    if (!over->command_count && !over->entrypoint)
        return 0;
    if (!over->command_count && !entrypoint)
        return -EINVAL;
    oci_list_clear(&c->argv);
    if (entrypoint && oci_list_add(&c->argv, over->entrypoint) < 0)
        return -ENOMEM;
    for (size_t n = 0; n < over->command_count; n++)
        if (oci_list_add(&c->argv, over->command[n]) < 0)
            return -ENOMEM;
    return 0;
}

static size_t key_length(const char *variable)
{
    return strcspn(variable, "=");
}

static void remove_variable(struct oci_list *env, const char *name)
{
    size_t len = key_length(name), kept = 0;

    for (size_t n = 0; n < env->count; n++) {
        if (key_length(env->items[n]) == len && !memcmp(env->items[n], name, len))
            free(env->items[n]);
        else
            env->items[kept++] = env->items[n];
    }
    env->count = kept;
    if (env->items)
        env->items[kept] = NULL;
}

/* Takes `variable` ("NAME=value") over; NULL: out of memory. */
static int put_variable(struct oci_list *env, char *variable)
{
    if (variable)
        remove_variable(env, variable);
    return oci_list_take(env, variable) < 0 ? -ENOMEM : 0;
}

static bool names_variable(const struct oci_overrides *over, const char *name)
{
    for (size_t n = 0; n < over->env_count; n++)
        if (key_length(over->env[n]) == strlen(name) && !strncmp(over->env[n], name, strlen(name)))
            return true;
    return false;
}

static int replace_env(struct oci_container *c, const struct oci_overrides *over)
{
    int error = 0;

    if (over->tty && !names_variable(over, "TERM"))
        error = put_variable(&c->env, strdup("TERM=xterm"));
    if (over->hostname && !error)
        error = put_variable(&c->env, oci_format("HOSTNAME=%s", over->hostname));
    if (over->user && !error)
        error = put_variable(&c->env, oci_format("HOME=%s", c->user.home));
    for (size_t n = 0; n < over->env_count && !error; n++) {
        const char *v = over->env[n], *own = v[key_length(v)] ? NULL : getenv(v);

        if (v[key_length(v)] || own)
            error = put_variable(&c->env, own ? oci_format("%s=%s", v, own) : strdup(v));
        else
            remove_variable(&c->env, v);
    }
    return error;
}

static int replace_hostname(struct oci_container *c, const struct oci_overrides *over, struct oci_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const char *name = over->hostname;

    if (!name)
        return 0;
    if (!*name || strlen(name) > 64 || name[strspn(name, allowed)])
        return oci_fail(err, "use hostname", name, "1 to 64 letters, digits, '-', '.' and '_'");
    return set_string(&c->hostname, name, (uint32_t)strlen(name)) < 0 ? oci_fail_memory(err, WHAT, name) : 0;
}

static int replace_stop_signal(struct oci_container *c, const struct oci_overrides *over, struct oci_error *err)
{
    if (over->stop_signal)
        c->stop_signal = oci_signal_parse(over->stop_signal);
    return c->stop_signal < 0 ? oci_fail(err, "use stop signal", over->stop_signal, "there is no such signal") : 0;
}

static int replace_user(struct oci_container *c, const struct oci_overrides *over, struct tree *tree,
                        struct oci_error *err)
{
    if (!over->user)
        return 0;
    oci_user_clear(&c->user);
    return oci_user_resolve(tree, over->user, &c->user, err);
}

static int replace_cwd(struct oci_container *c, const struct oci_overrides *over, struct oci_error *err)
{
    if (!over->cwd || !*over->cwd)
        return 0;
    if (over->cwd[0] != '/')
        return oci_fail(err, "use working directory", over->cwd, "it is not an absolute path");
    return set_string(&c->cwd, over->cwd, (uint32_t)strlen(over->cwd)) < 0 ? oci_fail_memory(err, WHAT, over->cwd) : 0;
}

int spec_apply(struct oci_container *c, const struct oci_overrides *over, struct tree *tree, struct oci_error *err)
{
    int error;

    if (replace_user(c, over, tree, err) < 0 || replace_hostname(c, over, err) < 0 || replace_cwd(c, over, err) < 0 ||
        replace_stop_signal(c, over, err) < 0)
        return -1;
    error = replace_argv(c, over);
    if (error == -EINVAL)
        return oci_fail(err, "run", "the virtual machine", "--entrypoint \"\" leaves no command; give one");
    if (!error)
        error = replace_env(c, over);
    return error ? oci_fail_memory(err, WHAT, "the container") : 0;
}
