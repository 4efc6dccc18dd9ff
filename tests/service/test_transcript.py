#!/usr/bin/env python3
"""test_transcript.py BUILD [--renew] [TEST ...] - runs the worked transcript of docs/protocol.md against xcalld, frame
by frame, and checks its keys, signatures and safety number by themselves. --renew writes what the server answered into
the document. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ed25519  # noqa: E402
from server import Server, expect, run_tests  # noqa: E402

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "protocol.md")
HEADLINE = "## A worked transcript\n"
# Members whose values differ each time, and the name that stands for them.
VARIABLE = {"token": "TOKEN", "epoch": "EPOCH", "now": "NOW", "at": "AT", "msg": "MSG", "ring_left_ms": "LEFT_MS",
            "duration_s": "SECONDS"}


def read():
    with open(DOCUMENT, encoding="utf-8") as file:
        return file.read()


def chapter():
    return read().split(HEADLINE)[1]


def frames():
    """(who, ">" to the server or "<" from it, text), in order."""
    found = []
    for block in re.findall(r"^```text\n(.*?)^```", chapter(), re.S | re.M):
        for line in block.splitlines():
            start = re.match(r"(alice|bob) ([<>]) (.*)", line)
            if start:
                found.append(list(start.groups()))
            else:
                expect(line.startswith("  ") and found, f"no frame: {line}")
                found[-1][2] += " " + line.strip()  # JSON allows a blank where a line was broken
    return [(who, way, text) for who, way, text in found]


def put_in(value, known):
    """A request with what is known by now."""
    if isinstance(value, dict):
        return {key: put_in(one, known) for key, one in value.items()}
    if isinstance(value, list):
        return [put_in(one, known) for one in value]
    if isinstance(value, str) and value.startswith("$"):
        expect(value in known, f"{value} is not known yet")
        return known[value]
    return value


def differs(wanted, got, known, path="frame"):
    """Where the frame is another than that of the document; None where it fits."""
    if isinstance(wanted, str) and wanted.startswith("$"):
        if known.setdefault(wanted, got) == got or wanted in ("$LEFT_MS", "$SECONDS", "$AT", "$NOW"):
            return None
        return f"{path}: {wanted} was {known[wanted]}, is {got}"
    if isinstance(wanted, dict) and isinstance(got, dict):
        if set(wanted) != set(got):
            return f"{path}: members {sorted(got)}, not {sorted(wanted)}"
        return next((where for key in wanted
                     if (where := differs(wanted[key], got[key], known, f"{path}.{key}"))), None)
    if isinstance(wanted, list) and isinstance(got, list):
        if len(wanted) != len(got):
            return f"{path}: {len(got)} elements"
        return next((where for at, one in enumerate(wanted)
                     if (where := differs(one, got[at], known, f"{path}[{at}]"))), None)
    return None if wanted == got else f"{path}: {got!r}, not {wanted!r}"


def hidden(value, who, key=""):
    """A frame of the server with names for what differs each time; a whole number's epoch is that of settings."""
    if isinstance(value, dict):
        return {name: hidden(one, who, name) for name, one in value.items()}
    if isinstance(value, list):
        return [hidden(one, who) for one in value]
    if key in VARIABLE and not (key == "epoch" and isinstance(value, int)):
        return "$" + VARIABLE[key] + (f"_{who.upper()}" if key in ("token", "epoch") else "")
    return value


def play(renewed=None):
    known, sockets = {}, {}
    with Server(config=["hash_memory_mib = 8"], tls=True) as server:
        for number, (who, way, text) in enumerate(frames(), 1):
            if who not in sockets:
                sockets[who] = server.connect()
            if way == ">":
                sockets[who].send(json.dumps(put_in(json.loads(text), known)))
                continue
            got = sockets[who].json()
            expect(got is not None, f"frame {number}: {who} hears nothing, not {text}")
            if renewed is not None:
                renewed.append(hidden(got, who))
                differs(renewed[-1], got, known)
                continue
            where = differs(json.loads(text), got, known)
            expect(not where, f"frame {number}, {who}: {where}\n{json.dumps(got)}\ninstead of {text}")
        if renewed is None:
            for who, socket in sockets.items():
                rest = socket.json(0.3)
                expect(rest is None, f"{who} hears more: {rest}")


def test_every_frame():
    play()


def test_no_frame_type_is_missing():
    """What a session of two people needs is in it."""
    types = {json.loads(text)["t"] for _, _, text in frames()}
    missing = {"account.create", "hello", "welcome", "perm.set", "call.invite", "err", "msg.send", "msg.new", "msg.chats", "msg.read",
               "call.incoming", "call.alerting", "call.accept", "call.state", "sig", "call.media",
               "call.hangup", "history.list"} - types
    expect(not missing, missing)


def test_keys_and_signatures():
    text = chapter()
    seeds = dict(re.findall(r"(alice|bob)'s seed: `([0-9a-f]{64})`", text))
    keys = {who: ed25519.Key(bytes.fromhex(seed)) for who, seed in seeds.items()}
    expect(len(keys) == 2, seeds)
    sent = [(who, json.loads(line)) for who, way, line in frames() if way == ">"]
    for who, frame in sent:
        if frame["t"] == "hello":
            expect(frame["b"]["key"] == keys[who].public, who)
    bodies = [(who, frame["call"], frame["b"]["body"]) for who, frame in sent if "body" in frame.get("b", {})]
    expect(len(bodies) >= 2, bodies)
    for who, call, body in bodies:
        other = "bob" if who == "alice" else "alice"
        made = ed25519.body(keys[who], call, body["type"], who, other, body["sdp"])
        expect(made == body, f"{who}'s {body['type']}: sig {made['sig']}")
    number = ed25519.safety_number((keys["alice"].public, "alice"), (keys["bob"].public, "bob"))
    expect(number in text, f"safety number {number}")


def renew():
    answers = []
    play(answers)
    document, answers = read(), iter(answers)
    before, after = document.split(HEADLINE)

    def change(block):
        lines, skip = [], False
        for line in block.group(1).splitlines():
            start = re.match(r"(alice|bob) ([<>]) ", line)
            if start:
                skip = start.group(2) == "<"
                if skip:
                    frame = json.dumps(next(answers), separators=(",", ":"))
                    lines += wrap(f"{start.group(1)} < {frame}")
            if not skip:
                lines.append(line)
        return "```text\n" + "\n".join(lines) + "\n```"
    after = re.sub(r"^```text\n(.*?)^```", change, after, flags=re.S | re.M)
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(before + HEADLINE + after)


def wrap(line):
    """Broken behind commas; never inside a text."""
    pieces = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^",])+,?|,', line)
    lines, now = [], ""
    for piece in pieces:
        if now and len(now) + len(piece) > 110:
            lines.append(now)
            now = "    "
        now += piece
    return [*lines, now]


if __name__ == "__main__":
    if "--renew" in sys.argv:
        renew()
        sys.exit(0)
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
