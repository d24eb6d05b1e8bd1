"""Labelled contours over an image."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from vizworker.layouts.sheet import Image

ALPHA = 0.5
SIZE = 10.0  # points, of the labels


def add_contours(
    axes: Axes, image: Image, levels: tuple[float, ...], labelled: bool
) -> tuple[list[Artist], list[Artist]]:
    """Black lines at the levels of an image, and their labels; none where it is one pixel wide."""
    rows, columns = image.values.shape
    if not levels or min(rows, columns) < 2:
        return [], []
    x0, x1, y0, y1 = image.extent
    # the host's own: the outermost pixels' centres are put at the image's edges
    x, y = np.linspace(x0, x1, columns), np.linspace(y1, y0, rows)
    lines = axes.contour(x, y, image.values, levels=levels, colors="k", alpha=ALPHA)
    if not labelled:
        return [lines], []
    labels = lines.clabel(levels=np.array(levels), inline=True, fontsize=SIZE, fmt="%.2g")
    return [lines], list(labels)
