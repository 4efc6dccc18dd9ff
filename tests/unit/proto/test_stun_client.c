/* test_stun_client.c - the STUN client: its answer, retransmission and timeout, keep-alives, each
 * message lost, answers that are not to be believed.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/stun_client.h"
#include "support/turn_server.h"

#define MS XC_NS_PER_MS
#define S XC_NS_PER_S

static struct turn_server server;
static struct xc_stun_client client;
static const struct xc_addr local = {.family = XC_ADDR_IPV4, .port = 5000, .bytes = {10, 0, 0, 2}};
static const struct xc_addr outer = {
    .family = XC_ADDR_IPV4, .port = 6001, .bytes = {198, 51, 100, 9}};
static const struct xc_addr remote = {
    .family = XC_ADDR_IPV4, .port = 3478, .bytes = {192, 0, 2, 1}};
static uint8_t bytes[TURN_SERVER_DATAGRAM];

static void open_client(void)
{
    struct turn_server_config config = {
        .addr = remote, .relay = remote, .realm = "r", .username = "u", .password = "p"};
    struct xc_rng rng;
    xc_rng_init_number(&rng, 3);
    turn_server_init(&server, &config);
    xc_stun_client_init(&client, &local, &remote, &rng);
}

/* One request through the NAT that turns local into `outer`, and back; how many went out. */
static uint32_t turn_round(uint64_t now)
{
    struct xc_datagram out = {.data = bytes, .capacity = XC_MTU};
    uint32_t sent = 0;
    while (xc_stun_client_output(&client, now, &out)) {
        sent++;
        assert_true(sent < 3);
        assert_true(xc_addr_equal(&out.local, &local) && xc_addr_equal(&out.remote, &remote));
        turn_server_input(&server, now, &out.remote, &outer, xc_span_make(out.data, out.size));
    }
    assert_true(xc_stun_client_deadline(&client) > now);
    while (turn_server_output(&server, now, &out)) {
        assert_true(xc_addr_equal(&out.remote, &outer));
        xc_stun_client_input(&client, now, &local, &remote, xc_span_make(out.data, out.size));
    }
    return sent;
}

static void test_answer(void **state)
{
    (void)state;
    open_client();
    assert_int_equal(turn_round(1 * S), 0);
    assert_true(xc_stun_client_deadline(&client) == XC_NEVER);
    xc_stun_client_start(&client, 1 * S);
    assert_int_equal(client.state, XC_STUN_CLIENT_ASKING);
    assert_true(xc_stun_client_deadline(&client) == 1 * S);
    assert_int_equal(turn_round(1 * S), 1);
    assert_int_equal(client.state, XC_STUN_CLIENT_READY);
    assert_true(xc_addr_equal(&client.mapped, &outer));
    assert_int_equal(client.dropped, 0);
    for (uint64_t i = 1; i <= 240; i++) { /* an hour of keep-alives, the server silent meanwhile */
        server.silent = i > 100;
        assert_true(xc_stun_client_deadline(&client) == (1 + 15 * i) * S);
        assert_int_equal(turn_round((1 + 15 * i) * S - 1), 0);
        assert_int_equal(turn_round((1 + 15 * i) * S), 1);
    }
    assert_int_equal(client.state, XC_STUN_CLIENT_READY);
    xc_stun_client_start(&client, 9999 * S);
    assert_int_equal(client.state, XC_STUN_CLIENT_READY);
}

static void test_loss(void **state)
{
    (void)state;
    static const uint32_t at_ms[] = {0, 500, 1500, 3500};
    for (uint32_t lost = 0; lost <= XC_ARRAY_LEN(at_ms); lost++) {
        for (int down = 0; down < 2; down++) {
            open_client();
            *(down ? &server.drop_answers : &server.drop_next) = lost;
            xc_stun_client_start(&client, 0);
            for (uint32_t i = 0; i < XC_ARRAY_LEN(at_ms) && i <= lost; i++) {
                if (i)
                    assert_true(xc_stun_client_deadline(&client) == at_ms[i] * MS);
                assert_int_equal(turn_round(at_ms[i] * MS), 1);
                assert_int_equal(client.state,
                                 i < lost ? XC_STUN_CLIENT_ASKING : XC_STUN_CLIENT_READY);
            }
            if (lost < XC_ARRAY_LEN(at_ms))
                continue;
            assert_true(xc_stun_client_deadline(&client) == 5 * S);
            assert_int_equal(turn_round(5 * S - 1), 0);
            assert_int_equal(client.state, XC_STUN_CLIENT_ASKING);
            assert_int_equal(turn_round(5 * S), 0);
            assert_int_equal(client.state, XC_STUN_CLIENT_FAILED);
            assert_true(xc_stun_client_deadline(&client) == XC_NEVER);
        }
    }
}

/* What an answer to the request that is out may have wrong. */
enum { GOOD, TRANSACTION, ERROR, UNKNOWN, NO_ADDRESS, FAMILY, PORT, METHOD, CLASS, CASES };

static size_t write_answer(int what)
{
    uint8_t id[XC_STUN_TRANSACTION_SIZE];
    struct xc_addr addr = outer;
    struct xc_stun_writer w;
    memcpy(id, client.transaction, sizeof id);
    id[11] ^= what == TRANSACTION;
    if (what == FAMILY)
        addr.family = XC_ADDR_IPV6;
    if (what == PORT)
        addr.port = 0;
    xc_stun_begin(&w, bytes, sizeof bytes,
                  what == ERROR   ? XC_STUN_ERROR
                  : what == CLASS ? XC_STUN_REQUEST
                                  : XC_STUN_SUCCESS,
                  what == METHOD ? XC_STUN_ALLOCATE : XC_STUN_BINDING, id);
    if (what == ERROR)
        xc_stun_add_error(&w, 300, "");
    if (what == UNKNOWN)
        xc_stun_add(&w, 0x7abc, xc_span_make("x", 1));
    if (what != NO_ADDRESS)
        xc_stun_add_xor_mapped(&w, &addr);
    return xc_stun_finish(&w, xc_span_make(NULL, 0));
}

static bool hand_in(const struct xc_addr *to, const struct xc_addr *from, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    bool taken = xc_stun_client_input(&client, 1, to, from, xc_span_make(copy, size));
    free(copy);
    return taken;
}

static void test_not_believed(void **state)
{
    (void)state;
    struct xc_datagram out = {.data = bytes, .capacity = XC_MTU};
    for (int what = GOOD; what < CASES; what++) {
        open_client();
        size_t size = write_answer(what);
        hand_in(&local, &remote, size); /* to no request */
        assert_int_equal(client.state, XC_STUN_CLIENT_NEW);
        xc_stun_client_start(&client, 0);
        assert_true(xc_stun_client_output(&client, 0, &out));
        size = write_answer(what);
        assert_false(hand_in(&outer, &remote, size)); /* another socket, another server */
        assert_false(hand_in(&local, &outer, size));
        for (size_t cut = 0; cut < size; cut++)
            hand_in(&local, &remote, cut);
        for (size_t at = 0; at < size; at++) { /* FINGERPRINT sees every bit but of its own type */
            if (at == size - 8)
                continue;
            bytes[at] ^= 1;
            hand_in(&local, &remote, size);
            bytes[at] ^= 1;
        }
        assert_int_equal(client.state, XC_STUN_CLIENT_ASKING);
        bool others = what == METHOD || what == CLASS; /* a TURN server at the same address */
        assert_int_equal(hand_in(&local, &remote, size), !others);
        assert_int_equal(client.state, what == GOOD ? XC_STUN_CLIENT_READY : XC_STUN_CLIENT_ASKING);
    }
    open_client(); /* a later answer does not move what was found */
    xc_stun_client_start(&client, 0);
    assert_int_equal(turn_round(0), 1);
    assert_true(xc_stun_client_output(&client, 15 * S, &out));
    struct xc_addr before = client.mapped;
    size_t size = write_answer(GOOD);
    bytes[27] ^= 1; /* port */
    assert_true(hand_in(&local, &remote, size));
    assert_true(xc_addr_equal(&client.mapped, &before));
}

static void test_capacity(void **state)
{
    (void)state;
    open_client();
    xc_stun_client_start(&client, 0);
    struct xc_datagram out = {.data = bytes, .capacity = 27};
    assert_false(xc_stun_client_output(&client, 0, &out));
    out.capacity = 28;
    assert_true(xc_stun_client_output(&client, 500 * MS, &out));
    assert_int_equal(out.size, 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_not_believed),
        cmocka_unit_test(test_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
