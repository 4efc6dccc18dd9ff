/* core_state.h - what the files of the core share: its state and what they call of each other.
 * core.c the session, leave.c sign-outs that wait, requests.c requests and events out, calls.c calls and frames, call_media.c media,
 * quality.c how a call was, wake.c calls that a push named.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CLIENT_CORE_STATE_H
#define XC_CLIENT_CORE_STATE_H

#include <jansson.h>

#include "client/core.h"

#define XC_CALLS_MAX 64           /* live and remembered; the oldest ended one gives way */
#define XC_CALL_MEMORY_MS 120000u /* how long an ended call is remembered */
#define XC_CANDIDATES_MAX 64      /* of one side of a call, that wait */
#define XC_SIGNALS_MAX 64         /* of the peer, that wait for the media call */
#define XC_REQUESTS_OWN_MAX 1024  /* of calls, beside those of the host */
#define XC_ANSWER_MS 30000u       /* without one the connection is taken for dead */
#define XC_REPEAT_MS 600000u      /* docs/protocol.md section 1: an id is remembered so long */
#define XC_SEEN_WINDOW 256        /* of a peer's signal numbers */

enum { /* the connection */
       XC_LINK_NONE = 0,
       XC_LINK_CONNECTING,
       XC_LINK_OPEN,  /* the first frame is out */
       XC_LINK_READY, /* welcome */
};

enum { /* what signs in */
       XC_AUTH_NONE = 0,
       XC_AUTH_CREATE,
       XC_AUTH_PASSWORD,
       XC_AUTH_TOKEN,
};

enum { /* xc_client_request.kind */
       XC_REQUEST_HOST = 1,
       XC_REQUEST_SIGN_IN,
       XC_REQUEST_SIGN_OUT,
       XC_REQUEST_INVITE,
       XC_REQUEST_ACCEPT,
       XC_REQUEST_TURN,
       XC_REQUEST_SYNC,
       XC_REQUEST_TOLD, /* its answer changes nothing */
};

struct xc_client_request {
    struct xc_client_request *next;
    char id[33], type[33];
    uint32_t kind;
    bool sent, was_sent; /* by this connection; by any */
    xcall_id call;
    uint64_t number, made_at, sent_at;
    char *frame;
};

enum { XC_MEDIA_NONE = 0, XC_MEDIA_CREATING, XC_MEDIA_LIVE, XC_MEDIA_ENDED };
enum { XC_TURN_NOT_ASKED = 0, XC_TURN_ASKED, XC_TURN_HERE, XC_TURN_REFUSED };

struct xc_client_text {
    struct xc_client_text *next;
    uint32_t kind; /* XCALL_SIGNAL_* */
    char *text;
};

struct xc_client_texts {
    struct xc_client_text *first, **last;
    uint32_t count;
};

struct xc_client_call {
    xcall_id id; /* 0: a free place */
    uint8_t uuid[16];
    char text[37], peer[XCALL_LIFE_PEER_MAX + 1];
    bool outgoing, video, relay, key_changed;
    bool on_desk;  /* the desk has it; a call refused for its signature never comes there */
    bool known;    /* the service has it */
    bool agreed;   /* accepted, and the service said so */
    bool insecure; /* the body that would start it is not the peer's */
    uint32_t rev;
    uint32_t state, reason, flags; /* as the host was told */
    uint64_t ended_at;
    char refused[48];

    bool want_invite, want_accept; /* as soon as the description is there */
    uint32_t media_state, turn;
    bool hang_up_media, restarting, media_up, held;
    xcall_id media;
    uint64_t turn_at;                  /* ask again; 0: do not */
    char *offer;                       /* of the peer: SDP */
    struct xc_client_texts candidates; /* ours, wait for the accept */
    struct xc_client_texts signals;    /* the peer's, wait for the media call */
    struct xc_client_output *servers;  /* wait for it too */
    struct xc_client_found {           /* what the names of its relays were found to be */
        char *name, *url;
    } found[XC_CLIENT_URLS_MAX];
    uint32_t found_count;

    bool woken;          /* the host knows it from a push; IDLE: what it is is not known yet */
    bool wake_asked;     /* by this connection */
    uint64_t wake_until; /* then it rings nowhere any more; 0: known */

    uint64_t accepted_at, up_at, media_at; /* for call.quality; 0: not yet */
    uint64_t look_at;                      /* has media come? 0: do not look */
    struct xc_client_figures figures;
    bool figures_coming; /* the last ones, with its hanging up */
    bool quality_due;    /* as soon as those are here */

    bool has_peer_key;
    uint8_t peer_key[32];
    uint32_t sent_seq, seen_seq; /* of signed bodies; the newest */
    uint32_t sent_n, seen_n;     /* numbers of sig frames; seen_n the highest */
    uint8_t seen[XC_SEEN_WINDOW / 8];
};

struct xc_client_core {
    uint64_t now;
    xcall_client_config host;
    char *name, *version;
    void (*random)(void *context, void *bytes, size_t size);
    void *context;
    struct xc_client_saved *saved;
    bool keep, has_key;
    uint8_t key[32];

    uint32_t link, auth, attempts, told_state;
    bool told_once, offline_told, displaced, signing_out, closed, resumed, syncing;
    uint64_t connect_at, give_up_at, ready_at, heard_at, sign_out_at, ack_at;
    uint64_t last_sq, acked_sq;
    char epoch[65], account[XCALL_LIFE_PEER_MAX + 1];
    json_t *epoch_json; /* as it came: sent back unchanged */
    char *sign_name, *password, *label;
    char refused[48]; /* by what the host knows a hello was refused; empty: by nothing */

    bool leaving;      /* this connection is to end a session, nothing else */
    bool leave_off;    /* that was refused: not again before a connection of this session's held */
    char leave_id[33]; /* of account.sign_out; empty: not said yet */

    char id_prefix[13];
    uint64_t id_count, number_count, call_count;
    struct xc_client_request *requests, **requests_last;
    uint32_t host_requests, own_requests;
    struct xc_client_output *outputs, **outputs_last;

    xcall_desk *desk;
    xcall_desk_config desk_config;
    struct xc_client_call calls[XC_CALLS_MAX];
};

/* requests.c: outputs, events and requests. */
struct xc_client_output *xc_client_put(struct xc_client_core *core, uint32_t type);
struct xc_client_output *xc_client_put_media(struct xc_client_core *core,
                                             const struct xc_client_call *call, uint32_t op);
void xc_client_drop_frames(struct xc_client_core *core);
void xc_client_id(struct xc_client_core *core, char id[33]);
char *xc_client_copy(const char *text);
void xc_client_wipe(char **text);
void xc_client_post(struct xc_client_core *core, const xcall_event *event, const char *text,
                    const char *protocol);
void xc_client_send(struct xc_client_core *core, json_t *frame); /* takes it */
void xc_client_save(struct xc_client_core *core);
/* Takes body. call: whose answer it is, and the frame's call member. */
int32_t xc_client_ask(struct xc_client_core *core, uint32_t kind, const char *type,
                      const struct xc_client_call *call, json_t *body, uint64_t *number);
void xc_client_repeat(struct xc_client_core *core); /* all that were not answered, in their order */
void xc_client_unsent(struct xc_client_core *core);
void xc_client_answered(struct xc_client_core *core, const json_t *frame, bool good);
bool xc_client_requests_time(struct xc_client_core *core); /* false: the connection is dead */
uint64_t xc_client_requests_deadline(const struct xc_client_core *core);
void xc_client_cancel_requests(struct xc_client_core *core, int32_t code);
/* Takes one back that never left; false: there is none. */
bool xc_client_withdraw(struct xc_client_core *core, uint32_t kind, xcall_id call);
bool xc_client_asks(const struct xc_client_core *core, uint32_t kind, xcall_id call);

/* core.c */
void xc_client_session_answer(struct xc_client_core *core, const struct xc_client_request *request,
                              const json_t *body, bool good);

void xc_client_hang_up_link(struct xc_client_core *core);
void xc_client_offline(struct xc_client_core *core, int32_t code, const char *why);
json_t *xc_client_hello(struct xc_client_core *core, const char *token, const uint8_t key[32]);

/* leave.c: sign-outs that the service has not heard of. */
void xc_client_leave_later(struct xc_client_core *core); /* the session that is now */
void xc_client_left(struct xc_client_core *core, const char *token);
void xc_client_leave_not(struct xc_client_core *core, const char *token);
bool xc_client_leave_due(const struct xc_client_core *core);
void xc_client_leave_begin(struct xc_client_core *core);
void xc_client_leave_frame(struct xc_client_core *core, const char *type, const json_t *frame);
void xc_client_leave_dropped(struct xc_client_core *core, uint32_t close_code, const char *why);

/* quality.c */
void xc_client_quality_up(struct xc_client_core *core, struct xc_client_call *call);
void xc_client_quality_end(struct xc_client_core *core, struct xc_client_call *call);
void xc_client_quality_time(struct xc_client_core *core, struct xc_client_call *call);

/* wake.c */
bool xc_client_awaited(const struct xc_client_call *call);
void xc_client_wake_hello(struct xc_client_core *core, json_t *body);
void xc_client_wake_ready(struct xc_client_core *core);
void xc_client_wake_lost(struct xc_client_core *core);
void xc_client_wake_over(struct xc_client_core *core, struct xc_client_call *call, uint32_t reason);
void xc_client_wake_synced(struct xc_client_core *core, xcall_id id, const json_t *body);
void xc_client_wake_time(struct xc_client_core *core, struct xc_client_call *call);

/* calls.c */
struct xc_client_call *xc_client_call_new(struct xc_client_core *core, const uint8_t uuid[16],
                                          const char *peer);
struct xc_client_call *xc_client_find(struct xc_client_core *core, xcall_id id);
struct xc_client_call *xc_client_find_uuid(struct xc_client_core *core, const char *text);
int32_t xc_client_desk(struct xc_client_core *core, struct xc_client_call *call, uint32_t type,
                       uint32_t flags, uint32_t reason, uint32_t rev);
void xc_client_run(struct xc_client_core *core);
void xc_client_call_answer(struct xc_client_core *core, const struct xc_client_request *request,
                           const json_t *body, bool good);
void xc_client_call_event(struct xc_client_core *core, const char *type, const json_t *frame);
void xc_client_sync(struct xc_client_core *core, const json_t *body, bool restarted);
void xc_client_end_all(struct xc_client_core *core, bool told);
void xc_client_tell(struct xc_client_core *core, struct xc_client_call *call);
void xc_client_call_release(struct xc_client_core *core, struct xc_client_call *call);
void xc_client_insecure(struct xc_client_core *core, struct xc_client_call *call);

/* call_media.c */
/* *fresh: it is no repetition of one that was taken before. */
bool xc_client_body_good(struct xc_client_core *core, struct xc_client_call *call,
                         const json_t *body, const char *type, const char **sdp, bool *fresh);
void xc_client_media_need(struct xc_client_core *core, struct xc_client_call *call, bool answerer);
void xc_client_media_agreed(struct xc_client_core *core, struct xc_client_call *call);
void xc_client_media_end(struct xc_client_core *core, struct xc_client_call *call);
void xc_client_media_hand(struct xc_client_core *core, struct xc_client_call *call, uint32_t kind,
                          char *text); /* takes text */
void xc_client_media_describe(struct xc_client_core *core, struct xc_client_call *call,
                              const char *type, const char *sdp);
void xc_client_media_sig(struct xc_client_core *core, struct xc_client_call *call,
                         const json_t *body);
void xc_client_media_relay(struct xc_client_core *core, struct xc_client_call *call);

/* relays.c */
void xc_client_relays_forget(struct xc_client_call *call);
void xc_client_relays_forget_names(struct xc_client_call *call);
void xc_client_turn_ask(struct xc_client_core *core, struct xc_client_call *call);
void xc_client_turn_answer(struct xc_client_core *core, struct xc_client_call *call,
                           const json_t *body, bool good);
void xc_client_texts_free(struct xc_client_texts *texts);

#endif
