/* turn_world.h - for tests of TURN: up to two allocations, a server, and a network between them that
 * loses a chosen message, in virtual time.
 * SPDX-License-Identifier: MIT */
#ifndef TURN_WORLD_H
#define TURN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/turn.h"
#include "support/turn_server.h"

#define MS XC_NS_PER_MS
#define S XC_NS_PER_S
#define WORLD_FLIGHT 512
#define WORLD_START (1000 * S)
#define NO_LOSS UINT32_MAX

struct flight {
    uint64_t at;
    bool up;
    struct xc_addr local, remote;
    size_t size;
    uint8_t bytes[TURN_SERVER_DATAGRAM];
};

struct world {
    struct turn_server server;
    struct xc_rng rng;
    struct xc_turn turn[2];
    uint32_t turns;
    uint64_t now, delay; /* one way */
    uint32_t ups, downs; /* messages so far */
    uint32_t lose_up, lose_down;
    uint32_t received; /* peers' datagrams, at turn[0] and turn[1] */
    struct xc_addr from;
    size_t size;
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    uint32_t outside; /* from relayed addresses to strangers */
    struct xc_addr outside_local, outside_remote;
    uint32_t flights;
    struct flight flight[WORLD_FLIGHT];
};

static struct world world;

static inline struct xc_span world_text(const char *text)
{
    return xc_span_make(text, strlen(text));
}

static inline struct xc_addr ip4(uint8_t last, uint16_t port)
{
    return (struct xc_addr){.family = XC_ADDR_IPV4, .port = port, .bytes = {192, 0, 2, last}};
}

static inline struct xc_addr ip6(uint8_t last, uint16_t port)
{
    return (struct xc_addr){
        .family = XC_ADDR_IPV6, .port = port, .bytes = {0x20, 1, 0xd, 0xb8, [15] = last}};
}

static inline void world_add(struct world *w, const char *username, const char *password)
{
    uint32_t i = w->turns++;
    bool v6 = w->server.config.addr.family == XC_ADDR_IPV6;
    struct xc_turn_config config = {
        .server = w->server.config.addr,
        .local = v6 ? ip6((uint8_t)(10 + i), 5000) : ip4((uint8_t)(10 + i), 5000),
        .username = world_text(username),
        .password = world_text(password),
    };
    assert_true(xc_turn_init(&w->turn[i], &config, &w->rng));
}

static inline struct world *world_open_as(bool v6, bool v6_relay)
{
    struct world *w = &world;
    struct turn_server_config config = {
        .addr = v6 ? ip6(1, 3478) : ip4(1, 3478),
        .relay = v6_relay ? ip6(1, 0) : ip4(1, 0), /* the server's own host */
        .realm = "example.org",
        .username = "1700000000:me",
        .password = "c2VjcmV0",
    };
    memset(w, 0, sizeof *w);
    w->now = WORLD_START;
    w->delay = 20 * MS;
    w->lose_up = w->lose_down = NO_LOSS;
    xc_rng_init_number(&w->rng, 5);
    turn_server_init(&w->server, &config);
    world_add(w, config.username, config.password);
    return w;
}

static inline struct world *world_open(void)
{
    return world_open_as(false, false);
}

static inline void world_fly(struct world *w, bool up, const struct xc_datagram *d)
{
    uint32_t number = up ? w->ups++ : w->downs++;
    if (number == (up ? w->lose_up : w->lose_down))
        return;
    assert_true(w->flights < WORLD_FLIGHT);
    struct flight *f = &w->flight[w->flights++];
    f->at = w->now + w->delay;
    f->up = up;
    f->local = d->local;
    f->remote = d->remote;
    f->size = d->size;
    memcpy(f->bytes, d->data, d->size);
}

/* On an exact copy, so that a sanitizer sees a read past the end. */
static inline void world_receive(struct world *w, uint32_t i, const uint8_t *bytes, size_t size)
{
    struct xc_addr from;
    struct xc_span data;
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    if (xc_turn_input(&w->turn[i], w->now, xc_span_make(copy, size), &from, &data)) {
        assert_true(data.data >= copy && data.data + data.size <= copy + size);
        w->received++;
        w->from = from;
        w->size = data.size;
        if (data.size)
            memcpy(w->bytes, data.data, data.size);
    }
    free(copy);
}

static inline void world_deliver(struct world *w, const struct flight *f)
{
    if (f->up) {
        turn_server_input(&w->server, w->now, &f->remote, &f->local,
                          xc_span_make(f->bytes, f->size));
        return;
    }
    for (uint32_t i = 0; i < w->turns; i++) {
        if (xc_turn_is_server(&w->turn[i], &f->remote, &f->local)) {
            world_receive(w, i, f->bytes, f->size);
            return;
        }
    }
    w->outside++;
    w->outside_local = f->local;
    w->outside_remote = f->remote;
    w->size = f->size;
    memcpy(w->bytes, f->bytes, f->size);
}

/* What all have to say at this moment. */
static inline void world_drain(struct world *w)
{
    uint8_t bytes[TURN_SERVER_DATAGRAM];
    struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
    for (uint32_t i = 0; i < w->turns; i++) {
        int count = 0;
        out.capacity = XC_MTU + XC_DATAGRAM_SLACK;
        while (xc_turn_output(&w->turn[i], w->now, &out)) {
            assert_true(out.size > 0 && out.size <= XC_MTU);
            assert_true(xc_turn_is_server(&w->turn[i], &out.local, &out.remote));
            assert_true(++count < 64); /* no storm */
            world_fly(w, true, &out);
        }
        assert_true(xc_turn_deadline(&w->turn[i]) > w->now);
    }
    out.capacity = sizeof bytes;
    while (turn_server_output(&w->server, w->now, &out))
        world_fly(w, false, &out);
}

static inline uint64_t world_next(const struct world *w)
{
    uint64_t at = XC_NEVER;
    for (uint32_t i = 0; i < w->turns; i++)
        at = xc_earlier(at, xc_turn_deadline(&w->turn[i]));
    for (uint32_t i = 0; i < w->flights; i++)
        at = xc_earlier(at, w->flight[i].at);
    return at;
}

static inline void world_run(struct world *w, uint64_t ns)
{
    uint64_t end = w->now + ns;
    uint64_t steps = 0;
    world_drain(w);
    while (world_next(w) <= end) {
        w->now = XC_MAX(w->now, world_next(w));
        for (uint32_t i = 0; i < w->flights;) {
            if (w->flight[i].at > w->now) {
                i++;
                continue;
            }
            struct flight f = w->flight[i];
            w->flights--;
            memmove(&w->flight[i], &w->flight[i + 1], (w->flights - i) * sizeof f);
            world_deliver(w, &f);
        }
        world_drain(w);
        assert_true(++steps < 1000000);
    }
    w->now = end;
    world_drain(w);
}

static inline void world_ready(struct world *w)
{
    for (uint32_t i = 0; i < w->turns; i++)
        xc_turn_start(&w->turn[i], w->now);
    world_run(w, 300 * MS);
    for (uint32_t i = 0; i < w->turns; i++)
        assert_int_equal(xc_turn_state(&w->turn[i]), XC_TURN_READY);
}

/* Sends `text` through turn[i] to a peer; whether it was wrapped. */
static inline bool world_say(struct world *w, uint32_t i, const struct xc_addr *peer,
                             const char *text)
{
    uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
    struct xc_datagram out = {.local = *xc_turn_relayed(&w->turn[i]),
                              .remote = *peer,
                              .data = bytes,
                              .capacity = sizeof bytes,
                              .size = strlen(text)};
    memcpy(bytes, text, out.size);
    if (!xc_turn_wrap(&w->turn[i], w->now, &out))
        return false;
    assert_true(xc_turn_is_server(&w->turn[i], &out.local, &out.remote));
    world_fly(w, true, &out);
    return true;
}

/* A stranger sends to a relayed address. */
static inline void world_from_outside(struct world *w, const struct xc_addr *from, uint32_t i,
                                      const char *text)
{
    turn_server_input(&w->server, w->now, xc_turn_relayed(&w->turn[i]), from, world_text(text));
}

static inline uint16_t failure_code(const struct world *w, int *reason)
{
    uint16_t code = 0;
    *reason = xc_turn_failure(&w->turn[0], &code);
    return code;
}

#define assert_failed(w, wanted_reason, wanted_code)                                               \
    do {                                                                                           \
        int reason;                                                                                \
        uint16_t code = failure_code(w, &reason);                                                  \
        assert_int_equal(xc_turn_state(&(w)->turn[0]), XC_TURN_FAILED);                            \
        assert_int_equal(reason, wanted_reason);                                                   \
        assert_int_equal(code, wanted_code);                                                       \
    } while (0)

#endif
