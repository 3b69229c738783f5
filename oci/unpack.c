// SPDX-License-Identifier: MIT
/*
 * oci_unpack: the layers of an image, in parallel. Workers take the next layer until none is left or one has failed.
 * A blob that is missing or damaged in the cache is fetched again, once: even when the image was fetched just now, since
 * skopeo leaves out the blobs that were there before.
 *
 * Locks: struct work.lock (w) guards the hand-out of layers and the progress callback.
 */
#include "oci/image.h"
#include "oci/layer.h"
#include "oci/limits.h"

#include <pthread.h>
#include <sched.h>

#define WORKERS_MAX 4 /* layers at once: each is three threads and a few MiB */
#define PROGRESS_STEP (1u << 20)

struct work {
    struct oci_image *image;
    const struct oci_options *opt;
    pthread_mutex_t lock;
    size_t next;                /* (w) the next layer to hand out */
    bool failed;                /* (w) for good: no more are handed out */
    uint64_t done, total, told; /* (w) */
    enum layer_result *results; /* each the worker's own */
    struct oci_error *errors;
};

static void tell(struct work *w)
{
    struct oci_progress p = {.step = "unpacking", .object = w->image->ref, .done = w->done, .total = w->total};

    w->told = w->done;
    w->opt->progress(w->opt->progress_arg, &p);
}

static void progress(void *arg, uint64_t bytes)
{
    struct work *w = arg;

    pthread_mutex_lock(&w->lock);
    w->done += bytes;
    if (w->opt->progress && w->done - w->told >= PROGRESS_STEP)
        tell(w);
    pthread_mutex_unlock(&w->lock);
}

/* The index of a layer to do; layer_count: none left. */
static size_t take_layer(struct work *w)
{
    size_t n;

    pthread_mutex_lock(&w->lock);
    n = w->failed ? w->image->layer_count : w->next;
    w->next += n < w->image->layer_count;
    pthread_mutex_unlock(&w->lock);
    return n;
}

static void *worker(void *arg)
{
    struct work *w = arg;
    size_t n;

    while ((n = take_layer(w)) < w->image->layer_count) {
        struct layer_job job = {
            .cache = w->image->cache,
            .layer = &w->image->layers[n],
            .image = w->image->ref,
            .limits = &w->opt->limits,
            .progress = progress,
            .progress_arg = w,
            .err = &w->errors[n],
        };

        w->results[n] = layer_unpack(&job);
        if (w->results[n] == LAYER_FAILED) { /* whatever else lacks its blob is found in the same pass */
            pthread_mutex_lock(&w->lock);
            w->failed = true;
            pthread_mutex_unlock(&w->lock);
        }
    }
    return NULL;
}

static unsigned worker_count(const struct work *w)
{
    cpu_set_t set;
    unsigned n = w->opt->threads;

    if (n == 0)
        n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    if (n > WORKERS_MAX)
        n = WORKERS_MAX;
    return n > w->image->layer_count ? (unsigned)w->image->layer_count : n;
}

/* This thread is one of the workers; fewer than wished for is no failure. */
static void run_workers(struct work *w)
{
    pthread_t threads[WORKERS_MAX];
    unsigned count = worker_count(w), started = 0;

    while (started + 1 < count && pthread_create(&threads[started], NULL, worker, w) == 0)
        started++;
    worker(w);
    while (started)
        pthread_join(threads[--started], NULL);
}

/* The verdict of the lowest layer that has one, so that it is the same every time. */
static enum layer_result first_failure(const struct work *w, struct oci_error *err)
{
    for (size_t n = 0; n < w->image->layer_count; n++) {
        if (w->results[n] != LAYER_OK) {
            *err = w->errors[n];
            return w->results[n];
        }
    }
    return LAYER_OK;
}

static enum layer_result unpack_once(struct oci_image *image, const struct oci_options *opt, struct oci_error *err)
{
    struct work w = {.image = image, .opt = opt, .lock = PTHREAD_MUTEX_INITIALIZER};
    enum layer_result result = LAYER_FAILED;

    for (size_t n = 0; n < image->layer_count; n++)
        w.total += image->layers[n].size;
    w.results = calloc(image->layer_count + 1, sizeof(*w.results));
    w.errors = calloc(image->layer_count + 1, sizeof(*w.errors));
    if (w.results && w.errors) {
        run_workers(&w);
        result = first_failure(&w, err);
        if (result == LAYER_OK && opt->progress && w.done)
            tell(&w);
    } else {
        oci_fail_memory(err, "unpack", image->ref);
    }
    free(w.results);
    free(w.errors);
    return result;
}

static int check_sizes(const struct oci_image *image, const struct oci_limits *limits, struct oci_error *err)
{
    uint64_t bytes = 0, entries = 0;

    for (size_t n = 0; n < image->layer_count; n++) {
        bytes += image->layers[n].unpacked_size;
        entries += image->layers[n].entry_count;
    }
    if (bytes > limits->output_bytes)
        return oci_fail_limit(err, "unpack", image->ref, OCI_LIMIT(output_bytes), limits->output_bytes,
                              "its layers have %llu bytes", (unsigned long long)bytes);
    if (entries > limits->entries)
        return oci_fail_limit(err, "unpack", image->ref, OCI_LIMIT(entries), limits->entries,
                              "its layers have %llu entries", (unsigned long long)entries);
    return 0;
}

int oci_unpack(struct oci_image *image, const struct oci_options *opt, struct oci_error *err)
{
    enum layer_result result = unpack_once(image, opt, err);

    if (result == LAYER_NO_BLOB && !opt->offline) {
        err->msg[0] = 0;
        if (image_refetch(image, opt, err) < 0)
            return -1;
        result = unpack_once(image, opt, err);
    } else if (result == LAYER_NO_BLOB) {
        err->msg[0] = 0;
        return oci_fail(err, "pull", image->ref, "a layer of it is not in the cache, and --offline was given");
    }
    return result == LAYER_OK ? check_sizes(image, &opt->limits, err) : -1;
}
