/* mdns.h - sockets in the multicast DNS groups (RFC 6762 section 3), one a link and family. Owner: one
 * thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_IO_MDNS_H
#define XC_IO_MDNS_H

#include "wire/addr.h"

#define XC_MDNS_SOCKETS_MAX 16   /* more links are not asked */
#define XC_MDNS_RECEIVE_MAX 9000 /* RFC 6762 section 17 */

struct xc_mdns_socket {
    int fd;
    uint8_t family;
    uint32_t link; /* interface index */
    bool shared;   /* on port 5353; else on one of its own, where answers come by unicast */
};

/* On every link that is up, or that of `only` where it is given (NULL or "any": all of its family or
 * all); loopback only when asked for. Returns how many. */
size_t xc_mdns_open(struct xc_mdns_socket sockets[XC_MDNS_SOCKETS_MAX], const struct xc_addr *only,
                    bool loopback);
void xc_mdns_close(struct xc_mdns_socket *sockets, size_t count);
/* To the group of the socket's family on its link. False: the system refused. */
bool xc_mdns_send(const struct xc_mdns_socket *socket, const void *bytes, size_t size);
/* The size of the next datagram, 0 when there is none. */
size_t xc_mdns_receive(const struct xc_mdns_socket *socket, struct xc_addr *remote, void *bytes,
                       size_t capacity);

#endif
