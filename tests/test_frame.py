"""The frame refuses what could not be drawn or sent, and says what it expected."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from running import small_frame

from vizworker.errors import FrameError
from vizworker.frame import MAX_ARRAYS, Cost, Style, Times, check_array
from vizworker.wire import ArraySpec, Message, RunStatus

STRUCTS = (ArraySpec, Cost, RunStatus, Style, Times, *get_args(Message))


def test_sequence_counts_from_one() -> None:
    with pytest.raises(FrameError, match="sequence is 0, expected 1 or more"):
        small_frame(0)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(["text"]), "dtype str128"),
        (np.array([object()]), "dtype object"),
        (np.zeros(2, dtype=complex), "dtype complex128"),
        (np.zeros((1, 1, 1, 1, 1)), "5-d, expected at most 4-d"),
    ],
)
def test_array_that_cannot_travel_is_named(array: np.ndarray, message: str) -> None:
    with pytest.raises(FrameError, match=f"array 'data' .*{message}"):
        small_frame(arrays={"data": array})


def test_array_needs_a_name_of_reasonable_length() -> None:
    for name in ("", "x" * 129):
        with pytest.raises(FrameError, match="characters, expected 1 to 128"):
            check_array(name, "float64", (1,))


def test_array_larger_than_a_worker_takes_is_refused_at_its_source() -> None:
    big = np.broadcast_to(np.zeros(1), (2**13, 2**13))
    with pytest.raises(FrameError, match="array 'data' has 536870912 bytes"):
        small_frame(arrays={"data": big})


def test_number_of_arrays_is_limited() -> None:
    arrays = {f"array_{i}": np.zeros(1) for i in range(MAX_ARRAYS + 1)}
    with pytest.raises(FrameError, match="1025 arrays, expected at most 1024"):
        small_frame(arrays=arrays)


@pytest.mark.parametrize("struct", [*STRUCTS], ids=lambda struct: struct.__name__)
def test_every_field_is_documented(struct: type) -> None:
    text = (Path(__file__).parents[1] / "docs" / "frame.md").read_text()
    for field in struct.__struct_fields__:
        assert f"`{field}`" in text
