// SPDX-License-Identifier: MIT
/* References, digests, limits, paths, signals: text in, a verdict out. */
#include "oci/digest.h"
#include "oci/limits.h"
#include "oci/path.h"
#include "oci/skopeo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *text, *full; /* or */
    const char *error;
} refs[] = {
    {"alpine", "docker://docker.io/library/alpine:latest", NULL},
    {"alpine:3.18", "docker://docker.io/library/alpine:3.18", NULL},
    {"nuta/helloworld", "docker://docker.io/nuta/helloworld:latest", NULL},
    {"docker://nuta/helloworld:V_1.0-x", "docker://docker.io/nuta/helloworld:V_1.0-x", NULL},
    {"localhost/x", "docker://localhost/x:latest", NULL},
    {"localhost:5000/a/b/c:t", "docker://localhost:5000/a/b/c:t", NULL},
    {"127.0.0.1:5000/a", "docker://127.0.0.1:5000/a:latest", NULL},
    {"ghcr.io/a__b/c-d.e", "docker://ghcr.io/a__b/c-d.e:latest", NULL},
    {"a@sha256:" HEX64, "docker://docker.io/library/a@sha256:" HEX64, NULL},
    {"r.io:1/a:tag@sha256:" HEX64, "docker://r.io:1/a@sha256:" HEX64, NULL},
    {"oci:/tmp/x", "oci:/tmp/x", NULL},
    {"oci:rel/x:name", "oci:rel/x:name", NULL},
    {"oci:x:", "oci:x", NULL},
    {"oci-archive:x.tar:a:b", "oci-archive:x.tar:a:b", NULL},
    {"docker-archive:x.tar:a:b", "docker-archive:x.tar:a:b", NULL},
    {"dir:/x", "dir:/x", NULL},
    {"containers-storage:a/b", "containers-storage:a/b", NULL},
    {"docker-daemon:a:b", "docker-daemon:a:b", NULL},
    {"", NULL, "the image's name is empty"},
    {"docker://", NULL, "the image's name is empty"},
    {"oci:", NULL, "the path is empty"},
    {"oci::name", NULL, "the path is empty"},
    {"dir:", NULL, "the path is empty"},
    {"docker-daemon:", NULL, "the image's name is empty"},
    {"Alpine", NULL, "in lower case"},
    {"a//b", NULL, "no repository name"},
    {"a/", NULL, "no repository name"},
    {"/a", NULL, "it is a path"},
    {"a..b", NULL, "no repository name"},
    {"a___b", NULL, "no repository name"},
    {"-a", NULL, "no repository name"},
    {"./a", NULL, "it is a path"},
    {"../a", NULL, "it is a path"},
    {"a.b:x/c", NULL, "no registry"},
    {"[::1]:5000/a", "docker://[::1]:5000/a:latest", NULL},
    {"a:", NULL, "no tag"},
    {"a:-x", NULL, "no tag"},
    {"a:b:c", NULL, "no tag"},
    {"a b", NULL, "a space or a control character"},
    {"a\nb", NULL, "a\\x0ab: it contains a space or a control character"},
    {"a@sha256:12", NULL, "hex digits"},
    {"a@md5:" HEX64, NULL, "neither sha256 nor sha512"},
    {"a@b", NULL, "algorithm:hex"},
    {"bogus://x", NULL, "unknown transport bogus://; there are docker://, oci:, "},
    {"ostree:x", NULL, "the transport ostree: is not supported"},
};

static void test_refs(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(refs) / sizeof(refs[0]); n++) {
        struct oci_ref ref;
        struct oci_error err = {.msg = ""};
        int error = oci_ref_parse(refs[n].text, &ref, &err);

        if (refs[n].full ? error || strcmp(ref.text, refs[n].full) != 0 : !error || !strstr(err.msg, refs[n].error))
            fail_msg("'%s': got %s", refs[n].text, error ? err.msg : ref.text);
        oci_ref_clear(&ref);
    }
}

static void test_ref_parts(void **state)
{
    struct oci_ref ref;
    struct oci_error err = {.msg = ""};

    (void)state;
    assert_int_equal(oci_ref_parse("oci:/a/b:c:d", &ref, &err), 0);
    assert_int_equal(ref.transport, OCI_LAYOUT);
    assert_string_equal(ref.path, "/a/b");
    assert_string_equal(ref.name, "c:d");
    oci_ref_clear(&ref);
    assert_int_equal(oci_ref_parse("x@sha256:" HEX64, &ref, &err), 0);
    assert_string_equal(ref.digest, "sha256:" HEX64);
    assert_null(ref.path);
    oci_ref_clear(&ref);
}

static void test_digests(void **state)
{
    char digest[OCI_DIGEST_MAX];

    (void)state;
    assert_null(digest_check("sha256:" HEX64));
    assert_null(digest_check("sha512:" HEX64 HEX64));
    assert_non_null(digest_check("sha512:" HEX64));
    assert_non_null(digest_check("sha256:" HEX64 "0"));
    assert_non_null(digest_check("sha256:ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
    assert_non_null(digest_check("sha256"));
    assert_non_null(digest_check(":" HEX64));
    assert_non_null(digest_check("sha256:../../../../etc/passwd"));
    assert_int_equal(digest_of("sha256:", "abc", 3, digest), 0);
    assert_string_equal(digest, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(digest_of("sha512", "abc", 3, digest), 0);
    assert_int_equal(strlen(digest), OCI_DIGEST_MAX - 1);
    assert_int_equal(strncmp(digest, "sha512:ddaf35a193617aba", 23), 0);
}

static void check_limit(const char *text, int64_t expected)
{
    uint64_t value = 0;
    int error = oci_limit_parse(text, &value);

    if (expected < 0 ? !error : error || value != (uint64_t)expected)
        fail_msg("'%s': %d %llu", text, error, (unsigned long long)value);
}

static void test_limits(void **state)
{
    struct oci_limits limits;

    (void)state;
    check_limit("0", 0);
    check_limit("17", 17);
    check_limit("4k", 4096);
    check_limit("4M", 4 << 20);
    check_limit("2g", 2LL << 30);
    check_limit("7b", 7);
    check_limit("", -1);
    check_limit("k", -1);
    check_limit("-1", -1);
    check_limit("1kb", -1);
    check_limit("1.5g", -1);
    check_limit("18446744073709551616", -1);
    check_limit("99999999999t", -1);
    oci_limits_init(&limits);
    for (const struct oci_limit_option *o = oci_limit_options; o->name; o++) {
        assert_int_equal(*(uint64_t *)((char *)&limits + o->offset), o->value);
        assert_true(o->value > 0);
    }
}

static void test_paths(void **state)
{
    static const char *const paths[][2] = {
        {"", "/"},           {"/", "/"},         {"a", "/a"},
        {"/a/b/", "/a/b"},   {"a//./b", "/a/b"}, {"..", "/"},
        {"../../a", "/a"},   {"/a/../b", "/b"},  {"a/b/../../c", "/c"},
        {"a/..", "/"},       {"...", "/..."},    {"/.hidden", "/.hidden"},
        {"a/...", "/a/..."},
    };

    (void)state;
    for (size_t n = 0; n < sizeof(paths) / sizeof(paths[0]); n++) {
        char *clean = path_clean(paths[n][0]);
        assert_string_equal(clean, paths[n][1]);
        free(clean);
    }
}

static void test_signals(void **state)
{
    static const struct {
        const char *text;
        int number;
    } signals[] = {
        {"TERM", 15},     {"SIGTERM", 15},    {"sigquit", 3},  {"9", 9},      {"64", 64},           {"RTMIN", 34},
        {"RTMIN+3", 37},  {"SIGRTMIN+3", 37}, {"RTMAX-1", 63}, {"RTMAX", 64}, {"SIGRTMAX", 64},     {"0", -1},
        {"65", -1},       {"", -1},           {"SIG", -1},     {"FOO", -1},   {"RTMIN+31", -1},     {"RTMIN-1", -1},
        {"RTMAX-31", -1}, {"RTMAX+1", -1},    {"RTMIN+", -1},  {"-9", -1},    {"999999999999", -1},
    };

    (void)state;
    for (size_t n = 0; n < sizeof(signals) / sizeof(signals[0]); n++) {
        if (oci_signal_parse(signals[n].text) != signals[n].number)
            fail_msg("'%s': %d", signals[n].text, oci_signal_parse(signals[n].text));
    }
}

static void check_cause(const char *output, const char *expected)
{
    char *cause = skopeo_cause(output);

    assert_string_equal(cause, expected);
    free(cause);
}

/* expected: the start; NULL: it is something else. */
static void check_words(const char *cause, const char *expected)
{
    char *text = skopeo_in_words(cause);

    assert_int_equal(text != NULL, expected != NULL);
    if (text && expected && strncmp(text, expected, strlen(expected)) != 0)
        fail_msg("'%s'", text);
    free(text);
}

static void test_skopeo_cause(void **state)
{
    (void)state;
    check_cause("", "skopeo failed without a message");
    check_cause("plain words\n", "plain words");
    check_cause("one\ntwo\n\n", "two");
    check_cause(
        "x\ntime=\"2024\" level=warning msg=\"no\"\ntime=\"2024\" level=fatal msg=\"say \\\"no\\\"\\nplease\"\n",
        "say \"no\" please");
    check_cause("time=1 level=fatal msg=word\nmore\n", "word");
    check_words(
        "pinging container registry r.io:5000: Get \"https://r.io:5000/v2/\": dial tcp: lookup r.io: no such host",
        "cannot reach r.io:5000: no such host (pinging");
    check_words("pinging container registry r.io: dial tcp 1.2.3.4:443: connect: connection refused",
                "cannot reach r.io: connection refused (pinging");
    check_words("pinging container registry r.io dial tcp", NULL);
    check_words("reading manifest x in y: manifest unknown", "there is no such image (reading");
    check_words("http: server gave HTTP response to HTTPS client",
                "the registry speaks no TLS, which --tls-verify=false");
    check_words("something else: entirely", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refs),         cmocka_unit_test(test_ref_parts), cmocka_unit_test(test_digests),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_paths),     cmocka_unit_test(test_signals),
        cmocka_unit_test(test_skopeo_cause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
