/* gate.h - may this account call that one? Plain data in, plain data out; see xcall/gate.h for the
 * table. Any thread: nothing is kept between calls. SPDX-License-Identifier: MIT */
#ifndef XC_CALL_GATE_H
#define XC_CALL_GATE_H

#include <xcall/gate.h>

#include "base/base.h"

/* Policy and decision are whole structs; the policy's values were checked. `size` is not touched. */
void xc_gate_decide(uint64_t facts, const struct xcall_gate_policy *policy,
                    struct xcall_gate_decision *decision);

/* NULL for a number that is none. */
const char *xc_gate_verdict_name(uint32_t verdict);
const char *xc_gate_reason_name(uint32_t reason);
const char *xc_gate_public_name(uint32_t public_reason);
const char *xc_gate_rule_name(uint32_t rule);

#endif
