/* nack_tracker.c - the table of missing packets behind generic NACKs (RFC 4585 section 6.2.1).
 * Requests are limited thrice: by the packet (retries, time), by the round trip, and in a burst of
 * losses, which mostly is a full queue on the way, by the batch and by doubling intervals.
 * Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/nack_tracker.h"

#define ROUND_TRIP_UNKNOWN (100 * XC_NS_PER_MS)
/* An answer may be late by the peer's pacing and by jitter: ask again only after that. */
#define REPEAT_MARGIN (10 * XC_NS_PER_MS)
#define REPEAT_MIN (20 * XC_NS_PER_MS)
#define DOUBLINGS_MAX 3

static uint64_t later(uint64_t time, uint64_t by)
{
    return by > XC_NEVER - time ? XC_NEVER : time + by;
}

/* The index of the first tracked number >= sequence. */
static uint32_t find(const struct xc_nack_tracker *tracker, uint64_t sequence)
{
    uint32_t low = 0, high = tracker->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (tracker->missing[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_at(struct xc_nack_tracker *tracker, uint32_t index, uint32_t count)
{
    tracker->count -= count;
    memmove(&tracker->missing[index], &tracker->missing[index + count],
            (tracker->count - index) * sizeof tracker->missing[0]);
}

static void give_up(struct xc_nack_tracker *tracker, uint64_t newest, uint64_t count)
{
    if (!tracker->lost || newest > tracker->lost_newest)
        tracker->lost_newest = newest;
    tracker->lost = true;
    tracker->given_up += (uint32_t)count;
}

void xc_nack_init(struct xc_nack_tracker *tracker, const struct xc_nack_config *config)
{
    memset(tracker, 0, sizeof *tracker);
    tracker->config = *config;
}

void xc_nack_skipped(struct xc_nack_tracker *tracker, uint64_t now, uint64_t first, uint64_t last)
{
    first = XC_MAX(first, tracker->settled_below);
    if (last < first || last == UINT64_MAX)
        return;
    uint64_t count = last - first + 1;
    if (count > XC_NACK_TRACKED_MAX) {
        uint64_t beyond = count - XC_NACK_TRACKED_MAX;
        give_up(tracker, first + beyond - 1, beyond);
        first += beyond;
        count = XC_NACK_TRACKED_MAX;
    }
    uint32_t room = XC_NACK_TRACKED_MAX - tracker->count;
    if (count > room) {
        uint32_t oldest = (uint32_t)count - room;
        give_up(tracker, tracker->missing[oldest - 1].sequence, oldest);
        remove_at(tracker, 0, oldest);
    }
    uint64_t give_up_at = later(now, tracker->config.give_up);
    for (uint64_t sequence = first; sequence <= last; sequence++)
        tracker->missing[tracker->count++] = (struct xc_nack_missing){
            .sequence = sequence,
            .due = later(now, tracker->config.delay),
            .give_up_at = give_up_at,
        };
}

int xc_nack_arrived(struct xc_nack_tracker *tracker, uint64_t sequence)
{
    uint32_t at = find(tracker, sequence);
    if (at == tracker->count || tracker->missing[at].sequence != sequence)
        return XC_NACK_UNKNOWN;
    bool requested = tracker->missing[at].requests > 0;
    remove_at(tracker, at, 1);
    return requested ? XC_NACK_REPAIRED : XC_NACK_REORDERED;
}

static bool is_hopeless(const struct xc_nack_tracker *tracker,
                        const struct xc_nack_missing *missing, uint64_t now)
{
    return now >= missing->give_up_at ||
           (missing->requests >= tracker->config.retries_max && now >= missing->due);
}

size_t xc_nack_due(struct xc_nack_tracker *tracker, uint64_t now, uint64_t round_trip,
                   uint16_t *sequences, size_t capacity)
{
    uint64_t wait = (round_trip ? round_trip : ROUND_TRIP_UNKNOWN) + REPEAT_MARGIN;
    wait = XC_MAX(wait, REPEAT_MIN);
    bool burst = tracker->count > XC_NACK_BATCH_MAX;
    if (now >= later(tracker->batch_started, XC_NACK_BATCH_INTERVAL))
        tracker->batch_used = 0;
    size_t batch = XC_MIN(capacity, (size_t)(XC_NACK_BATCH_MAX - tracker->batch_used));
    size_t asked = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < tracker->count; i++) {
        struct xc_nack_missing missing = tracker->missing[i];
        if (is_hopeless(tracker, &missing, now)) {
            give_up(tracker, missing.sequence, 1);
            continue;
        }
        if (now >= missing.due && asked < batch) {
            uint32_t doublings = burst ? XC_MIN(missing.requests, DOUBLINGS_MAX) : 0;
            sequences[asked++] = (uint16_t)missing.sequence;
            missing.requests++;
            missing.due = later(now, wait << doublings);
        }
        tracker->missing[kept++] = missing;
    }
    tracker->count = kept;
    tracker->requests_sent += (uint32_t)asked;
    if (asked && tracker->batch_used == 0)
        tracker->batch_started = now;
    tracker->batch_used += (uint32_t)asked;
    return asked;
}

uint64_t xc_nack_deadline(const struct xc_nack_tracker *tracker)
{
    uint64_t deadline = XC_NEVER;
    uint64_t held_until = 0;
    if (tracker->batch_used == XC_NACK_BATCH_MAX)
        held_until = later(tracker->batch_started, XC_NACK_BATCH_INTERVAL);
    for (uint32_t i = 0; i < tracker->count; i++) {
        const struct xc_nack_missing *missing = &tracker->missing[i];
        uint64_t due = missing->due;
        if (missing->requests < tracker->config.retries_max)
            due = XC_MAX(due, held_until);
        deadline = xc_earlier(deadline, xc_earlier(due, missing->give_up_at));
    }
    return deadline;
}

void xc_nack_settled(struct xc_nack_tracker *tracker, uint64_t sequence)
{
    tracker->settled_below = XC_MAX(tracker->settled_below, later(sequence, 1));
    remove_at(tracker, 0, find(tracker, tracker->settled_below));
    if (tracker->lost && tracker->lost_newest < tracker->settled_below)
        tracker->lost = false;
}

void xc_nack_restart(struct xc_nack_tracker *tracker, uint64_t last)
{
    give_up(tracker, last, tracker->count);
    tracker->count = 0;
}

bool xc_nack_take_lost(struct xc_nack_tracker *tracker, uint64_t *newest)
{
    if (!tracker->lost)
        return false;
    tracker->lost = false;
    if (newest)
        *newest = tracker->lost_newest;
    return true;
}
