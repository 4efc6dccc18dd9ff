/* service.h - the service's core: frames, time and the store's changes in; frames out. It has no socket,
 * no clock and no thread, so that a test runs it in virtual time; one thread owns it.
 *
 *   net thread (net.c)  --frames, opened, closed-->  service thread (service.c and below)
 *                       <--frames, closes, pushes--          |-- store (SQLite), one transaction a batch
 *   worker (hash.c)     <--passwords, hashes-------          '-- gatekeeper -> xcall_gate_decide
 *
 *   service.c   a batch: begin, inputs, timers, commit, then everything out
 *   sessions.c  connections and devices: hello, resume, numbering, stored replies, delayed replies
 *   accounts.c  account.*, device.*, push.reg       people.c  messages, edges, settings, history, reports
 *   calls.c     call.*, sig, turn.get, timers        ring.c    the call object: state x event, pure
 *   bodies.c    what a body or candidate may say      limits.c  token buckets
 *   gatekeeper.c  facts -> decision -> audit           policy.c, rollout.c   keys, defaults, buckets
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_SERVICE_H
#define XCALLD_SERVICE_H

#include <jansson.h>

#include "store.h"

struct service;

enum { /* flags of a frame that goes out, for the queue of a socket that is slow */
       OUT_DROPPABLE = 1, /* a candidate: the oldest of them go first */
       OUT_STATE = 2,     /* a call's state: a newer one of the same call takes its place */
};

struct push_order {
    char kind[PUSH_KIND_MAX + 1], token[PUSH_TOKEN_MAX + 1];
    uint8_t call[CALL_ID_SIZE];
    int64_t ring_left_ms;
};

/* What the core asks of the world; called on the service thread, after the commit of the batch that
 * led to it. Nothing here waits. */
struct service_world {
    void *context;
    void (*send)(void *context, uint64_t connection, const char *text, size_t size, unsigned flags,
                 const uint8_t call[CALL_ID_SIZE]); /* call: of OUT_STATE */
    void (*close)(void *context, uint64_t connection, int code);
    /* Answered by service_hashed, at any later time. hash NULL: make one; else compare. */
    void (*hash)(void *context, uint64_t job, const char *password, const char *hash);
    void (*push)(void *context, const struct push_order *order);
    void (*random)(void *context, void *memory, size_t size); /* cryptographic */
    /* One line of the log: event name and an object of plain facts (no address, token, key, text of
     * a message); borrowed. level: 'e', 'w', 'i', 'd'. */
    void (*log)(void *context, char level, const char *event, json_t *facts);
};

struct service_config {
    const char *turn_urls[4]; /* relays; none: there is no relay */
    const char *turn_secret;  /* coturn's static-auth-secret */
    uint32_t connections_max; /* signed in or not */
};

/* Loads live calls and buckets. NULL: out of memory, or the store failed (logged). */
struct service *service_create(const struct service_config *config, struct store *store,
                               const struct service_world *world, int64_t now);
void service_destroy(struct service *service);

/* Any number of inputs between begin and end; end commits and lets everything out (none of the world's
 * functions may call back into the service from there). Every connection that was opened is
 * closed once by service_closed, after a close of the service's too. */
void service_begin(struct service *service, int64_t now);
void service_opened(struct service *service, uint64_t connection, const uint8_t address[16]);
void service_frame(struct service *service, uint64_t connection, const char *text, size_t size);
/* goodbye: the device closed it and said so. */
void service_closed(struct service *service, uint64_t connection, bool goodbye);
#define HASH_NOT_DONE "-" /* too many passwords wait: who asked is told to come later */
/* result: the hash that was made, or "" for a password that fits; NULL: it does not, or failed;
 * HASH_NOT_DONE. */
void service_hashed(struct service *service, uint64_t job, const char *result);
void service_end(struct service *service);
int64_t service_deadline(const struct service *service); /* ms; INT64_MAX: none */
/* goaway to everyone; new invites are refused with try_later from now on. */
void service_drain(struct service *service, int64_t reconnect_in_ms);
bool service_ready(const struct service *service); /* store works, not draining */

/* Counters, for /metrics: in the text format of Prometheus; the caller frees. No names, no addresses. */
char *service_metrics(const struct service *service);

#endif
