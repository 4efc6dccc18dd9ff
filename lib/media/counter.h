/* counter.h - totals with one writing thread and any number of readers: relaxed atomics, so that no
 * reader sees half a value and no writer waits. Single totals are exact, pairs of them may be from
 * different moments.
 * SPDX-License-Identifier: MIT */
#ifndef XC_MEDIA_COUNTER_H
#define XC_MEDIA_COUNTER_H

#include <stdatomic.h>

#include "base/base.h"

typedef _Atomic uint64_t xc_counter; /* relaxed on both sides: it guards no other memory */

static inline uint64_t xc_counter_get(const xc_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void xc_counter_set(xc_counter *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline void xc_counter_add(xc_counter *counter, uint64_t value)
{
    xc_counter_set(counter, xc_counter_get(counter) + value);
}

/* A counter may hold the bits of a double instead. */
static inline double xc_counter_get_real(const xc_counter *counter)
{
    uint64_t bits = xc_counter_get(counter);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void xc_counter_set_real(xc_counter *counter, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    xc_counter_set(counter, bits);
}

static inline void xc_counter_add_real(xc_counter *counter, double value)
{
    xc_counter_set_real(counter, xc_counter_get_real(counter) + value);
}

#endif
