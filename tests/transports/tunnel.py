"""A server of HTTP tunnels that is as awkward as real ones, in front of an RTSP camera.

It asks for digest authentication and closes the connection it refused, tells a wrong
x-server-ip-address, and never answers the POST.
"""

import base64
import hashlib
import re
import socket
import threading
import time

REALM, NONCE = "tunnel", "0badcafe"


class Tunnels:
    """Tunnels to one camera, with one user."""

    def __init__(self, camera_port, user, password):
        self.camera_port, self.user, self.password = camera_port, user, password
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.waiting = {}
        self.refused = 0
        self.opened = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return connection.close()
            head += byte
        text = head.decode()
        method = text.split(" ")[0]
        if not self.is_authorized(method, text):
            self.refused += 1
            connection.sendall(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest "
                + f'realm="{REALM}", nonce="{NONCE}", qop="auth"'.encode()
                + b"\r\nContent-Length: 2\r\n\r\nno"
            )
            return connection.close()
        cookie = re.search(r"(?im)^x-sessioncookie: *(\S+)", text)[1]
        assert "application/x-rtsp-tunnelled" in text, text
        if method == "GET":
            camera = socket.create_connection(("127.0.0.1", self.camera_port))
            self.waiting[cookie] = camera
            connection.sendall(
                b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n"
                b"x-server-ip-address: 192.0.2.1\r\n\r\n"
            )
            return pour(camera, connection, lambda data: data)
        self.opened += 1
        return pour(connection, self.waiting.pop(cookie), Decoder())

    def is_authorized(self, method, text):
        """Whether a request carries the right response (RFC 7616 section 3.4.1)."""
        header = re.search(r"(?im)^authorization: *Digest (.*?)\r", text)
        if header is None:
            return False
        said = {
            name: quoted or plain
            for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]*))', header[1])
        }
        target = text.split(" ")[1]

        def h(*parts):
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        expected = h(
            h(self.user, REALM, self.password), NONCE, said.get("nc", ""),
            said.get("cnonce", ""), "auth", h(method, target),
        )  # fmt: skip
        return said.get("response") == expected and said.get("uri") == target


class Decoder:
    """Base64 that comes in pieces, each message ended on its own."""

    def __init__(self):
        self.rest = b""

    def __call__(self, data):
        data = self.rest + data
        whole = len(data) // 4 * 4
        self.rest = data[whole:]
        quanta = (data[at : at + 4] for at in range(0, whole, 4))
        return b"".join(base64.b64decode(quantum, validate=True) for quantum in quanta)


def pour(source, sink, convert):
    """Hands everything on until one of both ends."""
    try:
        while data := source.recv(65536):
            sink.sendall(convert(data))
    except OSError:
        pass
    # The other direction may be in the middle of something.
    time.sleep(0.1)
    for each in (source, sink):
        each.close()
