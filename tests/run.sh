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

Suites (all by default, in this order):
  tidy   layers, symbols, lengths, licences, formatting, links
  unit   every module alone, whole engines, failing allocations, corpora; AddressSanitizer and UBSan
  abi    headers as C and C++, layouts, exported symbols, abidiff, a call from Python, an install
  rt     the real-time proof; ThreadSanitizer over rings, engines and calls
  sim    whole calls in virtual time over a grid of impairments
  e2e    the programs: xcall-peer over pipes, quickstart, xcall-sim, the benchmarks' JSON
  fuzz   each libFuzzer target, briefly

Options:
  --seeds N          simulated calls (500)
  --real N           simulated calls with real codecs (20)
  --first-seed N     seed of the first one (1)
  --fuzz-seconds N   for each fuzz target (5)
  --cycles N         engines created and closed under ThreadSanitizer (10000)
  --long             campaigns: 20000 seeds, 120 s a fuzz target, 100000 cycles, every allocation
  --renew-abi        abi: accept the present ABI dump and append to the golden list of layouts
  --jobs N           programs at a time (the number of processors)
  --verbose          each test program on a line, with its time
  --no-install       install no packages
  --help             this text

Build folders: build (release), build-asan, build-tsan, build-abi, build-fuzz. Exit code 0: something
ran and nothing failed.
TEXT
}

packages_of() {
    local common="gcc libc6-dev binutils meson ninja-build pkg-config python3 libopus-dev libvpx-dev
        libsrtp2-dev libusrsctp-dev libssl-dev libyuv-dev zlib1g-dev libcmocka-dev"
    local programs="libjansson-dev libavformat-dev libavcodec-dev libavutil-dev
        libwebsockets-dev"
    case "$1" in
    tidy) echo "$common $programs clang-format" ;;
    unit) echo "$common" ;;
    rt | sim) echo "$common $programs" ;;
    abi) echo "$common g++ abigail-tools" ;;
    fuzz) echo "$common clang libclang-rt-14-dev llvm-14" ;;
    e2e)
        echo "$common $programs ffmpeg asterisk-core-sounds-en-g722 python3-numpy python3-pil" \
            fonts-dejavu-core iproute2 chromium
        ;;
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

all=(tidy unit abi rt sim e2e fuzz)
suites=()
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
    --seeds | --real | --first-seed | --fuzz-seconds | --cycles | --jobs) expect_value=yes ;;
    --long | --renew-abi | --verbose | --*=*) ;;
    -*) echo "run.sh: unknown option $argument (see --help)" >&2 && exit 2 ;;
    *)
        if [[ " ${all[*]} " != *" $argument "* ]]; then
            echo "run.sh: unknown suite $argument (there are: ${all[*]})" >&2
            exit 2
        fi
        suites+=("$argument")
        ;;
    esac
done
[ ${#suites[@]} -gt 0 ] || suites=("${all[@]}")
[ $install = no ] || install_missing "${suites[@]}"
exec python3 tests/runner/main.py "$@"
