"""A camera that heeds requests for keyframes, one that is deaf to them, one that is deaf to RTCP
alone, and three that are deaf but begin each session with an IDR, of which one refuses a second
session and one gives up the first for it: how long an IDR takes after a request, and what the
server learns.

The requests are those of RTSP readers (PLI). The server keeps no group of pictures here, so that
it can repair nobody and has to ask the camera.
"""

import contextlib
import hashlib
import http.server
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "restream")]

from harness import BINARY, eventually, passed, run, start, start_cameras  # noqa: E402
from harness import Server as Crosspoint  # noqa: E402
from rtsp_client import Client, nal_types  # noqa: E402

OUT = HERE / "out"
FPS, GOP_S = 15, 4
CAMERA = {"encoder": "live", "width": 320, "height": 180, "fps": FPS, "gop": GOP_S * FPS}
REQUESTS = 10
MORE_REQUESTS = 4
# Over HTTP, and by another session, a camera is asked once in 10 s.
RARE_REQUESTS = 14
PROBE_S = 150
USER, PASSWORD = "admin", "hunter2 @/"


def camera(name, *options):
    """A camera with these options: its process and its address."""
    child, port, _ = start_cameras([{"path": f"/{name}", "camera": 1, **CAMERA}], *options)
    return child, f"rtsp://127.0.0.1:{port}/{name}"


class Server(Crosspoint):
    """The crosspoint binary with these streams, each of them live."""

    def __init__(self, streams):
        limits = {"gop_max_frames": 1}
        super().__init__(OUT, {"streams": streams, "rtsp": {}, "limits": limits, "warm": True})
        for name in streams:
            eventually(f"{name} is live", 20, lambda: self.stream(name)["state"] == "live")

    def learned(self, name, method=0):
        """What it has learned of a way to ask a stream's camera."""
        return self.stream(name)["keyframe"]["methods"][method]


class Isapi(http.server.BaseHTTPRequestHandler):
    """The web server of a camera that knows ISAPI, with digest authentication (RFC 2069)."""

    camera, told, refused = None, 0, 0

    def do_PUT(self):
        said = urllib.request.parse_keqv_list(
            urllib.request.parse_http_list(
                self.headers.get("Authorization", "").removeprefix("Digest ")
            )
        )

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        wanted = f"{md5(f'{USER}:cam:{PASSWORD}')}:n1:{md5(f'PUT:{self.path}')}"
        status = 200 if said.get("response") == md5(wanted) else 401
        if status == 401:
            Isapi.refused += 1
        elif self.path != "/ISAPI/Streaming/channels/101/requestKeyFrame":
            status = 404
        else:
            Isapi.told += 1
            Isapi.camera.stdin.write(json.dumps({"do": "key", "path": "/hikvision"}) + "\n")
            Isapi.camera.stdin.flush()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Digest realm="cam", nonce="n1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def web_server():
    """The port of that web server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Isapi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class Jealous(threading.Thread):
    """Stands before a camera and ends a connection as soon as there is another."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.camera = urllib.parse.urlsplit(url)
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.url = self.camera._replace(netloc=f"127.0.0.1:{port}").geturl()
        self.start()

    def run(self):
        before = ()
        while True:
            client, _ = self.listener.accept()
            for end in before:
                self.hang_up(end)
            camera = socket.create_connection((self.camera.hostname, self.camera.port))
            before = (client, camera)
            for ends in (before, before[::-1]):
                threading.Thread(target=self.relay, args=ends, daemon=True).start()

    @classmethod
    def relay(cls, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        cls.hang_up(sink)

    @staticmethod
    def hang_up(end):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Reader(threading.Thread):
    """Reads a stream, and asks for keyframes."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.client = Client(f"rtsp://127.0.0.1:{server.rtsp_port}/{name}")
        self.client.play()
        self.ssrc = None
        self.keys = []
        self.start()

    def run(self):
        try:
            while True:
                channel, data = self.client.read()
                if channel == 0:
                    self.ssrc = data[8:12]
                    if 7 in nal_types(data[12:]):
                        self.keys.append(time.monotonic())
        except (EOFError, OSError):
            return  # whoever waits for a keyframe will say so

    def ask(self):
        """Sends a PLI (RFC 4585 section 6.3.1) behind an empty report."""
        data = struct.pack(">BBHI", 0x80, 201, 1, 7) + struct.pack(">BBHI", 0x81, 206, 2, 7)
        data += self.ssrc
        self.client.socket.sendall(struct.pack(">BBH", ord("$"), 1, len(data)) + data)

    def next_key(self):
        """Waits for the next keyframe; when it came."""
        count = len(self.keys)
        eventually("a keyframe", 3 * GOP_S, lambda: len(self.keys) > count)
        return self.keys[count]


def ask_often(reader, wish, times):
    """Milliseconds from a request to the keyframe, at different times after the one before."""
    waits = []
    for _ in range(times):
        time.sleep(1.1 + wish.random())
        asked = time.monotonic()
        reader.ask()
        waits.append(round((reader.next_key() - asked) * 1000))
    return waits


def clients(cameras):
    """How many clients are connected to a server of cameras."""
    cameras.stdin.write(json.dumps({"do": "clients"}) + "\n")
    cameras.stdin.flush()
    return json.loads(cameras.stdout.readline())["clients"]


def shown(learned):
    return ", ".join(f"{key} {value}" for key, value in learned.items())


def main():
    OUT.mkdir(exist_ok=True)
    _, heeding = camera("heeding")
    _, deaf = camera("deaf", "--ignore-pli")
    Isapi.camera, hikvision = camera("hikvision", "--ignore-pli")
    login = f"{USER}:{urllib.parse.quote(PASSWORD, safe='')}"
    web = f"isapi:http://{login}@127.0.0.1:{web_server()}"
    sessions, roomy = camera("roomy", "--ignore-pli", "--key-on-play")
    _, narrow = camera("narrow", "--ignore-pli", "--key-on-play", "--sessions", "1")
    _, behind = camera("jealous", "--ignore-pli", "--key-on-play")
    jealous = Jealous(behind).url
    names = ["heeding", "deaf", "hikvision", "roomy", "narrow", "jealous"]
    server = Server(
        {
            "heeding": heeding,
            "deaf": deaf,
            "hikvision": {"url": hikvision, "keyframe": web},
            "roomy": {"url": roomy, "keyframe": "session"},
            "narrow": {"url": narrow, "keyframe": "session"},
            "jealous": {"url": jealous, "keyframe": "session"},
        }
    )
    readers = {name: Reader(server, name) for name in names}
    for name in readers:
        interval = eventually(
            f"the interval of {name}", 5 * GOP_S,
            lambda: server.stream(name)["keyframe"]["interval_ms"],
        )  # fmt: skip
        assert abs(interval - GOP_S * 1000) < 400, (name, interval)
    passed(f"all send an IDR every {GOP_S} s by themselves, and that is seen")
    results = {}

    def work(name):
        times = RARE_REQUESTS if name in ("hikvision", "roomy") else REQUESTS
        results[name] = ask_often(readers[name], random.Random(name), times)

    workers = [threading.Thread(target=work, args=(name,), daemon=True) for name in readers]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    load = os.getloadavg()[0]
    for name, waits in results.items():
        print(
            f"   {name}: IDR after {min(waits)} to {max(waits)} ms, "
            f"median {statistics.median(waits):.0f} ms, of {len(waits)}; load {load:.1f}"
        )
        for method in server.stream(name)["keyframe"]["methods"]:
            print(f"   {name}: {shown(method)}")
    heeds, ignores = server.learned("heeding"), server.learned("deaf")
    assert heeds["verdict"] == "effective", heeds
    assert heeds["median_ms"] < 1000, heeds
    passed("the camera that heeds requests is learned as effective")
    assert ignores["verdict"] == "ignored", ignores
    ask_often(readers["deaf"], random.Random(1), MORE_REQUESTS)
    assert server.learned("deaf")["requests"] == ignores["requests"], server.learned("deaf")
    passed(f"the deaf one is learned as ignored, and is not asked in {MORE_REQUESTS} wishes more")
    assert server.learned("hikvision")["verdict"] == "ignored", server.learned("hikvision")
    by_http = server.learned("hikvision", 1)
    assert by_http["verdict"] == "effective" and by_http["method"] == "isapi", by_http
    assert (Isapi.told, Isapi.refused) == (by_http["requests"], 1), (Isapi.told, Isapi.refused)
    passed(f"the one that ignores RTCP is asked over HTTP, {Isapi.told} times, and that helps")
    assert server.learned("roomy")["verdict"] == "ignored", server.learned("roomy")
    by_session = server.learned("roomy", 1)
    assert by_session["verdict"] == "effective" and by_session["method"] == "session", by_session
    assert by_session["median_ms"] < 1000, by_session
    eventually("the second session is over", 5, lambda: clients(sessions) == 1)
    passed(f"so is one by {by_session['requests']} second sessions, none of which stays open")
    by_session = server.learned("narrow", 1)
    assert by_session["verdict"] == "refused" and by_session["requests"] == 1, by_session
    assert server.stream("narrow")["state"] == "live"
    assert server.log.count("source narrow: no second session") == 1, server.log.text()
    passed("where the camera has no second session to give, it is asked for one once")
    by_session = server.learned("jealous", 1)
    assert by_session["verdict"] == "refused" and by_session["requests"] == 1, by_session
    assert server.stream("jealous")["state"] == "live"
    assert server.log.count("source jealous: a second session cost") == 1, server.log.text()
    passed("where a second one costs the first, that happens once")
    log = server.log.text() + server.get("/api/streams")
    assert "hunter2" not in log, log
    passed("no password shows")
    metrics = server.get("/metrics")
    for line in (
        'crosspoint_keyframe_effective{stream="heeding",method="rtcp"} 1',
        'crosspoint_keyframe_effective{stream="deaf",method="rtcp"} 0',
        'crosspoint_keyframe_effective{stream="hikvision",method="isapi"} 1',
    ):
        assert line in metrics, metrics
    passed("the metrics say the same")
    server.child.kill()
    urls = {"rtcp": heeding, "session": roomy, "auto": deaf}
    probes = {
        way: start(BINARY, "probe", "--keyframe", way, url, stdout=subprocess.PIPE)
        for way, url in urls.items()
    }
    told = {way: probe.communicate(timeout=PROBE_S)[0] for way, probe in probes.items()}
    for way, method, verdict in [
        ("rtcp", "rtcp", "helps"), ("session", "rtcp", "ignored"), ("session", "session", "helps"),
        ("auto", "rtcp", "ignored"),
    ]:  # fmt: skip
        assert f"keyframe by {method}".ljust(22) + f"{verdict}: " in told[way], told[way]
    print("".join(f"   {line.strip()}\n" for line in told["session"].splitlines()[-2:]), end="")
    passed("crosspoint probe --keyframe finds out the same of each")


if __name__ == "__main__":
    run(main)
