/* test_comfort.c - comfort noise: level and spectrum of the background, the joint, both channels,
 * silence, and input that would break a filter.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "media/comfort.h"

#define RATE 48000u
#define SECOND RATE

static float sound[SECOND * 2], made[SECOND * 2];

static double level_db(const float *samples, uint32_t count, uint32_t step)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)samples[i * step] * samples[i * step];
    return 10 * log10(sum / count + 1e-30);
}

/* Of the differences between neighbours: rises with the treble. */
static double treble_db(const float *samples, uint32_t count, uint32_t step)
{
    double sum = 0;
    for (uint32_t i = 1; i < count; i++) {
        double d = (double)samples[i * step] - samples[(i - 1) * step];
        sum += d * d;
    }
    return 10 * log10(sum / count + 1e-30) - level_db(samples, count, step);
}

/* Noise through a one-pole filter. */
static void make_sound(uint32_t channels, double peak, double pole, bool alike)
{
    struct xc_rng rng;
    double y[2] = {0, 0};
    xc_rng_init_number(&rng, 4);
    for (uint32_t i = 0; i < SECOND; i++)
        for (uint32_t c = 0; c < channels; c++) {
            if (c == 0 || !alike)
                y[c] = y[c] * pole + peak * (2 * xc_rng_unit(&rng) - 1);
            sound[i * channels + c] = (float)(alike ? y[0] : y[c]);
        }
}

static void learn_all(struct xc_comfort *comfort, uint32_t channels)
{
    for (uint32_t i = 0; i + 960 <= SECOND; i += 960) {
        xc_comfort_look_at(comfort, sound + (size_t)i * channels, 960);
        xc_comfort_learn(comfort);
    }
}

static void level_and_spectrum_follow(void **state)
{
    (void)state;
    static const double peaks[] = {0.3, 0.01, 0.0005}, poles[] = {0, 0.9, -0.7, 0.99};
    for (int p = 0; p < 3; p++)
        for (int k = 0; k < 4; k++) {
            struct xc_comfort comfort;
            xc_comfort_init(&comfort, RATE, 1);
            make_sound(1, peaks[p] * (1 - fabs(poles[k])), poles[k], false);
            assert_false(xc_comfort_begin(&comfort, sound));
            learn_all(&comfort, 1);
            assert_true(xc_comfort_begin(&comfort, sound + SECOND - XC_COMFORT_ORDER));
            xc_comfort_make(&comfort, made, SECOND);
            double off = level_db(made, SECOND, 1) - level_db(sound, SECOND, 1);
            double bent = treble_db(made, SECOND, 1) - treble_db(sound, SECOND, 1);
            assert_true(fabs(off) < (poles[k] > 0.95 ? 4 : 2));
            assert_true(fabs(bent) < 3);
        }
}

/* The step into the noise is no larger than those within the sound. */
static void it_begins_without_a_click(void **state)
{
    (void)state;
    struct xc_comfort comfort;
    xc_comfort_init(&comfort, RATE, 1);
    make_sound(1, 0.01, 0.97, false);
    learn_all(&comfort, 1);
    float steepest = 0;
    for (uint32_t i = 1; i < SECOND; i++)
        steepest = fmaxf(steepest, fabsf(sound[i] - sound[i - 1]));
    for (uint32_t at = 1000; at < 40000; at += 977) {
        assert_true(xc_comfort_begin(&comfort, sound + at - XC_COMFORT_ORDER));
        xc_comfort_make(&comfort, made, 10);
        assert_true(fabsf(made[0] - sound[at - 1]) < 1.5f * steepest);
    }
}

static void channels_keep_what_they_share(void **state)
{
    (void)state;
    struct xc_comfort comfort;
    xc_comfort_init(&comfort, RATE, 2);
    make_sound(2, 0.02, 0.5, true);
    learn_all(&comfort, 2);
    assert_true(xc_comfort_begin(&comfort, sound + (SECOND - XC_COMFORT_ORDER) * 2));
    xc_comfort_make(&comfort, made, SECOND);
    for (uint32_t i = 0; i < SECOND; i++)
        assert_true(fabsf(made[2 * i] - made[2 * i + 1]) < 1e-4f);
    xc_comfort_init(&comfort, RATE, 2);
    make_sound(2, 0.02, 0.5, false);
    for (uint32_t i = 0; i < SECOND; i++)
        sound[2 * i + 1] *= 0.1f; /* 20 dB apart */
    learn_all(&comfort, 2);
    assert_true(xc_comfort_begin(&comfort, sound + (SECOND - XC_COMFORT_ORDER) * 2));
    xc_comfort_make(&comfort, made, SECOND);
    double apart = level_db(made, SECOND, 2) - level_db(made + 1, SECOND, 2);
    assert_true(fabs(apart - 20) < 2);
    double across = 0;
    for (uint32_t i = 0; i < SECOND; i++)
        across += (double)made[2 * i] * made[2 * i + 1] / SECOND;
    double both = level_db(made, SECOND, 2) / 2 + level_db(made + 1, SECOND, 2) / 2;
    assert_true(fabs(across) < 0.3 * pow(10, both / 10));
}

/* The end of a word in the average is forgotten within the packets before DTX begins. */
static void a_fall_is_followed_fast(void **state)
{
    (void)state;
    struct xc_comfort comfort;
    xc_comfort_init(&comfort, RATE, 1);
    make_sound(1, 0.3, 0, false);
    xc_comfort_look_at(&comfort, sound, 960);
    xc_comfort_learn(&comfort);
    make_sound(1, 0.003, 0, false);
    for (uint32_t i = 0; i < 10; i++) {
        xc_comfort_look_at(&comfort, sound + i * 960, 960);
        xc_comfort_learn(&comfort);
    }
    assert_true(xc_comfort_begin(&comfort, sound));
    xc_comfort_make(&comfort, made, SECOND);
    assert_true(fabs(level_db(made, SECOND, 1) - level_db(sound, SECOND, 1)) < 3);
}

static void extremes(void **state)
{
    (void)state;
    struct xc_comfort comfort;
    for (int kind = 0; kind < 5; kind++) {
        xc_comfort_init(&comfort, 8000, 2);
        for (uint32_t i = 0; i < SECOND; i++)
            sound[i] = kind == 0   ? 0
                       : kind == 1 ? 1
                       : kind == 2 ? (i & 2 ? 1 : -1)
                       : kind == 3 ? (float)sin(i * 0.01)
                                   : (i == 500 ? 1.0f : 0);
        for (int i = 0; i < 20; i++) {
            xc_comfort_look_at(&comfort, sound, kind == 4 ? 1 : 160);
            xc_comfort_learn(&comfort);
        }
        xc_comfort_look_at(&comfort, sound, 0);
        assert_true(xc_comfort_begin(&comfort, sound));
        xc_comfort_make(&comfort, made, 20000);
        float most = 0;
        for (uint32_t i = 0; i < 40000; i++) {
            assert_true(isfinite(made[i]));
            most = fmaxf(most, fabsf(made[i]));
        }
        assert_true(kind != 0 || most == 0);
        assert_true(most < 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(level_and_spectrum_follow),
        cmocka_unit_test(it_begins_without_a_click),
        cmocka_unit_test(channels_keep_what_they_share),
        cmocka_unit_test(a_fall_is_followed_fast),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
