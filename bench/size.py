#!/usr/bin/env python3
"""Size of the stripped library, its exported symbols, and every library that it pulls in.

usage: size.py BUILD [--json FILE]

Uses strip, nm and ldd. Standard library only.
SPDX-License-Identifier: MIT
"""
import ctypes
import glob
import json
import os
import subprocess
import sys
import tempfile


def output(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"size: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def library_of(build):
    found = [path for path in glob.glob(os.path.join(build, "lib", "libxcall.so.*"))
             if not os.path.islink(path) and os.path.isfile(path)]
    if len(found) != 1:
        sys.exit(f"size: there is no libxcall.so in {build}/lib")
    return found[0]


def stripped_size(library):
    with tempfile.NamedTemporaryFile() as file:
        output("strip", "-o", file.name, library)
        return os.path.getsize(file.name)


def pulled_in(library):
    """[(name, bytes, wanted by the library itself)], the largest first."""
    direct = {line.split("[")[1].rstrip("]") for line in
              output("readelf", "-d", library).splitlines() if "(NEEDED)" in line}
    libraries = []
    for line in output("ldd", library).splitlines():
        parts = line.split()
        if len(parts) < 3 or parts[1] != "=>" or not parts[2].startswith("/"):
            continue
        size = os.path.getsize(os.path.realpath(parts[2]))
        libraries.append((parts[0], size, parts[0] in direct))
    return sorted(libraries, key=lambda entry: -entry[1])


def sections(library):
    wanted = (".text", ".rodata", ".data", ".bss", ".data.rel.ro")
    return {line.split()[0].strip("."): int(line.split()[1])
            for line in output("size", "-A", library).splitlines()
            if line.split() and line.split()[0] in wanted}


def machine():
    system = os.uname()
    cpu = "unknown"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            cpu = next(line.split(":", 1)[1].strip() for line in file
                       if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    load = os.getloadavg()[0]
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": system.release,
            "load": {"before": load, "after": load}}


def versions(library):
    loaded = ctypes.CDLL(os.path.abspath(library))
    loaded.xcall_version.restype = ctypes.c_char_p
    loaded.xcall_dependency_versions.restype = ctypes.c_char_p
    return {"libxcall": loaded.xcall_version().decode(),
            "dependencies": loaded.xcall_dependency_versions().decode()}


def main():
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 3) or (len(arguments) == 3 and arguments[1] != "--json"):
        sys.exit(__doc__)
    library = library_of(arguments[0])
    symbols = [line.split()[-1].split("@")[0] for line in
               output("nm", "-D", "--defined-only", library).splitlines()
               if line.split()[-2] in "TDBRW"]
    libraries = pulled_in(library)
    size, parts = stripped_size(library), sections(library)
    everything = size + sum(entry[1] for entry in libraries)
    print(f"\n{os.path.basename(library)}: {size / 1e6:.3f} MB stripped ("
          + ", ".join(f"{name} {n / 1e3:.0f} kB" for name, n in parts.items()) + ")")
    print(f"exported symbols: {len(symbols)}")
    print(f"pulls in {len(libraries)} libraries, {everything / 1e6:.1f} MB with itself "
          "(* named by the library itself)")
    for name, n, direct in libraries:
        print(f"  {n / 1e6:8.3f} MB  {name}{' *' if direct else ''}")
    if len(arguments) == 3:
        whole = {"schema": 1, "bench": "size", "machine": machine(),
                 "versions": versions(library), "settings": {"buildtype": "release"},
                 "library": {"stripped_bytes": size, "exported_symbols": len(symbols),
                             "sections": parts, "total_bytes": everything},
                 "symbols": sorted(symbols),
                 "libraries": [{"name": name, "bytes": n, "direct": direct}
                               for name, n, direct in libraries]}
        with open(arguments[2], "w", encoding="utf-8") as file:
            json.dump(whole, file)
            file.write("\n")


if __name__ == "__main__":
    main()
