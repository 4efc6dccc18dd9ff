/* turn_peers.c - permissions and channels of a TURN allocation (RFC 8656 sections 9, 10, 12): who
 * gets one, when it is asked for and kept. Owner: the session's thread.
 *
 * A permission belongs to a host, a channel to an address with its port. A ChannelBind makes or
 * renews the permission too (section 12.2), so that a peer with a channel needs one request, every
 * four minutes, for both: permissions last five minutes, channels ten. Requests go out by a pacer, at
 * most fifty a second behind a burst of eight, whatever the peer signals.
 * SPDX-License-Identifier: MIT */
#include "proto/turn_private.h"

#define PERMISSION_LIFETIME (300 * XC_NS_PER_S)
#define CHANNEL_LIFETIME (600 * XC_NS_PER_S)
#define KEEP_INTERVAL (240 * XC_NS_PER_S)
#define PACE_INTERVAL (20 * XC_NS_PER_MS)
#define PACE_BURST 8
#define FAILURES_MAX 4 /* the wait doubles up to here: 5 s to 80 s */

struct xc_turn_peer *xc_turn_find_peer(struct xc_turn *turn, const struct xc_addr *addr)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        if (xc_addr_equal(&turn->peers[i].addr, addr))
            return &turn->peers[i];
    }
    return NULL;
}

struct xc_turn_peer *xc_turn_find_channel(struct xc_turn *turn, uint16_t channel)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        if (turn->peers[i].bound && turn->peers[i].channel == channel)
            return &turn->peers[i];
    }
    return NULL;
}

static bool same_host(const struct xc_turn_peer *peer, const struct xc_addr *addr)
{
    return peer->addr.family != XC_ADDR_NONE && xc_addr_same_host(&peer->addr, addr);
}

bool xc_turn_host_permitted(struct xc_turn *turn, uint64_t now, const struct xc_addr *addr)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        if (same_host(&turn->peers[i], addr) && now < turn->peers[i].permitted_until)
            return true;
    }
    return false;
}

/* A free slot, or that of the peer longest unused. */
static struct xc_turn_peer *make_room(struct xc_turn *turn)
{
    struct xc_turn_peer *oldest = &turn->peers[0];
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        struct xc_turn_peer *peer = &turn->peers[i];
        if (peer->addr.family == XC_ADDR_NONE)
            return peer;
        if (peer->used_at < oldest->used_at)
            oldest = peer;
    }
    return turn->peer_slots < XC_TURN_PEERS_MAX ? &turn->peers[turn->peer_slots++] : oldest;
}

/* What the server said of another port of this host holds here too. */
static void inherit(struct xc_turn *turn, struct xc_turn_peer *peer)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        const struct xc_turn_peer *other = &turn->peers[i];
        if (other == peer || !same_host(other, &peer->addr))
            continue;
        peer->refused = other->refused;
        if (other->permitted_until > peer->permitted_until) {
            peer->permitted_until = other->permitted_until;
            peer->ask_at = other->permitted_until - PERMISSION_LIFETIME + KEEP_INTERVAL;
        }
    }
}

struct xc_turn_peer *xc_turn_want_peer(struct xc_turn *turn, uint64_t now,
                                       const struct xc_addr *addr, bool channel)
{
    struct xc_turn_peer *peer = xc_turn_find_peer(turn, addr);
    bool changed = false;
    if (!peer) {
        peer = make_room(turn);
        memset(peer, 0, sizeof *peer);
        peer->addr = *addr;
        peer->ask_at = now;
        inherit(turn, peer);
        changed = true;
    }
    peer->used_at = now;
    if (channel && !peer->wants_channel) {
        peer->wants_channel = changed = true;
        peer->ask_at = now;
    }
    if (changed)
        xc_turn_update_deadline(turn);
    return peer;
}

void xc_turn_permit(struct xc_turn *turn, uint64_t now, const struct xc_addr *peer, bool channel)
{
    if (turn->state < XC_TURN_FAILED &&
        (peer->family == XC_ADDR_IPV4 || peer->family == XC_ADDR_IPV6))
        xc_turn_want_peer(turn, now, peer, channel);
}

static bool asks_channel(const struct xc_turn_peer *peer)
{
    return peer->wants_channel && !peer->channel_refused;
}

/* Another port of the same host is being permitted: its answer counts for all. */
static bool host_busy(const struct xc_turn *turn, const struct xc_turn_peer *peer)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        const struct xc_turn_peer *other = &turn->peers[i];
        if (other != peer && other->transaction.used && same_host(other, &peer->addr))
            return true;
    }
    return false;
}

/* When this peer's next request is due, without the pacer. */
static uint64_t due_at(const struct xc_turn *turn, const struct xc_turn_peer *peer)
{
    if (peer->addr.family == XC_ADDR_NONE || peer->refused)
        return XC_NEVER;
    if (peer->transaction.used)
        return peer->transaction.send_at;
    if (!asks_channel(peer) && host_busy(turn, peer))
        return XC_NEVER;
    return peer->ask_at;
}

static uint64_t pacer_ready_at(const struct xc_turn *turn)
{
    const uint64_t slack = PACE_INTERVAL * (PACE_BURST - 1);
    return turn->peers_paced_at > slack ? turn->peers_paced_at - slack : 0;
}

uint64_t xc_turn_peers_deadline(const struct xc_turn *turn)
{
    uint64_t at = XC_NEVER;
    for (uint32_t i = 0; i < turn->peer_slots; i++)
        at = xc_earlier(at, due_at(turn, &turn->peers[i]));
    return XC_MAX(at, pacer_ready_at(turn));
}

static bool channel_taken(const struct xc_turn *turn, uint16_t channel)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        if (turn->peers[i].addr.family != XC_ADDR_NONE && turn->peers[i].channel == channel)
            return true;
    }
    return false;
}

/* Round the 4096 numbers: a number must rest after use (RFC 8656 section 12). */
static void choose_channel(struct xc_turn *turn, struct xc_turn_peer *peer)
{
    while (peer->channel == 0) {
        uint16_t channel = turn->next_channel;
        turn->next_channel = channel == XC_CHANNEL_MAX ? XC_CHANNEL_MIN : (uint16_t)(channel + 1);
        if (!channel_taken(turn, channel))
            peer->channel = channel;
    }
}

void xc_turn_peer_later(struct xc_turn_peer *peer, uint64_t now)
{
    peer->transaction.used = false;
    peer->ask_at = now + (XC_TURN_RETRY << peer->failures);
    if (peer->failures < FAILURES_MAX)
        peer->failures++;
}

void xc_turn_peers_ready(struct xc_turn *turn, uint64_t now)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++)
        turn->peers[i].ask_at = now;
}

bool xc_turn_peers_output(struct xc_turn *turn, uint64_t now, struct xc_datagram *out)
{
    if (pacer_ready_at(turn) > now)
        return false;
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        struct xc_turn_peer *peer = &turn->peers[i];
        struct xc_turn_transaction *t = &peer->transaction;
        if (due_at(turn, peer) > now)
            continue;
        if (t->used && t->sends >= XC_TURN_SENDS_MAX) {
            xc_turn_peer_later(peer, now);
            continue;
        }
        if (!t->used) {
            bool bind = asks_channel(peer);
            if (bind)
                choose_channel(turn, peer);
            xc_turn_begin(turn, t, bind ? XC_STUN_CHANNEL_BIND : XC_STUN_CREATE_PERMISSION, now);
        }
        turn->peers_paced_at = XC_MAX(turn->peers_paced_at, now) + PACE_INTERVAL;
        if (xc_turn_send(turn, now, t, peer, out))
            return true;
        xc_turn_peer_later(peer, now); /* the caller's memory was too small */
    }
    return false;
}

static void permitted(struct xc_turn *turn, uint64_t now, const struct xc_addr *host)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        struct xc_turn_peer *peer = &turn->peers[i];
        if (!same_host(peer, host))
            continue;
        peer->permitted_until = now + PERMISSION_LIFETIME;
        peer->failures = 0;
        /* One that waits for its channel goes on waiting. */
        if (!asks_channel(peer) || peer->bound)
            peer->ask_at = now + KEEP_INTERVAL;
    }
}

static void refused(struct xc_turn *turn, const struct xc_addr *host)
{
    for (uint32_t i = 0; i < turn->peer_slots; i++) {
        struct xc_turn_peer *peer = &turn->peers[i];
        if (!same_host(peer, host))
            continue;
        peer->refused = true;
        peer->bound = peer->transaction.used = false;
        peer->permitted_until = peer->channel_until = 0;
    }
}

void xc_turn_peer_answer(struct xc_turn *turn, uint64_t now, struct xc_turn_peer *peer,
                         uint16_t error)
{
    bool bind = peer->transaction.method == XC_STUN_CHANNEL_BIND;
    if (error == 437) { /* the server knows no allocation of ours any more */
        xc_turn_fail(turn, XC_TURN_LOST, error);
        return;
    }
    peer->transaction.used = false;
    if (error == 0) {
        if (bind) {
            peer->bound = true;
            peer->channel_until = now + CHANNEL_LIFETIME;
        }
        permitted(turn, now, &peer->addr);
    } else if (error >= 500) { /* capacity, server error: may pass */
        xc_turn_peer_later(peer, now);
        if (bind && now >= peer->permitted_until) {
            peer->channel_refused = true; /* a permission costs the server less */
            peer->ask_at = now;
        }
    } else if (bind) {
        peer->channel_refused = true;
        peer->bound = false;
        if (now >= peer->permitted_until) {
            peer->ask_at = now;
            inherit(turn, peer);
        } else {
            peer->ask_at = XC_MAX(now, peer->permitted_until - PERMISSION_LIFETIME + KEEP_INTERVAL);
        }
    } else {
        refused(turn, &peer->addr);
    }
}
