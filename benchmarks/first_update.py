"""How long a user waits for the first figure, and what of it the search has to wait for.

ours       the figure's graph is traced and compiled beside a search that evaluates without pause
ours idle  the same beside a search that does nothing meanwhile
upstream   its warm-up of figure code, and its first quick update, for which the search stops

`--quick` leaves the second out. Each in a fresh process, twice: cold, without a cache, and warm,
with what the first left, as a repeated or resumed search finds it. Columns: seconds added before
sampling (`make_fitness` beyond that of a search without figures); seconds until the graph is ready,
and until `fit.png` is there, after the first likelihoods; compilations by XLA (or fetches from its
cache) added before sampling, on the search's thread after its first likelihoods, and on other
threads; both waits together, and their ratio to ours beside the busy search.
"""

import gc
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import MODELS, child, lens, parser, report, vectors

COMPILED = "backend_compile_duration"  # how the name of XLA's event ends
BATCH = 4  # likelihoods at a time
PATIENCE = 300.0  # seconds for a figure


def main() -> None:
    made = parser(__doc__.split("\n", 1)[0])
    made.add_argument("--child", nargs=2, metavar=("PATH", "MODEL"), help="measure one, print it")
    options = made.parse_args()
    if options.child:
        print(json.dumps(measured(*options.child)))
        return
    models = MODELS[:1] if options.quick else MODELS
    paths = [path for path in PATHS if not (options.quick and path == "ours idle")]
    rows = [row for model in models for row in of_model(model, paths)]
    report("The first figure", rows, options.json)


def of_model(model: str, paths: list[str]) -> list[dict[str, Any]]:
    """The paths, each without a cache and then with what that left."""
    rows = []
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            cache = {"VIZWORKER_CACHE": folder, "JAX_COMPILATION_CACHE_DIR": f"{folder}/programs"}
            for state in ("cold", "warm"):
                found = child(__file__, "--child", path, model, **cache)
                rows.append({"model": model, "path": f"{path}, {state}", **found})
    for row, ours in zip(rows, rows[:2] * len(paths), strict=True):
        row["to ours"] = row["both s"] / ours["both s"]
    return rows


def measured(path: str, name: str) -> dict[str, Any]:
    """One path of one model, in this process."""
    import jax

    analysis, model = lens(name)
    jax.devices()  # starts the backend: the search's own doing, whoever is first
    compilations = Compilations()
    with tempfile.TemporaryDirectory() as folder:
        search = search_in(folder, model)
        plain = timed_fitness(search, analysis, model, iterations_per_quick_update=None)[1]
        before = compilations.here
        gc.collect()  # PyAutoLens's objects, which whoever imports next would have to look through
        fitness, added = PATHS[path][0](search, analysis, model)
        compiled_before = compilations.here - before
        batch = vectors(model, BATCH)
        evaluate(fitness, batch)
        compilations.reset()
        start = time.perf_counter()
        ready = PATHS[path][1](fitness, search, batch)
        figure = time.perf_counter() - start
        counts = compilations.here, compilations.elsewhere
        fitness.shutdown_quick_update()
    added -= plain
    return {
        "added before s": added,
        "graph s": "-" if ready is None else ready,
        "fit.png s": figure,
        "XLA before": compiled_before,
        "search": counts[0],
        "beside": counts[1],
        "both s": max(added, 0.0) + figure,
    }


class Compilations:
    """Counts them, on this thread and on others."""

    def __init__(self) -> None:
        import jax

        self._thread = threading.get_ident()
        self.reset()
        jax.monitoring.register_event_duration_secs_listener(self._count)

    def reset(self) -> None:
        self.here = self.elsewhere = 0

    def _count(self, event: str, duration: float, **_: Any) -> None:
        if event.endswith(COMPILED):
            here = threading.get_ident() == self._thread
            self.here += here
            self.elsewhere += not here


def search_in(folder: str, model: Any) -> Any:
    """A Nautilus search that writes below `folder`."""
    import autofit as af
    from autofit import conf

    conf.instance.output_path = folder
    search = af.Nautilus(name="first_update", n_live=50)
    search.paths.model = model
    return search


def timed_fitness(search: Any, analysis: Any, model: Any, **kwargs: Any) -> tuple[Any, float]:
    """A Fitness and the seconds that it took; the first one, which registers types, is not it."""
    quiet = {"iterations_per_quick_update": None, "batched": True}
    search.make_fitness(analysis=analysis, model=model, **quiet)
    start = time.perf_counter()
    fitness = search.make_fitness(analysis=analysis, model=model, batched=True, **kwargs)
    return fitness, time.perf_counter() - start


def watched_fitness(search: Any, analysis: Any, model: Any) -> tuple[Any, float]:
    """A watched Fitness; the import of the adapter counts."""
    start = time.perf_counter()
    import search_hooks

    search_hooks.watch(search, every=0.0)
    imported = time.perf_counter() - start
    fitness, seconds = timed_fitness(search, analysis, model)
    return fitness, imported + seconds


def busy_figure(fitness: Any, search: Any, batch: list[Any]) -> float:
    """Sample on until the figure is there; seconds until the graph was ready."""
    return watched_figure(fitness, search, lambda: evaluate(fitness, batch))


def idle_figure(fitness: Any, search: Any, batch: list[Any]) -> float:
    """The same, doing nothing."""
    return watched_figure(fitness, search, lambda: time.sleep(0.01))


def watched_figure(fitness: Any, search: Any, go_on: Callable[[], None]) -> float:
    image = Path(search.paths.image_path) / "fit.png"
    deadline = time.monotonic() + PATIENCE
    while not image.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("no figure")
        go_on()
    return fitness.live.cost().compiled


def upstream_figure(fitness: Any, search: Any, batch: list[Any]) -> None:
    """What `manage_quick_update` does when it is due; the search waits."""
    instance = fitness.model.instance_from_vector(vector=batch[0])
    fitness.analysis.perform_quick_update(paths=search.paths, instance=instance)


def evaluate(fitness: Any, batch: list[Any]) -> None:
    import jax
    import numpy as np

    jax.block_until_ready(fitness.call_wrap(np.stack(batch)))


PATHS: dict[str, tuple[Callable[..., tuple[Any, float]], Callable[..., float | None]]] = {
    "ours": (watched_fitness, busy_figure),
    "ours idle": (watched_fitness, idle_figure),
    "upstream": (timed_fitness, upstream_figure),
}

if __name__ == "__main__":
    main()
