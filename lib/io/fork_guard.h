/* fork_guard.h - tells without a system call whether this is still the process that made it: one page
 * that the kernel wipes in a child (MADV_WIPEONFORK). SPDX-License-Identifier: MIT */
#ifndef XC_IO_FORK_GUARD_H
#define XC_IO_FORK_GUARD_H

#include "base/base.h"

struct xc_fork_guard {
    volatile uint32_t *page;
};

bool xc_fork_guard_init(struct xc_fork_guard *guard);
void xc_fork_guard_deinit(struct xc_fork_guard *guard);

/* True in a child. */
static inline bool xc_fork_guard_forked(const struct xc_fork_guard *guard)
{
    return *guard->page == 0;
}

#endif
