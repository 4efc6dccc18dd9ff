/* test_life_random.c - two people with up to three devices each, whose desks are joined by a carrier that
 * delays, reorders and doubles what it carries, in random histories.
 *
 * Two models that know nothing of the desk's code watch: the carrier's own view of each call (ringing,
 * accepted by one device, ended), and a ledger of each device and call (which state may follow which,
 * media begun and ended once, how long it may ring). When all is delivered, they must agree: whoever
 * was rung has an end or is the one device that joined, both sides of an accepted call are in it.
 * Every fourth history is glare and nothing else, and leaves exactly one call.
 * XCALL_TEST_LONG runs 25 times as many. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "call/life.h"

#define HISTORIES 20000
#define DEVICES 6 /* three of each person */
#define CALLS 24  /* of a history */
#define MESSAGES 512
#define RING_MS 60000

enum { UNKNOWN, RINGING, ACCEPTED, OVER };

/* The carrier's view. */
struct carried {
    uint32_t state, caller, bound, rev;
    bool reached;
    uint64_t ring_until;
};
struct ledger {
    uint32_t state; /* as the person was told last */
    bool incoming, outgoing, invited;
    uint64_t since; /* it rings, or is placed */
    uint32_t starts, ends;
};
struct message {
    bool there, to_carrier;
    uint64_t due;
    uint32_t device, type, reason, call, other, rev;
};

static struct xc_rng rng;
static struct xc_desk desks[DEVICES];
static bool cut_off[DEVICES];
static struct carried carried[CALLS];
static struct ledger ledgers[DEVICES][CALLS];
static uint8_t ids[CALLS][16];
static struct message messages[MESSAGES];
static uint32_t calls, devices_each, seed, in_flight, action_peak;
static uint64_t now_ms, inputs_given;
static bool arbitrated;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("history %u, at %llu ms: %s", seed, (unsigned long long)now_ms, #condition);  \
    } while (0)

static uint32_t person_of(uint32_t device)
{
    return device / 3;
}

static bool exists(uint32_t device)
{
    return device % 3 < devices_each;
}

static uint32_t below(uint32_t bound)
{
    return xc_rng_below(&rng, bound);
}

static uint32_t number_of(const uint8_t id[16])
{
    for (uint32_t i = 0; i < calls; i++)
        if (memcmp(ids[i], id, 16) == 0)
            return i;
    fail_msg("history %u: an action for a call that is none", seed);
    return 0;
}

/* --- the net between --------------------------------------------------------------------------- */

static void post(struct message message)
{
    uint32_t copies = below(8) == 0 ? 2 : 1;
    for (uint32_t i = 0; i < MESSAGES && copies; i++) {
        if (messages[i].there)
            continue;
        messages[i] = message;
        messages[i].there = true;
        messages[i].due = now_ms + below(below(4) ? 200 : 3000);
        copies--;
        in_flight++;
    }
    CHECK(copies == 0);
}

static void send_to(uint32_t device, uint32_t type, uint32_t call, uint32_t reason)
{
    post((struct message){
        .device = device, .type = type, .call = call, .reason = reason, .rev = carried[call].rev});
}

/* --- the carrier's model ----------------------------------------------------------------------- */

static void send_to_callees(uint32_t call, uint32_t but, uint32_t type, uint32_t reason)
{
    for (uint32_t d = 0; d < DEVICES; d++)
        if (exists(d) && d != but && person_of(d) != person_of(carried[call].caller))
            send_to(d, type, call, reason);
}

static void finish(uint32_t call, uint32_t by, uint32_t to_caller, uint32_t to_callees)
{
    struct carried *c = &carried[call];
    bool accepted = c->state == ACCEPTED;
    c->state = OVER;
    c->rev++;
    if (by != c->caller)
        send_to(c->caller, XCALL_LIFE_REMOTE_ENDED, call, to_caller);
    if (accepted && by != c->bound)
        send_to(c->bound, XCALL_LIFE_REMOTE_ENDED, call, to_callees);
    else if (!accepted)
        send_to_callees(call, by, XCALL_LIFE_REMOTE_ENDED, to_callees);
}

static void bind(uint32_t call, uint32_t device)
{
    struct carried *c = &carried[call];
    c->state = ACCEPTED;
    c->bound = device;
    c->rev++;
    send_to(c->caller, XCALL_LIFE_REMOTE_ACCEPTED, call, 0);
    send_to_callees(call, device, XCALL_LIFE_REMOTE_ENDED, XCALL_LIFE_END_ANSWERED_ELSEWHERE);
}

static void carry_invite(uint32_t call, uint32_t device)
{
    struct carried *c = &carried[call];
    if (c->state != UNKNOWN)
        return;
    c->caller = device;
    c->rev = 1;
    for (uint32_t i = 0; i < calls && arbitrated; i++) {
        bool theirs = person_of(carried[i].caller) != person_of(device);
        if (i == call || (carried[i].state != RINGING && carried[i].state != ACCEPTED))
            continue;
        c->state = OVER;
        if (theirs && carried[i].state == RINGING) {
            bind(i, device);
            post((struct message){.device = device,
                                  .type = XCALL_LIFE_MERGED,
                                  .call = call,
                                  .other = i,
                                  .rev = carried[i].rev});
        } else {
            send_to(device, XCALL_LIFE_REFUSED, call, XCALL_LIFE_END_BUSY);
        }
        return;
    }
    c->state = RINGING;
    c->ring_until = now_ms + RING_MS;
    send_to_callees(call, DEVICES, XCALL_LIFE_INCOMING, 0);
}

static void carry(const struct message *m)
{
    struct carried *c = &carried[m->call];
    bool of_caller = c->state != UNKNOWN && m->device == c->caller;
    switch (m->type) {
    case XCALL_LIFE_SEND_INVITE:
        carry_invite(m->call, m->device);
        break;
    case XCALL_LIFE_SEND_ALERTING:
        if (c->state == RINGING && !c->reached) {
            c->reached = true;
            c->rev++;
            send_to(c->caller, XCALL_LIFE_REMOTE_RINGING, m->call, 0);
        }
        break;
    case XCALL_LIFE_SEND_ACCEPT:
        if (c->state == RINGING) {
            bind(m->call, m->device);
            send_to(m->device, XCALL_LIFE_ACCEPT_TAKEN, m->call, 0);
        } else if (c->state == OVER || c->bound != m->device) {
            send_to(m->device, XCALL_LIFE_REMOTE_ENDED, m->call, XCALL_LIFE_END_ANSWERED_ELSEWHERE);
        }
        break;
    case XCALL_LIFE_SEND_DECLINE:
        if (c->state == RINGING && m->reason != XCALL_LIFE_END_UNSUPPORTED)
            finish(m->call, m->device, m->reason, XCALL_LIFE_END_DECLINED_ELSEWHERE);
        break;
    case XCALL_LIFE_SEND_CANCEL:
        if (c->state == UNKNOWN) {
            c->state = OVER;
            c->caller = m->device;
        } else if (c->state != OVER) {
            finish(m->call, m->device, 0, XCALL_LIFE_END_CANCELLED);
        }
        break;
    case XCALL_LIFE_SEND_HANG_UP:
        if (c->state == RINGING || (c->state == ACCEPTED && (of_caller || m->device == c->bound)))
            finish(m->call, m->device, m->reason, m->reason);
        break;
    default:
        break;
    }
}

/* --- the ledger -------------------------------------------------------------------------------- */

/* The picture at the head of xcall/life.h. */
static bool may_follow(uint32_t from, uint32_t to)
{
    static const uint8_t next[XCALL_LIFE_STATES] = {
        [XCALL_LIFE_IDLE] = 1 << XCALL_LIFE_CALLING | 1 << XCALL_LIFE_RINGING_IN |
                            1 << XCALL_LIFE_CONNECTING | 1 << XCALL_LIFE_ENDED,
        [XCALL_LIFE_CALLING] =
            1 << XCALL_LIFE_RINGING_OUT | 1 << XCALL_LIFE_CONNECTING | 1 << XCALL_LIFE_ENDED,
        [XCALL_LIFE_RINGING_OUT] = 1 << XCALL_LIFE_CONNECTING | 1 << XCALL_LIFE_ENDED,
        [XCALL_LIFE_RINGING_IN] =
            1 << XCALL_LIFE_RINGING_IN | 1 << XCALL_LIFE_CONNECTING | 1 << XCALL_LIFE_ENDED,
        [XCALL_LIFE_CONNECTING] =
            1 << XCALL_LIFE_CONNECTING | 1 << XCALL_LIFE_ACTIVE | 1 << XCALL_LIFE_ENDED,
        [XCALL_LIFE_ACTIVE] =
            1 << XCALL_LIFE_ACTIVE | 1 << XCALL_LIFE_RECONNECTING | 1 << XCALL_LIFE_ENDED,
        [XCALL_LIFE_RECONNECTING] =
            1 << XCALL_LIFE_ACTIVE | 1 << XCALL_LIFE_RECONNECTING | 1 << XCALL_LIFE_ENDED,
    };
    return next[from] >> to & 1;
}

static void record(uint32_t device, const struct xcall_life_action *action)
{
    uint32_t call = number_of(action->call);
    struct ledger *l = &ledgers[device][call];
    switch (action->type) {
    case XCALL_LIFE_TELL:
        CHECK(may_follow(l->state, action->state));
        CHECK((action->state == XCALL_LIFE_ENDED) == (action->reason != XCALL_LIFE_END_NONE));
        l->state = action->state;
        return;
    case XCALL_LIFE_START_MEDIA:
        CHECK(l->starts++ == 0 && l->state != XCALL_LIFE_ENDED);
        return;
    case XCALL_LIFE_END_MEDIA:
        CHECK(l->starts == 1 && l->ends++ == 0 && action->state == XCALL_LIFE_ENDED);
        return;
    case XCALL_LIFE_HOLD_MEDIA:
    case XCALL_LIFE_UNHOLD_MEDIA:
    case XCALL_LIFE_RESTART_MEDIA:
        CHECK(l->starts == 1 && l->ends == 0);
        return;
    case XCALL_LIFE_SEND_INVITE:
        CHECK(l->outgoing && !l->invited && l->starts == 1);
        l->invited = true;
        break;
    case XCALL_LIFE_SEND_CANCEL:
        CHECK(l->outgoing && l->invited);
        break;
    case XCALL_LIFE_SEND_ACCEPT:
        CHECK(!l->outgoing && l->starts == 1);
        break;
    case XCALL_LIFE_SEND_ALERTING:
    case XCALL_LIFE_SEND_DECLINE:
        CHECK(l->incoming && !l->outgoing);
        break;
    default:
        break;
    }
    post((struct message){.to_carrier = true,
                          .device = device,
                          .type = action->type,
                          .reason = action->reason,
                          .call = call});
}

static int32_t give(uint32_t device, struct xcall_life_input *input)
{
    static const char *const names[] = {"alice", "bob"};
    struct xcall_life_action action;
    input->size = sizeof *input;
    input->now_ms = now_ms;
    input->peer = names[!person_of(device)];
    int32_t result = xc_desk_input(&desks[device], input);
    CHECK(result == XCALL_OK || result == XCALL_E_STATE || result == XCALL_E_LIMIT);
    action_peak = XC_MAX(action_peak, desks[device].action_count);
    inputs_given++;
    while (xc_desk_next_action(&desks[device], &action))
        record(device, &action);
    return result;
}

static void deliver(const struct message *m)
{
    struct xcall_life_input input = {.type = m->type, .reason = m->reason, .rev = m->rev};
    struct ledger *l = &ledgers[m->device][m->call];
    memcpy(input.call, ids[m->call], 16);
    memcpy(input.other, ids[m->other], 16);
    if (m->type == XCALL_LIFE_INCOMING && !l->incoming) {
        l->incoming = true;
        l->since = now_ms;
    }
    give(m->device, &input);
}

/* --- time and people --------------------------------------------------------------------------- */

static void check_ringing(void)
{
    for (uint32_t d = 0; d < DEVICES; d++)
        for (uint32_t i = 0; i < calls; i++) {
            const struct ledger *l = &ledgers[d][i];
            if (l->state >= XCALL_LIFE_CALLING && l->state <= XCALL_LIFE_RINGING_IN)
                CHECK(now_ms <= l->since + RING_MS + 1000);
        }
}

static void pass(uint64_t ms)
{
    for (uint64_t until = now_ms + ms; now_ms < until;) {
        now_ms += XC_MIN(until - now_ms, 100 + below(400));
        for (uint32_t d = 0; d < DEVICES; d++)
            if (xc_desk_deadline(&desks[d]) <= now_ms)
                give(d, &(struct xcall_life_input){.type = XCALL_LIFE_TIME});
        for (uint32_t i = 0; i < calls; i++)
            if (carried[i].state == RINGING && carried[i].ring_until <= now_ms)
                finish(i, DEVICES, XCALL_LIFE_END_NO_ANSWER, XCALL_LIFE_END_NO_ANSWER);
        uint32_t first = below(MESSAGES); /* of those that are due, any may come first */
        for (uint32_t k = 0; k < MESSAGES && in_flight; k++) {
            struct message *m = &messages[(first + k) % MESSAGES];
            if (!m->there || m->due > now_ms || cut_off[m->device])
                continue;
            struct message copy = *m;
            m->there = false;
            in_flight--;
            if (copy.to_carrier)
                carry(&copy);
            else
                deliver(&copy);
        }
        check_ringing();
    }
}

static bool place(uint32_t device)
{
    struct xcall_life_input input = {.type = XCALL_LIFE_PLACE, .flags = below(8) & 7};
    if (calls == CALLS)
        return false;
    if ((input.flags & 6) == 6)
        input.flags &= 1;
    xc_rng_bytes(&rng, ids[calls], 16);
    memcpy(input.call, ids[calls], 16);
    struct ledger *l = &ledgers[device][calls++];
    l->outgoing = true;
    l->since = now_ms;
    return give(device, &input) == XCALL_OK;
}

/* One of the two people, or the media or the carrier of a device, does something. */
static void act(void)
{
    static const uint32_t types[] = {
        XCALL_LIFE_ALERTED,      XCALL_LIFE_ALERTED,     XCALL_LIFE_ACCEPT,
        XCALL_LIFE_ACCEPT,       XCALL_LIFE_ACCEPT,      XCALL_LIFE_DECLINE,
        XCALL_LIFE_HANG_UP,      XCALL_LIFE_HANG_UP,     XCALL_LIFE_HOLD,
        XCALL_LIFE_UNHOLD,       XCALL_LIFE_MEDIA_UP,    XCALL_LIFE_MEDIA_UP,
        XCALL_LIFE_MEDIA_UP,     XCALL_LIFE_MEDIA_UP,    XCALL_LIFE_MEDIA_LOST,
        XCALL_LIFE_MEDIA_FAILED, XCALL_LIFE_REMOTE_HOLD, XCALL_LIFE_REMOTE_UNHOLD};
    static const uint32_t ways[] = {0, XCALL_LIFE_HOLD_OTHERS, XCALL_LIFE_END_OTHERS};
    uint8_t live[XC_DESK_CALLS_MAX][16];
    uint32_t device = below(2) * 3 + below(devices_each);
    uint32_t count = xc_desk_calls(&desks[device], live, XC_DESK_CALLS_MAX), what = below(24);
    if (what == 0) {
        cut_off[device] = !cut_off[device];
        give(device, &(struct xcall_life_input){.type = cut_off[device] ? XCALL_LIFE_CARRIER_LOST
                                                                        : XCALL_LIFE_CARRIER_BACK});
    } else if (what < 4 || !count) {
        place(device);
    } else {
        struct xcall_life_input input = {.type = types[below(XC_ARRAY_LEN(types))],
                                         .flags = ways[below(3)]};
        memcpy(input.call, live[below(count)], 16);
        if (input.type == XCALL_LIFE_DECLINE && below(2))
            input.reason = below(2) ? XCALL_LIFE_END_BUSY : XCALL_LIFE_END_UNSUPPORTED;
        give(device, &input);
    }
}

/* --- the end of a history ---------------------------------------------------------------------- */

static bool in_call(uint32_t device, uint32_t call)
{
    const struct xc_life_call *c = xc_desk_call(&desks[device], ids[call]);
    return c && c->state >= XCALL_LIFE_CONNECTING && c->state <= XCALL_LIFE_RECONNECTING;
}

static void settle_down(void)
{
    for (uint32_t d = 0; d < DEVICES; d++)
        if (cut_off[d]) {
            cut_off[d] = false;
            give(d, &(struct xcall_life_input){.type = XCALL_LIFE_CARRIER_BACK});
        }
    for (int i = 0; i < 40 && in_flight; i++)
        pass(1000);
    CHECK(in_flight == 0);
}

static void check_agreement(void)
{
    for (uint32_t i = 0; i < calls; i++) {
        uint32_t callees = 0;
        for (uint32_t d = 0; d < DEVICES; d++) {
            const struct ledger *l = &ledgers[d][i];
            const struct xc_life_call *c = xc_desk_call(&desks[d], ids[i]);
            bool joined =
                carried[i].state == ACCEPTED && (d == carried[i].caller || d == carried[i].bound);
            CHECK(in_call(d, i) == joined);
            callees += in_call(d, i) && d != carried[i].caller;
            CHECK(l->starts == l->ends + (c && l->state != XCALL_LIFE_ENDED ? l->starts : 0));
            if (c && c->state == XCALL_LIFE_ENDED && l->state != XCALL_LIFE_IDLE)
                CHECK(l->state == XCALL_LIFE_ENDED);
            if (c && c->state != XCALL_LIFE_ENDED)
                CHECK(l->state == c->state);
            if (carried[i].state == OVER)
                CHECK(l->state == XCALL_LIFE_IDLE || l->state == XCALL_LIFE_ENDED);
            if (l->incoming && c && c->state == XCALL_LIFE_RINGING_IN)
                CHECK(carried[i].state == RINGING);
        }
        CHECK(callees == (carried[i].state == ACCEPTED));
    }
}

static void start(uint32_t number)
{
    struct xcall_desk_config config;
    seed = number;
    xc_rng_init_number(&rng, number);
    memset(carried, 0, sizeof carried);
    memset(ledgers, 0, sizeof ledgers);
    memset(messages, 0, sizeof messages);
    memset(cut_off, 0, sizeof cut_off);
    calls = in_flight = 0;
    now_ms = 1000;
    arbitrated = below(2);
    devices_each = 1 + below(3);
    xcall_desk_config_init(&config, sizeof config);
    config.flags = (arbitrated ? XCALL_DESK_ARBITRATED : 0) | below(2) * XCALL_DESK_CALL_WAITING;
    config.tombstone_ms = 3600000;
    for (uint32_t d = 0; d < DEVICES; d++)
        xc_desk_init(&desks[d], &config);
}

static void any_history(void)
{
    for (uint32_t steps = 10 + below(50); steps; steps--) {
        act();
        pass(below(3) ? below(300) : below(5000));
    }
    settle_down();
    check_agreement();
    pass(RING_MS + 1000); /* now nothing rings, and what had no media was given up */
    settle_down();
    check_agreement();
    for (uint32_t i = 0; i < calls; i++)
        CHECK(carried[i].state != RINGING);
}

static void glare_history(void)
{
    uint32_t one = below(devices_each), two = 3 + below(devices_each), live = 0, merged = 0;
    CHECK(place(one));
    if (below(2))
        now_ms += below(30);
    CHECK(place(two));
    settle_down();
    check_agreement();
    for (uint32_t i = 0; i < calls; i++) {
        live += carried[i].state == ACCEPTED;
        merged += carried[i].state == OVER;
        for (uint32_t d = 0; d < DEVICES; d++)
            CHECK(ledgers[d][i].state == XCALL_LIFE_IDLE || in_call(d, i) ||
                  ledgers[d][i].state == XCALL_LIFE_ENDED);
    }
    CHECK(live == 1 && merged == 1);
    CHECK(xc_desk_calls(&desks[one], NULL, 0) == 1 && xc_desk_calls(&desks[two], NULL, 0) == 1);
}

static void test_histories(void **state)
{
    (void)state;
    uint32_t histories = getenv("XCALL_TEST_LONG") ? 25 * HISTORIES : HISTORIES;
    uint64_t placed = 0;
    for (uint32_t i = 1; i <= histories; i++) {
        start(i);
        if (i % 4 == 0)
            glare_history();
        else
            any_history();
        placed += calls;
    }
    printf("%u histories, %llu calls, %llu inputs, at most %u actions at once\n", histories,
           (unsigned long long)placed, (unsigned long long)inputs_given, action_peak);
    assert_true(action_peak < XC_DESK_ACTIONS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
