"""The sound of a test camera: a tone, or a beep that begins and ends with known frames.

The sound of a frame lasts from that frame's instant to the next one's. A tone has whole cycles in
each frame, so that all of them are alike.
"""

import math
import struct
import subprocess

# Codec: samples in a second, and from those to the payloader `pay1`.
CODECS = {
    "pcmu": (8000, "mulawenc ! rtppcmupay pt=0"),
    "pcma": (8000, "alawenc ! rtppcmapay pt=8"),
    "opus": (48000, "opusenc frame-size=20 ! rtpopuspay pt=97"),
    "aac": (16000, "voaacenc ! rtpmp4gpay pt=97"),
    # GStreamer's own encoder is in a package of its own: ffmpeg has encoded it already.
    "g722": (16000, "rtpg722pay pt=9"),
}
AMPLITUDE = 8000


class Sound:
    """What stands under the keys `audio`, `tone_hz`, `beep` and `packet_ms` of a camera."""

    def __init__(self, values, spec):
        self.codec = values["audio"]
        self.rate, self.encoder = CODECS[self.codec]
        self.samples = self.rate // spec.fps
        tone_hz = values.get("tone_hz", 1000)
        if self.rate % spec.fps or tone_hz % spec.fps:
            raise ValueError(f"no whole samples or cycles in a frame: {values}")
        step = 2 * math.pi * tone_hz / self.rate
        wave = [round(AMPLITUDE * math.sin(step * i)) for i in range(self.samples)]
        self.tone = struct.pack(f"<{self.samples}h", *wave)
        self.silence = bytes(len(self.tone))
        self.period, self.length = values.get("beep", (1, 1))
        self.packet_ms = values.get("packet_ms")
        self.encoded = self.encode(spec) if self.codec == "g722" else None

    def encode(self, spec):
        """All frames' sound as G.722: half a byte a sample."""
        raw = b"".join(self.raw(number) for number in range(spec.frames))
        command = ["ffmpeg", "-loglevel", "error", "-f", "s16le", "-ar", "16000", "-ac", "1"]
        command += ["-i", "-", "-c:a", "g722", "-f", "g722", "-"]
        return subprocess.run(command, input=raw, stdout=subprocess.PIPE, check=True).stdout

    def raw(self, number):
        """The samples of a frame."""
        return self.tone if number % self.period < self.length else self.silence

    def chunk(self, number):
        """The sound of a frame, as it goes into the pipeline."""
        if self.encoded is None:
            return self.raw(number)
        size = self.samples // 2
        return self.encoded[number * size : (number + 1) * size]

    def caps(self):
        """What that is."""
        if self.encoded is not None:
            return "audio/G722,rate=16000,channels=1"
        return f"audio/x-raw,format=S16LE,layout=interleaved,rate={self.rate},channels=1"

    def launch(self):
        """The whole branch, from the source to the payloader."""
        time = self.packet_ms and self.packet_ms * 1_000_000
        packets = f" min-ptime={time} max-ptime={time}" if time else ""
        return (
            "appsrc name=sound is-live=true format=time block=false max-bytes=8000000 "
            f"! {self.encoder}{packets} name=pay1 "
        )
