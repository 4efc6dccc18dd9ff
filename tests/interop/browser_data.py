"""browser_data.py - data channels with a browser: kinds, options, sizes, closing, back-pressure.
SPDX-License-Identifier: MIT"""
import base64
import queue
import random

from call import Call
from case import Failed, case, check, wait_for

LABEL = "data"  # of the channel that the offerer opens before it offers


def begin(run, *options, media=False):
    """A call with data (and audio); LABEL is open at both ends."""
    call = Call(run, "--data", *options, video=media)
    if media:
        call.add_audio()
        call.add_video()
    else:
        call.add_audio()
    if not run.we_offer:
        call.page.call("openChannel", LABEL)
    call.begin().wait_connected()
    wait_open(call, LABEL)
    return call


def wait_open(call, label):
    wait_for(f"our channel {label} is open", lambda: opened(call, label))
    wait_for(f"the page's channel {label} is open",
             lambda: (call.page.call("channel", label) or {}).get("state") == "open")


def we_open(call, label, **options):
    call.ours.do("open-channel", label=label, **options)
    wait_open(call, label)
    return call.page.call("channel", label)


def opened(call, label):
    """Our lines about channels of that label which opened."""
    return [line for line in call.ours.lines if line["type"] == "channel"
            and line["label"] == label and line["state"] == "open"]


def they_open(call, label, **options):
    call.page.call("openChannel", label, options)
    wait_open(call, label)
    return opened(call, label)[-1]


def page_messages(call, label):
    return [message for message in call.page.call("received", label)
            if message["event"] in ("text", "binary")]


def next_of_ours(call, seconds=60):
    try:
        return call.ours.data.get(timeout=seconds)
    except queue.Empty:
        raise Failed("no message came to us") from None


def wait_page(call, label, count, seconds=60):
    wait_for(f"{count} messages at the page", lambda: len(page_messages(call, label)) >= count,
             seconds)
    return page_messages(call, label)


def encoded(data):
    return base64.b64encode(data).decode()


MESSAGES = ({"text": "hello"}, {"text": ""}, {"base64": ""}, {"base64": encoded(bytes(range(256)))},
            {"text": "größer ☃ \U0001f30d"}, {"base64": encoded(b"\0")}, {"text": "x" * 65536})


@case
def kinds(run):
    """Text, binary, empty of both, whatever UTF-8 is, each way and in order."""
    call = begin(run)
    for message in MESSAGES:
        call.ours.send({"type": "data", "label": LABEL, **message})
    for got, wanted in zip(wait_page(call, LABEL, len(MESSAGES)), MESSAGES):
        key = next(iter(wanted))
        check(got["event"] == ("text" if key == "text" else "binary") and got[key] == wanted[key],
              f"the page got {str(got)[:100]} for {str(wanted)[:100]}")
    for message in MESSAGES:
        call.page.call("sendData", LABEL, message)
    for wanted in MESSAGES:
        got = next_of_ours(call)
        key = next(iter(wanted))
        check(got.get(key) == wanted[key], f"we got {str(got)[:100]} for {str(wanted)[:100]}")
    call.finish()


@case
def large(run):
    """Messages of 256 KiB, beside smaller ones, both ways."""
    call = begin(run)
    source = random.Random(5)
    sizes = (262144, 1, 262143, 100000, 16384, 262144)
    messages = [encoded(source.randbytes(size)) for size in sizes]
    for message in messages:
        call.ours.send({"type": "data", "label": LABEL, "base64": message})
        call.page.call("sendData", LABEL, {"base64": message})
    got = wait_page(call, LABEL, len(messages))
    check([m["base64"] for m in got] == messages, "the page got other bytes")
    for message in messages:
        check(next_of_ours(call).get("base64") == message, "we got other bytes")
    call.finish()


def agrees(info, **wanted):
    for key, value in wanted.items():
        check(info.get(key) == value, f"{key} is {info.get(key)}, wanted {value}: {info}")


@case
def options(run):
    """Ordered and not, maxRetransmits, maxPacketLifeTime, protocol, priority: as the other end sees
    them, and messages flow both ways on each."""
    call = begin(run)
    agrees(we_open(call, "a", unordered=True), ordered=False, maxRetransmits=None)
    agrees(we_open(call, "b", unordered=True, max_retransmits=0), ordered=False, maxRetransmits=0)
    agrees(we_open(call, "c", max_packet_life_time_ms=500), ordered=True, maxPacketLifeTime=500)
    agrees(we_open(call, "d", protocol="chat", max_retransmits=3), ordered=True, protocol="chat",
           maxRetransmits=3)
    agrees(they_open(call, "e", ordered=False), unordered=True, max_retransmits=-1)
    agrees(they_open(call, "f", maxRetransmits=0), unordered=False, max_retransmits=0)
    agrees(they_open(call, "g", ordered=False, maxPacketLifeTime=700), unordered=True,
           max_packet_life_time_ms=700)
    agrees(they_open(call, "h", protocol="game", priority="high"), protocol="game")
    for label in "abcdefgh":
        call.ours.send({"type": "data", "label": label, "text": f"to {label}"})
        check(wait_page(call, label, 1)[0]["text"] == f"to {label}", f"{label}: other text")
        call.page.call("sendData", label, {"text": f"from {label}"})
        got = next_of_ours(call)
        check((got["label"], got["text"]) == (label, f"from {label}"), f"we got {got}")
    call.finish()


@case
def negotiated(run):
    """Both ends make it with one id; nothing is announced."""
    call = begin(run)
    call.page.call("openChannel", "agreed", {"negotiated": True, "id": 100})
    call.ours.do("open-channel", label="agreed", negotiated=True, id=100)
    wait_open(call, "agreed")
    check(call.page.call("channel", "agreed")["id"] == 100, "the page has another id")
    call.ours.send({"type": "data", "label": "agreed", "text": "one"})
    wait_page(call, "agreed", 1)
    call.page.call("sendData", "agreed", {"text": "two"})
    check(next_of_ours(call)["text"] == "two", "we got another text")
    call.finish()


def wait_closed(call, label, times):
    """Both ends have seen that many channels of the label close."""
    wait_for(f"{label} is closed at both ends", lambda: len(
        [m for m in call.page.call("received", label) if m["event"] == "close"]) >= times and len(
            [line for line in call.ours.lines if line["type"] == "channel"
             and line["label"] == label and line["state"] == "closed"]) >= times)


@case
def closing(run):
    """Closed by either side; the id is used again by a later channel, of either side: the next one
    unless the other direction's reset is still under way."""
    call = begin(run)
    ids, turn = [], 0
    while turn < 4 or any(len(set(ids[first::2])) == len(ids[first::2]) for first in (0, 1)):
        turn += 1
        check(turn <= 20, f"ids were {ids}: not used again")
        if turn % 2:
            call.page.call("openChannel", "turn", {})
        else:
            call.ours.do("open-channel", label="turn")
        wait_for("one more is open", lambda: len(opened(call, "turn")) == turn)
        ids.append(opened(call, "turn")[-1]["id"])
        wait_for("the page has the new one", lambda: call.page.call(
            "channel", "turn")["state"] == "open")
        call.ours.send({"type": "data", "label": "turn", "text": str(turn)})
        wait_page(call, "turn", turn)
        if turn <= 2:
            call.page.call("closeChannel", "turn")
        else:
            call.ours.do("close-channel", label="turn")
        wait_closed(call, "turn", turn)
    call.ours.send({"type": "data", "label": LABEL, "text": "still there"})
    wait_page(call, LABEL, 1)
    call.finish()


@case(seconds=400)
def back_pressure(run):
    """More at once than fits into any buffer, both ways: all comes, in order."""
    call = begin(run)
    count, block = 100, encoded(bytes(131072))
    for number in range(count):
        call.ours.send({"type": "data", "label": LABEL, "text": f"{number} {block}"})
    got = wait_page(call, LABEL, count, 180)
    check([int(m["text"].split()[0]) for m in got] == list(range(count)), "order")
    for number in range(count):
        call.page.call("sendData", LABEL, {"text": f"{number} {block}"})
    for number in range(count):
        check(int(next_of_ours(call)["text"].split()[0]) == number, "order")
    wait_for("the page's buffer is empty",
             lambda: call.page.call("channel", LABEL)["buffered"] == 0)
    call.finish()


@case
def data_beside_media(run):
    """All together over one BUNDLE; and data goes on through a hold."""
    call = begin(run, media=True)
    call.page_hears()
    call.we_hear()
    call.page_sees()
    call.we_see()
    check(len(call.stats("transport")) == 1, "more than one transport")
    call.ours.do("hold")
    call.page_hears_nothing()
    call.ours.send({"type": "data", "label": LABEL, "text": "held"})
    wait_page(call, LABEL, 1)
    call.ours.do("resume")
    call.page_hears()
    call.page.call("sendData", LABEL, {"text": "back"})
    check(next_of_ours(call)["text"] == "back", "we got another text")
    call.finish()


@case
def data_in_mid_call(run):
    """The page's first channel comes when the call has long begun."""
    call = Call(run, "--data", video=False)
    call.add_audio()
    if run.we_offer:
        call.begin().wait_connected()
        wait_open(call, LABEL)
    else:
        call.begin().wait_connected()
        call.page_hears()
    they_open(call, "late")
    call.page.call("sendData", "late", {"text": "one"})
    check(next_of_ours(call)["text"] == "one", "we got another text")
    call.ours.send({"type": "data", "label": "late", "text": "two"})
    wait_page(call, "late", 1)
    call.page_hears()
    call.finish()
