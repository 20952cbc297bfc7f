"""A parent drives recordings over standard input and output.

Arguments are names of checks: lines, ends, unread, room.
"""

import html
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

from harness import BINARY, eventually, free_port, passed, run, start  # noqa: E402
from lossy import FPS, Lossy  # noqa: E402
from parent import PATIENCE_S, SCHEMA, Child, is_running, plays, seen  # noqa: E402

OUT = HERE / "out"
ROOMS = HERE.parent / "rooms"
LINE_MAX_BYTES = 1024 * 1024
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # Pages that nobody looks at go on, and nobody clicks on anything.
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


def folder(name):
    """An empty one."""
    path = OUT / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def pushed(name, record=True):
    """A configuration with a stream that is pushed, and its port."""
    port, files = free_port(), folder(name)
    path = {"path": f"{files}/{{stream}}-{{part}}.mp4", "min_free": "0"}
    config = {"streams": {"cam": None, "spare": None}, "rtsp": {"listen": f"127.0.0.1:{port}"}}
    return {**config, **({"record": {"cam": path}} if record else {})}, port, files


def lines():
    """Every event, every command, and lines that are none."""
    config, port, files = pushed("lines")
    child = Child(config=config)
    ready = child.wait("ready")
    assert (ready["pid"], ready["streams"]) == (child.process.pid, ["cam", "spare"]), ready
    film = Lossy(port, "cam")
    child.wait("connected", stream="cam")
    assert child.wait("first_media", stream="cam")["width"] == 320
    first = child.wait("opened", stream="cam", reason="start")["file"]
    passed("a camera is there, and its file begun")

    child.command("stats", interval_ms=200, id=1)
    child.wait("done", id=1, command="stats")
    told = child.idle(2)
    stats = [it for it in told if it["event"] == "stats" and it["stream"] == "cam"]
    assert 7 <= len(stats) <= 12, len(stats)
    last = stats[-1]
    assert (last["state"], last["recording"], last["file"]) == ("live", "recording", first), last
    assert last["frames"] > stats[0]["frames"] and last["bitrate_bps"] > 10_000, last
    assert last["last_packet_age_ms"] < 1000 and last["keyframe_age_ms"] < 2500, last
    child.command("stats", interval_ms=0)
    child.command("keyframe", stream="cam", id="key")
    child.wait("done", id="key", command="keyframe")
    child.command("stats", stream="cam", id=2)
    assert child.wait("stats")["keyframe_requests"] >= 0
    child.wait("done", id=2)
    assert not [it for it in child.idle(1) if it["event"] == "stats"], "0 is never"
    film.lose(3)
    assert child.wait("gap", stream="cam")["gaps"] == 1
    passed("statistics come as often as they are wanted, and a gap is told")

    bad = [
        ("nonsense", "not_json"), ("[]", "not_json"), ('{"id": 5}', "bad_command"),
        ('{"command": "dance"}', "bad_command"), ('{"command": "stop", "now": 1}', "bad_key"),
        ('{"command": "stop", "stream": "nobody"}', "no_such_stream"),
        ('{"command": "start", "stream": "spare"}', "not_recorded"),
        ('{"command": "start", "stream": "cam", "path": "{a}"}', "bad_key"),
        ('{"command": "signal", "room": "r", "text": "{}"}', "no_such_room"),
        ("x" * (LINE_MAX_BYTES + 1), "too_long"), ("\xff\x00" * 10, "not_json"),
        ('{"command": ' * 1000, "not_json"),
    ]  # fmt: skip
    for line, code in bad:
        child.refused(line, code)
    child.refused('{"id": "mine", "command": "dance"}', "bad_command", id="mine")
    assert not child.all("finalised"), "no bad line hurts a recording"
    passed(f"{len(bad)} bad lines are named, and hurt nothing")

    child.command("pause", stream="cam", id=3)
    paused = child.wait("finalised", file=first, reason="pause")
    assert paused["gaps"] == 1 and paused["frames"] > 2 * FPS, paused
    told = child.idle(2)
    assert not [it for it in told if it["event"] == "opened"] and len(list(files.iterdir())) == 2
    began = time.time()
    child.command("resume", stream="cam")
    second = child.wait("opened", stream="cam", reason="resume")["file"]
    is_it = '"reason":"resume"'
    index = lambda: [it for it in (files / "index.jsonl").read_text().splitlines() if is_it in it]  # noqa: E731
    began_at = json.loads(eventually("it is in the index", 5, index)[0])["began"]
    assert began_at >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began)), began_at
    child.idle(1)
    child.command("stop", id=4)
    child.wait("done", id=4)
    child.wait("finalised", file=second, reason="stop")
    child.refused('{"command": "resume", "stream": "cam", "id": 9}', "stopped", id=9)
    other = files / "other"
    child.command("start", stream="cam", path=f"{other}/{{date}}.mkv", id=5)
    third = child.wait("opened", stream="cam", reason="start")["file"]
    assert third.startswith(str(other)) and third.endswith(".mkv"), third
    child.idle(1)
    film.stop()
    child.wait("left", stream="cam")
    child.wait("finalised", file=third, reason="end")
    assert child.end() == 0
    for file in [first, second, third]:
        plays(file)
    passed("pause, resume, stop and start have a file each, and all of them play")


def signalling():
    """A room whose WebSocket is the parent's."""
    entry = {"server": "stdio", "room": "show", "password": False, "flavour": "custom"}
    child = Child(config={"rooms": {"studio": entry}})
    child.wait("socket", room="studio", state="connect")
    child.command("socket", room="studio", state="open", uuid="me", id=1)
    join = json.loads(child.wait("signal", room="studio")["text"])
    child.wait("joined", room="studio")
    assert join == {"request": "joinroom", "roomid": "show", "from": "me"}, join
    seed = {"request": "seed", "streamID": "ann", "from": "ann's", "roomid": "show"}
    child.command("signal", room="studio", text=json.dumps(seed))
    play = json.loads(child.wait("signal", room="studio")["text"])
    assert (play["request"], play["streamID"], play["from"]) == ("play", "ann", "me"), play
    child.command("socket", room="studio", state="closed", code=1006)
    child.wait("left", room="studio")
    child.wait("socket", room="studio", state="connect")
    child.refused('{"command": "socket", "room": "lobby", "state": "open"}', "no_such_room")
    assert child.end() == 0
    passed("a room's WebSocket can be the parent's")


def ends():
    """However the parent ends, the files are whole and nothing is left."""
    config, port, _ = pushed("ends")
    child = Child(config=config)
    film = Lossy(port, "cam")
    child.wait("opened")
    child.idle(2)
    assert child.end() == 0
    finished = child.all("finalised", reason="stop")
    assert len(finished) == 1 and len(plays(finished[0]["file"])) == finished[0]["frames"]
    passed("the end of standard input ends the files, and the process, with 0")
    film.stop()

    config, port, files = pushed("killed")
    script = (
        "import subprocess, sys; child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE,"
        " stdout=subprocess.PIPE); child.stdin.write(sys.stdin.buffer.readline());"
        " child.stdin.flush(); print(child.pid, flush=True); child.wait()"
    )
    command = ["/usr/bin/python3", "-c", script, str(BINARY), "record", "--stdio"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    parent = start(*command, **pipes)
    parent.stdin.write(json.dumps(config) + "\n")
    parent.stdin.flush()
    pid = int(parent.stdout.readline())
    film = eventually("a server", 10, lambda: connects(port) and Lossy(port, "cam"))
    eventually("a file", PATIENCE_S, lambda: list(files.glob("cam-*.mp4")))
    time.sleep(2)
    parent.kill()
    parent.wait()
    eventually("nobody is left", 5, lambda: not is_running(pid))
    film.stop()
    closed = [line for line in (files / "index.jsonl").read_text().splitlines() if "closed" in line]
    assert len(closed) == 1 and json.loads(closed[0])["reason"] == "stop", closed
    plays(next(iter(files.glob("cam-*.mp4"))))
    passed("a parent that is killed leaves nobody behind, and a whole file")

    config = json.dumps({"streams": {"cam": "rtsp://127.0.0.1:1/a"}})
    for source in ["/dev/null", files / "configuration"]:
        (files / "configuration").write_text(config + "\n" + '{"command": "stats", "id": 1}\n')
        with open(source, encoding="utf-8") as stdin:
            done = subprocess.run(
                [BINARY, "record", "--stdio"], stdin=stdin, capture_output=True, text=True,
                timeout=PATIENCE_S, check=False,
            )  # fmt: skip
        told = [json.loads(line) for line in done.stdout.splitlines()]
        if source == "/dev/null":
            assert (done.returncode, [it["event"] for it in told]) == (1, ["error"]), done
        else:
            assert done.returncode == 0 and told[-1]["event"] == "done", done
    broken = Child(config={"streams": {"cam": "http://nonsense"}})
    assert "cam" in broken.wait("error", code="configuration")["text"]
    assert broken.process.wait(PATIENCE_S) == 1
    passed("files and /dev/null are taken as well, and a bad configuration is told")


def connects(port):
    """Whether somebody listens."""
    import socket

    socket.create_connection(("127.0.0.1", port), timeout=1).close()
    return True


def unread():
    """A parent that does not read: the loop goes on, and then it is over."""
    config, port, files = pushed("unread")
    child = Child(config=config, reads=False)
    eventually("a server", 10, lambda: connects(port))
    film = Lossy(port, "cam")
    eventually("a file", PATIENCE_S, lambda: list(files.glob("cam-*.mp4")))
    child.command("stats", interval_ms=100)
    time.sleep(3)
    assert child.process.poll() is None
    lost = 0
    try:
        while child.process.poll() is None and lost < 200_000:
            child.process.stdin.write("nonsense\n" * 1000)
            child.process.stdin.flush()
            lost += 1000
    except BrokenPipeError:
        pass
    assert child.process.wait(PATIENCE_S) == 1, lost
    eventually("a reason", PATIENCE_S, lambda: child.log.count("nobody reads") == 1)
    film.stop()
    assert len(plays(next(iter(files.glob("cam-*.mp4"))))) > 2 * FPS
    passed("a parent that does not read stops nothing, until there is too much")


def serve_pages(addresses):
    """The pages of publishers, and one that shows them all; its port."""
    frames = "".join(f'<iframe src="{html.escape(address)}"></iframe>' for address in addresses)

    class Pages(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=ROOMS)

        def do_GET(self):
            if self.path != "/":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            return self.wfile.write(frames.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def room(kind):
    """Three publishers, a worker each, of which one is killed."""
    files = folder(kind)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    signalling = start("/usr/bin/python3", ROOMS / "signalling.py", kind, **pipes)
    server = signalling.stdout.readline().split()[0]
    names = ["ann", "bob", "eve"]
    more = "width=160&height=120&fps=10&password=hunter2"
    address = f"/publisher.html?server={server}&kind={kind}&room=show&{more}"
    pages = serve_pages([f"{address}&stream={name}" for name in names])
    profile = folder(f"{kind}-profile")
    browser = start(
        "chromium", *FLAGS, f"--user-data-dir={profile}",
        f"http://127.0.0.1:{pages}/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.environ["ROOM_PASSWORD"] = "hunter2"
    child = Child(
        "--isolate", "--room", "show", "--server", server, "--password", "${ROOM_PASSWORD}",
        "--record", f"{files}/", "--noaudio",
    )  # fmt: skip
    child.wait("ready")
    child.wait("joined", room="show")
    opened = {}
    while len(opened) < 3:
        event = child.wait("opened")
        opened[event["stream"]] = event["file"]
    streams = [f"show/{name}" for name in names]
    assert sorted(opened) == streams, opened
    for stream in streams:
        for name in ["connected", "first_media"]:
            if not child.all(name, stream=stream):
                child.wait(name, stream=stream)
    pids = {it["stream"]: it["pid"] for it in child.all("worker", state="started")}
    groups = {stream: os.getpgid(pid) for stream, pid in pids.items()}
    assert groups == pids, "each has a group of its own"
    passed(f"{kind}: three publishers have a worker and a file each")

    child.idle(4)
    killed_at = time.monotonic()
    os.kill(pids["show/bob"], signal.SIGKILL)
    child.wait("worker", state="ended", stream="show/bob")
    child.wait("error", code="worker", stream="show/bob")
    again = child.wait("worker", state="started", stream="show/bob")
    assert again["restarts"] == 1, again
    second = child.wait("opened", stream="show/bob", timeout_s=40)["file"]
    took = time.monotonic() - killed_at
    assert second != opened["show/bob"]
    child.command("stats", stream="show/bob", id="s")
    child.wait("stats", stream="show/bob")
    child.wait("done", id="s")
    child.refused('{"command": "stop", "stream": "elsewhere/x", "id": 1}', "no_such_stream", id=1)
    passed(f"{kind}: one that is killed begins another file, after {took:.1f} s")

    child.idle(3)
    child.command("pause", stream="show/eve", id="p")
    child.wait("finalised", stream="show/eve", reason="pause")
    child.command("resume", stream="show/eve")
    third = child.wait("opened", stream="show/eve", reason="resume")["file"]
    child.idle(1)
    signalling.stdin.write("count\n")
    signalling.stdin.flush()
    count = int(signalling.stdout.readline())
    assert count == 3 + 1, f"{count} WebSockets"
    assert child.end() == 0
    for pid in [*pids.values(), again["pid"]]:
        eventually("nobody is left", 5, lambda pid=pid: not is_running(pid))
    # It was there for four seconds, of which the last one was not written yet.
    assert plays(opened["show/bob"])[-1] > 2
    for file in [second, third]:
        plays(file)
    for stream in ["show/ann", "show/eve"]:
        finished = child.all("finalised", stream=stream, file=opened[stream])[0]
        assert finished["gaps"] == 0, finished
        times = plays(opened[stream])
        longest = max(after - before for before, after in zip(times, times[1:]))
        assert longest < 1 and finished["frames"] == len(times), (stream, longest, finished)
    browser.terminate()
    browser.wait()
    signalling.stdin.close()
    passed(f"{kind}: its file plays up to then, the others have no gap, by one WebSocket")


def killed_supervisor():
    """Workers end with their supervisor, however that ends."""
    files = folder("supervised")
    film = (
        f"exec:ffmpeg -v error -re -f lavfi -i testsrc=size=320x180:rate={FPS} -c:v libx264 "
        f"-preset ultrafast -tune zerolatency -g {FPS} -pix_fmt yuv420p -f rtsp "
        "-rtsp_transport tcp {output}"
    )
    record = {"path": f"{files}/{{stream}}-{{part}}.mp4", "min_free": "0"}
    child = Child("--isolate", config={"streams": {"a": film, "b": film}, "record": {"*": record}})
    opened = {child.wait("opened")["stream"], child.wait("opened")["stream"]}
    assert opened == {"a", "b"}, opened
    child.idle(2)
    pids = [it["pid"] for it in child.all("worker", state="started")]
    assert len(pids) == 2
    child.process.kill()
    for pid in pids:
        eventually("nobody is left", 8, lambda pid=pid: not is_running(pid))
    for file in files.glob("*.mp4"):
        assert len(plays(file)) > FPS
    index = (files / "index.jsonl").read_text()
    assert index.count('"closed"') == 2, index
    passed("workers of a supervisor that is killed end their files, and themselves")


CHECKS = {
    "lines": lambda: (lines(), signalling()),
    "ends": ends,
    "unread": unread,
    "room": lambda: (room("assigned"), room("custom"), killed_supervisor()),
}


def main():
    chosen = sys.argv[1:] or list(CHECKS)
    for name in chosen:
        CHECKS[name]()
    if chosen == list(CHECKS):
        own = {name.removeprefix("event_") for name in SCHEMA["$defs"] if "event_" in name}
        assert not own - seen, own - seen


run(main)
