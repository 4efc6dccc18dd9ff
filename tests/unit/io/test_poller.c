/* test_poller.c - tags of what is readable, timeouts of zero and of a moment, removal, a poller within
 * a poller. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/clock.h"
#include "io/poller.h"

static uint64_t tags[XC_POLLER_BATCH];

static void test_tags(void **state)
{
    (void)state;
    struct xc_poller poller, outer;
    int pipes[3][2];
    assert_true(xc_poller_init(&poller) && xc_poller_init(&outer));
    assert_true(xc_poller_add(&outer, poller.fd, 99));
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        assert_true(xc_poller_add(&poller, pipes[i][0], UINT64_MAX - i));
    }
    assert_int_equal(xc_poller_wait(&poller, 0, tags), 0);
    assert_int_equal(xc_poller_wait(&outer, 0, tags), 0);
    assert_int_equal(write(pipes[1][1], "x", 1), 1);
    assert_int_equal(xc_poller_wait(&poller, XC_NEVER, tags), 1);
    assert_true(tags[0] == UINT64_MAX - 1);
    assert_int_equal(xc_poller_wait(&outer, XC_NEVER, tags), 1);
    assert_true(tags[0] == 99);
    assert_int_equal(write(pipes[2][1], "x", 1), 1);
    assert_int_equal(xc_poller_wait(&poller, 0, tags), 2);
    xc_poller_remove(&poller, pipes[1][0]);
    assert_int_equal(xc_poller_wait(&poller, 0, tags), 1);
    assert_true(tags[0] == UINT64_MAX - 2);
    assert_false(xc_poller_add(&poller, -1, 5));
    xc_poller_remove(&poller, -1);
    for (int i = 0; i < 3; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    xc_poller_deinit(&poller);
    xc_poller_deinit(&poller);
    xc_poller_deinit(&outer);
}

/* Deadlines are nanoseconds: half a millisecond is not rounded down to none. */
static void test_timeout(void **state)
{
    (void)state;
    struct xc_poller poller;
    assert_true(xc_poller_init(&poller));
    uint64_t before = xc_clock_now();
    assert_int_equal(xc_poller_wait(&poller, 500 * XC_NS_PER_US, tags), 0);
    assert_true(xc_clock_now() - before >= 500 * XC_NS_PER_US);
    xc_poller_deinit(&poller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
