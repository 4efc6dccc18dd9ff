/* test_life.c - engines and calls from create to the end: ids that go stale, one ENDED a call, close
 * and unref from any thread, one consumer, events of the host's own, fork.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "support/pair.h"

#define LIMIT_MS 60000

static xcall_engine *make_engine(uint32_t threads, uint32_t calls_max)
{
    xcall_engine_config config;
    xcall_engine *engine = NULL;
    xcall_engine_config_init(&config, sizeof config);
    config.flags = XCALL_ENGINE_LOOPBACK;
    config.threads = threads;
    config.calls_max = calls_max;
    config.posted_max = 4;
    config.bind_address = "127.0.0.1";
    assert_int_equal(xcall_engine_create(&config, &engine, NULL), XCALL_OK);
    return engine;
}

/* Every function that takes a channel, or opens one. */
static void assert_channels_answer(xcall_engine *engine, xcall_id id, xcall_id channel,
                                   int32_t expected)
{
    uint64_t buffered;
    xcall_channel_info info;
    xcall_id other = 77;
    xcall_channel_info_init(&info, sizeof info);
    assert_int_equal(xcall_channel_create(engine, id, NULL, &other, NULL), expected);
    assert_int_equal(other, 77);
    assert_int_equal(xcall_channel_send(engine, channel, XCALL_MESSAGE_TEXT, "x", 1), expected);
    assert_int_equal(xcall_channel_set_low_threshold(engine, channel, 0), expected);
    assert_int_equal(xcall_channel_buffered_amount(engine, channel, &buffered), expected);
    assert_int_equal(xcall_channel_get_info(engine, channel, &info), expected);
    assert_int_equal(xcall_channel_close(engine, channel), expected);
}

/* Every function that takes an id, given this one. */
static void assert_all_answer(xcall_engine *engine, xcall_id id, int32_t expected)
{
    int16_t samples[480] = {0};
    uint8_t pixels[3][64] = {{0}};
    xcall_id track = 77;
    xcall_stats stats;
    xcall_picture picture;
    xcall_encoded_frame frame;
    xcall_frame_trace trace;
    xcall_stats_init(&stats, sizeof stats);
    xcall_encoded_frame_init(&frame, sizeof frame);
    xcall_picture_init(&picture, sizeof picture);
    picture.width = picture.height = 4;
    for (int i = 0; i < 3; i++) {
        picture.planes[i] = pixels[i];
        picture.strides[i] = 4;
    }
    xcall_id audio = (id & ~UINT64_C(0xff)) | XCALL_KIND_AUDIO;
    xcall_id video = (id & ~UINT64_C(0xff)) | XCALL_KIND_VIDEO;
    assert_int_equal(xcall_call_hang_up(engine, id), expected);
    assert_int_equal(xcall_call_set_hold(engine, id, 1), expected);
    assert_int_equal(xcall_call_track(engine, id, XCALL_KIND_AUDIO, 0, &track), expected);
    assert_int_equal(track, 77);
    assert_int_equal(xcall_track_set_mute(engine, audio, 1), expected);
    assert_int_equal(xcall_track_request_key_frame(engine, video), expected);
    assert_int_equal(xcall_track_set_direction(engine, video, XCALL_DIRECTION_BOTH), expected);
    assert_int_equal(xcall_call_restart_ice(engine, id), expected);
    assert_int_equal(xcall_call_send_dtmf(engine, id, "1", 100, 70), expected);
    assert_int_equal(xcall_audio_write(engine, audio, samples, 480, 0), expected);
    assert_int_equal(xcall_audio_read(engine, audio, samples, 480), expected);
    assert_int_equal(xcall_video_write(engine, video, &picture), expected);
    assert_int_equal(xcall_video_read(engine, video, &picture), expected);
    assert_int_equal(
        xcall_call_receive_signal(engine, id, XCALL_SIGNAL_BYE, "{\"type\":\"bye\"}", 14, NULL),
        expected);
    assert_channels_answer(engine, id, UINT64_MAX, expected);
    assert_int_equal(xcall_call_stats(engine, id, &stats), expected);
    assert_int_equal(xcall_encoded_read(engine, id, &frame, NULL, 0), expected);
    assert_int_equal(xcall_trace_read(engine, id, &trace, sizeof trace, 1), expected);
}

static uint32_t take_until_ended(xcall_engine *engine, xcall_id call)
{
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    while (xcall_engine_next_event(engine, &event, LIMIT_MS) == XCALL_OK)
        if (event.type == XCALL_EVENT_ENDED && event.call == call)
            return event.reason;
    return 0;
}

static void test_stale_ids(void **state)
{
    (void)state;
    xcall_engine *engine = make_engine(1, 1);
    xcall_id old = 0, call, strange[] = {0, 1, 0x100, UINT64_MAX, UINT64_C(1) << 32, 0xffffff00};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        assert_all_answer(engine, strange[i] & ~UINT64_C(0xff), XCALL_E_ENDED);
    for (int round = 0; round < 20; round++) {
        assert_int_equal(xcall_call_create(engine, NULL, &call, NULL), XCALL_OK);
        assert_true(call != old && call != 0);
        xcall_id second = 55;
        assert_int_equal(xcall_call_create(engine, NULL, &second, NULL), XCALL_E_LIMIT);
        assert_int_equal(second, 55);
        if (old)
            assert_all_answer(engine, old, XCALL_E_ENDED);
        assert_int_equal(xcall_call_hang_up(engine, call), XCALL_OK);
        xcall_call_hang_up(engine, call);
        assert_int_equal(take_until_ended(engine, call), XCALL_END_HANG_UP);
        xcall_stats stats;
        xcall_stats_init(&stats, sizeof stats);
        assert_int_equal(xcall_call_stats(engine, call, &stats), XCALL_OK); /* still readable */
        assert_int_equal(stats.state, XCALL_STATE_ENDED);
        xcall_event event;
        xcall_event_init(&event, sizeof event);
        while (xcall_engine_next_event(engine, &event, 0) == XCALL_OK)
            assert_true(event.call != call);
        old = call;
    }
    assert_all_answer(engine, old, XCALL_E_ENDED);
    xcall_engine_unref(engine);
}

static void test_one_ended_a_call(void **state)
{
    (void)state;
    struct pair pair;
    assert_int_equal(pair_open(&pair, 1, 4), XCALL_OK);
    for (int round = 0; round < 4; round++) {
        assert_int_equal(pair_call(&pair, round & 1), XCALL_OK);
        assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, LIMIT_MS));
        for (int i = 0; i < 5; i++)
            xcall_call_hang_up(pair.side[round % 2].engine, pair.side[round % 2].call);
        assert_true(pair_reach(&pair, XCALL_STATE_ENDED, LIMIT_MS));
        pair_turn(&pair);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pair.side[i].ended, 1);
            assert_int_equal(pair.side[i].late, 0);
        }
        assert_int_equal(pair.side[round % 2].reason, XCALL_END_HANG_UP);
        assert_int_equal(pair.side[!(round % 2)].reason, XCALL_END_REMOTE_HANG_UP);
    }
    pair_unref(&pair);
}

static void test_close(void **state)
{
    (void)state;
    xcall_id calls[3], extra;
    uint32_t ended[3] = {0};
    xcall_event event;
    xcall_engine *engine = make_engine(1, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(xcall_call_create(engine, NULL, &calls[i], NULL), XCALL_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(xcall_engine_close(engine), XCALL_OK);
    assert_int_equal(xcall_call_create(engine, NULL, &extra, NULL), XCALL_E_CLOSED);
    assert_int_equal(xcall_engine_post_event(engine, 0, 0, 0, NULL, 0), XCALL_E_CLOSED);
    xcall_event_init(&event, sizeof event);
    int32_t result;
    while ((result = xcall_engine_next_event(engine, &event, LIMIT_MS)) == XCALL_OK) {
        for (int i = 0; event.type == XCALL_EVENT_ENDED && i < 3; i++) {
            ended[i] += event.call == calls[i];
            assert_int_equal(event.reason, XCALL_END_CLOSED);
        }
    }
    assert_int_equal(result, XCALL_E_CLOSED);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ended[i], 1);
    assert_int_equal(xcall_engine_next_event(engine, &event, -1), XCALL_E_CLOSED);
    xcall_engine_unref(engine);
    xcall_engine_unref(NULL);
}

static void *unref_thread(void *engine)
{
    xcall_engine_close(engine);
    xcall_engine_unref(engine);
    return NULL;
}

/* Two engines in a call, each released on a thread that did not make it, in either order. */
static void test_unref_elsewhere(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct pair pair;
        pthread_t threads[2];
        assert_int_equal(pair_open(&pair, 1, 2), XCALL_OK);
        assert_int_equal(pair_call(&pair, round & 1), XCALL_OK);
        if (round & 2)
            assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, LIMIT_MS));
        assert_int_equal(xcall_engine_ref(pair.side[0].engine), XCALL_OK);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, unref_thread, pair.side[i].engine),
                             0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(xcall_engine_close(pair.side[0].engine), XCALL_OK); /* one is left */
        xcall_engine_unref(pair.side[0].engine);
    }
}

struct consumer {
    xcall_engine *engine;
    int32_t result;
};

static void *consume(void *argument)
{
    struct consumer *consumer = argument;
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    do
        consumer->result = xcall_engine_next_event(consumer->engine, &event, -1);
    while (consumer->result == XCALL_E_BUSY); /* the test's look was in the way */
    return NULL;
}

static void test_one_consumer(void **state)
{
    (void)state;
    xcall_event event;
    pthread_t thread;
    struct consumer consumer = {.engine = make_engine(1, 1), .result = 1};
    xcall_event_init(&event, sizeof event);
    assert_int_equal(pthread_create(&thread, NULL, consume, &consumer), 0);
    while (xcall_engine_next_event(consumer.engine, &event, 0) != XCALL_E_BUSY)
        sched_yield(); /* until the other one is inside */
    assert_int_equal(xcall_engine_wake(consumer.engine), XCALL_OK);
    pthread_join(thread, NULL);
    assert_int_equal(consumer.result, XCALL_E_TIMEOUT);
    xcall_engine_unref(consumer.engine);
}

static void test_posted(void **state)
{
    (void)state;
    char text[1024];
    xcall_event event;
    xcall_engine *engine = make_engine(1, 1);
    memset(text, 'x', sizeof text);
    assert_int_equal(xcall_engine_post_event(engine, 5, -3, 9, text, 1024), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_post_event(engine, 5, -3, 9, NULL, 1), XCALL_E_INVALID);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(xcall_engine_post_event(engine, 5, -3, i, text, 1023), XCALL_OK);
    assert_int_equal(xcall_engine_post_event(engine, 5, -3, 9, text, 1), XCALL_E_LIMIT);
    xcall_event_init(&event, sizeof event);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(xcall_engine_next_event(engine, &event, 0), XCALL_OK);
        assert_int_equal(event.type, XCALL_EVENT_POSTED);
        assert_int_equal(event.call, 5);
        assert_int_equal(event.code, -3);
        assert_int_equal(event.user, i);
        assert_int_equal(event.text_length, 1023);
        assert_int_equal(event.text[1023], 0);
        assert_memory_equal(event.text, text, 1023);
    }
    assert_int_equal(xcall_engine_next_event(engine, &event, 0), XCALL_E_TIMEOUT);
    assert_int_equal(xcall_engine_post_event(engine, 0, 0, 0, NULL, 0), XCALL_OK);
    assert_int_equal(xcall_engine_next_event(engine, &event, 0), XCALL_OK);
    assert_int_equal(event.text_length, 0);
    xcall_engine_unref(engine);
}

static void test_posted_by_a_library(void **state)
{
    (void)state;
    xcall_engine *engine = make_engine(1, 1);
    char *text = malloc(65536);
    xcall_event event, out;
    assert_non_null(text);
    memset(text, 'y', 65536);
    xcall_event_init(&event, sizeof event);
    event.type = XCALL_EVENT_LIBRARY - 1;
    assert_int_equal(xcall_engine_post(engine, &event), XCALL_E_INVALID);
    assert_int_equal(xcall_engine_post(engine, NULL), XCALL_E_INVALID);
    event.type = XCALL_EVENT_LIBRARY + 3;
    event.call = 11, event.media = 12, event.state = 2, event.reason = 3, event.flags = 4;
    event.text = text, event.text_length = 65536;
    assert_int_equal(xcall_engine_post(engine, &event), XCALL_E_INVALID);
    event.text_length = 65535, event.protocol = text;
    text[256] = '\0';
    assert_int_equal(xcall_engine_post(engine, &event), XCALL_E_INVALID);
    text[255] = '\0';
    assert_int_equal(xcall_engine_post(engine, &event), XCALL_OK);
    assert_int_equal(xcall_engine_post_event(engine, 0, 7, 0, "behind", 6), XCALL_OK);
    xcall_event_init(&out, sizeof out);
    assert_int_equal(xcall_engine_next_event(engine, &out, 0), XCALL_OK);
    assert_int_equal(out.type, XCALL_EVENT_LIBRARY + 3);
    assert_int_equal(out.call, 11);
    assert_int_equal(out.media, 12);
    assert_int_equal(out.state, 2);
    assert_int_equal(out.reason, 3);
    assert_int_equal(out.flags, 4);
    assert_true(out.time_ns > 0);
    assert_int_equal(out.text_length, 65535);
    assert_memory_equal(out.text, text, 65535);
    assert_int_equal(strlen(out.protocol), 255);
    assert_int_equal(xcall_engine_next_event(engine, &out, 0), XCALL_OK);
    assert_int_equal(out.code, 7);
    assert_string_equal(out.text, "behind");
    for (int i = 0; i < 4; i++) /* some are left when the engine goes */
        assert_int_equal(xcall_engine_post(engine, &event), XCALL_OK);
    assert_int_equal(xcall_engine_post(engine, &event), XCALL_E_LIMIT);
    free(text);
    xcall_engine_unref(engine);
}

/* Of a host that was built when the event had fewer members: nothing behind them is looked at. */
static void test_posted_by_an_older_host(void **state)
{
    (void)state;
    xcall_engine *engine = make_engine(1, 1);
    xcall_event out;
    const uint32_t sizes[] = {4, offsetof(xcall_event, channel), sizeof out};
    for (size_t i = 0; i < 3; i++) {
        xcall_event *event = malloc(sizes[i]);
        assert_non_null(event);
        memset(event, 0xff, sizes[i]);
        xcall_event_init(event, sizes[i]);
        if (i)
            event->type = XCALL_EVENT_LIBRARY;
        assert_int_equal(xcall_engine_post(engine, event), i ? XCALL_OK : XCALL_E_INVALID);
        free(event);
    }
    xcall_event_init(&out, sizeof out);
    assert_int_equal(xcall_engine_next_event(engine, &out, 0), XCALL_OK);
    assert_int_equal(out.type, XCALL_EVENT_LIBRARY);
    xcall_engine_unref(engine);
}

/* In the child: everything answers FORKED, nothing hangs, nothing is released. */
static int in_child(struct pair *pair)
{
    xcall_engine *engine = pair->side[0].engine;
    xcall_id call = pair->side[0].call, other;
    xcall_event event;
    uint64_t deadline;
    alarm(60); /* a hang ends the child, and the test */
    xcall_event_init(&event, sizeof event);
    assert_all_answer(engine, call, XCALL_E_FORKED);
    int failures = xcall_engine_next_event(engine, &event, -1) != XCALL_E_FORKED;
    failures += xcall_engine_event_fd(engine) != XCALL_E_FORKED;
    failures += xcall_engine_wake(engine) != XCALL_E_FORKED;
    failures += xcall_engine_post_event(engine, 0, 0, 0, NULL, 0) != XCALL_E_FORKED;
    event.type = XCALL_EVENT_LIBRARY;
    failures += xcall_engine_post(engine, &event) != XCALL_E_FORKED;
    failures += xcall_engine_step(engine, 1, &deadline) != XCALL_E_FORKED;
    failures += xcall_call_create(engine, NULL, &other, NULL) != XCALL_E_FORKED;
    failures += xcall_engine_ref(engine) != XCALL_E_FORKED;
    failures += xcall_engine_close(engine) != XCALL_E_FORKED;
    xcall_engine_unref(engine);
    xcall_engine_unref(engine);
    return failures;
}

static void test_fork(void **state)
{
    (void)state;
    struct pair pair;
    int status = -1;
    assert_int_equal(pair_open(&pair, 1, 2), XCALL_OK);
    assert_int_equal(pair_call(&pair, true), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, LIMIT_MS));
    pid_t child = fork();
    if (child == 0)
        _exit(in_child(&pair));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    /* The parent's call did not notice. */
    assert_int_equal(pair.side[0].state, XCALL_STATE_CONNECTED);
    assert_int_equal(xcall_call_hang_up(pair.side[0].engine, pair.side[0].call), XCALL_OK);
    assert_true(pair_reach(&pair, XCALL_STATE_ENDED, LIMIT_MS));
    pair_unref(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stale_ids),
        cmocka_unit_test(test_one_ended_a_call),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_unref_elsewhere),
        cmocka_unit_test(test_one_consumer),
        cmocka_unit_test(test_posted),
        cmocka_unit_test(test_posted_by_a_library),
        cmocka_unit_test(test_posted_by_an_older_host),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
