/* red.c - see red.h (RFC 2198 section 3).
 * SPDX-License-Identifier: MIT */
#include "wire/red.h"

#define MORE 0x80 /* F: another header follows */

/* Walks the headers. Puts down those from number `first` on where `red` is given; the number of
 * headers, 0 when there is no last one. `announced`: bytes that all redundant blocks take. */
static uint32_t walk(struct xc_reader *r, uint8_t red_payload_type, struct xc_red *red,
                     uint32_t first, size_t *announced)
{
    *announced = 0;
    for (uint32_t count = 0;; count++) {
        uint8_t head = xc_read8(r);
        uint32_t field = head & MORE ? xc_read24(r) : 0;
        if (r->failed || (head & 0x7f) == red_payload_type)
            return 0;
        if (red && count >= first) {
            struct xc_red_block *block = &red->blocks[red->count++];
            block->payload_type = head & 0x7f;
            block->timestamp_offset = (uint16_t)(field >> 10);
            block->bytes = xc_span_make(NULL, field & XC_RED_LENGTH_MAX);
        }
        *announced += field & XC_RED_LENGTH_MAX;
        if (red && count + 1 == first)
            red->skipped = (uint32_t)*announced; /* bytes, for now */
        if (!(head & MORE))
            return count + 1;
    }
}

bool xc_red_parse(struct xc_red *red, struct xc_span payload, uint8_t red_payload_type)
{
    struct xc_reader r = xc_reader_make(payload);
    size_t announced;
    memset(red, 0, sizeof *red);
    uint32_t count = walk(&r, red_payload_type, NULL, 0, &announced);
    if (count == 0 || xc_reader_left(&r) < announced)
        return false;
    r = xc_reader_make(payload);
    uint32_t first = count > XC_RED_BLOCKS_MAX ? count - XC_RED_BLOCKS_MAX : 0;
    walk(&r, red_payload_type, red, first, &announced);
    xc_read_bytes(&r, red->skipped);
    red->skipped = first;
    for (uint32_t i = 0; i + 1 < red->count; i++) {
        struct xc_span *bytes = &red->blocks[i].bytes;
        bytes->data = xc_read_bytes(&r, bytes->size);
    }
    size_t left = xc_reader_left(&r);
    red->blocks[red->count - 1].bytes = xc_span_make(xc_read_bytes(&r, left), left);
    return true;
}

size_t xc_red_write(const struct xc_red_block *blocks, size_t count, uint8_t *out, size_t capacity)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    if (count == 0 || count > XC_RED_BLOCKS_MAX)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const struct xc_red_block *block = &blocks[i];
        if (block->payload_type > 127)
            return 0;
        if (i + 1 == count) {
            xc_write8(&w, block->payload_type);
            break;
        }
        if (block->timestamp_offset > XC_RED_OFFSET_MAX || block->bytes.size > XC_RED_LENGTH_MAX)
            return 0;
        xc_write8(&w, MORE | block->payload_type);
        xc_write24(&w, (uint32_t)block->timestamp_offset << 10 | (uint32_t)block->bytes.size);
    }
    for (size_t i = 0; i < count; i++)
        xc_write_bytes(&w, blocks[i].bytes.data, blocks[i].bytes.size);
    return w.failed ? 0 : w.size;
}
