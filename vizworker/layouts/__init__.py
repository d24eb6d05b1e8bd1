"""Layouts: a frame becomes sheets of panels; one file a fit type, no drawing here."""

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import galaxy_imaging, galaxy_interferometer, imaging, interferometer
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
]

LAYOUTS = {
    "imaging": imaging.sheets,
    "galaxy_imaging": galaxy_imaging.sheets,
    "interferometer": interferometer.sheets,
    "galaxy_interferometer": galaxy_interferometer.sheets,
}


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figures of a frame, the first the one to watch.

    Raises:
        LayoutError: an unknown layout, or arrays that are missing or do not belong together.
    """
    try:
        make = LAYOUTS[frame.layout]
    except KeyError:
        raise LayoutError(
            f"layout {frame.layout!r} is unknown, expected one of {sorted(LAYOUTS)}: "
            "install the same version of vizworker on both sides"
        ) from None
    return make(frame)
