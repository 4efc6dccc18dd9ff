/* vp9.c - the VP9 payload descriptor (RFC 9628 section 4.2), a frame's uncompressed header (VP9
 * bitstream specification sections 6.2 and 7.2) and superframes (its Annex B).
 *
 *   |I|P|L|F|B|E|V|Z|   I: |M| picture id, 7 or 15 bits |   L: |TID|U|SID|D| and, unless F, |TL0PICIDX|
 *   P and F: up to three |P_DIFF|N|   V: |N_S|Y|G|-| |WIDTH|HEIGHT|.. |N_G| |TID|U|R|-| |P_DIFF|..
 *
 * SPDX-License-Identifier: MIT */
#include "wire/vp9.h"

#define FRAME_MARKER 2
#define SYNC_CODE 0x498342u
#define COLOR_SPACE_RGB 7
#define INDEX_SIZE_BYTES 3 /* of each frame's size as we write it */

/* Up to three P_DIFF, each with a bit that says whether another follows. */
static bool parse_references(struct xc_vp9_descriptor *d, struct xc_reader *r)
{
    bool more = true;
    while (more) {
        uint8_t bits = xc_read8(r);
        if (d->reference_count == XC_VP9_REFERENCES_MAX || r->failed)
            return false;
        d->references[d->reference_count++] = bits >> 1;
        more = (bits & 1) != 0;
    }
    return true;
}

static void parse_pictures(struct xc_vp9_structure *s, struct xc_reader *r)
{
    s->picture_count = xc_read8(r);
    for (uint32_t i = 0; i < s->picture_count && !r->failed; i++) {
        struct xc_vp9_picture picture = {0};
        uint8_t bits = xc_read8(r);
        picture.temporal_id = bits >> 5;
        picture.switching_up = (bits & 0x10) != 0;
        picture.reference_count = bits >> 2 & 3;
        for (uint32_t k = 0; k < picture.reference_count; k++)
            picture.references[k] = xc_read8(r);
        if (i < XC_VP9_PICTURES_MAX)
            s->pictures[i] = picture;
    }
}

static void parse_structure(struct xc_vp9_structure *s, struct xc_reader *r)
{
    uint8_t bits = xc_read8(r);
    s->spatial_layers = (uint8_t)((bits >> 5) + 1);
    s->has_sizes = (bits & 0x10) != 0;
    s->has_pictures = (bits & 0x08) != 0;
    for (uint32_t i = 0; s->has_sizes && i < s->spatial_layers; i++) {
        s->widths[i] = xc_read16(r);
        s->heights[i] = xc_read16(r);
    }
    if (s->has_pictures)
        parse_pictures(s, r);
}

static void parse_flags(struct xc_vp9_descriptor *d, uint8_t flags)
{
    d->has_picture_id = (flags & 0x80) != 0;
    d->inter_predicted = (flags & 0x40) != 0;
    d->has_layer = (flags & 0x20) != 0;
    d->flexible = (flags & 0x10) != 0;
    d->start_of_frame = (flags & 0x08) != 0;
    d->end_of_frame = (flags & 0x04) != 0;
    d->has_structure = (flags & 0x02) != 0;
    d->not_inter_layer = (flags & 0x01) != 0;
}

size_t xc_vp9_parse(struct xc_vp9_descriptor *d, struct xc_span payload)
{
    struct xc_reader r = xc_reader_make(payload);
    memset(d, 0, sizeof *d);
    parse_flags(d, xc_read8(&r));
    if (d->has_picture_id) {
        uint8_t high = xc_read8(&r);
        d->long_picture_id = (high & 0x80) != 0;
        d->picture_id = high & 0x7f;
        if (d->long_picture_id)
            d->picture_id = (uint16_t)(d->picture_id << 8 | xc_read8(&r));
    }
    if (d->has_layer) {
        uint8_t bits = xc_read8(&r);
        d->temporal_id = bits >> 5;
        d->switching_up = (bits & 0x10) != 0;
        d->spatial_id = bits >> 1 & 7;
        d->inter_layer = (bits & 1) != 0;
        if (!d->flexible)
            d->tl0_picture_index = xc_read8(&r);
    }
    if (d->flexible && d->inter_predicted && !parse_references(d, &r))
        return 0;
    if (d->has_structure)
        parse_structure(&d->structure, &r);
    return xc_reader_left(&r) ? r.at : 0;
}

static bool writable(const struct xc_vp9_descriptor *d)
{
    const struct xc_vp9_structure *s = &d->structure;
    if (d->flexible && d->inter_predicted &&
        (d->reference_count < 1 || d->reference_count > XC_VP9_REFERENCES_MAX))
        return false;
    if (!d->has_structure)
        return true;
    if (s->spatial_layers < 1 || s->spatial_layers > XC_VP9_SPATIAL_MAX)
        return false;
    if (!s->has_pictures)
        return true;
    if (s->picture_count > XC_VP9_PICTURES_MAX)
        return false;
    for (uint32_t i = 0; i < s->picture_count; i++)
        if (s->pictures[i].reference_count > XC_VP9_REFERENCES_MAX)
            return false;
    return true;
}

static void write_structure(struct xc_writer *w, const struct xc_vp9_structure *s)
{
    xc_write8(w, (uint8_t)((unsigned)(s->spatial_layers - 1) << 5 | (s->has_sizes ? 0x10u : 0u) |
                           (s->has_pictures ? 0x08u : 0u)));
    for (uint32_t i = 0; s->has_sizes && i < s->spatial_layers; i++) {
        xc_write16(w, s->widths[i]);
        xc_write16(w, s->heights[i]);
    }
    if (!s->has_pictures)
        return;
    xc_write8(w, (uint8_t)s->picture_count);
    for (uint32_t i = 0; i < s->picture_count; i++) {
        const struct xc_vp9_picture *p = &s->pictures[i];
        xc_write8(w, (uint8_t)((p->temporal_id & 7u) << 5 | (p->switching_up ? 0x10u : 0u) |
                               (unsigned)p->reference_count << 2));
        xc_write_bytes(w, p->references, p->reference_count);
    }
}

static uint8_t flags_of(const struct xc_vp9_descriptor *d)
{
    return (uint8_t)((d->has_picture_id ? 0x80 : 0) | (d->inter_predicted ? 0x40 : 0) |
                     (d->has_layer ? 0x20 : 0) | (d->flexible ? 0x10 : 0) |
                     (d->start_of_frame ? 0x08 : 0) | (d->end_of_frame ? 0x04 : 0) |
                     (d->has_structure ? 0x02 : 0) | (d->not_inter_layer ? 0x01 : 0));
}

size_t xc_vp9_write(const struct xc_vp9_descriptor *d, uint8_t *out, size_t capacity)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    if (!writable(d))
        return 0;
    xc_write8(&w, flags_of(d));
    if (d->has_picture_id && d->long_picture_id)
        xc_write16(&w, (uint16_t)(0x8000 | (d->picture_id & 0x7fff)));
    else if (d->has_picture_id)
        xc_write8(&w, (uint8_t)(d->picture_id & 0x7f));
    if (d->has_layer) {
        xc_write8(&w, (uint8_t)((d->temporal_id & 7u) << 5 | (d->switching_up ? 0x10u : 0u) |
                                (d->spatial_id & 7u) << 1 | (d->inter_layer ? 1u : 0u)));
        if (!d->flexible)
            xc_write8(&w, d->tl0_picture_index);
    }
    if (d->flexible && d->inter_predicted)
        for (uint32_t i = 0; i < d->reference_count; i++)
            xc_write8(&w, (uint8_t)((d->references[i] & 0x7fu) << 1 |
                                    (i + 1u < d->reference_count ? 1u : 0u)));
    if (d->has_structure)
        write_structure(&w, &d->structure);
    return w.failed ? 0 : w.size;
}

/* -- the frame's header ---------------------------------------------------------------------- */

struct bits {
    struct xc_span bytes;
    size_t at; /* in bits */
    bool failed;
};

static uint32_t take_bits(struct bits *b, uint32_t count)
{
    uint32_t value = 0;
    if (b->failed || b->bytes.size * 8 - b->at < count) {
        b->failed = true;
        return 0;
    }
    for (; count; count--, b->at++)
        value = value << 1 | (b->bytes.data[b->at / 8] >> (7 - b->at % 8) & 1u);
    return value;
}

static void look_size(struct xc_vp9_frame *look, struct bits *b)
{
    look->has_size = true;
    look->width = take_bits(b, 16) + 1;
    look->height = take_bits(b, 16) + 1;
}

static bool look_key(struct xc_vp9_frame *look, struct bits *b)
{
    look->key = true;
    if (take_bits(b, 24) != SYNC_CODE)
        return false;
    if (take_bits(b, 3) == COLOR_SPACE_RGB)
        return false; /* 4:4:4: not in profile 0 */
    take_bits(b, 1);  /* color_range */
    look_size(look, b);
    return true;
}

static bool look_delta(struct xc_vp9_frame *look, struct bits *b, bool resilient)
{
    look->intra_only = !look->show && take_bits(b, 1);
    if (!resilient)
        take_bits(b, 2); /* reset_frame_context */
    if (look->intra_only) {
        if (take_bits(b, 24) != SYNC_CODE)
            return false;
        take_bits(b, 8); /* refresh_frame_flags */
        look_size(look, b);
        return true;
    }
    take_bits(b, 8);     /* refresh_frame_flags */
    take_bits(b, 3 * 4); /* ref_frame_idx, sign bias */
    for (int i = 0; i < 3; i++)
        if (take_bits(b, 1)) /* found_ref: as large as that one */
            return true;
    look_size(look, b);
    return true;
}

bool xc_vp9_frame_look(struct xc_vp9_frame *look, struct xc_span frame)
{
    struct bits b = {.bytes = frame};
    memset(look, 0, sizeof *look);
    if (take_bits(&b, 2) != FRAME_MARKER)
        return false;
    uint32_t low = take_bits(&b, 1);
    look->profile = (uint8_t)(low | take_bits(&b, 1) << 1);
    if (look->profile != 0)
        return false;
    look->show_existing = take_bits(&b, 1) != 0;
    if (look->show_existing) {
        take_bits(&b, 3);
        return !b.failed;
    }
    bool delta = take_bits(&b, 1) != 0;
    look->show = take_bits(&b, 1) != 0;
    bool resilient = take_bits(&b, 1) != 0;
    bool ok = delta ? look_delta(look, &b, resilient) : look_key(look, &b);
    return ok && !b.failed;
}

/* -- superframes ----------------------------------------------------------------------------- */

bool xc_vp9_superframe_marker(uint8_t last)
{
    return (last & 0xe0) == 0xc0;
}

int xc_vp9_superframe_parse(struct xc_span bytes, uint32_t sizes[XC_VP9_SPATIAL_MAX])
{
    if (!bytes.size || !xc_vp9_superframe_marker(bytes.data[bytes.size - 1]))
        return 0;
    uint8_t marker = bytes.data[bytes.size - 1];
    uint32_t count = (marker & 7u) + 1, width = (marker >> 3 & 3u) + 1;
    size_t index = 2 + (size_t)width * count;
    if (bytes.size < index || bytes.data[bytes.size - index] != marker)
        return -1;
    const uint8_t *p = bytes.data + bytes.size - index + 1;
    uint64_t left = bytes.size - index;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = 0;
        for (uint32_t k = 0; k < width; k++)
            size |= (uint32_t)*p++ << (8 * k);
        if (size == 0 || size > left)
            return -1;
        left -= size;
        sizes[i] = size;
    }
    return (int)count;
}

size_t xc_vp9_superframe_index_size(uint32_t count)
{
    return 2 + (size_t)INDEX_SIZE_BYTES * count;
}

size_t xc_vp9_superframe_write(const uint32_t *sizes, uint32_t count, uint8_t *out, size_t capacity)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    if (count < 1 || count > XC_VP9_SPATIAL_MAX)
        return 0;
    uint8_t marker = (uint8_t)(0xc0u | (INDEX_SIZE_BYTES - 1u) << 3 | (count - 1));
    xc_write8(&w, marker);
    for (uint32_t i = 0; i < count; i++) {
        if (sizes[i] >> 24)
            return 0;
        for (uint32_t k = 0; k < INDEX_SIZE_BYTES; k++)
            xc_write8(&w, (uint8_t)(sizes[i] >> (8 * k)));
    }
    xc_write8(&w, marker);
    return w.failed ? 0 : w.size;
}
