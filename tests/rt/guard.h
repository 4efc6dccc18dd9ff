/* guard.h - a thread under guard: a seccomp filter traps every system call but an 8-byte write to an
 * eventfd; the interposers count allocations and locks; the kernel counts page faults. What the test
 * itself needs in between (to sleep, to read the fault count) carries a mark in the sixth argument,
 * which those calls do not use and which the filter looks for.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_RT_GUARD_H
#define XC_TESTS_RT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "support/interpose.h"

#define GUARD_EVENTFDS_MAX 64

struct guard_report {
    struct interpose_counts counts;
    uint64_t trapped;       /* system calls that the filter refused */
    int32_t trapped_number; /* of the first */
    const void *trapped_at;
    uint64_t faults; /* page faults, minor and major, while under guard */
};

/* Installs the handler of SIGSYS (in each test: cmocka has one of its own, too) and finds this
 * process's eventfds. False: no seccomp here. */
bool guard_init(void);
/* The calling thread: touches its stack, goes under guard and stays there. False: refused. */
bool guard_enter(struct guard_report *report);
/* Under guard: sleeps until a time of CLOCK_MONOTONIC. */
void guard_sleep_until(uint64_t time_ns);
/* Under guard: fills the report and ends the thread. */
_Noreturn void guard_exit(struct guard_report *report);

#endif
