"""Recordings as players find them.

A camera is a film that ffmpeg pushes over RTSP, 320x180, 15 frames/s, a key picture each second;
where sound matters it is one of tests/cameras. `KILLS` is how often the process is killed (20).
Arguments are names of checks: made, rotation, cuts, parts, sizes, command, h265, step, kills, hls,
full.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import BINARY, eventually, free_port, passed, run, start, start_cameras  # noqa: E402
from harness import Server as Crosspoint  # noqa: E402
from in_step import offsets  # noqa: E402

OUT = HERE / "out"
FPS = 15
KILLS = int(os.environ.get("KILLS", "20"))
# What waits for seconds can do so together.
TOGETHER = 4
# Cameras with sound: a beep begins with each picture whose number is a multiple of the first.
BEEP = [25, 5]
TMPFS = Path("/mnt")
# What ffmpeg says of files that are as they should be. A push may begin with a burst, of which the
# pictures are then a tick apart. Of a playlist that may grow it reads the head of the MP4 with
# every version, those that it has made itself too.
HARMLESS = re.compile(
    r"Guessed Channel Layout|Estimating duration from bitrate"
    r"|DTS discontinuity in stream 0: packet \d with"
    r"|Found duplicated MOOV Atom\. Skipped it|Last message repeated"
)


class Server(Crosspoint):
    """The crosspoint binary, recording what is pushed as `cam` into a folder."""

    def __init__(self, folder, again=False, **record):
        folder.mkdir(parents=True, exist_ok=True)
        for file in [] if again else folder.glob("*.m*"):
            file.unlink()
        if not again:
            (folder / "index.jsonl").unlink(missing_ok=True)
        self.folder = folder
        path = {"path": f"{folder}/{{stream}}-{{date}}-{{time}}.mp4", "min_free": "0"}
        config = {"streams": {"cam": None}, "rtsp": {}, "record": {"cam": {**path, **record}}}
        super().__init__(folder, config)

    def files(self):
        """All that it has recorded, in order."""
        files = [file for file in self.folder.glob("cam-*.m*") if file.suffix != ".m3u8"]
        return sorted(files, key=lambda file: file.stat().st_mtime_ns)

    def state(self):
        """What the API says of the recording."""
        return self.stream("cam")["recordings"][0]

    def index(self, event):
        """The index's lines about one kind of event."""
        text = (self.folder / "index.jsonl").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if line["event"] == event]

    def push(self, film):
        """Its camera."""
        return push(film, self.url("cam"))

    def end(self):
        """Ends it as its user would."""
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(10) == 0


def push(film, url):
    """A camera that goes on until it is ended."""
    return start(
        "ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", film,
        "-c", "copy", "-rtsp_transport", "tcp", "-f", "rtsp", url,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def end(camera):
    """Unplugs a camera."""
    camera.kill()
    camera.wait(10)


def film(name, size, bitrate="300k", seconds=10):
    """Some seconds of a camera."""
    file = OUT / name
    source = f"testsrc2=s={size}:r={FPS}:d={seconds}"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-pix_fmt",
         "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-bf", "0",
         "-b:v", bitrate, "-minrate", bitrate, "-maxrate", bitrate, "-bufsize", bitrate,
         "-x264-params", "nal-hrd=cbr", "-g", str(FPS), file],
        check=True,
    )  # fmt: skip
    return file


def complaints(file, *options):
    """What ffmpeg says about a file that it decodes as a whole, or as the options say."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "warning", *options, "-i", file, "-fps_mode", "passthrough",
         "-enc_time_base", "-1", "-f", "null", "-"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if not HARMLESS.search(line)]
    return said + ([f"exit status {done.returncode}"] if done.returncode else [])


def packets(file, stream="v"):
    """Time, duration and size of each picture that ffprobe finds, and whether it is whole."""
    done = subprocess.run(
        ["ffprobe", "-v", "quiet", "-select_streams", stream, "-show_entries",
         "packet=pts_time,duration_time,flags", "-of", "csv=p=0", file],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    rows = [line.split(",") for line in done.stdout.split()]
    return [(float(pts), float(length or 0), flags) for pts, length, flags in rows if pts != "N/A"]


def decoded(file):
    """How many pictures ffmpeg decodes."""
    done = subprocess.run(
        ["ffprobe", "-v", "quiet", "-count_frames", "-select_streams", "v", "-show_entries",
         "stream=nb_read_frames", "-of", "csv=p=0", file],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return int(done.stdout.strip().split()[0]) if done.stdout.strip() else 0


def seconds(iso):
    """Since 1970, of a time of the index."""
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()


def boxes(data):
    """Kind, begin and end of an MP4's boxes."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8].decode(), at, at + size
        at += size


def whole(data):
    """How many bytes the fragments have that are there as a whole."""
    return max((stop for kind, _, stop in boxes(data) if kind == "mdat" and stop <= len(data)),
               default=0)


def check_made():
    """Every file of the tests plays without a word."""
    files = sorted((OUT / "made").iterdir())
    assert len(files) > 60, len(files)
    with ThreadPoolExecutor(TOGETHER) as pool:
        for file, said in zip(files, pool.map(complaints, files)):
            assert not said, (file.name, said[:3])
    passed(f"ffmpeg plays {len(files)} files of 5 video and 5 audio codecs without a warning")


def check_rotation():
    """Players turn what is said to be turned."""
    for degrees, expected in [(90, -90), (180, -180), (270, 90)]:
        done = subprocess.run(
            ["ffprobe", "-v", "quiet", "-show_entries", "stream_side_data=rotation", "-of",
             "csv=p=0", OUT / "made" / f"turned-{degrees}.mp4"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert int(done.stdout.strip()) in (expected, -expected if degrees == 180 else expected), (
            degrees,
            done.stdout,
        )
    passed("a rotation is what ffprobe says it is")


def check_cuts():
    """A file whose last write was cut anywhere plays up to its last whole fragment."""
    randomness = random.Random(7)
    cut = OUT / "cut.mp4"
    data = (OUT / "made" / "H264-opus.mp4").read_bytes()
    ends = [stop for kind, _, stop in boxes(data) if kind == "mdat"]
    for _ in range(20):
        at = randomness.randrange(ends[0], len(data))
        begin = whole(data[:at])
        cut.write_bytes(data[:begin])
        assert not complaints(cut)
        expected = decoded(cut)
        # Until all of it is there, a fragment has the head of a box that is passed over.
        size = min(end for end in ends if end > at) - begin
        veiled = size.to_bytes(4, "big") + b"free" + data[begin + 8 : at]
        cut.write_bytes(data[:begin] + veiled[: at - begin])
        assert not complaints(cut) and decoded(cut) == expected > 0, at
    for name in ["VP8-opus.webm", "VP9-opus.webm", "H264-PCMA.mkv"]:
        data = (OUT / "made" / name).read_bytes()
        cut = OUT / f"cut-{name}"
        last = 0
        for at in sorted(randomness.randrange(len(data) // 2, len(data)) for _ in range(5)):
            cut.write_bytes(data[:at])
            count = decoded(cut)
            assert count >= max(last, 15), (name, at, count)
            last = count
    passed("files that are cut anywhere play up to there")


def check_parts(camera_film):
    """Parts, the index, the API, the metrics and the end."""
    server = Server(OUT / "parts", segment="2s")
    camera = server.push(camera_film)
    eventually("three parts", 30, lambda: len(server.files()) >= 3)
    # The disk's thread tells of a file when it is there.
    eventually("the newest is told", 5, lambda: server.state()["file"] == server.files()[-1].name)
    assert server.state()["state"] == "recording", server.state()
    metrics = server.get("/metrics")
    assert 'crosspoint_recording_up{recording="cam"} 1' in metrics
    end(camera)
    eventually("it waits", 10, lambda: server.state()["state"] == "waiting")
    parts = len(server.files())
    camera = server.push(camera_film)
    eventually("a part on return", 20, lambda: len(server.files()) > parts)
    assert server.index("opened")[parts]["reason"] == "rejoin"
    server.end()
    end(camera)
    opened, closed = server.index("opened"), server.index("closed")
    assert len(opened) == len(closed) == len(server.files()), (opened, closed)
    for before, line in zip(closed, closed[1:]):
        assert before["ended"] == line["began"] or before["reason"] == "end", (before, line)
    for line in closed:
        file = server.folder / line["file"]
        assert not complaints(file), line
        shown = packets(file)
        assert len(shown) == line["frames"] and shown[0][0] == 0 and shown[0][2][0] == "K"
        length_ms = 1000 * (shown[-1][0] + shown[-1][1])
        # Of a lone picture ffprobe tells what its headers say.
        assert len(shown) == 1 or abs(length_ms - line["duration_ms"]) < 2, (length_ms, line)
        assert file.stat().st_size == line["bytes"]
    frames = sum(line["frames"] for line in closed)
    passed(f"{len(closed)} parts of {frames} pictures, as the index says, without a gap between")


def check_sizes():
    """A camera that changes the size of its pictures, in one session."""
    both = OUT / "sizes.h264"
    parts = [film(f"{size}.h264", size, seconds=3) for size in ("320x180", "180x320")]
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    server = Server(OUT / "sizes")
    camera = server.push(both)
    # A film without a container is played once.
    eventually("two parts", 40, lambda: len(server.index("closed")) == 2)
    server.end()
    end(camera)
    opened = server.index("opened")
    assert [line["reason"] for line in opened] == ["start", "picture"], opened
    sides = [(line["video"]["width"], line["video"]["height"]) for line in opened]
    assert sides == [(320, 180), (180, 320)], sides
    for file in server.files():
        assert not complaints(file), (file, complaints(file))
    frames = sum(line["frames"] for line in server.index("closed"))
    assert frames >= 6 * FPS - 2, frames
    passed(f"pictures of another size begin another part: {frames} in two, none damaged")


def kill(number, camera_film):
    """One server, killed at some moment; how many seconds before that are not in its file."""
    server = Server(OUT / f"kill-{number}")
    camera = server.push(camera_film)
    eventually("a file", 20, server.files)
    time.sleep(random.Random(number).uniform(1.5, 4.5))
    killed_at = time.time()
    server.child.kill()
    server.child.wait(10)
    end(camera)
    (file,) = server.files()
    data = file.read_bytes()
    cut = server.folder / "killed.mp4"
    cut.write_bytes(data[: whole(data)])
    assert not complaints(cut), (file, complaints(cut))
    assert decoded(file) >= decoded(cut) > 0
    (opened,) = server.index("opened")
    shown = packets(cut)[-1]
    return killed_at - seconds(opened["began"]) - shown[0] - shown[1]


def check_kills(camera_film):
    """Killed at any moment, it leaves files that play."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        lost = list(pool.map(lambda number: kill(number, camera_film), range(KILLS)))
    # A write holds a second, a picture waits for the next one, and the machine is busy.
    assert max(lost) < 1.5, lost
    passed(f"killed {KILLS} times, all played; {min(lost):.2f} to {max(lost):.2f} s were lost")


class Playlist:
    """What stands in one at this moment, held to the rules."""

    def __init__(self, path):
        self.path, self.text = path, path.read_text()
        file = path.with_suffix(".mp4")
        there = file.stat().st_size
        lines = self.text.splitlines()
        assert self.text.endswith("\n") and lines[0] == "#EXTM3U", self.text
        self.is_complete = lines[-1] == "#EXT-X-ENDLIST"
        tags = [line.split(":", 1) for line in lines if ":" in line]
        self.lengths = [float(value.rstrip(",")) for tag, value in tags if tag == "#EXTINF"]
        ranges = [value.split("@") for tag, value in tags if tag == "#EXT-X-BYTERANGE"]
        (head,) = [value for tag, value in tags if tag == "#EXT-X-MAP"]
        self.head = int(re.search('BYTERANGE="(\\d+)@0"', head)[1])
        self.ends = [int(length) + int(offset) for length, offset in ranges]
        assert len(self.ends) == len(self.lengths) == lines.count(file.name)
        assert self.ends[-1] <= there, f"{self.ends[-1]} of {there} bytes"
        (target,) = [int(value) for tag, value in tags if tag == "#EXT-X-TARGETDURATION"]
        assert all(round(length) <= target for length in self.lengths), self.text

    @property
    def seconds(self):
        """How long all segments are."""
        return sum(self.lengths)


# As a player begins that shows all there is, and does not wait for more.
def at_once(seconds):
    """Options of ffmpeg."""
    return ["-live_start_index", "0", "-t", f"{seconds - 0.01:.3f}"]


def check_hls(camera_film):
    """Playlists: while they grow, once complete, and after a kill."""
    server = Server(OUT / "hls", hls=True, segment="0")
    camera = server.push(camera_film)

    def paths():
        return [path for path in server.folder.glob("*.m3u8") if path not in before]

    def newest():
        (path,) = paths()
        return Playlist(path)

    before, seen, read = [], [], 0
    eventually("two segments", 30, lambda: paths() and len(newest().ends) >= 2)
    until = time.time() + 8
    while time.time() < until or (len(seen) < 6 and time.time() < until + 20):
        playlist = newest()
        read += 1
        if not seen or playlist.text != seen[-1].text:
            seen.append(playlist)
    for older, newer in zip(seen, seen[1:]):
        assert newer.ends[: len(older.ends)] == older.ends and not older.is_complete
    assert len(seen) >= 6 and server.state()["playlist"] == seen[-1].path.name, server.state()
    grown = newest()
    said = complaints(grown.path, *at_once(grown.seconds))
    assert not said, said
    server.end()
    end(camera)
    whole = newest()
    (closed,) = server.index("closed")
    assert whole.is_complete and not complaints(whole.path)
    assert decoded(whole.path) == closed["frames"]
    assert abs(whole.seconds * 1000 - closed["duration_ms"]) < 2, (whole.seconds, closed)
    # Each segment can be played by itself. (Debian's ffmpeg seeks in no MP4 of HLS, be it its own.)
    alone, data = OUT / "segment.mp4", server.files()[0].read_bytes()
    starts = [whole.head, *whole.ends]
    pictures = 0
    for begin, stop in zip(starts, whole.ends):
        alone.write_bytes(data[: whole.head] + data[begin:stop])
        assert packets(alone)[0][2][0] == "K" and not complaints(alone), (begin, stop)
        pictures += decoded(alone)
    assert pictures == closed["frames"]
    passed(f"HLS: {read} readings of {len(seen)} versions, {len(whole.ends)} segments")

    randomness = random.Random(13)
    for number in range(max(KILLS // 4, 2)):
        before = []
        server = Server(OUT / f"hls-kill-{number}", hls=True)
        camera = server.push(camera_film)
        eventually("a segment", 30, paths)
        time.sleep(randomness.uniform(0.5, 3.5))
        server.child.kill()
        server.child.wait(10)
        end(camera)
        killed = newest()
        assert not killed.is_complete
        # ffmpeg would wait for its next version.
        ended = killed.path.with_suffix(".ended")
        ended.write_text(killed.text + "#EXT-X-ENDLIST\n")
        said = complaints(ended)
        length = round(sum(killed.lengths) * FPS)
        assert not said and abs(decoded(ended) - length) <= 2, (said, decoded(ended), length)
        if number > 0:
            continue
        before = [killed.path]
        server = Server(server.folder, again=True, hls=True)
        camera = server.push(camera_film)
        eventually("the next one", 30, paths)
        assert Playlist(killed.path).is_complete and not complaints(killed.path)
        assert not newest().is_complete
        server.end()
        end(camera)
        assert newest().is_complete
    passed("HLS: killed at any moment, the playlist plays, and is ended by the next process")


def check_h265():
    """A camera that sends H.265, once: each picture is in the file."""
    pictures = 5 * FPS
    camera_film = OUT / "h265.mp4"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
         f"testsrc2=s=320x180:r={FPS}", "-frames:v", str(pictures), "-pix_fmt", "yuv420p",
         "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params",
         f"keyint={FPS}:bframes=0:log-level=error", camera_film],
        check=True,
    )  # fmt: skip
    server = Server(OUT / "h265")
    camera = start(
        "ffmpeg", "-nostdin", "-v", "error", "-re", "-i", camera_film, "-c", "copy",
        "-rtsp_transport", "tcp", "-f", "rtsp", server.url("cam"), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (closed,) = eventually("a file that is whole", 30, lambda: server.index("closed"))
    server.end()
    end(camera)
    (file,) = server.files()
    assert not complaints(file), complaints(file)
    assert closed["frames"] == decoded(file) == pictures, (closed, decoded(file))
    length_ms = 1000 * pictures / FPS
    # The first ones come late, and those behind them by which they are timed do not.
    assert abs(closed["duration_ms"] - length_ms) < 300, closed
    length = f"{closed['duration_ms']} ms of {length_ms:.0f}"
    passed(f"H.265: {pictures} of {pictures} pictures, {length}")


def check_step():
    """Pictures and sound of cameras, in files: together as they were taken."""
    shape = {"fps": 25, "gop": 50, "kbps": 200, "width": 320, "height": 180, "beep": BEEP}
    cameras = [
        {"path": "/pcmu", "camera": 5, "audio": "pcmu"},
        {"path": "/opus", "camera": 6, "audio": "opus"},
        # Its pictures come 320 ms after their sound.
        {"path": "/late", "camera": 8, "audio": "pcma", "lag": 8},
    ]
    _, port, _ = start_cameras([{**shape, **camera} for camera in cameras])
    folder = OUT / "step"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = [camera["path"][1:] for camera in cameras]
    config = {
        "streams": {name: f"rtsp://127.0.0.1:{port}/{name}" for name in names},
        "record": {"*": {"path": f"{folder}/{{stream}}/{{part}}", "min_free": "0"}},
    }
    server = Crosspoint(folder, config)

    def heard():
        streams = server.streams()
        return all(streams[name]["recordings"][0]["audio_packets"] for name in names)

    eventually("all have files with sound", 30, heard)
    time.sleep(20)
    server.child.send_signal(signal.SIGTERM)
    assert server.child.wait(10) == 0
    for name in names:
        (file,) = folder.glob(f"{name}/*.m*")
        assert not complaints(file), complaints(file)
        # Before the camera's first sender reports nobody knows how late its pictures are.
        found = offsets(file, BEEP[0], after_s=8)
        assert len(found) >= 8, (name, found)
        off, most = median(found), max(map(abs, found))
        assert abs(off) <= 40, (name, found)
        passed(f"{name}: a beep is {off:.1f} ms behind its picture, {most:.1f} ms at most")


def check_command(camera_film):
    """`crosspoint record`, of a camera that pushes to it."""
    folder, config, port = OUT / "command", OUT / "record.yaml", free_port()
    shutil.rmtree(folder, ignore_errors=True)
    listen = f"127.0.0.1:{port}"
    config.write_text(json.dumps({"streams": {"door": None}, "rtsp": {"listen": listen}}))
    child = start(BINARY, "record", "--stream", "door", "-c", config, "--record", f"{folder}/x-",
                  "--hls", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    eventually("it listens", 10, lambda: socket.create_connection(("127.0.0.1", port), 1))
    camera = push(camera_film, f"rtsp://{listen}/door")
    eventually("a file", 20, lambda: list(folder.glob("x-door-*.mp4")))
    time.sleep(3)
    child.send_signal(signal.SIGINT)
    assert child.wait(10) == 0
    end(camera)
    (file,) = folder.glob("x-door-*.mp4")
    playlist = Playlist(file.with_suffix(".m3u8"))
    assert playlist.is_complete and playlist.ends[-1] == file.stat().st_size
    assert not complaints(file) and decoded(file) >= 2 * FPS, (complaints(file), decoded(file))
    passed(f"crosspoint record: {decoded(file)} pictures")


def check_stop(camera_film):
    """On a disk of 4 MB."""
    server = Server(TMPFS / "stop")
    camera = server.push(camera_film)
    eventually("full", 60, lambda: server.state()["state"] == "full")
    assert server.state()["last_error"] == "the disk is full"
    assert server.stream("cam")["state"] == "live", "the stream goes on"
    for file in server.files():
        assert not complaints(file), complaints(file)
    server.end()
    end(camera)
    passed("a full disk: the file is whole, the server lives, and says so")


def check_delete(camera_film):
    """On a disk of 4 MB, of which the oldest files may go."""
    disk = TMPFS / "delete"
    foreign = disk / "cam-of-somebody-else.mp4"
    disk.mkdir()
    server = Server(disk, when_full="delete_oldest", segment="2s", min_free="1MiB")
    foreign.write_bytes(b"x" * 100_000)
    camera = server.push(camera_film)
    eventually("files are deleted", 60, lambda: len(server.index("deleted")) >= 3)
    assert server.state()["state"] == "recording", server.state()
    server.end()
    end(camera)
    kept = [file for file in server.files() if file != foreign]
    assert foreign.exists() and len(kept) >= 2
    gone = [line["file"] for line in server.index("deleted")]
    opened = [line["file"] for line in server.index("opened")]
    assert gone == opened[: len(gone)], "the oldest first"
    for file in kept:
        assert not complaints(file), complaints(file)
    passed(f"delete_oldest: {len(gone)} of {len(opened)} files made room, no other was touched")


def check_full():
    """Each in a mount namespace, which ends with its processes."""
    film("heavy.mp4", "320x180", "3M")
    inner = f'mount -t tmpfs -o size=4m none {TMPFS} && exec /usr/bin/python3 "$0" inside "$1"'
    both = [subprocess.Popen(["unshare", "-m", "sh", "-c", inner, __file__, name])
            for name in ("stop", "delete")]
    assert [one.wait(150) for one in both] == [0, 0]


def main():
    names = sys.argv[1:]
    if names[:1] == ["inside"]:
        inside = {"stop": check_stop, "delete": check_delete}
        return inside[names[1]](OUT / "heavy.mp4")
    camera_film = film("cam.mp4", "320x180")
    checks = {
        "made": check_made,
        "rotation": check_rotation,
        "cuts": check_cuts,
        "parts": lambda: check_parts(camera_film),
        "sizes": check_sizes,
        "command": lambda: check_command(camera_film),
        "h265": check_h265,
        "step": check_step,
        "kills": lambda: check_kills(camera_film),
        "hls": lambda: check_hls(camera_film),
        "full": check_full,
    }
    lanes = [["made", "rotation", "cuts"], ["parts", "sizes", "command", "h265"], ["step"],
             ["kills"], ["hls"], ["full"]]  # fmt: skip

    def walk(lane):
        for name in lane:
            if not names or name in names:
                checks[name]()

    assert set(names) <= set(checks), names
    with ThreadPoolExecutor(len(lanes)) as pool:
        list(pool.map(walk, lanes))


run(main)
