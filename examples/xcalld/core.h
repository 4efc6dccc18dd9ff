/* core.h - what service.c, outbox.c, requests.c, replies.c, sessions.c, hello.c, changes.c, metrics.c and
 * accounts.c share and nobody else sees. Service thread.
 *
 * A batch: what its inputs lead to is collected in the outbox and let out after the commit. Each input (a
 * timer too) is a step: where it fails what it did is taken back and nothing of it goes out, in the store
 * as here: its request is answered `internal`, events are taken back out of the devices' numbering,
 * connections that would have changed their place are closed (they connect again). Where the store cannot
 * be written the same is done with the whole batch, answered `try_later`; then the service is broken
 * until it can be written again: meanwhile it answers what only reads the store.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_CORE_H
#define XCALLD_CORE_H

#include "session.h"
#include "table.h"

#define FRAME_MAX 16384
#define NESTING_MAX 16
#define REQUEST_ID_MAX 32
#define FIRST_FRAME_MS 5000
#define SIGN_IN_MS 60000    /* from the first frame to the hello that is answered with welcome */
#define EARLY_FRAMES_MAX 16 /* of a connection without a device */
#define RESUME_MS 600000    /* a device that is gone keeps its events and, REPLY_MS long, answers */
#define EVENTS_MAX 64       /* kept a device */
#define EVENT_BYTES_MAX 262144
#define EVENT_BYTES_ALL (128u << 20) /* of all devices: the one that waits longest loses its own */
#define REPLIES_MAX 128              /* kept a device */
#define REPLY_BYTES_MAX 65536
#define REPLY_BYTES_ALL (64u << 20)
#define REPLY_MS 600000
#define HELD_MAX 512      /* requests that wait for a password's hash */
#define HELD_MS 60000     /* a worker that never answers */
#define DELAYED_MAX 65536 /* answers that wait for their time */
#define POLL_MS 50        /* a look at what another process changed */
#define SAVE_MS 10000     /* buckets */
#define RETENTION_MS 60000
#define RETENTION_MORE_MS 500
#define ERASE_MS 50     /* between two steps of what deleted accounts have left */
#define RECOVER_MS 1000 /* after a failed commit that could not be made good at once */

enum {
    CLOSE_MALFORMED = 4000,
    CLOSE_SIGN_IN = 4001,
    CLOSE_DISPLACED = 4002,
    CLOSE_GONE = 4003,
    CLOSE_TOO_MANY = 4009,
    CLOSE_RESTART = 1012
};

/* --- outbox.c ------------------------------------------------------------------------------------- */

enum { OUT_SEND, OUT_CLOSE, OUT_PUSH, OUT_HASH };
struct out_item {
    int kind, code; /* OUT_*; a close's code */
    uint64_t to;    /* connection or job */
    unsigned flags;
    uint8_t call[CALL_ID_SIZE];
    size_t at, size; /* in bytes: text, order, or password */
    size_t hash;     /* of OUT_HASH: where the hash begins; 0: none */
};
struct outbox {
    struct out_item *items;
    size_t count, capacity;
    char *bytes;
    size_t size, room;
    bool lost;   /* out of memory: the step fails */
    bool secret; /* bytes has a password */
};
void outbox_send(struct service *service, uint64_t connection, const char *text, size_t size,
                 unsigned flags, const uint8_t *call);
void outbox_close(struct service *service, uint64_t connection, int code);
struct service_world outbox_world(struct service *service); /* collects in place of the real one */
void outbox_flush(struct service *service);                 /* to the real one */
/* Of what was put in since then nothing stays but closes, and those with CLOSE_RESTART. */
void outbox_drop(struct service *service, size_t items, size_t bytes);
/* What was put in since `second` goes before what is there since `first`. */
void outbox_before(struct service *service, size_t first, size_t second);
void outbox_free(struct outbox *outbox);

/* --- replies.c: a device's stored answers; answers that wait for their time ---------------------------- */

struct reply {
    struct reply *next;
    int64_t at_ms;
    uint64_t connection; /* where the answer goes */
    char id[REQUEST_ID_MAX + 1];
    bool pending, repeatable;
    uint32_t size;
    char *text; /* NULL: pending, and not known yet */
};
struct presence;
struct replies {                   /* of one device, made with its first request */
    struct replies *older, *newer; /* among all: by last use */
    struct presence *device;
    struct reply *first, *last; /* oldest first */
    unsigned count, pending;
    size_t bytes;
    int64_t used_ms;
};
struct delayed {
    int64_t at_ms, user;
    uint64_t number;
    int32_t dev;
    char id[REQUEST_ID_MAX + 1];
};
struct reply_store {
    struct replies *oldest, *newest;
    size_t bytes;
    struct delayed *heap;
    size_t heap_count, heap_capacity;
    uint64_t number;
};
/* What became of a request: new and to be carried out; answered or waited for already; no place. */
enum { REPLY_NEW, REPLY_KNOWN, REPLY_FULL };
int reply_begin(struct service *service, struct presence *device, uint64_t connection,
                const char *id, bool repeatable);
/* text is copied. false: this device stores no such request; the caller sends it itself. */
bool reply_answer(struct service *service, struct presence *device, const char *id,
                  const char *text, size_t size, int64_t at_ms);
void reply_forget(struct service *service, struct presence *device,
                  const char *id); /* as if never asked */
void replies_free(struct service *service, struct presence *device);
void replies_tick(struct service *service); /* delayed answers that are due, old stores */
int64_t replies_deadline(const struct service *service);
void reply_store_free(struct reply_store *store);

/* --- requests.c ------------------------------------------------------------------------------------- */

/* A request kept beyond its handler. */
struct held {
    struct request request; /* first: a held request is this */
    struct table_node node; /* by job */
    uint64_t job;           /* 0: no hash is asked for */
    uint64_t batch, step;   /* that it began in */
    int64_t since_ms;
    void (*done)(struct request *request, const char *result);
    char name[NAME_MAX_BYTES + 1]; /* accounts.c: whose password */
    int64_t account;               /* accounts.c: 0: no such account */
};
/* A request of this batch, should the commit fail. */
struct asked {
    uint64_t connection;
    int64_t user;
    int32_t dev;
    char id[REQUEST_ID_MAX + 1];
};
void request_asked(struct request *request); /* notes it */
/* The requests asked since then, 0: of the batch, are answered so; how they are asked again is new. */
void requests_failed(struct service *service, size_t asked, const char *code);
void request_free(struct request *held);
/* A held request's password, to service_world.hash; done answers the request. */
void request_hash(struct request *held, const char *password, const char *hash,
                  void (*done)(struct request *request, const char *result));
void request_hashed(struct service *service, uint64_t job, const char *result);
void requests_tick(struct service *service); /* held for too long: try_later */
void requests_free(struct service *service);
/* {"t":type,"re":id,"b":body} as text; the caller frees. Steals body. NULL: out of memory. */
char *answer_text(const char *type, const char *re, json_t *body, size_t *size);

/* --- sessions.c: connections and devices; hello.c: signing in ------------------------------------------- */

struct link { /* of a list; the list itself is one that links to itself */
    struct link *next, *prev;
};
enum { STAGE_SILENT, STAGE_GREETED, STAGE_DEVICE, STAGE_CLOSING };
struct connection {
    struct table_node node; /* by id */
    struct link link;       /* silent or greeted */
    uint64_t id;
    int64_t since_ms;
    struct presence *device;
    struct address_count *address_count;
    char *early; /* the last answer before the hello, for a repeat of its request */
    char early_id[REQUEST_ID_MAX + 1];
    uint8_t address[16];
    uint8_t stage, frames;
    bool early_pending;
};
struct event {
    struct event *next;
    uint64_t sq;
    uint32_t size;
    unsigned flags;
    uint8_t call[CALL_ID_SIZE];
    char text[];
};
struct presence {
    struct table_node node; /* by user */
    struct session session; /* connection 0: not connected */
    struct link retained;   /* while it is not connected */
    struct link waiting;    /* among devices with events, longest first */
    int64_t offline_ms;
    uint64_t epoch, sq;
    struct event *first, *last;
    uint32_t events;
    size_t event_bytes;
    struct replies *replies;
    struct presence *touched; /* of the batch: next with new events */
    uint64_t touched_batch, touched_sq, attached_batch;
    struct presence *stepped; /* the same of the step */
    uint64_t stepped_step, stepped_sq, attached_step;
};
struct address_count {
    struct table_node node;
    int64_t network;
    unsigned count;
};
struct sessions {
    struct table connections, devices, addresses;
    struct link silent, greeted, retained, waiting; /* oldest first */
    struct presence *touched, *stepped;
    size_t unauthenticated, connected, retained_count, event_bytes;
};
struct sessions *sessions_create(struct service *service);
void sessions_destroy(struct service *service);
void sessions_tick(struct service *service);
int64_t sessions_deadline(const struct service *service);
struct connection *connection_find(struct service *service, uint64_t id);
void connection_greeted(struct service *service, struct connection *connection);
void connection_close(struct service *service, struct connection *connection, int code);
void connection_closed(struct service *service, struct connection *connection,
                       bool goodbye); /* by the world */
struct presence *device_find(struct service *service, int64_t user, int32_t dev);
void device_forget(struct service *service, struct presence *device);
void events_drop(struct service *service, struct presence *device, uint64_t up_to);
void sessions_commit(struct service *service);
void sessions_rollback(struct service *service);
void sessions_step_undo(struct service *service);
struct bus sessions_bus(struct service *service);
void connection_opened(struct service *service, uint64_t id, const uint8_t address[16]);
void connection_authenticated(struct service *service,
                              struct connection *connection); /* leaves its list */
void device_online(struct service *service, struct presence *device, struct connection *connection);
struct presence *device_add(struct service *service, int64_t user, int32_t dev);
/* A device (0: all of the account) is none any more: its calls end, its connection, what was kept. */
void device_end(struct service *service, int64_t user, int32_t dev, int code);
/* hello.c */
extern const struct handler_row session_handlers[];

void link_init(struct link *list);
void link_add(struct link *list, struct link *link); /* at the end */
void link_remove(struct link *link);                 /* in no list: nothing */
#define LINK_ENTRY(pointer, type, member) TABLE_ENTRY(pointer, type, member)

/* --- service.c, changes.c, metrics.c ------------------------------------------------------------------- */

#define TYPES_MAX 96
#define CODES_MAX 48
struct counters {
    uint64_t frames, frame_bytes, malformed, ignored, sent, sent_bytes, events, batches,
        failed_batches, failed_steps;
    uint64_t opened, refused, closed, displaced, welcomed, resumed, resume_gaps, hello_failed,
        repeats;
    uint64_t signed_up, signed_in, sign_in_failed, messages, messages_withheld, reports, restricted;
    uint64_t store_failures, pushes, changes, limited, reloads;
};
struct type_row {
    const struct handler_row *row;
    uint64_t count;
};
struct code_count {
    char code[40];
    uint64_t count;
};
struct core {
    struct service_world world; /* the real one */
    struct outbox outbox;
    struct reply_store replies;
    struct table held;
    uint64_t job;
    struct asked *asked;
    int64_t held_looked_ms;
    size_t asked_count, asked_capacity;
    struct type_row types[TYPES_MAX];
    size_t types_count;
    struct code_count codes[CODES_MAX];
    struct counters counters;
    int64_t polled_ms, saved_ms, recover_ms, retention_ms, erase_ms, change, change_before;
    uint64_t batch, step;  /* their numbers */
    bool in_batch, failed; /* failed: this step is undone */
    bool lost;             /* the batch will not be committed */
    bool broken;           /* the store cannot be written, or calls could not be loaded again yet */
    bool poll_again;       /* what another process wrote was not followed yet */
    unsigned undone;       /* steps of the batch */
    struct marks {
        size_t asked, items, bytes, store, limits;
        int64_t change;
    } marks; /* where the step began */
};
/* A step: an input or a timer. end: false where it was undone. */
void step_begin(struct service *service);
bool step_end(struct service *service);
/* May the step write? Else it is undone, or the store cannot be written. */
static inline bool step_writes(const struct service *service)
{
    return !service->core->failed && !service->core->broken;
}
/* The step is undone at its end: the store failed, or memory did. what: for the log. */
void service_fail(struct service *service, const char *what);
/* false where result is STORE_FAILED, and then the step has failed. */
bool store_worked(struct service *service, int result, const char *what);
void service_log(struct service *service, char level, const char *event,
                 json_t *facts);              /* steals facts */
void erase_soon(struct service *service);     /* an account was deleted */
void service_reload(struct service *service); /* policy, roll-out, limits' sizes */
const struct policy *service_policy(const struct service *service);
/* Policy relay_strangers says auto, and there is no relay. */
bool strangers_unrelayed(const struct service *service);
void changes_poll(struct service *service);
void metrics_code(struct service *service, const char *code);

/* accounts.c, for changes.c and people.c */
void account_gone(struct service *service,
                  int64_t user); /* suspended or deleted: its calls and connections */

#endif
