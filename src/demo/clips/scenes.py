"""The six scenes: each is a still background and what moves on it, periodic in the clip.

`phase` runs from 0 to 1 over the clip, so that its end meets its beginning. Positions are in
the virtual units of raster.py (720 high, as wide as the picture's shape asks for).
"""

from math import cos, pi, sin

from raster import mix

TURN = 2 * pi


def across(phase, laps, width, margin, start=0.0):
    """A position that crosses the picture `laps` times, out of sight when it wraps."""
    return (phase * laps + start) % 1.0 * (width + 2 * margin) - margin


def cloud(c, x, y, size, colour):
    for dx, dy, r in ((-0.9, 0.15, 0.55), (0, -0.1, 0.8), (0.9, 0.15, 0.6)):
        c.circle(x + dx * size, y + dy * size, r * size, colour)
    c.rect(x - size * 1.2, y + size * 0.2, size * 2.4, size * 0.45, colour)


def tree(c, x, y, size, leaves):
    c.rect(x - size * 0.08, y - size * 0.6, size * 0.16, size * 0.6, 0x6B4A2F)
    c.circle(x, y - size * 0.85, size * 0.42, leaves)
    c.circle(x - size * 0.25, y - size * 0.65, size * 0.3, leaves)
    c.circle(x + size * 0.25, y - size * 0.65, size * 0.3, leaves)


def harbour_still(c):
    c.gradient(64, 336, 0x86C5E8, 0xF6DDBA)
    c.circle(c.scene_width * 0.22, 250, 46, 0xFFF1C4)
    c.gradient(400, 320, 0x2F7FA3, 0x14506F, 8)
    c.polygon([(880, 400), (1010, 318), (1170, 300), (1300, 330), (1300, 400)], 0x5D7F6B)
    c.polygon([(1088, 330), (1132, 330), (1124, 180), (1096, 180)], 0xF4F1EA)
    for y in (210, 262):
        c.rect(1094, y, 32, 24, 0xC8473B)
    c.rect(1092, 152, 36, 28, 0x2B3640)
    c.polygon([(1086, 152), (1134, 152), (1110, 128)], 0xC8473B)
    c.rect(0, 640, 420, 80, 0x7A6A5A)
    for x in range(20, 420, 80):
        c.rect(x, 612, 22, 60, 0x5B4D41)


def harbour_moving(c, phase):
    reach = 150 * cos(TURN * phase * 4)
    c.polygon([(1110, 160), (1110 + reach, 140), (1110 + reach, 192), (1110, 172)], 0xFFF6CF)
    for i in range(3):
        y = 430 + i * 80
        x = across(phase, 1, c.scene_width, 120, i * 0.37)
        c.rect(x - 50, y, 100, 5, 0x6FB1CB)
    x = across(phase, 1, c.scene_width, 220, 0.3)
    y = 440 + 4 * sin(TURN * phase * 10)
    c.polygon([(x - 190, y), (x + 190, y), (x + 150, y + 52), (x - 160, y + 52)], 0x2B3640)
    for i, colour in enumerate((0xD9822B, 0x3E7CB1, 0xB23A48, 0x6A994E)):
        c.rect(x - 140 + i * 62, y - 38, 56, 38, colour)
    c.rect(x + 118, y - 74, 44, 74, 0xF4F1EA)
    x = c.scene_width + 90 - across(phase, 2, c.scene_width, 90)
    y = 560 + 6 * sin(TURN * phase * 8)
    c.polygon([(x - 70, y), (x + 70, y), (x + 48, y + 28), (x - 50, y + 28)], 0x8A3B2E)
    c.polygon([(x - 6, y - 8), (x - 6, y - 130), (x - 66, y - 8)], 0xFBF7EE)
    c.polygon([(x + 4, y - 8), (x + 4, y - 104), (x + 46, y - 8)], 0xE9C46A)
    for i in range(2):
        x = across(phase, 2 + i, c.scene_width, 60, i * 0.4)
        y, flap = 150 + i * 44, 14 * sin(TURN * phase * 20 + i)
        c.line(x, y, x - 24, y - flap, 5, 0x3D4C57)
        c.line(x, y, x + 24, y - flap, 5, 0x3D4C57)


def street_still(c):
    c.gradient(64, 376, 0xA9D3EE, 0xE8F1F5)
    walls = ((0, 190, 0xC97B5A), (210, 250, 0xE3C29B), (470, 170, 0x8FA3AD),
             (650, 280, 0xB9A394), (940, 160, 0xD8A47F), (1110, 190, 0x7D92A0))
    for i, (x, width, colour) in enumerate(walls):
        top = 150 + 37 * (i * 5 % 4)
        c.rect(x, top, width, 440 - top, colour)
        for wx in range(x + 20, x + width - 40, 64):
            for wy in range(top + 24, 390, 72):
                c.rect(wx, wy, 34, 44, mix(colour, 0x22303A, 0.65))
    c.rect(0, 430, c.scene_width, 50, 0xC9C5BC)
    c.rect(0, 480, c.scene_width, 240, 0x474D53)
    for x in range(30, 1280, 140):
        c.rect(x, 588, 76, 8, 0xE8E4D8)
    for i in range(6):
        c.rect(590, 492 + i * 38, 96, 20, 0xE8E4D8)
    c.rect(566, 330, 10, 150, 0x2B3136)
    c.rect(552, 300, 38, 104, 0x2B3136)


def car(c, x, y, colour, turn, ahead):
    c.rect(x - 80, y - 32, 160, 34, colour)
    c.polygon([(x - 46, y - 32), (x - 28, y - 66), (x + 34, y - 66), (x + 52, y - 32)], colour)
    c.polygon([(x - 30, y - 34), (x - 20, y - 58), (x + 28, y - 58), (x + 38, y - 34)], 0xBFE0EE)
    c.rect(x + ahead * 74 - 6, y - 24, 12, 10, 0xFFF2B0)
    for wx in (x - 46, x + 46):
        c.circle(wx, y + 2, 18, 0x1F2428)
        c.line(wx - 9 * cos(turn), y + 2 - 9 * sin(turn),
               wx + 9 * cos(turn), y + 2 + 9 * sin(turn), 5, 0x9AA5AD)


def street_moving(c, phase):
    light = int(phase * 6) % 3
    for i, colour in enumerate((0xE0483E, 0xF2B134, 0x53B257)):
        c.circle(571, 320 + i * 32, 12, colour if i == light else 0x14181B)
    walk = across(phase, 1, c.scene_width, 40)
    for x, coat in ((walk, 0x7A4EA3), (c.scene_width - walk, 0x2A8C82)):
        step = 12 * sin(TURN * phase * 24)
        c.line(x, 440, x - step, 474, 7, 0x22303A)
        c.line(x, 440, x + step, 474, 7, 0x22303A)
        c.rect(x - 11, 402, 22, 42, coat)
        c.circle(x, 392, 11, 0xE8B894)
    for laps, start, colour in ((3, 0.0, 0xC8473B), (3, 0.42, 0xF2B134)):
        x = across(phase, laps, c.scene_width, 110, start)
        car(c, x, 552, colour, TURN * phase * laps * 11, 1)
    for laps, start, colour in ((2, 0.1, 0x3E7CB1), (2, 0.63, 0xF4F1EA)):
        x = c.scene_width - across(phase, laps, c.scene_width, 110, start)
        car(c, x, 668, colour, -TURN * phase * laps * 11, -1)


def workshop_still(c):
    c.rect(0, 64, c.scene_width, 456, 0xD7DCE0)
    c.rect(0, 520, c.scene_width, 200, 0x8C8F91)
    for x in range(0, 1280, 160):
        c.rect(x, 64, 4, 456, 0xC3CACF)
    c.rect(60, 120, 250, 130, 0x9FC9DE)
    c.rect(181, 120, 8, 130, 0xF2F4F5)
    c.rect(980, 110, 240, 150, 0xB98B5E)
    for i in range(5):
        c.rect(1004 + i * 42, 128, 10, 60 + 14 * (i % 3), 0x55606A)
    c.rect(0, 560, c.scene_width, 34, 0x363C42)
    for x in range(60, 1280, 200):
        c.rect(x, 594, 20, 70, 0x4B535A)
    for x in range(20, 1280, 70):
        c.circle(x, 577, 13, 0x6B757D)
    c.rect(600, 84, 90, 50, 0x4B535A)


def gear(c, x, y, radius, turn, teeth, colour):
    for i in range(teeth // 2):
        a = turn + pi * i / (teeth // 2)
        dx, dy = (radius + 14) * cos(a), (radius + 14) * sin(a)
        c.line(x - dx, y - dy, x + dx, y + dy, 20, colour)
    c.circle(x, y, radius, colour)
    c.circle(x, y, radius * 0.35, 0xD7DCE0)


def workshop_moving(c, phase):
    gear(c, 420, 220, 62, TURN * phase, 12, 0x6F7F8C)
    gear(c, 539, 293, 50, -TURN * phase * 1.2 - 0.2, 10, 0xA86B3C)
    for i, colour in enumerate((0xC89B64, 0xB98550, 0xD3AC7C)):
        x = across(phase, 2, c.scene_width, 80, i / 3)
        c.rect(x - 48, 484, 96, 76, colour)
        c.rect(x - 8, 484, 16, 76, 0xE8D5B0)
    swing, reach = 0.5 * sin(TURN * phase * 4), 0.55 + 0.35 * cos(TURN * phase * 8)
    ex, ey = 645 + 200 * sin(swing), 120 + 170 * cos(swing)
    hx, hy = ex + 160 * sin(swing + reach - 0.7), ey + 130 * cos(swing + reach - 0.7)
    c.line(645, 120, ex, ey, 38, 0xE08A2B)
    c.line(ex, ey, hx, hy, 26, 0xE9A24F)
    c.circle(645, 120, 30, 0x363C42)
    c.circle(ex, ey, 24, 0x363C42)
    grip = 14 + 8 * sin(TURN * phase * 8)
    c.line(hx, hy, hx - grip, hy + 36, 9, 0x363C42)
    c.line(hx, hy, hx + grip, hy + 36, 9, 0x363C42)
    if int(phase * 40) % 2:
        c.circle(1240, 96, 12, 0xE0483E)


def garden_still(c):
    c.gradient(64, 340, 0x8CCBF0, 0xDFF1F7)
    c.circle(300, 520, 560, 0x8DBF67, ry=150)
    c.circle(1020, 540, 620, 0x79B058, ry=190)
    c.rect(0, 500, c.scene_width, 220, 0x66A34A)
    for x, y, size, leaves in ((120, 480, 210, 0x3F7D3A), (330, 450, 140, 0x4C8E43),
                               (1180, 490, 230, 0x37733A)):
        tree(c, x, y, size, leaves)
    c.polygon([(762, 470), (838, 470), (822, 250), (778, 250)], 0xF0E6D6)
    c.polygon([(770, 252), (830, 252), (800, 206)], 0x9E4F3C)
    c.rect(788, 424, 24, 46, 0x6B4A2F)
    for x in range(20, 1280, 46):
        c.rect(x, 540, 14, 62, 0xF4F1EA)
    c.rect(0, 556, c.scene_width, 9, 0xF4F1EA)
    for i in range(11):
        if i not in (3, 7):
            flower(c, i, i * 7 % 16 - 8)


def flower(c, i, sway):
    x, top = 60 + i * 114, 622 + 12 * (i % 3)
    c.line(x, 714, x + sway, top, 6, 0x2F6B33)
    c.circle(x + sway, top, 20, (0xE0483E, 0xF2B134, 0xD35FA0, 0xFFFFFF, 0x7A4EA3)[i % 5])
    c.circle(x + sway, top, 8, 0x6B4A2F)


def garden_moving(c, phase):
    cloud(c, across(phase, 1, c.scene_width, 180, 0.3), 150, 58, 0xFFFFFF)
    for i in range(4):
        a = TURN * phase + pi / 2 * i
        c.line(800, 252, 800 + 128 * cos(a), 252 + 128 * sin(a), 20, 0xFBF7EE)
    c.circle(800, 252, 12, 0x3B2A1D)
    for i in (3, 7):
        flower(c, i, 16 * sin(TURN * phase * 5 + i))
    x, y = across(phase, 1, c.scene_width, 40), 490 + 60 * sin(TURN * phase * 4)
    wing = 8 + 16 * abs(sin(TURN * phase * 20))
    c.circle(x - wing * 0.6, y, wing, 0xE07A2B, ry=20)
    c.circle(x + wing * 0.6, y, wing, 0xE07A2B, ry=20)
    c.line(x, y - 16, x, y + 18, 5, 0x22272B)


def dock_still(c):
    c.rect(0, 64, c.scene_width, 376, 0xB4BDC4)
    c.rect(0, 440, c.scene_width, 280, 0x6A6E70)
    c.rect(0, 64, c.scene_width, 40, 0x3E5566)
    for i in range(3):
        x = 40 + i * 310
        c.rect(x, 170, 250, 270, 0x2F3B45)
        c.rect(x + 14, 184, 222, 256, 0x8D99A2)
        for y in range(214, 440, 38):
            c.rect(x + 14, y, 222, 4, 0x76828B)
        c.rect(x - 16, 400, 16, 40, 0xF2B134)
    for x in range(0, 960, 120):
        c.polygon([(x, 452), (x + 50, 452), (x + 30, 472), (x - 20, 472)], 0xF2B134)


def forklift(c, x, y, lift, load):
    c.rect(x + 70, y - 150, 12, 150, 0x22303A)
    c.rect(x + 82, y - 12 - lift, 66, 8, 0x22303A)
    c.rect(x + 88, y - 70 - lift, 56, 56, load)
    c.rect(x - 66, y - 70, 134, 56, 0xE9A82B)
    c.line(x - 50, y - 66, x - 36, y - 146, 9, 0x22303A)
    c.line(x + 50, y - 66, x + 40, y - 146, 9, 0x22303A)
    c.rect(x - 46, y - 154, 96, 11, 0x22303A)
    c.rect(x - 26, y - 112, 30, 46, 0x3E7CB1)
    c.circle(x - 10, y - 124, 13, 0xE8B894)
    for wx in (x - 44, x + 46):
        c.circle(wx, y - 8, 24, 0x1F2428)
        c.circle(wx, y - 8, 9, 0x9AA5AD)


def dock_moving(c, phase):
    for i in range(3):
        x = 40 + i * 310
        opening = 110 * (1 - cos(TURN * (phase * 2 + i / 3)))
        c.rect(x + 14, 440 - opening, 222, opening, 0x1D262D)
        c.rect(x + 14, 434 - opening, 222, 10, 0xE0483E)
    x = 480 + 300 * sin(TURN * phase * 2)
    forklift(c, x, 560, 45 * (1 + sin(TURN * phase * 4)), 0xC89B64)
    x = across(phase, 2, c.scene_width, 330)
    c.rect(x - 290, 540, 400, 116, 0x3E7CB1)
    c.rect(x - 270, 584, 360, 20, 0xF4F1EA)
    c.polygon([(x + 120, 656), (x + 120, 560), (x + 176, 560), (x + 214, 606), (x + 214, 656)],
              0xC8473B)
    c.polygon([(x + 140, 604), (x + 140, 574), (x + 170, 574), (x + 194, 604)], 0xBFE0EE)
    for wx in (x - 240, x - 180, x + 40, x + 160):
        c.circle(wx, 660, 28, 0x1F2428)
        a = TURN * phase * 22
        c.line(wx, 660, wx + 18 * cos(a), 660 + 18 * sin(a), 7, 0x9AA5AD)


def sky_still(c):
    c.gradient(64, 556, 0x101B3F, 0xB8677A, 18)
    for i in range(46):
        x, y = i * 197 % 1280, 80 + i * 83 % 280
        c.circle(x, y, 1.5 + i % 3 * 0.7, 0xF4F1EA, 0.8, 1.5 + i % 3 * 0.7)
    c.circle(1060, 170, 56, 0xF7EFD2)
    for dx, dy, r in ((-18, -14, 12), (16, 8, 15), (-10, 24, 8)):
        c.circle(1060 + dx, 170 + dy, r, 0xE3D8B4)
    c.polygon([(0, 640), (180, 480), (330, 560), (420, 640)], 0x3A3357)
    c.polygon([(300, 640), (560, 440), (860, 640)], 0x322C4D)
    c.polygon([(740, 640), (980, 510), (1280, 600), (1280, 640)], 0x3A3357)
    c.rect(0, 620, c.scene_width, 100, 0x1E1B33)


def balloon(c, x, y, size, colours):
    c.line(x - size * 0.5, y + size * 0.7, x - size * 0.16, y + size * 1.5, 3, 0xE8D5B0)
    c.line(x + size * 0.5, y + size * 0.7, x + size * 0.16, y + size * 1.5, 3, 0xE8D5B0)
    for share, colour in ((1.0, colours[0]), (0.62, colours[1]), (0.26, colours[0])):
        c.circle(x, y, size * share, colour, ry=size * 1.06)
    c.rect(x - size * 0.2, y + size * 1.45, size * 0.4, size * 0.3, 0x8A5A33)


def sky_moving(c, phase):
    for i in range(5):
        if int(phase * 20 + i * 7) % 5 == 0:
            c.circle(130 + i * 236, 110 + i * 97 % 200, 5, 0xFFFFFF)
    cloud(c, across(phase, 1, c.scene_width, 160, 0.2), 400, 54, 0x8A6A86)
    x = c.scene_width - across(phase, 2, c.scene_width, 140)
    c.polygon([(x - 60, 152), (x + 60, 140), (x + 70, 160), (x - 50, 162)], 0xE8ECEF)
    c.polygon([(x + 44, 144), (x + 74, 112), (x + 76, 144)], 0xC8473B)
    c.polygon([(x - 6, 156), (x + 22, 156), (x + 52, 190), (x + 34, 190)], 0xB9C3CA)
    if int(phase * 40) % 2:
        c.circle(x + 74, 112, 7, 0xFF4A3D)
    rise = 40 * sin(TURN * phase * 2)
    balloon(c, 290 + 90 * sin(TURN * phase), 300 + rise, 92, (0xE0483E, 0xF2B134))
    balloon(c, 720 + 70 * cos(TURN * phase), 360 - rise, 64, (0x2A8C82, 0xF4F1EA))
    balloon(c, 960 + 60 * sin(TURN * phase + 1), 450 + rise / 2, 40, (0x7A4EA3, 0xE9A24F))


SCENES = {
    "harbour": (harbour_still, harbour_moving),
    "street": (street_still, street_moving),
    "workshop": (workshop_still, workshop_moving),
    "garden": (garden_still, garden_moving),
    "dock": (dock_still, dock_moving),
    "sky": (sky_still, sky_moving),
}
