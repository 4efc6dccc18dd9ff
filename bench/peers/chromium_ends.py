#!/usr/bin/python3
"""chromium_ends.py - starts Chromium on chromium.html, serves it, and hands on what it reports.
usage: chromium_ends.py PART '{"sound":..,"pictures":..,"out":..,...}'
SPDX-License-Identifier: MIT"""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-extensions", "--autoplay-policy=no-user-gesture-required",
         "--disable-renderer-backgrounding", "--disable-background-timer-throttling",
         "--disable-backgrounding-occluded-windows", "--mute-audio", "--js-flags=--expose-gc",
         "--disable-features=WebRtcHideLocalIpsWithMdns,Translate,MediaRouter"]


class Handler(http.server.BaseHTTPRequestHandler):
    options = {}
    done = threading.Event()
    code = 1

    def log_message(self, *_):
        pass

    def _answer(self, kind, body, code=200):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        files = {"/": ("text/html", os.path.join(HERE, "chromium.html")),
                 "/ends.js": ("text/javascript", os.path.join(HERE, "ends.js")),
                 "/sound": ("application/octet-stream", self.options["sound"]),
                 "/pictures": ("application/octet-stream", self.options["pictures"])}
        if self.path == "/options":
            self._answer("application/json", json.dumps(self.options).encode())
        elif self.path in files:
            kind, path = files[self.path]
            with open(path, "rb") as file:
                self._answer(kind, file.read())
        else:
            self._answer("text/plain", b"", 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        words = self.path.strip("/").split("/")
        if words[0] == "mark":
            print(json.dumps({"mark": words[1]}), flush=True)
        elif words[0] == "file":
            with open(os.path.join(self.options["out"], os.path.basename(words[1])), "wb") as file:
                file.write(body)
        self._answer("text/plain", b"")
        if words[0] == "result":
            print(body.decode(), flush=True)
            Handler.code = 0
            self.done.set()
        elif words[0] == "failed":
            print(body.decode(), file=sys.stderr)
            self.done.set()


def main():
    Handler.options = {**json.loads(sys.argv[2]), "part": sys.argv[1]}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = tempfile.mkdtemp()
    environment = {key: value for key, value in os.environ.items() if key != "PULSE_SERVER"}
    with open(os.path.join(Handler.options["out"], "chromium.log"), "wb") as log:
        browser = subprocess.Popen(
            ["chromium", *FLAGS, f"--user-data-dir={profile}",
             f"http://127.0.0.1:{server.server_port}/"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        while not Handler.done.wait(0.2) and browser.poll() is None:
            pass
        browser.terminate()
        try:
            browser.wait(5)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()
    shutil.rmtree(profile, ignore_errors=True)
    return Handler.code


sys.exit(main())
