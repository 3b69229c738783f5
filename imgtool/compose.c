// SPDX-License-Identifier: MIT
/* Putting the two libraries together; see compose.h. */
#include "imgtool/compose.h"

#include "imgtool/progress.h"
#include "imgtool/spec.h"
#include "initramfs-builder/tree.h"
#include "oci/error.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int fail_archive(struct oci_error *err, const struct archive_error *error)
{
    struct archive_error copy = *error;
    char *object = strchr(copy.message, ' '), *cause = object ? strstr(object, ": ") : NULL;

    if (!cause)
        return oci_fail(err, "write", "the archive", "%s", error->message);
    *object++ = 0;
    *cause = 0;
    return oci_fail(err, copy.message, object, "%s", cause + 2);
}

int epoch_read(struct archive_options *options, struct oci_error *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    char *end;

    if (!text || !*text)
        return 0;
    errno = 0;
    options->epoch = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno)
        return oci_fail(err, "use SOURCE_DATE_EPOCH", text, "it is not a number of seconds");
    options->clamp_mtime = true;
    return 0;
}

static int plan(struct composition *c, bool embed, struct oci_error *err)
{
    struct archive_options options = {.record = c->record.data, .record_len = c->record.size, .tail = embed};
    struct archive_error error = {""};

    if (epoch_read(&options, err) < 0)
        return -1;
    return archive_plan(c->tree, &options, &c->archive, &error) < 0 ? fail_archive(err, &error) : 0;
}

static int resolve(const struct options *o, struct composition *c, struct oci_error *err)
{
    struct spec_overrides over;
    int result = spec_overrides_new(o, &over, err);

    if (result == 0)
        result = oci_container_new(c->image, c->tree, &over.oci, &c->container, err);
    if (result == 0)
        result = oci_runtime_files(c->tree, c->container, NULL, err);
    if (result == 0)
        result = spec_record(c->container, o, 0, &c->record, err);
    spec_overrides_clear(&over);
    return result;
}

int compose_image(const struct options *o, bool embed, struct composition *c, struct oci_error *err)
{
    c->tree = tree_new();
    if (!c->tree)
        return oci_fail_memory(err, "merge", c->image->ref);
    if (oci_merge(c->image, &o->oci, c->tree, err) < 0)
        return -1;
    progress_clear();
    return resolve(o, c, err) < 0 ? -1 : plan(c, embed, err);
}

int compose(const struct options *o, bool embed, struct composition *c, struct oci_error *err)
{
    *c = (struct composition){0};
    if (oci_pull(&o->oci, o->operands[0], &c->image, err) < 0)
        return -1;
    return compose_image(o, embed, c, err);
}

void composition_free(struct composition *c)
{
    archive_destroy(c->archive);
    record_free(&c->record);
    oci_container_free(c->container);
    tree_free(c->tree);
    oci_image_free(c->image);
}

/* ---- the second archive ------------------------------------------------------------------------------------ */

#define OLD 1u /* builder_cookie of an inode that was there before */

struct overlay {
    struct tree *tree;
    int error;
};

static int mark_old(struct tree_entry *e, void *arg)
{
    (void)arg;
    e->inode->builder_cookie = OLD;
    return 0;
}

/* A copy of an inode as far as the files oci makes up go: attributes and a blob, or a symlink. */
static struct tree_inode *copy_inode(const struct tree_inode *from)
{
    struct tree_inode *i = tree_inode_new(from->mode);
    bool ok = i != NULL;

    if (!i)
        return NULL;
    i->uid = from->uid;
    i->gid = from->gid;
    i->mtime_sec = from->mtime_sec;
    i->mtime_nsec = from->mtime_nsec;
    i->rdev_major = from->rdev_major;
    i->rdev_minor = from->rdev_minor;
    if (from->blob) {
        i->blob = malloc(from->size + 1);
        i->size = from->size;
        ok = i->blob && memcpy(i->blob, from->blob, from->size);
    }
    if (from->symlink)
        ok = (i->symlink = strdup(from->symlink)) != NULL;
    for (uint32_t n = 0; n < from->xattr_count && ok; n++)
        ok = tree_set_xattr(i, from->xattrs[n].name, from->xattrs[n].value, from->xattrs[n].value_len) == 0;
    if (ok)
        return i;
    tree_inode_unref(i);
    return NULL;
}

/* The copy of e in the overlay, made with all its directories when it is not there yet; NULL: out of memory. */
static struct tree_entry *copy_entry(struct overlay *v, const struct tree_entry *e)
{
    struct tree_entry *dir, *copy;
    struct tree_inode *inode;

    if (!e->parent)
        return tree_root(v->tree);
    dir = copy_entry(v, e->parent);
    copy = dir ? tree_lookup(dir, e->name, e->name_len) : NULL;
    if (!dir || copy)
        return copy;
    inode = copy_inode(e->inode);
    if (!inode || tree_link(dir, e->name, e->name_len, inode, &copy) < 0) {
        tree_inode_unref(inode);
        return NULL;
    }
    return copy;
}

static int copy_new(struct tree_entry *e, void *arg)
{
    struct overlay *v = arg;

    if (e->inode->builder_cookie == OLD || e->inode->extent_count)
        return 0;
    return copy_entry(v, e) ? 0 : -ENOMEM;
}

static int copy_root(struct overlay *v, struct tree *base)
{
    struct tree_inode *root = copy_inode(tree_root(base)->inode);

    if (!root)
        return -ENOMEM;
    tree_replace_inode(tree_root(v->tree), root);
    return 0;
}

static int write_overlay(struct tree *t, const struct record *record, struct oci_error *err)
{
    struct archive_options options = {.record = record->data, .record_len = record->size};
    AUTO_CLOSE int fd = memfd_create("slipway-overrides", MFD_CLOEXEC);
    struct archive_error error = {""};
    struct archive *a = NULL;
    int result;

    if (fd < 0)
        return oci_fail_errno(err, "make", "the second archive", errno);
    result = archive_plan(t, &options, &a, &error);
    if (!result)
        result = archive_write(a, fd, NULL, NULL, &error);
    archive_destroy(a);
    return result < 0 ? fail_archive(err, &error) : TAKE_FD(fd);
}

int compose_overlay(struct tree *base, const struct oci_container *container, const struct record *record,
                    struct oci_error *err)
{
    struct overlay v = {.tree = tree_new()};
    int result;

    tree_walk(base, mark_old, NULL);
    result = oci_runtime_files(base, container, NULL, err);
    if (result == 0 && (!v.tree || copy_root(&v, base) < 0 || tree_walk(base, copy_new, &v) < 0))
        result = oci_fail_memory(err, "make", "the second archive");
    if (result == 0)
        result = write_overlay(v.tree, record, err);
    tree_free(v.tree);
    return result;
}
