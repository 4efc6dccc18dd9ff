/* test_clock.c - the real clocks: monotonic never goes back, wall time is of this century.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/clock.h"

static void test_never_back(void **state)
{
    (void)state;
    uint64_t last = xc_clock_now(), first = last;
    for (int i = 0; i < 100000; i++) {
        uint64_t now = xc_clock_now();
        assert_true(now >= last);
        last = now;
    }
    assert_true(last > first);
    assert_true(last - first < 60 * XC_NS_PER_S); /* nanoseconds, not something smaller */
}

static void test_wall_time(void **state)
{
    (void)state;
    uint64_t year_2020 = UINT64_C(1577836800) * XC_NS_PER_S;
    assert_true(xc_clock_unix() > year_2020);
    assert_true(xc_clock_unix() < year_2020 + 100 * 366 * UINT64_C(86400) * XC_NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_back),
        cmocka_unit_test(test_wall_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
