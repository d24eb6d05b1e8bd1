"""Large maps as a figure shows them: at most so many pixels a side, with their exact extremes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vizworker.errors import FrameError
from vizworker.frame import Frame, Style
from vizworker.panels import Grid, Image
from vizworker.wire import MAX_FRAME

SIDE = 1024  # pixels: a panel of the figure has about 700
TABLE = 4  # a 2-d array of at most this many columns is no image where nobody declared it
ZOOMS = ("source_plane_max_zoom", "source_plane_mid_zoom", "source_plane_no_zoom")
EIGEN_VALUES = ("tangential_eigen_value", "radial_eigen_value")

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Shown:
    """What a frame carries of the arrays of a fit."""

    arrays: Arrays
    reduced: dict[str, tuple[int, ...]]  # the exact shapes of those that are down-sampled


def shown(arrays: Arrays, layout: str, style: Style, grid: Grid | None = None) -> Shown:
    """The arrays of a frame, its maps no larger than a figure can show.

    Maps of at most `SIDE` pixels a side are as they were. `docs/frame.md` says how others are made.

    Args:
        arrays: of one fit, as its layout needs them.
        layout: which figure they are for.
        style: of that figure.
        grid: the panels that were declared, of the layout `grid`.
    """
    if layout == "grid":
        smaller = dict(_images(arrays, grid))
    else:
        smaller = dict(_maps(arrays, style.zoom_around_mask))
    return Shown(arrays | smaller, {name: arrays[name].shape for name in smaller})


def to_send(frame: Frame, arrays: Arrays) -> tuple[Frame, Frame | None]:
    """The frame to send, and the whole one behind it where it is down-sampled.

    The last frame of a run goes out whole. One that is more than a frame may carry never does.

    Args:
        frame: with the arrays that `shown` has of `arrays`.
        arrays: the exact ones.
    """
    exact = _whole(frame, arrays) if frame.reduced else None
    return (exact, None) if frame.final and exact is not None else (frame, exact)


def _whole(frame: Frame, arrays: Arrays) -> Frame | None:
    if sum(array.nbytes for array in arrays.values()) > MAX_FRAME:
        return None
    try:
        return replace(frame, arrays=arrays, reduced={})
    except FrameError:
        return None


def smaller_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of an image that fits into `SIDE`, its proportions kept."""
    ny, nx = shape[-2:]
    factor = max(1.0, max(ny, nx) / SIDE)
    return max(1, round(ny / factor)), max(1, round(nx / factor))


def shrunk(values: np.ndarray, like: "Blocks | None" = None) -> np.ndarray:
    """Means of blocks of an image (ny, nx), or of each of a stack (k, ny, nx).

    What is NaN counts in no mean. The least, the least positive and the largest finite value stand
    as they are in their blocks, so that limits taken from the result are those of `values`.

    Args:
        values: any real numbers.
        like: blocks of an image of this shape, to be used again.
    """
    if max(values.shape[-2:]) <= SIDE:
        return np.ascontiguousarray(values)
    blocks = like or Blocks(*values.shape[-2:])
    if values.ndim == 3:
        return np.stack([shrunk(each, blocks) for each in values])
    means = blocks.means(values)
    return means.astype(values.dtype) if values.dtype.kind == "f" else means


class Blocks:
    """The blocks of images of one shape; block i of m covers pixels i n // m to (i + 1) n // m."""

    def __init__(self, ny: int, nx: int) -> None:
        shape = smaller_shape((ny, nx))
        self._rows, self._columns = (_starts(n, m) for n, m in zip((ny, nx), shape, strict=True))
        self._filled = np.empty((ny, nx))
        self._blank = np.zeros((ny, nx), dtype=bool)
        self._count = self._sums((~self._blank).astype(np.float64))

    def means(self, values: np.ndarray) -> np.ndarray:
        """Means of an image, in some blocks its extremes."""
        blank = ~np.isfinite(values)
        if not np.array_equal(blank, self._blank):  # mostly it is the mask, each time
            self._blank, self._count = blank, self._sums((~blank).astype(np.float64))
        filled = self._filled  # one copy for everything: the pages of a new one cost more
        np.copyto(filled, values)
        np.copyto(filled, np.inf, where=blank)
        least = filled.argmin()
        np.copyto(filled, -np.inf, where=blank)
        largest = filled.argmax()
        np.copyto(filled, 0.0, where=blank)
        with np.errstate(invalid="ignore"):  # 0 / 0, where all is blank, is NaN
            means: np.ndarray = self._sums(filled) / self._count
        np.copyto(filled, np.inf, where=filled <= 0)
        positive = filled.argmin()
        # positive and negative pixels may cancel to less than any positive one
        floor = filled.flat[positive]
        np.copyto(means, floor, where=(means > 0) & (means < floor))
        infinite = (values == np.inf).argmax()  # it matters to a logarithmic scale
        self._keep(means, values, [int(each) for each in (least, largest, positive, infinite)])
        return means

    def _keep(self, means: np.ndarray, values: np.ndarray, pixels: list[int]) -> None:
        """Have some pixels stand for their blocks."""
        free = np.isfinite(means).ravel()
        for pixel in dict.fromkeys(pixels):
            if np.isnan(values.flat[pixel]) or not free.any():
                continue
            place = self._block_of(pixel)
            if not free[place]:
                # two of one block: the second stands in the next one that has values
                places = np.flatnonzero(free)
                place = places[np.abs(places - place).argmin()]
            means.flat[place] = values.flat[pixel]
            free[place] = False

    def _block_of(self, pixel: int) -> int:
        y, x = divmod(pixel, self._blank.shape[1])
        row = np.searchsorted(self._rows, y, "right") - 1
        return int(row * len(self._columns) + np.searchsorted(self._columns, x, "right") - 1)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        return _sums(_sums(values, self._rows, axis=0), self._columns, axis=1)


def _sums(values: np.ndarray, starts: np.ndarray, axis: int) -> np.ndarray:
    """Of what lies between the starts; faster than `add.reduceat` for short blocks."""
    n = values.shape[axis]
    least = n // len(starts)
    sums = np.take(values, starts, axis)
    for step in range(1, least):
        sums += np.take(values, starts + step, axis)
    longer = np.flatnonzero(np.diff(starts, append=n) > least)
    rest = np.take(values, starts[longer] + least, axis)
    np.moveaxis(sums, axis, 0)[longer] += np.moveaxis(rest, axis, 0)
    return sums


def _starts(n: int, m: int) -> np.ndarray:
    return np.arange(m) * n // m


def _maps(arrays: Arrays, zoomed: bool) -> Iterator[tuple[str, np.ndarray]]:
    """The maps that are larger than a figure shows, of each mask there is."""
    for name, mask in arrays.items():
        if name.endswith("mask") and mask.ndim == 2:
            prefix = name[: -len("mask")]
            own = {key: array for key, array in arrays.items() if key.startswith(prefix)}
            yield from _native(own, mask, zoomed)
            yield from _zooms(own)
            yield from _curves(own, prefix)


def _native(arrays: Arrays, mask: np.ndarray, zoomed: bool) -> Iterator[tuple[str, np.ndarray]]:
    """What the figure shows of native maps: the rectangle around the unmasked pixels."""
    if max(mask.shape) <= SIDE:
        return
    rows, columns = _box(mask) if zoomed else (slice(None), slice(None))
    blocks = Blocks(*mask[rows, columns].shape)
    for name, array in arrays.items():
        native = array.ndim in (2, 3) and array.shape[-2:] == mask.shape
        if native and array.dtype.kind == "f" and not name.endswith(ZOOMS):
            yield name, shrunk(array[..., rows, columns], blocks)


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of the unmasked pixels; all where none or all are masked."""
    rows, columns = (np.flatnonzero(~mask.all(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(None), slice(None)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _zooms(arrays: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    """The source plane, which no mask cuts."""
    for name, array in arrays.items():
        if name.endswith(ZOOMS) and array.ndim == 2 and max(array.shape) > SIDE:
            yield name, shrunk(array)


def _curves(arrays: Mapping[str, np.ndarray], prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    """Every so many points of the grid on which critical curves are looked for."""
    shape = getattr(arrays.get(prefix + EIGEN_VALUES[0]), "shape", ())
    step = math.ceil(max(shape, default=0) / SIDE)
    if step <= 1:
        return
    for name in (*EIGEN_VALUES, "deflections_yx_2d"):
        if prefix + name in arrays:
            yield prefix + name, np.ascontiguousarray(arrays[prefix + name][::step, ::step])
    scale = arrays[f"{prefix}evaluation_grid_pixel_scale"]
    # the grid's centre moves with its last row and column, which may be left out
    left_out = np.array([(n - 1) % step for n in shape]) / 2.0
    moved = left_out * scale * np.array([1.0, -1.0])
    yield f"{prefix}evaluation_grid_pixel_scale", step * scale
    yield f"{prefix}evaluation_grid_origin", arrays[f"{prefix}evaluation_grid_origin"] + moved


def _images(arrays: Arrays, grid: Grid | None) -> Iterator[tuple[str, np.ndarray]]:
    """The images of declared panels, or every array that would be shown as one."""
    for name in _declared(grid) if grid is not None else _plain(arrays):
        array = arrays.get(name)
        if array is not None and array.ndim in (2, 3) and max(array.shape[-2:]) > SIDE:
            yield name, shrunk(array)


def _declared(grid: Grid) -> set[str]:
    """Arrays that are shown as images and in no other way."""
    layers = [layer for panel in grid.panels for layer in panel]
    images = {layer.values for layer in layers if isinstance(layer, Image)}
    others = {
        getattr(layer, field)
        for layer in layers
        for field in layer.__struct_fields__
        if not (isinstance(layer, Image) and field == "values")
        and isinstance(getattr(layer, field), str)
    }
    return images - others


def _plain(arrays: Arrays) -> list[str]:
    return [name for name, array in arrays.items() if array.ndim > 1 and array.shape[-1] > TABLE]
