/* life.h - the desk: all calls of a device, from the first ring to the last word; see xcall/life.h.
 * Of fixed size, in memory that the caller has; one thread at a time. Time is milliseconds of a clock
 * that the host owns, handed in with every input.
 *
 *   life.c         the desk: slots, deadlines, the queue of actions, what every input goes through
 *   life_table.c   state x input: which step is taken
 *   life_steps.c   the steps that are about one call
 *   life_join.c    the steps that are about several: placing, accepting, glare, call waiting
 *
 * SPDX-License-Identifier: MIT */
#ifndef XC_CALL_LIFE_H
#define XC_CALL_LIFE_H

#include <xcall/life.h>

#include "base/base.h"

#define XC_DESK_CALLS_MAX 16 /* calls that are not ended */
#define XC_DESK_SLOTS                                                                              \
    80 /* these and ended ones; when all are taken, the first ended is forgotten */
/* An input ends or holds each call at most once (3 actions each), tells of each once more, and begins
 * one (4). */
#define XC_DESK_ACTIONS_MAX (XC_DESK_CALLS_MAX * 4 + 16)
#define XC_DESK_RING_MS_MAX 90000u
/* Calling goes on this long after the carrier is back, so that its news come before the deadline. */
#define XC_DESK_CATCH_UP_MS 5000u

struct xc_life_call {
    uint8_t id[16];
    uint32_t state, reason, flags, rev; /* flags: VIDEO, OUTGOING, WAITING, HELD, REMOTE_HELD */
    uint64_t order;                     /* of calls, by when they came */
    uint64_t placed_ms, accepted_ms, active_ms, ended_ms;
    uint64_t due_ms;   /* the state's deadline; XC_NEVER */
    uint64_t reach_ms; /* CALLING: until somebody rings */
    bool media;        /* START_MEDIA without END_MEDIA */
    bool told;         /* RINGING_IN: the person knows */
    bool alerted;      /* SEND_ALERTING was */
    bool hung_up;      /* ENDED: the carrier, which held it for joined, was told */
    bool merged;       /* ENDED: by the carrier's verdict, not by this side's */
    char peer[XCALL_LIFE_PEER_MAX + 1];
};

struct xc_desk {
    struct xcall_desk_config config;
    uint64_t now_ms, order;
    uint64_t stale; /* news that changed nothing */
    bool carrier_lost;
    uint32_t action_first, action_count;
    struct xcall_life_action actions[XC_DESK_ACTIONS_MAX];
    struct xc_life_call calls[XC_DESK_SLOTS];
};

/* NULL, or what is wrong with the configuration. */
const char *xc_desk_check(const struct xcall_desk_config *config);
void xc_desk_init(struct xc_desk *desk, const struct xcall_desk_config *config);
int32_t xc_desk_input(struct xc_desk *desk, const struct xcall_life_input *input);
bool xc_desk_next_action(struct xc_desk *desk, struct xcall_life_action *action);
uint64_t xc_desk_deadline(const struct xc_desk *desk); /* XC_NEVER */
/* NULL: not on the desk. */
const struct xc_life_call *xc_desk_call(const struct xc_desk *desk, const uint8_t id[16]);
uint32_t xc_desk_calls(const struct xc_desk *desk, uint8_t (*calls)[16], uint32_t capacity);

/* NULL for a number that is none. */
const char *xc_life_state_name(uint32_t state);
const char *xc_life_reason_name(uint32_t reason);

#endif
