#!/bin/bash
# run.sh - builds what is not built, starts the server of the page, and prints its address.
#
# SPDX-License-Identifier: MIT
set -u

usage() {
    cat <<'TEXT'
usage: examples/browser/run.sh [--port N] [--build FOLDER] [server option ...]

  --port N        where the page is: http://127.0.0.1:N/ (8080; 0: any that is free)
  --build FOLDER  a build of the library (build/, made where it is missing)

Other options go to the server; build/examples/browser-call --help lists them. Ctrl-C ends it all.
Exit code: 0, 1 when something failed, 2 for bad use.
TEXT
}

fail() {
    echo "run.sh: $1" >&2
    exit 1
}

port=8080 build="" more=()
while [ $# -gt 0 ]; do
    case "$1" in
    --port) port="${2-}"; shift; [ $# -gt 0 ] && shift ;;
    --port=*) port="${1#*=}"; shift ;;
    --build) build="${2-}"; shift; [ $# -gt 0 ] && shift ;;
    --build=*) build="${1#*=}"; shift ;;
    --help | -h) usage; exit 0 ;;
    *) more+=("$1"); shift ;;
    esac
done
case "$port" in
'' | *[!0-9]* | ??????*)
    echo "run.sh: --port wants a number up to 65535" >&2
    exit 2
    ;;
esac
[ -z "$build" ] || build=$(cd "$build" && pwd) || fail "there is no build in $build"

cd "$(dirname "$0")/../.." || exit 1
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

packages="gcc libc6-dev meson ninja-build pkg-config libopus-dev libvpx-dev libsrtp2-dev
    libusrsctp-dev libssl-dev libyuv-dev libjansson-dev libavformat-dev libavcodec-dev libavutil-dev
    zlib1g-dev python3 libwebsockets-dev"

install_packages() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return
    local missing=()
    for package in $packages; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return
    echo "installing ${missing[*]}"
    as_root apt-get update >>"$log" 2>&1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        "${missing[@]}" >>"$log" 2>&1 || fail "apt-get could not install them (see $log)"
}

if [ -z "$build" ]; then
    build=$PWD/build
    mkdir -p "$build" || exit 1
    log=$build/browser-setup.log
    : >"$log"
    install_packages
    echo "building in build/"
    options=(-Dbuildtype=release -Dexamples=true -Dbrowser_example=enabled)
    if [ -f build/build.ninja ]; then
        meson configure build "${options[@]}" >>"$log" 2>&1
    else
        meson setup build "${options[@]}" -Dtests=false >>"$log" 2>&1
    fi || {
        tail -n 15 "$log" >&2
        fail "meson failed (see $log)"
    }
    ninja -C build examples/browser-call >>"$log" 2>&1 || {
        tail -n 25 "$log" >&2
        fail "the build failed (see $log)"
    }
fi
[ -x "$build/examples/browser-call" ] || fail "$build has no examples/browser-call"
exec "$build/examples/browser-call" --listen "127.0.0.1:$port" ${more[@]+"${more[@]}"}
