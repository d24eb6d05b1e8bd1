"""How long a search waits in `publish`, whatever the state its worker is in."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from _worker import frames, serving
from common import median, parser, percentile, report, timed

from search_hooks.publish import Publisher
from search_hooks.spawn import socket_folder
from vizworker.frame import Cost, Frame

SIDE = 118  # pixels: 2.0 MB a frame
PACE = 0.005  # seconds between two calls
PATIENCE = 60.0  # seconds for the first figure

Act = Callable[[Any], None]


def main() -> None:
    options = parser(__doc__).parse_args()
    calls = 200 if options.quick else 2000
    measured = {state: milliseconds(state, act, calls) for state, act in STATES.items()}
    base = percentile(measured["alive"], 99)
    rows = [row(state, times, base) for state, times in measured.items()]
    report(f"One call of publish, a frame of 2 MB, {calls} calls a state", rows, options.json)


def row(state: str, times: list[float], base: float) -> dict[str, Any]:
    """The line of one state; the ratio is to a living worker's."""
    p99 = percentile(times, 99)
    return {
        "worker": state,
        "p50 ms": median(times),
        "p99 ms": p99,
        "max ms": max(times),
        "p99/alive": p99 / base,
    }


def milliseconds(state: str, act: Act | None, calls: int) -> list[float]:
    """Of each call, in a worker's state; the first, which starts a thread, is not counted."""
    first, *others = frames(5, side=SIDE)
    if act is None:
        with nowhere() as endpoint, publishing(endpoint) as (publisher, _):
            return timed_calls(publisher, [first, *others], calls)
    with serving() as worker, publishing(worker.endpoint) as (publisher, home):
        publisher.publish(first)
        if not home.wait(PATIENCE):
            raise TimeoutError("the worker has not drawn the first frame")
        act(worker)
        return timed_calls(publisher, others, calls)


def timed_calls(publisher: Publisher, ready: list[Frame], calls: int) -> list[float]:
    publisher.publish(ready[0])
    times = []
    for i in range(calls):
        time.sleep(PACE)
        frame = ready[i % len(ready)]
        times.append(1e3 * timed(lambda frame=frame: publisher.publish(frame)))
    return times


@contextmanager
def publishing(endpoint: str) -> Iterator[tuple[Publisher, threading.Event]]:
    """A publisher, and what is set when an image has come home."""
    home = threading.Event()
    publisher = Publisher(endpoint, "run", "run", lambda *_: home.set(), cost=Cost)
    try:
        yield publisher, home
    finally:
        publisher.close(0.0)


@contextmanager
def nowhere() -> Iterator[str]:
    """An endpoint at which nobody ever listened."""
    folder = socket_folder()
    yield f"ipc://{folder}/socket"
    folder.rmdir()


def kill(worker: Any) -> None:
    worker.process.kill()
    worker.process.wait()


STATES: dict[str, Act | None] = {
    "alive": lambda worker: None,
    "stopped": lambda worker: worker.process.send_signal(signal.SIGSTOP),
    "dead": kill,
    "never there": None,
}

if __name__ == "__main__":
    main()
