/* test_video_payload.c - the descriptors that our frames get, and the whole road of both codecs: camera
 * picture -> encoder -> packets -> a network that loses, overtakes and repairs -> frames -> decoder.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "../media/video_model.h"
#include "base/rng.h"
#include "call/video_payload.h"
#include "media/assemble.h"
#include "media/video_recv.h"
#include "wire/vp8.h"
#include "wire/vp9.h"

#define MS XC_NS_PER_MS
#define PART 300 /* bytes of a frame in a packet */

static void heads_of_vp8(void **state)
{
    (void)state;
    uint8_t out[XC_VIDEO_PAYLOAD_HEAD_MAX + 1] = {0};
    struct xc_vp8_descriptor d;
    struct xc_video_frame frame = {.codec = XC_CODEC_VP8, .picture_id = 0x1234, .key = true};
    assert_int_equal(xc_video_payload_head(&frame, true, false, out), 4);
    assert_memory_equal(out, "\x90\x80\x92\x34", 4);
    assert_int_equal(xc_video_payload_head(&frame, false, true, out), 4);
    assert_memory_equal(out, "\x80\x80\x92\x34", 4);
    frame.layered = frame.layer_sync = frame.not_reference = true;
    frame.temporal_id = 2;
    frame.tl0_index = 99;
    assert_int_equal(xc_video_payload_head(&frame, true, true, out), 6);
    assert_int_equal(xc_vp8_parse(&d, xc_span_make(out, 7)), 6);
    assert_true(d.has_tl0 && d.has_tid && d.non_reference && d.layer_sync && !d.has_key_index);
    assert_int_equal(d.temporal_id, 2);
    assert_int_equal(d.tl0_picture_index, 99);
    frame.codec = XC_CODEC_OPUS;
    assert_int_equal(xc_video_payload_head(&frame, true, true, out), 0);
}

static void heads_of_vp9(void **state)
{
    (void)state;
    uint8_t out[XC_VIDEO_PAYLOAD_HEAD_MAX + 1] = {0};
    struct xc_video_frame frame = {
        .codec = XC_CODEC_VP9, .picture_id = 5, .key = true, .width = 640, .height = 360};
    static const uint8_t first[] = {0x8b, 0x80, 0x05, 0x18, 0x02, 0x80, 0x01, 0x68, 1, 4, 1};
    assert_int_equal(xc_video_payload_head(&frame, true, false, out), sizeof first);
    assert_memory_equal(out, first, sizeof first);
    assert_int_equal(xc_video_payload_head(&frame, false, false, out), 3);
    assert_memory_equal(out, "\x81\x80\x05", 3);
    assert_int_equal(xc_video_payload_head(&frame, false, true, out), 3);
    assert_memory_equal(out, "\x85\x80\x05", 3);
    frame.key = false;
    assert_int_equal(xc_video_payload_head(&frame, true, true, out), 3);
    assert_memory_equal(out, "\xcd\x80\x05", 3);
}

/* -- the road -------------------------------------------------------------------------------- */

#define FLIGHTS 4096

struct flight {
    uint64_t at, sequence;
    uint32_t timestamp;
    uint8_t codec, rotation;
    bool marker;
    uint16_t size;
    uint8_t payload[PART + XC_VIDEO_PAYLOAD_HEAD_MAX];
};

struct road {
    struct xc_arena arenas[3];
    struct xc_video_send *send;
    struct xc_assemble *assemble;
    struct xc_video_recv *recv;
    struct xc_rng rng;
    uint64_t now, sequence;
    uint32_t loss, reorder; /* per mille */
    uint8_t leave_out;      /* frames of that temporal layer and above are not sent; 0: all are */
    struct flight *flights;
    uint32_t flight_count;
    uint32_t n, shown, keys_asked;
    uint8_t codec; /* of the last frame that was decoded */
    uint32_t changes;
    uint32_t width, height; /* of the last picture */
    bool layered;           /* a frame was: the next has a value */
    uint8_t tl0_index;
};

static void open_road(struct road *road, uint64_t seed, uint8_t layers)
{
    memset(road, 0, sizeof *road);
    struct xc_video_send_config send = {.codecs = xc_vpx_codecs,
                                        .width_max = 320,
                                        .height_max = 180,
                                        .settings = {.width = 320,
                                                     .height = 180,
                                                     .bitrate_bps = 400000,
                                                     .frame_rate = 30,
                                                     .temporal_layers = layers},
                                        .seed = seed};
    struct xc_video_recv_config recv = {
        .codecs = xc_vpx_codecs, .width_max = 320, .height_max = 180};
    struct xc_assemble_config order = {0};
    struct xc_arena m[3] = {0};
    xc_video_send_create(&m[0], &send);
    xc_video_recv_create(&m[1], &recv);
    xc_assemble_create(&m[2], &order);
    for (int i = 0; i < 3; i++)
        road->arenas[i] = model_arena(m[i].used);
    road->send = xc_video_send_create(&road->arenas[0], &send);
    road->recv = xc_video_recv_create(&road->arenas[1], &recv);
    road->assemble = xc_assemble_create(&road->arenas[2], &order);
    road->flights = malloc(FLIGHTS * sizeof *road->flights);
    assert_true(road->send && road->recv && road->assemble && road->flights);
    xc_rng_init_number(&road->rng, seed);
    road->now = XC_NS_PER_S;
    road->sequence = 70000;
}

static void close_road(struct road *road)
{
    xc_video_send_destroy(road->send);
    xc_video_recv_destroy(road->recv);
    for (int i = 0; i < 3; i++)
        free(road->arenas[i].memory);
    free(road->flights);
}

/* Base frames are numbered without a hole, the ones above bear the number of their base. */
static void check_layer(struct road *road, const struct xc_video_frame *frame)
{
    bool base = frame->temporal_id == 0;
    if (road->layered && frame->layered)
        assert_int_equal(frame->tl0_index, (road->tl0_index + base) & 0xff);
    assert_true(base || !frame->key);
    road->layered = frame->layered;
    road->tl0_index = frame->tl0_index;
}

static void packetize(struct road *road, const struct xc_video_frame *frame)
{
    check_layer(road, frame);
    if (road->leave_out && frame->temporal_id >= road->leave_out)
        return;
    for (uint32_t at = 0; at < frame->size; at += PART) {
        assert_true(road->flight_count < FLIGHTS);
        struct flight *f = &road->flights[road->flight_count++];
        uint32_t n = XC_MIN((uint32_t)PART, frame->size - at);
        size_t head = xc_video_payload_head(frame, at == 0, at + n == frame->size, f->payload);
        memcpy(f->payload + head, frame->bytes + at, n);
        f->size = (uint16_t)(head + n);
        f->sequence = road->sequence++;
        f->timestamp = frame->timestamp;
        f->codec = frame->codec;
        f->rotation = frame->rotation;
        f->marker = at + n == frame->size;
        f->at = road->now + 20 * MS;
        if (xc_rng_below(&road->rng, 1000) < road->reorder)
            f->at += xc_rng_below(&road->rng, 40) * MS;
        if (xc_rng_below(&road->rng, 1000) < road->loss) /* repaired, or never */
            f->at = xc_rng_below(&road->rng, 3) ? f->at + 80 * MS : XC_NEVER;
    }
}

/* Every picture that is shown is the one that was written at that time. */
static void compare(struct road *road, const struct xc_picture *out, uint32_t n)
{
    struct xc_picture film = model_picture(XC_PIXEL_I420, out->width, out->height);
    model_draw(&film, n);
    double psnr = model_psnr(&film, out);
    if (psnr < 25)
        fail_msg("picture %u of codec %u: %.1f dB", n, road->codec, psnr);
    free(film.planes[0]);
}

static void decode_all(struct road *road)
{
    struct xc_assembled info;
    while (xc_assemble_peek(road->assemble, road->now, &info)) {
        struct xc_video_in *in = xc_video_recv_slot(road->recv);
        assert_non_null(in);
        xc_assemble_take(road->assemble, in->bytes);
        in->size = (uint32_t)info.size;
        in->key = info.key;
        in->codec = info.codec;
        in->rotation = info.rotation;
        in->stamps.timestamp = info.timestamp;
        xc_video_recv_push(road->recv);
        road->changes += road->codec != info.codec;
        road->codec = info.codec;
        assert_true(xc_video_recv_decode(road->recv, road->now, NULL, NULL));
        struct xc_picture out = model_picture(XC_PIXEL_I420, 320, 320);
        struct xc_video_stamps stamps;
        assert_true(xc_video_recv_read(road->recv, road->now, &out, &stamps));
        compare(road, &out, (stamps.timestamp + 1485) / 2970);
        road->width = out.width;
        road->height = out.height;
        road->shown++;
        free(out.planes[0]);
    }
}

static void arrive(struct road *road)
{
    for (uint32_t i = 0; i < road->flight_count;) {
        struct flight *f = &road->flights[i];
        if (f->at == XC_NEVER || f->at <= road->now) {
            struct xc_assemble_packet packet = {.sequence = f->sequence,
                                                .timestamp = f->timestamp,
                                                .marker = f->marker,
                                                .received = road->now,
                                                .codec = f->codec,
                                                .has_rotation = true,
                                                .rotation = f->rotation,
                                                .payload = {f->payload, f->size}};
            if (f->at != XC_NEVER)
                xc_assemble_push(road->assemble, road->now, &packet);
            road->flights[i] = road->flights[--road->flight_count];
            decode_all(road);
        } else {
            i++;
        }
    }
    decode_all(road);
    if (xc_assemble_wants_key(road->assemble) && road->n % 6 == 0) {
        road->keys_asked++;
        xc_video_send_force_key(road->send);
    }
}

/* The next picture of the film, 33 ms after the one before: 2970 ticks. */
static void step(struct road *road, uint32_t width, uint32_t height)
{
    struct xc_picture film = model_picture(XC_PIXEL_I420, width, height);
    model_draw(&film, road->n);
    uint64_t capture = XC_NS_PER_S + road->n * 33 * MS;
    assert_true(xc_video_send_write(road->send, road->now, capture, &film));
    xc_video_send_encode(road->send, road->now, NULL, NULL);
    const struct xc_video_frame *frame;
    while ((frame = xc_video_send_take(road->send)) != NULL) {
        packetize(road, frame);
        xc_video_send_release(road->send);
    }
    for (int ms = 0; ms < 33; ms += 3) {
        arrive(road);
        road->now += 3 * MS;
    }
    road->n++;
    free(film.planes[0]);
}

static void calm_down(struct road *road)
{
    road->loss = road->reorder = 0;
    for (int i = 0; i < 30; i++)
        step(road, 160, 90);
    uint32_t before = road->shown;
    for (int i = 0; i < 10; i++)
        step(road, 160, 90);
    assert_int_equal(road->shown, before + 10);
}

static void both_codecs_over_a_bad_network(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct road road;
        open_road(&road, seed, seed % 3 == 0 ? 3 : 1);
        xc_video_send_set_codec(road.send, seed & 1 ? XC_CODEC_VP9 : XC_CODEC_VP8);
        road.reorder = 100;
        road.loss = seed > 2 ? 40 : 0;
        for (int i = 0; i < 150; i++)
            step(&road, 161, 91);
        assert_int_equal(road.codec, seed & 1 ? XC_CODEC_VP9 : XC_CODEC_VP8);
        if (seed <= 2)
            assert_int_equal(road.keys_asked, 0);
        assert_true(road.shown > 40);
        calm_down(&road);
        close_road(&road);
    }
}

static void the_codec_changes_in_mid_stream(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct road road;
        open_road(&road, seed, 2);
        road.reorder = 50;
        road.loss = seed > 1 ? 30 : 0;
        static const uint8_t order[] = {XC_CODEC_VP8, XC_CODEC_VP9, XC_CODEC_VP8, XC_CODEC_VP9};
        for (size_t i = 0; i < XC_ARRAY_LEN(order); i++) {
            xc_video_send_set_codec(road.send, order[i]);
            for (int n = 0; n < 50; n++)
                step(&road, 160, 90);
        }
        calm_down(&road);
        assert_int_equal(road.codec, XC_CODEC_VP9);
        assert_int_equal(road.changes, 4);
        if (seed == 1)
            assert_int_equal(road.keys_asked, 0);
        close_road(&road);
    }
}

static void the_size_changes_in_mid_stream(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {{320, 180}, {160, 90}, {180, 320}, {161, 91},
                                        {64, 48},   {17, 9},   {320, 180}};
    for (int vp9 = 0; vp9 < 2; vp9++) {
        struct road road;
        open_road(&road, 5, 1);
        xc_video_send_set_codec(road.send, vp9 ? XC_CODEC_VP9 : XC_CODEC_VP8);
        for (size_t i = 0; i < XC_ARRAY_LEN(sides); i++) {
            for (int n = 0; n < 8; n++)
                step(&road, sides[i][0], sides[i][1]);
            assert_int_equal(road.width, sides[i][0]);
            assert_int_equal(road.height, sides[i][1]);
        }
        assert_true(road.shown + 1 >= 8 * XC_ARRAY_LEN(sides));
        assert_int_equal(road.keys_asked, 0);
        close_road(&road);
    }
}

/* A middle box that forwards no frame of an upper layer, and numbers the packets anew. */
static void upper_layers_may_be_left_out(void **state)
{
    (void)state;
    for (uint8_t leave_out = 1; leave_out <= 2; leave_out++) {
        struct road road;
        open_road(&road, 3, 3);
        road.leave_out = leave_out;
        for (int n = 0; n < 80; n++)
            step(&road, 160, 90);
        assert_true(road.layered);
        assert_int_equal(road.keys_asked, 0);
        assert_in_range(road.shown, leave_out == 1 ? 19 : 38, leave_out == 1 ? 20 : 40);
        close_road(&road);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_vp8),
        cmocka_unit_test(heads_of_vp9),
        cmocka_unit_test(both_codecs_over_a_bad_network),
        cmocka_unit_test(the_codec_changes_in_mid_stream),
        cmocka_unit_test(the_size_changes_in_mid_stream),
        cmocka_unit_test(upper_layers_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
