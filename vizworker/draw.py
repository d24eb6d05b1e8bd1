"""Draws a frame with the figures that its process keeps: what every executor calls."""

import gc
import threading
from typing import TYPE_CHECKING

from vizworker.frame import Frame, Style

if TYPE_CHECKING:
    from vizworker.render.figure import Figures, Rendered

_figures: "Figures | None" = None
_turn = threading.Lock()  # an engine of others may call from several threads


def warm() -> None:
    """Import what draws, and set a unit, which take a second, before the first frame does."""
    global _figures
    from vizworker.render.figure import Figures
    from vizworker.render.labels import LabelParser

    if _figures is None:
        _figures = Figures()
        LabelParser().parse(Style().cb_unit)  # matplotlib makes its grammar with the first
        gc.collect()
        gc.freeze()  # what is here now stays: no later collection need look at it


def render(frame: Frame) -> "Rendered":
    """The images of a frame.

    Raises:
        LayoutError: it cannot be drawn.
    """
    with _turn:
        warm()
        assert _figures is not None
        return _figures.render(frame)


def forget(run_id: str) -> None:
    """Let go of what is kept for a run that has ended."""
    with _turn:
        if _figures is not None:
            _figures.forget(run_id)
