/* life_steps.c - the steps of a call's life that are about this call alone; life_table.c says in which
 * states each is taken. SPDX-License-Identifier: MIT */
#include "call/life_steps.h"

#define STEP(name)                                                                                 \
    int32_t xc_life_##name(struct xc_desk *desk, struct xc_life_call *call,                        \
                           const struct xcall_life_input *input)

STEP(nothing)
{
    (void)desk, (void)call, (void)input;
    return XCALL_OK;
}

STEP(refuse)
{
    (void)desk, (void)call, (void)input;
    return XCALL_E_STATE;
}

STEP(stale)
{
    (void)call, (void)input;
    desk->stale++;
    return XCALL_OK;
}

/* --- the person -------------------------------------------------------------------------------- */

STEP(alerted)
{
    (void)input;
    if (!call->alerted)
        xc_desk_act(desk, call, XCALL_LIFE_SEND_ALERTING, XCALL_LIFE_END_NONE, 0);
    call->alerted = true;
    return XCALL_OK;
}

STEP(decline)
{
    uint32_t reason = input->type == XCALL_LIFE_DECLINE && input->reason ? input->reason
                                                                         : XCALL_LIFE_END_DECLINED;
    xc_desk_end(desk, call, reason, XCALL_LIFE_SEND_DECLINE);
    return XCALL_OK;
}

STEP(cancel)
{
    (void)input;
    xc_desk_end(desk, call, XCALL_LIFE_END_CANCELLED, XCALL_LIFE_SEND_CANCEL);
    return XCALL_OK;
}

STEP(hang_up)
{
    xc_desk_end(desk, call, input->reason ? input->reason : XCALL_LIFE_END_HANGUP,
                XCALL_LIFE_SEND_HANG_UP);
    return XCALL_OK;
}

STEP(hold)
{
    (void)input;
    xc_desk_hold(desk, call, true);
    return XCALL_OK;
}

/* --- the carrier ------------------------------------------------------------------------------- */

STEP(ringing)
{
    (void)input;
    call->state = XCALL_LIFE_RINGING_OUT;
    xc_desk_tell(desk, call);
    return XCALL_OK;
}

STEP(accepted)
{
    (void)input;
    xc_desk_connect(desk, call);
    xc_desk_tell(desk, call);
    return XCALL_OK;
}

/* Our cancel and their accept have met: a carrier that took the accept first needs a hang-up (as SIP's
 * BYE after a 200 that crossed a CANCEL, RFC 3261 section 9.1). To others it says nothing new. */
STEP(accepted_late)
{
    if (!(call->flags & XCALL_LIFE_OUTGOING) || call->accepted_ms || call->hung_up)
        return xc_life_stale(desk, call, input);
    call->hung_up = true;
    xc_desk_act(desk, call, XCALL_LIFE_SEND_HANG_UP, call->reason, 0);
    return XCALL_OK;
}

STEP(taken)
{
    if (call->flags & XCALL_LIFE_OUTGOING)
        return xc_life_stale(desk, call, input);
    return XCALL_OK;
}

STEP(refused)
{
    xc_desk_end(desk, call, input->reason ? input->reason : XCALL_LIFE_END_DENIED, 0);
    return XCALL_OK;
}

/* Without a reason: what it would be called from here. */
static uint32_t reason_of(const struct xc_life_call *call)
{
    if (call->state == XCALL_LIFE_RINGING_IN)
        return XCALL_LIFE_END_CANCELLED;
    return xc_life_rings_out(call) ? XCALL_LIFE_END_NO_ANSWER : XCALL_LIFE_END_HANGUP;
}

STEP(ended)
{
    xc_desk_end(desk, call, input->reason ? input->reason : reason_of(call), 0);
    return XCALL_OK;
}

/* The end has overtaken the beginning, which must not ring when it comes. */
STEP(entomb)
{
    call = xc_desk_add(desk, input->call, NULL, XCALL_LIFE_ENDED, 0);
    call->reason = input->reason ? input->reason : XCALL_LIFE_END_CANCELLED;
    call->rev = input->rev;
    return XCALL_OK;
}

static int32_t set_remote_hold(struct xc_desk *desk, struct xc_life_call *call, uint32_t held)
{
    if ((call->flags & XCALL_LIFE_REMOTE_HELD) == held)
        return XCALL_OK;
    call->flags ^= XCALL_LIFE_REMOTE_HELD;
    xc_desk_tell(desk, call);
    return XCALL_OK;
}

STEP(remote_hold)
{
    (void)input;
    return set_remote_hold(desk, call, XCALL_LIFE_REMOTE_HELD);
}

STEP(remote_unhold)
{
    (void)input;
    return set_remote_hold(desk, call, 0);
}

STEP(catch_up)
{
    (void)input;
    call->reach_ms = XC_MAX(call->reach_ms, desk->now_ms + XC_DESK_CATCH_UP_MS);
    return XCALL_OK;
}

STEP(restart)
{
    (void)input;
    xc_desk_act(desk, call, XCALL_LIFE_RESTART_MEDIA, XCALL_LIFE_END_NONE, 0);
    return XCALL_OK;
}

/* --- the media --------------------------------------------------------------------------------- */

STEP(media_up)
{
    (void)input;
    call->state = XCALL_LIFE_ACTIVE;
    call->due_ms = XC_NEVER;
    if (!call->active_ms)
        call->active_ms = desk->now_ms;
    xc_desk_act(desk, call, XCALL_LIFE_SEND_MEDIA_UP, XCALL_LIFE_END_NONE, 0);
    xc_desk_tell(desk, call);
    return XCALL_OK;
}

STEP(media_lost)
{
    (void)input;
    call->state = XCALL_LIFE_RECONNECTING;
    call->due_ms = desk->now_ms + desk->config.media_lost_ms;
    xc_desk_act(desk, call, XCALL_LIFE_SEND_MEDIA_LOST, XCALL_LIFE_END_NONE, 0);
    xc_desk_tell(desk, call);
    return XCALL_OK;
}

STEP(media_failed)
{
    bool was_up = call->state == XCALL_LIFE_ACTIVE || call->state == XCALL_LIFE_RECONNECTING;
    uint32_t reason = input->reason ? input->reason
                      : was_up      ? XCALL_LIFE_END_MEDIA_LOST
                                    : XCALL_LIFE_END_FAILED_CONNECT;
    xc_desk_end(desk, call, reason,
                xc_life_rings_out(call) ? XCALL_LIFE_SEND_CANCEL : XCALL_LIFE_SEND_HANG_UP);
    return XCALL_OK;
}
