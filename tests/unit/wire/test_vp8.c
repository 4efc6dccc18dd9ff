/* test_vp8.c - the forms of the VP8 payload descriptor (RFC 7741 sections 4.2 and 4.6) and the look
 * at a frame's first bytes (RFC 6386 section 9.1).
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/vp8.h"

static size_t parse_hex(struct xc_vp8_descriptor *descriptor, const char *hex)
{
    uint8_t bytes[64];
    struct xc_span payload = exact_copy(bytes, hex_bytes(hex, bytes, sizeof bytes));
    size_t size = xc_vp8_parse(descriptor, payload);
    exact_free(payload);
    return size;
}

static void test_forms(void **state)
{
    (void)state;
    struct xc_vp8_descriptor d;
    /* RFC 7741 section 4.6: no picture id; start of a frame. */
    assert_int_equal(parse_hex(&d, "10 ff"), 1);
    assert_true(d.start_of_partition && !d.non_reference && d.partition == 0);
    assert_false(d.has_picture_id || d.has_tl0 || d.has_tid || d.has_key_index);
    /* 7 bits of picture id. */
    assert_int_equal(parse_hex(&d, "90 80 11 ff"), 3);
    assert_true(d.has_picture_id && !d.long_picture_id);
    assert_int_equal(d.picture_id, 17);
    /* 15 bits: 4711. */
    assert_int_equal(parse_hex(&d, "90 80 92 67 ff"), 4);
    assert_true(d.has_picture_id && d.long_picture_id);
    assert_int_equal(d.picture_id, 4711);
    /* Everything. */
    assert_int_equal(parse_hex(&d, "b7 f0 92 67 8a bf ff"), 6);
    assert_true(d.non_reference && d.start_of_partition);
    assert_int_equal(d.partition, 7);
    assert_int_equal(d.tl0_picture_index, 0x8a);
    assert_int_equal(d.temporal_id, 2);
    assert_true(d.layer_sync);
    assert_int_equal(d.key_index, 31);
    /* T without K, K without T: one byte, only the announced half of it counts. */
    assert_int_equal(parse_hex(&d, "90 20 ff ff"), 3);
    assert_true(d.has_tid && !d.has_key_index);
    assert_int_equal(d.temporal_id, 3);
    assert_int_equal(d.key_index, 0);
    assert_int_equal(parse_hex(&d, "90 10 ff ff"), 3);
    assert_true(!d.has_tid && d.has_key_index);
    assert_int_equal(d.temporal_id, 0);
    assert_false(d.layer_sync);
    assert_int_equal(d.key_index, 31);
    /* X with nothing announced; reserved bits are not looked at. */
    assert_int_equal(parse_hex(&d, "d8 0f ff"), 2);
}

static void test_truncations(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x90, 0xf0, 0x92, 0x67, 0x8a, 0xbf, 0x55};
    struct xc_vp8_descriptor d;
    for (size_t n = 0; n < sizeof bytes; n++) {
        struct xc_span cut = exact_copy(bytes, n);
        assert_int_equal(xc_vp8_parse(&d, cut), 0);
        exact_free(cut);
    }
    assert_int_equal(xc_vp8_parse(&d, xc_span_make(bytes, sizeof bytes)), 6);
}

/* All combinations of what may be present. */
static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 128; bits++) {
        uint8_t out[XC_VP8_DESCRIPTOR_MAX + 1] = {0};
        struct xc_vp8_descriptor d = {
            .non_reference = bits & 1,
            .start_of_partition = (bits & 2) != 0,
            .partition = (uint8_t)(bits % 8),
            .has_picture_id = (bits & 4) != 0,
            .long_picture_id = (bits & 12) == 12,
            .has_tl0 = (bits & 16) != 0,
            .has_tid = (bits & 32) != 0,
            .has_key_index = (bits & 64) != 0,
        };
        d.picture_id = !d.has_picture_id ? 0 : d.long_picture_id ? 0x7fff : 0x7f;
        d.tl0_picture_index = d.has_tl0 ? 200 : 0;
        d.temporal_id = d.has_tid ? 3 : 0;
        d.layer_sync = d.has_tid;
        d.key_index = d.has_key_index ? 30 : 0;
        size_t size = xc_vp8_write(&d, out, XC_VP8_DESCRIPTOR_MAX);
        assert_true(size > 0);
        for (size_t capacity = 0; capacity < size; capacity++)
            assert_int_equal(xc_vp8_write(&d, out, capacity), 0);
        assert_int_equal(xc_vp8_write(&d, out, size), size);

        struct xc_vp8_descriptor again;
        assert_int_equal(xc_vp8_parse(&again, xc_span_make(out, size + 1)), size);
        assert_int_equal(again.non_reference, d.non_reference);
        assert_int_equal(again.start_of_partition, d.start_of_partition);
        assert_int_equal(again.partition, d.partition);
        assert_int_equal(again.has_picture_id, d.has_picture_id);
        assert_int_equal(again.long_picture_id, d.long_picture_id);
        assert_int_equal(again.picture_id, d.picture_id);
        assert_int_equal(again.tl0_picture_index, d.tl0_picture_index);
        assert_int_equal(again.temporal_id, d.temporal_id);
        assert_int_equal(again.layer_sync, d.layer_sync);
        assert_int_equal(again.key_index, d.key_index);
    }
}

static void test_frame(void **state)
{
    (void)state;
    /* Key frame, version 0, shown, 640x360, with scaling bits set in the height. */
    static const uint8_t key[] = {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0xc1};
    static const uint8_t delta[] = {0x11, 0x02, 0x00};
    struct xc_vp8_frame look;
    assert_true(xc_vp8_frame_look(&look, xc_span_make(key, sizeof key)));
    assert_true(look.key && look.show);
    assert_int_equal(look.width, 640);
    assert_int_equal(look.height, 360);
    for (size_t n = 0; n < sizeof key; n++) {
        struct xc_span cut = exact_copy(key, n);
        assert_false(xc_vp8_frame_look(&look, cut));
        exact_free(cut);
    }
    assert_true(xc_vp8_frame_look(&look, xc_span_make(delta, sizeof delta)));
    assert_true(!look.key && look.show && look.width == 0);
    assert_false(xc_vp8_frame_look(&look, xc_span_make(delta, 2)));

    uint8_t bad[sizeof key];
    for (size_t i = 3; i < 6; i++) { /* the start code */
        memcpy(bad, key, sizeof key);
        bad[i] ^= 1;
        assert_false(xc_vp8_frame_look(&look, xc_span_make(bad, sizeof bad)));
    }
    memcpy(bad, key, sizeof key);
    bad[0] |= 4 << 1; /* version 4 */
    assert_false(xc_vp8_frame_look(&look, xc_span_make(bad, sizeof bad)));
    memcpy(bad, key, sizeof key);
    bad[6] = bad[7] = 0; /* no width */
    assert_false(xc_vp8_frame_look(&look, xc_span_make(bad, sizeof bad)));
    memcpy(bad, key, sizeof key);
    bad[0] &= 0xef; /* not shown */
    assert_true(xc_vp8_frame_look(&look, xc_span_make(bad, sizeof bad)));
    assert_false(look.show);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
