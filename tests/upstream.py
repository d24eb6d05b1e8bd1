"""PyAutoLens's own figures of a fit: as matplotlib figures and as pixels."""

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import autofit as af
import autolens as al
import lenses
import numpy as np
from autolens.imaging.plot.fit_imaging_plots import subplot_fit
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from vizworker.frame import Frame

MODELS = {
    "sersic": lenses.sersic,
    "mge": lenses.mge,
    "rectangular adaptive": functools.partial(lenses.rectangular, adaptive=True),
    "rectangular uniform": functools.partial(lenses.rectangular, adaptive=False),
    "one plane": lenses.one_plane,
}


@dataclass(frozen=True)
class Case:
    """A fit, the frame with its arrays, and upstream's figure of it."""

    fit: al.FitImaging
    frame: Frame
    figure: Figure  # as it was when upstream saved it
    rgb: np.ndarray  # the file that upstream wrote


@functools.cache
def case(model: str, vector: int) -> Case:
    """One of the two parameter vectors of one of `MODELS`."""
    fit = fit_of(MODELS[model](), vector)
    return Case(fit, lenses.upstream_frame(fit), *drawn(fit))


def fit_of(model: af.Collection, vector: int) -> al.FitImaging:
    """Upstream's fit at one of the parameter vectors near the truth."""
    return lenses.fit_of(model, list(lenses.vectors(model))[vector])


def drawn(
    fit: al.FitImaging, plot: Callable[..., None] = subplot_fit, **kwargs: Any
) -> tuple[Figure, np.ndarray]:
    """Upstream's `subplot_fit`, or another: the figure and the pixels of its file."""
    saved: list[Figure] = []
    savefig = Figure.savefig

    def keep(figure: Figure, *args: Any, **options: Any) -> None:
        saved.append(figure)
        savefig(figure, *args, **options)

    Figure.savefig = keep  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            plot(fit, output_path=folder, output_format="png", **kwargs)
            (path,) = Path(folder).iterdir()
            with Image.open(path) as image:
                rgb = np.asarray(image.convert("RGB"))
    finally:
        Figure.savefig = savefig  # type: ignore[method-assign]
    return saved[0], rgb


def panels(figure: Figure) -> list[tuple[Axes, Axes]]:
    """The axes of each panel with those of its colour bar, in upstream's order."""
    images = [axes for axes in figure.axes if axes.get_subplotspec().get_topmost_subplotspec()]
    bars = [axes for axes in images if axes.get_label() == "<colorbar>"]
    shown = [axes for axes in images if axes.get_label() != "<colorbar>" and axes.axison]
    return list(zip(shown, bars, strict=True))
