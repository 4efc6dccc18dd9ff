/* stretch.c - see stretch.h. The search runs on a mono copy at about 6 kHz and is refined at the
 * full rate around its best lag.
 * SPDX-License-Identifier: MIT */
#include "media/stretch.h"

#define SEARCH_RATE 6000u
#define SPAN_FRAMES_MAX (48 * (XC_STRETCH_LAG_MAX_MS + XC_STRETCH_JOIN_MS) + 8)
#define COARSE_MAX (SPAN_FRAMES_MAX)
#define LAG_MIN_DIVISOR 400u /* 2.5 ms: one period of 400 Hz */
#define QUIET_PART 0.003f    /* of the voice's mean square: -25 dB */
#define QUIET_SQUARE 1e-8f   /* silence in any case: -80 dBFS */

typedef float lanes __attribute__((vector_size(16)));

bool xc_pcm_init(struct xc_pcm *pcm, struct xc_arena *arena, uint32_t rate, uint32_t channels,
                 uint32_t capacity)
{
    *pcm = (struct xc_pcm){.rate = rate, .channels = channels, .capacity = capacity};
    pcm->samples = xc_arena_take(arena, (size_t)capacity * channels * sizeof(float));
    return pcm->samples || xc_arena_measuring(arena);
}

void xc_pcm_clear(struct xc_pcm *pcm)
{
    pcm->start = pcm->end = 0;
}

float *xc_pcm_room(struct xc_pcm *pcm, uint32_t frames)
{
    if (pcm->capacity - pcm->end < frames) {
        uint32_t past = XC_MIN(pcm->start, pcm->rate / 1000 * XC_STRETCH_PAST_MS);
        uint32_t keep = past + xc_pcm_future(pcm);
        if (pcm->capacity - keep < frames)
            return NULL;
        memmove(pcm->samples, xc_pcm_at(pcm, pcm->end - keep),
                (size_t)keep * pcm->channels * sizeof(float));
        pcm->start = past;
        pcm->end = keep;
    }
    return xc_pcm_at(pcm, pcm->end);
}

void xc_stretch_fade(const float *from, const float *to, float *out, uint32_t frames,
                     uint32_t channels)
{
    float step = 1.0f / (float)(frames + 1);
    bool backwards = out > from; /* the pieces may overlap: read before it is written over */
    for (uint32_t n = 0; n < frames; n++) {
        uint32_t i = backwards ? frames - 1 - n : n;
        float part = step * (float)(i + 1);
        for (uint32_t c = 0; c < channels; c++) {
            size_t k = (size_t)i * channels + c;
            out[k] = from[k] + (to[k] - from[k]) * part;
        }
    }
}

static float dot(const float *a, const float *b, uint32_t count)
{
    lanes sum = {0, 0, 0, 0};
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        lanes x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        sum += x * y;
    }
    float rest = 0;
    for (; i < count; i++)
        rest += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]) + rest;
}

void xc_stretch_observe(struct xc_stretch *stretch, const float *samples, uint32_t count,
                        uint32_t ms)
{
    if (count == 0)
        return;
    float square = dot(samples, samples, count) / (float)count;
    if (square > stretch->level)
        stretch->level += (square - stretch->level) * 0.3f;
    else /* forgets a loud voice in about 4 s */
        stretch->level += (square - stretch->level) * 0.00025f * (float)XC_MIN(ms, 120u);
}

bool xc_stretch_is_quiet(const struct xc_stretch *stretch, float square)
{
    return square < QUIET_SQUARE || square < stretch->level * QUIET_PART;
}

bool xc_stretch_quiet(const struct xc_stretch *stretch, const struct xc_pcm *pcm)
{
    uint32_t frames = XC_MIN(pcm->start, pcm->rate / 1000 * XC_STRETCH_JOIN_MS);
    uint32_t count = frames * pcm->channels;
    if (count == 0)
        return true;
    const float *past = xc_pcm_at(pcm, pcm->start - frames);
    return xc_stretch_is_quiet(stretch, dot(past, past, count) / (float)count);
}

/* What a search works on: a mono piece of the signal, at full rate and thinned out. */
struct search {
    float mono[SPAN_FRAMES_MAX];
    float coarse[COARSE_MAX];
    uint32_t factor; /* frames a coarse sample */
};

/* Copies `frames` frames in as mono, behind the `at` that are there. */
static void append(struct search *search, uint32_t at, const float *in, uint32_t frames,
                   uint32_t channels)
{
    if (channels == 2) {
        for (uint32_t i = 0; i < frames; i++)
            search->mono[at + i] = (in[2 * i] + in[2 * i + 1]) * 0.5f;
    } else {
        memcpy(search->mono + at, in, frames * sizeof(float));
    }
}

static void thin_out(struct search *search, uint32_t frames, uint32_t rate)
{
    search->factor = XC_MAX(rate / SEARCH_RATE, 1u);
    uint32_t coarse = frames / search->factor;
    for (uint32_t i = 0; i < coarse; i++) {
        float sum = 0;
        for (uint32_t k = 0; k < search->factor; k++)
            sum += search->mono[i * search->factor + k];
        search->coarse[i] = sum;
    }
}

static void prepare(struct search *search, const struct xc_pcm *pcm, uint32_t from, uint32_t frames)
{
    append(search, 0, xc_pcm_at(pcm, from), frames, pcm->channels);
    thin_out(search, frames, pcm->rate);
}

/* Likeness of x[0..count) and y[0..count): below 0 where they do not look alike. */
static float likeness_of(const float *x, const float *y, uint32_t count, float energy_x)
{
    float cross = dot(x, y, count), energy_y = dot(y, y, count);
    float product = energy_x * energy_y;
    if (cross <= 0 || product <= 1e-20f)
        return 0;
    return cross * cross / product; /* squared: no root in the loop */
}

/* The lag in [low, high] at which signal[lag..] looks most like signal[0..count) (forward), or
 * signal[base - lag..] like signal[base..) (backward: base > 0). */
static uint32_t best_lag(const float *signal, uint32_t base, uint32_t low, uint32_t high,
                         uint32_t count, float *best)
{
    const float *fixed = signal + base;
    float energy = dot(fixed, fixed, count);
    uint32_t lag_best = low;
    *best = -1;
    for (uint32_t lag = low; lag <= high; lag++) {
        const float *moving = base ? fixed - lag : fixed + lag;
        float value = likeness_of(fixed, moving, count, energy);
        if (value > *best) {
            *best = value;
            lag_best = lag;
        }
    }
    return lag_best;
}

/* Coarse, then fine. `base` frames of past come first in the span (0: forward). */
static uint32_t find_lag(struct search *search, uint32_t base, uint32_t low, uint32_t high,
                         uint32_t join, float *likeness)
{
    uint32_t factor = search->factor, base_coarse = base / factor;
    uint32_t lag_max = base ? base_coarse : high / factor;
    float value;
    uint32_t lag = best_lag(search->coarse, base_coarse, low / factor,
                            XC_MIN(lag_max, high / factor), join / factor, &value) *
                   factor;
    uint32_t from = lag > low + factor ? lag - factor : low;
    uint32_t to = XC_MIN(lag + factor, high);
    lag = best_lag(search->mono, base, XC_MIN(from, to), to, join, &value);
    *likeness = value;
    return lag;
}

uint32_t xc_stretch_accelerate(const struct xc_stretch *stretch, struct xc_pcm *pcm,
                               uint32_t lag_max, float likeness)
{
    struct search search;
    uint32_t ms = pcm->rate / 1000, join = ms * XC_STRETCH_JOIN_MS, future = xc_pcm_future(pcm);
    uint32_t low = pcm->rate / LAG_MIN_DIVISOR;
    uint32_t high = XC_MIN(lag_max, ms * XC_STRETCH_LAG_MAX_MS);
    if (future < low + join || high < low)
        return 0;
    high = XC_MIN(high, future - join);
    prepare(&search, pcm, pcm->start, high + join);
    float square = dot(search.mono, search.mono, high + join) / (float)(high + join);
    uint32_t lag = high;
    if (!xc_stretch_is_quiet(stretch, square)) {
        float value;
        lag = find_lag(&search, 0, low, high, join, &value);
        if (value < likeness * likeness)
            return 0;
    }
    xc_stretch_fade(xc_pcm_at(pcm, pcm->start), xc_pcm_at(pcm, pcm->start + lag),
                    xc_pcm_at(pcm, pcm->start + lag), join, pcm->channels);
    uint32_t past = XC_MIN(pcm->start, ms * XC_STRETCH_PAST_MS); /* stays next to the start */
    memmove(xc_pcm_at(pcm, pcm->start + lag - past), xc_pcm_at(pcm, pcm->start - past),
            (size_t)past * pcm->channels * sizeof(float));
    pcm->start += lag;
    return lag;
}

uint32_t xc_stretch_decelerate(const struct xc_stretch *stretch, struct xc_pcm *pcm, float likeness)
{
    struct search search;
    uint32_t ms = pcm->rate / 1000, join = ms * XC_STRETCH_JOIN_MS;
    uint32_t low = pcm->rate / LAG_MIN_DIVISOR;
    uint32_t factor = XC_MAX(pcm->rate / SEARCH_RATE, 1u);
    uint32_t past = XC_MIN(pcm->start, ms * XC_STRETCH_LAG_MAX_MS) / factor * factor;
    join = XC_MIN(join, xc_pcm_future(pcm));
    if (past < low || join < low)
        return 0;
    prepare(&search, pcm, pcm->start - past, past + join);
    float square = dot(search.mono, search.mono, past + join) / (float)(past + join);
    uint32_t lag = past;
    if (!xc_stretch_is_quiet(stretch, square)) {
        float value;
        lag = find_lag(&search, past, low, past, join, &value);
        if (value < likeness * likeness)
            return 0;
    }
    /* What was played last becomes the past of the new start; the oldest of it goes. */
    memmove(pcm->samples, xc_pcm_at(pcm, lag),
            (size_t)(pcm->start - lag) * pcm->channels * sizeof(float));
    xc_stretch_fade(xc_pcm_at(pcm, pcm->start), xc_pcm_at(pcm, pcm->start - lag),
                    xc_pcm_at(pcm, pcm->start - lag), join, pcm->channels);
    pcm->start -= lag;
    return lag;
}

uint32_t xc_stretch_align(const float *made_up, const float *real, uint32_t join, uint32_t skip_max,
                          uint32_t rate, uint32_t channels)
{
    struct search search;
    if (2 * join + skip_max > SPAN_FRAMES_MAX || join < rate / LAG_MIN_DIVISOR)
        return 0;
    append(&search, 0, made_up, join, channels);
    append(&search, join, real, skip_max + join, channels);
    thin_out(&search, 2 * join + skip_max, rate);
    float value;
    uint32_t lag = find_lag(&search, 0, join, join + skip_max, join, &value);
    return value < 0.25f || lag < join ? 0 : lag - join; /* squared: half alike */
}
