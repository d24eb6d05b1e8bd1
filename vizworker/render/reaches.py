"""How far axes reach with their texts: measured once a place, but for what changes there."""

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from vizworker.render.agg import Renderer

MAX_PLACES = 32  # whose reaches are kept

Reach = Bbox | None  # None: nothing of it is seen
Known = dict[Axes, Reach]


class Reaches:
    """What the axes of one figure cover, by where they are."""

    def __init__(self) -> None:
        self._known: dict[tuple[float, ...], Known] = {}

    @contextmanager
    def known(
        self,
        place: tuple[float, ...],
        still: Iterable[Axes],
        bars: Iterable[Axes],
        renderer: Renderer,
        *,
        layout: bool,
    ) -> Iterator[None]:
        """Have axes measured from memory while the figure's axes are at one place.

        Args:
            place: tells it from the others.
            still: axes of which nothing changes that reaches beyond their frame.
            bars: axes of which only the labels of the y axis do.
            renderer: measures those not known yet.
            layout: as far as it counts for laying the panels out.
        """
        while len(self._known) >= MAX_PLACES and place not in self._known:
            del self._known[next(iter(self._known))]
        reaches = self._known.setdefault(place, {})
        measure = functools.partial(_measured, renderer=renderer, layout=layout)
        given = []
        try:
            for axes in still:
                if axes not in reaches:
                    reaches[axes] = measure(axes)
                given.append(_give(axes, reaches[axes]))
            for bar in bars:
                if bar not in reaches:
                    reaches[bar] = _without_labels(bar, measure)
                apply_aspect(bar, renderer)
                given.append(_give(bar, _union(reaches[bar], measure(bar.yaxis))))
            yield
        finally:
            for axes in given:
                del axes.get_tightbbox


def _measured(artist: Any, renderer: Renderer, *, layout: bool) -> Reach:
    reach: Reach = artist.get_tightbbox(renderer, for_layout_only=layout)
    return reach


def _without_labels(bar: Axes, measure: Any) -> Reach:
    bar.yaxis.set_visible(False)
    try:
        return cast(Reach, measure(bar))
    finally:
        bar.yaxis.set_visible(True)


def apply_aspect(axes: Axes, renderer: Renderer) -> None:
    """Put axes where their figure's layout has them."""
    locator = axes.get_axes_locator()
    axes.apply_aspect(None if locator is None else locator(axes, renderer))


def _give(axes: Axes, reach: Reach) -> Any:
    """Have axes say how far they reach."""
    known: Any = axes
    known.get_tightbbox = lambda *_, **__: reach
    return known


def _union(*reaches: Reach) -> Reach:
    seen = [reach for reach in reaches if reach is not None]
    return Bbox.union(seen) if seen else None
