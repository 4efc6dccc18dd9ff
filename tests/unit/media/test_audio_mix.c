/* test_audio_mix.c - saturation, rounding and what is not a number.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "media/audio_mix.h"

static void saturates(void **state)
{
    (void)state;
    const float in[] = {0, 1, -1, 1.5f, -7, 0.5f, -0.5f, INFINITY, -INFINITY, NAN, 1e-6f, -1e-6f};
    const int16_t out[] = {0, 32767, -32767, 32767, -32767, 16384, -16384, 32767, -32767, 0, 0, 0};
    int16_t s16[12];
    float f32[12];
    xc_audio_from_float(in, s16, XC_SAMPLE_S16, 12);
    xc_audio_from_float(in, f32, XC_SAMPLE_F32, 12);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(s16[i], out[i]);
        assert_true(f32[i] >= -1 && f32[i] <= 1);
    }
    assert_true(f32[3] == 1 && f32[4] == -1 && f32[5] == 0.5f && f32[9] == 0);
}

static void comes_back_the_same(void **state)
{
    (void)state;
    for (int v = -32767; v <= 32767; v++) {
        int16_t in = (int16_t)v, out;
        float value;
        xc_audio_to_float(&in, XC_SAMPLE_S16, &value, 1);
        assert_true(value > -1.0f && value < 1.0f);
        xc_audio_from_float(&value, &out, XC_SAMPLE_S16, 1);
        assert_in_range(out - in + 1, 0, 2);
    }
    float odd[3] = {NAN, 2, -0.25f}, clean[3];
    xc_audio_to_float(odd, XC_SAMPLE_F32, clean, 3);
    assert_true(clean[0] == 0 && clean[1] == 1 && clean[2] == -0.25f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(saturates),
                                       cmocka_unit_test(comes_back_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
