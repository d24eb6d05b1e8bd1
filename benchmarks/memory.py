"""What is in memory: the worker from its start through thousands of figures, and our imports."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from _worker import Serving, frames, serving
from common import child, median, parser, report

from search_hooks.publish import Publisher
from vizworker import ask
from vizworker.frame import Cost

IMPORTS = str(Path(__file__).with_name("_imports.py"))
ROUNDS = 4  # times that each run has its turn
OF_ONE = 20  # figures
PATIENCE = 120.0  # seconds for one figure


class Run:
    """Sends frames and waits for each figure."""

    def __init__(self, worker: Serving, name: str) -> None:
        self._came = threading.Semaphore(0)
        self._frames = [replace(frame, run_id=name, run=name) for frame in frames(4)]
        self._publisher = Publisher(worker.endpoint, name, name, self._home, cost=Cost)
        self._sent = 0

    def send(self, n: int) -> None:
        for _ in range(n):
            frame = self._frames[self._sent % len(self._frames)]
            self._sent += 1
            self._publisher.publish(replace(frame, sequence=self._sent))
            if not self._came.acquire(timeout=PATIENCE):
                raise TimeoutError(f"frame {self._sent} of {frame.run} did not come home")

    def close(self) -> None:
        self._publisher.close(0.0)

    def _home(self, *_: object) -> None:
        self._came.release()


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--frames", type=int, default=400, help="of all runs; the goal is for 10000")
    made.add_argument("--runs", type=int, default=20)
    options = made.parse_args()
    if options.quick:
        options.frames, options.runs = min(options.frames, 64), min(options.runs, 8)
    rows = [*of_private_worker(), *of_worker(options.frames, options.runs)]
    rows += of_imports(2 if options.quick else 5)
    report("Memory and start", rows, options.json)


def of_private_worker() -> Iterator[dict[str, Any]]:
    """Resident memory of one that draws in its own process, as that of a single search does."""
    with serving("--processes", "0") as worker:
        run = Run(worker, "run")
        run.send(OF_ONE)
        yield fact(f"private worker: {OF_ONE} figures", worker.memory(), "MB", "200")
        run.close()


def of_worker(count: int, runs: int) -> Iterator[dict[str, Any]]:
    """Start of a daemon, its resident memory, and how it grows over many figures."""
    start = time.perf_counter()
    with serving() as worker, ExitStack() as closing:
        yield fact("worker: ready line", time.perf_counter() - start, "s", "1")
        ask.status(worker.endpoint)
        yield fact("worker: first status", time.perf_counter() - start, "s", "1")
        yield fact("worker: idle", worker.memory(), "MB")
        several = [Run(worker, f"run {i}") for i in range(runs)]
        for run in several:
            closing.callback(run.close)
        several[0].send(OF_ONE)
        yield fact(f"worker: {OF_ONE} figures of one run", worker.memory(), "MB", "200")
        yield from growth(sampled(worker, several, count), runs)


def sampled(worker: Serving, runs: list[Run], count: int) -> list[tuple[int, float]]:
    """Figures drawn and megabytes after each turn; the runs take turns, as live ones do."""
    burst = max(1, count // (ROUNDS * len(runs)))
    samples = []
    for turn in range(ROUNDS * len(runs)):
        runs[turn % len(runs)].send(burst)
        samples.append(((turn + 1) * burst, worker.memory()))
    return samples


def growth(samples: list[tuple[int, float]], runs: int) -> Iterator[dict[str, Any]]:
    """Of the second half: by then the worker has met every run."""
    drawn, memory = zip(*samples[len(samples) // 2 :], strict=True)
    fit = statistics.linear_regression(drawn, memory)
    first, last = (fit.intercept + fit.slope * n for n in (drawn[0], drawn[-1]))
    yield fact(f"worker: {drawn[-1]} figures of {runs} runs", memory[-1], "MB")
    yield fact("worker: the most it had", max(each for _, each in samples), "MB")
    yield fact("worker: slope of the second half", 1e3 * fit.slope, "MB/1000 figures")
    yield fact("worker: growth in the second half", 100 * (last / first - 1), "%", "5")


def of_imports(repeats: int) -> Iterator[dict[str, Any]]:
    """Fresh processes: what ours take on top of PyAutoLens's own."""
    measured = [child(IMPORTS) for _ in range(repeats)]
    theirs, ours = (median([each[key] for each in measured]) for key in ("autolens", "ours"))
    modules = measured[0]["matplotlib"] + child(IMPORTS, "alone")["matplotlib"]
    yield fact("import autolens", 1e3 * theirs, "ms")
    yield fact("import search_hooks and its adapter, after it", 1e3 * ours, "ms", "50")
    yield fact("the same to autolens", ours / theirs, "ratio")
    yield fact("modules of matplotlib imported by us", modules, "", "0")


def fact(what: str, value: float, unit: str, goal: str = "") -> dict[str, Any]:
    """One line of the table; its goal is the most that it should be."""
    return {"what": what, "value": value, "unit": unit, "goal": goal}


if __name__ == "__main__":
    main()
