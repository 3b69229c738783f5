// SPDX-License-Identifier: MIT
/* Digests, over OpenSSL's EVP (which knows the CPU's instructions for them). */
#include "oci/digest.h"

#include <openssl/evp.h>
#include <string.h>

static const struct algorithm {
    const char *name;
    size_t hex_len;
    const EVP_MD *(*md)(void);
} algorithms[] = {
    {"sha256", 64, EVP_sha256},
    {"sha512", 128, EVP_sha512},
};

struct digest_stream {
    const struct algorithm *algorithm;
    EVP_MD_CTX *ctx;
};

size_t digest_algorithm_len(const char *digest)
{
    return strcspn(digest, ":");
}

const char *digest_hex(const char *digest)
{
    return digest + digest_algorithm_len(digest) + 1;
}

static const struct algorithm *find_algorithm(const char *digest)
{
    size_t len = digest_algorithm_len(digest);

    for (size_t n = 0; n < sizeof(algorithms) / sizeof(algorithms[0]); n++) {
        if (strlen(algorithms[n].name) == len && memcmp(algorithms[n].name, digest, len) == 0)
            return &algorithms[n];
    }
    return NULL;
}

const char *digest_check(const char *text)
{
    const struct algorithm *a = find_algorithm(text);

    if (!text[digest_algorithm_len(text)])
        return "it is not of the form algorithm:hex";
    if (!a)
        return "its algorithm is neither sha256 nor sha512";
    if (strspn(digest_hex(text), "0123456789abcdef") != a->hex_len || strlen(digest_hex(text)) != a->hex_len)
        return "it has not the right number of lower-case hex digits";
    return NULL;
}

struct digest_stream *digest_begin(const char *digest)
{
    struct digest_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->algorithm = find_algorithm(digest);
    s->ctx = EVP_MD_CTX_new();
    if (!s->algorithm || !s->ctx || EVP_DigestInit_ex(s->ctx, s->algorithm->md(), NULL) != 1) {
        EVP_MD_CTX_free(s->ctx);
        free(s);
        return NULL;
    }
    return s;
}

void digest_add(struct digest_stream *s, const void *data, size_t len)
{
    EVP_DigestUpdate(s->ctx, data, len);
}

void digest_end(struct digest_stream *s, char out[OCI_DIGEST_MAX])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (!s)
        return;
    EVP_DigestFinal_ex(s->ctx, bytes, &len);
    if (out) {
        char *p = out + snprintf(out, OCI_DIGEST_MAX, "%s:", s->algorithm->name);
        for (unsigned n = 0; n < len; n++, p += 2)
            snprintf(p, 3, "%02x", bytes[n]);
    }
    EVP_MD_CTX_free(s->ctx);
    free(s);
}

int digest_of(const char *like, const void *data, size_t len, char out[OCI_DIGEST_MAX])
{
    struct digest_stream *s = digest_begin(like);

    if (!s)
        return -1;
    digest_add(s, data, len);
    digest_end(s, out);
    return 0;
}
