/* audio_model.h - for the audio tests: an arena from the heap, a codec whose every sample says when
 * it was spoken, and a seeded network in virtual time.
 *
 * The codec "tone": a packet is its media time and length; it decodes to a sine of that media time,
 * so that any jump, hole or repetition can be heard in the samples. Concealment carries the sine
 * on.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_AUDIO_MODEL_H
#define XC_TEST_AUDIO_MODEL_H

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/rng.h"
#include "media/audio_codec.h"

#define TONE_HZ 410.0 /* no whole number of periods in a packet: a skip is a jump */
#define TONE_PEAK 0.5
#define TONE_BYTES 10
#define TONE_PI 3.14159265358979323846

/* Measures with an arena over NULL, then hands out one that fits exactly. */
static inline struct xc_arena arena_of(size_t size)
{
    struct xc_arena arena = {.capacity = (size + 63) & ~(size_t)63};
    arena.memory = aligned_alloc(XC_CACHE_LINE, arena.capacity ? arena.capacity : 64);
    return arena;
}

struct tone_decoder {
    uint32_t rate, channels;
    uint64_t next; /* media time, 48 kHz units */
};

static inline float tone_at(uint64_t units)
{
    return (float)(TONE_PEAK * sin(2 * TONE_PI * TONE_HZ * (double)(units % 48000) / 48000));
}

static inline void tone_packet(uint8_t packet[TONE_BYTES], uint64_t units, uint32_t length,
                               bool copy)
{
    xc_store64(packet, units);
    packet[8] = (uint8_t)(length / 120); /* 2.5 ms */
    packet[9] = copy;
}

static size_t tone_size(uint32_t channels)
{
    (void)channels;
    return sizeof(struct tone_decoder);
}

static bool tone_init(void *decoder, uint32_t rate, uint32_t channels)
{
    *(struct tone_decoder *)decoder = (struct tone_decoder){.rate = rate, .channels = channels};
    return true;
}

static uint32_t tone_frames(struct xc_span packet, uint32_t rate)
{
    return packet.size == TONE_BYTES ? packet.data[8] * (rate / 400) : 0;
}

static int tone_conceal(void *decoder, float *samples, uint32_t frames)
{
    struct tone_decoder *tone = decoder;
    for (uint32_t i = 0; i < frames; i++, tone->next += 48000 / tone->rate)
        for (uint32_t c = 0; c < tone->channels; c++)
            samples[i * tone->channels + c] = tone_at(tone->next);
    return (int)frames;
}

static int tone_decode(void *decoder, struct xc_span packet, float *samples, uint32_t frames_max)
{
    struct tone_decoder *tone = decoder;
    uint32_t frames = tone_frames(packet, tone->rate);
    if (frames == 0 || frames > frames_max)
        return -1;
    tone->next = xc_load64(packet.data);
    return tone_conceal(decoder, samples, frames);
}

static bool tone_has_fec(struct xc_span packet)
{
    return packet.size == TONE_BYTES && packet.data[9];
}

static int tone_decode_fec(void *decoder, struct xc_span packet, float *samples, uint32_t frames)
{
    struct tone_decoder *tone = decoder;
    tone->next = xc_load64(packet.data) - frames * (48000 / tone->rate);
    return tone_conceal(decoder, samples, frames);
}

static const struct xc_audio_codec tone_codec = {.name = "tone",
                                                 .decoder_size = tone_size,
                                                 .decoder_init = tone_init,
                                                 .packet_frames = tone_frames,
                                                 .decode = tone_decode,
                                                 .has_fec = tone_has_fec,
                                                 .decode_fec = tone_decode_fec,
                                                 .conceal = tone_conceal};

static inline double gauss(struct xc_rng *rng)
{
    double u = xc_rng_unit(rng) + 1e-12, v = xc_rng_unit(rng);
    return sqrt(-2 * log(u)) * cos(2 * TONE_PI * v);
}

#endif
