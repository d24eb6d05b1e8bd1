"""Dots over an image, as tables of what each makes of the shade beneath it.

Matplotlib stamps the same small drawing at whole pixels for every dot of a scatter. What a stamp
makes of a canvas depends, pixel by pixel, on the shade there alone: one table of 256 shades for
each of its pixels, and one composed of several where stamps overlap.
"""

import functools
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.transforms import BboxBase, IdentityTransform

from vizworker.render.agg import Renderer, new_renderer, pixels_of

SIZE = 1.0  # square points
SHADES = 256
MARGIN = 2  # pixels around a stamp


@dataclass(frozen=True)
class Dots:
    """The dots of one panel on one canvas."""

    where: np.ndarray  # (n,) flat indices of pixels
    tables: np.ndarray  # (n, 1) where in `shades` the table of each pixel begins
    shades: np.ndarray  # (256 tables,) uint8

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.where.nbytes + self.tables.nbytes + self.shades.nbytes

    def draw(self, canvas: np.ndarray) -> None:
        """Put the dots on a (height, width, 4) uint8 canvas."""
        words = canvas.view(np.uint32).reshape(-1)
        pixels = words[self.where].view(np.uint8).reshape(-1, 4)
        pixels[:, :3] = self.shades[pixels[:, :3] + self.tables]
        words[self.where] = pixels.view(np.uint32)[:, 0]


def dots(scatter: PathCollection, box: BboxBase, renderer: Renderer) -> Dots:
    """What `scatter`, made by `scatter_dots` in axes at `box`, is on the canvas of `renderer`."""
    stamp, reach = _stamp(renderer.dpi)
    side = np.arange(2 * reach + 1) - reach
    dy, dx = (steps.ravel() for steps in np.meshgrid(side, side, indexing="ij"))
    used = np.flatnonzero((stamp != np.arange(SHADES)).any(axis=1))
    places = scatter.get_offset_transform().transform(scatter.get_offsets())
    x = np.floor(places[:, :1] + 0.5).astype(int) + dx[used]
    y = np.floor(renderer.height - places[:, 1:] + 0.5).astype(int) + dy[used]
    inside = _inside(x, y, box, renderer)
    where = (y * renderer.width + x)[inside]
    return _composed(where, np.broadcast_to(used, x.shape)[inside], stamp)


def scatter_dots(axes: Axes, points: np.ndarray, **kwargs: Any) -> PathCollection:
    """Black dots at (n, 2) y, x points."""
    return axes.scatter(points[:, 1], points[:, 0], s=SIZE, c="k", **kwargs)


def _inside(x: np.ndarray, y: np.ndarray, box: BboxBase, renderer: Renderer) -> np.ndarray:
    """Which pixels the axes do not clip away."""
    left, right = np.floor([box.x0 + 0.5, box.x1 + 0.5])
    top, bottom = np.floor([renderer.height - box.y1 + 0.5, renderer.height - box.y0 + 0.5])
    beside: np.ndarray = (x < max(left, 0)) | (x > min(right, renderer.width - 1))
    beyond: np.ndarray = (y < max(top, 0)) | (y > min(bottom, renderer.height - 1))
    inside: np.ndarray = ~(beside | beyond)
    return inside


def _composed(where: np.ndarray, entries: np.ndarray, stamp: np.ndarray) -> Dots:
    """One table a pixel from the stamps' entries there, given in drawing order."""
    stamp = np.concatenate([stamp, np.arange(SHADES)[np.newaxis]])  # the last changes nothing
    order = np.argsort(where, kind="stable")
    pixels, first, counts = np.unique(where[order], return_index=True, return_counts=True)
    sequences = np.full((len(pixels), counts.max(initial=0)), len(stamp) - 1)
    depth = np.arange(len(where)) - np.repeat(first, counts)
    sequences[np.repeat(np.arange(len(pixels)), counts), depth] = entries[order]
    # a table is known by the one before it and the step that leads on from there
    tables, shades = np.zeros(len(pixels), dtype=np.intp), np.arange(SHADES)[np.newaxis]
    for entry in sequences.T:
        steps, tables = np.unique(tables * len(stamp) + entry, return_inverse=True)
        before, step = np.divmod(steps, len(stamp))
        shades = stamp[step[:, np.newaxis], shades[before]]
    begins = (SHADES * tables).astype(np.int32)[:, np.newaxis]
    return Dots(pixels.astype(np.int32), begins, shades.astype(np.uint8).ravel())


@functools.lru_cache(8)
def _stamp(dpi: float) -> tuple[np.ndarray, int]:
    """What one dot makes of each shade: ((2 reach + 1)², 256) uint8, and its reach in pixels."""
    figure = Figure(dpi=dpi)
    shades = np.arange(SHADES)
    points = np.zeros((SHADES, 2))
    scatter = scatter_dots(figure.add_subplot(), points, transform=IdentityTransform())
    width = np.sqrt(SIZE) + mpl.rcParams["lines.linewidth"]  # a dot has an edge of that width
    reach = int(np.ceil(width * dpi / 72.0 / 2.0)) + MARGIN
    side = 2 * reach + 1
    # a row of squares, one a shade, with a dot in the middle of each, counted from the foot
    scatter.set_offsets(np.stack([shades * side + reach, np.full(SHADES, reach + 1)], axis=1))
    scatter.set_clip_on(False)
    renderer = new_renderer(SHADES * side, side, dpi)
    canvas = pixels_of(renderer)
    canvas[..., :3] = np.repeat(shades, side)[:, np.newaxis]
    canvas[..., 3] = 255
    scatter.draw(renderer)
    table = canvas[..., 0].reshape(side, SHADES, side).transpose(0, 2, 1)
    return table.reshape(side * side, SHADES), reach
