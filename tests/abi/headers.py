#!/usr/bin/env python3
"""headers.py - each public header alone, as C11 and as C++11, with everything a compiler has to say
taken as an error. And the shapes that bindings cannot take: bit-fields, long, bodies, enums in structs.
SPDX-License-Identifier: MIT"""
import os
import re

import tap

C = ["-std=c11", "-pedantic", "-Wall", "-Wextra", "-Wstrict-prototypes", "-Werror"]
CXX = ["-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror"]


def alone(compiler, language, flags, header):
    source = f"#include <xcall/{header}>\n#include <xcall/{header}>\nint xc_header_alone;\n"
    return tap.problem([compiler, "-x", language, "-fsyntax-only", f"-I{tap.INCLUDE}", *flags, "-"],
                       input=source)


def shapes(header):
    with open(os.path.join(tap.INCLUDE, "xcall", header), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    found = []
    for pattern, what in ((r"\blong\b", "long"), (r"\btime_t\b", "time_t"),
                          (r"\bstatic\s+inline\b", "an inline function"),
                          (r"\w\s*:\s*\d+\s*;", "a bit-field"), (r"\bunion\b", "a union"),
                          (r"^\s+enum\s+\w+\s+\w+;", "an enum in a struct"),
                          (r"\.\.\.\s*\)", "a function of varying arguments"),
                          (r"\bbool\b", "bool")):
        if re.search(pattern, text, re.M):
            found.append(f"{header}: {what}")
    return found


def main():
    for header in tap.HEADERS:
        tap.check(f"{header} alone is C11", alone("gcc", "c", C, header))
        tap.check(f"{header} alone is C++11", alone("g++", "c++", CXX, header))
        tap.check(f"{header} has only what a binding can take", shapes(header))
    tap.end()


main()
