/* test_calls_figures.c - what /metrics says of calls: refusals and ends by cohort and medium, calls by the callee's
 * cohort, what counts as dropped, and which devices vanished.
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
static struct client *alice, *bob, *carol;
static char c1[37], c2[37], c3[37];

static void pays(int64_t user)
{
    struct account account;
    assert_int_equal(store_account_by_id(world.store, user, &account), STORE_OK);
    account.paid = true;
    assert_int_equal(store_account_set(world.store, &account), STORE_OK);
}

/* alice does not pay, bob and carol do; nobody has written to dave. */
static int set_up(void **state)
{
    (void)state;
    world_start(&world, NULL);
    int64_t a = world_account(&world, "alice"), b = world_account(&world, "bob");
    int64_t c = world_account(&world, "carol");
    (void)world_account(&world, "dave");
    world_friends(&world, a, b);
    world_friends(&world, b, a);
    world_friends(&world, c, b);
    pays(b);
    pays(c);
    alice = world_client(&world, "alice");
    bob = world_client(&world, "bob");
    carol = world_client(&world, "carol");
    make_id(c1, 1);
    make_id(c2, 2);
    make_id(c3, 3);
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
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

static const char *invite(struct client *from, const char *call, const char *to, const char *media)
{
    return ask(from, "call.invite", call, make_invite(from, to, media));
}

static void join(struct client *from, const char *call, struct client *to, const char *media)
{
    assert_string_equal(invite(from, call, to->name, media), "ok");
    json_t *body = json_pack("{s:o}", "body", make_body(to, "answer", NULL));
    assert_string_equal(ask(to, "call.accept", call, body), "ok");
}

static void up(struct client *client, const char *call)
{
    assert_string_equal(ask(client, "call.media", call, json_pack("{s:s}", "state", "up")), "ok");
}

static void activate(struct client *from, const char *call, struct client *to, const char *media)
{
    join(from, call, to, media);
    up(from, call);
    up(to, call);
}

static void hang_up(struct client *client, const char *call, const char *why)
{
    assert_string_equal(ask(client, "call.hangup", call, json_pack("{s:s}", "why", why)), "ok");
}

/* A line of /metrics. */
static void expect(const char *name, const char *labels, unsigned value)
{
    char line[256], *text = service_metrics(world.service);
    snprintf(line, sizeof line, "\n%s{%s} %u\n", name, labels, value);
    if (!strstr(text, line))
        fail_msg("not there: %s", line);
    free(text);
}

static void expect_refused(const char *labels, unsigned value)
{
    expect("xcalld_calls_refused_total", labels, value);
}

static void expect_ended(const char *labels, unsigned value)
{
    expect("xcalld_calls_ended_total", labels, value);
}

static void expect_received(const char *labels, unsigned value)
{
    expect("xcalld_calls_received_total", labels, value);
}

/* --- who was refused, how calls ended ----------------------------------------------------------------- */

static void test_refusals(void **state)
{
    (void)state;
    assert_string_equal(invite(alice, c1, "dave", "a"), "message_first");
    assert_string_equal(invite(alice, c2, "dave", "a"), "message_first");
    assert_string_equal(invite(carol, c3, "dave", "v"), "message_first");
    expect_refused("reason=\"message_first\",media=\"audio\",cohort=\"free\"", 2);
    expect_refused("reason=\"message_first\",media=\"video\",cohort=\"free\"", 0);
    expect_refused("reason=\"message_first\",media=\"audio\",cohort=\"paid\"", 0);
    expect_refused("reason=\"message_first\",media=\"video\",cohort=\"paid\"", 1);
    expect_refused("reason=\"unavailable\",media=\"audio\",cohort=\"free\"", 0);
    expect("xcalld_calls_by_version_total", "version=\"1.2\",step=\"attempt\"", 3);
    expect("xcalld_calls_by_version_total", "version=\"1.2\",step=\"refused\"", 3);
    expect("xcalld_calls_by_version_total", "version=\"1.2\",step=\"direct\"", 0);
    expect("xcalld_calls_attempts_total", "media=\"video\",cohort=\"paid\"", 1);
    expect_received("step=\"placed\",media=\"audio\",cohort=\"free\"", 0);
}

static void test_ends(void **state)
{
    (void)state;
    assert_string_equal(invite(alice, c1, "bob", "a"), "ok");
    assert_string_equal(ask(bob, "call.decline", c1, NULL), "ok");
    activate(alice, c2, bob, "v");
    json_t *busy = client_ask(&world, carol, "call.invite", c3, make_invite(carol, "bob", "a"));
    assert_string_equal(answer_code(busy), "ok");
    expect_ended("reason=\"declined\",media=\"audio\",cohort=\"free\"", 1);
    expect_ended("reason=\"declined\",media=\"audio\",cohort=\"paid\"", 0);
    expect_ended("reason=\"declined\",media=\"video\",cohort=\"free\"", 0);
    expect_ended("reason=\"busy\",media=\"audio\",cohort=\"paid\"", 1);
    expect_ended("reason=\"busy\",media=\"audio\",cohort=\"free\"", 0);
    hang_up(bob, c2, "hangup");
    /* by the caller's account, whoever hung up */
    expect_ended("reason=\"hangup\",media=\"video\",cohort=\"free\"", 1);
    expect_ended("reason=\"hangup\",media=\"video\",cohort=\"paid\"", 0);
}

static unsigned lines(void)
{
    unsigned count = 0;
    char *text = service_metrics(world.service);
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    free(text);
    return count;
}

/* As many lines as there are reasons, media and cohorts, whatever happens: only a first error and a first version
 * of a program bring some. */
static void test_bounded(void **state)
{
    (void)state;
    assert_string_equal(invite(alice, c1, "dave", "a"), "message_first");
    unsigned before = lines();
    activate(alice, c2, bob, "v");
    hang_up(alice, c2, "media_lost");
    assert_string_equal(invite(carol, c3, "dave", "v"), "message_first");
    assert_int_equal(lines(), before);
}

/* --- calls.receive: by the callee's cohort ------------------------------------------------------------ */

static void test_received(void **state)
{
    (void)state;
    activate(alice, c1, bob, "a");
    hang_up(alice, c1, "media_lost");
    join(bob, c2, alice, "v");
    hang_up(bob, c2, "failed_connect");
    expect_received("step=\"placed\",media=\"audio\",cohort=\"paid\"", 1);
    expect_received("step=\"placed\",media=\"audio\",cohort=\"free\"", 0);
    expect_received("step=\"accepted\",media=\"audio\",cohort=\"paid\"", 1);
    expect_received("step=\"connected\",media=\"audio\",cohort=\"paid\"", 1);
    expect_received("step=\"dropped\",media=\"audio\",cohort=\"paid\"", 1);
    expect_received("step=\"accepted\",media=\"video\",cohort=\"free\"", 1);
    expect_received("step=\"connected\",media=\"video\",cohort=\"free\"", 0);
    expect_received("step=\"accepted\",media=\"video\",cohort=\"paid\"", 0);
    /* and those of calls.make, by the caller's */
    expect("xcalld_calls_dropped_total", "media=\"audio\",cohort=\"free\"", 1);
    expect("xcalld_calls_dropped_total", "media=\"audio\",cohort=\"paid\"", 0);
    /* A call that never connected is no dropped one: the guard figures count it so too. */
    expect("xcalld_calls_accepted_total", "media=\"video\",cohort=\"paid\"", 1);
    expect("xcalld_calls_dropped_total", "media=\"video\",cohort=\"paid\"", 0);
    expect_received("step=\"dropped\",media=\"video\",cohort=\"free\"", 0);
    expect_ended("reason=\"failed_connect\",media=\"video\",cohort=\"paid\"", 1);
    struct guard_figures figures;
    assert_int_equal(store_guard_figures(world.store, "calls.receive", 0, &figures), STORE_OK);
    assert_int_equal(figures.cohorts[1].calls, 1);
    assert_int_equal(figures.cohorts[1].dropped, 1);
    assert_int_equal(figures.cohorts[0].accepted, 1);
    assert_int_equal(figures.cohorts[0].dropped, 0);
}

/* A restart forgets counters, not whose the live calls are. */
static void test_received_after_a_restart(void **state)
{
    (void)state;
    activate(alice, c1, bob, "a");
    world_restart(&world);
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
    hang_up(alice, c1, "signal_lost");
    expect_received("step=\"dropped\",media=\"audio\",cohort=\"paid\"", 1);
    expect_ended("reason=\"signal_lost\",media=\"audio\",cohort=\"free\"", 1);
}

/* --- devices that vanish ------------------------------------------------------------------------------- */

static void expect_vanished(unsigned fresh, unsigned never)
{
    const char *name = "xcalld_calls_devices_vanished_total";
    expect(name, "back=\"new\",media=\"audio\",cohort=\"paid\"", fresh);
    expect(name, "back=\"never\",media=\"audio\",cohort=\"paid\"", never);
}

/* A page that is loaded again, or closed, says so with its close frame: nothing has crashed. */
static void test_leave_taken(void **state)
{
    (void)state;
    struct guard_figures figures;
    activate(alice, c1, bob, "a");
    client_leave(&world, bob);
    client_connect(&world, bob, NULL);
    expect_vanished(0, 0);
    client_leave(&world, bob);
    hang_up(alice, c1, "hangup");
    expect_vanished(0, 0);
    assert_int_equal(store_guard_figures(world.store, "calls.make", 0, &figures), STORE_OK);
    assert_int_equal(figures.vanished, 0);
    /* It counts for the connection that was closed so, not for the next one. */
    client_connect(&world, bob, NULL);
    activate(alice, c2, bob, "a");
    client_leave(&world, bob);
    client_connect(&world, bob, NULL);
    client_drop(&world, bob);
    client_connect(&world, bob, NULL);
    expect_vanished(1, 0);
    hang_up(alice, c2, "hangup");
    expect_vanished(1, 0);
}

/* One that resumes after it said goodbye has not gone either; one that then goes without a word has. */
static void test_left_and_resumed(void **state)
{
    (void)state;
    activate(alice, c1, bob, "a");
    client_leave(&world, bob);
    client_resume(&world, bob);
    client_drop(&world, bob);
    expect_vanished(0, 0);
    hang_up(alice, c1, "hangup");
    expect_vanished(0, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_refusals),         CASE(test_ends),        CASE(test_bounded),
        CASE(test_received),         CASE(test_leave_taken), CASE(test_received_after_a_restart),
        CASE(test_left_and_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
