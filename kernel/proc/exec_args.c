// SPDX-License-Identifier: MIT
/*
 * The strings of a new program between two address spaces: packed into pages, argv first, then envp. Limits as Linux:
 * ABI_ARG_MAX_STRLEN a string, and a quarter of the stack limit (at most 6 MiB, at least 128 KiB) for all strings and
 * the pointers to them.
 */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "mem/page.h"
#include "mem/slab.h"
#include "proc/exec.h"
#include "sched/sched.h"

#define ARGS_MAX (6ul << 20)
#define ARGS_MIN (32 * PAGE_SIZE)

void exec_args_init(struct exec_args *a, u64 stack_limit)
{
    memset(a, 0, sizeof(*a));
    a->limit = MAX(MIN(stack_limit / 4, ARGS_MAX), ARGS_MIN);
}

void exec_args_free(struct exec_args *a)
{
    for (u32 i = 0; i < a->npages; i++)
        page_put(a->pages[i]);
    for (u32 i = 0; i < a->nprefix; i++)
        kfree(a->prefix[i]);
    kfree(a->pages);
    a->pages = NULL;
    a->npages = a->nprefix = 0;
}

static int grow(struct exec_args *a)
{
    if (a->npages == a->cap) {
        u32 cap = a->cap ? a->cap * 2 : 4;
        struct page **p = krealloc(a->pages, cap * sizeof(*p), MEM_WAIT);
        if (!p)
            return -ENOMEM;
        a->pages = p;
        a->cap = cap;
    }
    struct page *page = page_alloc(0, MEM_WAIT);
    if (!page)
        return -ENOMEM;
    a->pages[a->npages++] = page;
    return 0;
}

/* Room at the end: address and size of what is left of the last page. */
static int room(struct exec_args *a, char **p, size_t *n)
{
    size_t off = a->used % PAGE_SIZE;
    if (a->used == (u64)a->npages * PAGE_SIZE) {
        int err = grow(a);
        if (err)
            return err;
    }
    *p = (char *)page_addr(a->pages[a->npages - 1]) + off;
    *n = PAGE_SIZE - off;
    return 0;
}

static bool within_limit(const struct exec_args *a)
{
    u64 pointers = (a->argc + a->envc + a->nprefix + 1ull) * sizeof(u64);
    return a->used - a->argv_skip + a->prefix_bytes + pointers <= a->limit;
}

static void count_string(struct exec_args *a, bool env)
{
    if (env)
        a->envc++;
    else
        a->argc++;
}

int exec_args_add(struct exec_args *a, const char *s)
{
    for (size_t left = strlen(s) + 1; left;) {
        char *p;
        size_t n;
        int err = room(a, &p, &n);
        if (err)
            return err;
        n = MIN(n, left);
        memcpy(p, s, n);
        s += n;
        left -= n;
        a->used += n;
    }
    count_string(a, a->argv_bytes);
    return within_limit(a) ? 0 : -E2BIG;
}

/* One string of user memory. Reads no page beyond the one its NUL lies in. */
static int add_user_string(struct exec_args *a, uaddr_t s)
{
    for (u64 total = 0; total < ABI_ARG_MAX_STRLEN;) {
        char *p;
        size_t n;
        int err = room(a, &p, &n);
        if (err)
            return err;
        n = MIN(n, PAGE_SIZE - s % PAGE_SIZE);
        if (copy_from_user(p, s, n))
            return -EFAULT;
        char *end = memchr(p, 0, n);
        if (end)
            n = (size_t)(end - p) + 1;
        a->used += n;
        total += n;
        s += n;
        if (total > ABI_ARG_MAX_STRLEN || !within_limit(a))
            return -E2BIG;
        if (end)
            return 0;
    }
    return -E2BIG;
}

int exec_args_add_user(struct exec_args *a, uaddr_t vector)
{
    bool env = a->argv_bytes;
    for (; vector; vector += sizeof(u64)) {
        u64 s;
        if (get_user_u64(&s, vector))
            return -EFAULT;
        if (!s)
            break;
        count_string(a, env);
        int err = add_user_string(a, s);
        if (err)
            return err;
        cond_resched();
    }
    return 0;
}

/* An argv without strings gets an empty one (as Linux since 5.18), so argv_bytes is never 0 afterwards. */
int exec_args_end_argv(struct exec_args *a)
{
    int err = a->argc ? 0 : exec_args_add(a, "");
    a->argv_bytes = a->used;
    return err;
}

int exec_args_push_front(struct exec_args *a, const char *s)
{
    if (a->nprefix == EXEC_MAX_PREFIX)
        return -E2BIG;
    char *copy = kstrdup(s, MEM_WAIT);
    if (!copy)
        return -ENOMEM;
    a->prefix[a->nprefix++] = copy;
    a->prefix_bytes += strlen(copy) + 1;
    return within_limit(a) ? 0 : -E2BIG;
}

static const char *at(const struct exec_args *a, u64 off, size_t *n)
{
    *n = MIN(PAGE_SIZE - off % PAGE_SIZE, a->used - off);
    return (const char *)page_addr(a->pages[off / PAGE_SIZE]) + off % PAGE_SIZE;
}

u64 exec_args_next(const struct exec_args *a, u64 off)
{
    for (;;) {
        size_t n;
        const char *p = at(a, off, &n), *end = memchr(p, 0, n);
        if (end)
            return off + (u64)(end - p) + 1;
        off += n;
    }
}

void exec_args_drop_first(struct exec_args *a)
{
    if (a->nprefix) {
        char *s = a->prefix[--a->nprefix];
        a->prefix_bytes -= strlen(s) + 1;
        kfree(s);
    } else if (a->argc) {
        a->argv_skip = exec_args_next(a, a->argv_skip);
        a->argc--;
    }
}

u64 exec_args_bytes(const struct exec_args *a)
{
    return a->prefix_bytes + a->used - a->argv_skip;
}

static int put(struct mm *mm, uaddr_t to, const void *from, size_t n)
{
    return mm_access(mm, to, (void *)(unsigned long)from, n, true, true) == (ssize_t)n ? 0 : -EFAULT;
}

int exec_args_write(const struct exec_args *a, struct mm *mm, uaddr_t to)
{
    for (u32 i = a->nprefix; i-- > 0;) {
        size_t n = strlen(a->prefix[i]) + 1;
        if (put(mm, to, a->prefix[i], n))
            return -EFAULT;
        to += n;
    }
    for (u64 off = a->argv_skip; off < a->used;) {
        size_t n;
        const char *p = at(a, off, &n);
        if (put(mm, to, p, n))
            return -EFAULT;
        off += n;
        to += n;
        cond_resched();
    }
    return 0;
}
