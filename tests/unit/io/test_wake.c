/* test_wake.c - the sleep flag and its eventfd: a wake-up is written only to who sleeps, only once, and
 * none is lost between two threads. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <pthread.h>
#include <cmocka.h>

#include "io/clock.h"
#include "io/wake.h"

#define ROUNDS 20000

static bool readable(const struct xc_wake *wake)
{
    struct pollfd look = {.fd = wake->fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static void test_flag(void **state)
{
    (void)state;
    struct xc_wake wake;
    assert_true(xc_wake_init(&wake));
    xc_wake_if_sleeping(&wake); /* awake: nothing is written */
    assert_false(readable(&wake));
    xc_wake_announce(&wake);
    xc_wake_if_sleeping(&wake);
    assert_true(readable(&wake));
    xc_wake_clear(&wake);
    xc_wake_if_sleeping(&wake); /* only the first of several writes */
    assert_false(readable(&wake));
    xc_wake_announce(&wake);
    xc_wake_awake(&wake);
    xc_wake_if_sleeping(&wake);
    assert_false(readable(&wake));
    xc_wake_signal(&wake);
    xc_wake_signal(&wake);
    xc_wake_wait(&wake, XC_NEVER); /* clears nothing */
    assert_true(readable(&wake));
    xc_wake_clear(&wake);
    xc_wake_clear(&wake); /* empty is fine */
    assert_false(readable(&wake));
    uint64_t before = xc_clock_now();
    xc_wake_wait(&wake, XC_NS_PER_MS);
    assert_true(xc_clock_now() - before >= XC_NS_PER_MS);
    xc_wake_deinit(&wake);
    xc_wake_deinit(&wake);
}

struct work {
    struct xc_wake wake;
    _Atomic uint32_t published;
};

static void *publish(void *argument)
{
    struct work *work = argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        atomic_fetch_add_explicit(&work->published, 1, memory_order_seq_cst);
        xc_wake_if_sleeping(&work->wake);
    }
    return NULL;
}

/* A lost wake-up would leave the sleeper asleep with work there. */
static void test_none_lost(void **state)
{
    (void)state;
    static struct work work;
    pthread_t thread;
    uint32_t taken = 0;
    assert_true(xc_wake_init(&work.wake));
    assert_int_equal(pthread_create(&thread, NULL, publish, &work), 0);
    while (taken < ROUNDS) {
        uint32_t seen = atomic_load_explicit(&work.published, memory_order_seq_cst);
        if (seen != taken) {
            taken = seen;
            continue;
        }
        xc_wake_announce(&work.wake);
        if (atomic_load_explicit(&work.published, memory_order_seq_cst) == taken) {
            xc_wake_wait(&work.wake, 60 * XC_NS_PER_S);
            assert_true(readable(&work.wake));
        }
        xc_wake_awake(&work.wake);
        xc_wake_clear(&work.wake);
    }
    pthread_join(thread, NULL);
    xc_wake_deinit(&work.wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flag),
        cmocka_unit_test(test_none_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
