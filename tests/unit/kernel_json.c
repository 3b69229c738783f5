// SPDX-License-Identifier: MIT
// sources: kernel/drivers/json.c kernel/lib/string.c
// cflags: -DSLIPWAY_HOST -include stdio.h
/* The control port's JSON: what is found in a line, and that what is written is valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/json.h"

static void members(void **state)
{
    (void)state;
    char s[16];
    s64 v;
    const char *line = " { \"cmd\" : \"stop\", \"signo\":15 ,\"grace_ms\": -3 } ";
    assert_true(json_get_string(line, "cmd", s, sizeof(s)));
    assert_string_equal(s, "stop");
    assert_true(json_get_int(line, "signo", &v));
    assert_int_equal(v, 15);
    assert_true(json_get_int(line, "grace_ms", &v));
    assert_int_equal(v, -3);
    assert_false(json_get_int(line, "cmd", &v));
    assert_false(json_get_string(line, "signo", s, sizeof(s)));
    assert_false(json_get_int(line, "absent", &v));
}

static void malformed(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "{",
                                        "[]",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\":1",
                                        "{\"cmd\":\"x",
                                        "{\"b\":{\"cmd\":\"x\"}}",
                                        "{\"b\":[1],\"cmd\":\"x\"}",
                                        "{cmd:\"x\"}",
                                        "{\"b\":\"\\",
                                        "\"cmd\":\"x\""};
    char s[16];
    s64 v;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        assert_false(json_get_string(lines[i], "cmd", s, sizeof(s)));
        assert_false(json_get_int(lines[i], "a", &v));
    }
    assert_false(json_get_string("{\"cmd\":\"0123456789abcdef\"}", "cmd", s, sizeof(s)));
    assert_false(json_get_string("{\"cmd\":\"a\\\"b\"}", "cmd", s, sizeof(s)));
    assert_false(json_get_int("{\"a\":1.5}", "a", &v));
    assert_false(json_get_int("{\"a\":99999999999999999999}", "a", &v));
}

static void put(const char *text, const char *expect)
{
    char buf[64];
    size_t at = 0;
    json_put_string(buf, sizeof(buf), &at, text);
    assert_string_equal(buf, expect);
    assert_int_equal(at, strlen(expect));
}

static void strings(void **state)
{
    (void)state;
    put("plain", "\"plain\"");
    put("a\"b\\c\n\x01", "\"a\\\"b\\\\c\\u000a\\u0001\"");
    put("gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"");
    put("\xff\xc0\x80z", "\"\\ufffd\\ufffd\\ufffdz\"");
    put("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
    char small[8];
    size_t at = 0;
    json_put_string(small, sizeof(small), &at, "a long text that does not fit");
    assert_true(at < sizeof(small));
    assert_int_equal(small[at], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(members), cmocka_unit_test(malformed),
                                       cmocka_unit_test(strings)};
    return cmocka_run_group_tests_name("control port JSON", tests, NULL, NULL);
}
