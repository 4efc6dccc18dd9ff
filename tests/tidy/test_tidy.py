#!/usr/bin/env python3
"""test_tidy.py - shows that each check of tidy.py can fail: a clean small tree passes, and one fault
at a time put into it is found. TAP on stdout.
SPDX-License-Identifier: MIT"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

HEAD = "/* a.c - a file.\n * SPDX-License-Identifier: MIT */\n"
MESON_UNIT = "unit_tests = {\n  'base': [\n    'a',\n  ],\n}\n"
CLEAN = {
    ".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 4\nBreakBeforeBraces: Linux\n"
                     "AllowShortFunctionsOnASingleLine: None\n",
    "lib/base/a.h": HEAD + "#ifndef A\n#define A\n#include <stdint.h>\n#endif\n",
    "lib/base/a.c": HEAD + '#include "base/a.h"\n\nint xc_a(void);\nint xc_a(void)\n{\n'
                           "    return 0;\n}\n",
    "lib/base/meson.build": "files('a.c')\n",
    "tests/unit/base/test_a.c": HEAD + "int x;\n",
    "tests/unit/meson.build": MESON_UNIT,
    "README.md": "# Name\nSee [docs](docs/a.md#one-two).\n",
    "docs/a.md": "# A\n## One two\n",
}
LONG_FUNCTION = HEAD + "void f(void);\nvoid f(void)\n{\n" + "    ;\n" * 71 + "}\n"

# check -> the fault: files that replace or join those of the clean tree.
FAULTS = [
    ("includes", {"lib/base/b.c": HEAD + '#include "wire/rtp.h"\n'}),
    ("includes", {"lib/media/b.c": HEAD + '#include "proto/ice.h"\n'}),
    ("includes", {"lib/proto/b.c": HEAD + "#include <xcall/base.h>\n"}),
    ("includes", {"lib/wire/b.c": HEAD + "#include <stdlib.h>\n"}),
    ("includes", {"lib/io/b.c": HEAD + '#include "wire/rtp.h"\n'}),
    ("includes", {"lib/other/b.c": HEAD}),
    ("includes", {"lib/client/b.c": HEAD + '#include "engine/engine.h"\n'}),
    ("symbols", {"lib/base/a.c": HEAD + "#include <stdlib.h>\nvoid *f(void);\nvoid *f(void)\n{\n"
                                        "    return malloc(5);\n}\n"}),
    ("symbols", {"lib/base/a.c": HEAD + "#include <time.h>\nint f(struct timespec *t);\n"
                                        "int f(struct timespec *t)\n{\n"
                                        "    return clock_gettime(CLOCK_MONOTONIC, t);\n}\n"}),
    ("symbols", {"lib/base/a.c": HEAD + "#include <pthread.h>\nint f(pthread_mutex_t *m);\n"
                                        "int f(pthread_mutex_t *m)\n{\n"
                                        "    return pthread_mutex_lock(m);\n}\n"}),
    ("symbols", {"lib/wire/b.c": HEAD}),  # not built
    ("file_length", {"lib/base/b.c": HEAD + "\n" * 800}),
    ("function_length", {"lib/base/b.c": LONG_FUNCTION}),
    ("licence", {"lib/base/b.c": "/* no licence */\n"}),
    ("licence", {"tests/x.py": "print()\n"}),
    ("formatting", {"lib/base/a.c": HEAD + "int  x;\n"}),
    ("coverage", {"lib/base/b.c": HEAD}),
    ("build_lists", {"lib/base/b.c": HEAD}),
    ("build_lists", {"tests/unit/base/test_b.c": HEAD}),
    ("build_lists", {"tests/fuzz/fuzz_b.c": HEAD}),
    ("no_sleep", {"tests/unit/base/test_a.c": HEAD + "void f(void)\n{\n    usleep(3);\n}\n"}),
    ("links", {"README.md": "[a](docs/b.md)\n"}),
    ("links", {"README.md": "[a](docs/a.md#three)\n"}),
]


def write(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def problems_of(name, files):
    with tempfile.TemporaryDirectory() as root:
        write(root, CLEAN)
        write(root, files)
        build = os.path.join(root, "build")
        os.makedirs(os.path.join(build, "lib"))
        if name == "symbols":
            subprocess.run(["cc", "-c", "-Ilib", "lib/base/a.c", "-o",
                            os.path.join(build, "lib", "base_a.c.o")], cwd=root, check=True)
        return getattr(tidy, name)(tidy.Tree(root, build))


def main():
    failed = 0
    for check in tidy.CHECKS:
        problems = problems_of(check.__name__, {})
        failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} - {check.__name__} passes a clean tree")
        for problem in problems:
            print(f"# {problem}")
    for number, (name, files) in enumerate(FAULTS, 1):
        found = problems_of(name, files)
        failed += not found
        print(f"{'ok' if found else 'not ok'} - {name} finds fault {number} ({', '.join(files)})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
