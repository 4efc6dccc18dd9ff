/* life_state.h - between the files of the desk only. SPDX-License-Identifier: MIT */
#ifndef XC_CALL_LIFE_STATE_H
#define XC_CALL_LIFE_STATE_H

#include "call/life.h"

/* A step of the table. `call` is NULL in the column IDLE. */
typedef int32_t xc_life_step(struct xc_desk *desk, struct xc_life_call *call,
                             const struct xcall_life_input *input);

/* life_table.c */
xc_life_step *xc_life_step_of(uint32_t state, uint32_t input);

/* life.c */
static inline bool xc_life_live(const struct xc_life_call *call)
{
    return call->state != XCALL_LIFE_IDLE && call->state != XCALL_LIFE_ENDED;
}

static inline bool xc_life_rings_out(const struct xc_life_call *call)
{
    return call->state == XCALL_LIFE_CALLING || call->state == XCALL_LIFE_RINGING_OUT;
}

struct xc_life_call *xc_desk_find(struct xc_desk *desk, const uint8_t id[16]);
uint32_t xc_desk_live(const struct xc_desk *desk);
/* There is always room: the first of the ended ones goes. */
struct xc_life_call *xc_desk_add(struct xc_desk *desk, const uint8_t id[16], const char *peer,
                                 uint32_t state, uint32_t flags);
void xc_desk_act(struct xc_desk *desk, const struct xc_life_call *call, uint32_t type,
                 uint32_t reason, uint32_t flags);
void xc_desk_tell(struct xc_desk *desk, struct xc_life_call *call);
void xc_desk_start_media(struct xc_desk *desk, struct xc_life_call *call, uint32_t flags);
/* Ends it: `send` (an action, or 0) goes to the peer's side, media ends, the person is told. */
void xc_desk_end(struct xc_desk *desk, struct xc_life_call *call, uint32_t reason, uint32_t send);
/* The call is the one that both sides take part in now. */
void xc_desk_connect(struct xc_desk *desk, struct xc_life_call *call);
void xc_desk_hold(struct xc_desk *desk, struct xc_life_call *call, bool hold);

/* life_steps.c: news that are late, or come twice */
xc_life_step xc_life_stale;

/* life_join.c */
xc_life_step xc_life_place, xc_life_accept, xc_life_incoming, xc_life_merged, xc_life_release,
    xc_life_unhold;

#endif
