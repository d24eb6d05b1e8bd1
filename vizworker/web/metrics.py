"""Numbers for Prometheus: how long a figure takes, what is dropped, what waits, how much memory."""

from collections import Counter as Counts
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from vizworker.wire import Status

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30.0, 60.0)


class Metrics:
    """Counted as it happens, or read from the worker's status when it is asked for."""

    def __init__(self, status: Callable[[], Status | None]) -> None:
        """Count from nothing.

        Args:
            status: the newest that is known.
        """
        self._status = status
        self._registry = CollectorRegistry()
        self._pixel = self._histogram("trigger_to_pixel", "From when a figure was due to its PNG.")
        self._encode = self._histogram("encode", "From a figure's pixels to its PNG.")
        self._drawn = self._counter("frames_drawn", "Frames drawn and answered.")
        self._received = self._counter("frames_received", "Frames that came.")
        self._replaced = self._counter(
            "frames_replaced", "Frames that a newer one of their run overtook."
        )
        self._registry.register(self)

    def text(self) -> tuple[bytes, str]:
        """All of them, and their content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def drew(self, triggered: float, drawn: float, encoded: float) -> None:
        """A frame was drawn; times in unix seconds, `triggered` of the search's clock."""
        self._drawn.inc()
        self._encode.observe(max(0.0, encoded - drawn))
        if triggered:
            self._pixel.observe(max(0.0, encoded - triggered))

    def came(self, received: int, replaced: int) -> None:
        """So many frames more."""
        self._received.inc(received)
        self._replaced.inc(replaced)

    def collect(self) -> Iterator[Metric]:
        """What the worker's status says; called by the registry."""
        status = self._status()
        if status is None:
            return
        for name, about, value in (
            ("frames_waiting", "Frames that wait to be drawn.", status.waiting),
            ("waiting_bytes", "Bytes of the frames that wait.", status.waiting_bytes),
            ("connections", "Connections that talked in the last minute.", status.connections),
            ("memory_bytes", "Resident memory of the worker.", status.memory),
            ("uptime_seconds", "Since the worker listens.", status.uptime),
        ):
            yield GaugeMetricFamily(f"vizworker_{name}", about, value)
        yield from _processes()
        runs = GaugeMetricFamily("vizworker_runs", "Runs, by their state.", labels=["state"])
        for state, count in Counts(run.state for run in status.runs).items():
            runs.add_metric([state], count)
        yield runs
        refused = CounterMetricFamily(
            "vizworker_messages_refused", "Messages refused, by limit or error.", labels=["reason"]
        )
        for reason, count in status.refusals.items():
            refused.add_metric([reason], count)
        yield refused

    def _histogram(self, name: str, about: str) -> Histogram:
        return Histogram(
            f"vizworker_{name}_seconds", about, buckets=SECONDS, registry=self._registry
        )

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(f"vizworker_{name}", about, registry=self._registry)


def _processes() -> Iterator[Metric]:
    """The render processes, as the system sees them now."""
    memory = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            memory.append(child.memory_info().rss)
    yield GaugeMetricFamily("vizworker_processes", "Render processes.", len(memory))
    yield GaugeMetricFamily(
        "vizworker_processes_memory_bytes", "Resident memory of the render processes.", sum(memory)
    )
