/* xcall/life.h - the life of calls on one device: who may do what when, what to tell the peer's side
 * and the person. A machine without I/O, clock or thread: the host brings inputs (of the person, the
 * carrier, the media and the time) and takes actions. Any carrier will do: a call service, SIP, XMPP,
 * a pipe. Media is the host's: an xcall call (xcall/call.h) that is made at START_MEDIA.
 *
 *   idle -> calling -> ringing_out -> connecting -> active <-> reconnecting -> ended
 *        \-> ringing_in -------------/
 *
 * A desk holds all calls of a device, because glare (two people call each other at once) and call
 * waiting are about more than one. Every state takes every input: it changes something, or is
 * answered XCALL_E_STATE (a mistake of this side's host) or counted as stale (news of the carrier that
 * come late or twice), and then nothing changes. A call ends once, with one reason. docs/life.md has
 * the whole table.
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_LIFE_H
#define XCALL_LIFE_H

#include <xcall/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {                             /* states of a call */
       XCALL_LIFE_IDLE = 0,        /* not on the desk */
       XCALL_LIFE_CALLING = 1,     /* asked for; no device of the callee rings yet */
       XCALL_LIFE_RINGING_OUT = 2, /* one does */
       XCALL_LIFE_RINGING_IN = 3,  /* this device rings */
       XCALL_LIFE_CONNECTING = 4,  /* accepted; media is being joined */
       XCALL_LIFE_ACTIVE = 5,
       XCALL_LIFE_RECONNECTING = 6, /* media is lost for now */
       XCALL_LIFE_ENDED = 7,
};
#define XCALL_LIFE_STATES 8

enum { /* why a call ended; names by xcall_life_reason_name */
       XCALL_LIFE_END_NONE = 0,
       XCALL_LIFE_END_HANGUP = 1,
       XCALL_LIFE_END_CANCELLED = 2,
       XCALL_LIFE_END_DECLINED = 3,
       XCALL_LIFE_END_BUSY = 4,
       XCALL_LIFE_END_NO_ANSWER = 5,
       XCALL_LIFE_END_UNREACHABLE = 6,
       XCALL_LIFE_END_ANSWERED_ELSEWHERE = 7, /* by another device of this account */
       XCALL_LIFE_END_DECLINED_ELSEWHERE = 8,
       XCALL_LIFE_END_MERGED = 9,  /* glare: the other direction's call goes on instead */
       XCALL_LIFE_END_DENIED = 10, /* the service refused; the carrier has the reason */
       XCALL_LIFE_END_PERM_REVOKED = 11,
       XCALL_LIFE_END_BLOCKED = 12,
       XCALL_LIFE_END_FAILED_CONNECT = 13, /* accepted, but media never came up */
       XCALL_LIFE_END_MEDIA_LOST = 14,
       XCALL_LIFE_END_SIGNAL_LOST = 15,
       XCALL_LIFE_END_SERVER_RESTART = 16,
       XCALL_LIFE_END_SUPERSEDED = 17, /* by another call of this device */
       XCALL_LIFE_END_UNSUPPORTED = 18,
       XCALL_LIFE_END_SECURITY = 19,          /* a signature or fingerprint is not the peer's */
       XCALL_LIFE_END_RELAY_UNAVAILABLE = 20, /* must be relayed and cannot */
};

enum { /* inputs: xcall_life_input.type */
       /* of the person, through the host */
       XCALL_LIFE_PLACE = 1,   /* call, peer, flags VIDEO: a new call; HOLD_OTHERS or END_OTHERS as
                                  for ACCEPT. Where the peer rings here, this accepts its call, and
                                  the new one ends as merged */
       XCALL_LIFE_ALERTED = 2, /* this device really rings now */
       XCALL_LIFE_ACCEPT = 3,  /* flags HOLD_OTHERS or END_OTHERS where another goes on that is not
                                  held (else STATE); what only rings out cannot be held and ends */
       /* reason DECLINED (default), BUSY or UNSUPPORTED (this device only) */
       XCALL_LIFE_DECLINE = 4,
       XCALL_LIFE_HANG_UP = 5, /* any state; cancels, declines or hangs up as it must be (then with
                                  reason, default HANGUP); of an ended call: nothing */
       XCALL_LIFE_HOLD = 6,
       XCALL_LIFE_UNHOLD = 7, /* flags as for ACCEPT */
       /* of the carrier; rev: 0, or the carrier's number of the call's state: one that is not above
        * the last is stale. Of two inputs from one such state the second has 0 */
       XCALL_LIFE_INCOMING = 8,         /* call, peer, flags VIDEO, ring_ms left: somebody calls */
       XCALL_LIFE_REMOTE_RINGING = 9,   /* a device of the callee rings */
       XCALL_LIFE_REMOTE_ACCEPTED = 10, /* to the caller: its answer is here */
       XCALL_LIFE_ACCEPT_TAKEN = 11,    /* to the callee: our accept was the first */
       XCALL_LIFE_REFUSED = 12,         /* to the caller: reason DENIED, BUSY, ... */
       XCALL_LIFE_REMOTE_ENDED = 13,    /* reason; any state */
       /* call went into `other`, in which this device is the callee that has accepted and is to send
        * its accept; rev, peer (NULL: the same) and flags VIDEO as of `other` */
       XCALL_LIFE_MERGED = 14,
       XCALL_LIFE_REMOTE_HOLD = 15,
       XCALL_LIFE_REMOTE_UNHOLD = 16,
       /* All calls: call is not looked at. Media goes on, and what rings goes on ringing. A call that
        * still rings out at ring_ms ends as SIGNAL_LOST when the carrier is not back by then. */
       XCALL_LIFE_CARRIER_LOST = 17,
       XCALL_LIFE_CARRIER_BACK = 18,
       /* of the media */
       XCALL_LIFE_MEDIA_UP = 19,
       XCALL_LIFE_MEDIA_LOST = 20,
       XCALL_LIFE_MEDIA_FAILED = 21, /* reason SECURITY, RELAY_UNAVAILABLE, MEDIA_LOST,
                                        FAILED_CONNECT; 0: one of the last two, by the state */
       XCALL_LIFE_TIME = 22,         /* nothing but now_ms */
};
#define XCALL_LIFE_INPUTS 23

enum { /* flags of inputs, actions and xcall_life_info */
       XCALL_LIFE_VIDEO = 1,
       XCALL_LIFE_HOLD_OTHERS = 2,
       XCALL_LIFE_END_OTHERS = 4,
       XCALL_LIFE_OUTGOING = 8, /* this side placed it */
       XCALL_LIFE_WAITING = 16, /* it rings while another call of this device goes on */
       XCALL_LIFE_HELD = 32,    /* by this side */
       XCALL_LIFE_REMOTE_HELD = 64,
       XCALL_LIFE_ANSWERER = 128, /* START_MEDIA: this side answers the peer's offer */
};

#define XCALL_LIFE_PEER_MAX 63 /* bytes of a peer's name */

typedef struct xcall_life_input {
    uint32_t size;
    uint32_t type;    /* XCALL_LIFE_* */
    uint64_t now_ms;  /* never goes back */
    uint8_t call[16]; /* the call's id, made by its caller */
    uint8_t other[16];
    uint32_t flags;
    uint32_t reason; /* XCALL_LIFE_END_* */
    uint32_t rev;
    uint32_t ring_ms; /* INCOMING: how long it may still ring; 0: as configured */
    const char *peer; /* the other account's name, UTF-8; borrowed */
} xcall_life_input;

enum { /* actions: xcall_life_action.type, to be carried out in their order */
       XCALL_LIFE_SEND_INVITE = 1,
       XCALL_LIFE_SEND_ALERTING = 2,
       XCALL_LIFE_SEND_ACCEPT = 3,
       XCALL_LIFE_SEND_DECLINE = 4, /* reason DECLINED, BUSY, UNSUPPORTED */
       XCALL_LIFE_SEND_CANCEL = 5,
       XCALL_LIFE_SEND_HANG_UP = 6, /* reason */
       XCALL_LIFE_SEND_MEDIA_UP = 7,
       XCALL_LIFE_SEND_MEDIA_LOST = 8,
       /* flags ANSWERER, VIDEO. Comes before SEND_INVITE, whose offer it makes, and before SEND_ACCEPT,
        * whose answer it makes; once a call, and END_MEDIA follows when the call ends. */
       XCALL_LIFE_START_MEDIA = 9,
       XCALL_LIFE_END_MEDIA = 10,
       XCALL_LIFE_HOLD_MEDIA = 11,
       XCALL_LIFE_UNHOLD_MEDIA = 12,
       XCALL_LIFE_RESTART_MEDIA = 13, /* new ICE candidates: the carrier is back, media is lost */
       XCALL_LIFE_TELL = 14,          /* state, reason, flags: the person should know */
};

typedef struct xcall_life_action {
    uint32_t size;
    uint32_t type; /* XCALL_LIFE_SEND_* and so on */
    uint8_t call[16];
    uint32_t state;  /* after the input that led to it */
    uint32_t reason; /* XCALL_LIFE_END_* */
    uint32_t flags;
    uint32_t reserved;
} xcall_life_action;

typedef struct xcall_life_info {
    uint32_t size;
    uint32_t state, reason, flags, rev;
    uint64_t placed_ms, accepted_ms, active_ms, ended_ms; /* 0: did not happen */
    char peer[XCALL_LIFE_PEER_MAX + 1];
} xcall_life_info;

enum {                              /* xcall_desk_config.flags */
       XCALL_DESK_CALL_WAITING = 1, /* a call may ring while another goes on; without it such a
                                             call is declined as busy at once */
       XCALL_DESK_ARBITRATED = 2,   /* the carrier decides glare and sends MERGED; without it the
                                             lower call id wins (as XEP-0353 section 6 has it), and both
                                             desks find that alike */
};

typedef struct xcall_desk_config {
    uint32_t size;
    uint32_t flags;         /* XCALL_DESK_*; default none */
    uint32_t calls_max;     /* calls that are not ended, 1..16; default 4. Of the ended ones 64 are
                               remembered at the least, then the first is forgotten */
    uint32_t reach_ms;      /* calling without REMOTE_RINGING, 1000..90000; default 35000 */
    uint32_t ring_ms;       /* 1000..90000; default 60000; both sides count it */
    uint32_t connect_ms;    /* accept to MEDIA_UP, 1000..600000; default 30000 */
    uint32_t media_lost_ms; /* 1000..600000; default 30000 */
    uint32_t
        tombstone_ms; /* how long an ended call's id is remembered, 1000..3600000; default 120000:
                               a late INCOMING of it does not ring */
} xcall_desk_config;

typedef struct xcall_desk xcall_desk;

XCALL_API void xcall_desk_config_init(xcall_desk_config *config, uint32_t size);
XCALL_API void xcall_life_input_init(xcall_life_input *input, uint32_t size);
XCALL_API void xcall_life_action_init(xcall_life_action *action, uint32_t size);
XCALL_API void xcall_life_info_init(xcall_life_info *info, uint32_t size);

/* All memory is taken here. Errors: INVALID, MEMORY, VERSION. */
XCALL_API int32_t xcall_desk_create(const xcall_desk_config *config, xcall_desk **desk);
XCALL_API void xcall_desk_destroy(xcall_desk *desk); /* NULL is fine */

/* One thread at a time, here and below. Time that is due is run first, also when the input is then
 * refused, so take the actions whatever it answers. Errors: STATE (see above), LIMIT (calls_max; an
 * incoming call is then declined as busy), INVALID (unknown type, no call id, a name too long or empty,
 * a reason that does not fit; nothing is run), AGAIN (actions of the last input were not all taken).
 * Stale news of the carrier: XCALL_OK. */
XCALL_API int32_t xcall_desk_input(xcall_desk *desk, const xcall_life_input *input);
/* The next action. Errors: AGAIN (none). */
XCALL_API int32_t xcall_desk_next_action(xcall_desk *desk, xcall_life_action *action);
/* When TIME is wanted, in ms; UINT64_MAX: not at all. */
XCALL_API uint64_t xcall_desk_deadline(const xcall_desk *desk);
/* Also of an ended call while it is remembered. Errors: ENDED (not, or no more, on the desk). */
XCALL_API int32_t xcall_desk_call(const xcall_desk *desk, const uint8_t call[16],
                                  xcall_life_info *info);
/* Calls that are not ended, oldest first: copies up to capacity ids, returns how many there are. */
XCALL_API int32_t xcall_desk_calls(const xcall_desk *desk, uint8_t (*calls)[16], uint32_t capacity);

/* "ringing_in", "no_answer": the names that docs/protocol.md has; "unknown". Static text. */
XCALL_API const char *xcall_life_state_name(uint32_t state);
XCALL_API const char *xcall_life_reason_name(uint32_t reason);

#ifdef __cplusplus
}
#endif

#endif
