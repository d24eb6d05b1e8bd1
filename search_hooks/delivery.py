"""Which frame goes to the worker next, and what became of the others: the clock is passed in."""

import math
import threading
from dataclasses import dataclass, replace

from vizworker.errors import VizError
from vizworker.frame import Frame

RESEND = 10.0  # seconds after which a living worker that has not answered gets the frame again
PROMPT = 1.0  # seconds after a frame was sent: who is heard later has read it, if it came
DEATHS_OF_FRAME = 3  # workers that may end with a frame in hand before it is given up
DEATHS_OF_RUN = 6  # the same for all frames of a run, one after the other


@dataclass(frozen=True)
class Flight:
    """A frame that was sent and is not answered."""

    frame: Frame
    instance: str  # of the worker it was sent to; empty if it could not be sent
    at: float  # seconds, when it was sent
    cut: bool = False  # the connection ended since
    deaths: int = 0  # workers that ended while they had this frame


class Delivery:
    """One frame in flight and one that waits; a newer frame takes the place of the waiting one.

    `put` may be called on any thread, everything else on that of the publisher.

    Attributes:
        instance: the worker behind this connection, once it has said so; else "".
        sent: frames handed to a connection.
        drawn: frames whose image came home.
        replaced: frames that a newer one overtook before they were drawn.
    """

    def __init__(self) -> None:
        """Nothing waits, and no worker is known."""
        self.instance = ""
        self.sent = self.drawn = self.replaced = 0
        self._waiting: Frame | None = None
        self._whole: Frame | None = None
        self._flight: Flight | None = None
        self._held = 0  # the newest sequence that the worker has, and has not answered
        self._heard = -math.inf  # seconds, when a worker was heard last
        self._deaths = 0  # workers that ended with a frame in hand since the last answer
        self._overtaken: set[int] = set()  # sent, not answered, and counted as replaced
        self._newest = 0  # the sequence of the newest image that came home
        self._lock = threading.Lock()

    @property
    def waiting(self) -> bool:
        """A frame has not been sent yet."""
        return self._waiting is not None

    @property
    def over(self) -> bool:
        """Every frame is answered."""
        return self._waiting is None and self._flight is None

    @property
    def whole(self) -> Frame | None:
        """The newest frame with its exact arrays, if it was put down-sampled."""
        with self._lock:
            return self._whole

    def put(self, frame: Frame, whole: Frame | None = None) -> bool:
        """Leave the newest frame; whether it took the place of one that waited."""
        with self._lock:
            overtakes = self._waiting is not None
            self._waiting, self._whole = frame, whole
            self.replaced += overtakes
        return overtakes

    def due(self, now: float) -> bool:
        """The worker is known, and has no frame in hand."""
        return bool(self.instance) and (self._flight is None or self._lost(self._flight, now))

    def bury(self) -> str:
        """Count a worker that ended with the frame in flight.

        Returns:
            What is to be said if it was the last that gets this frame, or "".

        Raises:
            VizError: it was the last of this run.
        """
        flight = self._flight
        if flight is None or flight.instance in ("", self.instance):
            return ""
        deaths = flight.deaths + 1
        self._deaths += 1
        if self._deaths == DEATHS_OF_RUN:
            raise VizError(f"{self._deaths} workers ended one after the other with one in hand")
        if deaths < DEATHS_OF_FRAME:
            self._flight = replace(flight, instance="", deaths=deaths)
            return ""
        self._flight = None
        return (
            f"frame {flight.frame.sequence} of {flight.frame.run} is given up: "
            f"{deaths} workers ended while they drew it"
        )

    def next(self) -> Frame | None:
        """The waiting frame, or else the one that was lost on its way."""
        with self._lock:
            frame, self._waiting = self._waiting, None
        if frame is None:
            return None if self._flight is None else self._flight.frame
        if self._flight is not None:
            self._overtaken.add(self._flight.frame.sequence)
            self.replaced += 1
        return frame

    def launch(self, frame: Frame, now: float, *, handed: bool) -> None:
        """A frame is on its way, or, not `handed` to a connection, lost already."""
        before = self._flight
        again = before is not None and before.frame.sequence == frame.sequence
        deaths = before.deaths if before is not None and again else 0
        self._flight = Flight(frame, self.instance if handed else "", now, deaths=deaths)
        self.sent += handed

    def drop(self) -> None:
        """What is in flight is no longer waited for."""
        self._flight = None

    def hear(self, now: float) -> None:
        """A worker said something."""
        self._heard = now

    def meet(self, instance: str, holding: int = 0) -> None:
        """A worker said who it is, and the newest sequence that waits there to be answered."""
        self.instance, self._held = instance, holding

    def lose(self) -> None:
        """The connection ended: who answers on the next one may be another worker."""
        self.instance = ""
        if self._flight is not None:
            self._flight = replace(self._flight, cut=True)

    def answer(self, sequence: int) -> None:
        """An answer to a frame answers all before it; one to no frame (0) answers any.

        What refuses even to be greeted gets no frame: the one that waits is dropped.
        """
        self._deaths = 0
        if sequence == 0 and not self.instance:
            with self._lock:
                self._waiting = None
        if self._flight is not None and (sequence == 0 or sequence >= self._flight.frame.sequence):
            self._flight = None

    def bring_home(self, sequence: int) -> bool:
        """An image came; whether it is newer than all before it."""
        self.answer(sequence)
        if sequence <= self._newest:
            return False
        self._newest = sequence
        self.replaced -= sequence in self._overtaken  # it was drawn after all
        self._overtaken = {each for each in self._overtaken if each > sequence}
        self.drawn += 1
        return True

    def _lost(self, flight: Flight, now: float) -> bool:
        if flight.cut or flight.instance != self.instance:
            return True
        overdue = now > flight.at + RESEND and self._heard > flight.at + PROMPT
        return overdue and not self._waits_there(flight)

    def _waits_there(self, flight: Flight) -> bool:
        """The worker has the frame, and will come to it: nothing goes before it but the last."""
        last = self._waiting is not None and self._waiting.final
        return self._held >= flight.frame.sequence and not last
