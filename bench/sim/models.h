/* models.h - codecs that cost nothing: frame sizes come from a seed, pictures are flat, and the video
 * decoder checks that each frame follows the one before it. SPDX-License-Identifier: MIT */
#ifndef SIM_MODELS_H
#define SIM_MODELS_H

#include "media/audio_codec.h"
#include "media/video_codec.h"

extern const struct xc_audio_codec sim_audio_model;
extern const struct xc_video_codec *const sim_video_models[]; /* VP8, VP9, NULL */

/* Frames that reached a decoder although the one that they refer to did not; since the last call. */
uint64_t sim_models_take_broken_chains(void);

#endif
