"""Which part of a masked image is shown, and where that lies on the sky."""

from dataclasses import dataclass, replace

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts.arrays import LARGEST, take
from vizworker.layouts.sheet import Extent


@dataclass(frozen=True)
class View:
    """The window onto a frame's native arrays."""

    mask: np.ndarray  # (ny, nx) bool, True = masked; of the frame's maps, as the next two
    rows: tuple[int, int]  # first, last + 1 of the window; may reach beyond the array
    columns: tuple[int, int]
    extent: Extent
    edge: np.ndarray | None  # (n, 2) y, x arcsec of unmasked pixels beside masked ones

    def cut(self, native: np.ndarray) -> np.ndarray:
        """The window's values: 0 where masked and beyond the array, as the host draws them."""
        return _window(np.where(self.mask, 0.0, native), self.rows, self.columns)


def view(frame: Frame) -> View:
    """The square around the unmasked pixels with a border of one, or everything.

    Everything is shown where nothing or all is masked, or where the style says so.
    """
    mask = take(frame, "mask", (None, None)).astype(bool)
    scales = take(frame, "pixel_scales", (2,))
    origin = take(frame, "origin", (2,))
    # also false for NaN
    if not (((scales > 0) & (scales < LARGEST)).all() and (np.abs(origin) < LARGEST).all()):
        raise LayoutError(f"'pixel_scales' {scales} or 'origin' {origin} is no place on the sky")
    rows, columns = (0, mask.shape[0]), (0, mask.shape[1])
    centre = origin
    if mask.all() or not mask.any():
        extent = _extent(mask.shape, scales, origin)
        return _of_maps(frame, View(mask, rows, columns, extent, None))
    if frame.style.zoom_around_mask:
        rows, columns = _square(mask)
        centre = _middle(mask, scales, origin)
    window = _window(mask, rows, columns)
    extent = _extent(window.shape, scales, centre)
    return _of_maps(frame, View(mask, rows, columns, extent, _edge(window, scales, centre)))


def _of_maps(frame: Frame, exact: View) -> View:
    """The same window onto maps that came down-sampled, if they did.

    Their border is one of their own pixels wide, and they lie on the exact extent.
    """
    shape = _shape_of_maps(frame, exact.mask.shape)
    if shape is None:
        return exact
    zoomed = frame.style.zoom_around_mask and exact.edge is not None
    mask = _blocks(exact.mask[_box(exact.mask)] if zoomed else exact.mask, shape)
    rows, columns = _square(mask) if zoomed else ((0, shape[0]), (0, shape[1]))
    return replace(exact, mask=mask, rows=rows, columns=columns)


def _shape_of_maps(frame: Frame, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Rows and columns of native maps that were down-sampled; None where none was."""
    for name, exact in frame.reduced.items():
        # the source plane is no native map, though it may have the shape of one
        if exact[-2:] == shape and "source_plane_" not in name:
            return frame.arrays[name].shape[-2:]
    return None


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The rectangle around the unmasked pixels, which is what down-sampled maps show."""
    y, x = (np.flatnonzero(~mask.all(axis=axis)) for axis in (1, 0))
    return slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1)


def _blocks(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which blocks of pixels are masked: those without any pixel that is not."""
    for axis, (n, m) in enumerate(zip(mask.shape, shape, strict=True)):
        if m > n:
            raise LayoutError(
                f"down-sampled maps have shape {shape}, expected at most {mask.shape}"
            )
        mask = np.logical_and.reduceat(mask, np.arange(m) * n // m, axis=axis)
    return mask


def symmetric(extent: Extent) -> Extent:
    """The square of an extent's longer side about its centre."""
    x0, x1, y0, y1 = extent
    wider = ((y1 - y0) - (x1 - x0)) / 2
    if wider > 0:
        return x0 - wider, x1 + wider, y0, y1
    return x0, x1, y0 + wider, y1 - wider


def _square(mask: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    y, x = np.nonzero(~mask)
    rows, columns = [int(y.min()), int(y.max())], [int(x.min()), int(x.max())]
    excess = (rows[1] - rows[0]) - (columns[1] - columns[0])
    short, half = (columns, excess // 2) if excess > 0 else (rows, -excess // 2)
    # an odd excess leaves one side a pixel longer
    short[0], short[1] = short[0] - half, short[1] + half
    return (rows[0] - 1, rows[1] + 2), (columns[0] - 1, columns[1] + 2)


def _window(array: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    inside = tuple(
        slice(max(first, 0), min(end, size))
        for (first, end), size in zip((rows, columns), array.shape, strict=True)
    )
    window = np.zeros((rows[1] - rows[0], columns[1] - columns[0]), dtype=array.dtype)
    part = array[inside]
    top, left = inside[0].start - rows[0], inside[1].start - columns[0]
    window[top : top + part.shape[0], left : left + part.shape[1]] = part
    return window


def _middle(mask: np.ndarray, scales: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """y, x arcsec: halfway between the outermost unmasked pixels."""
    ends = np.array([[k.min(), k.max()] for k in np.nonzero(~mask)])
    coordinates = _centres(ends.T, mask.shape, scales, origin)
    middle: np.ndarray = (coordinates.max(axis=0) + coordinates.min(axis=0)) / 2.0
    return middle


def _edge(mask: np.ndarray, scales: np.ndarray, centre: np.ndarray) -> np.ndarray:
    masked = np.pad(mask, 1, constant_values=True)
    beside = np.zeros_like(mask)
    for dy in range(3):
        for dx in range(3):
            beside |= masked[dy : dy + mask.shape[0], dx : dx + mask.shape[1]]
    return _centres(np.argwhere(~mask & beside), mask.shape, scales, centre)


def _centres(
    pixels: np.ndarray, shape: tuple[int, ...], scales: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """(n, 2) y, x arcsec of (n, 2) row, column indices."""
    middle = (np.array(shape) - 1) / 2.0
    arcsec: np.ndarray = (pixels - middle) * scales * np.array([-1.0, 1.0]) + origin
    return arcsec


def _extent(shape: tuple[int, ...], scales: np.ndarray, centre: np.ndarray) -> Extent:
    half_y, half_x = (float(size * scale) / 2.0 for size, scale in zip(shape, scales, strict=True))
    y, x = (float(value) for value in centre)
    return x - half_x, x + half_x, y - half_y, y + half_y
