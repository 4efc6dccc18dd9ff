/* rtp_clock.h - RTP timestamp units (RFC 3550 section 5.1) and nanoseconds, without overflow for
 * any time and any clock rate.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_RTP_CLOCK_H
#define XC_PROTO_RTP_CLOCK_H

#include "base/base.h"

/* Time in RTP units, rounded down, modulo 2^32. Seconds are whole units, so splitting at the second
 * loses nothing; what overflows 64 bits is gone modulo 2^32 anyway. */
static inline uint32_t xc_rtp_ticks(uint64_t ns, uint32_t clock_rate)
{
    uint64_t whole = ns / XC_NS_PER_S * clock_rate;
    return (uint32_t)(whole + ns % XC_NS_PER_S * clock_rate / XC_NS_PER_S);
}

/* A difference of two RTP timestamps in ns; clock_rate > 0. */
static inline int64_t xc_rtp_ticks_to_ns(int32_t ticks, uint32_t clock_rate)
{
    return (int64_t)ticks * (int64_t)XC_NS_PER_S / (int64_t)clock_rate;
}

#endif
