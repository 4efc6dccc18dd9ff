/* udp.h - UDP sockets, bound and non-blocking, read and written in batches.
 * SPDX-License-Identifier: MIT */
#ifndef XC_IO_UDP_H
#define XC_IO_UDP_H

#include "wire/addr.h"

#define XC_UDP_BATCH 16
#define XC_UDP_RECEIVE_MAX 2048 /* bytes of one datagram; longer ones are cut and dropped */

struct xc_udp_received {
    struct xc_addr remote;
    size_t size;
    uint64_t age; /* ns since the system received it; 0 where it does not say */
    uint8_t bytes[XC_UDP_RECEIVE_MAX];
};

struct xc_udp_batch {
    struct xc_udp_received datagrams[XC_UDP_BATCH];
};

struct xc_udp_out {
    struct xc_addr remote;
    const uint8_t *bytes;
    size_t size;
};

/* Binds to *bind with a port of port_min..port_max (0, 0: any) and says where. Returns the
 * descriptor or a negative errno. */
int xc_udp_open(const struct xc_addr *bind, uint32_t port_min, uint32_t port_max,
                struct xc_addr *bound);
void xc_udp_close(int fd);
/* Up to XC_UDP_BATCH datagrams that are there; how many. Transient errors count as none. */
size_t xc_udp_receive(int fd, struct xc_udp_batch *batch);
/* Sends up to XC_UDP_BATCH; returns how many the system refused (a full queue, no route). */
size_t xc_udp_send(int fd, const struct xc_udp_out *out, size_t count);

#endif
