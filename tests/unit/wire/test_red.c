/* test_red.c - RED (RFC 2198): the layout of its example, round trips, every truncation, nesting, and
 * more blocks than are kept.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/red.h"

#define RED 63

static bool parse_hex(struct xc_red *red, const char *hex, struct xc_span *kept)
{
    uint8_t bytes[64];
    *kept = exact_copy(bytes, hex_bytes(hex, bytes, sizeof bytes));
    return xc_red_parse(red, *kept, RED);
}

/* RFC 2198 section 4: two blocks. Header of the redundant one: F=1, PT 7, offset 0x1234, length 3;
 * then F=0, PT 5. */
static void test_layout(void **state)
{
    (void)state;
    struct xc_red red;
    struct xc_span payload;
    assert_true(parse_hex(&red, "87 48d003 05 aabbcc 11223344", &payload));
    assert_int_equal(red.count, 2);
    assert_int_equal(red.skipped, 0);
    assert_int_equal(red.blocks[0].payload_type, 7);
    assert_int_equal(red.blocks[0].timestamp_offset, 0x1234);
    assert_int_equal(red.blocks[0].bytes.size, 3);
    assert_ptr_equal(red.blocks[0].bytes.data, payload.data + 5);
    assert_int_equal(red.blocks[1].payload_type, 5);
    assert_int_equal(red.blocks[1].timestamp_offset, 0);
    assert_int_equal(red.blocks[1].bytes.size, 4);
    assert_ptr_equal(red.blocks[1].bytes.data, payload.data + 8);
    exact_free(payload);
    /* What Chromium sends first: the primary alone. */
    assert_true(parse_hex(&red, "6f 78 01 02", &payload));
    assert_int_equal(red.count, 1);
    assert_int_equal(red.blocks[0].payload_type, 111);
    assert_int_equal(red.blocks[0].bytes.size, 3);
    exact_free(payload);
    /* The largest values of the fields; blocks may be empty. */
    assert_true(parse_hex(&red, "ff fffc00 00", &payload));
    assert_int_equal(red.blocks[0].payload_type, 127);
    assert_int_equal(red.blocks[0].timestamp_offset, XC_RED_OFFSET_MAX);
    assert_int_equal(red.blocks[0].bytes.size, 0);
    assert_int_equal(red.blocks[1].bytes.size, 0);
    exact_free(payload);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", /* no header */
        "ef",
        "ef0f",
        "ef0f00",                    /* a header that ends early */
        "ef 0f0001",                 /* no last header */
        "ef 0f0001 6f",              /* a block without its byte */
        "ef 0f03ff 6f 00 00",        /* longer than what is there */
        "ef 0f0001 ef 0f0001 6f 00", /* two blocks, data of one */
        "3f 00",                     /* RED in RED: the primary */
        "bf 0f0001 6f 00 00",        /* and a redundant block */
        "ef 0f0001 3f 00 00",
    };
    struct xc_red red;
    struct xc_span payload;
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++) {
        assert_false(parse_hex(&red, bad[i], &payload));
        exact_free(payload);
    }
    uint8_t headers[1200]; /* headers without end */
    memset(headers, 0xef, sizeof headers);
    assert_false(xc_red_parse(&red, xc_span_make(headers, sizeof headers), RED));
}

static void test_truncations(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xef, 0x0f, 0x00, 0x02, 0xef, 0x07, 0x80, 0x03,
                                    0x6f, 1,    2,    3,    4,    5,    6};
    struct xc_red red;
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct xc_span cut = exact_copy(bytes, n);
        bool whole = xc_red_parse(&red, cut, RED);
        assert_int_equal(whole, n >= 14); /* headers and both redundant blocks */
        if (whole)
            assert_int_equal(red.blocks[2].bytes.size, n - 14);
        exact_free(cut);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    static uint8_t data[XC_RED_LENGTH_MAX + 1], out[12000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t count = 1; count <= XC_RED_BLOCKS_MAX; count++) {
        struct xc_red_block blocks[XC_RED_BLOCKS_MAX] = {{0}};
        for (size_t i = 0; i < count; i++)
            blocks[i] = (struct xc_red_block){
                .payload_type = (uint8_t)(96 + i),
                .timestamp_offset = (uint16_t)(i + 1 < count ? XC_RED_OFFSET_MAX - i * 960 : 0),
                .bytes = xc_span_make(data + i, i == 1 ? 0 : XC_RED_LENGTH_MAX - i * 100)};
        size_t size = xc_red_write(blocks, count, out, sizeof out);
        assert_true(size > 0);
        assert_int_equal(xc_red_write(blocks, count, out, size - 1), 0);
        struct xc_red red;
        assert_true(xc_red_parse(&red, xc_span_make(out, size), RED));
        assert_int_equal(red.count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(red.blocks[i].payload_type, blocks[i].payload_type);
            assert_int_equal(red.blocks[i].timestamp_offset, blocks[i].timestamp_offset);
            assert_true(xc_span_equal(red.blocks[i].bytes, blocks[i].bytes));
        }
    }
}

static void test_what_cannot_be_written(void **state)
{
    (void)state;
    static uint8_t data[2000], out[4000];
    struct xc_red_block good[2] = {{111, 960, xc_span_make(data, 10)},
                                   {111, 0, xc_span_make(data, 1100)}};
    assert_int_equal(xc_red_write(good, 2, out, sizeof out), 5 + 10 + 1100);
    assert_int_equal(xc_red_write(good, 0, out, sizeof out), 0);
    struct xc_red_block bad[XC_RED_BLOCKS_MAX + 1] = {good[0], good[1]};
    assert_int_equal(xc_red_write(bad, XC_RED_BLOCKS_MAX + 1, out, sizeof out), 0);
    bad[0].timestamp_offset = XC_RED_OFFSET_MAX + 1;
    assert_int_equal(xc_red_write(bad, 2, out, sizeof out), 0);
    bad[0] = good[0];
    bad[0].bytes.size = XC_RED_LENGTH_MAX + 1;
    assert_int_equal(xc_red_write(bad, 2, out, sizeof out), 0);
    bad[0] = good[0];
    bad[0].payload_type = 128;
    assert_int_equal(xc_red_write(bad, 2, out, sizeof out), 0);
}

/* More than are kept: the newest are, and their bytes are the right ones. */
static void test_many_blocks(void **state)
{
    (void)state;
    uint8_t bytes[1200];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    for (uint32_t i = 0; i < 40; i++) {
        xc_write8(&w, 0x80 | 111);
        xc_write24(&w, (40 - i) * 48 << 10 | (i % 3 + 1));
    }
    xc_write8(&w, 111);
    for (uint32_t i = 0; i < 40; i++)
        for (uint32_t k = 0; k <= i % 3; k++)
            xc_write8(&w, (uint8_t)i);
    xc_write8(&w, 40);
    struct xc_red red;
    assert_true(xc_red_parse(&red, xc_span_make(bytes, w.size), RED));
    assert_int_equal(red.count, XC_RED_BLOCKS_MAX);
    assert_int_equal(red.skipped, 41 - XC_RED_BLOCKS_MAX);
    for (uint32_t i = 0; i < XC_RED_BLOCKS_MAX; i++) {
        uint32_t number = 41 - XC_RED_BLOCKS_MAX + i;
        assert_int_equal(red.blocks[i].timestamp_offset, (40 - number) * 48);
        assert_int_equal(red.blocks[i].bytes.size, number == 40 ? 1 : number % 3 + 1);
        assert_int_equal(red.blocks[i].bytes.data[0], number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_what_cannot_be_written),
        cmocka_unit_test(test_many_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
