/* calls_tell.c - from ring.c's effects to frames, limits and pushes. What a side sees is ring_view's alone: the
 * frame of a caller that was blocked is, byte for byte, that of an ordinary hang-up. Service thread.
 * SPDX-License-Identifier: MIT */
#include "calls.h"

#include <string.h>
#include <xcall/life.h>

json_t *call_frame(const char *type, const uint8_t call[CALL_ID_SIZE], uint32_t rev, json_t *body)
{
    char id[37];
    call_id_text(call, id);
    return json_pack("{s:s,s:s,s:I,s:o}", "t", type, "call", id, "rev", (json_int_t)rev, "b", body);
}

json_t *stored_body(struct service *service, const uint8_t call[CALL_ID_SIZE], bool answer)
{
    struct call_row row;
    if (store_call_get(service->store, call, &row) != STORE_OK)
        return json_null();
    const char *text = answer ? row.answer : row.offer;
    json_t *body = text ? json_loads(text, 0, NULL) : NULL;
    return body ? body : json_null();
}

json_t *incoming_body(const struct service *service, const struct live_call *call, json_t *offer)
{
    const struct call_row *row = &call->ring.row;
    return json_pack("{s:s,s:s,s:O,s:I,s:b}", "from", call->caller_name, "media",
                     row->video ? "v" : "a", "body", offer, "ring_left_ms",
                     (json_int_t)(row->ring_deadline_ms - service->now), "relay", row->relay);
}

static void deliver(struct service *service, int64_t user, int32_t dev, int32_t except,
                    json_t *frame, unsigned flags)
{
    if (frame)
        (void)service->bus.deliver(service->bus.context, user, dev, except, frame, flags);
    json_decref(frame);
}

static json_t *state_body(const struct ring_view *view, int32_t by_dev)
{
    json_t *body = json_pack("{s:s}", "st", view->st);
    if (view->end)
        (void)json_object_set_new(body, "end", json_string(end_name(view->end)));
    if (view->reached && strcmp(view->st, "ringing") == 0)
        (void)json_object_set_new(body, "reached", json_true());
    if (by_dev)
        (void)json_object_set_new(body, "by_dev", json_integer(by_dev));
    return body;
}

void tell_state(struct service *service, int64_t user, int32_t dev,
                const uint8_t call[CALL_ID_SIZE], const struct ring_view *view)
{
    deliver(service, user, dev, 0, call_frame("call.state", call, view->rev, state_body(view, 0)),
            OUT_STATE);
}

/* The answer goes to the device that placed the call, in a frame that no later state may take the place of. */
static void tell_caller(struct service *service, struct live_call *call,
                        const struct ring_effects *effects, json_t *answer)
{
    const struct call_row *row = &call->ring.row;
    struct ring_view view = ring_view_caller(&call->ring);
    int32_t by_dev = effects->by_caller ? effects->by_dev : 0;
    bool accepted = row->state == CALL_ACCEPTED && answer;
    if (accepted) {
        json_t *body = state_body(&view, by_dev);
        (void)json_object_set(body, "body", answer);
        (void)json_object_set_new(body, "relay", json_boolean(row->relay));
        deliver(service, row->caller, row->caller_dev, 0,
                call_frame("call.state", row->id, view.rev, body), 0);
    }
    deliver(service, row->caller, 0, accepted ? row->caller_dev : 0,
            call_frame("call.state", row->id, view.rev, state_body(&view, by_dev)), OUT_STATE);
}

static void tell_callee(struct service *service, struct live_call *call,
                        const struct ring_effects *effects, int32_t dev, uint32_t end)
{
    const struct call_row *row = &call->ring.row;
    struct ring_view view = ring_view_callee(&call->ring, dev);
    if (end) {
        view.st = "ended";
        view.end = end;
    }
    int32_t by_dev = effects->by_caller ? 0 : effects->by_dev;
    deliver(service, row->callee, dev, 0,
            call_frame("call.state", row->id, view.rev, state_body(&view, by_dev)), OUT_STATE);
}

static void tell_incoming(struct service *service, struct live_call *call, int32_t dev,
                          json_t *offer)
{
    const struct call_row *row = &call->ring.row;
    json_t *body = offer ? json_incref(offer) : stored_body(service, row->id, false);
    deliver(service, row->callee, dev, 0,
            call_frame("call.incoming", row->id, row->rev, incoming_body(service, call, body)), 0);
    json_decref(body);
}

static void push(struct service *service, const struct live_call *call, int32_t dev)
{
    const struct call_row *row = &call->ring.row;
    struct device device;
    if (store_device_get(service->store, row->callee, dev, &device) != STORE_OK || device.revoked ||
        !device.push_token[0])
        return;
    struct push_order order;
    memset(&order, 0, sizeof order);
    memcpy(order.kind, device.push_kind, sizeof order.kind);
    memcpy(order.token, device.push_token, sizeof order.token);
    memcpy(order.call, row->id, CALL_ID_SIZE);
    order.ring_left_ms = row->ring_deadline_ms - service->now;
    service->world.push(service->world.context, &order);
    service->calls->figures.pushes++;
}

/* --- limits that a ring's end takes ---------------------------------------------------------------- */

static struct decline_memory *decline_place(struct calls *calls, int64_t caller, int64_t callee)
{
    uint64_t hash =
        ((uint64_t)caller * 0x9e3779b97f4a7c15u) ^ ((uint64_t)callee * 0xc2b2ae3d27d4eb4fu);
    return &calls->declines[(hash >> 32) % DECLINES_MAX];
}

/* Each decline in a row takes twice as many tokens of the pair as the last: 1, 2, 4 ... 64. */
void decline_noted(struct service *service, int64_t caller, int64_t callee)
{
    struct decline_memory *memory = decline_place(service->calls, caller, callee);
    const int64_t day_ms = 86400000;
    bool known = memory->caller == caller && memory->callee == callee &&
                 service->now - memory->at_ms < day_ms;
    uint32_t count = known ? memory->count : 0;
    call_bytes_change(service->calls, memory, sizeof *memory);
    *memory = (struct decline_memory){caller, callee, service->now, count < 6 ? count + 1 : 6};
    limit_take_many(service->limits, LIMIT_PAIR, caller, callee, service->now,
                    (double)(1u << count));
}

void decline_forgotten(struct calls *calls, int64_t caller, int64_t callee)
{
    struct decline_memory *memory = decline_place(calls, caller, callee);
    if (memory->caller == caller && memory->callee == callee) {
        call_bytes_change(calls, memory, sizeof *memory);
        memset(memory, 0, sizeof *memory);
    }
}

void limit_count(struct service *service, int kind, int64_t a, int64_t b)
{
    int64_t retry_ms;
    (void)limit_take(service->limits, kind, a, b, service->now, &retry_ms);
}

void calls_unanswered(struct service *service, int64_t caller, int64_t callee)
{
    limit_count(service, LIMIT_PAIR_DAY, caller, callee);
}

/* Who has joined a call rings nobody else any more. */
static void end_other_rings(struct service *service, const struct live_call *joined, int64_t user)
{
    struct live_call *call = live_of(service->calls, 0, user, NULL);
    while (call) {
        struct live_call *next = live_of(service->calls, 0, user, call);
        struct ring_event event = {.type = RING_CALLER_TAKEN, .end = XCALL_LIFE_END_SUPERSEDED};
        if (call != joined && call->ring.row.state == CALL_RINGING)
            (void)calls_apply(service, call, &event, NULL);
        call = next;
    }
}

static void carry_out(struct service *service, struct live_call *call,
                      const struct ring_effects *effects, const struct ring_effect *effect,
                      json_t *offer, json_t *answer)
{
    const struct call_row *row = &call->ring.row;
    switch (effect->type) {
    case RING_DO_CALLER:
        tell_caller(service, call, effects, answer);
        break;
    case RING_DO_BOUND:
        tell_callee(service, call, effects, effect->dev, 0);
        break;
    case RING_DO_STOP:
        tell_callee(service, call, effects, effect->dev, effect->end);
        break;
    case RING_DO_INCOMING:
        tell_incoming(service, call, effect->dev, offer);
        break;
    case RING_DO_CONNECT:
        sig_flush(service, call);
        break;
    case RING_DO_DECLINED:
        decline_noted(service, row->caller, row->callee);
        break;
    case RING_DO_ANSWERED:
        decline_forgotten(service->calls, row->caller, row->callee);
        end_other_rings(service, call, row->caller);
        end_other_rings(service, call, row->callee);
        break;
    case RING_DO_UNANSWERED:
        calls_unanswered(service, row->caller, row->callee);
        break;
    case RING_DO_QUICK_CANCEL:
        limit_count(service, LIMIT_CANCELS, row->caller, 0);
        break;
    case RING_DO_PUSH:
        push(service, call, effect->dev);
        break;
    default:
        break; /* RING_DO_FORGET: calls.c has done it */
    }
}

void tell_effects(struct service *service, struct live_call *call,
                  const struct ring_effects *effects, json_t *offer, json_t *answer)
{
    for (uint32_t i = 0; i < effects->count; i++)
        carry_out(service, call, effects, &effects->list[i], offer, answer);
}
