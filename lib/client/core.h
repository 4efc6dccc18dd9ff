/* core.h - the client without socket, thread or clock: what comes in (frames, media, the person, time)
 * leads to outputs, which its owner carries out in their order. The shell (shell.h) owns one under a
 * lock; tests drive one in virtual time.
 * Owner: whoever holds the shell's lock. Time is milliseconds that never go back.
 * SPDX-License-Identifier: MIT */
#ifndef XC_CLIENT_CORE_H
#define XC_CLIENT_CORE_H

#include <stdbool.h>

#include <xcall/client.h>

#include "client/state_file.h"

/* Of a client (docs/protocol.md section 1): more ends the connection, and would end the next one too. */
#define XC_CLIENT_REQUEST_MAX 16384u
#define XC_CLIENT_NESTING_MAX 16u
#define XC_CLIENT_FRAME_MAX 65536u  /* of the server; a longer one ends the connection */
#define XC_CLIENT_SILENCE_MS 60000u /* docs/protocol.md section 1: then connect again */

/* The client's ids of calls: no id of an engine's has this in its upper half. */
#define XC_CLIENT_CALL_TAG 0x4c43ull

enum { /* xc_client_output.type */
       XC_CLIENT_CONNECT = 1,
       XC_CLIENT_DISCONNECT, /* and do not say that it is gone */
       XC_CLIENT_FRAME,      /* text */
       XC_CLIENT_POST,       /* event, with text and protocol */
       XC_CLIENT_SAVE,       /* text: the new content of the state file */
       XC_CLIENT_MEDIA,      /* media: XC_CLIENT_MEDIA_* */
};

enum {                             /* xc_client_output.op */
       XC_CLIENT_MEDIA_CREATE = 1, /* call, answerer, video, relay; say it by .._media_created */
       XC_CLIENT_MEDIA_SIGNAL,     /* kind, text */
       XC_CLIENT_MEDIA_HANG_UP,
       XC_CLIENT_MEDIA_HOLD, /* on */
       XC_CLIENT_MEDIA_RESTART,
       XC_CLIENT_MEDIA_RELAY,   /* relayed candidates only, from here on */
       XC_CLIENT_MEDIA_SERVERS, /* urls, username, password; no urls: there are none */
       XC_CLIENT_MEDIA_LOOK,    /* say by .._figures how it goes; HANG_UP says so too, first */
};

#define XC_CLIENT_URLS_MAX 8

struct xc_client_output {
    struct xc_client_output *next;
    uint32_t type, op, kind;
    bool answerer, video, relay, on;
    xcall_id call, media;
    char *text, *protocol;
    size_t text_length;
    xcall_event event;
    char *urls[XC_CLIENT_URLS_MAX];
    char *names[XC_CLIENT_URLS_MAX]; /* the URL with a name that urls[i] was made of; NULL: none */
    uint32_t url_count;
    char *username, *password;
};

struct xc_client_core;

struct xc_client_core_config {
    const xcall_client_config *host; /* copied; engine, url, ca_file and call are not looked at */
    void (*random)(void *context, void *bytes, size_t size);
    void *context;
    struct xc_client_saved *saved; /* taken over; NULL: none */
    bool keep;                     /* there is a state file */
};

int32_t xc_client_core_create(const struct xc_client_core_config *config, uint64_t now,
                              struct xc_client_core **core);
void xc_client_core_destroy(struct xc_client_core *core);

/* The oldest output, now the caller's; NULL: none. */
struct xc_client_output *xc_client_core_output(struct xc_client_core *core);
void xc_client_output_free(struct xc_client_output *output);
uint64_t xc_client_core_deadline(const struct xc_client_core *core);
void xc_client_core_time(struct xc_client_core *core, uint64_t now);

/* The connection. */
void xc_client_core_connected(struct xc_client_core *core, uint64_t now);
/* close_code: of the server's close frame, 0: none; why: a sentence, may be NULL. */
void xc_client_core_disconnected(struct xc_client_core *core, uint64_t now, uint32_t close_code,
                                 const char *why);
void xc_client_core_heard(struct xc_client_core *core, uint64_t now);
void xc_client_core_frame(struct xc_client_core *core, uint64_t now, const char *text,
                          size_t length);
void xc_client_core_not_saved(struct xc_client_core *core, const char *why);

/* The media. */
void xc_client_core_media_created(struct xc_client_core *core, uint64_t now, xcall_id call,
                                  int32_t result, xcall_id media);
/* The engine's call of a call, 0: none. */
xcall_id xc_client_core_media(struct xc_client_core *core, xcall_id call);
/* The engine refused an operation (a signal that is no SDP, a server's URL). */
void xc_client_core_media_failed(struct xc_client_core *core, uint64_t now, xcall_id call);
/* The names of a call's relays were found: output's urls and names. */
void xc_client_core_servers_found(struct xc_client_core *core, xcall_id call,
                                  const struct xc_client_output *output);
/* Of a media call, at MEDIA_LOOK, before it is hung up, and before its ENDED. NULL: they cannot be had. */
struct xc_client_figures {
    uint64_t packets_received;
    int64_t packets_lost;
    bool relayed;
};
void xc_client_core_figures(struct xc_client_core *core, uint64_t now, xcall_id call,
                            const struct xc_client_figures *figures);
bool xc_client_core_take_event(struct xc_client_core *core, uint64_t now, const xcall_event *event);

/* The person; as the functions of client.h. */
int32_t xc_client_core_sign_in(struct xc_client_core *core, uint64_t now, bool create,
                               const char *name, const char *password, const char *label);
int32_t xc_client_core_sign_in_token(struct xc_client_core *core, uint64_t now, const char *token);
int32_t xc_client_core_sign_out(struct xc_client_core *core, uint64_t now);
int32_t xc_client_core_request(struct xc_client_core *core, uint64_t now, const char *type,
                               const char *json, uint64_t *number);
int32_t xc_client_core_message(struct xc_client_core *core, uint64_t now, const char *to,
                               const char *text, uint64_t *number);
int32_t xc_client_core_chats(struct xc_client_core *core, uint64_t now, uint64_t before,
                             uint32_t limit, uint64_t *number);
int32_t xc_client_core_read(struct xc_client_core *core, uint64_t now, const char *peer,
                            uint64_t message, uint64_t *number);
int32_t xc_client_core_call(struct xc_client_core *core, uint64_t now, const char *to,
                            uint32_t flags, xcall_id *call);
int32_t xc_client_core_woken(struct xc_client_core *core, uint64_t now, const char *call_id,
                             xcall_id *call);
/* type: XCALL_LIFE_ALERTED, ACCEPT, DECLINE, HANG_UP, HOLD or UNHOLD. */
int32_t xc_client_core_person(struct xc_client_core *core, uint64_t now, xcall_id call,
                              uint32_t type, uint32_t flags, uint32_t reason);
/* safety_number stays empty: both names and keys come out for it to be computed without a lock.
 * names[1] is empty where the peer's key is not known. */
int32_t xc_client_core_get(struct xc_client_core *core, xcall_id call, xcall_client_call_info *info,
                           char names[2][XCALL_LIFE_PEER_MAX + 1], uint8_t keys[2][32]);
/* Everything ends: calls are hung up, where a connection is there the service is told. */
void xc_client_core_close(struct xc_client_core *core, uint64_t now);

#endif
