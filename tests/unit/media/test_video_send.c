/* test_video_send.c - the sending road step by step with a model codec, once with VP8, and with its
 * three threads.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "media/video_send.h"
#include "video_model.h"

#define MS XC_NS_PER_MS
#define START (5 * XC_NS_PER_S)

struct rig {
    struct xc_arena arena;
    struct xc_video_send *send;
    uint64_t now;
};

static void rig_open_with(struct rig *rig, const struct xc_video_codec *const *codecs,
                          uint32_t width_max, uint32_t height_max, uint32_t width, uint32_t height)
{
    struct xc_video_send_config config = {
        .codecs = codecs,
        .width_max = width_max,
        .height_max = height_max,
        .settings = {.width = width, .height = height, .bitrate_bps = 300000, .frame_rate = 30},
        .seed = 0x7ffe,
    };
    memset(&model, 0, sizeof model);
    struct xc_arena measure = {0};
    assert_null(xc_video_send_create(&measure, &config));
    rig->arena = model_arena(measure.used);
    rig->send = xc_video_send_create(&rig->arena, &config);
    rig->now = START;
    assert_non_null(rig->send);
    assert_int_equal(rig->arena.used, measure.used);
}

static void rig_open(struct rig *rig)
{
    rig_open_with(rig, model_codecs, 320, 240, 160, 120);
}

static void rig_close(struct rig *rig)
{
    xc_video_send_destroy(rig->send);
    assert_int_equal(model.encoders, 0);
    free(rig->arena.memory);
}

/* Writes a grey picture of that luma. */
static bool write_grey(struct rig *rig, uint64_t capture, uint32_t width, uint32_t height,
                       uint8_t luma)
{
    struct xc_picture p = model_picture(XC_PIXEL_I420, width, height);
    xc_picture_fill_black(&p);
    memset(p.planes[0], luma, (size_t)p.strides[0] * height);
    bool ok = xc_video_send_write(rig->send, rig->now, capture, &p);
    free(p.planes[0]);
    return ok;
}

static bool encode(struct rig *rig)
{
    return xc_video_send_encode(rig->send, rig->now, NULL, NULL);
}

static struct xc_video_send_counters counters_of(const struct rig *rig)
{
    struct xc_video_send_counters c;
    xc_video_send_counters(rig->send, &c);
    return c;
}

/* The next frame's copy, released. */
static struct xc_video_frame take(struct rig *rig)
{
    const struct xc_video_frame *frame = xc_video_send_take(rig->send);
    assert_non_null(frame);
    struct xc_video_frame copy = *frame;
    assert_ptr_equal(xc_video_send_take(rig->send), frame); /* not gone before release */
    assert_int_equal(xc_video_send_take(rig->send)->picture_id, copy.picture_id);
    xc_video_send_release(rig->send);
    return copy;
}

static uint8_t luma_of(const struct xc_video_frame *frame)
{
    return frame->bytes[16];
}

static void memory_is_what_was_measured(void **state)
{
    (void)state;
    struct xc_video_send_config config = {
        .codecs = model_codecs,
        .width_max = 64,
        .height_max = 64,
        .settings = {.width = 64, .height = 64, .bitrate_bps = 1, .frame_rate = 30}};
    struct xc_arena measure = {0};
    xc_video_send_create(&measure, &config);
    struct xc_arena arena = model_arena(measure.used);
    arena.capacity--;
    assert_null(xc_video_send_create(&arena, &config));
    free(arena.memory);
    config.settings.width = 0;
    assert_null(xc_video_send_create(&measure, &config));
    config.settings.width = 64;
    config.settings.frame_rate = 61;
    assert_null(xc_video_send_create(&measure, &config));
    xc_video_send_destroy(NULL);
}

static void a_picture_goes_through(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    assert_true(xc_video_send_ready(rig.send)); /* the encoder is to be made */
    assert_false(encode(&rig));
    assert_int_equal(model.encoders, 1);
    assert_false(xc_video_send_ready(rig.send));
    assert_false(encode(&rig));
    assert_true(write_grey(&rig, START - 7 * MS, 160, 120, 77));
    assert_true(xc_video_send_ready(rig.send));
    rig.now += 3 * MS;
    assert_true(encode(&rig));
    assert_false(xc_video_send_ready(rig.send));
    struct xc_video_frame f = take(&rig);
    assert_null(xc_video_send_take(rig.send));
    assert_true(f.key);
    assert_int_equal(f.timestamp, 0);
    assert_int_equal(f.picture_id, 0x7ffe);
    assert_int_equal(f.width, 160);
    assert_int_equal(f.height, 120);
    assert_int_equal(f.capture, START - 7 * MS);
    assert_int_equal(f.queued, START);
    assert_int_equal(f.encode_start, START + 3 * MS);
    assert_int_equal(f.encode_end, START + 3 * MS);
    assert_int_equal(luma_of(&f), 77);
    struct xc_video_send_counters c = counters_of(&rig);
    assert_int_equal(c.pictures_written, 1);
    assert_int_equal(c.frames_encoded, 1);
    assert_int_equal(c.key_frames_encoded, 1);
    assert_int_equal(c.width, 160);
    assert_int_equal(c.height, 120);
    xc_video_send_release(rig.send); /* nothing taken: nothing happens */
    rig_close(&rig);
}

static void the_newest_picture_wins(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    for (uint8_t i = 1; i <= 5; i++)
        assert_true(write_grey(&rig, START + i * MS, 160, 120, i));
    assert_true(encode(&rig));
    assert_false(encode(&rig));
    struct xc_video_frame f = take(&rig);
    assert_int_equal(luma_of(&f), 5);
    assert_int_equal(counters_of(&rig).pictures_replaced, 4);
    rig_close(&rig);
}

static void a_full_ring_holds_the_newest_picture(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    for (uint8_t i = 0; i < XC_VIDEO_SEND_FRAMES; i++) {
        assert_true(write_grey(&rig, START + i * 33 * MS, 160, 120, i));
        assert_true(encode(&rig));
    }
    assert_true(write_grey(&rig, START + 200 * MS, 160, 120, 100));
    assert_true(write_grey(&rig, START + 233 * MS, 160, 120, 101));
    assert_false(xc_video_send_ready(rig.send));
    assert_false(encode(&rig));
    for (uint16_t i = 0; i < XC_VIDEO_SEND_FRAMES; i++) {
        struct xc_video_frame f = take(&rig);
        assert_int_equal(luma_of(&f), i);
        assert_int_equal(f.key, i == 0);
        assert_int_equal(f.picture_id, (0x7ffe + i) & 0x7fff); /* wraps at 15 bits */
        assert_int_equal(f.timestamp, i * 33 * 90);
    }
    assert_true(xc_video_send_ready(rig.send));
    assert_true(encode(&rig));
    struct xc_video_frame f = take(&rig);
    assert_int_equal(luma_of(&f), 101);
    assert_false(f.key);
    rig_close(&rig);
}

static void sides_out_of_bounds_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    assert_false(write_grey(&rig, START, 322, 240, 1));
    assert_false(write_grey(&rig, START, 241, 320 + 1, 1));
    assert_true(write_grey(&rig, START, 240, 320, 1)); /* turned */
    struct xc_picture p = model_picture(XC_PIXEL_I420, 64, 64);
    p.rotation = 33;
    assert_false(xc_video_send_write(rig.send, rig.now, START, &p));
    free(p.planes[0]);
    assert_int_equal(counters_of(&rig).pictures_refused, 3);
    rig_close(&rig);
}

static void sizes_keep_the_aspect(void **state)
{
    (void)state;
    /* source, rotation, expected; bounds are 160x120 */
    static const uint32_t cases[][5] = {
        {320, 240, 0, 160, 120},  {320, 180, 0, 160, 90},   {240, 320, 0, 120, 160},
        {320, 240, 90, 120, 160}, {320, 180, 270, 90, 160}, {320, 180, 180, 160, 90},
        {100, 50, 0, 100, 50},    {101, 51, 90, 51, 101},   {200, 200, 0, 120, 120},
        {320, 101, 0, 160, 51},   {159, 119, 0, 159, 119},  {320, 2, 0, 160, 2},
        {161, 120, 0, 160, 119},  {160, 121, 0, 159, 120},
    };
    struct rig rig;
    rig_open(&rig);
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        for (uint32_t pixel = XC_PIXEL_I420; pixel <= XC_PIXEL_NV12; pixel++) {
            struct xc_picture p = model_picture(pixel, cases[i][0], cases[i][1]);
            xc_picture_fill_black(&p);
            memset(p.planes[0], 50 + (int)i, (size_t)p.strides[0] * p.height);
            p.rotation = cases[i][2];
            rig.now += 33 * MS;
            assert_true(xc_video_send_write(rig.send, rig.now, rig.now, &p));
            assert_true(encode(&rig));
            struct xc_video_frame f = take(&rig);
            if (f.width != cases[i][3] || f.height != cases[i][4])
                fail_msg("case %zu: %ux%u", i, f.width, f.height);
            assert_int_equal(luma_of(&f), 50 + i);
            free(p.planes[0]);
        }
    }
    xc_video_send_set_size(rig.send, 80, 60);
    assert_true(write_grey(&rig, rig.now, 320, 240, 1));
    assert_true(encode(&rig));
    assert_int_equal(take(&rig).width, 80);
    xc_video_send_set_size(rig.send, 100000, 100000); /* no more than at create */
    assert_true(write_grey(&rig, rig.now, 320, 240, 1));
    assert_true(encode(&rig));
    assert_int_equal(take(&rig).width, 160);
    rig_close(&rig);
}

static void timestamps_follow_the_capture_time(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct step {
        int64_t capture_ms, now_ms;
        uint32_t timestamp;
    };
    static const struct step steps[] = {
        {1000, 0, 0},
        {1033, 33, 2970},
        {1033, 66, 2971},
        {1020, 70, 2972},
        {1100, 100, 9000},
        {1200, 200, 18000},
        {10, 300, 27000},
        {110, 400, 36000},
        {900000, 500, 45000},
        {900100, 600, 54000},
        {3900100, 3000600, 270054000},
        {3900000, 3000700, 270054001},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(steps); i++) {
        rig.now = START + (uint64_t)steps[i].now_ms * MS;
        write_grey(&rig, (uint64_t)steps[i].capture_ms * MS, 160, 120, 1);
        assert_true(encode(&rig));
        struct xc_video_frame f = take(&rig);
        if (f.timestamp != steps[i].timestamp)
            fail_msg("step %zu: %u, expected %u", i, f.timestamp, steps[i].timestamp);
    }
    rig_close(&rig);
}

static void pause_keeps_the_newest_for_a_key_frame(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    uint16_t id = take(&rig).picture_id;
    write_grey(&rig, rig.now, 160, 120, 2);
    assert_true(encode(&rig)); /* in the ring when the pause comes */
    xc_video_send_pause(rig.send, true);
    assert_null(xc_video_send_take(rig.send));
    write_grey(&rig, rig.now, 160, 120, 3);
    write_grey(&rig, rig.now, 160, 120, 4);
    assert_false(xc_video_send_ready(rig.send));
    assert_false(encode(&rig));
    assert_int_equal(xc_video_send_deadline(rig.send), XC_NEVER);
    xc_video_send_pause(rig.send, false);
    assert_true(xc_video_send_ready(rig.send));
    assert_true(encode(&rig));
    struct xc_video_frame f = take(&rig);
    assert_true(f.key);
    assert_int_equal(luma_of(&f), 4);
    assert_int_equal(f.picture_id, (id + 1) & 0x7fff); /* no hole for the dropped one */
    assert_int_equal(counters_of(&rig).frames_dropped_full, 1);

    /* a still picture: the last one goes out again, as of now */
    xc_video_send_pause(rig.send, true);
    rig.now += 10 * XC_NS_PER_S;
    xc_video_send_pause(rig.send, false);
    assert_true(xc_video_send_ready(rig.send));
    assert_true(encode(&rig));
    assert_false(xc_video_send_ready(rig.send));
    f = take(&rig);
    assert_true(f.key);
    assert_int_equal(luma_of(&f), 4);
    assert_int_equal(f.capture, rig.now);
    assert_int_equal(f.timestamp, 900000);

    /* written long ago, during the pause: also as of now */
    xc_video_send_pause(rig.send, true);
    write_grey(&rig, rig.now, 160, 120, 9);
    rig.now += XC_NS_PER_S;
    xc_video_send_pause(rig.send, false);
    assert_true(encode(&rig));
    f = take(&rig);
    assert_int_equal(luma_of(&f), 9);
    assert_int_equal(f.capture, rig.now);
    rig_close(&rig);
}

static void a_frame_from_before_the_pause_does_not_follow_it(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    take(&rig);
    write_grey(&rig, rig.now, 160, 120, 2);
    assert_true(encode(&rig));
    xc_video_send_pause(rig.send, true);
    xc_video_send_pause(rig.send, false); /* the shard did not look in between */
    assert_null(xc_video_send_take(rig.send));
    assert_true(xc_video_send_ready(rig.send));
    assert_true(encode(&rig));
    assert_true(take(&rig).key);
    rig_close(&rig);
}

static void paused_from_the_start(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    xc_video_send_pause(rig.send, true);
    assert_true(xc_video_send_ready(rig.send));
    assert_false(encode(&rig));
    assert_int_equal(model.encoders, 1); /* all is allocated before the first frame */
    assert_false(xc_video_send_ready(rig.send));
    xc_video_send_pause(rig.send, false);
    assert_false(xc_video_send_ready(rig.send)); /* nothing was ever written */
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    assert_true(take(&rig).key);
    rig_close(&rig);
}

static void mute_sends_black_once_a_second(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    write_grey(&rig, rig.now, 160, 120, 200);
    assert_true(encode(&rig));
    take(&rig);
    xc_video_send_mute(rig.send, true);
    int frames = 0;
    for (int i = 0; i < 300; i++) { /* 10 s of a camera that goes on */
        write_grey(&rig, rig.now, 160, 120, 200);
        assert_true(xc_video_send_ready(rig.send));
        if (encode(&rig)) {
            frames++;
            struct xc_video_frame f = take(&rig);
            assert_int_equal(luma_of(&f), 16);
            assert_int_equal(f.width, 160);
        }
        assert_false(xc_video_send_ready(rig.send));
        rig.now += 33333333;
    }
    assert_in_range(frames, 9, 11);
    /* and without a camera, by the deadline */
    uint64_t due = xc_video_send_deadline(rig.send);
    assert_in_range(due, rig.now - XC_NS_PER_S, rig.now + XC_NS_PER_S);
    rig.now = due - 1;
    assert_false(encode(&rig));
    rig.now = due;
    assert_true(encode(&rig));
    assert_int_equal(xc_video_send_deadline(rig.send), due + XC_NS_PER_S);
    take(&rig);
    /* a key frame for a new receiver comes sooner */
    xc_video_send_force_key(rig.send);
    assert_in_range(xc_video_send_deadline(rig.send), due, due + 300 * MS);
    rig.now = xc_video_send_deadline(rig.send);
    assert_true(encode(&rig));
    assert_true(take(&rig).key);
    /* nothing that was written while muted is ever shown */
    xc_video_send_mute(rig.send, false);
    assert_false(xc_video_send_ready(rig.send));
    xc_video_send_force_key(rig.send);
    rig.now = xc_video_send_deadline(rig.send);
    assert_true(encode(&rig));
    struct xc_video_frame f = take(&rig);
    assert_int_equal(luma_of(&f), 16);
    write_grey(&rig, rig.now, 160, 120, 201);
    assert_true(encode(&rig));
    f = take(&rig);
    assert_int_equal(luma_of(&f), 201);
    rig_close(&rig);
}

static void key_frames_when_asked_for(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    take(&rig);
    xc_video_send_force_key(rig.send);
    xc_video_send_force_key(rig.send);
    for (int i = 0; i < 3; i++) {
        rig.now += 33 * MS;
        write_grey(&rig, rig.now, 160, 120, 1);
        assert_true(encode(&rig));
        assert_int_equal(take(&rig).key, i == 0);
    }
    /* a still picture: after a while the last one, again */
    xc_video_send_force_key(rig.send);
    assert_false(encode(&rig));
    assert_int_equal(xc_video_send_deadline(rig.send), rig.now + 250 * MS);
    rig.now += 250 * MS;
    assert_true(encode(&rig));
    assert_true(take(&rig).key);
    assert_int_equal(xc_video_send_deadline(rig.send), XC_NEVER);
    rig_close(&rig);
}

static void errors_lead_to_a_key_frame(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    model.fail_create = 2;
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    assert_true(take(&rig).key);
    assert_int_equal(counters_of(&rig).encode_errors, 2);

    model.fail_encode = 1;
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    assert_true(take(&rig).key);

    model.drop_encode = 1; /* rate control: no error */
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    assert_false(take(&rig).key);
    assert_int_equal(counters_of(&rig).frames_dropped_rate, 1);

    model.drop_encode = 1; /* but a key frame stays owed */
    xc_video_send_force_key(rig.send);
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    assert_true(take(&rig).key);

    model.fail_set = 1;
    write_grey(&rig, rig.now, 80, 60, 1);
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 80, 60, 1);
    assert_true(encode(&rig));
    assert_true(take(&rig).key);
    assert_int_equal(counters_of(&rig).encode_errors, 4);
    rig_close(&rig);
}

static void bitrate_reaches_the_encoder(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    assert_int_equal(model.encoder->sets, 0);
    xc_video_send_set_bitrate(rig.send, 123456);
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    write_grey(&rig, rig.now, 160, 120, 1);
    assert_true(encode(&rig));
    assert_int_equal(model.encoder->sets, 1);
    assert_int_equal(model.encoder->settings.bitrate_bps, 123456);
    rig_close(&rig);
}

/* Takes the next frame and says whether it is of that codec and a key frame as told. */
static struct xc_video_frame expect_of(struct rig *rig, uint8_t codec, bool key)
{
    struct xc_video_frame f = take(rig);
    assert_int_equal(f.codec, codec);
    assert_int_equal(f.key, key);
    if (codec != XC_CODEC_NONE)
        assert_int_equal(f.bytes[24], codec);
    return f;
}

static void the_codec_changes_with_a_key_frame(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    write_grey(&rig, rig.now, 64, 48, 1);
    assert_true(encode(&rig));
    uint16_t id = expect_of(&rig, XC_CODEC_VP8, true).picture_id;
    xc_video_send_set_codec(rig.send, XC_CODEC_VP8); /* in use already */
    xc_video_send_set_codec(rig.send, XC_CODEC_OPUS);
    assert_false(xc_video_send_ready(rig.send));
    write_grey(&rig, rig.now, 64, 48, 2);
    assert_true(encode(&rig));
    expect_of(&rig, XC_CODEC_VP8, false);
    /* two frames of the old one still wait in the ring */
    write_grey(&rig, rig.now, 64, 48, 3);
    assert_true(encode(&rig));
    xc_video_send_set_codec(rig.send, XC_CODEC_VP9);
    assert_true(xc_video_send_ready(rig.send)); /* makes the encoder */
    assert_false(encode(&rig));
    assert_int_equal(model.encoders, 1);
    assert_int_equal(model.encoder->codec, XC_CODEC_VP9);
    write_grey(&rig, rig.now, 64, 48, 4);
    assert_true(encode(&rig));
    write_grey(&rig, rig.now, 64, 48, 5);
    assert_true(encode(&rig));
    expect_of(&rig, XC_CODEC_VP8, false);
    expect_of(&rig, XC_CODEC_VP9, true);
    expect_of(&rig, XC_CODEC_VP9, false);
    /* the latest value wins; a still picture comes in the new codec */
    xc_video_send_set_codec(rig.send, XC_CODEC_VP8);
    xc_video_send_set_codec(rig.send, XC_CODEC_VP9);
    xc_video_send_set_codec(rig.send, XC_CODEC_VP8);
    rig.now += 300 * MS;
    assert_true(xc_video_send_deadline(rig.send) <= rig.now);
    assert_true(encode(&rig));
    struct xc_video_frame f = expect_of(&rig, XC_CODEC_VP8, true);
    assert_int_equal((f.picture_id - id) & 0x7fff, 5);
    /* the new encoder cannot be made: tried again with the next picture */
    model.fail_create = 2;
    xc_video_send_set_codec(rig.send, XC_CODEC_VP9);
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 64, 48, 6);
    assert_false(encode(&rig));
    write_grey(&rig, rig.now, 64, 48, 7);
    assert_true(encode(&rig));
    expect_of(&rig, XC_CODEC_VP9, true);
    rig_close(&rig);
}

static void turning_is_left_to_the_peer(void **state)
{
    (void)state;
    struct rig rig;
    rig_open_with(&rig, model_codecs, 320, 240, 160, 120);
    struct xc_picture p = model_picture(XC_PIXEL_I420, 320, 240);
    model_draw(&p, 0);
    p.rotation = 90;
    for (int peer_turns = 0; peer_turns < 2; peer_turns++) {
        xc_video_send_set_orientation(rig.send, peer_turns);
        rig.now += 33 * MS;
        assert_true(xc_video_send_write(rig.send, rig.now, rig.now, &p));
        assert_true(encode(&rig));
        struct xc_video_frame f = take(&rig);
        assert_true(f.key);
        assert_int_equal(f.rotation, peer_turns ? 1 : 0);
        assert_int_equal(f.width, peer_turns ? 160 : 120);
        assert_int_equal(f.height, peer_turns ? 120 : 160);
    }
    /* a black picture stands as the last one did */
    xc_video_send_mute(rig.send, true);
    assert_true(encode(&rig));
    struct xc_video_frame f = take(&rig);
    assert_int_equal(f.rotation, 1);
    assert_int_equal(f.width, 160);
    assert_false(f.key);
    free(p.planes[0]);
    rig_close(&rig);
}

static void vp8_through_turns_and_pauses(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_picture out;
    rig_open_with(&rig, xc_vpx_codecs, 320, 240, 160, 120);
    void *decoder = xc_vp8.decoder_create(160, 120);
    uint16_t id = 0x7ffe;
    uint32_t timestamp = 0;
    for (uint32_t n = 0; n < 60; n++) {
        struct xc_picture p = model_picture(n & 1 ? XC_PIXEL_NV12 : XC_PIXEL_I420, 320, 180);
        model_draw(&p, n);
        p.rotation = n / 10 % 4 * 90;
        if (n % 25 == 24) {
            xc_video_send_pause(rig.send, true);
            xc_video_send_pause(rig.send, false);
        }
        rig.now += 33 * MS;
        assert_true(xc_video_send_write(rig.send, rig.now, rig.now, &p));
        assert_true(encode(&rig));
        struct xc_video_frame f = take(&rig);
        assert_int_equal(f.picture_id, id);
        assert_true(n == 0 || f.timestamp > timestamp);
        id = (id + 1) & 0x7fff;
        timestamp = f.timestamp;
        assert_int_equal(xc_vp8.decode(decoder, xc_span_make(f.bytes, f.size), &out), 0);
        assert_int_equal(out.width, n / 10 % 2 ? 90 : 160);
        assert_int_equal(out.height, n / 10 % 2 ? 160 : 90);
        free(p.planes[0]);
    }
    xc_vp8.decoder_destroy(decoder);
    rig_close(&rig);
}

/* -- three threads --------------------------------------------------------------------------- */

#define THREAD_PICTURES 3000

struct threads {
    struct rig rig;
    _Atomic bool host_done, worker_done;
};

/* Every picture is filled with its number, so that a torn one shows. */
static void *host_thread(void *argument)
{
    struct threads *t = argument;
    struct xc_picture p = model_picture(XC_PIXEL_I420, 64, 48);
    xc_picture_fill_black(&p);
    for (uint32_t n = 1; n <= THREAD_PICTURES; n++) {
        memset(p.planes[0], (int)(n & 0xff), (size_t)p.strides[0] * 48);
        xc_video_send_write(t->rig.send, START + n * MS, START + n * MS, &p);
        if (n % 7 == 0)
            sched_yield();
    }
    free(p.planes[0]);
    atomic_store(&t->host_done, true);
    return NULL;
}

static int checked_encode(void *encoder, const struct xc_picture *p, uint32_t timestamp, bool key,
                          uint8_t *out, size_t capacity, struct xc_video_coded *coded)
{
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++)
            if (*model_sample(p, 0, x, y) != p->planes[0][0])
                abort(); /* torn */
    return model_encode(encoder, p, timestamp, key, out, capacity, coded);
}

static void *worker_thread(void *argument)
{
    struct threads *t = argument;
    for (;;) {
        bool done = atomic_load(&t->host_done);
        bool ready = xc_video_send_ready(t->rig.send);
        if (ready)
            xc_video_send_encode(t->rig.send, START, NULL, NULL);
        else
            sched_yield();
        if (done && !ready)
            break;
    }
    atomic_store(&t->worker_done, true);
    return NULL;
}

static void three_threads(void **state)
{
    (void)state;
    static struct xc_video_codec checked;
    static const struct xc_video_codec *const only_checked[] = {&checked, NULL};
    checked = model_codec;
    checked.encode = checked_encode;
    struct threads t = {0};
    rig_open_with(&t.rig, only_checked, 64, 48, 64, 48);
    pthread_t host, worker;
    pthread_create(&host, NULL, host_thread, &t);
    pthread_create(&worker, NULL, worker_thread, &t);
    uint32_t frames = 0, index = 0, dropped = 0;
    int64_t timestamp = -1;
    uint16_t id = 0x7ffe;
    for (;;) {
        bool done = atomic_load(&t.worker_done);
        const struct xc_video_frame *f = xc_video_send_take(t.rig.send);
        if (!f) {
            if (done)
                break;
            sched_yield();
            continue;
        }
        assert_true((int64_t)f->timestamp > timestamp);
        timestamp = f->timestamp;
        if (f->capture != START) /* START: shown again on resume */
            assert_int_equal(f->bytes[16], (f->capture - START) / MS & 0xff);
        assert_int_equal(f->picture_id, id);
        id = (id + 1) & 0x7fff;
        uint32_t now_index = xc_load32(f->bytes + 4);
        if (!f->key)
            assert_int_equal(now_index, index + 1);
        index = now_index;
        frames++;
        xc_video_send_release(t.rig.send);
        if (frames % 100 == 50) {
            xc_video_send_pause(t.rig.send, true);
            dropped += xc_video_send_take(t.rig.send) != NULL;
            xc_video_send_pause(t.rig.send, false);
        }
        if (frames % 100 == 75)
            xc_video_send_force_key(t.rig.send);
    }
    pthread_join(host, NULL);
    pthread_join(worker, NULL);
    struct xc_video_send_counters c = counters_of(&t.rig);
    assert_int_equal(dropped, 0);
    assert_int_equal(c.pictures_written, THREAD_PICTURES);
    assert_int_equal(c.frames_encoded, frames + c.frames_dropped_full);
    assert_true(c.encode_errors == 0);
    assert_true(frames > 0);
    rig_close(&t.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_what_was_measured),
        cmocka_unit_test(a_picture_goes_through),
        cmocka_unit_test(the_newest_picture_wins),
        cmocka_unit_test(a_full_ring_holds_the_newest_picture),
        cmocka_unit_test(sides_out_of_bounds_are_refused),
        cmocka_unit_test(sizes_keep_the_aspect),
        cmocka_unit_test(timestamps_follow_the_capture_time),
        cmocka_unit_test(pause_keeps_the_newest_for_a_key_frame),
        cmocka_unit_test(a_frame_from_before_the_pause_does_not_follow_it),
        cmocka_unit_test(paused_from_the_start),
        cmocka_unit_test(mute_sends_black_once_a_second),
        cmocka_unit_test(key_frames_when_asked_for),
        cmocka_unit_test(errors_lead_to_a_key_frame),
        cmocka_unit_test(bitrate_reaches_the_encoder),
        cmocka_unit_test(the_codec_changes_with_a_key_frame),
        cmocka_unit_test(turning_is_left_to_the_peer),
        cmocka_unit_test(vp8_through_turns_and_pauses),
        cmocka_unit_test(three_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
