"""Pushes over RTSP through a proxy that can lose packets."""

import socket
import struct
import threading

from harness import start

FPS = 15


class Lossy:
    """A film that ffmpeg pushes, and what stands between it and the server."""

    def __init__(self, port, name):
        self.to_lose = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, args=(port,), daemon=True).start()
        address = f"rtsp://127.0.0.1:{self.listener.getsockname()[1]}/{name}"
        source = ["-re", "-f", "lavfi", "-i", f"testsrc=size=320x180:rate={FPS}"]
        encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", FPS]
        transport = ["-pix_fmt", "yuv420p", "-f", "rtsp", "-rtsp_transport", "tcp"]
        self.process = start("ffmpeg", "-v", "error", *source, *encoder, *transport, address)

    def serve(self, port):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=self.pass_on, args=(server, client, False), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(client, server, True), daemon=True).start()

    def pass_on(self, source, target, has_media):
        """Requests as they are; packets (RFC 2326 section 10.12) if they are not to be lost."""
        reader = source.makefile("rb")
        try:
            while first := reader.read(1):
                data = first
                if has_media and first == b"$":
                    head = reader.read(3)
                    channel, length = struct.unpack("!BH", head)
                    data += head + reader.read(length)
                    if self.to_lose > 0 and channel == 0:
                        self.to_lose -= 1
                        continue
                elif has_media:
                    data += reader.readline()
                else:
                    data += reader.read1()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def lose(self, packets):
        """Loses the next ones."""
        self.to_lose = packets

    def stop(self):
        """Ends the film."""
        self.process.kill()
        self.process.wait()
