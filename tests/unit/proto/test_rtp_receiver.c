/* test_rtp_receiver.c - sequence tracking, loss, jitter and report blocks of RFC 3550 (A.1, A.3,
 * A.8, section 6.4.1) computed a second time from the whole history, over random loss, reordering
 * and duplicates across the wraps; jumps; the clock mapping.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/ntp.h"
#include "base/rng.h"
#include "proto/rtp_receiver.h"

#define MS XC_NS_PER_MS

static const struct xc_rtp_receiver_config video = {
    .ssrc = 0xabcdef01,
    .clock_rate = 90000,
    .nack = true,
    .nack_delay = 10 * MS,
    .nack_give_up = 1000 * MS,
    .nack_retries_max = 5,
};

static int input(struct xc_rtp_receiver *receiver, uint64_t now, uint16_t sequence,
                 uint32_t timestamp, uint64_t *extended)
{
    struct xc_rtp rtp = {.sequence = sequence, .timestamp = timestamp, .header_size = 12};
    rtp.payload.size = 100;
    return xc_rtp_receiver_input(receiver, now, &rtp, extended);
}

static void make(struct xc_rtp_receiver *receiver)
{
    xc_rtp_receiver_init(receiver, &video);
}

static void test_first_packets(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    struct xc_rtcp_report report;
    uint64_t extended = 0;
    make(&receiver);
    assert_false(xc_rtp_receiver_report(&receiver, 0, &report));
    assert_int_equal(input(&receiver, 0, 2, 0, &extended), XC_RTP_NEW); /* at once */
    assert_int_equal(extended, 0x10002);
    /* Reordering at the very start goes below, not beyond: 65534 came before 2. */
    assert_int_equal(input(&receiver, 0, 65534, 0, &extended), XC_RTP_NEW);
    assert_int_equal(extended, 0xfffe);
    assert_int_equal(input(&receiver, 0, 3, 0, &extended), XC_RTP_NEW);
    assert_int_equal(extended, 0x10003);
    const struct xc_rtp_receiver_counters *counters = xc_rtp_receiver_counters(&receiver);
    assert_int_equal(counters->packets_received, 3);
    assert_int_equal(counters->bytes_received, 300);
    assert_int_equal(counters->header_bytes_received, 36);
    assert_int_equal(counters->packets_reordered, 1);
    assert_int_equal(counters->packets_lost, 3); /* 65535, 0, 1 */
}

static void test_padding_counts_as_header(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    uint64_t extended;
    make(&receiver);
    struct xc_rtp rtp = {.sequence = 5, .header_size = 20, .padding = 200};
    assert_int_equal(xc_rtp_receiver_input(&receiver, 0, &rtp, &extended), XC_RTP_NEW);
    assert_int_equal(xc_rtp_receiver_counters(&receiver)->header_bytes_received, 220);
    assert_int_equal(xc_rtp_receiver_counters(&receiver)->bytes_received, 0);
}

static void test_duplicates_and_old(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    uint64_t extended;
    make(&receiver);
    for (uint32_t i = 0; i <= 2000; i++)
        if (i != 1000 && i != 976)
            assert_int_equal(input(&receiver, 0, (uint16_t)(64000 + i), 0, &extended), XC_RTP_NEW);
    assert_int_equal(input(&receiver, 0, (uint16_t)(64000 + 2000), 0, &extended), XC_RTP_DUPLICATE);
    assert_int_equal(extended, 0x10000 + 66000);
    assert_int_equal(input(&receiver, 0, (uint16_t)(64000 + 977), 0, &extended), XC_RTP_DUPLICATE);
    assert_int_equal(input(&receiver, 0, (uint16_t)(64000 + 1000), 0, &extended), XC_RTP_NEW);
    assert_int_equal(input(&receiver, 0, (uint16_t)(64000 + 1000), 0, &extended), XC_RTP_DUPLICATE);
    /* One behind the window of 1024: nobody can tell. */
    assert_int_equal(input(&receiver, 0, (uint16_t)(64000 + 976), 0, &extended), XC_RTP_OLD);
    const struct xc_rtp_receiver_counters *counters = xc_rtp_receiver_counters(&receiver);
    assert_int_equal(counters->packets_duplicated, 3);
    assert_int_equal(counters->packets_discarded_old, 1);
    assert_int_equal(counters->packets_received, 2004);
    assert_int_equal(counters->packets_lost, 2001 - 2004);
    struct xc_rtcp_report report;
    assert_true(xc_rtp_receiver_report(&receiver, 0, &report));
    assert_int_equal(report.cumulative_lost, -3);
    assert_int_equal(report.fraction_lost, 0);        /* A.3: negative is no loss */
    assert_int_equal(report.highest_sequence, 66000); /* one cycle */
}

static void test_jump_needs_two_in_a_row(void **state)
{
    (void)state;
    static const int32_t jumps[] = {3000, 3001, 10000, 32767, -32768, -3000, -10000};
    for (size_t j = 0; j < XC_ARRAY_LEN(jumps); j++) {
        struct xc_rtp_receiver receiver;
        uint64_t extended = 0, last;
        make(&receiver);
        for (uint32_t i = 0; i < 10; i++)
            assert_int_equal(input(&receiver, 0, (uint16_t)(65530 + i), 0, &last), XC_RTP_NEW);
        uint16_t far = (uint16_t)(3 + jumps[j]);
        assert_int_equal(input(&receiver, 0, far, 0, &extended), XC_RTP_PROBATION);
        assert_int_equal(input(&receiver, 0, far, 0, &extended), XC_RTP_PROBATION);
        assert_int_equal(xc_rtp_receiver_counters(&receiver)->packets_received, 10);
        /* A stray one changes nothing. */
        assert_int_equal(input(&receiver, 0, 4, 0, &last), XC_RTP_NEW);
        assert_int_equal(last, 0x20004);
        assert_int_equal(input(&receiver, 0, (uint16_t)(far + 1), 0, &extended), XC_RTP_NEW);
        assert_true(extended > last);
        assert_true(extended - last < 0x10000);
        assert_int_equal((uint16_t)extended, (uint16_t)(far + 1));
        assert_int_equal(xc_rtp_receiver_counters(&receiver)->packets_lost, 0);
        uint64_t newest;
        assert_true(xc_rtp_receiver_take_given_up(&receiver, &newest));
        assert_int_equal(newest, last);
        uint64_t after;
        assert_int_equal(input(&receiver, 0, (uint16_t)(far + 2), 0, &after), XC_RTP_NEW);
        assert_int_equal(after, extended + 1);
        assert_int_equal(input(&receiver, 0, (uint16_t)(far + 2), 0, &after), XC_RTP_DUPLICATE);
        struct xc_rtcp_report report;
        assert_true(xc_rtp_receiver_report(&receiver, 0, &report));
        assert_int_equal(report.cumulative_lost, -1);
        assert_int_equal(report.fraction_lost, 0);
    }
    /* 2999 is a loss, forward and backward. */
    struct xc_rtp_receiver receiver;
    uint64_t extended;
    make(&receiver);
    assert_int_equal(input(&receiver, 0, 100, 0, &extended), XC_RTP_NEW);
    assert_int_equal(input(&receiver, 0, 100 + 2999, 0, &extended), XC_RTP_NEW);
    assert_int_equal(xc_rtp_receiver_counters(&receiver)->packets_lost, 2998);
    assert_int_equal(input(&receiver, 0, 100, 0, &extended), XC_RTP_OLD);
}

static void test_fraction_lost(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    struct xc_rtcp_report report;
    uint64_t extended;
    make(&receiver);
    uint16_t sequence = 0;
    static const unsigned of_four[] = {1, 0, 3, 2, 0, 0, 1}; /* lost in each group of four */
    for (size_t i = 0; i < XC_ARRAY_LEN(of_four); i++) {
        for (int group = 0; group < 10; group++) {
            for (unsigned k = 0; k < 4; k++, sequence++)
                if (k >= of_four[i])
                    assert_int_equal(input(&receiver, 0, sequence, 0, &extended), XC_RTP_NEW);
        }
        assert_true(xc_rtp_receiver_report(&receiver, 0, &report));
        unsigned expected = i == 0 ? 39 : 40; /* the first packet that came is the base */
        unsigned lost = of_four[i] * 10 - (i == 0 ? 1 : 0);
        assert_int_equal(report.fraction_lost, lost * 256 / expected);
    }
    /* An empty interval. */
    assert_true(xc_rtp_receiver_report(&receiver, 0, &report));
    assert_int_equal(report.fraction_lost, 0);
    assert_int_equal(report.cumulative_lost, 10 * 7 - 1);
    assert_int_equal(report.ssrc, video.ssrc);
}

static void test_lsr_and_dlsr(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    struct xc_rtcp_report report;
    uint64_t extended;
    make(&receiver);
    assert_int_equal(input(&receiver, 0, 1, 0, &extended), XC_RTP_NEW);
    assert_true(xc_rtp_receiver_report(&receiver, 5, &report));
    assert_int_equal(report.last_sr, 0);
    assert_int_equal(report.delay_since_last_sr, 0);
    xc_rtp_receiver_sr(&receiver, 7 * XC_NS_PER_S, UINT64_C(0xb44db70520000000), 0, 17, 18);
    assert_true(xc_rtp_receiver_report(&receiver, 12250 * MS, &report));
    assert_int_equal(report.last_sr, 0xb7052000); /* figure 2 of RFC 3550 */
    assert_int_equal(report.delay_since_last_sr, 0x00054000);
    assert_true(xc_rtp_receiver_report(&receiver, 100000 * XC_NS_PER_S, &report));
    assert_int_equal(report.delay_since_last_sr, UINT32_MAX);
    assert_int_equal(xc_rtp_receiver_counters(&receiver)->sender_reports, 1);
    assert_int_equal(xc_rtp_receiver_counters(&receiver)->sender_packet_count, 17);
    assert_int_equal(xc_rtp_receiver_counters(&receiver)->sender_octet_count, 18);
}

static void test_capture_time(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    uint64_t ns = 0;
    make(&receiver);
    assert_false(xc_rtp_receiver_capture_ntp(&receiver, 0, &ns));
    uint64_t base = UINT64_C(3900000000) * XC_NS_PER_S + 123456789;
    xc_rtp_receiver_sr(&receiver, 0, xc_ntp_from_ns(base), 0xffffff00, 0, 0);
    assert_true(xc_rtp_receiver_capture_ntp(&receiver, 0xffffff00, &ns));
    assert_int_equal(ns, base);
    /* Across the wrap of the RTP time, forward and back. */
    assert_true(xc_rtp_receiver_capture_ntp(&receiver, 0xffffff00 + 90000, &ns));
    assert_int_equal(ns, base + XC_NS_PER_S);
    assert_true(xc_rtp_receiver_capture_ntp(&receiver, 0xffffff00u - 45000, &ns));
    assert_int_equal(ns, base - XC_NS_PER_S / 2);
    assert_true(xc_rtp_receiver_capture_ntp(&receiver, 0xffffff00u + 0x7fffffff, &ns));
    assert_int_equal(ns, base + UINT64_C(0x7fffffff) * XC_NS_PER_S / 90000);
    assert_true(xc_rtp_receiver_capture_ntp(&receiver, 0xffffff00u + 0x80000000, &ns));
    assert_int_equal(ns, base - UINT64_C(0x80000000) * XC_NS_PER_S / 90000);
    /* A clock that counts from boot: times before its zero do not exist. */
    xc_rtp_receiver_sr(&receiver, 0, UINT64_C(1) << 32, 1000000, 0, 0);
    assert_true(xc_rtp_receiver_capture_ntp(&receiver, 1000000 - 90000, &ns));
    assert_int_equal(ns, 0);
    assert_false(xc_rtp_receiver_capture_ntp(&receiver, 1000000 - 90001, &ns));
    xc_rtp_receiver_sr(&receiver, 0, UINT64_MAX, 0, 0, 0);
    assert_true(xc_rtp_receiver_capture_ntp(&receiver, 0x7fffffff, &ns));
}

/* A.8 in doubles, from arrival and RTP time of each packet. */
static void test_jitter(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 3);
    struct xc_rtp_receiver receiver;
    make(&receiver);
    double jitter = 0, last_transit = 0;
    /* Arrival times where ns * rate overflows 64 bits, and RTP times that wrap. */
    uint64_t start = UINT64_C(40) * 86400 * XC_NS_PER_S;
    uint64_t extended;
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t rtp_units = UINT64_C(0xfff00000) + UINT64_C(3000) * i;
        uint64_t arrival = UINT64_C(100000000) * i / 3 + xc_rng_below(&rng, 20000000);
        assert_int_equal(
            input(&receiver, start + arrival, (uint16_t)i, (uint32_t)rtp_units, &extended),
            XC_RTP_NEW);
        double transit = (double)arrival * 90000 / 1e9 - 3000.0 * i;
        double apart = transit > last_transit ? transit - last_transit : last_transit - transit;
        if (i)
            jitter += (apart - jitter) / 16;
        last_transit = transit;
        double measured = xc_rtp_receiver_counters(&receiver)->jitter_s * 90000;
        assert_float_equal(measured, jitter, 2); /* the integer form of A.8 rounds */
    }
    assert_true(jitter > 300 && jitter < 900);
    struct xc_rtcp_report report;
    assert_true(xc_rtp_receiver_report(&receiver, 0, &report));
    assert_float_equal(report.jitter, jitter, 2);
    /* A new timestamp base is not jitter. */
    double before = xc_rtp_receiver_counters(&receiver)->jitter_s;
    assert_int_equal(input(&receiver, start, 20000, 77, &extended), XC_RTP_NEW);
    assert_float_equal(xc_rtp_receiver_counters(&receiver)->jitter_s, before, 1e-12);
}

static void test_nacks_of_a_stream(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    uint64_t extended;
    uint16_t asked[XC_NACK_BATCH_MAX];
    make(&receiver);
    assert_int_equal(xc_rtp_receiver_deadline(&receiver), XC_NEVER);
    assert_int_equal(input(&receiver, 0, 65533, 0, &extended), XC_RTP_NEW);
    assert_int_equal(input(&receiver, 0, 2, 0, &extended), XC_RTP_NEW);
    assert_int_equal(xc_rtp_receiver_deadline(&receiver), 10 * MS);
    assert_int_equal(input(&receiver, 5 * MS, 0, 0, &extended), XC_RTP_NEW); /* reordered */
    assert_int_equal(xc_rtp_receiver_nacks(&receiver, 10 * MS, 40 * MS, asked, 64), 3);
    assert_int_equal(asked[0], 65534); /* ascending across the wrap */
    assert_int_equal(asked[1], 65535);
    assert_int_equal(asked[2], 1);
    assert_int_equal(xc_rtp_receiver_deadline(&receiver), 60 * MS);
    double jitter = xc_rtp_receiver_counters(&receiver)->jitter_s;
    assert_int_equal(input(&receiver, 55 * MS, 65535, 0, &extended), XC_RTP_NEW);
    assert_float_equal(xc_rtp_receiver_counters(&receiver)->jitter_s, jitter, 1e-12);
    xc_rtp_receiver_settled(&receiver, extended); /* 65534 too */
    assert_int_equal(xc_rtp_receiver_nacks(&receiver, 60 * MS, 40 * MS, asked, 64), 1);
    assert_int_equal(asked[0], 1);
    const struct xc_rtp_receiver_counters *counters = xc_rtp_receiver_counters(&receiver);
    assert_int_equal(counters->packets_reordered, 1);
    assert_int_equal(counters->packets_repaired, 1);
    assert_int_equal(counters->nacks_sent, 4);
    assert_int_equal(counters->given_up, 0);
    assert_false(xc_rtp_receiver_take_given_up(&receiver, NULL));
    assert_int_equal(xc_rtp_receiver_nacks(&receiver, 1000 * MS, 40 * MS, asked, 64), 0);
    assert_int_equal(counters->given_up, 1);
    assert_true(xc_rtp_receiver_take_given_up(&receiver, &extended));
    assert_int_equal(extended, 0x20001);
    /* Given up, and it comes after all. */
    assert_int_equal(input(&receiver, 1001 * MS, 1, 0, &extended), XC_RTP_NEW);
    assert_int_equal(counters->packets_lost, 1);
}

static void test_without_nack(void **state)
{
    (void)state;
    struct xc_rtp_receiver receiver;
    struct xc_rtp_receiver_config config = video;
    config.nack = false;
    uint64_t extended;
    uint16_t asked[4];
    xc_rtp_receiver_init(&receiver, &config);
    for (uint16_t i = 0; i < 1000; i = (uint16_t)(i + 7))
        assert_int_equal(input(&receiver, 0, i, 0, &extended), XC_RTP_NEW);
    assert_int_equal(input(&receiver, 0, 20000, 0, &extended), XC_RTP_PROBATION);
    assert_int_equal(input(&receiver, 0, 20001, 0, &extended), XC_RTP_NEW);
    assert_int_equal(xc_rtp_receiver_deadline(&receiver), XC_NEVER);
    assert_int_equal(xc_rtp_receiver_nacks(&receiver, 1 * XC_NS_PER_S, 0, asked, 4), 0);
    assert_false(xc_rtp_receiver_take_given_up(&receiver, NULL));
}

/* The model knows the true number of each packet and remembers every one that arrived. */
#define PACKETS 90000

static uint64_t running_seed;
static bool is_running;

static int print_seed(void **state)
{
    (void)state;
    if (is_running)
        print_error("seed %u\n", (unsigned)running_seed);
    return 0;
}

struct model {
    struct xc_rtp_receiver receiver;
    uint8_t arrived[PACKETS];
    uint64_t lowest, highest, received, new_count, duplicates, old, late;
    uint64_t expected_prior, received_prior;
};

static void model_input(struct model *m, uint64_t now, uint64_t number, uint16_t base)
{
    uint64_t extended = 0;
    int verdict =
        input(&m->receiver, now, (uint16_t)(base + number), (uint32_t)number * 960, &extended);
    if (m->received == 0)
        m->lowest = m->highest = number;
    bool is_old = m->highest >= number + XC_RTP_WINDOW;
    int right = is_old ? XC_RTP_OLD : m->arrived[number] ? XC_RTP_DUPLICATE : XC_RTP_NEW;
    assert_int_equal(verdict, right);
    assert_int_equal(extended - (m->receiver.highest - XC_MAX(m->highest, number)), number);
    m->received++;
    m->old += right == XC_RTP_OLD;
    m->duplicates += right == XC_RTP_DUPLICATE;
    m->late += right == XC_RTP_NEW && number < m->highest;
    if (right == XC_RTP_NEW) {
        m->lowest = XC_MIN(m->lowest, number);
        m->highest = XC_MAX(m->highest, number);
        m->arrived[number] = 1;
        m->new_count++;
    }
}

static void model_report(struct model *m, uint16_t base, uint64_t first)
{
    struct xc_rtcp_report report;
    assert_true(xc_rtp_receiver_report(&m->receiver, 0, &report));
    uint64_t expected = m->highest - m->lowest + 1;
    double interval = (double)(expected - m->expected_prior);
    double lost = interval - (double)(m->received - m->received_prior);
    double fraction = interval > 0 && lost > 0 ? lost * 256 / interval : 0;
    assert_int_equal(report.fraction_lost, (unsigned)XC_MIN(fraction, 255.0));
    assert_int_equal(report.cumulative_lost, (int64_t)expected - (int64_t)m->received);
    /* Cycles count from the first packet that came. */
    uint64_t cycle_start = (base + first) & ~UINT64_C(0xffff);
    assert_int_equal(report.highest_sequence, (uint32_t)(base + m->highest - cycle_start));
    m->expected_prior = expected;
    m->received_prior = m->received;
}

static void check_random_history(uint64_t seed)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    struct xc_rng rng;
    xc_rng_init_number(&rng, seed);
    make(&m.receiver);
    uint16_t base = (uint16_t)xc_rng_u32(&rng);
    uint32_t loss = xc_rng_below(&rng, 40), mess = xc_rng_below(&rng, 40);
    uint32_t reach = 1 + xc_rng_below(&rng, 1500);
    uint64_t number = 1500, first = number;
    for (uint64_t now = 0; number < PACKETS; now += MS) {
        model_input(&m, now, number, base);
        while (mess && xc_rng_below(&rng, 100) < mess) {
            uint64_t back = xc_rng_below(&rng, reach);
            model_input(&m, now, number - back, base);
        }
        number++;
        while (xc_rng_below(&rng, 100) < loss)
            number++;
        if (xc_rng_below(&rng, 5000) == 0)
            number += xc_rng_below(&rng, 2000);
        if (xc_rng_below(&rng, 200) == 0)
            model_report(&m, base, first);
        if (xc_rtp_receiver_deadline(&m.receiver) <= now) {
            uint16_t asked[XC_NACK_BATCH_MAX];
            size_t n = xc_rtp_receiver_nacks(&m.receiver, now, 30 * MS, asked, 64);
            for (size_t i = 0; i < n; i++) { /* asks for nothing that came */
                uint16_t behind = (uint16_t)(base + m.highest - asked[i]);
                assert_true(behind > 0 && m.arrived[m.highest - behind] == 0);
            }
            assert_true(xc_rtp_receiver_deadline(&m.receiver) > now);
        }
    }
    const struct xc_rtp_receiver_counters *counters = xc_rtp_receiver_counters(&m.receiver);
    assert_int_equal(counters->packets_received, m.received);
    assert_int_equal(counters->packets_duplicated, m.duplicates);
    assert_int_equal(counters->packets_discarded_old, m.old);
    assert_int_equal(counters->packets_reordered + counters->packets_repaired, m.late);
}

static void test_random_histories(void **state)
{
    (void)state;
    is_running = true;
    for (running_seed = 0; running_seed < 25; running_seed++)
        check_random_history(running_seed);
    is_running = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_packets),
        cmocka_unit_test(test_padding_counts_as_header),
        cmocka_unit_test(test_duplicates_and_old),
        cmocka_unit_test(test_jump_needs_two_in_a_row),
        cmocka_unit_test(test_fraction_lost),
        cmocka_unit_test(test_lsr_and_dlsr),
        cmocka_unit_test(test_capture_time),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_nacks_of_a_stream),
        cmocka_unit_test(test_without_nack),
        cmocka_unit_test_teardown(test_random_histories, print_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
