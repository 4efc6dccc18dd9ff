/* rtp_extension.h - the RTP header extensions that we know, by number: their URIs (what an SDP extmap
 * says) and the bytes of their values. The header that carries them is rtp.h's. Every reader takes
 * the value of one element, in either form of RFC 8285, and refuses a size that its definition does
 * not have.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_RTP_EXTENSION_H
#define XC_WIRE_RTP_EXTENSION_H

#include "wire/rtp.h"

enum {
    XC_EXT_MID = 0,           /* RFC 9143 section 15.2 */
    XC_EXT_AUDIO_LEVEL,       /* RFC 6464 */
    XC_EXT_ABS_SEND_TIME,     /* draft-alvestrand-rmcat-remb section 3.1 */
    XC_EXT_TRANSPORT_CC,      /* draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2 */
    XC_EXT_ABS_CAPTURE_TIME,  /* webrtc.org experiments */
    XC_EXT_PLAYOUT_DELAY,     /* webrtc.org experiments: 12 + 12 bits of 10 ms */
    XC_EXT_VIDEO_ORIENTATION, /* 3GPP TS 26.114 section 7.4.5 */
    XC_EXT_KNOWN,
};
extern const char *const xc_extension_uris[XC_EXT_KNOWN];

#define XC_EXT_AUDIO_LEVEL_SIZE 1
#define XC_EXT_SEND_TIME_SIZE 3
#define XC_EXT_TRANSPORT_SIZE 2
#define XC_EXT_CAPTURE_SIZE 8
#define XC_EXT_CAPTURE_OFFSET_SIZE 16 /* with the clock offset */
#define XC_EXT_PLAYOUT_DELAY_SIZE 3
#define XC_EXT_ORIENTATION_SIZE 1
#define XC_EXT_SIZE_MAX 16 /* of those above; a MID may be longer */

#define XC_AUDIO_LEVEL_SILENT 127            /* -dBov */
#define XC_PLAYOUT_DELAY_MAX 4095            /* of 10 ms */
#define XC_SEND_TIME_MASK UINT32_C(0xffffff) /* 64 s go round in 24 bits */

/* What one packet says beside its payload. A sender sets what it wants said; transport sequence and
 * send time belong to the moment of sending, and only a receiver finds them here. */
struct xc_rtp_values {
    bool has_audio_level, voice;
    bool has_capture, has_capture_offset;
    bool has_playout_delay;
    bool has_rotation, camera_back, flipped;
    bool has_transport_sequence, has_send_time;
    uint8_t audio_level; /* 0 loudest .. XC_AUDIO_LEVEL_SILENT */
    uint8_t rotation;    /* quarter turns clockwise that show the picture upright */
    uint16_t transport_sequence;
    uint16_t playout_delay_min, playout_delay_max; /* of 10 ms */
    uint32_t send_time;                            /* 6.18 s */
    uint64_t capture_ntp;                          /* 32.32 s since 1900 */
    int64_t capture_offset; /* 32.32 s: what to add to reach the capturer's own clock */
};

/* Each writes its fixed size. */
void xc_ext_audio_level_write(uint8_t *out, uint8_t level, bool voice);
void xc_ext_send_time_write(uint8_t *out, uint32_t send_time);
void xc_ext_transport_write(uint8_t *out, uint16_t sequence);
/* Returns XC_EXT_CAPTURE_SIZE, or XC_EXT_CAPTURE_OFFSET_SIZE where `offset` is given. */
size_t xc_ext_capture_write(uint8_t *out, uint64_t ntp, const int64_t *offset);
void xc_ext_playout_delay_write(uint8_t *out, uint16_t min, uint16_t max);
void xc_ext_orientation_write(uint8_t *out, bool camera_back, bool flipped, uint8_t rotation);

bool xc_ext_audio_level_read(struct xc_span value, uint8_t *level, bool *voice);
bool xc_ext_send_time_read(struct xc_span value, uint32_t *send_time);
bool xc_ext_transport_read(struct xc_span value, uint16_t *sequence);
bool xc_ext_capture_read(struct xc_span value, uint64_t *ntp, bool *has_offset, int64_t *offset);
bool xc_ext_playout_delay_read(struct xc_span value, uint16_t *min, uint16_t *max);
bool xc_ext_orientation_read(struct xc_span value, bool *camera_back, bool *flipped,
                             uint8_t *rotation);

/* A time in ns as 6.18 s, and the signed ns from b to a, which are less than 32 s apart. */
uint32_t xc_send_time(uint64_t now);
int64_t xc_send_time_diff(uint32_t a, uint32_t b);

/* All values of a parsed packet, by the ids agreed for its section (0: not agreed). A value of wrong
 * size counts as absent. */
void xc_rtp_values_read(struct xc_rtp_values *values, const struct xc_rtp *rtp,
                        const uint8_t ids[XC_EXT_KNOWN]);

#endif
