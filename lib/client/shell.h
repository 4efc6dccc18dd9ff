/* shell.h - what the files of the shell share: the public object, its thread and its connection.
 * shell.c the thread and what it carries out, socket.c the connection, api.c the entry points.
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
    struct lws *wsi;
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
/* "turn:relay.example.org:3478" as URLs with addresses, which the engine takes: at most most. */
uint32_t xc_client_url_resolve(const char *url, char (*out)[XC_URL_SIZE], uint32_t most);

void xc_client_list_put(struct xc_client_list *list, struct xc_client_output *output);
struct xc_client_output *xc_client_list_take(struct xc_client_list *list);

/* socket.c: the thread's. */
bool xc_client_socket_create(struct xcall_client *client);
void xc_client_socket_destroy(struct xcall_client *client);
void xc_client_socket_connect(struct xcall_client *client);
void xc_client_socket_disconnect(struct xcall_client *client);
void xc_client_socket_write(struct xcall_client *client);
void xc_client_socket_read(struct xcall_client *client, bool on);
/* Carries out all that the core wants; then sets the timer. */
void xc_client_run_outputs(struct xcall_client *client);
void *xc_client_thread(void *context);

#endif
