"""One quick update phase by phase, upstream's and ours, by the names that its profiles use.

Upstream computes each array when it is read; ours come out of one program, so all of them are
ready with `model_data`, and `residual_map` and `chi_squared_map` take nothing more. `render` of
ours includes `critical_curves`, and `end_to_end` has the PNG written, as upstream's. Every array
is waited for. Each path runs in a process of its own; `warmup` is its compilation, uncached.
"""

import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import MODELS, child, lens, median, parser, report, vectors

PHASES = (
    "warmup",
    "fit_for_viz",
    "model_data",
    "residual_map",
    "chi_squared_map",
    "critical_curves",
    "render",
    "end_to_end",
)


class Timer:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.records: dict[str, list[float]] = {phase: [] for phase in PHASES}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.records[name].append(time.perf_counter() - start)


def main() -> None:
    made = parser(__doc__.split("\n", 1)[0])
    made.add_argument("--child", nargs=2, metavar=("PATH", "MODEL"), help="measure one, print it")
    made.add_argument("--repeats", type=int, default=5)
    options = made.parse_args()
    if options.child:
        print(json.dumps(measured(*options.child, options.repeats)))
        return
    models = MODELS[:1] if options.quick else MODELS
    repeats = ["--repeats", str(2 if options.quick else options.repeats)]
    results = [
        uncached("--child", path, model, *repeats)
        for model, path in itertools.product(models, ("upstream", "unified"))
    ]
    rows = [row for pair in itertools.batched(results, 2) for row in compared(*pair)]
    report("One quick update, seconds", rows, options.json, results=results)


def uncached(*arguments: str) -> dict[str, Any]:
    """A path in a process that finds no compilation of an earlier one."""
    with tempfile.TemporaryDirectory() as folder:
        return child(__file__, *arguments, JAX_COMPILATION_CACHE_DIR=folder)


def compared(upstream: dict[str, Any], unified: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A line for each phase of one model."""
    for phase in PHASES:
        theirs, ours = upstream["phases"][phase], unified["phases"][phase]
        ratio = theirs / ours if ours else "-"
        yield {
            "model": upstream["model"],
            "phase": phase,
            "upstream": theirs,
            "unified": ours,
            "upstream/unified": ratio,
        }


def measured(path: str, name: str, repeats: int) -> dict[str, Any]:
    """One path of one model, in the shape of upstream's own profiles."""
    analysis, model = lens(name)
    with tempfile.TemporaryDirectory() as folder:
        timer = PATHS[path](analysis, model, vectors(model, 2), repeats, Path(folder))
    return {
        "model": name,
        "path": path,
        "masked_pixels": int(analysis.dataset.grid.shape[0]),
        "native_shape": list(analysis.dataset.shape_native),
        "n_repeats": repeats,
        "phases": {phase: median(values or [0.0]) for phase, values in timer.records.items()},
        "all_timings": timer.records,
    }


def upstream(analysis: Any, model: Any, points: list[Any], repeats: int, folder: Path) -> Timer:
    """The fit's properties as they are read, the curves, and `subplot_fit`."""
    import numpy as np
    from autolens.imaging.plot.fit_imaging_plots import (
        _compute_critical_curves_from_fit,
        subplot_fit,
    )

    timer = Timer()
    lines = ("image_plane_lines", "image_plane_line_colors")
    lines += ("source_plane_lines", "source_plane_line_colors")

    def update(vector: Any, phase: Any) -> None:
        with phase("fit_for_viz"):
            fit = analysis.fit_for_visualization(model.instance_from_vector(vector=vector))
        for name in ("model_data", "residual_map", "chi_squared_map"):
            with phase(name):
                np.asarray(getattr(fit, name).array)
        with phase("critical_curves"):
            curves = _compute_critical_curves_from_fit(fit)
        with phase("render"):
            kwargs = dict(zip(lines, curves, strict=True))
            subplot_fit(fit, output_path=str(folder), output_format="png", **kwargs)

    with timer.phase("warmup"):
        fit = analysis.fit_for_visualization(model.instance_from_vector(vector=points[0]))
        np.asarray(fit.chi_squared_map.array)  # reads the other two
    return repeated(update, timer, points, repeats)


def unified(analysis: Any, model: Any, points: list[Any], repeats: int, folder: Path) -> Timer:
    """The compiled fit, the layout's curves, and the kept figure."""
    from autofit.jax.pytrees import enable_pytrees, register_model

    from search_hooks.extract import extractor_for
    from search_hooks.images import write_image
    from search_hooks.pyautofit import _fit_from
    from search_hooks.shared_fit import SharedFit, to_host
    from vizworker.frame import Frame
    from vizworker.layouts.curves import curves
    from vizworker.render.figure import Figures

    timer, figures = Timer(), Figures()
    enable_pytrees()
    register_model(model)
    extractor = extractor_for(analysis)
    fit = SharedFit(_fit_from(extractor, analysis, model))

    def update(vector: Any, phase: Any) -> None:
        with phase("fit_for_viz"):
            arrays = fit(vector)
        with phase("model_data"):
            host = to_host(arrays)
            value = float(host.pop("log_likelihood"))
            frame = Frame("run", "run", extractor.layout, 1, value, extractor.finish(host))
        with phase("critical_curves"):
            curves(frame)
        with phase("render"):
            rendered = figures.render(frame)
            write_image(folder, rendered.pictures[0].names, "png", rendered.pictures[0].png)

    with timer.phase("warmup"):
        fit.compile(points[0])
    return repeated(update, timer, points, repeats)


def repeated(update: Any, timer: Timer, points: list[Any], repeats: int) -> Timer:
    """Updates at the points in turn, once uncounted, once by phase and once as a whole."""
    for point in points:
        update(point, Timer().phase)
    for i in range(repeats):
        update(points[i % 2], timer.phase)
        with timer.phase("end_to_end"):
            update(points[i % 2], Timer().phase)
    return timer


PATHS = {"upstream": upstream, "unified": unified}

if __name__ == "__main__":
    main()
