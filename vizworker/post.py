"""A worker's post: its endpoint is opened and announced, requests come in, answers go out."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import zmq

from vizworker import __version__, discovery
from vizworker.config import Config
from vizworker.errors import RenderError, VizError
from vizworker.frame import Frame
from vizworker.gate import Gate
from vizworker.keys import Doorkeeper, Keyring
from vizworker.receive import Request, bound_endpoint, drain, listen
from vizworker.wire import Message, Refused, encode, encode_frame

FAREWELL = 1.0  # seconds for the last answers to leave


class Post:
    """Where a worker is reached.

    Attributes:
        endpoint: where it listens, known once it is open.
        gate: who and what is let in.
        socket: to be polled, once it is open.
    """

    def __init__(self, config: Config, instance: str, say: Callable[[str], None]) -> None:
        """Nothing is opened yet.

        Args:
            config: where it listens and what it accepts.
            instance: of the worker, for what it signs.
            say: told what is refused and what fails.
        """
        self.endpoint = config.endpoint
        self.gate = Gate(config.limits)
        self.socket: zmq.Socket[bytes]
        self._config = config
        self._instance = instance
        self._say = say
        self._keyring: Keyring | None = None
        self._doorkeeper: Doorkeeper | None = None
        self._announced: Path | None = None

    def open(self) -> None:
        """Listen.

        Raises:
            EndpointError: the endpoint must not or cannot be used.
        """
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._use_keys()
            self.socket = listen(self._context, self._config.endpoint, self._keyring)
        except VizError:
            self.close()
            raise
        self.endpoint = bound_endpoint(self.socket)

    def announce(self) -> None:
        """Say where, for who looks for workers."""
        try:
            self._announced = discovery.announce(self._entry())
        except OSError as error:
            self._say(f"`vizworker status` will not find this worker: {error}")

    def requests(self) -> Iterator[tuple[bytes, Request]]:
        """What has come, and the route to answer to; what cannot be used is refused here."""
        for mail in drain(self.socket, self.gate):
            if isinstance(mail.request, Refused):
                self.send(mail.route, self._signed(mail.request))
            else:
                yield mail.route, mail.request

    def send(self, route: bytes, message: Message, *buffers: bytes) -> None:
        """Answer."""
        # a peer that is gone or does not read loses its answer; it asks again
        self.socket.send_multipart([route, *encode(message, *buffers)], zmq.NOBLOCK)

    def send_frame(self, route: bytes, frame: Frame) -> None:
        """Answer with a frame."""
        self.socket.send_multipart([route, *encode_frame(frame)], zmq.NOBLOCK)

    def refuse(self, route: bytes, request: Request, error: Exception) -> str:
        """Answer with what is wrong; gives it in words."""
        # what was raised elsewhere says itself what it is
        told = type(error) is RenderError
        reason = str(error) if told else f"{type(error).__name__}: {error}"
        self.gate.count(error)
        run_id, sequence = getattr(request, "run_id", ""), getattr(request, "sequence", 0)
        self.send(route, self._signed(Refused(run_id=run_id, sequence=sequence, error=reason)))
        return reason

    @property
    def refusals(self) -> dict[str, int]:
        """Messages refused, by limit or kind of error, and connections, by their key."""
        refusals = dict(self.gate.refused)
        if self._doorkeeper is not None and self._doorkeeper.turned_away:
            refusals["unknown key"] = self._doorkeeper.turned_away
        return refusals

    def close(self) -> None:
        """Let the last answers leave, and listen no more."""
        if self._doorkeeper is not None:
            self._doorkeeper.close()
        self._context.destroy(linger=int(1000 * FAREWELL))

    def clean_up(self) -> None:
        """Leave nothing behind where others look."""
        parent = self._config.parent
        orphan = parent is not None and os.getppid() != parent
        discovery.remove_socket(self.endpoint, folder_too=orphan)
        if self._announced is not None:
            discovery.withdraw(self._announced)

    def _use_keys(self) -> None:
        """Ask for keys at `tcp://`, if there are any."""
        if self._config.keys is not None and self._config.endpoint.startswith("tcp://"):
            self._keyring = Keyring(self._config.keys)
            self._doorkeeper = Doorkeeper(self._context, self._keyring)
            self.gate = Gate(self._config.limits, self._keyring)

    def _entry(self) -> discovery.Entry:
        return discovery.Entry(
            pid=os.getpid(),
            endpoint=self.endpoint,
            instance=self._instance,
            version=__version__,
            started=time.time(),
            created=psutil.Process().create_time(),
            parent=self._config.parent,
            curve=self._keyring.public if self._keyring else "",
        )

    def _signed(self, refused: Refused) -> Refused:
        self._say(f"refused: {refused.error}")
        return msgspec.structs.replace(refused, instance=self._instance)
