"""Layouts: a frame becomes sheets of panels; one file a fit type, no drawing here."""

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import (
    combined,
    ellipse,
    galaxy_imaging,
    galaxy_interferometer,
    grid,
    imaging,
    interferometer,
    point,
    weak,
)
from vizworker.layouts.sheet import (
    Arrows,
    Bars,
    Chart,
    Circles,
    Dots,
    Extent,
    Image,
    Line,
    Mark,
    Mesh,
    Panel,
    Sheet,
    Ticks,
    Triangles,
    Words,
)

__all__ = [
    "LAYOUTS",
    "Arrows",
    "Bars",
    "Chart",
    "Circles",
    "Dots",
    "Extent",
    "Image",
    "Line",
    "Mark",
    "Mesh",
    "Panel",
    "Sheet",
    "Ticks",
    "Triangles",
    "Words",
    "sheets",
    "shown",
]

Layout = Callable[[Frame], tuple[Sheet, ...]]
GROUP = "vizworker.layouts"  # entry points: layout name = module:function

LAYOUTS: dict[str, Layout] = {
    "combined": lambda frame: combined.sheets(frame, sheets),
    "ellipse": ellipse.sheets,
    "grid": grid.sheets,
    "imaging": imaging.sheets,
    "galaxy_imaging": galaxy_imaging.sheets,
    "interferometer": interferometer.sheets,
    "galaxy_interferometer": galaxy_interferometer.sheets,
    "point": point.sheets,
    "weak": weak.sheets,
}


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figures of a frame, the first the one to watch.

    Raises:
        LayoutError: an unknown layout, or arrays that are missing or do not belong together.
    """
    make = LAYOUTS.get(frame.layout) or _registered(frame.layout)
    if make is None:
        raise LayoutError(
            f"layout {frame.layout!r} is unknown, expected one of {sorted(LAYOUTS)}: "
            "install the same version of vizworker on both sides"
        )
    return make(frame)


def shown(frame: Frame) -> tuple[Sheet, ...]:
    """The figures of a frame, or its arrays one by one with a note that says why.

    Raises:
        LayoutError: it has no array to show either.
    """
    try:
        return sheets(frame)
    except LayoutError as error:
        return grid.plain(frame, note=str(error))


@cache
def _registered(name: str) -> Layout | None:
    """The layout that an installed distribution registers under a name."""
    for entry in entry_points(group=GROUP, name=name):
        return _guarded(entry.value, entry.load)
    return None


def _guarded(where: str, load: Callable[[], Layout]) -> Layout:
    """A layout of somebody else's: its faults are named with where they are."""

    def make(frame: Frame) -> tuple[Sheet, ...]:
        try:
            return load()(frame)
        except LayoutError:
            raise
        except Exception as error:
            raise LayoutError(f"{where} failed: {type(error).__name__}: {error}") from error

    return make
