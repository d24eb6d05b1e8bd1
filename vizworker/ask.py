"""Questions to a running worker, from any process: its status, a run's last frame, a drawing."""

from typing import Literal

import zmq

from vizworker.auth import check_endpoint, key_for, secure
from vizworker.errors import VizError
from vizworker.frame import Frame
from vizworker.wire import (
    Alive,
    AskFrame,
    AskStatus,
    Drawn,
    FrameHeader,
    Parts,
    Refused,
    SetScale,
    Status,
    decode,
    decode_frame,
    encode,
    encode_frame,
)


class NoAnswerError(VizError):
    """Nobody answers, or what answers does not have what was asked for."""


def status(endpoint: str, timeout: float = 5.0) -> Status:
    """A worker's status.

    Raises:
        NoAnswerError: nobody answers within the timeout, in seconds.
        VizError: the endpoint or the answer cannot be used.
    """
    header = _ask(endpoint, encode(AskStatus()), timeout).header
    if not isinstance(header, Status):
        raise NoAnswerError(f"{endpoint} answered a {type(header).__name__}, expected a status")
    return header


def frame(endpoint: str, run: str, timeout: float = 5.0) -> Frame:
    """The last frame of a run, named by its id or its name.

    Raises:
        NoAnswerError: nobody answers within the timeout, in seconds, or there is no such run.
        VizError: the endpoint or the answer cannot be used.
    """
    answer = _ask(endpoint, encode(AskFrame(run=run)), timeout)
    if not isinstance(answer.header, FrameHeader):
        raise NoAnswerError(f"{endpoint} has no frame of {run!r}")
    return decode_frame(answer)


def set_scale(
    endpoint: str, run: str, scale: Literal["linear", "log10"], timeout: float = 5.0
) -> None:
    """Have the next figures of a run, named by its id or its name, coloured in another way.

    Raises:
        NoAnswerError: nobody answers within the timeout, in seconds, or there is no such run.
        VizError: the endpoint or the answer cannot be used.
    """
    answer = _ask(endpoint, encode(SetScale(run=run, scale=scale)), timeout)
    if not isinstance(answer.header, Alive):
        raise NoAnswerError(f"{endpoint} has no run {run!r}")


def draw(endpoint: str, frame: Frame, timeout: float = 30.0) -> bytes:
    """The image of a frame.

    Raises:
        NoAnswerError: nobody answers within the timeout, in seconds, or the frame is refused.
        VizError: the endpoint or the answer cannot be used.
    """
    answer = _ask(endpoint, encode_frame(frame), timeout)
    if not isinstance(answer.header, Drawn):
        reason = answer.header.error if isinstance(answer.header, Refused) else answer.header
        raise NoAnswerError(f"{endpoint} did not draw: {reason}")
    return b"".join(answer.buffers)


def _ask(endpoint: str, question: list[bytes | memoryview], timeout: float) -> Parts:
    key = key_for(endpoint)
    check_endpoint(endpoint, keys=key is not None)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        secure(socket, key)
        socket.connect(endpoint)
        socket.send_multipart(question)
        if not socket.poll(int(1000 * timeout)):
            raise NoAnswerError(f"nobody answers at {endpoint} (waited {timeout:g} s)")
        return decode(socket.recv_multipart())
