/* test_ice_restart.c - ICE restarts of either side, in any order of signalling, with and without
 * new sockets (RFC 8445 section 9), and seeded runs of two agents through loss, delay, trickle,
 * conflicts and a restart in the middle. A failing run prints its seed.
 * SPDX-License-Identifier: MIT */
#include "ice_net.h"
#include "ice_peer.h"

static struct net net;
static uint64_t current_seed;
static bool restarted;
static uint64_t media_gap;

static void make(uint64_t seed, uint64_t delay, double loss)
{
    net_init(&net, seed);
    net.delay_min = net.delay_max = delay;
    net.loss = loss;
    net_agent(&net, 0, true, false);
    net_agent(&net, 1, false, false);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
}

static void restart(struct net *n, int who, int unused)
{
    (void)unused;
    xc_ice_restart(&n->agent[who], &n->rng);
    restarted = true;
}

/* Media of `who` can go out and is let in at the other end (no NAT in these tests). */
static bool media_flows(const struct net *n, int who)
{
    struct xc_addr local, remote;
    return xc_ice_selected(&n->agent[who], &local, &remote) &&
           xc_ice_source_known(&n->agent[!who], &remote, &local);
}

static void run_with_media(struct net *n, uint64_t end)
{
    while (n->now < end) {
        uint64_t next = XC_MIN(end, XC_MAX(net_next(n), n->now + 1));
        net_run_until(n, next);
        for (int who = 0; who < 2; who++)
            if (!media_flows(n, who))
                media_gap++;
    }
}

/* order 0: the answerer restarts, then learns the offer; 1: the other way round */
static void run_restart(int order, bool new_sockets)
{
    char before[2][XC_ICE_UFRAG_SIZE + 1];
    struct xc_addr local, remote;
    make(5, 20 * MS, 0);
    net_signal_all(&net);
    net_run_until(&net, 3 * SECOND);
    net_assert_connected(&net);
    for (int who = 0; who < 2; who++)
        strcpy(before[who], xc_ice_ufrag(&net.agent[who]));
    media_gap = 0;
    if (new_sockets)
        net_add(&net, 0, "198.51.100.7", 4444);
    restart(&net, 0, 0);
    assert_int_equal(xc_ice_state(&net.agent[0]), XC_ICE_CONNECTED);
    /* 20 s until the offer arrives: consent on the old pair goes on meanwhile */
    run_with_media(&net, 23 * SECOND);
    assert_true(net_both(&net, XC_ICE_CONNECTED));
    if (order == 0)
        restart(&net, 1, 0);
    net_describe(&net, 1, 0);
    net_candidate(&net, 1, -1);
    run_with_media(&net, net.now + 10 * MS);
    if (order == 1)
        restart(&net, 1, 0);
    run_with_media(&net, net.now + 200 * MS);
    net_describe(&net, 0, 0);
    net_candidate(&net, 0, -1);
    run_with_media(&net, net.now + 2 * SECOND);
    net_assert_connected(&net);
    assert_true(media_gap == 0);
    for (int who = 0; who < 2; who++) {
        assert_string_not_equal(before[who], xc_ice_ufrag(&net.agent[who]));
        assert_int_not_equal(net.agent[who].path.pair, XC_ICE_NO_PAIR);
        assert_string_equal(net.history[who], "Cc"); /* nobody noticed */
    }
    if (new_sockets) {
        struct xc_addr old = addr4("192.0.2.1", 4000);
        xc_ice_remove_local(&net.agent[0], net.now, &old);
        run_with_media(&net, net.now + 20 * SECOND);
        net_assert_connected(&net);
        assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
        assert_int_equal(local.port, 4444);
    }
    net_run_until(&net, net.now + 100 * SECOND);
    net_assert_connected(&net);
}

static void test_restart(void **unused)
{
    (void)unused;
    for (int order = 0; order < 2; order++) {
        run_restart(order, false);
        run_restart(order, true);
    }
}

static void test_restart_twice_before_the_answer(void **unused)
{
    (void)unused;
    make(5, 20 * MS, 0);
    net_signal_all(&net);
    net_run_until(&net, 3 * SECOND);
    restart(&net, 0, 0);
    net_run_until(&net, 20 * SECOND);
    restart(&net, 0, 0);
    net_run_until(&net, 40 * SECOND);
    net_assert_connected(&net); /* the old pair still has consent */
    restart(&net, 1, 0);
    net_signal_all(&net);
    net_run_until(&net, 42 * SECOND);
    net_assert_connected(&net);
    assert_int_not_equal(net.agent[0].path.pair, XC_ICE_NO_PAIR);
}

static void test_restart_after_failure(void **unused)
{
    (void)unused;
    make(5, 20 * MS, 0);
    net_signal_all(&net);
    net_run_until(&net, 3 * SECOND);
    net.down = true;
    net_run_until(&net, 60 * SECOND);
    assert_true(net_both(&net, XC_ICE_FAILED));
    net.down = false;
    restart(&net, 0, 0);
    restart(&net, 1, 0);
    assert_true(net_both(&net, XC_ICE_NEW));
    net_signal_all(&net);
    net_run_until(&net, 62 * SECOND);
    net_assert_connected(&net);
    assert_string_equal(net.history[0], "CcdfCc");
}

static void test_restart_saves_a_silent_path(void **unused)
{
    (void)unused; /* the old address is dead; the restart brings a new one before consent ends */
    struct xc_addr old = addr4("192.0.2.1", 4000);
    make(5, 20 * MS, 0);
    net_signal_all(&net);
    net_run_until(&net, 3 * SECOND);
    net_block(&net, &old, NULL);
    net_block(&net, NULL, &old);
    net_run_until(&net, 14 * SECOND);
    assert_true(net_both(&net, XC_ICE_DISCONNECTED));
    net_add(&net, 0, "198.51.100.7", 4444);
    restart(&net, 0, 0);
    restart(&net, 1, 0);
    net_signal_all(&net);
    net_run_until(&net, 15 * SECOND);
    net_assert_connected(&net);
}

/* Between the first valid pair of a restart and its nomination, media leaves a dead path. */
static void test_restart_leaves_a_dead_path_before_nomination(void **unused)
{
    (void)unused;
    struct sent sent;
    struct xc_addr peer = addr4("192.0.2.2", 5000), fresh = addr4("192.0.2.3", 5000), l, r;
    for (int dead = 0; dead < 2; dead++) {
        make(5, 0, 0);
        struct xc_ice *ice = &net.agent[0];
        peer_describe(ice, 0, false);
        peer_candidate(ice, 0, &peer, XC_CANDIDATE_HOST, 1);
        uint64_t now = 0;
        for (int i = 0; i < 2; i++) {
            assert_true(peer_take(ice, now, &sent));
            peer_answer(ice, now, &sent);
        }
        assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
        for (; now < (dead ? 10 : 1) * SECOND; now += 10 * MS)
            while (peer_take(ice, now, &sent))
                continue;
        assert_int_equal(xc_ice_state(ice), dead ? XC_ICE_DISCONNECTED : XC_ICE_CONNECTED);
        xc_ice_restart(ice, &net.rng);
        xc_ice_set_controlling(ice, false); /* so that nobody nominates */
        xc_ice_set_remote(ice, now, text_span("newp"), text_span(PEER_PASSWORD), false);
        peer_candidate(ice, now, &fresh, XC_CANDIDATE_HOST, 1);
        while (peer_take(ice, now, &sent))
            if (xc_addr_equal(&sent.datagram.remote, &fresh))
                peer_answer(ice, now, &sent);
        assert_true(xc_ice_selected(ice, &l, &r));
        assert_true(xc_addr_equal(&r, dead ? &fresh : &peer));
        assert_true(xc_ice_source_known(ice, &l, &peer)); /* late media of the peer */
        assert_true(xc_ice_source_known(ice, &l, &fresh));
    }
}

static void test_restart_without_an_answer(void **unused)
{
    (void)unused; /* the path dies meanwhile: there is nothing left */
    make(5, 20 * MS, 0);
    net_signal_all(&net);
    net_run_until(&net, 3 * SECOND);
    restart(&net, 0, 0);
    net.down = true;
    net_run_until(&net, 40 * SECOND);
    assert_int_equal(xc_ice_state(&net.agent[0]), XC_ICE_FAILED);
    net.down = false;
    restart(&net, 1, 0);
    net_signal_all(&net); /* and still the answer brings it back */
    net_run_until(&net, 42 * SECOND);
    net_assert_connected(&net);
}

static void test_old_credentials_end(void **unused)
{
    (void)unused;
    struct xc_addr base = addr4("192.0.2.1", 4000), peer = addr4("192.0.2.2", 5000);
    char name[64], password[64];
    struct sent sent;
    make(5, 20 * MS, 0);
    net_signal_all(&net);
    net_run_until(&net, 3 * SECOND);
    struct xc_ice *ice = &net.agent[0];
    snprintf(name, sizeof name, "%s:%s", xc_ice_ufrag(ice), xc_ice_ufrag(&net.agent[1]));
    snprintf(password, sizeof password, "%s", xc_ice_password(ice));
    restart(&net, 0, 0);
    restart(&net, 1, 0);
    net_signal_all(&net);
    net_run_until(&net, 20 * SECOND);
    struct peer_request r = {.username = name, .password = password, .priority = 5};
    uint32_t slots = ice->pair_slots;
    peer_ask(ice, net.now, &base, &peer, &r);
    assert_true(peer_take(ice, net.now, &sent)); /* the peer may not have moved over yet */
    assert_int_equal(sent.message.class_, XC_STUN_SUCCESS);
    assert_true(xc_stun_check_integrity(&sent.message, text_span(password)));
    assert_int_equal(ice->pair_slots, slots);
    net_run_until(&net, 40 * SECOND);
    uint32_t responses = xc_ice_counters(ice)->responses_sent;
    peer_ask(ice, net.now, &base, &peer, &r);
    while (peer_take(ice, net.now, &sent))
        assert_int_not_equal(sent.message.class_, XC_STUN_SUCCESS);
    assert_int_equal(xc_ice_counters(ice)->responses_sent, responses);
}

/* One random run. Everything is drawn from the seed. */
static void run_seed(uint64_t seed, uint64_t *slowest)
{
    struct xc_rng draw;
    current_seed = seed;
    xc_rng_init_number(&draw, seed ^ 0x1ce);
    net_init(&net, seed);
    net.delay_min = xc_rng_below(&draw, 100) * MS;
    net.delay_max = net.delay_min + xc_rng_below(&draw, 100) * MS; /* reorders, too */
    net.loss = xc_rng_below(&draw, 31) / 100.0;
    bool conflict = xc_rng_below(&draw, 4) == 0;
    bool first = xc_rng_below(&draw, 2) == 0;
    net_agent(&net, 0, first, false);
    net_agent(&net, 1, conflict ? first : !first, false);
    int locals = 1 + (int)xc_rng_below(&draw, 4);
    for (int i = 0; i < locals; i++) {
        char text[40];
        snprintf(text, sizeof text, i % 2 ? "2001:db8::%d" : "192.0.2.%d", 10 + i);
        net_add(&net, 0, text, (uint16_t)(4000 + i));
        snprintf(text, sizeof text, i % 2 ? "2001:db8::%d" : "192.0.2.%d", 50 + i);
        net_add(&net, 1, text, (uint16_t)(5000 + i));
    }
    if (locals > 2 && xc_rng_below(&draw, 2)) { /* the best address leads nowhere */
        struct xc_addr best = addr4("192.0.2.10", 4000);
        net_block(&net, &best, NULL);
        net_block(&net, NULL, &best);
    }
    uint64_t signalled_at = 0;
    for (int who = 0; who < 2; who++) {
        uint64_t at = xc_rng_below(&draw, 500) * MS;
        net_at(&net, at, net_describe, who, 0);
        signalled_at = XC_MAX(signalled_at, at);
        for (int i = 0; i < locals; i++) {
            at = xc_rng_below(&draw, 500) * MS; /* before or after the description */
            net_at(&net, at, net_candidate, who, i);
            signalled_at = XC_MAX(signalled_at, at);
        }
        net_at(&net, 600 * MS, net_end, who, 0);
    }
    bool restarts = xc_rng_below(&draw, 3) == 0;
    net_run_until(&net, 20 * SECOND);
    net_assert_connected(&net);
    for (int who = 0; who < 2; who++)
        *slowest =
            XC_MAX(*slowest, net.connected_at[who] - XC_MIN(net.connected_at[who], signalled_at));
    if (restarts) {
        uint64_t at = net.now + xc_rng_below(&draw, 3000) * MS;
        net_at(&net, at, restart, 0, 0);
        at += xc_rng_below(&draw, 2000) * MS;
        bool order = xc_rng_below(&draw, 2);
        net_at(&net, at, order ? restart : net_describe, 1, 0);
        net_at(&net, at, order ? net_describe : restart, 1, 0);
        net_at(&net, at + xc_rng_below(&draw, 500) * MS, net_candidate, 1, -1);
        at += xc_rng_below(&draw, 500) * MS;
        net_at(&net, at, net_describe, 0, 0);
        net_at(&net, at + xc_rng_below(&draw, 500) * MS, net_candidate, 0, -1);
        net_run_until(&net, at + 15 * SECOND);
        for (int who = 0; who < 2; who++)
            assert_int_not_equal(net.agent[who].path.pair, XC_ICE_NO_PAIR);
    }
    net_run_until(&net, net.now + 60 * SECOND);
    for (int who = 0; who < 2; who++) { /* at heavy loss consent may be late for a moment */
        int state = xc_ice_state(&net.agent[who]);
        assert_true(state == XC_ICE_CONNECTED || state == XC_ICE_DISCONNECTED);
        assert_true(xc_ice_counters(&net.agent[who])->dropped_integrity == 0);
        assert_true(xc_ice_counters(&net.agent[who])->dropped_malformed == 0);
    }
    if (net.loss < 0.05)
        net_assert_connected(&net);
}

static void test_seeds(void **unused)
{
    (void)unused;
    uint64_t slowest = 0;
    for (uint64_t seed = 0; seed < 200; seed++)
        run_seed(seed, &slowest);
    current_seed = UINT64_MAX;
    assert_true(slowest < 6 * SECOND);
    print_message("slowest of 200: %u ms\n", (unsigned)(slowest / MS));
}

static int tell_seed(void **unused)
{
    (void)unused;
    if (current_seed != UINT64_MAX)
        print_error("seed %u\n", (unsigned)current_seed);
    return 0;
}

/* A quarter of all packets lost at a round trip of 200 ms. */
static void test_heavy_loss_connects_fast(void **unused)
{
    (void)unused;
    uint64_t total = 0, slowest = 0, valid_total = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        make(seed, 100 * MS, 0.25);
        net_signal_all(&net);
        net_run_until(&net, 10 * SECOND);
        net_assert_connected(&net);
        uint64_t at = XC_MAX(net.connected_at[0], net.connected_at[1]);
        total += at;
        valid_total += XC_MAX(net.valid_at[0], net.valid_at[1]);
        slowest = XC_MAX(slowest, at);
    }
    print_message("25 %% loss, 200 ms: valid after %u ms, connected after %u ms, slowest %u ms\n",
                  (unsigned)(valid_total / 200 / MS), (unsigned)(total / 200 / MS),
                  (unsigned)(slowest / MS));
    assert_true(valid_total / 200 <= 450 * MS);
    assert_true(total / 200 <= 800 * MS && slowest <= 4 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_twice_before_the_answer),
        cmocka_unit_test(test_restart_after_failure),
        cmocka_unit_test(test_restart_saves_a_silent_path),
        cmocka_unit_test(test_restart_leaves_a_dead_path_before_nomination),
        cmocka_unit_test(test_restart_without_an_answer),
        cmocka_unit_test(test_old_credentials_end),
        cmocka_unit_test_teardown(test_seeds, tell_seed),
        cmocka_unit_test(test_heavy_loss_connects_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
