/* vpx_internal.h - what vpx.c (objects, coding, common settings) and the files of the two codecs
 * (vpx_vp8.c, vpx_vp9.c: their own settings and checks) share. One thread at a time per object.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_VPX_INTERNAL_H
#define XC_MEDIA_VPX_INTERNAL_H

#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include "media/video_codec.h"

#define XC_VPX_BUFFER_OPTIMAL_MS 600

struct xc_vpx_kind;

struct xc_vpx_encoder {
    const struct xc_vpx_kind *kind;
    vpx_codec_ctx_t context;
    vpx_codec_enc_cfg_t config;
    bool live; /* context is initialised */
    struct xc_video_settings settings;
    uint32_t width_most, height_most; /* it never grows beyond these in place */
    uint32_t timestamp_last;
    uint64_t pts; /* of the last frame, from 1 */
    bool started;
    bool
        need_key; /* new, resized, or the receiver misses a frame that the encoder believes it has */
    uint32_t step; /* VP8: place in the pattern of temporal layers */
};

struct xc_vpx_decoder {
    const struct xc_vpx_kind *kind;
    vpx_codec_ctx_t context;
    uint32_t width_max, height_max;
    bool need_key; /* inter frames would decode to garbage that looks like success */
    uint8_t *room; /* XC_VIDEO_FRAME_MAX + kind->room_extra bytes, NULL where that is 0 */
};

struct xc_vpx_kind {
    vpx_codec_iface_t *(*encoder_interface)(void);
    vpx_codec_iface_t *(*decoder_interface)(void);
    bool resizes_in_place; /* up to the size at init; else each size takes a new encoder */
    size_t room_extra;
    uint32_t (*layers)(const struct xc_video_settings *settings);
    void (*fill)(vpx_codec_enc_cfg_t *config, const struct xc_video_settings *settings);
    bool (*control)(struct xc_vpx_encoder *encoder); /* after init: nothing before is taken over */
    /* Flags for the next frame; what it will be in a pattern of layers goes to *coded. */
    vpx_enc_frame_flags_t (*flags)(struct xc_vpx_encoder *encoder, bool key,
                                   struct xc_video_coded *coded);
    /* Sizes are the peer's word: looks before libvpx allocates for them. May replace *frame. */
    bool (*admit)(struct xc_vpx_decoder *decoder, struct xc_span *frame);
};

void *xc_vpx_encoder_create(const struct xc_vpx_kind *kind,
                            const struct xc_video_settings *settings);
void xc_vpx_encoder_destroy(void *encoder);
bool xc_vpx_encoder_set(void *encoder, const struct xc_video_settings *settings);
int xc_vpx_encode(void *encoder, const struct xc_picture *picture, uint32_t timestamp,
                  bool force_key, uint8_t *out, size_t capacity, struct xc_video_coded *coded);
void *xc_vpx_decoder_create(const struct xc_vpx_kind *kind, uint32_t width_max,
                            uint32_t height_max);
void xc_vpx_decoder_destroy(void *decoder);
int xc_vpx_decode(void *decoder, struct xc_span frame, struct xc_picture *picture);
/* May a picture of that size be decoded? */
bool xc_vpx_size_fits(const struct xc_vpx_decoder *decoder, uint32_t width, uint32_t height);
/* What a key frame may take: half of the optimal buffer, in percent of a frame's share. */
unsigned xc_vpx_intra_percent(const struct xc_video_settings *settings);

#endif
