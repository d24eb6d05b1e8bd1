"""A search's socket to its worker: what is sent finds a worker there, or is not sent at all."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress

from vizworker.auth import ClientKey, secure

HIGH_WATER = 16  # messages to a worker that does not read
MAX_IMAGE = 256 << 20  # bytes
HEARTBEAT, DEAF = 2000, 10_000  # ms between two pings, and without a pong until a line is cut
SPARE_FDS = 16  # file descriptors that must be free before a socket is made


class Link:
    """A socket to a worker that may or may not be there, and a file descriptor that wakes."""

    def __init__(self, endpoint: str, wake_fd: int, key: ClientKey | None = None) -> None:
        import zmq  # 60 ms: not before somebody publishes

        self._wake_fd = wake_fd
        self._again = zmq.Again
        self._flags = zmq.NOBLOCK
        self._events = (zmq.POLLIN, zmq.POLLIN | zmq.POLLOUT)
        _check_spare_descriptors(wake_fd)
        self._context = zmq.Context()
        try:
            self._socket = self._context.socket(zmq.DEALER)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise OSError(error.errno, str(error)) from error
        # nothing is queued for a worker that is not there: what it would read first is the past
        self._socket.immediate = 1
        self._socket.linger = 0
        self._socket.sndhwm = self._socket.rcvhwm = HIGH_WATER
        self._socket.maxmsgsize = MAX_IMAGE
        self._socket.reconnect_ivl, self._socket.reconnect_ivl_max = 100, 1000  # ms
        # a line that was cut without a word is noticed, and made anew, on both sides
        self._socket.heartbeat_ivl, self._socket.heartbeat_timeout = HEARTBEAT, DEAF
        self._socket.heartbeat_ttl = self._socket.handshake_ivl = DEAF
        self._socket.connect_timeout = DEAF
        secure(self._socket, key)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._socket.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._monitor, zmq.POLLIN)
        self._poller.register(wake_fd, zmq.POLLIN)

    def wait(self, seconds: float, *, to_send: bool) -> None:
        """Wait until something comes, somebody wakes us or, `to_send`, a worker is there."""
        self._poller.register(self._socket, self._events[to_send])
        self._poller.poll(math.ceil(1000 * seconds))
        with suppress(BlockingIOError):
            os.read(self._wake_fd, 4096)

    def receive(self) -> Iterator[list[bytes]]:
        """Every message that has come."""
        with suppress(self._again):
            while True:
                yield self._socket.recv_multipart(self._flags)

    def ended(self) -> bool:
        """A connection has ended since the last call, though there may be another by now."""
        ended = False
        with suppress(self._again):
            while True:
                self._monitor.recv_multipart(self._flags)
                ended = True
        return ended

    def send(self, parts: list[bytes | memoryview]) -> bool:
        """Hand a message to the connection; False if there is none."""
        try:
            self._socket.send_multipart(parts, self._flags)
        except self._again:
            return False
        return True

    def close(self, linger: float) -> None:
        """Close, with at most `linger` seconds for what was sent last."""
        self._context.destroy(linger=int(1000 * linger))


def _check_spare_descriptors(fd: int) -> None:
    """Raise OSError where file descriptors are short: a socket without one ends the process.

    Args:
        fd: any that is open.
    """
    spare = []
    try:
        for _ in range(SPARE_FDS):
            spare.append(os.dup(fd))
    finally:
        for each in spare:
            os.close(each)
