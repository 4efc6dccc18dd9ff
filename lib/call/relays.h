/* relays.h - the STUN clients and TURN allocations of a session (RFC 8489, RFC 8656): candidates are
 * gathered by them, and what goes to or comes from a relayed address is wrapped and unwrapped here.
 * Their memory is lent when a call first has servers, so that a call without any takes none.
 * Owner: the session's thread. The functions take the session, see session_state.h.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_RELAYS_H
#define XC_CALL_RELAYS_H

#include "proto/stun_client.h"
#include "proto/turn.h"
#include "wire/ice_server.h"

#define XC_STUN_CLIENTS_MAX 8 /* STUN servers times addresses of ours; the rest is not asked */
#define XC_GATHER_TIMEOUT (5 * XC_NS_PER_S) /* a description waits no longer for candidates */

enum {
    XC_RELAY_IDLE = 0, /* a STUN server, or none of our addresses fits */
    XC_RELAY_TRYING,   /* an allocation is asked for */
    XC_RELAY_READY,    /* there is one: its address is a candidate */
    XC_RELAY_WAITING,  /* until retry_at */
    XC_RELAY_GIVEN_UP, /* until new credentials come */
};

struct xc_relay {
    struct xc_ice_server server;
    uint8_t state;    /* XC_RELAY_* */
    uint8_t base;     /* which of the bases that fit it */
    uint8_t attempts; /* that failed in a row, or led to a relay that soon was none */
    bool renewed;     /* credentials came after the attempt began */
    bool had_one;     /* it was READY before */
    bool refused_out; /* a datagram found no permission */
    bool probing;     /* the path by it is silent: does it still answer? */
    uint64_t retry_at, other_base_at, probed_at, ready_at;
    uint32_t answers_before; /* the probe */
    uint32_t answers_seen;
    uint32_t remotes_seen;  /* xc_ice_remote_changes, when permissions were last asked for */
    struct xc_addr local;   /* of ours, by which it is asked */
    struct xc_addr channel; /* the peer that has or wants one */
    struct xc_turn turn;
};

struct xc_relays {
    struct xc_relay list[XC_ICE_SERVERS_MAX];
    uint32_t count;
    struct xc_stun_client clients[XC_STUN_CLIENTS_MAX];
    bool client_told[XC_STUN_CLIENTS_MAX]; /* its address is a candidate, or it has none */
    uint32_t client_count;
    uint64_t gather_until; /* 0: over */
    bool closed;
    int failure;         /* XC_TURN_*, the newest */
    uint16_t error_code; /* of STUN, the newest refusal; 0: none */
    uint64_t packets_sent, packets_received;
};

/* Behind the end of a call, when its session is left: its allocations are given back until each server
 * has answered, or for XC_TURN_RELEASE_TIMEOUT. See xc_session_take_relays. */
bool xc_relays_releasing(const struct xc_relays *relays);
/* Whether what is wanted yet goes by this address of ours. */
bool xc_relays_release_uses(const struct xc_relays *relays, const struct xc_addr *local);
void xc_relays_release_input(struct xc_relays *relays, uint64_t now, const struct xc_addr *local,
                             const struct xc_addr *remote, struct xc_span bytes);
bool xc_relays_release_output(struct xc_relays *relays, uint64_t now, struct xc_datagram *out);
uint64_t xc_relays_release_deadline(const struct xc_relays *relays);

enum { /* xc_relays_input */
       XC_RELAYS_NOT_OURS = 0,
       XC_RELAYS_TAKEN,   /* a server's own word */
       XC_RELAYS_CARRIED, /* a peer's datagram: addresses and bytes are now those of the peer */
};

#endif
