// SPDX-License-Identifier: MIT
/* The ring of a pipe: bytes over its pages, or a packet a page (fs/pipe.c). */
#include "fs/pipe_ring.h"

#include "abi/errno.h"
#include "lib/string.h"

#define KEPT_PAGES 16u

static inline u32 chunk_at(const struct pipe *p, u32 pos, size_t n)
{
    (void)p;
    return (u32)MIN(n, PAGE_SIZE - (pos & ~PAGE_MASK));
}

static u8 *page_at(struct pipe *p, u32 pos)
{
    struct page **slot = &p->pages[(pos & (p->size - 1)) >> PAGE_SHIFT];

    if (unlikely(!*slot))
        *slot = page_alloc(0, MEM_USER);
    return *slot ? page_addr(*slot) : NULL;
}

size_t pipe_ring_write(struct pipe *p, struct uio *u, size_t n, int *err)
{
    size_t total = 0;

    while (total < n) {
        u32 len = chunk_at(p, p->head, n - total);
        u8 *to = page_at(p, p->head);
        size_t done = to ? uio_copy_from(u, to + (p->head & ~PAGE_MASK), len) : 0;
        if (done < len) {
            *err = to ? -EFAULT : -ENOMEM;
            break;
        }
        WRITE_ONCE(p->head, p->head + len);
        total += len;
    }
    return total;
}

size_t pipe_ring_read(struct pipe *p, struct uio *u, size_t n, int *err)
{
    size_t total = 0;

    while (total < n) {
        u32 len = chunk_at(p, p->tail, n - total);
        if (uio_copy_to(u, page_at(p, p->tail) + (p->tail & ~PAGE_MASK), len) < len) {
            *err = -EFAULT;
            break;
        }
        WRITE_ONCE(p->tail, p->tail + len);
        total += len;
    }
    return total;
}

void pipe_drop_pages(struct pipe *p, u32 from)
{
    for (u32 i = from; i < p->size >> PAGE_SHIFT; i++) {
        if (p->pages[i])
            page_put(p->pages[i]);
        p->pages[i] = NULL;
    }
}

void pipe_ring_emptied(struct pipe *p)
{
    WRITE_ONCE(p->ends, 0);
    if (unlikely(p->size >> PAGE_SHIFT > KEPT_PAGES))
        pipe_drop_pages(p, KEPT_PAGES);
}

/* ---- packets --------------------------------------------------------------------------------------------------------- */

size_t pipe_packet_write(struct pipe *p, struct uio *u, size_t n, int *err)
{
    u8 *to = page_at(p, p->head);

    if (!to || uio_copy_from(u, to, n) < n) {
        *err = to ? -EFAULT : -ENOMEM;
        return 0;
    }
    packet_at(p, p->head)->private = (u32)n;
    WRITE_ONCE(p->head, p->head + (u32)PAGE_SIZE);
    return n;
}

size_t pipe_packet_read(struct pipe *p, struct uio *u, int *err)
{
    size_t n = MIN(packet_at(p, p->tail)->private, u->resid);

    if (uio_copy_to(u, page_at(p, p->tail), n) < n) {
        *err = -EFAULT;
        return 0;
    }
    WRITE_ONCE(p->tail, p->tail + (u32)PAGE_SIZE);
    return n;
}

void pipe_packet_drop(struct pipe *p, u32 n)
{
    struct page *packet = packet_at(p, p->tail);
    u8 *bytes = page_addr(packet);

    packet->private -= n;
    if (packet->private)
        memmove(bytes, bytes + n, packet->private);
    else
        WRITE_ONCE(p->tail, p->tail + (u32)PAGE_SIZE);
}
