/* wake.c - calls that a push named (docs/protocol.md section 2, wake_call): the host has a call before
 * the service has said what it is. One goes with the hello; for others, and where the hello has left, the
 * service is asked for its calls.
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#include <string.h>

#include "client/bodies.h"

#define WAKE_MS 90000u /* the longest ring_ms: a call that was placed before is over then */

bool xc_client_awaited(const struct xc_client_call *call)
{
    return call->woken && call->wake_until;
}

void xc_client_wake_over(struct xc_client_core *core, struct xc_client_call *call, uint32_t reason)
{
    call->wake_until = 0;
    call->state = XCALL_LIFE_ENDED;
    call->reason = reason;
    call->ended_at = core->now;
    xc_client_tell(core, call);
}

int32_t xc_client_core_woken(struct xc_client_core *core, uint64_t now, const char *text,
                             xcall_id *out)
{
    uint8_t uuid[16];
    core->now = now;
    if (!text || !xc_uuid_read(text, uuid))
        return XCALL_E_INVALID;
    if (core->auth != XC_AUTH_TOKEN || core->signing_out)
        return XCALL_E_STATE;
    struct xc_client_call *call = xc_client_find_uuid(core, text);
    if (call && !xc_client_awaited(call))
        xc_client_tell(core, call);
    if (!call) {
        call = xc_client_call_new(core, uuid, "");
        if (!call)
            return XCALL_E_LIMIT;
        call->woken = true;
        call->wake_until = now + WAKE_MS;
        if (core->link == XC_LINK_READY && !core->syncing)
            xc_client_wake_ready(core);
    }
    *out = call->id;
    if (core->link == XC_LINK_NONE && core->connect_at > now)
        core->connect_at = now; /* a device that was woken has a network */
    xc_client_core_time(core, now);
    return XCALL_OK;
}

void xc_client_wake_hello(struct xc_client_core *core, json_t *body)
{
    struct xc_client_call *newest = NULL;
    for (struct xc_client_call *call = core->calls; call < core->calls + XC_CALLS_MAX; call++)
        if (call->id && xc_client_awaited(call) && (!newest || call->id > newest->id))
            newest = call;
    if (!newest || !body)
        return;
    newest->wake_asked = true;
    json_object_set_new(body, "wake_call", json_string(newest->text));
}

void xc_client_wake_ready(struct xc_client_core *core)
{
    for (struct xc_client_call *call = core->calls; call < core->calls + XC_CALLS_MAX; call++)
        if (call->id && xc_client_awaited(call) && !call->wake_asked &&
            (xc_client_asks(core, XC_REQUEST_SYNC, call->id) ||
             xc_client_ask(core, XC_REQUEST_SYNC, "sync", call, NULL, NULL) == XCALL_OK))
            call->wake_asked = true;
}

void xc_client_wake_lost(struct xc_client_core *core)
{
    for (struct xc_client_call *call = core->calls; call < core->calls + XC_CALLS_MAX; call++)
        call->wake_asked = false;
}

/* The service's calls, asked for because of this one; what rings was taken from them already. */
void xc_client_wake_synced(struct xc_client_core *core, xcall_id id, const json_t *body)
{
    struct xc_client_call *call = xc_client_find(core, id);
    json_t *calls = json_object_get(body, "calls"), *entry;
    size_t index;
    if (!call || !xc_client_awaited(call))
        return;
    json_array_foreach(calls, index, entry)
    {
        const char *text = json_string_value(json_object_get(entry, "call"));
        if (text && !strcmp(text, call->text))
            return; /* without its body: it follows */
    }
    xc_client_wake_over(core, call, XCALL_LIFE_END_CANCELLED);
}

void xc_client_wake_time(struct xc_client_core *core, struct xc_client_call *call)
{
    if (call->id && call->wake_until && core->now >= call->wake_until)
        xc_client_wake_over(core, call, XCALL_LIFE_END_SIGNAL_LOST);
}
