"""A small rasteriser: convex shapes with soft edges into I420 planes, in plain Python.

A scene is drawn in virtual units, 720 high; the canvas scales it to the real picture.
Colours are 0xRRGGBB and become limited-range BT.709.
"""

import math

SUBROWS = 4
SCENE_HEIGHT = 720


def yuv(rgb):
    """Limited-range BT.709 of 0xRRGGBB."""
    r, g, b = (rgb >> 16 & 255) / 255, (rgb >> 8 & 255) / 255, (rgb & 255) / 255
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    u, v = (b - y) / 1.8556, (r - y) / 1.5748
    return round(16 + 219 * y), round(128 + 224 * u), round(128 + 224 * v)


def mix(a, b, share):
    """The colour `share` (0 to 1) of the way from a to b."""
    def channel(shift):
        x, y = a >> shift & 255, b >> shift & 255
        return round(x + (y - x) * share) << shift
    return channel(16) | channel(8) | channel(0)


def ellipse(cx, cy, rx, ry=None, steps=40):
    """Corners of an ellipse; a circle where ry is absent."""
    ry = rx if ry is None else ry
    turn = [2 * math.pi * i / steps for i in range(steps)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in turn]


def box(x, y, width, height):
    """Corners of an upright rectangle."""
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def bar(x0, y0, x1, y1, thickness):
    """Corners of a straight line that has a thickness."""
    length = math.hypot(x1 - x0, y1 - y0) or 1
    dx, dy = (x1 - x0) / length * thickness / 2, (y1 - y0) / length * thickness / 2
    return [(x0 - dy, y0 + dx), (x1 - dy, y1 + dx), (x1 + dy, y1 - dx), (x0 + dy, y0 - dx)]


class Canvas:
    """An I420 picture that shapes are painted on."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.scale = height / SCENE_HEIGHT
        self.scene_width = width / self.scale
        self.planes = [bytearray(width * height)] + [
            bytearray(b"\x80" * (width * height // 4)) for _ in range(2)
        ]

    def copy(self):
        """A canvas with the same picture, to draw the moving things on."""
        other = Canvas.__new__(Canvas)
        other.__dict__.update(self.__dict__)
        other.planes = [bytearray(plane) for plane in self.planes]
        return other

    def data(self):
        """The planes in the order of ffmpeg's yuv420p."""
        return b"".join(self.planes)

    def polygon(self, corners, colour, opacity=1.0):
        """Fills a convex polygon."""
        values = yuv(colour)
        for i, plane in enumerate(self.planes):
            shrink = 1 if i == 0 else 2
            scale = self.scale / shrink
            points = [(x * scale, y * scale) for x, y in corners]
            fill(plane, self.width // shrink, self.height // shrink, points, values[i], opacity)

    def rect(self, x, y, width, height, colour, opacity=1.0):
        """Fills an upright rectangle."""
        self.polygon(box(x, y, width, height), colour, opacity)

    def circle(self, cx, cy, rx, colour, opacity=1.0, ry=None):
        """Fills an ellipse."""
        self.polygon(ellipse(cx, cy, rx, ry), colour, opacity)

    def line(self, x0, y0, x1, y1, thickness, colour, opacity=1.0):
        """A straight line."""
        self.polygon(bar(x0, y0, x1, y1, thickness), colour, opacity)

    def gradient(self, y, height, top, bottom, bands=12):
        """Horizontal bands from one colour to another: flat, so that they cost few bits."""
        for i in range(bands):
            start = height * i / bands
            self.rect(0, y + start, self.scene_width, height - start,
                      mix(top, bottom, i / max(1, bands - 1)))

    def luma_rows(self, rows, row):
        """Writes the same luma row into the top rows and takes their colour away."""
        self.planes[0][: self.width * rows] = row * rows
        for plane in self.planes[1:]:
            half = self.width // 2 * (rows // 2)
            plane[:half] = b"\x80" * half


def span(points, y):
    """Where the convex outline crosses the height y, or None."""
    low, high = math.inf, -math.inf
    x0, y0 = points[-1]
    for x1, y1 in points:
        if (y0 <= y) != (y1 <= y):
            x = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            low, high = min(low, x), max(high, x)
        x0, y0 = x1, y1
    return (low, high) if low < high else None


def fill(plane, width, height, points, value, opacity):
    """Fills a convex polygon in one plane, with the outline's coverage blended in."""
    top = max(0, math.floor(min(y for _, y in points)))
    bottom = min(height, math.ceil(max(y for _, y in points)))
    for row in range(top, bottom):
        spans = [span(points, row + (i + 0.5) / SUBROWS) for i in range(SUBROWS)]
        spans = [(max(0.0, a), min(float(width), b)) for a, b in filter(None, spans)]
        spans = [(a, b) for a, b in spans if a < b]
        if spans:
            fill_row(plane, row * width, spans, value, opacity)


def fill_row(plane, start, spans, value, opacity):
    """One row: whole pixels at once where every subrow covers them, the others one by one."""
    first, last = math.floor(min(a for a, _ in spans)), math.ceil(max(b for _, b in spans))
    solid_first = math.ceil(max(a for a, _ in spans))
    solid_last = math.floor(min(b for _, b in spans))
    solid = len(spans) == SUBROWS and opacity == 1.0 and solid_first < solid_last
    if solid:
        plane[start + solid_first : start + solid_last] = bytes([value]) * (
            solid_last - solid_first
        )
        edges = list(range(first, solid_first)) + list(range(solid_last, last))
    else:
        edges = range(first, last)
    for x in edges:
        cover = sum(max(0.0, min(b, x + 1) - max(a, x)) for a, b in spans) / SUBROWS * opacity
        old = plane[start + x]
        plane[start + x] = round(old + (value - old) * cover)
