/* test_resample.c - signal to noise of a sine, images, odd pieces, exact counts.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_model.h"
#include "media/resample.h"

static struct xc_arena open_resample(struct xc_resample *resample, uint32_t in, uint32_t out,
                                     uint32_t channels)
{
    struct xc_arena arena = {0};
    assert_true(xc_resample_init(resample, &arena, in, out, channels));
    arena = arena_of(arena.used);
    assert_true(xc_resample_init(resample, &arena, in, out, channels));
    return arena;
}

/* Runs one second of a sine through and returns power of the sine and of all else in dB apart. */
static double sine_to_rest_db(uint32_t in, uint32_t out, double hz, double *gain)
{
    struct xc_resample resample;
    struct xc_arena arena = open_resample(&resample, in, out, 1);
    float *from = malloc(in * sizeof(float)), *to = malloc(out * sizeof(float));
    for (uint32_t i = 0; i < in; i++)
        from[i] = (float)(0.8 * sin(2 * TONE_PI * hz * i / in));
    uint32_t taken, count = xc_resample_run(&resample, from, in, &taken, to, out);
    assert_int_equal(taken, in);
    assert_true(count + 128 >= out);
    uint32_t skip = 500, n = count - skip;
    double s = 0, c = 0, ss = 0, cc = 0, sc = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) { /* least squares on sine and cosine */
        double x = to[skip + i], a = 2 * TONE_PI * hz * (i + skip) / out;
        s += x * sin(a);
        c += x * cos(a);
        ss += sin(a) * sin(a);
        cc += cos(a) * cos(a);
        sc += sin(a) * cos(a);
    }
    double det = ss * cc - sc * sc, p = (s * cc - c * sc) / det, q = (c * ss - s * sc) / det;
    double rest = 0;
    for (uint32_t i = 0; i < n; i++) {
        double a = 2 * TONE_PI * hz * (i + skip) / out, x = to[skip + i];
        double fit = p * sin(a) + q * cos(a);
        all += fit * fit;
        rest += (x - fit) * (x - fit);
    }
    *gain = sqrt(p * p + q * q) / 0.8;
    free(from);
    free(to);
    free(arena.memory);
    return 10 * log10(all / (rest + 1e-20));
}

static void sines_stay_clean(void **state)
{
    (void)state;
    const struct {
        uint32_t in, out;
        double hz, db;
    } cases[] = {
        {44100, 48000, 1000, 75},  {44100, 48000, 10000, 65}, {48000, 44100, 1000, 75},
        {48000, 44100, 10000, 65}, {22050, 24000, 3000, 70},  {11025, 12000, 1000, 75},
        {32000, 48000, 3000, 70},  {48000, 32000, 3000, 70},  {48000, 11025, 1000, 70},
        {8000, 48000, 1000, 65},   {37800, 48000, 3000, 65},  {47999, 48000, 3000, 65},
        {9999, 12000, 1000, 65},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double gain, db = sine_to_rest_db(cases[i].in, cases[i].out, cases[i].hz, &gain);
        if (db < cases[i].db || fabs(gain - 1) > 0.01)
            fail_msg("%u -> %u at %.0f Hz: %.1f dB, gain %.4f", cases[i].in, cases[i].out,
                     cases[i].hz, db, gain);
    }
}

/* What the lower rate cannot carry is taken out, not folded. */
static void nothing_folds(void **state)
{
    (void)state;
    struct xc_resample resample;
    struct xc_arena arena = open_resample(&resample, 48000, 16000, 1);
    static float in[48000], out[16000];
    for (int i = 0; i < 48000; i++)
        in[i] = (float)(0.8 * sin(2 * TONE_PI * 10500 * i / 48000));
    uint32_t taken, count = xc_resample_run(&resample, in, 48000, &taken, out, 16000);
    double power = 0;
    for (uint32_t i = 200; i < count; i++)
        power += out[i] * out[i] / (double)count;
    assert_true(10 * log10(power / 0.32 + 1e-20) < -55);
    free(arena.memory);
}

/* The same samples however they are cut, and needed() is exact to the frame. */
static void pieces_make_no_difference(void **state)
{
    (void)state;
    const uint32_t pairs[][2] = {{44100, 48000}, {48000, 44100}, {48000, 8000}, {8000, 48000}};
    static float in[2 * 9000], whole[2 * 54100], cut[2 * 54100];
    struct xc_rng rng;
    xc_rng_init_number(&rng, 5);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        in[i] = (float)xc_rng_unit(&rng) - 0.5f;
    for (size_t p = 0; p < 4; p++) {
        struct xc_resample a, b;
        struct xc_arena arena_a = open_resample(&a, pairs[p][0], pairs[p][1], 2);
        struct xc_arena arena_b = open_resample(&b, pairs[p][0], pairs[p][1], 2);
        uint32_t taken, total = xc_resample_run(&a, in, 9000, &taken, whole, 54100);
        assert_int_equal(taken, 9000);
        uint32_t at = 0, made = 0;
        while (at < 9000 && made < total) {
            uint32_t want = 1 + xc_rng_below(&rng, 700);
            want = XC_MIN(want, total - made);
            uint32_t need = xc_resample_needed(&b, want);
            if (need > 9000 - at)
                break;
            if (need > 1) { /* one less does not do */
                uint32_t n =
                    xc_resample_run(&b, in + 2 * at, need - 1, &taken, cut + 2 * made, want);
                assert_int_equal(taken, need - 1);
                assert_true(n < want);
                at += taken;
                made += n;
                want -= n;
                need = xc_resample_needed(&b, want);
                assert_int_equal(need, 1);
            }
            uint32_t n = xc_resample_run(&b, in + 2 * at, need, &taken, cut + 2 * made, want);
            assert_int_equal(n, want);
            assert_int_equal(taken, need);
            at += taken;
            made += n;
        }
        assert_true(made > total / 2);
        assert_memory_equal(whole, cut, made * 2 * sizeof(float));
        free(arena_a.memory);
        free(arena_b.memory);
    }
}

static void refuses_nonsense(void **state)
{
    (void)state;
    struct xc_resample resample;
    struct xc_arena arena = {0};
    assert_false(xc_resample_init(&resample, &arena, 0, 48000, 1));
    assert_false(xc_resample_init(&resample, &arena, 48000, 0, 1));
    assert_false(xc_resample_init(&resample, &arena, 48000, 44100, 3));
    assert_false(xc_resample_init(&resample, &arena, 7000, 48000, 1));
    arena = arena_of(100);
    assert_false(xc_resample_init(&resample, &arena, 44100, 48000, 1));
    free(arena.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sines_stay_clean), cmocka_unit_test(nothing_folds),
        cmocka_unit_test(pieces_make_no_difference), cmocka_unit_test(refuses_nonsense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
