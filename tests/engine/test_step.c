/* test_step.c - engines without threads, stepped on a virtual clock: a whole audio and video call,
 * what is heard and seen, mute, hold, hang-up, and the ways in which a call fails to be one.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "support/pair.h"

#define MS UINT64_C(1000000)
#define WIDTH 320u
#define HEIGHT 180u
#define BLOCK 480 /* 10 ms at 48 kHz */

struct media {
    struct pair pair;
    uint32_t block;         /* 10 ms blocks so far */
    double energy[2];       /* of what each side heard in the last run */
    uint32_t seen[2];       /* pictures */
    uint32_t brightness[2]; /* of the last one's middle */
};

static void write_side(struct media *m, int i, uint32_t brightness)
{
    static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
    struct pair_side *side = &m->pair.side[i];
    int16_t samples[BLOCK];
    xcall_picture picture;
    for (int k = 0; k < BLOCK; k++)
        samples[k] = (int16_t)(8000 * sin(0.05 * (double)(m->block * BLOCK + (uint32_t)k)));
    int32_t result = xcall_audio_write(side->engine, side->call, samples, BLOCK, 0);
    assert_true(result == XCALL_OK || result == XCALL_E_AGAIN);
    if (m->block % 3)
        return;
    xcall_picture_init(&picture, sizeof picture);
    memset(luma, (int)brightness, sizeof luma);
    memset(chroma, 128, sizeof chroma);
    picture.width = WIDTH;
    picture.height = HEIGHT;
    picture.planes[0] = luma;
    picture.planes[1] = picture.planes[2] = chroma;
    picture.strides[0] = WIDTH;
    picture.strides[1] = picture.strides[2] = WIDTH / 2;
    assert_int_equal(xcall_video_write(side->engine, side->call, &picture), XCALL_OK);
}

static void read_side(struct media *m, int i)
{
    static uint8_t planes[3][WIDTH * HEIGHT];
    struct pair_side *side = &m->pair.side[i];
    int16_t samples[BLOCK];
    xcall_picture picture;
    assert_int_equal(xcall_audio_read(side->engine, side->call, samples, BLOCK), XCALL_OK);
    for (int k = 0; k < BLOCK; k++)
        m->energy[i] += (double)samples[k] * samples[k];
    for (;;) {
        xcall_picture_init(&picture, sizeof picture);
        picture.width = WIDTH;
        picture.height = HEIGHT;
        for (int p = 0; p < 3; p++) {
            picture.planes[p] = planes[p];
            picture.strides[p] = WIDTH;
        }
        int32_t result = xcall_video_read(side->engine, side->call, &picture);
        if (result == XCALL_E_AGAIN)
            return;
        assert_int_equal(result, XCALL_OK);
        assert_int_equal(picture.width, WIDTH);
        assert_int_equal(picture.height, HEIGHT);
        m->seen[i]++;
        m->brightness[i] = planes[0][HEIGHT / 2 * WIDTH + WIDTH / 2];
    }
}

static void run(struct media *m, uint32_t blocks)
{
    memset(m->energy, 0, sizeof m->energy);
    memset(m->seen, 0, sizeof m->seen);
    for (uint32_t n = 0; n < blocks; n++, m->block++) {
        for (int i = 0; i < 2; i++)
            write_side(m, i, i == 0 ? 90 : 200);
        for (int ms = 0; ms < 10; ms++)
            pair_step(&m->pair, MS);
        for (int i = 0; i < 2; i++)
            read_side(m, i);
    }
}

static double level(const struct media *m, int i, uint32_t blocks)
{
    return sqrt(m->energy[i] / (blocks * (double)BLOCK));
}

static void open_connected(struct media *m)
{
    memset(m, 0, sizeof *m);
    assert_int_equal(pair_open(&m->pair, 0, 2), XCALL_OK);
    assert_int_equal(pair_call(&m->pair, true), XCALL_OK);
    assert_true(pair_reach(&m->pair, XCALL_STATE_CONNECTED, 5000));
    for (int i = 0; i < 2; i++)
        assert_int_equal(m->pair.side[i].carried, XCALL_OK);
}

static void end(struct media *m)
{
    assert_int_equal(xcall_call_hang_up(m->pair.side[0].engine, m->pair.side[0].call), XCALL_OK);
    assert_true(pair_reach(&m->pair, XCALL_STATE_ENDED, 5000));
    assert_int_equal(m->pair.side[0].reason, XCALL_END_HANG_UP);
    assert_int_equal(m->pair.side[1].reason, XCALL_END_REMOTE_HANG_UP);
    pair_unref(&m->pair);
}

static void test_media_both_ways(void **state)
{
    (void)state;
    struct media m;
    open_connected(&m);
    run(&m, 50); /* the first half second settles */
    run(&m, 200);
    for (int i = 0; i < 2; i++) {
        assert_true(level(&m, i, 200) > 3000); /* a sine of 8000 has 5657 */
        assert_true(m.seen[i] > 40);           /* 66 were written */
        assert_true(m.pair.side[i].pictures > 0);
    }
    assert_in_range(m.brightness[0], 192, 208);
    assert_in_range(m.brightness[1], 82, 98);
    xcall_stats stats;
    xcall_stats_init(&stats, sizeof stats);
    assert_int_equal(xcall_call_stats(m.pair.side[1].engine, m.pair.side[1].call, &stats),
                     XCALL_OK);
    assert_true(stats.audio_received.packets_received >= 90);
    assert_int_equal(stats.audio_received.packets_lost, 0);
    assert_true(stats.video_received.frames_decoded > 40);
    assert_true(stats.srtp_profile == 7);
    end(&m);
}

static void test_mute(void **state)
{
    (void)state;
    struct media m;
    xcall_id audio, video;
    open_connected(&m);
    run(&m, 100);
    struct pair_side *alice = &m.pair.side[0];
    assert_int_equal(xcall_call_track(alice->engine, alice->call, XCALL_KIND_AUDIO, 0, &audio), 0);
    assert_int_equal(xcall_call_track(alice->engine, alice->call, XCALL_KIND_VIDEO, 0, &video), 0);
    assert_int_equal(xcall_track_set_mute(alice->engine, audio, 1), XCALL_OK);
    assert_int_equal(xcall_track_set_mute(alice->engine, video, 1), XCALL_OK);
    run(&m, 100);
    run(&m, 100);
    assert_true(level(&m, 1, 100) < 50);
    assert_true(level(&m, 0, 100) > 3000);
    assert_in_range(m.brightness[1], 0, 30); /* black */
    assert_int_equal(xcall_track_set_mute(alice->engine, audio, 0), XCALL_OK);
    assert_int_equal(xcall_track_set_mute(alice->engine, video, 0), XCALL_OK);
    run(&m, 100);
    run(&m, 100);
    assert_true(level(&m, 1, 100) > 3000);
    assert_in_range(m.brightness[1], 82, 98);
    end(&m);
}

static void test_hold(void **state)
{
    (void)state;
    struct media m;
    open_connected(&m);
    run(&m, 100);
    struct pair_side *alice = &m.pair.side[0];
    assert_int_equal(xcall_call_set_hold(alice->engine, alice->call, 1), XCALL_OK);
    run(&m, 100);
    assert_int_equal(m.pair.side[1].remote, XCALL_REMOTE_HOLD);
    run(&m, 100);
    for (int i = 0; i < 2; i++) {
        assert_true(level(&m, i, 100) < 50);
        assert_int_equal(m.seen[i], 0);
    }
    assert_int_equal(xcall_call_set_hold(alice->engine, alice->call, 0), XCALL_OK);
    run(&m, 200);
    assert_int_equal(m.pair.side[1].remote, 0);
    run(&m, 100);
    for (int i = 0; i < 2; i++) {
        assert_true(level(&m, i, 100) > 3000);
        assert_true(m.seen[i] > 10);
    }
    end(&m);
}

/* Alice's engine is not stepped once her signals are out: bob's checks find nobody. */
static void test_no_path(void **state)
{
    (void)state;
    struct pair pair;
    uint64_t deadline;
    assert_int_equal(pair_open(&pair, 0, 2), XCALL_OK);
    assert_int_equal(pair_call(&pair, false), XCALL_OK);
    assert_int_equal(xcall_engine_step(pair.side[0].engine, pair.now, &deadline), XCALL_OK);
    assert_true(pair_pump(&pair) >= 2); /* the offer and a candidate */
    uint32_t ms = 0;
    while (!pair.side[1].ended && ms++ < 120000) {
        pair.now += MS;
        xcall_engine_step(pair.side[1].engine, pair.now, &deadline);
        pair_pump(&pair);
    }
    assert_int_equal(pair.side[1].ended, 1);
    assert_int_equal(pair.side[1].reason, XCALL_END_CONNECT_FAILED);
    pair_unref(&pair);
}

/* Alice never hears of bob: her agent answers his checks, but nothing shakes hands with him. */
static void test_no_answer(void **state)
{
    (void)state;
    struct pair pair;
    assert_int_equal(pair_open(&pair, 0, 2), XCALL_OK);
    assert_int_equal(pair_call(&pair, false), XCALL_OK);
    pair.cut[1] = true;
    uint32_t ms = 0;
    while (!pair.side[1].ended && ms++ < 120000)
        pair_step(&pair, MS);
    assert_int_equal(pair.side[1].ended, 1);
    assert_true(pair.side[1].reason == XCALL_END_SECURITY ||
                pair.side[1].reason == XCALL_END_CONNECT_FAILED);
    assert_int_equal(pair.side[0].state, XCALL_STATE_NEW);
    pair_unref(&pair);
}

/* Bob's engine is no longer stepped: alice's consent runs out (RFC 7675 section 5.1). */
static void test_consent_lost(void **state)
{
    (void)state;
    struct media m;
    uint64_t deadline;
    open_connected(&m);
    run(&m, 20);
    uint64_t start = m.pair.now;
    while (!m.pair.side[0].ended && m.pair.now - start < 60000 * MS) {
        m.pair.now += MS;
        xcall_engine_step(m.pair.side[0].engine, m.pair.now, &deadline);
        pair_pump(&m.pair);
    }
    assert_int_equal(m.pair.side[0].reason, XCALL_END_CONNECTION_LOST);
    assert_in_range((m.pair.now - start) / MS, 20000, 40000);
    pair_unref(&m.pair);
}

static void test_step_rules(void **state)
{
    (void)state;
    struct pair pair;
    uint64_t deadline = 0;
    assert_int_equal(pair_open(&pair, 1, 1), XCALL_OK);
    assert_int_equal(xcall_engine_step(pair.side[0].engine, pair.now, &deadline), XCALL_E_STATE);
    pair_unref(&pair);
    assert_int_equal(pair_open(&pair, 0, 1), XCALL_OK);
    assert_int_equal(xcall_engine_step(pair.side[0].engine, pair.now, &deadline), XCALL_OK);
    assert_true(deadline == UINT64_MAX); /* nothing to do without a call */
    assert_int_equal(xcall_engine_step(pair.side[0].engine, 1, NULL), XCALL_OK); /* never back */
    assert_int_equal(pair_call(&pair, false), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, 5000));
    assert_int_equal(xcall_engine_step(pair.side[0].engine, pair.now, &deadline), XCALL_OK);
    assert_true(deadline > pair.now && deadline != UINT64_MAX);
    pair_unref(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_both_ways),
        cmocka_unit_test(test_mute),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_no_path),
        cmocka_unit_test(test_consent_lost),
        cmocka_unit_test(test_step_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
