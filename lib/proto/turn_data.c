/* turn_data.c - peers' datagrams through a TURN allocation: ChannelData (RFC 8656 section 12) where a
 * channel is bound, Send and Data indications (section 11) else. In place, no copy but one move.
 * Indications carry no FINGERPRINT: nothing on the path to a TURN server needs it, and it would cost
 * 8 bytes and a pass over each packet. Owner: the session's thread.
 * SPDX-License-Identifier: MIT */
#include "proto/turn_private.h"

/* Header, XOR-PEER-ADDRESS and the head of DATA, by the size of an address. */
static size_t indication_head(const struct xc_addr *peer)
{
    size_t address = peer->family == XC_ADDR_IPV6 ? 16 : 4;
    return XC_STUN_HEADER_SIZE + 4 + 4 + address + 4;
}

static bool wrap_channel(const struct xc_turn_peer *peer, struct xc_datagram *out)
{
    if (out->capacity < out->size || out->capacity - out->size < XC_CHANNEL_DATA_HEADER_SIZE)
        return false;
    memmove(out->data + XC_CHANNEL_DATA_HEADER_SIZE, out->data, out->size);
    xc_channel_data_header(out->data, peer->channel, (uint16_t)out->size);
    out->size += XC_CHANNEL_DATA_HEADER_SIZE; /* over UDP it is not padded */
    return true;
}

static bool wrap_indication(struct xc_turn *turn, const struct xc_turn_peer *peer,
                            struct xc_datagram *out)
{
    uint8_t id[XC_STUN_TRANSACTION_SIZE];
    struct xc_stun_writer w;
    size_t head = indication_head(&peer->addr), padding = (4 - out->size % 4) % 4;
    size_t size = head + out->size + padding;
    if (out->capacity < size)
        return false;
    memmove(out->data + head, out->data, out->size);
    memset(out->data + head + out->size, 0, padding);
    xc_rng_bytes(&turn->rng, id, sizeof id);
    xc_stun_begin(&w, out->data, head, XC_STUN_INDICATION, XC_STUN_SEND, id);
    xc_stun_add_xor_address(&w, XC_STUN_ATTR_XOR_PEER_ADDRESS, &peer->addr);
    xc_write16(&w.out, XC_STUN_ATTR_DATA);
    xc_write16(&w.out, (uint16_t)out->size);
    xc_store16(out->data + 2, (uint16_t)(size - XC_STUN_HEADER_SIZE));
    out->size = size;
    return true;
}

bool xc_turn_wrap(struct xc_turn *turn, uint64_t now, struct xc_datagram *out)
{
    bool good = false;
    if (turn->state == XC_TURN_READY && now < turn->expires_at && out->size <= UINT16_MAX - 64 &&
        (out->remote.family == XC_ADDR_IPV4 || out->remote.family == XC_ADDR_IPV6)) {
        struct xc_turn_peer *peer = xc_turn_want_peer(turn, now, &out->remote, false);
        if (peer->bound && now < peer->channel_until && now < peer->permitted_until)
            good = wrap_channel(peer, out);
        else if (now < peer->permitted_until)
            good = wrap_indication(turn, peer, out);
    }
    if (!good) {
        turn->counters.dropped_not_permitted++;
        return false;
    }
    out->local = turn->local;
    out->remote = turn->server;
    turn->counters.datagrams_out++;
    return true;
}

bool xc_turn_channel_data(struct xc_turn *turn, uint64_t now, struct xc_span datagram,
                          struct xc_addr *peer, struct xc_span *bytes)
{
    uint16_t channel;
    if (!xc_channel_data_parse(datagram, &channel, bytes)) {
        turn->counters.dropped_malformed++;
        return false;
    }
    struct xc_turn_peer *from = xc_turn_find_channel(turn, channel);
    if (!from) {
        turn->counters.dropped_unknown++;
        return false;
    }
    if (now >= from->channel_until || now >= from->permitted_until) {
        turn->counters.dropped_not_permitted++;
        return false;
    }
    from->used_at = now;
    *peer = from->addr;
    turn->counters.datagrams_in++;
    return true;
}

bool xc_turn_data_indication(struct xc_turn *turn, uint64_t now, const struct xc_stun *message,
                             struct xc_addr *peer, struct xc_span *bytes)
{
    struct xc_addr from;
    if (!xc_stun_find_xor_address(message, XC_STUN_ATTR_XOR_PEER_ADDRESS, &from) ||
        message->has_unknown_required) {
        turn->counters.dropped_malformed++;
        return false;
    }
    if (!xc_stun_find(message, XC_STUN_ATTR_DATA, bytes)) {
        turn->counters.dropped_unknown++; /* an ICMP report (RFC 8656 section 11.5), or nothing */
        return false;
    }
    if (!xc_turn_host_permitted(turn, now, &from)) {
        turn->counters.dropped_not_permitted++;
        return false;
    }
    struct xc_turn_peer *known = xc_turn_find_peer(turn, &from);
    if (known)
        known->used_at = now;
    *peer = from;
    turn->counters.datagrams_in++;
    return true;
}
