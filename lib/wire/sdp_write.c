/* sdp_write.c - writes a session description in the order of JSEP (RFC 8829 section 5.2.1).
 * A string of the struct that holds a control character would end its line early and begin another,
 * so it fails the whole.
 * SPDX-License-Identifier: MIT */
#include "wire/sdp_state.h"

#include "wire/text.h"

static void put(struct xc_writer *w, const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((uint8_t)*c == 0x7f || ((uint8_t)*c < ' ' && *c != '\t'))
            w->failed = true;
    }
    xc_text_write(w, text);
}

static void put_number(struct xc_writer *w, uint64_t number)
{
    xc_text_write_number(w, number);
}

static void end_line(struct xc_writer *w)
{
    xc_text_write(w, "\r\n");
}

/* A line of up to three parts; NULL for none. */
static void put_line(struct xc_writer *w, const char *a, const char *b, const char *c)
{
    put(w, a);
    if (b)
        put(w, b);
    if (c)
        put(w, c);
    end_line(w);
}

static void put_number_line(struct xc_writer *w, const char *name, uint64_t number)
{
    put(w, name);
    put_number(w, number);
    end_line(w);
}

static void write_session(struct xc_writer *w, const struct xc_sdp *sdp)
{
    bool ice_lite = false;
    for (uint8_t i = 0; i < sdp->section_count; i++)
        ice_lite = ice_lite || sdp->sections[i].transport.ice_lite;
    put_line(w, "v=0", NULL, NULL);
    put(w, "o=- ");
    put_number(w, sdp->session_id);
    put(w, " ");
    put_number(w, sdp->session_version);
    put_line(w, " IN IP4 0.0.0.0", NULL, NULL);
    put_line(w, "s=-", NULL, NULL);
    put_line(w, "t=0 0", NULL, NULL);
    if (sdp->bundle_count) {
        put(w, "a=group:BUNDLE");
        for (uint8_t i = 0; i < sdp->bundle_count; i++) {
            put(w, " ");
            put(w, sdp->bundle[i]);
        }
        end_line(w);
    }
    if (sdp->extmap_allow_mixed)
        put_line(w, "a=extmap-allow-mixed", NULL, NULL);
    if (sdp->msid_semantic_wms)
        put_line(w, "a=msid-semantic:WMS *", NULL, NULL);
    if (ice_lite)
        put_line(w, "a=ice-lite", NULL, NULL);
}

static const char *kind_text(const struct xc_sdp_section *section)
{
    if (section->kind_text[0])
        return section->kind_text;
    return section->kind == XC_SDP_AUDIO   ? "audio"
           : section->kind == XC_SDP_VIDEO ? "video"
                                           : "application";
}

static const char *protocol_text(const struct xc_sdp_section *section)
{
    if (section->protocol[0])
        return section->protocol;
    return section->kind == XC_SDP_APPLICATION ? "UDP/DTLS/SCTP" : "UDP/TLS/RTP/SAVPF";
}

static void write_media(struct xc_writer *w, const struct xc_sdp_section *section)
{
    put(w, "m=");
    put(w, kind_text(section));
    put(w, " ");
    put_number(w, section->port);
    put(w, " ");
    put(w, protocol_text(section));
    for (uint8_t i = 0; i < section->codec_count; i++) {
        put(w, " ");
        put_number(w, section->codecs[i].payload_type);
    }
    if (section->codec_count == 0) {
        put(w, " ");
        put(w, section->formats[0]                   ? section->formats
               : section->kind == XC_SDP_APPLICATION ? "webrtc-datachannel"
                                                     : "0");
    }
    end_line(w);
    put_line(w, "c=IN IP4 0.0.0.0", NULL, NULL);
}

static void write_fingerprint(struct xc_writer *w, const struct xc_sdp_fingerprint *fingerprint)
{
    static const char digits[] = "0123456789ABCDEF";
    put(w, "a=fingerprint:");
    put(w, fingerprint->hash);
    for (uint8_t i = 0; i < fingerprint->size; i++) {
        xc_write8(w, i ? ':' : ' ');
        xc_write8(w, (uint8_t)digits[fingerprint->digest[i] >> 4]);
        xc_write8(w, (uint8_t)digits[fingerprint->digest[i] & 15]);
    }
    end_line(w);
}

static void write_transport(struct xc_writer *w, const struct xc_sdp_transport *transport)
{
    if (transport->ufrag[0])
        put_line(w, "a=ice-ufrag:", transport->ufrag, NULL);
    if (transport->password[0])
        put_line(w, "a=ice-pwd:", transport->password, NULL);
    if (transport->trickle || transport->renomination) {
        put_line(w, "a=ice-options:", transport->trickle ? "trickle" : "renomination",
                 transport->trickle && transport->renomination ? " renomination" : NULL);
    }
    for (uint8_t i = 0; i < transport->fingerprint_count; i++)
        write_fingerprint(w, &transport->fingerprints[i]);
    if (transport->setup != XC_SDP_SETUP_NONE && transport->setup <= XC_SDP_HOLDCONN)
        put_line(w, "a=setup:", xc_sdp_setup_names[transport->setup], NULL);
}

static void write_extmaps(struct xc_writer *w, const struct xc_sdp_section *section)
{
    if (section->extmap_allow_mixed)
        put_line(w, "a=extmap-allow-mixed", NULL, NULL);
    for (uint8_t i = 0; i < section->extmap_count; i++) {
        const struct xc_sdp_extmap *extmap = &section->extmaps[i];
        put(w, "a=extmap:");
        put_number(w, extmap->id);
        if (extmap->direction != XC_SDP_SENDRECV) {
            put(w, "/");
            put(w, xc_sdp_direction_names[extmap->direction & 3]);
        }
        put_line(w, " ", extmap->uri, NULL);
    }
}

static void write_feedback(struct xc_writer *w, const struct xc_sdp_codec *codec)
{
    static const struct {
        uint32_t bit;
        const char *text;
    } words[] = {{XC_SDP_FB_REMB, " goog-remb"},
                 {XC_SDP_FB_TRANSPORT_CC, " transport-cc"},
                 {XC_SDP_FB_FIR, " ccm fir"},
                 {XC_SDP_FB_NACK, " nack"},
                 {XC_SDP_FB_PLI, " nack pli"}};
    for (size_t i = 0; i < XC_ARRAY_LEN(words); i++) {
        if (codec->feedback & words[i].bit) {
            put(w, "a=rtcp-fb:");
            put_number(w, codec->payload_type);
            put_line(w, words[i].text, NULL, NULL);
        }
    }
}

static void write_codec(struct xc_writer *w, const struct xc_sdp_codec *codec)
{
    if (codec->name[0]) {
        put(w, "a=rtpmap:");
        put_number(w, codec->payload_type);
        put(w, " ");
        put(w, codec->name);
        put(w, "/");
        put_number(w, codec->clock_rate);
        if (codec->channels > 1) {
            put(w, "/");
            put_number(w, codec->channels);
        }
        end_line(w);
    }
    write_feedback(w, codec);
    if (codec->fmtp[0]) {
        put(w, "a=fmtp:");
        put_number(w, codec->payload_type);
        put_line(w, " ", codec->fmtp, NULL);
    }
}

static void write_sources(struct xc_writer *w, const struct xc_sdp_section *section)
{
    for (uint8_t i = 0; i < section->ssrc_count; i++) {
        const struct xc_sdp_ssrc *source = &section->ssrcs[i];
        put(w, "a=ssrc:");
        put_number(w, source->ssrc);
        if (source->cname[0])
            put_line(w, " cname:", source->cname, NULL);
        else
            end_line(w);
    }
    for (uint8_t i = 0; i < section->fid_count; i++) {
        put(w, "a=ssrc-group:FID ");
        put_number(w, section->fids[i].primary);
        put_number_line(w, " ", section->fids[i].repair);
    }
}

/* What only RTP sections, and what only SCTP sections say. */
static void write_kind(struct xc_writer *w, const struct xc_sdp_section *section)
{
    if (section->kind != XC_SDP_APPLICATION)
        put_line(w, "a=", xc_sdp_direction_names[section->direction & 3], NULL);
    if (section->msid_stream[0]) {
        put(w, "a=msid:");
        put(w, section->msid_stream);
        put_line(w, section->msid_track[0] ? " " : "", section->msid_track, NULL);
    }
    if (section->rtcp_mux)
        put_line(w, "a=rtcp-mux", NULL, NULL);
    if (section->rtcp_rsize)
        put_line(w, "a=rtcp-rsize", NULL, NULL);
    for (uint8_t i = 0; i < section->codec_count; i++)
        write_codec(w, &section->codecs[i]);
    if (section->ptime_ms)
        put_number_line(w, "a=ptime:", section->ptime_ms);
    if (section->maxptime_ms)
        put_number_line(w, "a=maxptime:", section->maxptime_ms);
    if (section->slides)
        put_line(w, "a=content:slides", NULL, NULL);
    write_sources(w, section);
    if (section->sctp_port) {
        put(w, section->sctp_map ? "a=sctpmap:" : "a=sctp-port:");
        put_number(w, section->sctp_port);
        put_line(w, section->sctp_map ? " webrtc-datachannel 65535" : "", NULL, NULL);
        if (section->kind == XC_SDP_APPLICATION && section->max_message_size) {
            bool limited = section->max_message_size != UINT32_MAX;
            put_number_line(w, "a=max-message-size:", limited ? section->max_message_size : 0);
        }
    }
}

static void write_candidates(struct xc_writer *w, const struct xc_sdp *sdp, uint8_t section)
{
    for (uint8_t i = 0; i < sdp->candidate_count; i++) {
        char text[XC_CANDIDATE_TEXT_MAX];
        if (sdp->candidates[i].section != section)
            continue;
        if (xc_candidate_format(&sdp->candidates[i].candidate, text, sizeof text) == 0) {
            w->failed = true;
            return;
        }
        put_line(w, "a=", text, NULL);
    }
    if (sdp->sections[section].end_of_candidates)
        put_line(w, "a=end-of-candidates", NULL, NULL);
}

size_t xc_sdp_write(const struct xc_sdp *sdp, char *text, size_t capacity)
{
    struct xc_writer w = xc_writer_make(text, capacity);
    write_session(&w, sdp);
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        const struct xc_sdp_section *section = &sdp->sections[i];
        write_media(&w, section);
        if (section->bundle_only)
            put_line(&w, "a=bundle-only", NULL, NULL);
        write_transport(&w, &section->transport);
        if (section->mid[0])
            put_line(&w, "a=mid:", section->mid, NULL);
        write_extmaps(&w, section);
        write_kind(&w, section);
        write_candidates(&w, sdp, i);
    }
    size_t size = w.size;
    xc_write8(&w, 0);
    return w.failed ? 0 : size;
}
