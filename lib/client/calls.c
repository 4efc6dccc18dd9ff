/* calls.c - calls: the desk (xcall/life.h) decides, here its actions become frames and its inputs come
 * from frames. News are applied by their revision only (docs/protocol.md section 4).
 * Owner: see core.h.
 * SPDX-License-Identifier: MIT */
#include "client/core_state.h"

#include <stdlib.h>
#include <string.h>

#include "client/bodies.h"

/* --- records ----------------------------------------------------------------------------------- */

struct xc_client_call *xc_client_find(struct xc_client_core *core, xcall_id id)
{
    for (uint32_t i = 0; id && i < XC_CALLS_MAX; i++)
        if (core->calls[i].id == id)
            return &core->calls[i];
    return NULL;
}

static struct xc_client_call *find_bytes(struct xc_client_core *core, const uint8_t uuid[16])
{
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++)
        if (core->calls[i].id && !memcmp(core->calls[i].uuid, uuid, 16))
            return &core->calls[i];
    return NULL;
}

struct xc_client_call *xc_client_find_uuid(struct xc_client_core *core, const char *text)
{
    uint8_t uuid[16];
    return xc_uuid_read(text, uuid) ? find_bytes(core, uuid) : NULL;
}

/* Everything that the record holds; the record itself is free then. */
void xc_client_call_release(struct xc_client_core *core, struct xc_client_call *call)
{
    (void)core;
    free(call->offer);
    xc_client_texts_free(&call->candidates);
    xc_client_texts_free(&call->signals);
    xc_client_relays_forget(call);
    memset(call, 0, sizeof *call);
}

static bool may_go(const struct xc_client_call *call)
{
    return call->state == XCALL_LIFE_ENDED && call->media_state != XC_MEDIA_CREATING;
}

struct xc_client_call *xc_client_call_new(struct xc_client_core *core, const uint8_t uuid[16],
                                          const char *peer)
{
    struct xc_client_call *place = NULL;
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++) {
        struct xc_client_call *call = &core->calls[i];
        if (call->id && may_go(call) && core->now - call->ended_at >= XC_CALL_MEMORY_MS)
            xc_client_call_release(core, call);
        if (!call->id)
            place = place && !place->id ? place : call;
        else if (may_go(call) && (!place || (place->id && call->ended_at < place->ended_at)))
            place = call;
    }
    if (!place || strlen(peer) > XCALL_LIFE_PEER_MAX)
        return NULL;
    if (place->id)
        xc_client_call_release(core, place);
    place->id = XC_CLIENT_CALL_TAG << 48 | ++core->call_count;
    memcpy(place->uuid, uuid, 16);
    xc_uuid_write(uuid, place->text);
    memcpy(place->peer, peer, strlen(peer) + 1);
    place->candidates.last = &place->candidates.first;
    place->signals.last = &place->signals.first;
    return place;
}

/* --- the desk ---------------------------------------------------------------------------------- */

static int32_t desk_input(struct xc_client_core *core, struct xc_client_call *call,
                          xcall_life_input *input)
{
    input->now_ms = core->now;
    if (call) {
        memcpy(input->call, call->uuid, 16);
        input->peer = call->peer;
    }
    return xcall_desk_input(core->desk, input);
}

int32_t xc_client_desk(struct xc_client_core *core, struct xc_client_call *call, uint32_t type,
                       uint32_t flags, uint32_t reason, uint32_t rev)
{
    xcall_life_input input;
    if (call && !call->on_desk)
        return XCALL_E_ENDED;
    xcall_life_input_init(&input, sizeof input);
    input.type = type;
    input.flags = flags;
    input.reason = reason;
    input.rev = rev;
    return desk_input(core, call, &input);
}

void xc_client_tell(struct xc_client_core *core, struct xc_client_call *call)
{
    xcall_event event = {.type = XCALL_CLIENT_EVENT_CALL,
                         .call = call->id,
                         .state = call->state,
                         .reason = call->reason,
                         .flags = call->flags,
                         .media = call->media};
    xc_client_post(core, &event, call->refused, call->peer);
}

static void on_tell(struct xc_client_core *core, struct xc_client_call *call,
                    const xcall_life_action *action)
{
    if (call->state == XCALL_LIFE_ENDED)
        return;
    call->state = action->state;
    call->reason = action->reason;
    call->flags = action->flags;
    if (call->state == XCALL_LIFE_ENDED) {
        call->ended_at = core->now;
        call->turn_at = 0;
        call->want_invite = call->want_accept = false;
        xc_client_media_end(core, call);
        xc_client_quality_end(core, call);
    }
    xc_client_tell(core, call);
}

static void told(struct xc_client_core *core, const struct xc_client_call *call, const char *type,
                 json_t *body)
{
    xc_client_ask(core, XC_REQUEST_TOLD, type, call, body, NULL);
}

static const char *why_declined(uint32_t reason)
{
    if (reason == XCALL_LIFE_END_BUSY)
        return "busy";
    return reason == XCALL_LIFE_END_UNSUPPORTED ? "unsupported" : "user";
}

/* A reason that the protocol lets a client say; others are its own business. */
static json_t *hang_up_body(uint32_t reason)
{
    switch (reason) {
    case XCALL_LIFE_END_HANGUP:
    case XCALL_LIFE_END_FAILED_CONNECT:
    case XCALL_LIFE_END_MEDIA_LOST:
    case XCALL_LIFE_END_SIGNAL_LOST:
    case XCALL_LIFE_END_SUPERSEDED:
    case XCALL_LIFE_END_UNSUPPORTED:
    case XCALL_LIFE_END_SECURITY:
    case XCALL_LIFE_END_RELAY_UNAVAILABLE:
        return json_pack("{s:s}", "why", xcall_life_reason_name(reason));
    default:
        return NULL;
    }
}

static void send_action(struct xc_client_core *core, struct xc_client_call *call,
                        const xcall_life_action *action)
{
    switch (action->type) {
    case XCALL_LIFE_SEND_INVITE:
        call->want_invite = true;
        xc_client_media_need(core, call, false);
        break;
    case XCALL_LIFE_SEND_ALERTING:
        told(core, call, "call.alerting", NULL);
        break;
    case XCALL_LIFE_SEND_ACCEPT:
        call->accepted_at = core->now;
        xc_client_media_need(core, call, true);
        break;
    case XCALL_LIFE_SEND_DECLINE:
        told(core, call, "call.decline", json_pack("{s:s}", "why", why_declined(action->reason)));
        break;
    case XCALL_LIFE_SEND_CANCEL:
        /* Of a call that the service has not heard of it need not hear. */
        if (!call->want_invite && !xc_client_withdraw(core, XC_REQUEST_INVITE, call->id))
            told(core, call, "call.cancel", NULL);
        break;
    case XCALL_LIFE_SEND_HANG_UP:
        told(core, call, "call.hangup", hang_up_body(action->reason));
        break;
    case XCALL_LIFE_SEND_MEDIA_UP:
    case XCALL_LIFE_SEND_MEDIA_LOST:
        told(core, call, "call.media",
             json_pack("{s:s}", "state", action->type == XCALL_LIFE_SEND_MEDIA_UP ? "up" : "lost"));
        break;
    default:
        break;
    }
}

static void media_action(struct xc_client_core *core, struct xc_client_call *call,
                         const xcall_life_action *action)
{
    struct xc_client_output *output;
    bool live = call->media_state == XC_MEDIA_LIVE;
    switch (action->type) {
    case XCALL_LIFE_START_MEDIA:
        if (!call->insecure)
            xc_client_media_need(core, call, (action->flags & XCALL_LIFE_ANSWERER) != 0);
        break;
    case XCALL_LIFE_END_MEDIA:
        xc_client_media_end(core, call);
        break;
    case XCALL_LIFE_HOLD_MEDIA:
    case XCALL_LIFE_UNHOLD_MEDIA:
        call->held = action->type == XCALL_LIFE_HOLD_MEDIA;
        output = live ? xc_client_put_media(core, call, XC_CLIENT_MEDIA_HOLD) : NULL;
        if (output)
            output->on = call->held;
        break;
    case XCALL_LIFE_RESTART_MEDIA:
        call->restarting = live;
        xc_client_relays_forget_names(call);
        if (live)
            xc_client_put_media(core, call, XC_CLIENT_MEDIA_RESTART);
        break;
    default:
        break;
    }
}

/* Carries out what the desk has decided. Nothing in here feeds the desk. */
void xc_client_run(struct xc_client_core *core)
{
    xcall_life_action action;
    xcall_life_action_init(&action, sizeof action);
    while (xcall_desk_next_action(core->desk, &action) == XCALL_OK) {
        struct xc_client_call *call = find_bytes(core, action.call);
        if (!call)
            continue;
        if (action.type == XCALL_LIFE_TELL) {
            on_tell(core, call, &action);
        } else if (action.type < XCALL_LIFE_START_MEDIA) {
            send_action(core, call, &action);
        } else {
            media_action(core, call, &action);
        }
    }
}

static void news(struct xc_client_core *core, struct xc_client_call *call, uint32_t type,
                 uint32_t reason)
{
    xc_client_desk(core, call, type, 0, reason, 0); /* revisions were looked at here */
    xc_client_run(core);
}

/* A description that is not the peer's: the call is over, and no media of it began. */
void xc_client_insecure(struct xc_client_core *core, struct xc_client_call *call)
{
    call->insecure = true;
    xc_client_desk(core, call, XCALL_LIFE_MEDIA_FAILED, 0, XCALL_LIFE_END_SECURITY, 0);
    xc_client_run(core);
}

/* --- the person --------------------------------------------------------------------------------- */

int32_t xc_client_core_call(struct xc_client_core *core, uint64_t now, const char *to,
                            uint32_t flags, xcall_id *out)
{
    uint8_t uuid[16];
    core->now = now;
    const uint32_t others = XCALL_LIFE_HOLD_OTHERS | XCALL_LIFE_END_OTHERS;
    if (!to || !*to || strlen(to) > XCALL_LIFE_PEER_MAX || flags & ~(XCALL_CLIENT_VIDEO | others))
        return XCALL_E_INVALID;
    if (core->auth != XC_AUTH_TOKEN || core->signing_out || !core->account[0])
        return XCALL_E_STATE;
    core->random(core->context, uuid, sizeof uuid);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* RFC 9562 section 5.4 */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    struct xc_client_call *call = xc_client_call_new(core, uuid, to);
    if (!call)
        return XCALL_E_LIMIT;
    call->outgoing = call->on_desk = true;
    call->video = (flags & XCALL_CLIENT_VIDEO) != 0;
    call->relay = (core->host.flags & XCALL_CLIENT_RELAY_ONLY) != 0;
    int32_t result = xc_client_desk(core, call, XCALL_LIFE_PLACE,
                                    (call->video ? XCALL_LIFE_VIDEO : 0) | (flags & others), 0, 0);
    if (result != XCALL_OK) {
        xc_client_run(core); /* what was due before */
        xc_client_call_release(core, call);
        return result;
    }
    *out = call->id;
    xc_client_run(core);
    return XCALL_OK;
}

int32_t xc_client_core_person(struct xc_client_core *core, uint64_t now, xcall_id id, uint32_t type,
                              uint32_t flags, uint32_t reason)
{
    struct xc_client_call *call = xc_client_find(core, id);
    core->now = now;
    if (call && xc_client_awaited(call))
        return XCALL_E_STATE; /* whether it rings is not known yet */
    if (!call || !call->on_desk || call->state == XCALL_LIFE_ENDED)
        return XCALL_E_ENDED;
    int32_t result = xc_client_desk(core, call, type, flags, reason, 0);
    xc_client_run(core);
    return result;
}

int32_t xc_client_core_get(struct xc_client_core *core, xcall_id id, xcall_client_call_info *info,
                           char names[2][XCALL_LIFE_PEER_MAX + 1], uint8_t keys[2][32])
{
    const struct xc_client_call *call = xc_client_find(core, id);
    uint32_t size = info->size;
    if (!call)
        return XCALL_E_ENDED;
    memset(info, 0, sizeof *info);
    info->size = size;
    info->state = call->state;
    info->reason = call->reason;
    info->flags = call->flags;
    info->media = call->media;
    info->relay = call->relay;
    info->key_changed = call->key_changed;
    memcpy(info->peer, call->peer, sizeof info->peer);
    memcpy(info->call_id, call->text, sizeof info->call_id);
    memcpy(info->refused, call->refused, sizeof info->refused);
    names[0][0] = names[1][0] = '\0';
    if (call->has_peer_key && core->has_key) {
        memcpy(names[0], core->saved->name, sizeof names[0]);
        memcpy(names[1], call->peer, sizeof names[1]);
        memcpy(keys[0], core->key, 32);
        memcpy(keys[1], call->peer_key, 32);
    }
    return XCALL_OK;
}

/* By the person (told), or because there is no session any more. */
void xc_client_end_all(struct xc_client_core *core, bool told_service)
{
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++) {
        struct xc_client_call *call = &core->calls[i];
        if (call->id && xc_client_awaited(call))
            xc_client_wake_over(core, call, XCALL_LIFE_END_SIGNAL_LOST);
        if (!call->id || !call->on_desk || call->state == XCALL_LIFE_ENDED)
            continue;
        if (told_service)
            xc_client_desk(core, call, XCALL_LIFE_HANG_UP, 0, 0, 0);
        else
            xc_client_desk(core, call, XCALL_LIFE_REMOTE_ENDED, 0, XCALL_LIFE_END_SIGNAL_LOST, 0);
        xc_client_run(core);
    }
}

/* --- what the service says ----------------------------------------------------------------------- */

static uint32_t reason_of(const char *name)
{
    for (uint32_t i = 1; name && i <= XCALL_LIFE_END_RELAY_UNAVAILABLE; i++)
        if (!strcmp(name, xcall_life_reason_name(i)))
            return i;
    return XCALL_LIFE_END_HANGUP;
}

/* True: it says more than is known. */
static bool take_rev(struct xc_client_call *call, const json_t *value)
{
    json_int_t rev = json_integer_value(value);
    if (rev <= (json_int_t)call->rev || rev > UINT32_MAX)
        return false;
    call->rev = (uint32_t)rev;
    return true;
}

static void take_relay(struct xc_client_core *core, struct xc_client_call *call,
                       const json_t *value)
{
    if (json_is_true(value) && !call->relay)
        xc_client_media_relay(core, call);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* Ended by the service's word; of an ended one nothing changes any more. */
static void ended(struct xc_client_core *core, struct xc_client_call *call, uint32_t reason)
{
    news(core, call, XCALL_LIFE_REMOTE_ENDED, reason);
}

/* Somebody's offer that was not verified does not ring: the host sees a call that ended. Only this
 * device stops; the others look for themselves. */
static void refuse_insecure(struct xc_client_core *core, struct xc_client_call *call)
{
    call->insecure = true;
    call->state = XCALL_LIFE_ENDED;
    call->reason = XCALL_LIFE_END_SECURITY;
    call->flags = call->video ? XCALL_LIFE_VIDEO : 0;
    call->ended_at = core->now;
    told(core, call, "call.decline", json_pack("{s:s}", "why", "unsupported"));
    xc_client_tell(core, call);
}

static bool take_offer(struct xc_client_core *core, struct xc_client_call *call, const json_t *body)
{
    const char *sdp = NULL;
    bool fresh;
    if (!xc_client_body_good(core, call, body, "offer", &sdp, &fresh))
        return false;
    free(call->offer);
    call->offer = xc_client_copy(sdp);
    return call->offer != NULL;
}

static struct xc_client_call *new_incoming(struct xc_client_core *core, const char *text,
                                           const char *from, const json_t *body)
{
    uint8_t uuid[16];
    if (!xc_uuid_read(text, uuid) || !*from || strlen(from) > XCALL_LIFE_PEER_MAX)
        return NULL;
    struct xc_client_call *call = find_bytes(core, uuid); /* a push named it */
    if (call)
        memcpy(call->peer, from, strlen(from) + 1);
    else
        call = xc_client_call_new(core, uuid, from);
    if (call) {
        call->wake_until = 0;
        call->known = true;
        call->video = !strcmp(text_of(body, "media"), "v");
        call->relay = (core->host.flags & XCALL_CLIENT_RELAY_ONLY) != 0 ||
                      json_is_true(json_object_get(body, "relay"));
    }
    return call;
}

/* text: the call's id; body: of call.incoming or of a snapshot. */
static void incoming(struct xc_client_core *core, const char *text, const char *from,
                     const json_t *rev, const json_t *body)
{
    xcall_life_input input;
    xcall_life_info info;
    struct xc_client_call *call = xc_client_find_uuid(core, text);
    if (call && !xc_client_awaited(call))
        return; /* it rings already, or it has ended here and must not ring again */
    call = new_incoming(core, text, from, body);
    if (!call)
        return;
    take_rev(call, rev);
    if (!take_offer(core, call, json_object_get(body, "body"))) {
        refuse_insecure(core, call);
        return;
    }
    json_int_t left = json_integer_value(json_object_get(body, "ring_left_ms"));
    xcall_life_input_init(&input, sizeof input);
    input.type = XCALL_LIFE_INCOMING;
    input.flags = call->video ? XCALL_LIFE_VIDEO : 0;
    input.ring_ms = left > 0 && left <= 90000 ? (uint32_t)left : 0;
    call->on_desk = true;
    call->state = XCALL_LIFE_RINGING_IN;
    desk_input(core, call, &input);
    xc_client_run(core);
    xcall_life_info_init(&info, sizeof info);
    if (xcall_desk_call(core->desk, call->uuid, &info) != XCALL_OK ||
        (info.state == XCALL_LIFE_ENDED && call->state != XCALL_LIFE_ENDED)) {
        call->on_desk = false; /* declined as busy at once: remembered so that it does not ring */
        call->state = XCALL_LIFE_ENDED;
        call->reason = XCALL_LIFE_END_BUSY;
        call->ended_at = core->now;
        if (call->woken)
            xc_client_tell(core, call);
    }
}

static void accepted_by_peer(struct xc_client_core *core, struct xc_client_call *call,
                             const json_t *body)
{
    const char *sdp = NULL;
    bool fresh; /* it is the first */
    if (!call->outgoing || call->agreed || call->state == XCALL_LIFE_ENDED)
        return;
    const json_t *answer = json_object_get(body, "body");
    if (!json_is_object(answer))
        return; /* a snapshot without it: the event follows, or the service ends the call */
    bool good = xc_client_body_good(core, call, answer, "answer", &sdp, &fresh);
    call->insecure = !good;
    call->agreed = true;
    call->accepted_at = core->now;
    news(core, call, XCALL_LIFE_REMOTE_ACCEPTED, 0);
    if (!good) {
        xc_client_insecure(core, call);
        return;
    }
    xc_client_media_describe(core, call, "answer", sdp);
    xc_client_media_agreed(core, call);
}

static void accept_taken(struct xc_client_core *core, struct xc_client_call *call)
{
    if (call->outgoing || call->agreed || call->state == XCALL_LIFE_ENDED)
        return;
    call->agreed = true;
    news(core, call, XCALL_LIFE_ACCEPT_TAKEN, 0);
    xc_client_media_agreed(core, call);
}

/* The state that the service has, from an answer, an event or a snapshot. */
static void apply_state(struct xc_client_core *core, struct xc_client_call *call,
                        const json_t *body, bool bound)
{
    const char *st = text_of(body, "st");
    take_relay(core, call, json_object_get(body, "relay"));
    if (!strcmp(st, "ended")) {
        ended(core, call, reason_of(text_of(body, "end")));
    } else if (!strcmp(st, "ringing")) {
        if (call->outgoing && json_is_true(json_object_get(body, "reached")))
            news(core, call, XCALL_LIFE_REMOTE_RINGING, 0);
    } else if (!strcmp(st, "accepted") || !strcmp(st, "active")) {
        if (call->outgoing)
            accepted_by_peer(core, call, body);
        else if (bound)
            accept_taken(core, call);
    }
}

/* The end of a call that is not known: should its beginning come yet, it must not ring. */
static void entomb(struct xc_client_core *core, const char *text, const char *type,
                   const json_t *body)
{
    struct xc_client_call gone = {.on_desk = true};
    if (strcmp(type, "call.state") || strcmp(text_of(body, "st"), "ended") ||
        !xc_uuid_read(text, gone.uuid))
        return;
    xc_client_desk(core, &gone, XCALL_LIFE_REMOTE_ENDED, 0, reason_of(text_of(body, "end")), 0);
    xc_client_run(core);
}

void xc_client_call_event(struct xc_client_core *core, const char *type, const json_t *frame)
{
    const json_t *body = json_object_get(frame, "b");
    const char *text = text_of(frame, "call");
    struct xc_client_call *call = xc_client_find_uuid(core, text);
    if (!strcmp(type, "call.incoming")) {
        incoming(core, text, text_of(body, "from"), json_object_get(frame, "rev"), body);
    } else if (!call) {
        entomb(core, text, type, body);
    } else if (xc_client_awaited(call)) {
        if (!strcmp(text_of(body, "st"), "ended"))
            xc_client_wake_over(core, call, reason_of(text_of(body, "end")));
    } else if (!strcmp(type, "call.state")) {
        if (take_rev(call, json_object_get(frame, "rev")))
            apply_state(core, call, body, false);
    } else if (!strcmp(type, "sig")) {
        xc_client_media_sig(core, call, body);
    }
}

/* --- answers -------------------------------------------------------------------------------------- */

/* Glare: their call goes on, with this side as its callee that has accepted. */
static void merged(struct xc_client_core *core, struct xc_client_call *call, const json_t *body)
{
    xcall_life_input input;
    const char *into = text_of(body, "merged_into");
    struct xc_client_call *other = xc_client_find_uuid(core, into);
    bool made = !other, awaited = other && xc_client_awaited(other);
    if (made || awaited)
        other = new_incoming(core, into, text_of(body, "from"), body);
    if (!other || strcmp(other->peer, call->peer) || other->outgoing ||
        other->state == XCALL_LIFE_ENDED) {
        if (made && other)
            xc_client_call_release(core, other);
        else if (awaited && other)
            xc_client_wake_over(core, other, XCALL_LIFE_END_CANCELLED);
        ended(core, call, XCALL_LIFE_END_DENIED);
        return;
    }
    take_rev(other, json_object_get(body, "rev"));
    bool good = other->offer || take_offer(core, other, json_object_get(body, "body"));
    other->insecure = !good;
    other->on_desk = true;
    take_relay(core, other, json_object_get(body, "relay"));
    xcall_life_input_init(&input, sizeof input);
    input.type = XCALL_LIFE_MERGED;
    input.flags = other->video ? XCALL_LIFE_VIDEO : 0;
    memcpy(input.other, other->uuid, 16);
    int32_t result = desk_input(core, call, &input);
    xc_client_run(core);
    if (result != XCALL_OK && made) {
        xc_client_call_release(core, other);
    } else if (other->state == XCALL_LIFE_IDLE) { /* this side has hung up meanwhile: given back */
        other->state = XCALL_LIFE_ENDED;
        other->reason = XCALL_LIFE_END_CANCELLED;
        other->ended_at = core->now;
        if (other->woken) /* the host asked for it and hears what becomes of it */
            xc_client_tell(core, other);
    } else if (!good) {
        xc_client_insecure(core, other);
    }
}

static void keep_refusal(struct xc_client_call *call, const char *code)
{
    size_t size = strlen(code) < sizeof call->refused ? strlen(code) : sizeof call->refused - 1;
    memcpy(call->refused, code, size);
    call->refused[size] = '\0';
}

static void invite_refused(struct xc_client_core *core, struct xc_client_call *call,
                           const json_t *body)
{
    const char *code = text_of(body, "code");
    if (!strcmp(code, "ended")) {
        ended(core, call, reason_of(text_of(body, "end")));
        return;
    }
    keep_refusal(call, *code ? code : "internal");
    news(core, call, XCALL_LIFE_REFUSED,
         strcmp(code, "relay_unavailable") ? XCALL_LIFE_END_DENIED
                                           : XCALL_LIFE_END_RELAY_UNAVAILABLE);
}

static void invite_answer(struct xc_client_core *core, struct xc_client_call *call,
                          const json_t *body, bool good)
{
    call->known = true;
    if (!good) {
        invite_refused(core, call, body);
    } else if (json_object_get(body, "merged_into")) {
        merged(core, call, body);
    } else {
        bool fresh = take_rev(call, json_object_get(body, "rev"));
        take_relay(core, call, json_object_get(body, "relay"));
        if (json_object_get(body, "end"))
            ended(core, call, reason_of(text_of(body, "end")));
        else if (fresh)
            apply_state(core, call, body, false);
        if (call->state != XCALL_LIFE_ENDED)
            xc_client_turn_ask(core, call);
    }
}

/* Another device was first, or the call is over: st and end say so. */
static void accept_refused(struct xc_client_core *core, struct xc_client_call *call,
                           const json_t *body)
{
    const char *code = text_of(body, "code"), *end = text_of(body, "end");
    uint32_t reason = XCALL_LIFE_END_FAILED_CONNECT;
    if (*end)
        reason = reason_of(end);
    else if (!strcmp(code, "lost_race"))
        reason = XCALL_LIFE_END_ANSWERED_ELSEWHERE;
    else if (!strcmp(code, "relay_unavailable"))
        reason = XCALL_LIFE_END_RELAY_UNAVAILABLE;
    keep_refusal(call, code);
    ended(core, call, reason);
}

void xc_client_call_answer(struct xc_client_core *core, const struct xc_client_request *request,
                           const json_t *body, bool good)
{
    struct xc_client_call *call = xc_client_find(core, request->call);
    if (!call)
        return;
    switch (request->kind) {
    case XC_REQUEST_INVITE:
        invite_answer(core, call, body, good);
        break;
    case XC_REQUEST_ACCEPT:
        if (!good) {
            accept_refused(core, call, body);
            break;
        }
        take_rev(call, json_object_get(body, "rev"));
        take_relay(core, call, json_object_get(body, "relay"));
        accept_taken(core, call);
        break;
    case XC_REQUEST_TURN:
        xc_client_turn_answer(core, call, body, good);
        break;
    default:
        break;
    }
}

/* --- snapshots ------------------------------------------------------------------------------------ */

/* A call of the service's that this program does not have any more: it was started anew. */
static void take_unknown(struct xc_client_core *core, const json_t *entry)
{
    const char *text = text_of(entry, "call"), *st = text_of(entry, "st");
    bool in = !strcmp(text_of(entry, "dir"), "in");
    struct xc_client_call stray = {0};
    if (in && !strcmp(st, "ringing")) {
        if (json_object_get(entry, "body")) /* else a call.incoming follows */
            incoming(core, text, text_of(entry, "peer"), json_object_get(entry, "rev"), entry);
        return;
    }
    if (!json_is_true(json_object_get(entry, "bound")) || !xc_uuid_read(text, stray.uuid))
        return; /* another device's */
    xc_uuid_write(stray.uuid, stray.text);
    told(core, &stray, !strcmp(st, "ringing") ? "call.cancel" : "call.hangup", NULL);
}

static bool names(const json_t *calls, const char *text)
{
    size_t index;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)calls, index,
                       entry) if (!strcmp(text_of(entry, "call"), text)) return true;
    return false;
}

/* Why a call is over that ended while this side was away. */
static uint32_t missing_reason(const struct xc_client_call *call, bool restarted)
{
    if (restarted)
        return XCALL_LIFE_END_SERVER_RESTART;
    if (call->agreed)
        return XCALL_LIFE_END_HANGUP;
    return call->outgoing ? XCALL_LIFE_END_NO_ANSWER : XCALL_LIFE_END_CANCELLED;
}

void xc_client_sync(struct xc_client_core *core, const json_t *body, bool restarted)
{
    json_t *calls = json_object_get(body, "calls"), *entry;
    size_t index;
    if (!json_is_array(calls))
        return;
    for (uint32_t i = 0; i < XC_CALLS_MAX; i++) {
        struct xc_client_call *call = &core->calls[i];
        if (call->id && call->known && call->on_desk && call->state != XCALL_LIFE_ENDED &&
            !names(calls, call->text))
            ended(core, call, missing_reason(call, restarted));
    }
    json_array_foreach(calls, index, entry)
    {
        struct xc_client_call *call = xc_client_find_uuid(core, text_of(entry, "call"));
        if (!call || xc_client_awaited(call)) {
            take_unknown(core, entry);
            continue;
        }
        call->known = true;
        if (call->outgoing && !call->agreed && !json_object_get(entry, "body") &&
            (!strcmp(text_of(entry, "st"), "accepted") || !strcmp(text_of(entry, "st"), "active")))
            continue; /* of no use without the peer's answer */
        if (take_rev(call, json_object_get(entry, "rev")))
            apply_state(core, call, entry, json_is_true(json_object_get(entry, "bound")));
    }
}
