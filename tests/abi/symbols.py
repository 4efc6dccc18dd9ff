#!/usr/bin/env python3
"""symbols.py BUILD - what each library shows: the shared one exactly the functions of the headers, the
static one nothing global that does not begin with xcall_ or xc_, and a soname with the ABI's number.
SPDX-License-Identifier: MIT"""
import glob
import os
import re
import sys

import tap

build = sys.argv[1]
BOTH = "opus|vpx|srtp2|usrsctp|ssl|crypto|yuv|c|m|pthread"
# name, folder, its headers' prefix of functions, what it may need
LIBRARIES = (("libxcall", "lib", False, BOTH),
             ("libxcall-client", "lib/client", True, "xcall|websockets|jansson|ssl|crypto|c|pthread"))


def declared(client):
    names = set()
    for header in tap.HEADERS:
        if (header == "client.h") != client:
            continue
        with open(os.path.join(tap.INCLUDE, "xcall", header), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        names |= set(re.findall(r"XCALL_API[^;(]*?\b(xcall_\w+)\s*\(", text))
    return names


def look(library, folder, client, needs):
    shared = os.path.join(build, folder, library + ".so")
    prefix = "xcall_client_" if client else "xcall_"
    lines = tap.run(["nm", "-D", "--defined-only", shared])[1].split("\n")
    exported = {line.split()[2].split("@")[0] for line in lines
                if len(line.split()) == 3 and line.split()[1] != "A"}
    tap.check(f"{library}: the shared library exports only {prefix}*",
              [name for name in sorted(exported) if not name.startswith(prefix)])
    tap.check("it exports every function of the headers", sorted(declared(client) - exported))
    tap.check("it exports no function that no header has", sorted(exported - declared(client)))
    lines = tap.run(["nm", "-g", "--defined-only",
                     os.path.join(build, folder, library + ".a")])[1].split("\n")
    names = {line.split()[2] for line in lines if len(line.split()) == 3}
    tap.check("the static library's globals begin with xcall_ or xc_",
              [n for n in sorted(names) if not re.match(r"(xcall|xc)_", n)]
              or ([] if names else ["there are none"]))
    with open(os.path.join(tap.INCLUDE, "xcall", "base.h"), encoding="utf-8") as file:
        number = re.search(r"#define XCALL_ABI_VERSION (\d+)", file.read()).group(1)
    dynamic = tap.run(["readelf", "-d", shared])[1]
    tap.check("the soname carries the ABI's number",
              [] if f"[{library}.so.{number}]" in dynamic else [dynamic])
    needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
    tap.check(f"it needs nothing but {needs.replace('|', ', ')}",
              [n for n in needed if not re.match(rf"lib({needs})\.so", n)])
    size = os.path.getsize(max(glob.glob(shared + ".*"), key=len))
    tap.check("it is there", [] if size > 0 else ["empty"])


def main():
    for library in LIBRARIES:
        if library[0] == "libxcall" or tap.has_client(build):
            look(*library)
    tap.end()


main()
