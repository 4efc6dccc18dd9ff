/* test_flow.c - whether media flowed, as xcall-phone and xcall-peer judge it: never, stopped, held, and a hang-up
 * before the last look. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../../examples/peer/flow.h"

#define S 1000000000ull

static struct flow flow;
static char sentence[200];

static int verdict(void)
{
    sentence[0] = '\0';
    return flow_verdict(&flow, sentence, sizeof sentence);
}

static void look(uint64_t packets_sent, uint64_t now_ns)
{
    xcall_stats stats;
    xcall_stats_init(&stats, sizeof stats);
    stats.audio_sent.packets_sent = packets_sent;
    flow_update(&flow, &stats, 0, now_ns);
}

static int setup(void **state)
{
    (void)state;
    memset(&flow, 0, sizeof flow);
    flow.asked[FLOW_AUDIO_SENT] = true;
    return 0;
}

static void never(void **state)
{
    (void)state;
    look(0, 100 * S);
    assert_int_equal(verdict(), 1);
    assert_string_equal(sentence, "no audio was sent");
}

static void stopped(void **state)
{
    (void)state;
    look(7, 100 * S);
    look(7, 105 * S);
    assert_int_equal(verdict(), 0);
    look(7, 106 * S);
    assert_int_equal(verdict(), 1);
    assert_string_equal(sentence, "media stopped: no audio was sent in the last 6.0 s");
}

static void held(void **state)
{
    (void)state;
    look(7, 100 * S);
    flow.held = true;
    look(7, 120 * S);
    assert_int_equal(verdict(), 0);
    flow.held = false;
    look(7, 124 * S);
    assert_int_equal(verdict(), 0);
}

static void hung_up_before_the_last_look(void **state)
{
    (void)state;
    look(7, 100 * S);
    look(8, 100 * S - 1);
    look(8, 100 * S - 2);
    assert_int_equal(verdict(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(never, setup),
        cmocka_unit_test_setup(stopped, setup),
        cmocka_unit_test_setup(held, setup),
        cmocka_unit_test_setup(hung_up_before_the_last_look, setup),
    };
    return cmocka_run_group_tests_name("service/flow", tests, NULL, NULL);
}
