/* test_audio_recv.c - the receiver's contract: counts, ring, reset, mix, traces, memory, bad
 * packets, and real Opus from end to end.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_world.h"

static struct world world;

static bool push(uint64_t sequence, uint32_t timestamp, const uint8_t *bytes, size_t size)
{
    struct xc_audio_packet packet = {.sequence = sequence,
                                     .timestamp = timestamp,
                                     .received = world.now,
                                     .bytes = xc_span_make(bytes, size)};
    return xc_audio_recv_push(world.recv, &packet);
}

static bool push_tone(uint64_t sequence, uint32_t timestamp)
{
    uint8_t bytes[TONE_BYTES];
    tone_packet(bytes, timestamp, 960, false);
    return push(sequence, timestamp, bytes, TONE_BYTES);
}

static void always_fills_any_length(void **state)
{
    (void)state;
    const uint32_t rates[] = {8000, 44100, 48000};
    for (int r = 0; r < 3; r++)
        for (uint32_t channels = 1; channels <= 2; channels++) {
            open_world(&world, rates[r], channels, 1, 41 + channels, &tone_codec);
            send_packets(&world, 100, 400, 0, true);
            add_jitter(&world, 15, false);
            lose(&world, 0.1, 2);
            ready_world(&world);
            uint64_t frames = 0;
            while (frames < (uint64_t)rates[r] * 9) { /* a second beyond the last packet */
                uint32_t n = 1 + xc_rng_below(&world.rng, frames % 3 ? 300 : 4800);
                world.now = WORLD_T0 + frames * XC_NS_PER_S / rates[r];
                read_block(&world, n);
                frames += n;
            }
            assert_in_range(world.counters.samples_received + 100, frames, frames + 200);
            assert_true(world.last[0] == 0); /* faded to silence */
            close_world(&world);
        }
}

static void silence_before_anything(void **state)
{
    (void)state;
    open_world(&world, 48000, 2, 480, 1, &tone_codec);
    struct xc_audio_playout playout;
    for (int i = 0; i < 100; i++) {
        assert_false(
            xc_audio_recv_read(world.recv, world.now, NULL, NULL, world.samples, 480, false));
        for (int k = 0; k < 960; k++)
            assert_true(world.samples[k] == 0);
        world.now += 10 * XC_NS_PER_MS;
        assert_false(xc_audio_recv_playout(world.recv, &playout));
    }
    xc_audio_recv_counters(world.recv, &world.counters);
    assert_int_equal(world.counters.concealed_samples, 0);
    assert_int_equal(world.counters.reads_empty, 100);
    assert_false(xc_audio_recv_read(world.recv, world.now, NULL, NULL, world.samples, 0, false));
    close_world(&world);
}

static void mix_adds(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 1, &tone_codec);
    for (uint32_t i = 0; i < 4; i++) {
        push_tone(i, i * 960);
        for (int half = 0; half < 2; half++) {
            for (int k = 0; k < 480; k++)
                world.samples[k] = 0.25f;
            assert_true(
                xc_audio_recv_read(world.recv, world.now, NULL, NULL, world.samples, 480, true));
            for (uint32_t k = i ? 0 : 300; k < 480; k++)
                assert_true(fabsf(world.samples[k] - 0.25f -
                                  tone_at(i * 960 + (uint32_t)half * 480 + k)) < 1e-6f);
            world.now += 10 * XC_NS_PER_MS;
        }
    }
    close_world(&world);
}

static void a_full_ring_drops_the_newest(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 1, &tone_codec);
    uint32_t pushed = 0;
    for (uint32_t i = 0; i < 1000; i++)
        pushed += push_tone(i, i * 960);
    xc_audio_recv_counters(world.recv, &world.counters);
    assert_int_equal(world.counters.packets_pushed, pushed);
    assert_int_equal(world.counters.packets_dropped_ring, 1000 - pushed);
    assert_in_range(pushed, 100, 999);
    assert_false(push_tone(0, 0));
    read_block(&world, 480);
    assert_true(push_tone(1000, 960000));
    uint8_t large[XC_AUDIO_PACKET_MAX + 1] = {0};
    assert_false(push(1, 1, large, sizeof large));
    assert_false(push(1, 1, large, 0));
    close_world(&world);
}

static void a_reset_starts_another_stream(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        open_world(&world, 48000, 1, 480, 1, &tone_codec);
        for (uint32_t i = 0; i < 50; i++) {
            push_tone(1000 + i, i * 960);
            read_block(&world, 480);
            world.now += 10 * XC_NS_PER_MS;
            read_block(&world, 480);
            world.now += 10 * XC_NS_PER_MS;
        }
        assert_int_equal(world.played, 50);
        while (full && push_tone(5000, 5))
            ; /* no room for the reset: it is owed */
        assert_true(xc_audio_recv_reset(world.recv));
        if (full) {
            assert_false(push_tone(3, 0x80000000u));
            read_block(&world, 480);
            world.now += 10 * XC_NS_PER_MS;
        }
        assert_true(push_tone(3, 0x80000000u)); /* lower sequence, far timestamp */
        uint64_t played = world.played;
        read_block(&world, 480);
        assert_int_equal(world.played, played + 1);
        assert_true(world.wait_last_ms == 0);
        struct xc_audio_playout playout;
        assert_true(xc_audio_recv_playout(world.recv, &playout));
        assert_int_equal(playout.next_sequence, 4);
        assert_int_equal(playout.rtp_timestamp, 0x80000000u);
        assert_int_equal(playout.at, world.now);
        close_world(&world);
    }
}

static void lip_sync_holds_back_and_lets_go(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 1, &tone_codec);
    send_packets(&world, 36.7, 1000, 0, false);
    ready_world(&world);
    run_world(&world, 2000);
    assert_true(world.wait_last_ms < 4);
    xc_audio_recv_set_minimum_delay(world.recv, 120 * XC_NS_PER_MS);
    run_world(&world, 5000);
    assert_true(world.wait_last_ms > 115 && world.wait_last_ms < 140);
    assert_true(fabs(world.counters.target_delay_ms - 120) < 0.01);
    xc_audio_recv_set_minimum_delay(world.recv, 0);
    run_world(&world, 9000);
    assert_true(world.wait_last_ms < 8);
    assert_int_equal(world.counters.concealed_samples, 0);
    assert_true(world.steepest < step_bound(48000));
    close_world(&world);
}

static void bounds_of_the_delay_are_kept(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 51, &tone_codec);
    free(world.arena.memory);
    struct xc_audio_recv_config config = {.format = {48000, 1, XC_SAMPLE_F32},
                                          .codec = &tone_codec,
                                          .delay_ms_min = 40,
                                          .delay_ms_max = 80};
    struct xc_arena measure = {0};
    xc_audio_recv_create(&measure, &config);
    world.arena = arena_of(measure.used);
    world.recv = xc_audio_recv_create(&world.arena, &config);
    send_packets(&world, 36.7, 1500, 0, false);
    ready_world(&world);
    run_world(&world, 5000);
    assert_true(world.wait_last_ms >= 40 && world.wait_max_ms < 46);
    for (uint32_t i = 0; i < world.count; i++)
        if (world.packets[i].arrival > world.now)
            world.packets[i].arrival += xc_rng_below(&world.rng, 200) * XC_NS_PER_MS;
    world.count -= world.next;
    memmove(world.packets, world.packets + world.next, world.count * sizeof *world.packets);
    world.next = 0;
    ready_world(&world);
    world.wait_max_ms = 0;
    run_world(&world, 29000);
    assert_true(world.counters.target_delay_ms <= 80.001);
    assert_true(world.wait_max_ms < 80 + 60);
    close_world(&world);
}

static uint64_t ticking(void *context)
{
    return *(uint64_t *)context += 100;
}

static void traces_are_in_order(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 1, &tone_codec);
    uint64_t clock = world.now, sequence = 0;
    struct xc_audio_played played;
    for (uint32_t i = 0; i < 20; i++) {
        world.now = clock;
        push_tone(i, i * 960);
        for (int k = 0; k < 2; k++) {
            uint64_t now = clock;
            xc_audio_recv_read(world.recv, now, ticking, &clock, world.samples, 480, false);
            while (xc_audio_recv_take_played(world.recv, &played)) {
                assert_int_equal(played.sequence, sequence++);
                assert_int_equal(played.timestamp, (uint32_t)played.sequence * 960);
                assert_int_equal(played.bytes, TONE_BYTES);
                assert_true(played.received <= played.inserted);
                assert_true(played.inserted < played.decode_start);
                assert_true(played.decode_start < played.decode_end);
                assert_true(played.decode_end < played.played);
            }
            clock = now + 10 * XC_NS_PER_MS;
        }
    }
    assert_int_equal(sequence, 20);
    for (uint32_t i = 20; i < 100; i++) { /* nobody asks: the oldest give way */
        world.now += 20 * XC_NS_PER_MS;
        push_tone(i, i * 960);
        xc_audio_recv_read(world.recv, world.now, NULL, NULL, world.samples, 960, false);
    }
    uint32_t count = 0;
    while (xc_audio_recv_take_played(world.recv, &played))
        count++;
    assert_int_equal(count, 32);
    assert_int_equal(played.sequence, 99);
    close_world(&world);
}

static void statistics_add_up(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 1, &tone_codec);
    send_packets(&world, 34, 500, 0, false);
    ready_world(&world);
    run_world(&world, 10300); /* the last packet is over for a while */
    const struct xc_audio_recv_counters *counters = &world.counters;
    assert_int_equal(counters->jitter_buffer_emitted_count, 500 * 960);
    double delay = counters->jitter_buffer_delay_s / (500.0 * 960);
    assert_true(fabs(delay - 0.006) < 1e-6);
    assert_true(counters->jitter_buffer_target_delay_s < 1e-9);
    assert_true(fabs(counters->total_samples_duration_s - 10.3) < 0.011);
    assert_true(fabs(counters->total_audio_energy - 0.125 * 10.1) < 0.05);
    assert_int_equal(counters->concealment_events, 1); /* the end */
    assert_true(counters->silent_concealed_samples < counters->concealed_samples);
    assert_int_equal(counters->packets_pushed, 500);
    close_world(&world);
}

static void bad_packets_are_made_up_for(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 61, &tone_codec);
    send_packets(&world, 34, 500, 0, false);
    for (uint32_t i = 20; i < 500; i += 10)
        world.packets[i].size = 5; /* the tone codec refuses it */
    ready_world(&world);
    run_world(&world, 9900);
    assert_in_range(world.counters.decode_errors, 46, 48);
    assert_int_equal(world.counters.concealed_samples, world.counters.decode_errors * 960);
    assert_true(world.steepest < step_bound(48000));
    assert_true(world.wait_max_ms < 7);
    close_world(&world);
}

static void copies_and_late_ones_are_counted(void **state)
{
    (void)state;
    open_world(&world, 48000, 1, 480, 71, &tone_codec);
    send_packets(&world, 34, 500, 0, false);
    for (uint32_t i = 100; i < 130; i++) { /* thirty old ones again, ten twice */
        world.packets[world.count] = world.packets[i];
        world.packets[world.count++].arrival += XC_NS_PER_S;
        if (i % 3 == 0) {
            world.packets[world.count] = world.packets[i];
            world.packets[world.count++].arrival += 1000;
        }
    }
    ready_world(&world);
    run_world(&world, 9900);
    assert_int_equal(world.counters.packets_late + world.counters.packets_discarded, 40);
    assert_int_equal(world.counters.concealed_samples, 0);
    assert_true(world.wait_max_ms < 6.1);
    close_world(&world);
}

static void memory_is_bounded_and_checked(void **state)
{
    (void)state;
    struct xc_audio_recv_config config = {.format = {48000, 1, XC_SAMPLE_F32},
                                          .codec = &tone_codec};
    struct xc_arena measure = {0};
    assert_null(xc_audio_recv_create(&measure, &config));
    assert_true(measure.used <= 65 * 1024);
    struct xc_arena tight = arena_of(measure.used);
    for (size_t size = 0; size < measure.used; size += 64) {
        tight.capacity = size;
        tight.used = 0;
        assert_null(xc_audio_recv_create(&tight, &config));
    }
    tight.capacity = measure.used;
    tight.used = 0;
    assert_non_null(xc_audio_recv_create(&tight, &config));
    assert_int_equal(tight.used, measure.used);
    free(tight.memory);
    const uint32_t bad[][2] = {{7999, 1}, {48001, 1}, {48000, 0}, {48000, 3}};
    for (int i = 0; i < 4; i++) {
        config.format.rate = bad[i][0];
        config.format.channels = bad[i][1];
        measure = (struct xc_arena){0};
        assert_null(xc_audio_recv_create(&measure, &config));
        assert_int_equal(measure.used, 0);
    }
}

/* Real Opus with losses and its own copies; what comes out looks like what went in. */
static void opus_from_end_to_end(void **state)
{
    (void)state;
    struct xc_audio_settings settings = {
        .bitrate_bps = 32000, .loss_percent = 10, .complexity = 5, .fec = true};
    void *encoder = malloc(xc_opus.encoder_size(1));
    assert_true(xc_opus.encoder_init(encoder, 48000, 1, &settings, 1));
    open_world(&world, 48000, 1, 480, 81, &xc_opus);
    double in = 0, out = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        float samples[960];
        for (uint32_t k = 0; k < 960; k++) {
            double t = (i * 960 + k) / 48000.0, sum = 0;
            for (int h = 1; h < 12; h++)
                sum += sin(2 * TONE_PI * 150 * h * t) / h;
            samples[k] = (float)(0.15 * sum * (1 + sin(15 * t)));
            in += samples[k] * samples[k];
        }
        uint8_t bytes[XC_AUDIO_PACKET_MAX];
        int size = xc_opus.encode(encoder, samples, 960, bytes, sizeof bytes);
        assert_true(size > 0);
        if (xc_rng_below(&world.rng, 10) != 0)
            push(i, i * 960, bytes, (size_t)size);
        for (int half = 0; half < 2; half++) {
            read_block(&world, 480);
            for (int k = 0; k < 480; k++)
                out += world.samples[k] * world.samples[k];
            world.now += 10 * XC_NS_PER_MS;
        }
    }
    assert_true(out > 0.7 * in && out < 1.3 * in);
    assert_true(world.counters.fec_packets_used > 40);
    assert_true(concealed_part(&world) < 0.06);
    assert_true(mean_wait_ms(&world) < 25);
    assert_int_equal(world.counters.decode_errors, 0);
    free(encoder);
    close_world(&world);
}

/* One packet of a steady tone comes `late_ms` late (0: none does); the loudest sample of all. */
static float loudest_with_a_late_packet(uint32_t rate, uint32_t period, uint32_t late,
                                        uint32_t late_ms)
{
    struct xc_audio_settings settings = {.bitrate_bps = 32000, .complexity = 5};
    void *encoder = malloc(xc_opus.encoder_size(1));
    assert_true(xc_opus.encoder_init(encoder, rate, 1, &settings, 1));
    open_world(&world, 48000, 1, 240, 81, &xc_opus);
    float loudest = 0;
    uint8_t waiting[XC_AUDIO_PACKET_MAX];
    int waiting_size = 0;
    for (uint32_t i = 0; i < 100; i++) {
        float samples[960];
        uint8_t bytes[XC_AUDIO_PACKET_MAX];
        for (uint32_t k = 0; k < rate / 50; k++) {
            uint32_t at = i * (rate / 50) + k;
            samples[k] = period ? (at % period < period / 2 ? 0.183f : -0.183f)
                                : (float)(0.4 * sin(2 * TONE_PI * 440 * at / rate));
        }
        int size = xc_opus.encode(encoder, samples, rate / 50, bytes, sizeof bytes);
        assert_true(size > 0);
        if (i == late && late_ms) {
            memcpy(waiting, bytes, (size_t)size);
            waiting_size = size;
        } else {
            push(i, i * 960, bytes, (size_t)size);
        }
        for (uint32_t ms = 0; ms < 20; ms += 5) {
            if (i == late && waiting_size && ms >= late_ms) {
                push(i, i * 960, waiting, (size_t)waiting_size);
                waiting_size = 0;
            }
            read_block(&world, 240);
            for (int k = 0; i > 5 && k < 240; k++)
                loudest = fmaxf(loudest, fabsf(world.samples[k]));
            world.now += 5 * XC_NS_PER_MS;
        }
    }
    assert_true(late_ms == 0 || world.counters.concealment_events > 0);
    assert_int_equal(world.counters.packets_late, 0);
    free(encoder);
    close_world(&world);
    return loudest;
}

/* What was made up while a packet was only late must not be what it is decoded on. */
static void a_late_packet_is_decoded_as_if_in_time(void **state)
{
    (void)state;
    const uint32_t signals[][2] = {{8000, 0}, {48000, 120}};
    for (int s = 0; s < 2; s++) {
        float clean = loudest_with_a_late_packet(signals[s][0], signals[s][1], 30, 0);
        for (uint32_t late = 30; late < 36; late++)
            for (uint32_t ms = 10; ms <= 15; ms += 5) {
                float loudest = loudest_with_a_late_packet(signals[s][0], signals[s][1], late, ms);
                if (loudest > 1.1f * clean)
                    fail_msg("signal %d, packet %u, %u ms: %.3f instead of %.3f", s, late, ms,
                             (double)loudest, (double)clean);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(always_fills_any_length),
        cmocka_unit_test(silence_before_anything),
        cmocka_unit_test(mix_adds),
        cmocka_unit_test(a_full_ring_drops_the_newest),
        cmocka_unit_test(a_reset_starts_another_stream),
        cmocka_unit_test(lip_sync_holds_back_and_lets_go),
        cmocka_unit_test(bounds_of_the_delay_are_kept),
        cmocka_unit_test(traces_are_in_order),
        cmocka_unit_test(statistics_add_up),
        cmocka_unit_test(bad_packets_are_made_up_for),
        cmocka_unit_test(copies_and_late_ones_are_counted),
        cmocka_unit_test(memory_is_bounded_and_checked),
        cmocka_unit_test(opus_from_end_to_end),
        cmocka_unit_test(a_late_packet_is_decoded_as_if_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
