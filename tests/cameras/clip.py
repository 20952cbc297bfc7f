"""Pre-encoded H.264 clips for the test cameras, made by ffmpeg once and kept.

A clip holds a whole number of GOPs and is played round and round. Its frame at place i carries
the number (i + phase) mod frames in its bar code, so that cameras can have their IDRs at
different instants although every camera's frame number follows the wall clock.
"""

import subprocess
import threading
from dataclasses import dataclass, fields
from pathlib import Path

import barcode

CACHE = Path(__file__).resolve().parent.parent / "e2e" / "out" / "clips"
SECONDS = 20
PROFILES = ("baseline", "main", "high")


@dataclass(frozen=True)
class ClipSpec:
    """What a clip looks like. `gop` is in frames, `phase` is the number of its first frame."""

    camera: int
    width: int = 640
    height: int = 360
    fps: int = 30
    gop: int = 60
    profile: str = "high"
    kbps: int = 1000
    phase: int = 0

    @classmethod
    def of(cls, values):
        """From a dictionary that may hold other keys as well."""
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})

    @property
    def frames(self):
        """Frames in the clip: the modulus of its frame numbers."""
        return -(-SECONDS * self.fps // self.gop) * self.gop

    @property
    def path(self):
        """Where the clip is kept."""
        name = (
            f"c{self.camera}-{self.width}x{self.height}-{self.fps}fps-gop{self.gop}"
            f"-{self.profile}-{self.kbps}k-p{self.phase}.h264"
        )
        return CACHE / name


def command(spec, output):
    """ffmpeg: a moving test picture, tinted by camera, with the strip from stdin over it."""
    strip = barcode.strip_height(spec.height)
    graph = (
        f"testsrc2=size={spec.width}x{spec.height}:rate={spec.fps},hue=h={spec.camera * 47},"
        "format=yuv420p[body];"
        f"[0:v]format=yuv420p,scale={spec.width}:{strip}:flags=neighbor:in_range=tv:out_range=tv"
        "[strip];[body][strip]overlay=shortest=1:format=yuv420"
    )
    x264 = (
        f"keyint={spec.gop}:min-keyint={spec.gop}:scenecut=0:bframes=0:open-gop=0"
        ":repeat-headers=1:slices=1:sliced-threads=0"
    )
    return [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-color_range", "tv",
        "-s", f"{barcode.CELLS}x2", "-r", str(spec.fps), "-i", "-",
        "-filter_complex", graph, "-c:v", "libx264", "-preset", "veryfast",
        "-profile:v", spec.profile, "-b:v", f"{spec.kbps}k", "-maxrate", f"{spec.kbps * 3 // 2}k",
        "-bufsize", f"{spec.kbps}k", "-x264-params", x264, "-bsf:v", "filter_units=remove_types=6",
        "-f", "h264", str(output),
    ]


def make(spec):
    """Makes the clip unless it is there; returns its path."""
    if spec.profile not in PROFILES or spec.width % barcode.CELLS:
        raise ValueError(f"not a clip this can make: {spec}")
    if spec.path.exists():
        return spec.path
    CACHE.mkdir(parents=True, exist_ok=True)
    part = spec.path.with_suffix(f".part{threading.get_ident()}")
    with subprocess.Popen(command(spec, part), stdin=subprocess.PIPE) as ffmpeg:
        grey = b"\x80" * barcode.CELLS
        for i in range(spec.frames):
            row = barcode.cells(spec.camera, (i + spec.phase) % spec.frames)
            ffmpeg.stdin.write(row * 2 + grey)
        ffmpeg.stdin.close()
    if ffmpeg.returncode:
        raise RuntimeError(f"ffmpeg could not make {spec.path.name}")
    part.rename(spec.path)
    return spec.path


def nal_units(stream):
    """The NAL units of a byte stream (H.264 Annex B), without start codes."""
    return [nal for part in stream.split(b"\x00\x00\x01")[1:] if (nal := part.rstrip(b"\x00"))]


def access_units(stream):
    """The pictures of a byte stream that has one slice a picture, as lists of NAL units."""
    units, unit = [], []
    for nal in nal_units(stream):
        unit.append(nal)
        if nal[0] & 31 in (1, 5):
            units.append(unit)
            unit = []
    return units
