/* xcall/gate.h - may this account call that one? A pure function on plain data: no I/O, no clock, no
 * memory. For call services in any language, and for a host that has its own backend.
 *
 * SPDX-License-Identifier: MIT */
#ifndef XCALL_GATE_H
#define XCALL_GATE_H

#include <xcall/base.h>

/* The host gathers facts (one bit each, so that a decision can be logged in 8 bytes and replayed),
 * names its policy, and gets a verdict, the reason for its own log, the reason that the caller may
 * know, the rule that decided, and whether the media must be relayed.
 *
 * Rules, first match wins, in this order: 1 2 3 4 5 11 11b 6 7 8 9 10 12 15 13 14. The causes that say
 * something about the callee (6 to 10, 12) share one public reason, "unavailable"; 11 and 11b come
 * before them because they follow from the caller's own outbox and inbox alone.
 *
 *   rule  condition                                    reason                   public reason
 *   1     caller is the callee                         self                     self
 *   2     kill switch                                  kill_switch              calls_not_enabled_for_you
 *         caller not in calls.make                     rollout_caller           calls_not_enabled_for_you
 *         a video call, caller not in calls.video      rollout_video            calls_not_enabled_for_you
 *   3     caller suspended, or restricted              caller_state             account_restricted
 *         caller's program is outdated                 caller_outdated          update_required
 *   4     caller's, device's or address's limit        rate                     try_later
 *   5     caller blocks callee                         you_blocked              you_blocked
 *   11    the caller has never written to the callee   no_message               message_first
 *   11b   the callee has never written to the caller   no_message_from_callee   message_first_wait
 *   6     no such callee, or deactivated or suspended  no_callee                unavailable
 *   7     callee blocks caller                         blocked                  unavailable
 *   8     callee not in calls.receive                  rollout_callee           unavailable
 *   9     callee has calls off                         disabled                 unavailable
 *   10    the pair's limit                             pair_rate                unavailable
 *   12    callee's allow mask fits the caller nowhere  not_allowed              unavailable
 *   15    must be relayed, and there is no relay       relay_unavailable        relay_unavailable
 *   13    callee's quiet hours, or it silences         silent                   none: seems to ring
 *         strangers and the caller is one to it
 *   14    otherwise                                    ring                     none
 *
 * Rules 11 and 11b follow the policy's prior_message: CALLER_SENT checks 11, CALLEE_SENT 11b, BOTH first
 * 11 and then 11b, EITHER refuses by 11 when neither has written, NONE checks neither.
 *
 * Relay: needed when caller or callee has enhanced privacy, when one of them is not in calls.p2p, and
 * between strangers under relay_strangers ON, or AUTO where a relay is configured. Strangers: not each
 * of the two follows the other or has the other as a contact. For rule 13 it is the callee alone who
 * says so: a stranger to it is whom it neither follows nor has as a contact. */

#ifdef __cplusplus
extern "C" {
#endif

/* Facts. Bits are never reused; unknown ones are ignored. */
#define XCALL_GATE_SELF 0x1ull             /* caller and callee are one account */
#define XCALL_GATE_VIDEO 0x2ull            /* a video call is asked for */
#define XCALL_GATE_CALLER_SUSPENDED 0x4ull /* by the service */
#define XCALL_GATE_CALLER_RESTRICTED 0x8ull
#define XCALL_GATE_CALLER_OUTDATED 0x10ull /* its program may not place calls any more */
#define XCALL_GATE_CALLER_VERIFIED 0x20ull
#define XCALL_GATE_CALLER_ENHANCED 0x40ull /* enhanced call privacy */
#define XCALL_GATE_CALLER_ROLLOUT_MAKE 0x80ull
#define XCALL_GATE_CALLER_ROLLOUT_VIDEO 0x100ull
#define XCALL_GATE_CALLER_ROLLOUT_P2P 0x200ull
#define XCALL_GATE_CALLEE_EXISTS 0x400ull
#define XCALL_GATE_CALLEE_INACTIVE 0x800ull /* deactivated or suspended */
#define XCALL_GATE_CALLEE_ROLLOUT_RECEIVE 0x1000ull
#define XCALL_GATE_CALLEE_ROLLOUT_P2P 0x2000ull
#define XCALL_GATE_CALLEE_ENABLED 0x4000ull  /* has calls on */
#define XCALL_GATE_CALLEE_ENHANCED 0x8000ull /* enhanced call privacy */
#define XCALL_GATE_CALLEE_QUIET 0x10000ull   /* quiet hours are now */
#define XCALL_GATE_CALLEE_SILENCES_STRANGERS 0x20000ull
#define XCALL_GATE_CALLER_SENT 0x40000ull    /* the caller has written to the callee */
#define XCALL_GATE_CALLEE_SENT 0x80000ull    /* the callee has written to the caller */
#define XCALL_GATE_CALLER_BLOCKS 0x100000ull /* the caller blocks the callee */
#define XCALL_GATE_CALLEE_BLOCKS 0x200000ull
#define XCALL_GATE_CALLER_FOLLOWS 0x400000ull
#define XCALL_GATE_CALLEE_FOLLOWS 0x800000ull
#define XCALL_GATE_CALLER_HAS_CONTACT 0x1000000ull /* the callee is in the caller's contacts */
#define XCALL_GATE_CALLEE_HAS_CONTACT 0x2000000ull
#define XCALL_GATE_LIMIT_CALLER 0x4000000ull /* reached: attempts, or new callees, a time */
#define XCALL_GATE_LIMIT_DEVICE 0x8000000ull
#define XCALL_GATE_LIMIT_ADDRESS 0x10000000ull
#define XCALL_GATE_LIMIT_PAIR 0x20000000ull /* this pair's, or the callee's of strangers */
/* The callee's allow mask: any union of them; none: nobody may call. */
#define XCALL_GATE_ALLOW_EVERYONE 0x100000000ull
#define XCALL_GATE_ALLOW_VERIFIED 0x200000000ull  /* verified accounts */
#define XCALL_GATE_ALLOW_FOLLOWING 0x400000000ull /* accounts that the callee follows */
#define XCALL_GATE_ALLOW_CONTACTS 0x800000000ull  /* accounts in the callee's contacts */

enum { /* xcall_gate_policy.prior_message */
       XCALL_PRIOR_CALLER_SENT = 0,
       XCALL_PRIOR_CALLEE_SENT = 1,
       XCALL_PRIOR_EITHER = 2,
       XCALL_PRIOR_BOTH = 3,
       XCALL_PRIOR_NONE = 4,
};
enum { /* xcall_gate_policy.relay_strangers */
       XCALL_RELAY_AUTO = 0,
       XCALL_RELAY_ON = 1,
       XCALL_RELAY_OFF = 2,
};

typedef struct xcall_gate_policy {
    uint32_t size;
    uint32_t kill;             /* not 0: no call is placed */
    uint32_t prior_message;    /* XCALL_PRIOR_*; default CALLER_SENT */
    uint32_t relay_strangers;  /* XCALL_RELAY_*; default AUTO */
    uint32_t relay_configured; /* not 0: a relay can be had */
} xcall_gate_policy;

enum { XCALL_GATE_RING = 0, XCALL_GATE_SILENT = 1, XCALL_GATE_DENY = 2 };

enum { /* xcall_gate_decision.reason, for the service's own log */
       XCALL_GATE_REASON_RING = 0,
       XCALL_GATE_REASON_SELF = 1,
       XCALL_GATE_REASON_KILL_SWITCH = 2,
       XCALL_GATE_REASON_ROLLOUT_CALLER = 3,
       XCALL_GATE_REASON_ROLLOUT_VIDEO = 4,
       XCALL_GATE_REASON_CALLER_STATE = 5,
       XCALL_GATE_REASON_CALLER_OUTDATED = 6,
       XCALL_GATE_REASON_RATE = 7,
       XCALL_GATE_REASON_YOU_BLOCKED = 8,
       XCALL_GATE_REASON_NO_MESSAGE = 9,
       XCALL_GATE_REASON_NO_MESSAGE_FROM_CALLEE = 10,
       XCALL_GATE_REASON_NO_CALLEE = 11,
       XCALL_GATE_REASON_BLOCKED = 12,
       XCALL_GATE_REASON_ROLLOUT_CALLEE = 13,
       XCALL_GATE_REASON_DISABLED = 14,
       XCALL_GATE_REASON_PAIR_RATE = 15,
       XCALL_GATE_REASON_NOT_ALLOWED = 16,
       XCALL_GATE_REASON_RELAY_UNAVAILABLE = 17,
       XCALL_GATE_REASON_SILENT = 18,
};
enum { /* xcall_gate_decision.public_reason, for the caller */
       XCALL_GATE_PUBLIC_NONE = 0,
       XCALL_GATE_PUBLIC_SELF = 1,
       XCALL_GATE_PUBLIC_NOT_ENABLED = 2, /* calls_not_enabled_for_you */
       XCALL_GATE_PUBLIC_RESTRICTED = 3,  /* account_restricted */
       XCALL_GATE_PUBLIC_UPDATE = 4,      /* update_required */
       XCALL_GATE_PUBLIC_TRY_LATER = 5,
       XCALL_GATE_PUBLIC_YOU_BLOCKED = 6,
       XCALL_GATE_PUBLIC_MESSAGE_FIRST = 7,
       XCALL_GATE_PUBLIC_MESSAGE_FIRST_WAIT = 8,
       XCALL_GATE_PUBLIC_UNAVAILABLE = 9,
       XCALL_GATE_PUBLIC_RELAY_UNAVAILABLE = 10,
};

typedef struct xcall_gate_decision {
    uint32_t size;
    uint32_t verdict;       /* XCALL_GATE_RING, SILENT or DENY */
    uint32_t reason;        /* XCALL_GATE_REASON_* */
    uint32_t public_reason; /* XCALL_GATE_PUBLIC_* */
    uint32_t rule;          /* the table's number; 11b is 111 */
    uint32_t relay;         /* 1: the media must be relayed (also told of denied calls) */
} xcall_gate_decision;

XCALL_API void xcall_gate_policy_init(xcall_gate_policy *policy, uint32_t size);
XCALL_API void xcall_gate_decision_init(xcall_gate_decision *decision, uint32_t size);

/* Errors: INVALID (NULL, a policy value that is none), VERSION (a struct not initialised). Any
 * thread; same inputs, same answer, for ever within an ABI version. */
XCALL_API int32_t xcall_gate_decide(uint64_t facts, const xcall_gate_policy *policy,
                                    xcall_gate_decision *decision);

/* "ring", "no_message", "message_first", "11b" and so on; "unknown" for a number that is none. Static
 * text. */
XCALL_API const char *xcall_gate_verdict_name(uint32_t verdict);
XCALL_API const char *xcall_gate_reason_name(uint32_t reason);
XCALL_API const char *xcall_gate_public_name(uint32_t public_reason);
XCALL_API const char *xcall_gate_rule_name(uint32_t rule);

#ifdef __cplusplus
}
#endif

#endif
