/* base.h - the few words every layer uses: sizes, time units, alignment.
 * Time is uint64_t nanoseconds on a clock that the caller owns, always named `now`.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_BASE_H
#define XC_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define XC_NS_PER_US UINT64_C(1000)
#define XC_NS_PER_MS UINT64_C(1000000)
#define XC_NS_PER_S UINT64_C(1000000000)
#define XC_NEVER UINT64_MAX /* a deadline that never comes */

#define XC_CACHE_LINE 64
#define XC_MTU 1200 /* the largest datagram we send, bytes of UDP payload (as browsers do) */

#define XC_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define XC_MIN(a, b) ((a) < (b) ? (a) : (b))
#define XC_MAX(a, b) ((a) > (b) ? (a) : (b))
#define XC_CLAMP(v, lo, hi) ((v) < (lo) ? (lo) : (v) > (hi) ? (hi) : (v))

#ifdef XC_DEBUG
#define xc_assert(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define xc_assert(condition) ((void)sizeof(condition))
#endif

/* The earlier of two deadlines. */
static inline uint64_t xc_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Signed distance a - b of two values on a wrapping 16-bit or 32-bit circle (RFC 3550 A.1). */
static inline int32_t xc_seq16_diff(uint16_t a, uint16_t b)
{
    return (int16_t)(uint16_t)(a - b);
}

static inline int32_t xc_seq32_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

/* The smallest power of two that is not below `least` (at most 2^31). */
static inline uint32_t xc_power_of_two(uint32_t least)
{
    uint32_t n = 1;
    while (n < least)
        n *= 2;
    return n;
}

/* Overwrites a secret in a way that the compiler keeps. */
static inline void xc_wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}

/* Equal without telling where they differ by time. */
static inline bool xc_equal_constant_time(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    uint8_t different = 0;
    for (size_t i = 0; i < size; i++)
        different |= (uint8_t)(x[i] ^ y[i]);
    return different == 0;
}

#endif
