/* test_rtcp_schedule.c - intervals against RFC 3550 A.7 computed independently in doubles: bounds,
 * mean, the 5 % share, the reduced initial minimum.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "proto/rtcp_schedule.h"

#define E_MINUS_3_2 (2.718281828459045 - 1.5)
#define DRAWS 20000

/* The deterministic interval Td of A.7 for two members, in seconds. */
static double rfc_interval(double average_size, double session_bps, double minimum_s)
{
    double rtcp_bytes_per_s = session_bps * 0.05 / 8;
    double t = average_size * 2 / rtcp_bytes_per_s;
    return t < minimum_s ? minimum_s : t;
}

static void check_draws(double sum, double lowest, double highest, double td)
{
    assert_true(lowest >= 0.5 / E_MINUS_3_2 * td * 0.999999);
    assert_true(highest <= 1.5 / E_MINUS_3_2 * td * 1.000001);
    assert_true(lowest < 0.45 * td); /* the whole range is used: 0.41 to 1.23 */
    assert_true(highest > 1.2 * td);
    /* With reconsideration the mean interval is Td (section 6.3.1). */
    assert_float_equal(sum / DRAWS, td, td * 0.01);
}

static void test_minimum_rules_on_a_wide_session(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 7);
    struct xc_rtcp_schedule s;
    xc_rtcp_schedule_init(&s, 0, &rng, XC_NS_PER_S);
    double sum = 0, lowest = 1e9, highest = 0;
    uint64_t now = 0;
    for (int i = 0; i < DRAWS; i++) {
        xc_rtcp_schedule_sent(&s, now, &rng, 100, 2000000);
        double gap = (double)(xc_rtcp_schedule_deadline(&s) - now) / 1e9;
        sum += gap;
        lowest = XC_MIN(lowest, gap);
        highest = XC_MAX(highest, gap);
        now = xc_rtcp_schedule_deadline(&s);
    }
    check_draws(sum, lowest, highest, rfc_interval(128, 2e6, 1.0));
}

static void test_share_rules_on_a_narrow_session(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 8);
    struct xc_rtcp_schedule s;
    xc_rtcp_schedule_init(&s, 0, &rng, 100 * XC_NS_PER_MS);
    for (int i = 0; i < 1000; i++)
        xc_rtcp_schedule_size(&s, 372); /* 400 with headers */
    assert_float_equal(s.average_size, 400, 0.01);
    double td = rfc_interval(400, 80000, 0.1);
    assert_float_equal(td, 1.6, 1e-9);
    double sum = 0, lowest = 1e9, highest = 0, bytes = 0;
    uint64_t now = 0;
    for (int i = 0; i < DRAWS; i++) {
        xc_rtcp_schedule_sent(&s, now, &rng, 372, 80000);
        double gap = (double)(xc_rtcp_schedule_deadline(&s) - now) / 1e9;
        sum += gap;
        bytes += 400;
        lowest = XC_MIN(lowest, gap);
        highest = XC_MAX(highest, gap);
        now = xc_rtcp_schedule_deadline(&s);
    }
    check_draws(sum, lowest, highest, td);
    /* Each of the two members takes half of 5 %. */
    assert_float_equal(bytes * 8 / sum, 80000 * 0.05 / 2, 30);
}

static void test_first_report_comes_early(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 9);
    double sum = 0, lowest = 1e9, highest = 0;
    for (int i = 0; i < DRAWS; i++) {
        struct xc_rtcp_schedule s;
        xc_rtcp_schedule_init(&s, 5000, &rng, XC_NS_PER_S);
        double gap = (double)(xc_rtcp_schedule_deadline(&s) - 5000) / 1e9;
        sum += gap;
        lowest = XC_MIN(lowest, gap);
        highest = XC_MAX(highest, gap);
    }
    check_draws(sum, lowest, highest, 0.5);
}

static void test_average_size(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 10);
    struct xc_rtcp_schedule s;
    xc_rtcp_schedule_init(&s, 0, &rng, XC_NS_PER_S);
    double average = s.average_size;
    for (size_t size = 0; size < 1500; size += 37) {
        if (size % 2)
            xc_rtcp_schedule_sent(&s, 0, &rng, size, 1000000);
        else
            xc_rtcp_schedule_size(&s, size);
        average = ((double)size + 28) / 16 + average * 15 / 16; /* section 6.3.3 */
        assert_float_equal(s.average_size, average, 1e-6);
    }
    assert_false(s.initial);
}

static void test_due_and_silent_session(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 11);
    struct xc_rtcp_schedule s;
    xc_rtcp_schedule_init(&s, 1000, &rng, XC_NS_PER_S);
    uint64_t deadline = xc_rtcp_schedule_deadline(&s);
    assert_false(xc_rtcp_schedule_due(&s, deadline - 1));
    assert_true(xc_rtcp_schedule_due(&s, deadline));
    assert_true(xc_rtcp_schedule_due(&s, deadline + 1));
    /* No media at all: still reports, at the rate of a 64 kbit/s session. */
    for (int i = 0; i < 1000; i++) {
        xc_rtcp_schedule_sent(&s, 0, &rng, 172, 0);
        double gap = (double)xc_rtcp_schedule_deadline(&s) / 1e9;
        assert_true(gap <= 1.5 / E_MINUS_3_2 * rfc_interval(s.average_size, 64000, 1.0) * 1.000001);
    }
}

static void test_same_seed_same_times(void **state)
{
    (void)state;
    struct xc_rng a, b;
    xc_rng_init_number(&a, 12);
    xc_rng_init_number(&b, 12);
    struct xc_rtcp_schedule s, t;
    xc_rtcp_schedule_init(&s, 3, &a, XC_NS_PER_S);
    xc_rtcp_schedule_init(&t, 3, &b, XC_NS_PER_S);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(s.next, t.next);
        xc_rtcp_schedule_sent(&s, s.next, &a, 100, 500000);
        xc_rtcp_schedule_sent(&t, t.next, &b, 100, 500000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimum_rules_on_a_wide_session),
        cmocka_unit_test(test_share_rules_on_a_narrow_session),
        cmocka_unit_test(test_first_report_comes_early),
        cmocka_unit_test(test_average_size),
        cmocka_unit_test(test_due_and_silent_session),
        cmocka_unit_test(test_same_seed_same_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
