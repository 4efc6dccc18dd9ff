#!/usr/bin/env python3
"""abi_diff.py BUILD [--renew] - abidiff of a build with -g against the last accepted dump,
libxcall.abi.xz. abidiff's answer is bits: 1 its own error, 2 bad use, 4 a change, 8 an incompatible one.
SPDX-License-Identifier: MIT"""
import lzma
import os
import re
import sys
import tempfile

import tap

GOLDEN = os.path.join(tap.HERE, "libxcall.abi.xz")
build = sys.argv[1]
shared = os.path.join(build, "lib", "libxcall.so")
PRIVATE = ["--suppressions", os.path.join(tap.HERE, "private.suppr")]
build = sys.argv[1]
shared = os.path.join(build, "lib", "libxcall.so")
HEADERS = ["--headers-dir", os.path.join(tap.INCLUDE, "xcall")]


def dump():
    """What the exported functions can reach, without this machine's paths."""
    code, output = tap.run(["abidw", *PRIVATE, "--exported-interfaces-only",
                            "--drop-private-types", "--headers-dir",
                            os.path.join(tap.INCLUDE, "xcall"), "--no-corpus-path",
                            "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed",
                            "--no-write-default-sizes", shared])
    return output if code == 0 else None


def without(text, function):
    """The dump of a library that lacks this function."""
    text = re.sub(rf"<elf-symbol name='{function}'.*?/>", "", text)
    return re.sub(rf"<function-decl name='{function}'.*?</function-decl>", "", text, flags=re.S)


def main():
    text = dump()
    if not tap.check("abidw reads the library", [] if text else ["abidw failed"]):
        tap.end()
    if "--renew" in sys.argv:
        with open(GOLDEN, "wb") as file:
            file.write(lzma.compress(text.encode(), preset=9))
    if not tap.check("there is an accepted dump (tests/run.sh abi --renew-abi)",
                     [] if os.path.exists(GOLDEN) else [f"{GOLDEN} is missing"]):
        tap.end()
    with tempfile.TemporaryDirectory() as folder:
        old, new = os.path.join(folder, "old.abi"), os.path.join(folder, "new.abi")
        with open(old, "wb") as file, lzma.open(GOLDEN) as packed:
            file.write(packed.read())
        with open(new, "w", encoding="utf-8") as file:
            file.write(text)
        code, output = tap.run(["abidiff", *PRIVATE, "--no-show-locs", old, new])
        tap.check("abidiff finds no change", output if code else [])
        for what, broken in (("a function that is gone", without(text, "xcall_now_ns")),
                             ("a field that has moved",
                              text.replace("layout-offset-in-bits='32'",
                                           "layout-offset-in-bits='96'"))):
            with open(new, "w", encoding="utf-8") as file:
                file.write(broken)
            code, _ = tap.run(["abidiff", *PRIVATE, old, new])
            tap.check(f"abidiff would find {what}", [] if code & 4 else [f"it answered {code}"])
    tap.end()


main()
