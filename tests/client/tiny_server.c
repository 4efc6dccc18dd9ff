/* tiny_server.c - see tiny_server.h.
 * SPDX-License-Identifier: MIT */
#include "client/tiny_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libwebsockets.h>

#define PEERS 8
#define QUEUE 256

struct peer {
    struct lws *wsi;
    char name[64], in[65536];
    size_t in_size;
    char *queue[QUEUE];
    uint32_t count, sq;
    bool cut;
};

struct tiny_server {
    pthread_t thread;
    struct lws_context *context;
    char url[64];
    atomic_uint flags, hellos, addresses, stop;
    pthread_mutex_t lock;
    char cut[64];
    struct peer peers[PEERS];
    char caller[64], callee[64];
};

static void queue(struct peer *peer, json_t *frame)
{
    char *text = json_dumps(frame, JSON_COMPACT);
    json_decref(frame);
    if (!text || peer->count == QUEUE) {
        free(text);
        return;
    }
    peer->queue[peer->count++] = text;
    lws_callback_on_writable(peer->wsi);
}

static struct peer *peer_named(struct tiny_server *server, const char *name)
{
    for (int i = 0; name && i < PEERS; i++)
        if (server->peers[i].wsi && !strcmp(server->peers[i].name, name))
            return &server->peers[i];
    return NULL;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void answer(struct peer *peer, const json_t *frame, const char *type, json_t *body)
{
    queue(peer, json_pack("{s:s, s:s, s:o}", "t", type, "re", text_of(frame, "id"), "b",
                          body ? body : json_object()));
}

static void event(struct peer *peer, const json_t *of, const char *type, int rev, json_t *body)
{
    if (peer)
        queue(peer, json_pack("{s:s, s:s, s:i, s:i, s:o}", "t", type, "call", text_of(of, "call"),
                              "sq", (int)++peer->sq, "rev", rev, "b", body));
    else
        json_decref(body);
}

/* A body on its way, as somebody between would have it. */
static json_t *passed(struct tiny_server *server, const json_t *body, bool offer)
{
    json_t *copy = json_deep_copy(body);
    const char *sdp = text_of(copy, "sdp"), *at = strstr(sdp, "a=fingerprint:sha-256 ");
    uint32_t flags = atomic_load(&server->flags);
    if (offer && flags & TINY_SWAP_OFFER && at) {
        char *swapped = strdup(sdp);
        char *digit = swapped + (at - sdp) + 22;
        *digit = *digit == '0' ? '1' : '0';
        json_object_set_new(copy, "sdp", json_string(swapped));
        free(swapped);
    }
    if (!offer && flags & TINY_SWAP_ANSWER)
        json_object_set_new(copy, "key",
                            json_string("PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="));
    return copy;
}

static void on_account(struct tiny_server *server, struct peer *peer, const json_t *frame)
{
    const json_t *body = json_object_get(frame, "b");
    const char *type = text_of(frame, "t");
    if (strcmp(type, "hello")) {
        answer(peer, frame, "ok",
               json_pack("{s:s, s:i}", "token", text_of(body, "name"), "dev", 1));
        return;
    }
    struct peer *older = peer_named(server, text_of(body, "token"));
    if (older)
        older->name[0] = '\0';
    snprintf(peer->name, sizeof peer->name, "%s", text_of(body, "token"));
    atomic_fetch_add(&server->hellos, 1);
    /* Resume is always granted: what was missed is not repeated. */
    queue(peer, json_pack("{s:s, s:{s:s, s:b, s:s, s:i, s:{}}}", "t", "welcome", "b", "name",
                          peer->name, "resume", json_object_get(body, "resume") != NULL, "epoch",
                          "e", "sq", 0, "limits"));
    if (json_object_get(body, "resume"))
        peer->sq = (uint32_t)json_integer_value(json_object_get(body, "last_sq"));
    else
        queue(peer, json_pack("{s:s, s:{s:[]}}", "t", "sync", "b", "calls"));
}

static void on_invite(struct tiny_server *server, struct peer *peer, const json_t *frame)
{
    const json_t *body = json_object_get(frame, "b");
    int relay = (atomic_load(&server->flags) & TINY_RELAY) != 0;
    snprintf(server->caller, sizeof server->caller, "%s", peer->name);
    snprintf(server->callee, sizeof server->callee, "%s", text_of(body, "to"));
    if (!peer_named(server, server->callee)) {
        answer(peer, frame, "err", json_pack("{s:s}", "code", "unavailable"));
        return;
    }
    answer(peer, frame, "ok",
           json_pack("{s:s, s:i, s:b, s:i}", "st", "ringing", "rev", 1, "relay", relay, "ring_ms",
                     60000));
    event(peer_named(server, server->callee), frame, "call.incoming", 1,
          json_pack("{s:s, s:s, s:o, s:i, s:b}", "from", peer->name, "media",
                    text_of(body, "media"), "body",
                    passed(server, json_object_get(body, "body"), true), "ring_left_ms", 60000,
                    "relay", relay));
}

static struct peer *other_of(struct tiny_server *server, const struct peer *peer)
{
    return peer_named(server, strcmp(peer->name, server->caller) ? server->caller : server->callee);
}

static void on_call(struct tiny_server *server, struct peer *peer, const json_t *frame)
{
    const json_t *body = json_object_get(frame, "b");
    const char *type = text_of(frame, "t");
    struct peer *other = other_of(server, peer);
    if (!strcmp(type, "turn.get")) {
        answer(peer, frame, "err", json_pack("{s:s}", "code", "relay_unavailable"));
        return;
    }
    if (!strcmp(type, "call.accept")) {
        answer(peer, frame, "ok",
               json_pack("{s:s, s:i, s:b}", "st", "accepted", "rev", 3, "relay", 0));
        event(other, frame, "call.state", 3,
              json_pack("{s:s, s:o}", "st", "accepted", "body",
                        passed(server, json_object_get(body, "body"), false)));
        return;
    }
    answer(peer, frame, "ok", NULL);
    if (!strcmp(type, "call.alerting")) {
        event(other, frame, "call.state", 2,
              json_pack("{s:s, s:b}", "st", "ringing", "reached", 1));
    } else if (!strcmp(type, "sig")) {
        const char *candidate = text_of(json_object_get(body, "data"), "candidate");
        if (*candidate && !strstr(candidate, "typ relay"))
            atomic_store(&server->addresses, 1);
        event(other, frame, "sig", 0, json_deep_copy(body));
    } else if (strcmp(type, "call.media") && !strncmp(type, "call.", 5)) {
        const char *end = !strcmp(type, "call.decline") ? "declined" : "hangup";
        event(other, frame, "call.state", 9, json_pack("{s:s, s:s}", "st", "ended", "end", end));
    }
}

static void on_message(struct tiny_server *server, struct peer *peer, const json_t *frame)
{
    const json_t *body = json_object_get(frame, "b");
    struct peer *to = peer_named(server, text_of(body, "to"));
    answer(peer, frame, "ok", json_pack("{s:i, s:i}", "msg", 1, "at", 1));
    event(to, frame, "msg.new", 0,
          json_pack("{s:i, s:s, s:s, s:s}", "msg", 1, "from", peer->name, "to", text_of(body, "to"),
                    "text", text_of(body, "text")));
}

static void on_frame(struct tiny_server *server, struct peer *peer)
{
    json_t *frame = json_loadb(peer->in, peer->in_size, 0, NULL);
    const char *type = text_of(frame, "t");
    peer->in_size = 0;
    if (!strncmp(type, "account.", 8) || !strcmp(type, "hello"))
        on_account(server, peer, frame);
    else if (!strcmp(type, "call.invite"))
        on_invite(server, peer, frame);
    else if (!strcmp(type, "msg.send"))
        on_message(server, peer, frame);
    else if (strcmp(type, "ack"))
        on_call(server, peer, frame);
    json_decref(frame);
}

static int write_one(struct peer *peer)
{
    unsigned char bytes[LWS_PRE + 65536];
    if (!peer->count)
        return 0;
    size_t size = strlen(peer->queue[0]);
    memcpy(bytes + LWS_PRE, peer->queue[0], size);
    free(peer->queue[0]);
    memmove(&peer->queue[0], &peer->queue[1], --peer->count * sizeof peer->queue[0]);
    if (peer->count)
        lws_callback_on_writable(peer->wsi);
    return lws_write(peer->wsi, bytes + LWS_PRE, size, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

static void forget(struct peer *peer)
{
    for (uint32_t i = 0; i < peer->count; i++)
        free(peer->queue[i]);
    memset(peer, 0, sizeof *peer);
}

static struct peer *peer_of(struct tiny_server *server, struct lws *wsi)
{
    for (int i = 0; i < PEERS; i++)
        if (server->peers[i].wsi == wsi)
            return &server->peers[i];
    return NULL;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    struct tiny_server *server = lws_context_user(lws_get_context(wsi));
    struct peer *peer = peer_of(server, wsi);
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        peer = peer_of(server, NULL);
        if (!peer)
            return -1;
        peer->wsi = wsi;
        return 0;
    case LWS_CALLBACK_RECEIVE:
        if (!peer || peer->in_size + length > sizeof peer->in)
            return -1;
        memcpy(peer->in + peer->in_size, in, length);
        peer->in_size += length;
        if (lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi))
            on_frame(server, peer);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return peer && !peer->cut ? write_one(peer) : -1;
    case LWS_CALLBACK_CLOSED:
        if (peer)
            forget(peer);
        return 0;
    default:
        return 0;
    }
}

static void *serve(void *context)
{
    struct tiny_server *server = context;
    while (!atomic_load(&server->stop)) {
        lws_service(server->context, 0);
        pthread_mutex_lock(&server->lock);
        struct peer *peer = server->cut[0] ? peer_named(server, server->cut) : NULL;
        server->cut[0] = '\0';
        pthread_mutex_unlock(&server->lock);
        if (peer) {
            peer->cut = true;
            lws_callback_on_writable(peer->wsi);
        }
    }
    return NULL;
}

struct tiny_server *tiny_start(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "xcall.1", .callback = on_event, .rx_buffer_size = 16384}, {.name = NULL}};
    struct tiny_server *server = calloc(1, sizeof *server);
    struct lws_context_creation_info info = {.port = 0,
                                             .iface = "127.0.0.1",
                                             .options = LWS_SERVER_OPTION_DISABLE_IPV6,
                                             .protocols = protocols,
                                             .gid = (gid_t)-1,
                                             .uid = (uid_t)-1,
                                             .user = server};
    if (!server)
        return NULL;
    lws_set_log_level(0, NULL);
    pthread_mutex_init(&server->lock, NULL);
    server->context = lws_create_context(&info);
    if (!server->context)
        return NULL;
    struct lws_vhost *vhost = lws_get_vhost_by_name(server->context, "default");
    snprintf(server->url, sizeof server->url, "ws://127.0.0.1:%d/xcall",
             lws_get_vhost_listen_port(vhost));
    if (pthread_create(&server->thread, NULL, serve, server))
        return NULL;
    return server;
}

const char *tiny_url(const struct tiny_server *server)
{
    return server->url;
}

void tiny_behave(struct tiny_server *server, uint32_t flags)
{
    atomic_store(&server->flags, flags);
    atomic_store(&server->addresses, 0);
}

void tiny_cut(struct tiny_server *server, const char *name)
{
    pthread_mutex_lock(&server->lock);
    snprintf(server->cut, sizeof server->cut, "%s", name);
    pthread_mutex_unlock(&server->lock);
    lws_cancel_service(server->context);
}

uint32_t tiny_hellos(const struct tiny_server *server)
{
    return atomic_load(&server->hellos);
}

bool tiny_saw_addresses(const struct tiny_server *server)
{
    return atomic_load(&server->addresses) != 0;
}

void tiny_stop(struct tiny_server *server)
{
    atomic_store(&server->stop, 1);
    lws_cancel_service(server->context);
    pthread_join(server->thread, NULL);
    lws_context_destroy(server->context);
    for (int i = 0; i < PEERS; i++)
        forget(&server->peers[i]);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
