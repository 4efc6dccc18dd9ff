/* ntp.h - 64-bit NTP timestamps (RFC 5905 section 6, RFC 3550 section 4) and nanoseconds: seconds
 * since 1900 in the upper 32 bits, 1/2^32 s in the lower ones. Nanoseconds go to NTP and back
 * without loss. A timestamp whose top bit is 0 is taken as one of the era that begins on 2036-02-07
 * (RFC 4330 section 3), so Unix times from 1968 to 2104 pass.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_NTP_H
#define XC_BASE_NTP_H

#include "base/base.h"

#define XC_NTP_UNIX_OFFSET_S UINT64_C(2208988800) /* 1900-01-01 to 1970-01-01 */

/* The fraction of a second, in ns, rounded to nearest: 1/2^32 s is 0.23 ns, so nearest finds the
 * nanosecond that the fraction was made from. May answer a full second. */
static inline uint64_t xc_ntp_fraction_ns(uint32_t fraction)
{
    return ((uint64_t)fraction * XC_NS_PER_S + (UINT64_C(1) << 31)) >> 32;
}

/* Nanoseconds since 1900 within the era of the timestamp. */
static inline uint64_t xc_ntp_to_ns(uint64_t ntp)
{
    return (ntp >> 32) * XC_NS_PER_S + xc_ntp_fraction_ns((uint32_t)ntp);
}

static inline uint64_t xc_ntp_from_ns(uint64_t ns_since_1900)
{
    uint64_t seconds = ns_since_1900 / XC_NS_PER_S;
    uint64_t fraction = (ns_since_1900 % XC_NS_PER_S << 32) / XC_NS_PER_S;
    return seconds << 32 | fraction;
}

static inline uint64_t xc_ntp_from_unix_ns(uint64_t unix_ns)
{
    uint64_t seconds = unix_ns / XC_NS_PER_S + XC_NTP_UNIX_OFFSET_S;
    uint64_t fraction = (unix_ns % XC_NS_PER_S << 32) / XC_NS_PER_S;
    return seconds << 32 | fraction;
}

/* 0 for a time before 1970. */
static inline uint64_t xc_ntp_to_unix_ns(uint64_t ntp)
{
    uint64_t seconds = ntp >> 32;
    if (!(seconds >> 31))
        seconds += UINT64_C(1) << 32;
    if (seconds < XC_NTP_UNIX_OFFSET_S)
        return 0;
    return (seconds - XC_NTP_UNIX_OFFSET_S) * XC_NS_PER_S + xc_ntp_fraction_ns((uint32_t)ntp);
}

/* The middle 32 bits, in 1/65536 s: the form of LSR and DLSR (RFC 3550 section 6.4.1). */
static inline uint32_t xc_ntp_middle(uint64_t ntp)
{
    return (uint32_t)(ntp >> 16);
}

/* A length of time in 1/65536 s, rounded down, at most 2^32 - 1. */
static inline uint32_t xc_ntp_short_from_ns(uint64_t ns)
{
    if (ns / XC_NS_PER_S > 65535)
        return UINT32_MAX;
    return (uint32_t)((ns << 16) / XC_NS_PER_S);
}

static inline uint64_t xc_ntp_short_to_ns(uint32_t units)
{
    return (uint64_t)units * XC_NS_PER_S >> 16;
}

#endif
