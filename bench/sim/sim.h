/* sim.h - a whole call between two sessions in virtual time: one thread, one clock, one seed.
 * The same options give the same datagrams, byte for byte.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "link.h"

enum { SIM_CODECS_MODEL = 0, SIM_CODECS_REAL = 1 };
enum { SIM_A = 0, SIM_B = 1 }; /* a offers and hangs up */

#define SIM_FAILURE_TEXT 256

struct sim_options {
    uint64_t seed;
    double seconds; /* of media after both sides are connected or the attempt ended */
    struct sim_link_options links[2]; /* [SIM_A]: from a to b */
    int codecs;
    bool no_video, no_trickle, dtx;
    double signal_delay_ms;                 /* one way; negative: as the link's delay */
    double hostile_per_s;                   /* forged datagrams from strangers, to each side */
    double hold_at, hold_for;               /* seconds after connected; a holds */
    double read_pause_at, read_pause_for;   /* b's host stops reading audio and pictures */
    double write_pause_at, write_pause_for; /* a's host stops writing */
    bool hang_up_by_b;
};

struct sim_direction {
    uint64_t audio_sent, audio_played;
    double concealed_percent, added_delay_ms;
    uint64_t video_sent, video_delivered, video_skipped, freezes;
    double video_delay_p50_ms, video_delay_p95_ms;
    uint64_t packets;
    uint64_t retransmitted, nacks, plis, fec_used;
};

struct sim_result {
    double connected_ms;                   /* both sides; negative: never */
    double first_audio_ms, first_video_ms; /* decoded, at both sides; negative: never */
    struct sim_direction directions[2];    /* [SIM_A]: from a to b */
    uint32_t invariant_failures;
    char failure[SIM_FAILURE_TEXT]; /* the first one */
    uint32_t end_reason[2];         /* XCALL_END_* */
    uint64_t steps;
};

void sim_options_init(struct sim_options *options);
/* False with a sentence in *words when it cannot be run at all. */
bool sim_run(const struct sim_options *options, struct sim_result *result, const char **words);

#endif
