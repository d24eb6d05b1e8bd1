"""The source plane at three zooms: images of light profiles, or a reconstruction on its mesh."""

from dataclasses import dataclass

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts.arrays import find, take
from vizworker.layouts.sheet import Extent, Image, Mesh, Triangles
from vizworker.layouts.zoom import symmetric

MID_ZOOM = 2.0  # the middle zoom shows this many times the width of the closest
MID_ZOOM_CAP = 0.7  # and at most this much of the whole mesh


@dataclass(frozen=True)
class Plane:
    """The source plane of one panel."""

    content: Image | Mesh | Triangles
    limits: Extent
    values: np.ndarray  # what the colours are scaled to
    stretched: bool = False


def planes(frame: Frame, prefix: str = "") -> list[Plane | None]:
    """The source plane at maximum, middle and no zoom; None where the frame has none.

    Args:
        frame: with the arrays of the plane.
        prefix: before the names of the arrays, for another plane than the final one.

    Raises:
        LayoutError: arrays that do not belong together.
    """
    values = find(frame, f"{prefix}reconstruction", (None,))
    if values is not None:
        content = _mesh(frame, values, prefix)
        grid = take(frame, f"{prefix}source_plane_mesh_grid", (len(values), 2))
        limits = _mesh_limits(values, grid, frame.style.inversion_percent)
        shown = content.values if isinstance(content, Triangles) else values
        # the host's own quirk: a uniform mesh fills its place
        stretched = isinstance(content, Image)
        return [Plane(content, extent, shown, stretched) for extent in limits]
    names = ("max_zoom", "mid_zoom", "no_zoom")
    return [_profiles(frame, i, f"source_plane_{name}", prefix) for i, name in enumerate(names)]


def _profiles(frame: Frame, index: int, name: str, prefix: str) -> Plane | None:
    values = find(frame, prefix + name, (None, None))
    if values is None:
        return None
    extents = take(frame, f"{prefix}source_plane_extents", (3, 4))
    x0, x1, y0, y1 = (float(k) for k in extents[index])
    extent = (x0, x1, y0, y1)
    return Plane(Image(values, extent), extent, values)


def _mesh(frame: Frame, values: np.ndarray, prefix: str) -> Image | Mesh | Triangles:
    simplices = find(frame, f"{prefix}simplices", (None, 3))
    if simplices is not None:
        grid = take(frame, f"{prefix}source_plane_mesh_grid", (len(values), 2))
        return _triangles(grid, values, simplices)
    rows, columns = (int(n) for n in take(frame, f"{prefix}mesh_shape", (2,)))
    if rows * columns != len(values):
        raise LayoutError(
            f"array 'reconstruction' has {len(values)} values, expected {rows} x {columns}"
        )
    native = values.reshape(rows, columns)
    edges = find(frame, f"{prefix}mesh_edges", (max(rows, columns) + 1, 2))
    if edges is not None:
        return Mesh(native, edges[: rows + 1, 0], edges[: columns + 1, 1])
    x0, x1, y0, y1 = (float(k) for k in take(frame, f"{prefix}mesh_extent", (4,)))
    return Image(native, (x0, x1, y0, y1))


def _triangles(grid: np.ndarray, values: np.ndarray, simplices: np.ndarray) -> Triangles:
    simplices = simplices[simplices[:, 0] >= 0]
    if not len(simplices):
        raise LayoutError("array 'simplices' has no triangles, expected at least one")
    if not 0 <= simplices.min() <= simplices.max() < len(values):
        raise LayoutError(
            f"array 'simplices' points at pixels {simplices.min()} to {simplices.max()}, "
            f"expected 0 to {len(values) - 1}"
        )
    return Triangles(values[simplices].mean(axis=1), grid, simplices)


def _mesh_limits(
    values: np.ndarray, grid: np.ndarray, percent: float
) -> tuple[Extent, Extent, Extent]:
    """The axes' limits about a mesh: its bright part, twice that, and all of it."""
    whole = symmetric(_bounds(grid))
    finite = np.where(np.isfinite(values), values, -np.inf)
    bright = grid[finite > percent * finite.max(initial=-np.inf)]
    closest = symmetric(_bounds(bright)) if len(bright) else whole
    return closest, _wider(closest, whole), whole


def _wider(closest: Extent, whole: Extent) -> Extent:
    x0, x1, y0, y1 = closest
    x, y = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    half = min(
        0.5 * max(x1 - x0, y1 - y0) * MID_ZOOM,
        x - whole[0],
        whole[1] - x,
        y - whole[2],
        whole[3] - y,
        MID_ZOOM_CAP * 0.5 * min(whole[1] - whole[0], whole[3] - whole[2]),
    )
    return x - half, x + half, y - half, y + half


def _bounds(grid: np.ndarray) -> Extent:
    y, x = grid.T
    return float(x.min()), float(x.max()), float(y.min()), float(y.max())
