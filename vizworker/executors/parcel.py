"""A frame on its way to another process, and its images on the way back: bytes of the wire.

A parcel on a stream is the number of its parts and their sizes, 8 bytes each, and the parts.
"""

import importlib
import socket as sockets
import struct
from collections.abc import Sequence
from typing import cast

from vizworker.errors import RenderError, WireError
from vizworker.executors.shape import Draw, Image, Images, Rendered
from vizworker.frame import Frame, Times
from vizworker.wire import Drawn, Refused, decode, decode_frame, encode, encode_frame

READY = b"!"  # a render process's first byte
Parts = Sequence[bytes | bytearray | memoryview]


def name_of(draw: Draw) -> str:
    """How another process finds a function of a module."""
    return f"{draw.__module__}:{draw.__qualname__}"


def function_of(name: str) -> Draw:
    """The function of that name, its module imported."""
    module, _, function = name.partition(":")
    return cast(Draw, getattr(importlib.import_module(module), function))


def frame_in(parts: Parts) -> Frame:
    """The frame of a parcel of `encode_frame`."""
    return decode_frame(decode(cast(Sequence[memoryview], parts)))


def answer(draw: Draw, parts: Parts) -> list[bytes | memoryview]:
    """Draw the frame of a parcel; a parcel with its images, or with what was raised."""
    try:
        frame = frame_in(parts)
        rendered = draw(frame)
    except Exception as error:
        return encode(Refused(error=f"{type(error).__name__}: {error}"))
    drawn = Drawn(
        run_id=frame.run_id,
        sequence=frame.sequence,
        instance="",
        names=tuple(tuple(picture.names) for picture in rendered.pictures),
        format="png",
        times=Times(drawn=rendered.drawn, encoded=rendered.encoded),
    )
    return encode(drawn, *(picture.png for picture in rendered.pictures))


def images_in(parts: Parts) -> Rendered:
    """The images of an answer.

    Raises:
        RenderError: there are none, because something was raised.
        WireError: it is no answer.
    """
    message = decode(cast(Sequence[memoryview], parts))
    match message.header:
        case Refused(error=error):
            raise RenderError(error)
        case Drawn(names=names, times=times):
            pairs = zip(names, message.buffers, strict=True)
            pictures = tuple(Image(each, bytes(png)) for each, png in pairs)
            return Images(pictures, times.drawn, times.encoded)
    raise WireError(f"a {type(message.header).__name__}, expected images")


def parts_of(frame: Frame) -> list[bytes | memoryview]:
    """A frame as the parts of a parcel; nothing is copied."""
    return encode_frame(frame)


def send(line: sockets.socket, parts: Parts) -> None:
    """Send a parcel.

    Raises:
        OSError: who should read it is gone, or does not read in time.
    """
    sizes = [memoryview(part).nbytes for part in parts]
    line.sendall(struct.pack(f"<{len(sizes) + 1}Q", len(sizes), *sizes))
    for part in parts:
        line.sendall(part)


def receive(line: sockets.socket) -> list[bytearray]:
    """The next parcel.

    Raises:
        EOFError: the other side is gone.
        OSError: nothing comes in time.
    """
    (count,) = struct.unpack("<Q", _exactly(line, 8))
    sizes = struct.unpack(f"<{count}Q", _exactly(line, 8 * count))
    return [_exactly(line, size) for size in sizes]


def _exactly(line: sockets.socket, size: int) -> bytearray:
    content = bytearray(size)
    rest = memoryview(content)
    while rest:
        n = line.recv_into(rest)
        if n == 0:
            raise EOFError("the other side has closed the line")
        rest = rest[n:]
    return content
