#!/usr/bin/env python3
"""test_secrets.py BUILD [TEST ...] - whole sessions with known tokens, keys, addresses, texts and passwords; then the
log (at debug too), the metrics, the pushes, the command line and the bytes of the store are searched for them. TAP on
stdout.
SPDX-License-Identifier: MIT"""
import base64
import glob
import hashlib
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from people import Device, sdp  # noqa: E402
from server import Server, expect, run_tests, wait_for  # noqa: E402

SECRET = "a-secret-that-the-relay-has-too"
PASSWORDS = {"alice": "violet anchors drift 77", "bob": "seven copper lanterns 31"}
TEXT = "the parcel lies beneath the third oak"
WRONG = "a wrong guess of hers 5150"
FORWARDED = "198.51.100.77"
CANDIDATE = "192.0.2.213"


class Session:
    """Everything that a client can say, with its server still up."""

    def __init__(self, level):
        self.server = Server(config=["hash_memory_mib = 8", f"log_level = {level}", "trust_proxy = 127.0.0.1/32",
                                     "turn = turn:192.0.2.9:3478", "turn_secret_file = FOLDER/secret",
                                     "push_command = cat >> FOLDER/pushes; echo >> FOLDER/pushes"], tls=True,
                             prepare=self.prepare)
        self.private = {"password": list(PASSWORDS.values()) + [WRONG], "text": [TEXT], "relay's secret": [SECRET],
                        "address": [FORWARDED, CANDIDATE], "token": [], "key": [], "credential": [],
                        "push token": ["wake-me-1f0c9a"], "body": ["Wf3kPn7d", "AB:AB:AB"]}
        self.run()

    @staticmethod
    def prepare(folder):
        with open(os.path.join(folder, "secret"), "w", encoding="ascii") as file:
            file.write(SECRET + "\n")
        os.chmod(os.path.join(folder, "secret"), 0o600)

    def device(self, name, create):
        made = Device(self.server, name, password=PASSWORDS[name], create=create,
                      headers=[f"X-Forwarded-For: {FORWARDED}"])
        self.private["token"].append(made.token)
        self.private["key"].append(made.key)
        return made

    def run(self):
        alice, bob = self.device("alice", True), self.device("bob", True)
        second = self.device("bob", False)
        stranger = self.server.connect(headers=[f"X-Forwarded-For: {FORWARDED}"])
        stranger.send({"t": "account.sign_in", "id": "x", "b": {"name": "alice", "password": WRONG}})
        expect(stranger.json()["b"]["code"] == "bad_login")
        stranger.send({"t": "hello", "id": "y", "b": {"token": alice.token[:-2] + "AA", "key": alice.key}})
        stranger.closed()
        so_far = lambda: self.server.metrics()["xcalld_frames_in_total"]
        for malformed in (b"\xff\xfe", json.dumps({"t": TEXT}), json.dumps({"t": "msg.send", "b": TEXT})):
            broken, before = self.server.connect(), so_far()
            broken.send(malformed)
            wait_for("it is read", lambda: so_far() > before)
        alice.good("follow.set", who="bob", on=True)
        bob.good("follow.set", who="alice", on=True)
        alice.good("msg.send", to="bob", text=TEXT)
        bob.good("account.report", who="alice", why="other", text=TEXT)
        second.good("push.reg", kind="apns", token="wake-me-1f0c9a")
        self.server.let_go(second)
        for sdp_text in (sdp("offer") + f"a=candidate:1 1 udp 1 {CANDIDATE} 9 typ host\r\n",
                         sdp("offer").replace("0.0.0.0", CANDIDATE)):
            expect(alice.code("call.invite", "0d2c4e6f-8a1b-4c3d-9e5f-7a6b5c4d3e2f", to="bob", media="a",
                              body=alice.body("offer", "c", "bob", sdp_text)) == "bad_body")
        call = "6b1f9a52-0c3e-4d77-9a41-2f8e5d10c7aa"
        body = alice.body("offer", call, "bob", sdp("offer", "Wf3kPn7d"))
        self.private["body"].append(body["sig"])
        alice.good("call.invite", call, to="bob", media="a", body=body)
        credentials = alice.good("turn.get", call)
        self.private["credential"].append(credentials["credential"])
        bob.good("call.alerting", call)
        bob.good("call.accept", call, body=bob.body("answer", call, "alice"))
        for n, data in enumerate((f"candidate:1 1 udp 2130706431 {CANDIDATE} 9 typ host", "candidate:junk")):
            alice.ask("sig", call, n=n + 1, kind="cand", data={"candidate": data, "sdpMid": "0", "sdpMLineIndex": 0})
        alice.good("sig", call, n=9, kind="e2e", data=TEXT)
        for side in (alice, bob):
            side.good("call.media", call, state="up")
        alice.good("call.hangup", call)
        wait_for("the push", lambda: self.server.metrics()['xcalld_push_results_total{result="sent"}'])
        self.server.get("/nowhere", self.server.health)

    def read(self, name):
        path = os.path.join(self.server.folder, name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def close(self):
        self.server.__exit__()


def search(session, place, text, *kinds):
    for kind in kinds or session.private:
        for words in session.private[kind]:
            expect(words not in text, f"a {kind} is in the {place}: {words}")


def everywhere(level):
    session = Session(level)
    try:
        server = session.server
        metrics = server.get("/metrics")[2]
        with open(f"/proc/{server.process.pid}/cmdline", encoding="utf-8") as file:
            line = file.read()
        search(session, "metrics", metrics)
        search(session, "command line", line)
        pushes = session.read("pushes")
        search(session, "push", pushes.replace("wake-me-1f0c9a", ""))
        expect("wake-me-1f0c9a" in pushes and "alice" not in pushes, pushes)
        for name in ("alice", "bob"):
            expect(name not in metrics, name)
        errors = server.stop()
        search(session, "standard error", errors)
        log = session.read("log")
        search(session, f"log at {level}", log)
        expect(not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b", re.sub(r'"version":"[^"]*"', "", log)), "an address")
        return session, log
    except BaseException:
        session.close()
        raise


def test_info():
    session, log = everywhere("info")
    session.close()
    expect(log.count("\n") >= 3, "the log says nothing at all")
    expect('"alice"' not in log and '"bob"' not in log, "names of accounts are for debug only")


def test_debug():
    session, log = everywhere("debug")
    session.close()
    expect(log.count("\n") >= 3, "the log says nothing at all")


def test_store():
    """Tokens and passwords as they are in nobody's file; a text of a message is (the search finds things)."""
    session, _ = everywhere("info")
    try:
        data = b""
        for path in glob.glob(session.server.store + "*"):
            with open(path, "rb") as file:
                data += file.read()
        expect(TEXT.encode() in data, "the search would find nothing")
        for kind in ("password", "token", "relay's secret", "credential", "address"):
            for words in session.private[kind]:
                expect(words.encode() not in data, f"a {kind} is in the store")
                raw = base64.urlsafe_b64decode(words + "=") if kind == "token" else None
                expect(not raw or raw not in data, "a token's bytes are in the store")
        for token in session.private["token"]:
            raw = base64.urlsafe_b64decode(token + "=")
            expect(any(hashlib.sha256(one).digest() in data for one in (raw, token.encode())),
                   "the store knows no hash of the token")
        for password in PASSWORDS.values():
            for name in ("md5", "sha1", "sha256", "sha512"):
                digest = hashlib.new(name, password.encode())
                expect(digest.digest() not in data and digest.hexdigest().encode() not in data, name)
        expect(b"$argon2id$" in data)
        mode = os.stat(session.server.store).st_mode & 0o777
        expect(mode & 0o007 == 0, f"everybody may read the store: {mode:o}")
    finally:
        session.close()


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
