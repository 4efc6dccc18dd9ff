/* calls.c - the live calls: found by id and by user, a heap of their timers, and the one way of an event:
 * ring.c decides, the store's compare-and-set confirms, calls_tell.c tells. And what sessions, accounts,
 * people and the admin's changes mean for calls. Service thread.
 * SPDX-License-Identifier: MIT */
#include "calls.h"

#include <stdlib.h>
#include <string.h>
#include <xcall/life.h>

#include "core.h"
#include "json_text.h"

/* --- tables -------------------------------------------------------------------------------------- */

static size_t slot_of_id(const uint8_t call[CALL_ID_SIZE])
{
    /* Ids are the callers' choice: whoever makes many that meet here slows down his own limits' worth. */
    uint64_t hash = 1469598103934665603u;
    for (unsigned i = 0; i < CALL_ID_SIZE; i++)
        hash = (hash ^ call[i]) * 1099511628211u;
    return (size_t)((hash >> 20) % CALLS_SLOTS);
}

static size_t slot_of_user(int64_t user)
{
    return (size_t)(((uint64_t)user * 0x9e3779b97f4a7c15u) >> 40) % CALLS_SLOTS;
}

static int64_t user_of(const struct live_call *call, int side)
{
    return side == 0 ? call->ring.row.caller : call->ring.row.callee;
}

struct live_call *live_find(const struct calls *calls, const uint8_t call[CALL_ID_SIZE])
{
    struct live_call *live = calls->by_id[slot_of_id(call)];
    while (live && memcmp(live->ring.row.id, call, CALL_ID_SIZE) != 0)
        live = live->next_id;
    return live;
}

struct live_call *live_of(const struct calls *calls, int side, int64_t user,
                          const struct live_call *after)
{
    struct live_call *live =
        after ? after->next_of[side] : calls->by_user[side][slot_of_user(user)];
    while (live && user_of(live, side) != user)
        live = live->next_of[side];
    return live;
}

struct live_call *accepted_of(const struct calls *calls, int64_t user)
{
    for (int side = 0; side < 2; side++) {
        for (struct live_call *live = live_of(calls, side, user, NULL); live;
             live = live_of(calls, side, user, live)) {
            if (live->ring.row.state == CALL_ACCEPTED || live->ring.row.state == CALL_ACTIVE)
                return live;
        }
    }
    return NULL;
}

static void heap_put(struct calls *calls, size_t at, struct live_call *call)
{
    calls->heap[at] = call;
    call->heap_at = at;
}

static void heap_place(struct calls *calls, size_t at)
{
    struct live_call *call = calls->heap[at];
    while (at > 0 && calls->heap[(at - 1) / 2]->deadline_ms > call->deadline_ms) {
        heap_put(calls, at, calls->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= calls->heap_count)
            break;
        if (child + 1 < calls->heap_count &&
            calls->heap[child + 1]->deadline_ms < calls->heap[child]->deadline_ms)
            child++;
        if (calls->heap[child]->deadline_ms >= call->deadline_ms)
            break;
        heap_put(calls, at, calls->heap[child]);
        at = child;
    }
    heap_put(calls, at, call);
}

static void heap_remove(struct calls *calls, struct live_call *call)
{
    size_t at = call->heap_at;
    call->heap_at = SIZE_MAX;
    if (at == --calls->heap_count)
        return;
    heap_put(calls, at, calls->heap[calls->heap_count]);
    heap_place(calls, at);
}

void live_timer(struct service *service, struct live_call *call)
{
    call->deadline_ms = ring_deadline(&call->ring, gatekeeper_policy(service->gatekeeper));
    heap_place(service->calls, call->heap_at);
}

static void unlink_from(struct live_call **slot, struct live_call *call, int side)
{
    while (*slot != call)
        slot = side < 0 ? &(*slot)->next_id : &(*slot)->next_of[side];
    *slot = side < 0 ? call->next_id : call->next_of[side];
}

static void link_call(struct service *service, struct live_call *call)
{
    struct calls *calls = service->calls;
    size_t id = slot_of_id(call->ring.row.id);
    call->next_id = calls->by_id[id];
    calls->by_id[id] = call;
    for (int side = 0; side < 2; side++) {
        size_t slot = slot_of_user(user_of(call, side));
        call->next_of[side] = calls->by_user[side][slot];
        calls->by_user[side][slot] = call;
    }
    heap_put(calls, calls->heap_count++, call);
    live_timer(service, call);
    calls->count++;
}

struct live_call *live_add(struct service *service, const struct ring *ring,
                           const char *caller_name, const char *callee_name)
{
    struct calls *calls = service->calls;
    if (calls->heap_count == calls->heap_capacity) {
        size_t capacity = calls->heap_capacity ? 2 * calls->heap_capacity : 64;
        struct live_call **heap = realloc(calls->heap, capacity * sizeof *heap);
        if (!heap)
            return NULL;
        calls->heap = heap;
        calls->heap_capacity = capacity;
    }
    struct live_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->ring = *ring;
    strncpy(call->caller_name, caller_name, NAME_MAX_BYTES);
    strncpy(call->callee_name, callee_name, NAME_MAX_BYTES);
    link_call(service, call);
    call_added(calls, call);
    calls->figures.live[ring->row.video][ring->row.state]++;
    return call;
}

/* Not freed before the next tick: whoever led to its end may still look at it. */
void live_remove(struct calls *calls, struct live_call *call)
{
    call_removed(calls, call);
    unlink_from(&calls->by_id[slot_of_id(call->ring.row.id)], call, -1);
    for (int side = 0; side < 2; side++)
        unlink_from(&calls->by_user[side][slot_of_user(user_of(call, side))], call, side);
    heap_remove(calls, call);
    calls->count--;
    call->dead = true;
    call->next_id = calls->dead;
    calls->dead = call;
}

/* The heap has had room for it. */
void live_revive(struct service *service, struct live_call *call)
{
    unlink_from(&service->calls->dead, call, -1);
    call->dead = false;
    link_call(service, call);
}

static void bury(struct calls *calls)
{
    while (calls->dead) {
        struct live_call *call = calls->dead;
        calls->dead = call->next_id;
        sig_free(call);
        free(call);
    }
}

/* --- an event's way ------------------------------------------------------------------------------ */

enum { WROTE, WROTE_NOTHING, WRITE_BUSY_CALLER, WRITE_BUSY_CALLEE, WRITE_AGAIN, WRITE_FAILED };

/* The whole row is written, so what it has of bodies is read again. *answer stays where it is given. */
static bool kept_bodies(struct service *service, const uint8_t id[CALL_ID_SIZE], char **offer,
                        char **answer)
{
    struct call_row row;
    int result = store_call_get(service->store, id, &row);
    if (result != STORE_OK)
        return result != STORE_FAILED;
    bool fine = true;
    if (row.offer)
        fine = (*offer = strdup(row.offer)) != NULL;
    if (fine && row.answer && !*answer)
        fine = (*answer = strdup(row.answer)) != NULL;
    if (!fine)
        free(*offer);
    return fine;
}

/* The row, by compare-and-set. Where another has written first its row is taken over (WRITE_AGAIN);
 * where the row is gone with an account, memory alone brings the call to its end. */
static int write_ring(struct service *service, struct live_call *call, const struct ring *after,
                      json_t *answer)
{
    const struct call_row *before = &call->ring.row;
    struct call_row row = after->row;
    int busy = 0;
    size_t size;
    char *offer_text = NULL, *answer_text = answer ? json_text(answer, &size) : NULL;
    if (answer && !answer_text)
        return WRITE_FAILED;
    if (row.state != CALL_ENDED && !kept_bodies(service, row.id, &offer_text, &answer_text)) {
        free(answer_text);
        return WRITE_FAILED;
    }
    row.offer = offer_text;
    row.answer = answer_text;
    int result = store_call_update(service->store, &row, before->state, before->rev, &busy);
    free(offer_text);
    free(answer_text);
    if (result == STORE_OK)
        return WROTE;
    if (!store_worked(service, result, "call"))
        return WRITE_FAILED;
    if (busy && result == STORE_CONFLICT)
        return busy == 1 ? WRITE_BUSY_CALLER : WRITE_BUSY_CALLEE;
    service->calls->figures.conflicts++;
    result = store_call_get(service->store, before->id, &row);
    if (result == STORE_NONE)
        return WROTE_NOTHING;
    if (result != STORE_OK)
        return WRITE_FAILED;
    if (row.state == before->state && row.rev == before->rev)
        return WROTE_NOTHING;
    struct call_row old = *before;
    row.offer = row.answer = NULL;
    call_changes(service->calls, call);
    call->ring.row = row;
    figures_changed(service->calls, call, &old);
    return WRITE_AGAIN;
}

static int apply_once(struct service *service, struct live_call *call,
                      const struct ring_event *event, json_t *answer, bool *again)
{
    const struct policy *policy = gatekeeper_policy(service->gatekeeper);
    struct ring after;
    struct ring_effects effects;
    int result = ring_step(&call->ring, policy, service->now, event, &after, &effects);
    if (effects.write) {
        figures_away(call, &after.row);
        bool joins = after.row.state == CALL_ACCEPTED && call->ring.row.state == CALL_RINGING;
        int wrote = write_ring(service, call, &after, joins ? answer : NULL);
        if (wrote == WRITE_FAILED)
            return APPLY_FAILED;
        if (wrote == WRITE_BUSY_CALLER || wrote == WRITE_BUSY_CALLEE)
            return wrote == WRITE_BUSY_CALLER ? APPLY_CALLER_BUSY : APPLY_CALLEE_BUSY;
        *again = wrote == WRITE_AGAIN;
        if (*again)
            return result;
    }
    struct call_row before = call->ring.row;
    call_changes(service->calls, call);
    call->ring = after;
    figures_changed(service->calls, call, &before);
    if (before.state == CALL_RINGING && after.row.state == CALL_ACCEPTED)
        figures_joined(service, call);
    /* Its time may have ended it just before this event. */
    if (after.row.state != CALL_ENDED)
        live_timer(service, call);
    else if (!call->dead)
        live_remove(service->calls, call);
    tell_effects(service, call, &effects, NULL, answer);
    return result;
}

int calls_apply(struct service *service, struct live_call *call, const struct ring_event *event,
                json_t *answer)
{
    bool again = false;
    if (event->type != RING_TIME && call->deadline_ms <= service->now && !call->dead) {
        struct ring_event due = {.type = RING_TIME};
        if (calls_apply(service, call, &due, NULL) == APPLY_FAILED)
            return APPLY_FAILED;
    }
    int result = apply_once(service, call, event, answer, &again);
    if (again)
        result = apply_once(service, call, event, answer, &again);
    if (again && !call->dead) {
        if (call->ring.row.state == CALL_ENDED)
            live_remove(service->calls, call);
        else
            live_timer(service, call);
    }
    return result;
}

/* The calls of a user on one side, as a list that stands still while they end: at most `capacity`. */
static size_t calls_of(struct service *service, int side, int64_t user, struct live_call **list,
                       size_t capacity)
{
    size_t count = 0;
    for (struct live_call *call = live_of(service->calls, side, user, NULL);
         call && count < capacity; call = live_of(service->calls, side, user, call))
        list[count++] = call;
    return count;
}

#define CALLS_AT_ONCE                                                                              \
    512 /* of one user and side that one event can end; limits keep it far below */

static void apply_to_all(struct service *service, int side, int64_t user, int64_t other, int type,
                         int32_t dev)
{
    struct live_call *list[CALLS_AT_ONCE];
    size_t count = calls_of(service, side, user, list, CALLS_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        struct live_call *call = list[i];
        if (call->dead || (other && user_of(call, 1 - side) != other))
            continue;
        if (side == 0 && dev && call->ring.row.caller_dev != dev)
            continue;
        struct ring_event event = {.type = type, .dev = dev};
        (void)calls_apply(service, call, &event, NULL);
    }
}

/* --- the gate, once more ------------------------------------------------------------------------- */

/* The callee's side of it: what speaks against the caller alone does not end a ring that was let in. */
bool calls_allowed(struct service *service, const struct live_call *call)
{
    struct gate_question question = {.caller = call->ring.row.caller,
                                     .callee = call->callee_name,
                                     .video = call->ring.row.video,
                                     .dev = call->ring.row.caller_dev};
    struct gate_answer answer;
    int result = gatekeeper_decide(service->gatekeeper, &question, service->now, &answer);
    if (!store_worked(service, result, "gate") || result != STORE_OK)
        return true;
    switch (answer.decision.reason) {
    case XCALL_GATE_REASON_KILL_SWITCH:
    case XCALL_GATE_REASON_ROLLOUT_CALLER:
    case XCALL_GATE_REASON_ROLLOUT_VIDEO:
    case XCALL_GATE_REASON_CALLER_OUTDATED:
    case XCALL_GATE_REASON_RATE:
        return true;
    default:
        break;
    }
    if (answer.decision.verdict != XCALL_GATE_RING)
        return false;
    /* Since the invite this call would have to be relayed, and its caller has been told otherwise. */
    return call->ring.row.relay || !answer.decision.relay;
}

void calls_admit(struct service *service, struct live_call *call, int32_t dev)
{
    const struct ring_leg *leg = ring_leg_of(&call->ring, dev);
    if (call->ring.row.state != CALL_RINGING || call->ring.row.shadow ||
        (leg && leg->state != LEG_WAITED))
        return;
    if (call->ring.row.ring_deadline_ms - service->now <= RING_LEFT_MIN_MS)
        return;
    struct ring_event event = {RING_CALLEE_ON, dev, 0, calls_allowed(service, call)};
    if (!event.allowed) {
        (void)calls_apply(service, call, &event, NULL);
        return;
    }
    struct ring after;
    struct ring_effects effects;
    (void)ring_step(&call->ring, gatekeeper_policy(service->gatekeeper), service->now, &event,
                    &after, &effects);
    call_changes(service->calls, call);
    call->ring = after; /* legs only: nothing to write, and the snapshot says it */
}

/* --- hooks (session.h) --------------------------------------------------------------------------- */

static void wake_answer(struct service *service, struct session *session, const uint8_t *wake_call)
{
    struct live_call *call = live_find(service->calls, wake_call);
    struct ring past;
    struct ring_view view = {"ended", RING_REV_ENDED, XCALL_LIFE_END_CANCELLED, false};
    const struct ring *ring = call ? &call->ring : NULL;
    if (!call) {
        memset(&past, 0, sizeof past);
        if (store_call_get(service->store, wake_call, &past.row) == STORE_OK)
            ring = &past;
    }
    if (ring && ring->row.caller == session->user)
        view = ring_view_caller(ring);
    else if (ring && ring->row.callee == session->user)
        view = ring_view_callee(ring, session->dev);
    const struct ring_leg *leg = call ? ring_leg_of(&call->ring, session->dev) : NULL;
    if (call && call->ring.row.state == CALL_RINGING && leg && leg->state == LEG_RINGS &&
        call->ring.row.callee == session->user)
        return; /* it has just been told to ring */
    if (ring && ring->row.callee == session->user && ring->row.state == CALL_RINGING) {
        /* It would ring for a moment only, or there is no place: over, for this device. */
        view = (struct ring_view){"ended", ring->row.rev, XCALL_LIFE_END_CANCELLED, false};
    }
    tell_state(service, session->user, session->dev, wake_call, &view);
}

void calls_device_online(struct service *service, struct session *session, bool resumed,
                         const uint8_t *wake_call)
{
    struct live_call *list[CALLS_AT_ONCE];
    figures_online(service, session, resumed);
    apply_to_all(service, 0, session->user, 0, RING_CALLER_ON, session->dev);
    size_t count = calls_of(service, 1, session->user, list, CALLS_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        struct live_call *call = list[i];
        const struct ring_leg *leg = ring_leg_of(&call->ring, session->dev);
        bool asks = call->ring.row.state == CALL_RINGING && !call->ring.row.shadow &&
                    !(leg && leg->state == LEG_RINGS);
        struct ring_event event = {RING_CALLEE_ON, session->dev, 0,
                                   !asks || calls_allowed(service, call)};
        (void)calls_apply(service, call, &event, NULL);
    }
    if (wake_call)
        wake_answer(service, session, wake_call);
}

void calls_device_offline(struct service *service, int64_t user, int32_t dev, bool goodbye)
{
    figures_offline(service, user, dev, goodbye);
    apply_to_all(service, 0, user, 0, RING_CALLER_OFF, dev);
    apply_to_all(service, 1, user, 0, RING_CALLEE_OFF, dev);
}

void calls_device_gone(struct service *service, int64_t user, int32_t dev)
{
    apply_to_all(service, 0, user, 0, RING_CALLER_GONE, dev);
    apply_to_all(service, 1, user, 0, dev ? RING_CALLEE_GONE : RING_CALLEE_ACCOUNT_GONE, dev);
}

void calls_blocked(struct service *service, int64_t blocker, int64_t blocked)
{
    apply_to_all(service, 1, blocker, blocked, RING_CALLEE_BLOCKS, 0);
    apply_to_all(service, 0, blocker, blocked, RING_CALLER_BLOCKS, 0);
}

void calls_settings_changed(struct service *service, int64_t user)
{
    struct live_call *list[CALLS_AT_ONCE];
    size_t count = calls_of(service, 1, user, list, CALLS_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        struct live_call *call = list[i];
        if (call->ring.row.state != CALL_RINGING || call->ring.row.shadow ||
            calls_allowed(service, call))
            continue;
        struct ring_event event = {.type = RING_NARROWED};
        (void)calls_apply(service, call, &event, NULL);
    }
}

static json_t *snapshot_entry(const struct live_call *call, const struct ring_view *view, bool out,
                              bool bound)
{
    const struct call_row *row = &call->ring.row;
    char id[37];
    call_id_text(row->id, id);
    return json_pack("{s:s,s:I,s:s,s:s,s:s,s:s,s:b,s:b}", "call", id, "rev", (json_int_t)view->rev,
                     "dir", out ? "out" : "in", "peer", out ? call->callee_name : call->caller_name,
                     "media", row->video ? "v" : "a", "st", view->st, "relay", row->relay, "bound",
                     bound);
}

static void snapshot_out(struct service *service, struct live_call *call, int32_t dev,
                         json_t *array)
{
    const struct call_row *row = &call->ring.row;
    struct ring_view view = ring_view_caller(&call->ring);
    bool bound = row->caller_dev == dev;
    json_t *entry = snapshot_entry(call, &view, true, bound);
    if (view.reached && row->state == CALL_RINGING)
        (void)json_object_set_new(entry, "reached", json_true());
    if (bound && row->state != CALL_RINGING)
        (void)json_object_set_new(entry, "body", stored_body(service, row->id, true));
    (void)json_array_append_new(array, entry);
}

static void snapshot_in(struct service *service, struct live_call *call, int32_t dev, json_t *array)
{
    const struct call_row *row = &call->ring.row;
    calls_admit(service, call, dev);
    const struct ring_leg *leg = ring_leg_of(&call->ring, dev);
    struct ring_view view = ring_view_callee(&call->ring, dev);
    bool rings = row->state == CALL_RINGING && !row->shadow && leg && leg->state == LEG_RINGS;
    bool bound = row->state != CALL_RINGING && row->callee_dev == dev;
    if (!rings && !bound)
        return;
    json_t *entry = snapshot_entry(call, &view, false, bound);
    if (rings) {
        (void)json_object_set_new(entry, "body", stored_body(service, row->id, false));
        (void)json_object_set_new(entry, "ring_left_ms",
                                  json_integer(row->ring_deadline_ms - service->now));
    }
    (void)json_array_append_new(array, entry);
}

json_t *calls_snapshot(struct service *service, struct session *session)
{
    struct live_call *list[CALLS_AT_ONCE];
    json_t *array = json_array();
    size_t count = calls_of(service, 0, session->user, list, CALLS_AT_ONCE);
    for (size_t i = 0; i < count && array; i++)
        snapshot_out(service, list[i], session->dev, array);
    count = calls_of(service, 1, session->user, list, CALLS_AT_ONCE);
    for (size_t i = 0; i < count && array; i++)
        snapshot_in(service, list[i], session->dev, array);
    return array;
}

/* --- life ---------------------------------------------------------------------------------------- */

/* One row of before the restart. Devices that are connected all the same (the service itself goes on,
 * a batch could not be committed) are so here too. */
static int load_call(struct service *service, const uint8_t id[CALL_ID_SIZE])
{
    struct call_row row;
    struct account caller = {0}, callee = {0};
    struct device devices[DEVICES_MAX];
    struct ring_device list[DEVICES_MAX];
    size_t count = 0;
    int result = store_call_get(service->store, id, &row);
    if (result != STORE_OK)
        return result == STORE_NONE ? STORE_OK : result;
    row.offer = row.answer = NULL;
    if (store_account_by_id(service->store, row.caller, &caller) == STORE_FAILED ||
        store_account_by_id(service->store, row.callee, &callee) == STORE_FAILED ||
        store_device_list(service->store, row.callee, devices, &count) == STORE_FAILED)
        return STORE_FAILED;
    for (size_t i = 0; i < count; i++)
        list[i] = (struct ring_device){devices[i].dev, false, false};
    struct ring ring;
    ring_load(&ring, &row, list, count, gatekeeper_policy(service->gatekeeper), service->now);
    struct live_call *call = live_add(service, &ring, caller.name, callee.name);
    if (!call)
        return STORE_FAILED;
    call->party[0].paid = caller.paid;
    call->party[1].paid = callee.paid;
    struct ring_event event = {.type = RING_CALLER_ON};
    if (session_of(service, row.caller, row.caller_dev))
        (void)calls_apply(service, call, &event, NULL);
    for (size_t i = 0; i < count; i++) {
        event = (struct ring_event){RING_CALLEE_ON, list[i].dev, 0, true};
        if (session_of(service, row.callee, list[i].dev))
            (void)calls_apply(service, call, &event, NULL);
    }
    return STORE_OK;
}

static bool load_calls(struct service *service)
{
    size_t capacity = 256, count = 0;
    uint8_t(*ids)[CALL_ID_SIZE] = NULL;
    for (;;) {
        uint8_t(*more)[CALL_ID_SIZE] = realloc(ids, capacity * sizeof *ids);
        if (!more) {
            free(ids);
            return false;
        }
        ids = more;
        if (store_calls_live(service->store, 0, ids, capacity, &count) != STORE_OK) {
            free(ids);
            return false;
        }
        if (count < capacity)
            break;
        capacity *= 4;
    }
    bool fine = true;
    for (size_t i = 0; i < count && fine; i++)
        fine = load_call(service, ids[i]) == STORE_OK;
    free(ids);
    return fine;
}

struct calls *calls_create(struct service *service)
{
    struct calls *calls = calloc(1, sizeof *calls);
    if (!calls)
        return NULL;
    (void)version_class(calls, ""); /* "other" */
    struct calls *before = service->calls;
    service->calls = calls;
    if (store_secret(service->store, "pseudonyms", calls->pseudonym_key) != STORE_OK ||
        !load_calls(service)) {
        service->calls = before;
        calls_destroy(calls);
        return NULL;
    }
    service->calls = before;
    return calls;
}

void calls_destroy(struct calls *calls)
{
    if (!calls)
        return;
    for (size_t i = 0; i < calls->heap_count; i++) {
        sig_free(calls->heap[i]);
        free(calls->heap[i]);
    }
    bury(calls);
    free(calls->changes);
    free(calls->heap);
    free(calls);
}

/* Policy kill with kill_live: also what goes on ends. */
static void look_at_policy(struct service *service)
{
    const struct policy *policy = gatekeeper_policy(service->gatekeeper);
    if (service->calls->policy_version == policy->version)
        return;
    service->calls->policy_version = policy->version;
    if (!policy->kill || !policy->kill_live)
        return;
    while (service->calls->heap_count > 0) {
        size_t count = service->calls->heap_count;
        struct ring_event event = {.type = RING_KILL};
        step_begin(service);
        (void)calls_apply(service, service->calls->heap[0], &event, NULL);
        if (!step_end(service) || service->calls->heap_count == count)
            return; /* the store does not take it: at the next change */
    }
}

/* Each call by itself: one that the store does not take is tried again later, and holds up nobody. */
void calls_tick(struct service *service)
{
    struct calls *calls = service->calls;
    step_begin(service); /* what was noted of the dead is over */
    bury(calls);
    look_at_policy(service);
    while (calls->heap_count > 0 && calls->heap[0]->deadline_ms <= service->now) {
        struct live_call *call = calls->heap[0];
        struct ring_event event = {.type = RING_TIME};
        step_begin(service);
        int result = calls_apply(service, call, &event, NULL);
        if (!step_end(service)) {
            if (service->core->lost)
                return;
            call->deadline_ms = service->now + RECOVER_MS;
            heap_place(calls, call->heap_at);
        } else if (result == APPLY_FAILED || (!call->dead && call->deadline_ms <= service->now)) {
            return; /* another's row was taken over: at the next tick */
        }
    }
}

int64_t calls_deadline(const struct service *service)
{
    const struct calls *calls = service->calls;
    return calls->heap_count ? calls->heap[0]->deadline_ms : INT64_MAX;
}

/* call.*, sig and turn.get are all carried out once. */
#define ROW(name, handle)                                                                          \
    {                                                                                              \
        name, handle, false, true, false                                                           \
    }
const struct handler_row call_handlers[] = {
    ROW("call.invite", call_invite),   ROW("call.alerting", call_alerting),
    ROW("call.accept", call_accept),   ROW("call.decline", call_decline),
    ROW("call.cancel", call_cancel),   ROW("call.hangup", call_hangup),
    ROW("call.media", call_media),     ROW("sig", call_sig),
    ROW("turn.get", turn_get),         ROW("call.quality", call_quality),
    {NULL, NULL, false, false, false},
};
