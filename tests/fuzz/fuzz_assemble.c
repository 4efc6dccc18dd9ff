/* fuzz_assemble.c - any list of packets and calls into the assembler; what comes out keeps the
 * promises of assemble.h.
 *
 *   |op|sequence step, 16 bit|time step|timestamp step|flags|payload size|payload ...|
 *   flags: 1 marker, 2 long, 4 VP9, 8 rotation in the highest two bits
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "media/assemble.h"
#include "media/video_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    struct xc_assemble *assemble;
    uint64_t now, sequence, settled, last_end;
    uint32_t timestamp;
    uint8_t *frame;
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void drain(struct target *t, bool drop)
{
    struct xc_assembled info;
    while (xc_assemble_peek(t->assemble, t->now, &info)) {
        check(info.size > 0 && info.size <= XC_VIDEO_FRAME_MAX);
        check(info.first_sequence <= info.last_sequence);
        check(info.last_sequence - info.first_sequence < XC_ASSEMBLE_PACKETS_MAX);
        check(t->last_end == 0 || info.first_sequence > t->last_end);
        check(info.codec == XC_CODEC_VP8 || info.codec == XC_CODEC_VP9);
        check(info.rotation < 4);
        check(!info.key || (info.width && info.height));
        t->last_end = info.last_sequence;
        if (drop) {
            xc_assemble_drop(t->assemble, t->now);
        } else {
            uint8_t *exact = malloc(info.size); /* ASan guards its end */
            xc_assemble_take(t->assemble, exact);
            free(exact);
        }
        check(xc_assemble_settled(t->assemble) >= t->last_end);
    }
    check(xc_assemble_deadline(t->assemble) > t->now);
    check(xc_assemble_settled(t->assemble) >= t->settled);
    t->settled = xc_assemble_settled(t->assemble);
}

static void push(struct target *t, struct xc_reader *r)
{
    uint8_t flags = xc_read8(r);
    size_t size = xc_read8(r);
    if (flags & 2)
        size *= 8; /* long packets, without an input as long */
    size_t given = XC_MIN(size, xc_reader_left(r));
    const uint8_t *bytes = xc_read_bytes(r, given);
    uint8_t *payload = calloc(1, size ? size : 1);
    if (bytes && given)
        memcpy(payload, bytes, given);
    struct xc_assemble_packet packet = {.sequence = t->sequence,
                                        .timestamp = t->timestamp,
                                        .marker = (flags & 1) != 0,
                                        .received = t->now,
                                        .codec = flags & 4 ? XC_CODEC_VP9 : XC_CODEC_VP8,
                                        .has_rotation = (flags & 8) != 0,
                                        .rotation = flags >> 6,
                                        .payload = {payload, size}};
    xc_assemble_push(t->assemble, t->now, &packet);
    free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xc_assemble_config config = {0};
    struct xc_arena arena = {0};
    xc_assemble_create(&arena, &config);
    arena.capacity = arena.used;
    arena.memory = aligned_alloc(XC_CACHE_LINE, arena.capacity);
    arena.used = 0;
    struct target t = {
        .assemble = xc_assemble_create(&arena, &config), .now = 1, .sequence = 100000};
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    while (xc_reader_left(&r)) {
        uint8_t op = xc_read8(&r);
        t.sequence += (uint64_t)(int64_t)(int16_t)xc_read16(&r);
        t.sequence &= UINT64_C(0xffffffffffff);
        t.now += xc_read8(&r) * XC_NS_PER_MS;
        t.timestamp += (uint32_t)(int32_t)(int8_t)xc_read8(&r);
        if (op < 200)
            push(&t, &r);
        else if (op < 220)
            xc_assemble_lost(t.assemble, t.now, t.sequence);
        else if (op < 225)
            xc_assemble_need_key(t.assemble);
        else if (op < 226) {
            xc_assemble_reset(t.assemble);
            t.settled = t.last_end = 0;
        }
        if (op % 8 != 7) /* at times several packets between two looks */
            drain(&t, op % 32 == 30);
        xc_assemble_wants_key(t.assemble);
    }
    free(arena.memory);
    return 0;
}
