/* ice_consent.c - the path: the pair that carries media, which one it is, and the peer's consent to
 * it (RFC 7675; RFC 8445 sections 8.1 and 9). Owner: the thread of the session.
 *
 *   nothing -> best valid pair -> nominated pair -> a better nominated pair
 *                                     |  silent: DISCONNECTED, all other pairs are asked again,
 *                                     |          what is nominated of them takes over
 *                                     |  30 s silent: consent is gone, and with it the session
 *
 * A consent check goes out every 4 to 6 s; an unanswered one is followed by others about three
 * times a second for 2.5 s, then, DISCONNECTED, once a second. So one lost packet costs nothing, a
 * dead path is noticed 2.5 s after the first silence, and a bad one is not taken for dead: eight
 * requests in a row go unanswered by chance once in 200 times at 30 % loss each way.
 * SPDX-License-Identifier: MIT */
#include "proto/ice_private.h"

#define CONSENT_INTERVAL (5 * XC_NS_PER_S) /* RFC 7675 section 5.1, times 0.8 to 1.2 */
#define CONSENT_RETRY (300 * XC_NS_PER_MS)
#define CONSENT_RETRY_DISCONNECTED (1000 * XC_NS_PER_MS)
#define SILENCE_MAX (2500 * XC_NS_PER_MS)

static uint64_t randomised(struct xc_ice *ice, uint64_t interval)
{
    return interval / 10 * 8 + interval / 1000 * xc_rng_below(&ice->rng, 401);
}

uint8_t xc_ice_best_valid(const struct xc_ice *ice, bool nominated_only)
{
    uint8_t best = XC_ICE_NO_PAIR;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        const struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->valid && (pair->nominated || !nominated_only) &&
            (best == XC_ICE_NO_PAIR || pair->priority > ice->pairs[best].priority))
            best = (uint8_t)i;
    }
    return best;
}

bool xc_ice_settled(const struct xc_ice *ice)
{
    return ice->path.active && ice->path.nominated && ice->path.pair != XC_ICE_NO_PAIR &&
           ice->pairs[ice->path.pair].valid;
}

/* Pairs below a nominated one are not asked any more; they keep their place for a fail-over. */
static void cancel_checks_below(struct xc_ice *ice, uint64_t priority)
{
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state == XC_ICE_PAIR_IN_PROGRESS && pair->priority < priority) {
            pair->state = pair->valid ? XC_ICE_PAIR_SUCCEEDED : XC_ICE_PAIR_WAITING;
            pair->nominating = false;
        }
    }
}

static void forget_previous_transactions(struct xc_ice *ice)
{
    for (uint32_t i = 0; i < XC_ICE_TRANSACTIONS_MAX; i++)
        if (ice->transactions[i].pair == XC_ICE_NO_PAIR)
            ice->transactions[i].used = false;
}

static void take_path(struct xc_ice *ice, uint64_t now, uint8_t index)
{
    struct xc_ice_path *path = &ice->path;
    const struct xc_ice_pair *pair = &ice->pairs[index];
    if (path->active) {
        ice->lingering = true;
        ice->lingering_local = path->local;
        ice->lingering_remote = path->remote;
    }
    if (path->pair == XC_ICE_NO_PAIR)
        forget_previous_transactions(ice);
    memset(path, 0, sizeof *path);
    path->active = true;
    path->nominated = pair->nominated;
    path->pair = index;
    xc_ice_pair_addresses(ice, index, &path->local, &path->remote);
    path->local_type = pair->local_type ? pair->local_type : ice->locals[pair->local].type;
    path->remote_type = ice->remotes[pair->remote].type;
    path->selected_at = now;
    path->answered_at = pair->answered_at;
    path->check_at = pair->answered_at + randomised(ice, CONSENT_INTERVAL);
    path->unanswered_since = XC_NEVER;
    path->round_trip = pair->round_trip;
    path->reflexive_priority = ice->locals[pair->local].reflexive_priority;
}

void xc_ice_select(struct xc_ice *ice, uint64_t now)
{
    struct xc_ice_path *path = &ice->path;
    uint8_t best = xc_ice_best_valid(ice, true);
    if (best == XC_ICE_NO_PAIR) {
        /* What an earlier nomination chose stays until the next one, unless a restart finds a
         * pair that works where it does not. */
        best = xc_ice_best_valid(ice, false);
        bool lost = path->pair == XC_ICE_NO_PAIR && path->disconnected;
        if (best == XC_ICE_NO_PAIR || (path->active && path->nominated && !lost))
            return;
        if (!path->active || path->pair != best)
            take_path(ice, now, best);
        return;
    }
    if (path->active && path->pair == best && path->nominated)
        return;
    if (!path->active || path->pair != best)
        take_path(ice, now, best);
    path->nominated = true;
    path->selected_at = now;
    cancel_checks_below(ice, ice->pairs[best].priority);
}

void xc_ice_path_detach(struct xc_ice *ice)
{
    struct xc_ice_path *path = &ice->path;
    if (!path->active || path->pair == XC_ICE_NO_PAIR)
        return;
    ice->previous = ice->current;
    forget_previous_transactions(ice);
    for (uint32_t i = 0; i < XC_ICE_TRANSACTIONS_MAX; i++)
        if (ice->transactions[i].used && ice->transactions[i].pair == path->pair)
            ice->transactions[i].pair = XC_ICE_NO_PAIR;
    path->pair = XC_ICE_NO_PAIR;
}

void xc_ice_consent_answered(struct xc_ice *ice, uint64_t now, uint64_t round_trip)
{
    struct xc_ice_path *path = &ice->path;
    path->answered_at = now;
    path->unanswered_since = XC_NEVER;
    path->disconnected = false;
    path->check_at = now + randomised(ice, CONSENT_INTERVAL);
    if (path->pair == XC_ICE_NO_PAIR)
        path->round_trip = (7 * path->round_trip + round_trip) / 8;
    else
        path->round_trip = round_trip;
}

bool xc_ice_consent_output(struct xc_ice *ice, uint64_t now, struct xc_datagram *out)
{
    struct xc_ice_path *path = &ice->path;
    if (!path->active || now < path->check_at)
        return false;
    if (path->unanswered_since == XC_NEVER)
        path->unanswered_since = now;
    uint64_t retry = XC_CLAMP(path->round_trip, CONSENT_RETRY, CONSENT_RETRY_DISCONNECTED);
    path->check_at = now + randomised(ice, path->disconnected ? CONSENT_RETRY_DISCONNECTED : retry);
    ice->counters.consent_requests_sent++;
    /* The controlling side says again which pair it means: a peer that lost track follows. */
    bool use_candidate = ice->controlling && path->nominated && path->pair != XC_ICE_NO_PAIR;
    return xc_ice_send_request(ice, now, path->pair, use_candidate, out);
}

static uint64_t disconnect_at(const struct xc_ice *ice)
{
    const struct xc_ice_path *path = &ice->path;
    uint64_t silence = XC_MIN(ice->config.disconnected_after / 2, SILENCE_MAX);
    if (!path->active || path->disconnected || path->unanswered_since == XC_NEVER)
        return XC_NEVER;
    return XC_MAX(path->answered_at + ice->config.disconnected_after,
                  path->unanswered_since + silence);
}

uint64_t xc_ice_consent_deadline(const struct xc_ice *ice)
{
    const struct xc_ice_path *path = &ice->path;
    if (!path->active)
        return XC_NEVER;
    return xc_earlier(xc_earlier(path->check_at, disconnect_at(ice)),
                      path->answered_at + ice->config.consent_expires);
}

/* A nomination from before the path's last answer is no word about what to do now that it is
 * silent; a later one is: the peer has noticed before us. */
void xc_ice_fail_over(struct xc_ice *ice, uint64_t now)
{
    const struct xc_ice_path *path = &ice->path;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        struct xc_ice_pair *pair = &ice->pairs[i];
        if (pair->state == XC_ICE_PAIR_FREE || (path->active && i == path->pair))
            continue;
        if (!path->active || pair->nominated_at < path->answered_at)
            pair->nominated = false;
        if (pair->valid && now - pair->answered_at < XC_ICE_FRESH)
            continue;
        pair->valid = false;
        if (pair->state != XC_ICE_PAIR_IN_PROGRESS)
            pair->state = XC_ICE_PAIR_WAITING;
    }
    ice->valid_since = XC_NEVER;
    if (xc_ice_best_valid(ice, false) != XC_ICE_NO_PAIR)
        ice->valid_since = now;
    ice->new_check_at = now;
}

static bool expired(struct xc_ice *ice, uint64_t now)
{
    struct xc_ice_path *path = &ice->path;
    bool earlier_generation = path->pair == XC_ICE_NO_PAIR;
    path->active = false;
    for (uint32_t i = 0; i < ice->pair_slots; i++) {
        struct xc_ice_pair *pair = &ice->pairs[i];
        if (i == path->pair ||
            (pair->valid && now - pair->answered_at >= ice->config.consent_expires))
            xc_ice_fail_pair(ice, (uint8_t)i);
    }
    path->pair = XC_ICE_NO_PAIR;
    xc_ice_select(ice, now);
    /* A restart that is still being checked may yet bring the session back. */
    return path->active || (earlier_generation && ice->current.remote_known);
}

bool xc_ice_consent_advance(struct xc_ice *ice, uint64_t now)
{
    struct xc_ice_path *path = &ice->path;
    if (path->active && now >= path->answered_at + ice->config.consent_expires &&
        !expired(ice, now))
        return false;
    if (now >= disconnect_at(ice)) {
        path->disconnected = true;
        if (path->pair != XC_ICE_NO_PAIR)
            ice->pairs[path->pair].valid = false;
        xc_ice_fail_over(ice, now);
        xc_ice_select(ice, now);
    }
    return true;
}
