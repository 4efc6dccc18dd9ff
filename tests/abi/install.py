#!/usr/bin/env python3
"""install.py BUILD - meson install into the build's own prefix, then a ten-line program outside the
tree, built by pkg-config alone: against the shared library and against the static one.
SPDX-License-Identifier: MIT"""
import os
import shutil
import sys
import tempfile

import tap

PROGRAM = """#include <stdio.h>
#include <xcall/xcall.h>

int main(void)
{
    xcall_engine *engine = NULL;
    xcall_id call = 0;
    int32_t result = xcall_engine_create(NULL, &engine, NULL);
    if (result == XCALL_OK)
        result = xcall_call_create(engine, NULL, &call, NULL);
    printf("%s %s\\n", xcall_version(), xcall_error_name(result));
    xcall_engine_unref(engine);
    return result == XCALL_OK || result == XCALL_E_SYSTEM ? 0 : 1;
}
"""
build = os.path.abspath(sys.argv[1])
prefix = os.path.join(build, "prefix")
environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}


def flags(*options, library="libxcall"):
    code, output = tap.run(["pkg-config", *options, library], env=environment)
    if code:
        raise SystemExit(output)
    return output.split()


def build_and_run(folder, name, arguments, env):
    binary = os.path.join(folder, name)
    found = tap.problem(["cc", "-std=c11", "-Wall", "-Werror", "program.c", "-o", binary,
                         *arguments], cwd=folder)
    return found or tap.problem([binary], env={**os.environ, **env})


CLIENT_PROGRAM = """#include <stdio.h>
#include <xcall/client.h>

int main(void)
{
    xcall_client_config config;
    xcall_client *client = NULL;
    xcall_client_config_init(&config, sizeof config);
    int32_t result = xcall_client_create(&config, &client, NULL);
    printf("%s\\n", xcall_error_name(result));
    return result == XCALL_E_INVALID ? 0 : 1;
}
"""


def client(folder):
    """The second library, by its own name alone."""
    with open(os.path.join(folder, "program.c"), "w", encoding="utf-8") as file:
        file.write(CLIENT_PROGRAM)
    tap.check("a program builds against libxcall-client and runs",
              build_and_run(folder, "client",
                            flags("--cflags", "--libs", library="libxcall-client"),
                            {"LD_LIBRARY_PATH": os.path.join(prefix, "lib")}))
    needed = tap.run(["readelf", "-d", os.path.join(prefix, "lib", "libxcall.so")])[1]
    tap.check("libxcall itself needs none of its libraries",
              [line for line in needed.split("\n") if "websockets" in line or "jansson" in line])


def main():
    shutil.rmtree(prefix, ignore_errors=True)
    tap.check("meson install", tap.problem(["meson", "install", "-C", build, "--no-rebuild"]))
    missing = [path for path in ["lib/libxcall.so", "lib/libxcall.a", "lib/pkgconfig/libxcall.pc"]
               + [f"include/xcall/{header}" for header in tap.HEADERS
                  if header != "client.h" or tap.has_client(build)]
               if not os.path.exists(os.path.join(prefix, path))]
    tap.check("everything a user needs is installed", missing)
    if tap.has_client(build):
        with tempfile.TemporaryDirectory() as folder:
            client(folder)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "program.c"), "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        tap.check("a program builds against the shared library and runs",
                  build_and_run(folder, "shared", flags("--cflags", "--libs"),
                                {"LD_LIBRARY_PATH": os.path.join(prefix, "lib")}))
        os.remove(os.path.join(prefix, "lib", "libxcall.so"))  # -lxcall now means the archive
        tap.check("a program builds against the static library and runs",
                  build_and_run(folder, "static", flags("--cflags", "--static", "--libs"), {}))
        tap.check("which it does not need at run time",
                  [line for line in tap.run(["ldd", os.path.join(folder, "static")])[1].split("\n")
                   if "libxcall" in line])
    tap.end()


main()
