// SPDX-License-Identifier: MIT
/*
 * One layer is unpacked by three threads in a row, joined by two queues:
 *
 *     reader:  blob -> sha of the blob -----queue----> decoder -----queue----> writer: diff_id, file
 *
 * The blob's size is compared before anything is read. Its digest is known when the reader is through; the tar is
 * parsed only after that and after the diff_id has been compared, and only then does the file get its name in the
 * cache. When the decoder fails, the reader goes on to the end nevertheless: a blob that is not the one asked for is
 * reported as that, whatever else is wrong with it.
 *
 * Locks: layers/X.lock (flock) from the check whether the layer is there until it is. The threads share only the queues
 * and struct stream, whose fields have one writer each and are read after the join.
 */
#include "oci/layer.h"
#include "oci/decode.h"
#include "oci/digest.h"
#include "oci/limits.h"
#include "oci/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char WHAT[] = "unpack";

struct stream {
    struct layer_job *job;
    const char *object;
    int blob_fd; /* -1: the blob is the descriptor's embedded data */
    int out_fd;
    struct queue packed, unpacked;
    /* the reader's */
    char digest[OCI_DIGEST_MAX];
    uint64_t blob_size;
    int read_error;
    /* the decoder's */
    const char *decode_cause;
    const char *compression;
    /* the writer's */
    char diff_id[OCI_DIGEST_MAX];
    uint64_t size;
    bool too_large;
    int write_error;
};

/* ---- the reader -------------------------------------------------------------------------------------------- */

/* The next piece of the blob: its length, 0 at the end, or -errno. */
static ssize_t read_blob(struct stream *s, unsigned char *buffer)
{
    const struct oci_layer *l = s->job->layer;
    ssize_t n;

    if (s->blob_fd < 0) {
        size_t left = l->embedded_len - s->blob_size;
        n = (ssize_t)(left < QUEUE_BUFFER_SIZE ? left : QUEUE_BUFFER_SIZE);
        memcpy(buffer, (unsigned char *)l->embedded + s->blob_size, (size_t)n);
        return n;
    }
    do
        n = read(s->blob_fd, buffer, QUEUE_BUFFER_SIZE);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void *reader(void *arg)
{
    struct stream *s = arg;
    struct digest_stream *hash = digest_begin(s->job->layer->digest);
    unsigned char *spare = malloc(QUEUE_BUFFER_SIZE), *buffer;
    ssize_t n = hash && spare ? 1 : -ENOMEM;

    while (n > 0) {
        buffer = queue_reserve(&s->packed);
        n = read_blob(s, buffer ? buffer : spare);
        if (n <= 0)
            break;
        s->blob_size += (uint64_t)n;
        /* Hand it on first: the decoder reads it while we do. It is ours to read until the next reserve. */
        digest_add(hash, buffer ? buffer : spare, (size_t)n);
        if (buffer)
            queue_commit(&s->packed, (size_t)n);
        if (s->job->progress)
            s->job->progress(s->job->progress_arg, (uint64_t)n);
    }
    s->read_error = n < 0 ? (int)-n : 0;
    queue_close(&s->packed);
    digest_end(hash, s->digest);
    free(spare);
    return NULL;
}

/* ---- the decoder ------------------------------------------------------------------------------------------- */

/* Where the decoder writes: the buffer reserved from the queue, and how much of it is filled. */
struct sink {
    struct queue *queue;
    unsigned char *buffer;
    size_t len;
};

/* Makes room. false: the writer wants no more. */
static bool sink_room(struct sink *k)
{
    if (k->buffer && k->len == QUEUE_BUFFER_SIZE) {
        queue_commit(k->queue, k->len);
        k->buffer = NULL;
    }
    if (!k->buffer) {
        k->buffer = queue_reserve(k->queue);
        k->len = 0;
    }
    return k->buffer != NULL;
}

static const char CANCELLED[] = "cancelled";

/* Decodes one input buffer. */
static const char *decode_buffer(struct decoder *d, struct sink *k, const unsigned char *in, size_t len)
{
    struct decode_buffers b = {.in = in, .in_len = len};
    const char *cause;

    do {
        if (!sink_room(k))
            return CANCELLED;
        b.out = k->buffer + k->len;
        b.out_len = QUEUE_BUFFER_SIZE - k->len;
        cause = decoder_run(d, &b);
        k->len = QUEUE_BUFFER_SIZE - b.out_len;
    } while (!cause && decoder_wants_run(d, &b));
    return cause;
}

static const char *decode_all(struct stream *s, struct decoder **d, struct sink *k)
{
    const char *cause = NULL;
    unsigned char *in;
    size_t len;

    while (!cause && (in = queue_peek(&s->packed, &len))) {
        if (!*d)
            cause = decoder_new(in, len, d);
        if (*d)
            cause = decode_buffer(*d, k, in, len);
        queue_release(&s->packed);
    }
    if (!cause && *d)
        cause = decoder_finish(*d);
    return cause;
}

static void *decoder_thread(void *arg)
{
    struct stream *s = arg;
    struct sink k = {.queue = &s->unpacked};
    struct decoder *d = NULL;

    s->decode_cause = decode_all(s, &d, &k);
    s->compression = d ? decoder_name(d) : "none";
    if (k.buffer && k.len)
        queue_commit(&s->unpacked, k.len);
    queue_cancel(&s->packed);
    queue_close(&s->unpacked);
    decoder_free(d);
    return NULL;
}

/* ---- the writer -------------------------------------------------------------------------------------------- */

static bool write_buffer(struct stream *s, struct digest_stream *hash, const unsigned char *data, size_t len)
{
    s->size += len;
    s->too_large = s->size > s->job->limits->output_bytes;
    if (s->too_large)
        return false;
    digest_add(hash, data, len);
    s->write_error = -fd_write_all(s->out_fd, data, len);
    return s->write_error == 0;
}

static void writer(struct stream *s)
{
    struct digest_stream *hash = digest_begin(s->job->layer->diff_id);
    bool more = hash != NULL;
    unsigned char *data;
    size_t len;

    s->write_error = hash ? 0 : ENOMEM;
    while (more && (data = queue_peek(&s->unpacked, &len))) {
        more = write_buffer(s, hash, data, len);
        queue_release(&s->unpacked);
    }
    queue_cancel(&s->unpacked);
    digest_end(hash, s->diff_id);
}

/* Runs the three; false: threads or memory ran out. */
static bool run_threads(struct stream *s)
{
    pthread_t first, second;
    bool ok;

    if (pthread_create(&first, NULL, reader, s) != 0)
        return false;
    ok = pthread_create(&second, NULL, decoder_thread, s) == 0;
    if (ok) {
        writer(s);
        pthread_join(second, NULL);
    } else {
        queue_cancel(&s->packed);
    }
    pthread_join(first, NULL);
    return ok;
}

/* ---- verdicts ---------------------------------------------------------------------------------------------- */

/* Removes a blob that is not what its name says, so that it can be fetched again. */
static enum layer_result drop_blob(struct stream *s)
{
    AUTO_FREE char *path = s->blob_fd < 0 ? NULL : cache_blob_path(s->job->cache, s->job->layer->digest);

    return path && unlink(path) == 0 ? LAYER_NO_BLOB : LAYER_FAILED;
}

static enum layer_result judge_blob(struct stream *s)
{
    const struct oci_layer *l = s->job->layer;
    struct oci_error *err = s->job->err;

    if (s->read_error) {
        oci_fail_errno(err, WHAT, s->object, s->read_error);
        return LAYER_FAILED;
    }
    if (s->blob_size != l->size || strcmp(s->digest, l->digest) != 0) {
        oci_fail(err, WHAT, s->object, "the blob's %llu bytes have the digest %s", (unsigned long long)s->blob_size,
                 s->digest);
        return drop_blob(s);
    }
    return LAYER_OK;
}

static enum layer_result judge(struct stream *s)
{
    const struct oci_limits *limits = s->job->limits;
    struct oci_error *err = s->job->err;
    enum layer_result result = judge_blob(s);

    if (result != LAYER_OK)
        return result;
    if (s->too_large)
        oci_fail_limit(err, WHAT, s->object, OCI_LIMIT(output_bytes), limits->output_bytes,
                       "uncompressed it has more than %llu bytes", (unsigned long long)limits->output_bytes);
    else if (s->write_error)
        oci_fail_errno(err, WHAT, s->object, s->write_error);
    else if (s->decode_cause)
        oci_fail(err, WHAT, s->object, "%s", s->decode_cause);
    else if (strcmp(s->diff_id, s->job->layer->diff_id) != 0)
        oci_fail(err, WHAT, s->object, "uncompressed it has the digest %s, the config's diff_id is %s", s->diff_id,
                 s->job->layer->diff_id);
    else
        return LAYER_OK;
    return LAYER_FAILED;
}

/* ---- from blob to tar -------------------------------------------------------------------------------------- */

static enum layer_result open_blob(struct stream *s)
{
    const struct oci_layer *l = s->job->layer;
    AUTO_FREE char *path = cache_blob_path(s->job->cache, l->digest);
    struct stat st;

    s->blob_fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (s->blob_fd < 0) {
        if (l->embedded)
            return LAYER_OK;
        oci_fail_errno(s->job->err, WHAT, s->object, path ? errno : ENOMEM);
        return errno == ENOENT ? LAYER_NO_BLOB : LAYER_FAILED;
    }
    if (fstat(s->blob_fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == l->size)
        return LAYER_OK;
    oci_fail(s->job->err, WHAT, s->object, "the blob has %lld bytes, its descriptor says %llu", (long long)st.st_size,
             (unsigned long long)l->size);
    return drop_blob(s);
}

static enum layer_result stream_blob(struct stream *s)
{
    enum layer_result result = open_blob(s);
    bool queues;

    if (result == LAYER_OK) {
        queues = queue_init(&s->packed);
        queues &= queue_init(&s->unpacked);
        if (queues && run_threads(s)) {
            result = judge(s);
        } else {
            result = LAYER_FAILED;
            oci_fail_memory(s->job->err, WHAT, s->object);
        }
        queue_destroy(&s->packed);
        queue_destroy(&s->unpacked);
    }
    if (s->blob_fd >= 0)
        close(s->blob_fd);
    return result;
}

/* Parses the finished tar and stores its table at `path`. */
static int make_table(struct layer_job *job, const char *object, int tar_fd, const char *path)
{
    struct table_context ctx = {.object = object, .limits = job->limits, .err = job->err};
    struct table table;
    int error;

    if (table_build(tar_fd, &ctx, &table) < 0)
        return -1;
    unlink(path);
    error = table_store(&table, path, tar_fd);
    job->layer->entry_count = table.header->entry_count;
    job->layer->unpacked_size = table.header->tar_size;
    table_clear(&table);
    return error ? oci_fail_errno(job->err, WHAT, object, -error) : 0;
}

static int publish(struct layer_job *job, const char *object, const char *from, const char *suffix)
{
    AUTO_FREE char *to = cache_layer_path(job->cache, job->layer->diff_id, suffix);

    if (!to || rename(from, to) < 0)
        return oci_fail_errno(job->err, WHAT, object, to ? errno : ENOMEM);
    return 0;
}

static enum layer_result unpack_into(struct layer_job *job, const char *object, const char *dir)
{
    AUTO_FREE char *tar = oci_format("%s/tar", dir), *table = oci_format("%s/table", dir);
    AUTO_CLOSE int fd = tar ? open(tar, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    struct stream s = {.job = job, .object = object, .out_fd = fd};
    enum layer_result result;

    if (fd < 0 || !table) {
        oci_fail_errno(job->err, WHAT, object, tar && table ? errno : ENOMEM);
        return LAYER_FAILED;
    }
    result = stream_blob(&s);
    if (result != LAYER_OK)
        return result;
    job->layer->compression = s.compression;
    if (make_table(job, object, fd, table) < 0 || publish(job, object, tar, "tar") < 0 ||
        publish(job, object, table, "table") < 0)
        return LAYER_FAILED;
    return LAYER_OK;
}

/* ---- what is there already --------------------------------------------------------------------------------- */

int layer_open(struct oci_cache *cache, const struct oci_layer *layer, int *tar_fd, struct table *table)
{
    AUTO_FREE char *tar = cache_layer_path(cache, layer->diff_id, "tar");
    AUTO_FREE char *path = cache_layer_path(cache, layer->diff_id, "table");
    AUTO_CLOSE int fd = tar && path ? open(tar, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0 || table_load(path, fd, table) < 0)
        return -1;
    cache_touch(path);
    *tar_fd = TAKE_FD(fd);
    return 0;
}

static bool is_unpacked(struct layer_job *job)
{
    struct table table;
    int fd;

    if (layer_open(job->cache, job->layer, &fd, &table) < 0)
        return false;
    job->layer->unpacked_size = table.header->tar_size;
    job->layer->entry_count = table.header->entry_count;
    table_clear(&table);
    close(fd);
    return true;
}

static bool has_diff_id(int fd, const char *diff_id)
{
    struct digest_stream *hash = digest_begin(diff_id);
    AUTO_FREE char *buffer = malloc(QUEUE_BUFFER_SIZE);
    char digest[OCI_DIGEST_MAX];
    ssize_t n = -1;

    while (hash && buffer && (n = read(fd, buffer, QUEUE_BUFFER_SIZE)) > 0)
        digest_add(hash, buffer, (size_t)n);
    digest_end(hash, digest);
    return n == 0 && strcmp(digest, diff_id) == 0;
}

/* The table is damaged or missing, the tar perhaps not: then its table is made again. */
static bool repair_table(struct layer_job *job, const char *object, const char *dir)
{
    AUTO_FREE char *tar = cache_layer_path(job->cache, job->layer->diff_id, "tar");
    AUTO_FREE char *table = oci_format("%s/table", dir);
    AUTO_CLOSE int fd = tar ? open(tar, O_RDONLY | O_CLOEXEC) : -1;

    return fd >= 0 && table && has_diff_id(fd, job->layer->diff_id) && make_table(job, object, fd, table) == 0 &&
           publish(job, object, table, "table") == 0;
}

static int lock_layer(struct layer_job *job)
{
    AUTO_FREE char *path = cache_layer_path(job->cache, job->layer->diff_id, "lock");
    AUTO_CLOSE int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;

    while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return TAKE_FD(fd);
}

enum layer_result layer_unpack(struct layer_job *job)
{
    AUTO_FREE char *object = oci_format("layer %s of %s", job->layer->digest, job->image);
    AUTO_CLOSE int lock = -1;
    enum layer_result result = LAYER_OK;
    struct cache_tmp tmp;

    if (!object || is_unpacked(job))
        return object ? LAYER_OK : LAYER_FAILED;
    lock = lock_layer(job);
    if (lock < 0) {
        oci_fail_errno(job->err, WHAT, object, errno);
        return LAYER_FAILED;
    }
    if (is_unpacked(job))
        return LAYER_OK;
    if (cache_tmp_begin(job->cache, &tmp, job->err) < 0)
        return LAYER_FAILED;
    if (!repair_table(job, object, tmp.path))
        result = unpack_into(job, object, tmp.path);
    cache_tmp_end(&tmp);
    return result;
}
