/* life.c - the desk: slots of calls, their deadlines, the queue of actions, and what every input goes
 * through: checks, due time, the table, and a look at who may ring now.
 * SPDX-License-Identifier: MIT */
#include "call/life_state.h"

static const uint32_t told_flags = XCALL_LIFE_VIDEO | XCALL_LIFE_OUTGOING | XCALL_LIFE_WAITING |
                                   XCALL_LIFE_HELD | XCALL_LIFE_REMOTE_HELD;

static bool within(uint32_t value, uint32_t least, uint32_t most)
{
    return value >= least && value <= most;
}

const char *xc_desk_check(const struct xcall_desk_config *config)
{
    const uint32_t flags = XCALL_DESK_CALL_WAITING | XCALL_DESK_ARBITRATED;
    if (config->flags & ~flags)
        return "flags has an unknown bit";
    if (!within(config->calls_max, 1, XC_DESK_CALLS_MAX))
        return "calls_max is not within 1 to 16";
    if (!within(config->reach_ms, 1000, XC_DESK_RING_MS_MAX) ||
        !within(config->ring_ms, 1000, XC_DESK_RING_MS_MAX))
        return "reach_ms or ring_ms is not within 1000 to 90000";
    if (!within(config->connect_ms, 1000, 600000) || !within(config->media_lost_ms, 1000, 600000))
        return "connect_ms or media_lost_ms is not within 1000 to 600000";
    if (!within(config->tombstone_ms, 1000, 3600000))
        return "tombstone_ms is not within 1000 to 3600000";
    return NULL;
}

void xc_desk_init(struct xc_desk *desk, const struct xcall_desk_config *config)
{
    memset(desk, 0, sizeof *desk);
    desk->config = *config;
}

/* --- slots ------------------------------------------------------------------------------------- */

struct xc_life_call *xc_desk_find(struct xc_desk *desk, const uint8_t id[16])
{
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++)
        if (desk->calls[i].state != XCALL_LIFE_IDLE && memcmp(desk->calls[i].id, id, 16) == 0)
            return &desk->calls[i];
    return NULL;
}

const struct xc_life_call *xc_desk_call(const struct xc_desk *desk, const uint8_t id[16])
{
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++)
        if (desk->calls[i].state != XCALL_LIFE_IDLE && memcmp(desk->calls[i].id, id, 16) == 0)
            return &desk->calls[i];
    return NULL;
}

uint32_t xc_desk_live(const struct xc_desk *desk)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++)
        count += xc_life_live(&desk->calls[i]);
    return count;
}

uint32_t xc_desk_calls(const struct xc_desk *desk, uint8_t (*calls)[16], uint32_t capacity)
{
    uint32_t count = 0;
    for (uint64_t after = 0;; count++) {
        const struct xc_life_call *next = NULL;
        for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
            const struct xc_life_call *call = &desk->calls[i];
            if (xc_life_live(call) && call->order > after && (!next || call->order < next->order))
                next = call;
        }
        if (!next)
            return count;
        if (count < capacity)
            memcpy(calls[count], next->id, 16);
        after = next->order;
    }
}

/* A free slot, or that of the call that ended first: at most 16 of 80 are not ended. */
static struct xc_life_call *take_slot(struct xc_desk *desk)
{
    struct xc_life_call *oldest = NULL;
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        struct xc_life_call *call = &desk->calls[i];
        if (call->state == XCALL_LIFE_IDLE)
            return call;
        if (call->state == XCALL_LIFE_ENDED && (!oldest || call->ended_ms < oldest->ended_ms))
            oldest = call;
    }
    return oldest;
}

struct xc_life_call *xc_desk_add(struct xc_desk *desk, const uint8_t id[16], const char *peer,
                                 uint32_t state, uint32_t flags)
{
    struct xc_life_call *call = take_slot(desk);
    memset(call, 0, sizeof *call);
    memcpy(call->id, id, 16);
    if (peer)
        memcpy(call->peer, peer, strlen(peer));
    call->state = state;
    call->flags = flags & told_flags;
    call->order = ++desk->order;
    call->placed_ms = desk->now_ms;
    call->due_ms = XC_NEVER;
    if (state == XCALL_LIFE_ENDED)
        call->ended_ms = desk->now_ms;
    return call;
}

/* --- actions ----------------------------------------------------------------------------------- */

void xc_desk_act(struct xc_desk *desk, const struct xc_life_call *call, uint32_t type,
                 uint32_t reason, uint32_t flags)
{
    xc_assert(desk->action_count < XC_DESK_ACTIONS_MAX);
    if (desk->action_count == XC_DESK_ACTIONS_MAX)
        return;
    struct xcall_life_action *action = &desk->actions[desk->action_count++];
    *action = (struct xcall_life_action){.size = sizeof *action,
                                         .type = type,
                                         .state = call->state,
                                         .reason = reason,
                                         .flags = flags};
    memcpy(action->call, call->id, 16);
}

bool xc_desk_next_action(struct xc_desk *desk, struct xcall_life_action *action)
{
    if (desk->action_first == desk->action_count)
        return false;
    *action = desk->actions[desk->action_first++];
    return true;
}

void xc_desk_tell(struct xc_desk *desk, struct xc_life_call *call)
{
    call->told = true;
    xc_desk_act(desk, call, XCALL_LIFE_TELL, call->reason, call->flags);
}

void xc_desk_start_media(struct xc_desk *desk, struct xc_life_call *call, uint32_t flags)
{
    call->media = true;
    xc_desk_act(desk, call, XCALL_LIFE_START_MEDIA, XCALL_LIFE_END_NONE,
                flags | (call->flags & XCALL_LIFE_VIDEO));
}

void xc_desk_end(struct xc_desk *desk, struct xc_life_call *call, uint32_t reason, uint32_t send)
{
    call->state = XCALL_LIFE_ENDED;
    call->reason = reason;
    call->flags &= ~(uint32_t)XCALL_LIFE_WAITING;
    call->ended_ms = desk->now_ms;
    call->due_ms = XC_NEVER;
    if (send)
        xc_desk_act(desk, call, send, reason, 0);
    if (call->media)
        xc_desk_act(desk, call, XCALL_LIFE_END_MEDIA, reason, 0);
    call->media = false;
    xc_desk_tell(desk, call);
}

void xc_desk_connect(struct xc_desk *desk, struct xc_life_call *call)
{
    call->state = XCALL_LIFE_CONNECTING;
    call->flags &= ~(uint32_t)XCALL_LIFE_WAITING;
    call->accepted_ms = desk->now_ms;
    call->due_ms = desk->now_ms + desk->config.connect_ms;
}

void xc_desk_hold(struct xc_desk *desk, struct xc_life_call *call, bool hold)
{
    bool held = (call->flags & XCALL_LIFE_HELD) != 0;
    if (held == hold)
        return;
    call->flags ^= XCALL_LIFE_HELD;
    xc_desk_act(desk, call, hold ? XCALL_LIFE_HOLD_MEDIA : XCALL_LIFE_UNHOLD_MEDIA,
                XCALL_LIFE_END_NONE, 0);
    xc_desk_tell(desk, call);
}

/* --- time -------------------------------------------------------------------------------------- */

/* Without a carrier nobody could say that the callee rings, so only the ring's own end counts. */
static uint64_t due_of(const struct xc_desk *desk, const struct xc_life_call *call)
{
    if (call->state == XCALL_LIFE_CALLING && !desk->carrier_lost)
        return xc_earlier(call->due_ms, call->reach_ms);
    return call->due_ms;
}

static void expire(struct xc_desk *desk, struct xc_life_call *call)
{
    switch (call->state) {
    case XCALL_LIFE_CALLING:
    case XCALL_LIFE_RINGING_OUT:
        xc_desk_end(desk, call,
                    desk->carrier_lost             ? XCALL_LIFE_END_SIGNAL_LOST
                    : call->due_ms <= desk->now_ms ? XCALL_LIFE_END_NO_ANSWER
                                                   : XCALL_LIFE_END_UNREACHABLE,
                    XCALL_LIFE_SEND_CANCEL);
        break;
    case XCALL_LIFE_RINGING_IN: /* the caller counts too, and tells nobody twice */
        xc_desk_end(desk, call, XCALL_LIFE_END_NO_ANSWER, 0);
        break;
    case XCALL_LIFE_CONNECTING:
        xc_desk_end(desk, call, XCALL_LIFE_END_FAILED_CONNECT, XCALL_LIFE_SEND_HANG_UP);
        break;
    default:
        xc_desk_end(desk, call, XCALL_LIFE_END_MEDIA_LOST, XCALL_LIFE_SEND_HANG_UP);
        break;
    }
}

static void run_time(struct xc_desk *desk, uint64_t now_ms)
{
    desk->now_ms = XC_MAX(desk->now_ms, now_ms);
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        struct xc_life_call *call = &desk->calls[i];
        if (xc_life_live(call) && due_of(desk, call) <= desk->now_ms)
            expire(desk, call);
        else if (call->state == XCALL_LIFE_ENDED &&
                 desk->now_ms - call->ended_ms >= desk->config.tombstone_ms)
            call->state = XCALL_LIFE_IDLE;
    }
}

/* Ended calls are forgotten with the next input, whenever that is: nobody is woken for them. */
uint64_t xc_desk_deadline(const struct xc_desk *desk)
{
    uint64_t due = XC_NEVER;
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++)
        if (xc_life_live(&desk->calls[i]))
            due = xc_earlier(due, due_of(desk, &desk->calls[i]));
    return due;
}

/* --- inputs ------------------------------------------------------------------------------------ */

static bool of_all_calls(uint32_t type)
{
    return type == XCALL_LIFE_CARRIER_LOST || type == XCALL_LIFE_CARRIER_BACK ||
           type == XCALL_LIFE_TIME;
}

static bool of_carrier(uint32_t type)
{
    return type >= XCALL_LIFE_INCOMING && type <= XCALL_LIFE_REMOTE_UNHOLD;
}

static bool reason_fits(const struct xcall_life_input *input)
{
    switch (input->type) {
    case XCALL_LIFE_DECLINE:
        return input->reason == XCALL_LIFE_END_NONE || input->reason == XCALL_LIFE_END_DECLINED ||
               input->reason == XCALL_LIFE_END_BUSY || input->reason == XCALL_LIFE_END_UNSUPPORTED;
    case XCALL_LIFE_MEDIA_FAILED:
        return input->reason == XCALL_LIFE_END_NONE || input->reason == XCALL_LIFE_END_SECURITY ||
               input->reason == XCALL_LIFE_END_RELAY_UNAVAILABLE ||
               input->reason == XCALL_LIFE_END_MEDIA_LOST ||
               input->reason == XCALL_LIFE_END_FAILED_CONNECT;
    default:
        return input->reason <= XCALL_LIFE_END_RELAY_UNAVAILABLE;
    }
}

static bool peer_fits(const struct xcall_life_input *input)
{
    bool wanted = input->type == XCALL_LIFE_PLACE || input->type == XCALL_LIFE_INCOMING;
    if (!wanted && input->type != XCALL_LIFE_MERGED)
        return true;
    if (!input->peer)
        return !wanted;
    for (uint32_t length = 0; length <= XCALL_LIFE_PEER_MAX; length++)
        if (!input->peer[length])
            return length > 0;
    return false;
}

static bool well_formed(const struct xcall_life_input *input)
{
    static const uint8_t none[16];
    const uint32_t others = XCALL_LIFE_HOLD_OTHERS | XCALL_LIFE_END_OTHERS;
    if (!input->type || input->type >= XCALL_LIFE_INPUTS)
        return false;
    if (of_all_calls(input->type))
        return true;
    if (memcmp(input->call, none, 16) == 0 || (input->flags & others) == others)
        return false;
    if (input->type == XCALL_LIFE_MERGED &&
        (memcmp(input->other, none, 16) == 0 || memcmp(input->other, input->call, 16) == 0))
        return false;
    return reason_fits(input) && peer_fits(input);
}

static int32_t for_all_calls(struct xc_desk *desk, const struct xcall_life_input *input)
{
    if (input->type != XCALL_LIFE_TIME)
        desk->carrier_lost = input->type == XCALL_LIFE_CARRIER_LOST;
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        struct xc_life_call *call = &desk->calls[i];
        if (xc_life_live(call))
            xc_life_step_of(call->state, input->type)(desk, call, input);
    }
    return XCALL_OK;
}

static int32_t for_one_call(struct xc_desk *desk, const struct xcall_life_input *input)
{
    struct xc_life_call *call = xc_desk_find(desk, input->call);
    /* The number that comes with MERGED is that of the other call. */
    if (call && of_carrier(input->type) && input->type != XCALL_LIFE_MERGED && input->rev) {
        if (input->rev <= call->rev) {
            desk->stale++;
            return XCALL_OK;
        }
        call->rev = input->rev;
    }
    return xc_life_step_of(call ? call->state : XCALL_LIFE_IDLE, input->type)(desk, call, input);
}

/* Whose ringing the person is to know of, and whether it rings into another call. With an arbiter, a
 * call of somebody whom this device is calling waits for the verdict without a sound. */
static void settle(struct xc_desk *desk)
{
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        struct xc_life_call *call = &desk->calls[i];
        bool waiting = false, quiet = false;
        if (call->state != XCALL_LIFE_RINGING_IN)
            continue;
        for (uint32_t k = 0; k < XC_DESK_SLOTS; k++) {
            const struct xc_life_call *other = &desk->calls[k];
            if (!xc_life_live(other) || other->state == XCALL_LIFE_RINGING_IN)
                continue;
            waiting = true;
            quiet |= xc_life_rings_out(other) && strcmp(other->peer, call->peer) == 0;
        }
        uint32_t flags =
            (call->flags & ~(uint32_t)XCALL_LIFE_WAITING) | (waiting ? XCALL_LIFE_WAITING : 0);
        bool changed = !call->told || flags != call->flags;
        call->flags = flags;
        if (changed && !quiet)
            xc_desk_tell(desk, call);
    }
}

int32_t xc_desk_input(struct xc_desk *desk, const struct xcall_life_input *input)
{
    if (!well_formed(input))
        return XCALL_E_INVALID;
    if (desk->action_first != desk->action_count)
        return XCALL_E_AGAIN;
    desk->action_first = desk->action_count = 0;
    run_time(desk, input->now_ms);
    int32_t result =
        of_all_calls(input->type) ? for_all_calls(desk, input) : for_one_call(desk, input);
    settle(desk);
    return result;
}

/* --- names ------------------------------------------------------------------------------------- */

const char *xc_life_state_name(uint32_t state)
{
    static const char *const names[XCALL_LIFE_STATES] = {
        "idle",       "calling", "ringing_out",  "ringing_in",
        "connecting", "active",  "reconnecting", "ended"};
    return state < XC_ARRAY_LEN(names) ? names[state] : NULL;
}

const char *xc_life_reason_name(uint32_t reason)
{
    static const char *const names[] = {"none",
                                        "hangup",
                                        "cancelled",
                                        "declined",
                                        "busy",
                                        "no_answer",
                                        "unreachable",
                                        "answered_elsewhere",
                                        "declined_elsewhere",
                                        "merged",
                                        "denied",
                                        "perm_revoked",
                                        "blocked",
                                        "failed_connect",
                                        "media_lost",
                                        "signal_lost",
                                        "server_restart",
                                        "superseded",
                                        "unsupported",
                                        "security",
                                        "relay_unavailable"};
    return reason < XC_ARRAY_LEN(names) ? names[reason] : NULL;
}
