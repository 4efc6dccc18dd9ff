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

static struct xc_sdp_codec *add_codec(struct xc_sdp_section *section, uint8_t codec,
                                      uint8_t payload_type)
{
    const struct xc_negotiate_format *format = xc_negotiate_format_of(codec);
    struct xc_sdp_codec *entry = &section->codecs[section->codec_count++];
    entry->payload_type = payload_type;
    xc_negotiate_copy(entry->name, sizeof entry->name, format->name);
    entry->clock_rate = format->clock_rate;
    entry->channels = format->channels;
    return entry;
}

/* In a group one payload type has one set of parameters (RFC 9143 section 9.1); where the offerer
 * gave two sections the same one, the first of them says which. */
static const struct xc_media_want *parameters_of(const struct xc_negotiation *n,
                                                 const struct xc_negotiate_pending *p, uint8_t i,
                                                 const struct xc_agreed_codec *codec)
{
    for (uint8_t k = 0; k < i; k++) {
        const struct xc_media_agreed *media = &p->sections[k].media;
        const struct xc_agreed_codec *other =
            media->active ? xc_negotiate_codec(media, codec->codec) : NULL;
        if (other && other->receive_payload_type == codec->receive_payload_type)
            return &n->wants[p->sections[k].want];
    }
    return &n->wants[p->sections[i].want];
}

static void describe_codecs(const struct xc_negotiation *n, const struct xc_negotiate_pending *p,
                            uint8_t i, struct xc_sdp_section *section)
{
    const struct xc_media_agreed *media = &p->sections[i].media;
    for (uint8_t c = 0; c < media->codec_count; c++) {
        const struct xc_agreed_codec *codec = &media->codecs[c];
        struct xc_sdp_codec *entry = add_codec(section, codec->codec, codec->receive_payload_type);
        entry->feedback = codec->feedback;
        xc_negotiate_fmtp_write(parameters_of(n, p, i, codec), codec, entry->fmtp);
        if (!codec->repair_receive)
            continue;
        entry = add_codec(section, XC_CODEC_RTX, codec->repair_receive);
        struct xc_writer w = xc_writer_make(entry->fmtp, sizeof entry->fmtp);
        xc_text_write(&w, "apt=");
        xc_text_write_number(&w, codec->receive_payload_type);
        xc_write8(&w, 0);
    }
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

static bool has_repair(const struct xc_media_agreed *media)
{
    for (uint8_t c = 0; c < media->codec_count; c++) {
        if (media->codecs[c].repair_receive)
            return true;
    }
    return false;
}

static void add_source(const struct xc_negotiation *n, uint32_t ssrc,
                       struct xc_sdp_section *section)
{
    struct xc_sdp_ssrc *source = &section->ssrcs[section->ssrc_count++];
    source->ssrc = ssrc;
    xc_negotiate_copy(source->cname, sizeof source->cname, n->config.cname);
}

static void describe_sources(const struct xc_negotiation *n, const struct xc_negotiate_section *s,
                             struct xc_sdp_section *section)
{
    const struct xc_media_want *want = &n->wants[s->want];
    if (!want->ssrc)
        return;
    add_source(n, want->ssrc, section);
    if (!want->repair_ssrc || !has_repair(&s->media))
        return;
    add_source(n, want->repair_ssrc, section);
    section->fids[0] = (struct xc_sdp_fid){want->ssrc, want->repair_ssrc};
    section->fid_count = 1;
}

static void describe_application(const struct xc_media_want *want, struct xc_sdp_section *section)
{
    section->direction = XC_SDP_SENDRECV;
    section->sctp_port = want->sctp_port ? want->sctp_port : XC_SCTP_PORT_DEFAULT;
    section->sctp_port_given = true;
    section->sctp_map = xc_negotiate_sctp_map(section->protocol);
    if (section->sctp_map) {
        struct xc_writer w = xc_writer_make(section->formats, sizeof section->formats);
        xc_text_write_number(&w, section->sctp_port);
        xc_write8(&w, 0);
    } else {
        xc_negotiate_copy(section->formats, sizeof section->formats, "webrtc-datachannel");
    }
    section->max_message_size =
        want->max_message_size ? want->max_message_size : XC_SDP_MESSAGE_SIZE;
}

static void describe_section(struct xc_negotiation *n, const struct xc_negotiate_pending *p,
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
    if (section->kind == XC_SDP_APPLICATION) {
        describe_application(&n->wants[s->want], section);
        return;
    }
    section->rtcp_mux = true;
    section->rtcp_rsize = s->media.reduced_size;
    section->direction = s->media.direction;
    section->extmap_allow_mixed = p->section_allow_mixed[i] && !p->session_allow_mixed;
    describe_extensions(&s->media, section);
    section->slides = n->wants[s->want].screen;
    describe_codecs(n, p, i, section);
    /* What was named once stays named, as both browsers have it. Chromium takes the receiver of a
     * source away that is missing; what then comes before the answer that names it again makes it
     * another, unnamed receiver, and no sound reaches the page any more. */
    if (s->media.direction & XC_SDP_SENDONLY)
        n->named_wants |= 1u << s->want;
    if (!(n->named_wants >> s->want & 1))
        return;
    describe_msid(n, s->want, section);
    describe_sources(n, s, section);
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
