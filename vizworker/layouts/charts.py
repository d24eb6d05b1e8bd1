"""Charts of values against other values, with the limits and ticks that the host gives them."""

import numpy as np

from vizworker.frame import Style
from vizworker.layouts import ticks
from vizworker.layouts.sheet import Chart, Dots

MARGIN = 0.05  # of the data's range, on either side


def scatter(
    title: str, x: np.ndarray, y: np.ndarray, x_suffix: str, y_suffix: str, style: Style
) -> Chart:
    """Dots with three ticks an axis; empty where no value is finite.

    Args:
        title: of the chart.
        x: (n,)
        y: (n,)
        x_suffix: put after each tick's number.
        y_suffix: as `x_suffix`.
        style: of the frame.
    """
    if not (np.isfinite(x) & np.isfinite(y)).any():
        return Chart(title, ())
    (x0, x1), (y0, y1) = limits(x), limits(y)
    return Chart(
        title,
        (Dots(np.stack([y, x], axis=1), size=2.0),),
        limits=(x0, x1, y0, y1),
        x_ticks=ticks.of_values(x0, x1, x_suffix, style),
        y_ticks=ticks.of_values(y0, y1, y_suffix, style),
        y_rotation=90.0,
    )


def limits(values: np.ndarray) -> tuple[float, float]:
    """From the least to the largest finite value with a margin; never of no width."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if high - low <= 1e-15 * max(abs(low), abs(high)):
        low, high = low - MARGIN * (abs(low) or 1.0), high + MARGIN * (abs(high) or 1.0)
    margin = MARGIN * (high - low)
    return low - margin, high + margin
