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

/* The smallest number from the section's own on that no mid of either side's is. */
static void make_mid(const struct xc_negotiation *n, uint8_t i, char mid[XC_SDP_TOKEN_MAX + 1])
{
    for (uint64_t number = i;; number++) {
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

/* Everything of an offered section that does not depend on whether it is new. */
static void offer_section(struct xc_negotiation *n, uint8_t i)
{
    struct xc_negotiate_section *s = &n->local.sections[i];
    const struct xc_negotiate_codec *codec = xc_negotiate_codec_of(s->media.kind);
    s->media.active = true;
    s->media.direction = xc_negotiate_wish(n, s->want);
    s->media.reduced_size = true;
    s->media.feedback = xc_negotiate_feedback(n, s->media.kind);
    s->media.clock_rate = codec->clock_rate;
    s->media.channels = codec->channels;
    xc_negotiate_copy(s->media.codec, sizeof s->media.codec, codec->name);
    xc_negotiate_extensions_offer(n, i, &s->media);
    if (!s->media.extension_ids[XC_EXT_TRANSPORT_CC])
        s->media.feedback &= ~(uint32_t)XC_SDP_FB_TRANSPORT_CC;
    if (!s->media.mid[0])
        make_mid(n, i, s->media.mid);
    n->local.bundle[n->local.bundle_count++] = i;
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
    s->media.receive_payload_type = agreed->receive_payload_type;
    n->local.count = (uint8_t)(i + 1);
    if (agreed->active)
        offer_section(n, i);
}

/* False when no payload type is left for it. */
static bool offer_new(struct xc_negotiation *n, uint8_t want)
{
    uint8_t i = n->local.count;
    struct xc_negotiate_section *s = &n->local.sections[i];
    memset(s, 0, sizeof *s);
    s->want = (int8_t)want;
    s->media.kind = n->wants[want].kind;
    s->media.receive_payload_type = xc_negotiate_payload_type(n, i);
    if (!s->media.receive_payload_type)
        return false;
    s->line.payload_type = s->media.receive_payload_type;
    xc_negotiate_copy(s->line.kind_text, sizeof s->line.kind_text,
                      s->media.kind == XC_SDP_AUDIO ? "audio" : "video");
    xc_negotiate_copy(s->line.protocol, sizeof s->line.protocol, "UDP/TLS/RTP/SAVPF");
    n->local.count++;
    offer_section(n, i);
    return true;
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
    for (uint8_t w = 0; w < n->want_count && p->count < XC_SDP_SECTIONS_MAX; w++) {
        if (!is_assigned(n, w) && !n->want_refused[w])
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

static int8_t match_want(const struct xc_negotiation *n, uint8_t kind, uint32_t used)
{
    for (uint8_t w = 0; w < n->want_count; w++) {
        if (n->wants[w].kind == kind && !(used >> w & 1))
            return (int8_t)w;
    }
    return -1;
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

/* A wish for the section where it can be accepted, else -1. */
static int8_t judge_section(const struct xc_negotiation *n, const struct xc_sdp *offer, uint8_t i,
                            uint32_t used)
{
    const struct xc_sdp_section *section = &offer->sections[i];
    bool again = i < n->media_count && n->media[i].active;
    /* The attributes of a bundle-only section may all be those of the group's first (RFC 9143
     * section 7.1.3), rtcp-mux too. */
    if (!xc_negotiate_codec_of(section->kind) || !is_offered(offer, i) ||
        !xc_negotiate_protocol_fits(section->protocol) ||
        !(section->rtcp_mux || section->bundle_only))
        return -1;
    return again ? n->want_of[i] : match_want(n, section->kind, used);
}

static void take_section(const struct xc_negotiation *n, const struct xc_sdp_section *section,
                         const struct xc_sdp_codec *codec, struct xc_negotiate_section *s)
{
    const struct xc_negotiate_codec *ours = xc_negotiate_codec_of(section->kind);
    s->media.active = true;
    s->media.receive_payload_type = codec->payload_type;
    s->media.clock_rate = ours->clock_rate;
    s->media.channels = ours->channels;
    xc_negotiate_copy(s->media.codec, sizeof s->media.codec, ours->name);
    s->media.feedback = codec->feedback & xc_negotiate_feedback(n, section->kind);
    xc_negotiate_take_remote(s, section, codec);
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
        bool again = i < n->media_count && n->media[i].active;
        take_line(s, section);
        bool grouped = xc_negotiate_bundled(offer, section->mid);
        const struct xc_sdp_codec *codec = xc_negotiate_codec_find(
            section, section->kind, again ? n->media[i].send_payload_type : 0);
        int8_t want = judge_section(n, offer, i, used);
        if (want < 0 || !codec || !xc_negotiate_bundle_fits(&bundle, grouped))
            continue;
        xc_negotiate_bundle_accepted(&bundle, grouped);
        used |= 1U << want;
        accepted |= 1U << i;
        s->want = want;
        take_section(n, section, codec, s);
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
        if (!s->media.extension_ids[XC_EXT_TRANSPORT_CC])
            s->media.feedback &= ~(uint32_t)XC_SDP_FB_TRANSPORT_CC;
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
