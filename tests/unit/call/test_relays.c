/* test_relays.c - sessions over TURN servers in virtual time: relayed on both sides or one, only so or
 * if need be, servers late, dead, restarted and refusing, and what a call that must be relayed sends:
 * not a datagram to any address but a server's (RFC 8445 section 5.1.1.2, RFC 8656).
 * SPDX-License-Identifier: MIT */
#include "relay_world.h"

#define ALL XCALL_ICE_ALL
#define RELAY XCALL_ICE_RELAY

static struct world *open_with(uint64_t seed, uint32_t policy0, uint32_t policy1)
{
    struct world *world = net_make(seed, policy0, policy1);
    world_open(world, seed);
    return world;
}

static void assert_connected(struct world *world)
{
    for (int i = 0; i < 2; i++)
        assert_true(net_until(world, i, XCALL_STATE_CONNECTED, 3000) != UINT32_MAX);
}

/* Nothing of side i went anywhere but to a server, and its signals gave nothing away. */
static void assert_hidden(const struct world *world, int i)
{
    assert_int_equal(net.strange[i], 0);
    assert_int_equal(net_withheld(world, i), 0);
    assert_int_equal(net.told[i][XC_CANDIDATE_HOST], 0);
    assert_int_equal(net.told[i][XC_CANDIDATE_SRFLX], 0);
    assert_false(net.leaked[i]);
    assert_int_equal(net.oversized, 0);
}

static void assert_types(struct world *world, int i, uint32_t local, uint32_t remote)
{
    struct xcall_stats stats = net_stats(world, i);
    assert_int_equal(stats.local_candidate_type, local);
    assert_int_equal(stats.remote_candidate_type, remote);
}

static void test_both_relayed(void **state)
{
    (void)state;
    struct world *world = open_with(1, RELAY, RELAY);
    net_give_both(world);
    assert_connected(world);
    /* Allocate twice, signals, permission, check, DTLS, all over hops of 5 ms: no timer in it. */
    uint64_t took = XC_MAX(world->side[0].connected_at, world->side[1].connected_at) - WORLD_START;
    assert_true(took < 250 * XC_NS_PER_MS);
    net_assert_sound(world);
    for (int i = 0; i < 2; i++) {
        struct xcall_stats stats = net_stats(world, i);
        assert_hidden(world, i);
        assert_types(world, i, XCALL_CANDIDATE_RELAY, XCALL_CANDIDATE_RELAY);
        assert_int_equal(net.told[i][XC_CANDIDATE_RELAY], 1);
        assert_int_equal(stats.relays_ready, 1);
        assert_true(stats.relay_packets_sent > 40 && stats.relay_packets_received > 40);
        assert_true(stats.relay_packets_sent <= stats.packets_sent);
    }
    assert_int_equal(turn_server_allocations(&net.server[0], world_now), 2);
    assert_true(net.server[0].channel_data_in > 80); /* media goes by channels */
    assert_int_equal(net.direct, 0);
    xc_session_hang_up(world->side[0].session, world_now, XCALL_END_HANG_UP);
    world_run(world, 50);
    assert_int_equal(xc_session_reason(world->side[1].session), XCALL_END_REMOTE_HANG_UP);
    assert_int_equal(turn_server_allocations(&net.server[0], world_now), 0);
    for (int i = 0; i < 2; i++)
        assert_hidden(world, i);
    net_free(world);
}

/* Both would talk directly, a firewall is between them, and one has a server. */
static void test_one_relay(void **state)
{
    (void)state;
    for (int owner = 0; owner < 2; owner++) {
        struct world *world = open_with(2, ALL, ALL);
        net.blocked = true;
        net_give(world, owner);
        assert_connected(world);
        net_assert_sound(world);
        assert_int_equal(net_stats(world, owner).local_candidate_type, XCALL_CANDIDATE_RELAY);
        assert_int_equal(net_stats(world, !owner).remote_candidate_type, XCALL_CANDIDATE_RELAY);
        assert_int_equal(net.direct, 0);
        net_free(world);
    }
}

/* A relay is there, but not needed. */
static void test_direct_first(void **state)
{
    (void)state;
    struct world *world = open_with(3, ALL, ALL);
    net_give_both(world);
    assert_connected(world);
    net_assert_sound(world);
    for (int i = 0; i < 2; i++) {
        assert_types(world, i, XCALL_CANDIDATE_HOST, XCALL_CANDIDATE_HOST);
        assert_int_equal(net_stats(world, i).relays_ready, 1);
        assert_int_equal(net.told[i][XC_CANDIDATE_HOST], 1);
        assert_int_equal(net.told[i][XC_CANDIDATE_RELAY], 1);
    }
    net_free(world);
}

static void give_stun(struct world *world, int i)
{
    struct xc_ice_server server = {.addr = net.server[0].config.addr};
    net_memory[i] = calloc(1, sizeof *net_memory[i]);
    assert_non_null(net_memory[i]);
    xc_session_set_ice_servers(world->side[i].session, world_now, net_memory[i], &server, 1);
}

/* Two NATs that let in whatever comes: the addresses that a STUN server told are enough. */
static void test_reflexive(void **state)
{
    (void)state;
    struct world *world = open_with(4, ALL, ALL);
    net.nat = true;
    give_stun(world, 0);
    give_stun(world, 1);
    assert_connected(world);
    net_assert_sound(world);
    for (int i = 0; i < 2; i++) {
        assert_types(world, i, XCALL_CANDIDATE_SRFLX, XCALL_CANDIDATE_SRFLX);
        assert_int_equal(net.told[i][XC_CANDIDATE_SRFLX], 1);
        assert_int_equal(net_stats(world, i).relays_ready, 0);
    }
    net_free(world);
}

/* One must be relayed, the other would rather not be. */
static void test_one_hides(void **state)
{
    (void)state;
    for (int hidden = 0; hidden < 2; hidden++) {
        struct world *world = open_with(5, hidden == 0 ? RELAY : ALL, hidden == 1 ? RELAY : ALL);
        net_give_both(world);
        assert_connected(world);
        net_assert_sound(world);
        assert_hidden(world, hidden);
        assert_types(world, hidden, XCALL_CANDIDATE_RELAY, XCALL_CANDIDATE_RELAY);
        assert_int_equal(net.direct, 0);
        net_free(world);
    }
}

static void without_trickle(struct world *world)
{
    for (int i = 0; i < 2; i++)
        world->side[i].call.flags = XCALL_CALL_NO_TRICKLE;
}

static void test_no_trickle(void **state)
{
    (void)state;
    for (uint32_t policy = ALL; policy <= RELAY; policy++) {
        struct world *world = net_make(6, policy, policy);
        without_trickle(world);
        net.blocked = true;
        world_open(world, 6);
        net_give_both(world);
        assert_connected(world);
        net_assert_sound(world);
        for (int i = 0; i < 2; i++) {
            if (policy == RELAY) /* else one relay on the way is better than two */
                assert_types(world, i, XCALL_CANDIDATE_RELAY, XCALL_CANDIDATE_RELAY);
            assert_int_equal(world->side[i].signals, 1); /* one description, with everything */
        }
        net_free(world);
    }
}

/* A server that does not answer holds a description up for five seconds at the most. */
static void test_no_trickle_timeout(void **state)
{
    (void)state;
    struct world *world = net_make(7, ALL, ALL);
    without_trickle(world);
    world_open(world, 7);
    net_give(world, 0);
    net.server[0].silent = true;
    world_run(world, 4900);
    assert_int_equal(world->side[0].signals, 0);
    world_run(world, 300);
    assert_int_equal(world->side[0].signals, 1);
    assert_connected(world);
    net_free(world);
}

/* Without trickle, and the first server comes late: the description waits for it. */
static void test_no_trickle_late(void **state)
{
    (void)state;
    struct world *world = net_make(8, RELAY, RELAY);
    without_trickle(world);
    world_open(world, 8);
    world_run(world, 7000);
    assert_int_equal(world->side[0].signals, 0);
    net_give_both(world);
    assert_connected(world);
    assert_hidden(world, 0);
    net_free(world);
}

static void test_servers_late(void **state)
{
    (void)state;
    struct world *world = open_with(9, RELAY, RELAY);
    world_run(world, 4000);
    assert_int_equal(net.sent[0] + net.sent[1], 0);
    net_give(world, 1);
    world_run(world, 3000);
    net_give(world, 0);
    assert_connected(world);
    net_assert_sound(world);
    assert_hidden(world, 0);
    assert_hidden(world, 1);
    net_free(world);
}

static void ends(struct world *world, int i, uint32_t reason, uint32_t within_ms)
{
    assert_true(net_until(world, i, XCALL_STATE_ENDED, within_ms) != UINT32_MAX);
    assert_int_equal(xc_session_reason(world->side[i].session), reason);
    if (reason == XCALL_END_RELAY_UNAVAILABLE)
        assert_non_null(xc_session_reason_text(world->side[i].session));
}

/* The other side gives up as well, and its word for it must not come first. */
static void ends_by_itself(struct world *world, int i, uint32_t reason, uint32_t within_ms)
{
    world->signal_delay = 100 * XC_NS_PER_S;
    ends(world, i, reason, within_ms);
}

/* No server within the connect time; never a packet. */
static void test_no_servers(void **state)
{
    (void)state;
    struct world *world = open_with(10, RELAY, ALL);
    net_give(world, 1);
    world->silent = true;
    world_run(world, 29000);
    assert_int_not_equal(net_state(world, 0), XCALL_STATE_ENDED);
    ends(world, 0, XCALL_END_RELAY_UNAVAILABLE, 2000);
    assert_int_equal(net.sent[0], 0);
    assert_hidden(world, 0);
    net_free(world);
}

static void test_wrong_credentials(void **state)
{
    (void)state;
    struct world *world = open_with(11, RELAY, ALL);
    net_give(world, 1);
    net_servers(world, 0, 0, 1, NET_USER, "wrong");
    ends(world, 0, XCALL_END_RELAY_UNAVAILABLE, 1000);
    assert_non_null(strstr(xc_session_reason_text(world->side[0].session), "credentials"));
    assert_hidden(world, 0);
    net_free(world);
}

/* As long as one of two may still do, the call waits. */
static void test_second_server(void **state)
{
    (void)state;
    struct world *world = open_with(12, RELAY, RELAY);
    turn_server_refuse(&net.server[0], XC_STUN_ALLOCATE, 403, 0);
    for (int i = 0; i < 2; i++)
        net_servers(world, i, 0, 2, NET_USER, NET_PASSWORD);
    assert_connected(world);
    net_assert_sound(world);
    assert_int_equal(net_stats(world, 0).relay_error_code, 403);
    assert_hidden(world, 0);
    net_free(world);
}

static void test_refused(void **state)
{
    (void)state;
    struct world *world = open_with(13, RELAY, ALL);
    turn_server_refuse(&net.server[0], XC_STUN_ALLOCATE, 403, 0);
    net_give(world, 0);
    ends(world, 0, XCALL_END_RELAY_UNAVAILABLE, 1000);
    net_free(world);

    world = open_with(13, RELAY, RELAY); /* its quota is used up for a moment */
    turn_server_refuse(&net.server[0], XC_STUN_ALLOCATE, 486, 2);
    net_give_both(world);
    assert_true(net_until(world, 0, XCALL_STATE_CONNECTED, 10000) != UINT32_MAX);
    net_free(world);
}

static void test_server_silent(void **state)
{
    (void)state;
    struct world *world = open_with(14, RELAY, ALL);
    net.server[0].silent = true;
    net_give(world, 0);
    world->silent = true;
    ends(world, 0, XCALL_END_RELAY_UNAVAILABLE, 31000);
    assert_non_null(strstr(xc_session_reason_text(world->side[0].session), "answer"));
    assert_hidden(world, 0);
    net_free(world);
}

/* The relay is ours and works; the peer has none that we would talk to. */
static void test_peer_without_relay(void **state)
{
    (void)state;
    struct world *world = open_with(15, RELAY, ALL);
    net_give(world, 0);
    world->silent = true;
    world_run(world, 100);
    ends_by_itself(world, 0, XCALL_END_CONNECT_FAILED, 32000);
    assert_hidden(world, 0);
    assert_true(net.server[0].requests[XC_STUN_CREATE_PERMISSION] == 0);
    net_free(world);
}

/* What a hostile peer signals: its own address and others, names, and what looks like a relay. */
static void hostile_candidates(struct world *world, int to)
{
    static const char *const lines[] = {
        "candidate:1 1 udp 2130706431 192.0.2.2 4000 typ host",
        "candidate:2 1 udp 2130706431 192.168.1.1 53 typ host",
        "candidate:3 1 udp 1694498815 198.51.100.66 9 typ srflx raddr 0.0.0.0 rport 0",
        "candidate:4 1 udp 1862270975 198.51.100.67 9 typ prflx raddr 0.0.0.0 rport 0",
        "candidate:5 1 udp 2130706431 0bdf2d6e-5a5e-4b0b-9f43-9d1e8a1e5c11.local 4000 typ host",
        "candidate:6 1 udp 16777215 198.51.100.68 9 typ relay raddr 0.0.0.0 rport 0"};
    char text[256];
    for (size_t i = 0; i < XC_ARRAY_LEN(lines); i++) {
        int size =
            snprintf(text, sizeof text,
                     "{\"candidate\":\"%s\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0}", lines[i]);
        xc_session_receive_signal(world->side[to].session, world_now, XCALL_SIGNAL_CANDIDATE,
                                  xc_span_make(text, (size_t)size));
    }
}

/* An authentic check of the peer from an address of its choice, straight to ours. */
static void direct_check(struct world *world, int to, const struct xc_addr *from,
                         const struct xc_addr *local)
{
    const struct xc_ice *ice = &world->side[to].session->ice;
    const struct xc_ice *theirs = &world->side[!to].session->ice;
    uint8_t bytes[XC_MTU], id[XC_STUN_TRANSACTION_SIZE] = {7};
    char name[64];
    struct xc_stun_writer w;
    int size = snprintf(name, sizeof name, "%s:%s", xc_ice_ufrag(ice), xc_ice_ufrag(theirs));
    xc_stun_begin(&w, bytes, sizeof bytes, XC_STUN_REQUEST, XC_STUN_BINDING, id);
    xc_stun_add_username(&w, xc_span_make(name, (size_t)size));
    xc_stun_add_priority(&w, 1862270975);
    xc_stun_add_controlled(&w, 1);
    size_t length =
        xc_stun_finish(&w, xc_span_make(xc_ice_password(ice), strlen(xc_ice_password(ice))));
    assert_true(length > 0);
    xc_session_input(world->side[to].session, world_now, local, from, bytes, length);
}

static void test_hostile_peer(void **state)
{
    (void)state;
    char name[XC_DNS_LOCAL_MAX + 1];
    struct world *world = open_with(16, RELAY, ALL);
    struct xc_session *session = world->side[0].session;
    const struct xc_addr stranger = net_addr(198, 51, 100, 66, 9);
    net_give_both(world);
    for (uint32_t n = 0; n < 300; n++) {
        uint8_t junk[64] = {0x80};
        if (n % 50 == 10)
            hostile_candidates(world, 0);
        direct_check(world, 0, &net.base[1][0], &net.base[0][0]);
        direct_check(world, 0, &stranger, &net.base[0][0]);
        xc_session_input(session, world_now, &net.base[0][0], &net.base[1][0], junk, sizeof junk);
        world_run(world, 1);
    }
    assert_connected(world);
    net_assert_sound(world);
    assert_hidden(world, 0);
    assert_false(xc_session_next_lookup(session, name));
    assert_true(session->count.rejected_direct >= 900); /* the peer's own checks are among them */
    assert_true(xc_ice_counters(&session->ice)->candidates_ignored > 0);
    assert_types(world, 0, XCALL_CANDIDATE_RELAY, XCALL_CANDIDATE_RELAY);
    /* By the relay, but from where no relay of the peer's is: not answered, not learned. */
    uint32_t answered = xc_ice_counters(&session->ice)->responses_sent;
    direct_check(world, 0, &stranger, xc_turn_relayed(&session->relays->list[0].turn));
    struct xc_addr relayed = *xc_turn_relayed(&session->relays->list[0].turn);
    xc_ice_input(&session->ice, world_now, &relayed, &stranger, xc_span_make("", 0));
    assert_int_equal(xc_ice_counters(&session->ice)->responses_sent, answered);
    assert_false(xc_ice_source_known(&session->ice, &relayed, &stranger));
    net_free(world);
}

/* The last look catches what an error elsewhere would let out. */
static void test_last_look(void **state)
{
    (void)state;
    struct world *world = open_with(17, RELAY, RELAY);
    struct xc_session *session = world->side[0].session;
    uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK] = {0};
    net_give_both(world);
    assert_connected(world);
    struct xc_datagram out = {.local = net.base[0][0],
                              .remote = net.base[1][0],
                              .data = bytes,
                              .capacity = sizeof bytes,
                              .size = 100};
    assert_false(xc_relays_leave(session, world_now, &out));
    assert_int_equal(session->count.withheld, 1);
    out.remote = net.server[1].config.addr; /* a server, but not one of this call's */
    assert_false(xc_relays_leave(session, world_now, &out));
    out.remote = net.server[0].config.addr;
    assert_true(xc_relays_leave(session, world_now, &out));
    net_free(world);
}

/* Its only server is gone in mid-call: the path is silent, and the reason is ours. */
static void test_server_dies(void **state)
{
    (void)state;
    struct world *world = open_with(18, RELAY, RELAY);
    net_give_both(world);
    assert_connected(world);
    net.server[0].silent = true;
    assert_true(net_until(world, 0, XCALL_STATE_RECONNECTING, 12000) != UINT32_MAX);
    ends_by_itself(world, 0, XCALL_END_RELAY_UNAVAILABLE, 40000);
    assert_hidden(world, 0);
    net_free(world);
}

/* The peer is gone, not the server. */
static void test_peer_dies(void **state)
{
    (void)state;
    struct world *world = open_with(19, RELAY, RELAY);
    net_give_both(world);
    assert_connected(world);
    net.mute_base[1] = true;
    ends_by_itself(world, 0, XCALL_END_CONNECTION_LOST, 45000);
    net_free(world);
}

static void test_fail_over(void **state)
{
    (void)state;
    struct world *world = open_with(20, RELAY, RELAY);
    for (int i = 0; i < 2; i++)
        net_servers(world, i, 0, 2, NET_USER, NET_PASSWORD);
    assert_connected(world);
    world_run(world, 1000);
    int used = net.server[0].channel_data_in > net.server[1].channel_data_in ? 0 : 1;
    net.server[used].silent = true;
    world_run(world, 12000);
    net_assert_sound(world);
    assert_hidden(world, 0);
    assert_hidden(world, 1);
    net_free(world);
}

/* It restarts and has forgotten everything: new allocations, new candidates, the same call. */
static void test_server_restarts(void **state)
{
    (void)state;
    for (int trickle = 0; trickle < 2; trickle++) {
        struct world *world = net_make(21, RELAY, RELAY);
        if (!trickle)
            without_trickle(world);
        world_open(world, 21);
        net_give_both(world);
        assert_connected(world);
        world_run(world, 2000);
        turn_server_forget(&net.server[0]);
        world_run(world, 15000);
        net_assert_sound(world);
        assert_int_equal(turn_server_allocations(&net.server[0], world_now), 2);
        assert_hidden(world, 0);
        assert_hidden(world, 1);
        net_free(world);
    }
}

/* A user name whose time is over is refused at the next refresh; a new one goes on with the same
 * allocation, or with another one. */
static void test_credentials_expire(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world *world = net_make(22, RELAY, RELAY);
        net.server[0].config.lifetime_s = 40;
        world_open(world, 22);
        net_give_both(world);
        assert_connected(world);
        net.server[0].config.username = "1790009999:alice";
        turn_server_stale_nonce(&net.server[0]);
        world_run(world, late ? 50000 : 20000);
        for (int i = 0; i < 2; i++)
            net_servers(world, i, 0, 1, "1790009999:alice", NET_PASSWORD);
        world_run(world, 45000);
        net_assert_sound(world);
        assert_hidden(world, 0);
        net_free(world);
    }
    struct world *world = net_make(23, RELAY, RELAY); /* nobody brings new ones */
    net.server[0].config.lifetime_s = 40;
    world_open(world, 23);
    net_give_both(world);
    assert_connected(world);
    net.server[0].config.username = "1790009999:alice";
    world->silent = true;
    ends(world, 0, XCALL_END_RELAY_UNAVAILABLE, 80000);
    net_free(world);
}

/* Refreshes, permissions and channels outlive their times. */
static void test_long_call(void **state)
{
    (void)state;
    struct world *world = open_with(24, RELAY, RELAY);
    net_give_both(world);
    assert_connected(world);
    world->silent = true;
    world_run(world, 11 * 60 * 1000);
    world->silent = false;
    net_assert_sound(world);
    assert_int_equal(net_stats(world, 0).local_candidate_type, XCALL_CANDIDATE_RELAY);
    assert_hidden(world, 0);
    assert_hidden(world, 1);
    net_free(world);
}

static void test_renegotiation(void **state)
{
    (void)state;
    struct world *world = open_with(25, RELAY, RELAY);
    net_give_both(world);
    assert_connected(world);
    for (int i = 0; i < 2; i++) {
        xc_session_set_hold(world->side[i].session, world_now, true);
        world_run(world, 300);
        xc_session_set_hold(world->side[i].session, world_now, false);
        world_run(world, 300);
        net_assert_sound(world);
    }
    for (int i = 0; i < 2; i++) {
        char before[XC_ICE_UFRAG_SIZE + 1];
        memcpy(before, xc_ice_ufrag(&world->side[0].session->ice), sizeof before);
        xc_session_restart_ice(world->side[i].session, world_now);
        world_run(world, 1000);
        assert_true(strcmp(before, xc_ice_ufrag(&world->side[0].session->ice)) != 0);
        net_assert_sound(world);
    }
    assert_types(world, 0, XCALL_CANDIDATE_RELAY, XCALL_CANDIDATE_RELAY);
    assert_hidden(world, 0);
    assert_hidden(world, 1);
    net_free(world);
}

/* The first of our addresses leads nowhere: the server is asked from the next. */
static void test_second_address(void **state)
{
    (void)state;
    struct world *world = open_with(26, RELAY, RELAY);
    assert_true(xc_session_add_local(world->side[0].session, &net.base[0][1], 65534));
    net.mute_base[0] = true;
    net_give_both(world);
    assert_true(net_until(world, 0, XCALL_STATE_CONNECTED, 3000) != UINT32_MAX);
    net_assert_sound(world);
    assert_hidden(world, 0);
    net_free(world);
}

/* With 30 % of all datagrams lost it takes longer, and works. */
static void test_loss(void **state)
{
    (void)state;
    for (uint64_t seed = 30; seed < 40; seed++) {
        struct world *world = open_with(seed, RELAY, RELAY);
        net.loss_percent = 15; /* a hop; four of them are on the way */
        net_give_both(world);
        world->silent = true;
        for (int i = 0; i < 2; i++)
            assert_true(net_until(world, i, XCALL_STATE_CONNECTED, 25000) != UINT32_MAX);
        net.loss_percent = 0;
        world->silent = false;
        world_run(world, 2000);
        net_assert_sound(world);
        assert_hidden(world, 0);
        assert_hidden(world, 1);
        net_free(world);
    }
}

/* From one moment on a call must be relayed: nothing of before is said again, nobody asked for by name,
 * and the addresses that a relayed candidate was related to are gone. */
static void test_relay_from_now_on(void **state)
{
    (void)state;
    char name[XC_DNS_LOCAL_MAX + 1];
    static const char mdns[] =
        "{\"candidate\":\"candidate:1 1 udp 5 a.local 9 typ host\",\"sdpMid\":\"0\"}";
    for (int trickle = 0; trickle < 2; trickle++) {
        struct world *world = net_make(30, ALL, ALL);
        for (int i = 0; i < 2; i++)
            world->side[i].call.flags = trickle ? 0 : XCALL_CALL_NO_TRICKLE;
        world_open(world, 30);
        net_give_both(world);
        assert_connected(world);
        world_run(world, 1000);
        assert_true(net.told[0][XC_CANDIDATE_HOST] && net.leaked[0]);
        for (int i = 0; i < 2; i++) {
            struct xc_session *session = world->side[i].session;
            xc_session_receive_signal(session, world_now, XCALL_SIGNAL_CANDIDATE,
                                      xc_span_make(mdns, sizeof mdns - 1));
            xc_session_relay_only(session, world_now);
            assert_false(xc_session_next_lookup(session, name));
        }
        memset(net.told, 0, sizeof net.told);
        memset(net.strange, 0, sizeof net.strange);
        memset(net.leaked, 0, sizeof net.leaked);
        world_run(world, 200);
        xc_session_restart_ice(world->side[0].session, world_now);
        world_run(world, 3000);
        for (int i = 0; i < 2; i++) {
            assert_true(net.told[i][XC_CANDIDATE_RELAY] > 0);
            assert_hidden(world, i);
            assert_types(world, i, XCALL_CANDIDATE_RELAY, XCALL_CANDIDATE_RELAY);
        }
        net_assert_sound(world);
        net_free(world);
    }
}

/* A server that makes an allocation and forgets it at once, again and again: no storm of candidates. */
static void test_server_forgets(void **state)
{
    (void)state;
    struct world *world = open_with(31, RELAY, RELAY);
    net_give_both(world);
    assert_connected(world);
    memset(net.told, 0, sizeof net.told);
    for (int i = 0; i < 2000; i++) {
        world_run(world, 5);
        turn_server_forget(&net.server[0]);
    }
    assert_true(net.told[0][XC_CANDIDATE_RELAY] <= 8);
    net_free(world);
}

/* A server that gives out an address of ours would have what is sent directly go by itself. */
static void test_relayed_is_ours(void **state)
{
    (void)state;
    struct world *world = net_make(33, ALL, ALL);
    net.base[0][1].port = 49152;
    net.server[0].config.relay = net.base[0][1];
    world_open(world, 33);
    assert_true(xc_session_add_local(world->side[0].session, &net.base[0][1], 1));
    net_give(world, 0);
    world_run(world, 100);
    assert_int_equal(turn_server_allocations(&net.server[0], world_now), 1);
    assert_int_equal(net_stats(world, 0).relays_ready, 0);
    assert_int_equal(net.told[0][XC_CANDIDATE_RELAY], 0);
    net_free(world);
}

/* The same servers with new credentials, as a service renews them: STUN is not asked twice. */
static void test_same_servers_again(void **state)
{
    (void)state;
    struct world *world = open_with(32, ALL, ALL);
    struct xc_ice_server stun = {.addr = net_addr(203, 0, 113, 77, 3478)};
    net_give(world, 0);
    for (int i = 0; i < 5; i++)
        xc_session_set_ice_servers(world->side[0].session, world_now, net_memory[0], &stun, 1);
    assert_int_equal(world->side[0].session->relays->client_count, 1);
    net_free(world);
}

/* Eight servers is all that there is room for; the ninth is left out. */
static void test_limits(void **state)
{
    (void)state;
    struct world *world = open_with(41, RELAY, RELAY);
    struct xc_ice_server list[XC_ICE_SERVERS_MAX + 2];
    const char *words;
    for (uint32_t i = 0; i < XC_ARRAY_LEN(list); i++) {
        list[i] = (struct xc_ice_server){.turn = true,
                                         .addr = net_addr(203, 0, 113, (uint8_t)(100 + i), 3478)};
        assert_true(xc_ice_server_credentials(&list[i], xc_span_make("u", 1), xc_span_make("p", 1),
                                              &words));
    }
    net_give_both(world);
    xc_session_set_ice_servers(world->side[0].session, world_now, NULL, list, XC_ARRAY_LEN(list));
    assert_int_equal(net_memory[0]->count, XC_ICE_SERVERS_MAX);
    assert_connected(world);
    assert_true(sizeof *net_memory[0] < 96 * 1024);
    net_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_relayed),
        cmocka_unit_test(test_one_relay),
        cmocka_unit_test(test_direct_first),
        cmocka_unit_test(test_reflexive),
        cmocka_unit_test(test_one_hides),
        cmocka_unit_test(test_no_trickle),
        cmocka_unit_test(test_no_trickle_timeout),
        cmocka_unit_test(test_no_trickle_late),
        cmocka_unit_test(test_servers_late),
        cmocka_unit_test(test_no_servers),
        cmocka_unit_test(test_wrong_credentials),
        cmocka_unit_test(test_second_server),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_server_silent),
        cmocka_unit_test(test_peer_without_relay),
        cmocka_unit_test(test_hostile_peer),
        cmocka_unit_test(test_last_look),
        cmocka_unit_test(test_server_dies),
        cmocka_unit_test(test_peer_dies),
        cmocka_unit_test(test_fail_over),
        cmocka_unit_test(test_server_restarts),
        cmocka_unit_test(test_credentials_expire),
        cmocka_unit_test(test_long_call),
        cmocka_unit_test(test_renegotiation),
        cmocka_unit_test(test_second_address),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_relay_from_now_on),
        cmocka_unit_test(test_server_forgets),
        cmocka_unit_test(test_same_servers_again),
        cmocka_unit_test(test_relayed_is_ours),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
