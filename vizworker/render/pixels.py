"""Images painted straight into a canvas where each of their pixels covers several of its own."""

import numpy as np
from matplotlib.colors import Colormap, Normalize, to_rgba
from matplotlib.transforms import Bbox

from vizworker.layouts.sheet import Image, Panel

NEAREST = 3  # matplotlib smooths an image that it enlarges less than this


def paintable(panel: Panel, box: Bbox) -> bool:
    """Whether matplotlib would show the panel as plain blocks that fill `box`, in pixels."""
    content = panel.content
    if not isinstance(content, Image) or content.extent != panel.limits or not content.values.size:
        return False
    rows, columns = content.values.shape
    return bool(box.width > NEAREST * columns and box.height > NEAREST * rows)


def paint(
    canvas: np.ndarray,
    values: np.ndarray,
    box: Bbox,
    norm: Normalize,
    colours: Colormap,
    blank: str | tuple[float, ...],
) -> None:
    """Fill `box` of an (height, width) canvas of RGBA words with an image.

    Args:
        values: (ny, nx), row 0 at the top; NaN becomes `blank`.
        box: in pixels from the bottom left corner of the canvas.
    """
    words = _coloured(values, norm, colours, blank)
    height = canvas.shape[0]
    # the borders round as matplotlib's own image drawing has them
    left, right = int(np.floor(box.x0 + 0.5)), int(np.floor(box.x1 + 0.5 + 1e-8))
    bottom, top = int(np.ceil(box.y0 - 0.5 - 1e-8)), int(np.ceil(box.y1 - 0.5))
    columns = _nearest(np.arange(left, right) + 0.5 - box.x0, box.width, values.shape[1])
    rows = _nearest(box.y1 - np.arange(bottom, top)[::-1] - 0.5, box.height, values.shape[0])
    wide = words.take(columns, axis=1)
    wide.take(rows, axis=0, out=canvas[height - top : height - bottom, left:right], mode="clip")


def _nearest(distances: np.ndarray, length: float, count: int) -> np.ndarray:
    return np.clip((distances / length * count).astype(np.intp), 0, count - 1)


def _coloured(
    values: np.ndarray, norm: Normalize, colours: Colormap, blank: str | tuple[float, ...]
) -> np.ndarray:
    shades = norm(np.ma.masked_invalid(values))
    rgba = np.ascontiguousarray(colours(shades, bytes=True))
    words: np.ndarray = rgba.view(np.uint32)[..., 0]
    bad = np.ma.getmaskarray(shades)
    if bad.any():
        words[bad] = (255 * np.array(to_rgba(blank))).round().astype(np.uint8).view(np.uint32)
    return words
