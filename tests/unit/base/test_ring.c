/* test_ring.c - both rings: empty, full, wrapped around, over the end of the counters, and between
 * two threads. The threads wait for each other only by trying again.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/ring.h"

#define THREAD_ROUNDS 30000u

static _Alignas(XC_CACHE_LINE) uint8_t memory[8192];

static struct xc_arena arena_of(size_t size)
{
    assert_true(size <= sizeof memory);
    return (struct xc_arena){.memory = memory, .capacity = size};
}

static void test_init(void **state)
{
    (void)state;
    struct xc_ring ring;
    struct xc_byte_ring bytes;
    struct xc_arena measuring = {0};
    assert_true(xc_ring_init(&ring, &measuring, 12, 8));
    assert_true(xc_byte_ring_init(&bytes, &measuring, 64));
    assert_int_equal(measuring.used, 16 * 8 + 64);
    struct xc_arena exact = arena_of(measuring.used);
    assert_true(xc_ring_init(&ring, &exact, 12, 8));
    assert_true(xc_byte_ring_init(&bytes, &exact, 64));
    struct xc_arena small = arena_of(64);
    assert_false(xc_ring_init(&ring, &small, 12, 8));
    assert_false(xc_byte_ring_init(&bytes, &small, 128));
}

static void test_elements(void **state)
{
    (void)state;
    struct xc_ring ring;
    struct xc_arena arena = arena_of(sizeof memory);
    uint64_t out = 0;
    assert_true(xc_ring_init(&ring, &arena, sizeof out, 4));
    /* The counters pass their end in the middle of this. */
    atomic_store(&ring.head, UINT32_MAX - 5);
    atomic_store(&ring.tail, UINT32_MAX - 5);
    ring.tail_seen = ring.head_seen = UINT32_MAX - 5;
    assert_null(xc_ring_read_slot(&ring));
    for (uint64_t round = 0; round < 20; round++) {
        for (uint64_t i = 0; i < 4; i++) {
            uint64_t value = round * 10 + i;
            assert_int_equal(xc_ring_level(&ring), i);
            assert_true(xc_ring_put(&ring, &value));
        }
        assert_null(xc_ring_write_slot(&ring));
        assert_false(xc_ring_put(&ring, &round));
        assert_int_equal(xc_ring_level(&ring), 4);
        for (uint64_t i = 0; i < 4 - round % 2; i++) {
            assert_true(xc_ring_get(&ring, &out));
            assert_true(out == round * 10 + i);
        }
        if (round % 2) {
            uint64_t *slot = xc_ring_read_slot(&ring);
            assert_true(slot && *slot == round * 10 + 3);
            xc_ring_pop(&ring);
        }
        assert_false(xc_ring_get(&ring, &out));
    }
}

/* An element whose size is no multiple of eight is not read or written past its end. */
static void test_element_odd_size(void **state)
{
    (void)state;
    struct xc_ring ring;
    struct xc_arena arena = arena_of(sizeof memory);
    assert_true(xc_ring_init(&ring, &arena, 5, 2));
    char *in = malloc(5), *out = malloc(5);
    memcpy(in, "abcde", 5);
    assert_true(xc_ring_put(&ring, in));
    assert_true(xc_ring_get(&ring, out));
    assert_memory_equal(in, out, 5);
    free(in);
    free(out);
}

static void test_bytes(void **state)
{
    (void)state;
    struct xc_byte_ring ring;
    struct xc_arena arena = arena_of(sizeof memory);
    uint8_t out[16], next_in = 0, next_out = 0;
    assert_true(xc_byte_ring_init(&ring, &arena, 16));
    atomic_store(&ring.head, UINT32_MAX - 20);
    atomic_store(&ring.tail, UINT32_MAX - 20);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t size = round % 17;
        uint8_t in[17];
        for (uint32_t i = 0; i < size; i++)
            in[i] = next_in++;
        assert_int_equal(xc_byte_ring_room(&ring), 16);
        assert_true(xc_byte_ring_write(&ring, in, size));
        assert_int_equal(xc_byte_ring_level(&ring), size);
        assert_false(xc_byte_ring_write(&ring, in, 17 - size));
        assert_false(xc_byte_ring_peek(&ring, 0, out, size + 1));
        assert_false(xc_byte_ring_read(&ring, out, size + 1));
        if (size > 3) {
            assert_true(xc_byte_ring_peek(&ring, 3, out, size - 3));
            assert_int_equal(out[0], in[3]);
            assert_false(xc_byte_ring_peek(&ring, 4, out, size - 3));
        }
        assert_true(xc_byte_ring_read(&ring, out, size));
        for (uint32_t i = 0; i < size; i++)
            assert_int_equal(out[i], next_out++);
        assert_int_equal(xc_byte_ring_level(&ring), 0);
    }
}

static void test_bytes_two_parts(void **state)
{
    (void)state;
    struct xc_byte_ring ring;
    struct xc_arena arena = arena_of(sizeof memory);
    char out[16];
    assert_true(xc_byte_ring_init(&ring, &arena, 16));
    assert_true(xc_byte_ring_write2(&ring, "head", 4, "body", 4));
    assert_false(xc_byte_ring_write2(&ring, "head", 4, "body!", 5));
    assert_int_equal(xc_byte_ring_level(&ring), 8);
    assert_true(xc_byte_ring_read(&ring, out, 8));
    assert_memory_equal(out, "headbody", 8);
    assert_true(xc_byte_ring_write2(&ring, NULL, 0, "0123456789", 10)); /* around the end */
    assert_int_equal(xc_byte_ring_skip(&ring, 4), 4);
    assert_true(xc_byte_ring_peek(&ring, 0, out, 6));
    assert_memory_equal(out, "456789", 6);
    assert_int_equal(xc_byte_ring_skip(&ring, 100), 6);
    assert_int_equal(xc_byte_ring_skip(&ring, 1), 0);
    /* Sizes whose sum passes 32 bits are refused, not wrapped. */
    assert_false(xc_byte_ring_write2(&ring, "x", UINT32_MAX, "y", 2));
    assert_false(xc_byte_ring_peek(&ring, UINT32_MAX, out, 1));
}

static atomic_bool give_up; /* the consumer has seen enough: the producer must not try for ever */

static void *produce_elements(void *argument)
{
    struct xc_ring *ring = argument;
    for (uint32_t i = 0; i < THREAD_ROUNDS && !atomic_load(&give_up);) {
        uint64_t *slot = xc_ring_write_slot(ring);
        if (!slot) {
            sched_yield();
            continue;
        }
        slot[0] = i;
        slot[1] = ~(uint64_t)i;
        xc_ring_push(ring);
        i++;
    }
    return NULL;
}

static void test_elements_threads(void **state)
{
    (void)state;
    static struct xc_ring ring;
    struct xc_arena arena = arena_of(sizeof memory);
    pthread_t producer;
    assert_true(xc_ring_init(&ring, &arena, 16, 8));
    assert_int_equal(pthread_create(&producer, NULL, produce_elements, &ring), 0);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < THREAD_ROUNDS && !wrong;) {
        const uint64_t *slot = xc_ring_read_slot(&ring);
        if (!slot) {
            sched_yield();
            continue;
        }
        wrong += slot[0] != i || slot[1] != ~(uint64_t)i;
        xc_ring_pop(&ring);
        i++;
    }
    atomic_store(&give_up, wrong != 0);
    pthread_join(producer, NULL);
    assert_int_equal(wrong, 0);
    assert_null(xc_ring_read_slot(&ring));
}

/* Records of a size in front and that many bytes that count on from one to the next. */
static void *produce_records(void *argument)
{
    struct xc_byte_ring *ring = argument;
    uint8_t next = 0;
    for (uint32_t i = 0; i < THREAD_ROUNDS && !atomic_load(&give_up);) {
        uint8_t size = (uint8_t)(i % 23);
        uint8_t bytes[32];
        for (uint8_t b = 0; b < size; b++)
            bytes[b] = (uint8_t)(next + b);
        if (!xc_byte_ring_write2(ring, &size, 1, bytes, size)) {
            sched_yield();
            continue;
        }
        next = (uint8_t)(next + size);
        i++;
    }
    return NULL;
}

static void test_bytes_threads(void **state)
{
    (void)state;
    static struct xc_byte_ring ring;
    struct xc_arena arena = arena_of(sizeof memory);
    pthread_t producer;
    uint8_t next = 0;
    uint32_t wrong = 0;
    assert_true(xc_byte_ring_init(&ring, &arena, 32)); /* small, so that it is often just empty */
    assert_int_equal(pthread_create(&producer, NULL, produce_records, &ring), 0);
    for (uint32_t i = 0; i < THREAD_ROUNDS && !wrong;) {
        uint8_t size, bytes[32];
        if (!xc_byte_ring_read(&ring, &size, 1)) {
            sched_yield();
            continue;
        }
        wrong += size != i % 23 || !xc_byte_ring_read(&ring, bytes, size); /* both or neither */
        for (uint8_t b = 0; b < size && b < sizeof bytes; b++)
            wrong += bytes[b] != next++;
        i++;
    }
    atomic_store(&give_up, wrong != 0);
    pthread_join(producer, NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(xc_byte_ring_level(&ring), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_element_odd_size),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bytes_two_parts),
        cmocka_unit_test(test_elements_threads),
        cmocka_unit_test(test_bytes_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
