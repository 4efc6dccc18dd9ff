/* test_arena.c - an arena measures, gives out aligned zeroed memory, and refuses when it is full.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"

static _Alignas(XC_CACHE_LINE) uint8_t memory[1024];

static void test_measure(void **state)
{
    (void)state;
    struct xc_arena arena = {0};
    assert_true(xc_arena_measuring(&arena));
    assert_null(xc_arena_take(&arena, 1));
    assert_int_equal(arena.used, 64);
    assert_null(xc_arena_take(&arena, 64));
    assert_int_equal(arena.used, 128);
    assert_null(xc_arena_take(&arena, 65));
    assert_int_equal(arena.used, 256);
    assert_null(xc_arena_take(&arena, 0));
    assert_int_equal(arena.used, 256);
}

static void test_take(void **state)
{
    (void)state;
    memset(memory, 0xee, sizeof memory);
    struct xc_arena arena = {.memory = memory, .capacity = 256};
    assert_false(xc_arena_measuring(&arena));
    uint8_t *a = xc_arena_take(&arena, 1);
    uint8_t *b = xc_arena_take(&arena, 64);
    uint8_t *c = xc_arena_take(&arena, 65);
    assert_ptr_equal(a, memory);
    assert_ptr_equal(b, memory + 64);
    assert_ptr_equal(c, memory + 128);
    for (size_t i = 0; i < 65; i++)
        assert_int_equal(c[i], 0);
    assert_int_equal(arena.used, 256); /* exactly full */
    assert_null(xc_arena_take(&arena, 1));
    assert_int_equal(arena.used, 320); /* tells that it was not enough */
    assert_int_equal(memory[256], 0xee);
    assert_null(xc_arena_take(&arena, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
