/* session.h - one call's machine: transport, streams, negotiation and the shard's side of the media
 * roads. Sans-I/O, sans-thread. Owner: one shard thread (or the simulator); the host's side of the
 * roads (audio_send_write, audio_recv_read, video_send_write, video_recv_read) and the codec workers'
 * side reach their objects through xc_session_roads() and never touch anything else in here.
 *
 *   input:   datagrams, signals, commands, the clock; samples and frames through the roads
 *   service: does all that is due
 *   output:  datagrams, signals, state; then the deadline
 *
 * Every input is followed by service(), and service() by draining the outputs until each says
 * "nothing".
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_SESSION_H
#define XC_CALL_SESSION_H

#include <xcall/call.h>
#include <xcall/data.h>
#include <xcall/media.h>
#include <xcall/trace.h>

#include "base/ring.h"
#include "call/data_port.h"
#include "call/lookups.h"
#include "call/negotiate.h"
#include "call/relays.h"
#include "media/audio_recv.h"
#include "media/audio_send.h"
#include "media/video_recv.h"
#include "media/video_send.h"
#include "proto/datagram.h"
#include "proto/dtls.h"
#include "proto/dtmf.h"

#define XC_SESSION_SIGNAL_MAX 32768 /* bytes of one signal's text that we make */

/* Room for one description as text and as a struct; shared by the sessions of one thread. */
struct xc_signal_scratch {
    struct xc_sdp sdp;
    char text[XC_SDP_TEXT_MAX + 1];
};

struct xc_session_config {
    const struct xcall_call_config *call; /* checked; read at create only */
    bool allow_loopback;
    struct xc_dtls_identity *identity; /* outlives the session */
    const struct xc_audio_codec *audio_codec;
    const struct xc_video_codec *const *video_codecs; /* NULL ends */
    uint64_t unix_epoch;               /* Unix time in ns at which `now` would be 0 */
    struct xc_signal_scratch *scratch; /* of the session's thread */
    uint64_t (*clock)(void *);         /* for stage stamps; NULL: stamps are `now` */
    void *clock_context;
    uint8_t seed[XC_RNG_SEED_SIZE]; /* secret: credentials come from it; the caller wipes it */
    uint64_t codec_seed;            /* of what the peer may see: the first picture id */
};

struct xc_session;

#define XC_VIDEOS 2 /* video tracks of a call: camera and screen */

/* NULL where the call has no such track. memory: of each track, so that whoever raises a direction
 * that was down at create can have its pages ready before a real-time thread comes. */
struct xc_session_roads {
    struct xc_audio_send *audio_send;
    struct xc_audio_recv *audio_recv;
    struct xc_video_send *video_send[XC_VIDEOS];
    struct xc_video_recv *video_recv[XC_VIDEOS];
    struct xc_span memory[1 + XC_VIDEOS];
};

enum {                       /* xc_session_take_work: for others to do after service() */
       XC_WORK_DECODE = 1,   /* << video track: a coded frame waits for the worker */
       XC_WORK_PICTURE = 4,  /* << video track: a picture became due for the host */
       XC_WORK_ENCODE = 16,  /* << video track: the encoder has something to do although nothing
                                was written */
       XC_WORK_STATE = 64,   /* state or end reason changed */
       XC_WORK_REMOTE = 128, /* the peer's hold changed */
       XC_WORK_STREAM = 256, /* a received stream was bound: its SSRC changed */
       XC_WORK_TRACK = 512,  /* what flows on a track changed: xc_session_flows */
       XC_WORK_DATA = 1024,  /* the data thread has something to look at */
};

/* All memory from the arena but for what OpenSSL, libsrtp2 and the video codec take. NULL: out of
 * memory, or the arena measures (then arena->used is what to bring). */
struct xc_session *xc_session_create(struct xc_arena *arena, const struct xc_session_config *config,
                                     uint64_t now);
void xc_session_destroy(struct xc_session *session); /* NULL is fine */
const struct xc_session_roads *xc_session_roads(const struct xc_session *session);
/* Tracks by their public number, 1 to 3. */
uint32_t xc_session_ssrc(const struct xc_session *session, uint32_t track, bool received);
/* XCALL_DIRECTION_*: what both sides agreed may flow now, holds counted. */
uint32_t xc_session_flows(const struct xc_session *session, uint32_t track);

/* A bound socket's address; before the first service(). False when refused. */
bool xc_session_add_local(struct xc_session *session, const struct xc_addr *base,
                          uint16_t preference);
/* STUN and TURN servers, new ones and new credentials of known ones. memory: zeroed, is used from the
 * first time on and outlives the session; later ones are left alone. More than XC_ICE_SERVERS_MAX in
 * all are left out. */
void xc_session_set_ice_servers(struct xc_session *session, uint64_t now, struct xc_relays *memory,
                                const struct xc_ice_server *servers, uint32_t count);
/* Behind the last output of a session that has ended: its memory for servers, where one of them has not
 * yet answered that it took an allocation back; now the caller's, to be driven by xc_relays_release_*
 * while xc_relays_releasing and then wiped. Else NULL, and it stays the session's. */
struct xc_relays *xc_session_take_relays(struct xc_session *session);
/* The datagram is decrypted in place; the memory behind `size` may be overwritten up to capacity. */
void xc_session_input(struct xc_session *session, uint64_t now, const struct xc_addr *local,
                      const struct xc_addr *remote, uint8_t *datagram, size_t size);
/* As above, of one that was received at `arrived` and waited for this thread since: what measures the
 * network (jitter, transport-wide feedback) goes by that. Taken as no later than now, and no earlier
 * than the one before. */
void xc_session_input_from(struct xc_session *session, uint64_t now, uint64_t arrived,
                           const struct xc_addr *local, const struct xc_addr *remote,
                           uint8_t *datagram, size_t size);
/* Kind XCALL_SIGNAL_*. A description that cannot be accepted ends the call. */
void xc_session_receive_signal(struct xc_session *session, uint64_t now, uint32_t kind,
                               struct xc_span text);
/* What receive_signal would say of the text's form, without a session: XCALL_OK or
 * XCALL_E_SIGNAL with a static sentence. scratch: as in the config. */
int xc_signal_check(uint32_t kind, struct xc_span text, struct xc_signal_scratch *scratch,
                    const char **words, uint32_t *line);
void xc_session_hang_up(struct xc_session *session, uint64_t now, uint32_t reason);
void xc_session_set_hold(struct xc_session *session, uint64_t now, bool hold);
void xc_session_set_mute(struct xc_session *session, uint32_t track, bool mute);
/* XCALL_DIRECTION_*; renegotiates. A track that the call does not have is left alone. */
void xc_session_set_direction(struct xc_session *session, uint64_t now, uint32_t track,
                              uint32_t direction);
/* New credentials by a new offer; media stays on the old path until the new one is proved. */
/* From here on relayed candidates only, as with XCALL_ICE_RELAY from the beginning. */
void xc_session_relay_only(struct xc_session *session, uint64_t now);
void xc_session_restart_ice(struct xc_session *session, uint64_t now);
void xc_session_request_key(struct xc_session *session, uint64_t now, uint32_t track);
/* More digits than there is room for are left out. */
void xc_session_send_dtmf(struct xc_session *session, struct xc_span digits, uint32_t duration_ms,
                          uint32_t gap_ms);
/* The peer's candidates may carry ".local" names (mDNS). The next one to look up, each once; every
 * one is to be followed by lookup_done, at any later time. */
bool xc_session_next_lookup(struct xc_session *session, char name[XC_DNS_LOCAL_MAX + 1]);
/* What it stands for (ports are not looked at); count 0: nobody knows. */
void xc_session_lookup_done(struct xc_session *session, uint64_t now, const char *name,
                            const struct xc_addr *addresses, uint32_t count);
/* The socket refused a datagram (counted). */
void xc_session_send_failed(struct xc_session *session);

void xc_session_service(struct xc_session *session, uint64_t now);
bool xc_session_output(struct xc_session *session, uint64_t now, struct xc_datagram *out);
/* The next signal to carry to the peer: kind, 0 for none. Text is written with a NUL behind it. */
uint32_t xc_session_next_signal(struct xc_session *session, uint64_t now, char *text,
                                size_t capacity, size_t *size);
uint64_t xc_session_deadline(const struct xc_session *session, uint64_t now);
uint32_t xc_session_take_work(struct xc_session *session);    /* XC_WORK_* since the last call */
uint32_t xc_session_state(const struct xc_session *session);  /* XCALL_STATE_* */
uint32_t xc_session_reason(const struct xc_session *session); /* XCALL_END_* once ended */
/* The reason in words where the session knows more than its number says; static, or NULL. */
const char *xc_session_reason_text(const struct xc_session *session);
bool xc_session_remote_hold(const struct xc_session *session);
void xc_session_stats(const struct xc_session *session, uint64_t now, struct xcall_stats *stats);

/* Rings of the shard's that a reader of the host's empties; NULL when not asked for. */
struct xc_ring *xc_session_trace_ring(struct xc_session *session);        /* xcall_frame_trace */
struct xc_byte_ring *xc_session_encoded_ring(struct xc_session *session); /* xcall_encoded_frame,
                                                                             then its bytes */
/* Do whole frames wait for a place in the decoder's ring? Service again when one is free. */
bool xc_session_frames_wait(const struct xc_session *session, uint32_t video);
/* Between this session and the data thread; NULL without data channels. */
struct xc_data_port *xc_session_data_port(struct xc_session *session);
/* For invariant checks: have the peer's keys been verified? */
bool xc_session_secure(const struct xc_session *session);

#endif
