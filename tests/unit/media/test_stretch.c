/* test_stretch.c - the buffer of past and future, and stretch of tones, noise and silence.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_model.h"
#include "media/stretch.h"

static struct xc_arena arena;

static struct xc_pcm open_pcm(uint32_t rate, uint32_t channels)
{
    struct xc_pcm pcm;
    arena = (struct xc_arena){0};
    assert_true(xc_pcm_init(&pcm, &arena, rate, channels, rate / 10));
    arena = arena_of(arena.used);
    assert_true(xc_pcm_init(&pcm, &arena, rate, channels, rate / 10));
    return pcm;
}

static void add_tone(struct xc_pcm *pcm, double hz, uint32_t frames)
{
    static uint32_t at;
    float *room = xc_pcm_room(pcm, frames);
    assert_non_null(room);
    for (uint32_t i = 0; i < frames; i++, at++)
        for (uint32_t c = 0; c < pcm->channels; c++)
            room[i * pcm->channels + c] =
                (float)(TONE_PEAK * sin(2 * TONE_PI * hz * at / pcm->rate));
    pcm->end += frames;
}

/* The largest step between neighbouring frames of what would be played. */
static double steepest(const struct xc_pcm *pcm, uint32_t from)
{
    double most = 0;
    for (uint32_t i = from + 1; i < pcm->end; i++)
        for (uint32_t c = 0; c < pcm->channels; c++)
            most = fmax(most, fabs((double)(xc_pcm_at(pcm, i)[c] - xc_pcm_at(pcm, i - 1)[c])));
    return most;
}

static double slope_of(double hz, uint32_t rate)
{
    return TONE_PEAK * 2 * TONE_PI * hz / rate;
}

static void tones_lose_or_gain_whole_periods(void **state)
{
    (void)state;
    const uint32_t rates[] = {8000, 12000, 16000, 24000, 48000};
    const double tones[] = {80, 125, 200, 333, 1000};
    for (int r = 0; r < 5; r++)
        for (int t = 0; t < 5; t++)
            for (uint32_t channels = 1; channels <= 2; channels++) {
                struct xc_stretch stretch = {.level = 0.1f};
                struct xc_pcm pcm = open_pcm(rates[r], channels);
                double period = rates[r] / tones[t], bound = slope_of(tones[t], rates[r]) * 1.1;
                add_tone(&pcm, tones[t], rates[r] / 20);
                pcm.start = rates[r] / 40;
                uint32_t before = xc_pcm_future(&pcm), start = pcm.start;
                uint32_t removed = xc_stretch_accelerate(&stretch, &pcm, rates[r], 0.9f);
                assert_true(removed > 0);
                assert_int_equal(xc_pcm_future(&pcm), before - removed);
                double off = remainder(removed, period);
                assert_true(fabs(off) <= 1 + 0.03 * period);
                assert_true(steepest(&pcm, start) < bound * 1.1); /* the past goes on into it */
                uint32_t added = xc_stretch_decelerate(&stretch, &pcm, 0.9f);
                assert_true(added > 0 && added <= rates[r] / 1000 * XC_STRETCH_LAG_MAX_MS);
                assert_int_equal(xc_pcm_future(&pcm), before - removed + added);
                assert_true(fabs(remainder(added, period)) <= 1 + 0.03 * period);
                assert_true(steepest(&pcm, pcm.start - rates[r] / 400) < bound * 1.1);
                free(arena.memory);
            }
}

static void never_takes_more_than_asked(void **state)
{
    (void)state;
    struct xc_stretch stretch = {.level = 0.1f};
    for (uint32_t most = 0; most < 900; most += 7) {
        struct xc_pcm pcm = open_pcm(48000, 1);
        add_tone(&pcm, 300, 2400);
        assert_true(xc_stretch_accelerate(&stretch, &pcm, most, 0.5f) <= most);
        free(arena.memory);
    }
}

static void noise_is_left_alone_unless_quiet(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 21);
    struct xc_stretch stretch = {.level = 0.08f};
    struct xc_pcm pcm = open_pcm(48000, 1);
    float *room = xc_pcm_room(&pcm, 2400);
    for (int i = 0; i < 2400; i++)
        room[i] = (float)xc_rng_unit(&rng) - 0.5f;
    pcm.end = 2400;
    pcm.start = 1000;
    assert_int_equal(xc_stretch_accelerate(&stretch, &pcm, 700, 0.8f), 0);
    assert_int_equal(xc_stretch_decelerate(&stretch, &pcm, 0.8f), 0);
    assert_false(xc_stretch_quiet(&stretch, &pcm));
    for (int i = 0; i < 2400; i++)
        room[i] *= 0.01f;
    assert_true(xc_stretch_quiet(&stretch, &pcm));
    assert_int_equal(xc_stretch_accelerate(&stretch, &pcm, 500, 0.8f), 500); /* to the frame */
    assert_int_equal(xc_stretch_decelerate(&stretch, &pcm, 0.8f), 720);
    free(arena.memory);
}

static void too_little_is_left_alone(void **state)
{
    (void)state;
    struct xc_stretch stretch = {.level = 0.1f};
    struct xc_pcm pcm = open_pcm(48000, 1);
    assert_int_equal(xc_stretch_accelerate(&stretch, &pcm, 700, 0), 0);
    assert_int_equal(xc_stretch_decelerate(&stretch, &pcm, 0), 0);
    add_tone(&pcm, 200, 359);
    assert_int_equal(xc_stretch_accelerate(&stretch, &pcm, 700, 0), 0);
    assert_int_equal(xc_stretch_decelerate(&stretch, &pcm, 0), 0);
    free(arena.memory);
}

static void room_keeps_the_past(void **state)
{
    (void)state;
    struct xc_pcm pcm = open_pcm(48000, 2);
    uint32_t next = 0, read = 0;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 2);
    for (int i = 0; i < 2000; i++) {
        uint32_t n = xc_rng_below(&rng, 1200);
        float *room = xc_pcm_room(&pcm, n);
        if (room) {
            for (uint32_t k = 0; k < n; k++, next++)
                room[2 * k] = room[2 * k + 1] = (float)(next % 65536);
            pcm.end += n;
        } else {
            assert_true(xc_pcm_future(&pcm) + n + 960 > pcm.capacity);
        }
        uint32_t wish = xc_rng_below(&rng, 1300), take = XC_MIN(xc_pcm_future(&pcm), wish);
        for (uint32_t k = 0; k < take; k++, read++)
            assert_true(xc_pcm_at(&pcm, pcm.start + k)[1] == (float)(read % 65536));
        pcm.start += take;
        uint32_t past = XC_MIN(pcm.start, 960u);
        for (uint32_t k = 1; k <= past && k <= read; k++)
            assert_true(xc_pcm_at(&pcm, pcm.start - k)[0] == (float)((read - k) % 65536));
    }
    assert_null(xc_pcm_room(&pcm, pcm.capacity + 1));
    free(arena.memory);
}

static void fades_may_overlap(void **state)
{
    (void)state;
    float a[300], b[300], whole[200];
    for (int i = 0; i < 300; i++)
        a[i] = b[i] = (float)sin(i * 0.7);
    xc_stretch_fade(a, a + 90, whole, 200, 1);
    xc_stretch_fade(b, b + 90, b + 90, 200, 1); /* into its end */
    assert_memory_equal(whole, b + 90, sizeof whole);
    for (int i = 0; i < 300; i++)
        b[i] = a[i];
    xc_stretch_fade(a + 90, a, whole, 200, 1);
    xc_stretch_fade(b + 90, b, b, 200, 1); /* into its beginning */
    assert_memory_equal(whole, b, sizeof whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tones_lose_or_gain_whole_periods),
        cmocka_unit_test(never_takes_more_than_asked),
        cmocka_unit_test(noise_is_left_alone_unless_quiet),
        cmocka_unit_test(too_little_is_left_alone),
        cmocka_unit_test(room_keeps_the_past),
        cmocka_unit_test(fades_may_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
