#!/usr/bin/env python3
"""test_documents.py BUILD [TEST ...] - every fenced block of docs/xcalld.md, xcalld-admin.md, web.md and
phone.md is run or checked, and each command line that they show; no block of docs/ is left to nobody. TAP on stdout.
SPDX-License-Identifier: MIT"""
import base64
import glob
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ed25519  # noqa: E402
from people import Device  # noqa: E402
from phone import Phone  # noqa: E402
from server import BUILD, PATIENCE, XCALLD, Server, Skipped, expect, make_certificate, run_tests, wait_for  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(name):
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as file:
        return file.read()


def blocks(name, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", read(name), re.S | re.M)
    return [text for kind, text in found if kind == language]


def check_config(text, folder):
    path = os.path.join(folder, "config")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([XCALLD, "--config", path, "--check-config"], capture_output=True, text=True, timeout=PATIENCE)
    expect(done.returncode == 0 and done.stdout == "ok\n", (text, done.returncode, done.stderr))


# The languages of each document's fenced blocks, in order. Those of the last four are run elsewhere: api.md, client.md
# and life.md by test_readme, the frames ("text") of protocol.md by test_transcript.
BLOCKS = {"xcalld.md": ["sh", "ini", "ini", "sh", "ini", "json"], "web.md": ["sh"],
          "xcalld-admin.md": ["console", "sh", "json"], "protocol.md": ["", "", *["text"] * 9],
          "api.md": ["c"], "client.md": ["c"], "life.md": ["c"]}


def test_nothing_is_left_out():
    """Another block in a document wants a test, here or where its document's are."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True)):
        fences = re.findall(r"^ *```(.*)$", read(path), re.M)
        expect(len(fences) % 2 == 0 and not any(fences[1::2]), (path, fences))
        if fences:
            found[os.path.relpath(path, os.path.join(ROOT, "docs"))] = fences[::2]
    expect(found == BLOCKS, found)
    with open(os.path.join(ROOT, "tests", "e2e", "test_readme.py"), encoding="utf-8") as file:
        elsewhere = file.read()
    for name in ("api.md", "client.md", "life.md"):
        test = re.search(r"<!-- test: (\w+).*? -->\n```c\n", read(name))
        expect(test and f'block("{test.group(1)}", "docs", "{name}")' in elsewhere, name)
    chapter = read("protocol.md").index("## A worked transcript\n")  # all that test_transcript plays
    expect(read("protocol.md").index("```text\n") > chapter, "a frame outside the transcript")


def admin_lines(folder, lines):
    """Each line as a shell runs it, with the program first in PATH: (line, the one row that it printed)."""
    os.symlink(XCALLD, os.path.join(folder, "xcalld"))
    env = {**os.environ, "PATH": folder + os.pathsep + os.environ["PATH"]}
    for line in lines:
        done = subprocess.run(["sh", "-e", "-c", line], cwd=folder, env=env, capture_output=True, text=True,
                              timeout=PATIENCE)
        expect(done.returncode == 0 and not done.stderr, (line, done.returncode, done.stderr))
        expect(done.stdout.count("\n") == 1 and done.stdout.endswith("\n"), (line, done.stdout))
        yield line, json.loads(done.stdout)


def test_admin_transcript():
    """The transcript of xcalld-admin.md on a new store: each command prints the line below it, but for the time."""
    shown = re.findall(r"^\$ (xcalld admin .*)\n(\{.*\})\n", blocks("xcalld-admin.md", "console")[0], re.M)
    expect("".join(f"$ {line}\n{row}\n" for line, row in shown) == blocks("xcalld-admin.md", "console")[0], shown)
    expect(len(shown) > 5, shown)
    with tempfile.TemporaryDirectory() as folder:
        begun = int(time.time() * 1000)
        for (line, got), (_, text) in zip(admin_lines(folder, [line for line, _ in shown]), shown):
            wanted = json.loads(text)
            if "created" in wanted:
                expect(re.fullmatch(r"[0-9]{13}", str(wanted["created"])), text)
                expect(begun <= got.get("created", 0) <= time.time() * 1000, (line, got))
                wanted["created"] = got["created"]
            # As texts: the order of members counts, and 1 is not true.
            expect(json.dumps(got) == json.dumps(wanted), (line, got, wanted))


def test_admin_rollout():
    """The steps of xcalld-admin.md's roll-out, each with the percentages of its comment, let in whom they say."""
    lines = []
    for line in blocks("xcalld-admin.md", "sh")[0].splitlines():
        command, _, comment = line.partition("#")
        more = re.findall(r"\d+", comment)
        lines.append(command)
        if more:  # the last percentage above 0 is the one that rises
            at = [found for found in re.finditer(r"--(?:all|paid) (\d+)", command) if found.group(1) == "1"]
            expect(len(at) == 1, line)
            lines += [command[:at[0].start(1)] + percent + command[at[0].end(1):] for percent in more]
    expect(len(lines) == 9, lines)
    setup = ["account alice", "account carol --paid on", "account dave", "account bob --paid on"]
    setup += [f"{edge} {one} {other}" for name in ("alice", "carol", "dave")
              for edge, one, other in (("follow", "bob", name), ("message", name, "bob"))]
    setup = [f"xcalld admin {words} --store calls.db" for words in setup]
    explain = [f"xcalld admin explain {name} bob --store calls.db" for name in ("alice", "carol", "dave")]
    asked = [step for line in lines for step in (line, *explain)]
    with tempfile.TemporaryDirectory() as folder:
        got = [row for _, row in admin_lines(folder, setup + asked)][len(setup):]
    steps = []
    for at, line in enumerate(lines):
        row, *verdicts = got[at * 4:at * 4 + 4]
        for option in ("all", "paid"):
            expect(row[option] == float(re.search(rf"--{option} (\d+)", line).group(1)), (line, row))
        expect(row["feature"] == "calls.make" and row["include"] == ["alice"] and row["hours"] == 24, (line, row))
        # alice is of the staff: she stays in whatever the percentages are.
        steps.append((row["paid"], row["all"], *(one["verdict"] == "ring" for one in verdicts)))
    expect(all(step[2] for step in steps), steps)
    expect(all(step[3] for step in steps if step[0] == 100) and not steps[0][3], steps)  # who pays
    expect(not any(step[4] for step in steps if step[1] == 0) and steps[-1][4], steps)  # who does not
    for who in (3, 4):
        expect(sorted(steps, key=lambda step: step[who]) == steps, ("who was in is out", steps))


def test_admin_figures():
    """The guard figures of xcalld-admin.md have the program's members in its order, and agree with each other."""
    shown = json.loads(blocks("xcalld-admin.md", "json")[0])["cohorts"]
    with tempfile.TemporaryDirectory() as folder:
        line = "xcalld admin rollout calls.make --all 50 --store calls.db"
        rows = admin_lines(folder, ["xcalld admin account alice --store calls.db", line])
        row = [row for _, row in rows][1]
    named = set(re.findall(r"`([a-z0-9_]+)`", read("xcalld-admin.md").split("```sh\nxcalld admin rollout")[1]
                           .split("```json")[0])) - {"null"}
    expect({"setup_success", "setup_ms_p95", "vanish_rate", "cohorts"} <= named, named)
    expect(named <= set(row), named - set(row))
    expect({name: list(one) for name, one in shown.items()} ==
           {name: list(one) for name, one in row["cohorts"].items()}, (shown, row))
    for one in shown.values():
        expect(one["setup_success"] == round(one["connected"] / one["accepted"], 4), one)
        expect(one["drop_rate"] == round(one["dropped"] / one["connected"], 4), one)
        expect(one["vanish_rate"] == round(one["devices_vanished"] / (2 * one["accepted"]), 4), one)


def test_series():
    """The series of xcalld.md's tables are those of /metrics that are about calls, with the labels it names."""
    shown, media = {}, True
    text = read("xcalld.md").split("Of calls `/metrics` says")[1].split("The log is one")[0]
    for line in text.splitlines():
        media = media and not line.startswith("and without `media`")
        for name, labels in re.findall(r"`(xcalld_\w+)(?:\{([\w,]+)\})?`", line.split("|")[1] if "|" in line else ""):
            shown[name] = set((labels or "").split(",")) - {""} | ({"media", "cohort"} if media else set())
    with Server(config=["hash_memory_mib = 8"]) as server:
        alice, bob = Device(server, "alice"), Device(server, "bob")
        expect(alice.invite(bob.name)[1]["b"]["code"] == "message_first")
        lines = server.get("/metrics")[2].splitlines()
    found = {}
    for line in lines:
        name, labels = re.match(r"([\w]+)(?:\{(.*)\})? ", line).groups() if line[:1] != "#" else ("", None)
        name = re.sub(r"_(bucket|sum|count)$", "", name)
        if labels:
            found.setdefault(name, set()).update(set(re.findall(r"(\w+)=", labels)) - {"le"})
    expect({"xcalld_calls_received_total", "xcalld_calls_refused_total", "xcalld_devices"} <= set(shown), shown)
    for name, labels in shown.items():
        expect(found.get(name) == labels, (name, labels, found.get(name)))
    there = {name for name, labels in found.items() if name.startswith("xcalld_call") and "cohort" in labels}
    expect(there <= set(shown), there - set(shown))
    series = [line.split(" ")[0] for line in lines if line[:1] != "#"]
    expect(len(series) == len(set(series)), "a series is there twice")
    sums = {reason: [int(line.split()[-1]) for line in lines
                     if line.startswith(f'xcalld_calls_refused_total{{reason="{reason}",')]
            for reason in ("message_first", "unavailable")}
    expect(sums == {"message_first": [1, 0, 0, 0], "unavailable": [0] * 4}, sums)


# What protocol.md says in words of the policy's defaults.
SAID = {"limit_frames": ("600/60", "600 a minute"), "limit_calls_account": ("60/3600", "60 an hour"),
        "limit_calls_device": ("60/3600", "60 an hour"), "limit_callees": ("50/86400", "50 people a day"),
        "limit_pair": ("3/600", "3 in 10 minutes"), "limit_pair_day": ("10/86400", "10 a day that are not answered"),
        "limit_messages": ("60/60", "60 a minute each"), "limit_can_call": ("60/60", "60 a minute each"),
        "limit_sign_in_address": ("60/600", "60 in 10 minutes an address"),
        "limit_sign_in_account": ("10/600", "10 in 10 minutes an account from one address"),
        "limit_sign_up_address": ("20/3600", "20 an hour an address"), "limit_turn": ("30/3600", "30 an hour an account"),
        "limit_reports": ("20/86400", "20 a day"), "connections_per_address": ("200", "200 open"),
        "limit_connections": ("300/60", "300 new ones a minute"), "contacts_max": ("5000", "(5000 each)"),
        "follows_max": ("5000", "(5000 each)"), "blocks_max": ("5000", "(5000 each)"), "token_days": ("30", "good for 30 days"),
        "ring_ms": ("60000", "`ring_ms` (60 s)"), "reach_ms": ("20000", "`reach_ms` (20 s;"),
        "reach_push_ms": ("35000", "35 s where a device is being woken"), "connect_ms": ("30000", "`connect_ms` (30 s)"),
        "caller_gone_ms": ("15000", "not connected | 15 s |"), "media_lost_ms": ("30000", "not connected | 30 s |"),
        "signal_lost_ms": ("60000", "`lost` | 60 s |"), "tombstone_ms": ("120000", "within 120 seconds")}


def test_limits_of_the_protocol():
    """The numbers that a writer of a client reads are those of the service."""
    text = " ".join(read("protocol.md").split())
    table = read("xcalld-admin.md").split("## Policy\n")[1]  # test_admin holds it against the program
    defaults = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", table, re.M))
    for key, (default, words) in SAID.items():
        expect(defaults.get(key) == default, (key, defaults.get(key), default))
        expect(words in text, (key, words))


def test_signed_lines():
    """protocol.md's lines below a signature: the format, the vector in it, and openssl's signatures of that."""
    form, vector = blocks("protocol.md", "")
    names = [line.split("  ")[0] for line in form.splitlines() if not line.startswith(" ")]
    expect(names == ["xcall-1 body", "CALL", "TYPE", "FROM", "TO", "FINGERPRINTS", "UFRAG", "PWD", "SEQ"], names)
    lines = vector.splitlines()
    expect(lines[0] == names[0] and len(lines) == len(names) - 1, lines)
    text = dict(zip(names, lines))
    sdp = f"a=fingerprint:{text['FINGERPRINTS']}\r\na=ice-ufrag:{text['UFRAG']}\r\na=ice-pwd:{text['PWD']}\r\n"
    say = (text["CALL"], text["TYPE"], text["FROM"], text["TO"], sdp)
    seed, public = re.search(r"secret key\s+`(\S{44})`, public `(\S{44})`", read("protocol.md")).groups()
    key = ed25519.Key(base64.b64decode(seed))
    first = re.search(r"```\n\nis `(\S{88})`", read("protocol.md")).group(1)
    later = re.search(r"`seq` 1\) is `(\S{88})`", read("protocol.md")).group(1)
    expect(key.public == public, key.public)
    expect(ed25519.signed_text(*say) == vector.encode(), ed25519.signed_text(*say))
    for wanted, seq in ((first, None), (later, "1")):
        expect(key.sign(ed25519.signed_text(*say, seq)) == wanted, (wanted, seq))


def test_configs():
    """The two configs, with their files in a folder of the test's."""
    first, proxy = [block for block in blocks("xcalld.md", "ini") if "listening-port" not in block]
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder)
        os.rename(os.path.join(folder, "cert.pem"), os.path.join(folder, "fullchain.pem"))
        secret_line = blocks("xcalld.md", "sh")[1]
        run = secret_line.replace("/etc/xcalld/", folder + "/")
        subprocess.run(["sh", "-e", "-c", run], check=True, timeout=PATIENCE)
        path = os.path.join(folder, "turn-secret")
        with open(path, encoding="ascii") as file:
            expect(re.fullmatch(r"[0-9a-f]{64}\n", file.read()), "the secret")
        expect(os.stat(path).st_mode & 0o077 == 0, "others may read the secret")
        text = re.sub(r"/etc/xcalld/|/var/lib/xcalld/|/var/log/", folder + "/", first)
        check_config(text, folder)
        check_config(proxy, folder)


def test_start():
    """The three lines of the beginning; the second and third with a config of their own."""
    lines = [line for line in blocks("xcalld.md", "sh")[0].splitlines() if line]
    expect(len(lines) == 3, lines)
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(BUILD, os.path.join(folder, "build"))
        config = os.path.join(folder, "conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("listen = 127.0.0.1:0\n")
        out = subprocess.run(["sh", "-c", lines[2].replace("/etc/xcalld.conf", config)], cwd=folder,
                             capture_output=True, text=True, timeout=PATIENCE)
        expect(out.returncode == 0 and out.stdout == "ok\ngood\n", out)
        for line in lines[:2] + [blocks("web.md", "sh")[0].strip()]:
            command = line.split("#")[0].replace("/etc/xcalld.conf", config).replace(":8443", ":0")
            process = subprocess.Popen(["sh", "-c", "exec " + command], cwd=folder, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            said = process.stdout.readline()
            process.terminate()
            code = process.wait(PATIENCE)
            process.stdout.close()
            expect(said.startswith("xcalld: serves ws://127.0.0.1:") and code == 0, (line, said, code))


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def complaints(text, folder):
    """What coturn said of such a configuration by the time it answered a Binding request (RFC 8489)."""
    path, port = os.path.join(folder, "turnserver.conf"), free_port()
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"log-file=stdout\nlistening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nno-tls\nno-dtls\npidfile={path}.pid\n"
                   f"userdb={path}.db\n" + text.replace("listening-port=3478", f"listening-port={port}"))
    with open(path + ".log", "w+", encoding="utf-8", errors="replace") as log, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        process = subprocess.Popen(["turnserver", "-c", path], stdout=log, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL)
        try:
            asker.settimeout(0.1)
            asker.connect(("127.0.0.1", port))

            def answers():
                expect(process.poll() is None, f"coturn ended with {process.returncode}")
                try:
                    asker.send(struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12))
                    return asker.recv(1500)[:2] == b"\1\1"
                except OSError:  # nobody is there yet
                    return False
            wait_for("coturn's answer", answers)
        finally:
            process.kill()
            process.wait()
            log.seek(0)
            said = log.read()
    expect("Relay address to use: 127.0.0.1" in said, said)  # said once the file is read; coturn buffers nothing
    return [line for line in said.splitlines() if "tls" not in line.lower() and
            re.search(r"bad configuration|unknown|ERROR|incorrect", line, re.I)]


def test_turnserver_conf():
    """coturn takes every line of it, and would say so of one that it does not. (What it refuses then: test_relayed.)"""
    text = next(block for block in blocks("xcalld.md", "ini") if "listening-port" in block)
    for word in ("denied-peer-ip", "user-quota", "use-auth-secret", "no-multicast-peers", "no-tcp-relay"):
        expect(word in text, word)
    if not shutil.which("turnserver"):
        raise Skipped("there is no coturn (Debian's package coturn)")
    with tempfile.TemporaryDirectory() as folder:
        wrong = complaints(text, folder)
        expect(not wrong, wrong)
        expect(complaints(text + "no-such-line=1\n", folder), "coturn says nothing of a line that it does not know")


def test_push_object():
    """A push has the members that the document shows."""
    shown = json.loads(blocks("xcalld.md", "json")[0].replace("…", ""))
    with Server(config=["hash_memory_mib = 8", "push_command = cat > FOLDER/push"]) as server:
        server.friends("alice", "bob")
        bob = Device(server, "bob", token=server.account("bob"))
        bob.good("push.reg", kind="fcm", token="wake")
        server.let_go(bob)
        alice = Device(server, "alice", token=server.account("alice"))
        alice.invite("bob")
        path = os.path.join(server.folder, "push")

        def push():
            try:
                with open(path, encoding="utf-8") as file:
                    return json.load(file)
            except (OSError, ValueError):
                return None
        got = wait_for("the push", push)
        expect({key: type(value) for key, value in got.items()} == {key: type(value) for key, value in shown.items()},
               (got, shown))


def test_phone_from_a_pipe():
    """The pipe of docs/phone.md; somebody answers at the other end."""
    text = re.search(r"A call from a pipe:\n\n((?:    .*\n)+)", read("phone.md")).group(1)
    command = "\n".join(line[4:] for line in text.splitlines())
    expect("xcall-phone" in command and "wait active" in command, command)
    with Server(config=["hash_memory_mib = 8"]) as server:
        server.friends("alice", "bob")
        bob = Phone(server, "bob", "--answer", "yes", token=server.account("bob"))
        with open(os.path.join(server.folder, "alice.token"), "w", encoding="ascii") as file:
            file.write(json.dumps(server.admin("token", "alice")[0]) + "\n")
        os.symlink(BUILD, os.path.join(server.folder, "build"))
        command = command.replace(":8443", f":{server.port}").replace("'wait 10'", "'wait 1'")
        command += " --bind 127.0.0.1"  # whatever network this machine has
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command], cwd=server.folder,
                              capture_output=True, text=True, timeout=PATIENCE)
        expect(done.returncode == 0, (done.returncode, done.stdout, done.stderr))
        expect(re.search(r"connected with bob; safety number (\d{5} ?){12}", done.stdout), done.stdout)
        expect("round trip" in done.stdout and "is over: hangup" in done.stdout, done.stdout)
        bob.event("ended")


def test_phone_who_wrote():
    """The other pipe of docs/phone.md, and the line that it shows."""
    found = re.search(r"Who wrote meanwhile:\n\n((?:    .*\n)+)\n.*?\n\n    (.*)\n", read("phone.md"))
    command, shown = "\n".join(line[4:] for line in found.group(1).splitlines()), json.loads(found.group(2))
    with Server(config=["hash_memory_mib = 8"]) as server:
        server.account("bob")
        alice = Phone(server, "alice", token=server.account("alice"))
        alice.done(f"message bob {shown['item']['text']}")
        with open(os.path.join(server.folder, "bob.token"), "w", encoding="ascii") as file:
            file.write(json.dumps(server.admin("token", "bob")[0]) + "\n")
        os.symlink(BUILD, os.path.join(server.folder, "build"))
        command = command.replace(":8443", f":{server.port}") + " --bind 127.0.0.1"
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command], cwd=server.folder,
                              capture_output=True, text=True, timeout=PATIENCE)
        expect(done.returncode == 0, (done.returncode, done.stdout, done.stderr))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        got = [line for line in lines if line["event"] == "item"]
        expect(len(got) == 1, lines)
        shown["item"]["at"] = got[0]["item"]["at"]
        expect(got[0] == shown, (got, shown))


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
