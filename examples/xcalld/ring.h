/* ring.h - the call object: (call, event, time, policy) -> (new call or refusal, what to do). Pure: no store,
 * no clock, no session. The table of what leads to what is ring.c's; calls.c carries out the effects.
 * Any thread.
 *
 * row.rev counts every write, for the store's compare-and-set. The callee's devices see it as `rev`; the
 * caller sees that of its public state (1 calling, 2 ringing, 3 accepted, 4 active, 5 ended), so that a
 * gap in it tells nothing of what happened unseen, as a block while it rings.
 * SPDX-License-Identifier: MIT */
#ifndef XCALLD_RING_H
#define XCALLD_RING_H

#include "ends.h"
#include "policy.h"
#include "store.h"

#define RING_LEGS_MAX 16 /* callee devices of one call; DEVICES_MAX and a few that were replaced */
#define RING_NEVER INT64_MAX
#define RING_LEFT_MIN_MS 3000 /* a device that comes online with less left does not ring */
#define RING_QUICK_MS 5000    /* a cancel so soon counts against the caller */
#define RING_EFFECTS_MAX (2 * RING_LEGS_MAX + 8)

enum {
    LEG_WAITED = 1, /* woken by a push, or (after a restart) perhaps ringing: not here yet */
    LEG_RINGS = 2,  /* has got call.incoming */
    LEG_OUT = 3,    /* has got its end */
};
struct ring_leg {
    int32_t dev;
    uint8_t state; /* LEG_* */
    bool pushed;   /* once a call and device */
};

struct ring {
    struct call_row row; /* offer and answer are not looked at */
    struct ring_leg legs[RING_LEGS_MAX];
    uint32_t leg_count;
    /* Not in the store: a restart begins with nobody connected. Deadlines are points in time. */
    bool caller_on, callee_on; /* the caller's device; the callee's that is bound */
    bool reached_shown;        /* the caller has been told that it rings */
    int64_t connect_ms, gone_ms, lost_ms;
};

enum { /* what can happen */
       /* from the caller's device */
       RING_CANCEL,
       RING_CALLER_HANGUP, /* end: why */
       RING_CALLER_UP,
       RING_CALLER_LOST,
       RING_CALLER_ON,
       RING_CALLER_OFF,
       RING_CALLER_GONE,  /* revoked, or the account is gone */
       RING_CALLER_TAKEN, /* its account joined another call; end: SUPERSEDED or BUSY */
       RING_CALLER_BLOCKS,
       RING_SUPERSEDE, /* it calls the same person anew */
       /* from a callee's device (dev) */
       RING_ALERTING,
       RING_ACCEPT,
       RING_DECLINE, /* end: DECLINED or BUSY */
       RING_UNSUPPORTED,
       RING_CALLEE_HANGUP, /* end: why */
       RING_CALLEE_UP,
       RING_CALLEE_LOST,
       RING_CALLEE_ON, /* allowed: what the gate says now */
       RING_CALLEE_OFF,
       RING_CALLEE_GONE,
       RING_CALLEE_ACCOUNT_GONE,
       RING_MERGE, /* glare: dev has placed a call to the caller */
       RING_CALLEE_BLOCKS,
       RING_NARROWED, /* the callee's settings do not allow this call any more */
       /* of the service */
       RING_KILL,
       RING_TIME,
       RING_EVENTS,
};
struct ring_event {
    int type; /* RING_* */
    int32_t dev;
    uint32_t end; /* XCALL_LIFE_END_* */
    bool allowed;
    bool hides_busy; /* of RING_DECLINE and RING_CALLEE_HANGUP: the account's setting */
};

enum { /* answers */
       RING_OK = 0,
       RING_ENDED,     /* err `ended`: it is over for this device */
       RING_LOST_RACE, /* err `lost_race` */
       RING_NOT_YOURS,
       RING_WRONG, /* not in this state */
};

enum {                     /* effects */
       RING_DO_CALLER = 1, /* the caller's devices get its view */
       RING_DO_BOUND,      /* the bound callee device gets its view */
       RING_DO_INCOMING,   /* dev rings */
       RING_DO_STOP,       /* dev rings no more, for `end` */
       RING_DO_PUSH,       /* wake dev */
       RING_DO_CONNECT,    /* accepted: let out what was kept for now */
       RING_DO_DECLINED,   /* the caller waits twice as long before the next */
       RING_DO_ANSWERED,
       RING_DO_UNANSWERED,   /* counts against the pair's day */
       RING_DO_QUICK_CANCEL, /* counts against the caller */
       RING_DO_FORGET,       /* no live call any more */
};
struct ring_effect {
    int type;
    int32_t dev;
    uint32_t end; /* XCALL_LIFE_END_* as that device may see it */
};
struct ring_effects {
    bool write;     /* the row has changed (and its rev): to the store first, by compare-and-set */
    int32_t by_dev; /* the device that did it, 0: none; by_caller: of the caller's account */
    bool by_caller;
    uint32_t count;
    struct ring_effect list[RING_EFFECTS_MAX];
};

/* A callee device as the invite finds it. */
struct ring_device {
    int32_t dev;
    bool online, push; /* push: it can be woken */
};

/* A call that the gate let in. row: ids, accounts, caller_dev, video, relay, shadow; all else is set here. */
void ring_new(struct ring *ring, const struct call_row *row, const struct ring_device *devices,
              size_t device_count, const struct policy *policy, int64_t now,
              struct ring_effects *effects);
/* A call that ended before it rang: busy, merged. Only its row is set. */
void ring_new_ended(struct call_row *row, uint32_t end, int64_t now);
/* A live row read after a restart; devices: those of the callee, which may be ringing. */
void ring_load(struct ring *ring, const struct call_row *row, const struct ring_device *devices,
               size_t device_count, const struct policy *policy, int64_t now);

/* Every state takes every event. *after is a copy of before where nothing changed; the answer is for the
 * device whose request it was. Time that is due must have been run first (RING_TIME). */
int ring_step(const struct ring *before, const struct policy *policy, int64_t now,
              const struct ring_event *event, struct ring *after, struct ring_effects *effects);
/* When RING_TIME is wanted; RING_NEVER only for calls that ended or are held by a connected device. */
int64_t ring_deadline(const struct ring *ring, const struct policy *policy);

/* What a side may see. */
struct ring_view {
    const char *st;
    uint32_t rev, end; /* XCALL_LIFE_END_*, 0: not ended */
    bool reached;
};
struct ring_view ring_view_caller(const struct ring *ring);
struct ring_view ring_view_callee(const struct ring *ring, int32_t dev);
#define RING_REV_ENDED 5                                      /* the caller's last */
struct ring_leg *ring_leg_of(struct ring *ring, int32_t dev); /* NULL: none */

#endif
