/* calls.h - what the files of the calls share: the live calls in memory, found by id and by user, ordered by
 * their next timer. The store's rows are the truth, this is a copy with what a restart may forget. Service
 * thread.
 *
 *   calls.c          the tables, the way of an event through ring.c into the store and out; session.h's hooks
 *   calls_tell.c     the frames that an event leads to        calls_invite.c  call.invite
 *   calls_requests.c the other requests of a call               calls_sig.c     sig
 *   turn_credentials.c  turn.get                                calls_figures.c call.quality, metrics
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_CALLS_H
#define XCALLD_CALLS_H

#include "ring.h"
#include "session.h"

#ifndef CALLS_SLOTS /* the fuzz target begins a service for each input, with smaller tables */
#define CALLS_SLOTS 16384
#endif
#define SIG_KEPT_MAX 32
#define SIG_KEPT_MS 10000
#define SIG_FRAMES_MAX 200 /* a minute, call and side */
#define SIG_BYTES_MAX 65536
#define SIG_MINUTE_MS 60000
#ifndef DECLINES_MAX
#define DECLINES_MAX                                                                               \
    4096 /* pairs whose declines are remembered, a table of places that newer ones take */
#endif
#ifndef QUALITY_SEEN_MAX
#define QUALITY_SEEN_MAX 4096
#endif
#define VERSIONS_MAX 16 /* classes of client versions in the figures; the rest is "other" */

struct sig_side { /* of one device */
    int32_t dev;
    bool caller;
    int64_t since_ms, top; /* top: the highest n */
    uint64_t seen;         /* bit i: top - i was there */
    uint32_t frames, bytes;
};
struct sig_kept {
    struct sig_kept *next;
    int64_t at_ms;
    bool caller;
    int32_t dev;
    json_t *body;
};
struct sig_state { /* made with the first frame */
    struct sig_side sides[1 + RING_LEGS_MAX];
    uint32_t side_count, kept_count[2]; /* of the callee's side and of the caller's: one does not
                                         * notice what the other has sent */
    struct sig_kept *first, *last;
};

struct call_party {  /* for the figures */
    bool paid;       /* its account's cohort */
    bool seen;       /* it was on a connection of this process while it was of the call */
    bool away;       /* its connection went while the call was up, without a word */
    bool left;       /* the same, but it said goodbye */
    uint8_t version; /* class of its program */
};

struct live_call {
    struct ring ring;
    char caller_name[NAME_MAX_BYTES + 1], callee_name[NAME_MAX_BYTES + 1];
    struct live_call *next_id;    /* of the id's slot; of the dead */
    struct live_call *next_of[2]; /* of the slots of the caller and of the callee */
    size_t heap_at;               /* SIZE_MAX: not in it */
    int64_t deadline_ms;
    struct sig_state *sig;
    bool dead;                  /* ended: found no more, freed at the next tick */
    struct call_party party[2]; /* the caller's device, and the callee's that joined */
};

struct decline_memory {
    int64_t caller, callee, at_ms;
    uint32_t count;
};
struct quality_memory {
    uint8_t call[CALL_ID_SIZE];
    uint8_t side; /* 0: free */
};

#define REFUSALS_MAX 11 /* XCALL_GATE_PUBLIC_* */
#define ENDS_MAX 21     /* XCALL_LIFE_END_* */
#define SETUP_STEPS 9   /* of the set-up time's histogram */
enum { /* what is counted by the class of a program: of the caller's, the last three of the device's own */
       STEP_ATTEMPT,
       STEP_REFUSED,
       STEP_RELAYED,
       STEP_DIRECT,
       STEP_ACCEPTED,
       STEP_CONNECTED,
       STEP_DROPPED,
       STEP_JOINED,   /* a device that is of an accepted call */
       STEP_VANISHED, /* of those, one that vanished */
       STEP_REPORTED, /* one that sent call.quality */
       VERSION_STEPS
};
enum { /* what is counted by the callee's cohort: what calls.receive is about */
       RECEIVED_PLACED,
       RECEIVED_ACCEPTED,
       RECEIVED_CONNECTED,
       RECEIVED_DROPPED,
       RECEIVED_STEPS
};
struct call_figures { /* [video][paid]: where nothing else is said, of the caller's account */
    uint64_t attempts[2][2], accepted[2][2], connected[2][2], dropped[2][2];
    uint64_t received[RECEIVED_STEPS][2][2];
    uint64_t refusals[REFUSALS_MAX][2][2], ended[ENDS_MAX][2][2];
    uint64_t shadows, merged, pushes;
    uint64_t path[2][2][2];     /* placed calls: [relayed][video][paid] */
    uint64_t vanished[2][2][2]; /* devices: [came back as a new one][video][paid] */
    uint64_t quality[2][2];     /* [video][paid] */
    uint64_t setup[2][2][SETUP_STEPS + 1], setup_sum_ms[2][2]; /* [relayed][paid]: up to, beyond */
    uint64_t sig_forwarded, sig_kept, sig_late, sig_refused, sig_over, sig_repeated;
    uint64_t turn_credentials, conflicts, bodies_refused;
    uint64_t by_version[VERSION_STEPS][VERSIONS_MAX];
    char versions[VERSIONS_MAX][12]; /* "0.1"; [0] is "other" */
    uint32_t version_count;
    uint64_t live[2][4]; /* gauge: [video][CALL_*] */
};

struct call_change { /* of the step, see calls_undo.c */
    int kind;
    struct live_call *call;
    void *at; /* of bytes */
    size_t size;
    union {
        struct ring ring;
        uint8_t bytes[64];
    } before;
};

struct calls {
    struct call_change *changes, no_change; /* no_change: where there is no memory for one */
    size_t changes_count, changes_capacity;
    bool changes_lost;
    struct live_call *by_id[CALLS_SLOTS];
    struct live_call *by_user[2][CALLS_SLOTS]; /* as caller, as callee */
    struct live_call **heap;
    size_t heap_count, heap_capacity, count;
    struct live_call *dead;
    struct decline_memory declines[DECLINES_MAX];
    struct quality_memory quality[QUALITY_SEEN_MAX];
    uint8_t pseudonym_key[HASH_SIZE];
    int64_t policy_version;
    struct call_figures figures;
};

/* --- calls.c */
struct live_call *live_find(const struct calls *calls, const uint8_t call[CALL_ID_SIZE]);
/* The calls in which a user is caller (side 0) or callee (1), one after the other: NULL at first. */
struct live_call *live_of(const struct calls *calls, int side, int64_t user,
                          const struct live_call *after);
/* Takes the call over; NULL: out of memory. */
struct live_call *live_add(struct service *service, const struct ring *ring,
                           const char *caller_name, const char *callee_name);
struct live_call *accepted_of(const struct calls *calls, int64_t user); /* NULL: in no call */

void live_timer(struct service *service, struct live_call *call); /* its deadline, anew */
void live_remove(struct calls *calls, struct live_call *call);
void live_revive(struct service *service, struct live_call *call); /* removed in this step */
/* calls_undo.c: what is about to change, should the input fail. */
void call_changes(struct calls *calls, struct live_call *call);
void call_added(struct calls *calls, struct live_call *call);
void call_removed(struct calls *calls, struct live_call *call);
void call_bytes_change(struct calls *calls, void *at, size_t size); /* 64 at most */

enum {
    APPLY_FAILED = -1,
    APPLY_CALLER_BUSY = -2,
    APPLY_CALLEE_BUSY = -3
}; /* or ring.h's answers */
/* What is due, then the event, into the store, and out. answer: of RING_ACCEPT, borrowed. */
int calls_apply(struct service *service, struct live_call *call, const struct ring_event *event,
                json_t *answer);
/* What the gate says of a call that rings, for one more device. */
bool calls_allowed(struct service *service, const struct live_call *call);
/* Lets the callee's device ring if it may; sends nothing. */
void calls_admit(struct service *service, struct live_call *call, int32_t dev);
/* Takes a token where there is one; what has been decided is not undone by a bucket that is empty. */
void limit_count(struct service *service, int kind, int64_t a, int64_t b);
void calls_unanswered(struct service *service, int64_t caller, int64_t callee);

/* --- calls_tell.c */
void tell_effects(struct service *service, struct live_call *call,
                  const struct ring_effects *effects, json_t *offer, json_t *answer);
json_t *call_frame(const char *type, const uint8_t call[CALL_ID_SIZE], uint32_t rev, json_t *body);
json_t *incoming_body(const struct service *service, const struct live_call *call, json_t *offer);
json_t *stored_body(struct service *service, const uint8_t call[CALL_ID_SIZE], bool answer);
void tell_state(struct service *service, int64_t user, int32_t dev,
                const uint8_t call[CALL_ID_SIZE], const struct ring_view *view);
void decline_noted(struct service *service, int64_t caller, int64_t callee);
void decline_forgotten(struct calls *calls, int64_t caller, int64_t callee);

/* --- calls_requests.c */
struct place {              /* where a request's device stands in its call */
    struct live_call *live; /* NULL: the call has ended */
    struct ring past;       /* then */
    bool caller;            /* its account is the caller's */
};
/* false: answered. own: of the caller's side only the device that placed the call. */
bool place_find(struct request *request, struct place *place, bool own);
struct ring_view place_view(const struct request *request, const struct place *place);
void answer_state_error(struct request *request, const char *code, const uint8_t *call,
                        const struct ring_view *view);
/* Answers a refusal of ring.h or of calls_apply; false: RING_OK, nothing was answered. */
bool answer_refusal(struct request *request, const struct place *place, int answer);
/* A body of the request's device, by docs/protocol.md; NULL: answered. member may be NULL: all of it. */
json_t *request_body(struct request *request, const json_t *body, int types, bool addresses);
handler call_accept, call_alerting, call_decline, call_cancel, call_hangup, call_media;
handler call_invite, call_sig, turn_get, call_quality;

/* --- calls_sig.c */
void sig_flush(struct service *service, struct live_call *call);
void sig_free(struct live_call *call);

/* --- calls_figures.c */
uint8_t version_class(struct calls *calls, const char *version);
/* The programs of both sides of a call that was just accepted. */
void figures_joined(struct service *service, struct live_call *call);
/* A device of a call that is up is back, with what it knew of it (resumed) or as a new program; its
 * connection is gone. */
void figures_online(struct service *service, const struct session *session, bool resumed);
void figures_offline(struct service *service, int64_t user, int32_t dev, bool goodbye);
/* Into the row of a call that ends: which of its devices are away. */
void figures_away(const struct live_call *call, struct call_row *row);
/* An invite that the gate decided on; refused: by this public reason. */
void figures_attempt(struct calls *calls, const struct session *session, bool video);
void figures_refused(struct calls *calls, const struct session *session, bool video,
                     uint32_t public_reason);
/* A call that rings, or seems to; both of its parties are known. A call that ended before it rang. */
void figures_placed(struct calls *calls, const struct live_call *call);
void figures_ended_at_once(struct calls *calls, const struct session *session, bool video,
                           uint32_t reason);
void figures_changed(struct calls *calls, const struct live_call *call,
                     const struct call_row *before);

#endif
