"""The best fit so far, and when it is due to be shown: pure, with the clock passed in."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

# below this a log likelihood is a sampler's mark for an invalid model (PyAutoFit: -1e99), not a fit
INVALID = -1.0e90

BUDGET = 0.01  # of a search's time: the most that its figures may take from it


@dataclass(frozen=True)
class Best:
    """The best point that a search has evaluated."""

    parameters: np.ndarray | None = None  # (n_parameters,) float64
    log_likelihood: float = -math.inf
    version: int = 0  # how often it has improved; 0 before the first finite fit


def update(best: Best, parameters: Any, log_likelihood: Any) -> Best:
    """The better of the best so far and what was just evaluated.

    Args:
        best: the best so far.
        parameters: one vector (n_parameters,) or a batch (n, n_parameters).
        log_likelihood: one value, or (n,). NaN, infinities and sentinels never win.

    Returns:
        `best` itself when nothing is better.
    """
    values = np.asarray(log_likelihood, dtype=np.float64)
    if values.size == 0 or float(values.max()) <= best.log_likelihood:
        return best  # as nearly always; a NaN among them is not less, and hides nothing
    comparable = np.where(np.isfinite(values), values, -np.inf)
    index = int(np.argmax(comparable))
    highest = float(comparable.flat[index])
    if not highest > max(best.log_likelihood, INVALID):
        return best
    points = np.asarray(parameters, dtype=np.float64)
    # a copy: the sampler may use its array again
    return Best(np.array(points[index] if values.ndim else points), highest, best.version + 1)


def due_in(best: Best, shown: int, last: float, now: float, every: float) -> float | None:
    """How long until the best fit is to be shown.

    Args:
        best: the best so far.
        shown: the version shown last, 0 for none.
        last: when it was shown, on the clock of `now`.
        now: the time, in seconds.
        every: the least time between two figures, in seconds.

    Returns:
        Seconds, 0 when it is due, None when there is nothing new to show.
    """
    if best.version == shown:
        return None
    return 0.0 if shown == 0 else max(0.0, last + every - now)


def affordable(every: float, spent: float, figures: int) -> float:
    """The interval between figures that keeps their cost within the budget.

    Args:
        every: the interval asked for, in seconds.
        spent: what the figures have taken from the search so far, in seconds.
        figures: how many there were.
    """
    return max(every, spent / figures / BUDGET) if figures else every
