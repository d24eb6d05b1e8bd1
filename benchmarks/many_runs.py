"""What each of many searches sees of one worker: figures a second, their age, fairness, memory."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from _worker import Serving, serving
from common import median, parser, percentile, report

from vizworker import ask

SEARCHES = str(Path(__file__).with_name("_searches.py"))
RUNS = (1, 8, 64, 512)
QUICK = (1, 8)
PRODUCERS = 4  # processes that hold the searches
ROUND = 0.5  # seconds of the window for each search: every one shall have some figures in it
LONGEST = 180.0  # seconds of a window that was not asked to be longer: hundreds end in minutes
LIMITS = ("--limits-runs", "1024", "--limits-waiting", "8G", "--limits-connections", "2048")


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=20.0, help="for each number of searches")
    made.add_argument("--every", type=float, default=0.5, help="seconds between two better fits")
    made.add_argument("--runs", type=int, nargs="+", help="numbers of searches")
    made.add_argument("--processes", default="", help="of the worker, else its default")
    options = made.parse_args()
    numbers = options.runs or (QUICK if options.quick else RUNS)
    seconds = min(options.seconds, 10.0) if options.quick else options.seconds
    flags = ("--processes", options.processes) if options.processes else ()
    windows = [max(seconds, min(ROUND * n, LONGEST)) for n in numbers]
    rows = [
        measure(n, window, options.every, flags) for n, window in zip(numbers, windows, strict=True)
    ]
    title = f"One worker, each search with a better fit every {options.every:g} s"
    report(title, rows, options.json)


def measure(n: int, seconds: float, every: float, flags: tuple[str, ...]) -> dict[str, Any]:
    """`n` searches for some seconds, after every one has seen a figure."""
    with serving(*LIMITS, *flags) as worker, ExitStack() as stack:
        start = time.perf_counter()
        producers = [
            stack.enter_context(producing(worker, first, count, seconds, every))
            for first, count in shares(n)
        ]
        for producer in producers:
            if said(producer) != "ready":
                raise RuntimeError("a process of searches has failed")
        first = time.perf_counter() - start
        cpu = worker.cpu()
        for producer in producers:
            assert producer.stdin is not None
            producer.stdin.write("go\n")
            producer.stdin.flush()
        found = [json.loads(said(producer)) for producer in producers]
        cpu, memory = worker.cpu() - cpu, worker.memory()
        refused = sum(run.refused for run in ask.status(worker.endpoint, timeout=60.0).runs)
    figures = [number for each in found for number in each["figures"]]
    delays = [delay for each in found for delay in each["delays"]] or [float("nan")]
    ages = [age for each in found for age in each["ages"]]
    return {
        "searches": n,
        "first figures s": first,
        "figures/s": sum(figures) / seconds,
        "delay median s": median(delays),
        "age shown median s": median(ages),
        "age p95 s": percentile(ages, 95),
        "fewest/most": f"{min(figures)}/{max(figures)}",
        "refused": refused,
        "CPU s/figure": cpu / max(1, sum(figures)),
        "worker MB": memory,
    }


def shares(n: int) -> Iterator[tuple[int, int]]:
    """First and number of the searches of each process."""
    for i in range(min(n, PRODUCERS)):
        first = n * i // min(n, PRODUCERS)
        yield first, n * (i + 1) // min(n, PRODUCERS) - first


@contextmanager
def producing(
    worker: Serving, first: int, count: int, seconds: float, every: float
) -> Iterator[subprocess.Popen[str]]:
    """A process of searches; it ends with the block."""
    arguments = [worker.endpoint, str(first), str(count), str(seconds), str(every)]
    process = subprocess.Popen(
        [sys.executable, SEARCHES, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(producer: subprocess.Popen[str]) -> str:
    """The next line of a process."""
    assert producer.stdout is not None
    return producer.stdout.readline().strip()


if __name__ == "__main__":
    main()
