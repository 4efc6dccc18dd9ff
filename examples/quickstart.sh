#!/bin/bash
# quickstart.sh - from a bare Debian 12 to a call that you can look at: installs what is missing,
# builds the library, lets two processes call each other over UDP with speech and moving pictures,
# and leaves a report. May be run again at any time.
#
# SPDX-License-Identifier: MIT
set -u

usage() {
    cat <<'TEXT'
usage: examples/quickstart.sh [--seconds N] [--help]

  --seconds N   length of the call (default 10, 2 to 600)

Results are in build/quickstart/: report.html, report.json, received.webm.
Exit code: 0 when media flowed in both directions, 1 when the call or the set-up did not work,
2 for bad use.
TEXT
}

seconds=10
while [ $# -gt 0 ]; do
    case "$1" in
    --seconds) seconds="${2-}"; shift; [ $# -gt 0 ] && shift ;;
    --seconds=*) seconds="${1#*=}"; shift ;;
    --help | -h) usage; exit 0 ;;
    *) echo "quickstart: unknown option \"$1\" (--help lists them)" >&2; exit 2 ;;
    esac
done
case "$seconds" in
'' | *[!0-9]* | ????*) seconds=0 ;;
esac
if [ "$seconds" -lt 2 ] || [ "$seconds" -gt 600 ]; then
    echo "quickstart: --seconds wants a whole number from 2 to 600" >&2
    exit 2
fi

cd "$(dirname "$0")/.." || exit 1
out=build/quickstart
media=$out/media
mkdir -p "$media" || exit 1
log=$out/setup.log
: >"$log"

fail() {
    echo "quickstart: $1" >&2
    exit 1
}

# --- 1. packages ---------------------------------------------------------------------------------

build_packages="gcc libc6-dev meson ninja-build pkg-config libopus-dev libvpx-dev libsrtp2-dev
    libusrsctp-dev libssl-dev libyuv-dev libjansson-dev libavformat-dev libavcodec-dev libavutil-dev zlib1g-dev
    python3"
media_packages="ffmpeg asterisk-core-sounds-en-g722" # without them the media are generated

missing_of() {
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" \
        >>"$log" 2>&1
}

install_packages() {
    # shellcheck disable=SC2086
    missing=$(missing_of $build_packages) missing_media=$(missing_of $media_packages)
    if [ -z "$missing$missing_media" ]; then
        echo "1/4  packages: all there"
        return
    fi
    echo "1/4  packages: installing $missing$missing_media"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        [ -z "$missing" ] && return
        fail "these packages are missing and need root or sudo to install: $missing"
    fi
    as_root apt-get update >>"$log" 2>&1 || echo "     apt-get update failed; going on without"
    # shellcheck disable=SC2086
    if ! install $missing $missing_media && ! { [ -n "$missing" ] && install $missing; }; then
        if [ -n "$missing" ]; then
            tail -n 5 "$log" >&2
            fail "apt-get could not install: $missing(see $log)"
        fi
    fi
    # shellcheck disable=SC2086
    missing=$(missing_of $build_packages)
    [ -z "$missing" ] || fail "still missing after apt-get: $missing(see $log)"
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_packages
else
    echo "1/4  packages: this is no Debian; going on with what is there"
fi

# --- 2. build ------------------------------------------------------------------------------------

echo "2/4  release build in build/"
if [ -f build/build.ninja ]; then
    meson configure build -Dbuildtype=release -Dexamples=true >>"$log" 2>&1
else
    meson setup build --buildtype=release -Dtests=false >>"$log" 2>&1
fi || {
    tail -n 15 "$log" >&2
    fail "meson failed (see $log)"
}
ninja -C build >>"$log" 2>&1 || {
    tail -n 25 "$log" >&2
    fail "the build failed (see $log)"
}
peer=build/examples/xcall-peer
[ -x "$peer" ] || fail "the build made no $peer"

# --- 3. media ------------------------------------------------------------------------------------

speech=/usr/share/asterisk/sounds/en_US_f_Allison/demo-instruct.g722
[ -f "$speech" ] || speech=$(find /usr/share/asterisk/sounds -name demo-instruct.g722 2>/dev/null |
    head -n 1)
nature=/usr/share/doc/opencv-doc/examples/data/vtest.avi
alice_audio=tone:440 bob_audio=tone:660 alice_video=pattern bob_video=pattern
words="" pictures=""

convert() { # FILE ffmpeg-arguments...; keeps what a former run made
    to=$1
    shift
    [ -s "$to" ] && return
    ffmpeg -v error -nostdin -y "$@" "$to.part" >>"$log" 2>&1 && mv "$to.part" "$to"
}

if command -v ffmpeg >/dev/null; then
    wav="-ar 48000 -ac 1 -c:a pcm_s16le -f wav"
    y4m="-t 5 -pix_fmt yuv420p -f yuv4mpegpipe"
    # shellcheck disable=SC2086
    if [ -n "$speech" ] && convert $media/alice.wav -f g722 -i "$speech" -t 30 $wav &&
        convert $media/bob.wav -f g722 -i "$speech" -af atrim=start=30 $wav; then
        alice_audio=$media/alice.wav bob_audio=$media/bob.wav
        words="recorded speech (asterisk-core-sounds-en-g722, demo-instruct)"
    fi
    fill="scale=640:360:force_original_aspect_ratio=increase,crop=640:360,fps=30"
    # shellcheck disable=SC2086
    if [ -f "$nature" ] && convert $media/alice.y4m -i "$nature" -vf $fill $y4m; then
        alice_video=$media/alice.y4m pictures="filmed (opencv-doc, vtest) and "
    elif convert $media/alice.y4m -f lavfi -i testsrc2=s=640x360:r=30 $y4m; then
        alice_video=$media/alice.y4m
    fi
    # shellcheck disable=SC2086
    convert $media/bob.y4m -f lavfi -i "mandelbrot=s=640x360:r=30:end_scale=0.02:end_pts=150" $y4m &&
        bob_video=$media/bob.y4m
    pictures="moving pictures ${pictures}drawn by ffmpeg"
fi
[ -n "$words" ] || words="generated tones (recorded speech could not be had)"
[ "$alice_video$bob_video" != patternpattern ] || pictures="generated moving patterns"
echo "3/4  media: $words; $pictures, 640x360 at 30 a second"

# --- 4. the call ---------------------------------------------------------------------------------

echo "4/4  alice calls bob: two processes, UDP on 127.0.0.1, $seconds s"
rm -rf $out/report.html $out/report.json $out/received.webm $out/alice.* $out/bob.* $out/*.fifo
mkfifo $out/to_alice.fifo $out/to_bob.fifo || fail "mkfifo failed"

one_peer() { # NAME ROLE AUDIO VIDEO more...
    name=$1 role=$2 audio=$3 video=$4
    shift 4
    exec timeout -k 5 $((seconds + 40)) "$peer" "$role" --bind 127.0.0.1 --seconds "$seconds" \
        --audio-in "$audio" --video-in "$video" --size 640x360 --fps 30 \
        --stats "$out/$name.stats.json" --stats-series "$out/$name.series.jsonl" \
        --traces-raw "$out/$name.traces.json" --trace "$out/$name.trace.json" \
        --pictures "$out/$name.pictures" "$@"
}

# The two open their ends of the pipes in the same order, or each would wait for the other.
one_peer alice --offer "$alice_audio" "$alice_video" --progress \
    >$out/to_bob.fifo <$out/to_alice.fifo &
alice=$!
one_peer bob --answer "$bob_audio" "$bob_video" --record $out/received.webm \
    <$out/to_bob.fifo >$out/to_alice.fifo 2>$out/bob.log &
bob=$!
trap 'kill -TERM $alice $bob 2>/dev/null; wait; fail "interrupted"' INT TERM
wait $alice
alice_code=$?
wait $bob
bob_code=$?
trap - INT TERM
rm -f $out/*.fifo
[ -s $out/bob.log ] && sed 's/^/     bob: /' $out/bob.log >&2

trouble=""
[ $alice_code -eq 0 ] || trouble="alice ended with code $alice_code"
[ $bob_code -eq 0 ] || trouble="${trouble:+$trouble, }bob ended with code $bob_code"

echo
python3 examples/report/xcall-report $out --media "$words; $pictures" ||
    trouble="${trouble:+$trouble, }media did not flow as it should"
for file in report.html report.json received.webm; do
    [ -s $out/$file ] || trouble="${trouble:+$trouble, }$out/$file was not written"
done
[ -z "$trouble" ] || fail "the call did not work: $trouble"

cat <<TEXT

  $out/report.html     latency of each frame and stage; open it in a browser
  $out/report.json     the same figures for a program
  $out/received.webm   what bob saw and heard
  $out/alice.trace.json, bob.trace.json   for a trace viewer (chrome://tracing, ui.perfetto.dev)
TEXT
