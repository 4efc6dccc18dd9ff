/* quality.c - call.quality (docs/protocol.md section 4): how a call was, told to the service once when it is
 * over. Times from the accept on; counts; no address and no name.
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#define LOOK_MS 50u /* how well the beginning of media is known */
#define LOOK_LONG_MS 10000u
#define MS_MAX 600000 /* of the protocol */

void xc_client_quality_up(struct xc_client_core *core, struct xc_client_call *call)
{
    if (call->up_at)
        return;
    call->up_at = core->now;
    call->look_at = core->now;
}

void xc_client_quality_time(struct xc_client_core *core, struct xc_client_call *call)
{
    if (!call->id || !call->look_at || core->now < call->look_at)
        return;
    call->look_at = 0;
    if (call->media_state == XC_MEDIA_LIVE)
        xc_client_put_media(core, call, XC_CLIENT_MEDIA_LOOK);
}

static json_int_t since_accept(const struct xc_client_call *call, uint64_t at)
{
    if (!at || !call->accepted_at)
        return -1;
    uint64_t ms =
        at > call->accepted_at ? at - call->accepted_at : 0; /* a callee's may be sooner */
    return ms < MS_MAX ? (json_int_t)ms : MS_MAX;
}

static json_int_t loss_permille(const struct xc_client_figures *figures)
{
    uint64_t lost = figures->packets_lost > 0 ? (uint64_t)figures->packets_lost : 0;
    uint64_t sent = figures->packets_received + lost;
    return sent ? (json_int_t)(lost * 1000 / sent) : -1;
}

static void say(struct xc_client_core *core, struct xc_client_call *call)
{
    call->quality_due = false;
    if (core->auth != XC_AUTH_TOKEN || core->signing_out)
        return; /* it would be another session's word */
    json_t *body = json_pack(
        "{s:I, s:I, s:I, s:b, s:s}", "setup_ms", since_accept(call, call->up_at), "first_media_ms",
        since_accept(call, call->media_at), "loss_permille", loss_permille(&call->figures), "relay",
        call->relay || call->figures.relayed, "end", xcall_life_reason_name(call->reason));
    if (body)
        xc_client_ask(core, XC_REQUEST_TOLD, "call.quality", call, body, NULL);
}

/* The call has just ended. */
void xc_client_quality_end(struct xc_client_core *core, struct xc_client_call *call)
{
    call->look_at = 0;
    if (!call->agreed)
        return; /* nobody had accepted: the service knows all there is */
    call->quality_due = true;
    if (!call->figures_coming)
        say(core, call);
}

void xc_client_core_figures(struct xc_client_core *core, uint64_t now, xcall_id id,
                            const struct xc_client_figures *figures)
{
    struct xc_client_call *call = xc_client_find(core, id);
    core->now = now;
    if (!call)
        return;
    if (figures)
        call->figures = *figures;
    if (call->media_state != XC_MEDIA_LIVE)
        call->figures_coming = false;
    if (call->figures.packets_received && call->up_at && !call->media_at)
        call->media_at = now;
    if (call->quality_due && !call->figures_coming)
        say(core, call);
    else if (call->up_at && !call->media_at && call->state != XCALL_LIFE_ENDED &&
             now - call->up_at < LOOK_LONG_MS)
        call->look_at = now + LOOK_MS;
}
