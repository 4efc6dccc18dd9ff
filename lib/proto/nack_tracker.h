/* nack_tracker.h - which packets of an incoming stream are missing, when to ask for each of them
 * (generic NACK, RFC 4585 section 6.2.1), and when to give up. Numbers are extended ones that only
 * grow. Owner: the session's thread. Fixed memory.
 *
 *   missing --delay--> request --round trip--> request ... --> given up (retries or time)
 *      |                  |
 *      arrived: reordered arrived: repaired
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_NACK_TRACKER_H
#define XC_PROTO_NACK_TRACKER_H

#include "base/base.h"

#define XC_NACK_TRACKED_MAX 256 /* missing packets tracked; a larger gap gives up on the oldest */
#define XC_NACK_BATCH_MAX 64    /* sequences in one NACK packet */
#define XC_NACK_BATCH_INTERVAL (10 * XC_NS_PER_MS) /* no more than one full batch in this time */

enum { XC_NACK_UNKNOWN = 0, XC_NACK_REORDERED = 1, XC_NACK_REPAIRED = 2 };

struct xc_nack_config {
    uint64_t delay;       /* ns from noticing to the first request */
    uint64_t give_up;     /* ns from noticing to giving up */
    uint32_t retries_max; /* requests for one packet */
};

struct xc_nack_missing {
    uint64_t sequence;
    uint64_t due;        /* the next request, or after the last one the end of waiting for it */
    uint64_t give_up_at; /* absolute */
    uint32_t requests;
};

struct xc_nack_tracker {
    struct xc_nack_config config;
    struct xc_nack_missing missing[XC_NACK_TRACKED_MAX]; /* ascending */
    uint32_t count;
    uint64_t settled_below; /* what is below this is of no use */
    uint64_t batch_started;
    uint32_t batch_used;    /* requests since batch_started */
    uint64_t lost_newest;   /* the newest given up, where `lost` */
    bool lost;              /* given up and not settled or taken since */
    uint32_t requests_sent; /* sequences asked for, repeats included */
    uint32_t given_up;
};

void xc_nack_init(struct xc_nack_tracker *tracker, const struct xc_nack_config *config);
/* first..last, newer than all numbers before, were skipped. */
void xc_nack_skipped(struct xc_nack_tracker *tracker, uint64_t now, uint64_t first, uint64_t last);
/* A packet came that is not the newest: XC_NACK_*. */
int xc_nack_arrived(struct xc_nack_tracker *tracker, uint64_t sequence);
/* Numbers due for a request, ascending, as 16 bits; also gives up what is over time. */
size_t xc_nack_due(struct xc_nack_tracker *tracker, uint64_t now, uint64_t round_trip,
                   uint16_t *sequences, size_t capacity);
uint64_t xc_nack_deadline(const struct xc_nack_tracker *tracker);
/* All up to and including this number are of no more use, missing or not. */
void xc_nack_settled(struct xc_nack_tracker *tracker, uint64_t sequence);
/* The stream starts anew above `last`: gives up all. */
void xc_nack_restart(struct xc_nack_tracker *tracker, uint64_t last);
bool xc_nack_take_lost(struct xc_nack_tracker *tracker, uint64_t *newest);

#endif
