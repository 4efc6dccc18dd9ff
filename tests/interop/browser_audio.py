"""browser_audio.py - what Opus and RTP can do beside a plain tone, with a browser; and hidden addresses.
SPDX-License-Identifier: MIT"""
import re
import time

from call import Call, OURS, THEIRS
from case import Missing, case, check, until_so, wait_for

RIGHT = 1100  # Hz in the page's right channel; ours is half as high again as the left


def begin(run, *options, video=False, page_audio=None, **more):
    call = Call(run, *options, video=video, **more)
    call.add_audio(**(page_audio or {}))
    return call.begin().wait_connected()


@case(roles=("offer",))
def stereo(run):
    """Both channels arrive apart from each other, at either end."""
    call = begin(run, "--stereo", channels=2, page={"stereo": True}, page_audio={"right": RIGHT})
    call.page_hears(OURS, channel=0)
    call.page_hears(OURS * 1.5, channel=1)
    call.we_hear(THEIRS, channel=0)
    call.we_hear(RIGHT, channel=1)
    call.finish()


@case(roles=("offer",), only=("chromium",))
def red(run):
    """Each frame also in the next packet (RFC 2198), both ways. The page's statistics have the codec
    inside, so ours and the packets' size tell."""
    call = begin(run, "--red", page={"codecs": {"audio": ["red", "opus", "*"]}})
    call.page_hears()
    call.we_hear()
    number = re.search(r"a=rtpmap:(\d+) red/48000", call.ours.remote_sdp()).group(1)
    ours = call.ours.stats()
    check(ours["audio_received"]["payload_type"] == int(number),
          f"the page sends payload type {ours['audio_received']['payload_type']}, red is {number}")
    got = call.stat("inbound-rtp", kind="audio")
    size, alone = (got["bytesReceived"] / got["packetsReceived"],
                   ours["audio_sent"]["target_bitrate_bps"] / 8 / 50)
    check(size > 1.6 * alone, f"our packets have {size:.0f} bytes, one frame {alone:.0f}")
    run.note(f"{size:.0f} bytes a packet to the page, where a frame has {alone:.0f}")
    call.finish()


def counts(call):
    """(packets of sound at the page, those from it here, seconds)."""
    return (call.stat("inbound-rtp", kind="audio")["packetsReceived"],
            call.ours.stats()["audio_received"]["packets_received"], time.monotonic())


def check_few(call):
    """In some seconds of silence: to the page less than a quarter of the packets that sound takes."""
    before = counts(call)
    time.sleep(2.0)
    page_got, we_got, took = (b - a for a, b in zip(before, counts(call)))
    check(page_got <= 12.5 * took, f"{page_got} packets of silence came to the page in {took:.1f} s")
    return f"packets in {took:.1f} s of silence: {page_got} to the page, {we_got} from it"


@case(roles=("answer",))
def dtx(run):
    """Silence takes few packets, from us and, where the browser does so, from it; sound comes back."""
    call = begin(run, "--dtx")
    call.page_hears()
    call.we_hear()
    call.ours.do("mute")
    call.page.call("mute", "audio", True)
    call.page_hears_nothing()
    run.note(until_so(lambda: check_few(call)))
    call.ours.do("unmute")
    call.page.call("mute", "audio", False)
    call.page_hears()
    call.we_hear()
    call.finish()


@case(roles=("offer",))
def touch_tones(run):
    """The page's digits do no harm here; ours leave where the page takes them, and none there."""
    call = begin(run)
    call.page_hears()
    call.we_hear()
    sent = call.page.call("digits", "audio", "159#")
    check(sent or run.peer_name == "firefox", "the page may not send digits")
    if sent:
        wait_for("the page's digits end", lambda: any(
            line.endswith("digit end") for line in call.state()["log"]))
    call.we_hear()
    before = call.ours.stats()
    call.ours.do("dtmf", digits="159#")
    done = call.ours.wait_line("digits", lambda line: line["type"] == "done"
                               and line["action"] == "dtmf")
    if run.peer_name == "chromium":
        check(not done["error"], f"our digits: {done['error']}")
    time.sleep(1.2)
    call.page_hears()
    call.we_hear()
    after = call.ours.stats()
    packets = after["audio_sent"]["packets_sent"] - before["audio_sent"]["packets_sent"]
    run.note(f"the page's digits: {'sent' if sent else 'not agreed on'}; ours: "
             f"{done['error'] or 'taken'}; {packets} packets meanwhile")
    check(call.ours.states()[-1] == "connected", f"states: {call.ours.states()}")
    call.finish()


@case(roles=("offer",))
def hidden_addresses(run):
    """The page may use no device, so its candidates are names that only multicast DNS resolves."""
    if run.network.on_loopback():
        raise Missing("multicast DNS needs a network, and none can be made here")
    call = begin(run, mdns=True)
    call.page_hears()
    call.we_hear()
    names = [line["candidate"].split()[4] for line in call.ours.sent
             if line["type"] == "candidate" and line.get("candidate")]
    check(names and all(name.endswith(".local") for name in names),
          f"the page's candidates have the addresses {names}")
    call.finish()
