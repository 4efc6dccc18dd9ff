/* stress_cycles.c - engines created, used a little and closed, thousands of times on two threads at
 * once; released on a third thread now and then. Descriptors, threads and memory must not grow.
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>
#include <xcall/xcall.h>

#include "engine/stress.h"

#define THREADS 2

static struct stress_options options;

static uint32_t count_entries(const char *path)
{
    uint32_t count = 0;
    DIR *folder = opendir(path);
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static uint64_t resident_kib(void)
{
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void *release(void *engine)
{
    xcall_engine_unref(engine);
    return NULL;
}

static void use(xcall_engine *engine, uint64_t *random)
{
    xcall_id call;
    xcall_event event;
    uint32_t calls = (uint32_t)(stress_random(random) % 3);
    xcall_event_init(&event, sizeof event);
    for (uint32_t i = 0; i < calls; i++) {
        STRESS_CHECK(xcall_call_create(engine, NULL, &call, NULL) == XCALL_OK, &options);
        if (stress_random(random) & 1)
            xcall_call_hang_up(engine, call);
        if (stress_random(random) & 1)
            xcall_engine_next_event(engine, &event, 0);
    }
}

static void cycle(uint64_t *random)
{
    xcall_engine_config config;
    xcall_engine *engine = NULL;
    pthread_t other;
    xcall_engine_config_init(&config, sizeof config);
    config.flags = XCALL_ENGINE_LOOPBACK;
    config.bind_address = "127.0.0.1";
    config.calls_max = 2;
    config.threads = stress_random(random) % 8 ? 1 : 0;
    STRESS_CHECK(xcall_engine_create(&config, &engine, NULL) == XCALL_OK, &options);
    if (stress_random(random) % 4 == 0)
        use(engine, random);
    if (stress_random(random) & 1)
        xcall_engine_close(engine);
    if (stress_random(random) % 16 == 0) {
        STRESS_CHECK(pthread_create(&other, NULL, release, engine) == 0, &options);
        pthread_join(other, NULL);
    } else {
        xcall_engine_unref(engine);
    }
}

struct work {
    uint64_t random;
    uint32_t count;
};

static void *run(void *argument)
{
    struct work *work = argument;
    for (uint32_t i = 0; i < work->count; i++)
        cycle(&work->random);
    return NULL;
}

static void run_all(uint32_t count, uint64_t salt)
{
    pthread_t threads[THREADS];
    struct work work[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        work[i] = (struct work){options.seed * 1000 + salt + i, count / THREADS};
        STRESS_CHECK(pthread_create(&threads[i], NULL, run, &work[i]) == 0, &options);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    options = stress_parse(argc, argv, 10000, 0);
    run_all(options.cycles / 10, 100); /* what is made once a process */
    uint32_t descriptors = count_entries("/proc/self/fd"), tasks = count_entries("/proc/self/task");
    uint64_t resident = resident_kib();
    run_all(options.cycles - options.cycles / 10, 200);
    printf("%u cycles: descriptors %u -> %u, threads %u -> %u, resident %llu -> %llu KiB\n",
           options.cycles, descriptors, count_entries("/proc/self/fd"), tasks,
           count_entries("/proc/self/task"), (unsigned long long)resident,
           (unsigned long long)resident_kib());
    STRESS_CHECK(count_entries("/proc/self/fd") == descriptors, &options);
    STRESS_CHECK(count_entries("/proc/self/task") == tasks, &options);
#ifndef XC_SANITIZED /* a sanitizer keeps freed memory and histories */
    STRESS_CHECK(resident_kib() < resident + 4096, &options);
#endif
    return 0;
}
