/* shell.h - what the files of the shell share: the public object, its thread and its connection.
 * shell.c the thread and what it carries out, socket.c the connection, lookup.c names, api.c the entry
 * points.
 * One lock guards the core; it is held for as long as the core thinks, never during a call of the
 * engine's, of libwebsockets (but its wake-up, at the end) or of the file system.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CLIENT_SHELL_H
#define XC_CLIENT_SHELL_H

#include <pthread.h>
#include <sys/types.h>

#include <libwebsockets.h>

#include "client/core.h"

#define XC_URL_SIZE 512

struct xc_client_url {
    char host[256], path[256];
    uint16_t port;
    bool tls, literal; /* literal: the host is an address */
};

struct xc_client_list {
    struct xc_client_output *first, **last;
    uint32_t count;
};

#define XC_ADDRESSES_MAX 8 /* of the service that are tried */
#define XC_ADDRESS_SIZE 64
#define XC_CLIENT_LOOKUPS_MAX 16 /* that wait; of more relays the names are not known */

struct xc_client_addresses {
    char text[XC_ADDRESSES_MAX][XC_ADDRESS_SIZE];
    uint32_t count;
};

/* A name that is looked up: that of the service (servers NULL), or those of relays. */
struct xc_client_lookup {
    struct xc_client_lookup *next;
    struct xc_client_output *servers; /* comes back with addresses in its URLs */
    char host[256];
    struct xc_client_addresses found;
};

struct xc_client_attempt {
    uintptr_t number; /* of this connection's and of no other's; 0: none */
    struct lws *wsi;
};

struct xcall_client {
    pid_t pid;
    xcall_engine *engine;
    xcall_call_config call;
    struct xc_client_url url;
    char *url_text, *ca_file, *state_file;

    pthread_mutex_t lock; /* core, stop, closed */
    struct xc_client_core *core;
    bool stop, closed;

    pthread_t thread;
    pthread_cond_t started;
    int start; /* 0: not yet, 1: good, -1: failed */

    /* The thread's own. */
    struct lws_context *context;
    struct ssl_ctx_st *tls; /* NULL: plain, on this machine */
    struct lws *wsi;        /* the one that was first */
    struct xc_client_lookups *lookups;
    bool connecting; /* a name is looked up, or attempts are under way */
    struct xc_client_addresses addresses;
    struct xc_client_attempt attempts[XC_ADDRESSES_MAX];
    uint32_t tried;
    uintptr_t attempt_count, starting;
    lws_sorted_usec_list_t attempt_timer;
    bool established, reading;
    uint32_t close_code;
    struct xc_client_list frames, posts;
    lws_sorted_usec_list_t timer;
    char *received;
    size_t received_size, received_capacity;
};

uint64_t xc_client_now(void);
/* Never blocks; any thread. */
bool xc_client_figures_of(xcall_engine *engine, xcall_id media, struct xc_client_figures *figures);
const char *xc_client_url_read(const char *text, struct xc_client_url *url);
/* "turn:192.0.2.1:3478" as the engine takes it: 1; with a name in place of the address: 0. */
uint32_t xc_client_url_resolve(const char *url, char (*out)[XC_URL_SIZE], uint32_t most);
/* The name in it; false: there is none to look up. */
bool xc_client_url_name(const char *url, char host[256]);
/* The same URL with an address in place of the name. */
void xc_client_url_put(const char *url, const char *address, char out[XC_URL_SIZE]);

/* lookup.c. Names are looked up one at a time by a helper thread, which outlives the client when it must. */
struct xc_client_lookups *xc_client_lookups_create(struct lws_context *context);
/* Never waits. Before the context goes. */
void xc_client_lookups_destroy(struct xc_client_lookups *lookups);
/* Of the service; one at a time is enough. */
void xc_client_lookup_host(struct xc_client_lookups *lookups, const char *host);
/* False: there is no name in it, or too many wait; else it is taken over and comes back. */
bool xc_client_lookup_servers(struct xc_client_lookups *lookups, struct xc_client_output *output);
/* One that is done, now the caller's; NULL: none. */
struct xc_client_lookup *xc_client_lookup_take(struct xc_client_lookups *lookups);
void xc_client_lookup_free(struct xc_client_lookup *lookup);

struct addrinfo;
/* getaddrinfo, but in tests. */
extern int (*xc_client_getaddrinfo)(const char *host, const char *service,
                                    const struct addrinfo *hints, struct addrinfo **found);

void xc_client_list_put(struct xc_client_list *list, struct xc_client_output *output);
struct xc_client_output *xc_client_list_take(struct xc_client_list *list);

/* socket.c: the thread's. */
bool xc_client_socket_create(struct xcall_client *client);
void xc_client_socket_destroy(struct xcall_client *client);
void xc_client_socket_connect(struct xcall_client *client);
void xc_client_socket_found(struct xcall_client *client, const struct xc_client_addresses *found);
void xc_client_socket_disconnect(struct xcall_client *client);
void xc_client_socket_write(struct xcall_client *client);
void xc_client_socket_read(struct xcall_client *client, bool on);
/* Carries out all that the core wants; then sets the timer. */
void xc_client_run_outputs(struct xcall_client *client);
void *xc_client_thread(void *context);

#endif
