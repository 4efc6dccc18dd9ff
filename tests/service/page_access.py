#!/usr/bin/env python3
"""page_access.py BUILD [TEST ...] - the web page for everybody: by the keyboard alone, names in the
accessibility tree, contrast, narrow windows, reduced motion. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Failed, expect, wait_for  # noqa: E402
from web_driver import DESKTOP, PASSWORD, PHONE, SETTINGS, World, button, main, role  # noqa: E402

CONTROLS = {"button", "textbox", "checkbox", "switch", "link", "combobox", "DisclosureTriangle",
            "dialog", "alertdialog", "toolbar", "log", "meter"}

# WCAG 2.1, 1.4.3: relative luminance of what is written against what is behind it.
CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor);
      if (a > 0.99) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const wrong = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest('.hidden, :disabled, svg, [inert]')) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const [r, g, b, a = 1] = parse(style.color), ground = behind(element);
    const opacity = a * Number(style.opacity);
    const ink = [r, g, b].map((v, i) => v * opacity + ground[i] * (1 - opacity));
    const [high, low] = [light(ink), light(ground)].sort((x, y) => y - x);
    const ratio = (high + 0.05) / (low + 0.05);
    const large = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
    if (ratio < (large ? 3 : 4.5)) wrong.push(`${text.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return wrong;
})()"""

WIDTH = """(() => {
  const wide = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&
    !e.closest('.hidden, .sprite, .scroll, video') && e.getBoundingClientRect().width > 0 &&
    (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1));
  return document.documentElement.scrollWidth <= innerWidth && !wide.length ? null
    : [document.documentElement.scrollWidth, innerWidth, ...wide.slice(0, 4).map(e => e.id || e.className || e.tagName)];
})()"""


def nameless(tab):
    """Controls that say nothing of themselves: as Chromium tells screen readers, and by the specification's rules
    as Playwright follows them."""
    found = [kind for kind, name in tab.tree() if kind in CONTROLS and not name]
    return found + re.findall(rf"^ *- ((?:{'|'.join(sorted(CONTROLS))})(?: \[.*\])?:?)$", tab.aria(), re.M)


def look(tab, what):
    """Everything that holds in every state."""
    expect(not nameless(tab), f"{what}: without a name: {nameless(tab)}")
    for dark in (False, True):
        tab.dark(dark)
        wait_for("switches are at rest", lambda: tab.js(
            "!document.getAnimations().some(one => one instanceof CSSTransition)"))
        wrong = tab.js(CONTRAST)
        expect(not wrong, f"{what}, {'dark' if dark else 'light'}: too little contrast: {wrong}")
    tab.dark(False)
    for size in (PHONE, (320, 568), DESKTOP):
        tab.resize(size)
        for left in range(50, -1, -1):  # a moment after, it may still be as before
            time.sleep(0.1)
            wide = tab.js(WIDTH) or tab.js("innerWidth") != size[0]
            if not wide:
                break
            expect(left, f"{what} at {size}: wider than the window: {wide}")
    tab.resize(PHONE)


def test_every_state():
    with World() as world:
        alice = world.tab(None)
        look(alice, "signing in")
        alice.sign("alice")
        look(alice, "nobody here")
        bob = world.tab("a_name.of_thirty_characters_xx")
        name = bob.name
        alice.open(name)
        alice.wait_text("#can-call", "Write to them first.")
        look(alice, "a stranger")
        alice.say("a long word: " + "w" * 200)
        bob.open("alice")
        bob.click("#bond-follow")
        bob.click("#bond-contact")
        bob.say("hello")
        look(alice, "messages")
        look(bob, "bonds")
        bob.click("#report-open")
        look(bob, "a report")
        bob.key("Escape")
        bob.wait_gone("#report")
        alice.call()
        alice.wait("#call")
        look(alice, "calling")
        bob.wait("#incoming")
        look(bob, "ringing")
        bob.accept()
        alice.in_call()
        alice.unfold("#safety-fold")
        wait_for("the safety number", lambda: len(alice.text("#safety")) > 60)
        alice.unfold("#stats-fold")
        time.sleep(1.2)
        look(alice, "in a call")
        bob.hang_up()
        alice.wait_text("#call-state", "hung up")
        look(alice, "the end")
        alice.click("#call-close")
        for view in ("people", "history", "settings"):
            alice.click(f"#nav-{view}")
            time.sleep(0.5)
            look(alice, view)


def test_keyboard():
    """Nothing but keys: an account, a message, a call, its controls, settings."""
    with World() as world:
        bob = world.tab("bob")
        bob.allow("everyone")
        alice = world.tab(None)
        alice.name = "alice"
        alice.focus_is("name")
        alice.tab_to("tab-new")
        alice.key("Enter")
        alice.tab_to("name")
        alice.write("alice")
        alice.key("Tab")
        alice.write(PASSWORD)
        alice.key("Tab")
        alice.key(" ") # not kept signed in
        alice.tab_to("signin-go")
        alice.key("Enter")
        alice.online()
        alice.tab_to("add-name")
        alice.write("bob")
        alice.key("Enter")
        alice.wait_text("#person-name", "bob")
        alice.focus_is("person-name")
        alice.tab_to("message-text")
        alice.write("hello by keys")
        alice.key("Enter")
        bob.wait_text("#people-list", "alice")
        alice.wait_text("#can-call", "You can call bob.")
        alice.tab_to("call-audio")
        alice.key("Enter")
        bob.wait("#incoming")
        bob.focus_is("accept-audio")
        bob.key("Escape") # declines nobody
        for _ in range(6): # the dialog keeps the focus
            bob.key("Tab")
            expect(bob.focused() in ("decline", "accept-audio", "BODY"), bob.focused())
        bob.tab_to("accept-audio")
        bob.key("Enter")
        alice.in_call()
        alice.focus_is("hang-up")
        alice.key("ArrowRight")
        alice.focus_is("mute")
        alice.key(" ")
        alice.wait_text("#call-state", "microphone off")
        alice.tab_to("SUMMARY", 8)
        alice.key("Enter")
        wait_for("the safety number", lambda: alice.seen("#safety"))
        alice.tab_to("hang-up")
        alice.key("Enter")
        alice.wait_text("#call-state", "You hung up.")
        alice.focus_is("call-close")
        alice.key("Enter")
        alice.focus_is("person-name")
        alice.tab_to("nav-settings")
        alice.key("Enter")
        alice.wait_text("#s-sum", "people you follow")
        alice.tab_to("s-everyone")
        ring = alice.js("getComputedStyle(document.activeElement).outlineStyle")
        expect(ring != "none", "the focus is not seen")
        alice.key(" ")
        alice.wait_text("#s-sum", "Everyone who has written")


def test_roles():
    """The main controls, each the only one of its role and name: what a person who sees nothing has to go by."""
    def one_each(tab, what, *controls):
        for control in controls:
            wait_for(f"{what}: {control}", lambda: tab.count(control) == 1)

    with World() as world:
        alice, bob = world.tab(None), world.tab("bob")
        group, parts = role("group", "New here?"), role("navigation", "Parts of the page")
        one_each(alice, "signing in", role("main"), role("heading", "xcall", starts=True), group,
                 button("Sign in", within=group, pressed=True), button("Create account", within=group, pressed=False),
                 role("textbox", "Name"), role("textbox", "Password"),
                 role("checkbox", "Keep me signed in", starts=True, checked=True))
        alice.sign("alice")
        one_each(alice, "at home", role("banner"), parts, *(button(name, within=parts, starts=True) for name in
                 ("People", "Calls", "Settings")), role("heading", "People"), role("textbox", "Name of a person"),
                 button("Find"))
        world.make_friends()
        alice.open("bob")
        bond = role("group", "This person and you")
        alice.click(button("Follow"))
        one_each(alice, "a person", role("heading", "bob"), button("Back to the list"), button("Call"),
                 button("Video call"), bond, *(button(name, within=bond, pressed=False) for name in
                 ("Add to contacts", "Block")), button("Following", within=bond, pressed=True),
                 button("Report", within=bond), role("log", "Messages"), role("textbox", "Message"), button("Send"))
        alice.click(button("Report"))
        report = role("dialog", "Report bob")
        one_each(alice, "a report", role("combobox", "Why", within=report), button("Cancel", within=report),
                 role("textbox", "What happened (optional)", within=report), button("Report", within=report))
        alice.click(button("Cancel", within=report))
        alice.wait_gone(report)
        alice.part("Settings")
        one_each(alice, "settings", role("heading", "Who can call me"), role("group", "Calls may come from"),
                 *(role("checkbox", name, starts=True) for name in SETTINGS.values()),
                 *(role("switch", name, starts=True) for name in
                   ("Calls", "Enhanced call privacy", "Silence strangers", "Hide that I am in a call")),
                 button("Sign out"))
        alice.part("People")
        alice.open("bob")
        alice.call(video=True)
        ring, call = role("alertdialog", "alice"), role("region", "bob")
        one_each(bob, "ringing", *(button(name, within=ring) for name in ("Decline", "Sound only", "Accept with video")))
        bob.accept(video=True)
        alice.in_call()
        bar = role("toolbar", "Call")
        one_each(alice, "in a call", call, bar, *(button(name, within=bar) for name in
                 ("Mute", "Stop video", "Hold", "Share screen", "Hang up")))
        bob.hang_up()
        one_each(alice, "the end", *(button(name, within=call) for name in ("Call again", "Write a message", "Close")))
        alice.close_call()
        expect(not nameless(alice), nameless(alice))
        alice.js("document.getElementById('message-send').removeAttribute('aria-label')")
        expect(len(nameless(alice)) == 2, "a button without a name is not found both ways")


def test_clicks_are_real():
    """That these tests click as people do: nothing that is covered, off or not there is pressed."""
    def cannot(tab, control, there=True):
        expect(tab.count(control) == there, f"{control} is {'not ' * there}there")
        why = ("intercepts pointer events", "not visible", "not enabled") if there else ("Timeout", )
        for seconds in (4, 30): # it may take a slow machine longer to find out why
            try:
                tab.click(control, seconds)
            except Failed as error:
                if any(words in str(error) for words in why):
                    return
                problem = error
                continue
            raise Failed(f"{control} was pressed")
        raise problem

    with World() as world:
        alice, bob = world.two()
        cannot(alice, "#no-such-control", there=False)
        cannot(alice, "#call-close")
        alice.call()
        alice.wait("#call")
        cannot(alice, "#nav-settings") # beneath the call
        cannot(alice, "#camera") # before the accept
        bob.wait(role("alertdialog"))
        cannot(bob, "#call-audio") # beneath the ring
        bob.click(button("Decline"))
        alice.ended("bob declined.")


def test_live_regions():
    """What changes by itself is read out: states politely, problems at once."""
    with World() as world:
        alice = world.tab("alice")
        for place, role in (("link", "status"), ("can-call", "status"), ("call-state", "status"),
                            ("toasts", "status"), ("alerts", "alert"), ("messages", "log"),
                            ("key-warning", "alert"), ("signin-error", "alert"), ("s-sum", "status")):
            expect(alice.js(f"document.getElementById('{place}').getAttribute('role')") == role, place)
        expect(alice.js("document.documentElement.lang") == "en", "no language")


def test_reduced_motion():
    with World() as world:
        alice, bob = world.two()
        bob.still()
        alice.call()
        bob.wait("#incoming")
        running = bob.js("document.getAnimations().filter(one => one.playState === 'running').length")
        expect(running == 0, f"{running} animations")
        bob.click("#decline")


if __name__ == "__main__":
    main([(name, call) for name, call in list(globals().items()) if name.startswith("test_")])
