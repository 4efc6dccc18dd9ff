/* test_ice.c - the ICE agent joined to another one, or to a peer made by hand, in virtual time:
 * connecting, nomination, roles, pacing (RFC 8445). Consent is in test_ice_consent.c, restarts and
 * the seeded runs in test_ice_restart.c, what must not work in test_ice_security.c.
 * SPDX-License-Identifier: MIT */
#include "ice_net.h"
#include "ice_peer.h"

static struct net net;

static void make(uint64_t seed, uint64_t delay, double loss)
{
    net_init(&net, seed);
    net.delay_min = net.delay_max = delay;
    net.loss = loss;
    net_agent(&net, 0, true, false);
    net_agent(&net, 1, false, false);
}

static void make_simple(uint64_t seed, uint64_t delay, double loss)
{
    make(seed, delay, loss);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    net_signal_all(&net);
}

static void test_credentials(void **unused)
{
    (void)unused;
    make(1, 0, 0);
    assert_int_equal(strlen(xc_ice_ufrag(&net.agent[0])), XC_ICE_UFRAG_SIZE);
    assert_int_equal(strlen(xc_ice_password(&net.agent[0])), XC_ICE_PASSWORD_SIZE);
    assert_string_not_equal(xc_ice_ufrag(&net.agent[0]), xc_ice_ufrag(&net.agent[1]));
    for (const char *c = xc_ice_password(&net.agent[0]); *c; c++)
        assert_true((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '+' || *c == '/');
    char old[XC_ICE_UFRAG_SIZE + 1];
    strcpy(old, xc_ice_ufrag(&net.agent[0]));
    xc_ice_restart(&net.agent[0], &net.rng);
    assert_string_not_equal(old, xc_ice_ufrag(&net.agent[0]));
}

static void test_local_candidates(void **unused)
{
    (void)unused;
    struct xc_candidate candidate;
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[0];
    struct xc_addr a = addr4("192.0.2.1", 4000), loopback = addr4("127.0.0.1", 4000);
    struct xc_addr any = addr4("0.0.0.0", 4000), multicast = addr4("ff02::1", 4000);
    struct xc_addr mapped = addr4("::ffff:192.0.2.1", 4000), no_port = addr4("192.0.2.1", 0);
    assert_int_equal(xc_ice_add_local(ice, &a, 65535), 0);
    assert_int_equal(xc_ice_add_local(ice, &a, 65535), -1);
    assert_int_equal(xc_ice_add_local(ice, &loopback, 1), -1);
    assert_int_equal(xc_ice_add_local(ice, &any, 1), -1);
    assert_int_equal(xc_ice_add_local(ice, &multicast, 1), -1);
    assert_int_equal(xc_ice_add_local(ice, &mapped, 1), -1);
    assert_int_equal(xc_ice_add_local(ice, &no_port, 1), -1);
    net_add(&net, 0, "192.0.2.1", 4001);
    for (uint16_t i = 2; i < XC_ICE_HOST_MAX; i++)
        net_add(&net, 0, "192.0.2.9", (uint16_t)(4000 + i));
    struct xc_addr more = addr4("192.0.2.77", 1);
    assert_int_equal(xc_ice_add_local(ice, &more, 1), -1);
    assert_int_equal(xc_ice_local_count(ice), XC_ICE_HOST_MAX);

    xc_ice_local(ice, 0, &candidate);
    assert_int_equal(candidate.type, XC_CANDIDATE_HOST);
    assert_int_equal(candidate.component, 1);
    assert_true(candidate.udp);
    assert_int_equal(candidate.priority, (126u << 24) + (65535u << 8) + 255);
    assert_true(xc_addr_equal(&candidate.addr, &a));
    assert_string_equal(candidate.ufrag, xc_ice_ufrag(ice));
    assert_string_equal(candidate.foundation, "1");
    xc_ice_local(ice, 1, &candidate);
    assert_string_equal(candidate.foundation, "1");
    xc_ice_local(ice, 15, &candidate);
    assert_string_equal(candidate.foundation, "3");
    xc_ice_local(ice, 16, &candidate);
    assert_int_equal(candidate.type, 0);
}

static void test_loopback_connects_at_once(void **unused)
{
    (void)unused;
    net_init(&net, 1);
    net_agent(&net, 0, true, true);
    net_agent(&net, 1, false, true);
    net.now = 7 * SECOND;
    net_add(&net, 0, "127.0.0.1", 4000);
    net_add(&net, 1, "127.0.0.1", 5000);
    net_signal_all(&net);
    net_run_until(&net, 7 * SECOND + MS);
    net_assert_connected(&net);
    assert_true(net.connected_at[0] == 7 * SECOND && net.connected_at[1] == 7 * SECOND);
    assert_true(net.sent[0] + net.sent[1] <= 8);
    assert_string_equal(net.history[0], "Cc");
    assert_string_equal(net.history[1], "Cc");
    const struct xc_ice_counters *c = xc_ice_counters(&net.agent[0]);
    assert_int_equal(c->dropped_malformed + c->dropped_integrity + c->dropped_unknown, 0);
}

static void test_one_round_trip_to_valid(void **unused)
{
    (void)unused;
    make_simple(1, 50 * MS, 0);
    net_run_until(&net, SECOND);
    net_assert_connected(&net);
    assert_true(net.valid_at[0] <= 100 * MS && net.valid_at[1] <= 100 * MS);
    assert_true(net.connected_at[0] <= 200 * MS && net.connected_at[1] <= 150 * MS);
    assert_true(xc_ice_round_trip(&net.agent[0]) == 100 * MS);
}

static void test_only_one_side_starts(void **unused)
{
    (void)unused; /* the offerer has the answer 300 ms after the answerer has the offer */
    make(1, 50 * MS, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    net_describe(&net, 1, 0);
    net_candidate(&net, 1, -1);
    net_at(&net, 300 * MS, net_describe, 0, 0);
    net_at(&net, 300 * MS, net_candidate, 0, -1);
    net_run_until(&net, 299 * MS);
    /* Its checks were answered, so it has a valid pair; the offerer has asked nothing yet. */
    assert_true(net.valid_at[1] == 100 * MS);
    assert_int_equal(xc_ice_state(&net.agent[0]), XC_ICE_NEW);
    assert_int_equal(xc_ice_counters(&net.agent[0])->requests_sent, 0);
    assert_true(xc_ice_counters(&net.agent[0])->responses_sent > 0);
    net_run_until(&net, SECOND);
    net_assert_connected(&net);
    assert_true(net.connected_at[0] <= 500 * MS);
}

static void test_early_checks_are_remembered(void **unused)
{
    (void)unused; /* the description comes without a candidate: the checks told where the peer is */
    make(1, 10 * MS, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    net_describe(&net, 1, 0);
    net_candidate(&net, 1, -1);
    net_at(&net, 50 * MS, net_describe, 0, 0);
    net_run_until(&net, 50 * MS);
    assert_true(net.last_sent_at[0] == 50 * MS);
    net_run_until(&net, SECOND);
    net_assert_connected(&net);
    assert_true(net.valid_at[0] == 70 * MS);
}

static void test_other_answers_of_a_forked_offer(void **unused)
{
    (void)unused;
    struct sent sent;
    make(1, 0, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    struct xc_ice *ice = &net.agent[0];
    struct xc_addr base = addr4("192.0.2.1", 4000), other = addr4("192.0.2.66", 1);
    char name[64];
    snprintf(name, sizeof name, "%s:other", xc_ice_ufrag(ice));
    peer_ask(ice, 0, &base, &other, &(struct peer_request){.username = name, .priority = 99});
    assert_true(peer_take(ice, 0, &sent));
    assert_int_equal(sent.message.class_, XC_STUN_SUCCESS);
    assert_true(xc_ice_source_known(ice, &base, &other));
    peer_describe(ice, 0, false); /* another one is taken */
    assert_false(xc_ice_source_known(ice, &base, &other));
    assert_false(peer_take(ice, 0, &sent));
    peer_ask(ice, 0, &base, &other, &(struct peer_request){.username = name, .priority = 99});
    assert_false(peer_take(ice, 0, &sent));
    assert_int_equal(xc_ice_counters(ice)->dropped_unknown, 1);
}

static void test_candidates_before_description(void **unused)
{
    (void)unused;
    make(1, 10 * MS, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    struct xc_addr base = addr4("192.0.2.1", 4000);
    peer_candidate(&net.agent[1], 0, &base, XC_CANDIDATE_HOST, 65535); /* without ufrag */
    net_candidate(&net, 0, -1);
    net_run_until(&net, 50 * MS);
    assert_int_equal(net.sent[0] + net.sent[1], 0);
    net_describe(&net, 0, 0);
    net_describe(&net, 1, 0);
    net_run_until(&net, SECOND);
    net_assert_connected(&net);
}

static void test_candidate_without_ufrag_before_description(void **unused)
{
    (void)unused;
    struct sent sent;
    struct xc_addr remote = addr4("192.0.2.9", 6000), learned = addr4("192.0.2.8", 6000);
    struct xc_addr base = addr4("192.0.2.1", 4000);
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[0];
    net_add(&net, 0, "192.0.2.1", 4000);
    peer_candidate(ice, 0, &remote, XC_CANDIDATE_HOST, 1);
    peer_candidate(ice, 0, &learned, XC_CANDIDATE_HOST, 2);
    assert_false(peer_take(ice, 0, &sent));
    peer_ask(ice, 0, &base, &learned, &(struct peer_request){.priority = 1});
    while (peer_take(ice, 0, &sent))
        assert_int_equal(sent.message.class_, XC_STUN_SUCCESS);
    peer_describe(ice, 0, false);
    uint32_t asked = 0;
    while (peer_take(ice, 0, &sent))
        asked += xc_addr_equal(&sent.datagram.remote, &remote) ? 1 : 16;
    assert_int_equal(asked, 17);
    assert_int_equal(ice->pair_slots, 2);
}

static void test_ipv6_and_link_local(void **unused)
{
    (void)unused;
    make(1, 10 * MS, 0);
    struct xc_addr a = addr4("fe80::1", 4000), b = addr4("fe80::2", 5000), local, remote;
    a.scope = b.scope = 3;
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 0, "2001:db8::1", 4000);
    xc_ice_add_local(&net.agent[0], &a, 1);
    net_add(&net, 1, "2001:db8::2", 5000);
    xc_ice_add_local(&net.agent[1], &b, 1);
    net_signal_all(&net);
    net_run_until(&net, SECOND);
    net_assert_connected(&net);
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_string_equal("", local.port == 4000 && local.bytes[0] == 0x20 ? "" : "not global");

    make(1, 10 * MS, 0);
    xc_ice_add_local(&net.agent[0], &a, 1);
    xc_ice_add_local(&net.agent[1], &b, 1);
    struct xc_addr a_signalled = a, b_signalled = b;
    a_signalled.scope = b_signalled.scope = 0;
    net_describe(&net, 0, 0);
    net_describe(&net, 1, 0);
    peer_candidate(&net.agent[0], 0, &b_signalled, XC_CANDIDATE_HOST, 1);
    peer_candidate(&net.agent[1], 0, &a_signalled, XC_CANDIDATE_HOST, 1);
    net_run_until(&net, SECOND);
    net_assert_connected(&net);
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_int_equal(remote.scope, 3); /* else the kernel does not know the link */
}

static void test_one_working_pair_of_nine(void **unused)
{
    (void)unused;
    make(1, 20 * MS, 0);
    const char *left[] = {"10.0.0.1", "172.17.0.1", "192.0.2.1"};
    const char *right[] = {"10.8.0.2", "172.17.0.1", "192.0.2.2"};
    for (int i = 0; i < 3; i++) {
        net_add(&net, 0, left[i], 4000);
        net_add(&net, 1, right[i], 5000);
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            struct xc_addr a = addr4(left[i], 4000), b = addr4(right[j], 5000);
            if (i == 2 && j == 2)
                continue;
            net_block(&net, &a, &b);
            net_block(&net, &b, &a);
        }
    net_signal_all(&net);
    net_run_until(&net, 2 * SECOND);
    net_assert_connected(&net);
    assert_true(net.valid_at[0] <= 250 * MS && net.valid_at[1] <= 250 * MS);
    assert_true(net.connected_at[0] <= 400 * MS && net.connected_at[1] <= 400 * MS);
}

static void run_nat(bool signal_reflexive)
{
    struct xc_addr inner0 = addr4("10.0.0.1", 4000), outer0 = addr4("198.51.100.1", 40000);
    struct xc_addr inner1 = addr4("10.0.0.2", 5000), outer1 = addr4("203.0.113.1", 50000);
    struct xc_addr local, remote;
    make(3, 30 * MS, 0);
    net_add(&net, 0, "10.0.0.1", 4000);
    net_nat(&net, &inner0, &outer0, false);
    if (signal_reflexive) {
        net_add(&net, 1, "10.0.0.2", 5000);
        net_nat(&net, &inner1, &outer1, false);
    } else {
        net_add(&net, 1, "203.0.113.1", 50000);
    }
    net_signal_all(&net);
    if (signal_reflexive) {
        peer_candidate(&net.agent[0], 0, &outer1, XC_CANDIDATE_SRFLX, 65535);
        peer_candidate(&net.agent[1], 0, &outer0, XC_CANDIDATE_SRFLX, 65535);
    }
    net_run_until(&net, 2 * SECOND);
    net_assert_connected(&net);
    assert_true(net.valid_at[0] <= 250 * MS && net.valid_at[1] <= 250 * MS);
    assert_true(xc_ice_selected(&net.agent[1], &local, &remote));
    assert_true(xc_addr_equal(&remote, &outer0));
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_true(xc_addr_equal(&remote, &outer1));
}

static void test_nat(void **unused)
{
    (void)unused;
    run_nat(true);  /* both filter by address and port: the holes are punched by the checks */
    run_nat(false); /* nothing signalled of the NAT: peer-reflexive */
}

static void test_learned_candidate_becomes_signalled(void **unused)
{
    (void)unused;
    make(1, 0, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    struct xc_ice *ice = &net.agent[0];
    struct xc_addr base = addr4("192.0.2.1", 4000), remote = addr4("192.0.2.2", 5000);
    peer_describe(ice, 0, false);
    peer_ask(ice, 0, &base, &remote, &(struct peer_request){.priority = 1000});
    uint64_t before = ice->pairs[0].priority;
    peer_candidate(ice, 0, &remote, XC_CANDIDATE_HOST, 65535);
    assert_true(ice->pairs[0].priority > before);
    assert_int_equal(ice->pair_slots, 1);
    assert_int_equal(ice->remotes[0].type, XC_CANDIDATE_HOST);
}

static void run_conflict(bool controlling, uint64_t seed)
{
    make(seed, 20 * MS, 0);
    xc_ice_set_controlling(&net.agent[0], controlling);
    xc_ice_set_controlling(&net.agent[1], controlling);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    net_signal_all(&net);
    net_run_until(&net, 2 * SECOND);
    net_assert_connected(&net);
    assert_true(net.agent[0].controlling != net.agent[1].controlling);
    /* RFC 8445 section 7.3.1.1: the greater tie-breaker controls in the end */
    int greater = net.agent[0].tie_breaker >= net.agent[1].tie_breaker ? 0 : 1;
    assert_true(net.agent[greater].controlling);
    assert_true(xc_ice_counters(&net.agent[0])->role_conflicts +
                    xc_ice_counters(&net.agent[1])->role_conflicts >
                0);
}

static void test_role_conflict(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 10; seed++) {
        run_conflict(true, seed);
        run_conflict(false, seed);
    }
}

static void test_role_conflict_by_hand(void **unused)
{
    (void)unused;
    struct sent sent;
    for (int controlling = 0; controlling < 2; controlling++) {
        for (int greater = 0; greater < 2; greater++) {
            make(1, 0, 0);
            net_add(&net, 0, "192.0.2.1", 4000);
            struct xc_ice *ice = &net.agent[0];
            struct xc_addr base = addr4("192.0.2.1", 4000), remote = addr4("192.0.2.2", 5000);
            xc_ice_set_controlling(ice, controlling);
            struct peer_request r = {.priority = 5, .role = controlling ? 1 : 2};
            r.tie_breaker = greater ? UINT64_MAX : 0;
            ice->tie_breaker = 77;
            peer_ask(ice, 0, &base, &remote, &r);
            assert_true(peer_take(ice, 0, &sent));
            bool peer_has_to_change = controlling != greater;
            assert_int_equal(sent.message.error_code, peer_has_to_change ? 487 : 0);
            assert_true(ice->controlling == (peer_has_to_change ? controlling : !controlling));
            assert_true(xc_stun_check_integrity(&sent.message, text_span(xc_ice_password(ice))));
        }
    }
}

static void test_487_changes_the_role_at_once(void **unused)
{
    (void)unused;
    struct sent sent;
    uint8_t bytes[200];
    struct xc_addr remote = addr4("192.0.2.9", 6000);
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[0];
    net_add(&net, 0, "192.0.2.1", 4000);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &remote, XC_CANDIDATE_HOST, 1);
    for (int i = 0; i < 4; i++) {
        assert_true(peer_take(ice, (uint64_t)i, &sent));
        assert_true(i % 2 ? sent.message.has_controlled : sent.message.has_controlling);
        assert_false(peer_take(ice, (uint64_t)i, &(struct sent){0}));
        size_t size = peer_make_response(&sent.message, &sent.datagram.local, PEER_PASSWORD, 487,
                                         bytes, sizeof bytes);
        xc_ice_input(ice, (uint64_t)i, &sent.datagram.local, &remote, xc_span_make(bytes, size));
    }
    assert_int_equal(xc_ice_counters(ice)->role_conflicts, 4);
}

/* Two pairs; the better one is blocked until `open_at`. */
static void make_two_pairs(uint64_t open_at)
{
    struct xc_addr a = addr4("192.0.2.1", 4000);
    make(1, 10 * MS, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 0, "198.51.100.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    if (open_at)
        net_block(&net, &a, NULL);
    net_signal_all(&net);
}

static void open_all(struct net *n, int a, int b)
{
    (void)a, (void)b;
    n->blocked_count = 0;
}

static void test_nomination_grace(void **unused)
{
    (void)unused;
    struct xc_addr local, remote;
    make_two_pairs(1);
    net_run_until(&net, 68 * MS); /* valid at 20, grace 50: nominated by the check sent at 70 */
    assert_true(net.valid_at[0] == 20 * MS);
    assert_int_equal(xc_ice_state(&net.agent[0]), XC_ICE_CHECKING);
    net_run_until(&net, 90 * MS);
    net_assert_connected(&net);
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_int_equal(local.bytes[0], 198);
}

static void test_lower_pairs_are_left_alone(void **unused)
{
    (void)unused;
    struct sent sent;
    struct xc_addr good = addr4("192.0.2.8", 6000), dead = addr4("192.0.2.9", 6000);
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[0];
    net_add(&net, 0, "192.0.2.1", 4000);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &good, XC_CANDIDATE_HOST, 9);
    peer_candidate(ice, 0, &dead, XC_CANDIDATE_HOST, 1);
    uint32_t to_dead = 0;
    struct sent first;
    assert_true(peer_take(ice, 0, &first));
    for (uint64_t now = 0; now < 20 * SECOND; now = xc_ice_deadline(ice)) {
        while (peer_take(ice, now, &sent)) {
            if (xc_addr_equal(&sent.datagram.remote, &good))
                peer_answer(ice, now, &sent);
            else
                to_dead++;
        }
        if (now == 0)
            peer_answer(ice, now, &first);
    }
    assert_int_equal(to_dead, 1);
    assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
}

static void test_better_pair_later(void **unused)
{
    (void)unused;
    struct xc_addr local, remote;
    make_two_pairs(1);
    net_at(&net, 400 * MS, open_all, 0, 0);
    net_run_until(&net, 390 * MS);
    assert_int_equal(net.state[0], XC_ICE_CONNECTED);
    net_run_until(&net, 3 * SECOND);
    net_assert_connected(&net); /* both went over */
    assert_true(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_int_equal(local.bytes[0], 192);
    assert_string_equal(net.history[0], "Cc");
}

static void test_best_pair_is_nominated_at_once(void **unused)
{
    (void)unused;
    make_two_pairs(0);
    net_run_until(&net, SECOND);
    assert_true(net.connected_at[0] == 40 * MS && net.connected_at[1] == 30 * MS);
}

static void test_aggressive_nomination(void **unused)
{
    (void)unused;
    struct sent sent;
    struct xc_addr local, remote;
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[1];
    struct xc_addr base = addr4("192.0.2.2", 5000);
    struct xc_addr low = addr4("192.0.2.10", 1), high = addr4("192.0.2.20", 1);
    struct peer_request r = {.use_candidate = true, .role = 1, .priority = 9};
    net_add(&net, 1, "192.0.2.2", 5000);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &low, XC_CANDIDATE_HOST, 1);
    peer_candidate(ice, 0, &high, XC_CANDIDATE_HOST, 2);
    peer_ask(ice, 0, &base, &low, &r);
    peer_ask(ice, 0, &base, &high, &r);
    struct sent requests[2];
    int count = 0;
    while (peer_take(ice, 0, &sent))
        if (sent.message.class_ == XC_STUN_REQUEST)
            requests[count++ % 2] = sent;
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++) /* low first */
        if (xc_addr_equal(&requests[i].datagram.remote, &low))
            peer_answer(ice, MS, &requests[i]);
    assert_true(xc_ice_selected(ice, &local, &remote));
    assert_true(xc_addr_equal(&remote, &low));
    assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
    for (int i = 0; i < 2; i++)
        if (xc_addr_equal(&requests[i].datagram.remote, &high))
            peer_answer(ice, 2 * MS, &requests[i]);
    assert_true(xc_ice_selected(ice, &local, &remote));
    assert_true(xc_addr_equal(&remote, &high));
    peer_ask(ice, 3 * MS, &base, &low, &r); /* again the lower one: no flapping */
    assert_true(xc_ice_selected(ice, &local, &remote));
    assert_true(xc_addr_equal(&remote, &high));
}

static void test_lite_peer(void **unused)
{
    (void)unused;
    struct sent sent;
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[1]; /* configured as controlled */
    struct xc_addr remote = addr4("192.0.2.9", 3478);
    net_add(&net, 1, "192.0.2.2", 5000);
    peer_describe(ice, 0, true);
    peer_candidate(ice, 0, &remote, XC_CANDIDATE_HOST, 1);
    assert_true(peer_take(ice, 0, &sent));
    assert_true(sent.message.has_controlling && !sent.message.has_use_candidate);
    assert_true(sent.message.has_priority);
    assert_int_equal(sent.message.priority >> 24, 110); /* peer-reflexive */
    peer_answer(ice, MS, &sent);
    assert_true(peer_take(ice, MS, &sent));
    assert_true(sent.message.has_use_candidate);
    peer_answer(ice, 2 * MS, &sent);
    assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
    assert_false(peer_take(ice, 2 * MS, &sent));
    assert_true(xc_ice_deadline(ice) >= 4 * SECOND); /* consent */
}

static void test_hidden_peer_reaches_us(void **unused)
{
    (void)unused;
    make(1, 10 * MS, 0);
    net_add(&net, 0, "192.0.2.1", 4000);
    net_add(&net, 1, "192.0.2.2", 5000);
    net_describe(&net, 0, 0);
    net_end(&net, 0, 0);
    net_describe(&net, 1, 0);
    net_at(&net, 200 * MS, net_candidate, 1, -1);
    net_run_until(&net, SECOND);
    net_assert_connected(&net);
    assert_true(net.valid_at[0] <= 240 * MS);
}

static void test_new_checks_are_paced(void **unused)
{
    (void)unused;
    struct sent sent;
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[0];
    net_add(&net, 0, "192.0.2.1", 4000);
    peer_describe(ice, 0, false);
    for (uint16_t i = 0; i < 12; i++) {
        struct xc_addr remote = addr4("192.0.2.9", (uint16_t)(6000 + i));
        peer_candidate(ice, 0, &remote, XC_CANDIDATE_HOST, i);
    }
    bool seen[12] = {false};
    int at_zero = 0, fresh = 0;
    uint64_t last = 0;
    for (uint64_t now = 0; now < 600 * MS; now += MS) {
        while (peer_take(ice, now, &sent)) {
            int i = sent.datagram.remote.port - 6000;
            if (seen[i])
                continue;
            assert_int_equal(i, 11 - fresh); /* highest priority first */
            seen[i] = true;
            fresh++;
            if (now == 0)
                at_zero++;
            else
                assert_true(now - last >= 50 * MS);
            last = now;
        }
    }
    assert_int_equal(at_zero, 5);
    assert_int_equal(fresh, 12);
}

static void test_retransmission(void **unused)
{
    (void)unused;
    static const uint64_t expected_ms[] = {0,    100,  225,  381,  576,  820,  1125,  1507, 1983,
                                           2580, 3325, 4256, 5420, 6875, 8475, 10075, 11675};
    struct sent sent;
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[0];
    struct xc_addr remote = addr4("192.0.2.9", 6000);
    uint8_t ids[17][XC_STUN_TRANSACTION_SIZE];
    net_add(&net, 0, "192.0.2.1", 4000);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &remote, XC_CANDIDATE_HOST, 1);
    uint32_t count = 0;
    struct sent first;
    for (uint64_t now = 0; now < 14 * SECOND; now = xc_ice_deadline(ice)) {
        while (peer_take(ice, now, &sent)) {
            assert_true(count < XC_ARRAY_LEN(expected_ms));
            assert_true(now / MS >= expected_ms[count] && now / MS <= expected_ms[count] + 1);
            memcpy(ids[count], sent.message.transaction, sizeof ids[count]);
            for (uint32_t i = 0; i < count; i++)
                assert_memory_not_equal(ids[i], ids[count], sizeof ids[i]);
            if (count++ == 0)
                first = sent;
        }
    }
    assert_int_equal(count, XC_ARRAY_LEN(expected_ms));
    assert_int_equal(ice->pairs[0].state, XC_ICE_PAIR_FAILED);
    /* Even the answer to the very first one is good, 14 s later. */
    peer_answer(ice, 14 * SECOND, &first);
    assert_true(ice->pairs[0].valid);
    assert_true(ice->pairs[0].round_trip == 14 * SECOND);
}

static void test_pair_limit(void **unused)
{
    (void)unused;
    make(1, 0, 0);
    struct xc_ice *ice = &net.agent[0];
    for (uint16_t i = 0; i < XC_ICE_HOST_MAX; i++)
        net_add(&net, 0, "192.0.2.1", (uint16_t)(4000 + i));
    peer_describe(ice, 0, false);
    for (uint16_t i = 0; i < 30; i++) {
        struct xc_addr remote = addr4("192.0.2.9", (uint16_t)(6000 + i));
        peer_candidate(ice, 0, &remote, XC_CANDIDATE_HOST, (uint16_t)(100 + i));
    }
    assert_int_equal(ice->pair_slots, XC_ICE_PAIRS_MAX);
    /* 24 are kept, the others are counted; of 16 x 24 pairs the 100 best stay. */
    assert_int_equal(xc_ice_counters(ice)->candidates_ignored, 6);
    assert_int_equal(xc_ice_counters(ice)->dropped_pairs, 16 * 24 - 100);
    for (int i = 0; i < XC_ICE_PAIRS_MAX; i++) /* 6 of the best remotes fully, 4 of the next */
        assert_true(ice->remotes[ice->pairs[i].remote].addr.port >= 6023 - 6);
    /* Where the peer is heard there is room nevertheless. */
    struct xc_addr base = addr4("192.0.2.1", 4000), heard = addr4("192.0.2.50", 7);
    peer_ask(ice, 0, &base, &heard, &(struct peer_request){.priority = 1});
    assert_true(xc_ice_source_known(ice, &base, &heard));
}

static void test_close(void **unused)
{
    (void)unused;
    int state;
    struct xc_addr local, remote, base = addr4("192.0.2.1", 4000);
    make_simple(1, 5 * MS, 0);
    net_run_until(&net, SECOND);
    xc_ice_close(&net.agent[0]);
    xc_ice_close(&net.agent[0]);
    assert_true(xc_ice_take_state_change(&net.agent[0], &state));
    assert_int_equal(state, XC_ICE_CLOSED);
    assert_false(xc_ice_take_state_change(&net.agent[0], &state));
    assert_false(xc_ice_selected(&net.agent[0], &local, &remote));
    assert_true(xc_ice_deadline(&net.agent[0]) == XC_NEVER);
    assert_int_equal(xc_ice_add_local(&net.agent[0], &base, 1), -1);
    net_signal_all(&net);
    xc_ice_restart(&net.agent[0], &net.rng);
    xc_ice_set_controlling(&net.agent[0], false);
    uint64_t sent = net.sent[0];
    net_run_until(&net, 10 * SECOND);
    assert_true(net.sent[0] == sent);
    for (size_t i = 0; i < XC_ICE_PASSWORD_SIZE; i++)
        assert_int_equal(net.agent[0].current.password[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_local_candidates),
        cmocka_unit_test(test_loopback_connects_at_once),
        cmocka_unit_test(test_one_round_trip_to_valid),
        cmocka_unit_test(test_only_one_side_starts),
        cmocka_unit_test(test_early_checks_are_remembered),
        cmocka_unit_test(test_other_answers_of_a_forked_offer),
        cmocka_unit_test(test_candidates_before_description),
        cmocka_unit_test(test_candidate_without_ufrag_before_description),
        cmocka_unit_test(test_ipv6_and_link_local),
        cmocka_unit_test(test_one_working_pair_of_nine),
        cmocka_unit_test(test_nat),
        cmocka_unit_test(test_learned_candidate_becomes_signalled),
        cmocka_unit_test(test_role_conflict),
        cmocka_unit_test(test_role_conflict_by_hand),
        cmocka_unit_test(test_487_changes_the_role_at_once),
        cmocka_unit_test(test_nomination_grace),
        cmocka_unit_test(test_lower_pairs_are_left_alone),
        cmocka_unit_test(test_better_pair_later),
        cmocka_unit_test(test_best_pair_is_nominated_at_once),
        cmocka_unit_test(test_aggressive_nomination),
        cmocka_unit_test(test_lite_peer),
        cmocka_unit_test(test_hidden_peer_reaches_us),
        cmocka_unit_test(test_new_checks_are_paced),
        cmocka_unit_test(test_retransmission),
        cmocka_unit_test(test_pair_limit),
        cmocka_unit_test(test_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
