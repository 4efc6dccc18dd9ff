/* api_gate.c - the gate's entry points: sizes and values are checked, then one call below. No state,
 * any thread. SPDX-License-Identifier: MIT */
#include "api/check.h"
#include "call/gate.h"

void xcall_gate_policy_init(xcall_gate_policy *policy, uint32_t size)
{
    const struct xcall_gate_policy defaults = {.size = size,
                                               .prior_message = XCALL_PRIOR_CALLER_SENT,
                                               .relay_strangers = XCALL_RELAY_AUTO};
    if (!policy || size < sizeof policy->size)
        return;
    memset(policy, 0, size);
    xc_copy_sized(policy, &defaults, size, sizeof defaults);
}

void xcall_gate_decision_init(xcall_gate_decision *decision, uint32_t size)
{
    if (!decision || size < sizeof decision->size)
        return;
    memset(decision, 0, size);
    decision->size = size;
}

int32_t xcall_gate_decide(uint64_t facts, const xcall_gate_policy *given,
                          xcall_gate_decision *decision)
{
    struct xcall_gate_policy policy;
    if (!given || !decision)
        return XCALL_E_INVALID;
    if (given->size < sizeof given->size || decision->size < sizeof decision->size)
        return XCALL_E_VERSION;
    xcall_gate_policy_init(&policy, sizeof policy);
    xc_copy_sized(&policy, given, sizeof policy, given->size);
    if (policy.prior_message > XCALL_PRIOR_NONE || policy.relay_strangers > XCALL_RELAY_OFF)
        return XCALL_E_INVALID;
    struct xcall_gate_decision full = {.size = decision->size};
    xc_gate_decide(facts, &policy, &full);
    xc_copy_sized(decision, &full, decision->size, sizeof full);
    return XCALL_OK;
}

static const char *known(const char *name)
{
    return name ? name : "unknown";
}

const char *xcall_gate_verdict_name(uint32_t verdict)
{
    return known(xc_gate_verdict_name(verdict));
}

const char *xcall_gate_reason_name(uint32_t reason)
{
    return known(xc_gate_reason_name(reason));
}

const char *xcall_gate_public_name(uint32_t public_reason)
{
    return known(xc_gate_public_name(public_reason));
}

const char *xcall_gate_rule_name(uint32_t rule)
{
    return known(xc_gate_rule_name(rule));
}
