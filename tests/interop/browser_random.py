"""browser_random.py - random changes of a call by both sides, often at once (bench/sim/script.h).

The page does one host's actions and xcall-peer the other's. No call ends, the page refuses nothing,
no description breaks what holds for the whole connection, and once both sides wish for everything,
everything flows. tests/unit/call/test_changes.c has the same stories between two of ours.
SPDX-License-Identifier: MIT"""
import os
import re
import subprocess
import time

from browser_changes import check_roles
from call import Call
from case import Failed, case, check, until_so, wait_for

SECONDS = 3  # a story that takes longer is told faster


def story(run, seed):
    """[(seconds, side, action)]: side "a" is the offerer."""
    program = os.path.join(run.options.build, "bench", "xcall-sim")
    text = subprocess.run([program, "--script", str(seed)], capture_output=True, text=True,
                          check=True).stdout
    lines = [line.split(" ", 2) for line in text.splitlines()]
    check(lines, f"xcall-sim tells no story of seed {seed}")
    scale = min(1.0, SECONDS * 1000 / max(1, int(lines[-1][0]))) / 1000
    return [(int(ms) * scale, side, action) for ms, side, action in lines]


def act(call, action):
    """One of ours."""
    verb, *more = action.split(" ")
    if verb == "direction":
        call.ours.do(verb, kind=more[0], direction=more[1])
    elif verb in ("mute", "unmute"):
        call.ours.do(verb, kind="video")
    else:
        call.ours.do(verb)


# --- what every description must keep --------------------------------------------------------------

class Book:
    """What was said before, and what must hold for as long as the connection does."""

    def __init__(self):
        self.ids, self.codecs = {}, {}  # number -> meaning, for the whole transport
        self.places = []                # (mid, kind) of each section that was agreed on

    @staticmethod
    def keep(table, number, meaning, agreed, who):
        """An answer settles it: what was offered in vain may mean another thing later."""
        before = table.get(number, meaning)
        if agreed:
            table[number] = meaning
        check(before == meaning, f"{who}: {number} was {before} and is {meaning}")

    def numbers(self, sdp, agreed, who):
        for number, uri in re.findall(r"a=extmap:(\d+)\S* (\S+)", sdp):
            self.keep(self.ids, f"extmap {number}", uri, agreed, who)
        apt = dict(re.findall(r"a=fmtp:(\d+) apt=(\d+)", sdp))
        for number, codec in re.findall(r"a=rtpmap:(\d+) (\S+)", sdp):
            meaning = codec.lower() + (f" of {apt[number]}" if number in apt else "")
            self.keep(self.codecs, f"payload type {number}", meaning, agreed, who)

    def sections(self, sdp, agreed, who):
        found = []
        for section in re.split(r"\r\n(?=m=)", sdp)[1:]:
            kind, port = re.match(r"m=(\S+) (\d+)", section).groups()
            mid = re.search(r"a=mid:(\S+)", section)
            is_open = port != "0" or "a=bundle-only" in section
            found.append((mid.group(1) if mid else None, kind, is_open))
        mids = [mid for mid, _, _ in found if mid is not None]
        check(len(mids) == len(set(mids)), f"{who}: a mid twice in {mids}")
        check(len(found) >= len(self.places), f"{who}: sections went away: {found}")
        for before, now in zip(self.places, found):
            check(not now[2] or before == now[:2], f"{who}: the section of {before} is {now[:2]}")
        if agreed:
            self.places = [before if now[0] is None else now[:2] for before, now
                           in zip(self.places + [None] * len(found), found)]


def check_descriptions(call):
    """In the order in which our side made or got them."""
    rows = [("we", line) for line in list(call.ours.lines)] + \
           [("they", line) for line in list(call.ours.sent)]
    rows = sorted(((line["at"], who, line["type"], line["sdp"]) for who, line in rows
                   if line["type"] in ("offer", "answer")))
    book = Book()
    for number, (_, who, kind, sdp) in enumerate(rows):
        title = f"description {number}, {who} {kind}"
        book.numbers(sdp, kind == "answer", title)
        book.sections(sdp, kind == "answer", title)
        if kind == "offer":
            setups = set(re.findall(r"a=setup:(\S+)", sdp))
            check(setups == {"actpass"}, f"{title}: a=setup:{setups}")
    check_roles(call)
    return len(rows)


# --- a story ----------------------------------------------------------------------------------------

def check_alive(call):
    check("ended" not in call.ours.states() and call.ours.process.poll() is None,
          f"our call ended: {call.ours.states()} {call.ours.errors}")
    state = call.state()
    check(not state["errors"], f"the page: {state['errors']}")
    check(state["connection"] not in ("failed", "closed"), f"the page is {state['connection']}")
    refused = [line for line in call.ours.lines if line["type"] == "done" and line["error"]]
    check(not refused, f"an action is refused: {refused}")


def settle(call):
    """Until no description was seen for a while."""
    def count():
        return len([1 for line in [*call.ours.lines, *call.ours.sent]
                    if line["type"] in ("offer", "answer")])

    def look():
        before = count()
        call.wait_stable()
        time.sleep(0.5)
        return count() == before
    wait_for("the negotiation comes to rest", look)


def everything(call):
    """All tracks both ways; it flows."""
    for action in ("resume", "unmute", "direction audio both", "direction video both",
                   "direction screen both"):
        act(call, action)
    settle(call)
    call.page.call("act", "everything")
    settle(call)
    check_alive(call)
    def look():
        all_of_them = call.state()["transceivers"]
        found = [t["mid"] for t in all_of_them if t["kind"] == "video" and t["mid"] is not None
                 and t["current"] == "sendrecv"]
        check(len(found) == 2, f"{found} of {all_of_them} have pictures both ways")
        return found
    videos = until_so(look)
    call.page_hears()
    call.we_hear()
    for mid in videos:
        call.page_sees(15, index=mid)
    for track in (0, 1):
        call.we_see(15, track=track)


def tell(run, seed):
    ours, theirs = (1, 2) if run.we_offer else (2, 1)
    lines = story(run, seed)
    call = Call(run, *([] if seed & ours else ["--video-later"]))
    call.add_audio()
    if seed & theirs:
        call.add_video()
    call.begin().wait_connected()
    begun = time.monotonic()
    for at, side, action in lines:
        time.sleep(max(0.0, begun + at - time.monotonic()))
        if (side == "a") == run.we_offer:
            act(call, action)
        else:
            call.page.call("act", action)
    check_alive(call)
    everything(call)
    count = check_descriptions(call)
    call.finish()
    call.end()
    return count


@case(seconds=60, per_seed=150)
def renegotiations(run):
    """A fresh call for each seed."""
    counts, begun = [], time.monotonic()
    first = run.options.first_seed
    for seed in range(first, first + run.options.seeds):
        try:
            counts.append(tell(run, seed))
        except Failed as failed:
            raise Failed(f"seed {seed}: {failed}") from failed
    run.note(f"seeds {first} to {first + run.options.seeds - 1}: {sum(counts)} descriptions, "
             f"{(time.monotonic() - begun) / len(counts):.1f} s each")
