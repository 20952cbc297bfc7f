#!/usr/bin/env python3
"""Remakes the demo clips beside this file. Needs Python 3 and ffmpeg with x264 and freetype.

    make.py [NAME ...]      all clips, or the named ones

Each clip is 250 pictures at 25 a second, an H.264 byte stream (Annex B) with one slice a
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
from scenes import FRAMES, SCENES  # noqa: E402

FPS = 25
# Positions of the clock's hand: each is drawn anew.
HAND_STEPS = 4
MAX_CLIP_BYTES = 78_000
MAX_ALL_BYTES = 378_000
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"

# name: camera number, width, height, profile, frames in a GOP, quantiser
CLIPS = {
    "harbour": (1, 1280, 720, "high", 50, 35),
    "street": (2, 640, 360, "baseline", 25, 37),
    "workshop": (3, 1280, 720, "main", 100, 37),
    "garden": (4, 1920, 1080, "high", 50, 39),
    "dock": (5, 640, 480, "high", 250, 29),
    "sky": (6, 1280, 720, "main", 250, 29),
    "harbour-360p": (11, 640, 360, "high", 50, 36),
    "workshop-360p": (13, 640, 360, "main", 100, 36),
    "garden-360p": (14, 640, 360, "high", 50, 36),
}


def still(name, width, height):
    """What does not move: the scene's background."""
    canvas = Canvas(width, height)
    SCENES[name][0](canvas)
    return canvas


def picture(background, name, camera, frame):
    """One picture's planes."""
    canvas = background.copy()
    SCENES[name][1](canvas, frame)
    right = canvas.scene_width
    canvas.rect(32, SCENE_HEIGHT - 80, 32 * (len(name) + 1), 64, 0x161616)
    canvas.rect(right - 224, SCENE_HEIGHT - 80, 192, 64, 0x161616)
    turn = 2 * pi * (frame % FPS * HAND_STEPS // FPS) / HAND_STEPS
    x, y = right - 192, SCENE_HEIGHT - 48
    canvas.circle(x, y, 20, 0xF4F1EA)
    canvas.line(x, y, x + 16 * sin(turn), y - 16 * cos(turn), 5, 0xC8473B)
    row = barcode.strip_row(camera, frame, canvas.width)
    canvas.luma_rows(barcode.strip_height(canvas.height), row)
    return canvas.data()


def encoder(name, width, height, profile, gop, qp):
    """The ffmpeg command that reads raw pictures and writes the clip."""
    scale = height / SCENE_HEIGHT
    style = f"fontfile={FONT}:fontcolor=0xF4F1EA:fontsize={round(31 * scale)}"
    base = round((SCENE_HEIGHT - 36) * scale)
    text = (
        f"drawtext={style}:text={name.upper()}:x={round(50 * scale)}:y={base}-ascent,"
        f"drawtext={style}:text='%{{pts\\:gmtime\\:0\\:%M\\\\\\:%S}}'"
        f":x=w-{round(160 * scale)}:y={base}-ascent"
    )
    # Whole pixels only (subme): what was drawn before is copied as it is. Finer searches find
    # worse: they smear the bar code and mend it again, for twice the bytes. The IDRs are a little
    # coarser than what follows (ipratio), for that is mostly copied and its quantiser costs little.
    x264 = (
        f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:open-gop=0:repeat-headers=1"
        ":slices=1:sliced-threads=0:threads=1:aq-mode=0:mbtree=0:weightp=0:psy=0"
        ":subme=1:me=esa:merange=64:trellis=0:deadzone-inter=24"
        ":deblock=-6,-6:chroma-qp-offset=1:ipratio=0.85"
    )
    return [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(FPS),
        "-i", "-", "-vf", text, "-c:v", "libx264", "-preset", "veryslow", "-tune", "animation",
        "-profile:v", profile, "-qp", str(qp), "-x264-params", x264,
        "-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709",
        "-color_trc", "bt709", "-bsf:v", "filter_units=remove_types=6",
        "-f", "h264", str(HERE / f"{name}.h264"),
    ]


def make(name):
    """Draws and encodes one clip; returns its bytes."""
    camera, width, height, profile, gop, qp = CLIPS[name]
    scene = name.removesuffix("-360p")
    background = still(scene, width, height)
    command = encoder(scene, width, height, profile, gop, qp)
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
