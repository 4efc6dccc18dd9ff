/* transport_cc.c - writes and reads transport-wide feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
 *
 *   run:      0 S S  run length (13 bits)
 *   one bit:  1 0    14 statuses: not received, received with a small delta
 *   two bits: 1 1     7 statuses
 *
 * SPDX-License-Identifier: MIT */
#include "wire/transport_cc.h"

#define NOT_RECEIVED 0u
#define SMALL 1u /* delta of 0..255 ticks, one byte */
#define LARGE 2u /* any delta of 16 bits, signed */
#define RUN_MAX 0x1fffu
#define ONE_BIT 0x8000u
#define TWO_BITS 0xc000u
#define IN_ONE_BIT 14u
#define IN_TWO_BITS 7u
#define CHUNK_SIZE 2
#define FEEDBACK_OFFSET 8 /* within the body: after the two SSRCs */

/* --- out ------------------------------------------------------------------------------------ */

void xc_transport_cc_begin(struct xc_transport_cc_writer *t, uint16_t base, size_t capacity)
{
    t->state = (struct xc_transport_cc_state){.alike = true};
    t->capacity = XC_MIN(capacity, (size_t)XC_MTU);
    t->base = base;
    t->reference = 0;
}

static void put_chunk(struct xc_transport_cc_writer *t, uint32_t chunk)
{
    if (t->state.chunk_size + CHUNK_SIZE <= sizeof t->chunks)
        xc_store16(t->chunks + t->state.chunk_size, (uint16_t)chunk);
    t->state.chunk_size += CHUNK_SIZE; /* over the end: the attempt is taken back */
}

/* Takes the first 7 symbols off as one chunk; what is left starts the next. */
static void put_two_bits(struct xc_transport_cc_writer *t)
{
    struct xc_transport_cc_state *s = &t->state;
    uint32_t chunk = TWO_BITS, taken = XC_MIN(s->count, IN_TWO_BITS);
    for (uint32_t i = 0; i < taken; i++)
        chunk |= (uint32_t)s->symbols[i] << (12 - 2 * i);
    put_chunk(t, chunk);
    s->count -= taken;
    memmove(s->symbols, s->symbols + taken, s->count);
    s->alike = true;
    s->large = false;
    for (uint32_t i = 0; i < s->count; i++) {
        s->alike = s->alike && s->symbols[i] == s->symbols[0];
        s->large = s->large || s->symbols[i] == LARGE;
    }
}

/* The symbols, or the first of them, become a chunk. `all`: nothing will follow. */
static void put_symbols(struct xc_transport_cc_writer *t, bool all)
{
    struct xc_transport_cc_state *s = &t->state;
    uint32_t chunk;
    if (!s->alike && (s->large || (s->count < IN_ONE_BIT && !all))) {
        put_two_bits(t);
        return;
    }
    if (s->alike) {
        chunk = (uint32_t)s->symbols[0] << 13 | s->count;
    } else {
        chunk = ONE_BIT;
        for (uint32_t i = 0; i < s->count; i++)
            chunk |= (uint32_t)s->symbols[i] << (13 - i);
    }
    put_chunk(t, chunk);
    s->count = 0;
    s->alike = true;
    s->large = false;
}

/* Adds `n` statuses; a chunk is written when the next one does not fit into it. */
static void add_symbols(struct xc_transport_cc_writer *t, uint8_t symbol, uint32_t n)
{
    struct xc_transport_cc_state *s = &t->state;
    while (n) {
        bool joins = s->alike && (s->count == 0 || s->symbols[0] == symbol);
        uint32_t take = joins ? XC_MIN(n, RUN_MAX - s->count) : 0;
        if (!joins &&
            (s->count < IN_TWO_BITS || (s->count < IN_ONE_BIT && !s->large && symbol != LARGE)))
            take = 1;
        for (uint32_t i = 0; i < take && s->count + i < IN_ONE_BIT; i++)
            s->symbols[s->count + i] = symbol;
        s->count += take;
        n -= take;
        if (!take) {
            put_symbols(t, false);
            continue;
        }
        s->alike = joins;
        s->large = s->large || symbol == LARGE;
    }
}

/* With the chunk that is being filled, which is always one. */
static size_t size_now(const struct xc_transport_cc_writer *t)
{
    const struct xc_transport_cc_state *s = &t->state;
    size_t size =
        XC_TRANSPORT_CC_HEAD + s->chunk_size + (s->count ? CHUNK_SIZE : 0) + s->delta_size;
    return (size + 3) & ~(size_t)3;
}

bool xc_transport_cc_add(struct xc_transport_cc_writer *t, uint32_t missing, uint32_t tick)
{
    struct xc_transport_cc_state *s = &t->state;
    uint32_t reference = s->any ? t->reference : tick >> 8;
    int64_t delta = (int32_t)(tick - (s->any ? s->last : reference << 8));
    if (missing >= UINT16_MAX || s->statuses + missing + 1 > UINT16_MAX || delta < INT16_MIN ||
        delta > INT16_MAX)
        return false;
    struct xc_transport_cc_state before = *s;
    bool large = delta < 0 || delta > UINT8_MAX;
    add_symbols(t, NOT_RECEIVED, missing);
    add_symbols(t, large ? LARGE : SMALL, 1);
    size_t at = s->delta_size;
    s->delta_size += large ? 2 : 1;
    if (size_now(t) > t->capacity) {
        *s = before;
        return false;
    }
    if (large)
        xc_store16(t->deltas + at, (uint16_t)(int16_t)delta);
    else
        t->deltas[at] = (uint8_t)delta;
    t->reference = reference;
    s->any = true;
    s->last = tick;
    s->statuses += missing + 1;
    return true;
}

void xc_transport_cc_finish(struct xc_transport_cc_writer *t, struct xc_writer *w,
                            uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t feedback_count)
{
    struct xc_transport_cc_state *s = &t->state;
    size_t size = size_now(t);
    while (s->count)
        put_symbols(t, true);
    xc_write8(w, 0x80 | XC_RTPFB_TRANSPORT_CC);
    xc_write8(w, XC_RTCP_RTPFB);
    xc_write16(w, (uint16_t)(size / 4 - 1));
    xc_write32(w, sender_ssrc);
    xc_write32(w, media_ssrc);
    xc_write16(w, t->base);
    xc_write16(w, (uint16_t)s->statuses);
    xc_write24(w, t->reference & 0xffffff);
    xc_write8(w, feedback_count);
    xc_write_bytes(w, t->chunks, s->chunk_size);
    xc_write_bytes(w, t->deltas, s->delta_size);
    /* Zeros without the P bit, whose count RFC 3550 wants to be a multiple of four. */
    for (size_t i = XC_TRANSPORT_CC_HEAD + s->chunk_size + s->delta_size; i < size; i++)
        xc_write8(w, 0);
}

/* --- in ------------------------------------------------------------------------------------- */

/* How many statuses a chunk has room for, and the one at `i`. */
static uint32_t chunk_length(uint16_t chunk)
{
    if (!(chunk & ONE_BIT))
        return chunk & RUN_MAX;
    return (chunk & TWO_BITS) == TWO_BITS ? IN_TWO_BITS : IN_ONE_BIT;
}

static uint32_t chunk_symbol(uint16_t chunk, uint32_t i)
{
    if (!(chunk & ONE_BIT))
        return chunk >> 13 & 3;
    if ((chunk & TWO_BITS) == TWO_BITS)
        return (uint32_t)chunk >> (12 - 2 * i) & 3;
    return (uint32_t)chunk >> (13 - i) & 1;
}

/* Adds up a chunk's arrivals; false for a reserved status. */
static bool count_chunk(uint16_t chunk, uint32_t length, uint32_t *small, uint32_t *large)
{
    bool run = !(chunk & ONE_BIT);
    for (uint32_t i = 0; i < (run ? 1 : length); i++) {
        uint32_t symbol = chunk_symbol(chunk, i), n = run ? length : 1;
        if (symbol > LARGE)
            return false;
        *small += symbol == SMALL ? n : 0;
        *large += symbol == LARGE ? n : 0;
    }
    return true;
}

bool xc_transport_cc_parse(struct xc_transport_cc *t, const struct xc_rtcp_block *block)
{
    struct xc_reader r = xc_reader_make(block->body);
    *t = (struct xc_transport_cc){0};
    xc_read_bytes(&r, FEEDBACK_OFFSET);
    t->base = xc_read16(&r);
    t->status_count = xc_read16(&r);
    t->reference = xc_read24(&r);
    t->feedback_count = xc_read8(&r);
    t->tick = (int64_t)t->reference << 8;
    t->chunks = r;
    uint32_t left = t->status_count, small = 0, large = 0;
    while (left && !r.failed) {
        uint16_t chunk = xc_read16(&r);
        uint32_t length = XC_MIN(chunk_length(chunk), left); /* the last may have room to spare */
        if (!count_chunk(chunk, length, &small, &large))
            return false;
        left -= length;
    }
    t->received = small + large;
    t->deltas = r;
    return !r.failed && t->status_count && xc_reader_left(&r) >= small + 2 * (size_t)large;
}

bool xc_transport_cc_next(struct xc_transport_cc *t, struct xc_transport_cc_arrival *arrival)
{
    for (;;) {
        if (!t->chunk_left) {
            if (t->at >= t->status_count || xc_reader_left(&t->chunks) < CHUNK_SIZE)
                return false;
            t->chunk = xc_read16(&t->chunks);
            t->chunk_left = XC_MIN(chunk_length(t->chunk), t->status_count - t->at);
            t->chunk_at = 0;
            if (!(t->chunk & ONE_BIT) && chunk_symbol(t->chunk, 0) == NOT_RECEIVED) {
                t->at += t->chunk_left;
                t->chunk_left = 0;
            }
            continue;
        }
        uint32_t symbol = chunk_symbol(t->chunk, t->chunk_at++);
        t->chunk_left--;
        t->at++;
        if (symbol == NOT_RECEIVED)
            continue;
        t->tick += symbol == SMALL ? xc_read8(&t->deltas) : (int16_t)xc_read16(&t->deltas);
        arrival->offset = t->at - 1;
        arrival->sequence = (uint16_t)(t->base + arrival->offset);
        arrival->tick = t->tick;
        return true;
    }
}
