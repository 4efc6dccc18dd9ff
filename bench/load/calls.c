/* calls.c - n audio calls in one engine, with their media from one or two host threads. Calls are
 * spread over the 10 ms of a block, as those of real hosts are: each thread goes round in steps of
 * 1 ms on a time line that runs at the engine's speed.
 *
 *   slot 0: calls 0, 10, 20 ...   slot 1: calls 1, 11, ...   each: 2 x write, 2 x read
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

#define SLOTS 10
#define SPEECH_BLOCKS 500
#define WARM_UP_NS (3 * BENCH_S / 2)
#define BATCH 16 /* calls that connect at the same time */
#define CONNECT_LIMIT_S 60
#define CALLS_A_DRIVER 100 /* from here on a second host thread */

struct load {
    const struct load_plan *plan;
    struct bench_loop loop;
    int16_t *speech;
    uint64_t start;
    uint32_t drivers;
    _Atomic int stop;
    _Atomic uint64_t late_max;
};

struct driver {
    struct load *load;
    uint32_t number;
};

static void turn_call(struct load *load, uint32_t call, uint32_t block)
{
    const int16_t *speech = load->speech + (block + call * 37) % SPEECH_BLOCKS * BENCH_BLOCK;
    int16_t heard[BENCH_BLOCK];
    for (uint32_t side = 0; side < 2; side++)
        xcall_audio_write(load->loop.engine, load->loop.calls[2 * call + side], speech, BENCH_BLOCK,
                          0);
    for (uint32_t side = 0; side < 2; side++)
        xcall_audio_read(load->loop.engine, load->loop.calls[2 * call + side], heard, BENCH_BLOCK);
}

static void *drive(void *argument)
{
    struct driver *driver = argument;
    struct load *load = driver->load;
    bench_real_time_thread();
    for (uint64_t step = 0; !atomic_load_explicit(&load->stop, memory_order_relaxed); step++) {
        if (step % SLOTS >= load->plan->calls)
            continue; /* nobody to wake up for */
        uint64_t due = load->start + step * BENCH_MS * 1000 / load->plan->permille;
        uint64_t now = xcall_now_ns();
        if (now < due)
            bench_sleep_until(due);
        else if (step > 2000 && now - due > atomic_load(&load->late_max))
            atomic_store(&load->late_max, now - due);
        uint32_t slot = (uint32_t)(step % SLOTS), block = (uint32_t)(step / SLOTS);
        for (uint32_t call = slot; call < load->plan->calls; call += SLOTS)
            if (call / SLOTS % load->drivers == driver->number)
                turn_call(load, call, block);
    }
    return NULL;
}

static bool create_calls(struct load *load, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        xcall_call_config config;
        xcall_error error;
        xcall_call_config_init(&config, sizeof config);
        xcall_error_init(&error, sizeof error);
        config.role = i % 2 ? XCALL_ROLE_ANSWER : XCALL_ROLE_OFFER;
        config.user = i;
        if (xcall_call_create(load->loop.engine, &config, &load->loop.calls[i], &error) !=
            XCALL_OK) {
            fprintf(stderr, "load: call %u: %s\n", i, error.text);
            return false;
        }
    }
    return true;
}

static bool connect_calls(struct load *load)
{
    uint64_t limit = xcall_now_ns() + CONNECT_LIMIT_S * BENCH_S;
    for (uint32_t made = 0; made < load->loop.count;) {
        uint32_t next = made + 2 * BATCH < load->loop.count ? made + 2 * BATCH : load->loop.count;
        if (!create_calls(load, made, next))
            return false;
        made = next;
        while (load->loop.connected_count < made && xcall_now_ns() < limit)
            bench_loop_event(&load->loop, 20);
        if (load->loop.connected_count < made) {
            fprintf(stderr, "load: %u of %u ends connected\n", load->loop.connected_count, made);
            return false;
        }
    }
    return true;
}

struct sums {
    double cpu, concealed, received;
    uint64_t at;
};

static void look(const struct load *load, struct sums *sums)
{
    memset(sums, 0, sizeof *sums);
    for (uint32_t i = 0; i < load->loop.count; i++) {
        xcall_stats stats;
        xcall_stats_init(&stats, sizeof stats);
        if (xcall_call_stats(load->loop.engine, load->loop.calls[i], &stats) != XCALL_OK)
            continue;
        sums->concealed += (double)stats.audio_received.concealed_samples;
        sums->received += (double)stats.audio_received.packets_received;
    }
    sums->at = xcall_now_ns();
    sums->cpu = bench_cpu_seconds();
}

static void rest(struct load *load, double media_seconds)
{
    uint64_t until = xcall_now_ns() + (uint64_t)(media_seconds * 1e9 * 1000 / load->plan->permille);
    while (xcall_now_ns() < until)
        while (bench_loop_event(&load->loop, 50))
            ;
}

static void measure(struct load *load, struct load_result *result)
{
    struct sums before, after;
    double seconds = load->plan->seconds, calls = load->plan->calls;
    rest(load, WARM_UP_NS * 1e-9);
    atomic_store(&load->late_max, 0);
    look(load, &before);
    rest(load, seconds);
    result->rss_kib = (bench_resident_kib() - result->idle_kib) / calls;
    look(load, &after);
    double real = (double)(after.at - before.at) * 1e-9;
    double media = real * load->plan->permille / 1000;
    result->cpu = (after.cpu - before.cpu) / (calls * media);
    result->busy = (after.cpu - before.cpu) / real / (double)sysconf(_SC_NPROCESSORS_ONLN);
    result->late_frames = (after.concealed - before.concealed) / 960;
    result->frames = after.received - before.received;
    result->host_late_ms = (double)atomic_load(&load->late_max) * 1e-6;
}

static bool open_load(struct load *load, const struct load_plan *plan, struct load_result *result)
{
    struct rlimit files;
    memset(load, 0, sizeof *load);
    load->plan = plan;
    load->drivers = plan->calls > CALLS_A_DRIVER ? 2 : 1;
    load->speech = calloc(SPEECH_BLOCKS, BENCH_BLOCK * sizeof(int16_t));
    load->loop.count = 2 * plan->calls;
    load->loop.calls = calloc(load->loop.count, sizeof *load->loop.calls);
    load->loop.connected = calloc(load->loop.count, 1);
    if (!load->speech || !load->loop.calls || !load->loop.connected)
        return false;
    bench_speech(load->speech, (size_t)SPEECH_BLOCKS * BENCH_BLOCK, 9);
    getrlimit(RLIMIT_NOFILE, &files);
    rlim_t wanted = 2 * plan->calls + 256;
    if (files.rlim_cur < wanted) {
        files.rlim_cur = wanted;
        if (files.rlim_max < wanted)
            files.rlim_max = wanted; /* for root only */
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
            fprintf(stderr, "load: %u calls want %u descriptors (ulimit -n)\n", plan->calls,
                    (unsigned)wanted);
            return false;
        }
    }
    uint32_t threads = bench_threads();
    load->loop.engine = bench_engine(plan->threads, load->loop.count, plan->permille);
    result->threads = bench_threads() - threads;
    result->idle_kib = bench_resident_kib();
    return true;
}

static void close_load(struct load *load)
{
    xcall_engine_unref(load->loop.engine);
    free(load->speech);
    free(load->loop.calls);
    free(load->loop.connected);
}

bool load_run(const struct load_plan *plan, struct load_result *result)
{
    struct load load;
    struct driver drivers[2];
    pthread_t threads[2];
    if (!open_load(&load, plan, result))
        return false;
    uint64_t before = xcall_now_ns();
    if (!connect_calls(&load))
        return false;
    result->connect_ms = (double)(xcall_now_ns() - before) * 1e-6;
    load.start = xcall_now_ns();
    for (uint32_t i = 0; i < load.drivers; i++) {
        drivers[i] = (struct driver){.load = &load, .number = i};
        if (pthread_create(&threads[i], NULL, drive, &drivers[i]) != 0)
            return false;
    }
    measure(&load, result);
    atomic_store(&load.stop, 1);
    for (uint32_t i = 0; i < load.drivers; i++)
        pthread_join(threads[i], NULL);
    bool flowed = result->frames > plan->calls * 2 * 30 * plan->seconds;
    if (!flowed)
        fprintf(stderr, "load: only %.0f frames arrived\n", result->frames);
    close_load(&load);
    return flowed;
}
