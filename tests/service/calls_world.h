/* calls_world.h - the call service's whole core in virtual time: accounts and devices in a store in memory, a world
 * that records what goes out, clients that ask and look at what they heard. For tests.
 * SPDX-License-Identifier: MIT */
#ifndef CALLS_WORLD_H
#define CALLS_WORLD_H

#include <jansson.h>

#include "service.h"

#define CLIENTS_MAX 64
#define HEARD_MAX 4096

struct client {
    int64_t user;
    int32_t dev;
    char name[NAME_MAX_BYTES + 1], token[64], key[64];
    uint64_t connection; /* 0: not connected */
    char epoch[32];
    json_int_t last_sq;
    json_t *heard[HEARD_MAX]; /* since the last client_forget */
    char *raw[HEARD_MAX];
    size_t heard_count;
    int closed; /* the last close code */
};
struct world {
    struct store *store;
    struct service *service;
    struct service_config config;
    int64_t now;
    uint64_t random, connections, requests, pushes;
    struct push_order last_push;
    struct client clients[CLIENTS_MAX];
    size_t client_count;
    bool batch;
};

void world_start(struct world *world, const char *turn_url);
void world_stop(struct world *world);
void world_restart(struct world *world); /* as after kill -9: every connection is gone */
void world_advance(struct world *world, int64_t ms);
uint32_t world_chance(struct world *world, uint32_t below);
int64_t world_account(struct world *world, const char *name);
/* The two follow each other, and a has written to b: a may call b, not relayed. */
void world_friends(struct world *world, int64_t a, int64_t b);
void world_policy(struct world *world, const char *key, const char *value);
struct client *world_client(struct world *world,
                            const char *name); /* a new device, not connected */

void client_connect(struct world *world, struct client *client, const char *wake_call);
void client_resume(struct world *world, struct client *client);
/* Its connection goes without a word; by a close frame that says goodbye. */
void client_drop(struct world *world, struct client *client);
void client_leave(struct world *world, struct client *client);
void client_forget(struct client *client);
/* Sends and waits (up to 300 ms) for the answer: ok or err, borrowed until client_forget. Steals body. */
json_t *client_ask(struct world *world, struct client *client, const char *type, const char *call,
                   json_t *body);
/* Sends only; returns the id. */
uint64_t client_send(struct world *world, struct client *client, const char *type, const char *call,
                     json_t *body);
json_t *client_answer(struct client *client, uint64_t id); /* NULL: not yet */
const char *client_raw_answer(struct client *client, uint64_t id);
/* The newest event of the type and call; NULL: none since client_forget. */
json_t *client_event(struct client *client, const char *type, const char *call);
size_t client_count(struct client *client, const char *type, const char *call);

/* "ok", or the code of an err. */
const char *answer_code(json_t *answer);
json_t *answer_body(json_t *answer);
/* "ringing", "ringing reached", "ended busy": of the newest call.state; "" where there was none. */
const char *state_of(struct client *client, const char *call);
json_t *make_body(const struct client *client, const char *type, const char *more_lines);
json_t *make_invite(const struct client *client, const char *to, const char *media);
void make_id(char id[37], unsigned number);

#endif
