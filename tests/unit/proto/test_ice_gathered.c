/* test_ice_gathered.c - candidates that servers made for us: types, priorities and related addresses,
 * which pairs they have, the places of each type, removal, and agents that use relayed ones only
 * (RFC 8445 sections 5.1.1.2, 5.1.2, 5.1.3, 6.1.2.4).
 * SPDX-License-Identifier: MIT */
#include "ice_net.h"

#include <string.h>

static struct net net;

static struct xc_ice_gathered gathered(uint8_t type, const char *addr, uint16_t port)
{
    return (struct xc_ice_gathered){.type = type,
                                    .addr = addr4(addr, port),
                                    .base = addr4("192.0.2.1", 4000),
                                    .related = addr4("192.0.2.1", 4000),
                                    .local_preference = 65535};
}

static void make(bool relay_only)
{
    net_init(&net, 1);
    for (int i = 0; i < 2; i++) {
        struct xc_ice_config config = {.controlling = i == 0, .relay_only = relay_only};
        xc_ice_init(&net.agent[i], &config, &net.rng);
    }
}

static struct xc_candidate remote(uint8_t type, const char *addr, uint16_t port)
{
    return (struct xc_candidate){.component = 1,
                                 .type = type,
                                 .udp = true,
                                 .priority = xc_candidate_priority(type, 65535, 1),
                                 .addr = addr4(addr, port)};
}

static void know_remote(struct xc_ice *ice)
{
    xc_ice_set_remote(ice, net.now, text_span("peerfrag"), text_span("peerpasswordpeerpassword"),
                      false);
}

static uint32_t pairs(const struct xc_ice *ice)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ice->pair_slots; i++)
        count += ice->pairs[i].state != XC_ICE_PAIR_FREE;
    return count;
}

static void test_what_is_signalled(void **state)
{
    (void)state;
    struct xc_candidate candidate;
    char text[XC_CANDIDATE_TEXT_MAX];
    make(false);
    struct xc_ice *ice = &net.agent[0];
    net_add(&net, 0, "192.0.2.1", 4000);
    struct xc_ice_gathered srflx = gathered(XC_CANDIDATE_SRFLX, "198.51.100.1", 61000);
    struct xc_ice_gathered relay = gathered(XC_CANDIDATE_RELAY, "203.0.113.9", 50000);
    relay.related = addr4("0.0.0.0", 0);
    assert_int_equal(xc_ice_add_gathered(ice, &srflx), 1);
    assert_int_equal(xc_ice_add_gathered(ice, &srflx), -1);
    assert_int_equal(xc_ice_add_gathered(ice, &relay), 2);
    srflx.addr = srflx.base; /* there is no NAT: the same as the host candidate */
    assert_int_equal(xc_ice_add_gathered(ice, &srflx), -1);

    xc_ice_local(ice, 1, &candidate);
    candidate.ufrag[0] = '\0';
    xc_candidate_format(&candidate, text, sizeof text);
    assert_string_equal(text, "candidate:2 1 udp 1694498815 198.51.100.1 61000 typ srflx raddr "
                              "192.0.2.1 rport 4000");
    xc_ice_local(ice, 2, &candidate);
    candidate.ufrag[0] = '\0';
    xc_candidate_format(&candidate, text, sizeof text);
    assert_string_equal(
        text, "candidate:3 1 udp 16777215 203.0.113.9 50000 typ relay raddr 0.0.0.0 rport 0");
}

/* The reflexive candidate's pairs are those of its base; the relayed one has its own. */
static void test_pairs(void **state)
{
    (void)state;
    make(false);
    struct xc_ice *ice = &net.agent[0];
    struct xc_candidate peer = remote(XC_CANDIDATE_HOST, "192.0.2.2", 4000);
    struct xc_ice_gathered srflx = gathered(XC_CANDIDATE_SRFLX, "198.51.100.1", 61000);
    struct xc_ice_gathered relay = gathered(XC_CANDIDATE_RELAY, "203.0.113.9", 50000);
    uint32_t changes = xc_ice_remote_changes(ice);
    net_add(&net, 0, "192.0.2.1", 4000);
    know_remote(ice);
    xc_ice_add_remote(ice, net.now, &peer);
    assert_int_equal(pairs(ice), 1);
    assert_int_not_equal(xc_ice_remote_changes(ice), changes);
    assert_true(xc_ice_add_gathered(ice, &srflx) > 0);
    assert_int_equal(pairs(ice), 1);
    assert_true(xc_ice_add_gathered(ice, &relay) > 0);
    assert_int_equal(pairs(ice), 2);
    peer.addr.port = 4001;
    xc_ice_add_remote(ice, net.now, &peer);
    assert_int_equal(pairs(ice), 4);

    xc_ice_remove_local(ice, net.now, &relay.addr);
    assert_int_equal(pairs(ice), 2);
    assert_int_equal(xc_ice_local_count(ice), 2);
    struct xc_addr base = addr4("192.0.2.1", 4000); /* and what it looked like from outside */
    xc_ice_remove_local(ice, net.now, &base);
    assert_int_equal(pairs(ice), 0);
    assert_int_equal(xc_ice_local_count(ice), 0);
}

static void test_places(void **state)
{
    (void)state;
    make(false);
    struct xc_ice *ice = &net.agent[0];
    for (uint16_t i = 0; i < XC_ICE_HOST_MAX; i++)
        net_add(&net, 0, "192.0.2.1", (uint16_t)(4000 + i));
    for (uint16_t i = 0; i < XC_ICE_SRFLX_MAX + 2; i++) {
        struct xc_ice_gathered srflx =
            gathered(XC_CANDIDATE_SRFLX, "198.51.100.1", (uint16_t)(1 + i));
        assert_int_equal(xc_ice_add_gathered(ice, &srflx) >= 0, i < XC_ICE_SRFLX_MAX);
    }
    for (uint16_t i = 0; i < XC_ICE_RELAY_MAX + 2; i++) {
        struct xc_ice_gathered relay =
            gathered(XC_CANDIDATE_RELAY, "203.0.113.9", (uint16_t)(1 + i));
        assert_int_equal(xc_ice_add_gathered(ice, &relay) >= 0, i < XC_ICE_RELAY_MAX);
    }
    assert_int_equal(xc_ice_local_count(ice), XC_ICE_LOCAL_MAX);
}

static void test_relay_only(void **state)
{
    (void)state;
    make(true);
    struct xc_ice *ice = &net.agent[0];
    struct xc_addr base = addr4("192.0.2.1", 4000), stranger = addr4("198.51.100.66", 9), at;
    struct xc_ice_gathered srflx = gathered(XC_CANDIDATE_SRFLX, "198.51.100.1", 61000);
    struct xc_ice_gathered relay = gathered(XC_CANDIDATE_RELAY, "203.0.113.9", 50000);
    assert_int_equal(xc_ice_add_local(ice, &base, 65535), -1);
    assert_int_equal(xc_ice_add_gathered(ice, &srflx), -1);
    assert_int_equal(xc_ice_add_gathered(ice, &relay), 0);
    know_remote(ice);
    for (uint8_t type = XC_CANDIDATE_HOST; type <= XC_CANDIDATE_RELAY; type++) {
        struct xc_candidate peer = remote(type, "203.0.113.10", (uint16_t)(50000 + type));
        xc_ice_add_remote(ice, net.now, &peer);
    }
    assert_int_equal(pairs(ice), 1);
    assert_int_equal(xc_ice_counters(ice)->candidates_ignored, 3);
    assert_true(xc_ice_remote(ice, 0, &at) && at.port == 50000 + XC_CANDIDATE_RELAY);
    assert_false(xc_ice_remote(ice, 1, &at));
    assert_false(xc_ice_remote(ice, XC_ICE_REMOTE_MAX, &at));

    uint8_t bytes[XC_MTU], id[XC_STUN_TRANSACTION_SIZE] = {1};
    char name[64];
    struct xc_stun_writer w;
    snprintf(name, sizeof name, "%s:peerfrag", xc_ice_ufrag(ice));
    xc_stun_begin(&w, bytes, sizeof bytes, XC_STUN_REQUEST, XC_STUN_BINDING, id);
    xc_stun_add_username(&w, text_span(name));
    xc_stun_add_priority(&w, 1862270975);
    xc_stun_add_controlled(&w, 1);
    size_t size = xc_stun_finish(&w, text_span(xc_ice_password(ice)));
    xc_ice_input(ice, net.now, &relay.addr, &stranger, xc_span_make(bytes, size));
    assert_int_equal(xc_ice_counters(ice)->requests_received, 1); /* it is authentic */
    assert_int_equal(ice->response_count, 0);
    assert_int_equal(pairs(ice), 1);
    at.port = 50000 + XC_CANDIDATE_RELAY;
    at = addr4("203.0.113.10", at.port);
    xc_ice_input(ice, net.now, &relay.addr, &at, xc_span_make(bytes, size));
    assert_int_equal(ice->response_count, 1);
}

/* A pair that failed is not the end while a server may yet give us an address. */
static void test_gathering(void **state)
{
    (void)state;
    for (int gathering = 0; gathering < 2; gathering++) {
        make(false);
        struct xc_ice *ice = &net.agent[0];
        struct xc_candidate peer = remote(XC_CANDIDATE_HOST, "192.0.2.2", 4000);
        uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
        struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
        net_add(&net, 0, "192.0.2.1", 4000);
        xc_ice_set_gathering(ice, gathering);
        know_remote(ice);
        xc_ice_add_remote(ice, net.now, &peer);
        xc_ice_end_of_candidates(ice, net.now);
        for (uint64_t end = net.now + 20 * SECOND; net.now < end; net.now += 10 * MS)
            while (xc_ice_output(ice, net.now, &out))
                ;
        assert_int_equal(xc_ice_state(ice), gathering ? XC_ICE_CHECKING : XC_ICE_FAILED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_signalled),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_relay_only),
        cmocka_unit_test(test_gathering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
