/* test_cell.c - the latest-value cell, alone and between two threads: never torn, never older.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>

#include "base/cell.h"

#define THREAD_ROUNDS 50000u

static _Alignas(XC_CACHE_LINE) uint8_t memory[1024];

struct value {
    uint32_t number;
    uint8_t filler[50];
    uint32_t inverse;
};

static void test_alone(void **state)
{
    (void)state;
    struct xc_cell cell;
    struct xc_arena measuring = {0};
    struct xc_arena arena = {.memory = memory, .capacity = sizeof memory};
    struct xc_arena small = {.memory = memory, .capacity = 2};
    uint8_t in[5] = "abcd", out[5] = "zzzz";
    assert_true(xc_cell_init(&cell, &measuring, sizeof in));
    assert_false(xc_cell_init(&cell, &small, sizeof in));
    assert_true(xc_cell_init(&cell, &arena, sizeof in));
    assert_false(xc_cell_read(&cell, out)); /* nothing written yet: zeros */
    assert_memory_equal(out, "\0\0\0\0\0", 5);
    xc_cell_write(&cell, in);
    assert_true(xc_cell_read(&cell, out));
    assert_memory_equal(out, "abcd", 5);
    assert_false(xc_cell_read(&cell, out)); /* the same again */
    assert_memory_equal(out, "abcd", 5);
    for (uint8_t n = 1; n < 10; n++) { /* the newest of any number wins */
        for (uint8_t i = 0; i < n; i++) {
            in[0] = (uint8_t)(10 * n + i);
            xc_cell_write(&cell, in);
        }
        assert_true(xc_cell_read(&cell, out));
        assert_int_equal(out[0], 10 * n + n - 1);
        assert_false(xc_cell_read(&cell, out));
        assert_int_equal(out[0], 10 * n + n - 1);
    }
}

static void *write_numbers(void *argument)
{
    struct xc_cell *cell = argument;
    struct value value = {0};
    for (uint32_t i = 1; i <= THREAD_ROUNDS; i++) {
        value.number = i;
        value.inverse = ~i;
        memset(value.filler, (int)(i & 0xff), sizeof value.filler);
        xc_cell_write(cell, &value);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static struct xc_cell cell;
    struct xc_arena arena = {.memory = memory, .capacity = sizeof memory};
    struct value value = {0};
    pthread_t writer;
    uint32_t last = 0, wrong = 0;
    assert_true(xc_cell_init(&cell, &arena, sizeof value));
    assert_int_equal(pthread_create(&writer, NULL, write_numbers, &cell), 0);
    while (last < THREAD_ROUNDS) {
        if (!xc_cell_read(&cell, &value)) {
            wrong += value.number != last;
            sched_yield();
            continue;
        }
        wrong += value.number <= last || value.inverse != ~value.number;
        for (size_t i = 0; i < sizeof value.filler; i++)
            wrong += value.filler[i] != (value.number & 0xff);
        last = value.number;
    }
    pthread_join(writer, NULL);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
