/* round_trip.h - the round-trip time of a call: from report blocks (RFC 3550 section 6.4.1:
 * arrival - LSR - DLSR) or from any other measurement, smoothed as RFC 6298 section 2 does.
 * What cannot be true is refused and counted. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_ROUND_TRIP_H
#define XC_PROTO_ROUND_TRIP_H

#include "wire/rtcp.h"

#define XC_ROUND_TRIP_MAX (60 * XC_NS_PER_S)
/* DLSR is rounded by the peer and its clock may run fast: so much below zero counts as zero. */
#define XC_ROUND_TRIP_SLACK (50 * XC_NS_PER_MS)

struct xc_round_trip {
    uint64_t latest;    /* ns; all are 0 before the first measurement */
    uint64_t smoothed;  /* SRTT: 7/8 old, 1/8 new */
    uint64_t variation; /* RTTVAR: 3/4 old, 1/4 new */
    uint64_t minimum;
    uint64_t total; /* sum of all measurements (W3C totalRoundTripTime) */
    uint64_t count; /* measurements taken */
    uint64_t refused;
};

void xc_round_trip_init(struct xc_round_trip *round_trip);
/* A measurement in ns. False (and counted) above XC_ROUND_TRIP_MAX. */
bool xc_round_trip_sample(struct xc_round_trip *round_trip, uint64_t ns);
/* A report block about a stream of ours. ntp: when it arrived, on the clock that our sender reports
 * carry. False when it holds no measurement (no LSR) or a nonsensical one (counted). The caller has
 * checked that the block is about an SSRC of ours. */
bool xc_round_trip_report(struct xc_round_trip *round_trip, uint64_t ntp,
                          const struct xc_rtcp_report *report);

#endif
