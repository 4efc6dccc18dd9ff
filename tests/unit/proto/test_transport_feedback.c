/* test_transport_feedback.c - what a peer learns from our transport-wide feedback, read back by a
 * plain decoder of the draft that shares no code with the writer: every arrival once, holes,
 * reordering across reports, wraps, gaps, the interval and its share, full logs, random histories.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "proto/transport_feedback.h"
#include "wire/rtcp.h"

#define MS XC_NS_PER_MS

static struct xc_transport_feedback f;
static uint8_t out[XC_MTU];

/* --- the plain decoder: statuses into an array, then deltas --- */

struct told {
    unsigned received; /* times */
    unsigned missing;
    int64_t tick;
};
static struct told told[65536];
static unsigned packets, statuses_told;
static uint16_t last_base, last_count;

static void decode(const uint8_t *p, size_t size)
{
    static uint8_t status[70000];
    assert_int_equal(p[0], 0x8f);
    assert_int_equal(p[1], 205);
    assert_int_equal((p[2] << 8 | p[3]) * 4 + 4, size);
    assert_int_equal(xc_load32(p + 4), 11);
    assert_int_equal(xc_load32(p + 8), 22);
    last_base = xc_load16(p + 12);
    last_count = xc_load16(p + 14);
    assert_true(last_count > 0);
    int64_t tick = (int64_t)xc_load24(p + 16) * 256;
    assert_int_equal(p[19], packets & 255); /* feedback count */
    size_t at = 20;
    unsigned n = 0;
    while (n < last_count) {
        assert_true(at + 2 <= size);
        unsigned chunk = xc_load16(p + at);
        at += 2;
        if (chunk < 0x8000) {
            assert_true((chunk & 0x1fff) > 0 && n + (chunk & 0x1fff) <= last_count);
            for (unsigned i = 0; i < (chunk & 0x1fff); i++)
                status[n++] = (uint8_t)(chunk >> 13);
        } else if (chunk < 0xc000) {
            for (int bit = 13; bit >= 0; bit--)
                status[n++] = chunk >> bit & 1;
        } else {
            for (int bit = 12; bit >= 0; bit -= 2)
                status[n++] = chunk >> bit & 3;
        }
    }
    assert_true(status[last_count - 1] != 0); /* ends with an arrival */
    for (unsigned i = 0; i < last_count; i++) {
        struct told *t = &told[(uint16_t)(last_base + i)];
        assert_true(status[i] < 3);
        if (status[i] == 0) {
            t->missing++;
            continue;
        }
        if (status[i] == 1)
            tick += p[at];
        else
            tick += (int16_t)(p[at] << 8 | p[at + 1]);
        at += status[i];
        t->received++;
        t->tick = tick;
    }
    assert_true(at <= size && size - at < 4);
    for (; at < size; at++)
        assert_int_equal(p[at], 0);
    packets++;
    statuses_told += last_count;
}

static bool report(uint64_t now, size_t capacity)
{
    struct xc_writer w = xc_writer_make(out, capacity);
    if (!xc_transport_feedback_write(&f, now, &w, 11, 22)) {
        assert_int_equal(w.size, 0);
        return false;
    }
    assert_false(w.failed);
    assert_true(xc_rtcp_check(xc_span_make(out, w.size), true));
    decode(out, w.size);
    return true;
}

static unsigned report_all(uint64_t now)
{
    unsigned n = 0;
    while (report(now, sizeof out))
        n++;
    assert_true(f.count == 0 || now < xc_transport_feedback_deadline(&f));
    return n;
}

static void begin(void)
{
    xc_transport_feedback_init(&f);
    memset(told, 0, sizeof told);
    packets = statuses_told = 0;
}

static void arrive(uint64_t now, uint16_t sequence)
{
    xc_transport_feedback_arrived(&f, now, sequence, 1000);
}

static int64_t tick_of(uint64_t now)
{
    return (int64_t)(now / 250000) & 0xffffffff;
}

/* --- */

static void test_holes_and_times(void **state)
{
    (void)state;
    begin();
    assert_true(xc_transport_feedback_deadline(&f) == XC_NEVER);
    arrive(1000 * MS, 65534);
    arrive(1003 * MS, 65535);
    arrive(1004 * MS, 2); /* 0 and 1 are missing */
    arrive(1002 * MS + 100000, 3);
    arrive(1100 * MS, 4); /* a large delta, and a negative one before */
    uint64_t due = xc_transport_feedback_deadline(&f);
    assert_true(due == 1050 * MS);
    assert_false(report(due - 1, sizeof out));
    assert_int_equal(report_all(1101 * MS), 1);
    assert_int_equal(last_base, 65534);
    assert_int_equal(last_count, 7);
    static const uint16_t got[] = {65534, 65535, 2, 3, 4};
    static const uint64_t at[] = {1000000, 1003000, 1004000, 1002100, 1100000}; /* us */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(told[got[i]].received, 1);
        assert_int_equal(told[got[i]].tick, tick_of(at[i] * 1000));
    }
    assert_int_equal(told[0].missing, 1);
    assert_int_equal(told[1].missing, 1);
    assert_true(xc_transport_feedback_deadline(&f) == XC_NEVER);
    /* The next one goes on where this one ended, whatever is missing. */
    arrive(1160 * MS, 7);
    report_all(1300 * MS);
    assert_int_equal(last_base, 5);
    assert_int_equal(last_count, 3);
}

static void test_late_ones_are_reported_once(void **state)
{
    (void)state;
    begin();
    for (uint16_t i = 100; i < 120; i++)
        if (i != 105 && i != 106 && i != 110)
            arrive(1000 * MS, i);
    report_all(1060 * MS);
    assert_int_equal(told[105].missing, 1);
    arrive(1070 * MS, 120);
    arrive(1071 * MS, 110); /* after all */
    arrive(1072 * MS, 105);
    arrive(1073 * MS, 105); /* and again */
    arrive(1073 * MS, 119);
    arrive(1074 * MS, 99); /* before the first of all */
    assert_int_equal(report_all(1200 * MS), 4);
    for (uint16_t i = 99; i <= 120; i++)
        assert_int_equal(told[i].received, i != 106);
    assert_int_equal(told[105].tick, tick_of(1072 * MS));
    assert_int_equal(f.counters.duplicates, 2);
    assert_int_equal(f.counters.reported, 20 - 3 + 4);
    /* One that was told of is never told of as missing. */
    for (uint16_t i = 99; i <= 120; i++)
        assert_int_equal(told[i].missing, i == 105 || i == 106 || i == 110);
}

static void test_gaps_in_time_and_number(void **state)
{
    (void)state;
    begin();
    arrive(1000 * MS, 10);
    arrive(1001 * MS, 30000); /* 3.7 runs */
    arrive(1002 * MS, 60000);
    arrive(1003 * MS, 20000); /* 85 kilo-statuses: a second packet */
    report_all(1100 * MS);
    assert_int_equal(packets, 2);
    assert_int_equal(told[10].received + told[30000].received + told[60000].received, 3);
    assert_int_equal(told[20000].received, 1);
    begin();
    arrive(1000 * MS, 1);
    f.deadline = XC_NEVER - 1;        /* nobody looked for a while */
    arrive(1000 * MS + 8191 * MS, 2); /* just fits */
    arrive(1000 * MS + 17000 * MS, 3);
    f.deadline = 0;
    report_all(18001 * MS);
    assert_int_equal(packets, 2);
    assert_int_equal(told[3].tick, tick_of(18000 * MS));
}

/* Reference time and ticks go round after 12 days. */
static void test_time_wraps(void **state)
{
    (void)state;
    uint64_t end = (UINT64_C(1) << 32) * 250000;
    begin();
    arrive(end - 10 * MS, 1);
    arrive(end + 10 * MS, 2);
    arrive(end - 5 * MS, 3);
    report_all(end + 100 * MS);
    assert_int_equal(told[2].tick - told[1].tick, 80);
    assert_int_equal(told[3].tick - told[1].tick, 20);
    arrive(end + 200 * MS, 4);
    report_all(end + 400 * MS);
    assert_int_equal(told[4].tick, 800);
}

static void test_one_packet_is_not_enough(void **state)
{
    (void)state;
    begin();
    for (uint16_t i = 0; i < 500; i++)
        arrive(1000 * MS + i % 2 * 80 * MS, i); /* all deltas large, in turns up and down */
    while (report(1080 * MS, 300))
        ;
    assert_true(packets > 3);
    for (uint16_t i = 0; i < 500; i++)
        assert_int_equal(told[i].received, 1);
    assert_int_equal(statuses_told, 500);
    /* No room for anything: nothing is written or lost. */
    arrive(2000 * MS, 500);
    assert_false(report(2200 * MS, 23));
    assert_true(report(2200 * MS, 24));
    assert_int_equal(told[500].received, 1);
}

static void test_full_log(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < XC_FEEDBACK_LOG + 76; i++) {
        arrive(1000 * MS, (uint16_t)i);
        if (i == XC_FEEDBACK_LOG * 3 / 4)
            assert_true(xc_transport_feedback_deadline(&f) == 1000 * MS); /* at once */
    }
    assert_int_equal(f.counters.dropped, 76);
    report_all(1000 * MS);
    assert_int_equal(f.counters.reported, XC_FEEDBACK_LOG);
    arrive(1100 * MS, XC_FEEDBACK_LOG + 76);
    report_all(1300 * MS);
    assert_int_equal(told[XC_FEEDBACK_LOG + 75].missing, 1);
    assert_int_equal(told[XC_FEEDBACK_LOG + 76].received, 1);
}

/* A sender that starts anew, far back. */
static void test_restart(void **state)
{
    (void)state;
    begin();
    arrive(1000 * MS, 30000);
    report_all(1100 * MS);
    arrive(1101 * MS, 1);
    assert_int_equal(f.count, 0); /* one says nothing */
    arrive(1102 * MS, 2);
    arrive(1103 * MS, 3);
    report_all(1300 * MS);
    assert_int_equal(told[1].received, 0);
    assert_int_equal(last_base, 2);
    assert_int_equal(told[2].received + told[3].received, 2);
    assert_int_equal(f.counters.dropped, 1);
}

/* Packets of `size` bytes `apart` ns: the times between reports, and what they cost. */
static void stream(size_t size, uint64_t apart, uint64_t *least, uint64_t *most, double *share)
{
    uint64_t last = 0, bytes = 0;
    begin();
    *least = XC_NEVER;
    *most = 0;
    for (uint64_t now = 10000 * MS; now < 20000 * MS; now += MS / 4) {
        if (now % apart == 0) {
            xc_transport_feedback_arrived(&f, now, (uint16_t)(now / apart), size);
            bytes += size;
        }
        if (now < xc_transport_feedback_deadline(&f))
            continue;
        assert_int_equal(report_all(now), 1);
        if (last && now > 11000 * MS) {
            *least = XC_MIN(*least, now - last);
            *most = XC_MAX(*most, now - last);
        }
        last = now;
    }
    *share = (double)(f.counters.bytes_written + packets * 14) / (double)bytes;
}

static void test_interval_and_share(void **state)
{
    (void)state;
    uint64_t least, most;
    double share;
    stream(1100, 4 * MS, &least, &most, &share); /* 2.2 Mbit/s */
    assert_true(least >= 50 * MS && most <= 60 * MS);
    assert_true(share < 0.01);
    stream(200, 20 * MS, &least, &most, &share); /* 80 kbit/s */
    assert_true(least >= 50 * MS && most <= 120 * MS);
    assert_true(share < 0.055);
    stream(80, 20 * MS, &least, &most, &share); /* 32 kbit/s: the longest interval */
    assert_true(least >= 100 * MS && most <= 120 * MS);
}

static uint64_t seed;

static int print_seed(void **state)
{
    (void)state;
    if (seed < 20)
        print_error("seed %u\n", (unsigned)seed);
    return 0;
}

static void random_history(struct xc_rng *rng)
{
    static uint64_t first_at[30000]; /* plus one; 0: did not come */
    uint16_t base = (uint16_t)xc_rng_u32(rng);
    uint32_t loss = xc_rng_below(rng, 40), mess = xc_rng_below(rng, 30);
    uint32_t reach = 1 + xc_rng_below(rng, 1500), pause = xc_rng_below(rng, 30);
    uint64_t now = xc_rng_u64(rng) % (XC_NS_PER_S * 2000000);
    uint32_t number = 1600, newest = number;
    size_t capacity = 24 + xc_rng_below(rng, XC_MTU - 24 + 1);
    begin();
    memset(first_at, 0, sizeof first_at);
    arrive(now, (uint16_t)(base + number)); /* the first, from which all goes on */
    first_at[number] = now + 1;
    while (number < 29000) {
        number += 1 + (xc_rng_below(rng, 100) < loss ? xc_rng_below(rng, 5) : 0);
        uint32_t which = number;
        if (xc_rng_below(rng, 100) < mess)
            which -= xc_rng_below(rng, reach);
        arrive(now, (uint16_t)(base + which));
        newest = XC_MAX(newest, which);
        if (!first_at[which])
            first_at[which] = now + 1;
        now += xc_rng_below(rng, 1000) * 1000;
        if (xc_rng_below(rng, 1000) < pause)
            now += xc_rng_below(rng, 12000) * MS / 10;
        if (now >= xc_transport_feedback_deadline(&f))
            while (report(now, capacity))
                ;
    }
    while (report(now + XC_NS_PER_S, capacity))
        ;
    assert_int_equal(f.counters.dropped, 0);
    for (uint32_t i = 0; i < 30000; i++) {
        const struct told *t = &told[(uint16_t)(base + i)];
        assert_int_equal(t->received, first_at[i] != 0);
        if (first_at[i])
            assert_int_equal(t->tick & 0xffffffff, tick_of(first_at[i] - 1));
        else if (i > 1600 && i < newest)
            assert_true(t->missing > 0);
    }
}

static void test_random_histories(void **state)
{
    (void)state;
    for (seed = 0; seed < 20; seed++) {
        struct xc_rng rng;
        xc_rng_init_number(&rng, seed);
        random_history(&rng);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holes_and_times),
        cmocka_unit_test(test_late_ones_are_reported_once),
        cmocka_unit_test(test_gaps_in_time_and_number),
        cmocka_unit_test(test_time_wraps),
        cmocka_unit_test(test_one_packet_is_not_enough),
        cmocka_unit_test(test_full_log),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_interval_and_share),
        cmocka_unit_test_teardown(test_random_histories, print_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
