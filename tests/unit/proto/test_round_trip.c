/* test_round_trip.c - RFC 3550 section 6.4.1's worked example, smoothing, and what is refused.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/ntp.h"
#include "proto/round_trip.h"

static void test_figure_2_of_rfc_3550(void **state)
{
    (void)state;
    struct xc_round_trip rt;
    xc_round_trip_init(&rt);
    /* SR at 0xb44db705:20000000, DLSR 5.250 s, A = 0xb7108000: the delay is 6.125 s. */
    struct xc_rtcp_report report = {.last_sr = 0xb7052000, .delay_since_last_sr = 0x00054000};
    assert_true(xc_round_trip_report(&rt, UINT64_C(0xb44db71080000000), &report));
    assert_int_equal(rt.latest, 6125 * XC_NS_PER_MS);
    assert_int_equal(rt.smoothed, 6125 * XC_NS_PER_MS);
    assert_int_equal(rt.minimum, 6125 * XC_NS_PER_MS);
    assert_int_equal(rt.total, 6125 * XC_NS_PER_MS);
    assert_int_equal(rt.count, 1);
    assert_int_equal(rt.refused, 0);
}

static void test_across_the_wrap(void **state)
{
    (void)state;
    struct xc_round_trip rt;
    xc_round_trip_init(&rt);
    struct xc_rtcp_report report = {.last_sr = 0xffff8000, .delay_since_last_sr = 0x4000};
    assert_true(xc_round_trip_report(&rt, UINT64_C(0x1234000080000000), &report));
    assert_int_equal(rt.latest, 750 * XC_NS_PER_MS);
}

static void test_smoothing(void **state)
{
    (void)state;
    struct xc_round_trip rt;
    xc_round_trip_init(&rt);
    double smoothed = 0, variation = 0;
    uint64_t total = 0, minimum = UINT64_MAX;
    for (int i = 0; i < 200; i++) {
        uint64_t ns = (uint64_t)(20 + i * 7919 % 180) * XC_NS_PER_MS;
        assert_true(xc_round_trip_sample(&rt, ns));
        if (i == 0) {
            smoothed = (double)ns;
            variation = (double)ns / 2;
        } else {
            double apart = smoothed > (double)ns ? smoothed - (double)ns : (double)ns - smoothed;
            variation = 0.75 * variation + 0.25 * apart;
            smoothed = 0.875 * smoothed + 0.125 * (double)ns;
        }
        total += ns;
        minimum = XC_MIN(minimum, ns);
        assert_float_equal((double)rt.smoothed, smoothed, 20);
        assert_float_equal((double)rt.variation, variation, 20);
        assert_int_equal(rt.latest, ns);
    }
    assert_int_equal(rt.total, total);
    assert_int_equal(rt.minimum, minimum);
    assert_int_equal(rt.count, 200);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    struct xc_round_trip rt;
    xc_round_trip_init(&rt);
    uint64_t now = UINT64_C(0xe000123400000000);
    uint32_t middle = xc_ntp_middle(now);
    /* No sender report seen: no measurement, and no fault of anybody. */
    struct xc_rtcp_report report = {.last_sr = 0, .delay_since_last_sr = 5};
    assert_false(xc_round_trip_report(&rt, now, &report));
    assert_int_equal(rt.refused, 0);
    /* Exactly 60 s is the last that counts. */
    report.last_sr = middle - 60 * 65536;
    report.delay_since_last_sr = 0;
    assert_true(xc_round_trip_report(&rt, now, &report));
    report.last_sr = middle - 60 * 65536 - 1;
    assert_false(xc_round_trip_report(&rt, now, &report));
    assert_int_equal(rt.refused, 1);
    /* A little below zero is zero, more is refused. */
    report.last_sr = middle;
    report.delay_since_last_sr = 65536 / 20;
    assert_true(xc_round_trip_report(&rt, now, &report));
    assert_int_equal(rt.latest, 0);
    report.delay_since_last_sr = 65536 / 20 + 2;
    assert_false(xc_round_trip_report(&rt, now, &report));
    report.delay_since_last_sr = 0x80000000;
    assert_false(xc_round_trip_report(&rt, now, &report));
    assert_int_equal(rt.refused, 3);
    assert_int_equal(rt.count, 2);
    assert_false(xc_round_trip_sample(&rt, UINT64_MAX));
    assert_int_equal(rt.count, 2);
    assert_int_equal(rt.minimum, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figure_2_of_rfc_3550),
        cmocka_unit_test(test_across_the_wrap),
        cmocka_unit_test(test_smoothing),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
