#!/usr/bin/env python3
"""page_people.py BUILD [TEST ...] - the web page's accounts, people, messages and settings: each of the four
categories allows and refuses as it says. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import expect, wait_for  # noqa: E402
from web_driver import DESKTOP, PASSWORD, PHONE, World, admin, button, main, role  # noqa: E402

NOT_NOW = "They cannot be called by you now."


def rings(caller, callee, name):
    caller.open(name)
    caller.wait_text("#can-call", f"You can call {name}.")
    caller.call()
    callee.wait("#incoming")
    caller.hang_up()
    callee.wait_gone("#incoming")
    caller.click("#call-close")


def refuses(caller, callee, name, words=NOT_NOW):
    caller.open(name)
    caller.wait_text("#can-call", words)
    caller.call()
    caller.refused(words)
    expect(not callee.seen("#incoming"), "it rings")


def test_categories():
    """Alice has written to bob, no more. Each category alone: refused without its reason, let in with it."""
    with World() as world:
        admin(world.server, "policy", "limit_pair", "off")
        admin(world.server, "policy", "limit_pair_day", "off")
        admin(world.server, "policy", "limit_cancels", "off")
        alice, bob = world.tab("alice"), world.tab("bob", size=DESKTOP)
        admin(world.server, "message", "alice", "bob")
        reasons = {"verified": (("account", "alice", "--verified", "on"),
                                ("account", "alice", "--verified", "off")),
                   "following": (("follow", "bob", "alice"), ("follow", "bob", "alice", "--remove")),
                   "contacts": (("contact", "bob", "alice"), ("contact", "bob", "alice", "--remove"))}
        for kind, (give, take) in reasons.items():
            bob.allow(kind)
            refuses(alice, bob, "bob")
            admin(world.server, *give)
            rings(alice, bob, "bob")
            if kind == "following": # a reason of another category is none
                bob.allow("contacts")
                refuses(alice, bob, "bob")
            admin(world.server, *take)
        bob.allow("everyone")
        rings(alice, bob, "bob")
        bob.allow()
        for give, _ in reasons.values():
            admin(world.server, *give)
        refuses(alice, bob, "bob")
        bob.click("#nav-settings")
        bob.wait_text("#s-sum", "Nobody can call you.")
        bob.click("#nav-people")
        bob.allow("verified", "contacts")
        rings(alice, bob, "bob")
        bob.click("#nav-settings")
        bob.wait_text("#s-sum", "Only verified accounts and people in your contacts can call you.")
        bob.wait_gone(".toast")
        bob.shot("settings-desktop")
        bob.resize(PHONE)
        bob.shot("settings-phone")
        bob.dark(True)
        bob.shot("settings-dark")
        bob.check(role("switch", "Calls", starts=True), False)
        bob.wait_text("#s-sum", "Nobody can call you: calls are off.")
        expect(bob.js("document.querySelector('#s-from').disabled"), "the four can be set")
        refuses(alice, bob, "bob")


def test_bonds():
    """Follow, contact, block by the page itself; a blocked person learns nothing of it."""
    with World() as world:
        alice, bob = world.tab("alice"), world.tab("bob")
        alice.open("bob")
        alice.say("hello")
        bob.open("alice")
        bob.wait_text("#messages", "hello")
        refuses(alice, bob, "bob")
        bob.click("#bond-contact")
        bob.wait_text("#bond-contact", "In contacts")
        rings(alice, bob, "bob")
        bob.click("#bond-block")
        bob.wait_text("#bond-block", "Blocked")
        bob.wait_text("#can-call", "You have blocked them.")
        refuses(alice, bob, "bob")
        alice.say("are you there?")
        bob.click("#bond-block")
        wait_for("the block is off", lambda: bob.js(
            "document.getElementById('bond-block').getAttribute('aria-pressed')") == "false")
        expect("are you there?" not in bob.text("#messages"), "a blocked message came")
        rings(alice, bob, "bob")
        bob.click(button("Report"))
        bob.wait_text("#report-title", "Report alice")
        bob.fill("#report-text", "calls at night")
        bob.click("#report-go")
        bob.told("Thank you.")
        bob.wait_gone("#report")
        bob.focus_is("report-open")
        bob.reload()
        bob.online()
        bob.wait_text("#people-list", "alice")
        bob.open("alice")
        bob.wait_text("#bond-contact", "In contacts")


def test_messages():
    """They come at once, are counted while unread, come back after a reload; markup is text."""
    with World() as world:
        alice, bob = world.tab("alice"), world.tab("bob")
        alice.open("bob")
        nasty = "<img src=x onerror=window.hurt=1><b>bold</b> & 😀 \u202e"
        alice.say(nasty.strip("\u202e ").strip())
        bob.wait_text("#people-list", "alice")
        bob.wait_text("#unread", "1")
        wait_for("the title counts", lambda: bob.js("document.title").startswith("(1)"))
        bob.click("#people-list [data-name=alice]")
        bob.wait_text("#messages", "<b>bold</b>")
        expect(not bob.js("document.querySelector('#messages b, #messages img') || window.hurt"), "markup")
        bob.wait_gone("#unread")
        for number in range(34):
            alice.say(f"line {number}.")
        bob.wait_text("#messages", "line 33.")
        bob.reload()
        bob.online()
        bob.open("alice")
        bob.wait_text("#messages", "line 33.")
        expect("bold" not in bob.text("#messages"), "all at once")
        bob.click("#older")
        bob.wait_text("#messages", "bold")
        bob.fill("#add-name", "nobody_of_this_name") if bob.seen("#add-form") else bob.click("#nav-people")
        bob.fill("#add-name", "nobody_of_this_name")
        bob.click("#add-go")
        bob.wait_text("#add-error", "There is nobody of this name.")


def test_signing_in():
    with World() as world:
        alice = world.tab("alice")
        expect(alice.js("!!localStorage.getItem('xcall.session')"), "not kept")
        key = """(async () => {
          const request = indexedDB.open('xcall');
          const db = await new Promise(done => request.onsuccess = () => done(request.result));
          const all = db.transaction('keys').objectStore('keys').getAll();
          await new Promise(done => all.onsuccess = done);
          return [all.result.length, all.result[0]?.privateKey.extractable];
        })()"""
        expect(alice.js(key) == [1, False], alice.js(key))
        alice.reload()
        alice.online()
        alice.click("#nav-settings")
        alice.wait_text("#devices", "This device")
        alice.click("#sign-out")
        alice.wait("#signin-form")
        wait_for("the token goes", lambda: not alice.js("localStorage.getItem('xcall.session')"))
        wait_for("the key goes", lambda: alice.js(key)[0] == 0)
        alice.fill("#name", "alice")
        alice.fill("#password", "something wrong")
        alice.click("#signin-go")
        alice.wait_text("#signin-error", "The name or the password is wrong.")
        alice.fill("#password", "short")
        alice.click("#signin-go")
        alice.wait_text("#signin-error", "A password has 8 to 128 characters.")
        alice.click("#tab-new")
        alice.fill("#password", PASSWORD)
        alice.click("#signin-go")
        alice.wait_text("#signin-error", "This name is taken.")
        alice.sign("alice", create=False, keep=False)
        expect(not alice.js("localStorage.getItem('xcall.session')"), "kept against the wish")
        alice.reload()
        alice.online()


def test_two_tabs():
    """The newer tab of one profile has the line; the older says so and can take it back."""
    with World() as world:
        first = world.tab("alice")
        second = world.tab(None, profile=first.profile)
        second.name = "alice"
        second.online()
        first.wait("#displaced")
        first.click("#use-here")
        first.online()
        second.wait("#displaced")
        second.close_tab()
        bob = world.tab("bob")
        world.make_friends()
        bob.open("alice")
        world.connect(bob, first)
        third = world.tab(None, profile=first.profile)
        third.wait("#displaced")
        first.hears()
        expect(first.js("document.getElementById('call').dataset.state") == "active", "the call ended")
        bob.hang_up()
        first.ended("bob hung up.")
        third.click("#use-here")
        third.name = "alice"
        third.online()


def test_devices():
    """A device that is signed out from another says so."""
    with World() as world:
        alice = world.tab("alice")
        second = world.tab("alice", create=False)
        alice.click("#nav-settings")
        alice.wait_text("#devices", "This device")
        alice.click("#devices button")
        second.wait_text("#signin-why", "This device was signed out.")
        wait_for("one device", lambda: alice.js("document.querySelectorAll('#devices li').length") == 1)


def test_old_browser():
    """Without Ed25519 or a secure context the page says what is missing, and asks for no password."""
    with World() as world:
        tab = world.tab(None)
        tab.before("crypto.subtle.generateKey = () => Promise.reject(new Error('no'));")
        tab.go(tab.url)
        tab.wait_text("#signin-why", "This browser cannot make the signatures")
        expect(tab.js("document.getElementById('password').disabled"), "it asks for a password")
        tab.before("Object.defineProperty(window, 'isSecureContext', {value: false});")
        tab.go(tab.url)
        tab.wait_text("#signin-why", "secure address")


if __name__ == "__main__":
    main([(name, call) for name, call in list(globals().items()) if name.startswith("test_")])
