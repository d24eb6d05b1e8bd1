"""How far the axes of panels reach with their texts, each of which is measured once.

Matplotlib measures each up to four times, and lines that reach nowhere. The first time it does so
here too, and goes on where the two disagree.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.transforms import Bbox

from vizworker.render.agg import Renderer

ROUNDING = 1e-6  # pixels


class Reaches:
    """Measures some of a figure's axes."""

    def __init__(self, axes: Sequence[Axes]) -> None:
        self._axes = axes
        self._agree: dict[tuple[Axes, bool], bool] = {}  # with matplotlib; the flag: in layouts

    @contextmanager
    def measured(self, renderer: Renderer, *, layout: bool) -> Iterator[None]:
        """Have the axes, where they are now, say how far they reach.

        Args:
            renderer: measures texts.
            layout: as far as it counts for laying panels out.
        """
        reaches = [self._reach(axes, renderer, layout=layout) for axes in self._axes]
        try:
            for axes, reach in zip(self._axes, reaches, strict=True):
                _give(axes, reach)
            yield
        finally:
            for axes in self._axes:
                vars(axes).pop("get_tightbbox", None)

    def _reach(self, axes: Axes, renderer: Renderer, *, layout: bool) -> Bbox | None:
        apply_aspect(axes, renderer)
        agrees = self._agree.get((axes, layout))
        if agrees:
            return _computed(axes, renderer, layout=layout)
        known: Any = axes
        reach: Bbox | None = known.get_tightbbox(renderer, for_layout_only=layout)
        if agrees is None:
            computed = _computed(axes, renderer, layout=layout)
            self._agree[axes, layout] = reach is not None and np.allclose(
                reach.extents, computed.extents, rtol=0.0, atol=ROUNDING
            )
        return reach


def apply_aspect(axes: Axes, renderer: Renderer) -> None:
    """Put axes where their figure's layout has them."""
    locator = axes.get_axes_locator()
    axes.apply_aspect(None if locator is None else locator(axes, renderer))


def _give(axes: Axes, reach: Bbox | None) -> None:
    known: Any = axes
    known.get_tightbbox = lambda *_, **__: reach


def _computed(axes: Axes, renderer: Renderer, *, layout: bool) -> Bbox:
    """The axes with the texts of their ticks and their title."""
    boxes = [axes.bbox, *_of_axis(axes.xaxis, renderer, layout=layout)]
    boxes += _of_axis(axes.yaxis, renderer, layout=layout)
    if axes.title.get_text():
        title = axes.title.get_window_extent(renderer)
        if layout:  # its width does not count
            title.x0 = title.x1 = axes.bbox.x0
        boxes.append(title)
    # as `Bbox.union`, which takes as long as measuring the texts
    sides = np.array([box.extents for box in boxes])
    return Bbox([sides[:, :2].min(axis=0), sides[:, 2:].max(axis=0)])


def _of_axis(axis: Axis, renderer: Renderer, *, layout: bool) -> list[Bbox]:
    known: Any = axis  # what finds its ticks has no public name
    if axis.label.get_text() or axis.offsetText.get_text():
        return [known.get_tightbbox(renderer, for_layout_only=layout)]
    texts = (text for tick in known._update_ticks() for text in (tick.label1, tick.label2))
    return [text.get_window_extent(renderer) for text in texts if text.get_visible()]
