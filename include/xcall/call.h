/* xcall/call.h - calls: create, signals, hold, mute, hang-up, statistics.
 *
 * A call joins this engine to one peer. The host carries its signals (XCALL_EVENT_SIGNAL on this
 * side, xcall_call_receive_signal on the other) by whatever means it likes; the order of candidates
 * and descriptions does not matter.
 *
 *   offerer:  create(role OFFER)  -> SIGNAL offer, SIGNAL candidate ... -> receive answer
 *   answerer: create(role ANSWER), receive offer -> SIGNAL answer, SIGNAL candidate ...
 *   both:     STATE connecting -> STATE connected -> media -> hang_up -> ENDED
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_CALL_H
#define XCALL_CALL_H

#include <xcall/base.h>
#include <xcall/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { XCALL_ROLE_OFFER = 1, XCALL_ROLE_ANSWER = 2 };
enum {
    XCALL_DIRECTION_NONE = 0,
    XCALL_DIRECTION_RECV = 1,
    XCALL_DIRECTION_SEND = 2,
    XCALL_DIRECTION_BOTH = 3
};
enum { XCALL_SAMPLE_S16 = 1, XCALL_SAMPLE_F32 = 2 };
enum { XCALL_KIND_AUDIO = 1, XCALL_KIND_VIDEO = 2 };
enum {                               /* xcall_call_config.flags */
       XCALL_CALL_NO_TRICKLE = 1,    /* descriptions carry all candidates, no candidate signals */
       XCALL_CALL_SERVERS_LATER = 2, /* xcall_call_set_ice_servers will be called, with none
                                        where there are none: until then it is not over what
                                        candidates there are, so neither the end of candidates
                                        nor, without trickle, a description is handed out */
};
enum {                            /* xcall_call_config.audio_flags */
       XCALL_AUDIO_FEC = 1,       /* in-band FEC (default), driven by measured loss */
       XCALL_AUDIO_DTX = 2,       /* next to nothing is sent in silence; also where the peer's
                                    description asks for it (usedtx=1) */
       XCALL_AUDIO_LOW_DELAY = 4, /* shorter look-ahead, no FEC */
       XCALL_AUDIO_MUSIC = 8,     /* tuned for music */
       XCALL_AUDIO_RED = 16,      /* each packet also carries the frame before it, where the peer
                                     takes that (RFC 2198): a lost packet costs nothing but rate */
};
enum {                              /* xcall_call_config.video_flags */
       XCALL_VIDEO_KEEP_FRAMES = 1, /* rate control never drops a frame (benchmarks) */
       XCALL_VIDEO_LOW_DELAY = 2,   /* asks the peer to show each picture as soon as it can, without
                                       smoothing (playout-delay header extension, 0 to 0) */
};

enum {                      /* xcall_call_config.video_codec */
       XCALL_CODEC_ANY = 0, /* VP8 first, the peer's order where it offers */
       XCALL_CODEC_VP8 = 1,
       XCALL_CODEC_VP9 = 2,
};

enum {                     /* xcall_call_config.ice_policy, W3C RTCIceTransportPolicy */
       XCALL_ICE_ALL = 0,  /* host, server-reflexive and relayed candidates */
       XCALL_ICE_RELAY = 1 /* only relayed ones are gathered, sent and answered to; no address but
                              a TURN server's ever gets a packet. Without a relay the call ends
                              with XCALL_END_RELAY_UNAVAILABLE */
};

/* A STUN or TURN server (W3C RTCIceServer): "stun:HOST[:PORT]", "turn:HOST[:PORT][?transport=udp]"
 * (RFC 7064, RFC 7065) with HOST an IPv4 or [IPv6] address; the port is 3478 by default. Long-term
 * credentials (RFC 8489 section 9.2), which may be time-limited ones made by a service. Borrowed. */
typedef struct xcall_ice_server {
    uint32_t size;
    const char *url;
    const char *username, *password; /* turn only; at most 508 and 256 bytes */
} xcall_ice_server;

XCALL_API void xcall_ice_server_init(xcall_ice_server *server, uint32_t size);

typedef struct xcall_call_config {
    uint32_t size;
    uint32_t role;            /* XCALL_ROLE_*; default OFFER */
    uint32_t flags;           /* XCALL_CALL_* */
    uint32_t audio_direction; /* XCALL_DIRECTION_*; default BOTH */
    uint32_t video_direction; /* XCALL_DIRECTION_*; default NONE */
    uint64_t user;            /* comes back in every event of this call */

    uint32_t audio_rate;        /* Hz, 8000..48000, of written and read samples; default 48000 */
    uint32_t audio_channels;    /* 1 or 2; default 1 */
    uint32_t audio_sample;      /* XCALL_SAMPLE_*; default S16 */
    uint32_t audio_frame_ms;    /* 10, 20, 40 or 60 a packet; default 20 */
    uint32_t audio_bitrate_bps; /* 6000..510000; default 32000. Two channels want 64000: at
                                   32000 Opus soon makes one of them */
    uint32_t audio_complexity;  /* 0..10; default 5 */
    uint32_t audio_flags;       /* XCALL_AUDIO_*; default FEC */
    uint32_t audio_delay_ms_min, audio_delay_ms_max; /* jitter buffer bounds, 0..10000; default 0,
                                                        1000; a maximum of 0 is the default */

    uint32_t video_width, video_height;         /* largest size to encode; default 640 x 360 */
    uint32_t video_width_max, video_height_max; /* largest picture to write or to accept from the
                                                   peer, 16..4096; default 1280 x 720 */
    uint32_t video_frame_rate;                  /* 1..60; default 30 */
    uint32_t video_bitrate_bps;                 /* 30000..20000000; default 1000000 */
    int32_t video_speed;  /* codec speed -16..-1; default 0: the library's choice */
    uint32_t video_flags; /* XCALL_VIDEO_* */

    uint32_t trace_frames;  /* frame traces kept until read, 0..65536; default 0: none */
    uint32_t encoded_bytes; /* bytes of encoded frames kept until read, 0..2^26; default 0: none */

    /* Tracks that the call can have beside those whose direction above says so: 0..1 and 0..2, the
     * second video track being for a screen. What is not used yet costs no memory. A track whose
     * direction is NONE takes what the peer sends; raise it by xcall_track_set_direction. */
    uint32_t audio_tracks, video_tracks;
    uint32_t screen_direction; /* of the second video track; default NONE. Its pictures are encoded
                                  in their own size, up to video_width_max x video_height_max */
    uint32_t video_codec;      /* XCALL_CODEC_*: the one that we would rather send; default ANY */
    uint32_t temporal_layers;  /* of VP8 that is sent, 1..3; default 1 */

    /* Data channels, see xcall/data.h; the bytes are taken from the system as they are needed */
    uint32_t data_channels;      /* at a time, both sides' together, 0..1024; default 0: none */
    uint32_t data_send_bytes;    /* that may wait to be sent, 2^19..2^26; default 2^20 */
    uint32_t data_receive_bytes; /* that may wait in events, 2^19..2^26; default 2^20 */

    uint32_t ice_policy;                 /* XCALL_ICE_*; default ALL */
    uint32_t ice_server_count;           /* 0..8; default 0 */
    const xcall_ice_server *ice_servers; /* copied; an array whose elements are as large as the
                                            first one's size says */
} xcall_call_config;

XCALL_API void xcall_call_config_init(xcall_call_config *config, uint32_t size);

/* Takes all memory of the call, opens its sockets and, for the offerer, makes the offer. Does not
 * wait for the network. Errors: INVALID, MEMORY, LIMIT (calls_max, ICE servers), SYSTEM, CLOSED,
 * FORKED, UNSUPPORTED (an ICE server by name, over TCP or TLS), VERSION (a configuration or an ICE
 * server that was not initialised). */
XCALL_API int32_t xcall_call_create(xcall_engine *engine, const xcall_call_config *config,
                                    xcall_id *call, xcall_error *error);
/* Hands in a signal of the peer: kind XCALL_SIGNAL_*, text as the peer's XCALL_EVENT_SIGNAL had it
 * (or the W3C JSON a browser makes; unknown members are ignored). The text's form is checked before
 * this returns; what it leads to comes as events. A description that comes at the wrong time is
 * ignored, one that cannot be agreed on ends the call. Errors: SIGNAL, ENDED, CLOSED, INVALID, MEMORY,
 * LIMIT (more than 65536 bytes, or too much waits for the engine's thread). */
XCALL_API int32_t xcall_call_receive_signal(xcall_engine *engine, xcall_id call, uint32_t kind,
                                            const char *text, size_t length, xcall_error *error);
/* Ends the call: tells the peer once and is done; XCALL_EVENT_ENDED follows. Any number of times. */
XCALL_API int32_t xcall_call_hang_up(xcall_engine *engine, xcall_id call);
/* New ICE credentials and checks by an offer that comes as a SIGNAL (RFC 8445 section 9), for a host
 * that knows that the network changed; media stays on the old path until the new one is proved. Does
 * nothing before the first descriptions were exchanged. Errors: ENDED, CLOSED. */
XCALL_API int32_t xcall_call_restart_ice(xcall_engine *engine, xcall_id call);
/* Servers that come later, and new credentials of those that are there (the same URL), for an
 * allocation that outlives its user name's time. A server that is not named again is kept; a count of
 * 0 says that there are none (XCALL_CALL_SERVERS_LATER). A new candidate that such a server brings when
 * the end of candidates was handed out already is followed by another one. Errors:
 * ENDED, CLOSED, INVALID (a URL, a credential), UNSUPPORTED and VERSION as create, MEMORY, LIMIT (more
 * than 8 servers in all, or too much waits for the engine's thread). */
XCALL_API int32_t xcall_call_set_ice_servers(xcall_engine *engine, xcall_id call,
                                             const xcall_ice_server *servers, uint32_t count,
                                             xcall_error *error);
/* XCALL_ICE_RELAY, for a call that was made before it was known that it must be relayed: from here on
 * it is as if it had been made so. What was gathered is dropped; candidates that were handed out before
 * are not to be carried to the peer. There is no way back. Errors: ENDED, CLOSED, INVALID (any other
 * policy), LIMIT, MEMORY. */
XCALL_API int32_t xcall_call_set_ice_policy(xcall_engine *engine, xcall_id call, uint32_t policy);
/* Sends DTMF digits as telephone events (RFC 4733): 0-9 A-D a-d * # and "," for two seconds' pause,
 * each for duration_ms (40..6000, 100 is usual), gap_ms (30..6000, 70 is usual) between them. At most
 * 32 wait; a string that does not fit beside those is left out whole. Nothing is sent where the peer
 * takes no telephone events, and a hold drops what waits. Errors: ENDED,
 * CLOSED, INVALID (another character, no audio track), LIMIT. */
XCALL_API int32_t xcall_call_send_dtmf(xcall_engine *engine, xcall_id call, const char *digits,
                                       uint32_t duration_ms, uint32_t gap_ms);
/* Hold: neither side's media flows; renegotiated by an offer that comes as a SIGNAL. */
XCALL_API int32_t xcall_call_set_hold(xcall_engine *engine, xcall_id call, int32_t hold);

/* The call's track of this kind: audio 0, video 0 (camera) or 1 (screen). Errors: ENDED, INVALID when
 * the call was created without it. */
XCALL_API int32_t xcall_call_track(xcall_engine *engine, xcall_id call, uint32_t kind,
                                   uint32_t index, xcall_id *track);
/* What this side sends and takes on a track from now on (XCALL_DIRECTION_*): an offer comes as a
 * SIGNAL where that changes what was agreed, and XCALL_EVENT_TRACK tells what both sides agreed on.
 * NONE keeps the track for later. Errors: ENDED, CLOSED, INVALID (no such track). */
XCALL_API int32_t xcall_track_set_direction(xcall_engine *engine, xcall_id track,
                                            uint32_t direction);
/* Sends silence or black pictures instead of what is written. */
XCALL_API int32_t xcall_track_set_mute(xcall_engine *engine, xcall_id track, int32_t mute);
/* Asks the peer for a key frame of a received video track (rate limited). */
XCALL_API int32_t xcall_track_request_key_frame(xcall_engine *engine, xcall_id track);

/* W3C webrtc-stats names in snake case with their unit. Totals since the call's start; *_ms and
 * levels are the present value unless the name says total. */
typedef struct xcall_rtp_sent_stats {
    uint64_t packets_sent, bytes_sent, header_bytes_sent;
    uint64_t retransmitted_packets_sent, retransmitted_bytes_sent;
    uint64_t nack_count, pli_count, fir_count; /* received from the peer */
    uint64_t frames_encoded, key_frames_encoded, frames_dropped;
    uint64_t samples_written, samples_dropped; /* audio, of the host */
    double total_encode_time_ms;
    double total_packet_send_delay_ms; /* video: from packetised to its last packet sent, a frame */
    double target_bitrate_bps;
    double audio_level;
    /* as the peer reports */
    double remote_fraction_lost, remote_jitter_ms;
    int64_t remote_packets_lost;
    uint32_t ssrc, frame_width, frame_height, reserved;
    uint32_t codec;        /* video: XCALL_CODEC_* that goes out; 0: none agreed on */
    uint32_t payload_type; /* of what goes out plain: not of RED, RTX, telephone events */
} xcall_rtp_sent_stats;

typedef struct xcall_rtp_received_stats {
    uint64_t packets_received, bytes_received, header_bytes_received;
    int64_t packets_lost;
    uint64_t packets_discarded, packets_duplicated, packets_repaired;
    uint64_t nack_count, pli_count; /* sent to the peer; fir_count stands below */
    double jitter_ms;
    double jitter_buffer_delay_ms;         /* total over jitter_buffer_emitted_count */
    double jitter_buffer_target_delay_ms;  /* total */
    double jitter_buffer_minimum_delay_ms; /* total */
    uint64_t jitter_buffer_emitted_count;
    double jitter_buffer_level_ms, jitter_buffer_target_ms; /* now */
    uint64_t total_samples_received, concealed_samples, silent_concealed_samples;
    uint64_t concealment_events, inserted_samples_for_deceleration;
    uint64_t removed_samples_for_acceleration, fec_packets_used;
    uint64_t frames_received, frames_decoded, key_frames_decoded, frames_dropped, frames_delivered;
    double total_decode_time_ms, total_processing_delay_ms;
    uint64_t freeze_count;
    double total_freezes_duration_ms;
    double audio_level;
    uint32_t ssrc, frame_width, frame_height, reserved;
    uint32_t codec;        /* video: XCALL_CODEC_* of the newest packet; 0: none came */
    uint32_t payload_type; /* of the newest packet, of RTX that of what it repeats */
    /* By RTX (RFC 4588), useful or not; within packets_received and bytes_received */
    uint64_t retransmitted_packets_received, retransmitted_bytes_received;
    uint64_t fir_count;        /* sent to the peer, where it takes FIR but no PLI */
    uint64_t red_packets_used; /* audio: lost ones that a later packet carried too (RFC 2198) */
    uint64_t comfort_noise_samples; /* audio: while the peer was silent by DTX; not concealed */
    double total_audio_energy;      /* audio: of what was read, W3C totalAudioEnergy */
    double total_samples_duration_ms;
    /* video: between pictures that were taken, as W3C has them (the square in s^2) */
    double total_inter_frame_delay_ms, total_squared_inter_frame_delay_s2;
} xcall_rtp_received_stats;

enum {                            /* xcall_stats.local_candidate_type; RFC 8445 section 5.1.1 */
       XCALL_CANDIDATE_HOST = 1,  /* an address of the machine itself */
       XCALL_CANDIDATE_SRFLX = 2, /* ... as a STUN server sees it */
       XCALL_CANDIDATE_PRFLX = 3, /* ... as the peer sees it */
       XCALL_CANDIDATE_RELAY = 4, /* of a TURN server */
};

typedef struct xcall_stats {
    uint32_t size;
    uint32_t state; /* XCALL_STATE_* */
    uint64_t time_ns;
    uint64_t connected_after_ms; /* from create to connected; 0 before */
    double round_trip_time_ms, total_round_trip_time_ms;
    uint64_t round_trip_time_measurements;
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received; /* datagrams */
    uint64_t
        packets_rejected; /* malformed, not authenticated, replayed or from an unproven source */
    uint64_t send_errors;
    uint32_t srtp_profile; /* 0 none, 1 AES128_CM_SHA1_80, 7 AEAD_AES_128_GCM */
    uint32_t reserved;
    xcall_rtp_sent_stats audio_sent;
    xcall_rtp_received_stats audio_received;
    xcall_rtp_sent_stats video_sent;
    xcall_rtp_received_stats video_received;
    /* left out because nobody read them in time: frame traces, encoded frames */
    uint64_t frame_traces_dropped, encoded_frames_dropped;
    xcall_rtp_sent_stats screen_sent; /* the second video track */
    xcall_rtp_received_stats screen_received;
    /* of the pair of candidates that carries the call, XCALL_CANDIDATE_*; 0: there is none */
    uint32_t local_candidate_type, remote_candidate_type;
    uint32_t relays_ready;     /* TURN servers that relay for us now */
    uint32_t relay_error_code; /* of STUN, the newest with which one refused to; 0: none did */
    uint64_t relay_packets_sent, relay_packets_received; /* by them; within packets_* above */
} xcall_stats;

XCALL_API void xcall_stats_init(xcall_stats *stats, uint32_t size);
/* A snapshot that never blocks media; time_ns says when it was taken: at most 20 ms before the call's
 * newest datagram, frame or timer, and at its end. All zero before the call's first. Readable until
 * the call is freed (see xcall_engine_next_event). */
XCALL_API int32_t xcall_call_stats(xcall_engine *engine, xcall_id call, xcall_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
