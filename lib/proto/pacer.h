/* pacer.h - spreads video packets over time so that a key frame does not fill a queue on the way.
 * A leaky bucket with a burst: packets go at once while the bucket has room, else at the pacing
 * rate. Audio and RTCP are never paced; they only add to the level. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_PACER_H
#define XC_PROTO_PACER_H

#include "base/base.h"

/* Levels are in 1e-9 bit: a rate in bit/s times a time in ns is one exactly, so nothing is ever
 * rounded away. 64 bits of them are 18 Gbit; beyond that they stay at the top. */
struct xc_pacer {
    uint64_t rate_bps;
    uint64_t raised_bps; /* the rate that empties the present queue within delay_max; 0 = none */
    uint64_t updated;
    uint64_t level;     /* sent and not yet drained, 1e-9 bit */
    uint64_t burst;     /* ns */
    uint64_t delay_max; /* ns: a queue longer than this at the present rate raises the rate; 0 = no
                           bound */
};

/* rate_bps: the media rate times the pacing factor. burst: how long a burst at that rate, ns. */
void xc_pacer_init(struct xc_pacer *pacer, uint64_t rate_bps, uint64_t burst, uint64_t delay_max);
void xc_pacer_set_rate(struct xc_pacer *pacer, uint64_t now, uint64_t rate_bps);
/* May a paced packet go now? `waiting_bytes`: all that waits, for the delay bound. */
bool xc_pacer_ready(struct xc_pacer *pacer, uint64_t now, uint64_t waiting_bytes);
void xc_pacer_sent(struct xc_pacer *pacer, uint64_t now, size_t bytes);
/* When the next paced packet may go: xc_pacer_ready is true at that time for the same
 * waiting_bytes, and false before it. `now` when it may go at once. */
uint64_t xc_pacer_deadline(const struct xc_pacer *pacer, uint64_t now, uint64_t waiting_bytes);

#endif
