// SPDX-License-Identifier: MIT
/*
 * Sets of sets: no loops, few levels, and not too many ways up, since a wake-up climbs them all (fs/epoll.c).
 * nest_lock and links_lock in the legends: epoll_nest_lock, epoll_links_lock.
 */
#include "fs/epoll_nest.h"

#include "abi/errno.h"

#define MAX_NESTS 4

struct mutex epoll_nest_lock = MUTEX_INIT(epoll_nest_lock, LOCK_EPOLL_TREE);
static u64 check_nr; /* (nest_lock) */

/* Levels of epolls below ep, or -1 when `target` is among them or there are too many (nest_lock). An epoll that was looked
 * at in this check is not looked at again: the number of ways through a net of them is exponential. */
static int depth_below(struct epoll *ep, const struct epoll *target, int level)
{
    int deepest = 0;
    if (ep == target || level > MAX_NESTS)
        return -1;
    if (ep->checked == check_nr && ep->checked_level >= level)
        return ep->checked_depth;
    mutex_lock_nested(&ep->lock);
    for (struct rb_node *n = rb_first(&ep->items); n && deepest >= 0; n = rb_next(n)) {
        struct file *f = rb_entry(n, struct epoll_item, node)->file;
        int d = file_is_epoll(f) ? depth_below(f->private, target, level + 1) : -2;
        if (d == -1)
            deepest = -1;
        else if (d >= 0)
            deepest = MAX(deepest, d + 1);
    }
    mutex_unlock(&ep->lock);
    ep->checked = check_nr;
    ep->checked_level = level;
    ep->checked_depth = deepest;
    return deepest;
}

/* Levels of epolls above f, at most MAX_NESTS (links_lock, nest_lock): wake-ups climb them on one stack. */
static int levels_above(const struct file *f, int level)
{
    int highest = 0;
    struct epoll_item *i;
    if (level >= MAX_NESTS)
        return 0;
    list_for_each (i, &f->epoll_links, file_link) {
        struct epoll *ep = i->ep;
        if (ep->checked != check_nr || ep->checked_level > level) {
            ep->checked = check_nr;
            ep->checked_level = level;
            ep->checked_depth = levels_above(ep->file, level + 1);
        }
        highest = MAX(highest, ep->checked_depth + 1);
        if (highest + level >= MAX_NESTS)
            break;
    }
    return highest;
}

int epoll_check_nesting(struct epoll *ep, struct file *f)
{
    check_nr++;
    int below = depth_below(f->private, ep, 0);
    if (below < 0)
        return -ELOOP;
    check_nr++;
    spin_lock(&epoll_links_lock);
    int above = levels_above(ep->file, 0);
    spin_unlock(&epoll_links_lock);
    return below + above >= MAX_NESTS ? -ELOOP : 0;
}

/*
 * A wake-up walks every way from the file up to an epoll that is in no other. How many there may be, by the number of
 * epolls between: as on Linux (path_limits), where those without any between are not counted.
 */
#define WAYS_UNCOUNTED ~0u
static const u32 way_limits[MAX_NESTS + 1] = {WAYS_UNCOUNTED, 500, 100, 50, 10};

/* (nest_lock, links_lock) */
static bool ways_allowed(const struct file *f, u32 between, u32 *counts)
{
    struct epoll_item *i;
    list_for_each (i, &f->epoll_links, file_link) {
        const struct file *up = i->ep->file;
        if (!list_empty(&up->epoll_links)) {
            if (between == MAX_NESTS || !ways_allowed(up, between + 1, counts))
                return false;
        } else if (between && ++counts[between] > way_limits[between]) {
            return false;
        }
    }
    return true;
}

static bool file_ways_allowed(const struct file *f)
{
    u32 counts[MAX_NESTS + 1] = {0};
    spin_lock(&epoll_links_lock);
    bool ok = ways_allowed(f, 0, counts);
    spin_unlock(&epoll_links_lock);
    return ok;
}

/* Of f, or of all files in the epolls at and below it; each epoll is looked at once in a check (nest_lock). */
static bool ways_below_allowed(struct file *f)
{
    bool ok = true;
    if (!file_is_epoll(f))
        return file_ways_allowed(f);
    struct epoll *ep = f->private;
    if (ep->checked == check_nr)
        return true;
    ep->checked = check_nr;
    mutex_lock_nested(&ep->lock);
    for (struct rb_node *n = rb_first(&ep->items); n && ok; n = rb_next(n))
        ok = ways_below_allowed(rb_entry(n, struct epoll_item, node)->file);
    mutex_unlock(&ep->lock);
    return ok;
}

bool epoll_ways_allowed(struct file *f)
{
    check_nr++;
    return ways_below_allowed(f);
}
