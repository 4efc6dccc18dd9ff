/* life_desk.h - a desk to play on: inputs in one line, actions as one line of words.
 *
 * Calls have ids of one letter. An action is "a.invite"; what is told is "a=state", with "/reason" when
 * ended and "+" and letters for flags: v video, w waiting, h held, r held by the peer.
 * SPDX-License-Identifier: MIT */
#ifndef LIFE_DESK_H
#define LIFE_DESK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "call/life.h"

static struct xc_desk desk;
static uint64_t now_ms;
static int32_t result; /* of the last input */
static char said[4096];

static inline void begin(uint32_t flags)
{
    struct xcall_desk_config config;
    xcall_desk_config_init(&config, sizeof config);
    config.flags = flags;
    xc_desk_init(&desk, &config);
    now_ms = 1000000;
}

static inline void say_flags(char *text, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *letter;
    } letters[] = {{XCALL_LIFE_VIDEO, "v"},
                   {XCALL_LIFE_WAITING, "w"},
                   {XCALL_LIFE_HELD, "h"},
                   {XCALL_LIFE_REMOTE_HELD, "r"}};
    bool first = true;
    for (uint32_t i = 0; i < XC_ARRAY_LEN(letters); i++) {
        if (!(flags & letters[i].flag))
            continue;
        strcat(text, first ? "+" : "");
        strcat(text, letters[i].letter);
        first = false;
    }
}

static inline void say(const struct xcall_life_action *action)
{
    static const char *const names[] = {"",       "invite", "alerting", "accept",     "decline",
                                        "cancel", "hangup", "media_up", "media_lost", "start",
                                        "end",    "hold",   "unhold",   "restart"};
    char *at = said + strlen(said);
    at += sprintf(at, "%s%c", said[0] ? " " : "", action->call[0]);
    if (action->type != XCALL_LIFE_TELL) {
        assert_in_range(action->type, 1, 13);
        sprintf(at, ".%s", names[action->type]);
        return;
    }
    at += sprintf(at, "=%s", xcall_life_state_name(action->state));
    if (action->state == XCALL_LIFE_ENDED)
        sprintf(at, "/%s", xcall_life_reason_name(action->reason));
    say_flags(at, action->flags);
}

/* What came of it, in words, until the next input. */
static inline const char *feed(const struct xcall_life_input *input)
{
    struct xcall_life_action action;
    said[0] = '\0';
    result = xc_desk_input(&desk, input);
    while (xc_desk_next_action(&desk, &action))
        say(&action);
    return said;
}

static inline struct xcall_life_input input_of(uint32_t type, char call)
{
    struct xcall_life_input input = {.size = sizeof input, .type = type, .now_ms = now_ms};
    if (call)
        memset(input.call, call, 16);
    return input;
}

static inline const char *in(uint32_t type, char call)
{
    struct xcall_life_input input = input_of(type, call);
    return feed(&input);
}

static inline const char *in_reason(uint32_t type, char call, uint32_t reason)
{
    struct xcall_life_input input = input_of(type, call);
    input.reason = reason;
    return feed(&input);
}

static inline const char *in_flags(uint32_t type, char call, uint32_t flags)
{
    struct xcall_life_input input = input_of(type, call);
    input.flags = flags;
    return feed(&input);
}

static inline const char *in_rev(uint32_t type, char call, uint32_t rev)
{
    struct xcall_life_input input = input_of(type, call);
    input.rev = rev;
    return feed(&input);
}

/* PLACE and INCOMING. */
static inline const char *of_peer(uint32_t type, char call, const char *peer, uint32_t flags)
{
    struct xcall_life_input input = input_of(type, call);
    input.peer = peer;
    input.flags = flags;
    return feed(&input);
}

static inline const char *merged(char call, char other)
{
    struct xcall_life_input input = input_of(XCALL_LIFE_MERGED, call);
    memset(input.other, other, 16);
    input.peer = "bob";
    return feed(&input);
}

static inline const char *after(uint64_t ms)
{
    now_ms += ms;
    return in(XCALL_LIFE_TIME, 0);
}

static inline const struct xc_life_call *look(char call)
{
    uint8_t id[16];
    memset(id, call, 16);
    return xc_desk_call(&desk, id);
}

static inline uint32_t state_of(char call)
{
    const struct xc_life_call *found = look(call);
    return found ? found->state : XCALL_LIFE_IDLE;
}

#endif
