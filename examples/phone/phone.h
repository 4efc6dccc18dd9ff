/* phone.h - xcall-phone: one account's line to the call service, its calls, the media of one of them.
 *
 *   stdin lines --commands.c--> libxcall-client --events--> show.c --> stdout lines
 *                                      '--> the engine's call --> call_media.c (examples/peer)
 *
 * One thread but for the media's own (examples/peer/media.h).
 * SPDX-License-Identifier: MIT */
#ifndef PHONE_PHONE_H
#define PHONE_PHONE_H

#include <stdbool.h>
#include <xcall/client.h>
#include <xcall/xcall.h>

#include "../peer/peer.h"

#define PHONE_CALLS_MAX 4

enum { EXIT_DONE = 0, EXIT_FAILED = 1 };

struct phone_options {
    const char *url, *ca_file, *state_file, *token_file;
    char state_beside[4096]; /* state_file of a token_file alone */
    const char *answer;      /* auto: "never", "audio", "video" */
    bool json, relay_only, waiting, audio_only, echo, help;
    struct peer_options media; /* sources, sizes, files */
};

struct phone_call {
    xcall_id id; /* 0: a free place */
    xcall_id media;
    uint32_t state, flags;
    char peer[XCALL_LIFE_PEER_MAX + 1];
};

/* What a script waits for before its next line is read. */
struct phone_wait {
    bool on;
    const char *what; /* static: "online", "incoming", ...; "" for a time alone */
    uint64_t until_ns;
};

struct phone {
    struct phone_options options;
    xcall_engine *engine;
    xcall_client *client;
    struct line_reader reader;
    char name[64];    /* of the account, once known */
    uint32_t session; /* XCALL_CLIENT_* */
    bool quitting, input_ended;
    uint64_t quit_ns;
    uint64_t away_ns; /* when the service was last there */
    int exit_code;
    uint32_t answers_wanted; /* requests that are not answered yet */
    bool leaving;            /* a sign-out that the client has not told the end of yet */
    xcall_id placing;     /* a call that the service has not decided on yet, as far as is known */
    uint64_t placing_ns;  /* when it was placed */
    bool refused;         /* a call was, and no `wait refused` has asked for it since */
    char password_of[64]; /* the next line is the password of this account; empty: no */
    bool password_new;
    struct phone_wait wait;
    char heard[4096]; /* events since the last `wait` that one may wait for: words between spaces */
    struct phone_call calls[PHONE_CALLS_MAX];
    /* the media of one call */
    struct peer media;
    xcall_id media_of; /* the client's call; 0: none runs */
};

/* main.c */
void phone_fail(struct phone *phone, const char *format, ...) __attribute__((format(printf, 2, 3)));
void phone_quit(struct phone *phone);

/* token.c: the token of options.token_file, and where the device's key is kept that goes with it. -1: told. */
int phone_token_read(struct phone_options *options, char token[128]);

/* options.c: OPTIONS_RUN, OPTIONS_HELP or OPTIONS_BAD (told on stderr) */
int phone_options_parse(struct phone_options *options, int argc, char **argv);

/* commands.c */
void phone_command(struct phone *phone, char *line);
/* Has what a `wait` waits for come, or the time gone by? */
void phone_wait_check(struct phone *phone, uint64_t now_ns);
struct phone_call *phone_call_find(struct phone *phone, xcall_id id);

/* show.c: every line on stdout */
void phone_say(struct phone *phone, const char *event, json_t *facts, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void phone_heard(struct phone *phone, const char *what);
void phone_event(struct phone *phone, const xcall_event *event);

/* call_media.c */
/* Opens sources and files and starts the media threads of this call. */
void phone_media_start(struct phone *phone, const struct phone_call *call);
void phone_media_connected(struct phone *phone);
void phone_media_event(struct phone *phone, const xcall_event *event);
void phone_media_tick(struct phone *phone, uint64_t now_ns);
/* The engine's call ended, or is about to be let go: last figures, files closed. */
void phone_media_stop(struct phone *phone, uint32_t reason, const char *text);
/* Collects the last of it before a hang-up. */
void phone_media_hang_up(struct phone *phone);
/* The configuration that the client makes its media calls of. */
void phone_media_configure(const struct phone_options *options, xcall_call_config *config);

#endif
