/* test_addr.c - addresses as text (RFC 4291 section 2.2, RFC 5952 section 4) and their classes.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/addr.h"

static void check_text(const char *text, const char *canonical)
{
    struct xc_addr addr;
    char out[XC_ADDR_TEXT_MAX];
    struct xc_span exact = exact_copy(text, strlen(text));
    assert_true(xc_addr_parse(&addr, exact, 5000));
    exact_free(exact);
    assert_int_equal(addr.port, 5000);
    assert_int_equal(xc_addr_format(&addr, out, sizeof out), strlen(canonical));
    assert_string_equal(out, canonical);

    struct xc_addr again;
    assert_true(xc_addr_parse(&again, text_span(out), 5000));
    assert_true(xc_addr_equal(&addr, &again));
    /* Every capacity that is too small is refused, the exact one is not. */
    for (size_t capacity = 0; capacity <= strlen(canonical); capacity++)
        assert_int_equal(xc_addr_format(&addr, out, capacity), 0);
    assert_int_not_equal(xc_addr_format(&addr, out, strlen(canonical) + 1), 0);
}

static void test_text(void **state)
{
    (void)state;
    check_text("192.0.2.1", "192.0.2.1");
    check_text("0.0.0.0", "0.0.0.0");
    check_text("255.255.255.255", "255.255.255.255");
    /* RFC 5952 section 4.1: no leading zeros; 4.2.1: shorten as much as possible. */
    check_text("2001:0db8::0001", "2001:db8::1");
    check_text("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");
    /* 4.2.2: one zero group is not shortened. */
    check_text("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    check_text("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    /* 4.2.3: the longest run, the first of equal ones. */
    check_text("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    check_text("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    /* 4.3: lower case. */
    check_text("2001:DB8::ABCD", "2001:db8::abcd");
    check_text("::", "::");
    check_text("::1", "::1");
    check_text("1::", "1::");
    check_text("fe80::", "fe80::");
    check_text("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    check_text("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8");
    check_text("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
    /* 5: IPv4 at the end of a mapped address. */
    check_text("::ffff:192.0.2.1", "::ffff:192.0.2.1");
    check_text("::ffff:c000:201", "::ffff:192.0.2.1");
    check_text("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
    check_text("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ".",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.",
                                      "1.2.3.4.",
                                      "1.2.3.4.5",
                                      ".1.2.3.4",
                                      "1..2.3",
                                      "256.1.1.1",
                                      "01.2.3.4",
                                      "1.2.3.04",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.4294967297",
                                      "1.2.3.a",
                                      "1.2.3.-4",
                                      "example.org",
                                      "abc.local",
                                      ":",
                                      ":::",
                                      "1:",
                                      ":1",
                                      "1::2::3",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "12345::",
                                      "g::",
                                      "::1%eth0",
                                      "[::1]",
                                      "::1.2.3",
                                      "1.2.3.4::",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::1:2:3:4:5:6:7:1.2.3.4",
                                      "::1.2.3.4:5",
                                      "1.2.3.4:80",
                                      "::ffff:1.2.3.256",
                                      "1:2:3:4:5:6:7:",
                                      "0000:0000:0000:0000:0000:ffff:255.255.255.2555"};
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++) {
        struct xc_addr addr;
        struct xc_span exact = exact_copy(bad[i], strlen(bad[i]));
        if (xc_addr_parse(&addr, exact, 1))
            fail_msg("accepted \"%s\"", bad[i]);
        assert_int_equal(addr.family, XC_ADDR_NONE);
        exact_free(exact);
    }
}

static struct xc_addr addr_of(const char *text, uint16_t port)
{
    struct xc_addr addr;
    assert_true(xc_addr_parse(&addr, text_span(text), port));
    return addr;
}

static void test_classes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool loopback, link_local, any;
    } cases[] = {
        {"127.0.0.1", true, false, false},   {"127.255.1.2", true, false, false},
        {"::1", true, false, false},         {"::ffff:127.0.0.1", true, false, false},
        {"169.254.1.1", false, true, false}, {"::ffff:169.254.1.1", false, true, false},
        {"fe80::1", false, true, false},     {"febf::1", false, true, false},
        {"fec0::1", false, false, false},    {"0.0.0.0", false, false, true},
        {"::", false, false, true},          {"::ffff:0.0.0.0", false, false, true},
        {"192.0.2.1", false, false, false},  {"2001:db8::1", false, false, false},
        {"::2", false, false, false},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        struct xc_addr addr = addr_of(cases[i].text, 1);
        assert_int_equal(xc_addr_is_loopback(&addr), cases[i].loopback);
        assert_int_equal(xc_addr_is_link_local(&addr), cases[i].link_local);
        assert_int_equal(xc_addr_is_any(&addr), cases[i].any);
    }
    struct xc_addr none = {0};
    assert_false(xc_addr_is_loopback(&none) || xc_addr_is_link_local(&none) ||
                 xc_addr_is_any(&none));
    char text[8];
    assert_int_equal(xc_addr_format(&none, text, sizeof text), 0);
}

static void test_equal(void **state)
{
    (void)state;
    struct xc_addr a = addr_of("192.0.2.1", 1);
    struct xc_addr b = addr_of("192.0.2.1", 2);
    struct xc_addr mapped = addr_of("::ffff:192.0.2.1", 1);
    assert_true(xc_addr_equal(&a, &a));
    assert_false(xc_addr_equal(&a, &b));
    assert_true(xc_addr_same_host(&a, &b));
    assert_false(xc_addr_same_host(&a, &mapped));

    struct xc_addr one = addr_of("fe80::1", 7);
    struct xc_addr two = one, unscoped = one;
    one.scope = 1;
    two.scope = 2;
    assert_false(xc_addr_equal(&one, &two));
    assert_true(xc_addr_equal(&one, &unscoped));
    assert_true(xc_addr_equal(&unscoped, &two));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
