/* calls.h - the native ends: one call for each WebSocket that says so, driven by its lines.
 *
 * All functions are for the event thread, which is libwebsockets' own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BROWSER_CALLS_H
#define BROWSER_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <xcall/xcall.h>

#include "latency.h"
#include "options.h"
#include "studio.h"

#define BAD_LINES_MAX 20 /* a socket that sends more is closed */

struct socket;

struct call {
    xcall_id id;           /* 0: a free place */
    struct socket *socket; /* NULL: it went away; the call is ending */
    bool connected, hanging_up;
    const char *reason; /* why this side hung up, when it is not that the page said so */
    uint64_t created_ns;
    struct latency latency;
};

struct calls {
    xcall_engine *engine;
    struct studio studio;
    uint32_t calls_max, active;
    struct call places[STUDIO_CALLS_MAX];
};

/* 0; or the exit code, and a sentence on stderr. */
int calls_open(struct calls *calls, const struct options *options);
/* A line of this socket's; *call is its call, or NULL. -1: the socket is to be closed. */
int calls_take_line(struct calls *calls, struct socket *socket, struct call **call,
                    const char *line, size_t length);
/* The socket is gone. */
void calls_let_go(struct calls *calls, struct call *call);
/* On the engine's descriptor. */
void calls_take_events(struct calls *calls);
/* Statistics to every socket in a call; ends calls that do not come about. */
void calls_every_second(struct calls *calls);
/* The program ends. */
void calls_hang_up_all(struct calls *calls);
void calls_close(struct calls *calls);

#endif
