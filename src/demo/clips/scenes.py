"""The six scenes: each is a still background and what moves on it, periodic in the clip.

Positions are in the virtual units of raster.py (720 high, as wide as the picture's shape asks
for). What the clips weigh is decided here:

- What moves, moves by whole even pixels and keeps its shape: the encoder then copies it from the
  picture before. Eight units are that at 360, 720 and 1080 rows, six at 480.
- It moves sideways, in front of what does not change sideways, so that the copy is right around
  its outline too. Lanes do not overlap.
- What turns has few positions, each seen again after TURN pictures: no farther back than the
  pictures that the encoder may copy from.
- What is upright has its edges on macroblocks, 32 units at 360 and at 720 rows, where it can.
"""

from math import cos, pi, sin

from raster import mix

FRAMES = 250
# Pictures and positions of what turns.
TURN, POSITIONS = 10, 5


def along(n, start, every=1, lap=2000):
    """A position that gains eight units at every so many pictures, from 0 to `lap`."""
    return (start + n // every * 8) % lap


def there_and_back(n, step, every):
    """A position that grows from 0 for half of the clip and shrinks again."""
    return min(n, FRAMES - n) // every * step


def turned(n):
    """What share of one tooth or blade something has turned."""
    return n % TURN * POSITIONS // TURN / POSITIONS


def cloud(c, x, y, size, colour):
    for dx, dy, r in ((-0.9, 0.15, 0.55), (0, -0.1, 0.8), (0.9, 0.15, 0.6)):
        c.circle(x + dx * size, y + dy * size, r * size, colour)
    c.rect(x - size * 1.2, y + size * 0.2, size * 2.4, size * 0.45, colour)


def tree(c, x, y, size, leaves):
    c.rect(x - 16, y - size * 0.6, 32, size * 0.6, 0x6B4A2F)
    c.circle(x, y - size * 0.8, size * 0.5, leaves)


def harbour_still(c):
    c.gradient(64, 352, 0x86C5E8, 0xF6DDBA, 11)
    c.circle(272, 256, 48, 0xFFF1C4)
    c.gradient(416, 320, 0x2F7FA3, 0x14506F, 5)
    c.polygon([(880, 416), (1010, 334), (1170, 316), (1300, 346), (1300, 416)], 0x5D7F6B)
    c.polygon([(1088, 346), (1136, 346), (1128, 192), (1096, 192)], 0xF4F1EA)
    for y in (224, 272):
        c.rect(1094, y, 36, 24, 0xC8473B)
    c.rect(1092, 160, 40, 32, 0x2B3640)
    c.polygon([(1086, 160), (1138, 160), (1112, 136)], 0xC8473B)
    c.rect(0, 640, 416, 80, 0x7A6A5A)
    for x in range(32, 416, 96):
        c.rect(x, 608, 32, 64, 0x5B4D41)


def ship(c, x):
    c.polygon([(x - 190, 480), (x + 190, 480), (x + 150, 528), (x - 160, 528)], 0x2B3640)
    for i, colour in enumerate((0xD9822B, 0xE9C46A, 0xB23A48, 0x6A994E)):
        c.rect(x - 140 + i * 64, 448, 56, 32, colour)
    c.rect(x + 118, 432, 44, 48, 0xF4F1EA)


def harbour_moving(c, n):
    if n % 50 < 25:
        c.polygon([(1092, 168), (960, 152), (960, 200), (1092, 184)], 0xFFF6CF)
    x = along(n, 700, 2, 1000) - 200
    ship(c, x)
    ship(c, x + 1000)
    x = 1400 - along(n, 0, 2, 1000)
    for x in (x, x - 1000):
        c.polygon([(x - 70, 592), (x + 70, 592), (x + 48, 624), (x - 50, 624)], 0x8A3B2E)
        c.polygon([(x - 6, 588), (x - 6, 528), (x - 66, 588)], 0xFBF7EE)
        c.polygon([(x + 4, 588), (x + 4, 528), (x + 46, 588)], 0xE9C46A)
    x = along(n, 300, 2, 1000)
    for x in (x, x + 1000):
        c.line(x, 124, x - 24, 108, 5, 0x3D4C57)
        c.line(x, 124, x + 24, 108, 5, 0x3D4C57)


def street_still(c):
    c.gradient(64, 384, 0xA9D3EE, 0xE8F1F5, 6)
    walls = ((0, 192, 160, 0xC97B5A), (192, 256, 224, 0xE3C29B), (448, 192, 160, 0x8FA3AD),
             (640, 288, 288, 0xB9A394), (928, 160, 160, 0xD8A47F), (1088, 192, 224, 0x7D92A0))
    for x, width, top, colour in walls:
        c.rect(x, top, width, 448 - top, colour)
        for wx in range(x + 32, x + width - 32, 64):
            for wy in range(top + 32, 384, 64):
                c.rect(wx, wy, 32, 32, mix(colour, 0x22303A, 0.65))
    c.rect(0, 384, c.scene_width, 96, 0xC8C8C8)
    c.rect(0, 480, c.scene_width, 240, 0x4A4A4A)
    for x in range(32, 1280, 128):
        c.rect(x, 568, 64, 8, 0xE8E4D8)


def car(c, x, y, colour, ahead):
    c.rect(x - 80, y - 32, 160, 34, colour)
    c.polygon([(x - 46, y - 32), (x - 28, y - 66), (x + 34, y - 66), (x + 52, y - 32)], colour)
    c.polygon([(x - 30, y - 34), (x - 20, y - 58), (x + 28, y - 58), (x + 38, y - 34)], 0xBFE0EE)
    c.rect(x + ahead * 74 - 6, y - 24, 12, 10, 0xFFF2B0)
    for wx in (x - 46, x + 46):
        c.circle(wx, y + 2, 18, 0x1F2428)
        c.circle(wx, y + 2, 8, 0x9AA5AD)


def street_moving(c, n):
    c.rect(576, 288, 32, 96, 0x2B3136)
    for i, colour in enumerate((0xE0483E, 0xF2B134, 0x53B257)):
        c.circle(592, 304 + i * 32, 12, colour if i == n * 3 // FRAMES else 0x14181B)
    car(c, along(n, 300) - 100, 548, 0xC8473B, 1)
    car(c, along(n, 1100) - 100, 548, 0xF2B134, 1)
    car(c, 1700 - along(n, 700), 644, 0x3E7CB1, -1)


def workshop_still(c):
    c.rect(0, 64, c.scene_width, 448, 0xDADADA)
    c.rect(0, 512, c.scene_width, 208, 0x8E8E8E)
    c.rect(64, 160, 256, 128, 0x9FC9DE)
    c.rect(184, 160, 16, 128, 0xF2F4F5)
    c.rect(992, 192, 224, 128, 0xB98B5E)
    for i in range(5):
        c.rect(1016 + i * 40, 208, 16, 60 + 14 * (i % 3), 0x55606A)
    c.rect(0, 576, c.scene_width, 32, 0x3A3A3A)
    for x in range(64, 1280, 192):
        c.rect(x, 608, 32, 64, 0x525252)
    for x in range(16, 1280, 64):
        c.circle(x, 592, 12, 0x6B757D)
    c.rect(0, 96, c.scene_width, 32, 0x525252)


def gear(c, x, y, radius, turn, teeth, colour):
    for i in range(teeth // 2):
        a = turn + pi * i / (teeth // 2)
        dx, dy = (radius + 14) * cos(a), (radius + 14) * sin(a)
        c.line(x - dx, y - dy, x + dx, y + dy, 20, colour)
    c.circle(x, y, radius, colour)
    c.circle(x, y, radius * 0.35, 0xDADADA)


def workshop_moving(c, n):
    gear(c, 448, 256, 46, 2 * pi / 10 * turned(n), 10, 0x6F7F8C)
    gear(c, 536, 312, 38, -2 * pi / 8 * turned(n) - 0.2, 8, 0xA86B3C)
    for i in range(3):
        x = along(n, 0, 2, 500) + i * 500 - 100
        c.rect(x - 48, 496, 96, 80, 0xC89B64)
        c.rect(x - 8, 496, 16, 80, 0xE8D5B0)
    x = 680 + there_and_back(n, 8, 4)
    c.rect(x - 40, 96, 80, 56, 0xE08A2B)
    c.rect(x - 12, 152, 24, 240, 0xE9A24F)
    c.rect(x - 40, 392, 80, 20, 0x363C42)
    c.rect(x - 40, 412, 12, 40, 0x363C42)
    c.rect(x + 28, 412, 12, 40, 0x363C42)


def garden_still(c):
    c.gradient(64, 384, 0x8CCBF0, 0xDFF1F7, 6)
    c.rect(0, 448, c.scene_width, 64, 0x8DBF67)
    c.rect(0, 512, c.scene_width, 208, 0x66A34A)
    tree(c, 144, 512, 176, 0x3F7D3A)
    tree(c, 1136, 512, 192, 0x37733A)
    c.polygon([(762, 470), (838, 470), (822, 250), (778, 250)], 0xF0E6D6)
    c.polygon([(770, 252), (830, 252), (800, 206)], 0x9E4F3C)
    c.rect(784, 416, 32, 54, 0x6B4A2F)
    for x in range(16, 1280, 64):
        c.rect(x, 544, 16, 64, 0xF4F1EA)
    c.rect(0, 560, c.scene_width, 16, 0xF4F1EA)
    for i in range(7):
        flower(c, i)


def flower(c, i):
    x = 352 + i * 96
    c.rect(x + 12, 672, 8, 48, 0x2F6B33)
    c.rect(x, 640, 32, 32, (0xE0483E, 0xF2B134, 0xD35FA0)[i % 3])


def garden_moving(c, n):
    for x in (0, 1000):
        cloud(c, x + along(n, 200, 2, 1000) - 200, 112, 40, 0xFFFFFF)
    for i in range(4):
        a = pi / 2 * (turned(n) + i)
        c.line(800, 252, 800 + 72 * cos(a), 252 + 72 * sin(a), 18, 0xFBF7EE)
    c.circle(800, 252, 12, 0x3B2A1D)


def dock_still(c):
    c.rect(0, 64, c.scene_width, 376, 0xBABABA)
    c.rect(0, 440, c.scene_width, 280, 0x6C6C6C)
    c.rect(0, 64, c.scene_width, 40, 0x3E5566)
    for i in range(3):
        x = 40 + i * 310
        c.rect(x, 170, 250, 270, 0x393939)
        c.rect(x + 14, 184, 222, 256, 0x979797)
        c.rect(x - 16, 400, 16, 40, 0xF2B134)
    for x in range(0, 960, 120):
        c.polygon([(x, 452), (x + 50, 452), (x + 30, 472), (x - 20, 472)], 0xF2B134)
    forklift(c, 780, 444, 0xC89B64)


def forklift(c, x, y, load):
    c.rect(x + 70, y - 150, 12, 150, 0x22303A)
    c.rect(x + 82, y - 12, 66, 8, 0x22303A)
    c.rect(x + 88, y - 70, 56, 56, load)
    c.rect(x - 66, y - 70, 134, 56, 0xE9A82B)
    c.line(x - 50, y - 66, x - 36, y - 146, 9, 0x22303A)
    c.line(x + 50, y - 66, x + 40, y - 146, 9, 0x22303A)
    c.rect(x - 46, y - 154, 96, 11, 0x22303A)
    c.rect(x - 26, y - 112, 30, 46, 0x3E7CB1)
    c.circle(x - 10, y - 124, 13, 0xE8B894)
    for wx in (x - 44, x + 46):
        c.circle(wx, y - 8, 24, 0x1F2428)
        c.circle(wx, y - 8, 9, 0x9AA5AD)


def dock_moving(c, n):
    opening = 36 + there_and_back(n, 6, 4)
    c.rect(54, 440 - opening, 222, opening, 0x242424)
    c.rect(54, 434 - opening, 222, 9, 0xE0483E)
    x = n * 6 % 1500 - 220
    c.rect(x - 290, 504, 400, 116, 0x3E7CB1)
    c.rect(x - 270, 552, 360, 18, 0xF4F1EA)
    c.polygon([(x + 120, 620), (x + 120, 528), (x + 176, 528), (x + 214, 570), (x + 214, 620)],
              0xC8473B)
    c.polygon([(x + 140, 570), (x + 140, 540), (x + 170, 540), (x + 194, 570)], 0xBFE0EE)
    for wx in (x - 240, x - 180, x + 40, x + 160):
        c.circle(wx, 624, 24, 0x1F2428)
        c.circle(wx, 624, 10, 0x9AA5AD)


def sky_still(c):
    c.gradient(64, 576, 0x101B3F, 0xB8677A, 18)
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


def sky_moving(c, n):
    x = 1500 - along(n, 500)
    c.polygon([(x - 60, 116), (x + 60, 104), (x + 70, 124), (x - 50, 126)], 0xE8ECEF)
    c.polygon([(x + 44, 108), (x + 74, 76), (x + 76, 108)], 0xC8473B)
    c.polygon([(x - 6, 120), (x + 22, 120), (x + 52, 154), (x + 34, 154)], 0xB9C3CA)
    balloon(c, 200 + there_and_back(n, 4, 2), 300, 92, (0xE0483E, 0xF2B134))
    balloon(c, 860 - there_and_back(n, 4, 4), 340, 64, (0x2A8C82, 0xF4F1EA))


SCENES = {
    "harbour": (harbour_still, harbour_moving),
    "street": (street_still, street_moving),
    "workshop": (workshop_still, workshop_moving),
    "garden": (garden_still, garden_moving),
    "dock": (dock_still, dock_moving),
    "sky": (sky_still, sky_moving),
}
