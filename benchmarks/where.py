"""Where the CPU time of one update goes: parts of the shared fit, and of drawing its figure.

The parts of the fit are programs of their own: each has the likelihood's images in it, as far as
it needs them, so that they add up to more than the whole.
"""

import time
from collections.abc import Callable
from typing import Any

from common import MODELS, lens, median, parser, report, vectors


def of_fit(name: str, repeats: int) -> list[dict[str, Any]]:
    """CPU milliseconds of the parts of one model's shared fit."""
    import jax
    from autofit.jax.pytrees import enable_pytrees, register_model

    from search_hooks.extract.imaging import _image_plane, curves, extractor
    from search_hooks.extract.source_plane import source_plane

    analysis, model = lens(name)
    enable_pytrees()
    register_model(model)
    extract = extractor(analysis)
    grids = extract.grids
    [vector] = vectors(model, 1)

    def fit(parameters: Any) -> Any:
        instance = model.instance_from_vector(
            vector=parameters, ignore_assertions=True, xp=jax.numpy
        )
        return analysis.fit_from(instance)

    parts: dict[str, Callable[[Any], Any]] = {
        "one likelihood": lambda p: fit(p).figure_of_merit,
        "image-plane arrays": lambda p: _image_plane(fit(p), jax.numpy),
        "source plane at three zooms": lambda p: source_plane(fit(p), jax.numpy, grids.source),
        "eigenvalues and deflections": lambda p: curves(fit(p), jax.numpy, grids),
        "whole figure": lambda p: extract.arrays_of_fit(fit(p)),
    }
    return [
        {"model": name, "part": part, "CPU ms": cpu_ms(jax.jit(function), vector, repeats)}
        for part, function in parts.items()
    ]


def cpu_ms(program: Callable[[Any], Any], vector: Any, repeats: int) -> float:
    """CPU milliseconds of one call, on all threads."""
    import jax

    jax.block_until_ready(program(vector))
    found = []
    for _ in range(repeats):
        start = time.process_time()
        jax.block_until_ready(program(vector))
        found.append(1e3 * (time.process_time() - start))
    return median(found)


def of_figure(repeats: int) -> list[dict[str, Any]]:
    """CPU milliseconds of the steps of a figure: its first, and later ones of a kept layout."""
    from _worker import frames

    from vizworker.render.figure import Figures

    figures, given, spent = Figures(), frames(2), timed_steps()
    figures.render(given[0])
    first = dict(spent)
    figures.render(given[1])
    spent.clear()
    for i in range(repeats):
        figures.render(given[i % 2])
    return [
        {"part": what, "first": first[what], "later": spent.get(what, 0.0) / repeats}
        for what in first
    ]


def timed_steps() -> dict[str, float]:
    """CPU milliseconds spent in the renderer's steps from now on; some are inside others."""
    from matplotlib.axis import Axis
    from matplotlib.spines import Spine
    from matplotlib.text import Text

    from vizworker.render import figure
    from vizworker.render.artists import PanelArtists
    from vizworker.render.dots import Dots
    from vizworker.render.placing import Placer
    from vizworker.render.plate import Plate

    spent: dict[str, float] = {}
    for owner, name, what in (
        (figure, "shown", "layout: limits, ticks, critical curves, caustics"),
        (figure.Plate, "__init__", "making the artists"),
        (Placer, "_tidied", "laying the panels out"),
        (Plate, "_draw_ground", "drawing what stays: axes, titles, colour bars"),
        (PanelArtists, "update", "telling the artists what to show"),
        (Placer, "_pushing", "measuring labels"),
        (Plate, "_draw_content", "painting the images"),
        (Dots, "draw", "the mask's edge"),
        (Axis, "draw", "ticks"),
        (Spine, "draw", "frames of the panels"),
        (Text, "draw", "texts, those of ticks among them"),
        (figure, "encode", "PNG"),
        (figure.Figures, "render", "whole figure"),
    ):
        setattr(owner, name, timing(getattr(owner, name), what, spent))
    return spent


def timing(function: Callable[..., Any], what: str, spent: dict[str, float]) -> Callable[..., Any]:
    """The function, with the CPU milliseconds of its calls added up."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[what] = spent.get(what, 0.0) + 1e3 * (time.process_time() - start)

    return timed


def main() -> None:
    """Two tables."""
    options = parser(__doc__.split("\n", 1)[0]).parse_args()
    models = MODELS[:1] if options.quick else MODELS
    fits = [row for name in models for row in of_fit(name, 10 if options.quick else 30)]
    report("The fit of one update", fits, None)
    report("The figure of one update", of_figure(5), options.json, fit=fits)


if __name__ == "__main__":
    main()
