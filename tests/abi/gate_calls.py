#!/usr/bin/env python3
"""gate_calls.py BUILD - the gate through the shared library, as a call service in another language
would use it, against the rules written down once more in that language. (All combinations are the
business of tests/unit/call/test_gate.c; these are the compiled library's, a few hundred thousand.)
SPDX-License-Identifier: MIT"""
import ctypes as c
import itertools
import os
import random
import re
import sys

import tap

u32, u64 = c.c_uint32, c.c_uint64
RANDOM = 150000


class Policy(c.Structure):
    _fields_ = [(n, u32) for n in ("size", "kill", "prior_message", "relay_strangers",
                                   "relay_configured")]


class Decision(c.Structure):
    _fields_ = [(n, u32) for n in ("size", "verdict", "reason", "public_reason", "rule", "relay")]


def facts_of_header():
    with open(os.path.join(tap.INCLUDE, "xcall", "gate.h"), encoding="utf-8") as file:
        return {name.lower(): int(value, 16) for name, value in
                re.findall(r"#define XCALL_GATE_(\w+) (0x[0-9a-f]+)ull", file.read())}


PRIOR = ("caller_sent", "callee_sent", "either", "both", "none")
STRANGERS = ("auto", "on", "off")


def must_relay(f, strangers, relay):
    trusts = {"caller_follows", "caller_has_contact"} & f and \
        {"callee_follows", "callee_has_contact"} & f
    return bool({"caller_enhanced", "callee_enhanced"} & f
                or not {"caller_rollout_p2p", "callee_rollout_p2p"} <= f
                or (not trusts and (strangers == "on" or (strangers == "auto" and relay))))


def welcome(f):
    return "allow_everyone" in f or any(
        {wanted, fits} <= f for wanted, fits in (("allow_verified", "caller_verified"),
                                                 ("allow_following", "callee_follows"),
                                                 ("allow_contacts", "callee_has_contact")))


def expected(f, kill, prior, strangers, relay):
    """(rule, verdict, reason, public reason, relay), the first that is so."""
    hidden = must_relay(f, strangers, relay)
    out, inn = "caller_sent" in f, "callee_sent" in f
    no_out = {"caller_sent": not out, "both": not out, "either": not out and not inn}
    no_in = {"callee_sent": not inn, "both": not inn}
    off = "calls_not_enabled_for_you"
    unknown = not {"callee_follows", "callee_has_contact"} & f
    for so, rule, verdict, reason, public in (
            ("self" in f, "1", "deny", "self", "self"),
            (kill, "2", "deny", "kill_switch", off),
            ("caller_rollout_make" not in f, "2", "deny", "rollout_caller", off),
            ("video" in f and "caller_rollout_video" not in f, "2", "deny", "rollout_video", off),
            ({"caller_suspended", "caller_restricted"} & f, "3", "deny", "caller_state",
             "account_restricted"),
            ("caller_outdated" in f, "3", "deny", "caller_outdated", "update_required"),
            ({"limit_caller", "limit_device", "limit_address"} & f, "4", "deny", "rate",
             "try_later"),
            ("caller_blocks" in f, "5", "deny", "you_blocked", "you_blocked"),
            (no_out.get(prior), "11", "deny", "no_message", "message_first"),
            (no_in.get(prior), "11b", "deny", "no_message_from_callee", "message_first_wait"),
            ("callee_exists" not in f or "callee_inactive" in f, "6", "deny", "no_callee", ""),
            ("callee_blocks" in f, "7", "deny", "blocked", ""),
            ("callee_rollout_receive" not in f, "8", "deny", "rollout_callee", ""),
            ("callee_enabled" not in f, "9", "deny", "disabled", ""),
            ("limit_pair" in f, "10", "deny", "pair_rate", ""),
            (not welcome(f), "12", "deny", "not_allowed", ""),
            (hidden and not relay, "15", "deny", "relay_unavailable", "relay_unavailable"),
            ("callee_quiet" in f or ("callee_silences_strangers" in f and unknown), "13",
             "silent", "silent", "none"),
            (True, "14", "ring", "ring", "none")):
        if so:
            return rule, verdict, reason, public or "unavailable", int(hidden)
    return None


def main():
    library = c.CDLL(os.path.join(sys.argv[1], "lib", "libxcall.so"))
    names = {}
    for word in ("rule", "verdict", "reason", "public"):
        function = getattr(library, f"xcall_gate_{word}_name")
        function.restype = c.c_char_p
        names[word] = [function(u32(i)).decode() for i in range(112)]
    library.xcall_gate_decide.argtypes = [u64, c.POINTER(Policy), c.POINTER(Decision)]
    bits = facts_of_header()
    policy, decision = Policy(), Decision()
    library.xcall_gate_policy_init(c.byref(policy), c.sizeof(policy))
    library.xcall_gate_decision_init(c.byref(decision), c.sizeof(decision))

    def compare(f, kill, prior, strangers, relay):
        policy.kill, policy.relay_configured = kill, relay
        policy.prior_message = PRIOR.index(prior)
        policy.relay_strangers = STRANGERS.index(strangers)
        code = library.xcall_gate_decide(sum(bits[name] for name in f), policy, decision)
        got = (names["rule"][decision.rule], names["verdict"][decision.verdict],
               names["reason"][decision.reason], names["public"][decision.public_reason],
               decision.relay)
        wanted = expected(f, kill, prior, strangers, relay)
        return [] if code == 0 and got == wanted else [f"{sorted(f)}: {got}, not {wanted}"]

    tap.check("the header has 34 facts", [] if len(bits) == 34 else [str(sorted(bits))])
    rings = {"caller_rollout_make", "caller_rollout_video", "callee_exists",
             "callee_rollout_receive", "callee_enabled", "caller_sent", "callee_sent",
             "allow_everyone"}
    of_relay = [n for n in bits if n.endswith(("_enhanced", "_p2p", "_follows", "_has_contact"))]
    wrong = []
    for size in range(len(of_relay) + 1):
        for chosen in itertools.combinations(of_relay, size):
            for strangers, relay in itertools.product(STRANGERS, (0, 1)):
                wrong += compare(rings | set(chosen), 0, "caller_sent", strangers, relay)
    tap.check("what decides on the relay, in every combination", wrong[:5])
    wrong, seen, dice = [], set(), random.Random(1)
    everything = sorted(bits)
    for number in range(RANDOM):
        f = set(rings) if number % 4 else set()
        f ^= set(dice.sample(everything, dice.randint(0, 8 if number % 4 else 34)))
        wrong += compare(f, int(dice.random() < 0.1), dice.choice(PRIOR), dice.choice(STRANGERS),
                         dice.randint(0, 1))
        seen.add(decision.reason)
    tap.check("random facts under random policies", wrong[:5])
    tap.check("every reason has come up", [] if len(seen) == 19 else [str(sorted(seen))])
    tap.end()


main()
