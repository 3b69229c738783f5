// SPDX-License-Identifier: MIT
/*
 * What a container runtime adds to the root file system. Docker prepares these paths in a layer of its own: whatever
 * stands in the way and is no directory (a symlink, say) is replaced by one, so that nothing is written through a link
 * of the image's making. The working directory and the volumes belong to the image: their symlinks count, inside it.
 *
 * Docker copies the host's nameservers and knows the container's address; an archive is the same on every machine, so
 * both come from the caller, with defaults that fit QEMU's user network.
 */
#include "oci/error.h"
#include "oci/path.h"
#include "oci/place.h"
#include "initramfs-builder/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char WHAT[] = "prepare";

static int fail_code(struct oci_error *err, const char *path, int error)
{
    return oci_fail(err, WHAT, path, "%s", strerror(-error));
}

/* Links a new inode at name, in the place of what may be there. */
static int put(struct tree_entry *dir, const char *name, size_t len, struct tree_inode *inode, struct tree_entry **out)
{
    struct tree_entry *old = tree_lookup(dir, name, len);
    int error;

    if (!inode)
        return -ENOMEM;
    if (old)
        tree_unlink(old);
    error = tree_link(dir, name, len, inode, out);
    if (error)
        tree_inode_unref(inode);
    return error;
}

/* Goes to the directory that holds the last component of path; non-directories on the way are replaced. */
static int make_parents(struct tree *tree, const char *path, struct tree_entry **dir, const char **name, size_t *len)
{
    const char *rest = path;

    *dir = tree_root(tree);
    *name = path_next(&rest, len);
    while (*rest) {
        struct tree_entry *next = tree_lookup(*dir, *name, *len);

        if (!next || !S_ISDIR(next->inode->mode)) {
            int error = put(*dir, *name, *len, tree_inode_new(S_IFDIR | 0755), &next);
            if (error)
                return error;
        }
        *dir = next;
        *name = path_next(&rest, len);
    }
    return 0;
}

/* Takes over text. */
static int write_file(struct tree *tree, const char *path, char *text, struct oci_error *err)
{
    struct tree_inode *inode = text ? tree_inode_new(S_IFREG | 0644) : NULL;
    struct tree_entry *dir;
    const char *name;
    size_t len;
    int error;

    if (!inode) {
        free(text);
        return oci_fail_memory(err, WHAT, path);
    }
    inode->blob = text;
    inode->size = strlen(text);
    error = make_parents(tree, path, &dir, &name, &len);
    if (error)
        tree_inode_unref(inode);
    else
        error = put(dir, name, len, inode, NULL);
    return error ? fail_code(err, path, error) : 0;
}

static int make_mount_point(struct tree *tree, const char *path, struct oci_error *err)
{
    struct tree_entry *dir, *old;
    const char *name;
    size_t len;
    int error = make_parents(tree, path, &dir, &name, &len);

    old = error ? NULL : tree_lookup(dir, name, len);
    if (!error && (!old || !S_ISDIR(old->inode->mode)))
        error = put(dir, name, len, tree_inode_new(S_IFDIR | 0755), NULL);
    return error ? fail_code(err, path, error) : 0;
}

static int make_mtab(struct tree *tree, struct oci_error *err)
{
    struct tree_inode *inode;
    struct tree_entry *dir;
    const char *name;
    size_t len;
    int error = make_parents(tree, "/etc/mtab", &dir, &name, &len);

    if (error || tree_lookup(dir, name, len))
        return error ? fail_code(err, "/etc/mtab", error) : 0;
    inode = tree_inode_new(S_IFLNK | 0777);
    if (inode) {
        inode->symlink = strdup("/proc/mounts");
        inode->size = strlen("/proc/mounts");
    }
    if (!inode || !inode->symlink) {
        tree_inode_unref(inode);
        return oci_fail_memory(err, WHAT, "/etc/mtab");
    }
    error = put(dir, name, len, inode, NULL);
    return error ? fail_code(err, "/etc/mtab", error) : 0;
}

/* ---- directories of the image's own: symlinks are followed inside the root ----------------------------------- */

static int make_directory(struct tree *tree, const char *what, const char *path, struct oci_error *err)
{
    struct place place = {.tree = tree, .path_limit = 4095};
    struct tree_entry *e;
    int error = place_make(&place, path, strlen(path), &e);

    return error ? oci_fail(err, what, path, "%s (in the image)", strerror(-error)) : 0;
}

/* ---- contents ---------------------------------------------------------------------------------------------- */

/* "NAME" or "NAME.DOMAIN NAME": as Docker, the name in full and its first part. */
static char *host_names(const struct oci_container *c)
{
    AUTO_FREE char *full = c->domainname ? oci_format("%s.%s", c->hostname, c->domainname) : strdup(c->hostname);
    size_t len;

    if (!full)
        return NULL;
    len = strcspn(full, ".");
    return full[len] ? oci_format("%s %.*s", full, (int)len, full) : oci_format("%s", full);
}

static char *append_line(char *text, const char *prefix, const char *line)
{
    char *longer = text ? oci_format("%s%s%s\n", text, prefix, line) : NULL;

    free(text);
    return longer;
}

static char *hosts_text(const struct oci_container *c, const struct oci_network *net)
{
    AUTO_FREE char *names = host_names(c);
    char *text = oci_format("127.0.0.1\tlocalhost\n"
                            "::1\tlocalhost ip6-localhost ip6-loopback\n"
                            "fe00::0\tip6-localnet\n"
                            "ff00::0\tip6-mcastprefix\n"
                            "ff02::1\tip6-allnodes\n"
                            "ff02::2\tip6-allrouters\n"
                            "%s\t%s\n",
                            net->address ? net->address : "127.0.1.1", names ? names : "");

    for (size_t n = 0; n < net->host_count; n++)
        text = append_line(text, "", net->hosts[n]);
    if (!names) {
        free(text);
        return NULL;
    }
    return text;
}

static char *resolv_text(const struct oci_network *net)
{
    char *text = strdup("");

    if (!net->nameservers)
        return append_line(text, "nameserver ", "10.0.2.3");
    for (size_t n = 0; n < net->nameserver_count; n++)
        text = append_line(text, "nameserver ", net->nameservers[n]);
    return text;
}

int oci_runtime_files(struct tree *tree, const struct oci_container *c, const struct oci_network *net,
                      struct oci_error *err)
{
    static const char *const mount_points[] = {"/proc", "/sys", "/dev", "/dev/pts", "/dev/shm"};
    static const struct oci_network none;

    net = net ? net : &none;
    for (size_t n = 0; n < sizeof(mount_points) / sizeof(mount_points[0]); n++) {
        if (make_mount_point(tree, mount_points[n], err) < 0)
            return -1;
    }
    if (write_file(tree, "/etc/hosts", hosts_text(c, net), err) < 0 ||
        write_file(tree, "/etc/hostname", oci_format("%s\n", c->hostname), err) < 0 ||
        write_file(tree, "/etc/resolv.conf", resolv_text(net), err) < 0 || make_mtab(tree, err) < 0)
        return -1;
    for (size_t n = 0; n < c->volumes.count; n++) {
        if (make_directory(tree, "make volume", c->volumes.items[n], err) < 0)
            return -1;
    }
    return make_directory(tree, "use working directory", c->cwd, err);
}
