/* clock.c - two system clocks made into one.
 * SPDX-License-Identifier: MIT */
#include "clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now(struct service_clock *clock)
{
    int64_t real = read_ms(CLOCK_REALTIME), monotonic = clock_monotonic_ms();
    int64_t passed = monotonic - clock->last_monotonic_ms;
    int64_t by_monotonic = clock->last_ms + passed;
    if (clock->last_ms == 0 || real >= by_monotonic) {
        clock->last_ms = real;
        clock->last_monotonic_ms = monotonic;
    } else if (by_monotonic - real <= 5) { /* rounding, and the system slewing its clock */
        clock->last_ms = by_monotonic;
        clock->last_monotonic_ms = monotonic;
    } else if (passed >= 2) {
        clock->last_ms += passed / 2;
        clock->last_monotonic_ms += passed / 2 * 2;
    }
    return clock->last_ms;
}
