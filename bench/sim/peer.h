/* peer.h - one side of a simulated call: a session, its memory, and a host that writes and reads on
 * the virtual clock. SPDX-License-Identifier: MIT */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "call/session.h"
#include "sim.h"

#define SIM_CAPTURES 512 /* pictures whose capture time is remembered */
#define SIM_DELAYS_MAX 20000
#define SIM_AUDIO_BLOCK 480
#define SIM_CANARY 4096

struct sim_stream_check { /* what goes out under one SSRC */
    bool seen;
    uint32_t ssrc, first_timestamp, last_timestamp;
    uint16_t last_sequence;
    uint8_t payload_type;
};

struct sim_peer {
    int number; /* SIM_A or SIM_B */
    struct xc_session *session;
    const struct xc_session_roads *roads;
    uint8_t *memory;
    size_t memory_size;
    struct xc_dtls_identity *identity;
    struct xc_signal_scratch *scratch;
    struct xcall_call_config config;
    struct xc_addr addr;
    struct xc_rng host; /* coding times, signal of the microphone */
    uint64_t deadline;
    uint64_t audio_blocks, pictures;
    bool encode_pending, decode_pending;
    uint64_t connected_at, ended_at, first_audio, first_video;
    uint32_t state;

    struct {
        uint32_t timestamp;
        uint64_t capture;
    } captures[SIM_CAPTURES];
    uint32_t capture_at;
    double *video_delays;
    uint32_t video_delay_count;
    uint64_t played;
    double added_delay_total;

    struct sim_stream_check checks[4];
    uint8_t *picture_memory;
    struct xc_picture picture, shown;
};

bool sim_peer_init(struct sim_peer *peer, int number, const struct sim_options *options,
                   uint64_t now);
void sim_peer_deinit(struct sim_peer *peer);
bool sim_peer_canary_intact(const struct sim_peer *peer);
/* The host's turns. */
void sim_peer_write_audio(struct sim_peer *peer, uint64_t now);
void sim_peer_read_audio(struct sim_peer *peer, uint64_t now);
void sim_peer_write_video(struct sim_peer *peer, uint64_t now);
/* other: whose pictures these are. */
void sim_peer_read_video(struct sim_peer *peer, const struct sim_peer *other, uint64_t now);
void sim_peer_note_captures(struct sim_peer *peer); /* from the session's traces */

/* invariants.c: a sentence when a rule is broken, else NULL */
const char *sim_check_datagram(struct sim_peer *peer, const struct sim_peer *other,
                               const struct xc_datagram *datagram);
const char *sim_check_session(const struct sim_peer *peer);

#endif
