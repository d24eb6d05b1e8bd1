"""The worker's ear: bytes of anybody to messages, or to a refusal that names what is wrong."""

import os
import resource
import socket as sockets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import zmq

from vizworker.auth import check_endpoint, socket_path
from vizworker.errors import EndpointError, VizError, WireError
from vizworker.frame import MAX_BUFFER, Frame
from vizworker.gate import Gate
from vizworker.keys import Keyring
from vizworker.wire import (
    AskFrame,
    AskStatus,
    Beat,
    Bye,
    FrameHeader,
    Refused,
    SetScale,
    decode,
    decode_frame,
)

Request = Frame | Beat | Bye | AskStatus | AskFrame | SetScale

HIGH_WATER = 64  # messages of one peer, each way
HEARTBEAT, DEAF = 2000, 10_000  # ms between two pings, and without a pong until a line is cut


@dataclass(frozen=True)
class Mail:
    """One message and who sent it."""

    route: bytes  # the routing id to answer to
    request: Request | Refused  # refused: to be sent back as it is


def listen(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, keyring: Keyring | None = None
) -> zmq.Socket[bytes]:
    """A bound socket for any number of searches.

    Args:
        context: with a `Doorkeeper` in it, where there are keys.
        endpoint: where to listen.
        keyring: whom to let in at `tcp://`.

    Raises:
        EndpointError: an address that must not be used, cannot be used, or is in use.
    """
    check_endpoint(endpoint, bind=True, keys=keyring is not None)
    path = socket_path(endpoint)
    if path is not None and _answers(path):
        # binding would take the address away from the worker that is there
        raise EndpointError(f"a worker listens at {endpoint} already")
    _take_descriptors()
    socket = context.socket(zmq.ROUTER)
    socket.linger = 0
    socket.heartbeat_ivl, socket.heartbeat_timeout = HEARTBEAT, DEAF
    socket.sndhwm = socket.rcvhwm = HIGH_WATER
    # what an honest search can send is refused by name; for more the connection is cut
    socket.maxmsgsize = MAX_BUFFER
    if keyring is not None:
        keyring.secure(socket)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise EndpointError(f"cannot listen at {endpoint}: {error}") from error
    return socket


def bound_endpoint(socket: zmq.Socket[bytes]) -> str:
    """Where a socket listens, with the port it was given."""
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()


def drain(socket: zmq.Socket[bytes], gate: Gate, most: int = 1000) -> Iterator[Mail]:
    """Every message that has come, up to `most`."""
    for _ in range(most):
        try:
            route, *parts = socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        yield Mail(bytes(route.buffer), _let_in(route, parts, gate))


def read(parts: Sequence[bytes | memoryview], gate: Gate) -> Request | Refused:
    """The message in the bytes that came, or the refusal to answer with; nothing is raised."""
    header: object = None
    try:
        message = decode(parts)
        header = message.header
        _check_texts(header, gate)
        request = decode_frame(message) if isinstance(header, FrameHeader) else header
        if not isinstance(request, Request):
            raise WireError(f"a worker takes no {type(request).__name__} message")
        if isinstance(request, Frame):
            gate.inspect(request)
        return request
    except VizError as error:
        gate.count(error)
        return Refused(
            run_id=getattr(header, "run_id", "")[: gate.limits.text],
            sequence=getattr(header, "sequence", 0),
            error=f"{type(error).__name__}: {error}",
        )


def _let_in(route: zmq.Frame, parts: Sequence[zmq.Frame], gate: Gate) -> Request | Refused:
    sizes = [len(part.buffer) for part in parts]
    try:
        gate.admit(bytes(route.buffer), _public_key(parts), sizes, time.monotonic())
    except VizError as error:
        gate.count(error)
        return Refused(error=f"{type(error).__name__}: {error}")
    return read([part.buffer for part in parts], gate)


def _public_key(parts: Sequence[zmq.Frame]) -> str:
    """The key that a message's sender proved to have, or nothing where no keys are used."""
    try:
        return str(parts[0].get("User-Id")) if parts else ""
    except zmq.ZMQError:
        return ""


def _check_texts(header: object, gate: Gate) -> None:
    gate.check_texts(run_id=getattr(header, "run_id", ""), run=getattr(header, "run", ""))


def _take_descriptors() -> None:
    """Each search costs a file descriptor, and ZeroMQ may end the process that has none left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _answers(path: str) -> bool:
    """Somebody listens at a unix socket's path."""
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fsencode(path))
        except OSError:
            return False
        return True
