/* test_calls.c - calls through the whole core in virtual time: edge by edge, by the numbers that ring.c has too,
 * what each side sees and does not see.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calls_world.h"
#include "session.h"

static struct world world;
static struct client *alice, *alice2, *bob, *bob2, *carol;
static char c1[37], c2[37], c3[37];

static int set_up(void **state)
{
    (void)state;
    world_start(&world, NULL);
    int64_t a = world_account(&world, "alice"), b = world_account(&world, "bob");
    int64_t c = world_account(&world, "carol");
    world_friends(&world, a, b);
    world_friends(&world, b, a);
    world_friends(&world, c, b);
    world_friends(&world, c, a);
    world_friends(&world, a, c);
    alice = world_client(&world, "alice");
    alice2 = world_client(&world, "alice");
    bob = world_client(&world, "bob");
    bob2 = world_client(&world, "bob");
    carol = world_client(&world, "carol");
    make_id(c1, 1);
    make_id(c2, 2);
    make_id(c3, 3);
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
    client_connect(&world, bob2, NULL);
    client_connect(&world, carol, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

static const char *ask(struct client *client, const char *type, const char *call, json_t *body)
{
    return answer_code(client_ask(&world, client, type, call, body));
}

static const char *end_of(json_t *answer)
{
    return json_string_value(json_object_get(answer_body(answer), "end"));
}

static void invite(const char *call)
{
    json_t *answer = client_ask(&world, alice, "call.invite", call, make_invite(alice, "bob", "a"));
    assert_string_equal(answer_code(answer), "ok");
    assert_string_equal(json_string_value(json_object_get(answer_body(answer), "st")), "ringing");
}

static json_t *accept_body(struct client *client)
{
    return json_pack("{s:o}", "body", make_body(client, "answer", NULL));
}

static void join(const char *call)
{
    invite(call);
    assert_string_equal(ask(bob, "call.accept", call, accept_body(bob)), "ok");
}

static void activate(const char *call)
{
    join(call);
    assert_string_equal(ask(alice, "call.media", call, json_pack("{s:s}", "state", "up")), "ok");
    assert_string_equal(ask(bob, "call.media", call, json_pack("{s:s}", "state", "up")), "ok");
}

static json_t *why(const char *text)
{
    return json_pack("{s:s}", "why", text);
}

/* --- 1, 2 ------------------------------------------------------------------------------------------- */

static void test_1_gate_denies(void **state)
{
    (void)state;
    world_account(&world, "dave");
    int64_t before = world.now;
    uint64_t id = client_send(&world, alice, "call.invite", c1, make_invite(alice, "dave", "a"));
    assert_null(client_answer(alice, id)); /* not at once */
    world_advance(&world, 149);
    assert_null(client_answer(alice, id));
    world_advance(&world, 52);
    assert_string_equal(answer_code(client_answer(alice, id)), "message_first");
    assert_true(world.now - before <= 201);
    struct call_row row;
    uint8_t call[CALL_ID_SIZE] = {0};
    call[3] = 1;
    assert_int_equal(store_call_get(world.store, call, &row), STORE_NONE);
    struct decision decisions[4];
    size_t count = 0;
    int64_t last = 0;
    assert_int_equal(store_decision_list(world.store, 0, decisions, 4, &count, &last), STORE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(world.pushes, 0);
}

static void test_2_rings_everywhere(void **state)
{
    (void)state;
    int64_t start = world.now;
    uint64_t id = client_send(&world, alice, "call.invite", c1, make_invite(alice, "bob", "v"));
    json_t *incoming = client_event(bob, "call.incoming", c1); /* at once */
    assert_non_null(incoming);
    assert_non_null(client_event(bob2, "call.incoming", c1));
    assert_null(client_answer(alice, id));
    assert_string_equal(json_string_value(json_object_get(answer_body(incoming), "from")), "alice");
    assert_int_equal(json_integer_value(json_object_get(incoming, "rev")), 1);
    assert_string_equal(ask(bob, "call.alerting", c1, NULL), "ok");
    world_advance(&world, 300);
    assert_string_equal(answer_code(client_answer(alice, id)), "ok");
    world_advance(&world, start + 999 - world.now);
    assert_string_equal(state_of(alice, c1), "");
    world_advance(&world, 1);
    assert_string_equal(state_of(alice, c1), "ringing reached");
}

/* --- 3 ---------------------------------------------------------------------------------------------- */

static void test_3_glare(void **state)
{
    (void)state;
    char first[37];
    invite(c1);
    json_t *answer = client_ask(&world, bob, "call.invite", c2, make_invite(bob, "alice", "a"));
    assert_string_equal(answer_code(answer), "ok");
    json_t *body = answer_body(answer);
    snprintf(first, sizeof first, "%s", json_string_value(json_object_get(body, "merged_into")));
    assert_string_equal(first, c1);
    assert_string_equal(json_string_value(json_object_get(body, "from")), "alice");
    assert_true(json_is_object(json_object_get(body, "body")));
    assert_string_equal(ask(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(state_of(alice, c1), "accepted");
    assert_string_equal(state_of(bob2, c1), "ended answered_elsewhere");
    assert_string_equal(ask(bob, "call.hangup", c1, NULL), "ok");
    assert_string_equal(state_of(alice, c1), "ended hangup");
}

/* 3a: bob does not let alice call him any more, and calls her: the ring that only she sees is taken. */
static void test_3a_glare_with_a_shadow(void **state)
{
    (void)state;
    invite(c1);
    assert_string_equal(
        ask(bob, "perm.set", NULL, json_pack("{s:b}", "has_av_calls_enabled", false)), "ok");
    assert_string_equal(state_of(bob, c1), "ended cancelled");
    json_t *answer = client_ask(&world, bob, "call.invite", c2, make_invite(bob, "alice", "a"));
    assert_string_equal(json_string_value(json_object_get(answer_body(answer), "merged_into")), c1);
    assert_string_equal(ask(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(state_of(alice, c1), "accepted");
}

static void test_3b_while_accepted(void **state)
{
    (void)state;
    activate(c1);
    json_t *answer = client_ask(&world, bob, "call.invite", c2, make_invite(bob, "alice", "a"));
    assert_string_equal(answer_code(answer), "already_in_call");
    assert_string_equal(json_string_value(json_object_get(answer_body(answer), "call")), c1);
    assert_string_equal(
        answer_code(client_ask(&world, bob2, "call.invite", c3, make_invite(bob2, "alice", "a"))),
        "already_in_call");
    /* Its media is lost: it begins anew. */
    assert_string_equal(ask(bob, "call.media", c1, json_pack("{s:s}", "state", "lost")), "ok");
    make_id(c2, 22);
    answer = client_ask(&world, bob, "call.invite", c2, make_invite(bob, "alice", "a"));
    assert_string_equal(answer_code(answer), "ok");
    assert_string_equal(state_of(alice, c1), "ended superseded");
    assert_non_null(client_event(alice, "call.incoming", c2));
}

/* --- 4 to 8 ----------------------------------------------------------------------------------------- */

static void test_4_busy(void **state)
{
    (void)state;
    activate(c1);
    json_t *answer = client_ask(&world, carol, "call.invite", c2, make_invite(carol, "bob", "a"));
    assert_string_equal(answer_code(answer), "ok");
    assert_string_equal(end_of(answer), "busy");
    assert_null(client_event(bob, "call.incoming", c2));
    assert_string_equal(ask(bob, "perm.set", NULL, json_pack("{s:b}", "hide_busy", true)), "ok");
    answer = client_ask(&world, carol, "call.invite", c3, make_invite(carol, "bob", "a"));
    assert_null(end_of(answer));
    assert_null(client_event(bob2, "call.incoming", c3));
    world_advance(&world, 59000);
    assert_string_equal(state_of(carol, c3), "ringing reached");
    world_advance(&world, 1100);
    assert_string_equal(state_of(carol, c3), "ended no_answer");
    assert_string_equal(state_of(bob, c3), "");
    /* The account that is in a call places none. */
    answer = client_ask(&world, alice, "call.invite", c2, make_invite(alice, "carol", "a"));
    assert_string_equal(answer_code(answer), "bad_call"); /* c2 is carol's */
    make_id(c2, 22);
    answer = client_ask(&world, alice, "call.invite", c2, make_invite(alice, "carol", "a"));
    assert_string_equal(answer_code(answer), "already_in_call");
}

static void test_5_6_declined(void **state)
{
    (void)state;
    invite(c1);
    assert_string_equal(ask(bob, "call.decline", c1, why("user")), "ok");
    assert_string_equal(state_of(alice, c1), "ended declined");
    assert_null(json_object_get(answer_body(client_event(alice, "call.state", c1)), "by_dev"));
    assert_string_equal(state_of(bob2, c1), "ended declined_elsewhere");
    assert_int_equal(json_integer_value(json_object_get(
                         answer_body(client_event(bob2, "call.state", c1)), "by_dev")),
                     bob->dev);
    invite(c2);
    assert_string_equal(ask(bob2, "call.decline", c2, why("busy")), "ok");
    assert_string_equal(state_of(alice, c2), "ended busy");
    assert_string_equal(ask(bob, "call.decline", c2, why("user")), "ended");
}

static void test_7_first_accept_wins(void **state)
{
    (void)state;
    client_connect(&world, alice2, NULL);
    invite(c1);
    json_t *answer = client_ask(&world, bob, "call.accept", c1, accept_body(bob));
    assert_string_equal(answer_code(answer), "ok");
    assert_string_equal(json_string_value(json_object_get(answer_body(answer), "st")), "accepted");
    answer = client_ask(&world, bob2, "call.accept", c1, accept_body(bob2));
    assert_string_equal(answer_code(answer), "lost_race");
    assert_string_equal(end_of(answer), "answered_elsewhere");
    json_t *told = client_event(alice, "call.state", c1);
    assert_true(json_is_object(json_object_get(answer_body(told), "body")));
    assert_null(json_object_get(answer_body(told), "by_dev"));
    /* Her other device sees that, and not the body. */
    assert_string_equal(state_of(alice2, c1), "accepted");
    assert_null(json_object_get(answer_body(client_event(alice2, "call.state", c1)), "body"));
    /* The same device again, with another id. */
    assert_string_equal(ask(bob, "call.accept", c1, accept_body(bob)), "ok");
}

static void test_8_cancel(void **state)
{
    (void)state;
    invite(c1);
    assert_string_equal(ask(alice, "call.cancel", c1, NULL), "ok");
    assert_string_equal(state_of(alice, c1), "ended cancelled");
    assert_string_equal(state_of(bob, c1), "ended cancelled");
    assert_string_equal(ask(bob, "call.accept", c1, accept_body(bob)), "ended");
    join(c2); /* the accept was first: it is a hang-up */
    assert_string_equal(ask(alice, "call.cancel", c2, NULL), "ok");
    assert_string_equal(state_of(bob, c2), "ended hangup");
    json_t *history = client_ask(&world, bob, "history.list", NULL, NULL);
    json_t *calls = json_object_get(answer_body(history), "calls");
    assert_int_equal(json_array_size(calls), 2);
    assert_true(json_is_true(json_object_get(json_array_get(calls, 1), "missed")));
}

/* --- 9 to 14 ---------------------------------------------------------------------------------------- */

static void test_9_10_timeouts(void **state)
{
    (void)state;
    int64_t start = world.now;
    invite(c1);
    assert_string_equal(ask(bob, "call.alerting", c1, NULL), "ok");
    world_advance(&world, start + 59999 - world.now);
    assert_string_equal(state_of(alice, c1), "ringing reached");
    world_advance(&world, 1);
    assert_string_equal(state_of(alice, c1), "ended no_answer");
    assert_string_equal(state_of(bob2, c1), "ended no_answer");
    start = world.now;
    invite(c2); /* nobody says that it rings */
    world_advance(&world, start + 19999 - world.now);
    assert_string_equal(state_of(alice, c2), "");
    world_advance(&world, 1);
    assert_string_equal(state_of(alice, c2), "ended no_answer");
    struct call_row row;
    uint8_t call[CALL_ID_SIZE];
    memset(call, 0, sizeof call);
    call[3] = call[15] = 2, call[6] = 0x40, call[8] = 0x80;
    assert_int_equal(store_call_get(world.store, call, &row), STORE_OK);
    assert_int_equal(row.reason, 6); /* unreachable, for the service itself */
}

static void test_11_comes_online(void **state)
{
    (void)state;
    client_drop(&world, bob);
    client_drop(&world, bob2);
    assert_string_equal(
        answer_code(client_ask(&world, alice, "call.invite", c1, make_invite(alice, "bob", "a"))),
        "ok");
    world_advance(&world, 5000);
    client_connect(&world, bob, NULL);
    json_t *incoming = client_event(bob, "call.incoming", c1);
    assert_non_null(incoming);
    json_int_t left = json_integer_value(json_object_get(answer_body(incoming), "ring_left_ms"));
    assert_true(left > 54000 && left < 55000);
    json_t *sync = client_event(bob, "sync", NULL);
    json_t *calls = json_object_get(answer_body(sync), "calls");
    assert_int_equal(json_array_size(calls), 1);
    assert_string_equal(ask(bob, "call.alerting", c1, NULL), "ok");
    world_advance(&world, 52500);
    client_connect(&world, bob2, c1); /* two and a half seconds are left */
    assert_null(client_event(bob2, "call.incoming", c1));
    assert_string_equal(state_of(bob2, c1), "ended cancelled");
}

/* The gate is asked again. */
static void test_11_not_any_more(void **state)
{
    (void)state;
    client_drop(&world, bob2);
    invite(c1);
    assert_int_equal(
        store_edge_set(world.store, EDGE_BLOCK, bob->user, alice->user, true, world.now), STORE_OK);
    client_connect(&world, bob2, NULL);
    assert_null(client_event(bob2, "call.incoming", c1));
    assert_int_equal(
        json_array_size(json_object_get(answer_body(client_event(bob2, "sync", NULL)), "calls")),
        0);
    assert_string_equal(state_of(bob, c1), "ended cancelled");
    assert_string_equal(state_of(alice, c1), "");
}

static void test_12_push(void **state)
{
    (void)state;
    assert_int_equal(store_device_set_push(world.store, bob->user, bob2->dev, "test", "wake me"),
                     STORE_OK);
    client_drop(&world, bob2);
    world_advance(&world, 1000);
    invite(c1);
    assert_int_equal(world.pushes, 1);
    assert_string_equal(world.last_push.token, "wake me");
    assert_int_equal(world.last_push.ring_left_ms, 60000);
    client_drop(&world, bob); /* it cannot be woken */
    assert_int_equal(world.pushes, 1);
    client_connect(&world, bob2, NULL);
    assert_non_null(client_event(bob2, "call.incoming", c1));
    client_drop(&world, bob2); /* no second push a call and device */
    assert_int_equal(world.pushes, 1);
    assert_string_equal(ask(alice, "call.cancel", c1, NULL), "ok");
    client_connect(&world, bob2, c1);
    assert_null(client_event(bob2, "call.incoming", c1));
    assert_string_equal(state_of(bob2, c1), "ended cancelled");
    client_connect(&world, carol, c1); /* nobody else's business, nor a call that never was */
    assert_string_equal(state_of(carol, c1), "ended cancelled");
    client_connect(&world, carol, c2);
    assert_string_equal(state_of(carol, c2), "ended cancelled");
    /* Refused: nobody is woken. */
    world_account(&world, "dave");
    struct client *dave = world_client(&world, "dave");
    client_connect(&world, dave, NULL);
    invite(c2); /* connected, and then asleep: woken once */
    client_drop(&world, bob2);
    assert_int_equal(world.pushes, 2);
    assert_string_equal(ask(dave, "call.invite", c3, make_invite(dave, "bob", "a")),
                        "message_first");
    assert_int_equal(world.pushes, 2);
}

static void test_13_14_again_and_late(void **state)
{
    (void)state;
    invite(c1);
    json_t *again = client_ask(&world, alice, "call.invite", c1, make_invite(alice, "bob", "a"));
    assert_string_equal(answer_code(again), "ok");
    assert_int_equal(client_count(bob, "call.incoming", c1), 1);
    assert_string_equal(ask(carol, "call.invite", c1, make_invite(carol, "bob", "a")), "bad_call");
    assert_string_equal(ask(bob, "call.hangup", c1, NULL), "ok");
    json_t *late = client_ask(&world, bob2, "call.accept", c1, accept_body(bob2));
    assert_string_equal(answer_code(late), "ended");
    assert_string_equal(end_of(late), "declined");
    late = client_ask(&world, alice, "call.hangup", c1, NULL);
    assert_string_equal(answer_code(late), "ended");
    again = client_ask(&world, alice, "call.invite", c1, make_invite(alice, "bob", "a"));
    assert_string_equal(end_of(again), "declined");
    /* Not theirs, whether it is there or not. */
    assert_string_equal(ask(carol, "call.hangup", c1, NULL), "not_yours");
    assert_string_equal(ask(carol, "call.hangup", c3, NULL), "not_yours");
    assert_string_equal(
        ask(carol, "sig", c1, json_pack("{s:i,s:s,s:s}", "n", 0, "kind", "e2e", "data", "x")),
        "not_yours");
}

/* --- 15, 16 ----------------------------------------------------------------------------------------- */

static void test_15_restart_mid_ring(void **state)
{
    (void)state;
    int64_t start = world.now;
    invite(c1);
    assert_string_equal(ask(bob, "call.alerting", c1, NULL), "ok");
    world_advance(&world, 5000);
    world_restart(&world);
    world_advance(&world, 3000);
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
    assert_non_null(client_event(bob, "call.incoming", c1));
    json_t *calls = json_object_get(answer_body(client_event(alice, "sync", NULL)), "calls");
    assert_int_equal(json_array_size(calls), 1);
    assert_true(json_is_true(json_object_get(json_array_get(calls, 0), "bound")));
    assert_string_equal(ask(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(state_of(alice, c1), "accepted");
    assert_string_equal(ask(alice, "call.hangup", c1, NULL), "ok");
    /* The deadline holds across a restart. */
    start = world.now;
    invite(c2);
    assert_string_equal(ask(bob, "call.alerting", c2, NULL), "ok");
    world_advance(&world, 50000);
    world_restart(&world);
    client_connect(&world, alice, NULL);
    world_advance(&world, start + 60000 - world.now);
    assert_string_equal(state_of(alice, c2), "ended no_answer");
    /* Nobody comes back. */
    client_connect(&world, bob, NULL);
    invite(c3);
    world_restart(&world);
    world_advance(&world, 15000);
    client_connect(&world, bob, c3);
    assert_string_equal(state_of(bob, c3), "ended cancelled");
}

static void test_16_restart_mid_call(void **state)
{
    (void)state;
    activate(c1);
    world_restart(&world);
    world_advance(&world, 10000);
    client_connect(&world, alice, NULL);
    json_t *calls = json_object_get(answer_body(client_event(alice, "sync", NULL)), "calls");
    json_t *call = json_array_get(calls, 0);
    assert_string_equal(json_string_value(json_object_get(call, "st")), "active");
    assert_true(json_is_object(json_object_get(call, "body")));
    world_advance(&world, 200000);
    assert_string_equal(state_of(alice, c1), "");
    assert_string_equal(ask(alice, "call.hangup", c1, NULL), "ok");
    client_connect(&world, bob, NULL);
    activate(c2);
    world_restart(&world);
    world_advance(&world, 60000);
    client_connect(&world, alice, c2);
    assert_string_equal(state_of(alice, c2), "ended signal_lost");
}

/* A batch that could not be committed: the calls are read again, and everybody is here. */
static void test_read_again(void **state)
{
    (void)state;
    int64_t start = world.now;
    invite(c1);
    assert_string_equal(ask(bob, "call.alerting", c1, NULL), "ok");
    service_begin(world.service, world.now);
    calls_destroy(world.service->calls);
    world.service->calls = calls_create(world.service);
    assert_non_null(world.service->calls);
    service_end(world.service);
    world_advance(&world, start + 50000 - world.now);
    assert_string_equal(state_of(alice, c1), "ringing reached");
    assert_string_equal(ask(bob2, "call.accept", c1, accept_body(bob2)), "ok");
    assert_string_equal(ask(alice, "call.media", c1, json_pack("{s:s}", "state", "up")), "ok");
    assert_string_equal(ask(bob2, "call.media", c1, json_pack("{s:s}", "state", "up")), "ok");
    service_begin(world.service, world.now);
    calls_destroy(world.service->calls);
    world.service->calls = calls_create(world.service);
    service_end(world.service);
    world_advance(&world, 100000);
    assert_string_equal(state_of(alice, c1), "active");
    assert_string_equal(ask(bob2, "call.hangup", c1, NULL), "ok");
    assert_string_equal(state_of(alice, c1), "ended hangup");
}

/* --- 17 to 21 --------------------------------------------------------------------------------------- */

static void test_17_blocked_while_ringing(void **state)
{
    (void)state;
    int64_t start = world.now;
    invite(c1);
    assert_string_equal(ask(bob, "call.alerting", c1, NULL), "ok");
    world_advance(&world, 3000);
    client_forget(alice);
    assert_string_equal(
        ask(bob, "block.set", NULL, json_pack("{s:s,s:b}", "who", "alice", "on", true)), "ok");
    assert_string_equal(state_of(bob, c1), "ended cancelled");
    assert_string_equal(state_of(bob2, c1), "ended cancelled");
    assert_string_equal(state_of(alice, c1), "");
    assert_string_equal(ask(bob2, "call.accept", c1, accept_body(bob2)), "ended");
    world_advance(&world, start + 60000 - world.now);
    assert_string_equal(state_of(alice, c1), "ended no_answer");
    json_t *event = client_event(alice, "call.state", c1);
    assert_int_equal(json_integer_value(json_object_get(event, "rev")), 5);
}

static void raw_end(struct client *client, const char *call, char *text, size_t size)
{
    for (size_t i = client->heard_count; i-- > 0;) {
        const char *found = strstr(client->raw[i], call);
        if (found && strstr(client->raw[i], "call.state")) {
            snprintf(text, size, "%s", client->raw[i]);
            /* The count of events and the id differ by themselves. */
            char *sq = strstr(text, "\"sq\":");
            if (sq)
                memset(sq + 5, '#', strspn(sq + 5, "0123456789"));
            char *id = strstr(text, call);
            memset(id, '#', 36);
            return;
        }
    }
    fail();
}

static void test_18_blocked_mid_call(void **state)
{
    (void)state;
    char hung_up[512], blocked[512];
    activate(c1);
    assert_string_equal(ask(bob, "call.hangup", c1, NULL), "ok");
    raw_end(alice, c1, hung_up, sizeof hung_up);
    activate(c2);
    assert_string_equal(
        ask(bob, "block.set", NULL, json_pack("{s:s,s:b}", "who", "alice", "on", true)), "ok");
    raw_end(alice, c2, blocked, sizeof blocked);
    assert_string_equal(hung_up, blocked);
    assert_string_equal(state_of(bob, c2), "ended hangup");
    assert_string_equal(ask(alice, "turn.get", c2, NULL), "ended");
}

static void test_19_20_narrowed_and_widened(void **state)
{
    (void)state;
    invite(c1);
    assert_string_equal(ask(bob, "perm.set", NULL,
                            json_pack("{s:b,s:b}", "accept_calls_from_following", false,
                                      "accept_calls_from_addressbook", false)),
                        "ok");
    assert_string_equal(state_of(bob2, c1), "ended cancelled");
    assert_string_equal(state_of(alice, c1), "");
    assert_string_equal(
        ask(bob, "perm.set", NULL, json_pack("{s:b}", "accept_calls_from_everyone", true)), "ok");
    client_drop(&world, bob2);
    client_connect(&world, bob2, NULL);
    assert_null(client_event(bob2, "call.incoming", c1));
    assert_string_equal(ask(alice, "call.cancel", c1, NULL), "ok");
    activate(c2); /* a setting governs new calls */
    assert_string_equal(
        ask(bob, "perm.set", NULL, json_pack("{s:b}", "has_av_calls_enabled", false)), "ok");
    assert_string_equal(state_of(alice, c2), "active");
}

static void test_21_kill_switch(void **state)
{
    (void)state;
    activate(c1);
    world_policy(&world, "kill", "on");
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
    client_connect(&world, carol, NULL);
    assert_string_equal(ask(carol, "call.invite", c2, make_invite(carol, "alice", "a")),
                        "calls_not_enabled_for_you");
    world_advance(&world, 1000);
    assert_string_equal(state_of(alice, c1), "");
    world_policy(&world, "kill_live", "on");
    client_connect(&world, alice, c1);
    world_advance(&world, 100);
    assert_string_equal(state_of(alice, c1), "ended hangup");
}

/* --- 22 to 27 --------------------------------------------------------------------------------------- */

static void test_22_caller_away(void **state)
{
    (void)state;
    invite(c1);
    assert_string_equal(ask(bob, "call.alerting", c1, NULL), "ok");
    client_drop(&world, alice);
    world_advance(&world, 14000);
    client_resume(&world, alice);
    world_advance(&world, 2000);
    assert_null(client_event(bob, "call.state", c1));
    client_drop(&world, alice);
    world_advance(&world, 15000);
    assert_string_equal(state_of(bob, c1), "ended cancelled");
}

static void test_23_lost_before_media(void **state)
{
    (void)state;
    int64_t start = world.now;
    join(c1);
    client_drop(&world, bob);
    world_advance(&world, start + 31000 - world.now);
    assert_string_equal(state_of(alice, c1), "ended failed_connect");
    assert_int_equal(client_count(bob2, "call.incoming", c1), 1); /* no return to ringing */
}

static void test_24_gone(void **state)
{
    (void)state;
    activate(c1);
    assert_string_equal(ask(bob2, "device.revoke", NULL, json_pack("{s:i}", "dev", (int)bob->dev)),
                        "ok");
    assert_string_equal(state_of(alice, c1), "ended hangup");
    world_advance(&world, 10);
    invite(c2);
    assert_string_equal(ask(alice, "account.sign_out", NULL, NULL), "ok");
    assert_string_equal(state_of(bob2, c2), "ended cancelled");
}

static void test_25_26_active(void **state)
{
    (void)state;
    join(c1);
    assert_string_equal(ask(alice, "call.media", c1, json_pack("{s:s}", "state", "up")), "ok");
    assert_string_equal(state_of(alice, c1), "accepted");
    assert_string_equal(ask(bob, "call.media", c1, json_pack("{s:s}", "state", "up")), "ok");
    assert_string_equal(state_of(alice, c1), "active");
    assert_string_equal(state_of(bob, c1), "active");
    assert_string_equal(ask(bob2, "call.hangup", c1, NULL), "ended");
    assert_string_equal(ask(bob, "call.hangup", c1, why("media_lost")), "ok");
    assert_string_equal(state_of(alice, c1), "ended media_lost");
    json_t *quality = json_pack("{s:i,s:i,s:i,s:b,s:s}", "setup_ms", 300, "first_media_ms", 400,
                                "loss_permille", 5, "relay", false, "end", "media_lost");
    assert_string_equal(ask(alice, "call.quality", c1, json_incref(quality)), "ok");
    assert_string_equal(ask(alice, "call.quality", c1, quality), "ok");
    assert_string_equal(ask(bob2, "call.quality", c1, NULL), "not_yours");
    char *text = service_metrics(world.service);
    assert_non_null(
        strstr(text, "xcalld_calls_connected_total{media=\"audio\",cohort=\"free\"} 1"));
    assert_non_null(strstr(text, "xcalld_calls_quality_total{media=\"audio\",cohort=\"free\"} 1"));
    assert_non_null(strstr(text, "xcalld_calls_direct_total{media=\"audio\",cohort=\"free\"} 1"));
    assert_non_null(strstr(text, "xcalld_calls_relayed_total{media=\"audio\",cohort=\"free\"} 0"));
    assert_non_null(
        strstr(text, "xcalld_call_setup_ms_bucket{path=\"direct\",cohort=\"free\",le=\"250\"} 0"));
    assert_non_null(
        strstr(text, "xcalld_call_setup_ms_bucket{path=\"direct\",cohort=\"free\",le=\"500\"} 1"));
    assert_non_null(strstr(text, "xcalld_call_setup_ms_sum{path=\"direct\",cohort=\"free\"} 300"));
    assert_non_null(strstr(text, "{version=\"1.2\",step=\"device_reported\"} 1"));
    assert_null(strstr(text, "step=\"device_vanished\"} 1"));
    assert_non_null(strstr(text, "xcalld_calls_live{media=\"audio\",state=\"active\"} 0"));
    free(text);
}

static void expect_vanished(unsigned back, unsigned never, unsigned version)
{
    char line[128], *text = service_metrics(world.service);
    snprintf(line, sizeof line,
             "devices_vanished_total{back=\"new\",media=\"audio\",cohort=\"free\"} %u\n", back);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof line,
             "devices_vanished_total{back=\"never\",media=\"audio\",cohort=\"free\"} %u\n", never);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof line, "{version=\"1.2\",step=\"device_vanished\"} %u\n", version);
    assert_non_null(strstr(text, line));
    free(text);
}

/* A device that is back with what it knew did not vanish; one that is back as a new program did, once a call; so did
 * one that is not back at the call's end. */
static void test_devices_vanish(void **state)
{
    (void)state;
    struct guard_figures figures;
    activate(c1);
    client_drop(&world, bob);
    client_resume(&world, bob);
    client_drop(&world, alice);
    client_resume(&world, alice);
    expect_vanished(0, 0, 0);
    client_drop(&world, bob);
    client_connect(&world, bob, NULL);
    expect_vanished(1, 0, 1);
    client_connect(&world, bob, NULL); /* in the place of its own connection */
    client_drop(&world, bob2);         /* which is not of the call */
    client_drop(&world, alice);
    expect_vanished(1, 0, 1);
    assert_string_equal(ask(bob, "call.hangup", c1, NULL), "ok");
    expect_vanished(1, 1, 2);
    client_connect(&world, alice, NULL);
    assert_int_equal(store_guard_figures(world.store, "calls.make", 0, &figures), STORE_OK);
    assert_int_equal(figures.vanished, 2);
    assert_int_equal(figures.cohorts[0].vanished, 2);
    assert_int_equal(figures.unreported, 2);
    /* A server that begins anew knows of nobody whether it was there. */
    world_advance(&world, 1000);
    activate(c2);
    world_restart(&world);
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
    assert_string_equal(ask(bob, "call.hangup", c2, NULL), "ok");
    expect_vanished(0, 0, 0);
}

static void test_27_unsupported(void **state)
{
    (void)state;
    invite(c1);
    assert_string_equal(ask(bob, "call.decline", c1, why("unsupported")), "ok");
    assert_string_equal(state_of(bob, c1), "ended unsupported");
    assert_string_equal(state_of(alice, c1), "");
    assert_string_equal(ask(bob2, "call.decline", c1, why("unsupported")), "ok");
    assert_string_equal(state_of(alice, c1), "ended no_answer");
}

#define EDGE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        EDGE(test_1_gate_denies),
        EDGE(test_2_rings_everywhere),
        EDGE(test_3_glare),
        EDGE(test_3a_glare_with_a_shadow),
        EDGE(test_3b_while_accepted),
        EDGE(test_4_busy),
        EDGE(test_5_6_declined),
        EDGE(test_7_first_accept_wins),
        EDGE(test_8_cancel),
        EDGE(test_9_10_timeouts),
        EDGE(test_11_comes_online),
        EDGE(test_11_not_any_more),
        EDGE(test_12_push),
        EDGE(test_13_14_again_and_late),
        EDGE(test_15_restart_mid_ring),
        EDGE(test_16_restart_mid_call),
        EDGE(test_read_again),
        EDGE(test_17_blocked_while_ringing),
        EDGE(test_18_blocked_mid_call),
        EDGE(test_19_20_narrowed_and_widened),
        EDGE(test_21_kill_switch),
        EDGE(test_22_caller_away),
        EDGE(test_23_lost_before_media),
        EDGE(test_24_gone),
        EDGE(test_25_26_active),
        EDGE(test_27_unsupported),
        EDGE(test_devices_vanish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
