#!/bin/bash
# quickstart.sh - from a bare Debian 12 to a call that you can look at: installs what is missing, builds
# the library, starts the call service, lets alice call bob through it (refused first, because she has
# never written to him) with speech and moving pictures over UDP, and leaves a report. May be run again
# at any time.
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
    libusrsctp-dev libssl-dev libyuv-dev libjansson-dev libavformat-dev libavcodec-dev libavutil-dev
    zlib1g-dev libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libsqlite3-dev libsodium-dev python3"
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
        echo "1/5  packages: all there"
        return
    fi
    echo "1/5  packages: installing $missing$missing_media"
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
    echo "1/5  packages: this is no Debian; going on with what is there"
fi

# --- 2. build ------------------------------------------------------------------------------------

echo "2/5  release build in build/"
if [ -f build/build.ninja ]; then
    meson setup --reconfigure build -Dbuildtype=release -Dexamples=true -Dclient=enabled -Dxcalld=enabled >>"$log" 2>&1
else
    meson setup build --buildtype=release -Dtests=false -Dclient=enabled -Dxcalld=enabled >>"$log" 2>&1
fi || {
    tail -n 15 "$log" >&2
    fail "meson failed (see $log)"
}
ninja -C build >>"$log" 2>&1 || {
    tail -n 25 "$log" >&2
    fail "the build failed (see $log)"
}
phone=build/examples/xcall-phone xcalld=build/examples/xcalld
for program in $phone $xcalld; do
    [ -x "$program" ] || fail "the build made no $program"
done

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
echo "3/5  media: $words; $pictures, 640x360 at 30 a second"

# --- 4. the call service -------------------------------------------------------------------------

rm -rf $out/report.html $out/report.json $out/received.webm $out/alice.* $out/bob.* $out/service.*
store=$out/service.db
server="" bob=""
stop_all() {
    # shellcheck disable=SC2086
    [ -z "$server$bob" ] || kill -TERM $bob $server 2>/dev/null
    wait
}
trap 'stop_all; fail "interrupted"' INT TERM

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

admin() {
    "$xcalld" admin "$@" --store $store >>"$log" 2>&1 || fail "xcalld admin $1 failed (see $log)"
}

port=$(free_port)
admin account alice
admin account bob
for name in alice bob; do
    (umask 077 && "$xcalld" admin token $name --store $store >$out/$name.token 2>>"$log") ||
        fail "xcalld admin token failed (see $log)"
done
"$xcalld" --listen "127.0.0.1:$port" --store $store >$out/service.log 2>&1 &
server=$!
echo "4/5  the call service: xcalld on 127.0.0.1:$port, accounts alice and bob (docs/xcalld.md)"

# --- 5. the calls --------------------------------------------------------------------------------

echo "5/5  alice calls bob, is refused, writes to him, calls again: UDP on 127.0.0.1, $seconds s"

one_phone() { # NAME AUDIO VIDEO more...
    name=$1 audio=$2 video=$3
    shift 3
    exec timeout -k 5 $((seconds + 90)) "$phone" --url "ws://127.0.0.1:$port/xcall" \
        --token-file $out/$name.token --bind 127.0.0.1 --audio-in "$audio" --video-in "$video" \
        --size 640x360 --fps 30 --stats "$out/$name.stats.json" \
        --stats-series "$out/$name.series.jsonl" --traces-raw "$out/$name.traces.json" \
        --trace "$out/$name.trace.json" --pictures "$out/$name.pictures" "$@"
}

printf '%s\n' "follow alice" "wait active 60" "wait ended $((seconds + 30))" |
    one_phone bob "$bob_audio" "$bob_video" --answer yes --record $out/received.webm \
        >$out/bob.log 2>&1 &
bob=$!
{
    printf '%s\n' "follow bob" "call bob video" "wait refused 10" \
        "message bob hello, may I call you?" "call bob video" "wait active 30" \
        "wait ended $((seconds + 30))" |
        one_phone alice "$alice_audio" "$alice_video" --seconds "$seconds" --progress
    echo $? >$out/alice.code
} | tee $out/alice.log | sed 's/^/     alice: /'
alice_code=$(cat $out/alice.code)
wait $bob
bob_code=$?
bob=""
stop_all
trap - INT TERM
rm -f $out/alice.code $out/*.token $out/*.token.state $out/service.db*
sed 's/^/     bob: /' $out/bob.log

trouble=""
refused=$(sed -n 's/^refused: //p' $out/alice.log | head -n 1)
[ -n "$refused" ] || trouble="the gate did not refuse the first call"
[ "$alice_code" -eq 0 ] || trouble="${trouble:+$trouble, }alice ended with code $alice_code"
[ $bob_code -eq 0 ] || trouble="${trouble:+$trouble, }bob ended with code $bob_code"

echo
python3 examples/report/xcall-report $out --media "$words; $pictures" --refused "$refused" ||
    trouble="${trouble:+$trouble, }media did not flow as it should"
for file in report.html report.json received.webm; do
    [ -s $out/$file ] || trouble="${trouble:+$trouble, }$out/$file was not written"
done
[ -z "$trouble" ] || fail "the call did not work: $trouble"

cat <<TEXT

  $out/report.html     latency of each frame and stage; open it in a browser
  $out/report.json     the same figures for a program
  $out/received.webm   what bob saw and heard
  $out/service.log     what the service said
  $out/alice.trace.json, bob.trace.json   for a trace viewer (chrome://tracing, ui.perfetto.dev)
TEXT
