/* test_sync.c - lip sync in a closed loop with two models of playout.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "media/sync.h"

#define MS XC_NS_PER_MS
#define WALL UINT64_C(3900000000000000000) /* ns since 1900, some time in 2023 */

/* Two streams with these delays from capture to playout, before sync adds its own. */
struct loop {
    struct xc_sync sync;
    uint64_t now;
    uint64_t audio_latency, video_latency;
    uint64_t audio_in_force; /* follows audio_delay by 10 ms each 100 ms, as a jitter buffer does */
    struct xc_rng rng;
    uint64_t noise;
};

static void loop_open(struct loop *loop, uint64_t audio_ms, uint64_t video_ms)
{
    memset(loop, 0, sizeof *loop);
    xc_sync_init(&loop->sync);
    xc_rng_init_number(&loop->rng, 3);
    loop->now = 10 * XC_NS_PER_S;
    loop->audio_latency = audio_ms * MS;
    loop->video_latency = video_ms * MS;
}

static int64_t offset_of(const struct loop *loop)
{
    return (int64_t)(loop->video_latency + loop->sync.video_delay) -
           (int64_t)(loop->audio_latency + loop->audio_in_force);
}

static void run(struct loop *loop, uint64_t ms)
{
    for (uint64_t t = 0; t < ms; t += 100) {
        loop->now += 100 * MS;
        uint64_t target = loop->sync.audio_delay;
        if (loop->audio_in_force < target)
            loop->audio_in_force += XC_MIN(target - loop->audio_in_force, 10 * MS);
        else
            loop->audio_in_force -= XC_MIN(loop->audio_in_force - target, 10 * MS);
        uint64_t jitter =
            loop->noise ? (uint64_t)(xc_rng_unit(&loop->rng) * (double)loop->noise) : 0;
        uint64_t audio_before = loop->sync.audio_delay, video_before = loop->sync.video_delay;
        xc_sync_update(&loop->sync, loop->now,
                       WALL + loop->now - loop->audio_latency - loop->audio_in_force, loop->now,
                       WALL + loop->now - loop->video_latency - loop->sync.video_delay - jitter,
                       loop->now);
        const struct xc_sync *s = &loop->sync;
        assert_true(s->audio_delay <= XC_SYNC_DELAY_MAX && s->video_delay <= XC_SYNC_DELAY_MAX);
        assert_true(s->audio_delay == 0 || s->video_delay == 0);
        int64_t step = (int64_t)(s->audio_delay - audio_before);
        assert_in_range(step + (int64_t)XC_SYNC_STEP_MAX, 0, 2 * XC_SYNC_STEP_MAX);
        step = (int64_t)(s->video_delay - video_before);
        assert_in_range(step + (int64_t)XC_SYNC_STEP_MAX, 0, 2 * XC_SYNC_STEP_MAX);
    }
}

static void in_step_nothing_is_delayed(void **state)
{
    (void)state;
    struct loop loop;
    loop_open(&loop, 60, 65);
    loop.noise = 20 * MS;
    run(&loop, 60000);
    assert_int_equal(loop.sync.audio_delay, 0);
    assert_int_equal(loop.sync.video_delay, 0);
    assert_true(loop.sync.valid);
}

static void early_sound_waits_for_the_picture(void **state)
{
    (void)state;
    struct loop loop;
    loop_open(&loop, 40, 240);
    run(&loop, 30000);
    assert_in_range(offset_of(&loop) + (int64_t)(40 * MS), 0, 80 * MS);
    assert_int_equal(loop.sync.video_delay, 0);
    /* the picture gets quicker: the sound's delay goes back */
    loop.video_latency = 60 * MS;
    run(&loop, 30000);
    assert_in_range(offset_of(&loop) + (int64_t)(40 * MS), 0, 80 * MS);
    assert_true(loop.sync.audio_delay < 60 * MS);
    assert_int_equal(loop.sync.video_delay, 0);
}

static void early_picture_waits_for_the_sound(void **state)
{
    (void)state;
    struct loop loop;
    loop_open(&loop, 300, 100);
    loop.noise = 10 * MS;
    run(&loop, 30000);
    assert_in_range(offset_of(&loop) + (int64_t)(45 * MS), 0, 90 * MS);
    assert_int_equal(loop.sync.audio_delay, 0);
    assert_true(loop.sync.video_delay > 150 * MS);
}

static void delays_have_a_bound(void **state)
{
    (void)state;
    struct loop loop;
    loop_open(&loop, 900, 50);
    run(&loop, 60000);
    assert_int_equal(loop.sync.video_delay, XC_SYNC_DELAY_MAX);
    loop_open(&loop, 50, 900);
    run(&loop, 60000);
    assert_int_equal(loop.sync.audio_delay, XC_SYNC_DELAY_MAX);
}

static void nonsense_is_no_sync_problem(void **state)
{
    (void)state;
    struct loop loop;
    loop_open(&loop, 40, 240);
    run(&loop, 30000);
    assert_true(loop.sync.audio_delay > 0);
    loop.video_latency = 5000 * MS; /* another clock */
    run(&loop, 30000);
    assert_int_equal(loop.sync.audio_delay, 0);
    assert_int_equal(loop.sync.video_delay, 0);
    xc_sync_update(&loop.sync, loop.now + XC_NS_PER_S * 9, 0, UINT64_MAX, UINT64_MAX, 0);
    xc_sync_update(&loop.sync, loop.now + XC_NS_PER_S * 19, UINT64_MAX, 0, 0, UINT64_MAX);
    assert_int_equal(loop.sync.audio_delay, 0);
    assert_int_equal(loop.sync.video_delay, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_step_nothing_is_delayed),
        cmocka_unit_test(early_sound_waits_for_the_picture),
        cmocka_unit_test(early_picture_waits_for_the_sound),
        cmocka_unit_test(delays_have_a_bound),
        cmocka_unit_test(nonsense_is_no_sync_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
