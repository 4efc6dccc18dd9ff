/* signalling.h - the page and its WebSockets, served by libwebsockets from one port.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BROWSER_SIGNALLING_H
#define BROWSER_SIGNALLING_H

#include <jansson.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

#include "calls.h"

#define LINE_BYTES_MAX 65536     /* of one message from a page */
#define OUTBOX_BYTES_MAX 262144  /* that wait for a page; one that is slower is let go */
#define OUTBOX_STATS_BYTES 16384 /* with more waiting, statistics are left out */
#define IDLE_SECONDS 20          /* a page that is silent is asked whether it is there */
#define GONE_SECONDS 35          /* and let go when it has not answered */

struct message {
    struct message *next;
    size_t length;
    unsigned char bytes[]; /* LWS_PRE of libwebsockets' own, then the text */
};

/* One WebSocket; libwebsockets owns it. */
struct socket {
    struct lws *wsi;
    struct call *call;
    char *line; /* owned: what came of the present message */
    size_t line_length;
    struct message *first, *last; /* owned: what waits to be sent */
    size_t outbox_bytes;
    uint32_t bad_lines;
    bool closing;
};

struct signalling {
    struct lws_context *context;
    struct calls *calls;
    const struct options *options;
    uint32_t sockets, sockets_max;
    uint32_t port;
    bool stop;
};

/* A text for the page; takes the object. optional: left out when much waits already. */
void socket_send(struct socket *socket, json_t *object, bool optional);
/* It has no call any more. */
void socket_call_ended(struct socket *socket);

/* 0; or the exit code, and a sentence on stderr. */
int signalling_open(struct signalling *signalling, const struct options *options,
                    struct calls *calls, int stop);
/* Until there is something to read from stop (common/stop.h). */
void signalling_run(struct signalling *signalling);
void signalling_close(struct signalling *signalling);

#endif
