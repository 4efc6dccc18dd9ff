/* scripted.h - one core with a server, an engine and a person that a test writes line by line, in
 * virtual time. Frames that left are kept, media that was asked for is made up, events are counted.
 * SPDX-License-Identifier: MIT */
#ifndef XC_TESTS_SCRIPTED_H
#define XC_TESTS_SCRIPTED_H

#include <jansson.h>

#include "client/core_state.h"

#define SCRIPTED_MAX 64

struct scripted {
    struct xc_client_core *core;
    uint64_t now;
    bool wants_link, linked;
    bool mute; /* the server does not say ok to what a call only tells it */
    int64_t acked;
    uint32_t connects, disconnects;
    uint64_t link_asked_at;
    json_t *frames[SCRIPTED_MAX]; /* not yet looked at */
    uint32_t frame_count;
    /* the newest events */
    uint32_t session, session_count;
    char session_text[64], session_name[64];
    int32_t session_code;
    uint32_t call_state, call_reason, call_flags, call_events, call_ended;
    xcall_id call, call_media;
    char call_text[64], call_peer[64];
    uint32_t messages, message_flags, answers;
    char message[64], message_from[64], answer[256], answer_type[40];
    int32_t answer_code;
    uint32_t reads;
    xcall_id read_to;
    char read_with[64];
    uint64_t answer_number;
    /* media */
    uint32_t created, signals, hang_ups, holds, restarts, relays, servers;
    uint32_t without_servers; /* the call was told that there are none */
    bool answerer, video, relay, hold, fail_create, silent_media;
    xcall_id media, media_call;
    char signal[4096], server_url[64], server_user[64], server_urls[512]; /* with spaces between */
    uint32_t server_count;
    uint32_t signal_kind;
    char *saved;
    uint32_t looks, qualities; /* call.quality is answered and counted only; the newest is kept */
    struct xc_client_figures figures;
    json_t *quality;
};

/* A peer's device for bodies: its key is all ones. */
#define PEER_SEED 1

void scripted_open(struct scripted *s, uint32_t flags);
void scripted_open_saved(struct scripted *s, const char *text); /* with this state file */
void scripted_close(struct scripted *s);
void scripted_run(struct scripted *s);               /* outputs */
void scripted_wait(struct scripted *s, uint64_t ms); /* and time, by deadlines */
void scripted_link(struct scripted *s);              /* the connection asked for is there */
void scripted_drop(struct scripted *s, uint32_t code);
void scripted_say(struct scripted *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The oldest frame that left, which must be of this type; kept until the next. */
const json_t *scripted_heard(struct scripted *s, const char *type);
bool scripted_silent(struct scripted *s);
const char *text_at(const json_t *frame, const char *path); /* "b.body.type" */
/* ok or err of a frame that was heard. body: JSON without its braces. */
void scripted_ok(struct scripted *s, const json_t *frame, const char *body);
void scripted_err(struct scripted *s, const json_t *frame, const char *body);
/* Signs in as alice and is online; server's sq is 10. */
void scripted_online(struct scripted *s);
/* The connection is there again, and the service resumes or sends this snapshot ("[...]"). */
void scripted_back(struct scripted *s, const char *epoch, const char *calls);

/* A body of the peer's, JSON. */
char *peer_body(const char *call, const char *type, const char *from, const char *to, uint8_t seed);
char *peer_body_later(const char *call, const char *type, const char *from, const char *to,
                      uint8_t byte, uint32_t seq);
/* An event of the engine's for the newest media call; whether the client took it. */
bool scripted_media(struct scripted *s, uint32_t type, uint32_t value, const char *text);
void scripted_incoming(struct scripted *s, const char *call, const char *from, uint32_t sq,
                       const char *more);
extern const char scripted_sdp[];

#endif
