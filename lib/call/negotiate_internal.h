/* negotiate_internal.h - what the negotiate_*.c files share.
 *
 *   negotiate.c             life, wishes, what both ways of agreeing have in common
 *   negotiate_offer.c       our offer out, the peer's offer in
 *   negotiate_answer.c      our answer out, the peer's answer in
 *   negotiate_formats.c     what we speak, and which entry of a section is what
 *   negotiate_codecs.c      payload types: offered, agreed on, never used for another thing
 *   negotiate_extensions.c  header extensions
 *   negotiate_transport.c   BUNDLE, ICE and DTLS parameters
 *   negotiate_describe.c    sections as text structs
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_NEGOTIATE_INTERNAL_H
#define XC_CALL_NEGOTIATE_INTERNAL_H

#include "call/negotiate.h"

struct xc_negotiate_format {
    const char *name;
    uint32_t clock_rate;
    uint32_t feedback;            /* always */
    uint32_t feedback_estimation; /* with bandwidth estimation: XC_EXT_TRANSPORT_CC configured */
    uint8_t kind;
    uint8_t channels;
    uint8_t payload_type; /* what we offer where nothing else is settled */
};

/* What a payload type means: XC_CODEC_* in the low byte; in the high byte the payload type that RTX
 * and RED stand for. */
#define XC_MEANS_NOTHING 0U
#define XC_MEANS_OTHER 255U
static inline uint16_t xc_negotiate_meaning(uint8_t codec, uint8_t base)
{
    return (uint16_t)(codec | base << 8);
}

/* negotiate.c */
/* Always XC_NEGOTIATE_BAD. */
int xc_negotiate_bad(struct xc_negotiate_error *error, const char *text);
/* The other side's view of a direction. */
uint8_t xc_negotiate_mirror(uint8_t direction);
/* What we would say if the peer took all of it; `taken`: what of wants[].accept counts. */
uint8_t xc_negotiate_wish(const struct xc_negotiation *n, int8_t want, uint8_t taken);
/* Not offered by itself. */
bool xc_negotiate_dormant(const struct xc_media_want *want);
/* The form of an SCTP section before RFC 8841: the port is the m line's format. */
bool xc_negotiate_sctp_map(const char *protocol);
/* The peer's SCTP port; 0: none, or no section of data channels. */
uint16_t xc_negotiate_sctp_port(const struct xc_sdp_section *section);
bool xc_negotiate_protocol_fits(uint8_t kind, const char *protocol);
void xc_negotiate_copy(char *to, size_t capacity, const char *from); /* cut where it does not fit */
/* What the peer's section says about its sending and receiving, codecs aside. */
void xc_negotiate_take_remote(struct xc_negotiate_section *s, const struct xc_sdp_section *section);
/* Makes the pending sections the agreed ones and the state stable. `answer`: p is ours. */
void xc_negotiate_commit(struct xc_negotiation *n, struct xc_negotiate_pending *p, bool answer);

/* negotiate_formats.c */
const struct xc_negotiate_format *xc_negotiate_format_of(uint8_t codec);
bool xc_negotiate_kind_known(uint8_t kind);
uint32_t xc_negotiate_kind_extensions(uint8_t kind); /* 1 << XC_EXT_* that make sense for it */
uint32_t xc_negotiate_feedback(const struct xc_negotiation *n, uint8_t codec);
/* The codecs of the wish in the order of our offer; returns how many. */
uint8_t xc_negotiate_spoken(const struct xc_media_want *want, uint8_t codecs[XC_AGREED_CODECS_MAX]);
/* A codec to send by itself: not RED, events, RTX. */
bool xc_negotiate_is_main(uint8_t codec);
/* RFC 5761 section 4: with rtcp-mux, 64 to 95 cannot be told from RTCP. */
bool xc_negotiate_payload_type_fits(uint8_t payload_type);
/* XC_MEANS_OTHER for what we do not know. */
uint16_t xc_negotiate_entry_meaning(const struct xc_sdp_codec *entry);
/* The section's usable entry of a meaning, the one of payload type `preferred` first; NULL: none. */
const struct xc_sdp_codec *xc_negotiate_entry_find(const struct xc_sdp_section *section,
                                                   uint16_t meaning, uint8_t preferred);
void xc_negotiate_fmtp_read(struct xc_media_agreed *media, const char *fmtp);
void xc_negotiate_fmtp_write(const struct xc_media_want *want, const struct xc_agreed_codec *codec,
                             char fmtp[XC_SDP_FMTP_MAX + 1]);

/* negotiate_codecs.c */
/* A payload type that agreed section i sends now means another thing. */
bool xc_negotiate_codec_moved(const struct xc_negotiation *n, uint8_t i,
                              const struct xc_sdp_section *section);
void xc_negotiate_codecs_note(struct xc_negotiation *n, const struct xc_sdp *sdp);
/* The same for our offer that was answered, what the peer did not take included: it has read it. */
void xc_negotiate_codecs_settle(struct xc_negotiation *n);
/* For section i of the local offer: what is agreed keeps its payload types, the rest gets new ones.
 * False when there is none left for a codec to send. */
bool xc_negotiate_codecs_offer(struct xc_negotiation *n, uint8_t i);
/* What the peer's offer and the wish have in common, into section i of the remote offer. False when
 * there is no codec to send. */
bool xc_negotiate_codecs_accept(struct xc_negotiation *n, uint8_t i, int8_t want,
                                const struct xc_sdp_section *section);
/* What the peer's answer left of our offer. False when it left no codec to send. */
bool xc_negotiate_codecs_keep(const struct xc_media_want *want,
                              const struct xc_sdp_section *section, struct xc_media_agreed *media);
/* transport-cc is asked for where its header extension is, nowhere else. */
void xc_negotiate_codecs_estimate(struct xc_media_agreed *media);

/* negotiate_extensions.c */
/* A section of the bit set `accepted` gives an id or a URI agreed in it another partner. */
bool xc_negotiate_extensions_clash(const struct xc_negotiation *n, const struct xc_sdp *sdp,
                                   uint32_t accepted);
/* Rows and taken ids for all that the description uses, accepted sections first. */
void xc_negotiate_extensions_note(struct xc_negotiation *n, const struct xc_sdp *sdp,
                                  uint32_t accepted);
/* Frees the ids that are new in our offer that is out. */
void xc_negotiate_extensions_forget(struct xc_negotiation *n);
/* Ids for our offer of section i, new ones where need be. */
void xc_negotiate_extensions_offer(struct xc_negotiation *n, uint8_t i,
                                   struct xc_media_agreed *media);
/* What we take of the peer's offer. */
void xc_negotiate_extensions_accept(const struct xc_negotiation *n,
                                    const struct xc_sdp_section *section, bool allow_mixed,
                                    struct xc_media_agreed *media);
/* What the peer's answer left of ours. */
void xc_negotiate_extensions_keep(const struct xc_sdp_section *section,
                                  struct xc_media_agreed *media);

/* negotiate_transport.c */
/* Which sections share the one transport; fed in order. */
struct xc_negotiate_bundle {
    bool taken, grouped;
};
bool xc_negotiate_bundled(const struct xc_sdp *sdp, const char *mid);
/* May this section be accepted beside those accepted before it? */
bool xc_negotiate_bundle_fits(struct xc_negotiate_bundle *bundle, bool grouped);
void xc_negotiate_bundle_accepted(struct xc_negotiate_bundle *bundle, bool grouped);
/* Chooses and checks the peer's transport and our DTLS role for the sections of the bit set
 * `accepted`, into p. */
int xc_negotiate_transport(const struct xc_negotiation *n, const struct xc_sdp *sdp,
                           uint32_t accepted, bool answer, struct xc_negotiate_pending *p,
                           struct xc_negotiate_error *error);

/* negotiate_describe.c */
void xc_negotiate_describe(struct xc_negotiation *n, const struct xc_negotiate_pending *p,
                           const struct xc_sdp_transport *local, uint8_t setup, struct xc_sdp *sdp);

#endif
