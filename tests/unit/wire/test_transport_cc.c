/* test_transport_cc.c - transport-wide feedback packets: the chunks of
 * draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.3 and 3.1.4, what the writer chooses,
 * limits of time, count and room, lying counts, every truncation.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/transport_cc.h"

static uint8_t bytes[XC_MTU];

static bool parse(struct xc_span packet, struct xc_transport_cc *t)
{
    static struct xc_rtcp_block block;
    size_t at = 0;
    if (!xc_rtcp_check(packet, true))
        return false;
    assert_true(xc_rtcp_next(packet, &at, &block));
    assert_int_equal(block.type, XC_RTCP_RTPFB);
    assert_int_equal(block.format, XC_RTPFB_TRANSPORT_CC);
    return xc_transport_cc_parse(t, &block);
}

/* A packet of base 10, reference 1, with this count and these chunks and deltas. */
static size_t make(uint8_t *out, uint16_t count, const char *rest)
{
    size_t size = hex_bytes("8fcd0000 00000001 00000002 000a0000 00000107", out, XC_MTU);
    size += hex_bytes(rest, out + size, XC_MTU - size);
    while (size % 4)
        out[size++] = 0;
    xc_store16(out + 2, (uint16_t)(size / 4 - 1));
    xc_store16(out + 14, count);
    return size;
}

static void test_chunks_of_the_draft(void **state)
{
    (void)state;
    static const char received[] = "01111100011100";
    struct xc_transport_cc t;
    struct xc_transport_cc_arrival arrival;
    /* 221 not received, then one that was; 0 for the sake of a whole packet. */
    size_t size = make(bytes, 222, "00dd 2001 05");
    assert_true(parse(xc_span_make(bytes, size), &t));
    assert_int_equal(t.received, 1);
    assert_int_equal(t.feedback_count, 7);
    assert_true(xc_transport_cc_next(&t, &arrival));
    assert_int_equal(arrival.sequence, 10 + 221);
    assert_int_equal(arrival.tick, 256 + 5);
    assert_false(xc_transport_cc_next(&t, &arrival));
    /* One-bit: 1 not, 5 received, 3 not, 3 received, 2 not. */
    size = make(bytes, 14, "9f1c 0102030405060708");
    assert_true(parse(xc_span_make(bytes, size), &t));
    assert_int_equal(t.received, 8);
    for (uint16_t i = 0; i < 14; i++) {
        if (received[i] == '0')
            continue;
        assert_true(xc_transport_cc_next(&t, &arrival));
        assert_int_equal(arrival.sequence, 10 + i);
    }
    assert_int_equal(arrival.tick, 256 + 36);
    assert_false(xc_transport_cc_next(&t, &arrival));
    /* Two-bit: 1 not, 1 with a large delta, 3 small ones, 2 not. */
    size = make(bytes, 7, "c950 fff6 010203");
    assert_true(parse(xc_span_make(bytes, size), &t));
    assert_int_equal(t.received, 4);
    assert_true(xc_transport_cc_next(&t, &arrival));
    assert_int_equal(arrival.sequence, 11);
    assert_int_equal(arrival.tick, 256 - 10);
    for (int i = 0; i < 3; i++)
        assert_true(xc_transport_cc_next(&t, &arrival));
    assert_int_equal(arrival.sequence, 14);
    assert_int_equal(arrival.tick, 256 - 4);
    assert_false(xc_transport_cc_next(&t, &arrival));
}

static void test_lies(void **state)
{
    (void)state;
    struct xc_transport_cc t;
    static const struct {
        uint16_t count;
        const char *rest;
    } bad[] = {
        {0, "0001"},                /* nothing at all */
        {65535, "2001 01"},         /* many more statuses than chunks */
        {65535, "3fff 0102"},       /* a run of 8191 and two deltas */
        {4, "2004 010203"},         /* four and the padding makes it good ... */
        {9, "c92a a000"},           /* small and large ones without deltas */
        {7, "cd50 01020304050607"}, /* status 3 is reserved */
        {24, "6018 01020304"},
        {2, ""},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++) {
        size_t size = make(bytes, bad[i].count, bad[i].rest);
        struct xc_span packet = exact_copy(bytes, size);
        assert_int_equal(parse(packet, &t), i == 3);
        exact_free(packet);
    }
    /* A run longer than what is left, and empty runs, say nothing wrong. */
    size_t size = make(bytes, 3, "0000 0000 3fff 010101");
    assert_true(parse(xc_span_make(bytes, size), &t));
    assert_int_equal(t.received, 3);
    /* As browsers pad: the P bit and one byte, in the middle of a compound. */
    size = make(bytes, 1, "2001 01");
    bytes[0] |= 0x20;
    bytes[size - 1] = 1;
    memcpy(bytes + size, bytes, size);
    assert_true(xc_rtcp_check(xc_span_make(bytes, 2 * size), true));
    assert_true(parse(xc_span_make(bytes, size), &t));
}

static void test_every_truncation(void **state)
{
    (void)state;
    size_t size = make(bytes, 28, "2007 c950 9f1c 00010203040506 fff6010203 0102030405060708");
    struct xc_transport_cc t;
    struct xc_transport_cc_arrival arrival;
    static struct xc_rtcp_block block;
    memset(&block, 0, sizeof block);
    for (size_t cut = 0; cut + 4 <= size; cut++) {
        block.body = exact_copy(bytes + 4, cut);
        bool good = xc_transport_cc_parse(&t, &block);
        assert_int_equal(good, cut + 6 >= size); /* two bytes of padding */
        while (good && xc_transport_cc_next(&t, &arrival))
            assert_in_range(arrival.offset, 0, 27);
        exact_free(block.body);
    }
}

/* Chunks for arrivals that are all 4 ticks apart, but for 'L' (300) and '.' (not there). */
static struct xc_transport_cc_writer writer;

static void chunks_of(const char *statuses, const char *expected)
{
    uint8_t wanted[64];
    uint32_t tick = 1000, missing = 0;
    size_t size = hex_bytes(expected, wanted, sizeof wanted);
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    xc_transport_cc_begin(&writer, 0, sizeof bytes);
    for (; *statuses; statuses++) {
        if (*statuses == '.') {
            missing++;
            continue;
        }
        tick += *statuses == 'L' ? 300 : 4;
        assert_true(xc_transport_cc_add(&writer, missing, tick));
        missing = 0;
    }
    xc_transport_cc_finish(&writer, &w, 1, 2, 3);
    assert_false(w.failed);
    assert_int_equal(writer.state.chunk_size, size);
    assert_memory_equal(bytes + XC_TRANSPORT_CC_HEAD, wanted, size);
}

static void test_writer_chunks(void **state)
{
    (void)state;
    chunks_of("s", "2001");
    chunks_of("ssssssssssssssssssss", "2014");
    chunks_of("s..s", "a400");                     /* 14 of one bit, 4 used */
    chunks_of("sssssss.ssssss", "bfbf");           /* a run gives way to a vector */
    chunks_of("ssssssssssssss.s", "200e 9000");    /* 14 alike stay a run */
    chunks_of("sL", "d800");                       /* the first delta is always small */
    chunks_of("sLLLLLLLL", "daaa 4002");           /* two-bit, then a run of large ones */
    chunks_of("s.s.s.s.L", "d111 c800");           /* seven go, two stay */
    chunks_of("s.................s", "a000 8200"); /* thirteen, then four and one */
}

static void test_limits(void **state)
{
    (void)state;
    struct xc_transport_cc t;
    struct xc_transport_cc_arrival arrival;
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    xc_transport_cc_begin(&writer, 65000, sizeof bytes);
    assert_true(xc_transport_cc_add(&writer, 0, 0xffffffff));
    assert_true(xc_transport_cc_add(&writer, 30000, 0xffffffff + 32767u)); /* time wraps */
    assert_false(xc_transport_cc_add(&writer, 0, 0xffffffff + 32767u + 32768u));
    assert_false(xc_transport_cc_add(&writer, 0, 0xffffffff + 32767u - 32769u));
    assert_true(xc_transport_cc_add(&writer, 0, 0xffffffff + 32767u - 32768u));
    assert_false(xc_transport_cc_add(&writer, 65535 - 30003, 0xffffffff));
    assert_true(xc_transport_cc_add(&writer, 65535 - 30004, 0xffffffff));
    assert_false(xc_transport_cc_add(&writer, 0, 0xffffffff));
    xc_transport_cc_finish(&writer, &w, 1, 2, 255);
    assert_true(w.size < 60);
    assert_true(parse(xc_span_make(bytes, w.size), &t));
    assert_int_equal(t.status_count, 65535);
    assert_int_equal(t.received, 4);
    assert_int_equal(t.reference, 0xffffff);
    int64_t first = 0xffffffff;
    static const uint32_t offsets[] = {0, 30001, 30002, 65534};
    static const int32_t ticks[] = {0, 32767, -1, 0};
    for (int i = 0; i < 4; i++) {
        assert_true(xc_transport_cc_next(&t, &arrival));
        assert_int_equal(arrival.offset, offsets[i]);
        assert_int_equal(arrival.sequence, (uint16_t)(65000 + offsets[i]));
        assert_true(arrival.tick == first + ticks[i]);
    }
    assert_false(xc_transport_cc_next(&t, &arrival));
}

static void test_room(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= 200; capacity++) {
        struct xc_transport_cc t;
        uint32_t n = 0;
        struct xc_span exact = exact_copy(bytes, capacity);
        struct xc_writer w = xc_writer_make((uint8_t *)(uintptr_t)exact.data, capacity);
        xc_transport_cc_begin(&writer, 1, capacity);
        while (n < 500 && xc_transport_cc_add(&writer, n % 3, 5000 + 400 * n))
            n++;
        assert_int_equal(n > 0, capacity >= 24);
        if (n) {
            xc_transport_cc_finish(&writer, &w, 1, 2, 0);
            assert_false(w.failed);
            assert_true(capacity - w.size < 12);
            assert_true(parse(xc_span_make(w.data, w.size), &t));
            assert_int_equal(t.received, n);
        }
        exact_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_of_the_draft),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_writer_chunks),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
