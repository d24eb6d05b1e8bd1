"""Weak lensing: the measured and the modelled shears as strokes, together, and their misfit."""

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import ticks
from vizworker.layouts.arrays import drawable, take
from vizworker.layouts.sheet import Arrows, Chart, Dots, Sheet

X_LABEL, Y_LABEL = 'x (")', 'y (")'
# sizes of the host's, points: of the strokes' charts those that it leaves to matplotlib
TITLE_SIZE, TICK_SIZE, LEGEND_SIZE = 12.0, 10.0, 8.33
MAP_TITLE_SIZE, MAP_LABEL_SIZE = 24.0, 16.0


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figure of a weak lensing fit.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    positions = drawable(take(frame, "positions", (None, 2)))
    if not len(positions):
        raise LayoutError("array 'positions' is empty, expected one row a galaxy")
    shape = positions.shape
    data, model = (drawable(take(frame, name, shape)) for name in ("data", "model_shear"))
    misfit = drawable(take(frame, "chi_squared_map", shape)).sum(axis=1)
    together = (
        _strokes(positions, data, "black", label="data"),
        _strokes(positions, model, "red", alpha=0.6, label="model"),
    )
    charts = (
        _chart(frame, "Data", _strokes(positions, data, _size(data))),
        _chart(frame, "Model", _strokes(positions, model, _size(model))),
        _chart(frame, "Data vs Model", *together, legend_size=LEGEND_SIZE),
        _map(frame, r"$\chi^2$ Map", positions, misfit),
    )
    # the host calls it subplot_fit_weak, and a live view looks for fit
    return (Sheet(("fit", "subplot_fit_weak"), 2, 2, charts),)


def _chart(frame: Frame, title: str, *marks: Arrows, legend_size: float | None = None) -> Chart:
    return Chart(
        _titled(frame, title),
        marks,
        x_label=X_LABEL,
        y_label=Y_LABEL,
        proportions="equal",
        legend_size=legend_size,
        title_size=TITLE_SIZE,
        tick_size=TICK_SIZE,
        colormap="viridis",
    )


def _map(frame: Frame, title: str, positions: np.ndarray, values: np.ndarray) -> Chart:
    """A dot for each galaxy, coloured by its value, on axes centred on the origin."""
    style = frame.style
    y, x = np.abs(positions).max(axis=0, initial=0.0, where=np.isfinite(positions))
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return Chart(
        _titled(frame, title),
        (Dots(positions, values, size=1.0),),
        limits=(-x, x, -y, y) if x > 0 and y > 0 else None,
        x_ticks=ticks.spatial(-x, x, style),
        y_ticks=ticks.spatial(-y, y, style),
        x_label=X_LABEL,
        y_label=Y_LABEL,
        title_size=MAP_TITLE_SIZE,
        label_size=MAP_LABEL_SIZE,
        y_rotation=90.0,
        colormap="magma",
        colour_ticks=ticks.colour(low, high, style.cb_unit),
        vmin=low,
        vmax=high,
    )


def _strokes(
    positions: np.ndarray,
    shears: np.ndarray,
    colour: str | np.ndarray,
    alpha: float = 1.0,
    label: str = "",
) -> Arrows:
    """Shears as strokes: as long as the shear is strong, along the axis that it stretches."""
    angle = 0.5 * np.arctan2(shears[:, 0], shears[:, 1])
    vectors = _size(shears)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return Arrows(positions, vectors, colour, headless=True, alpha=alpha, label=label)


def _size(shears: np.ndarray) -> np.ndarray:
    size: np.ndarray = np.hypot(shears[:, 0], shears[:, 1])
    return size


def _titled(frame: Frame, title: str) -> str:
    prefix = frame.title_prefix.rstrip()
    return f"{prefix} {title}" if prefix else title
