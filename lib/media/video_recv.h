/* video_recv.h - the receiving road of video: whole frames -> ring -> decoder -> picture ring.
 *
 *   shard: slot(), push() --> |frame ring| --> worker: decode() --> |picture ring| --> host: peek(), read()
 *
 * Memory from the arena but for the codec's own.
 * Decided behaviour: when the host does not read, the picture ring keeps the newest pictures: the
 * worker, finding it full, takes the oldest one back (decoding goes on, so that the picture is
 * whole when the host comes back) and counts; the host that comes back skips to the newest. But a
 * picture whose time has not come is never taken back: then the coded frame waits, ready() is false
 * until the host reads or that time has passed. Pictures may be of either orientation of the bounds.
 * Each frame is decoded by the decoder of its codec; one is alive at a time, the worker makes it.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_VIDEO_RECV_H
#define XC_MEDIA_VIDEO_RECV_H

#include "base/arena.h"
#include "media/video_codec.h"

#define XC_VIDEO_RECV_FRAMES 8   /* coded frames between shard and worker */
#define XC_VIDEO_RECV_PICTURES 4 /* pictures between worker and host */

struct xc_video_recv_config {
    const struct xc_video_codec *const *codecs; /* NULL ends */
    uint32_t width_max, height_max;
};

struct xc_video_stamps {
    uint64_t sequence; /* first packet's, extended */
    uint32_t timestamp;
    uint64_t first_received, last_received, assembled, decode_start, decode_end, delivered;
    uint64_t capture;        /* local clock; 0: the peer did not say */
    uint32_t bytes, packets; /* of the encoded frame */
    bool key;
    uint8_t rotation; /* quarter turns clockwise that make the picture upright */
};

struct xc_video_in { /* a coded frame on its way to the decoder */
    uint8_t *bytes;
    uint32_t size, capacity;
    bool key;
    uint8_t codec;    /* XC_CODEC_*; may change with a key frame */
    uint8_t rotation; /* quarter turns clockwise that make the picture upright */
    uint64_t play_at; /* not before this time; 0 = at once (lip sync) */
    struct xc_video_stamps stamps;
};

struct xc_video_recv_counters {
    uint64_t frames_received, frames_decoded, key_frames_decoded, decode_errors;
    uint64_t frames_dropped; /* not decoded for want of a key frame, or decoded and never shown */
    uint64_t frames_skipped; /* of these: decoded, but a newer one took its place */
    uint64_t frames_delivered, freeze_count;
    uint64_t jitter_buffer_emitted_count; /* frames that went into the decoder */
    double jitter_buffer_delay_s; /* their sum from first packet received to start of decoding */
    double total_decode_time_s, total_processing_delay_s, total_freezes_duration_s,
        total_inter_frame_delay_s, total_squared_inter_frame_delay_s;
    uint32_t width, height;
};

struct xc_video_recv;

struct xc_video_recv *xc_video_recv_create(struct xc_arena *arena,
                                           const struct xc_video_recv_config *config);
void xc_video_recv_destroy(struct xc_video_recv *recv);
/* What the host's thread touches beside the pictures, which the worker writes first. */
struct xc_span xc_video_recv_memory(const struct xc_video_recv *recv);
/* Shard: the slot to fill (bytes has capacity XC_VIDEO_FRAME_MAX), or NULL when full; then push. */
struct xc_video_in *xc_video_recv_slot(struct xc_video_recv *recv);
void xc_video_recv_push(struct xc_video_recv *recv);
/* Shard: frames pushed that the worker has not taken yet. */
uint32_t xc_video_recv_waiting(const struct xc_video_recv *recv);
/* Worker: is there a frame to decode? Wake it after push() and after the host's read(). */
bool xc_video_recv_ready(const struct xc_video_recv *recv);
/* Worker: decodes one frame; true when a picture was added for the host. */
bool xc_video_recv_decode(struct xc_video_recv *recv, uint64_t now, uint64_t (*clock)(void *),
                          void *clock_context);
/* Shard: the decoder failed since the last call and needs a key frame. */
bool xc_video_recv_take_key_request(struct xc_video_recv *recv);
/* Host thread: size and time of the picture that is due at `now`; false when there is none. Older
 * pictures that are overdue because a newer one is due too are skipped and counted. */
bool xc_video_recv_peek(struct xc_video_recv *recv, uint64_t now, uint32_t *width,
                        uint32_t *height);
/* Host thread: copies the due picture out (converted to to->pixel) and gives its slot back. The width
 * and height of `to` say how large its planes are and become those of the picture: the ones of the
 * last peek(), which keeps that picture for read(). The picture is not turned: to->rotation says how
 * it stands. False when none is due or `to` is too small (the
 * picture is kept). No allocation. */
bool xc_video_recv_read(struct xc_video_recv *recv, uint64_t now, struct xc_picture *to,
                        struct xc_video_stamps *stamps);
/* Shard: the stamps of the picture that the host took last; false when it took none yet. */
bool xc_video_recv_last(struct xc_video_recv *recv, struct xc_video_stamps *stamps);
/* Host thread or shard: when the oldest waiting picture is due; XC_NEVER when none waits. */
uint64_t xc_video_recv_due(const struct xc_video_recv *recv);
void xc_video_recv_counters(const struct xc_video_recv *recv,
                            struct xc_video_recv_counters *counters); /* any thread */

#endif
