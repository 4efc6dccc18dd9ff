/* test_rtp_repair.c - header extensions of outgoing packets, the two that are written at the time of
 * sending, plain retransmission against RTX (RFC 4588), and a sender with RTX against a receiver over
 * a lossy road.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "proto/rtp_receiver.h"
#include "proto/rtp_sender.h"

#define MS XC_NS_PER_MS

static _Alignas(XC_CACHE_LINE) uint8_t memory[1 << 20];
static uint8_t out[XC_MTU];
static struct xc_rtp_sender sender;
static uint16_t transport;

static const struct xc_rtp_sender_config config = {
    .ssrc = 0x11111111,
    .first_sequence = 30000,
    .timestamp_offset = 1000,
    .clock_rate = 90000,
    .packets_max = 256,
    .bytes_max = 100000, /* no power of two: headers stand across the end */
    .keep_for = 1000 * MS,
    .repair_ssrc = 0x22222222,
    .repair_first_sequence = 0x7fff,
};

static struct xc_rtp_sender_header header(uint8_t first_id)
{
    struct xc_rtp_sender_header h = {
        .payload_type = 96, .repair_payload_type = 97, .mid = xc_span_make("v1", 2)};
    for (uint8_t i = 0; i < XC_EXT_KNOWN; i++)
        h.extension_ids[i] = (uint8_t)(first_id + i);
    return h;
}

static void make(const struct xc_rtp_sender_header *h)
{
    struct xc_arena arena = {.memory = memory, .capacity = sizeof memory};
    assert_true(xc_rtp_sender_init(&sender, &arena, &config));
    xc_rtp_sender_set_header(&sender, h);
    transport = 65533;
}

static bool add(uint64_t now, size_t size, const struct xc_rtp_values *values, uint8_t payload_type)
{
    uint8_t payload[XC_MTU];
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(sender.next_sequence * 7 + i);
    return xc_rtp_sender_add(&sender, now, 90, true, 5, xc_span_make(payload, size / 2),
                             xc_span_make(payload + size / 2, size - size / 2), values,
                             payload_type);
}

static bool next(uint64_t now, struct xc_rtp *rtp, struct xc_rtp_packet_out *info)
{
    if (!xc_rtp_sender_next(&sender, now, &transport, out, sizeof out, info))
        return false;
    assert_true(xc_rtp_parse(rtp, xc_span_make(out, info->size)));
    assert_int_equal(info->payload_size, rtp->payload.size);
    assert_int_equal(info->sequence, rtp->sequence);
    assert_int_equal(info->ssrc, rtp->ssrc);
    assert_true(info->size <= XC_RTP_PACKET_MAX);
    return true;
}

static void nack(uint64_t now, uint16_t sequence)
{
    struct xc_rtcp_nack one = {.pid = sequence};
    xc_rtp_sender_nack(&sender, now, 20 * MS, &one, 1);
}

static const struct xc_rtp_values all_values = {
    .has_audio_level = true,
    .voice = true,
    .audio_level = 42,
    .has_capture = true,
    .has_capture_offset = true,
    .capture_ntp = 123456789,
    .capture_offset = -5,
    .has_playout_delay = true,
    .playout_delay_max = 4,
    .has_rotation = true,
    .rotation = 3,
};

static void check_all_values(const struct xc_rtp *rtp, const struct xc_rtp_sender_header *h,
                             uint16_t sequence, uint64_t sent)
{
    struct xc_rtp_values v;
    xc_rtp_values_read(&v, rtp, h->extension_ids);
    assert_true(v.has_transport_sequence && v.transport_sequence == sequence);
    assert_true(v.has_send_time && v.send_time == xc_send_time(sent));
    assert_true(v.has_audio_level && v.voice && v.audio_level == 42);
    assert_true(v.has_capture && v.has_capture_offset && v.capture_offset == -5);
    assert_true(v.capture_ntp == 123456789);
    assert_true(v.has_playout_delay && v.playout_delay_min == 0 && v.playout_delay_max == 4);
    assert_true(v.has_rotation && v.rotation == 3);
    assert_true(xc_span_equal_text(xc_rtp_extension_find(rtp, h->extension_ids[XC_EXT_MID]), "v1"));
}

static void test_values(uint8_t first_id, uint16_t profile)
{
    struct xc_rtp_sender_header h = header(first_id);
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    make(&h);
    for (unsigned i = 0; i < 300; i++) { /* round the store a few times */
        uint64_t now = 5000 * MS + i * MS;
        uint16_t number = transport;
        assert_true(add(now, 900, &all_values, 0));
        assert_true(next(now + 3 * MS, &rtp, &info));
        assert_int_equal(xc_load16(out + 12), profile);
        assert_int_equal(rtp.header_size, xc_rtp_sender_header_size(&sender, &all_values));
        check_all_values(&rtp, &h, number, now + 3 * MS);
        assert_true(info.has_transport_sequence && info.transport_sequence == number);
        assert_int_equal(transport, (uint16_t)(number + 1));
        assert_int_equal(rtp.timestamp, 1090);
        assert_int_equal(rtp.payload.data[899], (uint8_t)(rtp.sequence * 7 + 899));
    }
}

static void test_one_byte_form(void **state)
{
    (void)state;
    test_values(1, 0xbede);
    test_values(8, 0xbede);
}

static void test_two_byte_form(void **state)
{
    (void)state;
    test_values(10, 0x1000);
    test_values(200, 0x1000);
}

/* What is not agreed, or not said, takes no room. */
static void test_only_what_is_agreed(void **state)
{
    (void)state;
    struct xc_rtp_sender_header h = {.payload_type = 111};
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    make(&h);
    assert_true(add(0, 10, &all_values, 0));
    assert_true(next(0, &rtp, &info));
    assert_int_equal(rtp.header_size, XC_RTP_HEADER_SIZE);
    assert_false(info.has_transport_sequence);
    assert_int_equal(transport, 65533);
    h.extension_ids[XC_EXT_ABS_SEND_TIME] = 3;
    xc_rtp_sender_set_header(&sender, &h);
    assert_true(add(0, 10, NULL, 0));
    assert_true(next(1000 * MS, &rtp, &info));
    assert_memory_equal(out + 12, "\xbe\xde\x00\x01\x32\x04\x00\x00", 8);
}

static void test_plain_is_equal(void **state)
{
    (void)state;
    struct xc_rtp_sender_header h = header(1);
    h.repair_payload_type = 0;
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    uint8_t first[XC_MTU];
    make(&h);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t now = i * 10 * MS;
        assert_true(add(now, 500, &all_values, 0));
        assert_true(next(now, &rtp, &info));
        memcpy(first, out, info.size);
        uint16_t number = transport;
        size_t size = info.size;
        if (i % 4) /* a quarter: well below the cap */
            continue;
        nack(now + 5 * MS, rtp.sequence);
        assert_true(next(now + 5 * MS, &rtp, &info));
        assert_true(info.retransmission && !info.repair);
        assert_int_equal(info.size, size);
        assert_memory_equal(first, out, size);
        assert_int_equal(transport, number);
    }
    assert_int_equal(sender.counters.retransmitted_packets, 100);
    assert_int_equal(sender.counters.repair_packets, 0);
}

static void test_rtx(void **state)
{
    (void)state;
    struct xc_rtp_sender_header h = header(1);
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    uint8_t payload[600];
    size_t next_size;
    make(&h);
    for (uint16_t i = 0; i < 300; i++) {
        uint64_t now = 100 * MS + i * 30 * MS;
        assert_true(add(now, 600, &all_values, 0));
        assert_true(next(now, &rtp, &info));
        memcpy(payload, rtp.payload.data, 600);
        uint16_t original = rtp.sequence;
        size_t size = info.size;
        nack(now + 9 * MS, original);
        assert_true(xc_rtp_sender_waiting(&sender, &next_size));
        assert_int_equal(next_size, size + 2);
        assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), size + 2);
        uint16_t number = transport;
        assert_false(xc_rtp_sender_next(&sender, now + 9 * MS, &transport, out, size + 1, &info));
        assert_true(next(now + 9 * MS, &rtp, &info));
        assert_true(info.retransmission && info.repair && info.transport_sequence == number);
        assert_int_equal(info.size, size + 2);
        assert_int_equal(rtp.ssrc, 0x22222222);
        assert_int_equal(rtp.sequence, (uint16_t)(0x7fff + i));
        assert_int_equal(rtp.payload_type, 97);
        assert_true(rtp.marker);
        assert_int_equal(rtp.timestamp, 1090);
        check_all_values(&rtp, &h, number, now + 9 * MS);
        assert_true(xc_rtp_unwrap_rtx(&rtp, 0x11111111, 96));
        assert_true(rtp.repair && rtp.ssrc == 0x11111111 && rtp.payload_type == 96);
        assert_int_equal(rtp.sequence, original);
        assert_true(xc_span_equal(rtp.payload, xc_span_make(payload, 600)));
    }
    const struct xc_rtp_sender_counters *c = xc_rtp_sender_counters(&sender);
    assert_int_equal(c->packets_sent, 600);
    assert_int_equal(c->repair_packets, 300);
    assert_int_equal(c->repair_bytes, 300 * 602);
    assert_int_equal(c->retransmitted_packets, 300);
    assert_int_equal(c->bytes_sent - c->repair_bytes, 300 * 600);
    /* Twice the same one: two packets of the repair stream. */
    uint16_t again = (uint16_t)(sender.next_sequence - 1);
    nack(9200 * MS, again);
    assert_true(next(9200 * MS, &rtp, &info));
    nack(9230 * MS, again);
    struct xc_rtp second;
    uint16_t first = rtp.sequence;
    assert_true(next(9230 * MS, &second, &info));
    assert_int_equal(second.sequence, (uint16_t)(first + 1));
}

/* Events and RED have a payload type of their own, for which no RTX is agreed. */
static void test_other_payload_type(void **state)
{
    (void)state;
    struct xc_rtp_sender_header h = header(1);
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    uint8_t first[XC_MTU];
    make(&h);
    assert_true(add(0, 100, NULL, 101));
    assert_true(add(0, 100, NULL, 96));
    assert_true(next(0, &rtp, &info));
    assert_int_equal(rtp.payload_type, 101);
    assert_true(rtp.marker);
    memcpy(first, out, info.size);
    nack(0, rtp.sequence);
    assert_true(next(0, &rtp, &info));
    assert_true(info.retransmission && !info.repair);
    assert_memory_equal(first, out, info.size);
    assert_true(next(0, &rtp, &info));
    assert_int_equal(rtp.payload_type, 96);
    nack(0, rtp.sequence);
    assert_true(next(0, &rtp, &info));
    assert_true(info.repair);
}

static void test_room(void **state)
{
    (void)state;
    struct xc_rtp_sender_header h = header(1);
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    make(&h);
    size_t room = xc_rtp_sender_room(&sender, &all_values);
    assert_false(add(0, room + 1, &all_values, 0));
    assert_true(add(0, room, &all_values, 0));
    assert_true(next(0, &rtp, &info));
    nack(0, rtp.sequence);
    assert_true(next(0, &rtp, &info));
    assert_true(info.repair);
    assert_int_equal(info.size, XC_RTP_PACKET_MAX);
    h.repair_payload_type = 0;
    xc_rtp_sender_set_header(&sender, &h);
    assert_int_equal(xc_rtp_sender_room(&sender, &all_values), room + 2);
    assert_true(xc_rtp_sender_room(&sender, NULL) > room + 2);
    assert_true(add(0, room + 2, &all_values, 0));
}

static void test_unwrap_refuses(void **state)
{
    (void)state;
    struct xc_rtp rtp;
    static const uint8_t padding_only[] = {0xa0, 97, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};
    assert_true(xc_rtp_parse(&rtp, xc_span_make(padding_only, sizeof padding_only)));
    assert_false(xc_rtp_unwrap_rtx(&rtp, 1, 96));
    assert_false(rtp.repair);
    assert_int_equal(rtp.payload_type, 97);
    uint8_t bytes[15] = {0x80, 97, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x12, 0x34, 9};
    assert_true(xc_rtp_parse(&rtp, xc_span_make(bytes, 13)));
    assert_false(xc_rtp_unwrap_rtx(&rtp, 1, 96));
    assert_true(xc_rtp_parse(&rtp, xc_span_make(bytes, 14)));
    assert_true(xc_rtp_unwrap_rtx(&rtp, 1, 96)); /* a repaired packet without payload */
    assert_int_equal(rtp.payload.size, 0);
    assert_true(xc_rtp_parse(&rtp, xc_span_make(bytes, 15)));
    assert_false(rtp.repair);
    assert_true(xc_rtp_unwrap_rtx(&rtp, 0x55, 96));
    assert_int_equal(rtp.sequence, 0x1234);
    assert_int_equal(rtp.ssrc, 0x55);
    assert_int_equal(rtp.payload.data[0], 9);
}

/* A storm of NACK by RTX: no more than the cap, OSN included. */
static void test_storm(void **state)
{
    (void)state;
    struct xc_rtp_sender_header h = header(1);
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    uint64_t media = 0, repair = 0;
    make(&h);
    for (uint32_t ms = 0; ms < 3000; ms++) {
        struct xc_rtcp_nack storm[16];
        if (ms % 10 == 0) {
            assert_true(add(ms * MS, 900, NULL, 0));
            assert_true(next(ms * MS, &rtp, &info));
            media += info.size;
        }
        for (unsigned i = 0; i < 16; i++)
            storm[i] = (struct xc_rtcp_nack){(uint16_t)(sender.next_unsent - 17 * (i + 1)), 0xffff};
        xc_rtp_sender_nack(&sender, ms * MS, MS, storm, 16);
        while (next(ms * MS, &rtp, &info)) {
            assert_true(info.repair);
            repair += info.size;
        }
    }
    assert_true(repair > media / 4);
    assert_true(repair <= media / 2 + 3 * 16 * 1024);
    assert_int_equal(sender.counters.repair_packets, sender.counters.retransmitted_packets);
}

/* --- receiver --- */

static struct xc_rtp_receiver receiver;
static uint64_t extended;

static void start_receiver(void)
{
    xc_rtp_receiver_init(&receiver, &(struct xc_rtp_receiver_config){.ssrc = 0x11111111,
                                                                     .clock_rate = 90000,
                                                                     .nack = true,
                                                                     .nack_delay = 5 * MS,
                                                                     .nack_give_up = 400 * MS,
                                                                     .nack_retries_max = 10});
}

static int input(uint64_t now, uint16_t sequence, size_t size, bool repair)
{
    static const uint8_t bytes[100];
    struct xc_rtp rtp = {.sequence = sequence,
                         .timestamp = (uint32_t)(now / 1000 * 9 / 100),
                         .payload = {bytes, size},
                         .header_size = 12,
                         .repair = repair};
    return xc_rtp_receiver_input(&receiver, now, &rtp, &extended);
}

static void test_receiver_counts_repairs(void **state)
{
    (void)state;
    const struct xc_rtp_receiver_counters *c = xc_rtp_receiver_counters(&receiver);
    struct xc_rtcp_report report;
    start_receiver();
    assert_int_equal(input(0, 10, 50, false), XC_RTP_NEW);
    assert_int_equal(input(20 * MS, 13, 50, false), XC_RTP_NEW);
    assert_int_equal(c->packets_lost, 2);
    assert_int_equal(input(40 * MS, 11, 50, true), XC_RTP_NEW); /* before it was asked for */
    assert_true(extended == 0x10000 + 11);
    assert_int_equal(input(41 * MS, 11, 50, true), XC_RTP_DUPLICATE);
    assert_int_equal(c->packets_repaired, 1);
    assert_int_equal(c->packets_reordered, 0);
    assert_int_equal(c->retransmitted_packets, 2);
    assert_int_equal(c->retransmitted_bytes, 100);
    assert_int_equal(c->packets_received, 4);
    assert_int_equal(c->packets_lost, 2); /* of the original stream */
    assert_true(xc_rtp_receiver_report(&receiver, 50 * MS, &report));
    assert_int_equal(report.cumulative_lost, 2);
    assert_int_equal(report.fraction_lost, 128);
    uint16_t asked[4];
    assert_int_equal(xc_rtp_receiver_nacks(&receiver, 60 * MS, 0, asked, 4), 1);
    assert_int_equal(asked[0], 12);
    assert_int_equal(input(80 * MS, 12, 50, true), XC_RTP_NEW);
    assert_int_equal(c->packets_repaired, 2);
    /* Far off: no jump, no probation. */
    assert_int_equal(input(90 * MS, 20000, 50, true), XC_RTP_OLD);
    assert_int_equal(input(90 * MS, 20001, 50, true), XC_RTP_OLD);
    assert_int_equal(input(100 * MS, 14, 50, false), XC_RTP_NEW);
    /* Newer than all: taken, and the hole before it is a hole. */
    assert_int_equal(input(110 * MS, 16, 50, true), XC_RTP_NEW);
    assert_int_equal(c->packets_repaired, 3);
    assert_int_equal(xc_rtp_receiver_nacks(&receiver, 120 * MS, 0, asked, 4), 1);
    assert_int_equal(asked[0], 15);
}

static void test_receiver_padding_only(void **state)
{
    (void)state;
    const struct xc_rtp_receiver_counters *c = xc_rtp_receiver_counters(&receiver);
    static const uint8_t bytes[1];
    struct xc_rtp probe = {
        .sequence = 52, .timestamp = 0, .header_size = 20, .padding = 224, .payload = {bytes, 0}};
    start_receiver();
    for (uint16_t i = 0; i < 50; i++)
        input(i * 20 * MS, i, 50, false);
    input(50 * 20 * MS, 50, 50, false);
    input(51 * 20 * MS, 51, 50, false);
    double jitter = c->jitter_s;
    uint64_t bytes_before = c->bytes_received, heads = c->header_bytes_received;
    assert_int_equal(xc_rtp_receiver_input(&receiver, 1100 * MS, &probe, &extended), XC_RTP_NEW);
    assert_true(extended == 0x10000 + 52);
    assert_true(c->jitter_s == jitter); /* its time stamp is a second old */
    assert_true(c->bytes_received == bytes_before);
    assert_true(c->header_bytes_received == heads + 244);
    assert_int_equal(c->packets_lost, 0);
    assert_int_equal(input(53 * 20 * MS, 53, 50, false), XC_RTP_NEW);
    assert_true(xc_rtp_receiver_deadline(&receiver) == XC_NEVER); /* nothing is missing */
}

/* 20 % loss on the road there, repairs included: all arrives in the end, content and all. */
static void test_lossy_road(void **state)
{
    (void)state;
    struct xc_rtp_sender_header h = header(1);
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    struct xc_rng rng;
    static bool have[70000];
    uint64_t news = 0, transports = 0;
    xc_rng_init_number(&rng, 9);
    make(&h);
    start_receiver();
    memset(have, 0, sizeof have);
    for (uint64_t ms = 0; ms < 6000; ms++) {
        if (ms < 5000)
            assert_true(add(ms * MS, 400 + ms % 300, NULL, 0));
        while (next(ms * MS, &rtp, &info)) {
            transports++;
            if (ms > 0 && ms < 4990 && xc_rng_below(&rng, 5) == 0)
                continue;
            if (rtp.ssrc == config.repair_ssrc)
                assert_true(xc_rtp_unwrap_rtx(&rtp, config.ssrc, 96));
            if (xc_rtp_receiver_input(&receiver, ms * MS, &rtp, &extended) != XC_RTP_NEW)
                continue;
            news++;
            assert_true(extended < 2 * 65536 && !have[extended - 65536]);
            have[extended - 65536] = true;
            assert_int_equal(rtp.payload.data[0], (uint8_t)(rtp.sequence * 7));
        }
        uint16_t asked[64];
        size_t n = xc_rtp_receiver_nacks(&receiver, ms * MS, 10 * MS, asked, 64);
        for (size_t i = 0; i < n; i++) {
            struct xc_rtcp_nack one = {.pid = asked[i]};
            xc_rtp_sender_nack(&sender, ms * MS, 10 * MS, &one, 1);
        }
    }
    assert_int_equal(news, 5000);
    assert_int_equal((uint16_t)(transport - 65533), (uint16_t)transports);
    const struct xc_rtp_receiver_counters *c = xc_rtp_receiver_counters(&receiver);
    assert_true(c->packets_repaired > 800 && c->packets_repaired == (uint64_t)c->packets_lost);
    assert_int_equal(c->given_up, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_byte_form),
        cmocka_unit_test(test_two_byte_form),
        cmocka_unit_test(test_only_what_is_agreed),
        cmocka_unit_test(test_plain_is_equal),
        cmocka_unit_test(test_rtx),
        cmocka_unit_test(test_other_payload_type),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_unwrap_refuses),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_receiver_counts_repairs),
        cmocka_unit_test(test_receiver_padding_only),
        cmocka_unit_test(test_lossy_road),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
