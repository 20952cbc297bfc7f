"""What is published arrives: checked at the endpoint of endpoint.py, picture by picture."""

import json
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import Server as Crosspoint  # noqa: E402
from harness import eventually, free_port, passed, run, start, start_cameras  # noqa: E402

OUT = HERE / "out"
TOKEN = "hunter2-token"
ROOM = "hunter3-room"
WRONG = "hunter4-wrong"
# Camera 1 has the profile that every decoder takes, and sound, camera 2 one that aiortc does not
# name.
CAMERAS = [
    {"path": "/cam1", "camera": 1, "profile": "baseline", "fps": 25, "audio": "pcmu"},
    {"path": "/cam2", "camera": 2, "profile": "high"},
]
# Silence is believed after 15 s; then come the DELETE and the back-off.
RECONNECT_S = 30


def get(url):
    """The body at an address."""
    context = ssl._create_unverified_context() if url.startswith("https") else None
    with urllib.request.urlopen(url, timeout=5, context=context) as response:
        return response.read().decode()


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


class Server(Crosspoint):
    """The crosspoint binary with these addresses to publish to."""

    def publishers(self, stream):
        """A stream's publishers, as the API shows them."""
        return self.stream(stream)["publishers"]

    def states(self, stream):
        """Their states."""
        return [publisher["state"] for publisher in self.publishers(stream)]


def main():
    OUT.mkdir(exist_ok=True)
    cert, key = certificate()
    _, cameras_port, _ = start_cameras(CAMERAS)
    plain_port, tls_port = free_port(), free_port()
    plain, tls = f"http://127.0.0.1:{plain_port}", f"https://127.0.0.1:{tls_port}"
    # By name: the resolver may give IPv6 first, where nobody listens.
    named = f"http://localhost:{plain_port}"
    first = endpoint(plain_port)
    endpoint(tls_port, "--token", TOKEN, "--cert", cert, "--key", key)
    eventually("the endpoints answer", 20, lambda: get(f"{plain}/rooms") and get(f"{tls}/rooms"))
    cameras = {c["path"][1:]: f"rtsp://127.0.0.1:{cameras_port}{c['path']}" for c in CAMERAS}
    publish = {
        "cam1": [f"{named}/elsewhere/{ROOM}", {"url": f"{tls}/whip/x", "token": WRONG}],
        "cam2": {"url": f"{tls}/whip/{ROOM}", "token": "${TOKEN}"},
    }
    config = {"streams": cameras, "publish": publish}
    server = Server(OUT, config, {"TOKEN": TOKEN, "SSL_CERT_FILE": str(cert)})

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
    eventually("its sound arrives", 5, lambda: room(plain)["sounds"] >= 50)
    assert room(plain)["silent"] <= 5, room(plain)
    passed("its sound goes along")
    eventually("camera 2 arrives", 15, lambda: pictures(tls, 2, 60))
    passed("high profile over HTTPS with a token: 60 pictures, each with its bar code")

    states = server.states("cam1")
    assert states == ["publishing", "failed"], states
    refused = server.publishers("cam1")[1]
    assert "401" in refused["error"] and "token" in refused["error"], refused
    assert server.states("cam2") == ["publishing"]
    assert server.log.count("HTTP 401") == 1, server.log.lines
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

    shown = server.log.text() + metrics + json.dumps(refused)
    for secret in (TOKEN, ROOM, WRONG):
        assert secret not in shown, f"{secret} shows"
    passed("no token and no path shows in log, API or metrics")


if __name__ == "__main__":
    run(main)
