/* loopback.c - calls between two processes, one after the other. The clock starts before Alice
 * creates her call (so that the offer is in it) and Bob creates his when the offer comes. Both
 * write and read media from their call's first moment on, as devices that run already would.
 *
 *   Alice: create -> offer ......... connected, first sound, first picture
 *   Bob:            offer -> create -> answer . connected, first sound, first picture
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "setup.h"

#define WIDTH 640
#define HEIGHT 360
#define FRAME_NS (BENCH_S / 30)
#define EACH_NS (700 * BENCH_MS) /* from one call to the next */
#define WATCH_NS (450 * BENCH_MS)
#define LOUD 300 /* of 32768: no silence, no decoder's noise */
#define LEAD_NS (400 * BENCH_MS)

struct plan {
    uint64_t start;
    uint32_t repetitions;
    int16_t *speech;
    struct bench_video video;
};

struct times { /* ns; 0: did not happen */
    uint64_t start, created, described, connected, audio, video;
};

/* One call of one side. */
struct side {
    const struct plan *plan;
    struct bench_host *host;
    uint64_t begin; /* of the media threads */
    uint64_t phase; /* of read() after write() */
    _Atomic int stop;
    _Atomic uint64_t first_audio;
};

static void *run_audio(void *argument)
{
    struct side *side = argument;
    int16_t heard[BENCH_BLOCK];
    bench_real_time_thread();
    for (uint32_t k = 0; !atomic_load(&side->stop); k++) {
        const int16_t *block = side->plan->speech + k % 100 * BENCH_BLOCK;
        bench_sleep_until(side->begin + k * BENCH_BLOCK_NS);
        xcall_audio_write(side->host->engine, side->host->call, block, BENCH_BLOCK, 0);
        bench_sleep_until(side->begin + k * BENCH_BLOCK_NS + side->phase);
        if (xcall_audio_read(side->host->engine, side->host->call, heard, BENCH_BLOCK) !=
                XCALL_OK ||
            atomic_load(&side->first_audio))
            continue;
        for (uint32_t i = 0; i < BENCH_BLOCK; i++)
            if (heard[i] > LOUD || heard[i] < -LOUD) {
                atomic_store(&side->first_audio, xcall_now_ns());
                break;
            }
    }
    return NULL;
}

static void *run_video(void *argument)
{
    struct side *side = argument;
    const struct bench_video *video = &side->plan->video;
    uint8_t *work = malloc(video->frame_size);
    xcall_picture picture;
    if (!work)
        bench_fail("no memory", XCALL_E_MEMORY);
    bench_picture_of(&picture, work, video->width, video->height);
    for (uint32_t k = 0; !atomic_load(&side->stop); k++) {
        bench_video_frame(video, k, work);
        bench_sleep_until(side->begin + k * FRAME_NS);
        xcall_video_write(side->host->engine, side->host->call, &picture);
    }
    free(work);
    return NULL;
}

static void create_call(struct bench_host *host, uint32_t role)
{
    xcall_call_config config;
    xcall_call_config_init(&config, sizeof config);
    config.role = role;
    config.video_direction = XCALL_DIRECTION_BOTH;
    config.video_width = config.video_width_max = WIDTH;
    config.video_height = config.video_height_max = HEIGHT;
    bench_host_call(host, &config);
}

/* Reads the first picture that is due and has its number in it. */
static bool saw_picture(struct bench_host *host, uint8_t *work)
{
    xcall_picture picture;
    bench_picture_of(&picture, work, WIDTH, HEIGHT);
    return xcall_video_read(host->engine, host->call, &picture) == XCALL_OK &&
           bench_video_number(work, picture.strides[0], picture.width, picture.height) >= 0;
}

static void watch(struct side *side, struct times *times, uint8_t *work)
{
    struct bench_host *host = side->host;
    pthread_t audio, video;
    atomic_store(&side->stop, 0);
    atomic_store(&side->first_audio, 0);
    side->begin = xcall_now_ns();
    if (pthread_create(&audio, NULL, run_audio, side) != 0 ||
        pthread_create(&video, NULL, run_video, side) != 0)
        bench_fail("no media threads", XCALL_E_SYSTEM);
    uint64_t end = times->start + WATCH_NS;
    while (xcall_now_ns() < end && host->state != XCALL_STATE_ENDED) {
        bench_host_pump(host, 10);
        if (host->picture && !times->video && saw_picture(host, work))
            times->video = xcall_now_ns();
        host->picture = false;
    }
    times->described = host->described_at;
    times->connected = host->connected_at;
    atomic_store(&side->stop, 1);
    pthread_join(audio, NULL);
    pthread_join(video, NULL);
    times->audio = atomic_load(&side->first_audio);
}

/* Ends the call and takes what the peer still says of it. */
static void end_call(struct bench_host *host, uint64_t until)
{
    xcall_call_hang_up(host->engine, host->call);
    while (xcall_now_ns() < until)
        bench_host_pump(host, 10);
    host->call = 0; /* an offer that waits by now is the next call's */
}

static void run_side(struct bench_child *child, bool answerer)
{
    struct plan *plan = child->config;
    struct bench_host host;
    struct side side = {.plan = plan, .host = &host};
    uint8_t *work = calloc(1, plan->video.frame_size);
    struct times *times = calloc(plan->repetitions, sizeof *times);
    uint64_t before = xcall_now_ns();
    bench_host_open(&host, child->peer);
    double create_ms = (double)(xcall_now_ns() - before) * 1e-6;
    if (!work || !times)
        bench_fail("no memory", XCALL_E_MEMORY);
    for (uint32_t i = 0; i < plan->repetitions; i++) {
        uint64_t begin = plan->start + i * EACH_NS;
        side.phase = BENCH_BLOCK_NS * (i + 1) / (plan->repetitions + 1);
        if (answerer) {
            while (!host.offer_waits && xcall_now_ns() < begin + EACH_NS)
                bench_host_pump(&host, 10);
            times[i].start = begin;
            create_call(&host, XCALL_ROLE_ANSWER);
            if (!host.offer_waits ||
                xcall_call_receive_signal(host.engine, host.call, XCALL_SIGNAL_OFFER, host.text,
                                          host.text_length, NULL) != XCALL_OK)
                bench_fail("the offer did not arrive", XCALL_E_TIMEOUT);
            host.offer_waits = false;
        } else {
            bench_sleep_until(begin);
            times[i].start = xcall_now_ns();
            create_call(&host, XCALL_ROLE_OFFER);
        }
        times[i].created = xcall_now_ns();
        watch(&side, &times[i], work);
        end_call(&host, begin + EACH_NS - 50 * BENCH_MS);
    }
    bench_put(child->out, times, sizeof *times, plan->repetitions);
    bench_put(child->out, &create_ms, sizeof create_ms, 1);
    bench_host_close(&host);
}

static void alice(struct bench_child *child)
{
    run_side(child, false);
}

static void bob(struct bench_child *child)
{
    run_side(child, true);
}

/* The later one of both ends; 0 when one of them did not get there. */
static uint64_t later(uint64_t a, uint64_t b)
{
    return !a || !b ? 0 : a > b ? a : b;
}

static bool add(struct bench_report *report, const char *name, double *values, uint32_t count,
                uint32_t wanted)
{
    if (count * 10 < wanted * 9) {
        fprintf(stderr, "setup: %s: only %u of %u calls got there\n", name, count, wanted);
        return false;
    }
    bench_sort(values, count);
    bench_add(report, bench_quantile(values, count, 0.5), "loopback.%s_ms", name);
    bench_add(report, values[0], "loopback.%s_all_ms.min", name);
    bench_add(report, bench_quantile(values, count, 0.95), "loopback.%s_all_ms.p95", name);
    bench_add(report, values[count - 1], "loopback.%s_all_ms.max", name);
    bench_add(report, (double)count, "loopback.%s_all_ms.count", name);
    return true;
}

static bool report_times(struct bench_report *report, uint32_t repetitions, FILE *files[2])
{
    static const char *const names[] = {"created",   "offer", "answer",
                                        "connected", "audio", "video"};
    struct times *times[2];
    double *create_ms[2], *values = calloc(repetitions, sizeof *values);
    bool ok = values != NULL;
    for (int i = 0; i < 2; i++) {
        times[i] = bench_get(files[i], sizeof(struct times), NULL);
        create_ms[i] = bench_get(files[i], sizeof(double), NULL);
    }
    for (int w = 0; ok && w < 6; w++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < repetitions; i++) {
            const struct times *a = &times[0][i], *b = &times[1][i];
            const uint64_t ats[] = {a->created,
                                    a->described,
                                    b->described,
                                    later(a->connected, b->connected),
                                    later(a->audio, b->audio),
                                    later(a->video, b->video)};
            uint64_t at = ats[w];
            if (at)
                values[count++] = (double)(at - a->start) * 1e-6;
        }
        ok = add(report, names[w], values, count, repetitions);
    }
    bench_add(report, (*create_ms[0] + *create_ms[1]) / 2, "loopback.engine_create_ms");
    for (int i = 0; i < 2; i++) {
        free(times[i]);
        free(create_ms[i]);
    }
    free(values);
    return ok;
}

bool setup_loopback(struct bench_report *report, uint32_t repetitions)
{
    struct plan plan = {.repetitions = repetitions};
    FILE *files[2];
    plan.speech = calloc(100, BENCH_BLOCK * sizeof(int16_t));
    if (!plan.speech || !bench_video_create(&plan.video, WIDTH, HEIGHT, 30))
        return false;
    bench_speech(plan.speech, 100 * BENCH_BLOCK, 11);
    for (uint32_t i = 0; i < 100 * BENCH_BLOCK; i++) /* loud from the first sample on */
        plan.speech[i] = (int16_t)(plan.speech[i] / 2 + (i / 55 % 2 ? 4000 : -4000));
    plan.start = xcall_now_ns() + LEAD_NS;
    bool ok = bench_pair_run(alice, bob, NULL, &plan, repetitions + 30, files) &&
              report_times(report, repetitions, files);
    for (int i = 0; i < 2; i++)
        fclose(files[i]);
    bench_video_destroy(&plan.video);
    free(plan.speech);
    return ok;
}
