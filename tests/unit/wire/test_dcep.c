/* test_dcep.c - OPEN and ACK of RFC 8832: a message as a browser sends it, round trips of every kind,
 * every truncation, lengths that lie.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/dcep.h"

static const uint8_t chat[] = {0x03, 0x81, 0x01, 0x00, 0,   0,   0,   5,   0,
                               4,    0,    2,    'c',  'h', 'a', 't', 'v', '1'};

static void test_known(void **state)
{
    (void)state;
    struct xc_dcep_open open;
    assert_int_equal(xc_dcep_type(xc_span_make(chat, sizeof chat)), XC_DCEP_OPEN);
    assert_true(xc_dcep_parse_open(&open, xc_span_make(chat, sizeof chat)));
    assert_true(open.unordered);
    assert_int_equal(open.reliability, XC_RELIABLE_RETRANSMITS);
    assert_int_equal(open.parameter, 5);
    assert_int_equal(open.priority, 256);
    assert_true(xc_span_equal_text(open.label, "chat"));
    assert_true(xc_span_equal_text(open.protocol, "v1"));
}

static void test_round_trip(void **state)
{
    (void)state;
    static uint8_t text[XC_DCEP_TEXT_MAX + 1], bytes[XC_DCEP_OPEN_MAX + 2];
    const size_t sizes[] = {0, 1, 300, XC_DCEP_TEXT_MAX};
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < 4 * 4 * 6; i++) {
        struct xc_dcep_open open = {.unordered = i % 2,
                                    .reliability = (uint8_t)(i / 2 % 3),
                                    .priority = 512,
                                    .parameter = UINT32_MAX,
                                    .label = xc_span_make(text, sizes[i / 6 % 4]),
                                    .protocol = xc_span_make(text, sizes[i / 24])};
        struct xc_dcep_open back;
        struct xc_writer w = xc_writer_make(bytes, XC_DCEP_OPEN_MAX);
        xc_dcep_write_open(&w, &open);
        assert_false(w.failed);
        assert_true(xc_dcep_parse_open(&back, xc_span_make(bytes, w.size)));
        assert_int_equal(back.unordered, open.unordered);
        assert_int_equal(back.reliability, open.reliability);
        assert_int_equal(back.parameter, open.reliability == XC_RELIABLE ? 0 : UINT32_MAX);
        assert_true(xc_span_equal(back.label, open.label));
        assert_true(xc_span_equal(back.protocol, open.protocol));
        assert_false(xc_dcep_parse_open(&back, xc_span_make(bytes, w.size + 1)));
    }
}

static void test_refused(void **state)
{
    (void)state;
    uint8_t bytes[sizeof chat];
    static uint8_t text[XC_DCEP_TEXT_MAX + 1];
    struct xc_dcep_open open;
    for (size_t size = 0; size < sizeof chat; size++)
        assert_false(xc_dcep_parse_open(&open, xc_span_make(chat, size)));
    memcpy(bytes, chat, sizeof chat);
    for (unsigned type = 0; type < 256; type++) {
        bytes[1] = (uint8_t)type;
        assert_int_equal(xc_dcep_parse_open(&open, xc_span_make(bytes, sizeof bytes)),
                         (type & 0x7f) <= 2);
    }
    memcpy(bytes, chat, sizeof chat);
    bytes[8] = 0xff; /* a label that is longer than the message */
    assert_false(xc_dcep_parse_open(&open, xc_span_make(bytes, sizeof bytes)));
    bytes[0] = XC_DCEP_ACK;
    assert_false(xc_dcep_parse_open(&open, xc_span_make(bytes, sizeof bytes)));
    bytes[0] = 7;
    assert_int_equal(xc_dcep_type(xc_span_make(bytes, 1)), 0);
    assert_int_equal(xc_dcep_type(xc_span_make(bytes, 0)), 0);
    struct xc_writer w = xc_writer_make(bytes, sizeof bytes);
    open = (struct xc_dcep_open){.label = xc_span_make(text, sizeof text)};
    xc_dcep_write_open(&w, &open);
    assert_true(w.failed);
    w = xc_writer_make(bytes, 11);
    open = (struct xc_dcep_open){0};
    xc_dcep_write_open(&w, &open);
    assert_true(w.failed);
}

static void test_ack(void **state)
{
    (void)state;
    uint8_t byte;
    struct xc_writer w = xc_writer_make(&byte, 1);
    xc_dcep_write_ack(&w);
    assert_int_equal(w.size, 1);
    assert_int_equal(byte, 2);
    assert_int_equal(xc_dcep_type(xc_span_make(&byte, 1)), XC_DCEP_ACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known),
                                       cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_ack)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
