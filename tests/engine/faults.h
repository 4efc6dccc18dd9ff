/* faults.h - one round of set-up with the n-th allocation of an origin failing.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_ENGINE_FAULTS_H
#define XC_TESTS_ENGINE_FAULTS_H

#include <stdint.h>

struct fault_round {
    uint64_t counted;   /* allocations of these origins */
    int64_t live;       /* of ours, after all was released */
    int32_t result;     /* of the first function that failed, or 0 */
    uint32_t connected; /* both sides were */
};

/* Engines, calls with both media, signals, until connected or ended; then all is released. */
void fault_round(uint32_t origins, uint64_t fail_at, struct fault_round *round);

#endif
