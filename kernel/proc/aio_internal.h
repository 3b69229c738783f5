/* SPDX-License-Identifier: MIT */
/* What aio.c and aio_poll.c share. */
#ifndef PROC_AIO_INTERNAL_H
#define PROC_AIO_INTERNAL_H

#include "proc/aio.h"
#include "vm/mm.h"

struct aio_ctx {
    refcount_t refs;         /* the mm's list, areas that map the ring, requests, callers */
    struct mapping mapping;  /* of the ring */
    struct mm *mm;           /* whose it is; not counted, only compared */
    struct list link;        /* mm.aio (contexts_lock) */
    bool dead;               /* (contexts_lock) off the list */
    u32 id;                  /* within its mm */
    u32 asked;               /* counts against aio-max-nr */
    u32 size;                /* of the ring, in events; one place stays free */
    struct mutex reap;       /* LOCK_AIO_REAP: who takes events out, across copies to user space */
    struct spinlock lock;    /* LOCK_AIO */
    u32 tail;                /* (lock) where the next event goes; ring->tail is for others to read */
    u32 in_flight;           /* (lock) requests that have begun */
    struct list polls;       /* (lock) struct aio_poll: can be cancelled */
    struct waitq wait, idle; /* for events; for in_flight to be 0 */
    u32 npages;
    struct page *pages[];
};

void aio_cancel_all(struct aio_ctx *ctx); /* aio_poll.c */

#endif
