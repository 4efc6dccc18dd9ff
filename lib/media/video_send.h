/* video_send.h - the sending road of video: host picture -> newest-wins cell -> encoder -> ring.
 *
 *   host thread: write() --> |picture cell| --> worker: encode() --> |frame ring| --> shard: take()
 *
 * write() is real-time: it copies planes, and a picture that the encoder has not taken gives way to
 * the newer one (counted). Memory from the arena but for the codec's own, which the worker takes in
 * its first encode() (ready() says so before any picture is there): libvpx needs 41 MB and up to
 * 75 ms for 1280x720 (measured), no matter for a shard or a host thread.
 *
 * Sizes: what is encoded fits into settings.width x settings.height, upright or turned by 90 degrees
 * (a phone that is turned keeps its number of pixels), keeps the aspect of the picture once its
 * rotation is applied, and is never larger than the picture. The host's bounds, too, hold for either
 * orientation.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_VIDEO_SEND_H
#define XC_MEDIA_VIDEO_SEND_H

#include "base/arena.h"
#include "base/ring.h"
#include "media/video_codec.h"

#define XC_VIDEO_SEND_FRAMES 4 /* encoded frames between worker and shard */

struct xc_video_send_config {
    const struct xc_video_codec *const *codecs; /* NULL ends; the first one is used at the start */
    uint32_t width_max, height_max;             /* of what the host writes */
    struct xc_video_settings
        settings; /* what is encoded; pictures are scaled to fit, aspect kept */
    uint64_t seed;
};

struct xc_video_frame { /* an encoded frame with its stamps so far */
    uint8_t *bytes;
    uint32_t size;
    bool key;
    uint16_t width, height;
    uint32_t timestamp;  /* 90 kHz from 0, no random offset */
    uint16_t picture_id; /* 15 bits, +1 per frame that take() hands out, start from the seed */
    uint8_t codec;       /* XC_CODEC_* */
    uint8_t rotation;    /* quarter turns clockwise to be upright; 0 unless set_orientation(true) */
    /* Temporal layers: see struct xc_video_coded. tl0_index: +1 per base frame that take() hands out,
     * 8 bits, start from the seed. */
    bool layered, layer_sync, not_reference;
    uint8_t temporal_id, tl0_index;
    /* A picture shown again (resume, key frame for a still picture) or a black one counts as
     * captured when it is encoded. */
    uint64_t capture, queued, encode_start, encode_end;
};

struct xc_video_send_counters {
    uint64_t pictures_written, pictures_replaced /* newer won */, pictures_refused;
    uint64_t frames_encoded, key_frames_encoded, frames_dropped_rate, encode_errors;
    uint64_t frames_dropped_full; /* encoded, but not handed out because of a pause */
    double total_encode_time_s;
    uint32_t width, height; /* of the last encoded frame */
};

struct xc_video_send;

struct xc_video_send *xc_video_send_create(struct xc_arena *arena,
                                           const struct xc_video_send_config *config);
void xc_video_send_destroy(struct xc_video_send *send); /* the codec's memory; NULL is fine */
/* Host thread, real-time. False when refused: sides out of bounds. */
bool xc_video_send_write(struct xc_video_send *send, uint64_t now, uint64_t capture,
                         const struct xc_picture *picture);
/* Worker: is there something to do (a picture and a free frame, or no encoder yet)? */
bool xc_video_send_ready(const struct xc_video_send *send);
/* Any thread: when encode() has something to do though nothing is written: a black picture while
 * muted, a key frame asked for while the picture stands still. XC_NEVER: nothing. */
uint64_t xc_video_send_deadline(const struct xc_video_send *send);
/* Worker: encodes the newest picture. clock as in audio_recv.h. True when a frame was put into the
 * ring. */
bool xc_video_send_encode(struct xc_video_send *send, uint64_t now, uint64_t (*clock)(void *),
                          void *clock_context);
/* Shard: the oldest encoded frame, or NULL; then release. */
const struct xc_video_frame *xc_video_send_take(struct xc_video_send *send);
void xc_video_send_release(struct xc_video_send *send);
/* Shard: encoded frames in the ring, the one taken included; at most XC_VIDEO_SEND_FRAMES. */
uint32_t xc_video_send_waiting(const struct xc_video_send *send);
/* Shard (latest value wins): pass nothing on and forget pictures (before connected, hold); the
 * newest picture is kept so that it goes out at once on resume, as a key frame: wake the worker. */
void xc_video_send_pause(struct xc_video_send *send, bool paused);
/* Shard: black pictures, the first at once, then 1 a second. What is written meanwhile is forgotten;
 * nothing of it is sent later. Wake the worker. */
void xc_video_send_mute(struct xc_video_send *send, bool muted);
/* Shard: the next frame is to be a key frame. Coalesced; the caller limits the rate. */
void xc_video_send_force_key(struct xc_video_send *send);
void xc_video_send_set_bitrate(struct xc_video_send *send, uint32_t bitrate_bps);
/* Shard: encode with that codec (XC_CODEC_*) from now on; one that the list lacks is ignored. The next
 * frame is a key frame of it, unless it is in use already. Wake the worker. */
void xc_video_send_set_codec(struct xc_video_send *send, uint8_t codec);
/* Shard: the peer turns pictures itself (video orientation extension): they are encoded as captured,
 * and frame->rotation says how they stand. False at the start. */
void xc_video_send_set_orientation(struct xc_video_send *send, bool peer_turns);
/* Shard: new bounds of what is encoded, no larger than those of settings at create (clamped). */
void xc_video_send_set_size(struct xc_video_send *send, uint32_t width, uint32_t height);
void xc_video_send_counters(const struct xc_video_send *send,
                            struct xc_video_send_counters *counters); /* any thread */

#endif
