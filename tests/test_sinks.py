"""The data folder keeps the last of each run, of a bounded number of runs."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from running import PIXEL, pixel, small_frame

from vizworker.errors import LimitError, SchemaError, WireError
from vizworker.runs import FORGOTTEN
from vizworker.sinks.record import FRAME, Records, pack, unpack
from vizworker.wire import RunStatus, encode_frame


def keep(records: Records, run_id: str, sequence: int = 1, state: str = "live") -> None:
    frame = small_frame(sequence, run_id=run_id)
    status = RunStatus(run_id=run_id, run=frame.run, state=state, sequence=sequence)
    records.drawn(frame, pixel(), status)


def test_last_frame_image_and_numbers_of_a_run_are_kept(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for sequence in (1, 2):
        keep(records, "a", sequence)
    [recorded] = records.runs()
    assert recorded.status.sequence == 2
    frame = records.frame("a")
    np.testing.assert_array_equal(frame.arrays["data"], small_frame(2).arrays["data"])
    assert records.image("a").read_bytes() == PIXEL


def test_run_is_found_by_its_name_the_most_recent_first(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for run_id in ("a", "b"):
        frame = small_frame(run_id=run_id, run="same name")
        status = RunStatus(run_id=run_id, run="same name")
        records.drawn(frame, pixel(), status)
    assert records.frame("same name").run_id == "b"
    assert records.frame("a").run_id == "a"
    assert records.frame("nobody") is None


def test_end_of_a_run_is_kept(tmp_path: Path) -> None:
    records = Records(tmp_path)
    keep(records, "a")
    records.ended(RunStatus(run_id="a", run="a", state="ended"))
    records.ended(RunStatus(run_id="never drawn", run="b", state="ended"))
    assert [recorded.status.state for recorded in records.runs()] == ["ended"]


def end(records: Records, run_id: str) -> None:
    records.ended(RunStatus(run_id=run_id, run="", state="ended"))


def kept(records: Records) -> set[str]:
    return {recorded.status.run_id for recorded in records.runs()}


def test_runs_that_go_on_are_kept_however_many_and_then_the_oldest_make_room(
    tmp_path: Path,
) -> None:
    records, runs = Records(tmp_path, keep=3), [f"run {number}" for number in range(6)]
    for run_id in runs:
        keep(records, run_id)
    keep(Records(tmp_path, keep=3), "of another worker")
    assert kept(records) == {*runs, "of another worker"}
    for run_id in runs[:5]:
        end(records, run_id)
    keep(records, "new")
    assert kept(records) == {"run 5", "of another worker", "new"}


def test_run_of_a_worker_that_was_killed_makes_room_in_the_end(tmp_path: Path) -> None:
    keep(Records(tmp_path), "lost")
    path = next(tmp_path.rglob("status.json"))
    recorded = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(recorded | {"recorded": time.time() - 2 * FORGOTTEN}))
    records = Records(tmp_path, keep=1)
    keep(records, "new")
    assert kept(records) == {"new"}


def test_disk_limit_holds_without_a_run_that_goes_on_being_removed(tmp_path: Path) -> None:
    one = sum(memoryview(part).nbytes + 8 for part in encode_frame(small_frame(run_id="a")))
    records = Records(tmp_path, most=2 * one)
    keep(records, "a")
    with pytest.raises(LimitError, match=r"runs that go on.*limits\.disk"):
        keep(records, "b")
    assert kept(records) == {"a"}
    end(records, "a")
    keep(records, "b")
    assert kept(records) == {"b"}


def test_oldest_runs_make_room(tmp_path: Path) -> None:
    records = Records(tmp_path, keep=3)
    for number in range(6):
        keep(records, f"run {number}")
        end(records, f"run {number}")
    assert {recorded.status.run_id for recorded in records.runs()} == {"run 3", "run 4", "run 5"}


@pytest.mark.parametrize("run_id", ["../../escape", "/etc/passwd", "a\0b", "", "x" * 500])
def test_name_from_the_wire_is_never_a_path(tmp_path: Path, run_id: str) -> None:
    records = Records(tmp_path / "data")
    keep(records, run_id)
    assert {path.name for path in tmp_path.iterdir()} == {"data"}
    [folder] = records.folder.iterdir()
    assert folder.name.isalnum()
    assert records.frame(run_id).run_id == run_id


def test_damaged_record_is_passed_over_or_named(tmp_path: Path) -> None:
    records = Records(tmp_path)
    keep(records, "a")
    keep(records, "b")
    records.image("a").with_name("status.json").write_text("{")
    assert [recorded.status.run_id for recorded in records.runs()] == ["b"]
    records.image("b").with_name(FRAME).write_bytes(b"12345")
    with pytest.raises(WireError):
        records.frame("b")
    records.image("b").with_name(FRAME).write_bytes(pack([b"\x81\xa6schema\x02"]))
    with pytest.raises(SchemaError):
        records.frame("b")


def test_packed_parts_come_back_as_they_were() -> None:
    parts = [b"header", b"", b"\x00" * 9]
    assert [bytes(part) for part in unpack(pack(parts))] == parts
    with pytest.raises(WireError, match="a part of 6 bytes, but 5 follow"):
        unpack(pack(parts)[:13])
