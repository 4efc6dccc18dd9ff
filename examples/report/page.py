"""page.py - report.html: one file with everything in it, for file:// and any browser.

SPDX-License-Identifier: MIT
"""

import base64
import html
import os

import charts
import frames

KINDS = ("audio", "video")
HERE = os.path.dirname(os.path.abspath(__file__))


def read_text(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def card(title, note, *inside):
    return ('<section class="card"><h3>%s</h3><p class="note">%s</p>%s</section>'
            % (html.escape(title), html.escape(note), "".join(inside)))


def tile(value, unit, label):
    return "<div class=tile><b>%s <small>%s</small></b><span>%s</span></div>" % (
        charts.text_of(value) if isinstance(value, (int, float)) or value is None else value, unit,
        html.escape(label))


def worst(report, kind, *path):
    """The larger figure of the two directions."""
    values = []
    for direction in report["directions"]:
        value = direction.get(kind)
        for name in path:
            value = value.get(name) if value else None
        if value is not None:
            values.append(value)
    return max(values) if values else None


def tiles(report):
    out = [tile(report["connected_after_ms"], "ms", "offer made to connected"),
           tile(worst(report, "audio", "end_to_end_ms", "p50"), "ms",
                "audio, median end to end"),
           tile(worst(report, "audio", "end_to_end_ms", "p99"), "ms", "audio, 99 % are faster")]
    if worst(report, "video", "frames_sent"):
        out += [tile(worst(report, "video", "end_to_end_ms", "p50"), "ms",
                     "video, median end to end"),
                tile(worst(report, "video", "end_to_end_ms", "p99"), "ms",
                     "video, 99 % are faster")]
    out += [tile(worst(report, "audio", "concealed_pct"), "%", "of the audio concealed"),
            tile(max(worst(report, kind, "loss_pct") or 0 for kind in KINDS), "%",
                 "of the packets lost")]
    return ('<div class="tiles">%s</div><p class="note">Of the two directions, the worse one.</p>'
            % "".join(out))


SUMMARY_HEADS = ("", "p50 ms", "p95 ms", "p99 ms", "max ms", "sent", "delivered", "kb/s", "lost %",
                 "concealed %", "buffer ms")


def summary_table(report):
    rows = []
    for direction in report["directions"]:
        for kind in KINDS:
            figures = direction.get(kind)
            if not figures:
                continue
            times = figures["end_to_end_ms"] or {}
            cells = [times.get(name) for name in ("p50", "p95", "p99", "max")]
            cells += [figures["frames_sent"], figures["frames_delivered"], figures["bitrate_kbps"],
                      figures["loss_pct"], figures.get("concealed_pct"),
                      figures.get("jitter_buffer_mean_ms")]
            rows.append('<tr><td><i style="background:var(--%s)"></i>%s → %s, %s</td>%s</tr>'
                        % (kind, direction["from"], direction["to"], kind,
                           "".join("<td>%s</td>" % charts.text_of(cell) for cell in cells)))
    return ("<table><tr>%s</tr>%s</table>"
            % ("".join("<th>%s</th>" % head for head in SUMMARY_HEADS), "".join(rows)))


def latency_chart(direction, seconds, start_ns):
    series, ordered = [], []
    for kind in KINDS:
        points = [((f["capture"] - start_ns) / 1e9, frames.frame_ms(f, "capture", "delivered"))
                  for f in direction["frames"].get(kind, []) if f["whole"]]
        points = [point for point in points if 0 <= point[0] <= seconds]
        ordered += [v for _, v in points]
        if points:
            series.append((kind, kind, points))
    if not ordered:
        return ""
    ordered.sort()
    high = min(ordered[-1], frames.percentile(ordered, 0.995) * 1.6) * 1.05
    plot = charts.Plot(seconds, high, height=260, unit="ms")
    for kind, colour, points in series:
        plot.dots(points, colour)
        median = direction["figures"][kind]["end_to_end_ms"]["p50"]
        plot.rule(median, colour, "%s p50 %s ms" % (kind, charts.text_of(median)))
    return card("Latency of each frame",
                "From the write that hands in a frame's first sample or its picture to the read "
                "that hands it out, over the time of capture, in ms. A triangle is off the scale. "
                "Opus looks ahead: the sound in a frame lies up to 6.5 ms further back.",
                charts.legend([(k, k) for k, _, _ in series]),
                plot.svg("latency of each frame", series))


def stage_card(direction, kind):
    """One bar of medians, and a row a stage."""
    figures = direction["figures"][kind]
    if not figures["end_to_end_ms"]:
        return ""
    names = [frames.stage_name(kind, name) for name, _, _ in frames.STAGES]
    high = figures["end_to_end_ms"]["max"] or 1.0
    parts = [("s%d" % i, name.replace("_", " "), figures["stages"][name]["p50"])
             for i, name in enumerate(names)]
    rows = []
    for i, name in enumerate(names + ["end to end"]):
        times = figures["stages"].get(name) or figures["end_to_end_ms"]
        colour = "s%d" % i if name in figures["stages"] else kind
        rows.append(
            '<tr class="%s"><td><i style="background:var(--%s)"></i>%s</td><td class="words">%s'
            '</td><td class="wide">%s</td>%s</tr>'
            % ("" if name in figures["stages"] else "total", colour, name.replace("_", " "),
               frames.STAGE_TEXTS.get(name, "write to read"),
               charts.range_bar(times, high, colour),
               "".join("<td>%s</td>" % charts.text_of(times[p])
                       for p in ("p50", "p95", "p99", "max"))))
    return card("Stages of %s" % kind,
                "The bar shows the medians side by side. In the rows: p5 to p95 (thin), p25 to p75 "
                "(thick), the median (notch), the maximum (dot), on a square-root scale; figures "
                "in ms.", charts.stacked_bar(parts, "medians of the stages of %s" % kind),
                '<table><tr><th></th><th class="words"></th><th></th><th>p50</th><th>p95</th>'
                '<th>p99</th><th>max</th></tr>%s</table>' % "".join(rows))


def histogram_card(direction, kind):
    values = [frames.frame_ms(f, "capture", "delivered")
              for f in direction["frames"].get(kind, []) if f["whole"]]
    if not values:
        return ""
    return card("%s latency, distribution" % kind.capitalize(),
                "%d frames, end to end" % len(values),
                charts.histogram(values, kind, "distribution of %s latency" % kind))


def time_card(title, note, lines, seconds, unit):
    """lines: (name, colour, points, filled)."""
    lines = [line for line in lines if line[2]]
    if not lines:
        return ""
    high = max([value for _, _, points, _ in lines for _, value in points] + [0])
    plot = charts.Plot(seconds, high * 1.08 or 1.0, height=190, width=510, unit=unit)
    for _, colour, points, filled in lines:
        plot.line(points, colour, filled)
    return card(title, note, charts.legend([(colour, name) for name, colour, _, _ in lines]),
                plot.svg(title, [line[:3] for line in lines]))


def series_cards(direction, seconds):
    def points(kind, name):
        return [(p["s"], p[name]) for p in direction["series"].get(kind, [])
                if p["s"] <= seconds + 0.05 and p[name] is not None]
    bitrate = time_card("Bitrate", "received payload, kb/s, each 200 ms",
                        [(kind, kind, points(kind, "bitrate_kbps"), True) for kind in KINDS],
                        seconds, "kb/s")
    level = time_card("Jitter buffer", "audio held and aimed at, ms",
                      [("level", "audio", points("audio", "jitter_buffer_level_ms"), True),
                       ("target", "s6", points("audio", "jitter_buffer_target_ms"), False)],
                      seconds, "ms")
    lost = time_card("Loss and concealment", "% of each 200 ms",
                     [("audio packets lost", "audio", points("audio", "loss_pct"), False),
                      ("video packets lost", "video", points("video", "loss_pct"), False),
                      ("audio concealed", "s8", points("audio", "concealed_pct"), True)],
                     seconds, "%")
    jitter = time_card("Arrival jitter", "interarrival jitter, RFC 3550 6.4.1, ms",
                       [(kind, kind, points(kind, "jitter_ms"), False) for kind in KINDS],
                       seconds, "ms")
    return '<div class="pair">%s</div>' % (bitrate + level + lost + jitter)


def picture_card(direction):
    figures = []
    for path in direction["pictures"]:
        with open(path, "rb") as file:
            data = base64.b64encode(file.read()).decode()
        figures.append('<figure><img alt="received picture" src="data:image/png;base64,%s">'
                       '</figure>' % data)
    if not figures:
        return ""
    return card("Pictures as %s saw them" % direction["to"], "Decoded pictures, unretouched.",
                '<div class="pictures">%s</div>' % "".join(figures))


def direction_section(direction, seconds):
    pair = "".join(histogram_card(direction, kind) for kind in KINDS)
    return ("<h2>%s → %s</h2>" % (direction["from"], direction["to"])
            + latency_chart(direction, seconds, direction["start_ns"])
            + "".join(stage_card(direction, kind) for kind in KINDS
                      if kind in direction["figures"])
            + ('<div class="pair">%s</div>' % pair if pair else "")
            + series_cards(direction, seconds) + picture_card(direction))


def details(report):
    rows = [("Library", "libxcall %s" % report["versions"]["libxcall"]),
            ("With", report["versions"]["dependencies"]),
            ("Machine", "%(cpu)s, %(cores)s cores, %(kernel)s, load %(load)s" % report["machine"]),
            ("Media", report["settings"].get("media") or "–"),
            ("SRTP", report["srtp"]),
            ("Ended by", ", ".join("%s: %s" % item for item in report["end_reason"].items())),
            ("Clock", "all stamps of both processes are the machine's one monotonic clock")]
    return ('<h2>Details</h2><section class="card"><dl>%s</dl></section>' % "".join(
        "<dt>%s</dt><dd>%s</dd>" % (name, html.escape(str(text))) for name, text in rows))


def render(report, directions):
    """The page as text. report: what report.json has; directions: with frames and points."""
    good = not report["problems"]
    names = "%s and %s" % (directions[0]["from"], directions[0]["to"])
    body = [
        "<header><div><h1>A call between %s</h1><p class=soft>%s of media over UDP, %s</p></div>"
        % (names, "%.1f s" % report["seconds"], html.escape(report["date"])),
        '<span class="verdict %s">%s</span></header>'
        % ("good" if good else "bad", "media flowed both ways" if good else "did not work"),
    ]
    body += ["<p class=verdict-text>%s</p>" % html.escape(text) for text in report["problems"]]
    if report["refused"]:
        body.append("<p class=refused><b>A first call was refused</b>, as it should be: %s</p>"
                    % html.escape(report["refused"]["text"]))
    body.append(tiles(report))
    body.append('<section class="card">%s</section>' % summary_table(report))
    body += [direction_section(direction, report["seconds"]) for direction in directions]
    body.append(details(report))
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<title>A call between %s</title><style>%s</style></head><body><main>%s</main>'
            '<div id="tip"></div><script>%s</script></body></html>\n'
            % (names, read_text("style.css"), "\n".join(body), read_text("pointer.js")))
