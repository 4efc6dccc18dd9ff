/* test_crc32.c - CRC-32 by its check value.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/crc32.h"

static void test_crc32(void **state)
{
    (void)state;
    assert_int_equal(xc_crc32(text_span("123456789")), 0xcbf43926);
    assert_int_equal(xc_crc32(text_span("")), 0);
    assert_int_equal(xc_crc32(text_span("a")), 0xe8b7be43);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crc32)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
