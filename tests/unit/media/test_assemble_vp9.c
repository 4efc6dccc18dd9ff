/* test_assemble_vp9.c - what VP9 adds to the assembler: B and E bits, spatial layers as one superframe,
 * temporal layers, a change of codec in mid-stream; and what travels with packets of either codec:
 * rotation and capture time.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "media/assemble.h"
#include "media/video_codec.h"
#include "wire/vp8.h"
#include "wire/vp9.h"

#define MS XC_NS_PER_MS

struct rig {
    void *memory;
    struct xc_assemble *assemble;
    uint64_t now;
    uint8_t bytes[XC_VIDEO_FRAME_MAX];
};

static struct rig rig;

static void open_rig(void)
{
    struct xc_assemble_config config = {0};
    struct xc_arena arena = {0};
    assert_null(xc_assemble_create(&arena, &config));
    arena.capacity = arena.used;
    arena.memory = rig.memory = aligned_alloc(XC_CACHE_LINE, arena.used);
    arena.used = 0;
    rig.assemble = xc_assemble_create(&arena, &config);
    assert_non_null(rig.assemble);
    rig.now = XC_NS_PER_S;
}

static void close_rig(void)
{
    free(rig.memory);
}

enum { B = 1, E = 2, KEY = 4, MARKER = 8, LAYERED = 16, INDEXED = 32 };

struct extra { /* what a test may say beyond the flags */
    uint8_t spatial, temporal;
    uint32_t width, height;
    bool has_rotation;
    uint8_t rotation;
    uint64_t capture;
};

/* A header of 9 bytes for a frame that says its size; else found_ref. */
static void write_head(uint8_t *out, bool key, uint32_t width, uint32_t height)
{
    uint32_t sides = (width - 1) << 16 | (height - 1);
    if (key) {
        memcpy(out, "\x82\x49\x83\x42", 4);
        out[4] = (uint8_t)(sides >> 28);
        xc_store32(out + 5, sides << 4);
    } else if (width) { /* 25 bits behind the first 8 bits' frame: see fuzz corpus */
        memcpy(out, "\x86\x00\x40\x00", 4);
        out[4] = (uint8_t)(sides >> 25);
        xc_store32(out + 5, sides << 7);
    } else {
        memcpy(out, "\x86\x00\x40\x02", 4);
    }
}

static void push_with(uint64_t sequence, uint32_t timestamp, int flags, struct extra extra)
{
    uint8_t payload[200];
    struct xc_vp9_descriptor d = {.has_picture_id = true,
                                  .long_picture_id = true,
                                  .inter_predicted = !(flags & KEY),
                                  .has_layer = (flags & LAYERED) != 0,
                                  .spatial_id = extra.spatial,
                                  .temporal_id = extra.temporal,
                                  .start_of_frame = (flags & B) != 0,
                                  .end_of_frame = (flags & E) != 0};
    size_t n = xc_vp9_write(&d, payload, 64);
    memset(payload + n, 0x55, 30);
    if (flags & B)
        write_head(payload + n, (flags & KEY) != 0, extra.width, extra.height);
    xc_store64(payload + n + 10, sequence);
    if (flags & INDEXED)
        payload[n + 29] = 0xc1;
    struct xc_assemble_packet packet = {.sequence = sequence,
                                        .timestamp = timestamp,
                                        .marker = (flags & MARKER) != 0,
                                        .received = rig.now,
                                        .codec = XC_CODEC_VP9,
                                        .has_rotation = extra.has_rotation,
                                        .rotation = extra.rotation,
                                        .capture = extra.capture,
                                        .payload = {payload, n + 30}};
    xc_assemble_push(rig.assemble, rig.now, &packet);
}

static void push(uint64_t sequence, uint32_t timestamp, int flags)
{
    push_with(sequence, timestamp, flags,
              (struct extra){.width = flags & KEY ? 320 : 0, .height = flags & KEY ? 180 : 0});
}

static void push_vp8(uint64_t sequence, uint32_t timestamp, bool key)
{
    uint8_t payload[40] = {0x10, (uint8_t)(key ? 0x10 : 0x11), 0, 0};
    memcpy(payload + 4, "\x9d\x01\x2a\x40\x01\xf0\x00", 7);
    struct xc_assemble_packet packet = {.sequence = sequence,
                                        .timestamp = timestamp,
                                        .marker = true,
                                        .received = rig.now,
                                        .codec = XC_CODEC_VP8,
                                        .payload = {payload, sizeof payload}};
    xc_assemble_push(rig.assemble, rig.now, &packet);
}

static void expect_none(void)
{
    struct xc_assembled info;
    assert_false(xc_assemble_peek(rig.assemble, rig.now, &info));
}

static struct xc_assembled expect(uint64_t first, uint64_t last)
{
    struct xc_assembled info;
    assert_true(xc_assemble_peek(rig.assemble, rig.now, &info));
    assert_int_equal(info.first_sequence, first);
    assert_int_equal(info.last_sequence, last);
    memset(rig.bytes, 0xee, info.size + 1);
    xc_assemble_take(rig.assemble, rig.bytes);
    assert_int_equal(rig.bytes[info.size], 0xee); /* no byte more than was said */
    if (info.codec == XC_CODEC_VP9)
        assert_int_equal(xc_load64(rig.bytes + 10), first);
    return info;
}

static void frames_by_their_bits(void **state)
{
    (void)state;
    open_rig();
    push(101, 1, 0);
    push(100, 1, B | KEY);
    expect_none();
    push(102, 1, E | MARKER);
    struct xc_assembled info = expect(100, 102);
    assert_int_equal(info.codec, XC_CODEC_VP9);
    assert_true(info.key);
    assert_int_equal(info.width, 320);
    assert_int_equal(info.height, 180);
    assert_int_equal(info.size, 90);
    push(103, 2, B | E | MARKER);
    info = expect(103, 103);
    assert_true(!info.key && !info.width);
    push(104, 3, B | E); /* a sender without markers: E ends it where there are no layers */
    expect(104, 104);
    push(105, 4, B); /* without either: the next begins */
    expect_none();
    push(106, 5, B | E);
    expect(105, 105);
    expect(106, 106);
    push(107, 6, E | MARKER); /* an end without its beginning */
    expect_none();
    assert_true(xc_assemble_wants_key(rig.assemble));
    close_rig();
}

static void temporal_layers_are_all_handed_out(void **state)
{
    (void)state;
    open_rig();
    static const uint8_t ids[] = {0, 2, 1, 2};
    for (uint32_t n = 0; n < 16; n++) {
        int key = n == 0 ? KEY : 0;
        push_with(100 + 2 * n, n, B | LAYERED | key,
                  (struct extra){.temporal = ids[n % 4], .width = key ? 64 : 0, .height = 48});
        expect_none();
        push_with(101 + 2 * n, n, E | LAYERED | MARKER, (struct extra){.temporal = ids[n % 4]});
        assert_int_equal(expect(100 + 2 * n, 101 + 2 * n).size, 60);
    }
    close_rig();
}

static void spatial_layers_make_one_superframe(void **state)
{
    (void)state;
    open_rig();
    for (uint32_t n = 0; n < 3; n++) {
        uint64_t s = 100 + 4 * n;
        int key = n == 0 ? KEY : 0;
        push_with(s, n, B | E | LAYERED | key,
                  (struct extra){.width = key ? 320 : 0, .height = 180});
        push_with(s + 2, n, E | LAYERED, (struct extra){.spatial = 1});
        expect_none();
        push_with(s + 1, n, B | LAYERED,
                  (struct extra){.spatial = 1, .width = key ? 640 : 0, .height = 360});
        expect_none();
        push_with(s + 3, n, B | E | LAYERED | MARKER,
                  (struct extra){.spatial = 2, .width = key ? 1280 : 0, .height = 720});
        struct xc_assembled info = expect(s, s + 3);
        assert_int_equal(info.key, n == 0);
        assert_int_equal(info.width, n == 0 ? 1280 : 0);
        assert_int_equal(info.height, n == 0 ? 720 : 0);
        uint32_t sizes[XC_VP9_SPATIAL_MAX];
        assert_int_equal(xc_vp9_superframe_parse(xc_span_make(rig.bytes, info.size), sizes), 3);
        assert_int_equal(sizes[0], 30);
        assert_int_equal(sizes[1], 60);
        assert_int_equal(sizes[2], 30);
        assert_int_equal(info.size, 120 + xc_vp9_superframe_index_size(3));
    }
    /* one that brings its own index is left as it is */
    push_with(112, 9, B | E | LAYERED, (struct extra){0});
    push_with(113, 9, B | E | LAYERED | MARKER | INDEXED, (struct extra){.spatial = 1});
    assert_int_equal(expect(112, 113).size, 60);
    /* an upper layer alone starts no picture */
    push_with(114, 10, B | E | LAYERED | MARKER, (struct extra){.spatial = 1});
    expect_none();
    assert_true(xc_assemble_wants_key(rig.assemble));
    close_rig();
}

static void more_layers_than_there_are_is_dropped(void **state)
{
    (void)state;
    open_rig();
    push_with(100, 1, B | E | LAYERED | KEY, (struct extra){.width = 64, .height = 48});
    for (uint32_t i = 1; i <= 8; i++)
        push_with(100 + i, 1, B | E | LAYERED | (i == 8 ? MARKER : 0),
                  (struct extra){.spatial = (uint8_t)(i < 8 ? i : 7)});
    expect_none();
    assert_true(xc_assemble_wants_key(rig.assemble));
    push(109, 2, B | E | KEY | MARKER);
    expect(109, 109);
    close_rig();
}

static void the_codec_changes_with_a_key_frame(void **state)
{
    (void)state;
    open_rig();
    push_vp8(100, 1, true);
    assert_int_equal(expect(100, 100).codec, XC_CODEC_VP8);
    push(101, 2, B | E | KEY | MARKER);
    assert_int_equal(expect(101, 101).codec, XC_CODEC_VP9);
    push(102, 3, B | E | MARKER);
    expect(102, 102);
    push_vp8(103, 4, false); /* follows from nothing */
    expect_none();
    assert_true(xc_assemble_wants_key(rig.assemble));
    push_vp8(104, 5, true);
    expect(104, 104);
    push_vp8(105, 6, false);
    expect(105, 105);
    /* the last packets of the old one are lost: the new key frame ends the waiting */
    push(107, 7, B | KEY);
    push(108, 7, E | MARKER);
    expect(107, 108);
    /* the packets of one time are of two codecs: two frames, and neither is whole */
    push(109, 8, B);
    push_vp8(110, 8, false);
    expect(109, 109);
    expect_none();
    assert_true(xc_assemble_wants_key(rig.assemble));
    /* another codec is no video */
    uint64_t malformed = xc_assemble_counters(rig.assemble)->packets_malformed;
    uint8_t byte[20] = {0x10, 0x10};
    struct xc_assemble_packet packet = {
        .sequence = 111, .codec = XC_CODEC_OPUS, .payload = {byte, sizeof byte}};
    xc_assemble_push(rig.assemble, rig.now, &packet);
    assert_int_equal(xc_assemble_counters(rig.assemble)->packets_malformed, malformed + 1);
    close_rig();
}

static void malformed_packets_are_counted(void **state)
{
    (void)state;
    open_rig();
    static const uint8_t bad[][12] = {
        {0x08, 0x42, 0, 0},          /* frame marker */
        {0x08, 0x92, 0x49, 0x83},    /* profile 2 */
        {0x08, 0x82, 0x49, 0x83, 0}, /* sync code */
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++) {
        struct xc_assemble_packet packet = {
            .sequence = 100 + i, .codec = XC_CODEC_VP9, .payload = {bad[i], sizeof bad[i]}};
        xc_assemble_push(rig.assemble, rig.now, &packet);
    }
    static const uint8_t whole[] = {0x8a, 0x80, 0x05, 0x18, 0x02, 0x80, 0x01,
                                    0x68, 0x01, 0x04, 0x01, 0x82, 0x49, 0x83};
    for (size_t size = 1; size <= sizeof whole; size++) {
        struct xc_assemble_packet packet = {
            .sequence = 110 + size, .codec = XC_CODEC_VP9, .payload = {whole, size}};
        xc_assemble_push(rig.assemble, rig.now, &packet);
    }
    assert_int_equal(xc_assemble_counters(rig.assemble)->packets_malformed,
                     XC_ARRAY_LEN(bad) + sizeof whole);
    expect_none();
    close_rig();
}

static void rotation_and_capture_time_travel_along(void **state)
{
    (void)state;
    open_rig();
    push_with(100, 1, B | KEY, (struct extra){.width = 64, .height = 48, .capture = 777});
    push_with(101, 1, E | MARKER, (struct extra){.has_rotation = true, .rotation = 1});
    struct xc_assembled info = expect(100, 101);
    assert_int_equal(info.rotation, 1);
    assert_int_equal(info.capture, 777);
    push(102, 2, B | E | MARKER); /* says nothing: as before */
    info = expect(102, 102);
    assert_int_equal(info.rotation, 1);
    assert_int_equal(info.capture, 0);
    push_with(103, 3, B | E | MARKER, (struct extra){.has_rotation = true, .rotation = 3});
    assert_int_equal(expect(103, 103).rotation, 3);
    push(104, 4, B | E | KEY | MARKER); /* a key frame that says nothing stands upright */
    assert_int_equal(expect(104, 104).rotation, 0);
    push(105, 5, B | E | MARKER);
    assert_int_equal(expect(105, 105).rotation, 0);
    close_rig();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_by_their_bits),
        cmocka_unit_test(temporal_layers_are_all_handed_out),
        cmocka_unit_test(spatial_layers_make_one_superframe),
        cmocka_unit_test(more_layers_than_there_are_is_dropped),
        cmocka_unit_test(the_codec_changes_with_a_key_frame),
        cmocka_unit_test(malformed_packets_are_counted),
        cmocka_unit_test(rotation_and_capture_time_travel_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
