// SPDX-License-Identifier: MIT
/*
 * Pruning the cache: blobs by their own time, layers by their table's. Nobody else has the cache open meanwhile, so no
 * image is taken from under its reader; what is missing later is fetched or made again, as after any damage.
 */
#include "oci/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int oci_remove_unused(const char *dir, const char *suffix, time_t limit, uint64_t *freed)
{
    DIR *d = opendir(dir);
    int result = d || errno == ENOENT ? 0 : -errno;
    struct dirent *e;
    struct stat st;

    while (d && (e = readdir(d))) {
        size_t len = strlen(e->d_name), tail = strlen(suffix);
        if (len < tail || strcmp(e->d_name + len - tail, suffix) != 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || st.st_mtime >= limit)
            continue;
        if (unlinkat(dirfd(d), e->d_name, 0) < 0)
            result = -errno;
        else if (st.st_nlink == 1)
            *freed += (uint64_t)st.st_blocks * 512;
    }
    if (d)
        closedir(d);
    return result;
}

/* Tars and locks without a table: it was not used, or is damaged and not worth keeping. */
static int remove_tableless(const char *layers, uint64_t *freed)
{
    DIR *d = opendir(layers);
    int result = d ? 0 : -errno;
    struct dirent *e;
    struct stat st;

    while (d && (e = readdir(d))) {
        const char *dot = strrchr(e->d_name, '.');
        if (e->d_name[0] == '.' || !dot || strcmp(dot, ".table") == 0)
            continue;
        AUTO_FREE char *table = oci_format("%.*s.table", (int)(dot - e->d_name), e->d_name);
        if (!table || fstatat(dirfd(d), table, &st, 0) == 0 || fstatat(dirfd(d), e->d_name, &st, 0) < 0)
            continue;
        if (unlinkat(dirfd(d), e->d_name, 0) < 0)
            result = -errno;
        else
            *freed += (uint64_t)st.st_blocks * 512;
    }
    if (d)
        closedir(d);
    return result;
}

static int prune(const struct oci_cache *cache, time_t limit, uint64_t *freed, struct oci_error *err)
{
    static const struct {
        const char *folder, *suffix;
    } kinds[] = {{"blobs/sha256", ""}, {"blobs/sha512", ""}, {"layers", ".table"}};

    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
        AUTO_FREE char *path = oci_format("%s/%s", cache->dir, kinds[n].folder);
        int error = path ? oci_remove_unused(path, kinds[n].suffix, limit, freed) : -ENOMEM;
        if (!error && strcmp(kinds[n].folder, "layers") == 0)
            error = remove_tableless(path, freed);
        if (error)
            return oci_fail_errno(err, "prune", path ? path : cache->dir, -error);
    }
    return cache_forget_missing(cache, err);
}

int oci_prune(const struct oci_options *opt, time_t limit, uint64_t *freed, struct oci_error *err)
{
    struct oci_cache *cache;
    int result;

    if (cache_open_alone(opt, &cache, err) < 0)
        return -1;
    result = prune(cache, limit, freed, err);
    cache_close(cache);
    return result;
}
