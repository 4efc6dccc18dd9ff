/* setup.h - the parts of bench/setup.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SETUP_H
#define BENCH_SETUP_H

#include "../common/common.h"

/* Two processes, `repetitions` calls one after the other. */
bool setup_loopback(struct bench_report *report, uint32_t repetitions);
/* xcall-sim, which stands beside this program, over the seeds of this run. */
bool setup_virtual(struct bench_report *report, const char *program, const char *name,
                   uint32_t round_trip_ms, uint32_t loss_pct, uint32_t seeds, uint32_t first_seed);

#endif
