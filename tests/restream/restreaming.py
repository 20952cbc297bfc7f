"""Every stream can be read and pushed over RTSP: checked with ffmpeg, GStreamer and by hand.

The cameras are those of ../cameras: a bar code in every picture tells camera and number.
"""

import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "cameras")]

import barcode  # noqa: E402
import clip  # noqa: E402
from harness import Server, eventually, passed, run, start, start_cameras  # noqa: E402
from rtsp_client import Client, nal_types  # noqa: E402

USER = ("reader", "hunter2 secret")
WIDTH, HEIGHT = 640, 360
# A group of pictures of 10 s: who waits for the next IDR waits for 5 s on average.
CAMERAS = [
    {"path": "/cam1", "camera": 1, "gop": 300, "profile": "baseline"},
    {"path": "/cam2", "camera": 2, "gop": 300, "profile": "high", "phase": 150},
]
PUSHED = clip.ClipSpec(camera=3, gop=30)


def ffmpeg(*arguments, **options):
    """A finished ffmpeg; its standard error has warnings and worse."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-v", "warning", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **options)


def codes(gray):
    """The bar codes of gray pictures one after the other."""
    size = WIDTH * HEIGHT
    pictures = (gray[at : at + size] for at in range(0, len(gray), size))
    return [barcode.read(picture, WIDTH, WIDTH, HEIGHT) for picture in pictures]


def check_pictures(seen, camera, modulus, at_least, jumps=0):
    """That many pictures of that camera, none damaged, none missing, none twice; but so often may
    those that lead up to a live IDR be left out for it."""
    assert len(seen) >= at_least, f"{len(seen)} pictures"
    assert None not in seen, f"{seen.count(None)} of {len(seen)} pictures are damaged"
    assert {c for c, _ in seen} == {camera}, {c for c, _ in seen}
    steps = [(b - a) % modulus for (_, a), (_, b) in itertools.pairwise(seen)]
    others = [step for step in steps if step != 1]
    assert len(others) <= jumps, f"pictures are missing or repeated: {others}"


def read_by_ffmpeg(server, stream, transport, count):
    """Bar codes of the first pictures that ffmpeg decodes, which must have nothing to complain
    of."""
    done = ffmpeg(
        "-rtsp_transport", transport, "-i", server.url(f"{stream}?video", USER),
        "-frames:v", count, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-",
    )  # fmt: skip
    complaints = [line for line in done.stderr.decode().splitlines() if is_complaint(line)]
    assert done.returncode == 0 and not complaints, done.stderr.decode()
    return codes(done.stdout)


def is_complaint(line):
    """Whether a line is about what was received. Others are about how ffmpeg writes raw video."""
    words = ("RTP", "missed", "corrupt", "error", "Error", "conceal", "non-existing", "Invalid")
    return any(word in line for word in words)


def read_by_gstreamer(server, stream, transport, count):
    """The same by GStreamer, in a process of its own."""
    done = subprocess.run(
        ["/usr/bin/python3", HERE / "gst_reader.py", server.url(stream), *USER, transport,
         str(count)],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return [code and tuple(code) for code in json.loads(done.stdout)]


def push(server, transport, user=USER, stream="mast", speed=1):
    """An ffmpeg that pushes the clip of camera 3 for as long as it lives."""
    ffmpeg = start(
        "ffmpeg", "-hide_banner", "-v", "error", "-readrate", speed, "-f", "h264",
        "-r", PUSHED.fps, "-i", "-", "-c", "copy", "-f", "rtsp", "-rtsp_transport", transport,
        server.url(stream, user), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=False,
    )  # fmt: skip
    threading.Thread(target=feed, args=(ffmpeg.stdin,), daemon=True).start()
    return ffmpeg


def feed(pipe):
    """The clip again and again: ffmpeg's own -stream_loop ends with a raw file."""
    film = PUSHED.path.read_bytes()
    try:
        while True:
            pipe.write(film)
    except OSError:
        pass


def check_first_picture(server, camera):
    """By hand: the first packets are an IDR with its parameter sets, and come at once."""
    path = camera["path"][1:]
    client = Client(server.url(path), USER)
    began = time.monotonic()
    sdp = client.play()
    assert "sprop-parameter-sets=" in sdp and "profile-level-id=" in sdp, sdp
    types, first_at, live_at, numbers = [], None, None, []
    for at, sequence, timestamp, _, payload in client.packets(2):
        first_at = first_at or at
        live_at = at if not numbers or at - numbers[-1][2] > 0.02 else live_at
        numbers.append((sequence, timestamp, at))
        types += nal_types(payload) if len(types) < 30 else []
    client.close()
    assert types[:2] == [7, 8] and 5 in types[:8], types
    assert first_at - began < 1, f"first picture after {first_at - began:.2f} s"
    steps = {(b[0] - a[0]) % 65536 for a, b in itertools.pairwise(numbers)}
    assert steps == {1}, f"sequence numbers {steps}"
    assert all(0 <= (b[1] - a[1]) % 2**32 < 2**31 for a, b in itertools.pairwise(numbers))
    return first_at - began


def main():
    OUT.mkdir(exist_ok=True)
    clip.make(PUSHED)
    _, port, moduli = start_cameras(CAMERAS)
    streams = {c["path"][1:]: f"rtsp://127.0.0.1:{port}{c['path']}" for c in CAMERAS}
    config = {
        "streams": {**streams, "gone": "rtsp://127.0.0.1:1/x", "mast": None},
        "rtsp": {"username": USER[0], "password": "${RTSP_PASSWORD}"},
    }
    server = Server(OUT, config, {"RTSP_PASSWORD": USER[1]})

    # The camera is connected because somebody asks, in the middle of its group of pictures: its
    # own description has the parameter sets, so ours is there before its first picture.
    client = Client(server.url("cam1"), USER)
    asked_at = time.monotonic()
    assert client.play()
    took = time.monotonic() - asked_at
    assert took < 2, f"{took:.1f} s"
    passed(f"a camera at rest is connected and described on demand, in {took * 1000:.0f} ms")
    types = []
    for *_, payload in client.packets(15):
        types += nal_types(payload)
        if 5 in types:
            break
    assert types[:2] == [7, 8] and 5 in types, types
    passed("and its first packets are its next IDR")

    keeper = Client(server.url("cam2"), USER, algorithm="SHA-256")
    keeper.play()
    next(keeper.packets(15))
    threads = [threading.Thread(target=keep, args=(each,), daemon=True) for each in (client, keeper)]
    for each in threads:
        each.start()
    time.sleep(3)
    for camera in CAMERAS:
        took = check_first_picture(server, camera)
        passed(f"{camera['path']}: IDR first, {took * 1000:.0f} ms after DESCRIBE, GOP of 10 s")

    for transport in ("tcp", "udp"):
        for camera in CAMERAS:
            path = camera["path"]
            seen = read_by_ffmpeg(server, path[1:], transport, 400)
            check_pictures(seen, camera["camera"], moduli[path], 400, transport == "udp")
            passed(f"{path}: 400 pictures by ffmpeg over {transport}, none damaged or missing")
    for transport in ("tcp", "udp"):
        for camera in CAMERAS:
            path = camera["path"]
            seen = read_by_gstreamer(server, path[1:], transport, 200)
            check_pictures(seen, camera["camera"], moduli[path], 200, transport == "udp")
            passed(f"{path}: 200 pictures by GStreamer over {transport}")

    for status, stream in [(404, "nothing"), (503, "gone"), (503, "mast")]:
        asked_at = time.monotonic()
        found = Client(server.url(stream), USER).ask("DESCRIBE")
        assert found == status, f"{stream}: {found}"
        assert time.monotonic() - asked_at < 2
    passed("streams that do not exist or have no camera are 404 and 503, at once")

    done = ffmpeg("-i", server.url("cam1", (USER[0], "hunter4")), "-t", 1, "-f", "null", "-")
    assert done.returncode != 0 and b"401" in done.stderr, done.stderr
    refused = push(server, "tcp", (USER[0], "hunter4"))
    assert refused.wait(10) != 0 and b"401" in refused.stderr.read()
    assert Client(server.url("cam1")).ask("DESCRIBE") == 401
    passed("a wrong password is refused, to read and to push")
    check_limit()

    check_pushing(server)

    assert all(each.is_alive() for each in threads)
    passed("the first two readers, who keep their sessions alive, are still read to")

    guesser = (USER[0], "guess")
    for _ in range(4):
        assert Client(server.url("cam1"), guesser).ask("DESCRIBE") == 401
    try:
        found = Client(server.url("cam1"), USER).ask("DESCRIBE")
        raise AssertionError(f"not locked out: {found}")
    except (EOFError, OSError):
        pass
    eventually("a second of patience", 5, lambda: is_let_in(server))
    passed("who guesses has to wait")

    server.child.send_signal(signal.SIGTERM)
    assert server.child.wait(5) == 0
    shown = server.log.text()
    for secret in (USER[1], "hunter2", "hunter4"):
        assert secret not in shown, f"{secret} shows"
    passed("no password shows in the log")


def check_limit():
    """A server that lets two in."""
    config = {"streams": {"mast": None}, "rtsp": {}, "limits": {"readers_max": 2}}
    server = Server(OUT, config)
    clients = [Client(server.url("mast")) for _ in range(2)]
    assert [client.ask("DESCRIBE") for client in clients] == [503, 503]

    def is_let_in():
        try:
            return Client(server.url("mast")).ask("DESCRIBE") == 503
        except (EOFError, OSError):
            return False

    assert not is_let_in()
    clients[0].close()
    eventually("the place of one who left", 5, is_let_in)
    server.child.kill()
    passed("no more clients are let in than may be")


def keep(client):
    """Reads on and on, until the server closes."""
    try:
        while list(client.packets(20)) and client.ask("GET_PARAMETER") == 200:
            pass
    except EOFError:
        pass


def is_let_in(server):
    """Whether the right password is."""
    try:
        return Client(server.url("cam1"), USER).ask("DESCRIBE") == 200
    except EOFError:
        return False


def check_pushing(server):
    """Streams that are pushed by ffmpeg and GStreamer."""
    publisher = None
    for transport in ("tcp", "udp"):
        publisher = push(server, transport)
        eventually("it is live", 15, lambda: server.stream("mast")["state"] == "live")
        seen = read_by_ffmpeg(server, "mast", "tcp", 150)
        # Where the clip begins anew, the numbers do.
        check_pictures(seen, PUSHED.camera, PUSHED.frames, 150)
        passed(f"pushed by ffmpeg over {transport}: 150 pictures read back, none missing")
        if transport == "tcp":
            publisher.kill()
            eventually("it is gone", 5, lambda: server.stream("mast")["state"] == "offline")
            passed("without its publisher it is offline at once")
    second = push(server, "tcp")
    assert second.wait(10) != 0
    assert b"409 Another Publisher" in (complaint := second.stderr.read()), complaint
    passed("a second publisher is refused while the first one sends")
    publisher.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    before = server.log.count("pushes mast")
    third = push(server, "tcp")
    eventually("the third is taken", 10, lambda: server.log.count("pushes mast") > before)
    eventually("it is live", 10, lambda: server.stream("mast")["state"] == "live")
    seen = read_by_ffmpeg(server, "mast", "tcp", 30)
    check_pictures(seen, PUSHED.camera, PUSHED.frames, 30)
    assert third.poll() is None
    publisher.kill()
    passed("and takes the place of one that hangs")
    third.kill()
    third.wait()
    eventually("it is gone", 5, lambda: server.stream("mast")["state"] == "offline")
    gstreamer = start(
        "/usr/bin/python3", HERE / "gst_pusher.py",
        PUSHED.path, PUSHED.fps, server.url("mast"), *USER,
    )  # fmt: skip
    eventually("it is live", 15, lambda: server.stream("mast")["state"] == "live")
    seen = read_by_ffmpeg(server, "mast", "tcp", 60)
    check_pictures(seen, PUSHED.camera, PUSHED.frames, 60)
    passed("pushed by GStreamer: 60 pictures read back")
    gstreamer.kill()
    check_hung_reader(server)
    assert push(server, "tcp", stream="cam1").wait(10) != 0
    passed("a stream that has a camera can't be pushed")


def check_hung_reader(server):
    """A reader that takes nothing, of a stream that fills every buffer in seconds."""
    eventually("the place is free", 5, lambda: server.stream("mast")["state"] == "offline")
    publisher = push(server, "tcp", speed=25)
    eventually("it is live", 15, lambda: server.stream("mast")["state"] == "live")
    hung = Client(server.url("mast"), USER)
    hung.play()
    other = Client(server.url("cam1"), USER)
    other.play()
    list(other.packets(1))
    arrivals = [at for at, *_ in other.packets(12)]
    gap = max(b - a for a, b in itertools.pairwise(arrivals))
    assert gap < 0.5, f"another reader waited {gap:.2f} s"

    def is_given_up():
        list(other.packets(0.2))
        return not server.stream("mast")["consumers"]

    eventually("the hung one is given up", 40, is_given_up)
    status = Path(f"/proc/{server.child.pid}/status").read_text()
    resident_kb = int(status.split("VmHWM:")[1].split()[0])
    assert resident_kb < 100_000, resident_kb
    publisher.kill()
    passed(f"a hung reader is given up, others wait {gap * 1000:.0f} ms, {resident_kb} kB at most")


if __name__ == "__main__":
    run(main)
