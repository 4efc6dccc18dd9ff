/* test_turn.c - the life of a TURN allocation: time to READY, every message lost once, each refusal,
 * each state with each call, refreshes over an hour, stale nonces, credentials that change, close.
 * SPDX-License-Identifier: MIT */
#include "turn_world.h"

static void test_ready(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct xc_addr relayed = ip4(1, 49152), mapped = ip4(10, 5000);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_NEW);
    assert_true(xc_turn_deadline(&w->turn[0]) == XC_NEVER);
    xc_turn_start(&w->turn[0], w->now);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_ALLOCATING);
    world_run(w, 79 * MS);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_ALLOCATING);
    world_run(w, 1 * MS); /* two round trips */
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    assert_true(xc_addr_equal(xc_turn_relayed(&w->turn[0]), &relayed));
    assert_true(xc_addr_equal(xc_turn_mapped(&w->turn[0]), &mapped));
    assert_int_equal(w->server.requests[XC_STUN_ALLOCATE], 2);
    assert_int_equal(w->server.challenges, 1);
    assert_int_equal(xc_turn_counters(&w->turn[0])->requests_sent, 2);
    assert_int_equal(xc_turn_counters(&w->turn[0])->responses_received, 2);
    assert_int_equal(xc_turn_failure(&w->turn[0], NULL), XC_TURN_NO_REASON);
}

static void test_init_refuses(void **state)
{
    (void)state;
    static uint8_t long_name[XC_TURN_USERNAME_MAX + 1];
    struct xc_turn turn;
    struct xc_rng rng;
    struct xc_turn_config config = {.server = ip4(1, 3478), .local = ip4(2, 5000)};
    xc_rng_init_number(&rng, 1);
    memset(long_name, 'x', sizeof long_name);
    struct xc_span good = world_text("x"), none = world_text("");
    struct {
        struct xc_span username, password;
        bool good;
    } cases[] = {
        {good, good, true},
        {none, good, false},
        {good, none, false},
        {xc_span_make(long_name, XC_TURN_USERNAME_MAX), good, true},
        {xc_span_make(long_name, XC_TURN_USERNAME_MAX + 1), good, false},
        {good, xc_span_make(long_name, XC_TURN_PASSWORD_MAX), true},
        {good, xc_span_make(long_name, XC_TURN_PASSWORD_MAX + 1), false},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        config.username = cases[i].username;
        config.password = cases[i].password;
        assert_int_equal(xc_turn_init(&turn, &config, &rng), cases[i].good);
    }
    config.username = none;
    assert_false(xc_turn_init(&turn, &config, &rng));
    xc_turn_start(&turn, 1); /* without credentials it does not start */
    assert_int_equal(xc_turn_state(&turn), XC_TURN_NEW);
}

/* The longest of all that it may have to say still fits. */
static void test_longest_request(void **state)
{
    (void)state;
    static char name[XC_TURN_USERNAME_MAX + 1], realm[XC_TURN_REALM_MAX + 1];
    struct world *w = world_open_as(true, true);
    memset(name, 'n', XC_TURN_USERNAME_MAX);
    memset(realm, 'r', XC_TURN_REALM_MAX);
    w->server.config.username = name;
    w->server.config.realm = realm;
    w->server.offer_algorithms = true;
    w->turns = 0;
    world_add(w, name, w->server.config.password);
    world_ready(w);
    struct xc_addr peer = ip6(99, 1);
    xc_turn_permit(&w->turn[0], w->now, &peer, true);
    world_run(w, 100 * MS);
    assert_true(world_say(w, 0, &peer, "x"));
    assert_int_equal(w->server.requests[XC_STUN_CHANNEL_BIND], 1);
}

static void test_loss_of_each(void **state)
{
    (void)state;
    uint64_t until = 0;
    for (uint32_t lost = 0; lost < 4; lost++) {
        struct world *w = world_open();
        struct xc_addr peer = ip4(77, 7);
        *(lost & 1 ? &w->lose_down : &w->lose_up) = lost / 2;
        xc_turn_start(&w->turn[0], w->now);
        xc_turn_permit(&w->turn[0], w->now, &peer, true);
        while (xc_turn_state(&w->turn[0]) == XC_TURN_ALLOCATING)
            world_run(w, 10 * MS);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
        until = w->now - WORLD_START;
        /* The first costs 500 ms; then the round trip is known, and 120 ms do. */
        assert_true(until >= (lost < 2 ? 580 : 190) * MS && until <= (lost < 2 ? 590 : 210) * MS);
        assert_int_equal(turn_server_allocations(&w->server, w->now), 1);
        assert_int_equal(w->server.errors[XC_STUN_ALLOCATE], lost == 1 ? 2 : 1);
        world_run(w, 100 * MS);
        assert_true(world_say(w, 0, &peer, "x"));
    }
    for (uint32_t lost = 0; lost < 2; lost++) { /* of a ChannelBind */
        struct world *w = world_open();
        struct xc_addr peer = ip4(77, 7);
        world_ready(w);
        *(lost ? &w->lose_down : &w->lose_up) = lost ? w->downs : w->ups;
        xc_turn_permit(&w->turn[0], w->now, &peer, true);
        world_run(w, 60 * MS);
        assert_false(world_say(w, 0, &peer, "x"));
        world_run(w, 150 * MS);
        assert_true(world_say(w, 0, &peer, "x"));
    }
}

/* RFC 8489 section 6.2.1: 0, 500, 1500, 3500 ms; and the end at 5 s. */
static void test_no_answer(void **state)
{
    (void)state;
    struct world *w = world_open();
    static const uint32_t at_ms[] = {0, 500, 1500, 3500};
    w->server.silent = true;
    xc_turn_start(&w->turn[0], w->now);
    for (size_t i = 0; i < XC_ARRAY_LEN(at_ms); i++) {
        world_run(w, WORLD_START + at_ms[i] * MS - w->now);
        assert_int_equal(xc_turn_counters(&w->turn[0])->requests_sent, i + 1);
    }
    world_run(w, 1499 * MS);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_ALLOCATING);
    world_run(w, 1 * MS);
    assert_failed(w, XC_TURN_NO_ANSWER, 0);
    assert_int_equal(xc_turn_counters(&w->turn[0])->requests_sent, 4);
    assert_true(xc_turn_deadline(&w->turn[0]) == XC_NEVER);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        int reason;
    } cases[] = {
        {300, XC_TURN_REFUSED},      {400, XC_TURN_REFUSED}, {403, XC_TURN_REFUSED},
        {441, XC_TURN_UNAUTHORIZED}, {442, XC_TURN_REFUSED}, {486, XC_TURN_REFUSED},
        {500, XC_TURN_REFUSED},      {508, XC_TURN_REFUSED},
    };
    for (size_t i = 0; i < XC_ARRAY_LEN(cases); i++) {
        struct world *w = world_open();
        turn_server_refuse(&w->server, XC_STUN_ALLOCATE, cases[i].code, 0);
        xc_turn_start(&w->turn[0], w->now);
        world_run(w, 80 * MS);
        assert_failed(w, cases[i].reason, cases[i].code);
        assert_int_equal(xc_turn_counters(&w->turn[0])->requests_sent, 2);
        world_run(w, 60 * S); /* a redirect is not followed, nothing is said again */
        assert_int_equal(xc_turn_counters(&w->turn[0])->requests_sent, 2);
    }
    struct world *w = world_open();
    w->server.quota = 1;
    world_add(w, "1700000000:me", "c2VjcmV0");
    world_run(w, 1);
    xc_turn_start(&w->turn[1], w->now);
    world_run(w, 200 * MS);
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 200 * MS);
    assert_int_equal(xc_turn_state(&w->turn[1]), XC_TURN_READY);
    assert_failed(w, XC_TURN_REFUSED, 486);
}

static void test_unauthorized(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->turns = 0;
    world_add(w, "1700000000:me", "wrong");
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 570 * MS); /* it stands for half a second, as nobody has signed it */
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_ALLOCATING);
    world_run(w, 10 * MS);
    assert_failed(w, XC_TURN_UNAUTHORIZED, 401);
    assert_true(w->server.bad_integrity >= 1 && w->server.bad_integrity <= 4);

    w = world_open(); /* no realm */
    w->server.config.realm = "";
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 600 * MS);
    assert_failed(w, XC_TURN_UNAUTHORIZED, 401);

    w = world_open(); /* new credentials come while the old ones are refused */
    w->turns = 0;
    world_add(w, "1600000000:me", "expired");
    assert_true(xc_turn_set_credentials(&w->turn[0], world_text("x"), world_text("y")));
    assert_true(
        xc_turn_set_credentials(&w->turn[0], world_text("1600000000:me"), world_text("expired")));
    xc_turn_start(&w->turn[0], w->now);
    assert_true(
        xc_turn_set_credentials(&w->turn[0], world_text("1700000000:me"), world_text("c2VjcmV0")));
    assert_false(xc_turn_set_credentials(&w->turn[0], world_text(""), world_text("y")));
    world_run(w, 200 * MS);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
}

/* A forgotten allocation on the same 5-tuple is given back, once. */
static void test_mismatch(void **state)
{
    (void)state;
    struct world *w = world_open();
    world_ready(w);
    w->turns = 0;
    world_add(w, "1700000000:me", "c2VjcmV0"); /* the same address again */
    world_ready(w);
    assert_int_equal(turn_server_allocations(&w->server, w->now), 1);
    assert_int_equal(w->server.requests[XC_STUN_REFRESH], 1);

    w = world_open();
    turn_server_refuse(&w->server, XC_STUN_ALLOCATE, 437, 0);
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 300 * MS);
    assert_failed(w, XC_TURN_REFUSED, 437);
    assert_int_equal(w->server.requests[XC_STUN_ALLOCATE], 3);
}

static void test_ipv6(void **state)
{
    (void)state;
    struct world *w = world_open_as(true, true);
    world_ready(w);
    assert_int_equal(xc_turn_relayed(&w->turn[0])->family, XC_ADDR_IPV6);
    struct xc_addr mapped = ip6(10, 5000);
    assert_true(xc_addr_equal(xc_turn_mapped(&w->turn[0]), &mapped));
    w = world_open_as(true, false); /* only IPv4 relays: 440, then without the wish */
    world_ready(w);
    assert_int_equal(xc_turn_relayed(&w->turn[0])->family, XC_ADDR_IPV4);
    assert_int_equal(w->server.requests[XC_STUN_ALLOCATE], 3);
}

static void test_an_hour(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct xc_addr bound = ip4(77, 7), plain = ip4(78, 8);
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &bound, true);
    xc_turn_permit(&w->turn[0], w->now, &plain, false);
    world_run(w, 100 * MS);
    for (int s = 0; s < 3600; s++) {
        assert_true(world_say(w, 0, &bound, "bound"));
        assert_true(world_say(w, 0, &plain, "plain"));
        world_run(w, 1 * S);
    }
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    assert_int_equal(w->server.dropped_no_permission, 0);
    assert_int_equal(w->server.relayed_out, 7200);
    assert_int_equal(w->server.channel_data_in, 3600);
    assert_int_equal(w->server.requests[XC_STUN_REFRESH], 8); /* each 450 s */
    assert_int_equal(w->server.requests[XC_STUN_CHANNEL_BIND], 15);
    assert_int_equal(w->server.requests[XC_STUN_CREATE_PERMISSION], 15);
}

static void test_stale_nonces(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct xc_addr peer = ip4(77, 7);
    w->server.nonce_life = 100 * S; /* nearly each request finds its nonce stale */
    world_ready(w);
    xc_turn_permit(&w->turn[0], w->now, &peer, true);
    for (int s = 0; s < 3600; s++) {
        world_run(w, 1 * S);
        assert_true(world_say(w, 0, &peer, "x"));
    }
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    assert_int_equal(w->server.dropped_no_permission, 0);
    assert_true(w->server.stale_nonces >= 15);
    assert_true(w->server.requests[XC_STUN_REFRESH] <= 16);

    w = world_open(); /* between the challenge and its answer */
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 50 * MS);
    turn_server_stale_nonce(&w->server);
    world_run(w, 70 * MS);
    assert_int_equal(w->server.stale_nonces, 1);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
}

static void test_refresh_refused(void **state)
{
    (void)state;
    struct world *w = world_open();
    world_ready(w);
    turn_server_forget(&w->server); /* it restarted: 437 */
    world_run(w, 449 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    world_run(w, 2 * S);
    assert_failed(w, XC_TURN_LOST, 437);

    w = world_open(); /* a server error for a minute costs nothing */
    world_ready(w);
    turn_server_refuse(&w->server, XC_STUN_REFRESH, 500, 12);
    world_run(w, 3600 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);

    w = world_open(); /* for ever: until the lifetime is over, and no storm */
    world_ready(w);
    turn_server_refuse(&w->server, XC_STUN_REFRESH, 486, 0);
    world_run(w, 599 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    world_run(w, 2 * S);
    assert_failed(w, XC_TURN_LOST, 486);
    assert_in_range(w->server.requests[XC_STUN_REFRESH], 25, 31);

    w = world_open(); /* the server is gone */
    world_ready(w);
    w->server.silent = true;
    world_run(w, 601 * S);
    assert_failed(w, XC_TURN_LOST, 0);
    assert_true(xc_turn_counters(&w->turn[0])->requests_sent < 200);
    assert_true(xc_turn_deadline(&w->turn[0]) == XC_NEVER);
}

static void test_new_credentials(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world *w = world_open();
        world_ready(w);
        w->server.config.username = "1700009999:me"; /* the old one expired */
        w->server.config.password = "bmV3";
        if (!late)
            assert_true(xc_turn_set_credentials(&w->turn[0], world_text("1700009999:me"),
                                                world_text("bmV3")));
        world_run(w, 500 * S);
        if (late) /* refused meanwhile; it goes on asking */
            assert_true(xc_turn_set_credentials(&w->turn[0], world_text("1700009999:me"),
                                                world_text("bmV3")));
        world_run(w, 3600 * S);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    }
    /* A server that holds to the username of the Allocate (RFC 8656 section 5): the old ones serve. */
    struct world *w = world_open();
    world_ready(w);
    assert_true(xc_turn_set_credentials(&w->turn[0], world_text("other"), world_text("other")));
    world_run(w, 3600 * S);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_READY);
    assert_int_equal(w->server.bad_integrity, 0);
}

static void test_close(void **state)
{
    (void)state;
    struct world *w = world_open();
    world_ready(w);
    assert_int_equal(turn_server_allocations(&w->server, w->now), 1);
    xc_turn_close(&w->turn[0], w->now);
    xc_turn_close(&w->turn[0], w->now);
    assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_CLOSED);
    world_run(w, 60 * S);
    assert_int_equal(turn_server_allocations(&w->server, w->now), 0);
    assert_int_equal(w->server.requests[XC_STUN_REFRESH], 1);
    assert_true(xc_turn_deadline(&w->turn[0]) == XC_NEVER);

    w = world_open(); /* while its Allocate is under way */
    xc_turn_start(&w->turn[0], w->now);
    world_run(w, 41 * MS);
    xc_turn_close(&w->turn[0], w->now);
    world_run(w, 60 * S);
    assert_int_equal(turn_server_allocations(&w->server, w->now), 0);
}

static bool wiped(const struct xc_turn *turn)
{
    static const struct xc_turn_challenge no_challenge;
    static const struct xc_turn_credentials no_credentials;
    return memcmp(&turn->credentials, &no_credentials, sizeof no_credentials) == 0 &&
           memcmp(&turn->said, &no_challenge, sizeof no_challenge) == 0 &&
           memcmp(&turn->before, &no_challenge, sizeof no_challenge) == 0;
}

/* Its last word, or the answer to it, is lost; its nonce is stale; forged answers come first. */
static void test_close_again(void **state)
{
    (void)state;
    for (int trouble = 0; trouble < 5; trouble++) {
        struct world *w = world_open();
        world_ready(w);
        uint32_t before = w->server.requests[XC_STUN_REFRESH];
        if (trouble < 2)
            w->server.drop_next = (uint32_t)trouble + 1;
        else if (trouble == 2)
            w->server.drop_answers = 2;
        else if (trouble == 3)
            turn_server_stale_nonce(&w->server);
        else
            w->server.forge = TURN_FORGE_ERRORS | TURN_FORGE_SUCCESS | TURN_FORGE_GARBAGE;
        xc_turn_close(&w->turn[0], w->now);
        assert_true(xc_turn_releasing(&w->turn[0]));
        assert_false(wiped(&w->turn[0]));
        world_run(w, 7 * S);
        assert_int_equal(turn_server_allocations(&w->server, w->now), 0);
        assert_false(xc_turn_releasing(&w->turn[0]));
        assert_true(wiped(&w->turn[0]));
        assert_true(xc_turn_deadline(&w->turn[0]) == XC_NEVER);
        assert_int_equal(xc_turn_state(&w->turn[0]), XC_TURN_CLOSED);
        assert_true(w->server.requests[XC_STUN_REFRESH] <= before + 3);
    }
}

/* Nobody answers any more: so often, so long, by RFC 8489 section 6.2.1, then it is over. */
static void test_close_in_vain(void **state)
{
    (void)state;
    for (int stale = 0; stale < 2; stale++) {
        struct world *w = world_open();
        world_ready(w);
        w->server.silent = !stale;
        if (stale) /* endlessly */
            turn_server_refuse(&w->server, XC_STUN_REFRESH, 438, 0);
        uint32_t sent = xc_turn_counters(&w->turn[0])->requests_sent;
        xc_turn_close(&w->turn[0], w->now);
        world_run(w, XC_TURN_RELEASE_TIMEOUT - 500 * MS);
        uint32_t times = xc_turn_counters(&w->turn[0])->requests_sent - sent;
        assert_true(times >= 5 && times <= 7);
        assert_true(stale || xc_turn_releasing(&w->turn[0]));
        world_run(w, 600 * MS);
        assert_false(xc_turn_releasing(&w->turn[0]));
        assert_true(wiped(&w->turn[0]));
        world_run(w, 60 * S);
        assert_int_equal(xc_turn_counters(&w->turn[0])->requests_sent, sent + times);
    }
}

static void test_states_and_calls(void **state)
{
    (void)state;
    for (int s = XC_TURN_NEW; s <= XC_TURN_CLOSED; s++) {
        for (int call = 0; call < 8; call++) {
            struct world *w = world_open();
            struct xc_turn *turn = &w->turn[0];
            struct xc_addr peer = ip4(77, 7), none = {0};
            if (s == XC_TURN_FAILED)
                turn_server_refuse(&w->server, XC_STUN_ALLOCATE, 508, 0);
            if (s != XC_TURN_NEW)
                xc_turn_start(turn, w->now);
            world_run(w, s == XC_TURN_ALLOCATING ? 10 * MS : 200 * MS);
            if (s == XC_TURN_CLOSED)
                xc_turn_close(turn, w->now);
            assert_int_equal(xc_turn_state(turn), s);
            uint32_t sent = xc_turn_counters(turn)->requests_sent;
            int wanted = s;
            switch (call) {
            case 0:
                xc_turn_start(turn, w->now);
                wanted = s == XC_TURN_NEW ? XC_TURN_ALLOCATING : s;
                break;
            case 1:
                xc_turn_close(turn, w->now);
                wanted = XC_TURN_CLOSED;
                break;
            case 2:
                xc_turn_permit(turn, w->now, &peer, true);
                break;
            case 3:
                xc_turn_permit(turn, w->now, &none, true);
                break;
            case 4:
                assert_false(world_say(w, 0, &peer, "x"));
                assert_false(world_say(w, 0, &none, "x"));
                assert_int_equal(xc_turn_counters(turn)->dropped_not_permitted, 2);
                break;
            case 5:
                world_receive(w, 0, (const uint8_t *)"\x40\x00\x00\x01x", 5);
                world_receive(w, 0, (const uint8_t *)"", 0);
                world_receive(w, 0, (const uint8_t *)"\x00", 1);
                assert_int_equal(w->received, 0);
                break;
            case 6:
                assert_true(xc_turn_set_credentials(turn, world_text("a"), world_text("b")));
                break;
            default:
                break;
            }
            world_drain(w);
            assert_int_equal(xc_turn_state(turn), wanted);
            if (s >= XC_TURN_FAILED)
                assert_true(xc_turn_counters(turn)->requests_sent <= sent + (s == XC_TURN_CLOSED));
            world_run(w, 20 * S);
            assert_true(xc_turn_deadline(turn) > w->now);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_init_refuses),
        cmocka_unit_test(test_longest_request),
        cmocka_unit_test(test_loss_of_each),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unauthorized),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_an_hour),
        cmocka_unit_test(test_stale_nonces),
        cmocka_unit_test(test_refresh_refused),
        cmocka_unit_test(test_new_credentials),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_close_again),
        cmocka_unit_test(test_close_in_vain),
        cmocka_unit_test(test_states_and_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
