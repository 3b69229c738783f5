/* SPDX-License-Identifier: MIT */
/* The inside of a pipe: shared by pipe.c (reading, writing, life), pipe_ring.c (the bytes) and fifo.c (open). */
#ifndef FS_PIPE_RING_H
#define FS_PIPE_RING_H

#include "fs/pipe.h"
#include "mem/page.h"

struct pipe {
    struct mutex lock; /* LOCK_PIPE: all but the queues */
    struct waitq read_wait, write_wait;
    u32 size; /* bytes, a power of two */
    union {   /* read together, so that sleepers see a consistent pair */
        struct {
            u32 head, tail; /* head - tail bytes are in the ring */
        };
        u64 ends;
    };
    u32 readers, writers;        /* open ends */
    u32 read_opens, write_opens; /* ever: open(2) of a FIFO waits for a change */
    u32 files;                   /* (FIFOs: inode.lock) the last one frees */
    bool packets;
    bool taken;              /* see pipe_take */
    struct page **pages;     /* size / PAGE_SIZE; NULL until used */
    struct list link;        /* all_pipes */
    struct user_files *user; /* who made it; NULL: nobody counts */
    u32 accounted;           /* (lock) pages of it that count for the user */
};

static inline u32 used(const struct pipe *p)
{
    u64 ends = READ_ONCE(p->ends);
    return (u32)ends - (u32)(ends >> 32);
}

static inline u32 space(const struct pipe *p)
{
    return READ_ONCE(p->size) - used(p);
}

static inline struct page *packet_at(const struct pipe *p, u32 pos)
{
    return p->pages[(pos & (p->size - 1)) >> PAGE_SHIFT];
}

/* (lock) Bytes moved; *err is set when fewer than n. As on Linux, the part inside a page goes whole or not at all. */
size_t pipe_ring_write(struct pipe *p, struct uio *u, size_t n, int *err);
size_t pipe_ring_read(struct pipe *p, struct uio *u, size_t n, int *err);
void pipe_ring_emptied(struct pipe *p);
void pipe_drop_pages(struct pipe *p, u32 from);
size_t pipe_packet_write(struct pipe *p, struct uio *u, size_t n, int *err); /* at most a page; all or nothing */
size_t pipe_packet_read(struct pipe *p, struct uio *u, int *err);
void pipe_packet_drop(struct pipe *p, u32 n); /* the first n bytes of the first packet are gone */

struct pipe *pipe_alloc(void);
void pipe_put(struct pipe *p, struct inode *i); /* an open file less; the last one frees it */
void pipe_close_ends(struct pipe *p, u32 fmode);
extern const struct file_ops pipe_file_ops;

#endif
