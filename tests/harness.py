"""What the scripts beside this have in common: programs that end with the test, the cameras of
cameras/, and crosspoint itself."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parent
BINARY = os.environ.get("CROSSPOINT", str(TESTS.parent / "target" / "release" / "crosspoint"))
# The first picture of a camera waits for its film to be encoded, on any machine.
CAMERAS_START_S = 300
PORT_TRIES = 5

began = time.monotonic()
children = []
logs = []


def run(main):
    """Runs a script; if it fails, with what the programs have said."""
    try:
        main()
    except AssertionError:
        print("".join(line for log in logs for line in log.lines), file=sys.stderr)
        raise
    finally:
        for child in children:
            child.kill()


def passed(what):
    print(f"ok {time.monotonic() - began:5.1f} s  {what}", flush=True)


def free_port():
    """A TCP port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*command, **options):
    """Runs a program that ends with the script."""
    options = {"text": True, **options}
    child = subprocess.Popen([str(word) for word in command], **options)
    children.append(child)
    return child


def eventually(what, timeout_s, check):
    """Waits until `check` gives something true, and returns it."""
    end = time.monotonic() + timeout_s
    last = None
    while time.monotonic() < end:
        try:
            last = check()
            if last:
                return last
        except (OSError, KeyError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s} s: {what}; at last {last!r}")


def start_cameras(cameras, *options, port=None, within=(), plug_in=None):
    """A server of these cameras: its process, its port and what it says when it is ready.
    `within` is a command that runs it, and that `plug_in` connects."""
    # Somebody else may take a free port first.
    for number in [port] if port else (free_port() for _ in range(PORT_TRIES)):
        child = start(
            *within, "/usr/bin/python3", TESTS / "cameras" / "gst_camera.py",
            "--port", number, "--cameras", json.dumps(cameras), *options,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        if plug_in:
            plug_in(child)
        waiting = threading.Timer(CAMERAS_START_S, child.kill)
        waiting.start()
        line = child.stdout.readline()
        waiting.cancel()
        if "ready" in line:
            return child, number, json.loads(line)["ready"]
    raise AssertionError(f"the cameras did not start: {options}")


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
        return sum(text in line for line in list(self.lines))

    def text(self):
        """All of it."""
        return "".join(self.lines)


class Server:
    """The crosspoint binary with this configuration, on ports of its own."""

    def __init__(self, out, config, env=None):
        self.port, self.rtsp_port = free_port(), free_port()
        config = {
            "api": {"listen": f"127.0.0.1:{self.port}"},
            "webrtc": {"listen": f"127.0.0.1:{free_port()}"},
            "log": {"level": os.environ.get("CROSSPOINT_LOG", "info")},
            **config,
        }
        if "rtsp" in config:
            config["rtsp"] = {"listen": f"127.0.0.1:{self.rtsp_port}", **config["rtsp"]}
        file = out / "crosspoint.yaml"
        file.write_text(json.dumps(config).replace("RTSP_PORT", str(self.rtsp_port)))
        env = {**os.environ, **(env or {})}
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        self.child = start(BINARY, "run", "-c", file, env=env, **pipes)
        self.log = Log(self.child.stderr)
        eventually("the server answers", 10, lambda: self.get("/healthz"))

    def get(self, path):
        """What it serves at a path."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
            return response.read().decode()

    def streams(self):
        """All streams, as the API shows them."""
        return json.loads(self.get("/api/streams"))

    def stream(self, name):
        """One of them."""
        return self.streams()[name]

    def url(self, name, user=None):
        """A stream's address."""
        login = f"{user[0]}:{user[1].replace(' ', '%20')}@" if user else ""
        return f"rtsp://{login}127.0.0.1:{self.rtsp_port}/{name}"
