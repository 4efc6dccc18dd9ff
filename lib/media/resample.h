/* resample.h - a streaming sample-rate converter: polyphase windowed sinc, any rate to any rate
 * within a factor of 6, mono or stereo float. Delay: 16 frames of the lower rate.
 *
 *   in -> |planes: taps of history + chunk| -> row of coefficients by phase -> out
 *
 * Output n stands at input n * step / phases: exact, so that it never drifts. With more than
 * XC_RESAMPLE_PHASES_EXACT phases two neighbouring rows are interpolated. Pure state machine;
 * memory from the arena at init, nothing allocates later.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_RESAMPLE_H
#define XC_MEDIA_RESAMPLE_H

#include "base/arena.h"

#define XC_RESAMPLE_CHUNK 256        /* frames taken in at a time */
#define XC_RESAMPLE_PHASES_EXACT 160 /* 44.1 -> 48 kHz needs 160 */
#define XC_RESAMPLE_PHASES_TABLE 128 /* rows that are interpolated between for odd ratios */
#define XC_RESAMPLE_TAPS 32          /* at equal rates; more when the rate goes down */

struct xc_resample {
    float *rows;      /* [phases in the table + 1][taps] */
    float *planes[2]; /* taps + XC_RESAMPLE_CHUNK frames of each channel */
    uint32_t channels, taps;
    uint32_t phases, step; /* output n reads input at n * step / phases */
    uint32_t phase;        /* of the next output, below phases */
    uint32_t at, have;     /* next output's first tap; frames in the planes */
    bool interpolate;
};

/* False only when the arena is out of room (not when it measures) or a value makes no sense. */
bool xc_resample_init(struct xc_resample *resample, struct xc_arena *arena, uint32_t rate_in,
                      uint32_t rate_out, uint32_t channels);
/* Frames of input that are still missing before `frames_out` can be made. */
uint32_t xc_resample_needed(const struct xc_resample *resample, uint32_t frames_out);
/* Takes input until it is used up or `out` is full; says in *taken how much it took and returns how
 * many frames it made. */
uint32_t xc_resample_run(struct xc_resample *resample, const float *in, uint32_t frames_in,
                         uint32_t *taken, float *out, uint32_t frames_out);
/* Back to silence. */
void xc_resample_reset(struct xc_resample *resample);

#endif
