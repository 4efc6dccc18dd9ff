/* test_telephone_event.c - the payload of telephone events (RFC 4733 section 2.3) and the codes of
 * digits (section 3.2).
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/telephone_event.h"

/* RFC 4733 section 5: digit 9, 1 and 1 with volumes 7, 10 and 20, R set where it must not matter. */
static void test_layout(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        struct xc_telephone_event event;
    } forms[] = {
        {"09 87 06 40", {9, true, 7, 1600}},    {"01 0a 03 20", {1, false, 10, 800}},
        {"01 94 ff ff", {1, true, 20, 0xffff}}, {"0b 4a 00 01", {11, false, 10, 1}},
        {"ff bf 00 00", {255, true, 63, 0}},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(forms); i++) {
        uint8_t bytes[8], out[XC_TELEPHONE_EVENT_SIZE];
        struct xc_telephone_event event;
        struct xc_span payload = exact_copy(bytes, hex_bytes(forms[i].hex, bytes, sizeof bytes));
        assert_true(xc_telephone_event_parse(&event, payload));
        assert_int_equal(event.event, forms[i].event.event);
        assert_int_equal(event.end, forms[i].event.end);
        assert_int_equal(event.volume, forms[i].event.volume);
        assert_int_equal(event.duration, forms[i].event.duration);
        xc_telephone_event_write(&event, out);
        bytes[1] &= 0xbf; /* R is written as 0 */
        assert_memory_equal(out, bytes, sizeof out);
        exact_free(payload);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const uint8_t bytes[12] = {5, 0x8a, 0x12, 0x34, 6, 0x8a, 0x56, 0x78};
    struct xc_telephone_event event;
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct xc_span cut = exact_copy(bytes, n);
        assert_int_equal(xc_telephone_event_parse(&event, cut), n == 4 || n == 8 || n == 12);
        if (n >= 4 && n % 4 == 0)
            assert_true(event.event == 5 && event.duration == 0x1234);
        exact_free(cut);
    }
}

static void test_digits(void **state)
{
    (void)state;
    static const char digits[] = "0123456789*#ABCD";
    for (int i = 0; i < 256; i++) {
        const char *at = i ? strchr(digits, i >= 'a' && i <= 'd' ? i - 32 : i) : NULL;
        assert_int_equal(xc_telephone_event_of((char)i), at ? at - digits : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
