/* wake.h - an eventfd that wakes a sleeping thread, and the flag that says whether it sleeps.
 *
 * The sleeper announces, looks once more for work, then waits; a waker publishes its work, then looks
 * at the flag. Both sides are seq_cst operations: with acquire and release alone, each may miss the
 * other's store, and a wake-up is lost.
 * SPDX-License-Identifier: MIT */
#ifndef XC_IO_WAKE_H
#define XC_IO_WAKE_H

#include <stdatomic.h>

#include "base/base.h"

struct xc_wake {
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t sleeping; /* pairs with xc_wake_if_sleeping */
    int fd;
};

bool xc_wake_init(struct xc_wake *wake);
void xc_wake_deinit(struct xc_wake *wake);
/* Any thread, real-time: one 8-byte write to a non-blocking eventfd at the most. */
void xc_wake_signal(struct xc_wake *wake);
void xc_wake_clear(struct xc_wake *wake); /* the sleeper, when awake */

static inline void xc_wake_announce(struct xc_wake *wake)
{
    atomic_store_explicit(&wake->sleeping, 1, memory_order_seq_cst);
}

static inline void xc_wake_awake(struct xc_wake *wake)
{
    atomic_store_explicit(&wake->sleeping, 0, memory_order_seq_cst);
}

/* After the work was published by a seq_cst operation. Only the first of several wakers writes. */
static inline void xc_wake_if_sleeping(struct xc_wake *wake)
{
    if (atomic_load_explicit(&wake->sleeping, memory_order_seq_cst) &&
        atomic_exchange_explicit(&wake->sleeping, 0, memory_order_seq_cst))
        xc_wake_signal(wake);
}

/* Waits until signalled or for timeout ns (XC_NEVER: without end); clears nothing. */
void xc_wake_wait(struct xc_wake *wake, uint64_t timeout);

#endif
