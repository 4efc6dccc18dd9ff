/* rtp_extension.c - header extensions by number: URIs, and the bytes of each value (RFC 6464,
 * RFC 9143, draft-alvestrand-rmcat-remb section 3.1, draft-holmer-rmcat-transport-wide-cc-extensions,
 * 3GPP TS 26.114 section 7.4.5, webrtc.org's abs-capture-time and playout-delay).
 * SPDX-License-Identifier: MIT */
#include "wire/rtp_extension.h"

#define SEND_TIME_ROUND (64 * XC_NS_PER_S)
#define SEND_TIME_BITS 18

const char *const xc_extension_uris[XC_EXT_KNOWN] = {
    [XC_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
    [XC_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    [XC_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    [XC_EXT_TRANSPORT_CC] =
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    [XC_EXT_ABS_CAPTURE_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    [XC_EXT_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    [XC_EXT_VIDEO_ORIENTATION] = "urn:3gpp:video-orientation",
};

void xc_ext_audio_level_write(uint8_t *out, uint8_t level, bool voice)
{
    out[0] = (uint8_t)((voice ? 0x80 : 0) | XC_MIN(level, XC_AUDIO_LEVEL_SILENT));
}

bool xc_ext_audio_level_read(struct xc_span value, uint8_t *level, bool *voice)
{
    if (value.size != XC_EXT_AUDIO_LEVEL_SIZE)
        return false;
    *level = value.data[0] & 0x7f;
    *voice = value.data[0] >> 7;
    return true;
}

void xc_ext_send_time_write(uint8_t *out, uint32_t send_time)
{
    xc_store24(out, send_time & XC_SEND_TIME_MASK);
}

bool xc_ext_send_time_read(struct xc_span value, uint32_t *send_time)
{
    if (value.size != XC_EXT_SEND_TIME_SIZE)
        return false;
    *send_time = xc_load24(value.data);
    return true;
}

void xc_ext_transport_write(uint8_t *out, uint16_t sequence)
{
    xc_store16(out, sequence);
}

bool xc_ext_transport_read(struct xc_span value, uint16_t *sequence)
{
    if (value.size != XC_EXT_TRANSPORT_SIZE)
        return false;
    *sequence = xc_load16(value.data);
    return true;
}

size_t xc_ext_capture_write(uint8_t *out, uint64_t ntp, const int64_t *offset)
{
    xc_store64(out, ntp);
    if (!offset)
        return XC_EXT_CAPTURE_SIZE;
    xc_store64(out + 8, (uint64_t)*offset);
    return XC_EXT_CAPTURE_OFFSET_SIZE;
}

bool xc_ext_capture_read(struct xc_span value, uint64_t *ntp, bool *has_offset, int64_t *offset)
{
    if (value.size != XC_EXT_CAPTURE_SIZE && value.size != XC_EXT_CAPTURE_OFFSET_SIZE)
        return false;
    *ntp = xc_load64(value.data);
    *has_offset = value.size == XC_EXT_CAPTURE_OFFSET_SIZE;
    *offset = *has_offset ? (int64_t)xc_load64(value.data + 8) : 0;
    return true;
}

void xc_ext_playout_delay_write(uint8_t *out, uint16_t min, uint16_t max)
{
    xc_store24(out, (uint32_t)XC_MIN(min, XC_PLAYOUT_DELAY_MAX) << 12 |
                        (uint32_t)XC_MIN(max, XC_PLAYOUT_DELAY_MAX));
}

bool xc_ext_playout_delay_read(struct xc_span value, uint16_t *min, uint16_t *max)
{
    if (value.size != XC_EXT_PLAYOUT_DELAY_SIZE)
        return false;
    uint32_t both = xc_load24(value.data);
    *min = (uint16_t)(both >> 12);
    *max = (uint16_t)(both & 0xfff);
    return *min <= *max;
}

/* 0 0 0 0 C F R1 R0 */
void xc_ext_orientation_write(uint8_t *out, bool camera_back, bool flipped, uint8_t rotation)
{
    out[0] = (uint8_t)((camera_back ? 8 : 0) | (flipped ? 4 : 0) | (rotation & 3));
}

bool xc_ext_orientation_read(struct xc_span value, bool *camera_back, bool *flipped,
                             uint8_t *rotation)
{
    if (value.size != XC_EXT_ORIENTATION_SIZE)
        return false;
    *camera_back = (value.data[0] & 8) != 0;
    *flipped = (value.data[0] & 4) != 0;
    *rotation = value.data[0] & 3;
    return true;
}

uint32_t xc_send_time(uint64_t now)
{
    return (uint32_t)(((now % SEND_TIME_ROUND) << SEND_TIME_BITS) / XC_NS_PER_S);
}

int64_t xc_send_time_diff(uint32_t a, uint32_t b)
{
    int64_t apart = (int64_t)((a - b) & XC_SEND_TIME_MASK);
    if (apart >= 0x800000)
        apart -= 0x1000000;
    return apart * (int64_t)XC_NS_PER_S / (1 << SEND_TIME_BITS);
}

static struct xc_span find(const struct xc_rtp *rtp, const uint8_t *ids, int extension)
{
    return ids[extension] ? xc_rtp_extension_find(rtp, ids[extension]) : (struct xc_span){NULL, 0};
}

void xc_rtp_values_read(struct xc_rtp_values *values, const struct xc_rtp *rtp,
                        const uint8_t ids[XC_EXT_KNOWN])
{
    *values = (struct xc_rtp_values){0};
    if (!rtp->extension_count)
        return;
    values->has_audio_level = xc_ext_audio_level_read(find(rtp, ids, XC_EXT_AUDIO_LEVEL),
                                                      &values->audio_level, &values->voice);
    values->has_send_time =
        xc_ext_send_time_read(find(rtp, ids, XC_EXT_ABS_SEND_TIME), &values->send_time);
    values->has_transport_sequence =
        xc_ext_transport_read(find(rtp, ids, XC_EXT_TRANSPORT_CC), &values->transport_sequence);
    values->has_capture =
        xc_ext_capture_read(find(rtp, ids, XC_EXT_ABS_CAPTURE_TIME), &values->capture_ntp,
                            &values->has_capture_offset, &values->capture_offset);
    values->has_playout_delay =
        xc_ext_playout_delay_read(find(rtp, ids, XC_EXT_PLAYOUT_DELAY), &values->playout_delay_min,
                                  &values->playout_delay_max);
    values->has_rotation =
        xc_ext_orientation_read(find(rtp, ids, XC_EXT_VIDEO_ORIENTATION), &values->camera_back,
                                &values->flipped, &values->rotation);
}
