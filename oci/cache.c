// SPDX-License-Identifier: MIT
/* The cache directory; its layout and rules are in cache.h. */
#include "oci/cache.h"
#include "oci/digest.h"
#include "oci/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <dirent.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char WHAT[] = "use cache";

/* ---- files ------------------------------------------------------------------------------------------------- */

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int read_all(int fd, char *out, size_t len)
{
    while (len) {
        ssize_t n = read(fd, out, len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO; /* it became shorter under our hands */
        if (n > 0) {
            out += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int file_read(const char *path, uint64_t max, char **out, size_t *len)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    AUTO_FREE char *data = NULL;
    struct stat st;
    int error;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if ((uint64_t)st.st_size > max)
        return -EFBIG;
    data = malloc((size_t)st.st_size + 1);
    if (!data)
        return -ENOMEM;
    error = read_all(fd, data, (size_t)st.st_size);
    if (error)
        return error;
    data[st.st_size] = 0;
    *len = (size_t)st.st_size;
    *out = TAKE_PTR(data);
    return 0;
}

/* Makes path and its missing parents. */
static int make_path(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        int result = mkdir(path, 0777);
        *p = '/';
        if (result < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
            return -errno;
    }
    return mkdir(path, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    remove(path);
    return 0;
}

static void remove_path(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ---- opening ----------------------------------------------------------------------------------------------- */

int cache_lock(const struct oci_cache *cache, int how)
{
    AUTO_FREE char *path = oci_format("%s/lock", cache->dir);
    AUTO_CLOSE int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;

    while (fd >= 0 && flock(fd, how) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return TAKE_FD(fd);
}

/* Work that nobody holds any more: its process was killed. */
static void remove_if_stale(const char *path)
{
    AUTO_FREE char *lock = oci_format("%s/.lock", path);
    AUTO_CLOSE int fd = lock ? open(lock, O_RDWR | O_CLOEXEC) : -1;

    if (lock && (fd < 0 ? errno == ENOENT || errno == ENOTDIR : flock(fd, LOCK_EX | LOCK_NB) == 0))
        remove_path(path);
}

static void clean_tmp(const struct oci_cache *cache)
{
    AUTO_FREE char *path = oci_format("%s/tmp", cache->dir);
    DIR *dir = path ? opendir(path) : NULL;
    struct dirent *d;
    int lock;

    if (!dir)
        return;
    lock = cache_lock(cache, LOCK_EX | LOCK_NB);
    while (lock >= 0 && (d = readdir(dir))) {
        AUTO_FREE char *entry = d->d_name[0] == '.' ? NULL : oci_format("%s/%s", path, d->d_name);
        if (entry)
            remove_if_stale(entry);
    }
    closedir(dir);
    if (lock >= 0)
        close(lock);
}

static char *default_dir(void)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (xdg && *xdg == '/')
        return oci_format("%s/slipway", xdg);
    return home && *home ? oci_format("%s/.cache/slipway", home) : strdup("/var/cache/slipway");
}

int oci_cache_dir(const struct oci_options *opt, char **out, struct oci_error *err)
{
    AUTO_FREE char *dir = opt->cache_dir ? strdup(opt->cache_dir) : default_dir();
    int error = dir ? make_path(dir) : -ENOMEM;

    if (error)
        return oci_fail_errno(err, WHAT, dir ? dir : "directory", -error);
    *out = realpath(dir, NULL);
    return *out ? 0 : oci_fail_errno(err, WHAT, dir, errno);
}

static int make_layout(struct oci_cache *cache, struct oci_error *err)
{
    static const char *const folders[] = {"blobs", "blobs/sha256", "blobs/sha512", "layers", "tmp"};
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
    AUTO_FREE char *file = oci_format("%s/oci-layout", cache->dir);
    AUTO_CLOSE int fd = -1;

    for (size_t n = 0; n < sizeof(folders) / sizeof(folders[0]); n++) {
        AUTO_FREE char *path = oci_format("%s/%s", cache->dir, folders[n]);
        if (!path || (mkdir(path, 0777) < 0 && errno != EEXIST))
            return oci_fail_errno(err, WHAT, path ? path : cache->dir, errno);
    }
    fd = file ? open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    if (fd < 0 && errno != EEXIST)
        return oci_fail_errno(err, WHAT, cache->dir, errno);
    if (fd >= 0 && fd_write_all(fd, layout, sizeof(layout) - 1) < 0)
        return oci_fail_errno(err, WHAT, file, errno);
    return 0;
}

/* how: LOCK_SH for a user; LOCK_EX | LOCK_NB to be alone. -1 with errno. */
static int enter(struct oci_cache *cache, int how)
{
    AUTO_FREE char *path = oci_format("%s/lock.users", cache->dir);

    cache->users_fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (path && cache->users_fd < 0 &&
        (errno == EROFS || errno == EACCES)) /* who may only read it can do without writing */
        cache->users_fd = open(path, O_RDONLY | O_CLOEXEC);
    while (cache->users_fd >= 0 && flock(cache->users_fd, how) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return cache->users_fd < 0 ? -1 : 0;
}

static struct oci_cache *cache_new(const struct oci_options *opt, struct oci_error *err)
{
    struct oci_cache *cache = calloc(1, sizeof(*cache));

    if (!cache) {
        oci_fail_memory(err, WHAT, "directory");
        return NULL;
    }
    cache->users_fd = -1;
    if (oci_cache_dir(opt, &cache->dir, err) == 0 && make_layout(cache, err) == 0)
        return cache;
    cache_close(cache);
    return NULL;
}

static int open_cache(const struct oci_options *opt, int how, struct oci_cache **out, struct oci_error *err)
{
    struct oci_cache *cache = cache_new(opt, err);

    if (!cache)
        return -1;
    if (enter(cache, how) < 0) {
        if (errno == EWOULDBLOCK)
            oci_fail(err, WHAT, cache->dir, "another imgtool is reading or filling it");
        else
            oci_fail_errno(err, WHAT, cache->dir, errno);
        cache_close(cache);
        return -1;
    }
    clean_tmp(cache);
    *out = cache;
    return 0;
}

int cache_open(const struct oci_options *opt, struct oci_cache **out, struct oci_error *err)
{
    return open_cache(opt, LOCK_SH, out, err);
}

int cache_open_alone(const struct oci_options *opt, struct oci_cache **out, struct oci_error *err)
{
    return open_cache(opt, LOCK_EX | LOCK_NB, out, err);
}

void cache_close(struct oci_cache *cache)
{
    if (!cache)
        return;
    if (cache->users_fd >= 0)
        close(cache->users_fd);
    free(cache->dir);
    free(cache);
}

/* ---- work in progress -------------------------------------------------------------------------------------- */

int cache_tmp_begin(const struct oci_cache *cache, struct cache_tmp *tmp, struct oci_error *err)
{
    AUTO_FREE char *path = oci_format("%s/tmp/XXXXXX", cache->dir), *lock = NULL;
    AUTO_CLOSE int all = cache_lock(cache, LOCK_SH); /* the cleaner must not see the folder before its lock is held */
    AUTO_CLOSE int fd = -1;

    if (!path || all < 0 || !mkdtemp(path))
        return oci_fail_errno(err, WHAT, cache->dir, errno);
    lock = oci_format("%s/.lock", path);
    fd = lock ? open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        int error = errno;
        remove_path(path);
        return oci_fail_errno(err, WHAT, path, error);
    }
    tmp->path = TAKE_PTR(path);
    tmp->lock_fd = TAKE_FD(fd);
    return 0;
}

void cache_tmp_end(struct cache_tmp *tmp)
{
    if (!tmp->path)
        return;
    remove_path(tmp->path);
    free(tmp->path);
    close(tmp->lock_fd);
    *tmp = (struct cache_tmp){.lock_fd = -1};
}

/* ---- blobs ------------------------------------------------------------------------------------------------- */

char *cache_blob_path_in(const char *layout, const char *digest)
{
    return oci_format("%s/blobs/%.*s/%s", layout, (int)digest_algorithm_len(digest), digest, digest_hex(digest));
}

char *cache_blob_path(const struct oci_cache *cache, const char *digest)
{
    return cache_blob_path_in(cache->dir, digest);
}

char *cache_layer_path(const struct oci_cache *cache, const char *diff_id, const char *suffix)
{
    return oci_format("%s/layers/%.*s-%s.%s", cache->dir, (int)digest_algorithm_len(diff_id), diff_id,
                      digest_hex(diff_id), suffix);
}

bool cache_has_blob(const struct oci_cache *cache, const struct descriptor *d)
{
    AUTO_FREE char *path = cache_blob_path(cache, d->digest);
    struct stat st;

    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == d->size;
}

void cache_touch(const char *path)
{
    struct stat st;

    /* One that is linked from a layout of the user's keeps its time. */
    if (path && stat(path, &st) == 0 && st.st_nlink == 1)
        utimensat(AT_FDCWD, path, NULL, 0);
}

static int blob_embedded(const struct descriptor *d, char **out, size_t *len, struct oci_error *err)
{
    *out = malloc(d->data_len + 1);
    if (!*out)
        return oci_fail_memory(err, "read blob", d->digest);
    memcpy(*out, d->data, d->data_len);
    (*out)[d->data_len] = 0;
    *len = d->data_len;
    return 0;
}

int blob_read(const char *dir, const struct descriptor *d, const struct oci_limits *limits, char **out, size_t *len,
              struct oci_error *err)
{
    static const char what[] = "read blob";
    AUTO_FREE char *path = cache_blob_path_in(dir, d->digest), *data = NULL;
    char digest[OCI_DIGEST_MAX];
    int error;

    if (d->size > limits->manifest_bytes)
        return oci_fail_limit(err, what, d->digest, OCI_LIMIT(manifest_bytes), limits->manifest_bytes,
                              "it has %llu bytes", (unsigned long long)d->size);
    if (d->data)
        return blob_embedded(d, out, len, err);
    error = path ? file_read(path, limits->manifest_bytes, &data, len) : -ENOMEM;
    if (error && error != -EFBIG)
        return oci_fail_errno(err, what, d->digest, -error);
    if (error || *len != d->size)
        return oci_fail(err, what, d->digest, "its size is not the %llu bytes that its descriptor says",
                        (unsigned long long)d->size);
    if (digest_of(d->digest, data, *len, digest) < 0)
        return oci_fail_memory(err, what, d->digest);
    if (strcmp(digest, d->digest) != 0)
        return oci_fail(err, what, d->digest, "its content has the digest %s", digest);
    *out = TAKE_PTR(data);
    return 0;
}

/* Moves a finished file of a temporary folder to its place. */
static int put_finished(const struct oci_cache *cache, const char *digest, const char *from, struct oci_error *err)
{
    AUTO_FREE char *to = cache_blob_path(cache, digest);

    if (!to || rename(from, to) < 0)
        return oci_fail_errno(err, "store blob", digest, to ? errno : ENOMEM);
    return 0;
}

int file_write_new(const char *path, const void *data, size_t len)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    return fd < 0 ? -errno : fd_write_all(fd, data, len);
}

int cache_put_blob(const struct oci_cache *cache, const char *digest, const void *data, size_t len,
                   struct oci_error *err)
{
    struct cache_tmp tmp;
    int error;

    if (cache_tmp_begin(cache, &tmp, err) < 0)
        return -1;
    AUTO_FREE char *path = oci_format("%s/blob", tmp.path);
    error = path ? file_write_new(path, data, len) : -ENOMEM;
    error = error ? oci_fail_errno(err, "store blob", digest, -error) : put_finished(cache, digest, path, err);
    cache_tmp_end(&tmp);
    return error;
}

static int copy_file(const char *from, const char *to)
{
    AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    AUTO_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    AUTO_FREE char *buffer = NULL;
    const size_t size = 1 << 20;
    ssize_t n;

    if (in < 0 || out < 0)
        return -errno;
    while ((n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
        ;
    if (n == 0)
        return 0;
    buffer = malloc(size);
    while (buffer && (n = read(in, buffer, size)) > 0) {
        int error = fd_write_all(out, buffer, (size_t)n);
        if (error)
            return error;
    }
    return !buffer ? -ENOMEM : n < 0 ? -errno : 0;
}

int cache_put_file(const struct oci_cache *cache, const char *digest, const char *path, struct oci_error *err)
{
    struct cache_tmp tmp;
    int error = 0;

    if (cache_tmp_begin(cache, &tmp, err) < 0)
        return -1;
    AUTO_FREE char *copy = oci_format("%s/blob", tmp.path);
    if (!copy)
        error = -ENOMEM;
    else if (linkat(AT_FDCWD, path, AT_FDCWD, copy, AT_SYMLINK_FOLLOW) < 0)
        error = copy_file(path, copy);
    error = error ? oci_fail_errno(err, "store blob", digest, -error) : put_finished(cache, digest, copy, err);
    cache_tmp_end(&tmp);
    return error;
}
