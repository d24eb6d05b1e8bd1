"""The wire: what goes in comes out, and foreign bytes are refused by name."""

from contextlib import suppress
from dataclasses import fields

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from running import small_frame

from vizworker import wire
from vizworker.errors import FrameError, SchemaError, VizError, WireError
from vizworker.frame import DTYPES, MAX_ARRAYS, Cost, Frame, Style, Times
from vizworker.wire import decode, decode_frame, encode, encode_frame

MESSAGES = (
    wire.Beat(run_id="a", run="b", cost=Cost(steps=3, blocked=0.5)),
    wire.Alive(instance="i", holding=3),
    wire.Bye(run_id="a", cost=Cost()),
    wire.Drawn(
        run_id="a", sequence=4, instance="i", names=(("fit",),), format="png", times=Times(sent=1.5)
    ),
    wire.Refused(run_id="a", sequence=4, instance="i", error="because"),
    wire.AskStatus(),
    wire.AskFrame(run="a"),
    wire.SetScale(run="a", scale="log10"),
    wire.Status(
        instance="i",
        version="1",
        pid=1,
        endpoint="ipc:///x",
        uptime=1.0,
        memory=2,
        runs=(wire.RunStatus(run_id="a", run="b", log_likelihood=-1.0),),
    ),
)
FULL = Frame(
    run_id="id",
    run="name",
    layout="imaging",
    sequence=7,
    log_likelihood=-12.5,
    arrays={
        "data": np.array([[1.0, np.nan], [np.inf, -0.0]]),
        "mask": np.array([[True, False]]),
        "mesh_shape": np.array([3, 4]),
        "empty": np.zeros((0, 2), dtype=np.float32),
        "scalar": np.array(2.0),
    },
    search_log_likelihood=-12.25,
    parameter_names=("x", "y"),
    final=True,
    title_prefix="prefix",
    notes=("a note",),
    style=Style(colormap="gray", dpi=80.0),
    times=Times(triggered=1.0, ready=2.0),
    cost=Cost(steps=5, elapsed=9.0),
)


def assert_round_trip(frame: Frame) -> None:
    back = decode_frame(decode([bytes(part) for part in encode_frame(frame)]))
    for field in fields(Frame):
        if field.name != "arrays":
            assert getattr(back, field.name) == getattr(frame, field.name)
    assert list(back.arrays) == list(frame.arrays)
    for name, array in frame.arrays.items():
        assert back.arrays[name].dtype == array.dtype
        assert not back.arrays[name].flags.writeable
        np.testing.assert_array_equal(back.arrays[name], array)


def test_frame_comes_back_as_it_was() -> None:
    assert_round_trip(FULL)


def test_strided_array_comes_back_as_it_was() -> None:
    assert_round_trip(small_frame(arrays={"data": np.arange(24.0).reshape(4, 6)[::2, ::-1].T}))


@settings(max_examples=50, deadline=None)
@given(
    arrays_of.arrays(
        st.sampled_from(sorted(DTYPES)),
        arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    )
)
def test_any_array_that_may_travel_comes_back_as_it_was(array: np.ndarray) -> None:
    assert_round_trip(small_frame(arrays={"data": array}))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_message_comes_back_as_it_was(message: wire.Message) -> None:
    parts = decode([bytes(part) for part in encode(message, b"tail")])
    assert parts.header == message
    assert [bytes(buffer) for buffer in parts.buffers] == [b"tail"]


def test_bytes_of_version_1_do_not_change_unnoticed() -> None:
    """A change here is a change of the schema: count it up."""
    assert wire.SCHEMA == 1
    assert encode(wire.Alive(instance="i")) == [
        b"\x84\xa4type\xa5alive\xa6schema\x01\xa8instance\xa1i\xa7holding\x00"
    ]
    small = small_frame(style=Style(), arrays={"a": np.array([True])})
    header = msgspec.msgpack.decode(encode_frame(small)[0])
    assert list(header) == ["type", *wire.FrameHeader.__struct_fields__]
    assert header["arrays"] == [{"name": "a", "dtype": "bool", "shape": [1]}]


def test_another_schema_version_is_named() -> None:
    header = msgspec.msgpack.encode({"type": "from_the_future", "schema": 2})
    with pytest.raises(SchemaError, match="schema 2, expected 1: install the same version"):
        decode([header])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b""],
        [b"\xc1"],
        [b"\x91" * 100_000],
        [msgspec.msgpack.encode([1])],
        [msgspec.msgpack.encode({"type": "beat", "schema": 1})],
        [msgspec.msgpack.encode({"type": "ask_status", "schema": 1, "more": 1})],
        [bytes(wire.MAX_HEADER + 1)],
        [msgspec.msgpack.encode({"type": "ask_status", "schema": 1}), *[b""] * (MAX_ARRAYS + 1)],
    ],
    ids=range(9),
)
def test_foreign_bytes_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(WireError):
        decode(parts)


@pytest.mark.parametrize(
    ("spec", "buffer", "message"),
    [
        (("data", "float64", (4,)), b"1234", "came in 4 bytes, expected 32"),
        (("data", "object", (4,)), b"1234", "has dtype object"),
        (("data", "uint8", (-1,)), b"", "expected no negative size"),
        (("data", "uint8", (2**62, 2**62)), b"", "over 1073741824 bytes"),
        (("data", "float64", (0, 2**62)), b"", "over 1073741824 bytes"),
        (("data", "float64", (0, 2**64 - 1)), b"", "over 1073741824 bytes"),
        (("data", "uint8", (0, 2**30, 2**30)), b"", "over 1073741824 bytes"),
        (("data", "uint8", (1, 1, 1, 1, 1)), b"1", "5-d"),
    ],
)
def test_array_that_is_not_what_its_header_says_is_refused(
    spec: tuple[str, str, tuple[int, ...]], buffer: bytes, message: str
) -> None:
    header = decode(encode_frame(small_frame())).header
    wrong = msgspec.structs.replace(header, arrays=(wire.ArraySpec(*spec),))
    with pytest.raises(VizError, match=message):
        decode_frame(decode(encode(wrong, buffer)))


def test_number_of_buffers_must_be_that_of_the_header() -> None:
    with pytest.raises(WireError, match="0 buffers, expected 1"):
        decode_frame(decode(encode_frame(small_frame())[:1]))


def test_array_may_not_come_twice() -> None:
    header, data = encode_frame(small_frame())
    spec = decode([header, data]).header.arrays[0]
    twice = msgspec.structs.replace(decode([header]).header, arrays=(spec, spec))
    with pytest.raises(FrameError, match="array 'data' comes twice"):
        decode_frame(decode(encode(twice, data, data)))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_message_is_decoded_or_refused(data: st.DataObject) -> None:
    parts = [bytearray(part) for part in encode_frame(FULL)]
    for _ in range(data.draw(st.integers(1, 4))):
        part = data.draw(st.sampled_from([part for part in parts if part]))
        part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    with suppress(VizError):
        decode_frame(decode(parts))
