/* ice_net.h - a network in virtual time for the tests of the ICE agent: a few agents, each with a
 * few sockets, datagrams with seeded delay and loss, NATs that rewrite addresses, and a script of
 * things that happen at given times. Nothing sleeps; the same seed gives the same run.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TEST_ICE_NET_H
#define XC_TEST_ICE_NET_H

#include "base/rng.h"
#include "proto/ice.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define MS XC_NS_PER_MS
#define SECOND XC_NS_PER_S
#define NET_QUEUE 4096
#define NET_NATS 8
#define NET_SCRIPT 256
#define NET_BLOCKS 64

struct net;
typedef void (*net_action)(struct net *net, int a, int b);

struct net_datagram {
    bool used;
    uint64_t at, order;
    int to; /* agent */
    struct xc_addr local, remote;
    size_t size;
    uint8_t bytes[700];
};

/* Full cone when open; else only from an address and port that was sent to before. */
struct net_nat {
    struct xc_addr inner, outer;
    bool open;
    struct xc_addr permitted[16];
    int permitted_count;
};

struct net_event {
    uint64_t at;
    net_action action;
    int a, b;
    bool done;
};

struct net {
    uint64_t now, order;
    struct xc_rng rng;
    struct xc_ice agent[2];
    uint64_t delay_min, delay_max; /* one way */
    double loss;
    bool down; /* nothing arrives */
    uint64_t sent[2], dropped;
    uint64_t last_sent_at[2];
    uint64_t connected_at[2], valid_at[2];
    int state[2];
    char history[2][64];
    struct net_nat nats[NET_NATS];
    int nat_count;
    struct {
        struct xc_addr from, to; /* port 0 = any */
    } blocked[NET_BLOCKS];
    int blocked_count;
    struct net_event script[NET_SCRIPT];
    int script_count;
    struct net_datagram queue[NET_QUEUE];
    /* Sees every datagram before it goes; may be NULL. */
    void (*tap)(struct net *net, int from, const struct xc_datagram *datagram);
    uint64_t tapped[8];
};

static inline struct xc_addr addr4(const char *text, uint16_t port)
{
    struct xc_addr addr;
    assert_true(xc_addr_parse(&addr, xc_span_make(text, strlen(text)), port));
    return addr;
}

static inline void net_init(struct net *net, uint64_t seed)
{
    memset(net, 0, sizeof *net);
    xc_rng_init_number(&net->rng, seed);
    net->connected_at[0] = net->connected_at[1] = XC_NEVER;
    net->valid_at[0] = net->valid_at[1] = XC_NEVER;
}

static inline void net_agent(struct net *net, int who, bool controlling, bool loopback)
{
    struct xc_ice_config config = {.controlling = controlling, .allow_loopback = loopback};
    xc_ice_init(&net->agent[who], &config, &net->rng);
}

static inline void net_add(struct net *net, int who, const char *text, uint16_t port)
{
    struct xc_addr addr = addr4(text, port);
    uint16_t preference = (uint16_t)(65535 - xc_ice_local_count(&net->agent[who]));
    assert_true(xc_ice_add_local(&net->agent[who], &addr, preference) >= 0);
}

static inline struct xc_span text_span(const char *text)
{
    return xc_span_make(text, strlen(text));
}

/* who learns the other's credentials. */
static inline void net_describe(struct net *net, int who, int unused)
{
    const struct xc_ice *peer = &net->agent[!who];
    (void)unused;
    xc_ice_set_remote(&net->agent[who], net->now, text_span(xc_ice_ufrag(peer)),
                      text_span(xc_ice_password(peer)), false);
}

/* who learns candidate `index` of the other; -1 = all. */
static inline void net_candidate(struct net *net, int who, int index)
{
    const struct xc_ice *peer = &net->agent[!who];
    for (uint32_t i = 0; i < xc_ice_local_count(peer); i++) {
        struct xc_candidate candidate;
        xc_ice_local(peer, i, &candidate);
        if (index < 0 || index == (int)i)
            xc_ice_add_remote(&net->agent[who], net->now, &candidate);
    }
}

static inline void net_end(struct net *net, int who, int unused)
{
    (void)unused;
    xc_ice_end_of_candidates(&net->agent[who], net->now);
}

static inline void net_signal_all(struct net *net)
{
    for (int who = 0; who < 2; who++) {
        net_describe(net, who, 0);
        net_candidate(net, who, -1);
    }
}

static inline void net_at(struct net *net, uint64_t at, net_action action, int a, int b)
{
    assert_true(net->script_count < NET_SCRIPT);
    net->script[net->script_count++] =
        (struct net_event){.at = at, .action = action, .a = a, .b = b};
}

static inline void net_block(struct net *net, const struct xc_addr *from, const struct xc_addr *to)
{
    assert_true(net->blocked_count < NET_BLOCKS);
    net->blocked[net->blocked_count].from = from ? *from : (struct xc_addr){0};
    net->blocked[net->blocked_count++].to = to ? *to : (struct xc_addr){0};
}

static inline void net_nat(struct net *net, const struct xc_addr *inner,
                           const struct xc_addr *outer, bool open)
{
    net->nats[net->nat_count++] = (struct net_nat){.inner = *inner, .outer = *outer, .open = open};
}

static inline bool net_is_blocked(const struct net *net, const struct xc_addr *from,
                                  const struct xc_addr *to)
{
    for (int i = 0; i < net->blocked_count; i++)
        if ((!net->blocked[i].from.port || xc_addr_equal(&net->blocked[i].from, from)) &&
            (!net->blocked[i].to.port || xc_addr_equal(&net->blocked[i].to, to)))
            return true;
    return false;
}

static inline bool nat_permits(const struct net_nat *nat, const struct xc_addr *from)
{
    for (int i = 0; i < nat->permitted_count; i++)
        if (xc_addr_equal(&nat->permitted[i], from))
            return true;
    return nat->open;
}

/* Where a datagram comes out: false when nowhere. */
static inline bool net_route(struct net *net, struct xc_addr *from, struct xc_addr *to, int *agent)
{
    struct net_nat *own = NULL, *theirs = NULL;
    for (int i = 0; i < net->nat_count; i++)
        if (xc_addr_equal(&net->nats[i].inner, from))
            own = &net->nats[i];
    if (own) {
        if (!nat_permits(own, to) || own->open) {
            assert_true(own->permitted_count < 16);
            if (!own->open)
                own->permitted[own->permitted_count++] = *to;
        }
        *from = own->outer;
    }
    for (int i = 0; i < net->nat_count; i++) {
        if (xc_addr_equal(&net->nats[i].outer, to))
            theirs = &net->nats[i];
        if (xc_addr_equal(&net->nats[i].inner, to))
            return false; /* private */
    }
    if (theirs) {
        if (!nat_permits(theirs, from))
            return false;
        *to = theirs->inner;
    }
    for (int who = 0; who < 2; who++) {
        for (uint32_t i = 0; i < xc_ice_local_count(&net->agent[who]); i++) {
            struct xc_candidate candidate;
            xc_ice_local(&net->agent[who], i, &candidate);
            if (xc_addr_equal(&candidate.addr, to)) {
                *agent = who;
                return true;
            }
        }
    }
    return false;
}

static inline void net_send(struct net *net, int who, const struct xc_datagram *out)
{
    struct xc_addr from = out->local, to = out->remote;
    int agent;
    net->sent[who]++;
    net->last_sent_at[who] = net->now;
    if (net->tap)
        net->tap(net, who, out);
    bool lost = xc_rng_unit(&net->rng) < net->loss;
    uint64_t spread = net->delay_max - net->delay_min;
    uint64_t delay =
        net->delay_min + (uint64_t)(xc_rng_unit(&net->rng) * (double)(spread ? spread : 1));
    if (net_is_blocked(net, &from, &to) || !net_route(net, &from, &to, &agent) || lost ||
        net->down) {
        net->dropped++;
        return;
    }
    for (int i = 0; i < NET_QUEUE; i++) {
        struct net_datagram *d = &net->queue[i];
        if (d->used)
            continue;
        *d = (struct net_datagram){.used = true,
                                   .at = net->now + delay,
                                   .order = net->order++,
                                   .to = agent,
                                   .local = to,
                                   .remote = from,
                                   .size = out->size};
        assert_true(out->size <= sizeof d->bytes);
        memcpy(d->bytes, out->data, out->size);
        return;
    }
    fail_msg("network queue full");
}

static inline void net_note(struct net *net, int who)
{
    struct xc_addr local, remote;
    int state;
    struct xc_ice *ice = &net->agent[who];
    if (xc_ice_take_state_change(ice, &state)) {
        size_t length = strlen(net->history[who]);
        if (length + 1 < sizeof net->history[who])
            net->history[who][length] = "nCcdfx"[state]; /* c = connected, C = checking */
        net->state[who] = state;
        if (state == XC_ICE_CONNECTED && net->connected_at[who] == XC_NEVER)
            net->connected_at[who] = net->now;
    }
    if (xc_ice_selected(ice, &local, &remote)) {
        if (net->valid_at[who] == XC_NEVER)
            net->valid_at[who] = net->now;
        assert_true(xc_ice_source_known(ice, &local, &remote));
    }
}

static inline void net_drain(struct net *net)
{
    for (int who = 0; who < 2; who++) {
        uint8_t bytes[XC_MTU + XC_DATAGRAM_SLACK];
        struct xc_datagram out = {.data = bytes, .capacity = sizeof bytes};
        int count = 0;
        while (xc_ice_output(&net->agent[who], net->now, &out)) {
            net_send(net, who, &out);
            assert_true(++count < 100);
        }
        assert_true(xc_ice_deadline(&net->agent[who]) > net->now); /* no busy loop */
        net_note(net, who);
    }
}

static inline uint64_t net_next(struct net *net)
{
    uint64_t next = xc_earlier(xc_ice_deadline(&net->agent[0]), xc_ice_deadline(&net->agent[1]));
    for (int i = 0; i < NET_QUEUE; i++)
        if (net->queue[i].used)
            next = xc_earlier(next, net->queue[i].at);
    for (int i = 0; i < net->script_count; i++)
        if (!net->script[i].done)
            next = xc_earlier(next, net->script[i].at);
    return next;
}

/* One thing that is due: a script event, or the oldest datagram. */
static inline bool net_one(struct net *net)
{
    for (int i = 0; i < net->script_count; i++) {
        struct net_event *event = &net->script[i];
        if (!event->done && event->at <= net->now) {
            event->done = true;
            event->action(net, event->a, event->b);
            return true;
        }
    }
    struct net_datagram *first = NULL;
    for (int i = 0; i < NET_QUEUE; i++) {
        struct net_datagram *d = &net->queue[i];
        if (d->used && d->at <= net->now &&
            (!first || d->at < first->at || (d->at == first->at && d->order < first->order)))
            first = d;
    }
    if (!first)
        return false;
    first->used = false;
    xc_ice_input(&net->agent[first->to], net->now, &first->local, &first->remote,
                 xc_span_make(first->bytes, first->size));
    return true;
}

static inline void net_run_until(struct net *net, uint64_t end)
{
    net_drain(net);
    for (;;) {
        while (net_one(net))
            net_drain(net);
        net_drain(net);
        uint64_t next = net_next(net);
        if (next > end)
            break;
        net->now = XC_MAX(next, net->now);
    }
    net->now = end;
}

static inline bool net_both(const struct net *net, int state)
{
    return xc_ice_state(&net->agent[0]) == state && xc_ice_state(&net->agent[1]) == state;
}

/* Both connected, on the two ends of one pair when no NAT stands between. */
static inline void net_assert_connected(struct net *net)
{
    struct xc_addr local[2], remote[2];
    for (int who = 0; who < 2; who++) {
        assert_int_equal(xc_ice_state(&net->agent[who]), XC_ICE_CONNECTED);
        assert_true(xc_ice_selected(&net->agent[who], &local[who], &remote[who]));
    }
    if (net->nat_count == 0) {
        assert_true(xc_addr_equal(&local[0], &remote[1]));
        assert_true(xc_addr_equal(&local[1], &remote[0]));
    }
    for (int who = 0; who < 2; who++) /* media of the other side is let in */
        if (net->nat_count == 0)
            assert_true(xc_ice_source_known(&net->agent[who], &remote[!who], &local[!who]));
}

#endif
