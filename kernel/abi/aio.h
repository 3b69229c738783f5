/* SPDX-License-Identifier: MIT */
/* io_setup(2) and its kin; the ring that libraries read beside it. */
#ifndef ABI_AIO_H
#define ABI_AIO_H

#include <linux/aio_abi.h>

/* At the context's address; the events follow it. No UAPI header has it: fs/aio.c, and libaio's aio_ring.h. */
struct aio_ring {
    unsigned id;   /* kernel internal index */
    unsigned nr;   /* number of io_events */
    unsigned head; /* written by whoever takes events, user space too */
    unsigned tail;
    unsigned magic;
    unsigned compat_features;
    unsigned incompat_features;
    unsigned header_length;
};
#define AIO_RING_MAGIC 0xa10a10a1u
#define AIO_RING_COMPAT_FEATURES 1u
#define AIO_RING_INCOMPAT_FEATURES 0u

struct aio_sigset { /* io_pgetevents(2): struct __aio_sigset */
    unsigned long sigmask, sigsetsize;
};

_Static_assert(sizeof(struct iocb) == 64, "struct iocb");
_Static_assert(sizeof(struct io_event) == 32, "struct io_event");
_Static_assert(sizeof(struct aio_ring) == sizeof(struct io_event), "events begin at a multiple of their size");

#endif
