/* ice.h - one ICE agent for one component (RFC 8445, trickle RFC 8838, consent RFC 7675), sans-I/O.
 * Owner: the thread of the session that holds it. Fixed memory: the struct is all of it.
 *
 *   input:  local and remote candidates, credentials, STUN datagrams, the clock
 *   output: STUN datagrams, then events, until each says "nothing"; then the deadline
 *
 * Nothing is ever sent to an address other than a candidate that was signalled or a source that
 * passed MESSAGE-INTEGRITY with our ufrag and password; media may go only to xc_ice_selected().
 * SPDX-License-Identifier: MIT */
#ifndef XC_PROTO_ICE_H
#define XC_PROTO_ICE_H

#include "base/rng.h"
#include "proto/datagram.h"
#include "wire/candidate.h"
#include "wire/stun.h"

#define XC_ICE_LOCAL_MAX 32 /* local candidates; more are refused. Of them: */
#define XC_ICE_HOST_MAX 16
#define XC_ICE_SRFLX_MAX 8
#define XC_ICE_RELAY_MAX 8
#define XC_ICE_REMOTE_MAX                                                                          \
    32 /* signalled and peer-reflexive together; more are counted and ignored */
#define XC_ICE_PAIRS_MAX 100    /* RFC 8445 section 6.1.2.5: the lowest priority is dropped */
#define XC_ICE_UFRAG_SIZE 8     /* characters of our own, 6 bits each; RFC 8445 asks for 24 bits */
#define XC_ICE_PASSWORD_SIZE 24 /* 144 bits; RFC 8445 asks for 128 */

enum {
    XC_ICE_NEW = 0, /* no remote credentials yet */
    XC_ICE_CHECKING,
    XC_ICE_CONNECTED,    /* a pair is selected (nominated); checks may go on */
    XC_ICE_DISCONNECTED, /* selected, but no consent answer for a while; media still goes out */
    XC_ICE_FAILED,       /* consent expired (30 s) or no pair worked in time; nothing is sent */
    XC_ICE_CLOSED,
};

struct xc_ice_config {
    bool controlling;            /* the offerer; role conflicts (487) are handled inside */
    bool allow_loopback;         /* loopback candidates, ours and theirs, are used */
    bool relay_only;             /* no candidate but relayed ones, ours and theirs, is used, and no
                                    peer-reflexive one is answered */
    uint64_t check_interval;     /* Ta, ns; 0 = 50 ms (RFC 8445 14.2); bursts: ice_checks.c */
    uint64_t failed_after;       /* ns from the start of checks without a valid pair; 0 = 30 s */
    uint64_t disconnected_after; /* ns without a consent answer; 0 = 5 s */
    uint64_t consent_expires;    /* ns; 0 = 30 s (RFC 7675 section 5.1) */
};

struct xc_ice_counters {
    uint32_t requests_sent, requests_received, responses_sent, responses_received;
    uint32_t consent_requests_sent;
    uint32_t dropped_malformed, dropped_integrity, dropped_unknown; /* a peer's garbage */
    uint32_t candidates_ignored;
    uint32_t role_conflicts;
    uint32_t dropped_responses; /* our answers that found the response ring full */
    uint32_t dropped_pairs;     /* pairs that did not fit in XC_ICE_PAIRS_MAX */
};

/* Pair and candidate records are private to the ice_*.c files but live there so that the whole
 * agent is one struct. */
#include "proto/ice_state.h"

void xc_ice_init(struct xc_ice *ice, const struct xc_ice_config *config, struct xc_rng *rng);
/* New credentials and a fresh check list (RFC 8445 section 9); the selected pair goes on carrying
 * media until a new one is nominated. When it is our answer to a remote restart, it may be called
 * before or after the xc_ice_set_remote() with the new credentials. */
void xc_ice_restart(struct xc_ice *ice, struct xc_rng *rng);
/* An offer of ours that restarts may be rolled back in glare, and nothing must have changed then: its
 * credentials are drawn when it is made, and the restart happens when it is answered. */
struct xc_ice_own {
    char ufrag[XC_ICE_UFRAG_SIZE + 1];
    char password[XC_ICE_PASSWORD_SIZE + 1];
};
void xc_ice_draw(struct xc_ice_own *own, struct xc_rng *rng);
void xc_ice_restart_as(struct xc_ice *ice, const struct xc_ice_own *own);
const char *xc_ice_ufrag(const struct xc_ice *ice);
const char *xc_ice_password(const struct xc_ice *ice);

/* A host candidate whose base is a bound socket's address. Returns its index, or -1 when refused
 * (full, duplicate, loopback not allowed). `local_preference` 0..65535, higher is better. */
int xc_ice_add_local(struct xc_ice *ice, const struct xc_addr *base, uint16_t local_preference);
/* What a STUN or TURN server made for us. SRFLX: `addr` is what base looks like from outside; it is
 * signalled, and its pairs are those of its base (RFC 8445 section 6.1.2.4). RELAY: `addr` is its own
 * base (section 5.1.1.2): datagrams leave from it and arrive at it, and whoever carries them wraps and
 * unwraps. related: as signalled, family NONE: nothing. The index, or -1 as above. */
struct xc_ice_gathered {
    uint8_t type; /* XC_CANDIDATE_SRFLX or XC_CANDIDATE_RELAY */
    struct xc_addr addr, base, related;
    uint16_t local_preference;
};
int xc_ice_add_gathered(struct xc_ice *ice, const struct xc_ice_gathered *gathered);
/* What left from this base a moment ago was lost, and would pass now (a relay's permission): checks
 * under way go out again at once. */
void xc_ice_hurry(struct xc_ice *ice, uint64_t now, const struct xc_addr *base);
/* While local candidates may still come, pairs that failed are not yet all there are. */
void xc_ice_set_gathering(struct xc_ice *ice, bool gathering);
/* config.relay_only from here on: other candidates, ours and the peer's, are forgotten. */
void xc_ice_relay_only(struct xc_ice *ice, uint64_t now);
/* The socket or the relay of a base is gone: its candidates, its pairs and, when it carried media,
 * the selected pair go too. Later indices move down, by one for each. */
void xc_ice_remove_local(struct xc_ice *ice, uint64_t now, const struct xc_addr *base);
uint32_t xc_ice_local_count(const struct xc_ice *ice);
/* Fills what candidate lines and JSON need. */
void xc_ice_local(const struct xc_ice *ice, uint32_t index, struct xc_candidate *candidate);

/* May be called before or after candidates; ufrag/password as in the remote description. A changed
 * ufrag is a remote restart. */
void xc_ice_set_remote(struct xc_ice *ice, uint64_t now, struct xc_span ufrag,
                       struct xc_span password, bool remote_lite);
void xc_ice_add_remote(struct xc_ice *ice, uint64_t now, const struct xc_candidate *candidate);
/* Addresses of the peer that checks may go to: by index 0 to XC_ICE_REMOTE_MAX - 1, false where there
 * is none; and a number that changes when there is a new one. */
bool xc_ice_remote(const struct xc_ice *ice, uint32_t index, struct xc_addr *addr);
uint32_t xc_ice_remote_changes(const struct xc_ice *ice);
/* No more remote candidates come: failure may be declared early when every pair has failed. */
void xc_ice_end_of_candidates(struct xc_ice *ice, uint64_t now);
void xc_ice_set_controlling(struct xc_ice *ice, bool controlling);
/* Stops everything; nothing is sent any more. */
void xc_ice_close(struct xc_ice *ice);

/* A datagram of kind STUN that arrived on `local` (a base) from `remote`. */
void xc_ice_input(struct xc_ice *ice, uint64_t now, const struct xc_addr *local,
                  const struct xc_addr *remote, struct xc_span datagram);
/* The next STUN datagram to send, responses first; false when there is none at `now`. */
bool xc_ice_output(struct xc_ice *ice, uint64_t now, struct xc_datagram *out);
uint64_t xc_ice_deadline(const struct xc_ice *ice);

/* State and changes: returns true once per change, for the owner to turn into events; changes that
 * were not taken in between are folded into the latest. */
int xc_ice_state(const struct xc_ice *ice);
bool xc_ice_take_state_change(struct xc_ice *ice, int *state);
/* The pair that media uses: the nominated one; before nomination the best valid one (a check of
 * ours was answered from there). False when there is none or consent is gone. */
bool xc_ice_selected(const struct xc_ice *ice, struct xc_addr *local, struct xc_addr *remote);
/* XC_CANDIDATE_* of both its ends, 0 without one. The local one as the peer saw it: behind a NAT it
 * is the server-reflexive candidate of the base, or a peer-reflexive one. */
void xc_ice_selected_types(const struct xc_ice *ice, uint8_t *local, uint8_t *remote);
/* True when a datagram from here may be handed to DTLS and SRTP: the remote address belongs to a
 * pair that is valid, or on which an authenticated check of the peer arrived. */
bool xc_ice_source_known(const struct xc_ice *ice, const struct xc_addr *local,
                         const struct xc_addr *remote);
/* Smoothed round trip of checks on the selected pair, ns; 0 while unknown. */
uint64_t xc_ice_round_trip(const struct xc_ice *ice);
const struct xc_ice_counters *xc_ice_counters(const struct xc_ice *ice);

#endif
