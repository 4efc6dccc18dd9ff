/* test_ring.c - the call object: every state by every event as written-out data, the timers, what each side
 * sees, and random histories against a model that is written another way, and
 * invariants. XCALL_TEST_LONG=1: a million histories. Virtual time.
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

#include "ring.h"

#define T0 INT64_C(1000000)
#define CALLER_DEV 7

static struct policy policy;

static int set_up(void **state)
{
    (void)state;
    memset(&policy, 0, sizeof policy);
    policy.ring_ms = 60000;
    policy.reach_ms = 20000;
    policy.reach_push_ms = 35000;
    policy.connect_ms = 30000;
    policy.media_lost_ms = 30000;
    policy.caller_gone_ms = 15000;
    policy.signal_lost_ms = 60000;
    policy.tombstone_ms = 120000;
    policy.alerting_min_ms = 1000;
    return 0;
}

/* --- a call in each state -------------------------------------------------------------------------- */

/* Devices 1 and 2 of the callee are connected, 3 can be woken, 4 is asleep for good. */
static void make(struct ring *ring, bool silent, struct ring_effects *effects)
{
    static const struct ring_device devices[] = {
        {1, true, false}, {2, true, true}, {3, false, true}, {4, false, false}};
    struct call_row row = {.id = {1, 2, 3}, .caller = 10, .callee = 20, .caller_dev = CALLER_DEV};
    row.shadow = silent;
    ring_new(ring, &row, devices, 4, &policy, T0, effects);
}

static int step_at(struct ring *ring, int64_t now, struct ring_event event,
                   struct ring_effects *effects)
{
    struct ring after;
    struct ring_effects mine;
    effects = effects ? effects : &mine;
    int answer = ring_step(ring, &policy, now, &event, &after, effects);
    *ring = after;
    return answer;
}

static struct ring in_state(int column)
{
    struct ring ring;
    struct ring_effects effects;
    make(&ring, false, &effects);
    if (column == 1)
        step_at(&ring, T0 + 2000, (struct ring_event){.type = RING_NARROWED}, NULL);
    if (column >= 2)
        step_at(&ring, T0 + 2000, (struct ring_event){.type = RING_ACCEPT, .dev = 1}, NULL);
    if (column >= 3) {
        step_at(&ring, T0 + 2100, (struct ring_event){.type = RING_CALLER_UP}, NULL);
        step_at(&ring, T0 + 2200, (struct ring_event){.type = RING_CALLEE_UP, .dev = 1}, NULL);
    }
    if (column == 4)
        step_at(&ring, T0 + 3000, (struct ring_event){.type = RING_CALLER_HANGUP}, NULL);
    return ring;
}

/* --- a step in words: "answer state[:end] [w] effects" --------------------------------------------- */

static const char *state_word(const struct call_row *row)
{
    switch (row->state) {
    case CALL_RINGING:
        return row->shadow ? "shadow" : "ringing";
    case CALL_ACCEPTED:
        return "accepted";
    case CALL_ACTIVE:
        return "active";
    default:
        return "ended";
    }
}

static void words(const struct ring *ring, const struct ring_effects *effects, int answer,
                  char *text, size_t size)
{
    static const char *const answers[] = {"ok", "over", "race", "not", "wrong"};
    static const char *const letters[] = {"",  "C", "B", "I", "S", "P",
                                          "X", "D", "A", "U", "Q", "F"};
    size_t at = (size_t)snprintf(text, size, "%s %s", answers[answer], state_word(&ring->row));
    if (ring->row.state == CALL_ENDED)
        at += (size_t)snprintf(text + at, size - at, ":%s", end_name(ring->row.reason));
    if (effects->write)
        at += (size_t)snprintf(text + at, size - at, " w");
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct ring_effect *effect = &effects->list[i];
        at += (size_t)snprintf(text + at, size - at, " %s", letters[effect->type]);
        if (effect->dev)
            at += (size_t)snprintf(text + at, size - at, "%d", (int)effect->dev);
        if (effect->end)
            at += (size_t)snprintf(text + at, size - at, "=%s", end_name(effect->end));
    }
}

/* Ten seconds after the invite, by device 1 (which is the bound one) or the caller's. Written by hand from
 * table 2.5; the letters: w the row is written, C the caller is told, B the bound device, I rings, S stops,
 * X what was kept goes out, D declined, A answered, U unanswered, F no live call any more. */
#define ENDED_OVER "over ended:hangup"
#define ENDED_OK "ok ended:hangup"
static const struct pair_row {
    int event;
    uint32_t end;
    bool allowed;
    const char *expected[5]; /* ringing, shadow, accepted, active, ended */
} pairs[] = {
    {RING_CANCEL,
     0,
     false,
     {"ok ended:cancelled w S1=cancelled S2=cancelled C U F", "ok ended:cancelled w C U F",
      "ok ended:hangup w C B1 F", "ok ended:hangup w C B1 F", ENDED_OVER}},
    {RING_CALLER_HANGUP,
     XCALL_LIFE_END_MEDIA_LOST,
     false,
     {"ok ended:cancelled w S1=cancelled S2=cancelled C U F", "ok ended:cancelled w C U F",
      "ok ended:media_lost w C B1 F", "ok ended:media_lost w C B1 F", ENDED_OVER}},
    {RING_CALLER_HANGUP, /* who is busy does not place calls */
     XCALL_LIFE_END_BUSY,
     false,
     {"ok ended:cancelled w S1=cancelled S2=cancelled C U F", "ok ended:cancelled w C U F",
      "ok ended:hangup w C B1 F", "ok ended:hangup w C B1 F", ENDED_OVER}},
    {RING_CALLER_UP,
     0,
     false,
     {"wrong ringing", "wrong shadow", "ok accepted w", "ok active", ENDED_OVER}},
    {RING_CALLER_LOST,
     0,
     false,
     {"wrong ringing", "wrong shadow", "ok accepted w", "ok active w", ENDED_OVER}},
    {RING_CALLER_ON, 0, false, {"ok ringing", "ok shadow", "ok accepted", "ok active", ENDED_OK}},
    {RING_CALLER_OFF, 0, false, {"ok ringing", "ok shadow", "ok accepted", "ok active", ENDED_OK}},
    {RING_CALLER_GONE,
     0,
     false,
     {"ok ended:cancelled w S1=cancelled S2=cancelled C U F", "ok ended:cancelled w C U F",
      "ok ended:hangup w C B1 F", "ok ended:hangup w C B1 F", ENDED_OK}},
    {RING_CALLER_TAKEN,
     XCALL_LIFE_END_BUSY,
     false,
     {"ok ended:busy w S1=busy S2=busy C U F", "ok ended:busy w C U F", "ok accepted", "ok active",
      ENDED_OK}},
    {RING_CALLER_BLOCKS,
     0,
     false,
     {"ok ended:cancelled w S1=cancelled S2=cancelled C U F", "ok ended:cancelled w C U F",
      "ok ended:blocked w C B1 F", "ok ended:blocked w C B1 F", ENDED_OK}},
    {RING_SUPERSEDE,
     0,
     false,
     {"ok ended:superseded w S1=cancelled S2=cancelled C U F", "ok ended:superseded w C U F",
      "ok ended:superseded w C B1 F", "ok ended:superseded w C B1 F", ENDED_OK}},
    {RING_ALERTING,
     0,
     false,
     {"ok ringing w C", "over shadow", "ok accepted", "ok active", ENDED_OVER}},
    {RING_ACCEPT,
     0,
     false,
     {"ok accepted w C S2=answered_elsewhere X A", "over shadow", "ok accepted", "ok active",
      ENDED_OVER}},
    {RING_DECLINE,
     XCALL_LIFE_END_DECLINED,
     false,
     {"ok ended:declined w D S1=declined S2=declined_elsewhere C U F", "over shadow",
      "ok ended:hangup w C B1 F", "ok ended:hangup w C B1 F", ENDED_OVER}},
    {RING_DECLINE,
     XCALL_LIFE_END_BUSY,
     false,
     {"ok ended:busy w D S1=busy S2=declined_elsewhere C U F", "over shadow",
      "ok ended:hangup w C B1 F", "ok ended:hangup w C B1 F", ENDED_OVER}},
    {RING_UNSUPPORTED,
     0,
     false,
     {"ok ringing w S1=unsupported", "over shadow", "ok ended:hangup w C B1 F",
      "ok ended:hangup w C B1 F", ENDED_OVER}},
    {RING_CALLEE_HANGUP,
     XCALL_LIFE_END_FAILED_CONNECT,
     false,
     {"ok ended:declined w D S1=declined S2=declined_elsewhere C U F", "over shadow",
      "ok ended:failed_connect w C B1 F", "ok ended:failed_connect w C B1 F", ENDED_OVER}},
    {RING_CALLEE_UP,
     0,
     false,
     {"wrong ringing", "over shadow", "ok accepted w", "ok active", ENDED_OVER}},
    {RING_CALLEE_LOST,
     0,
     false,
     {"wrong ringing", "over shadow", "ok accepted w", "ok active w", ENDED_OVER}},
    {RING_CALLEE_ON, 0, true, {"ok ringing I1", "ok shadow", "ok accepted", "ok active", ENDED_OK}},
    {RING_CALLEE_ON,
     0,
     false,
     {"ok shadow w S1=cancelled S2=cancelled", "ok shadow", "ok accepted", "ok active", ENDED_OK}},
    {RING_CALLEE_OFF,
     0,
     false,
     {"ok ringing P1", "ok shadow", "ok accepted", "ok active", ENDED_OK}},
    {RING_CALLEE_GONE,
     0,
     false,
     {"ok ringing S1=cancelled", "ok shadow", "ok ended:hangup w C B1 F",
      "ok ended:hangup w C B1 F", ENDED_OK}},
    {RING_CALLEE_ACCOUNT_GONE,
     0,
     false,
     {"ok shadow w S1=cancelled S2=cancelled", "ok shadow", "ok ended:hangup w C B1 F",
      "ok ended:hangup w C B1 F", ENDED_OK}},
    {RING_MERGE,
     0,
     false,
     {"ok ringing w C", "ok ringing w C", "wrong accepted", "wrong active", ENDED_OVER}},
    {RING_CALLEE_BLOCKS,
     0,
     false,
     {"ok shadow w S1=cancelled S2=cancelled", "ok shadow", "ok ended:blocked w C B1 F",
      "ok ended:blocked w C B1 F", ENDED_OK}},
    {RING_NARROWED,
     0,
     false,
     {"ok shadow w S1=cancelled S2=cancelled", "ok shadow", "ok accepted", "ok active", ENDED_OK}},
    {RING_KILL,
     0,
     false,
     {"ok ended:perm_revoked w S1=cancelled S2=cancelled C U F", "ok ended:perm_revoked w C U F",
      "ok ended:perm_revoked w C B1 F", "ok ended:perm_revoked w C B1 F", ENDED_OK}},
    {RING_TIME, 0, false, {"ok ringing", "ok shadow", "ok accepted", "ok active", ENDED_OK}},
};

static void test_every_pair(void **state)
{
    (void)state;
    bool covered[RING_EVENTS] = {false};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        covered[pairs[i].event] = true;
        for (int column = 0; column < 5; column++) {
            struct ring ring = in_state(column), before = ring;
            struct ring_effects effects;
            struct ring_event event = {pairs[i].event, 1, pairs[i].end, pairs[i].allowed};
            char text[512];
            int answer = step_at(&ring, T0 + 10000, event, &effects);
            words(&ring, &effects, answer, text, sizeof text);
            if (strcmp(text, pairs[i].expected[column]) != 0)
                fail_msg("event %d in %d: \"%s\", not \"%s\"", event.type, column, text,
                         pairs[i].expected[column]);
            assert_int_equal(ring.row.rev, before.row.rev + (effects.write ? 1 : 0));
            if (column == 4)
                assert_memory_equal(&ring.row, &before.row, sizeof ring.row);
        }
    }
    for (int event = 0; event < RING_EVENTS; event++)
        assert_true(covered[event]);
}

/* Devices that are not the one of the table: another that rings, one that was pushed, a stranger. */
static void test_other_devices(void **state)
{
    (void)state;
    static const struct {
        int column, event;
        int32_t dev;
        const char *expected;
    } rows[] = {
        {0, RING_ALERTING, 9, "not ringing"},
        {0, RING_ACCEPT, 9, "not ringing"},
        {0, RING_DECLINE, 9, "not ringing"},
        {0, RING_UNSUPPORTED, 9, "not ringing"},
        {0, RING_CALLEE_ON, 3, "ok ringing I3"},
        {0, RING_CALLEE_ON, 9, "ok ringing I9"},
        {0, RING_CALLEE_GONE, 9, "ok ringing"},
        {0, RING_MERGE, 9, "ok ringing w C"},
        {0, RING_ACCEPT, 3, "ok accepted w C S1=answered_elsewhere S2=answered_elsewhere X A"},
        {1, RING_ACCEPT, 9, "not shadow"},
        {2, RING_ACCEPT, 2, "race accepted"},
        {2, RING_ALERTING, 2, "over accepted"},
        {2, RING_DECLINE, 2, "over accepted"},
        {2, RING_CALLEE_HANGUP, 2, "over accepted"},
        {2, RING_CALLEE_UP, 2, "over accepted"},
        {2, RING_CALLEE_GONE, 2, "ok accepted"},
        {3, RING_ACCEPT, 2, "race active"},
        {3, RING_CALLEE_OFF, 2, "ok active"},
        {4, RING_ACCEPT, 2, "over ended:hangup"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ring ring = in_state(rows[i].column);
        struct ring_effects effects;
        struct ring_event event = {rows[i].event, rows[i].dev, 0, true};
        char text[512];
        int answer = step_at(&ring, T0 + 10000, event, &effects);
        words(&ring, &effects, answer, text, sizeof text);
        assert_string_equal(text, rows[i].expected);
    }
}

/* --- timers ----------------------------------------------------------------------------------------- */

static void expect_time(struct ring *ring, int64_t now, const char *expected)
{
    struct ring_effects effects;
    char text[512];
    int answer = step_at(ring, now, (struct ring_event){.type = RING_TIME}, &effects);
    words(ring, &effects, answer, text, sizeof text);
    assert_string_equal(text, expected);
}

static void test_timers(void **state)
{
    (void)state;
    struct ring_effects effects;
    struct ring ring = in_state(0);
    /* Device 3 was pushed: 35 s to reach, and nobody rings. */
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 35000);
    expect_time(&ring, T0 + 34999, "ok ringing");
    expect_time(&ring, T0 + 35000, "ok ended:unreachable w S1=no_answer S2=no_answer C U F");
    assert_int_equal(ring_deadline(&ring, &policy), RING_NEVER);
    assert_string_equal(end_name(ring_view_caller(&ring).end), "no_answer");
    /* Reached at 200 ms: the caller hears of it after a second, and it rings for a minute. */
    ring = in_state(0);
    step_at(&ring, T0 + 200, (struct ring_event){.type = RING_ALERTING, .dev = 1}, &effects);
    assert_int_equal(effects.count, 0);
    assert_false(ring_view_caller(&ring).reached);
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 1000);
    expect_time(&ring, T0 + 1000, "ok ringing C");
    assert_true(ring_view_caller(&ring).reached);
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 60000);
    /* The caller's socket is lost, and comes back, and is lost. */
    step_at(&ring, T0 + 5000, (struct ring_event){.type = RING_CALLER_OFF}, NULL);
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 20000);
    step_at(&ring, T0 + 19000, (struct ring_event){.type = RING_CALLER_ON}, NULL);
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 60000);
    struct ring gone = ring;
    step_at(&gone, T0 + 20000, (struct ring_event){.type = RING_CALLER_OFF}, NULL);
    expect_time(&gone, T0 + 35000, "ok ended:cancelled w S1=cancelled S2=cancelled C U F");
    expect_time(&ring, T0 + 60000, "ok ended:no_answer w S1=no_answer S2=no_answer C U F");
    ring = in_state(2);
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 32000);
    expect_time(&ring, T0 + 32000, "ok ended:failed_connect w C B1 F");
    ring = in_state(3);
    assert_int_equal(ring_deadline(&ring, &policy), RING_NEVER);
    step_at(&ring, T0 + 10000, (struct ring_event){.type = RING_CALLER_LOST}, NULL);
    assert_int_equal(ring_deadline(&ring, &policy), RING_NEVER);
    step_at(&ring, T0 + 12000, (struct ring_event){.type = RING_CALLEE_LOST, .dev = 1}, NULL);
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 42000);
    struct ring better = ring;
    step_at(&better, T0 + 20000, (struct ring_event){.type = RING_CALLER_UP}, NULL);
    assert_int_equal(ring_deadline(&better, &policy), RING_NEVER);
    expect_time(&ring, T0 + 42000, "ok ended:media_lost w C B1 F");
    ring = in_state(3);
    step_at(&ring, T0 + 10000, (struct ring_event){.type = RING_CALLER_OFF}, NULL);
    step_at(&ring, T0 + 11000, (struct ring_event){.type = RING_CALLEE_OFF, .dev = 1}, NULL);
    assert_int_equal(ring_deadline(&ring, &policy), T0 + 71000);
    expect_time(&ring, T0 + 71000, "ok ended:signal_lost w C B1 F");
}

/* A ring that nobody hears and one that nobody answers look the same, step by step. */
static void test_shadow_looks_like_ringing(void **state)
{
    (void)state;
    struct ring heard, unheard;
    struct ring_effects effects;
    make(&heard, false, &effects);
    make(&unheard, true, &effects);
    assert_int_equal(effects.count, 0);
    step_at(&heard, T0 + 300, (struct ring_event){.type = RING_ALERTING, .dev = 1}, NULL);
    for (int64_t now = T0; now <= T0 + 61000; now += 500) {
        struct ring_effects a, b;
        step_at(&heard, now, (struct ring_event){.type = RING_TIME}, &a);
        step_at(&unheard, now, (struct ring_event){.type = RING_TIME}, &b);
        struct ring_view x = ring_view_caller(&heard), y = ring_view_caller(&unheard);
        assert_string_equal(x.st, y.st);
        assert_int_equal(x.rev, y.rev);
        assert_int_equal(x.end, y.end);
        assert_int_equal(x.reached, y.reached);
        bool told_a = false, told_b = false;
        for (uint32_t i = 0; i < a.count; i++)
            told_a = told_a || a.list[i].type == RING_DO_CALLER;
        for (uint32_t i = 0; i < b.count; i++) {
            told_b = told_b || b.list[i].type == RING_DO_CALLER;
            assert_int_not_equal(b.list[i].type, RING_DO_STOP);
        }
        assert_int_equal(told_a, told_b);
    }
    assert_int_equal(heard.row.state, CALL_ENDED);
    /* Blocked before and after somebody alerted: the revision that the caller sees has no gap. */
    struct ring blocked = in_state(0);
    step_at(&blocked, T0 + 300, (struct ring_event){.type = RING_ALERTING, .dev = 1}, NULL);
    step_at(&blocked, T0 + 1000, (struct ring_event){.type = RING_TIME}, NULL);
    step_at(&blocked, T0 + 2000, (struct ring_event){.type = RING_CALLEE_BLOCKS}, &effects);
    assert_int_equal(ring_view_caller(&blocked).rev, 2);
    step_at(&blocked, T0 + 60000, (struct ring_event){.type = RING_TIME}, NULL);
    assert_int_equal(ring_view_caller(&blocked).rev, RING_REV_ENDED);
    assert_int_equal(ring_view_caller(&blocked).end, XCALL_LIFE_END_NO_ANSWER);
    /* A block that comes before the first second: the devices that ring would have said so by then. */
    blocked = in_state(0);
    step_at(&blocked, T0 + 100, (struct ring_event){.type = RING_CALLEE_BLOCKS}, NULL);
    assert_int_equal(ring_deadline(&blocked, &policy), T0 + 1000);
}

static void test_blocked_looks_like_hangup(void **state)
{
    (void)state;
    struct ring a = in_state(3), b = in_state(3);
    struct ring_effects x, y;
    step_at(&a, T0 + 10000, (struct ring_event){.type = RING_CALLEE_HANGUP, .dev = 1}, &x);
    step_at(&b, T0 + 10000, (struct ring_event){.type = RING_CALLEE_BLOCKS}, &y);
    struct ring_view p = ring_view_caller(&a), q = ring_view_caller(&b);
    assert_int_equal(p.end, XCALL_LIFE_END_HANGUP);
    assert_int_equal(q.end, XCALL_LIFE_END_HANGUP);
    assert_int_equal(p.rev, q.rev);
    assert_string_equal(p.st, q.st);
    assert_int_equal(b.row.reason, XCALL_LIFE_END_BLOCKED);
}

static void test_unsupported_of_the_last(void **state)
{
    (void)state;
    struct ring ring = in_state(0);
    struct ring_effects effects;
    char text[512];
    for (int32_t dev = 1; dev <= 2; dev++)
        assert_int_equal(step_at(&ring, T0 + 10000,
                                 (struct ring_event){.type = RING_UNSUPPORTED, .dev = dev}, NULL),
                         RING_OK);
    assert_int_equal(ring.row.state, CALL_RINGING); /* device 3 may still come */
    step_at(&ring, T0 + 11000, (struct ring_event){RING_CALLEE_ON, 3, 0, true}, NULL);
    int answer = step_at(&ring, T0 + 12000, (struct ring_event){.type = RING_UNSUPPORTED, .dev = 3},
                         &effects);
    words(&ring, &effects, answer, text, sizeof text);
    assert_string_equal(text, "ok ended:unsupported w S3=unsupported C U F");
    assert_int_equal(ring_view_caller(&ring).end, XCALL_LIFE_END_NO_ANSWER);
    /* It said so once: a reconnect does not ring again. */
    ring = in_state(0);
    step_at(&ring, T0 + 10000, (struct ring_event){.type = RING_UNSUPPORTED, .dev = 1}, NULL);
    step_at(&ring, T0 + 11000, (struct ring_event){RING_CALLEE_ON, 1, 0, true}, &effects);
    assert_int_equal(effects.count, 0);
}

static void test_restart(void **state)
{
    (void)state;
    static const struct ring_device devices[] = {{1, false, true}, {2, false, false}};
    struct ring ring = in_state(0), again;
    struct ring_effects effects;
    ring_load(&again, &ring.row, devices, 2, &policy, T0 + 30000);
    /* The caller has 15 s to come back; what was to end by then still does. */
    assert_int_equal(ring_deadline(&again, &policy), T0 + 35000);
    step_at(&again, T0 + 31000, (struct ring_event){.type = RING_CALLER_ON}, NULL);
    step_at(&again, T0 + 31000, (struct ring_event){RING_CALLEE_ON, 2, 0, true}, &effects);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.list[0].type, RING_DO_INCOMING);
    ring = in_state(2);
    ring_load(&again, &ring.row, devices, 2, &policy, T0 + 20000);
    assert_int_equal(ring_deadline(&again, &policy), T0 + 32000);
    ring = in_state(3);
    ring_load(&again, &ring.row, devices, 2, &policy, T0 + 20000);
    assert_int_equal(ring_deadline(&again, &policy), T0 + 80000);
    step_at(&again, T0 + 21000, (struct ring_event){.type = RING_CALLER_ON}, NULL);
    assert_int_equal(ring_deadline(&again, &policy), RING_NEVER);
    /* Too late for a ring. */
    ring = in_state(0);
    step_at(&ring, T0 + 57000, (struct ring_event){RING_CALLEE_ON, 9, 0, true}, &effects);
    assert_int_equal(effects.count, 0);
}

/* Written by a clock that was a day ahead: a ring, a connecting and a lost call end as if they were new. */
static void test_restart_after_the_clock(void **state)
{
    (void)state;
    static const struct ring_device devices[] = {{1, true, false}};
    const int64_t now = T0 - 86400000;
    struct ring ring = in_state(0), again;
    ring_load(&again, &ring.row, devices, 1, &policy, now);
    step_at(&again, now + 1, (struct ring_event){.type = RING_CALLER_ON}, NULL);
    assert_true(ring_deadline(&again, &policy) <= now + policy.reach_push_ms);
    step_at(&again, now + 2, (struct ring_event){RING_CALLEE_ON, 1, 0, true}, NULL);
    step_at(&again, now + 3, (struct ring_event){RING_ALERTING, 1, 0, true}, NULL);
    step_at(&again, now + 2000, (struct ring_event){.type = RING_TIME}, NULL);
    assert_true(ring_view_caller(&again).reached);
    assert_int_equal(ring_deadline(&again, &policy), now + policy.ring_ms);
    ring = in_state(2);
    ring_load(&again, &ring.row, devices, 1, &policy, now);
    assert_int_equal(ring_deadline(&again, &policy), now + policy.connect_ms);
    ring = in_state(3);
    ring.row.caller_lost = ring.row.callee_lost = true;
    ring.row.deadline_ms = T0 + 1000;
    ring_load(&again, &ring.row, devices, 1, &policy, now);
    assert_true(ring_deadline(&again, &policy) <= now + policy.signal_lost_ms);
    assert_true(again.lost_ms <= now + policy.media_lost_ms && again.row.accept_ms <= now);
}

/* --- random histories against a model ---------------------------------------------------------------- */

static uint64_t seed;
static uint32_t chance(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

/* The model: what may be true from outside, kept by its own rules from the effects and the answers. */
struct model {
    bool rings[16], bound[16];
    bool quiet, joined, live, ended;
    int ups; /* bit 0 caller, bit 1 callee */
    uint32_t caller_rev, row_rev;
};

static void model_effects(struct model *model, const struct ring *ring,
                          const struct ring_effects *effects)
{
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct ring_effect *effect = &effects->list[i];
        if (effect->type == RING_DO_INCOMING) {
            assert_false(model->ended || model->quiet || model->joined);
            model->rings[effect->dev] = true;
        } else if (effect->type == RING_DO_STOP) {
            assert_true(model->rings[effect->dev]);
            assert_int_not_equal(effect->end, 0);
            model->rings[effect->dev] = false;
        } else if (effect->type == RING_DO_CONNECT) {
            assert_false(model->joined);
            model->joined = true;
            model->bound[ring->row.callee_dev] = true;
            model->rings[ring->row.callee_dev] = false;
        } else if (effect->type == RING_DO_FORGET) {
            assert_false(model->ended); /* one end a call */
            model->ended = true;
        } else if (effect->type == RING_DO_CALLER) {
            struct ring_view view = ring_view_caller(ring);
            assert_true(view.rev > model->caller_rev);
            model->caller_rev = view.rev;
        }
    }
}

static void model_check(const struct model *model, const struct ring *ring, int64_t now)
{
    int bound = 0;
    for (int dev = 0; dev < 16; dev++) {
        bound += model->bound[dev];
        assert_false(model->ended && model->rings[dev]);
        assert_false(model->joined && model->rings[dev]);
    }
    assert_true(bound <= 1);
    assert_int_equal(ring->row.state == CALL_ENDED, model->ended);
    assert_int_equal(ring->row.reason != 0, model->ended);
    assert_int_equal(ring->row.callee_dev != 0, model->joined);
    if (ring->row.state == CALL_RINGING)
        assert_true(now <= ring->row.ring_deadline_ms + 1000);
    if (!model->ended && !(ring->row.state == CALL_ACTIVE && (ring->caller_on || ring->callee_on)))
        assert_true(ring_deadline(ring, &policy) < RING_NEVER);
    if (ring->row.state == CALL_ACTIVE)
        assert_true(model->joined && model->live);
}

/* What an answer must be, from the model alone. */
static void model_answer(struct model *model, const struct ring_event *event, int answer)
{
    if (event->type == RING_ACCEPT) {
        bool may = model->rings[event->dev] || model->bound[event->dev];
        if (model->ended)
            assert_int_equal(answer, RING_ENDED);
        else if (model->joined)
            assert_int_equal(answer, model->bound[event->dev] ? RING_OK : RING_LOST_RACE);
        else if (may)
            assert_int_equal(answer, RING_OK);
    }
    if (event->type == RING_CANCEL || event->type == RING_CALLER_HANGUP)
        assert_int_equal(answer, model->ended ? RING_ENDED : RING_OK);
}

static void one_history(uint64_t with)
{
    struct ring ring;
    struct ring_effects effects;
    struct model model = {0};
    seed = with;
    int64_t now = T0;
    make(&ring, chance(4) == 0, &effects);
    model.quiet = ring.row.shadow;
    model.caller_rev = 1;
    model.row_rev = 1;
    model_effects(&model, &ring, &effects);
    for (int i = 0; i < 60; i++) {
        now += chance(5) == 0 ? chance(20000) : chance(400);
        struct ring_event event = {(int)chance(RING_EVENTS), (int32_t)(1 + chance(5)), 0,
                                   chance(8) != 0};
        if (chance(3) == 0) /* the things that ends are made of come too soon otherwise */
            event.type = chance(2) ? RING_CALLEE_ON : RING_ALERTING;
        if (event.type == RING_KILL || event.type == RING_SUPERSEDE || event.type == RING_CANCEL)
            event.type = chance(6) ? RING_TIME : event.type;
        while (ring_deadline(&ring, &policy) <= now) {
            int64_t at = ring_deadline(&ring, &policy);
            step_at(&ring, at, (struct ring_event){.type = RING_TIME}, &effects);
            model_effects(&model, &ring, &effects);
        }
        if (event.type == RING_MERGE && ring.row.state == CALL_RINGING) {
            model.rings[event.dev] = true;
            model.quiet = false;
        }
        if ((event.type == RING_CALLER_UP || event.type == RING_CALLEE_UP) && model.joined)
            model.live = true;
        uint32_t rev = ring.row.rev;
        struct model before = model;
        int answer = step_at(&ring, now, event, &effects);
        model_answer(&before, &event, answer);
        model_effects(&model, &ring, &effects);
        assert_true(effects.write ? ring.row.rev == rev + 1 : ring.row.rev == rev);
        model.quiet = ring.row.shadow;
        model_check(&model, &ring, now);
        if (chance(15) == 0 && !model.ended) { /* the server is started again */
            static const struct ring_device devices[] = {{1, false, true},
                                                         {2, false, true},
                                                         {3, false, true},
                                                         {4, false, true},
                                                         {5, false, true}};
            struct ring loaded;
            bool on[2] = {ring.caller_on, ring.callee_on};
            ring_load(&loaded, &ring.row, devices, 5, &policy, now);
            loaded.reached_shown = ring.reached_shown;
            if (on[0])
                step_at(&loaded, now, (struct ring_event){.type = RING_CALLER_ON}, NULL);
            for (int32_t dev = 1; dev <= 5; dev++) {
                if (model.rings[dev] || (model.bound[dev] && on[1])) {
                    step_at(&loaded, now, (struct ring_event){RING_CALLEE_ON, dev, 0, true},
                            &effects);
                    model.rings[dev] = effects.count == 1;
                }
            }
            ring = loaded;
        }
    }
    for (int i = 0; i < 8 && ring_deadline(&ring, &policy) < RING_NEVER; i++) {
        step_at(&ring, ring_deadline(&ring, &policy), (struct ring_event){.type = RING_TIME},
                &effects);
        model_effects(&model, &ring, &effects);
    }
    model_check(&model, &ring, T0);
}

static void test_random_histories(void **state)
{
    (void)state;
    const char *many = getenv("XCALLD_HISTORIES");
    long count = many ? atol(many) : getenv("XCALL_TEST_LONG") ? 1000000 : 20000;
    for (long i = 1; i <= count; i++)
        one_history((uint64_t)i);
}

/* A hundred accepts of sixteen devices: one has the call. */
static void test_accept_race(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 10000; round++) {
        struct ring ring;
        struct ring_effects effects;
        seed = round;
        make(&ring, false, &effects);
        for (int32_t dev = 3; dev <= RING_LEGS_MAX; dev++)
            step_at(&ring, T0 + 1, (struct ring_event){RING_CALLEE_ON, dev, 0, true}, NULL);
        int32_t winner = 0;
        for (int i = 0; i < 100; i++) {
            int32_t dev = (int32_t)(1 + chance(RING_LEGS_MAX));
            int answer = step_at(&ring, T0 + 2,
                                 (struct ring_event){.type = RING_ACCEPT, .dev = dev}, &effects);
            if (answer == RING_OK && !winner)
                winner = dev;
            assert_int_equal(answer, dev == winner ? RING_OK : RING_LOST_RACE);
        }
        assert_int_equal(ring.row.callee_dev, winner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_other_devices),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_shadow_looks_like_ringing),
        cmocka_unit_test(test_blocked_looks_like_hangup),
        cmocka_unit_test(test_unsupported_of_the_last),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_after_the_clock),
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_accept_race),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
