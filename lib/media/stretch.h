/* stretch.h - decoded samples with their past, and time stretch at the point of playout.
 *
 *   samples:  [ ... past | future ... ]       accelerate: start moves forward by a pitch period
 *                        ^ start      ^ end   decelerate: start moves back by one
 *
 * The join is a cross-fade between two places that look alike (highest normalised correlation over
 * lags of 2.5 to 15 ms), so that a voice keeps its pitch; where the likeness is too small and the
 * signal not quiet, nothing is changed. The past is moved along: it is always what was played last,
 * or a later stretch would repeat a piece that never was. Playout thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_STRETCH_H
#define XC_MEDIA_STRETCH_H

#include "base/arena.h"

#define XC_STRETCH_LAG_MAX_MS 15 /* one period of a voice of 67 Hz */
#define XC_STRETCH_JOIN_MS 5     /* compared and cross-faded */
#define XC_STRETCH_PAST_MS (XC_STRETCH_LAG_MAX_MS + XC_STRETCH_JOIN_MS)

struct xc_pcm {
    float *samples; /* interleaved */
    uint32_t rate, channels;
    uint32_t capacity, start, end; /* frames */
};

bool xc_pcm_init(struct xc_pcm *pcm, struct xc_arena *arena, uint32_t rate, uint32_t channels,
                 uint32_t capacity);
void xc_pcm_clear(struct xc_pcm *pcm);
static inline uint32_t xc_pcm_future(const struct xc_pcm *pcm)
{
    return pcm->end - pcm->start;
}
/* Room behind the future for `frames` frames, NULL where there is none. Keeps
 * XC_STRETCH_PAST_MS of the past. */
float *xc_pcm_room(struct xc_pcm *pcm, uint32_t frames);
static inline float *xc_pcm_at(const struct xc_pcm *pcm, uint32_t frame)
{
    return pcm->samples + (size_t)frame * pcm->channels;
}

/* Follows how loud the signal is, so that "quiet" means quiet for this voice. Once a packet. */
struct xc_stretch {
    float level; /* mean square, slow decay */
};
void xc_stretch_observe(struct xc_stretch *stretch, const float *samples, uint32_t count,
                        uint32_t ms);
/* Is the last XC_STRETCH_JOIN_MS before the playout point far below the voice? */
bool xc_stretch_quiet(const struct xc_stretch *stretch, const struct xc_pcm *pcm);

/* The same of a mean square. */
bool xc_stretch_is_quiet(const struct xc_stretch *stretch, float square);

/* Takes out at most lag_max frames; likeness (0..1) is what the join must reach. Returns frames
 * taken out, 0 when nothing was done. */
uint32_t xc_stretch_accelerate(const struct xc_stretch *stretch, struct xc_pcm *pcm,
                               uint32_t lag_max, float likeness);
/* Puts in; returns frames put in. */
uint32_t xc_stretch_decelerate(const struct xc_stretch *stretch, struct xc_pcm *pcm,
                               float likeness);
/* How many frames of `real` (at most skip_max; skip_max + join are there) to leave out, so that its
 * next `join` frames look most like the `join` frames of `made_up` which they are faded into. */
uint32_t xc_stretch_align(const float *made_up, const float *real, uint32_t join, uint32_t skip_max,
                          uint32_t rate, uint32_t channels);
/* Cross-fades `frames` frames of `from` into `to`: starts as `from`, ends as `to`. */
void xc_stretch_fade(const float *from, const float *to, float *out, uint32_t frames,
                     uint32_t channels);

#endif
