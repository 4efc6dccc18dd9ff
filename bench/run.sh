#!/bin/bash
# run.sh - runs a bench: installs what is missing, builds a release build in build/, runs, prints a
# table and, where asked for, JSON. Figures are printed, never asserted. See docs/benchmarks.md.
#
# SPDX-License-Identifier: MIT
set -u

usage() {
    cat <<'TEXT'
usage: bench/run.sh NAME [--json FILE] [--seconds N] [--runs N] [--only PART] [--compare OLD.json]

  NAME            latency | setup | tax | load | data | service | size | peers | all (but peers)
  --json FILE     also write the figures there (all: FILE becomes FILE-NAME.json of each)
  --seconds N     media seconds of each part
  --runs N        median and spread over so many runs
  --only PART     one part of a bench (bench-NAME --help lists them); service: so many devices
                  instead of 10000; peers: one peer, or several
                  with commas: libxcall,libwebrtc,chromium,gstreamer,aiortc,pion
  --picture FILE  peers: bars as PNG (default: beside the JSON)
  --compare OLD   print the ratio of each figure to the one in an older JSON of the same bench

Exit code: 0 when every part worked, 1 when one failed (no JSON then), 2 for bad use.
TEXT
}

bad_use() {
    echo "bench: $1 (--help lists the options)" >&2
    exit 2
}

names="latency setup tax load data service size"
apart="peers" # these are not in "all": they install other implementations
name="" json="" compare="" picture="" pass=()
while [ $# -gt 0 ]; do
    case "$1" in
    --help | -h) usage; exit 0 ;;
    --json | --compare | --seconds | --runs | --only | --picture)
        [ $# -ge 2 ] || bad_use "there must be something after $1"
        case "$1" in
        --json) json="$2" ;;
        --compare) compare="$2" ;;
        --picture) picture="$2" ;;
        *) pass+=("$1" "$2") ;;
        esac
        shift 2
        ;;
    -*) bad_use "there is no option \"$1\"" ;;
    *)
        [ -z "$name" ] || bad_use "one NAME only"
        name="$1"
        shift
        ;;
    esac
done
case " $names $apart all " in
*" $name "*) [ -n "$name" ] || bad_use "a NAME is wanted" ;;
*) bad_use "there is no bench \"$name\"" ;;
esac
[ -z "$compare" ] || [ -r "$compare" ] || bad_use "\"$compare\" cannot be read"
[ -z "$compare" ] || [ "$name" != all ] || bad_use "--compare wants one NAME"
here=$PWD
case "$json" in '' | /* | -) ;; *) json="$here/$json" ;; esac
case "$compare" in '' | /*) ;; *) compare="$here/$compare" ;; esac
if [ "$name" = peers ] && [ -z "$picture" ]; then
    case "$json" in *.json) picture="${json%.json}.png" ;; esac
fi
[ -z "$picture" ] || [ "$name" = peers ] || bad_use "--picture is for peers"
case "$picture" in '' | /*) ;; *) picture="$here/$picture" ;; esac
cd "$(dirname "$0")/.." || exit 1
mkdir -p build || exit 1
log=build/bench-setup.log
: >"$log"

fail() {
    echo "bench: $1" >&2
    exit 1
}

# --- packages and build --------------------------------------------------------------------------

packages="gcc libc6-dev meson ninja-build pkg-config libopus-dev libvpx-dev libsrtp2-dev libusrsctp-dev
    libssl-dev libyuv-dev zlib1g-dev binutils python3"

case "$name" in
service | all)
    packages="$packages libjansson-dev libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libsqlite3-dev
        libsodium-dev libavformat-dev libavcodec-dev libavutil-dev"
    ;;
esac
[ "$name" != peers ] ||
    packages="$packages python3-numpy python3-pil fonts-dejavu-core iproute2 util-linux"

missing_of() {
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    # shellcheck disable=SC2086
    missing=$(missing_of $packages)
    [ -n "$missing" ] || return 0
    echo "bench: installing $missing" >&2
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        fail "these packages are missing and need root or sudo to install: $missing"
    as_root apt-get update >>"$log" 2>&1 || echo "bench: apt-get update failed; going on" >&2
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        $missing >>"$log" 2>&1 || fail "apt-get could not install: $missing(see $log)"
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_packages
fi
if [ -f build/build.ninja ]; then
    meson setup --reconfigure build -Dbuildtype=release -Dbench=true >>"$log" 2>&1
else
    meson setup build --buildtype=release -Dtests=false >>"$log" 2>&1
fi || fail "meson failed (see $log)"
targets="bench/bench-latency bench/bench-setup bench/bench-tax bench/bench-load bench/bench-data
    bench/bench-peers bench/xcall-sim"
case "$name" in
service | all)
    meson setup --reconfigure build -Dexamples=true -Dxcalld=enabled >>"$log" 2>&1 || fail "meson failed (see $log)"
    targets="$targets bench/bench-service examples/xcalld"
    ;;
esac
# shellcheck disable=SC2086
ninja -C build $targets >>"$log" 2>&1 || {
    tail -n 25 "$log" >&2
    fail "the build failed (see $log)"
}

# --- libdatachannel, to compare with ---------------------------------------------------------------

# In a folder of the build: fetched once. Without npm, or without a network, it is named as missing.
fetch_node_datachannel() {
    cache=$PWD/build/bench-cache/node-datachannel
    export BENCH_NODE_DATACHANNEL_SCRIPT=$PWD/bench/data/libdatachannel.mjs
    if [ ! -d "$cache/node_modules/node-datachannel" ]; then
        if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
            as_root apt-get install -y --no-install-recommends nodejs npm >>"$log" 2>&1
        fi
        command -v npm >/dev/null || return 0
        mkdir -p "$cache"
        [ -f "$cache/package.json" ] || echo '{"private":true}' >"$cache/package.json"
        timeout 300 npm --prefix "$cache" install --no-audit --no-fund node-datachannel >>"$log" 2>&1
    fi
    node -e "require('$cache/node_modules/node-datachannel')" >>"$log" 2>&1 || return 0
    export BENCH_NODE_DATACHANNEL=$cache
}
case "$name" in data | all) fetch_node_datachannel ;; esac

# --- run -----------------------------------------------------------------------------------------

made=$(mktemp) || exit 1
trap 'rm -f "$made"' EXIT

# $1: the bench, $2: where its JSON goes, or nothing
run_one() {
    : >"$made"
    if [ "$1" = size ]; then
        python3 bench/size.py build --json "$made" || return
    elif [ "$1" = peers ]; then # Debian's own python3 has the modules
        /usr/bin/python3 bench/peers/peers.py build --json "$made" \
            ${picture:+--picture "$picture"} ${pass[@]+"${pass[@]}"} || return
    else
        "build/bench/bench-$1" --json "$made" ${pass[@]+"${pass[@]}"} || return
    fi
    if [ -n "$compare" ]; then
        python3 bench/compare.py "$compare" "$made" || return 1
    fi
    case "$2" in
    '') ;;
    -) cat "$made" ;;
    *) cp "$made" "$2" && chmod 644 "$2" ;;
    esac
}

result=0
for one in $names $apart; do
    [ "$name" = "$one" ] || { [ "$name" = all ] && [[ " $names " = *" $one "* ]]; } || continue
    target="$json"
    if [ "$name" = all ] && [ -n "$json" ] && [ "$json" != - ]; then
        target="${json%.json}-$one.json"
    fi
    [ -z "$target" ] || [ "$target" = - ] || rm -f "$target"
    run_one "$one" "$target"
    status=$?
    [ $status -ne 2 ] || exit 2
    [ $status -eq 0 ] || {
        echo "bench: $one failed" >&2
        result=1
    }
done
exit $result
