#!/usr/bin/env python3
"""test_relayed.py BUILD [TEST ...] - calls through Debian's coturn, configured as docs/xcalld.md recommends, between
people in network namespaces of their own; a capture on each side shows that no packet goes to anybody but the
relay and the service. What coturn and the service refuse. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import re
import shutil
import sys
import tempfile
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spaces  # noqa: E402
from people import Device, sdp  # noqa: E402
from phone import Phone  # noqa: E402
from server import Server, expect, run_tests, wait_for  # noqa: E402
from spaces import PORT, RELAY, SERVICE, Capture, Relay, Space  # noqa: E402
from turn import Turn  # noqa: E402
from web_browser import Chromium, alone, need  # noqa: E402
from web_driver import Tab  # noqa: E402

LONG_PORT = 3479  # of the relay whose nonces and allocations are short


class Service(Server):
    """xcalld at the service's address; with a relay unless port is 0."""

    def __init__(self, config=(), port=PORT):
        folder = tempfile.mkdtemp(prefix="xcalld-")
        secret = spaces.service_folder(folder)
        turn = [f"turn = turn:{RELAY}:{port}?transport=udp", f"turn_secret_file = {secret}"] if port else []
        super().__init__(config=["hash_memory_mib = 8", "page = on", *turn, *config], tls=True,
                         folder=folder, address=SERVICE)
        self.own = True

    def phone(self, name, *options, space=None):
        return Phone(self, name, *options, token=self.account(name), bind=None,
                     prefix=Space.of(space or name).prefix)

    def strangers(self, *names):
        """They have written to each other and take everybody's calls, but nobody follows anybody."""
        self.patient()
        for name in names:
            self.account(name)
            self.admin("settings", name, "--allow", "everyone")
        for one in names:
            for other in names:
                if one != other:
                    self.admin("message", one, other)


class Two:
    """alice and bob in their spaces, with a capture of each; .ring() and .call() place a call."""

    def __init__(self, service, alice=(), bob=()):
        self.captures = {name: Capture(Space.of(name)) for name in ("alice", "bob")}
        self.alice = service.phone("alice", *alice)
        self.bob = service.phone("bob", *bob)

    def call(self, packets=0, video=False, of=("alice", "bob")):
        """Until alice has heard (and seen) enough, and so many packets of these went to the relay."""
        def enough():
            heard, seen = self.alice.received()
            return heard > 80 and (not video or seen > 20) and all(
                self.captures[name].so_far() >= packets for name in of)
        self.alice.say("call bob" + (" video" if video else ""))
        self.bob.event("incoming")
        self.bob.say("accept")
        active = self.alice.event("active"), self.bob.event("active")
        wait_for("sound" + (" and pictures" if video else ""), enough, every=0.1)
        figures = self.alice.stats()
        self.alice.say("hangup")
        self.bob.event("ended")
        self.alice.event("ended")
        codes = self.alice.finish(), self.bob.finish()
        expect(codes == (0, 0), (codes, self.alice.errors, self.bob.errors))
        return active, figures

    def check_hidden(self, packets_min):
        for name, capture in self.captures.items():
            strange = capture.strange(PORT)
            expect(not strange, f"{name} sent to others than the relay: {strange}")
            expect(capture.relayed() >= packets_min, f"{name}: {capture.flows}")
        own = {name: Space.of(name).address for name in self.captures}
        for name, other in (("alice", "bob"), ("bob", "alice")):
            flows = self.captures[name].flows
            expect(not any(flow[1] == own[other] for flow in flows), flows)


def test_strangers_are_relayed():
    """Policy auto with a relay: sound and pictures, every packet by way of it."""
    with Service() as service, Relay(service.folder):
        service.strangers("alice", "bob")
        explained = service.admin("explain", "alice", "bob")[0]
        expect(explained["verdict"] == "ring" and explained["relay"] is True, explained)
        two = Two(service)
        active, figures = two.call(200, video=True)
        expect(active[0]["relay"] and active[1]["relay"], active)
        expect(figures["local_candidate_type"] == "relay", figures["local_candidate_type"])
        expect(figures["remote_candidate_type"] == "relay", figures["remote_candidate_type"])
        two.check_hidden(200)


def test_friends_are_not():
    """The same between people who follow each other is direct: the captures see what they are to see."""
    with Service() as service, Relay(service.folder):
        service.friends("alice", "bob")
        two = Two(service)
        active, figures = two.call()
        expect(not active[0]["relay"], active)
        expect(figures["local_candidate_type"] in ("host", "prflx"), figures["local_candidate_type"])
        expect(two.captures["alice"].strange(PORT), "check_hidden finds nothing wrong with direct packets")


def test_enhanced_privacy():
    """An account's own setting relays the calls of friends too, whichever side has it."""
    for who in ("alice", "bob"):
        with Service() as service, Relay(service.folder):
            service.friends("alice", "bob")
            service.admin("settings", who, "--enhanced-privacy", "on")
            two = Two(service)
            active, _ = two.call(80)
            expect(active[0]["relay"] and active[1]["relay"], active)
            two.check_hidden(80)


def test_policy_off():
    with Service() as service, Relay(service.folder):
        service.strangers("alice", "bob")
        service.admin("policy", "relay_strangers", "off")
        active, _ = Two(service).call()
        expect(not active[0]["relay"], active)


def test_phone_alone_wants_it():
    """--relay-only: the caller's own packets go by the relay only; the other side may send where it likes."""
    with Service() as service, Relay(service.folder):
        service.friends("alice", "bob")
        two = Two(service, alice=["--relay-only"])
        two.call(81, of=("alice", ))
        strange = two.captures["alice"].strange(PORT)
        expect(not strange and two.captures["alice"].relayed() > 80, strange)
        expect(not any(flow[1] == Space.of("alice").address
                       for flow in two.captures["bob"].stop()), "bob knows alice's address")


def test_without_a_relay():
    """auto: warned of, direct. on: refused. Enhanced privacy: refused, never weakened."""
    with Service(port=0) as service:
        wait_for("a warning", lambda: [line for line in service.log_lines() if line["level"] == "warning"
                                       and line["event"] == "strangers_not_relayed"])
        expect(service.metrics()["xcalld_strangers_not_relayed"] == 1)
        service.strangers("alice", "bob")
        active, _ = Two(service).call()
        expect(not active[0]["relay"], active)
    with Service(port=0) as service:
        service.strangers("alice", "bob")
        service.admin("policy", "relay_strangers", "on")
        alice = service.phone("alice")
        alice.say("call bob")
        expect(alice.event("refused")["code"] == "relay_unavailable")
        service.friends("alice", "bob")
        alice.say("can bob")
        for who in ("alice", "bob"):
            service.admin("settings", who, "--enhanced-privacy", "on")
            alice.say("call bob")
            expect(alice.event("refused")["code"] == "relay_unavailable", who)
            service.admin("settings", who, "--enhanced-privacy", "off")


def test_relay_is_dead():
    """Configured, but nobody there: the call ends so, it does not fall back to a direct one."""
    with Service() as service:
        Space.of("relay")
        service.strangers("alice", "bob")
        two = Two(service)
        two.alice.say("call bob")
        two.bob.event("incoming")
        two.bob.say("accept")
        ends = [phone.event("ended", seconds=120)["reason"] for phone in (two.alice, two.bob)]
        # What the other end sees of it is failed_connect (docs/protocol.md section 4).
        expect("relay_unavailable" in ends and
               set(ends) <= {"relay_unavailable", "failed_connect"}, ends)
        two.check_hidden(1)


def joined(service, names=("mallory", "bob")):
    """A hostile device (its own program) in a relayed call with a phone."""
    service.strangers(*names)
    mallory = Device(service, names[0], token=service.account(names[0]))
    return mallory, service.phone(names[1])


def candidate(address, kind="host", port=40000, tail=""):
    return {"candidate": f"candidate:1 1 udp 2130706431 {address} {port} typ {kind}{tail}",
            "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "abcd"}


def test_hostile_caller():
    """Abuse 6 and 7: nothing of bob before the accept; candidates of other types are not let through, and one
    that says relay makes bob send by his relay only. mallory never hears an address of bob's."""
    with Service() as service, Relay(service.folder):
        mallory, bob = joined(service)
        capture = Capture(Space.of("bob"))
        trap = Space.of("mallory").socket()
        trap.bind((Space.of("mallory").address, 40000))
        trap.settimeout(0.2)
        call, answer = mallory.invite("bob")
        expect(answer["t"] == "ok" and answer["b"]["relay"] is True, answer)
        bob.event("incoming")
        for n, kind in enumerate(("host", "srflx", "prflx")):
            mallory.ask("sig", call, n=n, kind="cand", data=candidate(Space.of("mallory").address, kind))
        offer = mallory.body("offer", call, "bob", sdp("offer") + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n")
        expect(mallory.code("call.invite", str(uuid.uuid4()), to="bob", media="a", body=offer) == "bad_body")
        time.sleep(1)
        heard = [event for event in mallory.events if event["t"] not in ("call.state", "sync")]
        expect(not heard and all("body" not in event["b"] for event in mallory.events), mallory.events)
        bob.say("accept")
        answer = mallory.state(call, "accepted")["b"]["body"]["sdp"]
        expect("a=candidate" not in answer and Space.of("bob").address not in answer, answer)
        relayed = candidate(Space.of("mallory").address, "relay", tail=" raddr 0.0.0.0 rport 0")
        for n, data in enumerate((candidate(Space.of("mallory").address),
                                  candidate(Space.of("mallory").address, "relay",
                                            tail=" raddr 203.0.113.99 rport 9")), 10):
            expect(mallory.code("sig", call, n=n, kind="cand", data=data) == "bad_body", data)
        mallory.good("sig", call, n=20, kind="cand", data=relayed)
        sources, until = set(), time.monotonic() + 6
        while time.monotonic() < until and not sources:
            try:
                sources.add(trap.recvfrom(1500)[1][0])
            except OSError:
                continue
        expect(sources <= {RELAY}, sources)
        seen = [event["b"]["data"].get("candidate", "") for event in mallory.events if event["t"] == "sig"]
        expect(all(" typ relay" in line and Space.of("bob").address not in line for line in seen if line), seen)
        mallory.good("call.hangup", call)
        bob.event("ended")
        strange = capture.strange(PORT)
        expect(not strange, strange)


def test_hostile_callee():
    """The other way round: bob's program is the hostile one, alice's phone is the caller."""
    with Service() as service, Relay(service.folder):
        service.strangers("alice", "mallory")
        mallory = Device(service, "mallory", token=service.account("mallory"))
        alice = service.phone("alice")
        capture = Capture(Space.of("alice"))
        alice.say("call mallory")
        incoming = mallory.event("call.incoming")
        call, offer = incoming["call"], incoming["b"]["body"]["sdp"]
        expect("a=candidate" not in offer and Space.of("alice").address not in offer, offer)
        before = mallory.body("answer", call, "alice",
                              sdp("answer") + f"a=candidate:1 1 udp 1 {Space.of('mallory').address} 9 typ host\r\n")
        expect(mallory.code("call.accept", call, body=before) == "bad_body")
        mallory.good("call.accept", call, body=mallory.body("answer", call, "alice"))
        alice.event("connecting")
        expect(mallory.code("sig", call, n=1, kind="cand", data=candidate(Space.of("mallory").address)) ==
               "bad_body")
        nego = mallory.body("offer", call, "alice", before["sdp"])
        expect(mallory.code("sig", call, n=2, kind="nego", data=nego) == "bad_body")
        seen = mallory.event("sig", fits=lambda event: event["b"]["data"]["candidate"])["b"]["data"]["candidate"]
        expect(" typ relay" in seen and "raddr 0.0.0.0 rport 0" in seen, seen)
        mallory.good("call.hangup", call)
        alice.event("ended")
        strange = capture.strange(PORT)
        expect(not strange, strange)


def test_credentials():
    """Abuse 15: only for a device of a ringing or live call; four allocations a person and no more."""
    with Service() as service, Relay(service.folder):
        service.strangers("alice", "bob", "carol")
        alice, bob, carol = (Device(service, name, token=service.account(name))
                             for name in ("alice", "bob", "carol"))
        for call in (str(uuid.uuid4()),):
            expect(alice.code("turn.get", call) == "not_yours")
        call, answer = alice.invite("bob")
        expect(answer["t"] == "ok", answer)
        bob.event("call.incoming")
        expect(carol.code("turn.get", call) == "not_yours")
        given = alice.good("turn.get", call)
        expect(given["urls"] == [f"turn:{RELAY}:{PORT}?transport=udp"] and given["ttl_s"] == 600, given)
        expect("alice" not in given["username"], given["username"])
        expect(bob.good("turn.get", call)["username"].split(":")[1] != given["username"].split(":")[1])
        space = Space.of("mallory")
        asked = [Turn((RELAY, PORT), given["username"], given["credential"], space.socket())
                 for _ in range(5)]
        codes = [one.allocate() for one in asked]
        expect(codes == [0, 0, 0, 0, 486], codes)
        other = bob.good("turn.get", call)
        fifth = Turn((RELAY, PORT), other["username"], other["credential"], space.socket())
        expect(fifth.allocate() == 0, "bob's quota is his own")
        wrong = Turn((RELAY, PORT), given["username"], "guessed", space.socket())
        expect(wrong.allocate() == 401)
        later = f"{int(time.time()) + 99999}:{given['username'].split(':')[1]}"
        expect(Turn((RELAY, PORT), later, given["credential"], space.socket()).allocate() == 401)
        alice.good("call.cancel", call)
        expect(alice.code("turn.get", call) == "ended")
        expect(bob.code("turn.get", call) in ("ended", "not_yours"))


def test_denied_peers():
    """Abuse 15: no way into networks behind the relay, by permission or by channel; no TCP."""
    with Service() as service, Relay(service.folder):
        service.strangers("alice", "bob")
        alice, bob = (Device(service, name, token=service.account(name)) for name in ("alice", "bob"))
        call, _ = alice.invite("bob")
        bob.event("call.incoming")
        given = alice.good("turn.get", call)
        turn = Turn((RELAY, PORT), given["username"], given["credential"], Space.of("mallory").socket())
        expect(turn.allocate() == 0)
        expect(turn.permit("198.51.100.7") == 0 and turn.permit(RELAY) == 0, "ordinary peers are fine")
        for address in ("127.0.0.1", "127.1.2.3", "169.254.169.254", "10.0.0.1", "172.16.5.4", "192.168.1.1",
                        "100.64.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "198.18.0.1"):
            code = turn.permit(address)
            expect(code == 403, f"permission to {address}: {code}")
            code = turn.bind(address, 80)
            expect(code == 403, f"channel to {address}: {code}")
        for address in ("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::1", "fe80::1", "fd00::1",
                        "64:ff9b::a00:1"):
            code = turn.permit(address)
            expect(code in (403, 443), f"permission to {address}: {code}")
        tcp = Turn((RELAY, PORT), given["username"], given["credential"], Space.of("mallory").socket())
        expect(tcp.allocate(protocol=6) not in (0, -1))


def page_and_phone(placed_by_page):
    """Both ways round: sound and pictures by the relay, and the captures of both sides."""
    need()
    with Service() as service, Relay(service.folder):
        chromium = Chromium(alone(SERVICE), Space.of("alice"))
        service.sockets.append(chromium)
        page = Tab(chromium, f"https://{SERVICE}:{service.port}/").sign("alice")
        service.accounts.add("alice")
        service.strangers("alice", "bob")
        captures = [Capture(Space.of(name)) for name in ("alice", "bob")]
        bob = service.phone("bob", "--size", "320x240")
        page.open("bob")
        if placed_by_page:
            page.call(True)
            bob.event("incoming")
            bob.say("accept")
        else:
            bob.say("call alice video")
            page.accept(True)
        expect(bob.event("active")["relay"] is True)
        page.in_call()
        page.hears()
        page.sees()
        pairs = page.stats()["pairs"]
        expect(pairs and all(pair == ["relay", "relay"] for pair in pairs), pairs)
        page.wait_text("#call-path", "elay")
        wait_for("bob hears and sees", lambda: min(bob.received()[0] - 40, bob.received()[1] - 10) > 0, every=0.1)
        wait_for("so do the captures", lambda: all(capture.so_far() > 80 for capture in captures))
        page.hang_up()
        expect(bob.event("ended")["reason"] == "hangup")
        expect(bob.finish() == 0, bob.errors)
        for capture in captures:
            strange = capture.strange(PORT)
            expect(not strange, f"packets to others than the relay: {strange}")
            expect(capture.relayed() > 80, capture.flows)


def test_page_calls_phone():
    page_and_phone(True)


def test_phone_calls_page():
    page_and_phone(False)


class LongCall:
    """A relayed call that is longer than its credentials are good for, beside all other tests: credentials of
    60 s, and a relay that asks for them again and again (short nonces and allocations)."""

    service = None

    @classmethod
    def begin(cls):
        cls.service = Service(port=LONG_PORT)
        cls.relay = Relay(cls.service.folder, ["max-allocate-lifetime=20", "stale-nonce=15"], LONG_PORT,
                          without=["stale-nonce=600"])
        cls.service.strangers("carol", "dave")
        cls.service.admin("policy", "turn_ttl_s", "60")
        cls.captures = [Capture(Space.of(name)) for name in ("carol", "dave")]
        cls.phones = [cls.service.phone(name, "--no-video") for name in ("carol", "dave")]
        cls.phones[0].say("call dave")
        cls.phones[1].event("incoming")
        cls.phones[1].say("accept")
        cls.phones[0].event("active")
        cls.start = time.monotonic()

    @classmethod
    def close(cls):
        if cls.service:
            cls.service.__exit__()
            cls.relay.__exit__()


def test_longer_than_its_credentials():
    """Begun before the other tests; ends 75 s later."""
    if not LongCall.service:
        LongCall.begin()
    carol, dave = LongCall.phones
    time.sleep(max(0, LongCall.start + 72 - time.monotonic()))

    before = carol.received()[0]
    wait_for("it goes on", lambda: carol.received()[0] - before > 70, every=0.2)
    expect(carol.stats()["local_candidate_type"] == "relay", carol.all[-1])
    carol.none("reconnecting", 0.01)
    dave.say("hangup")
    expect(carol.event("ended")["reason"] == "hangup")
    for capture in LongCall.captures:
        expect(not capture.strange(LONG_PORT), capture.flows)
        expect(capture.relayed(LONG_PORT) > 1000, capture.flows)
    text = LongCall.relay.said()
    expect(len(re.findall("refresh", text, re.I)) > 2, "the relay was never asked again")
    expect((carol.finish(), dave.finish()) == (0, 0), carol.errors + dave.errors)


def main():
    if not shutil.which("turnserver"):
        print("1..1\nok 1 - relayed # skip there is no coturn (Debian's package coturn)")
        return
    if not spaces.enter():
        print("1..1\nok 1 - relayed # skip no network namespace can be made here")
        return
    tests = [(name, call) for name, call in list(globals().items()) if name.startswith("test_")]
    try:
        if not sys.argv[2:]:
            LongCall.begin()
        run_tests(tests, sys.argv[2:])
    finally:
        LongCall.close()
        Space.close_all()


if __name__ == "__main__":
    main()
