"""The command line publishes a stream in a room and records it there, in a room and without one, on
both kinds of signalling server; both ends are this program."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "out" / "commands"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import BINARY, Log, Server, eventually, passed, run, start  # noqa: E402

FPS = 15
PICTURES = 45


def push(url):
    """An ffmpeg that sends pictures and a tone until the test ends."""
    return start(
        "ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i",
        f"testsrc2=size=320x180:rate={FPS}", "-re", "-f", "lavfi", "-i", "sine=frequency=600",
        "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", FPS, "-bf", 0,
        "-c:a", "libopus", "-ar", 48000, "-ac", 2, "-f", "rtsp", "-rtsp_transport", "tcp", url,
    )  # fmt: skip


def command(*words):
    """The program with this command line."""
    child = start(BINARY, *words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    Log(child.stderr)
    return child


def probed(file):
    """Codecs of its tracks, and how many pictures decode; ffmpeg must have nothing to say."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries",
         "stream=codec_name,nb_read_frames", "-of", "json", file],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    streams = json.loads(done.stdout)["streams"]
    return {stream["codec_name"]: int(stream["nb_read_frames"]) for stream in streams}


def check(cameras, flavour, room):
    """One stream there and back."""
    folder = OUT / f"{flavour}-{room}"
    folder.mkdir(parents=True)
    signalling = start(
        "/usr/bin/python3", HERE / "signalling.py", flavour,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    server = signalling.stdout.readline().strip()
    threading.Thread(target=signalling.stdout.read, daemon=True).start()
    where = ["--server", server, *(["--room", room] if room else [])]
    config = folder / "cameras.yaml"
    config.write_text(json.dumps({"streams": {"camera1": cameras.url("mast")}}))
    publisher = command("publish", "--stream", "door", "--source", "camera1", "-c", config, *where)
    recorder = command("record", "--view", "door", "--record", f"{folder}/", *where)
    eventually("a file", 40, lambda: list(folder.glob("*.m*")))
    time.sleep(PICTURES / FPS + 1)
    for child in (recorder, publisher):
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
    (file,) = folder.glob("*.m*")
    found = probed(file)
    assert set(found) == {"h264", "opus"} and found["h264"] >= PICTURES, found
    signalling.kill()
    passed(f"{flavour}, {room or 'no room'}: {found['h264']} pictures and sound in {file.name}")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    cameras = Server(OUT, {"streams": {"mast": None}, "rtsp": {}})
    push(cameras.url("mast"))
    eventually("the camera is live", 20, lambda: cameras.stream("mast")["state"] == "live")
    for flavour in ("assigned", "custom"):
        for room in ("studio", None):
            check(cameras, flavour, room)


if __name__ == "__main__":
    run(main)
