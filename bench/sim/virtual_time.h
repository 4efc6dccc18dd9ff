/* virtual_time.h - makes OpenSSL live on the simulation's clock and draw from its seed. Linked only
 * into simulation executables, with -rdynamic. SPDX-License-Identifier: MIT */
#ifndef SIM_VIRTUAL_TIME_H
#define SIM_VIRTUAL_TIME_H

#include <stdint.h>

#define SIM_UNIX_EPOCH UINT64_C(1767225600000000000) /* 2026-01-01, ns: what now = 0 is */

void sim_virtual_time_set(uint64_t now);
void sim_virtual_random_seed(uint64_t seed);

#endif
