/* negotiate_codecs.c - the codecs that we speak, their payload types and format parameters (Opus:
 * RFC 7587 section 6.1; VP8: RFC 7741 section 6.1). A payload type that meant one codec in any
 * description of the session is never offered for another (RFC 3264 section 8.3.2, and RFC 9143
 * section 9.1 for the sections of a group). Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

#include "wire/text.h"

enum { MEANS_NOTHING = 0, MEANS_OPUS, MEANS_VP8, MEANS_OTHER = 255 };

#define EXTENSIONS_BOTH                                                                            \
    (1U << XC_EXT_MID | 1U << XC_EXT_ABS_SEND_TIME | 1U << XC_EXT_TRANSPORT_CC |                   \
     1U << XC_EXT_ABS_CAPTURE_TIME)

static const struct xc_negotiate_codec codecs[] = {
    {.name = "opus",
     .clock_rate = 48000,
     .feedback = 0,
     .feedback_estimation = XC_SDP_FB_TRANSPORT_CC,
     .extensions = EXTENSIONS_BOTH | 1U << XC_EXT_AUDIO_LEVEL,
     .kind = XC_SDP_AUDIO,
     .channels = 2,
     .payload_type = 111,
     .meaning = MEANS_OPUS},
    {.name = "VP8",
     .clock_rate = 90000,
     .feedback = XC_SDP_FB_NACK | XC_SDP_FB_PLI | XC_SDP_FB_FIR,
     .feedback_estimation = XC_SDP_FB_REMB | XC_SDP_FB_TRANSPORT_CC,
     .extensions = EXTENSIONS_BOTH | 1U << XC_EXT_PLAYOUT_DELAY | 1U << XC_EXT_VIDEO_ORIENTATION,
     .kind = XC_SDP_VIDEO,
     .channels = 1,
     .payload_type = 96,
     .meaning = MEANS_VP8},
};

const struct xc_negotiate_codec *xc_negotiate_codec_of(uint8_t kind)
{
    for (size_t i = 0; i < XC_ARRAY_LEN(codecs); i++) {
        if (codecs[i].kind == kind)
            return &codecs[i];
    }
    return NULL;
}

uint32_t xc_negotiate_feedback(const struct xc_negotiation *n, uint8_t kind)
{
    const struct xc_negotiate_codec *codec = xc_negotiate_codec_of(kind);
    bool estimation = (n->config.extensions & 1U << XC_EXT_TRANSPORT_CC) != 0;
    return codec->feedback | (estimation ? codec->feedback_estimation : 0);
}

static bool is_codec(const struct xc_sdp_codec *entry, const struct xc_negotiate_codec *codec)
{
    return entry->clock_rate == codec->clock_rate && entry->channels == codec->channels &&
           xc_text_equal(xc_span_make(entry->name, strlen(entry->name)), codec->name);
}

/* RFC 5761 section 4: with rtcp-mux, 64 to 95 cannot be told from RTCP. */
static bool is_usable(uint8_t payload_type)
{
    return payload_type < 64 || (payload_type >= 96 && payload_type <= 127);
}

const struct xc_sdp_codec *xc_negotiate_codec_find(const struct xc_sdp_section *section,
                                                   uint8_t kind, uint8_t preferred)
{
    const struct xc_negotiate_codec *codec = xc_negotiate_codec_of(kind);
    const struct xc_sdp_codec *found = NULL;
    for (uint8_t i = 0; codec && i < section->codec_count; i++) {
        const struct xc_sdp_codec *entry = &section->codecs[i];
        if (!is_codec(entry, codec) || !is_usable(entry->payload_type))
            continue;
        if (entry->payload_type == preferred)
            return entry;
        if (!found)
            found = entry;
    }
    return found;
}

bool xc_negotiate_codec_moved(const struct xc_negotiation *n, uint8_t i,
                              const struct xc_sdp_section *section)
{
    const struct xc_media_agreed *media = &n->media[i];
    const struct xc_negotiate_codec *codec = xc_negotiate_codec_of(media->kind);
    for (uint8_t k = 0; codec && k < section->codec_count; k++) {
        const struct xc_sdp_codec *entry = &section->codecs[k];
        if (entry->payload_type == media->send_payload_type && entry->name[0] &&
            !is_codec(entry, codec))
            return true;
    }
    return false;
}

void xc_negotiate_codecs_note(struct xc_negotiation *n, const struct xc_sdp *sdp)
{
    for (uint8_t i = 0; i < sdp->section_count; i++) {
        for (uint8_t k = 0; k < sdp->sections[i].codec_count; k++) {
            const struct xc_sdp_codec *entry = &sdp->sections[i].codecs[k];
            uint8_t *meaning = &n->payload_types[entry->payload_type & 127];
            if (*meaning != MEANS_NOTHING)
                continue;
            *meaning = MEANS_OTHER;
            for (size_t c = 0; c < XC_ARRAY_LEN(codecs); c++) {
                if (is_codec(entry, &codecs[c]))
                    *meaning = codecs[c].meaning;
            }
        }
    }
}

void xc_negotiate_codecs_settle(struct xc_negotiation *n)
{
    for (uint8_t i = 0; i < n->media_count; i++) {
        uint8_t *meaning = &n->payload_types[n->media[i].receive_payload_type & 127];
        if (n->media[i].active && *meaning == MEANS_NOTHING)
            *meaning = xc_negotiate_codec_of(n->media[i].kind)->meaning;
    }
}

static bool same_parameters(const struct xc_media_want *a, const struct xc_media_want *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind != XC_SDP_AUDIO ||
           (a->fec == b->fec && a->dtx == b->dtx && a->stereo == b->stereo &&
            a->audio_bitrate_bps == b->audio_bitrate_bps);
}

/* Chromium refuses a group in which one payload type has two sets of parameters. */
static bool used_otherwise(const struct xc_negotiation *n, uint8_t i, uint8_t payload_type)
{
    const struct xc_media_want *want = &n->wants[n->local.sections[i].want];
    for (uint8_t k = 0; k < n->local.count; k++) {
        const struct xc_negotiate_section *s = &n->local.sections[k];
        if (k != i && s->media.active && s->media.receive_payload_type == payload_type &&
            !same_parameters(want, &n->wants[s->want]))
            return true;
    }
    return false;
}

/* The default first, then the dynamic range, then the part of the reserved range that Chromium uses
 * when the dynamic one is full. */
uint8_t xc_negotiate_payload_type(const struct xc_negotiation *n, uint8_t i)
{
    const struct xc_negotiate_codec *codec = xc_negotiate_codec_of(n->local.sections[i].media.kind);
    uint8_t wanted[] = {codec->meaning, MEANS_NOTHING};
    for (size_t w = 0; w < XC_ARRAY_LEN(wanted); w++) {
        for (uint32_t k = 0; k < 1 + 32 + 29; k++) {
            uint8_t payload_type = codec->payload_type;
            if (k > 0)
                payload_type = (uint8_t)(k <= 32 ? 95 + k : 35 + k - 33);
            if (n->payload_types[payload_type] == wanted[w] && !used_otherwise(n, i, payload_type))
                return payload_type;
        }
    }
    return 0;
}

void xc_negotiate_fmtp_read(struct xc_media_agreed *media, const char *fmtp)
{
    if (media->kind == XC_SDP_AUDIO) {
        media->remote_fec = xc_sdp_fmtp_number(fmtp, "useinbandfec", 0) == 1;
        media->remote_dtx = xc_sdp_fmtp_number(fmtp, "usedtx", 0) == 1;
        media->remote_stereo = xc_sdp_fmtp_number(fmtp, "stereo", 0) == 1;
        media->remote_cbr = xc_sdp_fmtp_number(fmtp, "cbr", 0) == 1;
        media->remote_max_bitrate_bps = xc_sdp_fmtp_number(fmtp, "maxaveragebitrate", 0);
        media->remote_max_playback_rate = xc_sdp_fmtp_number(fmtp, "maxplaybackrate", 0);
    } else {
        media->remote_max_frame_size = xc_sdp_fmtp_number(fmtp, "max-fs", 0);
        media->remote_max_frame_rate = xc_sdp_fmtp_number(fmtp, "max-fr", 0);
    }
}

void xc_negotiate_fmtp_write(const struct xc_media_want *want, char fmtp[XC_SDP_FMTP_MAX + 1])
{
    struct xc_writer w = xc_writer_make(fmtp, XC_SDP_FMTP_MAX + 1);
    if (want->kind == XC_SDP_AUDIO) {
        xc_text_write(&w, "minptime=10");
        if (want->fec)
            xc_text_write(&w, ";useinbandfec=1");
        if (want->dtx)
            xc_text_write(&w, ";usedtx=1");
        if (want->stereo)
            xc_text_write(&w, ";stereo=1;sprop-stereo=1");
        if (want->audio_bitrate_bps) {
            xc_text_write(&w, ";maxaveragebitrate=");
            xc_text_write_number(&w, want->audio_bitrate_bps);
        }
    }
    xc_write8(&w, 0);
}
