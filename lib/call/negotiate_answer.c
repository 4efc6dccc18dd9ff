/* negotiate_answer.c - our answer out (RFC 8829 section 5.3), the peer's answer in (section 5.11,
 * RFC 3264 section 7). Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

int xc_negotiate_create_answer(struct xc_negotiation *n, const struct xc_sdp_transport *local,
                               struct xc_sdp *sdp)
{
    struct xc_negotiate_pending *p = &n->remote;
    if (n->state != XC_SIGNALLING_REMOTE_OFFER)
        return XC_NEGOTIATE_STATE;
    for (uint8_t i = 0; i < p->count; i++) {
        struct xc_negotiate_section *s = &p->sections[i];
        uint8_t most = xc_negotiate_mirror(s->remote_direction);
        s->given_up = !s->media.active;
        s->wish = xc_negotiate_wish(n, s->want, most);
        if (s->media.active)
            s->media.direction = s->wish & most;
    }
    bool client = p->transport_section >= 0 ? p->dtls_client : n->dtls_client;
    xc_negotiate_describe(n, p, local, client ? XC_SDP_ACTIVE : XC_SDP_PASSIVE, sdp);
    n->remote_extmap_allow_mixed = p->session_allow_mixed;
    xc_negotiate_commit(n, p, true);
    return XC_NEGOTIATE_OK;
}

/* What makes the whole answer unacceptable in section i. */
static int check_section(const struct xc_negotiation *n, const struct xc_sdp *answer, uint8_t i,
                         struct xc_negotiate_error *error)
{
    const struct xc_sdp_section *section = &answer->sections[i];
    const struct xc_media_agreed *offered = &n->local.sections[i].media;
    if (section->kind != offered->kind)
        return xc_negotiate_bad(error, "the answer's sections are of other kinds than the offer's");
    if (section->mid[0] && strcmp(section->mid, offered->mid))
        return xc_negotiate_bad(error, "the answer's mids are not the offer's");
    if (section->port == 0)
        return XC_NEGOTIATE_OK;
    if (!offered->active)
        return xc_negotiate_bad(error, "the answer accepts a section that was not offered");
    if (!xc_negotiate_protocol_fits(section->kind, section->protocol))
        return xc_negotiate_bad(error, section->kind == XC_SDP_APPLICATION
                                           ? "the answer leaves SCTP over DTLS"
                                           : "the answer leaves DTLS-SRTP");
    return XC_NEGOTIATE_OK;
}

/* Something of what we offered is left. */
static bool is_usable(const struct xc_negotiation *n, const struct xc_sdp_section *section,
                      uint8_t i)
{
    const struct xc_negotiate_section *s = &n->local.sections[i];
    struct xc_media_agreed media = s->media;
    if (section->port == 0)
        return false;
    if (section->kind == XC_SDP_APPLICATION)
        return !section->sctp_port_given || section->sctp_port != 0;
    return section->rtcp_mux && s->want >= 0 &&
           xc_negotiate_codecs_keep(&n->wants[s->want], section, &media);
}

/* The sections that both sides can use, as a bit set. One that the peer accepts without rtcp-mux,
 * outside the group or without our codec is dead on our side: our next offer takes it out. */
static uint32_t accepted_sections(const struct xc_negotiation *n, const struct xc_sdp *answer)
{
    struct xc_negotiate_bundle bundle = {.taken = false};
    uint32_t accepted = 0;
    for (uint8_t i = 0; i < answer->section_count; i++) {
        const struct xc_sdp_section *section = &answer->sections[i];
        bool grouped = xc_negotiate_bundled(answer, section->mid);
        if (!is_usable(n, section, i) || !xc_negotiate_bundle_fits(&bundle, grouped))
            continue;
        xc_negotiate_bundle_accepted(&bundle, grouped);
        accepted |= 1U << i;
    }
    return accepted;
}

static int check_answer(const struct xc_negotiation *n, const struct xc_sdp *answer,
                        struct xc_negotiate_error *error)
{
    if (answer->section_count != n->local.count)
        return xc_negotiate_bad(error, "the answer has not as many sections as the offer");
    for (uint8_t i = 0; i < answer->section_count; i++) {
        if (check_section(n, answer, i, error) != XC_NEGOTIATE_OK)
            return XC_NEGOTIATE_BAD;
    }
    return XC_NEGOTIATE_OK;
}

static void take_section(const struct xc_negotiation *n, struct xc_negotiate_section *s,
                         const struct xc_sdp_section *section)
{
    xc_negotiate_codecs_keep(&n->wants[s->want], section, &s->media);
    xc_negotiate_extensions_keep(section, &s->media);
    xc_negotiate_codecs_estimate(&s->media);
    xc_negotiate_take_remote(s, section);
}

int xc_negotiate_apply_answer(struct xc_negotiation *n, const struct xc_sdp *answer,
                              struct xc_negotiate_error *error)
{
    struct xc_negotiate_pending *p = &n->local;
    if (n->state != XC_SIGNALLING_LOCAL_OFFER)
        return XC_NEGOTIATE_STATE;
    if (check_answer(n, answer, error) != XC_NEGOTIATE_OK)
        return XC_NEGOTIATE_BAD;
    uint32_t accepted = accepted_sections(n, answer);
    if (xc_negotiate_transport(n, answer, accepted, true, p, error) != XC_NEGOTIATE_OK)
        return XC_NEGOTIATE_BAD;
    if (xc_negotiate_extensions_clash(n, answer, accepted))
        return xc_negotiate_bad(error, "a header extension's id changed its meaning");
    xc_negotiate_codecs_settle(n);
    for (uint8_t i = 0; i < p->count; i++) {
        struct xc_negotiate_section *s = &p->sections[i];
        s->given_up = !s->media.active || answer->sections[i].port == 0;
        if (accepted >> i & 1) {
            take_section(n, s, &answer->sections[i]);
        } else {
            s->media.active = false;
            s->media.direction = XC_SDP_INACTIVE;
        }
    }
    n->remote_extmap_allow_mixed = p->session_allow_mixed && answer->extmap_allow_mixed;
    xc_negotiate_codecs_note(n, answer);
    xc_negotiate_extensions_note(n, answer, accepted);
    xc_negotiate_commit(n, p, false);
    return XC_NEGOTIATE_OK;
}
