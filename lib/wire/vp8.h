/* vp8.h - the VP8 payload descriptor (RFC 7741 section 4.2) and the few bits of a VP8 frame that a
 * transport needs: key frame and its size (RFC 6386 section 9.1).
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_VP8_H
#define XC_WIRE_VP8_H

#include "base/bytes.h"

#define XC_VP8_DESCRIPTOR_MAX 6

struct xc_vp8_descriptor {
    bool non_reference;      /* N */
    bool start_of_partition; /* S */
    uint8_t partition;       /* PID, 0..7 */
    bool has_picture_id, has_tl0, has_tid, has_key_index;
    bool long_picture_id; /* M: 15 bits */
    uint16_t picture_id;
    uint8_t tl0_picture_index;
    uint8_t temporal_id; /* 0..3 */
    bool layer_sync;     /* Y */
    uint8_t key_index;   /* 0..31 */
};

/* Returns the descriptor's size, 0 when it is truncated or nothing follows it. */
size_t xc_vp8_parse(struct xc_vp8_descriptor *descriptor, struct xc_span payload);
/* Returns the size written, 0 when it does not fit. */
size_t xc_vp8_write(const struct xc_vp8_descriptor *descriptor, uint8_t *out, size_t capacity);

struct xc_vp8_frame {
    bool key;
    bool show;
    uint16_t width, height; /* key frames only, without the scaling bits */
};

/* Looks at the first bytes of a frame; false when they are no VP8 frame. */
bool xc_vp8_frame_look(struct xc_vp8_frame *look, struct xc_span frame);

#endif
