/* test_ice_security.c - what the ICE agent must not do: answer strangers, believe strangers, send
 * where nobody asked for it, grow without bound. Each test is one rule (RFC 8445 section 19,
 * RFC 8489 section 16, RFC 7675 section 9).
 * SPDX-License-Identifier: MIT */
#include "ice_net.h"
#include "ice_peer.h"

static struct net net;
static struct xc_ice *ice = &net.agent[0];
static struct xc_addr base, peer, stranger;

static void make(bool controlling)
{
    net_init(&net, 1);
    net_agent(&net, 0, controlling, false);
    net_add(&net, 0, "192.0.2.1", 4000);
    base = addr4("192.0.2.1", 4000);
    peer = addr4("192.0.2.2", 5000);
    stranger = addr4("203.0.113.66", 6666);
}

/* Connected to the hand-made peer, at 2 ms. */
static void make_connected(void)
{
    struct sent sent;
    make(true);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &peer, XC_CANDIDATE_HOST, 1);
    assert_true(peer_take(ice, 0, &sent));
    peer_answer(ice, MS, &sent);
    assert_true(peer_take(ice, MS, &sent));
    peer_answer(ice, 2 * MS, &sent);
    assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
    assert_false(peer_take(ice, 2 * MS, &sent));
}

/* Everything but the counters is as it was. */
static void assert_unchanged(struct xc_ice *before)
{
    before->counters = ice->counters;
    assert_memory_equal(before, ice, sizeof *ice);
}

static void test_unauthenticated_requests_meet_silence(void **unused)
{
    (void)unused;
    static struct xc_ice before;
    struct sent sent;
    char wrong_ours[64], no_colon[64], only_ours[64], wrong_theirs[64], longer[64];
    for (int connected = 0; connected < 2; connected++) {
        if (connected)
            make_connected();
        else
            make(true), peer_describe(ice, 0, false);
        const char *ufrag = xc_ice_ufrag(ice);
        snprintf(wrong_ours, sizeof wrong_ours, "AAAAAAAA:%s", PEER_UFRAG);
        snprintf(no_colon, sizeof no_colon, "%s%s", ufrag, PEER_UFRAG);
        snprintf(only_ours, sizeof only_ours, "%s:", ufrag);
        snprintf(wrong_theirs, sizeof wrong_theirs, "%s:nope", ufrag);
        snprintf(longer, sizeof longer, "%sx:%s", ufrag, PEER_UFRAG);
        struct peer_request bad[] = {
            {.priority = 1, .password = "", .id = 1},
            {.priority = 1, .password = "wrong-password-22-chars", .id = 2},
            {.priority = 1, .password = PEER_PASSWORD, .id = 3}, /* reflected */
            {.priority = 1, .username = "", .id = 4},
            {.priority = 1, .username = "", .password = "", .id = 5},
            {.priority = 1, .username = wrong_ours, .id = 6},
            {.priority = 1, .username = no_colon, .id = 7},
            {.priority = 1, .username = only_ours, .id = 8},
            {.priority = 1, .username = wrong_theirs, .id = 9},
            {.priority = 1, .username = longer, .id = 10},
            {.priority = 1, .username = ":", .id = 11},
            {.priority = 1, .password = "", .extra = 0x7777, .id = 12}, /* no 420 */
            {.priority = 1, .password = "", .role = 1, .id = 13},       /* no 487 */
            {.priority = 1, .password = "", .role = 2, .use_candidate = true, .id = 14},
        };
        for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++) {
            const struct xc_addr *from = i % 2 ? &peer : &stranger;
            before = *ice;
            peer_ask(ice, 3 * MS, &base, from, &bad[i]);
            assert_unchanged(&before);
            assert_false(peer_take(ice, 3 * MS, &sent));
        }
        const struct xc_ice_counters *c = xc_ice_counters(ice);
        assert_int_equal(c->dropped_integrity + c->dropped_unknown, XC_ARRAY_LEN(bad));
        assert_int_equal(c->dropped_integrity, 6);
        assert_int_equal(c->requests_received, 0);
        assert_false(xc_ice_source_known(ice, &base, &stranger));
    }
}

static void test_a_request_flipped_anywhere(void **unused)
{
    (void)unused;
    static struct xc_ice before;
    struct sent sent;
    uint8_t bytes[300];
    make(false);
    peer_describe(ice, 0, false);
    struct peer_request r = {.priority = 77, .role = 1, .tie_breaker = 3, .use_candidate = true};
    size_t size = peer_make_request(ice, &r, bytes, sizeof bytes);
    before = *ice;
    for (size_t bit = 0; bit < size * 8; bit++) {
        if (bit / 8 == size - 8 || bit / 8 == size - 7)
            continue; /* turns FINGERPRINT into something behind the integrity: ignored */
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        xc_ice_input(ice, 0, &base, &stranger, xc_span_make(bytes, size));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        xc_ice_input(ice, 0, &base, &stranger, xc_span_make(bytes, cut));
    assert_unchanged(&before);
    assert_false(peer_take(ice, 0, &sent));
    xc_ice_input(ice, 0, &base, &stranger, xc_span_make(bytes, size));
    assert_true(peer_take(ice, 0, &sent)); /* whole, it is good */
}

static void test_unknown_attribute_is_refused_with_integrity(void **unused)
{
    (void)unused;
    struct sent sent;
    make(false);
    peer_describe(ice, 0, false);
    peer_ask(ice, 0, &base, &peer, &(struct peer_request){.priority = 1, .extra = 0x7777});
    assert_true(peer_take(ice, 0, &sent));
    assert_int_equal(sent.message.error_code, 420);
    assert_true(xc_stun_check_integrity(&sent.message, text_span(xc_ice_password(ice))));
    assert_false(peer_take(ice, 0, &sent));
    assert_false(xc_ice_source_known(ice, &base, &peer));
}

/* A check of ours is under way to `peer`; what is not its answer changes nothing. */
static void test_responses_are_checked(void **unused)
{
    (void)unused;
    static struct xc_ice before;
    struct sent sent;
    uint8_t bytes[300];
    size_t size;
    make(true);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &peer, XC_CANDIDATE_HOST, 1);
    assert_true(peer_take(ice, 0, &sent));
    assert_false(peer_take(ice, 0, &sent));
    assert_true(peer_take(ice, 100 * MS, &sent));
    struct xc_addr other = addr4("192.0.2.1", 4001);
    const uint64_t now = 101 * MS;

    const char *passwords[] = {"", "wrong-password-22-chars", xc_ice_password(ice)};
    before = *ice;
    for (int error = 0; error <= 487; error += 487) {
        for (size_t i = 0; i < XC_ARRAY_LEN(passwords); i++) {
            size = peer_make_response(&sent.message, &base, passwords[i], (uint16_t)error, bytes,
                                      sizeof bytes);
            xc_ice_input(ice, now, &base, &peer, xc_span_make(bytes, size));
            assert_unchanged(&before);
        }
    }
    assert_int_equal(xc_ice_counters(ice)->dropped_integrity, 6);
    size = peer_make_response(&sent.message, &base, PEER_PASSWORD, 0, bytes, sizeof bytes);
    xc_ice_input(ice, now, &base, &stranger, xc_span_make(bytes, size)); /* from elsewhere */
    xc_ice_input(ice, now, &other, &peer, xc_span_make(bytes, size));    /* to elsewhere */
    assert_unchanged(&before);
    struct xc_stun foreign = sent.message;
    foreign.transaction[3] ^= 1;
    size = peer_make_response(&foreign, &base, PEER_PASSWORD, 0, bytes, sizeof bytes);
    xc_ice_input(ice, now, &base, &peer, xc_span_make(bytes, size));
    assert_unchanged(&before);
    assert_int_equal(xc_ice_counters(ice)->dropped_unknown, 3);
    assert_int_equal(xc_ice_counters(ice)->responses_received, 0);

    peer_answer(ice, now, &sent); /* the true one */
    assert_int_equal(xc_ice_counters(ice)->responses_received, 1);
    struct xc_addr l, r;
    assert_true(xc_ice_selected(ice, &l, &r));
    peer_answer(ice, now, &sent); /* and once only */
    assert_int_equal(xc_ice_counters(ice)->responses_received, 1);
    assert_int_equal(xc_ice_counters(ice)->dropped_unknown, 4);
}

static void test_own_requests_reflected(void **unused)
{
    (void)unused;
    struct sent sent;
    make(true);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &peer, XC_CANDIDATE_HOST, 1);
    assert_true(peer_take(ice, 0, &sent));
    xc_ice_input(ice, 0, &base, &peer, xc_span_make(sent.bytes, sent.datagram.size));
    assert_false(peer_take(ice, 0, &sent));
    assert_int_equal(xc_ice_counters(ice)->requests_received, 0);
}

/* C8: a source is no destination. Media goes only where a check of ours was answered from, however
 * high the priority that a check claims (pion/ice#21). */
static void test_no_media_before_a_response(void **unused)
{
    (void)unused;
    struct xc_addr local, remote;
    struct sent sent;
    make_connected();
    ice->controlling = false; /* the peer nominates */
    struct peer_request r = {.priority = 0xffffffff, .role = 1, .use_candidate = true};
    peer_ask(ice, 3 * MS, &base, &stranger, &r);
    assert_true(peer_take(ice, 3 * MS, &sent)); /* our answer */
    assert_int_equal(sent.message.class_, XC_STUN_SUCCESS);
    assert_true(peer_take(ice, 3 * MS, &sent)); /* our check */
    assert_int_equal(sent.message.class_, XC_STUN_REQUEST);
    assert_true(xc_addr_equal(&sent.datagram.remote, &stranger));
    assert_true(xc_ice_selected(ice, &local, &remote));
    assert_true(xc_addr_equal(&remote, &peer));
    assert_true(xc_ice_source_known(ice, &base, &stranger)); /* may be heard */
    for (uint64_t now = 3 * MS; now < 14 * SECOND; now += 10 * MS)
        while (peer_take(ice, now, &sent))
            if (xc_addr_equal(&sent.datagram.remote, &peer))
                peer_answer(ice, now, &sent);
    assert_true(xc_ice_selected(ice, &local, &remote));
    assert_true(xc_addr_equal(&remote, &peer));
}

/* C7: nothing of a stranger is handed on to DTLS. */
static void test_unknown_sources_are_unknown(void **unused)
{
    (void)unused;
    make(true);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &peer, XC_CANDIDATE_HOST, 1);
    assert_false(xc_ice_source_known(ice, &base, &peer)); /* signalled only */
    peer_ask(ice, 0, &base, &peer, &(struct peer_request){.priority = 1});
    assert_true(xc_ice_source_known(ice, &base, &peer));
    assert_false(xc_ice_source_known(ice, &base, &stranger));
    struct xc_addr other_port = peer, other_base = addr4("192.0.2.1", 4001);
    other_port.port++;
    assert_false(xc_ice_source_known(ice, &base, &other_port));
    assert_false(xc_ice_source_known(ice, &other_base, &peer));
    struct xc_addr l, r;
    assert_false(xc_ice_selected(ice, &l, &r));
}

static void test_bad_candidates_are_ignored(void **unused)
{
    (void)unused;
    struct sent sent;
    make(true);
    peer_describe(ice, 0, false);
    const char *bad[] = {"127.0.0.1",        "::1",
                         "0.0.0.0",          "::",
                         "224.0.0.1",        "ff02::1",
                         "255.255.255.255",  "0.1.2.3",
                         "::ffff:127.0.0.1", "::ffff:192.0.2.2"};
    uint32_t expected = 0;
    for (size_t i = 0; i < XC_ARRAY_LEN(bad); i++) {
        struct xc_addr addr = addr4(bad[i], 80);
        peer_candidate(ice, 0, &addr, XC_CANDIDATE_HOST, 1);
        expected++;
    }
    struct xc_candidate candidate = {.component = 1, .type = XC_CANDIDATE_HOST, .udp = true};
    candidate.addr = peer;
    candidate.addr.port = 0;
    xc_ice_add_remote(ice, 0, &candidate);
    candidate.addr.port = 9;
    candidate.udp = false;
    xc_ice_add_remote(ice, 0, &candidate);
    candidate.udp = true;
    candidate.component = 2;
    xc_ice_add_remote(ice, 0, &candidate);
    candidate.component = 1;
    candidate.type = 9;
    xc_ice_add_remote(ice, 0, &candidate);
    candidate.type = XC_CANDIDATE_HOST;
    candidate.addr.family = XC_ADDR_NONE;
    strcpy(candidate.host_name, "x.local");
    xc_ice_add_remote(ice, 0, &candidate);
    assert_int_equal(xc_ice_counters(ice)->candidates_ignored, expected + 5);
    assert_int_equal(ice->pair_slots, 0);
    assert_false(peer_take(ice, 0, &sent));
}

static void test_loopback_only_with_loopback(void **unused)
{
    (void)unused;
    struct sent sent;
    net_init(&net, 1);
    net_agent(&net, 0, true, true);
    net_add(&net, 0, "192.0.2.1", 4000);
    struct xc_addr loopback = addr4("127.0.0.1", 22);
    peer_describe(ice, 0, false);
    peer_candidate(ice, 0, &loopback, XC_CANDIDATE_HOST, 1);
    assert_false(peer_take(ice, 0, &sent));
}

static void test_candidate_flood_is_bounded(void **unused)
{
    (void)unused;
    struct sent sent;
    make(true);
    peer_describe(ice, 0, false);
    for (uint32_t i = 0; i < 10000; i++) {
        struct xc_addr addr = addr4("198.51.100.1", (uint16_t)(1 + i));
        peer_candidate(ice, 0, &addr, XC_CANDIDATE_HOST, (uint16_t)i);
    }
    assert_int_equal(ice->pair_slots, XC_ICE_REMOTE_MAX - XC_ICE_REFLEXIVE_RESERVED);
    /* ...and the peer still gets through by its own check. */
    peer_ask(ice, 0, &base, &peer, &(struct peer_request){.priority = 1});
    bool answered = false;
    while (peer_take(ice, 0, &sent)) {
        if (sent.message.class_ == XC_STUN_REQUEST && xc_addr_equal(&sent.datagram.remote, &peer)) {
            peer_answer(ice, MS, &sent);
            answered = true;
            break;
        }
    }
    assert_true(answered);
    assert_true(xc_ice_source_known(ice, &base, &peer));
}

/* A peer that knows our password and lies about its address: what it draws out of us is bounded. */
static void test_authenticated_flood_is_bounded(void **unused)
{
    (void)unused;
    struct sent sent;
    uint32_t requests = 0, answers = 0;
    make_connected();
    for (uint32_t i = 0; i < 5000; i++) { /* one a ms from ever new sources */
        uint64_t now = 10 * MS + i * MS;
        struct xc_addr victim = addr4("203.0.113.9", (uint16_t)(1000 + i));
        peer_ask(ice, now, &base, &victim, &(struct peer_request){.priority = 5});
        while (peer_take(ice, now, &sent)) {
            if (xc_addr_equal(&sent.datagram.remote, &peer)) {
                peer_answer(ice, now, &sent);
            } else if (sent.message.class_ == XC_STUN_REQUEST) {
                requests++;
            } else {
                answers++;
            }
        }
    }
    assert_int_equal(answers, 5000);
    assert_true(requests <= 5 * 100 + 10); /* EXTRA_INTERVAL */
    assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
    struct xc_addr local, remote;
    assert_true(xc_ice_selected(ice, &local, &remote));
    assert_true(xc_addr_equal(&remote, &peer));
    uint32_t learned = 0;
    for (int i = 0; i < XC_ICE_REMOTE_MAX; i++)
        learned += ice->remotes[i].type != 0;
    assert_true(learned <= XC_ICE_REMOTE_MAX);
}

static void test_response_ring_is_bounded(void **unused)
{
    (void)unused;
    struct sent sent;
    make(false);
    peer_describe(ice, 0, false);
    for (uint8_t i = 0; i < XC_ICE_RESPONSES_MAX + 5; i++)
        peer_ask(ice, 0, &base, &peer,
                 &(struct peer_request){.priority = 1, .id = (uint8_t)(i + 1)});
    assert_int_equal(xc_ice_counters(ice)->dropped_responses, 5);
    int responses = 0;
    while (peer_take(ice, 0, &sent))
        if (sent.message.class_ == XC_STUN_SUCCESS)
            assert_int_equal(sent.message.transaction[0], ++responses); /* oldest first */
    assert_int_equal(responses, XC_ICE_RESPONSES_MAX);
}

static void test_answer_goes_back_the_same_way(void **unused)
{
    (void)unused;
    struct sent sent;
    make(false);
    peer_describe(ice, 0, false);
    peer_ask(ice, 0, &base, &peer, &(struct peer_request){.priority = 1, .id = 9});
    assert_true(peer_take(ice, 0, &sent));
    assert_true(xc_addr_equal(&sent.datagram.local, &base));
    assert_true(xc_addr_equal(&sent.datagram.remote, &peer));
    assert_true(xc_addr_equal(&sent.message.mapped, &peer));
    assert_int_equal(sent.message.transaction[0], 9);
    assert_true(xc_stun_check_integrity(&sent.message, text_span(xc_ice_password(ice))));
    /* On a socket that is not ours nothing is answered. */
    struct xc_addr other = addr4("192.0.2.1", 4001);
    while (peer_take(ice, 0, &sent))
        continue;
    peer_ask(ice, 0, &other, &peer, &(struct peer_request){.priority = 1});
    assert_false(peer_take(ice, 0, &sent));
}

static void test_oversized_credentials_are_ignored(void **unused)
{
    (void)unused;
    static char huge[300];
    memset(huge, 'a', sizeof huge);
    make(true);
    xc_ice_set_remote(ice, 0, xc_span_make(huge, 257), text_span(PEER_PASSWORD), false);
    xc_ice_set_remote(ice, 0, text_span(PEER_UFRAG), xc_span_make(huge, 257), false);
    xc_ice_set_remote(ice, 0, text_span(""), text_span(PEER_PASSWORD), false);
    xc_ice_set_remote(ice, 0, text_span(PEER_UFRAG), text_span(""), false);
    assert_int_equal(xc_ice_state(ice), XC_ICE_NEW);
    struct sent sent;
    xc_ice_set_remote(ice, 0, xc_span_make(huge, 256), xc_span_make(huge, 256), false);
    assert_int_equal(xc_ice_state(ice), XC_ICE_CHECKING);
    peer_candidate(ice, 0, &peer, XC_CANDIDATE_HOST, 1);
    assert_true(peer_take(ice, 0, &sent)); /* the longest name there is fits */
    assert_int_equal(sent.message.username.size, 256 + 1 + XC_ICE_UFRAG_SIZE);
    assert_true(xc_stun_check_integrity(&sent.message, xc_span_make(huge, 256)));
}

static void test_error_on_consent_does_not_end_the_call(void **unused)
{
    (void)unused;
    struct sent sent;
    uint8_t bytes[300];
    make_connected();
    uint64_t now = xc_ice_deadline(ice);
    assert_true(peer_take(ice, now, &sent));
    size_t size = peer_make_response(&sent.message, &base, PEER_PASSWORD, 500, bytes, sizeof bytes);
    xc_ice_input(ice, now, &base, &peer, xc_span_make(bytes, size));
    assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
    now = xc_ice_deadline(ice); /* but it is no consent: asked again soon */
    assert_true(peer_take(ice, now, &sent));
    peer_answer(ice, now, &sent);
    assert_int_equal(xc_ice_state(ice), XC_ICE_CONNECTED);
}

static void test_requests_are_no_consent(void **unused)
{
    (void)unused; /* RFC 7675 section 5.1: only the answer to our own check is */
    struct sent sent;
    make_connected();
    for (uint64_t now = 3 * MS; now < 40 * SECOND; now += 500 * MS) {
        peer_ask(ice, now, &base, &peer, &(struct peer_request){.priority = 1});
        while (peer_take(ice, now, &sent))
            continue;
    }
    assert_int_equal(xc_ice_state(ice), XC_ICE_FAILED);
    peer_ask(ice, 41 * SECOND, &base, &peer, &(struct peer_request){.priority = 1});
    assert_false(peer_take(ice, 41 * SECOND, &sent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unauthenticated_requests_meet_silence),
        cmocka_unit_test(test_a_request_flipped_anywhere),
        cmocka_unit_test(test_unknown_attribute_is_refused_with_integrity),
        cmocka_unit_test(test_responses_are_checked),
        cmocka_unit_test(test_own_requests_reflected),
        cmocka_unit_test(test_no_media_before_a_response),
        cmocka_unit_test(test_unknown_sources_are_unknown),
        cmocka_unit_test(test_bad_candidates_are_ignored),
        cmocka_unit_test(test_loopback_only_with_loopback),
        cmocka_unit_test(test_candidate_flood_is_bounded),
        cmocka_unit_test(test_authenticated_flood_is_bounded),
        cmocka_unit_test(test_response_ring_is_bounded),
        cmocka_unit_test(test_answer_goes_back_the_same_way),
        cmocka_unit_test(test_oversized_credentials_are_ignored),
        cmocka_unit_test(test_error_on_consent_does_not_end_the_call),
        cmocka_unit_test(test_requests_are_no_consent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
