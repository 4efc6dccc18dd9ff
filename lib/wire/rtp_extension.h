/* rtp_extension.h - the RTP header extensions that we know, by number: their URIs (what an SDP extmap
 * says) and the bytes of their values. The header that carries them is rtp.h's.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_RTP_EXTENSION_H
#define XC_WIRE_RTP_EXTENSION_H

#include "base/bytes.h"

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

#endif
