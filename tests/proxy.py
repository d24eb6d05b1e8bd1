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


class Connection:
    """One connection of a search, and the one to the worker that stands for it."""

    def __init__(self, near: sockets.socket, far: sockets.socket) -> None:
        self.near, self.far = near, far
        self.dead = False  # it carries nothing any more, and neither end is told
        self.over = False  # both ends are gone
        self._open = 2  # ways that bytes still come
        self._lock = threading.Lock()

    def reset(self) -> None:
        """End both, unless they have ended."""
        with self._lock:
            for socket in () if self.over else (self.near, self.far):
                with suppress(OSError):
                    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, RESET)
                    socket.shutdown(sockets.SHUT_RDWR)

    def end_way(self) -> None:
        """Nothing comes one way any more; after the second there is nothing left to hold."""
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self.over = True
                self.near.close()
                self.far.close()


class Proxy:
    """Carries bytes between its own port and a worker's, as long as it is let."""

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._target = (address.hostname, address.port)
        self._listener = sockets.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0  # how many there were
        self.delay = 0.0  # seconds that each piece waits
        self.carried = 0  # bytes from searches to the worker
        self.most: int | None = None  # of them; more are held back
        self._flowing = threading.Event()
        self._flowing.set()
        self._over = threading.Event()
        self._alive: list[Connection] = []
        self._threads: list[threading.Thread] = []
        self._door = threading.Thread(target=self._accept)
        self._door.start()

    def cut(self) -> None:
        """Carry nothing, and tell nobody."""
        self._flowing.clear()

    def heal(self) -> None:
        """Carry on, with what was held back first."""
        self._flowing.set()

    def abandon(self) -> None:
        """The connections of now carry nothing ever again, and nobody is told; new ones work."""
        for connection in self._alive:
            connection.dead = True

    def reset(self) -> None:
        """End every connection of now."""
        for connection in self._alive:
            connection.reset()

    def close(self) -> None:
        self._over.set()
        self._flowing.set()
        self._door.join()
        self.reset()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            if not _readable(self._listener) or not self._flowing.is_set():
                self._over.wait(LOOK)
                continue
            near, _ = self._listener.accept()
            try:
                far = sockets.create_connection(self._target)
            except OSError:
                near.close()
                continue
            self._connect(Connection(near, far))

    def _connect(self, connection: Connection) -> None:
        self.connections += 1
        self._alive = [each for each in self._alive if not each.over] + [connection]
        self._threads = [each for each in self._threads if each.is_alive()]
        near, far = connection.near, connection.far
        for way in ((near, far, True), (far, near, False)):
            thread = threading.Thread(target=self._carry, args=(connection, *way))
            thread.start()
            self._threads.append(thread)

    def _carry(
        self, connection: Connection, source: sockets.socket, target: sockets.socket, counted: bool
    ) -> None:
        with suppress(OSError):
            while piece := self._read(source):
                time.sleep(self.delay)
                self._flowing.wait()
                while counted and not connection.dead and not self._may_carry(piece):
                    self._over.wait(LOOK)
                if not connection.dead:
                    target.sendall(piece)
                    self.carried += counted * len(piece)
            if not connection.dead:
                target.shutdown(sockets.SHUT_WR)
        connection.end_way()

    def _read(self, source: sockets.socket) -> bytes:
        while not self._over.is_set():
            if _readable(source):
                return source.recv(CHUNK)
        return b""

    def _may_carry(self, piece: bytes) -> bool:
        held = self.most is not None and self.carried + len(piece) > self.most
        return self._over.is_set() or not held


def _readable(socket: sockets.socket) -> bool:
    """Whether something has come, after a short wait."""
    poll = select.poll()  # `select` refuses the descriptors of a process that has many
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(1000 * LOOK))


@contextmanager
def proxy_of(endpoint: str) -> Iterator[Proxy]:
    """A line to a worker while the block runs."""
    proxy = Proxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()
