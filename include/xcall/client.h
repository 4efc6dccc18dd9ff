/* xcall/client.h - a client of the call service (docs/protocol.md) over WebSocket and TLS, in a
 * library of its own, libxcall-client: a host with its own signalling links none of it.
 *
 *   engine -> client create -> sign in -> SESSION online -> messages, settings, calls -> destroy
 *
 * Everything comes through the engine's event queue. The host's loop hands each event to
 * xcall_client_take_event first: events of the media calls that the client runs are carried out
 * there (signals to the peer, media up and lost), and the client's own are prepared.
 *
 *     while (xcall_engine_next_event(engine, &event, -1) == XCALL_OK) {
 *         if (xcall_client_take_event(client, &event))
 *             continue; // it was for the client alone
 *         switch (event.type) { case XCALL_CLIENT_EVENT_CALL: ... }
 *     }
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_CLIENT_H
#define XCALL_CLIENT_H

#include <xcall/call.h>
#include <xcall/engine.h>
#include <xcall/gate.h>
#include <xcall/life.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The events of a call's media (XCALL_EVENT_PICTURE, _TRACK, _CHANNEL and so on, which are the host's)
 * carry the client's id of the call in `user`.
 *
 * The client has one thread of its own for the connection. It connects again by itself (with jitter, up
 * to 30 s apart), resumes where it was, and calls whose media flows go on meanwhile. No function waits
 * for the network, none calls back into the host, none is for a real-time thread. After fork() a client
 * is of no use in the child: its functions answer XCALL_E_FORKED, destroy leaves the memory alone.
 *
 * Each end signs the fingerprint of its certificate with the key of its device; a description whose
 * signature does not fit, or that comes with another key than before, ends the call
 * (XCALL_LIFE_END_SECURITY). Two people can compare a safety number to know that nobody stands
 * between them. */
typedef struct xcall_client xcall_client;

enum {                                /* xcall_client_config.flags */
       XCALL_CLIENT_CALL_WAITING = 1, /* calls may ring while another goes on */
       XCALL_CLIENT_RELAY_ONLY = 2,   /* every call is relayed, whatever the service says */
};

typedef struct xcall_client_config {
    uint32_t size;
    uint32_t flags;       /* XCALL_CLIENT_* */
    xcall_engine *engine; /* a reference is held; its posted_max should be 64 or more */
    const char *url;      /* "wss://host:port/xcall"; "ws://" to loopback addresses only */
    const char *ca_file;  /* PEM with authorities to trust instead of the system's; NULL: those */
    /* Where the token, this device's key and the keys of peers that were seen are kept (mode 0600, one
     * client a file; a token is used with the URL that it came from alone); NULL: in memory only */
    const char *state_file;
    const char *name, *version; /* of the host's program, for the service's figures; may be NULL */
    const xcall_call_config *call; /* what a media call is made of, copied: tracks, codecs, sizes;
                                      role, ICE settings, user and video_direction of an audio call
                                      are the client's (ice_policy RELAY counts as
                                      XCALL_CLIENT_RELAY_ONLY). NULL: defaults */
    uint64_t user;                 /* comes back in every event of the client */
    uint32_t connect_ms;           /* one attempt to connect, 1000..60000; default 10000 */
    uint32_t requests_max;         /* that wait for their answer, 1..1024; default 64 */
} xcall_client_config;

enum { /* xcall_event.type */
       /* state XCALL_CLIENT_*; code: 0 or why not (XCALL_E_*): STATE with the service's error code in
          text ("bad_login", "revoked", or "displaced": another program uses the same token), SYSTEM
          with a sentence (no connection, a certificate that does not fit, a state file that cannot be
          written); protocol: the account's name once known */
       XCALL_CLIENT_EVENT_SESSION = XCALL_EVENT_LIBRARY + 1,
       /* call, state XCALL_LIFE_*, reason XCALL_LIFE_END_*, flags XCALL_LIFE_*; protocol: the peer's
          name; media: the engine's call (0: none yet); text, when it was refused: the service's code
          ("message_first"). Again with the same state when flags or media changed. RINGING_IN: a new
          call; the state ENDED comes once */
       XCALL_CLIENT_EVENT_CALL = XCALL_EVENT_LIBRARY + 2,
       /* text: the message; protocol: who sent it; call: its id; flags MESSAGE_SENT: another device of
          this account sent it, and protocol says to whom. Those that came while the client was
          away too long to resume are had by xcall_client_list_chats and the request "msg.list" */
       XCALL_CLIENT_EVENT_MESSAGE = XCALL_EVENT_LIBRARY + 3,
       /* the answer of a request: code 0 and text the JSON of its body, or code XCALL_E_STATE and text
          the service's error code, or TIMEOUT (ten minutes), or CLOSED (signed out before); call: the
          request's number; protocol: its type */
       XCALL_CLIENT_EVENT_ANSWER = XCALL_EVENT_LIBRARY + 4,
       /* another device of this account has read the messages of the person in protocol up to the one
          whose id is in call */
       XCALL_CLIENT_EVENT_READ = XCALL_EVENT_LIBRARY + 5,
};

enum { XCALL_CLIENT_MESSAGE_SENT = 1 }; /* xcall_event.flags of MESSAGE */

enum { /* xcall_event.state of SESSION */
       XCALL_CLIENT_SIGNED_OUT = 0,
       XCALL_CLIENT_CONNECTING = 1,
       XCALL_CLIENT_ONLINE = 2,
       XCALL_CLIENT_OFFLINE =
           3, /* not connected; tries again by itself. code STATE: the service has
                                    refused for now, with its code in text; the token is kept */
};

XCALL_API void xcall_client_config_init(xcall_client_config *config, uint32_t size);

/* Starts the client's thread; connects at once where the state file has a token. Errors: INVALID,
 * MEMORY, SYSTEM (state file, thread), UNSUPPORTED (URL), VERSION. error may be NULL. */
XCALL_API int32_t xcall_client_create(const xcall_client_config *config, xcall_client **client,
                                      xcall_error *error);
/* Hangs up its calls, joins its thread, frees everything. NULL is fine. Not while another thread is
 * inside a function of this client. */
XCALL_API void xcall_client_destroy(xcall_client *client);

/* 1: the event belonged to the client, the host need not look at it; 0: for the host (the client's own
 * types too). The thread that takes the engine's events. */
XCALL_API int32_t xcall_client_take_event(xcall_client *client, const xcall_event *event);

/* All that follows: any thread; what it leads to comes as events. Errors of all: INVALID, CLOSED
 * (engine), MEMORY. */

/* label: the device's name to show, may be NULL. Errors: STATE when signed in. */
XCALL_API int32_t xcall_client_sign_up(xcall_client *client, const char *name, const char *password,
                                       const char *label);
XCALL_API int32_t xcall_client_sign_in(xcall_client *client, const char *name, const char *password,
                                       const char *label);
/* token NULL: the one that is kept, after another program had displaced this client. */
XCALL_API int32_t xcall_client_sign_in_token(xcall_client *client, const char *token);
/* Ends the session at the service too, and forgets the token; the device's key goes with it. Over at once
 * for the host. What the service has not heard of is kept in the state file (the newest 8), and ended there
 * with the next connection, before a sign-in. */
XCALL_API int32_t xcall_client_sign_out(xcall_client *client);

/* Any request of docs/protocol.md but those of calls: type and the JSON of its body (NULL: {}). It waits
 * while offline, and is repeated after a lost connection without being carried out twice. *request (may
 * be NULL) is its number in the ANSWER event. Errors: LIMIT (requests_max), STATE (signed out), INVALID (also
 * what is more than a frame holds: 16,384 bytes, 16 levels of nesting). */
XCALL_API int32_t xcall_client_request(xcall_client *client, const char *type, const char *json,
                                       uint64_t *request);
/* The same with "msg.send". */
XCALL_API int32_t xcall_client_send_message(xcall_client *client, const char *to, const char *text,
                                            uint64_t *request);

/* The same with "msg.chats": whom this account has exchanged messages with, newest first, what is unread, and
 * whose first message waits to be accepted; for the start, and after a time without a connection. before: 0, or
 * the last row's `msg` for the next page; limit: 1..50. */
XCALL_API int32_t xcall_client_list_chats(xcall_client *client, uint64_t before, uint32_t limit,
                                          uint64_t *request);
/* The same with "msg.read": what this person wrote, up to the message with this id, is read; 0: all of it. The
 * account's other devices get a READ event, the person nothing. */
XCALL_API int32_t xcall_client_mark_read(xcall_client *client, const char *peer, uint64_t message,
                                         uint64_t *request);

enum { XCALL_CLIENT_VIDEO = 1 }; /* flags of xcall_client_call */

/* Calls. Their ids are the client's own: other functions than these do not take them. Errors: ENDED,
 * STATE (xcall/life.h; signed out), LIMIT. flags: XCALL_CLIENT_VIDEO; XCALL_LIFE_HOLD_OTHERS or
 * END_OTHERS where another call goes on that is not held (else STATE). Where this peer rings here, that
 * call is accepted, and the new one ends as merged. */
XCALL_API int32_t xcall_client_call(xcall_client *client, const char *to, uint32_t flags,
                                    xcall_id *call);
/* A push woke the host for this call (call_id: the service's, a UUID). *call is its id here from now on;
 * CALL events of it follow in any case: RINGING_IN, or ENDED with what became of it (SIGNAL_LOST where the
 * service cannot be reached for so long that it rings no more). Until then the functions below answer
 * STATE. Of a call that is known already its present state comes once more. */
XCALL_API int32_t xcall_client_woken(xcall_client *client, const char *call_id, xcall_id *call);
/* Tell that it really rings now (the service then tells the caller). */
XCALL_API int32_t xcall_client_alerted(xcall_client *client, xcall_id call);
/* flags: XCALL_LIFE_HOLD_OTHERS or END_OTHERS where another call goes on. */
XCALL_API int32_t xcall_client_accept(xcall_client *client, xcall_id call, uint32_t flags);
/* reason: XCALL_LIFE_END_DECLINED, BUSY or UNSUPPORTED. */
XCALL_API int32_t xcall_client_decline(xcall_client *client, xcall_id call, uint32_t reason);
XCALL_API int32_t xcall_client_hang_up(xcall_client *client, xcall_id call);
/* A call that goes on again puts the others on hold. */
XCALL_API int32_t xcall_client_set_hold(xcall_client *client, xcall_id call, int32_t hold);

#define XCALL_SAFETY_NUMBER_SIZE 72 /* 12 groups of five digits with spaces between them, NUL */

typedef struct xcall_client_call_info {
    uint32_t size;
    uint32_t state, reason, flags; /* XCALL_LIFE_* */
    xcall_id media;                /* the engine's call, 0: none */
    uint32_t relay;                /* 1: relayed by the service's rule or this client's */
    uint32_t key_changed;          /* 1: the peer's account came with a key that was not in a
                                      call before that both accepted, while another was: a new
                                      device of theirs, or somebody between: compare the safety
                                      number */
    char peer[XCALL_LIFE_PEER_MAX + 1];
    char call_id[37]; /* the service's id, a UUID */
    char refused[48]; /* the service's code, empty where it was not refused */
    char safety_number[XCALL_SAFETY_NUMBER_SIZE]; /* empty before both keys are known */
} xcall_client_call_info;

XCALL_API void xcall_client_call_info_init(xcall_client_call_info *info, uint32_t size);
/* Also of an ended call, for two minutes. */
XCALL_API int32_t xcall_client_call_get(xcall_client *client, xcall_id call,
                                        xcall_client_call_info *info);
/* The sentence for a service's code ("message_first": "Write to this person first."), English, static;
 * for an unknown code a general one. */
XCALL_API const char *xcall_client_code_text(const char *code);

#ifdef __cplusplus
}
#endif

#endif
