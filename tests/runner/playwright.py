"""playwright.py - the pinned playwright-core of tests/service/package.json, from npm into BUILD/service/node_modules:
once, and nothing is written into the source tree. Without it the page's tests skip themselves.
SPDX-License-Identifier: MIT"""
import json
import os
import re
import shutil
import subprocess

NAME = "playwright-core"
LOCK = "package-lock.json"
# What npm says when nobody answers, or answers for somebody else (a proxy). Anything else is a fault.
NO_NETWORK = (r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT"
              r"|EIDLETIMEOUT|FETCH_ERROR|ENOTCACHED|code E(403|407|429|5\d\d)")


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return json.load(file)


def is_there(source, folder):
    """This version, of this content: npm keeps what it has installed in a lock file of its own."""
    wanted = read(source, LOCK)["packages"][f"node_modules/{NAME}"]
    try:
        found = read(folder, "node_modules", ".package-lock.json")["packages"][f"node_modules/{NAME}"]
        own = read(folder, "node_modules", NAME, "package.json")
    except (OSError, ValueError, KeyError):
        return False
    return (found["version"], found["integrity"], own["version"]) == (
        wanted["version"], wanted["integrity"], wanted["version"])


def prepare(root, build, install=True):
    """(why the page's tests are to be skipped, what is wrong): each "" where there is nothing."""
    source, folder = os.path.join(root, "tests", "service"), os.path.join(build, "service")
    if is_there(source, folder):
        return "", ""
    version = read(source, "package.json")["devDependencies"][NAME]
    missing = f"{NAME} {version} is not in {os.path.join(folder, 'node_modules')}"
    if not install:
        return f"{missing}, and --no-install installs nothing", ""
    if not shutil.which("node") or not shutil.which("npm"):
        return f"{missing}, and there is no node and npm to get it with", ""
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", LOCK):
        shutil.copyfile(os.path.join(source, name), os.path.join(folder, name))
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1",
                               "--fetch-timeout=60000"], cwd=folder, capture_output=True, text=True,
                              errors="replace", timeout=240, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        return f"{missing}, and npm did not get it within 240 s", ""
    if done.returncode == 0 and is_there(source, folder):
        return "", ""
    said = (done.stdout + done.stderr).strip()
    network = re.search(NO_NETWORK, said)
    if network:
        return f"{missing}, and npm cannot get it ({network.group(0)})", ""
    return "", f"npm ci in {folder} (exit code {done.returncode}):\n{said}"
