"""What the pages show, kept apart from the worker: it writes here, the HTTP thread reads."""

import hashlib
import threading
import time
from collections import Counter, OrderedDict
from pathlib import Path

from vizworker.frame import Frame
from vizworker.sinks.record import Records
from vizworker.web.metrics import Metrics
from vizworker.wire import RunStatus, Status
from vizworker.worker import Rendered, Worker

FRESH = 1.0  # seconds between two looks at the worker's status
STALLED = 30.0  # seconds without a turn after which a worker is not healthy
FIGURES = 64  # latest figures held; those of other runs are read from the data folder


class Board:
    """The newest status and figures; a sink of the worker."""

    def __init__(self, data: Path) -> None:
        """Begin empty.

        Args:
            data: the worker's data folder.
        """
        self.status: Status | None = None
        self.metrics = Metrics(lambda: self.status)
        self.ending = False
        self._records = Records(data)
        self._figures: OrderedDict[str, bytes] = OrderedDict()
        self._counted: dict[str, tuple[int, int]] = {}
        self._turned = float("-inf")
        self._looked = float("-inf")
        self._lock = threading.Lock()

    @property
    def healthy(self) -> bool:
        """The worker's loop turns."""
        return time.monotonic() - self._turned < STALLED

    @property
    def ready(self) -> bool:
        """It takes frames."""
        return self.healthy and not self.ending

    def drawn(self, frame: Frame, rendered: Rendered, status: RunStatus) -> None:
        """Keep a run's figure in place of its last one."""
        with self._lock:
            self._figures.pop(frame.run_id, None)
            self._figures[frame.run_id] = rendered.pictures[0].png
            while len(self._figures) > FIGURES:
                self._figures.popitem(last=False)
        self.metrics.drew(frame.times.triggered, rendered.drawn, rendered.encoded)

    def ended(self, status: RunStatus) -> None:
        """Its figure stays."""

    def turned(self, worker: Worker) -> None:
        """Take the worker's status over, now and then; called on its own thread."""
        now = time.monotonic()
        self._turned = now
        if worker.ending_soon:
            self.ending = True
        if now - self._looked >= FRESH:
            self._looked, self.status = now, worker.status(now)
            self._count(self.status)

    def run(self, key: str) -> RunStatus | None:
        """A run by its key in a page's address."""
        runs = self.status.runs if self.status is not None else ()
        return next((run for run in runs if key_of(run.run_id) == key), None)

    def figure(self, run_id: str) -> bytes | None:
        """A run's latest figure, PNG; may read a file."""
        with self._lock:
            held = self._figures.get(run_id)
        if held is not None:
            return held
        try:
            return self._records.image(run_id).read_bytes()
        except OSError:
            return None

    def _count(self, status: Status) -> None:
        """Add up what runs count, which are forgotten one by one."""
        now = {run.run_id: (run.received, run.replaced) for run in status.runs}
        more: Counter[str] = Counter()
        for run_id, (received, replaced) in now.items():
            before = self._counted.get(run_id, (0, 0))
            more["received"] += max(0, received - before[0])
            more["replaced"] += max(0, replaced - before[1])
        self._counted = now
        self.metrics.came(more["received"], more["replaced"])


def key_of(run_id: str) -> str:
    """A run's key in addresses: its id is data, and no part of any path."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:20]
