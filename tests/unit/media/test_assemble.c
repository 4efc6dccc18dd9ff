/* test_assemble.c - frames from packets: each rule on its own, then a seeded network that loses,
 * overtakes and doubles, against an oracle that knows which frame was made from which.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/rng.h"
#include "media/assemble.h"
#include "media/video_codec.h"
#include "wire/vp8.h"

#define MS XC_NS_PER_MS
#define WAIT (400 * MS)

struct rig {
    void *memory;
    struct xc_assemble *assemble;
    uint64_t now;
};

static void rig_open(struct rig *rig)
{
    struct xc_assemble_config config = {0};
    struct xc_arena arena = {0};
    assert_null(xc_assemble_create(&arena, &config));
    arena.capacity = arena.used;
    arena.memory = rig->memory = aligned_alloc(XC_CACHE_LINE, arena.used);
    arena.used = 0;
    rig->assemble = xc_assemble_create(&arena, &config);
    assert_non_null(rig->assemble);
    rig->now = XC_NS_PER_S;
}

static void rig_close(struct rig *rig)
{
    free(rig->memory);
}

enum { START = 1, KEY = 2, MARKER = 4, WHOLE = START | MARKER };

/* A payload of 20 bytes that carries its sequence number behind the frame's header. */
static size_t make_payload(uint8_t *out, uint64_t sequence, int flags, size_t body)
{
    struct xc_vp8_descriptor d = {.start_of_partition = (flags & START) != 0,
                                  .has_picture_id = true,
                                  .long_picture_id = true,
                                  .picture_id = 1};
    size_t n = xc_vp8_write(&d, out, 16);
    memset(out + n, 0x55, body);
    if (flags & START) {
        out[n] = flags & KEY ? 0x10 : 0x11;
        memcpy(out + n + 3, "\x9d\x01\x2a\x40\x01\xf0\x00", 7); /* 320x240 */
    }
    if (body >= 18)
        xc_store64(out + n + 10, sequence);
    return n + body;
}

static void push_packet(struct rig *rig, uint64_t sequence, uint32_t timestamp, int flags,
                        size_t body)
{
    uint8_t payload[2000];
    size_t size = make_payload(payload, sequence, flags, body);
    struct xc_assemble_packet packet = {.sequence = sequence,
                                        .timestamp = timestamp,
                                        .marker = (flags & MARKER) != 0,
                                        .received = rig->now,
                                        .codec = XC_CODEC_VP8,
                                        .payload = {payload, size}};
    xc_assemble_push(rig->assemble, rig->now, &packet);
}

static void push(struct rig *rig, uint64_t sequence, uint32_t timestamp, int flags)
{
    push_packet(rig, sequence, timestamp, flags, 20);
}

static void push_padding(struct rig *rig, uint64_t sequence, uint32_t timestamp)
{
    struct xc_assemble_packet packet = {
        .sequence = sequence, .timestamp = timestamp, .received = rig->now};
    xc_assemble_push(rig->assemble, rig->now, &packet);
}

static bool peek(struct rig *rig, struct xc_assembled *info)
{
    return xc_assemble_peek(rig->assemble, rig->now, info);
}

static void expect_none(struct rig *rig)
{
    struct xc_assembled info;
    assert_false(peek(rig, &info));
}

static struct xc_assembled expect_frame(struct rig *rig, uint64_t first, uint64_t last)
{
    static uint8_t bytes[XC_VIDEO_FRAME_MAX];
    struct xc_assembled info;
    assert_true(peek(rig, &info));
    assert_int_equal(info.first_sequence, first);
    assert_int_equal(info.last_sequence, last);
    xc_assemble_take(rig->assemble, bytes);
    assert_int_equal(xc_load64(bytes + 10), first);
    if (last != first && info.size < 1000) /* packets of 20 bytes */
        assert_int_equal(xc_load64(bytes + info.size - 10), last);
    return info;
}

static const struct xc_assemble_counters *counters_of(const struct rig *rig)
{
    return xc_assemble_counters(rig->assemble);
}

static void frames_in_order(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    assert_false(xc_assemble_wants_key(rig.assemble));
    assert_int_equal(xc_assemble_settled(rig.assemble), 0);
    push(&rig, 65536, 100, START | KEY);
    expect_none(&rig);
    assert_false(xc_assemble_wants_key(rig.assemble)); /* one is coming in */
    rig.now += 5 * MS;
    push(&rig, 65537, 100, MARKER);
    struct xc_assembled info = expect_frame(&rig, 65536, 65537);
    assert_true(info.key);
    assert_int_equal(info.timestamp, 100);
    assert_int_equal(info.width, 320);
    assert_int_equal(info.height, 240);
    assert_int_equal(info.size, 40);
    assert_int_equal(info.first_received, rig.now - 5 * MS);
    assert_int_equal(info.last_received, rig.now);
    assert_int_equal(info.assembled, rig.now);
    assert_int_equal(xc_assemble_settled(rig.assemble), 65537);
    push(&rig, 65538, 200, WHOLE);
    info = expect_frame(&rig, 65538, 65538);
    assert_false(info.key);
    expect_none(&rig);
    assert_int_equal(xc_assemble_deadline(rig.assemble), XC_NEVER);
    assert_int_equal(counters_of(&rig)->frames, 2);
    assert_int_equal(counters_of(&rig)->key_frames, 1);
    assert_int_equal(counters_of(&rig)->frames_dropped, 0);
    rig_close(&rig);
}

static void overtaken_and_doubled_packets(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push(&rig, 1002, 1, MARKER);
    assert_true(xc_assemble_wants_key(rig.assemble)); /* may be the end of anything */
    push(&rig, 1001, 1, 0);
    expect_none(&rig);
    push(&rig, 1000, 1, START | KEY); /* even the first one may come last */
    expect_frame(&rig, 1000, 1002);
    push(&rig, 1004, 3, WHOLE);
    expect_none(&rig);
    push(&rig, 1004, 3, WHOLE);
    push(&rig, 1003, 2, WHOLE);
    push(&rig, 1003, 2, WHOLE);
    expect_frame(&rig, 1003, 1003);
    push(&rig, 1003, 2, WHOLE);
    push(&rig, 1000, 1, START | KEY);
    expect_frame(&rig, 1004, 1004);
    expect_none(&rig);
    assert_int_equal(counters_of(&rig)->packets_duplicate, 2);
    assert_int_equal(counters_of(&rig)->packets_late, 2);
    rig_close(&rig);
}

static void padding_is_no_gap(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push_padding(&rig, 99, 0);
    push(&rig, 100, 1, START | KEY);
    push_padding(&rig, 101, 1);
    push(&rig, 102, 1, MARKER);
    expect_frame(&rig, 100, 102);
    push_padding(&rig, 103, 1);
    push_padding(&rig, 105, 1);
    push(&rig, 106, 2, WHOLE);
    expect_none(&rig);
    push_padding(&rig, 104, 1);
    expect_frame(&rig, 106, 106);
    assert_int_equal(counters_of(&rig)->padding_packets, 5);
    rig_close(&rig);
}

static void a_frame_without_marker_ends_at_the_next(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push(&rig, 100, 1, START | KEY);
    push(&rig, 101, 1, 0);
    expect_none(&rig);
    push(&rig, 102, 2, START);
    expect_frame(&rig, 100, 101);
    expect_none(&rig);
    push_padding(&rig, 103, 2);
    push(&rig, 105, 3, WHOLE);
    expect_none(&rig); /* 104 may belong to it */
    push(&rig, 104, 2, 0);
    expect_frame(&rig, 102, 104);
    expect_frame(&rig, 105, 105);
    /* a packet of another time that starts nothing: the stream is broken */
    push(&rig, 106, 4, 0);
    expect_none(&rig);
    assert_true(xc_assemble_wants_key(rig.assemble));
    rig_close(&rig);
}

static void a_gap_holds_back_only_so_long(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push(&rig, 100, 1, WHOLE | KEY);
    expect_frame(&rig, 100, 100);
    push(&rig, 102, 3, WHOLE);
    expect_none(&rig);
    assert_int_equal(xc_assemble_deadline(rig.assemble), rig.now + WAIT);
    assert_int_equal(xc_assemble_settled(rig.assemble), 100); /* 101 is still wanted */
    uint64_t due = rig.now + WAIT;
    rig.now += 100 * MS;
    push(&rig, 105, 5, MARKER);
    assert_int_equal(xc_assemble_deadline(rig.assemble), due);
    rig.now = due - 1;
    expect_none(&rig);
    assert_false(xc_assemble_wants_key(rig.assemble));
    rig.now = due;
    expect_none(&rig);
    assert_true(xc_assemble_wants_key(rig.assemble));
    assert_int_equal(counters_of(&rig)->frames_dropped, 1);
    assert_int_equal(counters_of(&rig)->key_frame_requests, 1);
    assert_int_equal(xc_assemble_settled(rig.assemble), 102);
    assert_int_equal(xc_assemble_deadline(rig.assemble), due + 100 * MS); /* before 105 */
    push(&rig, 101, 2, WHOLE);                                            /* too late */
    expect_none(&rig);
    push(&rig, 106, 6, WHOLE);
    expect_none(&rig);
    push(&rig, 107, 7, WHOLE | KEY);
    assert_false(xc_assemble_wants_key(rig.assemble));
    expect_frame(&rig, 107, 107);
    push(&rig, 108, 8, WHOLE);
    expect_frame(&rig, 108, 108);
    rig_close(&rig);
}

static void a_refilled_gap_does_not_grow_younger(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push(&rig, 100, 1, WHOLE | KEY);
    expect_frame(&rig, 100, 100);
    push(&rig, 104, 3, WHOLE);
    uint64_t due = rig.now + WAIT;
    rig.now += 200 * MS;
    push(&rig, 102, 2, 0);
    expect_none(&rig);
    assert_int_equal(xc_assemble_deadline(rig.assemble), due);
    push(&rig, 101, 2, START);
    assert_int_equal(xc_assemble_deadline(rig.assemble), due); /* now 103 */
    push(&rig, 103, 2, MARKER);
    expect_frame(&rig, 101, 103);
    expect_frame(&rig, 104, 104);
    rig_close(&rig);
}

static void a_complete_key_frame_ends_all_waiting(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push(&rig, 100, 1, WHOLE | KEY);
    expect_frame(&rig, 100, 100);
    push(&rig, 102, 2, WHOLE);
    push(&rig, 103, 3, START | KEY);
    push(&rig, 105, 3, MARKER);
    expect_none(&rig);
    push(&rig, 104, 3, 0);
    expect_frame(&rig, 103, 105);
    assert_int_equal(counters_of(&rig)->key_frame_requests, 0);
    assert_int_equal(counters_of(&rig)->frames_dropped, 1);
    push(&rig, 101, 2, WHOLE);
    expect_none(&rig);
    assert_int_equal(counters_of(&rig)->packets_late, 1);
    rig_close(&rig);
}

static void what_was_given_up_breaks_the_chain(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push(&rig, 100, 1, WHOLE | KEY);
    push(&rig, 101, 2, WHOLE);
    push(&rig, 103, 3, WHOLE);
    xc_assemble_lost(rig.assemble, rig.now, 102);
    xc_assemble_lost(rig.assemble, rig.now, 101); /* is there */
    xc_assemble_lost(rig.assemble, rig.now, 5000);
    xc_assemble_lost(rig.assemble, rig.now, 1);
    expect_frame(&rig, 100, 100); /* what came before it is still good */
    expect_frame(&rig, 101, 101);
    expect_none(&rig);
    assert_true(xc_assemble_wants_key(rig.assemble));
    assert_int_equal(xc_assemble_settled(rig.assemble), 103);
    /* a key frame that misses a packet for good is no key frame */
    push(&rig, 104, 4, START | KEY);
    push(&rig, 106, 4, MARKER);
    assert_false(xc_assemble_wants_key(rig.assemble));
    xc_assemble_lost(rig.assemble, rig.now, 105);
    assert_true(xc_assemble_wants_key(rig.assemble));
    push(&rig, 107, 5, WHOLE | KEY);
    expect_frame(&rig, 107, 107);
    rig_close(&rig);
}

static void dropped_and_failed_frames_need_a_key(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_assembled info;
    rig_open(&rig);
    xc_assemble_need_key(rig.assemble); /* before anything came */
    xc_assemble_drop(rig.assemble, rig.now);
    push(&rig, 100, 1, WHOLE | KEY);
    assert_true(peek(&rig, &info));
    xc_assemble_drop(rig.assemble, rig.now);
    push(&rig, 101, 2, WHOLE);
    expect_none(&rig);
    assert_true(xc_assemble_wants_key(rig.assemble));
    push(&rig, 102, 3, WHOLE | KEY);
    expect_frame(&rig, 102, 102);
    push(&rig, 103, 4, WHOLE);
    xc_assemble_need_key(rig.assemble);
    expect_none(&rig);
    assert_true(xc_assemble_wants_key(rig.assemble));
    push(&rig, 104, 5, WHOLE | KEY);
    assert_true(peek(&rig, &info));
    xc_assemble_need_key(rig.assemble); /* the key frame itself is fine */
    expect_frame(&rig, 104, 104);
    xc_assemble_reset(rig.assemble);
    assert_int_equal(xc_assemble_settled(rig.assemble), 0);
    push(&rig, 10, 5, WHOLE);
    expect_none(&rig);
    push(&rig, 11, 6, WHOLE | KEY);
    expect_frame(&rig, 11, 11);
    uint8_t byte;
    xc_assemble_take(rig.assemble, &byte); /* nothing ready: nothing happens */
    rig_close(&rig);
}

static void malformed_packets_are_counted(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    uint8_t bytes[XC_ASSEMBLE_PAYLOAD_MAX + 1] = {0x10};
    static const size_t sizes[] = {1, 2, 3, 10, sizeof bytes};
    for (size_t i = 0; i < XC_ARRAY_LEN(sizes); i++) {
        struct xc_assemble_packet packet = {.sequence = 100 + i,
                                            .marker = true,
                                            .codec = XC_CODEC_VP8,
                                            .payload = {bytes, sizes[i]}};
        xc_assemble_push(rig.assemble, rig.now, &packet);
        expect_none(&rig);
    }
    assert_int_equal(counters_of(&rig)->packets_malformed, XC_ARRAY_LEN(sizes));
    push_packet(&rig, 200, 1, START | KEY, 1466); /* the longest */
    push_packet(&rig, 201, 1, MARKER, 1466);
    expect_frame(&rig, 200, 201);
    rig_close(&rig);
}

static void a_full_window_gives_up(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push(&rig, 1000, 1, WHOLE | KEY);
    expect_frame(&rig, 1000, 1000);
    for (uint64_t i = 0; i < XC_ASSEMBLE_PACKETS_MAX - 1; i++) /* 1001 is missing */
        push(&rig, 1002 + i, (uint32_t)(2 + i), WHOLE);
    expect_none(&rig);
    assert_false(xc_assemble_wants_key(rig.assemble));
    assert_int_equal(counters_of(&rig)->packets_dropped_full, 0);
    push(&rig, 1001 + XC_ASSEMBLE_PACKETS_MAX, 5000, WHOLE);
    expect_none(&rig);
    assert_true(xc_assemble_wants_key(rig.assemble));
    assert_int_equal(xc_assemble_settled(rig.assemble), 1001 + XC_ASSEMBLE_PACKETS_MAX);
    /* a jump over more than the window */
    push(&rig, 1000000, 6000, WHOLE);
    expect_none(&rig);
    push(&rig, 1000001, 6001, WHOLE | KEY);
    expect_frame(&rig, 1000001, 1000001);
    rig_close(&rig);
}

static void a_frame_that_is_too_large_is_dropped(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    const uint64_t count = XC_VIDEO_FRAME_MAX / 1466 + 1;
    for (uint64_t i = 0; i < count; i++)
        push_packet(&rig, 100 + i, 1, (i == 0 ? START | KEY : 0) | (i == count - 1 ? MARKER : 0),
                    1466);
    expect_none(&rig);
    assert_true(xc_assemble_wants_key(rig.assemble));
    assert_int_equal(counters_of(&rig)->frames_dropped, 1);
    for (uint64_t i = 0; i < count - 1; i++)
        push_packet(&rig, 1000 + i, 2, (i == 0 ? START | KEY : 0) | (i == count - 2 ? MARKER : 0),
                    1466);
    assert_in_range(expect_frame(&rig, 1000, 1000 + count - 2).size, XC_VIDEO_FRAME_MAX - 1466,
                    XC_VIDEO_FRAME_MAX);
    rig_close(&rig);
}

/* -- the network ----------------------------------------------------------------------------- */

#define STREAM_PACKETS 6000
#define FLIGHT_MAX 4096

struct sent { /* the oracle's truth of one sequence number */
    uint32_t frame;
    uint32_t timestamp;
    bool start, marker, key, padding;
    bool dropped_for_good;
};

struct flight {
    uint64_t at;
    uint32_t index;
    bool give_up; /* not a packet: the NACK tracker has had enough */
};

struct network {
    struct rig rig;
    struct xc_rng rng;
    struct sent sent[STREAM_PACKETS];
    uint32_t sent_count, frame, frame_marker_missing;
    uint64_t first_sequence;
    struct flight flights[FLIGHT_MAX];
    uint32_t flight_count;
    uint32_t loss, reorder, duplicate, repair; /* per mille */
    bool want_key;
    uint64_t want_key_at;
    int64_t delivered; /* frame, -1 before the first */
    uint32_t delivered_count;
    bool calm; /* no loss any more */
};

static void fly(struct network *net, uint64_t at, uint32_t index, bool give_up)
{
    assert_true(net->flight_count < FLIGHT_MAX);
    net->flights[net->flight_count++] = (struct flight){at, index, give_up};
}

static void send_one(struct network *net, struct sent sent)
{
    if (net->sent_count == STREAM_PACKETS)
        return;
    uint32_t index = net->sent_count++;
    net->sent[index] = sent;
    uint64_t at = net->rig.now + 20 * MS;
    if (xc_rng_below(&net->rng, 1000) < net->reorder)
        at += xc_rng_below(&net->rng, 60) * MS;
    if (net->calm || xc_rng_below(&net->rng, 1000) >= net->loss) {
        fly(net, at, index, false);
        if (xc_rng_below(&net->rng, 1000) < net->duplicate)
            fly(net, at + xc_rng_below(&net->rng, 500) * MS, index, false);
    } else if (xc_rng_below(&net->rng, 1000) < net->repair) {
        fly(net, at + (40 + xc_rng_below(&net->rng, 500)) * MS, index, false);
    } else if (xc_rng_below(&net->rng, 2)) {
        fly(net, at + (100 + xc_rng_below(&net->rng, 200)) * MS, index, true);
    }
}

static void send_frame(struct network *net, bool key)
{
    uint32_t count = 1 + xc_rng_below(&net->rng, key ? 40 : 6);
    uint32_t timestamp = 1000 + net->frame * 3000;
    /* now and then a sender that forgets the marker */
    bool marker = xc_rng_below(&net->rng, 20) != 0;
    for (uint32_t i = 0; i < count; i++) {
        send_one(net, (struct sent){.frame = net->frame,
                                    .timestamp = timestamp,
                                    .start = i == 0,
                                    .key = key,
                                    .marker = marker && i == count - 1});
        if (xc_rng_below(&net->rng, 20) == 0)
            send_one(net,
                     (struct sent){.frame = net->frame, .timestamp = timestamp, .padding = true});
    }
    net->frame++;
}

/* The oracle: bytes of exactly that frame, in order, and its predecessor was handed out before. */
static void judge(struct network *net, const struct xc_assembled *info, const uint8_t *bytes)
{
    uint32_t first = (uint32_t)(info->first_sequence - net->first_sequence);
    const struct sent *start = &net->sent[first];
    assert_true(start->start);
    assert_int_equal(info->timestamp, start->timestamp);
    assert_int_equal(info->key, start->key);
    if (!start->key && net->delivered + 1 != start->frame)
        fail_msg("frame %u after %lld", start->frame, (long long)net->delivered);
    assert_true((int64_t)start->frame > net->delivered);
    size_t at = 0;
    for (uint32_t i = first; i < net->sent_count && net->sent[i].frame == start->frame; i++) {
        if (net->sent[i].padding)
            continue;
        assert_true(at + 20 <= info->size);
        assert_int_equal(xc_load64(bytes + at + 10), net->first_sequence + i);
        at += 20;
    }
    assert_int_equal(at, info->size);
    assert_true(info->assembled >= info->last_received);
    net->delivered = start->frame;
    net->delivered_count++;
}

static void collect(struct network *net)
{
    static uint8_t bytes[XC_VIDEO_FRAME_MAX];
    struct xc_assembled info;
    while (peek(&net->rig, &info)) {
        if (!net->calm && xc_rng_below(&net->rng, 200) == 0) {
            xc_assemble_drop(net->rig.assemble, net->rig.now);
            continue;
        }
        xc_assemble_take(net->rig.assemble, bytes);
        judge(net, &info, bytes);
        if (!net->calm && xc_rng_below(&net->rng, 200) == 0)
            xc_assemble_need_key(net->rig.assemble);
    }
    uint64_t deadline = xc_assemble_deadline(net->rig.assemble);
    assert_true(deadline > net->rig.now);
}

static void arrive(struct network *net)
{
    for (uint32_t i = 0; i < net->flight_count;) {
        struct flight f = net->flights[i];
        if (f.at > net->rig.now) {
            i++;
            continue;
        }
        net->flights[i] = net->flights[--net->flight_count];
        const struct sent *s = &net->sent[f.index];
        uint64_t sequence = net->first_sequence + f.index;
        if (f.give_up)
            xc_assemble_lost(net->rig.assemble, net->rig.now, sequence);
        else if (s->padding)
            push_padding(&net->rig, sequence, s->timestamp);
        else
            push(&net->rig, sequence, s->timestamp,
                 (s->start ? START : 0) | (s->start && s->key ? KEY : 0) |
                     (s->marker ? MARKER : 0));
        collect(net);
    }
}

static void run_network(uint64_t seed, uint32_t loss, uint32_t reorder, uint32_t repair)
{
    static struct network net;
    memset(&net, 0, sizeof net);
    rig_open(&net.rig);
    xc_rng_init_number(&net.rng, seed);
    net.loss = loss;
    net.reorder = reorder;
    net.duplicate = 50;
    net.repair = repair;
    net.first_sequence = 65536 + xc_rng_below(&net.rng, 65536);
    net.delivered = -1;
    bool pli = false;
    uint64_t pli_at = 0;
    for (uint32_t tick = 0; tick < 30000; tick++, net.rig.now += MS) {
        net.calm = tick >= 20000;
        if (tick < 26000 && tick % 33 == 0) {
            bool key = net.frame == 0 || (pli && net.rig.now >= pli_at);
            if (key)
                pli = false;
            send_frame(&net, key);
        }
        arrive(&net);
        collect(&net);
        if (!pli && xc_assemble_wants_key(net.rig.assemble)) {
            pli = true;
            pli_at = net.rig.now + 50 * MS;
        }
    }
    /* once the network is calm all comes: the last frame may lack a marker */
    if (net.sent_count < STREAM_PACKETS)
        assert_true(net.delivered + 2 >= net.frame);
    const struct xc_assemble_counters *c = counters_of(&net.rig);
    assert_int_equal(c->frames, net.delivered_count);
    if (loss == 0 && reorder == 0)
        assert_true(c->packets_late <= c->packets);
    assert_true(net.delivered_count > 100);
    rig_close(&net.rig);
}

static void no_frame_whose_chain_is_broken(void **state)
{
    (void)state;
    static const uint32_t nets[][3] = {{0, 0, 0},       {0, 300, 0},     {20, 100, 1000},
                                       {50, 50, 900},   {100, 200, 500}, {10, 0, 0},
                                       {200, 500, 950}, {30, 1000, 700}};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        const uint32_t *n = nets[seed % XC_ARRAY_LEN(nets)];
        run_network(seed, n[0], n[1], n[2]);
    }
}

/* Without loss nothing is ever lost, whatever overtakes what within the time to wait. */
static void reordering_alone_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rig rig;
        struct xc_rng rng;
        uint64_t order[64];
        rig_open(&rig);
        xc_rng_init_number(&rng, seed);
        for (uint64_t block = 0; block < 20; block++) {
            for (uint64_t i = 0; i < 64; i++)
                order[i] = 70000 + block * 64 + i;
            for (uint32_t i = 63; i > 0; i--) { /* the first one stays first at the very start */
                uint32_t k = xc_rng_below(&rng, i + 1);
                if (block == 0 && k == 0)
                    continue;
                uint64_t swap = order[i];
                order[i] = order[k];
                order[k] = swap;
            }
            for (uint32_t i = 0; i < 64; i++) {
                uint64_t frame = (order[i] - 70000) / 4; /* 4 packets a frame */
                uint64_t at = order[i] % 4;
                push(&rig, order[i], (uint32_t)frame * 3000,
                     (at == 0 ? START : 0) | (at == 3 ? MARKER : 0) |
                         (at == 0 && frame == 0 ? KEY : 0));
                struct xc_assembled info;
                static uint8_t bytes[XC_VIDEO_FRAME_MAX];
                while (peek(&rig, &info))
                    xc_assemble_take(rig.assemble, bytes);
                rig.now += MS;
            }
        }
        assert_int_equal(counters_of(&rig)->frames, 20 * 16);
        assert_int_equal(counters_of(&rig)->frames_dropped, 0);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_in_order),
        cmocka_unit_test(overtaken_and_doubled_packets),
        cmocka_unit_test(padding_is_no_gap),
        cmocka_unit_test(a_frame_without_marker_ends_at_the_next),
        cmocka_unit_test(a_gap_holds_back_only_so_long),
        cmocka_unit_test(a_refilled_gap_does_not_grow_younger),
        cmocka_unit_test(a_complete_key_frame_ends_all_waiting),
        cmocka_unit_test(what_was_given_up_breaks_the_chain),
        cmocka_unit_test(dropped_and_failed_frames_need_a_key),
        cmocka_unit_test(malformed_packets_are_counted),
        cmocka_unit_test(a_full_window_gives_up),
        cmocka_unit_test(a_frame_that_is_too_large_is_dropped),
        cmocka_unit_test(no_frame_whose_chain_is_broken),
        cmocka_unit_test(reordering_alone_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
