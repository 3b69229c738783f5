/* SPDX-License-Identifier: MIT */
/*
 * The face of the oci library: container images in, a merged file tree and a container description out.
 *
 * A typical use:
 *
 *     struct oci_options opt;
 *     oci_options_init(&opt);
 *     oci_pull(&opt, "docker://alpine", &image, &err);            reference -> image in the cache
 *     oci_merge(image, &opt, tree, &err);                         layers -> tree (unpacks into the cache first)
 *     oci_container_new(image, tree, &over, &container, &err);    config + overrides -> what to run
 *     oci_runtime_files(tree, container, &net, &err);             /etc/hosts, the working directory, ...
 *
 * Functions return 0, or -1 with *err filled; objects come back by out-parameter and are freed by their _free, which
 * accepts NULL. Nothing here prints or exits. Images may be used from several threads, one thread an image.
 */
#ifndef SLIPWAY_OCI_H
#define SLIPWAY_OCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct tree;

/* ---- errors ------------------------------------------------------------------------------------------------ */

struct oci_error {
    char msg[2048]; /* "<what> <object>: <cause>", one line, no newline, control characters escaped */
};

/* ---- limits ------------------------------------------------------------------------------------------------ */

/* Bounds on what an image may ask of us. Zero is a limit of zero, not "none". */
struct oci_limits {
    uint64_t manifest_bytes; /* one manifest, index or config */
    uint64_t nesting;        /* indexes inside indexes; directories inside directories have path_bytes */
    uint64_t layers;
    uint64_t entries;    /* entries of all layers together, implied directories included */
    uint64_t path_bytes; /* one path, one symlink target */
    uint64_t
        output_bytes; /* all layers uncompressed, and the sizes of all files together (sparse files count in full) */
};

/* The command-line spelling of each limit, for error messages and for option tables; ends with name == NULL. */
struct oci_limit_option {
    const char *name;    /* "max-entries": the option is "--max-entries" */
    const char *meaning; /* for --help */
    size_t offset;       /* of a uint64_t in struct oci_limits */
    uint64_t value;      /* the default */
};
extern const struct oci_limit_option oci_limit_options[];

void oci_limits_init(struct oci_limits *limits);
/* value: a decimal number with an optional b, k, m, g or t (powers of 1024). -1: no number, or too large. */
int oci_limit_parse(const char *value, uint64_t *out);

/* ---- options ----------------------------------------------------------------------------------------------- */

struct oci_progress {
    const char *step;     /* "pulling", "unpacking" */
    const char *object;   /* the reference, or a layer's digest */
    uint64_t done, total; /* bytes; total 0: unknown */
};

struct oci_options {
    bool tls_verify;       /* default true */
    bool refresh;          /* ask the source again although the cache remembers the reference */
    bool offline;          /* use nothing but the cache */
    const char *cache_dir; /* NULL: $XDG_CACHE_HOME/slipway, else ~/.cache/slipway */
    const char *skopeo;    /* NULL: $SLIPWAY_SKOPEO, else "skopeo" on the PATH */
    const char *creds;     /* NULL, or "USER:PASSWORD" given to skopeo's --src-creds */
    unsigned threads;      /* 0: one a CPU, at most 8 */
    struct oci_limits limits;
    /* Calls come one at a time, perhaps from another thread. NULL: none. */
    void (*progress)(void *arg, const struct oci_progress *p);
    void *progress_arg;
};

void oci_options_init(struct oci_options *opt);
/* The cache directory in use (made when missing), malloc'ed. Others may keep their own folders in it: names that begin
 * with "blobs", "layers", "builds", "tmp", "oci-layout", "index.json" and "lock" are ours. */
int oci_cache_dir(const struct oci_options *opt, char **out, struct oci_error *err);

/*
 * Removes from the cache what was last used before `limit`, and adds the bytes to *freed. An error when somebody has the
 * cache open: an image that is being read is not taken from under its reader.
 */
int oci_prune(const struct oci_options *opt, time_t limit, uint64_t *freed, struct oci_error *err);
/* Of the folder `builds` of a cache directory alone, whoever has it open. 0 or the last -errno. */
int oci_prune_builds(const char *cache, time_t limit, uint64_t *freed);

/* ---- references -------------------------------------------------------------------------------------------- */

enum oci_transport {
    OCI_DOCKER,  /* docker://; also a bare name */
    OCI_LAYOUT,  /* oci:PATH[:NAME] */
    OCI_ARCHIVE, /* oci-archive:PATH[:NAME] */
    OCI_DOCKER_ARCHIVE,
    OCI_DIR,
    OCI_STORAGE, /* containers-storage: */
    OCI_DAEMON,  /* docker-daemon: */
};

struct oci_ref {
    enum oci_transport transport;
    char *text;   /* in full, as skopeo takes it: "docker://docker.io/library/alpine:latest" */
    char *path;   /* the file or directory, of transports that name one; else NULL */
    char *name;   /* the rest: repository with tag or digest, or the name inside a layout or archive; NULL: none */
    char *digest; /* docker://: the digest the reference carries; else NULL */
};

int oci_ref_parse(const char *text, struct oci_ref *ref, struct oci_error *err);
void oci_ref_clear(struct oci_ref *ref);

/* ---- images ------------------------------------------------------------------------------------------------ */

#define OCI_DIGEST_MAX 136 /* "sha512:", 128 hex digits, NUL */

struct oci_pair {
    char *key, *value;
};

struct oci_list {
    char **items; /* NULL-terminated even when empty */
    size_t count;
    bool set; /* present in the JSON and not null */
};

struct oci_healthcheck {
    bool set;
    struct oci_list test;
    int64_t interval_ns, timeout_ns, start_period_ns, retries;
};

struct oci_history {
    char *created, *created_by, *comment, *author; /* each may be NULL */
    bool empty_layer;
};

/* The image configuration, as it stands; strings are NULL when absent. */
struct oci_config {
    char *created, *author, *architecture, *os, *variant, *os_version;
    struct oci_list entrypoint, cmd, env, on_build, shell;
    char *working_dir, *user, *hostname, *domainname, *stop_signal, *mac_address;
    struct oci_list exposed_ports; /* "80/tcp" */
    struct oci_list volumes;
    struct oci_pair *labels;
    size_t label_count;
    struct oci_healthcheck healthcheck;
    int64_t stop_timeout; /* seconds; -1: not set */
    bool args_escaped, network_disabled, tty, open_stdin;
    struct oci_list diff_ids;
    struct oci_history *history;
    size_t history_count;
};

struct oci_layer {
    char digest[OCI_DIGEST_MAX];  /* of the blob, as the manifest says */
    char diff_id[OCI_DIGEST_MAX]; /* of the uncompressed tar */
    char *media_type;
    uint64_t size;           /* of the blob */
    uint64_t unpacked_size;  /* of the uncompressed tar, and */
    uint64_t entry_count;    /* its entries: known after oci_unpack, else 0 */
    const char *compression; /* "none", "gzip", "zstd": by magic, after oci_unpack; NULL when taken from the cache */
    void *embedded;          /* the descriptor's "data", or NULL */
    size_t embedded_len;
};

struct oci_image {
    char *ref;                         /* what was asked for */
    char digest[OCI_DIGEST_MAX];       /* of the manifest */
    char id[OCI_DIGEST_MAX];           /* of the config: Docker's image ID; the same on every machine */
    char *manifest_type;               /* media type */
    char *manifest_json, *config_json; /* byte-exact, NUL-terminated */
    size_t manifest_len, config_len;
    struct oci_config config;
    struct oci_layer *layers; /* lowest first */
    size_t layer_count;
    struct oci_cache *cache;
};

/*
 * Brings the image that ref names into the cache, through skopeo where it is not there yet, and reads manifest and
 * config. Layers are not unpacked. A docker:// reference that the cache remembers is taken from it unless opt->refresh;
 * local sources (layouts, archives, the daemon) are checked for a change each time.
 */
int oci_pull(const struct oci_options *opt, const char *ref, struct oci_image **out, struct oci_error *err);
void oci_image_free(struct oci_image *image);

/* Verifies and unpacks into the cache what is not there yet: in parallel, each layer once, ever. */
int oci_unpack(struct oci_image *image, const struct oci_options *opt, struct oci_error *err);
/* oci_unpack, then the layers laid over one another into an empty tree. The layer files become the tree's sources. */
int oci_merge(struct oci_image *image, const struct oci_options *opt, struct tree *tree, struct oci_error *err);

/* ---- users ------------------------------------------------------------------------------------------------- */

struct oci_user {
    uint32_t uid, gid;
    uint32_t *groups; /* supplementary; gid itself comes first */
    size_t group_count;
    char *home; /* "/" when the image does not say */
};

/*
 * spec: "", user, uid, user:group, uid:gid, uid:group, user:gid (NULL is "", which is root), resolved by the tree's own
 * /etc/passwd and /etc/group as Docker does. A name that is not there is an error, so is a number above 2147483647.
 */
int oci_user_resolve(struct tree *tree, const char *spec, struct oci_user *out, struct oci_error *err);
void oci_user_clear(struct oci_user *user);

/* ---- what to run ------------------------------------------------------------------------------------------- */

struct oci_overrides {
    const char *const *command; /* arguments after the image's name; they replace Cmd */
    size_t command_count;
    const char *entrypoint; /* NULL: the image's; "": none */
    const char *const *env; /* "NAME=value", or "NAME": the caller's own value, without one the variable is removed */
    size_t env_count;
    const char *cwd, *user, *hostname, *domainname, *stop_signal; /* NULL: the image's */
    bool tty;
};

struct oci_port {
    uint16_t port;
    uint8_t protocol; /* IPPROTO_TCP, _UDP, _SCTP */
};

struct oci_container {
    struct oci_list argv; /* at least one */
    struct oci_list env;
    char *cwd; /* absolute, clean */
    struct oci_user user;
    char *hostname;   /* 1..64 bytes */
    char *domainname; /* NULL: none */
    int stop_signal;
    int64_t stop_timeout; /* seconds; -1: not set */
    struct oci_port *ports;
    size_t port_count;
    struct oci_list volumes;
    char *warning; /* NULL, or one line: what the image sets and Slipway does not honour */
};

/* Does the image say itself what to run? Without, oci_container_new needs a command or an entrypoint in `over`. */
bool oci_image_has_command(const struct oci_image *image);
int oci_fail_no_command(const struct oci_image *image, struct oci_error *err); /* the error that it has none: -1 */
/* over may be NULL. */
int oci_container_new(const struct oci_image *image, struct tree *tree, const struct oci_overrides *over,
                      struct oci_container **out, struct oci_error *err);
void oci_container_free(struct oci_container *c);

/* "TERM", "SIGTERM", "15", "RTMIN+3": 1..64; -1: none such. */
int oci_signal_parse(const char *text);

struct oci_network {
    const char *address;            /* the guest's, for /etc/hosts; NULL: 127.0.1.1 */
    const char *const *nameservers; /* NULL: QEMU's user network, 10.0.2.3 */
    size_t nameserver_count;
    const char *const *hosts; /* further lines "ADDRESS NAME" */
    size_t host_count;
};

/*
 * Adds to the tree what a container runtime adds: /etc/hosts, /etc/hostname, /etc/resolv.conf, /etc/mtab when
 * missing, the mount points /dev /proc /sys, the working directory and the volumes when missing. As Docker, a symlink
 * in the way of the former is replaced, never followed; the latter follow symlinks inside the image. net may be NULL.
 */
int oci_runtime_files(struct tree *tree, const struct oci_container *c, const struct oci_network *net,
                      struct oci_error *err);

#endif
