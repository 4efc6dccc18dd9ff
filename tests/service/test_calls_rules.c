/* test_calls_rules.c - what calls may not do, through the whole core in virtual time: the causes of `unavailable` look
 * alike, silent rings look like ignored ones, limits hold, bodies and candidates hide addresses, sig goes
 * between two devices only, relay credentials are for calls only, one accept wins.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "bodies.h"
#include "calls_world.h"
#include "text.h"

#define RELAY "turn:relay.example:3478"

static struct world world;
static struct client *alice, *bob;
static char c1[37], c2[37];

static void begin(const char *turn_url)
{
    world_start(&world, turn_url);
    int64_t a = world_account(&world, "alice"), b = world_account(&world, "bob");
    world_friends(&world, a, b);
    alice = world_client(&world, "alice");
    bob = world_client(&world, "bob");
    make_id(c1, 1);
    make_id(c2, 2);
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
}

static int set_up(void **state)
{
    (void)state;
    begin(NULL);
    return 0;
}

static int set_up_relay(void **state)
{
    (void)state;
    begin(RELAY);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop(&world);
    return 0;
}

static json_t *ask(struct client *client, const char *type, const char *call, json_t *body)
{
    return client_ask(&world, client, type, call, body);
}

static const char *code(struct client *client, const char *type, const char *call, json_t *body)
{
    return answer_code(ask(client, type, call, body));
}

static const char *ring(const char *to, const char *call)
{
    return code(alice, "call.invite", call, make_invite(alice, to, "a"));
}

static json_t *accept_body(struct client *client)
{
    return json_pack("{s:o}", "body", make_body(client, "answer", NULL));
}

static void join(void)
{
    assert_string_equal(ring("bob", c1), "ok");
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    client_forget(alice);
    client_forget(bob);
}

/* --- uniformity ------------------------------------------------------------------------------------- */

/* The answer's bytes with its request's id blanked, and when it came. */
static void answer_of(const char *to, unsigned number, char *text, size_t size, int64_t *took)
{
    char call[37];
    make_id(call, number);
    int64_t start = world.now;
    uint64_t id = client_send(&world, alice, "call.invite", call, make_invite(alice, to, "a"));
    while (!client_answer(alice, id) && world.now < start + 400)
        world_advance(&world, 1);
    *took = world.now - start;
    snprintf(text, size, "%s", client_raw_answer(alice, id));
    char *re = strstr(text, "\"re\":\"");
    assert_non_null(re);
    memset(re + 6, '#', strcspn(re + 6, "\""));
}

static int64_t known(const char *name)
{
    int64_t id = world_account(&world, name);
    world_friends(&world, alice->user, id);
    return id;
}

static void test_unavailable_is_one(void **state)
{
    (void)state;
    struct call_settings settings;
    struct account account;
    known("fine");
    int64_t blocks = known("blocks"), off = known("off"), nobody = known("nobody");
    int64_t gone = known("gone"), suspended = known("suspended"), unrolled = known("unrolled");
    known("pair");
    store_edge_set(world.store, EDGE_BLOCK, blocks, alice->user, true, world.now);
    store_settings_get(world.store, off, &settings);
    settings.enabled = false;
    store_settings_set(world.store, off, &settings);
    store_settings_get(world.store, nobody, &settings);
    settings.following = settings.addressbook = false;
    store_settings_set(world.store, nobody, &settings);
    store_account_by_id(world.store, suspended, &account);
    account.state = ACCOUNT_SUSPENDED;
    store_account_set(world.store, &account);
    store_account_delete(world.store, gone, world.now);
    store_rollout_except(world.store, "calls.receive", unrolled, ROLLOUT_EXCLUDED);
    world_policy(&world, "prior_message", "none");
    world_policy(&world, "limit_calls_account", "off");
    world_policy(&world, "limit_calls_device", "off");
    world_policy(&world, "limit_calls_address", "off");
    client_connect(&world, alice, NULL);
    /* The pair's limit: three rings, and then no more. */
    for (unsigned i = 0; i < 3; i++) {
        char call[37];
        make_id(call, 100 + i);
        assert_string_equal(ring("pair", call), "ok");
        world_advance(&world, 21000);
    }
    static const char *const causes[] = {"blocks",    "off",  "nobody",   "gone",
                                         "suspended", "pair", "unrolled", "nosuchone"};
    char first[256] = "", text[256];
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < sizeof causes / sizeof causes[0]; i++) {
            int64_t took;
            answer_of(causes[i], 1000 + round * 10 + i, text, sizeof text, &took);
            if (!*first)
                snprintf(first, sizeof first, "%s", text);
            assert_non_null(strstr(text, "unavailable"));
            memset(strstr(text, "\"re\":\"") + 6, '#', 2);
            assert_int_equal(strlen(text) >= strlen(first) && strlen(text) - strlen(first) <= 2, 1);
            assert_string_equal(strstr(text, "\"b\":"), strstr(first, "\"b\":"));
            assert_true(took >= 150 && took <= 201);
            client_forget(alice);
        }
    }
    int64_t took;
    answer_of("fine", 2000, text, sizeof text, &took);
    assert_non_null(strstr(text, "ringing"));
    assert_true(took >= 150 && took <= 201);
}

/* Everything that alice hears of a call, without its id, its number and sq. */
static void transcript(const char *to, unsigned number, bool alerts, char *text, size_t size)
{
    char call[37];
    make_id(call, number);
    client_forget(alice);
    int64_t start = world.now;
    uint64_t id = client_send(&world, alice, "call.invite", call, make_invite(alice, to, "a"));
    if (alerts)
        code(bob, "call.alerting", call, NULL);
    world_advance(&world, start + 61000 - world.now);
    assert_non_null(client_answer(alice, id));
    *text = 0;
    for (size_t i = 0; i < alice->heard_count; i++) {
        json_t *frame = json_deep_copy(alice->heard[i]);
        json_object_del(frame, "sq");
        json_object_del(frame, "re");
        json_object_del(frame, "call");
        char *line = json_dumps(frame, JSON_COMPACT | JSON_SORT_KEYS);
        assert_true(strlen(text) + strlen(line) + 2 < size);
        strcat(strcat(text, line), "\n");
        free(line);
        json_decref(frame);
    }
}

static void test_silent_looks_ignored(void **state)
{
    (void)state;
    char ignored[4096], silent[4096];
    transcript("bob", 1, true, ignored, sizeof ignored);
    assert_non_null(strstr(ignored, "reached"));
    assert_non_null(strstr(ignored, "no_answer"));
    json_t *quiet =
        json_pack("{s:{s:s,s:s,s:i}}", "quiet", "from", "00:00", "to", "00:00", "zone_min", 0);
    assert_string_equal(code(bob, "perm.set", NULL, quiet), "ok");
    client_forget(bob);
    transcript("bob", 2, false, silent, sizeof silent);
    assert_string_equal(ignored, silent);
    assert_int_equal(client_count(bob, "call.incoming", NULL), 0);
    assert_int_equal(client_count(bob, "call.state", NULL), 0);
    assert_int_equal(world.pushes, 0);
    /* Its devices know nothing of it. */
    assert_string_equal(code(bob, "call.accept", c2, accept_body(bob)), "ended");
    json_t *missed = ask(bob, "history.list", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(answer_body(missed), "calls")), 2);
}

/* --- limits --------------------------------------------------------------------------------------------- */

static void test_pair_and_declines(void **state)
{
    (void)state;
    char call[37];
    unsigned rang = 0;
    for (unsigned i = 0; i < 100; i++) { /* ring bombing: invite, wait, again */
        make_id(call, 10 + i);
        if (strcmp(ring("bob", call), "ok") == 0)
            code(alice, "call.cancel", call, NULL);
    }
    rang = (unsigned)client_count(bob, "call.incoming", NULL);
    assert_int_equal(rang, 3);
    world_advance(&world, 4000000);
    client_forget(alice);
    client_forget(bob);
    /* Declines in a row: 1, 2, 4 tokens more. After two the next waits longer than one would. */
    for (unsigned i = 0; i < 2; i++) {
        make_id(call, 300 + i);
        assert_string_equal(ring("bob", call), "ok");
        assert_string_equal(code(bob, "call.decline", call, NULL), "ok");
        if (i == 0)
            world_advance(&world, 400000);
    }
    make_id(call, 310);
    assert_string_equal(ring("bob", call), "unavailable");
    world_advance(&world, 200000);
    make_id(call, 311);
    assert_string_equal(ring("bob", call), "ok");
}

static void test_cancels(void **state)
{
    (void)state;
    char name[16], call[37];
    world_policy(&world, "limit_callees", "off");
    client_connect(&world, alice, NULL);
    unsigned let_in = 0;
    for (unsigned i = 0; i < 50; i++) { /* who is there? */
        snprintf(name, sizeof name, "friend%u", i);
        known(name);
        make_id(call, 400 + i);
        const char *said = ring(name, call);
        if (strcmp(said, "ok") == 0) {
            let_in++;
            code(alice, "call.cancel", call, NULL);
        } else {
            assert_string_equal(said, "try_later");
        }
        client_forget(alice);
    }
    assert_int_equal(let_in, 10);
}

static void test_new_callees(void **state)
{
    (void)state;
    char name[16], call[37];
    unsigned let_in = 0;
    world_policy(&world, "limit_callees", "5/86400");
    client_connect(&world, alice, NULL);
    for (unsigned i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "friend%u", i);
        known(name);
        make_id(call, 500 + i);
        if (strcmp(ring(name, call), "ok") == 0)
            let_in++;
        world_advance(&world, 25000);
    }
    assert_int_equal(let_in, 5);
    make_id(call, 600); /* whom she has called before she still can */
    assert_string_equal(ring("friend0", call), "ok");
}

/* --- bodies ------------------------------------------------------------------------------------------- */

static void test_bodies(void **state)
{
    (void)state;
    static const char *const refused[] = {"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n",
                                          "A=Candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n",
                                          " a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n",
                                          "a= candidate:1\r\n",
                                          "c=IN IP4 192.0.2.1\r\n",
                                          "c=IN IP4 0.0.0.0/127\r\n",
                                          "c=IN IP6 2001:db8::1\r\n",
                                          "o=- 1 1 IN IP4 192.0.2.1\r\n",
                                          "a=rtcp:9 IN IP4 192.0.2.1\r\n",
                                          "a=remote-candidates:1 192.0.2.1 9\r\n",
                                          "nonsense\r\n",
                                          "x\x01y\r\n"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        json_t *body = json_pack("{s:s,s:s,s:o}", "to", "bob", "media", "a", "body",
                                 make_body(alice, "offer", refused[i]));
        if (strcmp(code(alice, "call.invite", c1, body), "bad_body") != 0)
            fail_msg("not refused: %s", refused[i]);
    }
    static const char *const fine[] = {"c=IN IP6 ::\r\n", "a=rtcp:9\r\n", "a=end-of-candidates\r\n",
                                       "a=candidates-are-fine\r\n"};
    char lines[256] = "";
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        strcat(lines, fine[i]);
    json_t *body = json_pack("{s:s,s:s,s:o}", "to", "bob", "media", "a", "body",
                             make_body(bob, "offer", lines)); /* another device's key */
    assert_string_equal(code(alice, "call.invite", c1, body), "bad_body");
    body = json_pack("{s:s,s:s,s:o}", "to", "bob", "media", "a", "body",
                     make_body(alice, "answer", lines));
    assert_string_equal(code(alice, "call.invite", c1, body), "bad_body");
    json_t *offer = make_body(alice, "offer", lines);
    json_object_set_new(offer, "more", json_string("192.0.2.1"));
    body = json_pack("{s:s,s:s,s:o}", "to", "bob", "media", "a", "body", offer);
    assert_string_equal(code(alice, "call.invite", c1, body), "ok");
    json_t *got = json_object_get(answer_body(client_event(bob, "call.incoming", c1)), "body");
    assert_int_equal(json_object_size(got), 4);
    body = json_pack("{s:o}", "body", make_body(bob, "answer", refused[0]));
    assert_string_equal(code(bob, "call.accept", c1, body), "bad_body");
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    for (int i = 0; i < 2;
         i++) { /* later bodies of a call that is not relayed may have candidates */
        json_t *nego = json_pack("{s:i,s:s,s:o}", "n", i, "kind", i ? "restart" : "nego", "data",
                                 make_body(bob, i ? "answer" : "offer", refused[0]));
        json_t *later = json_object_get(nego, "data");
        json_object_set_new(later, "seq", json_integer(i + 1));
        assert_string_equal(code(bob, "sig", c1, nego), "ok");
        const json_t *data = json_object_get(answer_body(client_event(alice, "sig", c1)), "data");
        assert_int_equal(json_integer_value(json_object_get(data, "seq")), i + 1);
        assert_int_equal(json_object_size(data), 5);
    }
    static const char *const bad_seq[] = {"0", "-1", "2147483648", "\"1\"", "1.0", "true", "null"};
    for (size_t i = 0; i < sizeof bad_seq / sizeof bad_seq[0]; i++) {
        json_t *nego = json_pack("{s:i,s:s,s:o}", "n", 10, "kind", "nego", "data",
                                 make_body(bob, "offer", NULL));
        json_object_set_new(json_object_get(nego, "data"), "seq",
                            json_loads(bad_seq[i], JSON_DECODE_ANY, NULL));
        assert_string_equal(code(bob, "sig", c1, nego), "bad_body");
    }
}

static void test_candidates(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool any, relay;
    } rows[] = {
        {"candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", true, false},
        {"candidate:1 1 UDP 2130706431 2001:db8::1 5000 typ host generation 0 ufrag abcd", true,
         false},
        {"candidate:1 1 udp 2130706431 9b36eaac.local 5000 typ host", true, false},
        {"candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active", true, false},
        {"candidate:2 1 udp 1 192.0.2.1 5000 typ srflx raddr 10.0.0.1 rport 5", true, false},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay raddr 10.0.0.1 rport 5", true, false},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay raddr 0.0.0.0 rport 0", true, true},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay raddr :: rport 0 generation 0", true,
         true},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay", true, true},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay raddr 0.0.0.0 rport 5", true, false},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay raddr 0.0.0.0", true, false},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay x-real 10.0.0.1", true, false},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay typ host", true, false},
        {"candidate:2 1 udp 1 198.51.100.1 5000 typ relay raddr 0.0.0.0 rport 0 raddr 10.0.0.1",
         false, false},
        {"a=candidate:1 1 udp 1 192.0.2.1 5000 typ host", false, false},
        {"candidate: 1 1 udp 1 192.0.2.1 5000 typ host", false, false},
        {"candidate:1 257 udp 1 192.0.2.1 5000 typ host", false, false},
        {"candidate:1 1 udp 99999999999 192.0.2.1 5000 typ host", false, false},
        {"candidate:1 1 udp 1 192.0.2.1 65536 typ host", false, false},
        {"candidate:1 1 udp 1 192.0.2.1 5000 typ elsewhere", false, false},
        {"candidate:1 1 udp 1 192.0.2.1 5000 typ host odd", false, false},
        {"candidate:1 1 udp 1 192.0.2.1 5000", false, false},
        {"candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=x:y z", false, false},
        {"candidate:", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (candidate_fits(rows[i].line, false) != rows[i].any ||
            candidate_fits(rows[i].line, true) != rows[i].relay)
            fail_msg("%s", rows[i].line);
        for (size_t cut = 0; cut < strlen(rows[i].line); cut++) { /* every truncation: no crash */
            char line[256];
            snprintf(line, sizeof line, "%.*s", (int)cut, rows[i].line);
            (void)candidate_fits(line, true);
            (void)candidate_fits(line, false);
        }
    }
}

/* --- sig ------------------------------------------------------------------------------------------------ */

static json_t *sig(int n, const char *text)
{
    return json_pack("{s:i,s:s,s:s}", "n", n, "kind", "e2e", "data", text);
}

static json_t *cand(int n, const char *line)
{
    return json_pack("{s:i,s:s,s:{s:s,s:s,s:i,s:s}}", "n", n, "kind", "cand", "data", "candidate",
                     line, "sdpMid", "0", "sdpMLineIndex", 0, "secret", "192.0.2.1");
}

static void test_sig_before_accept(void **state)
{
    (void)state;
    assert_string_equal(ring("bob", c1), "ok");
    for (int n = 0; n < 5; n++)
        assert_string_equal(code(alice, "sig", c1, sig(n, "early")), "ok");
    world_advance(&world, 9000);
    for (int n = 5; n < 32; n++)
        assert_string_equal(code(alice, "sig", c1, sig(n, "young")), "ok");
    assert_string_equal(code(bob, "sig", c1, sig(0, "from bob")),
                        "ok"); /* neither side's business */
    assert_string_equal(code(alice, "sig", c1, sig(32, "too much")), "try_later");
    world_advance(&world, 2000); /* the first five are too old now */
    assert_string_equal(code(bob, "sig", c1, sig(1, "from bob")), "ok");
    assert_int_equal(client_count(alice, "sig", c1), 0);
    assert_int_equal(client_count(bob, "sig", c1), 0);
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_int_equal(client_count(bob, "sig", c1), 27);
    assert_int_equal(client_count(alice, "sig", c1), 2);
    /* The accept is told before what its device has sent. */
    size_t accepted = 0, from_bob = 0;
    for (size_t i = 0; i < alice->heard_count; i++) {
        const char *type = json_string_value(json_object_get(alice->heard[i], "t"));
        if (strcmp(type, "call.state") == 0)
            accepted = i;
        if (strcmp(type, "sig") == 0)
            from_bob = i;
    }
    assert_true(accepted < from_bob);
}

static void test_sig_limits(void **state)
{
    (void)state;
    struct client *other = world_client(&world, "bob");
    client_connect(&world, other, NULL);
    join();
    assert_string_equal(code(alice, "call.media", c1, json_pack("{s:s}", "state", "up")), "ok");
    assert_string_equal(code(bob, "call.media", c1, json_pack("{s:s}", "state", "up")), "ok");
    int passed = 0;
    for (int n = 0; n < 300; n++)
        passed += strcmp(code(alice, "sig", c1, sig(n, "x")), "ok") == 0;
    assert_int_equal(passed, 200);
    assert_int_equal(client_count(bob, "sig", c1), 200);
    assert_int_equal(client_count(other, "sig", c1), 0);
    assert_string_equal(code(other, "sig", c1, sig(0, "x")), "ended");
    assert_string_equal(code(alice, "sig", c1, sig(5, "x")), "ok"); /* twice: nothing */
    assert_int_equal(client_count(bob, "sig", c1), 200);
    assert_string_equal(code(bob, "sig", c1, sig(0, "back")), "ok"); /* a count of its own */
    world_advance(&world, 60000);
    assert_string_equal(code(alice, "sig", c1, sig(200, "x")), "ok");
    char big[4097];
    memset(big, 'x', 4096);
    big[4096] = 0;
    passed = 0;
    for (int n = 300; n < 330; n++)
        passed += strcmp(code(alice, "sig", c1, sig(n, big)), "ok") == 0;
    assert_int_equal(passed, 15); /* 64 KiB, quotes and all */
    char *text = service_metrics(world.service);
    assert_non_null(strstr(text, "xcalld_sig_total{what=\"over\"} 115"));
    free(text);
    assert_string_equal(
        code(bob, "sig", c1, json_pack("{s:i,s:s,s:s}", "n", 9, "kind", "other", "data", "x")),
        "bad_request");
}

static void test_sig_candidates(void **state)
{
    (void)state;
    join();
    const char *host = "candidate:1 1 udp 1 192.0.2.1 5000 typ host";
    assert_string_equal(code(alice, "sig", c1, cand(0, host)), "ok");
    json_t *data = json_object_get(answer_body(client_event(bob, "sig", c1)), "data");
    assert_string_equal(json_string_value(json_object_get(data, "candidate")), host);
    assert_null(json_object_get(data, "secret"));
    assert_string_equal(code(alice, "sig", c1, cand(1, "")), "ok"); /* no more of them */
    assert_string_equal(code(alice, "sig", c1, cand(2, "rubbish")), "bad_body");
    assert_int_equal(client_count(bob, "sig", c1), 2);
}

static void test_relayed_call(void **state)
{
    (void)state;
    /* bob follows dave, dave does not know bob: strangers. */
    int64_t d = world_account(&world, "dave");
    store_edge_set(world.store, EDGE_FOLLOW, bob->user, d, true, world.now);
    store_dm_edge_set(world.store, d, bob->user, true, world.now);
    struct client *dave = world_client(&world, "dave");
    client_connect(&world, dave, NULL);
    json_t *answer = ask(dave, "call.invite", c1, make_invite(dave, "bob", "a"));
    assert_true(json_is_true(json_object_get(answer_body(answer), "relay")));
    assert_true(json_is_true(
        json_object_get(answer_body(client_event(bob, "call.incoming", c1)), "relay")));
    assert_string_equal(code(dave, "sig", c1, cand(0, "candidate:1 1 udp 1 192.0.2.1 5 typ host")),
                        "bad_body");
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    static const char *const dropped[] = {
        "candidate:1 1 udp 1 192.0.2.1 5 typ host", "candidate:1 1 udp 1 192.0.2.1 5 typ srflx",
        "candidate:1 1 udp 1 192.0.2.1 5 typ relay raddr 192.0.2.1 rport 5"};
    for (int i = 0; i < 3; i++)
        assert_string_equal(code(bob, "sig", c1, cand(i, dropped[i])), "bad_body");
    assert_string_equal(
        code(bob, "sig", c1,
             cand(9, "candidate:1 1 udp 1 198.51.100.1 5 typ relay raddr 0.0.0.0 rport 0")),
        "ok");
    assert_int_equal(client_count(dave, "sig", c1), 1);
    json_t *nego =
        json_pack("{s:i,s:s,s:o}", "n", 10, "kind", "nego", "data",
                  make_body(bob, "offer", "a=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n"));
    assert_string_equal(code(bob, "sig", c1, nego), "bad_body");
}

/* --- relay credentials ------------------------------------------------------------------------------------ */

static void test_turn(void **state)
{
    (void)state;
    struct client *stranger = world_client(&world, "bob");
    client_connect(&world, stranger, NULL);
    assert_string_equal(code(alice, "turn.get", c1, NULL), "not_yours");
    assert_string_equal(ring("bob", c1), "ok");
    json_t *body = answer_body(ask(bob, "turn.get", c1, NULL)); /* while it rings */
    const char *username = json_string_value(json_object_get(body, "username"));
    const char *credential = json_string_value(json_object_get(body, "credential"));
    char expected[64], pseudonym[64];
    uint8_t mac[20];
    unsigned size = 0;
    HMAC(EVP_sha1(), "north", 5, (const uint8_t *)username, strlen(username), mac, &size);
    base64_encode(mac, size, expected);
    assert_string_equal(credential, expected);
    assert_int_equal(atoll(username), world.now / 1000 + 600);
    snprintf(pseudonym, sizeof pseudonym, "%s", strchr(username, ':') + 1);
    assert_int_equal(strlen(pseudonym), 20);
    assert_string_equal(json_string_value(json_array_get(json_object_get(body, "urls"), 0)), RELAY);
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(code(stranger, "turn.get", c1, NULL), "ended");
    assert_string_equal(code(alice, "turn.get", c1, NULL), "ok");
    world_restart(&world); /* the same person to the relay's quota */
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
    body = answer_body(ask(bob, "turn.get", c1, NULL));
    assert_string_equal(strchr(json_string_value(json_object_get(body, "username")), ':') + 1,
                        pseudonym);
    int given = 0;
    for (int i = 0; i < 40; i++)
        given += strcmp(code(bob, "turn.get", c1, NULL), "ok") == 0;
    assert_true(given >= 28 && given <= 30);
    assert_string_equal(code(alice, "call.hangup", c1, NULL), "ok");
    assert_string_equal(code(alice, "turn.get", c1, NULL), "ended");
}

static void test_no_turn(void **state)
{
    (void)state;
    join();
    assert_string_equal(code(alice, "turn.get", c1, NULL), "relay_unavailable");
}

/* --- the race ----------------------------------------------------------------------------------------------- */

/* A hundred accepts of ten devices, at random and some again; XCALL_TEST_LONG=1: of 10,000 calls. */
static void test_accept_race(void **state)
{
    (void)state;
    struct client *devices[DEVICES_MAX] = {bob};
    world_policy(&world, "limit_pair", "off");
    world_policy(&world, "limit_calls_account", "off");
    world_policy(&world, "limit_calls_device", "off");
    world_policy(&world, "limit_calls_address", "off");
    world_policy(&world, "limit_frames", "off");
    client_connect(&world, alice, NULL);
    client_connect(&world, bob, NULL);
    for (int i = 1; i < DEVICES_MAX; i++) {
        devices[i] = world_client(&world, "bob");
        client_connect(&world, devices[i], NULL);
    }
    const char *many = getenv("XCALLD_RACES");
    int rounds = many ? atoi(many) : getenv("XCALL_TEST_LONG") ? 10000 : 40;
    for (int round = 0; round < rounds; round++) {
        char call[37];
        make_id(call, 5000u + (unsigned)round);
        assert_string_equal(ring("bob", call), "ok");
        int won = 0, lost = 0, winner = -1;
        for (int i = 0; i < 100; i++) {
            int which = (int)world_chance(&world, DEVICES_MAX);
            const char *said =
                code(devices[which], "call.accept", call, accept_body(devices[which]));
            if (strcmp(said, "ok") == 0) {
                won += winner != which;
                winner = which;
            } else {
                assert_string_equal(said, "lost_race");
                lost++;
            }
        }
        assert_int_equal(won, 1);
        assert_true(lost > 50);
        for (int i = 0; i < DEVICES_MAX; i++) {
            if (i != winner)
                assert_string_equal(state_of(devices[i], call), "ended answered_elsewhere");
            client_forget(devices[i]);
        }
        assert_string_equal(code(alice, "call.hangup", call, NULL), "ok");
        client_forget(alice);
    }
}

/* One call a person: the accept of a second is refused, and who joined a call rings nobody else. */
static void test_one_call_a_person(void **state)
{
    (void)state;
    int64_t c = world_account(&world, "carol");
    world_friends(&world, c, bob->user);
    world_friends(&world, alice->user, c);
    struct client *carol = world_client(&world, "carol"), *bob2 = world_client(&world, "bob");
    struct client *alice2 = world_client(&world, "alice");
    client_connect(&world, carol, NULL);
    client_connect(&world, bob2, NULL);
    client_connect(&world, alice2, NULL);
    char c3[37];
    make_id(c3, 3);
    assert_string_equal(ring("bob", c1), "ok");
    assert_string_equal(code(carol, "call.invite", c2, make_invite(carol, "bob", "a")), "ok");
    assert_string_equal(code(alice2, "call.invite", c3, make_invite(alice2, "carol", "a")), "ok");
    assert_string_equal(code(bob, "call.accept", c1, accept_body(bob)), "ok");
    assert_string_equal(state_of(alice2, c3), "ended superseded");
    assert_string_equal(state_of(carol, c3), "ended cancelled");
    /* Carol's history says no more: not that alice joined another call. */
    json_t *calls = json_object_get(answer_body(ask(carol, "history.list", NULL, NULL)), "calls");
    assert_string_equal(json_string_value(json_object_get(json_array_get(calls, 0), "end")),
                        "cancelled");
    calls = json_object_get(answer_body(ask(alice2, "history.list", NULL, NULL)), "calls");
    assert_string_equal(json_string_value(json_object_get(json_array_get(calls, 0), "end")),
                        "superseded");
    /* To call back who still rings would be an accept, which is not possible now. */
    char c4[37];
    make_id(c4, 4);
    json_t *back = ask(bob2, "call.invite", c4, make_invite(bob2, "carol", "a"));
    assert_string_equal(answer_code(back), "already_in_call");
    assert_string_equal(json_string_value(json_object_get(answer_body(back), "call")), c1);
    json_t *answer = ask(bob2, "call.accept", c2, accept_body(bob2));
    assert_string_equal(answer_code(answer), "already_in_call");
    assert_string_equal(json_string_value(json_object_get(answer_body(answer), "call")), c1);
    assert_string_equal(code(bob, "call.hangup", c1, NULL), "ok");
    assert_string_equal(code(bob2, "call.accept", c2, accept_body(bob2)), "ok");
    assert_string_equal(state_of(carol, c2), "accepted");
}

/* A frame comes in the batch in which its call's time is over, before anything else looked at the clock. */
static void test_frame_at_deadline(void **state)
{
    (void)state;
    static const char *const late[] = {"call.cancel",   "call.hangup", "call.decline",
                                       "call.alerting", "call.accept", "call.invite"};
    for (unsigned i = 0; i < sizeof late / sizeof late[0]; i++) {
        bool callee = i >= 2 && i <= 4;
        char call[37], again[37];
        make_id(call, 100 + i);
        make_id(again, 200 + i);
        client_connect(&world, alice, NULL);
        assert_string_equal(ring("bob", call), "ok");
        assert_string_equal(code(bob, "call.alerting", call, NULL), "ok");
        world.now += 60000;
        if (i == 5) {
            assert_string_equal(ring("bob", again), "ok");
            assert_string_equal(code(alice, "call.cancel", again, NULL), "ok");
        } else {
            assert_string_equal(code(callee ? bob : alice, late[i], call,
                                     strcmp(late[i], "call.accept") == 0 ? accept_body(bob) : NULL),
                                "ended");
        }
        assert_string_equal(state_of(alice, call), "ended no_answer");
        world_advance(&world, 3600000); /* the pair's limit is full again */
        client_connect(&world, bob, NULL);
    }
}

/* Who calls back when the other's time is over calls anew. */
static void test_call_back_at_deadline(void **state)
{
    (void)state;
    world_friends(&world, bob->user, alice->user);
    assert_string_equal(ring("bob", c1), "ok");
    assert_string_equal(code(bob, "call.alerting", c1, NULL), "ok");
    world.now += 60000;
    json_t *answer = ask(bob, "call.invite", c2, make_invite(bob, "alice", "a"));
    assert_string_equal(answer_code(answer), "ok");
    assert_null(json_object_get(answer_body(answer), "merged_into"));
    assert_non_null(client_event(alice, "call.incoming", c2));
}

/* And so does a device, or the policy that ends all calls. */
static void test_others_at_deadline(void **state)
{
    (void)state;
    struct client *bob2 = world_client(&world, "bob");
    assert_string_equal(ring("bob", c1), "ok");
    assert_string_equal(code(bob, "call.alerting", c1, NULL), "ok");
    world.now += 60000;
    client_connect(&world, bob2, NULL);
    assert_string_equal(state_of(alice, c1), "ended no_answer");
    assert_int_equal(client_count(bob2, "call.incoming", c1), 0);
    assert_string_equal(ring("bob", c2), "ok");
    assert_string_equal(code(bob, "call.alerting", c2, NULL), "ok");
    world_policy(&world, "kill_live", "on");
    world.now += 60000;
    world_policy(&world, "kill", "on");
    world_advance(&world, 0);
    client_connect(&world, alice, NULL);
    assert_string_equal(code(alice, "call.cancel", c2, NULL), "ended");
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(test_unavailable_is_one),
        RULE(test_silent_looks_ignored),
        RULE(test_pair_and_declines),
        RULE(test_cancels),
        RULE(test_new_callees),
        RULE(test_bodies),
        cmocka_unit_test(test_candidates),
        RULE(test_sig_before_accept),
        RULE(test_sig_limits),
        RULE(test_sig_candidates),
        cmocka_unit_test_setup_teardown(test_relayed_call, set_up_relay, tear_down),
        cmocka_unit_test_setup_teardown(test_turn, set_up_relay, tear_down),
        RULE(test_no_turn),
        RULE(test_accept_race),
        RULE(test_one_call_a_person),
        RULE(test_frame_at_deadline),
        RULE(test_call_back_at_deadline),
        RULE(test_others_at_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
