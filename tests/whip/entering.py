"""What aiortc publishes to us by WHIP arrives: read back over RTSP, picture by picture."""

import asyncio
import sys
import time
import urllib.error
import urllib.request
from fractions import Fraction
from pathlib import Path

import aioice.ice
import av
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "cameras")]

import barcode  # noqa: E402
from harness import Server, eventually, passed, run  # noqa: E402

OUT = HERE / "out"
TOKEN = "hunter5-token"
CAMERA, WIDTH, HEIGHT, FPS = 7, 640, 360, 25
PICTURES = 100

# The tests stay on this machine; aioice leaves loopback out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Pictures(VideoStreamTrack):
    """Grey pictures, numbered in the bar code."""

    count = 0

    async def recv(self):
        """The next picture, when it is due."""
        self.count += 1
        if self.count == 1:
            self.began = time.monotonic()
        await asyncio.sleep(self.began + self.count / FPS - time.monotonic())
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        strip = barcode.strip_row(CAMERA, self.count, WIDTH) * barcode.strip_height(HEIGHT)
        for plane, grey in zip(frame.planes, (100, 128, 128), strict=True):
            data = bytearray([grey]) * plane.buffer_size
            if plane.width == WIDTH and plane.line_size == WIDTH:
                data[: len(strip)] = strip
            plane.update(bytes(data))
        frame.pts, frame.time_base = self.count * 90_000 // FPS, Fraction(1, 90_000)
        return frame


def request(method, url, body=None, token=TOKEN):
    """The status, the Location and the text."""
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
    sent = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=5) as response:
            return response.status, response.headers["Location"], response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, None, error.read().decode()


def watch(url):
    """The numbers of so many pictures."""
    numbers = []
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as stream:
        for frame in stream.decode(video=0):
            plane = frame.planes[0]
            code = barcode.read(bytes(plane), plane.line_size, frame.width, frame.height)
            assert code and code[0] == CAMERA, f"a picture without the bar code: {code}"
            numbers.append(code[1])
            if len(numbers) == PICTURES:
                return numbers
    return numbers


async def publish(server, codec):
    base = f"http://127.0.0.1:{server.port}"
    address = f"{base}/api/webrtc?dst=stage"
    peer = RTCPeerConnection()
    sender = peer.addTransceiver(Pictures(), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    sender.setCodecPreferences([each for each in codecs if each.mimeType == f"video/{codec}"])
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp.encode()
    status, location, text = request("POST", address, offer)
    assert status == 201, f"{codec}: {status} {text}"
    assert request("POST", address, offer, "wrong")[0] == 401
    passed(f"{codec} with the token is taken, a wrong token is not")
    await peer.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))

    def is_live():
        return server.stream("stage")["state"] == "live"

    await asyncio.to_thread(eventually, "the stream is live", 15, is_live)
    rtsp = f"rtsp://127.0.0.1:{server.rtsp_port}/stage"
    numbers = await asyncio.to_thread(watch, rtsp)
    assert numbers == list(range(numbers[0], numbers[0] + PICTURES)), numbers
    passed(f"{PICTURES} pictures of {codec} over RTSP, each with its bar code, none missing")

    assert request("DELETE", base + location)[0] == 200
    assert server.stream("stage")["state"] == "offline"
    assert request("DELETE", base + location)[0] == 404
    await peer.close()
    passed("DELETE ends it")
    assert TOKEN not in server.log.text()


def main():
    OUT.mkdir(exist_ok=True)
    server = Server(OUT, {"streams": {"stage": {"token": TOKEN}}, "rtsp": {}})
    for codec in ("H264", "VP8"):
        asyncio.run(publish(server, codec))


if __name__ == "__main__":
    run(main)
