// SPDX-License-Identifier: MIT
/* Manifests, indexes and the choice of a platform: a table of documents, most of them hostile, each with its verdict.
 * */
#include "oci/digest.h"
#include "oci/limits.h"
#include "oci/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D(type, size) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX "\",\"size\":" size "}"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define CONFIG D(OCI "config.v1+json", "7")
#define LAYER D(OCI "layer.v1.tar+gzip", "9")
#define IMAGE(layers) "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" layers "]}"
#define INDEX(items) "{\"schemaVersion\":2,\"manifests\":[" items "]}"
/* "hello" */
#define HELLO "\"digest\":\"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\",\"size\":5"
#define WITH_DATA(data) INDEX("{\"mediaType\":\"\"," HELLO ",\"data\":\"" data "\"}")

static const struct {
    const char *json;
    const char *error; /* NULL: good */
} documents[] = {
    {IMAGE(LAYER), NULL},
    {IMAGE(""), NULL},
    {IMAGE(D(OCI "layer.v1.tar", "9") "," D(OCI "layer.v1.tar+zstd", "9") "," D(
         OCI "layer.nondistributable.v1.tar+gzip",
         "9") "," D(DOCKER "image.rootfs.diff.tar.gzip", "0") "," D(DOCKER "image.rootfs.foreign.diff.tar.gzip", "1")),
     NULL},
    {"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER
     "distribution.manifest.v2+json\",\"config\":" D(DOCKER "container.image.v1+json", "1") ",\"layers\":[]}",
     NULL},
    {INDEX(""), NULL},
    {"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER "distribution.manifest.list.v2+json\",\"manifests\":[]}", NULL},
    {WITH_DATA("aGVsbG8="), NULL},
    {WITH_DATA("aGVsbG8h"), "has 6 bytes, its \"size\" is 5"},
    {WITH_DATA("SGVsbG8="), "has the digest sha256:"},
    {WITH_DATA("aGVsbG8"), "is not base64"},
    {WITH_DATA("aGV=bG8="), "is not base64"},
    {WITH_DATA("aGVs bG8"), "is not base64"},
    {WITH_DATA(""), "has 0 bytes"},
    {"", "invalid JSON"},
    {"{", "invalid JSON"},
    {"[]", "not a JSON object"},
    {"{\"schemaVersion\":2,\"schemaVersion\":2}", "duplicate"},
    {"{}", "\"schemaVersion\" is not 2"},
    {"{\"schemaVersion\":\"2\"}", "\"schemaVersion\" is not an integer"},
    {"{\"schemaVersion\":1,\"fsLayers\":[]}", "schema 1 is not supported"},
    {"{\"schemaVersion\":2}", "has no \"config\""},
    {"{\"schemaVersion\":2,\"config\":" CONFIG "}", "has no \"layers\""},
    {"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}", "\"layers\" is not an array"},
    {"{\"schemaVersion\":2,\"config\":[],\"layers\":[]}", "\"config\" is not an object"},
    {"{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", "both \"manifests\" and \"layers\""},
    {"{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\",\"config\":" CONFIG ",\"layers\":[]}",
     "has no \"manifests\""},
    {"{\"schemaVersion\":2,\"mediaType\":\"text/plain\"}", "the media type 'text/plain' is not supported"},
    {"{\"schemaVersion\":2,\"mediaType\":7}", "\"mediaType\" is not a string"},
    {"{\"schemaVersion\":2,\"config\":" D("application/vnd.cncf.helm.config.v1+json", "1") ",\"layers\":[]}",
     "this is no container image"},
    {IMAGE("7"), "a descriptor is not an object"},
    {IMAGE("{}"), "a descriptor has no \"digest\""},
    {IMAGE(D(OCI "layer.v1.tar", "-1")), "no valid \"size\""},
    {IMAGE(D(OCI "layer.v1.tar", "1.5")), "\"size\" is not an integer"},
    {IMAGE(D(OCI "layer.v1.tar", "99999999999999999999")), "invalid JSON"},
    {IMAGE("{\"mediaType\":\"" OCI "layer.v1.tar\",\"digest\":\"sha256:" HEX "\"}"), "no valid \"size\""},
    {IMAGE(D("application/x-evil", "1")), "unknown media type 'application/x-evil'"},
    {IMAGE(D(OCI "layer.v1.tar+gzip+encrypted", "1")), "is encrypted"},
    {IMAGE(D(OCI "layer.v1.tar+xz", "1")), "unknown media type"},
    {IMAGE("{\"digest\":\"sha256:../../etc/passwd\",\"size\":1}"), "hex digits"},
    {IMAGE("{\"digest\":\"md5:" HEX "\",\"size\":1}"), "neither sha256 nor sha512"},
    {IMAGE("{\"digest\":\"\",\"size\":1}"), "algorithm:hex"},
    {IMAGE("{\"digest\":null,\"size\":1}"), "no \"digest\""},
    {INDEX("{\"digest\":\"sha256:" HEX "\",\"size\":1,\"platform\":[]}"), "\"platform\" is not an object"},
    {INDEX("{\"digest\":\"sha256:" HEX "\",\"size\":1,\"platform\":{\"os\":1}}"), "\"os\" is not a string"},
};

static void test_documents(void **state)
{
    struct oci_limits limits;

    (void)state;
    oci_limits_init(&limits);
    for (size_t n = 0; n < sizeof(documents) / sizeof(documents[0]); n++) {
        struct oci_error err = {.msg = ""};
        struct manifest m;
        int error = manifest_parse(documents[n].json, strlen(documents[n].json), "SOURCE", &limits, &m, &err);

        if (documents[n].error ? !error || !strstr(err.msg, documents[n].error) : error)
            fail_msg("%s: %s", documents[n].json, err.msg);
        if (error && !strstr(err.msg, "read manifest SOURCE: "))
            fail_msg("the message does not name its source: %s", err.msg);
        manifest_clear(&m);
    }
}

static void check_refused(const char *json, size_t len, const struct oci_limits *limits, const char *expected)
{
    struct oci_error err = {.msg = ""};
    struct manifest m;

    assert_int_equal(manifest_parse(json, len, "SOURCE", limits, &m, &err), -1);
    if (!strstr(err.msg, expected))
        fail_msg("%s", err.msg);
}

static void test_limits(void **state)
{
    static const char two[] = IMAGE(LAYER "," LAYER);
    struct oci_limits limits;

    (void)state;
    oci_limits_init(&limits);
    limits.layers = 1;
    check_refused(two, sizeof(two) - 1, &limits, "2 layers, the limit is 1 (--max-layers raises it)");
    limits.manifest_bytes = sizeof(two) - 2;
    check_refused(two, sizeof(two) - 1, &limits, "(--max-manifest raises it)");

    /* Nesting that overflows a recursive reader's stack. */
    size_t depth = 1000000;
    char *deep = malloc(depth);
    memset(deep, '[', depth);
    oci_limits_init(&limits);
    check_refused(deep, depth, &limits, "invalid JSON");
    free(deep);
}

/* ---- platforms: documents in memory, fetched by a digest that is their number ------------------------------ */

struct store {
    const char *documents[12];
    unsigned fetched;
};

static int fetch(void *arg, const struct descriptor *d, char **json, size_t *len, struct oci_error *err)
{
    struct store *s = arg;
    const char *text = s->documents[d->size];

    (void)err;
    s->fetched++;
    *json = strdup(text);
    *len = strlen(text);
    return 0;
}

#define M(n, platform) \
    "{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"sha256:" HEX "\",\"size\":" #n platform "}"
#define I(n, platform) "{\"mediaType\":\"" OCI "index.v1+json\",\"digest\":\"sha256:" HEX "\",\"size\":" #n platform "}"
#define U(n) "{\"digest\":\"sha256:" HEX "\",\"size\":" #n "}"
#define P(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"
#define V(variant) ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"" variant "\"}"

static const struct {
    const char *index;
    const char *documents[12];
    int chosen; /* the size of the descriptor; -1: */
    const char *error;
} choices[] = {
    {INDEX(M(1, P("linux", "amd64"))), {0}, 1, NULL},
    {INDEX(M(1, "")), {0}, 1, NULL},
    {INDEX(M(1, P("linux", "arm64")) "," M(2, P("windows", "amd64")) "," M(3, P("linux", "amd64"))), {0}, 3, NULL},
    {INDEX(M(1, P("linux", "amd64")) "," M(2, P("linux", "amd64"))), {0}, 1, NULL},
    {INDEX(M(1, V("v2")) "," M(2, V(""))), {0}, 1, NULL},
    {INDEX(M(1, V("v4")) "," M(2, V("v3"))), {0}, 2, NULL},
    {INDEX(M(1, V("v4"))), {0}, 1, NULL},
    {INDEX(M(1, P("unknown", "unknown")) "," M(2, P("linux", "amd64"))), {0}, 2, NULL},
    {INDEX(M(1, ",\"platform\":null")), {0}, 1, NULL},
    {INDEX(""), {0}, -1, "it has no linux/amd64 image"},
    {INDEX(M(1, P("linux", "arm64")) "," M(2, P("linux", "s390x"))), {0}, -1, "only linux/arm64, linux/s390x"},
    {INDEX(I(1, "")), {[1] = INDEX(M(2, P("linux", "amd64")))}, 2, NULL},
    {INDEX(I(1, "") "," M(2, P("linux", "amd64"))), {[1] = INDEX(M(3, P("linux", "arm")))}, 2, NULL},
    {INDEX(I(1, P("linux", "arm64")) "," M(2, "")), {[1] = INDEX(M(3, P("linux", "amd64")))}, 2, NULL},
    {INDEX(U(1)), {[1] = IMAGE(LAYER)}, 1, NULL},
    {INDEX(U(1)), {[1] = INDEX(U(2)), [2] = IMAGE("")}, 2, NULL},
    {INDEX(I(1, "")), {[1] = IMAGE("")}, -1, "is a manifest, its descriptor says index"},
    {INDEX(I(1, "")),
     {[1] = INDEX(I(1, ""))},
     -1,
     "indexes are nested 4 deep, the limit is 3 (--max-nesting raises it)"},
    {INDEX(I(1, "")), {[1] = INDEX(I(2, "")), [2] = INDEX(I(3, "")), [3] = INDEX(M(4, ""))}, 4, NULL},
    {INDEX(I(1, "")), {[1] = "nonsense"}, -1, "invalid JSON"},
    {INDEX(D("application/x", "1")), {0}, -1, "it has no linux/amd64 image, only ?/?"},
};

static void test_choices(void **state)
{
    struct oci_limits limits;

    (void)state;
    oci_limits_init(&limits);
    limits.nesting = 3;
    for (size_t n = 0; n < sizeof(choices) / sizeof(choices[0]); n++) {
        struct oci_error err = {.msg = ""};
        struct store store = {0};
        struct descriptor d;
        struct manifest m;

        memcpy(store.documents, choices[n].documents, sizeof(store.documents));
        assert_int_equal(manifest_parse(choices[n].index, strlen(choices[n].index), "SOURCE", &limits, &m, &err), 0);
        int error = manifest_select(&m, "SOURCE", &limits, fetch, &store, &d, &err);
        if (choices[n].error ? !error || !strstr(err.msg, choices[n].error) : error || (int)d.size != choices[n].chosen)
            fail_msg("%s: %d %s", choices[n].index, error ? -1 : (int)d.size, err.msg);
        if (!error)
            descriptor_clear(&d);
        manifest_clear(&m);
    }
}

/* An index of a thousand indexes is refused, not downloaded. */
static void test_fetch_limit(void **state)
{
    struct store store = {.documents = {[1] = INDEX("")}};
    char *json = malloc(1000 * 256), *end = json;
    struct oci_limits limits;
    struct oci_error err = {.msg = ""};
    struct descriptor d;
    struct manifest m;

    (void)state;
    oci_limits_init(&limits);
    end += sprintf(end, "{\"schemaVersion\":2,\"manifests\":[");
    for (int n = 0; n < 1000; n++)
        end += sprintf(end, "%s%s", n ? "," : "", I(1, ""));
    end += sprintf(end, "]}");
    assert_int_equal(manifest_parse(json, (size_t)(end - json), "SOURCE", &limits, &m, &err), 0);
    assert_int_equal(manifest_select(&m, "SOURCE", &limits, fetch, &store, &d, &err), -1);
    assert_non_null(strstr(err.msg, "more than 256 nested indexes"));
    assert_int_equal(store.fetched, 256);
    manifest_clear(&m);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_fetch_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
