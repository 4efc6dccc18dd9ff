/* poller.c - epoll. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

bool xc_poller_init(struct xc_poller *poller)
{
    poller->fd = epoll_create1(EPOLL_CLOEXEC);
    return poller->fd >= 0;
}

void xc_poller_deinit(struct xc_poller *poller)
{
    if (poller->fd >= 0)
        close(poller->fd);
    poller->fd = -1;
}

bool xc_poller_add(struct xc_poller *poller, int fd, uint64_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = tag}};
    return epoll_ctl(poller->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void xc_poller_remove(struct xc_poller *poller, int fd)
{
    epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, NULL);
}

/* Rounded up: never early. */
static int whole_ms(uint64_t timeout)
{
    if (timeout == XC_NEVER)
        return -1;
    uint64_t ms = (timeout + XC_NS_PER_MS - 1) / XC_NS_PER_MS;
    return (int)XC_MIN(ms, UINT64_C(3600000));
}

size_t xc_poller_wait(struct xc_poller *poller, uint64_t timeout, uint64_t tags[XC_POLLER_BATCH])
{
    struct epoll_event events[XC_POLLER_BATCH];
    struct timespec limit = {.tv_sec = (time_t)(timeout / XC_NS_PER_S),
                             .tv_nsec = (long)(timeout % XC_NS_PER_S)};
    int n = epoll_pwait2(poller->fd, events, XC_POLLER_BATCH, timeout == XC_NEVER ? NULL : &limit,
                         NULL);
    if (n < 0 && (errno == ENOSYS || errno == EPERM)) /* before Linux 5.11, or filtered out */
        n = epoll_wait(poller->fd, events, XC_POLLER_BATCH, whole_ms(timeout));
    for (int i = 0; i < n; i++)
        tags[i] = events[i].data.u64;
    return n > 0 ? (size_t)n : 0;
}
