/* test_opus.c - the codec behind struct xc_audio_codec: rates, settings, FEC, DTX, bad packets.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "media/audio_codec.h"

#define PACKETS 150

struct pair {
    void *encoder, *decoder;
    uint32_t rate, channels;
};

static struct xc_audio_settings speech(void)
{
    return (struct xc_audio_settings){.bitrate_bps = 32000, .complexity = 5};
}

static struct pair open_pair(uint32_t rate, uint32_t channels, struct xc_audio_settings settings)
{
    struct pair pair = {.encoder = malloc(xc_opus.encoder_size(channels)),
                        .decoder = malloc(xc_opus.decoder_size(channels)),
                        .rate = rate,
                        .channels = channels};
    assert_true(xc_opus.encoder_init(pair.encoder, rate, channels, &settings, 1));
    assert_true(xc_opus.decoder_init(pair.decoder, rate, channels));
    return pair;
}

static void close_pair(struct pair *pair)
{
    free(pair->encoder);
    free(pair->decoder);
}

/* Something voiced: LBRR copies are only made of speech. */
static float voice(double t)
{
    double sum = 0, pitch = 140 + 20 * sin(2 * t);
    for (int h = 1; h < 20; h++)
        sum += sin(2 * 3.14159265 * pitch * h * t) * exp(-0.15 * h);
    return (float)(0.1 * sum * (1 + sin(20 * t)));
}

static int encode(struct pair *pair, int index, uint32_t ms, uint8_t *packet)
{
    static float samples[48 * 60 * 2];
    uint32_t frames = pair->rate / 1000 * ms;
    for (uint32_t i = 0; i < frames; i++)
        for (uint32_t c = 0; c < pair->channels; c++)
            samples[i * pair->channels + c] =
                voice(((double)index * frames + i) / (double)pair->rate);
    return xc_opus.encode(pair->encoder, samples, frames, packet, XC_AUDIO_PACKET_MAX);
}

static void every_rate_and_length(void **state)
{
    (void)state;
    const uint32_t rates[] = {8000, 12000, 16000, 24000, 48000}, lengths[] = {10, 20, 40, 60};
    static float out[XC_AUDIO_PACKET_FRAMES_MAX * 2];
    for (size_t r = 0; r < 5; r++)
        for (uint32_t channels = 1; channels <= 2; channels++)
            for (size_t l = 0; l < 4; l++) {
                struct pair pair = open_pair(rates[r], channels, speech());
                uint32_t frames = rates[r] / 1000 * lengths[l];
                double energy = 0;
                for (int i = 0; i < 12; i++) {
                    uint8_t packet[XC_AUDIO_PACKET_MAX];
                    int size = encode(&pair, i, lengths[l], packet);
                    assert_true(size > 2);
                    struct xc_span span = xc_span_make(packet, (size_t)size);
                    assert_int_equal(xc_opus.packet_frames(span, rates[r]), frames);
                    assert_int_equal(xc_opus.packet_frames(span, 48000), 48 * lengths[l]);
                    assert_int_equal(xc_opus.decode(pair.decoder, span, out, frames), frames);
                    for (uint32_t k = 0; k < frames * channels; k++)
                        energy += (double)(out[k] * out[k]);
                }
                assert_true(energy / (12.0 * frames * channels) > 0.001);
                assert_in_range(xc_opus.lookahead(pair.encoder), rates[r] / 400, rates[r] / 100);
                close_pair(&pair);
            }
}

static uint32_t bytes_of(struct xc_audio_settings settings, uint32_t *copies)
{
    struct pair pair = open_pair(48000, 1, settings);
    uint32_t sum = 0;
    *copies = 0;
    for (int i = 0; i < PACKETS; i++) {
        uint8_t packet[XC_AUDIO_PACKET_MAX];
        int size = encode(&pair, i, 20, packet);
        sum += (uint32_t)size;
        *copies += xc_opus.has_fec(xc_span_make(packet, (size_t)size));
    }
    close_pair(&pair);
    return sum;
}

static void settings_do_something(void **state)
{
    (void)state;
    uint32_t copies;
    struct xc_audio_settings settings = speech();
    uint32_t at_32k = bytes_of(settings, &copies);
    assert_int_equal(copies, 0);
    settings.bitrate_bps = 16000;
    assert_true(bytes_of(settings, &copies) * 3 < at_32k * 2);
    settings = speech();
    settings.fec = true; /* without loss: no copies */
    bytes_of(settings, &copies);
    assert_int_equal(copies, 0);
    const uint32_t losses[] = {3, 5, 10, 20, 90};
    for (size_t i = 0; i < 5; i++) {
        settings.loss_percent = losses[i];
        bytes_of(settings, &copies);
        assert_in_range(copies, PACKETS / 2, PACKETS);
    }
    settings.low_delay = true; /* CELT only: never a copy */
    bytes_of(settings, &copies);
    assert_int_equal(copies, 0);
    struct pair pair = open_pair(48000, 1, settings);
    assert_int_equal(xc_opus.lookahead(pair.encoder), 120);
    close_pair(&pair);
    settings = speech();
    settings.music = true;
    assert_true(bytes_of(settings, &copies) > 0);
}

static void dtx_sends_nothing(void **state)
{
    (void)state;
    struct xc_audio_settings settings = speech();
    settings.dtx = true;
    struct pair pair = open_pair(48000, 1, settings);
    static const float silence[960];
    uint8_t packet[XC_AUDIO_PACKET_MAX];
    int sent = 0;
    for (int i = 0; i < 100; i++) {
        int size = xc_opus.encode(pair.encoder, silence, 960, packet, sizeof packet);
        assert_true(size == 0 || size > 2);
        sent += size > 0;
    }
    assert_in_range(sent, 1, 25);
    settings.dtx = false;
    xc_opus.encoder_set(pair.encoder, &settings);
    assert_true(xc_opus.encode(pair.encoder, silence, 960, packet, sizeof packet) > 0);
    close_pair(&pair);
}

static double distance(const float *a, const float *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)((a[i] - b[i]) * (a[i] - b[i]));
    return sum;
}

/* Two decoders see the same stream with every fifth packet lost; one uses the copies. */
static void copies_are_better_than_guesses(void **state)
{
    (void)state;
    struct xc_audio_settings settings = speech();
    settings.fec = true;
    settings.loss_percent = 20;
    struct pair with = open_pair(48000, 1, settings), without = open_pair(48000, 1, settings);
    struct pair whole = open_pair(48000, 1, settings);
    static uint8_t packets[PACKETS][XC_AUDIO_PACKET_MAX];
    int sizes[PACKETS];
    for (int i = 0; i < PACKETS; i++)
        sizes[i] = encode(&with, i, 20, packets[i]);
    double error_with = 0, error_without = 0;
    float right[960], copy[960], guess[960];
    for (int i = 0; i + 1 < PACKETS; i++) {
        struct xc_span packet = xc_span_make(packets[i], (size_t)sizes[i]);
        struct xc_span next = xc_span_make(packets[i + 1], (size_t)sizes[i + 1]);
        assert_int_equal(xc_opus.decode(whole.decoder, packet, right, 960), 960);
        if (i % 5 == 4 && xc_opus.has_fec(next)) {
            assert_int_equal(xc_opus.decode_fec(with.decoder, next, copy, 960), 960);
            assert_int_equal(xc_opus.conceal(without.decoder, guess, 960), 960);
            error_with += distance(right, copy, 960);
            error_without += distance(right, guess, 960);
        } else {
            xc_opus.decode(with.decoder, packet, copy, 960);
            xc_opus.decode(without.decoder, packet, guess, 960);
        }
    }
    assert_true(error_with < error_without * 0.6);
    close_pair(&with);
    close_pair(&without);
    close_pair(&whole);
}

static void bad_packets(void **state)
{
    (void)state;
    struct pair pair = open_pair(48000, 2, speech());
    static float out[XC_AUDIO_PACKET_FRAMES_MAX * 2];
    uint8_t packet[XC_AUDIO_PACKET_MAX];
    struct xc_span none = {NULL, 0};
    assert_int_equal(xc_opus.packet_frames(none, 48000), 0);
    assert_true(xc_opus.decode(pair.decoder, none, out, 960) < 0);
    assert_false(xc_opus.has_fec(none));
    int size = encode(&pair, 3, 20, packet);
    for (int n = 1; n < size; n++) { /* every truncation: an answer, no crash */
        uint8_t *exact = malloc((size_t)n);
        memcpy(exact, packet, (size_t)n);
        struct xc_span cut = xc_span_make(exact, (size_t)n);
        xc_opus.has_fec(cut);
        assert_true(xc_opus.packet_frames(cut, 48000) <= XC_AUDIO_PACKET_FRAMES_MAX);
        assert_true(xc_opus.decode(pair.decoder, cut, out, XC_AUDIO_PACKET_FRAMES_MAX) <= 960);
        free(exact);
    }
    struct xc_rng rng;
    xc_rng_init_number(&rng, 7);
    for (int i = 0; i < 3000; i++) {
        uint32_t n = 1 + xc_rng_below(&rng, 60);
        xc_rng_bytes(&rng, packet, n);
        struct xc_span random = xc_span_make(packet, n);
        uint32_t frames = xc_opus.packet_frames(random, 48000);
        assert_true(frames <= XC_AUDIO_PACKET_FRAMES_MAX);
        xc_opus.has_fec(random);
        assert_true(xc_opus.decode(pair.decoder, random, out, XC_AUDIO_PACKET_FRAMES_MAX) <=
                    XC_AUDIO_PACKET_FRAMES_MAX);
        if (frames)
            xc_opus.decode_fec(pair.decoder, random, out, 960);
    }
    assert_false(xc_opus.encoder_init(pair.encoder, 44100, 1, &(struct xc_audio_settings){0}, 0));
    assert_false(xc_opus.decoder_init(pair.decoder, 44100, 1));
    close_pair(&pair);
}

/* RFC 7587 section 6.1: what the peer cannot play is not sent. RFC 6716 section 3.1: the bandwidth
 * stands in the first byte. */
static void bandwidth_keeps_to_the_peers_rate(void **state)
{
    (void)state;
    static const uint32_t rates[] = {8000, 12000, 16000, 24000, 48000, 0};
    static const uint8_t most[] = {0, 1, 2, 3, 4, 4};
    for (size_t r = 0; r < XC_ARRAY_LEN(rates); r++) {
        struct xc_audio_settings settings = speech();
        settings.bitrate_bps = 64000;
        settings.max_playback_rate = rates[r];
        struct pair pair = open_pair(48000, 1, settings);
        uint8_t packet[XC_AUDIO_PACKET_MAX];
        for (int i = 0; i < 20; i++)
            assert_true(encode(&pair, i, 20, packet) > 2);
        int config = packet[0] >> 3;
        int band = config < 12   ? config / 4
                   : config < 16 ? 3 + (config - 12) / 2
                                 : (config - 16) / 4;
        if (config >= 16) /* CELT: narrow, wide, superwide, full */
            band = band == 0 ? 0 : band + 1;
        assert_true(band <= most[r]);
        assert_true(band == most[r] || rates[r] == 12000 || most[r] == 4);
        close_pair(&pair);
    }
}

static void constant_rate_has_one_size(void **state)
{
    (void)state;
    for (int cbr = 0; cbr < 2; cbr++) {
        struct xc_audio_settings settings = speech();
        settings.cbr = cbr == 1;
        struct pair pair = open_pair(48000, 1, settings);
        uint8_t packet[XC_AUDIO_PACKET_MAX];
        int least = XC_AUDIO_PACKET_MAX, most = 0;
        for (int i = 0; i < PACKETS; i++) {
            int size = encode(&pair, i, 20, packet);
            least = XC_MIN(least, size);
            most = XC_MAX(most, size);
        }
        if (cbr)
            assert_true(least == 80 && most == 80); /* 32 kb/s */
        else
            assert_true(most > least + 10);
        close_pair(&pair);
    }
}

/* Two channels, forced to one and back, and one that cannot become two. */
static void channels_change_at_run_time(void **state)
{
    (void)state;
    struct xc_audio_settings settings = speech();
    settings.bitrate_bps = 64000;
    struct pair pair = open_pair(48000, 2, settings);
    uint8_t packet[XC_AUDIO_PACKET_MAX];
    static const uint8_t wanted[] = {0, 1, 2, 1, 0};
    int index = 0;
    for (size_t k = 0; k < sizeof wanted; k++) {
        settings.channels = wanted[k];
        xc_opus.encoder_set(pair.encoder, &settings);
        for (int i = 0; i < 10; i++)
            assert_true(encode(&pair, index++, 20, packet) > 2);
        assert_int_equal((packet[0] & 4) != 0, wanted[k] != 1);
    }
    close_pair(&pair);
    settings.channels = 2;
    pair = open_pair(48000, 1, settings);
    assert_true(encode(&pair, 0, 20, packet) > 2);
    assert_true((packet[0] & 4) == 0);
    close_pair(&pair);
}

/* Voice is no background; what DTX begins in and its refreshes are; CELT does not say. */
static void background_is_told_from_voice(void **state)
{
    (void)state;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 1);
    for (uint32_t channels = 1; channels <= 2; channels++) {
        struct xc_audio_settings settings = speech();
        settings.dtx = true;
        settings.channels = 2;
        struct pair pair = open_pair(48000, channels, settings);
        uint8_t packet[XC_AUDIO_PACKET_MAX];
        int voiced = 0, quiet = 0, refreshes = 0;
        for (int i = 0; i < 50; i++) {
            int size = encode(&pair, i, 20, packet);
            voiced += !xc_opus.is_background(xc_span_make(packet, (size_t)size));
        }
        assert_true(voiced > 40);
        for (int i = 0; i < 400; i++) {
            static float samples[960 * 2];
            for (uint32_t k = 0; k < 960 * channels; k++)
                samples[k] = 0.001f * (2 * (float)xc_rng_unit(&rng) - 1);
            int size = xc_opus.encode(pair.encoder, samples, 960, packet, sizeof packet);
            assert_true(size == 0 || size > 2);
            if (i < 40 || size == 0)
                continue;
            refreshes++;
            quiet += !xc_opus.is_background(xc_span_make(packet, (size_t)size));
        }
        assert_in_range(refreshes, 10, 40);
        assert_int_equal(quiet, 0);
        close_pair(&pair);
    }
    const uint8_t celt[] = {0xfc, 0, 0}, bad[] = {0x7b, 0xff, 0xff};
    assert_false(xc_opus.is_background(xc_span_make(celt, sizeof celt)));
    for (size_t n = 0; n <= sizeof bad; n++)
        assert_false(xc_opus.is_background(xc_span_make(bad, n)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rate_and_length),
        cmocka_unit_test(settings_do_something),
        cmocka_unit_test(bandwidth_keeps_to_the_peers_rate),
        cmocka_unit_test(constant_rate_has_one_size),
        cmocka_unit_test(channels_change_at_run_time),
        cmocka_unit_test(background_is_told_from_voice),
        cmocka_unit_test(dtx_sends_nothing),
        cmocka_unit_test(copies_are_better_than_guesses),
        cmocka_unit_test(bad_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
