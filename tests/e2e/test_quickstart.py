#!/usr/bin/env python3
"""test_quickstart.py BUILD - the first command of the README: a short call between two processes, and
what it leaves behind. TAP on stdout.
SPDX-License-Identifier: MIT"""
import html
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "build", "quickstart")
SCRIPT = os.path.join(ROOT, "examples", "quickstart.sh")
failed = 0


def check(name, problem):
    global failed
    failed += bool(problem)
    print(f"{'not ok' if problem else 'ok'} - {name}")
    for line in (problem or "").splitlines()[-20:]:
        print(f"# {line}")


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=600, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


def page():
    path = os.path.join(OUT, "report.html")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if re.search(r"(src|href)=[\"']https?://", text):
        return "it loads something from elsewhere"
    return None if "data:image" in text and len(text) > 10000 else "no pictures in it"


def page_says(words):
    with open(os.path.join(OUT, "report.html"), encoding="utf-8") as file:
        return html.escape(words) in file.read()


def streams():
    code, text = run("ffprobe", "-v", "error", "-count_packets", "-show_entries",
                     "stream=codec_name,nb_read_packets", "-of", "json",
                     os.path.join(OUT, "received.webm"))
    if code:
        return text
    found = {s["codec_name"]: int(s["nb_read_packets"]) for s in json.loads(text)["streams"]}
    # Of some 150 and 90: a busy machine makes fewer.
    good = set(found) == {"opus", "vp8"} and found["opus"] > 20 and found["vp8"] > 5
    return None if good else str(found)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    code, text = run(SCRIPT, "--seconds", "3")
    check("quickstart.sh makes a call", text if code else None)
    check("its page holds all that it shows", None if code == 0 and not page() else
          "no call" if code else page())
    with open(os.path.join(OUT, "report.json"), encoding="utf-8") as file:
        report = json.load(file)
    check("its report is JSON", None if report else "empty")
    refused = report.get("refused") or {}
    shown = refused.get("text") or "no refusal"
    check("a call was refused first, and why", None if refused.get("code") == "message_first" and
          shown in text and page_says(shown) else f"{refused}\n{text}")
    left = [name for name in os.listdir(OUT) if name.endswith(".token") or name.startswith("service.db")]
    check("no token and no store is left behind", str(left) if left else None)
    check("what was received plays: Opus and VP8", streams())
    code, text = run(SCRIPT, "--seconds", "none")
    check("bad use is 2", None if code == 2 and len(text.splitlines()) == 1 else text)
    sys.exit(1 if failed else 0)


main()
