/* clock.c - CLOCK_MONOTONIC and CLOCK_REALTIME; both are read without entering the kernel.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * XC_NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t xc_clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t xc_clock_unix(void)
{
    return read_clock(CLOCK_REALTIME);
}
