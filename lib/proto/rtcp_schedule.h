/* rtcp_schedule.h - when to send the next regular RTCP report (RFC 3550 sections 6.2, 6.3 and A.7
 * with the reduced minimum, RFC 4585 section 3.4 for two parties): randomised, and bounded by 5 %
 * of the session bandwidth; early feedback moves the average size and so the next interval.
 * Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_RTCP_SCHEDULE_H
#define XC_PROTO_RTCP_SCHEDULE_H

#include "base/rng.h"

/* A session's bandwidth is its nominal one; where only silence is sent, this is what it is taken to
 * be at least, so that reports do not starve. */
#define XC_RTCP_SESSION_BPS_MIN 64000
#define XC_RTCP_PACKET_OVERHEAD 28 /* IPv4 and UDP headers, counted in sizes (section 6.2) */

struct xc_rtcp_schedule {
    uint64_t next;
    uint64_t minimum;    /* ns */
    double average_size; /* bytes, UDP and IP headers included (RFC 3550 section 6.2) */
    bool initial;
};

/* The first report follows after half the minimum, randomised. */
void xc_rtcp_schedule_init(struct xc_rtcp_schedule *schedule, uint64_t now, struct xc_rng *rng,
                           uint64_t minimum);
bool xc_rtcp_schedule_due(const struct xc_rtcp_schedule *schedule, uint64_t now);
/* A regular report of `size` bytes of UDP payload was sent (its size goes into the average here);
 * the session's rate sets the bandwidth share. */
void xc_rtcp_schedule_sent(struct xc_rtcp_schedule *schedule, uint64_t now, struct xc_rng *rng,
                           size_t size, uint64_t session_bps);
/* Any other RTCP packet seen or sent moves the average: its UDP payload. */
void xc_rtcp_schedule_size(struct xc_rtcp_schedule *schedule, size_t size);
uint64_t xc_rtcp_schedule_deadline(const struct xc_rtcp_schedule *schedule);

#endif
