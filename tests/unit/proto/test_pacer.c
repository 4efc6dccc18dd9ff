/* test_pacer.c - the leaky bucket: burst, long-run rate, the delay bound, the deadline against
 * ready() on random histories, and extreme numbers.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "proto/pacer.h"

#define MS XC_NS_PER_MS

/* Sends all of `count` packets as early as the pacer lets it; when the last one went. */
static uint64_t send_all(struct xc_pacer *pacer, uint64_t now, uint32_t count, size_t size)
{
    while (count) {
        uint64_t at = xc_pacer_deadline(pacer, now, count * size);
        assert_true(at >= now && at != XC_NEVER);
        now = at;
        assert_true(xc_pacer_ready(pacer, now, count * size));
        xc_pacer_sent(pacer, now, size);
        count--;
    }
    return now;
}

static void test_burst_then_rate(void **state)
{
    (void)state;
    struct xc_pacer pacer;
    xc_pacer_init(&pacer, 8000000, 5 * MS, 0); /* a byte a microsecond, burst 5000 bytes */
    unsigned at_once = 0;
    while (xc_pacer_ready(&pacer, 0, 100000)) {
        xc_pacer_sent(&pacer, 0, 1000);
        at_once++;
    }
    assert_int_equal(at_once, 6); /* at the brim the next one still goes */
    assert_int_equal(xc_pacer_deadline(&pacer, 0, 100000), 1 * MS);
    assert_false(xc_pacer_ready(&pacer, 1 * MS - 1, 100000));
    assert_true(xc_pacer_ready(&pacer, 1 * MS, 100000));
}

static void test_long_run_rate_is_exact(void **state)
{
    (void)state;
    struct xc_pacer pacer;
    xc_pacer_init(&pacer, 1234567, 0, 0); /* packets do not last whole nanoseconds */
    uint64_t end = send_all(&pacer, 0, 10001, 1111);
    double ideal = 10000.0 * 1111 * 8 / 1234567 * 1e9;
    /* Each deadline is rounded up by less than 1 ns. */
    assert_true((double)end >= ideal - 1 && (double)end <= ideal + 10000);
    /* Looking often drains no less than looking seldom. */
    struct xc_pacer often, seldom;
    xc_pacer_init(&often, 1234567, 0, 0);
    seldom = often;
    xc_pacer_sent(&often, 0, 1000000);
    xc_pacer_sent(&seldom, 0, 1000000);
    for (uint64_t now = 0; now <= 1000000; now += 7)
        (void)xc_pacer_ready(&often, now, 1);
    (void)xc_pacer_ready(&seldom, 999999, 1);
    (void)xc_pacer_ready(&often, 999999, 1);
    assert_int_equal(often.level, seldom.level);
}

static void test_unpaced_bytes_count(void **state)
{
    (void)state;
    struct xc_pacer pacer;
    xc_pacer_init(&pacer, 8000000, 0, 0);
    assert_true(xc_pacer_ready(&pacer, 100, 1000));
    xc_pacer_sent(&pacer, 100, 200); /* audio */
    assert_false(xc_pacer_ready(&pacer, 100, 1000));
    assert_int_equal(xc_pacer_deadline(&pacer, 100, 1000), 100 + 200000);
}

static void test_rate_change(void **state)
{
    (void)state;
    struct xc_pacer pacer;
    xc_pacer_init(&pacer, 8000000, 0, 0);
    xc_pacer_sent(&pacer, 0, 3000);
    xc_pacer_set_rate(&pacer, 1 * MS, 4000000); /* 2000 bytes left, now 2 us each */
    assert_int_equal(xc_pacer_deadline(&pacer, 1 * MS, 1), 5 * MS);
    xc_pacer_set_rate(&pacer, 2 * MS, 0);
    assert_int_equal(xc_pacer_deadline(&pacer, 2 * MS, 1), XC_NEVER);
    assert_false(xc_pacer_ready(&pacer, 1000 * XC_NS_PER_S, 1));
    xc_pacer_set_rate(&pacer, 1000 * XC_NS_PER_S, 8000000);
    assert_true(xc_pacer_deadline(&pacer, 1000 * XC_NS_PER_S, 1) > 1000 * XC_NS_PER_S);
}

static void test_delay_bound(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 10, 50, 400};
    for (size_t i = 0; i < XC_ARRAY_LEN(counts); i++) {
        struct xc_pacer pacer;
        xc_pacer_init(&pacer, 500000, 5 * MS, 150 * MS);
        xc_pacer_sent(&pacer, 0, 312); /* the burst is used up */
        uint64_t end = send_all(&pacer, 0, counts[i], 1150);
        assert_true(end <= 150 * MS);
        uint64_t unbounded = (uint64_t)(counts[i] - 1) * 1150 * 8 * 1000000000 / 500000;
        if (unbounded > 150 * MS)
            assert_true(end > 120 * MS); /* raised by no more than needed */
    }
    /* The next frame is paced at the plain rate again. */
    struct xc_pacer pacer;
    xc_pacer_init(&pacer, 2000000, 0, 150 * MS);
    (void)send_all(&pacer, 0, 400, 1150);
    uint64_t start = 10 * XC_NS_PER_S;
    uint64_t end = send_all(&pacer, start, 11, 1150);
    assert_true(end - start == 10 * 4600000);
}

static void test_deadline_agrees_with_ready(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct xc_rng rng;
        xc_rng_init_number(&rng, seed);
        struct xc_pacer pacer;
        xc_pacer_init(&pacer, xc_rng_below(&rng, 20000000), xc_rng_below(&rng, 40) * MS,
                      xc_rng_below(&rng, 3) * 100 * MS);
        uint64_t now = xc_rng_below(&rng, 1000000000);
        uint64_t waiting = 0;
        for (int i = 0; i < 300; i++) {
            switch (xc_rng_below(&rng, 5)) {
            case 0:
                now += xc_rng_below(&rng, 20000000);
                break;
            case 1:
                waiting += xc_rng_below(&rng, 30000);
                break;
            case 2:
                xc_pacer_set_rate(&pacer, now, xc_rng_below(&rng, 20000000));
                break;
            case 3:
                xc_pacer_sent(&pacer, now, xc_rng_below(&rng, 1200));
                break;
            default:
                if (xc_pacer_ready(&pacer, now, waiting)) {
                    uint64_t size = XC_MIN(waiting, 1200);
                    xc_pacer_sent(&pacer, now, size);
                    waiting -= size;
                }
            }
            uint64_t deadline = xc_pacer_deadline(&pacer, now, waiting);
            struct xc_pacer at = pacer, before = pacer;
            bool ready_at = deadline == XC_NEVER || xc_pacer_ready(&at, deadline, waiting);
            bool ready_before = deadline > now && xc_pacer_ready(&before, deadline - 1, waiting);
            if (!ready_at || ready_before)
                fail_msg("seed %u step %d", (unsigned)seed, i);
        }
    }
}

static void test_extremes(void **state)
{
    (void)state;
    struct xc_pacer pacer;
    xc_pacer_init(&pacer, UINT64_MAX, UINT64_MAX, 1);
    for (int i = 0; i < 100; i++)
        xc_pacer_sent(&pacer, 0, SIZE_MAX);
    assert_true(xc_pacer_ready(&pacer, 0, UINT64_MAX)); /* the burst is without end too */
    xc_pacer_init(&pacer, 1, 0, 0);
    xc_pacer_sent(&pacer, 0, SIZE_MAX);
    uint64_t deadline = xc_pacer_deadline(&pacer, 0, UINT64_MAX);
    assert_true(deadline > 0);
    assert_true(xc_pacer_ready(&pacer, deadline, UINT64_MAX));
    /* Time that stands or steps back drains nothing and breaks nothing. */
    xc_pacer_init(&pacer, 8000000, 0, 0);
    xc_pacer_sent(&pacer, 1000 * MS, 1000);
    assert_false(xc_pacer_ready(&pacer, 500 * MS, 1));
    assert_int_equal(xc_pacer_deadline(&pacer, 500 * MS, 1), 1001 * MS);
    assert_true(xc_pacer_ready(&pacer, 1001 * MS, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_long_run_rate_is_exact),
        cmocka_unit_test(test_unpaced_bytes_count),
        cmocka_unit_test(test_rate_change),
        cmocka_unit_test(test_delay_bound),
        cmocka_unit_test(test_deadline_agrees_with_ready),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
