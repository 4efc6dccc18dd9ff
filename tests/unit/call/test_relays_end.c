/* test_relays_end.c - when the end of candidates is said: behind the last one, whatever came late: the
 * servers, the wish to be relayed, or both (RFC 8838 sections 8.2 and 13). And that a peer which said it
 * too early is heard all the same.
 * SPDX-License-Identifier: MIT */
#include "relay_world.h"

#define ALL XCALL_ICE_ALL
#define RELAY XCALL_ICE_RELAY

/* What each side signalled, in order: h(ost) s(rflx) r(elay), E for the end. */
static char said[2][64];

static void listen(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    size_t at = strlen(said[from]);
    net_look(from, kind, text, size, capacity);
    assert_true(at + 1 < sizeof said[from]);
    if (kind == XCALL_SIGNAL_END_OF_CANDIDATES)
        said[from][at] = 'E';
    else if (kind == XCALL_SIGNAL_CANDIDATE)
        said[from][at] = strstr(text, " typ ")[5];
}

static struct world *open_call(uint64_t seed, uint32_t policy, uint32_t flags)
{
    struct world *world = net_make(seed, policy, policy);
    memset(said, 0, sizeof said);
    world->alter = listen;
    for (int i = 0; i < 2; i++)
        world->side[i].call.flags = flags;
    world_open(world, seed);
    return world;
}

static void assert_connected(struct world *world)
{
    for (int i = 0; i < 2; i++)
        assert_true(net_until(world, i, XCALL_STATE_CONNECTED, 5000) != UINT32_MAX);
}

static void test_at_once(void **state)
{
    (void)state;
    struct world *world = open_call(1, ALL, 0);
    net_give_both(world);
    assert_connected(world);
    world_run(world, 1000);
    for (int i = 0; i < 2; i++)
        assert_string_equal(said[i], "hrE");
    net_free(world);
}

/* The host knows that servers will follow, and says so. */
static void test_awaited(void **state)
{
    (void)state;
    struct world *world = open_call(2, ALL, XCALL_CALL_SERVERS_LATER);
    world_run(world, 7000); /* longer than anything is waited for */
    for (int i = 0; i < 2; i++) {
        assert_string_equal(said[i], "h");
        assert_int_equal(net_state(world, i), XCALL_STATE_CONNECTED);
    }
    net_give_both(world);
    world_run(world, 1000);
    for (int i = 0; i < 2; i++)
        assert_string_equal(said[i], "hrE");
    net_free(world);
}

/* A call is relayed as soon as that is known, and its relay comes after that: what a service does. */
static void test_awaited_and_relayed(void **state)
{
    (void)state;
    struct world *world = open_call(3, ALL, XCALL_CALL_SERVERS_LATER);
    world->silent = true;
    for (int i = 0; i < 2; i++)
        xc_session_relay_only(world->side[i].session, world_now);
    world_run(world, 2000);
    for (int i = 0; i < 2; i++)
        assert_string_equal(said[i], "");
    net_give(world, 0);
    world_run(world, 3000);
    assert_string_equal(said[0], "rE");
    net_give(world, 1);
    assert_connected(world);
    world_run(world, 1000);
    for (int i = 0; i < 2; i++)
        assert_string_equal(said[i], "rE");
    net_free(world);
}

/* There are none. */
static void test_awaited_in_vain(void **state)
{
    (void)state;
    struct world *world = open_call(4, ALL, XCALL_CALL_SERVERS_LATER);
    world_run(world, 500);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(said[i], "h");
        xc_session_set_ice_servers(world->side[i].session, world_now, NULL, NULL, 0);
    }
    world_run(world, 100);
    for (int i = 0; i < 2; i++)
        assert_string_equal(said[i], "hE");
    net_free(world);
}

/* Without trickle it is the description that waits. */
static void test_awaited_without_trickle(void **state)
{
    (void)state;
    struct world *world = open_call(5, RELAY, XCALL_CALL_SERVERS_LATER | XCALL_CALL_NO_TRICKLE);
    world_run(world, 1000);
    assert_int_equal(world->side[0].signals, 0);
    net_give_both(world);
    assert_connected(world);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(world->side[i].signals, 1);
        assert_int_equal(net.told[i][XC_CANDIDATE_RELAY], 1);
    }
    net_free(world);
}

/* Nobody said that servers would come, or that the call must be relayed: the end was said in good faith,
 * and is said again behind what came. Without anything new it is not. */
static void test_late(void **state)
{
    (void)state;
    for (int relay = 0; relay < 2; relay++) {
        struct world *world = open_call(6, ALL, 0);
        assert_connected(world);
        world_run(world, 500);
        assert_string_equal(said[0], "hE");
        if (relay)
            xc_session_relay_only(world->side[0].session, world_now);
        world_run(world, 500);
        assert_string_equal(said[0], "hE");
        for (int i = 0; i < 2; i++)
            net_servers(world, i, 0, 2, NET_USER, NET_PASSWORD);
        world_run(world, 2000);
        assert_string_equal(said[0], "hErrE");
        for (int i = 0; i < 2; i++) /* renewed */
            net_servers(world, i, 0, 2, NET_USER, NET_PASSWORD);
        world_run(world, 7000);
        assert_string_equal(said[0], "hErrE");
        if (relay)
            assert_int_equal(net_stats(world, 0).local_candidate_type, XCALL_CANDIDATE_RELAY);
        net_free(world);
    }
}

/* A server that gives nothing brings no second end. */
static void test_late_and_silent(void **state)
{
    (void)state;
    struct world *world = open_call(7, ALL, 0);
    net.server[0].silent = true;
    assert_connected(world);
    net_give_both(world);
    world_run(world, 12000);
    for (int i = 0; i < 2; i++)
        assert_string_equal(said[i], "hE");
    net_free(world);
}

/* A peer of before: the end of its candidates, then its relayed one, and no end again. */
static void early_end(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    listen(from, kind, text, size, capacity);
    if (from == 0 && kind == XCALL_SIGNAL_END_OF_CANDIDATES) { /* it was said before */
        memcpy(text, "{", 2);
        *size = 1;
    }
}

static void test_early_end_of_the_peer(void **state)
{
    (void)state;
    static const char none[] = "{\"candidate\":\"\",\"sdpMid\":\"0\"}";
    struct world *world = open_call(8, RELAY, 0);
    world->alter = early_end;
    world->silent = true;
    world_run(world, 100);
    assert_string_equal(said[0], "");
    xc_session_receive_signal(world->side[1].session, world_now, XCALL_SIGNAL_END_OF_CANDIDATES,
                              xc_span_make(none, sizeof none - 1));
    net_give(world, 1);
    world_run(world, 3000);
    assert_int_not_equal(net_state(world, 1), XCALL_STATE_ENDED);
    net_give(world, 0);
    assert_connected(world);
    world->silent = false;
    net_assert_sound(world);
    assert_string_equal(said[0], "rE");
    net_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_awaited),
        cmocka_unit_test(test_awaited_and_relayed),
        cmocka_unit_test(test_awaited_in_vain),
        cmocka_unit_test(test_awaited_without_trickle),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_late_and_silent),
        cmocka_unit_test(test_early_end_of_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
