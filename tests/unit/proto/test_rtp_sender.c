/* test_rtp_sender.c - the packet store, retransmissions and their limits, sender report times; a
 * seeded random history against a plain model that never forgets a packet.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "proto/rtp_sender.h"

#define MS XC_NS_PER_MS

static _Alignas(XC_CACHE_LINE) uint8_t memory[1 << 20];
static uint8_t out[XC_MTU];

static const struct xc_rtp_sender_config video = {
    .ssrc = 0x11223344,
    .first_sequence = 65530 & 0x7fff,
    .timestamp_offset = 0xfffff000,
    .clock_rate = 90000,
    .packets_max = 64,
    .bytes_max = 32768,
    .keep_for = 1000 * MS,
};

static void set_header(struct xc_rtp_sender *sender, uint8_t payload_type, uint8_t mid_id,
                       struct xc_span mid)
{
    struct xc_rtp_sender_header header = {.payload_type = payload_type, .mid = mid};
    header.extension_ids[XC_EXT_MID] = mid_id;
    xc_rtp_sender_set_header(sender, &header);
}

static void make(struct xc_rtp_sender *sender, const struct xc_rtp_sender_config *config)
{
    struct xc_arena arena = {.memory = memory, .capacity = sizeof memory};
    assert_true(xc_rtp_sender_init(sender, &arena, config));
    set_header(sender, 96, 0, (struct xc_span){0});
}

/* Adds a packet of `size` payload bytes that name themselves. */
static bool add(struct xc_rtp_sender *sender, uint64_t now, size_t size, uint64_t frame)
{
    uint8_t payload[XC_MTU + 100];
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(frame * 31 + i);
    size_t head = size / 3;
    return xc_rtp_sender_add(sender, now, (uint32_t)frame * 3000, frame % 4 == 3, frame,
                             xc_span_make(payload, head), xc_span_make(payload + head, size - head),
                             NULL, 0);
}

static bool next(struct xc_rtp_sender *sender, uint64_t now, struct xc_rtp_packet_out *info)
{
    return xc_rtp_sender_next(sender, now, NULL, out, sizeof out, info);
}

static void nack_one(struct xc_rtp_sender *sender, uint64_t now, uint64_t round_trip,
                     uint16_t sequence)
{
    struct xc_rtcp_nack nack = {.pid = sequence};
    xc_rtp_sender_nack(sender, now, round_trip, &nack, 1);
}

static void test_init(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_arena measure = {0};
    assert_true(xc_rtp_sender_init(&sender, &measure, &video));
    assert_true(measure.used >= video.bytes_max);
    struct xc_arena exact = {.memory = memory, .capacity = measure.used};
    assert_true(xc_rtp_sender_init(&sender, &exact, &video));
    struct xc_arena small = {.memory = memory, .capacity = measure.used - 1};
    assert_false(xc_rtp_sender_init(&sender, &small, &video));
    struct xc_rtp_sender_config bad = video;
    bad.packets_max = 48;
    assert_false(xc_rtp_sender_init(&sender, &exact, &bad));
    bad.packets_max = 0;
    assert_false(xc_rtp_sender_init(&sender, &exact, &bad));
    bad.packets_max = 65536;
    assert_false(xc_rtp_sender_init(&sender, &exact, &bad));
}

static void test_packet_and_description(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    make(&sender, &video);
    set_header(&sender, 96, 3, xc_span_make("vid", 3));
    size_t header = xc_rtp_sender_header_size(&sender, NULL);
    assert_int_equal(header, 20);
    const uint8_t head[] = {1, 2, 3}, data[] = {4, 5};
    assert_true(xc_rtp_sender_add(&sender, 5, 0x2000, true, 77, xc_span_make(head, 3),
                                  xc_span_make(data, 2), NULL, 0));
    size_t size = 0;
    assert_true(xc_rtp_sender_waiting(&sender, &size));
    assert_int_equal(size, header + 5);
    assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), size);
    struct xc_rtp_packet_out info;
    assert_false(xc_rtp_sender_next(&sender, 6, NULL, out, size - 1, &info));
    assert_true(xc_rtp_sender_next(&sender, 6, NULL, out, size, &info));
    struct xc_rtp rtp;
    assert_true(xc_rtp_parse(&rtp, xc_span_make(out, size)));
    assert_true(rtp.marker);
    assert_int_equal(rtp.payload_type, 96);
    assert_int_equal(rtp.sequence, video.first_sequence);
    assert_int_equal(rtp.timestamp, 0x1000); /* the offset wraps */
    assert_int_equal(rtp.ssrc, video.ssrc);
    assert_true(xc_span_equal_text(xc_rtp_extension_find(&rtp, 3), "vid"));
    assert_true(xc_span_equal(rtp.payload, xc_span_make("\1\2\3\4\5", 5)));
    assert_int_equal(info.sequence, rtp.sequence);
    assert_int_equal(info.timestamp, rtp.timestamp);
    assert_true(info.marker);
    assert_false(info.retransmission);
    assert_int_equal(info.frame, 77);
    assert_int_equal(info.size, size);
    assert_int_equal(info.payload_size, 5);
    assert_false(xc_rtp_sender_waiting(&sender, &size));
    assert_false(next(&sender, 7, &info));
    const struct xc_rtp_sender_counters *counters = xc_rtp_sender_counters(&sender);
    assert_int_equal(counters->packets_sent, 1);
    assert_int_equal(counters->bytes_sent, 5);
    assert_int_equal(counters->header_bytes_sent, header);
}

static void test_header_change_applies_later(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    make(&sender, &video);
    char mid[XC_RTP_MID_MAX + 1];
    memset(mid, 'm', sizeof mid);
    assert_true(add(&sender, 0, 10, 0));
    set_header(&sender, 120, 200, xc_span_make(mid, XC_RTP_MID_MAX)); /* two-byte */
    assert_true(add(&sender, 0, 10, 1));
    set_header(&sender, 121, 1, xc_span_make(mid, XC_RTP_MID_MAX + 1)); /* too long */
    assert_int_equal(xc_rtp_sender_header_size(&sender, NULL), 12);
    struct xc_rtp_packet_out info;
    struct xc_rtp rtp;
    assert_true(next(&sender, 0, &info));
    assert_true(xc_rtp_parse(&rtp, xc_span_make(out, info.size)));
    assert_int_equal(rtp.payload_type, 96);
    assert_int_equal(rtp.extension_count, 0);
    assert_true(next(&sender, 0, &info));
    assert_true(xc_rtp_parse(&rtp, xc_span_make(out, info.size)));
    assert_int_equal(rtp.payload_type, 120);
    assert_true(xc_span_equal(xc_rtp_extension_find(&rtp, 200), xc_span_make(mid, XC_RTP_MID_MAX)));
    assert_int_equal(rtp.payload.size, 10);
}

static void test_too_large_is_refused(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    make(&sender, &video);
    assert_false(add(&sender, 0, XC_RTP_PACKET_MAX - 12 + 1, 0));
    assert_int_equal(xc_rtp_sender_counters(&sender)->packets_dropped, 1);
    assert_false(xc_rtp_sender_add(&sender, 0, 0, false, 0, xc_span_make(out, 1),
                                   xc_span_make(out, SIZE_MAX - 5), NULL, 0));
    assert_true(add(&sender, 0, XC_RTP_PACKET_MAX - 12, 0));
    struct xc_rtp_packet_out info;
    assert_true(xc_rtp_sender_next(&sender, 0, NULL, out, XC_RTP_PACKET_MAX, &info));
    assert_int_equal(info.sequence, video.first_sequence); /* no gap */
}

static void test_full_of_waiting(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_rtp_packet_out info;
    make(&sender, &video);
    for (unsigned i = 0; i < video.packets_max; i++)
        assert_true(add(&sender, 0, 100, i));
    assert_false(add(&sender, 0, 100, 99));
    assert_int_equal(xc_rtp_sender_counters(&sender)->packets_dropped, 1);
    assert_true(next(&sender, 0, &info));
    assert_true(add(&sender, 0, 100, 100)); /* the sent one gives way */
    nack_one(&sender, 0, 0, video.first_sequence);
    assert_int_equal(xc_rtp_sender_counters(&sender)->nacks_missed, 1);
    /* By bytes: 27 of 1184 fill 32768. */
    make(&sender, &video);
    unsigned taken = 0;
    while (add(&sender, 0, XC_RTP_PACKET_MAX - 12, taken))
        taken++;
    assert_int_equal(taken, 32768 / XC_RTP_PACKET_MAX);
    assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), taken * XC_RTP_PACKET_MAX);
}

static void test_drop_waiting_renumbers(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_rtp_packet_out info;
    make(&sender, &video);
    for (unsigned i = 0; i < 5; i++)
        assert_true(add(&sender, 0, 500, i));
    assert_true(next(&sender, 1, &info));
    assert_true(next(&sender, 1, &info));
    xc_rtp_sender_drop_waiting(&sender);
    assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), 0);
    assert_false(xc_rtp_sender_waiting(&sender, NULL));
    assert_int_equal(xc_rtp_sender_counters(&sender)->packets_dropped, 3);
    assert_true(add(&sender, 2, 20, 40));
    assert_true(next(&sender, 2, &info));
    assert_int_equal(info.sequence, video.first_sequence + 2);
    assert_int_equal(info.frame, 40);
    assert_int_equal(info.payload_size, 20);
    /* What was sent before is untouched. */
    nack_one(&sender, 3, 0, (uint16_t)(video.first_sequence + 1));
    assert_true(next(&sender, 3, &info));
    assert_true(info.retransmission);
    assert_int_equal(info.frame, 1);
    assert_int_equal(info.payload_size, 500);
    for (size_t i = 0; i < 500; i++)
        assert_int_equal(out[12 + i], (uint8_t)(31 + i));
}

static void test_nack_each_once_a_round_trip(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_rtp_packet_out info;
    make(&sender, &video);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(add(&sender, 0, 100, i));
        assert_true(next(&sender, 0, &info));
    }
    const struct xc_rtp_sender_counters *counters = xc_rtp_sender_counters(&sender);
    /* PID and BLP: 0, 1, 16; the order is that of the request. */
    struct xc_rtcp_nack nack = {.pid = video.first_sequence, .blp = 0x8001};
    xc_rtp_sender_nack(&sender, 10 * MS, 50 * MS, &nack, 1);
    xc_rtp_sender_nack(&sender, 10 * MS, 50 * MS, &nack, 1); /* asked twice, queued once */
    assert_int_equal(counters->nacks_received, 6);
    assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), 3 * 112);
    static const unsigned wanted[] = {0, 1, 16};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(next(&sender, 10 * MS, &info));
        assert_true(info.retransmission);
        assert_int_equal(info.frame, wanted[i]);
    }
    assert_false(next(&sender, 10 * MS, &info));
    nack_one(&sender, 60 * MS - 1, 50 * MS, video.first_sequence);
    assert_false(xc_rtp_sender_waiting(&sender, NULL));
    nack_one(&sender, 60 * MS, 50 * MS, video.first_sequence);
    assert_true(next(&sender, 60 * MS, &info));
    /* An unknown round trip is 100 ms, a tiny one 5 ms. */
    nack_one(&sender, 160 * MS - 1, 0, video.first_sequence);
    assert_false(next(&sender, 160 * MS, &info));
    nack_one(&sender, 160 * MS, 0, video.first_sequence);
    assert_true(next(&sender, 160 * MS, &info));
    nack_one(&sender, 164 * MS, 1, video.first_sequence);
    assert_false(next(&sender, 164 * MS, &info));
    nack_one(&sender, 165 * MS, 1, video.first_sequence);
    assert_true(next(&sender, 165 * MS, &info));
    assert_int_equal(counters->nacks_missed, 0);
    assert_int_equal(counters->retransmitted_packets, 6);
    assert_int_equal(counters->retransmitted_bytes, 600);
    assert_int_equal(counters->packets_sent, 26);
}

static void test_nack_of_what_is_not_kept(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_rtp_packet_out info;
    make(&sender, &video);
    assert_true(add(&sender, 0, 100, 0));
    nack_one(&sender, 0, 0, video.first_sequence); /* waits, was not sent */
    assert_int_equal(xc_rtp_sender_counters(&sender)->nacks_missed, 1);
    assert_true(next(&sender, 0, &info));
    assert_false(info.retransmission);
    nack_one(&sender, 0, 0, (uint16_t)(video.first_sequence + 1));
    nack_one(&sender, 0, 0, (uint16_t)(video.first_sequence - 1));
    nack_one(&sender, 0, 0, (uint16_t)(video.first_sequence + 0x8000));
    assert_int_equal(xc_rtp_sender_counters(&sender)->nacks_missed, 4);
    nack_one(&sender, video.keep_for, 0, video.first_sequence); /* expired this instant */
    assert_int_equal(xc_rtp_sender_counters(&sender)->nacks_missed, 5);
    assert_false(next(&sender, video.keep_for, &info));
    /* Queued, but expired before its turn. */
    assert_true(add(&sender, video.keep_for, 100, 1));
    assert_true(next(&sender, video.keep_for, &info));
    nack_one(&sender, video.keep_for, 0, (uint16_t)(video.first_sequence + 1));
    assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), 112);
    assert_false(next(&sender, 2 * video.keep_for, &info));
    assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), 0);
    assert_int_equal(xc_rtp_sender_counters(&sender)->nacks_missed, 6);
    /* keep_for 0 keeps nothing. */
    struct xc_rtp_sender_config config = video;
    config.keep_for = 0;
    make(&sender, &config);
    assert_true(add(&sender, 0, 100, 0));
    assert_true(next(&sender, 0, &info));
    nack_one(&sender, 0, 0, video.first_sequence);
    assert_int_equal(xc_rtp_sender_counters(&sender)->nacks_missed, 1);
}

static void test_storm_is_capped(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_rtp_packet_out info;
    struct xc_rtp_sender_config config = video;
    config.packets_max = 512;
    config.bytes_max = 512 * 1024;
    make(&sender, &config);
    static uint32_t sent[4000], resent[4000]; /* bytes in each ms */
    memset(sent, 0, sizeof sent);
    memset(resent, 0, sizeof resent);
    for (uint32_t ms = 0; ms < 4000; ms++) {
        uint64_t now = ms * MS;
        if (ms < 3000 && ms % 4 == 0) { /* 2 Mbit/s, then silence */
            assert_true(add(&sender, now, 988, ms));
            assert_true(next(&sender, now, &info));
            sent[ms] += (uint32_t)info.size;
        }
        struct xc_rtcp_nack storm[32];
        for (unsigned i = 0; i < 32; i++)
            storm[i] = (struct xc_rtcp_nack){.pid = (uint16_t)(sender.next_unsent - 17 * (i + 1)),
                                             .blp = 0xffff};
        xc_rtp_sender_nack(&sender, now, MS, storm, 32);
        while (next(&sender, now, &info)) {
            assert_true(info.retransmission);
            resent[ms] += (uint32_t)info.size;
        }
    }
    uint64_t total = 0;
    for (uint32_t from = 0; from + 1000 <= 4000; from++) {
        uint64_t media = 0, repair = 0;
        for (uint32_t ms = from; ms < from + 1000; ms++)
            repair += resent[ms];
        /* The share is of what was sent by the end of that second, in 1.1 s. */
        for (uint32_t ms = from < 200 ? 0 : from - 200; ms < from + 1000; ms++)
            media += sent[ms];
        assert_true(repair <= media / 2 + 16 * 1024);
        total += repair;
    }
    assert_true(total > 0);
    assert_true(xc_rtp_sender_counters(&sender)->nacks_missed > 1000);
    /* A single loss later is repaired again. */
    assert_true(add(&sender, 6000 * MS, 500, 1));
    assert_true(next(&sender, 6000 * MS, &info));
    nack_one(&sender, 6001 * MS, MS, info.sequence);
    assert_true(next(&sender, 6001 * MS, &info));
    assert_true(info.retransmission);
}

static void test_retransmission_queue_is_bounded(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_rtp_packet_out info;
    struct xc_rtp_sender_config config = video;
    config.packets_max = 512;
    make(&sender, &config);
    for (unsigned i = 0; i < 400; i++) {
        assert_true(add(&sender, 0, 20, i));
        assert_true(next(&sender, 0, &info));
    }
    for (unsigned i = 0; i < 400; i++)
        nack_one(&sender, MS, MS, (uint16_t)(video.first_sequence + i));
    assert_int_equal(xc_rtp_sender_counters(&sender)->nacks_missed, 400 - XC_RTP_RETRANSMIT_QUEUE);
    /* Stale entries make room again. */
    for (unsigned i = 0; i < 512; i++)
        assert_true(add(&sender, 2 * MS, 20, i));
    assert_int_equal(xc_rtp_sender_waiting_bytes(&sender), 512 * 32);
    assert_true(next(&sender, 2 * MS, &info));
    assert_false(info.retransmission);
    nack_one(&sender, 3 * MS, MS, info.sequence);
    assert_true(next(&sender, 3 * MS, &info));
    assert_true(info.retransmission);
}

static void test_timestamp_at(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    make(&sender, &video);
    /* Without a capture time the last add() is the reference. */
    assert_true(xc_rtp_sender_add(&sender, 10 * XC_NS_PER_S, 90000, false, 0, (struct xc_span){0},
                                  (struct xc_span){0}, NULL, 0));
    assert_int_equal(xc_rtp_sender_timestamp_at(&sender, 10 * XC_NS_PER_S),
                     (uint32_t)(0xfffff000 + 90000));
    xc_rtp_sender_capture(&sender, 20 * XC_NS_PER_S, 180000);
    assert_true(xc_rtp_sender_add(&sender, 30 * XC_NS_PER_S, 1, false, 0, (struct xc_span){0},
                                  (struct xc_span){0}, NULL, 0));
    uint32_t base = (uint32_t)(0xfffff000 + 180000);
    assert_int_equal(xc_rtp_sender_timestamp_at(&sender, 20 * XC_NS_PER_S), base);
    assert_int_equal(xc_rtp_sender_timestamp_at(&sender, 20 * XC_NS_PER_S + 100 * MS), base + 9000);
    assert_int_equal(xc_rtp_sender_timestamp_at(&sender, 19 * XC_NS_PER_S), base - 90000);
    /* A week on: modulo 2^32, no overflow on the way. */
    uint64_t week = UINT64_C(604800) * XC_NS_PER_S;
    assert_int_equal(xc_rtp_sender_timestamp_at(&sender, 20 * XC_NS_PER_S + week),
                     (uint32_t)(base + UINT64_C(604800) * 90000));
}

/* The model: every packet ever sent, by position; and when each last went out again. */
#define HISTORY 4000

struct sent_packet {
    uint16_t size;
    uint8_t bytes[XC_MTU];
    uint64_t sent, resent;
    bool repeated;
};

struct model {
    struct xc_rtp_sender_config config;
    struct xc_rtp_sender sender;
    struct sent_packet *history;
    uint64_t now, frame, sent_count;
    uint64_t waiting_first; /* its frame */
    size_t waiting_sizes[512], waiting_count;
};

static uint64_t running_seed;
static bool is_running;

static int print_seed(void **state)
{
    (void)state;
    if (is_running)
        print_error("seed %u\n", (unsigned)running_seed);
    return 0;
}

static void model_add(struct model *m, size_t size)
{
    if (!add(&m->sender, m->now, size, m->frame))
        return;
    assert_true(m->waiting_count < m->config.packets_max);
    if (m->waiting_count == 0)
        m->waiting_first = m->frame;
    m->waiting_sizes[m->waiting_count++] = size + 12;
    m->frame++;
}

static void model_retransmission(struct model *m, const struct xc_rtp_packet_out *info)
{
    uint64_t behind = (uint16_t)(m->config.first_sequence + m->sent_count - info->sequence);
    assert_true(behind > 0 && behind <= m->config.packets_max && behind <= m->sent_count);
    struct sent_packet *p = &m->history[m->sent_count - behind];
    assert_int_equal(info->size, p->size);
    assert_memory_equal(out, p->bytes, p->size);
    assert_true(m->now - p->sent < m->config.keep_for);
    assert_true(!p->repeated || m->now - p->resent >= 20 * MS);
    p->repeated = true;
    p->resent = m->now;
}

static void model_next(struct model *m)
{
    struct xc_rtp_packet_out info;
    bool any = xc_rtp_sender_waiting(&m->sender, NULL);
    bool got = next(&m->sender, m->now, &info);
    assert_true(any || !got);
    assert_true(got || m->waiting_count == 0);
    if (!got)
        return;
    if (info.retransmission) {
        model_retransmission(m, &info);
        return;
    }
    assert_int_equal(info.sequence, (uint16_t)(m->config.first_sequence + m->sent_count));
    assert_int_equal(info.frame, m->waiting_first);
    assert_int_equal(info.size, m->waiting_sizes[0]);
    m->waiting_count--;
    memmove(m->waiting_sizes, m->waiting_sizes + 1, m->waiting_count * sizeof m->waiting_sizes[0]);
    struct sent_packet *p = &m->history[m->sent_count++];
    *p = (struct sent_packet){.size = (uint16_t)info.size, .sent = m->now};
    memcpy(p->bytes, out, info.size);
    for (size_t i = 12; i < info.size; i++)
        assert_int_equal(out[i], (uint8_t)(m->waiting_first * 31 + i - 12));
    m->waiting_first++;
}

static void check_random_history(uint64_t seed, struct sent_packet *history)
{
    struct xc_rng rng;
    xc_rng_init_number(&rng, seed);
    static struct model m;
    m = (struct model){.config = video, .history = history};
    m.config.first_sequence = (uint16_t)(0x7fff - xc_rng_below(&rng, 300));
    m.config.packets_max = 8u << xc_rng_below(&rng, 5);
    m.config.bytes_max = 4096 + xc_rng_below(&rng, 30000);
    make(&m.sender, &m.config);
    for (int step = 0; step < HISTORY; step++) {
        uint32_t kind = xc_rng_below(&rng, 100);
        m.now += xc_rng_below(&rng, 3) * MS;
        if (kind < 40) {
            model_add(&m, xc_rng_below(&rng, 1000));
        } else if (kind < 88) {
            model_next(&m);
        } else if (kind < 99) {
            struct xc_rtcp_nack nack = {
                .pid = (uint16_t)(m.config.first_sequence + m.sent_count - xc_rng_below(&rng, 100)),
                .blp = (uint16_t)xc_rng_u32(&rng)};
            xc_rtp_sender_nack(&m.sender, m.now, 20 * MS, &nack, 1);
        } else {
            xc_rtp_sender_drop_waiting(&m.sender);
            m.waiting_count = 0;
        }
        size_t bytes = 0;
        for (size_t i = 0; i < m.waiting_count; i++)
            bytes += m.waiting_sizes[i];
        assert_int_equal(xc_rtp_sender_waiting_bytes(&m.sender), bytes + m.sender.queued_bytes);
        assert_true(bytes + m.sender.queued_bytes <= m.config.bytes_max);
    }
    assert_true(xc_rtp_sender_counters(&m.sender)->retransmitted_packets > 0);
}

static void test_random_histories(void **state)
{
    (void)state;
    struct sent_packet *history = test_malloc(HISTORY * sizeof *history);
    is_running = true;
    for (running_seed = 0; running_seed < 40; running_seed++)
        check_random_history(running_seed, history);
    is_running = false;
    test_free(history);
}

static void test_sequence_wrap(void **state)
{
    (void)state;
    struct xc_rtp_sender sender;
    struct xc_rtp_packet_out info;
    make(&sender, &video);
    for (uint32_t i = 0; i < 140000; i++) {
        assert_true(add(&sender, i, 10, i));
        assert_true(next(&sender, i, &info));
        assert_int_equal(info.sequence, (uint16_t)(video.first_sequence + i));
        if (i % 5 == 4) {
            uint16_t wanted = (uint16_t)(info.sequence - 3);
            nack_one(&sender, i, MS, wanted);
            if (next(&sender, i, &info)) {
                assert_int_equal(info.sequence, wanted);
                assert_int_equal(info.frame, i - 3);
            }
        }
    }
    assert_true(xc_rtp_sender_counters(&sender)->retransmitted_packets > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_packet_and_description),
        cmocka_unit_test(test_header_change_applies_later),
        cmocka_unit_test(test_too_large_is_refused),
        cmocka_unit_test(test_full_of_waiting),
        cmocka_unit_test(test_drop_waiting_renumbers),
        cmocka_unit_test(test_nack_each_once_a_round_trip),
        cmocka_unit_test(test_nack_of_what_is_not_kept),
        cmocka_unit_test(test_storm_is_capped),
        cmocka_unit_test(test_retransmission_queue_is_bounded),
        cmocka_unit_test(test_timestamp_at),
        cmocka_unit_test_teardown(test_random_histories, print_seed),
        cmocka_unit_test(test_sequence_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
