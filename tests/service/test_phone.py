#!/usr/bin/env python3
"""test_phone.py BUILD [TEST ...] - xcall-phone from a pipe: help and bad use, every command, refused calls, calls
with sound and pictures, hold, call waiting, the safety number, and what it does with a forged body. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ed25519  # noqa: E402
from people import Device, sdp  # noqa: E402
from phone import PHONE, Phone  # noqa: E402
from server import PATIENCE, Server, expect, make_certificate, run_tests, wait_for  # noqa: E402

QUICK = ["hash_memory_mib = 8"]


def run(*options, text=""):
    done = subprocess.run([PHONE, *options], capture_output=True, text=True, timeout=PATIENCE, input=text)
    return done.returncode, done.stdout, done.stderr


def pair(server, alice=(), bob=(), names=("alice", "bob")):
    server.friends(*names)
    return [Phone(server, name, *options, token=server.account(name))
            for name, options in zip(names, (alice, bob))]


def connect(alice, bob, video=False):
    alice.say(f"call {bob.name}" + (" video" if video else ""))
    expect(bob.event("incoming")["video"] == video)
    bob.say("accept")
    return alice.event("active"), bob.event("active")


def test_help():
    code, out, errors = run("--help")
    expect(code == 0 and not errors and "--token-file" in out and "exit:" in out, out + errors)


def test_bad_use():
    good = ["--url", "ws://127.0.0.1:1/xcall"]
    for options, word in (([], "--url"), ([*good, "--nonsense"], "--nonsense"), ([*good, "stray"], "stray"),
                          (["--url"], "--url"), ([*good, "--json=1"], "--json"),
                          ([*good, "--answer", "maybe"], "--answer"),
                          ([*good, "--size", "9"], "--size"), ([*good, "--fps", "x"], "--fps"),
                          ([*good, "--token-file", "/nowhere"], "/nowhere"),
                          ([*good, "--ca-file", "/nowhere"], "ca_file"),
                          ([*good, "--state", "/"], "state file cannot be read: it is none"),
                          ([*good, "--bind", "nowhere"], ""),
                          (["--url", "http://127.0.0.1/"], "wss://"),
                          (["--url", "ws://192.0.2.1/xcall"], "")):
        code, out, errors = run(*options)
        expect(code == 2 and word in errors and errors.startswith("xcall-phone: "),
               (options, code, out, errors))
        expect(errors.count("\n") == 1, (options, errors))


def test_unreachable():
    """No service there: the input's end ends it all the same, with code 1."""
    code, out, errors = run("--url", "ws://127.0.0.1:9/xcall", text="call bob\nnonsense\nquit\n")
    expect(code == 1 and "there is no such command" in out, (code, out, errors))


def test_commands():
    """Every request that is no call, as a person would do it; the words of --json and without."""
    with Server(config=QUICK, tls=True) as server:
        alice, bob = (Phone(server, name, password=f"correct horse {name}") for name in ("alice", "bob"))
        alice.done("message bob hello  there, bob")
        expect(bob.event("message")["text"] == "hello  there, bob")
        messages = alice.answer("messages bob")["messages"]
        expect([one["text"] for one in messages] == ["hello  there, bob"], messages)
        chats = bob.answer("chats")["chats"]
        expect([(one["peer"], one["text"], one["unread"], one["request"]) for one in chats]
               == [("alice", "hello  there, bob", 1, True)], chats)
        expect(alice.answer("chats")["chats"][0]["dir"] == "out")
        desk = Phone(server, "bob", token=server.admin("token", "bob")[0]["token"])
        bob.done("read alice")
        expect(desk.event("read")["from"] == "alice")
        expect(desk.answer("chats")["chats"][0]["unread"] == 0)
        expect(desk.finish("quit") == 0, desk.errors)
        for do, undo, what in (("follow", "unfollow", "follows"), ("contact", "uncontact", "contacts"),
                               ("block", "unblock", "blocks")):
            alice.done(f"{do} bob")
            expect(alice.answer(f"list {what}")["names"] == ["bob"])
            alice.done(f"{undo} bob")
            expect(alice.answer(f"list {what}")["names"] == [])
        kinds = {"everyone": "everyone", "verified": "verified", "following": "following",
                 "contacts": "addressbook"}
        for allowed in ("nobody", "everyone", "verified,contacts", "following,contacts"):
            got = alice.answer(f"allow {allowed}")
            for word, member in kinds.items():
                expect(got[f"accept_calls_from_{member}"] == (word in allowed.split(",")), got)
        expect(alice.answer("calls off")["has_av_calls_enabled"] is False)
        expect(alice.answer("calls on")["has_av_calls_enabled"] is True)
        expect(alice.answer("privacy on")["has_enhanced_call_privacy_enabled"] is True)
        alice.answer("privacy off")
        expect(alice.answer("settings")["epoch"] >= 6)
        expect(bob.answer("can alice") == {"can": False, "code": "message_first"})
        alice.done("follow bob")
        bob.done("message alice hi", "report alice spam")
        expect(bob.answer("can alice video")["can"] is True)
        expect(alice.answer("history")["calls"] == [])
        second = Phone(server, "alice", token=server.admin("token", "alice")[0]["token"])
        devices = alice.answer("devices")["devices"]
        expect([one["dev"] for one in devices] == [1, 2], devices)
        alice.done("revoke 2")
        second.event("signed_out")
        expect(second.finish() == 1 and "revoked" in second.errors, second.errors)
        alice.say("sign-out")
        alice.event("signed_out")
        alice.say("sign-in alice", "correct horse wrong")
        expect(alice.event("signed_out")["error"] == "bad_login")
        alice.say("sign-in alice", "correct horse alice")
        alice.event("online")
        expect(bob.finish("quit") == 0, bob.errors)
        expect(alice.finish() == 1, "a wrong password is told by the exit code")


def test_wrong_commands():
    with Server(config=QUICK, tls=True) as server:
        for line, said in (("nonsense", "no such command"), ("call", "NAME"), ("message bob", "TEXT"),
                           ("accept", "no such call"), ("hangup", "no such call"), ("calls maybe", "on or off"),
                           ("allow friends", "nobody, or any of"), ("allow nobody,everyone", "nobody, or any of"),
                           ("accept foo", "accept hold"), ("decline gently", "decline busy"),
                           ("list enemies", "follows"),
                           ("wait rain", "wait SECONDS"), ("wait -1", "wait SECONDS"),
                           ("stats", "no such call"), ("call bob loud", "video")):
            name = f"person_{line.split()[0]}_{len(line)}"
            phone = Phone(server, name, token=server.account(name))
            phone.say(line)
            expect(said in phone.event("wrong")["text"], line)
            expect(phone.finish() == 1, line)
        phone = Phone(server, "alice", token=server.account("alice"))
        expect(phone.finish("# a remark", "", "   ", "wait ringing 0.2") == 1)
        expect('waited in vain for "ringing"' in phone.errors, phone.errors)
        phone = Phone(server, "alice", token=server.account("alice"))
        expect(phone.finish("x" * 1200000) == 1 and "too long" in phone.errors, phone.errors[:200])
        phone = Phone(server, "alice", token=server.account("alice"))
        phone.say("message nobody.there hello")
        code = phone.event("error")["code"]
        expect(code == "no_such_account" and phone.finish() == 1, code)


def test_refused():
    """A script for people: the sentence is there, and the exit code of a script that went through is 0."""
    with Server(config=QUICK, tls=True) as server:
        server.account("bob")
        path = os.path.join(server.folder, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(json.dumps({"token": server.account("alice")}))
        options = ["--url", server.url, "--ca-file", server.cert, "--token-file", path, "--state",
                   os.path.join(server.folder, "state")]
        code, out, errors = run(*options, text="call bob\nwait refused 50\n")
        expect(code == 0 and not errors, (code, out, errors))
        expect(re.search(r"^refused: message_first: Write to this person first\.$", out, re.M), out)
        server.admin("message", "alice", "bob")
        code, out, errors = run(*options, text="call bob\nwait refused 50\n")
        expect(re.search(r"^refused: unavailable: .{10,}", out, re.M), out)
        code, out, errors = run(*options, text="call alice\nwait refused 50\n")
        expect("refused: self: " in out, out)


def test_refused_alone():
    """No wait behind it: what became of the call is still heard, and the exit code says it."""
    with Server(config=QUICK) as server:
        server.account("bob")
        path = os.path.join(server.folder, "alice.token")
        with open(path, "w", encoding="ascii") as file:
            file.write(server.account("alice"))
        options = ["--url", server.url, "--token-file", path]
        code, out, errors = run(*options, text="call bob\n")
        expect(code == 1 and "refused: message_first: " in out, (code, out, errors))
        code, out, errors = run(*options, text="call bob\nwait answer 0.2\nwait refused 10\n")
        expect("refused: message_first: " in out and "in vain" in errors, (code, out, errors))
        server.friends("alice", "bob")
        code, out, errors = run(*options, text="call bob\nhangup\n")
        expect(code == 0 and "calling bob" in out and "cancelled" in out, (code, out, errors))


def test_token_file():
    """A token's file does more than once, and a new token in it is a new device; a key that went is told."""
    with Server(config=QUICK) as server:
        path = os.path.join(server.folder, "alice.token")

        def use(state=None):
            with open(path, "w", encoding="ascii") as file:
                file.write(json.dumps({"token": token}))
            return run("--url", server.url, "--token-file", path, *(["--state", state] if state else []),
                       text="settings\n")

        for dev in (1, 2):
            token = server.account("alice")
            for _ in range(2):
                code, out, errors = use()
                expect(code == 0 and "online as alice" in out and not errors, (code, out, errors))
            expect(server.admin("account", "alice")[0]["devices"] == dev)
        expect(stat.S_IMODE(os.stat(path + ".state").st_mode) == 0o600)
        code, out, errors = use(os.path.join(server.folder, "other"))
        expect(code == 1 and "key_mismatch: This sign-in belongs to another device" in out and
               "xcalld admin token" in errors and "you are not signed in" in out, (code, out, errors))


def test_certificate_in_words():
    """Why a service is not trusted: OpenSSL's words, not a number."""
    with Server(config=QUICK, tls=True) as server:
        other, _ = make_certificate(server.folder, prefix="other-")
        process = subprocess.Popen([PHONE, "--url", server.url, "--ca-file", other], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write("sign-in alice\ncorrect horse alice\n")
        process.stdin.flush()
        line = process.stdout.readline()
        process.kill()
        process.communicate()
        expect(re.match("offline: the service's certificate is not good: .*certificate", line), line)


def test_signing_in_order():
    """Signed in already, or out, a line is answered for what it is; a line that is too long for a frame too."""
    with Server(config=QUICK) as server:
        out = run("--url", server.url, text="sign-up alice\ncorrect horse alice\nsign-in alice\nx\nsettings\n"
                                            f"message bob {'x' * 20000}\ndevices\nsign-out\nsettings\n")
        lines = [line for line in out[1].splitlines() if not line.startswith("  ")]
        expect(out[0] == 1 and lines == ["online as alice", "you are signed in already: sign-out comes first",
               "an argument is out of its range", "devices:", "signed_out",
               "you are not signed in: sign-in NAME, or sign-up NAME; the next line is the password"], out)


def wav_level(path):
    """Root mean square of 16-bit samples."""
    with open(path, "rb") as file:
        data = file.read()[44:]
    samples = struct.unpack(f"<{len(data) // 2}h", data[:len(data) // 2 * 2])
    return len(samples) / 48000, (sum(one * one for one in samples) / max(1, len(samples))) ** 0.5


def test_sound_and_pictures():
    with Server(config=QUICK, tls=True) as server:
        file = lambda name: os.path.join(server.folder, name)
        alice, bob = pair(server, ["--audio-in", "tone:440", "--video-in", "pattern", "--size", "320x240",
                                   "--stats", file("a.json"), "--audio-out", file("a.wav"),
                                   "--stats-series", file("a.jsonl")],
                          ["--audio-in", "tone:660", "--video-in", "pattern", "--answer", "yes",
                           "--stats", file("b.json"), "--audio-out", file("b.wav"),
                           "--video-out", file("b.y4m"), "--record", file("b.webm"), "--size", "320x240"])
        alice.say("call bob video")
        alice.event("active")
        bob.event("active")
        for phone in (alice, bob):
            wait_for(f"{phone.name} hears and sees", lambda: min(phone.received()[0] - 100, phone.received()[1] - 30) > 0,
                     every=0.1)
        alice.say("hangup")
        alice.event("ended")
        bob.event("ended")
        expect((alice.finish(), bob.finish()) == (0, 0), alice.errors + bob.errors)
        for name in "ab":
            with open(file(f"{name}.json"), encoding="utf-8") as text:
                stats = json.load(text)
            expect(stats["audio_received"]["packets_received"] > 80, stats["audio_received"])
            expect(stats["video_received"]["frames_decoded"] > 30, stats["video_received"])
            seconds, level = wav_level(file(f"{name}.wav"))
            expect(seconds > 1 and level > 1000, (seconds, level))
        with open(file("b.y4m"), "rb") as pictures:
            expect(pictures.read(200).startswith(b"YUV4MPEG2 W320 H240"))
        expect(os.path.getsize(file("b.webm")) > 20000)


def test_seconds():
    """Hung up by itself after that time."""
    with Server(config=QUICK, tls=True) as server:
        alice, bob = pair(server, ["--seconds", "1"], ["--answer", "yes"])
        alice.say("call bob")
        bob.event("active")
        expect(bob.event("ended")["reason"] == "hangup")
        expect(alice.event("ended")["reason"] == "hangup")
        expect((alice.finish(), bob.finish()) == (0, 0), alice.errors + bob.errors)


def test_no_sound_is_told():
    """A file that cannot be read: the call ends, the exit code says so, the other phone is fine."""
    with Server(config=QUICK, tls=True) as server:
        alice, bob = pair(server, ["--audio-in", os.path.join(server.folder, "none.wav")])
        alice.say("call bob")
        bob.event("incoming")
        bob.say("accept")
        bob.event("ended")
        expect(alice.finish() == 1 and "none.wav" in alice.errors, alice.errors)
        expect(bob.finish() == 0, bob.errors)


def test_in_the_call():
    """Hold and its end, mute, camera, DTMF, figures, in a video call; then an audio call of the same phones."""
    with Server(config=QUICK, tls=True) as server:
        alice, bob = pair(server)
        connect(alice, bob, video=True)
        numbers = []
        for phone in (alice, bob):
            phone.say("safety")
            numbers.append(phone.event("safety")["number"])
        expect(numbers[0] == numbers[1] and re.fullmatch(r"\d{5}( \d{5}){11}", numbers[0]), numbers)
        alice.say("mute on", "camera off", "dtmf 12#", "mute off", "camera on")

        def a_second():
            before = bob.received()[0]
            time.sleep(1)
            return bob.received()[0] - before
        wait_for("sound", lambda: alice.received()[0] > 20, every=0.1)
        alice.say("hold")
        wait_for("a second of nearly nothing on hold", lambda: a_second() < 8)
        alice.say("unhold")
        wait_for("sound again", lambda: a_second() > 15)
        bob.say("hangup")
        expect(alice.event("ended")["reason"] == "hangup" and bob.event("ended")["reason"] == "hangup", "hangup")
        connect(bob, alice)
        alice.say("wait 0.5", "hangup")
        bob.event("ended")
        calls = alice.answer("history")["calls"]
        expect([(call["dir"], call["media"], call["missed"]) for call in calls] ==
               [("in", "a", False), ("out", "v", False)], calls)
        expect((alice.finish(), bob.finish()) == (0, 0), alice.errors + bob.errors)


def test_not_taken():
    """Declined, busy, cancelled: what each side says, and the history of it."""
    with Server(config=QUICK, tls=True) as server:
        alice, bob = pair(server)
        for line, reason in (("decline", "declined"), ("decline busy", "busy")):
            alice.say("call bob")
            bob.event("incoming")
            alice.event("ringing")
            bob.say(line)
            expect(alice.event("ended")["reason"] == reason, line)
            bob.event("ended")
        bob.say("call alice")
        alice.event("incoming")
        bob.say("hangup")
        expect(alice.event("ended")["reason"] == "cancelled")
        expect(bob.event("ended")["reason"] == "cancelled")
        calls = alice.answer("history")["calls"]
        expect([(call["dir"], call["end"], call["missed"]) for call in calls] ==
               [("in", "cancelled", True), ("out", "busy", False), ("out", "declined", False)], calls)
        expect((alice.finish(), bob.finish()) == (0, 0), alice.errors + bob.errors)


def test_call_waiting():
    """While bob is in a call the service tells a third that he is busy. Two that ring at once: he takes one, with
    --waiting the other rings on, and he takes that in its place."""
    with Server(config=QUICK, tls=True) as server:
        server.friends("alice", "bob", "carol")
        alice, bob, carol = (Phone(server, name, *options, token=server.account(name))
                             for name, options in (("alice", ()), ("bob", ("--waiting",)), ("carol", ())))
        connect(alice, bob)
        carol.say("call bob")
        expect(carol.event("ended")["reason"] == "busy")
        bob.none("incoming", 0.3)
        bob.say("hangup")
        alice.event("ended")
        bob.event("ended")
        alice.say("call bob")
        bob.event("incoming", **{"from": "alice"})
        carol.say("call bob")
        bob.event("incoming", **{"from": "carol"})
        bob.say("accept")
        expect(bob.event("active")["peer"] == "carol", bob.all)
        carol.event("active")
        bob.say("accept end")
        expect(bob.event("active")["peer"] == "alice", bob.all)
        alice.event("active")
        # by the service, or before that by the media's own end
        expect(carol.event("ended")["reason"] in ("superseded", "hangup"), carol.all)
        alice.say("hangup")
        bob.event("ended", peer="carol")
        bob.event("ended", peer="alice")
        missed = [call["peer"] for call in bob.answer("history")["calls"] if call["missed"]]
        expect(missed == ["carol"], missed)
        expect((alice.finish(), bob.finish(), carol.finish()) == (0, 0, 0),
               alice.errors + bob.errors + carol.errors)


def test_state_file():
    """Signed in again at the next start, with the same key; nobody else may read the file."""
    with Server(config=QUICK, tls=True) as server, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state")
        phone = Phone(server, "alice", "--state", path, password="correct horse 1")
        expect(phone.finish() == 0, phone.errors)
        expect(stat.S_IMODE(os.stat(path).st_mode) == 0o600)
        phone = Phone(server, "alice", "--state", path)
        expect(phone.event("online")["name"] == "alice")
        expect([one["dev"] for one in phone.answer("devices")["devices"]] == [1])
        phone.say("sign-out")
        phone.event("signed_out")
        expect(phone.finish() == 0, phone.errors)
        phone = Phone(server, "alice", "--state", path)
        phone.say("call bob")
        phone.event("wrong")
        expect(phone.finish() == 1)


def test_safety_number_and_signature():
    """The number against one that is computed here; a phone's offer bears the signature of its key."""
    with Server(config=QUICK, tls=True) as server:
        server.friends("alice", "bob")
        bob = Device(server, "bob", token=server.account("bob"))
        alice = Phone(server, "alice", token=server.account("alice"))
        alice.say("call bob")
        incoming = bob.event("call.incoming")
        call, offer = incoming["call"], incoming["b"]["body"]
        expect(ed25519.body_fits(offer, call, "alice", "bob"), "the offer's signature")
        expect(not ed25519.body_fits(offer, call, "alice", "carol"), "it names the callee")
        bob.good("call.accept", call, body=bob.body("answer", call, "alice"))
        alice.event("connecting")
        alice.say("safety")
        wanted = ed25519.safety_number((offer["key"], "alice"), (bob.key, "bob"))
        expect(alice.event("safety")["number"] == wanted, wanted)
        bob.good("call.hangup", call)
        alice.event("ended")


def test_forged_bodies():
    """A fingerprint, ufrag or key that the signature does not cover ends the call, in both directions."""
    with Server(config=QUICK, tls=True) as server:
        server.friends("alice", "bob")
        server.admin("policy", "limit_pair", "off")
        bob = Device(server, "bob", token=server.account("bob"))
        alice = Phone(server, "alice", token=server.account("alice"))
        text = sdp("answer")
        forged = (lambda call: bob.body("answer"),  # a signature of random bytes
                  lambda call: {**bob.body("answer", call, "alice"), "sdp": text.replace("AB:AB", "AB:AC", 1)},
                  lambda call: {**bob.body("answer", call, "alice"), "sdp": text.replace("abcd", "abce")},
                  lambda call: bob.body("answer", call[:-1] + ("0" if call[-1] != "0" else "1"), "alice"),
                  lambda call: bob.body("answer", call, "alicf"))
        for make in forged:
            alice.say("call bob")
            call = bob.event("call.incoming")["call"]
            bob.good("call.accept", call, body=make(call))
            expect(alice.event("ended")["reason"] == "security")
            bob.state(call, "ended")
        call, answer = bob.invite("alice")
        expect(answer["t"] == "ok", answer)
        alice.event("incoming")
        alice.say("hangup")
        bob.state(call, "ended")
        call = "5f3a2b1c-0d4e-4f60-8a7b-9c8d7e6f5a4b"
        bob.good("call.invite", call, to="alice", media="a", body=bob.body("offer"))
        alice.none("incoming", 1)
        expect(bob.state(call, "ended")["b"]["end"] in ("declined", "unsupported", "no_answer", "hangup"))


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
