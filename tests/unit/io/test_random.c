/* test_random.c - the kernel's random bytes: all of them are filled, no more, never the same.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "io/random.h"

static void test_bytes(void **state)
{
    (void)state;
    uint8_t a[256 + 1] = {0}, b[256] = {0};
    bool touched[256] = {false};
    assert_true(xc_random_bytes(b, sizeof b));
    for (int round = 0; round < 16; round++) {
        assert_true(xc_random_bytes(a, 256));
        assert_int_equal(a[256], 0);
        assert_memory_not_equal(a, b, 256);
        for (int i = 0; i < 256; i++)
            touched[i] = touched[i] || a[i] != 0;
    }
    for (int i = 0; i < 256; i++)
        assert_true(touched[i]); /* 16 zeros in a row: once in 2^120 */
    assert_true(xc_random_bytes(a, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
