/* clock.h - the time that the service's core is given. One thread a clock.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_CLOCK_H
#define XCALLD_CLOCK_H

#include <stdint.h>

/* Unix time in milliseconds that never goes back: a step of the system's clock forward is followed at once,
 * one backward by going at half speed until both agree. */
struct service_clock {
    int64_t last_ms, last_monotonic_ms;
};
int64_t clock_now(struct service_clock *clock);
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

#endif
