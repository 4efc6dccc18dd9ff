#!/usr/bin/env python3
"""test_admin.py BUILD - `xcalld admin` as its users run it: every command on a store of its own, exit codes,
JSON lines, sentences; and docs/xcalld-admin.md's table of policy against the program's. TAP on stdout.
SPDX-License-Identifier: MIT"""
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMAND = []
failed = 0


class Store:
    def __init__(self, folder, name="store"):
        self.path = os.path.join(folder, name)

    def run(self, *words):
        """(exit code, the rows, standard error)"""
        done = subprocess.run([*COMMAND, *words, "--store", self.path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode in (0, 1, 2), (words, done.returncode, done.stderr)
        if done.returncode:
            assert not rows or words[0] == "audit", (words, rows)
            assert done.stderr.startswith("xcalld admin: "), (words, done.stderr)
            assert done.stderr.count("\n") == 1 or "usage: " in done.stderr, done.stderr
        return done.returncode, rows, done.stderr

    def rows(self, *words):
        code, rows, error = self.run(*words)
        assert code == 0 and not error, (words, code, error)
        return rows

    def row(self, *words):
        rows = self.rows(*words)
        assert len(rows) == 1, (words, rows)
        return rows[0]

    def refused(self, code, *words):
        got, _, error = self.run(*words)
        assert got == code, (words, got, error)
        return error

    def changes(self):
        with sqlite3.connect(self.path) as db:
            return db.execute("SELECT kind, a, b FROM change ORDER BY number").fetchall()

    def two(self):
        for name in ("alice", "bob"):
            self.row("account", name)
        return self


def accounts(folder):
    store = Store(folder)
    assert "no store" in store.refused(2, "token", "alice")
    assert "no store" in store.refused(2, "account", "alice", "--state", "active")
    assert not os.path.exists(store.path)
    row = store.row("account", "alice")
    assert (row["name"], row["state"], row["verified"], row["paid"]) == ("alice", "active", False, False)
    assert store.row("account", "alice") == row, "made twice"
    assert "no account" in store.refused(1, "account", "bob", "--state", "suspended")
    assert store.changes() == []
    row = store.row("account", "alice", "--verified", "on", "--paid=on", "--state", "restricted")
    assert row["verified"] and row["paid"] and row["state"] == "restricted"
    assert store.changes() == [(1, 1, 0)]
    store.row("account", "alice", "--paid", "on")
    assert len(store.changes()) == 1, "a change that changes nothing"
    for words in (["--verified", "yes"], ["--state", "gone"], ["--video"], ["--paid"], ["extra"],
                  ["--create"], ["--paid", "on", "--paid", "off"]):
        store.refused(2, "account", "alice", *words)
    for name in ("Alice", "", "a" * 31, "a b", "é"):
        store.refused(1, "account", name)
    assert store.row("account", "bob", "--verified", "on")["verified"]
    assert store.row("account", "bob", "--state", "suspended")["state"] == "suspended"


def tokens(folder):
    store = Store(folder).two()
    seen = set()
    for dev in range(1, 11):
        row = store.row("token", "alice")
        assert list(row) == ["name", "dev", "token"] and row["dev"] == dev
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", row["token"])
        seen.add(row["token"])
    assert len(seen) == 10
    assert "devices" in store.refused(1, "token", "alice")
    devices = store.rows("device", "alice")
    assert [row["dev"] for row in devices] == list(range(1, 11)), devices
    assert list(devices[0]) == ["name", "dev", "device", "last", "push", "revoked"], devices[0]
    assert "no device 11" in store.refused(1, "device", "alice", "--revoke", "11")
    for number in ("0", "x", "-1", ""):
        store.refused(2, "device", "alice", "--revoke", number)
    revoked = store.row("device", "alice", "--revoke", "3")
    assert revoked["dev"] == 3 and revoked["revoked"] is True, revoked
    store.refused(1, "device", "alice", "--revoke", "3")
    store.refused(1, "device", "nobody")
    assert [row["dev"] for row in store.rows("device", "alice")] == [1, 2, *range(4, 11)]
    assert store.row("token", "alice")["dev"] == 11
    store.refused(1, "token", "nobody")
    store.refused(2, "token")
    for name in glob.glob(store.path + "*"):
        with open(name, "rb") as file:
            data = file.read()
        assert not any(token.encode() in data for token in seen), "a token is in the store"


def edges(folder):
    store = Store(folder).two()
    for number, edge in enumerate(("follow", "contact", "block", "message")):
        row = store.row(edge, "alice", "bob")
        assert row == {"edge": edge, "from": "alice", "to": "bob", "on": True}
        if edge != "message":
            assert store.rows(edge, "alice") == [row]
            assert store.rows(edge, "bob") == []
        assert store.changes()[-1] == ((2, 1, 2) if edge == "block" else
                                       (3, 2 if edge == "message" else 1, 0))
        assert not store.row(edge, "alice", "bob", "--remove")["on"]
        if edge != "message":
            assert store.rows(edge, "alice") == []
        assert len(store.changes()) == 2 * number + 2
        store.refused(1, edge, "alice", "alice")
        store.refused(1, edge, "alice", "nobody")
        store.refused(1, edge, "nobody", "alice")
    store.refused(2, "message", "alice")
    store.refused(2, "follow", "alice", "--remove")


def settings(folder):
    store = Store(folder).two()
    row = store.row("settings", "alice")
    assert row["allow"] == ["following", "contacts"] and row["calls"] and not row["enhanced_privacy"]
    assert row["epoch"] == 0 and row["quiet"] is None and store.changes() == []
    row = store.row("settings", "alice", "--allow", "everyone,verified", "--calls", "off",
                    "--enhanced-privacy", "on", "--silence-strangers", "on", "--hide-busy", "on",
                    "--quiet", "22:00-07:30", "--zone-min", "-60")
    assert row["allow"] == ["everyone", "verified"] and not row["calls"] and row["epoch"] == 1
    assert row["quiet"] == {"from": "22:00", "to": "07:30", "zone_min": -60}
    assert row == store.row("settings", "alice") and store.changes() == [(3, 1, 0)]
    row = store.row("settings", "alice", "--allow", "nobody", "--quiet", "off")
    assert row["allow"] == [] and row["quiet"] is None and not row["calls"]
    for words in (["--allow", ""], ["--allow", "friends"], ["--allow", "everyone,"], ["--quiet", "2-3"],
                  ["--allow", "nobody,everyone"], ["--calls", "maybe"], ["--quiet", "22:00-24:00"],
                  ["--zone-min", "x"]):
        store.refused(2, "settings", "alice", *words)
    store.refused(1, "settings", "nobody")


def rollout(folder):
    store = Store(folder).two()
    rows = store.rows("rollout")
    assert [r["feature"] for r in rows] == ["calls.make", "calls.receive", "calls.video", "calls.p2p"]
    assert all(r["all"] == 100 and r["paid"] == 100 and r["setup_success"] is None for r in rows)
    row = store.row("rollout", "calls.make", "--all", "0", "--paid", "12.5")
    assert row["all"] == 0 and row["paid"] == 12.5
    assert store.rows("rollout")[0] == row and store.rows("rollout")[1]["all"] == 100
    assert store.changes() == [(4, 0, 0)]
    assert store.row("rollout", "calls.make") == row
    assert row["include"] == [] and row["exclude"] == []
    row = store.row("rollout", "calls.receive", "--all", "0", "--paid", "0", "--include", "bob")
    assert row["include"] == ["bob"] and row["all"] == 0
    store.row("rollout", "calls.make", "--include", "alice")
    for words in (["follow", "bob", "alice"], ["message", "alice", "bob"]):
        store.row(*words)
    assert store.row("explain", "alice", "bob")["verdict"] == "ring"
    assert store.row("explain", "bob", "alice")["reason"] == "rollout_caller"
    row = store.row("rollout", "calls.receive", "--exclude", "bob", "--all", "100")
    assert row["include"] == [] and row["exclude"] == ["bob"]
    assert store.row("explain", "alice", "bob")["reason"] == "rollout_callee"
    assert store.row("rollout", "calls.receive", "--exclude", "bob", "--remove")["exclude"] == []
    assert store.row("explain", "alice", "bob")["verdict"] == "ring"
    store.row("rollout", "calls.make", "--include", "alice", "--remove")
    store.refused(1, "rollout", "calls.make", "--include", "nobody")
    for words in (["--include", "bob"], ["calls.make", "--include", "bob", "--exclude", "alice"],
                  ["calls.make", "--remove"], ["calls.make", "--all", "5", "--remove"]):
        store.refused(2, "rollout", *words)
    assert "two digits" in store.refused(2, "rollout", "calls.make", "--all", "0.004")
    assert "needs a value" in store.refused(2, "rollout", "calls.make", "--all")
    assert "command comes first" in store.refused(2, "--all", "5", "rollout")
    for words in (["calls.fly"], ["--all", "5"], ["calls.make", "--all", "101"],
                  ["calls.make", "--all", "-1"], ["calls.make", "--all", "x"],
                  ["calls.make", "--all", "nan"]):
        store.refused(2, "rollout", *words)
    for column, state in ((0, 9), (1, 9), (2, 9)):
        with sqlite3.connect(store.path) as db:
            now = store_now(db)
            for i in range(4):
                accepted, active = (now, now) if column == 0 else (now, 0) if column == 1 else (0, 0)
                db.execute("INSERT INTO call VALUES(?,1,2,1,2,1,1,0,0,0,0,0,?,5,?,NULL,?,0,0,?,?,?,0)",
                           (os.urandom(16), state, 14 if column == 0 and i == 0 else 1, now,
                            accepted, active, now))
            db.execute("INSERT INTO report(by_user,about,why,body,at_ms) VALUES(1,2,'spam','',?)", (now,))
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE call SET media=48, relay=1 WHERE id=(SELECT id FROM call WHERE t_active>0 LIMIT 1)")
        for ms in range(100, 2100, 100):
            db.execute("INSERT INTO quality(call_id,at_ms,setup_ms,first_media_ms,loss_permille,relay,video,paid,"
                       "reason,version) SELECT id,?,?,1,0,0,0,0,1,'0.1' FROM call LIMIT 1", (now, ms))
    row = store.row("rollout", "calls.make", "--hours", "1")
    assert (row["calls"], row["accepted"], row["connected"], row["dropped"]) == (12, 8, 4, 1), row
    assert row["setup_success"] == 0.5 and row["drop_rate"] == 0.25
    assert row["reports"] == 3 and row["reports_per_1000_calls"] == 250
    assert (row["setup_ms_p50"], row["setup_ms_p95"], row["relayed"]) == (1000, 1900, 1), row
    assert (row["devices_vanished"], row["vanish_rate"]) == (2, 0.125), row
    free, paid = row["cohorts"]["free"], row["cohorts"]["paid"]
    assert (free["calls"], free["vanish_rate"], free["drop_rate"]) == (12, 0.125, 0.25), row
    assert paid["calls"] == 0 and paid["setup_success"] is None
    store.row("account", "alice", "--paid", "on")
    row = store.row("rollout", "calls.make", "--hours", "1")
    assert row["cohorts"]["paid"]["calls"] == 12 and row["cohorts"]["free"]["calls"] == 0
    # of the callee: bob does not pay, then he alone does
    row = store.row("rollout", "calls.receive", "--hours", "1")
    assert (row["calls"], row["accepted"], row["connected"], row["dropped"]) == (12, 8, 4, 1), row
    free, paid = row["cohorts"]["free"], row["cohorts"]["paid"]
    assert (free["calls"], free["reports"], paid["calls"], paid["reports"]) == (12, 0, 0, 3), row
    store.row("account", "alice", "--paid", "off")
    store.row("account", "bob", "--paid", "on")
    row = store.row("rollout", "calls.receive", "--hours", "1")
    free, paid = row["cohorts"]["free"], row["cohorts"]["paid"]
    assert (paid["calls"], paid["accepted"], paid["connected"], paid["dropped"]) == (12, 8, 4, 1), row
    assert paid["setup_success"] == 0.5 and paid["vanish_rate"] == 0.125 and free["setup_success"] is None, row
    row = store.row("rollout", "calls.make", "--hours", "1")
    assert (row["cohorts"]["free"]["calls"], row["cohorts"]["paid"]["calls"]) == (12, 0), row
    assert row["cohorts"]["paid"]["reports"] == 3, "who is reported"
    assert row["cohorts"]["free"]["reports_per_1000_calls"] == 0, row
    row = store.row("rollout", "calls.video", "--hours", "1")
    assert (row["calls"], row["reports"], row["connected"]) == (0, 0, 0), row
    row = store.row("rollout", "calls.p2p", "--hours", "1")
    assert (row["calls"], row["connected"], row["reports"], row["relayed"]) == (11, 3, 0, 0), row


def store_now(db):
    return db.execute("SELECT max(created_ms) FROM account").fetchone()[0]


def policy(folder):
    store = Store(folder).two()
    rows = store.rows("policy")
    assert len(rows) > 40 and all(set(r) == {"key", "value", "default", "meaning"} for r in rows)
    assert all(r["value"] == r["default"] for r in rows)
    assert store.row("policy", "kill")["value"] == "off"
    assert store.row("policy", "kill", "on")["value"] == "on"
    assert store.row("explain", "alice", "bob")["reason"] == "kill_switch"
    assert store.row("policy", "kill", "default")["value"] == "off"
    assert store.changes() == [(4, 0, 0)] * 2
    assert "ring_ms is a whole number" in store.refused(2, "policy", "ring_ms", "soon")
    assert "no policy" in store.refused(2, "policy", "colour")
    assert "no policy" in store.refused(2, "policy", "colour", "red")
    assert store.row("policy", "limit_pair", "05/060")["value"] == "5/60"
    assert store.row("policy", "default_allow")["value"] == "following,contacts"
    assert store.row("policy", "default_allow", "contacts,everyone")["value"] == "everyone,contacts"
    assert "everyone,verified,following,contacts" in store.refused(2, "policy", "default_allow", "friends")
    assert store.row("settings", "alice")["allow"] == ["everyone", "contacts"]
    store.row("settings", "alice", "--allow", "verified")
    store.row("policy", "default_allow", "nobody")
    assert store.row("settings", "alice")["allow"] == ["verified"]
    assert store.row("settings", "bob")["allow"] == []
    store.row("message", "alice", "bob")
    store.row("follow", "bob", "alice")
    assert store.row("explain", "alice", "bob")["reason"] == "not_allowed"
    store.row("policy", "default_allow", "default")
    assert store.row("explain", "alice", "bob")["verdict"] == "ring"


def explain(folder):
    store = Store(folder).two()

    def answer(*more):
        row = store.row("explain", "alice", "bob", *more)
        assert list(row) == ["verdict", "reason", "public", "rule", "relay"], row
        return row["verdict"], row["reason"], row["public"], row["rule"], row["relay"]

    assert answer() == ("deny", "no_message", "message_first", "11", False)
    store.row("message", "alice", "bob")
    assert answer() == ("deny", "not_allowed", "unavailable", "12", False)
    store.row("follow", "bob", "alice")
    assert answer() == ("ring", "ring", "none", "14", False)
    store.row("settings", "bob", "--enhanced-privacy", "on")
    assert answer() == ("deny", "relay_unavailable", "relay_unavailable", "15", True)
    with sqlite3.connect(store.path) as db: # as the server notes it at its start
        db.execute("INSERT INTO note VALUES('relay_configured',1)")
    assert answer() == ("ring", "ring", "none", "14", True)
    store.row("rollout", "calls.video", "--all", "0", "--paid", "0")
    assert answer("--video") == ("deny", "rollout_video", "calls_not_enabled_for_you", "2", True)
    store.row("block", "bob", "alice")
    assert answer()[:4] == ("deny", "blocked", "unavailable", "7")
    store.row("block", "alice", "bob")
    assert answer()[:4] == ("deny", "you_blocked", "you_blocked", "5")
    store.row("policy", "prior_message", "callee_sent")
    store.row("block", "alice", "bob", "--remove")
    assert answer()[1:4] == ("no_message_from_callee", "message_first_wait", "11b")
    for _ in range(30): # no limit is used up
        store.row("explain", "bob", "alice")
    store.refused(1, "explain", "nobody", "bob")
    assert store.row("explain", "alice", "nobody")["public"] == "message_first_wait"
    with sqlite3.connect(store.path) as db:
        assert db.execute("SELECT count(*) FROM decision_log").fetchone()[0] == 0
        assert db.execute("SELECT count(*) FROM bucket").fetchone()[0] == 0


def audit(folder):
    store = Store(folder).two()
    assert store.rows("audit") == []
    rows = [(0x400007680, 64, 2, 9, 7, 11, 1), (0x400047681, 0, 2, 1, 1, 1, 0)]
    with sqlite3.connect(store.path) as db:
        for facts, word, verdict, reason, public, rule, relay in rows * 15:
            db.execute("INSERT INTO decision_log(at_ms,caller,callee,call_id,facts,policy_word,verdict,"
                       "r_int,r_pub,rule,relay,epoch,policy_ver,bucket,dev,net_hash) VALUES"
                       "(5,1,2,x'00',?,?,?,?,?,?,?,0,0,17,1,x'00')",
                       (facts, word, verdict, reason, public, rule, relay))
    hour = {"caller": "alice", "hour": 0, "attempts": 30, "denied": 30, "callees": 1, "blocked": 0}
    assert store.rows("audit", "--denied") == [], "of 1970"
    assert store.rows("audit", "--denied", "--hours", "876000") == [hour]
    with sqlite3.connect(store.path) as db: # an hour later: refused by a block, then it rang
        for verdict, reason in ((2, 12), (0, 0)):
            db.execute("INSERT INTO decision_log(at_ms,caller,callee,call_id,facts,policy_word,verdict,"
                       "r_int,r_pub,rule,relay,epoch,policy_ver,bucket,dev,net_hash) SELECT 3600001,"
                       "caller,3,call_id,facts,policy_word,?,?,r_pub,rule,relay,epoch,policy_ver,"
                       "bucket,dev,net_hash FROM decision_log WHERE id=1", (verdict, reason))
    assert store.rows("audit", "--denied", "--hours", "876000") == [
        hour, {"caller": "alice", "hour": 3600000, "attempts": 2, "denied": 1, "callees": 1,
               "blocked": 1}]
    store.refused(2, "audit", "--denied", "--last", "3")
    store.refused(2, "audit", "--hours", "3")
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM decision_log WHERE at_ms=3600001")
    shown = store.rows("audit")
    assert len(shown) == 20 and len(store.rows("audit", "--last", "3")) == 3
    assert shown[1]["caller"] == "alice" and shown[1]["rule"] == "1"
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM decision_log WHERE r_int=9")
    assert store.row("audit", "--replay") == {"decisions": 15, "agree": 15, "differ": 0}
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE decision_log SET verdict=0 WHERE id=2")
    code, rows, error = store.run("audit", "--replay")
    assert code == 1 and rows == [{"decisions": 15, "agree": 14, "differ": 1}] and error


def backup(folder):
    store = Store(folder).two()
    copy = Store(folder, "copy")
    row = store.row("backup", copy.path)
    assert row == {"backup": copy.path, "bytes": os.path.getsize(copy.path)}
    assert os.stat(copy.path).st_mode & 0o77 == 0
    assert copy.row("account", "bob") == store.row("account", "bob")
    assert "exists" in store.refused(1, "backup", copy.path)
    store.refused(1, "backup", os.path.join(folder, "no", "where"))


def export_delete(folder):
    store = Store(folder).two()
    store.row("follow", "alice", "bob")
    parts = store.rows("export", "alice")
    assert parts[0]["account"][0]["name"] == "alice"
    assert any("follows" in part for part in parts)
    store.refused(2, "delete", "alice")
    assert store.row("delete", "alice", "--yes") == {"name": "alice", "deleted": True}
    assert store.changes()[-1] == (1, 1, 0)
    assert "deleted" in store.refused(1, "account", "alice")
    for name in glob.glob(store.path + "*"):
        with open(name, "rb") as file:
            assert b"alice" not in file.read(), name
    assert store.rows("follow", "bob") == []


def command_line(folder):
    def run(*words):
        return subprocess.run([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60)
    whole = run("--help")
    assert whole.returncode == 0 and run().returncode == 2
    names = re.findall(r"^  (\w+) ", whole.stdout, re.M)
    assert len(names) == 15, names
    for name in names:
        done = run(name, "--help")
        assert done.returncode == 0 and f"usage: xcalld admin {name}" in done.stdout
        assert run(name, "a", "b", "c", "d").returncode == 2
        assert run(name, "--colour", "red").returncode == 2
    for words in (["fly"], ["account", "alice"], ["account", "alice", "--store"]):
        done = run(*words)
        assert done.returncode == 2 and not done.stdout and done.stderr.count("\n") == 1, words
    other = os.path.join(folder, "other")
    with open(other, "w", encoding="ascii") as file:
        file.write("no database " * 1000)
    done = run("policy", "--store", other)
    assert done.returncode == 2 and other in done.stderr


def documents(folder):
    with open(os.path.join(ROOT, "docs", "xcalld-admin.md"), encoding="utf-8") as file:
        text = file.read()
    table = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`)? \| (.+) \|$", text, re.M)
    program = [(r["key"], r["default"], r["meaning"]) for r in Store(folder).two().rows("policy")]
    for row in program:
        assert row in table, f"not in docs/xcalld-admin.md: {row}"
    assert len(table) == len(program), "docs/xcalld-admin.md has policies that are none"


def main():
    global failed, COMMAND
    build = os.path.abspath(sys.argv[1])
    COMMAND = [os.path.join(build, "tests", "service", "xcalld-admin-test")]
    real = os.path.join(build, "examples", "xcalld")
    if os.path.isfile(real) and os.access(real, os.X_OK):
        COMMAND = [real, "admin"]
    for test in (accounts, tokens, edges, settings, rollout, policy, explain, audit, backup,
                 export_delete, command_line, documents):
        if len(sys.argv) > 2 and test.__name__ not in sys.argv[2:]:
            continue
        folder = tempfile.mkdtemp(prefix="xcalld-admin-")
        problem = ""
        try:
            test(folder)
        except Exception: # pylint: disable=broad-except
            problem = traceback.format_exc()
        shutil.rmtree(folder)
        failed += bool(problem)
        print(f"{'not ok' if problem else 'ok'} - admin: {test.__name__}")
        for line in problem.splitlines():
            print(f"# {line}")
    sys.exit(1 if failed else 0)


main()
