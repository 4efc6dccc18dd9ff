/* fuzz_red.c - any payload as RED: parsed, written again, and unwrapped as the next of a stream with
 * holes. The first two bytes say how far sequence number and time go on.
 * SPDX-License-Identifier: MIT */
#include "fuzz_check.h"

#include "media/audio_red.h"

static void check_parse(struct xc_span payload)
{
    struct xc_red a, b;
    static uint8_t out[70000];
    if (payload.size > 60000 || !xc_red_parse(&a, payload, 63))
        return;
    FUZZ_CHECK(a.count >= 1 && a.count <= XC_RED_BLOCKS_MAX);
    size_t total = 0;
    for (uint32_t i = 0; i < a.count; i++) {
        const struct xc_red_block *block = &a.blocks[i];
        total += block->bytes.size;
        FUZZ_CHECK(block->payload_type != 63 && block->payload_type < 128);
        for (size_t k = 0; k < block->bytes.size; k++)
            FUZZ_CHECK(block->bytes.data[k] < 256);
    }
    FUZZ_CHECK(total <= payload.size);
    size_t size = xc_red_write(a.blocks, a.count, out, sizeof out);
    FUZZ_CHECK(size > 0 && size <= payload.size);
    FUZZ_CHECK(xc_red_parse(&b, xc_span_make(out, size), 63) && b.count == a.count);
    for (uint32_t i = 0; i < a.count; i++)
        FUZZ_CHECK(xc_span_equal(a.blocks[i].bytes, b.blocks[i].bytes) &&
                   a.blocks[i].timestamp_offset == b.blocks[i].timestamp_offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xc_audio_red_in in;
    struct xc_audio_packet out[XC_RED_BLOCKS_MAX];
    struct xc_reader r = xc_reader_make(xc_span_make(data, size));
    xc_audio_red_in_init(&in, &xc_opus);
    struct xc_audio_packet packet = {.sequence = 70000, .timestamp = 0xffffff00u};
    xc_audio_red_in_note(&in, &packet);
    while (xc_reader_left(&r) > 3) {
        uint8_t steps = xc_read8(&r);
        packet.sequence += steps & 15;
        packet.timestamp += (uint32_t)(steps >> 4) * 480;
        size_t length = xc_read16(&r) & 0x7ff;
        length = XC_MIN(length, xc_reader_left(&r));
        packet.bytes = xc_span_make(xc_read_bytes(&r, length), length);
        check_parse(packet.bytes);
        int count = xc_audio_red_unwrap(&in, &packet, 63, 111, out);
        FUZZ_CHECK(count >= 0 && count <= XC_RED_BLOCKS_MAX);
        for (int i = 0; i < count; i++) {
            bool last = i + 1 == count && out[i].sequence == packet.sequence;
            FUZZ_CHECK(last == !out[i].redundant && out[i].bytes.size > 0);
            FUZZ_CHECK(last || out[i].sequence < packet.sequence);
            FUZZ_CHECK(out[i].bytes.data >= packet.bytes.data &&
                       out[i].bytes.data + out[i].bytes.size <=
                           packet.bytes.data + packet.bytes.size);
            for (int k = 0; k < i; k++)
                FUZZ_CHECK(out[k].sequence != out[i].sequence);
        }
    }
    return 0;
}
