"""Images painted straight into a canvas where each of their pixels covers several of its own."""

import itertools
from typing import cast

import numpy as np
from matplotlib.colors import Colormap, Normalize, to_rgba
from matplotlib.image import HANNING, AxesImage, resample
from matplotlib.transforms import Affine2D, Bbox, Transform, TransformedBbox
from matplotlib.typing import ColorType

from vizworker.layouts.sheet import Image, Panel
from vizworker.render.agg import Renderer

NEAREST = 3  # matplotlib smooths an image that it enlarges less than this
SAME = 1e-6  # pixels between borders that are taken for one


def fills(panel: Panel) -> bool:
    """Whether the panel is an image that covers its axes."""
    content = panel.content
    return isinstance(content, Image) and content.extent == panel.limits and content.values.size > 0


def in_blocks(values: np.ndarray, box: Bbox) -> bool:
    """Whether matplotlib would show an image that fills `box`, in pixels, as plain blocks."""
    rows, columns = values.shape
    return bool(box.width > NEAREST * columns and box.height > NEAREST * rows)


def paint(
    canvas: np.ndarray,
    values: np.ndarray,
    box: Bbox,
    norm: Normalize,
    colours: Colormap,
    blank: ColorType,
) -> None:
    """Fill `box` of an (height, width) canvas of RGBA words with an image.

    Args:
        values: (ny, nx), row 0 at the top; NaN becomes `blank`.
        box: in pixels from the bottom left corner of the canvas.
    """
    words = _coloured(values, norm, colours, blank)
    height, rows, columns = canvas.shape[0], *covered(box, canvas.shape[0])
    x = np.arange(columns.start, columns.stop) + 0.5 - box.x0
    y = np.arange(rows.start, rows.stop) + 0.5 - (height - box.y1)
    wide = words.take(_nearest(x, box.width, values.shape[1]), axis=1)
    down = _nearest(y, box.height, values.shape[0])
    starts = np.flatnonzero(np.diff(down, prepend=-1))
    area = canvas[rows, columns]
    # row by row: all at once would be made elsewhere and copied
    for start, end in itertools.pairwise([*starts.tolist(), len(down)]):
        area[start:end] = wide[down[start]]


def blit(canvas: np.ndarray, image: AxesImage, renderer: Renderer) -> None:
    """Put an image that fills its axes on an (height, width) canvas of RGBA words."""
    if _smooth(canvas, image):
        return
    rgba, x, y, _ = image.make_image(renderer)
    if rgba is None or (rgba[..., 3] != 255).any():
        image.draw(renderer)
        return
    (rows, columns), height = rgba.shape[:2], canvas.shape[0]
    left, foot = round(x), height - round(y)
    canvas[foot - rows : foot, left : left + columns] = rgba.view(np.uint32)[::-1, :, 0]


def _smooth(canvas: np.ndarray, image: AxesImage) -> bool:
    """Put an opaque image that matplotlib would smooth on a canvas; False where it is no such.

    These are the steps of matplotlib's own, less its many passes over an alpha that is 1.
    """
    values, axes = cast(np.ndarray, image.get_array()), image.axes
    assert axes is not None
    x0, x1, y0, y1 = image.get_extent()
    extent, to_screen = Bbox.from_extents(x0, y0, x1, y1), image.get_transform()
    box = TransformedBbox(extent, to_screen).frozen()
    apart = np.subtract(box.extents, axes.bbox.extents)
    if np.abs(apart).max() > SAME or not _smoothed(values, box):
        return False
    colours = image.to_rgba(values)
    if (colours[..., 3] != 1).any():
        return False
    rows, columns = covered(axes.bbox, canvas.shape[0])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return False
    place = _placing(values, extent, to_screen)
    place.translate(-columns.start, rows.stop - canvas.shape[0])
    rgba = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 4))
    resample(colours, rgba, place, HANNING, resample=True)
    if (rgba[..., 3] != 1).any():
        return False  # its border covers pixels in part
    rgba *= 255
    canvas[rows, columns] = rgba.astype(np.uint8).view(np.uint32)[::-1, :, 0]
    return True


def _smoothed(values: np.ndarray, box: Bbox) -> bool:
    """Whether matplotlib would show an image in `box` as colours smoothed between its pixels."""
    scales = box.width / values.shape[1], box.height / values.shape[0]
    return min(scales) < NEAREST and not all(
        scale > NEAREST or abs(scale - round(scale)) < SAME for scale in scales
    )


def _placing(values: np.ndarray, extent: Bbox, to_screen: Transform) -> Affine2D:
    """From columns and rows of an image, row 0 at its top, to pixels of the screen."""
    rows, columns = values.shape
    flipped = Affine2D().translate(0, -rows).scale(1, -1)
    flipped.scale(extent.width / columns, extent.height / rows).translate(extent.x0, extent.y0)
    return Affine2D((flipped + to_screen).get_matrix())


def word_of(colour: ColorType) -> np.uint32:
    """A colour as a word of RGBA."""
    rgba = 255 * np.array(list(to_rgba(colour)))
    word: np.uint32 = rgba.round().astype(np.uint8).view(np.uint32)[0]
    return word


def covered(box: Bbox, height: int) -> tuple[slice, slice]:
    """Rows and columns of a canvas that an image in `box` covers."""
    # the borders round as matplotlib's own image drawing has them
    left, right = int(np.floor(box.x0 + 0.5)), int(np.floor(box.x1 + 0.5 + 1e-8))
    bottom, top = int(np.ceil(box.y0 - 0.5 - 1e-8)), int(np.ceil(box.y1 - 0.5))
    return slice(height - top, height - bottom), slice(left, right)


def _nearest(distances: np.ndarray, length: float, count: int) -> np.ndarray:
    return np.clip((distances / length * count).astype(np.intp), 0, count - 1)


def _coloured(
    values: np.ndarray, norm: Normalize, colours: Colormap, blank: ColorType
) -> np.ndarray:
    shades = norm(np.ma.masked_invalid(values))
    rgba = np.ascontiguousarray(colours(shades, bytes=True))
    words: np.ndarray = rgba.view(np.uint32)[..., 0]
    bad = np.ma.getmaskarray(shades)
    if bad.any():
        words[bad] = word_of(blank)
    return words
