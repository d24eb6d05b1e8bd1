"""Stand-ins for searches, many in one process: each has a better fit at a steady pace.

Prints a line once every one has its first figure, waits for a line, and then for some seconds
samples how old the fit is that each one's figure shows; its last line is JSON.
"""

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass, field, replace

from _worker import frames

from search_hooks.publish import Publisher
from vizworker.frame import Cost, Frame, Times
from vizworker.wire import Drawn

LOOK = 0.2  # seconds between two looks at what is shown
WARMING = 4  # searches of a process that have every fit drawn before the clock starts
PATIENCE = 900.0  # seconds for the first figures


@dataclass
class Search:
    """One run."""

    frames: list[Frame]
    endpoint: str
    shown: Times = field(default_factory=Times)  # of the fit that the figure shows
    figures: int = 0
    sent: int = 0
    delays: list[float] = field(default_factory=list)  # seconds from publish to image home
    publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        run = self.frames[0].run_id
        self.publisher = Publisher(self.endpoint, run, run, self._came, cost=self._cost)

    def publish(self) -> None:
        times = Times(triggered=time.time())
        frame = self.frames[self.sent % len(self.frames)]
        self.sent += 1
        self.publisher.publish(replace(frame, sequence=self.sent, times=times))

    def begin(self) -> None:
        """Count from now on."""
        self.figures = 0
        self.delays.clear()

    def _came(self, drawn: Drawn, images: tuple[memoryview, ...]) -> None:
        self.shown = drawn.times
        self.figures += 1
        self.delays.append(time.time() - drawn.times.triggered)

    def _cost(self) -> Cost:
        return Cost(replaced=self.publisher.replaced)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("endpoint")
    made.add_argument("first", type=int)
    made.add_argument("count", type=int)
    made.add_argument("seconds", type=float)
    made.add_argument("every", type=float)
    options = made.parse_args()
    fits = frames(4)
    searches = [
        Search([replace(fit, run_id=f"run {i}", run=f"run {i}") for fit in fits], options.endpoint)
        for i in range(options.first, options.first + options.count)
    ]
    wait_for_first(searches)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(sampled(searches, options.seconds, options.every)), flush=True)
    for search in searches:
        threading.Thread(target=search.publisher.close, args=(0.0,)).start()


def wait_for_first(searches: list[Search]) -> None:
    """Until every search has a figure, and each fit was drawn by whoever draws."""
    for search in searches:
        search.publish()
    wait_for(1, searches)
    for n in range(1, len(searches[0].frames)):
        for search in searches[:WARMING]:
            search.publish()
        wait_for(1 + n, searches[:WARMING])


def wait_for(figures: int, searches: list[Search]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not all(search.figures >= figures for search in searches):
        if time.monotonic() > deadline:
            raise TimeoutError("not every search has its figures")
        time.sleep(0.02)


def sampled(searches: list[Search], seconds: float, every: float) -> dict[str, object]:
    """Figures of each search, their delays, and the ages of what was shown."""
    for search in searches:
        search.begin()
    start = time.monotonic()
    # each at a phase of its own
    due = {i: start + every * i / len(searches) for i in range(len(searches))}
    ages: list[float] = []
    looked = start
    while (now := time.monotonic()) < start + seconds:
        for i in [i for i, at in due.items() if at <= now]:
            searches[i].publish()
            due[i] += every
        if now >= looked + LOOK:
            looked = now
            ages += [time.time() - search.shown.triggered for search in searches]
        time.sleep(0.005)
    return {
        "figures": [search.figures for search in searches],
        "delays": [delay for search in searches for delay in search.delays],
        "ages": ages[:: max(1, len(ages) // 5000)],
        "sent": sum(search.publisher.sent for search in searches),
    }


if __name__ == "__main__":
    main()
