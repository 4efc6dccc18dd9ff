/* session_state.h - the inside of a session, shared by the files of lib/call that make it up:
 *
 *   session.c    life, service, deadline                transport.c  ICE, DTLS, SRTP, demultiplexing
 *   send_path.c  frames -> RTP -> datagrams              recv_path.c  datagrams -> RTP -> roads
 *   send_audio.c frames of audio -> RTP                   send_video.c frames of video -> RTP                  
 *   reports.c    RTCP out and in                         signals.c    descriptions, candidates, JSON
 *   stats.c      the snapshot for the host               frame_log.c  traces and encoded frames out
 *   session_create.c  memory                            relays*.c    STUN and TURN servers
 *
 * One owner thread. SPDX-License-Identifier: MIT */
#ifndef XC_CALL_SESSION_STATE_H
#define XC_CALL_SESSION_STATE_H

#include "call/session.h"
#include "media/assemble.h"
#include "media/audio_red.h"
#include "media/sync.h"
#include "proto/ice.h"
#include "proto/key_budget.h"
#include "proto/pacer.h"
#include "proto/round_trip.h"
#include "proto/rtcp_schedule.h"
#include "proto/rtp_receiver.h"
#include "proto/rtp_sender.h"
#include "proto/srtp.h"
#include "proto/transport_feedback.h"

#define XC_CONNECT_TIMEOUT                                                                         \
    (30 * XC_NS_PER_S) /* create to connected, once both descriptions are in */
/* The encoder is made when the last flight has left and the host knows, not in the midst of it. */
#define XC_PREPARE_AFTER_CONNECT (2 * XC_NS_PER_MS)
#define XC_PLI_INTERVAL_MIN (50 * XC_NS_PER_MS)
#define XC_FRAMES_IN_FLIGHT 16 /* video frames between packetiser and wire, for their traces */
#define XC_REPORT_MINIMUM (500 * XC_NS_PER_MS) /* RTCP interval floor, RFC 3550 section 6.2 */

/* Tracks by number less one (xcall_call_track); a video track's own number is one less again. */
enum { XC_AUDIO = 0, XC_VIDEO = 1, XC_SCREEN = 2, XC_TRACKS = 3 };

/* What goes out for one track. */
struct xc_stream_out {
    bool present; /* the call was created with this track */
    bool sending; /* agreed, connected and not on hold */
    bool muted;
    int8_t section;             /* index into the negotiation's media, -1 before */
    uint32_t ssrc, repair_ssrc; /* repair: of RTX, 0 for audio */
    struct xc_rtp_sender *rtp;  /* NULL unless present */
    uint64_t nack_count, pli_count, fir_count;
    uint64_t pacer_delay_total; /* ns from packetised to the last packet sent, over frames */
    uint64_t packets_at_last_sr;
    uint64_t capture_told; /* capture time of the frame that last said it; 0: none */
    /* from the peer's report blocks */
    uint8_t remote_fraction_lost;
    int32_t remote_cumulative_lost;
    uint32_t remote_jitter;
    bool reported;
};

/* What comes in for one track. */
struct xc_stream_in {
    bool present;
    bool active; /* an SSRC is bound */
    int8_t section;
    uint32_t ssrc;
    struct xc_rtp_receiver *rtp; /* NULL unless present */
    uint64_t pli_count, fir_count, nack_count;
    uint32_t left_ssrc; /* of the stream before: a straggler does not bring it back at once */
    uint64_t bound_at;
    uint64_t last_key_request;   /* PLI or FIR; 0: none yet */
    uint8_t fir_sequence;        /* of the next one */
    uint8_t codec, payload_type; /* of the newest packet; RTX's is that of what it repeats */
    /* the newest that the capture time extension said: the sender's clock, ns since 1900 */
    bool capture_known;
    uint32_t capture_timestamp;
    uint64_t capture_ntp;
};

struct xc_frame_in_flight {
    uint64_t tag;
    struct xcall_frame_trace trace;
};

/* What only a video track has. */
struct xc_video_state {
    struct xc_assemble *assemble;
    struct xc_frame_in_flight *in_flight; /* XC_FRAMES_IN_FLIGHT of them */
    struct xc_key_budget keys;
    uint8_t rotation_told; /* quarter turns, as the peer knows them */
    uint64_t prepare_at;   /* the encoder is to be made, at the latest; 0: was asked for */
    bool frames_wait;      /* the decoder's ring was full at the last service */
    bool picture_told;     /* XC_WORK_PICTURE was raised for the picture that is due */
};

struct xc_session_counters {
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
    uint64_t rejected_source, rejected_early, rejected_kind, rejected_auth, rejected_replay;
    uint64_t rejected_malformed, rejected_stream;
    uint64_t rejected_direct; /* a call that must be relayed: not from a server of ours */
    uint64_t withheld;        /* ... not to one: must stay 0 */
    uint64_t send_errors;
};

struct xc_base { /* a socket's address */
    struct xc_addr addr;
    uint16_t preference;
};

struct xc_session {
    /* fixed at create */
    struct xcall_call_config call;
    const struct xc_audio_codec *audio_codec;
    uint64_t unix_epoch, created;
    struct xc_signal_scratch *scratch;
    uint64_t (*clock)(void *);
    void *clock_context;
    bool offerer;
    bool relay_only; /* XCALL_ICE_RELAY */
    bool allow_loopback;
    struct xc_rng rng;

    /* life */
    uint32_t state, reason;
    const char *reason_text; /* static, or NULL */
    uint32_t work;
    bool ending;             /* hang-up asked for: say goodbye, then end */
    bool bye_signal;         /* XCALL_SIGNAL_BYE still to be handed out */
    bool bye_rtcp, bye_dtls; /* still to be sent */
    uint64_t connected_at, connect_deadline;
    uint64_t path_lost_at; /* connected, but no pair to send on since then; 0: there is one */

    /* signalling */
    struct xc_negotiation negotiation;
    bool offer_needed, answer_needed; /* offer_needed: look whether there is something to offer */
    bool restart_needed;              /* the next offer brings new ICE credentials */
    bool restart_offered;             /* our offer that is out does: next_credentials */
    struct xc_ice_own next_credentials;
    bool described; /* our first description was handed out: candidates may follow */
    uint32_t candidates_given;
    bool end_given;
    bool hold_local, hold_remote_told;

    /* transport */
    struct xc_ice ice;
    struct xc_base bases[XC_ICE_HOST_MAX];
    uint32_t base_count;
    bool servers_awaited;      /* XCALL_CALL_SERVERS_LATER, and nobody named any yet */
    struct xc_relays *relays;  /* NULL before there are servers */
    uint64_t relay_missing_at; /* must be relayed, but there is no relay since; 0: there is */
    struct xc_lookups lookups;
    struct xc_dtls *dtls;
    bool secure;          /* the peer was verified: keys are there, or it is a call of data alone */
    struct xc_srtp *srtp; /* NULL before, and where there is no media */
    struct xc_data_port *data; /* NULL without data channels */
    int srtp_profile;          /* XC_SRTP_* of its keys */
    struct xc_pacer pacer;
    struct xc_rtcp_schedule reports;
    struct xc_round_trip round_trip;
    struct xc_transport_feedback feedback; /* what came, by the peer's transport-wide numbers */
    uint8_t feedback_id;                   /* of that header extension; 0: not agreed */
    uint16_t transport_sequence;           /* ours: the next */
    uint32_t video_bps;                    /* of each video that is sent, now */
    uint64_t remb_bps, remb_at;            /* the newest that the peer allows; 0: it said nothing */
    uint64_t sr_ntp, sr_arrived; /* the peer's newest report: its clock (ns since 1900), ours */
    uint64_t arrived;            /* the datagram that is being taken, or the newest */
    struct xc_session_counters count;

    /* streams and roads */
    struct xc_stream_out out[XC_TRACKS];
    struct xc_stream_in in[XC_TRACKS];
    int8_t want_of[XC_TRACKS]; /* the negotiation's wish for it, -1: not present */
    uint8_t flows[XC_TRACKS];  /* XCALL_DIRECTION_*: what was agreed, as the host knows it */
    struct xc_video_state video[XC_VIDEOS];
    uint32_t video_turn; /* which video track is asked for a packet first */
    struct xc_session_roads roads;
    struct xc_sync sync;
    uint64_t sync_next;
    struct xc_audio_settings audio_settings;
    struct xc_audio_red red;       /* of what we send */
    struct xc_audio_red_in red_in; /* of what comes */
    struct xc_dtmf dtmf;
    double loss_smoothed; /* percent, of our audio as the peer reports it */

    /* frames out */
    uint64_t frame_tag;
    struct xc_ring *traces;
    struct xc_byte_ring *encoded;
    uint64_t traces_dropped, encoded_dropped;
};

/* transport.c */
void xc_transport_service(struct xc_session *session, uint64_t now);
bool xc_transport_output(struct xc_session *session, uint64_t now, struct xc_datagram *out);
bool xc_transport_output_data(struct xc_session *session, uint64_t now, struct xc_datagram *out);
uint64_t xc_transport_deadline(const struct xc_session *session, uint64_t now);
bool xc_transport_route(const struct xc_session *session, struct xc_datagram *out);

/* relays.c */
/* XC_RELAYS_*; addresses and bytes become those of what a server carried. */
int xc_relays_input(struct xc_session *session, uint64_t now, struct xc_addr *local,
                    struct xc_addr *remote, struct xc_span *bytes);
bool xc_relays_output(struct xc_session *session, uint64_t now, struct xc_datagram *out);
/* The last step of every datagram: wrapped where it leaves from a relayed address. False: it must
 * not leave, or cannot. */
bool xc_relays_leave(struct xc_session *session, uint64_t now, struct xc_datagram *out);
void xc_relays_close(struct xc_session *session, uint64_t now);
uint64_t xc_relays_deadline(const struct xc_session *session);
void xc_relays_stats(const struct xc_session *session, struct xcall_stats *stats);

/* relays_gather.c */
void xc_relays_service(struct xc_session *session, uint64_t now);
/* More candidates of ours may come, and are worth waiting for. */
bool xc_relays_gathering(const struct xc_session *session, uint64_t now);
/* An allocation whose server still answers. */
bool xc_relays_usable(const struct xc_session *session, uint64_t now);
const char *xc_relays_trouble(const struct xc_session *session); /* a sentence */

/* send_path.c */
void xc_send_path_service(struct xc_session *session, uint64_t now);
bool xc_send_path_output(struct xc_session *session, uint64_t now, struct xc_datagram *out);
uint64_t xc_send_path_deadline(const struct xc_session *session, uint64_t now);
void xc_send_path_update(struct xc_session *session, uint64_t now); /* after a state */
void xc_send_path_agreed(struct xc_session *session, uint64_t now); /* after negotiation */
void xc_send_path_set_rate(struct xc_session *session, uint64_t now);

/* send_audio.c */
void xc_send_audio_service(struct xc_session *session, uint64_t now);

/* send_video.c */
void xc_send_video_start(struct xc_session *session, uint64_t now, int track);
void xc_send_video_want_key(struct xc_session *session, uint64_t now, int track);
void xc_send_video_service(struct xc_session *session, uint64_t now, int track);
uint64_t xc_send_video_deadline(const struct xc_session *session, uint64_t now, int track);

/* recv_path.c */
void xc_recv_path_rtp(struct xc_session *session, uint64_t now, struct xc_span packet);
bool xc_recv_path_receives(const struct xc_session *session, int track);
void xc_recv_path_release(struct xc_session *session, int track); /* its section is gone */
void xc_recv_path_service(struct xc_session *session, uint64_t now);
uint64_t xc_recv_path_deadline(const struct xc_session *session, uint64_t now);

/* reports.c */
void xc_reports_input(struct xc_session *session, uint64_t now, struct xc_span packet);
bool xc_reports_output(struct xc_session *session, uint64_t now, struct xc_datagram *out);
uint64_t xc_reports_deadline(const struct xc_session *session, uint64_t now);
uint64_t xc_session_round_trip(const struct xc_session *session); /* ns, 0 while unknown */

/* signals.c */
bool xc_session_has_media(const struct xc_session *session);            /* not of data alone */
int xc_session_track_of(const struct xc_session *session, int8_t want); /* -1: of none */
void xc_signals_agreed(struct xc_session *session, uint64_t now);

/* frame_log.c */
void xc_frame_log_audio_sent(struct xc_session *session, const struct xc_audio_frame *frame,
                             uint64_t encode_start, uint64_t encode_end, uint64_t sequence,
                             uint64_t now);
void xc_frame_log_audio_received(struct xc_session *session, uint64_t now, uint64_t sequence,
                                 uint32_t timestamp, struct xc_span bytes);
uint64_t xc_frame_log_video_packetized(struct xc_session *session, int track,
                                       const struct xc_video_frame *frame, uint32_t packets,
                                       uint64_t sequence, uint64_t now);
void xc_frame_log_video_sent(struct xc_session *session, int track, uint64_t tag, uint64_t now);
void xc_frame_log_video_received(struct xc_session *session, int track,
                                 const struct xc_assembled *frame, struct xc_span bytes);

/* session.c */
void xc_session_end(struct xc_session *session, uint32_t reason);
void xc_session_set_state(struct xc_session *session, uint32_t state);

static inline bool xc_track_is_video(int track)
{
    return track != XC_AUDIO;
}

static inline struct xc_video_state *xc_video_of(struct xc_session *session, int track)
{
    return &session->video[track - XC_VIDEO];
}

static inline struct xc_video_send *xc_video_send_of(const struct xc_session *session, int track)
{
    return session->roads.video_send[track - XC_VIDEO];
}

static inline struct xc_video_recv *xc_video_recv_of(const struct xc_session *session, int track)
{
    return session->roads.video_recv[track - XC_VIDEO];
}

static inline uint64_t xc_session_clock(const struct xc_session *session, uint64_t now)
{
    return session->clock ? session->clock(session->clock_context) : now;
}

#endif
