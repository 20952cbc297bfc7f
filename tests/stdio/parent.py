"""A parent of `crosspoint record --stdio`: every line that it reads or writes is checked against
the published schema."""

import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import jsonschema

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import BINARY, Log, start  # noqa: E402

SCHEMA = json.loads((HERE.parent.parent / "docs" / "stdio.schema.json").read_text())
PATIENCE_S = 20


def validator(name):
    return jsonschema.Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{name}"}]})


EVENT, COMMAND = validator("event"), validator("command")
seen = set()


class Child:
    """The program, and what it has told."""

    def __init__(self, *options, config=None, reads=True):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = start(BINARY, "record", "--stdio", *options, **pipes)
        self.log = Log(self.process.stderr)
        self.queue = queue.Queue()
        self.events = []
        if config is not None:
            self.write(json.dumps(config))
        if reads:
            threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.queue.put(json.loads(line))
        self.queue.put(None)

    def write(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def command(self, command, **keys):
        line = {"command": command, **keys}
        COMMAND.validate(line)
        self.write(json.dumps(line))

    def take(self, timeout_s):
        """The next event; none where nothing comes, or nothing more."""
        try:
            event = self.queue.get(timeout=max(timeout_s, 0))
        except queue.Empty:
            return None
        if event:
            EVENT.validate(event)
            seen.add(event["event"])
            self.events.append(event)
        return event

    def wait(self, name, timeout_s=PATIENCE_S, **keys):
        """The next event of this name with these keys."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            event = self.take(end - time.monotonic())
            if event is None and self.process.poll() is not None:
                break
            if event and event["event"] == name and keys.items() <= event.items():
                return event
        last = [event for event in self.events if event["event"] != "stats"][-12:]
        raise AssertionError(f"no {name} {keys}; at last {json.dumps(last, indent=1)}")

    def idle(self, seconds):
        """All events that come in this time."""
        end, count = time.monotonic() + seconds, len(self.events)
        while time.monotonic() < end:
            self.take(end - time.monotonic())
        return self.events[count:]

    def refused(self, line, code, **keys):
        """The error that a line brings."""
        self.write(line)
        return self.wait("error", code=code, **keys)

    def end(self):
        """Ends it as a parent does that ends itself; its exit status."""
        self.process.stdin.close()
        while self.take(PATIENCE_S) is not None:
            pass
        return self.process.wait(PATIENCE_S)

    def all(self, name, **keys):
        """Events of this name so far."""
        return [it for it in self.events if it["event"] == name and keys.items() <= it.items()]


def is_running(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def plays(file):
    """Fails where a file does not play without a word; the times of its pictures in seconds."""
    times = ["-fps_mode", "passthrough", "-enc_time_base", "-1"]
    command = ["ffmpeg", "-v", "error", "-i", file, *times, "-f", "null", "-"]
    played = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (played.returncode, played.stderr) == (0, ""), f"{file}: {played.stderr}"
    entries = ["-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    command = ["ffprobe", "-v", "error", *entries, file]
    packets = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted(float(line.strip(",")) for line in packets.split())
