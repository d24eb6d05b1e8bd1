"""What each of many searches sees of one worker: figures a second, their age, fairness, memory."""

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

from _worker import Serving, frames, serving
from common import median, parser, percentile, report

from search_hooks.publish import Publisher
from vizworker import ask
from vizworker.frame import Cost, Frame, Times
from vizworker.wire import Drawn

RUNS = (1, 8, 64)
QUICK = (1, 8)


@dataclass
class Search:
    """A stand-in for a search: it publishes a better fit at a steady pace."""

    frames: list[Frame]
    endpoint: str
    ages: list[float] = field(default_factory=list)  # seconds from publish to image home
    publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        run = self.frames[0].run_id
        self.publisher = Publisher(self.endpoint, run, run, self._came, cost=self._cost)

    def publish(self, i: int) -> None:
        times = Times(triggered=time.time())
        frame = self.frames[i % len(self.frames)]
        self.publisher.publish(replace(frame, sequence=i + 1, times=times))

    def _came(self, drawn: Drawn, images: tuple[memoryview, ...]) -> None:
        self.ages.append(time.time() - drawn.times.triggered)

    def _cost(self) -> Cost:
        return Cost(replaced=self.publisher.replaced)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=20.0, help="for each number of searches")
    made.add_argument("--every", type=float, default=0.5, help="seconds between two better fits")
    options = made.parse_args()
    if options.quick:
        options.seconds = min(options.seconds, 10.0)
    numbers = QUICK if options.quick else RUNS
    rows = [measure(n, options.seconds, options.every) for n in numbers]
    for row in rows:
        row["figures/s, to 1 run"] = row["figures/s"] / rows[0]["figures/s"]
    title = f"One worker, each search with a better fit every {options.every:g} s"
    report(f"{title}, {options.seconds:g} s", rows, options.json)


def measure(n: int, seconds: float, every: float) -> dict[str, Any]:
    """`n` searches for some seconds, after every one has seen a figure."""
    shown = frames(4)
    with serving() as worker:
        searches = [
            Search([replace(frame, run_id=f"run {i}") for frame in shown], worker.endpoint)
            for i in range(n)
        ]
        first = timed_start(searches)
        for search in searches:
            search.ages.clear()
        replaced = replaced_in(worker)
        sampling = [
            threading.Thread(target=sample, args=(search, seconds, every, i / n))
            for i, search in enumerate(searches)
        ]
        for thread in sampling:
            thread.start()
        for thread in sampling:
            thread.join()
        drawn = [len(search.ages) for search in searches]
        ages = [age for search in searches for age in search.ages] or [float("nan")]
        memory, replaced = worker.memory(), replaced_in(worker) - replaced
        for search in searches:
            search.publisher.close(0.0)
    return {
        "searches": n,
        "first figures s": first,
        "figures/s": sum(drawn) / seconds,
        "age median s": median(ages),
        "age p95 s": percentile(ages, 95),
        "fewest/most": min(drawn) / (max(drawn) or 1),
        "replaced": replaced,
        "worker MB": memory,
    }


def timed_start(searches: list[Search]) -> float:
    """Seconds until each search has its first figure."""
    start = time.perf_counter()
    for search in searches:
        search.publish(0)
    while not all(search.ages for search in searches):
        time.sleep(0.01)
    return time.perf_counter() - start


def sample(search: Search, seconds: float, every: float, phase: float) -> None:
    """Publish at a pace, begun at some phase of it."""
    end = time.monotonic() + seconds
    time.sleep(phase * every)
    i = 1
    while time.monotonic() < end:
        search.publish(i)
        i += 1
        time.sleep(every)


def replaced_in(worker: Serving) -> int:
    """Frames that a newer one overtook, on either side."""
    return sum(run.replaced for run in ask.status(worker.endpoint, timeout=60.0).runs)


if __name__ == "__main__":
    main()
