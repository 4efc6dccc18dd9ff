/* farewell.c - what is left of a call behind its end: TURN servers that have not yet answered that they
 * took an allocation back. The shard keeps the relays' memory and the sockets that they are asked by, for
 * XC_TURN_RELEASE_TIMEOUT at most (RFC 8489 section 6.2.1); the call itself, its slot and its memory are
 * gone meanwhile. At the engine's end nobody waits: each server was asked once. Thread: the shard's.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "engine/engine.h"

struct xc_farewell {
    struct xc_relays *relays; /* NULL: free */
    struct xc_socket sockets[XC_ICE_SERVERS_MAX];
    uint32_t socket_count;
};

void xc_farewell_init(struct xc_shard *shard, struct xc_arena *arena)
{
    struct xc_farewell *list = xc_arena_take(arena, XC_FAREWELLS_MAX * sizeof *list); /* 8 KiB */
    if (!xc_arena_measuring(arena))
        shard->farewells = list;
}

static void end(struct xc_shard *shard, struct xc_farewell *farewell)
{
    for (uint32_t i = 0; i < farewell->socket_count; i++) {
        xc_poller_remove(&shard->poller, farewell->sockets[i].fd);
        xc_udp_close(farewell->sockets[i].fd);
    }
    xc_wipe(farewell->relays, sizeof *farewell->relays);
    free(farewell->relays);
    *farewell = (struct xc_farewell){0};
    shard->farewell_count--;
}

void xc_farewell_deinit(struct xc_shard *shard)
{
    for (uint32_t i = 0; shard->farewell_count; i++)
        if (shard->farewells[i].relays)
            end(shard, &shard->farewells[i]);
}

/* A free place, else that of the oldest, which gives up. */
static uint32_t take_place(struct xc_shard *shard)
{
    for (uint32_t i = 0; i < XC_FAREWELLS_MAX; i++) {
        uint32_t at = (shard->farewell_next + i) % XC_FAREWELLS_MAX;
        if (shard->farewells[at].relays)
            continue;
        shard->farewell_next = at + 1;
        return at;
    }
    uint32_t oldest = shard->farewell_next++ % XC_FAREWELLS_MAX;
    end(shard, &shard->farewells[oldest]);
    return oldest;
}

/* Few ports are there for calls, not for what waits for an answer. */
static bool ports_are_few(const struct xcall_engine_config *config)
{
    uint64_t shards = XC_MAX(config->threads, 1u);
    return config->port_max && config->port_max - config->port_min <
                                   config->calls_max + (uint64_t)XC_FAREWELLS_MAX * shards;
}

void xc_farewell_begin(struct xc_shard *shard, struct xc_call *call)
{
    if (ports_are_few(&shard->engine->config))
        return; /* the first Refresh is out; the allocation may last until its lifetime is over */
    struct xc_relays *relays = xc_session_take_relays(call->session);
    if (!relays)
        return;
    uint32_t place = take_place(shard), left = 0;
    struct xc_farewell *farewell = &shard->farewells[place];
    farewell->relays = relays;
    call->relays_left = true;
    shard->farewell_count++;
    for (uint32_t i = 0; i < call->socket_count; i++) {
        struct xc_socket *socket = &call->sockets[i];
        uint32_t at = farewell->socket_count;
        if (at == XC_ARRAY_LEN(farewell->sockets) ||
            !xc_relays_release_uses(relays, &socket->addr)) {
            call->sockets[left++] = *socket;
            continue;
        }
        xc_poller_remove(&shard->poller, socket->fd);
        xc_poller_add(&shard->poller, socket->fd,
                      XC_TAG_SOCKET(shard->engine->slot_count + place, at));
        farewell->sockets[farewell->socket_count++] = *socket;
    }
    call->socket_count = left;
}

static void send_to(const struct xc_farewell *farewell, const struct xc_datagram *datagram)
{
    struct xc_udp_out out = {datagram->remote, datagram->data, datagram->size};
    for (uint32_t i = 0; i < farewell->socket_count; i++)
        if (xc_addr_equal(&farewell->sockets[i].addr, &datagram->local))
            xc_udp_send(farewell->sockets[i].fd, &out, 1);
}

static void service(struct xc_shard *shard, struct xc_farewell *farewell, uint64_t now)
{
    struct xc_datagram out = {.data = shard->buffers[0], .capacity = sizeof shard->buffers[0]};
    while (xc_relays_release_output(farewell->relays, now, &out))
        send_to(farewell, &out);
    if (!xc_relays_releasing(farewell->relays))
        end(shard, farewell);
}

void xc_farewell_receive(struct xc_shard *shard, uint32_t place, uint32_t socket)
{
    struct xc_farewell *farewell = &shard->farewells[place % XC_FAREWELLS_MAX];
    if (!farewell->relays || socket >= farewell->socket_count)
        return; /* ended earlier in this turn */
    const struct xc_socket *from = &farewell->sockets[socket];
    size_t count = xc_udp_receive(from->fd, shard->received); /* the rest: next turn */
    uint64_t now = xc_engine_now(shard->engine);
    for (size_t i = 0; i < count; i++) {
        const struct xc_udp_received *in = &shard->received->datagrams[i];
        xc_relays_release_input(farewell->relays, now, &from->addr, &in->remote,
                                xc_span_make(in->bytes, in->size));
    }
    service(shard, farewell, now);
}

void xc_farewell_turn(struct xc_shard *shard, uint64_t now)
{
    for (uint32_t i = 0; i < XC_FAREWELLS_MAX && shard->farewell_count; i++)
        if (shard->farewells[i].relays &&
            now >= xc_relays_release_deadline(shard->farewells[i].relays))
            service(shard, &shard->farewells[i], now);
}

uint64_t xc_farewell_deadline(const struct xc_shard *shard)
{
    uint64_t at = XC_NEVER;
    for (uint32_t i = 0; i < XC_FAREWELLS_MAX && shard->farewell_count; i++)
        if (shard->farewells[i].relays)
            at = xc_earlier(at, xc_relays_release_deadline(shard->farewells[i].relays));
    return at;
}
