/* negotiate.h - offers and answers (JSEP, RFC 8829; RFC 3264) over lib/wire/sdp.h: what we offer, what
 * we accept, and what was agreed. Sans-I/O, no memory of its own beyond the struct. Owner: the
 * session's thread.
 *
 *   stable --create_offer--> have-local-offer  --apply_answer--> stable
 *   stable --apply_offer-->  have-remote-offer --create_answer-> stable
 *   have-local-offer --apply_offer (glare)--> the polite side (the answerer of the first exchange)
 *   rolls its offer back and accepts; the impolite side refuses with XC_NEGOTIATE_GLARE
 *
 * Rules that hold for the connection's whole life: sections keep their place and mid; a header
 * extension keeps its id once an agreed description or one of the peer's used it, and no id is used
 * again for another URI; a payload type keeps its codec; the DTLS role is kept after the first
 * exchange; an offer always says actpass, an answer says the role that we really take. A description
 * is taken whole or not at all: what answers XC_NEGOTIATE_BAD has changed nothing.
 * One transport: what is not in the BUNDLE group is rejected, but for a section that stands alone.
 * A section that both sides gave up (port 0) is used again for the next new one, under a new mid
 * (RFC 8829 section 5.2.2).
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_NEGOTIATE_H
#define XC_CALL_NEGOTIATE_H

#include "base/rng.h"
#include "wire/codec.h"
#include "wire/rtp_extension.h"
#include "wire/sdp.h"

#define XC_MEDIA_MAX 4 /* wishes: sections that we use; more offered ones are rejected */
#define XC_AGREED_CODECS_MAX 4
#define XC_VIDEO_CODECS_MAX 2
#define XC_REMOTE_SSRCS_MAX 8
#define XC_SCTP_PORT_DEFAULT 5000
#define XC_EXTENSIONS_MAX                                                                          \
    32 /* rows of the id table; ids of the peer's own URIs stay taken beyond */

enum {
    XC_NEGOTIATE_OK = 0,
    XC_NEGOTIATE_BAD = -1,   /* the description cannot be accepted; error text says why */
    XC_NEGOTIATE_STATE = -2, /* not now */
    XC_NEGOTIATE_GLARE = -3, /* an offer while ours is out, and we are not the polite side */
};
enum { XC_SIGNALLING_STABLE = 0, XC_SIGNALLING_LOCAL_OFFER = 1, XC_SIGNALLING_REMOTE_OFFER = 2 };

/* What this side wants of one section. */
struct xc_media_want {
    uint8_t kind;      /* XC_SDP_AUDIO, XC_SDP_VIDEO, XC_SDP_APPLICATION */
    uint8_t direction; /* XC_SDP_* of ours, hold not counted. Inactive: dormant, not offered until
                          it is raised; a section that is there stays, as a=inactive. Of an
                          application section: anything else offers it, and it stays open */
    uint8_t accept;    /* taken besides where the peer offers it: what flows then is
                          (direction | accept) & what the peer's offer lets flow */
    uint32_t ssrc;     /* of what we send */
    uint32_t repair_ssrc;  /* video: of its retransmissions (RFC 4588); 0: no RTX either way */
    bool fec, dtx, stereo; /* Opus: what we announce */
    bool red;              /* audio: RED over Opus (RFC 2198) may be used */
    bool red_first;        /* and the peer is asked to send it: it stands before Opus */
    bool telephone_event;  /* audio: DTMF at 48 kHz (RFC 4733) */
    uint32_t
        audio_bitrate_bps; /* maxaveragebitrate that we ask for when it is not the default; 0 none */
    /* video: XC_CODEC_VP8, XC_CODEC_VP9 that we speak, the order of our offer; 0 ends. Empty: VP8 */
    uint8_t video_codecs[XC_VIDEO_CODECS_MAX];
    bool prefer_codecs; /* that order holds for what we send and in our answers too, as after
                           setCodecPreferences; otherwise the peer's order does */
    bool screen; /* video: a=content:slides (RFC 4796), and matched to such a section first */
    /* application */
    uint16_t sctp_port;        /* 0: XC_SCTP_PORT_DEFAULT */
    uint32_t max_message_size; /* that we take; 0: XC_SDP_MESSAGE_SIZE, UINT32_MAX: no limit */
};

struct xc_negotiate_config {
    char cname[17];     /* random text, RFC 7022 */
    char stream_id[17]; /* msid */
    struct xc_sdp_fingerprint fingerprint;
    uint32_t extensions; /* bit set of 1 << XC_EXT_*: which we offer and accept. MID always is */
    bool trickle;
};

struct xc_agreed_codec {
    uint8_t codec;                       /* XC_CODEC_* but RTX */
    uint8_t send_payload_type;           /* what the peer wants to receive (its numbering) */
    uint8_t receive_payload_type;        /* what we said */
    uint8_t repair_send, repair_receive; /* of its RTX, both or neither; 0: none */
    uint8_t inner_send, inner_receive;   /* RED: payload type of the Opus blocks in it */
    uint32_t feedback;                   /* XC_SDP_FB_* in both descriptions */
};

/* One media section as agreed; sends only where direction says so. */
struct xc_media_agreed {
    bool active; /* false: rejected or not negotiated yet */
    uint8_t kind;
    char mid[XC_SDP_TOKEN_MAX + 1];
    uint8_t direction; /* ours, after both sides' wishes and holds: XC_SDP_*. Of an application
                          section always XC_SDP_SENDRECV */
    /* In the order in which we may send: codecs[0] is the one to send (Opus, or RED where it stands
     * before Opus; VP8 or VP9), a telephone event is last. The peer may send any at any time. Video:
     * each codec once; audio: Opus always, RED and telephone events where both wish. */
    struct xc_agreed_codec codecs[XC_AGREED_CODECS_MAX];
    uint8_t codec_count;
    bool reduced_size;                            /* rtcp-rsize */
    uint8_t extension_ids[XC_EXT_KNOWN];          /* 0: not agreed in this section */
    uint32_t extensions_send, extensions_receive; /* 1 << XC_EXT_*: the directions agreed for them
                                                     (RFC 8285 section 6), from our side */
    /* Opus, from the peer's fmtp: what it asks of our encoder */
    bool remote_fec, remote_dtx, remote_stereo, remote_cbr;
    bool remote_red; /* RED stands before Opus in its description: it asks for RED */
    uint32_t remote_max_bitrate_bps; /* 0: none given */
    uint32_t remote_max_playback_rate;
    uint16_t ptime_ms; /* 0: none given */
    /* Video, from the peer's fmtp of codecs[0] (RFC 7741 section 6.1, RFC 9628 section 6): what it
     * can decode; 0: none given */
    uint32_t remote_max_frame_size; /* macroblocks */
    uint32_t remote_max_frame_rate;
    uint32_t remote_ssrcs[XC_REMOTE_SSRCS_MAX]; /* announced; may be empty */
    uint32_t repair_ssrcs[XC_REMOTE_SSRCS_MAX]; /* RTX of remote_ssrcs[i]; 0: none announced */
    uint8_t remote_ssrc_count;
    /* application */
    uint16_t remote_sctp_port;
    uint32_t remote_max_message_size; /* UINT32_MAX: no limit */
};

/* What the m line said and must come back unchanged. */
struct xc_negotiate_line {
    char kind_text[XC_SDP_TOKEN_MAX + 1];
    char protocol[XC_SDP_TOKEN_MAX + 1];
    char formats[XC_SDP_TOKEN_MAX + 1]; /* where they are no payload types */
    uint8_t payload_type; /* the first, for the m line of a section that is rejected */
};

/* A description that waits for its answer. */
struct xc_negotiate_section {
    struct xc_negotiate_line line;
    struct xc_media_agreed media; /* as offered by us, or as we shall answer */
    int8_t want;
    uint8_t wish;             /* ours when we wrote it */
    uint8_t remote_direction; /* as the peer wrote it */
    bool given_up;            /* port 0 in our description or in the peer's */
};

struct xc_negotiate_pending {
    uint8_t count;
    struct xc_negotiate_section sections[XC_SDP_SECTIONS_MAX];
    uint8_t bundle[XC_SDP_SECTIONS_MAX]; /* sections, in the order of the peer's group */
    uint8_t bundle_count;
    struct xc_sdp_transport transport;
    int8_t transport_section; /* -1: no section was accepted, the transport stays */
    bool dtls_client;
    bool offer_due; /* as it was when we made it */
    bool session_allow_mixed;
    bool section_allow_mixed[XC_SDP_SECTIONS_MAX];
};

/* A row of the append-only table: once an id means a URI it always does. */
struct xc_negotiate_extension {
    uint16_t id;
    int8_t known; /* XC_EXT_*, or -1: a URI that only the peer knows; its id stays taken */
};

struct xc_negotiation {
    struct xc_negotiate_config config;
    uint8_t state; /* XC_SIGNALLING_* */
    bool polite;
    bool answered_once; /* the first exchange is done: roles are fixed */
    bool hold_local;    /* directions of ours become sendonly/inactive (RFC 3264 section 8.4) */
    bool offer_due;     /* write true where an offer is needed for another reason (ICE restart,
                           wants[].video_codecs); false again when an offer made since is answered */
    bool remote_hold;   /* the peer's last description keeps us from sending in every section */
    bool dtls_client;   /* valid once answered_once (or after create_answer) */
    uint8_t want_count;
    struct xc_media_want wants[XC_MEDIA_MAX];
    uint8_t media_count; /* sections in the session so far, rejected ones included */
    struct xc_media_agreed media[XC_SDP_SECTIONS_MAX];
    int8_t want_of[XC_SDP_SECTIONS_MAX]; /* section -> want, -1 none */
    struct xc_negotiate_extension extension_table[XC_EXTENSIONS_MAX];
    uint8_t extension_count;
    uint8_t extension_count_settled; /* without those that only our offer that is out uses */
    uint32_t extension_ids_taken[8]; /* a bit an id, those that found no row included */
    /* what each payload type first meant in any description, see negotiate_codecs.c */
    uint16_t payload_types[128];
    /* the peer's transport of the newest description */
    struct xc_sdp_transport remote_transport;
    uint8_t remote_transport_section; /* whose transport that is */
    uint32_t named_wants;             /* 1 << want: its sources stood in a description of ours */
    bool remote_ice_restart;          /* the newest description brought a new ufrag or password */
    uint64_t session_id, session_version;
    bool remote_extmap_allow_mixed;
    /* inside */
    bool want_refused[XC_MEDIA_MAX]; /* the peer rejected or stopped it: not offered again by
                                        itself; clear it to try again. Still matched to its offers */
    struct xc_negotiate_line lines[XC_SDP_SECTIONS_MAX];
    uint8_t said[XC_SDP_SECTIONS_MAX];      /* the direction of our newest description */
    uint8_t said_most[XC_SDP_SECTIONS_MAX]; /* what the peer's offer let us say at the most */
    uint8_t said_wish[XC_SDP_SECTIONS_MAX]; /* what we wished then: more since needs an offer */
    uint8_t taken[XC_SDP_SECTIONS_MAX]; /* what of wants[].accept the peer's offers called for */
    bool given_up[XC_SDP_SECTIONS_MAX]; /* free for another use */
    uint32_t mid_next;                  /* above all numbers that were mids */
    struct xc_negotiate_pending local, remote;
};

struct xc_negotiate_error {
    const char *text; /* static */
    uint32_t line;    /* 0: no particular line */
};

/* cname and stream_id that are empty are drawn from rng. */
void xc_negotiate_init(struct xc_negotiation *n, const struct xc_negotiate_config *config,
                       bool offerer, struct xc_rng *rng);
/* Wishes in the order of the offer's sections, at any time; the peer's sections are matched to them by
 * kind (and screen), those first that let something flow, first come first served. Returns false
 * when XC_MEDIA_MAX are there. */
bool xc_negotiate_add_want(struct xc_negotiation *n, const struct xc_media_want *want);

/* Wishes and hold are changed by writing wants[] and hold_local; then, when this says so, an offer is
 * due (W3C: negotiation needed). Also after a rollback. False unless stable. */
bool xc_negotiate_needed(const struct xc_negotiation *n);

/* Does the peer's offer that waits for our answer restart ICE? Then `local` of the answer is to be new
 * too (RFC 8839 section 4.4.3). */
bool xc_negotiate_offer_restarts(const struct xc_negotiation *n);

/* The agreed entry of a XC_CODEC_*, NULL when there is none. */
const struct xc_agreed_codec *xc_negotiate_codec(const struct xc_media_agreed *media,
                                                 uint8_t codec);
/* The agreed entry whose receive payload type this is; *repair tells whether it is that of its RTX.
 * NULL when there is none. */
const struct xc_agreed_codec *xc_negotiate_codec_received(const struct xc_media_agreed *media,
                                                          uint8_t payload_type, bool *repair);

/* Fills *sdp (scratch given by the caller, large) completely but for candidates; ufrag, password and
 * ICE options are those of `local`, setup and fingerprint are not. An ICE restart of ours is an
 * offer with another ufrag and password in `local`; where it loses a glare, `local` of the answer
 * is the old one again unless the peer's offer restarts too, and offer_due brings the next offer.
 * error may be NULL everywhere. */
int xc_negotiate_create_offer(struct xc_negotiation *n, const struct xc_sdp_transport *local,
                              struct xc_sdp *sdp);
int xc_negotiate_apply_offer(struct xc_negotiation *n, const struct xc_sdp *offer,
                             struct xc_negotiate_error *error);
int xc_negotiate_create_answer(struct xc_negotiation *n, const struct xc_sdp_transport *local,
                               struct xc_sdp *sdp);
int xc_negotiate_apply_answer(struct xc_negotiation *n, const struct xc_sdp *answer,
                              struct xc_negotiate_error *error);
/* Our offer was refused or glare: back to stable. */
void xc_negotiate_rollback(struct xc_negotiation *n);

#endif
