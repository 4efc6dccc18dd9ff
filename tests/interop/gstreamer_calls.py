"""gstreamer_calls.py - calls with GStreamer's webrtcbin. What is done in them: other_peers.py.
SPDX-License-Identifier: MIT"""
import other_peers
from case import case

SECONDS = 240  # the first of a run also makes what it needs


@case(seconds=SECONDS)
def sound_and_pictures(run):
    other_peers.sound_and_pictures(run)


@case(seconds=SECONDS)
def sound_only(run):
    other_peers.sound_only(run)


@case(seconds=SECONDS)
def everything(run):
    other_peers.everything(run)
