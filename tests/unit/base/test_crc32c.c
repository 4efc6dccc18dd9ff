/* test_crc32c.c - the vectors of RFC 3720 appendix B.4, every length and alignment against a CRC that
 * is worked out bit by bit, and a packet in parts.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crc32c.h"

static uint32_t by_bits(const uint8_t *p, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (; size; size--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static void test_vectors(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(xc_crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(xc_crc32c(0, bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(xc_crc32c(0, bytes, 32), 0x46dd794e);
    assert_int_equal(xc_crc32c_portable(0, bytes, 32), 0x46dd794e);
    assert_int_equal(xc_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(xc_crc32c(0, bytes, 0), 0);
}

static void test_lengths(void **state)
{
    (void)state;
    uint8_t bytes[1300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 131 + 7);
    for (size_t start = 0; start < 8; start++) {
        for (size_t size = 0; size < 70; size++) {
            uint32_t want = by_bits(bytes + start, size);
            assert_int_equal(xc_crc32c(0, bytes + start, size), want);
            assert_int_equal(xc_crc32c_portable(0, bytes + start, size), want);
        }
        assert_int_equal(xc_crc32c(0, bytes + start, 1160), by_bits(bytes + start, 1160));
    }
}

static void test_parts(void **state)
{
    (void)state;
    uint8_t bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 29);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint32_t crc = xc_crc32c(0, bytes, cut);
        assert_int_equal(xc_crc32c(crc, bytes + cut, sizeof bytes - cut),
                         xc_crc32c_portable(0, bytes, sizeof bytes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_lengths),
                                       cmocka_unit_test(test_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
