/* test_opus_behaviour.c - what the Opus settings that a call offers really do, on a voice: how many
 * packets carry a copy of the one before them (in-band FEC), what that costs, what low delay takes
 * away, what DTX sends in silence. Prints the table of docs/promises.md and asserts its shape, so
 * that another version of libopus that behaves otherwise is noticed. Thread: its own.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "media/audio_codec.h"

#define RATE 48000u
#define SECONDS 10u

/* Pulses at the pitch of a voice, a little noise, two formants, three syllables a second. */
struct voice {
    struct xc_rng rng;
    uint64_t at;
    double pitch, formant[2][2];
};

static float speak(struct voice *v)
{
    static const double formants[2][3] = {{600, 0.985, 0.3}, {1500, 0.980, 0.2}};
    double t = (double)v->at++ / RATE, sum = 0;
    v->pitch += (110 + 25 * sin(4.4 * t)) / RATE;
    double pulse = v->pitch >= 1 ? 1 : 0;
    v->pitch -= pulse;
    pulse += 0.02 * (xc_rng_unit(&v->rng) - 0.5);
    for (int i = 0; i < 2; i++) {
        double *y = v->formant[i], r = formants[i][1];
        double next = formants[i][2] * pulse + 2 * r * cos(6.2832 * formants[i][0] / RATE) * y[0] -
                      r * r * y[1];
        y[1] = y[0];
        y[0] = next;
        sum += next;
    }
    double syllable = 0.5 + 0.5 * sin(18.8 * t);
    return (float)(0.25 * sum * (syllable < 0.15 ? 0.02 : syllable));
}

struct outcome {
    uint32_t packets, copies, bytes, nothing; /* nothing: calls that gave no packet */
    uint32_t lookahead;
};

static struct outcome encode(const struct xc_audio_settings *settings, uint32_t frame_ms,
                             bool silence)
{
    struct voice voice = {0};
    struct outcome outcome = {0};
    float samples[RATE / 1000 * 60];
    uint8_t packet[XC_AUDIO_PACKET_MAX];
    uint32_t frames = RATE / 1000 * frame_ms;
    void *encoder = calloc(1, xc_opus.encoder_size(1));
    assert_non_null(encoder);
    assert_true(xc_opus.encoder_init(encoder, RATE, 1, settings, 0));
    xc_rng_init_number(&voice.rng, 1);
    for (uint32_t n = 0; n < SECONDS * 1000 / frame_ms; n++) {
        for (uint32_t i = 0; i < frames; i++)
            samples[i] = silence ? 0 : speak(&voice);
        int size = xc_opus.encode(encoder, samples, frames, packet, sizeof packet);
        assert_true(size >= 0);
        outcome.packets += size > 0;
        outcome.nothing += size == 0;
        outcome.bytes += (uint32_t)size;
        outcome.copies += size > 0 && xc_opus.has_fec(xc_span_make(packet, (size_t)size));
    }
    outcome.lookahead = xc_opus.lookahead(encoder);
    free(encoder);
    return outcome;
}

static uint32_t percent(const struct outcome *o)
{
    return 100 * o->copies / o->packets;
}

static void test_copies(void **state)
{
    (void)state;
    static const uint32_t bitrates[] = {12000, 16000, 20000, 24000, 32000, 48000, 64000};
    for (uint32_t frame_ms = 10; frame_ms <= 20; frame_ms += 10) {
        for (size_t i = 0; i < XC_ARRAY_LEN(bitrates); i++) {
            struct xc_audio_settings s = {.bitrate_bps = bitrates[i], .complexity = 5, .fec = true};
            struct outcome clean = encode(&s, frame_ms, false);
            s.loss_percent = 10;
            struct outcome lossy = encode(&s, frame_ms, false);
            print_message("| %u ms | %u kb/s | %u %% | %u %% | %+d %% |\n", frame_ms,
                          bitrates[i] / 1000, percent(&clean), percent(&lossy),
                          (int)(100 * lossy.bytes / clean.bytes) - 100);
            assert_int_equal(clean.copies, 0);
            if (bitrates[i] >= 24000)
                assert_in_range(percent(&lossy), 60, 100);
            if (bitrates[i] <= 16000)
                assert_int_equal(lossy.copies, 0); /* too little room */
        }
    }
}

static void test_low_delay(void **state)
{
    (void)state;
    struct xc_audio_settings s = {.bitrate_bps = 32000, .complexity = 5, .fec = true};
    s.loss_percent = 10;
    struct outcome usual = encode(&s, 20, false);
    s.low_delay = true;
    struct outcome low = encode(&s, 20, false);
    print_message("| look-ahead | %.1f ms | low delay %.1f ms, copies %u %% |\n",
                  usual.lookahead / 48.0, low.lookahead / 48.0, percent(&low));
    assert_int_equal(usual.lookahead, 312);
    assert_int_equal(low.lookahead, 120);
    assert_int_equal(low.copies, 0);
}

static void test_dtx(void **state)
{
    (void)state;
    struct xc_audio_settings s = {.bitrate_bps = 32000, .complexity = 5};
    struct outcome without = encode(&s, 20, true), spoken;
    s.dtx = true;
    struct outcome with = encode(&s, 20, true);
    spoken = encode(&s, 20, false);
    print_message("| 10 s of silence | %u packets | DTX %u packets |\n", without.packets,
                  with.packets);
    assert_int_equal(without.packets, SECONDS * 50);
    assert_in_range(with.packets, 10, SECONDS * 50 / 10); /* 10 at first, then one each 420 ms */
    assert_int_equal(with.packets + with.nothing, SECONDS * 50);
    assert_int_equal(spoken.nothing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_low_delay),
        cmocka_unit_test(test_dtx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
