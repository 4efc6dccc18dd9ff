#!/usr/bin/env python3
"""list_page.py FOLDER INSTEAD - the files of the web page in FOLDER, one a line; INSTEAD where it has no
index.html.
SPDX-License-Identifier: MIT"""
import os
import sys

ENDS = (".html", ".js", ".css", ".svg", ".png", ".ico", ".webmanifest")
folder = sys.argv[1]
if os.path.isfile(os.path.join(folder, "index.html")):
    for name in sorted(os.listdir(folder)):
        if name.endswith(ENDS):
            print(os.path.join(folder, name))
else:
    print(sys.argv[2])
