/* turn_private.h - what the files of a TURN allocation tell each other: turn.c (life, answers, what
 * goes out), turn_auth.c (credentials and challenges), turn_peers.c (permissions and channels),
 * turn_data.c (peers' datagrams). Owner: the thread of the session.
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_TURN_PRIVATE_H
#define XC_PROTO_TURN_PRIVATE_H

#include "proto/turn.h"

#define XC_TURN_SENDS_MAX 7      /* Rc of RFC 8489 section 6.2.1 */
#define XC_TURN_CHALLENGES_MAX 4 /* 401 and 438 in a row, then it waits */
#define XC_TURN_RETRY (5 * XC_NS_PER_S)

/* turn.c */
void xc_turn_begin(struct xc_turn *turn, struct xc_turn_transaction *t, uint16_t method,
                   uint64_t now);
/* Writes the transaction's next transmission; false where it does not fit. `peer` may be NULL. */
bool xc_turn_send(struct xc_turn *turn, uint64_t now, struct xc_turn_transaction *t,
                  const struct xc_turn_peer *peer, struct xc_datagram *out);
void xc_turn_fail(struct xc_turn *turn, uint8_t reason, uint16_t code);
void xc_turn_verdict(struct xc_turn *turn, uint64_t now, uint8_t reason, uint16_t code);
void xc_turn_update_deadline(struct xc_turn *turn);

/* turn_auth.c */
bool xc_turn_copy_credentials(struct xc_turn_credentials *to, struct xc_span username,
                              struct xc_span password);
/* The next credentials become the current ones; false when there are none. */
bool xc_turn_take_next_credentials(struct xc_turn *turn);
void xc_turn_add_credentials(const struct xc_turn *turn, struct xc_stun_writer *w);
/* Signs and ends the request. Its size, 0 where it does not fit. */
size_t xc_turn_finish(const struct xc_turn *turn, struct xc_stun_writer *w);
/* Whether the integrity attribute is there that the request had, and right; old_id: of a request that a challenge called back, which then
 * was forged and is undone. */
bool xc_turn_authentic(struct xc_turn *turn, const struct xc_stun *message, bool old_id);
/* The nonce's promise of password algorithms without them: a bid-down (RFC 8489 section 9.2.5). */
bool xc_turn_bid_down(const struct xc_stun *message);
/* 401 or 438 for `t`: true when it is to be sent again, at once. */
bool xc_turn_challenged(struct xc_turn *turn, uint64_t now, struct xc_turn_transaction *t,
                        const struct xc_stun *message);

/* turn_peers.c */
struct xc_turn_peer *xc_turn_find_peer(struct xc_turn *turn, const struct xc_addr *addr);
struct xc_turn_peer *xc_turn_find_channel(struct xc_turn *turn, uint16_t channel);
bool xc_turn_host_permitted(struct xc_turn *turn, uint64_t now, const struct xc_addr *addr);
/* Finds or makes it; never NULL. */
struct xc_turn_peer *xc_turn_want_peer(struct xc_turn *turn, uint64_t now,
                                       const struct xc_addr *addr, bool channel);
void xc_turn_peer_answer(struct xc_turn *turn, uint64_t now, struct xc_turn_peer *peer,
                         uint16_t error);
/* A request of this peer led to nothing for now. */
void xc_turn_peer_later(struct xc_turn_peer *peer, uint64_t now);
void xc_turn_peers_ready(struct xc_turn *turn, uint64_t now);
bool xc_turn_peers_output(struct xc_turn *turn, uint64_t now, struct xc_datagram *out);
uint64_t xc_turn_peers_deadline(const struct xc_turn *turn);

/* turn_data.c */
bool xc_turn_channel_data(struct xc_turn *turn, uint64_t now, struct xc_span datagram,
                          struct xc_addr *peer, struct xc_span *bytes);
bool xc_turn_data_indication(struct xc_turn *turn, uint64_t now, const struct xc_stun *message,
                             struct xc_addr *peer, struct xc_span *bytes);

#endif
