/* video_codec.h - what a video codec is to the pipeline. VP8 and VP9 by libvpx (vpx*.c) are two; a
 * model whose sizes and coding times come from a seed is another (simulation).
 * One encoder or decoder object is used by one thread at a time.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_VIDEO_CODEC_H
#define XC_MEDIA_VIDEO_CODEC_H

#include "base/bytes.h"
#include "media/picture.h"
#include "wire/codec.h"

#define XC_VIDEO_FRAME_MAX (256u * 1024u) /* bytes of one encoded frame; larger ones are dropped */
#define XC_TEMPORAL_LAYERS_MAX 3

struct xc_video_settings {
    uint32_t width, height; /* may change: the encoder re-inits itself where it must */
    uint32_t bitrate_bps;
    uint32_t frame_rate; /* nominal, 1..60 */
    int32_t speed;       /* libvpx cpu-used of VP8, negative = fixed; 0 = default -8; VP9 maps it */
    /* 1..3, 0 means 1, more mean 3. VP8 only: VP9 is always coded in one, as layers of it need
     * libvpx's SVC interface. */
    uint8_t temporal_layers;
    bool screen;      /* screen content; no frame dropping */
    bool drop_frames; /* let rate control drop frames */
};

struct xc_video_coded {
    size_t size; /* 0: dropped by rate control */
    bool key;
    bool layered;        /* temporal layers are in use: the next two have a meaning */
    uint8_t temporal_id; /* 0: base */
    bool layer_sync;     /* refers to base frames only */
    bool not_reference;  /* no other frame refers to it */
};

struct xc_video_codec {
    const char *name; /* "VP8" */
    uint8_t codec;    /* XC_CODEC_* */
    void *(*encoder_create)(const struct xc_video_settings *settings, uint64_t seed);
    void (*encoder_destroy)(void *encoder);
    bool (*encoder_set)(void *encoder, const struct xc_video_settings *settings);
    /* pts: 90 kHz, strictly increasing is made sure inside. Returns 0, or negative on error. */
    int (*encode)(void *encoder, const struct xc_picture *picture, uint32_t timestamp,
                  bool force_key, uint8_t *out, size_t capacity, struct xc_video_coded *coded);
    void *(*decoder_create)(uint32_t width_max, uint32_t height_max);
    void (*decoder_destroy)(void *decoder);
    /* 0 and a borrowed picture (until the next decode) in *picture; 1: no picture; negative: needs
     * a key frame. Frames larger than the maximum are refused before they reach the codec. */
    int (*decode)(void *decoder, struct xc_span frame, struct xc_picture *picture);
};

extern const struct xc_video_codec xc_vp8;                 /* vpx_vp8.c */
extern const struct xc_video_codec xc_vp9;                 /* vpx_vp9.c */
extern const struct xc_video_codec *const xc_vpx_codecs[]; /* both, VP8 first; NULL ends */

/* The codec of that number in a list that NULL ends; NULL when it is not there. */
static inline const struct xc_video_codec *
xc_video_codec_find(const struct xc_video_codec *const *codecs, uint8_t codec)
{
    for (; *codecs; codecs++)
        if ((*codecs)->codec == codec)
            return *codecs;
    return NULL;
}

#endif
