/* resample.c - see resample.h. Kaiser-windowed sinc; the dot product runs on four lanes.
 * SPDX-License-Identifier: MIT */
#include "media/resample.h"

#include <math.h>

#define KAISER_BETA 7.0 /* side lobes at -70 dB */
/* Middle of the transition band as a part of the lower Nyquist frequency: what folds back lies
 * above 20 kHz for 44.1 -> 48 kHz, and 16.5 kHz still pass flat. */
#define CUTOFF 0.91

typedef float lanes __attribute__((vector_size(16)));

static uint32_t greatest_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Modified Bessel function of the first kind, order 0. */
static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 40; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* One row: the taps for an output that stands `fraction` after the tap before the middle. */
static void make_row(float *row, uint32_t taps, double fraction, double cutoff)
{
    const double pi = 3.14159265358979323846;
    double middle = (double)(taps / 2 - 1) + fraction;
    double sum = 0;
    for (uint32_t i = 0; i < taps; i++) {
        double x = (double)i - middle;
        double u = x / ((double)taps / 2);
        double window = u * u < 1 ? bessel_i0(KAISER_BETA * sqrt(1 - u * u)) : 0;
        double sinc = fabs(x) < 1e-9 ? cutoff : sin(pi * cutoff * x) / (pi * x);
        row[i] = (float)(window * sinc);
        sum += window * sinc;
    }
    for (uint32_t i = 0; i < taps; i++) /* no ripple of the phases at 0 Hz */
        row[i] = (float)(row[i] / sum);
}

bool xc_resample_init(struct xc_resample *resample, struct xc_arena *arena, uint32_t rate_in,
                      uint32_t rate_out, uint32_t channels)
{
    memset(resample, 0, sizeof *resample);
    if (rate_in == 0 || rate_out == 0 || channels < 1 || channels > 2 || rate_in > 6 * rate_out ||
        rate_out > 6 * rate_in)
        return false;
    uint32_t divisor = greatest_divisor(rate_in, rate_out);
    resample->channels = channels;
    resample->step = rate_in / divisor;
    resample->phases = rate_out / divisor;
    resample->interpolate = resample->phases > XC_RESAMPLE_PHASES_EXACT;
    double ratio = rate_out < rate_in ? (double)rate_out / rate_in : 1;
    resample->taps = ((uint32_t)(XC_RESAMPLE_TAPS / ratio) + 3u) & ~3u;
    uint32_t rows = resample->interpolate ? XC_RESAMPLE_PHASES_TABLE : resample->phases;
    resample->rows = xc_arena_take(arena, (size_t)(rows + 1) * resample->taps * sizeof(float));
    for (uint32_t c = 0; c < channels; c++)
        resample->planes[c] =
            xc_arena_take(arena, (resample->taps + XC_RESAMPLE_CHUNK) * sizeof(float));
    if (!resample->rows || !resample->planes[channels - 1])
        return xc_arena_measuring(arena);
    for (uint32_t i = 0; i <= rows; i++)
        make_row(resample->rows + (size_t)i * resample->taps, resample->taps, (double)i / rows,
                 CUTOFF * ratio);
    xc_resample_reset(resample);
    return true;
}

void xc_resample_reset(struct xc_resample *resample)
{
    for (uint32_t c = 0; c < resample->channels; c++)
        memset(resample->planes[c], 0, (resample->taps + XC_RESAMPLE_CHUNK) * sizeof(float));
    resample->have = resample->taps / 2; /* silence before the first sample: half the filter */
    resample->at = 0;
    resample->phase = 0;
}

uint32_t xc_resample_needed(const struct xc_resample *resample, uint32_t frames_out)
{
    if (frames_out == 0)
        return 0;
    uint64_t last = resample->at + (resample->phase + (uint64_t)(frames_out - 1) * resample->step) /
                                       resample->phases;
    uint64_t end = last + resample->taps;
    return end > resample->have ? (uint32_t)(end - resample->have) : 0;
}

static float dot(const float *a, const float *b, uint32_t count)
{
    lanes sum = {0, 0, 0, 0};
    for (uint32_t i = 0; i < count; i += 4) {
        lanes x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        sum += x * y;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void make_output(const struct xc_resample *resample, float *out)
{
    uint32_t taps = resample->taps;
    if (!resample->interpolate) {
        const float *row = resample->rows + (size_t)resample->phase * taps;
        for (uint32_t c = 0; c < resample->channels; c++)
            out[c] = dot(resample->planes[c] + resample->at, row, taps);
        return;
    }
    float place =
        (float)resample->phase * (float)XC_RESAMPLE_PHASES_TABLE / (float)resample->phases;
    uint32_t index = XC_MIN((uint32_t)place, (uint32_t)XC_RESAMPLE_PHASES_TABLE - 1);
    const float *row = resample->rows + (size_t)index * taps;
    float part = place - (float)index;
    for (uint32_t c = 0; c < resample->channels; c++) {
        const float *plane = resample->planes[c] + resample->at;
        float a = dot(plane, row, taps), b = dot(plane, row + taps, taps);
        out[c] = a + (b - a) * part;
    }
}

/* Takes what fits behind the frames that are still needed. */
static uint32_t take_input(struct xc_resample *resample, const float *in, uint32_t frames)
{
    uint32_t room_end = resample->taps + XC_RESAMPLE_CHUNK;
    uint32_t channels = resample->channels;
    if (resample->at) {
        /* When the rate goes down by much the next output may lie beyond what is here. */
        uint32_t drop = XC_MIN(resample->at, resample->have);
        for (uint32_t c = 0; c < channels; c++)
            memmove(resample->planes[c], resample->planes[c] + drop,
                    (resample->have - drop) * sizeof(float));
        resample->have -= drop;
        resample->at -= drop;
    }
    uint32_t count = XC_MIN(frames, room_end - resample->have);
    for (uint32_t c = 0; c < channels; c++)
        for (uint32_t i = 0; i < count; i++)
            resample->planes[c][resample->have + i] = in[(size_t)i * channels + c];
    resample->have += count;
    return count;
}

uint32_t xc_resample_run(struct xc_resample *resample, const float *in, uint32_t frames_in,
                         uint32_t *taken, float *out, uint32_t frames_out)
{
    uint32_t made = 0;
    *taken = 0;
    for (;;) {
        while (made < frames_out && resample->at + resample->taps <= resample->have) {
            make_output(resample, out + (size_t)made * resample->channels);
            made++;
            resample->phase += resample->step;
            resample->at += resample->phase / resample->phases;
            resample->phase %= resample->phases;
        }
        if (made == frames_out || *taken == frames_in)
            return made;
        *taken +=
            take_input(resample, in + (size_t)*taken * resample->channels, frames_in - *taken);
    }
}
