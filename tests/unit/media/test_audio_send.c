/* test_audio_send.c - the sending road in virtual time: RTP time, marks, pauses, drops, mute.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_model.h"
#include "media/audio_send.h"

#define MS XC_NS_PER_MS
#define T0 (5 * XC_NS_PER_S)

/* A codec that keeps what it was given: a packet is mean square and peak of the frame. */
struct probe {
    uint32_t rate, channels, frames;
    float first, last, peak, square;
    uint32_t count;
    bool dtx;
};

static struct probe *last_probe;

static size_t probe_size(uint32_t channels)
{
    (void)channels;
    return sizeof(struct probe);
}

static void probe_set(void *encoder, const struct xc_audio_settings *settings)
{
    ((struct probe *)encoder)->dtx = settings->dtx;
}

static bool probe_init(void *encoder, uint32_t rate, uint32_t channels,
                       const struct xc_audio_settings *settings, uint64_t seed)
{
    (void)seed;
    last_probe = encoder;
    *last_probe = (struct probe){.rate = rate, .channels = channels};
    probe_set(encoder, settings);
    return true;
}

static int probe_encode(void *encoder, const float *samples, uint32_t frames, uint8_t *packet,
                        size_t capacity)
{
    struct probe *probe = encoder;
    assert_true(capacity >= 4);
    probe->frames = frames;
    probe->peak = probe->square = 0;
    for (uint32_t i = 0; i < frames * probe->channels; i++) {
        probe->peak = fmaxf(probe->peak, fabsf(samples[i]));
        probe->square += samples[i] * samples[i];
    }
    probe->first = samples[0];
    probe->last = samples[frames * probe->channels - 1];
    probe->count++;
    memset(packet, 0, 4);
    if (probe->dtx && probe->peak < 1e-4f)
        return 0;
    return probe->first > 0.98f ? -1 : 4; /* full scale stands for an error */
}

static const struct xc_audio_codec probe_codec = {.name = "probe",
                                                  .encoder_size = probe_size,
                                                  .encoder_init = probe_init,
                                                  .encoder_set = probe_set,
                                                  .encode = probe_encode};

static struct xc_arena arena;

static struct xc_audio_send *open_send(uint32_t rate, uint32_t channels, uint32_t sample,
                                       uint32_t codec_channels, uint32_t frame_ms,
                                       const struct xc_audio_codec *codec)
{
    struct xc_audio_send_config config = {.format = {rate, channels, sample},
                                          .codec = codec,
                                          .codec_channels = codec_channels,
                                          .frame_ms = frame_ms,
                                          .settings = {.bitrate_bps = 32000, .complexity = 3}};
    arena = (struct xc_arena){0};
    assert_null(xc_audio_send_create(&arena, &config));
    arena = arena_of(arena.used);
    struct xc_audio_send *send = xc_audio_send_create(&arena, &config);
    assert_non_null(send);
    return send;
}

static float block[4800 * 2];
static int16_t block16[4800 * 2];

static const float *tone_block(uint32_t rate, uint32_t channels, uint64_t at, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++)
        for (uint32_t c = 0; c < channels; c++)
            block[i * channels + c] =
                (float)(0.5 * sin(2 * TONE_PI * 500 * (double)(at + i) / (double)rate));
    return block;
}

static void time_counts_frames_exactly(void **state)
{
    (void)state;
    const uint32_t rates[] = {8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000};
    const uint32_t lengths[] = {10, 20, 40, 60};
    for (size_t r = 0; r < 8; r++)
        for (size_t l = 0; l < 4; l++) {
            struct xc_audio_send *send =
                open_send(rates[r], 1, XC_SAMPLE_F32, 1, lengths[l], &probe_codec);
            struct xc_audio_frame frame;
            uint64_t at = 0;
            uint32_t expected = 0, frames_of_block = rates[r] / 100;
            for (int i = 0; i < 300; i++) { /* 3 s */
                uint64_t now = T0 + at * XC_NS_PER_S / rates[r];
                assert_true(xc_audio_send_write(
                    send, now, now, tone_block(rates[r], 1, at, frames_of_block), frames_of_block));
                at += frames_of_block;
                while (xc_audio_send_ready(send)) {
                    assert_true(xc_audio_send_encode(send, &frame));
                    assert_int_equal(frame.timestamp, expected);
                    assert_int_equal(frame.duration, lengths[l] * 48);
                    assert_int_equal(frame.marker, expected == 0);
                    assert_int_equal(frame.bytes.size, 4);
                    int64_t off =
                        (int64_t)(frame.capture - T0) - (int64_t)((uint64_t)expected * 62500 / 3);
                    assert_true(llabs(off) < 4 * (int64_t)MS);
                    if (expected > 4800) {
                        assert_true(fabsf(last_probe->peak - 0.5f) < 0.01f);
                        assert_true(fabsf(frame.level - 0.3535f) < 0.005f);
                    }
                    expected += frame.duration;
                }
            }
            assert_true(expected + lengths[l] * 48 + 480 >= 3 * 48000 - 480);
            assert_int_equal(last_probe->frames, last_probe->rate / 1000 * lengths[l]);
            assert_true(last_probe->rate >= rates[r]);
            free(arena.memory);
        }
}

static void any_block_length(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 11);
    struct xc_audio_send *send = open_send(48000, 2, XC_SAMPLE_F32, 2, 20, &probe_codec);
    struct xc_audio_frame frame;
    uint64_t at = 0;
    uint32_t expected = 0;
    for (int i = 0; i < 5000; i++) {
        uint32_t n = i % 3 ? 1 + xc_rng_below(&rng, 64) : 1 + xc_rng_below(&rng, 2000);
        uint64_t capture = T0 + at * XC_NS_PER_S / 48000;
        const float *samples = tone_block(48000, 2, at, n);
        at += n;
        uint64_t now = T0 + at * XC_NS_PER_S / 48000;
        assert_true(xc_audio_send_write(send, now, capture, samples, n));
        while (xc_audio_send_ready(send)) {
            assert_true(xc_audio_send_encode(send, &frame));
            assert_int_equal(frame.timestamp, expected);
            int64_t off = (int64_t)(frame.capture - T0) - (int64_t)((uint64_t)expected * 62500 / 3);
            assert_true(llabs(off) < 30000);
            assert_true(frame.queued > frame.capture && frame.queued <= now);
            expected += 960;
        }
    }
    assert_int_equal(expected, at / 960 * 960);
    free(arena.memory);
}

static void write_ms(struct xc_audio_send *send, uint64_t at_ms, uint32_t ms)
{
    assert_true(xc_audio_send_write(send, T0 + at_ms * MS, T0 + at_ms * MS,
                                    tone_block(48000, 1, at_ms * 48, ms * 48), ms * 48));
}

static uint32_t encode_all(struct xc_audio_send *send, struct xc_audio_frame *frame)
{
    uint32_t count = 0;
    while (xc_audio_send_ready(send))
        count += xc_audio_send_encode(send, frame);
    return count;
}

static void a_pause_jumps_by_whole_frames(void **state)
{
    (void)state;
    struct xc_audio_send *send = open_send(48000, 1, XC_SAMPLE_F32, 1, 20, &probe_codec);
    struct xc_audio_frame frame = {0};
    for (uint32_t i = 0; i < 10; i++)
        write_ms(send, i * 20, 20);
    assert_int_equal(encode_all(send, &frame), 10);
    assert_int_equal(frame.timestamp, 9 * 960);
    write_ms(send, 200 + 1015, 20); /* 1015 ms later than due: 50 whole frames */
    assert_int_equal(encode_all(send, &frame), 1);
    assert_int_equal(frame.timestamp, (10 + 50) * 960);
    assert_true(frame.marker);
    write_ms(send, 200 + 1035, 20);
    assert_int_equal(encode_all(send, &frame), 1);
    assert_int_equal(frame.timestamp, 61 * 960);
    assert_false(frame.marker);
    free(arena.memory);
}

/* Late blocks that come at once, and a sample clock that drifts, are no pause. */
static void jitter_and_drift_of_capture_are_no_pause(void **state)
{
    (void)state;
    struct xc_audio_send *send = open_send(48000, 1, XC_SAMPLE_F32, 1, 20, &probe_codec);
    struct xc_audio_frame frame = {0};
    struct xc_rng rng;
    xc_rng_init_number(&rng, 3);
    uint32_t count = 0;
    for (uint64_t i = 0; i < 6000; i++) { /* 2 minutes at +300 ppm */
        uint64_t capture = T0 + i * 20 * MS + i * 6000 + xc_rng_below(&rng, 15) * MS;
        assert_true(xc_audio_send_write(send, capture, capture, block, 960));
        count += encode_all(send, &frame);
        assert_int_equal(frame.timestamp, (count - 1) * 960);
    }
    assert_int_equal(count, 6000);
    free(arena.memory);
}

static void a_full_ring_drops_the_newest(void **state)
{
    (void)state;
    struct xc_audio_send *send = open_send(48000, 1, XC_SAMPLE_F32, 1, 20, &probe_codec);
    struct xc_audio_send_counters counters;
    struct xc_audio_frame frame = {0};
    for (uint32_t i = 0; i < 10; i++)
        write_ms(send, i * 20, 20);
    for (uint32_t i = 10; i < 15; i++)
        assert_false(xc_audio_send_write(send, T0, T0 + i * 20 * MS, block, 960));
    xc_audio_send_counters(send, &counters);
    assert_int_equal(counters.frames_written, 9600);
    assert_int_equal(counters.frames_dropped_full, 5 * 960);
    assert_true(xc_audio_send_ready(send));
    assert_int_equal(encode_all(send, &frame), 10);
    assert_int_equal(frame.timestamp, 9 * 960);
    write_ms(send, 300, 20); /* what was dropped is a pause of 5 frames */
    assert_int_equal(encode_all(send, &frame), 1);
    assert_int_equal(frame.timestamp, 15 * 960);
    assert_false(xc_audio_send_write(send, T0, T0, block, 9601));
    assert_true(xc_audio_send_write(send, T0, T0, block, 0));
    free(arena.memory);
}

static void trim_keeps_the_newest_frame(void **state)
{
    (void)state;
    struct xc_audio_send *send = open_send(48000, 1, XC_SAMPLE_F32, 1, 20, &probe_codec);
    struct xc_audio_frame frame;
    struct xc_audio_send_counters counters;
    xc_audio_send_trim(send);
    write_ms(send, 0, 10);
    xc_audio_send_trim(send);
    assert_false(xc_audio_send_ready(send));
    for (uint32_t i = 1; i < 15; i++)
        write_ms(send, i * 10, 10);
    xc_audio_send_trim(send);
    assert_true(xc_audio_send_ready(send));
    assert_true(xc_audio_send_encode(send, &frame));
    assert_false(xc_audio_send_ready(send));
    assert_int_equal(frame.capture, T0 + 130 * MS);
    assert_int_equal(frame.timestamp, 130 * 48);
    assert_true(frame.marker);
    write_ms(send, 150, 20);
    assert_true(xc_audio_send_encode(send, &frame));
    assert_int_equal(frame.timestamp, 150 * 48);
    assert_false(frame.marker);
    xc_audio_send_counters(send, &counters);
    assert_in_range(counters.packets_skipped, 6, 7);
    free(arena.memory);
}

static void mute_is_silence_without_a_click(void **state)
{
    (void)state;
    struct xc_audio_send *send = open_send(48000, 1, XC_SAMPLE_F32, 1, 20, &probe_codec);
    struct xc_audio_frame frame;
    write_ms(send, 0, 20);
    assert_true(xc_audio_send_encode(send, &frame));
    assert_true(frame.level > 0.3f);
    xc_audio_send_mute(send, true);
    write_ms(send, 20, 20);
    assert_true(xc_audio_send_encode(send, &frame)); /* fades */
    assert_true(last_probe->peak > 0.1f && last_probe->last == 0);
    for (uint32_t i = 2; i < 5; i++) {
        write_ms(send, i * 20, 20);
        assert_true(xc_audio_send_encode(send, &frame));
        assert_true(last_probe->peak == 0 && frame.level == 0);
        assert_int_equal(frame.timestamp, i * 960);
    }
    xc_audio_send_mute(send, false);
    write_ms(send, 100, 20);
    assert_true(xc_audio_send_encode(send, &frame));
    assert_true(fabsf(last_probe->first) < 0.01f && last_probe->peak > 0.4f);
    free(arena.memory);
}

static void dtx_and_errors_keep_time(void **state)
{
    (void)state;
    struct xc_audio_send *send = open_send(48000, 1, XC_SAMPLE_F32, 1, 20, &probe_codec);
    struct xc_audio_settings settings = {.dtx = true};
    struct xc_audio_frame frame = {0};
    struct xc_audio_send_counters counters;
    xc_audio_send_set(send, &settings);
    write_ms(send, 0, 20);
    assert_true(xc_audio_send_encode(send, &frame));
    memset(block, 0, sizeof block);
    for (uint32_t i = 1; i < 5; i++) {
        assert_true(xc_audio_send_write(send, T0, T0 + i * 20 * MS, block, 960));
        assert_true(xc_audio_send_ready(send));
        assert_false(xc_audio_send_encode(send, &frame));
        assert_false(xc_audio_send_ready(send));
    }
    for (int i = 0; i < 960; i++)
        block[i] = 1;
    assert_true(xc_audio_send_write(send, T0, T0 + 100 * MS, block, 960));
    assert_false(xc_audio_send_encode(send, &frame));
    write_ms(send, 120, 20);
    assert_true(xc_audio_send_encode(send, &frame));
    assert_int_equal(frame.timestamp, 6 * 960);
    assert_true(frame.marker);
    xc_audio_send_counters(send, &counters);
    assert_int_equal(counters.packets_dtx, 4);
    assert_int_equal(counters.encode_errors, 1);
    assert_int_equal(counters.packets_encoded, 2);
    assert_true(fabs(counters.total_samples_duration_s - 0.14) < 1e-9);
    assert_true(fabs(counters.total_audio_energy - (0.125 * 0.04 + 0.02)) < 1e-3);
    assert_true(fabsf(counters.level - frame.level) < 1e-9f);
    assert_true(counters.total_encode_time_s == 0);
    xc_audio_send_add_encode_time(send, 2500000);
    xc_audio_send_add_encode_time(send, 500000);
    xc_audio_send_counters(send, &counters);
    assert_true(fabs(counters.total_encode_time_s - 0.003) < 1e-12);
    free(arena.memory);
}

static void channels_and_formats(void **state)
{
    (void)state;
    struct xc_audio_frame frame;
    struct xc_audio_send *send = open_send(48000, 2, XC_SAMPLE_S16, 1, 10, &probe_codec);
    for (int i = 0; i < 480; i++) {
        block16[2 * i] = 16384;
        block16[2 * i + 1] = -8192;
    }
    assert_true(xc_audio_send_write(send, T0, T0, block16, 480));
    assert_true(xc_audio_send_encode(send, &frame));
    assert_true(fabsf(last_probe->first - 0.125f) < 1e-3f);
    assert_int_equal(last_probe->channels, 1);
    free(arena.memory);
    send = open_send(48000, 1, XC_SAMPLE_F32, 2, 10, &probe_codec);
    for (int i = 0; i < 480; i++)
        block[i] = i == 5 ? NAN : 0.25f;
    assert_true(xc_audio_send_write(send, T0, T0, block, 480));
    assert_true(xc_audio_send_encode(send, &frame));
    assert_int_equal(last_probe->channels, 2);
    assert_true(fabsf(last_probe->first - 0.25f) < 1e-3f && last_probe->peak < 0.26f);
    free(arena.memory);
    send = open_send(44100, 2, XC_SAMPLE_F32, 2, 20, &xc_opus);
    uint32_t packets = 0;
    for (uint32_t i = 0; i < 50; i++) {
        uint64_t now = T0 + i * 20 * MS;
        assert_true(xc_audio_send_write(send, now, now, tone_block(44100, 2, i * 882, 882), 882));
        while (xc_audio_send_ready(send))
            packets += xc_audio_send_encode(send, &frame);
    }
    assert_in_range(packets, 49, 50);
    free(arena.memory);
}

static void memory_is_bounded_and_checked(void **state)
{
    (void)state;
    struct xc_audio_send_config config = {.format = {48000, 2, XC_SAMPLE_F32},
                                          .codec = &probe_codec,
                                          .codec_channels = 2,
                                          .frame_ms = 20};
    struct xc_arena measure = {0};
    xc_audio_send_create(&measure, &config);
    assert_true(measure.used <= 64 * 1024);
    struct xc_arena tight = arena_of(measure.used);
    for (size_t size = 0; size < measure.used; size += 64) {
        tight.capacity = size;
        tight.used = 0;
        assert_null(xc_audio_send_create(&tight, &config));
    }
    free(tight.memory);
    const uint32_t bad[][4] = {{7999, 1, 1, 20},  {48001, 1, 1, 20}, {48000, 3, 1, 20},
                               {48000, 0, 1, 20}, {48000, 1, 3, 20}, {48000, 1, 1, 30}};
    for (size_t i = 0; i < 6; i++) {
        config = (struct xc_audio_send_config){.format = {bad[i][0], bad[i][1], bad[i][2]},
                                               .codec = &probe_codec,
                                               .codec_channels = 1,
                                               .frame_ms = bad[i][3]};
        measure = (struct xc_arena){0};
        assert_null(xc_audio_send_create(&measure, &config));
        assert_int_equal(measure.used, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_counts_frames_exactly),
        cmocka_unit_test(any_block_length),
        cmocka_unit_test(a_pause_jumps_by_whole_frames),
        cmocka_unit_test(jitter_and_drift_of_capture_are_no_pause),
        cmocka_unit_test(a_full_ring_drops_the_newest),
        cmocka_unit_test(trim_keeps_the_newest_frame),
        cmocka_unit_test(mute_is_silence_without_a_click),
        cmocka_unit_test(dtx_and_errors_keep_time),
        cmocka_unit_test(channels_and_formats),
        cmocka_unit_test(memory_is_bounded_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
