#!/usr/bin/env python3
"""page_calls.py BUILD [TEST ...] - the web page's calls, page to page, in headless Chromium: the gate's words,
sound and pictures, what one does in a call, and what goes wrong around it. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import re
import sqlite3
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import expect, wait_for  # noqa: E402
from web_driver import DESKTOP, PHONE, World, main  # noqa: E402


def test_refused_then_called():
    """Strangers; a message; the call with sound and picture; everything that one does in a call."""
    with World() as world:
        alice, bob = world.tab("alice"), world.tab("bob", size=DESKTOP)
        bob.open("alice")
        alice.open("bob")
        alice.wait_text("#can-call", "Write to them first.")
        alice.call()
        alice.wait_text("#call-state", "Write to them first.")
        alice.focus_is("call-write")
        alice.shot("refused-phone")
        alice.resize(DESKTOP)
        alice.shot("refused-desktop")
        alice.resize(PHONE)
        alice.click("#call-write")
        alice.focus_is("message-text")
        alice.say("Hello bob, may I call you?")
        bob.wait_text("#messages", "may I call you?")
        alice.wait_text("#can-call", "They cannot be called by you now.")
        bob.say("Yes, I follow you now.")
        bob.click("#bond-follow")
        alice.wait_text("#messages", "I follow you now")
        alice.click("#nav-people")
        alice.open("bob")
        alice.wait_text("#can-call", "You can call bob.")
        alice.shot("person-phone")
        alice.call(video=True)
        bob.wait("#incoming")
        bob.focus_is("accept-video")
        wait_for("the title says it", lambda: "alice is calling" in bob.js("document.title"))
        alice.wait_text("#call-state", "It rings")
        bob.shot("incoming-desktop")
        bob.resize(PHONE)
        bob.shot("incoming-phone")
        bob.resize(DESKTOP)
        bob.accept(video=True)
        for tab in (alice, bob):
            tab.in_call()
        for tab in (alice, bob):
            tab.hears()
            tab.sees()
            tab.wait_text("#call-path", "Direct")
        same_safety_number(alice, bob)
        alice.shot("call-phone")
        bob.shot("call-desktop")
        in_a_call(alice, bob)
        alice.hang_up()
        bob.ended("alice hung up.")
        alice.ended("You hung up.")
        bob.click("#nav-history")
        bob.wait_text("#history-list", "Incoming video call")
        bob.shot("history-desktop")


def same_safety_number(alice, bob):
    numbers = []
    for tab in (alice, bob):
        tab.unfold("#safety-fold")
        wait_for("the safety number", lambda: re.fullmatch(r"(\d{5} ){11}\d{5}", tab.text("#safety")))
        numbers.append(tab.text("#safety"))
        tab.unfold("#safety-fold", False)
    expect(numbers[0] == numbers[1], numbers)


def in_a_call(alice, bob):
    """Mute, hold, camera, screen, statistics."""
    alice.click("#mute")
    alice.wait_text("#call-state", "microphone off")
    bob.hears_nothing(packets=True)
    alice.click("#mute")
    bob.hears()
    alice.click("#hold")
    alice.wait_text("#call-state", "On hold")
    bob.wait_text("#call-state", "alice holds the call")
    bob.wait_gone("#remote")
    bob.hears_nothing(packets=False)
    alice.click("#hold")
    bob.wait_text("#call-state", "In a call")
    bob.hears()
    bob.sees()
    alice.hears()
    alice.click("#camera")
    bob.wait_gone("#remote")
    alice.wait_text("#camera", "Start video")
    alice.click("#camera")
    bob.sees()
    alice.click("#screen")
    bob.wait("#remote-second")
    for video in ("remote", "remote-second"): # the screen and the camera
        wait_for(f"a picture in {video}", lambda: bob.js(
            f"document.getElementById('{video}').videoWidth") > 0)
    time.sleep(0.5)
    bob.shot("screen-desktop")
    alice.wait_text("#screen", "Stop sharing")
    alice.click("#screen")
    bob.wait_gone("#remote-second")
    bob.sees()
    alice.unfold("#stats-fold")
    wait_for("figures", lambda: "VP8" in alice.text("#stats") and "opus" in alice.text("#stats"))
    alice.shot("statistics-phone")


def test_quality():
    """At the end each side says how it was, and the service has it."""
    said = "window.said.filter(one => one.t === 'call.quality').map(one => one.b)"
    with World() as world:
        alice, bob = world.two()
        world.connect(alice, bob)
        alice.hears()
        bob.hears()
        alice.hang_up()
        bob.ended("alice hung up.")
        told = []
        for tab in (alice, bob):
            wait_for(f"{tab.name} tells", lambda: tab.js(said))
            bodies = tab.js(said)
            expect(len(bodies) == 1, bodies)
            body = bodies[0]
            expect(set(body) == {"setup_ms", "first_media_ms", "loss_permille", "relay", "end"}, body)
            expect(0 <= body["setup_ms"] <= body["first_media_ms"] < 600000, body)
            expect(0 <= body["loss_permille"] <= 1000 and body["relay"] is False and body["end"] == "hangup", body)
            told.append((body["setup_ms"], body["first_media_ms"], body["loss_permille"]))
            wait_for("the connection is closed", lambda: tab.stats()["state"] == "closed")

        def kept():
            store = sqlite3.connect(f"file:{world.server.store}?mode=ro", uri=True)
            try:
                return store.execute("SELECT setup_ms, first_media_ms, loss_permille FROM quality").fetchall()
            finally:
                store.close()
        wait_for("both are kept", lambda: len(kept()) == 2)
        expect(sorted(kept()) == sorted(told), (kept(), told))
        counted = [value for name, value in world.server.metrics().items() if
                   name.startswith("xcalld_calls_quality_total")]
        expect(sum(counted) == 2, counted)


def test_audio_and_upgrade():
    """An audio call becomes one with pictures, first one way and then both."""
    def change(frame, to_server):
        if frame["t"] == "welcome":
            frame["b"]["limits"]["connect_ms"] = 87000
        return frame
    with World(change=change) as world:
        alice, bob = world.two()
        world.connect(alice, bob)
        for tab in (alice, bob):  # how long media may take is the service's to say
            expect(92000 in tab.js("window.waits"), tab.js("window.waits"))
        alice.hears()
        bob.hears()
        bob.click("#camera")
        alice.sees()
        alice.click("#camera")
        bob.sees()
        bob.click("#camera")
        alice.wait_gone("#remote")
        bob.hang_up()
        alice.ended("bob hung up.")


def test_ends_in_words():
    with World() as world:
        alice, bob = world.two()
        alice.call()
        bob.wait("#incoming")
        alice.hang_up()
        bob.wait_gone("#incoming")
        bob.told("Missed call from alice")
        alice.ended("You cancelled the call.")
        alice.call()
        bob.wait("#incoming")
        bob.key("Escape")
        expect(bob.seen("#incoming"), "Escape declines nobody")
        bob.click("#decline")
        alice.ended("bob declined.")
        bob.click("#nav-history")
        bob.wait_text("#history-list", "Missed call")
        alice.click("#nav-history")
        alice.wait_text("#history-list", "Cancelled")
        alice.wait_text("#history-list", "Declined")


def test_elsewhere():
    """Two devices of bob ring; one answers, the other stops, and says why."""
    with World() as world:
        alice, bob = world.two()
        second = world.tab("bob", create=False)
        alice.call()
        second.wait("#incoming")
        bob.accept()
        second.wait_gone("#incoming")
        second.told("Answered on another of your devices.")
        alice.in_call()
        bob.in_call()
        alice.hears()
        alice.hang_up()
        bob.ended("alice hung up.")
        alice.click("#call-close")
        alice.call()
        second.wait("#incoming")
        bob.wait("#incoming")
        second.click("#decline")
        bob.wait_gone("#incoming")
        bob.told("Declined on another of your devices.")
        alice.ended("bob declined.")


def test_new_key():
    """A person's other device has another key: a warning, and another safety number."""
    with World() as world:
        alice, bob = world.two()
        world.connect(bob, alice)
        expect(not alice.seen("#key-warning"), "a warning for the first key")
        bob.hang_up()
        alice.ended("bob hung up.")
        second = world.tab("bob", create=False)
        second.open("alice")
        world.connect(second, alice)
        alice.wait("#key-warning")
        same_safety_number(alice, second)
        second.hang_up()
        alice.ended("bob hung up.")


def test_glare():
    """Both call each other at once, so that neither hears of the other's call before: one call comes of it."""
    placed = {"alice": threading.Event(), "bob": threading.Event()}

    def change(frame, to_server):
        body = frame.get("b") or {}
        if to_server and frame["t"] == "call.invite":
            placed["alice" if body["to"] == "bob" else "bob"].set()
        elif not to_server and frame["t"] == "call.incoming":
            for event in placed.values():
                event.wait(30)
        return frame
    with World(change=change) as world:
        alice, bob = world.two()
        alice.call()
        bob.call()
        alice.in_call()
        bob.in_call()
        alice.hears()
        bob.hears()
        alice.hang_up()
        bob.ended("alice hung up.")


def test_page_loaded_again():
    """Loaded again in a call: it ends cleanly on both sides, and the page works."""
    with World() as world:
        alice, bob = world.two()
        world.connect(alice, bob)
        alice.hears()
        alice.reload()
        alice.online()
        alice.told("ended, because this page was loaded again")
        bob.ended("alice hung up.")
        vanished = [value for name, value in world.server.metrics().items() if
                    name.startswith("xcalld_calls_devices_vanished_total")]
        expect(vanished == [0] * 8, "it said goodbye: nothing crashed")
        alice.open("bob")
        world.connect(alice, bob)
        bob.hears()
        bob.hang_up()
        alice.ended("bob hung up.")
        alice.call()
        bob.wait("#incoming")
        bob.reload() # it rings again
        bob.accept()
        alice.in_call()
        bob.in_call()


def test_server_killed():
    """kill -9 in a call: media goes on, hanging up works afterwards; so does a call made then."""
    with World() as world:
        alice, bob = world.two()
        world.connect(alice, bob, video=True)
        alice.hears()
        world.kill()
        for tab in (alice, bob):
            wait_for("the page knows it", lambda: tab.js("document.getElementById('link').dataset.state")
                     in ("offline", "connecting"))
            tab.hears()
            tab.sees()
        alice.click("#mute")
        alice.click("#mute")
        world.start_again()
        for tab in (alice, bob):
            wait_for("online again", lambda: tab.js("document.getElementById('link').dataset.state")
                     == "online")
            expect(tab.js("document.getElementById('call').dataset.state") == "active", tab.text("#call"))
            tab.hears()
        alice.click("#hold")
        bob.wait_text("#call-state", "alice holds the call")
        alice.click("#hold")
        bob.sees()
        alice.hang_up()
        bob.ended("alice hung up.")
        alice.click("#call-close")
        world.connect(bob, alice)
        alice.hears()


def test_connection_cut():
    """The way to the service is lost for a moment while it rings and in a call: it resumes."""
    with World() as world:
        alice, bob = world.two()
        alice.call()
        bob.wait("#incoming")
        world.proxy.cut()
        wait_for("online again", lambda: alice.js("document.getElementById('link').dataset.state")
                 == "online")
        bob.accept()
        alice.in_call()
        bob.in_call()
        world.proxy.cut()
        bob.hang_up()
        alice.ended("bob hung up.")


def swap(body):
    def other(match):
        digits = match.group(2)
        return match.group(1) + ("00" if digits[:2] != "00" else "11") + digits[2:]
    return {**body, "sdp": re.sub(r"(a=fingerprint:\S+ )(\S+)", other, body["sdp"])}


def test_swapped_fingerprint():
    """Somebody between puts another certificate into the offer, the answer, or a later body."""
    where = {"now": None}

    def change(frame, to_server):
        body = frame.get("b") or {}
        if where["now"] == "offer" and frame["t"] == "call.incoming":
            body["body"] = swap(body["body"])
        elif where["now"] == "answer" and frame["t"] == "call.state" and "body" in body:
            body["body"] = swap(body["body"])
        elif where["now"] == "later" and frame["t"] == "sig" and not to_server and \
                body.get("kind") in ("nego", "restart"):
            body["data"] = swap(body["data"])
        return frame
    with World(change=change) as world:
        alice, bob = world.two()
        where["now"] = "offer"
        alice.call()
        bob.told("Ended for your security")
        expect(not bob.seen("#incoming"), "it rings")
        alice.wait_text("#call-state", "bob did not answer.")
        alice.click("#call-close")
        where["now"] = "answer"
        alice.call()
        bob.accept()
        alice.wait_text("#call-state", "Ended for your security")
        alice.shot("security-phone")
        expect(not alice.seen("#call-again"), "it offers to call again")
        alice.click("#call-close")
        bob.ended("alice hung up.")
        where["now"] = None
        world.connect(alice, bob)
        where["now"] = "later"
        alice.click("#hold")
        bob.ended("Ended for your security")
        alice.ended("bob hung up.")


if __name__ == "__main__":
    main([(name, call) for name, call in list(globals().items()) if name.startswith("test_")])
