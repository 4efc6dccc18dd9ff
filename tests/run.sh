#!/usr/bin/env bash
# run.sh - installs what the tests need, builds and runs them, and closes with one line:
#   N passed, N failed, N skipped
# Debian 12; root or sudo for the packages that are missing (nothing is asked for when none is).
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
usage: tests/run.sh [suite ...] [option ...]
       tests/run.sh interop [chromium|firefox|gstreamer|aiortc|pion ...] [option ...]

Suites (all by default, in this order):
  tidy   layers, symbols, lengths, licences, formatting, links
  unit   every module alone, whole engines, failing allocations, corpora; AddressSanitizer and UBSan
  abi    headers as C and C++, layouts, exported symbols, abidiff, a call from Python, an install
  rt     the real-time proof; ThreadSanitizer over rings, engines and calls
  sim    whole calls in virtual time over a grid of impairments
  e2e    the programs: xcall-peer over pipes, quickstart, xcall-sim, the benchmarks' JSON
  service  the call service: its core in virtual time (sanitized), xcalld over TLS, xcall-phone, the
         page (Playwright, from npm into build/service), relayed calls in a network of its own, the
         abuse list of docs/security.md
  fuzz   each libFuzzer target, briefly
  interop  calls with real browsers and other WebRTC programs, in a network of its own; among all
           suites each case of a browser in one role (we or they offer), named: in both

Options:
  --seeds N          simulated calls (500); when interop is named: random renegotiations with each
                     browser and role (4)
  --case NAME        interop, service: this case only (a pattern is fine; may be repeated)
  --real N           simulated calls with real codecs (20)
  --first-seed N     seed of the first one (1)
  --fuzz-seconds N   for each fuzz target (3)
  --cycles N         engines created and closed under ThreadSanitizer (5000)
  --long             campaigns: 20000 seeds, 120 s a fuzz target, 100000 cycles, every allocation,
                     service: the full counts of its abuse list
  --renew-abi        abi: accept the present ABI dump and append to the golden list of layouts
  --jobs N           programs at a time (the number of processors)
  --verbose          each test program on a line, with its time
  --no-install       install no packages, and nothing from npm
  --help             this text

Build folders: build (release), build-asan, build-tsan, build-abi, build-fuzz. Exit code 0: something
ran and nothing failed.
TEXT
}

packages_of() {
    local common="gcc libc6-dev binutils meson ninja-build pkg-config python3 libopus-dev libvpx-dev
        libsrtp2-dev libusrsctp-dev libssl-dev libyuv-dev zlib1g-dev libcmocka-dev"
    local programs="libjansson-dev libavformat-dev libavcodec-dev libavutil-dev
        libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libsqlite3-dev libsodium-dev
        libcurl4-openssl-dev"
    case "$1" in
    tidy) echo "$common $programs clang-format" ;;
    unit) echo "$common $programs" ;;
    service)
        echo "$common $programs openssl python3 coturn chromium iproute2 util-linux ffmpeg" \
            asterisk-core-sounds-en-g722
        ;;
    node) # from wherever: only where the commands are missing
        command -v node >/dev/null || echo nodejs
        command -v npm >/dev/null || echo npm
        ;;
    rt | sim) echo "$common $programs" ;;
    abi) echo "$common g++ abigail-tools" ;;
    fuzz) echo "$common $programs clang libclang-rt-14-dev llvm-14" ;;
    e2e)
        echo "$common $programs ffmpeg asterisk-core-sounds-en-g722 python3-numpy python3-pil" \
            fonts-dejavu-core iproute2 chromium coturn
        ;;
    interop) echo "$common $programs python3-numpy iproute2 util-linux ffmpeg" ;;
    chromium) echo "chromium" ;;
    firefox) echo "firefox-esr pulseaudio" ;;
    gstreamer)
        echo "gstreamer1.0-nice gstreamer1.0-plugins-base gstreamer1.0-plugins-good" \
            gstreamer1.0-plugins-bad python3-gst-1.0 gir1.2-gst-plugins-bad-1.0
        ;;
    aiortc) echo "python3-aiortc" ;;
    pion) echo "golang-go golang-github-pion-webrtc.v3-dev" ;;
    esac
}

install_missing() {
    local missing=() package as_root=()
    for package in $(for suite in "$@"; do packages_of "$suite"; done | tr -s ' \n' '\n\n' | sort -u); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    echo "installing: ${missing[*]}"
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
        "${as_root[@]}" apt-get update -qq
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends "${missing[@]}" >/dev/null
    fi
}

all=(tidy unit abi rt sim e2e service fuzz interop)
all_peers=(chromium firefox gstreamer aiortc pion)
suites=()
peers=()
install=yes
expect_value=no
for argument in "$@"; do
    if [ $expect_value = yes ]; then
        expect_value=no
        continue
    fi
    case "$argument" in
    --help | -h) usage && exit 0 ;;
    --no-install) install=no ;;
    --seeds | --real | --first-seed | --fuzz-seconds | --cycles | --jobs | --case) expect_value=yes ;;
    --long | --renew-abi | --verbose | --*=*) ;;
    -*) echo "run.sh: unknown option $argument (see --help)" >&2 && exit 2 ;;
    *)
        if [[ " ${all_peers[*]} " == *" $argument "* ]]; then
            peers+=("$argument")
            continue
        fi
        if [[ " ${all[*]} " != *" $argument "* ]]; then
            echo "run.sh: unknown suite $argument (there are: ${all[*]})" >&2
            exit 2
        fi
        suites+=("$argument")
        ;;
    esac
done
[ ${#suites[@]} -gt 0 ] || suites=("${all[@]}")
if [[ " ${suites[*]} " == *" interop "* ]]; then
    [ ${#peers[@]} -gt 0 ] || peers=("${all_peers[@]}")
elif [ ${#peers[@]} -gt 0 ]; then
    echo "run.sh: ${peers[*]}: only the suite interop has peers" >&2
    exit 2
fi
if [ $install = yes ]; then
    install_missing "${suites[@]}"
    if [[ " ${suites[*]} " == *" service "* ]]; then # the page's tests; without them they are skipped
        install_missing node || echo "run.sh: node and npm cannot be installed" >&2
    fi
    for peer in "${peers[@]}"; do # where one cannot be had, its cases say so
        install_missing "$peer" || echo "run.sh: the packages of $peer cannot be installed" >&2
    done
fi
exec python3 tests/runner/main.py "$@"
