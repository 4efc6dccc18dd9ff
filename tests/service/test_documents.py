#!/usr/bin/env python3
"""test_documents.py BUILD [TEST ...] - every fenced block of docs/xcalld.md, docs/web.md and docs/phone.md is run or
checked, and each command line that they show. TAP on stdout.
SPDX-License-Identifier: MIT"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from people import Device  # noqa: E402
from phone import Phone  # noqa: E402
from server import BUILD, XCALLD, Server, expect, make_certificate, run_tests, wait_for  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(name):
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as file:
        return file.read()


def blocks(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```", read(name), re.S | re.M)


def check_config(text, folder):
    path = os.path.join(folder, "config")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([XCALLD, "--config", path, "--check-config"], capture_output=True, text=True, timeout=20)
    expect(done.returncode == 0 and done.stdout == "ok\n", (text, done.returncode, done.stderr))


def test_nothing_is_left_out():
    """Another block in a document wants a test here."""
    found = {name: re.findall(r"^```(\w+)$", read(name), re.M) for name in ("xcalld.md", "web.md", "phone.md")}
    wanted = {"xcalld.md": ["sh", "ini", "ini", "sh", "ini", "json"], "web.md": ["sh"], "phone.md": []}
    expect(found == wanted, found)


def test_configs():
    """The two configs, with their files in a folder of the test's."""
    first, proxy = [block for block in blocks("xcalld.md", "ini") if "listening-port" not in block]
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder)
        os.rename(os.path.join(folder, "cert.pem"), os.path.join(folder, "fullchain.pem"))
        secret_line = blocks("xcalld.md", "sh")[1]
        run = secret_line.replace("/etc/xcalld/", folder + "/")
        subprocess.run(["sh", "-e", "-c", run], check=True, timeout=20)
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
                             capture_output=True, text=True, timeout=20)
        expect(out.returncode == 0 and out.stdout == "ok\ngood\n", out)
        for line in lines[:2] + [blocks("web.md", "sh")[0].strip()]:
            command = line.split("#")[0].replace("/etc/xcalld.conf", config).replace(":8443", ":0")
            process = subprocess.Popen(["sh", "-c", "exec " + command], cwd=folder, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            said = process.stdout.readline()
            process.terminate()
            code = process.wait(30)
            process.stdout.close()
            expect(said.startswith("xcalld: serves ws://127.0.0.1:") and code == 0, (line, said, code))


def test_turnserver_conf():
    """coturn takes every line of it. (What it refuses then: test_relayed.)"""
    if not shutil.which("turnserver"):
        return
    text = next(block for block in blocks("xcalld.md", "ini") if "listening-port" in block)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "turnserver.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("listening-port=3478", "listening-port=39478") + "listening-ip=127.0.0.1\n"
                       f"relay-ip=127.0.0.1\nno-tls\nno-dtls\nlog-file=stdout\npidfile={path}.pid\nuserdb={path}.db\n")
        process = subprocess.Popen(["turnserver", "-c", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True)
        time.sleep(1.5)
        process.kill()
        said, _ = process.communicate()
        wrong = [line for line in said.splitlines() if re.search(r"bad configuration|unknown|ERROR|incorrect", line, re.I)
                 and "tls" not in line.lower()]
        expect(not wrong, wrong)
        for word in ("denied-peer-ip", "user-quota", "use-auth-secret", "no-multicast-peers", "no-tcp-relay"):
            expect(word in text, word)


def test_push_object():
    """A push has the members that the document shows."""
    shown = json.loads(blocks("xcalld.md", "json")[0].replace("…", ""))
    with Server(config=["hash_memory_mib = 8", "push_command = cat > FOLDER/push"]) as server:
        server.friends("alice", "bob")
        bob = Device(server, "bob", token=server.account("bob"))
        bob.good("push.reg", kind="fcm", token="wake")
        bob.close()
        time.sleep(0.3)
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
                              capture_output=True, text=True, timeout=60)
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
                              capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, (done.returncode, done.stdout, done.stderr))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        got = [line for line in lines if line["event"] == "item"]
        expect(len(got) == 1, lines)
        shown["item"]["at"] = got[0]["item"]["at"]
        expect(got[0] == shown, (got, shown))


if __name__ == "__main__":
    run_tests([(name, call) for name, call in list(globals().items()) if name.startswith("test_")],
              sys.argv[2:])
