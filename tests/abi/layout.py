#!/usr/bin/env python3
"""layout.py - the golden list of every public struct's size and offsets and every constant's value,
layout.txt, to which lines are only ever added.

  layout.py BUILD [--renew]

The headers are read for names; a program compiled against them says the numbers.
SPDX-License-Identifier: MIT"""
import os
import re
import sys
import tempfile

import tap

GOLDEN = os.path.join(tap.HERE, "layout.txt")


def source_text(header):
    with open(os.path.join(tap.INCLUDE, "xcall", header), encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)


def members_of(body):
    """Names of `type a, b[3], *c;` lists."""
    names = []
    for line in body.split(";"):
        line = " ".join(line.split())
        if not line:
            continue
        for number, part in enumerate(line.split(",")):
            match = re.search(r"(\w+)\s*(\[[^\]]*\]\s*)*$", part.strip())
            if match:
                names.append(match.group(1))
            elif number == 0:
                raise SystemExit(f"layout.py does not understand: {line}")
    return names


def structs_of(text):
    for match in re.finditer(r"typedef\s+struct\s+(\w+)\s*\{(.*?)\}\s*(\w+)\s*;", text, re.S):
        yield match.group(3), members_of(match.group(2))


def constants_of(text):
    for match in re.finditer(r"enum\s*\w*\s*\{(.*?)\}", text, re.S):
        for entry in match.group(1).split(","):
            if entry.strip():
                yield entry.split("=")[0].strip()
    for match in re.finditer(r"^#define[ \t]+(XCALL_\w+)[ \t]+[-(\w]", text, re.M):
        if match.group(1) not in ("XCALL_API", "XCALL_REALTIME"):
            yield match.group(1)


def program():
    lines = ["#include <stdio.h>", "#include <stddef.h>", "#include <xcall/xcall.h>",
             "#include <xcall/client.h>",
             "int main(void)", "{"]
    for header in tap.HEADERS:
        text = source_text(header)
        for name, members in structs_of(text):
            lines.append(f'    printf("struct {name} %zu\\n", sizeof({name}));')
            for member in members:
                lines.append(f'    printf("member {name}.{member} %zu %zu\\n", '
                             f"offsetof({name}, {member}), sizeof((({name} *)0)->{member}));")
        for name in constants_of(text):
            lines.append(f'    printf("constant {name} %lld\\n", (long long)({name}));')
    return "\n".join(lines + ["    return 0;", "}", ""])


def measure():
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        with open(source, "w", encoding="utf-8") as file:
            file.write(program())
        code, output = tap.run(["cc", "-std=c11", f"-I{tap.INCLUDE}", source, "-o", binary])
        if code:
            raise SystemExit(output)
        return tap.run([binary])[1].splitlines()


def key(line):
    return " ".join(line.split()[:2])


def main():
    now = {key(line): line for line in measure()}
    golden = []
    if os.path.exists(GOLDEN):
        with open(GOLDEN, encoding="utf-8") as file:
            golden = [line.rstrip("\n") for line in file if line.strip() and line[0] != "#"]
    if "--renew" in sys.argv:
        with open(GOLDEN, "w", encoding="utf-8") as file:
            file.write("# Every public struct (size), member (offset, size) and constant (value), on\n"
                       "# x86-64. Written by tests/run.sh abi --renew-abi. Until 1.0 a line may\n"
                       "# change with a line in CHANGELOG.md; afterwards lines are only added.\n")
            known = [key(line) for line in golden]
            order = [k for k in known if k in now] + [k for k in now if k not in known]
            file.writelines(now[k] + "\n" for k in order)
        golden = list(now.values())
    differ = []
    for line in golden:
        if key(line) not in now:
            differ.append(f"gone: {line}")
        elif now[key(line)] != line and not grown(line, now[key(line)]):
            differ.append(f"was {line}, is {now[key(line)]}")
    known = {key(line) for line in golden}
    added = [f"not in layout.txt: {line}" for k, line in now.items() if k not in known]
    tap.check("there are structs, members and constants to compare",
              [] if len(now) > 100 else ["too few were found"])
    tap.check("no layout or constant has changed", differ)
    tap.check("everything is in the golden list (tests/run.sh abi --renew-abi)", added)
    tap.end()


def grown(line, now):
    """A sized struct may grow at its tail: its new members are lines of their own."""
    return False if line.split()[0] != "struct" else int(now.split()[2]) > int(line.split()[2]) \
        and is_sized(line.split()[1])


def is_sized(name):
    return any(name == found and members and members[0] == "size"
               for header in tap.HEADERS for found, members in structs_of(source_text(header)))


main()
