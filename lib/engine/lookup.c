/* lookup.c - a shard's resolver of ".local" names: joins the sessions' names, the machine that decides
 * (proto/mdns.h) and the sockets (io/mdns.h), which are open only while a name is asked for or known.
 * Nothing here waits. Thread: the shard's.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "io/mdns.h"
#include "proto/mdns.h"

#define RECEIVE_MAX 32 /* datagrams a turn: a chatty network must not keep the calls waiting */

struct xc_resolver {
    struct xc_mdns mdns;
    struct xc_mdns_socket sockets[XC_MDNS_SOCKETS_MAX];
    size_t socket_count;
    bool ready;
    uint64_t deadline;
    uint8_t bytes[XC_MDNS_RECEIVE_MAX];
};

void xc_lookup_init(struct xc_shard *shard, struct xc_arena *arena)
{
    /* Untouched: a shard that never sees a name pays nothing. */
    struct xc_resolver *resolver = xc_arena_take_untouched(arena, sizeof *resolver);
    if (!xc_arena_measuring(arena))
        shard->resolver = resolver;
}

static void close_all(struct xc_shard *shard)
{
    struct xc_resolver *r = shard->resolver;
    for (size_t i = 0; i < r->socket_count; i++)
        xc_poller_remove(&shard->poller, r->sockets[i].fd);
    xc_mdns_close(r->sockets, r->socket_count);
    r->socket_count = 0;
}

void xc_lookup_deinit(struct xc_shard *shard)
{
    if (shard->resolver)
        close_all(shard);
}

static bool open_all(struct xc_shard *shard)
{
    struct xc_resolver *r = shard->resolver;
    const struct xcall_engine *engine = shard->engine;
    bool loopback = (engine->config.flags & XCALL_ENGINE_LOOPBACK) != 0;
    if (r->socket_count)
        return true;
    if (!r->ready)
        xc_mdns_init(&r->mdns, loopback);
    r->ready = true;
    r->socket_count = xc_mdns_open(r->sockets, engine->bound ? &engine->bind_addr : NULL, loopback);
    for (size_t i = 0; i < r->socket_count; i++)
        xc_poller_add(&shard->poller, r->sockets[i].fd, XC_TAG_LOOKUP(i));
    return r->socket_count > 0;
}

void xc_lookup_follow(struct xc_shard *shard, struct xc_call *call, uint64_t now)
{
    struct xc_resolver *r = shard->resolver;
    char name[XC_DNS_LOCAL_MAX + 1];
    while (xc_session_next_lookup(call->session, name)) {
        if (open_all(shard) && xc_mdns_ask(&r->mdns, now, name, xc_call_id(call))) {
            r->deadline = now;
            continue;
        }
        xc_shard_log(shard, call, XCALL_LOG_INFO, now, "a name was not looked up", name);
        xc_session_lookup_done(call->session, now, name, NULL, 0);
    }
}

void xc_lookup_forget(struct xc_shard *shard, const struct xc_call *call)
{
    struct xc_resolver *r = shard->resolver;
    if (r->socket_count)
        xc_mdns_forget(&r->mdns, xc_call_id(call));
}

void xc_lookup_receive(struct xc_shard *shard, uint32_t index, uint64_t now)
{
    struct xc_resolver *r = shard->resolver;
    struct xc_addr remote;
    for (uint32_t n = 0; index < r->socket_count && n < RECEIVE_MAX; n++) {
        size_t size = xc_mdns_receive(&r->sockets[index], &remote, r->bytes, sizeof r->bytes);
        if (!size)
            break;
        xc_mdns_input(&r->mdns, now, &remote, xc_span_make(r->bytes, size));
        r->deadline = now;
    }
}

/* Each question once to those who share port 5353, once to us alone where that port was not free. */
static void send_queries(struct xc_resolver *r, uint64_t now)
{
    struct xc_mdns_query query;
    while (xc_mdns_next_query(&r->mdns, now, &query)) {
        uint8_t bytes[2][XC_DNS_QUERY_MAX];
        size_t sizes[2];
        for (int unicast = 0; unicast < 2; unicast++)
            sizes[unicast] = xc_dns_write_query(query.name, query.type, unicast, bytes[unicast],
                                                sizeof bytes[unicast]);
        for (size_t i = 0; i < r->socket_count; i++) {
            int unicast = !r->sockets[i].shared;
            xc_mdns_send(&r->sockets[i], bytes[unicast], sizes[unicast]);
        }
    }
}

void xc_lookup_turn(struct xc_shard *shard, uint64_t now)
{
    struct xc_resolver *r = shard->resolver;
    struct xc_mdns_answer answer;
    if (!r->socket_count || now < r->deadline)
        return;
    send_queries(r, now);
    while (xc_mdns_next_answer(&r->mdns, now, &answer)) {
        uint32_t index = xc_id_index(answer.asker);
        struct xc_call *call = shard->calls[index];
        if (!call || xc_call_id(call) != answer.asker)
            continue;
        if (!answer.count)
            xc_shard_log(shard, call, XCALL_LOG_INFO, now, "nobody knows a name", answer.name);
        xc_session_lookup_done(call->session, now, answer.name, answer.addresses, answer.count);
        xc_shard_service(shard, call, now);
    }
    if (xc_mdns_idle(&r->mdns))
        close_all(shard);
    else
        r->deadline = xc_mdns_deadline(&r->mdns);
}

uint64_t xc_lookup_deadline(const struct xc_shard *shard)
{
    return shard->resolver->socket_count ? shard->resolver->deadline : XC_NEVER;
}
