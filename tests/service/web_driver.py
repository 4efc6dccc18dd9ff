"""web_driver.py - the web page as people use it: each Tab is of somebody with a browser context of their own (cookies,
storage, keys), and is driven by real clicks and keys (Playwright, web_browser.py). The main controls are found as
assistive technology finds them, by role and name.
SPDX-License-Identifier: MIT"""
import json
import os
import sys
import time

from server import BUILD, PATIENCE, Failed, Server, expect, run_tests, wait_for
from web_browser import Chromium
from web_proxy import Proxy

PASSWORD = "correct horse battery"
PHONE, DESKTOP = (360, 740), (1280, 800)


def role(kind, name=None, **options):
    """What getByRole finds, of which there must be one. options: see playwright_bridge.mjs."""
    return [kind, name, options]


def button(name, **options):
    return role("button", name, **options)


NAVIGATION = role("navigation", "Parts of the page")
SETTINGS = {"everyone": "Everyone", "verified": "Verified accounts", "following": "People I follow",
            "contacts": "People in my contacts"}

# What the page does not say of itself: its peer connections, for their statistics.
WATCH = """(() => {
  const Real = window.RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...a) { super(...a); window.peers.push(this); }
  };
  window.problems = [];
  window.waits = []; // what was ever waited for so long, or would be
  const wait = window.setTimeout;
  window.setTimeout = (call, ms, ...rest) => (window.waits.push(ms), wait(call, ms, ...rest));
  window.said = []; // to the service
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) { window.said.push(JSON.parse(text)); send.call(this, text); };
  window.told = []; // all short words in the corner, which go by themselves
  new MutationObserver(changes => changes.forEach(({target, addedNodes}) => ['toasts', 'alerts'].includes(target.id) &&
    addedNodes.forEach(node => window.told.push(node.textContent)))).observe(document, {childList: true, subtree: true});
  addEventListener('error', event => window.problems.push(String(event.message)));
  addEventListener('unhandledrejection', event => window.problems.push(String(event.reason?.stack ?? event.reason)));
  addEventListener('securitypolicyviolation', event => window.problems.push('csp: ' + event.violatedDirective));
})();"""

STATS = """(async () => {
  const peer = window.peers.at(-1);
  if (!peer) return null;
  const found = {audio: 0, energy: 0, frames: 0, sent: 0, state: peer.connectionState, videos: 0, pairs: []};
  const report = await peer.getStats();
  for (const one of report.values()) {
    if (one.type === 'inbound-rtp' && one.kind === 'audio') {
      found.audio = one.packetsReceived; found.energy = one.totalAudioEnergy ?? 0;
    } else if (one.type === 'inbound-rtp' && one.kind === 'video') {
      found.frames += one.framesDecoded ?? 0; found.videos++;
    } else if (one.type === 'outbound-rtp' && one.kind === 'audio') found.sent = one.packetsSent;
    else if (one.type === 'candidate-pair' && one.nominated)
      found.pairs.push([report.get(one.localCandidateId)?.candidateType,
                        report.get(one.remoteCandidateId)?.candidateType]);
  }
  return found;
})()"""

class Tab:
    """profile: of another tab, to be a second one of the same person. A selector may be a role() everywhere."""

    def __init__(self, chromium, url, size=PHONE, profile=None):
        self.chromium, self.url, self.size, self.name = chromium, url, size, None
        width, height = size
        self.profile = profile or chromium.ask("context", script=WATCH, options={
            "viewport": {"width": width, "height": height}})
        self.page = chromium.ask("open", context=self.profile)
        if profile:
            self.resize(size)
        self.go(url)

    def do(self, what, seconds=PATIENCE, **more):
        """A command of playwright_bridge.mjs for this page."""
        try:
            return self.chromium.ask(what, seconds, page=self.page, timeout=int(seconds * 1000), **more)
        except Failed as error:
            raise Failed(f"{self.name}: {what} {more.get('target', '')}: {error}") from None

    def go(self, url):
        self.do("go", url=url)
        # it makes a key first
        self.wait(":is(#signin, #home, #displaced):visible")

    def reload(self):
        """In a call the page asks first, and gets a yes."""
        self.do("reload")
        self.wait("#home")

    def before(self, script):
        """Runs before the page's own scripts, from the next load on."""
        self.do("before", script=script)

    def resize(self, size):
        self.size = size
        self.do("size", width=size[0], height=size[1])

    def dark(self, on):
        self.do("media", media={"colorScheme": "dark" if on else "light"})

    def still(self):
        """As with a system whose user wants no motion."""
        self.do("media", media={"reducedMotion": "reduce"})

    def js(self, expression, seconds=PATIENCE):
        """For what nobody sees: statistics, storage, what was sent."""
        return self.do("evaluate", seconds, expression=expression)

    def safe(self, expression):
        try:
            return self.js(expression, 5)
        except Failed:
            return None

    # --- what is seen -----------------------------------------------------------------------------

    def seen(self, selector):
        return self.do("seen", target=selector)

    def text(self, selector):
        return self.do("text", target=selector)

    def count(self, selector):
        return self.do("count", target=selector)

    def wait(self, selector, seconds=PATIENCE):
        return self.do("wait", seconds, target=selector, state="visible")

    def wait_gone(self, selector, seconds=PATIENCE):
        return self.do("wait", seconds, target=selector, state="hidden")

    def wait_text(self, selector, words, seconds=PATIENCE):
        return self.do("wait_text", seconds, target=selector, words=words)

    def told(self, words, seconds=PATIENCE):
        """In the corner, where words go by themselves: now or before."""
        wait_for(f"{self.name} is told {words!r}", lambda: any(words in text for text in self.js("window.told")),
                 seconds, 0.1)

    def stats(self):
        return self.js(STATS) or {}

    def aria(self):
        """The page as assistive technology has it, in Playwright's form: a line for each role and name."""
        return self.do("snapshot")

    def tree(self):
        """[role, name] of Chromium's own accessibility tree."""
        return self.do("tree")

    # --- what a person does -----------------------------------------------------------------------
    # Each waits until the control is there, shown, at rest, enabled, and not covered by another.

    def click(self, selector, seconds=PATIENCE):
        self.do("click", seconds, target=selector)

    def check(self, selector, on=True):
        self.do("check", target=selector, on=on)

    def choose(self, selector, option):
        self.do("choose", target=selector, option=option)

    def fill(self, selector, text):
        self.do("fill", target=selector, text=text)

    def unfold(self, selector, on=True):
        """A <details>."""
        if self.js(f"document.querySelector({json.dumps(selector)}).open") != on:
            self.click(f"{selector} > summary")

    def key(self, name, shift=False):
        self.do("press", key=f"Shift+{name}" if shift else name)

    def write(self, text):
        """Key by key, where the focus is."""
        self.do("type", text=text)

    def focused(self):
        return self.js("document.activeElement?.id || document.activeElement?.dataset.name || "
                       "document.activeElement?.tagName")

    def focus_is(self, wanted):
        """The page puts it there, perhaps a moment after what else it shows."""
        wait_for(f"{self.name}: the focus on {wanted}", lambda: self.focused() == wanted)

    def tab_to(self, wanted, steps=60):
        """With the tabulator key alone."""
        for _ in range(steps):
            if self.focused() == wanted:
                return
            self.key("Tab")
        raise Failed(f"{self.name}: the keyboard does not reach {wanted}; it is at {self.focused()}")

    # --- whole steps ------------------------------------------------------------------------------

    def sign(self, name, create=True, keep=True):
        self.name = name
        self.wait("#signin-form")
        words = "Create account" if create else "Sign in"
        self.click(button(words, within=role("group", "New here?")))
        self.fill(role("textbox", "Name"), name)
        self.fill(role("textbox", "Password"), PASSWORD)
        self.check(role("checkbox", "Keep me signed in", starts=True), keep)
        self.click("#signin-go") # of the same name as what chooses it
        self.online()
        return self

    def online(self, seconds=PATIENCE):
        self.wait("#home", seconds)
        self.wait_text(role("status", within=role("banner")), "Online", seconds)

    def part(self, name):
        """People, Calls or Settings."""
        self.click(button(name, within=NAVIGATION, starts=True))

    def open(self, name):
        if not self.seen("#add-form"):
            self.part("People")
        self.fill(role("textbox", "Name of a person"), name)
        self.click(button("Find"))
        self.wait_text("#person-name", name)

    def say(self, text):
        self.fill(role("textbox", "Message"), text)
        self.click(button("Send"))
        self.wait_text(role("log", "Messages"), text)

    def allow(self, *kinds):
        """Of everyone, verified, following, contacts."""
        self.part("Settings")
        wait_for("the settings", lambda: self.text("#s-sum"))
        for kind, words in SETTINGS.items():
            box = f"document.getElementById('s-{kind}')"
            if self.js(f"{box}.checked") != (kind in kinds):
                before = self.text("#s-sum")
                self.check(role("checkbox", words, starts=True), kind in kinds)
                # one more kind beside "everyone" changes no words
                wait_for(f"{kind} is set", lambda: self.js(f"{box}.checked") == (kind in kinds) and (
                    self.text("#s-sum") != before or "everyone" in kinds))
        self.part("People")

    def call(self, video=False):
        self.click(button("Video call" if video else "Call"))

    def refused(self, words):
        """The call that was just placed is refused, with these words."""
        self.wait_text("#call-state", words)
        expect(self.js("document.getElementById('call').dataset.state") == "ended", "it goes on")
        self.close_call()

    def close_call(self):
        self.click(button("Close"))
        self.wait_gone("#call")

    def accept(self, video=False):
        """Of a call with video the other way is "Sound only"."""
        ring = role("alertdialog")
        self.wait(ring)
        self.click(button("Accept with video", within=ring) if video else "#accept-audio")

    def in_call(self, seconds=PATIENCE):
        wait_for(f"{self.name} is in a call",
                 lambda: self.js("document.getElementById('call').dataset.state") == "active" and
                 self.seen("#call"), seconds, 0.05)

    def hears(self, seconds=PATIENCE):
        before = self.stats()
        wait_for(f"{self.name} hears", lambda: self.stats()["energy"] > before["energy"] + 1e-5 and
                 self.stats()["audio"] > before["audio"] + 20, seconds, 0.1)

    def hears_nothing(self, packets, seconds=PATIENCE):
        """For a second and a half; packets: whether they come all the same (silence), or not (held)."""
        def quiet():
            before = self.stats()
            time.sleep(1.5)
            after = self.stats()
            grown = after["audio"] - before["audio"]
            return after["energy"] - before["energy"] < 1e-5 and (grown > 0 if packets else grown < 5)
        wait_for(f"{self.name} hears nothing", quiet, seconds)

    def sees(self, seconds=PATIENCE):
        wait_for(f"{self.name} is shown a picture", lambda: self.js(
            "!document.getElementById('remote').hidden && "
            "document.getElementById('remote').videoWidth > 0"), seconds, 0.1)
        before = self.stats()["frames"]
        wait_for(f"{self.name} sees", lambda: self.stats()["frames"] > before + 10, seconds, 0.1)

    def hang_up(self):
        self.click(button("Hang up", within=role("toolbar", "Call")))

    def ended(self, words, seconds=PATIENCE):
        self.wait_text("#call-state", words, seconds)
        self.close_call()

    def shot(self, name):
        """A picture, kept in the build folder."""
        folder = os.path.join(BUILD, "service")
        os.makedirs(folder, exist_ok=True)
        self.do("screenshot", 45, path=os.path.join(folder, f"{name}.png"))

    def close_tab(self):
        self.do("shut")

    def close(self):
        try:
            self.chromium.ask("close_context", context=self.profile)
        except Failed:
            pass


QUICK = ["hash_memory_mib = 8"]
SOURCES = os.environ.get("XCALL_PAGE")  # a folder whose files are shown instead of the built-in ones


def admin(server, *words):
    return server.admin(*words)


class World:
    """A server, a proxy before it, and tabs; a failure leaves pictures of them."""

    browser = None

    def __init__(self, config=(), change=None, chromium=None):
        if World.browser and World.browser.gone:
            World.browser.close()
            World.browser = None
        if not chromium and not World.browser:
            World.browser = Chromium()
        self.chromium = chromium or World.browser
        self.config = [*QUICK, *config]
        self.server = Server(config=self.config)
        self.server.patient()
        self.proxy = Proxy(self.server.port, change, SOURCES)
        self.url = f"http://127.0.0.1:{self.proxy.port}/"
        self.tabs = []

    def tab(self, name, create=True, **more):
        made = Tab(self.chromium, self.url, **more)
        self.tabs.append(made)
        return made.sign(name, create) if name else made

    def two(self, friends=True, **more):
        """alice and bob, who may call each other."""
        alice, bob = self.tab("alice", **more), self.tab("bob", **more)
        if friends:
            self.make_friends()
        alice.open("bob")
        bob.open("alice")
        return alice, bob

    def make_friends(self):
        for one, two in (("alice", "bob"), ("bob", "alice")):
            admin(self.server, "follow", one, two)
            admin(self.server, "message", one, two)

    def connect(self, caller, callee, video=False):
        caller.call(video)
        callee.accept(video)
        caller.in_call()
        callee.in_call()

    def kill(self):
        """kill -9, and the same store served again."""
        self.server.process.kill()
        self.server.process.communicate()

    def start_again(self):
        before = self.server
        self.server = Server(config=self.config, folder=before.folder)
        self.server.own, before.own = before.own, False
        self.proxy.port_behind = self.server.port

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            for number, tab in enumerate(self.tabs):
                try:
                    tab.shot(f"failed-{number}-{tab.name}")
                    print(f"# {tab.name}: {tab.js('window.problems')} {tab.text('body')[:300]!r}")
                except Failed:
                    pass
        problems = [tab.safe("window.problems") for tab in self.tabs] if not kind else []
        for tab in self.tabs:
            tab.close()
        self.proxy.close()
        self.server.__exit__(kind, error, trace)
        expect(not any(problems), problems)


def main(tests):
    """run_tests, with the browser ended behind it."""
    try:
        run_tests(tests, sys.argv[2:])
    finally:
        if World.browser:
            World.browser.close()
