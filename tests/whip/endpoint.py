"""A small WHIP endpoint (RFC 9725) on aiortc, which decodes what it is sent.

    endpoint.py --port 8080 [--token T] [--cert C --key K]

POST /whip/NAME takes an offer, POST /elsewhere/NAME redirects there, DELETE on the session's
Location ends it. GET /rooms says what came: by name the sessions begun and deleted, and of the
pictures those with a valid bar code by camera number, those without, and the newest number; of
the pieces of sound those that sound and those that are silent.
"""

import argparse
import asyncio
import ssl
import sys
from pathlib import Path

import aioice.ice
from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cameras"))
sys.dont_write_bytecode = True
import barcode  # noqa: E402

# The tests stay on this machine; aioice leaves loopback out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Room:
    """What came under one name."""

    def __init__(self):
        self.sessions = self.deleted = self.unreadable = self.newest = 0
        self.sounds = self.silent = 0
        self.seen = {}

    def picture(self, frame):
        """Reads one picture's bar code."""
        plane = frame.planes[0]
        code = barcode.read(bytes(plane), plane.line_size, frame.width, frame.height)
        if code is None:
            self.unreadable += 1
            return
        camera, self.newest = code
        self.seen[camera] = self.seen.get(camera, 0) + 1

    def sound(self, frame):
        """Listens to one piece of sound."""
        if any(bytes(frame.planes[0])):
            self.sounds += 1
        else:
            self.silent += 1


class Endpoint:
    """All sessions."""

    def __init__(self, token):
        self.token = token
        self.rooms = {}
        self.peers = {}

    async def post(self, request):
        """An offer: 201 with the answer."""
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        room = self.rooms.setdefault(request.match_info["room"], Room())
        peer = RTCPeerConnection()
        tasks = set()

        @peer.on("track")
        def on_track(track):
            task = asyncio.ensure_future(watch(track, room))
            tasks.add(task)

        offer = RTCSessionDescription(sdp=await request.text(), type="offer")
        await peer.setRemoteDescription(offer)
        await peer.setLocalDescription(await peer.createAnswer())
        room.sessions += 1
        name = str(len(self.peers))
        self.peers[name] = (peer, room, tasks)
        headers = {"Location": f"../sessions/{name}"}
        answer = peer.localDescription.sdp
        return web.Response(
            status=201, text=answer, content_type="application/sdp", headers=headers
        )

    async def redirect(self, request):
        """Leads to the other path."""
        location = f"/whip/{request.match_info['room']}"
        return web.Response(status=307, headers={"Location": location})

    async def delete(self, request):
        """Ends a session."""
        peer, room, _ = self.peers[request.match_info["session"]]
        room.deleted += 1
        await peer.close()
        return web.Response()

    async def show(self, _request):
        """What came."""
        return web.json_response({name: vars(room) for name, room in self.rooms.items()})


async def watch(track, room):
    """Decodes a track to its end."""
    try:
        while True:
            frame = await track.recv()
            room.sound(frame) if track.kind == "audio" else room.picture(frame)
    except MediaStreamError:
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    endpoint = Endpoint(options.token)
    app = web.Application()
    app.router.add_post("/whip/{room}", endpoint.post)
    app.router.add_post("/elsewhere/{room}", endpoint.redirect)
    app.router.add_delete("/sessions/{session}", endpoint.delete)
    app.router.add_get("/rooms", endpoint.show)
    context = None
    if options.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    web.run_app(app, host="127.0.0.1", port=options.port, ssl_context=context, print=None)


if __name__ == "__main__":
    main()
