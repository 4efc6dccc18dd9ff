/* sdp.h - session descriptions (RFC 8866) with the attributes that JSEP (RFC 8829), BUNDLE
 * (RFC 9143), ICE (RFC 8839) and DTLS-SRTP (RFC 8842) use, as one bounded struct, read and written.
 * No negotiation here: this file knows text, call/negotiate.c knows offers and answers.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_SDP_H
#define XC_WIRE_SDP_H

#include "wire/candidate.h"

#define XC_SDP_SECTIONS_MAX 16
#define XC_SDP_CODECS_MAX 48 /* payload types of one section; more are ignored */
#define XC_SDP_EXTMAPS_MAX 24
#define XC_SDP_CANDIDATES_MAX 32 /* in all sections together */
#define XC_SDP_FINGERPRINTS_MAX 4
#define XC_SDP_SSRCS_MAX 8
#define XC_SDP_FIDS_MAX 4
#define XC_SDP_TOKEN_MAX 64 /* mid, msid part (RFC 8830: 64), codec name ...: longer is an error */
#define XC_SDP_FMTP_MAX 255
#define XC_SDP_UFRAG_MAX 256
#define XC_SDP_MESSAGE_SIZE 65536 /* max-message-size where it is absent (RFC 8841 section 6.1) */
#define XC_SDP_TEXT_MAX 65536     /* bytes of a whole description that we read */

enum { XC_SDP_AUDIO = 1, XC_SDP_VIDEO, XC_SDP_APPLICATION, XC_SDP_OTHER };
enum { XC_SDP_INACTIVE = 0, XC_SDP_RECVONLY = 1, XC_SDP_SENDONLY = 2, XC_SDP_SENDRECV = 3 };
enum { XC_SDP_SETUP_NONE = 0, XC_SDP_ACTPASS, XC_SDP_ACTIVE, XC_SDP_PASSIVE, XC_SDP_HOLDCONN };

enum { /* rtcp-fb of one payload type */
       XC_SDP_FB_NACK = 1,
       XC_SDP_FB_PLI = 2,
       XC_SDP_FB_FIR = 4,
       XC_SDP_FB_REMB = 8,
       XC_SDP_FB_TRANSPORT_CC = 16,
};

struct xc_sdp_codec {
    uint8_t payload_type;
    char name[XC_SDP_TOKEN_MAX + 1]; /* as written, compare without case; empty without rtpmap */
    uint32_t clock_rate;
    uint8_t channels;  /* 1 if absent */
    uint32_t feedback; /* XC_SDP_FB_*, those of "*" included */
    char fmtp[XC_SDP_FMTP_MAX + 1];
};

struct xc_sdp_extmap {
    uint16_t id;
    uint8_t direction; /* XC_SDP_SENDRECV if absent */
    char uri[128];
};

struct xc_sdp_fingerprint {
    char hash[16]; /* "sha-256", lower case */
    uint8_t digest[64];
    uint8_t size;
};

struct xc_sdp_ssrc {
    uint32_t ssrc;
    char cname[XC_SDP_TOKEN_MAX + 1];
};

struct xc_sdp_fid {
    uint32_t primary, repair;
};

/* ICE and DTLS parameters; those at session level are copied into each section that has none. */
struct xc_sdp_transport {
    char ufrag[XC_SDP_UFRAG_MAX + 1];
    char password[XC_SDP_UFRAG_MAX + 1];
    bool ice_lite, trickle, renomination; /* ice_lite: of the whole session (RFC 8839 5.3) */
    uint8_t setup;                        /* XC_SDP_SETUP_* */
    struct xc_sdp_fingerprint fingerprints[XC_SDP_FINGERPRINTS_MAX];
    uint8_t fingerprint_count;
};

struct xc_sdp_section {
    uint8_t kind;                         /* XC_SDP_AUDIO ... */
    char kind_text[XC_SDP_TOKEN_MAX + 1]; /* the media word as written */
    uint16_t port;
    char protocol[XC_SDP_TOKEN_MAX + 1];
    char mid[XC_SDP_TOKEN_MAX + 1];
    bool bundle_only, rtcp_mux, rtcp_rsize, extmap_allow_mixed, end_of_candidates;
    uint8_t direction; /* XC_SDP_* */
    struct xc_sdp_transport transport;
    struct xc_sdp_codec codecs[XC_SDP_CODECS_MAX]; /* in the order of the m line */
    uint8_t codec_count;
    char formats[XC_SDP_TOKEN_MAX + 1]; /* the m line's formats where they are no payload types */
    struct xc_sdp_extmap extmaps[XC_SDP_EXTMAPS_MAX];
    uint8_t extmap_count;
    char msid_stream[XC_SDP_TOKEN_MAX + 1], msid_track[XC_SDP_TOKEN_MAX + 1];
    struct xc_sdp_ssrc ssrcs[XC_SDP_SSRCS_MAX];
    uint8_t ssrc_count;
    struct xc_sdp_fid fids[XC_SDP_FIDS_MAX]; /* a=ssrc-group:FID; more are ignored */
    uint8_t fid_count;
    bool slides; /* a=content:slides (RFC 4796) */
    bool sctp_port_given;
    uint16_t sctp_port;
    bool sctp_map;             /* written as sctpmap, the form before RFC 8841 */
    uint32_t max_message_size; /* 0 in none but an application section; UINT32_MAX = no limit */
    uint16_t ptime_ms, maxptime_ms; /* 0 if absent */
};

struct xc_sdp_candidate {
    uint8_t section;
    struct xc_candidate candidate;
};

struct xc_sdp {
    uint64_t session_id;
    uint64_t session_version;
    bool extmap_allow_mixed;                                /* at session level */
    char bundle[XC_SDP_SECTIONS_MAX][XC_SDP_TOKEN_MAX + 1]; /* mids of the first BUNDLE group */
    uint8_t bundle_count;
    bool msid_semantic_wms;
    struct xc_sdp_section sections[XC_SDP_SECTIONS_MAX];
    uint8_t section_count;
    struct xc_sdp_candidate candidates[XC_SDP_CANDIDATES_MAX];
    uint8_t candidate_count;
};

/* On error: a sentence for people (static text) and the line it stands on. */
struct xc_sdp_error {
    const char *text;
    uint32_t line;
};

/* Accepts CRLF and LF. Refuses: a text that does not begin with v=0, control characters (NUL, CR
 * inside a line), more than XC_SDP_TEXT_MAX bytes or XC_SDP_SECTIONS_MAX sections, an m line
 * without formats, duplicate mids, a BUNDLE group with a mid that no section has or twice, extmap
 * ids 0, 15, above 255 or used twice in a section, a payload type above 127 or in 64..95 of a
 * section with rtcp-mux, a digest that does not fit its hash, an ICE ufrag under 4 or a password
 * under 22 characters (RFC 8839 section 5.4), tokens over their limit, numbers that do not fit.
 * Unknown lines and attributes, and candidates that are malformed or of no use here, are ignored;
 * so are fmtp lines over XC_SDP_FMTP_MAX and what is over a table's maximum. `error` may be NULL;
 * on error the struct holds nothing of use. */
bool xc_sdp_parse(struct xc_sdp *sdp, struct xc_span text, struct xc_sdp_error *error);
/* Writes with CRLF. Returns the size without the NUL it also writes, 0 when it does not fit or when
 * a string of the struct holds a control character. Where kind_text, protocol or formats are empty,
 * those that JSEP asks for by `kind` are written. An application section's direction is not
 * written; its sctp-port and max-message-size are where sctp_port is not 0. */
size_t xc_sdp_write(const struct xc_sdp *sdp, char *text, size_t capacity);

/* The value of "name=value" or of a bare "name" in a fmtp line, compared without case. */
bool xc_sdp_fmtp_get(const char *fmtp, const char *name, struct xc_span *value);
/* As a number; `otherwise` when absent or malformed. */
uint32_t xc_sdp_fmtp_number(const char *fmtp, const char *name, uint32_t otherwise);

#endif
