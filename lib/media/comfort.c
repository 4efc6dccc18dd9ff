/* comfort.c - see comfort.h.
 * SPDX-License-Identifier: MIT */
#include "media/comfort.h"

#include <math.h>

#define PART 0.3f       /* of the average that one more packet of background makes */
#define PART_FALL 0.8f  /* the same where it is far quieter: the end of a word was in it */
#define FALL 0.5f       /* far quieter: 3 dB */
#define SILENT 1e-12f   /* mean square */
#define FLOOR 1.0001f   /* white noise 40 dB below keeps the prediction well conditioned */
#define SMALLEST 1e-15f /* what rings on below it is slow to compute with, and nothing */

void xc_comfort_init(struct xc_comfort *comfort, uint32_t rate, uint32_t channels)
{
    *comfort = (struct xc_comfort){.rate = rate, .channels = channels, .noise = 0x2545f491};
}

void xc_comfort_look_at(struct xc_comfort *comfort, const float *samples, uint32_t frames)
{
    uint32_t channels = comfort->channels, most = comfort->rate / 1000 * XC_COMFORT_LOOK_MS;
    if (frames > most) {
        samples += (size_t)(frames - most) * channels;
        frames = most;
    }
    float part = 1.0f / (float)(frames ? frames : 1);
    struct xc_comfort_look *look = &comfort->last;
    memset(look, 0, sizeof *look);
    for (uint32_t c = 0; c < channels; c++)
        for (uint32_t lag = 0; lag <= XC_COMFORT_ORDER; lag++) {
            float sum = 0;
            for (uint32_t i = lag; i < frames; i++)
                sum +=
                    samples[(size_t)i * channels + c] * samples[(size_t)(i - lag) * channels + c];
            look->correlation[c][lag] = sum * part;
        }
    for (uint32_t i = 0; channels == 2 && i < frames; i++)
        look->across += samples[2 * i] * samples[2 * i + 1] * part;
}

float xc_comfort_level(const struct xc_comfort_look *look, uint32_t channels)
{
    float left = look->correlation[0][0];
    return channels == 2 ? (left + look->correlation[1][0]) * 0.5f : left;
}

void xc_comfort_learn(struct xc_comfort *comfort)
{
    float level = xc_comfort_level(&comfort->last, comfort->channels);
    float before = xc_comfort_level(&comfort->average, comfort->channels);
    float part = !comfort->known ? 1.0f : level < before * FALL ? PART_FALL : PART;
    struct xc_comfort_look *to = &comfort->average;
    for (uint32_t c = 0; c < comfort->channels; c++)
        for (uint32_t lag = 0; lag <= XC_COMFORT_ORDER; lag++)
            to->correlation[c][lag] +=
                (comfort->last.correlation[c][lag] - to->correlation[c][lag]) * part;
    to->across += (comfort->last.across - to->across) * part;
    comfort->known = true;
}

/* Levinson and Durbin: the filter whose output, for white noise, has this autocorrelation. Returns
 * the mean square of that noise. */
static float predict(const float correlation[XC_COMFORT_ORDER + 1], float filter[XC_COMFORT_ORDER])
{
    memset(filter, 0, XC_COMFORT_ORDER * sizeof *filter);
    float error = correlation[0] * FLOOR;
    if (!(error > SILENT))
        return 0;
    for (int order = 0; order < XC_COMFORT_ORDER; order++) {
        float sum = correlation[order + 1];
        for (int k = 0; k < order; k++)
            sum -= filter[k] * correlation[order - k];
        float reflection = sum / error;
        if (!(reflection > -0.999f && reflection < 0.999f))
            break; /* rounding; what there is of the filter is stable */
        for (int k = 0; k < order / 2; k++) {
            float low = filter[k], high = filter[order - 1 - k];
            filter[k] = low - reflection * high;
            filter[order - 1 - k] = high - reflection * low;
        }
        if (order % 2)
            filter[order / 2] -= reflection * filter[order / 2];
        filter[order] = reflection;
        error *= 1 - reflection * reflection;
    }
    return error;
}

bool xc_comfort_begin(struct xc_comfort *comfort, const float *past)
{
    if (!comfort->known)
        return false;
    for (uint32_t c = 0; c < comfort->channels; c++) {
        float square = predict(comfort->average.correlation[c], comfort->filter[c]);
        comfort->scale[c] = sqrtf(3.0f * square); /* uniform noise in [-1, 1] has a third */
        for (uint32_t k = 0; k < XC_COMFORT_ORDER; k++)
            comfort->memory[c][k] = past[(XC_COMFORT_ORDER - 1 - k) * comfort->channels + c];
    }
    float left = comfort->average.correlation[0][0], right = comfort->average.correlation[1][0];
    float both = left * right > 0 ? comfort->average.across / sqrtf(left * right) : 0;
    comfort->shared = XC_CLAMP(both, -1.0f, 1.0f);
    comfort->own = sqrtf(1.0f - comfort->shared * comfort->shared);
    return true;
}

static float white(struct xc_comfort *comfort)
{
    uint32_t x = comfort->noise; /* xorshift32 */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    comfort->noise = x;
    return (float)(int32_t)x * (1.0f / 2147483648.0f);
}

void xc_comfort_make(struct xc_comfort *comfort, float *samples, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++) {
        float first = 0;
        for (uint32_t c = 0; c < comfort->channels; c++) {
            float noise = white(comfort);
            if (c)
                noise = comfort->shared * first + comfort->own * noise;
            else
                first = noise;
            float *memory = comfort->memory[c], sum = noise * comfort->scale[c];
            for (uint32_t k = 0; k < XC_COMFORT_ORDER; k++)
                sum += comfort->filter[c][k] * memory[k];
            memmove(memory + 1, memory, (XC_COMFORT_ORDER - 1) * sizeof *memory);
            memory[0] = fabsf(sum) < SMALLEST ? 0 : sum;
            samples[(size_t)i * comfort->channels + c] = memory[0];
        }
    }
}
