/* loopback.c - Linux takes a datagram to a socket of the same machine within the call that sends it,
 * unless the processor's network work is being left to its own thread (ksoftirqd), as happens on a busy
 * machine. That work is a queue: a datagram of our own that came through it was behind all others.
 * Thread: the test's one that sends.
 * SPDX-License-Identifier: MIT */
#include "loopback.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000 /* then the test may fail as if this were not here */

static int fd = -1;
static uint32_t number;

static int open_once(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        (bind(fd, (struct sockaddr *)&address, size) ||
         getsockname(fd, (struct sockaddr *)&address, &size) ||
         connect(fd, (struct sockaddr *)&address, size))) { /* to itself: hears nobody else */
        close(fd);
        fd = -1;
    }
    return fd;
}

void loopback_settle(void)
{
    uint32_t got = 0, sent = ++number;
    if (fd < 0 && open_once() < 0)
        return;
    if (send(fd, &sent, sizeof sent, MSG_DONTWAIT) != sizeof sent)
        return;
    while (got != sent) {
        struct pollfd look = {.fd = fd, .events = POLLIN};
        if (recv(fd, &got, sizeof got, MSG_DONTWAIT) != sizeof got &&
            poll(&look, 1, PATIENCE_MS) != 1)
            return;
    }
}
