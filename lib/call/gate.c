/* gate.c - the rules of xcall/gate.h, first match wins. Facts are asked one at a time and only through
 * has(), so that a test can run these very lines over questions instead of numbers and so walk every
 * combination (unit/call/test_gate.c). SPDX-License-Identifier: MIT */
#include "call/gate.h"

#ifndef XC_GATE_TRACED
typedef uint64_t gate_facts;

static inline bool has(gate_facts facts, uint64_t fact)
{
    return (facts & fact) != 0;
}
#endif

struct outcome {
    uint32_t verdict, public_reason, rule;
    const char *name;
};

static const struct outcome outcomes[] = {
#define OUTCOME(reason, verdict, public_reason, rule, name)                                        \
    [XCALL_GATE_REASON_##                                                                          \
        reason] = {XCALL_GATE_##verdict, XCALL_GATE_PUBLIC_##public_reason, rule, name}
    OUTCOME(RING, RING, NONE, 14, "ring"),
    OUTCOME(SELF, DENY, SELF, 1, "self"),
    OUTCOME(KILL_SWITCH, DENY, NOT_ENABLED, 2, "kill_switch"),
    OUTCOME(ROLLOUT_CALLER, DENY, NOT_ENABLED, 2, "rollout_caller"),
    OUTCOME(ROLLOUT_VIDEO, DENY, NOT_ENABLED, 2, "rollout_video"),
    OUTCOME(CALLER_STATE, DENY, RESTRICTED, 3, "caller_state"),
    OUTCOME(CALLER_OUTDATED, DENY, UPDATE, 3, "caller_outdated"),
    OUTCOME(RATE, DENY, TRY_LATER, 4, "rate"),
    OUTCOME(YOU_BLOCKED, DENY, YOU_BLOCKED, 5, "you_blocked"),
    OUTCOME(NO_MESSAGE, DENY, MESSAGE_FIRST, 11, "no_message"),
    OUTCOME(NO_MESSAGE_FROM_CALLEE, DENY, MESSAGE_FIRST_WAIT, 111, "no_message_from_callee"),
    OUTCOME(NO_CALLEE, DENY, UNAVAILABLE, 6, "no_callee"),
    OUTCOME(BLOCKED, DENY, UNAVAILABLE, 7, "blocked"),
    OUTCOME(ROLLOUT_CALLEE, DENY, UNAVAILABLE, 8, "rollout_callee"),
    OUTCOME(DISABLED, DENY, UNAVAILABLE, 9, "disabled"),
    OUTCOME(PAIR_RATE, DENY, UNAVAILABLE, 10, "pair_rate"),
    OUTCOME(NOT_ALLOWED, DENY, UNAVAILABLE, 12, "not_allowed"),
    OUTCOME(RELAY_UNAVAILABLE, DENY, RELAY_UNAVAILABLE, 15, "relay_unavailable"),
    OUTCOME(SILENT, SILENT, NONE, 13, "silent"),
#undef OUTCOME
};

static bool caller_knows(gate_facts facts)
{
    return has(facts, XCALL_GATE_CALLER_FOLLOWS) || has(facts, XCALL_GATE_CALLER_HAS_CONTACT);
}

static bool callee_knows(gate_facts facts)
{
    return has(facts, XCALL_GATE_CALLEE_FOLLOWS) || has(facts, XCALL_GATE_CALLEE_HAS_CONTACT);
}

static bool must_relay(gate_facts facts, const struct xcall_gate_policy *policy)
{
    bool hide_strangers =
        policy->relay_strangers == XCALL_RELAY_ON ||
        (policy->relay_strangers == XCALL_RELAY_AUTO && policy->relay_configured != 0);
    return has(facts, XCALL_GATE_CALLER_ENHANCED) || has(facts, XCALL_GATE_CALLEE_ENHANCED) ||
           !has(facts, XCALL_GATE_CALLER_ROLLOUT_P2P) ||
           !has(facts, XCALL_GATE_CALLEE_ROLLOUT_P2P) ||
           (hide_strangers && !(caller_knows(facts) && callee_knows(facts)));
}

/* Rules 1 to 5: what the caller may know of itself. RING: none of them. */
static uint32_t caller_rules(gate_facts facts, const struct xcall_gate_policy *policy)
{
    if (has(facts, XCALL_GATE_SELF))
        return XCALL_GATE_REASON_SELF;
    if (policy->kill)
        return XCALL_GATE_REASON_KILL_SWITCH;
    if (!has(facts, XCALL_GATE_CALLER_ROLLOUT_MAKE))
        return XCALL_GATE_REASON_ROLLOUT_CALLER;
    if (has(facts, XCALL_GATE_VIDEO) && !has(facts, XCALL_GATE_CALLER_ROLLOUT_VIDEO))
        return XCALL_GATE_REASON_ROLLOUT_VIDEO;
    if (has(facts, XCALL_GATE_CALLER_SUSPENDED) || has(facts, XCALL_GATE_CALLER_RESTRICTED))
        return XCALL_GATE_REASON_CALLER_STATE;
    if (has(facts, XCALL_GATE_CALLER_OUTDATED))
        return XCALL_GATE_REASON_CALLER_OUTDATED;
    if (has(facts, XCALL_GATE_LIMIT_CALLER) || has(facts, XCALL_GATE_LIMIT_DEVICE) ||
        has(facts, XCALL_GATE_LIMIT_ADDRESS))
        return XCALL_GATE_REASON_RATE;
    if (has(facts, XCALL_GATE_CALLER_BLOCKS))
        return XCALL_GATE_REASON_YOU_BLOCKED;
    return XCALL_GATE_REASON_RING;
}

/* Rules 11 and 11b: from the caller's own outbox and inbox, so the same whatever the callee thinks. */
static uint32_t message_rules(gate_facts facts, uint32_t prior_message)
{
    switch (prior_message) {
    case XCALL_PRIOR_CALLER_SENT:
    case XCALL_PRIOR_BOTH:
        if (!has(facts, XCALL_GATE_CALLER_SENT))
            return XCALL_GATE_REASON_NO_MESSAGE;
        if (prior_message == XCALL_PRIOR_CALLER_SENT)
            break;
        /* fall through */
    case XCALL_PRIOR_CALLEE_SENT:
        if (!has(facts, XCALL_GATE_CALLEE_SENT))
            return XCALL_GATE_REASON_NO_MESSAGE_FROM_CALLEE;
        break;
    case XCALL_PRIOR_EITHER:
        if (!has(facts, XCALL_GATE_CALLER_SENT) && !has(facts, XCALL_GATE_CALLEE_SENT))
            return XCALL_GATE_REASON_NO_MESSAGE;
        break;
    default:
        break;
    }
    return XCALL_GATE_REASON_RING;
}

static bool allowed(gate_facts facts)
{
    return has(facts, XCALL_GATE_ALLOW_EVERYONE) ||
           (has(facts, XCALL_GATE_ALLOW_VERIFIED) && has(facts, XCALL_GATE_CALLER_VERIFIED)) ||
           (has(facts, XCALL_GATE_ALLOW_FOLLOWING) && has(facts, XCALL_GATE_CALLEE_FOLLOWS)) ||
           (has(facts, XCALL_GATE_ALLOW_CONTACTS) && has(facts, XCALL_GATE_CALLEE_HAS_CONTACT));
}

/* Rules 6 to 10 and 12: of the callee, which the caller may not tell from one another. */
static uint32_t callee_rules(gate_facts facts)
{
    if (!has(facts, XCALL_GATE_CALLEE_EXISTS) || has(facts, XCALL_GATE_CALLEE_INACTIVE))
        return XCALL_GATE_REASON_NO_CALLEE;
    if (has(facts, XCALL_GATE_CALLEE_BLOCKS))
        return XCALL_GATE_REASON_BLOCKED;
    if (!has(facts, XCALL_GATE_CALLEE_ROLLOUT_RECEIVE))
        return XCALL_GATE_REASON_ROLLOUT_CALLEE;
    if (!has(facts, XCALL_GATE_CALLEE_ENABLED))
        return XCALL_GATE_REASON_DISABLED;
    if (has(facts, XCALL_GATE_LIMIT_PAIR))
        return XCALL_GATE_REASON_PAIR_RATE;
    if (!allowed(facts))
        return XCALL_GATE_REASON_NOT_ALLOWED;
    return XCALL_GATE_REASON_RING;
}

static uint32_t reason_of(gate_facts facts, const struct xcall_gate_policy *policy, bool relay)
{
    uint32_t reason = caller_rules(facts, policy);
    if (reason == XCALL_GATE_REASON_RING)
        reason = message_rules(facts, policy->prior_message);
    if (reason == XCALL_GATE_REASON_RING)
        reason = callee_rules(facts);
    if (reason != XCALL_GATE_REASON_RING)
        return reason;
    if (relay && !policy->relay_configured)
        return XCALL_GATE_REASON_RELAY_UNAVAILABLE;
    if (has(facts, XCALL_GATE_CALLEE_QUIET) ||
        (has(facts, XCALL_GATE_CALLEE_SILENCES_STRANGERS) && !callee_knows(facts)))
        return XCALL_GATE_REASON_SILENT;
    return XCALL_GATE_REASON_RING;
}

void xc_gate_decide(gate_facts facts, const struct xcall_gate_policy *policy,
                    struct xcall_gate_decision *decision)
{
    bool relay = must_relay(facts, policy);
    uint32_t reason = reason_of(facts, policy, relay);
    const struct outcome *outcome = &outcomes[reason];
    decision->verdict = outcome->verdict;
    decision->reason = reason;
    decision->public_reason = outcome->public_reason;
    decision->rule = outcome->rule;
    decision->relay = relay;
}

const char *xc_gate_verdict_name(uint32_t verdict)
{
    static const char *const names[] = {"ring", "silent", "deny"};
    return verdict < XC_ARRAY_LEN(names) ? names[verdict] : NULL;
}

const char *xc_gate_reason_name(uint32_t reason)
{
    return reason < XC_ARRAY_LEN(outcomes) ? outcomes[reason].name : NULL;
}

const char *xc_gate_public_name(uint32_t public_reason)
{
    static const char *const names[] = {"none",
                                        "self",
                                        "calls_not_enabled_for_you",
                                        "account_restricted",
                                        "update_required",
                                        "try_later",
                                        "you_blocked",
                                        "message_first",
                                        "message_first_wait",
                                        "unavailable",
                                        "relay_unavailable"};
    return public_reason < XC_ARRAY_LEN(names) ? names[public_reason] : NULL;
}

const char *xc_gate_rule_name(uint32_t rule)
{
    static const char *const names[] = {NULL, "1", "2",  "3",  "4",  "5",  "6",  "7",
                                        "8",  "9", "10", "11", "12", "13", "14", "15"};
    return rule == 111 ? "11b" : rule < XC_ARRAY_LEN(names) ? names[rule] : NULL;
}
