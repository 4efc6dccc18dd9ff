/* test_rtcp.c - RTCP blocks written and read back, framing, truncation, and lying counts.
 * SPDX-License-Identifier: MIT */
#include "wire_test.h"

#include "wire/rtcp.h"

static const struct xc_rtcp_report sample_reports[2] = {
    {.ssrc = 1,
     .fraction_lost = 255,
     .cumulative_lost = -1,
     .highest_sequence = 0x10002,
     .jitter = 3,
     .last_sr = 4,
     .delay_since_last_sr = 5},
    {.ssrc = 0xffffffff, .cumulative_lost = 0x7fffff, .highest_sequence = UINT32_MAX},
};

static void check_report(const struct xc_rtcp_report *a, const struct xc_rtcp_report *b)
{
    assert_int_equal(a->ssrc, b->ssrc);
    assert_int_equal(a->fraction_lost, b->fraction_lost);
    assert_int_equal(a->cumulative_lost, b->cumulative_lost);
    assert_int_equal(a->highest_sequence, b->highest_sequence);
    assert_int_equal(a->jitter, b->jitter);
    assert_int_equal(a->last_sr, b->last_sr);
    assert_int_equal(a->delay_since_last_sr, b->delay_since_last_sr);
}

/* A compound of every kind that we write. */
static size_t write_compound(uint8_t *out, size_t capacity)
{
    static const uint16_t lost[] = {65533, 65534, 0, 13, 14, 15, 40};
    static const uint32_t leaving[] = {7, 8};
    struct xc_writer w = xc_writer_make(out, capacity);
    xc_rtcp_write_sr(&w, 7, UINT64_C(0x0102030405060708), 9, 10, 11, sample_reports, 2);
    xc_rtcp_write_sdes_cname(&w, 7, text_span("name@host"));
    xc_rtcp_write_nack(&w, 7, 1, lost, XC_ARRAY_LEN(lost));
    xc_rtcp_write_pli(&w, 7, 1);
    xc_rtcp_write_fir(&w, 7, 1, 42);
    xc_rtcp_write_bye(&w, leaving, 2);
    return w.failed ? 0 : w.size;
}

static void test_compound(void **state)
{
    (void)state;
    uint8_t bytes[512];
    static struct xc_rtcp_block block;
    size_t at = 0;
    size_t size = write_compound(bytes, sizeof bytes);
    struct xc_span packet = exact_copy(bytes, size);
    assert_true(size > 0);
    assert_true(xc_rtcp_check(packet, false));

    assert_true(xc_rtcp_next(packet, &at, &block));
    assert_int_equal(block.type, XC_RTCP_SR);
    assert_int_equal(block.sender_ssrc, 7);
    assert_true(block.ntp == UINT64_C(0x0102030405060708));
    assert_int_equal(block.rtp_timestamp, 9);
    assert_int_equal(block.packet_count, 10);
    assert_int_equal(block.octet_count, 11);
    assert_int_equal(block.report_count, 2);
    check_report(&block.reports[0], &sample_reports[0]);
    check_report(&block.reports[1], &sample_reports[1]);

    assert_true(xc_rtcp_next(packet, &at, &block));
    assert_int_equal(block.type, XC_RTCP_SDES);
    assert_int_equal(block.sender_ssrc, 7);
    assert_true(xc_span_equal_text(block.cname, "name@host"));

    assert_true(xc_rtcp_next(packet, &at, &block));
    assert_int_equal(block.type, XC_RTCP_RTPFB);
    assert_int_equal(block.format, XC_RTPFB_NACK);
    assert_int_equal(block.media_ssrc, 1);
    assert_int_equal(block.nack_count, 3);
    assert_int_equal(block.nacks[0].pid, 65533);
    assert_int_equal(block.nacks[0].blp, 0x8005); /* 65534, 0 and 13, sixteen ahead */
    assert_int_equal(block.nacks[1].pid, 14);
    assert_int_equal(block.nacks[1].blp, 1);
    assert_int_equal(block.nacks[2].pid, 40);
    assert_int_equal(block.nacks[2].blp, 0);

    assert_true(xc_rtcp_next(packet, &at, &block));
    assert_int_equal(block.type, XC_RTCP_PSFB);
    assert_int_equal(block.format, XC_PSFB_PLI);
    assert_int_equal(block.media_ssrc, 1);

    assert_true(xc_rtcp_next(packet, &at, &block));
    assert_int_equal(block.format, XC_PSFB_FIR);
    assert_int_equal(block.fir_count, 1);
    assert_int_equal(block.firs[0].ssrc, 1);
    assert_int_equal(block.firs[0].sequence, 42);

    assert_true(xc_rtcp_next(packet, &at, &block));
    assert_int_equal(block.type, XC_RTCP_BYE);
    assert_int_equal(block.bye_count, 2);
    assert_int_equal(block.byes[1], 8);
    assert_int_equal(at, size);
    assert_false(xc_rtcp_next(packet, &at, &block));
    exact_free(packet);
}

static void test_capacity(void **state)
{
    (void)state;
    uint8_t bytes[512];
    size_t size = write_compound(bytes, sizeof bytes);
    for (size_t capacity = 0; capacity < size; capacity++) {
        uint8_t *small = malloc(capacity ? capacity : 1);
        assert_int_equal(write_compound(small, capacity), 0);
        free(small);
    }
}

/* A prefix is good only where a block ends; walking an unchecked one never reads past it. */
static void test_truncations(void **state)
{
    (void)state;
    uint8_t bytes[512];
    static struct xc_rtcp_block block;
    size_t size = write_compound(bytes, sizeof bytes);
    bool ends[512] = {false};
    size_t at = 0;
    while (xc_rtcp_next(xc_span_make(bytes, size), &at, &block))
        ends[at] = true;
    for (size_t n = 0; n <= size; n++) {
        struct xc_span cut = exact_copy(bytes, n);
        assert_int_equal(xc_rtcp_check(cut, false), n > 0 && ends[n]);
        at = 0;
        while (xc_rtcp_next(cut, &at, &block))
            assert_true(at <= n);
        exact_free(cut);
    }
}

static bool check_hex(const char *hex, bool reduced_size)
{
    uint8_t bytes[256];
    struct xc_span packet = exact_copy(bytes, hex_bytes(hex, bytes, sizeof bytes));
    bool good = xc_rtcp_check(packet, reduced_size);
    exact_free(packet);
    return good;
}

static void test_framing(void **state)
{
    (void)state;
    assert_true(check_hex("80c90001 00000001", false));
    assert_false(check_hex("40c90001 00000001", false));          /* version 1 */
    assert_false(check_hex("80c90002 00000001", false));          /* length too long */
    assert_false(check_hex("80c90000 00000001", false));          /* a rest that is no block */
    assert_false(check_hex("80c90001 00000001 80", false));       /* a byte too many */
    assert_false(check_hex("81ce0002 00000001 00000002", false)); /* PLI alone ... */
    assert_true(check_hex("81ce0002 00000001 00000002", true));   /* ... is reduced size */
    assert_false(check_hex("80bf0001 00000001", true));           /* type 191 */
    assert_false(check_hex("80e00001 00000001", true));           /* type 224 */
    assert_false(check_hex("", true));
    assert_false(check_hex("80c9", true));
    /* Padding: on the last block only, a multiple of four, within the block. */
    assert_true(check_hex("80c90001 00000001 a0cb0001 00000004", false));
    assert_false(check_hex("a0c90002 00000001 00000004 80cb0000", false));
    assert_false(check_hex("80c90001 00000001 a0cb0001 00000003", false));
    assert_false(check_hex("80c90001 00000001 a0cb0001 00000008", false));
    assert_false(check_hex("80c90001 00000001 a0cb0001 00000000", false));
    assert_false(check_hex("80c90001 00000001 a0cb0000", false));
}

/* The first block of the packet, or false. */
static bool next_hex(struct xc_rtcp_block *block, const char *hex)
{
    static uint8_t bytes[1024];
    size_t at = 0;
    size_t size = hex_bytes(hex, bytes, sizeof bytes);
    bool good = xc_rtcp_next(xc_span_make(bytes, size), &at, block);
    if (!good)
        assert_int_equal(at, size); /* the rest is dropped */
    return good;
}

static void test_lying_counts(void **state)
{
    (void)state;
    static struct xc_rtcp_block block;
    static const char *const bad[] = {
        "81c90001 00000001", /* a report that is not there */
        "9fc90001 00000001", /* 31 of them */
        "80c80001 00000001", /* SR without sender info */
        "80c80005 00000001 00000000 00000000 00000000 00000000",
        "81ca0000",                   /* SDES without a chunk */
        "81ca0001 00000001",          /* without an end */
        "81ca0002 00000001 01ff6162", /* an item longer than the block */
        "81ca0002 00000001 01026162", /* no terminating zero */
        "82ca0002 00000001 01006100", /* a second chunk that is not there */
        "81cb0000",                   /* BYE of nobody */
        "9fcb0001 00000001",
        "81cd0001 00000001",                   /* feedback without a media SSRC */
        "84ce0003 00000001 00000000 00000002", /* half a FIR entry */
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++) {
        if (next_hex(&block, bad[i]))
            fail_msg("accepted %s", bad[i]);
    }
    assert_true(next_hex(&block, "80cb0000"));
    assert_int_equal(block.bye_count, 0);
    assert_true(next_hex(&block, "81cb0002 00000001 03627965"));
    assert_int_equal(block.bye_count, 1);
    assert_true(next_hex(&block, "80ca0000"));
    assert_null(block.cname.data);
    /* Items of other kinds before CNAME; an empty CNAME. */
    assert_true(next_hex(&block, "81ca0003 00000001 02016101 01620000"));
    assert_true(xc_span_equal_text(block.cname, "b"));
    assert_true(next_hex(&block, "81ca0002 00000001 01000000"));
    assert_int_equal(block.cname.size, 0);
    assert_non_null(block.cname.data);
    /* Padding does not count as body. */
    assert_true(next_hex(&block, "a1cd0004 00000001 00000002 00030004 00000004"));
    assert_int_equal(block.nack_count, 1);
    assert_int_equal(block.body.size, 12);
    /* Profile extensions behind the reports, and unknown kinds, are passed over. */
    assert_true(next_hex(&block, "80c90002 00000001 ffffffff"));
    assert_true(next_hex(&block, "80cf0002 00000001 07000000"));
    assert_int_equal(block.type, XC_RTCP_XR);
    assert_int_equal(block.sender_ssrc, 1);
    assert_int_equal(block.body.size, 8);
}

static void test_signed_loss(void **state)
{
    (void)state;
    static const int32_t values[] = {0, 1, -1, 0x7fffff, -0x800000};
    static struct xc_rtcp_block block;
    for (size_t i = 0; i < XC_ARRAY_LEN(values); i++) {
        uint8_t bytes[64];
        size_t at = 0;
        struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
        struct xc_rtcp_report report = {.cumulative_lost = values[i]};
        xc_rtcp_write_rr(&w, 1, &report, 1);
        assert_true(xc_rtcp_next(xc_span_make(bytes, w.size), &at, &block));
        assert_int_equal(block.reports[0].cumulative_lost, values[i]);
    }
    uint8_t bytes[64];
    size_t at = 0;
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    struct xc_rtcp_report report = {.cumulative_lost = INT32_MAX};
    xc_rtcp_write_rr(&w, 1, &report, 1);
    assert_true(xc_rtcp_next(xc_span_make(bytes, w.size), &at, &block));
    assert_int_equal(block.reports[0].cumulative_lost, 0x7fffff);
}

/* Tables that are full: the rest is dropped. */
static void test_full_tables(void **state)
{
    (void)state;
    static uint8_t bytes[4096];
    static uint16_t sequences[200];
    static struct xc_rtcp_block block;
    size_t at = 0;
    for (uint16_t i = 0; i < 200; i++)
        sequences[i] = (uint16_t)(i * 17);
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    xc_rtcp_write_nack(&w, 1, 2, sequences, 200);
    assert_true(xc_rtcp_check(xc_span_make(bytes, w.size), true));
    assert_true(xc_rtcp_next(xc_span_make(bytes, w.size), &at, &block));
    assert_int_equal(block.nack_count, XC_RTCP_NACKS_MAX);
    assert_int_equal(block.nacks[63].pid, 63 * 17);

    /* FIR with 20 entries. */
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 0x80 | XC_PSFB_FIR;
    bytes[1] = XC_RTCP_PSFB;
    xc_store16(bytes + 2, 2 + 40);
    at = 0;
    assert_true(xc_rtcp_next(xc_span_make(bytes, 12 + 160), &at, &block));
    assert_int_equal(block.fir_count, XC_RTCP_FIRS_MAX);

    /* 31 reports fit, 32 fail the writer. */
    static struct xc_rtcp_report reports[32];
    at = 0;
    w = xc_writer_make(bytes, sizeof bytes);
    xc_rtcp_write_rr(&w, 1, reports, 31);
    assert_false(w.failed);
    assert_true(xc_rtcp_next(xc_span_make(bytes, w.size), &at, &block));
    assert_int_equal(block.report_count, 31);
    xc_rtcp_write_rr(&w, 1, reports, 32);
    assert_true(w.failed);
}

static void test_cname_sizes(void **state)
{
    (void)state;
    static char name[300];
    static struct xc_rtcp_block block;
    memset(name, 'n', sizeof name);
    for (size_t n = 0; n <= XC_CNAME_MAX; n++) {
        uint8_t bytes[512];
        size_t at = 0;
        struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
        xc_rtcp_write_sdes_cname(&w, 5, xc_span_make(name, n));
        assert_false(w.failed);
        assert_true(xc_rtcp_check(xc_span_make(bytes, w.size), true));
        assert_true(xc_rtcp_next(xc_span_make(bytes, w.size), &at, &block));
        assert_true(xc_span_equal(block.cname, xc_span_make(name, n)));
    }
    uint8_t bytes[512];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    xc_rtcp_write_sdes_cname(&w, 5, xc_span_make(name, 256));
    assert_true(w.failed);
}

/* Every set of losses within 18 packets survives packing, at a place where the circle wraps. */
static void test_nack_packing(void **state)
{
    (void)state;
    static struct xc_rtcp_block block;
    for (uint32_t set = 1; set < 1u << 18; set += 37) {
        uint16_t sequences[18];
        size_t count = 0;
        uint32_t seen = 0;
        uint8_t bytes[64];
        size_t at = 0;
        for (uint32_t i = 0; i < 18; i++) {
            if (set >> i & 1)
                sequences[count++] = (uint16_t)(65530 + i);
        }
        struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
        xc_rtcp_write_nack(&w, 1, 2, sequences, count);
        assert_true(xc_rtcp_next(xc_span_make(bytes, w.size), &at, &block));
        for (uint8_t i = 0; i < block.nack_count; i++) {
            uint32_t first = (uint16_t)(block.nacks[i].pid - 65530);
            seen |= (1u | (uint32_t)block.nacks[i].blp << 1) << first;
        }
        assert_int_equal(seen, set);
    }
    uint8_t bytes[64];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    xc_rtcp_write_nack(&w, 1, 2, NULL, 0);
    assert_int_equal(w.size, 0);
}

/* draft-alvestrand-rmcat-remb section 2.2. */
static void test_remb(void **state)
{
    (void)state;
    static struct xc_rtcp_block block;
    static const uint64_t rates[] = {0,         1, 0x3ffff, 0x40000, 2000000, UINT64_C(1) << 40,
                                     UINT64_MAX};
    static const uint32_t ssrcs[2] = {0x01020304, 7};
    uint8_t bytes[64];
    for (size_t i = 0; i < XC_ARRAY_LEN(rates); i++) {
        size_t at = 0;
        struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
        xc_rtcp_write_remb(&w, 9, rates[i], ssrcs, 2);
        assert_false(w.failed);
        assert_true(xc_rtcp_check(xc_span_make(bytes, w.size), true));
        assert_true(xc_rtcp_next(xc_span_make(bytes, w.size), &at, &block));
        assert_true(block.remb && block.sender_ssrc == 9);
        assert_int_equal(block.remb_ssrc_count, 2);
        assert_int_equal(block.remb_ssrcs[0], 0x01020304);
        assert_true(block.remb_bps <= rates[i]);
        assert_true(rates[i] - block.remb_bps <= rates[i] >> 17); /* 18 bits stay */
    }
    size_t size = hex_bytes("8fce0005 00000001 00000000 52454d42 0103d090 00000002", bytes, 64);
    size_t at = 0;
    assert_true(xc_rtcp_next(xc_span_make(bytes, size), &at, &block));
    assert_true(block.remb && block.remb_bps == 250000);
    xc_store24(bytes + 17, 0xffffff); /* 0x3ffff << 63 is no limit */
    at = 0;
    assert_true(xc_rtcp_next(xc_span_make(bytes, size), &at, &block));
    assert_true(block.remb_bps == UINT64_MAX);
    /* 255 SSRCs, of which one is there; and all of them. */
    bytes[16] = 255;
    at = 0;
    assert_false(xc_rtcp_next(xc_span_make(bytes, size), &at, &block));
    static uint8_t many[20 + 255 * 4];
    memcpy(many, bytes, 20);
    xc_store16(many + 2, 4 + 255);
    at = 0;
    assert_true(xc_rtcp_next(xc_span_make(many, sizeof many), &at, &block));
    assert_int_equal(block.remb_ssrc_count, XC_RTCP_REMB_SSRCS_MAX);
    /* Some other application's. */
    many[12] = 'X';
    at = 0;
    assert_true(xc_rtcp_next(xc_span_make(many, sizeof many), &at, &block));
    assert_false(block.remb);
}

static void test_remb_truncated(void **state)
{
    (void)state;
    static struct xc_rtcp_block block;
    static const uint32_t ssrcs[2] = {1, 2};
    uint8_t bytes[64];
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    xc_rtcp_write_remb(&w, 9, 1000, ssrcs, 2);
    for (size_t cut = 4; cut < w.size; cut += 4) {
        struct xc_span packet = exact_copy(bytes, cut);
        size_t at = 0;
        xc_store16((uint8_t *)(uintptr_t)packet.data + 2, (uint16_t)(cut / 4 - 1));
        bool read = xc_rtcp_next(packet, &at, &block);
        assert_int_equal(read, cut == 12); /* no identifier: not a REMB, and nothing wrong */
        assert_false(read && block.remb);
        exact_free(packet);
    }
}

/* More pairs than are kept, all bits set: bounded. */
static void test_nack_storm(void **state)
{
    (void)state;
    static struct xc_rtcp_block block;
    static uint8_t bytes[12 + 4 * 290];
    size_t at = 0;
    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 0x80 | XC_RTPFB_NACK;
    bytes[1] = XC_RTCP_RTPFB;
    xc_store16(bytes + 2, sizeof bytes / 4 - 1);
    assert_true(xc_rtcp_check(xc_span_make(bytes, sizeof bytes), true));
    assert_true(xc_rtcp_next(xc_span_make(bytes, sizeof bytes), &at, &block));
    assert_int_equal(block.nack_count, XC_RTCP_NACKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compound),       cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_truncations),    cmocka_unit_test(test_framing),
        cmocka_unit_test(test_lying_counts),   cmocka_unit_test(test_signed_loss),
        cmocka_unit_test(test_full_tables),    cmocka_unit_test(test_cname_sizes),
        cmocka_unit_test(test_nack_packing),   cmocka_unit_test(test_remb),
        cmocka_unit_test(test_remb_truncated), cmocka_unit_test(test_nack_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
