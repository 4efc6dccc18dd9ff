/* dtls_gate.h - which DTLS records may reach the handshake: pure decisions on bytes, no OpenSSL.
 * Owner: the dtls object. What anybody can forge before there are keys (alerts, HelloRequest,
 * messages of the other role, junk, records of epoch 0 after the handshake) is turned away here,
 * since one such datagram may end a handshake in OpenSSL. RFC 6347 sections 4.1 and 4.2.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_DTLS_GATE_H
#define XC_PROTO_DTLS_GATE_H

#include "base/bytes.h"

enum {
    XC_DTLS_RECORD_HEADER_SIZE = 13,
    XC_DTLS_HELLO_RANDOM_SIZE = 32,
    XC_DTLS_CERTIFICATES_MAX = 16384, /* bytes of a chain; a browser's is 300 to 800 */
    XC_DTLS_DATA_MAX = 1500,          /* a longer record of application data is dropped */
    XC_DTLS_AHEAD_MAX = 32, /* records of epoch 1 let through before the handshake is done: OpenSSL
                               keeps each early one in a buffer of 17 KB */
};

struct xc_dtls_gate {
    bool client, connected;
    bool alert_seen;       /* set by an unauthenticated closing alert; the user clears it */
    bool other_hello_seen; /* set by a ClientHello that is not the first's; the user clears it */
    bool hello_seen;
    uint32_t ahead_count;
    uint8_t hello_random[XC_DTLS_HELLO_RANDOM_SIZE]; /* of the first ClientHello */
};

void xc_dtls_gate_init(struct xc_dtls_gate *gate, bool client);
/* Takes the next record that may pass off the front of the datagram; none: an empty span, and the
 * datagram is used up. */
struct xc_span xc_dtls_gate_next(struct xc_dtls_gate *gate, struct xc_span *datagram);

#endif
