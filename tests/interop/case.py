"""case.py - what a case is: a function with a name, run once for each role of this side.

A module <peer>_*.py (browser_*.py for both browsers) holds functions that @case marks; main.py finds
and runs them. A case gets a report.Run and says what is wrong by raising; Failed is the usual way.
SPDX-License-Identifier: MIT"""
import time

ROLES = ("offer", "answer")


class Failed(Exception):
    """What was checked is not so."""


class Missing(Exception):
    """A package that truly cannot be had: the case is skipped, and the reason printed."""


def case(function=None, *, roles=ROLES, seconds=240, only=None, per_seed=0):
    """Marks a case. roles: of our side. seconds: it fails when it has not ended by then, which must be
    long on a busy machine: what it waits for has bounds of its own; per_seed: as many more for each of
    --seeds. only: names
    of the peers that it is for, of those that its module serves."""
    def mark(marked):
        marked.case = {"roles": roles, "seconds": seconds, "only": only,
                       "per_seed": per_seed}
        return marked
    return mark(function) if function else mark


def check(truth, sentence):
    if not truth:
        raise Failed(sentence)


def check_near(name, value, wanted, share=0.0, absolute=0.0):
    """|value - wanted| within a share of wanted or an absolute amount, whichever is more."""
    if value is None or abs(value - wanted) > max(share * abs(wanted), absolute):
        raise Failed(f"{name} is {value}, wanted {wanted} within {share:.0%} or {absolute}")


def wait_for(what, read, seconds=40, every=0.1):
    """Until read() is truthy, which is returned; `what` names it in the failure."""
    end = time.monotonic() + seconds
    while True:
        value = read()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(every)


def until_so(look, seconds=40, every=0.3):
    """Until look() finds nothing wrong: what it said last is the failure. For figures that come right
    when both ends have had the time to count; what must never be is checked outside."""
    end = time.monotonic() + seconds
    while True:
        try:
            return look()
        except Failed:
            if time.monotonic() > end:
                raise
        time.sleep(every)


def stays(what, read, seconds=1.0, every=0.1):
    """read() is truthy all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check(read(), f"did not last {seconds} s: {what}")
        time.sleep(every)
