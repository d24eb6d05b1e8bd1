"""Latest frame of each run: a newer frame replaces a waiting one, nothing queues."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from vizworker.frame import Frame

PATIENCE = 2.0  # seconds that a run may be overtaken for: about what new figures cost elsewhere


@dataclass(frozen=True)
class Letter:
    """A frame that waits to be drawn, and where its answer goes."""

    frame: Frame
    route: bytes  # the routing id of the peer that sent it
    since: float  # when its run had its last turn, or began to wait for its first; seconds
    hurried: bool = False  # it goes before others, as the last of its run


class Mailbox:
    """The newest frame of each run; whose run's last turn is longest ago is taken first.

    Attributes:
        nbytes: bytes of all waiting arrays.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._letters: dict[str, Letter] = {}

    def __len__(self) -> int:
        return len(self._letters)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._letters

    def newest(self, run_id: str) -> int:
        """The sequence of a run's frame; 0 if none waits."""
        letter = self._letters.get(run_id)
        return 0 if letter is None else letter.frame.sequence

    def put(self, frame: Frame, route: bytes, since: float, *, hurried: bool = False) -> bool:
        """Leave a frame; True if it took the place of an older one of its run.

        A frame older than the waiting one is dropped: the newer answers for it.

        Args:
            frame: of any run.
            route: of who sent it.
            since: when its run had its last turn, or now if it had none. Not when it came: who
                sends without end would always be there first.
            hurried: it goes before others.
        """
        held = self._letters.get(frame.run_id)
        if held is None:
            self._letters[frame.run_id] = Letter(frame, route, since, hurried)
            self.nbytes += frame_bytes(frame)
            return False
        newest = max(held.frame, frame, key=lambda each: each.sequence)
        self.nbytes += frame_bytes(newest) - frame_bytes(held.frame)
        self._letters[frame.run_id] = replace(
            held, frame=newest, route=route, hurried=held.hurried or hurried
        )
        return held.frame.sequence != frame.sequence

    def put_back(self, letter: Letter) -> None:
        """Leave a frame that could not be drawn yet, unless a newer one came."""
        run_id = letter.frame.run_id
        if run_id not in self._letters:
            self._letters[run_id] = letter
            self.nbytes += frame_bytes(letter.frame)

    def take(self, run_id: str | None = None) -> Letter | None:
        """The frame of a run, or of the one whose turn it is; None if nothing waits."""
        if run_id is None:
            run_id = min(self._letters, key=lambda each: self._letters[each].since, default="")
        letter = self._letters.pop(run_id, None)
        if letter is not None:
            self.nbytes -= frame_bytes(letter.frame)
        return letter

    def next_of(self, may: Callable[[Letter], bool], rather: Callable[[str], bool]) -> str | None:
        """The run to be drawn next; None if there is none.

        Args:
            may: its frame can be drawn now.
            rather: a run that is cheaper to draw now than others; it goes first, unless another
                has waited for longer by `PATIENCE`.
        """
        letters = sorted(self._letters.values(), key=lambda letter: letter.since)
        waiting = [letter for letter in letters if may(letter)]
        hurried = next((letter for letter in waiting if letter.hurried), None)
        if hurried is not None or not waiting:
            return None if hurried is None else hurried.frame.run_id
        oldest = waiting[0]
        cheap = next((letter for letter in waiting if rather(letter.frame.run_id)), oldest)
        chosen = oldest if cheap.since > oldest.since + PATIENCE else cheap
        return chosen.frame.run_id


def frame_bytes(frame: Frame) -> int:
    """Bytes of its arrays."""
    return sum(array.nbytes for array in frame.arrays.values())
