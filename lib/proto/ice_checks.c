/* ice_checks.c - our checks: which pair is asked when, how often again, what its answer changes,
 * and nomination (RFC 8445 sections 6.1.4, 7.2, 8.1.1, 14). Owner: the thread of the session.
 *
 * Two pacers. New checks: one a Ta (50 ms) with an allowance of five at once, which is less than
 * the initial window that any transport may send (RFC 6928), so that the usual handful of pairs is
 * asked in the first round trip. Triggered checks and retransmissions: at once, at most a hundred
 * a second behind a burst of eight, so that a peer that floods us with checks from many sources
 * gets no more out of us than that.
 *
 * Retransmission departs from section 14.3 (at least 500 ms): a first check knows no round trip,
 * and a lost one would cost half a second of every tenth call. It starts at 100 ms and grows by a
 * quarter up to 1600 ms: 17 transmissions, 13 s for a pair. Where the peer was heard it stays at
 * 200 ms for the first dozen. A browser asks every 48 ms while it has no good pair; this is less
 * than half of that. Measured over 200 seeds, 25 % loss each way, round trip 200 ms: both sides
 * have a valid pair after 0.37 s and a nomination after 2.3 s at the worst; growth by half gave
 * 0.45 s and 7.9 s.
 * Each transmission has a transaction id of its own, so that its answer tells the exact round trip
 * (no Karn ambiguity) and the answer to an early one is still good after a later one went out.
 * SPDX-License-Identifier: MIT */
#include "proto/ice_private.h"

#define NEW_BURST 5
#define EXTRA_BURST 8
#define EXTRA_INTERVAL (10 * XC_NS_PER_MS)
#define RETRANSMIT_FIRST (100 * XC_NS_PER_MS)
#define RETRANSMIT_MIN (50 * XC_NS_PER_MS)
#define RETRANSMIT_MAX (1600 * XC_NS_PER_MS)
#define SENDS_MAX 17
#define RETRANSMIT_HEARD_MAX (200 * XC_NS_PER_MS)
#define SENDS_HEARD_EARLY 12
#define SENDS_HEARD_MAX 25
/* Once a pair works, how long nomination waits for one of higher priority that is still being
 * asked. Media uses the working pair meanwhile. */
#define NOMINATE_GRACE (50 * XC_NS_PER_MS)
#define NOMINATE_GRACE_MAX (200 * XC_NS_PER_MS)

/* A pacer is one time (GCRA): it may send when that lies less than its burst ahead. */
static uint64_t pacer_ready_at(uint64_t pacer, uint64_t interval, uint64_t burst)
{
    uint64_t slack = interval * (burst - 1);
    return pacer > slack ? pacer - slack : 0;
}

static void pacer_take(uint64_t *pacer, uint64_t now, uint64_t interval)
{
    *pacer = XC_MAX(*pacer, now) + interval;
}

static uint64_t new_ready_at(const struct xc_ice *ice)
{
    return pacer_ready_at(ice->new_check_at, ice->config.check_interval, NEW_BURST);
}

static uint64_t extra_ready_at(const struct xc_ice *ice)
{
    return pacer_ready_at(ice->extra_check_at, EXTRA_INTERVAL, EXTRA_BURST);
}

/* Once a nominated pair works, only better ones are still asked (RFC 8445 section 8.1.1). */
static bool wanted(const struct xc_ice *ice, const struct xc_ice_pair *pair)
{
    return !xc_ice_settled(ice) || pair->priority > ice->pairs[ice->path.pair].priority;
}

static uint8_t sends_max(const struct xc_ice_pair *pair)
{
    return pair->heard ? SENDS_HEARD_MAX : SENDS_MAX;
}

void xc_ice_trigger(struct xc_ice *ice, uint8_t index)
{
    struct xc_ice_pair *pair = &ice->pairs[index];
    if (!pair->triggered)
        pair->trigger_order = ice->trigger_counter++;
    pair->triggered = true;
}

void xc_ice_fail_pair(struct xc_ice *ice, uint8_t index)
{
    struct xc_ice_pair *pair = &ice->pairs[index];
    pair->state = XC_ICE_PAIR_FAILED;
    pair->valid = pair->nominated = pair->nominating = false;
    pair->nominate_when_valid = pair->triggered = false;
}

static void remember_transaction(struct xc_ice *ice, uint64_t now, uint8_t pair, bool use_candidate,
                                 const uint8_t id[XC_STUN_TRANSACTION_SIZE])
{
    struct xc_ice_transaction *t = &ice->transactions[ice->transaction_next];
    ice->transaction_next = (ice->transaction_next + 1) % XC_ICE_TRANSACTIONS_MAX;
    memcpy(t->id, id, sizeof t->id);
    t->used = true;
    t->use_candidate = use_candidate;
    t->controlling = ice->controlling;
    t->pair = pair;
    t->sent_at = now;
}

bool xc_ice_send_request(struct xc_ice *ice, uint64_t now, uint8_t index, bool use_candidate,
                         struct xc_datagram *out)
{
    bool previous = index == XC_ICE_NO_PAIR;
    const struct xc_ice_credentials *c = previous ? &ice->previous : &ice->current;
    uint8_t id[XC_STUN_TRANSACTION_SIZE], name[XC_ICE_CREDENTIAL_MAX + 1 + XC_ICE_UFRAG_SIZE];
    uint32_t priority = ice->path.reflexive_priority;
    struct xc_stun_writer w;

    size_t size = c->remote_ufrag_size;
    memcpy(name, c->remote_ufrag, size);
    name[size++] = ':';
    memcpy(name + size, c->ufrag, XC_ICE_UFRAG_SIZE);
    size += XC_ICE_UFRAG_SIZE;
    if (previous) {
        out->local = ice->path.local;
        out->remote = ice->path.remote;
    } else {
        priority = ice->locals[ice->pairs[index].local].reflexive_priority;
        xc_ice_pair_addresses(ice, index, &out->local, &out->remote);
        ice->pairs[index].sent_at = now;
    }
    xc_rng_bytes(&ice->rng, id, sizeof id);
    xc_stun_begin(&w, out->data, XC_MIN(out->capacity, (size_t)XC_MTU), XC_STUN_REQUEST,
                  XC_STUN_BINDING, id);
    xc_stun_add_username(&w, xc_span_make(name, size));
    xc_stun_add_priority(&w, priority);
    if (ice->controlling)
        xc_stun_add_controlling(&w, ice->tie_breaker);
    else
        xc_stun_add_controlled(&w, ice->tie_breaker);
    if (use_candidate)
        xc_stun_add_use_candidate(&w);
    out->size = xc_stun_finish(&w, xc_ice_remote_password(c));
    if (!out->size)
        return false;
    remember_transaction(ice, now, index, use_candidate, id);
    ice->counters.requests_sent++;
    return true;
}

static uint8_t first_triggered(const struct xc_ice *ice)
{
    uint8_t first = XC_ICE_NO_PAIR;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->triggered &&
            (first == XC_ICE_NO_PAIR ||
             xc_seq32_diff(pair->trigger_order, ice->pairs[first].trigger_order) < 0))
            first = (uint8_t)i;
    }
    return first;
}

/* The pair of the highest priority that waits (state Waiting) or whose retransmission is due. */
static uint8_t best_due(const struct xc_ice *ice, uint64_t now, uint8_t state)
{
    uint8_t best = XC_ICE_NO_PAIR;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state != state)
            continue;
        bool due = state == XC_ICE_PAIR_WAITING
                       ? wanted(ice, pair)
                       : pair->retransmit_at <= now && pair->sends < sends_max(pair);
        if (due && (best == XC_ICE_NO_PAIR || pair->priority > ice->pairs[best].priority))
            best = (uint8_t)i;
    }
    return best;
}

static bool send_check(struct xc_ice *ice, uint64_t now, uint8_t index, bool again,
                       struct xc_datagram *out)
{
    struct xc_ice_pair *pair = &ice->pairs[index];
    if (again) {
        bool press = pair->heard && pair->sends < SENDS_HEARD_EARLY;
        pair->interval = XC_MIN(pair->interval + pair->interval / 4,
                                press ? RETRANSMIT_HEARD_MAX : RETRANSMIT_MAX);
    } else {
        pair->sends = 0;
        pair->interval = RETRANSMIT_FIRST;
        if (pair->round_trip) /* half of it: the odd needless packet buys a tenth of the wait */
            pair->interval = XC_CLAMP(pair->round_trip / 2, RETRANSMIT_MIN, 2 * RETRANSMIT_FIRST);
    }
    pair->state = XC_ICE_PAIR_IN_PROGRESS;
    pair->triggered = false;
    pair->sends++;
    pair->retransmit_at = now + pair->interval;
    return xc_ice_send_request(ice, now, index, pair->nominating, out);
}

void xc_ice_hurry(struct xc_ice *ice, uint64_t now, const struct xc_addr *base)
{
    int local = xc_ice_find_local(ice, base);
    for (uint32_t i = 0; i < ice->pair_slots && !ice->failed; i++) {
        struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state != XC_ICE_PAIR_IN_PROGRESS || pair->local != local)
            continue;
        pair->sends = 1;
        pair->interval = RETRANSMIT_FIRST;
        pair->retransmit_at = XC_MIN(pair->retransmit_at, now);
        ice->next_at = 0;
    }
}

bool xc_ice_check_output(struct xc_ice *ice, uint64_t now, struct xc_datagram *out)
{
    if (!ice->current.remote_known)
        return false;
    if (extra_ready_at(ice) <= now) {
        uint8_t index = first_triggered(ice);
        bool again = index == XC_ICE_NO_PAIR;
        if (again)
            index = best_due(ice, now, XC_ICE_PAIR_IN_PROGRESS);
        if (index != XC_ICE_NO_PAIR) {
            pacer_take(&ice->extra_check_at, now, EXTRA_INTERVAL);
            return send_check(ice, now, index, again, out);
        }
    }
    if (new_ready_at(ice) <= now) {
        uint8_t index = best_due(ice, now, XC_ICE_PAIR_WAITING);
        if (index != XC_ICE_NO_PAIR) {
            pacer_take(&ice->new_check_at, now, ice->config.check_interval);
            return send_check(ice, now, index, false, out);
        }
    }
    return false;
}

void xc_ice_checks_expire(struct xc_ice *ice, uint64_t now)
{
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state == XC_ICE_PAIR_IN_PROGRESS && pair->sends >= sends_max(pair) &&
            pair->retransmit_at <= now)
            xc_ice_fail_pair(ice, (uint8_t)i);
    }
}

uint64_t xc_ice_checks_deadline(const struct xc_ice *ice)
{
    uint64_t next = ice->nominate_at;
    if (!ice->current.remote_known)
        return next;
    uint64_t extra = extra_ready_at(ice);
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->triggered)
            next = xc_earlier(next, extra);
        if (pair->state == XC_ICE_PAIR_WAITING && wanted(ice, pair))
            next = xc_earlier(next, new_ready_at(ice));
        else if (pair->state == XC_ICE_PAIR_IN_PROGRESS)
            next =
                xc_earlier(next, pair->sends < sends_max(pair) ? XC_MAX(pair->retransmit_at, extra)
                                                               : pair->retransmit_at);
    }
    return next;
}

/* RFC 8445 section 7.2.5.3.1: the answer says how our end looked to the peer. */
static uint8_t seen_type(const struct xc_ice *ice, uint32_t local, const struct xc_stun *message)
{
    const struct xc_ice_local *base = &ice->locals[local];
    if (!message->has_mapped || xc_addr_equal(&message->mapped, &base->addr))
        return base->type;
    for (uint32_t i = 0; i < ice->local_count; i++)
        if (xc_addr_equal(&ice->locals[i].base, &base->base) &&
            xc_addr_equal(&ice->locals[i].addr, &message->mapped))
            return ice->locals[i].type;
    return XC_CANDIDATE_PRFLX;
}

static void succeeded(struct xc_ice *ice, uint64_t now, const struct xc_ice_transaction *t,
                      const struct xc_stun *message)
{
    struct xc_ice_pair *pair = &ice->pairs[t->pair];
    pair->local_type = seen_type(ice, pair->local, message);
    uint64_t sample = XC_MAX(now - t->sent_at, 1);
    pair->round_trip = pair->round_trip ? (7 * pair->round_trip + sample) / 8 : sample;
    pair->answered_at = now;
    pair->valid = true;
    if (ice->valid_since == XC_NEVER)
        ice->valid_since = now;
    bool nominated = t->use_candidate && ice->controlling;
    if (pair->nominate_when_valid && !ice->controlling) /* section 7.3.1.5 */
        nominated = true;
    if (nominated) {
        pair->nominated_at = now;
        pair->nominated = true;
        pair->nominating = pair->nominate_when_valid = false;
    }
    if (!pair->nominating) { /* else the check that nominates is still to be answered */
        pair->state = XC_ICE_PAIR_SUCCEEDED;
        pair->triggered = false;
    }
    if (ice->path.active && ice->path.pair == t->pair)
        xc_ice_consent_answered(ice, now, pair->round_trip);
}

/* An authenticated error. 487: RFC 8445 section 7.2.5.1; the check goes again in the new role. */
static void refused(struct xc_ice *ice, const struct xc_ice_transaction *t, uint16_t code)
{
    bool carries = ice->path.active && ice->path.nominated && ice->path.pair == t->pair;
    if (code == 487) {
        ice->counters.role_conflicts++;
        if (t->controlling == ice->controlling)
            xc_ice_set_role(ice, !ice->controlling);
        if (t->pair != XC_ICE_NO_PAIR)
            xc_ice_trigger(ice, t->pair);
    } else if (t->pair != XC_ICE_NO_PAIR && !carries) {
        xc_ice_fail_pair(ice, t->pair);
    }
}

void xc_ice_response_input(struct xc_ice *ice, uint64_t now, const struct xc_stun *message,
                           const struct xc_addr *local, const struct xc_addr *remote)
{
    struct xc_ice_transaction *t = NULL;
    struct xc_addr from, to;
    for (uint32_t i = 0; i < XC_ICE_TRANSACTIONS_MAX && !t; i++)
        if (ice->transactions[i].used &&
            memcmp(ice->transactions[i].id, message->transaction, sizeof message->transaction) == 0)
            t = &ice->transactions[i];
    if (!t) {
        ice->counters.dropped_unknown++;
        return;
    }
    bool previous = t->pair == XC_ICE_NO_PAIR;
    if (!xc_stun_check_integrity(
            message, xc_ice_remote_password(previous ? &ice->previous : &ice->current))) {
        ice->counters.dropped_integrity++;
        return;
    }
    if (previous) {
        from = ice->path.local;
        to = ice->path.remote;
    } else {
        xc_ice_pair_addresses(ice, t->pair, &from, &to);
    }
    /* Section 7.2.5.2.1. The pair does not fail by it, as it does there: its transmissions go on,
     * and one answer that took another way does not decide. */
    if (!xc_addr_equal(local, &from) || !xc_addr_equal(remote, &to)) {
        ice->counters.dropped_unknown++;
        return;
    }
    ice->counters.responses_received++;
    t->used = false;
    if (message->class_ == XC_STUN_ERROR)
        refused(ice, t, message->error_code);
    else if (!previous)
        succeeded(ice, now, t, message);
    else if (ice->path.active)
        xc_ice_consent_answered(ice, now, XC_MAX(now - t->sent_at, 1));
}

static bool better_pending(const struct xc_ice *ice, uint64_t priority)
{
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->priority > priority && !pair->valid &&
            (pair->state == XC_ICE_PAIR_WAITING || pair->state == XC_ICE_PAIR_IN_PROGRESS))
            return true;
    }
    return false;
}

/* Section 8.1.1, regular nomination: the best pair at once, another one after a short grace. A
 * better pair that works later is nominated then: RFC 5245 peers and browsers follow the highest
 * nominated one, and else a lost packet would leave a call on a relay for good. */
void xc_ice_nominate(struct xc_ice *ice, uint64_t now)
{
    ice->nominate_at = XC_NEVER;
    uint8_t best = xc_ice_best_valid(ice, false);
    if (!ice->controlling || !ice->current.remote_known || best == XC_ICE_NO_PAIR)
        return;
    struct xc_ice_pair *pair = &ice->pairs[best];
    if (pair->nominated || pair->nominating)
        return;
    if (!xc_ice_settled(ice) && better_pending(ice, pair->priority)) {
        uint64_t grace = XC_CLAMP(pair->round_trip, NOMINATE_GRACE, NOMINATE_GRACE_MAX);
        if (now < ice->valid_since + grace) {
            ice->nominate_at = ice->valid_since + grace;
            return;
        }
    }
    pair->nominating = true;
    xc_ice_trigger(ice, best);
}
