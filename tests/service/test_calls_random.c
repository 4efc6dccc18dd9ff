/* test_calls_random.c - random histories of several accounts and devices through the whole core in virtual time, with
 * lost connections and restarts of the service at random points. Each client follows docs/protocol.md's one
 * rule (a higher rev applies, nothing else does); invariants (one end a call, every ring ends, nobody in
 * two) are checked from what clients heard and what the store has. 40 histories; XCALL_TEST_LONG=1: 1000.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xcall/life.h>

#include "calls_world.h"
#include "session.h"

#define PEOPLE 3
#define DEVICES 6 /* two each */
#define CALLS 128

static unsigned reached[CALL_ENDED + 1], ended[32], merges; /* what the histories went through */
static const char *const names[PEOPLE] = {"alice", "bob", "carol"};
static struct world world;
static unsigned base, made; /* calls of this history: base + 1 .. base + made */

struct place_of_call {
    int caller; /* person */
    int64_t invite_ms;
    int bound; /* callee device that accepted, -1 */
    uint32_t state, reason, row_rev;
};
static struct place_of_call calls[CALLS];
static struct view {
    json_int_t rev;
    bool rings, over;
} views[DEVICES][CALLS];
static size_t looked_at[DEVICES];

static struct client *device(int i)
{
    return &world.clients[i];
}

static int number_of(const char *call)
{
    unsigned number = 0;
    return call && sscanf(call, "%8x", &number) == 1 && number > base && number <= base + made
               ? (int)(number - base - 1)
               : -1;
}

static void id_of(int call, char id[37])
{
    make_id(id, base + 1 + (unsigned)call);
}

/* --- what a client makes of what it hears ------------------------------------------------------------ */

static void apply_state(int dev, int call, json_t *frame)
{
    struct view *view = &views[dev][call];
    json_int_t rev = json_integer_value(json_object_get(frame, "rev"));
    const char *st = json_string_value(json_object_get(answer_body(frame), "st"));
    assert_true(rev >= 1);
    if (calls[call].caller == dev / 2)
        assert_true(rev <= 5);
    if (rev <= view->rev)
        return;
    assert_false(view->over); /* what has ended has ended */
    view->rev = rev;
    if (strcmp(st, "ended") == 0) {
        assert_true(json_is_string(json_object_get(answer_body(frame), "end")));
        view->rings = false;
        view->over = calls[call].caller == dev / 2;
    } else {
        view->rings = false;
    }
}

static void apply_sync(int dev, json_t *frame)
{
    json_t *named = json_object_get(answer_body(frame), "calls");
    for (int call = 0; call < (int)made; call++) {
        bool there = false;
        char id[37];
        id_of(call, id);
        for (size_t i = 0; i < json_array_size(named); i++) {
            json_t *entry = json_array_get(named, i);
            if (strcmp(json_string_value(json_object_get(entry, "call")), id) == 0) {
                there = true;
                if (json_object_get(entry, "ring_left_ms"))
                    views[dev][call].rings = true;
                json_int_t rev = json_integer_value(json_object_get(entry, "rev"));
                if (rev > views[dev][call].rev)
                    views[dev][call].rev = rev;
            }
        }
        if (!there)
            views[dev][call].rings = false;
    }
}

static void listen_to(int dev)
{
    struct client *client = device(dev);
    if (looked_at[dev] > client->heard_count)
        looked_at[dev] = 0;
    for (; looked_at[dev] < client->heard_count; looked_at[dev]++) {
        if (getenv("XCALLD_SHOW"))
            printf("%lld dev %d %.400s\n", (long long)world.now, dev, client->raw[looked_at[dev]]);
        json_t *frame = client->heard[looked_at[dev]];
        const char *type = json_string_value(json_object_get(frame, "t"));
        int call = number_of(json_string_value(json_object_get(frame, "call")));
        if (strcmp(type, "sync") == 0)
            apply_sync(dev, frame);
        if (call < 0)
            continue;
        if (strcmp(type, "call.incoming") == 0) {
            json_int_t left =
                json_integer_value(json_object_get(answer_body(frame), "ring_left_ms"));
            assert_true(left > 0 && left <= 60000);
            json_int_t rev = json_integer_value(json_object_get(frame, "rev"));
            if (views[dev][call].rev < rev) {
                views[dev][call].rev = rev;
                views[dev][call].rings = true;
            }
        } else if (strcmp(type, "call.state") == 0) {
            apply_state(dev, call, frame);
        }
    }
    client_forget(client);
    looked_at[dev] = 0;
}

/* --- the store, after every step ------------------------------------------------------------------------ */

static void look_at_rows(void)
{
    bool timer = calls_deadline(world.service) < INT64_MAX;
    int joined[PEOPLE] = {0};
    for (int call = 0; call < (int)made; call++) {
        char id[37];
        uint8_t bytes[CALL_ID_SIZE];
        struct call_row row;
        id_of(call, id);
        assert_true(call_id_parse(id, bytes));
        int found = store_call_get(world.store, bytes, &row);
        if (found == STORE_NONE)
            continue;
        assert_int_equal(found, STORE_OK);
        struct place_of_call *known = &calls[call];
        if (known->state == CALL_ENDED) { /* terminal is immutable, one reason a call */
            assert_int_equal(row.state, CALL_ENDED);
            assert_int_equal(row.reason, known->reason);
            assert_int_equal(row.rev, known->row_rev);
        }
        assert_true(row.rev >= known->row_rev && row.state >= known->state);
        if (row.state != known->state)
            reached[row.state]++;
        if (row.state == CALL_ENDED && known->state != CALL_ENDED) {
            ended[row.reason]++;
            merges += row.reason == XCALL_LIFE_END_MERGED;
        }
        assert_int_equal(row.state == CALL_ENDED, row.reason != 0);
        known->state = row.state;
        known->reason = row.reason;
        known->row_rev = row.rev;
        if (row.state == CALL_RINGING)
            assert_true(world.now <= row.ring_deadline_ms + 1000 && timer);
        if (row.state == CALL_ACCEPTED)
            assert_true(timer);
        if (row.state == CALL_ACCEPTED || row.state == CALL_ACTIVE) {
            int people = 0;
            for (int p = 0; p < PEOPLE; p++) {
                int64_t user = device(2 * p)->user;
                joined[p] += user == row.caller || user == row.callee;
                people += joined[p] > 1;
            }
            assert_int_equal(people, 0); /* at most one accepted call a person */
        }
    }
}

static void look(void)
{
    for (int dev = 0; dev < DEVICES; dev++) {
        listen_to(dev);
        for (int call = 0; call < (int)made; call++) {
            if (views[dev][call].rings && device(dev)->connection)
                if (world.now > calls[call].invite_ms + 61000)
                    fail_msg("%s's device %d still rings for call %d", device(dev)->name, dev,
                             call);
        }
    }
    look_at_rows();
}

/* --- steps ------------------------------------------------------------------------------------------------ */

static int any_call(void)
{
    /* Mostly one of the last few. */
    unsigned back = world_chance(&world, made < 4 ? made : 4);
    return world_chance(&world, 8) ? (int)(made - 1 - back) : (int)world_chance(&world, made);
}

static void step_invite(int dev)
{
    if (made == CALLS)
        return;
    int to = (dev / 2 + 1 + (int)world_chance(&world, 2)) % PEOPLE;
    char id[37];
    make_id(id, base + ++made);
    calls[made - 1] = (struct place_of_call){dev / 2, world.now, -1, 0, 0, 0};
    client_send(&world, device(dev), "call.invite", id, make_invite(device(dev), names[to], "a"));
}

static void step_accept(int dev, int call)
{
    char id[37];
    id_of(call, id);
    json_t *answer = client_ask(&world, device(dev), "call.accept", id,
                                json_pack("{s:o}", "body", make_body(device(dev), "answer", NULL)));
    if (strcmp(answer_code(answer), "ok") != 0)
        return;
    assert_true(calls[call].bound < 0 || calls[call].bound == dev); /* one bound device */
    assert_int_not_equal(calls[call].caller, dev / 2);
    calls[call].bound = dev;
    views[dev][call].rings = false;
    json_int_t rev = json_integer_value(json_object_get(answer_body(answer), "rev"));
    if (rev > views[dev][call].rev)
        views[dev][call].rev = rev;
}

static void step_accept_ringing(void)
{
    for (int dev = 0; dev < DEVICES; dev++) {
        for (int call = 0; call < (int)made; call++) {
            if (views[dev][call].rings && device(dev)->connection && world_chance(&world, 2)) {
                step_accept(dev, call);
                return;
            }
        }
    }
}

static void step_setting(int dev)
{
    static const char *const members[] = {"has_av_calls_enabled", "accept_calls_from_following",
                                          "hide_busy", "silence_strangers"};
    const char *who = names[(dev / 2 + 1 + (int)world_chance(&world, 2)) % PEOPLE];
    if (world_chance(&world, 2)) {
        client_ask(&world, device(dev), "block.set", NULL,
                   json_pack("{s:s,s:b}", "who", who, "on", world_chance(&world, 4) == 0));
        return;
    }
    unsigned which = world_chance(&world, 4);
    client_ask(&world, device(dev), "perm.set", NULL,
               json_pack("{s:b}", members[which], (int)(world_chance(&world, 3) != 0)));
}

static void step_simple(int dev, int call)
{
    static const struct {
        const char *type, *member, *value;
    } requests[] = {
        {"call.alerting", "x", "x"},     {"call.alerting", "x", "x"},
        {"call.decline", "why", "user"}, {"call.decline", "why", "unsupported"},
        {"call.cancel", "x", "x"},       {"call.hangup", "why", "hangup"},
        {"call.media", "state", "up"},   {"call.media", "state", "up"},
        {"call.media", "state", "lost"}, {"sync", "x", "x"},
        {"turn.get", "x", "x"},          {"call.hangup", "why", "blocked"},
    };
    unsigned which = world_chance(&world, sizeof requests / sizeof requests[0]);
    char id[37];
    id_of(call, id);
    bool plain = strcmp(requests[which].type, "sync") == 0;
    client_ask(&world, device(dev), requests[which].type, plain ? NULL : id,
               json_pack("{s:s}", requests[which].member, requests[which].value));
}

/* Every device that rings for one call says that it cannot; by chance the last one rarely does. */
static void step_unsupported(void)
{
    int call = any_call();
    char id[37];
    id_of(call, id);
    for (int dev = 0; dev < DEVICES; dev++) {
        if (views[dev][call].rings && device(dev)->connection)
            client_ask(&world, device(dev), "call.decline", id,
                       json_pack("{s:s}", "why", "unsupported"));
    }
}

/* What two devices that joined do mostly, and rarely do by chance. */
static void step_media(int call)
{
    char id[37];
    id_of(call, id);
    for (int dev = 0; dev < DEVICES; dev++) {
        bool one_of_them = dev == calls[call].bound || dev / 2 == calls[call].caller;
        if (one_of_them && calls[call].bound >= 0 && device(dev)->connection)
            client_ask(&world, device(dev), "call.media", id, json_pack("{s:s}", "state", "up"));
    }
}

static void step_connection(int dev)
{
    struct client *client = device(dev);
    char id[37];
    if (client->connection && world_chance(&world, 4)) {
        client_drop(&world, client);
        return;
    }
    if (client->connection)
        client_drop(&world, client);
    if (*client->epoch && world_chance(&world, 2)) {
        client_resume(&world, client);
        return;
    }
    int call = made ? any_call() : -1;
    if (call >= 0)
        id_of(call, id);
    client_connect(&world, client, call >= 0 && world_chance(&world, 2) ? id : NULL);
}

static void step(void)
{
    int dev = (int)world_chance(&world, DEVICES);
    unsigned what = world_chance(&world, 100);
    if (what < 20) {
        static const int64_t steps[] = {5, 50, 300, 300, 1500, 1500, 6000, 6000, 16000, 31000};
        world_advance(&world, steps[world_chance(&world, 10)]);
        return;
    }
    if (what < 22) {
        world_restart(&world);
        return;
    }
    if (what < 32 || !device(dev)->connection) {
        step_connection(dev);
        return;
    }
    if (what < 42 || !made)
        step_invite(dev);
    else if (what < 52)
        step_media(any_call());
    else if (what < 58)
        step_accept(dev, any_call());
    else if (what < 68)
        step_accept_ringing();
    else if (what < 73)
        step_setting(dev);
    else if (what < 75)
        step_unsupported();
    else
        step_simple(dev, any_call());
}

/* All are connected, nobody does anything: what rings ends, what is joined ends with its people. */
static void finish(void)
{
    for (int dev = 0; dev < DEVICES; dev++) {
        if (!device(dev)->connection)
            client_connect(&world, device(dev), NULL);
        listen_to(dev);
    }
    world_advance(&world, 70000);
    look();
    for (int dev = 0; dev < DEVICES; dev++) {
        for (int call = 0; call < (int)made; call++)
            assert_false(views[dev][call].rings);
    }
    for (int dev = 0; dev < DEVICES; dev++)
        client_drop(&world, device(dev));
    world_advance(&world, 130000);
    look();
    uint8_t ids[4][CALL_ID_SIZE];
    size_t live = 0;
    assert_int_equal(store_calls_live(world.store, 0, ids, 4, &live), STORE_OK);
    assert_int_equal(live, 0);
}

static void one_history(unsigned seed)
{
    memset(views, 0, sizeof views);
    memset(calls, 0, sizeof calls);
    memset(looked_at, 0, sizeof looked_at);
    base += made;
    made = 0;
    world.random = seed;
    for (int a = 0; a < PEOPLE; a++) { /* nothing is left of the last history */
        struct call_settings settings;
        int64_t user = device(2 * a)->user;
        store_settings_get(world.store, user, &settings);
        settings.enabled = settings.following = true;
        settings.hide_busy = settings.silence_strangers = false;
        store_settings_set(world.store, user, &settings);
        for (int b = 0; b < PEOPLE; b++)
            store_edge_set(world.store, EDGE_BLOCK, user, device(2 * b)->user, false, world.now);
    }
    for (int dev = 0; dev < DEVICES; dev++)
        client_connect(&world, device(dev), NULL);
    for (int i = 0; i < 120; i++) {
        if (getenv("XCALLD_SHOW"))
            printf("seed %u step %d\n", seed, i);
        step();
        look();
    }
    finish();
}

static void test_random_histories(void **state)
{
    (void)state;
    static const char *const off[] = {
        "limit_pair",         "limit_pair_day",      "limit_callees", "limit_calls_account",
        "limit_calls_device", "limit_calls_address", "limit_cancels", "limit_frames",
        "limit_strangers",    "limit_connections",   "limit_messages"};
    int64_t ids[PEOPLE];
    world_start(&world, NULL);
    for (int p = 0; p < PEOPLE; p++)
        ids[p] = world_account(&world, names[p]);
    for (int a = 0; a < PEOPLE; a++) {
        for (int b = 0; b < PEOPLE; b++) {
            if (a != b)
                world_friends(&world, ids[a], ids[b]);
        }
    }
    for (int dev = 0; dev < DEVICES; dev++)
        world_client(&world, names[dev / 2]);
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
        world_policy(&world, off[i], "off");
    const char *many = getenv("XCALLD_CORE_HISTORIES");
    unsigned count = many ? (unsigned)atoi(many) : getenv("XCALL_TEST_LONG") ? 1000 : 40;
    for (unsigned seed = 1; seed <= count; seed++)
        one_history(seed);
    /* The histories did go through all of it. */
    if (getenv("XCALLD_SHOW"))
        printf("%u accepted, %u active, %u merged\n", reached[CALL_ACCEPTED], reached[CALL_ACTIVE],
               merges);
    for (uint32_t state_of_call = CALL_ACCEPTED; state_of_call <= CALL_ACTIVE; state_of_call++)
        assert_true(reached[state_of_call] > count / 4);
    assert_true(merges > count / 10);
    static const uint32_t ends[] = {
        XCALL_LIFE_END_HANGUP,      XCALL_LIFE_END_CANCELLED,      XCALL_LIFE_END_DECLINED,
        XCALL_LIFE_END_NO_ANSWER,   XCALL_LIFE_END_UNREACHABLE,    XCALL_LIFE_END_BUSY,
        XCALL_LIFE_END_BLOCKED,     XCALL_LIFE_END_FAILED_CONNECT, XCALL_LIFE_END_SUPERSEDED,
        XCALL_LIFE_END_UNSUPPORTED, XCALL_LIFE_END_MERGED,         XCALL_LIFE_END_SIGNAL_LOST};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0] && count >= 300; i++) {
        if (!ended[ends[i]])
            fail_msg("no call ended with %u", (unsigned)ends[i]);
    }
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
