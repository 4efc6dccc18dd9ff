/* audio_playout.h - the jitter buffer proper: decides at each read what is decoded, stretched, made
 * up or waited for. Runs at the codec's rate; audio_recv.c feeds it and carries its samples out.
 *
 *   insert() -> |store| -> decode, FEC, conceal -> |pcm: past, future| -> stretch -> take()
 *
 * Two clocks in RTP units (48 kHz), both counted and never asked for:
 *   returned    all that was handed to the host, silence too: the clock of its device
 *   media_end   media time of the end of what was decoded
 * The delay of playout is returned + future - media_end. It grows where samples are put in and
 * shrinks where they are taken out, and is steered to the target of delay_target.h. Made-up samples
 * (`run`) hold media time still until it is known what they stood for: a late packet is then played
 * whole (delay grew), a lost one is skipped by as much (delay stays).
 * Playout thread only.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_AUDIO_PLAYOUT_H
#define XC_MEDIA_AUDIO_PLAYOUT_H

#include "media/audio_recv.h"
#include "media/comfort.h"
#include "media/delay_target.h"
#include "media/jitter_buffer.h"
#include "media/stretch.h"

#define XC_PLAYOUT_PENDING 8   /* decoded packets whose first sample waits; more go untraced */
#define XC_PLAYOUT_TRACES 32   /* played packets that nobody has asked for yet */
#define XC_PLAYOUT_CHUNK_MS 5  /* decided upon at a time */
#define XC_PLAYOUT_AHEAD_MS 15 /* at most in the future when a packet is decoded */
#define XC_PLAYOUT_JOIN_MS 5   /* of what was made up stays behind, for real samples to fade in */

struct xc_playout_pending {
    struct xc_audio_played trace;
    uint32_t ahead;  /* frames until its first sample is returned */
    uint32_t frames; /* it decoded to */
};

struct xc_playout {
    const struct xc_audio_codec *codec;
    void *decoder;
    void *decoder_before; /* a copy of it from before anything was made up, for late packets */
    size_t decoder_size;
    uint32_t rate, channels, unit; /* unit: RTP units a frame */
    int64_t delay_min, delay_max;  /* bounds of the target, units */
    struct xc_jitter_buffer store;
    struct xc_delay_target target;
    struct xc_stretch stretch;
    struct xc_pcm pcm;
    struct xc_comfort comfort;

    /* The read that runs. */
    uint64_t now;
    uint64_t (*clock)(void *);
    void *clock_context;
    int64_t block, read_start; /* units: asked for; `returned` at its beginning */
    int64_t floor;             /* units, what lip sync asks for */
    uint32_t emitted;          /* traces added in this read */
    uint32_t backlog;          /* packets that come after the inserted one in this read; set by
                                  the caller of xc_playout_insert() */
    float square_sum;
    bool resampled, fresh; /* fresh: a read begins, nothing is needed yet */

    /* The clocks. */
    int64_t returned, media_end;
    uint64_t read_last, block_last_ns;       /* the read before */
    int64_t stall_least, stall_least_before; /* see watch_host() */
    uint64_t stall_window;
    bool catching_up; /* packets in this read may have waited for the host, not for the network */
    bool started;

    /* What the network did. */
    uint64_t sequence_highest;
    int64_t timestamp_last;
    int64_t arrival_least, arrival_least_before, drift_guard; /* see watch_drift() */
    uint64_t arrival_window;
    uint64_t fec_sequence; /* the packet that the last FEC copy stood for */
    uint32_t late_run;     /* late packets in a row */
    bool any_packet;
    bool inactive; /* nothing is to come in: silence, and packets are discarded */
    bool resumed;  /* no more, and no packet has come since */

    /* What is being played. */
    int64_t packet_units;       /* length of the last packet */
    int64_t run;                /* units made up since the last real sample */
    uint32_t filler;            /* made-up frames at the end of the future */
    uint32_t slowed;            /* frames put in while waiting for one packet */
    uint64_t decoded_next;      /* sequence that follows on what was decoded last */
    int64_t decoded_end;        /* its media time */
    uint64_t concealed_pending; /* frames: silence between talkspurts or concealment? */
    uint64_t silent_pending;    /* frames behind the fade: the end of the stream, or loss? */
    uint64_t run_counted;       /* frames of the run that were counted */
    uint32_t chunk_frames;
    int64_t stretched_at; /* `returned` at the last stretch */
    int64_t excess_since; /* `returned` when the delay was last near its target */
    float gain;           /* of made-up samples, and where real ones fade in from */
    bool run_quiet;
    bool run_comfort;   /* made up as comfort noise */
    bool background;    /* what was decoded last was background, not voice */
    bool dtx_seen;      /* this sender is silent at times */
    bool silence_known; /* the next packet says that the sender was silent before it */
    bool before_valid;  /* decoder_before is that of what was decoded last */

    struct xc_playout_pending pending[XC_PLAYOUT_PENDING];
    uint32_t pending_count;
    struct xc_audio_played traces[XC_PLAYOUT_TRACES];
    uint32_t trace_first, trace_count;
    struct xc_audio_recv_counters totals;
    uint64_t last_delay;                  /* ns, arrival to playout of the last packet */
    uint8_t scratch[XC_AUDIO_PACKET_MAX]; /* a packet's bytes, on the way in and to the codec */
};

/* rate: as near to the host's as the codec can decode. */
bool xc_playout_init(struct xc_playout *playout, struct xc_arena *arena,
                     const struct xc_audio_codec *codec, uint32_t rate, uint32_t channels);
/* A new stream follows. */
void xc_playout_reset(struct xc_playout *playout);
/* Does anything come in? True at first. */
void xc_playout_set_active(struct xc_playout *playout, bool active);
/* Once a read, before its packets: `frames` is what take() will be asked for in all. */
void xc_playout_begin(struct xc_playout *playout, uint64_t now, uint32_t frames);
void xc_playout_insert(struct xc_playout *playout, const struct xc_audio_packet *packet);
/* The next frames, at most XC_PLAYOUT_CHUNK_MS of them, in place; good until the next call. Always
 * delivers what was asked for. */
const float *xc_playout_take(struct xc_playout *playout, uint32_t frames);
/* Once a read, after its last take(). */
void xc_playout_end(struct xc_playout *playout, struct xc_audio_playout *state);

/* For audio_playout.c and playout_fill.c only. */
int64_t xc_playout_target(const struct xc_playout *playout);
void xc_playout_fill(struct xc_playout *playout);
void xc_playout_foresee(struct xc_playout *playout);
void xc_playout_count_filler(struct xc_playout *playout, uint32_t frames);
static inline int64_t xc_playout_tail(const struct xc_playout *playout)
{
    return playout->returned + (int64_t)xc_pcm_future(&playout->pcm) * playout->unit;
}
static inline uint64_t xc_playout_stamp(const struct xc_playout *playout)
{
    return playout->clock ? playout->clock(playout->clock_context) : playout->now;
}

#endif
