/* negotiate_offer.c - our offer out (RFC 8829 sections 5.2.1, 5.2.2), the peer's offer in (section
 * 5.10, RFC 3264 sections 6 and 8). Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

#include "wire/text.h"

static bool mid_is_free(const struct xc_negotiation *n, const char *mid)
{
    for (uint8_t i = 0; i < n->local.count; i++) {
        if (!strcmp(n->local.sections[i].media.mid, mid))
            return false;
    }
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (!strcmp(n->media[i].mid, mid))
            return false;
    }
    return true;
}

/* The smallest number from the section's own on that never was a mid. */
static void make_mid(const struct xc_negotiation *n, uint8_t i, char mid[XC_SDP_TOKEN_MAX + 1])
{
    for (uint64_t number = XC_MAX(i, n->mid_next);; number++) {
        struct xc_writer w = xc_writer_make(mid, XC_SDP_TOKEN_MAX + 1);
        char taken[XC_SDP_TOKEN_MAX + 1];
        mid[0] = '\0';
        xc_text_write_number(&w, number);
        xc_write8(&w, 0);
        memcpy(taken, mid, sizeof taken);
        mid[0] = '\0'; /* mid may be one of those that are looked at */
        if (mid_is_free(n, taken)) {
            memcpy(mid, taken, sizeof taken);
            return;
        }
    }
}

/* Everything of an offered section that does not depend on whether it is new. False, and nothing of
 * it, when no payload type is left. */
static bool offer_section(struct xc_negotiation *n, uint8_t i)
{
    struct xc_negotiate_section *s = &n->local.sections[i];
    s->media.active = true;
    s->media.direction = s->wish = xc_negotiate_wish(n, s->want, n->taken[i]);
    s->media.reduced_size = s->media.kind != XC_SDP_APPLICATION;
    if (!xc_negotiate_codecs_offer(n, i)) {
        s->media.active = false;
        return false;
    }
    xc_negotiate_extensions_offer(n, i, &s->media);
    xc_negotiate_codecs_estimate(&s->media);
    if (s->media.codec_count)
        s->line.payload_type = s->media.codecs[0].receive_payload_type;
    if (!s->media.mid[0])
        make_mid(n, i, s->media.mid);
    n->local.bundle[n->local.bundle_count++] = i;
    return true;
}

static void offer_again(struct xc_negotiation *n, uint8_t i)
{
    struct xc_negotiate_section *s = &n->local.sections[i];
    const struct xc_media_agreed *agreed = &n->media[i];
    memset(s, 0, sizeof *s);
    s->line = n->lines[i];
    s->want = n->want_of[i];
    s->media.kind = agreed->kind;
    memcpy(s->media.mid, agreed->mid, sizeof s->media.mid);
    n->local.count = (uint8_t)(i + 1);
    if (agreed->active)
        offer_section(n, i);
}

/* A section that both sides gave up, else a new one; XC_SDP_SECTIONS_MAX when there is no room. */
static uint8_t place_for_new(const struct xc_negotiation *n)
{
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (n->given_up[i] && !n->media[i].active && !n->local.sections[i].media.active)
            return i;
    }
    return n->local.count;
}

static void offer_new(struct xc_negotiation *n, uint8_t want)
{
    uint8_t i = place_for_new(n), count = n->local.count;
    if (i == XC_SDP_SECTIONS_MAX)
        return;
    struct xc_negotiate_section *s = &n->local.sections[i], kept = *s;
    bool application = n->wants[want].kind == XC_SDP_APPLICATION;
    memset(s, 0, sizeof *s);
    s->want = (int8_t)want;
    s->media.kind = n->wants[want].kind;
    xc_negotiate_copy(s->line.kind_text, sizeof s->line.kind_text,
                      s->media.kind == XC_SDP_AUDIO ? "audio"
                      : application                 ? "application"
                                                    : "video");
    xc_negotiate_copy(s->line.protocol, sizeof s->line.protocol,
                      application ? "UDP/DTLS/SCTP" : "UDP/TLS/RTP/SAVPF");
    if (application)
        xc_negotiate_copy(s->line.formats, sizeof s->line.formats, "webrtc-datachannel");
    n->local.count = XC_MAX(count, (uint8_t)(i + 1));
    if (!offer_section(n, i)) {
        n->local.count = count;
        *s = kept;
    }
}

static bool is_assigned(const struct xc_negotiation *n, uint8_t want)
{
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (n->media[i].active && n->want_of[i] == (int8_t)want)
            return true;
    }
    return false;
}

int xc_negotiate_create_offer(struct xc_negotiation *n, const struct xc_sdp_transport *local,
                              struct xc_sdp *sdp)
{
    struct xc_negotiate_pending *p = &n->local;
    if (n->state != XC_SIGNALLING_STABLE)
        return XC_NEGOTIATE_STATE;
    memset(p, 0, sizeof *p);
    p->transport_section = -1;
    p->session_allow_mixed = n->remote_extmap_allow_mixed;
    for (uint8_t i = 0; i < n->media_count; i++)
        offer_again(n, i);
    p->offer_due = n->offer_due;
    for (uint8_t w = 0; w < n->want_count; w++) {
        if (!is_assigned(n, w) && !n->want_refused[w] && !xc_negotiate_dormant(&n->wants[w]))
            offer_new(n, w);
    }
    if (p->count == 0) /* nobody wishes anything */
        return XC_NEGOTIATE_STATE;
    xc_negotiate_describe(n, p, local, XC_SDP_ACTPASS, sdp);
    n->state = XC_SIGNALLING_LOCAL_OFFER;
    return XC_NEGOTIATE_OK;
}

/* Port 0 with bundle-only is no rejection (RFC 9143 section 6), but means nothing outside a group. */
static bool is_offered(const struct xc_sdp *offer, uint8_t i)
{
    const struct xc_sdp_section *section = &offer->sections[i];
    return section->port != 0 ||
           (section->bundle_only && xc_negotiate_bundled(offer, section->mid));
}

/* What makes the whole offer unacceptable in section i. */
static int check_section(const struct xc_negotiation *n, const struct xc_sdp *offer, uint8_t i,
                         struct xc_negotiate_error *error)
{
    const struct xc_sdp_section *section = &offer->sections[i];
    const struct xc_media_agreed *agreed = &n->media[i];
    if (i >= n->media_count || !agreed->active) /* a new one, or one that the peer uses again */
        return XC_NEGOTIATE_OK;
    if (section->kind != agreed->kind)
        return xc_negotiate_bad(error, "a section changed its kind");
    if (section->mid[0] && agreed->mid[0] && strcmp(section->mid, agreed->mid))
        return xc_negotiate_bad(error, "a section changed its mid");
    if (is_offered(offer, i) && !section->mid[0] && agreed->mid[0])
        return xc_negotiate_bad(error, "a section lost its mid");
    if (is_offered(offer, i) && xc_negotiate_codec_moved(n, i, section))
        return xc_negotiate_bad(error, "a payload type changed its codec");
    return XC_NEGOTIATE_OK;
}

static int check_offer(const struct xc_negotiation *n, const struct xc_sdp *offer,
                       struct xc_negotiate_error *error)
{
    if (offer->section_count < n->media_count)
        return xc_negotiate_bad(error, "the offer has fewer sections than the session");
    if (offer->section_count == 0)
        return xc_negotiate_bad(error, "the offer has no section");
    for (uint8_t i = 0; i < offer->section_count; i++) {
        if (check_section(n, offer, i, error) != XC_NEGOTIATE_OK)
            return XC_NEGOTIATE_BAD;
    }
    return XC_NEGOTIATE_OK;
}

/* The wishes that sections of the session keep in this offer, as a bit set. */
static uint32_t wants_kept(const struct xc_negotiation *n, const struct xc_sdp *offer)
{
    uint32_t kept = 0;
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (n->media[i].active && n->want_of[i] >= 0 && is_offered(offer, i))
            kept |= 1U << n->want_of[i];
    }
    return kept;
}

/* The wish that a new section of the peer's suits best: one that lets something flow before one
 * that does not, then a screen for slides and a camera for the rest, then the first. */
static int8_t match_want(const struct xc_negotiation *n, const struct xc_sdp_section *section,
                         uint32_t used)
{
    uint8_t most = xc_negotiate_mirror(section->direction & XC_SDP_SENDRECV);
    int8_t best = -1;
    int best_score = -1;
    for (uint8_t w = 0; w < n->want_count; w++) {
        const struct xc_media_want *want = &n->wants[w];
        bool flows = ((want->direction | want->accept) & most) != 0;
        int score = (flows ? 2 : 0) + (want->screen == section->slides ? 1 : 0);
        if (want->kind != section->kind || used >> w & 1 || score <= best_score)
            continue;
        best = (int8_t)w;
        best_score = score;
    }
    return best;
}

static void take_line(struct xc_negotiate_section *s, const struct xc_sdp_section *section)
{
    s->want = -1;
    s->media.kind = section->kind;
    memcpy(s->media.mid, section->mid, sizeof s->media.mid);
    memcpy(s->line.kind_text, section->kind_text, sizeof s->line.kind_text);
    memcpy(s->line.protocol, section->protocol, sizeof s->line.protocol);
    memcpy(s->line.formats, section->formats, sizeof s->line.formats);
    if (section->codec_count)
        s->line.payload_type = section->codecs[0].payload_type;
}

/* RFC 8841: an SCTP association with a port, over DTLS, that a wish of ours asks for or accepts. */
static int8_t judge_application(const struct xc_negotiation *n,
                                const struct xc_sdp_section *section, int8_t want)
{
    if (want < 0 || !xc_negotiate_sctp_port(section))
        return -1;
    bool dormant = xc_negotiate_dormant(&n->wants[want]) && !n->wants[want].accept;
    return dormant ? -1 : want;
}

/* A wish for the section where it can be accepted, else -1. */
static int8_t judge_section(const struct xc_negotiation *n, const struct xc_sdp *offer, uint8_t i,
                            uint32_t used)
{
    const struct xc_sdp_section *section = &offer->sections[i];
    bool again = i < n->media_count && n->media[i].active;
    /* The attributes of a bundle-only section may all be those of the group's first (RFC 9143
     * section 7.1.3), rtcp-mux too. */
    if (!xc_negotiate_kind_known(section->kind) || !is_offered(offer, i) ||
        !xc_negotiate_protocol_fits(section->kind, section->protocol))
        return -1;
    int8_t want = again ? n->want_of[i] : match_want(n, section, used);
    if (section->kind == XC_SDP_APPLICATION)
        return again ? want : judge_application(n, section, want);
    return section->rtcp_mux || section->bundle_only ? want : -1;
}

/* False, and nothing of it, when we have no codec in common. */
static bool take_section(struct xc_negotiation *n, const struct xc_sdp_section *section, uint8_t i,
                         int8_t want)
{
    struct xc_negotiate_section *s = &n->remote.sections[i];
    struct xc_media_agreed before = s->media;
    s->media.active = true;
    if (!xc_negotiate_codecs_accept(n, i, want, section)) {
        s->media = before;
        return false;
    }
    s->want = want;
    xc_negotiate_take_remote(s, section);
    return true;
}

/* Which sections we accept, into n->remote; returns them as a bit set. */
static uint32_t take_sections(struct xc_negotiation *n, const struct xc_sdp *offer)
{
    struct xc_negotiate_pending *p = &n->remote;
    struct xc_negotiate_bundle bundle = {.taken = false};
    uint32_t used = wants_kept(n, offer), accepted = 0;
    p->count = offer->section_count;
    for (uint8_t i = 0; i < p->count; i++) {
        const struct xc_sdp_section *section = &offer->sections[i];
        struct xc_negotiate_section *s = &p->sections[i];
        take_line(s, section);
        bool grouped = xc_negotiate_bundled(offer, section->mid);
        int8_t want = judge_section(n, offer, i, used);
        if (want < 0 || !xc_negotiate_bundle_fits(&bundle, grouped) ||
            !take_section(n, section, i, want))
            continue;
        xc_negotiate_bundle_accepted(&bundle, grouped);
        used |= 1U << want;
        accepted |= 1U << i;
    }
    return accepted;
}

/* Header extensions and the group, once it is settled that the offer is taken. */
static void take_rest(struct xc_negotiation *n, const struct xc_sdp *offer, uint32_t accepted)
{
    struct xc_negotiate_pending *p = &n->remote;
    xc_negotiate_codecs_note(n, offer);
    xc_negotiate_extensions_note(n, offer, accepted);
    n->extension_count_settled = n->extension_count;
    p->session_allow_mixed = offer->extmap_allow_mixed;
    for (uint8_t i = 0; i < p->count; i++) {
        struct xc_negotiate_section *s = &p->sections[i];
        if (!s->media.active)
            continue;
        p->section_allow_mixed[i] = offer->sections[i].extmap_allow_mixed;
        xc_negotiate_extensions_accept(
            n, &offer->sections[i], p->session_allow_mixed || p->section_allow_mixed[i], &s->media);
        xc_negotiate_codecs_estimate(&s->media);
    }
    for (uint8_t b = 0; b < offer->bundle_count; b++) {
        for (uint8_t i = 0; i < p->count; i++) {
            if (p->sections[i].media.active && !strcmp(offer->bundle[b], offer->sections[i].mid))
                p->bundle[p->bundle_count++] = i;
        }
    }
}

int xc_negotiate_apply_offer(struct xc_negotiation *n, const struct xc_sdp *offer,
                             struct xc_negotiate_error *error)
{
    if (n->state == XC_SIGNALLING_REMOTE_OFFER)
        return XC_NEGOTIATE_STATE;
    if (n->state == XC_SIGNALLING_LOCAL_OFFER && !n->polite)
        return XC_NEGOTIATE_GLARE;
    uint8_t extension_count = n->extension_count;
    uint32_t ids_taken[XC_ARRAY_LEN(n->extension_ids_taken)];
    memcpy(ids_taken, n->extension_ids_taken, sizeof ids_taken);
    memset(&n->remote, 0, sizeof n->remote);
    xc_negotiate_extensions_forget(n);

    int result = check_offer(n, offer, error);
    uint32_t accepted = 0;
    if (result == XC_NEGOTIATE_OK) {
        accepted = take_sections(n, offer);
        result = xc_negotiate_transport(n, offer, accepted, false, &n->remote, error);
    }
    if (result == XC_NEGOTIATE_OK && xc_negotiate_extensions_clash(n, offer, accepted))
        result = xc_negotiate_bad(error, "a header extension's id changed its meaning");
    if (result != XC_NEGOTIATE_OK) {
        n->extension_count = extension_count; /* the rows themselves are as they were */
        memcpy(n->extension_ids_taken, ids_taken, sizeof ids_taken);
        return result;
    }
    take_rest(n, offer, accepted);
    n->local.count = 0; /* glare: ours is rolled back */
    n->state = XC_SIGNALLING_REMOTE_OFFER;
    return XC_NEGOTIATE_OK;
}
