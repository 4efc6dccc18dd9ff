/* session.h - what accounts.c, people.c and calls.c see of connections and devices (sessions.c), and
 * the row of handlers that service.c dispatches to. Service thread.
 *
 * bus: events go to devices by (user, dev) through struct bus, wherever they are connected; with one
 * process that is sessions.c itself.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_SESSION_H
#define XCALLD_SESSION_H

#include "gatekeeper.h"
#include "limits.h"
#include "service.h"

struct session { /* a device that is signed in on a connection */
    uint64_t connection;
    int64_t user;
    int32_t dev;
    char name[NAME_MAX_BYTES + 1];
    uint8_t address[16]; /* IPv6, or IPv4 mapped; of the client, behind trusted proxies too */
    char client_version[32];
    bool paid;
};

/* The narrow interface by which decisions reach devices (a message bus between nodes, later). */
struct bus {
    void *context;
    /* An event to a device (dev 0: all of the user but `except`, 0: none). The frame has t, call, rev, b; sq
     * is added. It is borrowed. Returns how many devices are connected or can still resume. */
    unsigned (*deliver)(void *context, int64_t user, int32_t dev, int32_t except, json_t *frame,
                        unsigned flags);
    bool (*online)(void *context, int64_t user, int32_t dev);               /* dev 0: any */
    void (*disconnect)(void *context, int64_t user, int32_t dev, int code); /* dev 0: all */
};

struct calls; /* calls.c */

struct service {
    struct service_config config;
    /* What is sent, closed, pushed or hashed through here is collected until the batch is committed. */
    struct service_world world;
    struct store *store;
    struct bus bus;
    struct limits *limits;
    struct gatekeeper *gatekeeper;
    struct sessions *sessions;
    struct calls *calls;
    struct core *core; /* service.c's own (core.h) */
    int64_t now;       /* of the batch */
    bool draining;
};

/* A request being handled. A handler answers by exactly one of these, at once or later (hold). */
struct request {
    struct service *service;
    struct session *session; /* of its device; NULL for account.create and sign_in */
    uint64_t connection;
    const char *type, *id; /* id NULL: no answer is wanted */
    bool has_call;
    uint8_t call[CALL_ID_SIZE];
    json_t *body; /* an object, perhaps empty; borrowed */
    /* requests.c's own */
    int64_t user, delay_until;
    int32_t dev;
    bool held, answered, repeatable;
};
void request_ok(struct request *request, json_t *body); /* steals body; NULL: {} */
/* Steals more. Of "internal": the step is undone, as a store that failed leaves half of it. */
void request_error(struct request *request, const char *code, json_t *more);
void request_try_later(struct request *request, int64_t retry_ms);
void request_wrong(struct request *request, const char *sentence); /* bad_request */
/* The answer that the handler gives goes out at `at` (milliseconds) and not before. */
void request_delay(struct request *request, int64_t at);
/* A floor and a jitter, at random, from now on: for request_delay. */
int64_t request_floor(struct service *service, int64_t floor_ms, int64_t jitter_ms);
/* To answer after the handler has returned (password hashing): a copy to be freed by answering it. NULL: too
 * many wait (answered try_later). Gone connections are no harm. */
struct request *request_hold(struct request *request);

/* Members of a body, with bad_request answered where one does not fit: then false (or NULL). min, max:
 * bytes. A member that may be left out may be null too. */
const char *body_text(struct request *request, const char *member, size_t min, size_t max);
const char *body_text_or(struct request *request, const char *member, size_t max,
                         const char *otherwise);
bool body_bool(struct request *request, const char *member, bool *value);
/* otherwise below min: the member must be there. */
bool body_int(struct request *request, const char *member, int64_t min, int64_t max,
              int64_t otherwise, int64_t *value);

typedef void handler(struct request *request);
struct handler_row {
    const char *type;
    handler *handle;
    bool before_hello; /* allowed without a session */
    bool needs_call;   /* `call` must be there */
    bool reads; /* changes nothing: a repeat is carried out again, its answer is not stored */
};
extern const struct handler_row account_handlers[], people_handlers[],
    call_handlers[]; /* type NULL ends */

struct session *session_of(struct service *service, int64_t user,
                           int32_t dev); /* NULL: not connected */
/* Is the session's program below the policy's client_min_version? */
bool session_outdated(struct service *service, const struct session *session);
void call_id_text(const uint8_t call[CALL_ID_SIZE], char text[37]);
bool call_id_parse(const char *text, uint8_t call[CALL_ID_SIZE]); /* lower-case UUID form only */

/* What sessions, accounts and people tell calls.c (calls.h has the rest). */
/* resumed: with what it knew before, not as a program that has just begun. */
void calls_device_online(struct service *service, struct session *session, bool resumed,
                         const uint8_t *wake_call);
/* Its socket is gone; goodbye: as it said. */
void calls_device_offline(struct service *service, int64_t user, int32_t dev, bool goodbye);
void calls_device_gone(struct service *service, int64_t user,
                       int32_t dev); /* revoked; 0: account gone */
void calls_blocked(struct service *service, int64_t blocker, int64_t blocked);
void calls_settings_changed(struct service *service, int64_t user);
json_t *calls_snapshot(struct service *service, struct session *session); /* array for sync */
struct calls *calls_create(struct service *service);                      /* loads live calls */
void calls_destroy(struct calls *calls);
/* An input begins; what it led to among the calls is taken back (calls_undo.c), false: it cannot be. */
void calls_step(struct service *service);
bool calls_step_undo(struct service *service);
/* Of this user's devices some are not here any more, after a step that was undone: nothing is written. */
void calls_look(struct service *service, int64_t user);
void calls_tick(struct service *service);
int64_t calls_deadline(const struct service *service);
/* Appends lines (text_append of text.h). */
void calls_metrics(const struct service *service, char **text, size_t *size);

#endif
