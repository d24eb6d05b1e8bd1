"""Questions to a running worker, from any process: its status, a run's last frame, a drawing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import zmq

from vizworker.auth import check_endpoint, key_for, secure
from vizworker.errors import VizError
from vizworker.frame import Cost, Frame
from vizworker.wire import (
    Alive,
    AskFrame,
    AskStatus,
    Bye,
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

FAREWELL = 1000  # milliseconds for a last message to leave
AGAIN = 2.0  # seconds after which a search is asked again for its exact arrays


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


def whole_frame(
    endpoint: str,
    run: str,
    timeout: float = 120.0,
    waiting: Callable[[float], None] = lambda seconds: None,
) -> Frame:
    """The last frame of a run with its exact arrays, from its search where the worker has them not.

    Args:
        endpoint: of the worker.
        run: the run's id or name.
        timeout: seconds.
        waiting: told now and then for how many seconds the search has been waited for.

    Raises:
        NoAnswerError: nobody answers, there is no such run, or its search cannot be asked.
        VizError: the endpoint or the answer cannot be used.
    """
    start = time.monotonic()
    with _line(endpoint) as socket:
        while (waited := time.monotonic() - start) < timeout:
            answer = _answer(endpoint, socket, encode(AskFrame(run=run, whole=True)), timeout=5.0)
            while isinstance(answer.header, Alive):  # the search has been asked
                if not socket.poll(int(1000 * AGAIN)):
                    waiting(time.monotonic() - start)
                    break
                answer = decode(socket.recv_multipart())
            match answer.header:
                case FrameHeader():
                    return decode_frame(answer)
                case Refused(error=error):
                    raise NoAnswerError(f"{endpoint}: {error}")
    raise NoAnswerError(f"the search of {run!r} has not sent its exact arrays in {waited:.0f} s")


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


def leave(endpoint: str, run_id: str) -> None:
    """Say that a run has ended.

    Raises:
        VizError: the endpoint cannot be used.
    """
    with _line(endpoint) as socket:
        socket.linger = FAREWELL
        socket.send_multipart(encode(Bye(run_id=run_id, cost=Cost())))


def _ask(endpoint: str, question: list[bytes | memoryview], timeout: float) -> Parts:
    with _line(endpoint) as socket:
        return _answer(endpoint, socket, question, timeout)


@contextmanager
def _line(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    key = key_for(endpoint)
    check_endpoint(endpoint, keys=key is not None)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        secure(socket, key)
        socket.connect(endpoint)
        yield socket


def _answer(
    endpoint: str,
    socket: zmq.Socket[bytes],
    question: list[bytes | memoryview],
    timeout: float,
) -> Parts:
    socket.send_multipart(question)
    if not socket.poll(int(1000 * timeout)):
        raise NoAnswerError(f"nobody answers at {endpoint} (waited {timeout:g} s)")
    return decode(socket.recv_multipart())
