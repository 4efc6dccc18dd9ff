/* test_store_calls.c - calls in xcalld's store: one live call a pair, one accepted call a user, the compare
 * and set, races of two handles, history, guard figures. SPDX-License-Identifier: MIT */
#include "store_fixture.h"
#include "store_private.h"

#include <time.h>
#include <xcall/life.h>

static const uint8_t none[CALL_ID_SIZE];

static void insert_and_read(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    uint8_t other[CALL_ID_SIZE], ids[4][CALL_ID_SIZE];
    struct call_row row = a_call(1, bob, alice), read;
    struct gate_row gate;
    size_t count;
    row.video = row.relay = row.reached = row.shadow = row.caller_up = row.callee_lost = true;
    row.merged_into[3] = 5;
    OK(store_gate_row(store, bob, "alice", &gate));
    assert_false(gate.called_before);
    row.merged_into[3] = 0;
    OK(store_call_insert(store, &row, other));
    OK(store_gate_row(store, bob, "alice", &gate));
    assert_true(gate.called_before);
    OK(store_gate_row(store, alice, "bob", &gate));
    assert_false(gate.called_before);
    OK(store_call_get(store, row.id, &read));
    assert_string_equal(read.offer, row.offer);
    assert_null(read.answer);
    read.offer = row.offer;
    assert_memory_equal(&row, &read, sizeof row);
    memset(other, 1, sizeof other);
    IS(CONFLICT, store_call_insert(store, &row, other)); /* the id is known */
    assert_memory_equal(other, none, CALL_ID_SIZE);
    struct call_row back = a_call(2, alice, bob); /* glare */
    IS(CONFLICT, store_call_insert(store, &back, other));
    assert_memory_equal(other, row.id, CALL_ID_SIZE);
    IS(NONE, store_call_get(store, back.id, &read));
    /* its tombstone is no live call */
    back.state = CALL_ENDED;
    back.reason = XCALL_LIFE_END_MERGED;
    memcpy(back.merged_into, row.id, CALL_ID_SIZE);
    OK(store_call_insert(store, &back, other));
    OK(store_call_get(store, back.id, &read));
    assert_memory_equal(read.merged_into, row.id, CALL_ID_SIZE);
    assert_null(read.offer);
    OK(store_calls_live(store, 0, ids, 4, &count));
    assert_int_equal(count, 1);
    OK(store_calls_live(store, alice, ids, 4, &count));
    assert_int_equal(count, 1);
    OK(store_calls_live(store, bob, ids, 4, &count));
    assert_int_equal(count, 1);
    assert_memory_equal(ids[0], row.id, CALL_ID_SIZE);
    OK(store_calls_live(store, 99, ids, 4, &count));
    assert_int_equal(count, 0);
}

static struct call_row accepted(struct call_row row)
{
    row.state = CALL_ACCEPTED;
    row.rev = 2;
    row.callee_dev = 4;
    row.accept_ms = NOW + 3000;
    row.answer = "{\"type\":\"answer\"}";
    return row;
}

static struct call_row ended(struct call_row row, uint32_t reason)
{
    row.state = CALL_ENDED;
    row.rev++;
    row.reason = reason;
    row.end_ms = NOW + 90000;
    return row;
}

/* The accepted or active call of a user. */
static int place_of(struct store *store, int64_t user, uint8_t id[CALL_ID_SIZE])
{
    sqlite3_stmt *stmt =
        db_query(store, "SELECT call_id FROM user_call WHERE user_id=?1", "i", user);
    int result = db_step(store, stmt);
    if (result == STORE_OK)
        db_blob(stmt, 0, id, CALL_ID_SIZE);
    return db_end(stmt, result);
}

static void compare_and_set(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"),
            carl = account(store, "carl");
    uint8_t other[CALL_ID_SIZE], id[CALL_ID_SIZE];
    struct call_row first = a_call(1, alice, bob), second = a_call(2, carl, bob),
                    third = a_call(3, alice, carl), read;
    int busy = 7;
    OK(store_call_insert(store, &first, other));
    OK(store_call_insert(store, &second, other));
    OK(store_call_insert(store, &third, other));
    struct call_row win = accepted(first);
    IS(CONFLICT, store_call_update(store, &win, CALL_RINGING, 9, &busy));
    assert_int_equal(busy, 0);
    OK(store_call_update(store, &win, CALL_RINGING, 1, &busy));
    IS(CONFLICT, store_call_update(store, &win, CALL_RINGING, 1, NULL));
    OK(store_call_get(store, first.id, &read));
    assert_string_equal(read.answer, win.answer);
    assert_string_equal(read.offer, win.offer);
    assert_int_equal(read.callee_dev, 4);
    OK(place_of(store, bob, id));
    assert_memory_equal(id, first.id, CALL_ID_SIZE);
    IS(NONE, place_of(store, carl, id));
    /* each end of the others' calls is busy; nothing of the attempt stays */
    struct call_row lose = accepted(second);
    IS(CONFLICT, store_call_update(store, &lose, CALL_RINGING, 1, &busy));
    assert_int_equal(busy, 2);
    lose = accepted(third);
    IS(CONFLICT, store_call_update(store, &lose, CALL_RINGING, 1, &busy));
    assert_int_equal(busy, 1);
    IS(NONE, place_of(store, carl, id));
    OK(store_call_get(store, second.id, &read));
    assert_true(read.state == CALL_RINGING && read.rev == 1 && read.callee_dev == 0);
    /* media, end: the places are free, the bodies gone */
    win.state = CALL_ACTIVE;
    win.rev = 3;
    win.active_ms = NOW + 4000;
    OK(store_call_update(store, &win, CALL_ACCEPTED, 2, &busy));
    win = ended(win, XCALL_LIFE_END_HANGUP);
    OK(store_call_update(store, &win, CALL_ACTIVE, 3, &busy));
    IS(NONE, place_of(store, bob, id));
    IS(NONE, place_of(store, alice, id));
    OK(store_call_get(store, first.id, &read));
    assert_null(read.offer);
    assert_null(read.answer);
    assert_int_equal(read.reason, XCALL_LIFE_END_HANGUP);
    lose = accepted(second);
    OK(store_call_update(store, &lose, CALL_RINGING, 1, &busy));
    /* the end of another call of bob's does not take this one's place */
    struct call_row fourth = a_call(4, alice, bob);
    OK(store_call_insert(store, &fourth, other));
    fourth = ended(fourth, XCALL_LIFE_END_BUSY);
    OK(store_call_update(store, &fourth, CALL_RINGING, 1, &busy));
    OK(place_of(store, bob, id));
    assert_memory_equal(id, second.id, CALL_ID_SIZE);
}

/* Two handles, as two processes: whoever is second finds the row changed. */
static void two_writers(void **state)
{
    struct store *store = *state, *rival = fixture_again(fixture_path);
    uint8_t other[CALL_ID_SIZE];
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        int64_t a = account(store, name);
        snprintf(name, sizeof name, "b%d", i);
        int64_t b = account(rival, name);
        struct call_row mine = a_call(2 * i, a, b), his = a_call(2 * i + 1, b, a);
        struct store *first = i % 2 ? store : rival, *second = i % 2 ? rival : store;
        OK(store_call_insert(first, &mine, other));
        IS(CONFLICT, store_call_insert(second, &his, other));
        assert_memory_equal(other, mine.id, CALL_ID_SIZE);
        struct call_row answer = accepted(mine), end = ended(mine, XCALL_LIFE_END_CANCELLED);
        int busy;
        OK(store_call_update(second, i % 3 ? &answer : &end, CALL_RINGING, 1, &busy));
        IS(CONFLICT, store_call_update(first, i % 3 ? &end : &answer, CALL_RINGING, 1, &busy));
        assert_int_equal(busy, 0);
    }
    store_close(rival);
}

static void history(void **state)
{
    struct store *store = *state;
    int64_t alice = account(store, "alice"), bob = account(store, "bob"),
            carl = account(store, "carl");
    static const uint32_t reasons[] = {XCALL_LIFE_END_NO_ANSWER, XCALL_LIFE_END_DECLINED,
                                       XCALL_LIFE_END_CANCELLED, XCALL_LIFE_END_BUSY,
                                       XCALL_LIFE_END_BLOCKED,   XCALL_LIFE_END_UNREACHABLE};
    static const bool missed[] = {true, false, true, true, false, true};
    struct history_row rows[16];
    uint8_t other[CALL_ID_SIZE];
    size_t count;
    for (int i = 0; i < 6; i++) {
        struct call_row row = a_call(i, i % 2 ? carl : alice, bob);
        OK(store_call_insert(store, &row, other));
        row = ended(row, reasons[i]);
        OK(store_call_update(store, &row, CALL_RINGING, 1, NULL));
    }
    struct call_row row = a_call(6, bob, alice);
    OK(store_call_insert(store, &row, other));
    OK(store_history(store, bob, 0, rows, 16, &count));
    assert_int_equal(count, 6); /* a live call is not history */
    struct call_row live = accepted(row);
    OK(store_call_update(store, &live, CALL_RINGING, 1, NULL));
    live.active_ms = NOW + 30000;
    live = ended(live, XCALL_LIFE_END_HANGUP);
    OK(store_call_update(store, &live, CALL_ACCEPTED, 2, NULL));
    OK(store_history(store, bob, 0, rows, 16, &count));
    assert_int_equal(count, 7);
    assert_true(rows[0].outgoing && !rows[0].missed);
    assert_int_equal(rows[0].duration_ms, 60000);
    for (int i = 0; i < 6; i++) {
        const struct history_row *seen = &rows[6 - i];
        assert_string_equal(seen->peer, i % 2 ? "carl" : "alice");
        assert_int_equal(seen->missed, missed[i]);
        assert_int_equal(seen->at_ms, NOW + i);
        assert_int_equal(seen->duration_ms, 0);
    }
    OK(store_history(store, bob, NOW + 3, rows, 2, &count));
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].at_ms, NOW + 2);
    OK(store_history(store, alice, 0, rows, 16, &count));
    assert_int_equal(count, 4);
    assert_false(rows[3].missed); /* her own call */
    OK(store_account_delete(store, carl, NOW));
    OK(store_history(store, bob, 0, rows, 16, &count));
    assert_int_equal(count, 7);
    assert_string_equal(rows[1].peer, "");
}

static void guard(void **state)
{
    struct store *store = *state;
    struct guard_figures figures;
    uint8_t other[CALL_ID_SIZE];
    for (int i = 0; i < 40; i++) { /* every second is answered, of them all but 2 connect, 3 drop */
        struct call_row row = a_call(i, 100 + i, 200 + i);
        row.video = i % 4 == 0;
        row.relay = i >= 30;
        OK(store_call_insert(store, &row, other));
        if (i % 2 == 0) {
            row = accepted(row);
            row.active_ms = i < 4 ? 0 : NOW + 5000;
            row.caller_vanished = i == 10 || i == 12; /* 12: video, 10: not */
            row.callee_vanished = i == 12 || i == 36; /* 36: video, relayed */
            OK(store_call_update(store, &row, CALL_RINGING, 1, NULL));
        }
        uint32_t state_now = row.state, rev = row.rev;
        row = ended(row, i >= 34 && i % 2 == 0 ? XCALL_LIFE_END_MEDIA_LOST : XCALL_LIFE_END_HANGUP);
        OK(store_call_update(store, &row, state_now, rev, NULL));
        struct quality quality = {.setup_ms = i < 8 ? -1 : 100 * i,
                                  .video = row.video,
                                  .relay = row.relay,
                                  .version = "0.1"};
        memcpy(quality.call, row.id, CALL_ID_SIZE);
        if (i % 2 == 0 && i < 28)
            OK(store_quality_add(store, &quality, NOW + 9000));
        if (i == 0 || i == 33)
            OK(store_report_add(store, 1, 2, row.id, "spam", "", NOW));
    }
    OK(store_guard_figures(store, "calls.make", NOW, &figures));
    assert_int_equal(figures.calls, 40);
    assert_int_equal(figures.accepted, 20);
    assert_int_equal(figures.connected, 18);
    assert_int_equal(figures.dropped, 3);
    assert_int_equal(figures.reports, 2);
    assert_int_equal(figures.relayed, 10);
    assert_int_equal(figures.vanished, 4);
    assert_int_equal(figures.unreported, 2 * 18 - 12); /* of 0 and 2 nobody waits for one */
    assert_int_equal(figures.setup_p50_ms, 1600);      /* of 800, 1000 ... 2600 */
    assert_int_equal(figures.setup_p95_ms, 2600);
    assert_int_equal(figures.cohorts[0].calls + figures.cohorts[1].calls, 40);
    assert_int_equal(figures.cohorts[0].vanished + figures.cohorts[1].vanished, 4);
    OK(store_guard_figures(store, "calls.video", NOW, &figures));
    assert_int_equal(figures.calls, 10);
    assert_int_equal(figures.connected, 9);
    assert_int_equal(figures.dropped, 1);
    assert_int_equal(figures.reports, 1);
    assert_int_equal(figures.vanished, 3);
    assert_int_equal(figures.setup_p50_ms, 1600); /* of 800, 1200 ... 2400 */
    OK(store_guard_figures(store, "calls.p2p", NOW, &figures));
    assert_int_equal(figures.calls, 30);
    assert_int_equal(figures.relayed, 0);
    assert_int_equal(figures.vanished, 3);
    assert_int_equal(figures.dropped, 0);
    assert_int_equal(figures.reports, 1);
    OK(store_guard_figures(store, "calls.make", NOW + 20, &figures));
    assert_int_equal(figures.calls, 20);
    OK(store_guard_figures(store, "calls.make", NOW + 100000, &figures));
    assert_int_equal(figures.calls, 0);
    assert_int_equal(figures.setup_p50_ms, -1);
}

/* The same five calls as each of the features sees them. alice and carl do not pay, bob does. */
struct people {
    int64_t alice, bob, carl;
};

static struct people guard_calls_add(struct store *store)
{
    int64_t alice = account(store, "alice"), bob = account(store, "bob");
    int64_t carl = account(store, "carl");
    const struct {
        int64_t caller, callee;
        bool video, relay, accepted, active;
        uint32_t end;
    } rows[] = {
        {alice, bob, false, false, true, true, XCALL_LIFE_END_HANGUP},
        {alice, bob, true, true, true, true, XCALL_LIFE_END_MEDIA_LOST},
        {bob, alice, false, false, true, false, XCALL_LIFE_END_FAILED_CONNECT},
        {carl, alice, true, false, false, false, XCALL_LIFE_END_NO_ANSWER},
        {carl, bob, false, true, true, true, XCALL_LIFE_END_MEDIA_LOST},
    };
    uint8_t other[CALL_ID_SIZE];
    for (int i = 0; i < 5; i++) {
        struct call_row row = a_call(i, rows[i].caller, rows[i].callee);
        row.video = rows[i].video;
        row.relay = rows[i].relay;
        OK(store_call_insert(store, &row, other));
        if (rows[i].accepted) {
            row = accepted(row);
            row.active_ms = rows[i].active ? NOW + 5000 : 0;
            row.callee_vanished = i == 4;
            OK(store_call_update(store, &row, CALL_RINGING, 1, NULL));
        }
        uint32_t state_now = row.state, rev = row.rev;
        row = ended(row, rows[i].end);
        OK(store_call_update(store, &row, state_now, rev, NULL));
    }
    return (struct people){alice, bob, carl};
}

static void report(struct store *store, int64_t by, int64_t about, int call)
{
    struct call_row row = a_call(call, by, about);
    OK(store_report_add(store, by, about, call < 0 ? NULL : row.id, "spam", "", NOW));
}

static void expect_cohort(const struct guard_cohort *is, int64_t calls, int64_t accepted,
                          int64_t connected, int64_t dropped, int64_t reports)
{
    assert_int_equal(is->calls, calls);
    assert_int_equal(is->accepted, accepted);
    assert_int_equal(is->connected, connected);
    assert_int_equal(is->dropped, dropped);
    assert_int_equal(is->reports, reports);
}

/* calls.receive is of the callee, the others of the caller; video and p2p of their own calls only. */
static void guard_features(void **state)
{
    struct store *store = *state;
    struct guard_figures figures;
    struct account paying;
    struct people people = guard_calls_add(store);
    int64_t alice = people.alice, bob = people.bob, carl = people.carl;
    OK(store_account_by_id(store, bob, &paying));
    paying.paid = true;
    OK(store_account_set(store, &paying));
    report(store, bob, alice, 0);
    report(store, bob, carl, 4);
    report(store, alice, bob, 2);
    report(store, alice, carl, 3);
    report(store, alice, bob, -1); /* of what somebody wrote: his who did, and hers who got it */
    report(store, alice, carl, -1);
    OK(store_guard_figures(store, "calls.make", NOW, &figures));
    expect_cohort(&figures.cohorts[0], 4, 3, 3, 2, 4);
    expect_cohort(&figures.cohorts[1], 1, 1, 0, 0, 2);
    assert_int_equal(figures.cohorts[0].vanished, 1);
    assert_int_equal(figures.cohorts[0].relayed, 2);
    assert_int_equal(figures.reports, 6);
    OK(store_guard_figures(store, "calls.receive", NOW, &figures));
    expect_cohort(&figures.cohorts[0], 2, 1, 0, 0, 4);
    expect_cohort(&figures.cohorts[1], 3, 3, 3, 2, 2);
    assert_int_equal(figures.cohorts[1].vanished, 1);
    assert_int_equal(figures.cohorts[1].relayed, 2);
    assert_int_equal(figures.calls, 5);
    assert_int_equal(figures.reports, 6);
    OK(store_guard_figures(store, "calls.video", NOW, &figures));
    expect_cohort(&figures.cohorts[0], 2, 1, 1, 1, 1);
    expect_cohort(&figures.cohorts[1], 0, 0, 0, 0, 0);
    assert_int_equal(figures.reports, 1);
    assert_int_equal(figures.vanished, 0);
    OK(store_guard_figures(store, "calls.p2p", NOW, &figures));
    expect_cohort(&figures.cohorts[0], 2, 1, 1, 0, 2);
    expect_cohort(&figures.cohorts[1], 1, 1, 0, 0, 1);
    assert_int_equal(figures.reports, 3);
    OK(store_account_delete(store, bob, NOW)); /* whether he paid is not known any more */
    OK(store_guard_figures(store, "calls.receive", NOW, &figures));
    assert_int_equal(figures.cohorts[0].calls, 5);
    assert_int_equal(figures.cohorts[0].reports, 6);
}

/* A call that may be direct and found its way through a relay all the same is one of calls.p2p. */
static void guard_times(void **state)
{
    struct store *store = *state;
    struct guard_figures figures;
    struct people people = guard_calls_add(store);
    for (int i = 0; i < 2; i++) {
        struct call_row row = a_call(i, people.alice, people.bob);
        struct quality quality = {.setup_ms = i == 0 ? 700 : 300,
                                  .relay = i == 0, /* as the device saw it */
                                  .video = i == 1,
                                  .version = "0.1"};
        memcpy(quality.call, row.id, CALL_ID_SIZE);
        OK(store_quality_add(store, &quality, NOW + 9000));
    }
    OK(store_guard_figures(store, "calls.p2p", NOW, &figures));
    assert_int_equal(figures.setup_p50_ms, 700);
    assert_int_equal(figures.setup_p95_ms, 700);
    assert_int_equal(figures.unreported,
                     1); /* of call 0 alone: 2 did not connect, 3 was not answered */
    OK(store_guard_figures(store, "calls.video", NOW, &figures));
    assert_int_equal(figures.setup_p50_ms, 300);
    assert_int_equal(figures.setup_p95_ms, 300);
    OK(store_guard_figures(store, "calls.receive", NOW, &figures));
    assert_int_equal(figures.setup_p50_ms, 300);
    assert_int_equal(figures.setup_p95_ms, 700);
}

static double us_since(const struct timespec *from, int count)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((double)(now.tv_sec - from->tv_sec) * 1e6 +
            (double)(now.tv_nsec - from->tv_nsec) / 1e3) /
           count;
}

/* Printed, not asserted: the machine may be busy. */
static void figures(void **state)
{
    struct store *store = *state;
    enum { USERS = 2000, CALLS = 2000 };
    struct timespec start;
    struct gate_row row;
    uint8_t other[CALL_ID_SIZE];
    static int64_t ids[USERS];
    char name[16];
    OK(store_begin(store));
    for (int i = 0; i < USERS; i++) {
        snprintf(name, sizeof name, "user%d", i);
        ids[i] = account(store, name);
        for (int k = 1; k < 10 && i >= k; k++)
            OK(store_edge_set(store, k % 3, ids[i], ids[i - k], k % 3 != EDGE_BLOCK, NOW));
        if (i > 0)
            OK(store_dm_edge_set(store, ids[i], ids[i - 1], true, NOW));
    }
    OK(store_commit(store));
    clock_gettime(CLOCK_MONOTONIC, &start);
    OK(store_begin(store));
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "user%d", i * 7919 % USERS);
        OK(store_gate_row(store, ids[i % USERS], name, &row));
    }
    OK(store_commit(store));
    print_message("gate row %.1f us\n", us_since(&start, 20000));
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < CALLS; i++) {
        struct call_row call = a_call(i, ids[i], ids[(i + 1) % USERS]);
        OK(store_call_insert(store, &call, other));
    }
    print_message("insert, a transaction each %.1f us\n", us_since(&start, CALLS));
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < CALLS; i++) {
        struct call_row call = ended(a_call(i, ids[i], ids[(i + 1) % USERS]), 5);
        OK(store_call_update(store, &call, CALL_RINGING, 1, NULL));
    }
    print_message("end, a transaction each %.1f us\n", us_since(&start, CALLS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(insert_and_read), TEST(compare_and_set), TEST(two_writers), TEST(history),
        TEST(guard),           TEST(guard_features),  TEST(guard_times), TEST(figures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
