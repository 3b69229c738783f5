// SPDX-License-Identifier: MIT
/*
 * Lays out and writes the archive.
 *
 * One function, put_archive, emits everything into a sink. Planning runs it with a sink that only counts and notes
 * where each file's data falls; writing runs it again with a file, and must arrive at the same places.
 *
 * Alignment. A newc header has 110 bytes; name and header together end on a multiple of 4. Data of SW_PAGE bytes or
 * more is aligned to SW_PAGE by padding the name with NULs. Where that would make the name longer than Linux takes
 * (4096 bytes, and it skips longer ones without a word), a filler goes before it: the root directory once more, under
 * its name ".", with a name field just long enough that the file after it needs the least padding of its own.
 */
#include "initramfs-builder/archive.h"

#include "initramfs-builder/index.h"
#include "initramfs-builder/sink.h"
#include "initramfs-builder/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NEWC_HEADER 110u
#define NAME_FIELD_MAX 4094u /* the longest that is 2 modulo 4 and not above Linux's 4096 */
#define TRAILER "TRAILER!!!"

struct archive {
    struct tree *tree;
    struct archive_options options;
    struct index index;
    uint64_t size;
    uint32_t *names_seen; /* an inode's names put so far in this pass */
};

/* A newc header's fields, in the archive's order. */
struct newc {
    uint32_t ino, mode, uid, gid, nlink, mtime, filesize, dev_major, dev_minor, rdev_major, rdev_minor;
};

struct pass {
    struct archive *a;
    struct sink *sink;
    struct archive_error *error;
};

/* ---- headers ----------------------------------------------------------------------------------------------- */

static void put_header(struct sink *s, const struct newc *h, const char *name, size_t field)
{
    char text[NEWC_HEADER + 1];
    size_t name_size = strlen(name) + 1;

    snprintf(text, sizeof(text), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", h->ino, h->mode, h->uid,
             h->gid, h->nlink, h->mtime, h->filesize, h->dev_major, h->dev_minor, h->rdev_major, h->rdev_minor,
             (uint32_t)field, 0);
    sink_put(s, text, NEWC_HEADER);
    sink_put(s, name, name_size);
    sink_zeros(s, field - name_size);
}

static void pad_to(struct sink *s, uint32_t unit)
{
    sink_zeros(s, -s->pos & (unit - 1));
}

/* A header as everyone writes it; libarchive knows the trailer by the exact length of its name. */
static void put_plain_header(struct sink *s, const struct newc *h, const char *name)
{
    put_header(s, h, name, strlen(name) + 1);
    pad_to(s, 4);
}

/* The shortest name field for a name: its length with the NUL, rounded up to 2 modulo 4. */
static uint32_t shortest_field(const char *name)
{
    return (uint32_t)((strlen(name) + 1 + 1) & ~(size_t)3) + 2;
}

static uint32_t header_mtime(int64_t sec)
{
    return sec < 0 ? 0 : sec > UINT32_MAX ? UINT32_MAX : (uint32_t)sec;
}

static struct newc header_of(const struct archive *a, uint32_t number)
{
    const struct sw_index_inode *i = &a->index.inodes[number];

    return (struct newc){
        .ino = number + 1,
        .mode = i->mode,
        .uid = i->uid,
        .gid = i->gid,
        /* Readers join the names of anything with several links, except symlinks, which need their text each. */
        .nlink = S_ISLNK(i->mode) ? 1 : i->nlink,
        .mtime = header_mtime(i->mtime_sec),
        .rdev_major = i->rdev_major,
        .rdev_minor = i->rdev_minor,
    };
}

/* The filler that lets a header with a field of `shortest` bytes after it end on a page. */
static void put_filler(struct pass *p, uint32_t residue, uint32_t shortest)
{
    struct newc root = header_of(p->a, 0);
    uint32_t length = (residue - shortest) % SW_PAGE;

    root.nlink = 1; /* or libarchive takes it for a hard link to itself */
    if (length < NEWC_HEADER + 2)
        length += SW_PAGE;
    put_header(p->sink, &root, ".", length - NEWC_HEADER);
}

/* A header after which data begins on a page. */
static void put_aligned_header(struct pass *p, const struct newc *h, const char *name)
{
    uint32_t shortest = shortest_field(name);
    uint32_t residue = (uint32_t)(-(p->sink->pos + NEWC_HEADER) & (SW_PAGE - 1));

    if (residue < shortest) {
        put_filler(p, residue, shortest);
        residue = shortest;
    }
    put_header(p->sink, h, name, residue);
}

/* A file of our own, in memory. */
static void put_blob(struct pass *p, const char *name, uint32_t ino, const void *data, size_t len, bool aligned)
{
    struct newc h = {.ino = ino, .mode = S_IFREG | 0444, .nlink = 1, .filesize = (uint32_t)len};

    if (aligned)
        put_aligned_header(p, &h, name);
    else
        put_plain_header(p->sink, &h, name);
    sink_put(p->sink, data, len);
    pad_to(p->sink, 4);
}

/* ---- entries ----------------------------------------------------------------------------------------------- */

static void put_contents(struct pass *p, const struct tree_inode *i)
{
    uint64_t at = 0;

    if (i->blob) {
        sink_put(p->sink, i->blob, i->size);
        return;
    }
    for (uint32_t n = 0; n < i->extent_count; n++) {
        const struct tree_extent *x = &i->extents[n];

        sink_zeros(p->sink, x->file_off - at);
        sink_copy(p->sink, tree_source_fd(p->a->tree, x->source), x->source_off, x->len);
        at = x->file_off + x->len;
    }
    sink_zeros(p->sink, i->size - at);
}

/* Notes where data begins in the counting pass; in the writing pass it must be there again. */
static void note_data(struct pass *p, uint32_t number)
{
    struct sw_index_inode *i = &p->a->index.inodes[number];

    if (p->sink->fd < 0)
        i->data_off = p->sink->pos;
    else if (i->data_off != p->sink->pos && !p->sink->error)
        p->sink->error = -ESTALE; /* the tree changed after planning */
}

static void put_file(struct pass *p, const struct tree_inode *i, struct newc *h, const char *name)
{
    uint32_t number = index_number(i);
    bool last = ++p->a->names_seen[number] == p->a->index.inodes[number].nlink;

    if (!last || i->size == 0) { /* the data goes with the last name */
        put_plain_header(p->sink, h, name);
        return;
    }
    h->filesize = (uint32_t)i->size;
    if (i->size >= SW_PAGE)
        put_aligned_header(p, h, name);
    else
        put_plain_header(p->sink, h, name);
    note_data(p, number);
    put_contents(p, i);
    pad_to(p->sink, 4);
}

static void put_symlink(struct pass *p, const struct tree_inode *i, struct newc *h, const char *name)
{
    uint32_t number = index_number(i);
    size_t len = strlen(i->symlink);
    bool last = ++p->a->names_seen[number] == p->a->index.inodes[number].nlink;

    h->filesize = (uint32_t)len;
    put_plain_header(p->sink, h, name);
    if (last)
        note_data(p, number);
    sink_put(p->sink, i->symlink, len);
    pad_to(p->sink, 4);
}

static int put_entry(struct tree_entry *e, void *arg)
{
    struct pass *p = arg;
    struct newc h = header_of(p->a, index_number(e->inode));
    char path[ENTRY_PATH_MAX + 2] = "./";
    char *name = path + 2;
    int len = entry_path(e, name);

    if (len < 0 || len + 1 > (int)NAME_FIELD_MAX)
        return archive_fail(p->error, -ENAMETOOLONG, "archive /%.200s...: its path is longer than %u bytes",
                            len < 0 ? e->name : name, NAME_FIELD_MAX - 1);
    if (!strcmp(name, TRAILER)) /* a reader would stop here */
        name = path;
    if (S_ISREG(e->inode->mode))
        put_file(p, e->inode, &h, name);
    else if (S_ISLNK(e->inode->mode))
        put_symlink(p, e->inode, &h, name);
    else
        put_plain_header(p->sink, &h, name);
    return p->sink->error;
}

/* ---- the archive ------------------------------------------------------------------------------------------- */

/* Pads to a page and leaves room for the tail, which is zeros in an archive that stands alone. */
static void put_end(struct pass *p)
{
    struct sw_archive_tail tail = {.magic = SW_TAIL_MAGIC, .size = p->a->size};
    struct newc h = {.nlink = 1};
    uint64_t end;

    put_plain_header(p->sink, &h, TRAILER);
    end = (p->sink->pos + sizeof(tail) + SW_PAGE - 1) & ~(uint64_t)(SW_PAGE - 1);
    sink_zeros(p->sink, end - sizeof(tail) - p->sink->pos);
    if (p->a->options.tail)
        sink_put(p->sink, &tail, sizeof(tail));
    else
        sink_zeros(p->sink, sizeof(tail));
}

static int put_archive(struct archive *a, struct sink *s, struct archive_error *error)
{
    struct pass p = {.a = a, .sink = s, .error = error};
    uint32_t count = a->index.header->inode_count;
    int result;

    memset(a->names_seen, 0, count * sizeof(*a->names_seen));
    put_blob(&p, SW_INDEX_NAME, count + 1, a->index.blob, a->index.size, true);
    if (a->options.record)
        put_blob(&p, SW_RECORD_NAME, count + 2, a->options.record, a->options.record_len, false);
    result = tree_walk(a->tree, put_entry, &p);
    if (!result)
        put_end(&p);
    return result ? result : s->error;
}

int archive_plan(struct tree *t, const struct archive_options *options, struct archive **out,
                 struct archive_error *error)
{
    struct archive *a = calloc(1, sizeof(*a));
    struct sink counter;
    int result;

    if (!a)
        return archive_fail(error, -ENOMEM, "archive the image: out of memory");
    a->tree = t;
    a->options = *options;
    result = index_build(&a->index, t, options, error);
    if (!result)
        a->names_seen = calloc(a->index.header->inode_count, sizeof(*a->names_seen));
    if (!result && !a->names_seen) {
        archive_fail(error, -ENOMEM, "archive the image: out of memory");
        result = -ENOMEM;
    }
    if (!result) {
        sink_open(&counter, -1);
        result = put_archive(a, &counter, error);
    }
    if (result) {
        archive_destroy(a);
        return result;
    }
    a->size = counter.pos;
    a->index.header->archive_size = a->size;
    *out = a;
    return 0;
}

uint64_t archive_size(const struct archive *a)
{
    return a->size;
}

static int write_failed(const struct sink *s, struct archive_error *error)
{
    const char *cause = s->source_failed && s->error == -EIO ? "it ends too early" : strerror(-s->error);

    if (s->error == -ESTALE)
        cause = "the tree changed while it was written";
    return archive_fail(error, s->error, "%s: %s", s->source_failed ? "read a layer in the cache" : "write the archive",
                        cause);
}

int archive_write(struct archive *a, int fd, void (*progress)(uint64_t done, void *arg), void *arg,
                  struct archive_error *error)
{
    struct sink s;
    int result;

    if (sink_open(&s, fd) < 0)
        return archive_fail(error, -ENOMEM, "write the archive: out of memory");
    s.progress = progress;
    s.progress_arg = arg;
    put_archive(a, &s, error);
    result = sink_close(&s);
    if (result)
        return write_failed(&s, error);
    if (s.pos != a->size)
        return archive_fail(error, -ESTALE, "write the archive: the tree changed while it was written");
    return 0;
}

void archive_destroy(struct archive *a)
{
    if (!a)
        return;
    index_free(&a->index);
    free(a->names_seen);
    free(a);
}
