/* pacer.c - the leaky bucket of pacer.h in exact integers.
 *
 *   sent bytes --> level --> drains at max(rate, raised rate)       ready: level <= rate * burst
 *
 * The raised rate is what empties the queue within delay_max. It holds until that queue's last
 * packet goes: computed anew from what is left, it would fall with the queue, and the last bytes
 * would wait several times delay_max. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/pacer.h"

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* The rate that keeps the delay bound for a queue of this length. */
static uint64_t needed_rate(const struct xc_pacer *pacer, uint64_t waiting_bytes)
{
    if (!pacer->delay_max)
        return 0;
    return divide_up(multiply(multiply(waiting_bytes, 8), XC_NS_PER_S), pacer->delay_max);
}

static uint64_t raised_rate(const struct xc_pacer *pacer, uint64_t waiting_bytes)
{
    uint64_t needed = needed_rate(pacer, waiting_bytes);
    uint64_t raised = XC_MAX(needed, waiting_bytes ? pacer->raised_bps : 0);
    return raised > pacer->rate_bps ? raised : 0;
}

static uint64_t level_at(const struct xc_pacer *pacer, uint64_t now, uint64_t rate_bps)
{
    uint64_t elapsed = now > pacer->updated ? now - pacer->updated : 0;
    uint64_t drained = multiply(elapsed, rate_bps);
    return pacer->level > drained ? pacer->level - drained : 0;
}

static void drain(struct xc_pacer *pacer, uint64_t now)
{
    pacer->level = level_at(pacer, now, XC_MAX(pacer->rate_bps, pacer->raised_bps));
    pacer->updated = XC_MAX(pacer->updated, now);
}

void xc_pacer_init(struct xc_pacer *pacer, uint64_t rate_bps, uint64_t burst, uint64_t delay_max)
{
    *pacer = (struct xc_pacer){.rate_bps = rate_bps, .burst = burst, .delay_max = delay_max};
}

void xc_pacer_set_rate(struct xc_pacer *pacer, uint64_t now, uint64_t rate_bps)
{
    drain(pacer, now);
    pacer->rate_bps = rate_bps;
}

bool xc_pacer_ready(struct xc_pacer *pacer, uint64_t now, uint64_t waiting_bytes)
{
    pacer->raised_bps = raised_rate(pacer, waiting_bytes);
    drain(pacer, now);
    bool ready = pacer->level <= multiply(pacer->rate_bps, pacer->burst);
    if (ready && waiting_bytes <= XC_MTU)
        pacer->raised_bps = 0; /* the queue's last packet goes */
    return ready;
}

void xc_pacer_sent(struct xc_pacer *pacer, uint64_t now, size_t bytes)
{
    drain(pacer, now);
    pacer->level = add(pacer->level, multiply(multiply(bytes, 8), XC_NS_PER_S));
}

uint64_t xc_pacer_deadline(const struct xc_pacer *pacer, uint64_t now, uint64_t waiting_bytes)
{
    uint64_t rate = XC_MAX(pacer->rate_bps, raised_rate(pacer, waiting_bytes));
    uint64_t room = multiply(pacer->rate_bps, pacer->burst);
    uint64_t level = level_at(pacer, now, rate);
    if (level <= room)
        return now;
    if (rate == 0)
        return XC_NEVER;
    return add(XC_MAX(now, pacer->updated), divide_up(level - room, rate));
}
