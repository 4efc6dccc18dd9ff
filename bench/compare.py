#!/usr/bin/env python3
"""Prints each figure of a bench's JSON beside that of an older one, and their ratio.

usage: compare.py OLD.json NEW.json

Figures that only one of them has are left out. Standard library only.
SPDX-License-Identifier: MIT
"""
import json
import sys

ASIDE = ("schema", "bench", "machine", "versions", "settings", "spread")


def figures(value, path=""):
    """(dotted path, number) of every number below value."""
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield path, float(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if path or name not in ASIDE:
                yield from figures(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from figures(inner, f"{path}.{place}")


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
    except (OSError, ValueError) as error:
        sys.exit(f"compare: {path}: {error}")
    if not isinstance(whole, dict) or "bench" not in whole:
        sys.exit(f"compare: {path} is no JSON of a bench")
    return whole


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    old, new = load(sys.argv[1]), load(sys.argv[2])
    if old["bench"] != new["bench"] or old.get("schema") != new.get("schema"):
        sys.exit("compare: not the same bench, or not the same schema")
    before = dict(figures(old))
    machines = [whole.get("machine", {}).get("cpu") for whole in (old, new)]
    if machines[0] != machines[1]:
        print(f"\nnot the same machine: {machines[0]}, now {machines[1]}")
    print(f"\n{'figure':<46} {'old':>10} {'new':>10}   new/old")
    for path, value in figures(new):
        if path not in before or path.count(".phases."):
            continue
        ratio = f"{value / before[path]:.3f}" if before[path] else "-"
        print(f"{path:<46} {before[path]:>10.4g} {value:>10.4g}   {ratio}")


if __name__ == "__main__":
    main()
