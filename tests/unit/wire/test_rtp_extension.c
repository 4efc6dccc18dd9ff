/* test_rtp_extension.c - the value of each header extension: known bytes, round trips, every wrong
 * size, and all of them through a header in one-byte and in two-byte form.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/rtp_extension.h"

static void test_audio_level(void **state)
{
    (void)state;
    uint8_t byte;
    for (unsigned level = 0; level < 128; level++) {
        for (int voice = 0; voice < 2; voice++) {
            uint8_t read = 255;
            bool spoken = !voice;
            xc_ext_audio_level_write(&byte, (uint8_t)level, voice);
            assert_int_equal(byte, (unsigned)voice << 7 | level);
            assert_true(xc_ext_audio_level_read(xc_span_make(&byte, 1), &read, &spoken));
            assert_int_equal(read, level);
            assert_int_equal(spoken, voice);
        }
    }
    xc_ext_audio_level_write(&byte, 200, false);
    assert_int_equal(byte, XC_AUDIO_LEVEL_SILENT);
}

/* draft-alvestrand-rmcat-remb section 3.1: 6 bits of seconds, 18 of fraction. */
static void test_send_time(void **state)
{
    (void)state;
    assert_int_equal(xc_send_time(0), 0);
    assert_int_equal(xc_send_time(XC_NS_PER_S), 1 << 18);
    assert_int_equal(xc_send_time(500 * XC_NS_PER_MS), 1 << 17);
    assert_int_equal(xc_send_time(63 * XC_NS_PER_S + 999999999), 0xffffff);
    assert_int_equal(xc_send_time(64 * XC_NS_PER_S), 0);
    assert_int_equal(xc_send_time(UINT64_MAX) & ~XC_SEND_TIME_MASK, 0);
    uint8_t bytes[3];
    uint32_t read;
    xc_ext_send_time_write(bytes, 0xff123456);
    assert_memory_equal(bytes, "\x12\x34\x56", 3);
    assert_true(xc_ext_send_time_read(xc_span_make(bytes, 3), &read));
    assert_int_equal(read, 0x123456);
    /* Over the end of the 64 s, both ways. */
    uint32_t a = xc_send_time(130 * XC_NS_PER_S), b = xc_send_time(120 * XC_NS_PER_S);
    assert_true(xc_send_time_diff(a, b) == (int64_t)(10 * XC_NS_PER_S));
    assert_true(xc_send_time_diff(b, a) == -(int64_t)(10 * XC_NS_PER_S));
}

static void test_capture(void **state)
{
    (void)state;
    uint8_t bytes[16];
    uint64_t ntp = 0;
    int64_t offset = 77;
    bool has = true;
    assert_int_equal(xc_ext_capture_write(bytes, UINT64_C(0xe1e2e3e4f1f2f3f4), NULL), 8);
    assert_memory_equal(bytes, "\xe1\xe2\xe3\xe4\xf1\xf2\xf3\xf4", 8);
    assert_true(xc_ext_capture_read(xc_span_make(bytes, 8), &ntp, &has, &offset));
    assert_true(ntp == UINT64_C(0xe1e2e3e4f1f2f3f4) && !has && offset == 0);
    const int64_t behind = -(INT64_C(1) << 31); /* half a second */
    assert_int_equal(xc_ext_capture_write(bytes, 5, &behind), 16);
    assert_memory_equal(bytes + 8, "\xff\xff\xff\xff\x80\x00\x00\x00", 8);
    assert_true(xc_ext_capture_read(xc_span_make(bytes, 16), &ntp, &has, &offset));
    assert_true(ntp == 5 && has && offset == behind);
}

static void test_playout_delay(void **state)
{
    (void)state;
    uint8_t bytes[3];
    uint16_t min, max;
    xc_ext_playout_delay_write(bytes, 0x123, 0x456);
    assert_memory_equal(bytes, "\x12\x34\x56", 3);
    assert_true(xc_ext_playout_delay_read(xc_span_make(bytes, 3), &min, &max));
    assert_true(min == 0x123 && max == 0x456);
    xc_ext_playout_delay_write(bytes, 0, 60000);
    assert_memory_equal(bytes, "\x00\x0f\xff", 3);
    assert_false(xc_ext_playout_delay_read(xc_span_make("\x45\x61\x23", 3), &min, &max));
}

static void test_orientation(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t in = (uint8_t)byte, back, rotation;
        bool camera_back, flipped;
        assert_true(
            xc_ext_orientation_read(xc_span_make(&in, 1), &camera_back, &flipped, &rotation));
        assert_int_equal(camera_back, byte >> 3 & 1);
        assert_int_equal(flipped, byte >> 2 & 1);
        xc_ext_orientation_write(&back, camera_back, flipped, rotation);
        assert_int_equal(back, byte & 15);
    }
}

static bool reads(int extension, struct xc_span value)
{
    uint8_t byte;
    uint16_t a, b;
    uint32_t word;
    uint64_t ntp;
    int64_t offset;
    bool flag, other;
    switch (extension) {
    case XC_EXT_AUDIO_LEVEL:
        return xc_ext_audio_level_read(value, &byte, &flag);
    case XC_EXT_ABS_SEND_TIME:
        return xc_ext_send_time_read(value, &word);
    case XC_EXT_TRANSPORT_CC:
        return xc_ext_transport_read(value, &a);
    case XC_EXT_ABS_CAPTURE_TIME:
        return xc_ext_capture_read(value, &ntp, &flag, &offset);
    case XC_EXT_PLAYOUT_DELAY:
        return xc_ext_playout_delay_read(value, &a, &b);
    case XC_EXT_VIDEO_ORIENTATION:
        return xc_ext_orientation_read(value, &flag, &other, &byte);
    default:
        return false;
    }
}

static void test_every_size(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    for (int extension = 0; extension < XC_EXT_KNOWN; extension++) {
        for (size_t size = 0; size <= sizeof zeros; size++) {
            struct xc_span value = exact_copy(zeros, size);
            bool good = (extension == XC_EXT_AUDIO_LEVEL && size == 1) ||
                        (extension == XC_EXT_ABS_SEND_TIME && size == 3) ||
                        (extension == XC_EXT_TRANSPORT_CC && size == 2) ||
                        (extension == XC_EXT_ABS_CAPTURE_TIME && (size == 8 || size == 16)) ||
                        (extension == XC_EXT_PLAYOUT_DELAY && size == 3) ||
                        (extension == XC_EXT_VIDEO_ORIENTATION && size == 1);
            assert_int_equal(reads(extension, value), good);
            exact_free(value);
        }
        assert_false(reads(extension, (struct xc_span){NULL, 0}));
    }
}

/* One packet with all of them, with ids that start at `first`; every truncation of it is harmless. */
static void through_a_header(uint8_t first, uint16_t profile)
{
    static const uint8_t parts[7][16] = {
        [XC_EXT_MID] = "audio",
        [XC_EXT_AUDIO_LEVEL] = {0x80 | 30},
        [XC_EXT_ABS_SEND_TIME] = {1, 2, 3},
        [XC_EXT_TRANSPORT_CC] = {4, 5},
        [XC_EXT_ABS_CAPTURE_TIME] = {6, 7, 8, 9, 10, 11, 12, 13, [15] = 1},
        [XC_EXT_PLAYOUT_DELAY] = {0, 16, 10},
        [XC_EXT_VIDEO_ORIENTATION] = {8 | 3},
    };
    static const uint8_t sizes[7] = {5, 1, 3, 2, 16, 3, 1};
    struct xc_rtp rtp = {.payload_type = 111, .extension_count = XC_EXT_KNOWN};
    uint8_t ids[XC_EXT_KNOWN], bytes[128];
    for (uint8_t i = 0; i < XC_EXT_KNOWN; i++) {
        ids[i] = (uint8_t)(first + i);
        rtp.extensions[i] = (struct xc_rtp_extension){.id = ids[i], .value = {parts[i], sizes[i]}};
    }
    size_t size = xc_rtp_write_header(&rtp, bytes, sizeof bytes);
    assert_true(size > 0);
    assert_int_equal(xc_load16(bytes + 12), profile);
    struct xc_rtp_values values;
    for (size_t cut = 0; cut <= size; cut++) {
        struct xc_span packet = exact_copy(bytes, cut);
        if (xc_rtp_parse(&rtp, packet))
            xc_rtp_values_read(&values, &rtp, ids);
        assert_true(cut < size || rtp.extension_count == XC_EXT_KNOWN);
        exact_free(packet);
    }
    assert_true(xc_rtp_parse(&rtp, xc_span_make(bytes, size)));
    xc_rtp_values_read(&values, &rtp, ids);
    assert_true(values.has_audio_level && values.voice && values.audio_level == 30);
    assert_true(values.has_send_time && values.send_time == 0x010203);
    assert_true(values.has_transport_sequence && values.transport_sequence == 0x0405);
    assert_true(values.has_capture && values.capture_ntp == UINT64_C(0x060708090a0b0c0d));
    assert_true(values.has_capture_offset && values.capture_offset == 1);
    assert_true(values.has_playout_delay && values.playout_delay_min == 1 &&
                values.playout_delay_max == 10);
    assert_true(values.has_rotation && values.camera_back && !values.flipped &&
                values.rotation == 3);
    /* Ids that were not agreed on say nothing. */
    memset(ids, 0, sizeof ids);
    xc_rtp_values_read(&values, &rtp, ids);
    assert_false(values.has_audio_level || values.has_send_time || values.has_transport_sequence ||
                 values.has_capture || values.has_playout_delay || values.has_rotation);
}

static void test_both_forms(void **state)
{
    (void)state;
    through_a_header(1, 0xbede);
    through_a_header(8, 0xbede); /* up to 14 */
    through_a_header(9, 0x1000);
    through_a_header(249, 0x1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audio_level), cmocka_unit_test(test_send_time),
        cmocka_unit_test(test_capture),     cmocka_unit_test(test_playout_delay),
        cmocka_unit_test(test_orientation), cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_both_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
