/* wake.c - see wake.h. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/wake.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

bool xc_wake_init(struct xc_wake *wake)
{
    atomic_init(&wake->sleeping, 0);
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return wake->fd >= 0;
}

void xc_wake_deinit(struct xc_wake *wake)
{
    if (wake->fd >= 0)
        close(wake->fd);
    wake->fd = -1;
}

void xc_wake_signal(struct xc_wake *wake)
{
    const uint64_t one = 1;
    ssize_t n = write(wake->fd, &one, sizeof one);
    (void)n; /* full means that it is signalled already */
}

void xc_wake_clear(struct xc_wake *wake)
{
    uint64_t count;
    ssize_t n = read(wake->fd, &count, sizeof count);
    (void)n; /* empty is fine */
}

void xc_wake_wait(struct xc_wake *wake, uint64_t timeout)
{
    struct pollfd descriptor = {.fd = wake->fd, .events = POLLIN};
    struct timespec limit = {.tv_sec = (time_t)(timeout / XC_NS_PER_S),
                             .tv_nsec = (long)(timeout % XC_NS_PER_S)};
    ppoll(&descriptor, 1, timeout == XC_NEVER ? NULL : &limit, NULL);
}
