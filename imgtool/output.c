// SPDX-License-Identifier: MIT
/*
 * Outputs by rename. Being killed leaves nothing behind where the file system has O_TMPFILE; elsewhere a signal handler
 * would be needed for that, and a file called .NAME.XXXXXX stays.
 */
#include "imgtool/output.h"

#include "oci/error.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

/* An anonymous file in the directory of path; -1 when that cannot be. */
static int open_anonymous(const char *path)
{
    AUTO_FREE char *copy = strdup(path);

    return copy ? open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
}

static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    int dir = slash ? (int)(slash - path + 1) : 0;

    return oci_format("%.*s.%s.XXXXXX", dir, path, path + dir);
}

static int open_temporary(struct output *out)
{
    out->fd = open_anonymous(out->path);
    out->temporary = temporary_name(out->path);
    if (!out->temporary)
        return -ENOMEM;
    if (out->fd < 0) {
        out->fd = mkostemp(out->temporary, O_CLOEXEC);
    } else { /* the name is found when it is needed */
        out->temporary[0] = 0;
    }
    return out->fd < 0 ? -errno : 0;
}

int output_open(struct output *out, const char *path, struct oci_error *err)
{
    struct stat st;
    int error;

    *out = (struct output){.fd = -1, .path = strdup(path)};
    if (!out->path)
        return oci_fail_memory(err, "write", path);
    if (!strcmp(path, "-")) {
        out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return out->fd < 0 ? oci_fail_errno(err, "write", "standard output", errno) : 0;
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        if (S_ISDIR(st.st_mode))
            return oci_fail_errno(err, "write", path, EISDIR);
        out->fd = open(path, O_WRONLY | O_CLOEXEC);
        return out->fd < 0 ? oci_fail_errno(err, "write", path, errno) : 0;
    }
    error = open_temporary(out);
    return error ? oci_fail_errno(err, "write", path, -error) : 0;
}

/* Gives an anonymous file a name of its own, which rename can then move over the old file. */
static int name_anonymous(struct output *out)
{
    char self[32];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", out->fd);
    for (int attempt = 0; attempt < 100; attempt++) {
        AUTO_FREE char *pattern = temporary_name(out->path);
        AUTO_FREE char *name = pattern ? oci_format("%s.%d.%d", pattern, (int)getpid(), attempt) : NULL;

        if (!name)
            return -1;
        if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
            free(out->temporary);
            out->temporary = TAKE_PTR(name);
            return 0;
        }
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

int output_commit(struct output *out, unsigned mode, struct oci_error *err)
{
    if (out->temporary) {
        unsigned mask = umask(0);

        umask(mask);
        if (fchmod(out->fd, mode & ~mask) < 0 || (!out->temporary[0] && name_anonymous(out) < 0) ||
            rename(out->temporary, out->path) < 0)
            return oci_fail_errno(err, "write", out->path, errno);
        free(TAKE_PTR(out->temporary));
    }
    if (close(TAKE_FD(out->fd)) < 0)
        return oci_fail_errno(err, "write", out->path, errno);
    return 0;
}

void output_close(struct output *out)
{
    if (out->fd >= 0)
        close(TAKE_FD(out->fd));
    if (out->temporary && out->temporary[0])
        unlink(out->temporary);
    free(TAKE_PTR(out->temporary));
    free(TAKE_PTR(out->path));
}
