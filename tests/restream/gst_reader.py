#!/usr/bin/python3
"""Bar codes of the first pictures that GStreamer shows of an RTSP stream, as JSON.

    gst_reader.py URL USER PASSWORD tcp|udp COUNT
"""

import json
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstApp, GstVideo  # noqa: E402, F401

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cameras"))
import barcode  # noqa: E402


def main():
    url, user, password, transport, count = sys.argv[1:]
    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"rtspsrc name=source protocols={transport} latency=200 ! rtph264depay ! h264parse ! "
        "openh264dec ! video/x-raw,format=I420 ! appsink name=sink sync=false"
    )
    source = pipeline.get_by_name("source")
    for name, value in [("location", url), ("user-id", user), ("user-pw", password)]:
        source.set_property(name, value)
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    seen = []
    while len(seen) < int(count):
        sample = sink.try_pull_sample(20 * Gst.SECOND)
        if sample is None:
            message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
            sys.exit(message.parse_error()[0].message if message else "no picture in 20 s")
        seen.append(read(sample))
    pipeline.set_state(Gst.State.NULL)
    print(json.dumps(seen))


def read(sample):
    """Camera and number of a picture."""
    meta = GstVideo.buffer_get_video_meta(sample.get_buffer())
    structure = sample.get_caps().get_structure(0)
    width, height = structure.get_value("width"), structure.get_value("height")
    stride = meta.stride[0] if meta else (width + 3) // 4 * 4
    found, mapped = sample.get_buffer().map(Gst.MapFlags.READ)
    assert found
    try:
        return barcode.read(mapped.data, stride, width, height)
    finally:
        sample.get_buffer().unmap(mapped)


if __name__ == "__main__":
    main()
