/* test_video_recv.c - the receiving road step by step with a model codec, and with its three threads.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "media/video_recv.h"
#include "video_model.h"

#define MS XC_NS_PER_MS
#define START (5 * XC_NS_PER_S)
#define WIDTH 64
#define HEIGHT 48

struct rig {
    struct xc_arena arena;
    struct xc_video_recv *recv;
    uint64_t now;
    uint32_t index; /* of the last frame made */
    struct xc_picture out;
};

static void rig_open_with(struct rig *rig, const struct xc_video_codec *const *codecs)
{
    struct xc_video_recv_config config = {
        .codecs = codecs, .width_max = WIDTH, .height_max = HEIGHT};
    memset(&model, 0, sizeof model);
    memset(rig, 0, sizeof *rig);
    struct xc_arena measure = {0};
    assert_null(xc_video_recv_create(&measure, &config));
    assert_int_equal(model.decoders, 0);
    rig->arena = model_arena(measure.used);
    rig->recv = xc_video_recv_create(&rig->arena, &config);
    assert_non_null(rig->recv);
    assert_int_equal(rig->arena.used, measure.used);
    rig->now = START;
    rig->out = model_picture(XC_PIXEL_I420, WIDTH, HEIGHT);
}

static void rig_open(struct rig *rig)
{
    rig_open_with(rig, model_codecs);
}

static void rig_close(struct rig *rig)
{
    xc_video_recv_destroy(rig->recv);
    assert_int_equal(model.decoders, 0);
    free(rig->arena.memory);
    free(rig->out.planes[0]);
}

/* A frame of the model codec whose picture is filled with its index. */
static void fill_frame(struct xc_video_in *in, uint32_t index, uint32_t width, uint32_t height,
                       bool key)
{
    assert_int_equal(in->capacity, XC_VIDEO_FRAME_MAX);
    in->size = MODEL_FRAME_SIZE;
    in->key = key;
    memset(in->bytes, 0, MODEL_FRAME_SIZE);
    in->bytes[0] = key ? 0 : 1;
    xc_store32(in->bytes + 4, index);
    xc_store32(in->bytes + 8, index - 1);
    xc_store16(in->bytes + 12, (uint16_t)width);
    xc_store16(in->bytes + 14, (uint16_t)height);
    in->bytes[16] = (uint8_t)index;
    in->codec = in->bytes[24] = XC_CODEC_VP8;
}

static bool push_sized(struct rig *rig, bool key, uint64_t play_at, uint32_t width, uint32_t height)
{
    struct xc_video_in *in = xc_video_recv_slot(rig->recv);
    if (!in)
        return false;
    fill_frame(in, ++rig->index, width, height, key);
    in->play_at = play_at;
    in->stamps = (struct xc_video_stamps){.sequence = rig->index,
                                          .timestamp = rig->index * 3000,
                                          .first_received = rig->now - 5 * MS,
                                          .last_received = rig->now - 1 * MS,
                                          .assembled = rig->now,
                                          .bytes = 1000 + rig->index,
                                          .packets = 3,
                                          .key = key};
    xc_video_recv_push(rig->recv);
    return true;
}

static bool push(struct rig *rig, bool key, uint64_t play_at)
{
    return push_sized(rig, key, play_at, WIDTH, HEIGHT);
}

static bool decode(struct rig *rig)
{
    return xc_video_recv_decode(rig->recv, rig->now, NULL, NULL);
}

/* The luma of the picture read, -1 when there is none. */
static int read_luma(struct rig *rig)
{
    rig->out.width = WIDTH;
    rig->out.height = HEIGHT;
    if (!xc_video_recv_read(rig->recv, rig->now, &rig->out, NULL))
        return -1;
    return rig->out.planes[0][0];
}

static struct xc_video_recv_counters counters_of(const struct rig *rig)
{
    struct xc_video_recv_counters c;
    xc_video_recv_counters(rig->recv, &c);
    return c;
}

static uint64_t ticking(void *context)
{
    uint64_t *time = context;
    return *time += MS;
}

static void a_frame_goes_through(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_video_stamps stamps;
    uint32_t width, height;
    rig_open(&rig);
    assert_false(xc_video_recv_ready(rig.recv));
    assert_false(decode(&rig));
    assert_int_equal(read_luma(&rig), -1);
    assert_false(xc_video_recv_last(rig.recv, &stamps));
    assert_int_equal(xc_video_recv_due(rig.recv), XC_NEVER);
    assert_true(push(&rig, true, 0));
    assert_true(xc_video_recv_ready(rig.recv));
    uint64_t time = rig.now;
    assert_true(xc_video_recv_decode(rig.recv, rig.now, ticking, &time));
    assert_false(xc_video_recv_ready(rig.recv));
    assert_int_equal(xc_video_recv_due(rig.recv), 0);
    assert_true(xc_video_recv_peek(rig.recv, rig.now, &width, &height));
    assert_int_equal(width, WIDTH);
    assert_int_equal(height, HEIGHT);
    assert_int_equal(xc_video_recv_due(rig.recv), 0); /* held for read() */
    rig.now += 10 * MS;
    assert_true(xc_video_recv_read(rig.recv, rig.now, &rig.out, &stamps));
    assert_int_equal(rig.out.planes[0][0], 1);
    assert_int_equal(stamps.sequence, 1);
    assert_int_equal(stamps.timestamp, 3000);
    assert_int_equal(stamps.first_received, START - 5 * MS);
    assert_int_equal(stamps.last_received, START - 1 * MS);
    assert_int_equal(stamps.assembled, START);
    assert_int_equal(stamps.decode_start, START + 1 * MS);
    assert_int_equal(stamps.decode_end, START + 2 * MS);
    assert_int_equal(stamps.delivered, START + 10 * MS);
    struct xc_video_stamps last;
    assert_true(xc_video_recv_last(rig.recv, &last));
    assert_memory_equal(&last, &stamps, sizeof last);
    assert_int_equal(read_luma(&rig), -1);
    assert_int_equal(xc_video_recv_due(rig.recv), XC_NEVER);
    struct xc_video_recv_counters c = counters_of(&rig);
    assert_int_equal(c.frames_received, 1);
    assert_int_equal(c.frames_decoded, 1);
    assert_int_equal(c.key_frames_decoded, 1);
    assert_int_equal(c.frames_delivered, 1);
    assert_int_equal(c.frames_dropped, 0);
    assert_int_equal(c.width, WIDTH);
    assert_int_equal(c.height, HEIGHT);
    assert_true(fabs(c.total_decode_time_s - 0.001) < 1e-9);
    assert_true(fabs(c.total_processing_delay_s - 0.007) < 1e-9);
    assert_true(fabs(c.jitter_buffer_delay_s - 0.006) < 1e-9);
    assert_int_equal(c.jitter_buffer_emitted_count, 1);
    assert_int_equal(c.frames_skipped, 0);
    rig_close(&rig);
}

static void the_frame_ring_is_bounded(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    for (int i = 0; i < XC_VIDEO_RECV_FRAMES; i++)
        assert_true(push(&rig, i == 0, 0));
    assert_false(push(&rig, false, 0));
    xc_video_recv_push(rig.recv); /* without a slot: nothing happens */
    assert_int_equal(counters_of(&rig).frames_received, XC_VIDEO_RECV_FRAMES);
    rig_close(&rig);
}

static void a_host_that_does_not_read_finds_the_newest(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    for (int i = 0; i < 100; i++) {
        assert_true(push(&rig, i == 0, 0));
        assert_true(xc_video_recv_ready(rig.recv));
        assert_true(decode(&rig));
    }
    assert_int_equal(counters_of(&rig).frames_dropped, 100 - XC_VIDEO_RECV_PICTURES);
    assert_int_equal(read_luma(&rig), 100);
    assert_int_equal(read_luma(&rig), -1);
    struct xc_video_recv_counters c = counters_of(&rig);
    assert_int_equal(c.frames_dropped, 99);
    assert_int_equal(c.frames_skipped, 99);
    assert_int_equal(c.frames_delivered, 1);
    assert_int_equal(c.frames_decoded, 100); /* the chain never broke */
    rig_close(&rig);
}

static void pictures_wait_for_their_time(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(push(&rig, i == 0, START + (100 + 33 * i) * MS));
        assert_true(decode(&rig));
    }
    assert_int_equal(xc_video_recv_due(rig.recv), START + 100 * MS);
    assert_int_equal(read_luma(&rig), -1);
    rig.now = START + 100 * MS - 1;
    assert_int_equal(read_luma(&rig), -1);
    rig.now = START + 100 * MS;
    assert_int_equal(read_luma(&rig), 1);
    assert_int_equal(read_luma(&rig), -1);
    assert_int_equal(xc_video_recv_due(rig.recv), START + 133 * MS);
    rig.now = START + 170 * MS; /* late: both are due, the newer wins */
    assert_int_equal(read_luma(&rig), 3);
    assert_int_equal(counters_of(&rig).frames_dropped, 1);
    assert_int_equal(counters_of(&rig).frames_skipped, 1);
    rig_close(&rig);
}

/* What a trace says of a frame travels with it, and a frame that waits for a key frame is dropped,
 * not skipped: nothing newer took its place. */
static void content_travels_with_the_stamps(void **state)
{
    (void)state;
    struct rig rig;
    struct xc_video_stamps stamps;
    rig_open(&rig);
    assert_true(push(&rig, false, 0));
    assert_false(decode(&rig));
    assert_int_equal(counters_of(&rig).frames_dropped, 1);
    assert_int_equal(counters_of(&rig).frames_skipped, 0);
    assert_int_equal(counters_of(&rig).jitter_buffer_emitted_count, 0);
    assert_true(push(&rig, true, 0));
    assert_true(decode(&rig));
    rig.out.width = WIDTH;
    rig.out.height = HEIGHT;
    assert_true(xc_video_recv_read(rig.recv, rig.now, &rig.out, &stamps));
    assert_int_equal(stamps.bytes, 1002);
    assert_int_equal(stamps.packets, 3);
    assert_true(stamps.key);
    assert_int_equal(counters_of(&rig).jitter_buffer_emitted_count, 1);
    assert_true(fabs(counters_of(&rig).jitter_buffer_delay_s - 0.005) < 1e-9);
    rig_close(&rig);
}

static void what_is_not_due_is_not_taken_back(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(push(&rig, i == 0, START + (100 + 33 * i) * MS));
        assert_true(decode(&rig));
    }
    assert_true(push(&rig, false, START + 232 * MS));
    assert_false(xc_video_recv_ready(rig.recv));
    assert_false(decode(&rig)); /* waits, is not lost */
    rig.now = START + 101 * MS;
    assert_int_equal(read_luma(&rig), 1);
    assert_true(xc_video_recv_ready(rig.recv));
    assert_true(decode(&rig));
    /* full again, and the host stops: once the oldest is overdue decoding goes on */
    rig.now = START + 140 * MS;
    assert_true(push(&rig, false, START + 265 * MS));
    assert_true(xc_video_recv_ready(rig.recv));
    assert_true(decode(&rig));
    assert_int_equal(counters_of(&rig).frames_dropped, 1);
    rig.now = START + 500 * MS;
    assert_int_equal(read_luma(&rig), 6);
    rig_close(&rig);
}

static void a_gap_waits_for_a_key_frame(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    assert_false(xc_video_recv_take_key_request(rig.recv));
    push(&rig, false, 0); /* no key frame yet */
    assert_false(decode(&rig));
    assert_true(xc_video_recv_take_key_request(rig.recv));
    assert_false(xc_video_recv_take_key_request(rig.recv));
    push(&rig, true, 0);
    assert_true(decode(&rig));
    rig.index += 5; /* the model codec notices the gap */
    push(&rig, false, 0);
    assert_false(decode(&rig));
    assert_true(xc_video_recv_take_key_request(rig.recv));
    push(&rig, false, 0);
    assert_false(decode(&rig));
    push(&rig, true, 0);
    assert_true(decode(&rig));
    push(&rig, false, 0);
    assert_true(decode(&rig));
    struct xc_video_recv_counters c = counters_of(&rig);
    assert_int_equal(c.decode_errors, 1);
    assert_int_equal(c.frames_decoded, 3);
    assert_int_equal(c.frames_dropped, 2);
    assert_int_equal(c.frames_received, 6);
    rig_close(&rig);
}

static void sizes_change_and_have_bounds(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t width, height;
    rig_open(&rig);
    assert_true(push_sized(&rig, true, 0, 48, 64)); /* turned */
    assert_true(decode(&rig));
    assert_true(xc_video_recv_peek(rig.recv, rig.now, &width, &height));
    assert_int_equal(width, 48);
    assert_int_equal(height, 64);
    assert_int_equal(read_luma(&rig), -1); /* 64x48 is too small for it; it is kept */
    struct xc_picture tall = model_picture(XC_PIXEL_NV12, 50, 70);
    assert_true(push_sized(&rig, false, 0, 33, 21));
    assert_true(decode(&rig));
    assert_true(xc_video_recv_read(rig.recv, rig.now, &tall, NULL));
    assert_int_equal(tall.width, 48);
    assert_int_equal(tall.height, 64);
    assert_int_equal(tall.planes[0][tall.strides[0] * 63 + 47], 1);
    assert_int_equal(tall.planes[1][0], 1);
    assert_int_equal(read_luma(&rig), 2);
    assert_int_equal(rig.out.width, 33);
    assert_int_equal(rig.out.height, 21);
    free(tall.planes[0]);
    rig_close(&rig);
}

static void freezes_by_the_definition(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    double sum = 0, squares = 0;
    /* 40 frames of 33 ms; 190 ms is over 33 + 150; then 170 ms is not (the average grew) */
    for (int i = 0; i < 44; i++) {
        uint64_t gap = i == 0 ? 0 : i == 41 ? 190 : i == 43 ? 170 : 33;
        rig.now += gap * MS;
        sum += (double)gap / 1e3;
        squares += (double)(gap * gap) / 1e6;
        push(&rig, i == 0, 0);
        decode(&rig);
        assert_int_equal(read_luma(&rig), i + 1);
        assert_int_equal(counters_of(&rig).freeze_count, i >= 41 ? 1 : 0);
    }
    struct xc_video_recv_counters c = counters_of(&rig);
    assert_true(fabs(c.total_freezes_duration_s - 0.190) < 1e-9);
    assert_true(fabs(c.total_inter_frame_delay_s - sum) < 1e-6);
    assert_true(fabs(c.total_squared_inter_frame_delay_s - squares) < 1e-6);
    /* slow pictures: 100 ms each, so that three times the average is what counts */
    for (int i = 0; i < 40; i++) {
        rig.now += 100 * MS;
        push(&rig, false, 0);
        decode(&rig);
        assert_true(read_luma(&rig) >= 0);
    }
    rig.now += 299 * MS;
    push(&rig, false, 0);
    decode(&rig);
    assert_true(read_luma(&rig) >= 0);
    assert_int_equal(counters_of(&rig).freeze_count, 1);
    rig.now += 330 * MS;
    push(&rig, false, 0);
    decode(&rig);
    assert_true(read_luma(&rig) >= 0);
    assert_int_equal(counters_of(&rig).freeze_count, 2);
    rig_close(&rig);
}

static void push_of(struct rig *rig, uint8_t codec, bool key, uint8_t rotation)
{
    struct xc_video_in *in = xc_video_recv_slot(rig->recv);
    assert_non_null(in);
    fill_frame(in, ++rig->index, 32, 16, key);
    in->codec = in->bytes[24] = codec;
    in->rotation = rotation;
    in->stamps.capture = rig->now - 50 * MS;
    xc_video_recv_push(rig->recv);
}

static void the_codec_changes_with_a_key_frame(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    push_of(&rig, XC_CODEC_VP9, true, 0); /* any of them may be the first */
    assert_true(decode(&rig));
    push_of(&rig, XC_CODEC_VP9, false, 0);
    assert_true(decode(&rig));
    push_of(&rig, XC_CODEC_VP8, false, 0);
    assert_false(decode(&rig));
    assert_true(xc_video_recv_take_key_request(rig.recv));
    push_of(&rig, XC_CODEC_VP8, true, 0);
    assert_true(decode(&rig));
    assert_int_equal(model.decoders, 1);
    push_of(&rig, XC_CODEC_VP8, false, 0);
    assert_true(decode(&rig));
    push_of(&rig, XC_CODEC_VP9, true, 0);
    assert_true(decode(&rig));
    push_of(&rig, XC_CODEC_OPUS, true, 0); /* none that we have */
    assert_false(decode(&rig));
    assert_true(xc_video_recv_take_key_request(rig.recv));
    push_of(&rig, XC_CODEC_VP9, true, 0);
    assert_true(decode(&rig));
    assert_int_equal(model.decoders, 1);
    rig_close(&rig);
}

static void rotation_and_capture_time_come_through(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig);
    for (uint8_t turns = 0; turns < 4; turns++) {
        struct xc_video_stamps stamps;
        push_of(&rig, XC_CODEC_VP8, turns == 0, turns);
        assert_true(decode(&rig));
        rig.out.width = WIDTH;
        rig.out.height = HEIGHT;
        assert_true(xc_video_recv_read(rig.recv, rig.now, &rig.out, &stamps));
        assert_int_equal(rig.out.rotation, turns * 90);
        assert_int_equal(rig.out.width, 32); /* not turned */
        assert_int_equal(rig.out.height, 16);
        assert_int_equal(stamps.rotation, turns);
        assert_int_equal(stamps.capture, rig.now - 50 * MS);
        rig.now += 33 * MS;
    }
    rig_close(&rig);
}

static void vp8_comes_through(void **state)
{
    (void)state;
    struct rig rig;
    rig_open_with(&rig, xc_vpx_codecs);
    struct xc_video_settings s = {
        .width = 63, .height = 47, .bitrate_bps = 300000, .frame_rate = 30};
    void *encoder = xc_vp8.encoder_create(&s, 0);
    struct xc_picture film = model_picture(XC_PIXEL_I420, 63, 47);
    for (uint32_t n = 0; n < 30; n++) {
        struct xc_video_coded coded;
        model_draw(&film, n);
        struct xc_video_in *in = xc_video_recv_slot(rig.recv);
        assert_int_equal(
            xc_vp8.encode(encoder, &film, n * 3000, false, in->bytes, in->capacity, &coded), 0);
        in->size = (uint32_t)coded.size;
        in->key = coded.key;
        in->codec = XC_CODEC_VP8;
        xc_video_recv_push(rig.recv);
        assert_true(decode(&rig));
        struct xc_picture out = model_picture(n & 1 ? XC_PIXEL_NV12 : XC_PIXEL_I420, 63, 47);
        assert_true(xc_video_recv_read(rig.recv, rig.now, &out, NULL));
        assert_true(model_psnr(&film, &out) > 28);
        free(out.planes[0]);
    }
    xc_vp8.encoder_destroy(encoder);
    free(film.planes[0]);
    rig_close(&rig);
}

static void create_and_destroy(void **state)
{
    (void)state;
    struct xc_video_recv_config config = {.codecs = model_codecs, .width_max = 0, .height_max = 9};
    struct xc_arena arena = {0};
    assert_null(xc_video_recv_create(&arena, &config));
    xc_video_recv_destroy(NULL);
}

/* -- three threads --------------------------------------------------------------------------- */

#define THREAD_FRAMES 20000

struct threads {
    struct rig rig;
    bool timed; /* pictures with a time to be shown, sometimes in the future */
    _Atomic uint64_t now;
    _Atomic bool shard_done, worker_done;
};

static void *shard_thread(void *argument)
{
    struct threads *t = argument;
    for (uint32_t n = 1; n <= THREAD_FRAMES;) {
        struct xc_video_in *in = xc_video_recv_slot(t->rig.recv);
        if (!in) {
            sched_yield();
            atomic_fetch_add(&t->now, 1);
            continue;
        }
        fill_frame(in, n, WIDTH, HEIGHT, n == 1);
        in->stamps.timestamp = n;
        uint64_t now = atomic_fetch_add(&t->now, 1);
        in->stamps.assembled = now;
        in->play_at = t->timed ? now + n % 5 : 0;
        xc_video_recv_push(t->rig.recv);
        n++;
    }
    atomic_store(&t->shard_done, true);
    return NULL;
}

static void *decode_thread(void *argument)
{
    struct threads *t = argument;
    for (;;) {
        bool done = atomic_load(&t->shard_done);
        if (xc_video_recv_ready(t->rig.recv) || done) {
            xc_video_recv_decode(t->rig.recv, atomic_load(&t->now), NULL, NULL);
            if (done && counters_of(&t->rig).frames_decoded == THREAD_FRAMES)
                break;
            if (done)
                atomic_fetch_add(&t->now, 1);
        } else {
            sched_yield();
        }
    }
    atomic_store(&t->worker_done, true);
    return NULL;
}

static void run_threads(bool timed)
{
    struct threads t = {.timed = timed};
    rig_open(&t.rig);
    pthread_t shard, worker;
    pthread_create(&shard, NULL, shard_thread, &t);
    pthread_create(&worker, NULL, decode_thread, &t);
    uint32_t last = 0, reads = 0;
    for (;;) {
        bool done = atomic_load(&t.worker_done);
        struct xc_video_stamps stamps;
        uint64_t now = atomic_load(&t.now) + (done ? 100 : 0);
        t.rig.out.width = WIDTH;
        t.rig.out.height = HEIGHT;
        if (!xc_video_recv_read(t.rig.recv, now, &t.rig.out, &stamps)) {
            if (done && xc_video_recv_due(t.rig.recv) == XC_NEVER)
                break;
            sched_yield();
            continue;
        }
        /* newer each time, and whole */
        assert_true(stamps.timestamp > last);
        last = stamps.timestamp;
        for (uint32_t y = 0; y < HEIGHT; y++)
            for (uint32_t x = 0; x < WIDTH; x++)
                assert_int_equal(*model_sample(&t.rig.out, 0, x, y), last & 0xff);
        reads++;
        for (uint32_t i = 0; i < reads % 16; i++)
            sched_yield();
    }
    pthread_join(shard, NULL);
    pthread_join(worker, NULL);
    struct xc_video_recv_counters c = counters_of(&t.rig);
    assert_int_equal(c.frames_decoded, THREAD_FRAMES);
    assert_int_equal(c.frames_delivered, reads);
    assert_int_equal(c.frames_delivered + c.frames_dropped, THREAD_FRAMES);
    assert_int_equal(c.decode_errors, 0);
    assert_int_equal(last, THREAD_FRAMES); /* the newest always comes through */
    rig_close(&t.rig);
}

static void three_threads(void **state)
{
    (void)state;
    run_threads(false);
}

static void three_threads_and_a_time_to_show(void **state)
{
    (void)state;
    run_threads(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_goes_through),
        cmocka_unit_test(the_frame_ring_is_bounded),
        cmocka_unit_test(a_host_that_does_not_read_finds_the_newest),
        cmocka_unit_test(pictures_wait_for_their_time),
        cmocka_unit_test(content_travels_with_the_stamps),
        cmocka_unit_test(what_is_not_due_is_not_taken_back),
        cmocka_unit_test(a_gap_waits_for_a_key_frame),
        cmocka_unit_test(sizes_change_and_have_bounds),
        cmocka_unit_test(freezes_by_the_definition),
        cmocka_unit_test(the_codec_changes_with_a_key_frame),
        cmocka_unit_test(rotation_and_capture_time_come_through),
        cmocka_unit_test(vp8_comes_through),
        cmocka_unit_test(create_and_destroy),
        cmocka_unit_test(three_threads),
        cmocka_unit_test(three_threads_and_a_time_to_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
