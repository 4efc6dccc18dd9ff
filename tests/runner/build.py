"""build.py - the build folders: set up once, then only rebuilt.
SPDX-License-Identifier: MIT"""
import os
import re
import subprocess

FOLDERS = {
    # The library as it is shipped, with every program.
    "build": ["-Dbuildtype=release", "-Dexamples=true", "-Dtests=true", "-Dbench=true",
              "-Dbrowser_example=enabled", "-Dxcalld=enabled", "-Dclient=enabled"],
    "build-asan": ["-Dbuildtype=debug", "-Doptimization=1", "-Db_sanitize=address,undefined",
                   "-Db_lundef=false", "-Dexamples=true", "-Dbench=true"],
    "build-tsan": ["-Dbuildtype=debug", "-Doptimization=1", "-Db_sanitize=thread",
                   "-Db_lundef=false", "-Dexamples=false", "-Dbench=false"],
    "build-abi": ["-Dbuildtype=release", "-Dc_args=-g", "-Dexamples=false", "-Dbench=false",
                  "-Dtests=false", "-Dlibdir=lib"],
    "build-fuzz": ["-Dbuildtype=debug", "-Doptimization=1", "-Db_sanitize=address,undefined",
                   "-Db_lundef=false", "-Dexamples=true", "-Dbench=false", "-Dtests=false",
                   "-Dfuzz=true", "-Dc_args=-fsanitize=fuzzer-no-link"],
}


class BuildError(Exception):
    """A build that failed; its text is the output."""


def run(command, cwd, env=None):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env={**os.environ, **(env or {})})
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if not re.match(r"\[\d+/\d+\] ", line)]
        raise BuildError("\n".join([" ".join(command)] + lines))
    return done.stdout


def folder(root, name, targets=()):
    """Builds all, or these targets, in build folder `name`; returns its path."""
    path = os.path.join(root, name)
    env = {"CC": "clang"} if name == "build-fuzz" else {}
    arguments = list(FOLDERS[name])
    if name == "build-abi":
        arguments.append(f"-Dprefix={os.path.join(path, 'prefix')}")
    stamp = os.path.join(path, "run-arguments")
    if not os.path.exists(stamp) or open(stamp, encoding="utf-8").read() != repr(arguments):
        # A folder that somebody else set up, as quickstart does with build/, is fine when it is
        # a release build; one of our own with older arguments is made anew.
        if os.path.exists(stamp):
            run(["meson", "setup", "--wipe", name] + arguments, root, env)
        elif not os.path.exists(os.path.join(path, "build.ninja")):
            run(["meson", "setup", name] + arguments, root, env)
        else:
            run(["meson", "configure", name] + arguments, root, env)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(repr(arguments))
    run(["ninja", "-C", name] + list(targets), root, env)
    return path
