"""Latest frame of each run: a newer frame replaces a waiting one, nothing queues."""

from dataclasses import dataclass, replace

from vizworker.frame import Frame


@dataclass(frozen=True)
class Letter:
    """A frame that waits to be drawn, and where its answer goes."""

    frame: Frame
    route: bytes  # the routing id of the peer that sent it
    since: float  # when its run began to wait, seconds


class Mailbox:
    """The newest frame of each run, taken in the order in which runs began to wait."""

    def __init__(self) -> None:
        self._letters: dict[str, Letter] = {}  # the run that waited longest is first

    def __len__(self) -> int:
        return len(self._letters)

    @property
    def nbytes(self) -> int:
        """Bytes of all waiting arrays."""
        letters = self._letters.values()
        return sum(array.nbytes for each in letters for array in each.frame.arrays.values())

    def put(self, frame: Frame, route: bytes, now: float) -> bool:
        """Leave a frame; True if it took the place of an older one of its run.

        A frame older than the waiting one is dropped: the newer answers for it.
        """
        held = self._letters.get(frame.run_id)
        if held is None:
            self._letters[frame.run_id] = Letter(frame, route, now)
            return False
        newest = max(held.frame, frame, key=lambda each: each.sequence)
        self._letters[frame.run_id] = replace(held, frame=newest, route=route)
        return held.frame.sequence != frame.sequence

    def take(self, run_id: str | None = None) -> Letter | None:
        """The frame of a run, or of the run that waited longest; None if nothing waits."""
        if run_id is None:
            run_id = next(iter(self._letters), "")
        return self._letters.pop(run_id, None)
