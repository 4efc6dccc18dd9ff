/* relays.c - the traffic of a session's STUN clients and TURN allocations: what comes from a server,
 * what goes to one, and the last look at every datagram that leaves. See relays_gather.c for how
 * they come to be. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "call/session_state.h"

/* Wrapping happens where SRTP's tag has already found its place. */
_Static_assert(XC_TURN_WRAP_MAX <= XC_DATAGRAM_SLACK, "a wrapped datagram must fit its memory");

static bool talks(const struct xc_relay *relay)
{
    return relay->state == XC_RELAY_TRYING || relay->state == XC_RELAY_READY;
}

int xc_relays_input(struct xc_session *session, uint64_t now, struct xc_addr *local,
                    struct xc_addr *remote, struct xc_span *bytes)
{
    struct xc_relays *relays = session->relays;
    if (!relays)
        return XC_RELAYS_NOT_OURS;
    for (uint32_t i = 0; i < relays->client_count; i++)
        if (xc_stun_client_input(&relays->clients[i], now, local, remote, *bytes))
            return XC_RELAYS_TAKEN;
    for (uint32_t i = 0; i < relays->count; i++) {
        struct xc_relay *relay = &relays->list[i];
        struct xc_addr peer;
        struct xc_span inner;
        if (!talks(relay) || !xc_turn_is_server(&relay->turn, local, remote))
            continue;
        if (!xc_turn_input(&relay->turn, now, *bytes, &peer, &inner))
            return XC_RELAYS_TAKEN;
        *local = *xc_turn_relayed(&relay->turn);
        *remote = peer;
        *bytes = inner;
        relays->packets_received++;
        return XC_RELAYS_CARRIED;
    }
    return XC_RELAYS_NOT_OURS;
}

bool xc_relays_output(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    struct xc_relays *relays = session->relays;
    if (!relays)
        return false;
    for (uint32_t i = 0; i < relays->client_count && !relays->closed; i++)
        if (xc_stun_client_output(&relays->clients[i], now, out))
            return true;
    for (uint32_t i = 0; i < relays->count; i++)
        if (talks(&relays->list[i]) && xc_turn_output(&relays->list[i].turn, now, out))
            return true;
    return false;
}

void xc_relays_close(struct xc_session *session, uint64_t now)
{
    struct xc_relays *relays = session->relays;
    if (!relays || relays->closed)
        return;
    relays->closed = true;
    for (uint32_t i = 0; i < relays->count; i++)
        if (talks(&relays->list[i]))
            xc_turn_close(&relays->list[i].turn, now);
}

/* --- behind the end --------------------------------------------------------------------------- */

bool xc_relays_releasing(const struct xc_relays *relays)
{
    for (uint32_t i = 0; i < relays->count; i++)
        if (xc_turn_releasing(&relays->list[i].turn))
            return true;
    return false;
}

bool xc_relays_release_uses(const struct xc_relays *relays, const struct xc_addr *local)
{
    for (uint32_t i = 0; i < relays->count; i++)
        if (xc_turn_releasing(&relays->list[i].turn) &&
            xc_addr_equal(&relays->list[i].local, local))
            return true;
    return false;
}

void xc_relays_release_input(struct xc_relays *relays, uint64_t now, const struct xc_addr *local,
                             const struct xc_addr *remote, struct xc_span bytes)
{
    struct xc_addr peer;
    struct xc_span inner;
    for (uint32_t i = 0; i < relays->count; i++)
        if (xc_turn_releasing(&relays->list[i].turn) &&
            xc_turn_is_server(&relays->list[i].turn, local, remote))
            xc_turn_input(&relays->list[i].turn, now, bytes, &peer, &inner);
}

bool xc_relays_release_output(struct xc_relays *relays, uint64_t now, struct xc_datagram *out)
{
    for (uint32_t i = 0; i < relays->count; i++)
        if (xc_turn_releasing(&relays->list[i].turn) &&
            xc_turn_output(&relays->list[i].turn, now, out))
            return true;
    return false;
}

uint64_t xc_relays_release_deadline(const struct xc_relays *relays)
{
    uint64_t at = XC_NEVER;
    for (uint32_t i = 0; i < relays->count; i++)
        if (xc_turn_releasing(&relays->list[i].turn))
            at = xc_earlier(at, xc_turn_deadline(&relays->list[i].turn));
    return at;
}

struct xc_relays *xc_session_take_relays(struct xc_session *session)
{
    struct xc_relays *relays = session->relays;
    if (session->state != XCALL_STATE_ENDED || !relays || !xc_relays_releasing(relays))
        return NULL;
    session->relays = NULL;
    for (uint32_t i = 0; i < relays->count; i++) /* each allocation has its own copy */
        xc_wipe(relays->list[i].server.password, sizeof relays->list[i].server.password);
    return relays;
}

/* --- out -------------------------------------------------------------------------------------- */

static bool is_turn_server(const struct xc_relays *relays, const struct xc_addr *addr)
{
    for (uint32_t i = 0; relays && i < relays->count; i++)
        if (relays->list[i].server.turn && xc_addr_equal(&relays->list[i].server.addr, addr))
            return true;
    return false;
}

/* From a relayed address: wrapped. The path may outlive its relay by a moment: then it is lost. */
static bool wrap(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    struct xc_relays *relays = session->relays;
    for (uint32_t i = 0; relays && i < relays->count; i++) {
        struct xc_relay *relay = &relays->list[i];
        if (relay->state != XC_RELAY_READY ||
            !xc_addr_equal(&out->local, xc_turn_relayed(&relay->turn)))
            continue;
        if (xc_turn_wrap(&relay->turn, now, out)) {
            relays->packets_sent++;
            return true;
        }
        relay->refused_out = true;
        return false;
    }
    return true;
}

bool xc_relays_leave(struct xc_session *session, uint64_t now, struct xc_datagram *out)
{
    if (!wrap(session, now, out))
        return false;
    /* Whatever went wrong before: a call that must be relayed sends to nobody else. */
    if (!session->relay_only || is_turn_server(session->relays, &out->remote))
        return true;
    session->count.withheld++;
    return false;
}

static bool client_changed(const struct xc_relays *relays, uint32_t index)
{
    return relays->clients[index].state == XC_STUN_CLIENT_FAILED && !relays->client_told[index];
}

uint64_t xc_relays_deadline(const struct xc_session *session)
{
    const struct xc_relays *relays = session->relays;
    uint64_t at = XC_NEVER;
    if (session->relay_missing_at)
        at = session->relay_missing_at + XC_CONNECT_TIMEOUT;
    if (!relays)
        return at;
    for (uint32_t i = 0; i < relays->client_count; i++)
        at = xc_earlier(
            at, client_changed(relays, i) ? 0 : xc_stun_client_deadline(&relays->clients[i]));
    for (uint32_t i = 0; i < relays->count; i++) {
        const struct xc_relay *relay = &relays->list[i];
        if (talks(relay)) /* what changed in an output is followed by the next service */
            at = xc_earlier(at, xc_turn_state(&relay->turn) == XC_TURN_FAILED
                                    ? 0
                                    : xc_turn_deadline(&relay->turn));
        if (relay->state == XC_RELAY_TRYING)
            at = xc_earlier(at, relay->other_base_at);
        if (relay->state == XC_RELAY_WAITING)
            at = xc_earlier(at, relay->retry_at);
    }
    if (relays->gather_until)
        at = xc_earlier(at, relays->gather_until);
    return at;
}

void xc_relays_stats(const struct xc_session *session, struct xcall_stats *stats)
{
    const struct xc_relays *relays = session->relays;
    for (uint32_t i = 0; relays && i < relays->count; i++)
        stats->relays_ready += relays->list[i].state == XC_RELAY_READY;
    if (!relays)
        return;
    stats->relay_error_code = relays->error_code;
    stats->relay_packets_sent = relays->packets_sent;
    stats->relay_packets_received = relays->packets_received;
}
