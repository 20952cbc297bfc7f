#!/usr/bin/python3
"""Whether pictures and sound of a file are in step: how far each beep is from its picture.

    tests/record/in_step.py FILE PERIOD [SECONDS]

The pictures carry the bar code of tests/cameras/barcode.py, and a beep begins with each picture
whose number is a multiple of PERIOD. Prints the offsets as JSON, in ms, positive where the sound is
late; those of the first SECONDS are left out.
"""

import array
import json
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cameras"))

import barcode  # noqa: E402

RATE = 48_000
# Of the loudest sample: above it is the beep, below it the silence between two.
THRESHOLD = 0.25
SILENCE_S = 0.1
NEAR_S = 0.4


def run(*command):
    """The output of a program."""
    done = subprocess.run([str(word) for word in command], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def pictures(file):
    """Time and number of each picture whose bar code can be read."""
    said = run(
        "ffprobe", "-v", "error", "-select_streams", "v", "-of", "json", "-show_entries",
        "stream=width,height:packet=pts_time", file,
    )  # fmt: skip
    said = json.loads(said)
    width, height = said["streams"][0]["width"], said["streams"][0]["height"]
    times = [float(packet["pts_time"]) for packet in said["packets"]]
    luma = run(
        "ffmpeg", "-v", "error", "-i", file, "-map", "0:v", "-fps_mode", "passthrough",
        "-pix_fmt", "gray", "-f", "rawvideo", "-",
    )  # fmt: skip
    size = width * height
    assert len(luma) == len(times) * size, (len(luma) / size, len(times))
    read = [barcode.read(luma[i * size : (i + 1) * size], width, width, height)
            for i in range(len(times))]
    return [(time, code[1]) for time, code in zip(times, read) if code]


def beeps(file):
    """When each beep begins."""
    raw = run(
        "ffmpeg", "-v", "error", "-copyts", "-i", file, "-map", "0:a", "-af",
        "aresample=async=1:first_pts=0", "-ac", "1", "-ar", RATE, "-f", "s16le", "-",
    )  # fmt: skip
    samples = array.array("h", raw)
    threshold = THRESHOLD * max(samples, default=0)
    found, loud_at = [], -RATE
    for at, sample in enumerate(samples):
        if sample > threshold:
            if at - loud_at > SILENCE_S * RATE:
                found.append(at / RATE)
            loud_at = at
    return found


def offsets(file, period, after_s=0.0):
    """From each picture that beeps to its beep, in ms."""
    heard = beeps(file)
    found = []
    for time, number in pictures(file):
        near = [beep - time for beep in heard if abs(beep - time) < NEAR_S]
        if number % period == 0 and time >= after_s and len(near) == 1:
            found.append(round(1000 * near[0], 1))
    return found


if __name__ == "__main__":
    path, every, *since = sys.argv[1:]
    print(json.dumps(offsets(path, int(every), *map(float, since))))
