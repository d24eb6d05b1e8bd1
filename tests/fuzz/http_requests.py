"""HTTP requests as browsers never send them, to pages that must stay up."""

import random
import socket as sockets

PATHS = (
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/runs/0123456789abcdef/figure.png",
    "/runs/../../etc/passwd/figure.png",
    "/runs/%2e%2e%2f%2e%2e/figure.png",
    "/runs/" + "a" * 5000 + "/figure.png",
    "/runs/%00/figure.png",
    "/%ff%fe",
    "//evil/",
    "http://evil/",
    "*",
    "",
)
METHODS = ("GET", "GET", "GET", "HEAD", "POST", "PUT", "TRACE", "CONNECT", "G\0T", "A" * 3000)
HEADERS = (
    "Host: 127.0.0.1",
    "Host: evil",
    "Host: [::1",
    "Host: 127.0.0.1:99999999",
    "Origin: http://evil",
    "Origin: http://[",
    "Authorization: Basic !!!",
    "Authorization: Basic /////w==",
    "Authorization: Bearer \x80",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Range: bytes=-1",
    "Cookie: " + "a" * 20_000,
    "X: \0",
    " folded: yes",
    "no colon",
)


def request(chance: random.Random) -> bytes:
    """One request, good or bad."""
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(1, 500))
    headers = chance.sample(HEADERS, chance.randrange(4))
    if chance.random() < 0.7:
        headers.insert(0, HEADERS[0])
    version = chance.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9", ""))
    lines = [f"{chance.choice(METHODS)} {chance.choice(PATHS)} {version}", *headers, "", ""]
    raw = "\r\n".join(lines).encode("latin-1")
    if chance.random() < 0.2:
        spoilt = bytearray(raw)
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        raw = bytes(spoilt)
    return raw[: chance.randrange(1, len(raw))] if chance.random() < 0.1 else raw


def answer_to(raw: bytes, port: int) -> bytes:
    """The first line that comes back, or nothing where the connection was closed."""
    with sockets.create_connection(("127.0.0.1", port), timeout=10.0) as socket:
        try:
            socket.sendall(raw)
            socket.shutdown(sockets.SHUT_WR)
            return socket.recv(4096).partition(b"\r\n")[0]
        except ConnectionError:
            return b""
