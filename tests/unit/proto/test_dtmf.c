/* test_dtmf.c - the sender of digits, frame by frame: updates, the end three times, gaps, pauses,
 * segments of long tones (RFC 4733 section 2.5.1), bounds, cancelling.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "proto/dtmf.h"

#define FRAME 960
#define MS 48

static struct xc_dtmf dtmf;
static uint32_t at; /* time stamp of the next frame */

static void start(uint32_t timestamp)
{
    dtmf = (struct xc_dtmf){0};
    at = timestamp;
}

static bool queue(const char *digits, uint32_t duration, uint32_t gap)
{
    return xc_dtmf_queue(&dtmf, digits, strlen(digits), duration, gap);
}

/* One frame of audio goes out, and no digit. */
static void expect_audio(void)
{
    struct xc_dtmf_packet packet;
    assert_false(xc_dtmf_next(&dtmf, at, FRAME, &packet));
    at += FRAME;
}

static void expect(int event, uint32_t timestamp, uint32_t duration, bool marker, bool end)
{
    struct xc_dtmf_packet packet;
    struct xc_telephone_event got;
    assert_true(xc_dtmf_next(&dtmf, at, FRAME, &packet));
    assert_true(xc_telephone_event_parse(&got, xc_span_make(packet.payload, 4)));
    assert_int_equal(got.event, event);
    assert_int_equal(got.volume, XC_DTMF_VOLUME);
    assert_int_equal(got.duration, duration);
    assert_int_equal(got.end, end);
    assert_int_equal(packet.end, end);
    assert_int_equal(packet.marker, marker);
    assert_int_equal(packet.timestamp, timestamp);
    assert_int_equal(xc_telephone_event_of(packet.digit), event);
    at += FRAME;
}

static void test_two_digits(void **state)
{
    (void)state;
    start(0xffffff00u); /* the time stamp wraps within the tone */
    assert_false(xc_dtmf_active(&dtmf));
    expect_audio();
    assert_true(queue("1#", 100, 70));
    assert_true(xc_dtmf_active(&dtmf));
    assert_int_equal(xc_dtmf_waiting(&dtmf), 2);
    uint32_t first = at;
    expect(1, first, 960, true, false);
    expect(1, first, 1920, false, false);
    expect(1, first, 2880, false, false);
    expect(1, first, 3840, false, false);
    expect(1, first, 4800, false, true); /* 100 ms */
    expect(1, first, 4800, false, true);
    expect(1, first, 4800, false, true);
    assert_int_equal(xc_dtmf_waiting(&dtmf), 1);
    expect_audio(); /* 140 to 160 ms: the gap ends at 170 */
    expect_audio();
    uint32_t second = at; /* at the first frame after it */
    assert_int_equal(second - first, 180 * MS);
    expect(11, second, 960, true, false);
    for (uint32_t i = 2; i < 5; i++)
        expect(11, second, 960 * i, false, false);
    for (int i = 0; i < 3; i++)
        expect(11, second, 4800, false, true);
    expect_audio();
    expect_audio();
    expect_audio();
    assert_false(xc_dtmf_active(&dtmf));
}

/* A tone that is no whole number of frames ends where it should, not at a frame's end. */
static void test_odd_durations(void **state)
{
    (void)state;
    start(1000);
    assert_true(queue("d", 50, 30));
    assert_true(queue("*", 40, 30));
    expect(15, 1000, 960, true, false);
    expect(15, 1000, 1920, false, false);
    for (int i = 0; i < 3; i++)
        expect(15, 1000, 2400, false, true);
    /* 50 + 30 ms are over when the third end packet is out. */
    uint32_t second = at;
    assert_int_equal(second, 1000 + 100 * MS);
    expect(10, second, 960, true, false);
    for (int i = 0; i < 3; i++)
        expect(10, second, 1920, false, true);
}

static void test_comma_is_two_seconds(void **state)
{
    (void)state;
    start(0);
    assert_true(queue(",5,,", 40, 30));
    for (int i = 0; i < 100; i++)
        expect_audio();
    assert_int_equal(at, 2000 * MS);
    expect(5, 2000 * MS, 960, true, false);
    for (int i = 0; i < 3; i++)
        expect(5, 2000 * MS, 1920, false, true);
    while (xc_dtmf_active(&dtmf))
        expect_audio();
    assert_in_range(at, 6080 * MS, 6140 * MS);
}

/* Longer than 0xffff: a packet that says so without E, then a new segment without M. */
static void test_long_tones_are_split(void **state)
{
    (void)state;
    start(500);
    assert_true(queue("7", 6000, 30));
    const uint32_t total = 6000 * MS;
    struct xc_dtmf_packet packet;
    uint32_t segments = 0, packets = 0, ends = 0, base = 500, duration = 0;
    while (xc_dtmf_active(&dtmf)) {
        uint32_t frame = at;
        at += FRAME;
        if (!xc_dtmf_next(&dtmf, frame, FRAME, &packet))
            continue;
        struct xc_telephone_event event;
        assert_true(xc_telephone_event_parse(&event, xc_span_make(packet.payload, 4)));
        assert_int_equal(packet.marker, packets == 0);
        if (packet.timestamp != base) {
            assert_int_equal(duration, 0xffff); /* what the segment before ended with */
            assert_int_equal(packet.timestamp, base + 0xffff);
            base = packet.timestamp;
            duration = 0;
            segments++;
        }
        assert_true(event.duration >= duration);
        assert_false(event.end && ends == 0 && base + event.duration != 500 + total);
        assert_true(base + event.duration <= frame + FRAME);
        duration = event.duration;
        packets++;
        ends += event.end;
        if (ends > 0)
            assert_true(event.end);
    }
    assert_int_equal(segments, total / 0xffff);
    assert_int_equal(base + duration, 500 + total);
    assert_int_equal(ends, 3);
    assert_int_equal(packets, 300 + 2);
}

/* A tone that is exactly one segment ends in it; one unit more cannot come of milliseconds, but a
 * jump of the frames' time may skip whole segments. */
static void test_segments_after_a_jump(void **state)
{
    (void)state;
    start(0);
    assert_true(queue("7", 6000, 30));
    expect(7, 0, 960, true, false);
    at += 5000 * MS;
    expect(7, 0, 0xffff, false, false);
    expect(7, 0xffff, 0xffff, false, false);
    expect(7, 2 * 0xffff, 0xffff, false, false);
    expect(7, 3 * 0xffff, at + FRAME - 3 * 0xffff, false, false);
    at += 60000 * MS;
    expect(7, 3 * 0xffff, 0xffff, false, false);
    for (int i = 0; i < 3; i++)
        expect(7, 4 * 0xffff, 288000 - 4 * 0xffff, false, true);
    expect_audio();
    assert_false(xc_dtmf_active(&dtmf));
}

static void test_bounds(void **state)
{
    (void)state;
    start(0);
    assert_false(queue("1", 39, 30));
    assert_false(queue("1", 6001, 30));
    assert_false(queue("1", 40, 29));
    assert_false(queue("1", 40, 6001));
    assert_false(queue("12x", 100, 70));
    assert_false(queue("E", 100, 70));
    assert_false(xc_dtmf_queue(&dtmf, "1\0002", 3, 100, 70));
    assert_false(xc_dtmf_active(&dtmf));
    assert_true(queue("", 100, 70));
    assert_false(xc_dtmf_active(&dtmf));
    assert_true(queue("0123456789ABCDabcd*#,,", 6000, 6000));
    assert_int_equal(xc_dtmf_waiting(&dtmf), 22);
    assert_false(queue("12345678901", 100, 70)); /* 33 */
    assert_int_equal(xc_dtmf_waiting(&dtmf), 22);
    assert_true(queue("1234567890", 40, 30));
    assert_false(queue("1", 40, 30));
    struct xc_dtmf_packet packet;
    assert_true(xc_dtmf_next(&dtmf, at, FRAME, &packet)); /* the first has begun: one place */
    assert_true(queue("D", 40, 30));
    assert_false(queue("D", 40, 30));
}

static void test_cancel(void **state)
{
    (void)state;
    start(0);
    xc_dtmf_cancel(&dtmf);
    assert_false(xc_dtmf_active(&dtmf));
    assert_true(queue("123", 1000, 70));
    expect(1, 0, 960, true, false);
    xc_dtmf_cancel(&dtmf);
    assert_int_equal(xc_dtmf_waiting(&dtmf), 0);
    for (int i = 0; i < 3; i++)
        expect(1, 0, 1920, false, true);
    xc_dtmf_cancel(&dtmf); /* in the gap */
    assert_false(xc_dtmf_active(&dtmf));
    assert_true(queue(",1", 40, 30));
    expect_audio();
    xc_dtmf_cancel(&dtmf);
    expect_audio();
    assert_false(xc_dtmf_active(&dtmf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_digits),
        cmocka_unit_test(test_odd_durations),
        cmocka_unit_test(test_comma_is_two_seconds),
        cmocka_unit_test(test_long_tones_are_split),
        cmocka_unit_test(test_segments_after_a_jump),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
