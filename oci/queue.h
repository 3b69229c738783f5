/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of buffers between two threads, one that fills and one that drains. Its memory is what bounds the
 * memory of unpacking.
 *
 * A buffer's life: free -> (queue_reserve, filled by the producer, queue_commit) -> full -> (queue_peek, read by the
 * consumer, queue_release) -> free. The producer ends the stream with queue_close; the consumer that wants no more
 * calls queue_cancel, after which queue_reserve returns NULL.
 */
#ifndef SLIPWAY_OCI_QUEUE_H
#define SLIPWAY_OCI_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define QUEUE_BUFFERS 4
#define QUEUE_BUFFER_SIZE (256u << 10)

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned char *memory; /* set once */
    size_t len[QUEUE_BUFFERS];
    unsigned head, count;   /* lock: full buffers are head .. head + count - 1 */
    bool closed, cancelled; /* lock */
};

bool queue_init(struct queue *q);
void queue_destroy(struct queue *q);

unsigned char *queue_reserve(struct queue *q); /* QUEUE_BUFFER_SIZE bytes; waits; NULL: cancelled */
void queue_commit(struct queue *q, size_t len);
void queue_close(struct queue *q);

unsigned char *queue_peek(struct queue *q, size_t *len); /* waits; NULL: closed and drained */
void queue_release(struct queue *q);
void queue_cancel(struct queue *q);

#endif
