/* test_rtp.c - RTP headers, both forms of header extensions (RFC 8285), demultiplexing (RFC 7983).
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/rtp.h"

static bool parse_hex(struct xc_rtp *rtp, const char *hex, struct xc_span *keep)
{
    uint8_t bytes[512];
    size_t size = hex_bytes(hex, bytes, sizeof bytes);
    *keep = exact_copy(bytes, size);
    return xc_rtp_parse(rtp, *keep);
}

static void test_plain(void **state)
{
    (void)state;
    struct xc_rtp rtp;
    struct xc_span keep;
    assert_true(parse_hex(&rtp, "80ef 1234 00010203 deadbeef 0102030405", &keep));
    assert_true(rtp.marker);
    assert_int_equal(rtp.payload_type, 111);
    assert_int_equal(rtp.sequence, 0x1234);
    assert_int_equal(rtp.timestamp, 0x00010203);
    assert_int_equal(rtp.ssrc, 0xdeadbeef);
    assert_int_equal(rtp.header_size, 12);
    assert_int_equal(rtp.payload.size, 5);
    assert_int_equal(rtp.extension_count + rtp.padding + rtp.csrc_count, 0);
    exact_free(keep);
}

static void test_csrc_and_padding(void **state)
{
    (void)state;
    struct xc_rtp rtp;
    struct xc_span keep;
    assert_true(
        parse_hex(&rtp, "a26f 0001 00000000 00000001 00000002 00000003 aabb 000003", &keep));
    assert_int_equal(rtp.csrc_count, 2);
    assert_int_equal(rtp.header_size, 20);
    assert_int_equal(rtp.padding, 3);
    assert_int_equal(rtp.payload.size, 2);
    exact_free(keep);
    /* Only padding: what a bandwidth probe looks like. */
    assert_true(parse_hex(&rtp, "a06f 0001 00000000 00000001 00000004", &keep));
    assert_int_equal(rtp.payload.size, 0);
    assert_int_equal(rtp.padding, 4);
    exact_free(keep);
    /* No padding byte, zero, and more than there is. */
    assert_false(parse_hex(&rtp, "a06f 0001 00000000 00000001", &keep));
    exact_free(keep);
    assert_false(parse_hex(&rtp, "a06f 0001 00000000 00000001 00000000", &keep));
    exact_free(keep);
    assert_false(parse_hex(&rtp, "a06f 0001 00000000 00000001 00000005", &keep));
    exact_free(keep);
    /* CSRC count 15 on 12 bytes. */
    assert_false(parse_hex(&rtp, "8f6f 0001 00000000 00000001", &keep));
    exact_free(keep);
    /* Version 1. */
    assert_false(parse_hex(&rtp, "406f 0001 00000000 00000001", &keep));
    exact_free(keep);
}

/* The example of RFC 8285 section 4.2: three elements, with padding between. */
static void test_one_byte(void **state)
{
    (void)state;
    struct xc_rtp rtp;
    struct xc_span keep;
    assert_true(parse_hex(
        &rtp, "906f 0001 00000000 00000001 bede0003 10aa 21bbbb 0000 33cccccccc 77", &keep));
    assert_int_equal(rtp.extension_count, 3);
    assert_int_equal(rtp.header_size, 28);
    assert_int_equal(rtp.payload.size, 1);
    struct xc_span value = xc_rtp_extension_find(&rtp, 2);
    assert_int_equal(value.size, 2);
    assert_int_equal(value.data[0], 0xbb);
    value = xc_rtp_extension_find(&rtp, 3);
    assert_int_equal(value.size, 4);
    assert_null(xc_rtp_extension_find(&rtp, 4).data);
    exact_free(keep);
}

/* Id 15 ends the block, and so does id 0 with a length; the packet stays good (licode#2046). */
static void test_one_byte_ends(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint8_t count;
    } cases[] = {
        {"906f 0001 00000000 00000001 bede0002 10aa f0bb 20cc 0000 77", 1}, /* id 15 */
        {"906f 0001 00000000 00000001 bede0002 10aa 01bb 20cc 0000 77", 1}, /* id 0, length 1 */
        {"906f 0001 00000000 00000001 bede0001 10aa 2fbb 77", 1},           /* over the end */
        {"906f 0001 00000000 00000001 bede0001 00000000 77", 0},
        {"906f 0001 00000000 00000001 bede0000 77", 0},
        {"906f 0001 00000000 00000001 bede0001 0000001f 77", 0}, /* a head at the very end */
        {"906f 0001 00000000 00000001 12340001 10aa21bb 77", 0}, /* unknown profile */
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        struct xc_rtp rtp;
        struct xc_span keep;
        assert_true(parse_hex(&rtp, cases[i].hex, &keep));
        assert_int_equal(rtp.extension_count, cases[i].count);
        assert_int_equal(rtp.payload.size, 1);
        assert_int_equal(rtp.payload.data[0], 0x77);
        exact_free(keep);
    }
}

static void test_two_byte(void **state)
{
    (void)state;
    struct xc_rtp rtp;
    struct xc_span keep;
    /* The example of RFC 8285 section 4.3: a length of 0, of 1 with a byte of padding, and of 4. */
    assert_true(parse_hex(
        &rtp, "906f 0001 00000000 00000001 1000 0003 0100 0201bb 00 0304cccccccc 77", &keep));
    assert_int_equal(rtp.extension_count, 3);
    assert_int_equal(rtp.extensions[0].id, 1);
    assert_int_equal(rtp.extensions[0].value.size, 0);
    assert_non_null(xc_rtp_extension_find(&rtp, 1).data);
    assert_int_equal(rtp.extensions[1].value.size, 1);
    assert_int_equal(rtp.extensions[2].value.size, 4);
    exact_free(keep);
    /* Any appbits; ids above 14; an element that runs over the end is dropped. */
    assert_true(
        parse_hex(&rtp, "906f 0001 00000000 00000001 100f 0002 0f01aa ff01bb 0505 77", &keep));
    assert_int_equal(rtp.extension_count, 2);
    assert_int_equal(xc_rtp_extension_find(&rtp, 15).data[0], 0xaa);
    assert_int_equal(xc_rtp_extension_find(&rtp, 255).data[0], 0xbb);
    exact_free(keep);
}

/* More elements than we keep are skipped, not written over the end. */
static void test_many_extensions(void **state)
{
    (void)state;
    uint8_t bytes[12 + 4 + 4 * 20] = {0x90, 111};
    struct xc_rtp rtp;
    xc_store16(bytes + 12, 0xbede);
    xc_store16(bytes + 14, 20);
    for (size_t i = 0; i < 40; i++)
        bytes[16 + 2 * i] = (uint8_t)((i % 14 + 1) << 4);
    assert_true(xc_rtp_parse(&rtp, xc_span_make(bytes, sizeof bytes)));
    assert_int_equal(rtp.extension_count, XC_RTP_EXTENSIONS_MAX);
}

static void test_truncations(void **state)
{
    (void)state;
    static const char hex[] =
        "b26f 0001 00000000 00000001 00000002 00000003 bede0002 10aa21bbbb000000 0102030402";
    uint8_t bytes[64];
    struct xc_rtp rtp;
    size_t size = hex_bytes(hex, bytes, sizeof bytes);
    for (size_t n = 0; n < size; n++) {
        struct xc_span cut = exact_copy(bytes, n);
        bool good = xc_rtp_parse(&rtp, cut);
        if (n < 32)
            assert_false(good);
        if (good)
            assert_true(rtp.header_size + rtp.payload.size + rtp.padding == n);
        exact_free(cut);
    }
    struct xc_span whole = exact_copy(bytes, size);
    assert_true(xc_rtp_parse(&rtp, whole));
    assert_int_equal(rtp.payload.size, 3);
    exact_free(whole);
}

static void check_round_trip(const struct xc_rtp *rtp, uint16_t profile)
{
    uint8_t out[600];
    struct xc_rtp again;
    size_t size = xc_rtp_write_header(rtp, out, sizeof out);
    assert_true(size >= XC_RTP_HEADER_SIZE && size % 4 == 0);
    for (size_t capacity = 0; capacity < size; capacity++) {
        uint8_t *small = malloc(capacity ? capacity : 1);
        assert_int_equal(xc_rtp_write_header(rtp, small, capacity), 0);
        free(small);
    }
    assert_true(xc_rtp_parse(&again, xc_span_make(out, size)));
    assert_int_equal(again.header_size, size);
    assert_int_equal(again.marker, rtp->marker);
    assert_int_equal(again.payload_type, rtp->payload_type);
    assert_int_equal(again.sequence, rtp->sequence);
    assert_int_equal(again.timestamp, rtp->timestamp);
    assert_int_equal(again.ssrc, rtp->ssrc);
    assert_int_equal(again.extension_count, rtp->extension_count);
    for (uint8_t i = 0; i < rtp->extension_count; i++) {
        assert_int_equal(again.extensions[i].id, rtp->extensions[i].id);
        assert_true(xc_span_equal(again.extensions[i].value, rtp->extensions[i].value));
    }
    if (profile)
        assert_int_equal(xc_load16(out + 12), profile);
}

static void test_write(void **state)
{
    (void)state;
    static const uint8_t value[256] = {1, 2, 3};
    struct xc_rtp rtp = {
        .marker = true, .payload_type = 96, .sequence = 65535, .timestamp = 1, .ssrc = 0x80000001};
    check_round_trip(&rtp, 0);
    rtp.extension_count = 3;
    rtp.extensions[0] = (struct xc_rtp_extension){1, {value, 1}};
    rtp.extensions[1] = (struct xc_rtp_extension){14, {value, 16}};
    rtp.extensions[2] = (struct xc_rtp_extension){5, {value, 3}};
    check_round_trip(&rtp, 0xbede);
    rtp.extensions[1].value.size = 17;
    check_round_trip(&rtp, 0x1000);
    rtp.extensions[1].value.size = 0;
    check_round_trip(&rtp, 0x1000);
    rtp.extensions[1] = (struct xc_rtp_extension){15, {value, 255}};
    check_round_trip(&rtp, 0x1000);

    uint8_t out[600];
    rtp.extensions[1].value.size = 256;
    assert_int_equal(xc_rtp_write_header(&rtp, out, sizeof out), 0);
    rtp.extensions[1] = (struct xc_rtp_extension){0, {value, 1}};
    assert_int_equal(xc_rtp_write_header(&rtp, out, sizeof out), 0);
    rtp.extension_count = XC_RTP_EXTENSIONS_MAX + 1;
    assert_int_equal(xc_rtp_write_header(&rtp, out, sizeof out), 0);
}

static void test_datagram_kind(void **state)
{
    (void)state;
    uint8_t bytes[16] = {0};
    for (unsigned first = 0; first < 256; first++) {
        int wanted = first < 4                     ? XC_DATAGRAM_STUN
                     : first >= 20 && first <= 63  ? XC_DATAGRAM_DTLS
                     : first >= 128 && first < 192 ? XC_DATAGRAM_RTP
                                                   : XC_DATAGRAM_UNKNOWN;
        bytes[0] = (uint8_t)first;
        bytes[1] = 111;
        assert_int_equal(xc_datagram_kind(xc_span_make(bytes, sizeof bytes)), wanted);
    }
    for (unsigned second = 0; second < 256; second++) {
        unsigned payload_type = second & 127;
        int wanted = payload_type >= 64 && payload_type <= 95 ? XC_DATAGRAM_RTCP : XC_DATAGRAM_RTP;
        bytes[0] = 0x80;
        bytes[1] = (uint8_t)second;
        assert_int_equal(xc_datagram_kind(xc_span_make(bytes, sizeof bytes)), wanted);
    }
    for (size_t n = 0; n < sizeof bytes; n++) {
        struct xc_span cut = exact_copy("\x80\x6f\0\0\0\0\0\0\0\0\0\0\0\0\0\0", n);
        assert_int_equal(xc_datagram_kind(cut), n >= 12 ? XC_DATAGRAM_RTP : XC_DATAGRAM_UNKNOWN);
        exact_free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),         cmocka_unit_test(test_csrc_and_padding),
        cmocka_unit_test(test_one_byte),      cmocka_unit_test(test_one_byte_ends),
        cmocka_unit_test(test_two_byte),      cmocka_unit_test(test_many_extensions),
        cmocka_unit_test(test_truncations),   cmocka_unit_test(test_write),
        cmocka_unit_test(test_datagram_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
