/* test_vp9.c - the forms of the VP9 payload descriptor (RFC 9628 section 4.2), the look at a frame's
 * header (VP9 bitstream specification section 6.2) and the superframe index (its Annex B).
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "base/rng.h"
#include "wire/vp9.h"

static size_t parse_hex(struct xc_vp9_descriptor *descriptor, const char *hex)
{
    uint8_t bytes[1200];
    struct xc_span payload = exact_copy(bytes, hex_bytes(hex, bytes, sizeof bytes));
    size_t size = xc_vp9_parse(descriptor, payload);
    exact_free(payload);
    return size;
}

static void test_forms(void **state)
{
    (void)state;
    struct xc_vp9_descriptor d;
    /* nothing but B and E */
    assert_int_equal(parse_hex(&d, "0c ff"), 1);
    assert_true(d.start_of_frame && d.end_of_frame);
    assert_false(d.has_picture_id || d.inter_predicted || d.has_layer || d.flexible ||
                 d.has_structure || d.not_inter_layer);
    /* picture ids of 7 and 15 bits */
    assert_int_equal(parse_hex(&d, "88 11 ff"), 2);
    assert_true(d.has_picture_id && !d.long_picture_id);
    assert_int_equal(d.picture_id, 17);
    assert_int_equal(parse_hex(&d, "c4 92 67 ff"), 3);
    assert_true(d.long_picture_id && d.inter_predicted && d.end_of_frame && !d.start_of_frame);
    assert_int_equal(d.picture_id, 4711);
    /* layers without and with flexible mode: TID 5, U, SID 3, D */
    assert_int_equal(parse_hex(&d, "21 b7 8a ff"), 3);
    assert_true(d.has_layer && d.not_inter_layer && d.switching_up && d.inter_layer);
    assert_int_equal(d.temporal_id, 5);
    assert_int_equal(d.spatial_id, 3);
    assert_int_equal(d.tl0_picture_index, 0x8a);
    assert_int_equal(parse_hex(&d, "30 b7 ff"), 2);
    assert_int_equal(d.tl0_picture_index, 0);
    /* references: one, three, and a fourth announced */
    assert_int_equal(parse_hex(&d, "50 06 ff"), 2);
    assert_int_equal(d.reference_count, 1);
    assert_int_equal(d.references[0], 3);
    assert_int_equal(parse_hex(&d, "50 03 ff 04 ff"), 4);
    assert_int_equal(d.reference_count, 3);
    assert_int_equal(d.references[1], 127);
    assert_int_equal(d.references[2], 2);
    assert_int_equal(parse_hex(&d, "50 03 ff 05 06 ff"), 0);
    /* without P there are none */
    assert_int_equal(parse_hex(&d, "10 06 ff"), 1);
}

static void test_structure(void **state)
{
    (void)state;
    struct xc_vp9_descriptor d;
    /* a key frame as a browser sends it: one layer of 640x360, a group of one picture */
    assert_int_equal(parse_hex(&d, "8a 80 05 18 02 80 01 68 01 04 01 ff"), 11);
    assert_true(d.has_structure && d.structure.has_sizes && d.structure.has_pictures);
    assert_int_equal(d.structure.spatial_layers, 1);
    assert_int_equal(d.structure.widths[0], 640);
    assert_int_equal(d.structure.heights[0], 360);
    assert_int_equal(d.structure.picture_count, 1);
    assert_int_equal(d.structure.pictures[0].reference_count, 1);
    assert_int_equal(d.structure.pictures[0].references[0], 1);
    /* three layers with sizes, no group */
    assert_int_equal(parse_hex(&d, "0a 50 0140 00b4 0280 0168 0500 02d0 ff"), 14);
    assert_int_equal(d.structure.spatial_layers, 3);
    assert_int_equal(d.structure.widths[2], 1280);
    assert_int_equal(d.structure.heights[1], 360);
    /* L1T3: 0 2 1 2 */
    assert_int_equal(parse_hex(&d, "0a 08 04 04 04 54 01 34 02 58 01 02 ff"), 12);
    assert_false(d.structure.has_sizes);
    assert_int_equal(d.structure.picture_count, 4);
    assert_int_equal(d.structure.pictures[1].temporal_id, 2);
    assert_true(d.structure.pictures[1].switching_up);
    assert_int_equal(d.structure.pictures[3].reference_count, 2);
    assert_int_equal(d.structure.pictures[3].references[1], 2);
    /* more pictures than are kept are read over, and cannot be written */
    uint8_t many[3 + 255 * 4 + 1] = {0x02, 0x08, 255};
    for (size_t i = 0; i < 255; i++)
        memcpy(many + 3 + i * 4, "\x0c\x01\x02\x03", 4);
    assert_int_equal(xc_vp9_parse(&d, xc_span_make(many, sizeof many)), sizeof many - 1);
    assert_int_equal(d.structure.picture_count, 255);
    uint8_t out[XC_VP9_DESCRIPTOR_MAX];
    assert_int_equal(xc_vp9_write(&d, out, sizeof out), 0);
}

static void test_truncations(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xfe, 0x92, 0x67, 0xb7, 0x03, 0x05, 0x06, 0x38,
                                    0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68,
                                    0x02, 0x08, 0x01, 0x02, 0x00, 0x55};
    struct xc_vp9_descriptor d;
    for (size_t n = 0; n < sizeof bytes; n++) {
        struct xc_span cut = exact_copy(bytes, n);
        assert_int_equal(xc_vp9_parse(&d, cut), 0);
        exact_free(cut);
    }
    assert_int_equal(xc_vp9_parse(&d, xc_span_make(bytes, sizeof bytes)), sizeof bytes - 1);
}

static struct xc_vp9_descriptor any_descriptor(struct xc_rng *rng, unsigned bits)
{
    struct xc_vp9_descriptor d = {.has_picture_id = bits & 1,
                                  .inter_predicted = (bits & 2) != 0,
                                  .has_layer = (bits & 4) != 0,
                                  .flexible = (bits & 8) != 0,
                                  .start_of_frame = (bits & 16) != 0,
                                  .end_of_frame = (bits & 32) != 0,
                                  .has_structure = (bits & 64) != 0,
                                  .not_inter_layer = (bits & 128) != 0,
                                  .long_picture_id = (bits & 257) == 257};
    if (d.has_picture_id)
        d.picture_id = (uint16_t)(xc_rng_u32(rng) & (d.long_picture_id ? 0x7fff : 0x7f));
    if (d.has_layer) {
        d.temporal_id = (uint8_t)xc_rng_below(rng, 8);
        d.spatial_id = (uint8_t)xc_rng_below(rng, 8);
        d.switching_up = xc_rng_below(rng, 2);
        d.inter_layer = xc_rng_below(rng, 2);
        d.tl0_picture_index = d.flexible ? 0 : (uint8_t)xc_rng_u32(rng);
    }
    if (d.flexible && d.inter_predicted) {
        d.reference_count = (uint8_t)(1 + xc_rng_below(rng, 3));
        for (int i = 0; i < d.reference_count; i++)
            d.references[i] = (uint8_t)xc_rng_below(rng, 128);
    }
    struct xc_vp9_structure *s = &d.structure;
    if (d.has_structure) {
        s->spatial_layers = (uint8_t)(1 + xc_rng_below(rng, 8));
        s->has_sizes = xc_rng_below(rng, 2);
        s->has_pictures = xc_rng_below(rng, 2);
        for (int i = 0; s->has_sizes && i < s->spatial_layers; i++) {
            s->widths[i] = (uint16_t)xc_rng_u32(rng);
            s->heights[i] = (uint16_t)xc_rng_u32(rng);
        }
        s->picture_count =
            s->has_pictures ? (uint16_t)xc_rng_below(rng, XC_VP9_PICTURES_MAX + 1) : 0;
        for (int i = 0; i < s->picture_count; i++) {
            s->pictures[i].temporal_id = (uint8_t)xc_rng_below(rng, 8);
            s->pictures[i].switching_up = xc_rng_below(rng, 2);
            s->pictures[i].reference_count = (uint8_t)xc_rng_below(rng, 4);
            for (int k = 0; k < s->pictures[i].reference_count; k++)
                s->pictures[i].references[k] = (uint8_t)xc_rng_u32(rng);
        }
    }
    return d;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 9);
    for (unsigned bits = 0; bits < 2048; bits++) {
        uint8_t out[XC_VP9_DESCRIPTOR_MAX + 1] = {0};
        struct xc_vp9_descriptor d = any_descriptor(&rng, bits), again;
        size_t size = xc_vp9_write(&d, out, XC_VP9_DESCRIPTOR_MAX);
        assert_true(size > 0);
        for (size_t capacity = 0; capacity < size; capacity++)
            assert_int_equal(xc_vp9_write(&d, out, capacity), 0);
        assert_int_equal(xc_vp9_write(&d, out, size), size);
        out[size] = 0x55;
        assert_int_equal(xc_vp9_parse(&again, xc_span_make(out, size + 1)), size);
        assert_memory_equal(&again, &d, sizeof d);
    }
    struct xc_vp9_descriptor bad = {.flexible = true, .inter_predicted = true};
    uint8_t out[XC_VP9_DESCRIPTOR_MAX];
    assert_int_equal(xc_vp9_write(&bad, out, sizeof out), 0);
    bad = (struct xc_vp9_descriptor){.has_structure = true};
    assert_int_equal(xc_vp9_write(&bad, out, sizeof out), 0);
    bad.structure.spatial_layers = 9;
    assert_int_equal(xc_vp9_write(&bad, out, sizeof out), 0);
}

static bool look_hex(struct xc_vp9_frame *look, const char *hex)
{
    uint8_t bytes[64];
    struct xc_span frame = exact_copy(bytes, hex_bytes(hex, bytes, sizeof bytes));
    bool ok = xc_vp9_frame_look(look, frame);
    exact_free(frame);
    return ok;
}

static void test_frame(void **state)
{
    (void)state;
    struct xc_vp9_frame look;
    /* key, 640x360: colour space 0, range 0, sides less one */
    assert_true(look_hex(&look, "82 49 83 42 00 27 f0 16 70"));
    assert_true(look.key && look.show && look.has_size && !look.intra_only);
    assert_int_equal(look.width, 640);
    assert_int_equal(look.height, 360);
    assert_false(look_hex(&look, "82 49 83 42 00 27 f0 16"));    /* cut */
    assert_false(look_hex(&look, "82 49 83 43 00 27 f0 16 70")); /* sync code */
    assert_false(look_hex(&look, "82 49 83 42 e0 27 f0 16 70")); /* RGB */
    assert_false(look_hex(&look, "42 49 83 42 00 27 f0 16 70")); /* frame marker */
    assert_false(look_hex(&look, "a2 49 83 42 00 27 f0 16 70")); /* profile 1 */
    assert_false(look_hex(&look, "92 49 83 42 00 27 f0 16 70")); /* profile 2 */
    /* 65536 x 65536 */
    assert_true(look_hex(&look, "82 49 83 42 0f ff ff ff f0"));
    assert_int_equal(look.width, 65536);
    assert_int_equal(look.height, 65536);
    /* an old frame again */
    assert_true(look_hex(&look, "88"));
    assert_true(look.show_existing && !look.key && !look.has_size);
    /* inter, shown: reset 0, refresh 1, references 0, found_ref of the first */
    assert_true(look_hex(&look, "86 00 40 02"));
    assert_true(!look.key && look.show && !look.has_size);
    /* found_ref of none: the size stands there, 640x360 */
    assert_true(look_hex(&look, "86 00 40 00 01 3f 80 b3 80"));
    assert_true(look.has_size);
    assert_int_equal(look.width, 640);
    assert_int_equal(look.height, 360);
    assert_false(look_hex(&look, "86 00 40 00 01 3f 80 b3"));
    /* not shown, intra only: one bit, two bits of reset, sync code, refresh, size */
    assert_true(look_hex(&look, "84 89 30 68 40 20 4f e0 2c e0"));
    assert_true(look.intra_only && !look.show && look.has_size);
    assert_int_equal(look.width, 640);
    assert_int_equal(look.height, 360);
    assert_false(xc_vp9_frame_look(&look, xc_span_make(NULL, 0)));
}

static void test_superframe(void **state)
{
    (void)state;
    uint8_t bytes[600] = {0};
    uint32_t sizes[XC_VP9_SPATIAL_MAX] = {1, 2, 3, 4, 5, 6, 7, 8}, got[XC_VP9_SPATIAL_MAX];
    uint32_t total = 0;
    for (uint32_t count = 1; count <= XC_VP9_SPATIAL_MAX; count++) {
        total += sizes[count - 1];
        size_t index = xc_vp9_superframe_index_size(count);
        assert_int_equal(xc_vp9_superframe_write(sizes, count, bytes + total, index - 1), 0);
        assert_int_equal(xc_vp9_superframe_write(sizes, count, bytes + total, index), index);
        struct xc_span whole = exact_copy(bytes, total + index);
        assert_int_equal(xc_vp9_superframe_parse(whole, got), (int)count);
        assert_memory_equal(got, sizes, count * sizeof *sizes);
        exact_free(whole);
        /* a frame that the bytes do not hold */
        struct xc_span cut = xc_span_make(bytes + 1, total + index - 1);
        assert_int_equal(xc_vp9_superframe_parse(cut, got), -1);
        memset(bytes + total, 0, index);
    }
    assert_int_equal(xc_vp9_superframe_write(sizes, 0, bytes, 99), 0);
    assert_int_equal(xc_vp9_superframe_write(sizes, 9, bytes, 99), 0);
    sizes[0] = 1u << 24;
    assert_int_equal(xc_vp9_superframe_write(sizes, 1, bytes, 99), 0);
    /* widths of 1 and 4 bytes; no index; markers that differ; an empty frame; too short for it */
    assert_int_equal(xc_vp9_superframe_parse(xc_span_make("\x11\x22\xc1\x01\x01\xc1", 6), got), 2);
    assert_int_equal(xc_vp9_superframe_parse(xc_span_make("\x11\xd8\x01\x00\x00\x00\xd8", 7), got),
                     1);
    assert_int_equal(xc_vp9_superframe_parse(xc_span_make("\x11\x22", 2), got), 0);
    assert_int_equal(xc_vp9_superframe_parse(xc_span_make(NULL, 0), got), 0);
    assert_int_equal(xc_vp9_superframe_parse(xc_span_make("\x11\x22\xc0\x01\x01\xc1", 6), got), -1);
    assert_int_equal(xc_vp9_superframe_parse(xc_span_make("\x11\x22\xc1\x00\x02\xc1", 6), got), -1);
    assert_int_equal(xc_vp9_superframe_parse(xc_span_make("\xc1\x01\xc1", 3), got), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),       cmocka_unit_test(test_structure),
        cmocka_unit_test(test_truncations), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_frame),       cmocka_unit_test(test_superframe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
