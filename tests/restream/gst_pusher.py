#!/usr/bin/python3
"""Pushes an H.264 file to an RTSP server by GStreamer, at its pace, once.

    gst_pusher.py FILE FPS URL USER PASSWORD
"""

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402


def main():
    file, fps, url, user, password = sys.argv[1:]
    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"filesrc location={file} ! h264parse ! video/x-h264,framerate={fps}/1 ! "
        f"identity sync=true ! rtspclientsink name=sink protocols=tcp location={url}"
    )
    sink = pipeline.get_by_name("sink")
    sink.set_property("user-id", user)
    sink.set_property("user-pw", password)
    pipeline.set_state(Gst.State.PLAYING)
    ends = Gst.MessageType.ERROR | Gst.MessageType.EOS
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, ends)
    if message.type == Gst.MessageType.ERROR:
        sys.exit(str(message.parse_error()))


if __name__ == "__main__":
    main()
