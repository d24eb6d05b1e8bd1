"""Messages as an enemy, a bad line or another program would send them: good ones, spoilt."""

import random
import struct
from typing import Any

import msgspec
import numpy as np

from vizworker import wire
from vizworker.errors import VizError
from vizworker.frame import Cost, Frame, Times

Parts = list[bytes]

NUMBERS = (0, 1, -1, 2**31, -(2**31) - 1, 2**63 - 1, 2**64 - 1, 1e308, float("nan"), float("inf"))
TEXTS = ("", "a" * 2000, "../../etc/passwd", "%s%n{0}", "\0", "\ud7ff\U0010ffff", "__class__")
DTYPES = ("float64", "uint8", "bool", "object", "O", "V8", "<U4", "datetime64", "float128", ">f8")


def seeds() -> list[Parts]:
    """Every kind of message, as it should be."""
    frame = Frame(
        run_id="id",
        run="name",
        layout="imaging",
        sequence=7,
        log_likelihood=-12.5,
        arrays={
            "data": np.arange(12.0).reshape(3, 4),
            "mask": np.zeros((3, 4), dtype=bool),
            "mesh_shape": np.array([3, 4]),
            "empty": np.zeros((0, 2), dtype=np.float32),
            "scalar": np.array(2.0),
        },
        parameter_names=("x", "y"),
        notes=("a note",),
        times=Times(triggered=1.0, ready=2.0),
    )
    messages = (
        wire.Beat(run_id="id", run="name", cost=Cost(steps=3)),
        wire.Bye(run_id="id", cost=Cost()),
        wire.AskStatus(),
        wire.AskFrame(run="name"),
        wire.Alive(instance="i"),
        wire.Refused(run_id="id", sequence=4, error="because"),
        wire.Drawn(
            run_id="id",
            sequence=4,
            instance="i",
            names=(("fit",),),
            format="png",
            times=Times(),
        ),
    )
    encoded = [wire.encode_frame(frame), *map(wire.encode, messages)]
    return [[bytes(part) for part in parts] for parts in encoded]


def attempt(parts: Parts) -> str:
    """What both sides do with a message first; whatever is wrong with it has a name of ours."""
    try:
        message = wire.decode(parts)
        if isinstance(message.header, wire.FrameHeader):
            wire.decode_frame(message)
    except VizError as error:
        return type(error).__name__
    return type(message.header).__name__


class Spoiler:
    """Spoils messages, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._seeds = seeds()
        self._ways = (
            self._noise,
            self._bits,
            self._bits,
            self._field,
            self._field,
            self._field,
            self._array,
            self._array,
            self._array,
            self._array,
            self._parts,
            self._nested,
            self._cut,
        )

    def message(self) -> Parts:
        """One message, spoilt in one to three ways."""
        frame, *others = self._seeds
        parts = list(frame if self._random.random() < 0.5 else self._random.choice(others))
        for _ in range(self._random.choice((1, 1, 2, 3))):
            parts = self._random.choice(self._ways)(parts)
        return parts

    def _noise(self, _: Parts) -> Parts:
        return [
            self._random.randbytes(self._random.randrange(200))
            for _ in range(self._random.randrange(4))
        ]

    def _bits(self, parts: Parts) -> Parts:
        if not parts or not parts[0]:
            return parts
        header = bytearray(parts[0])
        for _ in range(self._random.randrange(1, 5)):
            header[self._random.randrange(len(header))] = self._random.randrange(256)
        return [bytes(header), *parts[1:]]

    def _cut(self, parts: Parts) -> Parts:
        if not parts:
            return parts
        at = self._random.randrange(len(parts))
        size = self._random.randrange(len(parts[at]) + 9)
        return [*parts[:at], (parts[at] + bytes(8))[:size], *parts[at + 1 :]]

    def _parts(self, parts: Parts) -> Parts:
        spoilt = [each for each in parts if self._random.random() < 0.8]
        self._random.shuffle(spoilt)
        return spoilt * self._random.choice((1, 1, 2, 300))

    def _nested(self, parts: Parts) -> Parts:
        opener = self._random.choice((b"\x91", b"\x81\xa1a", b"\xdd\x7f\xff\xff\xff", b"\xc9"))
        return [opener * self._random.choice((1, 100, 100_000)), *parts[1:]]

    def _field(self, parts: Parts) -> Parts:
        header = self._read(parts)
        if header is None:
            return parts
        key = self._random.choice([*header, "more"])
        header[key] = self._value()
        return [self._write(header), *parts[1:]]

    def _array(self, parts: Parts) -> Parts:
        header = self._read(parts)
        specs = header.get("arrays") if header is not None else None
        if not (isinstance(specs, list) and specs and isinstance(specs[0], dict)):
            return parts
        spec = self._random.choice(specs)
        if isinstance(spec, dict):
            # mostly of the right kind: such a message gets further
            key, value = self._random.choice(
                (
                    ("name", self._random.choice(TEXTS)),
                    ("dtype", self._random.choice(DTYPES)),
                    ("shape", self._shape()),
                    ("shape", self._value()),
                )
            )
            spec[key] = value
        return [self._write(header), *parts[1:]]

    def _shape(self) -> list[Any]:
        return [
            self._random.choice((0, 1, 2, 3, 4, 6, 12, 2**40, 2**62, -1))
            for _ in range(self._random.choice((0, 1, 2, 3, 64)))
        ]

    def _value(self) -> Any:
        return self._random.choice(
            (
                self._random.choice(NUMBERS),
                self._random.choice(TEXTS),
                self._random.randbytes(8),
                None,
                [self._random.choice(NUMBERS)] * self._random.choice((0, 1, 1000)),
                {self._random.choice(TEXTS[2:]): self._random.choice(NUMBERS)},
                self._shape(),
            )
        )

    @staticmethod
    def _read(parts: Parts) -> dict[str, Any] | None:
        try:
            header = msgspec.msgpack.decode(parts[0])
        except (msgspec.DecodeError, UnicodeDecodeError, IndexError, RecursionError, TypeError):
            return None
        return header if isinstance(header, dict) else None

    @staticmethod
    def _write(header: Any) -> bytes:
        try:
            return msgspec.msgpack.encode(header)
        except (OverflowError, struct.error):
            return b""
