"""report.py - one run of one case: its folder, its peers, and what a failure leaves behind.

A failing case leaves in its folder: each description of both sides (.sdp), all lines in their order
(signals.txt), both peers' statistics, traces, and what hooks of the far peer add (a page's
statistics and a screenshot). The folder's path is printed with the failure.
SPDX-License-Identifier: MIT"""
import json
import os
import shutil
import traceback

import network


class Run:
    """What a case gets. `role` is ours: "offer" or "answer"."""

    def __init__(self, folder, peer_name, case_name, role, options):
        self.folder, self.peer_name, self.case_name, self.role = folder, peer_name, case_name, role
        self.options = options  # of main.py: seeds, build, ...
        self.network = network
        self.we_offer = role == "offer"
        self.peers = []       # every Peer made for it
        self.closers = []     # functions, called in reverse order at its end
        self.on_failure = []  # functions, called with this Run before anything is closed
        self.notes = []
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def note(self, text):
        """Something worth reading beside the result: a `#` line of the output."""
        self.notes.append(text)

    def keep(self, name, content):
        """Writes text, bytes or a JSON value into the case's folder."""
        if isinstance(content, bytes):
            with open(self.path(name), "wb") as file:
                file.write(content)
            return
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))

    def leave(self):
        """Of a failure: everything that may explain it."""
        for hook in self.on_failure:
            try:
                hook(self)
            except Exception:  # the rest is still worth having
                self.keep(f"hook-{getattr(hook, '__name__', 'failed')}.txt",
                          traceback.format_exc())
        for peer in self.peers:
            try:
                if peer.process.poll() is None:
                    self.keep(f"{peer.name}.stats-now.json", peer.stats(3))
            except Exception as error:
                self.keep(f"{peer.name}.stats-now.txt", str(error))

    def close(self):
        for closer in reversed(self.closers):
            try:
                closer()
            except Exception as error:
                self.note(f"while closing: {error}")
        for peer in self.peers:
            peer.close()

    def write_signals(self):
        """After close: what passed between the sides, and each side's words."""
        for peer in self.peers:
            rows = [("out", line) for line in peer.lines] + [("in", line) for line in peer.sent]
            rows.sort(key=lambda row: row[1]["at"])
            text, count = [], 0
            for way, line in rows:
                sdp = line.get("sdp")
                shown = {key: value for key, value in line.items() if key not in ("at", "sdp")}
                text.append(f"{line['at']:.3f} {way:3} {json.dumps(shown)}")
                if sdp:
                    side = peer.name if way == "out" else "far"
                    self.keep(f"{count:02}-{side}-{line['type']}.sdp", sdp)
                    text[-1] += f" -> {count:02}-{side}-{line['type']}.sdp"
                    count += 1
            self.keep(f"{peer.name}.signals.txt", "\n".join(text) + "\n")
            self.keep(f"{peer.name}.stderr.txt", " ".join(peer.command) + "\n" + peer.errors)
