/* test_resources.c - what a call takes of the process and gives back: no thread, one socket an
 * address, memory that does not grow with the calls that were; and what each event of it carries.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "support/loopback.h"
#include "support/pair.h"

#define LIMIT_MS 60000
#define CALLS 8
#define ROUNDS 40

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

static uint32_t descriptors(void)
{
    return count_entries("/proc/self/fd");
}

static uint32_t threads(void)
{
    return count_entries("/proc/self/task");
}

static uint64_t resident_kib(void)
{
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%llu %llu", &total, &resident), 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static xcall_engine *make_engine(uint32_t shards, uint32_t workers)
{
    xcall_engine_config config;
    xcall_engine *engine = NULL;
    xcall_engine_config_init(&config, sizeof config);
    config.flags = XCALL_ENGINE_LOOPBACK;
    config.threads = shards;
    config.codec_workers = workers;
    config.calls_max = CALLS;
    config.bind_address = "127.0.0.1";
    assert_int_equal(xcall_engine_create(&config, &engine, NULL), XCALL_OK);
    return engine;
}

/* The threads of an engine are those of its configuration, whatever the number of calls. */
static void test_threads(void **state)
{
    (void)state;
    xcall_call_config config;
    xcall_id calls[CALLS];
    uint32_t before = threads();
    xcall_engine *engine = make_engine(2, 4);
    assert_int_equal(threads(), before + 2 + 4);
    uint32_t open = descriptors();
    xcall_call_config_init(&config, sizeof config);
    config.video_direction = XCALL_DIRECTION_BOTH;
    for (uint32_t i = 0; i < CALLS; i++) {
        assert_int_equal(xcall_call_create(engine, &config, &calls[i], NULL), XCALL_OK);
        assert_int_equal(threads(), before + 2 + 4);
        assert_int_equal(descriptors(), open + i + 1);
    }
    xcall_engine_unref(engine); /* ends them all and joins what it started */
    assert_int_equal(threads(), before);
    engine = make_engine(0, 2);
    assert_int_equal(threads(), before); /* stepped by the host: none at all */
    xcall_engine_unref(engine);
}

/* A call that was connected leaves nothing behind once its end was taken. */
static void test_calls_leave_nothing(void **state)
{
    (void)state;
    struct pair pair;
    uint32_t open = 0;
    uint64_t resident = 0;
    assert_int_equal(pair_open(&pair, 0, 2), XCALL_OK);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        assert_int_equal(pair_call(&pair, round % 4 == 0), XCALL_OK);
        assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, LIMIT_MS));
        assert_int_equal(xcall_call_hang_up(pair.side[0].engine, pair.side[0].call), XCALL_OK);
        assert_true(pair_reach(&pair, XCALL_STATE_ENDED, LIMIT_MS));
        pair_turn(&pair); /* the next look at the queue frees it */
        if (round == 7) {
            open = descriptors();
            resident = resident_kib();
        }
        if (round > 7)
            assert_int_equal(descriptors(), open);
    }
#ifndef XC_SANITIZED /* a sanitizer keeps freed memory */
    assert_true(resident_kib() < resident + 4096);
#else
    (void)resident;
#endif
    pair_unref(&pair);
}

static void set_up_call(xcall_engine *engine, uint32_t role, uint64_t user, xcall_id *call)
{
    xcall_call_config config;
    xcall_call_config_init(&config, sizeof config);
    config.role = role;
    config.user = user;
    assert_int_equal(xcall_call_create(engine, &config, call, NULL), XCALL_OK);
}

/* Each event carries its call's id and the host's number, and its text outlives nothing but the
 * next look at the queue. */
static void test_events_carry_the_user(void **state)
{
    (void)state;
    xcall_engine *engine = make_engine(0, 2);
    xcall_id calls[2];
    xcall_event event;
    uint64_t now = xcall_now_ns(), deadline;
    uint32_t taken[2] = {0}, ended = 0, connected = 0;
    set_up_call(engine, XCALL_ROLE_OFFER, UINT64_MAX, &calls[0]);
    set_up_call(engine, XCALL_ROLE_ANSWER, 77, &calls[1]);
    xcall_event_init(&event, sizeof event);
    for (uint32_t ms = 0; ms < LIMIT_MS && ended < 2; ms++) {
        loopback_settle();
        assert_int_equal(xcall_engine_step(engine, now + ms * UINT64_C(1000000), &deadline), 0);
        while (xcall_engine_next_event(engine, &event, 0) == XCALL_OK) {
            int i = event.call == calls[1];
            assert_int_equal(event.call, calls[i]);
            assert_true(event.user == (i ? 77 : UINT64_MAX));
            assert_int_equal(strlen(event.text), event.text_length);
            assert_true(event.time_ns <= now + ms * UINT64_C(1000000));
            taken[i]++;
            if (event.type == XCALL_EVENT_SIGNAL)
                xcall_call_receive_signal(engine, calls[!i], event.signal_kind, event.text,
                                          event.text_length, NULL);
            connected += event.type == XCALL_EVENT_STATE && event.state == XCALL_STATE_CONNECTED;
            ended += event.type == XCALL_EVENT_ENDED;
        }
        if (connected == 2)
            xcall_call_hang_up(engine, calls[0]);
    }
    assert_int_equal(connected, 2);
    assert_int_equal(ended, 2);
    assert_true(taken[0] >= 4 && taken[1] >= 4); /* a description, a candidate, a state, the end */
    xcall_engine_unref(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_calls_leave_nothing),
        cmocka_unit_test(test_events_carry_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
