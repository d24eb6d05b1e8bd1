"""What a worker knows of each run: counts, the last frame, and when it was last heard."""

from dataclasses import replace
from typing import Literal

import msgspec

from vizworker.config import Limits
from vizworker.errors import LimitError
from vizworker.frame import Cost, Frame, Times
from vizworker.wire import RunStatus

SILENT = 10.0  # seconds without a sign of life
FORGOTTEN = 600.0  # seconds of silence after which a run may make room


class Run:
    """One run, as its worker sees it."""

    def __init__(self, run_id: str, now: float) -> None:
        self.status = RunStatus(run_id=run_id, run="")
        self.heard = now  # monotonic seconds, as the next
        self.drawn_at: float | None = None
        self.overtaken = 0  # frames replaced in this worker's mailbox
        self.frame: Frame | None = None  # the last one drawn, while the run lasts
        self.held = 0  # bytes of it
        self.route = b""  # of its search
        self.askers: set[bytes] = set()  # routes of those who wait for its whole frame
        self.scale: Literal["linear", "log10"] | None = None  # None: as its frames say

    @property
    def ended(self) -> bool:
        """It said goodbye."""
        return self.status.state == "ended"

    def hear(self, now: float, run: str, cost: Cost) -> None:
        """A sign of life, perhaps of one that said goodbye before."""
        self.heard = now
        self._change(run=run, cost=cost, replaced=cost.replaced + self.overtaken, state="waiting")

    def came_home(self, home: Times) -> None:
        """The search has written an image, perhaps that of the last frame drawn."""
        if home.written and home.drawn == self.status.latency.drawn:
            self._change(latency=home)

    def receive(self, frame: Frame, now: float, *, overtook: bool) -> None:
        """A frame came, perhaps in place of one that waited."""
        self.overtaken += overtook
        self.hear(now, frame.run, frame.cost)
        self._change(received=self.status.received + 1, layout=frame.layout)

    def to_draw(self, frame: Frame) -> Frame:
        """A frame with what was asked of this run's figures."""
        if self.scale is None:
            return frame
        return replace(frame, style=msgspec.structs.replace(frame.style, scale=self.scale))

    def draw(self, frame: Frame, times: Times, now: float) -> None:
        """A frame was drawn."""
        self.drawn_at = now
        self.hold(frame)
        self._change(
            reduced=bool(frame.reduced),
            drawn=self.status.drawn + 1,
            sequence=frame.sequence,
            log_likelihood=frame.log_likelihood,
            latency=times,
        )

    def refuse(self, error: str) -> None:
        """A frame could not be drawn."""
        self._change(refused=self.status.refused + 1, last_error=error)

    def hold(self, frame: Frame) -> None:
        """Keep its last frame for who asks."""
        self.frame = frame
        self.held = sum(array.nbytes for array in frame.arrays.values())

    def let_go(self) -> None:
        """Hold its last frame no longer."""
        self.frame, self.held = None, 0

    def end(self, cost: Cost) -> None:
        """It says goodbye."""
        self.let_go()
        self._change(state="ended", cost=cost, replaced=cost.replaced + self.overtaken)

    def status_at(self, now: float) -> RunStatus:
        """Its status with what depends on the time."""
        state = self.status.state
        if state != "ended":
            silent = now - self.heard > SILENT
            state = "silent" if silent else "waiting" if self.drawn_at is None else "live"
        age = None if self.drawn_at is None else now - self.drawn_at
        return msgspec.structs.replace(self.status, state=state, age=age)

    def _change(self, **fields: object) -> None:
        self.status = msgspec.structs.replace(self.status, **fields)


class Runs:
    """Every run that a worker has heard of, at most as many as its limits say."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits  # may be replaced
        self._runs: dict[str, Run] = {}

    def known(self, run_id: str) -> Run | None:
        """A run that was heard before."""
        return self._runs.get(run_id)

    def get(self, run_id: str, now: float) -> Run:
        """A run, known or new.

        Raises:
            LimitError: it is new and there is no room.
        """
        if run_id not in self._runs:
            self._make_room(now)
            self._runs[run_id] = Run(run_id, now)
        return self._runs[run_id]

    def let_go(self) -> None:
        """Hold no more bytes of last frames than allowed: those drawn longest ago go first."""
        too_many = sum(run.held for run in self._runs.values()) - self.limits.held
        if too_many <= 0:
            return
        for run in sorted(self._runs.values(), key=lambda run: run.drawn_at or 0.0):
            if too_many <= 0:
                return
            too_many -= run.held
            run.let_go()

    def named(self, name: str) -> Run | None:
        """The run of that id, or else the last heard of that name."""
        found = [each for each in self._runs.values() if each.status.run == name]
        return self._runs.get(name) or max(found, key=lambda each: each.heard, default=None)

    def statuses(self, now: float) -> tuple[RunStatus, ...]:
        """Of every run, the first heard first."""
        return tuple(run.status_at(now) for run in self._runs.values())

    def abandoned(self, now: float) -> list[str]:
        """Runs that have been silent for so long that they are taken for dead."""
        return [
            run_id
            for run_id, run in self._runs.items()
            if not run.ended and now - run.heard > FORGOTTEN
        ]

    def _make_room(self, now: float) -> None:
        if len(self._runs) < self.limits.runs:
            return
        gone = [run for run in self._runs.values() if run.ended or now - run.heard > FORGOTTEN]
        if not gone:
            raise LimitError(
                "runs", f"this worker serves {len(self._runs)} runs already: start another one"
            )
        del self._runs[min(gone, key=lambda run: run.heard).status.run_id]
