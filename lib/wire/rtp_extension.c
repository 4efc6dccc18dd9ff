/* rtp_extension.c - header extensions by number: URIs.
 * SPDX-License-Identifier: MIT */
#include "wire/rtp_extension.h"

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
