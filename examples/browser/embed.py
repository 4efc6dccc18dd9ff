#!/usr/bin/env python3
"""embed.py OUTPUT FILE... - the files of the page as a C file for page_files.h.
SPDX-License-Identifier: MIT"""
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png",
         ".ico": "image/x-icon", ".webmanifest": "application/manifest+json"}


def main():
    out = ["/* Made by embed.py. */", "#include <libwebsockets.h>", "", '#include "page_files.h"', ""]
    rows = []
    for number, path in enumerate(sys.argv[2:]):
        name = os.path.basename(path)
        with open(path, "rb") as file:
            data = file.read()
        out.append(f"static unsigned char file_{number}[LWS_PRE + {len(data)}] = {{")
        out.append("    [LWS_PRE] = " + ", ".join(str(byte) for byte in data))
        out.append("};")
        paths = ["/", "/index.html"] if name == "index.html" else ["/" + name]
        for shown in paths:
            rows.append(f'    {{"{shown}", "{TYPES[os.path.splitext(name)[1]]}", file_{number}, '
                        f"{len(data)}}},")
    out += ["const struct page_file page_files[] = {", *rows, "};",
            "const size_t page_files_count = sizeof page_files / sizeof *page_files;", ""]
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write("\n".join(out))


main()
