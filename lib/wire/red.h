/* red.h - the payload of redundant audio (RED, RFC 2198 section 3): headers of all blocks, oldest
 * first, then their data in the same order.
 *
 *   redundant: |1| block PT (7) | timestamp offset (14) | block length (10) |   last: |0| block PT |
 *
 * Pure functions, no owner.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_RED_H
#define XC_WIRE_RED_H

#include "base/bytes.h"

#define XC_RED_BLOCKS_MAX 10     /* primary included; browsers send up to 9 redundant ones */
#define XC_RED_OFFSET_MAX 0x3fff /* units of the RTP clock */
#define XC_RED_LENGTH_MAX 0x3ff  /* of a redundant block */
#define XC_RED_HEADER_SIZE 4     /* of a redundant block */
#define XC_RED_LAST_HEADER_SIZE 1

struct xc_red_block {
    uint8_t payload_type;      /* 0..127 */
    uint16_t timestamp_offset; /* before the packet's own time stamp; 0 of the primary */
    struct xc_span bytes;      /* may be empty */
};

struct xc_red {
    uint8_t count;    /* 1.. ; the last one is the primary */
    uint32_t skipped; /* older blocks that found no place: the newest are kept */
    struct xc_red_block blocks[XC_RED_BLOCKS_MAX];
};

/* False for anything malformed: headers without an end, more data announced than is there, a block
 * that is RED itself (payload type red_payload_type). */
bool xc_red_parse(struct xc_red *red, struct xc_span payload, uint8_t red_payload_type);
/* `count` blocks, the primary last. Returns the size, 0 when a value has no place in its field or
 * the whole does not fit. */
size_t xc_red_write(const struct xc_red_block *blocks, size_t count, uint8_t *out, size_t capacity);

#endif
