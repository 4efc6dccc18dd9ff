/* calls_undo.c - what an input or a timer changed in the live calls, and how it is taken back where the store
 * could not carry it out: rings as they were, calls that were added gone, calls that ended alive. A batch
 * that is lost as a whole needs none of it: the calls are read again (service.c). Service thread.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "core.h"

enum { RING_CHANGED, CALL_ADDED, CALL_REMOVED, BYTES_CHANGED };

static struct call_change *note(struct calls *calls, int kind, struct live_call *call)
{
    if (calls->changes_count == calls->changes_capacity) {
        size_t capacity = calls->changes_capacity ? calls->changes_capacity * 2 : 16;
        struct call_change *changes = realloc(calls->changes, capacity * sizeof *changes);
        if (!changes) {
            calls->changes_lost = true;
            return &calls->no_change;
        }
        calls->changes = changes;
        calls->changes_capacity = capacity;
    }
    struct call_change *change = &calls->changes[calls->changes_count++];
    change->kind = kind;
    change->call = call;
    return change;
}

void call_changes(struct calls *calls, struct live_call *call)
{
    note(calls, RING_CHANGED, call)->before.ring = call->ring;
}

void call_added(struct calls *calls, struct live_call *call)
{
    note(calls, CALL_ADDED, call);
}

void call_removed(struct calls *calls, struct live_call *call)
{
    note(calls, CALL_REMOVED, call);
}

void call_bytes_change(struct calls *calls, void *at, size_t size)
{
    struct call_change *change = note(calls, BYTES_CHANGED, NULL);
    change->at = at;
    change->size = size < sizeof change->before.bytes ? size : sizeof change->before.bytes;
    memcpy(change->before.bytes, at, change->size);
}

void calls_step(struct service *service)
{
    service->calls->changes_count = 0;
    service->calls->changes_lost = false;
}

static void ring_back(struct service *service, struct live_call *call, const struct ring *before)
{
    const struct call_row *row = &call->ring.row;
    uint64_t *live = service->calls->figures.live[row->video];
    if (row->state != before->row.state) {
        if (row->state != CALL_ENDED)
            live[row->state]--;
        if (before->row.state != CALL_ENDED)
            live[before->row.state]++;
    }
    call->ring = *before;
    if (!call->dead)
        live_timer(service, call);
}

static void is_off(struct service *service, struct live_call *call, int type, int32_t dev)
{
    struct ring after;
    struct ring_effects effects;
    struct ring_event event = {.type = type, .dev = dev};
    (void)ring_step(&call->ring, gatekeeper_policy(service->gatekeeper), service->now, &event,
                    &after, &effects);
    call->ring = after;
    tell_effects(service, call, &effects, NULL, NULL); /* a push for a device that rang */
}

/* Who is connected is not undone: a socket that is gone is gone. */
static void look_who_is_here(struct service *service, struct live_call *call)
{
    const struct call_row *row = &call->ring.row;
    if (call->ring.caller_on && !session_of(service, row->caller, row->caller_dev))
        is_off(service, call, RING_CALLER_OFF, row->caller_dev);
    if (call->ring.callee_on && !session_of(service, row->callee, row->callee_dev))
        is_off(service, call, RING_CALLEE_OFF, row->callee_dev);
    for (uint32_t i = 0; row->state == CALL_RINGING && i < call->ring.leg_count; i++) {
        struct ring_leg leg = call->ring.legs[i];
        if (leg.state == LEG_RINGS && !leg.pushed && !session_of(service, row->callee, leg.dev))
            is_off(service, call, RING_CALLEE_OFF, leg.dev);
    }
    live_timer(service, call);
}

void calls_look(struct service *service, int64_t user)
{
    for (int side = 0; side < 2; side++) {
        struct live_call *call = live_of(service->calls, side, user, NULL);
        for (; call; call = live_of(service->calls, side, user, call))
            look_who_is_here(service, call);
    }
}

static void take_back(struct service *service, size_t at)
{
    struct calls *calls = service->calls;
    const struct call_change *change = &calls->changes[at];
    struct live_call *call = change->call;
    switch (change->kind) {
    case RING_CHANGED:
        ring_back(service, call, &change->before.ring);
        break;
    case CALL_ADDED:
        if (call->ring.row.state != CALL_ENDED)
            calls->figures.live[call->ring.row.video][call->ring.row.state]--;
        live_remove(calls, call);
        break;
    case CALL_REMOVED:
        live_revive(service, call);
        break;
    default:
        memcpy(change->at, change->before.bytes, change->size);
        break;
    }
}

bool calls_step_undo(struct service *service)
{
    struct calls *calls = service->calls;
    size_t count = calls->changes_count;
    if (calls->changes_lost)
        return false;
    for (size_t i = count; i-- > 0;)
        take_back(service, i);
    for (size_t i = 0; i < count; i++) {
        struct live_call *call = calls->changes[i].call;
        if (call && !call->dead)
            look_who_is_here(service, call);
    }
    calls_step(service);
    return true;
}
