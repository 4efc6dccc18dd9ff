/* audio_codec.h - what an audio codec is to the pipeline: state in memory that is handed in, and a
 * few functions. Opus (opus.c) is one; a model whose sizes come from a seed is another
 * (simulation).
 * Samples are float in [-1, 1], interleaved; rates in Hz; a "frame" here is one sample per channel.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_AUDIO_CODEC_H
#define XC_MEDIA_AUDIO_CODEC_H

#include "base/bytes.h"

#define XC_AUDIO_RATE_MAX 48000
#define XC_AUDIO_CHANNELS_MAX 2
#define XC_AUDIO_PACKET_MAX 1100   /* bytes of one encoded packet: XC_MTU less headers, MID, tag */
#define XC_AUDIO_PACKET_MS_MAX 120 /* RFC 6716 section 3.2 */
#define XC_AUDIO_PACKET_FRAMES_MAX 5760 /* 120 ms at 48 kHz */

struct xc_audio_settings { /* of an encoder; may change at any time */
    uint32_t bitrate_bps;
    uint32_t loss_percent;      /* what in-band FEC prepares for, 0..20; FEC does nothing at 0 */
    uint32_t max_playback_rate; /* Hz: the peer plays no more (RFC 7587 section 6.1); 0: all */
    uint8_t complexity;         /* 0..10 */
    uint8_t channels; /* to encode now: 1 mixes two down; 0 or 2: as many as the encoder has */
    bool fec, dtx;
    bool cbr;       /* constant bit rate, RFC 7587 section 6.1 */
    bool low_delay; /* fixed at init: shorter look-ahead, no FEC */
    bool music;     /* fixed at init: tuned for music instead of speech */
};

struct xc_audio_codec {
    const char *name; /* of the rtpmap: "opus" */
    size_t (*encoder_size)(uint32_t channels);
    bool (*encoder_init)(void *encoder, uint32_t rate, uint32_t channels,
                         const struct xc_audio_settings *settings, uint64_t seed);
    void (*encoder_set)(void *encoder, const struct xc_audio_settings *settings);
    /* Returns bytes, 0 for "nothing to send" (DTX), negative on error. */
    int (*encode)(void *encoder, const float *samples, uint32_t frames, uint8_t *packet,
                  size_t capacity);
    uint32_t (*lookahead)(void *encoder); /* frames */
    size_t (*decoder_size)(uint32_t channels);
    bool (*decoder_init)(void *decoder, uint32_t rate, uint32_t channels);
    /* Frames a packet decodes to at `rate`, 0 when it is malformed. */
    uint32_t (*packet_frames)(struct xc_span packet, uint32_t rate);
    /* Returns frames written, negative on error. */
    int (*decode)(void *decoder, struct xc_span packet, float *samples, uint32_t frames_max);
    bool (*has_fec)(struct xc_span packet); /* carries a copy of the packet before it */
    /* Does the packet say that it is background, and not voice? NULL: it never says. */
    bool (*is_background)(struct xc_span packet);
    /* The lost packet of `frames` frames before `packet`, from its FEC data. */
    int (*decode_fec)(void *decoder, struct xc_span packet, float *samples, uint32_t frames);
    /* Makes up `frames` frames in place of a lost packet. */
    int (*conceal)(void *decoder, float *samples, uint32_t frames);
};

extern const struct xc_audio_codec xc_opus; /* opus.c */

#endif
