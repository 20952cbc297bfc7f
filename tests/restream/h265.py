"""H.265 goes through as it came: pushed by ffmpeg (x265), pulled by a second server, read by ffmpeg
and ffprobe, every picture bit for bit."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import Server, eventually, passed, run, start  # noqa: E402
from rtsp_client import Client  # noqa: E402

WIDTH, HEIGHT, FPS = 640, 360, 15
PICTURES = 60
X265 = "keyint=30:min-keyint=30:scenecut=0:repeat-headers=1:info=0:log-level=error"


def film(name, x265):
    """A byte stream of x265, made once."""
    path = OUT / name
    if not path.exists():
        OUT.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
             f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}", "-frames:v", str(PICTURES),
             "-pix_fmt", "yuv420p", "-c:v", "libx265", "-preset", "veryfast",
             "-x265-params", f"{X265}:{x265}", "-f", "hevc", str(part)],
            check=True, timeout=120,
        )  # fmt: skip
        part.rename(path)
    return path


def push(path, url):
    """An ffmpeg that pushes a byte stream again and again for as long as it lives."""
    child = start(
        "ffmpeg", "-hide_banner", "-v", "error", "-readrate", 1, "-f", "hevc", "-r", FPS,
        "-i", "-", "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", url,
        stdin=subprocess.PIPE, text=False,
    )  # fmt: skip

    def feed():
        try:
            while True:
                child.stdin.write(path.read_bytes())
        except OSError:
            pass

    threading.Thread(target=feed, daemon=True).start()
    return child


def hashes(*source):
    """Of each picture that ffmpeg decodes, which must have nothing to complain of."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-v", "warning", *map(str, source),
         "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"],
        capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    words = ("RTP", "missed", "corrupt", "rror", "conceal", "Could not find ref", "Invalid")
    bad = [line for line in done.stderr.decode().splitlines() if any(w in line for w in words)]
    assert done.returncode == 0 and not bad, done.stderr.decode()
    size = WIDTH * HEIGHT * 3 // 2
    pictures = (done.stdout[at : at + size] for at in range(0, len(done.stdout), size))
    return [hashlib.sha256(picture).hexdigest() for picture in pictures]


def check_pictures(seen, whole, at_least):
    """Each is one of the film, and the next one follows; but so seldom may some be left out where
    a live random access point takes the place of what leads up to it."""
    assert len(seen) >= at_least, f"{len(seen)} pictures"
    strange = [n for n, each in enumerate(seen) if each not in whole]
    assert not strange, f"pictures that x265 did not make: {strange}"
    numbers = [whole.index(each) for each in seen]
    steps = [(b - a) % PICTURES for a, b in zip(numbers, numbers[1:])]
    others = [step for step in steps if step != 1]
    assert len(others) <= 1, f"pictures are missing or repeated: {others}"


def main():
    plain = film("plain.h265", "bframes=0")
    whole = hashes("-f", "hevc", "-i", plain)
    assert len(set(whole)) == PICTURES
    streams = {"mast": None, "mast-240p": "ffmpeg:mast#video=h264#height=240"}
    first = Server(OUT, {"streams": streams, "rtsp": {}})
    second_config = {"streams": {"camera": first.url("mast")}, "rtsp": {}}
    (OUT / "second").mkdir(exist_ok=True)
    second = Server(OUT / "second", second_config)
    publisher = push(plain, first.url("mast"))
    eventually("it is live", 20, lambda: first.stream("mast")["state"] == "live")

    keeper = Client(second.url("camera"), None)
    sdp = keeper.play()
    for part in ("H265/90000", "profile-id=1", "sprop-vps=", "sprop-sps=", "sprop-pps="):
        assert part in sdp, sdp
    eventually("pulled", 10, lambda: second.stream("camera")["state"] == "live")
    shown = second.stream("camera")
    assert (shown["codec"], shown["width"], shown["height"]) == ("H265", WIDTH, HEIGHT), shown
    passed("H.265 is pushed, pulled, and described with its parameter sets")

    for transport in ("tcp", "udp"):
        for server, name in ((first, "mast"), (second, "camera")):
            seen = hashes(
                "-rtsp_transport", transport, "-i", server.url(name), "-frames:v", 80
            )
            check_pictures(seen, whole, 80)
            passed(f"{name}: 80 pictures over {transport}, each as x265 made it")

    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+6",
         "-show_entries", "stream=codec_name,profile:packet=flags", "-of", "json",
         second.url("camera")],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    found = json.loads(probe.stdout)
    assert found["streams"][0]["codec_name"] == "hevc" and not probe.stderr, probe
    keys = [n for n, packet in enumerate(found["packets"]) if "K" in packet["flags"]]
    assert keys and all((b - a) % 30 == 0 for a, b in zip(keys, keys[1:])), keys
    passed(f"ffprobe: {len(found['packets'])} access units, a key each 30")

    # Encoded for those who have no H.265, from our own stream.
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries",
         "stream=codec_name,height", "-of", "csv=p=0", first.url("mast-240p")],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "h264,240", done
    passed("ffmpeg: makes H.264 of it on demand")
    publisher.kill()
    publisher.wait()

    eventually("it is gone", 5, lambda: first.stream("mast")["state"] == "offline")
    publisher = push(film("pyramid.h265", "bframes=4:b-pyramid=1"), first.url("mast"))
    why = "the camera sends H265 with B-frames; switch them off"
    eventually("it is refused", 20, lambda: first.stream("mast").get("error") == why)
    passed(f"with B pictures that others refer to: {why}")
    publisher.kill()

    for server in (first, second):
        server.child.send_signal(signal.SIGTERM)
        assert server.child.wait(5) == 0


if __name__ == "__main__":
    run(main)
