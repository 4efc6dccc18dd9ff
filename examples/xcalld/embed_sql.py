#!/usr/bin/env python3
"""embed_sql.py OUTPUT FILE... - the migrations NNNN.sql, in order, as a C file for store_private.h.
SPDX-License-Identifier: MIT"""
import hashlib
import os
import re
import sys


def main():
    out = ["/* Made by embed_sql.py. */", '#include "store_private.h"', ""]
    rows = []
    for number, path in enumerate(sorted(sys.argv[2:], key=os.path.basename), 1):
        name = os.path.basename(path)
        if name != f"{number:04}.sql":
            sys.exit(f"{name}: migrations are numbered 0001.sql, 0002.sql, ... without a gap")
        with open(path, "rb") as file:
            data = file.read()
        # The statements without their comments: that is what the hash is of, too.
        text = re.sub(rb"--[^\n]*", b"", data)
        text = re.sub(rb"[ \n]+", b" ", text).strip()
        out.append(f"static const char text_{number}[] = {{")
        out.append("    " + ", ".join(str(byte) for byte in text + b"\0"))
        out.append("};")
        sha = ", ".join(str(byte) for byte in hashlib.sha256(text).digest())
        rows.append(f"    {{text_{number}, {{{sha}}}}},")
    out += ["const struct migration store_migrations[] = {", *rows, "};",
            "const unsigned store_migrations_count = "
            "sizeof store_migrations / sizeof *store_migrations;", ""]
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write("\n".join(out))


main()
