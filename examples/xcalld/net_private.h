/* net_private.h - what net.c (loop, listening, signals), socket.c (WebSockets) and http.c (pages, health,
 * metrics) share. Net thread only.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_NET_PRIVATE_H
#define XCALLD_NET_PRIVATE_H

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <uv.h>

#include "net.h"

#define FRAME_MAX 16384
#define ROUNDS_A_SECOND 20
#define ROUNDS_MAX (250 * ROUNDS_A_SECOND) /* over which the pings are spread */
#define NETWORKS_ROWS 1024
#define SCRAPES_MAX 8 /* requests for /metrics under way */
#define CLOSE_CODES 9 /* that are counted one by one */
#define FRAME_TIMES 10

struct network { /* sockets of a /24 or /48 that are no WebSocket yet */
    struct network *next;
    uint64_t key;
    unsigned count;
};

struct socket {
    struct lws *wsi;
    struct net *net;
    struct network *network; /* while it counts as a handshake */
    uint64_t connection;     /* 0: not a WebSocket yet, or no longer known to the service */
    uint8_t address[ADDRESS_SIZE];
    bool handshake, paused, want_ping, ended, close_sent;
    bool goodbye;       /* its close frame said that it leaves */
    uint8_t unanswered; /* pings */
    uint16_t close_code;
    char *frame; /* what has come of one */
    uint32_t frame_size, frame_room;
    struct output *first, *last;
    uint32_t out_frames, out_bytes;
    uint32_t under_way, under_way_bytes; /* frames that the service has not dealt with */
    struct socket *round_next, **round_link;
};

struct net_figures {
    uint64_t accepted, refused_total, refused_network, refused_origin, refused_full, upgraded;
    uint64_t frames_in, bytes_in, frames_out, bytes_out, dropped, replaced, pauses, dead;
    uint64_t closes[CLOSE_CODES + 1], pages, reloads, reload_failures;
    uint64_t frame_times[FRAME_TIMES + 1], frame_us; /* see frame_times_ms */
};

struct scrape {
    struct lws *wsi;
    uint64_t number;
};

struct net {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t second, ping;
    uv_signal_t signals[3];
    struct lws_context *context;
    SSL_CTX *tls;
    struct net_parts parts;
    const struct options *options;
    struct socket **slots; /* by the low bits of the connection */
    uint32_t *free_slots, slots_count, free_count;
    uint64_t serial, scrapes_made;
    struct network *networks[NETWORKS_ROWS];
    unsigned handshakes, sockets;
    struct socket *rounds[ROUNDS_MAX];
    uint64_t round;
    struct scrape scrapes[SCRAPES_MAX];
    struct net_figures figures;
    int64_t drain_until_ms, stop_until_ms; /* 0: not yet */
    int signals_seen, code;
    bool must_kick, service_stopped;
};

/* socket.c */
int on_socket(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
              size_t length);
int socket_accept_filter(struct net *net, int descriptor);
int socket_accepted(struct net *net, struct lws *wsi);
void socket_gone(struct lws *wsi);
void socket_output(struct net *net, struct output *output); /* takes it */
void socket_done(struct net *net, const struct input *input);
void socket_end(struct socket *socket, uint16_t code);
void socket_ping_round(struct net *net);
extern const uint16_t close_codes[CLOSE_CODES];
/* Upper ends: from a frame read to what it led to, committed, in the hands of the net thread. */
extern const unsigned frame_times_ms[FRAME_TIMES];

/* http.c */
struct http_request {
    const unsigned char *bytes;
    size_t left;
    char *owned;
};
int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length);
int on_health(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
              size_t length);
void http_metrics(struct net *net, const struct output *output);

/* figures.c: of the shell, in the text format of Prometheus */
void figures_print(struct net *net, FILE *file);

static inline struct net *net_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

#endif
