"""A plane behind the lens as it is on the sky: its image at three zooms, or its reconstruction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import autoarray as aa
import autogalaxy as ag
import numpy as np
from autonerves import conf

from search_hooks.extract.maps import values
from search_hooks.extract.mesh import reconstruction
from search_hooks.extract.tiles import Light, Side, binned

BRIGHT_REGION_BUFFER = 1.0e-2  # arcsec around a source's bright region, as upstream
MID_ZOOM_SCALE = 2.0  # how much wider the middle zoom is
MID_ZOOM_CAP = 0.7  # and the most of the whole source plane that it shows

Extent = tuple[float, float, float, float]  # x0, x1, y0, y1 arcsec


@dataclass(frozen=True)
class UniformGrid:
    """The points of a uniform grid."""

    shape: tuple[int, int]  # pixels
    sub: int  # points a pixel, each way
    evaluated: Extent  # where its points lie
    extent: Extent  # as drawn

    @classmethod
    def of(cls, grid: aa.Grid2D) -> "UniformGrid":
        """The host's over-sampled uniform grid."""
        ny, nx = grid.shape_native
        sub = int(np.asarray(grid.over_sample_size.array).flat[0])
        points = np.asarray(grid.over_sampled.array).reshape(ny, nx, sub, sub, 2)
        y1, y0 = _edges(points[:, 0, :, 0, 0].ravel())
        x0, x1 = _edges(points[0, :, 0, :, 1].ravel())
        drawn = aa.Array2D.no_mask(
            values=np.zeros((ny, nx)), pixel_scales=grid.pixel_scales, origin=grid.origin
        )
        return cls((ny, nx), sub, (x0, x1, y0, y1), drawn.geometry.extent)


def _edges(points: np.ndarray) -> tuple[float, float]:
    """Where equally spaced points begin and end, half a step beyond them."""
    half = (points[-1] - points[0]) / (len(points) - 1) / 2
    return float(points[0] - half), float(points[-1] + half)


@dataclass(frozen=True)
class SourceGrids:
    """Where source planes are evaluated: made once from the mask."""

    full: UniformGrid  # the whole image
    rows: np.ndarray  # (ny,) y of the image's pixel centres, arcsec
    columns: np.ndarray  # (nx,) x of them
    no_zoom: UniformGrid  # the square around the mask
    no_zoom_bounds: Extent  # as the middle zoom's limit
    plane_percent: float  # a source's bright region: above this fraction of its maximum

    @classmethod
    def of(cls, mask: aa.Mask2D) -> "SourceGrids":
        """The grids that the host's figure uses for a dataset of this mask."""
        full = mask.derive_grid.all_false
        native = np.asarray(full.native.array)
        zoom = aa.Zoom2D(mask=mask)
        no_zoom = aa.Grid2D.from_extent(
            extent=zoom.extent_from(buffer=0), shape_native=zoom.shape_native
        )
        return cls(
            full=UniformGrid.of(full),
            rows=native[:, 0, 0],
            columns=native[0, :, 1],
            no_zoom=UniformGrid.of(no_zoom),
            no_zoom_bounds=no_zoom.geometry.extent,
            plane_percent=conf.instance["visualize"]["general"]["zoom"]["plane_percent"],
        )


def source_plane(fit: Any, xp: Any, grids: SourceGrids, index: int = -1) -> dict[str, Any]:
    """A plane, the final one by default: images at three zooms, or a reconstruction on its mesh."""
    index %= len(fit.tracer.planes)
    if fit.tracer.planes[index].has(cls=aa.Pixelization):
        return reconstruction(fit, index, xp)
    galaxies = fit.tracer_linear_light_profiles_to_light_profiles.planes[index]
    return _zooms(_light(galaxies, xp), xp, grids)


def _light(galaxies: Any, xp: Any) -> Light:
    """The unlensed light of a plane."""

    def at(y: Any, x: Any) -> Any:
        grid = aa.Grid2DIrregular(values=xp.stack([y, x], axis=-1))
        image = sum(values(galaxy.image_2d_from(grid=grid, xp=xp)) for galaxy in galaxies)
        return _whole(image, xp)

    centres = [profile.centre for galaxy in galaxies for profile in _profiles(galaxy)]
    return Light(at, xp.asarray(centres).reshape(-1, 2))


def _profiles(galaxy: Any) -> Iterator[Any]:
    """Its light profiles, each of a basis too."""
    for profile in galaxy.cls_list_from(cls=ag.LightProfile):
        if isinstance(profile, ag.lp_basis.Basis):
            yield from profile.light_profile_list
        else:
            yield profile


def _whole(image: Any, xp: Any) -> Any:
    """The image, computed before it is binned.

    Fused into the mean over sub-pixels, XLA's CPU code evaluates a profile one value at a time:
    eight times slower for a sum of Gaussians.
    """
    if xp is np:
        return image
    from jax.lax import optimization_barrier

    return optimization_barrier(image)  # type: ignore[no-untyped-call]


def _zooms(light: Light, xp: Any, grids: SourceGrids) -> dict[str, Any]:
    """The images of a plane: the whole one says where the source is bright, and is not shown."""
    full, no_zoom = grids.full, grids.no_zoom
    largest = tuple(np.maximum(full.shape, no_zoom.shape).tolist())
    shapes = xp.asarray([full.shape, full.shape, full.shape, no_zoom.shape])
    everything = xp.asarray(full.evaluated)

    def look(extents: Any, turn: Any) -> tuple[Any, Any]:
        image = binned(light, *_sides(extents[turn], shapes[turn], largest, full.sub), xp)
        bright = _bright_extents(image[: full.shape[0], : full.shape[1]], xp, grids)
        later = xp.stack([everything, *bright, extents[3]])
        return xp.where(turn == 0, later, extents), image

    first = xp.stack([everything, everything, everything, xp.asarray(no_zoom.evaluated)])
    extents, (_, maximum, middle, whole) = _in_turn(look, first, len(first), xp)
    return {
        "source_plane_max_zoom": maximum[: full.shape[0], : full.shape[1]],
        "source_plane_mid_zoom": middle[: full.shape[0], : full.shape[1]],
        "source_plane_no_zoom": whole[: no_zoom.shape[0], : no_zoom.shape[1]],
        "source_plane_extents": xp.stack([extents[1], extents[2], xp.asarray(no_zoom.extent)]),
    }


def _in_turn(look: Callable[[Any, Any], tuple[Any, Any]], state: Any, n: int, xp: Any) -> Any:
    """`look` n times, each with the state of the one before; a graph has it once."""
    if xp is not np:
        from jax import lax

        return lax.scan(look, state, xp.arange(n))
    images = []
    for turn in range(n):
        state, image = look(state, turn)
        images.append(image)
    return state, images


def _sides(extent: Any, shape: Any, largest: tuple[int, int], sub: int) -> tuple[Side, Side]:
    """The axes of a grid over an extent; they go on beyond it to have a shape for all grids."""
    x0, x1, y0, y1 = extent
    down, along = (y0 - y1) / (shape[0] * sub), (x1 - x0) / (shape[1] * sub)
    return Side(y1, down, largest[0], sub, shape[0]), Side(x0, along, largest[1], sub, shape[1])


def _bright_extents(image: Any, xp: Any, grids: SourceGrids) -> tuple[Any, Any]:
    """The square around all bright pixels, and the wider one; of everything if none is bright."""
    bright = image > image.max() * grids.plane_percent
    rows, columns = bright.any(axis=1), bright.any(axis=0)
    ys, xs = xp.asarray(grids.rows), xp.asarray(grids.columns)
    closest = _square(
        (
            xp.where(columns, xs, xp.inf).min() - BRIGHT_REGION_BUFFER,
            xp.where(columns, xs, -xp.inf).max() + BRIGHT_REGION_BUFFER,
            xp.where(rows, ys, xp.inf).min() - BRIGHT_REGION_BUFFER,
            xp.where(rows, ys, -xp.inf).max() + BRIGHT_REGION_BUFFER,
        ),
        xp,
    )
    wider = _wider(closest, grids.no_zoom_bounds, xp)
    everything = xp.asarray(grids.full.extent)
    found = bright.any()
    return (
        xp.where(found, xp.stack(closest), everything),
        xp.where(found, xp.stack(wider), everything),
    )


def _square(extent: tuple[Any, ...], xp: Any) -> tuple[Any, ...]:
    x0, x1, y0, y1 = extent
    excess = (x1 - x0) - (y1 - y0)
    dx, dy = xp.maximum(-excess, 0.0) / 2, xp.maximum(excess, 0.0) / 2
    return x0 - dx, x1 + dx, y0 - dy, y1 + dy


def _wider(extent: tuple[Any, ...], bounds: Extent, xp: Any) -> tuple[Any, ...]:
    """A square about the same centre, twice as wide, inside the bounds."""
    x0, x1, y0, y1 = extent
    x, y = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    left, right, bottom, top = bounds
    half = 0.5 * xp.maximum(x1 - x0, y1 - y0) * MID_ZOOM_SCALE
    for limit in (x - left, right - x, y - bottom, top - y):
        half = xp.minimum(half, limit)
    half = xp.minimum(half, MID_ZOOM_CAP * 0.5 * min(right - left, top - bottom))
    return x - half, x + half, y - half, y + half
