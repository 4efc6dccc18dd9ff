/* negotiate_formats.c - the formats that we speak (Opus: RFC 7587 section 6.1; RED: RFC 2198 section 5;
 * telephone events: RFC 4733 section 2.4; VP8: RFC 7741 section 6.1; VP9: RFC 9628 section 6; RTX:
 * RFC 4588 section 8.6): how an entry of a section is told, and its parameters. Owner: the
 * session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/negotiate_internal.h"

#include "wire/text.h"

#define EXTENSIONS_BOTH                                                                            \
    (1U << XC_EXT_MID | 1U << XC_EXT_ABS_SEND_TIME | 1U << XC_EXT_TRANSPORT_CC |                   \
     1U << XC_EXT_ABS_CAPTURE_TIME)
#define FEEDBACK_VIDEO (XC_SDP_FB_NACK | XC_SDP_FB_PLI | XC_SDP_FB_FIR)

/* Numbers as Chromium has them: a peer's defaults then rarely collide. */
static const struct xc_negotiate_format formats[XC_CODECS] = {
    [XC_CODEC_OPUS] = {"opus", 48000, XC_SDP_FB_NACK, XC_SDP_FB_TRANSPORT_CC, XC_SDP_AUDIO, 2, 111},
    [XC_CODEC_RED] = {"red", 48000, 0, XC_SDP_FB_TRANSPORT_CC, XC_SDP_AUDIO, 2, 63},
    [XC_CODEC_TELEPHONE_EVENT] = {"telephone-event", 48000, 0, 0, XC_SDP_AUDIO, 1, 110},
    [XC_CODEC_VP8] = {"VP8", 90000, FEEDBACK_VIDEO, XC_SDP_FB_REMB | XC_SDP_FB_TRANSPORT_CC,
                      XC_SDP_VIDEO, 1, 96},
    [XC_CODEC_VP9] = {"VP9", 90000, FEEDBACK_VIDEO, XC_SDP_FB_REMB | XC_SDP_FB_TRANSPORT_CC,
                      XC_SDP_VIDEO, 1, 98},
    [XC_CODEC_RTX] = {"rtx", 90000, 0, 0, XC_SDP_VIDEO, 1, 97},
};

const struct xc_negotiate_format *xc_negotiate_format_of(uint8_t codec)
{
    return &formats[codec];
}

bool xc_negotiate_kind_known(uint8_t kind)
{
    return kind == XC_SDP_AUDIO || kind == XC_SDP_VIDEO || kind == XC_SDP_APPLICATION;
}

uint32_t xc_negotiate_kind_extensions(uint8_t kind)
{
    if (kind == XC_SDP_AUDIO)
        return EXTENSIONS_BOTH | 1U << XC_EXT_AUDIO_LEVEL;
    if (kind == XC_SDP_VIDEO)
        return EXTENSIONS_BOTH | 1U << XC_EXT_PLAYOUT_DELAY | 1U << XC_EXT_VIDEO_ORIENTATION;
    return 0;
}

uint32_t xc_negotiate_feedback(const struct xc_negotiation *n, uint8_t codec)
{
    bool estimation = (n->config.extensions & 1U << XC_EXT_TRANSPORT_CC) != 0;
    return formats[codec].feedback | (estimation ? formats[codec].feedback_estimation : 0);
}

uint8_t xc_negotiate_spoken(const struct xc_media_want *want, uint8_t codecs[XC_AGREED_CODECS_MAX])
{
    uint8_t count = 0;
    if (want->kind == XC_SDP_AUDIO) {
        if (want->red && want->red_first)
            codecs[count++] = XC_CODEC_RED;
        codecs[count++] = XC_CODEC_OPUS;
        if (want->red && !want->red_first)
            codecs[count++] = XC_CODEC_RED;
        if (want->telephone_event)
            codecs[count++] = XC_CODEC_TELEPHONE_EVENT;
    } else if (want->kind == XC_SDP_VIDEO) {
        for (uint8_t i = 0; i < XC_VIDEO_CODECS_MAX; i++) {
            uint8_t codec = want->video_codecs[i];
            bool video = codec == XC_CODEC_VP8 || codec == XC_CODEC_VP9;
            if (video && (count == 0 || codecs[0] != codec))
                codecs[count++] = codec;
        }
        if (count == 0)
            codecs[count++] = XC_CODEC_VP8;
    }
    return count;
}

bool xc_negotiate_is_main(uint8_t codec)
{
    return codec == XC_CODEC_OPUS || codec == XC_CODEC_VP8 || codec == XC_CODEC_VP9;
}

bool xc_negotiate_payload_type_fits(uint8_t payload_type)
{
    return payload_type < 64 || (payload_type >= 96 && payload_type <= 127);
}

/* "111/111": every block of one type. Another mixture is none that we make or read. */
static bool red_base(const char *fmtp, uint8_t *base)
{
    struct xc_span rest = xc_text_trim(xc_span_make(fmtp, strlen(fmtp)));
    uint64_t first = 0, number;
    uint32_t blocks = 0;
    while (rest.size) {
        if (!xc_text_number(xc_text_token(&rest, '/'), 127, &number))
            return false;
        if (blocks++ == 0)
            first = number;
        else if (number != first)
            return false;
    }
    *base = (uint8_t)first;
    return blocks > 0;
}

static bool rtx_base(const char *fmtp, uint8_t *base)
{
    uint32_t apt = xc_sdp_fmtp_number(fmtp, "apt", 128);
    *base = (uint8_t)apt;
    return apt < 128;
}

uint16_t xc_negotiate_entry_meaning(const struct xc_sdp_codec *entry)
{
    uint8_t codec, base = 0;
    for (codec = XC_CODEC_OPUS; codec < XC_CODECS; codec++) {
        const struct xc_negotiate_format *format = &formats[codec];
        if (entry->clock_rate == format->clock_rate && entry->channels == format->channels &&
            xc_text_equal(xc_span_make(entry->name, strlen(entry->name)), format->name))
            break;
    }
    if (codec == XC_CODECS)
        return XC_MEANS_OTHER;
    /* RFC 9628 section 6: profile 0 where none is named. */
    if (codec == XC_CODEC_VP9 && xc_sdp_fmtp_number(entry->fmtp, "profile-id", 0) != 0)
        return XC_MEANS_OTHER;
    if (codec == XC_CODEC_RED && !red_base(entry->fmtp, &base))
        return XC_MEANS_OTHER;
    if (codec == XC_CODEC_RTX && !rtx_base(entry->fmtp, &base))
        return XC_MEANS_OTHER;
    return xc_negotiate_meaning(codec, base);
}

const struct xc_sdp_codec *xc_negotiate_entry_find(const struct xc_sdp_section *section,
                                                   uint16_t meaning, uint8_t preferred)
{
    const struct xc_sdp_codec *found = NULL;
    for (uint8_t i = 0; i < section->codec_count; i++) {
        const struct xc_sdp_codec *entry = &section->codecs[i];
        if (!xc_negotiate_payload_type_fits(entry->payload_type) ||
            xc_negotiate_entry_meaning(entry) != meaning)
            continue;
        if (entry->payload_type == preferred)
            return entry;
        if (!found)
            found = entry;
    }
    return found;
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

static void write_opus(struct xc_writer *w, const struct xc_media_want *want)
{
    xc_text_write(w, "minptime=10");
    if (want->fec)
        xc_text_write(w, ";useinbandfec=1");
    if (want->dtx)
        xc_text_write(w, ";usedtx=1");
    if (want->stereo)
        xc_text_write(w, ";stereo=1;sprop-stereo=1");
    if (want->audio_bitrate_bps) {
        xc_text_write(w, ";maxaveragebitrate=");
        xc_text_write_number(w, want->audio_bitrate_bps);
    }
}

void xc_negotiate_fmtp_write(const struct xc_media_want *want, const struct xc_agreed_codec *codec,
                             char fmtp[XC_SDP_FMTP_MAX + 1])
{
    struct xc_writer w = xc_writer_make(fmtp, XC_SDP_FMTP_MAX + 1);
    switch (codec->codec) {
    case XC_CODEC_OPUS:
        write_opus(&w, want);
        break;
    case XC_CODEC_RED:
        xc_text_write_number(&w, codec->inner_receive);
        xc_text_write(&w, "/");
        xc_text_write_number(&w, codec->inner_receive);
        break;
    case XC_CODEC_TELEPHONE_EVENT:
        xc_text_write(&w, "0-16"); /* the keys 0-9, *, #, A-D, and flash */
        break;
    case XC_CODEC_VP9:
        xc_text_write(&w, "profile-id=0");
        break;
    default:
        break;
    }
    xc_write8(&w, 0);
}
