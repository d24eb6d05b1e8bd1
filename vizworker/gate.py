"""The worker's gate: what is more than the limits allow is refused, named and counted."""

import time
from collections import Counter
from dataclasses import dataclass

from vizworker.config import Limits
from vizworker.errors import KeyRefusedError, LimitError
from vizworker.frame import Frame
from vizworker.keys import Keyring

RECENT = 60.0  # seconds after its last message for which a connection counts


@dataclass
class Peer:
    """A connection that talked lately."""

    heard: float  # monotonic seconds, as the next
    second: float  # when its count began
    messages: int = 0  # since then


class Gate:
    """Decides about every message before anything else looks at it.

    Attributes:
        limits: may be replaced while the worker runs.
        refused: how many messages were refused, by the name of the limit or of the error.
    """

    def __init__(self, limits: Limits, keyring: Keyring | None = None) -> None:
        self.limits = limits
        self.refused: Counter[str] = Counter()
        self._keyring = keyring
        self._peers: dict[bytes, Peer] = {}

    @property
    def connections(self) -> int:
        """How many talked in the last minute."""
        self._forget(time.monotonic())
        return len(self._peers)

    def count(self, error: Exception) -> None:
        """Note a refusal, wherever it was decided."""
        self.refused[error.limit if isinstance(error, LimitError) else type(error).__name__] += 1

    def admit(self, route: bytes, public: str, sizes: list[int], now: float) -> None:
        """Let a message in by who sent it and how big it is.

        Args:
            route: of the connection.
            public: the key it proved to have, or "".
            sizes: bytes of each part.
            now: monotonic seconds.

        Raises:
            VizError: it stays outside.
        """
        if self._keyring is not None and not self._keyring.knows(public):
            # it connected while its key was good
            self._peers.pop(route, None)
            raise KeyRefusedError("this key has been revoked: ask who runs the worker for another")
        self._meter(route, now)
        biggest = max(sizes, default=0)
        if biggest > self.limits.message:
            raise LimitError(
                "message", f"a part of {biggest} bytes, expected at most {self.limits.message}"
            )

    def inspect(self, frame: Frame) -> None:
        """Hold a frame to the limits.

        Raises:
            LimitError: it is too much.
        """
        limits, arrays = self.limits, frame.arrays
        if len(arrays) > limits.arrays:
            raise LimitError("arrays", f"{len(arrays)} arrays, expected at most {limits.arrays}")
        total = sum(array.nbytes for array in arrays.values())
        if total > limits.frame:
            raise LimitError("frame", f"a frame of {total} bytes, expected at most {limits.frame}")
        for name, array in arrays.items():
            if array.dtype.name not in limits.dtypes:
                allowed = ", ".join(limits.dtypes)
                what = f"array {name!r} is {array.dtype.name}, expected one of {allowed}"
                raise LimitError("dtypes", what)

    def check_texts(self, **texts: str) -> None:
        """Hold names to the limits.

        Raises:
            LimitError: one is too long.
        """
        for name, text in texts.items():
            if len(text) > self.limits.text:
                raise LimitError(
                    "text",
                    f"{name} has {len(text)} characters, expected at most {self.limits.text}",
                )

    def _meter(self, route: bytes, now: float) -> None:
        peer = self._peers.get(route)
        if peer is None:
            if len(self._peers) >= self.limits.connections:
                self._forget(now)
            if len(self._peers) >= self.limits.connections:
                raise LimitError(
                    "connections", f"{len(self._peers)} connections are served already"
                )
            peer = self._peers[route] = Peer(now, now)
        if now - peer.second >= 1.0:
            peer.second, peer.messages = now, 0
        peer.heard, peer.messages = now, peer.messages + 1
        if peer.messages > self.limits.rate:
            raise LimitError("rate", f"more than {self.limits.rate} messages in a second")

    def _forget(self, now: float) -> None:
        for route in [route for route, peer in self._peers.items() if now - peer.heard > RECENT]:
            del self._peers[route]
