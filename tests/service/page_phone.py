#!/usr/bin/env python3
"""page_phone.py BUILD [TEST ...] - the web page and xcall-phone call each other: sound and pictures both ways,
hold, the same safety number at both ends. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from phone import Phone  # noqa: E402
from server import expect, wait_for  # noqa: E402
from web_driver import DESKTOP, World, main  # noqa: E402


def pair(world, *options):
    """alice in the page, bob at the phone; either may call."""
    world.server.account("bob")
    alice = world.tab("alice", size=DESKTOP)
    world.server.accounts.add("alice")
    world.server.friends("alice", "bob")
    bob = Phone(world.server, "bob", *options, token=world.server.account("bob"))
    alice.open("bob")
    return alice, bob


def phone_hears(bob, video):
    """Its figures grow, and what it is sent is sound and pictures."""
    def figures():
        time.sleep(0.3)
        bob.say("stats")
        said = bob.event("stats")
        return said["audio_received"]["packets_received"], said["video_received"]["frames_decoded"] if video else 0
    packets, frames = figures()

    def grown():
        now = figures()
        return now[0] > packets + 40 and (not video or now[1] > frames + 10)
    wait_for("bob hears" + (" and sees" if video else ""), grown)


def safety(alice, active):
    alice.unfold("#safety-fold")
    wait_for("the safety number", lambda: alice.text("#safety") == active["safety_number"])


def test_page_calls_phone():
    with World() as world:
        alice, bob = pair(world)
        alice.call(video=True)
        expect(bob.event("incoming")["video"] is True)
        alice.wait_text("#call-state", "It rings")
        bob.say("accept")
        active = bob.event("active")
        alice.in_call()
        alice.hears()
        alice.sees()
        phone_hears(bob, True)
        safety(alice, active)
        alice.shot("call-with-phone-desktop")
        bob.say("hold")
        alice.wait_text("#call-state", "bob holds the call")
        bob.say("unhold")
        alice.wait_text("#call-state", "In a call")
        alice.hears()
        alice.click("#hold")
        alice.wait_text("#call-state", "On hold")
        time.sleep(1)
        alice.click("#hold")
        phone_hears(bob, True)
        alice.hears()
        alice.click("#camera")
        time.sleep(1)
        alice.click("#camera")
        phone_hears(bob, True)
        alice.click("#hang-up")
        bob.event("ended", reason="hangup")
        alice.ended("You hung up.")


def test_phone_calls_page():
    for video in (False, True):
        with World() as world:
            alice, bob = pair(world)
            bob.say("call alice" + (" video" if video else ""))
            alice.wait("#incoming")
            bob.event("ringing")
            alice.accept(video)
            active = bob.event("active")
            alice.in_call()
            alice.hears()
            phone_hears(bob, video)
            if video:
                alice.sees()
            safety(alice, active)
            if video:
                alice.click("#screen") # one picture is all that the phone shows
                alice.told("bob’s program cannot show a screen.")
                wait_for("its control says so", lambda: "Share screen" in alice.text("#screen"))
                alice.hears()
                alice.sees()
            bob.say("hangup")
            alice.ended("bob hung up.")


def test_refused_and_declined():
    with World() as world:
        alice, bob = pair(world)
        bob.say("call alice")
        alice.wait("#incoming")
        alice.click("#decline")
        bob.event("ended", reason="declined")
        alice.call()
        bob.event("incoming")
        bob.say("decline")
        alice.ended("bob declined.")
        bob.done("block alice")
        alice.call()
        alice.refused("They cannot be called by you now.")
        bob.done("unblock alice")
        bob.done("message alice hello from a pipe")
        alice.wait_text("#messages", "hello from a pipe")


if __name__ == "__main__":
    main([(name, call) for name, call in list(globals().items()) if name.startswith("test_")])
