"""The data folder: the last frame, image and numbers of each run, for after it has ended."""

import hashlib
import shutil
import time
from pathlib import Path

import msgspec

from vizworker.discovery import write_whole
from vizworker.errors import LimitError, WireError
from vizworker.frame import Frame
from vizworker.runs import FORGOTTEN
from vizworker.wire import RunStatus, decode, decode_frame, encode_frame
from vizworker.worker import Rendered

FRAME, IMAGE, STATUS = "frame.viz", "image.png", "status.json"


class Recorded(msgspec.Struct, frozen=True):
    """A run as the data folder knows it."""

    status: RunStatus
    recorded: float  # unix seconds


class Records:
    """Keeps the last of each run that goes on, and of at most `keep` runs in all where it can.

    The least recent of those that have ended make room.
    """

    def __init__(self, folder: Path, keep: int = 50, most: int = 4 << 30) -> None:
        self.folder = folder / "runs"
        self.keep = keep
        self.most = most  # bytes, of all runs together
        self._live: dict[Path, int] = {}  # folders of runs that go on here, bytes of their frames

    def drawn(self, frame: Frame, rendered: Rendered, status: RunStatus) -> None:
        """Keep a drawn frame in place of the last one.

        Raises:
            OSError: the folder cannot be written.
            LimitError: with the runs that go on, this frame is more than may be kept.
        """
        folder, packed = self._folder(frame.run_id), pack(encode_frame(frame))
        if len(packed) > self.most:
            what = f"a frame of {len(packed)} bytes is not kept, expected at most {self.most}"
            raise LimitError("disk", what)
        # most frames of a run have one size: the folder is walked when there is more to keep
        if self._live.get(folder) != len(packed):
            self._prune(folder, len(packed))
        self._live[folder] = len(packed)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(folder / FRAME, packed)
        write_whole(folder / IMAGE, rendered.pictures[0].png)
        self._write_status(status)

    def ended(self, status: RunStatus) -> None:
        """Keep the last numbers of a run, if it had a figure."""
        self._live.pop(self._folder(status.run_id), None)
        if self._folder(status.run_id).is_dir():
            self._write_status(status)

    def runs(self) -> list[Recorded]:
        """Every run kept, the most recent first."""
        found = (_read_status(path) for path in self.folder.glob(f"*/{STATUS}"))
        kept = [recorded for recorded in found if recorded is not None]
        return sorted(kept, key=lambda recorded: recorded.recorded, reverse=True)

    def frame(self, name: str) -> Frame | None:
        """The last frame of the run of that id, or else of the most recent of that name.

        Raises:
            VizError: what is kept is not a frame of this version.
        """
        statuses = [recorded.status for recorded in self.runs()]
        by_id = [status for status in statuses if status.run_id == name]
        for status in by_id + [status for status in statuses if status.run == name]:
            path = self._folder(status.run_id) / FRAME
            if path.is_file():
                return decode_frame(decode(unpack(path.read_bytes())))
        return None

    def image(self, run_id: str) -> Path:
        """Where the last image of a run is, or would be."""
        return self._folder(run_id) / IMAGE

    def _folder(self, run_id: str) -> Path:
        # a name from the wire is never a path
        return self.folder / hashlib.sha256(run_id.encode()).hexdigest()[:20]

    def _write_status(self, status: RunStatus) -> None:
        recorded = Recorded(status, time.time())
        write_whole(self._folder(status.run_id) / STATUS, msgspec.json.encode(recorded))

    def _prune(self, mine: Path, coming: int) -> None:
        """Make room for bytes that are coming: the least recent of the runs that ended go."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sizes = {path: _size(path) for path in self.folder.iterdir() if path != mine}
        gone = (path for path in sorted(sizes, key=_age_order) if not self._goes_on(path))
        while len(sizes) >= self.keep or sum(sizes.values()) + coming > self.most:
            path = next(gone, None)
            if path is None:
                break
            shutil.rmtree(path, ignore_errors=True)
            del sizes[path]
        if (size := sum(sizes.values()) + coming) > self.most:
            what = f"{size} bytes of runs that go on are not kept, expected at most {self.most}"
            raise LimitError("disk", what)

    def _goes_on(self, folder: Path) -> bool:
        """A run of this worker, or of another that has lately drawn for it."""
        if folder in self._live:
            return True
        recorded = _read_status(folder / STATUS)
        if recorded is None or recorded.status.state == "ended":
            return False
        return recorded.recorded > time.time() - FORGOTTEN


def pack(parts: list[bytes | memoryview]) -> bytes:
    """A message as one byte string: before each part its size, 8 bytes, little-endian."""
    pieces: list[bytes | memoryview] = []
    for part in parts:
        pieces += [memoryview(part).nbytes.to_bytes(8, "little"), part]
    return b"".join(pieces)


def unpack(packed: bytes) -> list[memoryview]:
    """The parts of a packed message, without a copy.

    Raises:
        WireError: the sizes do not add up.
    """
    view, parts = memoryview(packed), []
    while view:
        size = int.from_bytes(view[:8], "little")
        if len(view) < 8 + size:
            raise WireError(f"a part of {size} bytes, but {len(view) - 8} follow")
        parts.append(view[8 : 8 + size])
        view = view[8 + size :]
    return parts


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _age_order(folder: Path) -> float:
    return folder.stat().st_mtime


def _read_status(path: Path) -> Recorded | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Recorded)
    except (OSError, msgspec.DecodeError):
        return None
