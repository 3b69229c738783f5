// SPDX-License-Identifier: MIT
/*
 * Pruning the cache: blobs and linked machines by their own time, layers by their table's. Nobody else has the cache open
 * meanwhile, so nothing is taken from under its reader; what is missing later is fetched or made again, as after any
 * damage. What is not named like a file of the cache was put there by somebody else, and stays.
 */
#include "oci/cache.h"
#include "oci/digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), tail = strlen(suffix);

    return len > tail && !strcmp(name + len - tail, suffix);
}

static bool is_hex(const char *algorithm, const char *hex, size_t len)
{
    AUTO_FREE char *digest = oci_format("%s:%.*s", algorithm, (int)len, hex);

    return digest && !digest_check(digest);
}

static bool is_sha256(const char *name)
{
    return is_hex("sha256", name, strlen(name));
}

static bool is_sha512(const char *name)
{
    return is_hex("sha512", name, strlen(name));
}

/* ALG-HEX.SUFFIX */
static bool is_layer_file(const char *name, const char *suffix)
{
    const char *hex = strchr(name, '-');
    AUTO_FREE char *algorithm = hex && ends_with(hex, suffix) ? strndup(name, (size_t)(hex - name)) : NULL;

    return algorithm && is_hex(algorithm, hex + 1, strlen(hex + 1) - strlen(suffix));
}

static bool is_table(const char *name)
{
    return is_layer_file(name, ".table");
}

/* KEY.elf, or .KEY.elf.XXXXXX that a killed process left. */
static bool is_build(const char *name)
{
    return name[0] == '.' ? strstr(name, ".elf.") != NULL
                          : ends_with(name, ".elf") && is_hex("sha256", name, strlen(name) - 4);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* `ours` of one folder that were last used before `limit`. 0 or the last -errno; a folder that is missing is empty. */
static int remove_unused(const char *dir, bool (*ours)(const char *name), time_t limit, uint64_t *freed)
{
    DIR *d = opendir(dir);
    int result = d || errno == ENOENT ? 0 : -errno;
    struct dirent *e;
    struct stat st;

    while (d && (e = readdir(d))) {
        if (!ours(e->d_name) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
            st.st_mtime >= limit)
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
    struct stat st, other;

    while (d && (e = readdir(d))) {
        if (!is_layer_file(e->d_name, ".tar") && !is_layer_file(e->d_name, ".lock"))
            continue;
        AUTO_FREE char *table = oci_format("%.*s.table", (int)(strrchr(e->d_name, '.') - e->d_name), e->d_name);
        if (!table || fstatat(dirfd(d), table, &other, 0) == 0 || errno != ENOENT ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
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

int oci_prune_builds(const char *cache, time_t limit, uint64_t *freed)
{
    AUTO_FREE char *builds = oci_format("%s/builds", cache);

    return builds ? remove_unused(builds, is_build, limit, freed) : -ENOMEM;
}

static int prune(const struct oci_cache *cache, time_t limit, uint64_t *freed, struct oci_error *err)
{
    static const struct {
        const char *folder;
        bool (*ours)(const char *name);
    } kinds[] = {{"builds", is_build}, {"blobs/sha256", is_sha256}, {"blobs/sha512", is_sha512}, {"layers", is_table}};

    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
        AUTO_FREE char *path = oci_format("%s/%s", cache->dir, kinds[n].folder);
        int error = path ? remove_unused(path, kinds[n].ours, limit, freed) : -ENOMEM;
        if (!error && kinds[n].ours == is_table)
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
