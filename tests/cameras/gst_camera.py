#!/usr/bin/python3
"""RTSP cameras for the tests, on gst-rtsp-server (Debian's python3-gi and GstRtspServer).

    gst_camera.py --port 8554 --cameras '[{"path": "/cam1", "camera": 1, "gop": 60}, ...]'

Each camera runs continuously: at any instant it sends the frame whose number belongs to that
instant, n = floor(unix_ms * fps / 1000) mod frames, so a client that connects joins it in the
middle of a GOP, as with a real camera. A camera's keys are those of clip.ClipSpec and:

    path            of its RTSP address
    encoder         "clip" (default: pre-encoded, deaf to PLI) or "live" (x264enc, which answers
                    PLI and FIR with an IDR; keep it small, it costs processor time)
    parameter_sets  "in-band" (default: before every IDR) or "sdp" (only in the description)
    audio           "pcmu", "pcma", "g722", "opus" or "aac"; none if absent
    tone_hz         of its tone, 1000 unless given: a multiple of fps
    beep            [period, length] in frames: the tone is heard from each frame whose number is a
                    multiple of the period on, for so many frames; always if absent
    lag             frames by which its video is late, as if the encoder were slow; its audio is not
    packet_ms       in one packet of pcmu, pcma or g722; a frame's unless given

--ignore-pli makes live cameras deaf as well; --key-on-play has them begin each session with an IDR,
--sessions is how many sessions there may be; --user and --password ask for digest
authentication; --certificate (a PEM file that holds the key as well) puts all of it behind TLS;
--multicast serves by multicast and in no other way; --address is where it listens. HTTP tunnels come in on the same port. Once all are served, a line with "ready" and each camera's modulus is printed.
Then one JSON command a line is read from standard input and answered by one line:

    {"do": "freeze", "path": P}        the camera stays connected and sends nothing
    {"do": "thaw", "path": P}          it sends again, from its next IDR on
    {"do": "clip", "path": P, "clip": {"width": ...}}   another picture size from the next IDR on
    {"do": "key", "path": P}           a live camera sends an IDR, deaf to PLI or not
    {"do": "clients"}                  how many clients are connected

It ends when its standard input does.
"""

import argparse
import json
import sys
import threading
import time

import gi

gi.require_version("Gio", "2.0")
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402, F401

sys.dont_write_bytecode = True
import barcode  # noqa: E402
import clip  # noqa: E402
import sound  # noqa: E402

ROLE = "viewer"


class ClipFrames:
    """Frames of a pre-encoded clip, as `avc` access units by frame number."""

    def __init__(self, spec, in_band):
        units = clip.access_units(clip.make(spec).read_bytes())
        sets = {nal[0] & 31: nal for nal in units[0]}
        self.spec, self.sps, self.pps = spec, sets[7], sets[8]
        keep = (1, 5, 7, 8) if in_band else (1, 5)
        self.units = [
            b"".join(len(n).to_bytes(4, "big") + n for n in unit if n[0] & 31 in keep)
            for unit in units
        ]

    def caps(self):
        """Caps with the parameter sets, so that a description needs no IDR to have passed."""
        record = b"\x01" + self.sps[1:4] + b"\xff\xe1" + len(self.sps).to_bytes(2, "big")
        record += self.sps + b"\x01" + len(self.pps).to_bytes(2, "big") + self.pps
        return (
            "video/x-h264,stream-format=avc,alignment=au,"
            f"width={self.spec.width},height={self.spec.height},"
            f"framerate={self.spec.fps}/1,codec_data=(buffer){record.hex()}"
        )

    def frame(self, number):
        """The access unit with that number."""
        return self.units[(number - self.spec.phase) % self.spec.frames]

    def is_idr(self, number):
        """Whether that frame begins a GOP."""
        return (number - self.spec.phase) % self.spec.gop == 0

    def launch(self):
        """What stands between the source and the payloader."""
        return ""


class LiveFrames:
    """Raw pictures: a still ramp under the moving strip, encoded by x264enc as they come."""

    def __init__(self, spec, ignore_pli):
        self.spec, self.ignore_pli = spec, ignore_pli
        width, height = spec.width, spec.height
        self.strip = barcode.strip_height(height)
        body = b"".join(
            bytes(40 + (x + y * 2) // 8 % 180 for x in range(width))
            for y in range(self.strip, height)
        )
        self.rest = body + b"\x80" * (width * height // 2)

    def caps(self):
        """Caps of the raw pictures."""
        spec = self.spec
        return (
            f"video/x-raw,format=I420,width={spec.width},height={spec.height},"
            f"framerate={spec.fps}/1"
        )

    def frame(self, number):
        """The raw picture with that number."""
        row = barcode.strip_row(self.spec.camera, number, self.spec.width)
        return row * self.strip + self.rest

    def is_idr(self, _number):
        """The encoder decides; a change of pictures may happen at any frame."""
        return True

    def launch(self):
        """The encoder; behind an identity that drops upstream requests where it is deaf."""
        spec = self.spec
        profile = "constrained-baseline" if spec.profile == "baseline" else spec.profile
        deaf = " ! identity name=deaf" if self.ignore_pli else ""
        return (
            f"! x264enc tune=zerolatency speed-preset=ultrafast bitrate={spec.kbps} "
            f"key-int-max={spec.gop} option-string=scenecut=0:sliced-threads=0 "
            f"! video/x-h264,profile={profile},stream-format=byte-stream,alignment=au{deaf} "
        )


class Camera:
    """One RTSP path: its frames, and the source of the media that clients share."""

    def __init__(self, values, ignore_pli):
        self.path = values["path"]
        self.in_band = values.get("parameter_sets", "in-band") == "in-band"
        self.live = values.get("encoder", "clip") == "live"
        self.ignore_pli = ignore_pli
        self.values = values
        self.frames = self.load(values)
        self.sound = sound.Sound(values, self.frames.spec) if "audio" in values else None
        self.sound_source = None
        self.lag = values.get("lag", 0)
        self.next_frames = None
        self.frozen = False
        self.waiting = False
        self.source = None
        self.start = None
        self.last = None

    def load(self, values):
        """The frames that a camera of these values sends."""
        spec = clip.ClipSpec.of(values)
        if self.live:
            return LiveFrames(spec, self.ignore_pli)
        return ClipFrames(spec, self.in_band)

    def factory(self):
        """The media factory, one pipeline for all clients."""
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(
            "( appsrc name=source is-live=true format=time block=false max-bytes=8000000 "
            f"{self.frames.launch()}! rtph264pay name=pay0 pt=96 config-interval=0 "
            f"{self.sound.launch() if self.sound else ''})"
        )
        factory.set_shared(True)
        factory.connect("media-configure", self.on_media)
        return factory

    def on_media(self, _factory, media):
        """A first client came: from now on frames go into this media."""
        source = media.get_element().get_child_by_name("source")
        source.set_property("caps", Gst.Caps.from_string(self.frames.caps()))
        self.sound_source = media.get_element().get_child_by_name("sound")
        if self.sound_source is not None:
            self.sound_source.set_property("caps", Gst.Caps.from_string(self.sound.caps()))
        deaf = media.get_element().get_child_by_name("deaf")
        if deaf is not None:
            deaf.get_static_pad("src").add_probe(
                Gst.PadProbeType.EVENT_UPSTREAM,
                lambda _pad, info: Gst.PadProbeReturn.DROP
                if info.get_event().has_name("GstForceKeyUnit")
                else Gst.PadProbeReturn.OK,
            )
        self.start, self.last = None, None
        self.source = source
        media.connect("unprepared", self.on_unprepared, source)
        media.get_element().get_parent().connect("element-added", report_capture_time)

    def on_unprepared(self, _media, source):
        """The last client left."""
        if self.source is source:
            self.source = None

    def force_key(self):
        """Has the encoder begin anew; the event is that of GstVideo's force-key-unit."""
        if self.source is not None:
            wish = Gst.Structure.new_from_string("GstForceKeyUnit, all-headers=(boolean)true;")
            wish = Gst.Event.new_custom(Gst.EventType.CUSTOM_DOWNSTREAM, wish)
            self.source.get_static_pad("src").push_event(wish)

    def due(self, now):
        """Seconds until the next frame's instant."""
        return 1 / self.frames.spec.fps - now % (1 / self.frames.spec.fps)

    def tick(self, now):
        """Sends the frames up to this instant that have not gone out, however late."""
        source = self.source
        count = int(now * self.frames.spec.fps)
        if source is None or count == self.last:
            return
        if self.last is None and not self.anchor(source, count):
            return
        # A skipped frame would break every picture up to the next IDR.
        for each in range(self.last + 1, count + 1):
            if each - self.lag >= self.start[0]:
                self.send(source, each - self.lag)
            # What was heard since the frame before has just been recorded.
            self.say(each - 1)
        self.last = count

    def anchor(self, source, count):
        """Puts this instant's frame at the present running time of a new media."""
        clock = source.get_clock()
        if clock is None:
            return False
        self.start = (count, clock.get_time() - source.get_base_time())
        self.last = count - 1
        self.waiting = False
        return True

    def say(self, count):
        """Hands one frame's sound to the media."""
        if self.sound_source is None or self.frozen:
            return
        fps = self.frames.spec.fps
        buffer = Gst.Buffer.new_wrapped(self.sound.chunk(count % self.frames.spec.frames))
        # The first sound is that of before the first frame: a media whose streams do not all begin
        # at once may begin with none.
        buffer.pts = max(0, self.start[1] + (count - self.start[0]) * Gst.SECOND // fps)
        buffer.duration = Gst.SECOND // fps
        self.sound_source.emit("push-buffer", buffer)

    def send(self, source, count):
        """Hands one frame to the media, unless the camera hangs or has to begin with an IDR."""
        following = self.next_frames
        if following and following.is_idr(count % following.spec.frames):
            self.frames, self.next_frames = following, None
        number = count % self.frames.spec.frames
        if self.frozen:
            self.waiting = True
            return
        if self.waiting and not self.frames.is_idr(number):
            return
        self.waiting = False
        fps = self.frames.spec.fps
        buffer = Gst.Buffer.new_wrapped(self.frames.frame(number))
        buffer.pts = self.start[1] + (count - self.start[0]) * Gst.SECOND // fps
        buffer.dts = buffer.pts
        buffer.duration = Gst.SECOND // fps
        source.emit("push-buffer", buffer)


def report_capture_time(_pipeline, element):
    """Sender reports tell when something was taken, and not when it was sent."""
    if element.get_factory() is not None and element.get_factory().get_name() == "rtpbin":
        element.set_property("rtcp-sync-send-time", False)


class Server:
    """All cameras of this process behind one port."""

    def __init__(self, options):
        self.cameras = {}
        self.server = GstRtspServer.RTSPServer()
        self.server.set_address(options.address)
        self.server.set_service(str(options.port))
        if options.sessions:
            self.server.get_session_pool().set_max_sessions(options.sessions)
        if options.key_on_play:
            self.server.connect("client-connected", self.on_client)
        auth = authentication(options)
        if auth is not None:
            self.server.set_auth(auth)
        for values in json.loads(options.cameras):
            camera = Camera(values, options.ignore_pli)
            factory = camera.factory()
            if options.multicast:
                factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP_MCAST)
                factory.set_address_pool(multicast_groups())
            if auth is not None:
                factory.add_role_from_structure(viewer_role())
            self.server.get_mount_points().add_factory(camera.path, factory)
            self.cameras[camera.path] = camera
        if not self.server.attach(None):
            sys.exit(f"port {options.port} is taken")

    def on_client(self, _server, client):
        """A client came: each PLAY of it has the encoder begin anew."""

        def on_play(_client, context):
            camera = self.cameras.get(context.uri.abspath)
            if camera is not None:
                camera.force_key()

        client.connect("play-request", on_play)

    def pace(self):
        """The thread that sends every camera's frames at their instants."""
        while True:
            now = time.time()
            for camera in self.cameras.values():
                camera.tick(now)
            time.sleep(max(0.0005, min(c.due(time.time()) for c in self.cameras.values())))

    def command(self, line):
        """Does what one line of standard input says; returns the answer."""
        values = json.loads(line)
        if values["do"] == "clients":
            return {"clients": len(self.server.client_filter(None))}
        camera = self.cameras[values["path"]]
        if values["do"] == "clip":
            camera.next_frames = camera.load({**camera.values, **values["clip"]})
        elif values["do"] == "key":
            camera.force_key()
        elif values["do"] in ("freeze", "thaw"):
            camera.frozen = values["do"] == "freeze"
        else:
            return {"error": "unknown command"}
        return {"ok": True}

    def listen(self, loop):
        """Reads commands until standard input ends."""
        for line in sys.stdin:
            try:
                answer = self.command(line)
            except (KeyError, ValueError) as error:
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)
        loop.quit()


def authentication(options):
    """Digest authentication with one user, TLS, both, or nothing."""
    if not options.user and not options.certificate:
        return None
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
    if options.user:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(options.user, options.password, token)
    else:
        auth.set_default_token(token)
    if options.certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.certificate))
    return auth


def multicast_groups():
    """Some groups of the range for private use (RFC 2365)."""
    pool = GstRtspServer.RTSPAddressPool()
    pool.add_range("239.255.12.1", "239.255.12.9", 5000, 5099, 1)
    return pool


def viewer_role():
    """The role that the one user has."""
    role = Gst.Structure.new_empty(ROLE)
    for permission in ("media.factory.access", "media.factory.construct"):
        role.set_value(permission, True)
    return role


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cameras", required=True, help="JSON list, see the module's text")
    parser.add_argument("--ignore-pli", action="store_true")
    parser.add_argument("--key-on-play", action="store_true")
    parser.add_argument("--sessions", type=int, default=0)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--certificate")
    parser.add_argument("--multicast", action="store_true")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    Gst.init(None)
    server = Server(options)
    loop = GLib.MainLoop()
    threading.Thread(target=server.pace, daemon=True).start()
    threading.Thread(target=server.listen, args=(loop,), daemon=True).start()
    moduli = {path: camera.frames.spec.frames for path, camera in server.cameras.items()}
    print(json.dumps({"ready": moduli}), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
