/* delay_target.c - see delay_target.h. The window is kept twice, in order of arrival and sorted; to
 * add or forget a packet is a binary search and a move of at most 2 KiB.
 * SPDX-License-Identifier: MIT */
#include "media/delay_target.h"

#define LATENESS_MAX (INT32_MAX / 4) /* further from the origin than 3 hours: start again */

void xc_delay_target_reset(struct xc_delay_target *target)
{
    target->first = target->count = 0;
    target->origin = target->target = 0;
}

/* The first place in sorted[] whose value is above `value`. */
static uint32_t place_above(const struct xc_delay_target *target, int64_t value)
{
    uint32_t low = 0, high = target->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (target->sorted[middle] > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void unsort(struct xc_delay_target *target, int32_t value)
{
    uint32_t place = place_above(target, value) - 1; /* one that equals it */
    memmove(&target->sorted[place], &target->sorted[place + 1],
            (target->count - place - 1) * sizeof target->sorted[0]);
    target->count--;
}

static void sort_in(struct xc_delay_target *target, int32_t value)
{
    uint32_t place = place_above(target, value);
    memmove(&target->sorted[place + 1], &target->sorted[place],
            (target->count - place) * sizeof target->sorted[0]);
    target->sorted[place] = value;
    target->count++;
}

static void forget_oldest(struct xc_delay_target *target)
{
    unsort(target, target->entries[target->first].lateness);
    target->first = (target->first + 1) % XC_DELAY_WINDOW;
}

/* Walks from "nobody late" downwards while it may pay. Of a short history one late packet is a large
 * part, and no sign that it is one of many: delay costs as if the history were longer. */
static int64_t cheapest(const struct xc_delay_target *target)
{
    const int64_t miss = XC_DELAY_LOSS_COST_MS * XC_DELAY_UNITS_PER_MS;
    int64_t count = target->count;
    int64_t weight = XC_MAX(count, XC_MIN(4 * count, XC_DELAY_HISTORY));
    int64_t best = target->sorted[count - 1], best_cost = best * weight;
    int64_t least = (int64_t)target->sorted[0] * weight;
    for (int64_t late = 1; late < count; late++) {
        if (least + miss * late >= best_cost)
            break; /* not even the least delay could make up for this many */
        int64_t delay = target->sorted[count - 1 - late];
        int64_t cost = delay * weight + miss * late;
        if (cost < best_cost) {
            best_cost = cost;
            best = delay;
        }
    }
    return best;
}

void xc_delay_target_add(struct xc_delay_target *target, int64_t at, int64_t lateness)
{
    int64_t relative = lateness - target->origin;
    if (target->count == 0 || relative > LATENESS_MAX || relative < -LATENESS_MAX) {
        xc_delay_target_reset(target);
        target->origin = lateness;
        relative = 0;
    }
    const uint32_t old = XC_DELAY_WINDOW_MS * XC_DELAY_UNITS_PER_MS;
    while (target->count == XC_DELAY_WINDOW ||
           (target->count >= XC_DELAY_WINDOW_MIN &&
            (uint32_t)at - target->entries[target->first].at > old))
        forget_oldest(target);
    uint32_t next = (target->first + target->count) % XC_DELAY_WINDOW;
    target->entries[next] =
        (struct xc_delay_entry){.lateness = (int32_t)relative, .at = (uint32_t)at};
    sort_in(target, (int32_t)relative);
    target->target = cheapest(target);
}

void xc_delay_target_shift(struct xc_delay_target *target, int64_t since, int64_t shift)
{
    if (target->count == 0 || shift > LATENESS_MAX || shift < -LATENESS_MAX)
        return;
    for (uint32_t i = 0; i < target->count; i++) {
        struct xc_delay_entry *entry = &target->entries[(target->first + i) % XC_DELAY_WINDOW];
        if ((int32_t)(entry->at - (uint32_t)since) < 0)
            continue;
        unsort(target, entry->lateness);
        entry->lateness = XC_CLAMP(entry->lateness + (int32_t)shift, -LATENESS_MAX, LATENESS_MAX);
        sort_in(target, entry->lateness);
    }
    target->target = cheapest(target);
}

int64_t xc_delay_target_get(const struct xc_delay_target *target)
{
    return target->origin + target->target;
}

int64_t xc_delay_target_least(const struct xc_delay_target *target)
{
    return target->origin + (target->count ? target->sorted[0] : 0);
}

int64_t xc_delay_target_median(const struct xc_delay_target *target)
{
    return target->origin + (target->count ? target->sorted[target->count / 2] : 0);
}

int64_t xc_delay_target_recent(const struct xc_delay_target *target, int64_t at)
{
    const uint32_t recent = XC_DELAY_RECENT_MS * XC_DELAY_UNITS_PER_MS;
    int32_t latest = INT32_MIN;
    for (uint32_t i = target->count; i-- > 0;) {
        const struct xc_delay_entry *entry =
            &target->entries[(target->first + i) % XC_DELAY_WINDOW];
        if ((uint32_t)at - entry->at > recent)
            break;
        latest = XC_MAX(latest, entry->lateness);
    }
    return latest == INT32_MIN ? xc_delay_target_get(target) : target->origin + latest;
}

uint32_t xc_delay_target_count_above(const struct xc_delay_target *target, int64_t lateness)
{
    return target->count - place_above(target, lateness - target->origin);
}
