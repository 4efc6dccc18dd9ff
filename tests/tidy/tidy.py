#!/usr/bin/env python3
"""tidy.py - what the style and the layers ask for, checked. One line a check, TAP on stdout.

  tidy.py [--root FOLDER] [--build FOLDER] [check ...]

Each check is a function of a Tree that returns a list of problems; layers.py has the tables. The
symbol check reads the objects of a release build.
SPDX-License-Identifier: MIT"""
import argparse
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layers  # noqa: E402

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
CODE_FOLDERS = ("include", "lib", "examples", "bench", "tests")
SPDX = "SPDX-License-Identifier: MIT"


class Tree:
    """The files of a source tree, by their path relative to its root."""

    def __init__(self, root, build=None):
        self.root = root
        self.build = build
        self.paths = sorted(self._walk())

    def _walk(self):
        for folder, names, files in os.walk(self.root):
            names[:] = [n for n in names if not n.startswith((".git", "build", "__pycache__"))]
            for name in files:
                yield os.path.relpath(os.path.join(folder, name), self.root)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def code(self, folders=CODE_FOLDERS, ends=(".c", ".h")):
        return [p for p in self.paths if p.split("/")[0] in folders and p.endswith(ends)]


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^">]+)[">]', line)
        if match:
            yield number, match.group(1) == "<", match.group(2)


def check_include(layer, name, system, path):
    """None, or why this file of the layer may not include this."""
    own = path[len("lib/"):]
    target = name.split("/")[0] if "/" in name else None
    if target == "xcall":
        allowed = "include" in layers.MAY_INCLUDE[layer]
        return None if allowed else "only call, engine and api see the public headers"
    if not system:
        if target not in layers.MAY_INCLUDE:
            return "no header of a layer"
        if name in layers.FILE_INCLUDES.get(own, {}):
            return None
        if target not in layers.MAY_INCLUDE[layer]:
            return f"{layer} does not stand above {target}"
        only = layers.INCLUDE_EXCEPTIONS.get(layer, {}).get(target)
        if only is not None and name not in only:
            return f"{layer} may see only {', '.join(sorted(only))} of {target}"
        return None
    if layer not in layers.CORE:
        return None
    known = layers.CORE_SYSTEM | layers.LAYER_SYSTEM.get(layer, set())
    if name in known or name.startswith(tuple(layers.FILE_SYSTEM.get(own, ()))):
        return None
    if own in layers.WRAPPERS:
        return None
    return f"{layer} includes no <{name}>"


def includes(tree):
    """an include only points down, and the core sees few system headers"""
    problems = []
    for path in tree.code(("lib",)):
        layer = path.split("/")[1]
        if layer not in layers.MAY_INCLUDE:
            problems.append(f"{path}: {layer} is no layer of layers.py")
            continue
        for number, system, name in includes_of(tree.read(path)):
            reason = check_include(layer, name, system, path)
            if reason:
                problems.append(f"{path}:{number}: {name}: {reason}")
    return problems


def object_files(tree):
    """layer/file.c -> object, of the release build; both libraries share them."""
    found = {}
    for folder, _, files in os.walk(os.path.join(tree.build or "", "lib")):
        for name in files:
            match = re.fullmatch(r"([a-z]+)_(\w+\.c)\.o", name)
            if "libxcall-client." in folder:
                found[f"client/{name[:-2]}"] = os.path.join(folder, name)
            elif match and match.group(1) in layers.MAY_INCLUDE:
                found[f"{match.group(1)}/{match.group(2)}"] = os.path.join(folder, name)
    return found


def forbidden(symbol):
    name = symbol.split("@")[0]
    name = re.sub(r"^__isoc99_|^__(\w+)_chk$", lambda m: m.group(1) or "", name)
    for pattern in layers.FORBIDDEN_SYMBOLS:
        if name == pattern or pattern.endswith("*") and name.startswith(pattern[:-1]):
            return True
    return False


def symbols(tree):
    """no object below io names a clock, socket, thread, lock, heap or random symbol"""
    if not tree.build:
        return ["no build folder given (--build)"]
    objects = object_files(tree)
    problems = []
    for path in tree.code(("lib",), (".c",)):
        own = path[len("lib/"):]
        if own.split("/")[0] not in layers.CORE and own not in layers.CLIENT_CORE:
            continue
        if own not in objects:
            problems.append(f"{path}: no object of it in {tree.build}/lib")
            continue
        if own in layers.WRAPPERS:
            continue
        lines = subprocess.run(["nm", "-u", objects[own]], capture_output=True, text=True,
                               check=True).stdout.split("\n")
        for line in lines:
            words = line.split()
            if own in layers.CLIENT_CORE and words and words[-1].split("@")[0] in layers.HEAP:
                continue
            if len(words) == 2 and forbidden(words[1]):
                problems.append(f"{path}: needs {words[1]}")
    return problems


def file_length(tree):
    """no file is longer than 800 lines"""
    problems = []
    for path in tree.code(ends=(".c", ".h", ".py", ".sh")):
        count = tree.read(path).count("\n")
        if count > FILE_LINES_MAX:
            problems.append(f"{path}: {count} lines")
    return problems


def function_length(tree):
    """no function is longer than 70 lines, brace to brace"""
    problems = []
    for path in tree.code():
        start = None
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            if line == "{":
                start = number
            elif line.startswith("}") and start:
                if number - start - 1 > FUNCTION_LINES_MAX:
                    problems.append(f"{path}:{start}: a function of {number - start - 1} lines")
                start = None
    return problems


def licence(tree):
    """every source file opens with its job and the SPDX line"""
    problems = []
    for path in tree.code(ends=(".c", ".h", ".py", ".sh")):
        head = "\n".join(tree.read(path).splitlines()[:20])
        if SPDX not in head:
            problems.append(f"{path}: no {SPDX} in its first 20 lines")
        if path.endswith((".c", ".h")) and not head.startswith("/*"):
            problems.append(f"{path}: does not open with a comment")
    return problems


def formatting(tree):
    """clang-format changes nothing"""
    files = tree.code()
    if not files:
        return []
    done = subprocess.run(["clang-format", "--dry-run", "-Werror"] + files, cwd=tree.root,
                          capture_output=True, text=True)
    bad = sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line})
    if done.returncode and not bad:
        return [done.stderr.strip()[:300] or "clang-format failed"]
    return [f"{path}: clang-format -i changes it" for path in bad]


def coverage(tree):
    """every lib/x/y.c has tests/unit/x/test_y.c or stands in the table of layers.py"""
    problems = []
    known = set(tree.paths)
    for path in tree.code(("lib",), (".c",)):
        own = path[len("lib/"):]
        layer, name = own.split("/", 1)
        if f"tests/unit/{layer}/test_{name}" in known:
            continue
        tests = layers.COVERED_BY.get(own)
        if not tests:
            problems.append(f"{path}: no tests/unit/{layer}/test_{name}, not in COVERED_BY")
            continue
        problems += [f"{path}: covered by tests/{test}, which is missing" for test in tests
                     if f"tests/{test}" not in known]
    problems += [f"layers.py: COVERED_BY names lib/{own}, which is missing"
                 for own in layers.COVERED_BY if tree.paths and f"lib/{own}" not in known
                 and any(p.startswith("lib/") for p in known) and tree.root == repository()]
    return problems


def build_lists(tree):
    """meson builds every source file and runs every unit test and fuzz target"""
    problems = []
    for path in tree.code(("lib",), (".c",)):
        folder, name = os.path.split(path)
        if f"{folder}/meson.build" not in tree.paths or \
                f"'{name}'" not in tree.read(f"{folder}/meson.build"):
            problems.append(f"{path}: not in {folder}/meson.build")
    lists = {"tests/unit": tree.read("tests/unit/meson.build")
             if "tests/unit/meson.build" in tree.paths else "",
             "tests/fuzz": tree.read("tests/fuzz/meson.build")
             if "tests/fuzz/meson.build" in tree.paths else ""}
    for path in tree.code(("tests",), (".c",)):
        match = re.fullmatch(r"(tests/unit)/(\w+)/test_(\w+)\.c", path)
        if match:
            part = re.search(rf"'{match.group(2)}': \[(.*?)\]", lists["tests/unit"], re.S)
            if not part or f"'{match.group(3)}'" not in part.group(1):
                problems.append(f"{path}: not in tests/unit/meson.build")
        match = re.fullmatch(r"(tests/fuzz)/fuzz_(\w+)\.c", path)
        if match:
            if f"'{match.group(2)}'" not in lists["tests/fuzz"]:
                problems.append(f"{path}: not in tests/fuzz/meson.build")
            if not any(p.startswith(f"tests/fuzz/corpus/{match.group(2)}/") for p in tree.paths):
                problems.append(f"{path}: no corpus")
    return problems


def no_sleep(tree):
    """no test sleeps on the wall clock"""
    problems = []
    for path in tree.code(("tests",)):
        if not path.startswith(("tests/unit/", "tests/sim/", "tests/engine/", "tests/support/")):
            continue
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            if re.search(r"\b(u|nano|clock_nano)?sleep\s*\(", line):
                problems.append(f"{path}:{number}: {line.strip()}")
    return problems


def slug(heading):
    text = re.sub(r"[`*_]", "", heading.strip().lower())
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text))


def links(tree):
    """links between the documents resolve"""
    problems = []
    documents = [p for p in tree.paths if p.endswith(".md")]
    for path in documents:
        text = re.sub(r"```.*?```", "", tree.read(path), flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(os.path.join(tree.root, to)):
                problems.append(f"{path}: {target} is not there")
            elif anchor and to.endswith(".md"):
                headings = re.findall(r"^#+ (.*)$", tree.read(to), re.M)
                if anchor not in {slug(h) for h in headings}:
                    problems.append(f"{path}: {to} has no heading for #{anchor}")
    return problems


CHECKS = [includes, symbols, file_length, function_length, licence, formatting, coverage,
          build_lists, no_sleep, links]


def repository():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=repository())
    parser.add_argument("--build", help="a release build, for the symbol check")
    parser.add_argument("checks", nargs="*")
    options = parser.parse_args()
    tree = Tree(os.path.abspath(options.root), options.build)
    failed = 0
    for check in CHECKS:
        if options.checks and check.__name__ not in options.checks:
            continue
        problems = check(tree)
        print(f"{'not ok' if problems else 'ok'} - {check.__name__}: {check.__doc__}")
        for problem in problems:
            print(f"# {problem}")
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
