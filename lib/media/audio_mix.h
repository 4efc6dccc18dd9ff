/* audio_mix.h - float to host samples, with saturation, after tracks were added up. Pure functions.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_AUDIO_MIX_H
#define XC_MEDIA_AUDIO_MIX_H

#include "media/audio_send.h"

/* count samples (not frames). Above 1.0 in size: saturate. */
void xc_audio_from_float(const float *from, void *to, uint32_t sample, uint32_t count);
void xc_audio_to_float(const void *from, uint32_t sample, float *to, uint32_t count);

#endif
