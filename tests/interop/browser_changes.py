"""browser_changes.py - what changes during a call with a browser, by either side.

Each case runs with us as the offerer and as the answerer; who changes what is in its name: "we_" is
our side, "they_" the page.
SPDX-License-Identifier: MIT"""
import re

from call import Call, THEIRS
from case import case, check, wait_for


def begin(run, *options, video=True, **more):
    """A call with audio and video both ways (or audio alone) that flows."""
    call = Call(run, *options, video=video or "--video-later" in options, **more)
    call.add_audio()
    if video:
        call.add_video()
    call.begin().wait_connected()
    call.page_hears()
    call.we_hear()
    if video:
        call.page_sees()
        call.we_see()
    return call


def luma_is_black(call):
    """The newest pictures at the page have no number: every cell is black."""
    pictures = call.page.call("seen", 0, max(0, len(call.page.call("seen", 0)) - 3))
    return pictures and all(p["pattern"] == 0 for p in pictures)


@case
def mute(run):
    """Muted, we send silence and black; they, silence; packets go on."""
    call = begin(run)
    call.ours.do("mute")
    call.page_hears_nothing()
    wait_for("the page sees black", lambda: luma_is_black(call))
    call.ours.do("unmute")
    call.page_hears()
    call.page_sees()
    call.page.call("mute", "audio", True)
    call.ours.wait_silence()
    call.page.call("mute", "audio", False)
    call.we_hear()
    call.finish()


@case
def we_hold(run):
    call = begin(run)
    call.ours.do("hold")
    call.page_hears_nothing()
    call.page_sees_nothing()
    call.ours.wait_silence()
    call.we_see_nothing()
    call.ours.do("resume")
    call.page_hears()
    call.we_hear()
    call.page_sees()
    call.we_see()
    call.finish()


def set_all(call, direction):
    for transceiver in call.state()["transceivers"]:
        if transceiver["current"] not in (None, "stopped"):
            call.page.call("setDirection", transceiver["mid"], direction)


@case
def they_hold(run):
    """As pages hold: sendonly, then back."""
    call = begin(run)
    set_all(call, "inactive")
    call.page_hears_nothing()
    call.page_sees_nothing()
    call.ours.wait_silence()
    call.we_see_nothing()
    set_all(call, "sendrecv")
    call.page_hears()
    call.we_hear()
    call.page_sees()
    call.we_see()
    set_all(call, "sendonly")
    call.page_hears_nothing()
    call.we_hear()
    set_all(call, "sendrecv")
    call.page_hears()
    call.finish()


@case
def both_hold(run):
    """Both hold; the call flows again only when both have let go."""
    call = begin(run, video=False)
    call.ours.do("hold")
    call.page_hears_nothing()
    set_all(call, "inactive")
    call.wait_stable()
    call.ours.do("resume")
    call.wait_stable()
    call.page_hears_nothing()
    set_all(call, "sendrecv")
    call.page_hears()
    call.we_hear()
    call.finish()


@case
def we_add_video(run):
    """To an audio call; the page adds its own to the same section; then we take ours away."""
    call = begin(run, "--video-later", video=False)
    call.ours.do("add-video")
    call.page_sees(60)
    call.page_hears()
    mid = next(t["mid"] for t in call.state()["transceivers"] if t["kind"] == "video")
    call.add_video(how=mid)
    call.we_see(60)
    call.ours.do("remove-video")
    call.page_sees_nothing()
    call.page_hears()
    call.ours.do("add-video")
    call.page_sees(60)
    call.we_see(60)
    call.we_hear()
    call.finish()


@case
def they_add_video(run):
    call = begin(run, "--video-later", video=False)
    call.add_video()
    call.we_see(60)
    call.page.call("remove", "video")
    call.we_see_nothing()
    call.page_hears()
    call.we_hear()
    call.add_video()
    call.we_see(60)
    call.ours.do("add-video")
    call.page_sees(60)
    call.finish()


def second_numbers(call):
    """Ours: numbers of the second video that the page sees begin at 32768."""
    pictures = call.page.call("seen", 1)
    return [p["pattern"] for p in pictures if p["pattern"] is not None]


@case
def we_add_screen(run):
    call = begin(run)
    call.ours.do("add-screen")
    call.page_sees(60, index=1)
    check(min(second_numbers(call)) >= 32768, "the second video shows the first one's pictures")
    call.page_sees(30, index=0)
    call.ours.do("remove-screen")
    call.page_sees_nothing(index=1)
    call.page_sees(30, index=0)
    call.finish()


@case
def they_add_screen(run):
    """A second video of another size beside the camera."""
    call = begin(run)
    call.add_video("screen", width=480, height=480)
    call.we_see(60, track=1, size=(480, 480))
    call.we_see(30, track=0)
    call.page.call("remove", "screen")
    call.we_see_nothing(track=1)
    call.we_see(30, track=0)
    call.page_sees()
    call.finish()


@case
def two_videos_from_the_start(run):
    call = Call(run, "--screen", "pattern")
    call.add_audio()
    call.add_video("camera")
    call.add_video("screen", width=320, height=320)
    call.begin().wait_connected()
    call.page_sees(60, index=0)
    call.page_sees(60, index=1)
    call.we_see(60, track=0, size=(640, 360))
    call.we_see(60, track=1, size=(320, 320))
    call.page_hears()
    call.we_hear()
    call.finish()


def credentials(sdp):
    return re.findall(r"a=ice-ufrag:(\S+)", sdp)[0]


def role_of(sdp):
    """Of the first section: it stands for the bundle, and Firefox writes others into new ones."""
    return re.findall(r"a=setup:(\S+)", sdp)[0]


def check_restarted(call, before):
    """Both sides' credentials changed, media flows, and the DTLS role is kept."""
    wait_for("new credentials on both sides", lambda: credentials(call.ours.local_sdp()) != before[0]
             and credentials(call.ours.remote_sdp()) != before[1])
    call.wait_stable()
    call.page_hears()
    call.we_hear()
    call.page_sees()
    call.we_see()
    wait_for("the page is connected", lambda: call.state()["connection"] == "connected")


def check_roles(call):
    """The first answer settles who is the DTLS client; each later answer of ours says the same, and
    the page's transport agrees. (Firefox answers an ICE restart with "active" whatever it is.)"""
    lines = [("ours", line) for line in call.ours.lines] + \
            [("theirs", line) for line in call.ours.sent]
    answers = sorted((line["at"], side, line["sdp"]) for side, line in lines
                     if line["type"] == "answer")
    check(len(answers) >= 2, "there was no second answer")
    _, side, sdp = answers[0]
    we_are_client = (side == "ours") == (role_of(sdp) == "active")
    for _, side, sdp in answers[1:]:
        wanted = "active" if we_are_client else "passive"
        check(side == "theirs" or role_of(sdp) == wanted,
              f"we were {wanted} and answer {role_of(sdp)}")
    role = call.stat("transport").get("dtlsRole")
    check(role in (None, "server" if we_are_client else "client"), f"the page's role is {role}")


@case
def we_restart_ice(run):
    call = begin(run)
    before = credentials(call.ours.local_sdp()), credentials(call.ours.remote_sdp())
    call.ours.do("restart-ice")
    check_restarted(call, before)
    check_roles(call)
    call.finish()


@case
def they_restart_ice(run):
    call = begin(run)
    before = credentials(call.ours.local_sdp()), credentials(call.ours.remote_sdp())
    call.page.call("restartIce")
    check_restarted(call, before)
    check_roles(call)
    call.finish()


@case
def dtls_role(run):
    """Offers by turns: the handshake's roles stay, no matter who offers."""
    call = begin(run, video=False)
    for _ in range(2):
        call.ours.do("hold")
        call.page_hears_nothing()
        set_all(call, "recvonly")
        call.wait_stable()
        call.ours.do("resume")
        call.wait_stable()
        set_all(call, "sendrecv")
        call.page_hears()
        call.we_hear()
    check_roles(call)
    check(len(call.stats("transport")) == 1, "more than one transport")
    call.finish()


@case
def replaced_tracks(run):
    """replaceTrack: other media on the same sender, without an offer."""
    call = begin(run)
    offers = len([line for line in call.ours.sent if line["type"] == "offer"])
    call.page.call("replace", "audio", "audio", {"hz": 2 * THEIRS})
    call.we_hear(2 * THEIRS)
    call.page.call("replace", "video", "video", {"width": 480, "height": 270})
    call.we_see(30, size=(480, 270))
    check(offers == len([line for line in call.ours.sent if line["type"] == "offer"]),
          "the page made an offer")
    call.finish()


@case
def resolution_changes(run):
    """By the browser in mid-call: the source's size, then scaling down and back."""
    call = begin(run)
    call.page.call("resize", "video", 320, 240)
    call.we_see(30, size=(320, 240))
    call.page.call("resize", "video", 960, 540)
    call.we_see(30, size=(960, 540))
    call.page.call("parameters", "video", {"scale": 2})
    call.we_see(30, size=(480, 270))
    call.page.call("parameters", "video", {"scale": 1})
    call.we_see(30, size=(960, 540))
    call.finish()
