// SPDX-License-Identifier: MIT
/*
 * Names that programs give to anonymous memory (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, ...)); /proc/pid/maps shows them. Areas
 * that were split or copied share one. An area's pointer changes under mm.lock for writing.
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vm/internal.h"

struct area_label {
    refcount_t refs;
    char text[];
};

struct area_label *label_get(struct area_label *l)
{
    if (l)
        ref_get(&l->refs);
    return l;
}

void label_put(struct area_label *l)
{
    if (l && ref_put(&l->refs))
        kfree(l);
}

bool label_same(const struct area_label *a, const struct area_label *b)
{
    return a == b || (a && b && !strcmp(a->text, b->text));
}

static struct area_label *label_make(const char *text)
{
    size_t len = strlen(text) + 1;
    struct area_label *l = kmalloc(sizeof(*l) + len, MEM_WAIT);
    if (!l)
        return NULL;
    ref_init(&l->refs);
    memcpy(l->text, text, len);
    return l;
}

const char *vm_area_label(const struct vm_area *a)
{
    return a->label ? a->label->text : NULL;
}

static int label_area(struct vm_area *a, uaddr_t start, uaddr_t end, struct area_label *l, struct vm_area **dead)
{
    struct mm *mm = a->mm;
    if (a->mapping && !mapping_is_shm(a->mapping))
        return -EBADF;
    if (label_same(a->label, l))
        return 0;
    int err = area_split_around(mm, start, end);
    if (err)
        return err == -ENOMEM ? -EAGAIN : err;
    a = area_at(mm, start);
    label_put(a->label);
    a->label = label_get(l);
    area_merge(a, dead);
    return 0;
}

/* Every area of the range; holes make it -ENOMEM in the end. */
static int label_range(struct mm *mm, uaddr_t at, uaddr_t end, struct area_label *l, struct vm_area **dead)
{
    int hole = 0;
    while (at < end) {
        struct vm_area *a = vm_find(mm, at);
        if (!a || a->start >= end)
            return -ENOMEM;
        if (a->start > at)
            hole = -ENOMEM;
        at = MAX(at, a->start);
        uaddr_t stop = MIN(a->end, end);
        int err = label_area(a, at, stop, l, dead);
        if (err)
            return err;
        at = stop;
    }
    return hole;
}

int vm_set_label(struct mm *mm, uaddr_t addr, size_t len, const char *text)
{
    size_t bytes = ALIGN_UP(len, PAGE_SIZE);
    if (!IS_ALIGNED(addr, PAGE_SIZE) || (len && !bytes) || addr + bytes < addr)
        return -EINVAL;
    struct area_label *l = text ? label_make(text) : NULL;
    if (text && !l)
        return -ENOMEM;
    struct vm_area *dead = NULL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (!err) {
        err = label_range(mm, addr, addr + bytes, l, &dead);
        rwsem_write_unlock(&mm->lock);
    }
    area_close_dead(dead);
    label_put(l);
    return err;
}
