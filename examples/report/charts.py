"""charts.py - inline SVG: lines over time, distributions, stacked bars. Colours are CSS variables,
so one drawing serves a light and a dark page; the numbers for the pointer ride in a data attribute.

SPDX-License-Identifier: MIT
"""

import html
import json
import math

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1040, 52, 12, 10, 26


def text_of(value):
    """A number as a person wants to read it."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 100 or value == 0:
        return "%.0f" % value
    if size < 0.1:
        return "%.3f" % value
    return "%.1f" % value if size >= 10 else "%.2f" % value


def nice_ticks(high, count=4):
    """Round steps from 0 to at least `high`."""
    if high <= 0:
        high = 1.0
    raw = high / count
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw * 0.999)
    return [step * i for i in range(int(math.ceil(high / step - 1e-9)) + 1)]


def tick_text(value):
    return ("%g" % round(value, 6))


def path_of(points):
    return "M" + "L".join("%.1f %.1f" % point for point in points)


class Plot:
    """The frame of a chart over time: axes, grid, scales."""

    def __init__(self, seconds, high, height=220, width=WIDTH, unit=""):
        self.seconds, self.height, self.width, self.unit = max(seconds, 0.1), height, width, unit
        self.ticks = nice_ticks(high)
        self.high = self.ticks[-1]
        self.parts = []
        self.right, self.bottom = width - RIGHT, height - BOTTOM
        self.grid()

    def x(self, seconds):
        return LEFT + (self.right - LEFT) * seconds / self.seconds

    def y(self, value):
        value = min(max(value, 0.0), self.high)
        return self.bottom - (self.bottom - TOP) * value / self.high

    def grid(self):
        for tick in self.ticks:
            y = self.y(tick)
            self.parts.append('<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>'
                              % (LEFT, self.right, y, y))
            self.parts.append('<text class="axis" x="%d" y="%.1f" text-anchor="end">%s</text>'
                              % (LEFT - 7, y + 4, tick_text(tick)))
        for tick in nice_ticks(self.seconds, 10 if self.width > 700 else 5):
            if tick <= self.seconds * 1.001:
                self.parts.append('<text class="axis" x="%.1f" y="%d" '
                                  'text-anchor="middle">%s</text>'
                                  % (self.x(tick), self.height - 7,
                                     tick_text(tick) + (" s" if tick else "")))

    def line(self, points, colour, fill=False):
        if not points:
            return
        places = [(self.x(s), self.y(v)) for s, v in points]
        if fill:
            closed = [(places[0][0], self.bottom)] + places + [(places[-1][0], self.bottom)]
            self.parts.append('<path d="%sZ" fill="var(--%s)" opacity="0.14"/>'
                              % (path_of(closed), colour))
        self.parts.append('<path class="line" d="%s" stroke="var(--%s)"/>'
                          % (path_of(places), colour))

    def dots(self, points, colour, radius=1.7):
        """One dot a frame; one that is off the scale is a triangle at the upper edge."""
        circles = []
        for s, v in points:
            if v > self.high:
                x = self.x(s)
                self.parts.append('<path d="M%.1f %d l4 7 h-8z" fill="var(--%s)"/>'
                                  % (x, TOP, colour))
            else:
                circles.append("M%.1f %.1fh0" % (self.x(s), self.y(v)))
        if circles:
            self.parts.append('<path d="%s" stroke="var(--%s)" stroke-width="%.1f" '
                              'stroke-linecap="round" fill="none" opacity="0.8"/>'
                              % ("".join(circles), colour, 2 * radius))

    def rule(self, value, colour, text):
        y = self.y(value)
        self.parts.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="var(--%s)" '
                          'stroke-dasharray="5 4" opacity="0.75"/>'
                          % (LEFT, self.right, y, y, colour))
        self.parts.append('<text class="rule" x="%d" y="%.1f" text-anchor="end">%s</text>'
                          % (self.right, y - 4, html.escape(text)))

    def svg(self, label, series):
        """series: what the pointer shows, [name, colour, [[s, value], ...]]."""
        data = {"left": LEFT, "right": self.right, "width": self.width, "seconds": self.seconds,
                "unit": self.unit, "series": [
                    {"name": name, "colour": colour,
                     "at": [[round(s, 3), round(v, 3)] for s, v in points]}
                    for name, colour, points in series]}
        return ('<svg class="time" viewBox="0 0 %d %d" role="img" aria-label="%s" data-plot="%s">'
                '%s<line class="hair" y1="%d" y2="%d"/></svg>'
                % (self.width, self.height, html.escape(label),
                   html.escape(json.dumps(data, separators=(",", ":"))), "".join(self.parts), TOP,
                   self.bottom))


def legend(entries):
    """entries: (colour, text)."""
    return '<div class="legend">%s</div>' % "".join(
        '<span><i style="background:var(--%s)"></i>%s</span>' % (colour, html.escape(text))
        for colour, text in entries)


def stacked_bar(parts, label):
    """parts: (colour, name, value). One bar whose pieces are the values."""
    total = sum(max(value, 0.0) for _, _, value in parts) or 1.0
    at, pieces = 0.0, []
    for colour, name, value in parts:
        share = max(value, 0.0) / total * WIDTH
        if share > 0:
            pieces.append('<rect x="%.2f" y="0" width="%.2f" height="26" fill="var(--%s)">'
                          '<title>%s %s ms</title></rect>'
                          % (at, max(share - 1.0, 0.4), colour, html.escape(name), text_of(value)))
        if share > 62:
            pieces.append('<text class="inside" x="%.1f" y="17.5">%s</text>'
                          % (at + 7, html.escape(name if share > 110 else text_of(value))))
        at += share
    return ('<svg viewBox="0 0 %d 26" class="bar" role="img" aria-label="%s">%s</svg>'
            % (WIDTH, html.escape(label), "".join(pieces)))


def range_bar(figures, high, colour):
    """p5 to p95 as a thin bar, p25 to p75 as a thick one, a notch at p50, a dot at the maximum.
    The scale is the square root, so that microseconds and tens of milliseconds both show."""
    def x(value):
        return 4 + 352 * math.sqrt(min(max(value, 0.0), high) / high)
    f = {name: x(value) for name, value in figures.items() if name != "count"}
    return ('<svg viewBox="0 0 360 20" class="range"><line class="grid" x1="4" x2="356" y1="10" '
            'y2="10"/><rect x="%.1f" y="7" width="%.1f" height="6" rx="3" fill="var(--%s)" '
            'opacity="0.4"/><rect x="%.1f" y="5" width="%.1f" height="10" rx="2" '
            'fill="var(--%s)"/><rect x="%.1f" y="2" width="2.4" height="16" class="notch"/>'
            '<circle cx="%.1f" cy="10" r="2.6" fill="var(--%s)"/></svg>'
            % (f["p5"], max(f["p95"] - f["p5"], 1), colour, f["p25"],
               max(f["p75"] - f["p25"], 1.6), colour, f["p50"] - 1.2, f["max"], colour))


def histogram(values, colour, label, unit="ms", width=510, height=170, bins=36):
    """How often; the top percent is gathered in the last bin so that one outlier does not flatten
    the rest."""
    ordered = sorted(values)
    low, top = ordered[0], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    low, top = math.floor(low), max(math.ceil(top), math.floor(low) + 1)
    counts = [0] * bins
    for value in ordered:
        counts[min(int((value - low) / (top - low) * bins), bins - 1)] += 1
    peak, step = max(counts), (width - 24) / bins
    parts = []
    for i, count in enumerate(counts):
        tall = (height - BOTTOM - TOP) * count / peak
        first = low + (top - low) * i / bins
        parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="var(--%s)" '
                     'rx="1"><title>%d from %s %s</title></rect>'
                     % (12 + i * step, height - BOTTOM - tall, step - 1.5, tall, colour, count,
                        text_of(first), unit))
    for i in range(0, 5):
        value = low + (top - low) * i / 4
        parts.append('<text class="axis" x="%.1f" y="%d" text-anchor="middle">%s%s</text>'
                     % (min(max(12 + (width - 24) * i / 4, 18), width - 24), height - 7,
                        tick_text(round(value, 1)), " " + unit if i == 4 else ""))
    parts.append('<line class="base" x1="12" x2="%d" y1="%d" y2="%d"/>'
                 % (width - 12, height - BOTTOM, height - BOTTOM))
    return ('<svg viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>'
            % (width, height, html.escape(label), "".join(parts)))
