"""browser_media.py - how media fares in a call with a browser: codecs, repair, bit rates, statistics.

Each case runs in one role (browser_calls.py and browser_changes.py have both). What one end says of
itself is held against what the other end counted, beside the pictures that either end shows.
SPDX-License-Identifier: MIT"""
import time

from call import Call, LossyPath
from case import case, check, check_near, until_so, wait_for

VP8, VP9 = 1, 2  # `codec` of xcall-peer's statistics


def begin(run, *options, audio=False, path=None, page=None, **video):
    """A call with pictures both ways that flows; `video` are settings of the page's pictures."""
    call = Call(run, *options, path=path, page=page)
    if audio:
        call.add_audio()
    call.add_video(**video)
    call.begin().wait_connected()
    call.page_sees()
    call.we_see()
    return call


def page_video(call, way):
    """The page's statistics of its pictures: way is "inbound" or "outbound"."""
    return call.stat(f"{way}-rtp", kind="video")


def check_share(name, low, value, high):
    """value, counted at one end between two looks at what the other end had counted, is as much; but
    for a few, which may be on their way for long: then a later look finds that they came."""
    check(0.95 * low - 6 <= value <= 1.05 * high + 6, f"{name}: {value}, not in {low}..{high}")


def check_all_received(call):
    """Every frame that we encoded came whole. How many of them a page decodes is up to its time: it
    skips some, most of all those that no other one refers to."""
    def look():
        low = call.ours.stats()["video_sent"]["frames_encoded"]
        theirs = page_video(call, "inbound")
        high = call.ours.stats()["video_sent"]["frames_encoded"]
        check_share("frames received by the page", low, theirs["framesReceived"], high)
        check(0 < theirs["framesDecoded"] <= theirs["framesReceived"],
              f"the page decoded {theirs['framesDecoded']} of {theirs['framesReceived']} frames")
    until_so(look)


def page_codec(call, way):
    codec = page_video(call, way)["codecId"]
    return next(c["mimeType"] for c in call.stats("codec") if c["id"] == codec)


def check_vp9(call):
    for way in ("inbound", "outbound"):
        got = page_codec(call, way)
        check(got == "video/VP9", f"the page's {way} pictures are {got}")
    ours = call.ours.stats()
    for way in ("video_sent", "video_received"):
        check(ours[way]["codec"] == VP9, f"codec of {way} is {ours[way]['codec']}")


@case(roles=("offer",))
def vp9_we_offer(run):
    """We offer VP9 first; the page wants it first too."""
    call = begin(run, "--codec", "vp9", page={"codecs": {"video": ["VP9", "rtx", "*"]}})
    check_vp9(call)
    call.page_sees(60)
    call.we_see(60)
    call.finish(asked=False)


@case(roles=("answer",))
def vp9_they_offer(run):
    """The page offers VP9 first."""
    call = begin(run, "--codec", "vp9", codecs=["VP9", "rtx", "*"])
    check_vp9(call)
    call.page_sees(60)
    call.we_see(60)
    call.finish(asked=False)


def check_repaired(call, path):
    """Of what the path lost, each side asked for some, and got it. What both counted, for more looks."""
    theirs_in, theirs_out = page_video(call, "inbound"), page_video(call, "outbound")
    ours = call.ours.stats()
    sent, received = ours["video_sent"], ours["video_received"]
    check(path.link.lost_in > 8 and path.link.lost_out > 8,
          "the path lost too little to tell")
    # Towards the page: it asks, we send again, it takes that.
    check(theirs_in["nackCount"] > 3, f"the page sent {theirs_in['nackCount']} NACK")
    check(sent["nack_count"] > 3, f"we got {sent['nack_count']} NACK")
    check(sent["retransmitted_packets_sent"] > 10,
          f"we sent {sent['retransmitted_packets_sent']} packets again")
    if "retransmittedPacketsReceived" in theirs_in:  # not in every version
        check(theirs_in["retransmittedPacketsReceived"] > 5, "the page got nothing again: "
              f"{theirs_in['retransmittedPacketsReceived']}")
    # Towards us.
    check(received["nack_count"] > 3, f"we sent {received['nack_count']} NACK")
    check(theirs_out["nackCount"] > 3, f"the page got {theirs_out['nackCount']} NACK")
    check(theirs_out["retransmittedPacketsSent"] > 10,
          f"the page sent {theirs_out['retransmittedPacketsSent']} packets again")
    check(received["retransmitted_packets_received"] > 5 and received["packets_repaired"] > 5,
          f"we got {received['retransmitted_packets_received']} packets again, of which "
          f"{received['packets_repaired']} repaired")
    return theirs_in["nackCount"], received["nack_count"], sent["retransmitted_packets_sent"]


@case(roles=("answer",))
def loss_is_repaired(run):
    """5 % of the media lost both ways: NACK and RTX of both sides, and pictures go on."""
    path = LossyPath(delay_ms=10)
    call = begin(run, "--video-bitrate", "600", path=path, busy=20)
    path.set_loss(0.05, 0.05)
    call.page_sees(60)
    call.we_see(60)
    their_nacks, our_nacks, again = until_so(lambda: check_repaired(call, path))
    # Nobody asks without end: a packet that is lost, or late, is asked for a few times at the most.
    for name, nacks, lost in (("we", our_nacks, path.link.lost_in),
                              ("the page", their_nacks, path.link.lost_out)):
        check(nacks <= 10 * lost + 50, f"{name} sent {nacks} NACK for {lost} lost packets")
    check(again <= 10 * path.link.lost_out + 50,
          f"we sent {again} packets again for {path.link.lost_out}")
    call.finish(asked=False)


@case(roles=("offer",))
def key_frame_we_ask(run):
    """Our PLI is counted by the page and answered with a key frame."""
    call = begin(run)
    for _ in range(2):
        before, plis = call.ours.stats()["video_received"], page_video(call, "outbound")["pliCount"]
        time.sleep(1)  # a sender may answer one request a second
        call.ours.do("key-frame")
        wait_for("the page counts a PLI",
                 lambda plis=plis: page_video(call, "outbound")["pliCount"] > plis)
        wait_for("a key frame comes", lambda before=before: call.ours.stats()["video_received"]
                 ["key_frames_decoded"] > before["key_frames_decoded"])
        after = call.ours.stats()["video_received"]
        check(after["pli_count"] > before["pli_count"], "we did not count our PLI")
    call.we_see(30)
    call.finish(asked=False)


@case(roles=("answer",))
def key_frame_they_ask(run):
    """After a hole that cannot be repaired the page asks, and our key frame lets it go on."""
    path = LossyPath(delay_ms=2)
    call = begin(run, path=path)
    before, plis = call.ours.stats()["video_sent"], page_video(call, "inbound")["pliCount"]
    path.set_loss(0, 1)
    time.sleep(2.5)
    path.set_loss(0, 0)
    wait_for("the page asks for a key frame",
             lambda: page_video(call, "inbound").get("pliCount", 0) > plis)
    wait_for("we got the PLI",
             lambda: call.ours.stats()["video_sent"]["pli_count"] > before["pli_count"])
    wait_for("we answer with a key frame", lambda: call.ours.stats()["video_sent"]
             ["key_frames_encoded"] > before["key_frames_encoded"])
    call.page_sees(60)
    call.finish(asked=False)


@case(roles=("offer",))
def high_definition(run):
    """1280x720 at 30 to the page, which sends a small picture: none is lost, each comes whole."""
    call = begin(run, "--size", "1280x720", "--video-bitrate", "2000", width=320, height=180, fps=10)
    call.page_sees(100, size=(1280, 720))
    theirs = page_video(call, "inbound")
    call.check_none_lost(pictures_to_the_page=theirs["packetsLost"])
    check((theirs["frameWidth"], theirs["frameHeight"]) == (1280, 720), "the page's frame size")
    check_all_received(call)
    call.finish(asked=False)


def rate_between(first, last):
    """Bits a second of the page's pictures between two of its statistics."""
    return 8e3 * (last["bytesSent"] - first["bytesSent"]) / (last["timestamp"] - first["timestamp"])


def their_rate(call):
    """What the page sends, or what its sender wants sent: an encoder without time gets to less."""
    first = page_video(call, "outbound")
    time.sleep(1)
    last = page_video(call, "outbound")
    return max(rate_between(first, last), last.get("targetBitrate", 0))


@case(roles=("answer",), seconds=200)
def their_rate_rises(run):
    """From its careful start the page's sender gets to 2 Mb/s, by the feedback that it has of us: in
    two seconds where its first probes go well, else by 8 % a second, for which there is time."""
    call = begin(run, "--size", "320x180", "--fps", "10", width=1280, height=720, grain=0.08,
                 maxBitrate=3000000)
    first = page_video(call, "outbound")
    wait_for("the page sends 2 Mb/s", lambda: their_rate(call) >= 2e6, 120)
    rate = rate_between(first, page_video(call, "outbound"))
    check(rate <= 3.6e6, f"the page sends {rate / 1e6:.2f} Mb/s, above its limit")
    call.check_none_lost(pictures_to_us=call.ours.stats()["video_received"]["packets_lost"])
    call.we_see(30, size=(1280, 720))
    call.finish(asked=False)


def check_between(name, low, value, high, slack):
    """value, read between low and high, lies there; slack: what may be on its way."""
    check(low - slack <= value <= high + slack, f"{name} is {value}, not in {low}..{high} +- {slack}")


def check_statistics(call):
    """One look at both ends; packets under way make it differ from the next one."""
    reports = ("inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp")

    def look():
        return {(name, kind): call.stat(name, kind=kind)
                for name in reports for kind in ("audio", "video") if call.stats(name, kind=kind)}
    before = look()
    ours = call.ours.stats()
    time.sleep(0.15)  # a browser keeps an answer for some 50 ms
    after = look()
    for kind in ("audio", "video"):
        sent, received = ours[f"{kind}_sent"], ours[f"{kind}_received"]
        for what, key, value, slack in (
                ("inbound-rtp", "packetsReceived", sent["packets_sent"], 10),
                ("inbound-rtp", "bytesReceived", sent["bytes_sent"], 12000),
                ("outbound-rtp", "packetsSent", received["packets_received"], 10),
                ("outbound-rtp", "bytesSent", received["bytes_received"], 12000)):
            check_between(f"our {kind} against {what} {key}", before[what, kind][key], value,
                          after[what, kind][key], slack)
        inbound = after["inbound-rtp", kind]
        lost = {f"{kind}_there": inbound["packetsLost"], f"{kind}_here": received["packets_lost"],
                f"{kind}_as_they_report": sent["remote_packets_lost"]}
        call.check_none_lost(**lost)
        # A jitter here is that of two processes on one machine.
        check(0 <= inbound["jitter"] < 0.1, f"{kind} jitter at the page: {inbound['jitter']} s")
        check(0 <= received["jitter_ms"] < 100, f"{kind} jitter here: {received['jitter_ms']} ms")
        check_near(f"{kind} jitter as the page reports it, ms", sent["remote_jitter_ms"],
                   1e3 * inbound["jitter"], 0.5, 20)
        far = after.get(("remote-inbound-rtp", kind))
        check(far, f"the page has no report of ours on its {kind}")
        call.check_none_lost(**{f"{kind}_as_we_report": far["packetsLost"]})
        check(0 <= far["roundTripTime"] < 0.1, f"{kind} round trip {far['roundTripTime']} s")
    check(0 < ours["round_trip_time_ms"] < 100, f"round trip {ours['round_trip_time_ms']} ms")
    low = page_video(call, "outbound")["framesEncoded"]
    decoded = call.ours.stats()["video_received"]["frames_decoded"]
    time.sleep(0.15)
    high = page_video(call, "outbound")["framesEncoded"]
    check_share("frames decoded by us", low, decoded, high)


@case(roles=("offer",))
def statistics_agree(run):
    """Each end's counts, ours read between two looks of the page, when both have reports of each
    other. Jitter and round trips are those of this moment: of some moment they are as they should."""
    call = begin(run, audio=True)
    call.page_hears()
    call.we_hear()
    until_so(lambda: check_statistics(call), 60)
    check_all_received(call)
    call.finish()


@case(roles=("answer",))
def temporal_layers(run):
    """Three temporal layers of VP8: the page gets every frame and shows pictures of all layers."""
    call = begin(run, "--codec", "vp8", "--temporal-layers", "3")
    check(page_codec(call, "inbound") == "video/VP8", "the page does not get VP8")
    call.page_sees(90)
    wait_for("the page shows pictures of every layer", lambda: {
        p["pattern"] % 4 for p in call.page.call("seen") if p["pattern"] is not None} == {0, 1, 2, 3})
    ours = call.ours.stats()["video_sent"]
    check(ours["codec"] == VP8, f"we send codec {ours['codec']}")
    call.check_none_lost(pictures_to_the_page=page_video(call, "inbound")["packetsLost"])
    check_all_received(call)
    call.finish(asked=False)
