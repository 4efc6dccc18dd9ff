/* stun_client.h - asks a STUN server for our address as it sees it (RFC 8489 Binding over UDP, the
 * server-reflexive candidate of RFC 8445 section 5.1.1.2), sans-I/O, and then keeps the mapping alive
 * (RFC 8445 section 11: every 15 s) for as long as its output is asked for. Once READY it stays so,
 * and `mapped` does not change. FAILED is seen behind an output. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_STUN_CLIENT_H
#define XC_PROTO_STUN_CLIENT_H

#include "base/rng.h"
#include "proto/datagram.h"
#include "wire/stun.h"

enum { XC_STUN_CLIENT_NEW = 0, XC_STUN_CLIENT_ASKING, XC_STUN_CLIENT_READY, XC_STUN_CLIENT_FAILED };

#define XC_STUN_CLIENT_TIMEOUT (5 * XC_NS_PER_S)

struct xc_stun_client {
    struct xc_addr local, server, mapped;
    uint8_t state; /* XC_STUN_CLIENT_* */
    uint8_t sends; /* transmissions of the request that is out */
    uint8_t transaction[XC_STUN_TRANSACTION_SIZE];
    uint64_t started_at, sent_at, send_at; /* send_at: next transmission or keep-alive */
    uint32_t dropped;
    struct xc_rng rng;
};

void xc_stun_client_init(struct xc_stun_client *client, const struct xc_addr *local,
                         const struct xc_addr *server, struct xc_rng *rng);
void xc_stun_client_start(struct xc_stun_client *client, uint64_t now);
/* True: a Binding response from that server to our base, taken or dropped. False: anything else, be
 * it from the same address: a TURN allocation there gets what is its own (ask the client first). */
bool xc_stun_client_input(struct xc_stun_client *client, uint64_t now, const struct xc_addr *local,
                          const struct xc_addr *remote, struct xc_span datagram);
bool xc_stun_client_output(struct xc_stun_client *client, uint64_t now, struct xc_datagram *out);
uint64_t xc_stun_client_deadline(const struct xc_stun_client *client);

#endif
