/* test_vpx.c - VP8 by libvpx: round trips of moving pictures, changes in mid-stream, what is refused
 * before it reaches the codec, and every allocation failing once.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "video_model.h"
#include "wire/vp8.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#define FRAME_INTERVAL 3000 /* 90 kHz at 30 pictures a second */

static uint8_t coded_bytes[XC_VIDEO_FRAME_MAX];

struct rig {
    void *encoder, *decoder;
    struct xc_video_settings settings;
    uint32_t n, timestamp;
    struct xc_video_coded coded;
    double psnr;
};

static struct xc_video_settings settings_of(uint32_t width, uint32_t height, uint32_t bitrate)
{
    return (struct xc_video_settings){
        .width = width, .height = height, .bitrate_bps = bitrate, .frame_rate = 30};
}

static void rig_open(struct rig *rig, uint32_t width, uint32_t height, uint32_t bitrate)
{
    memset(rig, 0, sizeof *rig);
    rig->settings = settings_of(width, height, bitrate);
    rig->encoder = xc_vp8.encoder_create(&rig->settings, 0);
    rig->decoder = xc_vp8.decoder_create(1280, 720);
    assert_non_null(rig->encoder);
    assert_non_null(rig->decoder);
}

static void rig_close(struct rig *rig)
{
    xc_vp8.encoder_destroy(rig->encoder);
    xc_vp8.decoder_destroy(rig->decoder);
}

/* Encodes the film's next picture and decodes it. */
static void rig_step(struct rig *rig, bool force_key)
{
    struct xc_picture in = model_picture(XC_PIXEL_I420, rig->settings.width, rig->settings.height);
    struct xc_picture out;
    model_draw(&in, rig->n++);
    rig->timestamp += FRAME_INTERVAL;
    assert_int_equal(xc_vp8.encode(rig->encoder, &in, rig->timestamp, force_key, coded_bytes,
                                   sizeof coded_bytes, &rig->coded),
                     0);
    if (rig->coded.size) {
        struct xc_span frame = xc_span_make(coded_bytes, rig->coded.size);
        assert_int_equal(xc_vp8.decode(rig->decoder, frame, &out), 0);
        assert_int_equal(out.width, in.width);
        assert_int_equal(out.height, in.height);
        rig->psnr = model_psnr(&in, &out);
    }
    free(in.planes[0]);
}

static void films_come_back(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {{320, 180}, {180, 320}, {321, 181}, {33, 17},
                                        {16, 16},   {2, 2},     {176, 145}, {63, 129}};
    for (size_t i = 0; i < XC_ARRAY_LEN(sides); i++) {
        struct rig rig;
        rig_open(&rig, sides[i][0], sides[i][1], 800000);
        for (int n = 0; n < 20; n++) {
            rig_step(&rig, false);
            assert_true(rig.coded.size > 0);
            assert_int_equal(rig.coded.key, n == 0);
            if (rig.psnr < 28)
                fail_msg("%ux%u frame %d: %.1f dB", sides[i][0], sides[i][1], n, rig.psnr);
        }
        rig_close(&rig);
    }
}

static void key_frames_only_on_request(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 160, 90, 300000);
    uint32_t keys = 0;
    for (uint32_t n = 0; n < 300; n++) {
        rig.n = n / 20 * 1000 + n; /* a cut every 20 pictures */
        rig_step(&rig, n == 150);
        keys += rig.coded.key;
        assert_int_equal(rig.coded.key, n == 0 || n == 150);
    }
    assert_int_equal(keys, 2);
    rig_close(&rig);
}

static void size_changes_in_mid_stream(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {{320, 180}, {160, 90},  {320, 180}, {161, 91}, {480, 270},
                                        {270, 480}, {480, 270}, {641, 361}, {64, 48},  {640, 48}};
    struct rig rig;
    rig_open(&rig, 320, 180, 600000);
    for (size_t i = 0; i < XC_ARRAY_LEN(sides); i++) {
        rig.settings.width = sides[i][0];
        rig.settings.height = sides[i][1];
        assert_true(xc_vp8.encoder_set(rig.encoder, &rig.settings));
        for (int n = 0; n < 5; n++) {
            rig_step(&rig, false);
            assert_int_equal(rig.coded.key, n == 0);
            assert_true(rig.psnr > 26);
        }
    }
    rig_close(&rig);
}

static size_t bytes_of(struct rig *rig, int frames)
{
    size_t bytes = 0;
    for (int n = 0; n < frames; n++) {
        rig_step(rig, false);
        bytes += rig->coded.size;
    }
    return bytes;
}

static void bitrate_is_followed(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 320, 180, 400000);
    bytes_of(&rig, 30);
    size_t high = bytes_of(&rig, 60);
    rig.settings.bitrate_bps = 100000;
    assert_true(xc_vp8.encoder_set(rig.encoder, &rig.settings));
    bytes_of(&rig, 30);
    size_t low = bytes_of(&rig, 60);
    assert_false(rig.coded.key);
    assert_in_range(high * 8 / 2, 280000, 520000);
    assert_in_range(low * 8 / 2, 60000, 140000);
    rig_close(&rig);
}

static void rate_control_drops_only_when_told(void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct rig rig;
        rig_open(&rig, 640, 360, 30000); /* far too little */
        rig.settings.drop_frames = variant > 0;
        rig.settings.screen = variant == 2;
        assert_true(xc_vp8.encoder_set(rig.encoder, &rig.settings));
        int dropped = 0;
        for (int n = 0; n < 60; n++) {
            rig_step(&rig, false);
            dropped += rig.coded.size == 0;
        }
        if (variant == 1)
            assert_true(dropped > 5);
        else
            assert_int_equal(dropped, 0);
        rig_close(&rig);
    }
}

static void strange_timestamps_do_no_harm(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 64, 48, 100000);
    static const uint32_t stamps[] = {5,          5, 4,          0,          UINT32_MAX, 0x80000000,
                                      0x7fffffff, 1, 0xf0000000, 0x10000000, 0x10000001};
    for (size_t i = 0; i < XC_ARRAY_LEN(stamps); i++) {
        rig.timestamp = stamps[i] - FRAME_INTERVAL;
        rig_step(&rig, false);
        assert_true(rig.coded.size > 0);
        assert_int_equal(rig.coded.key, i == 0);
    }
    rig_close(&rig);
}

static void a_frame_that_does_not_fit_breaks_the_chain(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 320, 180, 800000);
    rig_step(&rig, false);
    struct xc_picture in = model_picture(XC_PIXEL_I420, 320, 180);
    model_draw(&in, 50);
    struct xc_video_coded coded;
    uint8_t small[16];
    assert_true(xc_vp8.encode(rig.encoder, &in, 100000, false, small, sizeof small, &coded) < 0);
    assert_int_equal(coded.size, 0);
    rig.timestamp = 200000;
    rig_step(&rig, false);
    assert_true(rig.coded.key);
    rig_step(&rig, false);
    assert_false(rig.coded.key);
    free(in.planes[0]);
    rig_close(&rig);
}

static void wrong_pictures_and_settings_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 64, 48, 100000);
    struct xc_video_coded coded;
    struct xc_picture p = model_picture(XC_PIXEL_I420, 64, 50);
    assert_true(xc_vp8.encode(rig.encoder, &p, 1, false, coded_bytes, 1000, &coded) < 0);
    struct xc_picture nv12 = model_picture(XC_PIXEL_NV12, 64, 48);
    assert_true(xc_vp8.encode(rig.encoder, &nv12, 1, false, coded_bytes, 1000, &coded) < 0);
    struct xc_video_settings s = rig.settings;
    s.width = 5000;
    assert_false(xc_vp8.encoder_set(rig.encoder, &s));
    assert_null(xc_vp8.encoder_create(&s, 0));
    s = rig.settings;
    s.frame_rate = 0;
    assert_false(xc_vp8.encoder_set(rig.encoder, &s));
    assert_null(xc_vp8.decoder_create(0, 100));
    assert_null(xc_vp8.decoder_create(100, 5000));
    rig_step(&rig, false);
    assert_true(rig.coded.key);
    free(p.planes[0]);
    free(nv12.planes[0]);
    rig_close(&rig);
    xc_vp8.encoder_destroy(NULL);
    xc_vp8.decoder_destroy(NULL);
}

static void the_decoder_refuses_what_is_too_large(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_picture out;
    rig_open(&rig, 320, 180, 300000);
    rig_step(&rig, false);
    struct xc_span key = xc_span_make(coded_bytes, rig.coded.size);
    void *small = xc_vp8.decoder_create(319, 180);
    assert_true(xc_vp8.decode(small, key, &out) < 0);
    xc_vp8.decoder_destroy(small);
    void *turned = xc_vp8.decoder_create(180, 320); /* either orientation */
    assert_int_equal(xc_vp8.decode(turned, key, &out), 0);
    /* 16383 x 16383 in the header */
    coded_bytes[6] = coded_bytes[8] = 0xff;
    coded_bytes[7] = coded_bytes[9] = 0x3f;
    assert_true(xc_vp8.decode(turned, key, &out) < 0);
    xc_vp8.decoder_destroy(turned);
    rig_close(&rig);
}

static void after_an_error_only_a_key_frame_helps(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_picture out;
    rig_open(&rig, 160, 90, 300000);
    void *late = xc_vp8.decoder_create(1280, 720);
    rig_step(&rig, false);
    rig_step(&rig, false);
    struct xc_span frame = xc_span_make(coded_bytes, rig.coded.size);
    assert_false(rig.coded.key);
    assert_true(xc_vp8.decode(late, frame, &out) < 0); /* never saw a key frame */
    assert_true(xc_vp8.decode(rig.decoder, xc_span_make(coded_bytes, 0), &out) < 0);
    assert_true(xc_vp8.decode(rig.decoder, frame, &out) < 0); /* error before */
    rig_step(&rig, true);
    assert_int_equal(xc_vp8.decode(late, xc_span_make(coded_bytes, rig.coded.size), &out), 0);
    rig_step(&rig, false);
    assert_int_equal(xc_vp8.decode(late, xc_span_make(coded_bytes, rig.coded.size), &out), 0);
    xc_vp8.decoder_destroy(late);
    rig_close(&rig);
}

static void damaged_frames_never_crash(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 7);
    rig_open(&rig, 97, 61, 300000);
    void *decoder = xc_vp8.decoder_create(128, 128);
    for (uint32_t n = 0; n < 300; n++) {
        rig_step(&rig, n % 3 == 0);
        size_t size = rig.coded.size;
        uint8_t *copy = malloc(size + 1); /* ASan guards its end */
        memcpy(copy, coded_bytes, size);
        uint32_t flips = xc_rng_below(&rng, 4);
        for (uint32_t i = 0; i < flips; i++)
            copy[xc_rng_below(&rng, (uint32_t)size)] ^= (uint8_t)xc_rng_u32(&rng);
        if (xc_rng_below(&rng, 3) == 0)
            size = xc_rng_below(&rng, (uint32_t)size + 1);
        struct xc_picture out;
        int result = xc_vp8.decode(decoder, xc_span_make(copy, size), &out);
        if (result == 0) {
            assert_true(xc_picture_valid(&out));
            assert_true(xc_picture_fits(out.width, out.height, 128, 128));
            struct xc_picture kept = model_picture(XC_PIXEL_I420, out.width, out.height);
            xc_picture_copy(&kept, &out);
            free(kept.planes[0]);
        }
        free(copy);
    }
    xc_vp8.decoder_destroy(decoder);
    rig_close(&rig);
}

/* Whatever is left out of the upper layers, the rest decodes, and as well as at the encoder: what the
 * base refers to is the base alone. */
static void upper_layers_may_be_left_out(void **state)
{
    (void)state;
    static const uint8_t ids[2][4] = {{0, 1, 0, 1}, {0, 2, 1, 2}};
    for (uint8_t layers = 2; layers <= 3; layers++) {
        void *decoders[3];
        struct rig rig;
        rig_open(&rig, 161, 91, 400000);
        rig.settings.temporal_layers = layers;
        assert_true(xc_vp8.encoder_set(rig.encoder, &rig.settings));
        for (uint32_t keep = 0; keep < layers; keep++)
            decoders[keep] = xc_vp8.decoder_create(320, 180);
        uint32_t place = 0;
        size_t bytes[3] = {0};
        for (uint32_t n = 0; n < 120; n++) {
            struct xc_picture film = model_picture(XC_PIXEL_I420, 161, 91), out;
            bool force = n == 50 || n == 51;
            model_draw(&film, n);
            rig_step(&rig, force);
            assert_true(rig.coded.size > 0 && rig.coded.layered);
            assert_int_equal(rig.coded.key, n == 0 || force);
            place = rig.coded.key ? 0 : place + 1;
            uint8_t id = ids[layers - 2][place % 4];
            assert_int_equal(rig.coded.temporal_id, id);
            assert_int_equal(rig.coded.not_reference, place % 2);
            assert_int_equal(rig.coded.layer_sync,
                             rig.coded.key || (id && !(layers == 3 && place % 4 == 3)));
            bytes[id] += rig.coded.size;
            for (uint32_t keep = id; keep < layers; keep++) {
                struct xc_span frame = xc_span_make(coded_bytes, rig.coded.size);
                assert_int_equal(xc_vp8.decode(decoders[keep], frame, &out), 0);
                double psnr = model_psnr(&film, &out);
                if (psnr < 27 || psnr != rig.psnr)
                    fail_msg("%u layers, up to %u kept, frame %u: %.1f dB instead of %.1f", layers,
                             keep, n, psnr, rig.psnr);
            }
            free(film.planes[0]);
        }
        assert_true(bytes[0] > bytes[1]);
        for (uint32_t keep = 0; keep < layers; keep++)
            xc_vp8.decoder_destroy(decoders[keep]);
        rig_close(&rig);
    }
}

static void layers_change_in_mid_stream(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, 160, 90, 300000);
    static const uint8_t counts[] = {1, 3, 2, 0, 9, 1};
    for (size_t i = 0; i < XC_ARRAY_LEN(counts); i++) {
        rig.settings.temporal_layers = counts[i];
        rig.settings.width = 160 - 2 * (uint32_t)i; /* another size in the midst of a pattern */
        assert_true(xc_vp8.encoder_set(rig.encoder, &rig.settings));
        for (int n = 0; n < 7; n++) {
            rig_step(&rig, false);
            assert_int_equal(rig.coded.key, n == 0);
            assert_int_equal(rig.coded.layered, counts[i] > 1);
            assert_true(rig.psnr > 27);
        }
    }
    rig_close(&rig);
}

/* Any order of changes; the heap is ASan's to watch. */
static void random_changes_of_settings(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct xc_rng rng;
        struct rig rig;
        xc_rng_init_number(&rng, seed);
        rig_open(&rig, 100, 100, 300000);
        for (int n = 0; n < 60; n++) {
            uint32_t what = xc_rng_below(&rng, 5);
            if (what == 0) {
                rig.settings.width = 2 + xc_rng_below(&rng, 300);
                rig.settings.height = 2 + xc_rng_below(&rng, 300);
            } else if (what == 1) {
                rig.settings.bitrate_bps = xc_rng_below(&rng, 3000000);
            } else if (what == 2) {
                rig.settings.frame_rate = 1 + xc_rng_below(&rng, 60);
                rig.settings.speed = (int32_t)xc_rng_below(&rng, 40) - 20;
            } else if (what == 3) {
                rig.settings.screen = !rig.settings.screen;
                rig.settings.drop_frames = !rig.settings.drop_frames;
                rig.settings.temporal_layers = (uint8_t)xc_rng_below(&rng, 5);
            }
            assert_true(xc_vp8.encoder_set(rig.encoder, &rig.settings));
            rig_step(&rig, xc_rng_below(&rng, 8) == 0);
        }
        rig_close(&rig);
    }
}

#ifndef SANITIZED
/* The executable's own malloc family stands before libc's for libvpx, too. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static long fail_at = -1; /* this many allocations succeed first; -1: all */
static long alive;

static bool refuse(void)
{
    if (fail_at < 0)
        return false;
    if (fail_at > 0) {
        fail_at--;
        return false;
    }
    fail_at = -1; /* one failure */
    return true;
}

void *malloc(size_t size)
{
    void *memory = refuse() ? NULL : __libc_malloc(size);
    alive += memory != NULL;
    return memory;
}

void *calloc(size_t count, size_t size)
{
    void *memory = refuse() ? NULL : __libc_calloc(count, size);
    alive += memory != NULL;
    return memory;
}

void *realloc(void *old, size_t size)
{
    if (refuse())
        return NULL;
    alive += old == NULL;
    return __libc_realloc(old, size);
}

void free(void *memory)
{
    alive -= memory != NULL;
    __libc_free(memory);
}

/* Makes, grows and uses codecs with the n-th allocation failing; true when none failed any more. */
static bool live_through(long n, struct xc_picture *small, struct xc_picture *large)
{
    struct xc_video_settings s = settings_of(small->width, small->height, 300000);
    struct xc_video_coded coded = {0};
    struct xc_picture out;
    long before = alive;
    fail_at = n;
    void *decoder = xc_vp8.decoder_create(640, 480);
    void *encoder = xc_vp8.encoder_create(&s, 0);
    uint32_t timestamp = 0;
    for (int round = 0; encoder && round < 4; round++) {
        struct xc_picture *p = round & 1 ? large : small;
        s.width = p->width;
        s.height = p->height;
        xc_vp8.encoder_set(encoder, &s);
        timestamp += FRAME_INTERVAL;
        if (xc_vp8.encode(encoder, p, timestamp, false, coded_bytes, sizeof coded_bytes, &coded) ||
            !coded.size || !decoder)
            continue;
        struct xc_span frame = xc_span_make(coded_bytes, coded.size);
        if (xc_vp8.decode(decoder, frame, &out) == 0)
            assert_int_equal(out.width, p->width);
    }
    bool done = fail_at >= 0;
    fail_at = -1;
    /* whatever failed, all is well afterwards */
    if (encoder) {
        assert_true(xc_vp8.encoder_set(encoder, &s));
        timestamp += FRAME_INTERVAL;
        assert_int_equal(
            xc_vp8.encode(encoder, large, timestamp, true, coded_bytes, sizeof coded_bytes, &coded),
            0);
        assert_true(coded.key);
        if (decoder)
            assert_int_equal(xc_vp8.decode(decoder, xc_span_make(coded_bytes, coded.size), &out),
                             0);
    }
    xc_vp8.encoder_destroy(encoder);
    xc_vp8.decoder_destroy(decoder);
    assert_int_equal(alive, before);
    return done;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct xc_picture small = model_picture(XC_PIXEL_I420, 64, 48);
    struct xc_picture large = model_picture(XC_PIXEL_I420, 96, 80);
    model_draw(&small, 0);
    model_draw(&large, 1);
    live_through(1000000, &small, &large); /* libvpx's one-time tables */
    long n = 0;
    while (!live_through(n, &small, &large)) {
        n++;
        assert_true(n < 5000);
    }
    assert_true(n > 20);
    free(small.planes[0]);
    free(large.planes[0]);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(films_come_back),
        cmocka_unit_test(key_frames_only_on_request),
        cmocka_unit_test(size_changes_in_mid_stream),
        cmocka_unit_test(bitrate_is_followed),
        cmocka_unit_test(rate_control_drops_only_when_told),
        cmocka_unit_test(strange_timestamps_do_no_harm),
        cmocka_unit_test(a_frame_that_does_not_fit_breaks_the_chain),
        cmocka_unit_test(wrong_pictures_and_settings_are_refused),
        cmocka_unit_test(the_decoder_refuses_what_is_too_large),
        cmocka_unit_test(after_an_error_only_a_key_frame_helps),
        cmocka_unit_test(damaged_frames_never_crash),
        cmocka_unit_test(upper_layers_may_be_left_out),
        cmocka_unit_test(layers_change_in_mid_stream),
        cmocka_unit_test(random_changes_of_settings),
#ifndef SANITIZED
        cmocka_unit_test(every_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
