"""A line between a search and its worker that a test can cut, delay, reset and hold."""

import random
import select
import socket as sockets
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 1 << 16  # bytes
LOOK = 0.02  # seconds between two looks at what the test wants
RESET = struct.pack("ii", 1, 0)  # SO_LINGER that has `close` send a reset


def free_port() -> int:
    """A port of the loopback where a worker can start again and again.

    It is below those that the system gives to connections: one that is made to such a port while
    nobody listens there may get that very port as its own, and keep it.
    """
    for port in random.sample(range(20_000, 30_000), 1000):
        with suppress(OSError), sockets.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")


class Proxy:
    """Carries bytes between its own port and a worker's, as long as it is let."""

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._target = (address.hostname, address.port)
        self._listener = sockets.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.delay = 0.0  # seconds that each piece waits
        self.carried = 0  # bytes from searches to the worker
        self.most: int | None = None  # of them; more are held back
        self._flowing = threading.Event()
        self._flowing.set()
        self._over = threading.Event()
        self._pairs: list[tuple[sockets.socket, sockets.socket]] = []
        self._dead: set[int] = set()  # numbers of connections that carry nothing any more
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self._pairs)

    def cut(self) -> None:
        """Carry nothing, and tell nobody."""
        self._flowing.clear()

    def heal(self) -> None:
        """Carry on, with what was held back first."""
        self._flowing.set()

    def abandon(self) -> None:
        """The connections of now carry nothing ever again, and nobody is told; new ones work."""
        self._dead.update(range(len(self._pairs)))

    def reset(self) -> None:
        """End every connection of now."""
        for pair in self._pairs:
            for socket in pair:
                with suppress(OSError):
                    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, RESET)
                    socket.shutdown(sockets.SHUT_RDWR)

    def close(self) -> None:
        self._over.set()
        self._flowing.set()
        self.reset()
        for thread in self._threads:
            thread.join()
        for pair in self._pairs:
            for socket in pair:
                socket.close()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            if not select.select([self._listener], [], [], LOOK)[0] or not self._flowing.is_set():
                self._over.wait(LOOK)
                continue
            near, _ = self._listener.accept()
            try:
                far = sockets.create_connection(self._target)
            except OSError:
                near.close()
                continue
            self._pairs.append((near, far))
            number = len(self._pairs) - 1
            for way in ((near, far, True), (far, near, False)):
                thread = threading.Thread(target=self._carry, args=(number, *way))
                thread.start()
                self._threads.append(thread)

    def _carry(
        self, number: int, source: sockets.socket, target: sockets.socket, counted: bool
    ) -> None:
        with suppress(OSError):
            while piece := self._read(source):
                time.sleep(self.delay)
                self._flowing.wait()
                while number in self._dead or (counted and not self._may_carry(piece)):
                    if self._over.wait(LOOK):
                        return
                target.sendall(piece)
                self.carried += counted * len(piece)
            target.shutdown(sockets.SHUT_WR)

    def _read(self, source: sockets.socket) -> bytes:
        while not self._over.is_set():
            if select.select([source], [], [], LOOK)[0]:
                return source.recv(CHUNK)
        return b""

    def _may_carry(self, piece: bytes) -> bool:
        return self.most is None or self.carried + len(piece) <= self.most


@contextmanager
def proxy_of(endpoint: str) -> Iterator[Proxy]:
    """A line to a worker while the block runs."""
    proxy = Proxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()
