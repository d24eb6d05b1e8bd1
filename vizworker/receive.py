"""The worker's ear: bytes of anybody to messages, or to a refusal that names what is wrong."""

import os
import socket as sockets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import zmq

from vizworker.auth import check_endpoint, socket_path
from vizworker.config import Limits
from vizworker.errors import EndpointError, VizError
from vizworker.frame import Frame
from vizworker.wire import (
    AskFrame,
    AskStatus,
    Beat,
    Bye,
    FrameHeader,
    Refused,
    decode,
    decode_frame,
)

Request = Frame | Beat | Bye | AskStatus | AskFrame

HIGH_WATER = 64  # messages of one peer, each way


@dataclass(frozen=True)
class Mail:
    """One message and who sent it."""

    route: bytes  # the routing id to answer to
    request: Request | Refused  # refused: to be sent back as it is


def listen(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, limits: Limits
) -> zmq.Socket[bytes]:
    """A bound socket for any number of searches.

    Raises:
        EndpointError: an address that must not be used, cannot be used, or is in use.
    """
    check_endpoint(endpoint, bind=True)
    path = socket_path(endpoint)
    if path is not None and _answers(path):
        # binding would take the address away from the worker that is there
        raise EndpointError(f"a worker listens at {endpoint} already")
    socket = context.socket(zmq.ROUTER)
    socket.linger = 0
    socket.sndhwm = socket.rcvhwm = HIGH_WATER
    socket.maxmsgsize = limits.message
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise EndpointError(f"cannot listen at {endpoint}: {error}") from error
    return socket


def bound_endpoint(socket: zmq.Socket[bytes]) -> str:
    """Where a socket listens, with the port it was given."""
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()


def drain(socket: zmq.Socket[bytes], limits: Limits, most: int = 1000) -> Iterator[Mail]:
    """Every message that has come, up to `most`."""
    for _ in range(most):
        try:
            route, *parts = socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        yield Mail(bytes(route.buffer), read([part.buffer for part in parts], limits))


def read(parts: Sequence[bytes | memoryview], limits: Limits) -> Request | Refused:
    """The message in the bytes that came, or the refusal to answer with; nothing is raised."""
    header: object = None
    try:
        message = decode(parts)
        header = message.header
        request = decode_frame(message) if isinstance(header, FrameHeader) else header
        if not isinstance(request, Request):
            return Refused(error=f"a worker takes no {type(request).__name__} message")
        _check_texts(request, limits)
        return request
    except VizError as error:
        return Refused(
            run_id=getattr(header, "run_id", "")[: limits.text],
            sequence=getattr(header, "sequence", 0),
            error=f"{type(error).__name__}: {error}",
        )


def _check_texts(request: Request, limits: Limits) -> None:
    for field in ("run_id", "run"):
        size = len(getattr(request, field, ""))
        if size > limits.text:
            raise VizError(f"{field} has {size} characters, expected at most {limits.text}")


def _answers(path: str) -> bool:
    """Somebody listens at a unix socket's path."""
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fsencode(path))
        except OSError:
            return False
        return True
