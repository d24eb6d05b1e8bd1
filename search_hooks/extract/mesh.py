"""A reconstruction on the mesh of a pixelized plane, and the triangles that its figure needs."""

from typing import Any

import numpy as np
from autoarray.inversion.mappers.abstract import Mapper
from autoarray.inversion.mesh.interpolator.delaunay import (
    InterpolatorDelaunay,
    scipy_delaunay_tri_only,
)
from autoarray.inversion.mesh.interpolator.knn import InterpolatorKNearestNeighbor
from autoarray.inversion.mesh.interpolator.rectangular import InterpolatorRectangular
from autoarray.inversion.mesh.interpolator.rectangular_uniform import (
    InterpolatorRectangularUniform,
)

from search_hooks.extract.maps import values

VALUES = "reconstruction"


def reconstruction(fit: Any, index: int, xp: Any) -> dict[str, Any]:
    """The values of the pixelized plane and where its mesh is."""
    mappers = fit.inversion.cls_list_from(cls=Mapper)
    if index > len(mappers):  # the host numbers mappers from plane 1 and draws nothing otherwise
        return {}
    mapper = mappers[max(index - 1, 0)]
    return {
        VALUES: xp.asarray(values(fit.inversion.reconstruction_dict[mapper])),
        "source_plane_mesh_grid": xp.asarray(values(mapper.source_plane_mesh_grid)),
    } | _mesh(mapper, xp)


def _mesh(mapper: Any, xp: Any) -> dict[str, Any]:
    interpolator = mapper.interpolator
    geometry = mapper.mesh_geometry
    if isinstance(interpolator, InterpolatorRectangularUniform):
        (py, px), (oy, ox), (ny, nx) = geometry.pixel_scales, geometry.origin, geometry.shape
        extent = (ox - px * nx / 2, ox + px * nx / 2, oy - py * ny / 2, oy + py * ny / 2)
        return {
            "mesh_shape": np.asarray(geometry.shape, dtype=np.int64),
            "mesh_extent": xp.stack([xp.asarray(edge) for edge in extent]),
        }
    if isinstance(interpolator, InterpolatorRectangular):
        return {
            "mesh_shape": np.asarray(geometry.shape, dtype=np.int64),
            "mesh_edges": xp.asarray(values(geometry.edges_transformed)),
        }
    if isinstance(interpolator, InterpolatorDelaunay) and not isinstance(
        interpolator, InterpolatorKNearestNeighbor
    ):
        return {"simplices": xp.asarray(interpolator.delaunay.simplices).astype(np.int64)}
    return {}  # triangulated on the host, for the figure alone


def triangulated(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with `simplices` for each mesh that has no shape of its own; on the host."""
    for prefix in [name.removesuffix(VALUES) for name in arrays if name.endswith(VALUES)]:
        if not {f"{prefix}mesh_shape", f"{prefix}simplices"} & arrays.keys():
            points = arrays[f"{prefix}source_plane_mesh_grid"]
            arrays = arrays | {f"{prefix}simplices": _triangles(points)}
    return arrays


def _triangles(points: np.ndarray) -> np.ndarray:
    simplices, _, _ = scipy_delaunay_tri_only(points)
    return np.asarray(simplices, dtype=np.int64)
