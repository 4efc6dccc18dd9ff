/* test_thread.c - a thread of ours: it runs, takes no signal of the host's, is joined once; the lock.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <string.h>
#include <cmocka.h>

#include "io/thread.h"

#define ROUNDS 20000

struct shared {
    struct xc_lock lock;
    uint64_t count;
    int blocked;
};

static void *look(void *argument)
{
    struct shared *shared = argument;
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    shared->blocked = sigismember(&set, SIGINT) && sigismember(&set, SIGTERM) &&
                      sigismember(&set, SIGUSR1) && sigismember(&set, SIGCHLD);
    return NULL;
}

static void test_signals(void **state)
{
    (void)state;
    struct shared shared = {.blocked = 0};
    struct xc_thread thread = {.running = false};
    sigset_t before, after;
    xc_thread_join(&thread); /* never started */
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_true(xc_thread_start(&thread, "xcall-test", look, &shared));
    xc_thread_join(&thread);
    xc_thread_join(&thread);
    assert_true(shared.blocked);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
}

static void *count(void *argument)
{
    struct shared *shared = argument;
    for (int i = 0; i < ROUNDS; i++) {
        xc_lock_take(&shared->lock);
        shared->count++;
        xc_lock_give(&shared->lock);
    }
    return NULL;
}

static void test_lock(void **state)
{
    (void)state;
    struct shared shared = {.count = 0};
    struct xc_thread threads[2];
    xc_lock_init(&shared.lock);
    for (int i = 0; i < 2; i++)
        assert_true(xc_thread_start(&threads[i], "xcall-test", count, &shared));
    for (int i = 0; i < 2; i++)
        xc_thread_join(&threads[i]);
    assert_int_equal(shared.count, 2 * ROUNDS);
    xc_lock_deinit(&shared.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
