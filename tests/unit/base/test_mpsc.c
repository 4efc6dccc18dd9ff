/* test_mpsc.c - the queue of words: order, full and empty, counters that pass their end, and three
 * producers against one consumer.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>

#include "base/mpsc.h"

#define PRODUCERS 3u
#define THREAD_ROUNDS 10000u

static _Alignas(XC_CACHE_LINE) uint8_t memory[1024];

static void test_alone(void **state)
{
    (void)state;
    struct xc_mpsc queue;
    struct xc_arena measuring = {0};
    struct xc_arena arena = {.memory = memory, .capacity = sizeof memory};
    struct xc_arena small = {.memory = memory, .capacity = 16};
    uint64_t word = 0;
    assert_true(xc_mpsc_init(&queue, &measuring, 4));
    assert_false(xc_mpsc_init(&queue, &small, 4));
    assert_true(xc_mpsc_init(&queue, &arena, 4));
    for (uint64_t round = 0; round < 50; round++) {
        assert_false(xc_mpsc_get(&queue, &word));
        for (uint64_t i = 0; i < 4; i++)
            assert_true(xc_mpsc_put(&queue, round << 32 | i));
        assert_false(xc_mpsc_put(&queue, 99));
        assert_true(xc_mpsc_get(&queue, &word)); /* one free place takes one word */
        assert_true(word == (round << 32 | 0));
        assert_true(xc_mpsc_put(&queue, round << 32 | 4));
        assert_false(xc_mpsc_put(&queue, 99));
        for (uint64_t i = 1; i < 5; i++) {
            assert_true(xc_mpsc_get(&queue, &word));
            assert_true(word == (round << 32 | i));
        }
        assert_false(xc_mpsc_get(&queue, &word));
    }
}

/* As test_alone, from just before the counters' end. */
static void test_wrap(void **state)
{
    (void)state;
    struct xc_mpsc queue;
    struct xc_arena arena = {.memory = memory, .capacity = sizeof memory};
    uint64_t word = 0;
    const uint32_t start = UINT32_MAX - 9;
    assert_true(xc_mpsc_init(&queue, &arena, 2));
    atomic_store(&queue.head, start);
    queue.tail = start;
    for (uint32_t i = 0; i < 2; i++)
        atomic_store(&queue.cells[(start + i) & 1].turn, start + i);
    for (uint64_t i = 0; i < 30; i++) {
        assert_true(xc_mpsc_put(&queue, i));
        assert_true(xc_mpsc_put(&queue, i + 100));
        assert_false(xc_mpsc_put(&queue, 0));
        assert_true(xc_mpsc_get(&queue, &word) && word == i);
        assert_true(xc_mpsc_get(&queue, &word) && word == i + 100);
        assert_false(xc_mpsc_get(&queue, &word));
    }
}

static struct xc_mpsc shared;

static void *produce(void *argument)
{
    uint64_t who = *(const uint32_t *)argument;
    for (uint32_t i = 0; i < THREAD_ROUNDS;) {
        if (xc_mpsc_put(&shared, who << 32 | i))
            i++;
        else
            sched_yield();
    }
    return NULL;
}

/* Every word once, and those of one producer in their order. */
static void test_threads(void **state)
{
    (void)state;
    struct xc_arena arena = {.memory = memory, .capacity = sizeof memory};
    pthread_t producers[PRODUCERS];
    uint32_t names[PRODUCERS], next[PRODUCERS] = {0}, wrong = 0;
    assert_true(xc_mpsc_init(&shared, &arena, 16));
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        names[i] = i;
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &names[i]), 0);
    }
    for (uint32_t i = 0; i < PRODUCERS * THREAD_ROUNDS;) {
        uint64_t word;
        if (!xc_mpsc_get(&shared, &word)) {
            sched_yield();
            continue;
        }
        uint32_t who = (uint32_t)(word >> 32);
        if (who < PRODUCERS)
            wrong += next[who]++ != (uint32_t)word;
        else
            wrong++;
        i++;
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    uint64_t word;
    assert_false(xc_mpsc_get(&shared, &word));
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
