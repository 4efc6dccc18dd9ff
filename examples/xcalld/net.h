/* net.h - the net thread: one libwebsockets context on its libuv loop, with all sockets, signals and the
 * drain. The default poll loop of libwebsockets 4.1 is not usable with thousands of sockets.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_NET_H
#define XCALLD_NET_H

#include "exchange.h"
#include "hash.h"
#include "options.h"
#include "push.h"
#include "shell.h"

struct net;
struct net_parts { /* all outlive the net */
    const struct options *options;
    struct exchange *exchange;
    struct hasher *hasher;
    struct pusher *pusher;
    struct shell *shell;
};

struct net *net_create(void); /* the loop; NULL: no memory */
void net_wake(void *net);     /* any thread */
/* Listens. 0; else the exit code, after a line on stderr. */
int net_open(struct net *net, const struct options *options);
/* Until a signal and the drain after it; 0, or 1 where the service thread failed or is stuck. */
int net_run(struct net *net, const struct net_parts *parts);
void net_destroy(struct net *net);

#endif
