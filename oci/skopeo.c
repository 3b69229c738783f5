// SPDX-License-Identifier: MIT
/*
 * Running skopeo. The child dies with us, reads nothing, and its two output streams are read side by side: stdout is
 * the result (inspect) or a line a step (copy), stderr ends with the reason of a failure.
 */
#include "oci/skopeo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char WHAT[] = "run skopeo for";
#define ERROR_LIMIT (64u << 10) /* of stderr we keep the end */

struct text {
    char *data;
    size_t len, limit;
    bool overflow;
};

struct run {
    const struct oci_options *opt;
    const char *source; /* for messages */
    const char *dir;    /* the child's working directory, or NULL */
    char *argv[24];
    unsigned argc;
    bool is_copy;
    struct text out, errors;
};

static void add_arg(struct run *r, const char *arg)
{
    r->argv[r->argc++] = (char *)arg;
}

static const char *program(const struct oci_options *opt)
{
    const char *env = getenv("SLIPWAY_SKOPEO");

    return opt->skopeo ? opt->skopeo : env && *env ? env : "skopeo";
}

/* ---- the child --------------------------------------------------------------------------------------------- */

static void child(const struct run *r, int out, int errors, int report, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0 || (r->dir && chdir(r->dir) < 0)) {
        if (write(report, &errno, sizeof(errno)) < 0)
            _exit(126);
        _exit(126);
    }
    execvp(r->argv[0], r->argv);
    if (write(report, &errno, sizeof(errno)) < 0)
        _exit(126);
    _exit(127);
}

static int fail_start(const struct run *r, struct oci_error *err, int error)
{
    if (error == ENOENT)
        return oci_fail(err, WHAT, r->source, "'%s' is not installed (the package is skopeo)", r->argv[0]);
    return oci_fail_errno(err, WHAT, r->source, error);
}

/* Starts the child. `report` carries an errno when exec failed, and end-of-file when it did not. */
static pid_t start(const struct run *r, int *out_fd, int *error_fd, struct oci_error *err)
{
    int fds[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, error = 0;
    pid_t parent = getpid(), pid = -1;

    for (int n = 0; n < 3 && !error; n++)
        error = pipe2(fds[n], O_CLOEXEC) < 0 ? errno : 0;
    if (!error && (pid = fork()) == 0)
        child(r, fds[0][1], fds[1][1], fds[2][1], parent);
    error = !error && pid < 0 ? errno : error;
    for (int n = 0; n < 3; n++) {
        if (fds[n][1] >= 0)
            close(fds[n][1]);
    }
    if (!error && read(fds[2][0], &error, sizeof(error)) <= 0)
        error = 0;
    if (fds[2][0] >= 0)
        close(fds[2][0]);
    *out_fd = fds[0][0];
    *error_fd = fds[1][0];
    if (!error)
        return pid;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    fail_start(r, err, error);
    return -1;
}

/* ---- its output -------------------------------------------------------------------------------------------- */

static void report_line(const struct run *r, const char *line)
{
    struct oci_progress p = {.step = "pulling", .object = line};

    if (r->opt->progress && *line)
        r->opt->progress(r->opt->progress_arg, &p);
}

/* Of copy's output each line is one step: told, and forgotten. */
static void take_lines(struct run *r)
{
    struct text *t = &r->out;
    char *newline;

    while (t->len && (newline = memchr(t->data, '\n', t->len))) {
        *newline = 0;
        report_line(r, t->data);
        t->len -= (size_t)(newline + 1 - t->data);
        memmove(t->data, newline + 1, t->len);
    }
}

static void append(struct text *t, const char *data, size_t len)
{
    char *grown;

    if (t->len + len > t->limit) {
        t->overflow = true;
        if (len > t->limit)
            return;
        size_t drop = t->len + len - t->limit;
        memmove(t->data, t->data + drop, t->len - drop);
        t->len -= drop;
    }
    grown = realloc(t->data, t->len + len + 1);
    if (!grown) {
        t->overflow = true;
        return;
    }
    memcpy(grown + t->len, data, len);
    t->data = grown;
    t->len += len;
    grown[t->len] = 0;
}

/* Reads once. False at the end. */
static bool take_output(struct text *t, int fd)
{
    char buffer[16384];
    ssize_t n = read(fd, buffer, sizeof(buffer));

    if (n > 0)
        append(t, buffer, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

static void collect(struct run *r, int out_fd, int error_fd)
{
    struct pollfd fds[2] = {{.fd = out_fd, .events = POLLIN}, {.fd = error_fd, .events = POLLIN}};

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents && !take_output(&r->out, out_fd))
            fds[0].fd = -1;
        if (r->is_copy)
            take_lines(r);
        if (fds[1].revents && !take_output(&r->errors, error_fd))
            fds[1].fd = -1;
        fds[0].revents = fds[1].revents = 0;
    }
    close(out_fd);
    close(error_fd);
}

/* Undoes Go's quoting, up to the closing quote. */
static char *unquote(const char *p)
{
    char *out = malloc(strlen(p) + 1), *end = out;

    for (; out && *p && *p != '"'; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            *end++ = *p == 'n' || *p == 't' ? ' ' : *p;
        } else {
            *end++ = *p;
        }
    }
    if (out)
        *end = 0;
    return out;
}

/* The start of the last line that is not empty. */
static const char *last_line(const char *text)
{
    const char *line = text;

    for (const char *p = text; *p; p++) {
        if (*p == '\n' && p[1] && p[1] != '\n')
            line = p + 1;
    }
    return line;
}

char *skopeo_cause(const char *output)
{
    static const char fatal[] = "level=fatal msg=";
    const char *at = NULL, *p = output;

    while ((p = strstr(p, fatal)))
        at = p += sizeof(fatal) - 1;
    if (at && *at == '"')
        return unquote(at + 1);
    at = at ? at : last_line(output);
    return *at ? strndup(at, strcspn(at, "\n")) : strdup("skopeo failed without a message");
}

/* The start of the text behind `mark`, or NULL. */
static const char *behind(const char *text, const char *mark)
{
    const char *at = strstr(text, mark);

    return at ? at + strlen(mark) : NULL;
}

char *skopeo_in_words(const char *cause)
{
    const char *host = behind(cause, "pinging container registry "), *reason = NULL;
    const char *end = host ? strstr(host, ": ") : NULL;

    static const char *const words[][2] = {
        {"server gave HTTP response to HTTPS client", "the registry speaks no TLS, which --tls-verify=false allows"},
        {"manifest unknown", "there is no such image"},
        {"name unknown", "there is no such image"},
        {"identifier is not an image", "there is no such image"},
        {"requested access to the resource is denied", "there is no such image, or it wants credentials"},
        {"invalid tar header", "this is not a tar archive"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(cause, words[i][0]))
            return oci_format("%s (%s)", words[i][1], cause);
    }
    if (!end || !strstr(end, "dial tcp"))
        return NULL;
    for (const char *p = cause; (p = behind(p, ": "));)
        reason = p;
    return oci_format("cannot reach %.*s: %s (%s)", (int)(end - host), host, reason, cause);
}

/* ---- running ----------------------------------------------------------------------------------------------- */

static int run(struct run *r, char **cause, struct oci_error *err)
{
    int out_fd = -1, error_fd = -1, status;
    pid_t pid = start(r, &out_fd, &error_fd, err);

    if (pid < 0)
        return -1;
    collect(r, out_fd, error_fd);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return oci_fail_errno(err, WHAT, r->source, errno);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    *cause = WIFSIGNALED(status) ? oci_format("it was killed by signal %d", WTERMSIG(status))
                                 : skopeo_cause(r->errors.data ? r->errors.data : "");
    if (*cause) {
        char *shorter = skopeo_in_words(*cause);
        if (shorter) {
            free(*cause);
            *cause = shorter;
        }
    }
    return *cause ? 1 : oci_fail_memory(err, WHAT, r->source);
}

static void begin(struct run *r, const char *verb)
{
    r->errors.limit = ERROR_LIMIT;
    add_arg(r, program(r->opt));
    add_arg(r, "--override-os");
    add_arg(r, "linux");
    add_arg(r, "--override-arch");
    add_arg(r, "amd64");
    add_arg(r, verb);
}

/* skopeo asks the default socket whatever DOCKER_HOST says; docker itself follows it. */
static void add_daemon(struct run *r, const char *option)
{
    const char *host = getenv("DOCKER_HOST");

    if (host && *host && strncmp(r->source, "docker-daemon:", strlen("docker-daemon:")) == 0) {
        add_arg(r, option);
        add_arg(r, host);
    }
}

static void end(struct run *r)
{
    free(r->out.data);
    free(r->errors.data);
}

int skopeo_copy(const struct oci_options *opt, const char *source, const char *dir, const char *blobs, bool preserve,
                char **cause, struct oci_error *err)
{
    struct run r = {.opt = opt, .source = source, .dir = dir, .is_copy = true, .out = {.limit = ERROR_LIMIT}};
    int result;

    begin(&r, "copy");
    if (!opt->tls_verify)
        add_arg(&r, "--src-tls-verify=false");
    if (opt->creds) {
        add_arg(&r, "--src-creds");
        add_arg(&r, opt->creds);
    }
    add_daemon(&r, "--src-daemon-host");
    add_arg(&r, "--remove-signatures");
    add_arg(&r, "--dest-oci-accept-uncompressed-layers");
    if (preserve)
        add_arg(&r, "--preserve-digests");
    add_arg(&r, "--dest-shared-blob-dir");
    add_arg(&r, blobs);
    add_arg(&r, source);
    add_arg(&r, "oci:layout:image");
    result = run(&r, cause, err);
    end(&r);
    return result;
}

int skopeo_inspect(const struct oci_options *opt, const char *source, char **out, size_t *len, char **cause,
                   struct oci_error *err)
{
    struct run r = {.opt = opt, .source = source, .out = {.limit = opt->limits.manifest_bytes}};
    int result;

    begin(&r, "inspect");
    add_arg(&r, "--raw");
    if (!opt->tls_verify)
        add_arg(&r, "--tls-verify=false");
    if (opt->creds) {
        add_arg(&r, "--creds");
        add_arg(&r, opt->creds);
    }
    add_daemon(&r, "--daemon-host");
    add_arg(&r, source);
    result = run(&r, cause, err);
    if (result == 0 && (r.out.overflow || !r.out.data))
        result = oci_fail(err, "read manifest", source,
                          "it is empty, or larger than %llu bytes (--max-manifest "
                          "raises the limit)",
                          (unsigned long long)opt->limits.manifest_bytes);
    if (result == 0) {
        *len = r.out.len;
        *out = TAKE_PTR(r.out.data);
    }
    end(&r);
    return result;
}
