/* test_audio_red.c - redundant audio end to end in virtual time: what is wrapped, which hole a
 * redundant frame fills, and that the jitter buffer plays it as if nothing had been lost.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_world.h"
#include "media/audio_red.h"

#define RED 63
#define OPUS 111

static struct world world;
static struct xc_audio_red red;
static struct xc_audio_red_in in;
static struct xc_audio_packet out[XC_RED_BLOCKS_MAX];
static uint8_t payload[4000];

static struct xc_audio_frame frame_of(uint32_t timestamp, const uint8_t *bytes, size_t size)
{
    return (struct xc_audio_frame){
        .timestamp = timestamp, .duration = 960, .bytes = xc_span_make(bytes, size)};
}

/* --- the sender ------------------------------------------------------------------------------- */

static uint32_t offsets_of(uint32_t timestamp, size_t bytes, size_t capacity, uint32_t offsets[2])
{
    static uint8_t data[2000];
    struct xc_audio_frame frame = frame_of(timestamp, data, bytes);
    struct xc_red parsed;
    size_t size = xc_audio_red_wrap(&red, &frame, OPUS, payload, capacity);
    assert_true(size > 0 && size <= capacity);
    assert_true(xc_red_parse(&parsed, xc_span_make(payload, size), RED));
    assert_int_equal(parsed.blocks[parsed.count - 1].bytes.size, bytes);
    for (uint32_t i = 0; i + 1 < parsed.count; i++)
        offsets[i] = parsed.blocks[i].timestamp_offset;
    return parsed.count - 1u;
}

static void what_is_sent_again(void **state)
{
    (void)state;
    uint32_t offsets[2];
    for (uint32_t distance = 1; distance <= 2; distance++) {
        xc_audio_red_init(&red, distance);
        uint32_t at = 0xfffffc40u; /* wraps */
        assert_int_equal(offsets_of(at, 80, XC_AUDIO_PACKET_MAX, offsets), 0);
        assert_int_equal(offsets_of(at += 960, 80, XC_AUDIO_PACKET_MAX, offsets), 1);
        assert_int_equal(offsets[0], 960);
        assert_int_equal(offsets_of(at += 960, 80, XC_AUDIO_PACKET_MAX, offsets), distance);
        assert_int_equal(offsets[distance - 1], 960);
        assert_int_equal(offsets[0], distance * 960);
        /* After a gap nothing, then one. */
        assert_int_equal(offsets_of(at += 1920, 80, XC_AUDIO_PACKET_MAX, offsets), 0);
        assert_int_equal(offsets_of(at += 960, 80, XC_AUDIO_PACKET_MAX, offsets), 1);
        assert_int_equal(offsets[0], 960);
        assert_int_equal(offsets_of(at += 960, 80, XC_AUDIO_PACKET_MAX, offsets), distance);
        xc_audio_red_skip(&red);
        assert_int_equal(offsets_of(at += 960, 80, XC_AUDIO_PACKET_MAX, offsets), 0);
    }
}

static void room_decides(void **state)
{
    (void)state;
    uint32_t offsets[2];
    xc_audio_red_init(&red, 7); /* 2 */
    offsets_of(0, 400, XC_AUDIO_PACKET_MAX, offsets);
    offsets_of(960, 400, XC_AUDIO_PACKET_MAX, offsets);
    assert_int_equal(offsets_of(1920, 400, 1 + 8 + 1200 - 1, offsets), 1);
    assert_int_equal(offsets_of(2880, 400, 1 + 8 + 1200, offsets), 2);
    assert_int_equal(offsets_of(3840, 400, 1 + 4 + 800 - 1, offsets), 0);
    assert_int_equal(offsets_of(4800, 400, 1 + 400, offsets), 0);
    static uint8_t data[1100];
    struct xc_audio_frame frame = frame_of(5760, data, 400);
    assert_int_equal(xc_audio_red_wrap(&red, &frame, OPUS, payload, 400), 0);
    /* A block of 1024 bytes has no length in the header, and is skipped with what is behind it. */
    assert_int_equal(offsets_of(6720, 1024, 4000, offsets), 2);
    assert_int_equal(offsets_of(7680, 10, 4000, offsets), 0);
    assert_int_equal(offsets_of(8640, 1023, 4000, offsets), 1);
    assert_int_equal(offsets_of(9600, 10, 4000, offsets), 2);
}

/* --- the receiver: which hole ----------------------------------------------------------------- */

static uint64_t now_sequence;
static uint32_t now_timestamp;

/* A packet `sequences` on and `units` later, with redundant frames at these offsets (0 ends). */
static int receive(uint64_t sequences, uint32_t units, uint32_t first, uint32_t second)
{
    static uint8_t tones[3][TONE_BYTES];
    struct xc_red_block blocks[3];
    uint32_t offsets[3] = {first, second, 0}, count = 0;
    now_sequence += sequences;
    now_timestamp += units;
    for (int i = first ? 0 : second ? 1 : 2; i < 3; i++) {
        tone_packet(tones[i], now_timestamp - offsets[i], 960, false);
        blocks[count++] =
            (struct xc_red_block){OPUS, (uint16_t)offsets[i], xc_span_make(tones[i], TONE_BYTES)};
    }
    size_t size = xc_red_write(blocks, count, payload, sizeof payload);
    struct xc_audio_packet packet = {.sequence = now_sequence,
                                     .timestamp = now_timestamp,
                                     .marker = true,
                                     .received = 77,
                                     .bytes = xc_span_make(payload, size)};
    int n = xc_audio_red_unwrap(&in, &packet, RED, OPUS, out);
    assert_true(n >= 1);
    assert_int_equal(out[n - 1].sequence, now_sequence);
    assert_int_equal(out[n - 1].timestamp, now_timestamp);
    assert_true(out[n - 1].marker && !out[n - 1].redundant);
    for (int i = 0; i < n; i++) {
        assert_int_equal(out[i].received, 77);
        assert_int_equal(xc_load64(out[i].bytes.data), out[i].timestamp);
    }
    return n - 1;
}

static void begin_stream(void)
{
    xc_audio_red_in_init(&in, &tone_codec);
    now_sequence = 100;
    now_timestamp = 960 * 1000;
    assert_int_equal(receive(0, 0, 1920, 960), 0); /* older than the stream is for us */
}

static void expect_hole(int i, uint64_t back, uint32_t offset)
{
    assert_true(out[i].redundant && !out[i].marker);
    assert_int_equal(out[i].sequence, now_sequence - back);
    assert_int_equal(out[i].timestamp, now_timestamp - offset);
}

static void holes_are_found(void **state)
{
    (void)state;
    begin_stream();
    assert_int_equal(receive(1, 960, 0, 960), 0); /* there already */
    assert_int_equal(receive(2, 1920, 0, 960), 1);
    expect_hole(0, 1, 960);
    assert_int_equal(receive(1, 960, 1920, 960), 0);
    assert_int_equal(receive(3, 2880, 1920, 960), 2);
    expect_hole(0, 2, 1920);
    expect_hole(1, 1, 960);
    assert_int_equal(receive(6, 5760, 1920, 960), 2); /* five are lost */
    expect_hole(0, 2, 1920);
    expect_hole(1, 1, 960);
    /* Two lost, the packet after them repeats only the second: the packet after that the first? */
    assert_int_equal(receive(3, 2880, 0, 960), 1);
    assert_int_equal(receive(1, 960, 2880, 960), 1);
    expect_hole(0, 3, 2880);
    assert_int_equal(receive(1, 960, 2880, 960), 0); /* and not twice */
    assert_int_equal(in.recovered, 7);
    assert_int_equal(in.malformed, 0);
    assert_int_equal(in.unused, 2 + 1 + 2 + 1 + 2);
}

/* Silence takes time and no sequence numbers: Chromium repeats what was before it. */
static void holes_beside_silence(void **state)
{
    (void)state;
    begin_stream();
    /* Nothing lost, 5 frames of silence: the repeated frame is there. */
    assert_int_equal(receive(1, 6 * 960, 0, 6 * 960), 0);
    /* The last packet before the silence is lost: one hole, however far it is. */
    assert_int_equal(receive(2, 7 * 960, 0, 6 * 960), 1);
    expect_hole(0, 1, 6 * 960);
    /* The same with two lost: from the packet before them. */
    assert_int_equal(receive(3, 8 * 960, 7 * 960, 6 * 960), 2);
    expect_hole(0, 2, 7 * 960);
    expect_hole(1, 1, 6 * 960);
    /* The first of a talkspurt is lost, the second repeats it. */
    assert_int_equal(receive(2, 12 * 960, 0, 960), 1);
    expect_hole(0, 1, 960);
    /* A plain packet in between counts. */
    struct xc_audio_packet plain = {.sequence = ++now_sequence, .timestamp = now_timestamp += 960};
    xc_audio_red_in_note(&in, &plain);
    assert_int_equal(receive(1, 960, 1920, 960), 0);
    /* The lost packet itself comes, then the one that repeats it. */
    now_sequence += 2;
    now_timestamp += 1920;
    plain =
        (struct xc_audio_packet){.sequence = now_sequence - 1, .timestamp = now_timestamp - 960};
    xc_audio_red_in_note(&in, &plain);
    assert_int_equal(receive(0, 0, 0, 960), 0);
    /* Reordered: the newer first. */
    now_sequence += 2;
    now_timestamp += 1920;
    plain = (struct xc_audio_packet){.sequence = now_sequence, .timestamp = now_timestamp};
    xc_audio_red_in_note(&in, &plain);
    now_sequence--;
    now_timestamp -= 960;
    assert_int_equal(receive(0, 0, 1920, 960), 0);
}

static void what_is_refused(void **state)
{
    (void)state;
    begin_stream();
    uint8_t tone[TONE_BYTES], odd[3] = {1, 2, 3};
    tone_packet(tone, 0, 960, false);
    const struct xc_span bytes = xc_span_make(tone, TONE_BYTES);
    struct xc_audio_packet packet = {.sequence = 103, .timestamp = now_timestamp + 2880};
    packet.bytes = xc_span_make("\xef\x0f", 2);
    assert_int_equal(xc_audio_red_unwrap(&in, &packet, RED, OPUS, out), 0);
    assert_int_equal(in.malformed, 1);
    /* Another payload type (comfort noise), no time, not decodable, empty, out of order. */
    const struct xc_red_block blocks[] = {{13, 1920, bytes},
                                          {OPUS, 0, bytes},
                                          {OPUS, 1920, xc_span_make(odd, 3)},
                                          {OPUS, 960, xc_span_make(odd, 0)},
                                          {OPUS, 960, bytes},
                                          {OPUS, 1920, bytes},
                                          {OPUS, 0, bytes}};
    packet.bytes.data = payload;
    packet.bytes.size = xc_red_write(blocks, 7, payload, sizeof payload);
    assert_int_equal(xc_audio_red_unwrap(&in, &packet, RED, OPUS, out), 1);
    packet.sequence = 106;
    packet.timestamp += 2880;
    packet.bytes.size = xc_red_write(blocks + 2, 5, payload, sizeof payload);
    assert_int_equal(xc_audio_red_unwrap(&in, &packet, RED, OPUS, out), 2);
    assert_int_equal(out[0].sequence, 105);
    /* A primary of another type, or none. */
    packet.sequence = 108;
    packet.timestamp += 1920;
    const struct xc_red_block other[] = {{OPUS, 960, bytes}, {13, 0, bytes}};
    packet.bytes.size = xc_red_write(other, 2, payload, sizeof payload);
    assert_int_equal(xc_audio_red_unwrap(&in, &packet, RED, OPUS, out), 1);
    assert_true(out[0].redundant && out[0].sequence == 107);
}

/* More packets than are remembered, in any order, with any holes: numbers are never wrong. */
static void random_losses(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 8);
    for (int run = 0; run < 20; run++) {
        begin_stream();
        uint64_t sequence = now_sequence;
        uint32_t timestamp = now_timestamp;
        uint32_t before[2] = {timestamp, timestamp - 960}, gaps[2] = {0, 0};
        for (int i = 0; i < 500; i++) {
            uint32_t step = 960;
            if (xc_rng_below(&rng, 10) == 0)
                step += 960 * xc_rng_below(&rng, 5);
            timestamp += step;
            sequence++;
            uint32_t near = timestamp - before[0], far = timestamp - before[1];
            if (xc_rng_below(&rng, 4) && i > 2) {
                now_sequence = sequence;
                now_timestamp = timestamp;
                int n = receive(0, 0, far, near);
                for (int k = 0; k < n; k++) {
                    /* With one hole, or with none of the silence in it, the number is right. */
                    uint64_t back = now_sequence - out[k].sequence;
                    bool silent = step > 960 || gaps[0] || gaps[1];
                    assert_true(back == 1 || back == 2 || silent);
                    if (!silent)
                        assert_int_equal(out[k].timestamp, back == 1 ? before[0] : before[1]);
                }
            }
            gaps[1] = gaps[0];
            gaps[0] = step > 960;
            before[1] = before[0];
            before[0] = timestamp;
        }
        assert_true(in.recovered > 60);
    }
}

/* --- into the jitter buffer ------------------------------------------------------------------- */

/* Every packet of the world goes through a wrapped stream; what arrives is unwrapped and pushed. */
static void run_red(uint32_t distance, double until_ms)
{
    static uint8_t wrapped[WORLD_PACKETS][128];
    static uint16_t sizes[WORLD_PACKETS];
    xc_audio_red_init(&red, distance);
    xc_audio_red_in_init(&in, &tone_codec);
    for (uint32_t i = 0; i < world.count; i++) {
        struct xc_audio_frame frame =
            frame_of(world.packets[i].timestamp, world.packets[i].bytes, world.packets[i].size);
        sizes[i] = (uint16_t)xc_audio_red_wrap(&red, &frame, OPUS, wrapped[i], sizeof wrapped[i]);
    }
    ready_world(&world);
    uint64_t until = WORLD_T0 + (uint64_t)(until_ms * 1e6), start = world.now;
    for (uint64_t k = 1; world.now < until; k++) {
        while (world.next < world.count && world.packets[world.next].arrival <= world.now) {
            const struct world_packet *from = &world.packets[world.next++];
            uint64_t index = from->sequence - WORLD_SEQUENCE;
            struct xc_audio_packet packet = {.sequence = from->sequence,
                                             .timestamp = from->timestamp,
                                             .received = from->arrival,
                                             .bytes = xc_span_make(wrapped[index], sizes[index])};
            int n = xc_audio_red_unwrap(&in, &packet, RED, OPUS, out);
            for (int i = 0; i < n; i++)
                assert_true(xc_audio_recv_push(world.recv, &out[i]));
        }
        read_block(&world, world.block);
        world.now = start + k * world.block * XC_NS_PER_S / world.rate;
    }
}

/* 10 % of single losses: once the delay has room for one packet more, nothing is made up. */
static void lost_packets_are_played(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 21, &tone_codec);
    send_packets(&world, 36.7, 3000, 0, false);
    uint32_t lost = 0;
    for (uint32_t i = 20; i + 1 < world.count; i++)
        if (world.packets[i - 1].arrival && xc_rng_unit(&world.rng) < 0.1) {
            world.packets[i].arrival = 0;
            lost++;
        }
    run_red(1, 60000);
    assert_true(lost > 200);
    assert_in_range(in.recovered, lost - 1, lost);
    assert_in_range(world.counters.concealment_events, 1, 3);
    assert_in_range(world.counters.red_packets_used, lost - 40, lost);
    assert_true(world.counters.concealed_samples < 48 * 60);
    assert_true(world.counters.target_delay_ms < 26);
    assert_int_equal(world.counters.packets_discarded, 0);
    assert_in_range(world.counters.packets_pushed, 2990 - lost, 3000 - lost);
    assert_true(world.steepest < step_bound(48000));
    close_world(&world);
}

/* Without loss RED changes nothing at all. */
static void without_loss_nothing_changes(void **state)
{
    (void)state;
    struct xc_audio_recv_counters counters[2];
    for (int redundant = 0; redundant < 2; redundant++) {
        open_world(&world, 48000, 1, 480, 22, &tone_codec);
        send_packets(&world, 36.7, 500, 0, false);
        add_jitter(&world, 3, true);
        ready_world(&world);
        if (redundant)
            run_red(2, 10300);
        else
            run_world(&world, 10300);
        counters[redundant] = world.counters;
        close_world(&world);
    }
    assert_memory_equal(&counters[0], &counters[1], offsetof(struct xc_audio_recv_counters, level));
    assert_int_equal(counters[1].red_packets_used, 0);
    assert_int_equal(counters[1].packets_pushed, 500);
}

/* The lost packet was only late, or is sent again: neither played twice nor counted. */
static void a_packet_after_its_copy_is_no_discard(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 23, &tone_codec);
    send_packets(&world, 36.7, 500, 0, false);
    for (uint32_t i = 50; i < 490; i += 7)
        world.packets[i].arrival += 25 * XC_NS_PER_MS;
    run_red(1, 10200);
    assert_true(world.counters.red_packets_used > 50);
    assert_int_equal(world.counters.packets_discarded, 0);
    assert_int_equal(world.counters.packets_pushed, 500);
    assert_true(world.counters.target_delay_ms < 26);
    close_world(&world);
}

/* A redundant frame starts no stream, counts nowhere, and is dropped when it is too late. */
static void redundant_packets_are_not_counted(void **state)
{
    (void)state;
    uint8_t tone[TONE_BYTES];
    tone_packet(tone, 960, 960, false);
    open_world(&world, 48000, 1, 480, 24, &tone_codec);
    struct xc_audio_packet packet = {.sequence = WORLD_SEQUENCE,
                                     .timestamp = WORLD_TIMESTAMP,
                                     .received = world.now,
                                     .redundant = true,
                                     .bytes = xc_span_make(tone, TONE_BYTES)};
    assert_true(xc_audio_recv_push(world.recv, &packet));
    run_world(&world, 100);
    assert_int_equal(world.counters.jitter_buffer_emitted_count, 0);
    send_packets(&world, 136.7, 100, 0, false);
    ready_world(&world);
    run_world(&world, 1000);
    packet.sequence = WORLD_SEQUENCE + 10;
    packet.timestamp = WORLD_TIMESTAMP + 9600;
    for (int i = 0; i < 60; i++)
        assert_true(xc_audio_recv_push(world.recv, &packet));
    run_world(&world, 2000);
    assert_int_equal(world.counters.red_packets_used, 0);
    assert_int_equal(world.counters.packets_late + world.counters.packets_discarded, 0);
    assert_in_range(world.counters.packets_pushed, 90, 100);
    assert_int_equal(world.counters.concealment_events, 0);
    assert_int_equal(world.played, world.counters.packets_pushed);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_again),
        cmocka_unit_test(room_decides),
        cmocka_unit_test(holes_are_found),
        cmocka_unit_test(holes_beside_silence),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(random_losses),
        cmocka_unit_test(lost_packets_are_played),
        cmocka_unit_test(without_loss_nothing_changes),
        cmocka_unit_test(a_packet_after_its_copy_is_no_discard),
        cmocka_unit_test(redundant_packets_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
