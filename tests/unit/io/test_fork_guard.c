/* test_fork_guard.c - a child, and a child's child, are told from the process that made the guard.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/fork_guard.h"

static int run_child(int (*check)(struct xc_fork_guard *), struct xc_fork_guard *guard)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(check(guard));
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static int is_forked(struct xc_fork_guard *guard)
{
    return xc_fork_guard_forked(guard);
}

static int child_of_child(struct xc_fork_guard *guard)
{
    return is_forked(guard) && run_child(is_forked, guard) == 1;
}

/* An engine made in the child is the child's own. */
static int guard_of_the_child(struct xc_fork_guard *guard)
{
    struct xc_fork_guard own;
    return is_forked(guard) && xc_fork_guard_init(&own) && !xc_fork_guard_forked(&own);
}

static void test_fork(void **state)
{
    (void)state;
    struct xc_fork_guard guard;
    assert_true(xc_fork_guard_init(&guard));
    assert_false(xc_fork_guard_forked(&guard));
    assert_int_equal(run_child(is_forked, &guard), 1);
    assert_int_equal(run_child(child_of_child, &guard), 1);
    assert_int_equal(run_child(guard_of_the_child, &guard), 1);
    assert_false(xc_fork_guard_forked(&guard)); /* the parent stays itself */
    xc_fork_guard_deinit(&guard);
    xc_fork_guard_deinit(&guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
