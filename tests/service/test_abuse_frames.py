#!/usr/bin/env python3
"""test_abuse_frames.py BUILD [TEST ...] - 19 of the abuse list in docs/security.md: JSON that is none, is too deep, too
long or full of huge numbers, bad UTF-8, valid requests with something changed in them; sent to a running xcalld, one
with sanitizers where there is one (XCALL_SANITIZED_BUILD). XCALL_TEST_LONG=1: many more. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import random
import sys
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from people import Device  # noqa: E402
from server import XCALLD, Server, expect, run_tests  # noqa: E402
from ws import Closed, Refused  # noqa: E402

LONG = bool(os.environ.get("XCALL_TEST_LONG"))
SANITIZED = os.path.join(os.environ.get("XCALL_SANITIZED_BUILD", "/nowhere"), "examples", "xcalld")
PROGRAM = SANITIZED if os.access(SANITIZED, os.X_OK) else XCALLD
# Who waits for others answers no ping meanwhile, nor is anybody dead who is slow on a busy machine.
QUICK = ["hash_memory_mib = 1", "hash_passes = 1", "ping_seconds = 250", "handshake_seconds = 60"]
OPEN = ("limit_frames", "limit_messages", "limit_connections", "limit_calls_account", "limit_calls_device",
        "limit_calls_address", "limit_can_call", "limit_sign_in_address", "limit_sign_up_address", "limit_turn",
        "limit_reports", "limit_pair", "limit_pair_day", "limit_callees", "limit_cancels")
CALL = "6b1f9a52-0c3e-4d77-9a41-2f8e5d10c7aa"


def start():
    server = Server(PROGRAM, config=QUICK)
    server.friends("alice", "bob")
    for key in OPEN:
        server.admin("policy", key, "off")
    for key in ("answer_floor_ms", "answer_jitter_ms", "message_floor_ms", "message_jitter_ms"):
        server.admin("policy", key, "0")
    return server


def device(server, name):
    return Device(server, name, token=server.account(name))


def test_bombs():
    """Each ends its connection with 4000, and nothing else."""
    deep = 17
    bombs = [b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b'{"t":7}', b'{"t":"sync","t":"ack"}x', b"\xff\xfe{}",
             b'{"t":"sync","b":' + b"[" * deep + b"]" * deep + b"}", b'{"t":"' + b"a" * 16384 + b'"}',
             b'{"t":"sync","b":' + b'{"b":' * deep + b"1" + b"}" * deep + b"}",
             b'{"t":"sync","id":"' + b"a" * 33 + b'","b":{}}', b'{"t":"sync","id":"\xc3\x28","b":{}}',
             b'{"t":"sync","b":{"n":' + b"9" * 400 + b"}}", b'{"t":"sync","b":{"n":1e999}}',
             b'{"t":"sync","b":{"x":"\\ud800"}}', b'{"t":"sync","b":{"x":"\x00"}}', b"[" * 8000]
    with start() as server:
        watcher = device(server, "bob")
        for bomb in bombs:
            link = server.connect()
            link.send(bomb)
            code = link.closed()
            expect(code in (4000, 4001, 1007, 1006), (bomb[:60], code))
            link.close()
            watcher.good("sync")
        errors = server.stop()
        expect("Sanitizer" not in errors and "runtime error" not in errors, errors[-2000:])


def requests(one):
    body = one.body("offer", CALL, "bob")
    return [("sync", {}), ("ack", {"sq": 1}), ("msg.send", {"to": "bob", "text": "hello"}),
            ("msg.list", {"with": "bob", "limit": 5, "before": 9}), ("msg.accept", {"from": "bob"}),
            ("msg.chats", {"before": 9, "limit": 5}), ("msg.read", {"with": "bob", "msg": 3}),
            ("follow.set", {"who": "bob", "on": True}), ("contact.set", {"who": "bob", "on": False}),
            ("block.list", {"after": "a"}), ("perm.get", {}),
            ("perm.set", {"quiet": {"from": "22:00", "to": "07:00", "zone_min": 60}, "hide_busy": True}),
            ("can_call", {"to": "bob", "media": "a"}), ("history.list", {"before": 1, "limit": 3}),
            ("account.report", {"who": "bob", "why": "spam", "text": "x"}), ("account.export", {"after": "x"}),
            ("device.list", {}), ("push.reg", {"kind": "fcm", "token": "x"}),
            ("call.invite", {"to": "bob", "media": "v", "body": body}), ("call.alerting", {}),
            ("call.accept", {"body": one.body("answer", CALL, "bob")}), ("call.decline", {"why": "unsupported"}),
            ("call.cancel", {}), ("call.hangup", {"why": "hangup"}), ("call.media", {"state": "up"}), ("turn.get", {}),
            ("call.quality", {"setup_ms": 1, "first_media_ms": 2, "loss_permille": 3, "relay": True, "end": "hangup"}),
            ("sig", {"n": 1, "kind": "cand", "data": {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host",
                                                       "sdpMid": "0", "sdpMLineIndex": 0}}),
            ("hello", {"token": "x", "key": "y"}), ("account.create", {"name": "x", "password": "y"})]


ODD = [None, True, -1, 0, 2 ** 31, 2 ** 53, 2 ** 63 - 1, -2 ** 63, 1.5, 1e308, "", "x" * 300, "\u0000", "\ud83d\ude00" * 20,
       [], {}, [[[[]]]], {"a": {"b": {"c": 1}}}, "0.0.0.0", "alice", CALL, "../..", "%s%n", "\r\na=candidate:1"]


def changed(chance, frame):
    """The frame with one or two things about it changed, as bytes."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        # Mostly within its body: most of what is wrong elsewhere ends the connection, and what follows is not read.
        place, key = frame, "b" if "b" in frame and chance.random() < 0.95 else chance.choice(list(frame))
        while isinstance(place[key], dict) and place[key] and chance.random() < 0.95:
            place = place[key]
            key = chance.choice(list(place))
        what = chance.randrange(4)
        if what == 0:
            place[key] = chance.choice(ODD)
        elif what == 1:
            del place[key]
            if not frame:
                break
        elif what == 2:
            place[str(chance.choice(ODD))[:50]] = chance.choice(ODD)
        elif isinstance(place[key], str) and place[key]:
            text = list(place[key])
            for _ in range(chance.randrange(1, 4)):
                text[chance.randrange(len(text))] = chr(chance.choice((0, 10, 34, 58, 92, 127, 255, 0x2028, 48)))
            place[key] = "".join(text)
    data = bytearray(json.dumps(frame, ensure_ascii=chance.random() < 0.5).encode(errors="replace"))
    if chance.random() < 0.02:
        for _ in range(chance.randrange(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    if chance.random() < 0.01:
        data = data[:chance.randrange(len(data))]
    return bytes(data)


def test_changed_requests():
    """Every request with members changed, in the middle of a call, until so many were looked at; the server lives,
    answers everybody else, and leaks nothing (its exit is that of a clean end)."""
    count, chance = (100000 if LONG else 2000), random.Random(19)  # millions: tests/fuzz/fuzz_service.c
    with start() as server:
        bob = device(server, "bob")
        alice, sent, seen, closed, rounds = device(server, "alice"), 0, 0, 0, 0
        table = requests(alice)
        begun = time.monotonic()
        while seen < count:
            try:
                for _ in range(20):
                    kind, body = chance.choice(table)
                    frame = {"t": kind, "id": uuid.uuid4().hex[:12], "b": json.loads(json.dumps(body))}
                    if kind[:4] in ("call", "sig", "turn"):
                        frame["call"] = CALL if chance.random() < 0.7 else str(uuid.uuid4())
                    data = changed(chance, frame) if chance.random() < 0.9 else json.dumps(frame).encode()
                    alice.socket.send(data, opcode=1 if chance.random() < 0.99 else 2)
                    sent += 1
                alice.ask("sync")
            except (Closed, ConnectionError, TimeoutError, OSError):
                closed += 1
                alice.socket.close()
                alice.events.clear()
                alice.socket = server.connect()
                answer = alice.ask("hello", token=alice.token, key=alice.key, caps=[],
                                   client={"name": "t", "version": "1.0.0"})
                expect(answer["t"] == "welcome", answer)
            alice.events.clear()
            rounds += 1
            if rounds % 20 == 0:
                bob.good("sync")
                bob.events.clear()
                seen = server.metrics()["xcalld_frames_received_total"]
        print(f"# {sent} frames, {seen:.0f} of them before an end of their connection, in "
              f"{time.monotonic() - begun:.1f} s, {closed} connections ended, "
              f"{'sanitized' if PROGRAM == SANITIZED else 'release build'}")
        figures = server.metrics()
        expect(figures["xcalld_frames_malformed_total"] > 0 and closed, "nothing was malformed")
        expect(figures["xcalld_store_failures_total"] == 0, "the store failed")
        bob.good("msg.send", to="alice", text="still here")
        errors = server.stop()
        expect("Sanitizer" not in errors and "runtime error" not in errors, errors[-2000:])


def test_random_text():
    """Random bytes as text, before and after signing in."""
    chance = random.Random(20)
    with start() as server:
        alice = device(server, "alice")
        for round_ in range(3000 if LONG else 150):
            try:
                if round_ % 3:
                    link = server.connect()
                else:
                    alice.reconnect()
                    link = alice.socket
                size = chance.choice((1, 2, 10, 100, 16384))
                alphabet = chance.choice((b'{}[]",:\\u0t', bytes(range(256)), b'{"t":"sync"}'))
                link.send(bytes(chance.choice(alphabet) for _ in range(size)))
                expect(link.closed() in (4000, 4001, 1006, 1007), size)
                link.close()
            except Refused:
                pass
        errors = server.stop()
        expect("Sanitizer" not in errors and "runtime error" not in errors, errors[-2000:])


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
