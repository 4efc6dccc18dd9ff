/* test_bytes.c - spans, big-endian loads and stores, and the bounded reader and writer.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/bytes.h"

static void test_spans(void **state)
{
    (void)state;
    struct xc_span a = xc_span_make("abc", 3);
    assert_true(xc_span_equal(a, xc_span_make("abcd", 3)));
    assert_false(xc_span_equal(a, xc_span_make("abcd", 4)));
    assert_false(xc_span_equal(a, xc_span_make("abd", 3)));
    assert_true(xc_span_equal((struct xc_span){NULL, 0}, xc_span_make("x", 0)));
    assert_true(xc_span_equal_text(a, "abc"));
    assert_false(xc_span_equal_text(a, "ab"));
    assert_true(xc_span_equal_text((struct xc_span){NULL, 0}, ""));
}

static void test_order(void **state)
{
    (void)state;
    uint8_t b[8] = {0x81, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
    assert_int_equal(xc_load16(b), 0x8102);
    assert_int_equal(xc_load24(b), 0x810203);
    assert_int_equal(xc_load32(b), 0x81020304);
    assert_true(xc_load64(b) == UINT64_C(0x8102030405060708));
    uint8_t c[8] = {0};
    xc_store16(c, 0x8102);
    assert_memory_equal(c, b, 2);
    assert_int_equal(c[2], 0);
    xc_store24(c, 0x810203);
    assert_memory_equal(c, b, 3);
    assert_int_equal(c[3], 0);
    xc_store32(c, 0x81020304);
    assert_memory_equal(c, b, 4);
    xc_store64(c, UINT64_C(0x8102030405060708));
    assert_memory_equal(c, b, 8);
}

/* Reads of every width behind every number of bytes: right, or failed for good. */
static void test_reader(void **state)
{
    (void)state;
    static const uint8_t bytes[18] = {1,  2,  3,  4,  5,  6,  7,  8,  9,
                                      10, 11, 12, 13, 14, 15, 16, 17, 18};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, bytes, size);
        struct xc_reader r = xc_reader_make(xc_span_make(copy, size));
        assert_int_equal(xc_reader_left(&r), size);
        assert_int_equal(xc_read8(&r), size >= 1 ? 1 : 0);
        assert_int_equal(xc_read16(&r), size >= 3 ? 0x0203 : 0);
        assert_int_equal(xc_read24(&r), size >= 6 ? 0x040506 : 0);
        assert_int_equal(xc_read32(&r), size >= 10 ? 0x0708090a : 0);
        assert_true(xc_read64(&r) == (size >= 18 ? UINT64_C(0x0b0c0d0e0f101112) : 0));
        assert_int_equal(r.failed, size < 18);
        assert_int_equal(xc_reader_left(&r), 0);
        if (r.failed) { /* stays failed, even for what would fit */
            assert_int_equal(xc_read8(&r), 0);
            assert_null(xc_read_bytes(&r, 0));
        } else {
            assert_non_null(xc_read_bytes(&r, 0));
            assert_null(xc_read_bytes(&r, SIZE_MAX));
            assert_true(r.failed);
        }
        free(copy);
    }
}

static void test_writer(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= 22; capacity++) {
        uint8_t *memory = malloc(capacity ? capacity : 1);
        struct xc_writer w = xc_writer_make(memory, capacity);
        xc_write8(&w, 1);
        xc_write16(&w, 0x0203);
        xc_write24(&w, 0x040506);
        xc_write32(&w, 0x0708090a);
        xc_write64(&w, UINT64_C(0x0b0c0d0e0f101112));
        xc_write_bytes(&w, "\x13\x14\x15", 3);
        assert_int_equal(w.failed, capacity < 21);
        assert_true(w.size <= capacity);
        for (size_t i = 0; i < w.size; i++)
            assert_int_equal(memory[i], i + 1);
        if (w.failed) {
            size_t size = w.size;
            xc_write8(&w, 0xff);
            assert_null(xc_write_room(&w, 0));
            assert_int_equal(w.size, size);
        }
        free(memory);
    }
    uint8_t small[4];
    struct xc_writer w = xc_writer_make(small, sizeof small);
    assert_null(xc_write_room(&w, SIZE_MAX));
    assert_true(w.failed);
}

static void test_circles(void **state)
{
    (void)state;
    assert_int_equal(xc_seq16_diff(1, 65535), 2);
    assert_int_equal(xc_seq16_diff(65535, 1), -2);
    assert_int_equal(xc_seq16_diff(0x8000, 0), -0x8000);
    assert_int_equal(xc_seq16_diff(0x7fff, 0), 0x7fff);
    assert_int_equal(xc_seq32_diff(1, UINT32_MAX), 2);
    assert_int_equal(xc_seq32_diff(UINT32_MAX, 1), -2);
    assert_true(xc_earlier(3, XC_NEVER) == 3);
    assert_true(xc_earlier(XC_NEVER, XC_NEVER) == XC_NEVER);
    uint8_t secret[5] = {1, 2, 3, 4, 5};
    xc_wipe(secret, 4);
    assert_memory_equal(secret, "\0\0\0\0\5", 5);
}

static void test_equal(void **state)
{
    (void)state;
    uint8_t a[20] = {0}, b[20] = {0};
    assert_true(xc_equal_constant_time(a, b, sizeof a));
    assert_true(xc_equal_constant_time(a, b, 0));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(xc_equal_constant_time(a, b, sizeof a));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),   cmocka_unit_test(test_order),
        cmocka_unit_test(test_reader),  cmocka_unit_test(test_writer),
        cmocka_unit_test(test_circles), cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
