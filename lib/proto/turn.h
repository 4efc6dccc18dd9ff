/* turn.h - one allocation on a TURN server over UDP (RFC 8656 over RFC 8489), sans-I/O. Owner: the
 * thread of the session that holds it. Fixed memory: the struct is all of it.
 *
 *   start -> ALLOCATING -> READY (relayed address known) -> ... -> close
 *                      \-> FAILED (refused, or no answer in time)
 *
 * An allocation keeps itself alive: it refreshes itself, its permissions and its channels, answers a
 * stale nonce, and follows no redirect (300). Once READY it carries datagrams between its relayed
 * address and permitted peers: xc_turn_wrap makes of a datagram to a peer one to the server, and
 * xc_turn_input makes of one from the server one from the peer. What the server sends is not
 * trusted: malformed, unknown or unauthenticated messages are counted and dropped. Time moves only
 * in xc_turn_output: a state that time changes (FAILED) is seen behind it.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_TURN_H
#define XC_PROTO_TURN_H

#include "base/rng.h"
#include "proto/datagram.h"
#include "wire/stun.h"

#define XC_TURN_PEERS_MAX 32     /* permitted peer addresses; the one longest unused makes room */
#define XC_TURN_WRAP_MAX 64      /* bytes that wrapping may put around a datagram */
#define XC_TURN_USERNAME_MAX 508 /* RFC 8489 section 14.3 */
#define XC_TURN_PASSWORD_MAX 256
#define XC_TURN_ALLOCATE_TIMEOUT (5 * XC_NS_PER_S) /* start to READY, then FAILED */
/* Of giving it back: five transmissions with the RTO of RFC 8489 section 6.2.1. */
#define XC_TURN_RELEASE_TIMEOUT (8 * XC_NS_PER_S)

enum {
    XC_TURN_NEW = 0,
    XC_TURN_ALLOCATING,
    XC_TURN_READY,
    XC_TURN_FAILED, /* refused, timed out, or lost later: reason says which */
    XC_TURN_CLOSED,
};

enum { /* why FAILED */
       XC_TURN_NO_REASON = 0,
       XC_TURN_NO_ANSWER,    /* nothing (authentic) came from the server in time */
       XC_TURN_UNAUTHORIZED, /* 401 again with our credentials, 441, endless 438, or no realm */
       XC_TURN_REFUSED, /* another error: error_code says which (486 quota, 508 capacity ...) */
       XC_TURN_LOST,    /* a refresh was refused or not answered until the lifetime was over */
};

struct xc_turn_counters {
    uint32_t requests_sent, responses_received, datagrams_in, datagrams_out;
    uint32_t dropped_malformed, dropped_integrity, dropped_unknown, dropped_not_permitted;
};

/* Permission, channel, transaction records: private to turn*.c, here so that the struct has a size. */
#include "proto/turn_state.h"

struct xc_turn_config {
    struct xc_addr server;
    struct xc_addr local;              /* base of the socket that it goes out by */
    struct xc_span username, password; /* long-term credentials (RFC 8489 section 9.2), copied */
};

/* False when a credential is too long or empty. */
bool xc_turn_init(struct xc_turn *turn, const struct xc_turn_config *config, struct xc_rng *rng);
void xc_turn_start(struct xc_turn *turn, uint64_t now);
/* New time-limited credentials, kept for when the present ones are refused (401 or 441): a server may
 * hold an allocation to the username that made it (RFC 8656 section 5; coturn does, and lets it live
 * on past its expiry). Before the start they replace them. False as init. */
bool xc_turn_set_credentials(struct xc_turn *turn, struct xc_span username,
                             struct xc_span password);
int xc_turn_state(const struct xc_turn *turn);
/* XC_TURN_NO_REASON while not FAILED; error_code (may be NULL): the server's last word, or 0. */
int xc_turn_failure(const struct xc_turn *turn, uint16_t *error_code);
/* Valid when READY. mapped: our address as the server sees it (a server-reflexive candidate). */
const struct xc_addr *xc_turn_relayed(const struct xc_turn *turn);
const struct xc_addr *xc_turn_mapped(const struct xc_turn *turn);

/* A datagram that came on `local` from the server. True: it carries a peer's datagram, *peer and
 * *bytes (inside `datagram`) tell; false: it was the server's own, or dropped. Whoever calls has
 * compared addresses by xc_turn_is_server. */
bool xc_turn_is_server(const struct xc_turn *turn, const struct xc_addr *local,
                       const struct xc_addr *remote);
bool xc_turn_input(struct xc_turn *turn, uint64_t now, struct xc_span datagram,
                   struct xc_addr *peer, struct xc_span *bytes);
/* Asks for a permission, and with `channel` for a channel too, where there is none yet; both are
 * then kept. Wanted from XC_TURN_READY on; earlier calls are remembered. Refused by the server (403
 * and the like) is not asked again, a passing fault (5xx) is, 5 s later and ever more slowly. Costs
 * nothing when repeated. */
void xc_turn_permit(struct xc_turn *turn, uint64_t now, const struct xc_addr *peer, bool channel);
/* Wraps out (local = relayed, remote = peer; data and size) in place, as ChannelData where a channel
 * is bound, else as a Send indication; then out->local and out->remote are base and server. False
 * (and counted) when not READY, the peer has no permission yet, or the capacity is too small: up
 * to XC_TURN_WRAP_MAX bytes more than size. Permits the peer where it was not. */
bool xc_turn_wrap(struct xc_turn *turn, uint64_t now, struct xc_datagram *out);
/* The next message to the server; false when there is none at `now`. */
bool xc_turn_output(struct xc_turn *turn, uint64_t now, struct xc_datagram *out);
uint64_t xc_turn_deadline(const struct xc_turn *turn);
/* Does the server still know it? Refreshes at once; counters.responses_received says whether it
 * answered, the state whether it is lost. */
void xc_turn_probe(struct xc_turn *turn, uint64_t now);
/* Gives the allocation back: Refresh with lifetime 0, from the next output on, sent again until it is
 * answered or XC_TURN_RELEASE_TIMEOUT is over (then the allocation is left to its lifetime). Who
 * does not want to wait may let go of the struct after the first one. Credentials are wiped then. */
void xc_turn_close(struct xc_turn *turn, uint64_t now);
/* Closed, and its input and output are still wanted. */
bool xc_turn_releasing(const struct xc_turn *turn);
const struct xc_turn_counters *xc_turn_counters(const struct xc_turn *turn);

#endif
