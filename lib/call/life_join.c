/* life_join.c - the steps of a call's life that are about more than this call: placing and accepting
 * while another goes on, two people who call each other at once, a carrier that makes one call of two.
 *
 * Glare without an arbiter: the lower id wins (XEP-0353 section 6). Who placed the higher one retracts
 * it and accepts the other; who placed the lower one forgets the other. Both know both ids, so both
 * come to the same end in whatever order the news arrive.
 *
 * SPDX-License-Identifier: MIT */
#include "call/life_state.h"

/* What is to become of the other calls when `keep` (NULL: a new one) is to be the one in use. */
struct way {
    const struct xc_life_call *keep;
    const char *peer;
    uint32_t flags; /* HOLD_OTHERS, END_OTHERS */
    bool placing;
};

enum { LEAVE, REFUSE, HOLD, SUPERSEDE, MERGE };

static int fate(const struct way *way, const struct xc_life_call *other)
{
    bool same = strcmp(other->peer, way->peer) == 0;
    if (!xc_life_live(other) || other == way->keep || other->state == XCALL_LIFE_RINGING_IN)
        return LEAVE;
    if (same && way->placing) /* called again where media is lost: a new call instead of the old */
        return other->state == XCALL_LIFE_RECONNECTING ? SUPERSEDE : REFUSE;
    if (same && xc_life_rings_out(other))
        return MERGE;
    if (way->flags & XCALL_LIFE_END_OTHERS)
        return SUPERSEDE;
    if (other->flags & XCALL_LIFE_HELD)
        return LEAVE;
    if (!(way->flags & XCALL_LIFE_HOLD_OTHERS))
        return REFUSE;
    return xc_life_rings_out(other) ? SUPERSEDE : HOLD; /* what only rings cannot be held */
}

/* Whether there is a way, and how many calls would end on it. */
static bool way_there(const struct xc_desk *desk, const struct way *way, uint32_t *ends)
{
    *ends = 0;
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        int what = fate(way, &desk->calls[i]);
        if (what == REFUSE)
            return false;
        *ends += what == SUPERSEDE || what == MERGE;
    }
    return true;
}

static void make_way(struct xc_desk *desk, const struct way *way)
{
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        struct xc_life_call *other = &desk->calls[i];
        int what = fate(way, other);
        uint32_t send = xc_life_rings_out(other) ? XCALL_LIFE_SEND_CANCEL : XCALL_LIFE_SEND_HANG_UP;
        if (what == HOLD)
            xc_desk_hold(desk, other, true);
        else if (what == SUPERSEDE)
            xc_desk_end(desk, other, XCALL_LIFE_END_SUPERSEDED, send);
        else if (what == MERGE)
            xc_desk_end(desk, other, XCALL_LIFE_END_MERGED, send);
    }
}

/* This device answers it. */
static void take(struct xc_desk *desk, struct xc_life_call *call)
{
    xc_desk_connect(desk, call);
    xc_desk_start_media(desk, call, XCALL_LIFE_ANSWERER);
    xc_desk_act(desk, call, XCALL_LIFE_SEND_ACCEPT, XCALL_LIFE_END_NONE, 0);
    xc_desk_tell(desk, call);
}

static struct xc_life_call *ringing_of(struct xc_desk *desk, const char *peer)
{
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++)
        if (desk->calls[i].state == XCALL_LIFE_RINGING_IN && strcmp(desk->calls[i].peer, peer) == 0)
            return &desk->calls[i];
    return NULL;
}

/* Who calls somebody that rings here accepts that call: the new one never leaves the device. */
static int32_t accept_instead(struct xc_desk *desk, struct xc_life_call *ringing,
                              const struct xcall_life_input *input)
{
    struct way way = {ringing, ringing->peer, input->flags, false};
    uint32_t ends;
    if (!way_there(desk, &way, &ends))
        return XCALL_E_STATE;
    struct xc_life_call *call =
        xc_desk_add(desk, input->call, input->peer, XCALL_LIFE_ENDED,
                    (input->flags & XCALL_LIFE_VIDEO) | XCALL_LIFE_OUTGOING);
    call->reason = XCALL_LIFE_END_MERGED;
    make_way(desk, &way);
    xc_desk_tell(desk, call);
    take(desk, ringing);
    return XCALL_OK;
}

int32_t xc_life_place(struct xc_desk *desk, struct xc_life_call *call,
                      const struct xcall_life_input *input)
{
    struct way way = {NULL, input->peer, input->flags, true};
    struct xc_life_call *ringing = ringing_of(desk, input->peer);
    uint32_t ends;
    if (ringing)
        return accept_instead(desk, ringing, input);
    if (!way_there(desk, &way, &ends))
        return XCALL_E_STATE;
    if (xc_desk_live(desk) - ends >= desk->config.calls_max)
        return XCALL_E_LIMIT;
    make_way(desk, &way);
    call = xc_desk_add(desk, input->call, input->peer, XCALL_LIFE_CALLING,
                       (input->flags & XCALL_LIFE_VIDEO) | XCALL_LIFE_OUTGOING);
    call->due_ms = desk->now_ms + desk->config.ring_ms;
    call->reach_ms = desk->now_ms + desk->config.reach_ms;
    xc_desk_start_media(desk, call, 0);
    xc_desk_act(desk, call, XCALL_LIFE_SEND_INVITE, XCALL_LIFE_END_NONE,
                call->flags & XCALL_LIFE_VIDEO);
    xc_desk_tell(desk, call);
    return XCALL_OK;
}

int32_t xc_life_accept(struct xc_desk *desk, struct xc_life_call *call,
                       const struct xcall_life_input *input)
{
    struct way way = {call, call->peer, input->flags, false};
    uint32_t ends;
    if (!way_there(desk, &way, &ends))
        return XCALL_E_STATE;
    make_way(desk, &way);
    take(desk, call);
    return XCALL_OK;
}

int32_t xc_life_unhold(struct xc_desk *desk, struct xc_life_call *call,
                       const struct xcall_life_input *input)
{
    struct way way = {call, call->peer, input->flags, false};
    uint32_t ends;
    if (!(call->flags & XCALL_LIFE_HELD))
        return XCALL_OK;
    if (!way_there(desk, &way, &ends))
        return XCALL_E_STATE;
    make_way(desk, &way);
    xc_desk_hold(desk, call, false);
    return XCALL_OK;
}

/* A call of ours to the same peer whose end is open. */
static struct xc_life_call *rival_of(struct xc_desk *desk, const char *peer)
{
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        struct xc_life_call *call = &desk->calls[i];
        if ((call->flags & XCALL_LIFE_OUTGOING) && strcmp(call->peer, peer) == 0 &&
            (xc_life_rings_out(call) || call->state == XCALL_LIFE_CONNECTING))
            return call;
    }
    return NULL;
}

/* Whether a call that comes in finds this device in another one. One with the same peer that has lost
 * its media is no reason: the peer may well call again because of it. */
static bool busy(const struct xc_desk *desk, const char *peer)
{
    for (uint32_t i = 0; i < XC_DESK_SLOTS; i++) {
        const struct xc_life_call *call = &desk->calls[i];
        if (xc_life_live(call) &&
            !(call->state == XCALL_LIFE_RECONNECTING && strcmp(call->peer, peer) == 0))
            return true;
    }
    return false;
}

static struct xc_life_call *ring(struct xc_desk *desk, const struct xcall_life_input *input)
{
    uint32_t ring_ms =
        input->ring_ms ? XC_MIN(input->ring_ms, XC_DESK_RING_MS_MAX) : desk->config.ring_ms;
    struct xc_life_call *call = xc_desk_add(desk, input->call, input->peer, XCALL_LIFE_RINGING_IN,
                                            input->flags & XCALL_LIFE_VIDEO);
    call->rev = input->rev;
    call->due_ms = desk->now_ms + ring_ms;
    return call;
}

/* The person learns that somebody called. */
static void decline_as_busy(struct xc_desk *desk, const struct xcall_life_input *input)
{
    struct xc_life_call *call = xc_desk_add(desk, input->call, input->peer, XCALL_LIFE_ENDED,
                                            input->flags & XCALL_LIFE_VIDEO);
    call->rev = input->rev;
    xc_desk_end(desk, call, XCALL_LIFE_END_BUSY, XCALL_LIFE_SEND_DECLINE);
}

int32_t xc_life_incoming(struct xc_desk *desk, struct xc_life_call *call,
                         const struct xcall_life_input *input)
{
    struct xc_life_call *rival = rival_of(desk, input->peer);
    bool arbitrated = (desk->config.flags & XCALL_DESK_ARBITRATED) != 0;
    bool full = xc_desk_live(desk) >= desk->config.calls_max;
    if (rival && !arbitrated && memcmp(input->call, rival->id, 16) > 0) {
        call = xc_desk_add(desk, input->call, input->peer, XCALL_LIFE_ENDED,
                           input->flags & XCALL_LIFE_VIDEO);
        call->reason = XCALL_LIFE_END_MERGED;
        call->rev = input->rev;
        return XCALL_OK;
    }
    if (rival && xc_life_rings_out(rival) && !arbitrated) {
        xc_desk_end(desk, rival, XCALL_LIFE_END_MERGED, XCALL_LIFE_SEND_CANCEL);
        take(desk, ring(desk, input));
        return XCALL_OK;
    }
    if (rival && xc_life_rings_out(rival)) { /* settle() keeps it quiet; MERGED needs no room */
        if (full)
            desk->stale++;
        else
            ring(desk, input);
        return XCALL_OK;
    }
    if (!full && ((desk->config.flags & XCALL_DESK_CALL_WAITING) || !busy(desk, input->peer))) {
        ring(desk, input);
        return XCALL_OK;
    }
    decline_as_busy(desk, input);
    return full ? XCALL_E_LIMIT : XCALL_OK;
}

/* The carrier holds this device for joined to a call that is over here: it is told so, once. */
static void give_back(struct xc_desk *desk, struct xc_life_call *call)
{
    if (call->hung_up)
        desk->stale++;
    else
        xc_desk_act(desk, call, XCALL_LIFE_SEND_HANG_UP, call->reason, 0);
    call->hung_up = true;
}

int32_t xc_life_merged(struct xc_desk *desk, struct xc_life_call *call,
                       const struct xcall_life_input *input)
{
    struct xc_life_call *other = xc_desk_find(desk, input->other);
    const char *peer = input->peer ? input->peer : call->peer;
    call->merged = true;
    xc_desk_end(desk, call, XCALL_LIFE_END_MERGED, 0);
    if (!other)
        other = xc_desk_add(desk, input->other, peer, XCALL_LIFE_RINGING_IN,
                            input->flags & XCALL_LIFE_VIDEO);
    other->rev = XC_MAX(other->rev, input->rev);
    if (other->state == XCALL_LIFE_RINGING_IN)
        take(desk, other);
    else if (other->state == XCALL_LIFE_ENDED)
        give_back(desk, other);
    return XCALL_OK;
}

/* The carrier took a call of this device for an accept, but the person has hung up meanwhile: the
 * other call, which the carrier holds for joined, is given back. */
int32_t xc_life_release(struct xc_desk *desk, struct xc_life_call *call,
                        const struct xcall_life_input *input)
{
    struct xc_life_call *other = xc_desk_find(desk, input->other);
    bool joined = other && xc_life_live(other) && other->state != XCALL_LIFE_RINGING_IN;
    if (joined || (call && call->merged))
        return xc_life_stale(desk, call, input);
    if (other && other->state == XCALL_LIFE_RINGING_IN) {
        other->rev = XC_MAX(other->rev, input->rev);
        other->hung_up = true;
        xc_desk_end(desk, other, XCALL_LIFE_END_CANCELLED, XCALL_LIFE_SEND_HANG_UP);
        return XCALL_OK;
    }
    if (!other) {
        other = xc_desk_add(desk, input->other, input->peer, XCALL_LIFE_ENDED,
                            input->flags & XCALL_LIFE_VIDEO);
        other->rev = input->rev;
        other->reason = XCALL_LIFE_END_CANCELLED;
    }
    give_back(desk, other);
    return XCALL_OK;
}
