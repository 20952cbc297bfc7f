"""Cameras behind TLS, behind HTTP and in a multicast group: their pictures arrive, or what is
wrong is said."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import tunnel  # noqa: E402
from harness import (  # noqa: E402
    BINARY,
    Server,
    eventually,
    free_port,
    passed,
    run,
    start,
    start_cameras,
)

OUT = HERE / "out"
PASSWORD = "hunter2"
CAMERA = {"path": "/cam1", "camera": 1, "width": 640, "height": 360, "gop": 30}
PROBE_S = 40


def cameras(*options, **where):
    """A server of the camera with these options: its process and its port."""
    child, port, _ = start_cameras([CAMERA], *options, **where)
    return child, port


def openssl(*words):
    """Runs openssl, and returns what it prints."""
    command = ["openssl", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=OUT).stdout


def certificates():
    """PEM files of certificate and key: a good one for 127.0.0.1, and one that has expired."""
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
        "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem",
    )  # fmt: skip
    openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=test", "-out", "request.pem")
    (OUT / "index.txt").write_text("")
    (OUT / "ca.cnf").write_text(
        "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\n"
        "default_md=sha256\npolicy=p\nx509_extensions=v3\n[p]\ncommonName=supplied\n"
        "[v3]\nsubjectAltName=IP:127.0.0.1\n"
    )
    openssl(
        "ca", "-batch", "-notext", "-selfsign", "-config", "ca.cnf", "-keyfile", "key.pem",
        "-in", "request.pem", "-out", "expired-cert.pem",
        "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
    )  # fmt: skip
    key = (OUT / "key.pem").read_text()
    files = []
    for name in ("cert.pem", "expired-cert.pem"):
        file = OUT / f"both-{name}"
        file.write_text((OUT / name).read_text() + key)
        files.append(file)
    return files


# Our ends of the cable to the camera that has a network of its own.
HERE_IP, THERE_IP = "192.0.2.1", "192.0.2.2"
# What makes that network, and goes on once the cable is there.
ELSEWHERE = [
    "unshare", "--net", "sh", "-ec",
    f"echo unplugged; read plugged; ip address add {THERE_IP}/24 dev there; ip link set there up; "
    'ip route add 224.0.0.0/4 dev there; exec "$@"', "sh",
]  # fmt: skip


def plug_in(child):
    """Connects us with the network of a camera."""
    assert child.stdout.readline() == "unplugged\n"
    for command in (
        f"link add here type veth peer name there netns {child.pid}",
        f"address add {HERE_IP}/24 dev here",
        "link set here up",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    child.stdin.write("plugged\n")
    child.stdin.flush()


def probe(url, **env):
    """Exit code of `crosspoint probe`, and all that it prints."""
    done = subprocess.run(
        [BINARY, "probe", url], capture_output=True, text=True, timeout=PROBE_S,
        env={**os.environ, **env},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def shows(url, transport, **env):
    """Pictures arrive from there; how long the first took."""
    code, text = probe(url, **env)
    first = re.search(r"first IDR after +(\d+) ms", text)
    assert code == 0 and first, f"{url}: {code}: {text}"
    assert re.search(rf"transport +{transport}\n", text), text
    assert re.search(r"resolution +640 x 360\n", text) and re.search(r"\(0 lost\)", text), text
    assert PASSWORD not in text, text
    return f"first picture after {first[1]} ms"


def refuses(url, *reasons, **env):
    """No picture arrives, and this is said of it."""
    code, text = probe(url, **env)
    assert code == 1, f"{url}: {code}: {text}"
    for reason in reasons:
        assert reason in text, f"{url}: expected {reason!r} in {text!r}"
    assert PASSWORD not in text, text
    return text


def speaker(answer):
    """The port of a server that says one thing to everybody and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(answer)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def old_tls(*options):
    """The port of an openssl server with these options, for devices nobody should have."""
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=old",
        "-keyout", "rsa-key.pem", "-out", "rsa-cert.pem",
    )  # fmt: skip
    port = free_port()
    start(
        "openssl", "s_server", "-accept", port, "-key", OUT / "rsa-key.pem",
        "-cert", OUT / "rsa-cert.pem", "-quiet", *options,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = ("127.0.0.1", port)
    eventually("openssl listens", 10, lambda: not socket.create_connection(address).close())
    return port


def tls(good, expired):
    """Through TLS."""
    _, port = cameras("--certificate", good, "--user", "admin", "--password", PASSWORD)
    url = f"rtsps://admin:{PASSWORD}@127.0.0.1:{port}/cam1"
    passed(f"rtsps, any certificate: {shows(url + '#tls=insecure', 'tcp')}")
    shows(url.replace("rtsps", "rtspx"), "tcp")
    passed("rtspx is the same")
    text = refuses(url, "unknown issuer")
    told = re.search(r"SHA-256 ([0-9a-f]{64})", text)[1]
    printed = openssl("x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256")
    printed = printed.strip().split("=")[1]
    assert told == printed.replace(":", "").lower(), (told, printed)
    passed("rtsps, self-signed: refused, and its fingerprint told")
    passed(f"rtsps, pinned to what was told: {shows(f'{url}#tls=pin:{told}', 'tcp')}")
    shows(f"{url}#tls=pin:{printed}", "tcp")
    wrong = "0" * 64
    refuses(f"{url}#tls=pin:{wrong}", f"SHA-256 {told} refused: not the pinned one")
    passed("rtsps, pinned to another: refused")
    known = {"SSL_CERT_FILE": str(OUT / "cert.pem")}
    passed(f"rtsps, verified: {shows(url, 'tcp', **known)}")
    refuses(url.replace("127.0.0.1", "localhost"), "refused: not for this host", **known)
    passed("rtsps, another name: refused")
    shows(url + "?enableSrtp#tls=insecure", "tcp")
    passed("rtsps with enableSrtp: it is left out")
    refuses(f"rtsps://127.0.0.1:{port}/cam1#transport=udp", "expected transport auto or tcp")
    wrong = url.replace(PASSWORD, "wrong") + "#tls=insecure"
    refuses(wrong, "refuses user name or password")
    _, expired_port = cameras("--certificate", expired)
    refuses(f"rtsps://127.0.0.1:{expired_port}/cam1", "refused: expired")
    passed("rtsps, expired: refused")
    plain = speaker(b"RTSP/1.0 400 Bad Request\r\n\r\n")
    refuses(f"rtsps://127.0.0.1:{plain}/cam1", "no TLS is spoken there")
    old = old_tls("-tls1", "-cipher", "ALL:@SECLEVEL=0")
    refuses(f"rtsps://127.0.0.1:{old}/#tls=insecure", "only versions before 1.2")
    old = old_tls("-tls1_2", "-cipher", "AES128-SHA")
    refuses(f"rtsps://127.0.0.1:{old}/#tls=insecure", "RSA key exchange is not supported")
    passed("no TLS, TLS 1.0, RSA key exchange: each is said")
    return url


def http(plain_port, tls_url):
    """Through HTTP."""
    url = f"rtsp+http://127.0.0.1:{plain_port}/cam1"
    passed(f"through HTTP: {shows(url, 'tcp')}")
    shows(f"rtsp://127.0.0.1:{plain_port}/cam1#transport=http", "tcp")
    tls_url = tls_url.replace("rtsps:", "rtsps+http:")
    passed(f"through HTTP over TLS: {shows(tls_url + '#tls=insecure', 'tcp')}")
    refuses(tls_url, "unknown issuer")
    awkward = tunnel.Tunnels(plain_port, "admin", PASSWORD)
    url = f"rtsp+http://admin:{PASSWORD}@127.0.0.1:{awkward.port}/cam1?x=1"
    first = shows(url, "tcp")
    assert (awkward.refused, awkward.opened) == (1, 1), (awkward.refused, awkward.opened)
    passed(f"through HTTP with digest, no reply to the POST: {first}")
    refuses(url.replace(PASSWORD, "wrong"), "refuses user name or password")
    nothing = speaker(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    refuses(f"rtsp+http://127.0.0.1:{nothing}/", "GET of the HTTP tunnel refused: 404")
    nothing = speaker(b"RTSP/1.0 400 Bad Request\r\n\r\n")
    refuses(f"rtsp+http://127.0.0.1:{nothing}/", "no HTTP is spoken there")
    passed("wrong password, no tunnel, no HTTP: each is said")
    return url


def multicast(plain_port):
    """In a group. No route leads there: the interface is the one of the RTSP connection."""
    _, port = cameras("--multicast", "--address", THERE_IP, within=ELSEWHERE, plug_in=plug_in)
    url = f"rtsp://{THERE_IP}:{port}/cam1"
    passed(f"multicast: {shows(url + '#transport=multicast', 'multicast')}")
    # gst-rtsp-server answers 503 while the media of the client before is being put away.
    eventually("TCP and UDP are refused", 20, lambda: "refuses the transport" in probe(url)[1])
    refuses(f"rtsp://127.0.0.1:{plain_port}/cam1#transport=multicast", "refuses the transport")
    passed("multicast is not tried unless it is wished, and nothing else where it is")
    return url + "#transport=multicast"


def serve(streams, good):
    """All of them by one server, and one that goes away and comes back."""
    child, port = cameras("--certificate", good)
    streams["lost"] = f"rtspx://127.0.0.1:{port}/cam1?enableSrtp"
    streams["refused"] = f"rtsps://127.0.0.1:{port}/cam1"
    server = Server(OUT, {"streams": streams, "warm": True})

    def live():
        shown = server.streams().items()
        return {name for name, stream in shown if stream["state"] == "live"}

    working = set(streams) - {"refused"}
    eventually("all streams are live", 20, lambda: live() == working)
    passed(f"one server has them all: {', '.join(sorted(working))}")
    error = json.dumps(server.stream("refused"))
    assert re.search(r"SHA-256 [0-9a-f]{64} refused: unknown issuer", error), error
    child.kill()
    child.wait()
    eventually("the loss is seen", 20, lambda: live() == working - {"lost"})
    cameras("--certificate", good, port=port)
    eventually("it is back", 40, lambda: live() == working)
    passed("a camera behind TLS that was away is back, and the others stayed")
    server.child.send_signal(signal.SIGTERM)
    assert server.child.wait(5) == 0
    log = server.log.text()
    assert PASSWORD not in log + error, log
    assert "source lost: enableSrtp is left out" in log, log
    passed("no password shows")


def main():
    OUT.mkdir(exist_ok=True)
    good, expired = certificates()
    _, plain_port = cameras()
    plain = f"rtsp://127.0.0.1:{plain_port}/cam1"
    passed(f"plain TCP: {shows(plain, 'tcp')}")
    passed(f"plain UDP: {shows(plain + '#transport=udp', 'udp')}")
    tls_url = tls(good, expired)
    tunnel_url = http(plain_port, tls_url)
    multicast_url = multicast(plain_port)
    pin = openssl("x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256")
    pinned = {"url": tls_url, "tls": "pin:" + pin.strip().split("=")[1]}
    serve({"pinned": pinned, "tunnel": tunnel_url, "multicast": multicast_url}, good)


if __name__ == "__main__":
    run(main)
