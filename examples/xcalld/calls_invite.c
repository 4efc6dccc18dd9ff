/* calls_invite.c - call.invite: the same id again, glare, who is in a call already, the gate and its audit,
 * busy, the ring. Whatever it says, it says it after the same time; whatever lies behind `unavailable`, the
 * store has done the same work and the answer has the same bytes. Service thread.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <xcall/life.h>

#include "bodies.h"
#include "calls.h"
#include "json_text.h"

struct invite {
    struct request *request;
    const char *to;
    bool video;
    json_t *offer; /* rebuilt of the known members */
    struct gate_question question;
    struct gate_answer gate;
};

/* --- answers --------------------------------------------------------------------------------------- */

static void answer_ring(struct request *request, const struct ring *ring)
{
    const struct policy *policy = gatekeeper_policy(request->service->gatekeeper);
    struct ring_view view = ring_view_caller(ring);
    json_t *body = json_pack("{s:s,s:I,s:b,s:I}", "st", view.st, "rev", (json_int_t)view.rev,
                             "relay", ring->row.relay, "ring_ms", (json_int_t)policy->ring_ms);
    if (view.end)
        (void)json_object_set_new(body, "end", json_string(end_name(view.end)));
    request_ok(request, body);
}

static void answer_merged(struct request *request, struct live_call *call)
{
    struct service *service = request->service;
    json_t *offer = stored_body(service, call->ring.row.id, false);
    json_t *body = incoming_body(service, call, offer);
    char id[37];
    call_id_text(call->ring.row.id, id);
    (void)json_object_set_new(body, "merged_into", json_string(id));
    (void)json_object_set_new(body, "rev", json_integer(call->ring.row.rev));
    (void)json_object_set_new(body, "st", json_string("ringing"));
    json_decref(offer);
    request_ok(request, body);
}

static void answer_in_call(struct request *request, const struct live_call *call)
{
    bool caller = call->ring.row.caller == request->session->user;
    struct ring_view view = caller ? ring_view_caller(&call->ring)
                                   : ring_view_callee(&call->ring, call->ring.row.callee_dev);
    answer_state_error(request, "already_in_call", call->ring.row.id, &view);
}

/* --- the same id again ------------------------------------------------------------------------------- */

/* true: answered. */
static bool known_id(struct request *request)
{
    struct service *service = request->service;
    struct live_call *live = live_find(service->calls, request->call);
    struct ring past;
    memset(&past, 0, sizeof past);
    if (live) {
        past = live->ring;
    } else {
        int result = store_call_get(service->store, request->call, &past.row);
        if (result == STORE_NONE)
            return false;
        if (result != STORE_OK) {
            request_error(request, "internal", NULL);
            return true;
        }
    }
    if (past.row.caller != request->session->user) {
        request_error(request, "bad_call", NULL);
        return true;
    }
    static const uint8_t none[CALL_ID_SIZE];
    struct live_call *merged = memcmp(past.row.merged_into, none, CALL_ID_SIZE) == 0
                                   ? NULL
                                   : live_find(service->calls, past.row.merged_into);
    if (merged && merged->ring.row.state == CALL_RINGING)
        answer_merged(request, merged);
    else
        answer_ring(request, &past);
    return true;
}

/* --- glare, and calls that are there already --------------------------------------------------------- */

static void merge(struct invite *invite, struct live_call *call)
{
    struct request *request = invite->request;
    struct service *service = request->service;
    struct ring_event event = {.type = RING_MERGE, .dev = request->session->dev};
    int result = calls_apply(service, call, &event, NULL);
    if (result != RING_OK) {
        if (result == APPLY_FAILED)
            request_error(request, "internal", NULL);
        else
            answer_in_call(request, call);
        return;
    }
    struct call_row row = {.caller = request->session->user,
                           .callee = call->ring.row.caller,
                           .caller_dev = request->session->dev,
                           .video = invite->video,
                           .relay = call->ring.row.relay};
    uint8_t other[CALL_ID_SIZE];
    memcpy(row.id, request->call, CALL_ID_SIZE);
    memcpy(row.merged_into, call->ring.row.id, CALL_ID_SIZE);
    ring_new_ended(&row, XCALL_LIFE_END_MERGED, service->now);
    if (store_call_insert(service->store, &row, other) == STORE_FAILED) {
        request_error(request, "internal", NULL);
        return;
    }
    service->calls->figures.merged++;
    answer_merged(request, call);
}

/* A call between the two that is there already. true: answered; false: the way is free. */
static bool pair_busy(struct invite *invite, int64_t callee)
{
    struct request *request = invite->request;
    struct service *service = request->service;
    int64_t user = request->session->user;
    for (int side = 0; side < 2; side++) {
        struct live_call *call = live_of(service->calls, side, user, NULL);
        while (call && (side == 0 ? call->ring.row.callee : call->ring.row.caller) != callee)
            call = live_of(service->calls, side, user, call);
        if (!call)
            continue;
        struct ring_event due = {.type = RING_TIME};
        if (call->deadline_ms <= service->now &&
            calls_apply(service, call, &due, NULL) == APPLY_FAILED) {
            request_error(request, "internal", NULL);
            return true;
        }
        if (call->dead) /* its time was over: no call any more */
            continue;
        const struct call_row *row = &call->ring.row;
        if (side == 1 && row->state == CALL_RINGING) {
            struct live_call *joined = accepted_of(service->calls, user);
            if (joined) /* it could not accept: nothing may change for who rings */
                answer_in_call(request, joined);
            else
                merge(invite, call);
            return true;
        }
        int32_t own = side == 0 ? row->caller_dev : row->callee_dev;
        bool lost = side == 0 ? row->caller_lost : row->callee_lost;
        /* 3b: this device begins anew what it has lost, or what it rang in vain. */
        if (own != request->session->dev || (row->state != CALL_RINGING && !lost)) {
            answer_in_call(request, call);
            return true;
        }
        struct ring_event event = {.type = RING_SUPERSEDE};
        if (calls_apply(service, call, &event, NULL) == APPLY_FAILED) {
            request_error(request, "internal", NULL);
            return true;
        }
    }
    return false;
}

/* --- the ring ---------------------------------------------------------------------------------------- */

static void take_attempt(struct invite *invite)
{
    struct request *request = invite->request;
    struct service *service = request->service;
    const struct session *session = request->session;
    limit_count(service, LIMIT_CALLS_ACCOUNT, session->user, 0);
    limit_count(service, LIMIT_CALLS_DEVICE, session->user, session->dev);
    limit_count(service, LIMIT_CALLS_ADDRESS, limit_network(session->address), 0);
}

static void take_ring(struct invite *invite, int64_t callee, bool heard)
{
    struct service *service = invite->request->service;
    int64_t user = invite->request->session->user;
    limit_count(service, LIMIT_PAIR, user, callee);
    if (!invite->gate.row.called_before)
        limit_count(service, LIMIT_CALLEES, user, 0);
    if (invite->gate.strangers && heard)
        limit_count(service, LIMIT_STRANGERS, callee, 0);
}

static int insert(struct invite *invite, const struct call_row *row)
{
    struct request *request = invite->request;
    uint8_t other[CALL_ID_SIZE] = {0};
    struct call_row with = *row;
    size_t size;
    char *text = json_text(invite->offer, &size);
    if (!text) {
        request_error(request, "internal", NULL);
        return STORE_FAILED;
    }
    with.offer = row->state == CALL_ENDED ? NULL : text;
    int result = store_call_insert(request->service->store, &with, other);
    free(text);
    if (result == STORE_OK)
        return STORE_OK;
    struct live_call *live = live_find(request->service->calls, other);
    if (result == STORE_CONFLICT && live)
        answer_in_call(request, live);
    else
        request_error(request, result == STORE_CONFLICT ? "bad_call" : "internal", NULL);
    return result;
}

static void busy(struct invite *invite, struct call_row *row)
{
    struct request *request = invite->request;
    ring_new_ended(row, XCALL_LIFE_END_BUSY, request->service->now);
    if (insert(invite, row) != STORE_OK)
        return;
    figures_ended_at_once(request->service->calls, request->session, row->video,
                          XCALL_LIFE_END_BUSY);
    calls_unanswered(request->service, row->caller, row->callee);
    struct ring past;
    memset(&past, 0, sizeof past);
    past.row = *row;
    answer_ring(request, &past);
}

static void ring_out(struct invite *invite, struct call_row *row)
{
    struct request *request = invite->request;
    struct service *service = request->service;
    struct device devices[DEVICES_MAX];
    struct ring_device list[DEVICES_MAX];
    size_t count = 0;
    if (store_device_list(service->store, row->callee, devices, &count) == STORE_FAILED) {
        request_error(request, "internal", NULL);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool online = service->bus.online(service->bus.context, row->callee, devices[i].dev);
        list[i] = (struct ring_device){devices[i].dev, online, devices[i].push_token[0] != 0};
    }
    struct ring ring;
    struct ring_effects effects;
    ring_new(&ring, row, list, count, gatekeeper_policy(service->gatekeeper), service->now,
             &effects);
    if (insert(invite, &ring.row) != STORE_OK)
        return;
    struct live_call *call =
        live_add(service, &ring, request->session->name, invite->gate.row.callee.name);
    if (!call) {
        request_error(request, "internal", NULL);
        return;
    }
    call->party[0] = (struct call_party){
        .paid = request->session->paid,
        .seen = true,
        .version = version_class(service->calls, request->session->client_version)};
    call->party[1].paid = invite->gate.row.callee.paid;
    figures_placed(service->calls, call);
    tell_effects(service, call, &effects, invite->offer, NULL);
    answer_ring(request, &call->ring);
}

static void let_in(struct invite *invite)
{
    struct request *request = invite->request;
    struct service *service = request->service;
    const struct gate_row *facts = &invite->gate.row;
    struct call_row row = {.caller = request->session->user,
                           .callee = facts->callee.id,
                           .caller_dev = request->session->dev,
                           .video = invite->video,
                           .relay = invite->gate.decision.relay != 0,
                           .shadow = invite->gate.decision.verdict == XCALL_GATE_SILENT};
    memcpy(row.id, request->call, CALL_ID_SIZE);
    bool in_call = accepted_of(service->calls, row.callee) != NULL;
    take_ring(invite, row.callee, !row.shadow && !in_call);
    if (in_call && !row.shadow && !facts->callee_settings.hide_busy) {
        busy(invite, &row);
        return;
    }
    row.shadow = row.shadow || in_call; /* 4: it hides that it is busy */
    ring_out(invite, &row);
}

/* --- the gate ------------------------------------------------------------------------------------------ */

static void refuse(struct invite *invite)
{
    struct request *request = invite->request;
    uint32_t public_reason = invite->gate.decision.public_reason;
    figures_refused(request->service->calls, request->session, invite->video, public_reason);
    if (public_reason == XCALL_GATE_PUBLIC_TRY_LATER)
        request_try_later(request, invite->gate.retry_ms);
    else
        request_error(request, xcall_gate_public_name(public_reason), NULL);
}

static void decide(struct invite *invite)
{
    struct request *request = invite->request;
    struct service *service = request->service;
    const struct session *session = request->session;
    invite->question = (struct gate_question){.caller = session->user,
                                              .callee = invite->to,
                                              .video = invite->video,
                                              .outdated = session_outdated(service, session),
                                              .dev = session->dev,
                                              .address = session->address,
                                              .limits = service->limits};
    if (gatekeeper_decide(service->gatekeeper, &invite->question, service->now, &invite->gate) !=
        STORE_OK) {
        request_error(request, "internal", NULL);
        return;
    }
    int64_t callee = invite->gate.row.callee.id;
    if (callee && callee != session->user && pair_busy(invite, callee))
        return;
    struct live_call *own = accepted_of(service->calls, session->user);
    if (own) {
        answer_in_call(request, own);
        return;
    }
    figures_attempt(service->calls, session, invite->video);
    if (gatekeeper_audit(service->gatekeeper, &invite->question, &invite->gate, request->call,
                         service->now) == STORE_FAILED) {
        request_error(request, "internal", NULL);
        return;
    }
    if (invite->gate.decision.public_reason != XCALL_GATE_PUBLIC_TRY_LATER)
        take_attempt(invite);
    if (invite->gate.decision.verdict == XCALL_GATE_DENY)
        refuse(invite);
    else
        let_in(invite);
}

void call_invite(struct request *request)
{
    struct service *service = request->service;
    struct invite invite = {.request = request};
    const struct policy *policy = gatekeeper_policy(service->gatekeeper);
    /* Every answer leaves at the same time after the question, give or take what the jitter says. */
    request_delay(request,
                  request_floor(service, policy->answer_floor_ms, policy->answer_jitter_ms));
    invite.to = body_text(request, "to", 1, NAME_MAX_BYTES);
    const char *media = invite.to ? body_text(request, "media", 1, 1) : NULL;
    if (!media)
        return;
    invite.video = *media == 'v';
    if (*media != 'a' && *media != 'v') {
        request_wrong(request, "media: a (audio) or v (video)");
        return;
    }
    if (known_id(request))
        return;
    if (service->draining) {
        request_try_later(request, 1000);
        return;
    }
    invite.offer = request_body(request, json_object_get(request->body, "body"), BODY_OFFER, false);
    if (invite.offer)
        decide(&invite);
    json_decref(invite.offer);
}
