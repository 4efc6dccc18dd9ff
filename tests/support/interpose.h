/* interpose.h - this program's own malloc family and pthread locks, which count and may refuse.
 * They forward to the real ones; every library in the process lands here, for the program's symbols
 * come first. Two uses:
 *   - counting what a thread does while it is armed (real-time proof)
 *   - failing the n-th allocation that a given origin makes (fault injection)
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_INTERPOSE_H
#define XC_TESTS_INTERPOSE_H

#include <stdbool.h>
#include <stdint.h>

/* --- counts of the calling thread while armed ------------------------------------------------ */

struct interpose_counts {
    uint64_t allocations; /* and releases */
    uint64_t locks;       /* mutex, rwlock, spin lock, condition, semaphore, barrier, once */
    const void *first;    /* return address of the first of either */
};

void interpose_arm(struct interpose_counts *counts); /* NULL disarms */

/* --- faults: which code asks for memory -------------------------------------------------------- */

enum {
    INTERPOSE_OURS = 1,    /* this program: the static library in it */
    INTERPOSE_OPENSSL = 2, /* libssl, libcrypto */
    INTERPOSE_CODECS = 4,  /* libopus, libvpx */
};

void interpose_init(void); /* learns where the libraries are mapped; before any fault */
/* From now on counts the allocations of these origins and lets the `fail_at`-th one (from 1) fail;
 * 0: none. Any thread. */
void interpose_fault(uint32_t origins, uint64_t fail_at);
/* Stops; how many were counted since interpose_fault. */
uint64_t interpose_fault_end(void);
/* Blocks of INTERPOSE_OURS that live now, of those taken since interpose_fault. */
int64_t interpose_live(void);

#endif
