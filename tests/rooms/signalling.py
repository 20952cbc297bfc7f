#!/usr/bin/env python3
"""A signalling server for rooms, of either kind, without anything but Python.

    tests/rooms/signalling.py assigned|custom [[ADDRESS:]PORT [CERTIFICATE KEY]]

Prints `ws://ADDRESS:PORT` when it listens; port 0 is any free one, and the address this machine's
own unless given. With a certificate it listens through TLS as well, and prints `wss://ADDRESS:PORT`
behind it. Every line that it then gets on standard input is a command: `drop` closes all
connections, `count` prints how many there were. It ends with its input.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import ssl
import struct
import sys

# RFC 6455 section 1.3.
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE_MAX_BYTES = 256 * 1024


class Client:
    def __init__(self, writer):
        self.writer = writer
        self.uuid = secrets.token_hex(10)
        self.room = None
        self.stream = None

    def send(self, message):
        payload = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
        self.frame(0x1, payload)

    def frame(self, opcode, payload):
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 127, length)
        if not self.writer.is_closing():
            self.writer.write(head + payload)


class Assigned:
    """Names its clients, and tells each whom a message is from."""

    def __init__(self):
        self.clients = []
        self.wanted = {}

    def left(self, client):
        for wanted in self.wanted.values():
            wanted.discard(client)

    def others(self, client):
        mates = [c for c in self.clients if c is not client and c.room == client.room]
        return mates if client.room else []

    def publisher(self, stream):
        return next((c for c in self.clients if c.stream == stream), None)

    def message(self, client, message):
        request, stream = message.get("request"), message.get("streamID")
        if request == "joinroom":
            client.room = message.get("roomid")
            mates = self.others(client)
            listed = [
                {"UUID": c.uuid, "streamID": c.stream} if c.stream else {"UUID": c.uuid}
                for c in mates
            ]
            client.send({"request": "listing", "list": listed})
            for mate in mates:
                mate.send({"request": "someonejoined", "UUID": client.uuid})
        elif request == "seed":
            if self.publisher(stream) not in (None, client):
                words = "Stream ID is already in use."
                client.send({"request": "alert", "message": words})
                return
            client.stream = stream
            for viewer in self.wanted.get(stream, set()):
                client.send({"request": "offerSDP", "UUID": viewer.uuid})
            added = {"request": "videoaddedtoroom", "UUID": client.uuid, "streamID": stream}
            for mate in self.others(client):
                mate.send(added)
        elif request == "play":
            self.wanted.setdefault(stream, set()).add(client)
            publisher = self.publisher(stream)
            if publisher:
                publisher.send({"request": "offerSDP", "UUID": client.uuid})
        elif request is None:
            to = next((c for c in self.clients if c.uuid == message.get("UUID")), None)
            if to:
                to.send({**message, "UUID": client.uuid})


class Custom:
    """Tells everybody everything, but for what is for one."""

    def __init__(self):
        self.clients = []

    def left(self, client):
        pass

    def message(self, client, message):
        request, stream = message.get("request"), message.get("streamID")
        client.uuid = message.get("from", client.uuid)
        if request in ("joinroom", "seed"):
            client.stream = stream or client.stream
        for other in self.clients:
            is_for = message.get("UUID", other.uuid) == other.uuid
            has = request != "play" or other.stream == stream
            if other is not client and is_for and has:
                other.send(message)


async def read_frame(reader):
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", await reader.readexactly(8))
    if length > MESSAGE_MAX_BYTES or not second & 0x80:
        raise ConnectionError("not a client's frame")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(length)
    plain = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return first & 0x80, first & 0x0F, plain


async def serve(server, reader, writer):
    client = Client(writer)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.split(b"\r\n")]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + MAGIC).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        server.clients.append(client)
        server.opened = getattr(server, "opened", 0) + 1
        text = b""
        while True:
            is_last, opcode, payload = await read_frame(reader)
            if opcode == 0x8:
                client.frame(0x8, payload)
                break
            if opcode == 0x9:
                client.frame(0xA, payload)
            elif opcode in (0x0, 0x1):
                text += payload
                if is_last:
                    server.message(client, json.loads(text))
                    text = b""
    except (OSError, EOFError, KeyError, ValueError, asyncio.LimitOverrunError):
        pass
    finally:
        if client in server.clients:
            server.clients.remove(client)
        server.left(client)
        writer.close()


async def main():
    server = {"assigned": Assigned, "custom": Custom}[sys.argv[1]]()
    address, _, port = (sys.argv[2] if len(sys.argv) > 2 else "0").rpartition(":")
    address = address or "127.0.0.1"

    async def connected(reader, writer):
        try:
            await serve(server, reader, writer)
        except asyncio.CancelledError:
            pass  # The program ends.

    listener = await asyncio.start_server(connected, address, int(port))
    addresses = f"ws://{address}:{listener.sockets[0].getsockname()[1]}"
    if len(sys.argv) > 4:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(sys.argv[3], sys.argv[4])
        secure = await asyncio.start_server(connected, address, 0, ssl=tls)
        addresses += f" wss://{address}:{secure.sockets[0].getsockname()[1]}"
    print(addresses, flush=True)
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        if line.strip() == b"drop":
            for client in list(server.clients):
                client.writer.close()
        elif line.strip() == b"count":
            print(getattr(server, "opened", 0), flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (IndexError, KeyError):
        sys.exit(__doc__)
