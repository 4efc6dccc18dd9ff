/* test_faults.c - each allocation of ours in set-up fails in turn: an error or an ended call, and
 * nothing leaks (our own blocks are counted; AddressSanitizer's leak check sees the libraries').
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <xcall/xcall.h>

#include "engine/faults.h"
#include "support/interpose.h"

/* AddressSanitizer's; absent in other builds. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* The dynamic loader keeps its own; LeakSanitizer knows it only where it is malloc's direct caller. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:_dl_map_object\nleak:dl_open_worker\n";
}

static void check_leaks(uint64_t fail_at)
{
    if (!__lsan_do_recoverable_leak_check || !__lsan_do_recoverable_leak_check())
        return;
    print_error("leak after allocation %u failed\n", (unsigned)fail_at);
    fail();
}

static void test_nothing_fails(void **state)
{
    (void)state;
    struct fault_round round;
    fault_round(INTERPOSE_OURS, 0, &round);
    assert_int_equal(round.result, XCALL_OK);
    assert_int_equal(round.connected, 1);
    assert_int_equal(round.live, 0);
    assert_true(round.counted > 10);
    check_leaks(0);
}

static void test_each_of_ours(void **state)
{
    (void)state;
    struct fault_round round;
    uint64_t fail_at = 0, errors = 0;
    do {
        fault_round(INTERPOSE_OURS, ++fail_at, &round);
        bool failed_one = round.counted >= fail_at;
        if (failed_one && round.connected && round.result == XCALL_OK)
            print_message("allocation %u failed without being needed\n", (unsigned)fail_at);
        errors += failed_one && round.result != XCALL_OK;
        if (round.result != XCALL_OK && round.result != XCALL_E_MEMORY &&
            round.result != XCALL_E_SYSTEM) {
            print_error("allocation %u: %s\n", (unsigned)fail_at, xcall_error_name(round.result));
            fail();
        }
        if (round.live) {
            print_error("%d blocks leaked after allocation %u failed\n", (int)round.live,
                        (unsigned)fail_at);
            fail();
        }
        check_leaks(fail_at);
    } while (round.counted >= fail_at);
    print_message("%u allocations failed in turn, %u answered by an error\n",
                  (unsigned)(fail_at - 1), (unsigned)errors);
    assert_true(errors > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_fails),
        cmocka_unit_test(test_each_of_ours),
    };
    interpose_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
