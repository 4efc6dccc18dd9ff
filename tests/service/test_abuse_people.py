#!/usr/bin/env python3
"""test_abuse_people.py BUILD [TEST ...] - the abuse list of docs/security.md against a running xcalld: what one
account does to others. Reduced counts; XCALL_TEST_LONG=1: full ones. TAP on stdout.
SPDX-License-Identifier: MIT"""
import base64
import contextlib
import glob
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from people import Device  # noqa: E402
from phone import Phone  # noqa: E402
from server import Server, expect, run_tests, wait_for  # noqa: E402

LONG = bool(os.environ.get("XCALL_TEST_LONG"))
# Nobody is dead who reads no ping while others take their turns, nor who is slow on a busy machine.
QUICK = ["hash_memory_mib = 8", "ping_seconds = 250", "handshake_seconds = 60"]


def device(server, name):
    return Device(server, name, token=server.account(name))


def policy(server, *settings):
    """Returns when the server, which began with this store, has read them and every change before them."""
    for key, value in settings:
        server.admin("policy", key, value)
    server.followed()


def connect(alice, bob, call):
    bob.good("call.accept", call, body=bob.body("answer", call, alice.name))
    for side in (alice, bob):
        side.good("call.media", call, state="up")
    alice.state(call, "active")
    bob.state(call, "active")


def test_many_strangers_ring_one():
    """4: many accounts ring one victim: so many strangers ring, then nobody new; people whom he knows still do."""
    callers, most = (200, 20) if LONG else (24, 6)
    with Server(config=QUICK) as server:
        server.account("victim")
        server.admin("settings", "victim", "--allow", "everyone")
        server.friends("friend", "victim")
        names = [f"caller{i}" for i in range(callers)]
        for name in names:
            server.account(name)
            server.admin("message", name, "victim")
        # A day, so that no token comes back while the test runs.
        policy(server, ("limit_strangers", f"{most}/86400"), ("limit_calls_address", "off"))
        victim, rings = device(server, "victim"), []
        for name in names:
            caller = device(server, name)
            call, answer = caller.invite("victim")
            if answer["t"] == "ok":
                expect(answer["b"]["st"] == "ringing", answer)
                rings.append(call)
                victim.event("call.incoming", fits=lambda event, call=call: event["call"] == call)
                caller.good("call.cancel", call)
            else:
                expect(answer["b"]["code"] == "unavailable" and len(rings) == most, (len(rings), answer))
            caller.close()
        expect(len(rings) == most, f"{len(rings)} of {callers} rang, not {most}")
        victim.ask("sync")  # its answer comes behind every event
        late = [event for event in victim.events if event["t"] == "call.incoming"]
        expect(not late, late)
        friend = device(server, "friend")
        call, answer = friend.invite("victim")
        expect(answer["t"] == "ok", answer)
        victim.event("call.incoming", fits=lambda event: event["call"] == call)


class Records(threading.Thread):
    """Stands before the server and notes the sizes of TLS records that it sends."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.behind, self.sizes = port, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        client = self.socket.accept()[0]
        server = socket.create_connection(("127.0.0.1", self.behind))
        threading.Thread(target=self.copy, args=(client, server), daemon=True).start()
        rest = b""
        while True:
            data = server.recv(65536)
            if not data:
                return
            rest += data
            while len(rest) >= 5 and len(rest) >= 5 + int.from_bytes(rest[3:5], "big"):
                size = int.from_bytes(rest[3:5], "big")
                self.sizes.append(size)
                rest = rest[5 + size:]
            client.sendall(data)

    @staticmethod
    def copy(source, to):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    return
                to.sendall(data)
        except OSError:
            pass


PING_RECORD = 23  # one of the server's pings: 6 bytes in a record of TLS 1.3; they come when they come


def test_unavailable_is_unavailable():
    """5: missing, blocked, not rolled out, calls off, not allowed, suspended, deleted, pair's limit: the same bytes
    in the same TLS record, for invite and can_call alike."""
    causes = ("blocks", "off", "nobody", "suspended", "gone", "unrolled", "pair", "nosuch")
    with Server(config=QUICK, tls=True) as server:
        server.account("alice")
        for name in causes[:-1]:
            server.friends("alice", name)
        server.admin("block", "blocks", "alice")
        server.admin("settings", "off", "--calls", "off")
        server.admin("settings", "nobody", "--allow", "nobody")
        server.admin("account", "suspended", "--state", "suspended")
        gone = device(server, "gone")
        gone.good("account.delete")
        # a callee whom receiving is not rolled out to: of all at 0 %, the paying at 100 %
        for name in causes[:-1]:
            if name != "unrolled" and name != "gone":
                server.admin("account", name, "--paid", "on")
        server.admin("rollout", "calls.receive", "--all", "0", "--paid", "100")
        # What is compared are the causes: the caller's own limits would answer some of many rounds.
        policy(server, ("prior_message", "none"), ("limit_calls_account", "off"), ("limit_calls_device", "off"),
               ("limit_calls_address", "off"), ("limit_can_call", "off"), ("limit_frames", "off"),
               ("limit_pair", "1/86400"))
        ringer = device(server, "alice")  # uses up what the pair has
        call, answer = ringer.invite("pair")
        expect(answer["t"] == "ok", answer)
        ringer.good("call.cancel", call)
        ringer.close()
        records = Records(server.port)
        alice = Device(server, "alice", token=server.account("alice"), port=records.port)
        alice.ask("sync")
        texts, sizes = {}, {}
        for round_ in range(20 if LONG else 2):
            for cause in random.sample(causes, len(causes)):
                for kind in ("call.invite", "can_call"):
                    time.sleep(0.02)
                    at = len(records.sizes)
                    request = f"r{round_ % 10}000000"
                    call = str(uuid.uuid4())
                    body = {"to": cause, "media": "a"}
                    frame = {"t": kind, "id": request + uuid.uuid4().hex[:8], "b": body}
                    if kind == "call.invite":
                        frame["call"], body["body"] = call, alice.body("offer", call, cause)
                    alice.socket.send(json.dumps(frame))
                    text = alice.socket.receive()
                    expect(text, f"{kind} {cause}")
                    texts.setdefault(text.replace(frame["id"], "ID"), set()).add((kind, cause))
                    time.sleep(0.02)
                    answer = tuple(size for size in records.sizes[at:] if size != PING_RECORD)
                    sizes.setdefault((kind, answer), set()).add(cause)
        expect(len(texts) == 2, texts)
        expect(all("unavailable" in text for text in texts), texts)
        expect(len(sizes) == 2 and all(len(found) == len(causes) for found in sizes.values()), sizes)


def test_stolen_token():
    """12: a token in two places displaces; revoked it is refused, at once and for good; the delay is printed."""
    with Server(config=QUICK, tls=True) as server:
        alice = device(server, "alice")
        thief = server.connect()
        thief.send({"t": "hello", "id": "1", "b": {"token": alice.token, "key": base64.b64encode(os.urandom(32)).decode(),
                                                   "client": {"name": "t", "version": "1.0.0"}, "caps": []}})
        answer = thief.json()
        expect(answer["b"].get("code") == "key_mismatch", answer)
        again = Device.__new__(Device)
        again.__dict__.update(alice.__dict__)
        again.events, again.socket = [], server.connect()
        again.hello()
        expect(alice.socket.closed() == 4002, "the older connection stays")
        second = device(server, "alice")
        start = time.monotonic()
        second.good("device.revoke", dev=again.welcome["dev"])
        expect(again.socket.closed() == 4003)
        took = time.monotonic() - start
        print(f"# a revoked device is out after {1000 * took:.0f} ms")
        for _ in range(3):
            replay = server.connect()
            replay.send({"t": "hello", "id": "1", "b": {"token": alice.token, "key": alice.key,
                                                        "client": {"name": "t", "version": "1.0.0"}, "caps": []}})
            expect(replay.json()["b"]["code"] == "bad_token")
            expect(replay.closed() == 4001)


def test_forged_frames():
    """13: frames for others' calls, with their ids or made-up ones, of every type: no effect, no word of them."""
    with Server(config=QUICK) as server:
        server.friends("alice", "bob")
        server.friends("mallory", "carol")
        policy(server, ("limit_frames", "off"), ("limit_calls_account", "off"), ("limit_calls_device", "off"),
               ("reach_ms", "90000"), ("ring_ms", "90000"))
        alice, bob, mallory, carol = (device(server, name) for name in ("alice", "bob", "mallory", "carol"))
        call, _ = alice.invite("bob")
        bob.event("call.incoming")
        own, _ = mallory.invite("carol")
        carol.event("call.incoming")
        types = ("call.alerting", "call.accept", "call.decline", "call.cancel", "call.hangup", "call.media", "sig",
                 "turn.get", "call.quality", "call.invite")
        chance = random.Random(13)
        codes, turns, active, begun = set(), 4000 if LONG else 240, False, time.monotonic()
        for turn in range(turns):
            kind = types[turn % len(types)]
            target = call if turn % 3 else str(uuid.UUID(int=chance.getrandbits(128)))
            body = {"body": mallory.body("answer"), "why": "user", "state": chance.choice(("up", "lost")), "n": turn,
                    "kind": chance.choice(("cand", "e2e", "nego")), "data": "x", "to_dev": chance.randrange(20),
                    "dev": chance.randrange(20), "from": "alice", "setup_ms": 1}
            if kind == "call.invite":
                body.update(to="bob", media="a", body=mallory.body("offer"))
            answer = mallory.ask(kind, target, **body)
            expect(answer["t"] == "err", answer)
            codes.add(answer["b"]["code"])
            expect(set(answer["b"]) <= {"code", "retry_ms", "text"}, answer)
            if turn % 100 == 99:
                for side in (alice, bob, carol):
                    side.ask("sync")
            # One half while it rings, as long as it does, the other in the call.
            if not active and (turn == turns // 2 or time.monotonic() - begun > 30):
                active = True
                connect(alice, bob, call)
                alice.events.clear()
                bob.events.clear()
        expect(codes <= {"not_yours", "bad_call", "message_first", "bad_body", "bad_request", "ended"}, codes)
        for side in (alice, bob):
            side.ask("sync")
            expect(not side.events, side.events)
        states = alice.good("sync")["calls"]
        expect([(one["call"], one["st"]) for one in states] == [(call, "active")], states)
        answer = mallory.ask("call.cancel", own)
        rang_out = time.monotonic() - begun > 80 and answer["b"].get("end") == "no_answer"  # it rings for 90 s
        expect(answer["t"] == "ok" or rang_out, answer)


def test_accept_race():
    """14: all ten devices of an account accept at once: one has the call, the others hear so. (A hundred accepts by
    10,000 rounds in virtual time: test_ring, and of the whole core test_calls_rules.)"""
    with Server(config=QUICK) as server:
        server.friends("alice", "bob")
        policy(server, ("limit_pair", "off"), ("limit_pair_day", "off"), ("limit_calls_account", "off"),
               ("limit_calls_device", "off"), ("limit_frames", "off"))
        alice = device(server, "alice")
        devices = [device(server, "bob") for _ in range(10)]
        for _ in range(100 if LONG else 8):
            call, answer = alice.invite("bob")
            expect(answer["t"] == "ok", answer)
            frames = []
            for one in devices:
                one.event("call.incoming", fits=lambda event: event["call"] == call)
                frames.append(json.dumps({"t": "call.accept", "id": uuid.uuid4().hex, "call": call,
                                          "b": {"body": one.body("answer")}}))
            threads = [threading.Thread(target=one.socket.send, args=(frame,))
                       for one, frame in zip(devices, frames)]
            for thread in threads:
                thread.start()
            results = []
            for thread, one, frame in zip(threads, devices, frames):
                thread.join()
                wanted = json.loads(frame)["id"]
                while True:
                    got = one.socket.json()
                    expect(got, "no answer")
                    if got.get("re") == wanted:
                        break
                    one.events.append(got)
                results.append("ok" if got["t"] == "ok" else got["b"]["code"])
            expect(sorted(results) == ["lost_race"] * 9 + ["ok"], results)
            for one, result in zip(devices, results):
                if result != "ok":
                    state = one.state(call, "ended")
                    expect(state["b"]["end"] == "answered_elsewhere", state)
            alice.state(call, "accepted")
            alice.good("call.hangup", call)


def test_blocked_mid_call():
    """17: a block ends the call on both sides at once, as any hang-up; the phones stop; no relay credentials more."""
    with Server(config=[*QUICK, "ping_seconds = 25"], tls=True) as server:  # phones wait for them
        server.friends("alice", "bob")
        alice, bob = (Phone(server, name, token=server.account(name)) for name in ("alice", "bob"))
        alice.say("call bob")
        bob.event("incoming")
        bob.say("accept")
        alice.event("active")
        bob.event("active")
        bob.done("block alice")
        expect(alice.event("ended")["reason"] == "hangup", "it tells more than a hang-up does")
        bob.event("ended")
        alice.say("stats")
        expect("no such call" in alice.event("wrong")["text"], "media goes on")
        alice.say("call bob")
        expect(alice.event("refused")["code"] == "unavailable")
    with Server(config=[*QUICK, "turn = turn:192.0.2.9", "turn_secret_file = FOLDER/secret"],
                prepare=lambda folder: open(os.path.join(folder, "secret"), "w", encoding="ascii").write("s\n")) as server:
        server.friends("alice", "bob")
        alice, bob = device(server, "alice"), device(server, "bob")
        call, _ = alice.invite("bob")
        bob.event("call.incoming")
        connect(alice, bob, call)
        alice.good("turn.get", call)
        server.admin("block", "bob", "alice")
        alice.state(call, "ended")
        expect(alice.code("turn.get", call) == "ended")


def test_pushes_behind_the_gate():
    """18: refused invites of every kind wake nobody; one that rings wakes each device once."""
    with Server(config=[*QUICK, "push_command = cat > FOLDER/writing-$$; mv FOLDER/writing-$$ FOLDER/push-$$"]) as server:
        server.friends("alice", "bob")
        server.friends("mallory", "bob")
        server.account("stranger")
        for name in ("bob",):
            for number in range(3):
                one = device(server, name)
                one.good("push.reg", kind="fcm", token=f"wake-{number}")
                server.let_go(one)
        server.admin("block", "bob", "mallory")
        for name, wanted in (("mallory", "unavailable"), ("stranger", "message_first")):
            one = device(server, name)
            for _ in range(10):
                _, answer = one.invite("bob")
                expect(answer["b"]["code"] in (wanted, "try_later"), answer)
        found = lambda: glob.glob(os.path.join(server.folder, "push-*"))
        alice = device(server, "alice")
        call, answer = alice.invite("bob")
        alice.ask("call.invite", call, to="bob", media="a", body=alice.body("offer", call, "bob"))  # once more
        # Those of refused calls, and a second one of each device, would be there by the time that these are, or soon.
        wait_for("three pushes", lambda: len(found()) >= 3)
        time.sleep(0.5)
        pushes = []
        for path in found():
            with open(path, encoding="utf-8") as file:
                pushes.append(json.load(file))
        expect(sorted(push["token"] for push in pushes) == ["wake-0", "wake-1", "wake-2"], pushes)
        expect({push["call"] for push in pushes} == {call}, pushes)


def test_forged_rights():
    """20: what a client says of itself gives it no right: capabilities, versions, members that nobody asked for."""
    with Server(config=QUICK) as server:
        server.account("bob")
        server.admin("settings", "bob", "--allow", "verified")
        mallory = device(server, "mallory")
        server.admin("message", "mallory", "bob")
        server.admin("rollout", "calls.video", "--all", "0", "--paid", "100")
        policy(server, ("kill", "off"))
        forged = {"verified": True, "paid": True, "state": "active", "cohort": "paid", "rollout": {"calls.video": True},
                  "admin": True, "user": 1, "from": "bob"}
        mallory.socket.close()
        mallory.socket = server.connect()
        answer = mallory.ask("hello", token=mallory.token, key=mallory.key, client={"name": "x", "version": "99.0.0", **forged},
                             caps=["audio", "video", "verified", "paid", "calls.video"], **forged)
        expect(answer["t"] == "welcome", answer)
        for kind, members in (("perm.set", {"has_av_calls_enabled": True}), ("account.report", {"who": "bob", "why": "spam"})):
            mallory.ask(kind, **members, **{key: one for key, one in forged.items() if key != "user"})
        call = str(uuid.uuid4())
        for media, wanted in (("a", "unavailable"), ("v", "calls_not_enabled_for_you")):
            answer = mallory.ask("call.invite", call, to="bob", media=media, body=mallory.body("offer"), **forged)
            expect(answer["t"] == "err" and answer["b"]["code"] == wanted, answer)
        facts = server.admin("account", "mallory")[0]
        expect(facts["verified"] is False and facts["paid"] is False, facts)
        made = server.connect()
        made.send({"t": "account.create", "id": "1", "b": {"name": "sock", "password": "puppet puppet", **forged}})
        expect(made.json()["t"] == "ok")
        facts = server.admin("account", "sock")[0]
        expect(facts["verified"] is False and facts["paid"] is False, facts)


def saved_empty(server):
    """Buckets without a token, in the store: it writes them down now and then."""
    with contextlib.closing(sqlite3.connect(server.store, timeout=60)) as store:
        return store.execute("SELECT count(*) FROM bucket WHERE level < 1").fetchone()[0]


def test_limits_outlive():
    """21: a bucket is the account's: neither another connection, nor another device, nor a restart fills it."""
    with Server(config=QUICK) as server:
        server.account("bob")
        alice = device(server, "alice")
        policy(server, ("limit_messages", "5/36000"))
        sent = 0
        for _ in range(8):
            answer = alice.ask("msg.send", to="bob", text="hello")
            sent += answer["t"] == "ok"
            expect(answer["t"] == "ok" or (answer["b"]["code"] == "try_later" and answer["b"]["retry_ms"] > 0), answer)
        expect(sent == 5, sent)
        alice.reconnect()
        expect(alice.code("msg.send", to="bob", text="again") == "try_later")
        expect(device(server, "alice").code("msg.send", to="bob", text="again") == "try_later")
        wait_for("it is written down", lambda: saved_empty(server), every=0.2)
        server.signal(signal.SIGKILL)
        server.process.communicate()
        with Server(config=QUICK, folder=server.folder) as fresh:
            fresh.accounts = server.accounts
            alice.server = fresh
            alice.reconnect()
            expect(alice.code("msg.send", to="bob", text="again") == "try_later", "a restart fills the bucket")


def test_reports_restrict():
    """22: so many accounts report one: it may not call any more; one account counts once."""
    with Server(config=QUICK) as server:
        server.friends("mallory", "bob")
        policy(server, ("restrict_after_reports", "3"))
        mallory = device(server, "mallory")
        reporters = [device(server, f"reporter{i}") for i in range(3)]
        for _ in range(4):
            reporters[0].ask("account.report", who="mallory", why="spam")
        expect(mallory.invite("bob")[1]["t"] == "ok", "one account alone restricts another")
        mallory.events.clear()
        for one in reporters[1:]:
            one.good("account.report", who="mallory", why="harassment")
        _, answer = mallory.invite("bob")
        expect(answer["t"] == "err" and answer["b"]["code"] == "account_restricted", answer)
        expect(server.admin("account", "mallory")[0]["state"] == "restricted")


def test_message_edges():
    """23: only a message that was really sent counts as one; nothing else makes the edge that the gate asks for."""
    with Server(config=QUICK) as server:
        server.account("bob")
        server.admin("settings", "bob", "--allow", "everyone")
        mallory, bob = device(server, "mallory"), device(server, "bob")
        tries = (("msg.accept", {"from": "bob"}), ("msg.new", {"from": "bob", "to": "mallory", "text": "x"}),
                 ("msg.send", {"to": "bob", "text": ""}), ("msg.send", {"to": "bob"}),
                 ("msg.send", {"to": "bob", "text": "x" * 5000}), ("msg.send", {"to": "mallory", "text": "to myself"}),
                 ("dm_edge.set", {"who": "bob"}), ("edge.set", {"src": "mallory", "dst": "bob"}),
                 ("msg.send", {"to": "bob", "text": 7}), ("msg.list", {"with": "bob", "limit": 5}),
                 ("follow.set", {"who": "bob", "on": True}), ("contact.set", {"who": "bob", "on": True}))
        for kind, body in tries:
            mallory.ask(kind, **body)
            answer = mallory.ask("can_call", to="bob", media="a")
            expect(answer["b"].get("code") == "message_first", (kind, answer))
        expect(not [event for event in bob.events if event["t"] == "msg.new"], bob.events)
        mallory.good("msg.send", to="bob", text="a real one")
        expect(mallory.good("can_call", to="bob", media="a")["can"] is True)


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
