/* audio_send.h - the sending road of audio: host samples -> ring -> frames of the codec's rate ->
 * encoder.
 *
 *   host thread: write() --> |byte ring, block marks| --> shard: ready(), encode()
 *
 * write() is real-time: one copy, no allocation, lock, wait or system call. Everything else belongs
 * to the shard. Memory from the arena.
 *
 * Decided behaviour: the ring holds XC_AUDIO_SEND_RING_MS as 16-bit samples of the codec's channels;
 * a block that does not fit is dropped whole and counted (the newest is lost, what is queued stays
 * in order). After a pause of the host (capture time runs ahead of the samples by more than a
 * frame) the RTP time jumps by whole frames and the first packet carries the marker bit (RFC 3551
 * section 4.1).
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_AUDIO_SEND_H
#define XC_MEDIA_AUDIO_SEND_H

#include "base/arena.h"
#include "media/audio_codec.h"

#define XC_AUDIO_SEND_RING_MS 200

enum { XC_SAMPLE_S16 = 1, XC_SAMPLE_F32 = 2 };

struct xc_audio_format {
    uint32_t rate;     /* 8000..48000, 44100 too */
    uint32_t channels; /* 1 or 2 */
    uint32_t sample;   /* XC_SAMPLE_* */
};

struct xc_audio_send_config {
    struct xc_audio_format format; /* what the host writes */
    const struct xc_audio_codec *codec;
    uint32_t codec_channels; /* 1 or 2: what is encoded */
    uint32_t frame_ms;       /* 10, 20, 40 or 60 */
    struct xc_audio_settings settings;
    uint64_t seed;
};

struct xc_audio_frame { /* one encoded frame; bytes live until the next encode() */
    struct xc_span bytes;
    uint32_t timestamp; /* RTP units of 48 kHz, from 0, no random offset */
    uint32_t duration;  /* RTP units */
    bool marker;
    uint64_t capture; /* of its first sample */
    uint64_t queued;  /* when write() handed in its last sample */
    float level;      /* RMS of the frame, 0..1 */
};

struct xc_audio_send_counters { /* written by their thread, read by any (relaxed atomics inside) */
    uint64_t frames_written, frames_dropped_full; /* host side, in samples per channel */
    uint64_t packets_encoded, packets_dtx, encode_errors, packets_skipped;
    double total_audio_energy, total_samples_duration_s;
    double total_encode_time_s;
    float level; /* RMS of the newest frame, 0..1 */
};

struct xc_audio_send;

/* Takes all memory from the arena; NULL when it does not fit or when the arena only measures. */
struct xc_audio_send *xc_audio_send_create(struct xc_arena *arena,
                                           const struct xc_audio_send_config *config);
/* Real-time, the host's capture thread. capture: when the first of these samples was captured.
 * samples: `frames` * channels of the format. Returns false when the block was dropped. */
bool xc_audio_send_write(struct xc_audio_send *send, uint64_t now, uint64_t capture,
                         const void *samples, uint32_t frames);
/* Shard: is there a whole frame? */
bool xc_audio_send_ready(const struct xc_audio_send *send);
/* Host's thread: may there be a whole frame, so that the shard is worth waking? Never false when
 * ready() would be true. */
bool xc_audio_send_worth_waking(const struct xc_audio_send *send);
/* Shard: encodes the next frame. False when there was nothing to send (DTX, error): call ready()
 * again; where ready() was true the frame's time stamp, duration and times are set all the same. */
bool xc_audio_send_encode(struct xc_audio_send *send, struct xc_audio_frame *frame);
/* Shard: how long encode() took, by the caller's clock. */
void xc_audio_send_add_encode_time(struct xc_audio_send *send, uint64_t duration);
/* Shard: not connected yet, or on hold: forgets all but the newest whole frame. */
void xc_audio_send_trim(struct xc_audio_send *send);
void xc_audio_send_set(struct xc_audio_send *send, const struct xc_audio_settings *settings);
void xc_audio_send_mute(struct xc_audio_send *send, bool muted); /* encodes silence instead */
void xc_audio_send_counters(const struct xc_audio_send *send,
                            struct xc_audio_send_counters *counters);

#endif
