#!/usr/bin/env python3
"""page_inbox.py BUILD [TEST ...] - the web page for somebody who was away: who wrote, what is unread, also on another
device; first messages to accept; quiet hours; the file of one's data; the account's end. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from page_access import look  # noqa: E402
from people import Device  # noqa: E402
from server import expect, wait_for  # noqa: E402
from web_driver import DESKTOP, PASSWORD, PHONE, World, admin, main  # noqa: E402

ROW = "#people-list [data-name={}]"


def writes(server, name, to, *texts, create=True):
    """Somebody without a page."""
    one = Device(server, name, password=PASSWORD, create=create)
    for text in texts:
        one.good("msg.send", to=to, text=text)
    return one


def pictures(tab, name):
    tab.shot(f"{name}-phone")
    tab.dark(True)
    tab.shot(f"{name}-dark")
    tab.dark(False)
    tab.resize(DESKTOP)
    tab.shot(f"{name}-desktop")
    tab.resize(PHONE)


def row(tab, name):
    return tab.text(ROW.format(name))


def test_away():
    """Strangers wrote while no page was open: at sign-in they are in the list, in words, newest first."""
    with World() as world:
        alice = world.tab("alice")
        alice.wait("#people-empty")
        alice.click("#nav-settings")
        alice.click("#sign-out")
        alice.wait("#signin-form")
        writes(world.server, "bob", "alice", "one", "two\nlines <b>", "three")
        writes(world.server, "carol", "alice", "hello")
        alice.sign("alice", create=False)
        alice.wait_text("#waiting", "New messages: 1 from carol, 3 from bob.")
        alice.wait_text("#unread", "4")
        wait_for("the title counts", lambda: alice.js("document.title").startswith("(4)"))
        for name, unread, words in (("bob", "3 new", "three"), ("carol", "1 new", "hello")):
            alice.wait_text(ROW.format(name), unread)
            alice.wait_text(ROW.format(name), words)
        order = alice.js("[...document.querySelectorAll('#people-list button')].map(one => one.dataset.name)")
        expect(order == ["carol", "bob"], order)
        look(alice, "who wrote")
        pictures(alice, "inbox")
        alice.tab_to("carol") # by the keyboard
        alice.key("Enter")
        alice.wait_text("#messages", "hello")
        alice.wait_text("#request-what", "You have not answered carol yet.")
        look(alice, "a first message")
        pictures(alice, "inbox-request")
        alice.tab_to("request-accept")
        alice.key("Enter")
        alice.wait_gone("#request")
        alice.focus_is("person-name")
        alice.click("#person-back")
        alice.wait_text("#waiting", "New messages: 3 from bob.")
        wait_for("carol's is read", lambda: "new" not in row(alice, "carol"))
        alice.open("bob")
        alice.wait_text("#messages", "three")
        alice.say("an answer") # needs no accept
        alice.wait_gone("#request")
        alice.reload()
        alice.online()
        alice.wait_text(ROW.format("bob"), "You: an answer")
        alice.wait_gone("#waiting")
        alice.wait_gone("#unread")
        alice.open("carol")
        alice.wait_text("#messages", "hello")
        expect(not alice.seen("#request"), "accepted is accepted")
        alice.click("#person-back")
        writes(world.server, "bob", "alice", "and now?", create=False)
        alice.wait_text(ROW.format("bob"), "1 new")
        alice.wait_text("#waiting", "1 from bob")


def test_other_device():
    """What is read on one device is read on the others, at once and after a time away."""
    with World() as world:
        alice = world.tab("alice")
        desk = world.tab("alice", create=False)
        bob = writes(world.server, "bob", "alice", "one", "two")
        for tab in (alice, desk):
            tab.wait_text(ROW.format("bob"), "2 new")
        desk.click(ROW.format("bob"))
        desk.wait_text("#messages", "two")
        alice.wait_gone("#waiting")
        alice.wait_gone("#unread")
        bob.good("msg.send", to="alice", text="three") # comes while desk looks
        desk.wait_text("#messages", "three")
        alice.wait_text(ROW.format("bob"), "three")
        wait_for("seen there", lambda: not alice.seen("#unread"))
        world.kill() # and a long time without the service
        for tab in (alice, desk):
            wait_for("it is offline", lambda tab=tab: tab.text("#link") != "Online")
        world.start_again()
        writes(world.server, "carol", "alice", "while it was away")
        for tab in (alice, desk):
            tab.online()
        alice.wait_text(ROW.format("carol"), "1 new")
        desk.click("#person-back")
        desk.wait_text(ROW.format("carol"), "1 new")
        desk.click(ROW.format("carol"))
        alice.wait_gone("#unread")


def test_many():
    """More than a page of them: the earlier ones come by a button, and the focus with them."""
    with World() as world:
        alice = world.tab("alice")
        alice.click("#nav-settings")
        alice.click("#sign-out")
        alice.wait("#signin-form")
        sender = Device(world.server, "sender")
        me = Device(world.server, "alice", password=PASSWORD, create=False)
        for number in range(53):
            world.server.account(f"n{number:02}")
            me.good("msg.send", to=f"n{number:02}", text=f"number {number}")
        sender.good("msg.send", to="alice", text="the newest")
        me.close()
        alice.sign("alice", create=False)
        alice.wait_text("#people-list", "the newest")
        rows = "document.querySelectorAll('#people-list li').length"
        wait_for("a page of them", lambda: alice.js(rows) == 50)
        alice.tab_to("chats-more", 80)
        alice.key("Enter")
        wait_for("all of them", lambda: alice.js(rows) == 54)
        alice.wait_gone("#chats-more")
        alice.focus_is("n03")



def test_quiet_hours():
    with World() as world:
        alice = world.tab("alice")
        alice.click("#nav-settings")
        alice.wait_text("#quiet-sum", "Calls ring at any hour.")
        expect(not alice.seen("#quiet-hours"), "hours of nothing")
        alice.tab_to("s-quiet", 80)
        alice.key(" ")
        alice.wait_text("#quiet-sum", "Calls do not ring from 22:00 to 07:00, UTC")
        alice.focus_is("s-quiet")
        alice.fill("#quiet-from", "21:30")
        alice.fill("#quiet-to", "06:15")
        alice.click("#quiet-go")
        alice.wait_text("#quiet-sum", "from 21:30 to 06:15")
        look(alice, "quiet hours")
        alice.js("document.getElementById('quiet-form').scrollIntoView()")
        pictures(alice, "quiet-hours")
        device = Device(world.server, "alice", password=PASSWORD, create=False)
        here = alice.js("-new Date().getTimezoneOffset() || 0")
        wait_for("the hours are set", lambda: device.good("perm.get")["quiet"] ==
                 {"from": "21:30", "to": "06:15", "zone_min": here})
        for value, words in (("21:30", "The two times are the same."), ("", "Both times are needed.")):
            alice.fill("#quiet-to", value)
            alice.click("#quiet-go")
            alice.wait_text("#quiet-error", words)
        device.good("perm.set", quiet={"from": "20:00", "to": "08:00", "zone_min": here - 90 if here > 0 else here + 90})
        alice.click("#nav-people")
        alice.click("#nav-settings")
        alice.wait_text("#quiet-sum", "from 20:00 to 08:00")
        alice.wait_text("#quiet-sum", "save the hours again")
        alice.click("#quiet-go")
        wait_for("this device's time", lambda: "again" not in alice.text("#quiet-sum"))
        wait_for("the zone", lambda: device.good("perm.get")["quiet"]["zone_min"] == here)
        alice.click("#s-quiet")
        alice.wait_text("#quiet-sum", "Calls ring at any hour.")
        wait_for("quiet no more", lambda: device.good("perm.get")["quiet"] is None)


def test_quiet_hours_hold():
    """A call in them does not ring, and is found under missed calls."""
    with World() as world:
        alice, bob = world.two()
        bob.click("#person-back")
        bob.click("#nav-settings")
        bob.wait_text("#quiet-sum", "Calls ring")
        bob.click("#s-quiet")
        bob.wait_text("#quiet-sum", "from 22:00")
        start = bob.js("new Date(Date.now() - 3600000).toTimeString().slice(0, 5)")
        end = bob.js("new Date(Date.now() + 3600000).toTimeString().slice(0, 5)")
        bob.fill("#quiet-from", start)
        bob.fill("#quiet-to", end)
        bob.click("#quiet-go")
        bob.wait_text("#quiet-sum", f"from {start} to {end}")
        alice.call()
        alice.wait_text("#call-state", "It rings at bob")
        alice.hang_up()
        alice.wait_text("#call-state", "You cancelled the call.")
        expect(not bob.seen("#incoming"), "it rings")
        bob.click("#nav-history")
        bob.wait_text("#history-list", "Missed call")


# What is saved is kept for the test to read.
SAVED = """(() => {
  const make = URL.createObjectURL;
  URL.createObjectURL = blob => { window.savedBlob = blob; return make.call(URL, blob); };
  addEventListener('click', event => event.target.download && (window.savedAs = event.target.download), true);
  const click = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; return click.call(this); };
})()"""


def test_export():
    """All of it in one file, long messages in one piece."""
    with World() as world:
        alice = world.tab("alice")
        euros = "€" * 1300
        bob = writes(world.server, "bob", "alice", euros, *(f"{number} " + "x" * 2000 for number in range(30)))
        bob.good("msg.send", to="alice", text="\n\t" * 2048) # two bytes each as JSON
        alice.js(SAVED)
        alice.click("#nav-settings")
        alice.wait_text("#devices", "This device")
        alice.tab_to("export", 90)
        alice.key("Enter")
        alice.wait_text("#export-state", "Saved as xcall-alice-")
        alice.focus_is("export")
        expect(alice.js("window.savedAs").startswith("xcall-alice-2"), alice.js("window.savedAs"))
        saved = json.loads(alice.js("window.savedBlob.text()"))
        expect(saved["account"] == "alice" and saved["data"]["account"][0]["name"] == "alice", saved["account"])
        texts = [one["text"] for one in saved["data"]["messages"]]
        expect(len(texts) == 32 and texts[0] == euros and texts[31] == "\n\t" * 2048, [len(one) for one in texts])
        expect(saved["data"]["chats"][0]["with"] == "bob", saved["data"]["chats"])
        look(alice, "my data")
        parts = alice.js("import('/account.js').then(m => { const all = {}; "
                         "for (const p of [{a: [{msg: 1, piece: 1, text: 'x'}]}, {a: [{msg: 1, piece: 2, text: 'y'}, "
                         "{msg: 2, piece: 1, text: 'z'}], b: [{n: 1}]}]) m.addPart(all, p); return all; })")
        expect(parts == {"a": [{"msg": 1, "text": "xy"}, {"msg": 2, "text": "z"}], "b": [{"n": 1}]}, parts)


def test_delete():
    """Asks, and asks for the password; afterwards nothing is left, here or there."""
    with World() as world:
        alice = world.tab("alice")
        bob = writes(world.server, "bob", "alice", "hello")
        alice.wait_text("#people-list", "bob")
        alice.click("#nav-settings")
        alice.wait_text("#devices", "This device")
        alice.tab_to("delete-open", 90)
        alice.key("Enter")
        alice.wait("#delete")
        alice.focus_is("delete-password")
        look(alice, "deletion")
        pictures(alice, "delete")
        alice.key("Escape")
        alice.wait_gone("#delete")
        alice.focus_is("delete-open")
        alice.key("Enter")
        alice.wait("#delete")
        alice.key("Enter") # without the password
        alice.wait_text("#delete-error", "Please enter the password.")
        alice.write("something wrong")
        alice.key("Enter")
        alice.wait_text("#delete-error", "The password is wrong.")
        alice.click("#delete-cancel")
        alice.wait_gone("#delete")
        alice.click("#delete-open")
        alice.wait("#delete")
        expect(alice.js("document.getElementById('delete-password').value") == "", "the password is kept")
        alice.write(PASSWORD)
        alice.tab_to("delete-go")
        alice.key("Enter")
        alice.wait_text("#signin-why", "The account is deleted")
        wait_for("nothing is kept here", lambda: alice.js("Object.keys(localStorage).length") == 0)
        look(alice, "deleted")
        expect(bob.code("msg.send", to="alice", text="x") == "no_such_account", "it is there")
        expect(bob.good("msg.chats")["chats"] == [], "a conversation is left")
        alice.fill("#name", "alice")
        alice.fill("#password", PASSWORD)
        alice.click("#signin-go")
        alice.wait_text("#signin-error", "The name or the password is wrong.")


def test_no_password():
    """An account that the administrator made has none: the question is enough."""
    with World() as world:
        world.server.account("alice")
        token = admin(world.server, "token", "alice")[0]
        alice = world.tab(None)
        alice.name = "alice"
        alice.js(f"localStorage.setItem('xcall.session', {json.dumps(json.dumps(dict(name='alice', dev=1, token=token['token'])))})")
        alice.reload()
        alice.online()
        alice.click("#nav-settings")
        alice.wait_text("#devices", "This device")
        alice.click("#delete-open")
        alice.click("#delete-go")
        alice.wait_text("#signin-why", "The account is deleted")


if __name__ == "__main__":
    main([(name, call) for name, call in list(globals().items()) if name.startswith("test_")])
