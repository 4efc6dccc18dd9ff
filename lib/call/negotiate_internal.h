/* negotiate_internal.h - what the negotiate_*.c files share.
 *
 *   negotiate.c             life, wishes, what both ways of agreeing have in common
 *   negotiate_offer.c       our offer out, the peer's offer in
 *   negotiate_answer.c      our answer out, the peer's answer in
 *   negotiate_codecs.c      payload types and format parameters
 *   negotiate_extensions.c  header extensions
 *   negotiate_transport.c   BUNDLE, ICE and DTLS parameters
 *   negotiate_describe.c    sections as text structs
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_NEGOTIATE_INTERNAL_H
#define XC_CALL_NEGOTIATE_INTERNAL_H

#include "call/negotiate.h"

struct xc_negotiate_codec {
    const char *name;
    uint32_t clock_rate;
    uint32_t feedback;            /* always */
    uint32_t feedback_estimation; /* with bandwidth estimation: XC_EXT_TRANSPORT_CC configured */
    uint32_t extensions;          /* 1 << XC_EXT_* that make sense for this kind */
    uint8_t kind;
    uint8_t channels;
    uint8_t payload_type; /* what we offer where nothing else is settled */
    uint8_t meaning;      /* in xc_negotiation.payload_types */
};

/* negotiate.c */
/* Always XC_NEGOTIATE_BAD. */
int xc_negotiate_bad(struct xc_negotiate_error *error, const char *text);
/* The other side's view of a direction. */
uint8_t xc_negotiate_mirror(uint8_t direction);
/* What we would say if the peer took all of it. */
uint8_t xc_negotiate_wish(const struct xc_negotiation *n, int8_t want);
bool xc_negotiate_protocol_fits(const char *protocol);
void xc_negotiate_copy(char *to, size_t capacity, const char *from); /* cut where it does not fit */
/* What the peer's section says about its sending and receiving. */
void xc_negotiate_take_remote(struct xc_negotiate_section *s, const struct xc_sdp_section *section,
                              const struct xc_sdp_codec *codec);
/* Makes the pending sections the agreed ones and the state stable. `answer`: p is ours. */
void xc_negotiate_commit(struct xc_negotiation *n, struct xc_negotiate_pending *p, bool answer);

/* negotiate_codecs.c */
const struct xc_negotiate_codec *xc_negotiate_codec_of(uint8_t kind); /* NULL: none */
uint32_t xc_negotiate_feedback(const struct xc_negotiation *n, uint8_t kind);
/* The section's entry for the codec of its kind, `preferred` first; NULL when it has none. */
const struct xc_sdp_codec *xc_negotiate_codec_find(const struct xc_sdp_section *section,
                                                   uint8_t kind, uint8_t preferred);
/* The payload type that agreed section i sends now means another codec. */
bool xc_negotiate_codec_moved(const struct xc_negotiation *n, uint8_t i,
                              const struct xc_sdp_section *section);
void xc_negotiate_codecs_note(struct xc_negotiation *n, const struct xc_sdp *sdp);
/* The same for what we agreed to receive. */
void xc_negotiate_codecs_settle(struct xc_negotiation *n);
/* For a new section of ours, section i of the local offer; 0 when all are taken. */
uint8_t xc_negotiate_payload_type(const struct xc_negotiation *n, uint8_t i);
void xc_negotiate_fmtp_read(struct xc_media_agreed *media, const char *fmtp);
void xc_negotiate_fmtp_write(const struct xc_media_want *want, char fmtp[XC_SDP_FMTP_MAX + 1]);

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
