/* world.h - the world around xcalld's core, in virtual time: it records what goes out, hashes passwords when told,
 * and speaks for clients. Shared by tests/service and the fuzz target.
 * SPDX-License-Identifier: MIT */
#ifndef TEST_SERVICE_WORLD_H
#define TEST_SERVICE_WORLD_H

#include "core.h"

#define WORLD_SENT 8192
#define WORLD_HASHES 2048
#define WORLD_CLOSES 32768

struct sent {
    uint64_t connection;
    unsigned flags;
    char *text;
    json_t *frame;
};
struct closing {
    uint64_t connection;
    int code;
};
struct hashing {
    uint64_t job;
    char password[160], hash[PASSWORD_HASH_MAX + 1];
    bool make;
};
struct world {
    struct service *service;
    struct store *store;
    struct service_config config;
    char path[128];
    int64_t now;
    uint64_t next, random, request;
    struct sent sent[WORLD_SENT];
    size_t sent_count;
    struct closing closes[WORLD_CLOSES];
    size_t closes_count;
    struct hashing hashes[WORLD_HASHES];
    size_t hashes_count, pushes, logs;
    uint64_t digest; /* of all that was sent and closed */
};
struct somebody {
    char name[32], token[64], key[64], epoch[32];
    uint64_t connection;
    int dev;
    int64_t sq;
};

void world_start(struct world *world, const char *path); /* NULL: in memory */
void world_stop(struct world *world);
/* As world_start with NULL left it, on the same store: its rows are gone, its secrets are the same. */
void world_reset(struct world *world);
void world_restart(struct world *world); /* the service, on the same store; connections are gone */
void world_pass(struct world *world, int64_t ms); /* time, in steps to the service's deadlines */
uint64_t world_open(struct world *world, unsigned address); /* of 10.x.y.z */
void world_close(struct world *world, uint64_t connection);
/* A frame; ' stands for ". */
void world_say(struct world *world, uint64_t connection, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_raw(struct world *world, uint64_t connection, const char *text, size_t size);
void world_work(struct world *world);   /* passwords: "hashed " and the password fits it */
void world_forget(struct world *world); /* what was sent and closed */
/* The n-th frame, from 0, of this type to a connection since world_forget; NULL: none. */
json_t *world_heard(struct world *world, uint64_t connection, const char *type, size_t n);
const char *world_heard_text(struct world *world, uint64_t connection, const char *type, size_t n);
int world_closed(struct world *world, uint64_t connection); /* its close code; 0: open */
/* A request with a new id and its answer's body (borrowed), whose code ("ok" or err's) it also tells. */
json_t *world_ask(struct world *world, uint64_t connection, const char **code, const char *type,
                  const char *body, ...) __attribute__((format(printf, 5, 6)));
const char *world_code(struct world *world, uint64_t connection, const char *type, const char *body,
                       ...) __attribute__((format(printf, 4, 5)));
/* An account with a device that is signed in; another device of it. */
void world_join(struct world *world, struct somebody *somebody, const char *name, unsigned address);
void world_join_again(struct world *world, struct somebody *device, const struct somebody *of);
/* hello on a new connection; more: further members, as ",'resume':..." */
void world_hello(struct world *world, struct somebody *somebody, const char *more);
json_int_t world_int(json_t *body, const char *member); /* -1: none */
const char *world_text(json_t *body, const char *member);

/* fake_calls.c: what the calls were told. */
struct told {
    unsigned online, offline, gone, blocked, settings, ticks, created, looked;
    int64_t last_user, last_other;
    int32_t last_dev;
    bool wake, deliver_online; /* deliver_online: an event in calls_device_online */
    bool online_fails;         /* calls_device_online fails its step */
    unsigned snapshot_calls;   /* how many calls with a large body a snapshot names */
    unsigned pushes;           /* in the handler of call.invite */
};
extern struct told told;

#endif
