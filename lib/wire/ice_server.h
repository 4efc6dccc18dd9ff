/* ice_server.h - a STUN or TURN server: its URL (RFC 7064, RFC 7065) with an address for a host, and
 * its long-term credentials, copied. Pure functions on text.
 * SPDX-License-Identifier: MIT */
#ifndef XC_WIRE_ICE_SERVER_H
#define XC_WIRE_ICE_SERVER_H

#include "wire/addr.h"

#define XC_ICE_SERVERS_MAX 8
#define XC_ICE_SERVER_URL_MAX 128
#define XC_ICE_SERVER_USERNAME_MAX 508 /* bytes, RFC 8489 section 14.3 */
#define XC_ICE_SERVER_PASSWORD_MAX 256
#define XC_ICE_SERVER_PORT 3478

struct xc_ice_server {
    bool turn;
    struct xc_addr addr;
    uint16_t username_size, password_size; /* 0 for STUN */
    uint8_t username[XC_ICE_SERVER_USERNAME_MAX], password[XC_ICE_SERVER_PASSWORD_MAX];
};

enum {
    XC_ICE_SERVER_OK = 0,
    XC_ICE_SERVER_BAD,         /* no such URL */
    XC_ICE_SERVER_UNSUPPORTED, /* well formed: TLS, TCP, a host name */
};

/* Fills all but the credentials. Otherwise *words says in a sentence what is wrong. */
int xc_ice_server_parse(struct xc_ice_server *server, struct xc_span url, const char **words);
/* False with a sentence when they do not fit what the URL names; ignored for STUN. */
bool xc_ice_server_credentials(struct xc_ice_server *server, struct xc_span username,
                               struct xc_span password, const char **words);
/* The same server, whatever its credentials. */
bool xc_ice_server_same(const struct xc_ice_server *a, const struct xc_ice_server *b);

#endif
