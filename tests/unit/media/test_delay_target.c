/* test_delay_target.c - what the target is for given arrivals; against a brute-force model too.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_model.h"
#include "media/delay_target.h"

#define PACKET 960 /* 20 ms */
#define MS XC_DELAY_UNITS_PER_MS

static struct xc_delay_target target;

static int start(void **state)
{
    (void)state;
    memset(&target, 0xa5, sizeof target);
    xc_delay_target_reset(&target);
    return 0;
}

static void exact_without_jitter(void **state)
{
    (void)state;
    assert_int_equal(xc_delay_target_get(&target), 0);
    for (int i = 0; i < 1000; i++) {
        xc_delay_target_add(&target, i * PACKET, 123457);
        assert_int_equal(xc_delay_target_get(&target), 123457);
        assert_int_equal(xc_delay_target_least(&target), 123457);
        assert_int_equal(xc_delay_target_recent(&target, i * PACKET), 123457);
    }
    assert_int_equal(xc_delay_target_count_above(&target, 123456), target.count);
    assert_int_equal(xc_delay_target_count_above(&target, 123457), 0);
}

/* A near miss that comes back is covered to the unit, and by no more. */
static void near_misses_are_learned(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++)
        xc_delay_target_add(&target, i * PACKET, i % 50 == 7 ? 13 : 0);
    assert_int_equal(xc_delay_target_get(&target), 13);
}

static void a_single_spike_is_let_go(void **state)
{
    (void)state;
    int i = 0;
    for (; i < 300; i++)
        xc_delay_target_add(&target, i * PACKET, 0);
    xc_delay_target_add(&target, i * PACKET, 200 * MS);
    assert_int_equal(xc_delay_target_get(&target), 0);
    assert_int_equal(xc_delay_target_recent(&target, i * PACKET), 200 * MS);
    for (int k = 1; k < 50; k++)
        xc_delay_target_add(&target, (i + k) * PACKET, 0);
    assert_int_equal(xc_delay_target_recent(&target, (i + 50) * PACKET), 0);
}

static void frequent_spikes_are_waited_for(void **state)
{
    (void)state;
    int i = 0;
    for (; i < 250; i++) /* every second five packets, 100 to 20 ms late */
        xc_delay_target_add(&target, i * PACKET, i % 50 < 5 ? (5 - i % 50) * 20 * MS : 0);
    assert_in_range(xc_delay_target_get(&target), 60 * MS, 100 * MS);
    for (int k = 0; k < 260; k++) /* 5.2 s later it is forgotten */
        xc_delay_target_add(&target, (i + k) * PACKET, 0);
    assert_int_equal(xc_delay_target_get(&target), 0);
}

static void follows_a_step_within_half_a_second(void **state)
{
    (void)state;
    int i = 0;
    for (; i < 300; i++)
        xc_delay_target_add(&target, i * PACKET, 0);
    int k = 0;
    for (; k < 100 && xc_delay_target_get(&target) < 80 * MS; k++)
        xc_delay_target_add(&target, (i + k) * PACKET, 80 * MS);
    assert_in_range(k, 1, 25);
}

static void normal_jitter_scales(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 99);
    const double sigmas[] = {3, 10, 30, 60};
    for (int s = 0; s < 4; s++) {
        xc_delay_target_reset(&target);
        double sum = 0, late = 0;
        for (int64_t i = 0; i < 5000; i++) {
            int64_t lateness = (int64_t)(gauss(&rng) * sigmas[s] * MS);
            if (i > 250) {
                sum += (double)xc_delay_target_get(&target);
                late += lateness > xc_delay_target_get(&target);
            }
            xc_delay_target_add(&target, i * PACKET, lateness);
        }
        double mean = sum / 4749 / MS / sigmas[s];
        assert_true(mean > 1.5 && mean < 3.2);
        assert_true(late / 4749 < 0.045);
    }
}

static void drift_is_followed(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 180000; i++) { /* an hour at 300 ppm: 1.08 s */
        int64_t lateness = i * PACKET * 300 / 1000000;
        xc_delay_target_add(&target, i * PACKET, lateness);
        assert_in_range(lateness - xc_delay_target_get(&target) + 100, 0, 102);
        assert_in_range(lateness - xc_delay_target_least(&target), 0, 80);
    }
}

static void shift_moves_only_the_newer(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        xc_delay_target_add(&target, i * PACKET, i % 7);
    xc_delay_target_shift(&target, 90 * PACKET, 1000);
    assert_int_equal(xc_delay_target_count_above(&target, 500), 10);
    assert_int_equal(target.count, 100);
    xc_delay_target_shift(&target, 90 * PACKET, -1000);
    assert_int_equal(xc_delay_target_count_above(&target, 500), 0);
    for (uint32_t i = 1; i < target.count; i++)
        assert_true(target.sorted[i - 1] <= target.sorted[i]);
}

static void far_values_start_again(void **state)
{
    (void)state;
    xc_delay_target_add(&target, 0, 0);
    xc_delay_target_add(&target, PACKET, INT64_C(1) << 40);
    assert_int_equal(target.count, 1);
    assert_true(xc_delay_target_get(&target) == INT64_C(1) << 40);
    xc_delay_target_add(&target, PACKET, -(INT64_C(1) << 40));
    assert_true(xc_delay_target_get(&target) == -(INT64_C(1) << 40));
}

/* Any order of values: the same as counting by hand. */
static void equals_brute_force(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 4711);
    int64_t at = 0;
    for (int round = 0; round < 3000; round++) {
        at += xc_rng_below(&rng, 2000);
        xc_delay_target_add(&target, at, xc_rng_below(&rng, 6000));
        assert_true(target.count <= XC_DELAY_WINDOW);
        int64_t best = INT64_MAX, cost_best = INT64_MAX, n = target.count;
        n = XC_MAX(n, XC_MIN(4 * n, XC_DELAY_HISTORY));
        for (uint32_t i = 0; i < target.count; i++) {
            int64_t delay = target.entries[(target.first + i) % XC_DELAY_WINDOW].lateness;
            int64_t late = 0;
            for (uint32_t k = 0; k < target.count; k++)
                late += target.sorted[k] > delay;
            int64_t cost = delay * n + late * XC_DELAY_LOSS_COST_MS * MS;
            if (cost < cost_best || (cost == cost_best && delay > best)) {
                cost_best = cost;
                best = delay;
            }
        }
        assert_true(xc_delay_target_get(&target) == target.origin + best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(exact_without_jitter, start),
        cmocka_unit_test_setup(near_misses_are_learned, start),
        cmocka_unit_test_setup(a_single_spike_is_let_go, start),
        cmocka_unit_test_setup(frequent_spikes_are_waited_for, start),
        cmocka_unit_test_setup(follows_a_step_within_half_a_second, start),
        cmocka_unit_test_setup(normal_jitter_scales, start),
        cmocka_unit_test_setup(drift_is_followed, start),
        cmocka_unit_test_setup(shift_moves_only_the_newer, start),
        cmocka_unit_test_setup(far_values_start_again, start),
        cmocka_unit_test_setup(equals_brute_force, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
