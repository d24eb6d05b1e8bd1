"""Whose frame is drawn next: one of each run waits, one is drawn, and runs take turns."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from vizworker.frame import Frame
from vizworker.mailbox import Letter, Mailbox
from vizworker.wire import Bye

REST = 10.0  # times as long as a run's frame has cost a process, its next one waits


@dataclass
class Flight:
    """A frame that is being drawn."""

    letter: Letter
    since: float  # seconds, as every time here


class Turns:
    """The frames that a worker has in hand; the clock is passed in."""

    def __init__(self) -> None:
        """Nothing is in hand."""
        self._mailbox = Mailbox()
        self._flights: dict[str, Flight] = {}  # by run, as the next
        self._taken: dict[str, float] = {}  # when runs had their last turn
        self._resting: dict[str, float] = {}  # runs that cost a process: until when
        self._leaving: dict[str, Bye] = {}  # runs that said goodbye and have a frame in hand
        self._hurried: set[str] = set()  # runs whose last frame has come

    def __len__(self) -> int:
        """Frames that wait or are being drawn."""
        return len(self._mailbox) + len(self._flights)

    @property
    def nbytes(self) -> int:
        """Of the arrays that wait."""
        return self._mailbox.nbytes

    def holding(self, run_id: str) -> int:
        """The newest sequence of a run that is in hand; 0 if none is."""
        flight = self._flights.get(run_id)
        drawing = 0 if flight is None else flight.letter.frame.sequence
        return max(drawing, self._mailbox.newest(run_id))

    def drawing(self, frame: Frame, route: bytes) -> bool:
        """It is being drawn, or a newer one of its run: what comes of that goes to this route."""
        flight = self._flights.get(frame.run_id)
        if flight is None or frame.sequence > flight.letter.frame.sequence:
            return False
        flight.letter = replace(flight.letter, route=route)
        return True

    def put(self, frame: Frame, route: bytes, now: float) -> bool:
        """Leave a frame; True if it took the place of an older one of its run."""
        # the last frame goes first, once: nothing better comes, and its search waits for it
        hurried = frame.final and frame.run_id not in self._hurried
        if hurried:
            self._hurried.add(frame.run_id)
        since = self._taken.get(frame.run_id, now)
        return self._mailbox.put(frame, route, since, hurried=hurried)

    def next(self, now: float, rather: Callable[[str], bool], *, rest: bool = True) -> str | None:
        """The run whose frame is to be drawn now; None if there is none.

        Args:
            now: seconds.
            rather: a run that is cheaper to draw now than others.
            rest: runs that cost a process are let rest.
        """
        return self._mailbox.next_of(lambda letter: self._may(letter, now, rest), rather)

    def take(self, run_id: str, now: float) -> Frame | None:
        """The waiting frame of a run, which has its turn now."""
        letter = self._mailbox.take(run_id)
        if letter is None:
            return None
        self._taken[run_id] = now
        self._flights[run_id] = Flight(letter, now)
        return letter.frame

    def land(self, run_id: str) -> Flight:
        """The frame of a run that is no longer being drawn."""
        return self._flights.pop(run_id)

    def put_back(self, flight: Flight) -> None:
        """Leave a frame that could not be drawn yet, unless a newer one came."""
        self._mailbox.put_back(flight.letter)

    def rest(self, flight: Flight, now: float) -> None:
        """Others come first for as long as this run has kept them waiting, many times over."""
        run_id = flight.letter.frame.run_id
        self._resting[run_id] = now + REST * max(1.0, now - flight.since)

    def wake(self, run_id: str) -> None:
        """A run rests no longer."""
        self._resting.pop(run_id, None)

    def leave(self, bye: Bye) -> bool:
        """A run says goodbye; whether a frame of it is in hand, which comes first."""
        if bye.run_id not in self._mailbox and bye.run_id not in self._flights:
            return False
        self._leaving[bye.run_id] = bye
        return True

    def flies(self, run_id: str) -> bool:
        """A frame of a run is being drawn."""
        return run_id in self._flights

    def left(self, run_id: str) -> Bye | None:
        """The goodbye of a run, once nothing of it waits."""
        return None if run_id in self._mailbox else self._leaving.pop(run_id, None)

    def forget(self, run_id: str) -> None:
        """A run has ended."""
        self._taken.pop(run_id, None)
        self._resting.pop(run_id, None)
        self._leaving.pop(run_id, None)
        self._hurried.discard(run_id)

    def _may(self, letter: Letter, now: float, rest: bool) -> bool:
        run_id = letter.frame.run_id
        if run_id in self._flights:
            return False
        rested = not rest or now >= self._resting.get(run_id, now)
        return rested or letter.hurried or run_id in self._leaving
