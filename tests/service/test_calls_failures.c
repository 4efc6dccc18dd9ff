/* test_calls_failures.c - calls whose step the store does not take: that step alone is undone, in memory too, and
 * what waits for its time is tried again; who hides that it is busy and declines so looks, to the byte and to
 * the millisecond, like one that does not answer. Virtual time.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calls.h"
#include "calls_world.h"
#include "core.h"
#include "store_private.h"

static struct world world;
static struct client *alice, *bob, *carl, *dora;
static char c1[37], c2[37];

static int set_up(void **state)
{
    (void)state;
    world_start(&world, NULL);
    int64_t a = world_account(&world, "alice"), b = world_account(&world, "bob");
    int64_t c = world_account(&world, "carl"), d = world_account(&world, "dora");
    world_friends(&world, a, b);
    world_friends(&world, c, d);
    alice = world_client(&world, "alice");
    bob = world_client(&world, "bob");
    carl = world_client(&world, "carl");
    dora = world_client(&world, "dora");
    make_id(c1, 1);
    make_id(c2, 2);
    struct client *all[] = {alice, bob, carl, dora};
    for (int i = 0; i < 4; i++)
        client_connect(&world, all[i], NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

static const char *code(struct client *client, const char *type, const char *call, json_t *body)
{
    return answer_code(client_ask(&world, client, type, call, body));
}

static json_t *accept_body(struct client *client)
{
    return json_pack("{s:o}", "body", make_body(client, "answer", NULL));
}

static void sql(const char *format, int64_t user)
{
    char text[300];
    snprintf(text, sizeof text, format, (long long)user);
    assert_int_equal(sqlite3_exec(world.store->db, text, NULL, NULL, NULL), SQLITE_OK);
}

#define POISON "BEGIN SELECT abs(-9223372036854775807 - 1); END"

static void both_ring(void)
{
    assert_string_equal(code(alice, "call.invite", c1, make_invite(alice, "bob", "a")), "ok");
    assert_string_equal(code(carl, "call.invite", c2, make_invite(carl, "dora", "a")), "ok");
    assert_string_equal(code(bob, "call.alerting", c1, NULL), "ok");
    assert_string_equal(code(dora, "call.alerting", c2, NULL), "ok");
    world_advance(&world, 1500);
}

/* An accept that fails leaves it ringing, for everybody; others' accepts in the same batch hold. */
static void accept_fails(void **state)
{
    (void)state;
    both_ring();
    sql("CREATE TEMP TRIGGER poison AFTER INSERT ON main.user_call WHEN new.user_id=%lld " POISON,
        bob->user);
    client_forget(alice);
    client_forget(carl);
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "internal");
    assert_string_equal(code(dora, "call.accept", c2, accept_body(dora)), "ok");
    assert_string_equal(state_of(alice, c1), "");
    assert_string_equal(state_of(carl, c2), "accepted");
    assert_int_equal(world.service->calls->figures.live[0][CALL_RINGING], 1);
    assert_int_equal(world.service->calls->figures.live[0][CALL_ACCEPTED], 1);
    uint8_t id[CALL_ID_SIZE];
    assert_true(call_id_parse(c1, id));
    const struct live_call *call = live_find(world.service->calls, id);
    assert_true(call && !call->dead && call->ring.row.state == CALL_RINGING);
    assert_int_equal(call->ring.row.callee_dev, 0);
    sql("DROP TRIGGER poison", 0);
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(state_of(alice, c1), "accepted");
}

/* An invite that fails leaves no call behind; the same id is good for the next. */
static void invite_fails(void **state)
{
    (void)state;
    sql("CREATE TEMP TRIGGER poison AFTER INSERT ON main.called WHEN new.src=%lld " POISON,
        alice->user);
    assert_string_equal(code(alice, "call.invite", c1, make_invite(alice, "bob", "a")), "internal");
    assert_null(client_event(bob, "call.incoming", c1));
    assert_int_equal(world.service->calls->count, 0);
    assert_int_equal(world.service->calls->figures.live[0][CALL_RINGING], 0);
    sql("DROP TRIGGER poison", 0);
    assert_string_equal(code(alice, "call.invite", c1, make_invite(alice, "bob", "a")), "ok");
    assert_non_null(client_event(bob, "call.incoming", c1));
    assert_int_equal(world.service->calls->count, 1);
}

/* An end that fails: the call is alive again, found by id and by both users, and its timers run. */
static void end_fails(void **state)
{
    (void)state;
    both_ring();
    sql("CREATE TEMP TRIGGER poison AFTER UPDATE ON main.call WHEN new.caller=%lld"
        " AND new.state=9 " POISON,
        alice->user);
    client_forget(alice);
    client_forget(bob);
    assert_string_equal(code(alice, "call.cancel", c1, NULL), "internal");
    assert_string_equal(code(bob, "call.decline", c1, NULL), "internal");
    assert_string_equal(state_of(alice, c1), "");
    assert_string_equal(state_of(bob, c1), "");
    assert_int_equal(world.service->calls->count, 2);
    /* Its time comes: the other's ends all the same, and nothing spins. */
    world_advance(&world, 70000);
    assert_string_equal(state_of(carl, c2), "ended no_answer");
    assert_string_equal(state_of(alice, c1), "");
    assert_int_equal(world.service->calls->count, 1);
    assert_true(service_deadline(world.service) > world.now);
    assert_true(service_ready(world.service));
    sql("DROP TRIGGER poison", 0);
    world_advance(&world, 2000);
    assert_string_equal(state_of(alice, c1), "ended no_answer");
    assert_string_equal(state_of(bob, c1), "ended no_answer");
    assert_int_equal(world.service->calls->count, 0);
}

/* A caller whose socket goes in a step that fails is gone all the same: its ring ends in its time. */
static void gone_in_a_failure(void **state)
{
    (void)state;
    both_ring();
    sql("CREATE TEMP TRIGGER poison AFTER UPDATE ON main.device WHEN new.user_id=%lld " POISON,
        alice->user);
    client_forget(bob);
    client_drop(&world, alice);
    sql("DROP TRIGGER poison", 0);
    world_advance(&world, 16000);
    assert_string_equal(state_of(bob, c1), "ended cancelled");
    assert_string_equal(state_of(dora, c2), "");
}

/* A phone whose socket goes while it rings is woken, though that it went could not be written. */
static void woken_in_a_failure(void **state)
{
    (void)state;
    assert_int_equal(store_device_set_push(world.store, bob->user, bob->dev, "fcm", "bobs"),
                     STORE_OK);
    both_ring();
    sql("CREATE TEMP TRIGGER poison AFTER UPDATE ON main.device WHEN new.user_id=%lld " POISON,
        bob->user);
    assert_int_equal(world.pushes, 0);
    client_drop(&world, bob);
    assert_int_equal(world.service->core->counters.failed_steps, 1);
    assert_int_equal(world.pushes, 1);
    assert_string_equal(world.last_push.token, "bobs");
    sql("DROP TRIGGER poison", 0);
    client_connect(&world, bob, c1);
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    client_drop(&world, dora); /* it has no push */
    assert_int_equal(world.pushes, 1);
}

static void hello_that_fails(struct client *client)
{
    static const uint8_t address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    char text[400];
    uint64_t before = client->connection;
    client_forget(client);
    client->connection = ++world.connections;
    client->closed = 0;
    snprintf(text, sizeof text,
             "{\"t\":\"hello\",\"id\":\"h\",\"b\":{\"token\":\"%s\",\"key\":\"%s\"}}",
             client->token, client->key);
    service_begin(world.service, world.now);
    service_opened(world.service, client->connection, address);
    service_frame(world.service, client->connection, text, strlen(text));
    service_end(world.service);
    assert_string_equal(answer_code(client->heard[0]), "internal");
    assert_int_equal(client->closed, 1012);
    client_drop(&world, client);
    client->connection = before; /* which it has displaced */
    client_drop(&world, client);
}

/* Alice's hello runs into the end of a call to her, which the store does not take. She is not here any more, so
 * the call that she has placed ends in its time. */
static void displaced_in_a_failure(void **state)
{
    (void)state;
    world_friends(&world, carl->user, alice->user);
    assert_string_equal(code(carl, "call.invite", c2, make_invite(carl, "alice", "a")), "ok");
    assert_string_equal(code(alice, "call.alerting", c2, NULL), "ok");
    world_advance(&world, 50000);
    assert_string_equal(code(alice, "call.invite", c1, make_invite(alice, "bob", "a")), "ok");
    assert_string_equal(code(bob, "call.alerting", c1, NULL), "ok");
    world_advance(&world, 2000);
    sql("CREATE TEMP TRIGGER poison AFTER UPDATE ON main.call WHEN new.caller=%lld"
        " AND new.state=9 " POISON,
        carl->user);
    world.now += 20000; /* and nobody has looked at the time since */
    client_forget(bob);
    hello_that_fails(alice);
    assert_string_equal(state_of(bob, c1), "");
    world_advance(&world, 16000);
    assert_string_equal(state_of(bob, c1), "ended cancelled");
    sql("DROP TRIGGER poison", 0);
    world_advance(&world, 2000);
    assert_string_equal(state_of(carl, c2), "ended no_answer");
}

/* The whole store for a while: calls are read again, and go on. */
static void store_away(void **state)
{
    (void)state;
    both_ring();
    sql("PRAGMA query_only=ON", 0);
    client_forget(alice);
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "try_later");
    assert_false(service_ready(world.service));
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "try_later");
    assert_string_equal(state_of(alice, c1), "");
    sql("PRAGMA query_only=OFF", 0);
    world_advance(&world, 1500);
    assert_true(service_ready(world.service));
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(state_of(alice, c1), "accepted");
    assert_string_equal(code(dora, "call.accept", c2, accept_body(dora)), "ok");
}

/* The store can be written again, the calls cannot be read yet: what comes meanwhile is told to come later. */
static void calls_cannot_be_read(void **state)
{
    (void)state;
    both_ring();
    sql("PRAGMA query_only=ON", 0);
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "try_later");
    sql("PRAGMA query_only=OFF", 0);
    sql("ALTER TABLE call RENAME TO call_away", 0);
    for (int i = 0; i < 3; i++) {
        world_advance(&world, 1500);
        assert_false(service_ready(world.service));
        assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "try_later");
        assert_string_equal(code(bob, "perm.get", NULL, NULL), "ok");
    }
    client_drop(&world, dora);
    sql("ALTER TABLE call_away RENAME TO call", 0);
    world_advance(&world, 1500);
    assert_true(service_ready(world.service));
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(state_of(alice, c1), "accepted");
}

/* --- a busy that is hidden ------------------------------------------------------------------------- */

enum { IGNORES, DECLINES_BUSY, HANGS_UP_BUSY };

/* All that alice gets in the two minutes after her call, with its times; calls again until she is refused. */
static char *heard_by_caller(int how, bool alerts, int64_t after_ms)
{
    static char all[60000];
    size_t size = 0;
    void *none = NULL;
    set_up(&none);
    struct client *tablet = world_client(&world, "bob");
    client_connect(&world, tablet, NULL);
    assert_string_equal(code(bob, "perm.set", NULL, json_pack("{s:b}", "hide_busy", true)), "ok");
    for (unsigned round = 1; round <= 5; round++) {
        char call[37];
        make_id(call, round);
        client_forget(alice);
        client_forget(bob);
        client_forget(tablet);
        int64_t start = world.now;
        size_t told = 0;
        (void)client_send(&world, alice, "call.invite", call, make_invite(alice, "bob", "a"));
        for (int64_t passed = 0; passed < 120000; passed += 50) {
            if (passed == 50)
                (void)client_send(&world, bob, alerts ? "call.alerting" : "perm.get", call, NULL);
            if (passed == after_ms) {
                static const char *const types[] = {"perm.get", "call.decline", "call.hangup"};
                (void)client_send(&world, bob, types[how], call, json_pack("{s:s}", "why", "busy"));
            }
            world_advance(&world, 50);
            for (; told < alice->heard_count; told++)
                size += (size_t)snprintf(all + size, sizeof all - size, "%lld %s\n",
                                         (long long)(world.now - start), alice->raw[told]);
        }
        if (how != IGNORES && client_event(bob, "call.incoming", call)) {
            assert_string_equal(state_of(bob, call), "ended busy");
            assert_string_equal(state_of(tablet, call), "ended declined_elsewhere");
        }
    }
    world_stop(&world);
    return strdup(all);
}

static void hidden_busy(void **state)
{
    (void)state;
    /* A device that rings says so by the time at which callers are told, so the first may count as having. */
    static const struct {
        int64_t after_ms;
        bool alerts;
    } cases[] = {{100, false}, {500, true}, {5000, true}, {30000, true}};
    char *ignored = heard_by_caller(IGNORES, true, 100);
    assert_non_null(strstr(ignored, "no_answer"));
    assert_null(strstr(ignored, "busy"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int how = DECLINES_BUSY; how <= HANGS_UP_BUSY; how++) {
            char *heard = heard_by_caller(how, cases[i].alerts, cases[i].after_ms);
            assert_string_equal(heard, ignored);
            free(heard);
        }
    /* One that was never told to ring, until its time for that is over. */
    char *silent = heard_by_caller(IGNORES, false, 100);
    char *late = heard_by_caller(DECLINES_BUSY, false, 5000);
    assert_string_equal(late, silent);
    free(silent);
    free(late);
    free(ignored);
}

/* What is not hidden is said at once, and an ordinary decline is one whatever the setting says. */
static void busy_that_is_not_hidden(void **state)
{
    (void)state;
    both_ring();
    assert_string_equal(code(bob, "call.decline", c1, json_pack("{s:s}", "why", "busy")), "ok");
    assert_string_equal(state_of(alice, c1), "ended busy");
    assert_string_equal(code(dora, "perm.set", NULL, json_pack("{s:b}", "hide_busy", true)), "ok");
    assert_string_equal(code(dora, "call.decline", c2, json_pack("{s:s}", "why", "user")), "ok");
    assert_string_equal(state_of(carl, c2), "ended declined");
}

/* Hidden, it can be called back all the same: that is consent. */
static void hidden_busy_calls_back(void **state)
{
    (void)state;
    both_ring();
    assert_string_equal(code(bob, "perm.set", NULL, json_pack("{s:b}", "hide_busy", true)), "ok");
    assert_string_equal(code(bob, "call.decline", c1, json_pack("{s:s}", "why", "busy")), "ok");
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ended");
    char c3[37];
    make_id(c3, 3);
    json_t *answer = client_ask(&world, bob, "call.invite", c3, make_invite(bob, "alice", "a"));
    assert_string_equal(answer_code(answer), "ok");
    assert_string_equal(json_string_value(json_object_get(answer_body(answer), "merged_into")), c1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(accept_fails),
        TEST(invite_fails),
        TEST(end_fails),
        TEST(gone_in_a_failure),
        TEST(woken_in_a_failure),
        TEST(displaced_in_a_failure),
        TEST(store_away),
        TEST(calls_cannot_be_read),
        TEST(busy_that_is_not_hidden),
        TEST(hidden_busy_calls_back),
        cmocka_unit_test(hidden_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
