/* video_payload.h - the payload descriptor of each packet of a video frame: VP8 (RFC 7741 section 4.2)
 * and VP9 in non-flexible mode (RFC 9628 section 4.2), in the form that browsers write and expect.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_VIDEO_PAYLOAD_H
#define XC_CALL_VIDEO_PAYLOAD_H

#include "media/video_send.h"

#define XC_VIDEO_PAYLOAD_HEAD_MAX 16

/* The descriptor of one packet; `first` and `last` of its frame. Its size, 0 for an unknown codec. */
size_t xc_video_payload_head(const struct xc_video_frame *frame, bool first, bool last,
                             uint8_t out[XC_VIDEO_PAYLOAD_HEAD_MAX]);

#endif
