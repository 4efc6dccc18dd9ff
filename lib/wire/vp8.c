/* vp8.c - the VP8 payload descriptor (RFC 7741 section 4.2) and a frame's first bytes (RFC 6386
 * section 9.1).
 *
 *   |X|R|N|S|R| PID |   X: |I|L|T|K| RSV |   I: |M| picture id, 7 or 15 bits |
 *   L: | TL0PICIDX |    T or K: |TID|Y| KEYIDX |
 *
 * SPDX-License-Identifier: MIT */
#include "wire/vp8.h"

#define FRAME_TAG_SIZE 3
#define KEY_FRAME_HEADER_SIZE 10
#define VERSION_MAX 3

static void parse_extension(struct xc_vp8_descriptor *descriptor, struct xc_reader *r)
{
    uint8_t flags = xc_read8(r);
    descriptor->has_picture_id = (flags & 0x80) != 0;
    descriptor->has_tl0 = (flags & 0x40) != 0;
    descriptor->has_tid = (flags & 0x20) != 0;
    descriptor->has_key_index = (flags & 0x10) != 0;
    if (descriptor->has_picture_id) {
        uint8_t high = xc_read8(r);
        descriptor->long_picture_id = (high & 0x80) != 0;
        descriptor->picture_id = high & 0x7f;
        if (descriptor->long_picture_id)
            descriptor->picture_id = (uint16_t)(descriptor->picture_id << 8 | xc_read8(r));
    }
    if (descriptor->has_tl0)
        descriptor->tl0_picture_index = xc_read8(r);
    if (descriptor->has_tid || descriptor->has_key_index) {
        uint8_t bits = xc_read8(r);
        if (descriptor->has_tid) {
            descriptor->temporal_id = bits >> 6;
            descriptor->layer_sync = (bits & 0x20) != 0;
        }
        if (descriptor->has_key_index)
            descriptor->key_index = bits & 31;
    }
}

size_t xc_vp8_parse(struct xc_vp8_descriptor *descriptor, struct xc_span payload)
{
    struct xc_reader r = xc_reader_make(payload);
    memset(descriptor, 0, sizeof *descriptor);
    uint8_t first = xc_read8(&r);
    descriptor->non_reference = (first & 0x20) != 0;
    descriptor->start_of_partition = (first & 0x10) != 0;
    descriptor->partition = first & 7;
    if (first & 0x80)
        parse_extension(descriptor, &r);
    return xc_reader_left(&r) ? r.at : 0;
}

size_t xc_vp8_write(const struct xc_vp8_descriptor *descriptor, uint8_t *out, size_t capacity)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    const struct xc_vp8_descriptor *d = descriptor;
    uint8_t flags = (uint8_t)((d->has_picture_id ? 0x80 : 0) | (d->has_tl0 ? 0x40 : 0) |
                              (d->has_tid ? 0x20 : 0) | (d->has_key_index ? 0x10 : 0));
    xc_write8(&w, (uint8_t)((flags ? 0x80 : 0) | (d->non_reference ? 0x20 : 0) |
                            (d->start_of_partition ? 0x10 : 0) | (d->partition & 7)));
    if (flags)
        xc_write8(&w, flags);
    if (d->has_picture_id && d->long_picture_id)
        xc_write16(&w, (uint16_t)(0x8000 | (d->picture_id & 0x7fff)));
    else if (d->has_picture_id)
        xc_write8(&w, (uint8_t)(d->picture_id & 0x7f));
    if (d->has_tl0)
        xc_write8(&w, d->tl0_picture_index);
    if (d->has_tid || d->has_key_index) {
        unsigned layer = d->has_tid ? (unsigned)(d->temporal_id & 3) << 6 : 0;
        unsigned sync = d->has_tid && d->layer_sync ? 0x20 : 0;
        unsigned key = d->has_key_index ? d->key_index & 31u : 0;
        xc_write8(&w, (uint8_t)(layer | sync | key));
    }
    return w.failed ? 0 : w.size;
}

bool xc_vp8_frame_look(struct xc_vp8_frame *look, struct xc_span frame)
{
    memset(look, 0, sizeof *look);
    if (frame.size < FRAME_TAG_SIZE || (frame.data[0] >> 1 & 7) > VERSION_MAX)
        return false;
    look->key = (frame.data[0] & 1) == 0;
    look->show = (frame.data[0] & 0x10) != 0;
    if (!look->key)
        return true;
    const uint8_t *p = frame.data;
    if (frame.size < KEY_FRAME_HEADER_SIZE || p[3] != 0x9d || p[4] != 0x01 || p[5] != 0x2a)
        return false;
    look->width = (uint16_t)((p[6] | p[7] << 8) & 0x3fff);
    look->height = (uint16_t)((p[8] | p[9] << 8) & 0x3fff);
    return look->width && look->height;
}
