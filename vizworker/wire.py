"""The wire: messages as bytes, a msgspec header and one raw buffer an array; no sockets here.

A message is a list of byte strings. The first is the header, a tagged msgspec struct in
MessagePack; only a frame and a drawn image carry more: one buffer an array, in the order of the
header, and the image. Nothing is pickled or evaluated, unknown fields are refused, and every
size is checked against the header before an array is made. `docs/frame.md` is the contract.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from vizworker.errors import FrameError, SchemaError, WireError
from vizworker.frame import MAX_ARRAYS, Cost, Frame, Style, Times, check_array
from vizworker.panels import Grid

SCHEMA = 1
MAX_HEADER = 1 << 20  # bytes
MAX_FRAME = 1 << 30  # bytes of one frame's arrays


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every header shares."""

    schema: int = SCHEMA


class ArraySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One array as the header describes it; its buffer follows the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class FrameHeader(_Message, frozen=True, tag="frame", kw_only=True):
    """Search to worker (and worker to an exporter): a frame without its buffers."""

    run_id: str
    run: str
    layout: str
    sequence: int
    log_likelihood: float
    search_log_likelihood: float | None
    parameter_names: tuple[str, ...]
    final: bool
    title_prefix: str
    notes: tuple[str, ...]
    style: Style
    times: Times
    cost: Cost
    arrays: tuple[ArraySpec, ...]
    grid: Grid | None = None
    reduced: dict[str, tuple[int, ...]] = {}


class Beat(_Message, frozen=True, tag="beat", kw_only=True):
    """Search to worker, now and then: this run is alive; answered by an `Alive`."""

    run_id: str
    run: str
    cost: Cost
    home: Times = msgspec.field(default_factory=Times)  # of the last image that came home


class Alive(_Message, frozen=True, tag="alive", kw_only=True):
    """Worker to search: which worker this is. A frame sent to another instance is lost."""

    instance: str
    holding: int = 0  # the newest sequence of this run that came and is not answered


class Bye(_Message, frozen=True, tag="bye", kw_only=True):
    """Search to worker: this run has ended and sends no more."""

    run_id: str
    cost: Cost
    home: Times = msgspec.field(default_factory=Times)  # as a beat's


class Drawn(_Message, frozen=True, tag="drawn", kw_only=True):
    """Worker to search: a frame is drawn; its images follow, one buffer each."""

    run_id: str
    sequence: int
    instance: str
    names: tuple[tuple[str, ...], ...]  # of each image: file stems under which the host keeps it
    format: str  # "png"
    times: Times


class Refused(_Message, frozen=True, tag="refused", kw_only=True):
    """Worker to anyone: a message that could not be used, why, and what to do."""

    run_id: str = ""
    sequence: int = 0
    instance: str = ""
    error: str = ""


class AskStatus(_Message, frozen=True, tag="ask_status", kw_only=True):
    """Anyone to worker: answered by a `Status`."""


class AskFrame(_Message, frozen=True, tag="ask_frame", kw_only=True):
    """Anyone to worker: the last frame of a run, by its id or its name; answered by a frame.

    Where that is down-sampled and `whole` is asked for, the worker asks the run's search in the
    same way, and answers with an `Alive` and, when it has come, the frame.
    """

    run: str
    whole: bool = False


class SetScale(_Message, frozen=True, tag="set_scale", kw_only=True):
    """Anyone to worker: how to colour the next figures of a run; answered by an `Alive`."""

    run: str  # its id or its name
    scale: Literal["linear", "log10"]


class RunStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a worker knows of one run."""

    run_id: str
    run: str
    layout: str = ""
    state: str = "waiting"  # waiting, live, silent or ended
    received: int = 0  # frames that came
    drawn: int = 0  # frames drawn and answered
    replaced: int = 0  # frames a newer one overtook, on either side
    refused: int = 0  # frames that could not be drawn
    sequence: int = 0  # of the last frame drawn
    log_likelihood: float | None = None  # of the last frame drawn
    age: float | None = None  # seconds since the last figure
    last_error: str = ""
    reduced: bool = False  # the last frame drawn has down-sampled maps
    latency: Times = msgspec.field(default_factory=Times)  # of the last frame drawn
    cost: Cost = msgspec.field(default_factory=Cost)


class Status(_Message, frozen=True, tag="status", kw_only=True):
    """Worker to anyone: itself and its runs."""

    instance: str
    version: str
    pid: int
    endpoint: str
    uptime: float  # seconds
    memory: int  # resident bytes
    runs: tuple[RunStatus, ...]
    waiting: int = 0  # frames that wait to be drawn
    waiting_bytes: int = 0  # of their arrays
    connections: int = 0  # that talked in the last minute
    refusals: dict[str, int] = {}  # what was refused, by the limit or the kind of error


Message = (
    FrameHeader | Beat | Alive | Bye | Drawn | Refused | AskStatus | AskFrame | SetScale | Status
)


@dataclass(frozen=True)
class Parts:
    """A decoded message: its header and the buffers behind it."""

    header: Message
    buffers: tuple[memoryview, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


# a text that is not UTF-8 is no DecodeError of msgspec's
_FOREIGN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Schema(msgspec.Struct):
    schema: int = 0


_schema_decoder = msgspec.msgpack.Decoder(_Schema)


def encode(message: Message, *buffers: bytes | memoryview) -> list[bytes | memoryview]:
    """A message as the byte strings to send."""
    return [_encoder.encode(message), *buffers]


def decode(parts: Sequence[bytes | memoryview]) -> Parts:
    """The message in the byte strings that came.

    Raises:
        SchemaError: another schema version.
        WireError: anything else that is not a message of this schema.
    """
    if not parts:
        raise WireError("an empty message, expected a header")
    header = memoryview(parts[0])
    if header.nbytes > MAX_HEADER:
        raise WireError(f"a header of {header.nbytes} bytes, expected at most {MAX_HEADER}")
    if len(parts) - 1 > MAX_ARRAYS:
        raise WireError(f"{len(parts) - 1} buffers, expected at most {MAX_ARRAYS}")
    try:
        schema = _schema_decoder.decode(header).schema
    except _FOREIGN as error:
        raise WireError(f"a header that is not one of ours: {error}") from error
    if schema != SCHEMA:
        raise SchemaError(
            f"schema {schema}, expected {SCHEMA}: "
            "install the same version of vizworker on both sides"
        )
    try:
        message = _decoder.decode(header)
    except _FOREIGN as error:
        raise WireError(f"a header that is not one of ours: {error}") from error
    return Parts(message, tuple(memoryview(part) for part in parts[1:]))


def encode_frame(frame: Frame) -> list[bytes | memoryview]:
    """A frame as the byte strings to send; its arrays are not copied."""
    arrays = {name: np.ascontiguousarray(array) for name, array in frame.arrays.items()}
    header = FrameHeader(
        run_id=frame.run_id,
        run=frame.run,
        layout=frame.layout,
        sequence=frame.sequence,
        log_likelihood=frame.log_likelihood,
        search_log_likelihood=frame.search_log_likelihood,
        parameter_names=frame.parameter_names,
        final=frame.final,
        title_prefix=frame.title_prefix,
        notes=frame.notes,
        style=frame.style,
        grid=frame.grid,
        reduced=dict(frame.reduced),
        times=frame.times,
        cost=frame.cost,
        arrays=tuple(
            # a 0-d array becomes 1-d in ascontiguousarray: the shape is the frame's own
            ArraySpec(name, array.dtype.name, frame.arrays[name].shape)
            for name, array in arrays.items()
        ),
    )
    return encode(header, *(array.reshape(-1).view(np.uint8).data for array in arrays.values()))


def decode_frame(parts: Parts) -> Frame:
    """The frame in a decoded message; its arrays are read-only views of the buffers.

    Raises:
        WireError: not a frame, or its buffers do not fit its header.
        FrameError: its arrays are not what a frame may carry.
    """
    header = parts.header
    if not isinstance(header, FrameHeader):
        raise WireError(f"a {type(header).__name__}, expected a frame")
    if len(parts.buffers) != len(header.arrays):
        raise WireError(f"{len(parts.buffers)} buffers, expected {len(header.arrays)}")
    if sum(buffer.nbytes for buffer in parts.buffers) > MAX_FRAME:
        raise WireError(f"a frame over {MAX_FRAME} bytes")
    arrays: dict[str, np.ndarray] = {}
    for spec, buffer in zip(header.arrays, parts.buffers, strict=True):
        if spec.name in arrays:
            raise FrameError(f"array {spec.name!r} comes twice")
        arrays[spec.name] = _array(spec, buffer)
    return Frame(
        run_id=header.run_id,
        run=header.run,
        layout=header.layout,
        sequence=header.sequence,
        log_likelihood=header.log_likelihood,
        arrays=arrays,
        search_log_likelihood=header.search_log_likelihood,
        parameter_names=header.parameter_names,
        final=header.final,
        title_prefix=header.title_prefix,
        notes=header.notes,
        style=header.style,
        grid=header.grid,
        reduced=header.reduced,
        times=header.times,
        cost=header.cost,
    )


def _array(spec: ArraySpec, buffer: memoryview) -> np.ndarray:
    check_array(spec.name, spec.dtype, spec.shape)
    if any(n < 0 for n in spec.shape):
        raise FrameError(f"array {spec.name!r} has shape {spec.shape}, expected no negative size")
    dtype = np.dtype(spec.dtype)
    # an axis of size 0 hides what its neighbours ask for
    if math.prod(max(n, 1) for n in spec.shape) * dtype.itemsize > MAX_FRAME:
        raise FrameError(f"array {spec.name!r} has shape {spec.shape}, over {MAX_FRAME} bytes")
    expected = math.prod(spec.shape) * dtype.itemsize
    if buffer.nbytes != expected:
        raise WireError(
            f"array {spec.name!r} of {spec.dtype} {spec.shape} came in {buffer.nbytes} bytes, "
            f"expected {expected}"
        )
    array = np.frombuffer(buffer, dtype).reshape(spec.shape)
    array.flags.writeable = False
    return array
