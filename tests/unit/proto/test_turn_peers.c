/* test_turn_peers.c - permissions, channels and peers' datagrams of a TURN allocation: wrap and
 * unwrap both ways and between two allocations of one server, capacities, refusals that are
 * remembered, a full table, pacing.
 * SPDX-License-Identifier: MIT */
#include "turn_world.h"

static void test_indications(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct xc_addr peer = ip4(77, 7), other_port = ip4(77, 8), stranger = ip4(78, 7);
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &peer, false);
    assert_false(world_say(w, 0, &peer, "too early"));
    world_run(w, 40 * MS);
    for (size_t size = 0; size < 9; size++) {
        char text[16] = "12345678";
        text[size] = 0;
        assert_true(world_say(w, 0, &peer, text));
        world_run(w, 40 * MS);
        assert_int_equal(w->outside, size + 1);
        assert_int_equal(w->size, size);
        assert_memory_equal(w->bytes, text, size);
        assert_true(xc_addr_equal(&w->outside_remote, &peer));
        assert_true(xc_addr_equal(&w->outside_local, xc_turn_relayed(&w->turn[0])));
        world_from_outside(w, &other_port, 0, text); /* a permission is a host's */
        world_run(w, 40 * MS);
        assert_int_equal(w->received, size + 1);
        assert_int_equal(w->size, size);
        assert_memory_equal(w->bytes, text, size);
        assert_true(xc_addr_equal(&w->from, &other_port));
    }
    world_from_outside(w, &stranger, 0, "x");
    world_run(w, 40 * MS);
    assert_int_equal(w->received, 9);
    assert_int_equal(w->server.dropped_no_permission, 1);
    assert_int_equal(w->server.indications_in, 9);
    assert_int_equal(w->server.requests[XC_STUN_CREATE_PERMISSION], 1);
    assert_int_equal(xc_turn_counters(&w->turn[0])->datagrams_in, 9);
    assert_int_equal(xc_turn_counters(&w->turn[0])->datagrams_out, 9);
    /* Another port of the permitted host needs no request. */
    assert_true(world_say(w, 0, &other_port, "x"));
    world_run(w, 1 * S);
    assert_int_equal(w->server.requests[XC_STUN_CREATE_PERMISSION], 1);
}

static void test_channel(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct xc_addr peer = ip4(77, 7), other_port = ip4(77, 8);
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &peer, false); /* first the permission, then the channel */
    world_run(w, 1 * MS);
    xc_turn_permit(&w->turn[0], w->now, &peer, true);
    world_run(w, 40 * MS);
    assert_true(world_say(w, 0, &peer, "by indication"));
    world_run(w, 40 * MS);
    assert_true(world_say(w, 0, &peer, "by channel"));
    world_run(w, 40 * MS);
    assert_int_equal(w->server.indications_in, 1);
    assert_int_equal(w->server.channel_data_in, 1);
    assert_int_equal(w->outside, 2);
    assert_int_equal(w->size, 10);
    world_from_outside(w, &peer, 0, "back");
    world_run(w, 40 * MS);
    assert_int_equal(w->received, 1);
    assert_int_equal(w->size, 4);
    assert_true(xc_addr_equal(&w->from, &peer));
    world_from_outside(w, &other_port, 0, "an indication");
    world_run(w, 40 * MS);
    assert_true(xc_addr_equal(&w->from, &other_port));
    assert_int_equal(w->server.requests[XC_STUN_CHANNEL_BIND], 1);
}

/* Two allocations of one server, on the server's own host, talk to each other. */
static void test_two_allocations(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct world *w = world_open_as(v6, v6);
        world_add(w, "1700000000:me", "c2VjcmV0");
        world_ready(w);
        for (uint32_t i = 0; i < 2; i++)
            xc_turn_permit(&w->turn[i], w->now, xc_turn_relayed(&w->turn[1 - i]), true);
        world_run(w, 40 * MS);
        for (uint32_t i = 0; i < 20; i++) {
            assert_true(world_say(w, i % 2, xc_turn_relayed(&w->turn[1 - i % 2]), "hello"));
            world_run(w, 40 * MS);
            assert_int_equal(w->received, i + 1);
            assert_true(xc_addr_equal(&w->from, xc_turn_relayed(&w->turn[i % 2])));
        }
        assert_int_equal(w->outside, 0);
    }
}

/* The wrapped datagram fits in exactly as many bytes as it has, and in none less. */
static void check_capacity(struct world *w, const struct xc_addr *peer, size_t size, size_t more)
{
    for (size_t extra = 0; extra <= XC_TURN_WRAP_MAX; extra++) {
        uint8_t *bytes = malloc(size + extra + 1);
        assert_non_null(bytes);
        memset(bytes, 0x5a, size + extra + 1);
        struct xc_datagram out = {
            .remote = *peer, .data = bytes, .capacity = size + extra, .size = size};
        assert_int_equal(xc_turn_wrap(&w->turn[0], w->now, &out), extra >= more);
        assert_int_equal(out.size, extra >= more ? size + more : size);
        assert_int_equal(bytes[size + extra], 0x5a);
        free(bytes);
    }
}

static void test_capacity(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct world *w = world_open_as(v6, v6);
        struct xc_addr plain = v6 ? ip6(77, 7) : ip4(77, 7);
        struct xc_addr bound = v6 ? ip6(78, 7) : ip4(78, 7);
        size_t head = v6 ? 48 : 36;
        world_ready(w);
        xc_turn_permit(&w->turn[0], w->now, &plain, false);
        xc_turn_permit(&w->turn[0], w->now, &bound, true);
        world_run(w, 50 * MS);
        for (size_t size = 0; size < 8; size++) {
            check_capacity(w, &plain, size, head + (4 - size % 4) % 4);
            check_capacity(w, &bound, size, 4);
        }
        check_capacity(w, &plain, XC_MTU, head);
        check_capacity(w, &bound, XC_MTU, 4);
        assert_true(head + 3 <= XC_TURN_WRAP_MAX);
    }
}

static void test_refused_peer(void **state)
{
    (void)state;
    for (int channel = 0; channel < 2; channel++) {
        struct world *w = world_open();
        struct xc_addr bad = ip4(66, 6), bad_too = ip4(66, 7), good = ip4(77, 7);
        world_ready(w);
        turn_server_deny(&w->server, &bad);
        for (int i = 0; i < 100; i++) {
            xc_turn_permit(&w->turn[0], w->now, &bad, channel);
            xc_turn_permit(&w->turn[0], w->now, &bad_too, channel);
            xc_turn_permit(&w->turn[0], w->now, &good, channel);
            assert_false(world_say(w, 0, &bad, "x"));
            world_run(w, 10 * S);
        }
        assert_int_equal(w->server.errors[XC_STUN_CREATE_PERMISSION], 1); /* of the host */
        assert_true(w->server.errors[XC_STUN_CHANNEL_BIND] <= 2);
        assert_true(world_say(w, 0, &good, "x"));
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    }
}

/* A permission that was good and is refused later. */
static void test_refused_later(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct xc_addr peer = ip4(77, 7), bound = ip4(78, 7);
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &peer, false);
    xc_turn_permit(&w->turn[0], w->now, &bound, true);
    world_run(w, 1 * S);
    assert_true(world_say(w, 0, &peer, "x"));
    assert_true(world_say(w, 0, &bound, "x"));
    turn_server_deny(&w->server, &peer);
    turn_server_deny(&w->server, &bound);
    world_run(w, 400 * S);
    assert_false(world_say(w, 0, &peer, "x"));
    assert_false(world_say(w, 0, &bound, "x"));
    assert_int_equal(w->server.dropped_no_permission, 0);
    assert_int_equal(w->server.errors[XC_STUN_CREATE_PERMISSION], 2);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
}

/* No channels at this server: Send indications do, and it is not asked again. */
static void test_channel_refused(void **state)
{
    (void)state;
    static const uint16_t codes[] = {400, 403, 508};
    for (size_t i = 0; i < XC_ARRAY_LEN(codes); i++) {
        struct world *w = world_open();
        struct xc_addr peer = ip4(77, 7);
        turn_server_refuse(&w->server, XC_STUN_CHANNEL_BIND, codes[i], 0);
        world_ready(w);
        xc_turn_permit(&w->turn[0], w->now, &peer, true);
        world_run(w, 100 * MS);
        for (int s = 0; s < 1000; s++) {
            assert_true(world_say(w, 0, &peer, "x"));
            world_run(w, 1 * S);
        }
        assert_int_equal(w->server.requests[XC_STUN_CHANNEL_BIND], 1);
        assert_int_equal(w->server.indications_in, 1000);
        assert_int_equal(w->server.dropped_no_permission, 0);
    }
}

/* Capacity that passes: asked again, ever more slowly. */
static void test_permission_later(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct xc_addr peer = ip4(77, 7);
    turn_server_refuse(&w->server, XC_STUN_CREATE_PERMISSION, 508, 3);
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &peer, false);
    world_run(w, 34 * S);
    assert_false(world_say(w, 0, &peer, "x"));
    assert_int_equal(w->server.requests[XC_STUN_CREATE_PERMISSION], 3); /* 0, 5, 15 s */
    world_run(w, 2 * S);
    assert_true(world_say(w, 0, &peer, "x"));

    w = world_open(); /* for ever: no storm */
    turn_server_refuse(&w->server, XC_STUN_CREATE_PERMISSION, 508, 0);
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &peer, false);
    world_run(w, 3600 * S);
    assert_true(w->server.requests[XC_STUN_CREATE_PERMISSION] < 55);

    w = world_open(); /* lost for ever */
    world_ready(w);
    w->server.refuse[XC_STUN_CREATE_PERMISSION] = 437;
    xc_turn_permit(&w->turn[0], w->now, &peer, false);
    world_run(w, 1 * S);
    assert_failed(w, XC_TURN_LOST, 437);
}

/* All 32 at once: eight in a burst, then fifty a second; and one more takes the oldest's place. */
static void test_many_peers(void **state)
{
    (void)state;
    struct world *w = world_open();
    for (uint8_t i = 0; i < XC_TURN_PEERS_MAX; i++) { /* before READY: remembered */
        struct xc_addr peer = ip4((uint8_t)(100 + i), 7);
        xc_turn_permit(&w->turn[0], w->now, &peer, true);
    }
    assert_true(xc_turn_deadline(&w->turn[0]) == XC_NEVER);
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 80 * MS);
    assert_int_equal(xc_turn_counters(&w->turn[0])->requests_sent, 2 + 8);
    world_run(w, 1 * S);
    assert_int_equal(w->server.requests[XC_STUN_CHANNEL_BIND], XC_TURN_PEERS_MAX);
    for (uint8_t i = 0; i < XC_TURN_PEERS_MAX; i++) {
        if (i == 5)
            continue;
        struct xc_addr peer = ip4((uint8_t)(100 + i), 7);
        assert_true(world_say(w, 0, &peer, "x"));
    }
    struct xc_addr oldest = ip4(105, 7), next = ip4(200, 7);
    xc_turn_permit(&w->turn[0], w->now, &next, true);
    world_run(w, 100 * MS);
    assert_true(world_say(w, 0, &next, "x"));
    for (uint8_t i = 0; i < XC_TURN_PEERS_MAX; i++) {
        if (i == 5)
            continue;
        struct xc_addr peer = ip4((uint8_t)(100 + i), 7);
        assert_true(world_say(w, 0, &peer, "x"));
    }
    uint32_t received = w->received;
    world_from_outside(w, &oldest, 0, "the server still relays it"); /* we do not know it */
    world_run(w, 100 * MS);
    assert_int_equal(w->received, received);
    assert_int_equal(xc_turn_counters(&w->turn[0])->dropped_unknown, 1);
    world_run(w, 3600 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    assert_int_equal(w->server.errors[XC_STUN_CHANNEL_BIND], 0);
}

/* Peers that come and go by the thousand: paced, no number given twice too early, nothing breaks. */
static void test_thrash(void **state)
{
    (void)state;
    struct world *w = world_open();
    world_ready(w);
    for (uint32_t i = 0; i < 5000; i++) {
        struct xc_addr peer = ip4((uint8_t)i, (uint16_t)(1 + i));
        xc_turn_permit(&w->turn[0], w->now, &peer, i & 1);
        world_run(w, 1 * MS);
    }
    assert_true(xc_turn_counters(&w->turn[0])->requests_sent < 5000 / 20 + 20);
    world_run(w, 100 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indications),     cmocka_unit_test(test_channel),
        cmocka_unit_test(test_two_allocations), cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_refused_peer),    cmocka_unit_test(test_refused_later),
        cmocka_unit_test(test_channel_refused), cmocka_unit_test(test_permission_later),
        cmocka_unit_test(test_many_peers),      cmocka_unit_test(test_thrash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
