/* audio_recv.h - the receiving road of audio: packets -> ring -> jitter buffer -> decoder ->
 * stretch -> resample -> host samples.
 *
 *   shard: push() --> |byte ring| --> host's playout thread: read(): jitter buffer lives here
 *
 * push() belongs to the shard. read() is real-time: no allocation, lock, wait or system call.
 * Memory from the arena.
 *
 * Decided behaviour: a host that stops reading costs nothing: the ring is bounded, push() drops the
 * newest and counts, the next read() discards what is late and starts at the newest. A host that
 * reads late gets audio that is accelerated back to the target delay. After a network jam at most
 * 300 ms of what stood in it are played (faster), the older goes. Decoding runs at the lowest Opus
 * rate that is not below the host's.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_AUDIO_RECV_H
#define XC_MEDIA_AUDIO_RECV_H

#include "base/arena.h"
#include "media/audio_codec.h"
#include "media/audio_send.h"

struct xc_audio_recv_config {
    struct xc_audio_format format; /* what the host reads */
    const struct xc_audio_codec *codec;
    uint32_t delay_ms_min, delay_ms_max; /* bounds of the jitter buffer's target; 0 = 0 and 1000 */
    uint64_t seed;
};

struct xc_audio_packet { /* what the shard pushes */
    uint64_t sequence;   /* extended, from the RTP receiver */
    uint32_t timestamp;  /* RTP, 48 kHz */
    bool marker;
    bool redundant;    /* from RED: fills a hole or is of no use; no statistics are made of it */
    uint64_t received; /* ns, arrival */
    struct xc_span bytes;
};

struct xc_audio_played { /* the trace of one packet that reached the host */
    uint64_t sequence;
    uint32_t timestamp;
    uint32_t bytes; /* encoded */
    uint64_t received, inserted, decode_start, decode_end, played;
};

/* W3C names; totals. Samples are per channel at the host's rate unless said otherwise. */
struct xc_audio_recv_counters {
    uint64_t packets_pushed, packets_dropped_ring, packets_late, packets_discarded, decode_errors;
    uint64_t samples_received, concealed_samples, silent_concealed_samples, concealment_events;
    uint64_t inserted_samples_for_deceleration, removed_samples_for_acceleration;
    uint64_t jitter_buffer_emitted_count;
    double jitter_buffer_delay_s, jitter_buffer_target_delay_s, jitter_buffer_minimum_delay_s;
    uint64_t fec_packets_used, red_packets_used, reads, reads_empty;
    uint64_t comfort_noise_samples; /* while the sender was silent: neither lost nor concealed */
    double target_delay_ms, current_delay_ms; /* now */
    double total_audio_energy, total_samples_duration_s;
    float level; /* RMS of the last read, 0..1 */
};

/* What the shard wants to know from the playout thread, newest value. */
struct xc_audio_playout {
    uint64_t next_sequence; /* everything before it is of no more use: stop asking for it */
    uint32_t rtp_timestamp; /* being played at `at` */
    uint64_t at;            /* 0 before anything was played */
    double delay_ms;        /* arrival to playout of the last packet */
};

struct xc_audio_recv;

struct xc_audio_recv *xc_audio_recv_create(struct xc_arena *arena,
                                           const struct xc_audio_recv_config *config);
/* Shard. False when dropped (ring full or packet too long). */
bool xc_audio_recv_push(struct xc_audio_recv *recv, const struct xc_audio_packet *packet);
/* Shard: a new stream (SSRC) follows: forget the old one's packets and decoder state. Always true:
 * where the ring is full the reset goes in before the next packet. */
bool xc_audio_recv_reset(struct xc_audio_recv *recv);
/* Shard: lip sync asks for at least this much delay, ns; latest value wins. */
void xc_audio_recv_set_minimum_delay(struct xc_audio_recv *recv, uint64_t delay);
/* Shard: does anything come in (not so while on hold)? Where not, read() gives silence that counts as
 * neither concealed nor lost, and packets are discarded. Latest value wins; true at first. */
void xc_audio_recv_set_active(struct xc_audio_recv *recv, bool active);
/* Shard: newest state of playout; false when there is none yet. */
bool xc_audio_recv_playout(struct xc_audio_recv *recv, struct xc_audio_playout *playout);

/* Real-time, the host's playout thread: always fills `frames` frames of the format (silence when
 * nothing is there). `clock` is asked for stage stamps of the trace, NULL = now throughout (sans-
 * I/O callers). Adds to `samples` instead of replacing them when `mix` is set (then float only:
 * the caller mixes several tracks in float and converts once, see audio_mix.h). Returns true when
 * anything but silence was produced. */
bool xc_audio_recv_read(struct xc_audio_recv *recv, uint64_t now, uint64_t (*clock)(void *),
                        void *clock_context, float *samples, uint32_t frames, bool mix);
/* Playout thread: traces of packets played, oldest first; bounded, the oldest give way. */
bool xc_audio_recv_take_played(struct xc_audio_recv *recv, struct xc_audio_played *played);
/* Any thread. */
void xc_audio_recv_counters(const struct xc_audio_recv *recv,
                            struct xc_audio_recv_counters *counters);

#endif
