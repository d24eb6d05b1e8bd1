"""How long one figure takes: ours, PyAutoLens's, and matplotlib's, for the same fit.

python benchmarks/render.py [--repeats N] [--quick] [--json FILE]
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_cpu_multi_thread_eigen=false"]
).strip()

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import autolens as al
import lenses
import numpy as np
import plain
from autolens.imaging.plot.fit_imaging_plots import (
    _compute_critical_curves_from_fit,
    subplot_fit,
)
from autonerves import jax_wrapper  # noqa: F401  first: it sets JAX up

from vizworker.frame import Frame
from vizworker.render.figure import Figures

SIZES = {"full": 150.0, "live": 60.0}  # dpi of a 24 x 18 inch figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two repeats")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.repeats = 2 if options.quick else options.repeats
    model = lenses.sersic()
    fits = [lenses.fit_of(model, vector, lenses.hst()) for vector in lenses.vectors(model)]
    frames = [lenses.upstream_frame(fit) for fit in fits]
    zooming = list(zooms(model, options.repeats + 2))
    results = [
        measured(f"{name}, {size}", draw, options.repeats)
        for size, dpi in SIZES.items()
        for name, draw in ways(fits, frames, zooming, dpi).items()
    ]
    report(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


def ways(
    fits: list[al.FitImaging], frames: list[Frame], zooming: list[Frame], dpi: float
) -> dict[str, Callable[[int], object]]:
    """What draws the i-th figure to a PNG, by name; ours comes first."""
    figures, kept = Figures(), KeptFigure(frames[0], dpi)
    curves = [_compute_critical_curves_from_fit(fit) for fit in fits]

    def ours(i: int) -> object:
        return figures.render(frames[i % 2], dpi).pictures[0].png

    def upstream(i: int) -> object:
        names = ("image_plane_lines", "image_plane_line_colors")
        names += ("source_plane_lines", "source_plane_line_colors")
        given: dict[str, Any] = dict(zip(names, curves[i % 2], strict=True))
        with tempfile.TemporaryDirectory() as folder:
            return subplot_fit(fits[i % 2], output_path=folder, output_format="png", **given)

    def fresh(i: int) -> object:
        figure = plain.figure_of(plain.sheet_of(frames[i % 2]), frames[i % 2].style)
        figure.tight_layout()
        file = io.BytesIO()
        return figure.savefig(file, dpi=dpi, bbox_inches="tight", pad_inches=0.1)

    moved, sequence = Figures(), iter(zooming)

    def zoom(i: int) -> object:
        return moved.render(next(sequence), dpi).pictures[0].png

    found = {
        "ours": ours,
        "ours, new zoom": zoom,
        "upstream": upstream,
        "fresh figure": fresh,
        "kept figure": kept.draw,
    }
    if dpi != SIZES["full"]:
        del found["upstream"]  # it has one size
    return found


def zooms(model: Any, count: int) -> Iterator[Frame]:
    """Frames whose source planes are all shown at other extents."""
    vector, rng = next(lenses.vectors(model)), np.random.default_rng(1)
    names = [".".join(path) for path in model.paths]
    for i in range(count):
        values = list(vector)
        for j, name in enumerate(names):
            if name.startswith("galaxies.source.bulge.centre"):
                values[j] += 0.05 * rng.normal()
            if name == "galaxies.source.bulge.effective_radius":
                values[j] = 0.1 + 0.04 * i
        yield lenses.upstream_frame(lenses.fit_of(model, values, lenses.hst()))


class KeptFigure:
    """A plain figure whose images are replaced, saved without laying it out again."""

    def __init__(self, frame: Frame, dpi: float) -> None:
        self._figure = plain.figure_of(plain.sheet_of(frame), frame.style)
        self._figure.tight_layout()
        self._images = [axes.images[0] for axes in self._figure.axes if axes.images]
        self._values = [image.get_array() for image in self._images]
        self._dpi = dpi

    def draw(self, i: int) -> object:
        for image, values in zip(self._images, self._values, strict=True):
            image.set_data(values * (1.0 + 0.01 * (i % 2)))
        return self._figure.savefig(io.BytesIO(), dpi=self._dpi)


def measured(name: str, draw: Callable[[int], object], repeats: int) -> dict[str, Any]:
    """Milliseconds of wall and CPU time of one figure, the first one and the median of others."""
    start = time.perf_counter()
    draw(0)
    first = time.perf_counter() - start
    draw(1)  # what moves between figures is known from here on
    walls, cpus = [], []
    for i in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        draw(i)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "name": name,
        "first_ms": 1e3 * first,
        "median_ms": 1e3 * statistics.median(walls),
        "fastest_ms": 1e3 * min(walls),
        "cpu_ms": 1e3 * statistics.median(cpus),
    }


def report(results: list[dict[str, Any]]) -> None:
    print(f"{'arrays to PNG':<22}{'median':>10}{'fastest':>10}{'CPU':>10}{'first':>10}{'ratio':>9}")
    for result in results:
        size = result["name"].rpartition(", ")[2]
        ours = next(r for r in results if r["name"] == f"ours, {size}")
        times = "".join(f"{result[k]:>7.0f} ms" for k in KEYS)
        print(f"{result['name']:<22}{times}{result['median_ms'] / ours['median_ms']:>8.1f}x")


KEYS = ("median_ms", "fastest_ms", "cpu_ms", "first_ms")

if __name__ == "__main__":
    main()
