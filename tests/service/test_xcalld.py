#!/usr/bin/env python3
"""test_xcalld.py BUILD [TEST ...] - the whole program over TLS: sign-up, messages, a refused call, calls, a
kill -9 in the middle, the admin command beside it, pushes; and that nothing private is in logs, metrics or
pushes. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import resource
import signal
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from people import Device  # noqa: E402
from server import Server, expect, run_tests, wait_for  # noqa: E402

QUICK = ["hash_memory_mib = 8", "ping_seconds = 250"]  # who waits for others answers no ping meanwhile


def two(server):
    """alice and bob, who follow each other; alice has written to bob."""
    server.patient()
    alice, bob = Device(server, "alice"), Device(server, "bob")
    alice.good("follow.set", who="bob", on=True)
    bob.good("follow.set", who="alice", on=True)
    alice.good("msg.send", to="bob", text="hello bob")
    bob.event("msg.new")
    return alice, bob


def ring(alice, bob):
    call, answer = alice.invite("bob")
    expect(answer["t"] == "ok" and answer["b"]["st"] == "ringing", answer)
    incoming = bob.event("call.incoming")
    expect(incoming["call"] == call and incoming["b"]["from"] == "alice", incoming)
    return call


def connect(alice, bob, call):
    bob.good("call.alerting", call)
    accepted = bob.good("call.accept", call, body=bob.body("answer"))
    expect(accepted["st"] == "accepted", accepted)
    state = alice.state(call, "accepted")
    expect(state["b"]["body"]["type"] == "answer", state)
    for side in (alice, bob):
        side.good("call.media", call, state="up")
    alice.state(call, "active")
    bob.state(call, "active")


def test_conversations():
    """Who was away finds out who wrote; what one device has read is read on the other, also after a kill -9; nobody
    else hears of it; who deletes the account is gone from the list."""
    with Server(config=QUICK, tls=True) as server:
        alice, bob, carol = (Device(server, name) for name in ("alice", "bob", "carol"))
        alice.close()
        for writer, text in ((bob, "one"), (carol, "two"), (bob, "three")):
            writer.good("msg.send", to="alice", text=text)
        alice, desk = (Device(server, "alice", create=False) for _ in range(2))
        chats = alice.good("msg.chats")
        expect([(one["peer"], one["dir"], one["text"], one["unread"], one["request"]) for one in chats["chats"]] ==
               [("bob", "in", "three", 2, True), ("carol", "in", "two", 1, True)] and not chats["more"], chats)
        page = alice.good("msg.chats", limit=1)
        expect(page == {"chats": chats["chats"][:1], "more": True}, page)
        newest = page["chats"][0]["msg"]
        page = alice.good("msg.chats", limit=1, before=newest)
        expect(page == {"chats": chats["chats"][1:], "more": False}, page)
        expect(alice.good("msg.read", **{"with": "bob", "msg": newest}) == {})
        read = desk.event("msg.read")["b"]
        expect(read == {"with": "bob", "msg": newest}, read)
        alice.good("msg.accept", **{"from": "carol"})
        bob.none("msg.read")
        server.signal(signal.SIGKILL)
        server.process.communicate()
        with Server(config=QUICK, tls=True, folder=server.folder) as again:
            alice, bob = (Device(again, name, create=False) for name in ("alice", "bob"))
            chats = alice.good("msg.chats")["chats"]
            expect([(one["peer"], one["unread"], one["request"]) for one in chats] ==
                   [("bob", 0, True), ("carol", 1, False)], chats)
            expect([one["dir"] for one in bob.good("msg.chats")["chats"]] == ["out"])
            expect(alice.code("msg.read", **{"with": "nobody_here"}) == "no_such_account")
            bob.good("account.delete", password="correct horse battery")
            chats = alice.good("msg.chats")["chats"]
            expect([one["peer"] for one in chats] == ["carol"], chats)
            again.stop()


def test_call():
    with Server(config=QUICK, tls=True) as server:
        alice, bob = Device(server, "alice"), Device(server, "bob")
        alice.good("follow.set", who="bob", on=True)
        bob.good("follow.set", who="alice", on=True)
        _, refusal = alice.invite("bob")
        expect(refusal["t"] == "err" and refusal["b"]["code"] == "message_first", refusal)
        alice.good("msg.send", to="bob", text="may I call you?")
        expect(bob.event("msg.new")["b"]["text"] == "may I call you?")
        call = ring(alice, bob)
        connect(alice, bob, call)
        data = {"candidate": "candidate:1 1 udp 2130706431 192.0.2.1 4711 typ host", "sdpMid": "0",
                "sdpMLineIndex": 0, "usernameFragment": "abcd"}
        alice.good("sig", call, n=1, kind="cand", data=data)
        expect(bob.event("sig")["b"]["data"]["candidate"] == data["candidate"])
        alice.good("call.hangup", call)
        expect(bob.state(call, "ended")["b"]["end"] == "hangup")
        history = bob.good("history.list", limit=10)["calls"]
        expect(len(history) == 1 and history[0]["dir"] == "in" and not history[0]["missed"], history)
        # a wrong password, a second sign-in
        expect(Device(server, "alice", create=False).welcome["dev"] == 2)
        stranger = server.connect()
        stranger.send({"t": "account.sign_in", "id": "1", "b": {"name": "alice", "password": "wrong one"}})
        expect(stranger.json()["b"]["code"] == "bad_login")
        server.stop()


def test_who_leaves():
    """In a call: a device that says goodbye with its close frame has not vanished, one that is cut off has."""
    def vanished():
        return sum(value for name, value in server.metrics().items() if
                   name.startswith("xcalld_calls_devices_vanished_total"))

    with Server(config=QUICK, tls=True) as server:
        alice, bob = two(server)
        call = ring(alice, bob)
        connect(alice, bob, call)
        for goodbye in (True, False):
            before = bob.socket
            if goodbye:
                before.send(struct.pack("!H", 1001), 8)
                expect(before.closed() == 1001)
            before.close()
            wait_for("it is gone", lambda: server.metrics()["xcalld_sockets"] == 1)
            bob.socket = server.connect()
            expect(not bob.hello()["resume"])
            expect(vanished() == (0 if goodbye else 1), goodbye)
        alice.good("call.hangup", call)
        figures = server.admin("rollout", "calls.receive")[0]
        expect(figures["devices_vanished"] == 1 and figures["calls"] == 1, figures)
        expect(server.metrics()['xcalld_calls_ended_total{reason="hangup",media="audio",cohort="free"}'] == 1)
        server.stop()


def test_admin_beside_it():
    with Server(config=QUICK, tls=True) as server:
        alice, bob = two(server)
        explained = server.admin("explain", "alice", "bob")[0]
        expect(explained["verdict"] == "ring", explained)
        call = ring(alice, bob)
        connect(alice, bob, call)
        server.admin("block", "bob", "alice")
        expect(alice.state(call, "ended")["b"]["end"] == "hangup", "as any other hang-up")
        expect(alice.invite("bob")[1]["b"]["code"] == "unavailable")
        token = server.admin("token", "bob")[0]["token"]
        second = Device(server, "bob", token=token)
        expect(second.welcome["name"] == "bob")
        server.admin("device", "bob", "--revoke", str(second.welcome["dev"]))
        expect(second.socket.closed() == 4003)
        expect(bob.good("device.list")["devices"][0]["this"], "the other one is still there")
        server.admin("account", "alice", "--state", "suspended")
        expect(alice.socket.closed() == 4003)


def kill_and_restart(server, connect_again):
    server.signal(signal.SIGKILL)
    server.process.communicate()
    fresh = Server(config=QUICK, tls=True, folder=server.folder)
    for device in connect_again:
        device.server = fresh
        device.reconnect()
    return fresh


def test_kill_while_it_rings():
    with Server(config=QUICK, tls=True) as server:
        alice, bob = two(server)
        call = ring(alice, bob)
        with kill_and_restart(server, [alice, bob]) as fresh:
            again = bob.event("sync", fits=lambda event: event["b"]["calls"])
            expect(again["b"]["calls"][0]["call"] == call, again)
            expect(again["b"]["calls"][0]["ring_left_ms"] > 0, again)
            alice.event("sync", fits=lambda event: event["b"]["calls"])
            connect(alice, bob, call)
            alice.good("call.hangup", call)
            bob.state(call, "ended")
            fresh.stop()


def test_kill_mid_call():
    with Server(config=QUICK, tls=True) as server:
        alice, bob = two(server)
        call = ring(alice, bob)
        connect(alice, bob, call)
        with kill_and_restart(server, [alice, bob]) as fresh:
            again = alice.event("sync", fits=lambda event: event["b"]["calls"])
            expect(again["b"]["calls"][0]["st"] == "active", again)
            bob.event("sync", fits=lambda event: event["b"]["calls"])
            bob.good("call.hangup", call)
            expect(alice.state(call, "ended")["b"]["end"] == "hangup")
            fresh.stop()


def test_drain():
    with Server(config=[*QUICK, "drain_seconds = 3600"], tls=True) as server:
        alice, bob = two(server)
        call = ring(alice, bob)
        server.signal(signal.SIGTERM)
        expect(alice.event("goaway")["b"]["reconnect_in_ms"] > 0)
        expect(bob.good("call.accept", call, body=bob.body("answer"))["st"] == "accepted")
        carol = alice.invite("bob")[1]
        expect(carol["t"] == "err" and carol["b"]["code"] in ("try_later", "already_in_call"), carol)
        server.signal(signal.SIGTERM)  # the second ends it at once
        expect(alice.socket.closed() == 1012)
        server.stop(tell=False)


def may_grow(server, size):
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size if size else hard, hard))


def test_disk_full():
    """No file of it may grow: writers are told to come later, readers are served, and then all is well again."""
    with Server(config=QUICK) as server:
        alice, bob = two(server)
        expect(server.get("/readyz")[0] == 200)
        text, codes = "x" * 4000, []
        may_grow(server, 64 << 10)
        for _ in range(60):
            codes.append(alice.ask("msg.send", to="bob", text=text)["b"].get("code", "ok"))
            if codes[-1] != "ok":
                break
            time.sleep(0.1)
        expect(codes[-1] == "try_later", codes)
        wait_for("not ready", lambda: server.get("/readyz")[0] == 503)
        expect(server.get("/healthz")[0] == 200)
        for _ in range(3):
            alice.good("perm.get")
            alice.good("msg.list", **{"with": "bob"})
            expect(alice.code("msg.send", to="bob", text=text) == "try_later")
            time.sleep(0.5)
        expect(server.get("/readyz")[0] == 503)
        may_grow(server, 0)
        wait_for("ready", lambda: server.get("/readyz")[0] == 200)
        alice.good("msg.send", to="bob", text="there is room again")
        bob.event("msg.new", fits=lambda event: "room again" in event["b"]["text"])
        call = ring(alice, bob)
        connect(alice, bob, call)
        server.logs("batch_failed")
        server.logs("recovered")
        server.stop()


def test_deleted_beside_the_checkpoints():
    """An account that is deleted while it runs is nowhere in the store's files after a moment."""
    with Server(config=QUICK) as server:
        alice, bob = two(server)
        for number in range(50):
            alice.good("msg.send", to="bob", text=f"MARKER of alice {number} " + "x" * (number * 7))
            bob.good("msg.send", to="alice", text=f"bob's own {number}")

        def found():
            marked = False
            for end in ("", "-wal", "-shm"):
                with open(server.store + end, "rb") as file:
                    marked |= b"MARKER of alice" in file.read()
            return marked
        expect(found())
        alice.good("account.delete", password="correct horse battery")
        wait_for("nothing left of it", lambda: not found())
        bob.good("perm.set", silence_strangers=True)
        expect(not found())
        server.stop()


def test_deleted_and_killed():
    """kill -9 right after a big account was deleted: the next server goes on with it, beside the checkpoints, until
    nothing is left of it. For others it is gone from the answer on."""
    with Server(config=QUICK) as server:
        alice, bob = two(server)
        for limit in ("limit_messages", "limit_frames"):
            server.admin("policy", limit, "off")
        server.admin("policy", "message_floor_ms", "0")
        server.admin("policy", "message_jitter_ms", "0")
        server.followed()
        bob.close()  # it would have to read all of it
        for number in range(1500):
            alice.good("msg.send", to="bob", text=f"MARKER of alice {number} " + "x" * (number % 300))
        alice.good("account.delete", password="correct horse battery")
        server.signal(signal.SIGKILL)
        server.process.communicate()
        with Server(config=[*QUICK, "log_level = info"], folder=server.folder) as again:
            def found():
                marked = False
                for end in ("", "-wal", "-shm"):
                    with open(again.store + end, "rb") as file:
                        marked |= b"MARKER of alice" in file.read()
                return marked
            bob.server = again
            bob.reconnect()
            expect(bob.good("msg.chats")["chats"] == [])
            expect(bob.code("msg.list", **{"with": "alice"}) == "no_such_account")
            expect(bob.good("follow.list")["names"] == [])
            wait_for("its end", lambda: "account_erased" in [line["event"] for line in again.log_lines()],
                     seconds=60)
            wait_for("nothing left of it", lambda: not found(), seconds=60)
            expect(bob.good("msg.chats")["chats"] == [])
            again.stop()
            expect(not os.path.exists(again.store + "-wal") or not found())


def test_push_and_privacy():
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        with Server(config=[*QUICK, "log_level = info", f"push_command = cat >> {out}; echo >> {out}"],
                    tls=True) as server:
            alice, bob = two(server)
            secret = "the text of a message that nobody else may read"
            alice.good("msg.send", to="bob", text=secret)
            bob.good("push.reg", kind="fcm", token="wake-token-of-bob")
            server.let_go(bob)
            carol = Device(server, "carol")
            expect(carol.invite("bob")[1]["b"]["code"] == "message_first")
            call, answer = alice.invite("bob")
            expect(answer["t"] == "ok", answer)
            wait_for("a push", lambda: server.metrics()['xcalld_push_results_total{result="sent"}'])
            bob.reconnect()
            connect(alice, bob, call)
            alice.good("call.hangup", call)
            with open(out, encoding="utf-8") as file:
                pushes = [json.loads(line) for line in file if line.strip()]
            expect([push["call"] for push in pushes] == [call], pushes)
            expect(set(pushes[0]) == {"kind", "token", "call", "ring_left_ms"}, pushes)
            metrics = server.get("/metrics")[2]
            server.metrics()
            server.stop()
            with open(server.log, encoding="utf-8") as file:
                log = file.read()
            private = [secret, alice.token, bob.token, alice.key, bob.key, "127.0.0.1",
                       "correct horse", "0123456789abcdef01234567", "AB:AB"]
            for words in private:
                for place, text in (("log", log), ("metrics", metrics), ("push", json.dumps(pushes))):
                    expect(words not in text, f"{words} is in the {place}")
            for name in ("alice", "bob", "wake-token-of-bob"):
                expect(f'"{name}"' not in log and name not in metrics, f"{name}: {log}")


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
