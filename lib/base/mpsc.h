/* mpsc.h - a bounded queue of 64-bit words, many producers, one consumer, no lock.
 * Each cell carries a sequence number: even turns mean free, odd turns mean filled (after D. Vyukov's
 * bounded queue). Used for control words only (commands, event tokens), never for media.
 * SPDX-License-Identifier: MIT */
#ifndef XC_BASE_MPSC_H
#define XC_BASE_MPSC_H

#include <stdatomic.h>

#include "base/arena.h"

struct xc_mpsc_cell {
    _Atomic uint32_t turn; /* release by who filled or emptied the cell, acquire by the other */
    uint64_t word;
};

struct xc_mpsc {
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t head; /* claimed by producers */
    _Alignas(XC_CACHE_LINE) uint32_t tail;         /* consumer only */
    _Alignas(XC_CACHE_LINE) struct xc_mpsc_cell *cells;
    uint32_t count; /* power of two */
};

bool xc_mpsc_init(struct xc_mpsc *queue, struct xc_arena *arena, uint32_t count);
/* Any thread: false when the queue is full. */
bool xc_mpsc_put(struct xc_mpsc *queue, uint64_t word);
/* The consumer: false when the queue is empty. */
bool xc_mpsc_get(struct xc_mpsc *queue, uint64_t *word);

#endif
