/* calls_sig.c - `sig`: what the two devices that joined a call tell each other. Kept before the accept, checked,
 * counted, passed on rebuilt of known members; nothing else of one side reaches the other. Service thread.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bodies.h"
#include "calls.h"

/* --- state ------------------------------------------------------------------------------------------- */

void sig_free(struct live_call *call)
{
    if (!call->sig)
        return;
    while (call->sig->first) {
        struct sig_kept *kept = call->sig->first;
        call->sig->first = kept->next;
        json_decref(kept->body);
        free(kept);
    }
    free(call->sig);
    call->sig = NULL;
}

static struct sig_side *side_of(struct live_call *call, bool caller, int32_t dev)
{
    struct sig_state *state = call->sig;
    for (uint32_t i = 0; i < state->side_count; i++) {
        if (state->sides[i].caller == caller && state->sides[i].dev == dev)
            return &state->sides[i];
    }
    if (state->side_count == sizeof state->sides / sizeof state->sides[0])
        return NULL;
    struct sig_side *side = &state->sides[state->side_count++];
    memset(side, 0, sizeof *side);
    side->caller = caller;
    side->dev = dev;
    side->top = -1;
    return side;
}

/* Has n been here? What lies more than 64 behind the highest counts as having been. */
static bool seen_before(const struct sig_side *side, int64_t n)
{
    if (n > side->top)
        return false;
    return side->top - n >= 64 || (side->seen >> (side->top - n) & 1);
}

static void see(struct sig_side *side, int64_t n)
{
    if (n > side->top) {
        int64_t step = side->top < 0 ? 64 : n - side->top;
        side->seen = step >= 64 ? 1 : side->seen << step | 1;
        side->top = n;
    } else {
        side->seen |= (uint64_t)1 << (side->top - n);
    }
}

/* Frames and bytes a minute, call and side. false: over. */
static bool within_minute(struct sig_side *side, int64_t now, size_t bytes, int64_t *retry_ms)
{
    if (now - side->since_ms >= SIG_MINUTE_MS || side->since_ms == 0) {
        side->since_ms = now;
        side->frames = side->bytes = 0;
    }
    *retry_ms = side->since_ms + SIG_MINUTE_MS - now;
    if (side->frames >= SIG_FRAMES_MAX || side->bytes + bytes > SIG_BYTES_MAX)
        return false;
    side->frames++;
    side->bytes += (uint32_t)bytes;
    return true;
}

/* --- out --------------------------------------------------------------------------------------------- */

static void forward(struct service *service, struct live_call *call, bool from_caller, json_t *body)
{
    const struct call_row *row = &call->ring.row;
    const char *kind = json_string_value(json_object_get(body, "kind"));
    char id[37];
    call_id_text(row->id, id);
    json_t *frame = json_pack("{s:s,s:s,s:O}", "t", "sig", "call", id, "b", body);
    if (frame)
        (void)service->bus.deliver(service->bus.context, from_caller ? row->callee : row->caller,
                                   from_caller ? row->callee_dev : row->caller_dev, 0, frame,
                                   strcmp(kind, "cand") == 0 ? OUT_DROPPABLE : 0);
    json_decref(frame);
    service->calls->figures.sig_forwarded++;
}

static void drop_old(struct service *service, struct sig_state *state)
{
    while (state->first && service->now - state->first->at_ms >= SIG_KEPT_MS) {
        struct sig_kept *kept = state->first;
        state->first = kept->next;
        if (!state->first)
            state->last = NULL;
        state->kept_count[kept->caller]--;
        service->calls->figures.sig_late++;
        json_decref(kept->body);
        free(kept);
    }
}

/* At the accept: what the caller's device and the one that joined have sent, as far as it is young. */
void sig_flush(struct service *service, struct live_call *call)
{
    struct sig_state *state = call->sig;
    if (!state)
        return;
    drop_old(service, state);
    while (state->first) {
        struct sig_kept *kept = state->first;
        state->first = kept->next;
        if (kept->caller || kept->dev == call->ring.row.callee_dev)
            forward(service, call, kept->caller, kept->body);
        json_decref(kept->body);
        free(kept);
    }
    state->last = NULL;
    state->kept_count[0] = state->kept_count[1] = 0;
}

/* false: there is no place for it. */
static bool keep(struct service *service, struct live_call *call, bool caller, int32_t dev,
                 json_t *body)
{
    struct sig_state *state = call->sig;
    drop_old(service, state);
    struct sig_kept *kept =
        state->kept_count[caller] < SIG_KEPT_MAX ? calloc(1, sizeof *kept) : NULL;
    if (!kept)
        return false;
    *kept = (struct sig_kept){NULL, service->now, caller, dev, json_incref(body)};
    if (state->last)
        state->last->next = kept;
    else
        state->first = kept;
    state->last = kept;
    state->kept_count[caller]++;
    service->calls->figures.sig_kept++;
    return true;
}

/* --- in ---------------------------------------------------------------------------------------------- */

enum { MAY_NOT, MAY_KEEP, MAY_FORWARD };

static int may(const struct request *request, struct place *place)
{
    struct ring *ring = &place->live->ring;
    const struct ring_leg *leg = ring_leg_of(ring, request->session->dev);
    if (ring->row.state == CALL_RINGING) {
        bool rings = leg && leg->state == LEG_RINGS && !ring->row.shadow;
        return place->caller || rings ? MAY_KEEP : MAY_NOT;
    }
    return place->caller || request->session->dev == ring->row.callee_dev ? MAY_FORWARD : MAY_NOT;
}

/* The data of a frame, checked and rebuilt; NULL: refused, and answered. */
static json_t *take_data(struct request *request, const struct live_call *call, const char *kind)
{
    const json_t *data = json_object_get(request->body, "data");
    bool relay = call->ring.row.relay;
    json_t *taken = NULL;
    if (strcmp(kind, "nego") == 0 || strcmp(kind, "restart") == 0) {
        bool addresses = !relay && call->ring.row.state != CALL_RINGING;
        return request_body(request, data, BODY_OFFER | BODY_ANSWER, addresses);
    }
    if (strcmp(kind, "cand") == 0)
        taken = candidate_take(data, relay);
    else if (json_is_string(data) && json_string_length(data) <= BODY_E2E_MAX)
        taken = json_string(json_string_value(data));
    if (!taken) {
        request->service->calls->figures.sig_refused++;
        request_error(request, "bad_body", NULL);
    }
    return taken;
}

static void pass_on(struct request *request, struct place *place, const char *kind, int64_t n)
{
    struct service *service = request->service;
    struct live_call *call = place->live;
    int what = may(request, place);
    if (!call->sig)
        call->sig = calloc(1, sizeof *call->sig);
    struct sig_side *side = call->sig ? side_of(call, place->caller, request->session->dev) : NULL;
    if (what == MAY_NOT || !side) {
        service->calls->figures.sig_late++;
        (void)answer_refusal(request, place, RING_ENDED);
        return;
    }
    if (seen_before(side, n)) {
        service->calls->figures.sig_repeated++;
        request_ok(request, NULL);
        return;
    }
    json_t *data = json_object_get(request->body, "data");
    int64_t retry_ms = 0;
    if (!within_minute(side, service->now, json_dumpb(data, NULL, 0, JSON_ENCODE_ANY), &retry_ms)) {
        service->calls->figures.sig_over++;
        request_try_later(request, retry_ms);
        return;
    }
    json_t *taken = take_data(request, call, kind);
    if (!taken)
        return;
    json_t *body = json_pack("{s:I,s:s,s:o}", "n", (json_int_t)n, "kind", kind, "data", taken);
    bool fine = body != NULL;
    if (fine && what == MAY_FORWARD)
        forward(service, call, place->caller, body);
    else if (fine)
        fine = keep(service, call, place->caller, request->session->dev, body);
    json_decref(body);
    if (fine) {
        see(side, n);
        request_ok(request, NULL);
    } else {
        service->calls->figures.sig_over++;
        request_try_later(request, SIG_KEPT_MS);
    }
}

void call_sig(struct request *request)
{
    struct place place;
    int64_t n = 0;
    const char *kind = body_text(request, "kind", 1, 16);
    if (!kind || !body_int(request, "n", 0, INT64_C(1) << 52, -1, &n))
        return;
    bool known = strcmp(kind, "cand") == 0 || strcmp(kind, "nego") == 0 ||
                 strcmp(kind, "restart") == 0 || strcmp(kind, "e2e") == 0;
    if (!known) {
        request_wrong(request, "kind: cand, nego, restart or e2e");
        return;
    }
    if (!place_find(request, &place, true))
        return;
    if (!place.live) {
        request->service->calls->figures.sig_late++;
        (void)answer_refusal(request, &place, RING_ENDED);
        return;
    }
    pass_on(request, &place, kind, n);
}
