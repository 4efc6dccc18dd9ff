/* test_relay_later.c - a call that must be relayed after all: from then on no packet goes to the peer,
 * whether nothing was joined yet or media flows, and without a relay the call ends and says so.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "support/pair.h"

static struct pair pair;

static int setup(void **state)
{
    (void)state;
    memset(&pair, 0, sizeof pair);
    assert_int_equal(pair_open(&pair, 0, 4), XCALL_OK);
    assert_int_equal(pair_call(&pair, false), XCALL_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pair_unref(&pair);
    return 0;
}

static uint64_t sent(void)
{
    xcall_stats stats;
    xcall_stats_init(&stats, sizeof stats);
    assert_int_equal(xcall_call_stats(pair.side[0].engine, pair.side[0].call, &stats), XCALL_OK);
    return stats.packets_sent;
}

static int32_t relay_only(void)
{
    return xcall_call_set_ice_policy(pair.side[0].engine, pair.side[0].call, XCALL_ICE_RELAY);
}

static void steps(int count)
{
    for (int i = 0; i < count; i++)
        pair_step(&pair, 1000000);
}

/* The event frees the call, so packets are counted while it ends. What the peer has to say of its own
 * failure is kept from it. */
static void end_without_a_packet(void)
{
    steps(30); /* statistics are up to 20 ms old */
    uint64_t before = sent();
    for (int i = 0; i < 60000 && !pair.side[0].ended; i++) {
        uint64_t now = sent();
        assert_int_equal(now, before);
        pair.cut[1] = pair.cut[1] || pair.side[0].state >= XCALL_STATE_CONNECTING;
        pair_step(&pair, 1000000);
    }
    assert_int_equal(pair.side[0].ended, 1);
    assert_int_equal(pair.side[0].reason, XCALL_END_RELAY_UNAVAILABLE);
}

static void test_before_it_is_joined(void **state)
{
    (void)state;
    assert_int_equal(relay_only(), XCALL_OK);
    end_without_a_packet();
    assert_true(pair.side[0].signals > 0);
}

/* Its offer and candidates were made and are at the peer, which checks them; the answer has not come. */
static void test_after_the_offer(void **state)
{
    (void)state;
    pair.cut[1] = true;
    steps(1000);
    assert_true(pair.side[0].signals > 1);
    assert_int_equal(relay_only(), XCALL_OK);
    steps(30);
    uint64_t before = sent(); /* answers to its checks */
    steps(500);
    uint64_t after = sent();
    assert_int_equal(after, before);
}

static void test_while_media_flows(void **state)
{
    (void)state;
    assert_true(pair_reach(&pair, XCALL_STATE_CONNECTED, 10000));
    steps(1000);
    assert_true(sent() > 0);
    assert_int_equal(relay_only(), XCALL_OK);
    end_without_a_packet();
}

static void test_arguments(void **state)
{
    (void)state;
    xcall_engine *engine = pair.side[0].engine;
    assert_int_equal(xcall_call_set_ice_policy(engine, pair.side[0].call, XCALL_ICE_ALL),
                     XCALL_E_INVALID);
    assert_int_equal(xcall_call_set_ice_policy(engine, pair.side[0].call, 7), XCALL_E_INVALID);
    assert_int_equal(xcall_call_set_ice_policy(engine, 12345, XCALL_ICE_RELAY), XCALL_E_ENDED);
    assert_int_equal(xcall_call_set_ice_policy(NULL, 1, XCALL_ICE_RELAY), XCALL_E_INVALID);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_before_it_is_joined),
        CASE(test_after_the_offer),
        CASE(test_while_media_flows),
        CASE(test_arguments),
    };
    return cmocka_run_group_tests_name("engine/relay_later", tests, NULL, NULL);
}
