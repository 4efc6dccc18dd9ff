/* poller.h - waits for many descriptors with nanosecond deadlines. Owner: one thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_IO_POLLER_H
#define XC_IO_POLLER_H

#include "base/base.h"

#define XC_POLLER_BATCH 64

struct xc_poller {
    int fd; /* itself readable while one of its descriptors is */
};

bool xc_poller_init(struct xc_poller *poller);
void xc_poller_deinit(struct xc_poller *poller);
bool xc_poller_add(struct xc_poller *poller, int fd, uint64_t tag);
void xc_poller_remove(struct xc_poller *poller, int fd);
/* Waits at most timeout ns (0: not at all, XC_NEVER: without end); the tags of what is readable. */
size_t xc_poller_wait(struct xc_poller *poller, uint64_t timeout, uint64_t tags[XC_POLLER_BATCH]);

#endif
