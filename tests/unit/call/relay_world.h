/* relay_world.h - the world of session_world.h with a network between the two sides: TURN servers,
 * NATs, a firewall, and a look at every datagram's address. A program includes it once.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_RELAY_WORLD_H
#define XC_TEST_RELAY_WORLD_H

#include "session_world.h"

#include <stdio.h>
#include <string.h>

#include "support/turn_server.h"

#define NET_HOPS 4096
#define NET_SERVERS 2
#define NET_DELAY (5 * XC_NS_PER_MS) /* a hop */
#define NET_USER "1790000600:alice"
#define NET_PASSWORD "a password of the service's"

struct hop {
    uint64_t due;
    struct xc_addr from, to;
    size_t size;
    uint8_t bytes[TURN_SERVER_DATAGRAM];
};

struct net {
    struct turn_server server[NET_SERVERS];
    struct hop hops[NET_HOPS];
    uint32_t first, end;
    bool blocked;              /* nothing passes between the two hosts */
    bool nat;                  /* hosts are seen under their public addresses */
    uint32_t loss_percent;     /* of each hop */
    bool mute_base[2];         /* what leaves from the first address of this side is lost */
    struct xc_addr base[2][2]; /* the second one: of hosts that have two */
    struct xc_addr public[2];
    /* what was seen */
    uint32_t sent[2], strange[2]; /* strange: to an address that is not a server's */
    uint32_t direct;              /* between the hosts, delivered */
    uint32_t told[2][5];          /* candidates in signals, by type */
    bool leaked[2];               /* an address of the host's stood in a signal */
    uint32_t oversized;
};

static struct net net;
static struct xc_relays *net_memory[2];

static inline struct xc_addr net_addr(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct xc_addr){.family = XC_ADDR_IPV4, .port = port, .bytes = {a, b, c, d}};
}

static inline struct turn_server *net_owner(const struct xc_addr *addr)
{
    for (int i = 0; i < NET_SERVERS; i++)
        if (turn_server_owns(&net.server[i], addr))
            return &net.server[i];
    return NULL;
}

static inline void net_push(const struct xc_addr *from, const struct xc_addr *to,
                            const uint8_t *bytes, size_t size)
{
    struct hop *hop = &net.hops[net.end++ % NET_HOPS];
    assert_true(net.end - net.first <= NET_HOPS && size <= sizeof hop->bytes);
    hop->due = world_now + NET_DELAY;
    hop->from = *from;
    hop->to = *to;
    hop->size = size;
    memcpy(hop->bytes, bytes, size);
}

static inline void net_route(struct world *world, int from, const struct xc_datagram *datagram)
{
    bool second = xc_addr_equal(&datagram->local, &net.base[from][1]);
    (void)world;
    assert_true(second || xc_addr_equal(&datagram->local, &net.base[from][0]));
    net.sent[from]++;
    net.strange[from] += !net_owner(&datagram->remote) ||
                         datagram->remote.port != net_owner(&datagram->remote)->config.addr.port;
    net.oversized += datagram->size > XC_MTU + XC_TURN_WRAP_MAX;
    if (net.mute_base[from] && !second)
        return;
    net_push(net.nat ? &net.public[from] : &datagram->local, &datagram->remote, datagram->data,
             datagram->size);
}

static inline void net_arrive(struct world *world, struct hop *hop)
{
    if (xc_rng_below(&world->rng, 100) < net.loss_percent)
        return;
    struct turn_server *server = net_owner(&hop->to);
    if (server) {
        turn_server_input(server, world_now, &hop->to, &hop->from,
                          xc_span_make(hop->bytes, hop->size));
        return;
    }
    if (net.blocked && !net_owner(&hop->from))
        return;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2; k++) {
            const struct xc_addr *at = net.nat ? &net.public[i] : &net.base[i][k];
            if (!xc_addr_equal(at, &hop->to))
                continue;
            net.direct += !net_owner(&hop->from);
            xc_session_input(world->side[i].session, world_now, &net.base[i][net.nat ? 0 : k],
                             &hop->from, hop->bytes, hop->size);
            return;
        }
    }
}

static inline void net_turn(struct world *world)
{
    static uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
    while (net.first != net.end && net.hops[net.first % NET_HOPS].due <= world_now)
        net_arrive(world, &net.hops[net.first++ % NET_HOPS]);
    for (int i = 0; i < NET_SERVERS; i++)
        while (turn_server_output(&net.server[i], world_now, &out))
            net_push(&out.local, &out.remote, bytes, out.size);
}

/* Counts the candidates that stand in a signal, and looks for addresses that must not. */
static inline void net_look(int from, uint32_t kind, char *text, size_t *size, size_t capacity)
{
    static const char *const types[] = {"", " typ host", " typ srflx", " typ prflx", " typ relay"};
    (void)kind, (void)size, (void)capacity;
    for (int type = 1; type <= 4; type++)
        for (const char *at = text; (at = strstr(at, types[type])); at++)
            net.told[from][type]++;
    net.leaked[from] = net.leaked[from] || strstr(text, "192.0.2.") || strstr(text, "198.18.");
}

static inline void net_servers(struct world *world, int i, uint32_t first, uint32_t count,
                               const char *user, const char *password)
{
    struct xc_ice_server list[NET_SERVERS];
    const char *words;
    for (uint32_t k = 0; k < count; k++) {
        list[k] = (struct xc_ice_server){.turn = true, .addr = net.server[first + k].config.addr};
        assert_true(xc_ice_server_credentials(&list[k], xc_span_make(user, strlen(user)),
                                              xc_span_make(password, strlen(password)), &words));
    }
    if (!net_memory[i])
        net_memory[i] = calloc(1, sizeof *net_memory[i]);
    assert_non_null(net_memory[i]);
    xc_session_set_ice_servers(world->side[i].session, world_now, net_memory[i], list, count);
}

static inline void net_give(struct world *world, int i)
{
    net_servers(world, i, 0, 1, NET_USER, NET_PASSWORD);
}

static inline void net_give_both(struct world *world)
{
    net_give(world, 0);
    net_give(world, 1);
}

/* Two sides of sound alone, whose policies and other wishes may be changed before net_open. */
static inline struct world *net_make(uint64_t seed, uint32_t policy0, uint32_t policy1)
{
    struct world *world = world_make(seed, NET_DELAY);
    memset(&net, 0, sizeof net);
    memset(net_memory, 0, sizeof net_memory); /* a test that failed freed nothing */
    for (uint8_t i = 0; i < NET_SERVERS; i++) {
        struct turn_server_config config = {.addr = net_addr(203, 0, 113, (uint8_t)(10 + i), 3478),
                                            .relay = net_addr(203, 0, 113, (uint8_t)(20 + i), 0),
                                            .realm = "example.org",
                                            .username = NET_USER,
                                            .password = NET_PASSWORD};
        turn_server_init(&net.server[i], &config);
    }
    for (uint8_t i = 0; i < 2; i++) {
        net.base[i][0] = net_addr(192, 0, 2, (uint8_t)(i + 1), 4000);
        net.base[i][1] = net_addr(198, 18, 0, (uint8_t)(i + 1), 4000);
        net.public[i] = net_addr(198, 51, 100, (uint8_t)(i + 1), 61000);
        world->side[i].call.ice_policy = i ? policy1 : policy0;
        world->side[i].call.video_direction = XCALL_DIRECTION_NONE;
        world->side[i].call.trace_frames = world->side[i].call.encoded_bytes = 0;
    }
    world->route = net_route;
    world->turn = net_turn;
    world->alter = net_look;
    return world;
}

static inline void net_free(struct world *world)
{
    world_free(world);
    for (int i = 0; i < 2; i++) {
        free(net_memory[i]);
        net_memory[i] = NULL;
    }
}

static inline uint32_t net_state(const struct world *world, int i)
{
    return xc_session_state(world->side[i].session);
}

/* Until this state of side i, at most so long; the ms that it took, or UINT32_MAX. */
static inline uint32_t net_until(struct world *world, int i, uint32_t state, uint32_t ms)
{
    for (uint32_t n = 0; n < ms; n++) {
        if (net_state(world, i) == state)
            return n;
        world_run(world, 1);
    }
    return net_state(world, i) == state ? ms : UINT32_MAX;
}

static inline uint64_t net_withheld(const struct world *world, int i)
{
    return world->side[i].session->count.withheld;
}

static inline struct xcall_stats net_stats(const struct world *world, int i)
{
    struct xcall_stats stats;
    world_stats(world, i, &stats);
    return stats;
}

/* Sound flows both ways now. */
static inline void net_assert_sound(struct world *world)
{
    uint64_t before[2];
    for (int i = 0; i < 2; i++)
        before[i] = net_stats(world, i).audio_received.packets_received;
    world_run(world, 1000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(net_state(world, i), XCALL_STATE_CONNECTED);
        assert_true(net_stats(world, i).audio_received.packets_received > before[i] + 40);
    }
}

#endif
