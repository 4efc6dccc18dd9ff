"""frames.py - joins the frame traces of two peers and reduces them, and the statistics, to figures.

A frame that one side sent and the other received has the same kind, ssrc and RTP time stamp in both
traces; both sides stamp with the machine's one monotonic clock, so differences between them hold.

SPDX-License-Identifier: MIT
"""

# A frame's stages in their order: name, first stamp, last stamp. They add up to the end-to-end
# time, which runs from the write that handed in the frame's first sample (or the picture) to the
# read that handed it out.
STAGES = [
    ("collect", "capture", "written"),
    ("wait", "written", "encode_start"),
    ("encode", "encode_start", "encode_end"),
    ("packetize", "encode_end", "packetized"),
    ("pace", "packetized", "sent"),
    ("network", "sent", "received_last"),
    ("buffer", "received_last", "decode_start"),
    ("decode", "decode_start", "decode_end"),
    ("deliver", "decode_end", "delivered"),
]
STAGE_NAMES = {"audio": {"buffer": "jitter_buffer"}, "video": {"buffer": "assemble"}}
STAGE_TEXTS = {
    "collect": "first sample (or picture) captured until the last is written",
    "wait": "until the encoder begins",
    "encode": "encoder",
    "packetize": "into RTP packets",
    "pace": "protect, pace and send",
    "network": "last packet sent until last packet received",
    "jitter_buffer": "arrival until the decoder is asked for it",
    "assemble": "last packet until the decoder begins",
    "decode": "decoder",
    "deliver": "decoded until the host has it",
}
SPAN_MIN_S = 0.05  # between two samples; a shorter one tells no rate
SENDER_STAMPS = ("capture", "written", "encode_start", "encode_end", "packetized", "sent")


def stage_name(kind, stage):
    return STAGE_NAMES[kind].get(stage, stage)


def percentile(ordered, share):
    """Linear interpolation between the closest ranks of an ordered list."""
    if not ordered:
        return None
    at = (len(ordered) - 1) * share
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(values):
    """The figures of a distribution, or None when there is nothing to tell."""
    if not values:
        return None
    ordered = sorted(values)
    figures = {"p%d" % p: percentile(ordered, p / 100) for p in (5, 25, 50, 75, 95, 99)}
    figures["max"] = ordered[-1]
    figures["mean"] = sum(ordered) / len(ordered)
    figures["count"] = len(ordered)
    return {name: round(value, 4) for name, value in figures.items()}


def key_of(trace):
    return trace["kind"], trace["ssrc"], trace["rtp_timestamp"]


def join(sender_traces, receiver_traces, kind):
    """Frames of one direction and kind in the order in which they were sent."""
    received = {key_of(t): t for t in receiver_traces if t["received"] and t["kind"] == kind}
    frames = []
    for sent in sender_traces:
        if sent["received"] or sent["kind"] != kind or not sent["sent"]:
            continue
        frame = dict(received.get(key_of(sent), {}))
        arrived = bool(frame)
        frame.update({name: sent[name] for name in SENDER_STAMPS})
        frame.update(bytes=sent["bytes"], packets=sent["packets"], key=sent["key"])
        frame["arrived"] = arrived
        frame["whole"] = arrived and all(frame[last] and frame[first] for _, first, last in STAGES)
        frames.append(frame)
    frames.sort(key=lambda frame: frame["sent"])
    return frames


def frame_ms(frame, first, last):
    return (frame[last] - frame[first]) / 1e6


def frame_figures(frames, kind):
    """Latency of the frames that went the whole way, and what became of the others. The frames of
    the last half second may still be under way when the call ends, so they do not count as lost."""
    whole = [frame for frame in frames if frame["whole"]]
    end = max((frame["sent"] for frame in frames), default=0) - 500_000_000
    settled = [frame for frame in frames if frame["sent"] <= end]
    stages = {}
    for name, first, last in STAGES:
        stages[stage_name(kind, name)] = summary([frame_ms(f, first, last) for f in whole])
    return {
        "frames_sent": len(frames),
        "frames_received": sum(frame["arrived"] for frame in frames),
        "frames_delivered": len(whole),
        "frames_not_received": sum(not frame["arrived"] for frame in settled),
        "frames_not_delivered": sum(frame["arrived"] and not frame["whole"] for frame in settled),
        "end_to_end_ms": summary([frame_ms(f, "capture", "delivered") for f in whole]),
        "stages": stages,
    }


def share_pct(part, whole):
    return round(100.0 * part / whole, 3) if whole else 0.0


def stats_figures(stats, kind, seconds):
    """What the receiving side's closing statistics say about one kind."""
    got = stats[kind + "_received"]
    lost = max(got["packets_lost"], 0)
    figures = {
        "bitrate_kbps": round(got["bytes_received"] * 8e-3 / seconds, 1) if seconds else 0.0,
        "packets_received": got["packets_received"],
        "packets_lost": got["packets_lost"],
        "loss_pct": share_pct(lost, lost + got["packets_received"]),
        "jitter_ms": round(got["jitter_ms"] or 0.0, 3),
    }
    if kind == "audio":
        emitted = got["jitter_buffer_emitted_count"]
        figures["concealed_pct"] = share_pct(got["concealed_samples"],
                                             got["total_samples_received"])
        figures["concealment_events"] = got["concealment_events"]
        figures["jitter_buffer_mean_ms"] = (
            round(got["jitter_buffer_delay_ms"] / emitted, 3) if emitted else None)
    else:
        figures.update(width=got["frame_width"], height=got["frame_height"],
                       freeze_count=got["freeze_count"], frames_decoded=got["frames_decoded"],
                       key_frames_decoded=got["key_frames_decoded"],
                       frames_dropped=got["frames_dropped"])
    return figures


def series_points(samples, kind, start_ns):
    """Bitrate, buffer level, loss and concealment between one sample and the next."""
    points = []
    for before, after in zip(samples, samples[1:]):
        span = (after["time_ns"] - before["time_ns"]) / 1e9
        if span < SPAN_MIN_S or after["time_ns"] < start_ns:
            continue
        old, new = before[kind + "_received"], after[kind + "_received"]
        delta = {name: new[name] - old[name] for name in
                 ("bytes_received", "packets_received", "packets_lost", "total_samples_received",
                  "concealed_samples")}
        lost = max(delta["packets_lost"], 0)
        points.append({
            "s": round((after["time_ns"] - start_ns) / 1e9, 3),
            "bitrate_kbps": round(delta["bytes_received"] * 8e-3 / span, 2),
            "jitter_buffer_level_ms": new["jitter_buffer_level_ms"],
            "jitter_buffer_target_ms": new["jitter_buffer_target_ms"],
            "jitter_ms": new["jitter_ms"],
            "loss_pct": share_pct(lost, lost + delta["packets_received"]),
            "concealed_pct": share_pct(delta["concealed_samples"],
                                       delta["total_samples_received"]),
        })
    return points
