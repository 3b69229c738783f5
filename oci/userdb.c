// SPDX-License-Identifier: MIT
/*
 * The image's User, resolved by the image's own /etc/passwd and /etc/group, as Docker's runtime does:
 * - text of digits only (with or without a sign) is a number and never a name, in range or not;
 * - the first matching line wins; a line that does not parse is passed over;
 * - a number need not be listed: then the group is 0 and the home is "/";
 * - supplementary groups are those that list the user's name, and only where the spec names no group;
 * - HOME follows the uid's first line, whatever name was asked for.
 */
#include "oci/error.h"
#include "initramfs-builder/tree.h"

#include <errno.h>
#include <string.h>

static const char WHAT[] = "resolve user";

#define FILE_LIMIT (16u << 20) /* of passwd and group */
#define ID_LIMIT 2147483647

/* The fields of one line, cut at ':'. */
struct line {
    char *field[7];
    unsigned count;
};

enum number { NUMBER_NONE, NUMBER_OK, NUMBER_RANGE };

static enum number parse_id(const char *text, uint32_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    uint64_t n = 0;

    if (!*digits || digits[strspn(digits, "0123456789")])
        return NUMBER_NONE;
    for (const char *p = digits; *p; p++) {
        n = n * 10 + (unsigned)(*p - '0');
        if (n > ID_LIMIT)
            return NUMBER_RANGE;
    }
    *out = (uint32_t)n;
    return *text == '-' && n ? NUMBER_RANGE : NUMBER_OK;
}

static void cut_line(char *text, struct line *line)
{
    line->count = 0;
    while (text && line->count < 7) {
        line->field[line->count++] = text;
        text = strchr(text, ':');
        if (text)
            *text++ = 0;
    }
}

static char *skip_blanks(char *text)
{
    size_t len;

    text += strspn(text, " \t\r");
    len = strlen(text);
    while (len && strchr(" \t\r", text[len - 1]))
        text[--len] = 0;
    return text;
}

/* Calls fn for each line of a file's copy; fn returns true to end. */
static void for_lines(const char *text, bool (*fn)(struct line *line, void *arg), void *arg)
{
    AUTO_FREE char *copy = strdup(text);
    char *at = copy, *next;

    for (; at; at = next) {
        struct line line;

        next = strchr(at, '\n');
        if (next)
            *next++ = 0;
        at = skip_blanks(at);
        if (!*at)
            continue;
        cut_line(at, &line);
        if (fn(&line, arg))
            return;
    }
}

/* A file that is not there is an empty one. */
static int read_database(struct tree *tree, const char *path, const char *spec, char **out, struct oci_error *err)
{
    struct tree_entry *e;
    size_t len;
    int error = tree_resolve(tree, path, 1, &e);

    if (error == -ENOENT || error == -ENOTDIR) {
        *out = strdup("");
        return *out ? 0 : oci_fail_memory(err, WHAT, spec);
    }
    if (!error)
        error = tree_read_file(tree, e, FILE_LIMIT, out, &len);
    return error ? oci_fail(err, WHAT, spec, "%s of the image: %s", path, strerror(-error)) : 0;
}

/* ---- passwd ------------------------------------------------------------------------------------------------ */

struct passwd_query {
    const char *name; /* NULL: by uid */
    uint32_t uid;
    bool found;
    uint32_t found_uid, found_gid;
    char *found_name, *found_home;
};

static bool match_passwd(struct line *line, void *arg)
{
    struct passwd_query *q = arg;
    uint32_t uid, gid;

    if (line->count < 4 || parse_id(line->field[2], &uid) != NUMBER_OK || parse_id(line->field[3], &gid) != NUMBER_OK)
        return false;
    if (q->name ? strcmp(q->name, line->field[0]) != 0 : q->uid != uid)
        return false;
    q->found = true;
    q->found_uid = uid;
    q->found_gid = gid;
    q->found_name = strdup(line->field[0]);
    q->found_home = strdup(line->count > 5 && *line->field[5] ? line->field[5] : "/");
    return true;
}

static void clear_query(struct passwd_query *q)
{
    free(q->found_name);
    free(q->found_home);
}

/* ---- group ------------------------------------------------------------------------------------------------- */

struct group_query {
    const char *name;   /* the group's name; NULL: none asked */
    const char *member; /* whose supplementary groups; NULL: none asked */
    struct oci_user *user;
    bool found, no_memory;
    uint32_t gid;
};

static bool lists_member(const char *list, const char *name)
{
    size_t len = strlen(name);

    while (list && *list) {
        size_t n = strcspn(list, ",");
        if (n == len && memcmp(list, name, n) == 0)
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

static int add_group(struct oci_user *user, uint32_t gid)
{
    uint32_t *grown;

    for (size_t n = 0; n < user->group_count; n++) {
        if (user->groups[n] == gid)
            return 0;
    }
    grown = reallocarray(user->groups, user->group_count + 1, sizeof(*grown));
    if (!grown)
        return -1;
    grown[user->group_count++] = gid;
    user->groups = grown;
    return 0;
}

static bool match_group(struct line *line, void *arg)
{
    struct group_query *q = arg;
    uint32_t gid;

    if (line->count < 3 || parse_id(line->field[2], &gid) != NUMBER_OK)
        return false;
    if (q->name && strcmp(q->name, line->field[0]) == 0) {
        q->found = true;
        q->gid = gid;
        return true;
    }
    if (q->member && line->count > 3 && lists_member(line->field[3], q->member))
        q->no_memory |= add_group(q->user, gid) < 0;
    return q->no_memory;
}

/* ---- the spec ---------------------------------------------------------------------------------------------- */

static int resolve_passwd(struct tree *tree, const char *spec, const char *user, struct oci_user *out, char **name,
                          struct oci_error *err)
{
    struct passwd_query q = {.uid = 0}, home = {.uid = 0};
    AUTO_FREE char *passwd = NULL;
    enum number number = *user ? parse_id(user, &q.uid) : NUMBER_OK;

    if (number == NUMBER_RANGE)
        return oci_fail(err, WHAT, spec, "the uid is not in the range 0-%d", ID_LIMIT);
    if (read_database(tree, "/etc/passwd", spec, &passwd, err) < 0)
        return -1;
    q.name = number == NUMBER_NONE ? user : NULL;
    for_lines(passwd, match_passwd, &q);
    if (q.name && !q.found)
        return oci_fail(err, WHAT, spec, "the image's /etc/passwd has no user '%s'", user);
    home.uid = out->uid = q.found ? q.found_uid : q.uid;
    out->gid = q.found ? q.found_gid : 0;
    for_lines(passwd, match_passwd, &home);
    out->home = strdup(home.found_home ? home.found_home : "/");
    *name = q.found_name ? strdup(q.found_name) : NULL;
    clear_query(&home);
    clear_query(&q);
    return out->home ? 0 : oci_fail_memory(err, WHAT, spec);
}

static int resolve_group(struct tree *tree, const char *spec, const char *group, const char *user_name,
                         struct oci_user *out, struct oci_error *err)
{
    struct group_query q = {.user = out};
    AUTO_FREE char *database = NULL;
    enum number number = *group ? parse_id(group, &out->gid) : NUMBER_OK;

    if (number == NUMBER_RANGE)
        return oci_fail(err, WHAT, spec, "the gid is not in the range 0-%d", ID_LIMIT);
    if (number == NUMBER_OK && add_group(out, out->gid) < 0)
        return oci_fail_memory(err, WHAT, spec);
    if (number == NUMBER_OK && (*group || !user_name))
        return 0;
    if (read_database(tree, "/etc/group", spec, &database, err) < 0)
        return -1;
    q.name = number == NUMBER_NONE ? group : NULL;
    q.member = q.name ? NULL : user_name;
    for_lines(database, match_group, &q);
    if (q.name && !q.found)
        return oci_fail(err, WHAT, spec, "the image's /etc/group has no group '%s'", group);
    if (q.name)
        out->gid = q.gid;
    q.no_memory |= q.name && add_group(out, out->gid) < 0;
    return q.no_memory ? oci_fail_memory(err, WHAT, spec) : 0;
}

void oci_user_clear(struct oci_user *user)
{
    free(user->groups);
    free(user->home);
    *user = (struct oci_user){0};
}

int oci_user_resolve(struct tree *tree, const char *spec, struct oci_user *out, struct oci_error *err)
{
    AUTO_FREE char *copy = strdup(spec ? spec : ""), *name = NULL;
    const char *object = spec && *spec ? spec : "root";
    char *group;

    *out = (struct oci_user){0};
    if (!copy)
        return oci_fail_memory(err, WHAT, object);
    group = strchr(copy, ':');
    if (group)
        *group++ = 0;
    if (resolve_passwd(tree, object, copy, out, &name, err) < 0 ||
        resolve_group(tree, object, group ? group : "", name, out, err) < 0) {
        oci_user_clear(out);
        return -1;
    }
    return 0;
}
