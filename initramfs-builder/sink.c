// SPDX-License-Identifier: MIT
/*
 * Sequential output; see sink.h. Copies start with copy_file_range (which shares extents where the file system can),
 * fall back to sendfile and then to read and write, and stay with what worked.
 */
#include "initramfs-builder/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE (1u << 20)
#define COPY_MIN (256u << 10) /* shorter pieces are cheaper through the buffer */
#define COPY_MAX (64u << 20)  /* a piece of one call: an interrupt is answered between them */
#define SKIP_MIN (64u << 10)  /* shorter runs of zeros are written */
#define PROGRESS_STEP (1u << 20)

static void fail(struct sink *s, int error, bool source)
{
    if (s->error)
        return;
    s->error = error;
    s->source_failed = source;
}

static void advance(struct sink *s, uint64_t len)
{
    s->pos += len;
    if (s->progress && s->pos >= s->progress_next) {
        s->progress_next = s->pos + PROGRESS_STEP;
        s->progress(s->pos, s->progress_arg);
    }
}

/* Only a regular file that ends where we begin reads as zeros where nothing is written. */
static bool may_skip(int fd)
{
    struct stat st;
    off_t at = lseek(fd, 0, SEEK_CUR);

    return at >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= at &&
           !(fcntl(fd, F_GETFL) & O_APPEND);
}

int sink_open(struct sink *s, int fd)
{
    *s = (struct sink){.fd = fd};
    if (fd < 0)
        return 0;
    s->buffer = malloc(BUFFER_SIZE);
    s->may_skip = may_skip(fd);
    return s->buffer ? 0 : -ENOMEM;
}

static void write_all(struct sink *s, const uint8_t *data, size_t len)
{
    while (len && !s->error) {
        ssize_t n = write(s->fd, data, len);

        if (n < 0 && errno != EINTR)
            fail(s, -errno, false);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
            s->skipped = false;
        }
    }
}

static void flush(struct sink *s)
{
    write_all(s, s->buffer, s->fill);
    s->fill = 0;
}

/* Room in the buffer, at least one byte. */
static size_t room(struct sink *s)
{
    if (s->fill == BUFFER_SIZE)
        flush(s);
    return BUFFER_SIZE - s->fill;
}

void sink_put(struct sink *s, const void *data, size_t len)
{
    const uint8_t *from = data;

    advance(s, len);
    while (s->fd >= 0 && len && !s->error) {
        size_t n = room(s);

        n = n < len ? n : len;
        memcpy(s->buffer + s->fill, from, n);
        s->fill += n;
        from += n;
        len -= n;
    }
}

static void skip(struct sink *s, uint64_t len)
{
    flush(s);
    if (!s->error && lseek(s->fd, (off_t)len, SEEK_CUR) < 0)
        fail(s, -errno, false);
    s->skipped = true;
}

void sink_zeros(struct sink *s, uint64_t len)
{
    advance(s, len);
    if (s->fd < 0 || s->error)
        return;
    if (s->may_skip && len >= SKIP_MIN) {
        skip(s, len);
        return;
    }
    while (len && !s->error) {
        size_t n = room(s);

        n = n < len ? n : (size_t)len;
        memset(s->buffer + s->fill, 0, n);
        s->fill += n;
        len -= n;
    }
}

/* One call of the host kernel's copy; the bytes copied, 0 at the source's end, or -errno. */
static ssize_t copy_once(struct sink *s, int source, off_t *offset, size_t len)
{
    ssize_t n;

    if (s->how == SINK_COPY_RANGE)
        n = copy_file_range(source, offset, s->fd, NULL, len, 0);
    else
        n = sendfile(s->fd, source, offset, len);
    return n < 0 ? -errno : n;
}

/* Errors that say "not with these two files", as opposed to "not at all". */
static bool is_unsupported(ssize_t error)
{
    return error == -EXDEV || error == -EINVAL || error == -ENOSYS || error == -EOPNOTSUPP || error == -EBADF ||
           error == -EPERM || error == -ETXTBSY;
}

/* Copies in the host's kernel as far as that goes; returns how much is done. */
static uint64_t copy_in_kernel(struct sink *s, int source, uint64_t from, uint64_t len)
{
    uint64_t done = 0;

    while (done < len && s->how != SINK_READ_WRITE && !s->error) {
        off_t offset = (off_t)(from + done);
        uint64_t left = len - done;
        ssize_t n = copy_once(s, source, &offset, left < COPY_MAX ? left : COPY_MAX);

        if (n > 0) {
            done += (uint64_t)n;
            s->skipped = false;
            advance(s, (uint64_t)n);
        } else if (n == 0 || is_unsupported(n)) {
            s->how++; /* 0: the end, or a file system that copies nothing and says so; reading decides */
        } else if (n != -EINTR) {
            fail(s, (int)n, false);
        }
    }
    return done;
}

static void copy_buffered(struct sink *s, int source, uint64_t from, uint64_t len)
{
    while (len && !s->error) {
        size_t want = room(s);
        ssize_t n = pread(source, s->buffer + s->fill, want < len ? want : len, (off_t)from);

        if (n < 0 && errno != EINTR)
            fail(s, -errno, true);
        if (n == 0)
            fail(s, -EIO, true);
        if (n > 0) {
            s->fill += (size_t)n;
            from += (uint64_t)n;
            len -= (uint64_t)n;
            advance(s, (uint64_t)n);
        }
    }
}

void sink_copy(struct sink *s, int source, uint64_t offset, uint64_t len)
{
    uint64_t done = 0;

    if (s->fd < 0 || s->error) {
        advance(s, len);
        return;
    }
    if (len >= COPY_MIN && s->how != SINK_READ_WRITE) {
        flush(s);
        done = copy_in_kernel(s, source, offset, len);
    }
    copy_buffered(s, source, offset + done, len - done);
}

int sink_close(struct sink *s)
{
    if (s->fd >= 0 && !s->error)
        flush(s);
    if (s->skipped && !s->error && ftruncate(s->fd, lseek(s->fd, 0, SEEK_CUR)) < 0)
        fail(s, -errno, false);
    free(s->buffer);
    s->buffer = NULL;
    return s->error;
}
