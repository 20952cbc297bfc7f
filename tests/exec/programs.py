"""Programs run while somebody watches what they make, and not a moment longer.

A camera of 720p is a film that an `exec:` program pushes; `cam-360p` is made of it by `ffmpeg:`.
The clients are ffmpeg and ffprobe; what runs is looked up in the process table.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import Server as Crosspoint  # noqa: E402
from harness import eventually, passed, run, start  # noqa: E402

OUT = HERE / "out"
LINGER_S = 2
# The longest that a program may take to end once it is asked to, and a second of patience.
END_S = 3


def stat_of(pid):
    """Name, state, parent and group of a process, and its arguments; none if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
    return {"pid": pid, "name": name, "parent": int(rest[1]), "group": int(rest[2]), "words": words}


def processes():
    """The process table."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [found for found in map(stat_of, numbers) if found]


class Server(Crosspoint):
    """The crosspoint binary with these streams."""

    def __init__(self, streams):
        config = {"streams": streams, "rtsp": {}, "linger": f"{LINGER_S}s"}
        super().__init__(OUT, config, {"OF_OURS": "hunter2"})

    def programs(self):
        """What runs of what it has started: its children, and their groups."""
        own = self.child.pid
        table = processes()
        groups = {each["group"] for each in table if each["parent"] == own}
        return [each for each in table if each["parent"] == own or each["group"] in groups]


def watch(url):
    """A client that watches until it is ended."""
    return start(
        "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-f", "null", "-",
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def leave(client):
    """Ends a client as its user would."""
    client.send_signal(signal.SIGINT)
    client.wait(10)


def pictures(url, count):
    """Width, height and number of the pictures that a client decodes."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-select_streams", "v",
         "-read_intervals", f"%+#{count}", "-show_entries", "frame=width,height",
         "-of", "csv=p=0", url],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    sizes = [tuple(int(n) for n in line.strip(",").split(",")) for line in done.stdout.split()]
    assert len(set(sizes)) == 1, set(sizes)
    return (*sizes[0], len(sizes))


def shown(url):
    """Width and height of a stream that can be read now."""
    try:
        return pictures(url, 20)[:2]
    except subprocess.CalledProcessError:
        return None


def main():
    OUT.mkdir(exist_ok=True)
    film = OUT / "a film.mp4"
    if not film.exists():
        subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25:d=20",
             "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "50", film],
            check=True,
        )  # fmt: skip
    stubborn = OUT / "stubborn.sh"
    stubborn.write_text(
        "#!/bin/sh\ntrap '' TERM\n"
        f"ffmpeg -v error -re -i '{film}' -c copy -rtsp_transport tcp -f rtsp \"$1\" &\n"
        "sh -c \"trap '' TERM; sleep 1000\" &\nwait\nsleep 1000\n"
    )
    stubborn.chmod(0o755)
    flag = OUT / "printed"
    flag.unlink(missing_ok=True)
    printing = (
        f'test -e "{flag}" && echo rtsp://127.0.0.1:RTSP_PORT/cam '
        f'|| echo rtsp://admin:hunter2@127.0.0.1:1/x; touch "{flag}"; echo more'
    )
    push = "-c copy -rtsp_transport tcp -f rtsp {output}"
    server = Server({
        "cam": f"exec:ffmpeg -v error -re -stream_loop -1 -i '{film}' {push}",
        "cam-360p": "ffmpeg:cam#video=h264#height=360",
        "made": "ffmpeg:virtual?video=testsrc2&size=320x180&rate=10#video=h264#drawtext=x=2:y=2",
        "stubborn": f"exec:{stubborn} {{output}}",
        "broken": "exec:ffmpeg -v error -i rtsp://admin:hunter2@127.0.0.1:1/x " + push,
        "echoed": f"echo:sh -c '{printing}'",
        "silent": "echo:true",
        "missing": "exec:/no/such/program {output}",
    })  # fmt: skip
    assert server.programs() == []
    assert server.stream("cam-360p")["state"] == "idle"
    passed("nothing runs while nobody watches")

    client = watch(server.url("cam-360p"))
    eventually("the stream is live", 20, lambda: server.stream("cam-360p")["state"] == "live")
    assert (server.stream("cam-360p")["width"], server.stream("cam-360p")["height"]) == (640, 360)
    running = server.programs()
    assert [each["name"] for each in running] == ["ffmpeg", "ffmpeg"], running
    passed("cam-360p is live, made by one ffmpeg of what another one pushes")
    width, height, count = pictures(server.url("cam-360p"), 100)
    assert (width, height) == (640, 360) and count >= 95, (width, height, count)
    passed(f"a client decodes {count} pictures of {width}x{height}")
    check_isolation(running)
    passed("each has a group, an environment and descriptors of its own")

    leave(client)
    time.sleep(LINGER_S / 2)
    assert len(server.programs()) == 2, "the pause before the end"
    eventually("none is left", 2 * LINGER_S + 2 * END_S, lambda: server.programs() == [])
    assert server.stream("cam-360p")["state"] == server.stream("cam")["state"] == "idle"
    passed("after the last viewer and the pause, no ffmpeg is left")

    assert pictures(server.url("made"), 20)[:2] == (320, 180)
    eventually("none is left", 2 * LINGER_S + 2 * END_S, lambda: server.programs() == [])
    passed("pictures that ffmpeg makes itself, with the time in them, are a stream like any other")

    client = watch(server.url("cam"))
    eventually("it is live", 20, lambda: server.stream("cam")["state"] == "live")
    killed = server.programs()[0]["pid"]
    os.kill(killed, signal.SIGKILL)
    eventually("it is told", 3, lambda: "SIGKILL" in server.stream("cam").get("error", ""))
    died = time.monotonic()
    eventually("another runs", 5, lambda: [p for p in server.programs() if p["pid"] != killed])
    waited = time.monotonic() - died
    assert 0.5 < waited < 2, f"{waited:.1f} s"
    eventually("it is live", 20, lambda: server.stream("cam")["state"] == "live")
    assert len(server.programs()) == 1
    passed(f"one that is killed is told, and started again {waited:.1f} s later")
    leave(client)
    eventually("none is left", LINGER_S + END_S, lambda: server.programs() == [])

    client = watch(server.url("stubborn"))
    eventually("it is live", 20, lambda: server.stream("stubborn")["state"] == "live")
    group = [each["pid"] for each in server.programs()]
    assert len(group) >= 3, group
    leave(client)
    gone = lambda: not [pid for pid in group if stat_of(pid)]  # noqa: E731
    eventually("none of them is left", LINGER_S + END_S + 1, gone)
    passed(f"one that ignores SIGTERM is killed, with the {len(group) - 1} that it started")

    lost = watch(server.url("echoed"))
    told = eventually("it is told", 20, lambda: server.stream("echoed").get("error"))
    assert "refused" in told, told
    lost.wait(20)
    width, height = eventually("it is shown", 20, lambda: shown(server.url("echoed")))
    assert (width, height) == (1280, 720), (width, height)
    assert server.log.count("echo:sh: started") >= 2
    eventually("it is idle", 2 * LINGER_S, lambda: server.stream("echoed")["state"] == "idle")
    eventually("none is left", 2 * LINGER_S + 2 * END_S, lambda: server.programs() == [])
    passed("a camera whose address a program prints is shown; it is run anew where that fails")

    failing = {"silent": "such as rtsp://", "broken": "refused", "missing": "No such file"}
    for name, reason in failing.items():
        assert server.stream(name)["state"] == "idle"
        client = watch(server.url(name))
        told = eventually("it is told", 20, lambda name=name: server.stream(name).get("error"))
        assert reason in told, told
        client.wait(20)
    passed("one that fails is told with its last line")

    eventually("none is left", LINGER_S + END_S + 1, lambda: server.programs() == [])

    client = watch(server.url("cam-360p"))
    eventually("the stream is live", 20, lambda: server.stream("cam-360p")["state"] == "live")
    left = [each["pid"] for each in server.programs()]
    assert len(left) == 2, left
    address = server.programs()[0]["words"][-2]
    assert address.startswith("rtsp://127.0.0.1:"), address
    secret = address.rsplit("/", 1)[1]
    check_door(address, secret, server)
    passed("the address of a program is of no use with another path, nor at the public port")
    server.child.send_signal(signal.SIGTERM)
    assert server.child.wait(5) == 0
    assert not [pid for pid in left if stat_of(pid)], "a program outlives the server"
    passed("nor is one left after the end of the server")
    log = server.log.text()
    assert "hunter2" not in log and secret not in log, log
    passed("no password and no secret path shows in the log")


def check_door(address, secret, server):
    """Only the secret path is let in where programs push, and only there."""
    host = address.rsplit("/", 1)[0]
    for url in (f"{host}/cam", f"{host}/{secret[::-1]}", server.url(secret)):
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", url],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert "404" in done.stderr, (url, done.stderr)
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", OUT / "a film.mp4", "-c", "copy",
         "-t", "1", "-rtsp_transport", "tcp", "-f", "rtsp", server.url("cam")],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert "403" in done.stderr, done.stderr


def check_isolation(running):
    """What a program has inherited: nothing but three descriptors and what is documented."""
    for each in running:
        assert each["group"] == each["pid"], each
        links = Path(f"/proc/{each['pid']}/fd").iterdir()
        files = {int(link.name): os.readlink(link) for link in links}
        assert files[0] == files[1] == "/dev/null", files
        environment = Path(f"/proc/{each['pid']}/environ").read_bytes().decode().split("\0")
        names = {entry.split("=")[0] for entry in environment if entry}
        assert names <= {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"}, names
        # Its own connections are two at most, and the film.
        assert len(files) <= 8, files


if __name__ == "__main__":
    run(main)
