// SPDX-License-Identifier: MIT
/*
 * The choice of accelerator. QEMU is played by a shell script, so that nothing here depends on the host's /dev/kvm; the
 * probe's guest is tried on the real QEMU with TCG where there is one.
 */
#include "imgtool/accel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/slipway-test-XXXXXX";

static void fake_qemu(const char *body)
{
    static char path[128];
    int fd;

    snprintf(path, sizeof(path), "%s/qemu", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    dprintf(fd, "#!/bin/sh\n%s\n", body);
    close(fd);
    setenv("SLIPWAY_QEMU", path, 1);
}

static void answers_are_told_apart(void **state)
{
    (void)state;
    fake_qemu("exit 99");
    assert_int_equal(accel_boots("kvm"), 1);
    fake_qemu("exit 0"); /* a triple fault ends QEMU with 0 */
    assert_int_equal(accel_boots("kvm"), 0);
    setenv("SLIPWAY_QEMU", "/nonexistent/qemu", 1);
    assert_int_equal(accel_boots("kvm"), -1);
}

static void a_guest_that_hangs_is_a_no_in_time(void **state)
{
    struct timespec before, after;

    (void)state;
    fake_qemu("exec sleep 100");
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(accel_boots("kvm"), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec <= 3);
}

static void the_caller_s_wish_decides(void **state)
{
    struct oci_error err;

    (void)state;
    fake_qemu("exit 1");
    setenv("ACCEL", "tcg", 1);
    assert_string_equal(accel_choose(dir, &err), "tcg");
    setenv("ACCEL", "tcg,thread=single", 1);
    assert_string_equal(accel_choose("/nowhere", &err), "tcg,thread=single");
    setenv("ACCEL", "hvf", 1);
    assert_null(accel_choose(dir, &err));
    assert_string_equal(err.msg, "use ACCEL hvf: it is neither tcg nor kvm");
    unsetenv("ACCEL");
}

static void a_kvm_that_runs_nothing_is_said(void **state)
{
    struct oci_error err;
    char cache[160];
    bool can_open = access("/dev/kvm", R_OK | W_OK) == 0;

    (void)state;
    snprintf(cache, sizeof(cache), "%s/cache", dir); /* one where nothing is remembered */
    assert_int_equal(mkdir(cache, 0700), 0);
    fake_qemu("exit 1");
    setenv("ACCEL", "kvm", 1);
    assert_null(accel_choose(cache, &err));
    assert_non_null(strstr(err.msg, can_open ? "KVM runs no 64-bit guest here" : "/dev/kvm cannot be opened"));
    if (can_open) { /* once it works, a remembered no does not stand in the way */
        fake_qemu("exit 99");
        assert_string_equal(accel_choose(cache, &err), "kvm");
    }
    unsetenv("ACCEL");
}

static void the_answer_is_remembered(void **state)
{
    struct oci_error err;
    struct stat st;
    char count[160];

    (void)state;
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        skip();
    fake_qemu("echo x >>$(dirname $0)/count; exit 99");
    assert_string_equal(accel_choose(dir, &err), "kvm");
    assert_string_equal(accel_choose(dir, &err), "kvm");
    snprintf(count, sizeof(count), "%s/count", dir);
    assert_int_equal(stat(count, &st), 0);
    assert_int_equal(st.st_size, 2); /* asked once */
}

static void the_guest_reaches_long_mode(void **state)
{
    (void)state;
    unsetenv("SLIPWAY_QEMU");
    if (system("command -v qemu-system-x86_64 >/dev/null"))
        skip();
    assert_int_equal(accel_boots("tcg"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_apart),          cmocka_unit_test(a_guest_that_hangs_is_a_no_in_time),
        cmocka_unit_test(the_caller_s_wish_decides),       cmocka_unit_test(the_answer_is_remembered),
        cmocka_unit_test(a_kvm_that_runs_nothing_is_said), cmocka_unit_test(the_guest_reaches_long_mode),
    };
    char command[128];
    int result;

    if (!mkdtemp(dir))
        return 1;
    result = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) || result;
}
