/* stress_random.c - four threads do random things to the calls of one shared engine while one takes
 * its events and another, at the end, closes it under them. Each call created ends exactly once, and
 * every answer is one that the header names. SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <xcall/xcall.h>

#include "engine/stress.h"

#define THREADS 4
#define CALLS_MAX 8
#define IDS 64 /* the newest ids, live and stale */
#define ROUNDS_PER_ENGINE 400

static struct stress_options options;

struct shared {
    xcall_engine *engine;
    _Atomic uint64_t ids[IDS];
    _Atomic uint32_t id_count, created, running;
    uint32_t ended; /* consumer */
};

struct worker {
    struct shared *shared;
    uint64_t random;
};

/* The answers that a function on a live, ended or closing call may give. */
static void check(int32_t result)
{
    STRESS_CHECK(result >= 0 || result == XCALL_E_ENDED || result == XCALL_E_CLOSED ||
                     result == XCALL_E_LIMIT || result == XCALL_E_AGAIN ||
                     result == XCALL_E_STATE || result == XCALL_E_TOO_SMALL ||
                     result == XCALL_E_INVALID || result == XCALL_E_BUSY,
                 &options);
}

static void create(struct shared *shared, uint64_t *random)
{
    xcall_call_config config;
    xcall_id call;
    xcall_call_config_init(&config, sizeof config);
    config.role = stress_random(random) & 1 ? XCALL_ROLE_OFFER : XCALL_ROLE_ANSWER;
    config.trace_frames = stress_random(random) & 1 ? 16 : 0;
    config.encoded_bytes = stress_random(random) & 1 ? 4096 : 0;
    if (stress_random(random) % 4 == 0) {
        config.video_direction = XCALL_DIRECTION_BOTH;
        config.video_width = config.video_width_max = 64;
        config.video_height = config.video_height_max = 64;
    }
    int32_t result = xcall_call_create(shared->engine, &config, &call, NULL);
    check(result);
    if (result != XCALL_OK)
        return;
    atomic_fetch_add(&shared->created, 1);
    atomic_store(&shared->ids[atomic_fetch_add(&shared->id_count, 1) % IDS], call);
}

static void write_media(xcall_engine *engine, xcall_id call, uint64_t *random)
{
    static const int16_t samples[960];
    static uint8_t plane[64 * 64];
    xcall_picture picture;
    check(xcall_audio_write(engine, call, samples, 1 + (uint32_t)(stress_random(random) % 960), 0));
    xcall_picture_init(&picture, sizeof picture);
    picture.width = picture.height = 64;
    for (int i = 0; i < 3; i++) {
        picture.planes[i] = plane;
        picture.strides[i] = 64;
    }
    check(xcall_video_write(engine, call, &picture));
}

static void read_all(xcall_engine *engine, xcall_id call)
{
    uint8_t bytes[512];
    xcall_stats stats;
    xcall_encoded_frame frame;
    xcall_frame_trace traces[4];
    xcall_stats_init(&stats, sizeof stats);
    xcall_encoded_frame_init(&frame, sizeof frame);
    check(xcall_call_stats(engine, call, &stats));
    check(xcall_encoded_read(engine, call, &frame, bytes, sizeof bytes));
    check(xcall_trace_read(engine, call, traces, sizeof traces[0], 4));
}

static void act(struct shared *shared, uint64_t *random)
{
    static const char *bye = "{\"type\":\"bye\"}";
    xcall_engine *engine = shared->engine;
    xcall_id call = atomic_load(&shared->ids[stress_random(random) % IDS]), track;
    switch (stress_random(random) % 10) {
    case 0:
    case 1:
        create(shared, random);
        break;
    case 2:
        check(xcall_call_hang_up(engine, call));
        break;
    case 3:
        check(xcall_call_receive_signal(engine, call, XCALL_SIGNAL_BYE, bye, strlen(bye), NULL));
        break;
    case 4:
        check(xcall_call_set_hold(engine, call, (int32_t)(stress_random(random) & 1)));
        break;
    case 5:
        check(xcall_call_track(engine, call, XCALL_KIND_VIDEO, 0, &track));
        check(xcall_track_set_mute(engine, call | XCALL_KIND_AUDIO, 1));
        check(xcall_track_request_key_frame(engine, call | XCALL_KIND_VIDEO));
        break;
    case 6:
        check(xcall_engine_post_event(engine, call, 1, 2, "posted", 6));
        break;
    case 7:
        check(xcall_engine_wake(engine));
        check(xcall_engine_ref(engine));
        xcall_engine_unref(engine);
        break;
    default:
        read_all(engine, call);
        break;
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    while (atomic_load(&worker->shared->running))
        act(worker->shared, &worker->random);
    return NULL;
}

/* The one that writes and the one that reads media: a track has one thread for each at a time. */
static void *write_thread(void *argument)
{
    struct worker *worker = argument;
    while (atomic_load(&worker->shared->running))
        write_media(worker->shared->engine,
                    atomic_load(&worker->shared->ids[stress_random(&worker->random) % IDS]),
                    &worker->random);
    return NULL;
}

static void *read_thread(void *argument)
{
    struct worker *worker = argument;
    int16_t samples[960];
    while (atomic_load(&worker->shared->running))
        check(xcall_audio_read(
            worker->shared->engine,
            atomic_load(&worker->shared->ids[stress_random(&worker->random) % IDS]), samples,
            1 + (uint32_t)(stress_random(&worker->random) % 960)));
    return NULL;
}

/* Takes `rounds` events, then closes; then what is left until CLOSED. */
static void consume(struct shared *shared, uint32_t rounds, uint64_t *random)
{
    xcall_event event;
    int32_t result;
    xcall_event_init(&event, sizeof event);
    for (uint32_t i = 0; i < rounds; i++) {
        result =
            xcall_engine_next_event(shared->engine, &event, (int32_t)(stress_random(random) % 3));
        STRESS_CHECK(result == XCALL_OK || result == XCALL_E_TIMEOUT, &options);
        if (result == XCALL_OK && event.type == XCALL_EVENT_ENDED)
            shared->ended++;
    }
    xcall_engine_close(shared->engine);
    while ((result = xcall_engine_next_event(shared->engine, &event, 60000)) == XCALL_OK ||
           (result == XCALL_E_TIMEOUT && atomic_load(&shared->running))) {
        if (result == XCALL_OK && event.type == XCALL_EVENT_ENDED)
            shared->ended++;
        atomic_store(&shared->running, 0);
    }
    STRESS_CHECK(result == XCALL_E_CLOSED || result == XCALL_E_TIMEOUT, &options);
}

static uint32_t one_engine(uint64_t round)
{
    static struct shared shared;
    struct worker workers[THREADS + 2];
    pthread_t threads[THREADS + 2];
    xcall_engine_config config;
    uint64_t random = options.seed * 1000 + round;
    memset(&shared, 0, sizeof shared);
    xcall_engine_config_init(&config, sizeof config);
    config.flags = XCALL_ENGINE_LOOPBACK;
    config.bind_address = "127.0.0.1";
    config.threads = 1 + (uint32_t)(round & 1);
    config.calls_max = CALLS_MAX;
    STRESS_CHECK(xcall_engine_create(&config, &shared.engine, NULL) == XCALL_OK, &options);
    atomic_store(&shared.running, 1);
    for (uint32_t i = 0; i < THREADS + 2; i++) {
        workers[i] = (struct worker){&shared, random * 16 + i};
        void *(*run)(void *) = i == THREADS ? write_thread : i > THREADS ? read_thread : work;
        STRESS_CHECK(pthread_create(&threads[i], NULL, run, &workers[i]) == 0, &options);
    }
    consume(&shared, ROUNDS_PER_ENGINE, &random);
    atomic_store(&shared.running, 0);
    for (uint32_t i = 0; i < THREADS + 2; i++)
        pthread_join(threads[i], NULL);
    xcall_event event;
    xcall_event_init(&event, sizeof event);
    while (xcall_engine_next_event(shared.engine, &event, 60000) == XCALL_OK)
        shared.ended += event.type == XCALL_EVENT_ENDED;
    uint32_t created = atomic_load(&shared.created);
    if (created != shared.ended)
        fprintf(stderr, "%u calls created, %u ended\n", created, shared.ended);
    STRESS_CHECK(created == shared.ended, &options);
    xcall_engine_unref(shared.engine);
    return created;
}

int main(int argc, char **argv)
{
    options = stress_parse(argc, argv, 0, 10);
    uint64_t start = xcall_now_ns(), round = 0, calls = 0;
    do
        calls += one_engine(round++);
    while (xcall_now_ns() - start < options.seconds * UINT64_C(1000000000));
    printf("%llu engines, %llu calls, each ended once\n", (unsigned long long)round,
           (unsigned long long)calls);
    return 0;
}
