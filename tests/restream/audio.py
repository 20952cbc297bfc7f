"""Sound of every codec: pushed by ffmpeg, pulled by a second server, read by ffmpeg beside its
pictures and recorded; each time it is the tone that was sent."""

import array
import json
import math
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import Server, eventually, passed, run, start  # noqa: E402

# Stream: ffmpeg's encoder and its options, the name it is shown under, its tone in Hz.
SOUNDS = {
    "pcmu": (["pcm_mulaw", "-ar", "8000", "-ac", "1"], "PCMU", 500),
    "pcma": (["pcm_alaw", "-ar", "8000", "-ac", "1"], "PCMA", 600),
    "g722": (["g722", "-ar", "16000", "-ac", "1"], "G722", 700),
    "opus": (["libopus", "-ar", "48000", "-ac", "2"], "OPUS", 800),
    "aac": (["aac", "-ar", "16000", "-ac", "1"], "AAC", 900),
    "aac-stereo": (["aac", "-ar", "44100", "-ac", "2", "-b:a", "128k"], "AAC", 1000),
}
LISTENED_S = 3
HEARD_HZ = 48_000
# ffmpeg moves a track once it has both tracks' reports. Over TCP these come before the first
# packets; over UDP they come by another socket, which it may read later.
MOVED = "non monotonically increasing dts"


def push(name, url):
    """An ffmpeg that sends pictures and a tone until the test ends."""
    encoder, _, tone_hz = SOUNDS[name]
    return start(
        "ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i",
        "testsrc2=size=320x180:rate=15", "-re", "-f", "lavfi", "-i",
        f"sine=frequency={tone_hz}:sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast",
        "-tune", "zerolatency", "-g", 15, "-bf", 0, "-c:a", *encoder,
        "-f", "rtsp", "-rtsp_transport", "tcp", url,
    )  # fmt: skip


def tone(*source, may_move=False):
    """The pitch that ffmpeg hears, in Hz, and for how long; it must have nothing to complain of."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", *map(str, source), "-map", "0:a", "-ac", "1", "-ar",
         str(HEARD_HZ), "-f", "s16le", "-"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.decode().splitlines() if not (may_move and MOVED in line)]
    assert done.returncode == 0 and not said, said
    samples = array.array("h", done.stdout[: len(done.stdout) // 2 * 2])
    # Without the beginning: decoders fade in.
    steady = samples[HEARD_HZ // 2 :]
    rises = [n for n, (a, b) in enumerate(zip(steady, steady[1:])) if a < 0 <= b]
    assert len(rises) > 100, f"{len(rises)} waves in {len(samples) / HEARD_HZ:.1f} s"
    loudness = math.sqrt(sum(sample * sample for sample in steady) / len(steady))
    assert loudness > 1000, f"an amplitude of {loudness:.0f}"
    hz = (len(rises) - 1) * HEARD_HZ / (rises[-1] - rises[0])
    return hz, len(samples) / HEARD_HZ


def check(name, hz):
    """It is that stream's tone."""
    assert abs(hz - SOUNDS[name][2]) < hz / 100, f"{name}: {hz:.1f} Hz"


def probed(*source):
    """Codecs of the tracks."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "json",
         *map(str, source)],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return sorted(stream["codec_name"] for stream in json.loads(done.stdout)["streams"])


def main():
    shutil.rmtree(OUT / "pulls", ignore_errors=True)
    (OUT / "pulls").mkdir(parents=True)
    first = Server(OUT, {"streams": dict.fromkeys(SOUNDS), "rtsp": {}})
    second = Server(
        OUT / "pulls",
        {
            "streams": {name: first.url(name) for name in SOUNDS},
            "rtsp": {},
            "record": {name: f"{OUT}/pulls/rec/{{stream}}" for name in SOUNDS},
        },
    )
    publishers = [push(name, first.url(name)) for name in SOUNDS]
    for server in (first, second):
        for name, (_, codec, _) in SOUNDS.items():
            eventually(f"{name} is live", 30, lambda: server.stream(name)["state"] == "live")
            shown = server.stream(name)["audio"]
            assert shown["codec"] == codec, shown
            assert ("error" in shown) == (codec == "AAC"), shown
    passed("six streams with sound are pushed, pulled, and said to have it")

    for server, transport in ((first, "tcp"), (second, "udp")):

        def listen(name):
            source = ["-rtsp_transport", transport, "-i", server.url(name), "-t", LISTENED_S]
            return tone(*source, may_move=transport == "udp")

        with ThreadPoolExecutor(len(SOUNDS)) as pool:
            heard = dict(zip(SOUNDS, pool.map(listen, SOUNDS)))
        for name, (hz, seconds) in heard.items():
            check(name, hz)
            assert seconds > LISTENED_S - 0.5, f"{name}: {seconds:.1f} s"
            passed(f"{name}: ffmpeg hears {hz:.1f} Hz over {transport}")

    for child in publishers:
        child.kill()
    for server in (first, second):
        server.child.send_signal(signal.SIGTERM)
        assert server.child.wait(10) == 0
    for name in SOUNDS:
        (file,) = (OUT / "pulls" / "rec").glob(f"{name}.*")
        hz, seconds = tone("-i", file)
        check(name, hz)
        assert seconds > 2 * LISTENED_S, f"{file}: {seconds:.1f} s"
        tracks = probed(file)
        assert len(tracks) == 2, tracks
        passed(f"{file.name}: {seconds:.1f} s of {hz:.1f} Hz, {' and '.join(tracks)}")


if __name__ == "__main__":
    run(main)
