"""bars.py - the bench's picture: a panel of bars for each figure, libxcall's first. PNG by python3-pil.
SPDX-License-Identifier: MIT"""
from PIL import Image, ImageDraw, ImageFont

SCALE = 2
WIDTH, PANEL, LINE, MARGIN = 1180, 560, 24, 20
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans{}.ttf"
OURS, THEIRS, INK, PALE = "#1261a6", "#b9c2cc", "#1c2430", "#667080"


def _font(size, bold=False):
    try:
        return ImageFont.truetype(FONT.format("-Bold" if bold else ""), size * SCALE)
    except OSError:
        return ImageFont.load_default()


def draw(path, title, note, panels):
    """panels: (heading, [(peer's title, value or None, ours)])."""
    rows = [panels[i:i + 2] for i in range(0, len(panels), 2)]
    heights = [max(len(bars) for _, bars in row) * LINE + 50 for row in rows]
    height = 80 + sum(heights) + 20
    image = Image.new("RGB", (WIDTH * SCALE, height * SCALE), "white")
    pen = ImageDraw.Draw(image)

    def text(x, y, words, font, colour, right=False):
        if right:
            x -= pen.textlength(words, font=font) / SCALE
        pen.text((x * SCALE, y * SCALE), words, font=font, fill=colour)

    text(MARGIN, 16, title, _font(20, True), INK)
    text(MARGIN, 46, note, _font(12), PALE)
    top = 80
    for row, high in zip(rows, heights):
        for place, (heading, bars) in enumerate(row):
            left = MARGIN + place * (PANEL + MARGIN)
            text(left, top, heading, _font(14, True), INK)
            most = max([value for _, value, _ in bars if value is not None] or [1]) or 1
            base = next((value for _, value, ours in bars if ours), None)
            for number, (name, value, ours) in enumerate(bars):
                y = top + 26 + number * LINE
                text(left + 150, y + 2, name, _font(12), INK, right=True)
                if value is None:
                    text(left + 158, y + 2, "cannot", _font(11), PALE)
                    continue
                long = max(2, (PANEL - 290) * value / most)
                pen.rectangle([(left + 158) * SCALE, (y + 1) * SCALE,
                               (left + 158 + long) * SCALE, (y + 17) * SCALE],
                              fill=OURS if ours else THEIRS)
                words = f"{value:.3g}" + (f"  x{value / base:.1f}" if base and not ours else "")
                text(left + 164 + long, y + 2, words, _font(12), INK)
        top += high
    image.resize((WIDTH, height), Image.LANCZOS).save(path)
