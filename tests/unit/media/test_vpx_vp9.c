/* test_vpx_vp9.c - VP9 by libvpx: round trips of moving pictures, changes in mid-stream, what is refused
 * before it reaches the codec, superframes, and frames that hide another one behind their end.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/rng.h"
#include "video_model.h"
#include "wire/vp9.h"

#define FRAME_INTERVAL 3000 /* 90 kHz at 30 pictures a second */

static uint8_t coded_bytes[XC_VIDEO_FRAME_MAX];

struct rig {
    void *encoder, *decoder;
    struct xc_video_settings settings;
    uint32_t n, timestamp;
    struct xc_video_coded coded;
    double psnr;
};

static void rig_open(struct rig *rig, uint32_t width, uint32_t height, uint32_t bitrate)
{
    memset(rig, 0, sizeof *rig);
    rig->settings = (struct xc_video_settings){
        .width = width, .height = height, .bitrate_bps = bitrate, .frame_rate = 30};
    rig->encoder = xc_vp9.encoder_create(&rig->settings, 0);
    rig->decoder = xc_vp9.decoder_create(1280, 720);
    assert_non_null(rig->encoder);
    assert_non_null(rig->decoder);
}

static void rig_close(struct rig *rig)
{
    xc_vp9.encoder_destroy(rig->encoder);
    xc_vp9.decoder_destroy(rig->decoder);
}

/* Encodes the film's next picture and decodes it. */
static void rig_step(struct rig *rig, bool force_key)
{
    struct xc_picture in = model_picture(XC_PIXEL_I420, rig->settings.width, rig->settings.height);
    struct xc_picture out;
    struct xc_vp9_frame look;
    model_draw(&in, rig->n++);
    rig->timestamp += FRAME_INTERVAL;
    assert_int_equal(xc_vp9.encode(rig->encoder, &in, rig->timestamp, force_key, coded_bytes,
                                   sizeof coded_bytes, &rig->coded),
                     0);
    if (rig->coded.size) {
        struct xc_span frame = xc_span_make(coded_bytes, rig->coded.size);
        assert_true(xc_vp9_frame_look(&look, frame));
        assert_int_equal(look.key, rig->coded.key);
        assert_true(look.show);
        assert_false(rig->coded.layered);
        if (look.key) {
            assert_int_equal(look.width, in.width);
            assert_int_equal(look.height, in.height);
        }
        assert_int_equal(xc_vp9.decode(rig->decoder, frame, &out), 0);
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
            assert_true(rig.coded.size > 0); /* none is held back */
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
    for (uint32_t n = 0; n < 200; n++) {
        rig.n = n / 20 * 1000 + n; /* a cut every 20 pictures */
        rig_step(&rig, n == 150);
        assert_int_equal(rig.coded.key, n == 0 || n == 150);
    }
    rig_close(&rig);
}

static void size_changes_in_mid_stream(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {{320, 180}, {160, 90},  {320, 180},  {161, 91},
                                        {480, 270}, {270, 480}, {480, 270},  {641, 361},
                                        {64, 48},   {640, 48},  {1280, 720}, {320, 180}};
    struct rig rig;
    rig_open(&rig, 320, 180, 600000);
    for (size_t i = 0; i < XC_ARRAY_LEN(sides); i++) {
        rig.settings.width = sides[i][0];
        rig.settings.height = sides[i][1];
        assert_true(xc_vp9.encoder_set(rig.encoder, &rig.settings));
        for (int n = 0; n < 4; n++) {
            rig_step(&rig, false);
            assert_int_equal(rig.coded.key, i + (size_t)n == 0 || (i > 0 && n == 0));
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
    rig_open(&rig, 320, 180, 300000);
    bytes_of(&rig, 45);
    size_t high = bytes_of(&rig, 60);
    rig.settings.bitrate_bps = 80000;
    assert_true(xc_vp9.encoder_set(rig.encoder, &rig.settings));
    bytes_of(&rig, 45);
    size_t low = bytes_of(&rig, 60);
    assert_false(rig.coded.key);
    assert_in_range(high * 8 / 2, 180000, 420000);
    assert_in_range(low * 8 / 2, 40000, 120000);
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
        assert_true(xc_vp9.encoder_set(rig.encoder, &rig.settings));
        int dropped = 0;
        for (int n = 0; n < 40; n++) {
            rig_step(&rig, false);
            dropped += rig.coded.size == 0;
        }
        if (variant == 1)
            assert_true(dropped > 3);
        else
            assert_int_equal(dropped, 0);
        rig_close(&rig);
    }
}

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
                rig.settings.temporal_layers = (uint8_t)xc_rng_below(&rng, 5); /* clamped to 1 */
            }
            assert_true(xc_vp9.encoder_set(rig.encoder, &rig.settings));
            rig_step(&rig, xc_rng_below(&rng, 8) == 0);
        }
        rig_close(&rig);
    }
}

static void after_an_error_only_a_key_frame_helps(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_picture out;
    rig_open(&rig, 160, 90, 300000);
    void *late = xc_vp9.decoder_create(1280, 720);
    rig_step(&rig, false);
    rig_step(&rig, false);
    struct xc_span frame = xc_span_make(coded_bytes, rig.coded.size);
    assert_true(xc_vp9.decode(late, frame, &out) < 0); /* never saw a key frame */
    assert_true(xc_vp9.decode(rig.decoder, xc_span_make(coded_bytes, 0), &out) < 0);
    assert_true(xc_vp9.decode(rig.decoder, frame, &out) < 0); /* error before */
    rig_step(&rig, true);
    assert_int_equal(xc_vp9.decode(late, xc_span_make(coded_bytes, rig.coded.size), &out), 0);
    rig_step(&rig, false);
    assert_int_equal(xc_vp9.decode(late, xc_span_make(coded_bytes, rig.coded.size), &out), 0);
    xc_vp9.decoder_destroy(late);
    rig_close(&rig);
    assert_null(xc_vp9.decoder_create(0, 100));
    xc_vp9.encoder_destroy(NULL);
    xc_vp9.decoder_destroy(NULL);
}

static void the_decoder_refuses_what_is_too_large(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_picture out;
    rig_open(&rig, 320, 180, 300000);
    rig_step(&rig, false);
    struct xc_span key = xc_span_make(coded_bytes, rig.coded.size);
    void *small = xc_vp9.decoder_create(319, 180);
    assert_true(xc_vp9.decode(small, key, &out) < 0);
    xc_vp9.decoder_destroy(small);
    void *turned = xc_vp9.decoder_create(180, 320); /* either orientation */
    assert_int_equal(xc_vp9.decode(turned, key, &out), 0);
    coded_bytes[4] |= 0x0f; /* 65536 x 65536 */
    memset(coded_bytes + 5, 0xff, 4);
    assert_true(xc_vp9.decode(turned, key, &out) < 0);
    /* an inter frame of its own size, after a good key frame */
    rig_step(&rig, true);
    assert_int_equal(xc_vp9.decode(turned, xc_span_make(coded_bytes, rig.coded.size), &out), 0);
    uint8_t inter[64] = {0x86, 0x00, 0x40, 0x00, 0x7f, 0xff, 0xff, 0xff, 0x80};
    assert_true(xc_vp9.decode(turned, xc_span_make(inter, sizeof inter), &out) < 0);
    xc_vp9.decoder_destroy(turned);
    rig_close(&rig);
}

/* What follows a frame's end is not decoded, whatever it is: only an index makes frames. */
static void nothing_hides_behind_a_frame(void **state)
{
    (void)state;
    static uint8_t both[2 * XC_VIDEO_FRAME_MAX];
    struct rig large, small;
    struct xc_picture out;
    rig_open(&small, 64, 48, 100000);
    rig_step(&small, false);
    size_t first = small.coded.size;
    memcpy(both, coded_bytes, first);
    rig_open(&large, 320, 180, 300000);
    rig_step(&large, false);
    size_t second = large.coded.size;
    memcpy(both + first, coded_bytes, second);
    void *decoder = xc_vp9.decoder_create(64, 48);
    assert_int_equal(xc_vp9.decode(decoder, xc_span_make(both, first + second), &out), 0);
    assert_int_equal(out.width, 64);
    /* with an index it is seen, and refused as a whole */
    uint32_t sizes[] = {(uint32_t)first, (uint32_t)second};
    size_t index = xc_vp9_superframe_write(sizes, 2, both + first + second, 64);
    struct xc_span whole = xc_span_make(both, first + second + index);
    assert_true(xc_vp9.decode(decoder, whole, &out) < 0);
    xc_vp9.decoder_destroy(decoder);
    /* by who may decode it the last one is shown */
    decoder = xc_vp9.decoder_create(320, 180);
    assert_int_equal(xc_vp9.decode(decoder, whole, &out), 0);
    assert_int_equal(out.width, 320);
    xc_vp9.decoder_destroy(decoder);
    rig_close(&large);
    rig_close(&small);
}

static void damaged_frames_never_crash(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_rng rng;
    xc_rng_init_number(&rng, 7);
    rig_open(&rig, 97, 61, 300000);
    void *decoder = xc_vp9.decoder_create(128, 128);
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
        if (xc_vp9.decode(decoder, xc_span_make(copy, size), &out) == 0) {
            assert_true(xc_picture_valid(&out));
            assert_true(xc_picture_fits(out.width, out.height, 128, 128));
            struct xc_picture kept = model_picture(XC_PIXEL_I420, out.width, out.height);
            xc_picture_copy(&kept, &out);
            free(kept.planes[0]);
        }
        free(copy);
    }
    xc_vp9.decoder_destroy(decoder);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(films_come_back),
        cmocka_unit_test(key_frames_only_on_request),
        cmocka_unit_test(size_changes_in_mid_stream),
        cmocka_unit_test(bitrate_is_followed),
        cmocka_unit_test(rate_control_drops_only_when_told),
        cmocka_unit_test(random_changes_of_settings),
        cmocka_unit_test(after_an_error_only_a_key_frame_helps),
        cmocka_unit_test(the_decoder_refuses_what_is_too_large),
        cmocka_unit_test(nothing_hides_behind_a_frame),
        cmocka_unit_test(damaged_frames_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
