/* comfort.h - comfort noise for the silence of a sender (DTX, RFC 7587 section 3.1.3): noise with the
 * level and the spectrum of the background that was decoded last.
 *
 *   decoded packets -> autocorrelation -> average over background -> linear prediction (Levinson)
 *   white noise -> all-pole filter, which starts from the samples that were played last -> out
 *
 * The filter's memory is what was played, so noise goes on where decoded samples end, without a
 * click. Fixed size, pure arithmetic, real-time. Playout thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_COMFORT_H
#define XC_MEDIA_COMFORT_H

#include "base/base.h"

#define XC_COMFORT_ORDER 16
#define XC_COMFORT_CHANNELS 2
#define XC_COMFORT_LOOK_MS 10 /* of each packet, its end */

struct xc_comfort_look { /* at one piece of sound: means over its frames */
    float correlation[XC_COMFORT_CHANNELS][XC_COMFORT_ORDER + 1];
    float across; /* of both channels at lag 0 */
};

struct xc_comfort {
    uint32_t rate, channels;
    bool known; /* some background was heard */
    struct xc_comfort_look last, average;
    /* Of the noise that runs. */
    float filter[XC_COMFORT_CHANNELS][XC_COMFORT_ORDER];
    float memory[XC_COMFORT_CHANNELS][XC_COMFORT_ORDER]; /* newest first */
    float scale[XC_COMFORT_CHANNELS];                    /* of the noise at its entrance */
    float shared, own;                                   /* parts of the second channel's noise */
    uint32_t noise;
};

void xc_comfort_init(struct xc_comfort *comfort, uint32_t rate, uint32_t channels);
/* A decoded packet, interleaved. */
void xc_comfort_look_at(struct xc_comfort *comfort, const float *samples, uint32_t frames);
/* Mean square of what was looked at last, over both channels. */
float xc_comfort_level(const struct xc_comfort_look *look, uint32_t channels);
/* What was looked at last is background. */
void xc_comfort_learn(struct xc_comfort *comfort);
/* Noise begins behind `past`: XC_COMFORT_ORDER frames, interleaved. False when no background is
 * known. */
bool xc_comfort_begin(struct xc_comfort *comfort, const float *past);
void xc_comfort_make(struct xc_comfort *comfort, float *samples, uint32_t frames);

#endif
