"""What is published arrives: checked at the endpoint of endpoint.py, picture by picture."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
import ssl

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = HERE / "out"
BINARY = os.environ.get("CROSSPOINT", str(ROOT / "target" / "release" / "crosspoint"))
TOKEN = "hunter2-token"
ROOM = "hunter3-room"
WRONG = "hunter4-wrong"
# Camera 1 has the profile that every decoder takes, camera 2 one that aiortc does not name.
CAMERAS = [
    {"path": "/cam1", "camera": 1, "profile": "baseline"},
    {"path": "/cam2", "camera": 2, "profile": "high"},
]
# The clips are encoded in the first run.
CAMERAS_START_S = 300
# Silence is believed after 15 s; then come the DELETE and the back-off.
RECONNECT_S = 30
children = []
logs = []


def free_port():
    """A TCP port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*command, **options):
    """Runs a program that ends with the test."""
    child = subprocess.Popen([str(word) for word in command], text=True, **options)
    children.append(child)
    return child


def get(url):
    """The body at an address."""
    context = ssl._create_unverified_context() if url.startswith("https") else None
    with urllib.request.urlopen(url, timeout=5, context=context) as response:
        return response.read().decode()


def eventually(what, timeout_s, check):
    """Waits until `check` gives something true, and returns it."""
    end = time.monotonic() + timeout_s
    last = None
    while time.monotonic() < end:
        try:
            last = check()
            if last:
                return last
        except (OSError, urllib.error.URLError, KeyError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"not within {timeout_s} s: {what}; at last {last!r}")


class Log:
    """Collects a program's lines."""

    def __init__(self, stream):
        self.lines = []
        logs.append(self)
        threading.Thread(target=self.read, args=(stream,), daemon=True).start()

    def read(self, stream):
        for line in stream:
            self.lines.append(line)

    def count(self, text):
        """How many lines hold a text."""
        return sum(text in line for line in self.lines)


def certificate():
    """A certificate of 127.0.0.1 that is its own authority."""
    cert, key = OUT / "cert.pem", OUT / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def endpoint(port, *options):
    """Starts an endpoint on a port."""
    command = [sys.executable, HERE / "endpoint.py", "--port", port, *options]
    return start(*command, stderr=subprocess.DEVNULL)


class Server:
    """The crosspoint binary with these addresses to publish to."""

    def __init__(self, cameras_port, publish, env):
        self.port = free_port()
        config = {
            "streams": {
                f"cam{c['camera']}": f"rtsp://127.0.0.1:{cameras_port}{c['path']}" for c in CAMERAS
            },
            "publish": publish,
            "api": {"listen": f"127.0.0.1:{self.port}"},
            "webrtc": {"listen": f"127.0.0.1:{free_port()}"},
            "log": {"level": os.environ.get("CROSSPOINT_LOG", "info")},
        }
        file = OUT / "crosspoint.yaml"
        file.write_text(json.dumps(config))
        env = {**os.environ, **env}
        self.child = start(BINARY, "run", "-c", file, stderr=subprocess.PIPE, env=env)
        self.log = Log(self.child.stderr)

    def get(self, path):
        """What it serves at a path."""
        return get(f"http://127.0.0.1:{self.port}{path}")

    def publishers(self, stream):
        """A stream's publishers, as the API shows them."""
        return json.loads(self.get("/api/streams"))[stream]["publishers"]

    def states(self, stream):
        """Their states."""
        return [publisher["state"] for publisher in self.publishers(stream)]


def main():
    began = time.monotonic()

    def passed(what):
        print(f"ok {time.monotonic() - began:5.1f} s  {what}", flush=True)

    OUT.mkdir(exist_ok=True)
    cert, key = certificate()
    cameras_port, plain_port, tls_port = free_port(), free_port(), free_port()
    cameras = start(
        "/usr/bin/python3", ROOT / "tests" / "cameras" / "gst_camera.py",
        "--port", cameras_port, "--cameras", json.dumps(CAMERAS),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    waiting = threading.Timer(CAMERAS_START_S, cameras.kill)
    waiting.start()
    assert "ready" in cameras.stdout.readline(), "the cameras did not start"
    waiting.cancel()
    began = time.monotonic()
    plain, tls = f"http://127.0.0.1:{plain_port}", f"https://127.0.0.1:{tls_port}"
    # By name: the resolver may give IPv6 first, where nobody listens.
    named = f"http://localhost:{plain_port}"
    first = endpoint(plain_port)
    endpoint(tls_port, "--token", TOKEN, "--cert", cert, "--key", key)
    eventually("the endpoints answer", 20, lambda: get(f"{plain}/rooms") and get(f"{tls}/rooms"))
    server = Server(
        cameras_port,
        {
            "cam1": [f"{named}/elsewhere/{ROOM}", {"url": f"{tls}/whip/x", "token": WRONG}],
            "cam2": {"url": f"{tls}/whip/{ROOM}", "token": "${TOKEN}"},
        },
        {"TOKEN": TOKEN, "SSL_CERT_FILE": str(cert)},
    )

    def room(base):
        return json.loads(get(f"{base}/rooms"))[ROOM]

    def pictures(base, camera, at_least):
        """That many pictures have come, all of them of that camera."""
        found = room(base)
        assert not found["unreadable"], f"pictures without a valid bar code: {found}"
        assert set(found["seen"]) <= {str(camera)}, f"pictures of another camera: {found}"
        return found["seen"].get(str(camera), 0) >= at_least

    eventually("camera 1 arrives", 15, lambda: pictures(plain, 1, 60))
    passed("baseline over HTTP behind a redirection: 60 pictures, each with its bar code")
    eventually("camera 2 arrives", 15, lambda: pictures(tls, 2, 60))
    passed("high profile over HTTPS with a token: 60 pictures, each with its bar code")

    states = server.states("cam1")
    assert states == ["publishing", "failed"], states
    refused = server.publishers("cam1")[1]
    assert "401" in refused["error"] and "token" in refused["error"], refused
    assert server.states("cam2") == ["publishing"]
    assert server.log.count("401") == 1, server.log.lines
    passed("a wrong token is a clear status, logged once")

    before, killed_at = room(tls)["seen"]["2"], time.monotonic()
    first.kill()
    first.wait()
    eventually("the loss is seen", 20, lambda: server.states("cam1")[0] == "failed")
    passed("a killed endpoint is a failed publisher")
    endpoint(plain_port)
    eventually("camera 1 is back", RECONNECT_S, lambda: pictures(plain, 1, 60))
    assert server.states("cam1")[0] == "publishing"
    passed("a restarted endpoint gets 60 pictures again")
    # 30 a second; a loaded machine decodes in bursts.
    enough = before + int(20 * (time.monotonic() - killed_at))
    eventually("camera 2 never stopped", 5, lambda: pictures(tls, 2, enough))
    assert room(tls)["sessions"] == 1, room(tls)
    passed("the other publisher's pictures never stopped")

    metrics = server.get("/metrics")
    assert 'crosspoint_publisher_sessions_total{stream="cam1",publisher="0"' in metrics
    server.child.send_signal(signal.SIGTERM)
    assert server.child.wait(5) == 0
    for base in (plain, tls):
        eventually("the session is deleted", 2, lambda: room(base)["deleted"] == 1)
    passed("the end of the program ends the sessions")

    shown = "".join(server.log.lines) + metrics + json.dumps(refused)
    for secret in (TOKEN, ROOM, WRONG):
        assert secret not in shown, f"{secret} shows"
    passed("no token and no path shows in log, API or metrics")


if __name__ == "__main__":
    try:
        main()
    except AssertionError:
        print("".join(line for log in logs for line in log.lines), file=sys.stderr)
        raise
    finally:
        for each in children:
            each.kill()
