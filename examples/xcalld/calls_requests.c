/* calls_requests.c - the requests of a call that is there: who may ask what of it, the events they are for
 * ring.c, and the words of its answers. Service thread.
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <xcall/life.h>

#include "bodies.h"
#include "calls.h"
#include "core.h"

/* --- where a device stands ------------------------------------------------------------------------- */

/* A call of others and a call that never was are answered alike. */
bool place_find(struct request *request, struct place *place, bool own)
{
    struct service *service = request->service;
    const struct session *session = request->session;
    place->live = live_find(service->calls, request->call);
    memset(&place->past, 0, sizeof place->past);
    if (!place->live) {
        int result = store_call_get(service->store, request->call, &place->past.row);
        place->past.row.offer = place->past.row.answer = NULL;
        if (result == STORE_FAILED) {
            request_error(request, "internal", NULL);
            return false;
        }
        if (result != STORE_OK)
            memset(&place->past, 0, sizeof place->past);
    }
    const struct call_row *row = place->live ? &place->live->ring.row : &place->past.row;
    place->caller = row->caller == session->user;
    bool takes_part = row->caller && (place->caller || row->callee == session->user);
    if (!takes_part || (own && place->caller && row->caller_dev != session->dev)) {
        request_error(request, "not_yours", NULL);
        return false;
    }
    return true;
}

struct ring_view place_view(const struct request *request, const struct place *place)
{
    const struct ring *ring = place->live ? &place->live->ring : &place->past;
    return place->caller ? ring_view_caller(ring) : ring_view_callee(ring, request->session->dev);
}

void answer_state_error(struct request *request, const char *code, const uint8_t *call,
                        const struct ring_view *view)
{
    char id[37];
    call_id_text(call, id);
    json_t *more = json_pack("{s:s,s:s}", "call", id, "st", view->st);
    if (view->end)
        (void)json_object_set_new(more, "end", json_string(end_name(view->end)));
    request_error(request, code, more);
}

bool answer_refusal(struct request *request, const struct place *place, int answer)
{
    struct ring_view view;
    switch (answer) {
    case RING_OK:
        return false;
    case RING_ENDED:
        view = place_view(request, place);
        if (!view.end) { /* over for this device, not for its account */
            view.st = "ended";
            view.end = XCALL_LIFE_END_ANSWERED_ELSEWHERE;
        }
        answer_state_error(request, "ended", request->call, &view);
        return true;
    case RING_LOST_RACE:
        view = place_view(request, place);
        answer_state_error(request, "lost_race", request->call, &view);
        return true;
    case RING_NOT_YOURS:
        request_error(request, "not_yours", NULL);
        return true;
    case RING_WRONG:
        request_wrong(request, "not in this state of the call");
        return true;
    default:
        request_error(request, "internal", NULL);
        return true;
    }
}

json_t *request_body(struct request *request, const json_t *body, int types, bool addresses)
{
    struct service *service = request->service;
    const struct session *session = request->session;
    struct device device;
    int result = store_device_get(service->store, session->user, session->dev, &device);
    if (result == STORE_FAILED) {
        request_error(request, "internal", NULL);
        return NULL;
    }
    struct body_rules rules = {types, addresses,
                               result == STORE_OK && device.has_key ? device.key : NULL};
    const char *why = NULL;
    json_t *taken = body_take(body, &rules, &why);
    if (!taken) {
        service->calls->figures.bodies_refused++;
        request_error(request, "bad_body", json_pack("{s:s}", "text", why));
    }
    return taken;
}

/* --- the requests ------------------------------------------------------------------------------------ */

/* An event of one side; where the call has ended: what it ended with. */
static int submit(struct request *request, struct place *place, struct ring_event event,
                  json_t *answer)
{
    if (!place->live)
        return RING_ENDED;
    event.dev = request->session->dev;
    int result = calls_apply(request->service, place->live, &event, answer);
    return result;
}

/* Asked only where it matters. false: answered. */
static bool hides_busy(struct request *request, const struct place *place, uint32_t end,
                       bool *hides)
{
    struct call_settings settings;
    *hides = false;
    if (end != XCALL_LIFE_END_BUSY || place->caller || !place->live ||
        place->live->ring.row.state != CALL_RINGING)
        return true;
    struct service *service = request->service;
    int result = store_settings_get(service->store, request->session->user, &settings);
    if (!store_worked(service, result, "settings")) {
        request_error(request, "internal", NULL);
        return false;
    }
    *hides = result == STORE_OK && settings.hide_busy;
    return true;
}

static void simple(struct request *request, int caller_type, int callee_type, uint32_t end)
{
    struct place place;
    if (!place_find(request, &place, true))
        return;
    int type = place.caller ? caller_type : callee_type;
    if (type < 0) {
        request_error(request, "not_yours", NULL);
        return;
    }
    struct ring_event event = {.type = type, .end = end};
    if (!hides_busy(request, &place, end, &event.hides_busy))
        return;
    int result = submit(request, &place, event, NULL);
    if (!answer_refusal(request, &place, result))
        request_ok(request, NULL);
}

void call_alerting(struct request *request)
{
    simple(request, -1, RING_ALERTING, 0);
}

void call_decline(struct request *request)
{
    const char *why = body_text_or(request, "why", 32, "user");
    if (!why)
        return;
    if (strcmp(why, "unsupported") == 0)
        simple(request, -1, RING_UNSUPPORTED, 0);
    else
        simple(request, -1, RING_DECLINE,
               strcmp(why, "busy") == 0 ? XCALL_LIFE_END_BUSY : XCALL_LIFE_END_DECLINED);
}

void call_cancel(struct request *request)
{
    simple(request, RING_CANCEL, -1, 0);
}

/* Reasons that a device may give; another is as good as none. */
static uint32_t hangup_end(const char *why)
{
    uint32_t end = end_of_name(why);
    switch (end) {
    case XCALL_LIFE_END_BUSY:
    case XCALL_LIFE_END_FAILED_CONNECT:
    case XCALL_LIFE_END_MEDIA_LOST:
    case XCALL_LIFE_END_SIGNAL_LOST:
    case XCALL_LIFE_END_SUPERSEDED:
    case XCALL_LIFE_END_UNSUPPORTED:
    case XCALL_LIFE_END_SECURITY:
    case XCALL_LIFE_END_RELAY_UNAVAILABLE:
        return end;
    default:
        return XCALL_LIFE_END_HANGUP;
    }
}

void call_hangup(struct request *request)
{
    const char *why = body_text_or(request, "why", 32, "hangup");
    if (why)
        simple(request, RING_CALLER_HANGUP, RING_CALLEE_HANGUP, hangup_end(why));
}

void call_media(struct request *request)
{
    const char *state = body_text(request, "state", 1, 16);
    if (!state)
        return;
    if (strcmp(state, "up") == 0)
        simple(request, RING_CALLER_UP, RING_CALLEE_UP, 0);
    else if (strcmp(state, "lost") == 0)
        simple(request, RING_CALLER_LOST, RING_CALLEE_LOST, 0);
    else
        request_wrong(request, "state: up or lost");
}

/* Its own account, or the caller's, has joined another call. */
static void accept_busy(struct request *request, struct place *place, int result)
{
    struct service *service = request->service;
    if (result == APPLY_CALLEE_BUSY) {
        struct live_call *other = accepted_of(service->calls, request->session->user);
        const struct ring *ring = other ? &other->ring : &place->live->ring;
        struct ring_view view = ring->row.caller == request->session->user
                                    ? ring_view_caller(ring)
                                    : ring_view_callee(ring, ring->row.callee_dev);
        answer_state_error(request, "already_in_call", ring->row.id, &view);
        return;
    }
    struct ring_event event = {.type = RING_CALLER_TAKEN, .end = XCALL_LIFE_END_BUSY};
    if (calls_apply(service, place->live, &event, NULL) == APPLY_FAILED)
        request_error(request, "internal", NULL);
    else
        (void)answer_refusal(request, place, RING_ENDED);
}

void call_accept(struct request *request)
{
    struct place place;
    if (!place_find(request, &place, true))
        return;
    if (place.caller) {
        request_error(request, "not_yours", NULL);
        return;
    }
    json_t *body = NULL;
    if (place.live && place.live->ring.row.state == CALL_RINGING) {
        body = request_body(request, json_object_get(request->body, "body"), BODY_ANSWER, false);
        if (!body)
            return;
    }
    int result = submit(request, &place, (struct ring_event){.type = RING_ACCEPT}, body);
    json_decref(body);
    if (result == APPLY_CALLER_BUSY || result == APPLY_CALLEE_BUSY) {
        accept_busy(request, &place, result);
        return;
    }
    if (answer_refusal(request, &place, result))
        return;
    struct ring_view view = place_view(request, &place);
    request_ok(request, json_pack("{s:s,s:I,s:b}", "st", view.st, "rev", (json_int_t)view.rev,
                                  "relay", place.live->ring.row.relay));
}
