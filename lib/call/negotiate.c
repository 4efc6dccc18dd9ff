/* negotiate.c - the life of a negotiation (see negotiate.h): wishes, hold (RFC 3264 section 8.4),
 * rollback, and what both ways of agreeing have in common. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

#include "wire/text.h"

#define MID_NUMBER_MAX 999999

int xc_negotiate_bad(struct xc_negotiate_error *error, const char *text)
{
    if (error)
        *error = (struct xc_negotiate_error){.text = text};
    return XC_NEGOTIATE_BAD;
}

void xc_negotiate_copy(char *to, size_t capacity, const char *from)
{
    size_t size = XC_MIN(strlen(from), capacity - 1);
    memcpy(to, from, size);
    to[size] = '\0';
}

/* 16 characters of 5 bits: 80 bits of the 96 that RFC 7022 section 4.2 asks a CNAME for are what
 * fits; a CNAME here only has to differ from the one peer's. */
static void draw_token(char token[17], struct xc_rng *rng)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (int i = 0; i < 16; i++)
        token[i] = alphabet[xc_rng_below(rng, 32)];
    token[16] = '\0';
}

void xc_negotiate_init(struct xc_negotiation *n, const struct xc_negotiate_config *config,
                       bool offerer, struct xc_rng *rng)
{
    memset(n, 0, sizeof *n);
    n->config = *config;
    n->config.extensions |= 1U << XC_EXT_MID;
    if (!n->config.cname[0])
        draw_token(n->config.cname, rng);
    if (!n->config.stream_id[0])
        draw_token(n->config.stream_id, rng);
    n->state = XC_SIGNALLING_STABLE;
    n->polite = !offerer;
    memset(n->want_of, -1, sizeof n->want_of);
    n->session_id = xc_rng_u64(rng) >> 1; /* 63 bits: RFC 8829 section 5.2.1 */
}

bool xc_negotiate_add_want(struct xc_negotiation *n, const struct xc_media_want *want)
{
    if (n->want_count == XC_MEDIA_MAX || !xc_negotiate_kind_known(want->kind))
        return false;
    n->want_refused[n->want_count] = false;
    n->wants[n->want_count++] = *want;
    return true;
}

uint8_t xc_negotiate_mirror(uint8_t direction)
{
    return (uint8_t)((direction & XC_SDP_RECVONLY) << 1 | (direction & XC_SDP_SENDONLY) >> 1);
}

uint8_t xc_negotiate_wish(const struct xc_negotiation *n, int8_t want, uint8_t taken)
{
    if (want < 0)
        return XC_SDP_INACTIVE;
    if (n->wants[want].kind == XC_SDP_APPLICATION) /* it has no direction in any description */
        return XC_SDP_SENDRECV;
    uint8_t direction = n->wants[want].direction | (n->wants[want].accept & taken);
    direction &= XC_SDP_SENDRECV;
    return n->hold_local ? direction & XC_SDP_SENDONLY : direction;
}

bool xc_negotiate_dormant(const struct xc_media_want *want)
{
    return (want->direction & XC_SDP_SENDRECV) == XC_SDP_INACTIVE;
}

bool xc_negotiate_sctp_map(const char *protocol)
{
    return !strcmp(protocol, "DTLS/SCTP");
}

uint16_t xc_negotiate_sctp_port(const struct xc_sdp_section *section)
{
    uint64_t port;
    if (!xc_negotiate_sctp_map(section->protocol))
        return !strcmp(section->formats, "webrtc-datachannel")
                   ? section->sctp_port_given ? section->sctp_port : XC_SCTP_PORT_DEFAULT
                   : 0;
    struct xc_span format = xc_span_make(section->formats, strlen(section->formats));
    return xc_text_number(format, UINT16_MAX, &port) ? (uint16_t)port : 0;
}

/* DTLS-SRTP with feedback, under its name and under the one that came before it (RFC 8829 section
 * 5.1.2); SCTP over DTLS under both names of RFC 8841, and in the form before it
 * (draft-ietf-mmusic-sctp-sdp-07), which aiortc 1.4 offers. A profile without protection is rejected,
 * never taken as a lesser one. */
bool xc_negotiate_protocol_fits(uint8_t kind, const char *protocol)
{
    if (kind == XC_SDP_APPLICATION)
        return !strcmp(protocol, "UDP/DTLS/SCTP") || !strcmp(protocol, "TCP/DTLS/SCTP") ||
               xc_negotiate_sctp_map(protocol);
    return !strcmp(protocol, "UDP/TLS/RTP/SAVPF") || !strcmp(protocol, "RTP/SAVPF");
}

bool xc_negotiate_needed(const struct xc_negotiation *n)
{
    bool assigned[XC_MEDIA_MAX] = {false};
    if (n->state != XC_SIGNALLING_STABLE)
        return false;
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (!n->media[i].active || n->want_of[i] < 0)
            continue;
        assigned[n->want_of[i]] = true;
        uint8_t wish = xc_negotiate_wish(n, n->want_of[i], n->taken[i]);
        if ((wish & n->said_most[i]) != n->said[i] || wish & ~n->said_wish[i])
            return true;
    }
    bool room = n->media_count < XC_SDP_SECTIONS_MAX;
    for (uint8_t i = 0; i < n->media_count; i++)
        room = room || (n->given_up[i] && !n->media[i].active);
    for (uint8_t w = 0; w < n->want_count && room; w++) {
        if (!assigned[w] && !n->want_refused[w] && !xc_negotiate_dormant(&n->wants[w]))
            return true;
    }
    return n->offer_due;
}

void xc_negotiate_rollback(struct xc_negotiation *n)
{
    /* Nobody took our offer, so the ids that were new in it are free: in glare the peer's offer may
     * have given them out to other URIs at the same time. */
    xc_negotiate_extensions_forget(n);
    n->local.count = 0;
    n->remote.count = 0;
    n->state = XC_SIGNALLING_STABLE;
}

static void take_sources(struct xc_media_agreed *media, const struct xc_sdp_section *section)
{
    media->remote_ssrc_count = 0;
    for (uint8_t i = 0; i < section->ssrc_count; i++) {
        uint32_t ssrc = section->ssrcs[i].ssrc, repaired_by = 0;
        bool repair = false;
        for (uint8_t f = 0; f < section->fid_count; f++) {
            repair = repair || section->fids[f].repair == ssrc;
            if (section->fids[f].primary == ssrc && !repaired_by)
                repaired_by = section->fids[f].repair;
        }
        if (repair || media->remote_ssrc_count == XC_REMOTE_SSRCS_MAX)
            continue;
        media->repair_ssrcs[media->remote_ssrc_count] = repaired_by;
        media->remote_ssrcs[media->remote_ssrc_count++] = ssrc;
    }
}

void xc_negotiate_take_remote(struct xc_negotiate_section *s, const struct xc_sdp_section *section)
{
    struct xc_media_agreed *media = &s->media;
    s->remote_direction = section->direction & XC_SDP_SENDRECV;
    if (section->kind == XC_SDP_APPLICATION) {
        s->remote_direction = XC_SDP_SENDRECV;
        media->remote_sctp_port = xc_negotiate_sctp_port(section);
        media->remote_max_message_size = section->max_message_size;
        return;
    }
    media->reduced_size = section->rtcp_rsize;
    media->ptime_ms = section->ptime_ms;
    take_sources(media, section);
}

/* Does the peer's description keep us from sending wherever we would? */
static bool held_by_peer(const struct xc_negotiation *n, const struct xc_negotiate_pending *p,
                         bool answer)
{
    bool would = false;
    for (uint8_t i = 0; i < p->count; i++) {
        const struct xc_negotiate_section *s = &p->sections[i];
        if (!s->media.active || s->media.kind == XC_SDP_APPLICATION)
            continue;
        uint8_t ours = answer ? n->wants[s->want].direction | n->taken[i] : n->said[i];
        if (!(ours & XC_SDP_SENDONLY))
            continue;
        if (s->remote_direction & XC_SDP_RECVONLY)
            return false;
        would = true;
    }
    return would;
}

static void commit_wants(struct xc_negotiation *n, const struct xc_negotiate_pending *p)
{
    for (uint8_t i = 0; i < n->media_count; i++) {
        if (n->want_of[i] >= 0 && !p->sections[i].media.active)
            n->want_refused[n->want_of[i]] = true;
    }
    for (uint8_t i = 0; i < p->count; i++) {
        const struct xc_negotiate_section *s = &p->sections[i];
        if (s->want >= 0 && !s->media.active)
            n->want_refused[s->want] = true;
        n->want_of[i] = s->media.active ? s->want : -1;
    }
    for (uint8_t i = 0; i < p->count; i++) {
        if (n->want_of[i] >= 0)
            n->want_refused[n->want_of[i]] = false;
    }
}

static bool restarts(const struct xc_negotiation *n, const struct xc_negotiate_pending *p)
{
    return n->answered_once && p->transport_section >= 0 &&
           (strcmp(n->remote_transport.ufrag, p->transport.ufrag) ||
            strcmp(n->remote_transport.password, p->transport.password));
}

bool xc_negotiate_offer_restarts(const struct xc_negotiation *n)
{
    return n->state == XC_SIGNALLING_REMOTE_OFFER && restarts(n, &n->remote);
}

static void commit_transport(struct xc_negotiation *n, const struct xc_negotiate_pending *p)
{
    n->remote_ice_restart = restarts(n, p);
    if (p->transport_section < 0)
        return;
    n->remote_transport = p->transport;
    n->remote_transport_section = (uint8_t)p->transport_section;
    n->dtls_client = p->dtls_client;
    n->answered_once = true;
}

/* Numbers that were mids are never ours again, whoever gave them. Long ones cannot collide: ours
 * count up from the section's place. */
static void note_mid(struct xc_negotiation *n, const char *mid)
{
    uint64_t number;
    if (xc_text_number(xc_span_make(mid, strlen(mid)), MID_NUMBER_MAX, &number) &&
        number >= n->mid_next)
        n->mid_next = (uint32_t)number + 1;
}

void xc_negotiate_commit(struct xc_negotiation *n, struct xc_negotiate_pending *p, bool answer)
{
    for (uint8_t i = 0; i < p->count; i++) {
        n->said[i] = p->sections[i].media.direction;
        n->said_wish[i] = p->sections[i].wish;
        n->said_most[i] =
            answer ? xc_negotiate_mirror(p->sections[i].remote_direction) : XC_SDP_SENDRECV;
    }
    n->remote_hold = held_by_peer(n, p, answer);
    commit_wants(n, p);
    for (uint8_t i = 0; i < p->count; i++) {
        struct xc_negotiate_section *s = &p->sections[i];
        if (!s->media.active)
            n->taken[i] = XC_SDP_INACTIVE;
        else if (answer)
            n->taken[i] = xc_negotiate_mirror(s->remote_direction);
        if (s->media.active && !answer)
            s->media.direction &= xc_negotiate_mirror(s->remote_direction);
        n->given_up[i] = !s->media.active && s->given_up;
        n->lines[i] = s->line;
        n->media[i] = s->media;
        note_mid(n, s->media.mid);
    }
    if (!answer && p->offer_due)
        n->offer_due = false;
    n->media_count = p->count;
    commit_transport(n, p);
    n->extension_count_settled = n->extension_count;
    xc_negotiate_rollback(n);
}
