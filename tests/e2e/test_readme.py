#!/usr/bin/env python3
"""test_readme.py - runs what README.md shows, word for word, and holds the figures of the documents
against the programs that print them.

usage: test_readme.py BUILD_DIRECTORY [--renew] [name ...]

--renew writes what the programs print into the tables of the documents.

Each fenced block of README.md stands under a comment that either names its test here or says why it
has none; a block without one is a failure. Blocks run in a folder of their own that looks like the
root of the tree. Prints TAP; exit code 1 when a test failed. Python's standard library only.

SPDX-License-Identifier: MIT
"""

import filecmp
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = ""
RENEW = False
TIMEOUT_S = 300
# A figure of the documents may be this far from what is printed: they round, libraries differ.
FIGURE_TOLERANCE = 0.10
LANGUAGES = {"sh", "c", "meson"}


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def blocks_of(text):
    """Every fenced block: (line, language, text, the comment above it or None)."""
    found, lines, at = [], text.splitlines(), 0
    while at < len(lines):
        match = re.fullmatch(r"```(\w*)", lines[at])
        if not match:
            at += 1
            continue
        end = lines.index("```", at + 1)
        above = re.fullmatch(r"<!-- (.*) -->", lines[at - 1]) if at else None
        found.append((at + 1, match.group(1), "\n".join(lines[at + 1:end]) + "\n",
                      above.group(1) if above else None))
        at = end + 1
    return found


def block(name, *document):
    document = document or ("README.md",)
    for _, _, text, comment in blocks_of(read(*document)):
        if comment and re.match(rf"test: {name}\b", comment):
            return text
    raise AssertionError(f"{document[-1]} has no block for the test {name}")


class Folder:
    """A folder that looks like the root of the tree, with this build as its build/."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="readme-")
        for name in ("examples", "bench", "tests", "include", "docs"):
            os.symlink(os.path.join(ROOT, name), os.path.join(self.path, name))
        os.symlink(BUILD, os.path.join(self.path, "build"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def run(self, command, env=None):
        done = subprocess.run(command, cwd=self.path, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
                              env={**os.environ, **(env or {})})
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def shell(self, text, env=None):
        """As a newcomer's shell would, stopping at the first line that fails."""
        return self.run(["bash", "-e", "-u", "-o", "pipefail", "-c", text], env)


def installed(folder):
    """Installs this build below the folder; the environment in which it is found there."""
    root = folder.file("root")
    folder.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root])
    configs = glob.glob(os.path.join(root, "**", "libxcall.pc"), recursive=True)
    assert len(configs) == 1, f"installed {len(configs)} libxcall.pc"
    library = os.path.dirname(os.path.dirname(configs[0]))
    assert glob.glob(os.path.join(library, "libxcall.so*")), "no shared library beside libxcall.pc"
    return {"PKG_CONFIG_PATH": os.path.dirname(configs[0]), "PKG_CONFIG_SYSROOT_DIR": root,
            "LD_LIBRARY_PATH": library}


# --- the tests -----------------------------------------------------------------------------------

def test_every_block_is_named():
    names = {name[len("test_"):] for name in globals() if name.startswith("test_")}
    for line, language, _, comment in blocks_of(read("README.md")):
        assert comment, f"README.md:{line}: no comment above this block says how it is tested"
        assert language in LANGUAGES, f"README.md:{line}: language {language!r}"
        match = re.match(r"test: (\w+)", comment)
        if match:
            assert match.group(1) in names, f"README.md:{line}: there is no test {match.group(1)}"
        else:
            assert re.fullmatch(r"not tested: .{20,}", comment), f"README.md:{line}: {comment}"


def test_named_files_exist():
    text = re.sub(r"```.*?```", "", read("README.md"), flags=re.S)
    for name in set(re.findall(r"`((?:examples|bench|tests|docs|include|lib)/[\w./-]+)`", text)):
        assert os.path.exists(os.path.join(ROOT, name)), f"README.md names {name}"
    for name in ("examples/quickstart.sh", "tests/run.sh", "bench/run.sh"):
        assert os.access(os.path.join(ROOT, name), os.X_OK), f"{name} cannot be run"


def output_of(text):
    """Compiles this program against the build and runs it."""
    with Folder() as folder, open(folder.file("shown.c"), "w", encoding="utf-8") as file:
        file.write(text)
        file.close()
        folder.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "shown.c",
                    "-o", "shown", f"-L{BUILD}/lib", "-lxcall"])
        return folder.run(["./shown"], {"LD_LIBRARY_PATH": f"{BUILD}/lib"})


def test_hello():
    text = block("hello")
    assert text == read("examples", "hello.c"), "the block is no longer examples/hello.c"
    assert text.count("\n") <= 50
    out = output_of(text)
    assert re.fullmatch(r"bob heard samples of up to \d+\n", out), out


def test_channel():
    """The worked example of docs/api.md."""
    text = block("channel", "docs", "api.md")
    assert text == read("examples", "channel.c"), "the block is no longer examples/channel.c"
    out = output_of(text)
    assert out == 'bob has the channel "chat"\nalice got "hello" back\n', out


def test_life():
    """The worked example of docs/life.md prints what stands below it."""
    shown = read("docs", "life.md").split("It prints:\n\n", 1)[1].split("\n\n", 1)[0]
    out = output_of(block("life", "docs", "life.md"))
    assert out.splitlines() == [line.strip() for line in shown.splitlines()], out


def test_life_table():
    """The table of docs/life.md is that of call/test_life, without the actions."""
    source = read("tests", "unit", "call", "test_life.c")
    table = source[source.index("of_caller[] = {"):source.index("of_callee[] = {")]
    table = re.sub(r"/\*.*?\*/", "", table)
    rows = {name: re.findall(r'"([^"]*)"', cells) for name, cells in
            re.findall(r"{XCALL_LIFE_(\w+), {(.*?)}}", table, re.S)}
    assert len(rows) == 22
    for row in rows_of(read("docs", "life.md"), 9)[2:]:
        tested = [re.split(r"[:/]", cell)[0] for cell in rows.pop(row[0].strip("`"))]
        assert list(row[1:]) == tested, f"docs/life.md has {row}, tested is {tested}"
    assert not rows, f"docs/life.md does not have {rows}"


def test_client():
    """The program of docs/client.md at a real service prints what stands below it."""
    xcalld = os.path.join(BUILD, "examples", "xcalld")
    if not os.path.exists(f"{BUILD}/lib/client/libxcall-client.so") or not os.path.exists(xcalld):
        return
    shown = read("docs", "client.md").split("It prints:\n\n", 1)[1].split("\n\n", 1)[0]
    with Folder() as folder:
        with open(folder.file("shown.c"), "w", encoding="utf-8") as file:
            file.write(block("client", "docs", "client.md"))
        folder.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "shown.c", "-o",
                    "shown", f"-L{BUILD}/lib", f"-L{BUILD}/lib/client", "-lxcall-client", "-lxcall"])
        server = subprocess.Popen([xcalld, "--listen", "127.0.0.1:0", "--store",
                                   folder.file("store.db")], stdout=subprocess.PIPE, text=True)
        try:
            url = re.search(r"ws://[^\s,]+", server.stdout.readline()).group(0)
            out = folder.run(["./shown", url, "dora", "a good password"],
                             {"LD_LIBRARY_PATH": f"{BUILD}/lib:{BUILD}/lib/client"})
        finally:
            server.terminate()
            server.communicate()
    assert out.splitlines() == [line.strip() for line in shown.splitlines()], out


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_service():
    """A trial of the call service: refused before a message, let through after it."""
    if not all(os.path.exists(os.path.join(BUILD, "examples", name))
               for name in ("xcalld", "xcall-phone")):
        return
    with Folder() as folder:
        out = folder.shell(block("service").replace("8443", str(free_port())))
        explained = [json.loads(line) for line in out.splitlines() if '"verdict"' in line]
        assert [(row["verdict"], row["public"]) for row in explained] == [
            ("deny", "message_first"), ("ring", "none")], out
        assert "can: true" in out, out


def test_phone_commands():
    """Every command of xcall-phone stands in docs/phone.md."""
    table = re.search(r"table\[\] = {(.*?)\n};", read("examples", "phone", "commands.c"), re.S).group(1)
    commands = re.findall(r'^ +{"([\w-]+)", \d', table, re.M)
    assert len(commands) > 25, commands
    documented = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`]+)`", read("docs", "phone.md")))))
    assert set(commands) <= documented, set(commands) - documented


def test_compile():
    with Folder() as folder:
        out = folder.shell(block("compile"), installed(folder))
        assert "bob heard" in out, out


def test_meson():
    with Folder() as folder:
        env = installed(folder)
        os.mkdir(folder.file("app"))
        with open(folder.file("app/meson.build"), "w", encoding="utf-8") as file:
            file.write(block("meson"))
        shutil.copy(os.path.join(ROOT, "examples", "hello.c"), folder.file("app/app.c"))
        folder.run(["meson", "setup", "app/build", "app"], env)
        folder.run(["ninja", "-C", "app/build"], env)
        out = folder.run(["app/build/app"], env)
        assert "bob heard" in out, out


def test_peers():
    with Folder() as folder:
        out = folder.shell(block("peers"))
        assert '"type":"stats"' not in out or json.loads(out.splitlines()[-1])
        # Of 3 s; a busy machine plays and shows less.
        assert os.path.getsize(folder.file("heard.wav")) > 0.5 * 48000 * 2
        with open(folder.file("seen.y4m"), "rb") as file:
            assert file.read(9) == b"YUV4MPEG2"
            assert file.read().count(b"FRAME") > 5
        assert not os.path.exists(folder.file("to_alice"))


def test_sim():
    with Folder() as folder:
        folder.shell(block("sim"))
        assert filecmp.cmp(folder.file("one.json"), folder.file("two.json"), shallow=False)
        with open(folder.file("one.json"), encoding="utf-8") as file:
            result = json.load(file)
        assert result["seed"] == 7 and result["invariant_failures"] == 0
        assert result["connected_ms"] > 0


def rows_of(text, width):
    """Table rows of this many cells: the cells, without | and blanks."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == width:
            rows.append(tuple(cells))
    return rows


def printed_by(program):
    path = os.path.join(BUILD, "tests", "unit", program)
    if not os.path.exists(path):
        return None
    env = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "stdout"}
    done = subprocess.run([path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=TIMEOUT_S, env=env, check=True)
    return done.stdout


def number(cell):
    match = re.match(r"[+-]?[\d.]+", cell.replace(" ", ""))
    return float(match.group(0)) if match else None


def near(shown, printed):
    return abs(shown - printed) <= max(FIGURE_TOLERANCE * abs(printed), 1.0)


def renew(document, width, rows, keys):
    """Puts these rows into the table whose rows have the same first `keys` cells."""
    known = {row[:keys] for row in rows}
    lines = read("docs", document).splitlines()
    at = [i for i, line in enumerate(lines) for row in rows_of(line, width) if row[:keys] in known]
    assert at, f"docs/{document} has no such table"
    fresh = ["| " + " | ".join(row) + " |" for row in rows]
    with open(os.path.join(ROOT, "docs", document), "w", encoding="utf-8") as file:
        file.write("\n".join(lines[:at[0]] + fresh + lines[at[-1] + 1:]) + "\n")


def test_memory_table():
    """docs/architecture.md shows what call/test_budget prints."""
    out = printed_by("test_call_budget")
    if out is None:
        return "the tests are not built here"
    if RENEW:
        renew("architecture.md", 3, rows_of(out, 3), 2)
    printed = {(where, what): number(kib) for where, what, kib in rows_of(out, 3)}
    shown = {(where, what): number(kib) for where, what, kib in
             rows_of(read("docs", "architecture.md"), 3) if (where, what) in printed}
    assert len(printed) > 15
    assert set(printed) == set(shown), f"not in both: {set(printed) ^ set(shown)}"
    for key, kib in printed.items():
        assert near(shown[key], kib), f"{key}: the document has {shown[key]} KiB, printed {kib}"
    return None


def test_opus_table():
    """docs/promises.md shows what media/test_opus_behaviour prints."""
    out = printed_by("test_media_opus_behaviour")
    if out is None:
        return "the tests are not built here"
    printed = rows_of(out, 5)
    if RENEW:
        renew("promises.md", 5, printed, 2)
    shown = [row for row in rows_of(read("docs", "promises.md"), 5)
             if row[0].endswith(" ms") and row[1].endswith(" kb/s")]
    assert len(printed) == 14
    assert [row[:2] for row in shown] == [row[:2] for row in printed]
    for left, right in zip(shown, printed):
        for a, b in zip(left[2:], right[2:]):
            assert abs(number(a) - number(b)) <= 5, f"the document has {left}, printed {right}"
    return None


def test_statistics_are_documented():
    """Every member of the statistics stands in docs/api.md."""
    header = read("include", "xcall", "call.h")
    documented = set(re.findall(r"`(\w+)`", read("docs", "api.md")))
    for name in ("xcall_rtp_sent_stats", "xcall_rtp_received_stats", "xcall_stats"):
        body = re.search(rf"typedef struct {name} {{(.*?)}} {name};", header, re.S).group(1)
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        for declaration in body.split(";"):
            words = declaration.replace(",", " ").split()
            for member in words[1:]:
                if member not in ("reserved",):
                    assert member in documented, f"docs/api.md does not name {member} of {name}"


def test_functions_are_documented():
    """Every public function stands in docs/api.md."""
    documented = read("docs", "api.md")
    for path in glob.glob(os.path.join(ROOT, "include", "xcall", "*.h")):
        for name in re.findall(r"XCALL_API[^;]*?\b(xcall_\w+)\(", read("include", "xcall",
                                                                      os.path.basename(path))):
            assert name in documented, f"docs/api.md does not name {name}"


def test_promised_tests_exist():
    """Every test that docs/promises.md names is there."""
    text = read("docs", "promises.md")
    sources = {}
    for path in glob.glob(os.path.join(ROOT, "tests", "**", "*.*"), recursive=True):
        if path.endswith((".c", ".py")):
            sources[os.path.relpath(path, os.path.join(ROOT, "tests"))] = None
    named = re.findall(r"`([\w/]+\.(?:c|py))`(?: \(([^)]*)\))?", text)
    assert len(named) > 30
    for path, names in named:
        assert path in sources, f"docs/promises.md names {path}"
        source = read("tests", path)
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"\b{name}\b", source), f"{path} has no {name}"


def test_interop_cases_exist():
    """Every file and case that docs/interop.md names in its table is there."""
    rows = rows_of(read("docs", "interop.md"), 2)
    named = {row[0].strip("`"): row[1] for row in rows if row[0].endswith(".py`")}
    assert len(named) >= 3
    for name, cases in named.items():
        source = read("tests", "interop", name)
        for case in re.findall(r"`(\w+)`", cases):
            assert re.search(rf"^def {case}\(run\)", source, re.M), f"{name} has no case {case}"


def main():
    global BUILD, RENEW
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    BUILD = os.path.abspath(sys.argv[1])
    RENEW = "--renew" in sys.argv
    wanted = [name for name in sys.argv[2:] if name != "--renew"]
    tests = [(name[len("test_"):], call) for name, call in list(globals().items())
             if name.startswith("test_") and (not wanted or name[len("test_"):] in wanted)]
    failed = 0
    for count, (name, call) in enumerate(tests, 1):
        try:
            skipped = call()
            print(f"ok {count} - {name}" + (f" # skip {skipped}" if skipped else ""), flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError, ValueError) as error:
            failed += 1
            print(f"not ok {count} - {name}", flush=True)
            text = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
            for line in (text or traceback.format_exc()).splitlines():
                print(f"# {line}")
    print(f"1..{len(tests)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
