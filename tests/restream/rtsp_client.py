"""An RTSP client that hides nothing: for what ffmpeg and GStreamer do not tell."""

import hashlib
import re
import socket
import struct
import time


class Client:
    """One connection. `user` is (name, password)."""

    def __init__(self, url, user=None, algorithm="MD5"):
        self.url, self.user, self.algorithm = url, user, algorithm
        host, port = re.match(r"rtsp://([^:/]+):(\d+)", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.buffer, self.cseq, self.session, self.nonce = b"", 0, None, None
        self.body, self.headers = "", {}

    def ask(self, method, url=None, body="", **headers):
        """The status of a request, authenticated where that is asked for."""
        status = self.send(method, url or self.url, body, headers)
        if status == 401 and self.user and self.nonce is None:
            offers = [v for v in self.challenges if f"algorithm={self.algorithm}" in v]
            self.nonce = re.search(r'nonce="([^"]+)"', offers[0])[1]
            status = self.send(method, url or self.url, body, headers)
        return status

    def send(self, method, url, body, headers):
        self.cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.cseq}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if self.session:
            lines.append(f"Session: {self.session}")
        if self.nonce:
            lines.append(f"Authorization: {self.answer(method, url)}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join([*lines, "", body]).encode())
        while True:
            kind, value = self.read()
            if kind == "reply":
                return value

    def answer(self, method, url):
        def digest(text):
            name = "sha256" if self.algorithm == "SHA-256" else "md5"
            return hashlib.new(name, text.encode()).hexdigest()

        name, password = self.user
        first = digest(f"{name}:crosspoint:{password}")
        response = digest(f"{first}:{self.nonce}:{digest(f'{method}:{url}')}")
        return (
            f'Digest username="{name}", realm="crosspoint", nonce="{self.nonce}", uri="{url}", '
            f'response="{response}", algorithm={self.algorithm}'
        )

    def fill(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("closed by the server")
            self.buffer += data

    def take(self, count):
        self.fill(count)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read(self):
        """The next thing on the connection: ("reply", status) or (channel, data)."""
        self.fill(4)
        if self.buffer[:1] == b"$":
            _, channel, length = struct.unpack(">BBH", self.take(4))
            return channel, self.take(length)
        while b"\r\n\r\n" not in self.buffer:
            self.fill(len(self.buffer) + 1)
        head = self.take(self.buffer.index(b"\r\n\r\n") + 4).decode()
        pairs = re.findall(r"^([\w-]+): (.*?)\r$", head, re.MULTILINE)
        self.headers = dict(pairs)
        self.challenges = [value for name, value in pairs if name == "WWW-Authenticate"]
        self.body = self.take(int(self.headers.get("Content-Length", 0))).decode()
        if "Session" in self.headers:
            self.session = self.headers["Session"].split(";")[0]
        return "reply", int(head.split()[1])

    def play(self):
        """Sets the track up in this connection and plays; the SDP."""
        status = self.ask("DESCRIBE", Accept="application/sdp")
        assert status == 200, status
        sdp, base = self.body, self.headers["Content-Base"]
        transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        status = self.ask("SETUP", f"{base}trackID=0", Transport=transport)
        assert status == 200, status
        status = self.ask("PLAY", Range="npt=0.000-")
        assert status == 200, status
        return sdp

    def packets(self, seconds):
        """RTP packets of a while: (arrival, sequence number, timestamp, marker, payload)."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            channel, data = self.read()
            if channel == 0:
                first, second, sequence, timestamp = struct.unpack(">BBHI", data[:8])
                assert first == 0x80 and second & 0x7F == 96, data[:12]
                yield time.monotonic(), sequence, timestamp, second >> 7, data[12:]

    def close(self):
        self.socket.close()


def nal_types(payload):
    """The NAL units that begin in an RTP payload (RFC 6184)."""
    kind = payload[0] & 31 if payload else 0
    if kind == 24:  # STAP-A
        types, rest = [], payload[1:]
        while rest:
            size = int.from_bytes(rest[:2], "big")
            types.append(rest[2] & 31)
            rest = rest[2 + size :]
        return types
    if kind == 28:  # FU-A
        return [payload[1] & 31] if payload[1] & 0x80 else []
    return [kind]
