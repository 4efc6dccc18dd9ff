#!/usr/bin/python3
"""peers.py - libxcall beside other implementations, each calling itself, in one run on this machine.

usage: bench/run.sh peers [--json FILE] [--picture FILE.png] [--runs N] [--seconds N] [--only PEER]

  --only PEER     libxcall, libwebrtc, chromium, gstreamer, aiortc or pion; several with commas
  --runs N        median and spread over so many (5)
  --seconds N     over which CPU time is taken (8)
  --picture FILE  bars; default: FILE.json's name with .png, where --json is given
  --phases N      calls in which audio's latency is taken, a run (4)
  --setup-calls N calls in which setup is timed, a run (5)
SPDX-License-Identifier: MIT"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

import implementations
import measure
import parts

SCHEMA = 1
HEADINGS = {
    "connected_ms": "create to connected, ms", "first_audio_ms": "to first decoded sound, ms",
    "audio_end_to_end_ms": "sound end to end, ms", "first_video_ms": "to first decoded picture, ms",
    "video_360p_end_to_end_ms": "picture 640x360@30 end to end, ms",
    "cpu_audio": "audio call, core-s a call-s", "cpu_360p": "audio+360p call, core-s a call-s",
    "mb_per_call": "memory per extra audio call, MB"}
# A network of its own: real addresses (some peers use no loopback), and no other traffic.
NETWORK = """ip link set lo up && ip link add va type veth peer name vb &&
ip addr add 10.77.0.1/24 dev va && ip link set va up && ip link set vb up &&
ip route add default via 10.77.0.254 dev va && exec "$@" """


def parse():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\nSPDX")[0])
    parser.add_argument("build")
    parser.add_argument("--json")
    parser.add_argument("--picture")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--only")
    parser.add_argument("--phases", type=int, default=4)
    parser.add_argument("--setup-calls", type=int, default=5)
    options = parser.parse_args()
    names = [peer.name for peer in implementations.all_peers("")]
    options.only = options.only.split(",") if options.only else names
    for name in options.only:
        if name not in names:
            parser.error(f"there is no peer \"{name}\" ({', '.join(names)})")
    if not (0 < options.seconds <= 3600 and 0 < options.runs <= 1000 and
            0 < options.phases <= 100 and 0 < options.setup_calls <= 1000):
        parser.error("a number is out of range")
    options.build = os.path.abspath(options.build)
    options.cache = os.path.join(options.build, "bench-peers")
    return options


def network():
    """Words before each command, and what they mean."""
    inside = ["sh", "-c", NETWORK, "sh"]
    for prefix in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        try:
            if subprocess.run(prefix + inside + ["true"], capture_output=True,
                              check=False).returncode == 0:
                return prefix + inside, "a network namespace of its own"
        except OSError:
            break
    return [], "this machine's interfaces"


def prepare(bench, options):
    """(peers that can run, [{"peer", "reason"}])."""
    ready, missing = [], []
    with open(os.path.join(options.cache, "install.log"), "w", encoding="utf-8") as log:
        for peer in implementations.all_peers(options.build):
            if peer.name not in options.only:
                continue
            try:
                peer.prepare(bench, log)
                ready.append(peer)
            except implementations.Unavailable as why:
                print(f"peers: {peer.name} is missing: {why}", file=sys.stderr)
                missing.append({"peer": peer.name, "reason": str(why)})
    return ready, missing


def run_all(bench, peers, options):
    """{peer: {figure: [a value a run]}}; what does not work is said in the peer's notes."""
    found = {peer.name: {} for peer in peers}
    for run in range(options.runs):
        for peer in peers:
            for name, part in parts.PARTS.items():
                if name in peer.lacks:
                    for figure in parts.OF_PART[name]:
                        peer.notes[figure] = peer.lacks[name]
                    continue
                print(f"peers: run {run + 1} of {options.runs}: {peer.name}: {name}",
                      file=sys.stderr)
                try:
                    figures = attempt(bench, peer, part)
                except measure.Failed as why:
                    print(f"peers: {peer.name}: {name}: {why}", file=sys.stderr)
                    for figure in parts.OF_PART[name]:
                        peer.notes[figure] = f"run {run + 1} failed: {why}"[-300:]
                    continue
                for figure, value in figures.items():
                    if value is not None:
                        found[peer.name].setdefault(figure, []).append(value)
    return found


def attempt(bench, peer, part):
    """A second time where it did not work: on a busy machine other programs run out of their time."""
    try:
        return part(bench, peer)
    except measure.Failed as why:
        print(f"peers: {peer.name}: again: {why}", file=sys.stderr)
        return part(bench, peer)


def machine(before):
    cpu = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "load": {"before": round(before, 2), "after": round(os.getloadavg()[0], 2)}}


def report(peers, missing, found, options, where, before):
    rounded = lambda value: None if value is None else float(f"{value:.5g}")  # noqa: E731
    median = {name: {figure: statistics.median(values) for figure, values in figures.items()}
              for name, figures in found.items()}
    table = {name: {figure: rounded(median[name].get(figure)) for figure in parts.FIGURES}
             for name in found}
    ours = table.get("libxcall", {})
    versions = {}
    for peer in peers:
        versions.update(peer.versions)
    return {
        "schema": SCHEMA, "bench": "peers", "machine": machine(before), "versions": versions,
        "settings": {"runs": options.runs, "seconds": options.seconds, "network": where,
                     "phases": options.phases, "setup_calls": options.setup_calls,
                     "extra_calls": parts.EXTRA_CALLS,
                     "processes": {peer.name: peer.processes for peer in peers}},
        "peers": table,
        "ratios": {name: {figure: rounded(value / ours[figure])
                          if value is not None and ours.get(figure) else None
                          for figure, value in figures.items()}
                   for name, figures in table.items() if ours and name != "libxcall"},
        "details": {name: {figure: rounded(value) for figure, value in figures.items()
                           if figure not in parts.FIGURES} for name, figures in median.items()},
        "missing": missing,
        "notes": {peer.name: peer.notes for peer in peers if peer.notes},
        "spread": {"peers": {name: {figure: [rounded(min(values)), rounded(max(values))]
                                    for figure, values in figures.items()
                                    if figure in parts.FIGURES}
                             for name, figures in found.items()}}}


def print_table(whole, peers):
    names = [peer.name for peer in peers]
    ratios = whole["ratios"]
    print(f"\n{'':34}" + "".join(f"{name:>19}" for name in names))
    for figure in parts.FIGURES:
        cells = []
        for name in names:
            value, ratio = whole["peers"][name][figure], ratios.get(name, {}).get(figure)
            text = "-" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
            cells.append(f"{text:>11}" + (f" x{ratio:<6.3g}" if ratio is not None else " " * 8))
        print(f"{HEADINGS[figure]:34}" + "".join(cells))
    print(f"\nsmallest and largest of {whole['settings']['runs']} runs")
    for figure in parts.FIGURES:
        spread = [whole["spread"]["peers"][name].get(figure) for name in names]
        print(f"{HEADINGS[figure]:34}" + "".join(
            f"{'-' if not pair else f'{pair[0]:.3g} .. {pair[1]:.3g}':>19}" for pair in spread))
    for peer in peers:
        for figure, note in peer.notes.items():
            print(f"{peer.name}: {figure}: {note}")
    for entry in whole["missing"]:
        print(f"missing: {entry['peer']}: {entry['reason']}")
    found = whole["machine"]
    print(f"\n{found['cpu']}, {found['cores']} cores, Linux {found['kernel']}, load "
          f"{found['load']['before']} before and {found['load']['after']} after")
    print("; ".join(f"{name} {version}" for name, version in whole["versions"].items()))


def picture(path, whole, peers):
    import bars
    panels = [(HEADINGS[figure], [(peer.title, whole["peers"][peer.name][figure],
                                   peer.name == "libxcall") for peer in peers])
              for figure in parts.FIGURES]
    found = whole["machine"]
    bars.draw(path, "A call with itself: shorter is better",
              f"{found['cpu']}, {found['cores']} cores; medians of {whole['settings']['runs']} runs;"
              " no device in any path", panels)


def main():
    options = parse()
    before = os.getloadavg()[0]
    bench = parts.Bench(os.path.join(options.cache, "content"), options)
    bench.make_content()
    bench.prefix, where = network()
    peers, missing = prepare(bench, options)
    found = run_all(bench, peers, options)
    whole = report(peers, missing, found, options, where, before)
    print_table(whole, peers)
    own = [peer for peer in peers if peer.name == "libxcall"]
    if "libxcall" in options.only and (not own or None in whole["peers"]["libxcall"].values()):
        print("peers: libxcall did not do all of it", file=sys.stderr)
        return 1
    if not peers:
        return 1
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=1)
            file.write("\n")
    if options.picture:
        picture(options.picture, whole, peers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
