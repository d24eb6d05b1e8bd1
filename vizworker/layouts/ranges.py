"""The colour limits of values, linear and logarithmic, and the levels of contours over them."""

import numpy as np


def linear(values: np.ndarray, vmin: float | None, vmax: float | None) -> tuple[float, float]:
    """Both limits, finite; those of the values where none is given."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return low if vmin is None else vmin, high if vmax is None else vmax


def logarithmic(
    values: np.ndarray, vmin: float | None, vmax: float | None, floor: float
) -> tuple[float, float]:
    """Both limits, positive and apart: from `vmin` or the floor to `vmax` or the largest value.

    A range that is empty or upside down is a decade above its lower limit.
    """
    low = floor if vmin is None or vmin <= 0 else vmin
    # infinity is no limit to reach for, whatever else the values hold
    high = float(np.nanmax(values, initial=floor)) if vmax is None else vmax
    return low, high if low < high < np.inf else 10.0 * low


def levels(values: np.ndarray, floor: float, count: int) -> tuple[float, ...]:
    """Equal steps of the logarithm from the least positive value, or the floor, to the largest."""
    positive = values[values > 0]
    if not positive.size:
        return ()
    low, high = max(float(positive.min()), floor), float(positive.max())
    if not low < high < np.inf:
        return ()
    return tuple(float(level) for level in np.logspace(np.log10(low), np.log10(high), count))
