"""The arrays of a frame, held to the shapes that a layout needs."""

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame

Shape = tuple[int | None, ...]  # None: any size
LARGEST = 1e100  # beyond it, limits and squares of values overflow


def take(frame: Frame, name: str, shape: Shape) -> np.ndarray:
    """An array that the layout cannot do without.

    Raises:
        LayoutError: it is missing or has another shape.
    """
    array = find(frame, name, shape)
    if array is None:
        raise LayoutError(
            f"layout {frame.layout!r} needs the array {name!r}, "
            f"the frame has {', '.join(sorted(frame.arrays)) or 'none'}"
        )
    return array


def find(frame: Frame, name: str, shape: Shape) -> np.ndarray | None:
    """An array that may be absent.

    Raises:
        LayoutError: it has another shape.
    """
    array = frame.arrays.get(name)
    if array is None:
        return None
    fits = array.ndim == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    if not fits:
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise LayoutError(f"array {name!r} has shape {array.shape}, expected ({expected})")
    return array


def drawable(values: np.ndarray) -> np.ndarray:
    """The values; those too large for a place on an axis are NaN, which is left out."""
    if values.dtype.kind != "f":
        return values
    return np.where(np.abs(values) < LARGEST, values, np.nan)
