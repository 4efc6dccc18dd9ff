/* addr.h - a transport address: IPv4 or IPv6 and a port. Pure values, no look-up.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_ADDR_H
#define XC_WIRE_ADDR_H

#include "base/bytes.h"

enum { XC_ADDR_NONE = 0, XC_ADDR_IPV4 = 4, XC_ADDR_IPV6 = 6 };

struct xc_addr {
    uint8_t family;    /* XC_ADDR_* */
    uint16_t port;     /* host order */
    uint32_t scope;    /* IPv6 scope id of a link-local address, else 0 */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest is zero */
};

#define XC_ADDR_TEXT_MAX 64

bool xc_addr_equal(const struct xc_addr *a, const struct xc_addr *b); /* with port */
/* A scope of 0 (unknown) fits every scope, in both. */
bool xc_addr_same_host(const struct xc_addr *a, const struct xc_addr *b);
bool xc_addr_is_loopback(const struct xc_addr *a);
bool xc_addr_is_link_local(const struct xc_addr *a);
bool xc_addr_is_any(const struct xc_addr *a);
/* "192.0.2.1", "2001:db8::1" (RFC 5952): no port, no brackets, no scope; a host name is refused.
 * On failure the address is all zero. */
bool xc_addr_parse(struct xc_addr *addr, struct xc_span text, uint16_t port);
/* Writes the host part; returns the length, 0 when it does not fit. */
size_t xc_addr_format(const struct xc_addr *addr, char *text, size_t capacity);

#endif
