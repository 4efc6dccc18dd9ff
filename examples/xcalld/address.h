/* address.h - network addresses as the options, the accept and the proxies' headers name them. IPv4 is
 * kept mapped into IPv6 (RFC 4291 section 2.5.5.2). Any thread; no state.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_ADDRESS_H
#define XCALLD_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_SIZE 16
#define ADDRESS_TEXT_MAX 46 /* as inet_ntop writes it, with the NUL */

struct endpoint { /* ADDRESS:PORT */
    char text[ADDRESS_TEXT_MAX];
    uint8_t address[ADDRESS_SIZE];
    uint16_t port;
    bool ipv6, any;
};

struct cidr {
    uint8_t address[ADDRESS_SIZE];
    unsigned bits; /* of 128 */
};

bool address_parse(const char *text, size_t length, uint8_t address[ADDRESS_SIZE], bool *ipv6);
bool endpoint_parse(const char *text, struct endpoint *endpoint);
bool cidr_parse(const char *text, struct cidr *cidr);
bool cidr_has(const struct cidr *cidrs, size_t count, const uint8_t address[ADDRESS_SIZE]);
bool address_is_loopback(const uint8_t address[ADDRESS_SIZE]);
/* The /24 or /48 it is in, as a number. */
uint64_t address_network(const uint8_t address[ADDRESS_SIZE]);
/* Of an open socket's other end. */
bool address_of_peer(int descriptor, uint8_t address[ADDRESS_SIZE]);
/* Whom a trusted proxy speaks for: X-Forwarded-For from its end, up to the first that is no proxy of ours. What
 * cannot be read leaves `address` as it is. */
void address_forwarded(const char *header, const struct cidr *proxies, size_t count,
                       uint8_t address[ADDRESS_SIZE]);

#endif
