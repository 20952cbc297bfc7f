#!/usr/bin/env python3
"""Remakes the demo clips beside this file. Needs Python 3 and ffmpeg with x264 and freetype.

    make.py [NAME ...]      all clips, or the named ones

Each clip is 500 pictures at 25 a second, an H.264 byte stream (Annex B) with one slice a
picture, no B-frames, closed GOPs and the parameter sets before every IDR. Its pictures carry
the bar code of tests/e2e/barcode.mjs, frame number n being the place in the clip, and a clock.
"""

import subprocess
import sys
from math import cos, pi, sin
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "tests" / "cameras")]

sys.dont_write_bytecode = True
import barcode  # noqa: E402
from raster import SCENE_HEIGHT, Canvas  # noqa: E402
from scenes import SCENES  # noqa: E402

FPS = 25
FRAMES = 500
MAX_CLIP_BYTES = 350_000
MAX_ALL_BYTES = 1_900_000
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"

# name: camera number, width, height, profile, frames in a GOP, constant rate factor
CLIPS = {
    "harbour": (1, 1280, 720, "high", 50, 41),
    "street": (2, 640, 360, "baseline", 25, 36),
    "workshop": (3, 1280, 720, "main", 100, 41),
    "garden": (4, 1920, 1080, "high", 50, 48),
    "dock": (5, 640, 480, "high", 250, 31),
    "sky": (6, 1280, 720, "main", 250, 42),
    "harbour-360p": (11, 640, 360, "high", 50, 38),
    "workshop-360p": (13, 640, 360, "main", 100, 37),
    "garden-360p": (14, 640, 360, "high", 50, 38),
}


def still(name, width, height):
    """What does not move: the scene's background and the dark plates of name and clock."""
    canvas = Canvas(width, height)
    SCENES[name][0](canvas)
    return canvas


def picture(background, name, camera, frame):
    """One picture's planes."""
    canvas = background.copy()
    SCENES[name][1](canvas, frame / FRAMES)
    right = canvas.scene_width
    canvas.rect(24, SCENE_HEIGHT - 76, 44 + 28 * len(name), 52, 0x11181D)
    canvas.rect(right - 240, SCENE_HEIGHT - 76, 216, 52, 0x11181D)
    turn = 2 * pi * frame / FPS
    x, y = right - 212, SCENE_HEIGHT - 50
    canvas.circle(x, y, 19, 0xF4F1EA)
    canvas.line(x, y, x + 16 * sin(turn), y - 16 * cos(turn), 5, 0xC8473B)
    row = barcode.strip_row(camera, frame, canvas.width)
    canvas.luma_rows(barcode.strip_height(canvas.height), row)
    return canvas.data()


def encoder(name, width, height, profile, gop, crf):
    """The ffmpeg command that reads raw pictures and writes the clip."""
    scale = height / SCENE_HEIGHT
    style = f"fontfile={FONT}:fontcolor=0xF4F1EA:fontsize={round(34 * scale)}"
    base = round((SCENE_HEIGHT - 38) * scale)
    text = (
        f"drawtext={style}:text={name.upper()}:x={round(42 * scale)}:y={base}-ascent,"
        f"drawtext={style}:text='%{{pts\\:gmtime\\:0\\:%M\\\\\\:%S}}'"
        f":x=w-{round(178 * scale)}:y={base}-ascent"
    )
    x264 = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:open-gop=0:repeat-headers=1"
        ":slices=1:sliced-threads=0:threads=1:aq-mode=1"
    )
    return [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(FPS),
        "-i", "-", "-vf", text, "-c:v", "libx264", "-preset", "veryslow", "-tune", "animation",
        "-profile:v", profile, "-crf", str(crf), "-x264-params", x264,
        "-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709",
        "-color_trc", "bt709", "-bsf:v", "filter_units=remove_types=6",
        "-f", "h264", str(HERE / f"{name}.h264"),
    ]


def make(name):
    """Draws and encodes one clip; returns its bytes."""
    camera, width, height, profile, gop, crf = CLIPS[name]
    scene = name.removesuffix("-360p")
    background = still(scene, width, height)
    command = encoder(scene, width, height, profile, gop, crf)
    command[-1] = str(HERE / f"{name}.h264")
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        for frame in range(FRAMES):
            process.stdin.write(picture(background, scene, camera, frame))
        process.stdin.close()
    if process.returncode:
        sys.exit(f"{name}: ffmpeg failed")
    return (HERE / f"{name}.h264").stat().st_size


def main():
    names = sys.argv[1:] or list(CLIPS)
    for name in names:
        size = make(name)
        print(f"{name}.h264: {size} bytes")
    sizes = [path.stat().st_size for path in HERE.glob("*.h264")]
    print(f"all: {sum(sizes)} bytes")
    if max(sizes) > MAX_CLIP_BYTES or sum(sizes) > MAX_ALL_BYTES:
        sys.exit(f"over {MAX_CLIP_BYTES} bytes for a clip or {MAX_ALL_BYTES} for all")


if __name__ == "__main__":
    main()
