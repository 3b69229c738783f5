// SPDX-License-Identifier: MIT
/* A bounded queue of buffers; see queue.h. */
#include "oci/queue.h"

#include <stdlib.h>
#include <string.h>

bool queue_init(struct queue *q)
{
    memset(q, 0, sizeof(*q));
    q->memory = malloc((size_t)QUEUE_BUFFERS * QUEUE_BUFFER_SIZE);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    return q->memory != NULL;
}

void queue_destroy(struct queue *q)
{
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->changed);
    free(q->memory);
}

static unsigned char *buffer(struct queue *q, unsigned index)
{
    return q->memory + (size_t)(index % QUEUE_BUFFERS) * QUEUE_BUFFER_SIZE;
}

unsigned char *queue_reserve(struct queue *q)
{
    unsigned char *free_buffer;

    pthread_mutex_lock(&q->lock);
    while (q->count == QUEUE_BUFFERS && !q->cancelled)
        pthread_cond_wait(&q->changed, &q->lock);
    free_buffer = q->cancelled ? NULL : buffer(q, q->head + q->count);
    pthread_mutex_unlock(&q->lock);
    return free_buffer;
}

void queue_commit(struct queue *q, size_t len)
{
    pthread_mutex_lock(&q->lock);
    q->len[(q->head + q->count) % QUEUE_BUFFERS] = len;
    q->count++;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static void set_flag(struct queue *q, bool *flag)
{
    pthread_mutex_lock(&q->lock);
    *flag = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

void queue_close(struct queue *q)
{
    set_flag(q, &q->closed);
}

void queue_cancel(struct queue *q)
{
    set_flag(q, &q->cancelled);
}

unsigned char *queue_peek(struct queue *q, size_t *len)
{
    unsigned char *full = NULL;

    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->changed, &q->lock);
    if (q->count) {
        full = buffer(q, q->head);
        *len = q->len[q->head % QUEUE_BUFFERS];
    }
    pthread_mutex_unlock(&q->lock);
    return full;
}

void queue_release(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->head = (q->head + 1) % QUEUE_BUFFERS;
    q->count--;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}
