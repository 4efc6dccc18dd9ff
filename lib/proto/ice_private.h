/* ice_private.h - what the files of the ICE agent share among themselves; nobody else includes it.
 *
 *   ice.c             life cycle, credentials, the order of output, state
 *   ice_candidates.c  candidates, pairs, priorities, pruning
 *   ice_requests.c    the peer's checks: authentication, roles, answers
 *   ice_checks.c      our checks: pacing, retransmission, responses, nomination
 *   ice_consent.c     the path that carries media: selection, consent, loss and fail-over
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_ICE_PRIVATE_H
#define XC_PROTO_ICE_PRIVATE_H

#include "proto/ice.h"

/* A pair that answered less than this ago needs no new check before it is trusted again. */
#define XC_ICE_FRESH (5 * XC_NS_PER_S)

/* ice.c */
void xc_ice_advance(struct xc_ice *ice, uint64_t now);
void xc_ice_set_role(struct xc_ice *ice, bool controlling);
struct xc_span xc_ice_remote_password(const struct xc_ice_credentials *credentials);

/* ice_candidates.c */
uint32_t xc_ice_ufrag_hash(struct xc_span ufrag);
int xc_ice_find_local(const struct xc_ice *ice, const struct xc_addr *base);
uint8_t xc_ice_find_pair(const struct xc_ice *ice, uint32_t local, uint32_t remote);
/* The pair on which an authenticated check arrived; made when it is new. */
uint8_t xc_ice_observe(struct xc_ice *ice, uint64_t now, uint32_t local,
                       const struct xc_addr *remote, uint32_t priority, uint32_t ufrag_hash);
void xc_ice_pair_addresses(const struct xc_ice *ice, uint8_t pair, struct xc_addr *local,
                           struct xc_addr *remote);
void xc_ice_adopt_remotes(struct xc_ice *ice);
void xc_ice_form_pairs(struct xc_ice *ice);
void xc_ice_forget_remotes(struct xc_ice *ice, uint32_t ufrag_hash);
void xc_ice_forget_pairs(struct xc_ice *ice);
void xc_ice_recompute_priorities(struct xc_ice *ice);

/* ice_requests.c */
void xc_ice_request_input(struct xc_ice *ice, uint64_t now, const struct xc_stun *message,
                          const struct xc_addr *local, const struct xc_addr *remote);
bool xc_ice_response_output(struct xc_ice *ice, struct xc_datagram *out);

/* ice_checks.c */
void xc_ice_trigger(struct xc_ice *ice, uint8_t pair);
void xc_ice_fail_pair(struct xc_ice *ice, uint8_t pair);
void xc_ice_response_input(struct xc_ice *ice, uint64_t now, const struct xc_stun *message,
                           const struct xc_addr *local, const struct xc_addr *remote);
/* Writes one request and remembers its transaction; pair XC_ICE_NO_PAIR is the previous path. */
bool xc_ice_send_request(struct xc_ice *ice, uint64_t now, uint8_t pair, bool use_candidate,
                         struct xc_datagram *out);
bool xc_ice_check_output(struct xc_ice *ice, uint64_t now, struct xc_datagram *out);
void xc_ice_checks_expire(struct xc_ice *ice, uint64_t now);
void xc_ice_nominate(struct xc_ice *ice, uint64_t now);
uint64_t xc_ice_checks_deadline(const struct xc_ice *ice);

/* ice_consent.c */
/* The best pair that answered, or XC_ICE_NO_PAIR. */
uint8_t xc_ice_best_valid(const struct xc_ice *ice, bool nominated_only);
/* True while a nominated pair of this generation answers. */
bool xc_ice_settled(const struct xc_ice *ice);
void xc_ice_select(struct xc_ice *ice, uint64_t now);
void xc_ice_consent_answered(struct xc_ice *ice, uint64_t now, uint64_t round_trip);
bool xc_ice_consent_output(struct xc_ice *ice, uint64_t now, struct xc_datagram *out);
/* Puts every other pair back to be checked, because the path is gone or silent. */
void xc_ice_fail_over(struct xc_ice *ice, uint64_t now);
/* Loss and end of consent; false when the session has failed by it. */
bool xc_ice_consent_advance(struct xc_ice *ice, uint64_t now);
uint64_t xc_ice_consent_deadline(const struct xc_ice *ice);
/* Cuts the path loose from the check list, before a restart. */
void xc_ice_path_detach(struct xc_ice *ice);

#endif
