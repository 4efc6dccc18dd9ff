/* engine.h - the shell around the sessions: shards, codec workers, event queue, call slots.
 *
 *   host threads --commands--> shard threads --tokens--> event queue --> host's consumer
 *   host threads --notify----> shard (audio written)        workers <--jobs-- host, shard
 *
 * A call belongs to one shard for life. Other threads reach it through its slot, which they pin; the
 * consumer of events frees it once the shard has let go and nobody pins it.
 * SPDX-License-Identifier: MIT */
#ifndef XC_ENGINE_ENGINE_H
#define XC_ENGINE_ENGINE_H

#include <stdatomic.h>
#include <xcall/xcall.h>

#include "base/cell.h"
#include "base/mpsc.h"
#include "call/session.h"
#include "engine/data.h"
#include "io/fork_guard.h"
#include "io/poller.h"
#include "io/thread.h"
#include "io/udp.h"
#include "io/wake.h"

#define XC_CALL_SOCKETS_MAX 16     /* addresses of this machine that one call uses */
#define XC_CALL_SIGNALS_SIZE 32768 /* bytes of signals that may wait for the host */
#define XC_CALL_SIGNALS_QUEUED 64  /* of the peer, between host and shard; more: LIMIT */
#define XC_SHARD_SIGNALS_QUEUED(slots) (4 * (slots) + 256) /* of all calls of a shard */
#define XC_ENGINE_SHARDS_MAX 64
#define XC_ENGINE_WORKERS_MAX 64
#define XC_ENGINE_SLOTS_SPARE 4
#define XC_TAG_LOOKUP(socket) (UINT64_MAX - 1 - (uint64_t)(socket)) /* in a shard's poller */
#define XC_TAG_SOCKET(index, socket) ((uint64_t)(index) << 8 | (socket))
/* Ended calls of a shard whose TURN servers have not answered yet; then the oldest gives up. */
#define XC_FAREWELLS_MAX 32
#define XC_LOG_LINE_MAX 224
#define XC_LOG_LINES 64
#define XC_POSTED_TEXT_MAX 65535
#define XC_POSTED_PROTOCOL_MAX 255

/* A job names its video track by XC_JOBS for each. */
enum { XC_JOB_ENCODE = 0, XC_JOB_DECODE = 1, XC_JOBS = 2 };

enum { /* xc_call.event_bits */
       XC_CALL_EVENT_STATE = 1,
       XC_CALL_EVENT_REMOTE = 2,
       XC_CALL_EVENT_PICTURE = 4,
       XC_CALL_EVENT_ENDED = 8,
       XC_CALL_EVENT_PICTURE_SCREEN = 16,
       XC_CALL_EVENT_TRACK = 32, /* << track number less one, three of them */
};

struct xc_socket {
    int fd;
    struct xc_addr addr;
};

enum { /* xc_call.wanted: what host threads want of the shard; an ON bit goes with the bit before */
       XC_WANT_HANG_UP = 1,
       XC_WANT_RESTART_ICE = 2,
       XC_WANT_HOLD = 4,
       XC_WANT_HOLD_ON = 8,
       XC_WANT_TRACK = 16, /* << XC_WANT_TRACK_BITS a track */
       XC_WANT_TRACK_BITS = 6,
       /* of a track, to be shifted so */
       XC_WANT_MUTE = 1,
       XC_WANT_MUTE_ON = 2,
       XC_WANT_KEY = 4,
       XC_WANT_DIRECTION = 8,
       XC_WANT_DIRECTION_BIT = 16, /* XCALL_DIRECTION_* in two bits */
};

enum {
    XC_COMMAND_ATTACH = 1,
    XC_COMMAND_SIGNAL,
    XC_COMMAND_DTMF,
    XC_COMMAND_ICE_SERVERS,
    XC_COMMAND_RELAY_ONLY
};

struct xc_command { /* a block of the heap; ATTACH: part of its call */
    uint32_t type;
    uint32_t index, generation;
    uint32_t
        kind; /* XCALL_SIGNAL_*; ICE_SERVERS: how many; DTMF: ms of a digit, then of a gap in the upper half */
    struct xc_call *call;
    size_t size; /* of the text, or of struct xc_ice_server, several */
    char *text;  /* behind the struct, in the same block */
};

struct xc_call {
    /* fixed at create */
    struct xcall_engine *engine;
    struct xc_shard *shard;
    uint32_t index, generation;
    uint64_t user;
    struct xcall_call_config config;
    struct xc_session *session; /* shard; its roads by their own threads */
    struct xc_session_roads roads;
    struct xc_socket sockets[XC_CALL_SOCKETS_MAX];
    uint32_t socket_count;
    /* Which servers it has, and the session's memory for them: NULL before the first. Control lock;
     * the shard has the pointer from the command that brings the first. */
    struct xc_ice_servers_known {
        bool turn;
        struct xc_addr addr;
    } servers[XC_ICE_SERVERS_MAX];
    uint32_t server_count;
    struct xc_relays *relays;
    bool relays_left; /* shard, at the very end: it has taken them, see farewell.c */
    void *memory;     /* of the session and what follows below; mapped */
    size_t memory_size;

    /* shard only */
    uint64_t deadline, next_stats;
    uint32_t heap_at; /* place in the shard's timer heap */
    bool attached;

    /* between threads; each is an exchange or a store by any, a look by any (seq_cst) */
    _Atomic uint32_t wanted;         /* XC_WANT_*, taken by the shard */
    _Atomic uint32_t signals_queued; /* in the shard's queue */
    _Atomic uint32_t notified;       /* a token of this call is in the shard's queue */
    _Atomic uint32_t job_queued[XC_JOBS * XC_VIDEOS]; /* ... in its worker's queue */
    _Atomic uint32_t event_bits;                      /* XC_CALL_EVENT_*, taken by the consumer */
    _Atomic uint32_t event_queued;                    /* a token is in the event queue */
    _Atomic uint64_t event_time;                      /* when the newest bit was raised */
    _Atomic uint32_t detached;                        /* the shard has let go */
    _Atomic uint32_t encoder_wanted[XC_VIDEOS];       /* the shard has asked for the encoder */
    _Atomic uint32_t frames_wait[XC_VIDEOS]; /* the shard wants to know when a frame was decoded */
    _Atomic uint32_t state, reason, remote_hold;
    _Atomic uint32_t ssrc[1 + XC_VIDEOS];  /* received, by track; for traces */
    _Atomic uint32_t flows[1 + XC_VIDEOS]; /* XCALL_DIRECTION_*, by track */
    _Atomic(const char *) reason_text;

    struct xc_byte_ring *signals; /* shard -> consumer: struct xc_signal_record, text, NUL */
    struct xc_cell *stats;        /* shard -> reader under the control lock */
    struct xc_data *data;         /* NULL without data channels */
    struct xc_ring *played;       /* traces: playout thread -> reader under the control lock */
    struct xc_ring *delivered;    /* traces: host's video thread -> the same reader */

    struct xc_call *next_dead; /* consumer: waiting for pins to go */
    struct xc_command attach;
};

struct xc_signal_record {
    uint32_t kind;
    uint32_t size; /* of the text, without its NUL */
    uint64_t time;
};

/* A place for a call. pins: host and worker threads inside; generation: 0 when free. */
struct xc_slot {
    _Alignas(XC_CACHE_LINE) _Atomic uint32_t pins; /* pairs with xc_slots_free's look */
    _Atomic uint32_t generation;                   /* pairs with xc_slot_pin's look */
    struct xc_call *call;
    uint32_t last_generation; /* control lock */
};

struct xc_log_line {
    uint32_t level;
    xcall_id call;
    uint64_t user, time;
    char text[XC_LOG_LINE_MAX];
};

struct xc_resolver; /* lookup.c */
struct xc_farewell; /* farewell.c */

struct xc_shard {
    struct xcall_engine *engine;
    struct xc_thread thread;
    struct xc_poller poller;
    struct xc_wake wake;
    struct xc_mpsc commands; /* struct xc_command * */
    _Atomic uint32_t signals_queued;
    struct xc_mpsc notify;  /* call index */
    struct xc_call **calls; /* by index; NULL when not attached here */
    struct xc_call **heap;  /* by deadline */
    uint32_t heap_count;
    struct xc_ring log; /* shard -> consumer */
    _Atomic uint32_t log_queued;
    struct xc_resolver *resolver;
    struct xc_farewell *farewells; /* XC_FAREWELLS_MAX of them */
    uint32_t farewell_count, farewell_next;
    struct xc_signal_scratch *scratch;
    struct xc_udp_batch *received;
    uint8_t (*buffers)[XC_MTU + XC_DATAGRAM_SLACK]; /* XC_UDP_BATCH of them */
    char *signal_text;                              /* XC_SESSION_SIGNAL_MAX */
    uint32_t number;
};

struct xc_worker {
    struct xcall_engine *engine;
    struct xc_thread thread;
    struct xc_wake wake;
    struct xc_mpsc jobs; /* kind, generation, index */
    uint32_t number;
};

struct xc_posted { /* a block of the heap: the texts stand behind it, each with its NUL */
    struct xcall_event event;
};

struct xc_events {
    struct xc_mpsc queue;       /* tokens */
    _Atomic uint32_t signalled; /* the descriptor was written since it was last cleared */
    _Atomic uint32_t woken;     /* xcall_engine_wake */
    _Atomic uint32_t busy;      /* a consumer is inside */
    struct xc_wake wake;
    struct xc_poller combined; /* threads = 0: events and the shard */
    /* consumer */
    struct xc_call *finished; /* its ENDED event was taken: freed by the next call */
    struct xc_call *dead;     /* waiting for pins to go */
    char *text;               /* of the last event */
    struct xc_posted *taken;  /* the newest posted event that was taken */
    size_t text_capacity;
    /* control lock */
    struct xc_posted **posted; /* ring of posted_max */
    uint32_t posted_first, posted_count;
};

struct xcall_engine {
    _Atomic uint32_t references;
    _Atomic uint32_t closing;
    _Atomic uint32_t stopping; /* threads leave their loops */
    struct xc_fork_guard guard;
    struct xcall_engine_config config;
    bool bound; /* bind_addr is set */
    struct xc_addr bind_addr;
    struct xc_dtls_identity *identity;
    struct xc_lock control; /* create, statistics, traces, posting; never on a media path */
    struct xc_slot *slots;
    uint32_t slot_count; /* calls_max, and a few for ended calls that are not freed yet */
    uint32_t calls_live; /* control lock; calls whose ENDED event was not taken */
    uint32_t next_index; /* control lock */
    struct xc_shard *shards;
    uint32_t shard_count;
    struct xc_worker *workers;
    uint32_t worker_count;
    struct xc_events events;
    uint64_t clock_base, unix_epoch;
    _Atomic uint64_t stepped_now; /* threads = 0 */
    _Atomic uint32_t stepping;
    struct xc_signal_scratch *check_scratch; /* control lock */
    void *memory;                            /* of the queues */
    bool data_used;                          /* data.c: under the gate of its thread */
    _Atomic uint32_t data_calls;             /* that the data thread has not let go of */
    _Atomic uint64_t channel_serial;         /* of the newest data channel */
};

/* engine.c */
int32_t xc_engine_create(const struct xcall_engine_config *config, struct xcall_engine **engine,
                         const char **words);
void xc_engine_close(struct xcall_engine *engine);
void xc_engine_destroy(struct xcall_engine *engine);
int32_t xc_engine_step(struct xcall_engine *engine, uint64_t now, uint64_t *deadline);

/* clock.c: the engine's clock (real, scaled, or as stepped) */
uint64_t xc_engine_now(const struct xcall_engine *engine);
uint64_t xc_engine_clock(void *engine); /* the same, as the sessions want it */
uint64_t xc_engine_from_host(const struct xcall_engine *engine, uint64_t time);
uint64_t xc_engine_ago(const struct xcall_engine *engine, uint64_t now, uint64_t real_age);
uint64_t xc_engine_real_duration(const struct xcall_engine *engine, uint64_t duration);

/* slots.c */
static inline xcall_id xc_call_id(const struct xc_call *call)
{
    return (uint64_t)call->generation << 32 | (uint64_t)(call->index + 1) << 8;
}

static inline uint32_t xc_id_index(xcall_id id)
{
    return (uint32_t)(id >> 8 & 0xffffff) - 1;
}

static inline uint32_t xc_id_track(xcall_id id)
{
    return (uint32_t)(id & 0xff);
}

/* Real-time: one atomic add and a look. NULL when the id's call is gone; else unpin after use. */
struct xc_call *xc_slot_pin(struct xcall_engine *engine, xcall_id id);
void xc_slot_unpin(struct xc_call *call);
/* Whatever call is in the slot; NULL when it is free. */
struct xc_call *xc_slot_pin_index(struct xcall_engine *engine, uint32_t index);
bool xc_slots_take(struct xcall_engine *engine, uint32_t *index, uint32_t *generation);
void xc_slots_publish(struct xcall_engine *engine, struct xc_call *call);
/* Under the control lock: create failed; the call counts no more (its ENDED event was taken). */
void xc_slots_return(struct xcall_engine *engine, uint32_t index);
void xc_slots_ended(struct xcall_engine *engine);
/* Closes the slot to new pins; false while somebody pins it. */
bool xc_slots_free(struct xcall_engine *engine, struct xc_call *call);

/* call.c */
int32_t xc_call_create(struct xcall_engine *engine, const struct xcall_call_config *config,
                       const struct xc_ice_server *servers, xcall_id *id, const char **words);
/* A host thread that pins the call. LIMIT when they would be too many, MEMORY. */
int32_t xc_call_set_ice_servers(struct xc_call *call, const struct xc_ice_server *servers,
                                uint32_t count, const char **words);
void xc_call_destroy(struct xc_call *call);
/* Has the pages of a track (1 to 3) there before a real-time thread comes; a host thread. */
void xc_call_populate(const struct xc_call *call, uint32_t track);

/* command.c: what host threads ask of a shard */
void xc_command_attach(struct xc_call *call);
/* XC_COMMAND_SIGNAL and those behind it; the text is copied. */
int32_t xc_command_post(struct xc_call *call, uint32_t type, uint32_t kind, const void *text,
                        size_t size);
void xc_command_run(struct xc_shard *shard, struct xc_command *command, uint64_t now);
/* XC_WANT_*: sets some and clears others; the shard follows soon. Never fails. */
void xc_command_want(struct xc_call *call, uint32_t set, uint32_t clear);
void xc_command_follow(struct xc_call *call, uint64_t now); /* shard */

/* shard.c */
bool xc_shard_init(struct xc_shard *shard, struct xcall_engine *engine, uint32_t number,
                   struct xc_arena *arena);
void xc_shard_deinit(struct xc_shard *shard);
void *xc_shard_run(void *shard);
/* One turn without waiting; the next deadline. */
uint64_t xc_shard_turn(struct xc_shard *shard, uint64_t now);
bool xc_shard_has_work(struct xc_shard *shard);
void xc_shard_attach(struct xc_shard *shard, struct xc_call *call, uint64_t now);
void xc_shard_service(struct xc_shard *shard, struct xc_call *call, uint64_t now);
void xc_shard_end_all(struct xc_shard *shard, uint64_t now);
/* Real-time, any thread that pins the call. */
void xc_shard_notify(struct xc_call *call);
void xc_shard_log(struct xc_shard *shard, const struct xc_call *call, uint32_t level, uint64_t now,
                  const char *text, const char *detail);

/* lookup.c: ".local" names of the calls of a shard */
void xc_lookup_init(struct xc_shard *shard, struct xc_arena *arena);
void xc_lookup_deinit(struct xc_shard *shard);
void xc_lookup_follow(struct xc_shard *shard, struct xc_call *call, uint64_t now);
void xc_lookup_forget(struct xc_shard *shard, const struct xc_call *call);
void xc_lookup_receive(struct xc_shard *shard, uint32_t socket, uint64_t now);
void xc_lookup_turn(struct xc_shard *shard, uint64_t now);
uint64_t xc_lookup_deadline(const struct xc_shard *shard);

/* farewell.c */
void xc_farewell_init(struct xc_shard *shard, struct xc_arena *arena);
void xc_farewell_deinit(struct xc_shard *shard);
/* The call has ended and is let go of: takes what its TURN servers have yet to answer, and the sockets
 * for it out of the call's list. */
void xc_farewell_begin(struct xc_shard *shard, struct xc_call *call);
void xc_farewell_receive(struct xc_shard *shard, uint32_t place, uint32_t socket);
void xc_farewell_turn(struct xc_shard *shard, uint64_t now);
uint64_t xc_farewell_deadline(const struct xc_shard *shard);

/* timers.c: the shard's heap of deadlines */
void xc_timers_set(struct xc_shard *shard, struct xc_call *call, uint64_t deadline);
void xc_timers_remove(struct xc_shard *shard, struct xc_call *call);

/* worker.c */
bool xc_worker_init(struct xc_worker *worker, struct xcall_engine *engine, uint32_t number,
                    struct xc_arena *arena);
void xc_worker_deinit(struct xc_worker *worker);
void *xc_worker_run(void *worker);
bool xc_worker_turn(struct xc_worker *worker); /* one job; false when there was none */
void xc_worker_post(struct xc_call *call, int job, uint32_t video); /* real-time */

/* events.c */
bool xc_events_init(struct xcall_engine *engine, struct xc_arena *arena);
void xc_events_deinit(struct xcall_engine *engine);
void xc_events_raise(struct xc_call *call, uint32_t bits); /* shard or a pinning thread */
void xc_events_raise_log(struct xc_shard *shard);
void xc_events_signal(struct xcall_engine *engine);
int32_t xc_events_next(struct xcall_engine *engine, struct xcall_event *event, int32_t timeout_ms);
/* What the event points to is copied. */
int32_t xc_events_post(struct xcall_engine *engine, const struct xcall_event *event);
const char *xc_end_text(uint32_t reason);

#endif
