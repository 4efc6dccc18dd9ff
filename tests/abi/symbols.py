#!/usr/bin/env python3
"""symbols.py BUILD - what the libraries show: the shared one exactly the functions of the headers, the
static one nothing global that does not begin with xcall_ or xc_, and a soname with the ABI's number.
SPDX-License-Identifier: MIT"""
import glob
import os
import re
import sys

import tap

build = sys.argv[1]
shared = os.path.join(build, "lib", "libxcall.so")


def declared():
    names = set()
    for header in tap.HEADERS:
        with open(os.path.join(tap.INCLUDE, "xcall", header), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        names |= set(re.findall(r"XCALL_API[^;(]*?\b(xcall_\w+)\s*\(", text))
    return names


def main():
    lines = tap.run(["nm", "-D", "--defined-only", shared])[1].split("\n")
    exported = {line.split()[2].split("@")[0] for line in lines
                if len(line.split()) == 3 and line.split()[1] != "A"}
    tap.check("the shared library exports only xcall_*",
              [name for name in sorted(exported) if not name.startswith("xcall_")])
    tap.check("it exports every function of the headers", sorted(declared() - exported))
    tap.check("it exports no function that no header has", sorted(exported - declared()))
    lines = tap.run(["nm", "-g", "--defined-only",
                     os.path.join(build, "lib", "libxcall.a")])[1].split("\n")
    names = {line.split()[2] for line in lines if len(line.split()) == 3}
    tap.check("the static library's globals begin with xcall_ or xc_",
              [n for n in sorted(names) if not re.match(r"(xcall|xc)_", n)]
              or ([] if names else ["there are none"]))
    with open(os.path.join(tap.INCLUDE, "xcall", "base.h"), encoding="utf-8") as file:
        number = re.search(r"#define XCALL_ABI_VERSION (\d+)", file.read()).group(1)
    dynamic = tap.run(["readelf", "-d", shared])[1]
    tap.check("the soname carries the ABI's number",
              [] if f"[libxcall.so.{number}]" in dynamic else [dynamic])
    needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
    tap.check("it needs nothing but its codecs, OpenSSL, libsrtp2, usrsctp, libyuv and the C library",
              [n for n in needed
               if not re.match(r"lib(opus|vpx|srtp2|usrsctp|ssl|crypto|yuv|c|m|pthread)\.so", n)])
    size = os.path.getsize(max(glob.glob(shared + ".*"), key=len))
    tap.check("it is there", [] if size > 0 else ["empty"])
    tap.end()


main()
