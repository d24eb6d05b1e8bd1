"""Lens imaging: twelve panels of a lens and its source, or six of a lens alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts.arrays import find
from vizworker.layouts.curves import Curves, curves
from vizworker.layouts.panels import CHI_SQUARED, SIGMA, Panels
from vizworker.layouts.sheet import Panel, Sheet
from vizworker.layouts.source import Plane, planes
from vizworker.layouts.zoom import View, view


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figure of a lens imaging fit, and where asked for one of each plane with light.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    window = view(frame)
    models = find(frame, "model_images_of_planes_list", (None, *window.mask.shape))
    if models is not None and len(models) == 1:
        return (_one_plane(Panels(frame, window), _largest(models, window)),)
    sources = _shown_planes(frame, () if models is None else tuple(models))
    lines = curves(frame)
    return tuple(_planes_of(frame, window, lines, source) for source in sources)


@dataclass(frozen=True)
class _Source:
    """Which plane a figure shows as its source."""

    names: tuple[str, ...]  # of the figure's files
    models: tuple[np.ndarray, ...]  # of every plane
    index: int = -1
    prefix: str = ""  # of the names of its arrays


def _shown_planes(frame: Frame, models: tuple[np.ndarray, ...]) -> list[_Source]:
    """The final plane first; the others only where the frame has them."""
    each = find(frame, "planes", (None,))
    indices = [] if each is None else [int(index) for index in each]
    last = len(models) - 1
    if not all(0 < index <= last for index in indices):
        raise LayoutError(f"array 'planes' is {indices}, expected numbers from 1 to {last}")
    names = ("fit", *(f"fit_{last}" for index in indices if index == last))
    return [_Source(names, models)] + [
        _Source((f"fit_{index}",), models, index, f"plane_{index}_")
        for index in indices
        if index != last
    ]


def _planes_of(frame: Frame, window: View, lines: Curves, source: _Source) -> Sheet:
    models, index = source.models, source.index
    make = Panels(frame, window)
    stack = find(frame, "subtracted_images_of_planes_list", (None, *window.mask.shape))
    subtracted = () if stack is None else tuple(stack)
    source_max = _largest(models[1:], window)
    image_max, unit = source_max, None
    if make.logarithmic:
        image_max, unit = None, SIGMA
    source_min = None if image_max is None else 0.0
    residual = make.values("normalized_residual_map")
    size = _symmetric(residual)
    max_zoom, mid_zoom, no_zoom = planes(frame, source.prefix)

    def plane(title: str, content: Plane | None) -> Panel | None:
        if content is None:
            return None
        return make.plane(title, content, vmax=source_max, lines=lines.caustics, positive=True)

    panels = (
        make.masked("Data", make.values("data"), positive=True),
        make.masked("Model Image", make.values("model_data"), lines=lines.critical, positive=True),
        make.masked("Signal-To-Noise Map", make.values("signal_to_noise_map"), positive=True),
        plane("Source Plane (Max Zoom)", max_zoom),
        make.masked("Lens Light Model Image", window.cut(models[0]), positive=True)
        if models
        else None,
        make.masked(
            "Lens Light Subtracted",
            window.cut(subtracted[index]),
            vmin=source_min,
            vmax=image_max,
            positive=True,
        )
        if subtracted
        else None,
        make.masked(
            "Source Model Image",
            window.cut(models[index]),
            vmax=image_max,
            lines=lines.critical,
            positive=True,
        )
        if models
        else None,
        plane("Source Plane (Mid Zoom)", mid_zoom),
        make.masked("Normalized Residual Map", residual, vmin=-size, vmax=size, unit=unit),
        make.masked(r"Normalized Residual Map $1\sigma$", residual, vmin=-1.0, vmax=1.0, unit=unit),
        make.masked(
            "Chi-Squared Map", make.values("chi_squared_map"), unit=CHI_SQUARED, positive=True
        ),
        plane("Source Plane (No Zoom)", no_zoom),
    )
    return Sheet(names=source.names, rows=3, columns=4, panels=panels)


def _one_plane(make: Panels, vmax: float | None) -> Sheet:
    residual = make.values("normalized_residual_map")
    size = _symmetric(residual)
    images = (
        make.masked("Data", make.values("data"), vmax=vmax, positive=True),
        make.masked("Signal-To-Noise Map", make.values("signal_to_noise_map"), positive=True),
        make.masked("Model Image", make.values("model_data"), vmax=vmax, positive=True),
        # the host's titles: these are all the normalized residuals
        make.masked("Lens Light Subtracted", residual, unit=SIGMA),
    )
    symmetric = make.masked("Normalized Residual Map", residual, vmin=-size, vmax=size, unit=SIGMA)
    if make.logarithmic:
        last = make.masked(
            "Chi-Squared Map", make.values("chi_squared_map"), unit=CHI_SQUARED, positive=True
        )
        panels = (*images, symmetric, last)
    else:
        zero = make.masked("Subtracted Image Zero Minimum", residual, vmin=0.0, unit=SIGMA)
        panels = (*images, zero, symmetric)
    # the host calls it fit_x1_plane, and a live view looks for fit
    return Sheet(names=("fit", "fit_x1_plane"), rows=2, columns=3, panels=panels)


def _largest(images: Sequence[np.ndarray] | np.ndarray, window: View) -> float | None:
    """The largest finite unmasked value; None where there is none."""
    values = np.array([image[~window.mask] for image in images])
    values = values[np.isfinite(values)]
    return float(values.max()) if values.size else None


def _symmetric(values: np.ndarray) -> float:
    """The largest finite distance from zero; 1 where nothing is finite."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 1.0
