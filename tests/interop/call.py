"""call.py - a call between xcall-peer and a page: the two joined, and checks of either end.
SPDX-License-Identifier: MIT"""
import threading
import time

import browser
import media
import network
from case import Failed, check, wait_for
from network import LossyPath
from peer import Peer, check_counters, different
from websocket import RemoteError

OURS, THEIRS = 1000, 700  # Hz of the tones
LOOKS_MIN = 10  # pictures that a page must look at, however little time it has


class Call:
    """Both ends of a call, made but not begun.

    Options of the page: trickle, bundlePolicy, codecs ({"video": ["VP9", "*"]}). `path`: a LossyPath
    that all goes through. `video`, `audio`: whether our side has them; what the page sends is added
    by add_audio() and add_video() before begin()."""

    def __init__(self, run, *options, video=True, trickle=True, path=None, mdns=False, tone=OURS,
                 channels=1, page=None):
        self.run, self.path = run, path
        self.dropped_before = network.dropped()
        self.browser = browser.get(run.peer_name, mdns, devices=not mdns)  # granted ones hide nothing
        self.page = browser.Page(self.browser)
        run.closers.append(self._close)
        run.on_failure.append(self._leave)
        self.failed = False
        self.lines_in, self.ended = [], threading.Event()
        self.page.call("create", {"trickle": trickle, "polite": run.we_offer,
                                  "offers": False, **(page or {})})
        if browser.network.on_loopback():
            self.page.call("fakeDevices")
        self.options = list(options) + ([] if trickle else ["--no-trickle"])
        self.video, self.tone, self.channels = video, tone, channels
        self.ours = None

    def begin(self):
        """Starts our side and the signals' way; the offerer offers."""
        self.ours = Peer(self.run, *self.options, signal=self._to_page, tone=self.tone,
                         video=self.video)
        self.ours.channels = self.channels
        threading.Thread(target=self._pump, daemon=True).start()
        if not self.run.we_offer:
            self.page.call("offer")
        return self

    def _to_page(self, line):
        if self.path:
            line = self.path.from_us(line)
        try:
            self.page.call("receive", line)
        except RemoteError as error:
            self.ours.errors += f"[the page does not take a line: {error}]"

    def _pump(self):
        while not self.ended.is_set():
            try:
                lines = self.page.call("take", 2000, seconds=120)
            except (RemoteError, OSError, ValueError):
                return
            for line in lines:
                line = self.path.to_us(line) if self.path else line
                if line:
                    self.ours.send(line)

    def _leave(self, run):
        self.failed = True
        for name, what in (("page.stats.json", "stats"), ("page.state.json", "state"),
                           ("page.descriptions.json", "descriptions")):
            run.keep(name, self.page.call(what, seconds=20))
        run.keep("page.png", self.page.screenshot())

    def _close(self):
        self.ended.set()
        self.page.close()
        if self.failed:
            browser.discard(self.browser)
        if self.path:
            self.path.close()

    def end(self):
        """Of a case that makes several calls: this one is finished, and nothing is left of it."""
        self.run.closers.remove(self._close)
        self.run.on_failure.remove(self._leave)
        self._close()
        self.run.peers.remove(self.ours)
        self.ours.close()

    # --- the page's media -------------------------------------------------------------------------

    def add_audio(self, name="audio", hz=THEIRS, how="track", **settings):
        return self.page.call("add", name, "audio", {"hz": hz, **settings}, how)

    def add_video(self, name="video", how="track", **settings):
        return self.page.call("add", name, "video", settings, how)

    # --- checks ---------------------------------------------------------------------------------

    def state(self):
        return self.page.call("state")

    def wait_connected(self, seconds=60):
        self.ours.wait_connected(seconds)

        def look():
            state = self.state()
            check(not state["errors"], f"the page: {state['errors']}")
            return state["connection"] == "connected"
        wait_for("the page is connected", look, seconds)
        return self

    def wait_stable(self, seconds=40):
        """No negotiation is under way at the page, and none was an error."""
        def look():
            state = self.state()
            check(not state["errors"], f"the page: {state['errors']}")
            return state["signaling"] == "stable" and not state["busy"]
        wait_for("negotiation is done", look, seconds)

    def page_hears(self, hz=OURS, seconds=40, channel=0, index=0):
        def look():
            heard = self.page.call("heard", index)
            if not heard or not heard[channel]["tones"]:
                return False
            best = heard[channel]["tones"][0]
            return abs(best["hz"] - hz) <= max(20, 0.02 * hz) and best["share"] > 0.6
        try:
            wait_for("", lambda: look() and (time.sleep(0.4) or look()), seconds)
        except Failed:
            raise Failed(f"the page does not hear {hz} Hz but "
                         f"{self.page.call('heard', index)}") from None

    def page_hears_nothing(self, seconds=40):
        def look():
            heard = self.page.call("heard")
            return not heard or heard[0]["level"] < 0.003
        wait_for("the page hears nothing", lambda: look() and (time.sleep(0.5) or look()), seconds)

    def page_sees(self, count=30, since=None, seconds=60, index=0, size=None, wide=False):
        """So many more pictures from now (or from the first on): the page looked at that many different
        ones, or at LOOKS_MIN of them where it was short of time, and presented that many by the
        browser's own count. The numbers of those that it looked at rise."""
        first = len(self.page.call("seen", index)) if since is None else since
        key = "wide" if wide else "pattern"

        def look():
            new = self.page.call("seen", index, first)
            if size:
                new = [p for p in new if (p["width"], p["height"]) == tuple(size)]
            new = different(new, key)
            if len(new) >= count:
                return new
            return new if len(new) >= min(count, LOOKS_MIN) and presented(new) >= count else None
        try:
            found = wait_for("", look, seconds, 0.3)
        except Failed:
            new = self.page.call("seen", index, first)
            raise Failed(f"the page looked at {len(different(new, key))} of {count} pictures "
                         f"({len(new)} with repeats and unreadable ones, {presented(new)} presented), "
                         f"the last {new[-1] if new else None}") from None
        check_counters([p[key] for p in found], "the page")
        return found

    def page_sees_nothing(self, seconds=40, index=0):
        def look():
            count = len(self.page.call("seen", index))
            time.sleep(1.0)
            return len(self.page.call("seen", index)) == count
        wait_for("the page sees no new picture", look, seconds)

    def we_hear(self, hz=THEIRS, seconds=40, channel=0):
        self.ours.wait_tone(hz, seconds, channel)

    def we_see(self, count=30, seconds=60, since=None, track=None, size=None):
        first = len(self.ours.seen(track)) if since is None else since
        return self.ours.wait_pictures(count, first, seconds, track, size)

    def we_see_nothing(self, seconds=40, track=None):
        def look():
            count = len(self.ours.seen(track))
            time.sleep(1.0)
            return len(self.ours.seen(track)) == count
        wait_for("we see no new picture", look, seconds)

    def stats(self, report_type=None, **wanted):
        """The page's statistics of this type whose members are as wanted."""
        return [report for report in self.page.call("stats")
                if report_type in (None, report["type"])
                and all(report.get(key) == value for key, value in wanted.items())]

    def stat(self, report_type, **wanted):
        """The busiest one of them."""
        found = self.stats(report_type, **wanted)
        check(found, f"the page has no {report_type} with {wanted}")
        return max(found, key=lambda report: report.get("packetsReceived",
                                                        report.get("packetsSent", 0)))

    def check_none_lost(self, **lost):
        """Each count of lost packets is 0, or what the system itself threw away."""
        dropped = network.dropped() - self.dropped_before
        for name, count in lost.items():
            check(count <= dropped, f"lost of {name}: {count}; the system dropped {dropped} datagrams")

    def finish(self, asked=True):
        """Ends the call by a hang-up of ours, which must be a clean end. asked: media flowed in
        every direction that our options name."""
        code = self.ours.finish()
        check(code in (0, 1) and "ERROR" not in self.ours.errors and
              "Sanitizer" not in self.ours.errors, f"exit {code}: {self.ours.errors}")
        if code and (asked or "received" not in self.ours.errors):
            raise Failed(f"exit code 1: {self.ours.errors.strip()}")


def presented(pictures):
    """By the browser's count, from the first of these to the last: it goes on where a page that is
    short of time is not asked to look (video.requestVideoFrameCallback)."""
    return pictures[-1]["presented"] - pictures[0]["presented"] + 1 if pictures else 0


def level_of(samples):
    return media.tone_of(samples)[2]


__all__ = ["Call", "LossyPath", "OURS", "THEIRS", "level_of"]
