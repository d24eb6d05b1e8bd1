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


def planes(frame: Frame) -> list[Plane | None]:
    """The source plane at maximum, middle and no zoom; None where the frame has none.

    Raises:
        LayoutError: arrays that do not belong together.
    """
    values = find(frame, "reconstruction", (None,))
    if values is not None:
        content = _mesh(frame, values)
        grid = take(frame, "source_plane_mesh_grid", (len(values), 2))
        limits = _mesh_limits(values, grid, frame.style.inversion_percent)
        shown = content.values if isinstance(content, Triangles) else values
        # the host's own quirk: a uniform mesh fills its place
        stretched = isinstance(content, Image)
        return [Plane(content, extent, shown, stretched) for extent in limits]
    names = ("max_zoom", "mid_zoom", "no_zoom")
    return [_profiles(frame, i, f"source_plane_{name}") for i, name in enumerate(names)]


def _profiles(frame: Frame, index: int, name: str) -> Plane | None:
    values = find(frame, name, (None, None))
    if values is None:
        return None
    x0, x1, y0, y1 = (float(k) for k in take(frame, "source_plane_extents", (3, 4))[index])
    extent = (x0, x1, y0, y1)
    return Plane(Image(values, extent), extent, values)


def _mesh(frame: Frame, values: np.ndarray) -> Image | Mesh | Triangles:
    simplices = find(frame, "simplices", (None, 3))
    if simplices is not None:
        return _triangles(frame, values, simplices)
    rows, columns = (int(n) for n in take(frame, "mesh_shape", (2,)))
    if rows * columns != len(values):
        raise LayoutError(
            f"array 'reconstruction' has {len(values)} values, expected {rows} x {columns}"
        )
    native = values.reshape(rows, columns)
    edges = find(frame, "mesh_edges", (max(rows, columns) + 1, 2))
    if edges is not None:
        return Mesh(native, edges[: rows + 1, 0], edges[: columns + 1, 1])
    x0, x1, y0, y1 = (float(k) for k in take(frame, "mesh_extent", (4,)))
    return Image(native, (x0, x1, y0, y1))


def _triangles(frame: Frame, values: np.ndarray, simplices: np.ndarray) -> Triangles:
    grid = take(frame, "source_plane_mesh_grid", (len(values), 2))
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
