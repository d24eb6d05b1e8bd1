"""Layouts: a frame becomes a sheet of panels; one file a fit type, no drawing here."""

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import imaging
from vizworker.layouts.sheet import Extent, Image, Line, Mesh, Panel, Sheet, Ticks, Triangles

__all__ = [
    "LAYOUTS",
    "Extent",
    "Image",
    "Line",
    "Mesh",
    "Panel",
    "Sheet",
    "Ticks",
    "Triangles",
    "layout",
]

LAYOUTS = {"imaging": imaging.sheet}


def layout(frame: Frame) -> Sheet:
    """The sheet of a frame.

    Raises:
        LayoutError: an unknown layout, or arrays that are missing or do not belong together.
    """
    try:
        sheet = LAYOUTS[frame.layout]
    except KeyError:
        raise LayoutError(
            f"layout {frame.layout!r} is unknown, expected one of {sorted(LAYOUTS)}: "
            "install the same version of vizworker on both sides"
        ) from None
    return sheet(frame)
