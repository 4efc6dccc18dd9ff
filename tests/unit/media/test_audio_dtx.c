/* test_audio_dtx.c - the silence of a sender, both roads with real Opus in virtual time: tones, noise
 * and silence in turns. What is not sent costs no delay, counts as nothing, sounds like the background
 * before it, and ends in time.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "audio_model.h"
#include "media/audio_recv.h"

#define MS XC_NS_PER_MS
#define T0 (5 * XC_NS_PER_S)
#define NETWORK (30 * MS)
#define BLOCK 480u
#define SECONDS_MAX 40u

struct sent {
    uint64_t arrival, sequence;
    uint32_t timestamp;
    bool marker, lost;
    uint16_t size;
    uint8_t bytes[XC_AUDIO_PACKET_MAX];
};

static struct xc_audio_send *sender;
static struct xc_audio_recv *receiver;
static struct xc_arena sender_memory, receiver_memory;
static struct sent queue[64];
static uint32_t queued;
static uint64_t sequence, now;
static struct xc_rng rng;
static float heard[SECONDS_MAX * 48000u * 2];
static uint32_t heard_frames, channels;
static struct xc_audio_recv_counters counters;
static uint32_t sent_packets, markers, gaps, last_timestamp, lose_every;
static double wait_max_ms;

/* What the host captures: a voice, and a background that never stops. */
struct scene {
    bool voice;
    double background; /* peak of white noise */
};

static float voice_at(uint64_t frame)
{
    double t = (double)frame / 48000, sum = 0, pitch = 140 + 20 * sin(2 * t);
    for (int h = 1; h < 15; h++)
        sum += sin(2 * TONE_PI * pitch * h * t) * exp(-0.2 * h);
    return (float)(0.12 * sum * (1 + 0.8 * sin(22 * t)));
}

static void open_roads(uint32_t send_channels, const struct xc_audio_settings *settings)
{
    struct xc_audio_send_config out = {.format = {48000, send_channels, XC_SAMPLE_F32},
                                       .codec = &xc_opus,
                                       .codec_channels = send_channels,
                                       .frame_ms = 20,
                                       .settings = *settings};
    struct xc_audio_recv_config in = {.format = {48000, channels, XC_SAMPLE_F32},
                                      .codec = &xc_opus};
    struct xc_arena measure = {0};
    xc_audio_send_create(&measure, &out);
    sender_memory = arena_of(measure.used);
    sender = xc_audio_send_create(&sender_memory, &out);
    measure = (struct xc_arena){0};
    xc_audio_recv_create(&measure, &in);
    receiver_memory = arena_of(measure.used);
    receiver = xc_audio_recv_create(&receiver_memory, &in);
    assert_true(sender && receiver);
    queued = heard_frames = sent_packets = markers = gaps = lose_every = 0;
    last_timestamp = 0;
    sequence = 65500;
    now = T0;
    wait_max_ms = 0;
    xc_rng_init_number(&rng, 3);
}

static void open_call(uint32_t bitrate, bool dtx)
{
    channels = 1;
    struct xc_audio_settings settings = {.bitrate_bps = bitrate, .complexity = 5, .dtx = dtx};
    open_roads(1, &settings);
}

static void close_call(void)
{
    free(sender_memory.memory);
    free(receiver_memory.memory);
}

static void send_frames(void)
{
    struct xc_audio_frame frame;
    while (xc_audio_send_ready(sender)) {
        if (!xc_audio_send_encode(sender, &frame))
            continue;
        assert_true(frame.bytes.size > 2);
        assert_true(queued < XC_ARRAY_LEN(queue));
        struct sent *to = &queue[queued++];
        *to = (struct sent){.arrival = now + NETWORK,
                            .sequence = ++sequence,
                            .timestamp = frame.timestamp,
                            .marker = frame.marker,
                            .size = (uint16_t)frame.bytes.size};
        memcpy(to->bytes, frame.bytes.data, frame.bytes.size);
        sent_packets++;
        markers += frame.marker;
        gaps += frame.timestamp - last_timestamp > 960;
        last_timestamp = frame.timestamp;
        to->lost = lose_every && sent_packets % lose_every == 0;
    }
}

static void receive_frames(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < queued; i++) {
        struct sent *from = &queue[i];
        if (from->arrival > now) {
            queue[kept++] = *from;
            continue;
        }
        struct xc_audio_packet packet = {.sequence = from->sequence,
                                         .timestamp = from->timestamp,
                                         .marker = from->marker,
                                         .received = from->arrival,
                                         .bytes = xc_span_make(from->bytes, from->size)};
        if (!from->lost)
            assert_true(xc_audio_recv_push(receiver, &packet));
    }
    queued = kept;
}

static void run_call(struct scene scene, uint32_t ms)
{
    float block[BLOCK];
    struct xc_audio_played played;
    for (uint32_t done = 0; done < ms; done += 10) {
        now += 10 * MS;
        uint64_t at = (now - T0) / MS * 48;
        for (uint32_t i = 0; i < BLOCK; i++) {
            double noise = scene.background * (2 * xc_rng_unit(&rng) - 1);
            block[i] = (scene.voice ? voice_at(at + i) : 0) + (float)noise;
        }
        assert_true(xc_audio_send_write(sender, now, now - 10 * MS, block, BLOCK));
        send_frames();
        receive_frames();
        float *to = heard + (size_t)heard_frames * channels;
        xc_audio_recv_read(receiver, now, NULL, NULL, to, BLOCK, false);
        heard_frames += BLOCK;
        while (xc_audio_recv_take_played(receiver, &played))
            wait_max_ms = fmax(wait_max_ms, (double)(played.played - played.received) * 1e-6);
    }
    xc_audio_recv_counters(receiver, &counters);
}

static double level_db(double from_ms, double to_ms)
{
    double sum = 0;
    uint32_t from = (uint32_t)(from_ms * 48), to = (uint32_t)(to_ms * 48);
    for (uint32_t i = from; i < to; i++)
        sum += (double)heard[i * channels] * heard[i * channels];
    return 10 * log10(sum / (to - from) + 1e-20);
}

/* The loudest and the softest 20 ms of a stretch. */
static void extremes_db(double from_ms, double to_ms, double *low, double *high)
{
    *low = 1000;
    *high = -1000;
    for (double at = from_ms; at + 20 <= to_ms; at += 20) {
        *low = fmin(*low, level_db(at, at + 20));
        *high = fmax(*high, level_db(at, at + 20));
    }
}

static float steepest(double from_ms, double to_ms)
{
    float step = 0;
    for (uint32_t i = (uint32_t)(from_ms * 48) + 1; i < (uint32_t)(to_ms * 48); i++)
        step = fmaxf(step, fabsf(heard[i] - heard[i - 1]));
    return step;
}

/* Voice and pauses with a background; nothing is lost. */
static void talks_and_pauses(void **state)
{
    (void)state;
    static const double backgrounds[] = {0, 0.001, 0.003};
    for (int b = 0; b < 3; b++) {
        open_call(32000, true);
        for (int turn = 0; turn < 5; turn++) {
            run_call((struct scene){true, backgrounds[b]}, 2000);
            run_call((struct scene){false, backgrounds[b]}, 4000);
        }
        run_call((struct scene){true, backgrounds[b]}, 2000);
        assert_int_equal(counters.concealed_samples, 0);
        assert_int_equal(counters.concealment_events, 0);
        assert_int_equal(counters.packets_late + counters.packets_discarded, 0);
        assert_int_equal(counters.decode_errors, 0);
        assert_true(counters.comfort_noise_samples > 48 * 5 * 2000);
        assert_true(sent_packets < 5 * 200 && gaps >= 5 * 5);
        assert_in_range(markers, 6, 12); /* one a talkspurt, none for a refresh */
        assert_true(counters.target_delay_ms < 1);
        assert_true(wait_max_ms < 25);
        assert_true(counters.inserted_samples_for_deceleration < 48 * 100);
        for (int turn = 0; turn < 5; turn++) {
            double pause = turn * 6000 + 2000, next = pause + 4000;
            double low, high, wanted = 20 * log10(backgrounds[b] / sqrt(3) + 1e-10);
            extremes_db(pause + 700, next, &low, &high);
            double mean = level_db(pause + 700, next);
            if (b == 0) {
                assert_true(high < -70);
            } else { /* the codec itself takes some of the noise away */
                print_message("noise %.1f dB: %.1f, %.1f..%.1f\n", wanted, mean, low, high);
                assert_true(mean < wanted + 2 && mean > wanted - 8);
                assert_true(high - low < 9);
                assert_true((double)steepest(pause + 700, next) < backgrounds[b] * 4);
            }
            /* The first 60 ms of the voice are there, as they are in the middle of it. */
            double start = next + (double)NETWORK / MS + 40;
            assert_true(level_db(start, start + 60) > -32);
        }
        close_call();
    }
}

/* The same with packets lost: only they count, a lost refresh is not heard. */
static void lost_refreshes(void **state)
{
    (void)state;
    open_call(32000, true);
    lose_every = 3;
    run_call((struct scene){true, 0.002}, 2000);
    run_call((struct scene){false, 0.002}, 1000);
    uint64_t concealed = counters.concealed_samples, events = counters.concealment_events;
    uint32_t packets = sent_packets;
    run_call((struct scene){false, 0.002}, 20000);
    assert_in_range(sent_packets - packets, 30, 100);
    double low, high;
    extremes_db(3000, 23000, &low, &high);
    print_message("%.1f..%.1f dB\n", low, high);
    assert_true(high - low < 9);
    uint32_t lost = (sent_packets - packets) / 3 + 1;
    assert_in_range(counters.concealed_samples - concealed, 960, lost * 960 + 960);
    assert_in_range(counters.concealment_events - events, 1, lost + 1);
    close_call();
}

/* A background that changes its level is followed at its refreshes, in steps that are not heard. */
static void the_level_follows(void **state)
{
    (void)state;
    open_call(32000, true);
    run_call((struct scene){true, 0.008}, 2000);
    run_call((struct scene){false, 0.008}, 6000);
    double before = level_db(6000, 8000);
    run_call((struct scene){false, 0.003}, 10000);
    double after = level_db(15000, 18000);
    print_message("%.1f dB, then %.1f dB\n", before, after);
    assert_true(fabs(before - after - 8.5) < 4);
    assert_int_equal(counters.concealed_samples, 0);
    close_call();
}

/* What the sender stopped in the middle of (mute by not writing) is no background. */
static void a_host_that_stops_in_a_word(void **state)
{
    (void)state;
    open_call(32000, false);
    run_call((struct scene){true, 0.001}, 2000);
    uint64_t until = now + 1000 * MS;
    while (now < until) {
        now += 10 * MS;
        receive_frames();
        xc_audio_recv_read(receiver, now, NULL, NULL, heard + heard_frames, BLOCK, false);
        heard_frames += BLOCK;
    }
    assert_true(level_db(2400, 3000) < -60);
    uint64_t concealed = counters.concealed_samples;
    run_call((struct scene){true, 0.001}, 2000);
    assert_true(counters.concealed_samples - concealed < 48 * 250);
    assert_true(level_db(3200, 5000) > -30);
    assert_true(counters.target_delay_ms < 1);
    close_call();
}

/* Jitter on top: the target stays what it is without the silence. */
static void jitter_is_measured_as_without(void **state)
{
    (void)state;
    double targets[2];
    for (int dtx = 0; dtx < 2; dtx++) {
        open_call(32000, dtx == 1);
        struct xc_rng jitter;
        xc_rng_init_number(&jitter, 5);
        for (uint32_t i = 0; i < 3000; i++) {
            uint32_t before = queued;
            run_call((struct scene){i / 200 % 3 == 0, 0.004}, 10);
            for (uint32_t k = before; k < queued; k++)
                queue[k].arrival += xc_rng_below(&jitter, 20) * MS;
        }
        targets[dtx] = counters.target_delay_ms;
        close_call();
    }
    print_message("target %.1f ms, with DTX %.1f ms\n", targets[0], targets[1]);
    assert_true(fabs(targets[0] - targets[1]) < 8);
}

/* --- stereo ----------------------------------------------------------------------------------- */

static double tone_part(const float *samples, uint32_t frames, uint32_t step, double hz)
{
    double re = 0, im = 0;
    for (uint32_t i = 0; i < frames; i++) {
        re += (double)samples[i * step] * cos(2 * TONE_PI * hz * i / 48000);
        im += (double)samples[i * step] * sin(2 * TONE_PI * hz * i / 48000);
    }
    return 2 * sqrt(re * re + im * im) / frames;
}

/* 500 Hz on the left, 1100 Hz on the right. */
static void run_stereo(uint32_t ms)
{
    float block[BLOCK * 2];
    for (uint32_t done = 0; done < ms; done += 10) {
        now += 10 * MS;
        uint64_t at = (now - T0) / MS * 48;
        for (uint32_t i = 0; i < BLOCK; i++) {
            block[2 * i] = (float)(0.4 * sin(2 * TONE_PI * 500 * (double)(at + i) / 48000));
            block[2 * i + 1] = (float)(0.4 * sin(2 * TONE_PI * 1100 * (double)(at + i) / 48000));
        }
        assert_true(xc_audio_send_write(sender, now, now - 10 * MS, block, BLOCK));
        send_frames();
        receive_frames();
        xc_audio_recv_read(receiver, now, NULL, NULL, heard + (size_t)heard_frames * channels,
                           BLOCK, false);
        heard_frames += BLOCK;
    }
}

static bool is_stereo(void)
{
    assert_true(queued > 0);
    return (queue[queued - 1].bytes[0] & 4) != 0; /* RFC 6716 section 3.1 */
}

static void left_is_left_and_right_is_right(void **state)
{
    (void)state;
    channels = 2;
    struct xc_audio_settings settings = {.bitrate_bps = 64000, .complexity = 5, .channels = 2};
    open_roads(2, &settings);
    run_stereo(2000);
    assert_true(is_stereo());
    const float *last = heard + (size_t)(heard_frames - 24000) * 2;
    assert_true(tone_part(last, 24000, 2, 500) > 0.3 && tone_part(last + 1, 24000, 2, 1100) > 0.3);
    assert_true(tone_part(last + 1, 24000, 2, 500) < 0.03 &&
                tone_part(last, 24000, 2, 1100) < 0.03);
    /* The peer takes mono from here on: both tones in both channels, at half. */
    settings.channels = 1;
    xc_audio_send_set(sender, &settings);
    run_stereo(2000);
    assert_false(is_stereo());
    last = heard + (size_t)(heard_frames - 24000) * 2;
    for (int c = 0; c < 2; c++) {
        assert_true(fabs(tone_part(last + c, 24000, 2, 500) - 0.2) < 0.05);
        assert_true(fabs(tone_part(last + c, 24000, 2, 1100) - 0.2) < 0.05);
    }
    settings.channels = 2;
    xc_audio_send_set(sender, &settings);
    run_stereo(2000);
    assert_true(is_stereo());
    last = heard + (size_t)(heard_frames - 24000) * 2;
    assert_true(tone_part(last, 24000, 2, 500) > 0.3 && tone_part(last, 24000, 2, 1100) < 0.03);
    assert_true(tone_part(last + 1, 24000, 2, 1100) > 0.3);
    close_call();
}

static void stereo_into_one_channel_and_back(void **state)
{
    (void)state;
    channels = 1; /* the host hears one channel of a stereo stream */
    struct xc_audio_settings settings = {.bitrate_bps = 64000, .complexity = 5};
    open_roads(2, &settings);
    run_stereo(2000);
    assert_true(is_stereo());
    const float *last = heard + heard_frames - 24000;
    assert_true(fabs(tone_part(last, 24000, 1, 500) - 0.2) < 0.05);
    assert_true(fabs(tone_part(last, 24000, 1, 1100) - 0.2) < 0.05);
    close_call();
    channels = 2; /* and two of a mono one */
    open_roads(1, &settings);
    run_call((struct scene){true, 0}, 1000);
    for (uint32_t i = 24000; i < 48000; i++)
        assert_true(fabsf(heard[2 * i] - heard[2 * i + 1]) < 1e-6f);
    assert_true(level_db(500, 1000) > -30);
    close_call();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks_and_pauses),
        cmocka_unit_test(lost_refreshes),
        cmocka_unit_test(the_level_follows),
        cmocka_unit_test(a_host_that_stops_in_a_word),
        cmocka_unit_test(jitter_is_measured_as_without),
        cmocka_unit_test(left_is_left_and_right_is_right),
        cmocka_unit_test(stereo_into_one_channel_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
