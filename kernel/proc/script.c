// SPDX-License-Identifier: MIT
/*
 * "#! interpreter [argument]": the first line of a script, at most EXEC_HEAD bytes. The rest of the line after the
 * interpreter's name is one argument, blanks at its ends removed. As Linux' fs/binfmt_script.c.
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/exec.h"

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

struct line {
    char *name, *arg; /* arg NULL: none */
};

/* A name cut off by the end of the buffer is not run: it would be another program. */
static bool name_complete(const char *s, const char *end)
{
    while (s < end && blank(*s))
        s++;
    while (s < end && !blank(*s) && *s)
        s++;
    return s < end;
}

/* Splits the line in place. -ENOEXEC. */
static int parse(char *head, struct line *l)
{
    char *s = head + 2, *limit = head + EXEC_HEAD, *end = s;
    while (end < limit && *end && *end != '\n')
        end++;
    if (end == limit || !*end) {
        if (end == limit && !name_complete(s, limit))
            return -ENOEXEC;
        end = MIN(end, limit - 1);
    }
    while (end > s && blank(end[-1]))
        end--;
    *end = 0;
    while (blank(*s))
        s++;
    if (!*s)
        return -ENOEXEC;
    l->name = s;
    while (*s && !blank(*s))
        s++;
    if (*s)
        *s++ = 0;
    while (blank(*s))
        s++;
    l->arg = *s ? s : NULL;
    return 0;
}

static int replace_args(struct exec_image *x, const struct line *l)
{
    exec_args_drop_first(x->args);
    int err = exec_args_push_front(x->args, x->run_name);
    if (!err && l->arg)
        err = exec_args_push_front(x->args, l->arg);
    return err ? err : exec_args_push_front(x->args, l->name);
}

int script_load(struct exec_image *x, const struct fs_view *v)
{
    struct line l;
    struct file *interp;
    if (x->head[0] != '#' || x->head[1] != '!')
        return 1;
    if (x->fd_inaccessible) /* /dev/fd/N would be closed when the interpreter opens it */
        return -ENOENT;
    int err = parse((char *)x->head, &l);
    if (!err)
        err = replace_args(x, &l);
    if (err)
        return err;
    char *name = kstrdup(l.name, MEM_WAIT);
    if (!name)
        return -ENOMEM;
    err = exec_open(v, NULL, name, LOOKUP_FOLLOW, &interp);
    if (err) {
        exec_note_unopened(x, name);
        kfree(name);
        return err;
    }
    kfree(x->run_name);
    x->run_name = name;
    file_put(x->file);
    x->file = interp;
    return 0;
}
