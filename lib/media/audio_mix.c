/* audio_mix.c - see audio_mix.h. A sample that is not a number becomes silence: what a host hands
 * in must not reach an encoder's state, nor what a stream carried a loudspeaker.
 * SPDX-License-Identifier: MIT */
#include "media/audio_mix.h"

static float bounded(float v)
{
    if (!(v > -1.0f)) /* also not a number */
        return v <= -1.0f ? -1.0f : 0.0f;
    return v > 1.0f ? 1.0f : v;
}

static int16_t to_s16(float v)
{
    float scaled = bounded(v) * 32767.0f;
    return (int16_t)(int32_t)(scaled + (scaled < 0 ? -0.5f : 0.5f));
}

void xc_audio_from_float(const float *from, void *to, uint32_t sample, uint32_t count)
{
    if (sample == XC_SAMPLE_S16) {
        int16_t *out = to;
        for (uint32_t i = 0; i < count; i++)
            out[i] = to_s16(from[i]);
    } else {
        float *out = to;
        for (uint32_t i = 0; i < count; i++)
            out[i] = bounded(from[i]);
    }
}

void xc_audio_to_float(const void *from, uint32_t sample, float *to, uint32_t count)
{
    if (sample == XC_SAMPLE_S16) {
        const int16_t *in = from;
        for (uint32_t i = 0; i < count; i++)
            to[i] = (float)in[i] * (1.0f / 32768.0f);
    } else {
        const float *in = from;
        for (uint32_t i = 0; i < count; i++)
            to[i] = bounded(in[i]);
    }
}
