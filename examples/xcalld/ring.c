/* ring.c - the call object's table: five states (a ring that only its caller still sees is one of its own)
 * by every event, and the timers. The numbers in comments are those of the tests in test_calls.c. Pure
 * functions; any thread.
 * SPDX-License-Identifier: MIT */
#include "ring.h"

#include <string.h>
#include <xcall/life.h>

enum { AT_RINGING, AT_SHADOW, AT_ACCEPTED, AT_ACTIVE, AT_ENDED, AT_COUNT };

struct step {
    struct ring *ring; /* becomes what it is after */
    const struct policy *policy;
    int64_t now;
    const struct ring_event *event;
    struct ring_effects *effects;
};

/* --- pieces ------------------------------------------------------------------------------------ */

static void effect(struct ring_effects *effects, int type, int32_t dev, uint32_t end)
{
    if (effects->count < RING_EFFECTS_MAX)
        effects->list[effects->count++] = (struct ring_effect){type, dev, end};
}

static void by(struct step *step, int32_t dev, bool caller)
{
    step->effects->by_dev = dev;
    step->effects->by_caller = caller;
}

struct ring_leg *ring_leg_of(struct ring *ring, int32_t dev)
{
    for (uint32_t i = 0; i < ring->leg_count; i++) {
        if (ring->legs[i].dev == dev)
            return &ring->legs[i];
    }
    return NULL;
}

static const struct ring_leg *leg_of(const struct ring *ring, int32_t dev)
{
    for (uint32_t i = 0; i < ring->leg_count; i++) {
        if (ring->legs[i].dev == dev)
            return &ring->legs[i];
    }
    return NULL;
}

/* The leg of a device, new where there is room: full, one that is out gives its place. */
static struct ring_leg *leg_add(struct ring *ring, int32_t dev)
{
    struct ring_leg *leg = ring_leg_of(ring, dev);
    if (leg)
        return leg;
    if (ring->leg_count < RING_LEGS_MAX) {
        leg = &ring->legs[ring->leg_count++];
    } else {
        for (uint32_t i = 0; i < ring->leg_count && !leg; i++)
            leg = ring->legs[i].state == LEG_OUT ? &ring->legs[i] : NULL;
    }
    if (leg)
        *leg = (struct ring_leg){dev, 0, false};
    return leg;
}

static void stop_legs(struct step *step, int32_t but, uint32_t own, uint32_t others)
{
    struct ring *ring = step->ring;
    for (uint32_t i = 0; i < ring->leg_count; i++) {
        struct ring_leg *leg = &ring->legs[i];
        if (leg->dev == but)
            continue;
        if (leg->state == LEG_RINGS) {
            uint32_t end = leg->dev == step->event->dev ? own : others;
            effect(step->effects, RING_DO_STOP, leg->dev, end);
        }
        leg->state = LEG_OUT;
    }
}

static void write_row(struct step *step)
{
    if (!step->effects->write)
        step->ring->row.rev++;
    step->effects->write = true;
}

static bool is_ringing(const struct ring *ring)
{
    return ring->row.state == CALL_RINGING;
}

/* The one way out: a call ends once, with one reason. */
static int end_call(struct step *step, uint32_t end, uint32_t own, uint32_t others)
{
    struct ring *ring = step->ring;
    bool rang = is_ringing(ring);
    ring->row.state = CALL_ENDED;
    ring->row.reason = end;
    ring->row.end_ms = step->now;
    ring->connect_ms = ring->gone_ms = ring->lost_ms = RING_NEVER;
    write_row(step);
    stop_legs(step, ring->row.callee_dev, own, others);
    effect(step->effects, RING_DO_CALLER, 0, 0);
    if (ring->row.callee_dev)
        effect(step->effects, RING_DO_BOUND, ring->row.callee_dev, 0);
    if (rang)
        effect(step->effects, RING_DO_UNANSWERED, 0, 0);
    effect(step->effects, RING_DO_FORGET, 0, 0);
    return RING_OK;
}

static int end_alike(struct step *step, uint32_t end)
{
    uint32_t seen = end_seen(end, false, step->ring->row.accept_ms != 0);
    return end_call(step, end, seen, seen);
}

static void show_reached(struct step *step)
{
    struct ring *ring = step->ring;
    if (is_ringing(ring) && ring->row.reached && !ring->reached_shown &&
        step->now >= ring->row.invite_ms + step->policy->alerting_min_ms) {
        ring->reached_shown = true;
        effect(step->effects, RING_DO_CALLER, 0, 0);
    }
}

/* Timers that follow from who is connected and whose media is lost. One that runs keeps its time. */
static void arm(int64_t *timer, bool wanted, int64_t at)
{
    if (!wanted)
        *timer = RING_NEVER;
    else if (*timer == RING_NEVER)
        *timer = at;
}

static void rearm(struct step *step)
{
    struct ring *ring = step->ring;
    const struct call_row *row = &ring->row;
    bool ringing = is_ringing(ring), active = row->state == CALL_ACTIVE;
    bool caller_off = !ring->caller_on, callee_off = !ring->callee_on;
    int64_t gone = ringing ? step->policy->caller_gone_ms : step->policy->signal_lost_ms;
    arm(&ring->gone_ms, (ringing && caller_off) || (active && caller_off && callee_off),
        step->now + gone);
    /* Who is not connected cannot report: the other's word is enough. */
    arm(&ring->lost_ms,
        active && (row->caller_lost || row->callee_lost) && (row->caller_lost || caller_off) &&
            (row->callee_lost || callee_off),
        step->now + step->policy->media_lost_ms);
    arm(&ring->connect_ms, row->state == CALL_ACCEPTED, step->now + step->policy->connect_ms);
}

/* --- actions: what an event does; the answer is for who sent it -------------------------------- */

static int nothing(struct step *step)
{
    (void)step;
    return RING_OK;
}

static int over(struct step *step)
{
    (void)step;
    return RING_ENDED;
}

static int wrong(struct step *step)
{
    (void)step;
    return RING_WRONG;
}

/* A callee device speaks of a ring that has stopped for it (17, 19), or that it never heard of. */
static int stopped(struct step *step)
{
    return leg_of(step->ring, step->event->dev) ? RING_ENDED : RING_NOT_YOURS;
}

static int cancel(struct step *step) /* 8 */
{
    by(step, step->ring->row.caller_dev, true);
    if (step->now - step->ring->row.invite_ms < RING_QUICK_MS)
        effect(step->effects, RING_DO_QUICK_CANCEL, 0, 0);
    return end_alike(step, XCALL_LIFE_END_CANCELLED);
}

static int caller_ends(struct step *step) /* 26, and 8 where the accept was first */
{
    by(step, step->ring->row.caller_dev, true);
    uint32_t end = step->event->end;
    return end_alike(step, !end || end == XCALL_LIFE_END_BUSY ? XCALL_LIFE_END_HANGUP : end);
}

static int caller_gone(struct step *step) /* 24 */
{
    return end_alike(step,
                     is_ringing(step->ring) ? XCALL_LIFE_END_CANCELLED : XCALL_LIFE_END_HANGUP);
}

static int caller_taken(struct step *step)
{
    return end_alike(step, step->event->end ? step->event->end : XCALL_LIFE_END_SUPERSEDED);
}

static int supersede(struct step *step) /* 3b */
{
    return end_alike(step, XCALL_LIFE_END_SUPERSEDED);
}

static int block_live(struct step *step) /* 18 */
{
    return end_alike(step, XCALL_LIFE_END_BLOCKED);
}

static int kill_call(struct step *step) /* 21, as policy kill_live has it */
{
    return end_alike(step, XCALL_LIFE_END_PERM_REVOKED);
}

static int caller_on(struct step *step) /* 22 */
{
    step->ring->caller_on = true;
    return RING_OK;
}

static int caller_off(struct step *step)
{
    step->ring->caller_on = false;
    return RING_OK;
}

static int alerting(struct step *step)
{
    struct ring *ring = step->ring;
    const struct ring_leg *leg = leg_of(ring, step->event->dev);
    if (!leg)
        return RING_NOT_YOURS;
    if (leg->state == LEG_OUT)
        return RING_ENDED;
    if (!ring->row.reached) {
        ring->row.reached = true;
        write_row(step);
        show_reached(step);
    }
    return RING_OK;
}

static int accept(struct step *step) /* 7, 3 */
{
    struct ring *ring = step->ring;
    const struct ring_leg *leg = leg_of(ring, step->event->dev);
    if (!leg)
        return RING_NOT_YOURS;
    if (leg->state == LEG_OUT)
        return RING_ENDED;
    ring->row.state = CALL_ACCEPTED;
    ring->row.callee_dev = step->event->dev;
    ring->row.accept_ms = step->now;
    ring->row.reached = ring->reached_shown = true;
    ring->callee_on = true;
    write_row(step);
    by(step, step->event->dev, false);
    effect(step->effects, RING_DO_CALLER, 0, 0);
    stop_legs(step, step->event->dev, 0, XCALL_LIFE_END_ANSWERED_ELSEWHERE);
    effect(step->effects, RING_DO_CONNECT, 0, 0);
    effect(step->effects, RING_DO_ANSWERED, 0, 0);
    return RING_OK;
}

static int accepted_by(struct step *step)
{
    return step->event->dev == step->ring->row.callee_dev ? RING_OK : RING_LOST_RACE;
}

/* Frames of a ringing device that come after the accept. */
static int late_leg(struct step *step)
{
    return step->event->dev == step->ring->row.callee_dev ? RING_OK : RING_ENDED;
}

/* The callee's devices are quiet from now on; the caller goes on seeing what it would have seen. A device
 * that rings would have said so by the time at which callers are told: then it counts as having done. */
static int go_quiet(struct step *step, uint32_t own, uint32_t others)
{
    struct ring *ring = step->ring;
    if (!ring->row.reached && step->now < ring->row.invite_ms + step->policy->alerting_min_ms) {
        for (uint32_t i = 0; i < ring->leg_count; i++)
            ring->row.reached = ring->row.reached || ring->legs[i].state == LEG_RINGS;
    }
    ring->row.shadow = true;
    write_row(step);
    stop_legs(step, 0, own, others);
    return RING_OK;
}

static int shadow(struct step *step) /* 17, 19 */
{
    return go_quiet(step, XCALL_LIFE_END_CANCELLED, XCALL_LIFE_END_CANCELLED);
}

static int decline(struct step *step) /* 5, 6 */
{
    const struct ring_leg *leg = leg_of(step->ring, step->event->dev);
    uint32_t end =
        step->event->end == XCALL_LIFE_END_BUSY ? XCALL_LIFE_END_BUSY : XCALL_LIFE_END_DECLINED;
    if (!leg)
        return RING_NOT_YOURS;
    if (leg->state == LEG_OUT)
        return RING_ENDED;
    by(step, step->event->dev, false);
    /* Who hides that it is busy does not answer, for all the caller can see: limits included. */
    if (end == XCALL_LIFE_END_BUSY && step->event->hides_busy)
        return go_quiet(step, end, XCALL_LIFE_END_DECLINED_ELSEWHERE);
    effect(step->effects, RING_DO_DECLINED, 0, 0);
    return end_call(step, end, end, XCALL_LIFE_END_DECLINED_ELSEWHERE);
}

static int unsupported(struct step *step) /* 27 */
{
    struct ring *ring = step->ring;
    struct ring_leg *leg = ring_leg_of(ring, step->event->dev);
    if (!leg)
        return RING_NOT_YOURS;
    if (leg->state == LEG_OUT)
        return RING_ENDED;
    by(step, step->event->dev, false);
    write_row(step); /* its end on this device is news with a number of its own */
    if (leg->state == LEG_RINGS)
        effect(step->effects, RING_DO_STOP, leg->dev, XCALL_LIFE_END_UNSUPPORTED);
    leg->state = LEG_OUT;
    for (uint32_t i = 0; i < ring->leg_count; i++) {
        if (ring->legs[i].state != LEG_OUT)
            return RING_OK;
    }
    return end_alike(step, XCALL_LIFE_END_UNSUPPORTED);
}

static int callee_ends(struct step *step) /* 26 */
{
    if (step->event->dev != step->ring->row.callee_dev)
        return RING_ENDED;
    by(step, step->event->dev, false);
    uint32_t end = step->event->end;
    if (!end || end == XCALL_LIFE_END_DECLINED || end == XCALL_LIFE_END_BUSY)
        end = XCALL_LIFE_END_HANGUP;
    return end_alike(step, end);
}

static int media(struct step *step) /* 25 */
{
    struct ring *ring = step->ring;
    struct call_row *row = &ring->row;
    int type = step->event->type;
    bool caller = type == RING_CALLER_UP || type == RING_CALLER_LOST;
    bool is_up = type == RING_CALLER_UP || type == RING_CALLEE_UP;
    if (!caller && step->event->dev != row->callee_dev)
        return RING_ENDED;
    bool *up = caller ? &row->caller_up : &row->callee_up;
    bool *lost = caller ? &row->caller_lost : &row->callee_lost;
    if (*up == is_up && *lost == !is_up)
        return RING_OK;
    *up = is_up;
    *lost = !is_up;
    write_row(step);
    if (row->state == CALL_ACCEPTED && row->caller_up && row->callee_up) {
        row->state = CALL_ACTIVE;
        row->active_ms = step->now;
        effect(step->effects, RING_DO_CALLER, 0, 0);
        effect(step->effects, RING_DO_BOUND, row->callee_dev, 0);
    }
    return RING_OK;
}

static int callee_on(struct step *step) /* 11 */
{
    struct ring *ring = step->ring;
    if (!step->event->allowed)
        return shadow(step);
    const struct ring_leg *known = leg_of(ring, step->event->dev);
    bool is_new = !known || known->state == LEG_WAITED;
    if (known && known->state == LEG_OUT)
        return RING_OK;
    if (is_new && ring->row.ring_deadline_ms - step->now <= RING_LEFT_MIN_MS)
        return RING_OK;
    struct ring_leg *leg = leg_add(ring, step->event->dev);
    if (!leg)
        return RING_OK;
    leg->state = LEG_RINGS;
    effect(step->effects, RING_DO_INCOMING, leg->dev, 0);
    return RING_OK;
}

/* It was connected, and is not any more while it rings: a phone that went to sleep, perhaps. */
static int leg_off(struct step *step)
{
    struct ring_leg *leg = ring_leg_of(step->ring, step->event->dev);
    if (leg && leg->state == LEG_RINGS && !leg->pushed) {
        leg->pushed = true;
        effect(step->effects, RING_DO_PUSH, leg->dev, 0);
    }
    return RING_OK;
}

static int bound_on(struct step *step)
{
    if (step->event->dev == step->ring->row.callee_dev)
        step->ring->callee_on = true;
    return RING_OK;
}

static int bound_off(struct step *step)
{
    if (step->event->dev == step->ring->row.callee_dev)
        step->ring->callee_on = false;
    return RING_OK;
}

static int leg_gone(struct step *step) /* 24: that device only; the ring goes on to its end */
{
    struct ring_leg *leg = ring_leg_of(step->ring, step->event->dev);
    if (leg && leg->state == LEG_RINGS)
        effect(step->effects, RING_DO_STOP, leg->dev, XCALL_LIFE_END_CANCELLED);
    if (leg)
        leg->state = LEG_OUT;
    return RING_OK;
}

static int bound_gone(struct step *step) /* 24 */
{
    if (step->event->dev != step->ring->row.callee_dev)
        return RING_OK;
    return end_alike(step, XCALL_LIFE_END_HANGUP);
}

static int hang_up(struct step *step)
{
    return end_alike(step, XCALL_LIFE_END_HANGUP);
}

/* 3, 3a: to call back is to consent, whatever has been refused since. */
static int merge(struct step *step)
{
    struct ring *ring = step->ring;
    struct ring_leg *leg = leg_add(ring, step->event->dev);
    if (!leg)
        return RING_WRONG;
    leg->state = LEG_RINGS;
    ring->row.shadow = false;
    ring->row.reached = true;
    write_row(step);
    show_reached(step);
    return RING_OK;
}

static int time_ringing(struct step *step) /* 9, 10, 22 */
{
    const struct ring *ring = step->ring;
    const struct call_row *row = &ring->row;
    int64_t reach = row->reached ? RING_NEVER : row->reach_deadline_ms;
    int64_t first = ring->gone_ms < reach ? ring->gone_ms : reach;
    if (row->ring_deadline_ms < first)
        first = row->ring_deadline_ms;
    if (step->now < first) {
        show_reached(step);
        return RING_OK;
    }
    if (first == row->ring_deadline_ms)
        return end_alike(step, XCALL_LIFE_END_NO_ANSWER);
    return end_alike(step, first == reach ? XCALL_LIFE_END_UNREACHABLE : XCALL_LIFE_END_CANCELLED);
}

static int time_accepted(struct step *step) /* 23 */
{
    if (step->now < step->ring->connect_ms)
        return RING_OK;
    return end_alike(step, XCALL_LIFE_END_FAILED_CONNECT);
}

static int time_active(struct step *step)
{
    const struct ring *ring = step->ring;
    if (step->now < ring->gone_ms && step->now < ring->lost_ms)
        return RING_OK;
    return end_alike(step, ring->lost_ms <= ring->gone_ms ? XCALL_LIFE_END_MEDIA_LOST
                                                          : XCALL_LIFE_END_SIGNAL_LOST);
}

/* --- the table ----------------------------------------------------------------------------------- */

typedef int action(struct step *step);

/* clang-format off */
static action *const table[RING_EVENTS][AT_COUNT] = {
    /*                            ringing        shadow         accepted       active         ended */
    [RING_CANCEL] =              {cancel,        cancel,        caller_ends,   caller_ends,   over},
    [RING_CALLER_HANGUP] =       {cancel,        cancel,        caller_ends,   caller_ends,   over},
    [RING_CALLER_UP] =           {wrong,         wrong,         media,         media,         over},
    [RING_CALLER_LOST] =         {wrong,         wrong,         media,         media,         over},
    [RING_CALLER_ON] =           {caller_on,     caller_on,     caller_on,     caller_on,     nothing},
    [RING_CALLER_OFF] =          {caller_off,    caller_off,    caller_off,    caller_off,    nothing},
    [RING_CALLER_GONE] =         {caller_gone,   caller_gone,   caller_gone,   caller_gone,   nothing},
    [RING_CALLER_TAKEN] =        {caller_taken,  caller_taken,  nothing,       nothing,       nothing},
    [RING_CALLER_BLOCKS] =       {cancel,        cancel,        block_live,    block_live,    nothing},
    [RING_SUPERSEDE] =           {supersede,     supersede,     supersede,     supersede,     nothing},
    [RING_ALERTING] =            {alerting,      stopped,       late_leg,      late_leg,      over},
    [RING_ACCEPT] =              {accept,        stopped,       accepted_by,   accepted_by,   over},
    [RING_DECLINE] =             {decline,       stopped,       callee_ends,   callee_ends,   over},
    [RING_UNSUPPORTED] =         {unsupported,   stopped,       callee_ends,   callee_ends,   over},
    [RING_CALLEE_HANGUP] =       {decline,       stopped,       callee_ends,   callee_ends,   over},
    [RING_CALLEE_UP] =           {wrong,         stopped,       media,         media,         over},
    [RING_CALLEE_LOST] =         {wrong,         stopped,       media,         media,         over},
    [RING_CALLEE_ON] =           {callee_on,     nothing,       bound_on,      bound_on,      nothing},
    [RING_CALLEE_OFF] =          {leg_off,       nothing,       bound_off,     bound_off,     nothing},
    [RING_CALLEE_GONE] =         {leg_gone,      nothing,       bound_gone,    bound_gone,    nothing},
    [RING_CALLEE_ACCOUNT_GONE] = {shadow,        nothing,       hang_up,       hang_up,       nothing},
    [RING_MERGE] =               {merge,         merge,         wrong,         wrong,         over},
    [RING_CALLEE_BLOCKS] =       {shadow,        nothing,       block_live,    block_live,    nothing},
    [RING_NARROWED] =            {shadow,        nothing,       nothing,       nothing,       nothing},
    [RING_KILL] =                {kill_call,     kill_call,     kill_call,     kill_call,     nothing},
    [RING_TIME] =                {time_ringing,  time_ringing,  time_accepted, time_active,   nothing},
};
/* clang-format on */

static int where(const struct call_row *row)
{
    if (row->state == CALL_RINGING)
        return row->shadow ? AT_SHADOW : AT_RINGING;
    if (row->state == CALL_ACCEPTED)
        return AT_ACCEPTED;
    return row->state == CALL_ACTIVE ? AT_ACTIVE : AT_ENDED;
}

/* What is kept across a restart: the next of the timers of the state. */
static void keep_deadline(struct ring *ring)
{
    int64_t next = ring->connect_ms;
    next = ring->gone_ms < next ? ring->gone_ms : next;
    next = ring->lost_ms < next ? ring->lost_ms : next;
    if (is_ringing(ring) && ring->row.ring_deadline_ms < next)
        next = ring->row.ring_deadline_ms;
    ring->row.deadline_ms = next == RING_NEVER ? 0 : next;
}

int ring_step(const struct ring *before, const struct policy *policy, int64_t now,
              const struct ring_event *event, struct ring *after, struct ring_effects *effects)
{
    *after = *before;
    memset(effects, 0, sizeof *effects);
    if (event->type < 0 || event->type >= RING_EVENTS)
        return RING_WRONG;
    struct step step = {after, policy, now, event, effects};
    int answer = table[event->type][where(&before->row)](&step);
    rearm(&step);
    keep_deadline(after);
    return answer;
}

int64_t ring_deadline(const struct ring *ring, const struct policy *policy)
{
    const struct call_row *row = &ring->row;
    if (row->state == CALL_ENDED)
        return RING_NEVER;
    int64_t next = ring->connect_ms;
    next = ring->gone_ms < next ? ring->gone_ms : next;
    next = ring->lost_ms < next ? ring->lost_ms : next;
    if (!is_ringing(ring))
        return next;
    next = row->ring_deadline_ms < next ? row->ring_deadline_ms : next;
    if (!row->reached && row->reach_deadline_ms < next)
        next = row->reach_deadline_ms;
    int64_t show = row->invite_ms + policy->alerting_min_ms;
    if (row->reached && !ring->reached_shown && show < next)
        next = show;
    return next;
}

/* --- beginnings ---------------------------------------------------------------------------------- */

static void ring_blank(struct ring *ring, const struct call_row *row)
{
    memset(ring, 0, sizeof *ring);
    ring->row = *row;
    ring->row.offer = ring->row.answer = NULL;
    ring->connect_ms = ring->gone_ms = ring->lost_ms = RING_NEVER;
}

void ring_new(struct ring *ring, const struct call_row *row, const struct ring_device *devices,
              size_t device_count, const struct policy *policy, int64_t now,
              struct ring_effects *effects)
{
    ring_blank(ring, row);
    memset(effects, 0, sizeof *effects);
    bool online = false, push = false;
    for (size_t i = 0; i < device_count; i++) {
        online = online || devices[i].online;
        push = push || (!devices[i].online && devices[i].push);
        if (row->shadow || (!devices[i].online && !devices[i].push))
            continue;
        struct ring_leg *leg = leg_add(ring, devices[i].dev);
        if (!leg)
            continue;
        leg->state = devices[i].online ? LEG_RINGS : LEG_WAITED;
        leg->pushed = !devices[i].online;
        effect(effects, devices[i].online ? RING_DO_INCOMING : RING_DO_PUSH, leg->dev, 0);
    }
    struct call_row *made = &ring->row;
    made->state = CALL_RINGING;
    made->rev = 1;
    made->invite_ms = now;
    made->ring_deadline_ms = now + policy->ring_ms;
    made->reach_deadline_ms = now + (push ? policy->reach_push_ms : policy->reach_ms);
    if (made->reach_deadline_ms > made->ring_deadline_ms)
        made->reach_deadline_ms = made->ring_deadline_ms;
    /* A ring that nobody hears looks like one that nobody answers. */
    made->reached = row->shadow && online;
    ring->caller_on = true;
    effects->write = true;
    keep_deadline(ring);
}

void ring_new_ended(struct call_row *row, uint32_t end, int64_t now)
{
    row->state = CALL_ENDED;
    row->rev = 1;
    row->reason = end;
    row->invite_ms = row->end_ms = row->ring_deadline_ms = row->reach_deadline_ms = now;
}

static void at_most(int64_t *time, int64_t most)
{
    if (*time > most)
        *time = most;
}

/* A clock that was ahead when the row was written, and has been put right: nothing may last for as long as it
 * was wrong, nor seem to have been begun later than now. */
static void bring_back(struct call_row *row, const struct policy *policy, int64_t now)
{
    bool push = policy->reach_push_ms > policy->reach_ms;
    at_most(&row->invite_ms, now);
    at_most(&row->accept_ms, now);
    at_most(&row->active_ms, now);
    at_most(&row->ring_deadline_ms, now + policy->ring_ms);
    at_most(&row->reach_deadline_ms, now + (push ? policy->reach_push_ms : policy->reach_ms));
    if (row->state == CALL_ACCEPTED)
        at_most(&row->deadline_ms, now + policy->connect_ms);
    if (row->state == CALL_ACTIVE)
        at_most(&row->deadline_ms, now + policy->media_lost_ms);
}

void ring_load(struct ring *ring, const struct call_row *row, const struct ring_device *devices,
               size_t device_count, const struct policy *policy, int64_t now)
{
    ring_blank(ring, row);
    bring_back(&ring->row, policy, now);
    row = &ring->row;
    if (row->state == CALL_RINGING && !row->shadow) {
        for (size_t i = 0; i < device_count; i++) {
            struct ring_leg *leg = leg_add(ring, devices[i].dev);
            if (leg)
                *leg = (struct ring_leg){leg->dev, LEG_WAITED, true};
        }
    }
    ring->reached_shown = row->reached && now >= row->invite_ms + policy->alerting_min_ms;
    if (row->state == CALL_ACCEPTED && row->deadline_ms)
        ring->connect_ms = row->deadline_ms;
    if (row->state == CALL_ACTIVE && row->caller_lost && row->callee_lost && row->deadline_ms)
        ring->lost_ms = row->deadline_ms;
    struct ring_effects effects = {0};
    struct ring_event event = {0};
    struct step step = {ring, policy, now, &event, &effects};
    rearm(&step);
}

/* --- what a side sees ---------------------------------------------------------------------------- */

static const char *state_name(const struct call_row *row)
{
    return row->state == CALL_ACCEPTED ? "accepted" : "active";
}

struct ring_view ring_view_caller(const struct ring *ring)
{
    const struct call_row *row = &ring->row;
    switch (where(row)) {
    case AT_RINGING:
    case AT_SHADOW:
        return (struct ring_view){"ringing", ring->reached_shown ? 2 : 1, 0, ring->reached_shown};
    case AT_ACCEPTED:
        return (struct ring_view){"accepted", 3, 0, true};
    case AT_ACTIVE:
        return (struct ring_view){"active", 4, 0, true};
    default:
        return (struct ring_view){"ended", RING_REV_ENDED,
                                  end_seen(row->reason, true, row->accept_ms != 0), false};
    }
}

struct ring_view ring_view_callee(const struct ring *ring, int32_t dev)
{
    const struct call_row *row = &ring->row;
    const struct ring_leg *leg = leg_of(ring, dev);
    bool bound = dev == row->callee_dev;
    struct ring_view view = {"ended", row->rev, XCALL_LIFE_END_ANSWERED_ELSEWHERE, false};
    switch (where(row)) {
    case AT_RINGING:
        if (!leg || leg->state != LEG_OUT)
            return (struct ring_view){"ringing", row->rev, 0, false};
        view.end = XCALL_LIFE_END_UNSUPPORTED;
        return view;
    case AT_SHADOW:
        view.end = XCALL_LIFE_END_CANCELLED;
        return view;
    case AT_ACCEPTED:
    case AT_ACTIVE:
        if (bound)
            return (struct ring_view){state_name(row), row->rev, 0, false};
        return view;
    default:
        if (!row->callee_dev || bound)
            view.end = end_seen(row->reason, false, row->accept_ms != 0);
        return view;
    }
}
