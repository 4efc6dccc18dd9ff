/* test_turn_hostile.c - a TURN server, or somebody on the path to it, that lies: forged and malformed
 * answers, wild lifetimes, a bid-down, endless challenges, data of strangers.
 * SPDX-License-Identifier: MIT */
#include "turn_world.h"

/* Each forgery comes before each true answer, from the first to the last of an hour. */
static void test_forged_answers(void **state)
{
    (void)state;
    static const uint32_t forgeries[] = {
        TURN_FORGE_ERRORS,
        TURN_FORGE_SUCCESS,
        TURN_FORGE_GARBAGE,
        TURN_FORGE_TRANSACTION,
        TURN_FORGE_ERRORS | TURN_FORGE_SUCCESS | TURN_FORGE_GARBAGE,
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(forgeries); i++) {
        struct world *w = world_open();
        struct xc_addr peer = ip4(77, 7), relayed = ip4(1, 49152), mapped = ip4(10, 5000);
        w->server.forge = forgeries[i];
        world_ready(w);
        assert_true(xc_addr_equal(xc_turn_relayed(&w->turn[0]), &relayed));
        assert_true(xc_addr_equal(xc_turn_mapped(&w->turn[0]), &mapped));
        xc_turn_permit(&w->turn[0], w->now, &peer, true);
        world_run(w, 300 * MS);
        for (int minute = 0; minute < 60; minute++) {
            assert_true(world_say(w, 0, &peer, "x"));
            world_run(w, 60 * S);
        }
        const struct xc_turn_counters *c = xc_turn_counters(&w->turn[0]);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
        assert_int_equal(w->server.relayed_out, 60);
        assert_true(c->dropped_integrity + c->dropped_malformed + c->dropped_unknown > 20);
        assert_true(c->requests_sent < 150);
    }
}

/* Nothing but lies: it fails in time by NO_ANSWER, or by what stood unopposed. */
static void test_only_forged(void **state)
{
    (void)state;
    static const struct {
        uint32_t forge;
        int reason;
        uint16_t code;
    } cases[] = {
        {TURN_FORGE_SUCCESS, XC_TURN_NO_ANSWER, 0},
        {TURN_FORGE_GARBAGE, XC_TURN_NO_ANSWER, 0},
        {TURN_FORGE_ERRORS, XC_TURN_REFUSED, 437},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        struct world *w = world_open();
        w->server.forge = cases[i].forge | TURN_FORGE_NO_TRUTH;
        xc_turn_start(&w->turn[0], w->now);
        world_run(w, 5 * S);
        assert_failed(w, cases[i].reason, cases[i].code);
        assert_true(xc_turn_counters(&w->turn[0])->requests_sent < 20);
    }
}

static void test_no_address(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->server.forge = TURN_FORGE_NO_ADDRESS;
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 5 * S);
    assert_failed(w, XC_TURN_NO_ANSWER, 0);
    assert_true(xc_turn_counters(&w->turn[0])->dropped_malformed >= 1);
}

/* A server that takes everybody is not one that knows us. */
static void test_open_server(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->server.open = true;
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 5 * S);
    assert_failed(w, XC_TURN_NO_ANSWER, 0);
    assert_true(xc_turn_counters(&w->turn[0])->dropped_integrity >= 1);
}

static void test_algorithms(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->server.offer_algorithms = true; /* SHA-256 and MD5 */
    world_ready(w);
    w->server.nonce_life = 10 * S;
    world_run(w, 3600 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    assert_int_equal(w->server.bad_integrity, 0);

    w = world_open();
    w->server.offer_algorithms = true;
    w->server.algorithms[0] = w->server.algorithms[1] = 7; /* none that we know */
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 5 * S);
    assert_failed(w, XC_TURN_UNAUTHORIZED, 401);

    w = world_open(); /* the nonce promises them, somebody took them out */
    w->server.forge = TURN_FORGE_BAD_NONCE;
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 5 * S);
    assert_failed(w, XC_TURN_NO_ANSWER, 0);
    assert_true(xc_turn_counters(&w->turn[0])->dropped_integrity >= 1);
    assert_int_equal(w->server.challenges, w->server.requests[XC_STUN_ALLOCATE]);
}

/* Whatever a server can do: each combination, an hour with stale nonces, a new user name, and the end. */
static void test_features(void **state)
{
    (void)state;
    for (int features = 0; features < 8; features++) {
        struct world *w = world_open();
        struct xc_addr peer = ip4(77, 7);
        w->server.offer_algorithms = (features & 1) != 0;
        w->server.anonymity = (features & 2) != 0;
        if (features & 4) /* MD5 alone, but MESSAGE-INTEGRITY-SHA256 all the same */
            w->server.algorithms[0] = 0x7777;
        world_ready(w);
        xc_turn_permit(&w->turn[0], w->now, &peer, true);
        w->server.nonce_life = 100 * S;
        world_run(w, 3600 * S);
        assert_true(world_say(w, 0, &peer, "x"));
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
        assert_true(w->server.stale_nonces > 5);
        w->server.config.username = "1800000000:me";
        assert_true(xc_turn_set_credentials(&w->turn[0], world_text("1800000000:me"),
                                            world_text(w->server.config.password)));
        w->server.bad_integrity = 0;
        world_run(w, 1200 * S);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
        assert_int_equal(w->server.bad_integrity, 1);
        xc_turn_close(&w->turn[0], w->now);
        world_run(w, 1 * S);
        assert_int_equal(turn_server_allocations(&w->server, w->now), 0);
        uint32_t sha256 = w->server.by_sha256, sha1 = w->server.by_sha1;
        assert_true(features & 1 ? sha256 > 20 && !sha1 : sha1 > 20 && !sha256);
        assert_true(features & 2 ? w->server.userhashes > 20 && !w->server.usernames
                                 : w->server.usernames > 20 && !w->server.userhashes);
    }
}

/* An answer by MESSAGE-INTEGRITY where SHA-256 was agreed on is none, were it under the true key. */
static void test_weak_answers(void **state)
{
    (void)state;
    for (int only = 0; only < 2; only++) {
        struct world *w = world_open();
        w->server.offer_algorithms = true;
        w->server.forge = TURN_FORGE_WEAK | (only ? TURN_FORGE_NO_TRUTH : 0);
        if (!only) {
            world_ready(w);
            world_run(w, 3600 * S);
            assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
        } else {
            w->server.forge = 0; /* the challenge comes through */
            xc_turn_start(&w->turn[0], w->now);
            world_run(w, 30 * MS);
            w->server.forge = TURN_FORGE_WEAK | TURN_FORGE_NO_TRUTH;
            world_run(w, 5 * S);
            assert_failed(w, XC_TURN_NO_ANSWER, 0);
        }
        assert_true(xc_turn_counters(&w->turn[0])->dropped_integrity > 0);
    }
}

/* Somebody on the path would have us sign by MD5: from the first challenge on nothing comes of it, as the
 * server looks at the list that comes back; later it is not even tried. */
static void test_bid_down(void **state)
{
    (void)state;
    static const uint32_t forgeries[] = {TURN_FORGE_SHORT_LIST, TURN_FORGE_PLAIN};
    for (size_t i = 0; i < XC_ARRAY_LEN(forgeries); i++) {
        struct world *w = world_open();
        w->server.offer_algorithms = true;
        w->server.forge = forgeries[i];
        xc_turn_start(&w->turn[0], w->now);
        world_run(w, 6 * S);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_FAILED);
        assert_int_equal(w->server.by_sha256 + w->server.by_sha1, 0);

        w = world_open();
        w->server.offer_algorithms = true;
        world_ready(w);
        uint32_t authentic = w->server.by_sha256, bad = w->server.bad_integrity;
        assert_true(authentic > 0);
        w->server.forge = forgeries[i];
        turn_server_stale_nonce(&w->server);
        world_run(w, 500 * S); /* a refresh is due, and is refused with a forged nonce */
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
        assert_true(w->server.stale_nonces > 0);
        assert_int_equal(w->server.by_sha256, authentic);
        assert_int_equal(w->server.bad_integrity, bad); /* nothing by another key came */
        w->server.forge = 0;
        world_run(w, 60 * S);
        assert_true(w->server.by_sha256 > authentic);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    }
}

static void test_lifetimes(void **state)
{
    (void)state;
    static const uint32_t granted[] = {0, 1, 19, 20, 600, 3600, 3601, UINT32_MAX};
    for (size_t i = 0; i < XC_ARRAY_LEN(granted); i++) {
        struct world *w = world_open();
        w->server.grant_lifetime = true;
        w->server.granted_lifetime = granted[i];
        w->server.config.lifetime_s = 100000;
        world_ready(w);
        world_run(w, 3599 * S);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
        /* At most one in 15 s, at least one in three quarters of an hour. */
        assert_in_range(w->server.requests[XC_STUN_REFRESH], 1, 240);
    }
}

/* A truly short one is kept up. */
static void test_short_lifetime(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->server.config.lifetime_s = 30;
    world_ready(w);
    for (int i = 0; i < 600; i++) {
        world_run(w, 1 * S);
        assert_int_equal(turn_server_allocations(&w->server, w->now), 1);
    }
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
}

/* Every nonce is stale at once: four tries, then five seconds of rest; while allocating, the end. */
static void test_endless_challenges(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->server.nonce_life = 1;
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 5 * S);
    assert_failed(w, XC_TURN_UNAUTHORIZED, 438);
    assert_true(xc_turn_counters(&w->turn[0])->requests_sent <= 10);

    w = world_open();
    struct xc_addr peer = ip4(77, 7);
    world_ready(w);
    w->server.nonce_life = 1;
    xc_turn_permit(&w->turn[0], w->now, &peer, true);
    world_run(w, 599 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    assert_in_range(xc_turn_counters(&w->turn[0])->requests_sent, 100, 300);
    world_run(w, 2 * S);
    assert_failed(w, XC_TURN_LOST, 438);
}

static size_t data_indication(uint8_t *out, size_t capacity, const struct xc_addr *peer,
                              const char *text)
{
    static const uint8_t id[XC_STUN_TRANSACTION_SIZE] = {1};
    struct xc_stun_writer w;
    xc_stun_begin(&w, out, capacity, XC_STUN_INDICATION, XC_STUN_DATA, id);
    if (peer)
        xc_stun_add_xor_address(&w, XC_STUN_ATTR_XOR_PEER_ADDRESS, peer);
    if (text)
        xc_stun_add(&w, XC_STUN_ATTR_DATA, world_text(text));
    return xc_stun_finish(&w, world_text(""));
}

static void test_data(void **state)
{
    (void)state;
    struct world *w = world_open();
    const struct xc_turn_counters *c = xc_turn_counters(&w->turn[0]);
    struct xc_addr peer = ip4(77, 7), stranger = ip4(78, 7), bound = ip4(79, 7);
    uint8_t out[256], header[8] = {0};
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &peer, false);
    xc_turn_permit(&w->turn[0], w->now, &bound, true);
    world_run(w, 100 * MS);
    /* Of a stranger, without a peer, without data. */
    size_t size = data_indication(out, sizeof out, &stranger, "x");
    world_receive(w, 0, out, size);
    assert_int_equal(c->dropped_not_permitted, 1);
    size = data_indication(out, sizeof out, NULL, "x");
    world_receive(w, 0, out, size);
    assert_int_equal(c->dropped_malformed, 1);
    size = data_indication(out, sizeof out, &peer, NULL);
    world_receive(w, 0, out, size);
    assert_int_equal(c->dropped_unknown, 1);
    assert_int_equal(w->received, 0);
    /* Every truncation of a good one. */
    size = data_indication(out, sizeof out, &peer, "hello");
    for (size_t cut = 0; cut < size; cut++)
        world_receive(w, 0, out, cut);
    assert_int_equal(w->received, 0);
    world_receive(w, 0, out, size);
    assert_int_equal(w->received, 1);
    /* ChannelData: of a channel that is not ours, longer than it is, empty. */
    xc_channel_data_header(header, 0x4ffe, 4);
    world_receive(w, 0, header, 8);
    xc_channel_data_header(header, XC_CHANNEL_MIN, UINT16_MAX);
    world_receive(w, 0, header, 8);
    assert_int_equal(w->received, 1);
    xc_channel_data_header(header, XC_CHANNEL_MIN, 0);
    world_receive(w, 0, header, 4);
    assert_int_equal(w->received, 2);
    assert_true(xc_addr_equal(&w->from, &bound) && w->size == 0);
    /* Once the server does not answer any more, permissions end. */
    w->server.silent = true;
    world_run(w, 301 * S);
    world_receive(w, 0, out, size);
    world_receive(w, 0, header, 4);
    assert_int_equal(w->received, 2);
    /* Requests and indications of other kinds are not for a client. */
    uint32_t before = c->dropped_unknown;
    static const uint8_t id[XC_STUN_TRANSACTION_SIZE] = {1};
    for (uint8_t class_ = XC_STUN_REQUEST; class_ <= XC_STUN_INDICATION; class_++) {
        struct xc_stun_writer writer;
        xc_stun_begin(&writer, out, sizeof out, class_, XC_STUN_ALLOCATE, id);
        size = xc_stun_finish(&writer, world_text(""));
        world_receive(w, 0, out, size);
    }
    assert_int_equal(c->dropped_unknown, before + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_answers),     cmocka_unit_test(test_only_forged),
        cmocka_unit_test(test_no_address),         cmocka_unit_test(test_open_server),
        cmocka_unit_test(test_algorithms),         cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_features),           cmocka_unit_test(test_weak_answers),
        cmocka_unit_test(test_bid_down),           cmocka_unit_test(test_short_lifetime),
        cmocka_unit_test(test_endless_challenges), cmocka_unit_test(test_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
