// SPDX-License-Identifier: MIT
/*
 * CACHE/builds/KEY.elf, where KEY is a hash of all that goes in. Files appear by rename, so two builds at once only do
 * the work twice. A file's mtime is its last use; one not used for two weeks goes when another is built. Whoever runs a
 * VM holds it open, so removing its name takes nothing away from it.
 */
#include "imgtool/vmcache.h"

#include "imgtool/compose.h"
#include "imgtool/output.h"
#include "imgtool/progress.h"
#include "oci/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/evp.h>

#define FORMAT "1" /* to be raised when the same inputs give another archive */
#define UNUSED_SECONDS (14 * 86400)

static char *cache_key(const struct oci_image *image, const struct kernel_image *kernel)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    AUTO_FREE char *text =
        oci_format("%s %s %s %s %s", FORMAT, image->digest, image->id, kernel->hash, epoch ? epoch : "");
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[65] = "";

    if (!text || !EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL))
        return NULL;
    for (int n = 0; n < 32; n++)
        snprintf(hex + 2 * n, 3, "%02x", digest[n]);
    return strdup(hex);
}

/* The file's path; its directory is made. */
static char *cache_path(const struct options *o, const struct oci_image *image, const struct kernel_image *kernel,
                        struct oci_error *err)
{
    AUTO_FREE char *dir = NULL, *key = cache_key(image, kernel), *builds = NULL;
    char *path;

    if (oci_cache_dir(&o->oci, &dir, err) < 0)
        return NULL;
    builds = oci_format("%s/builds", dir);
    path = builds && key ? oci_format("%s/%s.elf", builds, key) : NULL;
    if (!path) {
        oci_fail_memory(err, "find", "the cache");
    } else if (mkdir(builds, 0700) < 0 && errno != EEXIST) {
        oci_fail_errno(err, "make", builds, errno);
        free(TAKE_PTR(path));
    }
    return path;
}

static void prune_old(const struct options *o)
{
    struct oci_error ignored;
    AUTO_FREE char *dir = NULL;
    uint64_t freed = 0;

    if (oci_cache_dir(&o->oci, &dir, &ignored) == 0)
        (void)oci_prune_builds(dir, time(NULL) - UNUSED_SECONDS, &freed);
}

static int link_vm(const struct options *o, struct oci_image *image, const struct kernel_image *kernel, int fd,
                   struct oci_error *err)
{
    /* An image that does not say what to run runs by what the command line says, which is not built in. */
    const char *operands[] = {o->operands[0], "/none"};
    struct options plain = {.oci = o->oci,
                            .operands = operands,
                            .operand_count = oci_image_has_command(image) ? 1 : 2,
                            .stop_timeout_ms = -1};
    struct composition c = {.image = image};
    struct progress_total total = {.step = "linking"};
    int result = compose_image(&plain, true, &c, err);

    if (result == 0) {
        if (c.container->warning)
            fprintf(stderr, "imgtool: warning: %s\n", c.container->warning);
        total.total = archive_size(c.archive);
        result = vm_write(kernel, c.archive, fd, progress_bytes, &total, err);
    }
    progress_clear();
    c.image = NULL; /* the caller's */
    composition_free(&c);
    return result;
}

static int build(const struct options *o, struct oci_image *image, const struct kernel_image *kernel, const char *path,
                 struct oci_error *err)
{
    struct output out;
    int result = output_open(&out, path, err);

    prune_old(o);
    if (result == 0)
        result = link_vm(o, image, kernel, out.fd, err);
    if (result == 0)
        result = output_commit(&out, 0644, err);
    output_close(&out);
    return result;
}

int vmcache_open(const struct options *o, struct oci_image *image, const struct kernel_image *kernel,
                 struct vm_file *vm, struct oci_error *err)
{
    AUTO_FREE char *path = cache_path(o, image, kernel, err);
    struct oci_error ignored;
    int fd;

    if (!path)
        return -1;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && vm_open(fd, path, vm, &ignored) == 0) {
        futimens(fd, NULL);
        return 0;
    }
    if (build(o, image, kernel, path, err) < 0)
        return -1;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return oci_fail_errno(err, "open", path, errno);
    return vm_open(fd, path, vm, err);
}
