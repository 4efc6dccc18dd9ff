/* interfaces.h - the addresses of this machine that a call may use.
 * SPDX-License-Identifier: MIT */
#ifndef XC_IO_INTERFACES_H
#define XC_IO_INTERFACES_H

#include "wire/addr.h"

/* Addresses of interfaces that are up: no multicast, no unspecified ones; loopback only when asked
 * for; IPv6 before IPv4, global before link-local. Returns how many. */
size_t xc_interfaces_list(struct xc_addr *list, size_t capacity, bool loopback);

#endif
