/* negotiate_describe.c - pending sections written into the struct that wire/sdp.h makes text of, in
 * the form that browsers write and read (RFC 8829 section 5.2). Transport attributes stand in every
 * accepted section, as both browsers have it. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

#include "wire/text.h"

#define DISCARD_PORT 9 /* RFC 8840 section 4.1.1: no default candidate */

/* "<stream>-a0": the wish's place makes it differ from its brothers and stay the same. */
static void describe_msid(const struct xc_negotiation *n, int8_t want,
                          struct xc_sdp_section *section)
{
    struct xc_writer w = xc_writer_make(section->msid_track, sizeof section->msid_track);
    xc_negotiate_copy(section->msid_stream, sizeof section->msid_stream, n->config.stream_id);
    xc_text_write(&w, n->config.stream_id);
    xc_text_write(&w, n->wants[want].kind == XC_SDP_AUDIO ? "-a" : "-v");
    xc_text_write_number(&w, (uint64_t)want);
    xc_write8(&w, 0);
}

static void describe_codec(const struct xc_negotiation *n, const struct xc_negotiate_pending *p,
                           uint8_t i, struct xc_sdp *sdp)
{
    const struct xc_media_agreed *media = &p->sections[i].media;
    struct xc_sdp_section *section = &sdp->sections[i];
    struct xc_sdp_codec *codec = &section->codecs[section->codec_count++];
    codec->payload_type = media->receive_payload_type;
    xc_negotiate_copy(codec->name, sizeof codec->name, media->codec);
    codec->clock_rate = media->clock_rate;
    codec->channels = media->channels;
    codec->feedback = media->feedback;
    /* In a group one payload type has one set of parameters (RFC 9143 section 9.1); where the
     * offerer gave two sections the same one, the first of them says which. */
    uint8_t first = i;
    for (uint8_t k = i; k-- > 0;) {
        if (p->sections[k].media.active && p->sections[k].media.kind == media->kind &&
            p->sections[k].media.receive_payload_type == media->receive_payload_type)
            first = k;
    }
    xc_negotiate_fmtp_write(&n->wants[p->sections[first].want], codec->fmtp);
}

static void describe_extensions(const struct xc_media_agreed *media, struct xc_sdp_section *section)
{
    for (uint8_t known = 0; known < XC_EXT_KNOWN; known++) {
        if (!media->extension_ids[known])
            continue;
        struct xc_sdp_extmap *extmap = &section->extmaps[section->extmap_count++];
        extmap->id = media->extension_ids[known];
        extmap->direction = XC_SDP_INACTIVE;
        if (media->extensions_send >> known & 1)
            extmap->direction |= XC_SDP_SENDONLY;
        if (media->extensions_receive >> known & 1)
            extmap->direction |= XC_SDP_RECVONLY;
        xc_negotiate_copy(extmap->uri, sizeof extmap->uri, xc_extension_uris[known]);
    }
}

static void describe_transport(const struct xc_negotiation *n, const struct xc_sdp_transport *local,
                               uint8_t setup, struct xc_sdp_transport *transport)
{
    *transport = *local;
    transport->trickle = n->config.trickle;
    transport->setup = setup;
    transport->fingerprints[0] = n->config.fingerprint;
    transport->fingerprint_count = 1;
}

/* RFC 3264 section 6: the m line stays, its formats with it, and its port is 0. */
static void describe_rejected(const struct xc_negotiate_line *line, struct xc_sdp_section *section)
{
    section->port = 0;
    section->direction = XC_SDP_INACTIVE;
    if (line->formats[0]) {
        xc_negotiate_copy(section->formats, sizeof section->formats, line->formats);
        return;
    }
    section->codec_count = 1;
    section->codecs[0].payload_type = line->payload_type;
    section->codecs[0].channels = 1;
}

static void describe_section(const struct xc_negotiation *n, const struct xc_negotiate_pending *p,
                             uint8_t i, struct xc_sdp *sdp)
{
    const struct xc_negotiate_section *s = &p->sections[i];
    struct xc_sdp_section *section = &sdp->sections[i];
    section->kind = s->media.kind;
    xc_negotiate_copy(section->kind_text, sizeof section->kind_text, s->line.kind_text);
    xc_negotiate_copy(section->protocol, sizeof section->protocol, s->line.protocol);
    xc_negotiate_copy(section->mid, sizeof section->mid, s->media.mid);
    if (!s->media.active) {
        describe_rejected(&s->line, section);
        return;
    }
    section->port = DISCARD_PORT;
    section->rtcp_mux = true;
    section->rtcp_rsize = s->media.reduced_size;
    section->direction = s->media.direction;
    section->extmap_allow_mixed = p->section_allow_mixed[i] && !p->session_allow_mixed;
    describe_extensions(&s->media, section);
    describe_codec(n, p, i, sdp);
    if (!(s->media.direction & XC_SDP_SENDONLY))
        return;
    describe_msid(n, s->want, section);
    if (n->wants[s->want].ssrc) {
        section->ssrc_count = 1;
        section->ssrcs[0].ssrc = n->wants[s->want].ssrc;
        xc_negotiate_copy(section->ssrcs[0].cname, sizeof section->ssrcs[0].cname, n->config.cname);
    }
}

void xc_negotiate_describe(struct xc_negotiation *n, const struct xc_negotiate_pending *p,
                           const struct xc_sdp_transport *local, uint8_t setup, struct xc_sdp *sdp)
{
    memset(sdp, 0, sizeof *sdp);
    sdp->session_id = n->session_id;
    sdp->session_version = ++n->session_version; /* RFC 3264 section 8 */
    sdp->extmap_allow_mixed = p->session_allow_mixed;
    sdp->msid_semantic_wms = true;
    sdp->bundle_count = p->bundle_count;
    for (uint8_t i = 0; i < p->bundle_count; i++)
        xc_negotiate_copy(sdp->bundle[i], sizeof sdp->bundle[i],
                          p->sections[p->bundle[i]].media.mid);
    sdp->section_count = p->count;
    for (uint8_t i = 0; i < p->count; i++) {
        describe_section(n, p, i, sdp);
        if (p->sections[i].media.active)
            describe_transport(n, local, setup, &sdp->sections[i].transport);
    }
}
