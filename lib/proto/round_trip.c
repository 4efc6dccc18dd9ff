/* round_trip.c - round-trip time from report blocks (RFC 3550 section 6.4.1), smoothed (RFC 6298
 * section 2). Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/round_trip.h"

#include "base/ntp.h"

void xc_round_trip_init(struct xc_round_trip *round_trip)
{
    *round_trip = (struct xc_round_trip){0};
}

bool xc_round_trip_sample(struct xc_round_trip *round_trip, uint64_t ns)
{
    if (ns > XC_ROUND_TRIP_MAX) {
        round_trip->refused++;
        return false;
    }
    if (round_trip->count == 0) {
        round_trip->smoothed = ns;
        round_trip->variation = ns / 2;
        round_trip->minimum = ns;
    } else {
        uint64_t smoothed = round_trip->smoothed;
        uint64_t apart = smoothed > ns ? smoothed - ns : ns - smoothed;
        round_trip->variation = (round_trip->variation * 3 + apart) / 4;
        round_trip->smoothed = (smoothed * 7 + ns) / 8;
        round_trip->minimum = XC_MIN(round_trip->minimum, ns);
    }
    round_trip->latest = ns;
    round_trip->total += ns;
    round_trip->count++;
    return true;
}

bool xc_round_trip_report(struct xc_round_trip *round_trip, uint64_t ntp,
                          const struct xc_rtcp_report *report)
{
    if (report->last_sr == 0)
        return false; /* the peer has seen no sender report yet (section 6.4.1) */
    /* 32-bit subtraction in 1/65536 s: right across the wrap every 18 hours. */
    int32_t units = (int32_t)(xc_ntp_middle(ntp) - report->last_sr - report->delay_since_last_sr);
    if (units >= 0)
        return xc_round_trip_sample(round_trip, xc_ntp_short_to_ns((uint32_t)units));
    if (xc_ntp_short_to_ns(0 - (uint32_t)units) <= XC_ROUND_TRIP_SLACK)
        return xc_round_trip_sample(round_trip, 0);
    round_trip->refused++;
    return false;
}
