/* datagram.h - one datagram on its way out of the core, in memory that the caller lends.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_DATAGRAM_H
#define XC_PROTO_DATAGRAM_H

#include "wire/addr.h"

struct xc_datagram {
    struct xc_addr local, remote;
    uint8_t *data;   /* lent by the caller */
    size_t capacity; /* at least XC_MTU + XC_DATAGRAM_SLACK */
    size_t size;     /* set by the writer, at most XC_MTU */
};

#define XC_DATAGRAM_SLACK                                                                          \
    160 /* head-room that libsrtp2 asks for behind a packet: 144 + 4, rounded */

#endif
