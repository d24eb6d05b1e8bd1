"""From a better fit to its `fit.png`: each step of the way, what the search waits, what it costs.

A search finds a better fit every few seconds, one at a time, and waits in between; its watched
Fitness is given each with its likelihood. The same search unwatched, and upstream's
`perform_quick_update` for the same fits, are in the same process. Milliseconds are medians and, for
what the search waits, the 99th percentile; CPU seconds are those beyond the unwatched search.
"""

import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import psutil
from common import MODELS, lens, median, parser, percentile, report, timed, vectors

from vizworker import ask
from vizworker.frame import Times

SKIPPED = 2  # updates that are not counted: the first ones compile, and lay the figure out
STEPS = (
    "triggered",
    "dispatched",
    "ready",
    "sent",
    "received",
    "drawn",
    "encoded",
    "written",
)


def main() -> None:
    made = parser(__doc__.split("\n", 1)[0])
    made.add_argument("--updates", type=int, default=20)
    made.add_argument("--every", type=float, default=2.5, help="seconds between better fits")
    options = made.parse_args()
    if options.quick:
        options.updates = min(options.updates, 8)
    models = MODELS[:1] if options.quick else MODELS
    theirs = 2 if options.quick else 6
    rows = [row for model in models for row in measure(model, options, theirs)]
    report("From a better fit to its figure", rows, options.json)


def measure(name: str, options: Any, theirs: int) -> list[dict[str, Any]]:
    """One model: ours and upstream's, step by step and in all."""
    analysis, model = lens(name)
    with tempfile.TemporaryDirectory() as folder:
        search = search_in(folder, model)
        plain = search.make_fitness(
            analysis=analysis, model=model, batched=True, iterations_per_quick_update=None
        )
        points = improving(plain, vectors(model, options.updates + SKIPPED))
        ours = watched(search, analysis, plain, points, options.every)
        upstream = updates_of_upstream(search, analysis, model, points[: theirs + SKIPPED])
    whole = {key: (ours[key], upstream[key]) for key in upstream}
    steps = {key: (value, None) for key, value in ours.items() if key not in upstream}
    return [row(name, what, *values) for what, values in (steps | whole).items()]


def row(model: str, what: str, ours: float, upstream: float | None) -> dict[str, Any]:
    """One line; the ratio is upstream's to ours."""
    ratio = {"upstream": "-", "ratio": "-"}
    if upstream is not None:
        ratio = {"upstream": upstream, "ratio": upstream / ours}
    return {"model": model, "what": what, "ours": ours, **ratio}


def search_in(folder: str, model: Any) -> Any:
    """A Nautilus search that writes below `folder`."""
    import autofit as af
    from autofit import conf

    conf.instance.output_path = folder
    search = af.Nautilus(name="end_to_end", n_live=50)
    search.paths.model = model
    return search


def improving(fitness: Any, points: list[Any]) -> list[Any]:
    """The points, from the worst fit to the best."""
    return sorted(points, key=lambda point: float(evaluate(fitness, point)[0]))


def evaluate(fitness: Any, point: Any) -> Any:
    import jax

    return jax.block_until_ready(fitness.call_wrap(point[None]))


def watched(
    search: Any, analysis: Any, plain: Any, points: list[Any], every: float
) -> dict[str, float]:
    """The search watched, then unwatched."""
    import search_hooks
    from search_hooks.spawn import PrivateWorker

    fitness = search_hooks.watch(search, every=0.0).make_fitness(
        analysis=analysis, model=plain.model, batched=True
    )
    shared = PrivateWorker.shared()
    worker = psutil.Process(shared.pid)
    times: list[Times] = []
    blocked: list[float] = []

    def show(point: Any) -> None:
        values = evaluate(plain, point)
        blocked.append(timed(lambda: fitness.manage_quick_update(point[None], values)))

    def look() -> None:
        times.extend(run.latency for run in ask.status(shared.endpoint, 30.0).runs)

    for point in points[:SKIPPED]:
        show(point)
        wait_for_home(look, times)
    times.clear()
    blocked.clear()
    drawing = cpu_of(worker)
    with_us = sampling(points[SKIPPED:], show, look, every)
    drawing = cpu_of(worker) - drawing
    without = sampling(points[SKIPPED:], lambda point: evaluate(plain, point), look, every)
    fitness.shutdown_quick_update()
    figures = len({each.triggered for each in times})
    cpu = {"search": (with_us - without) / figures, "worker": drawing / figures}
    return described(times, blocked) | {
        "figures drawn": figures,
        "CPU s a figure, search": cpu["search"],
        "CPU s a figure, worker": cpu["worker"],
        "CPU s a figure, all": cpu["search"] + cpu["worker"],
    }


def sampling(
    points: list[Any], act: Callable[[Any], Any], look: Callable[[], None], every: float
) -> float:
    """CPU seconds of this process while it acts at a steady pace and looks what came of it."""
    start = time.process_time()
    for point in points:
        due = time.monotonic() + every
        act(point)
        time.sleep(max(0.0, due - time.monotonic()))
        look()
    return time.process_time() - start


def wait_for_home(look: Callable[[], None], times: list[Times]) -> None:
    """Until the figure of the newest fit is home."""
    before = time.time()
    while not (times and times[-1].written > before):
        time.sleep(0.5)
        look()


def described(times: list[Times], blocked: list[float]) -> dict[str, float]:
    """Milliseconds of each step that came home, of the whole way, and of what the search waits."""
    home = {each.triggered: each for each in times if each.written}.values()
    steps = {
        f"{before} to {after}, ms": 1e3
        * median([getattr(each, after) - getattr(each, before) for each in home])
        for before, after in pairwise(STEPS)
    }
    whole = [1e3 * (each.written - each.triggered) for each in home]
    return steps | {
        "trigger to fit.png, ms": median(whole),
        "trigger to fit.png, slowest": max(whole),
        "search waits, ms": 1e3 * median(blocked),
        "search waits, p99": 1e3 * percentile(blocked, 99),
    }


def updates_of_upstream(
    search: Any, analysis: Any, model: Any, points: list[Any]
) -> dict[str, float]:
    """Quick updates in the foreground: the search waits for all of it."""
    walls, cpus = [], []
    for point in points:
        instance = model.instance_from_vector(vector=point)
        cpu = time.process_time()
        walls.append(
            1e3 * timed(lambda: analysis.perform_quick_update(search.paths, instance))  # noqa: B023
        )
        cpus.append(time.process_time() - cpu)
    walls, cpus = walls[SKIPPED:], cpus[SKIPPED:]
    return {
        "trigger to fit.png, ms": median(walls),
        "trigger to fit.png, slowest": max(walls),
        "search waits, ms": median(walls),
        "search waits, p99": percentile(walls, 99),
        "CPU s a figure, all": median(cpus),
    }


def cpu_of(process: psutil.Process) -> float:
    """Its CPU seconds so far."""
    used = process.cpu_times()
    return used.user + used.system


if __name__ == "__main__":
    main()
