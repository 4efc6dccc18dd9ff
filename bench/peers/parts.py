"""parts.py - the parts of the bench: each runs a peer once or more and makes figures of what it left.
SPDX-License-Identifier: MIT"""
import os
import shutil
import statistics
import tempfile

import content
import measure

PHASES = 4            # of audio's source against everything else that runs in steps of 10 ms
AUDIO_SECONDS = 4.0   # of each phase
EXTRA_CALLS = 6
MEMORY_SECONDS = 4     # of media before each look
FIGURES = ("connected_ms", "first_audio_ms", "audio_end_to_end_ms", "first_video_ms",
           "video_360p_end_to_end_ms", "cpu_audio", "cpu_360p", "mb_per_call")


class Bench:
    """Where content and results are, and how long parts last."""

    def __init__(self, folder, options):
        self.folder, self.options, self.prefix = folder, options, []
        self.sound = os.path.join(folder, "speech.s16")
        self.marked = os.path.join(folder, "marked.s16")
        self.pictures = os.path.join(folder, "pictures.i420")
        self.ogg = os.path.join(folder, "speech.ogg")

    def make_content(self):
        os.makedirs(self.folder, exist_ok=True)
        content.speech(10).tofile(self.sound)
        content.marked(int(AUDIO_SECONDS * 100)).tofile(self.marked)
        with open(self.pictures, "wb") as file:
            file.write(content.pictures())

    def run(self, peer, part, seconds, **more):
        """One process of the peer; (result, marks, folder with what it left)."""
        out = tempfile.mkdtemp(dir=self.folder)
        options = {"sound": self.sound, "pictures": self.pictures, "ogg": self.ogg, "out": out,
                   "seconds": seconds, "calls": 1, "phase": 0, "cache": self.options.cache, **more}
        limit = 60 + 3 * seconds + 10 * options["calls"]
        result, versions, marks = measure.run(self.prefix + peer.command(part, options), limit)
        peer.versions.update(versions)
        return result, marks, out


def _median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def setup(bench, peer):
    result, _, out = bench.run(peer, "setup", 1, calls=bench.options.setup_calls)
    shutil.rmtree(out)
    calls = result["calls"]
    return {"connected_ms": _median([call.get("connected") for call in calls]),
            "first_audio_ms": _median([call.get("audio") for call in calls]),
            "first_video_ms": _median([call.get("video") for call in calls])}


def audio(bench, peer):
    found, wanted = [], 0
    for phase in range(bench.options.phases):
        _, _, out = bench.run(peer, "audio", AUDIO_SECONDS, sound=bench.marked,
                              phase=phase * 10 / bench.options.phases)
        latencies, count = content.find_marks(
            measure.rows(out, "wrote.f64", 1)[:, 0], measure.samples(out, "heard.s16"),
            measure.rows(out, "reads.f64", 2))
        found += latencies
        wanted += count
        shutil.rmtree(out)
    if not wanted or len(found) < wanted / 2:
        raise measure.Failed(f"{len(found)} of {wanted} chirps were heard again")
    return {"audio_end_to_end_ms": statistics.median(found), "audio_marks_found": len(found),
            "audio_marks": wanted}


def video(bench, peer):
    seconds = max(4.5, bench.options.seconds + 3)
    _, _, out = bench.run(peer, "video", seconds)
    found, wanted = content.find_pictures(measure.rows(out, "wrote.f64", 2),
                                          measure.rows(out, "seen.f64", 2))
    shutil.rmtree(out)
    if not wanted or len(found) < wanted / 4:
        raise measure.Failed(f"{len(found)} of {wanted} pictures were seen again")
    return {"video_360p_end_to_end_ms": statistics.median(found),
            "video_360p_share_seen": len(found) / wanted}


def _cpu(bench, peer, part, figure):
    result, marks, out = bench.run(peer, part, bench.options.seconds)
    shutil.rmtree(out)
    begin, end = marks["begin"], marks["end"]
    rates = {f"{figure}_{name}": value for name, value in result.items() if name.endswith("_rate")}
    if result.get("audio_rate", 1) < 0.5:
        raise measure.Failed(f"only {result['audio_rate']:.0%} of the sound was heard")
    return {figure: measure.growth(begin["cpu"], end["cpu"]) / (end["at"] - begin["at"]), **rates}


def cpu_audio(bench, peer):
    return _cpu(bench, peer, "cpu_audio", "cpu_audio")


def cpu_360p(bench, peer):
    return _cpu(bench, peer, "cpu_av", "cpu_360p")


def memory(bench, peer):
    result, marks, out = bench.run(peer, "memory", MEMORY_SECONDS, calls=EXTRA_CALLS)
    shutil.rmtree(out)
    extra, few, many = result["extra_calls"], marks["few"], marks["many"]
    return {"mb_per_call": measure.growth(few["kib"], many["kib"]) * 1.024e-3 / extra,
            "threads_per_call": measure.growth(few["threads"], many["threads"]) / extra,
            "mb_process": sum(few["kib"].values()) * 1.024e-3}


PARTS = {"setup": setup, "audio": audio, "video": video, "cpu_audio": cpu_audio,
         "cpu_360p": cpu_360p, "memory": memory}
OF_PART = {"setup": ("connected_ms", "first_audio_ms", "first_video_ms"),
           "audio": ("audio_end_to_end_ms",), "video": ("video_360p_end_to_end_ms",),
           "cpu_audio": ("cpu_audio",), "cpu_360p": ("cpu_360p",), "memory": ("mb_per_call",)}
