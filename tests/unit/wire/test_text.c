/* test_text.c - the small words of the text formats: tokens, numbers at their bounds, case, copies.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/text.h"

static struct xc_span span(const char *text)
{
    return xc_span_make(text, strlen(text));
}

static void test_case_and_prefix(void **state)
{
    (void)state;
    assert_true(xc_text_equal(span("OpUs"), "opus"));
    assert_false(xc_text_equal(span("opus"), "opu"));
    assert_false(xc_text_equal(span("opu"), "opus"));
    assert_false(xc_text_equal(span("[pus"), "{pus")); /* no letters: 0x20 apart, yet different */
    struct xc_span text = span("A=Mid:0");
    assert_false(xc_text_skip(&text, "a=msid:"));
    assert_int_equal(text.size, 7);
    assert_true(xc_text_skip(&text, "a=mid:"));
    assert_true(xc_span_equal_text(text, "0"));
    assert_false(xc_text_skip(&text, "00"));
}

static void test_hex(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *digits = "0123456789abcdefABCDEF", *at = c ? strchr(digits, c) : NULL;
        int expected = !at ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
        assert_int_equal(xc_text_hex((uint8_t)c), expected);
    }
}

static void test_tokens(void **state)
{
    (void)state;
    struct xc_span text = span("  one two  three ");
    const char *expected[] = {"one", "two", "three", "", ""};
    for (size_t i = 0; i < 5; i++)
        assert_true(xc_span_equal_text(xc_text_token(&text, ' '), expected[i]));
    assert_int_equal(xc_text_find(span("a:b"), ':'), 1);
    assert_int_equal(xc_text_find(span("ab"), ':'), 2);
    assert_int_equal(xc_text_find(span(""), ':'), 0);
    assert_true(xc_span_equal_text(xc_text_trim(span(" \t\r\nx y\r\n ")), "x y"));
    assert_int_equal(xc_text_trim(span(" \t ")).size, 0);
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t number = 7;
    const char *bad[] = {"",
                         "-1",
                         "+1",
                         " 1",
                         "1 ",
                         "0x1",
                         "1.0",
                         "18446744073709551616",
                         "99999999999999999999999"};
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++)
        assert_false(xc_text_number(span(bad[i]), UINT64_MAX, &number));
    assert_int_equal(number, 7);
    assert_true(xc_text_number(span("18446744073709551615"), UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    assert_true(xc_text_number(span("00127"), 127, &number));
    assert_int_equal(number, 127);
    assert_false(xc_text_number(span("128"), 127, &number));
}

static void test_copies(void **state)
{
    (void)state;
    char to[4] = "zzz";
    assert_false(xc_text_copy(to, sizeof to, span("four")));
    assert_string_equal(to, "zzz");
    assert_true(xc_text_copy(to, sizeof to, span("thr")));
    assert_string_equal(to, "thr");
    assert_true(xc_text_copy(to, sizeof to, span("")));
    assert_string_equal(to, "");
    assert_false(xc_text_copy(to, 0, span("")));
}

static void test_writing(void **state)
{
    (void)state;
    const uint64_t numbers[] = {0, 9, 10, 4294967296, UINT64_MAX};
    for (size_t i = 0; i < XC_ARRAY_LEN(numbers); i++) {
        char text[32];
        uint64_t back = 1;
        struct xc_writer w = xc_writer_make(text, sizeof text);
        xc_text_write_number(&w, numbers[i]);
        assert_false(w.failed);
        assert_true(xc_text_number(xc_span_make(text, w.size), UINT64_MAX, &back));
        assert_true(back == numbers[i]);
        struct xc_writer small = xc_writer_make(text, w.size - 1);
        xc_text_write_number(&small, numbers[i]);
        assert_true(small.failed);
    }
    char text[8];
    struct xc_writer w = xc_writer_make(text, sizeof text);
    xc_text_write(&w, "a=");
    xc_text_write(&w, "mid");
    assert_int_equal(w.size, 5);
    assert_memory_equal(text, "a=mid", 5);
    xc_text_write(&w, "1234");
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_and_prefix), cmocka_unit_test(test_hex),
        cmocka_unit_test(test_tokens),          cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_copies),          cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
