"""browser_calls.py - setting up calls with a browser: media kinds, trickle, codec orders.
SPDX-License-Identifier: MIT"""
import re

from call import Call
from case import case, check


@case
def audio(run):
    call = Call(run, video=False)
    call.add_audio()
    call.begin().wait_connected()
    call.page_hears()
    call.we_hear()
    call.finish()


@case
def video_only(run):
    """The page has no audio at all: of our offer's it only listens, its own offer has none."""
    call = Call(run)
    call.add_video()
    call.begin().wait_connected()
    call.page_sees(60)
    call.we_see(60)
    if run.we_offer:
        call.page_hears()
    call.finish(asked=False)


@case
def audio_and_video(run):
    call = Call(run)
    call.add_audio()
    call.add_video()
    call.begin().wait_connected()
    call.page_hears()
    call.we_hear()
    call.page_sees(60)
    call.we_see(60)
    call.finish()


@case
def no_trickle(run):
    call = Call(run, trickle=False)
    call.add_audio()
    call.add_video()
    call.begin().wait_connected()
    check("a=candidate" in call.ours.local_sdp() and "a=candidate" in call.ours.remote_sdp(),
          "the descriptions have no candidates")
    call.page_hears()
    call.we_hear()
    call.page_sees()
    call.we_see()
    call.finish()


@case
def max_bundle(run):
    call = Call(run, page={"bundlePolicy": "max-bundle"})
    call.add_audio()
    call.add_video()
    call.begin().wait_connected()
    call.page_hears()
    call.we_hear()
    call.page_sees()
    call.we_see()
    call.finish()


def payload_types(sdp):
    """{payload type: codec name}, and those of the first video codec."""
    return {int(number): name.upper()
            for number, name in re.findall(r"a=rtpmap:(\d+) ([\w.-]+)/", sdp)}


@case(seconds=300)
def codec_orders(run):
    """The browser's own orders and numbers: VP8 first and last, audio without and with RED."""
    orders = ({"video": ["VP8"]}, {"video": ["*"], "audio": ["*"]},
              {"video": ["VP9", "VP8", "rtx", "*"], "audio": ["opus", "*"]},
              {"video": ["VP8", "rtx", "*"], "audio": ["PCMU", "opus", "*"]})
    for codecs in orders:
        call = Call(run, page={"codecs": codecs})
        call.add_audio(codecs=codecs.get("audio"))
        call.add_video(codecs=codecs["video"])
        call.begin().wait_connected()
        call.page_hears()
        call.we_hear()
        call.page_sees()
        call.we_see()
        names = payload_types(call.ours.local_sdp())
        check(not any(64 <= number <= 95 for number in names), f"payload types {names}")
        call.finish()
        call._close()
        run.closers.remove(call._close)
        run.on_failure.clear()
        run.peers.clear()
