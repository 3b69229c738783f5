// SPDX-License-Identifier: MIT
/*
 * The cache of images when it is damaged, shared, or was left by a killed process; and the other transports by a
 * stand-in for skopeo.
 */
#include "tests/unit/oci_layout.h"

/* ---- the cache --------------------------------------------------------------------------------------------- */

static void test_damaged_cache(void **state)
{
    (void)state;
    write_good();
    expect(ref, GOOD);
    /* tables: made again from the tars */
    shell("cd %s/layers && for f in *.table; do printf x | dd of=$f bs=1 seek=100 conv=notrunc status=none; done",
          cache);
    expect(ref, GOOD);
    shell("rm %s/layers/*.table", cache);
    expect(ref, GOOD);
    /* tars: made again from the blobs */
    shell("cd %s/layers && for f in *.tar; do truncate -s 100 $f; done", cache);
    expect(ref, GOOD);
    shell("cd %s/layers && touch *.tar", cache);
    expect(ref, GOOD);
    shell("rm %s/layers/*.tar", cache);
    expect(ref, GOOD);
    /* blobs: fetched again */
    shell("cd %s && rm layers/* && rm $(grep -L -e schemaVersion -e rootfs blobs/sha256/*)", cache);
    expect(ref, GOOD);
    shell("cd %s && rm layers/* blobs/sha256/*", cache);
    expect(ref, GOOD);
    shell("cd %s && rm layers/* && for f in blobs/sha256/*; do rm $f; echo damaged >$f; done", cache);
    expect(ref, GOOD);
    /* the memory of references */
    shell("echo '{' >%s/index.json", cache);
    expect(ref, GOOD);
    shell("rm %s/index.json", cache);
    expect(ref, GOOD);
    assert_int_equal(count_files("tmp", ""), 0);
}

static void test_shared_cache(void **state)
{
    pid_t pids[6];

    (void)state;
    struct image_spec s = {0};
    add_layer(&s, big_tar(), "gzip", "sha256");
    add_layer(&s, tar_of("a", "one"), "gzip", "sha256");
    write_image(&s);
    free_image(&s);
    for (unsigned n = 0; n < 6; n++) {
        pids[n] = fork();
        if (pids[n] == 0) {
            struct oci_error err = {.msg = ""};
            char *text = build(ref, &err);
            _exit(text && strstr(text, "a f=3\n") ? 0 : 1);
        }
    }
    for (unsigned n = 0; n < 6; n++) {
        int status;
        waitpid(pids[n], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_files("tmp", ""), 0);
    assert_int_equal(count_files("layers", ".tar"), 2);
}

/* What a killed process left is removed; what a living one holds is not. */
static void test_leftovers(void **state)
{
    char path[100];
    int fd;

    (void)state;
    write_good();
    expect(ref, GOOD);
    shell("cd %s/tmp && mkdir -p dead/sub alive && touch dead/.lock dead/sub/blob alive/.lock", cache);
    snprintf(path, sizeof(path), "%s/tmp/alive/.lock", cache);
    fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    expect(ref, GOOD);
    assert_int_equal(count_files("tmp", "dead"), 0);
    assert_int_equal(count_files("tmp", "alive"), 1);
    close(fd);
    expect(ref, GOOD);
    assert_int_equal(count_files("tmp", ""), 0);
}

static void test_unusable_cache(void **state)
{
    (void)state;
    write_good();
    opt.cache_dir = "/dev/null/x";
    expect_error(ref, "use cache /dev/null/x: Not a directory");
}

/* ---- other transports, by a stand-in for skopeo -------------------------------------------------------------- */

/* Writes the stand-in: `body` is shell, with $src the source and $what "copy" or "inspect"; good_copy copies the
 * layout. */
static void stand_in(const char *body)
{
    static char path[100];
    char script[3000];

    snprintf(path, sizeof(path), "%s/skopeo", root);
    snprintf(
        script, sizeof(script),
        "#!/bin/sh\n"
        "layout=%s\necho \"$*\" >>%s/calls\n"
        "preserve=; for a; do case $a in --preserve-digests) preserve=1 ;; copy|inspect) what=$a ;; esac; done\n"
        "good_copy() { while [ \"$1\" != --dest-shared-blob-dir ]; do shift; done; cp -r $layout/blobs/* \"$2\"/; "
        "mkdir layout; cp $layout/index.json layout/; }\n"
        "for src; do case $src in docker:*|docker-archive:*|dir:*|docker-daemon:*|oci-archive:*) break ;; esac; done\n"
        "fatal() { echo \"time=\\\"x\\\" level=fatal msg=\\\"$1\\\"\" >&2; exit 1; }\n"
        "%s\n",
        layout, root, body);
    write_file(path, script, strlen(script));
    chmod(path, 0755);
    opt.skopeo = path;
}

/* How often the stand-in was called with these words. */
static unsigned calls(const char *pattern)
{
    char command[200], text[20];
    FILE *p;

    snprintf(command, sizeof(command), "grep -c -e '%s' %s/calls", pattern, root);
    p = popen(command, "r");
    unsigned n = fgets(text, sizeof(text), p) ? (unsigned)strtoul(text, NULL, 10) : 0;
    pclose(p);
    return n;
}

static void test_docker(void **state)
{
    (void)state;
    write_good();
    stand_in("good_copy \"$@\"; echo Copying blob");
    expect("some/image", GOOD);
    expect("docker://docker.io/some/image:latest", GOOD); /* the same, and remembered */
    assert_int_equal(calls("--override-os linux --override-arch amd64 copy"), 1);
    assert_int_equal(calls("docker://docker.io/some/image:latest oci:layout:image"), 1);
    assert_int_equal(calls("tls-verify"), 0);
    opt.refresh = true;
    opt.tls_verify = false;
    expect("some/image", GOOD);
    assert_int_equal(calls("--src-tls-verify=false"), 1);
    opt.refresh = false;
    opt.offline = true;
    expect("some/image", GOOD);
    expect_error("another", "pull another: it is not in the cache, and --offline was given");
    assert_int_equal(count_files("tmp", ""), 0);
}

/* skopeo leaves a blob alone that is there, whatever it holds. */
static void test_docker_damaged(void **state)
{
    (void)state;
    write_good();
    stand_in("cp() { command cp -n \"$@\"; }; good_copy \"$@\"");
    expect("some/image", GOOD);
    shell("cd %s && rm layers/* && for f in $(grep -L -e schemaVersion -e rootfs blobs/sha256/*); do echo x >$f; done",
          cache);
    expect("some/image", GOOD);
    shell("cd %s && rm layers/* && for f in blobs/sha256/*; do echo damaged >$f; done", cache);
    expect("some/image", GOOD);
}

static void test_fallback(void **state)
{
    (void)state;
    write_good();
    stand_in("[ -z \"$preserve\" ] || fatal 'Manifest must be converted, but we cannot preserve digests'\n"
             "good_copy \"$@\"");
    expect("docker-daemon:x:y", GOOD);
    assert_int_equal(calls("copy"), 2);
    assert_int_equal(calls("--preserve-digests"), 1);
    expect("docker-daemon:x:y", GOOD); /* a daemon is asked every time */
    assert_int_equal(calls("copy"), 4);
}

static void test_archive(void **state)
{
    char archive[100];

    (void)state;
    write_good();
    snprintf(archive, sizeof(archive), "docker-archive:%s/a.tar", root);
    expect_error(archive, "No such file or directory");
    shell("echo x >%s/a.tar", root);
    stand_in("good_copy \"$@\"");
    expect(archive, GOOD);
    expect(archive, GOOD);
    assert_int_equal(calls("copy"), 1);
    shell("echo longer >%s/a.tar", root);
    expect(archive, GOOD);
    assert_int_equal(calls("copy"), 2);
}

/* skopeo does not look into indexes in an index: then the archive is read without it. */
static void test_nested_archive(void **state)
{
    char archive[100], path[100], digest[OCI_DIGEST_MAX], *json;
    size_t len;

    (void)state;
    write_good();
    snprintf(path, sizeof(path), "%s/index.json", layout);
    assert_int_equal(file_read(path, 1 << 20, &json, &len), 0);
    digest_of("sha256", json, len, digest);
    put_blob(digest, json, len);
    free(json);
    for (int n = 0; n < 2; n++) {
        json =
            oci_format("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
                       "\"digest\":\"%s\",\"size\":%zu}]}",
                       digest, len);
        len = strlen(json);
        write_file(path, json, len);
        digest_of("sha256", json, len, digest);
        put_blob(digest, json, len);
        free(json);
    }
    snprintf(path, sizeof(path), "oci:%s", layout);
    expect(path, GOOD);
    snprintf(archive, sizeof(archive), "oci-archive:%s/a.tar.gz", root);
    shell("cd %s && tar czf ../a.tar.gz .", layout);
    fresh_cache();
    stand_in("fatal 'Unexpectedly received a manifest list instead of a manifest for a single image'");
    expect(archive, GOOD);
    assert_int_equal(count_files("tmp", ""), 0);
}

static void test_errors(void **state)
{
    struct oci_error err = {.msg = ""};
    char *text;

    (void)state;
    write_good();
    stand_in("fatal 'manifest unknown: \\\\\"x\\\\\"'");
    expect_error("x", "pull docker://docker.io/library/x:latest: there is no such image (manifest unknown: \"x\")");
    stand_in("exit 3");
    expect_error("x", "skopeo failed without a message");
    stand_in("kill -9 $$");
    expect_error("x", "it was killed by signal 9");
    stand_in("mkdir layout; echo '{}' >layout/index.json");
    expect_error("x", "\"schemaVersion\" is not 2");
    stand_in("exit 0");
    expect_error("x", "index.json: No such file or directory");
    opt.skopeo = "no-such-program";
    expect_error("x", "run skopeo for docker://docker.io/library/x:latest: 'no-such-program' is not installed "
                      "(the package is skopeo)");
    opt.skopeo = "/etc/passwd";
    expect_error("x", "Permission denied");
    text = build("UPPER", &err);
    assert_null(text);
    assert_int_equal(count_files("tmp", ""), 0);
}

/* ---- pruning ----------------------------------------------------------------------------------------------- */

/* What was used within the time stays; all else goes, and is made again when asked for. */
static void test_prune(void **state)
{
    struct oci_error err = {.msg = ""};
    uint64_t freed = 0;
    time_t now = time(NULL);

    (void)state;
    write_good();
    stand_in("good_copy \"$@\"");
    expect("some/image", GOOD);
    assert_int_equal(oci_prune(&opt, now - 3600, &freed, &err), 0);
    assert_int_equal(freed, 0);
    shell("find %s/blobs %s/layers -type f | xargs touch -d '2 days ago'", cache, cache);
    expect("some/image", GOOD); /* made anew from the tars: their time is not the tables'; that is a use */
    assert_int_equal(oci_prune(&opt, now - 3600, &freed, &err), 0);
    assert_int_equal(freed, 0);
    assert_int_equal(count_files("layers", ".tar"), 3);
    opt.offline = true;
    expect("some/image", GOOD);
    shell("find %s/layers -name '*.table' | xargs touch -d '2 days ago'", cache);
    assert_int_equal(oci_prune(&opt, now - 3600, &freed, &err), 0);
    assert_true(freed > 0);
    assert_int_equal(count_files("layers", ""), 0);
    assert_int_equal(count_files("blobs/sha256", ""), 5);
    expect("some/image", GOOD);
    freed = 0;
    assert_int_equal(oci_prune(&opt, now + 3600, &freed, &err), 0);
    assert_true(freed > 0);
    assert_int_equal(count_files("layers", "") + count_files("blobs/sha256", "") + count_files("tmp", ""), 0);
    expect_error("some/image", "not in the cache, and --offline was given");
    opt.offline = false;
    expect("some/image", GOOD);
    assert_int_equal(calls("copy"), 2);
}

/* An image that somebody has open stays; and a blob that is a layout's too keeps the layout's time. */
static void test_prune_used(void **state)
{
    struct oci_error err = {.msg = ""};
    struct oci_image *image;
    uint64_t freed = 0;

    (void)state;
    write_good();
    shell("find %s/blobs -type f | xargs touch -d '2 days ago'", layout);
    assert_int_equal(oci_pull(&opt, ref, &image, &err), 0);
    assert_int_equal(oci_prune(&opt, time(NULL) + 1, &freed, &err), -1);
    assert_non_null(strstr(err.msg, "another imgtool is reading or filling it"));
    assert_int_equal(count_files("blobs/sha256", ""), 5);
    oci_image_free(image);
    shell("[ $(find %s/blobs -type f -mtime -1 | wc -l) = 0 ]", layout);
    expect(ref, GOOD);
    shell("[ $(find %s/blobs -type f -mtime -1 | wc -l) = 0 ]", layout);
    assert_int_equal(oci_prune(&opt, time(NULL) + 1, &freed, &err), 0);
    shell("[ $(find %s/blobs -type f | wc -l) = 5 ]", layout);
    expect(ref, GOOD);
}

/* What is not the cache's own stays, whatever its age; what a future clock has written does not. */
static void test_prune_foreign(void **state)
{
    struct oci_error err = {.msg = ""};
    uint64_t freed = 0;

    (void)state;
    write_good();
    expect(ref, GOOD);
    shell("cd %s && echo x >layers/notes.txt && echo x >blobs/sha256/README && mkdir layers/old.d && mkdir builds",
          cache);
    shell("cd %s && echo x >builds/mine.elf && echo x >builds/$(printf %%064d 1).elf && echo x >builds/.k.elf.Xy",
          cache);
    shell("find %s/blobs %s/layers %s/builds | xargs touch -d '2 days ago'", cache, cache, cache);
    assert_int_equal(oci_prune(&opt, time(NULL), &freed, &err), 0);
    shell("[ \"$(cd %s && find layers blobs builds ! -type d | sort | xargs)\" = "
          "'blobs/sha256/README builds/mine.elf layers/notes.txt' ]",
          cache);
    shell("[ -d %s/layers/old.d ]", cache);
    expect(ref, GOOD);
    shell("find %s/blobs %s/layers | xargs touch -d '2 days'", cache, cache);
    assert_int_equal(oci_prune(&opt, INT64_MAX, &freed, &err), 0);
    assert_int_equal(count_files("layers", ".tar"), 0);
}

static char *build_as_nobody(void)
{
    struct oci_error err = {.msg = ""};
    char *text = NULL;
    assert_int_equal(seteuid(65534), 0);
    text = build(ref, &err);
    assert_int_equal(seteuid(0), 0);
    return text;
}

/* Who may only read the cache finds there what others have put into it. */
static void test_readable_cache(void **state)
{
    (void)state;
    write_good();
    expect(ref, GOOD);
    if (geteuid() != 0)
        return;
    shell("chmod a+rx %s && chmod -R a+rX,go-w %s %s", root, cache, layout);
    char *text = build_as_nobody();
    assert_non_null(text);
    assert_string_equal(text, GOOD);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_prune_foreign, fresh),  cmocka_unit_test_setup(test_readable_cache, fresh),
        cmocka_unit_test_setup(test_damaged_cache, fresh),  cmocka_unit_test_setup(test_shared_cache, fresh),
        cmocka_unit_test_setup(test_leftovers, fresh),      cmocka_unit_test_setup(test_unusable_cache, fresh),
        cmocka_unit_test_setup(test_docker, fresh),         cmocka_unit_test_setup(test_docker_damaged, fresh),
        cmocka_unit_test_setup(test_fallback, fresh),       cmocka_unit_test_setup(test_archive, fresh),
        cmocka_unit_test_setup(test_nested_archive, fresh), cmocka_unit_test_setup(test_errors, fresh),
        cmocka_unit_test_setup(test_prune, fresh),          cmocka_unit_test_setup(test_prune_used, fresh),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
