"""A figure seen through the window that saving it with a tight bounding box would cut out."""

from typing import Any, cast

from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D, Bbox, BboxBase, TransformedBbox


class Trim:
    """Moves a figure's origin to the corner of a window, and back.

    Saving moves it in the same way. Laying the axes out anew in a smaller figure would not do:
    the last bits of their positions decide on which pixel a tick or a frame comes to lie.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = cast(Any, figure)  # the frame of its transform has no public name
        frame = self._figure.transFigure._boxout
        self._whole = (figure.bbox, figure.bbox_inches, frame)

    def open(self, box: Bbox) -> None:
        """Show the window `box`, in inches, of the whole figure; its axes must be in place."""
        figure = self._figure
        scale = Affine2D().scale(figure.dpi)
        x, y = scale.transform(box.p0)
        inches = Bbox.from_bounds(0, 0, *box.size)
        frame = Bbox.from_bounds(-x, -y, *self._whole[0].size)
        self._look(TransformedBbox(inches, scale), inches, frame)

    def close(self) -> None:
        """Show the whole figure."""
        self._look(*self._whole)

    def _look(self, bbox: BboxBase, inches: BboxBase, frame: BboxBase) -> None:
        self._figure.bbox, self._figure.bbox_inches = bbox, inches
        self._figure.transFigure._boxout = frame
        self._figure.transFigure.invalidate()
