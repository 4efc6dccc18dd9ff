#!/usr/bin/env python3
"""page_relay.py BUILD [TEST ...] - the web page's relayed calls through Debian's coturn, each browser in a network
namespace of its own: a capture of both shows that no packet goes to anybody but the relay and the service.
And what leaves a page in any call before the accept. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spaces  # noqa: E402
from server import expect, wait_for  # noqa: E402
from spaces import PORT, SERVICE, Capture, Relay, Space  # noqa: E402
from test_relayed import Service  # noqa: E402
from web_browser import Chromium, alone, need  # noqa: E402
from web_driver import Tab, World, main, role  # noqa: E402


def candidates(tab):
    return [frame["b"]["data"]["candidate"] for frame in tab.js("window.said")
            if frame["t"] == "sig" and frame["b"]["kind"] == "cand" and frame["b"]["data"]["candidate"]]


def bodies(tab):
    found = []
    for frame in tab.js("window.said"):
        body = frame.get("b") or {}
        found += [part["sdp"] for part in (body.get("body"), body.get("data"))
                  if isinstance(part, dict) and "sdp" in part]
    return found


def check_bodies(tab):
    found = bodies(tab)
    expect(found, f"{tab.name} has sent no body")
    for sdp in found:
        for line in sdp.splitlines():
            expect(not line.startswith("a=candidate"), line)
            if line[:2] in ("o=", "c=") or line.startswith("a=rtcp:"):
                expect(line.endswith("IN IP4 0.0.0.0"), line)


BROWSERS = {}


def tab_of(service, name):
    """In a browser in a space of this person's own, which serves all tests here."""
    if name not in BROWSERS:
        BROWSERS[name] = Chromium(alone(SERVICE), Space.of(name))
    return Tab(BROWSERS[name], f"https://{SERVICE}:{service.port}/")


def relayed_call(service, strangers):
    """alice and bob, each with a browser of their own."""
    need()
    names = ("alice", "bob")
    captures = {name: Capture(Space.of(name)) for name in names}
    tabs = []
    try:
        for name in names:
            tabs.append(tab_of(service, name))
            tabs[-1].sign(name)
        alice, bob = tabs
        service.accounts.update(names)
        if strangers:
            service.strangers(*names)
        else:
            service.friends(*names)
            service.admin("settings", "bob", "--enhanced-privacy", "on")
        alice.open("bob")
        alice.call(video=True)
        bob.accept(video=True)
        for tab in tabs:
            tab.in_call()
        for tab in tabs:
            tab.hears()
            tab.sees()
            tab.wait_text("#call-path", "Relayed")
            expect(tab.stats()["pairs"] == [["relay", "relay"]], tab.stats()["pairs"])
        alice.shot("call-relayed-phone")
        alice.click("#hold") # a later body says no more than the first
        bob.wait_text("#call-state", "alice holds the call")
        alice.click("#hold")
        bob.sees()
        check_relayed(tabs)
        alice.hang_up()
        bob.ended("alice hung up.")
        return captures
    finally:
        for tab in tabs:
            tab.close()


def check_relayed(tabs):
    for tab in tabs:
        said = candidates(tab)
        expect(said, f"{tab.name} has sent no candidate")
        for candidate in said:
            expect(" typ relay raddr 0.0.0.0 rport 0" in candidate, candidate)
        check_bodies(tab)


def check_captures(captures):
    own = {name: Space.of(name).address for name in captures}
    for name, capture in captures.items():
        strange = capture.strange(PORT)
        expect(not strange, f"{name} sent to others than the relay: {strange}")
        expect(capture.relayed() > 200, f"{name}: {capture.flows}")
        expect(not any(flow[1] in own.values() for flow in capture.flows), capture.flows)


def test_strangers():
    with Service() as service, Relay(service.folder):
        check_captures(relayed_call(service, True))


def test_enhanced_privacy():
    with Service() as service, Relay(service.folder):
        check_captures(relayed_call(service, False))


def test_network_lost():
    """A direct call whose network is gone for some seconds: both say so, and it goes on by an ICE restart."""
    need()
    with Service(port=0) as service:
        tabs = []
        try:
            for name in ("alice", "bob"):
                tabs.append(tab_of(service, name))
                tabs[-1].sign(name)
            alice, bob = tabs
            service.accounts.update(("alice", "bob"))
            service.friends("alice", "bob")
            alice.open("bob")
            alice.call()
            bob.accept()
            for tab in tabs:
                tab.in_call()
                tab.hears()
            spaces.run("ip", "link", "set", "o-bob", "down")
            alice.wait_text("#call-state", "Reconnecting")
            spaces.run("ip", "link", "set", "o-bob", "up")
            for tab in tabs:
                tab.in_call()
                tab.hears()
            kinds = [frame["b"]["kind"] for frame in alice.js("window.said") if frame["t"] == "sig"]
            expect("restart" in kinds, kinds)
            alice.hang_up()
            bob.ended("alice hung up.")
        finally:
            for tab in tabs:
                tab.close()


def test_no_relay():
    """Enhanced privacy where the service has no relay: refused in words, nothing rings."""
    with World() as world:
        alice, bob = world.two()
        bob.click("#nav-settings")
        bob.wait_text("#s-sum", "people you follow")
        bob.check(role("switch", "Enhanced call privacy", starts=True))
        alice.open("bob")
        alice.wait_text("#can-call", "through a relay")
        alice.call()
        alice.refused("This call must go through a relay, and there is none.")
        expect(not bob.seen("#incoming"), "it rings")


def test_relay_lost():
    """It was to be relayed, and the credentials are refused: the call ends, it never falls back."""
    def change(frame, to_server):
        body = frame.get("b") or {}
        if to_server and frame["t"] == "turn.get":
            asked.add(frame["id"])
        elif not to_server and frame.get("re") in asked:
            return {"t": "err", "re": frame["re"], "b": {"code": "relay_unavailable"}}
        elif not to_server and frame["t"] == "ok" and body.get("ring_ms"):
            body["relay"] = True
        elif not to_server and frame["t"] == "call.incoming":
            body["relay"] = True
        return frame
    asked = set()
    with World(change=change) as world:
        alice, bob = world.two()
        alice.call()
        alice.wait_text("#call-state", "must go through a relay")
        alice.click("#call-close")
        expect(not candidates(alice), "candidates left")
        expect(alice.js("window.peers.every(peer => !peer.localDescription)"), "it gathered")


def test_before_the_accept():
    """In a call that is not relayed too, no address leaves before both have agreed."""
    with World() as world:
        alice, bob = world.two()
        alice.call(video=True)
        bob.wait("#incoming")
        alice.wait_text("#call-state", "It rings")
        wait_for("it gathered", lambda: alice.js("window.peers.at(-1).iceGatheringState") == "complete")
        expect(not candidates(alice) and not candidates(bob), "a candidate before the accept")
        bob.accept(video=True)
        alice.in_call()
        for tab in (alice, bob):
            expect(candidates(tab), "no candidates")
            for candidate in candidates(tab):
                expect(" raddr " not in candidate or " raddr 0.0.0.0 rport 0" in candidate, candidate)
            check_bodies(tab)
        bob.hang_up()
        alice.ended("bob hung up.")


def run():
    tests = [(name, call) for name, call in list(globals().items()) if name.startswith("test_")]
    there = bool(shutil.which("turnserver")) and spaces.enter()
    if not there:
        print("# the relayed calls need coturn and network namespaces: skipped", flush=True)
        tests = [(name, call) for name, call in tests if call not in (test_strangers, test_enhanced_privacy, test_network_lost)]
    try:
        main(tests)
    finally:
        for browser in BROWSERS.values():
            browser.close()
        Space.close_all()


if __name__ == "__main__":
    run()
